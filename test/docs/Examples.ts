/**
 * Finds the examples of the documentation, type-checks them and runs them. The rules for who writes one are at the
 * head of `examples.test.ts`.
 */
import { type ChildProcess, spawn } from "node:child_process"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Path from "node:path"

const root = Path.resolve(import.meta.dirname, "..", "..")

/** How long an example of a docstring, another program, and everything that a server prints may take, in seconds. */
const patience = { docstring: 10, program: 30, output: 15, server: 5, tool: 120 }

// -----------------------------------------------------------------------------
// finding
// -----------------------------------------------------------------------------

export interface Example {
  /** The file that it stands in, from the root of the repository. */
  readonly source: string
  /** The line of its first line there. */
  readonly line: number
  readonly code: string
  /** The name under which others of its page can import it. */
  readonly file: string | undefined
  readonly kind: "docstring" | "program" | "server" | "test" | "no-run"
}

/** What one section of a page runs, in order, and the lines that it prints. */
export interface Section {
  readonly examples: ReadonlyArray<Example>
  readonly output: ReadonlyArray<string>
}

export const nameOf = ({ line, source }: Example): string => `${source}:${line}`

interface Fence {
  readonly info: ReadonlyArray<string>
  readonly line: number
  readonly text: string
}

type Part = Fence | "heading"

