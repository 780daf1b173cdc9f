/**
 * What a demo comes to, as a line of JSON and as a table.
 *
 * @since 0.1.0
 */
import { box, type Row } from "../box.ts"
import type { Style } from "../style.ts"
import type { Journal } from "./Journal.ts"
import { bar, thousands } from "./Progress.ts"
import { histogram, mean, percentile, round } from "./statistics.ts"
import * as Verdict from "./Verdict.ts"

/**
 * The summary line of `wendy demo --json`. The names are stable.
 *
 * @category models
 * @since 0.1.0
 */
export interface Summary extends Verdict.Verdict {
  readonly type: "summary"
  /** Nodes that the demo started with. */
  readonly nodes: number
  readonly meanHops: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  readonly messagesPerSecond: number
  readonly hopHistogram: ReadonlyArray<number>
  readonly killed: number
  readonly joined: number
  readonly joinP50Ms: number
  readonly joinMaxMs: number
  /** The longest time from a kill until another Node first said that the killed one had failed; null without kills. */
  readonly noticedMaxMs: number | null
  /** The longest time from a kill until another Node first answered for a key of the killed one; null if none was sent there. */
  readonly failoverMaxMs: number | null
  readonly seconds: number
  readonly seed: number
}

/**
 * A Node that was killed; `millis` and `noticedMillis` count from the start of the demo.
 *
 * @category models
 * @since 0.1.0
 */
export interface Kill {
  readonly node: number
  readonly moment: number
  readonly millis: number
  noticedMillis: number | undefined
}

/**
 * Sums up a demo.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  journal: Journal,
  facts: {
    readonly seed: number
    readonly nodes: number
    readonly joined: number
    readonly kills: ReadonlyArray<Kill>
    /** Milliseconds from start to ready, of every Node that joined another. */
    readonly joinMillis: ReadonlyArray<number>
    /** From the first message sent to the last receipt. */
    readonly seconds: number
  }
): Summary => {
  const confirmed = Array.from({ length: journal.sent }, (_, message) => message)
    .filter((message) => journal.trace(message).receiptAt !== undefined)
  const latencies = Float32Array.from(confirmed, (message) => journal.latencies[message]!).sort()
  const hopHistogram = histogram(confirmed.map((message) => journal.hops[message]!))
  const joins = Float64Array.from(facts.joinMillis).sort()
  const millis = (value: number) => round(value, 2)
  const longest = (values: ReadonlyArray<number | undefined>) => {
    const known = values.filter((value) => value !== undefined)
    return known.length === 0 ? null : millis(Math.max(...known))
  }
  const noticed = ({ millis, noticedMillis }: Kill) => noticedMillis === undefined ? undefined : noticedMillis - millis
  return {
    type: "summary",
    nodes: facts.nodes,
    ...Verdict.judge(journal),
    meanHops: round(mean(hopHistogram), 3),
    p50Ms: millis(percentile(latencies, 0.5)),
    p99Ms: millis(percentile(latencies, 0.99)),
    maxMs: millis(percentile(latencies, 1)),
    messagesPerSecond: facts.seconds === 0 ? 0 : Math.round(confirmed.length / facts.seconds),
    hopHistogram,
    killed: facts.kills.length,
    joined: facts.joined,
    joinP50Ms: millis(percentile(joins, 0.5)),
    joinMaxMs: millis(percentile(joins, 1)),
    noticedMaxMs: longest(facts.kills.map(noticed)),
    failoverMaxMs: longest(facts.kills.map((kill) => Verdict.failover(journal, kill))),
    seconds: round(facts.seconds, 3),
    seed: facts.seed
  }
}

/**
 * Renders a summary as a table with the verdict below it.
 *
 * @category rendering
 * @since 0.1.0
 */
export const table = (summary: Summary, style: Style): string => {
  const none = (value: number) => value === 0 ? style.green("0") : style.red(thousands(value))
  const after = (value: number | null) => value === null ? "not seen" : `${value} ms at most`
  const all = summary.delivered === summary.sent ? style.green : style.red
  const rows: Array<Row> = [
    ["Nodes", `${summary.nodes} started, ${summary.killed} killed, ${summary.joined} joined while messages flowed`],
    ["join", `p50 ${summary.joinP50Ms} ms, max ${summary.joinMaxMs} ms`],
    undefined,
    ["messages", thousands(summary.sent)],
    ["delivered", all(thousands(summary.delivered))],
    ["lost", none(summary.lost)],
    ["misdelivered", none(summary.misdelivered)],
    ["duplicates", none(summary.duplicates)],
    undefined,
    ["throughput", `${thousands(summary.messagesPerSecond)} messages a second`],
    ["latency", `p50 ${summary.p50Ms} ms, p99 ${summary.p99Ms} ms, max ${summary.maxMs} ms`],
    ["hops", `mean ${summary.meanHops}`],
    ...hopRows(summary.hopHistogram, style),
    ...(summary.killed === 0 ? [] : [
      undefined,
      ["kill noticed", after(summary.noticedMaxMs)] as const,
      ["keys served again", after(summary.failoverMaxMs)] as const
    ])
  ]
  return `${box(rows, style)}\n${conclusion(summary, style)}\n`
}

// -----------------------------------------------------------------------------
// internals
// -----------------------------------------------------------------------------

const barWidth = 24

const hopRows = (counts: ReadonlyArray<number>, style: Style): Array<Row> => {
  const most = Math.max(...counts)
  return counts.map((count, hops) => [
    `  ${hops}`,
    `${style.cyan(bar(count / most, barWidth))} ${thousands(count)}`
  ])
}

const conclusion = (summary: Summary, style: Style): string => {
  const replay = style.dim(`(--seed ${summary.seed} draws the same ids, keys and kills again)`)
  const text = Verdict.isGood(summary)
    ? style.green("Every message was delivered exactly once, at the right Node.")
    : style.red("Not every message was delivered exactly once, at the right Node.")
  return `${text} ${replay}`
}
