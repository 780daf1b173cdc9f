/**
 * CoreNetwork: connections between simulated hosts, and what becomes of the frames on them.
 *
 * The network of the bare core. Frames are handed over as objects: nothing is
 * encoded but what has to be weighed, for a network of limited bandwidth.
 *
 * @since 0.1.0
 */
import * as LinkTable from "../core/LinkTable.ts"
import type { ControlMessage } from "../protocol/ControlMessage.ts"
import * as Frame from "../protocol/Frame.ts"
import type * as Node from "../ring/Node.ts"
import { DeliveryModel, type Listener, type Pipe } from "./DeliveryModel.ts"
import type { FaultModel } from "./FaultModel.ts"
import type { Host } from "./Host.ts"
import type { Timeline } from "./Timeline.ts"
import type { Topology } from "./Topology.ts"

/**
 * What goes over a connection: a control message as it is, everything else encoded.
 *
 * @category models
 * @since 0.1.0
 */
export type Payload = ControlMessage | Uint8Array

/** Names of the kinds of frame that are encoded, by their first byte. */
const kinds = [
  "",
  "Control",
  "Routed",
  "Acknowledged",
  "Busy",
  "Receipt",
  "Handshake",
  "Delivered",
  "Bye",
  "Query",
  "Answer",
  "Part",
  "Mark",
  "Progress",
  "Session",
  "Batch",
  "Credit"
]

/**
 * The kind of message that a frame is, as rules of the `FaultModel` and statistics name it.
 *
 * @category getters
 * @since 0.1.0
 */
export const kindOf = (payload: Payload): string =>
  payload instanceof Uint8Array ? kinds[payload[0]!] ?? "Other" : payload._tag

/** Bytes that every frame costs on the wire besides its own: headers of TCP and IP, and the length in front. */
export const overhead = 44

const sizeOf = (payload: Payload): number =>
  (payload instanceof Uint8Array ? payload.length : Frame.control(payload).length) + overhead

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
  readonly arrived: (end: End, payload: Payload) => void
  /** The connection is no more; not told to the end that closed it. */
  readonly broken: (end: End) => void
}

/**
 * One end of a connection, with the pipe to the other.
 *
 * @category models
 * @since 0.1.0
 */
export class End implements Pipe<Payload>, LinkTable.Entry {
  readonly id: number
  readonly owner: Process
  /** The other end's Node, as its handshake named it; and this end's, as it named itself. */
  readonly node: Node.Node
  readonly self: Node.Node
  readonly isDialled: boolean
  /** What the handshake took, in milliseconds. */
  readonly roundTrip: number
  readonly from: Host
  readonly to: Host
  other!: End
  readonly isMember = true
  readonly isPreferred: boolean
  isClosed = false
  saidBye = false
  isEnding = false
  isUsed = false
  isDisplaced = false
  usedAt = 0
  lastDue = 0
  stuck: Array<Payload> | undefined
  tries = 0
  stuckSince = 0

  constructor(id: number, owner: Process, peer: Process, isDialled: boolean, roundTrip: number) {
    this.roundTrip = roundTrip
    this.id = id
    this.owner = owner
    this.self = owner.self
    this.node = peer.self
    this.from = owner.host
    this.to = peer.host
    this.isDialled = isDialled
    this.isPreferred = LinkTable.isPreferred(this.self, this.node, isDialled)
  }
}

/** How a dial can fail. `Refused` and `Other` prove that the life that was meant has ended. */
export type DialFailure = "Refused" | "Other" | "Timeout" | "Handshake"

/**
 * All connections.
 *
 * @category models
 * @since 0.1.0
 */
export class CoreNetwork {
  readonly #timeline: Timeline
  readonly #topology: Topology
  readonly #faultModel: FaultModel
  readonly #listener: Listener
  readonly #deliveryModel: DeliveryModel<Payload, End>
  /** What runs, by the number of its host: a connect to any other is refused. */
  readonly #processes = new Map<number, Process>()
  #lastId = 0

