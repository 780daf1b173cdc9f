/**
 * `npm run explore [-- PART-OF-A-NAME ...]`: explores the membership core in small rings, and prints what was seen.
 *
 * - `--quick`: only what takes seconds; the tests run the same.
 * - `--max-states N`: stops each scenario there.
 * - `--write DIR`: writes the trace of each violation to a file, too.
 * - `--replay FILE`: carries out the commands of such a file instead, and says what comes of it.
 *
 * Exits with 1 at a violation. What a full run printed stands in `docs/proof.md`.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as V8 from "node:v8"
import * as Explorer from "../src/simulation/Explorer.ts"
import { scenarios } from "../src/simulation/explorerScenarios.ts"
import * as ExplorerTrace from "../src/simulation/ExplorerTrace.ts"
import { read, refuse, whole } from "./options.ts"

// The largest scenarios hold some millions of states.
V8.setFlagsFromString("--max-old-space-size=6000")

const usage = `npm run explore [-- PART-OF-A-NAME ...]: every order in which things can happen in small rings
  --quick           only what takes seconds
  --max-states N    stop each scenario there
  --write DIR       write the trace of each violation to a file, too
  --replay FILE     carry out such a file, and say what comes of it`

const { positionals: named, values } = read(usage, {
  "max-states": { type: "string" },
  quick: { type: "boolean", default: false },
  replay: { type: "string" },
  write: { type: "string" }
}, true)

const textOf = (file: string): string => {
  try {
    return Fs.readFileSync(file, "utf8")
  } catch (error) {
    return refuse(`--replay ${file}: ${(error as Error).message}`)
  }
}

const replay = (file: string): boolean => {
  const { expected, lines, verdict } = ExplorerTrace.replay(textOf(file))
  for (const line of lines) console.log(line)
  console.log(`----\n${verdict}`)
  if (expected !== undefined && expected !== verdict) console.log(`(the file says: ${expected})`)
  return verdict === ExplorerTrace.noViolation
}

const explore = (): boolean => {
  const chosen = scenarios.filter(({ isQuick, name }) =>
    (!values.quick || isQuick === true) && (named.length === 0 || named.some((part) => name.includes(part)))
  )
  if (chosen.length === 0) {
    refuse(`no scenario has such a name: there are\n${scenarios.map(({ name }) => `  ${name}`).join("\n")}`)
  }
  const limit = values["max-states"] === undefined ? undefined : whole(values["max-states"], "max-states")
  const began = performance.now()
  let violated = 0
  let complete = 0
  let states = 0
  for (const scenario of chosen) {
    const start = performance.now()
    const report = Explorer.explore({ ...scenario, maxStates: limit ?? scenario.maxStates })
    const seconds = ((performance.now() - start) / 1000).toFixed(1)
    const extent = report.violation !== undefined
      ? "VIOLATION"
      : report.complete
      ? `complete, ${report.depth} steps`
      : `bounded, ${report.depth - 1} steps`
    console.log(
      `| ${report.name} | ${report.states.toLocaleString("en")} | ${
        report.transitions.toLocaleString("en")
      } | ${extent} | ${seconds} s |`
    )
    states += report.states
    if (report.complete) complete++
    if (report.violation === undefined) continue
    violated++
    console.log(report.violation.trace)
    if (values.write === undefined) continue
    Fs.mkdirSync(values.write, { recursive: true })
    const file = Path.join(values.write, `${scenario.name.replaceAll(/[^\w]+/g, "-")}.txt`)
    Fs.writeFileSync(file, report.violation.trace)
    console.log(`written to ${file}`)
  }
  const minutes = ((performance.now() - began) / 60_000).toFixed(1)
  console.log(
    `${chosen.length} scenarios, ${complete} of them complete, ${
      states.toLocaleString("en")
    } states, ${minutes} minutes: ${violated === 0 ? "no violation" : `${violated} VIOLATED`}`
  )
  return violated === 0
}

const isGood = values.replay === undefined ? explore() : replay(values.replay)
process.exitCode = isGood ? 0 : 1
