/**
 * Every export of the public modules (what `src/index.ts` and `src/simulation.ts` export) has a docstring in the shape of Effect's: a text,
 * then those of the sections that say something, in one order, then @category and @since.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Path from "node:path"

const src = Path.resolve(import.meta.dirname, "..", "..", "src")

interface Export {
  readonly name: string
  readonly line: number
  readonly keyword: string
  readonly doc: string
  /** Its members that have no comment. */
  readonly bare: ReadonlyArray<string>
}

/** The text of the comment that ends on the line above; empty when there is none. */
const docAbove = (lines: ReadonlyArray<string>, index: number): string => {
  if (!/\*\/\s*$/.test(lines[index - 1] ?? "")) return ""
  let first = index - 1
  while (first > 0 && !/^\s*\/\*\*/.test(lines[first]!)) first--
  return lines.slice(first, index).map((line) => line.replace(/^\s*(\/\*\*|\*\/|\*) ?/, "")).join("\n").trim()
}

/** Members of an interface, or of a service, that have no comment. */
const bareMembers = (lines: ReadonlyArray<string>, index: number): ReadonlyArray<string> => {
  if (!/^export (interface .*|class .*Context\.Service<\w+,) ?\{$/.test(lines[index]!)) return []
  const bare: Array<string> = []
  for (let at = index + 1; at < lines.length && !lines[at]!.startsWith("}"); at++) {
    const member = /^ {2}(?:readonly |get )?(\w+)\??[:(]/.exec(lines[at]!)
    if (member !== null && member[1] !== "_tag" && docAbove(lines, at) === "") bare.push(member[1]!)
  }
  return bare
}

const scan = (source: string): ReadonlyArray<Export> => {
  const lines = source.split("\n")
  return lines.flatMap((line, index) => {
    const match = /^export (?:declare )?(const|class|interface|type|function) (\w+)/.exec(line)
    if (match === null) return []
    const [, keyword, name] = match
    return [{
      name: name!,
      line: index + 1,
      keyword: keyword!,
      doc: docAbove(lines, index),
      bare: bareMembers(lines, index)
    }]
  })
}

const tagOf = (doc: string, tag: string): string | undefined => new RegExp(`^@${tag} (.+)$`, "m").exec(doc)?.[1]

const sectionNames = ["When to use", "Details", "Gotchas", "Example"]

/** Categories whose exports cannot be understood without one. */
const withExample: ReadonlySet<string | undefined> = new Set(["constructors", "layers", "services", "schemas"])

/** Values that need none: their text says all, or an example of what fails with them does. */
const withoutExample: ReadonlySet<string | undefined> = new Set(["constants", "errors", "models"])

const problemsOf = ({ bare, doc, keyword }: Export): ReadonlyArray<string> => {
  if (/^@internal$/m.test(doc)) return []
  if (doc === "") return ["has no docstring"]
  const problems: Array<string> = []
  const category = tagOf(doc, "category")
  if (category === undefined) problems.push("has no @category")
  if (tagOf(doc, "since") === undefined) problems.push("has no @since")
  if (doc.startsWith("@") || doc.startsWith("**")) problems.push("has no text")

  const parts = doc.split(/^\*\*([^*]+)\*\*(?: \(.+\))?$/m)
  const found = parts.filter((_, index) => index % 2 === 1)
  const places = found.map((name) => sectionNames.indexOf(name))
  if (places.includes(-1) || places.some((place, index) => index > 0 && place < places[index - 1]!)) {
    problems.push(`has the sections ${found.join(", ")}; in order they are ${sectionNames.join(", ")}`)
  }
  found.forEach((name, index) => {
    const text = parts[2 * index + 2]!.replace(/^@.*$/gm, "").trim()
    if (text === "" || (name === "Example" && !text.startsWith("```ts"))) problems.push(`has nothing in "${name}"`)
  })
  const isCalled = keyword === "const" && !withoutExample.has(category)
  if ((withExample.has(category) || isCalled) && !found.includes("Example")) problems.push("has no Example")
  if ((category === "services" || category === "layers") && !found.includes("When to use")) {
    problems.push("does not say when to use it")
  }
  return [...problems, ...bare.map((member) => `says nothing of its member ${member}`)]
}

const read = (path: string): string => Fs.readFileSync(Path.join(src, path), "utf8")

const modules = ["index.ts", "simulation.ts"]
  .flatMap((face) => [...read(face).matchAll(/^export \* as (\w+) from "\.\/(.+)"$/gm)])
  .map(([, name, path]) => ({ name: name!, path: path! }))

describe("docstrings", () => {
  it("the public modules are found", () => {
    assert.includeMembers(modules.map(({ name }) => name), ["Cluster", "NodeId", "MemoryTransport", "Simulator"])
  })

  for (const { name, path } of modules) {
    it(name, () => {
      const source = read(path)
      const problems: Array<string> = []
      const header = docAbove(
        ["", ...source.split("\n")],
        source.split("\n").findIndex((line) => /^ \*\/$/.test(line)) + 2
      )
      if (tagOf(header, "since") === undefined) problems.push(`${path}: its header has no @since`)
      const exports = [...scan(source)]
      // What it takes from other modules, such as errors, is documented there.
      for (const [, names, from] of source.matchAll(/^export (?:type )?\{ (.+) \} from "(.+)"$/gm)) {
        const others = scan(read(Path.join(Path.dirname(path), from!)))
        exports.push(...others.filter((other) => names!.split(", ").includes(other.name)))
      }
      assert.isAbove(exports.length, 0)
      for (const one of exports) {
        problems.push(...problemsOf(one).map((problem) => `${path}:${one.line}: ${one.name} ${problem}`))
      }
      assert.strictEqual(problems.join("\n"), "")
    })
  }
})

describe("the scan", () => {
  const problems = (doc: ReadonlyArray<string>, code: string) =>
    scan([...doc, code].join("\n")).flatMap((one) => problemsOf(one))

  const comment = (...lines: ReadonlyArray<string>) => ["/**", ...lines.map((line) => ` * ${line}`.trimEnd()), " */"]

  const tags = (category: string) => ["", `@category ${category}`, "@since 0.1.0"]

  it("accepts a docstring", () => {
    const example = ["**Example** (A title)", "", "```ts", "make()", "```"]
    const doc = comment("What it is.", "", "**Details**", "", "More.", "", ...example, ...tags("constructors"))
    assert.deepStrictEqual(problems(doc, "export const make = 1"), [])
    assert.deepStrictEqual(problems(comment("For us.", "", "@internal"), "export const make = 1"), [])
  })

  it("finds what is missing", () => {
    assert.deepStrictEqual(problems([], "export const make = 1"), ["has no docstring"])
    assert.deepStrictEqual(problems(["/** Text. */"], "export type A = 1"), ["has no @category", "has no @since"])
    assert.deepStrictEqual(problems(comment("Text.", ...tags("getters")), "export const a = 1"), ["has no Example"])
    assert.deepStrictEqual(problems(comment("Text.", ...tags("schemas")), "export class A {}"), ["has no Example"])
    assert.deepStrictEqual(
      problems(
        comment("Text.", "", "**Gotchas**", "", "One.", "", "**Details**", ...tags("models")),
        "export type A = 1"
      ),
      [
        "has the sections Gotchas, Details; in order they are When to use, Details, Gotchas, Example",
        "has nothing in \"Details\""
      ]
    )
    assert.deepStrictEqual(
      problems(
        comment("Text.", ...tags("models")),
        "export interface A {\n  /** Text. */\n  readonly a: 1\n  readonly b?: {\n    readonly c: 1\n  }\n}"
      ),
      ["says nothing of its member b"]
    )
  })
})
