import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Authority from "../../src/cli/keys/Authority.ts"
import * as Client from "../../src/Client.ts"
import * as Cluster from "../../src/Cluster.ts"
import * as Address from "../../src/protocol/Address.ts"
import type { Authorization } from "../../src/protocol/Authorization.ts"
import { defaults } from "../../src/protocol/ClusterConfig.ts"
import * as Credentials from "../../src/protocol/Credentials.ts"
import * as Node from "../../src/ring/Node.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as Link from "../../src/transport/Link.ts"
import * as Memory from "../../src/transport/Memory.ts"
import * as Security from "../../src/transport/Security.ts"
import * as Tcp from "../../src/transport/Tcp.ts"
import * as Tls from "../../src/transport/Tls.ts"
import { Transport } from "../../src/transport/Transport.ts"
import { makeHarness, outgoing, realTime } from "../ClusterHarness.ts"
import { checkWorks, collectEvents, errorsOf, evenIds, failure, type Harness } from "./Rig.ts"

const day = 24 * 3_600_000

const validity = { from: new Date(Date.now() - day), until: new Date(Date.now() + day) }

const past = { from: new Date(Date.now() - 2 * day), until: new Date(Date.now() - day) }

const promise = <A>(call: () => Promise<A>) => Effect.promise(call)

const makeAuthority = promise(() => Authority.make("an authority", validity))

const issue = (authority: Authority.Pair, subject: Partial<Authority.Subject> = {}, when = validity) =>
  promise(() =>
    Authority.issue(authority, { name: "one", role: "member", id: undefined, region: undefined, ...subject }, when)
  )

const credentialsOf = (
  pair: Authority.Pair,
  authorities: ReadonlyArray<Authority.Pair>,
  revocations: ReadonlyArray<string> = []
) =>
  Credentials.certificate({
    key: Redacted.make(pair.key),
    chain: pair.certificate,
    authorities: authorities.map(({ certificate }) => certificate),
    revocations
  })

const overTls = <E>(
  title: string,
  body: (harness: Harness) => Effect.Effect<void, E, Scope.Scope | Transport>
) =>
  it.live(
    title,
    () => Effect.flatMap(makeHarness(realTime), body).pipe(Effect.provide(Layer.merge(Tls.layer, Logger.layer([]))))
  )

/** Three Nodes with certificates of one authority. */
const startRing = Effect.fnUntraced(
  function*(harness: Harness, authority: Authority.Pair, revocations: ReadonlyArray<string> = []) {
    for (let count = 0; count < 3; count++) {
      const credentials = credentialsOf(yield* issue(authority), [authority], revocations)
      yield* harness.during((yield* harness.join({ credentials })).cluster.ready)
    }
    yield* harness.waitUntil("exact leaf sets", harness.isExact)
    const events = yield* Effect.forEach(harness.members, ({ cluster }) => collectEvents(cluster))
    return { events }
  }
)