/** The fenced blocks and headings of a page, in order. */
const partsOf = (markdown: string): ReadonlyArray<Part> => {
  const parts: Array<Part> = []
  let open: { readonly mark: string; readonly info: string; readonly line: number } | undefined
  let lines: Array<string> = []
  markdown.split("\n").forEach((text, index) => {
    const mark = /^\s*(```+)(.*)$/.exec(text)
    if (open !== undefined) {
      if (mark !== null && mark[1]!.length >= open.mark.length && mark[2]!.trim() === "") {
        parts.push({ info: open.info.split(/\s+/), line: open.line, text: lines.join("\n") })
        open = undefined
      } else lines.push(text)
    } else if (mark !== null) {
      open = { mark: mark[1]!, info: mark[2]!.trim(), line: index + 2 }
      lines = []
    } else if (/^#{1,6} /.test(text)) parts.push("heading")
  })
  if (open !== undefined) throw new Error(`the block that begins above line ${open.line} does not end`)
  return parts
}

const exampleOf = (source: string, { info, line, text }: Fence, kind: "docstring" | "program"): Example => {
  const words = new Set(info.slice(1))
  const file = info.find((word) => word.startsWith("file="))?.slice("file=".length)
  const isServer = words.delete("server")
  const isSkipped = words.delete("no-run")
  if (file !== undefined) words.delete(`file=${file}`)
  const place = `${source}:${line}`
  if (words.size > 0) throw new Error(`${place}: the runner knows no ${[...words].join(" ")}`)
  if (kind === "docstring" && (isServer || file !== undefined)) {
    throw new Error(`${place}: an example of a docstring stands alone and ends by itself`)
  }
  if (file !== undefined && !/^[\w-]+(\.[\w-]+)*\.ts$/.test(file)) throw new Error(`${place}: ${file} is no file name`)
  return {
    source,
    line,
    code: text,
    file,
    kind: isSkipped ? "no-run" : /from "(@effect\/)?vitest"/.test(text) ? "test" : isServer ? "server" : kind
  }
}

/** The sections of a page that have an example. */
export const sectionsOf = (source: string, markdown: string): ReadonlyArray<Section> => {
  const sections: Array<{ examples: Array<Example>; output: Array<string> }> = [{ examples: [], output: [] }]
  for (const part of partsOf(markdown)) {
    if (part === "heading") sections.push({ examples: [], output: [] })
    else if (part.info[0] === "ts") sections.at(-1)!.examples.push(exampleOf(source, part, "program"))
    else if (part.info[0] === "text") {
      sections.at(-1)!.output.push(...part.text.split("\n").map((line) => line.trim()).filter((line) => line !== ""))
    }
  }
  return sections.filter(({ examples }) => examples.length > 0)
}

/** The examples in the comments of a source file. */
export const docstringsOf = (source: string, text: string): ReadonlyArray<Example> => {
  // What is no comment becomes an empty line, so that lines keep their numbers.
  let isComment = false
  const lines = text.split("\n").map((line) => {
    if (/^\s*\/\*\*/.test(line)) isComment = true
    const content = isComment ? /^\s*\* ?(?!\/)(.*)$/.exec(line)?.[1] ?? "" : ""
    if (line.includes("*/")) isComment = false
    return content
  })
  return partsOf(lines.join("\n")).flatMap((part) =>
    part !== "heading" && part.info[0] === "ts" ? [exampleOf(source, part, "docstring")] : []
  )
}

const read = (source: string): string => Fs.readFileSync(Path.join(root, source), "utf8")

const list = (folder: string, pattern: RegExp): ReadonlyArray<string> =>
  Fs.readdirSync(Path.join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => pattern.test(name)).map((name) => Path.posix.join(folder, name)).toSorted()

/** Everything in README.md, the other pages, and the docstrings of `src`. */
export const find = (): { readonly sections: ReadonlyArray<Section>; readonly docstrings: ReadonlyArray<Example> } => ({
  sections: [...Fs.readdirSync(root).filter((name) => name.endsWith(".md")), ...list("docs", /\.md$/)]
    .flatMap((page) => sectionsOf(page, read(page))),
  docstrings: list("src", /\.ts$/).flatMap((source) => docstringsOf(source, read(source)))
})

// -----------------------------------------------------------------------------
// writing
// -----------------------------------------------------------------------------

/** Turns what an example says of its values, `expression // => value`, into assertions on the same lines. */
export const assertive = (example: Example): string => {
  let found = false
  const lines = example.code.split("\n").map((line) => {
    if (!line.includes("// =>")) return line
    const match = /^(\s*)(?:const (\w+) = )?(\S.*?) \/\/ => (.+)$/.exec(line)
    if (match === null) {
      throw new Error(`${nameOf(example)}: "// =>" stands behind an expression, on its line, and not so: ${line}`)
    }
    found = true
    const [, indent, name, expression, value] = match
    return name === undefined
      ? `${indent}assertSame(${expression}, ${value})`
      : `${indent}const ${name} = ${expression}; assertSame(${name}, ${value})`
  })
  return found ? `import { assertSame } from "../assertSame.ts"; ${lines.join("\n")}` : example.code
}

const assertSame = `import * as Equal from "effect/Equal"
import { deepStrictEqual } from "node:assert/strict"

export const assertSame = (actual: unknown, expected: unknown): void => {
  if (!Equal.equals(actual, expected)) deepStrictEqual(actual, expected)
}
`

const typeScriptConfig = {
  extends: "../../tsconfig.json",
  compilerOptions: { customConditions: ["source"] },
  include: ["."]
}

// A test imports effect-wendy as its users do, but from the source.
const testConfig = `import { defineConfig } from "vitest/config"

export default defineConfig({
  root: import.meta.dirname,
  resolve: { conditions: ["source", "module", "node", "import", "default"] },
  ssr: { resolve: { conditions: ["source", "module", "node", "import", "default"] } },
  test: { include: ["**/*.test.ts"], pool: "forks", execArgv: ["--conditions=source"], testTimeout: 20_000 }
})
`

/** Imports examples one after another, and says what became of each. */
const importer = `let current
const failures = new Map()
const report = (error) => process.send({ file: current, isDone: true, error })
process.on("unhandledRejection", (error) => failures.set(current, error))
for (const [file, seconds] of JSON.parse(process.argv[2])) {
  current = file
  process.send({ file, isDone: false })
  let timer
  try {
    await Promise.race([
      import(file),
      new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error("it has not ended after " + seconds + " s")), seconds * 1000)
      })
    ])
    await new Promise((resolve) => setImmediate(resolve))
    if (failures.has(file)) throw failures.get(file)
    report(undefined)
  } catch (error) {
    report(String(error?.stack ?? error))
  } finally {
    clearTimeout(timer)
  }
}
current = undefined
process.disconnect()
`

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = Net.createServer().once("error", reject).listen(0, "127.0.0.1", () => {
      const { port } = server.address() as Net.AddressInfo
      server.close(() => resolve(port))
    })
  })

/** Puts a free port in the place of each from 7000 to 7099, the same for the whole page. */
const movePorts = async (code: string, ports: Map<string, number>): Promise<string> => {
  for (const [port] of code.matchAll(/\b70\d\d\b/g)) {
    if (!ports.has(port)) ports.set(port, await freePort())
  }
  return code.replace(/\b70\d\d\b/g, (port) => String(ports.get(port)))
}

export interface Workshop {
  readonly folder: string
  /** The file of an example. */
  readonly fileOf: (example: Example) => string
  /** Text that names files in here, with the places in the documentation instead. */
  readonly explain: (text: string) => string
  readonly remove: () => void
}

/** Writes examples into a folder of their own below `.examples`, from where they can import effect-wendy. */
export const write = async (examples: ReadonlyArray<Example>): Promise<Workshop> => {
  const byName = new Map<string, Example>()
  const prepared = examples.map((example) => {
    const page = example.source.replace(/[^\w-]/g, "_")
    const name = Path.join(page, example.file ?? `line${example.line}${example.kind === "test" ? ".test" : ""}.ts`)
    const other = byName.get(name)
    if (other !== undefined) throw new Error(`${nameOf(example)} and ${nameOf(other)} have one file name`)
    byName.set(name, example)
    return { example, page, name, code: assertive(example) }
  })

  const parent = Path.join(root, ".examples")
  Fs.mkdirSync(parent, { recursive: true })
  const folder = Fs.mkdtempSync(Path.join(parent, "run-"))
  const put = (name: string, text: string) => Fs.writeFileSync(Path.join(folder, name), text)
  put("assertSame.ts", assertSame)
  put("tsconfig.json", JSON.stringify(typeScriptConfig))
  put("vitest.config.ts", testConfig)
  put("importer.mjs", importer)
  const files = new Map<Example, string>()
  const ports = new Map<string, Map<string, number>>()
  for (const { code, example, name, page } of prepared) {
    if (!ports.has(page)) {
      ports.set(page, new Map())
      Fs.mkdirSync(Path.join(folder, page))
    }
    put(name, await movePorts(code, ports.get(page)!))
    files.set(example, Path.join(folder, name))
  }

  const explain = (text: string): string =>
    text.replace(
      /(?:file:\/\/)?[^\s('"]*?([\w-]+\/[\w.-]+\.ts)(?::(\d+)|\((\d+),(\d+)\))/g,
      (all, name: string, line: string | undefined, row: string | undefined, column: string | undefined) => {
        const example = byName.get(name)
        if (example === undefined) return all
        const place = `${example.source}:${example.line + Number(line ?? row) - 1}`
        return column === undefined ? place : `${place}:${column}`
      }
    )
  return {
    folder,
    fileOf: (example) => files.get(example)!,
    explain,
    remove: () => Fs.rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

// -----------------------------------------------------------------------------
// running
// -----------------------------------------------------------------------------

// Whoever started us must not shine through.
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(VITEST|NODE_|WENDY_|FORCE_COLOR)/.test(name))
)

interface Running {
  readonly child: ChildProcess
  /** Everything that it has printed so far. */
  readonly output: () => string
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>
}

const start = (args: ReadonlyArray<string>, folder: string, withMessages = false): Running => {
  let output = ""
  const child = spawn(process.execPath, args, {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe", ...(withMessages ? ["ipc" as const] : [])],
    env: { ...environment, NO_COLOR: "1" }
  })
  child.stdout!.setEncoding("utf8").on("data", (text: string) => (output += text))
  child.stderr!.setEncoding("utf8").on("data", (text: string) => (output += text))
  const ended = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.once("error", reject)
    child.once("close", (code, signal) => resolve(code ?? signal!))
  })
  return { child, output: () => output, ended }
}

/** The end of a process, which is killed when that takes too long; then `undefined`. */
const endWithin = async ({ child, ended }: Running, seconds: number): Promise<number | NodeJS.Signals | undefined> => {
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    child.kill("SIGKILL")
  }, seconds * 1000)
  const end = await ended
  clearTimeout(timer)
  return isLate ? undefined : end
}

