/**
 * Do imports in `src` go down only, without cycles? `node scripts/checkLayers.ts`; `--table` writes the table of the layers
 * into docs/architecture.md.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"

interface Import {
  readonly line: number
  readonly specifier: string
  /** The imported file when it is one of ours. */
  readonly target: string | undefined
}

export interface Breach {
  readonly file: string
  readonly line: number
  readonly rule: string
  readonly message: string
}

interface Layer {
  /** Folders of `src`. The files right in `src` that are no entry point belong to the layer of `Cluster.ts`. */
  readonly units: ReadonlyArray<string>
  /** Files right in `src` that show this layer and those below it. Nothing imports them. */
  readonly entries?: ReadonlyArray<string>
  readonly holds: string
}

const face = "Cluster.ts and the files beside it"

/** From the lowest, which is layer 1. Units of one layer do not know each other. */
const layers: ReadonlyArray<Layer> = [
  { units: ["ring"], holds: "ids, routing table, leaf set, neighborhood set, coverage, next hop" },
  { units: ["protocol"], holds: "frames and messages on the wire, credentials, settings, errors, events" },
  { units: ["core", "transport"], holds: "decisions as pure functions over state; connections and links" },
  { units: ["actors"], holds: "one fiber and one mailbox each: they own state, time and I/O" },
  { units: [face], holds: "`Cluster`, `Client`, `Application`, `Inspector`, `Settings`, and what is behind them" },
  { units: ["services"], entries: ["index.ts"], holds: "what stands on a Cluster: room for topics, state and Rpc" },
  { units: ["simulation"], entries: ["simulation.ts"], holds: "the simulator and the model checker" },
  { units: ["cli"], entries: ["bin.ts"], holds: "the program `wendy`" }
]

const layerOfUnit = new Map(layers.flatMap(({ units }, index) => units.map((unit) => [unit, index + 1] as const)))
const layerOfEntry = new Map(
  layers.flatMap(({ entries = [] }, index) => entries.map((entry) => [entry, index + 1] as const))
)

/** The layers as docs/architecture.md shows them, the highest first. */
export const renderTable = (): string =>
  [
    "| Layer | Where | What it holds |",
    "|---|---|---|",
    ...layers.map(({ entries = [], holds, units }, index) => {
      const where = [
        ...entries.map((entry) => `\`${entry}\``),
        ...units.map((unit) => unit === face ? unit : `\`${unit}/\``)
      ]
      return `| ${index + 1} | ${where.join(", ")} | ${holds} |`
    }).toReversed()
  ].join("\n")

// Values and schemas only: nothing in them runs an effect. SHA-256 is the one thing ring takes from node.
const ringMayImport = new RegExp(
  "^(node:crypto|effect/(Schema(Getter|Issue|Transformation)?|Equal|Hash|Order|Equivalence|Option|Data|Array|" +
    "Function|Predicate|Inspectable|Pipeable|Arbitrary|Brand|Result))$"
)

const coreMustNotImport = /^(node:.*|effect\/(Effect|Clock|Random|Queue|Fiber|Layer|Scope))$/

/** Optional peers: only the program needs them. */
const peers = /^(@effect\/|@peculiar\/|reflect-metadata$)/

/** The unit a file belongs to: a folder, an entry point, or the other files right in `src`. */
const unitOf = (file: string): string => {
  const [, first, ...rest] = file.split("/") as [string, string, ...Array<string>]
  return rest.length > 0 || layerOfEntry.has(first) ? first : face
}

const layerOf = (unit: string): number | undefined => layerOfEntry.get(unit) ?? layerOfUnit.get(unit)

/** Whether a unit may import another one, of known layers. An entry point shows its own layer, too. */
const mayImport = (from: string, high: number, to: string, low: number): boolean =>
  !layerOfEntry.has(to) && (low < high || (layerOfEntry.has(from) && low === high))

