import { assert, describe, it } from "@effect/vitest"
import { find, replaced } from "../../scripts/checkWords.ts"

describe("checkWords", () => {
  it("finds a word where it stands, whatever its case, and no part of another", () => {
    assert.isTrue(find("LEASE").some((line) => line.startsWith("src/core/Ownership.ts:")))
    // Composed, for this file is searched, too.
    assert.isEmpty(find(["wen", "dyy"].join("")))
    assert.isEmpty(find(["uthen", "ticate"].join("")))
  })

  it("no word that has a standard one in its place is left", () => {
    for (const [word] of replaced) assert.deepStrictEqual(find(word), [])
  })
})
