/**
 * Certificates: what they say of the end that shows them.
 *
 * A certificate binds an id to a key, so that nobody takes another's place in the ring: the id is named in it, or
 * else it follows from its public key. What is said beyond that stands in names of the kind URI (RFC 5280, section
 * 4.2.1.6) that begin with `wendy:`. Whether a certificate is to be believed at all, OpenSSL has found out before.
 *
 * Source: ids bound to certificates, as in Castro et al., "Secure routing for structured peer-to-peer overlay
 * networks" (2002), section 3.1.
 *
 * @since 0.1.0
 */
import * as Option from "effect/Option"
import { createHash, X509Certificate } from "node:crypto"
import type * as Node from "../ring/Node.ts"
import * as NodeId from "../ring/NodeId.ts"

/**
 * What a certificate says of its holder.
 *
 * @category models
 * @since 0.1.0
 */
export interface Holder {
  /** The id of its Node; `undefined` for one that is for clients only. */
  readonly id: NodeId.NodeId | undefined
  /** Its name: the common name of the subject, or nothing. */
  readonly name: string
  /** The only Region that its Node may be in; `undefined` for any. */
  readonly region: string | undefined
}

/**
 * The names that a certificate for this holder has.
 *
 * @category conversions
 * @since 0.1.0
 */
export const namesOf = ({ id, region }: Pick<Holder, "id" | "region">): ReadonlyArray<string> => [
  id === undefined ? "wendy:client" : `wendy:node:${id.hex}`,
  ...(region === undefined ? [] : [`wendy:region:${encodeURIComponent(region)}`])
]

/**
 * The id that follows from a public key: the first 16 bytes of the SHA-256 of its SubjectPublicKeyInfo.
 *
 * @category conversions
 * @since 0.1.0
 */
export const idOfKey = (spki: Uint8Array): NodeId.NodeId =>
  NodeId.readUnsafe(new Uint8Array(createHash("sha256").update(spki).digest()), 0)

/**
 * Reads what a certificate says; `undefined` when it cannot be read, or contradicts itself.
 *
 * @category conversions
 * @since 0.1.0
 */
export const read = (raw: Uint8Array | string): Holder | undefined => {
  try {
    const certificate = new X509Certificate(raw)
    const names = urisOf(certificate)
    const ids = valuesOf(names, "wendy:node:")
    const regions = valuesOf(names, "wendy:region:")
    const isClient = names.includes("wendy:client")
    if (ids.length > 1 || regions.length > 1 || (isClient && ids.length > 0)) return undefined
    const id = isClient
      ? undefined
      : ids.length === 0
      ? idOfKey(new Uint8Array(certificate.publicKey.export({ type: "spki", format: "der" })))
      : Option.getOrUndefined(NodeId.fromHex(ids[0]!))
    if (id === undefined && !isClient) return undefined
    return {
      id,
      name: /(?:^|\n)CN=([^\n]*)/.exec(certificate.subject)?.[1] ?? "",
      region: regions.length === 0 ? undefined : decodeURIComponent(regions[0]!)
    }
  } catch {
    return undefined
  }
}

/**
 * The parts of a text in PEM that has several.
 *
 * @category conversions
 * @since 0.1.0
 */
export const split = (pem: string): ReadonlyArray<string> =>
  Array.from(pem.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----[^-]+-----END \1-----/g), ([part]) => `${part}\n`)

/**
 * Whether this is a certificate at all.
 *
 * @category checks
 * @since 0.1.0
 */
export const isReadable = (pem: string): boolean => {
  try {
    return new X509Certificate(pem).raw.length > 0
  } catch {
    return false
  }
}

/** Names of the kind URI; ours have no comma and no quotation mark, and need no care. */
const urisOf = ({ subjectAltName }: X509Certificate): ReadonlyArray<string> =>
  (subjectAltName ?? "").split(", ").flatMap((name) => name.startsWith("URI:") ? [name.slice("URI:".length)] : [])

const valuesOf = (names: ReadonlyArray<string>, prefix: string): ReadonlyArray<string> =>
  names.flatMap((name) => name.startsWith(prefix) ? [name.slice(prefix.length)] : [])

/**
 * Whether the holder of a certificate may be this end.
 *
 * @category checks
 * @since 0.1.0
 */
export const fits = (holder: Holder, role: "member" | "client", node: Node.Node): boolean =>
  role === "client" ||
  (holder.id !== undefined && NodeId.equals(holder.id, node.id) &&
    (holder.region === undefined || holder.region === node.region))
