/**
 * The callbacks of an application: what the overlay calls when something happens at this Node.
 *
 * Any number of applications may be registered with a Node, at its start
 * (`Cluster.Options.application`) or later (`cluster.register`,
 * `Application.layer`). Each has a mailbox of its own for what happened, so
 * that a slow one is late for itself alone. Whoever only reads messages or events
 * for a while needs none: `cluster.deliveries` and `cluster.events` are Streams.
 *
 * Source: the application interface of Pastry (Rowstron, Druschel, Middleware
 * 2001: deliver, forward, newLeafs) and of Wendy (Second Bit, 2012).
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Node from "../ring/Node.ts"
import type * as NodeId from "../ring/NodeId.ts"
import type { ClusterError, ExitReason } from "./ClusterEvent.ts"
import type { Definition, Message, RawMessage } from "./Message.ts"

/**
 * The callbacks of an application. All are optional.
 *
 * **When to use**
 *
 * When what a Node does with messages belongs to it as long as it lives: a receipt leaves only after `onDeliver` has
 * returned. To follow messages for a while, `cluster.deliveries` is simpler.
 *
 * **Details**
 *
 * With a `message` the application gets the messages of that definition only, decoded; without one it gets all, as
 * bytes.
 *
 * No callback can harm its Node, nor another application. One that fails, throws, or does not return in time is
 * reported by `onError`, and:
 *
 * - `onDeliver` and `onDeliverAll` (`deliverTimeout`, 10 s): the sender of a confirmed message gets `WendyDeliveryError` with
 *   `DeliveryFailed`. Several run at once, up to `maxDelivering` messages.
 * - `onForward` (`forwardTimeout`, 1 s): the message goes on as it is.
 * - the others (`callbackTimeout`, 10 s): the next event follows. They run one after another, in order; of an
 *   application that is more than 1,024 events behind the oldest are dropped, and it is told so.
 *
 * A confirmed message comes to `onDeliver` at least once: once at a root as long as that lives, and at the next root again
 * if the first one is lost after the handler has ended and before the receipt has come.
 *
 * A callback may use the cluster: send, register, even leave.
 *
 * **Gotchas**
 *
 * One thread runs everything: a callback that computes for long without yielding holds up its whole process.
 *
 * **Example** (A Node that counts the words of what it gets)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Application, Cluster, MemoryTransport, Message, NodeId } from "effect-wendy"
 *
 * const Chat = Message.make("Chat", { purpose: 16, value: Schema.Struct({ text: Schema.String }) })
 * const words: Array<string> = []
 *
 * const counter: Application.Application<{ readonly text: string }> = {
 *   message: Chat,
 *   onDeliver: ({ value }) => Effect.sync(() => words.push(...value.text.split(" "))),
 *   onNodeExit: (node, reason) => Effect.log(`${node.id} is gone: ${reason}`)
 * }
 *
 * const program = Effect.gen(function*() {
 *   const cluster = yield* Cluster.make({ application: counter })
 *   yield* cluster.ready
 *   yield* cluster.sendConfirmed(Chat.make(NodeId.fromString("room:42"), { text: "good morning" }))
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer)))
 * words // => ["good", "morning"]
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Application<in out A = Uint8Array, out R = never, in out Reply = undefined> {
  /** What to call it in errors. Default: `application 1` and so on, counted at each Node. */
  readonly name?: string | undefined
  /** The kind of message that it gets. Default: all, as bytes. It concerns `onDeliver` and `onForward` only. */
  readonly message?: Definition<A, Reply> | undefined
  /**
   * A message reached this Node, the root of its key, or was sent directly to it. The receipt of a confirmed message
   * leaves when this has returned. Where its `message` has a `reply` the receipt brings what this returns, and without
   * a `message` bytes that this returns, if the sender waits for them.
   */
  readonly onDeliver?:
    | ((message: Message<A>) => Effect.Effect<[Reply] extends [undefined] ? unknown : Reply, unknown, R>)
    | undefined
  /**
   * As `onDeliver`, for many messages at once: those that came together, one or more and at most `maxDelivering`, in the
   * order in which they came. Nothing waits for company. Their receipts leave when this has returned; where it fails, all
   * of them fail. It takes the place of `onDeliver` where there are both. It has no replies.
   */
  readonly onDeliverAll?:
    | ((messages: ReadonlyArray<Message<A>>) => Effect.Effect<unknown, unknown, R>)
    | undefined
  /**
   * A message is about to be sent on from here to `next`: also one's own, but not one that is delivered here. Asked
   * once a Node, whatever comes of the way; where several applications answer, each sees what the earlier ones made of
   * it. Messages may overtake each other while an application thinks; one that answers at once, with `Effect.succeed` or
   * `Effect.sync`, takes no fiber.
   */
  readonly onForward?:
    | ((message: Message<A>, next: Node.Node) => Effect.Effect<Forward<NoInfer<A>>, unknown, R>)
    | undefined
  /** The leaf set changed; each side nearest first, left being counter-clockwise. */
  readonly onNewLeaves?:
    | ((left: ReadonlyArray<Node.Node>, right: ReadonlyArray<Node.Node>) => Effect.Effect<unknown, unknown, R>)
    | undefined
  /** A Node entered this Node's tables: not every Node of the cluster does. */
  readonly onNodeJoin?: ((node: Node.Node) => Effect.Effect<unknown, unknown, R>) | undefined
  /** A Node that had entered is gone. For each `onNodeJoin` there is one, but when this Node itself ends. */
  readonly onNodeExit?: ((node: Node.Node, reason: ExitReason) => Effect.Effect<unknown, unknown, R>) | undefined
  /** A neighbour's heartbeat: it asked for its lease, as it does every `renewal` (2 s). */
  readonly onHeartbeat?: ((from: Node.Node) => Effect.Effect<unknown, unknown, R>) | undefined
  /** Something went wrong that this Node survives. What goes wrong in this callback itself is only logged. */
  readonly onError?: ((error: ClusterError) => Effect.Effect<unknown, unknown, R>) | undefined
}

