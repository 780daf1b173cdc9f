/**
 * A network inside the process, for tests and simulations.
 *
 * Every `Transport` built on the same {@link Network} reaches the others, and
 * the `Network` can unplug hosts, cut pairs of hosts apart and break
 * connections. It is deterministic: no wall clock, no randomness, no timers of
 * its own. With Effect's `TestClock` a whole cluster lives hours in seconds. Not for
 * talking to another process.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scheduler from "effect/Scheduler"
import type * as Scope from "effect/Scope"
import * as Sockets from "./internal/sockets.ts"
import { Transport } from "./Transport.ts"

/**
 * The network that all machines of a test share.
 *
 * **When to use**
 *
 * To test what an application does when hosts go silent, networks part and connections break. For tests without faults
 * `layer` is enough.
 *
 * **Details**
 *
 * A host is a string such as `"10.0.0.1"`: the host a machine dials from (see
 * {@link layerHost}) and the host it listens on.
 *
 * A connection holds at most 256 frames, or 4 MiB, that its reader has not taken, in each direction: then writes wait.
 *
 * **Gotchas**
 *
 * Frames that vanish are not sent again. So that no connection lives on with a
 * gap in it, `restore` and `heal` break (`Reset`) the connections that lost something.
 *
 * **Example** (A host goes silent)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { MemoryTransport } from "effect-wendy"
 *
 * const program = Effect.gen(function*() {
 *   const network = yield* MemoryTransport.Network
 *   const west = network.transport("10.0.0.1")
 *   const east = network.transport("10.0.0.2")
 *   const address = { host: "10.0.0.2", port: 80 }
 *   yield* east.listen(address, { maxFrameSize: 1024, maxConnections: 10 })
 *
 *   const dial = west.dial(address, { maxFrameSize: 1024, timeout: "10 millis" }).pipe(
 *     Effect.as("connected"),
 *     Effect.catchTag("WendyDialError", ({ reason }) => Effect.succeed(reason._tag))
 *   )
 *   yield* dial // => "connected"
 *   yield* network.silence("10.0.0.2")
 *   yield* dial // => "Timeout"
 *   yield* network.restore("10.0.0.2")
 *   return yield* dial
 * })
 *
 * const last = await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layerNetwork)))
 * last // => "connected"
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class Network extends Context.Service<Network, {
  /**
   * The `Transport` of one machine: it dials from `host` and listens only there. Without a host it listens anywhere and
   * dials from `127.0.0.1`.
   */
  readonly transport: (host?: string) => Transport["Service"]
  /** Unplugs a host: what it sends and what is sent to it vanishes, dials from and to it time out. */
  readonly silence: (host: string) => Effect.Effect<void>
  /** Plugs a silenced host in again. */
  readonly restore: (host: string) => Effect.Effect<void>
  /**
   * Parts two hosts from each other, in both directions: what they send each other vanishes, dials time out.
   *
   * **Example** (Two hosts that do not reach each other)
   *
   * ```ts
   * import { Effect } from "effect"
   * import { MemoryTransport } from "effect-wendy"
   *
   * const program = Effect.gen(function*() {
   *   const network = yield* MemoryTransport.Network
   *   const address = { host: "10.0.0.2", port: 80 }
   *   yield* network.transport("10.0.0.2").listen(address, { maxFrameSize: 1024, maxConnections: 10 })
   *   const dialFrom = (host: string) =>
   *     network.transport(host).dial(address, { maxFrameSize: 1024, timeout: "10 millis" }).pipe(
   *       Effect.as("connected"),
   *       Effect.catchTag("WendyDialError", ({ reason }) => Effect.succeed(reason._tag))
   *     )
   *   yield* network.cut("10.0.0.1", "10.0.0.2")
   *   const parted = [yield* dialFrom("10.0.0.1"), yield* dialFrom("10.0.0.3")]
   *   yield* network.heal("10.0.0.1", "10.0.0.2")
   *   return [...parted, yield* dialFrom("10.0.0.1")]
   * })
   *
   * const dials = await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layerNetwork)))
   * dials // => ["Timeout", "connected", "connected"]
   * ```
   */
  readonly cut: (hostA: string, hostB: string) => Effect.Effect<void>
  /** Joins two hosts that were cut apart. */
  readonly heal: (hostA: string, hostB: string) => Effect.Effect<void>
  /**
   * Breaks every connection of a host: `Reset` at both ends.
   *
   * **Example** (A connection that breaks)
   *
   * ```ts
   * import { Effect } from "effect"
   * import { MemoryTransport } from "effect-wendy"
   *
   * const program = Effect.gen(function*() {
   *   const network = yield* MemoryTransport.Network
   *   const { dial, listen } = network.transport()
   *   const { address } = yield* listen({ host: "127.0.0.1", port: 0 }, { maxFrameSize: 1024, maxConnections: 10 })
   *   const connection = yield* dial(address, { maxFrameSize: 1024, timeout: "1 second" })
   *   yield* network.reset("127.0.0.1")
   *   const { reason } = yield* Effect.flip(connection.read)
   *   return reason._tag
   * })
   *
   * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layerNetwork))) // => "Reset"
   * ```
   */
  readonly reset: (host: string) => Effect.Effect<void>
}>()("effect-wendy/transport/Memory/Network") {}

