/**
 * Every `ts` block of README.md, of the other pages and of the docstrings of `src` is type-checked with the strict
 * options of tsconfig.json, and run. For who writes one:
 *
 * - An example is complete: it imports what it uses, ours from "effect-wendy". It may declare constants that it does
 *   not use.
 * - `expression // => value` is an assertion, on the line on which the expression begins: a statement, or what a
 *   `const` is given.
 * - An example of a docstring ends by itself within seconds; one that waits does so with `await` at its top level. All
 *   of them run in one process, so none of them ends it, and those with a network use port 0 or `MemoryTransport`.
 * - One that imports from "@effect/vitest" is run by vitest.
 * - On a page the blocks of one section are run in order, each in a process of its own, which has to exit with 0. A
 *   block `ts file=one.ts` has this name, and the other blocks of its page import it as "./one.ts". A block `ts server`
 *   (or `ts file=one.ts server`) is started and left alone; when the others of its section have ended it gets SIGTERM,
 *   and has to exit with 0, or 130, as `runMain` does.
 * - Lines of `text` blocks in a section with examples have to be printed by one of them; three dots in a line stand for
 *   anything. A server gets its SIGTERM when they have been printed, so its section has such a block.
 * - Ports from 7000 to 7099 are replaced by free ones, the same for the whole page.
 * - `ts no-run` is type-checked only. It is for what cannot run here, and the text beside it says why.
 * - Code that is no example, such as a piece of one, is no `ts` block but a `typescript` block.
 */
import { assert, describe, it } from "@effect/vitest"
import { afterAll, beforeAll } from "vitest"
import * as Examples from "./Examples.ts"

const { docstrings, sections } = Examples.find()
const all = [...sections.flatMap(({ examples }) => examples), ...docstrings]
const tests = all.filter(({ kind }) => kind === "test")

const minutes = 60_000

describe("examples of the documentation", () => {
  let workshop: Examples.Workshop | undefined
  let problems: ReadonlyArray<string> = []
  const failures: Examples.Failures = new Map()

  beforeAll(async () => {
    const shop = await Examples.write(all)
    workshop = shop
    const take = (found: Examples.Failures) => found.forEach((failure, example) => failures.set(example, failure))
    const runPages = async () => {
      for (const section of sections) take(await Examples.runSection(section, shop))
      take(await Examples.runTests(tests, shop))
    }
    const checkTypes = async () => {
      problems = await Examples.typeCheck(shop)
      take(await Examples.runDocstrings(docstrings.filter(({ kind }) => kind === "docstring"), shop))
    }
    // Two at a time: the machines that run tests have two cores.
    await Promise.all([runPages(), checkTypes()])
  }, 4 * minutes)

  afterAll(() => workshop?.remove())

  it("have types", () => assert.strictEqual(problems.join("\n"), ""))

  for (const example of all.filter(({ kind }) => kind !== "no-run")) {
    it(Examples.nameOf(example), () => {
      const failure = failures.get(example)
      if (failure !== undefined) assert.fail(failure)
    })
  }
})

describe("the runner", () => {
  const make = (code: string, line = 1, kind: Examples.Example["kind"] = "docstring"): Examples.Example => ({
    source: "docs/a.md",
    line,
    code,
    file: undefined,
    kind
  })

  it("finds blocks in docstrings", () => {
    const source = [
      "/** One line. */",
      "const a = 1",
      "/**",
      " * Text",
      " *",
      " * ```ts",
      " * a",
      " *",
      " *   b",
      " * ```",
      " */"
    ]
    assert.deepStrictEqual(Examples.docstringsOf("a.ts", source.join("\n")), [
      { source: "a.ts", line: 7, code: "a\n\n  b", file: undefined, kind: "docstring" }
    ])
  })

  it("finds the sections of a page, their programs and what they print", () => {
    const page = [
      "# One",
      "```text",
      "not printed by an example",
      "```",
      "## Two",
      "```ts file=one.ts server",
      "# no heading",
      "```",
      "```sh",
      "npm test",
      "```",
      "````text",
      "```",
      "  a",
      "````",
      "```ts no-run",
      "```"
    ]
    assert.deepStrictEqual(Examples.sectionsOf("a.md", page.join("\n")), [{
      examples: [
        { source: "a.md", line: 7, code: "# no heading", file: "one.ts", kind: "server" },
        { source: "a.md", line: 17, code: "", file: undefined, kind: "no-run" }
      ],
      output: ["```", "a"]
    }])
  })

  it("refuses what it does not know", () => {
    assert.throws(() => Examples.sectionsOf("a.md", "```ts norun\n```"), /a.md:2: the runner knows no norun/)
    assert.throws(() => Examples.docstringsOf("a.ts", "/**\n * ```ts server\n * ```\n */"), /ends by itself/)
    assert.throws(() => Examples.assertive(make("one(\n)\n// => 1")), /^docs\/a.md:1: "\/\/ =>" stands behind/)
  })

  it("turns values into assertions", () => {
    assert.strictEqual(Examples.assertive(make("const a = 1")), "const a = 1")
    assert.strictEqual(
      Examples.assertive(make("const a = 1 // => 1\n  yield* b // => \"b\"\nc")),
      "import { assertSame } from \"../assertSame.ts\"; const a = 1; assertSame(a, 1)\n  assertSame(yield* b, \"b\")\nc"
    )
  })

  it("compares what was printed", () => {
    assert.deepStrictEqual(Examples.missing(["a (b", "after ... ms", "x"], "... a (b)\nafter 12.5 ms"), ["x"])
  })

  it("names the example that fails, and its line", async () => {
    const good = make("export const one: number = 1", 10)
    const bad = make("\nexport const one: number = \"1\"", 20)
    const wrong = make("\n1 + 1 // => 3", 30)
    const late = make("void Promise.reject(new Error(\"nobody awaits it\"))", 40)
    const program = make("\nthrow new Error(\"program\")", 50, "program")
    const server = make("setInterval(() => {}, 1000)\nconsole.log(\"it runs\")", 60, "server")
    const failing = "import { assert, it } from \"@effect/vitest\"\nit(\"fails\", () => assert.strictEqual(1, 2))"
    const test = make(failing, 70, "test")
    const workshop = await Examples.write([good, bad, wrong, late, program, server, test])
    try {
      const problems = await Examples.typeCheck(workshop)
      assert.strictEqual(problems.length, 1)
      assert.match(problems[0]!, /^docs\/a.md:21:14: error TS2322/)
      const failures = await Examples.runDocstrings([good, wrong, late], workshop)
      assert.deepStrictEqual([...failures.keys()], [wrong, late])
      assert.match(failures.get(wrong)!, /docs\/a.md:31/)
      assert.match(failures.get(late)!, /nobody awaits it/)
      assert.match(
        (await Examples.runSection({ examples: [program], output: [] }, workshop)).get(program)!,
        /^exit 1\n[^]*docs\/a.md:51/
      )
      const runServer = async (output: ReadonlyArray<string>) =>
        (await Examples.runSection({ examples: [server], output }, workshop)).get(server)!
      assert.match(await runServer([]), /nobody knows when it runs/)
      assert.match(await runServer(["it ..."]), /^ended by SIGTERM\nit runs/)
      assert.match((await Examples.runTests([test], workshop)).get(test)!, /expected 1 to equal 2/)
    } finally {
      workshop.remove()
    }
  }, minutes)
})
