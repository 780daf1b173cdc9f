/**
 * Cluster: one Node of a self-organising ring, as an Effect service.
 *
 * A Node listens, joins through any Node that it knows, and answers for the keys
 * that are numerically closest to its id (Rowstron, Druschel, "Pastry", Middleware
 * 2001); the rules are in `docs/protocol.md`. It needs a `Transport`. Several Nodes
 * may live in one process: `make` starts one a call.
 *
 * Not for programs that only send (`Client`) or only look (`Inspector`).
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { checkName } from "./Acceptors.ts"
import * as Heartbeat from "./actors/Heartbeat.ts"
import { Join } from "./actors/Join.ts"
import { Links } from "./actors/Links.ts"
import { sessionFailure, windowOf } from "./actors/LinkSessions.ts"
import * as Listener from "./actors/Listener.ts"
import { Mailboxes } from "./actors/Mailboxes.ts"
import { type Counters, NodeState } from "./actors/NodeState.ts"
import { Router } from "./actors/Router.ts"
import * as StateTables from "./actors/StateTables.ts"
import { Upcalls } from "./actors/Upcalls.ts"
import * as Applications from "./Applications.ts"
import * as Liveness from "./core/Liveness.ts"
import * as Membership from "./core/Membership.ts"
import * as Messaging from "./core/Messaging.ts"
import type { Change as OwnershipChange, Owned as Ownership } from "./core/OwnedKeys.ts"
import * as Crashes from "./Crashes.ts"
import * as Environment from "./Environment.ts"
import * as OwnAddresses from "./OwnAddresses.ts"
import type * as Address from "./protocol/Address.ts"
import type * as Application from "./protocol/Application.ts"
import type * as Authorization from "./protocol/Authorization.ts"
import * as Certificates from "./protocol/Certificates.ts"
import type { ClusterConfig, Input, WendyConfigError } from "./protocol/ClusterConfig.ts"
import type { ClusterEvent } from "./protocol/ClusterEvent.ts"
import type * as Credentials from "./protocol/Credentials.ts"
import type { WendyEndedError } from "./protocol/EndedError.ts"
import * as Expiry from "./protocol/Expiry.ts"
import * as Handshake from "./protocol/Handshake.ts"
import type { WendyJoinError } from "./protocol/JoinError.ts"
import {
  type ClientAddress,
  type Definition,
  type DeliveryClass,
  encode,
  type Message,
  type OutgoingMessage,
  type RawMessage,
  type Receipt,
  type ReplyOf,
  type WendyDeliveryError,
  WendyMessageError,
  type WendyPurposeError,
  withReply
} from "./protocol/Message.ts"
import { checkAddresses, checkConfig, WendyOptionError } from "./protocol/OptionError.ts"
import * as Purposes from "./protocol/Purposes.ts"
import * as Relayed from "./protocol/Relayed.ts"
import type { Acceptor, Session, WendySessionError, Window } from "./protocol/Session.ts"
import * as Relay from "./Relay.ts"
import * as LeafSet from "./ring/LeafSet.ts"
import { nextHop } from "./ring/NextHop.ts"
import * as Node from "./ring/Node.ts"
import * as NodeId from "./ring/NodeId.ts"
import * as Services from "./Services.ts"
import * as Settings from "./Settings.ts"
import { expiryOf, makeIdentity, makeSecurity, randomId } from "./transport/Identity.ts"
import { type Identity, maxFrameSizeFor } from "./transport/Link.ts"
import type * as Security from "./transport/Security.ts"
import { Transport, type WendyListenError } from "./transport/Transport.ts"

export type { Counters } from "./actors/NodeState.ts"
export type {
  Change as OwnershipChange,
  Epoch,
  Interval,
  Owned as Ownership,
  Reason as OwnershipReason
} from "./core/OwnedKeys.ts"
export { ClusterError, ClusterEvent, ExitReason } from "./protocol/ClusterEvent.ts"
export { WendyEndedError } from "./protocol/EndedError.ts"
export { WendyJoinError } from "./protocol/JoinError.ts"
export { WendyOptionError } from "./protocol/OptionError.ts"

/**
 * One Node of a cluster.
 *
 * **When to use**
 *
 * For every server that is to answer for keys. Build it with `layer`, or with `make` where one process has several.
 *
 * **Details**
 *
 * A Node is usable as soon as it is made: messages that are sent before it is ready are held until it has joined, at
 * most for `hold` (120 s). When its scope closes it leaves, within a second.
 *
 * **Gotchas**
 *
 * A message is delivered whether or not anybody listens at its root: where a Node has no application for a kind of
 * message, and nobody subscribed to `deliveries`, its receipt says delivered all the same. Register what serves a
 * message at the start (`Options.application`, `Application.layer`).
 *
 * **Example** (Two Nodes and a message)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cluster, MemoryTransport, NodeId } from "effect-wendy"
 *
 * const program = Effect.gen(function*() {
 *   const one = yield* Cluster.make()
 *   yield* one.ready
 *   const two = yield* Cluster.make({ join: [`127.0.0.1:${one.address.port}`] })
 *   yield* two.ready
 *
 *   const key = NodeId.fromString("room:42")
 *   const receipt = yield* one.sendConfirmed({ key, purpose: 16, value: new Uint8Array([1]) })
 *   const closest = NodeId.isCloser(key, one.id, two.id) ? one : two
 *   return receipt.root.hex === closest.id.hex
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer))) // => true
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class Cluster extends Context.Service<Cluster, {
  /** Its place on the ring. */
  readonly id: NodeId.NodeId
  /** Where Nodes of the same Region reach it, with the port that is really bound. */
  readonly address: Address.Address
  /** This Node as others know it. Its incarnation may rise while it joins (rule J8). */
  readonly node: Effect.Effect<Node.Node>
  /**
   * Completes when this Node is ready for the first time: it has joined, and answers for its part of the ring. Fails
   * with `WendyJoinError` when it cannot: `Timeout`, `Refused`, `IdInUse` or `Closed`.
   *
   * **Gotchas**
   *
   * It says nothing of now: a Node that lost its leases joins again while `ready` stays complete. See `isReady` and the
   * events `Ready` and `NotReady`. After `Timeout` the Node goes on trying until its scope closes, after
   * `Refused` it does not.
   *
   * **Example** (Nobody there)
   *
   * ```ts
   * import { Effect } from "effect"
   * import { Cluster, MemoryTransport } from "effect-wendy"
   *
   * const program = Effect.gen(function*() {
   *   const cluster = yield* Cluster.make({ join: ["127.0.0.1:1"], joinTimeout: "100 millis" })
   *   return yield* cluster.ready.pipe(
   *     Effect.as("ready"),
   *     Effect.catchTag("WendyJoinError", ({ reason }) => Effect.succeed(reason._tag))
   *   )
   * })
   *
   * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer))) // => "Timeout"
   * ```
   */
  readonly ready: Effect.Effect<void, WendyJoinError>
  /**
   * Completes when this Node has ended: after it has left, or with its scope. Fails with `WendyEndedError` when it ended by itself.
   */
  readonly ended: Effect.Effect<void, WendyEndedError>
  /** Whether it is ready now; false once it leaves or has ended. */
  readonly isReady: Effect.Effect<boolean>
  /**
   * Whether it is the root of a key now (rule R1): the Node that delivers messages for it.
   *
   * **Example** (Who answers for a key?)
   *
   * ```ts
   * import { Effect } from "effect"
   * import { Cluster, MemoryTransport, NodeId } from "effect-wendy"
   *
   * const program = Effect.gen(function*() {
   *   const one = yield* Cluster.make()
   *   yield* one.ready
   *   const two = yield* Cluster.make({ join: [`127.0.0.1:${one.address.port}`] })
   *   yield* two.ready
   *   const key = NodeId.fromString("room:42")
   *   return (yield* one.covers(key)) !== (yield* two.covers(key))
   * })
   *
   * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer))) // => true
   * ```
   */
  readonly covers: (key: NodeId.NodeId) => Effect.Effect<boolean>
  /**
   * The Node to which a message for a key would go next from here; none when this Node is its root, or knows nobody
   * closer. Sends nothing. For the whole way, hop by hop, see `Inspector.route`.
   *
   * **Example** (The next hop)
   *
   * ```ts
   * import { Effect, Option, Stream } from "effect"
   * import { Cluster, MemoryTransport } from "effect-wendy"
   *
   * const program = Effect.gen(function*() {
   *   const one = yield* Cluster.make()
   *   yield* one.ready
   *   const two = yield* Cluster.make({ join: [`127.0.0.1:${one.address.port}`] })
   *   yield* two.ready
   *   yield* one.events.pipe(Stream.filter((event) => event._tag === "NodeJoined"), Stream.runHead)
   *   // a Node is the root of its own id
   *   const next = yield* one.nextHop(two.id)
   *   return Option.map(next, ({ hex }) => hex === two.id.hex)
   * })
   *
   * const isTwo = await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer)))
   * isTwo // => Option.some(true)
   * ```
   */
  readonly nextHop: (key: NodeId.NodeId) => Effect.Effect<Option.Option<Node.Node>>
  /**
   * Sends a message towards its key; completes when this Node has taken custody. Waits while `maxOwn` (4,096) own
   * messages have not been taken by another Node.
   *
   * **When to use**
   *
   * For messages of which the loss of some is bearable: what a Node holds when it dies is lost with it. Else
   * `sendConfirmed`.
   *
   * **Details**
   *
   * Fails with `WendyMessageError` when the message cannot be sent as it is, or this Node has ended (`Closed`). What
   * becomes of it on its way the sender is not told.
   *
   * **Example** (Without a copy on the way)
   *
   * ```ts
   * import { Effect } from "effect"
   * import { Cluster, MemoryTransport, NodeId } from "effect-wendy"
   *
   * const program = Effect.gen(function*() {
   *   const cluster = yield* Cluster.make()
   *   yield* cluster.ready
   *   const message = { key: NodeId.fromString("room:42"), purpose: 16, value: new Uint8Array([1]) }
   *   const exit = yield* Effect.exit(cluster.send(message, { delivery: "atMostOnce" }))
   *   return exit._tag
   * })
   *
   * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer))) // => "Success"
   * ```
   */
  readonly send: (message: OutgoingMessage, options?: SendOptions) => Effect.Effect<void, WendyMessageError>
  /**
   * Sends many messages; completes when all are taken, 256 at once, waiting as `send` does. A message that cannot be
   * sent as it is stops all before any is taken.
   *
   * **Gotchas**
   *
   * They are sent in order, but may overtake each other on their way. When the Node ends while it waits (`Closed`),
   * those before may have been taken.
   *
   * **Example** (Many messages)
   *
   * ```ts
   * import { Effect, Queue, Schema } from "effect"
   * import { Cluster, MemoryTransport, Message, NodeId } from "effect-wendy"
   *
   * const Chat = Message.make("Chat", { purpose: 16, value: Schema.Struct({ text: Schema.String }) })
   *
   * const program = Effect.gen(function*() {
   *   const cluster = yield* Cluster.make()
   *   yield* cluster.ready
   *   const texts = yield* Queue.unbounded<string>()
   *   yield* cluster.register({ message: Chat, onDeliver: ({ value }) => Queue.offer(texts, value.text) })
   *   yield* cluster.sendAll(["a", "b", "c"].map((text) => Chat.make(NodeId.fromString(text), { text })))
   *   return (yield* Queue.takeN(texts, 3)).toSorted()
   * })
   *
   * const texts = await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer)))
   * texts // => ["a", "b", "c"]
   * ```
   */
  readonly sendAll: (
    messages: ReadonlyArray<OutgoingMessage>,
    options?: SendOptions
  ) => Effect.Effect<void, WendyMessageError>
  /**
   * Sends a message and waits for the receipt of its root. The message survives any crash but this Node's. Default
   * deadline: `confirmDeadline`, 30 s.
   *
   * **Details**
   *
   * It is sent again when its receipt is late (rule C2). A root handles it once as long as it lives, and tells the next one
   * when its keys pass on (C1, C5): so it is delivered at least once, and twice only if its root is lost after the handler
   * has ended and before the receipt has come. Fails with `WendyMessageError` when the
   * message cannot be sent as it is, and with `WendyDeliveryError` when it has no receipt: `Deadline` and `Closed` leave open
   * whether it was delivered; `DeliveryFailed`, `BadValue` and `Dropped` come from its way. `Forbidden` is for clients
   * alone, and `Unreachable` for `sendDirect`.
   *
   * **Gotchas**
   *
   * Who is interrupted here takes nothing back: the message goes on being sent until its deadline.
   *
   * **Example** (A receipt)
   *
   * ```ts
   * import { Effect } from "effect"
   * import { Cluster, MemoryTransport } from "effect-wendy"
   *
   * const program = Effect.gen(function*() {
   *   const one = yield* Cluster.make()
   *   yield* one.ready
   *   const two = yield* Cluster.make({ join: [`127.0.0.1:${one.address.port}`] })
   *   yield* two.ready
   *   // a Node is the root of its own id
   *   const message = { key: two.id, purpose: 16, value: new Uint8Array([1]) }
   *   const { hops, root } = yield* one.sendConfirmed(message, { deadline: "5 seconds" })
   *   return [hops, root.hex === two.id.hex]
   * })
   *
   * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer))) // => [1, true]
   * ```
   */
  readonly sendConfirmed: <M extends OutgoingMessage>(
    message: M,
    options?: { readonly deadline?: Duration.Input | undefined }
  ) => Effect.Effect<Receipt<ReplyOf<M>>, WendyMessageError | WendyDeliveryError>
  /**
   * Sends a message to a Node, whoever is the root of its key, and waits for its receipt, as `sendConfirmed` does.
   * Meant is this life of the Node: one that has started again is `Unreachable` under its old incarnation.
   *
   * **Example** (To a neighbour)
   *
   * ```ts
   * import { Effect } from "effect"
   * import { Cluster, MemoryTransport } from "effect-wendy"
   *
   * const program = Effect.gen(function*() {
   *   const one = yield* Cluster.make()
   *   yield* one.ready
   *   const two = yield* Cluster.make({ join: [`127.0.0.1:${one.address.port}`] })
   *   yield* two.ready
   *   // by its key this one would stay here
   *   const message = { key: one.id, purpose: 16, value: new Uint8Array([1]) }
   *   const { root } = yield* one.sendDirect(yield* two.node, message)
   *   return root.hex === two.id.hex
   * })
   *
   * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer))) // => true
   * ```
   */
  readonly sendDirect: <M extends OutgoingMessage>(
    node: Node.Node,
    message: M,
    options?: { readonly deadline?: Duration.Input | undefined }
  ) => Effect.Effect<Receipt<ReplyOf<M>>, WendyMessageError | WendyDeliveryError>
  /**
   * Sends a message to each of these Nodes, whoever is the root of its key; completes when this Node has taken custody,
   * waiting as `send` does. It is encoded once.
   *
   * **When to use**
   *
   * To reach many Nodes at once with what may be lost; where each has to say that it has it, `sendDirect`.
   *
   * **Details**
   *
   * Meant is this life of each Node. What is for one that has ended, or cannot be reached, is lost without a word.
   *
   * **Example** (To all Nodes that are known)
   *
   * ```ts
   * import { Deferred, Effect, Schema, Stream } from "effect"
   * import { Cluster, MemoryTransport, Message } from "effect-wendy"
   *
   * const News = Message.make("News", { value: Schema.String })
   *
   * const program = Effect.gen(function*() {
   *   const one = yield* Cluster.make()
   *   yield* one.ready
   *   const two = yield* Cluster.make({ join: [`127.0.0.1:${one.address.port}`] })
   *   yield* two.ready
   *   const news = yield* Deferred.make<string>()
   *   yield* two.register({ message: News, onDeliver: ({ value }) => Deferred.succeed(news, value) })
   *   yield* one.events.pipe(Stream.filter((event) => event._tag === "NodeJoined"), Stream.runHead)
   *   const nodes = (yield* one.nodes).map(({ node }) => node)
   *   yield* one.sendDirectAll(nodes, News.make(one.id, "it works"))
   *   return yield* Deferred.await(news)
   * })
   *
   * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer))) // => "it works"
   * ```
   */
  readonly sendDirectAll: (
    nodes: ReadonlyArray<Node.Node>,
    message: OutgoingMessage,
    options?: SendOptions
  ) => Effect.Effect<void, WendyMessageError>
  /**
   * Sends a message to a client that takes messages (`Client.register`), by way of the Node to which it is connected, and
   * waits for its receipt, as `sendConfirmed` does. The value may have 64 bytes less.
   *
   * **Details**
   *
   * Its key means nothing on the way: the client is told it. Fails with `Unreachable` when the client is not connected there
   * (any more). The receipt names the Node to which it is connected as `root`.
   *
   * **Example** (An answer later)
   *
   * ```ts
   * import { Deferred, Effect, Schema } from "effect"
   * import { Client, Cluster, MemoryTransport, Message, NodeId } from "effect-wendy"
   *
   * const Order = Message.make("Order", { value: Schema.String })
   * const Done = Message.make("Done", { value: Schema.String })
   *
   * const program = Effect.gen(function*() {
   *   const cluster = yield* Cluster.make()
   *   yield* cluster.ready
   *   yield* cluster.register({
   *     message: Order,
   *     onDeliver: ({ client, key, value }) =>
   *       Effect.forkDetach(cluster.sendToClient(client!, Done.make(key, `${value} is ready`)))
   *   })
   *   const client = yield* Client.make({ to: [`127.0.0.1:${cluster.address.port}`] })
   *   const done = yield* Deferred.make<string>()
   *   yield* client.register({ message: Done, onDeliver: ({ value }) => Deferred.succeed(done, value) })
   *   yield* client.sendConfirmed(Order.make(NodeId.fromString("table 4"), "tea"))
   *   return yield* Deferred.await(done)
   * })
   *
   * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer))) // => "tea is ready"
   * ```
   */
  readonly sendToClient: <M extends OutgoingMessage>(
    client: ClientAddress,
    message: M,
    options?: { readonly deadline?: Duration.Input | undefined }
  ) => Effect.Effect<Receipt<ReplyOf<M>>, WendyMessageError | WendyDeliveryError>
  /**
   * Begins a session with this life of a Node: an ordered channel in both directions, see `Session`. Completes when the
   * other end has accepted; the session ends with the scope.
   *
   * **When to use**
   *
   * For streams of messages between the same two Nodes, which have to keep their order; where each is for the root of a
   * key, `sendAll`.
   *
   * **Gotchas**
   *
   * It lives as long as the connection that it runs over, and what the other end had not taken then is lost to it: the
   * error says how much is known to have been taken.
   */
  readonly openSession: (
    node: Node.Node,
    name: string,
    options?: { readonly window?: Window | undefined }
  ) => Effect.Effect<Session, WendySessionError, Scope.Scope>
  /**
   * Accepts the sessions of a name that other Nodes begin, and clients where that is allowed, as long as the scope is open.
   * Fails when the name is taken at this Node, or too long.
   */
  readonly acceptSessions: <R = never>(acceptor: Acceptor<R>) => Effect.Effect<void, WendyOptionError, R | Scope.Scope>
  /**
   * All messages delivered at this Node, as bytes, from the moment of subscription on.
   *
   * **When to use**
   *
   * To follow messages for a while. Receipts do not wait until the consumer has worked on them: for that there is an
   * `Application`.
   *
   * **Gotchas**
   *
   * A consumer that takes nothing holds up deliveries at this Node, and their receipts, once `maxDelivering` (1,024)
   * messages wait for it.
   */
  readonly deliveries: Stream.Stream<Message>
  /**
   * The messages of a definition delivered at this Node, decoded, from the moment of subscription on: as `deliveries`.
   * Fails with `WendyPurposeError` when this Node uses another definition under its purpose.
   *
   * **Example** (The first message of a kind)
   *
   * ```ts
   * import { Effect, Fiber, Option, Schema, Stream } from "effect"
   * import { Cluster, MemoryTransport, Message, NodeId } from "effect-wendy"
   *
   * const Chat = Message.make("Chat", { purpose: 16, value: Schema.Struct({ text: Schema.String }) })
   *
   * const program = Effect.gen(function*() {
   *   const cluster = yield* Cluster.make()
   *   yield* cluster.ready
   *   const first = yield* cluster.deliveriesOf(Chat).pipe(
   *     Stream.runHead,
   *     Effect.forkChild({ startImmediately: true })
   *   )
   *   yield* cluster.sendConfirmed(Chat.make(NodeId.fromString("room:42"), { text: "hello" }))
   *   return Option.map(yield* Fiber.join(first), ({ value }) => value.text)
   * })
   *
   * const text = await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer)))
   * text // => Option.some("hello")
   * ```
   */
  readonly deliveriesOf: <A, Reply>(definition: Definition<A, Reply>) => Stream.Stream<Message<A>, WendyPurposeError>
  /**
   * Registers an application as long as the scope is open. It hears of what happens from then on. Fails with
   * `WendyPurposeError` when this Node uses another definition under the purpose of its `message`.
   *
   * **Gotchas**
   *
   * When no application is left that serves a kind of message, later ones of that kind fail with `DeliveryFailed` here,
   * for to call them delivered would be to lose them.
   *
   * **Example** (An application for a while)
   *
   * ```ts
   * import { Effect, Ref } from "effect"
   * import { Cluster, MemoryTransport, NodeId } from "effect-wendy"
   *
   * const program = Effect.gen(function*() {
   *   const cluster = yield* Cluster.make()
   *   yield* cluster.ready
   *   const count = yield* Ref.make(0)
   *   const message = { key: NodeId.fromString("room:42"), purpose: 16, value: new Uint8Array([1]) }
   *   yield* Effect.scoped(Effect.gen(function*() {
   *     yield* cluster.register({ onDeliver: () => Ref.update(count, (n) => n + 1) })
   *     yield* cluster.sendConfirmed(message)
   *   }))
   *   return yield* Ref.get(count)
   * })
   *
   * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer))) // => 1
   * ```
   */
  readonly register: <A = Uint8Array, R = never, Reply = undefined>(
    application: Application.Application<A, R, Reply>
  ) => Effect.Effect<void, WendyPurposeError, R | Scope.Scope>
  /**
   * What happens at this Node, in order: the newest 1,024 events so far, and then what comes. Of a consumer that is
   * more than 8,192 behind the oldest are dropped.
   *
   * **Example** (Until another Node has joined)
   *
   * ```ts
   * import { Effect, Option, Stream } from "effect"
   * import { Cluster, MemoryTransport } from "effect-wendy"
   *
   * const program = Effect.gen(function*() {
   *   const one = yield* Cluster.make()
   *   yield* one.ready
   *   const two = yield* Cluster.make({ join: [`127.0.0.1:${one.address.port}`] })
   *   const joined = yield* one.events.pipe(
   *     Stream.filter((event) => event._tag === "NodeJoined"),
   *     Stream.runHead
   *   )
   *   return Option.map(joined, ({ node }) => node.hex === two.id.hex)
   * })
   *
   * const isTwo = await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer)))
   * isTwo // => Option.some(true)
   * ```
   */
  readonly events: Stream.Stream<ClusterEvent>
  /**
   * The leaf set, the Nodes around this one: up to `leafSetSide` (16) on each side, nearest first. Left is
   * counter-clockwise. In a small ring a Node may stand on both sides.
   */
  readonly leafSet: Effect.Effect<{
    readonly left: ReadonlyArray<Node.Node>
    readonly right: ReadonlyArray<Node.Node>
  }>
  /**
   * Whether a Node is up, from now on and each time that this changes, as long as somebody listens: this life of it,
   * whether or not it stands in a table.
   *
   * **When to use**
   *
   * To end what depends on another Node when that ends: a session, a child, a lock. Of all Nodes of the tables
   * `events` tells.
   *
   * **Details**
   *
   * It is asked every `renewal` (2 s) while nothing else is heard of it. `down` comes at once when its process ends, and
   * when it leaves, or after `renewal + (probeRetries + 1) * probe` (5 s) of silence. After silence it may come `up`
   * again; a life that has ended does not.
   *
   * **Example** (A Node that ends)
   *
   * ```ts
   * import { Effect, Fiber, Stream } from "effect"
   * import { Cluster, MemoryTransport } from "effect-wendy"
   * import { kill } from "effect-wendy/testing"
   *
   * const program = Effect.gen(function*() {
   *   const one = yield* Cluster.make()
   *   yield* one.ready
   *   const two = yield* Cluster.make({ join: [`127.0.0.1:${one.address.port}`] })
   *   yield* two.ready
   *   const seen = yield* one.monitor(yield* two.node).pipe(
   *     Stream.tap((status) => status === "up" ? kill(two) : Effect.void),
   *     Stream.take(2),
   *     Stream.runCollect,
   *     Effect.forkChild
   *   )
   *   return [...(yield* Fiber.join(seen))]
   * })
   *
   * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer))) // => ["up", "down"]
   * ```
   */
  readonly monitor: (node: Node.Node) => Stream.Stream<"up" | "down">
  /**
   * The keys that this Node answers for now: at most one interval, since when, and under which epoch, which grows each
   * time that keys come to it.
   *
   * **Example** (All keys)
   *
   * ```ts
   * import { Effect } from "effect"
   * import { Cluster, MemoryTransport } from "effect-wendy"
   *
   * const program = Effect.gen(function*() {
   *   const cluster = yield* Cluster.make()
   *   yield* cluster.ready
   *   const { epoch, interval } = yield* cluster.ownership
   *   return [interval !== undefined, epoch.number]
   * })
   *
   * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer))) // => [true, 1]
   * ```
   */
  readonly ownership: Effect.Effect<Ownership>
  /**
   * The changes of `ownership`, from the moment of subscription on: which keys came and went, from or to whom, and why.
   *
   * **When to use**
   *
   * Where a root holds state: it fetches what comes to it, and gives away or forgets what goes.
   *
   * **Details**
   *
   * Each is told in the same turn in which coverage changes, but for a lease that runs out: `covers` says so at once, and
   * this within a millisecond or two. Of a consumer that is more than 1,024 behind the oldest are dropped.
   *
   * **Example** (A Node joins, and takes a part)
   *
   * ```ts
   * import { Effect, Fiber, Option, Stream } from "effect"
   * import { Cluster, MemoryTransport } from "effect-wendy"
   *
   * const program = Effect.gen(function*() {
   *   const one = yield* Cluster.make()
   *   yield* one.ready
   *   const change = yield* one.ownershipChanges.pipe(
   *     Stream.runHead,
   *     Effect.forkChild({ startImmediately: true })
   *   )
   *   const two = yield* Cluster.make({ join: [`127.0.0.1:${one.address.port}`] })
   *   yield* two.ready
   *   return Option.map(yield* Fiber.join(change), ({ others, why }) => [why, others[0]?.hex === two.id.hex])
   * })
   *
   * const change = await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer)))
   * change // => Option.some(["joined", true])
   * ```
   */
  readonly ownershipChanges: Stream.Stream<OwnershipChange>
  /**
   * Every Node in this Node's tables: leaf set, routing table and neighborhood set. Of a large cluster that is a small
   * part.
   *
   * **Example** (Whom a Node knows)
   *
   * ```ts
   * import { Effect, Stream } from "effect"
   * import { Cluster, MemoryTransport } from "effect-wendy"
   *
   * const program = Effect.gen(function*() {
   *   const one = yield* Cluster.make()
   *   yield* one.ready
   *   const two = yield* Cluster.make({ join: [`127.0.0.1:${one.address.port}`] })
   *   yield* two.ready
   *   yield* one.events.pipe(Stream.filter((event) => event._tag === "NodeJoined"), Stream.runHead)
   *   const known = yield* one.nodes
   *   return known.map(({ node }) => node.hex === two.id.hex)
   * })
   *
   * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer))) // => [true]
   * ```
   */
  readonly nodes: Effect.Effect<ReadonlyArray<KnownNode>>
  /**
   * How much is under way, and what happened at the bounds.
   *
   * **Example** (Nothing is under way)
   *
   * ```ts
   * import { Effect } from "effect"
   * import { Cluster, MemoryTransport } from "effect-wendy"
   *
   * const program = Effect.gen(function*() {
   *   const cluster = yield* Cluster.make()
   *   yield* cluster.ready
   *   const { custody, unresolved } = yield* cluster.statistics
   *   return [custody, unresolved]
   * })
   *
   * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer))) // => [0, 0]
   * ```
   */
  readonly statistics: Effect.Effect<Statistics>
  /**
   * Uses other credentials of the same kind from now on, to replace a passphrase, a certificate or an authority while the
   * cluster runs. All ends prove anew who they are: every connection says goodbye, and is opened again when it is needed.
   * What is under way is not lost. Fails with a `WendyOptionError` for credentials that this Node could not start with; those
   * from before stay then.
   *
   * **Details**
   *
   * Two Nodes that do not believe each other any more lose each other. So first all accept both, the old ones and the
   * new, then all show the new, and then all forget the old.
   *
   * **Example** (A new passphrase)
   *
   * ```ts
   * import { Effect, Redacted } from "effect"
   * import { Cluster, Credentials, MemoryTransport } from "effect-wendy"
   *
   * const [old, young] = [Redacted.make("the passphrase from before"), Redacted.make("another passphrase")]
   *
   * const program = Effect.gen(function*() {
   *   const cluster = yield* Cluster.make({ credentials: Credentials.passphrase(old) })
   *   yield* cluster.useCredentials(Credentials.passphrase([old, young])) // at all Nodes, and then
   *   yield* cluster.useCredentials(Credentials.passphrase([young, old])) // at all Nodes, and then
   *   yield* cluster.useCredentials(Credentials.passphrase(young))
   * })
   *
   * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer)))
   * ```
   */
  readonly useCredentials: (credentials: Credentials.Credentials) => Effect.Effect<void, WendyOptionError>
  /**
   * Leaves: stops to answer, hands over, and waits (at most 1 s) until the neighbours have closed the gap. Closing the
   * scope does so too. Who calls it again waits for the same end.
   */
  readonly leave: Effect.Effect<void>
}>()("effect-wendy/Cluster") {}

