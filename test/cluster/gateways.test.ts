/** What a client does when its gateway falls silent, accepts and closes, refuses, or moves. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Client from "../../src/Client.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as Memory from "../../src/transport/Memory.ts"
import { Transport } from "../../src/transport/Transport.ts"
import { makeHarness, type Member, nodeOf, outgoing, passing } from "../ClusterHarness.ts"
import { burst, checkBurst, type Harness, hostOf, idOf, startOn } from "./Rig.ts"

const onNetwork = (
  title: string,
  body: (
    harness: Harness,
    network: Memory.Network["Service"]
  ) => Effect.Effect<void, unknown, Scope.Scope | Transport | Memory.Network>
): void => {
  it.effect(title, () =>
    Effect.gen(function*() {
      yield* body(yield* makeHarness(passing), yield* Memory.Network)
    }).pipe(Effect.provide(Memory.layer)))
}

const addressOf = (member: Member): string => `${hostOf(member)}:${member.cluster.address.port}`

const clientHost = "10.0.0.99"

/** A client on a machine of its own. */
const makeClient = Effect.fnUntraced(function*(to: ReadonlyArray<string>, options: Partial<Client.Options> = {}) {
  const network = yield* Memory.Network
  return yield* Client.make({ to, ...options }).pipe(
    Effect.provideService(Transport, network.transport(clientHost))
  )
})

const startRing = Effect.fnUntraced(function*(harness: Harness) {
  for (const [index, digits] of ["0", "5", "a"].entries()) {
    yield* harness.during((yield* startOn(harness, index + 1, { id: idOf(digits) })).cluster.ready)
  }
  yield* harness.waitUntil("exact leaf sets", harness.isExact)
  return harness.members.map(addressOf)
})

/** Somebody who takes connections, does this with each, and counts them. */
const listenAt = Effect.fnUntraced(function*(host: string, serve: Effect.Effect<void>) {
  const network = yield* Memory.Network
  const listener = yield* network.transport(host).listen(
    { host, port: 7001 },
    { maxFrameSize: 1_000_000, maxConnections: 100 }
  )
  const counted = { accepted: 0, address: `${host}:7001` }
  yield* Effect.forkScoped(listener.serve(() => {
    counted.accepted++
    return serve
  }))
  return counted
})

/** Texts whose root is not this Node. */
const wordsAwayFrom = (harness: Harness, member: Member, count: number) =>
  Array.from({ length: 10 * count }, (_, index) => `word ${index}`)
    .filter((word) => harness.closest(NodeId.fromString(word)) !== member)
    .slice(0, count)

