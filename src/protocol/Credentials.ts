/**
 * Credentials: how two ends of a connection prove that they belong together.
 *
 * @since 0.1.0
 */
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
