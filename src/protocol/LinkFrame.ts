/**
 * LinkFrame: the frames that the two ends of a link send each other for the link's own sake.
 *
 * A part of a large frame, a mark that asks how far data has come, and the answer to it. Only ends
 * that both speak protocol version 2 send them. Rules H9 to H11 of `docs/protocol.md`.
 *
 * @since 0.1.0
 */
import * as Uint32 from "./Uint32.ts"

/**
 * A frame that a link keeps to itself.
 *
 * @category models
 * @since 0.1.0
 */
export type LinkFrame =
  | Part
  /** The sender has sent so many bytes below control, modulo 2^32, and asks to be told when they have come. */
  | { readonly _tag: "Mark"; readonly count: number }
  /** What was sent before the mark with this count has come. */
  | { readonly _tag: "Progress"; readonly count: number }
  | { readonly _tag: "Malformed"; readonly message: string }

/**
 * A part of a frame that is too large to be sent at once.
 *
 * @category models
 * @since 0.1.0
 */
export interface Part {
  readonly _tag: "Part"
  /** The lane of the frame: each lane has one frame in parts at a time. */
  readonly lane: number
  /** Tells the frames of one lane apart. */
  readonly number: number
  /** Where in the frame these bytes stand, and how many bytes the frame has. */
  readonly offset: number
  readonly total: number
  readonly bytes: Uint8Array
}

const partKind = 11
const markKind = 12
const progressKind = 13

const partHeader = 14
const countSize = 5

const counted = (kind: number, count: number): Uint8Array => {
  const frame = new Uint8Array(countSize)
  frame[0] = kind
  Uint32.write(frame, 1, count)
  return frame
}

/**
 * Encodes a part: the bytes of `frame` from `offset` to `end`.
 *
 * @category encoding
 * @since 0.1.0
 */
export const part = (lane: number, number: number, frame: Uint8Array, offset: number, end: number): Uint8Array => {
  const bytes = new Uint8Array(partHeader + end - offset)
  bytes[0] = partKind
  bytes[1] = lane
  Uint32.write(bytes, 2, number)
  Uint32.write(bytes, 6, offset)
  Uint32.write(bytes, 10, frame.length)
  bytes.set(frame.subarray(offset, end), partHeader)
  return bytes
}

/**
 * Encodes a mark. The count is taken modulo 2^32.
 *
 * @category encoding
 * @since 0.1.0
 */
export const mark = (count: number): Uint8Array => counted(markKind, count)

/**
 * Encodes the answer to a mark. The count is taken modulo 2^32.
 *
 * @category encoding
 * @since 0.1.0
 */
export const progress = (count: number): Uint8Array => counted(progressKind, count)

const malformed = (message: string): LinkFrame => ({ _tag: "Malformed", message })

/**
 * Whether a frame is one of a link.
 *
 * @category decoding
 * @since 0.1.0
 */
export const isLinkFrame = (frame: Uint8Array): boolean => frame[0]! >= partKind && frame[0]! <= progressKind

/**
 * Decodes a frame of a link; `undefined` for any other frame. Never throws.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decode = (frame: Uint8Array): LinkFrame | undefined => {
  if (!isLinkFrame(frame)) return undefined
  const kind = frame[0]
  if (kind === partKind) return decodePart(frame)
  if (frame.length !== countSize) return malformed("a count of the wrong length")
  return { _tag: kind === markKind ? "Mark" : "Progress", count: Uint32.read(frame, 1) }
}

const decodePart = (frame: Uint8Array): LinkFrame => {
  if (frame.length <= partHeader) return malformed("an empty part")
  const offset = Uint32.read(frame, 6)
  const total = Uint32.read(frame, 10)
  const bytes = frame.subarray(partHeader)
  if (offset + bytes.length > total) return malformed("a part that reaches beyond its frame")
  return { _tag: "Part", lane: frame[1]!, number: Uint32.read(frame, 2), offset, total, bytes }
}
