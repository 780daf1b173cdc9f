/**
 * `npm run package [-- --revision HEAD --keep]`: the npm package as its users get it.
 *
 * Packs a copy of the source tree (or of a revision), looks at what is in the
 * package and how large it is, and installs it into empty projects: one for the
 * oldest Node that package.json admits, one for the Node that develops it. There
 * it must work as a library (types checked, one copy of effect, internals out of
 * reach) and as the program `wendy`. Start-up times are printed beside those of
 * Node alone, measured in turns. Exits with 1 if anything does not hold.
 */
import { type ChildProcess, spawn } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { read, whole } from "./options.ts"

const usage = `npm run package: the npm package as its users get it
  --revision COMMIT  pack this instead of the files as they are now
  --keep             leave the temporary folders, and say where
  --rounds N         how often each start is measured; 7`

const { values: options } = read(usage, {
  revision: { type: "string" },
  keep: { type: "boolean", default: false },
  rounds: { type: "string", default: "7" }
})

// About one and a half of what it was when this was written: growth beyond that should be meant.
const bounds = { packed: 1_200_000, unpacked: 5_500_000 }

const rounds = whole(options.rounds, "rounds")

const root = fileURLToPath(new URL("..", import.meta.url))
const home = Fs.mkdtempSync(Path.join(Os.tmpdir(), "wendy-package-"))

// -----------------------------------------------------------------------------
// What came out
// -----------------------------------------------------------------------------

const problems: Array<string> = []
const width = 34

let title = "The package"

const section = (name: string) => {
  title = name
  console.log(`\n${name}`)
}

const row = (name: string, text: string) => console.log(`  ${name.padEnd(width)} ${text}`)

/** One line of the table; without `holds` it is a problem. */
const verdict = (name: string, holds: boolean, text: string, detail = "") => {
  row(name, holds ? text : `PROBLEM ${text}`)
  if (holds) return
  problems.push(`${title}: ${name}: ${text}`)
  for (const line of detail.trim().split("\n").slice(-20)) console.log(`    | ${line}`)
}

const bytes = (size: number) => `${(size / 1000).toFixed(1)} kB`

// -----------------------------------------------------------------------------
// Children
// -----------------------------------------------------------------------------

interface Outcome {
  readonly good: boolean
  readonly stdout: string
  readonly stderr: string
  readonly millis: number
  /** How it ended, for people. */
  readonly end: string
}

interface Where {
  readonly folder: string
  readonly seconds?: number
}

const children = new Set<ChildProcess>()

// Whatever started us must not shine through: its tools, and what npm says about the package that runs us.
const inherited = Object.fromEntries(
  Object.entries(process.env).filter(([name]) =>
    !/^npm_(package|lifecycle|config_local_prefix|command|execpath|node_execpath)|^INIT_CWD$|^NODE_(OPTIONS|PATH|.*COMPILE_CACHE.*)$/
      .test(name)
  )
)
const tools = (process.env["PATH"] ?? "").split(Path.delimiter)
  .filter((folder) => !folder.includes("node_modules") && !folder.includes("node-gyp-bin"))

const start = (command: string, args: ReadonlyArray<string>, folder: string) => {
  const child = spawn(command, args, {
    cwd: folder,
    // a group of its own: npx starts others, and they have to end with it
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...inherited,
      PATH: [Path.join(folder, "node_modules", ".bin"), ...tools].join(Path.delimiter),
      // for the compile cache of `wendy`, so that it starts empty and is removed in the end
      TMPDIR: temporary,
      NO_COLOR: "1",
      npm_config_loglevel: "error",
      npm_config_prefer_offline: "true"
    }
  })
  children.add(child)
  child.once("close", () => children.delete(child))
  return child
}

const signal = (child: ChildProcess, name: NodeJS.Signals) => {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, name)
  } catch {
    // it has ended by itself
  }
}

