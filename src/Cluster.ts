/**
 * Cluster: one Node of a self-organising ring, as an Effect service.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Heartbeat from "./actors/Heartbeat.ts"
import { Join, type JoinFailed } from "./actors/Join.ts"
import { Links } from "./actors/Links.ts"
import * as Listener from "./actors/Listener.ts"
import { Mailboxes } from "./actors/Mailboxes.ts"
import { type Counters, NodeState } from "./actors/NodeState.ts"
import { Router } from "./actors/Router.ts"
import * as StateTables from "./actors/StateTables.ts"
import { Upcalls } from "./actors/Upcalls.ts"
import type * as Application from "./Application.ts"
import * as Applications from "./Applications.ts"
import * as Liveness from "./core/Liveness.ts"
import * as Membership from "./core/Membership.ts"
import * as Address from "./protocol/Address.ts"
import { check as checkSettings, type ClusterConfig, defaults } from "./protocol/ClusterConfig.ts"
import type { ClusterEvent } from "./protocol/ClusterEvent.ts"
import * as Credentials from "./protocol/Credentials.ts"
import * as Handshake from "./protocol/Handshake.ts"
import {
  type Definition,
  type DeliveryClass,
  encode,
  type Message,
  MessageRejected,
  type NotConfirmed,
  type Outgoing,
  type PurposeTaken,
  type Raw,
  type Receipt
} from "./protocol/Message.ts"
import * as LeafSet from "./ring/LeafSet.ts"
import { nextHop } from "./ring/NextHop.ts"
import * as Node from "./ring/Node.ts"
import * as NodeId from "./ring/NodeId.ts"
import type { Identity } from "./transport/Link.ts"
import { type ListenError, Transport } from "./transport/Transport.ts"

export { JoinFailed } from "./actors/Join.ts"
export type { ClusterEvent } from "./protocol/ClusterEvent.ts"

/**
 * One Node of a cluster.
 *
 * @category services
 * @since 0.1.0
 */
export class Cluster extends Context.Service<Cluster, {
  /** This Node, with the port that is really bound. Its incarnation may rise while it joins (rule J8). */
  readonly node: Node.Node
  /** Completes when this Node is ready: it has joined, and answers for its part of the ring. */
  readonly ready: Effect.Effect<void, JoinFailed>
  /** Whether it is ready now. */
  readonly isReady: Effect.Effect<boolean>
  /** Whether it is the root of a key now. */
  readonly covers: (key: NodeId.NodeId) => Effect.Effect<boolean>
  /** The Node to which a message for a key would go next from here; none when this Node is its root, or knows nobody closer. Sends nothing. */
  readonly route: (key: NodeId.NodeId) => Effect.Effect<Option.Option<Node.Node>>
  /** Sends a message towards its key; completes when this Node has taken custody. Waits while the Node is full. */
  readonly send: (message: Outgoing, options?: SendOptions) => Effect.Effect<void, MessageRejected>
  /** Sends many messages, in order; completes when all are taken. A message that cannot be sent stops all before any is taken. */
  readonly sendAll: (
    messages: ReadonlyArray<Outgoing>,
    options?: SendOptions
  ) => Effect.Effect<void, MessageRejected>
  /** Sends a message and waits for the receipt of its root; the deadline is 30 s when nothing else is said. */
  readonly sendConfirmed: (
    message: Outgoing,
    options?: { readonly deadline?: Duration.Input | undefined }
  ) => Effect.Effect<Receipt, MessageRejected | NotConfirmed>
  /**
   * Sends a message to a Node, whoever is the root of its key, and waits for its receipt. Meant is this life of the Node:
   * one that has started again is `Unreachable` under its old incarnation.
   */
  readonly sendDirect: (
    node: Node.Node,
    message: Outgoing,
    options?: { readonly deadline?: Duration.Input | undefined }
  ) => Effect.Effect<Receipt, MessageRejected | NotConfirmed>
  /**
   * The messages delivered at this Node from the moment of subscription on: all, as bytes, or those of a
   * definition, decoded. A consumer that lags holds up deliveries, up to the Node's bounds.
   */
  readonly deliveries: {
    (): Stream.Stream<Message>
    <A>(definition: Definition<A>): Stream.Stream<Message<A>, PurposeTaken>
  }
  /** Registers an application as long as the scope is open. It hears of what happens from then on. */
  readonly register: <A = Uint8Array, R = never>(
    application: Application.Application<A, R>
  ) => Effect.Effect<void, PurposeTaken, R | Scope.Scope>
  /** What happens at this Node, in order: the newest 1,024 events so far, and then what comes. */
  readonly events: Stream.Stream<ClusterEvent>
  /** The leaf set; each side nearest first. */
  readonly leafSet: Effect.Effect<{
    readonly left: ReadonlyArray<Node.Node>
    readonly right: ReadonlyArray<Node.Node>
  }>
  /** Every Node in this Node's tables: leaf set, routing table and neighborhood set. */
  readonly nodes: Effect.Effect<ReadonlyArray<KnownNode>>
  /** How much is under way, and what happened at the bounds. */
  readonly statistics: Effect.Effect<Statistics>
  /** Leaves: stops to answer, hands over, and waits (at most 1 s) until the neighbours have closed the gap. Closing the scope does so too. */
  readonly leave: Effect.Effect<void>
  /** Ends at once, without a word to anybody, as a crash would. */
  readonly kill: Effect.Effect<void>
}>()("effect-wendy/Cluster") {}

