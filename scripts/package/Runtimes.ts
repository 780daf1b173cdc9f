/**
 * Runtimes: library and program on Bun and Deno, alone and with Node.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Secured from "../secured.ts"
import { folderFor, must, type Outcome, run, signal } from "./Children.ts"
import type { Packed } from "./Contents.ts"
import { program, versions } from "./Library.ts"
import { startNode } from "./Program.ts"
import { row, section, verdict } from "./Report.ts"

interface Runtime {
  readonly name: "Node" | "Bun" | "Deno"
  readonly command: string
  readonly args: ReadonlyArray<string>
}

/** Deno has no exporter for channels: it says so, and ends with the exit code for what cannot be. */
const cannot = (runtime: Runtime, how: string): boolean => runtime.name === "Deno" && how === "passphrase"

const saysSo = ({ end, stderr }: Outcome): boolean => end === "exit 2" && stderr.includes("cannot bind a passphrase")

const install = async (packed: Packed): Promise<string> => {
  const folder = folderFor("runtimes")
  await must("npm", ["init", "-y"], { folder })
  await must("npm", ["pkg", "set", "--json", `allowScripts={"bun":true,"deno":true}`], { folder })
  const names = ["effect", "@effect/platform-node", "@peculiar/x509", "reflect-metadata"]
  const peers = names.map((name) => `${name}@${versions[name]}`)
  await must("npm", ["install", packed.file, ...peers, "bun", "deno"], { folder, seconds: 300 })
  Fs.writeFileSync(Path.join(folder, "program.mts"), program)
  return folder
}

/** A Node on one runtime, and a message to it from another. */
const checkPair = async (folder: string, bin: string, how: string, node: Runtime, sender: Runtime): Promise<void> => {
  const secured = Secured.make(how, bin)
  const name = `${how}: ${node.name}, from ${sender.name}`
  try {
    const { child, ended, line } = startNode(
      node.command,
      [...node.args, bin, "node", "--json", ...secured.node()],
      folder
    )
    const ready = await line("ready")
    if (ready === undefined) {
      const outcome = await ended
      const told = cannot(node, how) && saysSo(outcome)
      return verdict(name, told, told ? "refused at the start, with the reason" : outcome.end, outcome.stderr)
    }
    const to = ["send", "--to", `127.0.0.1:${ready.port}`, "--key", "room:42", "hello", "--deadline", "5s"]
    const sent = await run(sender.command, [...sender.args, bin, ...to, ...secured.client()], { folder })
    const told = cannot(sender, how) && saysSo(sent)
    signal(child, "SIGTERM")
    const outcome = await ended
    verdict(
      name,
      (told || sent.good) && outcome.good,
      `${told ? "refused at the start, with the reason" : sent.end}; the Node after SIGTERM: ${outcome.end}`,
      sent.stdout + sent.stderr + outcome.stderr
    )
  } finally {
    secured.end()
  }
}

export const checkRuntimes = async (packed: Packed): Promise<void> => {
  section("Bun and Deno")
  const folder = await install(packed)
  const bin = Path.join(folder, "node_modules", "effect-wendy", "dist", "bin.js")
  const tool = (name: string) => Path.join(folder, "node_modules", ".bin", name)
  const node: Runtime = { name: "Node", command: process.execPath, args: [] }
  const others: ReadonlyArray<Runtime> = [
    { name: "Bun", command: tool("bun"), args: [] },
    { name: "Deno", command: tool("deno"), args: ["run", "-A"] }
  ]
  for (const runtime of others) {
    const { stdout } = await must(runtime.command, ["--version"], { folder })
    row(runtime.name, stdout.split("\n")[0]!)
    const ran = await run(runtime.command, [...runtime.args, "program.mts"], { folder })
    verdict("library", ran.good && ran.stdout.includes(`"right":true,"hops":1`), ran.end, ran.stdout + ran.stderr)
    const demo = await run(runtime.command, [...runtime.args, bin, "demo", "--nodes", "4", "--messages", "500"], {
      folder
    })
    verdict("wendy demo", demo.good, demo.end, demo.stdout + demo.stderr)
    for (const how of ["none", "passphrase", "certificates"]) {
      await checkPair(folder, bin, how, runtime, runtime)
      await checkPair(folder, bin, how, runtime, node)
      await checkPair(folder, bin, how, node, runtime)
    }
  }
}
