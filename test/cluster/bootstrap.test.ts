/** How a ring begins: seeds of every kind, Nodes that nobody reaches, ids that have become another's. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import * as Cluster from "../../src/Cluster.ts"
import type { ClusterEvent } from "../../src/protocol/ClusterEvent.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as Memory from "../../src/transport/Memory.ts"
import { Transport, WendyDialError } from "../../src/transport/Transport.ts"

/** So many seconds, in steps, between which those that talk have their turns. */
const pass = (seconds: number) =>
  Effect.forEach(Array.from({ length: seconds * 10 }), () => TestClock.adjust("100 millis"), { discard: true })

interface Started {
  readonly cluster: Cluster.Cluster["Service"]
  /** What the Node said while it was not ready. */
  readonly waits: Array<string>
}

type CoreNetwork = Transport["Service"]

const host = (number: number): string => `10.0.0.${number}`
const address = (number: number): string => `${host(number)}:7001`

/** Machines 10.0.0.1, 10.0.0.2, ... with a Node each at port 7001. */
const makeMachines = Effect.gen(function*() {
  const network = yield* Memory.Network
  const started: Array<Started> = []
  const start = Effect.fnUntraced(
    function*(
      number: number,
      join: ReadonlyArray<string>,
      options: Cluster.Options = {},
      change = (wire: CoreNetwork) => wire
    ) {
      const cluster = yield* Cluster.make({
        localHost: host(number),
        bind: host(number),
        port: 7001,
        id: NodeId.fromString(`replica-${number}`),
        join,
        ...options
      }).pipe(Effect.provideService(Transport, change(network.transport(host(number)))))
      const waits: Array<string> = []
      const note = (event: ClusterEvent) =>
        Effect.sync(() => {
          if (event._tag === "JoinRetrying") waits.push(event.message)
        })
      yield* Effect.forkScoped(Stream.runForEach(cluster.events, note), { startImmediately: true })
      const one: Started = { cluster, waits }
      started.push(one)
      return one
    }
  )
  /** How many of those that were started are ready, and the sizes of the rings that they see. */
  const rings = Effect.gen(function*() {
    const sizes: Array<number> = []
    for (const { cluster } of started) {
      if (yield* cluster.isReady) sizes.push((yield* cluster.nodes).length + 1)
    }
    return sizes
  })
  const oneRing = (count: number) =>
    Effect.map(rings, (sizes) => assert.deepStrictEqual(sizes, new Array(count).fill(count)))
  return { network, start, rings, oneRing }
})

const test = <A>(
  name: string,
  body: (machines: Effect.Success<typeof makeMachines>) => Effect.Effect<A, unknown, Memory.Network | Scope.Scope>
) => it.effect(name, () => Effect.provide(Effect.flatMap(makeMachines, body), Memory.layerNetwork))

/** A transport that knows names; their addresses come in another order at each machine. */
const naming = (names: Record<string, ReadonlyArray<string>>, turn = 0) => (wire: CoreNetwork): CoreNetwork => ({
  ...wire,
  resolve: (name) => {
    const found = names[name]
    if (found !== undefined) return Effect.succeed([...found.slice(turn), ...found.slice(0, turn)])
    return /^[\d.]+$/.test(name)
      ? Effect.succeed([name])
      : Effect.fail(
        new WendyDialError({ reason: { _tag: "BadAddress", message: `${name} cannot be resolved` }, address: name })
      )
  }
})

