/**
 * Messages as applications see them: what is sent, what arrives, what a sender
 * is promised and told. Raw messages carry bytes; typed ones carry values of a
 * Schema under a purpose of their own ({@link define}).
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as NodeId from "../ring/NodeId.ts"

/**
 * What a sender is promised.
 *
 * **Details**
 *
 * - `atMostOnce`: nobody keeps a copy; a break on the way loses it.
 * - `acknowledged`: each Node keeps it until the next has taken it; a Node that
 *   dies takes with it what it holds.
 * - `confirmed`: the sender keeps it until the root's receipt, and sends it again.
 *
 * @category models
 * @since 0.1.0
 */
export type DeliveryClass = "atMostOnce" | "acknowledged" | "confirmed"

/**
 * A message of bytes, towards a key.
 *
 * **Details**
 *
 * `purpose` says what the value is: 16 to 255; 0 to 15 are the overlay's own.
 *
 * @category models
 * @since 0.1.0
 */
export interface Raw {
  readonly key: NodeId.NodeId
  readonly purpose: number
  readonly value: Uint8Array
}

/**
 * A message of a typed value, towards a key; made by `make` of its {@link Definition}.
 *
 * @category models
 * @since 0.1.0
 */
export interface Typed<in out A> {
  readonly definition: Definition<A>
  readonly key: NodeId.NodeId
  readonly value: A
}

/**
 * What an application sends: bytes or a typed value, towards a key.
 *
 * @category models
 * @since 0.1.0
 */
export type Outgoing = Raw | Typed<any>

/**
 * What arrives at the root of its key.
 *
 * **Details**
 *
 * `from` is the Node that sent it, or that accepted it from a client; `hops`
 * counts the Nodes that it was sent on to. A direct message (`isDirect`) was sent
 * to this Node, whoever is the root of its key.
 *
 * @category models
 * @since 0.1.0
 */
export interface Message<out A = Uint8Array> {
  readonly key: NodeId.NodeId
  readonly purpose: number
  readonly value: A
  readonly from: NodeId.NodeId
  readonly hops: number
  readonly isDirect: boolean
}

/**
 * The root's word that a confirmed message was delivered.
 *
 * @category models
 * @since 0.1.0
 */
export interface Receipt {
  /** The Node at which it was delivered. */
  readonly root: NodeId.NodeId
  readonly hops: number
  /** Milliseconds between the send and the receipt. */
  readonly roundTrip: number
}

/**
 * The lowest purpose an application may use.
 *
 * @category constants
 * @since 0.1.0
 */
export const lowestPurpose = 16

/**
 * The highest purpose.
 *
 * @category constants
 * @since 0.1.0
 */
export const highestPurpose = 255

/**
 * The message cannot be sent, whatever the network does.
 *
 * **Details**
 *
 * - `ValueTooLarge`, `BadPurpose`: it cannot be sent as it is.
 * - `BadValue`: the value does not fit the Schema of its definition.
 * - `PurposeTaken`: this Node uses another definition for this purpose.
 * - `Closed`: this Node has ended. Of several messages those before it may have been taken.
 *
 * @category errors
 * @since 0.1.0
 */
export class MessageRejected extends Schema.TaggedError<MessageRejected>()("MessageRejected", {
  reason: Schema.Literals(["ValueTooLarge", "BadPurpose", "BadValue", "PurposeTaken", "Closed"]),
  message: Schema.String
}) {}

/**
 * A confirmed message has no receipt.
 *
 * **Details**
 *
 * - `Deadline`: none came in time. The message may or may not have been delivered.
 * - `DeliveryFailed`: it reached its root, whose application failed or was late.
 * - `BadValue`: it reached its root, where the value does not decode: the two ends define the message differently.
 * - `Dropped`: an application on the way, or at the root, did not let it pass.
 * - `Unreachable`: the Node to which a direct message was sent cannot be reached, or has ended.
 * - `Closed`: this Node, or this client, ended first.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotConfirmed extends Schema.TaggedError<NotConfirmed>()("NotConfirmed", {
  reason: Schema.Literals(["Deadline", "DeliveryFailed", "BadValue", "Dropped", "Unreachable", "Closed"]),
  message: Schema.String
}) {}

/**
 * Two definitions use one purpose at one Node.
 *
 * @category errors
 * @since 0.1.0
 */
export class PurposeTaken extends Schema.TaggedError<PurposeTaken>()("PurposeTaken", {
  purpose: Schema.Int,
  message: Schema.String
}) {}

