/**
 * DeliveryModel: what becomes of what is sent over a connection, in one direction.
 *
 * With the loss model `reliable` a direction is a pipe: what is sent arrives whole,
 * in order, at most once, as the Transport's contract says; what is lost is sent
 * again while that behind it waits, and a pipe that gets nothing through for
 * long breaks the connection. With `frames` everything has a fate of its own.
 *
 * Both networks stand on it: `CoreNetwork`, which hands over messages as objects, and
 * `Network`, which carries the bytes of a Transport.
 *
 * @since 0.1.0
 */
import type { FaultModel } from "./FaultModel.ts"
import type { Host } from "./Host.ts"
import type { Timeline } from "./Timeline.ts"
import type { Topology } from "./Topology.ts"

/**
 * One direction of a connection.
 *
 * @category models
 * @since 0.1.0
 */
export interface Pipe<Payload> {
  readonly from: Host
  readonly to: Host
  isClosed: boolean
  /** When the newest in the pipe arrives: what comes later must not overtake it. */
  lastDue: number
  /** What waits because something before it was lost, that first. */
  stuck: Array<Payload> | undefined
  tries: number
  stuckSince: number
}

/**
 * What a delivery model asks about a payload, and reports.
 *
 * @category models
 * @since 0.1.0
 */
export interface DeliveryHandler<Payload, A extends Pipe<Payload>> {
  /** The kind of message, as rules of the fault model name it. */
  readonly kindOf: (payload: Payload) => string
  /** Bytes on the wire. */
  readonly sizeOf: (payload: Payload) => number
  /** Whether it must arrive even where frames are lost for good: what opens and ends a connection. */
  readonly isCertain: (payload: Payload) => boolean
  /** Another one, for what arrives twice. */
  readonly copy: (payload: Payload) => Payload
  /** It has come to the other end. */
  readonly arrived: (pipe: A, payload: Payload) => void
  /** The connection gets nothing through any more, and breaks. */
  readonly broken: (pipe: A) => void
}

/**
 * What a network tells.
 *
 * @category models
 * @since 0.1.0
 */
export interface Listener {
  /** A frame was handed to the wire. */
  readonly sent: (from: Host, to: Host, kind: string) => void
  /** A frame has to wait so long until its host can send it. */
  readonly queued: (milliseconds: number) => void
  /** So many frames of a handshake were. */
  readonly shook: (frames: number) => void
  /** A frame was lost, for good or until it is sent again. */
  readonly lost: (from: Host, to: Host, kind: string) => void
  readonly received: (from: Host, to: Host, kind: string) => void
}

/** Shortest and longest time after which something lost is sent again, in milliseconds (RFC 6298 as Linux has it). */
const shortestResend = 200
const longestResend = 5_000

/** How long a pipe gets nothing through before its connection breaks, in milliseconds. */
const breakAfter = 30_000

/** How long a TCP connect that was lost waits until it is tried again, in milliseconds; twice as long each time (RFC 6298). */
const connectAgain = 1_000

/**
 * Carries everything from host to host.
 *
 * @category models
 * @since 0.1.0
 */
export class DeliveryModel<Payload, A extends Pipe<Payload>> {
  readonly isReliable: boolean
  readonly #timeline: Timeline
  readonly #topology: Topology
  readonly #faultModel: FaultModel
  readonly #listener: Listener
  readonly #trade: DeliveryHandler<Payload, A>

  constructor(
    timeline: Timeline,
    topology: Topology,
    faultModel: FaultModel,
    listener: Listener,
    trade: DeliveryHandler<Payload, A>
  ) {
    this.#timeline = timeline
    this.#topology = topology
    this.#faultModel = faultModel
    this.#listener = listener
    this.#trade = trade
    this.isReliable = faultModel.linkConditions.lossModel === "reliable"
  }

