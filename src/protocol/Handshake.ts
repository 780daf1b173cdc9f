/**
 * The handshake: what two ends say before anything else, and the proof that they
 * belong together. Rules H1 to H4 of `docs/protocol.md`.
 *
 * ```text
 * dialler                                acceptor
 * Hello (versions, cluster, who, nonce) ->
 *                                     <- Hello, or Refused
 * Proof                                 ->
 *                                     <- Proof, or Refused
 * Proof                                 ->           (of credentials within credentials)
 *                                     <- Proof, or Refused
 * Accepted, or Refused                  ->           (custom credentials and certificates)
 * ```
 *
 * A proof is an HMAC-SHA-256 over both Hellos as they went over the wire, and over the binding of the channel
 * between exactly these two ends (RFC 9266), under a key stretched from the passphrase by scrypt; each role has its
 * own label, so that a proof can be neither replayed nor reflected nor passed on. Without credentials proofs are
 * empty, and with certificates: there TLS has proved who has the keys.
 *
 * A proof of custom credentials is what the application gives, as it is. There, and with certificates, one
 * end may find good what the other does not: so the dialler says that it has accepted,
 * and until then the acceptor lets nobody in.
 *
 * @since 0.1.0
 */
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { createHash, createHmac, scryptSync, timingSafeEqual } from "node:crypto"
import * as Node from "../ring/Node.ts"
import * as NodeId from "../ring/NodeId.ts"
import { maxBytes } from "./Credentials.ts"
import * as SchemaFrame from "./SchemaFrame.ts"

/**
 * The protocol versions that this program speaks. What each adds stands in `docs/protocol.md`.
 *
 * @category constants
 * @since 0.1.0
 */
export const versions = { lowest: 1, highest: 2 }

const CredentialsKind = Schema.Literals([
  "none",
  "passphrase",
  "custom",
  "certificate",
  "passphrase and custom",
  "certificate and custom"
])

/**
 * The kinds of credentials. Ends that use different ones refuse each other.
 *
 * @category models
 * @since 0.1.0
 */
export type CredentialsKind = typeof CredentialsKind.Type

/** The first frame of both ends. */
const Hello = Schema.TaggedStruct("Hello", {
  lowestVersion: Schema.Int,
  highestVersion: Schema.Int,
  cluster: Schema.String.check(Schema.isMaxLength(64)),
  /** A member enters tables; a client never does. */
  role: Schema.Literals(["member", "client"]),
  /** Of a member: who it is. Of a client: its id and incarnation, under an address that nobody dials. */
  node: Node.Node,
  /** Of a client: what its id follows from, so that it cannot call itself by another's. Of a member nothing. */
  seed: NodeId.FromBytes,
  credentials: CredentialsKind,
  /** How long a lease lasts, in milliseconds: members count on each other's. */
  lease: Schema.Finite,
  nonce: NodeId.FromBytes
})

/**
 * The first frame of both ends.
 *
 * @category models
 * @since 0.1.0
 */
export type Hello = typeof Hello.Type

/**
 * Why a connection was refused.
 *
 * @category models
 * @since 0.1.0
 */
export const RefusalReason = Schema.Literals([
  "version",
  "cluster",
  "credentials",
  "lease",
  "self",
  "malformed",
  "full",
  "clear",
  "certificate",
  "identity",
  "unauthorized",
  "address"
])

/**
 * Why a connection was refused.
 *
 * @category models
 * @since 0.1.0
 */
export type RefusalReason = typeof RefusalReason.Type

/**
 * A peer would not talk to us, or we would not talk to it.
 *
 * @category errors
 * @since 0.1.0
 */
export class Refused extends Schema.TaggedError<Refused>()("Refused", {
  reason: RefusalReason,
  /** Who refused: the other end, or this one. */
  by: Schema.Literals(["peer", "self"]),
  message: Schema.String
}) {}

const Proof = Schema.TaggedStruct("Proof", { bytes: Schema.Uint8Array.check(Schema.isMaxLength(maxBytes)) })

/** Of custom credentials: the dialler has found the acceptor's proof good. */
const Accepted = Schema.TaggedStruct("Accepted", {})

const Refusal = Schema.TaggedStruct("Refusal", { reason: RefusalReason })

const Message = Schema.Union([Hello, Proof, Accepted, Refusal])

/**
 * A frame of the handshake.
 *
 * @category models
 * @since 0.1.0
 */
export type Message = typeof Message.Type

/**
 * The first byte of every frame of the handshake.
 *
 * @category constants
 * @since 0.1.0
 */
export const kind = 6

/**
 * No frame of the handshake is larger, in bytes: the largest shows credentials of the application.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxSize = maxBytes + 1024

const frame = SchemaFrame.make(kind, Message)

/**
 * Encodes a frame of the handshake.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encode: (message: Message) => Uint8Array = frame.encode

/**
 * Decodes a frame of the handshake; `undefined` when it is none.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decode: (frame: Uint8Array) => Message | undefined = frame.decode

/**
 * The id of the client that drew this seed: nobody can find a seed for the id of somebody else.
 *
 * @category conversions
 * @since 0.1.0
 */