const outcomeOf = (child: ChildProcess, seconds: number) =>
  new Promise<Outcome>((resolve) => {
    const startedAt = performance.now()
    let millis = 0
    let late = false
    const output = { stdout: "", stderr: "" }
    child.stdout!.setEncoding("utf8").on("data", (text: string) => (output.stdout += text))
    child.stderr!.setEncoding("utf8").on("data", (text: string) => (output.stderr += text))
    const timer = setTimeout(() => {
      late = true
      signal(child, "SIGKILL")
    }, seconds * 1000)
    const settle = (good: boolean, end: string) => {
      clearTimeout(timer)
      resolve({ ...output, good, millis, end })
    }
    child.once("error", (error) => settle(false, error.message))
    child.once("exit", () => (millis = performance.now() - startedAt))
    child.once("close", (code, name) =>
      settle(code === 0, late ? `not done after ${seconds} s` : name === null ? `exit ${code}` : `ended by ${name}`))
  })

const run = (command: string, args: ReadonlyArray<string>, { folder, seconds = 60 }: Where) =>
  outcomeOf(start(command, args, folder), seconds)

/** For steps without which nothing else makes sense. */
const must = async (command: string, args: ReadonlyArray<string>, where: Where) => {
  const outcome = await run(command, args, where)
  if (outcome.good) return outcome
  throw new Error(`${command} ${args.join(" ")}: ${outcome.end}\n${outcome.stdout}${outcome.stderr}`)
}

const folderFor = (name: string) => {
  const folder = Path.join(home, name)
  Fs.mkdirSync(folder)
  return folder
}

const temporary = folderFor("tmp")

// also when something is thrown where nobody catches it
process.once("exit", () => {
  for (const child of children) signal(child, "SIGKILL")
  if (options.keep) console.log(`kept: ${home}`)
  else Fs.rmSync(home, { recursive: true, force: true, maxRetries: 3 })
})

for (const name of ["SIGINT", "SIGTERM"] as const) {
  process.once(name, () => process.exit(1))
}

// -----------------------------------------------------------------------------
// The package
// -----------------------------------------------------------------------------

interface Packed {
  readonly file: string
  readonly size: number
  readonly unpackedSize: number
  readonly paths: ReadonlyArray<string>
}

/** Builds in a copy: the tree itself is being worked on, and a `dist` in it would be taken for part of it. */
const copySource = async (): Promise<string> => {
  const folder = folderFor("source")
  if (options.revision === undefined) {
    const listed = await must("git", ["ls-files", "-co", "--exclude-standard", "-z"], { folder: root })
    for (const path of new Set(listed.stdout.split("\0"))) {
      const from = Path.join(root, path)
      if (path === "" || !Fs.existsSync(from)) continue // removed, but not yet from the index
      Fs.cpSync(from, Path.join(folder, path), { recursive: true })
    }
  } else {
    const archive = Path.join(temporary, "source.tar")
    await must("git", ["archive", "-o", archive, options.revision], { folder: root })
    await must("tar", ["-xf", archive, "-C", folder], { folder })
  }
  Fs.symlinkSync(Path.join(root, "node_modules"), Path.join(folder, "node_modules"))
  return folder
}

