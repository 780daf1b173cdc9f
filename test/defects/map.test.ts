/**
 * `docs/defects.md` maps every defect of Go Wendy to the tests that show that it is none here: no row and
 * no test may be missing on either side.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Path from "node:path"

const root = Path.join(import.meta.dirname, "../..")

const known = [
  "A joining Node swallows messages",
  "A hole in the leaf set stays until state happens to arrive",
  "The system clock"
]

interface Test {
  readonly file: string
  readonly title: string
}

const print = ({ file, title }: Test) => `${file}: ${title}`

interface Row {
  /** A number, or `known`. */
  readonly name: string
  readonly defect: string
  readonly tests: ReadonlyArray<Test>
}

const rows: ReadonlyArray<Row> = Fs.readFileSync(Path.join(root, "docs/defects.md"), "utf8").split("\n").flatMap(
  (line) => {
    const [, name, defect, tests] = line.match(/^\| (\d+|known) \| (.+?) \| (.+) \|$/) ?? []
    if (name === undefined) return []
    const named = Array.from(tests!.matchAll(/`(test\/[^`]+)`: "([^"]+)"/g), ([, file, title]) => ({
      file: file!,
      title: title!
    }))
    return [{ name, defect: defect!, tests: named }]
  }
)

/** What a title says that it is about: numbers of defects, or a bug that was known. */
const namesOf = (title: string): ReadonlyArray<string> => {
  const bug = known.find((bug) => title.toLowerCase().startsWith(`go wendy known bug: ${bug.toLowerCase()}`))
  return bug === undefined ? title.slice(0, title.indexOf(":")).match(/\d+/g) ?? [] : [bug]
}

/** Every title in the sources of the tests that names one. */
const titles: ReadonlyArray<Test> = Fs.readdirSync(Path.join(root, "test"), { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts") && Path.join(root, "test", file) !== import.meta.filename)
  .flatMap((file) => {
    const source = Fs.readFileSync(Path.join(root, "test", file), "utf8")
    return Array.from(source.matchAll(/(["`])(Go Wendy (?:defect|known bug).*?)\1/g), (match) => ({
      file: `test/${file.replaceAll("\\", "/")}`,
      title: match[2]!
    }))
  })

describe("docs/defects.md", () => {
  it("has a row for each of the 44 defects, in order, and for the three bugs that were known", () => {
    const numbers = Array.from({ length: 44 }, (_, index) => `${index + 1}`)
    assert.deepStrictEqual(rows.map(({ name }) => name), [...numbers, ...known.map(() => "known")])
    assert.deepStrictEqual(rows.filter(({ name }) => name === "known").map(({ defect }) => defect), known)
  })

  for (const row of rows) {
    const name = row.name === "known" ? row.defect : row.name
    it(`${name}: every test that it names is there, is about it, and none is left out`, () => {
      assert.isNotEmpty(row.tests)
      assert.sameMembers(
        row.tests.map(print),
        titles.filter(({ title }) => namesOf(title).includes(name)).map(print)
      )
    })
  }

  it("every title that names a defect of Go Wendy names one that is in the list", () => {
    const names = new Set(rows.map(({ defect, name }) => name === "known" ? defect : name))
    const astray = titles.filter(({ title }) =>
      namesOf(title).length === 0 || !namesOf(title).every((name) => names.has(name))
    )
    assert.isEmpty(astray.map(print))
  })
})