describe("a client's gateway", () => {
  onNetwork("falls silent: within seconds what is unresolved goes to the next one, each delivered once", (
    harness,
    network
  ) =>
    Effect.gen(function*() {
      const client = yield* makeClient(yield* startRing(harness))
      const first = harness.members[0]!
      yield* harness.during(client.connected)
      yield* harness.during(burst(client, "before", 20))
      yield* network.silence(hostOf(first))
      const silentAt = yield* Clock.currentTimeMillis
      const words = wordsAwayFrom(harness, first, 300)
      yield* harness.during(
        Effect.forEach(words, (word) => client.sendConfirmed(outgoing(word, word)), { concurrency: 64 })
      )
      assert.isBelow((yield* Clock.currentTimeMillis) - silentAt, 6_000)
      assert.isTrue(yield* client.isConnected)
      const texts = harness.members.flatMap(({ delivered }) => delivered.map(({ value }) => `${value}`))
      assert.strictEqual(new Set(texts).size, texts.length)
      // What the silent Node was the root of has to wait until the others take its place.
      first.isLiving = false
      checkBurst(harness, "after", yield* harness.during(burst(client, "after", 100)))
    }))

  onNetwork("falls silent while nothing is sent: soon there is another", (harness, network) =>
    Effect.gen(function*() {
      const client = yield* makeClient(yield* startRing(harness))
      yield* harness.during(client.connected)
      yield* network.silence(hostOf(harness.members[0]!))
      yield* harness.during(Effect.sleep("16 seconds"))
      assert.isTrue(yield* client.isConnected)
      const sentAt = yield* Clock.currentTimeMillis
      const [word] = wordsAwayFrom(harness, harness.members[0]!, 1)
      yield* harness.during(client.sendConfirmed(outgoing(word!, word!)))
      assert.isBelow((yield* Clock.currentTimeMillis) - sentAt, 200)
    }))

  onNetwork("is slow, not silent: it is not left", (harness) =>
    Effect.gen(function*() {
      const member = yield* startOn(harness, 1, {
        application: { onDeliver: () => Effect.never },
        config: { deliverTimeout: 60_000 }
      })
      yield* harness.during(member.cluster.ready)
      const other = yield* listenAt("10.0.0.50", Effect.never)
      const client = yield* makeClient([addressOf(member), other.address])
      yield* harness.during(client.connected)
      yield* Effect.forkScoped(client.sendConfirmed(outgoing("a", "a"), { deadline: "1 minute" }))
      yield* harness.during(Effect.sleep("50 seconds"))
      assert.strictEqual(other.accepted, 0)
      assert.isTrue(yield* client.isConnected)
    }))

  for (const [what, serve] of [["says nothing", Effect.never], ["closes at once", Effect.void]] as const) {
    onNetwork(`takes connections and ${what}: the next one is used`, (harness) =>
      Effect.gen(function*() {
        const to = yield* startRing(harness)
        const bad = yield* listenAt("10.0.0.50", serve)
        const startedAt = yield* Clock.currentTimeMillis
        const client = yield* makeClient([bad.address, ...to])
        assert.isFalse(yield* client.isConnected)
        yield* harness.during(client.connected)
        assert.isBelow((yield* Clock.currentTimeMillis) - startedAt, 3_500)
        checkBurst(harness, "words", yield* harness.during(burst(client, "words", 50)))
        assert.strictEqual(bad.accepted, 1)
      }))

    onNetwork(
      `takes connections and ${what}, and there is no other: dialled less and less often`,
      (harness) =>
        Effect.gen(function*() {
          const bad = yield* listenAt("10.0.0.50", serve)
          const client = yield* makeClient([bad.address])
          yield* harness.during(Effect.sleep("1 minute"))
          assert.isFalse(yield* client.isConnected)
          assert.isAtLeast(bad.accepted, 4)
          assert.isAtMost(bad.accepted, 32)
        })
    )
  }

  onNetwork("refuses: the next one is used", (harness) =>
    Effect.gen(function*() {
      const stranger = yield* startOn(harness, 9, { cluster: "another" })
      yield* harness.during(stranger.cluster.ready)
      // No Node of the ring.
      stranger.isLiving = false
      const to = yield* startRing(harness)
      const client = yield* makeClient([addressOf(stranger), ...to])
      yield* harness.during(client.connected)
      checkBurst(harness, "words", yield* harness.during(burst(client, "words", 50)))
    }))

  onNetwork(
    "is back with all others after a while without any: what waited is sent",
    (harness, network) =>
      Effect.gen(function*() {
        const client = yield* makeClient(yield* startRing(harness))
        yield* harness.during(client.connected)
        yield* network.silence(clientHost)
        const sending = yield* Effect.forkChild(
          Effect.forEach(
            Array.from({ length: 50 }, (_, index) => `cut ${index}`),
            (word) => client.sendConfirmed(outgoing(word, word), { deadline: "10 minutes" }),
            { concurrency: "unbounded" }
          ),
          { startImmediately: true }
        )
        yield* harness.during(Effect.sleep("2 minutes"), "3 minutes")
        assert.isFalse(yield* client.isConnected)
        yield* network.restore(clientHost)
        checkBurst(harness, "cut", yield* harness.during(Fiber.join(sending), "20 seconds"))
      })
  )

  onNetwork(
    "has a name that leads elsewhere now: it is looked up at each dial",
    (harness, network) =>
      Effect.gen(function*() {
        yield* startRing(harness)
        const [before, after] = harness.members as [Member, Member]
        let address = nodeOf(before.cluster)
        const inner = network.transport(clientHost)
        const transport: Transport["Service"] = {
          ...inner,
          dial: ({ host }, options) => {
            assert.strictEqual(host, "gateway.test")
            return inner.dial({ host: address.localHost, port: address.port }, options)
          }
        }
        const client = yield* Client.make({ to: ["gateway.test:7001"] }).pipe(
          Effect.provideService(Transport, transport)
        )
        yield* harness.during(client.connected)
        address = nodeOf(after.cluster)
        yield* harness.leave(before)
        checkBurst(harness, "moved", yield* harness.during(burst(client, "moved", 50), "5 seconds"))
      })
  )
})