describe("certificates", () => {
  overTls(
    "Nodes and clients with those of one authority form a ring; a Node has the id that its own names",
    (harness) =>
      Effect.gen(function*() {
        const authority = yield* makeAuthority
        const [id] = evenIds(1) as [NodeId.NodeId]
        const named = yield* harness.start({ credentials: credentialsOf(yield* issue(authority, { id }), [authority]) })
        assert.strictEqual(named.cluster.id.hex, id.hex)
        yield* startRing(harness, authority)
        yield* checkWorks(harness, "the ring")
        for (const role of ["member", "client"] as const) {
          const client = yield* Client.make({
            to: [harness.addressOf(named)],
            credentials: credentialsOf(yield* issue(authority, { role }), [authority])
          })
          yield* harness.during(client.connected)
          yield* harness.during(client.sendConfirmed(outgoing("key", "from a client")))
        }
      })
  )

  const strangers: ReadonlyArray<{
    readonly what: string
    readonly make: (ours: Authority.Pair, theirs: Authority.Pair) => Effect.Effect<Credentials.Credentials | undefined>
    readonly here: RegExp
    readonly there: RegExp
  }> = [
    {
      what: "of another authority",
      make: (ours, theirs) => Effect.map(issue(theirs), (pair) => credentialsOf(pair, [ours])),
      here: /certificate of the other end is not good: UNABLE_TO/,
      there: /certificate is not good/
    },
    {
      what: "that has expired",
      make: (ours) => Effect.map(issue(ours, {}, past), (pair) => credentialsOf(pair, [ours])),
      here: /CERT_HAS_EXPIRED/,
      there: /certificate is not good/
    },
    {
      what: "a passphrase instead",
      make: () => Effect.succeed(Credentials.passphrase(Redacted.make("a passphrase of ours"))),
      here: /credentials do not match/,
      there: /credentials do not match/
    }
  ]
  for (const { here, make, there, what } of strangers) {
    overTls(
      `a stranger with one ${what}: both ends say so, and it stands in no table`,
      (harness) =>
        Effect.gen(function*() {
          const ours = yield* makeAuthority
          const theirs = yield* makeAuthority
          const { events } = yield* startRing(harness, ours)
          const credentials = yield* make(ours, theirs)
          const stranger = yield* harness.join({ credentials })
          const error = yield* failure(harness, stranger.cluster.ready)
          assert.nestedInclude(error, { _tag: "WendyJoinError", "reason._tag": "Refused" })
          assert.match(error.message, there)
          yield* harness.waitUntil("the seed says so", Effect.sync(() => errorsOf(events[0]!, "Refused").length > 0))
          assert.match(errorsOf(events[0]!, "Refused")[0]!, here)
          for (const { cluster } of harness.living()) {
            if (cluster === stranger.cluster) continue
            const { left, right } = yield* cluster.leafSet
            assert.isFalse([...left, ...right].some(({ hex }) => hex === stranger.cluster.id.hex))
          }
        })
    )
  }

  overTls(
    "a stranger without encryption is told that it needs it, and stands in no table",
    (harness) =>
      Effect.gen(function*() {
        const { events } = yield* startRing(harness, yield* makeAuthority)
        const stranger = yield* harness.join({}).pipe(Effect.provide(Tcp.layer))
        const error = yield* failure(harness, stranger.cluster.ready)
        assert.nestedInclude(error, { _tag: "WendyJoinError", "reason._tag": "Refused" })
        assert.match(error.message, /not encrypted/)
        yield* harness.waitUntil("the seed says so", Effect.sync(() => errorsOf(events[0]!, "Refused").length > 0))
        assert.match(errorsOf(events[0]!, "Refused")[0]!, /not encrypted/)
      })
  )

  overTls(
    "a seed with a certificate of another authority is refused by those who dial it",
    (harness) =>
      Effect.gen(function*() {
        const [ours, theirs] = [yield* makeAuthority, yield* makeAuthority]
        const seed = yield* harness.start({ credentials: credentialsOf(yield* issue(theirs), [ours, theirs]) })
        const events = yield* collectEvents(seed.cluster)
        const joiner = yield* harness.join({ credentials: credentialsOf(yield* issue(ours), [ours]) })
        const error = yield* failure(harness, joiner.cluster.ready)
        assert.nestedInclude(error, { _tag: "WendyJoinError", "reason._tag": "Refused" })
        assert.match(error.message, /certificate of the other end is not good/)
        yield* harness.waitUntil("the seed hears of it", Effect.sync(() => errorsOf(events, "Refused").length > 0))
        assert.match(errorsOf(events, "Refused")[0]!, /was refused by 127\.0\.0\.1: the certificate is not good/)
        const { left, right } = yield* seed.cluster.leafSet
        assert.lengthOf([...left, ...right], 0)
      })
  )

  overTls("who is revoked is refused, and nobody else is", (harness) =>
    Effect.gen(function*() {
      const authority = yield* makeAuthority
      const [lost, good] = [yield* issue(authority), yield* issue(authority)]
      const first = yield* promise(() => Authority.revoke(authority, [lost.certificate], validity))
      // A later list keeps what stood in the earlier one.
      const list = yield* promise(() => Authority.revoke(authority, [], validity, first))
      yield* startRing(harness, authority, [list])
      const stranger = yield* harness.join({ credentials: credentialsOf(lost, [authority]) })
      assert.nestedInclude(yield* failure(harness, stranger.cluster.ready), {
        _tag: "WendyJoinError",
        "reason._tag": "Refused"
      })
      yield* harness.kill(stranger)
      yield* harness.during((yield* harness.join({ credentials: credentialsOf(good, [authority]) })).cluster.ready)
    }))

  overTls("two authorities are believed while one takes over from the other", (harness) =>
    Effect.gen(function*() {
      const [old, young] = [yield* makeAuthority, yield* makeAuthority]
      for (const authority of [old, young, old, young]) {
        const credentials = credentialsOf(yield* issue(authority), [old, young])
        yield* harness.during((yield* harness.join({ credentials })).cluster.ready)
      }
      yield* harness.waitUntil("exact leaf sets", harness.isExact)
      yield* checkWorks(harness, "the ring")
    }))

  const liars: ReadonlyArray<readonly [string, Partial<Authority.Subject>, Partial<Node.Node>, RegExp]> = [
    ["is for clients", { role: "client" }, {}, /calls itself 80{31} in Region "", but its certificate is for clients/],
    ["is for another Node", {}, {}, /calls itself 80{31} in Region "", but its certificate is for \w{32}$/],
    [
      "is for another Region",
      { id: evenIds(2)[1]!, region: "eu-west" },
      { region: "us" },
      /calls itself 80{31} in Region "us", but its certificate is for 80{31} in "eu-west"/
    ]
  ]
  for (const [what, subject, claim, here] of liars) {
    overTls(
      `a member whose certificate ${what}: refused with a reason at both ends, and it stands in no table`,
      (harness) =>
        Effect.gen(function*() {
          const authority = yield* makeAuthority
          const { events } = yield* startRing(harness, authority)
          const credentials = credentialsOf(yield* issue(authority, subject), [authority])
          const node = new Node.Node({
            id: evenIds(2)[1]!,
            localHost: "127.0.0.1",
            globalHost: "127.0.0.1",
            port: 4000,
            region: "",
            incarnation: 1,
            ...claim
          })
          const { dial } = yield* Transport
          const address = Option.getOrThrow(Address.parse(harness.addressOf(harness.members[0]!)))
          const connection = yield* dial(address, {
            maxFrameSize: 10_000,
            timeout: "5 seconds",
            certificate: () => credentials.certificate
          })
          const error = yield* Effect.flip(Link.open(connection, {
            cluster: "wendy",
            role: "member",
            node,
            lease: defaults.lease,
            nonce: Effect.succeed(NodeId.fromString("nonce")),
            seed: NodeId.zero,
            authorization: {},
            security: Security.make(credentials, { cluster: "wendy", needsChannel: true, patience: 1000 })
          }))
          assert.deepInclude(error, { _tag: "Refused", reason: "identity", by: "peer" })
          yield* harness.waitUntil("the Node says so", Effect.sync(() => errorsOf(events[0]!, "Refused").length > 0))
          assert.match(errorsOf(events[0]!, "Refused")[0]!, here)
          for (const { cluster } of harness.living()) {
            const { left, right } = yield* cluster.leafSet
            assert.isFalse([...left, ...right].some(({ hex }) => hex === node.hex))
          }
        })
    )
  }

  overTls(
    "by the names in their certificates some may not join, and clients may not send everything",
    (harness) =>
      Effect.gen(function*() {
        const authority = yield* makeAuthority
        const authorization: Authorization = {
          admits: ({ name, role }) => role === "client" || name?.startsWith("node-") === true,
          maySend: ({ name }, purpose) => purpose < 100 || name === "operator"
        }
        for (const name of ["node-1", "node-2"]) {
          const credentials = credentialsOf(yield* issue(authority, { name }), [authority])
          yield* harness.during((yield* harness.join({ credentials, authorization })).cluster.ready)
        }
        const stranger = yield* harness.join({
          credentials: credentialsOf(yield* issue(authority, { name: "laptop" }), [authority])
        })
        const error = yield* failure(harness, stranger.cluster.ready)
        assert.nestedInclude(error, { _tag: "WendyJoinError", "reason._tag": "Refused" })
        assert.match(error.message, /although it knows who it is/)
        yield* harness.kill(stranger)
        const key = evenIds(1)[0]!
        const outcomes: Array<string> = []
        for (const name of ["operator", "guest"]) {
          const client = yield* Client.make({
            to: [harness.addressOf(harness.members[0]!)],
            credentials: credentialsOf(yield* issue(authority, { name, role: "client" }), [authority])
          })
          for (const purpose of [200, 16, 200, 17]) {
            outcomes.push(
              yield* harness.during(client.sendConfirmed({ key, purpose, value: new Uint8Array() })).pipe(
                Effect.as("delivered"),
                Effect.catchTag("WendyDeliveryError", ({ reason: { _tag: reason } }) => Effect.succeed(reason))
              )
            )
          }
        }
        assert.deepStrictEqual(outcomes.join(" "), `${"delivered ".repeat(4)}Forbidden delivered Forbidden delivered`)
        const { forbidden } = yield* harness.members[0]!.cluster.statistics
        assert.strictEqual(forbidden, 2)
      })
  )

  const mistakes: ReadonlyArray<
    readonly [
      string,
      (pair: Authority.Pair, other: Authority.Pair, authority: Authority.Pair) => Cluster.Options,
      string,
      RegExp
    ]
  > = [
    [
      "no certificate",
      (pair, _, ca) => ({ credentials: credentialsOf({ ...pair, certificate: "x" }, [ca]) }),
      "credentials",
      /cannot be read/
    ],
    [
      "another's key",
      (pair, { key }, ca) => ({ credentials: credentialsOf({ ...pair, key }, [ca]) }),
      "credentials",
      /do not make a whole \(.*key/
    ],
    [
      "no authority",
      (pair) => ({ credentials: credentialsOf(pair, [{ ...pair, certificate: "x" }]) }),
      "credentials",
      /no authority to believe/
    ],
    [
      "no list",
      (pair, _, ca) => ({ credentials: credentialsOf(pair, [ca], ["x"]) }),
      "credentials",
      /do not make a whole/
    ],
    [
      "another id",
      (pair, _, ca) => ({ credentials: credentialsOf(pair, [ca]), id: evenIds(1)[0]! }),
      "id",
      /is for the Node \w{32}, not for/
    ]
  ]
  for (const [what, options, option, message] of mistakes) {
    overTls(`${what}: the Node does not start, and says why`, () =>
      Effect.gen(function*() {
        const authority = yield* makeAuthority
        const [one, other] = [yield* issue(authority), yield* issue(authority)]
        const error = yield* Effect.flip(Cluster.make(options(one, other, authority)))
        assert.deepInclude(error, { _tag: "WendyOptionError", option })
        assert.match(error.message, message)
      }))
  }

  it.effect("without TLS, and for Nodes one for clients: a WendyOptionError", () =>
    Effect.gen(function*() {
      const authority = yield* makeAuthority
      const credentials = credentialsOf(yield* issue(authority), [authority])
      for (const layer of [Tcp.layer, Memory.layer]) {
        const error = yield* Effect.flip(Effect.provide(Cluster.make({ credentials }), layer))
        assert.deepInclude(error, { _tag: "WendyOptionError", option: "credentials" })
        assert.match(error.message, /TlsTransport/)
      }
      const client = credentialsOf(yield* issue(authority, { role: "client" }), [authority])
      const error = yield* Effect.flip(Effect.provide(Cluster.make({ credentials: client }), Tls.layer))
      assert.match(error.message, /for clients only/)
    }))
})
