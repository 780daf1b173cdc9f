/**
 * Frames: the units that go over a connection. The first byte says which kind.
 *
 * Control messages and the handshake are Schema values in Effect's binary
 * encoding; routed messages, their acknowledgements and receipts have fixed
 * layouts, because there are many of them. Whatever arrives is checked here, and
 * what is not well-formed is `Malformed`: the connection that it came on ends.
 *
 * @since 0.1.0
 */
import * as NodeId from "../ring/NodeId.ts"
import { ControlMessage, type DeliveredId, maxDelivered, type OriginFloor } from "./ControlMessage.ts"
import * as Envelope from "./Envelope.ts"
import * as Query from "./Query.ts"
import * as SchemaFrame from "./SchemaFrame.ts"
import * as SessionFrame from "./SessionFrame.ts"
import * as Uint32 from "./Uint32.ts"

/**
 * How a confirmed message ended.
 *
 * - `failed`: the application failed, or was late.
 * - `undecodable`: its value does not fit the definition that the root has of it.
 * - `dropped`: an application did not let it pass.
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome = "failed" | "delivered" | "undecodable" | "dropped" | "forbidden"

const outcomes: ReadonlyArray<Outcome> = ["failed", "delivered", "undecodable", "dropped", "forbidden"]

/**
 * The outcome of a confirmed message, on its way back.
 *
 * @category models
 * @since 0.1.0
 */
export interface ReceiptFrame {
  readonly origin: NodeId.NodeId
  readonly via: NodeId.NodeId
  readonly incarnation: number
  readonly counter: number
  readonly root: NodeId.NodeId
  readonly hops: number
  readonly outcome: Outcome
  /** What the application returned, where the sender waits for it; at most `maxReply` bytes. */
  readonly reply?: Uint8Array | undefined
}

/**
 * What the applications made of a message: an outcome, or `delivered` with a reply.
 *
 * @category models
 * @since 0.1.0
 */
export type Answer = Outcome | Uint8Array

/**
 * The outcome of an answer.
 *
 * @category getters
 * @since 0.1.0
 */
export const outcomeOf = (answer: Answer): Outcome => typeof answer === "string" ? answer : "delivered"

/**
 * The largest reply that a receipt can bring, in bytes.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxReply = 1024 * 1024

/**
 * A frame that arrived and is well-formed.
 *
 * @category models
 * @since 0.1.0
 */
export type Frame =
  | { readonly _tag: "Control"; readonly message: ControlMessage }
  /** Not decoded further: see `Envelope`. */
  | { readonly _tag: "Routed"; readonly frame: Uint8Array }
  /** The routed frames of this link from one number to another are in the custody of the other end. */
  | { readonly _tag: "Acknowledged"; readonly from: number; readonly upTo: number }
  /** The other end has no room for this routed frame: it stays with its sender. */
  | { readonly _tag: "Busy"; readonly sequence: number }
  /** With the frame that it came in, for it may have to be passed on. */
  | { readonly _tag: "Receipt"; readonly receipt: ReceiptFrame; readonly frame: Uint8Array }
  | {
    readonly _tag: "Delivered"
    readonly ids: ReadonlyArray<DeliveredId>
    /** Known when they came in a control message. */
    readonly floors?: ReadonlyArray<OriginFloor>
  }
  /** The other end closes this link on purpose: nobody has died. */
  | { readonly _tag: "Bye" }
  /** The other end, member or client, looks at this Node. */
  | { readonly _tag: "Query"; readonly query: Query.Query }
  | { readonly _tag: "Answer"; readonly answer: Query.Answer }
  | { readonly _tag: "Session"; readonly frame: SessionFrame.SessionFrame }
  | { readonly _tag: "Malformed"; readonly message: string }

const controlKind = 1
const acknowledgedKind = 3
const busyKind = 4
const receiptKind = 5
const deliveredKind = 7
const byeKind = 8
const queryKind = 9
const answerKind = 10

const acknowledgedSize = 9
const receiptSize = 67
const deliveredSize = 48

/** The byte behind a receipt that brings a reply, and in front of that: an empty reply is not the same as none. */
const hasReply = 1

const controlFrame = SchemaFrame.make(controlKind, ControlMessage)

/**
 * Encodes a control message.
 *
 * @category encoding
 * @since 0.1.0
 */
export const control: (message: ControlMessage) => Uint8Array = controlFrame.encode

const numbered = (kind: number, sequence: number): Uint8Array => {
  const frame = new Uint8Array(5)
  frame[0] = kind
  Envelope.setSequence(frame, sequence)
  return frame
}

/**
 * Encodes an acknowledgement.
 *
 * @category encoding
 * @since 0.1.0
 */
export const acknowledged = (from: number, upTo: number): Uint8Array => {
  const frame = new Uint8Array(acknowledgedSize)
  frame[0] = acknowledgedKind
  Uint32.write(frame, 1, from)
  Uint32.write(frame, 5, upTo)
  return frame
}

/**
 * Encodes the refusal of a routed frame for want of room.
 *
 * @category encoding
 * @since 0.1.0
 */
export const busy = (sequence: number): Uint8Array => numbered(busyKind, sequence)

/**
 * Encodes a receipt.
 *
 * @category encoding
 * @since 0.1.0
 */
