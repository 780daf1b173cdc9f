/**
 * SessionFrame: what the two ends of a session send each other.
 *
 * A batch of messages and the credit for further ones have fixed layouts, for there are many of them; what begins and
 * ends a session is a Schema value. All numbers count from the begin of the session, modulo 2^32. Only ends that both
 * speak protocol version 2 send them. Rules N1 to N6 of `docs/protocol.md`.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as SchemaFrame from "./SchemaFrame.ts"
import * as Uint32 from "./Uint32.ts"

/**
 * From which version of the protocol on there are sessions.
 *
 * @category constants
 * @since 0.1.0
 */
export const sessionsSince = 2

/**
 * The longest name of a kind of session, in characters.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxName = 64

/**
 * The longest text that says why a session ended, in characters.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxMessage = 255

const Count = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 0xffff_ffff }))
const Size = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 0x7fff_ffff }))

/**
 * Why one end ends a session.
 *
 * - `done`: all has been said.
 * - `aborted`: whoever used it failed.
 * - `unknown`: there is no such session, or nobody accepts sessions of this name.
 * - `full`: there is no room for another one.
 * - `lost`: messages did not arrive, or not in order.
 * - `overrun`: the other end sent more than it had credit for.
 *
 * @category models
 * @since 0.1.0
 */
export const EndReason = Schema.Literals(["done", "aborted", "unknown", "full", "lost", "overrun"])

/**
 * Why one end ends a session.
 *
 * @category models
 * @since 0.1.0
 */
export type EndReason = typeof EndReason.Type

/**
 * What begins, ends and watches over a session.
 *
 * @category models
 * @since 0.1.0
 */
export const Control = Schema.Union([
  /** Begins a session. The window is what the other end may send before any of it has been taken. */
  Schema.TaggedStruct("Open", {
    session: Count,
    name: Schema.String.check(Schema.isMaxLength(maxName)),
    messages: Size,
    bytes: Size
  }),
  /** It is accepted, with such a window. */
  Schema.TaggedStruct("Accept", { session: Count, messages: Size, bytes: Size }),
  /** It ends here, after so many messages from here, when so many have been taken here. */
  Schema.TaggedStruct("End", {
    session: Count,
    sent: Count,
    taken: Count,
    reason: EndReason,
    message: Schema.String.check(Schema.isMaxLength(maxMessage))
  }),
  /** So many messages have been sent. Answered with credit at once, and again when all of them have been taken. */
  Schema.TaggedStruct("Sync", { session: Count, sent: Count }),
  /** This end lives; answered if it asks. */
  Schema.TaggedStruct("Alive", { asks: Schema.Boolean })
])

/**
 * A frame of a session.
 *
 * @category models
 * @since 0.1.0
 */
export type SessionFrame = typeof Control.Type | Batch | Credit

/**
 * What the sender of a frame has taken out of a session so far.
 *
 * @category models
 * @since 0.1.0
 */
export interface Taken {
  readonly taken: number
  readonly takenBytes: number
}

/**
 * Some messages; the first has such a number.
 *
 * @category models
 * @since 0.1.0
 */
export interface Batch extends Taken {
  readonly _tag: "Batch"
  readonly session: number
  readonly first: number
  readonly messages: ReadonlyArray<Uint8Array>
}

/**
 * What has arrived at the other end, and what has been taken there.
 *
 * @category models
 * @since 0.1.0
 */
export interface Credit extends Taken {
  readonly _tag: "Credit"
  readonly session: number
  readonly received: number
}

/** The first byte of frames that are a Schema's. */
export const controlKind = 14

/** The first byte of a batch. */
export const batchKind = 15

/** The first byte of credit. */
export const creditKind = 16

const header = 17
const perMessage = 4

const controlFrame = SchemaFrame.make(controlKind, Control)

const writeHeader = (
  frame: Uint8Array,
  kind: number,
  session: number,
  count: number,
  { taken, takenBytes }: Taken
): void => {
  frame[0] = kind
  Uint32.write(frame, 1, session)
  Uint32.write(frame, 5, count)
  Uint32.write(frame, 9, taken)
  Uint32.write(frame, 13, takenBytes)
}

/**
 * Encodes what begins or ends a session, or asks how it goes.
 *
 * @category encoding
 * @since 0.1.0
 */
export const control: (frame: typeof Control.Type) => Uint8Array = controlFrame.encode

/**
 * Encodes a batch. Numbers are taken modulo 2^32.
 *
 * @category encoding
 * @since 0.1.0
 */
export const batch = (
  session: number,
  first: number,
  messages: ReadonlyArray<Uint8Array>,
  taken: Taken
): Uint8Array => {
  let size = header
  for (const message of messages) size += perMessage + message.length
  const frame = new Uint8Array(size)
  writeHeader(frame, batchKind, session, first, taken)
  let offset = header
  for (const message of messages) {
    Uint32.write(frame, offset, message.length)
    frame.set(message, offset + perMessage)
    offset += perMessage + message.length
  }
  return frame
}

/**
 * Encodes credit. Numbers are taken modulo 2^32.
 *
 * @category encoding
 * @since 0.1.0
 */
export const credit = (session: number, received: number, taken: Taken): Uint8Array => {
  const frame = new Uint8Array(header)
  writeHeader(frame, creditKind, session, received, taken)
  return frame
}

/**
 * Whether a frame is one of a session.
 *
 * @category decoding
 * @since 0.1.0
 */
export const isSessionFrame = (frame: Uint8Array): boolean => frame[0]! >= controlKind && frame[0]! <= creditKind

/**
 * Decodes a frame of a session; a text says what is wrong with it. Never throws. Messages are views of the frame.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decode = (frame: Uint8Array): SessionFrame | string => {
  const kind = frame[0]
  if (kind === controlKind) return controlFrame.decode(frame) ?? "a frame of a session that does not match its schema"
  if (frame.length < header) return "a frame of a session that is too short"
  const session = Uint32.read(frame, 1)
  const count = Uint32.read(frame, 5)
  const taken = Uint32.read(frame, 9)
  const takenBytes = Uint32.read(frame, 13)
  if (kind === batchKind) {
    const messages = readMessages(frame)
    return messages === undefined
      ? "a batch of a session whose lengths do not fit"
      : { _tag: "Batch", session, first: count, messages, taken, takenBytes }
  }
  return frame.length === header
    ? { _tag: "Credit", session, received: count, taken, takenBytes }
    : "credit of the wrong length"
}

const readMessages = (frame: Uint8Array): ReadonlyArray<Uint8Array> | undefined => {
  const messages: Array<Uint8Array> = []
  let offset = header
  while (offset < frame.length) {
    if (offset + perMessage > frame.length) return undefined
    const end = offset + perMessage + Uint32.read(frame, offset)
    if (end > frame.length) return undefined
    messages.push(frame.subarray(offset + perMessage, end))
    offset = end
  }
  return messages.length === 0 ? undefined : messages
}
