/**
 * Security: how one end of a connection proves that it belongs here, and finds out whether the other end does.
 *
 * A handshake goes through rounds. In each the dialler shows something first, and the acceptor shows its own only to
 * a dialler whose it has found good: an unauthenticated peer learns nothing. Credentials within credentials are a
 * further round: they are shown only to an end that has passed the first. Rule H3 of `docs/protocol.md`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Certificates from "../protocol/Certificates.ts"
import * as Credentials from "../protocol/Credentials.ts"
import * as Handshake from "../protocol/Handshake.ts"
import type { Runtime } from "./internal/runtime.ts"
import * as Tls from "./Tls.ts"
import type { Connection, Transport } from "./Transport.ts"

/**
 * How an end proves itself. Made once a start, for a passphrase is stretched here.
 *
 * @category models
 * @since 0.1.0
 */
export interface Security {
  /** As its Hello names it. */
  readonly kind: Handshake.CredentialsKind
  readonly rounds: ReadonlyArray<Round>
  /** What the transport is to show. */
  readonly certificate: Credentials.Certificate | undefined
  /** Nothing is said over a connection without a channel: see `Transport`. */
  readonly needsChannel: boolean
  /** The acceptor cannot know that the dialler finds it good, and waits until it has said so. */
  readonly needsAcceptance: boolean
}

/**
 * One thing to prove.
 *
 * @category models
 * @since 0.1.0
 */
export type Round =
  /** Nothing. */
  | { readonly _tag: "Nothing" }
  /** That one knows a passphrase: keys stretched from those that are accepted, the own one first. */
  | { readonly _tag: "Passphrase"; readonly keys: readonly [Handshake.ProofKey, ...Array<Handshake.ProofKey>] }
  /** That one is who the certificate names that TLS has seen. */
  | { readonly _tag: "Certificate" }
  /** Whatever the application asks for; it may take so many milliseconds. */
  | { readonly _tag: "Custom"; readonly custom: Credentials.Custom; readonly patience: number }

/**
 * Two ends in a handshake.
 *
 * @category models
 * @since 0.1.0
 */
export interface Meeting {
  readonly connection: Connection
  /** The Hellos of both as they went over the wire. */
  readonly dialler: Uint8Array
  readonly acceptor: Uint8Array
  /** What the other end said of itself. */
  readonly peer: Handshake.Hello
}

/**
 * Why an end is refused. Here more may be said than the other end is told.
 *
 * @category models
 * @since 0.1.0
 */
export interface Refusal {
  readonly _tag: "Refusal"
  readonly reason: Handshake.RefusalReason
  readonly message: string
}

const refuse = (reason: Handshake.RefusalReason, message = Handshake.explain(reason)): Effect.Effect<never, Refusal> =>
  Effect.fail({ _tag: "Refusal", reason, message })

/**
 * What credentials ask of a handshake. `needsChannel` where the transport encrypts; `patience` is how long the
 * application may take for an answer, in milliseconds: shorter than the handshake, or nobody hears why it ended.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  credentials: Credentials.Credentials,
  options: { readonly cluster: string; readonly needsChannel: boolean; readonly patience: number }
): Security => {
  const { needsChannel, patience } = options
  const plain = { certificate: undefined, needsChannel, needsAcceptance: false }
  switch (credentials._tag) {
    case "None":
      return { ...plain, kind: "none", rounds: [{ _tag: "Nothing" }] }
    case "Passphrase": {
      const [own, ...others] = credentials.passphrases
      const keyOf = (passphrase: typeof own) => Handshake.makeProofKey(passphrase, options.cluster)
      return {
        ...plain,
        kind: "passphrase",
        rounds: [{ _tag: "Passphrase", keys: [keyOf(own), ...others.map(keyOf)] }]
      }
    }
    case "Certified":
      return {
        kind: "certificate",
        rounds: [{ _tag: "Certificate" }],
        certificate: credentials.certificate,
        needsChannel: true,
        needsAcceptance: true
      }
    case "Custom": {
      const own: Round = { _tag: "Custom", custom: credentials, patience }
      if (credentials.within === undefined) {
        return { ...plain, kind: "custom", rounds: [own], needsAcceptance: true }
      }
      const outer = make(credentials.within, options)
      return {
        ...outer,
        kind: credentials.within._tag === "Certified" ? "certificate and custom" : "passphrase and custom",
        rounds: [...outer.rounds, own],
        needsAcceptance: true
      }
    }
  }
}

type Protection = Transport["Service"]["protection"]

/**
 * Why credentials cannot be used over a transport; `undefined` when they can.
 *
 * @category checks
 * @since 0.1.0
 */
