/**
 * `npm run bench`: how fast this overlay is, beside the bare socket and beside others.
 *
 * Each system runs in processes of its own on 127.0.0.1. After a warm-up they take turns, round by round; what is
 * printed are medians over the rounds (and the least and the most), and medians of the ratios of neighbouring rounds:
 * this machine may be busy with other things, and then it is so for all. After every round it is checked that what was
 * sent has arrived, once.
 */
import * as Fs from "node:fs"
import { version as brokerVersion } from "./bench/Broker.ts"
import * as Machine from "./bench/Machine.ts"
import { measure, type Result } from "./bench/Measure.ts"
import { versions as packageVersions } from "./bench/Peers.ts"
import { print } from "./bench/print.ts"
import { profileInto } from "./bench/Process.ts"
import { summarize } from "./bench/profiles.ts"
import { systemNames } from "./bench/Systems.ts"
import type { Extent } from "./bench/Workload.ts"
import { workloads } from "./bench/workloads.ts"
import { read, refuse } from "./options.ts"

const usage = `npm run bench: how fast it is, beside the bare socket and others (npm run bench:install gets them)
  --quick            under a minute, and rough; of the systems only raw, wendy and effectRpc
  --only WORKLOAD    ${workloads.map(({ name }) => name).join(", ")}; may be given several times
  --system NAME      ${systemNames.join(", ")}; may be given several times
  --out FILE         writes all figures there, as JSON
  --profile FOLDER   writes a profile of each process there, and prints where it spent its time
A nats-server is taken from the path, or from where NATS_SERVER says.`

const { values } = read(usage, {
  quick: { type: "boolean", default: false },
  only: { type: "string", multiple: true },
  system: { type: "string", multiple: true },
  out: { type: "string" },
  profile: { type: "string" }
})

const among = (option: string, given: ReadonlyArray<string> | undefined, known: ReadonlyArray<string>) => {
  const stranger = given?.find((name) => !known.includes(name))
  if (stranger !== undefined) refuse(`--${option} ${stranger}: give one of ${known.join(", ")}`)
  return (name: string) => given === undefined || given.includes(name)
}
const isWorkload = among("only", values.only, workloads.map(({ name }) => name))
const isSystem = among("system", values.system, systemNames)
const { out } = values
if (out !== undefined) {
  try {
    Fs.accessSync(out.replace(/[^/]*$/, "") || ".", Fs.constants.W_OK)
  } catch {
    refuse(`--out ${out}: nothing can be written there`)
  }
}

const { profile } = values
if (profile !== undefined) {
  Fs.mkdirSync(profile, { recursive: true })
  profileInto(profile)
}

const extent: Extent = values.quick
  ? { isQuick: true, warmUp: 200, round: 100, rounds: 3 }
  : { isQuick: false, warmUp: 2500, round: 1000, rounds: 7 }
/** A quick run has no time for the others, unless they are asked for. */
const core: ReadonlyArray<string> = ["raw", "wendy", "effectRpc"]
const isIncluded = (name: string) =>
  isSystem(name) && (!values.quick || values.system !== undefined || core.includes(name))

/** How far it is, on a line that is written over. */
const say = (what: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${what}`)
}

const machine = Machine.describe()
const versions = { ...packageVersions(), "nats-server": brokerVersion() }
console.log(
  `${machine.cpu}, ${machine.cores} cores, ${machine.memory}, ${machine.system}, load ${machine.load.toFixed(2)}; ` +
    `Node.js ${machine.node}`
)
console.log(Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(", "))
console.log(
  `${extent.rounds} rounds of about ${extent.round} ms after a warm-up, in turn; median (least..most). "Times the base": ` +
    "the same figure of the system above it that has none, round by round. CPU: user and system, for each message."
)

const began = performance.now()
const results: Array<Result> = []
for (const workload of workloads) {
  if (!isWorkload(workload.name)) continue
  const result = await measure(workload, extent, ({ system }) => isIncluded(system), say)
  if (result.rows.length === 0) continue
  results.push(result)
  print(result, workload)
}
const seconds = (performance.now() - began) / 1000
console.log(`\n${seconds.toFixed(0)} s`)
if (out !== undefined) {
  Fs.writeFileSync(out, `${JSON.stringify({ machine, versions, extent, seconds, results }, undefined, 1)}\n`)
}
if (profile !== undefined) summarize(profile)
const failed = results.some(({ rows }) => rows.some(({ note }) => note?.startsWith("FAILED") === true))
process.exit(failed ? 1 : 0)
