/**
 * Purposes: what tells the kinds of messages apart, and which of them are the overlay's own.
 *
 * A purpose is a number. One that fits a byte stands in the header of a message: 0 to 15 are the overlay's own and
 * its services', 16 to 255 the application's. One of a name is far larger: it stands in front of the value, so that two
 * libraries in one cluster do not have to agree on bytes.
 *
 * @since 0.1.0
 */
import * as NodeId from "../ring/NodeId.ts"

/**
 * The lowest purpose an application may use: 16. Those below are the overlay's own.
 *
 * @category constants
 * @since 0.1.0
 */
export const lowest = 16

/**
 * The highest purpose that stands in the header: 255, for it is one byte there.
 *
 * @category constants
 * @since 0.1.0
 */
export const highest = 255

/**
 * The overlay's own: who uses each. A service takes one here, and nowhere else.
 *
 * @category constants
 * @since 0.1.0
 */
export const reserved = {
  /** A receipt on its way to whoever waits for it, as a message. Rule C3. */
  receipt: 1,
  /** Of all messages whose purpose follows from a name: the rest of it stands in front of the value. */
  named: 2,
  /** For a client, at its gateway, which passes it on. Rule G4. */
  relayed: 3
} as const

/**
 * The purposes of services: 4 to 15. What has one is told apart by its service, and not by the overlay. Rule C8.
 *
 * @category checks
 * @since 0.1.0
 */
export const isService = (purpose: number): boolean => purpose > reserved.relayed && purpose < lowest

/**
 * Bytes of a name's purpose in front of the value.
 *
 * @category constants
 * @since 0.1.0
 */
export const nameSize = 6

/** Purposes of names begin here, and there are as many: far from every number that somebody may have meant for a byte. */
const names = 2 ** (8 * nameSize)

/**
 * The purpose that follows from a name: 2^48 and more. Two names have the same one with a probability of 2^-48.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ofName = (name: string): number =>
  names + Number.parseInt(NodeId.fromString(name).hex.slice(0, 2 * nameSize), 16)

/**
 * Whether a purpose follows from a name.
 *
 * @category checks
 * @since 0.1.0
 */
export const isNamed = (purpose: number): boolean => purpose >= names && purpose < 2 * names

/**
 * What is wrong with the purpose of an application's message, if anything.
 *
 * @category checks
 * @since 0.1.0
 */
export const problemOf = (purpose: number): string | undefined =>
  Number.isInteger(purpose) && (purpose >= lowest && purpose <= highest || isNamed(purpose))
    ? undefined
    : `the purpose is ${purpose}; an application's is a whole number from ${lowest} to ${highest}, or follows from a name`

/**
 * Writes the purpose of a name in front of a value.
 *
 * @category conversions
 * @since 0.1.0
 */
export const write = (purpose: number, bytes: Uint8Array, offset: number): void => {
  let rest = purpose - names
  for (let index = offset + nameSize - 1; index >= offset; index--) {
    bytes[index] = rest % 256
    rest = Math.floor(rest / 256)
  }
}

/**
 * Reads it; of too few bytes that of no name.
 *
 * @category conversions
 * @since 0.1.0
 */
export const read = (bytes: Uint8Array, offset: number): number => {
  let rest = 0
  for (let index = offset; index < offset + nameSize; index++) rest = rest * 256 + (bytes[index] ?? 0)
  return names + rest
}