const pack = async (source: string): Promise<Packed> => {
  const { stdout } = await must("npm", ["pack", "--json", "--pack-destination", home], { folder: source, seconds: 180 })
  // what prepack prints may come first
  const json = JSON.parse(stdout.slice(stdout.search(/^[[{]/m)))
  const report = Array.isArray(json) ? json[0] : Object.values(json)[0]
  return {
    file: Path.join(home, report.filename),
    size: report.size,
    unpackedSize: report.unpackedSize,
    paths: report.files.map(({ path }: { readonly path: string }) => path)
  }
}

const inspect = (source: string, packed: Packed) => {
  verdict("packed", packed.size <= bounds.packed, `${bytes(packed.size)} (at most ${bytes(bounds.packed)})`)
  verdict(
    "unpacked",
    packed.unpackedSize <= bounds.unpacked,
    `${bytes(packed.unpackedSize)} (at most ${bytes(bounds.unpacked)})`
  )
  const sizes = new Map<string, number>()
  for (const path of packed.paths) {
    const kind = Path.basename(path).replace(/^[^.]*/, path.startsWith("src/") ? "src *" : "*")
    sizes.set(kind, (sizes.get(kind) ?? 0) + Fs.statSync(Path.join(source, path)).size)
  }
  row("", [...sizes].filter(([kind]) => kind.includes(".")).map(([kind, size]) => `${kind} ${bytes(size)}`).join(", "))

  const modules = packed.paths.filter((path) => path.startsWith("src/"))
    .map((path) => path.replace(/^src\/(.*)\.ts$/, "$1"))
  const pages = ["README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md"]
  // The figures of benchmarks, a folder, stay at home.
  const docs = Fs.readdirSync(Path.join(source, "docs"), { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => `docs/${name}`)
  const expected = new Set(["package.json", ...pages, ...docs])
  for (const module of modules) {
    expected.add(`src/${module}.ts`)
    for (const end of [".js", ".js.map", ".d.ts", ".d.ts.map"]) expected.add(`dist/${module}${end}`)
  }
  const unwanted = /(^|\/)(tests?|__tests__|scripts|coverage|\.examples)\/|\.(test|spec|bench)\./
  const unexpected = packed.paths.filter((path) => !expected.has(path) || unwanted.test(path))
  const missing = [...expected].filter((path) => !packed.paths.includes(path))
  verdict(
    "files",
    unexpected.length === 0 && missing.length === 0,
    `${packed.paths.length}: ${modules.length} modules, each as source, JavaScript and types`,
    [...unexpected.map((path) => `not expected: ${path}`), ...missing.map((path) => `missing: ${path}`)].join("\n")
  )

  const lost = packed.paths.filter((path) => path.endsWith(".map")).flatMap((path) => {
    const { sources } = JSON.parse(Fs.readFileSync(Path.join(source, path), "utf8"))
    return sources.map((name: string) => Path.posix.join(Path.posix.dirname(path), name))
      .filter((name: string) => !packed.paths.includes(name))
  })
  verdict("source maps", lost.length === 0, "all lead to files of the package", lost.join("\n"))
}

// -----------------------------------------------------------------------------
// An application that uses it
// -----------------------------------------------------------------------------

/** Two Nodes over TCP; the message is sent by the one that has to send it to the other. */
const program = `
import { Console, Effect } from "effect"
import { Cluster, NodeId, TcpTransport } from "effect-wendy"
import * as Deep from "effect-wendy/Cluster"

Effect.gen(function*() {
  const one = yield* Cluster.Cluster
  yield* one.ready
  const two: Deep.Cluster["Service"] = yield* Deep.make({ port: 0, join: [\`127.0.0.1:\${one.node.port}\`] })
  yield* two.ready
  const key = NodeId.fromString("room:42")
  const [closest, other] = NodeId.isCloser(key, one.node.id, two.node.id) ? [one, two] : [two, one]
  const receipt = yield* other.sendConfirmed({ key, purpose: 16, value: Uint8Array.of(1, 2, 3) })
  const hops: number = receipt.hops
  yield* Console.log(JSON.stringify({
    node: process.version,
    right: receipt.root.hex === closest.node.hex && Cluster.Cluster === Deep.Cluster,
    hops,
    millis: receipt.roundTrip
  }))
}).pipe(
  Effect.scoped,
  Effect.provide(Cluster.layer({ port: 0 })),
  Effect.provide(TcpTransport.layer),
  Effect.runPromise
)
`

/** Whatever is wrong with the types must not pass as \`any\`. */
const misuse = `
import { Cluster } from "effect-wendy"
// @ts-expect-error internals are not for import
import type * as Internal from "effect-wendy/core/Membership"
// @ts-expect-error a port is a number
Cluster.make({ port: "7001" })
export type { Internal }
`

const resolutions = [
  { module: "NodeNext", moduleResolution: "NodeNext" },
  { module: "ESNext", moduleResolution: "bundler" }
]

interface Project {
  readonly folder: string
  readonly node: string
  readonly paths: ReadonlyArray<string>
}

const { devDependencies: versions, exports: exported } = JSON.parse(
  Fs.readFileSync(Path.join(root, "package.json"), "utf8")
) as { readonly devDependencies: Record<string, string>; readonly exports: Record<string, unknown> }

const install = async (name: string, packed: Packed, node: string): Promise<Project> => {
  const folder = folderFor(name)
  await must("npm", ["init", "-y"], { folder })
  // the package `node` fetches its program when it is installed
  await must("npm", ["pkg", "set", "--json", "allowScripts={\"node\":true}"], { folder })
  const users = ["effect", "@effect/platform-node"].map((peer) => `${peer}@${versions[peer]}`)
  await must("npm", ["install", packed.file, ...users], { folder, seconds: 180 })
  const developers = ["typescript", "@types/node"].map((tool) => `${tool}@${versions[tool]}`)
  await must("npm", ["install", "--save-dev", `node@${node}`, ...developers], { folder, seconds: 300 })
  const { stdout } = await must("npx", ["--no-install", "node", "--version"], { folder })
  if (stdout.trim() !== `v${node}`) throw new Error(`npx runs Node ${stdout.trim()} instead of v${node}`)
  return { folder, node: Path.join(folder, "node_modules", "node", "bin", "node"), paths: packed.paths }
}

const checkCopies = async (folder: string) => {
  const { end, good, stderr, stdout } = await run("npm", ["ls", "effect", "--all", "--parseable"], { folder })
  const copies = new Set(stdout.trim().split("\n")).size
  verdict("copies of effect", good && copies === 1, good ? `${copies}` : `npm ls: ${end}`, stdout + stderr)
}

/** Without a word about its peers: npm adds them by itself. */
const checkAlone = async (packed: Packed) => {
  const folder = folderFor("alone")
  await must("npm", ["init", "-y"], { folder })
  await must("npm", ["install", packed.file], { folder, seconds: 180 })
  await checkCopies(folder)
  const sizes = Fs.readdirSync(Path.join(folder, "node_modules"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => ({ path: Path.join(entry.parentPath, entry.name) }))
    .map(({ path }) => ({ path, size: Fs.statSync(path).size }))
  const sum = (of: string) =>
    sizes.filter(({ path }) => path.includes(`node_modules${Path.sep}${of}`)).reduce((sum, { size }) => sum + size, 0)
  row("node_modules", `${bytes(sum(""))}, of it effect ${bytes(sum(`effect${Path.sep}`))}`)
}

const checkTypes = async ({ folder }: Project) => {
  // each module that the package lets in, so that no declaration is left out
  const entries = Object.keys(exported).filter((entry) => /^\.\/\w+$/.test(entry)).map((entry) => entry.slice(2))
  const imports = entries.map((entry, at) => `import type * as M${at} from "effect-wendy/${entry}"`)
  const uses = entries.map((_, at) => `typeof M${at}`)
  Fs.writeFileSync(
    Path.join(folder, "every.mts"),
    `${imports.join("\n")}\nexport type All = [\n${uses.join(",\n")}\n]\n`
  )
  Fs.writeFileSync(Path.join(folder, "program.mts"), program)
  Fs.writeFileSync(Path.join(folder, "misuse.mts"), misuse)
  for (const resolution of resolutions) {
    const compilerOptions = {
      ...resolution,
      target: "ES2024",
      // effect speaks of CryptoKey, JsonWebKey and the like, which come with DOM
      lib: ["ES2024", "DOM"],
      types: ["node"],
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: false,
      noEmit: true
    }
    const files = ["program.mts", "misuse.mts", "every.mts"]
    Fs.writeFileSync(Path.join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files }))
    const { end, good, stderr, stdout } = await run("npx", ["--no-install", "tsc", "-p", "."], { folder })
    const errors = stdout.split("\n").filter((line) => / error TS\d+:/.test(line))
    const others = errors.filter((line) => /node_modules\/(?!effect-wendy\/)/.test(line)).length
    verdict(
      `types, ${resolution.moduleResolution}`,
      good,
      good
        ? `good, strict, in all libraries too; ${entries.length} modules`
        : `${end}: ${errors.length - others} errors in us, ${others} in other packages`,
      errors.join("\n") || stderr
    )
  }
}

const checkLibrary = async ({ folder, node, paths }: Project) => {
  const ran = await run("npx", ["--no-install", "node", "program.mts"], { folder })
  const line = ran.stdout.trim().split("\n").at(-1) ?? ""
  const said = line.startsWith("{") ? JSON.parse(line) : {}
  verdict(
    "library, ES module in TypeScript",
    ran.good && said.right === true && said.hops === 1,
    `${ran.end}, receipt of the right Node after ${said.hops} hop in ${Number(said.millis).toFixed(1)} ms`,
    ran.stdout + ran.stderr
  )
  const source = `const { Cluster } = require("effect-wendy"); if (typeof Cluster.make !== "function") process.exit(3)`
  const required = await run(node, ["-e", source], { folder })
  verdict("library, required by CommonJS", required.good, required.end, required.stderr)

  const internals = paths.filter((path) => /^dist\/.*\.js$/.test(path))
    .map((path) => path.slice("dist/".length, -".js".length))
    .filter((path) => !Object.hasOwn(exported, `./${path}`))
    .map((path) => `effect-wendy/${path}`)
  const locked = ["effect-wendy/internal/x", "effect-wendy/dist/index.js"]
  const attempts = await run(node, [
    "--input-type=module",
    "-e",
    `for (const path of ${JSON.stringify([...locked, ...internals])})
      console.log(path, await import(path).then(() => "imported", (error) => error.code))`
  ], { folder })
  const refused = "ERR_PACKAGE_PATH_NOT_EXPORTED"
  const open = attempts.stdout.trim().split("\n").filter((line) => !line.endsWith(` ${refused}`))
  verdict(
    "internals",
    attempts.good && open.length === 0,
    open.length === 0 ? `${locked.length + internals.length} paths refused` : `${open.length} not refused`,
    `${open.join("\n")}\n${attempts.stderr}`
  )
}

// -----------------------------------------------------------------------------
// The program
// -----------------------------------------------------------------------------

const wendy = (args: ReadonlyArray<string>, where: Where) => run("npx", ["--no-install", "wendy", ...args], where)

const checkProgram = async ({ folder }: Project, version: string) => {
  const told = await wendy(["--version"], { folder })
  verdict(
    "wendy --version",
    told.good && told.stdout === `${version}\n`,
    `${told.stdout.trim()}, ${told.end}`,
    told.stderr
  )
  const help = await wendy(["--help"], { folder })
  const commands = ["demo", "node", "send", "route", "ring", "simulate"].filter((name) => help.stdout.includes(name))
  verdict("wendy --help", help.good && commands.length === 6, `names ${commands.join(", ")}, ${help.end}`, help.stderr)
  const unknown = await wendy(["nonsense"], { folder })
  verdict("wendy nonsense", unknown.end === "exit 2", unknown.end, unknown.stdout + unknown.stderr)

  const demo = await wendy(["demo", "--nodes", "4", "--messages", "500", "--kill", "1", "--json"], { folder })
  const summary = demo.stdout.split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line))
    .find(({ type }) => type === "summary") ?? {}
  verdict(
    "wendy demo",
    demo.good && summary.delivered === 500 && summary.lost === 0 && summary.killed === 1,
    `${demo.end}, delivered ${summary.delivered}, lost ${summary.lost}, killed ${summary.killed}`,
    demo.stdout + demo.stderr
  )
  await checkProcesses(folder)
}