/**
 * How to run a Node.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Random when left out. */
  readonly id?: NodeId.NodeId | undefined
  /** Where Nodes of the same Region reach this one. Default 127.0.0.1. */
  readonly localHost?: string | undefined
  /** Where all others reach it. Default: `localHost`. */
  readonly globalHost?: string | undefined
  /** Where it listens. Default: `localHost`. */
  readonly bind?: string | undefined
  /** Default 0: a free one is bound, and others learn which. */
  readonly port?: number | undefined
  readonly region?: string | undefined
  /** Seeds as `HOST:PORT`. Without any this Node starts a ring of its own; its own address is skipped. */
  readonly join?: ReadonlyArray<string> | undefined
  /** After this `ready` fails. Default: it tries for ever. */
  readonly joinTimeout?: Duration.Input | undefined
  /** The name of the cluster; Nodes of other names are refused. Default "wendy". */
  readonly cluster?: string | undefined
  /** Default: none. */
  readonly credentials?: Credentials.Credentials | undefined
  /** Registered from the start, so that it misses nothing. See `register` for further ones. */
  readonly application?: Application.Any | undefined
  readonly config?: Partial<ClusterConfig> | undefined
}

/**
 * How to send a message that nobody waits for.
 *
 * @category models
 * @since 0.1.0
 */
export interface SendOptions {
  /** Default `acknowledged`. */
  readonly delivery?: Exclude<DeliveryClass, "confirmed"> | undefined
}

/**
 * A Node in this Node's tables.
 *
 * @category models
 * @since 0.1.0
 */
export interface KnownNode {
  readonly node: Node.Node
  /** Smoothed round trip in milliseconds, times 5 across Regions; `Infinity` while it is not measured. */
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
}

/**
 * An option that cannot be.
 *
 * @category errors
 * @since 0.1.0
 */
export class BadOption extends Schema.TaggedError<BadOption>()("BadOption", {
  option: Schema.String,
  message: Schema.String
}) {}

/** Of a cluster, in characters: what the handshake carries. */
const longestName = 64

/** How long a leaving Node waits for its neighbours, and then for what it still holds, in milliseconds. */
const leavePatience = 800
const drainPatience = 150

