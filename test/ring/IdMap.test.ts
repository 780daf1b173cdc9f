import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import { IdMap } from "../../src/ring/IdMap.ts"
import * as Oracle from "./Oracle.ts"

/** Few ids, of which many have the same place: words in another order. */
const ids = [0, 1, 2, 3].flatMap((word) => [1n, 2n, 3n].map((value) => Oracle.fromBig(value << BigInt(32 * word))))

const command = Arbitrary.all({
  isSet: Oracle.int(0, 2),
  index: Oracle.int(0, ids.length - 1),
  value: Oracle.int(0, 99)
})

describe("IdMap", () => {
  it.prop("is a map by the text of the id", [Arbitrary.array(command, { maxLength: 60 })], ([commands]) => {
    const map = new IdMap<number>()
    const model = new Map<string, number>()
    for (const { index, isSet, value } of commands) {
      const id = ids[index]!
      if (isSet > 0) {
        map.set(id, value)
        model.set(id.hex, value)
      } else {
        map.delete(id)
        model.delete(id.hex)
      }
      for (const each of ids) assert.strictEqual(map.get(each), model.get(each.hex))
    }
  })
})
