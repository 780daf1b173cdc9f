/**
 * Credentials: how two ends of a connection prove that they belong together.
 *
 * They say who may connect; that nobody listens meanwhile is the transport's business, and all but `none` ask for
 * one that encrypts: `TlsTransport`. Both ends need the same kind, or they refuse each other (`Refused`,
 * reason `credentials`). The handshake that carries them is in rules H2 to H4 of `docs/protocol.md`; what they are
 * good against, and what not, in `docs/security.md`.
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
export type Credentials = None | Passphrase | Certified | Custom

/**
 * No credentials: see {@link none}.
 *
 * @category models
 * @since 0.1.0
 */
export interface None {
  readonly _tag: "None"
}

/**
 * A secret that all ends know: see {@link passphrase}.
 *
 * @category models
 * @since 0.1.0
 */
export interface Passphrase {
  readonly _tag: "Passphrase"
  /** The one that this end proves to know, then others that it takes from ends that do not know that one yet, or no more. */
  readonly passphrases: readonly [Redacted.Redacted<string>, ...Array<Redacted.Redacted<string>>]
  /** That all traffic goes in clear, where the transport does not encrypt, is understood. */
  readonly allowClear: boolean
}

/**
 * A certificate for each end: see {@link certificate}.
 *
 * @category models
 * @since 0.1.0
 */
export interface Certified {
  readonly _tag: "Certified"
  /** What this end shows, and whom it believes. */
  readonly certificate: Certificate
}

/**
 * What an end shows, and whom it believes. All texts are PEM (RFC 7468).
 *
 * @category models
 * @since 0.1.0
 */
export interface Certificate {
  /** The private key of the certificate. */
  readonly key: Redacted.Redacted<string>
  /** The certificate, and those between it and an authority, that one first. */
  readonly chain: string
  /** Certificates of the authorities that are believed: two, while one takes over from the other. */
  readonly authorities: ReadonlyArray<string>
  /** Lists of revoked certificates, one of every authority that has any (RFC 5280). */
  readonly revocations: ReadonlyArray<string>
}

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
  /** What an end has to prove before any bytes are shown to it. */
  readonly within: Passphrase | Certified | undefined
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
 * The fewest characters of a passphrase: 12.
 *
 * **Details**
 *
 * Twelve random letters and digits are 36^12, or 5 * 10^18 passphrases. Who has overheard a proof over a connection in
 * clear, or has got one by answering in the place of a Node, tries four of them a second with each core and 16 MiB of
 * memory: a million cores need more than 37,000 years for all. Of eight characters they need a week.
 *
 * The bound is against accidents, such as a file that was cut short. It makes no word of a dictionary a secret.
 *
 * @category constants
 * @since 0.1.0
 */