/**
 * How to run a Node. All of it may be left out.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Its place on the ring. Default: random. Two living Nodes must not have the same one. */
  readonly id?: NodeId.NodeId | undefined
  /**
   * Where Nodes of the same Region reach this one: an address or a name, at most 255 characters. Default: `bind`, or an
   * address of this machine where that stands for all of them, or 127.0.0.1. Others try it before they let the Node in. It stays for the life of the Node: where the address of a machine changes, make the Node anew, under the same id.
   */
  readonly localHost?: string | undefined
  /** Where all others reach it. Default: `localHost`. */
  readonly globalHost?: string | undefined
  /** Where it listens: an address of this machine, or `0.0.0.0` or `::` for all of them. Default: `localHost`. */
  readonly bind?: string | undefined
  /** Where it listens and is reached. Default 0: a free one is bound, and others learn which. */
  readonly port?: number | undefined
  /** The name of its Region, at most 64 characters: Nodes of one Region use their local hosts. Default "". */
  readonly region?: string | undefined
  /**
   * Seeds as `HOST:PORT` or `[IPV6]:PORT`; all addresses of a name are seeds. Without any this Node starts a ring of its
   * own; its own addresses are skipped.
   *
   * **Details**
   *
   * Lists may differ. When no seed has a ring, those that find each other agree on one that starts it (rules B1 to B5).
   */
  readonly join?: ReadonlyArray<string> | undefined
  /** After this `ready` fails with `Timeout`. Default: it tries for ever. */
  readonly joinTimeout?: Duration.Input | undefined
  /** The name of the cluster, at most 64 characters; Nodes of other names are refused. Default "wendy". */
  readonly cluster?: string | undefined
  /** How to prove that one belongs to the cluster; all Nodes need the same kind. Default: `Credentials.none`. */
  readonly credentials?: Credentials.Credentials | undefined
  /** Who of those that have good credentials may come in, and what clients may send. Default: all of them, anything. */
  readonly authorization?: Authorization.Authorization | undefined
  /** Registered from the start, so that it misses nothing. See `register` and `Application.layer` for further ones. */
  readonly application?: Application.Any | undefined
  /** Settings that differ from the defaults; see `ClusterConfig`, `ClusterConfig.presets` and `Settings`. */
  readonly config?: Input | undefined
}