export const problemOver = (
  credentials: Credentials.Credentials,
  protection: Protection,
  runtime?: Runtime
): string | undefined => {
  const problem = Credentials.problemOf(credentials)
  if (problem !== undefined) return problem
  switch (credentials._tag) {
    case "None":
      return undefined
    case "Passphrase":
      if (protection === "tls") return Tls.problemOfBinding(runtime)
      return protection !== "none" || credentials.allowClear ?
        undefined :
        "all traffic would go in clear: use TlsTransport, or allow it on a network that you trust with allowClear: true"
    case "Certified":
      return protection === "tls"
        ? Tls.problemOf(credentials.certificate, runtime)
        : "certificates need a transport with TLS: use TlsTransport"
    case "Custom":
      if (credentials.within !== undefined) return problemOver(credentials.within, protection, runtime)
      return credentials.allowClear ?
        undefined :
        "these credentials would be shown to whoever answers, who could show them again: put them within a passphrase " +
        "or a certificate, or allow it on a network that you trust with allowClear: true"
  }
}

/**
 * What those should know who use credentials over a transport.
 *
 * @category checks
 * @since 0.1.0
 */
export const warningOver = (credentials: Credentials.Credentials, protection: Protection): string | undefined => {
  switch (credentials._tag) {
    case "None":
    case "Certified":
      return undefined
    case "Passphrase":
      return protection !== "none" ? undefined : "all traffic goes in clear: whoever listens can read and change it"
    case "Custom":
      if (credentials.within !== undefined) return warningOver(credentials.within, protection)
      return "the credentials are shown to whoever answers, in clear where the transport does not encrypt: whoever gets " +
        "them can replay them"
  }
}

/**
 * The keys that a dialler may prove with, and that an acceptor takes.
 *
 * @category getters
 * @since 0.1.0
 */
export const keysOf = (round: Round, role: "dialler" | "acceptor"): ReadonlyArray<Handshake.ProofKey> =>
  round._tag !== "Passphrase" ? [] : role === "dialler" ? [round.keys[0]] : round.keys

const nothing = new Uint8Array(0)

/**
 * What this end shows in a round; with a passphrase under the first of the keys.
 *
 * @category proofs
 * @since 0.1.0
 */
export const show = (
  round: Round,
  role: "dialler" | "acceptor",
  meeting: Meeting,
  keys: ReadonlyArray<Handshake.ProofKey>
): Effect.Effect<Uint8Array, Refusal> => {
  switch (round._tag) {
    case "Nothing":
    case "Certificate":
      return Effect.succeed(nothing)
    case "Passphrase":
      return isUnbound(meeting) ? refuse("credentials", unbound) : Effect.succeed(proofOf(keys[0]!, role, meeting))
    case "Custom":
      return Effect.flatMap(ask(round.custom.marshal, round.patience), (answer) => {
        const bytes = Option.getOrUndefined(answer)
        // Looked at here, for the encoder would put what it rejects into its error.
        if (!(bytes instanceof Uint8Array)) {
          return refuse(
            "credentials",
            "this end has no credentials to show: its marshal failed, or did not give bytes in time"
          )
        }
        if (bytes.length > Credentials.maxBytes) {
          return refuse(
            "credentials",
            `the credentials of this end have ${bytes.length} bytes; at most ${Credentials.maxBytes} are carried`
          )
        }
        return Effect.succeed(bytes)
      })
  }
}

