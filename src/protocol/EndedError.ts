/**
 * WendyEndedError: why a Node has ended by itself.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as Reason from "./Reason.ts"

/**
 * A Node has ended without being asked to.
 *
 * **Details**
 *
 * - `IdInUse`: while it had lost its place another Node, or a later life of its own, took its id. Starting it again is no use as long
 *   as that one lives.
 * - `Defect`: one of its actors failed as it never should. It can be started again; `message` has the trace for a report.
 *
 * @category errors
 * @since 0.1.0
 */
export class WendyEndedError extends Schema.TaggedError<WendyEndedError>()("WendyEndedError", {
  reason: Reason.oneOf("IdInUse", "Defect"),
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message(): string {
    return this.reason.message
  }

  /** Whether the same may work when it is tried again. */
  get retryable(): boolean {
    return this.reason._tag === "Defect"
  }
}
