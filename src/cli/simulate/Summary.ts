/**
 * What simulations come to, as lines of JSON and as tables.
 *
 * @since 0.1.0
 */
import { displayWidth } from "effect/cli/CliOutput"
import { isGood, type Report } from "../../simulation/Report.ts"
import { box, type Row } from "../box.ts"
import { bar, thousands } from "../demo/Progress.ts"
import { round } from "../demo/statistics.ts"
import { printable, type Style } from "../style.ts"

/**
 * The summary line of `wendy simulate --json`: a report, whose names are stable. What is not known is `null`.
 *
 * @category rendering
 * @since 0.1.0
 */
export const json = (report: Report): { readonly type: "summary"; readonly [field: string]: unknown } => ({
  type: "summary",
  ...report,
  recovery: report.recovery ?? null,
  recoveryLeases: report.recoveryLeases ?? null,
  violations: report.violations.slice(0, maxViolations)
})

/**
 * Renders a report as a table with the verdict below it. Without checks some of it is not known.
 *
 * @category rendering
 * @since 0.1.0
 */
export const table = (report: Report, checks: boolean, style: Style): string => {
  const none = (value: number) => value === 0 ? style.green("0") : style.red(thousands(value))
  const { delays, joinTimes, heldTimes } = report
  const kinds = Object.entries(report.messagesByKind).filter(([kind]) => kind !== "Routed")
    .sort(([, x], [, y]) => y - x)
  const most = kinds[0]?.[1] ?? 0
  const rows: ReadonlyArray<Row> = [
    [
      "Nodes",
      `${thousands(report.nodes)}, leaf set ${report.leafSet}${report.engine === "core" ? "" : ", whole: with actors"}`
    ],
    ["network", printable(`${report.latency}, ${percent(report.loss)} of frames lost (${report.lossModel})`)],
    [
      "churn",
      report.churn === "none" && report.joins + report.endings === 0
        ? "none"
        : `${report.churn}: ${thousands(report.endings)} ended (${report.ending}), ${thousands(report.joins)} joined` +
          (joinTimes.count === 0 ? "" : ` in ${millis(joinTimes.p50)}, p99 ${millis(joinTimes.p99)}`)
    ],
    undefined,
    ["lookups", thousands(report.lookups)],
    ["delivered", (report.lost === 0 ? style.green : style.yellow)(thousands(report.delivered))],
    ["lost", report.lost === 0 ? style.green("0") : `${thousands(report.lost)}: ${describeLost(report)}`],
    ["  unexplained", none(report.lostUnexplained)],
    ["incorrect", checks ? none(report.incorrect) : "not checked"],
    ["duplicates", thousands(report.duplicates)],
    [
      "held",
      report.held === 0 ? "0" : `${thousands(report.held)}, p50 ${millis(heldTimes.p50)}, p99 ${millis(heldTimes.p99)}`
    ],
    undefined,
    ["hops", `mean ${round(report.meanHops, 3)}, log16 N = ${round(log16(report.nodes), 3)}`],
    ...histogramRows(report.hopHistogram, style),
    [
      "delay",
      `p50 ${millis(delays.p50)}, p99 ${millis(delays.p99)}, max ${millis(delays.longest)}, ` +
      `${round(report.rdp, 2)} times the direct way`
    ],
    undefined,
    ["control traffic", `${round(report.messagesPerNodePerSecond, 3)} messages per Node and second`],
    ...kinds.slice(0, maxKinds).map(([kind, rate]) =>
      [`  ${printable(kind)}`, `${style.cyan(bar(rate / most, barWidth))} ${round(rate, 4)}`] as const
    ),
    ...disturbanceRows(report),
    undefined,
    ["invariants broken", checks || report.invariantViolations > 0 ? none(report.invariantViolations) : "not checked"],
    [
      "simulated",
      `${clock(report.simulatedSeconds)} in ${round(report.realSeconds, 1)} s, ${thousands(report.events)} events, ` +
      `${thousands(report.eventsPerSecond)} a second`
    ],
    ["trace", report.traceHash]
  ]
  return `${box(rows, style)}\n${conclusion(report, checks, style)}\n`
}

/**
 * Renders several reports as one table, a line each: what varies first, then what came of it.
 *
 * @category rendering
 * @since 0.1.0
 */