  /**
   * The time that a small frame would take now from one host to another, with what it must be sent again when it is
   * lost; `undefined` for too long.
   */
  travel(from: Host, to: Host, within: number): number | undefined {
    let lost = 0
    for (let wait = this.isReliable ? connectAgain : shortestResend; lost <= within; wait *= 2) {
      if (!this.#faultModel.isOpen(from, to)) return undefined
      if (!this.#faultModel.isLost(from, to, "Handshake")) return lost + this.delay(from, to, "Handshake")
      lost += wait
    }
    return undefined
  }

  /** How long something of some kind takes now that is not lost. */
  delay(from: Host, to: Host, kind: string): number {
    return this.#faultModel.delay(from, to, kind, this.#topology.distance(from.place, to.place))
  }

  /** Sends something. */
  send(pipe: A, payload: Payload): void {
    if (pipe.stuck !== undefined) pipe.stuck.push(payload)
    else this.#emit(pipe, payload)
  }

  #emit(pipe: A, payload: Payload): void {
    const { from, to } = pipe
    const faultModel = this.#faultModel
    const trade = this.#trade
    const kind = trade.kindOf(payload)
    const isCertain = this.isReliable || trade.isCertain(payload)
    const waited = this.#queue(from, payload)
    const isLost = waited === undefined || from.isSilent || to.isSilent || faultModel.isLost(from, to, kind)
    if (isLost) {
      this.#listener.lost(from, to, kind)
      if (!isCertain) return
      pipe.stuck = [payload]
      pipe.tries = 0
      pipe.stuckSince = this.#timeline.now
      return this.#resendLater(pipe)
    }
    const due = this.#timeline.now + waited + this.delay(from, to, kind)
    if (isCertain) {
      pipe.lastDue = Math.max(pipe.lastDue, due)
      return this.#arrive(pipe, pipe.lastDue, payload)
    }
    // Nothing overtakes what opened the connection.
    this.#arrive(pipe, Math.max(pipe.lastDue, due), payload)
    if (faultModel.isRepeated()) {
      this.#arrive(pipe, Math.max(pipe.lastDue, due + this.delay(from, to, kind)), trade.copy(payload))
    }
  }

  /** The milliseconds until something is on the wire; `undefined` when there is no room for it. */
  #queue(from: Host, payload: Payload): number | undefined {
    const { bandwidth, queue } = this.#faultModel.linkConditions
    if (bandwidth === Number.POSITIVE_INFINITY) return 0
    const now = this.#timeline.now
    const waiting = Math.max(0, from.busyUntil - now)
    const size = this.#trade.sizeOf(payload)
    if (waiting / 1_000 * bandwidth + size > queue) return undefined
    from.busyUntil = Math.max(now, from.busyUntil) + size / bandwidth * 1_000
    this.#listener.queued(from.busyUntil - now)
    return from.busyUntil - now
  }

  #arrive(pipe: A, due: number, payload: Payload): void {
    this.#timeline.at(due, () => this.#trade.arrived(pipe, payload))
  }

  #resendLater(pipe: A): void {
    const wait = Math.min(longestResend, shortestResend * 2 ** pipe.tries++)
    this.#timeline.after(wait, () => {
      const { from, stuck, to } = pipe
      if (pipe.isClosed || stuck === undefined) return
      const [first, ...rest] = stuck as [Payload, ...Array<Payload>]
      const kind = this.#trade.kindOf(first)
      if (from.isSilent || to.isSilent || this.#faultModel.isLost(from, to, kind)) {
        if (this.#timeline.now - pipe.stuckSince >= breakAfter) return this.#trade.broken(pipe)
        return this.#resendLater(pipe)
      }
      // The one that was lost has got through; each behind it takes its chance.
      pipe.stuck = undefined
      pipe.lastDue = Math.max(pipe.lastDue, this.#timeline.now + this.delay(from, to, kind))
      this.#arrive(pipe, pipe.lastDue, first)
      for (const payload of rest) {
        if (pipe.stuck === undefined) this.#emit(pipe, payload)
        else (pipe.stuck as Array<Payload>).push(payload)
      }
    })
  }
}
