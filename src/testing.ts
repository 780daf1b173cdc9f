/**
 * What tests of applications need, and applications do not.
 *
 * With `MemoryTransport` and Effect's `TestClock` a whole cluster lives hours in seconds, in one process.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type { Cluster } from "./Cluster.ts"
import * as Crashes from "./Crashes.ts"

/**
 * Ends a Node at once, without a word to anybody, as the crash of its process would.
 *
 * **Example** (The others answer for its keys)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cluster, MemoryTransport } from "effect-wendy"
 * import { kill } from "effect-wendy/testing"
 *
 * const program = Effect.gen(function*() {
 *   const one = yield* Cluster.make()
 *   yield* one.ready
 *   const two = yield* Cluster.make({ join: [`127.0.0.1:${one.address.port}`] })
 *   yield* two.ready
 *   yield* kill(two)
 *   // Its keys pass to the other Node when that has noticed: a message for them waits so long.
 *   const { root } = yield* one.sendConfirmed({ key: two.id, purpose: 16, value: new Uint8Array() })
 *   return root.hex === one.id.hex
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer))) // => true
 * ```
 *
 * @category testing
 * @since 0.1.0
 */
export const kill = (cluster: Cluster["Service"]): Effect.Effect<void> => Crashes.crash(cluster)
