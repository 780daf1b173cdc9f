/**
 * Uint32: numbers of 32 bits in frames, the highest byte first.
 *
 * @since 0.1.0
 */

/**
 * Writes the low 32 bits of a number.
 *
 * @category encoding
 * @since 0.1.0
 */
export const write = (bytes: Uint8Array, offset: number, number: number): void => {
  bytes[offset] = number >>> 24
  bytes[offset + 1] = number >>> 16
  bytes[offset + 2] = number >>> 8
  bytes[offset + 3] = number
}

/**
 * Reads a number.
 *
 * @category decoding
 * @since 0.1.0
 */
export const read = (bytes: Uint8Array, offset: number): number =>
  ((bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!) >>> 0
