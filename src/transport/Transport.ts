/**
 * The seam between the overlay and the network: whole frames over connections.
 *
 * A `Transport` listens and dials. What it hands out is a {@link Connection}
 * that carries frames (byte arrays) whole, in order and at most once, or ends.
 * It knows nothing of Nodes, handshakes or messages: `Link` stands on top.
 * Layers: `TcpTransport` (real sockets) and `MemoryTransport` (a network inside the process).
 *
 * Applications choose one of these and never use the service themselves. Who
 * writes another, for another platform or protocol, has to keep what is said
 * here. The project's own transports pass the tests of `test/transport/contract.ts`,
 * which is in the repository but not in the package: copy it from there, it needs
 * `@effect/vitest` and this module alone.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { Address } from "../protocol/Address.ts"
import type { Certificate } from "../protocol/Credentials.ts"
import * as Reason from "../protocol/Reason.ts"

/**
 * A dial that did not become a connection.
 *
 * **Details**
 *
 * `Refused` alone is proof that no process listens there. `Timeout`,
 * `Unreachable` and `Resources` (no file descriptors here) prove nothing about
 * the peer. `BadAddress` cannot be resolved or parsed. Of a transport that encrypts:
 * `Broken`, the connection ended before it could be used; `Silent`, somebody takes connections there, but shook no hands in
 * time; `Insecure`, the other end does not encrypt, or uses credentials of another kind.
 *
 * `address` is what was dialled, as `HOST:PORT`; `message` says for people what to do.
 *
 * **Gotchas**
 *
 * A Node closes the gap of a neighbour at once on the proof of `Refused` (rule F1): a transport that gives it for
 * anything else lets two Nodes answer for one key.
 *
 * @category errors
 * @since 0.1.0
 */
