/**
 * Cluster: one Node of a self-organising ring, as an Effect service.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
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
import * as Membership from "./core/Membership.ts"
import * as Address from "./protocol/Address.ts"
import { ClusterConfig, defaults } from "./protocol/ClusterConfig.ts"
import type { ClusterEvent } from "./protocol/ClusterEvent.ts"
import * as Credentials from "./protocol/Credentials.ts"
import * as Handshake from "./protocol/Handshake.ts"
import {
  check,
  type Message,
  type MessageRejected,
  type NotConfirmed,
  type Outgoing,
  type Receipt
} from "./protocol/Message.ts"
import * as LeafSet from "./ring/LeafSet.ts"
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
  /** This Node, with the port that is really bound. */
  readonly node: Node.Node
  /** Completes when this Node is ready: it has joined, and answers for its part of the ring. */
  readonly ready: Effect.Effect<void, JoinFailed>
  /** Whether it is ready now. */
  readonly isReady: Effect.Effect<boolean>
  /** Whether it is the root of a key now. */
  readonly covers: (key: NodeId.NodeId) => Effect.Effect<boolean>
  /** Sends a message towards its key; completes when this Node has taken custody. Waits while the Node is full. */
  readonly send: (message: Outgoing) => Effect.Effect<void, MessageRejected>
  /** Sends many messages, in order; completes when all are taken. A message that cannot be sent stops all before any is taken. */
  readonly sendAll: (messages: ReadonlyArray<Outgoing>) => Effect.Effect<void, MessageRejected>
  /** Sends a message and waits for the receipt of its root; the deadline is 30 s when nothing else is said. */
  readonly sendConfirmed: (
    message: Outgoing,
    options?: { readonly deadline?: Duration.Input | undefined }
  ) => Effect.Effect<Receipt, MessageRejected | NotConfirmed>
  /** The messages delivered at this Node from the moment of subscription on. A consumer that lags holds up deliveries, up to the Node's bounds. */
  readonly deliveries: Stream.Stream<Message>
  /** What happens at this Node, in order: the newest 1,024 events so far, and then what comes. */
  readonly events: Stream.Stream<ClusterEvent>
  readonly leafSet: Effect.Effect<{
    readonly left: ReadonlyArray<Node.Node>
    readonly right: ReadonlyArray<Node.Node>
  }>
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
  readonly application?: Application.Application | undefined
  readonly config?: Partial<ClusterConfig> | undefined
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

