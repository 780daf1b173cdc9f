import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Cluster from "../../src/Cluster.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as SimulatedNetwork from "../../src/simulation/SimulatedNetwork.ts"
import * as Simulator from "../../src/simulation/Simulator.ts"
import type { TraceEvent } from "../../src/simulation/Trace.ts"

const hosts = ["a", "b", "c", "d", "e", "f"]

const startAll = Effect.gen(function*() {
  const { start } = yield* Simulator.Simulator
  const startNode = (host: string) => start(host, Cluster.make({ localHost: host, port: 7000, join: ["a:7000"] }))
  const processes = yield* Effect.forEach(hosts, startNode)
  const nodes = yield* Effect.forEach(processes, ({ value }) => value)
  yield* Effect.forEach(nodes, ({ ready }) => ready)
  yield* Effect.sleep("1 minute")
  return { nodes, processes, startNode }
})

const covering = (nodes: ReadonlyArray<Cluster.Cluster["Service"]>, key: NodeId.NodeId) =>
  Effect.map(Effect.forEach(nodes, (node) => node.covers(key)), (covers) => covers.filter(Boolean).length)

const value = new Uint8Array(1)

/** Everything that can happen to machines and to the network, one after the other. */
const story = Effect.gen(function*() {
  const network = yield* SimulatedNetwork.SimulatedNetwork
  const { nodes, processes, startNode } = yield* startAll
  const key = yield* Effect.map(Random.nextInt, (number) => NodeId.fromString(`key ${number}`))
  const counts: Array<number> = []
  const count = Effect.map(covering(nodes, key), (number) => void counts.push(number))
  yield* count
  const cut = yield* network.partition([["a", "b", "c"], ["d", "e", "f"]])
  yield* Effect.sleep("1 minute")
  yield* count
  yield* cut.lift
  yield* Effect.sleep("2 minutes")
  yield* count
  yield* processes[1]!.kill
  yield* nodes[0]!.sendConfirmed({ key, purpose: 16, value })
  const again = yield* (yield* startNode("b")).value
  yield* again.ready
  yield* processes[2]!.pause
  yield* Effect.sleep("1 minute")
  yield* processes[2]!.resume
  yield* processes[3]!.sleep("20 seconds")
  yield* processes[4]!.jump("1 minute")
  yield* network.silence("f")
  yield* Effect.sleep("1 minute")
  yield* network.restore("f")
  yield* network.reset("a")
  yield* Effect.sleep("2 minutes")
  return { counts, last: yield* covering([...nodes.filter((node) => node !== nodes[1]), again], key) }
})

