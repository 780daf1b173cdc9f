/**
 * JoinFailed: why a Node, or a client, does not get into its cluster.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * This Node cannot become ready.
 *
 * **Details**
 *
 * - `Timeout`: the join time-out passed.
 * - `Refused`: every seed that answered speaks another version, belongs to another cluster or rejects the credentials.
 * - `IdInUse`: a living Node has this id.
 * - `Closed`: it was closed first.
 *
 * @category errors
 * @since 0.1.0
 */
export class JoinFailed extends Schema.TaggedError<JoinFailed>()("JoinFailed", {
  reason: Schema.Literals(["Timeout", "Refused", "IdInUse", "Closed"]),
  message: Schema.String
}) {}
