/**
 * Messages as applications see them: what is sent, what arrives, what a sender
 * is promised and told. Raw messages carry bytes; typed ones carry values of a
 * Schema under a purpose of their own ({@link make}).
 *
 * A message is sent by a `Cluster` or a `Client`; nothing here sends.
 *
 * @since 0.1.0
 */
import * as SchemaBinary from "effect/encoding/SchemaBinary"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as NodeId from "../ring/NodeId.ts"
import * as Purposes from "./Purposes.ts"
import * as Reason from "./Reason.ts"

/**
 * What a sender is promised. Rule M6 of `docs/protocol.md`.
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
 * **When to use**
 *
 * When the bytes are made elsewhere. Else {@link make} a kind of message.
 *
 * @category models
 * @since 0.1.0
 */
export interface RawMessage {
  /** Where it goes: to the root of this key. */
  readonly key: NodeId.NodeId
  /** What the value is, for whoever gets it: 16 to 255, or the purpose of a definition; 0 to 15 are the overlay's own. */
  readonly purpose: number
  /** At most `maxValueSize` bytes (1 MiB), or none. They must not be changed before the send has completed. */
  readonly value: Uint8Array
  /** Of a confirmed message: its receipt is to bring what the application at its root returns, if that is bytes. */
  readonly wantsReply?: boolean | undefined
}

/**
 * A message of a typed value, towards a key; made by `make` of its {@link Definition}.
 *
 * @category models
 * @since 0.1.0
 */
export interface TypedMessage<in out A, in out Reply = undefined> {
  /** Its kind. */
  readonly definition: Definition<A, Reply>
  /** Where it goes: to the root of this key. */
  readonly key: NodeId.NodeId
  /** Encoded, at most `maxValueSize` bytes (1 MiB). */
  readonly value: A
}

/**
 * What an application sends: bytes or a typed value, towards a key.
 *
 * @category models
 * @since 0.1.0
 */
export type OutgoingMessage = RawMessage | TypedMessage<any, any>

/**
 * What the receipt of a message brings: the reply of its definition; of raw bytes whatever bytes there are.
 *
 * @category models
 * @since 0.1.0
 */
export type ReplyOf<M extends OutgoingMessage> = M extends TypedMessage<any, infer Reply> ? Reply
  : Uint8Array | undefined

/**
 * Where a client gets messages: its id, and the Node to which it is connected. It changes when the client turns to another
 * Node.
 *
 * @category models
 * @since 0.1.0
 */
export const ClientAddress = Schema.Struct({ gateway: NodeId.FromHex, id: NodeId.FromHex })

/**
 * Where a client gets messages.
 *
 * @category models
 * @since 0.1.0
 */
export type ClientAddress = typeof ClientAddress.Type

/**
 * What arrives at the root of its key.
 *
 * @category models
 * @since 0.1.0
 */
export interface Message<out A = Uint8Array> {
  /** Where it was sent: this Node is the root of this key, or was when it was delivered. */
  readonly key: NodeId.NodeId
  /** What the value is: 16 to 255, or more where it follows from the name of a definition. */
  readonly purpose: number
  /**
   * Bytes, or the value of a definition. Bytes may be part of a larger buffer: copy them with `slice` to keep them for
   * long.
   */
  readonly value: A
  /** The Node that sent it, or that accepted it from a client. */
  readonly from: NodeId.NodeId
  /** Of one that a client sent: where that gets messages, if it takes any (`cluster.sendToClient`). */
  readonly client?: ClientAddress | undefined
  /** How many times it was sent on from Node to Node: 0 when it is delivered where it was sent, 64 at most. */
  readonly hops: number
  /** It was sent to this Node, whoever is the root of its key (`cluster.sendDirect`). */
  readonly isDirect: boolean
  /** Its sender waits for what the application returns. */
  readonly wantsReply: boolean
}

/**
 * The root's word that a confirmed message was delivered.
 *
 * @category models
 * @since 0.1.0
 */
export interface Receipt<out Reply = unknown> {
  /** The Node at which it was delivered. */
  readonly root: NodeId.NodeId
  /** How many times the message was sent on from Node to Node: 0 when it was delivered where it was sent. */
  readonly hops: number
  /** Milliseconds between the send and the receipt. */
  readonly roundTrip: number
  /** What the application at the root returned: of a definition with a `reply` its value, of raw bytes bytes. */
  readonly reply: Reply
}

/**
 * The lowest purpose that an application may choose: 16. Those below are the overlay's own.
 *
 * @category constants
 * @since 0.1.0
 */
export const lowestPurpose = Purposes.lowest

/**
 * The highest purpose that an application may choose: 255. Larger ones follow from names.
 *
 * @category constants
 * @since 0.1.0
 */
