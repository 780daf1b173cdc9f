/**
 * `npm run processes [-- --lines 20000 --kill other|client]`: the hard case with real processes.
 *
 * Six `wendy node` processes; lines piped into `wendy send --stdin`; meanwhile one
 * Node is killed with SIGKILL and two join. Every line must have a receipt and be
 * printed exactly once, by the Node that was closest to its key among those
 * ready between send and receipt. Only a line that the killed Node printed in the
 * instant before it died may appear once more. Then SIGTERM: all exit with 0
 * within a second. Exits with 1 if any of that does not hold.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import * as NodeId from "../src/ring/NodeId.ts"
import { read, refuse, whole } from "./options.ts"
import * as Secured from "./secured.ts"

const bin = fileURLToPath(new URL("../src/bin.ts", import.meta.url))

const usage = `npm run processes: a Node is killed and two join while lines are sent
  --lines N            20000
  --kill other|client  which Node dies: the one that the client talks to, or another; other
${Secured.usage}`

const { values: options } = read(usage, {
  lines: { type: "string", default: "20000" },
  kill: { type: "string", default: "other" },
  secure: { type: "string", default: "none" }
})
const secured = Secured.make(options.secure, bin)
process.on("exit", secured.end)
const total = whole(options.lines, "lines")
if (options.kill !== "client" && options.kill !== "other") refuse(`--kill ${options.kill}: other or client`)

interface Process {
  readonly child: ChildProcess
  readonly id: NodeId.NodeId
  readonly address: string
  readonly readyAt: number
  endedAt: number
  /** What it printed: the number of the line, and when it was read. */
  readonly printed: Array<{ readonly line: number; readonly key: string; readonly at: number }>
}

const clock = () => performance.now()
const problems: Array<string> = []
const processes: Array<Process> = []

