import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import { file, format, renderTable, update } from "../../scripts/configuration.ts"
import { names } from "../../src/protocol/ClusterConfig.ts"

describe("docs/configuration.md", () => {
  const text = Fs.readFileSync(file, "utf8")

  it("is up to date with the table of settings (else: node scripts/configuration.ts)", () => {
    assert.strictEqual(text, update(text))
    for (const name of names) assert.include(text, `| \`${name}\` |`)
  })

  it("only what is between the marks is replaced", () => {
    const stale = text.replace(renderTable(), "old")
    assert.notInclude(stale, renderTable())
    assert.strictEqual(update(stale), text)
    assert.throws(() => update("no marks"))
  })

  it("writes values as they may be given", () => {
    assert.deepStrictEqual([10_000, 1_500, 0, 75_000, 86_400_000].map((value) => format(value, "ms")), [
      "10s",
      "1500ms",
      "0",
      "75s",
      "1d"
    ])
    assert.deepStrictEqual([1024 * 1024, 1000, 0].map((value) => format(value, "bytes")), ["1MiB", "1000B", "0"])
    assert.strictEqual(format(4_096, "count"), "4096")
  })
})
