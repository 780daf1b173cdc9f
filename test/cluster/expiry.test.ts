import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import * as Authority from "../../src/cli/keys/Authority.ts"
import * as Cluster from "../../src/Cluster.ts"
import * as Credentials from "../../src/protocol/Credentials.ts"
import * as Memory from "../../src/transport/Memory.ts"
import { Transport } from "../../src/transport/Transport.ts"
import { collectEvents, errorsOf } from "./Rig.ts"

const day = 24 * 60 * 60_000

/** A certificate that is good for so many days since 1970, when TestClock begins. */
const certificate = (days: number) =>
  Effect.promise(async () => {
    const validity = { from: new Date(0), until: new Date(days * day) }
    const authority = await Authority.make("ring", { ...validity, until: new Date(1000 * day) })
    const subject = { name: "one", role: "member", id: undefined, region: undefined } as const
    const { certificate, key } = await Authority.issue(authority, subject, validity)
    return Credentials.certificate({
      key: Redacted.make(key),
      chain: certificate,
      authorities: [authority.certificate]
    })
  })

/** A transport that takes certificates, and shows none. */
const network = Layer.effect(
  Transport,
  Effect.map(Transport, (memory) => ({ ...memory, protection: "tls" as const }))
).pipe(Layer.provide(Memory.layer))

describe("certificates that end", () => {
  it.effect("a Node says so from 30 days before on: at its start, once a day, and with new ones", () => {
    const logged: Array<unknown> = []
    return Effect.gen(function*() {
      yield* Cluster.make({ credentials: yield* certificate(1000) })
      assert.lengthOf(logged, 0)

      const soon = yield* Cluster.make({ credentials: yield* certificate(20) })
      assert.lengthOf(errorsOf(yield* collectEvents(soon), "CertificateEnds"), 1)
      assert.include(String(logged), `the certificate "one" ends at 1970-01-21`)

      const later = yield* Cluster.make({ credentials: yield* certificate(32.5) })
      const events = yield* collectEvents(later)
      assert.strictEqual((yield* later.statistics).certificateEnds, 32.5 * day)
      yield* TestClock.adjust(2 * day)
      assert.lengthOf(errorsOf(events, "CertificateEnds"), 0)
      yield* TestClock.adjust(day)
      assert.lengthOf(errorsOf(events, "CertificateEnds"), 1)
      yield* TestClock.adjust(2 * day)
      assert.lengthOf(errorsOf(events, "CertificateEnds"), 3)
    }).pipe(
      Effect.scoped,
      Effect.provide(Layer.merge(network, Logger.layer([Logger.make(({ message }) => void logged.push(message))])))
    )
  })

  it.effect("new ones that end soon are told of, and those that do not end the warnings", () =>
    Effect.gen(function*() {
      const authority = yield* Effect.promise(() =>
        Authority.make("ring", { from: new Date(0), until: new Date(1000 * day) })
      )
      let key: string | undefined
      const issue = (days: number) =>
        Effect.promise(async () => {
          const subject = { name: "one", role: "member", id: undefined, region: undefined } as const
          const validity = { from: new Date(0), until: new Date(days * day) }
          const issued = await Authority.issue(authority, subject, validity, key)
          key = issued.key
          return Credentials.certificate({
            key: Redacted.make(issued.key),
            chain: issued.certificate,
            authorities: [authority.certificate]
          })
        })
      const cluster = yield* Cluster.make({ credentials: yield* issue(500) })
      const events = yield* collectEvents(cluster)
      yield* cluster.useCredentials(yield* issue(10))
      yield* TestClock.adjust(0)
      assert.lengthOf(errorsOf(events, "CertificateEnds"), 1)
      assert.strictEqual((yield* cluster.statistics).certificateEnds, 10 * day)
      yield* cluster.useCredentials(yield* issue(600))
      yield* TestClock.adjust(2 * day)
      assert.lengthOf(errorsOf(events, "CertificateEnds"), 1)
      assert.strictEqual((yield* cluster.statistics).certificateEnds, 600 * day)
    }).pipe(Effect.scoped, Effect.provide(Layer.merge(network, Logger.layer([])))))

  it.effect("without certificates nothing is said", () =>
    Effect.gen(function*() {
      const cluster = yield* Cluster.make()
      assert.isUndefined((yield* cluster.statistics).certificateEnds)
    }).pipe(Effect.scoped, Effect.provide(Memory.layer)))
})
