/**
 * Credit: how many bytes a link may have on their way below control, so that queues on the way stay short.
 *
 * The sender puts marks between its data, and the other end answers each. How long an answer takes tells how
 * much waits on the way: whatever that delay is above the shortest one is a queue, in a kernel or in a router,
 * and control has to stand in it too. So the limit follows the rate at which data arrives, times the shortest
 * delay and a quarter of a second; as long as there is hardly a queue it doubles with each round trip.
 *
 * Pure: the clock is passed in. Call order: `hasRoom`, `untilMark`, `sent` for what was sent, `isMarkDue` and `mark`, and
 * `progressed` for each answer. Rule H10 of `docs/protocol.md`; the idea is that of LEDBAT (RFC 6817).
 *
 * @since 0.1.0
 */

/** The limit at first, in bytes: a quarter of a second at 1 Mbit/s, and twice what TCP itself has under way at first (RFC 6928). */
const firstLimit = 32 * 1024

/** It never falls below this: a second at 64 kbit/s. */
const lowestLimit = 8 * 1024

/** It never grows above this; what is on its way is bounded by windows before. */
const highestLimit = 64 * 1024 * 1024

/** The queue that data may make on the way, in milliseconds. */
const longestQueue = 250

/** Marks for each full credit, and at least so many bytes between two of them. */
const marksPerLimit = 8
const leastBetweenMarks = 4 * 1024

/** The largest frame that goes in one piece, as a part of the limit: control waits for one such frame at most. */
const partOfLimit = 4

/**
 * How long the shortest delay is believed, in milliseconds: then the way empties, and one small piece goes alone, so that it
 * is measured without the queue that this end makes. Sooner at the lowest limit, where the way itself has perhaps become
 * longer.
 */
const believed = 30_000
const believedAtLowest = 5_000

/** The shortest delay counts as seen again by one that is longer by this part, and by this many milliseconds. */
const sameDelay = 1 / 8
const sameMillis = 1

interface Mark {
  /** Bytes sent before it, and those of them that had arrived by then, as far as known. */
  readonly count: number
  readonly passed: number
  /** Whole frames of routed messages sent before it. */
  readonly frames: number
  readonly at: number
  /** What it marks was alone on its way. */
  readonly isAlone: boolean
  /** At least half of the limit was on its way. */
  readonly isUsed: boolean
}

/**
 * The credit of one direction of a link.
 *
 * @category models
 * @since 0.1.0
 */
export interface Credit {
  /** Bytes that may be on their way. */
  limit: number
  /** Bytes sent, and of these the ones that are known to have arrived, since the link began. */
  sent: number
  passed: number
  /** Whole frames of routed messages sent. */
  frames: number
  /** Those that have not been answered, in order: a few dozen at most, for the limit bounds what lies between them. */
  readonly marks: Array<Mark>
  /** Bytes before the newest mark. */
  marked: number
  /** Nothing is sent until all has arrived, and then one piece, until that has. */
  phase: "open" | "draining" | "measuring"
  /** The shortest delay that was measured, and when it was last seen. */
  base: number
  baseAt: number
  /** When data last arrived, or was first waited for. */
  movedAt: number
  /** Reminders since then, and when the next one is due. */
  reminders: number
  remindAt: number
}

/**
 * Nothing sent yet; the handshake took `roundTrip` milliseconds to be answered.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (roundTrip: number): Credit => ({
  limit: firstLimit,
  sent: 0,
  passed: 0,
  frames: 0,
  marks: [],
  marked: 0,
  phase: "open",
  base: roundTrip,
  baseAt: Number.NEGATIVE_INFINITY,
  movedAt: 0,
  reminders: 0,
  remindAt: 0
})

/**
 * Whether another frame may be sent: what is on its way may reach beyond the limit by one frame, or part.
 *
 * @category getters
 * @since 0.1.0
 */
export const hasRoom = ({ limit, passed, phase, sent }: Credit): boolean => {
  switch (phase) {
    case "open":
      return sent - passed < limit
    case "draining":
      return false
    case "measuring":
      return sent === passed
  }
}

/**
 * The largest frame that goes in one piece, in bytes.
 *
 * @category getters
 * @since 0.1.0
 */
export const pieceSize = ({ limit, phase }: Credit): number =>
  phase === "measuring" ? leastBetweenMarks : Math.max(leastBetweenMarks, limit / partOfLimit)

/**
 * How many bytes may be sent before a mark is due; at least one.
 *
 * @category getters
 * @since 0.1.0
 */