export const highestPurpose = Purposes.highest

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
 * **Example** (A purpose that is the overlay's own)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cluster, MemoryTransport, NodeId } from "effect-wendy"
 *
 * const program = Effect.gen(function*() {
 *   const cluster = yield* Cluster.make()
 *   const message = { key: NodeId.fromString("room:42"), purpose: 3, value: new Uint8Array() }
 *   return yield* cluster.send(message).pipe(
 *     Effect.as("sent"),
 *     Effect.catchTag("WendyMessageError", ({ reason }) => Effect.succeed(reason._tag))
 *   )
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer))) // => "BadPurpose"
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class WendyMessageError extends Schema.TaggedError<WendyMessageError>()("WendyMessageError", {
  reason: Reason.oneOf("ValueTooLarge", "BadPurpose", "BadValue", "PurposeTaken", "Closed"),
  /** Of `BadValue` the `SchemaError`. */
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message(): string {
    return this.reason.message
  }

  /** Whether the same may work when it is tried again. */
  get retryable(): boolean {
    return false
  }
}

/**
 * A confirmed message has no receipt.
 *
 * **Details**
 *
 * - `Deadline`: none came in time. The message may or may not have been delivered.
 * - `DeliveryFailed`: it reached its root, whose application failed, was late, or has gone.
 * - `BadValue`: it reached its root, where the value does not decode: the two ends define the message differently.
 * - `Dropped`: an application on the way did not let it pass.
 * - `Forbidden`: this client may not send messages of this purpose.
 * - `Unreachable`: the Node to which a direct message was sent cannot be reached, or has ended.
 * - `NoReply`: it was delivered, and its reply is gone: the root that had it ended before the receipt arrived, or a Node
 *   on the way speaks version 1 of the protocol. To send it again as a new message runs the handler again.
 * - `BadReply`: it was delivered, and its reply does not fit the definition here.
 * - `Closed`: this Node, or this client, ended first. The message may or may not have been delivered.
 *
 * **Example** (A handler that fails)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cluster, MemoryTransport, NodeId } from "effect-wendy"
 *
 * const program = Effect.gen(function*() {
 *   const cluster = yield* Cluster.make({ application: { onDeliver: () => Effect.fail("no room left") } })
 *   yield* cluster.ready
 *   const message = { key: NodeId.fromString("room:42"), purpose: 16, value: new Uint8Array() }
 *   return yield* cluster.sendConfirmed(message).pipe(
 *     Effect.as("delivered"),
 *     Effect.catchReason("WendyDeliveryError", "DeliveryFailed", () => Effect.succeed("the handler failed"))
 *   )
 * })
 *
 * const said = await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer)))
 * said // => "the handler failed"
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class WendyDeliveryError extends Schema.TaggedError<WendyDeliveryError>()("WendyDeliveryError", {
  reason: Reason.oneOf(
    "Deadline",
    "DeliveryFailed",
    "BadValue",
    "Dropped",
    "Forbidden",
    "Unreachable",
    "NoReply",
    "BadReply",
    "Closed"
  ),
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message(): string {
    return this.reason.message
  }

  /** Whether the same may work when it is tried again. */
  get retryable(): boolean {
    return this.reason._tag === "Deadline" || this.reason._tag === "DeliveryFailed" ||
      this.reason._tag === "Unreachable" || this.reason._tag === "NoReply"
  }
}

/**
 * Two definitions use one purpose at one Node. `message` names both.
 *
 * @category errors
 * @since 0.1.0
 */
export class WendyPurposeError extends Schema.TaggedError<WendyPurposeError>()("WendyPurposeError", {
  purpose: Schema.Int,
  message: Schema.String
}) {}

/**
 * A kind of message: a name, a purpose, and the Schema of its values. Made by {@link make}.
 *
 * @category models
 * @since 0.1.0
 */
export interface Definition<in out A, in out Reply = undefined> {
  /** For errors, and to tell two definitions of one purpose apart. It decides the purpose where none was given. */
  readonly name: string
  /** Under which its values travel: 16 to 255, or more where it follows from the name. */
  readonly purpose: number
  /** A message of this kind. */
  readonly make: (key: NodeId.NodeId, value: A) => TypedMessage<A, Reply>
  /** The bytes of a value, as the Schema and the codec encode it. */
  readonly encode: (value: A) => Result.Result<Uint8Array, Schema.SchemaError>
  /** The value of bytes. */
  readonly decode: (bytes: Uint8Array) => Result.Result<A, Schema.SchemaError>
  /** How its replies travel in receipts; `undefined` where there are none. */
  readonly reply: Codec<Reply> | undefined
}