/**
 * How to send a message that nobody waits for.
 *
 * @category models
 * @since 0.1.0
 */
export interface SendOptions {
  /**
   * `acknowledged`: each Node keeps it until the next has taken it. `atMostOnce`: nobody does. Default `acknowledged`.
   */
  readonly delivery?: Exclude<DeliveryClass, "confirmed"> | undefined
}

/**
 * A Node in this Node's tables.
 *
 * @category models
 * @since 0.1.0
 */
export interface KnownNode {
  /** Who it is, and where it is reached. */
  readonly node: Node.Node
  /** Smoothed round trip in milliseconds, times 5 across Regions; `Infinity` while it is not measured. Rule D6. */
  readonly proximity: number
}

/**
 * How much is under way at a Node, and what happened at its bounds since its start.
 *
 * @category models
 * @since 0.1.0
 */
export interface Statistics extends Counters {
  /** Open connections, to members and clients. */
  readonly connections: number
  /** Messages in this Node's custody. */
  readonly custody: number
  /** Confirmed messages of this Node without an outcome. */
  readonly unresolved: number
  /** Messages that the application is working on. */
  readonly delivering: number
  /**
   * When the first of its certificates, authorities and lists of revoked certificates ends, in milliseconds since 1970;
   * `undefined` without certificates.
   */
  readonly certificateEnds: number | undefined
}

