/**
 * Deduplication: what has been delivered at this Node, so that it is not delivered again.
 *
 * Copies arise on purpose: a Node that hears no acknowledgement sends on by
 * another way, and a sender that hears no receipt sends again. The root tells
 * them apart by (origin, incarnation, class, counter). Rules C1, C5 of `docs/protocol.md`.
 *
 * @since 0.1.0
 */
import type { DeliveredId, OriginFloor } from "../protocol/ControlMessage.ts"
import type { Answer } from "../protocol/Frame.ts"
import * as NodeId from "../ring/NodeId.ts"

/**
 * Acknowledged messages of one origin among which copies are told apart; older ones count as expired.
 *
 * @category constants
 * @since 0.1.0
 */
export const windowSize = 65_536

/**
 * Origins that are remembered; the one that was silent longest is forgotten first.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxOrigins = 1024

/**
 * Confirmed messages that are remembered in all; when there are more, the origin
 * that was silent longest is forgotten.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxDelivered = 524_288

/** Numbers of one origin that are kept as they are: as much memory as the bits would take before there are some hundred. */
const maxFew = 128

/**
 * How far a delivery has come.
 *
 * @category models
 * @since 0.1.0
 */
export type Progress = "running" | Answer

/**
 * Bytes of replies that are remembered in all; the oldest are forgotten first, and their messages stay delivered.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxReplyBytes = 64 * 1024 * 1024

interface Delivery {
  readonly key: NodeId.NodeId
  progress: Progress
}

interface Origin {
  /** Another one with the same place in the map. */
  next: Origin | undefined
  /** When it was last heard of, in calls. */
  usedAt: number
  readonly id: NodeId.NodeId
  readonly incarnation: number
  /** Confirmed messages below this have an outcome at their origin: copies of them count as expired. */
  floor: number
  confirmed: Map<number, Delivery>
  /** Acknowledged messages: their numbers while they are few, then one bit each, by counter modulo the window. */
  few: Array<number>
  bits: Int32Array | undefined
  highest: number
}

/** What an origin begins with, which often sends one message or messages of one class. Nobody writes to them. */
const noDeliveries: Map<number, Delivery> = new Map()
const noNumbers: Array<number> = []

/**
 * What has been delivered here.
 *
 * @category models
 * @since 0.1.0
 */
export interface Deduplication {
  /** By a number made from id and incarnation: a text for each message would cost more than all the rest. */
  readonly origins: Map<number, Origin>
  /** How many origins there are, and how many confirmed messages they have in all. */
  size: number
  delivered: number
  /** Counts calls. */
  calls: number
  /** Deliveries with a reply, the oldest first, and the bytes of all replies. */
  readonly replies: Set<Delivery>
  replyBytes: number
}

/**
 * Nothing delivered yet.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Deduplication => ({
  origins: new Map(),
  size: 0,
  delivered: 0,
  calls: 0,
  replies: new Set(),
  replyBytes: 0
})

const placeOf = (id: NodeId.NodeId, incarnation: number): number =>
  id.word0 ^ id.word1 ^ id.word2 ^ id.word3 ^ (incarnation | 0)

const find = (self: Deduplication, id: NodeId.NodeId, incarnation: number): Origin | undefined => {
  let origin = self.origins.get(placeOf(id, incarnation))
  while (origin !== undefined && !(origin.incarnation === incarnation && NodeId.equals(origin.id, id))) {
    origin = origin.next
  }
  return origin
}

const originOf = (self: Deduplication, id: NodeId.NodeId, incarnation: number): Origin => {
  let origin = find(self, id, incarnation)
  if (origin === undefined) {
    if (self.size >= maxOrigins) forgetOldest(self)
    const place = placeOf(id, incarnation)
    const next = self.origins.get(place)
    origin = {
      next,
      usedAt: 0,
      id,
      incarnation,
      floor: 0,
      confirmed: noDeliveries,
      few: noNumbers,
      bits: undefined,
      highest: -1
    }
    self.origins.set(place, origin)
    self.size++
  }
  origin.usedAt = self.calls++
  return origin
}

const forgetOldest = (self: Deduplication): void => {
  let oldest: Origin | undefined
  for (const origin of all(self)) if (oldest === undefined || origin.usedAt < oldest.usedAt) oldest = origin
  if (oldest === undefined) return
  const place = placeOf(oldest.id, oldest.incarnation)
  let rest: Origin | undefined
  for (let origin = self.origins.get(place); origin !== undefined;) {
    const { next } = origin
    if (origin !== oldest) {
      origin.next = rest
      rest = origin
    }
    origin = next
  }
  if (rest === undefined) self.origins.delete(place)
  else self.origins.set(place, rest)
  self.size--
  self.delivered -= oldest.confirmed.size
  if (self.replies.size > 0) { for (const delivery of oldest.confirmed.values()) forgetReply(self, delivery) }
}

/** What is left of it is that it was delivered. */
const forgetReply = (self: Deduplication, delivery: Delivery): void => {
  if (!self.replies.delete(delivery)) return
  self.replyBytes -= (delivery.progress as Uint8Array).length
  delivery.progress = "delivered"
}