const tool = (name: string, ...rest: ReadonlyArray<string>) => Path.join(root, "node_modules", name, ...rest)

const describeEnd = (end: number | NodeJS.Signals | undefined, seconds: number): string =>
  end === undefined
    ? `it has not ended after ${seconds} s`
    : typeof end === "number"
    ? `exit ${end}`
    : `ended by ${end}`

/** What the compiler says of all examples, with the places in the documentation. */
export const typeCheck = async ({ explain, folder }: Workshop): Promise<ReadonlyArray<string>> => {
  const running = start([tool("typescript", "bin", "tsc"), "-p", folder, "--pretty", "false"], folder)
  const end = await endWithin(running, patience.tool)
  const problems = running.output().split("\n").filter((line) => {
    if (line.trim() === "") return false
    const unused = /^(.+?)\((\d+),\d+\): error TS6133:/.exec(line)
    if (unused === null) return true
    // A constant may be what the example is there to show.
    const code = Fs.readFileSync(Path.resolve(folder, unused[1]!), "utf8").split("\n")[Number(unused[2]) - 1]!
    return !/(^|; )(const|class) /.test(code)
  })
  if (end === undefined) problems.push(`the compiler: ${describeEnd(end, patience.tool)}`)
  return problems.map(explain)
}

/** What is wrong with an example that was run; not there when nothing is. */
export type Failures = Map<Example, string>