  constructor(timeline: Timeline, topology: Topology, faultModel: FaultModel, listener: Listener) {
    this.#timeline = timeline
    this.#topology = topology
    this.#faultModel = faultModel
    this.#listener = listener
    this.#deliveryModel = new DeliveryModel(timeline, topology, faultModel, listener, {
      kindOf,
      sizeOf,
      isCertain: () => false,
      copy: (payload) => payload instanceof Uint8Array ? payload.slice() : payload,
      arrived: (end, payload) => this.#arrived(end, payload),
      broken: (end) => this.breakOff(end)
    })
  }

  /** Something runs on a host from now on. */
  attach(process: Process): void {
    this.#processes.set(process.host.number, process)
  }

  /** Nothing runs there any more. */
  detach(process: Process): void {
    this.#processes.delete(process.host.number)
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
    const faultModel = this.#faultModel
    const fail = (delay: number, failure: DialFailure) =>
      timeline.after(delay, () => {
        if (!from.isEnded) done(failure)
      })
    const there = this.#deliveryModel.travel(from.host, to, timeouts.dial)
    if (there === undefined) return void fail(timeouts.dial, "Timeout")
    timeline.after(there, () => {
      if (from.isEnded) return
      const process = this.#processes.get(to.number)
      const back = this.#deliveryModel.travel(to, from.host, timeouts.dial - there)
      if (back === undefined) return void fail(Math.max(0, timeouts.dial - there), "Timeout")
      if (process === undefined) return void fail(back, "Refused")
      // The machine itself answers a connect; a process that is stopped does not shake hands.
      if (process.isPaused) return void fail(back + timeouts.handshake, "Handshake")
      const trips = this.#deliveryModel.isReliable ? 1 : 0
      if (!isMeant(process.self)) return void fail(back + trips * (there + back), "Other")
      timeline.after(trips * 2 * (there + back), () => {
        if (from.isEnded) return
        const isThere = !process.isEnded && !process.isPaused && faultModel.isOpen(from.host, to) &&
          faultModel.isOpen(to, from.host)
        if (!isThere) return void fail(process.isEnded ? back : timeouts.handshake, "Handshake")
        const near = new End(++this.#lastId, from, process, true, there + back)
        const far = new End(++this.#lastId, process, from, false, there + back)
        this.#listener.shook(this.#deliveryModel.isReliable ? 4 : 2)
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
  send(end: End, payload: Payload): void {
    if (end.isClosed) return
    this.#listener.sent(end.from, end.to, kindOf(payload))
    this.#deliveryModel.send(end, payload)
  }

  #arrived(end: End, payload: Payload): void {
    const { from, other, to } = end
    // Nobody is there any more for this connection, and the machine says so.
    if (other.isClosed || other.owner.isEnded) return this.#reset(end)
    // What was under way when the host was unplugged is lost too.
    if (to.isSilent) {
      this.#listener.lost(from, to, kindOf(payload))
      if (this.#deliveryModel.isReliable) this.breakOff(end)
      return
    }
    this.#listener.received(from, to, kindOf(payload))
    other.owner.arrived(other, payload)
  }

  #reset(end: End): void {
    if (end.isClosed || !this.#faultModel.isOpen(end.to, end.from)) return
    this.#timeline.after(this.#topology.distance(end.from.place, end.to.place), () => {
      if (end.isClosed) return
      end.isClosed = true
      end.stuck = undefined
      if (!end.owner.isEnded) end.owner.broken(end)
    })
  }

  /** Ends a connection from one end; the other hears of it after what is under way, if it can. */
  close(end: End): void {
    if (end.isClosed) return
    end.isClosed = true
    end.stuck = undefined
    const { from, other, to } = end
    if (other.isClosed || !this.#faultModel.isOpen(from, to)) return
    const due = Math.max(end.lastDue, this.#timeline.now + this.#deliveryModel.delay(from, to, "Close"))
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
