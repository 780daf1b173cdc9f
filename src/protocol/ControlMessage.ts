/**
 * The control messages: what Nodes say to each other to form and keep the ring.
 *
 * Each is a Schema, so that everything that arrives is validated before anybody
 * acts on it, and every list is bounded. The sender is not in the message: it is
 * the Node that the handshake of the connection named.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as Node from "../ring/Node.ts"
import * as NodeId from "../ring/NodeId.ts"
import * as NodeList from "./NodeList.ts"

const Count = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))

/** Most Nodes in one message: two full leaf sets and a few rows. */
const maxNodes = 256

const Nodes = NodeList.schema(maxNodes)

/**
 * A message that was delivered, told to the Node that takes over its key. Rule C5.
 *
 * @category models
 * @since 0.1.0
 */
export const DeliveredId = Schema.Struct({
  key: NodeId.FromBytes,
  origin: NodeId.FromBytes,
  incarnation: Count,
  counter: Count
})

/**
 * A message that was delivered, told to the Node that takes over its key. Rule C5.
 *
 * @category models
 * @since 0.1.0
 */
export type DeliveredId = typeof DeliveredId.Type

/**
 * The lowest number of an origin that has no outcome, as far as is known: told with the messages that were delivered, for what lies below it has
 * been forgotten, and a stray copy of it may still be under way. Rules C4, C5.
 *
 * @category models
 * @since 0.1.0
 */
export const OriginFloor = Schema.Struct({ origin: NodeId.FromBytes, incarnation: Count, floor: Count })

/**
 * The lowest number of an origin that has no outcome, as far as is known. Rules C4, C5.
 *
 * @category models
 * @since 0.1.0
 */
export type OriginFloor = typeof OriginFloor.Type

/**
 * Origins of which one control message tells the floor.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxFloors = 1024

/**
 * Numbers of delivered messages in one control message, or in one frame of their own.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxDelivered = 4096

const Handover = {
  delivered: Schema.Array(DeliveredId).check(Schema.isMaxLength(maxDelivered)),
  floors: Schema.Array(OriginFloor).check(Schema.isMaxLength(maxFloors))
}

/**
 * What the receiver is to the sender.
 *
 * @category models
 * @since 0.1.0
 */
export const Neighbour = Schema.Literals(["predecessor", "successor"])

/**
 * What the receiver is to the sender.
 *
 * @category models
 * @since 0.1.0
 */
export type Neighbour = typeof Neighbour.Type

/**
 * "I want to join": travels towards the joiner's id until it reaches the gap
 * owner. Each hop adds its routing-table row. Rules J1, J2.
 *
 * @category join
 * @since 0.1.0
 */
export const JoinRequest = Schema.TaggedStruct("JoinRequest", {
  joiner: Node.Node,
  attempt: Count,
  hops: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 64 })),
  rows: Nodes
})

/**
 * "Not now": the gap owner is busy (J2), or whoever was asked is not ready; or a living Node has
 * the id (J7), or a life of it that has ended had this higher `incarnation` (J8).
 *
 * @category join
 * @since 0.1.0
 */
export const JoinRetry = Schema.TaggedStruct("JoinRetry", {
  attempt: Count,
  reason: Schema.Literals(["busy", "notReady", "newcomer", "idInUse", "stale"]),
  incarnation: Schema.UndefinedOr(Count)
})

/**
 * "The gap between me and `successor` is yours": from the gap owner. Rule J2.
 *
 * @category join
 * @since 0.1.0
 */
export const JoinGrant = Schema.TaggedStruct("JoinGrant", {
  attempt: Count,
  successor: Node.Node,
  leaves: Nodes,
  rows: Nodes
})

/**
 * To the successor: "take me for your predecessor instead of `predecessor`". Rule J3.
 *
 * @category join
 * @since 0.1.0
 */
export const Insert = Schema.TaggedStruct("Insert", { attempt: Count, predecessor: NodeId.FromBytes })

/**
 * "Done: I no longer answer for your part, and this I have delivered of it." Rules J4, C5.
 *
 * @category join
 * @since 0.1.0
 */
export const InsertAck = Schema.TaggedStruct("InsertAck", { attempt: Count, leaves: Nodes, ...Handover })

/**
 * To the gap owner: "take me for your successor". Rule J3.
 *
 * @category join
 * @since 0.1.0
 */
export const Commit = Schema.TaggedStruct("Commit", { attempt: Count })

/**
 * "Done: I no longer answer for your part, and this I have delivered of it." Rules J4, C5.
 *
 * @category join
 * @since 0.1.0
 */
export const CommitAck = Schema.TaggedStruct("CommitAck", { attempt: Count, ...Handover })

/**
 * "No: my neighbour is another by now." Rule J4.
 *
 * @category join
 * @since 0.1.0
 */
export const Nack = Schema.TaggedStruct("Nack", { attempt: Count, leaves: Nodes })

/**
 * From a joiner: "I shall never become ready by this attempt or an earlier one". Rule J6.
 *
 * @category join
 * @since 0.1.0
 */
export const Release = Schema.TaggedStruct("Release", { attempt: Count })

/**
 * "I am ready." Rule J5.
 *
 * @category join
 * @since 0.1.0
 */
export const Joined = Schema.TaggedStruct("Joined", { attempt: Count })

/**
 * Answer to `Joined`, with what the answerer knows, so that leaf sets meet.
 *
 * @category join
 * @since 0.1.0
 */