/**
 * What a client does with the messages of one definition that are sent to it, as `onDeliver` of an application.
 *
 * @category models
 * @since 0.1.0
 */
export interface Handler<in out A, out R = never, in out Reply = undefined> {
  readonly message: Definition<A, Reply>
  /** Several run at once. The receipt leaves when it has returned, and brings what it returned where the definition has a reply. */
  readonly onDeliver: (
    message: Message<A>
  ) => Effect.Effect<[Reply] extends [undefined] ? unknown : Reply, unknown, R>
}

/**
 * An application, whatever its messages are, that needs no services: what `Cluster.Options.application` takes.
 *
 * @category models
 * @since 0.1.0
 */
export type Any = Application<any, never, any>

/**
 * An application, with the types of its callbacks inferred from its `message`.
 *
 * **When to use**
 *
 * To define an application apart from where it is registered. `Application.layer` and `cluster.register` infer
 * the same types, so that one that is written there needs no `make`.
 *
 * **Example** (An application that uses a service)
 *
 * ```ts
 * import { Context, Effect, Layer, Schema } from "effect"
 * import { Application, Cluster, MemoryTransport, Message, NodeId } from "effect-wendy"
 *
 * class Log extends Context.Service<Log, { readonly write: (line: string) => Effect.Effect<void> }>()("Log") {}
 *
 * const Chat = Message.make("Chat", { purpose: 16, value: Schema.Struct({ text: Schema.String }) })
 *
 * const chat = Application.make({
 *   message: Chat,
 *   onDeliver: ({ value }) => Log.use((log) => log.write(value.text))
 * })
 *
 * const lines: Array<string> = []
 * const LogMemory = Layer.succeed(Log, { write: (line) => Effect.sync(() => void lines.push(line)) })
 *
 * const program = Effect.gen(function*() {
 *   const cluster = yield* Cluster.make()
 *   yield* cluster.ready
 *   yield* cluster.register(chat)
 *   yield* cluster.sendConfirmed(Chat.make(NodeId.fromString("room:42"), { text: "hello" }))
 * })
 *
 * await Effect.runPromise(program.pipe(
 *   Effect.scoped,
 *   Effect.provide(Layer.merge(LogMemory, MemoryTransport.layer))
 * ))
 * lines // => ["hello"]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A = Uint8Array, R = never, Reply = undefined>(
  application: Application<A, R, Reply>
): Application<A, R, Reply> => application

/**
 * What an application does with a message that is about to be sent on: `forward`, `drop` or `replace` make it.
 *
 * **Details**
 *
 * - `Forward`: it goes on as it is.
 * - `Drop`: it ends here.
 * - `Replace`: another one goes on in its place.
 *
 * @category models
 * @since 0.1.0
 */
export type Forward<A = Uint8Array> =
  | { readonly _tag: "Forward" }
  | { readonly _tag: "Drop" }
  | { readonly _tag: "Replace"; readonly changes: Changes<A> }

