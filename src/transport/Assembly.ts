/**
 * Assembly: joins the parts of a large frame at the receiving end.
 *
 * Pure and synchronous, one for each lane of a link. It holds one frame at a time. What it holds grows
 * with the bytes that came, never with the size that was announced. Rule H9 of `docs/protocol.md`.
 *
 * @since 0.1.0
 */
import type { Part } from "../protocol/LinkFrame.ts"

/**
 * The frame in assembly, if there is one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Assembly {
  number: number
  total: number
  filled: number
  /** Its first `filled` bytes have come. */
  bytes: Uint8Array | undefined
}

/**
 * Nothing has come.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Assembly => ({ number: 0, total: 0, filled: 0, bytes: undefined })

/**
 * Takes a part. Returns the frame that it completes, `undefined` while parts are missing, and `"tooLarge"` for a frame
 * above `maxFrameSize`. A part that does not continue the frame in assembly is dropped, as is that frame: only a
 * transport that loses frames shows such a part, and what is lost is sent again by whoever waits for it.
 *
 * @category transitions
 * @since 0.1.0
 */
export const add = (
  self: Assembly,
  { bytes, number, offset, total }: Part,
  maxFrameSize: number
): Uint8Array | "tooLarge" | undefined => {
  if (total > maxFrameSize) return "tooLarge"
  if (offset === 0) {
    self.number = number
    self.total = total
    self.filled = 0
    self.bytes = undefined
  } else if (number !== self.number || total !== self.total || offset !== self.filled || self.bytes === undefined) {
    // A part that came twice does no harm to what has gone on since.
    if (number === self.number && offset < self.filled) return undefined
    self.bytes = undefined
    return undefined
  }
  const room = reserve(self, bytes.length)
  room.set(bytes, self.filled)
  self.filled += bytes.length
  if (self.filled < total) return undefined
  self.bytes = undefined
  return room
}

/** Doubles, so that each byte is copied twice at most; the last growth is to the exact size. */
const reserve = (self: Assembly, additional: number): Uint8Array => {
  const needed = self.filled + additional
  const present = self.bytes
  if (present !== undefined && present.length >= needed) return present
  const grown = new Uint8Array(Math.min(self.total, Math.max(needed, self.filled * 2)))
  if (present !== undefined) grown.set(present.subarray(0, self.filled))
  self.bytes = grown
  return grown
}
