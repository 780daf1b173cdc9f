/**
 * HtmlReport: one page about simulations, with the plots that readers of the papers on Pastry and MSPastry expect.
 *
 * The page is complete in itself: no script, nothing from elsewhere. What was
 * varied is what it plots against; a plot with nothing to show is left out.
 *
 * @since 0.1.0
 */
import * as Churn from "./Churn.ts"
import { type Axis, bars, escape, format, lines, type Mark, type Series } from "./plots.ts"
import { isGood, type Point, type Report } from "./Report.ts"
import type { Summary } from "./Statistics.ts"

/**
 * What a page tells besides the reports.
 *
 * @category models
 * @since 0.1.0
 */
export interface Meta {
  /** All that was asked for, by name, as it was asked for. */
  readonly options: ReadonlyArray<readonly [name: string, text: string]>
  /** What ran, by name. */
  readonly versions: ReadonlyArray<readonly [name: string, version: string]>
  /** What was done to the ring on purpose, in milliseconds of the measured time. */
  readonly disturbances: ReadonlyArray<Mark>
  /** Whether the checkers watched: otherwise wrong deliveries and broken invariants are not known. */
  readonly checks: boolean
}

/**
 * Renders a page.
 *
 * @category rendering
 * @since 0.1.0
 */
export const render = (reports: ReadonlyArray<Report>, meta: Meta): string => {
  const varied = dimensions.filter(({ of }) => new Set(reports.map(of)).size > 1)
  const names = reports.map((report, index) => nameOf(report, index, varied))
  const sections = [
    section("Result", [verdict(reports, meta), tiles(reports, meta)]),
    ...varied.map((dimension) => against(dimension, varied, reports, meta)),
    section("Hops", [hopDistribution(reports, names)]),
    section("Control traffic", [traffic(reports, names)]),
    ...reports.slice(0, mostRuns).map((report, index) => overTime(report, names[index]!, reports.length, meta)),
    section("All figures", [
      reports.length > mostRuns
        ? `<p>Plots over time are shown of the first ${mostRuns} of ${reports.length} simulations.</p>`
        : "",
      ...chunks(reports.map((report, index) => ({ report, index })), tableColumns).map((part) => figures(part, meta))
    ]),
    section("What was asked for", [pairs(meta.options), commands(reports)]),
    section("Violations", reports.map((report, index) => violations(report, names[index]!))),
    section("Versions", [pairs(meta.versions)])
  ]
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta name="color-scheme" content="light dark"/>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/>
<title>${escape(title(reports))}</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>${escape(title(reports))}</h1>
${sections.filter((text) => text !== "").join("\n")}
</main>
</body>
</html>
`
}

// -----------------------------------------------------------------------------
// what is varied
// -----------------------------------------------------------------------------

/** Something that differs from simulation to simulation. */
interface Dimension {
  readonly title: string
  readonly of: (report: Report) => number | string
  /** For a legend. */
  readonly say: (report: Report) => string
  readonly axis: (reports: ReadonlyArray<Report>) => {
    readonly axis: Axis
    readonly place: (report: Report) => number
  }
}

const byNumber =
  (label: string, of: (report: Report) => number, isLogarithmic: boolean): Dimension["axis"] => (reports) => {
    const values = Array.from(new Set(reports.map(of))).sort((x, y) => x - y)
    return {
      axis: {
        label,
        isLogarithmic,
        ...(values.length <= mostTicks ? { ticks: values.map((value) => [value, format(value)] as const) } : {})
      },
      place: of
    }
  }

/** Sessions from the longest to the shortest, so that churn grows to the right. */
const sessionMean = (name: string): number => {
  const parsed = Churn.parse(name)
  return (typeof parsed === "string" ? undefined : parsed.sessions?.mean) ?? Number.POSITIVE_INFINITY
}

const dimensions: ReadonlyArray<Dimension> = [
  {
    title: "Against the number of Nodes",
    of: ({ nodes }) => nodes,
    say: ({ nodes }) => `${format(nodes)} Nodes`,
    axis: byNumber("Nodes, N (logarithmic)", ({ nodes }) => nodes, true)
  },
  {
    title: "Against churn",
    of: ({ churn }) => churn,
    say: ({ churn }) => `churn ${churn}`,
    axis: (reports) => {
      const names = Array.from(new Set(reports.map(({ churn }) => churn))).sort((x, y) =>
        sessionMean(x) === sessionMean(y) ? 0 : sessionMean(y) - sessionMean(x)
      )
      return {
        axis: {
          label: "churn, from long sessions to short ones",
          isCategorical: true,
          ticks: names.map((name, index) => [index, name] as const)
        },
        place: ({ churn }) => names.indexOf(churn)
      }
    }
  },
  {
    title: "Against loss",
    of: ({ loss }) => loss,
    say: ({ loss }) => `${percent(loss)} loss`,
    axis: byNumber("frames that the network loses, %", ({ loss }) => loss * 100, false)
  },
  {
    title: "Against the size of leaf sets",
    of: ({ leafSet }) => leafSet,
    say: ({ leafSet }) => `leaf set ${leafSet}`,
    axis: byNumber("leaves on both sides together, l", ({ leafSet }) => leafSet, false)
  }
]

const nameOf = (report: Report, index: number, varied: ReadonlyArray<Dimension>): string =>
  varied.length === 0 ? `simulation ${index + 1}` : varied.map(({ say }) => say(report)).join(", ")

/** A quantity that is plotted against what was varied. */
interface Quantity {
  readonly title: string
  readonly note?: string
  readonly label: string
  readonly parts: ReadonlyArray<readonly [name: string, of: (report: Report) => number | undefined]>
}

const share = (count: number, { lookups }: Report): number | undefined =>
  lookups === 0 ? undefined : count / lookups * 100

const quantities = (checks: boolean): ReadonlyArray<Quantity> => [
  {
    title: "Hops of a lookup",
    label: "hops, mean",
    parts: [["", (report) => report.delivered === 0 ? undefined : report.meanHops]]
  },
  {
    title: "Lookups lost, and delivered at a wrong Node",
    note: checks ? "Lost: not delivered when everything was over." : "Wrong deliveries were not looked for.",
    label: "% of all lookups",
    parts: [
      ["lost", (report) => share(report.lost, report)],
      ...(checks ? [["incorrect", (report: Report) => share(report.incorrect, report)] as const] : [])
    ]
  },
  {
    title: "Control traffic",
    note: "All frames but the lookups themselves.",
    label: "messages per Node and second",
    parts: [["", ({ messagesPerNodePerSecond }) => messagesPerNodePerSecond]]
  },
  {
    title: "Relative delay penalty",
    note: "Mean delay of lookups over the mean direct distance between their ends.",
    label: "delay / distance",
    parts: [["", ({ rdp }) => rdp === 0 ? undefined : rdp]]
  },
  {
    title: "Delay of a lookup",
    label: "delay, ms",
    parts: [
      ["p50", ({ delays }) => delays.count === 0 ? undefined : delays.p50],
      ["p99", ({ delays }) => delays.count === 0 ? undefined : delays.p99]
    ]
  },
  {
    title: "Recovery from the disturbance",
    note: "Until all Nodes were one ring with exact leaf sets. What never recovered is left out.",
    label: "time, s",
    parts: [["", ({ recovery }) => recovery === undefined ? undefined : recovery / 1000]]
  }
]

const against = (
  dimension: Dimension,
  varied: ReadonlyArray<Dimension>,
  reports: ReadonlyArray<Report>,
  meta: Meta
): string => {
  const others = varied.filter((other) => other !== dimension)
  const groups = Map.groupBy(reports, (report) => others.map(({ say }) => say(report)).join(", "))
  const { axis, place } = dimension.axis(reports)
  const plots = quantities(meta.checks).map(({ label, note, parts, title }) => {
    const series = Array.from(groups).flatMap(([group, members]) =>
      parts.map(([part, of]): Series => ({
        name: [part, group].filter((text) => text !== "").join(", "),
        points: members.map((report) => [place(report), of(report) ?? Number.NaN] as const).sort(([x], [y]) => x - y)
      }))
    )
    const isHopsAgainstNodes = dimension === dimensions[0] && title === hopsTitle
    const shown = series.slice(0, mostSeries)
    return lines({
      title: `${title} ${dimension.title.charAt(0).toLowerCase()}${dimension.title.slice(1)}`,
      ...(series.length > mostSeries
        ? { note: `${note ?? ""} The first ${mostSeries} of ${series.length} series; the table has all.`.trim() }
        : note === undefined
        ? {}
        : { note }),
      x: axis,
      y: { label },
      series: isHopsAgainstNodes
        ? [...shown.map((one) => one.name === "" ? { ...one, name: "measured" } : one), logReference(reports)]
        : shown
    })
  })
  return section(dimension.title, plots)
}

/** What the papers expect of b = 4. */
const logReference = (reports: ReadonlyArray<Report>): Series => {
  const sizes = reports.map(({ nodes }) => nodes)
  const [least, most] = [Math.min(...sizes), Math.max(...sizes)]
  const steps = 24
  return {
    name: "log16 N",
    isReference: true,
    points: Array.from({ length: steps + 1 }, (_, index) => {
      const nodes = least * (most / least) ** (index / steps)
      return [nodes, Math.log2(nodes) / 4] as const
    })
  }
}

const hopsTitle = "Hops of a lookup"

// -----------------------------------------------------------------------------
// plots of all simulations
// -----------------------------------------------------------------------------

const hopDistribution = (reports: ReadonlyArray<Report>, names: ReadonlyArray<string>): string => {
  const shown = reports.slice(0, mostBars)
  const longest = Math.max(0, ...shown.map(({ hopHistogram }) => hopHistogram.length))
  const [only] = reports
  const note = reports.length === 1
    ? `Mean ${format(only!.meanHops)}; log16 N is ${format(Math.log2(only!.nodes) / 4)}.`
    : reports.length > mostBars
    ? `The first ${mostBars} of ${reports.length} simulations; the table has all.`
    : undefined
  return bars({
    title: "Distribution of hops",
    ...(note === undefined ? {} : { note }),
    x: { label: "hops", categories: Array.from({ length: longest }, (_, hops) => String(hops)) },
    y: { label: "% of delivered lookups" },
    series: shown.map(({ hopHistogram }, index) => {
      const total = hopHistogram.reduce((sum, count) => sum + count, 0)
      return {
        name: reports.length === 1 ? "" : names[index]!,
        values: hopHistogram.map((count) => count / total * 100)
      }
    })
  })
}

/** Control traffic by kind: bars for kinds of one simulation, stacked for each of several. */
const traffic = (reports: ReadonlyArray<Report>, names: ReadonlyArray<string>): string => {
  const sums = new Map<string, number>()
  for (const { messagesByKind } of reports) {
    for (const [kind, rate] of Object.entries(messagesByKind)) {
      if (kind !== "Routed") sums.set(kind, (sums.get(kind) ?? 0) + rate)
    }
  }
  const kinds = Array.from(sums).sort(([, x], [, y]) => y - x).map(([kind]) => kind)
  const title = "Control traffic by kind"
  const note = "Without the lookups themselves (Routed)."
  const y = { label: "messages per Node and second" }
  const [only] = reports
  if (reports.length === 1) {
    const shown = kinds.slice(0, mostKinds)
    const series = [{ name: "", values: shown.map((kind) => only!.messagesByKind[kind] ?? 0) }]
    return bars({ title, note, x: { label: "kind of message", categories: shown }, y, series })
  }
  const shown = kinds.slice(0, mostBars - 1)
  const rest = kinds.slice(mostBars - 1)
  const all = reports.slice(0, mostStacks)
  const areShort = names.every(({ length }) => length <= longestName)
  return bars({
    title,
    note: all.length < reports.length ? `${note} The first ${mostStacks} of ${reports.length} simulations.` : note,
    x: areShort
      ? { label: "simulation", categories: names.slice(0, mostStacks) }
      : { label: "simulation, by its number in the table", categories: all.map((_, index) => String(index + 1)) },
    y,
    isStacked: true,
    series: [
      ...shown.map((kind) => ({ name: kind, values: all.map(({ messagesByKind }) => messagesByKind[kind] ?? 0) })),
      ...(rest.length === 0 ? [] : [{
        name: "others",
        values: all.map(({ messagesByKind }) => rest.reduce((sum, kind) => sum + (messagesByKind[kind] ?? 0), 0))
      }])
    ]
  })
}

// -----------------------------------------------------------------------------
// plots of one simulation
// -----------------------------------------------------------------------------

const overTime = (report: Report, name: string, runs: number, meta: Meta): string => {
  const { points } = report
  const last = points.at(-1)?.at ?? 0
  const [unit, length] = last >= 3 * 3_600_000 ? ["h", 3_600_000] : last >= 180_000 ? ["minutes", 60_000] : ["s", 1000]
  const x: Axis = { label: `measured time, ${unit}`, from: 0 }
  const marks = meta.disturbances.map((mark) => ({ ...mark, from: mark.from / length, to: mark.to / length }))
  const series = (name: string, of: (point: Point, seconds: number) => number): Series => ({
    name,
    points: points.map((point, index) => {
      const seconds = (point.at - (points[index - 1]?.at ?? 0)) / 1000
      return [point.at / length, of(point, seconds)] as const
    })
  })
  const recovered = report.recovery === undefined
    ? meta.disturbances.length === 0 ? {} : { note: "Not all was in place again while it was watched." }
    : {
      note: `All was in place ${format(report.recovery / 1000)} s (${
        format(report.recoveryLeases ?? Number.NaN)
      } leases) after.`
    }
  return section(runs === 1 ? "Over time" : `Over time: ${name}`, [
    lines({
      title: "The ring over time",
      ...recovered,
      x,
      y: { label: "%", atLeast: 100 },
      marks,
      series: [
        series(`Nodes that are ready, of ${format(report.nodes)}`, ({ ready }) => ready / report.nodes * 100),
        series("leaf sets that are exact", ({ exactLeafSets }) => exactLeafSets * 100),
        series("keys that one Node answers for", ({ covered }) => covered * 100)
      ]
    }),
    lines({
      title: "Lookups over time",
      x,
      y: { label: "lookups per second" },
      marks,
      series: [
        series("sent", ({ sent }, seconds) => sent / seconds),
        series("delivered", ({ delivered }, seconds) => delivered / seconds)
      ]
    }),
    lines({
      title: "Control traffic over time",
      x,
      y: { label: "messages per Node and second" },
      marks,
      series: [series("", ({ controlPerNodeAndSecond }) => controlPerNodeAndSecond)]
    })
  ])
}

// -----------------------------------------------------------------------------
// text and tables
// -----------------------------------------------------------------------------

const title = (reports: ReadonlyArray<Report>): string => {
  const sizes = Array.from(new Set(reports.map(({ nodes }) => nodes))).sort((x, y) => x - y).map(format)
  return `Simulation of ${sizes.join(", ")} Nodes, seed ${reports[0]?.seed ?? ""}`
}

const verdict = (reports: ReadonlyArray<Report>, { checks }: Meta): string => {
  const bad = reports.filter((report) => !isGood(report)).length
  if (bad > 0) {
    const where = reports.length === 1 ? "" : `, in ${bad} of ${reports.length} simulations`
    return `<p class="bad">Something was seen that must not be${where}.</p>`
  }
  return checks ? `<p class="good">Nothing was seen that must not be.</p>` : "<p>Nothing was checked.</p>"
}

const tiles = (reports: ReadonlyArray<Report>, { checks }: Meta): string => {
  const [report] = reports
  if (report === undefined || reports.length > 1) return ""
  const known: ReadonlyArray<readonly [name: string, text: string]> = [
    ["lookups delivered", `${format(report.delivered)} of ${format(report.lookups)}`],
    ["incorrect", checks ? format(report.incorrect) : "not checked"],
    ["hops, mean", format(report.meanHops)],
    ["relative delay penalty", format(report.rdp)],
    ["delay, p50 / p99", `${format(report.delays.p50)} / ${format(report.delays.p99)} ms`],
    ["messages per Node and second", format(report.messagesPerNodePerSecond)],
    ["invariants broken", checks ? format(report.invariantViolations) : "not checked"]
  ]
  const items = known.map(([name, text]) => `<div><dt>${escape(name)}</dt><dd>${escape(text)}</dd></div>`)
  return `<dl class="tiles">${items.join("")}</dl>`
}

const percent = (part: number): string => `${format(part * 100)} %`

const sayTimes = ({ count, longest, mean, p50, p99 }: Summary): string =>
  count === 0 ? "–" : `${format(mean)} / ${format(p50)} / ${format(p99)} / ${format(longest)}`

const rows: ReadonlyArray<readonly [name: string, say: (report: Report, meta: Meta) => string]> = [
  ["Nodes", ({ nodes }) => format(nodes)],
  ["leaf set", ({ leafSet }) => format(leafSet)],
  ["churn", ({ churn }) => churn],
  ["loss", ({ loss, lossModel }) => `${percent(loss)}, ${lossModel}`],
  ["latency", ({ latency }) => latency],
  ["seed", ({ seed }) => seed],
  ["joins", ({ joins }) => format(joins)],
  ["ends", ({ ending, endings }) => `${format(endings)} (${ending})`],
  ["joining: mean / p50 / p99 / longest, ms", ({ joinTimes }) => sayTimes(joinTimes)],
  ["lookups", ({ lookups }) => format(lookups)],
  ["delivered", ({ delivered }) => format(delivered)],
  ["held", ({ held }) => format(held)],
  ["held: mean / p50 / p99 / longest, ms", ({ heldTimes }) => sayTimes(heldTimes)],
  ["lost", ({ lost }) => format(lost)],
  ["lost with a Node", ({ lostWithNode }) => format(lostWithNode)],
  ["lost, nobody answered", ({ lostHeldTooLong }) => format(lostHeldTooLong)],
  ["lost, unexplained", ({ lostUnexplained }) => format(lostUnexplained)],
  ["incorrect", ({ incorrect }, { checks }) => checks ? format(incorrect) : "not checked"],
  ["duplicates", ({ duplicates }) => format(duplicates)],
  ["hops, mean", ({ meanHops }) => meanHops.toFixed(3)],
  ["lookups by hops, from 0", ({ hopHistogram }) => hopHistogram.map(format).join(" / ")],
  ["log16 N", ({ nodes }) => (Math.log2(nodes) / 4).toFixed(3)],
  ["delay: mean / p50 / p99 / longest, ms", ({ delays }) => sayTimes(delays)],
  ["relative delay penalty", ({ rdp }) => format(rdp)],
  ["stretch, mean", ({ meanStretch }) => format(meanStretch)],
  ["control messages per Node and second", ({ messagesPerNodePerSecond }) => format(messagesPerNodePerSecond)],
  ["frames lost", ({ framesLost }) => format(framesLost)],
  ["split for, s", ({ splitFor }) => format(splitFor / 1000)],
  ["owned twice while split", ({ splitOwnership }, { checks }) => checks ? format(splitOwnership) : "not checked"],
  ["delivered while split", ({ splitDeliveries }, { checks }) => checks ? format(splitDeliveries) : "not checked"],
  ["recovery, s", ({ recovery }) => recovery === undefined ? "–" : format(recovery / 1000)],
  ["recovery, leases", ({ recoveryLeases }) => recoveryLeases === undefined ? "–" : format(recoveryLeases)],
  [
    "invariants broken",
    ({ invariantViolations }, { checks }) =>
      checks || invariantViolations > 0 ? format(invariantViolations) : "not checked"
  ],
  ["simulated, s", ({ simulatedSeconds }) => format(simulatedSeconds)],
  ["real, s", ({ realSeconds }) => format(realSeconds)],
  ["events", ({ events }) => format(events)],
  ["events per real second", ({ eventsPerSecond }) => format(eventsPerSecond)],
  ["hash of the trace", ({ traceHash }) => traceHash]
]

interface Column {
  readonly report: Report
  readonly index: number
}

const figures = (columns: ReadonlyArray<Column>, meta: Meta): string => {
  const kinds = new Set(columns.flatMap(({ report }) => Object.keys(report.messagesByKind)))
  const cells = (say: (report: Report) => string) =>
    columns.map(({ report }) => `<td>${escape(say(report))}</td>`).join("")
  const row = (name: string, say: (report: Report) => string) =>
    `<tr><th scope="row">${escape(name)}</th>${cells(say)}</tr>`
  const body = [
    ...rows.map(([name, say]) => row(name, (report) => say(report, meta))),
    ...Array.from(kinds).sort().map((kind) =>
      row(`${kind} per Node and second`, ({ messagesByKind }) => format(messagesByKind[kind] ?? 0))
    )
  ]
  const head = columns.map(({ index }) => `<th scope="col">simulation ${index + 1}</th>`).join("")
  return `<div class="wide"><table><thead><tr><td></td>${head}</tr></thead><tbody>\n${
    body.join("\n")
  }\n</tbody></table></div>`
}

const pairs = (items: ReadonlyArray<readonly [name: string, text: string]>): string =>
  items.length === 0 ?
    "" :
    `<div class="wide"><table><tbody>${
      items.map(([name, text]) => `<tr><th scope="row">${escape(name)}</th><td>${escape(text)}</td></tr>`).join("\n")
    }</tbody></table></div>`

const commands = (reports: ReadonlyArray<Report>): string =>
  `<h3>The same again</h3><ol>${
    reports.map(({ command }) => `<li><code>${escape(command)}</code></li>`).join("\n")
  }</ol>`

const violations = (report: Report, name: string): string => {
  if (report.invariantViolations === 0) return ""
  const shown = report.violations.slice(0, mostViolations)
  const items = shown.map(({ at, checker, message }) =>
    `<li>${format(at / 1000)} s, ${escape(checker)}: ${escape(message)}</li>`
  )
  return `<h3>${escape(name)}: ${format(report.invariantViolations)}, of which the first ${shown.length}</h3>` +
    `<ul>${items.join("\n")}</ul>`
}

/** Nothing when there is nothing in it. */
const section = (title: string, parts: ReadonlyArray<string>): string => {
  const body = parts.filter((part) => part !== "").join("\n")
  return body === "" ? "" : `<section><h2>${escape(title)}</h2>\n<div class="parts">${body}</div></section>`
}

const chunks = <A>(items: ReadonlyArray<A>, size: number): ReadonlyArray<ReadonlyArray<A>> =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size))

/** As many as the eye tells apart, or a page has room for. */
const mostSeries = 12
const mostBars = 8
const mostStacks = 24
const mostKinds = 16
const longestName = 12
const mostTicks = 10
const mostRuns = 12
const mostViolations = 20
const tableColumns = 6

const palette = (colors: ReadonlyArray<string>): string =>
  colors.map((color, index) => `--c${index}:${color};`).join("")

// Okabe and Ito's colours, which most people tell apart; lighter on a dark ground.
const light =
  "--ground:#fff;--text:#1b1b1b;--faint:#5a5a5a;--rule:#d5d5d5;--good:#00654a;--bad:#a31515;--mark:#d5500033;" +
  palette(["#0072b2", "#d55e00", "#008060", "#b0578d", "#8a6d00", "#3d8fc6", "#444444", "#7a3e9d"])
const dark =
  "--ground:#16181c;--text:#e8e8e8;--faint:#a8adb5;--rule:#3a3f47;--good:#4fd0a5;--bad:#ff8a80;--mark:#ff9f4044;" +
  palette(["#56b4e9", "#ff9f40", "#35c79b", "#e79cc6", "#f0e442", "#9fd3f5", "#c8c8c8", "#c9a0ee"])

const style = `
:root{${light}}
@media (prefers-color-scheme:dark){:root{${dark}}}
@media print{:root{${light}}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--text);font:16px/1.5 system-ui,sans-serif}
main{max-width:1360px;margin:0 auto;padding:1.5rem}
h1{font-size:1.6rem;margin:0 0 1rem;overflow-wrap:anywhere}
h2{font-size:1.25rem;margin:2rem 0 .75rem;border-bottom:1px solid var(--rule);overflow-wrap:anywhere}
h3{font-size:1rem;margin:0}
.parts{display:flex;flex-wrap:wrap;gap:1.5rem}
.parts>*{flex:1 1 100%;min-width:0;margin:0}
.parts>figure{flex:1 1 420px;max-width:660px}
figcaption p{margin:0;color:var(--faint);font-size:.875rem}
.good{color:var(--good);font-weight:600}
.bad{color:var(--bad);font-weight:600}
.tiles{display:flex;flex-wrap:wrap;gap:.75rem 2rem}
.tiles dt{color:var(--faint);font-size:.875rem}
.tiles dd{margin:0;font-size:1.25rem}
svg.plot{display:block;width:100%;height:auto}
svg text{font:12px system-ui,sans-serif;fill:var(--text)}
svg text.label{fill:var(--faint)}
.grid{stroke:var(--rule);stroke-width:1}
.axis{stroke:var(--faint);stroke-width:1}
.line{fill:none;stroke:currentColor;stroke-width:2;stroke-linejoin:round}
.reference{fill:none;stroke:var(--faint);stroke-width:1.5}
.dot,.bar{fill:currentColor}
.mark{fill:var(--mark)}
${Array.from({ length: 8 }, (_, index) => `.c${index}{color:var(--c${index})}`).join("")}
.legend{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;list-style:none;margin:.25rem 0 0;padding:0;font-size:.875rem}
.sample{margin-right:.4rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:.875rem}
th,td{padding:.15rem .9rem .15rem 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--rule);overflow-wrap:anywhere}
th{font-weight:500;color:var(--faint)}
td{min-width:7rem}
code{font-size:.875rem;overflow-wrap:anywhere}
@media print{main{max-width:none;padding:0}figure,tr,li{break-inside:avoid}h2,h3{break-after:avoid}
.parts{display:block}figure{margin:0 0 1rem;max-width:160mm}.wide{overflow:visible}*{print-color-adjust:exact}}
`
