/**
 * Relayed: how a message gets to a client, which has no place in the ring and is dialled by nobody.
 *
 * It is routed to the client's gateway as a message of the overlay's own, and goes on over a session that the client has
 * begun; the answer comes back the same way, and then in the receipt. Rule G4 of `docs/protocol.md`.
 *
 * @since 0.1.0
 */
import * as NodeId from "../ring/NodeId.ts"
import type { RawMessage } from "./Message.ts"
import * as Purposes from "./Purposes.ts"
import * as Uint32 from "./Uint32.ts"

/**
 * The name of the session over which a client gets messages.
 *
 * @category constants
 * @since 0.1.0
 */
export const sessionName = "effect-wendy/relay"

/**
 * Bytes that a message for a client costs besides its value, at most.
 *
 * @category constants
 * @since 0.1.0
 */
export const overhead = 64

/**
 * What became of a message for a client.
 *
 * - `failed`: its handler failed, or was late.
 * - `undecodable`: its value does not fit the client's definition.
 * - `unhandled`: the client has no handler for its purpose.
 * - `absent`: the client is not connected to this Node.
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome = "delivered" | "replied" | "failed" | "undecodable" | "unhandled" | "absent"

const outcomes: ReadonlyArray<Outcome> = ["delivered", "replied", "failed", "undecodable", "unhandled", "absent"]

/**
 * An outcome, with the reply of `replied`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Answer {
  readonly outcome: Outcome
  readonly reply?: Uint8Array | undefined
}

/**
 * A message on its way from a gateway to a client.
 *
 * @category models
 * @since 0.1.0
 */
export interface Delivery extends RawMessage {
  /** Tells the messages of one session apart. */
  readonly number: number
  readonly from: NodeId.NodeId
  readonly hops: number
}

const idSize = 16
const numberSize = 4
const deliveryHeader = numberSize + 2 + idSize

const sizeOf = ({ purpose, value }: RawMessage): number =>
  idSize + 1 + (Purposes.isNamed(purpose) ? Purposes.nameSize : 0) + value.length

const writeRaw = ({ key, purpose, value }: RawMessage, bytes: Uint8Array, offset: number): void => {
  NodeId.write(key, bytes, offset)
  const at = offset + idSize
  const isNamed = Purposes.isNamed(purpose)
  bytes[at] = isNamed ? Purposes.reserved.named : purpose
  if (isNamed) Purposes.write(purpose, bytes, at + 1)
  bytes.set(value, at + 1 + (isNamed ? Purposes.nameSize : 0))
}

const readRaw = (bytes: Uint8Array, offset: number): RawMessage | undefined => {
  const at = offset + idSize
  if (bytes.length <= at) return undefined
  const isNamed = bytes[at] === Purposes.reserved.named
  const from = at + 1 + (isNamed ? Purposes.nameSize : 0)
  if (bytes.length < from) return undefined
  return {
    key: NodeId.readUnsafe(bytes, offset),
    purpose: isNamed ? Purposes.read(bytes, at + 1) : bytes[at]!,
    value: bytes.subarray(from)
  }
}

/**
 * The value of the message that goes to the gateway of a client.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encode = (client: NodeId.NodeId, message: RawMessage): Uint8Array => {
  const bytes = new Uint8Array(idSize + 1 + sizeOf(message))
  NodeId.write(client, bytes, 0)
  bytes[idSize] = message.wantsReply === true ? 1 : 0
  writeRaw(message, bytes, idSize + 1)
  return bytes
}

/**
 * Reads it; `undefined` when it is none.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decode = (
  bytes: Uint8Array
): { readonly client: NodeId.NodeId; readonly message: RawMessage } | undefined => {
  const message = readRaw(bytes, idSize + 1)
  if (message === undefined) return undefined
  return { client: NodeId.readUnsafe(bytes, 0), message: { ...message, wantsReply: bytes[idSize] === 1 } }
}

/**
 * What goes over the session from the gateway to its client.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encodeDelivery = (delivery: Delivery): Uint8Array => {
  const bytes = new Uint8Array(deliveryHeader + sizeOf(delivery))
  Uint32.write(bytes, 0, delivery.number)
  bytes[numberSize] = delivery.wantsReply === true ? 1 : 0
  bytes[numberSize + 1] = delivery.hops
  NodeId.write(delivery.from, bytes, numberSize + 2)
  writeRaw(delivery, bytes, deliveryHeader)
  return bytes
}

/**
 * Reads it; `undefined` when it is none.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decodeDelivery = (bytes: Uint8Array): Delivery | undefined => {
  const message = readRaw(bytes, deliveryHeader)
  if (message === undefined) return undefined
  return {
    ...message,
    number: Uint32.read(bytes, 0),
    wantsReply: bytes[numberSize] === 1,
    hops: bytes[numberSize + 1]!,
    from: NodeId.readUnsafe(bytes, numberSize + 2)
  }
}

/**
 * An answer, as it stands in the receipt.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encodeAnswer = ({ outcome, reply = new Uint8Array() }: Answer): Uint8Array => {
  const bytes = new Uint8Array(1 + reply.length)
  bytes[0] = outcomes.indexOf(outcome)
  bytes.set(reply, 1)
  return bytes
}

/**
 * Reads it; `undefined` when it is none.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decodeAnswer = (bytes: Uint8Array): Answer | undefined => {
  const outcome = outcomes[bytes[0] ?? outcomes.length]
  if (outcome === undefined) return undefined
  return outcome === "replied" ? { outcome, reply: bytes.subarray(1) } : { outcome }
}

/**
 * An answer as it goes over the session, to the message of this number.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encodeNumbered = (number: number, answer: Answer): Uint8Array => {
  const encoded = encodeAnswer(answer)
  const bytes = new Uint8Array(numberSize + encoded.length)
  Uint32.write(bytes, 0, number)
  bytes.set(encoded, numberSize)
  return bytes
}

/**
 * Reads it; `undefined` when it is none.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decodeNumbered = (
  bytes: Uint8Array
): { readonly number: number; readonly answer: Answer } | undefined => {
  const answer = bytes.length <= numberSize ? undefined : decodeAnswer(bytes.subarray(numberSize))
  return answer === undefined
    ? undefined
    : { number: Uint32.read(bytes, 0), answer }
}
