/**
 * Client: sends messages into a cluster, and gets those for it, without being a part of it.
 *
 * It enters no table. It speaks to one Node at a time, its gateway, which routes
 * for it and relays the receipts. When that Node goes or falls silent, it turns to
 * the next address and sends again what has no receipt. Its messages keep their
 * identity, so that a root delivers each once as long as it lives. Rules G1 to G3
 * of `docs/protocol.md`.
 *
 * Not for whoever wants to answer for keys, to send directly to a Node, or to send
 * without a receipt: that takes a Node of one's own, see `Cluster`.
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
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import { checkName } from "./Acceptors.ts"
import { LinkSessions, sessionFailure, windowOf } from "./actors/LinkSessions.ts"
import * as PendingReceipt from "./actors/PendingReceipt.ts"
import { Quota } from "./actors/Quota.ts"
import * as Confirmations from "./core/Confirmations.ts"
import * as Gateways from "./core/Gateways.ts"
import type { Resolution } from "./core/Messaging.ts"
import * as Sessions from "./core/Sessions.ts"
import * as Silence from "./core/Silence.ts"
import * as Uplink from "./core/Uplink.ts"
import type * as Address from "./protocol/Address.ts"
import type { Handler } from "./protocol/Application.ts"
import type { Input } from "./protocol/ClusterConfig.ts"
import type * as Credentials from "./protocol/Credentials.ts"
import * as Envelope from "./protocol/Envelope.ts"
import * as Frame from "./protocol/Frame.ts"
import type { Refused } from "./protocol/Handshake.ts"
import { WendyJoinError } from "./protocol/JoinError.ts"
import {
  type ClientAddress,
  encode,
  type OutgoingMessage,
  type Receipt,
  type ReplyOf,
  type WendyDeliveryError,
  type WendyMessageError,
  type WendyPurposeError,
  withReply
} from "./protocol/Message.ts"
import { checkConfig, checkTargets, type WendyOptionError } from "./protocol/OptionError.ts"
import * as Relayed from "./protocol/Relayed.ts"
import type { Session, WendySessionError, Window } from "./protocol/Session.ts"
import * as SessionFrame from "./protocol/SessionFrame.ts"
import * as Relay from "./Relay.ts"
import { makeClientIdentity } from "./transport/Identity.ts"
import * as Link from "./transport/Link.ts"
import { Transport, type WendyConnectionError, type WendyDialError } from "./transport/Transport.ts"

/**
 * Sends messages into a cluster, and gets those that are sent to it.
 *
 * **When to use**
 *
 * For programs that answer for no keys: they come and go without a trace in the ring, and need to be dialled by nobody.
 * Whoever answers for keys is a Node, see `Cluster`.
 *
 * **Details**
 *
 * At most `maxOwn` messages (4,096) of `maxCustodyBytes` (128 MiB) are without an outcome at once; further sends wait.
 * A message waits while there is
 * no connection, too; its deadline runs meanwhile. At its root a message comes `from` the Node that took it from the
 * client.
 *
 * **Example** (A Node and its client)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Client, Cluster, MemoryTransport, NodeId } from "effect-wendy"
 *
 * const program = Effect.gen(function*() {
 *   const { address, id, ready } = yield* Cluster.make()
 *   yield* ready
 *   const send = Effect.gen(function*() {
 *     const client = yield* Client.Client
 *     const key = NodeId.fromString("room:42")
 *     return yield* client.sendConfirmed({ key, purpose: 16, value: new Uint8Array([1]) })
 *   })
 *   const { root } = yield* Effect.provide(send, Client.layer({ to: [`127.0.0.1:${address.port}`] }))
 *   return root.hex === id.hex
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer))) // => true
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class Client extends Context.Service<Client, {
  /**
   * Sends a message towards its key and waits for the receipt of its root. Default deadline: `confirmDeadline`, 30 s.
   *
   * **Details**
   *
   * It fails with `WendyMessageError` when the message cannot be sent as it is, and with `WendyDeliveryError` when it has no
   * receipt: `Deadline` and `Closed` leave open whether it was delivered; `DeliveryFailed`, `BadValue` and `Dropped`
   * come from its way, and `Forbidden` says that clients may not send messages of this purpose.
   *
   * **Gotchas**
   *
   * Who is interrupted here takes nothing back: the message goes on being sent until its deadline, while the client
   * lives.
   */
  readonly sendConfirmed: <M extends OutgoingMessage>(
    message: M,
    options?: { readonly deadline?: Duration.Input | undefined }
  ) => Effect.Effect<Receipt<ReplyOf<M>>, WendyMessageError | WendyDeliveryError>
  /**
   * Completes with the first connection; fails with `WendyJoinError` when Nodes answer, but every one of them refuses this
   * client (`Refused`), or when the client ends first (`Closed`).
   */
  readonly connected: Effect.Effect<void, WendyJoinError>
  /**
   * Whether there is a connection to a Node now. Messages wait for one, so nobody needs to ask before sending: it is for
   * a health check, say. A Node that falls silent counts for some seconds more, and for 15 s where nothing is sent.
   */
  readonly isConnected: Effect.Effect<boolean>
  /**
   * Handles the messages of a definition that are sent to this client (`Cluster.sendToClient`), as long as the scope is
   * open. Fails with `WendyPurposeError` when it has a handler for them.
   *
   * **Details**
   *
   * Its Node relays them; one that is sent while it turns to another Node fails with `Unreachable` at its sender, who has to
   * send to its new `address`. A handler that does not return within `deliverTimeout` (10 s) has failed.
   */
  readonly register: <A, R = never, Reply = undefined>(
    handler: Handler<A, R, Reply>
  ) => Effect.Effect<void, WendyPurposeError, R | Scope.Scope>
  /** Where messages reach this client now; none without a handler, or while it is not connected. */
  readonly address: Effect.Effect<Option.Option<ClientAddress>>
  /**
   * Begins a session with the Node to which this client is connected, see `Session`; it ends with the scope, and with that
   * connection. Without one it waits for it, at most 15 s.
   *
   * **Details**
   *
   * The Node has to accept sessions of this name from clients (`Acceptor.allowsClients`). When the client turns to
   * another Node the session is `Broken`, and a new one is with that Node.
   */
  readonly openSession: (
    name: string,
    options?: { readonly window?: Window | undefined }
  ) => Effect.Effect<Session, WendySessionError, Scope.Scope>
}>()("effect-wendy/Client") {}

