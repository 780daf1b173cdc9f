/**
 * The routed envelope: a message on its way to the root of its key.
 *
 * A fixed binary header and then the value, so that a Node that forwards neither
 * decodes nor copies the value: it reads the key, and writes the hop count and
 * the link's number in place.
 *
 * ```text
 *  0 kind (Frame.routed)      1 sequence on this link (u32)
 *  5 class, marks, direct     6 hops             7 purpose
 *  8 key (16)                24 origin (16)     40 via (16)
 * 56 incarnation (u64)       64 counter (u64)   72 floor (u64)      80 value
 * ```
 *
 * The value of a message whose purpose follows from a name begins with six bytes of that (`Purposes`).
 *
 * @since 0.1.0
 */
import type * as Node from "../ring/Node.ts"
import * as NodeId from "../ring/NodeId.ts"
import type { DeliveryClass, RawMessage } from "./Message.ts"
import * as Purposes from "./Purposes.ts"

const classes: ReadonlyArray<DeliveryClass> = ["atMostOnce", "acknowledged", "confirmed"]

/** Of the byte that holds the class: the message is for the Node at the other end of this link, whatever its key. */
const directBit = 0x80

/** The class itself. */
const classBits = 0x03

/**
 * Marks that version 1 does not know: how often the origin has sent the message again, modulo 8, and that a Node
 * on the way has sent another frame of the same message before this one.
 */
const attemptShift = 2
const attemptBits = 0x1c
const copyBit = 0x20
/** Of the same byte: the sender waits for a reply, which version 1 does not know either. */
const replyBit = 0x40
const markBits = attemptBits | copyBit | replyBit

/**
 * Bytes before the value.
 *
 * @category constants
 * @since 0.1.0
 */
export const headerSize = 80

/**
 * The first byte of a routed frame.
 *
 * @category constants
 * @since 0.1.0
 */
export const kind = 2

/**
 * What identifies a message and decides how it is treated.
 *
 * @category models
 * @since 0.1.0
 */
export interface Header {
  readonly deliveryClass: DeliveryClass
  /** It goes to one Node over one link, not towards its key. */
  readonly isDirect?: boolean | undefined
  /** The receipt is to bring what the application returns. */
  readonly wantsReply?: boolean | undefined
  readonly purpose: number
  readonly key: NodeId.NodeId
  /** Who sent it: a Node, or a client of one. */
  readonly origin: NodeId.NodeId
  /** The Node that sends, or that accepted it from a client: receipts go there. */
  readonly via: NodeId.NodeId
  /** Which life of the origin sent it. */
  readonly incarnation: number
  /** The origin's number of the message, within its class. */
  readonly counter: number
  /** The origin's lowest number without an outcome: what is older will not be sent again. */
  readonly floor: number
}

/** Bytes of which several small frames get a part: a buffer of its own for each would cost more than all else about it. */
const slabSize = 8_192
let slab = new ArrayBuffer(0)
let used = 0

/** So many bytes: those of a header are zero, in those of a large value may be anything. */
const allocate = (size: number): Uint8Array<ArrayBuffer> => {
  if (size > slabSize / 4) {
    const { buffer } = Buffer.allocUnsafeSlow(size)
    return new Uint8Array(buffer, 0, size).fill(0, 0, headerSize)
  }
  if (used + size > slab.byteLength) {
    slab = new ArrayBuffer(slabSize)
    used = 0
  }
  const bytes = new Uint8Array(slab, used, size)
  used += size
  return bytes
}

/**
 * Makes the frame of a message that has made no hop.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (header: Header, value: Uint8Array): Uint8Array<ArrayBuffer> => {
  const start = valueAt(header.purpose)
  const frame = allocate(start + value.length)
  frame[0] = kind
  frame[5] = classes.indexOf(header.deliveryClass) | (header.isDirect === true ? directBit : 0) |
    (header.wantsReply === true ? replyBit : 0)
  setPurpose(frame, header.purpose)
  NodeId.write(header.key, frame, 8)
  NodeId.write(header.origin, frame, 24)
  NodeId.write(header.via, frame, 40)
  writeCount(frame, 56, header.incarnation)
  writeCount(frame, 64, header.counter)
  writeCount(frame, 72, header.floor)
  frame.set(value, start)
  return frame
}

/** Where the value begins. */
const valueAt = (purpose: number): number => Purposes.isNamed(purpose) ? headerSize + Purposes.nameSize : headerSize

const setPurpose = (frame: Uint8Array, purpose: number): void => {
  if (!Purposes.isNamed(purpose)) {
    frame[7] = purpose
    return
  }
  frame[7] = Purposes.reserved.named
  Purposes.write(purpose, frame, headerSize)
}

/**
 * The bytes of a frame with such a value.
 *
 * @category getters
 * @since 0.1.0
 */