/**
 * Lets pass only what proves that the other end, of this role, belongs here. Returns the key that it has proved to know.
 *
 * @category proofs
 * @since 0.1.0
 */
export const check = (
  round: Round,
  role: "dialler" | "acceptor",
  meeting: Meeting,
  given: Uint8Array,
  keys: ReadonlyArray<Handshake.ProofKey>
): Effect.Effect<ReadonlyArray<Handshake.ProofKey>, Refusal> => {
  switch (round._tag) {
    case "Nothing":
      return given.length === 0 ? Effect.succeed(keys) : refuse("credentials")
    case "Passphrase": {
      if (isUnbound(meeting)) return refuse("credentials", unbound)
      // All of them, whichever it is: how long it takes says nothing.
      const known = keys.filter((key) => Handshake.isSameProof(proofOf(key, role, meeting), given))
      return known.length === 0 ? refuse("credentials") : Effect.succeed(known)
    }
    case "Certificate":
      return Effect.as(checkCertificate(meeting), keys)
    case "Custom":
      return Effect.flatMap(ask(() => round.custom.valid(given), round.patience), (answer) => {
        if (Option.isNone(answer)) {
          return refuse(
            "credentials",
            "the credentials of the other end could not be checked: valid failed, or did not answer in time"
          )
        }
        // A Promise, which a plain JavaScript program may return, is no yes.
        return answer.value === true ? Effect.succeed(keys) : refuse("credentials")
      })
  }
}

const proofOf = (key: Handshake.ProofKey, role: "dialler" | "acceptor", meeting: Meeting): Uint8Array =>
  Handshake.prove(key, role, meeting.dialler, meeting.acceptor, meeting.connection.channel?.binding ?? nothing)

/** A proof that is bound to no channel could be passed on from one channel to another. */
const isUnbound = ({ connection: { channel } }: Meeting): boolean =>
  channel !== undefined && channel.binding === undefined

const unbound = "the transport does not say what binds a proof to its channel: a passphrase cannot be proved over it"

const checkCertificate = ({ connection, peer }: Meeting): Effect.Effect<void, Refusal> => {
  const certificate = connection.channel?.certificate
  if (certificate === undefined) return refuse("certificate", "the other end has shown no certificate")
  if (certificate.problem !== undefined) {
    return refuse("certificate", `the certificate of the other end is not good: ${certificate.problem}`)
  }
  const holder = Certificates.read(certificate.raw)
  if (holder === undefined) return refuse("certificate", "the certificate of the other end cannot be read")
  return Certificates.fits(holder, peer.role, peer.node) ? Effect.void : refuse(
    "identity",
    `the other end calls itself ${peer.node.hex} in Region "${peer.node.region}", but its certificate is for ` +
      (holder.id === undefined
        ? "clients"
        : `${holder.id.hex}${holder.region === undefined ? "" : ` in "${holder.region}"`}`)
  )
}

/**
 * Asks the application. `none` when it throws, fails, dies or is too slow, and nothing
 * of why: an error could hold the secret.
 */
const ask = <A>(call: () => A | Effect.Effect<A, unknown>, patience: number): Effect.Effect<Option.Option<A>> =>
  Effect.acquireUseRelease(
    // A fiber of its own that nobody waits for: what does not let itself be interrupted holds up nothing here.
    Effect.forkDetach(
      Effect.exit(Effect.suspend(() => {
        const answer = call()
        return Effect.isEffect(answer) ? answer as Effect.Effect<A, unknown> : Effect.succeed(answer)
      }))
    ),
    (fiber) =>
      Effect.map(
        Effect.timeoutOption(Fiber.await(fiber), patience),
        (done) => Option.flatMap(Option.flatMap(done, Exit.getSuccess), Exit.getSuccess)
      ),
    (fiber) => Effect.sync(() => fiber.interruptUnsafe())
  )
