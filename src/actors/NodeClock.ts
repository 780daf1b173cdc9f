/**
 * NodeClock: the time of one Node, and whether its machine has slept.
 *
 * It is the monotonic clock, which no setting of the hour disturbs. But the
 * monotonic clock of many machines stands still while they sleep, and a Node that
 * woke would take leases to stand that have run out long ago. So wall time is
 * looked at for one thing: whether it has run ahead by more than the drift
 * margin between two looks. It may have been set forward, too, so that is no time
 * for which this Node has waited: it only makes what others promised shorter. Rule L6.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

/**
 * The clock of one Node.
 *
 * @category models
 * @since 0.1.0
 */
export interface NodeClock {
  readonly clock: Clock.Clock
  /** How far wall time may run ahead between two looks, in milliseconds. */
  readonly margin: number
  wallAt: number
  monotonicAt: number
}

const monotonic = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000

/**
 * Starts with the time of Effect's `Clock`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (margin: number): Effect.Effect<NodeClock> =>
  Effect.map(Clock.Clock, (clock) => ({
    clock,
    margin,
    wallAt: clock.currentTimeMillisUnsafe(),
    monotonicAt: monotonic(clock)
  }))

/**
 * Milliseconds since some moment.
 *
 * @category getters
 * @since 0.1.0
 */
export const now = (self: NodeClock): number => monotonic(self.clock)

/**
 * For how many milliseconds the machine has slept since the last look, 0 if it has not.
 *
 * @category getters
 * @since 0.1.0
 */
export const sleptUnnoticed = (self: NodeClock): number =>
  sleptUntil(self, self.clock.currentTimeMillisUnsafe(), monotonic(self.clock))

const sleptUntil = (self: NodeClock, wall: number, now: number): number => {
  const ahead = (wall - self.wallAt) - (now - self.monotonicAt)
  return ahead <= self.margin ? 0 : ahead
}

/**
 * Looks whether the machine has slept since the last look. Returns for how many milliseconds, 0 if it has not.
 *
 * @category transitions
 * @since 0.1.0
 */
export const noticeSleep = (self: NodeClock): number => {
  const wall = self.clock.currentTimeMillisUnsafe()
  const now = monotonic(self.clock)
  const slept = sleptUntil(self, wall, now)
  self.wallAt = wall
  self.monotonicAt = now
  return slept
}
