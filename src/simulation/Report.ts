/**
 * Report: what came out of a simulation.
 *
 * Times are simulated milliseconds unless they say otherwise. The same options
 * give the same report, but for `realSeconds` and what is derived from it.
 *
 * @since 0.1.0
 */
import type { EngineName } from "./engines.ts"
import type { Summary } from "./Statistics.ts"
import type { Violation } from "./World.ts"

/**
 * How things stood at one moment.
 *
 * @category models
 * @since 0.1.0
 */
export interface Point {
  /** Milliseconds since the measured time began. */
  readonly at: number
  readonly nodes: number
  readonly ready: number
  /** Part of the ready Nodes (of some by chance, when there are many) whose leaf sets were exact. */
  readonly exactLeafSets: number
  /** Part of some keys drawn by chance that exactly one Node answered for. */
  readonly covered: number
  /** Since the last point: lookups sent, delivered, and control messages for each Node and second. */
  readonly sent: number
  readonly delivered: number
  readonly controlPerNodeAndSecond: number
}

/**
 * What came out.
 *
 * @category models
 * @since 0.1.0
 */
export interface Report {
  readonly seed: string
  /** The options, as a command that runs the same again. */
  readonly command: string
  /** What ran the Nodes. */
  readonly engine: EngineName
  readonly nodes: number
  readonly leafSet: number
  readonly churn: string
  readonly ending: string
  readonly loss: number
  readonly lossModel: string
  readonly latency: string
  /** Nodes that joined and ended in the measured time. */
  readonly joins: number
  readonly endings: number
  /** Nodes that were given up and replaced, because all whom they knew, or all of the ring, ended before they had joined. */
  readonly orphans: number
  /** Rings that were started because nobody of the one before was left. */
  readonly newRings: number
  /** How long a Node took from its start until it was ready. */
  readonly joinTimes: Summary
  readonly lookups: number
  readonly delivered: number
  /** Lookups that had to wait, because for a while nobody answered for their key, and how long these took. */
  readonly held: number
  readonly heldTimes: Summary
  /** Not delivered when everything was over. */
  readonly lost: number
  /** Of these: with a Node that died while it had them; given up because nobody answered for the key; without a good reason. */
  readonly lostWithNode: number
  readonly lostHeldTooLong: number
  readonly lostUnexplained: number
  /** Delivered at a Node that was not the closest. */
  readonly incorrect: number
  /** Deliveries beyond the first of a lookup. */
  readonly duplicates: number
  readonly meanHops: number
  readonly hopHistogram: ReadonlyArray<number>
  /** From sending to delivery, of lookups that were not held. */
  readonly delays: Summary
  /** Mean delay of lookups that were not held, over the mean direct distance between their ends (relative delay penalty). */
  readonly rdp: number
  /** The mean, over the same lookups, of delay over distance: a few very near pairs weigh heavily. */
  readonly meanStretch: number
  /** All frames but the lookups themselves: acknowledgements, receipts, joins, leases, probes, repair. */
  readonly messagesPerNodePerSecond: number
  /** The same by kind of message. */
  readonly messagesByKind: { readonly [kind: string]: number }
  readonly framesLost: number
  /** For how many milliseconds the network was cut, or its parts not one ring again. */
  readonly splitFor: number
  /** Pairs of Nodes that were seen to answer for one key meanwhile, and deliveries at the closest of one part only. */
  readonly splitOwnership: number
  readonly splitDeliveries: number
  /** How long after a mass failure or a partition that ended all Nodes were one ring with exact leaf sets; `undefined` without one, or never. */
  readonly recovery: number | undefined
  /** The same in leases. */
  readonly recoveryLeases: number | undefined
  readonly invariantViolations: number
  readonly violations: ReadonlyArray<Violation>
  readonly points: ReadonlyArray<Point>
  readonly traceHash: string
  readonly simulatedSeconds: number
  readonly realSeconds: number
  readonly events: number
  readonly eventsPerSecond: number
}

/**
 * Whether every promise was kept.
 *
 * @category getters
 * @since 0.1.0
 */
export const isGood = ({ incorrect, invariantViolations, lostUnexplained }: Report): boolean =>
  incorrect === 0 && invariantViolations === 0 && lostUnexplained === 0
