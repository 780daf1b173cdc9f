/**
 * FollowedTimeline: a timeline whose time is that of an Effect `Clock`, the `TestClock` among them.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import { type Plan, Timeline } from "./Timeline.ts"

/**
 * A timeline that follows a clock. What is planned happens while `follow` runs.
 *
 * @category models
 * @since 0.1.0
 */
export class FollowedTimeline extends Timeline {
  readonly #clock: Clock.Clock
  readonly #schedule: (task: () => void) => void
  readonly #startedAt: bigint
  readonly #isEarlier = Latch.makeUnsafe(false)
  #alarm = Number.POSITIVE_INFINITY

  /** `schedule` runs something soon, never at once: what plans is not done yet. */
  constructor(clock: Clock.Clock, schedule: (task: () => void) => void) {
    super()
    this.#clock = clock
    this.#schedule = schedule
    this.#startedAt = clock.monotonicTimeNanosUnsafe()
  }

  override refresh(): void {
    const now = Number(this.#clock.monotonicTimeNanosUnsafe() - this.#startedAt) / 1_000_000
    if (now > this.now) this.now = now
  }

  override at(time: number, run: () => void): Plan {
    const plan = super.at(time, run)
    if (plan.at < this.#alarm) {
      this.#alarm = plan.at
      this.#schedule(() => this.#isEarlier.openUnsafe())
    }
    return plan
  }

  /** Lets happen what is due, for ever. Timers are not finer than a millisecond. */
  readonly follow: Effect.Effect<never> = Effect.gen({ self: this }, function*() {
    while (true) {
      this.refresh()
      this.runUntil(this.now)
      this.#isEarlier.closeUnsafe()
      this.#alarm = this.next
      const wait = Math.ceil(this.#alarm - this.now)
      yield* wait === Number.POSITIVE_INFINITY
        ? this.#isEarlier.await
        : Effect.raceFirst(Effect.sleep(wait), this.#isEarlier.await)
    }
  })
}