const startNode = async (...args: ReadonlyArray<string>): Promise<Process> => {
  const child = spawn(process.execPath, [bin, "node", "--json", ...args, ...secured.node()], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  const lines = createInterface({ input: child.stdout! })
  return new Promise((resolve, reject) => {
    let started: Process | undefined
    child.once("exit", (code) => started === undefined && reject(new Error(`a Node ended with ${code}`)))
    lines.on("line", (text) => {
      const json = JSON.parse(text)
      if (json.type === "ready") {
        started ??= {
          child,
          id: NodeId.parse(json.id),
          address: `${json.host}:${json.port}`,
          readyAt: clock(),
          endedAt: Number.POSITIVE_INFINITY,
          printed: []
        }
        if (!processes.includes(started)) processes.push(started)
        resolve(started)
      } else if (json.type === "deliver") {
        started!.printed.push({ line: Number(json.value.slice("line ".length)), key: json.key, at: clock() })
      }
    })
  })
}

const first = await startNode()
for (let count = 1; count < 6; count++) await startNode("--join", first.address)
console.log("6 Nodes are ready")

const seeds = processes.slice(1, 4).flatMap(({ address }) => ["--to", address])
const client = spawn(process.execPath, [bin, "send", "--stdin", "--json", ...seeds, ...secured.client()], {
  stdio: ["pipe", "pipe", "inherit"]
})
const sentAt: Array<number> = []
const receipts = new Map<number, { readonly root: string; readonly at: number; readonly rttMs: number }>()
let progress = () => {}
createInterface({ input: client.stdout }).on("line", (text) => {
  const json = JSON.parse(text)
  if (json.type === "receipt") {
    if (receipts.has(json.line)) problems.push(`line ${json.line} has two receipts`)
    receipts.set(json.line, { root: json.root, at: clock(), rttMs: json.rttMs })
  } else {
    problems.push(`line ${json.line} failed: ${json.error}`)
  }
  progress()
})

const reached = (share: number) =>
  new Promise<void>((resolve) => {
    progress = () => {
      if (receipts.size >= total * share) resolve()
    }
    progress()
  })

const startedAt = clock()
const feeding = (async () => {
  for (let line = 1; line <= total; line++) {
    sentAt[line] = clock()
    const text = `${JSON.stringify({ key: `key ${line}`, value: `line ${line}` })}\n`
    if (!client.stdin.write(text)) await once(client.stdin, "drain")
  }
  client.stdin.end()
})()

// Processes take a while to start: the two that join are started early, so that they join in the middle.
await reached(0.02)
const joining = [startNode("--join", first.address), startNode("--join", first.address)].map(async (node) => {
  await node
  console.log(`a Node has joined after ${receipts.size} receipts`)
})
await reached(0.4)
const victim = options.kill === "client" ? processes[1]! : processes[5]!
victim.endedAt = clock()
victim.child.kill("SIGKILL")
console.log(`one Node was killed after ${receipts.size} receipts`)
await Promise.all(joining)
const [code] = client.exitCode === null ? await once(client, "exit") : [client.exitCode]
await feeding
const seconds = (clock() - startedAt) / 1000
if (code !== 0) problems.push(`wendy send ended with ${code}`)

// What a Node has printed may still be on its way to us.
const printed = () => processes.reduce((sum, node) => sum + node.printed.length, 0)
for (let rounds = 0; printed() < total && rounds < 100; rounds++) await new Promise((wake) => setTimeout(wake, 20))

const living = processes.filter((node) => node !== victim)
const stopping = living.map(async (node) => {
  const at = clock()
  node.child.kill("SIGTERM")
  const [exit] = await once(node.child, "exit")
  const took = clock() - at
  if (exit !== 0) problems.push(`a Node ended with ${exit} after SIGTERM`)
  if (took > 1000) problems.push(`a Node took ${Math.round(took)} ms to end after SIGTERM`)
  return took
})
const stops = await Promise.all(stopping)

let again = 0
for (let line = 1; line <= total; line++) {
  const receipt = receipts.get(line)
  if (receipt === undefined) {
    problems.push(`line ${line} has no receipt`)
    continue
  }
  const key = NodeId.fromString(`key ${line}`)
  const at = processes.filter((node) => node.printed.some((print) => print.line === line))
  const count = processes.reduce((sum, node) => sum + node.printed.filter((print) => print.line === line).length, 0)
  const survivors = at.filter((node) => node !== victim)
  if (at.length === 0) problems.push(`line ${line} was printed nowhere`)
  if (survivors.length > 1 || count > at.length) problems.push(`line ${line} was printed twice`)
  if (survivors.length === 1 && at.includes(victim)) {
    again++
    if (receipt.root === victim.id.hex) problems.push(`line ${line} was printed again after its receipt`)
  }
  if (key.hex !== at[0]?.printed.find((print) => print.line === line)?.key) {
    problems.push(`line ${line} has another key`)
  }
  for (const node of at) {
    // Whoever was ready all the time between send and receipt must not be closer.
    const closer = processes.find((other) =>
      other.readyAt <= sentAt[line]! && other.endedAt >= receipt.at && NodeId.isCloser(key, other.id, node.id)
    )
    if (closer !== undefined) {
      problems.push(`line ${line} was printed at ${node.id.hex}, but ${closer.id.hex} is closer`)
    }
  }
}
const times = [...receipts.values()].map(({ rttMs }) => rttMs).toSorted((x, y) => x - y)
const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))]!.toFixed(1)
console.log(
  `${total} lines, ${receipts.size} receipts, ${printed()} printed, ${again} of them again after the kill, in ${
    seconds.toFixed(1)
  } s (${Math.round(total / seconds)} a second), round trip p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms`
)
console.log(`SIGTERM: ${stops.length} Nodes ended within ${Math.round(Math.max(...stops))} ms`)
for (const problem of problems.slice(0, 20)) console.log(`PROBLEM ${problem}`)
console.log(problems.length === 0 ? "good" : `${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1