export class WendyDialError extends Schema.TaggedError<WendyDialError>()("WendyDialError", {
  address: Schema.String,
  reason: Reason.oneOf("Refused", "Timeout", "Unreachable", "Resources", "BadAddress", "Broken", "Silent", "Insecure"),
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message(): string {
    return this.reason.message
  }

  /** Whether the same may work when it is tried again. */
  get retryable(): boolean {
    return this.reason._tag === "Refused" || this.reason._tag === "Timeout" || this.reason._tag === "Unreachable" ||
      this.reason._tag === "Resources" || this.reason._tag === "Broken" || this.reason._tag === "Silent"
  }
}

/**
 * A port that cannot be listened on.
 *
 * **Details**
 *
 * - `InUse`: something listens there already.
 * - `Denied`: this process may not, as below port 1024.
 * - `BadAddress`: no address of this machine, or it cannot be parsed.
 * - `Resources`: no file descriptor, or no free port, is left.
 * - `Other`: anything else; `message` says what.
 *
 * @category errors
 * @since 0.1.0
 */
export class WendyListenError extends Schema.TaggedError<WendyListenError>()("WendyListenError", {
  address: Schema.String,
  reason: Reason.oneOf("InUse", "Denied", "BadAddress", "Resources", "Other"),
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message(): string {
    return this.reason.message
  }

  /** Whether the same may work when it is tried again. */
  get retryable(): boolean {
    return this.reason._tag === "InUse" || this.reason._tag === "Resources"
  }
}

/**
 * The end of a connection. Every connection ends with one of these.
 *
 * **Details**
 *
 * - `Closed`: the peer ended it cleanly between two frames.
 * - `Reset`: it broke (the peer's process died, the network cut it, or it was closed here).
 * - `FrameTooLarge`, `Truncated`: the peer broke the framing rules; the connection is closed.
 * - `OtherProtocol`: the peer began with what is no frame, but HTTP, TLS or the like; the connection is closed.
 *
 * @category errors
 * @since 0.1.0
 */
export class WendyConnectionError extends Schema.TaggedError<WendyConnectionError>()("WendyConnectionError", {
  reason: Reason.oneOf("Closed", "Reset", "FrameTooLarge", "Truncated", "OtherProtocol"),
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message(): string {
    return this.reason.message
  }

  /** Whether the same may work when it is tried again. */
  get retryable(): boolean {
    return this.reason._tag === "Closed" || this.reason._tag === "Reset"
  }
}

/**
 * What protects a connection: an encrypted channel between its two ends.
 *
 * @category models
 * @since 0.1.0
 */
export interface Channel {
  /**
   * 32 bytes that the two ends of this channel have in common, and nobody else (RFC 9266). Who stands between two
   * ends has a channel with each, with other bytes: a proof over them cannot be passed on. `undefined` where the runtime
   * does not give them: then no passphrase is proved over the channel.
   */
  readonly binding: Uint8Array | undefined
  /** What the other end showed, and has proved to have the key of. */
  readonly certificate: PeerCertificate | undefined
}

/**
 * A certificate that the other end of a channel has shown.
 *
 * @category models
 * @since 0.1.0
 */
export interface PeerCertificate {
  /** X.509 in DER (RFC 5280). */
  readonly raw: Uint8Array
  /** Why it is not good, as a code of OpenSSL such as `CERT_HAS_EXPIRED`; `undefined` for good. */
  readonly problem: string | undefined
}

/**
 * A connection that carries whole frames: in order, each at most once. A frame is any bytes, none at all too.
 *
 * @category models
 * @since 0.1.0
 */
export interface Connection {
  /** The other end as the network shows it (for an accepted connection its ephemeral port). */
  readonly remote: Address
  /** What protects it; `undefined` where nothing does, and inside a process. */
  readonly channel: Channel | undefined
  /**
   * Writes frames in order, as one batch. Suspends while the peer does not
   * read (back-pressure). One fiber at a time may write.
   */
  readonly write: (frames: ReadonlyArray<Uint8Array>) => Effect.Effect<void, WendyConnectionError>
  /**
   * Writes frames as one batch, if that can be done at once; returns whether it was: else none of them has been written, and
   * `write` waits until they can be. Not while a fiber writes. Unlike with `write` nobody may change their bytes any more: a
   * large one need not be copied. A transport may leave it out: it saves a fiber for most writes.
   */
  readonly writeNow?: ((frames: ReadonlyArray<Uint8Array>) => boolean) | undefined
  /**
   * Takes all frames that have arrived, at least one, waiting if there is none.
   * Frames that arrived before the end are handed out before the error. One fiber at a time may read.
   * A frame's bytes belong to the taker: nobody writes to them later.
   */
  readonly read: Effect.Effect<readonly [Uint8Array, ...Array<Uint8Array>], WendyConnectionError>
  /**
   * The other end has proved that it belongs here: from now on its frames may be as large as `maxFrameSize`, where
   * until now those of an accepted connection were held to `maxFirstFrameSize`.
   */
  readonly admit: () => void
}

/**
 * What a listener and a dialler agree on beforehand.
 *
 * @category models
 * @since 0.1.0
 */
export interface ConnectionOptions {
  /**
   * Largest frame accepted, in bytes, without its length prefix. A larger one ends the connection before it is
   * buffered.
   */
  readonly maxFrameSize: number
  /**
   * The certificate to show, and whom to believe: asked for at every connection, so that it can be renewed. Transports
   * without encryption take no notice.
   */
  readonly certificate?: (() => Certificate | undefined) | undefined
}

/**
 * A bound port.
 *
 * @category models
 * @since 0.1.0
 */
export interface Listener {
  /** The address that is really bound: port 0 has become a number. */
  readonly address: Address
  /**
   * Runs `handler` for each accepted connection in a fiber of its own, until interrupted.
   * A connection lives as long as its handler's fiber: when the handler ends, what was
   * written is flushed and the connection closed. A failure in one handler touches no other:
   * a `WendyConnectionError` is no news, anything else is logged.
   * Interrupting `serve` interrupts all handlers.
   */
  readonly serve: <E, R>(
    handler: (connection: Connection) => Effect.Effect<void, E, R>
  ) => Effect.Effect<never, never, R>
}

/**
 * The network as a service.
 *
 * **When to use**
 *
 * To write a network of one's own. Nodes, clients and inspectors take it from the context: provide `TcpTransport.layer`
 * or `MemoryTransport.layer`.
 *
 * **Example** (A transport that counts dials)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cluster, MemoryTransport, Transport } from "effect-wendy"
 *
 * let dials = 0
 * const Counting = Layer.effect(
 *   Transport.Transport,
 *   Effect.map(Transport.Transport, (inner) => ({
 *     ...inner,
 *     dial: (address, options) => Effect.tap(inner.dial(address, options), () => Effect.sync(() => void dials++))
 *   }))
 * ).pipe(Layer.provide(MemoryTransport.layer))
 *
 * const program = Effect.gen(function*() {
 *   const one = yield* Cluster.make()
 *   yield* one.ready
 *   const two = yield* Cluster.make({ join: [`127.0.0.1:${one.address.port}`] })
 *   yield* two.ready
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Counting)))
 * dials > 0 // => true
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class Transport extends Context.Service<Transport, {
  /**
   * All addresses of a host; of an address itself. A transport may leave it out: then a name is dialled as it is, and
   * all behind it count as one seed.
   */
  readonly resolve?: ((host: string) => Effect.Effect<ReadonlyArray<string>, WendyDialError>) | undefined
  /** The addresses at which others may reach this machine, the likeliest first. A transport may leave it out. */
  readonly hosts?: Effect.Effect<ReadonlyArray<string>> | undefined
  /**
   * Who can read and change what goes over its connections: whoever is on the way (`none`), only this process
   * (`process`), or only the two ends (`tls`: every connection that it dials has a `channel`, and every one that it
   * accepts but those that speak in clear, so that they can be told).
   */
  readonly protection: "none" | "process" | "tls"
  /**
   * Binds an address (port 0: any free one); listening has begun when this returns, and ends with the scope.
   * Connections made before `serve` runs wait.
   */
  readonly listen: (
    address: Address,
    options: ConnectionOptions & {
      /** Most accepted connections at once; further ones are closed at once. */
      readonly maxConnections: number
      /** Largest frame that is accepted from an end that has proved nothing yet. Default: `maxFrameSize`. */
      readonly maxFirstFrameSize?: number | undefined
    }
  ) => Effect.Effect<Listener, WendyListenError, Scope.Scope>
  /** Opens a connection, within `timeout`; it ends with the scope, after what was written has been flushed. */
  readonly dial: (
    address: Address,
    options: ConnectionOptions & { readonly timeout: Duration.Input }
  ) => Effect.Effect<Connection, WendyDialError, Scope.Scope>
}>()("effect-wendy/transport/Transport") {}
