/**
 * SimulatedNode: what a world knows of its Nodes, whatever runs them.
 *
 * Two engines run Nodes: `CoreNode` the bare core, `ActorNode` a whole Node with its
 * actors and its transport. The world, the checkers, scenarios and reports are the same for both.
 *
 * @since 0.1.0
 */
import type * as MembershipState from "../core/MembershipState.ts"
import type * as Messaging from "../core/Messaging.ts"
import type { ClusterConfig } from "../protocol/ClusterConfig.ts"
import type { DeliveryClass } from "../protocol/Message.ts"
import type * as Node from "../ring/Node.ts"
import type * as NodeId from "../ring/NodeId.ts"
import type { Listener } from "./DeliveryModel.ts"
import type { FaultModel } from "./FaultModel.ts"
import type { Host } from "./Host.ts"
import type { Rng } from "./Rng.ts"
import type { Timeline } from "./Timeline.ts"
import type { Topology } from "./Topology.ts"

/**
 * One Node of a simulation.
 *
 * @category models
 * @since 0.1.0
 */
export interface SimulatedNode {
  readonly host: Host
  readonly membership: MembershipState.State
  readonly messages: Messaging.State<Messaging.Context>
  /** As it is now: its incarnation may rise while it joins. */
  readonly self: Node.Node
  /** Milliseconds of its own clock. */
  readonly now: number
  readonly isPaused: boolean
  readonly isEnded: boolean
  /** Whether it answers for anything now. */
  readonly isReady: boolean
  /** Whether it answers for a key now; while it is stopped, whether it would if it went on now. */
  readonly covers: (key: NodeId.NodeId) => boolean
  /** The frames that are lost if it ends now. */
  readonly inCustody: () => ReadonlyArray<Uint8Array>
  /** Sends a message that nobody waits for, or one that is confirmed. */
  readonly send: (number: number, key: NodeId.NodeId, deliveryClass: DeliveryClass, value: Uint8Array) => void
  /** Leaves: hands over, says so, and ends when the gap is closed. */
  readonly leave: () => void
  /** Ends at once. Whoever has a connection hears of it, unless its host is silent. */
  readonly end: () => void
  /** Stops, as by SIGSTOP. */
  readonly pause: () => void
  /** Goes on: it sees first what time it is, then what has arrived meanwhile. */
  readonly resume: () => void
  /** Its machine sleeps: it stops, and so does its monotonic clock; when it goes on its wall clock has run ahead. */
  readonly sleep: (milliseconds: number) => void
  /** Its wall clock is set forward, which it cannot tell from a sleep of its machine (rule L6). */
  readonly jump: (milliseconds: number) => void
  /** Breaks all its connections. */
  readonly reset: () => void
}

/**
 * What a Node of a simulation tells about itself.
 *
 * @category models
 * @since 0.1.0
 */
export interface Observer {
  /** Its membership made a step. */
  readonly stepped: (node: SimulatedNode) => void
  readonly emitted: (node: SimulatedNode, event: MembershipState.Event) => void
  /** It is the root of a message and has delivered it. */
  readonly delivered: (node: SimulatedNode, value: Uint8Array, hops: number) => void
  /** A message had to wait here, because nobody answered for its key. */
  readonly held: (node: SimulatedNode, frame: Uint8Array) => void
  /** A message was given up here. */
  readonly gaveUp: (node: SimulatedNode, frame: Uint8Array) => void
  /** An own confirmed message has its outcome. */
  readonly resolved: (node: SimulatedNode, number: number, outcome: "receipt" | "failed") => void
  /** It has ended. */
  readonly ended: (node: SimulatedNode) => void
}

/**
 * What all Nodes of a simulation share.
 *
 * @category models
 * @since 0.1.0
 */
export interface HostEnvironment {
  readonly timeline: Timeline
  readonly topology: Topology
  readonly faultModel: FaultModel
  readonly config: ClusterConfig
  readonly observer: Observer
  /** Whom the network tells what it carries. */
  readonly listener: Listener
  readonly hostAt: (number: number) => Host
}

/**
 * How a Node starts.
 *
 * @category models
 * @since 0.1.0
 */
export interface NodeOptions {
  readonly host: Host
  readonly self: Node.Node
  /** Hosts to ask; without any the Node starts a ring. */
  readonly seeds: ReadonlyArray<Host>
  readonly rng: Rng
  /** How fast its clock runs: 1 is right. */
  readonly rate: number
}

/**
 * Starts Nodes.
 *
 * @category models
 * @since 0.1.0
 */
export type Engine = (birth: NodeOptions) => SimulatedNode

/**
 * Makes what starts the Nodes of a world.
 *
 * @category models
 * @since 0.1.0
 */
export type MakeEngine = (surroundings: HostEnvironment) => Engine