// Comments hold examples with imports, templates may hold help texts with some; both are blanked,
// line breaks stay for the line numbers. Quoted strings are matched so that a "//" in one is not a comment.
const blank = (source: string): string =>
  source.replace(
    /\/\/[^\n]*|\/\*[\s\S]*?\*\/|`(?:\\[\s\S]|[^`\\])*`|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g,
    (token) => token.startsWith("\"") || token.startsWith("'") ? token : token.replace(/[^\n]/g, " ")
  )

const patterns = [
  /^[ \t]*(?:import|export)\b[^"';()=]*?\bfrom\s*["'](?<specifier>[^"'\n]+)["']/gm,
  /^[ \t]*import\s*["'](?<specifier>[^"'\n]+)["']/gm,
  // Also the type `import("…")`. Without a literal the specifier is empty.
  /(?<![.\w])import\s*\((?:\s*["'](?<specifier>[^"'\n]+)["'])?/g
]

const importsOf = (file: string, source: string): Array<Import> => {
  const text = blank(source)
  const imports: Array<Import> = []
  for (const pattern of patterns) {
    for (const match of text.matchAll(pattern)) {
      const specifier = match.groups?.["specifier"] ?? ""
      imports.push({
        line: text.slice(0, match.index + match[0].length).split("\n").length,
        specifier,
        target: specifier.startsWith(".") ? Path.posix.join(Path.posix.dirname(file), specifier) : undefined
      })
    }
  }
  return imports.sort((a, b) => a.line - b.line)
}

/** In Effect's packages modules are PascalCase; what ends in a lower-case segment is a barrel. */
const isBarrel = (specifier: string): boolean => {
  const match = /^(?:effect|@effect\/[^/]+)(?:\/(?:.*\/)?([^/]+))?$/.exec(specifier)
  return match !== null && !/^[A-Z]/.test(match[1] ?? "")
}

const describe = (unit: string): string => `${unit} (layer ${layerOf(unit)})`

/** What is wrong with one import on its own. */
function* judge(file: string, { specifier, target }: Import): Generator<readonly [rule: string, message: string]> {
  const from = unitOf(file)
  if (specifier === "") yield ["dynamic", "a computed import cannot be checked: name the file"]
  if (isBarrel(specifier)) yield ["barrel", `${specifier} is a barrel: import the module itself`]
  if (/^effect-wendy(\/|$)/.test(specifier)) yield ["self", `${specifier} is this package: use a relative path`]
  if (target === undefined) {
    if (peers.test(specifier) && from !== "cli") {
      yield ["peer", `${specifier} is a peer that only the program needs: nothing but src/cli imports it`]
    }
    if (from === "ring" && specifier !== "" && !ringMayImport.test(specifier)) {
      yield ["pure", `ring must not import ${specifier}: it is pure, without the Effect runtime`]
    }
    if (from === "core" && coreMustNotImport.test(specifier)) {
      yield ["pure", `core must not import ${specifier}: no clock, no chance, no I/O inside`]
    }
    return
  }
  if (!target.startsWith("src/")) return yield ["outside", `${specifier} lies outside src`]
  if (/(^|\/)index\.ts$/.test(target)) return yield ["barrel", `nobody imports ${target}: import the module itself`]
  const to = unitOf(target)
  const [low, high] = [layerOf(to), layerOf(from)]
  // An unknown folder is reported once, by its own files.
  if (from === to || low === undefined || high === undefined || mayImport(from, high, to, low)) return
  yield low === high && !layerOfEntry.has(to)
    ? ["sideways", `${describe(from)} and ${describe(to)} must not import each other`]
    : ["upward", `${describe(from)} imports ${describe(to)}: imports go down only`]
}

/** Each way back to a file that is still being visited closes a cycle. */
const findCycles = (imports: ReadonlyMap<string, ReadonlyArray<Import>>): Array<Breach> => {
  const breaches: Array<Breach> = []
  const done = new Set<string>()
  const path: Array<string> = []
  const visit = (file: string): void => {
    path.push(file)
    for (const { line, target } of imports.get(file) ?? []) {
      if (target === undefined || done.has(target)) continue
      const start = path.indexOf(target)
      if (start === -1) visit(target)
      else breaches.push({ file, line, rule: "cycle", message: [...path.slice(start), target].join(" -> ") })
    }
    path.pop()
    done.add(file)
  }
  for (const file of imports.keys()) if (!done.has(file)) visit(file)
  return breaches
}

/** Checks a set of files, path (`src/…`, with slashes) to text. */
export const checkLayers = (
  files: ReadonlyMap<string, string>
): { readonly breaches: ReadonlyArray<Breach>; readonly imports: number } => {
  const imports = new Map([...files].map(([file, source]) => [file, importsOf(file, source)]))
  const breaches = findCycles(imports)
  for (const [file, list] of imports) {
    const unit = unitOf(file)
    if (layerOf(unit) === undefined) {
      const message = `src/${unit} has no layer: add it to the list in scripts/checkLayers.ts`
      breaches.push({ file, line: 1, rule: "unknown", message })
    }
    for (const one of list) {
      for (const [rule, message] of judge(file, one)) breaches.push({ file, line: one.line, rule, message })
    }
  }
  breaches.sort((a, b) => a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line)
  return { breaches, imports: [...imports.values()].reduce((sum, list) => sum + list.length, 0) }
}

const root = Path.resolve(import.meta.dirname, "..")

export const file = Path.join(root, "docs", "architecture.md")

const [begin, end] = ["<!-- layers: written by scripts/checkLayers.ts --table -->", "<!-- /layers -->"]

/** A text with the table between its marks brought up to date. */
export const update = (text: string): string => {
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from === -1 || to < from) throw new Error(`docs/architecture.md needs the marks ${begin} and ${end}`)
  return `${text.slice(0, from)}${begin}\n\n${renderTable()}\n\n${text.slice(to)}`
}

if (import.meta.main && process.argv.includes("--table")) {
  Fs.writeFileSync(file, update(Fs.readFileSync(file, "utf8")))
} else if (import.meta.main) {
  const names = Fs.readdirSync(Path.join(root, "src"), { recursive: true, encoding: "utf8" })
  const files = new Map<string, string>()
  for (const name of names.filter((name) => name.endsWith(".ts")).sort()) {
    files.set(Path.posix.join("src", name.replaceAll("\\", "/")), Fs.readFileSync(Path.join(root, "src", name), "utf8"))
  }
  const { breaches, imports } = checkLayers(files)
  for (const { file, line, message, rule } of breaches) console.error(`${file}:${line}: ${rule}: ${message}`)
  if (breaches.length > 0) process.exitCode = 1
  else console.log(`layers: ${files.size} files, ${imports} imports, all go down`)
}