function* all(self: Deduplication): Generator<Origin> {
  for (const first of self.origins.values()) {
    for (let origin: Origin | undefined = first; origin !== undefined; origin = origin.next) yield origin
  }
}

const raiseFloor = (self: Deduplication, origin: Origin, floor: number): void => {
  if (floor <= origin.floor) return
  const forget = (counter: number): void => {
    const delivery = self.replies.size === 0 ? undefined : origin.confirmed.get(counter)
    if (delivery !== undefined) forgetReply(self, delivery)
    if (origin.confirmed.delete(counter)) self.delivered--
  }
  // Whichever is shorter: the numbers in between, or those that are there.
  if (floor - origin.floor <= origin.confirmed.size) {
    for (let counter = origin.floor; counter < floor; counter++) forget(counter)
  } else {
    for (const counter of origin.confirmed.keys()) if (counter < floor) forget(counter)
  }
  origin.floor = floor
}

/**
 * Takes a confirmed message that has arrived at its root: `new` when it is to be
 * delivered, `expired` when its origin has an outcome, else how far the first copy has come.
 *
 * @category transitions
 * @since 0.1.0
 */
export const takeConfirmed = (
  self: Deduplication,
  message: DeliveredId & { readonly floor: number }
): Progress | "new" | "expired" => {
  const origin = originOf(self, message.origin, message.incarnation)
  // An origin has at most so many numbers above its floor (C4), whatever floor it gives.
  raiseFloor(self, origin, Math.max(message.floor, message.counter - windowSize + 1))
  if (message.counter < origin.floor) return "expired"
  const known = origin.confirmed.get(message.counter)
  if (known !== undefined) return known.progress
  remember(self, origin, message.counter, message.key, "running")
  return "new"
}

const remember = (
  self: Deduplication,
  origin: Origin,
  counter: number,
  key: NodeId.NodeId,
  progress: Progress
): void => {
  while (self.delivered >= maxDelivered && self.size > 1) forgetOldest(self)
  if (origin.confirmed === noDeliveries) origin.confirmed = new Map()
  origin.confirmed.set(counter, { key, progress })
  self.delivered++
}

/**
 * What became of a delivery that `takeConfirmed` called new: its outcome, or its reply.
 *
 * @category transitions
 * @since 0.1.0
 */
export const finishConfirmed = (
  self: Deduplication,
  origin: NodeId.NodeId,
  incarnation: number,
  counter: number,
  answer: Answer
): void => {
  const delivery = find(self, origin, incarnation)?.confirmed.get(counter)
  if (delivery === undefined) return
  delivery.progress = answer
  if (typeof answer === "string") return
  self.replies.add(delivery)
  self.replyBytes += answer.length
  for (const oldest of self.replies) {
    if (self.replyBytes <= maxReplyBytes) return
    forgetReply(self, oldest)
  }
}

