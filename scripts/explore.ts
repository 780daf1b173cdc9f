/**
 * `npm run explore [-- PART-OF-A-NAME ... --max-states N]`: explores the membership
 * core in small rings, prints what was seen, and exits with 1 at a violation, with
 * its shortest trace.
 */
import { parseArgs } from "node:util"
import * as Explorer from "../src/simulation/Explorer.ts"
import { scenarios } from "../src/simulation/explorerScenarios.ts"

const { positionals: named, values } = parseArgs({
  allowPositionals: true,
  options: { "max-states": { type: "string" } }
})
const maxStates = values["max-states"] === undefined ? undefined : Number(values["max-states"])
const chosen = named.length === 0
  ? scenarios
  : scenarios.filter(({ name }) => named.some((part) => name.includes(part)))
let failed = 0
for (const scenario of chosen) {
  const report = Explorer.explore(maxStates === undefined ? scenario : { ...scenario, maxStates })
  const extent = report.complete ? "complete" : "bounded"
  console.log(
    `${scenario.name}: ${report.states} states, ${report.transitions} transitions, ${report.runs} runs to the end, ${
      report.violation === undefined ? extent : "VIOLATION"
    }`
  )
  if (report.violation !== undefined) {
    failed++
    console.log(`  ${report.violation.message}`)
    for (const line of report.violation.trace) console.log(`    ${line}`)
  }
}
console.log(
  failed === 0 ? `${chosen.length} scenarios, no violation` : `${failed} of ${chosen.length} scenarios violated`
)
process.exitCode = failed === 0 ? 0 : 1