/** Runs examples in one process, one after another. */
export const runDocstrings = async (examples: ReadonlyArray<Example>, workshop: Workshop): Promise<Failures> => {
  const byFile = new Map(examples.map((example) => [workshop.fileOf(example), example]))
  const failures: Failures = new Map(examples.map((example) => [example, "it was not run"]))
  const jobs = [...byFile.keys()].map((file) => [file, patience.docstring])
  const running = start(["--conditions=source", "importer.mjs", JSON.stringify(jobs)], workshop.folder, true)
  let last: Example | undefined
  running.child.on(
    "message",
    (message: { readonly file: string; readonly isDone: boolean; readonly error?: string }) => {
      last = byFile.get(message.file)!
      if (!message.isDone) failures.set(last, "it ended the process of all examples")
      else if (message.error === undefined) failures.delete(last)
      else failures.set(last, workshop.explain(message.error))
    }
  )
  // Once all have run nothing may be left that keeps the process alive.
  let isLeftOver = false
  running.child.once("disconnect", () => {
    const timer = setTimeout(() => {
      isLeftOver = true
      running.child.kill("SIGKILL")
    }, patience.server * 1000)
    timer.unref()
    running.child.once("exit", () => clearTimeout(timer))
  })
  const end = await endWithin(running, patience.docstring * examples.length)
  if (last !== undefined && end !== 0) {
    const what = isLeftOver ? "one of these examples left something running" : describeEnd(end, patience.docstring)
    failures.set(last, [failures.get(last), what, workshop.explain(running.output())].filter(Boolean).join("\n"))
  }
  return failures
}

const escape = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")

/** The lines that were not printed; three dots stand for anything. */
export const missing = (lines: ReadonlyArray<string>, output: string): ReadonlyArray<string> =>
  lines.filter((line) => !new RegExp(line.split("...").map(escape).join(".*")).test(output))

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** Runs the programs of a section in order; its servers until all have ended and everything has been printed. */
export const runSection = async (section: Section, workshop: Workshop): Promise<Failures> => {
  const failures: Failures = new Map()
  const started: Array<{ readonly example: Example; readonly running: Running }> = []
  const fail = (example: Example, what: string, running: Running) =>
    failures.set(example, `${what}\n${workshop.explain(running.output())}`)
  const programs = section.examples.filter(({ kind }) => kind === "program" || kind === "server")
  for (const example of programs) {
    if (example.kind === "server" && section.output.length === 0) {
      failures.set(example, "there is no text block with what it prints, so nobody knows when it runs")
      continue
    }
    const file = workshop.fileOf(example)
    const running = start(["--conditions=source", file], Path.dirname(file))
    started.push({ example, running })
    if (example.kind === "server") continue
    const end = await endWithin(running, patience.program)
    if (end !== 0) fail(example, describeEnd(end, patience.program), running)
  }
  const unprinted = () => missing(section.output, started.map(({ running }) => running.output()).join("\n"))
  if (programs.length > 0 && failures.size === 0) {
    const until = Date.now() + patience.output * 1000
    while (unprinted().length > 0 && Date.now() < until) await pause(20)
  }
  for (const { example, running } of started) {
    if (example.kind !== "server") continue
    const wasRunning = running.child.exitCode === null && running.child.signalCode === null
    running.child.kill("SIGTERM")
    const end = await endWithin(running, patience.server)
    // runMain says 130 for an end that it was asked for.
    if (end !== 0 && !(wasRunning && end === 130)) fail(example, describeEnd(end, patience.server), running)
  }
  const lacking = programs.length > 0 && failures.size === 0 ? unprinted() : []
  if (lacking.length > 0) {
    const all = started.map(({ running }) => workshop.explain(running.output())).join("\n")
    const what = `its section says that this is printed: ${lacking.join(" / ")}\nwhat was printed: ${all}`
    failures.set(started.at(-1)!.example, what)
  }
  return failures
}

interface TestReport {
  readonly testResults: ReadonlyArray<{
    readonly name: string
    readonly status: string
    readonly message: string
    readonly assertionResults: ReadonlyArray<{ readonly failureMessages: ReadonlyArray<string> }>
  }>
}

/** Runs examples that are tests. */
export const runTests = async (examples: ReadonlyArray<Example>, workshop: Workshop): Promise<Failures> => {
  const failures: Failures = new Map()
  if (examples.length === 0) return failures
  const report = Path.join(workshop.folder, "tests.json")
  const running = start(
    [
      tool("vitest", "vitest.mjs"),
      "run",
      "--config",
      Path.join(workshop.folder, "vitest.config.ts"),
      "--reporter=json",
      `--outputFile=${report}`
    ],
    workshop.folder
  )
  const end = await endWithin(running, patience.tool)
  const results = Fs.existsSync(report)
    ? (JSON.parse(Fs.readFileSync(report, "utf8")) as TestReport).testResults
    : []
  for (const example of examples) {
    const result = results.find(({ name }) => name === workshop.fileOf(example))
    if (result?.status === "passed" && result.assertionResults.length > 0) continue
    const said = result === undefined
      ? `${describeEnd(end, patience.tool)}\n${running.output()}`
      : [result.message, ...result.assertionResults.flatMap(({ failureMessages }) => failureMessages)].join("\n")
    failures.set(example, workshop.explain(said))
  }
  return failures
}