export const clientId = (seed: NodeId.NodeId): NodeId.NodeId =>
  NodeId.readUnsafe(createHash("sha256").update("effect-wendy client").update(NodeId.toBytes(seed)).digest(), 0)

/**
 * What decides whether two ends fit, apart from the proof.
 *
 * @category checks
 * @since 0.1.0
 */
export const mismatch = (mine: Hello, theirs: Hello): RefusalReason | undefined => {
  if (theirs.highestVersion < mine.lowestVersion || theirs.lowestVersion > mine.highestVersion) return "version"
  if (theirs.cluster !== mine.cluster) return "cluster"
  if (theirs.credentials !== mine.credentials) return "credentials"
  if (theirs.role === "client" && !NodeId.equals(clientId(theirs.seed), theirs.node.id)) return "identity"
  if (Node.isSameLife(theirs.node, mine.node)) return "self"
  if (mine.role === "member" && theirs.role === "member" && theirs.lease !== mine.lease) return "lease"
  return undefined
}

/**
 * The version that two ends that fit speak with each other: the highest that both know.
 *
 * @category checks
 * @since 0.1.0
 */
export const commonVersion = (mine: Hello, theirs: Hello): number =>
  Math.min(mine.highestVersion, theirs.highestVersion)

/**
 * The secret under which proofs are made: 32 bytes.
 *
 * @category proofs
 * @since 0.1.0
 */
export type ProofKey = Redacted.Redacted<Uint8Array>

/**
 * Stretches a passphrase to a key: it takes about a quarter of a second, for everyone who guesses too; once for all
 * Nodes of a process that share one `Redacted`.
 *
 * @category proofs
 * @since 0.1.0
 */
export const makeProofKey = (passphrase: Redacted.Redacted<string>, cluster: string): ProofKey => {
  const known = stretched.get(passphrase) ?? new Map<string, ProofKey>()
  stretched.set(passphrase, known)
  let key = known.get(cluster)
  if (key === undefined) {
    const secret = Redacted.value(passphrase).normalize("NFC")
    key = Redacted.make(new Uint8Array(scryptSync(secret, `effect-wendy/1/${cluster}`, 32, stretching)))
    known.set(cluster, key)
  }
  return key
}

const stretched = new WeakMap<Redacted.Redacted<string>, Map<string, ProofKey>>()

/** As OWASP's Password Storage Cheat Sheet has it for 16 MiB (2025). */
const stretching = { N: 16_384, r: 8, p: 5 }

/**
 * The proof of one role over both Hellos as they went over the wire, and over what binds it to the channel
 * (RFC 9266): nothing where there is none.
 *
 * @category proofs
 * @since 0.1.0
 */
export const prove = (
  key: ProofKey,
  role: "dialler" | "acceptor",
  dialler: Uint8Array,
  acceptor: Uint8Array,
  binding: Uint8Array
): Uint8Array => {
  const hmac = createHmac("sha256", Redacted.value(key)).update(role)
  for (const part of [dialler, acceptor, binding]) {
    const length = new Uint8Array(4)
    new DataView(length.buffer).setUint32(0, part.length)
    hmac.update(length).update(part)
  }
  return new Uint8Array(hmac.digest())
}

/**
 * Compares two proofs in constant time.
 *
 * @category proofs
 * @since 0.1.0
 */
export const isSameProof = (expected: Uint8Array, given: Uint8Array): boolean =>
  expected.length === given.length && timingSafeEqual(expected, given)

/**
 * What to tell a person about a refusal.
 *
 * @category errors
 * @since 0.1.0
 */
export const explain = (reason: RefusalReason): string => {
  switch (reason) {
    case "version":
      return "the two ends speak no common protocol version: update the older program"
    case "cluster":
      return "the other end belongs to a cluster of another name: check its name (cluster, in the program --cluster) and " +
        "the seeds"
    case "credentials":
      return "the credentials do not match: give both ends the same passphrase, or others that each accepts"
    case "lease":
      return "the two ends count on leases of different lengths: give all Nodes of a cluster the same preset, or lease"
    case "self":
      return "this is the Node's own address"
    case "malformed":
      return "the other end does not speak this protocol: check the address"
    case "full":
      return "the other end has no room for another connection: try again later"
    case "clear":
      return "the connection is not encrypted, and it has to be: use the TLS transport at both ends"
    case "certificate":
      return "the certificate is not good: it has to be issued by an authority that the other end believes, and neither " +
        "expired nor revoked"
    case "unauthorized":
      return "the other end does not let this one in, although it knows who it is: ask whoever runs the cluster"
    case "address":
      return "this end connects from another address than the one at which it says that it listens: start it with the " +
        "address that others see (localHost and globalHost, in the program --local-ip and --global-ip), or set " +
        "nodesPerBlock to 0 at the other end"
    case "identity":
      return "this is somebody else's name: give each Node the id, and the Region, that its certificate names"
  }
}
