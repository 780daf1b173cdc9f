/**
 * A network in virtual time, with distances and faults, for the tests of applications.
 *
 * Where `MemoryTransport` is a network that works, or is unplugged, this one has
 * latency, losses, narrow wires and rules that slow down, lose or cut some messages
 * between some hosts. All that is left to chance comes from one seed. It follows Effect's `Clock`: under
 * `TestClock` time passes as the test says. For many Nodes or hours, `Simulator` is faster.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { Transport } from "../transport/Transport.ts"
import { calm, FaultModel, type Hosts, type LinkConditions, type Rule as WeatherRule } from "./FaultModel.ts"
import { FollowedTimeline } from "./FollowedTimeline.ts"
import * as Host from "./Host.ts"
import * as Latency from "./Latency.ts"
import { Network } from "./Network.ts"
import * as Rng from "./Rng.ts"
import type { Timeline } from "./Timeline.ts"
import * as Topology from "./Topology.ts"
import { Trace } from "./Trace.ts"

/**
 * What happens to the messages from some hosts to others, as long as the rule is in force.
 *
 * @category models
 * @since 0.1.0
 */
export interface Rule {
  /** Hosts from which messages come; all when left out. */
  readonly from?: ReadonlyArray<string> | { readonly region: string } | undefined
  /** Hosts to which they go; all when left out. */
  readonly to?: ReadonlyArray<string> | { readonly region: string } | undefined
  /**
   * Kinds of message that it means, all when left out: `Routed`, `Acknowledged`, `Receipt`, `Handshake` (a connect,
   * too), `Close`, or a control message such as `Renew`.
   */
  readonly kinds?: ReadonlyArray<string> | undefined
  /** Nothing gets through, and nobody is told. */
  readonly isCut?: boolean | undefined
  /** Probability, 0 to 1, that one is lost, besides what all lose. */
  readonly loss?: number | undefined
  /** How much longer they take. */
  readonly delay?: Duration.Input | undefined
}

/**
 * Something that was done to the network.
 *
 * @category models
 * @since 0.1.0
 */
export interface Disturbance {
  /** Puts an end to it. */
  readonly lift: Effect.Effect<void>
}

/**
 * How a network is made. All of it may be left out.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Everything that is left to chance is drawn from it. Default "0". */
  readonly seed?: string | undefined
  /**
   * How far hosts are apart, one way, in milliseconds: `constant:MS`, `uniform:MS-MS` (each pair its own), `plane:MS`
   * (evenly in a square, so long from side to side), or `regions:NAME,NAME:MS,MS,MS` (the upper triangle of a matrix, row
   * by row). Default `constant:1`.
   */
  readonly latency?: string | undefined
  /** Up to which part of its way a message is late, by chance. Default 0. */
  readonly jitter?: number | undefined
  /** Probability that a message is lost, 0 to below 1. Default 0. */
  readonly loss?: number | undefined
  /**
   * What that means. `reliable`: it is sent again while those behind it wait, as over TCP, and a connection that gets
   * nothing through for 30 seconds breaks. `frames`: it is gone; the network breaks the contract of `Transport` then, and the
   * protocol must do with it. Default `reliable`.
   */
  readonly lossModel?: "reliable" | "frames" | undefined
  /** Of `frames`: probability that one arrives twice. Default 0. */
  readonly repeat?: number | undefined
  /** Of `frames`: probability that one is held up, so that later ones overtake it. Default 0. */
  readonly reorder?: number | undefined
  /** Bytes that a host sends in a second. Default: any number. */
  readonly bandwidth?: number | undefined
  /** Bytes that may wait at a host for the wire; what finds no room is lost. Default: any number. */
  readonly queue?: number | undefined
}

/**
 * A network that cannot be: `option` names what is wrong, `message` what is allowed.
 *
 * @category errors
 * @since 0.1.0
 */
