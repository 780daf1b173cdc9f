/**
 * RecentFrames: which routed frames a Node has taken lately, to tell copies of them.
 *
 * A ring of what identifies each frame, the newest last, and chains through it by
 * hash, as compressors keep them (RFC 1951, section 4): adding costs no allocation,
 * and what is overwritten needs no removal, since a chain ends where it leads to
 * something older than the ring holds. Rule M11 of `docs/protocol.md`.
 *
 * @since 0.1.0
 */
import * as Envelope from "../protocol/Envelope.ts"

/** How long a frame is remembered, in milliseconds: longer than a message is held, and its copies with it. */
const memory = 150_000

/** Frames that are remembered: at first, and at most (1.7 MiB). */
const smallest = 16
const largest = 32_768

/**
 * What a Node has taken lately. `none` before the first frame.
 *
 * @category models
 * @since 0.1.0
 */
export interface RecentFrames {
  /** What identifies each frame, at its number modulo the capacity. */
  identities: Int32Array
  /** When each was taken, in milliseconds. */
  takenAt: Float64Array
  /** By hash the number of the newest frame, plus one; and of each frame the one before it in its chain. */
  newest: Int32Array
  previous: Int32Array
  /** The number of the next frame, and of the oldest that is remembered. */
  next: number
  oldest: number
}

const none = new Int32Array(0)

/**
 * Nothing taken yet: no memory either, since most Nodes of a large simulation carry no message.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): RecentFrames => ({
  identities: none,
  takenAt: new Float64Array(0),
  newest: none,
  previous: none,
  next: 0,
  oldest: 0
})

const capacityOf = ({ previous }: RecentFrames): number => previous.length

/** Where the identity in question is written, so that asking allocates nothing. */
const asked = new Int32Array(Envelope.identitySize)

const hash = (words: Int32Array, at: number, capacity: number): number => {
  let value = 0
  for (let word = 0; word < Envelope.identitySize; word++) value = Math.imul(value ^ words[at + word]!, 0x9e3779b1)
  return (value ^ (value >>> 15)) & (capacity - 1)
}

/**
 * Remembers a frame. The oldest makes room when it is too old, or when there are too many.
 *
 * @category transitions
 * @since 0.1.0
 */
export const add = (self: RecentFrames, now: number, frame: Uint8Array): void => {
  if (self.next - self.oldest === capacityOf(self)) makeRoom(self, now)
  const slot = self.next & (capacityOf(self) - 1)
  Envelope.identify(frame, self.identities, slot * Envelope.identitySize)
  enter(self, self.next++, now)
}

/** Puts a frame whose identity is in place into its chain. */
const enter = (self: RecentFrames, number: number, takenAt: number): void => {
  const capacity = capacityOf(self)
  const slot = number & (capacity - 1)
  const place = hash(self.identities, slot * Envelope.identitySize, capacity)
  self.takenAt[slot] = takenAt
  self.previous[slot] = self.newest[place]!
  self.newest[place] = number + 1
}

const makeRoom = (self: RecentFrames, now: number): void => {
  const capacity = capacityOf(self)
  const isOld = capacity > 0 && now - self.takenAt[self.oldest & (capacity - 1)]! > memory
  if (isOld || capacity === largest) self.oldest++
  else grow(self, Math.max(smallest, 2 * capacity))
  // The numbers must fit into the chains: once in a billion frames all are forgotten.
  if (self.next >= 2 ** 30) {
    Object.assign(self, make())
    grow(self, smallest)
  }
}

const grow = (self: RecentFrames, capacity: number): void => {
  const before = { ...self }
  const mask = capacityOf(before) - 1
  self.identities = new Int32Array(capacity * Envelope.identitySize)
  self.takenAt = new Float64Array(capacity)
  self.newest = new Int32Array(capacity)
  self.previous = new Int32Array(capacity)
  for (let number = before.oldest; number < before.next; number++) {
    const from = (number & mask) * Envelope.identitySize
    const to = (number & (capacity - 1)) * Envelope.identitySize
    self.identities.set(before.identities.subarray(from, from + Envelope.identitySize), to)
    enter(self, number, before.takenAt[number & mask]!)
  }
}

/**
 * Whether a frame of the same message, sent by its origin at the same attempt, is remembered.
 *
 * @category getters
 * @since 0.1.0
 */
export const has = (self: RecentFrames, now: number, frame: Uint8Array): boolean => {
  const capacity = capacityOf(self)
  if (capacity === 0) return false
  Envelope.identify(frame, asked, 0)
  let number = self.newest[hash(asked, 0, capacity)]! - 1
  while (number >= self.oldest) {
    const slot = number & (capacity - 1)
    if (isAsked(self.identities, slot * Envelope.identitySize)) return now - self.takenAt[slot]! <= memory
    number = self.previous[slot]! - 1
  }
  return false
}

const isAsked = (identities: Int32Array, at: number): boolean => {
  for (let word = 0; word < Envelope.identitySize; word++) if (identities[at + word] !== asked[word]) return false
  return true
}