/** How often a Node looks whether its certificates end. */
const expiryPeriod = Duration.days(1)

/** How long a leaving Node waits for its neighbours, in milliseconds. */
const leavePatience = 800

/**
 * Runs a Node as long as the layer lives.
 *
 * **When to use**
 *
 * For the one Node of an application. For several in one process `make` starts one a call.
 *
 * **Details**
 *
 * It listens when it is built, but does not wait until it has joined: for that there is `ready`. It fails with
 * `WendyListenError` when the port cannot be had, and with `WendyOptionError` for an option that cannot be. When the layer ends the
 * Node leaves, within a second.
 *
 * **Gotchas**
 *
 * A layer value is built once, a call of this function gives a new value: keep it in a constant, or there are two
 * Nodes.
 *
 * **Example** (A Node over TCP)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cluster, TcpTransport } from "effect-wendy"
 *
 * // With a fixed port, and others to join: { port: 7001, join: ["10.0.0.7:7001", "10.0.0.8:7001"] }
 * const NodeLive = Cluster.layer().pipe(Layer.provide(TcpTransport.layer))
 *
 * const program = Effect.gen(function*() {
 *   const cluster = yield* Cluster.Cluster
 *   yield* cluster.ready
 *   yield* Effect.log(`${cluster.id} is ready at port ${cluster.address.port}`)
 *   return yield* cluster.isReady
 * })
 *
 * await Effect.runPromise(Effect.provide(program, NodeLive)) // => true
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<Cluster, WendyListenError | WendyOptionError, Transport> =>
  Layer.effect(Cluster, make(options))

/**
 * Runs a Node whose options come from Effect's `Config`, each by itself or all together.
 *
 * **When to use**
 *
 * Where an application reads its configuration under names of its own. For the names that the program knows, `layerFromEnv`.
 *
 * **Example** (Port and seeds from variables of one's own)
 *
 * ```ts
 * import { Config, ConfigProvider, Effect, Layer } from "effect"
 * import { Cluster, MemoryTransport } from "effect-wendy"
 *
 * const NodeLive = Cluster.layerConfig({
 *   port: Config.Port("RING_PORT"),
 *   region: Config.String("RING_REGION").pipe(Config.withDefault(""))
 * }).pipe(Layer.provide(MemoryTransport.layer))
 *
 * const Variables = ConfigProvider.layer(ConfigProvider.fromEnv({ env: { RING_PORT: "7001" } }))
 * const port = await Effect.runPromise(
 *   Cluster.Cluster.use(({ address }) => Effect.succeed(address.port)).pipe(
 *     Effect.provide(NodeLive.pipe(Layer.provide(Variables)))
 *   )
 * )
 * port // => 7001
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  config: Config.Wrap<Options>
): Layer.Layer<Cluster, WendyListenError | WendyOptionError | Config.ConfigError, Transport> =>
  Layer.effect(Cluster, Effect.flatMap(Config.unwrap(config), make))

/**
 * Runs a Node whose options and settings come from the environment: `WENDY_JOIN` (seeds, with commas), `WENDY_PORT`,
 * `WENDY_REGION`, `WENDY_CLUSTER`, `WENDY_LOCAL_HOST`, `WENDY_GLOBAL_HOST`, `WENDY_BIND`, `WENDY_PASSPHRASE` or
 * `WENDY_PASSPHRASE_FILE`, and the settings (`Settings.fromEnv`).
 *
 * **When to use**
 *
 * Where a Node is set up by its environment, as in a container.
 *
 * **Details**
 *
 * `options` count before the environment. A variable that is wrong, a secret that is empty, and a name that is
 * nearly one of these are errors. The file is read by the `FileSystem` of the context.
 *
 * **Example** (A Node in a container)
 *
 * ```ts
 * import { NodeFileSystem } from "@effect/platform-node"
 * import { ConfigProvider, Effect, Layer } from "effect"
 * import { Cluster, MemoryTransport } from "effect-wendy"
 *
 * // Without this line: the environment of the process.
 * const Variables = ConfigProvider.layer(ConfigProvider.fromEnv({ env: { WENDY_PORT: "7001", WENDY_LEASE: "20s" } }))
 *
 * const NodeLive = Cluster.layerFromEnv().pipe(
 *   Layer.provide([MemoryTransport.layer, NodeFileSystem.layer, Variables])
 * )
 *
 * const program = Cluster.Cluster.use(({ address }) => Effect.succeed(address.port))
 * await Effect.runPromise(Effect.provide(program, NodeLive)) // => 7001
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerFromEnv = (
  options: Options = {}
): Layer.Layer<Cluster, WendyListenError | WendyOptionError | WendyConfigError, FileSystem.FileSystem | Transport> =>
  Layer.effect(
    Cluster,
    Effect.gen(function*() {
      const environment = yield* Environment.nodeOptions
      const settings = yield* Settings.loadForProgram({})
      const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
      const config: Input = Object.assign({}, settings, options.config)
      return yield* make({ ...environment, ...given, config })
    })
  )

/**
 * Runs a Node as long as the scope is open.
 *
 * **When to use**
 *
 * For several Nodes in one process, for tests, or to end a Node before the application ends. Else `layer`.
 *
 * **Details**
 *
 * It returns when it listens, before it has joined: for that there is `ready`. It fails as `layer` does. When the scope
 * closes the Node leaves, within a second; after `leave` there is nothing left to do then.
 *
 * **Example** (A Node leaves, and the other answers for its keys)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cluster, MemoryTransport } from "effect-wendy"
 *
 * const program = Effect.gen(function*() {
 *   const one = yield* Cluster.make()
 *   yield* one.ready
 *   const two = yield* Cluster.make({ join: [`127.0.0.1:${one.address.port}`] })
 *   yield* two.ready
 *   yield* one.covers(two.id) // => false
 *   yield* two.leave
 *   return yield* one.covers(two.id)
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer))) // => true
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: (
  options?: Options
) => Effect.Effect<Cluster["Service"], WendyListenError | WendyOptionError, Transport | Scope.Scope> = Effect
  .fnUntraced(
    function*(options: Options = {}) {
      const config = yield* checkConfig(options.config)
      const seeds = yield* checkAddresses("join", options.join ?? [])
      yield* checkAuthorization(options.authorization)
      const transport = yield* Transport
      const { bind, globalHost, localHost } = yield* OwnAddresses.choose(options)
      const outer = yield* Effect.scope
      // A child: whatever fails below, the port is given back with the outer scope.
      const scope = yield* Scope.fork(outer)

      let security = yield* makeSecurity({ ...options, config })
      let certificateEnds = endOf(security)
      const holder = yield* checkHolder(security, options)
      const listener = yield* transport.listen({ host: bind, port: options.port ?? 0 }, {
        certificate: () => security.certificate,
        maxFrameSize: maxFrameSizeFor(config.maxValueSize),
        maxConnections: config.maxConnections,
        maxFirstFrameSize: Handshake.maxSize
      }).pipe(Effect.provideService(Scope.Scope, scope))

      const initial = yield* makeNode({
        id: options.id ?? holder?.id ?? (yield* randomId),
        localHost,
        globalHost,
        port: listener.address.port,
        region: options.region ?? holder?.region ?? "",
        incarnation: yield* Clock.currentTimeMillis
      })
      const annotated = Effect.annotateLogs({ ...logAnnotations, node: initial.hex })
      const identity = makeIdentity("member", initial, () => security, { ...options, config })
      let isEnded = false
      const fork = Effect.runForkWith(yield* annotated(Effect.context<never>()))
      const ended = yield* Deferred.make<void>()
      // In a fiber of its own, for whoever asks for the end may be a callback, whose fiber it ends.
      const closeScope = Effect.suspend(() => {
        fork(Effect.ensuring(Scope.close(scope, Exit.void), Deferred.succeed(ended, undefined)))
        return Deferred.await(ended)
      })
      let failure: WendyEndedError | undefined
      const end = (error: WendyEndedError): void => {
        isEnded = true
        failure ??= error
        fork(closeScope)
      }
      const applications = yield* Applications.make({ config, end }).pipe(
        annotated,
        Effect.provideService(Scope.Scope, scope)
      )
      if (options.application !== undefined) {
        yield* applications.register(options.application).pipe(
          // The first to be registered takes no other's purpose.
          Effect.orDie,
          Effect.provideService(Scope.Scope, scope)
        )
      }
      const relay = Relay.makeGateway()
      yield* Effect.andThen(applications.register(relay.application), applications.accept(relay.acceptor)).pipe(
        // Nobody else may use its purpose, nor was here before to use its name.
        Effect.orDie,
        Effect.provideService(Scope.Scope, scope)
      )
      const context = yield* Layer.buildWithScope(
        makeActors({
          self: initial,
          identity,
          config,
          seed: yield* Random.nextInt,
          upcalls: applications.upcalls,
          listener,
          seeds,
          isOwn: (address) => OwnAddresses.isOwn(address, initial, bind),
          joinTimeout: options.joinTimeout === undefined ? undefined : Duration.toMillis(options.joinTimeout)
        }),
        scope
      ).pipe(annotated)
      const { counters, leaseTime, membership, messages, owned } = Context.get(context, NodeState)
      const { confirmations, routing } = messages
      const mailboxes = Context.get(context, Mailboxes)
      const router = Context.get(context, Router)
      const links = Context.get(context, Links)

      const sayExpiry = Effect.flatMap(expiryOf(() => security), (message) =>
        Effect.sync(() => {
          if (message !== undefined) applications.upcalls.event({ _tag: "CertificateEnds", message })
        })).pipe(annotated)
      if (security.certificate !== undefined) {
        yield* sayExpiry
        yield* Effect.sleep(expiryPeriod).pipe(
          Effect.andThen(sayExpiry),
          Effect.forever,
          Effect.forkIn(scope)
        )
      }

      const { hosts: ownHosts } = yield* Transport
      if (ownHosts !== undefined) {
        const addressGone = (message: string) => applications.upcalls.event({ _tag: "AddressGone", message })
        yield* Effect.forkIn(OwnAddresses.watch(ownHosts, [initial.localHost, initial.globalHost], addressGone), scope)
      }

      const leaving = Effect.gen(function*() {
        const left = yield* Effect.forkChild(
          applications.events.pipe(
            Stream.filter((event) => event._tag === "Left"),
            Stream.take(1),
            Stream.runDrain
          ),
          { startImmediately: true }
        )
        mailboxes.stateTables.offer({ _tag: "Leave" })
        yield* Effect.timeoutOption(Fiber.join(left), leavePatience)
        yield* Effect.timeoutOption(router.drained, Messaging.drainPatience)
        links.closeAll()
        yield* closeScope
      })
      const leave = Effect.suspend(() => {
        if (!isEnded) {
          isEnded = true
          fork(leaving)
        }
        return Deferred.await(ended)
      })
      yield* Scope.addFinalizer(outer, leave)

      const covers = (key: NodeId.NodeId) => !isEnded && Membership.covers(membership, key, leaseTime())

      /** The bytes of messages that may all be sent; else none is. */
      const encodeAll = (
        messages: ReadonlyArray<OutgoingMessage>,
        maxSize = config.maxValueSize
      ): Effect.Effect<ReadonlyArray<RawMessage>, WendyMessageError> => {
        const encoded: Array<RawMessage> = []
        for (const message of messages) {
          if ("definition" in message) {
            const bound = applications.bind(message.definition)
            if (Result.isFailure(bound)) {
              return Effect.fail(
                new WendyMessageError({ reason: { _tag: "PurposeTaken", message: bound.failure.message } })
              )
            }
          }
          const raw = encode(message, maxSize)
          if (Result.isFailure(raw)) return Effect.fail(raw.failure)
          encoded.push(raw.success)
        }
        return Effect.succeed(encoded)
      }

      const sendConfirmed = <M extends OutgoingMessage>(
        message: M,
        deadline: Duration.Input | undefined,
        target?: Node.Node
      ): Effect.Effect<Receipt<ReplyOf<M>>, WendyMessageError | WendyDeliveryError> =>
        Effect.flatMap(encodeAll([message]), ([raw]) =>
          Effect.flatMap(
            router.sendConfirmed(
              raw!,
              deadline === undefined ? config.confirmDeadline : Duration.toMillis(deadline),
              target
            ),
            (receipt) => Effect.fromResult(withReply(message, receipt))
          ))

      const sendToClient = Effect.fnUntraced(function*<M extends OutgoingMessage>(
        { gateway, id }: ClientAddress,
        message: M,
        deadline: Duration.Input | undefined
      ) {
        const [raw] = yield* encodeAll([message], config.maxValueSize - Relayed.overhead)
        const receipt = yield* router.sendConfirmed(
          { key: gateway, purpose: Purposes.reserved.relayed, value: Relayed.encode(id, raw!), wantsReply: true },
          deadline === undefined ? config.confirmDeadline : Duration.toMillis(deadline)
        )
        return yield* Effect.fromResult(
          Result.flatMap(Relay.receiptOf(id, receipt), (receipt) => withReply(message, receipt))
        )
      })

      const deliveriesOf = <A, Reply>(definition: Definition<A, Reply>) =>
        Stream.unwrap(Effect.map(
          Effect.suspend(() => Effect.fromResult(applications.bind(definition))),
          () =>
            Stream.filterMap(applications.deliveries(definition.purpose), (message) =>
              message.purpose === definition.purpose
                ? Result.map(definition.decode(message.value), (value) => ({ ...message, value }))
                : Result.fail(undefined))
        ))

      const useCredentials = Effect.fnUntraced(function*(credentials: Credentials.Credentials) {
        const next = yield* makeSecurity({ ...options, config, credentials })
        if (next.kind !== security.kind) {
          return yield* new WendyOptionError({
            option: "credentials",
            message:
              `a running Node goes from ${security.kind} to ${security.kind} only: start it anew for ${next.kind}`
          })
        }
        const { id, region } = membership.self
        yield* checkHolder(next, { id, region })
        security = next
        certificateEnds = endOf(next)
        yield* sayExpiry
        links.closeAll()
      })

      const cluster = Cluster.of({
        id: initial.id,
        address: { host: initial.localHost, port: initial.port },
        node: Effect.sync(() => membership.self),
        ready: Context.get(context, Join).ready,
        ended: Effect.andThen(
          Deferred.await(ended),
          Effect.suspend(() => failure === undefined ? Effect.void : failure)
        ),
        isReady: Effect.sync(() => !isEnded && Membership.isReady(membership, leaseTime())),
        covers: (key) => Effect.sync(() => covers(key)),
        nextHop: (key) =>
          Effect.sync(() =>
            covers(key)
              ? Option.none()
              : Option.fromUndefinedOr(nextHop(membership, key))
          ),
        send: (message, sendOptions) =>
          Effect.flatMap(encodeAll([message]), (raw) => router.send(raw, sendOptions?.delivery ?? "acknowledged")),
        sendAll: (messages, sendOptions) =>
          Effect.flatMap(encodeAll(messages), (raw) => router.send(raw, sendOptions?.delivery ?? "acknowledged")),
        sendConfirmed: (message, sendOptions) => sendConfirmed(message, sendOptions?.deadline),
        sendDirectAll: (nodes, message, sendOptions) =>
          Effect.flatMap(
            encodeAll([message]),
            ([raw]) => router.sendDirect(raw!, nodes, sendOptions?.delivery ?? "acknowledged")
          ),
        sendDirect: (node, message, sendOptions) => sendConfirmed(message, sendOptions?.deadline, node),
        sendToClient: (client, message, sendOptions) => sendToClient(client, message, sendOptions?.deadline),
        openSession: (node, name, sessionOptions) =>
          Effect.suspend(() =>
            isEnded
              ? Effect.fail(sessionFailure("Unreachable", "this Node has ended"))
              : Effect.andThen(
                Effect.mapError(checkName(name), ({ message }) => sessionFailure("Refused", message)),
                links.openSession(node, name, windowOf(sessionOptions?.window))
              )
          ),
        acceptSessions: applications.accept,
        deliveries: applications.deliveries(),
        deliveriesOf,
        register: applications.register,
        events: applications.events,
        monitor: (node) =>
          applications.monitor(node, (isOn) => mailboxes.stateTables.offer({ _tag: "Monitor", node, isOn })),
        ownership: Effect.sync(() => owned.owned),
        ownershipChanges: applications.ownershipChanges,
        leafSet: Effect.sync(() => ({
          left: LeafSet.left(membership.leafSet),
          right: LeafSet.right(membership.leafSet)
        })),
        nodes: Effect.sync(() =>
          Array.from(membership.announced.values(), (node) => ({
            node,
            proximity: Liveness.proximityOf(membership, node)
          }))
        ),
        statistics: Effect.sync(() => ({
          ...counters,
          connections: links.count(),
          custody: routing.custody,
          unresolved: confirmations.unresolved.size,
          delivering: routing.delivering,
          certificateEnds
        })),
        useCredentials: (credentials) => Effect.provideService(useCredentials(credentials), Transport, transport),
        leave
      })
      Services.provide(cluster, applications.services)
      Crashes.provide(
        cluster,
        Effect.suspend(() => {
          isEnded = true
          return closeScope
        })
      )
      return cluster
    }
  )

