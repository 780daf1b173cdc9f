/**
 * Judges a demo: was every message delivered exactly once, at the right Node?
 *
 * Right is the Node that at some moment between the send and the receipt was
 * the closest to the key among those ready at that moment.
 *
 * @since 0.1.0
 */
import * as NodeId from "../../ring/NodeId.ts"
import type { Entry, Journal, Trace } from "./Journal.ts"

/**
 * What became of the messages.
 *
 * **Details**
 *
 * - `delivered`: have a receipt from a Node that they were delivered at.
 * - `lost`: all others.
 * - `misdelivered`: delivered at a wrong Node, or something that nobody sent.
 * - `duplicates`: deliveries beyond the first. One at a Node that was killed
 *   before its receipt had reached the sender died with that Node and does not count.
 *
 * @category models
 * @since 0.1.0
 */
export interface Verdict {
  readonly sent: number
  readonly delivered: number
  readonly lost: number
  readonly misdelivered: number
  readonly duplicates: number
}

/**
 * Judges all messages of a journal.
 *
 * @category judging
 * @since 0.1.0
 */
export const judge = (journal: Journal): Verdict => {
  const epochs = makeEpochs(journal.nodes)
  let delivered = 0
  let misdelivered = journal.strangers
  let duplicates = 0
  for (let message = 0; message < journal.sent; message++) {
    const trace = journal.trace(message)
    const counting = trace.deliveries.filter((node) => node === trace.root || !journal.nodes[node]!.wasKilled)
    if (trace.root !== undefined && counting.includes(trace.root)) delivered++
    if (counting.length > 1) duplicates += counting.length - 1
    if (!counting.every((node) => isRight(epochs, trace, node, journal.nodes[node]!.id))) misdelivered++
  }
  return { sent: journal.sent, delivered, lost: journal.sent - delivered, misdelivered, duplicates }
}

/**
 * Whether a Verdict is what the overlay promises.
 *
 * @category judging
 * @since 0.1.0
 */
export const isGood = (verdict: Verdict): boolean =>
  verdict.lost === 0 && verdict.misdelivered === 0 && verdict.duplicates === 0

/**
 * Milliseconds from a kill to the first receipt from another Node for a key
 * that the killed Node would have answered for; undefined if there was none.
 *
 * @category judging
 * @since 0.1.0
 */
export const failover = (
  journal: Journal,
  kill: { readonly node: number; readonly moment: number; readonly millis: number }
): number | undefined => {
  const before = makeEpochs(journal.nodes).findLast((epoch) => epoch.start < kill.moment)
  const { id } = journal.nodes[kill.node]!
  let first: number | undefined
  for (let message = 0; message < journal.sent; message++) {
    const { key, receiptAt, root } = journal.trace(message)
    if (receiptAt === undefined || receiptAt < kill.moment || root === kill.node) continue
    if (before === undefined || isAnyCloser(before.sure, key, id)) continue
    const millis = journal.receivedMillis[message]! - kill.millis
    if (first === undefined || millis < first) first = millis
  }
  return first
}

// -----------------------------------------------------------------------------
// internals
// -----------------------------------------------------------------------------

/** A stretch of moments in which no Node became ready or ceased to be. */
interface Epoch {
  readonly start: number
  readonly end: number
  /** The ids of the Nodes that were ready for sure, in their order on the ring. */
  readonly sure: ReadonlyArray<NodeId.NodeId>
  /** The Nodes that were or may have been ready. */
  readonly possible: ReadonlySet<number>
}

const makeEpochs = (nodes: ReadonlyArray<Entry>): Array<Epoch> => {
  const bounds = new Set<number>()
  for (const { from, to, until } of nodes.flatMap((node) => node.intervals)) bounds.add(from).add(to).add(until)
  bounds.add(Number.POSITIVE_INFINITY)
  const starts = [...bounds].sort((x, y) => x - y)
  return starts.slice(0, -1).map((start, index) => {
    const isDuring = (end: "to" | "until") => (node: Entry) =>
      node.intervals.some((interval) => interval.from <= start && start < interval[end])
    const possible = nodes.flatMap((node, index) => isDuring("until")(node) ? [index] : [])
    const sure = nodes.filter(isDuring("to")).map((node) => node.id).sort(NodeId.compare)
    return { start, end: starts[index + 1]!, sure, possible: new Set(possible) }
  })
}

const isRight = (epochs: ReadonlyArray<Epoch>, trace: Trace, node: number, id: NodeId.NodeId): boolean => {
  const last = trace.receiptAt ?? Number.POSITIVE_INFINITY
  for (let index = lastBefore(epochs, last); index >= 0; index--) {
    const epoch = epochs[index]!
    if (epoch.end <= trace.sentAt) return false
    if (epoch.possible.has(node) && !isAnyCloser(epoch.sure, trace.key, id)) return true
  }
  return false
}

/** The index of the last epoch that starts before a moment, or -1. */
const lastBefore = (epochs: ReadonlyArray<Epoch>, moment: number): number => {
  let [low, high] = [0, epochs.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (epochs[middle]!.start < moment) low = middle + 1
    else high = middle
  }
  return low - 1
}

/** Only the two ids around the key can be the closest. */
const isAnyCloser = (sorted: ReadonlyArray<NodeId.NodeId>, key: NodeId.NodeId, id: NodeId.NodeId): boolean => {
  if (sorted.length === 0) return false
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (NodeId.compare(sorted[middle]!, key) < 0) low = middle + 1
    else high = middle
  }
  const after = sorted[low % sorted.length]!
  const before = sorted[(low + sorted.length - 1) % sorted.length]!
  return NodeId.isCloser(key, after, id) || NodeId.isCloser(key, before, id)
}