export const comparison = (reports: ReadonlyArray<Report>, style: Style): string => {
  const varied = variable.filter(([, of]) => new Set(reports.map(of)).size > 1)
  const columns: ReadonlyArray<readonly [name: string, of: (report: Report) => string]> = [
    ...varied,
    ["delivered", ({ delivered }) => thousands(delivered)],
    ["lost", ({ lost }) => thousands(lost)],
    ["incorrect", ({ incorrect }) => thousands(incorrect)],
    ["hops", ({ meanHops }) => meanHops.toFixed(3)],
    ["delay p50", ({ delays }) => millis(delays.p50)],
    ["stretch", ({ rdp }) => rdp.toFixed(2)],
    ["msg/Node/s", ({ messagesPerNodePerSecond }) => messagesPerNodePerSecond.toFixed(3)],
    ["broken", ({ invariantViolations }) => thousands(invariantViolations)]
  ]
  const cells = [columns.map(([name]) => name), ...reports.map((report) => columns.map(([, of]) => of(report)))]
  const widths = columns.map((_, column) => Math.max(...cells.map((row) => displayWidth(row[column]!))))
  const lines = cells.map((row) => row.map((cell, column) => cell.padStart(widths[column]!)).join("  "))
  return lines.map((line, index) =>
    index === 0 ? style.bold(line) : isGood(reports[index - 1]!) ? line : style.red(line)
  ).map((line) => `${line}\n`).join("")
}

/**
 * Says what must not have been, the first of it, and how to see it again.
 *
 * @category rendering
 * @since 0.1.0
 */
export const complaint = (report: Report): string => {
  const shown = report.violations.slice(0, shownViolations)
  const more = report.invariantViolations - shown.length
  return [
    ...shown.map(({ at, checker, message }) => `  ${clock(at / 1000)} ${checker}: ${printable(message)}`),
    ...(more > 0 ? [`  and ${thousands(more)} more`] : []),
    "The same again:",
    `  ${printable(report.command)}`
  ].map((line) => `${line}\n`).join("")
}

/**
 * Renders a time in seconds as hours, minutes and seconds.
 *
 * @category rendering
 * @since 0.1.0
 */
export const clock = (seconds: number): string => {
  const whole = Math.floor(seconds)
  const two = (value: number) => String(value).padStart(2, "0")
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`
}

// -----------------------------------------------------------------------------
// internals
// -----------------------------------------------------------------------------

/** Violations in a line of JSON. */
const maxViolations = 100

/** Violations that are printed. */
const shownViolations = 5

/** Kinds of message in the table. */
const maxKinds = 6

const barWidth = 24

const variable: ReadonlyArray<readonly [name: string, of: (report: Report) => string]> = [
  ["Nodes", ({ nodes }) => thousands(nodes)],
  ["churn", ({ churn }) => churn],
  ["loss", ({ loss }) => percent(loss)],
  ["leaf set", ({ leafSet }) => String(leafSet)]
]

const log16 = (nodes: number): number => Math.log2(nodes) / 4

const percent = (part: number): string => `${round(part * 100, 4)} %`

const millis = (value: number): string => value < 10_000 ? `${round(value, 1)} ms` : `${round(value / 1000, 1)} s`

const describeLost = (report: Report): string => {
  const reasons = [
    [report.lostUnexplained, "for no good reason"],
    [report.lostWithNode, "with a Node that had them"],
    [report.lostHeldTooLong, "nobody answered for the key"]
  ] as const
  return reasons.filter(([count]) => count > 0).map(([count, reason]) => `${thousands(count)} ${reason}`).join(", ")
}

const histogramRows = (counts: ReadonlyArray<number>, style: Style): ReadonlyArray<Row> => {
  const most = Math.max(1, ...counts)
  return counts.map((count, hops) => [
    `  ${hops}`,
    `${style.cyan(bar(count / most, barWidth))} ${thousands(count)}`
  ])
}

const disturbanceRows = (report: Report): ReadonlyArray<Row> => {
  const rows: Array<Row> = []
  if (report.newRings > 0) {
    rows.push(["new rings", `${thousands(report.newRings)}, after all Nodes of the ring had ended`])
  }
  if (report.splitFor > 0) {
    rows.push(
      ["network split", clock(report.splitFor / 1000)],
      [
        "  meanwhile",
        `${thousands(report.splitDeliveries)} deliveries for one part only, ${
          thousands(report.splitOwnership)
        } times ` +
        "two Nodes answered for one key"
      ]
    )
  }
  if (report.recovery !== undefined) {
    rows.push(["recovered after", `${millis(report.recovery)}, ${round(report.recoveryLeases ?? 0, 2)} leases`])
  }
  return rows.length === 0 ? [] : [undefined, ...rows]
}

const conclusion = (report: Report, checks: boolean, style: Style): string => {
  if (!isGood(report)) return style.red("Something was seen that must not be.")
  const replay = style.dim(`The same again: ${printable(report.command)}`)
  return `${checks ? style.green("Nothing was seen that must not be.") : "Nothing was checked."}\n${replay}`
}
