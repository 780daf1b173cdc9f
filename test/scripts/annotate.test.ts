import { assert, describe, it } from "@effect/vitest"
import { SourceMap } from "node:module"
import { annotate, shift } from "../../scripts/annotate.ts"

const marked = (code: string) => annotate(code).code.replaceAll("/* @__PURE__ */ ", "#")

describe("annotate", () => {
  it("marks the calls that run when a module is loaded, and make a value", () => {
    const cases: ReadonlyArray<readonly [string, string]> = [
      [`export const a = f(g(1))`, `export const a = #f(#g(1))`],
      [`const a = S.x.check(S.y()).pipe(S.z)`, `const a = #S.x.check(#S.y()).pipe(S.z)`],
      [`const a = new Map()`, `const a = #new Map()`],
      [`const a = [f(), { b: f() }]`, `const a = [#f(), { b: #f() }]`],
      [
        `export class A extends S.Tagged()("A", { b: S.c() }) {}`,
        `export class A extends #S.Tagged()("A", { b: #S.c() }) {}`
      ],
      [`class A { static b = f() }`, `class A { static b = #f() }`]
    ]
    for (const [before, after] of cases) assert.strictEqual(marked(before), after)
  })

  it("leaves alone what runs later, what is there for what it does, and what is marked", () => {
    const cases = [
      `const a = () => f()`,
      `const a = { b: function() { return f() } }`,
      `function a() { const b = f() }`,
      `class A { b = f(); c() { return f() } static { f() } }`,
      `f()`,
      `if (true) f()`,
      `const a = /* @__PURE__ */ f()`
    ]
    for (const code of cases) assert.strictEqual(annotate(code).code, code)
  })

  it("source maps lead to the same places as before", () => {
    const code = `const text = "—"\nexport const a = f(g(1)), b = 2\nconst c = h()\n`
    // As tsc has it: a segment for each token, here for some of them, all to one line of the source.
    const mappings = "AAAA;AACA,iBAAiB,EAAE,EAAE,GAAG,EAAE;AAChC,UAAU"
    const map = (text: string) =>
      new SourceMap({
        version: 3,
        file: "x.js",
        sources: ["x.ts"],
        sourcesContent: [],
        names: [],
        mappings: text,
        sourceRoot: ""
      })
    const { code: after, places } = annotate(code)
    const moved = map(shift(mappings, code, places))
    const before = map(mappings)
    for (const [line, token] of [[1, "f("], [1, "g("], [1, "1)"], [2, "h("]] as const) {
      const at = (text: string) => text.split("\n")[line]!.indexOf(token)
      assert.deepInclude(moved.findEntry(line, at(after)), {
        ...before.findEntry(line, at(code)),
        generatedColumn: at(after)
      })
    }
  })
})
