/**
 * WendyJoinError: why a Node, or a client, does not get into its cluster.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as Reason from "./Reason.ts"

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
export class WendyJoinError extends Schema.TaggedError<WendyJoinError>()("WendyJoinError", {
  reason: Reason.oneOf("Timeout", "Refused", "IdInUse", "Closed"),
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message(): string {
    return this.reason.message
  }

  /** Whether the same may work when it is tried again. */
  get retryable(): boolean {
    return this.reason._tag === "Timeout"
  }
}