/**
 * Runs a Node as long as the layer lives.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Cluster, ListenError | BadOption, Transport> =>
  Layer.effect(Cluster, make(options))

/**
 * Registers an application with the Node of this context as long as the layer lives.
 *
 * **When to use**
 *
 * To embed what a larger service does with its messages: its handlers may use any service of the context.
 *
 * **Example**
 *
 * ```ts
 * import { Effect, Layer, Schema } from "effect"
 * import { Cluster, Message, TcpTransport } from "effect-wendy"
 *
 * const Chat = Message.define("Chat", { purpose: 16, value: Schema.Struct({ text: Schema.String }) })
 *
 * const ChatLive = Cluster.layerApplication({
 *   message: Chat,
 *   onDeliver: (message) => Effect.log(message.value.text)
 * }).pipe(
 *   Layer.provideMerge(Cluster.layer({ port: 7001 })),
 *   Layer.provide(TcpTransport.layer)
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerApplication = <A = Uint8Array, R = never>(
  application: Application.Application<A, R>
): Layer.Layer<never, PurposeTaken, Cluster | Exclude<R, Scope.Scope>> =>
  Layer.effectDiscard(Effect.flatMap(Cluster, (cluster) => cluster.register(application)))

/**
 * Runs a Node as long as the scope is open.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: (
  options: Options
) => Effect.Effect<Cluster["Service"], ListenError | BadOption, Transport | Scope.Scope> = Effect.fnUntraced(
  function*(options: Options) {
    const config = yield* checkConfig(options.config)
    const seeds = yield* Effect.forEach(options.join ?? [], checkSeed)
    const localHost = options.localHost ?? "127.0.0.1"
    const bind = options.bind ?? localHost
    const transport = yield* Transport
    const outer = yield* Effect.scope
    // A child: whatever fails below, the port is given back with the outer scope.
    const scope = yield* Scope.fork(outer)

    const listener = yield* transport.listen({ host: bind, port: options.port ?? 0 }, {
      maxFrameSize: config.maxValueSize + 8192,
      maxConnections: config.maxConnections
    }).pipe(Effect.provideService(Scope.Scope, scope))

    const initial = yield* makeNode({
      id: options.id ?? (yield* randomId),
      localHost,
      globalHost: options.globalHost ?? localHost,
      port: listener.address.port,
      region: options.region ?? "",
      incarnation: yield* Clock.currentTimeMillis
    })
    const identity = yield* makeIdentity("member", initial, options)
    const others = seeds.filter((seed) => !isOwn(seed, initial, bind))
    const isFirst = seeds.length > 0 && isOwn(seeds[0]!, initial, bind)

    let isEnded = false
    const fork = Effect.runForkWith(yield* Effect.context<never>())
    const ended = yield* Deferred.make<void>()
    // In a fiber of its own, for whoever asks for the end may be a callback, whose fiber it ends.
    const closeScope = Effect.suspend(() => {
      fork(Effect.ensuring(Scope.close(scope, Exit.void), Deferred.succeed(ended, undefined)))
      return Deferred.await(ended)
    })
    const end = Effect.suspend(() => {
      isEnded = true
      return closeScope
    })
    const applications = yield* Applications.make({ config, end: () => fork(end) }).pipe(
      Effect.provideService(Scope.Scope, scope)
    )
    if (options.application !== undefined) {
      yield* applications.register(options.application).pipe(
        // The first to be registered takes no other's purpose.
        Effect.orDie,
        Effect.provideService(Scope.Scope, scope)
      )
    }
    const context = yield* Layer.buildWithScope(
      makeActors({
        self: initial,
        identity,
        config,
        seed: yield* Random.nextInt,
        upcalls: applications.upcalls,
        listener,
        seeds: others,
        foundAfter: others.length === 0 ? 0 : isFirst ? config.seedPatience : undefined,
        joinTimeout: options.joinTimeout === undefined ? undefined : Duration.toMillis(options.joinTimeout)
      }),
      scope
    )
    const { confirmations, counters, membership, now, routing } = Context.get(context, NodeState)
    const mailboxes = Context.get(context, Mailboxes)
    const router = Context.get(context, Router)
    const links = Context.get(context, Links)

    const leaving = Effect.gen(function*() {
      const left = yield* Effect.forkChild(
        applications.events.pipe(
          Stream.filter((event) => event._tag === "Left"),
          Stream.take(1),
          Stream.runDrain
        ),
        { startImmediately: true }
      )
      Queue.offerUnsafe(mailboxes.stateTables, { _tag: "Leave" })
      yield* Effect.timeoutOption(Fiber.join(left), leavePatience)
      yield* Effect.timeoutOption(router.drained, drainPatience)
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

    const covers = (key: NodeId.NodeId) => !isEnded && Membership.covers(membership, key, now())

    /** The bytes of messages that may all be sent; else none is. */
    const encodeAll = (messages: ReadonlyArray<Outgoing>): Effect.Effect<ReadonlyArray<Raw>, MessageRejected> => {
      const encoded: Array<Raw> = []
      for (const message of messages) {
        if ("definition" in message) {
          const bound = applications.bind(message.definition)
          if (Result.isFailure(bound)) {
            return Effect.fail(new MessageRejected({ reason: "PurposeTaken", message: bound.failure.message }))
          }
        }
        const raw = encode(message, config.maxValueSize)
        if (Result.isFailure(raw)) return Effect.fail(raw.failure)
        encoded.push(raw.success)
      }
      return Effect.succeed(encoded)
    }

    const sendConfirmed = (message: Outgoing, deadline: Duration.Input | undefined, target?: Node.Node) =>
      Effect.flatMap(encodeAll([message]), ([raw]) =>
        router.sendConfirmed(
          raw!,
          deadline === undefined ? config.confirmDeadline : Duration.toMillis(deadline),
          target
        ))

    const deliveries = <A>(definition?: Definition<A>) =>
      definition === undefined
        ? applications.deliveries
        : Stream.unwrap(Effect.map(
          Effect.suspend(() => Effect.fromResult(applications.bind(definition))),
          () =>
            Stream.filterMap(applications.deliveries, (message) =>
              message.purpose === definition.purpose
                ? Result.map(definition.decode(message.value), (value) => ({ ...message, value }))
                : Result.fail(undefined))
        ))

    return Cluster.of({
      get node() {
        return membership.self
      },
      ready: Context.get(context, Join).ready,
      isReady: Effect.sync(() => !isEnded && Membership.isReady(membership, now())),
      covers: (key) => Effect.sync(() => covers(key)),
      route: (key) =>
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
      sendDirect: (node, message, sendOptions) => sendConfirmed(message, sendOptions?.deadline, node),
      deliveries: deliveries as Cluster["Service"]["deliveries"],
      register: applications.register,
      events: applications.events,
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
        delivering: routing.delivering
      })),
      leave,
      kill: end
    })
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
  readonly foundAfter: number | undefined
  readonly joinTimeout: number | undefined
}): Layer.Layer<NodeState | Mailboxes | Links | Router | Join, never, Transport> =>
  Layer.mergeAll(
    Listener.layer(options.listener),
    StateTables.layer,
    Heartbeat.layer,
    Router.layer,
    Join.layer({ seeds: options.seeds, foundAfter: options.foundAfter, timeout: options.joinTimeout })
  ).pipe(
    Layer.provideMerge(Links.layer),
    Layer.provideMerge(Layer.mergeAll(
      Mailboxes.layer,
      NodeState.layer({
        ...options,
        onSlept: (milliseconds) =>
          options.upcalls.event({
            _tag: "Error",
            error: "Slept",
            message: `this machine slept for ${Math.round(milliseconds)} ms, or its clock was set forward: ` +
              "what this Node answered for may be another's by now"
          })
      }),
      Layer.succeed(Upcalls, options.upcalls)
    )),
    // Every Node of a process has actors of its own.
    Layer.fresh
  )

