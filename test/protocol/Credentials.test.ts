import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Client from "../../src/Client.ts"
import * as Cluster from "../../src/Cluster.ts"
import * as Inspector from "../../src/Inspector.ts"
import * as Credentials from "../../src/protocol/Credentials.ts"
import * as Memory from "../../src/transport/Memory.ts"
import { Transport } from "../../src/transport/Transport.ts"

const pem = "-----BEGIN X-----\nAAAA\n-----END X-----\n"

const certificate = (parts: { [Part in keyof Credentials.Certificate]?: string }) =>
  Credentials.certificate({
    key: Redacted.make(parts.key ?? pem),
    chain: parts.chain ?? pem,
    authorities: [parts.authorities ?? pem],
    revocations: [parts.revocations ?? pem]
  })

const passphrase = (text: string) => Credentials.passphrase(Redacted.make(text))

describe("credentials that are no secret", () => {
  const cases: ReadonlyArray<readonly [what: string, credentials: Credentials.Credentials, says: string]> = [
    ["an empty passphrase", passphrase(""), "the passphrase is blank"],
    ["a blank passphrase", passphrase(" ".repeat(16)), "the passphrase is blank"],
    ["a short passphrase", passphrase("a"), "the passphrase has 1 character, and can be guessed: use at least 12"],
    [
      "one of two that is short",
      Credentials.passphrase([Redacted.make("a passphrase that is long"), Redacted.make("short")]),
      "passphrase 2 of 2 has 5 characters"
    ],
    ["bytes that were no text", passphrase("\uFFFD".repeat(32)), "the passphrase is no text"],
    ["half a character", passphrase("a passphrase with \uD800"), "the passphrase is no text"],
    [
      "a short one around others",
      Credentials.make({ marshal: () => new Uint8Array(1), valid: () => true, within: passphrase("short") }),
      "the passphrase has 5 characters"
    ],
    ["an empty key", certificate({ key: " \n" }), "the private key is empty"],
    ["an empty certificate", certificate({ chain: "" }), "the certificate is empty"],
    ["an empty authority", certificate({ authorities: "" }), "the certificate of an authority is empty"],
    ["an empty list of revoked ones", certificate({ revocations: "" }), "the list of revoked certificates is empty"]
  ]
  for (const [what, credentials, says] of cases) {
    it.effect(`${what}: neither a Node nor a client nor an inspector begins`, () =>
      Effect.gen(function*() {
        const to = ["127.0.0.1:1"]
        const attempts = [
          Cluster.make({ credentials }),
          Client.make({ to, credentials }),
          Inspector.ring({ to, credentials })
        ]
        for (const attempt of attempts) {
          const error = yield* Effect.flip(attempt as Effect.Effect<unknown, Cluster.WendyOptionError, Transport>)
          assert.deepInclude(error, { _tag: "WendyOptionError", option: "credentials" })
          assert.include(error.message, says)
        }
      }).pipe(
        Effect.scoped,
        Effect.provideServiceEffect(
          Transport,
          Effect.map(Transport, (memory) => ({ ...memory, protection: "tls" as const }))
        ),
        Effect.provide(Memory.layer)
      ))
  }

  it.effect("a running Node keeps the one that it has", () =>
    Effect.gen(function*() {
      const cluster = yield* Cluster.make({ credentials: passphrase("a passphrase that is long") })
      const error = yield* Effect.flip(cluster.useCredentials(passphrase("short")))
      assert.deepInclude(error, { _tag: "WendyOptionError", option: "credentials" })
    }).pipe(Effect.scoped, Effect.provide(Memory.layer)))

  it.effect("rules that are named and not given are refused, too", () =>
    Effect.gen(function*() {
      for (const authorization of [{}, { admits: undefined, maySend: undefined }]) {
        const error = yield* Effect.flip(Cluster.make({ authorization }))
        assert.deepInclude(error, { _tag: "WendyOptionError", option: "authorization" })
      }
      yield* Cluster.make({ authorization: { admits: () => true } })
    }).pipe(Effect.scoped, Effect.provide(Memory.layer)))
})
