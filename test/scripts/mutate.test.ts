import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { mutations } from "../../scripts/mutate/Mutations.ts"

const root = Path.resolve(import.meta.dirname, "..", "..")

describe("mutations", () => {
  it("each changes a text that stands in its file exactly once, and names tests that are there", () => {
    for (const { file, find, name, replace, tests } of mutations) {
      assert.lengthOf(Fs.readFileSync(Path.join(root, file), "utf8").split(find), 2, name)
      assert.notStrictEqual(find, replace, name)
      assert.isNotEmpty(tests, name)
      for (const test of tests) assert.isTrue(Fs.existsSync(Path.join(root, test)), `${name}: ${test}`)
    }
  })

  it("there are 40 or more, each with a name of its own", () => {
    assert.isAtLeast(mutations.length, 40)
    assert.strictEqual(new Set(mutations.map(({ name }) => name)).size, mutations.length)
  })
})
