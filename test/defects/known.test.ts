import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { isError } from "../../src/protocol/ClusterEvent.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as Memory from "../../src/transport/Memory.ts"
import { burst, checkBurst, collectEvents, errorsOf, evenIds, keys } from "../cluster/Rig.ts"
import { makeHarness, nodeOf, outgoing, passing } from "../ClusterHarness.ts"

const hour = 3_600_000

/** Effect's clock with wall time of its own: how far that is ahead can be set. */
const makeWallClock = Effect.map(Clock.Clock, (clock) => {
  const wall = { ahead: 0 }
  const now = () => clock.currentTimeMillisUnsafe() + wall.ahead
  const skewed: Clock.Clock = Object.create(clock, {
    currentTimeMillisUnsafe: { value: now },
    currentTimeMillis: { value: Effect.sync(now) },
    currentTimeNanosUnsafe: { value: () => BigInt(now()) * 1_000_000n },
    currentTimeNanos: { value: Effect.sync(() => BigInt(now()) * 1_000_000n) }
  })
  return { wall, clock: skewed }
})

describe("what the authors of Go Wendy knew", () => {
  it.effect("Go Wendy known bug: a joining Node swallows messages", () =>
    Effect.gen(function*() {
      const harness = yield* makeHarness(passing)
      for (const id of evenIds(8)) yield* harness.during((yield* harness.join({ id })).cluster.ready)
      yield* harness.waitUntil("exact leaf sets", harness.isExact)
      const sending = yield* Effect.forkChild(burst(harness.members[0]!.cluster, "while they join", 2000, 16))
      for (let count = 0; count < 8; count++) {
        const joiner = yield* harness.join({ id: NodeId.fromString(`joiner ${count}`) })
        yield* harness.during(joiner.cluster.ready)
      }
      const receipts = yield* harness.during(Fiber.join(sending))
      assert.lengthOf(receipts, 2000)
      checkBurst(harness, "while they join", receipts)
      // Some of it arrived at those who had only just joined.
      assert.isAbove(harness.members.slice(8).flatMap(({ delivered }) => delivered).length, 0)
    }).pipe(Effect.provide(Memory.layer)))

  it.effect("Go Wendy known bug: a hole in the leaf set stays until state happens to arrive", () =>
    Effect.gen(function*() {
      const harness = yield* makeHarness(passing)
      // More Nodes than two sides of a leaf set, so that a hole has to be filled by one that was not known.
      for (const id of evenIds(40)) yield* harness.during((yield* harness.join({ id })).cluster.ready)
      yield* harness.waitUntil("exact leaf sets", harness.isExact)
      yield* harness.kill(harness.members[7]!)
      yield* harness.leave(harness.members[21]!)
      // Nobody sends anything: what fills the holes is repair alone.
      yield* harness.waitUntil("the holes are filled", harness.isExact, "5 seconds")
    }).pipe(Effect.provide(Memory.layer)))

  it.effect("Go Wendy known bug: the system clock: Nodes whose clocks are hours apart work together", () =>
    Effect.gen(function*() {
      const harness = yield* makeHarness(passing)
      for (const [index, id] of evenIds(4).entries()) {
        const { clock, wall } = yield* makeWallClock
        wall.ahead = 1_000 * hour - index * 12 * hour
        const member = yield* harness.join({ id }).pipe(Effect.provideService(Clock.Clock, clock))
        yield* harness.during(member.cluster.ready)
      }
      yield* harness.waitUntil("exact leaf sets", harness.isExact)
      const events = yield* Effect.forEach(harness.members, ({ cluster }) => collectEvents(cluster))
      yield* passing("1 minute")
      checkBurst(harness, "apart", yield* harness.during(burst(harness.members[3]!.cluster, "apart", 200)))
      yield* harness.checkCoverage(keys, true)
      assert.isFalse(events.flat().some(({ _tag }) => _tag === "NotReady"))
    }).pipe(Effect.provide(Memory.layer)))

  it.effect("Go Wendy known bug: the system clock: set back while a Node runs, it changes nothing", () =>
    Effect.gen(function*() {
      const harness = yield* makeHarness(passing)
      const { clock, wall } = yield* makeWallClock
      for (const id of evenIds(3)) {
        const member = yield* harness.join({ id }).pipe(Effect.provideService(Clock.Clock, clock))
        yield* harness.during(member.cluster.ready)
      }
      yield* harness.waitUntil("exact leaf sets", harness.isExact)
      const events = yield* Effect.forEach(harness.members, ({ cluster }) => collectEvents(cluster))
      wall.ahead = -hour
      yield* passing("1 minute")
      yield* harness.checkCoverage(keys, true)
      assert.isFalse(events.flat().some((event) => event._tag === "NotReady" || isError(event)))
    }).pipe(Effect.provide(Memory.layer)))

  it.effect(
    "Go Wendy known bug: the system clock: a machine that slept answers for nothing, and joins again by itself",
    () =>
      Effect.gen(function*() {
        const harness = yield* makeHarness(passing)
        const { clock, wall } = yield* makeWallClock
        for (const [index, id] of evenIds(3).entries()) {
          const joining = harness.join({ id })
          const member = yield* index === 1 ? Effect.provideService(joining, Clock.Clock, clock) : joining
          yield* harness.during(member.cluster.ready)
        }
        yield* harness.waitUntil("exact leaf sets", harness.isExact)
        const sleeper = harness.members[1]!
        const events = yield* collectEvents(sleeper.cluster)
        const own = keys.filter((key) => harness.closest(key) === sleeper)
        assert.isAbove(own.length, 3)
        // Its monotonic clock stood still for an hour; nothing has woken it yet but this very question.
        wall.ahead = hour
        for (const key of own) assert.isFalse(yield* sleeper.cluster.covers(key))
        assert.isFalse(yield* sleeper.cluster.isReady)
        for (let count = 0; count < 60; count++) {
          yield* passing("500 millis")
          yield* harness.checkCoverage(keys.slice(0, 30), false)
        }
        assert.lengthOf(errorsOf(events, "Slept"), 1)
        assert.isTrue(events.some(({ _tag }) => _tag === "NotReady"))
        yield* harness.waitUntil("it has joined again", harness.isExact)
        yield* harness.checkCoverage(keys, true)
      }).pipe(Effect.provide(Memory.layer))
  )

  it.effect("Go Wendy known bug: the system clock: a restart after the clock was set back is let in (rule J8)", () =>
    Effect.gen(function*() {
      const harness = yield* makeHarness(passing)
      const { clock, wall } = yield* makeWallClock
      wall.ahead = 1_000 * hour
      const start = (id: NodeId.NodeId) => harness.join({ id }).pipe(Effect.provideService(Clock.Clock, clock))
      for (const id of evenIds(4)) yield* harness.during((yield* start(id)).cluster.ready)
      yield* harness.waitUntil("exact leaf sets", harness.isExact)
      const node = nodeOf(harness.members[2]!.cluster)
      yield* harness.kill(harness.members[2]!)
      yield* harness.waitUntil("the others have noticed", harness.isExact)
      wall.ahead = 500 * hour
      const again = yield* start(node.id)
      yield* harness.during(again.cluster.ready)
      assert.isAbove(nodeOf(again.cluster).incarnation, node.incarnation)
      yield* harness.waitUntil("exact leaf sets", harness.isExact)
      const receipt = yield* harness.during(harness.members[0]!.cluster.sendConfirmed(outgoing(node.id, "again")))
      assert.strictEqual(receipt.root.hex, node.hex)
      assert.lengthOf(again.delivered, 1)
    }).pipe(Effect.provide(Memory.layer)))
})
