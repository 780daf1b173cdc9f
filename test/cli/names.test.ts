/** What messages and help say of flags, variables and settings: all that they name is there. */
import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"
import * as Environment from "../../src/Environment.ts"

const root = fileURLToPath(new URL("../../", import.meta.url))

const sources = Fs.readdirSync(Path.join(root, "src"), { recursive: true, encoding: "utf8" })
  // A page of HTML has names of CSS that look the same.
  .filter((file) => file.endsWith(".ts") && !file.endsWith("htmlReport.ts"))
  .map((file) => ({ file, text: Fs.readFileSync(Path.join(root, "src", file), "utf8") }))

/** Every flag is made by one of `Flag`, or by a function that makes several of a kind. */
const made =
  /(?:Flag\.(?:String|Int|Boolean|Literals|withAlias)\("|\b(?:int|toggle|duration|addresses|file|time|read|number)\(\s*"(?=[a-z0-9-]+",\s*"))([a-z][a-z0-9-]*)"/g

const cli = sources.filter(({ file }) => file.startsWith("cli"))

const flags = new Set(cli.flatMap(({ text }) => Array.from(text.matchAll(made), ([, name]) => name!)))
// Of the parser itself, and of Node.js (`--max-old-space-size`, also as a pattern).
for (const name of ["help", "version", "log-level", "completions", "max-old-space-size", "max"]) flags.add(name)

const places = (pattern: RegExp) =>
  sources.flatMap(({ file, text }) =>
    Array.from(text.matchAll(pattern), (match) => ({ name: match[1]!, place: `${file}: ${match[0]}` }))
  )

describe("names in messages and help", () => {
  it("a flag that is named exists", () => {
    const named = places(/(?<![\w-])--([a-z][a-z0-9-]*[a-z0-9])/g)
    assert.isAbove(named.length, 50)
    assert.deepStrictEqual(named.filter(({ name }) => !flags.has(name)).map(({ place }) => place), [])
  })

  it("a variable that is named exists", () => {
    // Of services, and an example of a setting that is not there.
    const others = ["WENDY_SERVICE_HOST", "WENDY_HOST", "WENDY_SOMETHING_0"]
    const known = new Set([
      ...Environment.settingNames.map(Environment.nameOf),
      ...Environment.optionVariables,
      ...others
    ])
    const named = places(/\b(WENDY_[A-Z0-9_]*[A-Z0-9])\b/g)
    assert.isAbove(named.length, 10)
    assert.deepStrictEqual(named.filter(({ name }) => !known.has(name)).map(({ place }) => place), [])
  })
})