const checkProcesses = async (folder: string) => {
  const name = "wendy node and wendy send"
  // what npx runs, without npx: that ends by a signal, and would not say how the Node ended
  const child = start(Path.join(folder, "node_modules", ".bin", "wendy"), ["node", "--json"], folder)
  const ended = outcomeOf(child, 60)
  const lines: Array<{ readonly type: string; readonly port: number; readonly value: string }> = []
  let heard = () => {}
  createInterface({ input: child.stdout! }).on("line", (line) => {
    lines.push(JSON.parse(line))
    heard()
  })
  const line = (type: string) =>
    Promise.race([
      ended.then(() => undefined),
      new Promise<(typeof lines)[number]>((resolve) => {
        heard = () => {
          const found = lines.find((line) => line.type === type)
          if (found !== undefined) resolve(found)
        }
        heard()
      })
    ])

  const ready = await line("ready")
  const to = `127.0.0.1:${ready?.port}`
  const sent = await wendy(["send", "--to", to, "--key", "room:42", "hello", "--json"], { folder })
  const delivered = sent.good ? await line("deliver") : undefined
  const receipt = sent.stdout.includes("\"type\":\"receipt\"")
  const stoppedAt = performance.now()
  signal(child, "SIGTERM")
  const { end, good, stderr } = await ended
  verdict(
    name,
    receipt && delivered?.value === "hello",
    `send: ${sent.end}, ${receipt ? "a" : "no"} receipt; node printed ${JSON.stringify(delivered?.value)}`,
    sent.stdout + sent.stderr + stderr
  )
  verdict("", good, `after SIGTERM: ${end} within ${(performance.now() - stoppedAt).toFixed(0)} ms`, stderr)
}

