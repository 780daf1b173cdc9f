/**
 * Report: what came out, as a table, and what did not hold.
 */

const problems: Array<string> = []
const width = 34

let title = "The package"

/** What follows is about this. */
export const section = (name: string) => {
  title = name
  console.log(`\n${name}`)
}

export const row = (name: string, text: string) => console.log(`  ${name.padEnd(width)} ${text}`)

/** One line of the table; without `holds` it is a problem. */
export const verdict = (name: string, holds: boolean, text: string, detail = "") => {
  row(name, holds ? text : `PROBLEM ${text}`)
  if (holds) return
  problems.push(`${title}: ${name}: ${text}`)
  for (const line of detail.trim().split("\n").slice(-20)) console.log(`    | ${line}`)
}

export const bytes = (size: number) => `${(size / 1000).toFixed(1)} kB`

/** Something threw. */
export const failed = (error: unknown): void =>
  void problems.push(`${title}: ${error instanceof Error ? error.message : String(error)}`)

/** Prints what did not hold; whether all did. */
export const conclude = (): boolean => {
  console.log("")
  for (const problem of problems) console.log(`PROBLEM ${problem}`)
  console.log(problems.length === 0 ? "good" : `${problems.length} problems`)
  return problems.length === 0
}
