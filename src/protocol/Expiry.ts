/**
 * Expiry: when the certificates of an end stop being good, and that somebody should know beforehand.
 *
 * A list of revoked certificates ends too: whoever has one believes an authority no longer than its list is good.
 *
 * @since 0.1.0
 */
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import { X509Certificate } from "node:crypto"
import * as Certificates from "./Certificates.ts"
import type { Certificate } from "./Credentials.ts"

/**
 * How long beforehand it is said, in milliseconds: 30 days.
 *
 * @category constants
 * @since 0.1.0
 */
export const notice = 30 * 24 * 60 * 60 * 1000

/** Something that ends: `until` is in milliseconds since 1970. */
interface Ending {
  readonly what: string
  readonly until: number
}

/**
 * When the first of them ends, in milliseconds since 1970: the certificate and those between it and an authority, the
 * authorities, and the lists of revoked certificates.
 *
 * @category getters
 * @since 0.1.0
 */
export const firstEnd = (certificate: Certificate): number =>
  endingsOf(certificate).reduce((first, { until }) => Math.min(first, until), Infinity)

/**
 * What ends within 30 days, or has ended, and what to do; `undefined` when nothing does.
 *
 * @category checks
 * @since 0.1.0
 */
export const warning = (certificate: Certificate, now: number): string | undefined => {
  const soon = endingsOf(certificate).filter(({ until }) => until - now <= notice)
  if (soon.length === 0) return undefined
  const said = soon.map(({ until, what }) =>
    `${what} ${until < now ? "has ended at" : "ends at"} ${DateTime.formatIso(DateTime.makeUnsafe(until))}`
  )
  return `${said.join("; ")}: renew it (wendy keys), or connections are refused from then on`
}

const endingsOf = ({ authorities, chain, revocations }: Certificate): ReadonlyArray<Ending> => [
  ...Certificates.split(chain).flatMap((pem, index) =>
    endingOf(pem, index === 0 ? "the certificate" : "the intermediate certificate")
  ),
  ...authorities.flatMap(Certificates.split).flatMap((pem) => endingOf(pem, "the authority")),
  ...revocations.flatMap(Certificates.split).flatMap((pem) => {
    const until = nextUpdateOf(pem)
    return until === undefined ? [] : [{ what: "the list of revoked certificates", until }]
  })
]

const endingOf = (pem: string, what: string): ReadonlyArray<Ending> => {
  if (!Certificates.isReadable(pem)) return []
  const { subject, validToDate } = new X509Certificate(pem)
  const name = /(?:^|\n)CN=([^\n]*)/.exec(subject)?.[1]
  return [{ what: name === undefined ? what : `${what} ${JSON.stringify(name)}`, until: validToDate.getTime() }]
}

/** Of a list of revoked certificates (RFC 5280, section 5.1); Node.js reads none. `undefined` for one without it. */
const nextUpdateOf = (pem: string): number | undefined => {
  const der = Buffer.from(pem.replace(/-----[^-]+-----/g, ""), "base64")
  const list = partsOf(der)[0]
  const fields = list === undefined ? [] : partsOf(partsOf(list.content)[0]?.content)
  // After the version, which may be left out, the algorithm and the issuer: this update and the next one.
  const [, next] = fields.filter(({ tag }) => tag === utcTime || tag === generalizedTime)
  return next === undefined ? undefined : timeOf(next)
}

/** A part of DER (X.690). */
interface Part {
  readonly tag: number
  readonly content: Buffer
}

const utcTime = 0x17
const generalizedTime = 0x18

/** The parts that lie behind one another, as far as they can be read. */
const partsOf = (der: Buffer = Buffer.alloc(0)): ReadonlyArray<Part> => {
  const parts: Array<Part> = []
  let at = 0
  while (at + 2 <= der.length) {
    const size = der[at + 1]! & 0x80 ? der[at + 1]! & 0x7F : 0
    if (size > 4 || at + 2 + size > der.length) break
    const length = size === 0 ? der[at + 1]! : der.readUIntBE(at + 2, size)
    const start = at + 2 + size
    parts.push({ tag: der[at]!, content: der.subarray(start, start + length) })
    at = start + length
  }
  return parts
}

/** `YYMMDDHHMMSSZ` up to 2049, after that `YYYYMMDDHHMMSSZ`. */
const timeOf = ({ content, tag }: Part): number | undefined => {
  const text = content.toString("latin1")
  const full = tag === generalizedTime ? text : `${Number(text.slice(0, 2)) < 50 ? "20" : "19"}${text}`
  const iso = full.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z")
  return Option.getOrUndefined(Option.map(DateTime.make(iso), DateTime.toEpochMillis))
}
