/**
 * Client: sends messages into a cluster without being a part of it.
 *
 * It enters no table. It speaks to one Node at a time, which routes for it and
 * relays the receipts; when that Node goes, it turns to the next and sends again
 * what has no receipt. Its messages keep their identity, so that the root
 * delivers each once.
 *
 * Not for whoever wants to receive messages, to send directly to a Node, or to send
 * without a receipt: that takes a Node of one's own, see `Cluster`.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { Gate } from "./actors/Gate.ts"
import * as Waiting from "./actors/Waiting.ts"
import * as Confirmations from "./core/Confirmations.ts"
import type { Resolution } from "./core/Messaging.ts"
import type * as Address from "./protocol/Address.ts"
import { type BadOption, checkConfig, checkTargets } from "./protocol/BadOption.ts"
import type { ClusterConfig } from "./protocol/ClusterConfig.ts"
import type * as Credentials from "./protocol/Credentials.ts"
import * as Envelope from "./protocol/Envelope.ts"
import type * as Frame from "./protocol/Frame.ts"
import type { Refused } from "./protocol/Handshake.ts"
import { JoinFailed } from "./protocol/JoinFailed.ts"
import { encode, type MessageRejected, type NotConfirmed, type Outgoing, type Receipt } from "./protocol/Message.ts"
import { makeClientIdentity } from "./transport/Identity.ts"
import * as Link from "./transport/Link.ts"
import { type ConnectionError, type DialError, Transport } from "./transport/Transport.ts"

/**
 * Sends messages into a cluster.
 *
 * **When to use**
 *
 * For programs that only send: they come and go without a trace in the ring, and need to be reached by nobody. Whoever
 * answers for keys is a Node, see `Cluster`.
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
 *   const { node, ready } = yield* Cluster.make({})
 *   yield* ready
 *   const send = Effect.gen(function*() {
 *     const client = yield* Client.Client
 *     const key = NodeId.fromString("room:42")
 *     return yield* client.sendConfirmed({ key, purpose: 16, value: new Uint8Array([1]) })
 *   })
 *   const { root } = yield* Effect.provide(send, Client.layer({ to: [`127.0.0.1:${node.port}`] }))
 *   return root.hex === node.hex
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layerAlone))) // => true
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
   * It fails with `MessageRejected` when the message cannot be sent as it is, and with `NotConfirmed` when it has no
   * receipt: `Deadline` and `Closed` leave open whether it was delivered; `DeliveryFailed`, `BadValue` and `Dropped`
   * come from its way, and `Forbidden` says that clients may not send messages of this purpose.
   *
   * **Gotchas**
   *
   * Who is interrupted here takes nothing back: the message goes on being sent until its deadline, while the client
   * lives.
   */
  readonly sendConfirmed: (
    message: Outgoing,
    options?: { readonly deadline?: Duration.Input | undefined }
  ) => Effect.Effect<Receipt, MessageRejected | NotConfirmed>
  /**
   * Completes with the first connection; fails with `JoinFailed` when Nodes answer, but every one of them refuses this
   * client (`Refused`), or when the client ends first (`Closed`).
   */
  readonly connected: Effect.Effect<void, JoinFailed>
}>()("effect-wendy/Client") {}

/**
 * How to reach a cluster.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Nodes as `HOST:PORT` or `[IPV6]:PORT`, tried in turn, for ever. At least one, or the client never connects. */
  readonly to: ReadonlyArray<string>
  /** The name of the cluster, at most 64 characters; Nodes of other names refuse this client. Default "wendy". */
  readonly cluster?: string | undefined
  /** How to prove that one belongs to the cluster: the same kind as at its Nodes. Default: `Credentials.none`. */
  readonly credentials?: Credentials.Credentials | undefined
  /**
   * Settings that differ from the defaults. A client has use for `maxValueSize`, `dialTimeout`, `handshakeTimeout`,
   * `maxOwn` and `confirmDeadline`.
   */
  readonly config?: Partial<ClusterConfig> | undefined
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
 * It is built at once, without waiting for a connection. It fails with `BadOption` for an address that cannot be read,
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
 *   const { node, ready } = yield* Cluster.make({})
 *   yield* ready
 *   return Client.layer({ to: [`127.0.0.1:${node.port}`] })
 * })).pipe(Layer.provide(MemoryTransport.layerAlone))
 *
 * await Effect.runPromise(Effect.provide(send, ClientLive)) // => 0
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Client, BadOption, Transport> =>
  Layer.effect(Client, make(options))