const makeActors = (options: {
  readonly self: Node.Node
  readonly identity: Identity
  readonly config: ClusterConfig
  readonly seed: number
  readonly upcalls: Upcalls["Service"]
  readonly listener: Parameters<typeof Listener.layer>[0]
  readonly seeds: ReadonlyArray<Address.Address>
  readonly isOwn: (address: Address.Address) => boolean
  readonly joinTimeout: number | undefined
}): Layer.Layer<NodeState | Mailboxes | Links | Router | Join, never, Transport> =>
  Layer.mergeAll(
    Listener.layer(options.listener),
    StateTables.layer,
    Heartbeat.layer,
    Router.layer,
    Join.layer({ seeds: options.seeds, isOwn: options.isOwn, timeout: options.joinTimeout })
  ).pipe(
    Layer.provideMerge(Links.layer),
    Layer.provideMerge(NodeState.layer(options)),
    Layer.provideMerge(Layer.mergeAll(Mailboxes.layer, Layer.succeed(Upcalls, options.upcalls))),
    // Every Node of a process has actors of its own.
    Layer.fresh
  )

/** What every line of the log says besides; those of a Node also say which. */
const logAnnotations = { package: "effect-wendy", module: "effect-wendy/Cluster" }

const endOf = ({ certificate }: Security.Security): number | undefined => certificate && Expiry.firstEnd(certificate)

