/**
 * Network: connections of whole programs, which carry bytes, on the timeline of a simulation.
 *
 * Its `Transport`s keep the contract of `transport/Transport` under the loss model
 * `reliable`. Under `frames` they break it on purpose: frames vanish, come twice
 * or overtake each other; only what opens and ends a connection is sent
 * again. Hosts are told apart by address.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Envelope from "../protocol/Envelope.ts"
import * as Frame from "../protocol/Frame.ts"
import * as Handshake from "../protocol/Handshake.ts"
import * as Sockets from "../transport/internal/sockets.ts"
import type { Transport } from "../transport/Transport.ts"
import { kindOf, overhead } from "./CoreNetwork.ts"
import { DeliveryModel, type Listener, type Pipe } from "./DeliveryModel.ts"
import type { FaultModel } from "./FaultModel.ts"
import type { Host } from "./Host.ts"
import type { Timeline } from "./Timeline.ts"
import type { Topology } from "./Topology.ts"

/**
 * What a network needs.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly timeline: Timeline
  readonly topology: Topology
  readonly faultModel: FaultModel
  readonly listener: Listener
  /** The host that has an address. */
  readonly hostOf: (address: string) => Host
  /** Resumes a fiber of the host at an address, not at once but soon. */
  readonly wake: (address: string, resume: () => void) => void
}

/** The direction to one end of a connection. */
interface Way extends Pipe<Sockets.Payload> {
  end: Sockets.End<Way> | undefined
}

const isHandshake = (frame: Uint8Array | undefined): boolean => frame !== undefined && frame[0] === Handshake.kind

/**
 * A simulated network.
 *
 * @category models
 * @since 0.1.0
 */
export class Network {
  readonly #options: Options
  readonly #deliveryModel: DeliveryModel<Sockets.Payload, Way>
  readonly #sockets: Sockets.Sockets<Way>

  constructor(options: Options) {
    const { hostOf, listener, timeline, topology, wake, faultModel } = options
    this.#options = options
    this.#deliveryModel = new DeliveryModel<Sockets.Payload, Way>(timeline, topology, faultModel, listener, {
      kindOf: (payload) => this.#kindOf(payload),
      sizeOf: (payload) => {
        let size = overhead
        if (Sockets.isFrames(payload)) { for (const frame of payload) size += frame.length }
        return size
      },
      isCertain: (payload) => !Sockets.isFrames(payload) || isHandshake(payload[0]),
      copy: (payload) => Sockets.isFrames(payload) ? payload.map(Envelope.copy) : payload,
      arrived: (way, payload) => this.#arrived(way, payload),
      broken: (way) => this.#sockets.breakOff(way.end!.pair)
    })
    const makeWay = (from: string, to: string): Way => ({
      from: hostOf(from),
      to: hostOf(to),
      end: undefined,
      lastDue: timeline.now,
      stuck: undefined,
      tries: 0,
      stuckSince: 0,
      isClosed: false
    })
    this.#sockets = Sockets.make<Way>({
      wake,
      reach: (from, to, timeout) => this.#reach(hostOf(from), hostOf(to), timeout),
      makeWay: Effect.succeed(makeWay),
      opened: ({ acceptor, dialler }) =>
        Effect.sync(() => {
          acceptor.way.end = acceptor
          dialler.way.end = dialler
        }),
      carry: (from, payload) => this.#carry(Sockets.peerOf(from).way, payload),
      // Nothing is sent again for a connection that is over at both ends.
      finished: ({ pair: { acceptor, dialler } }) => {
        const isOver = acceptor.error !== undefined && dialler.error !== undefined
        acceptor.way.isClosed = dialler.way.isClosed = isOver
      }
    })
  }

  /** The transport of the host at an address. */
  transport(address: string): Transport["Service"] {
    return this.#sockets.transport(address)
  }

  /** Breaks every connection of a host. */
  reset(address: string): void {
    this.#sockets.reset(address)
  }

  /** What ran on a host is no more. Others hear of it, unless the host is silent. */
  kill(address: string): void {
    this.#sockets.kill(address)
  }

  #kindOf(payload: Sockets.Payload): string {
    if (!Sockets.isFrames(payload)) return "Close"
    const [frame] = payload
    if (frame === undefined || isHandshake(frame)) return "Handshake"
    if (kindOf(frame) !== "Control" || !this.#options.faultModel.isByKind) return kindOf(frame)
    const decoded = Frame.decode(frame)
    return decoded._tag === "Control" ? decoded.message._tag : decoded._tag
  }

  /** Goes there and back as a connect does. */
  #reach(from: Host, to: Host, timeout: number): Effect.Effect<boolean> {
    const travel = (one: Host, other: Host, within: number) =>
      Effect.sync(() => this.#deliveryModel.travel(one, other, within))
    return Effect.gen(function*() {
      const there = yield* travel(from, to, timeout)
      if (there === undefined || there > timeout) {
        yield* Effect.sleep(timeout)
        return false
      }
      yield* Effect.sleep(there)
      const back = yield* travel(to, from, timeout - there)
      const isInTime = back !== undefined && there + back <= timeout
      yield* Effect.sleep(isInTime ? back : timeout - there)
      return isInTime
    })
  }

  #carry(way: Way, payload: Sockets.Payload): void {
    const { from, to } = way
    const { listener, timeline, faultModel } = this.#options
    timeline.refresh()
    if (!Sockets.isFrames(payload)) {
      // A host that is unplugged tells nobody that it ends something.
      if (faultModel.isOpen(from, to)) this.#deliveryModel.send(way, payload)
      return
    }
    const isApart = !this.#deliveryModel.isReliable || faultModel.isByKind
    for (const frame of payload) {
      const single = [frame]
      listener.sent(from, to, this.#kindOf(single))
      if (isApart) this.#deliveryModel.send(way, single)
    }
    // What is written together goes in one packet, or in few.
    if (!isApart) this.#deliveryModel.send(way, payload)
  }

  #arrived(way: Way, payload: Sockets.Payload): void {
    const { from, to } = way
    const { listener, topology, timeline, faultModel } = this.#options
    const end = way.end!
    // What was under way when the host was unplugged is lost too.
    if (to.isSilent) {
      listener.lost(from, to, this.#kindOf(payload))
      if (this.#deliveryModel.isReliable) this.#sockets.breakOff(end.pair)
      return
    }
    // Nobody is there any more for this connection, and the machine says so.
    if (end.isClosed && faultModel.isOpen(to, from)) {
      timeline.after(topology.distance(from.place, to.place), () => this.#sockets.breakOff(end.pair))
      return
    }
    listener.received(from, to, this.#kindOf(payload))
    this.#sockets.arrive(end, payload)
  }
}
