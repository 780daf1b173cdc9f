/**
 * Measure: how long it takes to start, beside Node alone, in turns.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { must, temporary } from "./Children.ts"
import type { Project } from "./Library.ts"
import { row } from "./Report.ts"

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

export const measure = async ({ folder, node }: Project, rounds: number) => {
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
