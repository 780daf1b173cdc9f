import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import { type Connection, type Listener, WendyConnectionError } from "../Transport.ts"

/** What every listener does with accepted connections, whatever carries them. */
export interface Acceptor<in A> {
  /** Hands over an accepted connection; it waits until somebody serves. */
  readonly offerUnsafe: (accepted: A) => void
  readonly serve: Listener["serve"]
  /** Interrupts all handlers and waits for them. */
  readonly interrupt: Effect.Effect<void>
}

/** `open` makes an accepted connection usable; closing the scope ends it. */
export const makeAcceptor = <A>(
  open: (accepted: A) => Effect.Effect<Connection, never, Scope.Scope>
): Effect.Effect<Acceptor<A>> =>
  Effect.map(Queue.unbounded<A>(), (accepted) => {
    const serving = new Set<FiberSet.FiberSet<void>>()

    const serve: Listener["serve"] = (handler) => {
      const handle = (item: A) =>
        Effect.scopedWith((scope) => Effect.flatMap(Scope.provide(open(item), scope), handler)).pipe(
          // every connection ends with one: no news
          Effect.catchIf((error) => error instanceof WendyConnectionError, () => Effect.void),
          Effect.ignoreCause({ log: "Unhandled", message: "A connection handler failed" })
        )
      return Effect.scopedWith((scope) =>
        Effect.uninterruptibleMask(Effect.fnUntraced(function*(restore) {
          const handlers = yield* Scope.provide(FiberSet.make<void>(), scope)
          serving.add(handlers)
          yield* Scope.addFinalizer(scope, Effect.sync(() => serving.delete(handlers)))
          while (true) {
            const item = yield* restore(Queue.take(accepted))
            yield* FiberSet.run(handlers, handle(item))
          }
        }))
      )
    }

    return {
      offerUnsafe: (item) => {
        Queue.offerUnsafe(accepted, item)
      },
      serve,
      interrupt: Effect.suspend(() =>
        Effect.forEach(serving, FiberSet.clear, { concurrency: "unbounded", discard: true })
      )
    }
  })
