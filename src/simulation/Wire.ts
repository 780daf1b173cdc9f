/**
 * Wire: connections between simulated hosts, and what becomes of the frames on them.
 *
 * A connection carries frames in both directions until it ends. With the loss model
 * `reliable` each direction is a pipe: frames arrive whole, in order, at most once, as the
 * Transport's contract says; a lost one is sent again while those behind it
 * wait, and a pipe that gets nothing through for long breaks the connection.
 * With `frames` every frame has a fate of its own.
 *
 * Frames are handed over as objects: nothing is encoded but what has to be
 * weighed, for a network of limited bandwidth.
 *
 * @since 0.1.0
 */
import type { ControlMessage } from "../protocol/ControlMessage.ts"
import * as Frame from "../protocol/Frame.ts"
import type * as Node from "../ring/Node.ts"
import type { Timeline } from "./Timeline.ts"
import type { Place, Topology } from "./Topology.ts"
import type { Weather } from "./Weather.ts"

/**
 * What goes over a connection: a control message as it is, everything else encoded.
 *
 * @category models
 * @since 0.1.0
 */
export type Cargo = ControlMessage | Uint8Array

/** Names of the kinds of frame that are encoded, by their first byte. */
const kinds = ["", "Control", "Routed", "Acknowledged", "Busy", "Receipt", "Routed", "Delivered", "Bye"]

/**
 * The kind of message that a frame is, as rules of the `Weather` and statistics name it.
 *
 * @category getters
 * @since 0.1.0
 */
export const kindOf = (cargo: Cargo): string => cargo instanceof Uint8Array ? kinds[cargo[0]!] ?? "Other" : cargo._tag

/** Bytes that every frame costs on the wire besides its own: headers of TCP and IP, and the length in front. */
const overhead = 44

const sizeOf = (cargo: Cargo): number =>
  (cargo instanceof Uint8Array ? cargo.length : Frame.control(cargo).length) + overhead

/**
 * A machine. Its number is its address.
 *
 * @category models
 * @since 0.1.0
 */
export interface Host {
  readonly number: number
  readonly region: string
  readonly place: Place
  /** What runs there; `undefined` when a connect is refused. */
  process: Process | undefined
  /** Unplugged: nothing comes or goes. */
  isSilent: boolean
  /** Until when its wire is busy with what it has to send. */
  busyUntil: number
}

/**
 * What runs on a host and has connections.
 *
 * @category models
 * @since 0.1.0
 */
export interface Process {
  readonly host: Host
  /** As its handshakes name it. */
  readonly self: Node.Node
  /** Stopped, as by SIGSTOP: what arrives waits. */
  readonly isPaused: boolean
  readonly isEnded: boolean
  readonly opened: (end: End) => void
  readonly arrived: (end: End, cargo: Cargo) => void
  /** The connection is no more; not told to the end that closed it. */
  readonly broken: (end: End) => void
}

/**
 * One end of a connection, with the pipe to the other.
 *
 * @category models
 * @since 0.1.0
 */
export class End {
  readonly id: number
  readonly owner: Process
  /** The other end's Node, as its handshake named it; and this end's, as it named itself. */
  readonly node: Node.Node
  readonly self: Node.Node
  readonly isDialled: boolean
  /** What the handshake took, in milliseconds. */
  readonly roundTrip: number
  other!: End
  isClosed = false
  saidBye = false
  /** This end has been closed and says nothing more. */
  isEnding = false
  usedAt = 0
  /** When the newest frame in the pipe arrives: a later one must not overtake it. */
  lastDue = 0
  /** Frames that wait because one before them was lost, that one first. */
  stuck: Array<Cargo> | undefined
  tries = 0
  stuckSince = 0

  constructor(id: number, owner: Process, node: Node.Node, isDialled: boolean, roundTrip: number) {
    this.roundTrip = roundTrip
    this.id = id
    this.owner = owner
    this.self = owner.self
    this.node = node
    this.isDialled = isDialled
  }
}

/** How a dial can fail. `Refused` and `Other` prove that the life that was meant has ended. */
export type DialFailure = "Refused" | "Other" | "Timeout" | "Handshake"

/** Shortest and longest time after which a lost frame is sent again, in milliseconds (RFC 6298 as Linux has it). */
const shortestResend = 200
const longestResend = 5_000

/** How long a pipe gets nothing through before its connection breaks, in milliseconds. */
const breakAfter = 30_000

/**
 * What the wire tells.
 *
 * @category models
 * @since 0.1.0
 */
