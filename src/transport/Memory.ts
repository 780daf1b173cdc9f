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
import * as Address from "../protocol/Address.ts"
import { makeAcceptor } from "./internal/acceptor.ts"
import { type Connection, ConnectionError, DialError, ListenError, Transport } from "./Transport.ts"

/**
 * The network that all machines of a test share.
 *
 * **When to use**
 *
 * To test what an application does when hosts go silent, networks part and connections break. For tests without faults
 * `layerAlone` is enough.
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
 *     Effect.catchTag("DialError", ({ reason }) => Effect.succeed(reason))
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
   *       Effect.catchTag("DialError", ({ reason }) => Effect.succeed(reason))
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
   *   return reason
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
 * For several networks in one test. Else `layerNetwork` or `layerAlone`.
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
 *   return error.reason
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
 * Where the machines of a test get a `Transport` each, by `layerHost`. For a single one, `layerAlone`.
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
 *   return cluster.node
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
 *   return error.reason
 * })
 *
 * const Slow = Layer.provide(MemoryTransport.layer, MemoryTransport.layerNetworkWith({ latency: "20 millis" }))
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
 * On a network with options, or one that several Layers share. Alone, with a network of its own: `layerAlone`.
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
 * const Slow = Layer.provide(MemoryTransport.layer, MemoryTransport.layerNetworkWith({ latency: "2 millis" }))
 *
 * const program = Effect.gen(function*() {
 *   const one = yield* Cluster.make({})
 *   yield* one.ready
 *   const two = yield* Cluster.make({ join: [`127.0.0.1:${one.node.port}`] })
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
export const layer: Layer.Layer<Transport, never, Network> = Layer.effect(
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
 * const program = Cluster.Cluster.use(({ node }) => Effect.succeed(`${node.localHost}:${node.port}`))
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
 *
 * it.effect("a Node stays ready for an hour", () =>
 *   Effect.gen(function*() {
 *     const cluster = yield* Cluster.make({})
 *     yield* cluster.ready
 *     yield* TestClock.adjust("1 hour")
 *     assert.isTrue(yield* cluster.isReady)
 *     // Leaving would wait until the test lets time pass.
 *     yield* cluster.kill
 *   }).pipe(Effect.provide(MemoryTransport.layerAlone)))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerAlone: Layer.Layer<Transport | Network> = Layer.provideMerge(layer, layerNetwork)

// -----------------------------------------------------------------------------
// Internals
// -----------------------------------------------------------------------------

const maxFrames = 256

const maxBytes = 4 * 1024 * 1024

const firstPort = 49152

const firstDialPort = 32768

const ownHosts: ReadonlySet<string> = new Set(["0.0.0.0", "::", "localhost"])

interface Waiter {
  resume: (() => void) | undefined
}

interface Flight {
  readonly due: number
  readonly cargo: ReadonlyArray<Uint8Array> | ConnectionError
}

/** One end of a connection, with everything that is under way to it. */
interface End {
  readonly link: Link
  readonly host: string
  readonly remote: Address.Address
  readonly maxFrameSize: number
  readonly reader: Waiter
  readonly writer: Waiter
  readonly courier: Waiter
  inFlight: Array<Flight>
  inbox: Array<Uint8Array>
  /** Frames and bytes sent to this end and not read yet. */
  frames: number
  bytes: number
  error: ConnectionError | undefined
  isClosed: boolean
}

interface Link {
  readonly clock: Clock.Clock
  dialler: End
  acceptor: End
  hasLost: boolean
}

interface Listening {
  readonly maxFrameSize: number
  readonly accept: (end: End) => void
}

const makeEnd = (link: Link, host: string, remote: Address.Address, maxFrameSize: number): End => ({
  link,
  host,
  remote,
  maxFrameSize,
  reader: { resume: undefined },
  writer: { resume: undefined },
  courier: { resume: undefined },
  inFlight: [],
  inbox: [],
  frames: 0,
  bytes: 0,
  error: undefined,
  isClosed: false
})