export const shortestPassphrase = 12

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
 * For a cluster whose machines all belong to the same people, who want one secret and nothing to administer. Whoever
 * knows it may be any Node; where that is too much, see {@link certificate}.
 *
 * **Details**
 *
 * A proof is an HMAC-SHA-256 (RFC 2104) over both first frames, each with a fresh nonce, and over what binds it to the
 * encrypted channel between exactly these two ends (RFC 9266), under a key stretched from the passphrase and the
 * cluster's name by scrypt (RFC 7914; N = 16,384, r = 8, p = 5), once a start: about a quarter of a second. The text
 * is normalised first (NFC), so that it does not matter how a letter with an accent was typed.
 *
 * Of several passphrases the first is the one that this end proves to know; the others it takes from ends that prove
 * these. So a passphrase is replaced while the cluster runs: give all ends the old one and the new one, then the new
 * one and the old one, then the new one alone.
 *
 * Over a transport that does not encrypt they are refused, unless `allowClear` says that this is understood: whoever
 * listens then reads all traffic, and can try passphrases against what was recorded.
 *
 * A Node, client or inspector does not start with a passphrase that is blank, shorter than {@link shortestPassphrase}, or
 * was made of bytes that are no text: it fails with `WendyOptionError`.
 *
 * **Gotchas**
 *
 * Who listens learns nothing. Who stands in for a Node when another dials it gets one proof, bound to that
 * connection, and can try passphrases against it, slowed down by scrypt: choose a long one.
 *
 * **Example** (A passphrase from the environment)
 *
 * ```ts
 * import { Config, ConfigProvider, Effect, Layer } from "effect"
 * import { Cluster, Credentials, TlsTransport } from "effect-wendy"
 *
 * const NodeLive = Layer.unwrap(Effect.gen(function*() {
 *   const secret = yield* Config.Redacted("RING_PASSPHRASE")
 *   return Cluster.layer({ credentials: Credentials.passphrase(secret) })
 * })).pipe(Layer.provide(TlsTransport.layer))
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
export const passphrase = (
  secret: Redacted.Redacted<string> | readonly [Redacted.Redacted<string>, ...Array<Redacted.Redacted<string>>],
  options?: {
    /** That all traffic goes in clear, where the transport does not encrypt, is understood. Default false. */
    readonly allowClear?: boolean | undefined
  }
): Passphrase => ({
  _tag: "Passphrase",
  passphrases: Redacted.isRedacted(secret) ? [secret] : secret,
  allowClear: options?.allowClear === true
})

/**
 * Each end has a certificate of its own, issued by an authority that all believe.
 *
 * **When to use**
 *
 * Where a single machine must not be able to pass itself off as another, and one that is lost can be shut out alone.
 * `wendy keys` makes an authority and certificates.
 *
 * **Details**
 *
 * Both ends of every connection show their certificates, and prove in the handshake of TLS that they have the keys.
 * A Node has the id that its certificate names (a URI `wendy:node:` and 32 hexadecimal digits among its alternative
 * names), or else the first 16 bytes of the SHA-256 of its public key; it takes no other, and Cluster takes it from
 * there where no `id` is given. A URI `wendy:region:` names the only Region that it may be in. With `wendy:client`
 * instead of an id a certificate is good for clients only; clients may use any.
 *
 * Two authorities at once let one take over from the other while the cluster runs: give all ends both, then new
 * certificates, then only the new authority.
 *
 * Needs `TlsTransport`. All texts are PEM.
 *
 * **Gotchas**
 *
 * Whoever has an authority's key can make any Node. A revoked certificate is refused at new connections from the time
 * on that an end knows of the revocation. With a list of revocations every authority needs one, and an expired list
 * is believed no more: nor is any certificate of that authority.
 *
 * **Example** (From files)
 *
 * ```ts
 * import { Effect, FileSystem, Redacted } from "effect"
 * import { Credentials } from "effect-wendy"
 *
 * export const fromFiles = Effect.gen(function*() {
 *   const { readFileString } = yield* FileSystem.FileSystem
 *   return Credentials.certificate({
 *     key: Redacted.make(yield* readFileString("node.key")),
 *     chain: yield* readFileString("node.crt"),
 *     authorities: [yield* readFileString("ca.crt")]
 *   })
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const certificate = (options: {
  readonly key: Redacted.Redacted<string>
  readonly chain: string
  readonly authorities: ReadonlyArray<string>
  readonly revocations?: ReadonlyArray<string> | undefined
}): Certified => ({
  _tag: "Certified",
  certificate: {
    key: options.key,
    chain: options.chain,
    authorities: options.authorities,
    revocations: options.revocations ?? []
  }
})

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
 * Whoever gets the bytes can show them again. So they are shown only `within` other credentials, to an end that has
 * proved those: a passphrase or a certificate. Without them a Node or client starts only with `allowClear: true`, and
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
 * import { Redacted } from "effect"
 * import { Cluster, Credentials } from "effect-wendy"
 * import { timingSafeEqual } from "node:crypto"
 *
 * const token = new TextEncoder().encode("a long random token")
 *
 * const credentials = Credentials.make({
 *   marshal: () => token,
 *   valid: (bytes) => bytes.length === token.length && timingSafeEqual(bytes, token),
 *   within: Credentials.passphrase(Redacted.make("correct horse battery staple"))
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
  /** What an end has to prove before any bytes are shown to it. */
  readonly within?: Passphrase | Certified | undefined
  /** That the bytes are shown to whoever answers, and in clear where the transport does not encrypt, is understood. Default false. */
  readonly allowClear?: boolean | undefined
}): Credentials => ({
  _tag: "Custom",
  // Functions keep what they give to themselves; an effect would show it to whoever prints the credentials.
  marshal: options.marshal,
  valid: options.valid,
  within: options.within,
  allowClear: options.allowClear === true
})

/**
 * Why a text is no passphrase, without the text; `undefined` when it is one.
 *
 * @internal
 */
export const passphraseProblem = (secret: Redacted.Redacted<string>): string | undefined => {
  const text = Redacted.value(secret)
  // All bytes that are no UTF-8 become this one character, and so different secrets the same passphrase.
  if (!text.isWellFormed() || text.includes("\uFFFD")) {
    return "is no text: it was made of bytes that are no UTF-8. Use letters and digits"
  }
  const length = Array.from(text.normalize("NFC").trim()).length
  if (length === 0) return "is blank: it would let everybody in. Use a long secret, or no credentials at all"
  if (length >= shortestPassphrase) return undefined
  return `has ${length} character${length === 1 ? "" : "s"}, and can be guessed: use at least ${shortestPassphrase}`
}

/**
 * What is missing in credentials, or cannot be a secret; `undefined` when nothing is.
 *
 * @internal
 */
export const problemOf = (credentials: Credentials): string | undefined => {
  switch (credentials._tag) {
    case "None":
      return undefined
    case "Passphrase": {
      const { length } = credentials.passphrases
      if (length === 0) return "there is no passphrase: give one, or use no credentials at all"
      return firstProblem(credentials.passphrases, (passphrase, index) => {
        const problem = passphraseProblem(passphrase)
        return problem && `${length === 1 ? "the passphrase" : `passphrase ${index + 1} of ${length}`} ${problem}`
      })
    }
    case "Certified": {
      const { authorities, chain, key, revocations } = credentials.certificate
      const texts: ReadonlyArray<readonly [what: string, text: string]> = [
        ["private key", Redacted.value(key)],
        ["certificate", chain],
        ...authorities.map((text) => ["certificate of an authority", text] as const),
        ...revocations.map((text) => ["list of revoked certificates", text] as const)
      ]
      return firstProblem(
        texts,
        ([what, text]) => text.trim() === "" ? `the ${what} is empty: give it in PEM` : undefined
      )
    }
    case "Custom":
      return credentials.within === undefined ? undefined : problemOf(credentials.within)
  }
}

const firstProblem = <A>(
  parts: ReadonlyArray<A>,
  problemOf: (part: A, index: number) => string | undefined
): string | undefined => {
  for (const [index, part] of parts.entries()) {
    const problem = problemOf(part, index)
    if (problem !== undefined) return problem
  }
}