/** The first page of README, word by word: its files, and its commands but the installation itself. */
const checkFirstPage = async (source: string, { folder, node }: Project) => {
  const page = Fs.readFileSync(Path.join(source, "README.md"), "utf8")
  const place = Path.join(folder, "first-page")
  Fs.mkdirSync(place)
  // `npm pkg set type=module`, for this folder alone
  Fs.writeFileSync(Path.join(place, "package.json"), JSON.stringify({ type: "module" }))
  for (const [, name, text] of page.matchAll(/^```ts file=(\S+)[^\n]*\n([\s\S]*?)^```/gm)) {
    Fs.writeFileSync(Path.join(place, name!), text!)
  }
  const expected = [...page.matchAll(/^```text\n([\s\S]*?)^```/gm)].slice(0, 2).map(([, text]) => text!)
  const alice = start(node, ["alice.ts"], place)
  const ended = outcomeOf(alice, 60)
  // Alice prints nothing until somebody speaks to her: bob's Node tries until she listens.
  const bob = await run(node, ["bob.ts"], { folder: place })
  const port = "127.0.0.1:7001"
  const ring = await wendy(["ring", "--to", port], { folder })
  const carol = await wendy(["send", "--to", port, "--key", "room:42", `{"from":"carol","text":"hi"}`], { folder })
  signal(alice, "SIGTERM")
  const { stdout } = await ended
  verdict(
    "the first page of README",
    bob.stdout === expected[1] && stdout === `${expected[0]}carol says: hi\n` && ring.good && carol.good,
    `bob: ${bob.end}, wendy ring: ${ring.end}, wendy send: ${carol.end}`,
    [bob.stdout, bob.stderr, stdout, ring.stdout, ring.stderr, carol.stdout, carol.stderr].join("")
  )
}