/** A link in use: its numbers, and which message each stands for. */
interface Session {
  readonly link: Link.Link
  next: number
  readonly sent: Map<number, Confirmations.Unresolved<Waiting.Waiting>>
}

/** Pauses after a round in which no Node could be reached, and after Busy, in milliseconds. */
const shortestPause = 50
const longestPause = 1000
const busyPause = 20

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
 * receipt fails with `NotConfirmed` and `Closed`.
 *
 * **Example** (A client for one task)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Client, Cluster, MemoryTransport, Message, NodeId } from "effect-wendy"
 *
 * const Chat = Message.define("Chat", { purpose: 16, value: Schema.Struct({ text: Schema.String }) })
 *
 * const greet = Effect.fn("greet")(function*(address: string) {
 *   const client = yield* Client.make({ to: [address] })
 *   yield* client.sendConfirmed(Chat.make(NodeId.fromString("room:42"), { text: "hello" }))
 * }, Effect.scoped)
 *
 * const texts: Array<string> = []
 * const program = Effect.gen(function*() {
 *   const { node, ready, register } = yield* Cluster.make({})
 *   yield* ready
 *   yield* register({ message: Chat, onDeliver: ({ value }) => Effect.sync(() => texts.push(value.text)) })
 *   yield* greet(`127.0.0.1:${node.port}`)
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layerAlone)))
 * texts // => ["hello"]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: (
  options: Options
) => Effect.Effect<Client["Service"], BadOption, Transport | Scope.Scope> = Effect.fnUntraced(
  function*(options: Options) {
    const config = yield* checkConfig(options.config)
    const seeds = yield* checkTargets(options.to)
    const transport = yield* Transport
    const clock = yield* Clock.Clock
    const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000
    const identity = yield* makeClientIdentity(options)
    const connected = yield* Deferred.make<void, JoinFailed>()
    const confirmations = Confirmations.make<Waiting.Waiting>()
    const limit = Math.min(config.maxOwn, Confirmations.maxUnresolved)
    let session: Session | undefined
    let isEnded = false
    let busy: Array<Confirmations.Unresolved<Waiting.Waiting>> = []

    const transmit = (entry: Confirmations.Unresolved<Waiting.Waiting>, frame: Uint8Array): void => {
      if (session === undefined) return
      const sequence = session.next++
      Envelope.setSequence(frame, sequence)
      session.sent.set(sequence, entry)
      session.link.sendData(frame)
    }

    const transmitAgain = (entry: Confirmations.Unresolved<Waiting.Waiting>): void => {
      if (confirmations.unresolved.has(entry.counter)) transmit(entry, Confirmations.copy(confirmations, entry))
    }

    /** Bytes of what has no outcome. */
    let unresolvedBytes = 0

    const gate = new Gate(() =>
      isEnded || (confirmations.unresolved.size < limit && unresolvedBytes < config.maxCustodyBytes &&
        Confirmations.hasRoom(confirmations))
    )

    const resolve = (entry: Confirmations.Unresolved<Waiting.Waiting>, resolution: Resolution): void => {
      unresolvedBytes -= entry.frame.length
      Waiting.resolve(entry, resolution)
    }

    const onFrame = (current: Session, frame: Frame.Frame): void => {
      switch (frame._tag) {
        case "Receipt": {
          const entry = Confirmations.resolve(confirmations, now(), frame.receipt.counter, frame.receipt.incarnation)
          if (entry === undefined) return
          resolve(entry, { _tag: "Receipt", receipt: frame.receipt, now: now() })
          return gate.letIn()
        }
        case "Acknowledged": {
          for (const sequence of current.sent.keys()) {
            if (sequence > frame.upTo) break
            if (sequence < frame.from) continue
            current.sent.delete(sequence)
          }
          return
        }
        case "Busy": {
          const entry = current.sent.get(frame.sequence)
          current.sent.delete(frame.sequence)
          if (entry !== undefined) busy.push(entry)
          return
        }
        default:
          return
      }
    }

    /** Uses one Node until its connection ends. Fails when no link came about. */
    const use = (address: Address.Address) =>
      Effect.scoped(
        transport.dial(address, {
          certificate: () => identity.security.certificate,
          maxFrameSize: Link.maxFrameSizeFor(config.maxValueSize),
          timeout: config.dialTimeout
        }).pipe(
          Effect.flatMap((connection) => Link.open(connection, identity)),
          Effect.timeout(config.dialTimeout + config.handshakeTimeout),
          Effect.flatMap((link) => {
            const current: Session = { link, next: 0, sent: new Map() }
            session = current
            Deferred.doneUnsafe(connected, Exit.void)
            for (const entry of confirmations.unresolved.values()) transmitAgain(entry)
            return link.run((frames) => Effect.sync(() => frames.forEach((frame) => onFrame(current, frame)))).pipe(
              Effect.exit,
              Effect.ensuring(Effect.sync(() => {
                session = undefined
              }))
            )
          }),
          Effect.asVoid
        )
      )

    const stayConnected = Effect.gen(function*() {
      let pause = shortestPause
      while (true) {
        let refusal: DialError | Refused | undefined
        let used = false
        for (const seed of seeds) {
          const exit = yield* Effect.result(use(seed) as Effect.Effect<void, DialError | Refused | ConnectionError>)
          if (exit._tag === "Success") used = true
          else if (exit.failure._tag !== "ConnectionError" && Link.isRefusal(exit.failure)) refusal = exit.failure
        }
        if (refusal !== undefined && !used) {
          yield* Deferred.fail(connected, new JoinFailed({ reason: "Refused", message: refusal.message }))
        }
        if (used) {
          pause = shortestPause
        } else {
          yield* Effect.sleep(pause)
          pause = Math.min(longestPause, pause * 2)
        }
      }
    })

    const wake = Effect.gen(function*() {
      while (true) {
        yield* Effect.sleep(busyPause)
        const refused = busy
        busy = []
        for (const entry of refused) transmitAgain(entry)
        const { again, expired } = Confirmations.wake(confirmations, now())
        for (const entry of again) transmitAgain(entry)
        for (const entry of expired) resolve(entry, { _tag: "Expired" })
        if (expired.length > 0) gate.letIn()
      }
    })

    yield* Effect.forkScoped(stayConnected)
    yield* Effect.forkScoped(wake)
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        isEnded = true
        gate.letIn()
        for (const { context } of confirmations.unresolved.values()) Waiting.close(context)
        Deferred.doneUnsafe(
          connected,
          Exit.fail(new JoinFailed({ reason: "Closed", message: "this client was closed before it was connected" }))
        )
      })
    )

    return Client.of({
      connected: Deferred.await(connected),
      sendConfirmed: Effect.fnUntraced(function*(message, sendOptions) {
        const raw = yield* Effect.fromResult(encode(message, config.maxValueSize))
        const waiting = Waiting.make()
        const deadline = sendOptions?.deadline === undefined
          ? config.confirmDeadline
          : Duration.toMillis(sendOptions.deadline)
        yield* gate.enter(() => {
          if (isEnded) return Waiting.close(waiting)
          const entry = Confirmations.begin(
            confirmations,
            now(),
            now() + deadline,
            waiting,
            (counter, floor) => Envelope.fromSender(identity.node, raw, "confirmed", counter, floor)
          )
          unresolvedBytes += entry.frame.length
          transmit(entry, entry.frame)
        })
        return yield* Deferred.await(waiting.deferred)
      })
    })
  }
)
