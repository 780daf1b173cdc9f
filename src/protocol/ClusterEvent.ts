/**
 * ClusterEvent: what a Node tells about itself and its cluster, in order.
 *
 * Each event is a Schema with a tag, so that a stream of them can be filtered by tag, matched and encoded.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as Node from "../ring/Node.ts"

/** What happened, for people. */
const message = Schema.String

const errors = [
  Schema.TaggedStruct("Refused", { message }),
  Schema.TaggedStruct("Malformed", { message }),
  Schema.TaggedStruct("Stalled", { message }),
  Schema.TaggedStruct("HeldTooLong", { message }),
  Schema.TaggedStruct("TooManyHops", { message }),
  Schema.TaggedStruct("BadValue", { message }),
  Schema.TaggedStruct("CallbackFailed", { message }),
  Schema.TaggedStruct("CallbackLate", { message }),
  Schema.TaggedStruct("EventsMissed", { message }),
  Schema.TaggedStruct("CertificateEnds", { message }),
  Schema.TaggedStruct("AddressGone", { message }),
  Schema.TaggedStruct("Slept", { message }),
  Schema.TaggedStruct("Defect", { message }),
  Schema.TaggedStruct("IdInUse", { message })
] as const

/**
 * Something went wrong. `message` says what, for people.
 *
 * **Details**
 *
 * - `Refused`: a connection was refused, by this end or the other.
 * - `Malformed`: a peer sent what no well-behaved program sends; its connection was closed.
 * - `Stalled`: for some seconds no bulk data has arrived at a Node that is heard all the same.
 * - `HeldTooLong`, `TooManyHops`: a message was given up, after `hold` (120 s) or 64 hops.
 * - `BadValue`: a message arrived whose value does not fit its definition here; it was not delivered.
 * - `CallbackFailed`, `CallbackLate`: an application's callback failed, or did not return in time and was interrupted.
 * - `EventsMissed`: an application is so slow that its oldest events were dropped.
 * - `CertificateEnds`: a certificate of this Node, an authority that it believes, or a list of revoked certificates ends
 *   within 30 days, or has ended. Looked at when the Node starts, with new credentials, and once a day.
 * - `AddressGone`: this machine has lost an address at which other Nodes dial this one. Looked at once a minute.
 * - `Slept`: this machine slept, or its clock was set forward: the Node's leases may have run out meanwhile.
 * - `Defect`, `IdInUse`: the Node does not survive these: an actor failed as it never should, or the id of this Node has
 *   become another's. It ends.
 *
 * **Example** (Which events are errors)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { Cluster } from "effect-wendy"
 *
 * const isError = Schema.is(Cluster.ClusterError)
 * isError({ _tag: "Stalled", message: "no data has arrived" }) // => true
 * isError({ _tag: "Ready" }) // => false
 * ```
 *
 * @category schemas
 * @since 0.1.0
 */
export const ClusterError = Schema.Union(errors)

/**
 * Something went wrong.
 *
 * @category models
 * @since 0.1.0
 */
export type ClusterError = typeof ClusterError.Type

const errorTags: ReadonlySet<string> = new Set(errors.map(({ fields }) => fields._tag.schema.literal))

/**
 * Whether an event says that something went wrong.
 *
 * @internal
 */
export const isError = (event: ClusterEvent): event is ClusterError => errorTags.has(event._tag)

/**
 * Why a Node is gone from this Node's tables.
 *
 * **Details**
 *
 * - `left`: it said so itself.
 * - `failed`: its process has ended, it does not answer, or it lost its place in the ring.
 * - `forgotten`: it may well live, but has no place in the tables any more, for nearer ones do.
 *
 * **Example** (A reason, and none)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { Cluster } from "effect-wendy"
 *
 * const isReason = Schema.is(Cluster.ExitReason)
 * isReason("failed") // => true
 * isReason("bored") // => false
 * ```
 *
 * @category schemas
 * @since 0.1.0
 */
export const ExitReason = Schema.Literals(["left", "failed", "forgotten"])

/**
 * Why a Node is gone from this Node's tables.
 *
 * @category models
 * @since 0.1.0
 */
export type ExitReason = typeof ExitReason.Type

const nodes = Schema.Array(Node.Node)

/**
 * Something that happened at a Node.
 *
 * **Details**
 *
 * - `Ready`, `NotReady`: it answers for its part of the ring, or (having lost its leases) for nothing and joins again.
 * - `Left`: it has left.
 * - `NodeJoined`, `NodeExited`: a Node entered, or left, this Node's tables. They come in pairs: an earlier life exits
 *   before a later one joins. When this Node itself leaves or ends, nobody exits.
 * - `NewLeaves`: the leaf set; each side nearest first.
 * - `Heartbeat`: a neighbour asked this Node for its lease, which it does every `renewal`.
 * - `JoinRetrying`: this Node is not in the ring yet, and goes on trying. `message` says what it waits for: at once when
 *   no seed answers, and every few seconds as long as nothing changes.
 * - the others: `ClusterError`.
 *
 * **Example** (As JSON)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { Cluster } from "effect-wendy"
 *
 * const toJson = Schema.encodeSync(Schema.fromJsonString(Schema.toCodecJson(Cluster.ClusterEvent)))
 * const line = toJson({ _tag: "JoinRetrying", attempt: 1, message: "waiting" })
 * line // => "{\"_tag\":\"JoinRetrying\",\"attempt\":1,\"message\":\"waiting\"}"
 * ```
 *
 * @category schemas
 * @since 0.1.0
 */
export const ClusterEvent = Schema.Union([
  Schema.TaggedStruct("Ready", {}),
  Schema.TaggedStruct("NotReady", {}),
  Schema.TaggedStruct("Left", {}),
  Schema.TaggedStruct("NodeJoined", { node: Node.Node }),
  Schema.TaggedStruct("NodeExited", { node: Node.Node, reason: ExitReason }),
  Schema.TaggedStruct("NewLeaves", { left: nodes, right: nodes }),
  Schema.TaggedStruct("Heartbeat", { from: Node.Node }),
  Schema.TaggedStruct("JoinRetrying", { attempt: Schema.Int, message }),
  ...errors
])

/**
 * Something that happened at a Node.
 *
 * @category models
 * @since 0.1.0
 */
export type ClusterEvent = typeof ClusterEvent.Type
