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
  /** When it was last looked at. */
  wallAt: number
  monotonicAt: number
  /** Milliseconds that the machine has slept by then, and that nobody has taken out yet. */
  slept: number
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
    monotonicAt: monotonic(clock),
    slept: 0
  }))

/**
 * Milliseconds since some moment.
 *
 * @category getters
 * @since 0.1.0
 */
export const now = (self: NodeClock): number => monotonic(self.clock)

/**
 * Milliseconds that the machine has slept and that nobody has taken out yet. Reads the time, and changes nothing.
 *
 * @category getters
 * @since 0.1.0
 */
export const slept = (self: NodeClock): number =>
  self.slept + sleptSince(self, self.clock.currentTimeMillisUnsafe(), monotonic(self.clock))

const sleptSince = (self: NodeClock, wall: number, now: number): number => {
  const ahead = (wall - self.wallAt) - (now - self.monotonicAt)
  return ahead <= self.margin ? 0 : ahead
}

/**
 * Looks whether the machine has slept since the last look, and adds that up. Returns whether it has.
 *
 * @category mutations
 * @since 0.1.0
 */
export const look = (self: NodeClock): boolean => {
  const wall = self.clock.currentTimeMillisUnsafe()
  const now = monotonic(self.clock)
  const ahead = sleptSince(self, wall, now)
  self.wallAt = wall
  self.monotonicAt = now
  self.slept += ahead
  return ahead > 0
}

/**
 * Takes out how many milliseconds the machine has slept: whoever does makes the promises to this Node so much shorter.
 *
 * @category mutations
 * @since 0.1.0
 */
export const takeSlept = (self: NodeClock): number => {
  look(self)
  const { slept } = self
  self.slept = 0
  return slept
}