describe("seeds (B1, B2)", () => {
  const replicas = { wendy: [host(1), host(2), host(3)] }

  test("one name with the addresses of all replicas, which start at once, is one ring", ({ oneRing, start }) =>
    Effect.gen(function*() {
      for (const number of [1, 2, 3]) yield* start(number, ["wendy:7001"], {}, naming(replicas, number - 1))
      yield* pass(15)
      yield* oneRing(3)
    }))

  test("the same, one after another; the name gets its addresses as they start", ({ oneRing, start }) =>
    Effect.gen(function*() {
      const addresses: Array<string> = []
      for (const number of [3, 1, 2]) {
        addresses.push(host(number))
        yield* start(number, ["wendy:7001"], {}, naming({ wendy: addresses }))
        yield* pass(2)
      }
      yield* pass(20)
      yield* oneRing(3)
    }))

  test("a name that resolves to nothing at first is asked again", ({ oneRing, start }) =>
    Effect.gen(function*() {
      const names: Record<string, ReadonlyArray<string>> = {}
      const { waits } = yield* start(1, ["wendy:7001"], {}, naming(names))
      yield* pass(5)
      assert.match(waits[0]!, /wendy:7001: wendy has no address/)
      names.wendy = [host(1)]
      yield* pass(10)
      yield* oneRing(1)
    }))

  const lists: ReadonlyArray<readonly [string, ReadonlyArray<ReadonlyArray<number>>]> = [
    ["each lists itself first", [[1, 2, 3], [2, 3, 1], [3, 1, 2]]],
    ["nobody lists itself", [[2, 3], [1, 3], [1, 2]]],
    ["the first of the list is gone for good", [[9, 1, 2, 3], [9, 1, 2, 3], [9, 1, 2, 3]]],
    ["a circle", [[2], [3], [1]]],
    ["a chain, whose end lists itself", [[2], [3], [3]]],
    ["two that name each other, and one that names both", [[2], [1], [1, 2]]]
  ]
  for (const [name, seeds] of lists) {
    test(`lists: ${name}`, ({ oneRing, start }) =>
      Effect.gen(function*() {
        for (const [index, list] of seeds.entries()) yield* start(index + 1, list.map(address))
        yield* pass(30)
        yield* oneRing(3)
      }))
  }

  test("a load balancer that may lead back to oneself: that answer proves nothing", ({ network, oneRing, start }) =>
    Effect.gen(function*() {
      let turn = 0
      const balanced = (number: number) => (wire: CoreNetwork): CoreNetwork => ({
        ...wire,
        dial: (to, options) => {
          if (to.host !== host(100)) return wire.dial(to, options)
          // Each Node is led to itself first.
          const target = turn++ < 3 ? number : 1 + turn % 3
          return network.transport(host(number)).dial({ host: host(target), port: 7001 }, options)
        }
      })
      for (const number of [1, 2, 3]) yield* start(number, [address(100)], {}, balanced(number))
      yield* pass(40)
      yield* oneRing(3)
    }))

  test("two rings that arose all the same are one soon", ({ network, oneRing, rings, start }) =>
    Effect.gen(function*() {
      yield* network.cut(host(1), host(2))
      for (const number of [1, 2]) yield* start(number, [address(1), address(2)])
      yield* pass(20)
      assert.deepStrictEqual(yield* rings, [1, 1])
      yield* network.heal(host(1), host(2))
      yield* pass(40)
      yield* oneRing(2)
    }))

  test("a Node whose only seed does not answer starts no ring, and says so", ({ rings, start }) =>
    Effect.gen(function*() {
      const { waits } = yield* start(1, [address(2)])
      yield* pass(600)
      assert.deepStrictEqual(yield* rings, [])
      assert.match(waits[0]!, /no seed answered \(10\.0\.0\.2:7001: Nothing listens/)
      assert.isAbove(waits.length, 100)
    }))

  test("a round opens no second connection to a seed that answers", ({ start }) =>
    Effect.gen(function*() {
      const seed = yield* start(1, [address(2)])
      const waiting = yield* start(3, [address(1)], { joinTimeout: "2 minutes" })
      yield* pass(60)
      // They know each other and one has started the ring; those it asked stay at one connection each way.
      assert.isAtMost((yield* seed.cluster.statistics).connections, 2)
      assert.isAtMost((yield* waiting.cluster.statistics).connections, 2)
    }))
})

describe("reachable (B5)", () => {
  const wrong = { localHost: "10.0.0.99" }

  test("a Node with an address that is not its own never joins, says why, and is in nobody's way", ({ rings, start }) =>
    Effect.gen(function*() {
      yield* start(1, [])
      const { cluster, waits } = yield* start(2, [address(1)], { ...wrong, joinTimeout: "30 seconds" })
      const ready = yield* Effect.forkScoped(Effect.exit(cluster.ready))
      yield* pass(5)
      assert.match(
        waits.at(-1)!,
        /10\.0\.0\.1:7001: it cannot reach this Node, which says that it lives at 10\.0\.0\.99:7001 and is seen at 10\.0\.0\.2: .*--local-ip/
      )
      yield* start(3, [address(1)])
      yield* pass(30)
      assert.deepStrictEqual(yield* rings, [2, 2])
      const exit = yield* Fiber.join(ready)
      assert.isTrue(Exit.isFailure(exit))
      assert.match(JSON.stringify(exit), /not ready within 30000 ms: no seed can be used/)
    }))

  test("loopback told to another machine is refused at both ends, each of which names its own mistake", ({ rings, start }) =>
    Effect.gen(function*() {
      yield* start(1, [])
      const { waits } = yield* start(2, [address(1)], { localHost: "127.0.0.1", bind: host(2) })
      yield* pass(5)
      assert.match(waits.at(-1)!, /127\.0\.0\.1 is an address that only its own machine reaches/)
      yield* start(3, [], { localHost: "127.0.0.1", bind: host(3) })
      const to = yield* start(4, [address(3)])
      yield* pass(5)
      assert.match(
        to.waits.at(-1)!,
        /the Node there says that it lives at 127\.0\.0\.1:7001, and .*correct its own address there/
      )
      assert.deepStrictEqual(yield* rings, [1, 1])
    }))

  test("behind a firewall that lets nobody in a Node does not become ready; when it is opened it does", ({ oneRing, rings, start }) =>
    Effect.gen(function*() {
      let isClosed = true
      const outside = (wire: CoreNetwork): CoreNetwork => ({
        ...wire,
        dial: (to, options) =>
          to.host === host(2) && isClosed
            ? Effect.fail(
              new WendyDialError({ reason: { _tag: "Timeout", message: "no answer in time" }, address: address(2) })
            )
            : wire.dial(to, options)
      })
      yield* start(1, [], {}, outside)
      const { waits } = yield* start(2, [address(1)])
      yield* pass(10)
      assert.deepStrictEqual(yield* rings, [1])
      assert.match(waits.at(-1)!, /it cannot reach this Node.*no answer in time/)
      isClosed = false
      yield* pass(5)
      yield* oneRing(2)
    }))

  test("unspecified addresses are refused at the start", ({ start }) =>
    Effect.gen(function*() {
      for (const localHost of ["0.0.0.0", "::", "0:0:0:0:0:0:0:0"]) {
        const error = yield* Effect.flip(start(1, [], { localHost }))
        assert.match(String((error as Error).message), /stands for all addresses of a machine/)
      }
      const error = yield* Effect.flip(start(1, [], { globalHost: "::" }))
      assert.match(String((error as Error).message), /stands for all addresses of a machine/)
    }))

  test("who listens on all addresses is told one of the machine", ({ network }) =>
    Effect.gen(function*() {
      const wire: CoreNetwork = { ...network.transport(host(1)), hosts: Effect.succeed(["192.0.2.7", "2001:db8::7"]) }
      const make = (options: Cluster.Options) =>
        Effect.map(Effect.provideService(Cluster.make(options), Transport, wire), ({ address }) => address.host)
      assert.strictEqual(yield* make({ bind: "0.0.0.0" }), "192.0.2.7")
      assert.strictEqual(yield* make({ bind: "0.0.0.0", localHost: "192.0.2.9" }), "192.0.2.9")
      assert.strictEqual(yield* make({ bind: host(1) }), host(1))
      assert.strictEqual(yield* make({ localHost: host(1) }), host(1))
    }))
})

describe("an id that has become another's (J8)", () => {
  test("a life that was cut off while another took its place hears so, and ends with a typed error", (machines) =>
    Effect.gen(function*() {
      const { network, start } = machines
      const all = [1, 2, 3].map(address)
      for (const number of [1, 2]) yield* start(number, all)
      const old = yield* start(3, all)
      yield* pass(15)
      assert.isTrue(yield* old.cluster.isReady)
      const ended = yield* Effect.forkScoped(Effect.flip(old.cluster.ended))
      yield* network.silence(host(3))
      yield* pass(30)
      const next = yield* start(4, all, { id: NodeId.fromString("replica-3") })
      yield* pass(20)
      assert.isTrue(yield* next.cluster.isReady)
      yield* network.restore(host(3))
      yield* pass(30)
      const error = yield* Fiber.join(ended)
      assert.strictEqual(error.reason._tag, "IdInUse")
      assert.isTrue(yield* next.cluster.isReady)
    }))
})
