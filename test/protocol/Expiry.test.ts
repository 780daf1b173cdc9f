import { assert, describe, it } from "@effect/vitest"
import * as Redacted from "effect/Redacted"
import * as Authority from "../../src/cli/keys/Authority.ts"
import * as Credentials from "../../src/protocol/Credentials.ts"
import * as Expiry from "../../src/protocol/Expiry.ts"

const day = 24 * 60 * 60_000

const validity = (until: number) => ({ from: new Date(0), until: new Date(until) })

const subject = { name: "one", role: "member", id: undefined, region: undefined } as const

/** A certificate, its authority and its list, good for so many days since 1970. */
const make = async (days: { readonly own: number; readonly authority: number; readonly list?: number }) => {
  const authority = await Authority.make("ring", validity(days.authority * day))
  const { certificate, key } = await Authority.issue(authority, subject, validity(days.own * day))
  const revocations = days.list === undefined
    ? []
    : [await Authority.revoke(authority, [certificate], validity(days.list * day))]
  return Credentials.certificate({
    key: Redacted.make(key),
    chain: certificate,
    authorities: [authority.certificate],
    revocations
  }).certificate
}

describe("Expiry", () => {
  it("what ends first, and a word from 30 days before it on", async () => {
    const cases = [
      [{ own: 100, authority: 200 }, "the certificate \"one\""],
      [{ own: 200, authority: 100 }, "the authority \"ring\""],
      [{ own: 200, authority: 200, list: 100 }, "the list of revoked certificates"],
      [{ own: 40_000, authority: 40_000, list: 30_000 }, "the list of revoked certificates"]
    ] as const
    for (const [days, what] of cases) {
      const certificate = await make(days)
      const end = Math.min(...Object.values(days)) * day
      assert.strictEqual(Expiry.firstEnd(certificate), end)
      assert.isUndefined(Expiry.warning(certificate, end - Expiry.notice - 1))
      const soon = Expiry.warning(certificate, end - Expiry.notice)
      assert.include(soon, `${what} ends at ${new Date(end).toISOString()}`)
      assert.notInclude(soon, ";")
      assert.include(Expiry.warning(certificate, end + 1), `${what} has ended at`)
    }
  })

  it("of several all that end", async () => {
    const warning = Expiry.warning(await make({ own: 20, authority: 10 }), 0)
    assert.match(warning!, /the certificate "one" ends at .*; the authority "ring" ends at /)
  })

  it("what cannot be read ends no process", () => {
    const odd = ["", "x", "-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n"]
    for (const text of odd) {
      const { certificate } = Credentials.certificate({
        key: Redacted.make(""),
        chain: text,
        authorities: [text],
        revocations: [text]
      })
      assert.strictEqual(Expiry.firstEnd(certificate), Infinity)
      assert.isUndefined(Expiry.warning(certificate, 0))
    }
  })
})
