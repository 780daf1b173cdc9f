import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Gate } from "../../src/actors/Gate.ts"

describe("Gate", () => {
  it.effect("lets in as many as there is room for, in order; who is interrupted takes no room", () =>
    Effect.gen(function*() {
      let room = 2
      let asked = 0
      const entered: Array<number> = []
      const gate = new Gate(() => {
        asked++
        return room > 0
      })
      const fibers = yield* Effect.forEach([0, 1, 2, 3, 4, 5], (number) =>
        Effect.forkChild(
          gate.enter(() => {
            room--
            entered.push(number)
          }),
          { startImmediately: true }
        ))
      assert.deepStrictEqual(entered, [0, 1])
      yield* Fiber.interrupt(fibers[3]!)
      room = 2
      asked = 0
      gate.letIn()
      assert.deepStrictEqual(entered, [0, 1, 2, 4])
      assert.strictEqual(asked, 3)
      // Who comes now comes after those that wait.
      room = 1
      const last = yield* Effect.forkChild(gate.enter(() => entered.push(6)), { startImmediately: true })
      assert.deepStrictEqual(entered, [0, 1, 2, 4])
      room = 9
      gate.letIn()
      yield* Fiber.join(last)
      assert.deepStrictEqual(entered, [0, 1, 2, 4, 5, 6])
    }))
})
