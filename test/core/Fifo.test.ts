import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import { Fifo } from "../../src/core/Fifo.ts"
import * as Oracle from "../ring/Oracle.ts"

/** What can be done to a queue: so many items are added, or taken from somewhere. */
const doings = Arbitrary.array(
  Arbitrary.all({
    what: Arbitrary.map(Oracle.int(0, 4), (kind) => (["push", "shift", "drop", "remove", "takeOut"] as const)[kind]!),
    index: Oracle.int(0, 50),
    count: Oracle.int(0, 120)
  }),
  { maxLength: 60 }
)

describe("Fifo", () => {
  it.prop("is an array of which the front can be taken", [doings], ([all]) => {
    const fifo = new Fifo<number>()
    let model: Array<number> = []
    let next = 0
    for (const { count, index, what } of all) {
      switch (what) {
        case "push": {
          for (let pushed = 0; pushed < count; pushed++) {
            fifo.push(next)
            model.push(next++)
          }
          break
        }
        case "shift": {
          assert.strictEqual(fifo.shift(), model.shift())
          break
        }
        case "drop": {
          fifo.drop(Math.min(count, model.length))
          model = model.slice(count)
          break
        }
        case "remove": {
          const from = Math.min(index, model.length)
          fifo.remove(from, Math.min(count, model.length - from))
          model.splice(from, count)
          break
        }
        case "takeOut": {
          const isKept = (item: number) => item % (index + 2) !== 0
          assert.deepStrictEqual(fifo.takeOut(isKept), model.filter((item) => !isKept(item)))
          model = model.filter(isKept)
          break
        }
      }
      assert.strictEqual(fifo.length, model.length)
      assert.deepStrictEqual([...fifo], model)
      assert.strictEqual(fifo.at(0), model[0])
      assert.strictEqual(fifo.at(model.length - 1), model.at(-1))
    }
  })
})