/** Events that a late subscriber still sees. */
const replay = 1024

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

    const self = yield* makeNode({
      id: options.id ?? (yield* randomId),
      localHost,
      globalHost: options.globalHost ?? localHost,
      port: listener.address.port,
      region: options.region ?? "",
      incarnation: yield* Clock.currentTimeMillis
    })
    const events = yield* PubSub.sliding<ClusterEvent>({ capacity: replay * 8, replay })
    const deliveries = yield* PubSub.bounded<Message>(config.maxDelivering)
    const identity = yield* makeIdentity("member", self, options)
    const others = seeds.filter((seed) => !isOwn(seed, self, bind))
    const isFirst = seeds.length > 0 && isOwn(seeds[0]!, self, bind)

    let isEnded = false
    const end = Effect.suspend(() => {
      isEnded = true
      return Scope.close(scope, Exit.void)
    })
    const fork = Effect.runForkWith(yield* Effect.context<never>())
    const context = yield* Layer.buildWithScope(
      makeActors({
        self,
        identity,
        config,
        seed: yield* Random.nextInt,
        upcalls: yield* makeUpcalls(options.application, config, events, deliveries, scope, () => fork(end)),
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

    const leave = Effect.gen(function*() {
      if (isEnded) return
      isEnded = true
      const left = yield* Effect.forkChild(
        Stream.fromPubSub(events).pipe(
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
      yield* Scope.close(scope, Exit.void)
    }).pipe(Effect.uninterruptible)
    yield* Scope.addFinalizer(outer, leave)

    const checked = (messages: ReadonlyArray<Outgoing>) => {
      for (const message of messages) {
        const problem = check(message, config.maxValueSize)
        if (problem !== undefined) return Effect.fail(problem)
      }
      return Effect.void
    }

    return Cluster.of({
      node: self,
      ready: Context.get(context, Join).ready,
      isReady: Effect.sync(() => Membership.isReady(membership, now())),
      covers: (key) => Effect.sync(() => Membership.covers(membership, key, now())),
      send: (message) => Effect.andThen(checked([message]), router.send([message])),
      sendAll: (messages) => Effect.andThen(checked(messages), router.send(messages)),
      sendConfirmed: (message, sendOptions) =>
        Effect.andThen(
          checked([message]),
          router.sendConfirmed(
            message,
            sendOptions?.deadline === undefined ? config.confirmDeadline : Duration.toMillis(sendOptions.deadline)
          )
        ),
      deliveries: Stream.fromPubSub(deliveries),
      events: Stream.fromPubSub(events),
      leafSet: Effect.sync(() => ({
        left: LeafSet.left(membership.leafSet),
        right: LeafSet.right(membership.leafSet)
      })),
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
      NodeState.layer(options),
      Layer.succeed(Upcalls, options.upcalls)
    )),
    // Every Node of a process has actors of its own.
    Layer.fresh
  )

/** Calls the application, and feeds the streams. */
const makeUpcalls = Effect.fnUntraced(function*(
  application: Application.Application | undefined,
  config: ClusterConfig,
  events: PubSub.PubSub<ClusterEvent>,
  deliveries: PubSub.PubSub<Message>,
  scope: Scope.Scope,
  kill: () => void
) {
  const pending = yield* Queue.sliding<ClusterEvent>(replay)

  const call = (event: ClusterEvent): Effect.Effect<void> | undefined => {
    switch (event._tag) {
      case "NewLeaves":
        return application?.onNewLeaves?.(event.left, event.right)
      case "NodeJoined":
        return application?.onNodeJoin?.(event.node)
      case "NodeExited":
        return application?.onNodeExit?.(event.node, event.reason)
      case "Error":
        return application?.onError?.(event)
      default:
        return undefined
    }
  }

  if (application !== undefined) {
    // One after another, so that an application sees things in order; a callback that fails harms only itself.
    yield* Effect.gen(function*() {
      while (true) {
        const event = yield* Queue.take(pending)
        // A callback may throw instead of returning an effect: that too is its own affair.
        yield* Effect.ignoreCause(Effect.suspend(() => call(event) ?? Effect.void), { log: "Warn" })
      }
    }).pipe(Effect.forkIn(scope))
  }

  const event = (event: ClusterEvent): void => {
    PubSub.publishUnsafe(events, event)
    if (application !== undefined) Queue.offerUnsafe(pending, event)
  }

  return Upcalls.of({
    event,
    defect: (actor, cause) => {
      event({ _tag: "Error", error: "Defect", message: `${actor} failed, so this Node ends: ${Cause.pretty(cause)}` })
      kill()
    },
    deliver: (message) => {
      const running = application?.onDeliver === undefined
        ? undefined
        : Effect.suspend(() => application.onDeliver!(message))
      const isTaken = PubSub.publishUnsafe(deliveries, message)
      const published = isTaken ? undefined : Effect.asVoid(PubSub.publish(deliveries, message))
      if (running === undefined) return published
      const bounded = Effect.timeout(running, config.deliverTimeout)
      return published === undefined ? bounded : Effect.andThen(bounded, published)
    }
  })
})

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
export const makeIdentity = (
  role: "member" | "client",
  node: Node.Node,
  options: Pick<Options, "cluster" | "credentials">
): Effect.Effect<Identity, BadOption> =>
  Effect.suspend(() => {
    const cluster = options.cluster ?? "wendy"
    if (cluster.length > longestName) {
      return Effect.fail(
        new BadOption({
          option: "cluster",
          message: `the name of the cluster has ${cluster.length} characters; at most ${longestName} are allowed`
        })
      )
    }
    const credentials = options.credentials ?? Credentials.none
    return Effect.succeed({
      role,
      node,
      cluster,
      credentials: credentials._tag === "None" ? "none" : "passphrase",
      proofKey: Handshake.makeProofKey(credentials, cluster),
      nonce: randomId
    })
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
  const result = Schema.decodeUnknownResult(ClusterConfig)({ ...defaults, ...config })
  return Result.isSuccess(result)
    ? Effect.succeed(result.success)
    : Effect.fail(new BadOption({ option: "config", message: String(result.failure.message) }))
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
