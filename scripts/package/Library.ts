/**
 * Library: the package in the empty project of an application that uses it.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"
import { folderFor, must, run } from "./Children.ts"
import type { Packed } from "./Contents.ts"
import { bytes, row, verdict } from "./Report.ts"

/** Two Nodes over TCP; the message is sent by the one that has to send it to the other. */
export const program = `
import { Console, Effect } from "effect"
import { Cluster, NodeId, TcpTransport } from "effect-wendy"
import * as Deep from "effect-wendy/Cluster"

Effect.gen(function*() {
  const one = yield* Cluster.Cluster
  yield* one.ready
  const two: Deep.Cluster["Service"] = yield* Deep.make({ port: 0, join: [\`127.0.0.1:\${one.address.port}\`] })
  yield* two.ready
  const key = NodeId.fromString("room:42")
  const [closest, other] = NodeId.isCloser(key, one.id, two.id) ? [one, two] : [two, one]
  const receipt = yield* other.sendConfirmed({ key, purpose: 16, value: Uint8Array.of(1, 2, 3) })
  const hops: number = receipt.hops
  yield* Console.log(JSON.stringify({
    node: process.version,
    right: receipt.root.hex === closest.id.hex && Cluster.Cluster === Deep.Cluster,
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

export interface Project {
  readonly folder: string
  readonly node: string
  readonly paths: ReadonlyArray<string>
}

export const { devDependencies: versions, exports: exported } = JSON.parse(
  Fs.readFileSync(fileURLToPath(new URL("../../package.json", import.meta.url)), "utf8")
) as { readonly devDependencies: Record<string, string>; readonly exports: Record<string, unknown> }

export const install = async (name: string, packed: Packed, node: string): Promise<Project> => {
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

export const checkCopies = async (folder: string) => {
  const { end, good, stderr, stdout } = await run("npm", ["ls", "effect", "--all", "--parseable"], { folder })
  const copies = new Set(stdout.trim().split("\n")).size
  verdict("copies of effect", good && copies === 1, good ? `${copies}` : `npm ls: ${end}`, stdout + stderr)
}

/** Without a word about its peers: npm adds the one that is not optional by itself. */
export const checkAlone = async (packed: Packed) => {
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
  const optional = ["@effect/platform-node", "@peculiar/x509", "reflect-metadata"]
  const there = optional.filter((name) => Fs.existsSync(Path.join(folder, "node_modules", name)))
  verdict("optional peers", there.length === 0, there.length === 0 ? "not installed" : `installed: ${there.join(", ")}`)
  const imported = await run(process.execPath, ["--input-type=module", "-e", "import \"effect-wendy\""], { folder })
  verdict("library", imported.good, imported.end, imported.stderr)
  const told = await run(Path.join(folder, "node_modules", ".bin", "wendy"), ["--version"], { folder })
  const asked = told.stderr.includes("npm install @effect/platform-node@")
  verdict("wendy", told.end === "exit 2" && asked, asked ? "asks for @effect/platform-node" : told.end, told.stderr)
}

export const checkTypes = async ({ folder }: Project) => {
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

export const checkLibrary = async ({ folder, node, paths }: Project) => {
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
