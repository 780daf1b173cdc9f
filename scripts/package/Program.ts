/**
 * Program: `wendy` as its users call it, and the first page of README.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { createInterface } from "node:readline"
import { outcomeOf, run, signal, start, type Where } from "./Children.ts"
import type { Project } from "./Library.ts"
import { verdict } from "./Report.ts"

export const wendy = (args: ReadonlyArray<string>, where: Where) =>
  run("npx", ["--no-install", "wendy", ...args], where)

export const checkProgram = async ({ folder }: Project, version: string) => {
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
  const keys = await wendy(["keys", "init-ca"], { folder })
  const asked = /npm install @peculiar\/x509@\S+ reflect-metadata@\S+\n$/.test(keys.stderr)
  verdict(
    "wendy keys, without its peers",
    keys.end === "exit 1" && asked,
    asked ? "asks for them by name" : keys.end,
    keys.stderr
  )
  await checkProcesses(folder)
}

/** A Node in a process of its own, and what it prints. */
export const startNode = (command: string, args: ReadonlyArray<string>, folder: string) => {
  const child = start(command, args, folder)
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
  return { child, ended, line }
}

const checkProcesses = async (folder: string) => {
  const name = "wendy node and wendy send"
  // what npx runs, without npx: that ends by a signal, and would not say how the Node ended
  const { child, ended, line } = startNode(
    Path.join(folder, "node_modules", ".bin", "wendy"),
    ["node", "--json"],
    folder
  )
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
export const checkFirstPage = async (source: string, { folder, node }: Project) => {
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