/** Who names rules and gives none would let everybody do everything. */
const checkAuthorization = (
  authorization: Authorization.Authorization | undefined
): Effect.Effect<void, WendyOptionError> =>
  authorization === undefined || authorization.admits !== undefined || authorization.maySend !== undefined
    ? Effect.void
    : Effect.fail(
      new WendyOptionError({
        option: "authorization",
        message: "the authorization is empty, and would allow everything: give admits or maySend, or leave it out"
      })
    )

/** What the certificate of a Node says of it; nobody would let in a Node that is not the one of its certificate. */
const checkHolder = Effect.fnUntraced(function*(
  { certificate }: Security.Security,
  { id, region }: Pick<Options, "id" | "region">
): Effect.fn.Return<Certificates.Holder | undefined, WendyOptionError> {
  const holder = certificate === undefined ? undefined : Certificates.read(certificate.chain)
  if (holder === undefined) return undefined
  if (holder.id === undefined) {
    return yield* new WendyOptionError({
      option: "credentials",
      message: "the certificate is for clients only: a Node needs one that is issued for a Node"
    })
  }
  if (id !== undefined && !NodeId.equals(id, holder.id)) {
    return yield* new WendyOptionError({
      option: "id",
      message: `the certificate is for the Node ${holder.id.hex}, not for ${id.hex}: leave the id out`
    })
  }
  if (region !== undefined && holder.region !== undefined && region !== holder.region) {
    return yield* new WendyOptionError({
      option: "region",
      message: `the certificate is for the Region "${holder.region}", not for "${region}": leave the Region out`
    })
  }
  return holder
})

const makeNode = (fields: ConstructorParameters<typeof Node.Node>[0]): Effect.Effect<Node.Node, WendyOptionError> =>
  Effect.try({
    try: () => new Node.Node(fields),
    catch: (error) => {
      // What a constructor throws says only that something is wrong; its cause says what.
      const cause = error instanceof Error ? error.cause : undefined
      const message = SchemaIssue.isIssue(cause) ? new Schema.SchemaError(cause).message : String(error)
      return new WendyOptionError({ option: "node", message: message.replaceAll("\n", "") })
    }
  })