/**
 * Options of a network.
 *
 * @category models
 * @since 0.1.0
 */
export interface NetworkOptions {
  /** How long a frame travels. Default zero: it is there on the next turn. A dial takes twice as long. */
  readonly latency?: Duration.Input | undefined
}

/**
 * Makes a network. Its couriers (used only with a latency) end with the scope.
 *
 * **When to use**
 *
 * For several networks in one test. Else `layerNetwork` or `layer`.
 *
 * **Example** (Two networks that do not reach each other)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { MemoryTransport } from "effect-wendy"
 *
 * const program = Effect.gen(function*() {
 *   const one = yield* MemoryTransport.makeNetwork({ latency: "5 millis" })
 *   const other = yield* MemoryTransport.makeNetwork()
 *   const { address } = yield* one.transport().listen({ host: "127.0.0.1", port: 0 }, {
 *     maxFrameSize: 1024,
 *     maxConnections: 10
 *   })
 *   const error = yield* Effect.flip(other.transport().dial(address, { maxFrameSize: 1024, timeout: "1 second" }))
 *   return error.reason._tag
 * })
 *
 * await Effect.runPromise(Effect.scoped(program)) // => "Refused"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeNetwork = (options?: NetworkOptions): Effect.Effect<Network["Service"], never, Scope.Scope> =>
  Effect.withFiber((fiber) =>
    Effect.map(
      Effect.scope,
      (scope) => makeNetworkUnsafe(scope, fiber.currentDispatcher, Duration.toMillis(options?.latency ?? Duration.zero))
    )
  )

/**
 * Provides a network in which frames arrive at once.
 *
 * **When to use**
 *
 * Where the machines of a test get a `Transport` each, by `layerHost`. For a single one, `layer`.
 *
 * **Example** (Machines with hosts of their own)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cluster, MemoryTransport } from "effect-wendy"
 *
 * const startAt = Effect.fnUntraced(function*(host: string, join: ReadonlyArray<string>) {
 *   const cluster = yield* Cluster.make({ localHost: host, join })
 *   yield* cluster.ready
 *   return yield* cluster.node
 * }, (node, host) => Effect.provide(node, MemoryTransport.layerHost(host)))
 *
 * const program = Effect.gen(function*() {
 *   const one = yield* startAt("10.0.0.1", [])
 *   const two = yield* startAt("10.0.0.2", [`10.0.0.1:${one.port}`])
 *   return [one.localHost, two.localHost]
 * })
 *
 * const hosts = await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layerNetwork)))
 * hosts // => ["10.0.0.1", "10.0.0.2"]
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerNetwork: Layer.Layer<Network> = Layer.effect(Network, makeNetwork())

/**
 * Provides a network with options, a new one for each call.
 *
 * **When to use**
 *
 * To test what an application does over a slow network. Keep the layer in a constant: machines that are to
 * reach each other need the same one.
 *
 * **Example** (Frames that travel for 20 ms)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { MemoryTransport, Transport } from "effect-wendy"
 *
 * const program = Effect.gen(function*() {
 *   const { dial, listen } = yield* Transport.Transport
 *   const { address } = yield* listen({ host: "127.0.0.1", port: 0 }, { maxFrameSize: 1024, maxConnections: 10 })
 *   // there and back takes 40 ms
 *   const error = yield* Effect.flip(dial(address, { maxFrameSize: 1024, timeout: "30 millis" }))
 *   return error.reason._tag
 * })
 *
 * const Slow = Layer.provide(MemoryTransport.layerOnNetwork, MemoryTransport.layerNetworkWith({ latency: "20 millis" }))
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Slow))) // => "Timeout"
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerNetworkWith = (options: NetworkOptions): Layer.Layer<Network> =>
  Layer.effect(Network, makeNetwork(options))

/**
 * Provides a `Transport` that may listen on any host and dials from `127.0.0.1`.
 *
 * **When to use**
 *
 * On a network with options, or one that several Layers share. Alone, with a network of its own: `layer`.
 *
 * **Gotchas**
 *
 * All that is built on it dials from one host: to silence or cut off single machines give each its own by `layerHost`.
 *
 * **Example** (A cluster over a slow network)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cluster, MemoryTransport } from "effect-wendy"
 *
 * const Slow = Layer.provide(MemoryTransport.layerOnNetwork, MemoryTransport.layerNetworkWith({ latency: "2 millis" }))
 *
 * const program = Effect.gen(function*() {
 *   const one = yield* Cluster.make()
 *   yield* one.ready
 *   const two = yield* Cluster.make({ join: [`127.0.0.1:${one.address.port}`] })
 *   yield* two.ready
 *   return yield* two.isReady
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Slow))) // => true
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerOnNetwork: Layer.Layer<Transport, never, Network> = Layer.effect(
  Transport,
  Effect.map(Network, (network) => network.transport())
)

/**
 * Provides the `Transport` of the machine `host`: it dials from there and listens only there
 * (`0.0.0.0`, `::` and `localhost` stand for it).
 *
 * **When to use**
 *
 * For tests in which single machines go silent or are cut off.
 *
 * **Example** (A Node on a machine of its own)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cluster, MemoryTransport } from "effect-wendy"
 *
 * const NodeLive = Cluster.layer({ localHost: "10.0.0.1", port: 4000 }).pipe(
 *   Layer.provide(MemoryTransport.layerHost("10.0.0.1")),
 *   Layer.provide(MemoryTransport.layerNetwork)
 * )
 *
 * const program = Cluster.Cluster.use(({ address }) => Effect.succeed(`${address.host}:${address.port}`))
 * await Effect.runPromise(Effect.provide(program, NodeLive)) // => "10.0.0.1:4000"
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerHost = (host: string): Layer.Layer<Transport, never, Network> =>
  Layer.effect(Transport, Effect.map(Network, (network) => network.transport(host)))

/**
 * Provides a `Transport` on a network of its own, and that network.
 *
 * **When to use**
 *
 * For most tests: all Nodes that are built on it reach each other at `127.0.0.1`, each at a port of its own.
 *
 * **Example** (A test that takes no time)
 *
 * ```ts
 * import { assert, it } from "@effect/vitest"
 * import { Effect } from "effect"
 * import { TestClock } from "effect/testing"
 * import { Cluster, MemoryTransport } from "effect-wendy"
 * import { kill } from "effect-wendy/testing"
 *
 * it.effect("a Node stays ready for an hour", () =>
 *   Effect.gen(function*() {
 *     const cluster = yield* Cluster.make()
 *     yield* cluster.ready
 *     yield* TestClock.adjust("1 hour")
 *     assert.isTrue(yield* cluster.isReady)
 *     // Leaving would wait until the test lets time pass.
 *     yield* kill(cluster)
 *   }).pipe(Effect.provide(MemoryTransport.layer)))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Transport | Network> = Layer.provideMerge(layerOnNetwork, layerNetwork)

// -----------------------------------------------------------------------------
// Internals
// -----------------------------------------------------------------------------

interface Flight {
  readonly due: number
  readonly payload: Sockets.Payload
}

/** What is under way to one end, and who brings it. */
interface Way {
  readonly clock: Clock.Clock
  readonly deliveryFiber: Sockets.Waiter
  flights: Array<Flight>
}

