/**
 * What the explorer explores: a small ring, who joins it, which faults may strike, and the code that runs.
 *
 * @since 0.1.0
 */
import type * as Membership from "../core/Membership.ts"
import type * as MembershipState from "../core/MembershipState.ts"
import type { ControlMessage } from "../protocol/ControlMessage.ts"

/**
 * The step functions that are explored. `Membership` itself is one; tests pass broken ones.
 *
 * @category models
 * @since 0.1.0
 */
export type Core = Pick<typeof Membership, "step" | "wakeAt" | "covers" | "isReady">

/**
 * The faults, in the order in which the explorer numbers them.
 *
 * - `crash`: a process ends; its connections break, and fresh connects are refused.
 * - `vanish`: a host goes silent; nothing tells.
 * - `leave`: a Node leaves.
 * - `restart`: a Node that has crashed, vanished or left comes back at its address, with its id and a higher
 *   incarnation, and joins through all that live. Nobody needs to have noticed its end.
 * - `pause`: a Node stops for longer than a lease, and comes back.
 * - `suspect`: a Node is told that a living one did not acknowledge a message.
 * - `cut`: what one living Node says to another is lost for so long that the other takes it for failed.
 * - `break`: the connection of two living Nodes breaks, and what is on its way between them is lost.
 * - `lose`: the next message of a channel is lost.
 * - `repeat`: the next message of a channel arrives twice, the copy after all that is on its way.
 * - `reorder`: a later message of a channel arrives first.
 * - `delay`: the next message of a channel is held back for any time; others overtake it.
 * - `stall`: a channel holds all its messages back, for any time, and keeps their order.
 * - `late`: time passes, once, although messages are on their way.
 *
 * @category constants
 * @since 0.1.0
 */
export const faults = [
  "crash",
  "vanish",
  "leave",
  "restart",
  "pause",
  "suspect",
  "cut",
  "break",
  "lose",
  "repeat",
  "reorder",
  "delay",
  "stall",
  "late"
] as const

/**
 * A fault that the explorer may use up.
 *
 * @category models
 * @since 0.1.0
 */
export type Fault = typeof faults[number]

/**
 * What to explore.
 *
 * @category models
 * @since 0.1.0
 */
export interface Scenario {
  readonly name: string
  /** Ids of the Nodes, as hexadecimal digits that are filled up with zeros on the right, in ascending order. */
  readonly nodes: ReadonlyArray<string>
  /** Indices of the Nodes that form the ring at the start, one after another. */
  readonly ring: ReadonlyArray<number>
  /** Indices of the Nodes that then join, and of the seeds that each knows. */
  readonly joins: ReadonlyArray<readonly [joiner: number, ...joinSeeds: Array<number>]>
  /** Joiners begin at any time, in any order; else all begin at the start. */
  readonly anytime?: boolean | undefined
  /** How often each fault may strike. */
  readonly faults: Partial<Record<Fault, number>>
  /** Nodes that a fault of a Node may strike; all when left out. */
  readonly victims?: ReadonlyArray<number> | undefined
  /** Kinds of message that arrive before anything else does: a bound, that saves states. */
  readonly prompt?: ReadonlyArray<ControlMessage["_tag"]> | undefined
  /** Time after which only fault-free running goes on: a bound; none when left out. */
  readonly horizon?: number | undefined
  /** States after which the exploration stops. */
  readonly maxStates: number
  /** Whether it is so small that the tests explore it, too. */
  readonly isQuick?: boolean | undefined
}

/**
 * The times of the explored Nodes: the proportions of the presets, in small numbers.
 *
 * @category constants
 * @since 0.1.0
 */
export const settings: MembershipState.Settings = {
  leafSetSide: 4,
  neighborhoodSize: 8,
  nodesPerBlock: 0,
  lease: 100,
  margin: 10,
  renewal: 40,
  probe: 10,
  probeRetries: 1,
  joinRetry: 50,
  jitter: 1,
  exchange: 150,
  // Rows and neighborhood sets decide nothing about who owns a key.
  tableExchange: Number.POSITIVE_INFINITY
}

/**
 * Kinds of message that tell of Nodes and decide nothing about who owns a key.
 *
 * @category constants
 * @since 0.1.0
 */
export const promptTables: ReadonlyArray<ControlMessage["_tag"]> = [
  "Probe",
  "ProbeAck",
  "JoinedAck",
  "Failed",
  "RowRequest",
  "RowReply"
]

/**
 * Those, and the renewal of leases.
 *
 * @category constants
 * @since 0.1.0
 */
export const promptRenewals: ReadonlyArray<ControlMessage["_tag"]> = [...promptTables, "Renew", "Renewed"]