export const JoinedAck = Schema.TaggedStruct("JoinedAck", { leaves: Nodes })

/**
 * "You are my neighbour; do you grant me a lease?" Rules L1, L2; with
 * `replaces`, "my old neighbour on this side is gone: shall we two be
 * neighbours?" Rules F3, F4.
 *
 * @category leases
 * @since 0.1.0
 */
export const Renew = Schema.TaggedStruct("Renew", {
  sequence: Count,
  as: Neighbour,
  replaces: Schema.UndefinedOr(NodeId.FromBytes),
  /** By which attempt the sender became ready. Rule V3. */
  attempt: Count,
  /** The sender lost the one it replaces longer than any lease ago. */
  waited: Schema.Boolean
})

/**
 * "Granted, from when you asked." Rule L1.
 *
 * @category leases
 * @since 0.1.0
 */
export const Renewed = Schema.TaggedStruct("Renewed", {
  sequence: Count,
  as: Neighbour,
  /** By which attempt the answerer became ready. Rule V3. */
  attempt: Count
})

/**
 * "Not granted." Rules L2, F4.
 *
 * - `joining`: the answerer is in the middle of joining beside the asker.
 * - `notReady`: it answers for nothing and holds no lease.
 * - `wait`: it does not yet know, or may not yet act on it, that the old neighbour is gone.
 * - `taken`: `neighbour` is its neighbour on that side.
 *
 * @category leases
 * @since 0.1.0
 */
export const Denied = Schema.TaggedStruct("Denied", {
  sequence: Count,
  as: Neighbour,
  reason: Schema.Literals(["joining", "notReady", "wait", "taken"]),
  neighbour: Schema.UndefinedOr(Node.Node)
})

/**
 * "I answer for nothing from now on": a leave, or a Node that has lost its leases; "and this I have delivered". Rules V1, L4, C5.
 *
 * @category leave
 * @since 0.1.0
 */
export const Leaving = Schema.TaggedStruct("Leaving", {
  reason: Schema.Literals(["left", "detached"]),
  /** By which attempt it had become ready: whoever knows of a later one has got this late. Rule V3. */
  attempt: Count,
  ...Handover
})

/**
 * To a Node that leaves: "the gap is closed". Rule V2.
 *
 * @category leave
 * @since 0.1.0
 */
export const LeaveAck = Schema.TaggedStruct("LeaveAck", {})

/**
 * "Are you there?" Answered at once. Rule D2.
 *
 * @category failure detection
 * @since 0.1.0
 */
export const Probe = Schema.TaggedStruct("Probe", {
  sequence: Count,
  ready: Schema.Boolean,
  wantsLeaves: Schema.Boolean
})

/**
 * Answer to `Probe`.
 *
 * @category failure detection
 * @since 0.1.0
 */
export const ProbeAck = Schema.TaggedStruct("ProbeAck", { sequence: Count, ready: Schema.Boolean, leaves: Nodes })

/**
 * "This Node does not answer me": a hint to look, never a reason to drop. Rule D3.
 *
 * @category failure detection
 * @since 0.1.0
 */
export const Failed = Schema.TaggedStruct("Failed", { node: Node.Node })

/**
 * "Which Nodes do you know in row `row` of your routing table?"
 *
 * @category repair
 * @since 0.1.0
 */
export const RowRequest = Schema.TaggedStruct("RowRequest", {
  row: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: NodeId.digits - 1 }))
})

/**
 * Answer to `RowRequest`.
 *
 * @category repair
 * @since 0.1.0
 */
export const RowReply = Schema.TaggedStruct("RowReply", { nodes: Nodes })

/**
 * "Which Nodes are near to you?"
 *
 * @category repair
 * @since 0.1.0
 */
export const NeighborhoodRequest = Schema.TaggedStruct("NeighborhoodRequest", {})

/**
 * Answer to `NeighborhoodRequest`.
 *
 * @category repair
 * @since 0.1.0
 */
export const NeighborhoodReply = Schema.TaggedStruct("NeighborhoodReply", { nodes: Nodes })

/**
 * "You are ready, and stand where I hold nobody to be, between me and my
 * neighbour: who is yours on my side?" Rule S2.
 *
 * @category merge
 * @since 0.1.0
 */
export const Meet = Schema.TaggedStruct("Meet", { as: Neighbour })

/**
 * Answer to `Meet`: whom the answerer holds to be its neighbour on that side.
 *
 * @category merge
 * @since 0.1.0
 */
export const Met = Schema.TaggedStruct("Met", { as: Neighbour, neighbour: Node.Node })

/**
 * Any control message.
 *
 * @category models
 * @since 0.1.0
 */
export const ControlMessage = Schema.Union([
  JoinRequest,
  JoinRetry,
  JoinGrant,
  Insert,
  InsertAck,
  Commit,
  CommitAck,
  Nack,
  Release,
  Joined,
  JoinedAck,
  Renew,
  Renewed,
  Denied,
  Leaving,
  LeaveAck,
  Probe,
  ProbeAck,
  Failed,
  RowRequest,
  RowReply,
  NeighborhoodRequest,
  NeighborhoodReply,
  Meet,
  Met
])

/**
 * Any control message.
 *
 * @category models
 * @since 0.1.0
 */
export type ControlMessage = typeof ControlMessage.Type
