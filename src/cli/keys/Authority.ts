/**
 * Authority: issues certificates for a cluster, and takes them back.
 *
 * X.509 is `@peculiar/x509`'s business, and the cryptography Node.js'. What is loaded for it is large, and an optional
 * peer: only this part of the program does so.
 *
 * Keys are ECDSA over P-256 (FIPS 186-5), for every TLS 1.3 there is knows it.
 *
 * @since 0.1.0
 */
// oxlint-disable-next-line import/no-unassigned-import -- what it does is to change the global Reflect, which X509 needs.
import "reflect-metadata"
import * as X509 from "@peculiar/x509"
import { createPrivateKey, createPublicKey, type KeyObject, webcrypto } from "node:crypto"
import * as Certificates from "../../protocol/Certificates.ts"
import type * as NodeId from "../../ring/NodeId.ts"

/**
 * A certificate and its key, both in PEM.
 *
 * @category models
 * @since 0.1.0
 */
export interface Pair {
  readonly certificate: string
  readonly key: string
}

/**
 * From when to when something is good.
 *
 * @category models
 * @since 0.1.0
 */
export interface Validity {
  readonly from: Date
  readonly until: Date
}

/**
 * For whom a certificate is.
 *
 * @category models
 * @since 0.1.0
 */
export interface Subject {
  /** Its common name. */
  readonly name: string
  readonly role: "member" | "client"
  /** The id of its Node; `undefined` for the one that follows from its key. */
  readonly id: NodeId.NodeId | undefined
  /** The only Region that it may be in. */
  readonly region: string | undefined
}

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const

const { subtle } = webcrypto

/** Serial numbers of 128 random bits, above zero (RFC 5280, section 4.1.2.2). */
const makeSerial = (): string => {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16))
  bytes[0] = (bytes[0]! & 0x7f) | 0x40
  return Buffer.from(bytes).toString("hex")
}

const nameOf = (name: string): X509.JsonName => [{ CN: [name] }]

const generate = (): Promise<webcrypto.CryptoKeyPair> => subtle.generateKey(algorithm, true, ["sign", "verify"])

const importKey = async (pem: string): Promise<webcrypto.CryptoKeyPair> => {
  const key: KeyObject = createPrivateKey(pem)
  const spki = createPublicKey(key).export({ type: "spki", format: "der" })
  const pkcs8 = key.export({ type: "pkcs8", format: "der" })
  return {
    privateKey: await subtle.importKey("pkcs8", pkcs8, algorithm, true, ["sign"]),
    publicKey: await subtle.importKey("spki", spki, algorithm, true, ["verify"])
  }
}

const exportKey = async ({ privateKey }: webcrypto.CryptoKeyPair): Promise<string> =>
  createPrivateKey({ key: Buffer.from(await subtle.exportKey("pkcs8", privateKey)), format: "der", type: "pkcs8" })
    .export({ type: "pkcs8", format: "pem" }).toString()

const toPem = (thing: X509.PemData<unknown>): string => `${thing.toString("pem")}\n`

/**
 * A new authority.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = async (name: string, { from, until }: Validity): Promise<Pair> => {
  const keys = await generate()
  const certificate = await X509.X509CertificateGenerator.createSelfSigned({
    serialNumber: makeSerial(),
    name: nameOf(name),
    notBefore: from,
    notAfter: until,
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      // It signs certificates of Nodes, and none of other authorities.
      new X509.BasicConstraintsExtension(true, 0, true),
      new X509.KeyUsagesExtension(X509.KeyUsageFlags.keyCertSign | X509.KeyUsageFlags.cRLSign, true),
      await X509.SubjectKeyIdentifierExtension.create(keys.publicKey)
    ]
  })
  return { certificate: toPem(certificate), key: await exportKey(keys) }
}

/**
 * A certificate from an authority; for a key that is there already, or a new one.
 *
 * @category constructors
 * @since 0.1.0
 */
export const issue = async (
  authority: Pair,
  subject: Subject,
  { from, until }: Validity,
  key?: string
): Promise<Pair> => {
  const issuer = new X509.X509Certificate(authority.certificate)
  const issuerKeys = await importKey(authority.key)
  const keys = key === undefined ? await generate() : await importKey(key)
  const spki = new Uint8Array(await subtle.exportKey("spki", keys.publicKey))
  const id = subject.role === "client" ? undefined : subject.id ?? Certificates.idOfKey(spki)
  const certificate = await X509.X509CertificateGenerator.create({
    serialNumber: makeSerial(),
    subject: nameOf(subject.name),
    issuer: issuer.subject,
    notBefore: from,
    notAfter: until,
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey: issuerKeys.privateKey,
    extensions: [
      new X509.BasicConstraintsExtension(false, undefined, true),
      new X509.KeyUsagesExtension(X509.KeyUsageFlags.digitalSignature, true),
      new X509.ExtendedKeyUsageExtension([X509.ExtendedKeyUsage.serverAuth, X509.ExtendedKeyUsage.clientAuth]),
      new X509.SubjectAlternativeNameExtension(
        Certificates.namesOf({ id, region: subject.region }).map((value) => ({ type: "url", value }))
      ),
      await X509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await X509.AuthorityKeyIdentifierExtension.create(issuerKeys.publicKey)
    ]
  })
  return { certificate: toPem(certificate), key: await exportKey(keys) }
}

/**
 * The list of certificates that an authority has taken back: those of `before`, if there is such a list, and further ones.
 *
 * @category constructors
 * @since 0.1.0
 */
export const revoke = async (
  authority: Pair,
  certificates: ReadonlyArray<string>,
  { from, until }: Validity,
  before?: string
): Promise<string> => {
  const issuer = new X509.X509Certificate(authority.certificate)
  const { privateKey, publicKey } = await importKey(authority.key)
  const earlier = before === undefined ? [] : new X509.X509Crl(derOf(before)).entries
  const entries = new Map(earlier.map(({ revocationDate, serialNumber }) => [serialNumber, revocationDate]))
  for (const one of certificates) {
    const { serialNumber } = new X509.X509Certificate(one)
    if (!entries.has(serialNumber)) entries.set(serialNumber, from)
  }
  const list = await X509.X509CrlGenerator.create({
    issuer: issuer.subject,
    thisUpdate: from,
    nextUpdate: until,
    signingAlgorithm: algorithm,
    signingKey: privateKey,
    // X509 writes an empty list of extensions for an entry without any: RFC 5280 has none, and BoringSSL reads no such list.
    entries: Array.from(entries, ([serialNumber, revocationDate]) => ({
      serialNumber,
      revocationDate,
      invalidity: revocationDate
    })),
    extensions: [await X509.AuthorityKeyIdentifierExtension.create(publicKey)]
  })
  return listToPem(list.rawData)
}

/** The label of RFC 7468, section 6: OpenSSL reads no other. */
const label = "X509 CRL"

const listToPem = (der: ArrayBuffer): string => {
  const lines = Buffer.from(der).toString("base64").match(/.{1,64}/g)!
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n")
}

const derOf = (pem: string): Uint8Array<ArrayBuffer> =>
  new Uint8Array(Buffer.from(pem.replace(/-----[^-]+-----/g, ""), "base64"))