export const receipt = (receipt: ReceiptFrame): Uint8Array => {
  const { reply } = receipt
  const frame = new Uint8Array(reply === undefined ? receiptSize : receiptSize + 1 + reply.length)
  if (reply !== undefined) {
    frame[receiptSize] = hasReply
    frame.set(reply, receiptSize + 1)
  }
  frame[0] = receiptKind
  frame[1] = outcomes.indexOf(receipt.outcome)
  frame[2] = receipt.hops
  NodeId.write(receipt.origin, frame, 3)
  NodeId.write(receipt.via, frame, 19)
  NodeId.write(receipt.root, frame, 35)
  Envelope.writeCount(frame, 51, receipt.incarnation)
  Envelope.writeCount(frame, 59, receipt.counter)
  return frame
}

/**
 * Encodes ids of delivered messages, at most `maxDelivered`.
 *
 * @category encoding
 * @since 0.1.0
 */
export const delivered = (ids: ReadonlyArray<DeliveredId>): Uint8Array => {
  const frame = new Uint8Array(1 + ids.length * deliveredSize)
  frame[0] = deliveredKind
  ids.forEach((id, index) => {
    const offset = 1 + index * deliveredSize
    NodeId.write(id.key, frame, offset)
    NodeId.write(id.origin, frame, offset + 16)
    Envelope.writeCount(frame, offset + 32, id.incarnation)
    Envelope.writeCount(frame, offset + 40, id.counter)
  })
  return frame
}

/**
 * The last frame of a link that is closed on purpose.
 *
 * @category encoding
 * @since 0.1.0
 */
export const bye = (): Uint8Array => Uint8Array.of(byeKind)

const queryFrame = SchemaFrame.make(queryKind, Query.Query)

const answerFrame = SchemaFrame.make(answerKind, Query.Answer)

/**
 * Encodes a question about a Node.
 *
 * @category encoding
 * @since 0.1.0
 */
export const query: (query: Query.Query) => Uint8Array = queryFrame.encode

/**
 * Encodes the answer to a question.
 *
 * @category encoding
 * @since 0.1.0
 */
export const answer: (answer: Query.Answer) => Uint8Array = answerFrame.encode

const malformed = (message: string): Frame => ({ _tag: "Malformed", message })

/**
 * Decodes a frame; never throws.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decode = (frame: Uint8Array): Frame => {
  switch (frame[0]) {
    case Envelope.kind:
      return Envelope.isValid(frame) ? { _tag: "Routed", frame } : malformed("a routed frame with a broken header")
    case acknowledgedKind:
      return frame.length === acknowledgedSize
        ? { _tag: "Acknowledged", from: Uint32.read(frame, 1), upTo: Uint32.read(frame, 5) }
        : malformed("an acknowledgement of the wrong length")
    case busyKind:
      return frame.length === 5
        ? { _tag: "Busy", sequence: Envelope.sequence(frame) }
        : malformed("a busy answer of the wrong length")
    case receiptKind:
      return decodeReceipt(frame)
    case deliveredKind:
      return decodeDelivered(frame)
    case byeKind:
      return frame.length === 1 ? { _tag: "Bye" } : malformed("a farewell of the wrong length")
    case controlKind: {
      const message = controlFrame.decode(frame)
      return message === undefined
        ? malformed("a control message that does not match its schema")
        : { _tag: "Control", message }
    }
    case queryKind: {
      const query = queryFrame.decode(frame)
      return query === undefined ? malformed("a question that does not match its schema") : { _tag: "Query", query }
    }
    case answerKind: {
      const answer = answerFrame.decode(frame)
      return answer === undefined ? malformed("an answer that does not match its schema") : { _tag: "Answer", answer }
    }
    default:
      if (SessionFrame.isSessionFrame(frame)) return decodeSession(frame)
      return malformed(frame.length === 0 ? "an empty frame" : `a frame of unknown kind ${frame[0]}`)
  }
}

const decodeSession = (frame: Uint8Array): Frame => {
  const session = SessionFrame.decode(frame)
  return typeof session === "string" ? malformed(session) : { _tag: "Session", frame: session }
}

const decodeReceipt = (frame: Uint8Array): Frame => {
  if (
    (frame.length > receiptSize && frame[receiptSize] !== hasReply) ||
    frame.length < receiptSize || frame.length > receiptSize + 1 + maxReply || frame[1]! >= outcomes.length ||
    !Envelope.isCount(frame, 51) ||
    !Envelope.isCount(frame, 59)
  ) {
    return malformed("a receipt of the wrong shape")
  }
  return {
    _tag: "Receipt",
    frame,
    receipt: {
      outcome: outcomes[frame[1]!]!,
      ...(frame.length === receiptSize ? {} : { reply: frame.subarray(receiptSize + 1) }),
      hops: frame[2]!,
      origin: NodeId.readUnsafe(frame, 3),
      via: NodeId.readUnsafe(frame, 19),
      root: NodeId.readUnsafe(frame, 35),
      incarnation: Envelope.readCount(frame, 51),
      counter: Envelope.readCount(frame, 59)
    }
  }
}

const decodeDelivered = (frame: Uint8Array): Frame => {
  const count = (frame.length - 1) / deliveredSize
  if (!Number.isInteger(count) || count > maxDelivered) return malformed("a list of deliveries of the wrong length")
  const ids: Array<DeliveredId> = []
  for (let offset = 1; offset < frame.length; offset += deliveredSize) {
    if (!Envelope.isCount(frame, offset + 32) || !Envelope.isCount(frame, offset + 40)) {
      return malformed("a delivery whose numbers are too large")
    }
    ids.push({
      key: NodeId.readUnsafe(frame, offset),
      origin: NodeId.readUnsafe(frame, offset + 16),
      incarnation: Envelope.readCount(frame, offset + 32),
      counter: Envelope.readCount(frame, offset + 40)
    })
  }
  return { _tag: "Delivered", ids }
}
