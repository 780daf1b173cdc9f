import { assert, describe, it } from "@effect/vitest"
import { find, replaced } from "../../scripts/checkWords.ts"

describe("checkWords", () => {
  it("finds a word where it stands, whatever its case, and no part of another", () => {
    assert.isTrue(find("LEASE").some((line) => line.startsWith("src/core/Ownership.ts:")))
    assert.isEmpty(find("wendyy"))
    assert.isEmpty(find("uthenticate"))
  })

  it("no word that has a standard one in its place is left", () => {
    for (const [word] of replaced) assert.deepStrictEqual(find(word), [])
  })
})
