/**
 * Crashes: how a Node ends at once. Known to `testing` alone, for no application should do so.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

const crashes = new WeakMap<object, Effect.Effect<void>>()

/**
 * Says how a Node ends at once.
 *
 * @category constructors
 * @since 0.1.0
 */
export const provide = (cluster: object, crash: Effect.Effect<void>): void => void crashes.set(cluster, crash)

/**
 * Ends a Node at once; does nothing where nobody has said how.
 *
 * @category getters
 * @since 0.1.0
 */
export const crash = (cluster: object): Effect.Effect<void> => Effect.suspend(() => crashes.get(cluster) ?? Effect.void)
