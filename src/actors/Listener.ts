/**
 * Listener: accepts connections, a fiber each, and hands them to Links.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Transport from "../transport/Transport.ts"
import { Links } from "./Links.ts"

/**
 * Accepts connections as long as the layer lives.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (listener: Transport.Listener): Layer.Layer<never, never, Links> =>
  Layer.effectDiscard(
    Effect.gen(function*() {
      const links = yield* Links
      yield* Effect.forkScoped(listener.serve(links.serve))
    })
  )
