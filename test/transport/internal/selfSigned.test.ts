import { assert, describe, it } from "@effect/vitest"
import { createPrivateKey, X509Certificate } from "node:crypto"
import { selfSigned } from "../../../src/transport/internal/selfSigned.ts"

describe("selfSigned", () => {
  it("is a certificate that has signed itself, and its key", () => {
    const { cert, key } = selfSigned()
    const certificate = new X509Certificate(cert)
    assert.isTrue(certificate.verify(certificate.publicKey))
    assert.isTrue(certificate.checkPrivateKey(createPrivateKey(key)))
    assert.isTrue(certificate.checkIssued(certificate))
    assert.strictEqual(certificate.subject, "CN=effect-wendy")
    assert.strictEqual(certificate.validFromDate.getTime(), 0)
    assert.strictEqual(certificate.validToDate.toISOString(), "9999-12-31T23:59:59.000Z")
    assert.match(certificate.serialNumber, /^01[0-9A-F]{30}$/)
  })

  it("is made once a process", () => {
    assert.strictEqual(selfSigned(), selfSigned())
  })
})