export const sizeOf = ({ purpose, value }: Pick<RawMessage, "purpose" | "value">): number =>
  valueAt(purpose) + value.length

/**
 * Makes the frame of a sender's own message.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromSender = (
  sender: Node.Node,
  { key, purpose, value, wantsReply }: RawMessage,
  deliveryClass: DeliveryClass,
  counter: number,
  floor: number,
  isDirect = false
): Uint8Array<ArrayBuffer> =>
  make({
    deliveryClass,
    isDirect,
    wantsReply,
    purpose,
    key,
    origin: sender.id,
    via: sender.id,
    incarnation: sender.incarnation,
    counter,
    floor
  }, value)

/**
 * Whether a frame is a well-formed envelope: complete, of a known class, with whole numbers.
 *
 * @category guards
 * @since 0.1.0
 */
export const isValid = (frame: Uint8Array): boolean =>
  frame.length >= headerSize && (frame[5]! & ~(directBit | markBits)) < classes.length &&
  isCount(frame, 56) && isCount(frame, 64) && isCount(frame, 72)

/**
 * The class of a valid frame.
 *
 * @category getters
 * @since 0.1.0
 */
export const deliveryClass = (frame: Uint8Array): DeliveryClass => classes[frame[5]! & classBits]!

/**
 * Whether a frame is for the Node at the other end of its link, whatever its key.
 *
 * @category getters
 * @since 0.1.0
 */
export const isDirect = (frame: Uint8Array): boolean => (frame[5]! & directBit) !== 0

/**
 * Whether the receipt is to bring what the application returns.
 *
 * @category getters
 * @since 0.1.0
 */
export const wantsReply = (frame: Uint8Array): boolean => (frame[5]! & replyBit) !== 0

/**
 * Whether a Node on the way has sent another frame of the same message before.
 *
 * @category getters
 * @since 0.1.0
 */
export const isCopy = (frame: Uint8Array): boolean => (frame[5]! & copyBit) !== 0

/**
 * Marks a frame as a copy.
 *
 * @category mutations
 * @since 0.1.0
 */
export const markCopy = (frame: Uint8Array): void => {
  frame[5]! |= copyBit
}

/**
 * Writes how often the origin has sent the message again, modulo 8: what it sends again is no copy of what came before.
 *
 * @category mutations
 * @since 0.1.0
 */
export const setAttempt = (frame: Uint8Array, attempt: number): void => {
  frame[5] = (frame[5]! & ~(attemptBits | copyBit)) | ((attempt << attemptShift) & attemptBits)
}

/**
 * The version of the protocol from which on marks are known.
 *
 * @category constants
 * @since 0.1.0
 */
export const marksSince = 2

/**
 * Whether a frame has marks that a peer of version 1 takes for a broken header.
 *
 * @category getters
 * @since 0.1.0
 */
export const hasMarks = (frame: Uint8Array): boolean => (frame[5]! & markBits) !== 0

/**
 * Takes the marks off, for a peer of version 1.
 *
 * @category mutations
 * @since 0.1.0
 */
export const clearMarks = (frame: Uint8Array): void => {
  frame[5]! &= ~markBits
}

/**
 * How many 32-bit words `identify` writes.
 *
 * @category constants
 * @since 0.1.0
 */
export const identitySize = 9

/**
 * Writes what tells a message, and the attempt at it, apart from all others: origin, incarnation, counter, class, attempt.
 *
 * @category getters
 * @since 0.1.0
 */
export const identify = (frame: Uint8Array, words: Int32Array, at: number): void => {
  for (let word = 0; word < 4; word++) words[at + word] = readWord(frame, 24 + 4 * word)
  for (let word = 0; word < 4; word++) words[at + 4 + word] = readWord(frame, 56 + 4 * word)
  words[at + 8] = frame[5]! & (classBits | attemptBits)
}

