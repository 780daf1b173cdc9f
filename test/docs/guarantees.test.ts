/** Every guarantee names a test that exists. */
import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Path from "node:path"

const root = Path.resolve(import.meta.dirname, "..", "..")
const text = Fs.readFileSync(Path.join(root, "docs", "guarantees.md"), "utf8")

describe("docs/guarantees.md", () => {
  it("names tests that exist, by a part of their titles", () => {
    const named = Array.from(
      text.matchAll(/`(test\/[^`]+)`: "([^"]+)"/g),
      ([, file, title]) => [file!, title!] as const
    )
    assert.isAbove(named.length, 20)
    for (const [file, title] of named) {
      assert.include(Fs.readFileSync(Path.join(root, file), "utf8"), title, `${file} has no such title`)
    }
  })

  it("has a test for each failure", () => {
    const failures = text.split("\n### ").slice(1)
    assert.isAbove(failures.length, 10)
    for (const failure of failures) assert.match(failure, /`test\/[^`]+`: "[^"]+"/, failure.split("\n")[0])
  })

  it("has no line of prose above 100 characters", () => {
    const prose = text.split("\n").filter((line) => !line.startsWith("|") && !line.startsWith("`test/"))
    for (const line of prose) assert.isAtMost(line.length, 100, line)
  })
})