describe("Simulator", () => {
  it.live(
    "machines die, stop, sleep and come back, networks part: the same seed tells the same story",
    () =>
      Effect.gen(function*() {
        const options = { latency: "plane:80", jitter: 0.1, loss: 0.01 }
        const lines: Array<TraceEvent> = []
        const first = yield* Simulator.observe(story, { ...options, seed: "1", write: (line) => lines.push(line) })
        assert.deepStrictEqual(first.value, { counts: [1, 2, 1], last: 1 })
        assert.isAbove(lines.length, 1_000)
        assert.includeMembers(lines.map(({ what }) => what), ["start", "received", "lost", "rule", "kill", "silence"])
        const again = yield* Simulator.observe(story, { ...options, seed: "1" })
        assert.deepStrictEqual(again, first)
        const other = yield* Simulator.observe(story, { ...options, seed: "2" })
        assert.notStrictEqual(other.traceHash, first.traceHash)
      }),
    120_000
  )

  it.live("clocks, chance and the order of fibers come from the seed", () => {
    const program = Effect.gen(function*() {
      const order: Array<number> = []
      const begin = yield* Clock.currentTimeMillis
      yield* Effect.forEach(
        [3, 1, 2],
        (number) => Effect.andThen(Effect.sleep(number), Effect.sync(() => order.push(number))),
        { concurrency: "unbounded" }
      )
      const passed = (yield* Clock.currentTimeMillis) - begin
      const bytes = yield* Effect.flatMap(SecureRandom.SecureRandom, (random) => random.randomBytes(8))
      return { order, begin, passed, number: yield* Random.next, bytes: Array.from(bytes) }
    })
    return Effect.gen(function*() {
      const first = yield* Simulator.run(program, { seed: "x" })
      assert.deepStrictEqual(first.order, [1, 2, 3])
      assert.strictEqual(first.begin, 1_700_000_000_000)
      assert.strictEqual(first.passed, 3)
      assert.deepStrictEqual(yield* Simulator.run(program, { seed: "x" }), first)
      const other = yield* Simulator.run(program, { seed: "y", startOfTime: new Date(5) })
      assert.notDeepEqual(other.bytes, first.bytes)
      assert.notStrictEqual(other.number, first.number)
      assert.strictEqual(other.begin, 5)
    })
  })

  it.live("what is killed runs no more, no finalizer either; what is stopped runs its finalizers", () =>
    Effect.gen(function*() {
      const happened: Array<string> = []
      const resource = (name: string) =>
        Effect.acquireRelease(Effect.void, () => Effect.sync(() => happened.push(`${name} released`))).pipe(
          Effect.andThen(
            Effect.forkScoped(Effect.delay(Effect.sync(() => happened.push(`${name} ticked`)), "5 seconds"))
          )
        )
      yield* Simulator.run(Effect.gen(function*() {
        const { now, start } = yield* Simulator.Simulator
        const killed = yield* start("killed", resource("killed"))
        const stopped = yield* start("stopped", resource("stopped"))
        const paused = yield* start("paused", resource("paused"))
        const other = yield* start("other", resource("other"))
        yield* Effect.sleep("1 second")
        yield* killed.kill
        yield* stopped.stop
        yield* paused.pause
        yield* Effect.sleep("9 seconds")
        assert.deepStrictEqual(happened, ["stopped released", "other ticked"])
        yield* paused.resume
        yield* other.value
        assert.strictEqual(yield* now, 10_000)
        yield* Effect.sleep(1)
      }))
      assert.deepStrictEqual(happened, ["stopped released", "other ticked", "paused ticked"])
    }))

  it.live("a clock may run fast, stand still or be set forward", () =>
    Simulator.run(Effect.gen(function*() {
      const { start } = yield* Simulator.Simulator
      const times = Effect.gen(function*() {
        return [yield* Clock.currentTimeMillis, Number(yield* Clock.monotonicTimeNanos) / 1e6] as const
      })
      const fast = yield* start("fast", Effect.andThen(Effect.sleep("10 seconds"), times), { rate: 2 })
      assert.strictEqual((yield* fast.value)[1], 10_000)
      const { now } = yield* Simulator.Simulator
      assert.strictEqual(yield* now, 5_000)
      const sleeper = yield* start("sleeper", Effect.andThen(Effect.sleep("2 seconds"), times))
      yield* sleeper.sleep("10 seconds")
      const [wall, monotonic] = yield* sleeper.value
      assert.deepStrictEqual([wall - 1_700_000_000_000, monotonic], [17_000, 7_000])
      const set = yield* start("set", Effect.andThen(Effect.sleep("1 second"), times))
      yield* set.jump("1 hour")
      const [later, passed] = yield* set.value
      assert.deepStrictEqual([later - 1_700_000_000_000, passed], [3_618_000, 18_000])
    })))

  const failureOf = <A, E>(program: Parameters<typeof Simulator.run<A, E>>[0], options?: Simulator.Options) =>
    Effect.flip(Simulator.run(program, options))

  it.live("a failure names its seed, and when it happened", () =>
    Effect.gen(function*() {
      const error = yield* failureOf(Effect.delay(Effect.fail("broken"), "1500 millis"), { seed: "77" })
      assert.isTrue(error._tag === "WendySimulationError" && error.reason === "Failed" && error.at === 1_500)
      assert.match(error.message, /^with the seed "77", after 1\.500 s: .*broken/s)
      const died = yield* failureOf(Effect.die(new Error("a defect")))
      assert.match(died.message, /a defect/)
    }))

  it.live("a program that does not end is late, or stuck", () =>
    Effect.gen(function*() {
      const late = yield* failureOf(Effect.sleep("2 hours"))
      assert.isTrue(late._tag === "WendySimulationError" && late.reason === "Late")
      const stuck = yield* failureOf(Effect.never)
      assert.isTrue(stuck._tag === "WendySimulationError" && stuck.reason === "Stuck")
    }))

  it.live("what is outside may take its time", () =>
    Effect.gen(function*() {
      const read = Effect.promise(() => new Promise<string>((resolve) => setImmediate(() => resolve("read"))))
      assert.strictEqual(yield* Simulator.run(read), "read")
    }))

  it.live("explore finds the seed with which something goes wrong", () =>
    Effect.gen(function*() {
      const rare = Effect.flatMap(Random.next, (number) => number > 0.95 ? Effect.fail("rare") : Effect.void)
      const error = yield* Effect.flip(Simulator.explore(rare, { seeds: 500, seed: "s" }))
      assert.isTrue(error._tag === "WendySimulationError" && /^s\.\d+$/.test(error.seed))
      if (error._tag === "WendySimulationError") {
        assert.strictEqual((yield* failureOf(rare, { seed: error.seed })).message, error.message)
      }
      assert.strictEqual(yield* Simulator.explore(Effect.void, { seeds: 3 }), 3)
    }))

  it.live("interrupting a run ends it", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Simulator.run(Effect.forever(Effect.sleep(1)), { limit: "1000 days" }), {
        startImmediately: true
      })
      yield* Effect.yieldNow
      yield* Fiber.interrupt(fiber)
      const exit = fiber.pollUnsafe()
      assert.isTrue(exit !== undefined && exit._tag === "Failure" && Cause.hasInterruptsOnly(exit.cause))
    }))

  const bad: ReadonlyArray<readonly [Simulator.Options, RegExp]> = [
    [{ latency: "far" }, /"far" is no latency model/],
    [{ loss: 1 }, /loss is 1: give a number from 0 to below 1/],
    [{ jitter: -1 }, /jitter is -1/],
    [{ bandwidth: 0 }, /bandwidth is 0/],
    [{ queue: Number.NaN }, /queue is NaN/],
    [{ repeat: 0.1 }, /add lossModel: "frames"/]
  ]
  for (const [options, message] of bad) {
    it.live(`refuses ${JSON.stringify(options)}`, () =>
      Effect.gen(function*() {
        const error = yield* failureOf(Effect.void, options)
        assert.strictEqual(error._tag, "WendyNetworkError")
        assert.match(error.message, message)
      }))
  }
})