export class WendyNetworkError extends Schema.TaggedError<WendyNetworkError>()("WendyNetworkError", {
  option: Schema.String,
  message: Schema.String
}) {}

/**
 * The network of a simulation, and what can be done to it.
 *
 * **When to use**
 *
 * To give machines a `Transport` each, and to disturb what lies between them.
 *
 * **Details**
 *
 * A host is a name such as `"10.0.0.1"` or `"db"`, which is its address too. What `impose` and `partition` begin lasts until
 * it is lifted.
 *
 * **Example** (A slow way for one kind of message)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cluster } from "effect-wendy"
 * import { SimulatedNetwork, Simulator } from "effect-wendy/simulation"
 *
 * const program = Effect.gen(function*() {
 *   const network = yield* SimulatedNetwork.SimulatedNetwork
 *   const simulator = yield* Simulator.Simulator
 *   const one = yield* simulator.start("one", Cluster.make({ localHost: "one", port: 7000 }))
 *   const two = yield* simulator.start("two", Cluster.make({ localHost: "two", join: ["one:7000"] }))
 *   const cluster = yield* two.value
 *   yield* cluster.ready
 *   const { id } = yield* one.value
 *   const send = cluster.sendConfirmed({ key: id, purpose: 16, value: new Uint8Array(1) })
 *   const fast = yield* send
 *   const slowness = yield* network.impose({ to: ["one"], kinds: ["Routed"], delay: "2 seconds" })
 *   const slow = yield* send
 *   yield* slowness.lift
 *   return [fast.roundTrip, slow.roundTrip]
 * })
 *
 * await Effect.runPromise(Simulator.run(program, { latency: "constant:20" })) // => [40, 2040]
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class SimulatedNetwork extends Context.Service<SimulatedNetwork, {
  /** The `Transport` of a host: it dials from there and listens only there. A Region decides how far it is from others, where there are some. */
  readonly transport: (host: string, options?: { readonly region?: string | undefined }) => Transport["Service"]
  /** Puts a rule into force. */
  readonly impose: (rule: Rule) => Effect.Effect<Disturbance>
  /** Cuts groups of hosts off from each other; a host in no group reaches all. */
  readonly partition: (groups: ReadonlyArray<ReadonlyArray<string>>) => Effect.Effect<Disturbance>
  /** Unplugs a host: nothing comes or goes, and nobody is told. */
  readonly silence: (host: string) => Effect.Effect<void>
  /** Plugs it in again. */
  readonly restore: (host: string) => Effect.Effect<void>
  /** Breaks all connections of a host: `Reset` at both ends. */
  readonly reset: (host: string) => Effect.Effect<void>
  /** How many messages have been sent so far, by kind. */
  readonly sent: Effect.Effect<ReadonlyMap<string, number>>
}>()("effect-wendy/simulation/SimulatedNetwork") {}

/**
 * What drives a network, and what it does besides what the service offers.
 *
 * @internal
 */
export interface Driven {
  readonly service: SimulatedNetwork["Service"]
  readonly trace: Trace
  readonly kill: (host: string) => void
  readonly hostOf: (host: string) => Host.Host
}

/**
 * Makes a network on a timeline.
 *
 * @internal
 */