// -----------------------------------------------------------------------------
// How long it takes to start
// -----------------------------------------------------------------------------

/** What of effect, and of Node, a module of ours loads: the least that its own start can take. */
const outsideOf = (dist: string, entry: string): ReadonlyArray<string> => {
  const outside = new Set<string>()
  const seen = new Set<string>()
  const visit = (file: string) => {
    if (seen.has(file)) return
    seen.add(file)
    for (const [, name] of Fs.readFileSync(file, "utf8").matchAll(/^(?:import|export) (?:.* from )?"([^"]+)"/gm)) {
      if (name!.startsWith(".")) visit(Path.resolve(Path.dirname(file), name!))
      else outside.add(name!)
    }
  }
  visit(Path.join(dist, entry))
  return [...outside]
}

const median = (values: ReadonlyArray<number>) => values.toSorted((x, y) => x - y)[values.length >> 1]!

const measure = async ({ folder, node }: Project) => {
  const dist = Path.join(folder, "node_modules", "effect-wendy", "dist")
  const imports = (...names: ReadonlyArray<string>) => [
    "--input-type=module",
    "-e",
    names.map((name) => `import ${JSON.stringify(name)}`).join("\n")
  ]
  const bin = Path.join(dist, "bin.js")
  const cases = new Map<string, ReadonlyArray<string>>([
    ["node -e 0", ["-e", "0"]],
    ["wendy --version", [bin, "--version"]],
    ["wendy --help", [bin, "--help"]],
    ["import \"effect-wendy\"", imports("effect-wendy")],
    ["  only what it takes from others", imports(...outsideOf(dist, "index.js"))],
    ["import \"effect-wendy/Cluster\"", imports("effect-wendy/Cluster")],
    ["import \"effect-wendy/TcpTransport\"", imports("effect-wendy/TcpTransport")],
    ["import \"effect-wendy/Client\"", imports("effect-wendy/Client")],
    ["import \"effect\"", imports("effect")],
    ["import \"effect/Effect\"", imports("effect/Effect")]
  ])
  Fs.rmSync(temporary, { recursive: true, force: true })
  Fs.mkdirSync(temporary)
  const first = await must(node, [bin, "--version"], { folder })
  const times = new Map([...cases.keys()].map((name) => [name, new Array<number>()]))
  for (let round = 0; round < rounds; round++) {
    for (const [name, args] of cases) times.get(name)!.push((await must(node, args, { folder })).millis)
  }
  const base = median(times.get("node -e 0")!)
  const format = (name: string, millis: number) =>
    row(name, `${millis.toFixed(0).padStart(6)} ms ${(millis / base).toFixed(1).padStart(6)} x`)
  for (const [name, values] of times) {
    format(name, median(values))
    if (name === "wendy --version") format("  the first time", first.millis)
  }
}

