/**
 * Tally: what was sent, by kind, and what became of it; and what should not have.
 */

/** What should not have happened, and which inputs replay it. */
export interface Finding {
  readonly inputs: ReadonlyArray<number>
  readonly what: string
}

export interface Tally {
  readonly rows: Map<string, Map<string, number>>
  readonly findings: Array<Finding>
}

export const make = (): Tally => ({ rows: new Map(), findings: [] })

export const count = ({ rows }: Tally, kind: string, outcome: string, times = 1): void => {
  let row = rows.get(kind)
  if (row === undefined) rows.set(kind, row = new Map())
  row.set(outcome, (row.get(outcome) ?? 0) + times)
}

export const find = ({ findings }: Tally, inputs: ReadonlyArray<number>, what: string): void => {
  findings.push({ inputs, what })
}

/** A line for each kind, by name. */
export const render = ({ rows }: Tally): ReadonlyArray<string> => {
  const sumOf = (row: Map<string, number>) => Array.from(row.values()).reduce((sum, times) => sum + times, 0)
  const format = (times: number) => times.toLocaleString("en")
  return [
    "| what | how often | what became of it |",
    "|---|---|---|",
    ...Array.from(rows).toSorted(([x], [y]) => x < y ? -1 : 1).map(([kind, row]) => {
      const outcomes = Array.from(row).toSorted(([, x], [, y]) => y - x)
      return `| ${kind} | ${format(sumOf(row))} | ${
        outcomes.map(([name, times]) => `${name} ${format(times)}`).join(", ")
      } |`
    })
  ]
}
