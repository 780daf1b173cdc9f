/**
 * Credentials: how two ends of a connection prove that they belong together.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"

/**
 * How to prove that one belongs to the cluster.
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
  readonly marshal: () => Uint8Array | Effect.Effect<Uint8Array, unknown>
  readonly valid: (bytes: Uint8Array) => boolean | Effect.Effect<boolean, unknown>
  readonly allowClear: boolean
}

/**
 * The most bytes of credentials that one end shows the other.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxBytes = 4096

/**
 * Whoever can connect belongs to the cluster. Only for loopback and closed networks.
 *
 * @category constructors
 * @since 0.1.0
 */
export const none: Credentials = { _tag: "None" }

/**
 * Both ends prove by challenge and response that they know one passphrase. It
 * is never sent and never logged.
 *
 * **Gotchas**
 *
 * It proves who connects; it does not encrypt what is said. A listener can try
 * passphrases against a recorded handshake, slowed down by scrypt: choose a long one.
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
 * import { Credentials } from "effect-wendy"
 * import { timingSafeEqual } from "node:crypto"
 *
 * const token = new TextEncoder().encode("a long random token")
 *
 * const credentials = Credentials.make({
 *   marshal: () => token,
 *   valid: (bytes) => bytes.length === token.length && timingSafeEqual(bytes, token),
 *   allowClear: true
 * })
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