type End = Sockets.End<Way>

const pairKey = (hostA: string, hostB: string): string => JSON.stringify([hostA, hostB].sort())

const makeNetworkUnsafe = (
  scope: Scope.Scope,
  dispatcher: Scheduler.SchedulerDispatcher,
  latency: number
): Network["Service"] => {
  const silenced = new Set<string>()
  const cuts = new Set<string>()
  /** Connections with a gap in them. */
  const lossy = new Set<Sockets.Pair<Way>>()

  const isParted = (hostA: string, hostB: string): boolean =>
    silenced.has(hostA) || silenced.has(hostB) || (cuts.size > 0 && cuts.has(pairKey(hostA, hostB)))

  // never resumes a fiber inside another's stack: chains of nodes would overflow it
  const wake = (waiter: Sockets.Waiter): void => {
    const { resume } = waiter
    if (resume === undefined) return
    waiter.resume = undefined
    dispatcher.scheduleTask(resume, 0)
  }

  const arrive = (end: End, payload: Sockets.Payload): void => {
    if (end.error !== undefined) return
    if (isParted(end.host, Sockets.peerOf(end).host)) {
      lossy.add(end.pair)
      return sockets.drop(end, payload)
    }
    sockets.arrive(end, payload)
  }

  const deliveryFiber = Effect.fnUntraced(function*(end: End) {
    const { clock, deliveryFiber } = end.way
    while (end.error === undefined) {
      const next = end.way.flights[0]
      const now = clock.currentTimeMillisUnsafe()
      if (next === undefined) {
        yield* Sockets.waitUntil(deliveryFiber, () => end.way.flights.length > 0 || end.error !== undefined)
      } else if (next.due > now) {
        yield* Effect.sleep(next.due - now)
      } else {
        end.way.flights.shift()
        arrive(end, next.payload)
      }
    }
  })

  const sockets = Sockets.make<Way>({
    wake: (_host, resume) => dispatcher.scheduleTask(resume, 0),
    reach: Effect.fnUntraced(function*(from, to, timeout) {
      const roundTrip = Math.min(latency * 2, timeout)
      if (roundTrip > 0) yield* Effect.sleep(roundTrip)
      if (!isParted(from, to) && latency * 2 <= timeout) return true
      yield* Effect.sleep(timeout - roundTrip)
      return false
    }),
    makeWay: Effect.map(Clock.Clock, (clock) => () => ({ clock, deliveryFiber: { resume: undefined }, flights: [] })),
    opened: (pair) =>
      latency === 0 ? Effect.void : Effect.forEach(
        [pair.dialler, pair.acceptor],
        (end) => Effect.forkIn(deliveryFiber(end), scope, { startImmediately: true }),
        { discard: true }
      ),
    carry: (from, payload) => {
      const to = Sockets.peerOf(from)
      if (isParted(from.host, to.host)) {
        if (to.error === undefined) lossy.add(from.pair)
        return sockets.drop(to, payload)
      }
      if (latency === 0) return arrive(to, payload)
      to.way.flights.push({ due: from.way.clock.currentTimeMillisUnsafe() + latency, payload })
      wake(to.way.deliveryFiber)
    },
    finished: (end) => {
      end.way.flights = []
      wake(end.way.deliveryFiber)
      lossy.delete(end.pair)
    }
  })

  const breakLossy = (): void => {
    for (const pair of lossy) {
      if (!isParted(pair.dialler.host, pair.acceptor.host)) sockets.breakOff(pair)
    }
  }

  return {
    transport: sockets.transport,
    silence: (host) => Effect.sync(() => void silenced.add(host)),
    restore: (host) =>
      Effect.sync(() => {
        silenced.delete(host)
        breakLossy()
      }),
    cut: (hostA, hostB) => Effect.sync(() => void cuts.add(pairKey(hostA, hostB))),
    heal: (hostA, hostB) =>
      Effect.sync(() => {
        cuts.delete(pairKey(hostA, hostB))
        breakLossy()
      }),
    reset: (host) => Effect.sync(() => sockets.reset(host))
  }
}
