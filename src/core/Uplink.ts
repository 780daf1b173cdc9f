/**
 * Uplink: what a client sends over the link to its gateway, until the gateway has it in custody.
 *
 * So much is on its way at once, and what waits for that, or for room at the gateway, waits in a line for each purpose.
 * Rules M4, M12 and G1 of `docs/protocol.md`.
 *
 * Pure: the clock is passed in.
 *
 * @since 0.1.0
 */
import * as Envelope from "../protocol/Envelope.ts"
import type { Unresolved } from "./Confirmations.ts"
import * as Lines from "./Lines.ts"

/**
 * The messages of one link to a gateway. Mutable, with one writer.
 *
 * @category models
 * @since 0.1.0
 */
export interface Uplink<A> {
  /** Messages that are on their way at most, and their bytes. */
  readonly window: number
  readonly windowBytes: number
  next: number
  /** On their way, by their numbers. */
  readonly sent: Map<number, Unresolved<A>>
  sentBytes: number
  readonly lines: Lines.Lines<Unresolved<A>>
}

/**
 * What a driver does.
 *
 * @category models
 * @since 0.1.0
 */
export interface Sink<A> {
  /** Sends a message under this number. */
  readonly transmit: (entry: Unresolved<A>, sequence: number) => void
  /** Whether a message has no outcome yet. */
  readonly isWanted: (entry: Unresolved<A>) => boolean
}

/**
 * Nothing is on its way.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A>(window: number, windowBytes: number): Uplink<A> => ({
  window,
  windowBytes,
  next: 0,
  sent: new Map(),
  sentBytes: 0,
  lines: Lines.make()
})

const isOpen = ({ sent, sentBytes, window, windowBytes }: Uplink<unknown>, { frame }: Unresolved<unknown>): boolean =>
  sent.size === 0 || (sent.size < window && sentBytes + frame.length <= windowBytes)

const purposeOf = ({ frame }: Unresolved<unknown>): number => Envelope.purpose(frame)

const transmit = <A>(self: Uplink<A>, entry: Unresolved<A>, sink: Sink<A>): void => {
  const sequence = self.next++
  self.sent.set(sequence, entry)
  self.sentBytes += entry.frame.length
  sink.transmit(entry, sequence)
}

/**
 * Sends a message, now or when it has its turn. Until the gateway has it, to send it again would only be in its way.
 *
 * @category transitions
 * @since 0.1.0
 */
export const send = <A>(self: Uplink<A>, entry: Unresolved<A>, sink: Sink<A>): void => {
  entry.inCustody = true
  const mayGo = isOpen(self, entry)
  if (mayGo && Lines.isIdle(self.lines)) return transmit(self, entry, sink)
  Lines.put(self.lines, purposeOf(entry), entry)
  if (mayGo) flush(self, sink)
}

const flush = <A>(self: Uplink<A>, sink: Sink<A>): void => {
  if (Lines.isIdle(self.lines)) return
  const mayTake = (entry: Unresolved<A>): boolean => isOpen(self, entry) || !sink.isWanted(entry)
  Lines.drain(self.lines, mayTake, (entry) => {
    if (sink.isWanted(entry)) transmit(self, entry, sink)
  })
}

const takeOut = <A>(self: Uplink<A>, sequence: number): Unresolved<A> | undefined => {
  const entry = self.sent.get(sequence)
  if (entry === undefined) return undefined
  self.sent.delete(sequence)
  self.sentBytes -= entry.frame.length
  return entry
}

/**
 * The gateway has taken custody of the messages from one number to another.
 *
 * @category transitions
 * @since 0.1.0
 */
export const acknowledged = <A>(self: Uplink<A>, now: number, from: number, upTo: number, sink: Sink<A>): void => {
  for (const sequence of self.sent.keys()) {
    if (sequence > upTo) break
    if (sequence < from) continue
    const entry = takeOut(self, sequence)!
    entry.inCustody = false
    Lines.accept(self.lines, now, purposeOf(entry))
  }
  flush(self, sink)
}

/**
 * The gateway has no room for a message.
 *
 * @category transitions
 * @since 0.1.0
 */
export const busy = <A>(self: Uplink<A>, now: number, sequence: number, sink: Sink<A>): void => {
  const entry = takeOut(self, sequence)
  if (entry === undefined) return
  Lines.refuse(self.lines, now, purposeOf(entry), entry)
  flush(self, sink)
}

/**
 * Tries again what is due.
 *
 * @category transitions
 * @since 0.1.0
 */
export const wake = <A>(self: Uplink<A>, now: number, sink: Sink<A>): void => {
  if (Lines.wakeAt(self.lines) > now) return
  Lines.takeOutRefused(self.lines, (entry) => !sink.isWanted(entry))
  Lines.wake(self.lines, now)
  flush(self, sink)
}

/**
 * The link has ended: what the gateway did not take may be sent again.
 *
 * @category transitions
 * @since 0.1.0
 */
export const end = <A>(self: Uplink<A>): void => {
  for (const entry of self.sent.values()) entry.inCustody = false
  for (const entry of Lines.items(self.lines)) entry.inCustody = false
}
