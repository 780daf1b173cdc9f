/**
 * What was seen in a demo: which Nodes were ready when, and where each message went.
 *
 * Moments are numbers of one counter: each thing that is noted has its own, so
 * that no two happen at once.
 *
 * @since 0.1.0
 */
import * as NodeId from "../../ring/NodeId.ts"

/**
 * A time during which a Node was ready: for sure from `from` to before `to`,
 * and perhaps until before `until`, while it was being killed. Infinity: not ended.
 *
 * @category models
 * @since 0.1.0
 */
export interface ReadyInterval {
  readonly from: number
  to: number
  until: number
}

/**
 * A Node of the demo.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry {
  readonly id: NodeId.NodeId
  readonly intervals: Array<ReadyInterval>
  wasKilled: boolean
}

/**
 * What is known of a message, or undefined while it is not.
 *
 * @category models
 * @since 0.1.0
 */
export interface Trace {
  readonly key: NodeId.NodeId
  readonly sentAt: number
  readonly receiptAt: number | undefined
  /** The Node that the receipt names. */
  readonly root: number | undefined
  /** The Nodes that it was delivered at, one entry for each time. */
  readonly deliveries: ReadonlyArray<number>
}

const none = -1

/**
 * The record of a demo. Takes about 40 bytes for each message.
 *
 * @category models
 * @since 0.1.0
 */
export class Journal {
  readonly nodes: Array<Entry> = []
  readonly capacity: number
  /** Messages sent so far; they are numbered from 0 in this order. */
  sent = 0
  confirmed = 0
  /** Deliveries of something that was never sent, or with another key. */
  strangers = 0
  readonly latencies: Float32Array
  /** Milliseconds since the start of the demo. */
  readonly receivedMillis: Float64Array
  readonly hops: Uint8Array
  private moment = 0
  private readonly indexes = new Map<string, number>()
  private readonly keys: Int32Array
  private readonly sentAt: Uint32Array
  private readonly receiptAt: Uint32Array
  private readonly roots: Int16Array
  private readonly firstDelivery: Int16Array
  private readonly moreDeliveries = new Map<number, Array<number>>()

  constructor(capacity: number) {
    this.capacity = capacity
    this.keys = new Int32Array(capacity * 4)
    this.sentAt = new Uint32Array(capacity)
    this.receiptAt = new Uint32Array(capacity)
    this.roots = new Int16Array(capacity).fill(none)
    this.firstDelivery = new Int16Array(capacity).fill(none)
    this.latencies = new Float32Array(capacity)
    this.receivedMillis = new Float64Array(capacity)
    this.hops = new Uint8Array(capacity)
  }

  /** Adds a Node that is not ready yet and returns its index. */
  addNode(id: NodeId.NodeId): number {
    this.indexes.set(id.hex, this.nodes.length)
    return this.nodes.push({ id, intervals: [], wasKilled: false }) - 1
  }

  /** The Node is ready. Repeating it changes nothing. */
  noteReady(node: number): void {
    const entry = this.nodes[node]!
    if (entry.wasKilled || entry.intervals.at(-1)?.to === Number.POSITIVE_INFINITY) return
    entry.intervals.push({ from: ++this.moment, to: Number.POSITIVE_INFINITY, until: Number.POSITIVE_INFINITY })
  }

  /** The Node has stopped being ready, and may become so again. */
  noteNotReady(node: number): void {
    const last = this.nodes[node]!.intervals.at(-1)
    if (last?.to === Number.POSITIVE_INFINITY) last.to = last.until = ++this.moment
  }

  /** The Node is about to be killed: it may or may not answer from now on. Returns the moment. */
  noteKill(node: number): number {
    const entry = this.nodes[node]!
    const last = entry.intervals.at(-1)
    entry.wasKilled = true
    const moment = ++this.moment
    if (last?.to === Number.POSITIVE_INFINITY) last.to = moment
    return moment
  }

  /** The Node is dead. */
  noteDead(node: number): void {
    const last = this.nodes[node]!.intervals.at(-1)
    if (last?.until === Number.POSITIVE_INFINITY) last.until = ++this.moment
  }

  /** A message is about to be sent; returns its number. */
  noteSent(key: NodeId.NodeId): number {
    const message = this.sent++
    this.keys.set([key.word0, key.word1, key.word2, key.word3], message * 4)
    this.sentAt[message] = ++this.moment
    return message
  }

  /** A message is being delivered at a Node. */
  noteDelivery(message: number, key: NodeId.NodeId, node: number): void {
    this.moment++
    if (!(message < this.sent) || !NodeId.equals(key, this.keyOf(message))) this.strangers++
    else if (this.firstDelivery[message] === none) this.firstDelivery[message] = node
    else this.moreDeliveries.set(message, [...this.moreDeliveries.get(message) ?? [], node])
  }

  /** The sender of a message has its receipt. */
  noteReceipt(
    message: number,
    receipt: { readonly root: NodeId.NodeId; readonly hops: number },
    latency: number,
    now: number
  ): void {
    this.confirmed++
    this.receiptAt[message] = ++this.moment
    this.roots[message] = this.indexes.get(receipt.root.hex) ?? none
    this.hops[message] = receipt.hops
    this.latencies[message] = latency
    this.receivedMillis[message] = now
  }

  /** What is known of a message. */
  trace(message: number): Trace {
    const [first, receiptAt, root] = [this.firstDelivery[message]!, this.receiptAt[message]!, this.roots[message]!]
    return {
      key: this.keyOf(message),
      sentAt: this.sentAt[message]!,
      receiptAt: receiptAt === 0 ? undefined : receiptAt,
      root: root === none ? undefined : root,
      deliveries: first === none ? [] : [first, ...this.moreDeliveries.get(message) ?? []]
    }
  }

  private keyOf(message: number): NodeId.NodeId {
    const [at, keys] = [message * 4, this.keys]
    return new NodeId.NodeId(keys[at]!, keys[at + 1]!, keys[at + 2]!, keys[at + 3]!)
  }
}
