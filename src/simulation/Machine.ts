/**
 * Machine: runs Effect programs on virtual time.
 *
 * One machine stands for one process on one host: it has an Effect `Clock`, a
 * `Scheduler` and sources of chance of its own. Its fibers take their turns on the
 * `Timeline`, so that a seed decides their order too. It can be stopped as by SIGSTOP,
 * sleep as a laptop does, and be killed: then none of its fibers ever runs again,
 * no finalizer either.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import type { Rng } from "./Rng.ts"
import { callOff, type Plan, type Timeline } from "./Timeline.ts"

/** What is left of a time for want of exact arithmetic, in milliseconds. */
const precision = 1e-6

/**
 * A process on a simulated host.
 *
 * @category models
 * @since 0.1.0
 */
export class Machine {
  /** Clock, scheduler and chance, for programs that run here. */
  readonly context: Context.Context<SecureRandom.SecureRandom>
  isPaused = false
  isKilled = false
  readonly #timeline: Timeline
  readonly #startOfTime: number
  readonly #rate: number
  /** How far its monotonic clock is ahead, in milliseconds: behind, if it stood still while the machine slept. */
  #ahead = 0
  /** How far its wall clock is ahead of that, in milliseconds. */
  #wallAhead = 0
  /** What happens when it goes on after a pause, in order. */
  #waiting: Array<() => void> = []

  /** `startOfTime` is what its wall clock says at the start of the timeline; `rate` how fast it runs: 1 is right. */
  constructor(timeline: Timeline, rng: Rng, startOfTime: number, rate: number) {
    this.#timeline = timeline
    this.#startOfTime = startOfTime
    this.#rate = rate
    this.context = Context.empty().pipe(
      Context.add(Clock.Clock, this.#makeClock()),
      Context.add(Scheduler.Scheduler, this.#makeScheduler()),
      Context.add(Random.Random, {
        nextIntUnsafe: () => safeInteger(rng),
        nextDoubleUnsafe: () => rng.fraction()
      }),
      Context.add(SecureRandom.SecureRandom, makeSecureRandom(rng.fork("secure")))
    )
  }

  /** Milliseconds of its monotonic clock. */
  get now(): number {
    return this.#timeline.now * this.#rate + this.#ahead
  }

  /** Milliseconds since 1970, as its wall clock has it. */
  get wall(): number {
    return this.#startOfTime + this.now + this.#wallAhead
  }

  /** Does something here when it is this machine's turn: not while it is paused, and never once it is killed. */
  run(task: () => void): void {
    if (this.isKilled) return
    if (this.isPaused) this.#waiting.push(task)
    else task()
  }

  /** Runs a program. */
  fork<A, E>(program: Effect.Effect<A, E, SecureRandom.SecureRandom>): Fiber.Fiber<A, E> {
    return Effect.runForkWith(this.context)(program)
  }

  /** Stops, as by SIGSTOP. */
  pause(): void {
    this.isPaused = true
  }

  /** Goes on with all that has come up meanwhile, in order. */
  resume(): void {
    if (!this.isPaused) return
    this.isPaused = false
    const waiting = this.#waiting
    this.#waiting = []
    for (const task of waiting) this.#timeline.soon(() => this.run(task))
  }

  /** Sleeps for some time that `resume` ends: its monotonic clock stands still, its wall clock does not. */
  sleep(milliseconds: number): void {
    this.pause()
    this.#ahead -= milliseconds * this.#rate
    this.#wallAhead += milliseconds * this.#rate
  }

  /** Sets the wall clock forward, or back by a negative number. */
  jump(milliseconds: number): void {
    this.#wallAhead += milliseconds
  }

  /** Ends everything that runs here, as by SIGKILL. */
  kill(): void {
    this.isKilled = true
    this.#waiting = []
  }

  #makeClock(): Clock.Clock {
    const nanos = (milliseconds: number): bigint => BigInt(Math.round(milliseconds * 1_000_000))
    const wallMillis = () => Math.floor(this.wall)
    const wallNanos = () => nanos(this.wall)
    const monotonicNanos = () => nanos(this.now)
    return {
      currentTimeMillisUnsafe: wallMillis,
      currentTimeMillis: Effect.sync(wallMillis),
      currentTimeNanosUnsafe: wallNanos,
      currentTimeNanos: Effect.sync(wallNanos),
      monotonicTimeNanosUnsafe: monotonicNanos,
      monotonicTimeNanos: Effect.sync(monotonicNanos),
      sleep: (duration) => {
        const milliseconds = Duration.toMillis(duration)
        if (milliseconds <= 0) return Effect.yieldNow
        if (milliseconds === Number.POSITIVE_INFINITY) return Effect.never
        return Effect.callback((resume) => {
          const until = this.now + milliseconds
          let plan: Plan
          // A timer counts by the monotonic clock, which may have stood still meanwhile.
          const wait = (): void => {
            plan = this.#timeline.after((until - this.now) / this.#rate, () =>
              this.run(() => {
                if (until - this.now > precision) wait()
                else resume(Effect.void)
              }))
          }
          wait()
          return Effect.sync(() => callOff(plan))
        })
      }
    }
  }

  #makeScheduler(): Scheduler.Scheduler {
    const scheduleTask = (task: () => void) => this.#timeline.soon(() => this.run(task))
    return {
      executionMode: "async",
      shouldYield: (fiber) => fiber.currentOpCount >= fiber.cache.maxOpsBeforeYield,
      makeDispatcher: () => ({ scheduleTask, flush: () => this.#timeline.catchUp() })
    }
  }
}

const safeInteger = (rng: Rng): number => {
  const high = rng.word() & 0x1f_ffff
  return (high * 0x1_0000_0000 + rng.word()) * (rng.happens(0.5) ? 1 : -1)
}

/** Not secure at all: what it draws is what the seed says. */
const makeSecureRandom = (rng: Rng) =>
  SecureRandom.make((size) => Uint8Array.from({ length: size }, () => rng.word() & 255))