/**
 * What is different about a message that goes on in another's place. What is left out stays as it is.
 *
 * **Gotchas**
 *
 * Of an application with a `message`, a changed `value` goes on under the purpose of that definition, whatever
 * `purpose` says.
 *
 * @category models
 * @since 0.1.0
 */
export interface Changes<A = Uint8Array> {
  /** Where it goes instead. */
  readonly key?: NodeId.NodeId | undefined
  /** What its value is instead: a whole number from 16 to 255. */
  readonly purpose?: RawMessage["purpose"] | undefined
  /** Its value instead: of the application's `message`, or bytes where it has none. */
  readonly value?: A | undefined
}

/**
 * The message goes on as it is.
 *
 * **Example** (Counting what goes through)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Application, Cluster, MemoryTransport } from "effect-wendy"
 *
 * let count = 0
 * const counting: Application.Application = {
 *   onForward: () =>
 *     Effect.sync(() => {
 *       count++
 *       return Application.forward
 *     })
 * }
 *
 * const program = Effect.gen(function*() {
 *   const one = yield* Cluster.make({ application: counting })
 *   yield* one.ready
 *   const two = yield* Cluster.make({ join: [`127.0.0.1:${one.address.port}`] })
 *   yield* two.ready
 *   // a Node is the root of its own id: the first goes on to the other, the second is delivered here
 *   yield* one.sendConfirmed({ key: two.id, purpose: 16, value: new Uint8Array() })
 *   yield* one.sendConfirmed({ key: one.id, purpose: 16, value: new Uint8Array() })
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer)))
 * count // => 1
 * ```
 *
 * @category forwarding
 * @since 0.1.0
 */
export const forward: Forward<never> = { _tag: "Forward" }

/**
 * The message ends here. The sender of a confirmed one gets `WendyDeliveryError` with `Dropped`.
 *
 * **Example** (Values that are too large for this application)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Application, Cluster, MemoryTransport } from "effect-wendy"
 *
 * const guard = Application.make({
 *   onForward: (message) => Effect.succeed(message.value.length > 1024 ? Application.drop : Application.forward)
 * })
 *
 * const program = Effect.gen(function*() {
 *   const one = yield* Cluster.make({ application: guard })
 *   yield* one.ready
 *   const two = yield* Cluster.make({ join: [`127.0.0.1:${one.address.port}`] })
 *   yield* two.ready
 *   // a Node is the root of its own id
 *   const error = yield* Effect.flip(
 *     one.sendConfirmed({ key: two.id, purpose: 16, value: new Uint8Array(2000) })
 *   )
 *   return error.reason._tag
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer))) // => "Dropped"
 * ```
 *
 * @category forwarding
 * @since 0.1.0
 */
export const drop: Forward<never> = { _tag: "Drop" }

/**
 * Another message goes on in its place: of the same sender, with the same receipt, but with another key, purpose or
 * value.
 *
 * **Details**
 *
 * A change that cannot be (a purpose below 16, a value that is too large or does not fit its definition) is told to
 * `onError` with `CallbackFailed`, and the message goes on as it was.
 *
 * **Gotchas**
 *
 * A confirmed message may come by again when its receipt is late, by another way: only what every Node on every way
 * would do to it is done to it for certain. Under a new key it may be delivered at both keys then.
 *
 * **Example** (Marking what goes through)
 *
 * ```ts
 * import { Effect, Queue, Schema } from "effect"
 * import { Application, Cluster, MemoryTransport, Message } from "effect-wendy"
 *
 * const Chat = Message.make("Chat", { purpose: 16, value: Schema.Struct({ text: Schema.String }) })
 *
 * const marking = Application.make({
 *   message: Chat,
 *   onForward: ({ value }) => Effect.succeed(Application.replace({ value: { text: `${value.text}!` } }))
 * })
 *
 * const program = Effect.gen(function*() {
 *   const one = yield* Cluster.make({ application: marking })
 *   yield* one.ready
 *   const two = yield* Cluster.make({ join: [`127.0.0.1:${one.address.port}`] })
 *   yield* two.ready
 *   const texts = yield* Queue.unbounded<string>()
 *   yield* two.register({ message: Chat, onDeliver: ({ value }) => Queue.offer(texts, value.text) })
 *   // a Node is the root of its own id
 *   yield* one.sendConfirmed(Chat.make(two.id, { text: "hello" }))
 *   return yield* Queue.take(texts)
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer))) // => "hello!"
 * ```
 *
 * @category forwarding
 * @since 0.1.0
 */
export const replace = <A>(changes: Changes<A>): Forward<A> => ({ _tag: "Replace", changes })