export interface Listener {
  /** A frame was handed to the wire. */
  readonly sent: (from: Host, to: Host, cargo: Cargo) => void
  /** A frame has to wait so long until its host can send it. */
  readonly queued: (milliseconds: number) => void
  /** So many frames of a handshake were. */
  readonly shook: (frames: number) => void
  /** A frame was lost, for good or until it is sent again. */
  readonly lost: (from: Host, to: Host, cargo: Cargo) => void
  readonly received: (from: Host, to: Host, cargo: Cargo) => void
}

/**
 * All connections.
 *
 * @category models
 * @since 0.1.0
 */
export class Wire {
  readonly #timeline: Timeline
  readonly #topology: Topology
  readonly #weather: Weather
  readonly #listener: Listener
  readonly #isReliable: boolean
  #lastId = 0

  constructor(timeline: Timeline, topology: Topology, weather: Weather, listener: Listener) {
    this.#timeline = timeline
    this.#topology = topology
    this.#weather = weather
    this.#listener = listener
    this.#isReliable = weather.climate.lossModel === "reliable"
  }

  /** Whether what one host sends can get to another. */
  isOpen(from: Host, to: Host): boolean {
    return !from.isSilent && !to.isSilent && !this.#weather.isCut(from, to)
  }

  /** The time that a small frame would take now, with what it must be sent again when it is lost; `undefined` for too long. */
  #travel(from: Host, to: Host, within: number): number | undefined {
    let lost = 0
    for (let wait = 1_000; lost <= within; wait *= 2) {
      if (!this.isOpen(from, to)) return undefined
      if (!this.#weather.isLost(from, to, "Handshake")) {
        return lost + this.#weather.delay(from, to, "Handshake", this.#topology.distance(from.place, to.place))
      }
      lost += wait
    }
    return undefined
  }

  /**
   * Opens a connection to whatever runs on a host. What takes a TCP and two more round trips there takes as long
   * here; `frames` knows no connections, and the first answer opens one.
   */
  dial(
    from: Process,
    to: Host,
    timeouts: { readonly dial: number; readonly handshake: number },
    done: (result: End | DialFailure) => void,
    isMeant: (node: Node.Node) => boolean
  ): void {
    const timeline = this.#timeline
    const fail = (delay: number, failure: DialFailure) =>
      timeline.after(delay, () => {
        if (!from.isEnded) done(failure)
      })
    const there = this.#travel(from.host, to, timeouts.dial)
    if (there === undefined) return void fail(timeouts.dial, "Timeout")
    timeline.after(there, () => {
      if (from.isEnded) return
      const process = to.process
      const back = this.#travel(to, from.host, timeouts.dial - there)
      if (back === undefined) return void fail(Math.max(0, timeouts.dial - there), "Timeout")
      if (process === undefined) return void fail(back, "Refused")
      // The machine itself answers a connect; a process that is stopped does not shake hands.
      if (process.isPaused) return void fail(back + timeouts.handshake, "Handshake")
      const trips = this.#isReliable ? 1 : 0
      if (!isMeant(process.self)) return void fail(back + trips * (there + back), "Other")
      timeline.after(trips * 2 * (there + back), () => {
        if (from.isEnded) return
        const isThere = !process.isEnded && !process.isPaused && this.isOpen(from.host, to) &&
          this.isOpen(to, from.host)
        if (!isThere) return void fail(process.isEnded ? back : timeouts.handshake, "Handshake")
        const near = new End(++this.#lastId, from, process.self, true, there + back)
        const far = new End(++this.#lastId, process, from.self, false, there + back)
        this.#listener.shook(this.#isReliable ? 4 : 2)
        near.other = far
        far.other = near
        near.lastDue = far.lastDue = timeline.now
        process.opened(far)
        // Frames of the far end come after its proof.
        far.lastDue = timeline.now + back
        timeline.after(back, () => {
          if (from.isEnded || near.isClosed || near.self !== from.self) {
            this.close(near)
            if (!from.isEnded) done("Handshake")
            return
          }
          from.opened(near)
          done(near)
        })
      })
    })
  }

  /** Sends a frame. */
  send(end: End, cargo: Cargo): void {
    if (end.isClosed) return
    const from = end.owner.host
    const to = end.other.owner.host
    this.#listener.sent(from, to, cargo)
    if (end.stuck !== undefined) {
      end.stuck.push(cargo)
      return
    }
    this.#emit(end, from, to, cargo)
  }

  #emit(end: End, from: Host, to: Host, cargo: Cargo): void {
    const weather = this.#weather
    const kind = kindOf(cargo)
    const waited = this.#queue(from, cargo)
    const isLost = waited === undefined || from.isSilent || to.isSilent || weather.isLost(from, to, kind)
    if (isLost) {
      this.#listener.lost(from, to, cargo)
      if (!this.#isReliable) return
      end.stuck = [cargo]
      end.tries = 0
      end.stuckSince = this.#timeline.now
      return this.#resendLater(end)
    }
    const distance = this.#topology.distance(from.place, to.place)
    const due = this.#timeline.now + waited + weather.delay(from, to, kind, distance)
    if (this.#isReliable) {
      end.lastDue = Math.max(end.lastDue, due)
      this.#arrive(end, end.lastDue, cargo)
      return
    }
    this.#arrive(end, due, cargo)
    if (weather.isRepeated()) {
      const copy = cargo instanceof Uint8Array ? cargo.slice() : cargo
      this.#arrive(end, due + weather.delay(from, to, kind, distance), copy)
    }
  }

  /** The milliseconds until a frame is on the wire; `undefined` when there is no room for it. */
  #queue(from: Host, cargo: Cargo): number | undefined {
    const { bandwidth, queue } = this.#weather.climate
    if (bandwidth === Number.POSITIVE_INFINITY) return 0
    const now = this.#timeline.now
    const waiting = Math.max(0, from.busyUntil - now)
    const size = sizeOf(cargo)
    if (waiting / 1_000 * bandwidth + size > queue) return undefined
    from.busyUntil = Math.max(now, from.busyUntil) + size / bandwidth * 1_000
    this.#listener.queued(from.busyUntil - now)
    return from.busyUntil - now
  }

  #arrive(end: End, due: number, cargo: Cargo): void {
    this.#timeline.at(due, () => {
      const { other } = end
      const from = end.owner.host
      const to = other.owner.host
      // Nobody is there any more for this connection, and the machine says so.
      if (other.isClosed || other.owner.isEnded) return this.#reset(end, to, from)
      // What was under way when the host was unplugged is lost too.
      if (to.isSilent) {
        this.#listener.lost(from, to, cargo)
        if (this.#isReliable) this.breakOff(end)
        return
      }
      this.#listener.received(from, to, cargo)
      other.owner.arrived(other, cargo)
    })
  }

  #reset(end: End, from: Host, to: Host): void {
    if (end.isClosed || !this.isOpen(from, to)) return
    this.#timeline.after(this.#topology.distance(from.place, to.place), () => {
      if (end.isClosed) return
      end.isClosed = true
      end.stuck = undefined
      if (!end.owner.isEnded) end.owner.broken(end)
    })
  }

  #resendLater(end: End): void {
    const wait = Math.min(longestResend, shortestResend * 2 ** end.tries++)
    this.#timeline.after(wait, () => {
      const { stuck } = end
      if (end.isClosed || stuck === undefined) return
      const from = end.owner.host
      const to = end.other.owner.host
      if (from.isSilent || to.isSilent || this.#weather.isLost(from, to, kindOf(stuck[0]!))) {
        if (this.#timeline.now - end.stuckSince >= breakAfter) return this.breakOff(end)
        return this.#resendLater(end)
      }
      end.stuck = undefined
      const distance = this.#topology.distance(from.place, to.place)
      stuck.forEach((cargo, index) => {
        // The one that was lost has got through; each behind it takes its chance.
        if (index === 0) {
          end.lastDue = Math.max(
            end.lastDue,
            this.#timeline.now + this.#weather.delay(from, to, kindOf(cargo), distance)
          )
          this.#arrive(end, end.lastDue, cargo)
        } else if (end.stuck === undefined) this.#emit(end, from, to, cargo)
        else (end.stuck as Array<Cargo>).push(cargo)
      })
    })
  }

  /** Ends a connection from one end; the other hears of it after what is under way, if it can. */
  close(end: End): void {
    if (end.isClosed) return
    end.isClosed = true
    end.stuck = undefined
    const { other } = end
    if (other.isClosed) return
    const from = end.owner.host
    const to = other.owner.host
    if (!this.isOpen(from, to)) return
    const distance = this.#topology.distance(from.place, to.place)
    const due = Math.max(end.lastDue, this.#timeline.now + this.#weather.delay(from, to, "Close", distance))
    this.#timeline.at(due, () => {
      if (other.isClosed || to.isSilent) return
      other.isClosed = true
      if (!other.owner.isEnded) other.owner.broken(other)
    })
  }

  /** A connection breaks: both ends notice, each for itself. */
  breakOff(end: End): void {
    for (const one of [end, end.other]) {
      if (one.isClosed) continue
      one.isClosed = true
      one.stuck = undefined
      if (!one.owner.isEnded) one.owner.broken(one)
    }
  }
}
