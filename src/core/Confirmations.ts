/**
 * Confirmations: the confirmed messages of one sender that have no outcome yet.
 *
 * The sender keeps each until the root's receipt comes or its deadline passes, and
 * sends it again when the receipt is late. Rules C2 to C4 of `docs/protocol.md`.
 *
 * @since 0.1.0
 */
import * as Envelope from "../protocol/Envelope.ts"

/**
 * Messages that one sender may have unresolved: as many as a root tells apart.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxUnresolved = 65_536

/** Shortest time before a message is sent again, in milliseconds; else four times the usual round trip. */
const shortestRetry = 2000

/** How often that time doubles for one message, and at most for those that are sent while receipts are late. */
const maxDoublings = 2
const maxLateDoublings = 3

/**
 * A message without an outcome.
 *
 * @category models
 * @since 0.1.0
 */
export interface Unresolved<A> {
  readonly counter: number
  readonly frame: Uint8Array
  readonly sentAt: number
  readonly deadline: number
  retryAt: number
  retries: number
  /** How often the time before it is sent again had doubled when it was sent. */
  readonly doublings: number
  /** Still in the custody of the sender's own Node: sending it again would only make a second copy there. */
  inCustody: boolean
  /** Whatever the driver needs to resolve it. */
  readonly context: A
}

/**
 * The messages of one sender without an outcome.
 *
 * @category models
 * @since 0.1.0
 */
export interface Confirmations<A> {
  next: number
  /** No number below this is unresolved: where the search for the floor goes on. */
  lowest: number
  /** By counter, in order. */
  readonly unresolved: Map<number, Unresolved<A>>
  /**
   * Smoothed time between send and receipt, in milliseconds, of messages that were sent once: of others it is not known
   * which of their copies was answered (Karn's rule; RFC 6298, section 3).
   */
  roundTrip: number
  /** How often the time before messages are sent again has doubled since the last measurement (RFC 6298, section 5.5). */
  doublings: number
  /** Nothing is due before this. */
  dueAt: number
}

/**
 * No message sent yet.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A>(): Confirmations<A> => ({
  next: 0,
  lowest: 0,
  unresolved: new Map(),
  roundTrip: 0,
  doublings: 0,
  dueAt: Number.POSITIVE_INFINITY
})

/**
 * The lowest number without an outcome: what is older will not be sent again.
 *
 * @category getters
 * @since 0.1.0
 */
export const floor = <A>(self: Confirmations<A>): number => {
  while (self.lowest < self.next && !self.unresolved.has(self.lowest)) self.lowest++
  return self.lowest
}

/**
 * Whether another message may be sent: a root tells apart only so many of one sender.
 *
 * @category getters
 * @since 0.1.0
 */
export const hasRoom = <A>(self: Confirmations<A>): boolean => self.next - floor(self) < maxUnresolved

/**
 * Begins to wait for the receipt of a message. `make` builds its frame from its counter and the floor.
 *
 * @category transitions
 * @since 0.1.0
 */
export const begin = <A>(
  self: Confirmations<A>,
  now: number,
  deadline: number,
  context: A,
  make: (counter: number, floor: number) => Uint8Array
): Unresolved<A> => {
  const counter = self.next++
  const entry: Unresolved<A> = {
    counter,
    frame: make(counter, self.unresolved.size === 0 ? counter : floor(self)),
    sentAt: now,
    deadline,
    retryAt: now + retryAfter(self, deadline - now, self.doublings),
    retries: 0,
    doublings: self.doublings,
    inCustody: false,
    context
  }
  self.unresolved.set(counter, entry)
  self.dueAt = Math.min(self.dueAt, deadline, entry.retryAt)
  return entry
}

/** At most half of the time until the deadline, or a message that waited through an outage would never go again. Rule C2. */
const retryAfter = <A>(self: Confirmations<A>, whole: number, doublings: number): number =>
  Math.max(shortestRetry, Math.min(whole / 2, Math.max(shortestRetry, 4 * self.roundTrip) * 2 ** doublings))

/**
 * A receipt came. Returns the message, or `undefined` when it has had its
 * outcome, or was sent by an earlier life whose numbers were the same.
 *
 * @category transitions
 * @since 0.1.0
 */
export const resolve = <A>(
  self: Confirmations<A>,
  now: number,
  counter: number,
  incarnation: number
): Unresolved<A> | undefined => {
  const entry = self.unresolved.get(counter)
  if (entry === undefined || Envelope.incarnation(entry.frame) !== incarnation) return undefined
  self.unresolved.delete(counter)
  if (entry.retries === 0) {
    self.roundTrip += (now - entry.sentAt - self.roundTrip) / 8
    self.doublings = 0
  }
  return entry
}

/**
 * What is due: messages to send again, with frames of their own, and messages whose deadline has passed.
 *
 * @category transitions
 * @since 0.1.0
 */
export const wake = <A>(
  self: Confirmations<A>,
  now: number
): { readonly again: ReadonlyArray<Unresolved<A>>; readonly expired: ReadonlyArray<Unresolved<A>> } => {
  const again: Array<Unresolved<A>> = []
  const expired: Array<Unresolved<A>> = []
  if (now < self.dueAt) return { again, expired }
  self.dueAt = Number.POSITIVE_INFINITY
  for (const entry of self.unresolved.values()) {
    if (now >= entry.deadline) {
      self.unresolved.delete(entry.counter)
      expired.push(entry)
      continue
    }
    if (now >= entry.retryAt) {
      entry.retries++
      self.doublings = Math.min(maxLateDoublings, Math.max(self.doublings, entry.doublings + entry.retries))
      const doublings = Math.max(entry.doublings, Math.min(maxDoublings, entry.retries))
      entry.retryAt = now + retryAfter(self, entry.deadline - entry.sentAt, doublings)
      if (!entry.inCustody) again.push(entry)
    }
    self.dueAt = Math.min(self.dueAt, entry.deadline, entry.retryAt)
  }
  return { again, expired }
}

/**
 * The frame with which a message is sent again: a copy that has made no hop and carries today's floor.
 *
 * @category transitions
 * @since 0.1.0
 */
export const copy = <A>(self: Confirmations<A>, entry: Unresolved<A>): Uint8Array => {
  const frame = Envelope.copy(entry.frame)
  Envelope.setHops(frame, 0)
  Envelope.setFloor(frame, floor(self))
  Envelope.setAttempt(frame, entry.retries)
  return frame
}
