/**
 * annotate: marks calls that run when a module is loaded as free of side effects. `node scripts/annotate.ts dist`
 *
 * A bundler keeps a constant that nobody uses when its value comes from a call: it cannot know what the call does. Here
 * all of them make values (Schemas, Layers, services, errors), as in Effect's own packages, whose build does the same.
 * Statements that are calls are left alone: they are there for what they do. Source maps follow.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { parseAst } from "rolldown/parseAst"

const mark = "/* @__PURE__ */ "

interface Syntax {
  readonly type: string
  readonly start: number
  readonly [key: string]: unknown
}

const isSyntax = (value: unknown): value is Syntax =>
  typeof value === "object" && value !== null && "type" in value && typeof value.type === "string"

const childrenOf = (node: Syntax): ReadonlyArray<Syntax> => Object.values(node).flat().filter(isSyntax)

/** Runs later, or not for a value. */
const isLater = (node: Syntax): boolean =>
  /Function/.test(node.type) || node.type === "StaticBlock" || node.type === "ExpressionStatement" ||
  (node.type === "PropertyDefinition" && node["static"] !== true)

/** Where the calls begin that run when the module is loaded. */
const findCalls = (node: Syntax, found = new Set<number>()): ReadonlySet<number> => {
  if (isLater(node)) return found
  if (node.type === "CallExpression" || node.type === "NewExpression") found.add(node.start)
  for (const child of childrenOf(node)) findCalls(child, found)
  return found
}

/** The code with its calls marked, and where the marks went in: offsets in the code as it was. */
export const annotate = (code: string): { readonly code: string; readonly places: ReadonlyArray<number> } => {
  const places = [...findCalls(parseAst(code) as unknown as Syntax)]
    .filter((place) => !code.slice(0, place).trimEnd().endsWith("__PURE__ */"))
    .sort((a, b) => a - b)
  const parts = places.map((place, index) => code.slice(places[index - 1] ?? 0, place) + mark)
  return { code: parts.join("") + code.slice(places.at(-1) ?? 0), places }
}

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

/** A number of a source map: base 64, least significant first, five bits each, the sign in the lowest. */
const decode = (text: string): readonly [value: number, length: number] => {
  let value = 0
  let length = 0
  for (let shift = 0;; shift += 5) {
    const digit = digits.indexOf(text[length++]!)
    value |= (digit & 31) << shift
    if ((digit & 32) === 0) return [(value & 1) === 1 ? -(value >> 1) : value >> 1, length]
  }
}

const encode = (value: number): string => {
  let rest = value < 0 ? (-value << 1) | 1 : value << 1
  let text = ""
  do {
    const digit = rest & 31
    rest >>= 5
    text += digits[rest > 0 ? digit | 32 : digit]
  } while (rest > 0)
  return text
}

/** The mappings of the code with the marks in it. */
export const shift = (mappings: string, code: string, places: ReadonlyArray<number>): string => {
  let start = 0
  return mappings.split(";").map((line) => {
    const end = code.indexOf("\n", start)
    const columns = places.filter((place) => place >= start && (end === -1 || place < end)).map((place) =>
      place - start
    )
    start = end === -1 ? code.length : end + 1
    if (columns.length === 0 || line === "") return line
    let before = 0
    let after = 0
    return line.split(",").map((segment) => {
      const [delta, length] = decode(segment)
      before += delta
      const moved = before + mark.length * columns.filter((column) => column <= before).length
      const text = encode(moved - after) + segment.slice(length)
      after = moved
      return text
    }).join(",")
  }).join(";")
}

if (import.meta.main) {
  const folder = process.argv[2]
  if (folder === undefined) throw new Error("name a folder with built modules")
  let count = 0
  for (const name of Fs.readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".js")) continue
    const file = Path.join(folder, name)
    const before = Fs.readFileSync(file, "utf8")
    const { code, places } = annotate(before)
    if (places.length === 0) continue
    count += places.length
    Fs.writeFileSync(file, code)
    const map = JSON.parse(Fs.readFileSync(`${file}.map`, "utf8"))
    Fs.writeFileSync(`${file}.map`, JSON.stringify({ ...map, mappings: shift(map.mappings, before, places) }))
  }
  console.log(`annotated: ${count} calls`)
}
