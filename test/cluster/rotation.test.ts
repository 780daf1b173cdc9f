import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Authority from "../../src/cli/keys/Authority.ts"
import * as Client from "../../src/Client.ts"
import type * as Cluster from "../../src/Cluster.ts"
import * as Credentials from "../../src/protocol/Credentials.ts"
import * as Memory from "../../src/transport/Memory.ts"
import * as Tls from "../../src/transport/Tls.ts"
import type { Transport } from "../../src/transport/Transport.ts"
import { makeHarness, passing, realTime } from "../ClusterHarness.ts"
import { checkWorks, collectEvents, errorsOf, failure, type Harness, startLoad } from "./Rig.ts"

const day = 24 * 3_600_000

const validity = { from: new Date(Date.now() - day), until: new Date(Date.now() + day) }

const overTls = (title: string, body: (harness: Harness) => Effect.Effect<void, unknown, Scope.Scope | Transport>) =>
  it.live(
    title,
    () => Effect.flatMap(makeHarness(realTime), body).pipe(Effect.provide(Layer.merge(Tls.layer, Logger.layer([]))))
  )

const startRing = Effect.fnUntraced(function*(
  harness: Harness,
  size: number,
  credentials: (index: number) => Credentials.Credentials,
  options: Cluster.Options = {}
) {
  for (let index = 0; index < size; index++) {
    yield* harness.during((yield* harness.join({ ...options, credentials: credentials(index) })).cluster.ready)
  }
  yield* harness.waitUntil("exact leaf sets", harness.isExact)
  const events = yield* Effect.forEach(harness.members, ({ cluster }) => collectEvents(cluster))
  return {
    /** Nobody has refused anybody. */
    checkPeace: Effect.sync(() => assert.deepStrictEqual(events.flatMap((seen) => errorsOf(seen, "Refused")), []))
  }
})

/** Gives all Nodes other credentials, one after the other, under load. */
const change = Effect.fnUntraced(function*(
  harness: Harness,
  load: Effect.Success<ReturnType<typeof startLoad>>,
  credentials: (index: number) => Credentials.Credentials
) {
  for (const [index, { cluster }] of harness.members.entries()) {
    yield* cluster.useCredentials(credentials(index))
    yield* load.goOn(50)
  }
})

describe("credentials are replaced while messages go", () => {
  overTls(
    "a passphrase: no message is lost or comes twice, and the old one lets nobody in",
    (harness) =>
      Effect.gen(function*() {
        const [old, young] = [Redacted.make("the passphrase from before"), Redacted.make("another passphrase")]
        const { checkPeace } = yield* startRing(harness, 4, () => Credentials.passphrase(old))
        const load = yield* startLoad(harness)
        yield* load.goOn(100)
        for (const step of [[old, young], [young, old], [young]] as const) {
          yield* change(harness, load, () => Credentials.passphrase(step))
        }
        yield* load.finish
        yield* checkPeace
        assert.isTrue(yield* harness.isExact)
        const stranger = yield* harness.join({ credentials: Credentials.passphrase(old) })
        assert.nestedInclude(yield* failure(harness, stranger.cluster.ready), {
          _tag: "WendyJoinError",
          "reason._tag": "Refused"
        })
        yield* harness.kill(stranger)
        const client = yield* Client.make({
          to: [harness.addressOf(harness.members[1]!)],
          credentials: Credentials.passphrase(young)
        })
        yield* harness.during(client.connected)
      })
  )

  overTls(
    "an authority: no message is lost or comes twice, and the old one's certificates let nobody in",
    (harness) =>
      Effect.gen(function*() {
        const [old, young] = yield* Effect.promise(() =>
          Promise.all([Authority.make("old", validity), Authority.make("young", validity)])
        )
        const issue = (authority: Authority.Pair, key?: string) =>
          Effect.promise(() =>
            Authority.issue(authority, { name: "x", role: "member", id: undefined, region: undefined }, validity, key)
          )
        const before = yield* Effect.forEach([0, 1, 2, 3, 4], () => issue(old!))
        const after = yield* Effect.forEach(before, ({ key }) => issue(young!, key))
        const credentials =
          (pairs: ReadonlyArray<Authority.Pair>, believed: ReadonlyArray<Authority.Pair>) => (index: number) =>
            Credentials.certificate({
              key: Redacted.make(pairs[index]!.key),
              chain: pairs[index]!.certificate,
              authorities: believed.map(({ certificate }) => certificate)
            })
        const { checkPeace } = yield* startRing(harness, 4, credentials(before, [old!]))
        const load = yield* startLoad(harness)
        yield* load.goOn(100)
        yield* change(harness, load, credentials(before, [young!, old!]))
        yield* change(harness, load, credentials(after, [young!, old!]))
        yield* change(harness, load, credentials(after, [young!]))
        yield* load.finish
        yield* checkPeace
        assert.isTrue(yield* harness.isExact)
        const stranger = yield* harness.join({ credentials: credentials(before, [young!, old!])(4) })
        assert.nestedInclude(yield* failure(harness, stranger.cluster.ready), {
          _tag: "WendyJoinError",
          "reason._tag": "Refused"
        })
      })
  )

  overTls("who is revoked loses its connections, and its place", (harness) =>
    Effect.gen(function*() {
      const authority = yield* Effect.promise(() => Authority.make("one", validity))
      const pairs = yield* Effect.forEach([0, 1, 2, 3], () =>
        Effect.promise(() =>
          Authority.issue(authority, { name: "x", role: "member", id: undefined, region: undefined }, validity)
        ))
      const credentials = (revocations: ReadonlyArray<string>) => (index: number) =>
        Credentials.certificate({
          key: Redacted.make(pairs[index]!.key),
          chain: pairs[index]!.certificate,
          authorities: [authority.certificate],
          revocations
        })
      const config = { lease: 3_000, renewal: 600, probe: 400, margin: 150 }
      yield* startRing(harness, 4, credentials([]), { config })
      const list = yield* Effect.promise(() =>
        Authority.revoke(authority, [pairs[3]!.certificate], validity)
      )
      const lost = harness.members[3]!
      for (const [index, { cluster }] of harness.members.slice(0, 3).entries()) {
        yield* cluster.useCredentials(credentials([list])(index))
      }
      const isGone = Effect.map(
        Effect.forEach(harness.members.slice(0, 3), ({ cluster }) => cluster.leafSet),
        (sets) => sets.every(({ left, right }) => [...left, ...right].every(({ hex }) => hex !== lost.cluster.id.hex))
      )
      yield* harness.waitUntil("the others hold it no more", isGone, "20 seconds", "20 millis")
      yield* harness.kill(lost)
      yield* harness.waitUntil("exact leaf sets", harness.isExact, "20 seconds", "20 millis")
      yield* checkWorks(harness, "the others")
    }))

  it.effect("to another kind, or to what a Node could not start with: a WendyOptionError, and all stays as it was", () =>
    Effect.gen(function*() {
      const harness = yield* makeHarness(passing)
      const secret = Redacted.make("a long secret")
      yield* startRing(harness, 2, () => Credentials.passphrase(secret))
      const [one] = harness.members
      for (
        const credentials of [Credentials.none, Credentials.certificate({ key: secret, chain: "", authorities: [] })]
      ) {
        const error = yield* Effect.flip(one!.cluster.useCredentials(credentials))
        assert.deepInclude(error, { _tag: "WendyOptionError", option: "credentials" })
      }
      yield* harness.during((yield* harness.join({ credentials: Credentials.passphrase(secret) })).cluster.ready)
    }).pipe(Effect.provide(Memory.layer)))
})