export const drive = (
  options: Options,
  timeline: Timeline,
  trace: Trace,
  wake: (host: string, resume: () => void) => void
): Effect.Effect<Driven, WendyNetworkError> =>
  Effect.map(check(options), ({ linkConditions, latency }) => {
    const rng = Rng.make(options.seed ?? "0").fork("network")
    const topology = Topology.make(latency, rng.fork("topology"))
    const faultModel = new FaultModel(linkConditions, rng.fork("weather"))
    const hosts = new Map<string, Host.Host>()
    const sent = new Map<string, number>()
    const hostOf = (name: string, region?: string): Host.Host => {
      let host = hosts.get(name)
      if (host === undefined) hosts.set(name, host = Host.make(hosts.size, topology, region))
      return host
    }
    const note = (what: string, from: Host.Host, to: Host.Host, kind: string) =>
      trace.note(timeline.now, what, from.number, to.number, kind)
    const count = (kind: string, more: number) => void sent.set(kind, (sent.get(kind) ?? 0) + more)
    const network = new Network({
      timeline,
      topology,
      faultModel,
      hostOf,
      wake,
      listener: {
        sent: (_from, _to, kind) => count(kind, 1),
        queued: () => {},
        shook: (frames) => count("Handshake", frames),
        lost: (from, to, kind) => note("lost", from, to, kind),
        received: (from, to, kind) => note("received", from, to, kind)
      }
    })

    const change = (what: string, act: () => void): Effect.Effect<void> =>
      Effect.sync(() => {
        timeline.refresh()
        trace.note(timeline.now, what)
        act()
      })
    const whom = (hosts: Rule["from"]): Hosts => {
      if (hosts === undefined) return { _tag: "All" }
      if ("region" in hosts) return { _tag: "Region", name: hosts.region }
      return { _tag: "Hosts", numbers: new Set(hosts.map((name) => hostOf(name).number)) }
    }
    const impose = ({ delay, from, isCut, kinds, loss, to }: Rule) =>
      Effect.suspend(() => {
        const rule: WeatherRule = {
          from: whom(from),
          to: whom(to),
          kinds: kinds === undefined ? undefined : new Set(kinds),
          isCut,
          loss,
          delay: delay === undefined ? undefined : Duration.toMillis(delay)
        }
        return Effect.as(change("rule", () => faultModel.begin(rule)), {
          lift: change("lifted", () => faultModel.end(rule))
        })
      })

    const service = SimulatedNetwork.of({
      transport: (host, transportOptions) => {
        hostOf(host, transportOptions?.region)
        return network.transport(host)
      },
      impose,
      partition: (groups) =>
        Effect.map(
          Effect.forEach(
            groups,
            (from) => Effect.forEach(groups.filter((to) => to !== from), (to) => impose({ from, to, isCut: true }))
          ),
          (cuts) => ({ lift: Effect.forEach(cuts.flat(), ({ lift }) => lift, { discard: true }) })
        ),
      silence: (host) => change("silence", () => void (hostOf(host).isSilent = true)),
      restore: (host) => change("restore", () => void (hostOf(host).isSilent = false)),
      reset: (host) => change("reset", () => network.reset(host)),
      sent: Effect.sync(() => new Map(sent))
    })
    return { service, trace, hostOf, kill: (host) => network.kill(host) }
  })

