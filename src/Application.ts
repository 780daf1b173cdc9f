/**
 * Application: what the overlay calls when something happens at this Node.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type { Message } from "./protocol/Message.ts"
import type * as Node from "./ring/Node.ts"

/**
 * The callbacks of an application. All are optional.
 *
 * **Details**
 *
 * The receipt of a confirmed message leaves after `onDeliver` has returned; when
 * it fails or takes longer than `deliverTimeout`, the sender gets `DeliveryFailed`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Application {
  /** A message reached this Node, the root of its key. Several may run at once. */
  readonly onDeliver?: ((message: Message) => Effect.Effect<void, unknown>) | undefined
  /** The leaf set changed; each side nearest first. */
  readonly onNewLeaves?:
    | ((left: ReadonlyArray<Node.Node>, right: ReadonlyArray<Node.Node>) => Effect.Effect<void>)
    | undefined
  /** A Node entered this Node's tables. */
  readonly onNodeJoin?: ((node: Node.Node) => Effect.Effect<void>) | undefined
  /** A Node that had entered is gone. */
  readonly onNodeExit?: ((node: Node.Node, reason: "left" | "failed") => Effect.Effect<void>) | undefined
  /** Something went wrong that this Node survives. */
  readonly onError?: ((error: unknown) => Effect.Effect<void>) | undefined
}
