/** print: results as a table for people. */
import type { Result, Row } from "./Measure.ts"
import type { Spread } from "./Statistics.ts"
import type { Workload } from "./Workload.ts"

/** Three digits, and commas in large numbers. */
export const figure = (value: number): string =>
  Number.isNaN(value) ? "-" : Math.abs(value) >= 100
    ? Math.round(value).toLocaleString("en")
    : value.toPrecision(3)

const range = ({ maximum, median, minimum }: Spread): string =>
  minimum === maximum ? figure(median) : `${figure(median)} (${figure(minimum)}..${figure(maximum)})`

const cells = (row: Row, metrics: Workload["metrics"], processes: ReadonlyArray<string>): ReadonlyArray<string> => {
  if (row.samples.length === 0) return [row.contender, row.note ?? "nothing"]
  const name = row.contender + (row.duplicates > 0 ? ` [${row.duplicates} came twice]` : "") +
    (row.note === undefined ? "" : ` [${row.note}]`)
  return [
    name,
    ...metrics.flatMap(({ better, name }) => {
      const [value, ratio] = [row.figures[name], row.ratios[name]]
      const first = value === undefined ? "-" : range(value)
      return better === "neither" ? [first] : [first, ratio === undefined ? "" : range(ratio)]
    }),
    ...processes.map((process) => {
      const spent = row.cpuPerMessage[process]
      return spent === undefined ? "" : figure(spent.median)
    })
  ]
}

/** Text in columns, the first to the left. */
export const align = (lines: ReadonlyArray<ReadonlyArray<string>>): string => {
  // A line with a note in place of figures makes no column wide.
  const full = lines.filter(({ length }) => length === lines[0]!.length)
  const widths = lines[0]!.map((_, column) => Math.max(...full.map((line) => line[column]!.length)))
  const first = Math.max(...lines.map(([name]) => name!.length))
  const pad = (line: ReadonlyArray<string>) =>
    line.map((cell, column) =>
      column === 0 ? cell.padEnd(first) : line.length === 2 ? cell : cell.padStart(widths[column]!)
    )
      .join("  ").trimEnd()
  return lines.map((line) => `  ${pad(line)}`).join("\n")
}

export const print = (result: Result, { metrics, notes }: Workload): void => {
  const processes = [...new Set(result.rows.flatMap((row) => Object.keys(row.cpuPerMessage)))]
  const head = [
    "",
    ...metrics.flatMap(({ better, name }) => better === "neither" ? [name] : [name, "times the base"]),
    ...processes.map((process) => `${process}, µs CPU`)
  ]
  console.log(`\n${result.title}  [${result.workload}, ${result.seconds.toFixed(0)} s]\n`)
  console.log(align([head, ...result.rows.map((row) => cells(row, metrics, processes))]))
  for (const note of notes ?? []) console.log(`  * ${note}`)
}
