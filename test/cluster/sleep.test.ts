/** A machine that sleeps: whoever finds that out first, nothing is answered by leases that have run out (rule L6). */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { type Observed, Observer } from "../../src/actors/Observer.ts"
import * as Inspector from "../../src/Inspector.ts"
import * as Memory from "../../src/transport/Memory.ts"
import { Transport } from "../../src/transport/Transport.ts"
import { makeHarness, outgoing, passing } from "../ClusterHarness.ts"
import { collectEvents, errorsOf, evenIds } from "./Rig.ts"

const hour = 3_600_000

/** A ring of three, of which the second has a clock of its own: it sleeps before one of the next readings of that clock. */
const setUp = Effect.gen(function*() {
  const harness = yield* makeHarness(passing)
  const time = { ahead: 0, readings: 0, sleepBefore: Number.POSITIVE_INFINITY, seen: false }
  const read = (): void => {
    time.readings++
    if (time.readings !== time.sleepBefore) return
    time.ahead += hour
    sleeper.hasSlept = true
  }
  const inner = yield* Clock.Clock
  const clock: Clock.Clock = Object.create(inner, {
    currentTimeMillisUnsafe: {
      value: () => {
        read()
        // From here on it can be known.
        if (sleeper.hasSlept) time.seen = true
        return inner.currentTimeMillisUnsafe() + time.ahead
      }
    },
    monotonicTimeNanosUnsafe: {
      value: () => {
        read()
        return inner.monotonicTimeNanosUnsafe()
      }
    }
  })
  /** Whether it has slept, and not become ready again since; what it delivered, and what of it then although it could be known. */
  const sleeper = { hasSlept: false, wrongs: 0, delivered: 0, node: undefined as Observed | undefined }
  const observer: Observer = {
    started: (node) => {
      sleeper.node = node
    },
    stepped: () => {},
    emitted: ({ _tag }) => {
      if (_tag !== "Ready") return
      sleeper.hasSlept = false
      time.seen = false
    },
    held: () => {},
    gaveUp: () => {}
  }
  const application = {
    onDeliver: () =>
      Effect.sync(() => {
        sleeper.delivered++
        if (time.seen) sleeper.wrongs++
      })
  }
  for (const [index, id] of evenIds(3).entries()) {
    const member = yield* index === 1
      ? harness.join({ id, application }).pipe(
        Effect.provideService(Clock.Clock, clock),
        Effect.provideService(Observer, observer)
      )
      : harness.join({ id })
    yield* harness.during(member.cluster.ready)
  }
  yield* harness.waitUntil("exact leaf sets", harness.isExact)
  return { harness, sleeper, time, member: harness.members[1]! }
})

describe("a machine that sleeps", () => {
  it.effect("whoever asks is told that the leases have run out, and changes nothing; StateTables makes them shorter", () =>
    Effect.gen(function*() {
      const { harness, member, sleeper, time } = yield* setUp
      const events = yield* collectEvents(member.cluster)
      const { predecessor, successor } = sleeper.node!.membership
      const leases = () => [predecessor.leaseUntil, successor.leaseUntil]
      const before = leases()
      assert.isTrue(yield* member.cluster.covers(member.cluster.id))
      time.ahead = hour
      assert.isFalse(yield* member.cluster.covers(member.cluster.id))
      assert.isFalse(yield* member.cluster.isReady)
      assert.deepStrictEqual(leases(), before)
      assert.deepStrictEqual(errorsOf(events, "Slept"), [])
      const looking = Effect.provideService(Inspector.view(harness.addressOf(member)), Transport, yield* Transport)
      assert.isFalse((yield* harness.during(looking)).ready)
      yield* passing("2 seconds")
      assert.lengthOf(errorsOf(events, "Slept"), 1)
      assert.isTrue(events.some(({ _tag }) => _tag === "NotReady"))
      yield* harness.waitUntil("it has joined again", harness.isExact)
      assert.isTrue(yield* member.cluster.covers(member.cluster.id))
    }).pipe(Effect.provide(Memory.layer)))

  it.effect(
    "between any two readings of its clock: it delivers nothing more until it has joined again",
    () =>
      Effect.gen(function*() {
        const { harness, member, sleeper, time } = yield* setUp
        const sender = harness.members[0]!.cluster
        const key = member.cluster.id
        for (let count = 1; count <= 30; count++) {
          const slept = time.ahead
          time.sleepBefore = time.readings + count
          for (let step = 0; step < 100 && time.ahead === slept; step++) {
            yield* sender.send(outgoing(key, `message ${step}`))
            yield* member.cluster.send(outgoing(key, `own message ${step}`))
            yield* passing("50 millis")
          }
          assert.isAbove(time.ahead, slept)
          yield* harness.waitUntil("it has joined again", harness.isExact)
          assert.strictEqual(sleeper.wrongs, 0, `asleep before reading ${count}`)
        }
        assert.isAbove(sleeper.delivered, 100)
      }).pipe(Effect.provide(Memory.layer)),
    60_000
  )
})
