import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { supervise, Upcalls } from "../../src/actors/Upcalls.ts"

const makeUpcalls = () => {
  const defects: Array<string> = []
  const upcalls = Upcalls.of({
    accepting: () => undefined,
    serve: () => undefined,
    serves: () => false,
    deliver: () => undefined,
    ownership: () => {},
    monitored: () => {},
    mayDeliver: () => true,
    onRoom: () => {},
    deliverGathered: () => {},
    forward: () => undefined,
    event: () => {},
    end: () => {},
    defect: (actor) => {
      defects.push(actor)
    }
  })
  return { defects, upcalls }
}

describe("supervise", () => {
  it.effect("reports a loop that dies", () =>
    Effect.gen(function*() {
      const { defects, upcalls } = makeUpcalls()
      const loop = Effect.sync((): never => {
        throw new Error("a bug")
      })
      yield* Effect.exit(supervise("Router", upcalls)(loop))
      assert.deepStrictEqual(defects, ["Router"])
    }))

  it.effect("says nothing of a loop that is interrupted", () =>
    Effect.gen(function*() {
      const { defects, upcalls } = makeUpcalls()
      const fiber = yield* Effect.forkChild(supervise("Router", upcalls)(Effect.never), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(defects, [])
    }))
})
