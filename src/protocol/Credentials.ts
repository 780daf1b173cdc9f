/**
 * Credentials: how two ends of a connection prove that they belong together.
 *
 * They say who may connect, and nothing else: no traffic is encrypted, whichever
 * are used. Both ends need the same kind, or they refuse each other (`Refused`,
 * reason `credentials`). The handshake that carries them is in rules H2 to H4 of `docs/protocol.md`.
 *
 * Source: the credentials of Wendy (Second Bit, 2012: Marshal, Valid).
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"

/**
 * How to prove that one belongs to the cluster: made by `none`, `passphrase` or `make`.
 *
 * @category models
 * @since 0.1.0
 */
export type Credentials =
  | { readonly _tag: "None" }
  | { readonly _tag: "Passphrase"; readonly passphrase: Redacted.Redacted<string> }
  | Custom

/**
 * Credentials that the application shows and checks. See {@link make}.
 *
 * @category models
 * @since 0.1.0
 */
export interface Custom {
  readonly _tag: "Custom"
  /** The bytes to show, at most {@link maxBytes}; asked for anew at every connection. */
  readonly marshal: () => Uint8Array | Effect.Effect<Uint8Array, unknown>
  /** Whether the bytes of the other end are good. Only `true` is a yes. */
  readonly valid: (bytes: Uint8Array) => boolean | Effect.Effect<boolean, unknown>
  /** That the bytes travel in clear is understood. */
  readonly allowClear: boolean
}

/**
 * The most bytes of credentials that one end shows the other: 4,096.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxBytes = 4096

/**
 * Whoever can connect belongs to the cluster. Only for loopback and closed networks.
 *
 * **Example** (On one machine)
 *
 * ```ts
 * import { Cluster, Credentials } from "effect-wendy"
 *
 * export const NodeLive = Cluster.layer({ localHost: "127.0.0.1", credentials: Credentials.none })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const none: Credentials = { _tag: "None" }

/**
 * Both ends prove by challenge and response that they know one passphrase. It
 * is never sent and never logged.
 *
 * **When to use**
 *
 * For every cluster that is reached over more than loopback. Where ends are told apart by something that others issue,
 * such as a signed token, see {@link make}.
 *
 * **Details**
 *
 * A proof is an HMAC-SHA-256 (RFC 2104) over both first frames, each with a fresh nonce, under a key stretched from the
 * passphrase and the cluster's name by scrypt (RFC 7914; N = 16,384, r = 8, p = 1), once a start: about 50 ms. The text
 * is normalised first (NFC), so that it does not matter how a letter with an accent was typed.
 *
 * Throws a `RangeError` for an empty passphrase: it would let everybody in.
 *
 * **Gotchas**
 *
 * It proves who connects; it does not encrypt what is said. A listener can try
 * passphrases against a recorded handshake, slowed down by scrypt: choose a long one.
 *
 * **Example** (A passphrase from the environment)
 *
 * ```ts
 * import { Config, ConfigProvider, Effect, Layer } from "effect"
 * import { Cluster, Credentials, MemoryTransport } from "effect-wendy"
 *
 * const NodeLive = Layer.unwrap(Effect.gen(function*() {
 *   const secret = yield* Config.Redacted("RING_PASSPHRASE")
 *   return Cluster.layer({ credentials: Credentials.passphrase(secret) })
 * })).pipe(Layer.provide(MemoryTransport.layerAlone))
 *
 * const program = Cluster.Cluster.use(({ ready }) => ready)
 *
 * // Without this line: the environment of the process.
 * const Environment = ConfigProvider.layer(ConfigProvider.fromUnknown({ RING_PASSPHRASE: "correct horse battery" }))
 * await Effect.runPromise(Effect.provide(program, Layer.provide(NodeLive, Environment)))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const passphrase = (secret: Redacted.Redacted<string>): Credentials => {
  if (Redacted.value(secret).length === 0) {
    throw new RangeError("a passphrase must not be empty: it would let everybody in")
  }
  return { _tag: "Passphrase", passphrase: secret }
}

/**
 * Credentials of the application's own: `marshal` gives the bytes that this end
 * shows, and `valid` says whether what the other end shows is good.
 *
 * **When to use**
 *
 * Use them where ends are told apart by something that others issue, such as a
 * signed token. Where one secret that all know will do, {@link passphrase} is
 * better: it never travels.
 *
 * **Details**
 *
 * Both functions are called anew for every connection, so what is shown may change
 * with time. Each may answer with a value or with an effect, within half of
 * `handshakeTimeout`. The dialler shows its bytes first; the acceptor shows its
 * own only to a dialler whose bytes are good, and serves it only when the dialler
 * has said that these are good too.
 *
 * Only `true` is a yes. Where `valid` throws, fails, dies or does not answer in
 * time, and where `marshal` does or gives more than {@link maxBytes} bytes, the
 * connection is refused (`Refused`, reason `credentials`) and nothing else is harmed.
 *
 * **Gotchas**
 *
 * The bytes travel in clear: whoever listens can record them and show them again.
 * A Node or client with such credentials starts only with `allowClear: true`, and
 * logs a warning.
 *
 * `valid` is asked about everything that fits, no bytes at all included, by
 * whoever can connect. A secret is compared with `timingSafeEqual` of
 * `node:crypto`, or the time of an answer gives it away piece by piece.
 *
 * The library puts the bytes into no log, event or error, and drops the error of
 * a function that fails. What the functions log themselves is theirs.
 *
 * **Example** (A token that all ends know)
 *
 * ```ts
 * import { Cluster, Credentials } from "effect-wendy"
 * import { timingSafeEqual } from "node:crypto"
 *
 * const token = new TextEncoder().encode("a long random token")
 *
 * const credentials = Credentials.make({
 *   marshal: () => token,
 *   valid: (bytes) => bytes.length === token.length && timingSafeEqual(bytes, token),
 *   allowClear: true
 * })
 *
 * export const NodeLive = Cluster.layer({ credentials })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: {
  /** The bytes to show, at most {@link maxBytes}. */
  readonly marshal: () => Uint8Array | Effect.Effect<Uint8Array, unknown>
  /** Whether the bytes of the other end are good. */
  readonly valid: (bytes: Uint8Array) => boolean | Effect.Effect<boolean, unknown>
  /** That the bytes travel in clear is understood. Default false. */
  readonly allowClear?: boolean | undefined
}): Credentials => ({
  _tag: "Custom",
  // Functions keep what they give to themselves; an effect would show it to whoever prints the credentials.
  marshal: options.marshal,
  valid: options.valid,
  allowClear: options.allowClear === true
})