/**
 * How to reach a cluster.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * Nodes as `HOST:PORT` or `[IPV6]:PORT`; at least one. They are tried in this order, for ever, each after a pause that
   * grows to 5 s while it gives nothing; names are looked up anew each time.
   */
  readonly to: ReadonlyArray<string>
  /** The name of the cluster, at most 64 characters; Nodes of other names refuse this client. Default "wendy". */
  readonly cluster?: string | undefined
  /** How to prove that one belongs to the cluster: the same kind as at its Nodes. Default: `Credentials.none`. */
  readonly credentials?: Credentials.Credentials | undefined
  /**
   * Settings that differ from the defaults. A client has use for `maxValueSize`, `dialTimeout`, `handshakeTimeout`,
   * `maxOwn` and `confirmDeadline`.
   */
  readonly config?: Input | undefined
}

/**
 * Connects as long as the layer lives.
 *
 * **When to use**
 *
 * To send from an application that gets its services from Layers. With several clusters at once use `make` for each.
 *
 * **Details**
 *
 * It is built at once, without waiting for a connection. It fails with `WendyOptionError` for an address that cannot be read,
 * settings that cannot be, a name that is too long, or credentials that would travel in clear without leave.
 *
 * **Example** (A program that only sends)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Client, Cluster, MemoryTransport, NodeId } from "effect-wendy"
 *
 * const send = Effect.gen(function*() {
 *   const client = yield* Client.Client
 *   yield* client.connected
 *   const { hops } = yield* client.sendConfirmed({
 *     key: NodeId.fromString("room:42"),
 *     purpose: 16,
 *     value: new TextEncoder().encode("hello")
 *   }, { deadline: "5 seconds" })
 *   return hops
 * })
 *
 * // In production: Client.layer({ to: ["10.0.0.7:7001"] }) and TcpTransport.layer.
 * const ClientLive = Layer.unwrap(Effect.gen(function*() {
 *   const { address, ready } = yield* Cluster.make()
 *   yield* ready
 *   return Client.layer({ to: [`127.0.0.1:${address.port}`] })
 * })).pipe(Layer.provide(MemoryTransport.layer))
 *
 * await Effect.runPromise(Effect.provide(send, ClientLive)) // => 0
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Client, WendyOptionError, Transport> =>
  Layer.effect(Client, make(options))

/**
 * Connects with options that come from Effect's `Config`, each by itself or all together.
 *
 * **When to use**
 *
 * Where an application reads its configuration under names of its own. Else `layer`, whose errors it has, and `ConfigError`.
 *
 * **Example** (Addresses from a variable)
 *
 * ```ts
 * import { Config, ConfigProvider, Effect, Layer } from "effect"
 * import { Client, MemoryTransport } from "effect-wendy"
 *
 * const addresses = Config.String("RING").pipe(Config.map((text) => text.split(",")))
 *
 * const ClientLive = Client.layerConfig({ to: addresses }).pipe(
 *   Layer.provide(MemoryTransport.layer),
 *   Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env: { RING: "10.0.0.7:7001,10.0.0.8:7001" } })))
 * )
 *
 * const program = Client.Client.use((client) => client.isConnected)
 * await Effect.runPromise(Effect.provide(program, ClientLive)) // => false
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  config: Config.Wrap<Options>
): Layer.Layer<Client, WendyOptionError | Config.ConfigError, Transport> =>
  Layer.effect(Client, Effect.flatMap(Config.unwrap(config), make))

type Unresolved = Confirmations.Unresolved<PendingReceipt.PendingReceipt>

/** A link in use. */
interface Attached {
  readonly link: Link.Link
  readonly sessions: LinkSessions
  readonly silence: Silence.Silence
  readonly startedAt: number
  readonly leave: (end: Gateways.End) => void
  readonly uplink: Uplink.Uplink<PendingReceipt.PendingReceipt>
  readonly sink: Uplink.Sink<PendingReceipt.PendingReceipt>
}

