/**
 * Application: what the overlay calls when something happens at this Node.
 *
 * Any number of applications may be registered with a Node, at its start
 * (`Cluster.Options.application`) or later (`cluster.register`,
 * `Cluster.layerApplication`). Each has a mailbox of its own for what happened.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type { ClusterError, ExitReason } from "./protocol/ClusterEvent.ts"
import type { Definition, Message, Raw } from "./protocol/Message.ts"
import type * as Node from "./ring/Node.ts"
import type * as NodeId from "./ring/NodeId.ts"

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
 * With a `message` the application gets the messages of that definition only, decoded; without one it gets all, as bytes.
 *
 * No callback can harm its Node, nor another application. One that fails, throws, or does not return in time is
 * reported by `onError`, and:
 *
 * - `onDeliver` (`deliverTimeout`, 10 s): the sender of a confirmed message gets `NotConfirmed` with `DeliveryFailed`.
 *   Several run at once, up to `maxDelivering`.
 * - `onForward` (`forwardTimeout`, 1 s): the message goes on as it is.
 * - the others (`callbackTimeout`, 10 s): the next event follows. They run one after another, in order; of an application that
 *   is more than 1,024 events behind the oldest are dropped, and it is told so.
 *
 * A callback may use the cluster: send, register, even leave.
 *
 * **Gotchas**
 *
 * One thread runs everything: a callback that computes for long without yielding holds up its whole process.
 *
 * **Example**
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Application, Message } from "effect-wendy"
 *
 * const Chat = Message.define("Chat", { purpose: 16, value: Schema.Struct({ text: Schema.String }) })
 *
 * const chat = Application.make({
 *   message: Chat,
 *   onDeliver: (message) => Effect.log(`${message.from}: ${message.value.text}`),
 *   onNodeExit: (node, reason) => Effect.log(`${node.id} is gone: ${reason}`)
 * })
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Application<in out A = Uint8Array, out R = never> {
  /** What to call it in errors. */
  readonly name?: string | undefined
  /** The kind of message that it gets. Without one: all, as bytes. */
  readonly message?: Definition<A> | undefined
  /** A message reached this Node, the root of its key, or was sent directly to it. */
  readonly onDeliver?: ((message: Message<A>) => Effect.Effect<unknown, unknown, R>) | undefined
  /**
   * A message is about to be sent on from here to `next`: also one's own, but not one that is delivered here. Asked once a
   * Node, whatever comes of the way; where several applications answer, each sees what the earlier ones made of it.
   * Messages may overtake each other while an application thinks.
   */
  readonly onForward?: ((message: Message<A>, next: Node.Node) => Effect.Effect<Forward<A>, unknown, R>) | undefined
  /** `onForward` without an effect: for the hot path. Asked first where there are both. */
  readonly onForwardSync?: ((message: Message<A>, next: Node.Node) => Forward<A>) | undefined
  /** The leaf set changed; each side nearest first. */
  readonly onNewLeaves?:
    | ((left: ReadonlyArray<Node.Node>, right: ReadonlyArray<Node.Node>) => Effect.Effect<unknown, unknown, R>)
    | undefined
  /** A Node entered this Node's tables. */
  readonly onNodeJoin?: ((node: Node.Node) => Effect.Effect<unknown, unknown, R>) | undefined
  /** A Node that had entered is gone. For each `onNodeJoin` there is one, but when this Node itself ends. */
  readonly onNodeExit?: ((node: Node.Node, reason: ExitReason) => Effect.Effect<unknown, unknown, R>) | undefined
  /** A neighbour's heartbeat: it asked for its lease, as it does every `renewal`. */
  readonly onHeartbeat?: ((from: Node.Node) => Effect.Effect<unknown, unknown, R>) | undefined
  /** Something went wrong that this Node survives. */
  readonly onError?: ((error: ClusterError) => Effect.Effect<unknown, unknown, R>) | undefined
}

/**
 * An application, whatever its messages are, that needs no services.
 *
 * @category models
 * @since 0.1.0
 */
export type Any = Application<any>

/**
 * An application, with the types of its callbacks inferred from its `message`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A = Uint8Array, R = never>(application: Application<A, R>): Application<A, R> => application

/**
 * What an application does with a message that is about to be sent on.
 *
 * @category models
 * @since 0.1.0
 */
export type Forward<A = Uint8Array> =
  | { readonly _tag: "Forward" }
  | { readonly _tag: "Drop" }
  | { readonly _tag: "Replace"; readonly changes: Changes<A> }

/**
 * What is different about a message that goes on in another's place.
 *
 * @category models
 * @since 0.1.0
 */
export interface Changes<A = Uint8Array> {
  readonly key?: NodeId.NodeId | undefined
  readonly purpose?: Raw["purpose"] | undefined
  readonly value?: A | undefined
}

/**
 * The message goes on as it is.
 *
 * @category forwarding
 * @since 0.1.0
 */
export const forward: Forward<never> = { _tag: "Forward" }

/**
 * The message ends here. The sender of a confirmed one gets `NotConfirmed` with `Dropped`.
 *
 * @category forwarding
 * @since 0.1.0
 */
export const drop: Forward<never> = { _tag: "Drop" }

/**
 * Another message goes on in its place: of the same sender, with the same receipt, but with another key, purpose or value.
 *
 * **Gotchas**
 *
 * A confirmed message may come by again when its receipt is late, by another way: only what every Node on every way would do to it
 * is done to it for certain. Under a new key it may be delivered at both keys then.
 *
 * @category forwarding
 * @since 0.1.0
 */
export const replace = <A>(changes: Changes<A>): Forward<A> => ({ _tag: "Replace", changes })
