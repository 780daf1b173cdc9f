/**
 * Deduplication: what has been delivered at this Node, so that it is not delivered again.
 *
 * Copies arise on purpose: a Node that hears no acknowledgement sends on by
 * another way, and a sender that hears no receipt sends again. The root tells
 * them apart by (origin, incarnation, class, counter). Rules C1, C5 of `docs/protocol.md`.
 *
 * @since 0.1.0
 */
import type { DeliveredId, Outcome } from "../protocol/Frame.ts"
import type * as NodeId from "../ring/NodeId.ts"

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

/**
 * How far a delivery has come.
 *
 * @category models
 * @since 0.1.0
 */
export type Progress = "running" | Outcome

interface Delivery {
  readonly key: NodeId.NodeId
  progress: Progress
}

interface Origin {
  readonly id: NodeId.NodeId
  readonly incarnation: number
  /** Confirmed messages below this have an outcome at their origin: copies of them count as expired. */
  floor: number
  readonly confirmed: Map<number, Delivery>
  /** Acknowledged messages: one bit each, by counter modulo the window. */
  bits: Int32Array | undefined
  highest: number
}

/**
 * What has been delivered here.
 *
 * @category models
 * @since 0.1.0
 */
export interface Deduplication {
  /** In order of last use. */
  readonly origins: Map<string, Origin>
  delivered: number
}

/**
 * Nothing delivered yet.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Deduplication => ({ origins: new Map(), delivered: 0 })

const originOf = (self: Deduplication, id: NodeId.NodeId, incarnation: number): Origin => {
  const name = `${id.hex}${incarnation}`
  let origin = self.origins.get(name)
  if (origin === undefined) {
    origin = { id, incarnation, floor: 0, confirmed: new Map(), bits: undefined, highest: -1 }
    if (self.origins.size >= maxOrigins) forgetOldest(self)
  } else {
    self.origins.delete(name)
  }
  self.origins.set(name, origin)
  return origin
}

const forgetOldest = (self: Deduplication): void => {
  for (const [name, oldest] of self.origins) {
    self.delivered -= oldest.confirmed.size
    self.origins.delete(name)
    return
  }
}

const raiseFloor = (self: Deduplication, origin: Origin, floor: number): void => {
  if (floor <= origin.floor) return
  const forget = (counter: number): void => {
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
  while (self.delivered >= maxDelivered && self.origins.size > 1) forgetOldest(self)
  origin.confirmed.set(counter, { key, progress })
  self.delivered++
}

/**
 * The outcome of a delivery that `takeConfirmed` called new.
 *
 * @category transitions
 * @since 0.1.0
 */
export const finishConfirmed = (
  self: Deduplication,
  origin: NodeId.NodeId,
  incarnation: number,
  counter: number,
  outcome: Outcome
): void => {
  const delivery = self.origins.get(`${origin.hex}${incarnation}`)?.confirmed.get(counter)
  if (delivery !== undefined) delivery.progress = outcome
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
  const bits = origin.bits ??= new Int32Array(windowSize / 32)
  if (counter <= origin.highest - windowSize) return "expired"
  if (counter > origin.highest) {
    if (counter - origin.highest >= windowSize) bits.fill(0)
    else for (let passed = origin.highest + 1; passed <= counter; passed++) clearBit(bits, passed % windowSize)
    origin.highest = counter
  }
  const index = counter % windowSize
  const mask = 1 << (index & 31)
  if ((bits[index >>> 5]! & mask) !== 0) return "duplicate"
  bits[index >>> 5]! |= mask
  return "new"
}

const clearBit = (bits: Int32Array, index: number): void => {
  bits[index >>> 5]! &= ~(1 << (index & 31))
}

/** What did not get to the application may be tried again at the Node that takes over. */
const isHandedOver = (progress: Progress): boolean => progress === "running" || progress === "delivered"

/**
 * The confirmed messages delivered here whose keys another Node takes over, and whose origins may still send copies.
 *
 * @category handover
 * @since 0.1.0
 */
export const handOver = (self: Deduplication, isTaken: (key: NodeId.NodeId) => boolean): Array<DeliveredId> => {
  const ids: Array<DeliveredId> = []
  for (const origin of self.origins.values()) {
    for (const [counter, { key, progress }] of origin.confirmed) {
      if (counter >= origin.floor && isHandedOver(progress) && isTaken(key)) {
        ids.push({ key, origin: origin.id, incarnation: origin.incarnation, counter })
      }
    }
  }
  return ids
}

/**
 * Takes over what another Node has delivered.
 *
 * @category handover
 * @since 0.1.0
 */
export const takeOver = (self: Deduplication, ids: ReadonlyArray<DeliveredId>): void => {
  for (const { counter, incarnation, key, origin: id } of ids) {
    const origin = originOf(self, id, incarnation)
    raiseFloor(self, origin, counter - windowSize + 1)
    if (counter >= origin.floor && !origin.confirmed.has(counter)) remember(self, origin, counter, key, "delivered")
  }
}