/** How often a client looks whether something is due, in milliseconds. */
const lookEvery = 20

/**
 * Connects as long as the scope is open.
 *
 * **When to use**
 *
 * To speak to several clusters, or to end a client before the application ends. Else `layer`.
 *
 * **Details**
 *
 * It returns at once, without waiting for a connection, and fails as `layer` does. When the scope closes, what has no
 * receipt fails with `WendyDeliveryError` and `Closed`.
 *
 * **Example** (A client for one task)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Client, Cluster, MemoryTransport, Message, NodeId } from "effect-wendy"
 *
 * const Chat = Message.make("Chat", { purpose: 16, value: Schema.Struct({ text: Schema.String }) })
 *
 * const greet = Effect.fn("greet")(function*(address: string) {
 *   const client = yield* Client.make({ to: [address] })
 *   yield* client.sendConfirmed(Chat.make(NodeId.fromString("room:42"), { text: "hello" }))
 * }, Effect.scoped)
 *
 * const texts: Array<string> = []
 * const program = Effect.gen(function*() {
 *   const { address, ready, register } = yield* Cluster.make()
 *   yield* ready
 *   yield* register({ message: Chat, onDeliver: ({ value }) => Effect.sync(() => texts.push(value.text)) })
 *   yield* greet(`127.0.0.1:${address.port}`)
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer)))
 * texts // => ["hello"]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: (
  options: Options
) => Effect.Effect<Client["Service"], WendyOptionError, Transport | Scope.Scope> = Effect.fnUntraced(
  function*(options: Options) {
    const config = yield* checkConfig(options.config)
    const gateways = Gateways.make(yield* checkTargets(options.to))
    const transport = yield* Transport
    const scope = yield* Effect.scope
    const clock = yield* Clock.Clock
    const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000
    const identity = yield* makeClientIdentity({ ...options, config })
    const connected = yield* Deferred.make<void, WendyJoinError>()
    const confirmations = Confirmations.make<PendingReceipt.PendingReceipt>()
    const limit = Math.min(config.maxOwn, Confirmations.maxUnresolved)
    const isAttached = Latch.makeUnsafe(false)
    const { later, fork } = yield* Effect.withFiber<{
      readonly later: (task: () => void) => void
      readonly fork: (effect: Effect.Effect<void>) => void
    }>((fiber) =>
      Effect.succeed({
        later: (task) => fiber.currentDispatcher.scheduleTask(task, 0),
        fork: (effect) => void Effect.runForkWith(fiber.context as Context.Context<never>)(Effect.forkIn(effect, scope))
      })
    )
    let attached: Attached | undefined
    let isEnded = false

    const isWanted = ({ counter }: Unresolved): boolean => confirmations.unresolved.has(counter)

    const sinkOf = (link: Link.Link): Uplink.Sink<PendingReceipt.PendingReceipt> => ({
      isWanted,
      transmit: (entry, sequence) => {
        const frame = Confirmations.copy(confirmations, entry)
        if (link.peer.version < Envelope.marksSince) Envelope.clearMarks(frame)
        Envelope.setSequence(frame, sequence)
        link.sendData(frame)
      }
    })

    const launch = (entry: Unresolved): void => {
      if (attached !== undefined && isWanted(entry)) Uplink.send(attached.uplink, entry, attached.sink)
    }

    /** What has no outcome. */
    const unresolved = new Quota(
      { messages: limit, bytes: config.maxCustodyBytes },
      () => Confirmations.hasRoom(confirmations)
    )

    const resolve = (entry: Unresolved, resolution: Resolution): void => {
      unresolved.remove(Envelope.purpose(entry.frame), entry.frame.length)
      PendingReceipt.resolve(entry, resolution)
    }

    const onFrame = (current: Attached, frame: Frame.Frame): void => {
      switch (frame._tag) {
        case "Receipt": {
          const entry = Confirmations.resolve(confirmations, now(), frame.receipt.counter, frame.receipt.incarnation)
          if (entry === undefined) return
          resolve(entry, { _tag: "Receipt", receipt: frame.receipt, now: now() })
          return unresolved.letIn()
        }
        case "Acknowledged":
          return Uplink.acknowledged(current.uplink, now(), frame.from, frame.upTo, current.sink)
        case "Busy":
          return Uplink.busy(current.uplink, now(), frame.sequence, current.sink)
        case "Session":
          return current.sessions.receive([frame.frame])
        case "Answer":
          return Silence.answered(current.silence, now(), frame.answer.sequence)
        case "Bye":
          // It ends on purpose, and takes nothing more.
          return current.leave({ _tag: "ended" })
        default:
          return
      }
    }

    const onFrames = (current: Attached, frames: ReadonlyArray<Frame.Frame>): void => {
      Silence.heard(current.silence, now())
      for (const frame of frames) onFrame(current, frame)
    }

    const sessionsOf = (link: Link.Link): LinkSessions =>
      new LinkSessions({
        peer: link.peer,
        isDialled: true,
        queue: link.queueSession,
        queueControl: link.queueControl,
        flush: link.flush,
        now,
        later,
        fork,
        // Nobody begins a session with a client.
        accepting: () => undefined,
        maxSize: config.maxValueSize
      })

    const begin = (link: Link.Link, leave: Attached["leave"]): Attached => {
      const sessions = sessionsOf(link)
      const silence = Silence.make(now(), link.roundTrip)
      const uplink = Uplink.make<PendingReceipt.PendingReceipt>(config.window, config.windowBytes)
      const current = { link, sessions, silence, startedAt: now(), leave, uplink, sink: sinkOf(link) }
      attached = current
      isAttached.openUnsafe()
      for (const entry of confirmations.unresolved.values()) launch(entry)
      // Last, for whoever waits for it goes on at once, and may send.
      Deferred.doneUnsafe(connected, Exit.void)
      return current
    }

    /** Dials a gateway, and carries the link until it ends or this client leaves. Completes with how that came about. */
    const use = (gateway: Gateways.Gateway<Address.Address>, within: number) =>
      Effect.suspend(() => {
        const ended = Deferred.makeUnsafe<Gateways.End>()
        const leave = (end: Gateways.End): void => {
          Deferred.doneUnsafe(ended, Exit.succeed(end))
        }
        const link = transport.dial(gateway.address, {
          certificate: () => identity.security.certificate,
          maxFrameSize: Link.maxFrameSizeFor(config.maxValueSize),
          timeout: Math.min(within, config.dialTimeout)
        }).pipe(
          Effect.flatMap((connection) => Link.open(connection, identity)),
          Effect.timeoutOrElse({ duration: within, orElse: () => Effect.fail({ _tag: "Late" } as const) })
        )
        const carry = Effect.flatMap(link, (link) => {
          Gateways.connected(gateways, gateway)
          const current = begin(link, leave)
          return link.run((frames) => Effect.sync(() => onFrames(current, frames)))
        }).pipe(
          Effect.onExit((exit) =>
            Effect.sync(() => {
              const error = Exit.isFailure(exit) ? Option.getOrUndefined(Exit.findErrorOption(exit)) : undefined
              leave(error === undefined ? { _tag: "ended" } : endOf(error))
            })
          ),
          Effect.scoped
        )
        // What was written is flushed before a connection ends, which takes its time where nobody reads: the next is not
        // kept waiting for that.
        return Effect.forkIn(carry, scope, { startImmediately: true }).pipe(
          Effect.flatMap((fiber) => Effect.ensuring(Deferred.await(ended), Effect.sync(() => fiber.interruptUnsafe())))
        )
      })

    const stayConnected = Effect.gen(function*() {
      while (true) {
        const next = Gateways.step(gateways, now(), config.dialTimeout + config.handshakeTimeout)
        if (next._tag === "Wait") {
          yield* Effect.sleep(Math.max(1, next.until - now()))
          continue
        }
        const end = yield* use(next.gateway, next.within)
        const lasted = attached === undefined ? 0 : now() - attached.startedAt
        if (attached !== undefined) {
          Uplink.end(attached.uplink)
          attached.sessions.down()
        }
        attached = undefined
        isAttached.closeUnsafe()
        Gateways.ended(gateways, next.gateway, now(), yield* Random.next, lasted, end)
        const message = Gateways.refusal(gateways)
        if (message !== undefined) {
          yield* Deferred.fail(connected, new WendyJoinError({ reason: { _tag: "Refused", message } }))
        }
      }
    })

    /** Asks a gateway that says nothing for a sign of life, and leaves one that gives none. Rule G3. */
    const listen = ({ leave, link, silence }: Attached): void => {
      const [oldest] = confirmations.unresolved.values()
      const due = Silence.look(silence, now(), oldest?.sentAt, Gateways.doublings(gateways))
      if (due === undefined) return
      if (due === "leave") return leave({ _tag: "silent" })
      // The smallest question: a Node knows without a search that it answers for its own id.
      link.sendControl(Frame.query({ _tag: "RouteQuery", sequence: due, key: link.peer.node.id }))
    }

    const wake = Effect.gen(function*() {
      while (true) {
        yield* Effect.sleep(lookEvery)
        if (attached !== undefined) {
          Uplink.wake(attached.uplink, now(), attached.sink)
          listen(attached)
        }
        const { again, expired } = Confirmations.wake(confirmations, now())
        for (const entry of again) launch(entry)
        for (const entry of expired) resolve(entry, { _tag: "Expired" })
        if (expired.length > 0) unresolved.letIn()
      }
    })

    yield* Effect.forkScoped(stayConnected)
    yield* Effect.forkScoped(wake)
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        isEnded = true
        unresolved.open()
        for (const { context } of confirmations.unresolved.values()) PendingReceipt.close(context)
        Deferred.doneUnsafe(
          connected,
          Exit.fail(
            new WendyJoinError({
              reason: { _tag: "Closed", message: "this client was closed before it was connected" }
            })
          )
        )
      })
    )

    const openSession = (name: string, window: Window | undefined) =>
      Effect.suspend(() => {
        if (attached === undefined) {
          return Effect.fail(sessionFailure("Unreachable", "there is no connection to a Node"))
        }
        const { node, version } = attached.link.peer
        return version < SessionFrame.sessionsSince
          ? Effect.fail(
            sessionFailure("Unsupported", `${node.hex} speaks version ${version} of the protocol: update it`)
          )
          : attached.sessions.open(name, windowOf(window))
      })

    const receiver = Relay.makeReceiver(config.deliverTimeout, config.maxDelivering)
    let address: ClientAddress | undefined
    /** Gets messages over one session after another, each with the Node to which this client is connected. */
    const receiveMessages = Effect.gen(function*() {
      while (true) {
        yield* isAttached.await
        const began = now()
        yield* Effect.gen(function*() {
          const messages = yield* openSession(Relayed.sessionName, undefined)
          address = { gateway: messages.peer.id, id: identity.node.id }
          yield* receiver.serve(messages)
        }).pipe(Effect.scoped, Effect.exit)
        address = undefined
        if (now() - began < Sessions.lookEvery) yield* Effect.sleep(Sessions.lookEvery)
      }
    })
    /** Who takes no messages needs no session. */
    const startReceiving = yield* Effect.cached(
      // At once: what answers to what is sent next finds the session.
      Effect.forkIn(receiveMessages, scope, { startImmediately: true })
    )

    return Client.of({
      register: (handler) => Effect.andThen(receiver.register(handler), startReceiving),
      address: Effect.sync(() => Option.fromUndefinedOr(address)),
      connected: Deferred.await(connected),
      isConnected: Effect.sync(() => attached !== undefined),
      openSession: (name, sessionOptions) =>
        isAttached.await.pipe(
          Effect.timeoutOption(Sessions.patience),
          Effect.andThen(Effect.mapError(checkName(name), ({ message }) => sessionFailure("Refused", message))),
          Effect.andThen(openSession(name, sessionOptions?.window))
        ),
      sendConfirmed: Effect.fnUntraced(function*<M extends OutgoingMessage>(
        message: M,
        sendOptions?: { readonly deadline?: Duration.Input | undefined }
      ) {
        const raw = yield* Effect.fromResult(encode(message, config.maxValueSize))
        const waiting = PendingReceipt.make()
        const deadline = sendOptions?.deadline === undefined
          ? config.confirmDeadline
          : Duration.toMillis(sendOptions.deadline)
        yield* unresolved.enter(raw.purpose, { messages: 1, bytes: Envelope.sizeOf(raw) }, () => {
          if (isEnded) return PendingReceipt.close(waiting)
          const entry = Confirmations.begin(
            confirmations,
            now(),
            now() + deadline,
            waiting,
            (counter, floor) => Envelope.fromSender(identity.node, raw, "confirmed", counter, floor)
          )
          launch(entry)
        })
        return yield* Effect.fromResult(withReply(message, yield* Deferred.await(waiting.deferred)))
      })
    })
  }
)

/** What the end of an attempt, or of a connection, says of a gateway. */
const endOf = (
  error: WendyDialError | Refused | WendyConnectionError | Link.Malformed | { readonly _tag: "Late" }
): Gateways.End => {
  switch (error._tag) {
    case "Late":
      return { _tag: "silent" }
    case "WendyDialError":
      if (Link.isRefusal(error)) return { _tag: "refused", message: error.message }
      return { _tag: error.reason._tag === "Timeout" || error.reason._tag === "Silent" ? "silent" : "ended" }
    case "Refused":
      return Link.isRefusal(error) ? { _tag: "refused", message: error.message } : { _tag: "ended" }
    default:
      return { _tag: "ended" }
  }
}