/**
 * @internal
 */
export const randomId = Effect.serviceOption(SecureRandom.SecureRandom).pipe(
  Effect.flatMap((service) =>
    Option.isSome(service)
      ? service.value.randomBytes(16)
      : Effect.sync(() => SecureRandom.randomBytesUnsafe(16))
  ),
  Effect.map((bytes) => NodeId.readUnsafe(bytes, 0))
)

/**
 * What one end says of itself in every handshake.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeIdentity = Effect.fnUntraced(function*(
  role: "member" | "client",
  node: Node.Node,
  options: Pick<Options, "cluster" | "credentials" | "config">
): Effect.fn.Return<Identity, BadOption> {
  const cluster = options.cluster ?? "wendy"
  if (cluster.length > longestName) {
    return yield* new BadOption({
      option: "cluster",
      message: `the name of the cluster has ${cluster.length} characters; at most ${longestName} are allowed`
    })
  }
  const common = { role, node, cluster, lease: options.config?.lease ?? defaults.lease, nonce: randomId }
  const credentials = options.credentials ?? Credentials.none
  if (credentials._tag !== "Custom") {
    return {
      ...common,
      credentials: credentials._tag === "None" ? "none" : "passphrase",
      proofKey: Handshake.makeProofKey(credentials, cluster)
    }
  }
  // The one place that asks whether custom credentials may travel as the transport carries them.
  if (!credentials.allowClear) {
    return yield* new BadOption({
      option: "credentials",
      message: "these credentials would travel in clear, and whoever listens could record and replay them: " +
        "use Credentials.passphrase, or allow it on a network that you trust with allowClear: true"
    })
  }
  yield* Effect.logWarning("the credentials travel in clear: whoever listens can record and replay them")
  // Half of the handshake, so that there is time left to tell the other end.
  const patience = (options.config?.handshakeTimeout ?? defaults.handshakeTimeout) / 2
  return { ...common, credentials: "custom", custom: credentials, patience }
})

const makeNode = (fields: ConstructorParameters<typeof Node.Node>[0]): Effect.Effect<Node.Node, BadOption> =>
  Effect.try({
    try: () => new Node.Node(fields),
    catch: (cause) => new BadOption({ option: "node", message: String(cause instanceof Error ? cause.message : cause) })
  })

/**
 * @internal
 */
export const checkConfig = (config: Partial<ClusterConfig> | undefined): Effect.Effect<ClusterConfig, BadOption> => {
  const result = checkSettings(config ?? {})
  if (Result.isSuccess(result)) return Effect.succeed(result.success)
  const { message, problems } = result.failure
  const field = problems.length === 1 ? problems[0].field : undefined
  return Effect.fail(new BadOption({ option: field === undefined ? "config" : `config.${field}`, message }))
}

/**
 * @internal
 */
export const checkSeed = (text: string): Effect.Effect<Address.Address, BadOption> =>
  Option.match(Address.parse(text), {
    onNone: () =>
      Effect.fail(
        new BadOption({ option: "join", message: `"${text}" is no address: write HOST:PORT, or [IPV6]:PORT` })
      ),
    onSome: Effect.succeed
  })

const isOwn = (address: Address.Address, self: Node.Node, bind: string): boolean =>
  address.port === self.port && [self.localHost, self.globalHost, bind].includes(address.host)