// -----------------------------------------------------------------------------
// All of it
// -----------------------------------------------------------------------------

try {
  const source = await copySource()
  const { engines, version } = JSON.parse(Fs.readFileSync(Path.join(source, "package.json"), "utf8"))
  const oldest = /^>=(\d+\.\d+)(\.\d+)?$/.exec(engines.node)
  if (oldest === null) throw new Error(`cannot tell the oldest Node from ${engines.node}`)

  console.log(`effect-wendy ${version}${options.revision === undefined ? "" : ` at ${options.revision}`}`)
  const packed = await pack(source)
  inspect(source, packed)

  section("Installed alone")
  await checkAlone(packed)

  for (const node of [`${oldest[1]}${oldest[2] ?? ".0"}`, versions["node"]!]) {
    section(`Node ${node}`)
    const project = await install(`node-${node}`, packed, node)
    await checkCopies(project.folder)
    await checkTypes(project)
    await checkLibrary(project)
    await checkFirstPage(source, project)
    await checkProgram(project, version)
    await measure(project)
  }
} catch (error) {
  problems.push(`${title}: ${error instanceof Error ? error.message : String(error)}`)
}
console.log("")
for (const problem of problems) console.log(`PROBLEM ${problem}`)
console.log(problems.length === 0 ? "good" : `${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1
