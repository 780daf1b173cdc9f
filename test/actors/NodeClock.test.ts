import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as NodeClock from "../../src/actors/NodeClock.ts"

/** A clock whose two times are set by hand, in milliseconds. */
const setUp = Effect.fnUntraced(function*(margin = 500) {
  const time = { wall: 1e12, monotonic: 5000 }
  const clock: Clock.Clock = Object.create(yield* Clock.Clock, {
    currentTimeMillisUnsafe: { value: () => time.wall },
    monotonicTimeNanosUnsafe: { value: () => BigInt(Math.round(time.monotonic * 1e6)) }
  })
  const self = yield* NodeClock.make(margin).pipe(Effect.provideService(Clock.Clock, clock))
  const pass = (monotonic: number, wall = monotonic) => {
    time.monotonic += monotonic
    time.wall += wall
    return NodeClock.takeSlept(self)
  }
  return { self, pass, time }
})

describe("NodeClock", () => {
  it.effect("is the monotonic clock as long as nothing happens, however long", () =>
    Effect.gen(function*() {
      const { pass, self } = yield* setUp()
      const start = NodeClock.now(self)
      for (let count = 0; count < 1000; count++) assert.strictEqual(pass(3_600_000), 0)
      assert.strictEqual(NodeClock.now(self) - start, 3_600_000_000)
    }))

  it.effect("a wall clock that is set back, or drifts within the margin, changes nothing", () =>
    Effect.gen(function*() {
      const { pass, self } = yield* setUp()
      const start = NodeClock.now(self)
      assert.strictEqual(pass(1000, -3_600_000), 0)
      assert.strictEqual(pass(1000, 1500), 0)
      // Much in the end, but never much between two looks.
      for (let count = 0; count < 1000; count++) assert.strictEqual(pass(1000, 1001), 0)
      assert.strictEqual(NodeClock.now(self) - start, 1_002_000)
    }))

  it.effect("what wall time runs ahead by more than the margin is noticed, once, and is no time that has passed here", () =>
    Effect.gen(function*() {
      const { pass, self } = yield* setUp()
      const start = NodeClock.now(self)
      assert.strictEqual(pass(10, 3_600_010), 3_600_000)
      assert.strictEqual(NodeClock.now(self) - start, 10)
      assert.strictEqual(pass(10), 0)
      assert.strictEqual(pass(0, 501), 501)
      assert.strictEqual(NodeClock.now(self) - start, 20)
    }))

  it.effect("sleeps add up until they are taken out; to ask changes nothing", () =>
    Effect.gen(function*() {
      const { self, time } = yield* setUp()
      time.wall += 1_000
      assert.strictEqual(NodeClock.slept(self), 1_000)
      assert.strictEqual(NodeClock.slept(self), 1_000)
      assert.isTrue(NodeClock.look(self))
      assert.isFalse(NodeClock.look(self))
      time.wall += 2_000
      assert.strictEqual(NodeClock.slept(self), 3_000)
      assert.strictEqual(NodeClock.takeSlept(self), 3_000)
      assert.strictEqual(NodeClock.slept(self), 0)
    }))

  it.effect("never goes back", () =>
    Effect.gen(function*() {
      const { pass, self } = yield* setUp()
      let last = NodeClock.now(self)
      for (const wall of [0, 10_000, -50_000, 40_000, 1, -1, 700, 600]) {
        pass(1, wall)
        assert.isAbove(NodeClock.now(self), last)
        last = NodeClock.now(self)
      }
    }))
})