/**
 * Provides a network that follows Effect's `Clock`.
 *
 * **When to use**
 *
 * In tests under `TestClock`, with `layerHost` for each machine. With another clock it takes as long as that says.
 *
 * **Example** (Two regions, under TestClock)
 *
 * ```ts
 * import { assert, it } from "@effect/vitest"
 * import { Effect, Fiber } from "effect"
 * import { TestClock } from "effect/testing"
 * import { Cluster } from "effect-wendy"
 * import { SimulatedNetwork } from "effect-wendy/simulation"
 * import { kill } from "effect-wendy/testing"
 *
 * const start = (host: string, region: string, join: ReadonlyArray<string>) =>
 *   Cluster.make({ localHost: host, port: 7000, region, join }).pipe(
 *     Effect.provide(SimulatedNetwork.layerHost(host, { region }))
 *   )
 *
 * it.effect("a message takes as long as the way is", () =>
 *   Effect.gen(function*() {
 *     const one = yield* start("one", "eu", [])
 *     const two = yield* start("two", "us", ["one:7000"])
 *     yield* TestClock.adjust("10 seconds")
 *     const sending = yield* Effect.forkChild(
 *       one.sendConfirmed({ key: two.id, purpose: 16, value: new Uint8Array(1) }),
 *       { startImmediately: true }
 *     )
 *     yield* TestClock.adjust("170 millis")
 *     assert.isUndefined(sending.pollUnsafe())
 *     yield* TestClock.adjust("20 millis")
 *     assert.strictEqual((yield* Fiber.join(sending)).hops, 1)
 *     yield* Effect.forEach([one, two], kill)
 *   }).pipe(Effect.provide(SimulatedNetwork.layer({ latency: "regions:eu,us:5,90,5" }))))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<SimulatedNetwork, WendyNetworkError> =>
  Layer.effect(
    SimulatedNetwork,
    Effect.gen(function*() {
      const dispatcher = yield* Effect.withFiber((fiber) => Effect.succeed(fiber.currentDispatcher))
      const timeline = new FollowedTimeline(yield* Clock.Clock, (task) => dispatcher.scheduleTask(task, 0))
      const { service } = yield* drive(
        options,
        timeline,
        new Trace(),
        (_host, resume) => dispatcher.scheduleTask(resume, 0)
      )
      yield* Effect.forkScoped(timeline.follow, { startImmediately: true })
      return service
    })
  )

/**
 * Provides the `Transport` of one host on the network.
 *
 * **When to use**
 *
 * Once for each machine of a test: what is built on it listens and dials there.
 *
 * **Example** (A Node on a host of its own)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cluster } from "effect-wendy"
 * import { SimulatedNetwork } from "effect-wendy/simulation"
 *
 * const NodeLive = Cluster.layer({ localHost: "one", port: 7000 }).pipe(
 *   Layer.provide(SimulatedNetwork.layerHost("one")),
 *   Layer.provide(SimulatedNetwork.layer())
 * )
 *
 * const program = Effect.map(Cluster.Cluster, ({ address }) => `${address.host}:${address.port}`)
 * await Effect.runPromise(Effect.provide(program, NodeLive)) // => "one:7000"
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerHost = (
  host: string,
  options?: { readonly region?: string | undefined }
): Layer.Layer<Transport, never, SimulatedNetwork> =>
  Layer.effect(Transport, Effect.map(SimulatedNetwork, (network) => network.transport(host, options)))

// -----------------------------------------------------------------------------
// internals
// -----------------------------------------------------------------------------

const check = (options: Options): Effect.Effect<
  { readonly linkConditions: LinkConditions; readonly latency: Topology.Latency },
  WendyNetworkError
> => {
  const bad = (option: string, message: string) => Effect.fail(new WendyNetworkError({ option, message }))
  const latency = Latency.parse(options.latency ?? "constant:1")
  if (typeof latency === "string") return bad("latency", latency)
  for (const option of ["loss", "repeat", "reorder"] as const) {
    const part = options[option]
    if (part !== undefined && !(part >= 0 && part < 1)) {
      return bad(option, `${option} is ${part}: give a number from 0 to below 1`)
    }
  }
  if (options.jitter !== undefined && !(options.jitter >= 0 && options.jitter < 100)) {
    return bad("jitter", `jitter is ${options.jitter}: give a number from 0 to below 100`)
  }
  for (const option of ["bandwidth", "queue"] as const) {
    const bytes = options[option]
    if (bytes !== undefined && !(bytes > 0)) return bad(option, `${option} is ${bytes}: give a number of bytes`)
  }
  const isLossy = options.lossModel === "frames"
  if (!isLossy && (options.repeat ?? options.reorder) !== undefined) {
    return bad("repeat", "over connections nothing comes twice or out of order: add lossModel: \"frames\"")
  }
  return Effect.succeed({
    latency,
    linkConditions: {
      ...calm,
      lossModel: options.lossModel ?? "reliable",
      loss: options.loss ?? 0,
      repeated: options.repeat ?? 0,
      reordered: options.reorder ?? 0,
      jitter: options.jitter ?? 0,
      bandwidth: options.bandwidth ?? Number.POSITIVE_INFINITY,
      queue: options.queue ?? Number.POSITIVE_INFINITY
    }
  })
}