const readWord = (bytes: Uint8Array, offset: number): number =>
  (bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!

/**
 * A frame of the same message (origin, number, class, hops) with other contents.
 *
 * @category constructors
 * @since 0.1.0
 */
export const withContents = (frame: Uint8Array, { key, purpose, value }: RawMessage): Uint8Array<ArrayBuffer> => {
  const start = valueAt(purpose)
  const changed = new Uint8Array(start + value.length)
  changed.set(frame.subarray(0, headerSize))
  setPurpose(changed, purpose)
  NodeId.write(key, changed, 8)
  changed.set(value, start)
  return changed
}

/**
 * The number of hops made.
 *
 * @category getters
 * @since 0.1.0
 */
export const hops = (frame: Uint8Array): number => frame[6]!

/**
 * The purpose; of a name the whole of it.
 *
 * @category getters
 * @since 0.1.0
 */
export const purpose = (frame: Uint8Array): number =>
  frame[7] === Purposes.reserved.named ? Purposes.read(frame, headerSize) : frame[7]!

/**
 * The key.
 *
 * @category getters
 * @since 0.1.0
 */
export const key = (frame: Uint8Array): NodeId.NodeId => NodeId.readUnsafe(frame, 8)

/**
 * The origin.
 *
 * @category getters
 * @since 0.1.0
 */
export const origin = (frame: Uint8Array): NodeId.NodeId => NodeId.readUnsafe(frame, 24)

/**
 * Whether this life of a Node or client is the origin.
 *
 * @category getters
 * @since 0.1.0
 */
export const isFrom = (frame: Uint8Array, { id, incarnation }: Node.Node): boolean =>
  NodeId.isAt(id, frame, 24) && readCount(frame, 56) === incarnation

/**
 * Whether an id is the origin's.
 *
 * @category getters
 * @since 0.1.0
 */
export const isOrigin = (frame: Uint8Array, id: NodeId.NodeId): boolean => NodeId.isAt(id, frame, 24)

/**
 * The Node that gets the receipt.
 *
 * @category getters
 * @since 0.1.0
 */
export const via = (frame: Uint8Array): NodeId.NodeId => NodeId.readUnsafe(frame, 40)

/**
 * The origin's incarnation.
 *
 * @category getters
 * @since 0.1.0
 */
export const incarnation = (frame: Uint8Array): number => readCount(frame, 56)

/**
 * The origin's number of the message.
 *
 * @category getters
 * @since 0.1.0
 */
export const counter = (frame: Uint8Array): number => readCount(frame, 64)

/**
 * The origin's lowest number without an outcome, when it last sent.
 *
 * @category getters
 * @since 0.1.0
 */
export const floor = (frame: Uint8Array): number => readCount(frame, 72)

/**
 * The value, without a copy.
 *
 * @category getters
 * @since 0.1.0
 */
export const value = (frame: Uint8Array): Uint8Array =>
  frame.subarray(frame[7] === Purposes.reserved.named ? headerSize + Purposes.nameSize : headerSize)

/**
 * A frame of the same bytes that shares none of them. (`slice` of what comes from a socket does: it is a `Buffer`.)
 *
 * @category constructors
 * @since 0.1.0
 */
export const copy = (frame: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(frame)

/**
 * The number that the link gave to the frame.
 *
 * @category getters
 * @since 0.1.0
 */
export const sequence = (frame: Uint8Array): number =>
  ((frame[1]! << 24) | (frame[2]! << 16) | (frame[3]! << 8) | frame[4]!) >>> 0

/**
 * Writes the link's number of the frame.
 *
 * @category mutations
 * @since 0.1.0
 */
export const setSequence = (frame: Uint8Array, sequence: number): void => {
  frame[1] = sequence >>> 24
  frame[2] = sequence >>> 16
  frame[3] = sequence >>> 8
  frame[4] = sequence
}

/**
 * Writes the number of hops made; 255 is where counting stops.
 *
 * @category mutations
 * @since 0.1.0
 */
export const setHops = (frame: Uint8Array, hops: number): void => {
  frame[6] = hops > 255 ? 255 : hops
}

/**
 * Names the Node that accepted the message from a client.
 *
 * @category mutations
 * @since 0.1.0
 */
export const setVia = (frame: Uint8Array, via: NodeId.NodeId): void => NodeId.write(via, frame, 40)

/**
 * Brings the floor up to date before a frame is sent again.
 *
 * @category mutations
 * @since 0.1.0
 */
export const setFloor = (frame: Uint8Array, floor: number): void => writeCount(frame, 72, floor)

/**
 * Writes a whole number up to 2^53 - 1 as eight bytes, most significant first.
 *
 * @category numbers
 * @since 0.1.0
 */
export const writeCount = (bytes: Uint8Array, offset: number, count: number): void => {
  const high = Math.floor(count / 0x100000000)
  const low = count >>> 0
  bytes[offset] = high >>> 24
  bytes[offset + 1] = high >>> 16
  bytes[offset + 2] = high >>> 8
  bytes[offset + 3] = high
  bytes[offset + 4] = low >>> 24
  bytes[offset + 5] = low >>> 16
  bytes[offset + 6] = low >>> 8
  bytes[offset + 7] = low
}

/**
 * Reads what `writeCount` wrote.
 *
 * @category numbers
 * @since 0.1.0
 */
export const readCount = (bytes: Uint8Array, offset: number): number =>
  (((bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!) >>> 0) *
    0x100000000 +
  (((bytes[offset + 4]! << 24) | (bytes[offset + 5]! << 16) | (bytes[offset + 6]! << 8) | bytes[offset + 7]!) >>> 0)

/**
 * Whether eight bytes hold what `writeCount` can have written: a number that a double holds exactly.
 *
 * @category numbers
 * @since 0.1.0
 */
export const isCount = (bytes: Uint8Array, offset: number): boolean => bytes[offset] === 0 && bytes[offset + 1]! < 0x20
