/**
 * Upcalls: what the actors tell the floor above, declared here, provided there.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { ClusterEvent } from "../protocol/ClusterEvent.ts"
import type { Message } from "../protocol/Message.ts"

/**
 * What the actors tell the floor above.
 *
 * @category services
 * @since 0.1.0
 */
export class Upcalls extends Context.Service<Upcalls, {
  /**
   * A message has reached its root. `undefined` when nothing more is to be done,
   * else an effect that ends when the application is done with it, and fails when
   * the application did.
   */
  readonly deliver: (message: Message) => Effect.Effect<void, unknown> | undefined
  /** Something happened. Must return at once. */
  readonly event: (event: ClusterEvent) => void
}>()("effect-wendy/actors/Upcalls") {}
