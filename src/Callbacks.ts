/**
 * Callbacks: runs the effects of an application so that none of them can hold up a Node.
 *
 * Each runs in a fiber of its own that nobody waits for: one that fails, dies,
 * never returns or cannot be interrupted harms only itself. One alarm watches
 * over all that run, because a timer for each would cost more than most callbacks do.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"

/**
 * What became of a callback: its exit, or `undefined` when it did not return in time.
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome<A> = Exit.Exit<A, unknown> | undefined

/**
 * Runs callbacks that have the same time to return.
 *
 * @category models
 * @since 0.1.0
 */
export interface Callbacks {
  /**
   * Runs a callback. `done` is called once with its outcome; at once, before `run` returns, if it does not wait for anything.
   * A callback that throws instead of returning an effect has died.
   */
  readonly run: <A, R>(
    callback: () => Effect.Effect<A, unknown, R>,
    context: Context.Context<R>,
    done: (outcome: Outcome<A>) => void
  ) => void
}

const called = <A, R>(callback: () => Effect.Effect<A, unknown, R>): Effect.Effect<A, unknown, R> => {
  try {
    return callback()
  } catch (defect) {
    return Exit.die(defect)
  }
}

interface Running {
  readonly fiber: Fiber.Fiber<unknown, unknown>
  readonly lateAt: number
  readonly done: (outcome: undefined) => void
}

/**
 * Watches over callbacks as long as the scope is open; then those that still run are interrupted, and nobody waits for them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(within: number) {
  const clock = yield* Clock.Clock
  const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000
  /** In order of their time, which is that of their start. */
  const running = new Set<Running>()
  const isBusy = Latch.makeUnsafe(false)

  const callbacks: Callbacks = {
    run: (callback, context, done) => {
      const effect = called(callback)
      // `Effect.void` and the like have ended before they begin: no fiber is needed for them.
      if (Exit.isExit(effect)) return done(effect as Exit.Exit<any, unknown>)
      const fiber = Effect.runForkWith(context)(effect)
      const exit = fiber.pollUnsafe()
      if (exit !== undefined) return done(exit)
      const entry: Running = { fiber, lateAt: now() + within, done }
      running.add(entry)
      if (running.size === 1) isBusy.openUnsafe()
      fiber.addObserver((exit) => {
        if (running.delete(entry)) done(exit)
      })
    }
  }

  const expire = (entry: Running): void => {
    running.delete(entry)
    entry.fiber.interruptUnsafe()
    entry.done(undefined)
  }

  yield* Effect.gen(function*() {
    while (true) {
      yield* isBusy.await
      for (const entry of running) {
        if (now() < entry.lateAt) break
        expire(entry)
      }
      const [oldest] = running
      if (oldest === undefined) isBusy.closeUnsafe()
      else yield* Effect.sleep(Math.max(1, Math.ceil(oldest.lateAt - now())))
    }
  }).pipe(Effect.forkScoped)

  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      const rest = Array.from(running)
      // First forgotten: that they are interrupted is no failure of theirs, and nobody is there to hear of it.
      running.clear()
      for (const { fiber } of rest) fiber.interruptUnsafe()
    })
  )
  return callbacks
})
