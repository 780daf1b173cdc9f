/**
 * Silence: whether the other end of a link still lives, as far as its end can hear.
 *
 * Whatever comes is a sign of life. When nothing comes it is asked something that every Node answers at once, and when
 * that too brings nothing in the time that answers take, it is given up: a process that is stopped, or a host that was cut
 * off, closes nothing. It knows no clock. Rule G3 of `docs/protocol.md`.
 *
 * @since 0.1.0
 */

/**
 * What has been heard of one end.
 *
 * @category models
 * @since 0.1.0
 */
export interface Silence {
  /** When something came. */
  heardAt: number
  /** The question that has no answer. */
  asked: { readonly sequence: number; readonly at: number; patientFrom: number } | undefined
  /** The number of the next question. */
  next: number
  /** Smoothed time of an answer and its mean deviation, in milliseconds (RFC 6298). */
  roundTrip: number
  deviation: number
  lookedAt: number
}

/**
 * How long nothing may come before it is asked, in milliseconds: while something is waited for, and while nothing is.
 *
 * @category constants
 * @since 0.1.0
 */
export const quiet = 500

/**
 * @category constants
 * @since 0.1.0
 */
export const idle = 10_000

/** The bounds of the time that an answer may take, in milliseconds; where answers were seen to take longer, that rules. */
const shortestPatience = 1_500
const longestPatience = 4_000

/** Looks that are further apart, in milliseconds, were missed because this process itself stood still. */
const longestLook = 250

/**
 * A link has come about, whose handshake took so long.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (now: number, roundTrip: number): Silence => ({
  heardAt: now,
  asked: undefined,
  next: 1,
  roundTrip,
  deviation: roundTrip / 2,
  lookedAt: now
})

/**
 * Something came.
 *
 * @category transitions
 * @since 0.1.0
 */
export const heard = (self: Silence, now: number): void => {
  self.heardAt = now
  if (self.asked !== undefined) self.asked.patientFrom = now
}

/**
 * The answer to a question came.
 *
 * @category transitions
 * @since 0.1.0
 */
export const answered = (self: Silence, now: number, sequence: number): void => {
  heard(self, now)
  if (self.asked?.sequence !== sequence) return
  const took = now - self.asked.at
  self.deviation += (Math.abs(took - self.roundTrip) - self.deviation) / 4
  self.roundTrip += (took - self.roundTrip) / 8
  self.asked = undefined
}

/** How long an answer may take, in milliseconds; twice as long for each doubling. */
const patience = ({ deviation, roundTrip }: Silence, doublings: number): number =>
  Math.max(
    2 * roundTrip,
    Math.min(longestPatience, Math.max(shortestPatience, roundTrip + 4 * deviation))
  ) * 2 ** doublings

/**
 * What is to be done: ask with the number that is returned, or leave the other end, or nothing. Called a few times a
 * second. `waitingSince` is since when something is waited for, `undefined` for nothing.
 *
 * @category transitions
 * @since 0.1.0
 */
export const look = (
  self: Silence,
  now: number,
  waitingSince: number | undefined,
  doublings: number
): number | "leave" | undefined => {
  const missed = now - self.lookedAt
  self.lookedAt = now
  if (missed > longestLook) {
    // What came meanwhile has not been read yet.
    self.heardAt += missed
    if (self.asked !== undefined) self.asked.patientFrom += missed
  }
  if (self.asked !== undefined) return now - self.asked.patientFrom >= patience(self, doublings) ? "leave" : undefined
  const isDue = waitingSince === undefined
    ? now - self.heardAt >= idle
    : now - Math.max(self.heardAt, waitingSince) >= Math.max(quiet, self.roundTrip)
  if (!isDue) return undefined
  const sequence = self.next++
  self.asked = { sequence, at: now, patientFrom: now }
  return sequence
}
