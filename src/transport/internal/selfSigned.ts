/**
 * A certificate that says nothing: for a TLS server without one of its own, to which a client comes that knows no
 * pre-shared keys. Nobody looks at it.
 *
 * X.509 in DER (RFC 5280), ECDSA over P-256, from 1970 for ever (section 4.1.2.5); made once a process.
 */
import { generateKeyPairSync, randomBytes, sign } from "node:crypto"

/** A certificate and its key, both in PEM. */
export interface SelfSigned {
  readonly cert: string
  readonly key: string
}

let made: SelfSigned | undefined

/** That of this process. */
export const selfSigned = (): SelfSigned => made ??= make()

const make = (): SelfSigned => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
  const contents = sequence(
    tagged(0xa0, integer(Uint8Array.of(2))),
    integer(Uint8Array.of(1, ...randomBytes(15))),
    algorithm,
    name,
    sequence(tagged(0x17, text("700101000000Z")), tagged(0x18, text("99991231235959Z"))),
    name,
    publicKey.export({ type: "spki", format: "der" })
  )
  const signature = sign("sha256", contents, privateKey)
  const certificate = sequence(contents, algorithm, tagged(0x03, Uint8Array.of(0), signature))
  const lines = Buffer.from(certificate).toString("base64").match(/.{1,64}/g)!
  return {
    cert: ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n"),
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString()
  }
}

// -----------------------------------------------------------------------------
// DER (X.690)
// -----------------------------------------------------------------------------

const tagged = (tag: number, ...parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const size = parts.reduce((sum, { length }) => sum + length, 0)
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff]
  return Buffer.concat([Uint8Array.of(tag, ...length), ...parts])
}

const sequence = (...parts: ReadonlyArray<Uint8Array>): Uint8Array => tagged(0x30, ...parts)

/** Not negative: its first bit is not set. */
const integer = (bytes: Uint8Array): Uint8Array => tagged(0x02, bytes)

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

/** `ecdsa-with-SHA256`, 1.2.840.10045.4.3.2. */
const algorithm = sequence(tagged(0x06, Uint8Array.of(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02)))

/** `CN=effect-wendy`; a common name is 2.5.4.3. */
const name = sequence(
  tagged(0x31, sequence(tagged(0x06, Uint8Array.of(0x55, 0x04, 0x03)), tagged(0x0c, text("effect-wendy"))))
)