/**
 * How values become bytes, and bytes values.
 *
 * @category models
 * @since 0.1.0
 */
export interface Codec<in out A> {
  /** The bytes of a value. */
  readonly encode: (value: A) => Result.Result<Uint8Array, Schema.SchemaError>
  /** The value of bytes. */
  readonly decode: (bytes: Uint8Array) => Result.Result<A, Schema.SchemaError>
}

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
 * The name tells kinds of messages apart, so that libraries in one cluster do not have to know of each other. A
 * `purpose` from 16 to 255 takes its place, for programs that agree on bytes: it saves six bytes a message, and
 * `wendy send --purpose 16 '{"text":"hello"}'` sends such messages.
 *
 * Values travel as JSON (the Schema's JSON form, so dates, byte arrays and the like are welcome), or with
 * `codec: "binary"` in the compact form of Effect's `SchemaBinary`, which both ends need the same Schema for.
 *
 * **Gotchas**
 *
 * A purpose belongs to one definition at a Node: using a second one there, by another name, fails with `WendyPurposeError`.
 * Throws a `RangeError` when the purpose is not a whole number from 16 to 255. Roots that speak version 1 of the protocol do not
 * know names: a confirmed message to one has no receipt.
 *
 * **Example** (A typed message, sent and received)
 *
 * ```ts
 * import { Effect, Queue, Schema } from "effect"
 * import { Cluster, MemoryTransport, Message, NodeId } from "effect-wendy"
 *
 * const Chat = Message.make("Chat", {
 *   purpose: 16,
 *   value: Schema.Struct({ text: Schema.String, at: Schema.Date })
 * })
 *
 * const program = Effect.gen(function*() {
 *   const cluster = yield* Cluster.make()
 *   yield* cluster.ready
 *   const texts = yield* Queue.unbounded<string>()
 *   yield* cluster.register({ message: Chat, onDeliver: ({ value }) => Queue.offer(texts, value.text) })
 *   yield* cluster.sendConfirmed(Chat.make(NodeId.fromString("room:42"), { text: "hello", at: new Date(0) }))
 *   return yield* Queue.take(texts)
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer))) // => "hello"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <S extends Schema.Codec<unknown, unknown>, R extends Schema.Codec<unknown, unknown> = never>(
  name: string,
  options: {
    /** Of its values. */
    readonly value: S
    /**
     * Of what `onDeliver` returns, which the receipt brings to the sender, at most `maxReplySize` bytes (64 KiB). A copy of the
     * message gets the same reply, as long as its root lives.
     */
    readonly reply?: R | undefined
    /** From 16 to 255. Default: it follows from the name. */
    readonly purpose?: number | undefined
    /** How values travel. Default `json`. */
    readonly codec?: "json" | "binary" | undefined
  }
): Definition<S["Type"], [R] extends [never] ? undefined : R["Type"]> => {
  const { codec = "json", purpose = Purposes.ofName(name), reply, value } = options
  const codecOf = codec === "binary" ? makeBinary : makeJson
  const problem = Purposes.problemOf(purpose)
  if (problem !== undefined) throw new RangeError(`the message "${name}" cannot be defined: ${problem}`)
  const definition: Definition<S["Type"], any> = {
    name,
    purpose,
    make: (key, value) => ({ definition, key, value }),
    reply: reply === undefined ? undefined : codecOf(reply),
    ...codecOf(value)
  }
  return definition
}

const makeBinary = <S extends Schema.Codec<unknown, unknown>>(value: S): Codec<S["Type"]> => {
  const binary = SchemaBinary.toCodec(value)
  const encode = Schema.encodeUnknownResult(binary)
  return {
    // A copy, for the encoder hands out a view of a buffer that all share.
    encode: (value) => Result.map(encode(value), (bytes) => bytes.slice()),
    decode: Schema.decodeUnknownResult(binary)
  }
}

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const makeJson = <S extends Schema.Codec<unknown, unknown>>(value: S): Codec<S["Type"]> => {
  const json = Schema.fromJsonString(Schema.toCodecJson(value))
  const encode = Schema.encodeUnknownResult(json)
  const decode = Schema.decodeUnknownResult(json)
  return {
    encode: (value) => Result.map(encode(value), (text) => encoder.encode(text)),
    decode: (bytes) => {
      let text: string
      try {
        text = decoder.decode(bytes)
      } catch {
        return Result.fail(notText)
      }
      return decode(text)
    }
  }
}

const notText = new Schema.SchemaError(
  new SchemaIssue.InvalidValue({ message: "the bytes are no UTF-8 text" })
)

/**
 * Whether two definitions stand for one kind of message: they have one name and one purpose. Their Schemas are not
 * compared.
 *
 * **Example**
 *
 * ```ts
 * import { Schema } from "effect"
 * import { Message } from "effect-wendy"
 *
 * const v1 = Message.make("Chat", { purpose: 16, value: Schema.Struct({ text: Schema.String }) })
 * const v2 = Message.make("Chat", { purpose: 16, value: Schema.String })
 * const other = Message.make("Mail", { purpose: 16, value: Schema.String })
 *
 * Message.isSameDefinition(v1, v2) // => true
 * Message.isSameDefinition(v2, other) // => false
 * ```
 *
 * @category comparisons
 * @since 0.1.0
 */
export const isSameDefinition = (x: Definition<any, any>, y: Definition<any, any>): boolean =>
  x.purpose === y.purpose && x.name === y.name

/**
 * The bytes of a message that may be sent, or why it may not: `BadPurpose`, `BadValue` or `ValueTooLarge`.
 *
 * **When to use**
 *
 * To check a message before it is sent. Whatever sends does so too. `maxValueSize` is in bytes; a Node's is
 * `ClusterConfig.defaults.maxValueSize` unless it was set.
 *
 * **Example** (The bytes of a typed message)
 *
 * ```ts
 * import { Result, Schema } from "effect"
 * import { ClusterConfig, Message, NodeId } from "effect-wendy"
 *
 * const Chat = Message.make("Chat", { purpose: 16, value: Schema.Struct({ text: Schema.String }) })
 * const message = Chat.make(NodeId.fromString("room:42"), { text: "hello" })
 *
 * const { purpose, value } = Result.getOrThrow(Message.encode(message, ClusterConfig.defaults.maxValueSize))
 * const both = [purpose, new TextDecoder().decode(value)] // => [16, "{\"text\":\"hello\"}"]
 *
 * Result.isFailure(Message.encode(message, 4)) // => true
 * ```
 *
 * @category checks
 * @since 0.1.0
 */
export const encode = (
  message: OutgoingMessage,
  maxValueSize: number
): Result.Result<RawMessage, WendyMessageError> => {
  if (!("definition" in message)) return check(message, maxValueSize, false)
  const { definition, key } = message
  const encoded = definition.encode(message.value)
  return Result.isSuccess(encoded)
    ? check(
      {
        key,
        purpose: definition.purpose,
        value: encoded.success,
        ...(definition.reply === undefined ? {} : { wantsReply: true })
      },
      maxValueSize,
      true
    )
    : Result.fail(
      new WendyMessageError({
        reason: {
          _tag: "BadValue",
          message: `the value does not fit the definition of "${definition.name}": ${encoded.failure.message}`
        },
        cause: encoded.failure
      })
    )
}

const check = (
  message: RawMessage,
  maxValueSize: number,
  isDefined: boolean
): Result.Result<RawMessage, WendyMessageError> => {
  // Nothing but a service defines a message of its purpose: see `Services.define`.
  const problem = isDefined && Purposes.isService(message.purpose) ? undefined : Purposes.problemOf(message.purpose)
  if (problem !== undefined) {
    return Result.fail(new WendyMessageError({ reason: { _tag: "BadPurpose", message: problem } }))
  }
  if (message.value.length > maxValueSize) {
    return Result.fail(
      new WendyMessageError({
        reason: {
          _tag: "ValueTooLarge",
          message: `the value has ${message.value.length} bytes; at most ${maxValueSize} are allowed`
        }
      })
    )
  }
  return Result.succeed(message)
}

/**
 * The receipt of a message with its reply, as its definition decodes it.
 *
 * @internal
 */
export const withReply = <M extends OutgoingMessage>(
  message: M,
  receipt: Receipt<Uint8Array | undefined>
): Result.Result<Receipt<ReplyOf<M>>, WendyDeliveryError> => {
  const codec = "definition" in message ? message.definition.reply : undefined
  const { reply: bytes, root } = receipt
  const succeed = (reply: unknown) =>
    Result.succeed((reply === bytes ? receipt : { ...receipt, reply }) as Receipt<ReplyOf<M>>)
  if (codec === undefined) return succeed("definition" in message ? undefined : bytes)
  if (bytes === undefined) {
    return Result.fail(
      new WendyDeliveryError({
        reason: { _tag: "NoReply", message: `the message was delivered, but ${root.hex} has no reply to it (any more)` }
      })
    )
  }
  const decoded = codec.decode(bytes)
  return Result.isSuccess(decoded) ? succeed(decoded.success) : Result.fail(
    new WendyDeliveryError({
      reason: {
        _tag: "BadReply",
        message: `the message was delivered, but the reply of ${root.hex} does not fit its definition: ` +
          decoded.failure.message
      }
    })
  )
}