const peerOf = (end: End): End => end.link.dialler === end ? end.link.acceptor : end.link.dialler

const isFull = (end: End): boolean => end.frames >= maxFrames || end.bytes >= maxBytes

/** Asks again when it registers: the fiber may have yielded since it looked. */
const waitUntil = (waiter: Waiter, isReady: () => boolean): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    if (isReady()) {
      resume(Effect.void)
      return
    }
    const wakeUp = () => resume(Effect.void)
    waiter.resume = wakeUp
    return Effect.sync(() => {
      if (waiter.resume === wakeUp) waiter.resume = undefined
    })
  })

const pairKey = (hostA: string, hostB: string): string => JSON.stringify([hostA, hostB].sort())

const makeReset = (remote: Address.Address, what: string): ConnectionError =>
  new ConnectionError({
    reason: "Reset",
    message: `The connection to ${Address.format(remote)} ${what}. Dial again if it is still needed.`
  })

const describeBadAddress = (address: Address.Address, minimumPort: number): string | undefined => {
  if (address.host === "") {
    return "The host is empty. Give an IP address or a name."
  }
  if (!Number.isInteger(address.port) || address.port < minimumPort || address.port > 65535) {
    return `The port is ${address.port}. Give a whole number from ${minimumPort} to 65535.`
  }
}

