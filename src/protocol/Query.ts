/**
 * Questions about a Node, and its answers: how somebody looks at a running cluster.
 *
 * They change nothing at the Node that answers, and they are not part of the
 * protocol by which the ring is kept: those are the control messages. Each is a
 * Schema, every list is bounded, and an answer repeats the number of its question.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as Node from "../ring/Node.ts"
import * as NodeId from "../ring/NodeId.ts"
import * as NodeList from "./NodeList.ts"

const Sequence = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))

/**
 * Leaves on one side that an answer can carry: the most that a Node may hold there.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxSide = 64

/**
 * Lost Nodes that an answer can carry: the newest.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxLost = 64

const Leaves = NodeList.schema(maxSide)

/**
 * "Where would you send a message for this key?"
 *
 * @category questions
 * @since 0.1.0
 */
export const RouteQuery = Schema.TaggedStruct("RouteQuery", { sequence: Sequence, key: NodeId.FromBytes })

/**
 * Answer to `RouteQuery`.
 *
 * **Details**
 *
 * - `covers`: the answerer is the root of the key, so `next` is undefined.
 * - `next`: whom it would send the message to, and `why`. When it neither covers the
 *   key nor knows a better root, it would hold the message: `next` is undefined.
 * - `row` and `column`: how many digits it shares with the key, and the digit of the
 *   key behind them: the place in its routing table that it looks at. With the key that is its
 *   own id there is no such place, and they are 32 and 0.
 *
 * @category answers
 * @since 0.1.0
 */
export const RouteAnswer = Schema.TaggedStruct("RouteAnswer", {
  sequence: Sequence,
  covers: Schema.Boolean,
  ready: Schema.Boolean,
  next: Schema.UndefinedOr(Node.Node),
  why: Schema.Literals(["leaf", "table", "rare"]),
  row: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: NodeId.digits })),
  column: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: NodeId.radix - 1 }))
})

/**
 * "Who stands around you?"
 *
 * @category questions
 * @since 0.1.0
 */
export const ViewQuery = Schema.TaggedStruct("ViewQuery", { sequence: Sequence })

/**
 * Answer to `ViewQuery`.
 *
 * **Details**
 *
 * - `predecessor`, `successor`: whom the answerer holds to be its neighbours; undefined when it is alone.
 * - `left`, `right`: its leaf set, nearest first; `side`: how many it wants on each.
 * - `lost`: Nodes that went without leaving, the newest first.
 *
 * @category answers
 * @since 0.1.0
 */
export const ViewAnswer = Schema.TaggedStruct("ViewAnswer", {
  sequence: Sequence,
  node: Node.Node,
  ready: Schema.Boolean,
  predecessor: Schema.UndefinedOr(Node.Node),
  successor: Schema.UndefinedOr(Node.Node),
  side: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: maxSide })),
  left: Leaves,
  right: Leaves,
  lost: NodeList.schema(maxLost)
})

/**
 * "Can you reach me where I say that I live?" Asked by a joiner over the connection that it has opened; only of a peer
 * that speaks version 2. Rule B5.
 *
 * @category queries
 * @since 0.1.0
 */
export const ReachQuery = Schema.TaggedStruct("ReachQuery", { sequence: Sequence })

/**
 * Most characters of a `problem`.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxProblem = 500

/**
 * Answer to `ReachQuery`, after a fresh connection has been tried.
 *
 * **Details**
 *
 * - `problem`: why that connection did not find the asker; undefined when it did.
 * - `seenAt`: the host from which the answerer sees the asker's connection come.
 *
 * @category answers
 * @since 0.1.0
 */
export const ReachAnswer = Schema.TaggedStruct("ReachAnswer", {
  sequence: Sequence,
  problem: Schema.UndefinedOr(Schema.String.check(Schema.isMaxLength(maxProblem))),
  seenAt: Schema.String.check(Schema.isMaxLength(256))
})

/**
 * Any question.
 *
 * @category models
 * @since 0.1.0
 */
export const Query = Schema.Union([RouteQuery, ViewQuery, ReachQuery])

/**
 * A question of somebody who looks at a Node, which answers it at once.
 *
 * @category models
 * @since 0.1.0
 */
export type Inspection = typeof RouteQuery.Type | typeof ViewQuery.Type

/**
 * Any question.
 *
 * @category models
 * @since 0.1.0
 */
export type Query = typeof Query.Type

/**
 * Any answer.
 *
 * @category models
 * @since 0.1.0
 */
export const Answer = Schema.Union([RouteAnswer, ViewAnswer, ReachAnswer])

/**
 * Any answer.
 *
 * @category models
 * @since 0.1.0
 */
export type Answer = typeof Answer.Type