/**
 * Takes an acknowledged message that has arrived at its root. Returns whether it is to be delivered.
 *
 * @category transitions
 * @since 0.1.0
 */
export const takeAcknowledged = (
  self: Deduplication,
  id: NodeId.NodeId,
  incarnation: number,
  counter: number
): "new" | "duplicate" | "expired" => {
  const origin = originOf(self, id, incarnation)
  if (counter <= origin.highest - windowSize) return "expired"
  if (origin.bits === undefined) {
    if (origin.few.includes(counter)) return "duplicate"
    origin.highest = Math.max(origin.highest, counter)
    if (origin.few.length === maxFew) origin.few = origin.few.filter((one) => one > origin.highest - windowSize)
    if (origin.few.length < maxFew) {
      if (origin.few.length === 0) origin.few = [counter]
      else origin.few.push(counter)
      return "new"
    }
    origin.bits = new Int32Array(windowSize / 32)
    for (const one of origin.few) setBit(origin.bits, one)
    origin.few = noNumbers
  } else if (counter > origin.highest) {
    clearBits(origin.bits, origin.highest + 1, Math.min(windowSize, counter - origin.highest))
    origin.highest = counter
  }
  return setBit(origin.bits, counter) ? "new" : "duplicate"
}

/** Sets the bit of a number. Returns whether it was not set yet. */
const setBit = (bits: Int32Array, counter: number): boolean => {
  const index = counter % windowSize
  const mask = 1 << (index & 31)
  if ((bits[index >>> 5]! & mask) !== 0) return false
  bits[index >>> 5]! |= mask
  return true
}

/** Clears the bits of so many numbers from one on, whole words at a time where it can. */
const clearBits = (bits: Int32Array, from: number, count: number): void => {
  for (let passed = 0; passed < count;) {
    const index = (from + passed) % windowSize
    if ((index & 31) === 0 && count - passed >= 32) {
      bits[index >>> 5] = 0
      passed += 32
    } else {
      bits[index >>> 5]! &= ~(1 << (index & 31))
      passed++
    }
  }
}

/** What did not get to the application may be tried again at the Node that takes over. */
const isHandedOver = (progress: Progress): boolean =>
  progress === "running" || progress === "delivered" || typeof progress !== "string"

/**
 * The confirmed messages delivered here whose keys another Node takes over, and whose origins may still send copies.
 * Replies stay behind: a copy that comes to the other Node is told that there is none any more.
 *
 * @category handover
 * @since 0.1.0
 */
export const handOver = (self: Deduplication, isTaken: (key: NodeId.NodeId) => boolean): Array<DeliveredId> => {
  const ids: Array<DeliveredId> = []
  for (const origin of all(self)) {
    for (const [counter, { key, progress }] of origin.confirmed) {
      if (counter >= origin.floor && isHandedOver(progress) && isTaken(key)) {
        ids.push({ key, origin: origin.id, incarnation: origin.incarnation, counter })
      }
    }
  }
  return ids
}

/**
 * The floors of all origins that have one.
 *
 * @category handover
 * @since 0.1.0
 */
export const floors = (self: Deduplication): Array<OriginFloor> => {
  const known: Array<OriginFloor> = []
  for (const { floor, id, incarnation } of all(self)) if (floor > 0) known.push({ origin: id, incarnation, floor })
  return known
}

/**
 * Takes over what another Node has delivered.
 *
 * @category handover
 * @since 0.1.0
 */
export const takeOver = (
  self: Deduplication,
  ids: ReadonlyArray<DeliveredId>,
  floors: ReadonlyArray<OriginFloor> = []
): void => {
  for (const { floor, incarnation, origin } of floors) raiseFloor(self, originOf(self, origin, incarnation), floor)
  for (const { counter, incarnation, key, origin: id } of ids) {
    const origin = originOf(self, id, incarnation)
    raiseFloor(self, origin, counter - windowSize + 1)
    if (counter >= origin.floor && !origin.confirmed.has(counter)) remember(self, origin, counter, key, "delivered")
  }
}
