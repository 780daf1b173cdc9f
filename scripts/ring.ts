/**
 * `npm run ring [-- --nodes 32]`: a stopped process, as `wendy ring` sees it.
 *
 * Starts `wendy node` processes over loopback and waits until all agree. Stops one
 * (SIGSTOP: the kernel takes its connections, nobody answers): `wendy ring` must
 * call it silent at once, while the others still hold it, and 12 s later, when
 * they gave it up; the others must agree without it. Wakes it up (SIGCONT) and
 * waits until all agree by themselves. Then SIGTERM: all exit with 0. Exits with 1
 * if any of that does not hold; each step is bounded in time.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { read, refuse, whole } from "./options.ts"
import * as Secured from "./secured.ts"

const bin = fileURLToPath(new URL("../src/bin.ts", import.meta.url))

const usage = `npm run ring: a stopped process, as wendy ring sees it
  --nodes N     processes: 3 to 128; 32
${Secured.usage}`

const { values: options } = read(usage, {
  nodes: { type: "string", default: "32" },
  secure: { type: "string", default: "none" }
})
const secured = Secured.make(options.secure, bin)
process.on("exit", secured.end)
const total = whole(options.nodes, "nodes")
if (total < 3 || total > 128) refuse("--nodes: a whole number from 3 to 128")

/** Processes that are started at the same time: each takes a core for half a second. */
const startedTogether = 4

/** The longest time for one step, in milliseconds. */
const patience = 60_000

interface Process {
  readonly child: ChildProcess
  readonly id: string
  readonly address: string
}

interface Line {
  readonly type: string
  readonly id: string
  readonly view: string
  readonly detail?: string
}

interface Look {
  readonly code: number
  readonly took: number
  readonly agree: boolean
  /** How many have each view. */
  readonly views: ReadonlyMap<string, number>
  readonly viewOf: (id: string) => string | undefined
}

const clock = () => performance.now()
const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(1)} s`
const children: Array<ChildProcess> = []
// Whatever happens, no process stays behind; a stopped one too dies of SIGKILL.
process.on("exit", () => children.forEach((child) => child.kill("SIGKILL")))
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1))

const within = <A>(what: string, promise: Promise<A>): Promise<A> => {
  let timer: NodeJS.Timeout
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${seconds(patience)}: ${what}`)), patience)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

const startNode = async (...args: ReadonlyArray<string>): Promise<Process> => {
  const child = spawn(process.execPath, [bin, "node", "--json", ...args, ...secured.node()], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  children.push(child)
  const lines = createInterface({ input: child.stdout! })
  return within(
    "a Node is ready",
    new Promise((resolve, reject) => {
      child.once("exit", (code) => reject(new Error(`a Node ended with ${code}`)))
      lines.on("line", (text) => {
        const json = JSON.parse(text)
        if (json.type === "ready") resolve({ child, id: json.id, address: `${json.host}:${json.port}` })
      })
    })
  )
}

/** Runs `wendy ring`. */
const look = async (...seeds: ReadonlyArray<Process>): Promise<Look> => {
  const startedAt = clock()
  const to = seeds.flatMap(({ address }) => ["--to", address])
  const child = spawn(process.execPath, [bin, "ring", "--json", ...to, ...secured.client()], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  children.push(child)
  let text = ""
  child.stdout!.setEncoding("utf8").on("data", (chunk) => {
    text += chunk
  })
  const [code] = await within("wendy ring ends", once(child, "close"))
  const lines = text.split("\n").slice(0, -1).map((line) => JSON.parse(line))
  const nodes: ReadonlyArray<Line> = lines.filter(({ type }) => type === "node")
  const views = new Map<string, number>()
  for (const { view } of nodes) views.set(view, (views.get(view) ?? 0) + 1)
  return {
    code,
    took: clock() - startedAt,
    agree: lines.at(-1)?.agree === true,
    views,
    viewOf: (id) => nodes.find((node) => node.id === id)?.view
  }
}

/** Looks again and again. */
const lookUntil = async (
  what: string,
  fits: (look: Look) => boolean,
  ...seeds: ReadonlyArray<Process>
): Promise<Look> => {
  const limit = clock() + patience
  for (;;) {
    const seen = await look(...seeds)
    if (fits(seen)) return seen
    if (clock() > limit) throw new Error(`not within ${seconds(patience)}: ${what}; last seen: ${describe(seen)}`)
  }
}

const describe = ({ code, took, views }: Look): string =>
  `${[...views].map(([view, count]) => `${count} ${view}`).join(", ")} (exit code ${code}, after ${seconds(took)})`

const expect = (what: string, holds: boolean, seen: Look): void => {
  if (!holds) throw new Error(`expected: ${what}; seen: ${describe(seen)}`)
}

const run = async (): Promise<void> => {
  const startedAt = clock()
  const first = await startNode()
  const processes = [first]
  while (processes.length < total) {
    const count = Math.min(startedTogether, total - processes.length)
    const batch = Array.from({ length: count }, () => startNode("--join", first.address))
    processes.push(...await Promise.all(batch))
  }
  console.log(`${total} Nodes are ready after ${seconds(clock() - startedAt)}`)

  const isWhole = (seen: Look) => seen.code === 0 && seen.agree && seen.views.get("agrees") === total
  console.log(`all agree: ${describe(await lookUntil("all agree", isWhole, first))}`)

  const victim = processes[total >> 1]!
  const stoppedAt = clock()
  victim.child.kill("SIGSTOP")
  const isSilent = (seen: Look) => seen.code === 1 && !seen.agree && seen.viewOf(victim.id) === "silent"
  const atOnce = await look(first)
  expect("the stopped Node is silent", isSilent(atOnce), atOnce)
  console.log(`one was stopped; wendy ring says at once: ${describe(atOnce)}`)

  await new Promise((wake) => setTimeout(wake, Math.max(0, stoppedAt + 12_000 - clock())))
  const later = await look(first)
  expect("the stopped Node is still silent", isSilent(later), later)
  console.log(`and 12 s after the stop: ${describe(later)}`)

  // Two neighbours close a gap together, up to 20 s after the silence began.
  const isClosed = (seen: Look) => isSilent(seen) && seen.views.get("agrees") === total - 1
  if (!isClosed(later)) {
    const closed = await lookUntil("all but the stopped Node agree", isClosed, first)
    console.log(`the others agree without it ${seconds(clock() - stoppedAt)} after the stop: ${describe(closed)}`)
  }

  const wokenAt = clock()
  victim.child.kill("SIGCONT")
  const healed = await lookUntil("all agree again", isWhole, first)
  console.log(`all agree by themselves ${seconds(clock() - wokenAt)} after it was woken up: ${describe(healed)}`)

  const endedAt = clock()
  const codes = await within(
    "all end",
    Promise.all(processes.map(async ({ child }) => {
      child.kill("SIGTERM")
      const [code] = await once(child, "exit")
      return code as number | null
    }))
  )
  const bad = codes.filter((code) => code !== 0)
  if (bad.length > 0) throw new Error(`${bad.length} Nodes ended with ${bad.join(", ")} after SIGTERM`)
  console.log(`all ended within ${seconds(clock() - endedAt)}`)
}

try {
  await run()
  console.log("good")
} catch (error) {
  console.log(`PROBLEM ${error instanceof Error ? error.message : String(error)}`)
  process.exit(1)
}
