/** Values: what is sent. Each is made anew, as an application would, and begins with its number. */

export const makeValue = (number: number, size: number): Uint8Array<ArrayBuffer> => {
  const value = new Uint8Array(size)
  value[0] = number >>> 24
  value[1] = number >>> 16
  value[2] = number >>> 8
  value[3] = number
  return value
}

export const numberOf = (value: Uint8Array): number => numberAt(value, 0)

export const numberAt = (bytes: Uint8Array, offset: number): number =>
  ((bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!) >>> 0