const makeNetworkUnsafe = (
  scope: Scope.Scope,
  dispatcher: Scheduler.SchedulerDispatcher,
  latency: number
): Network["Service"] => {
  const listeners = new Map<string, Listening>()
  const links = new Set<Link>()
  const silenced = new Set<string>()
  const cuts = new Set<string>()
  let nextPort = firstPort
  let nextDialPort = firstDialPort

  const isParted = (hostA: string, hostB: string): boolean =>
    silenced.has(hostA) || silenced.has(hostB) || (cuts.size > 0 && cuts.has(pairKey(hostA, hostB)))

  // never resumes a fiber inside another's stack: chains of nodes would overflow it
  const wake = (waiter: Waiter): void => {
    const resume = waiter.resume
    if (resume === undefined) return
    waiter.resume = undefined
    dispatcher.scheduleTask(resume, 0)
  }

  const release = (end: End, frames: number, bytes: number): void => {
    end.frames -= frames
    end.bytes -= bytes
    if (!isFull(end)) wake(peerOf(end).writer)
  }

  const finish = (end: End, error: ConnectionError): void => {
    if (end.error !== undefined) return
    end.error = error
    end.inFlight = []
    wake(end.reader)
    wake(end.writer)
    wake(end.courier)
  }

  const arrive = (end: End, cargo: Flight["cargo"]): void => {
    if (end.error !== undefined) return
    if (isParted(end.host, peerOf(end).host)) {
      end.link.hasLost = true
      if (Array.isArray(cargo)) release(end, cargo.length, sizeOf(cargo))
      return
    }
    if (cargo instanceof ConnectionError) return finish(end, cargo)
    for (const frame of cargo) {
      if (frame.byteLength > end.maxFrameSize) {
        finish(
          end,
          new ConnectionError({
            reason: "FrameTooLarge",
            message: `${Address.format(end.remote)} sent a frame of ${frame.byteLength} bytes, the limit is ` +
              `${end.maxFrameSize}. Raise the limit here or send smaller frames there.`
          })
        )
        return transmit(end, makeReset(peerOf(end).remote, "was broken by the peer"))
      }
      end.inbox.push(frame)
    }
    wake(end.reader)
  }

  const transmit = (from: End, cargo: Flight["cargo"]): void => {
    const to = peerOf(from)
    if (isParted(from.host, to.host)) {
      from.link.hasLost = true
      return
    }
    if (Array.isArray(cargo)) {
      to.frames += cargo.length
      to.bytes += sizeOf(cargo)
    }
    if (latency === 0) return arrive(to, cargo)
    to.inFlight.push({ due: from.link.clock.currentTimeMillisUnsafe() + latency, cargo })
    wake(to.courier)
  }

  const courier = Effect.fnUntraced(function*(end: End) {
    while (end.error === undefined) {
      const next = end.inFlight[0]
      const now = end.link.clock.currentTimeMillisUnsafe()
      if (next === undefined) {
        yield* waitUntil(end.courier, () => end.inFlight.length > 0 || end.error !== undefined)
      } else if (next.due > now) {
        yield* Effect.sleep(next.due - now)
      } else {
        end.inFlight.shift()
        arrive(end, next.cargo)
      }
    }
  })

  const close = (end: End): void => {
    if (end.isClosed) return
    end.isClosed = true
    finish(end, makeReset(end.remote, "was closed here"))
    end.inbox = []
    transmit(
      end,
      new ConnectionError({
        reason: "Closed",
        message: `${Address.format(peerOf(end).remote)} ended the connection. Dial again if it is still needed.`
      })
    )
    if (peerOf(end).isClosed) links.delete(end.link)
  }

  const breakLink = (link: Link): void => {
    finish(link.dialler, makeReset(link.dialler.remote, "broke"))
    finish(link.acceptor, makeReset(link.acceptor.remote, "broke"))
  }

  const breakLossy = (): void => {
    for (const link of links) {
      if (link.hasLost && !isParted(link.dialler.host, link.acceptor.host)) breakLink(link)
    }
  }

  const makeConnection = (end: End): Connection => {
    const peer = peerOf(end)
    const awaitReadable = waitUntil(end.reader, () => end.inbox.length > 0 || end.error !== undefined)
    const awaitWritable = waitUntil(end.writer, () => !isFull(peer) || end.error !== undefined)

    const read: Connection["read"] = Effect.suspend(() => {
      if (end.inbox.length > 0) {
        const taken = end.inbox as [Uint8Array, ...Array<Uint8Array>]
        end.inbox = []
        release(end, taken.length, sizeOf(taken))
        return Effect.succeed(taken)
      }
      return end.error === undefined ? Effect.andThen(awaitReadable, read) : Effect.fail(end.error)
    })

    const awaitSpace: Effect.Effect<void, ConnectionError> = Effect.suspend(() => {
      if (end.error !== undefined) return Effect.fail(end.error)
      return isFull(peer) ? Effect.andThen(awaitWritable, awaitSpace) : Effect.void
    })

    const write: Connection["write"] = (frames) =>
      Effect.suspend(() => {
        if (end.error !== undefined) return Effect.fail(end.error)
        // true only after an interrupted write
        if (isFull(peer)) return Effect.andThen(awaitSpace, write(frames))
        if (frames.length === 0) return Effect.void
        transmit(end, frames.map((frame) => new Uint8Array(frame)))
        return isFull(peer) ? awaitSpace : Effect.void
      })

    return { remote: end.remote, read, write }
  }

  const openConnection = (end: End): Effect.Effect<Connection, never, Scope.Scope> =>
    Effect.acquireRelease(Effect.sync(() => makeConnection(end)), () => Effect.sync(() => close(end)))

  const takePort = (host: string): number | undefined => {
    for (let tries = firstPort; tries <= 65535; tries++) {
      const port = nextPort
      nextPort = nextPort === 65535 ? firstPort : nextPort + 1
      if (!listeners.has(Address.format({ host, port }))) return port
    }
  }

  const transport = (host?: string): Transport["Service"] => {
    const own = host ?? "127.0.0.1"
    const resolve = (name: string): string => ownHosts.has(name) ? own : name

    const listen: Transport["Service"]["listen"] = Effect.fnUntraced(function*(address, options) {
      const fail = (reason: ListenError["reason"], message: string) =>
        new ListenError({ address: Address.format(address), reason, message })
      const problem = describeBadAddress(address, 0)
      if (problem !== undefined) return yield* fail("BadAddress", problem)
      const at = resolve(address.host)
      if (host !== undefined && at !== host) {
        return yield* fail("BadAddress", `This machine is ${host}, not ${at}. Listen on ${host}.`)
      }
      const port = address.port === 0 ? takePort(at) : address.port
      if (port === undefined) {
        return yield* fail("Resources", `${at} has no free port left. Close listeners.`)
      }
      const key = Address.format({ host: at, port })
      if (listeners.has(key)) {
        return yield* fail("InUse", `Something listens on ${key} already. Choose another port (0 takes a free one).`)
      }

      const accepted = new Set<End>()
      const acceptor = yield* makeAcceptor((end: End) =>
        Effect.tap(openConnection(end), Effect.addFinalizer(() => Effect.sync(() => accepted.delete(end))))
      )
      yield* Effect.acquireRelease(
        Effect.sync(() =>
          listeners.set(key, {
            maxFrameSize: options.maxFrameSize,
            accept: (end) => {
              if (accepted.size >= options.maxConnections) return close(end)
              accepted.add(end)
              acceptor.offerUnsafe(end)
            }
          })
        ),
        () =>
          Effect.suspend(() => {
            listeners.delete(key)
            return Effect.andThen(acceptor.interrupt, Effect.sync(() => accepted.forEach(close)))
          })
      )
      return { address: { host: address.host, port }, serve: acceptor.serve }
    })

    const connect = (listening: Listening, target: Address.Address, maxFrameSize: number, clock: Clock.Clock): End => {
      const from: Address.Address = { host: own, port: nextDialPort }
      nextDialPort = nextDialPort === firstPort - 1 ? firstDialPort : nextDialPort + 1
      const link = { clock, hasLost: false } as Link
      link.dialler = makeEnd(link, own, target, maxFrameSize)
      link.acceptor = makeEnd(link, target.host, from, listening.maxFrameSize)
      links.add(link)
      listening.accept(link.acceptor)
      return link.dialler
    }

    const dial: Transport["Service"]["dial"] = (address, options) =>
      Effect.uninterruptibleMask(Effect.fnUntraced(function*(restore) {
        const fail = (reason: DialError["reason"], message: string) =>
          new DialError({ address: Address.format(address), reason, message })
        const problem = describeBadAddress(address, 1)
        if (problem !== undefined) return yield* fail("BadAddress", problem)
        const target: Address.Address = { host: resolve(address.host), port: address.port }
        const timeout = Duration.toMillis(options.timeout)
        const roundTrip = Math.min(latency * 2, timeout)
        if (roundTrip > 0) yield* restore(Effect.sleep(roundTrip))
        if (isParted(own, target.host) || latency * 2 > timeout) {
          yield* restore(Effect.sleep(timeout - roundTrip))
          return yield* fail(
            "Timeout",
            `${Address.format(target)} did not answer in time. Restore or heal the hosts, then dial again.`
          )
        }
        const listening = listeners.get(Address.format(target))
        if (listening === undefined) {
          return yield* fail(
            "Refused",
            `Nothing listens on ${Address.format(target)}. Start the peer there, or dial another address.`
          )
        }
        const clock = yield* Clock.Clock
        const end = connect(listening, target, options.maxFrameSize, clock)
        if (latency > 0) {
          yield* Effect.forkIn(courier(end), scope, { startImmediately: true })
          yield* Effect.forkIn(courier(peerOf(end)), scope, { startImmediately: true })
        }
        return yield* openConnection(end)
      }))

    return { listen, dial }
  }

  return {
    transport,
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
    reset: (host) =>
      Effect.sync(() => {
        for (const link of links) {
          if (link.dialler.host === host || link.acceptor.host === host) breakLink(link)
        }
      })
  }
}

const sizeOf = (frames: ReadonlyArray<Uint8Array>): number => {
  let size = 0
  for (const frame of frames) size += frame.byteLength
  return size
}