export const untilMark = (self: Credit): number =>
  self.phase === "measuring"
    ? 1
    : Math.max(1, Math.min(betweenMarks(self) - (self.sent - self.marked), self.limit - (self.sent - self.passed)))

const betweenMarks = ({ limit }: Credit): number => Math.max(leastBetweenMarks, limit / marksPerLimit)

/**
 * Bytes have been sent, and with them the ends of so many frames of routed messages.
 *
 * @category transitions
 * @since 0.1.0
 */
export const sent = (self: Credit, bytes: number, frames: number): void => {
  self.sent += bytes
  self.frames += frames
}

/**
 * Whether a mark is due after what has been sent; `isEmpty` when nothing more waits to be sent.
 *
 * @category getters
 * @since 0.1.0
 */
export const isMarkDue = (self: Credit, isEmpty: boolean): boolean => {
  const unmarked = self.sent - self.marked
  if (unmarked === 0) return false
  const between = betweenMarks(self)
  return unmarked >= between || !hasRoom(self) ||
    (isEmpty && unmarked >= Math.max(leastBetweenMarks, between / 4))
}

/**
 * Puts a mark after what has been sent. Returns its count.
 *
 * @category transitions
 * @since 0.1.0
 */
export const mark = (self: Credit, now: number): number => {
  if (self.marks.length === 0) move(self, now)
  self.marks.push({
    count: self.sent,
    passed: self.passed,
    frames: self.frames,
    at: now,
    isAlone: self.phase === "measuring",
    isUsed: (self.sent - self.passed) * 2 >= self.limit
  })
  self.marked = self.sent
  return self.sent
}

const move = (self: Credit, now: number): void => {
  self.movedAt = now
  self.reminders = 0
  self.remindAt = now + firstReminder
}

/**
 * The other end has answered a mark. Returns how many frames of routed messages have arrived, or `undefined` when
 * nothing has moved.
 *
 * @category transitions
 * @since 0.1.0
 */
export const progressed = (self: Credit, now: number, count: number): number | undefined => {
  const index = self.marks.findIndex((mark) => mark.count % 2 ** 32 === count)
  if (index < 0) return undefined
  const mark = self.marks[index]!
  self.marks.splice(0, index + 1)
  const arrived = mark.count - self.passed
  self.passed = mark.count
  move(self, now)
  adapt(self, now, mark, arrived)
  if (self.phase === "draining" && self.sent === self.passed) self.phase = "measuring"
  return mark.frames
}

const adapt = (self: Credit, now: number, mark: Mark, arrived: number): void => {
  const delay = now - mark.at
  if (self.baseAt === Number.NEGATIVE_INFINITY) self.baseAt = now
  if (mark.isAlone || delay <= self.base) {
    if (mark.isAlone) self.phase = "open"
    self.base = delay
    self.baseAt = now
  } else if (delay <= self.base * (1 + sameDelay) + sameMillis) {
    self.baseAt = now
  }
  const queue = delay - self.base
  if (queue > longestQueue) {
    // Little data that was late says nothing of how much the way carries.
    const lowest = mark.isUsed ? lowestLimit : Math.min(self.limit, firstLimit)
    const rate = (mark.count - mark.passed) / delay
    self.limit = Math.max(lowest, Math.min(self.limit, rate * (self.base + longestQueue)))
  } else if (queue <= longestQueue / 2 && mark.isUsed) {
    self.limit = Math.min(highestLimit, self.limit + arrived)
  }
  if (now - self.baseAt > (self.limit === lowestLimit ? believedAtLowest : believed)) self.phase = "draining"
}

/** How long nothing arrives until this end asks again, in milliseconds; twice as long each time, up to a bound. */
const firstReminder = 1_000
const longestReminder = 30_000

/**
 * Asks again how far data has come, when nothing has been heard of it for long: a transport that loses frames may have lost
 * the mark, or its answer. Returns the count of the mark to send, if one is due.
 *
 * @category transitions
 * @since 0.1.0
 */
export const remind = (self: Credit, now: number): number | undefined => {
  const last = self.marks.at(-1)
  if (last === undefined || now < self.remindAt) return undefined
  self.reminders++
  self.remindAt = now + Math.min(longestReminder, firstReminder * 2 ** self.reminders)
  return last.count === self.sent ? last.count : mark(self, now)
}

/**
 * How long data has been on its way without any of it arriving, in milliseconds; 0 when none is waited for.
 *
 * @category getters
 * @since 0.1.0
 */
export const stalledFor = ({ marks, movedAt }: Credit, now: number): number => marks.length === 0 ? 0 : now - movedAt