/**
 * A kind of message: a name, a purpose, and the Schema of its values.
 *
 * @category models
 * @since 0.1.0
 */
export interface Definition<in out A> {
  readonly name: string
  readonly purpose: number
  /** A message of this kind. */
  readonly make: (key: NodeId.NodeId, value: A) => Typed<A>
  /** The bytes of a value: JSON, as the Schema encodes it. Fails with what is wrong with the value. */
  readonly encode: (value: A) => Result.Result<Uint8Array, string>
  /** The value of bytes. Fails with what is wrong with them. */
  readonly decode: (bytes: Uint8Array) => Result.Result<A, string>
}

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/**
 * Defines a kind of message.
 *
 * **When to use**
 *
 * For all messages of an application but those whose bytes are made elsewhere. Values are validated at both ends:
 * what cannot be encoded is not sent, and what does not decode at the root is not delivered, and the sender of a
 * confirmed message is told so.
 *
 * **Details**
 *
 * Values travel as JSON (the Schema's JSON form, so dates, byte arrays and the like are welcome), and so
 * `wendy send --purpose 16 '{"text":"hello"}'` and programs in other languages can send them too.
 *
 * **Gotchas**
 *
 * A purpose belongs to one definition at a Node: using a second one there, by another name, fails with `PurposeTaken`.
 * Throws a `RangeError` when the purpose is not a whole number from 16 to 255.
 *
 * **Example**
 *
 * ```ts
 * import { Schema } from "effect"
 * import { Message, NodeId } from "effect-wendy"
 *
 * const Chat = Message.define("Chat", { purpose: 16, value: Schema.Struct({ text: Schema.String }) })
 *
 * const hello = Chat.make(NodeId.fromString("room:42"), { text: "hello" })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const define = <S extends Schema.Codec<unknown, unknown>>(
  name: string,
  options: { readonly purpose: number; readonly value: S }
): Definition<S["Type"]> => {
  const { purpose } = options
  const problem = purposeProblem(purpose)
  if (problem !== undefined) throw new RangeError(`the message "${name}" cannot be defined: ${problem}`)
  const json = Schema.fromJsonString(Schema.toCodecJson(options.value))
  const toJson = Schema.encodeUnknownResult(json)
  const fromJson = Schema.decodeUnknownResult(json)
  const definition: Definition<S["Type"]> = {
    name,
    purpose,
    make: (key, value) => ({ definition, key, value }),
    encode: (value) =>
      Result.mapBoth(toJson(value), { onSuccess: (text) => encoder.encode(text), onFailure: ({ message }) => message }),
    decode: (bytes) => {
      let text: string
      try {
        text = decoder.decode(bytes)
      } catch {
        return Result.fail("the bytes are no UTF-8 text")
      }
      return Result.mapError(fromJson(text), ({ message }) => message)
    }
  }
  return definition
}

/**
 * Whether two definitions stand for one kind of message.
 *
 * @category comparisons
 * @since 0.1.0
 */
export const isSameDefinition = (x: Definition<any>, y: Definition<any>): boolean =>
  x.purpose === y.purpose && x.name === y.name

const purposeProblem = (purpose: number): string | undefined =>
  Number.isInteger(purpose) && purpose >= lowestPurpose && purpose <= highestPurpose
    ? undefined
    : `the purpose is ${purpose}; an application's is a whole number from ${lowestPurpose} to ${highestPurpose}`

/**
 * The bytes of a message that may be sent, or why it may not.
 *
 * @category checks
 * @since 0.1.0
 */
export const encode = (message: Outgoing, maxValueSize: number): Result.Result<Raw, MessageRejected> => {
  if (!("definition" in message)) return check(message, maxValueSize)
  const { definition, key } = message
  const encoded = definition.encode(message.value)
  return Result.isSuccess(encoded)
    ? check({ key, purpose: definition.purpose, value: encoded.success }, maxValueSize)
    : Result.fail(
      new MessageRejected({
        reason: "BadValue",
        message: `the value does not fit the definition of "${definition.name}": ${encoded.failure}`
      })
    )
}

const check = (message: Raw, maxValueSize: number): Result.Result<Raw, MessageRejected> => {
  const problem = purposeProblem(message.purpose)
  if (problem !== undefined) return Result.fail(new MessageRejected({ reason: "BadPurpose", message: problem }))
  if (message.value.length > maxValueSize) {
    return Result.fail(
      new MessageRejected({
        reason: "ValueTooLarge",
        message: `the value has ${message.value.length} bytes; at most ${maxValueSize} are allowed`
      })
    )
  }
  return Result.succeed(message)
}
