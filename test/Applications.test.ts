import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as Applications from "../src/Applications.ts"
import { defaults } from "../src/protocol/ClusterConfig.ts"
import type { ClusterEvent } from "../src/protocol/ClusterEvent.ts"
import * as NodeId from "../src/ring/NodeId.ts"

const makeEvent = (number: number): ClusterEvent => ({ _tag: "Refused", message: `${number}` })

const numberOf = (event: ClusterEvent): number => event._tag === "Refused" ? Number(event.message) : Number.NaN

describe("Applications", () => {
  it.effect("events: each listener gets the newest 1,024 so far, in order, and then what comes", () =>
    Effect.gen(function*() {
      const { events, upcalls } = yield* Applications.make({ config: defaults, end: () => {} })
      let count = 0
      const emit = (howMany: number) => {
        for (const last = count + howMany; count < last; count++) upcalls.event(makeEvent(count))
      }
      emit(1_500)
      const listen = (howMany: number) =>
        events.pipe(
          Stream.map(numberOf),
          Stream.take(howMany),
          Stream.runCollect,
          Effect.forkChild({ startImmediately: true })
        )
      const first = yield* listen(1_026)
      yield* Effect.yieldNow
      emit(2)
      assert.deepStrictEqual(yield* Fiber.join(first), Array.from({ length: 1_026 }, (_, index) => 476 + index))
      const second = yield* listen(1_025)
      yield* Effect.yieldNow
      emit(1)
      assert.deepStrictEqual(yield* Fiber.join(second), Array.from({ length: 1_025 }, (_, index) => 478 + index))
    }))

  it.effect("deliveries: listeners get what is delivered from then on; a full one holds up the next", () =>
    Effect.gen(function*() {
      const config = { ...defaults, maxDelivering: 2 }
      const { deliveries, upcalls } = yield* Applications.make({ config, end: () => {} })
      const outcomes: Array<unknown> = []
      const deliver = (value: number) => {
        const id = NodeId.parse("1")
        const message = {
          key: id,
          purpose: 16,
          value: Uint8Array.of(value),
          from: id,
          hops: 1,
          isDirect: false,
          wantsReply: false
        }
        outcomes.push(upcalls.deliver(message, (outcome) => outcomes.push(`${value} ${outcome}`)) ?? `${value} waits`)
      }
      deliver(0)
      const pull = yield* Stream.toPull(deliveries())
      const listening = yield* Effect.forkChild(pull, { startImmediately: true })
      yield* Effect.yieldNow
      for (const value of [1, 2, 3, 4]) deliver(value)
      assert.strictEqual(outcomes[0], "delivered")
      assert.isTrue(outcomes.some((outcome) => `${outcome}`.endsWith("waits")))
      const got = [...(yield* Fiber.join(listening))]
      while (got.length < 4) got.push(...(yield* pull))
      assert.deepStrictEqual(got.map(({ value }) => value[0]), [1, 2, 3, 4])
      assert.isTrue(outcomes.includes("4 delivered"))
    }))
})
