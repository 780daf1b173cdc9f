import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Client from "../../src/Client.ts"
import type * as Cluster from "../../src/Cluster.ts"
import * as Credentials from "../../src/protocol/Credentials.ts"
import type { WendyDeliveryError, WendyMessageError } from "../../src/protocol/Message.ts"
import * as Memory from "../../src/transport/Memory.ts"
import * as Tcp from "../../src/transport/Tcp.ts"
import type { Transport } from "../../src/transport/Transport.ts"
import { makeHarness, outgoing, passing, realTime, text } from "../ClusterHarness.ts"
import { burst, checkBurst, collectEvents, countDelivered, errorsOf, failure, type Harness, idOf } from "./Rig.ts"

const overBoth = (
  title: string,
  body: (harness: Harness) => Effect.Effect<void, unknown, Scope.Scope | Transport>
): void => {
  it.effect(`${title} (memory)`, () => Effect.flatMap(makeHarness(passing), body).pipe(Effect.provide(Memory.layer)))
  it.live(`${title} (TCP)`, () => Effect.flatMap(makeHarness(realTime), body).pipe(Effect.provide(Tcp.layer)))
}

const startRing = Effect.fnUntraced(function*(harness: Harness, options: Cluster.Options = {}) {
  for (const digits of ["0", "5", "a"]) {
    yield* harness.during((yield* harness.join({ id: idOf(digits), ...options })).cluster.ready)
  }
  yield* harness.waitUntil("exact leaf sets", harness.isExact, "10 seconds", "5 millis")
})

describe("Client", () => {
  overBoth(
    "gets a receipt for every message, delivered once at the root it names",
    (harness) =>
      Effect.gen(function*() {
        yield* startRing(harness)
        const client = yield* Client.make({ to: harness.members.map(harness.addressOf) })
        yield* harness.during(client.connected)
        const receipts = yield* harness.during(burst(client, "client", 500))
        checkBurst(harness, "client", receipts)
        assert.isTrue(receipts.every(({ roundTrip }) => roundTrip >= 0))
        const hops = receipts.map(({ hops }) => hops)
        assert.includeMembers(hops, [0, 1])
        // What an application sees of it: the Node that accepted it.
        const via = harness.members[0]!.cluster.id.hex
        for (const { delivered } of harness.members) assert.isTrue(delivered.every(({ from }) => from.hex === via))
        for (const { cluster } of harness.members) {
          const { left } = yield* cluster.leafSet
          assert.lengthOf(left, 2, "a client is in no table")
        }
      })
  )

  it.effect("holds so many bytes without a receipt at most: further messages wait, and follow", () =>
    Effect.gen(function*() {
      const harness = yield* makeHarness(passing)
      let calls = 0
      const gate = yield* Latch.make(false)
      const application = {
        onDeliver: () =>
          Effect.suspend(() => {
            calls++
            return gate.await
          })
      }
      const { address, id } = (yield* harness.join({ application })).cluster
      const client = yield* Client.make({ to: [`127.0.0.1:${address.port}`], config: { maxCustodyBytes: 2_600 } })
      yield* harness.during(client.connected)
      const message = { key: id, purpose: 16, value: new Uint8Array(1_000) }
      const sending = yield* Effect.forkChild(
        Effect.all(Array.from({ length: 10 }, () => client.sendConfirmed(message)), { concurrency: "unbounded" })
      )
      yield* harness.waitUntil("some are there", Effect.sync(() => calls === 2))
      for (let step = 0; step < 20; step++) yield* passing("100 millis")
      assert.strictEqual(calls, 2)
      yield* gate.open
      assert.lengthOf(yield* harness.during(Fiber.join(sending)), 10)
      assert.strictEqual(calls, 10)
    }).pipe(Effect.provide(Memory.layer)))

  overBoth(
    "sends before it is connected, and as soon as a Node is there the receipts come",
    (harness) =>
      Effect.gen(function*() {
        const before = yield* harness.start()
        const { port } = before.cluster.address
        yield* harness.kill(before)
        const client = yield* Client.make({ to: [`127.0.0.1:${port}`] })
        const sending = yield* Effect.forkChild(burst(client, "early", 50), { startImmediately: true })
        yield* harness.during(Effect.sleep("200 millis"))
        assert.isUndefined(sending.pollUnsafe())
        yield* harness.start({ port })
        checkBurst(harness, "early", yield* harness.during(Fiber.join(sending), "10 seconds"))
      })
  )

  for (const how of ["kill", "leave"] as const) {
    overBoth(
      `turns to the second Node when the first ends (${how}) in the middle of 1,000 messages`,
      (harness) =>
        Effect.gen(function*() {
          yield* startRing(harness)
          const first = harness.members[0]!
          const client = yield* Client.make({ to: harness.members.map(harness.addressOf) })
          yield* harness.during(client.connected)
          const sending = yield* Effect.forkChild(burst(client, "burst", 1000, 32), { startImmediately: true })
          yield* harness.waitUntil(
            "some are delivered",
            Effect.sync(() => first.delivered.length > 60),
            "10 seconds",
            1
          )
          assert.isUndefined(sending.pollUnsafe())
          yield* harness[how](first)
          const receipts = yield* harness.during(Fiber.join(sending), "20 seconds")
          assert.lengthOf(receipts, 1000)
          checkBurst(harness, "burst", receipts)
          assert.strictEqual(countDelivered(harness.members, "burst").size, 1000, "none is lost")
          if (how === "leave") {
            const times = [...countDelivered(harness.members, "burst").values()]
            assert.isTrue(times.every((count) => count === 1), "one that leaves hands over what it has delivered")
          }
        })
    )
  }

  overBoth("finds its Node again after that was started anew", (harness) =>
    Effect.gen(function*() {
      const before = yield* harness.start()
      const { port } = before.cluster.address
      const client = yield* Client.make({ to: [harness.addressOf(before)] })
      yield* harness.during(burst(client, "before", 20))
      yield* harness.kill(before)
      const sending = yield* Effect.forkChild(burst(client, "after", 20), { startImmediately: true })
      yield* harness.start({ port })
      checkBurst(harness, "after", yield* harness.during(Fiber.join(sending), "10 seconds"))
    }))

  const strangers: ReadonlyArray<readonly [string, Omit<Client.Options, "to">, RegExp]> = [
    ["of another cluster", { cluster: "other" }, /cluster of another name/],
    [
      "with credentials",
      { credentials: Credentials.passphrase(Redacted.make("a passphrase of ours"), { allowClear: true }) },
      /credentials do not match/
    ]
  ]
  for (const [what, options, message] of strangers) {
    overBoth(`a client ${what} is refused, and both ends say so`, (harness) =>
      Effect.gen(function*() {
        yield* startRing(harness)
        const events = yield* collectEvents(harness.members[0]!.cluster)
        const client = yield* Client.make({ to: [harness.addressOf(harness.members[0]!)], ...options })
        const error = yield* failure(harness, client.connected)
        assert.nestedInclude(error, { _tag: "WendyJoinError", "reason._tag": "Refused" })
        assert.match(error.message, message)
        assert.match(errorsOf(events, "Refused")[0]!, message)
      }))
  }

  overBoth("without anybody to reach, the deadline ends a send", (harness) =>
    Effect.gen(function*() {
      const gone = yield* harness.start()
      yield* harness.kill(gone)
      const client = yield* Client.make({ to: [harness.addressOf(gone)] })
      const startedAt = yield* Clock.currentTimeMillis
      const error = yield* failure(
        harness,
        client.sendConfirmed(outgoing("key", "value"), { deadline: "700 millis" })
      ) as Effect.Effect<WendyDeliveryError>
      assert.strictEqual(error.reason._tag, "Deadline")
      assert.isAtLeast((yield* Clock.currentTimeMillis) - startedAt, 700)
      assert.isBelow((yield* Clock.currentTimeMillis) - startedAt, 1500)
    }))

  overBoth(
    "says DeliveryFailed when the application fails, and rejects what cannot be sent",
    (harness) =>
      Effect.gen(function*() {
        yield* startRing(harness, {
          application: {
            onDeliver: (message) => text(message) === "bad" ? Effect.fail("no") : Effect.void
          }
        })
        const client = yield* Client.make({
          to: [harness.addressOf(harness.members[1]!)],
          config: { maxValueSize: 10 }
        })
        for (const key of ["one", "two", "three", "four"]) {
          const error = yield* failure(harness, client.sendConfirmed(outgoing(key, "bad"))) as Effect.Effect<
            WendyDeliveryError
          >
          assert.strictEqual(error.reason._tag, "DeliveryFailed")
          yield* harness.during(client.sendConfirmed(outgoing(key, "good")))
        }
        const large = yield* failure(harness, client.sendConfirmed(outgoing("key", "x".repeat(11)))) as Effect.Effect<
          WendyMessageError
        >
        assert.strictEqual(large.reason._tag, "ValueTooLarge")
      })
  )

  it.effect("a busy Node costs a client time, and no message", () =>
    Effect.gen(function*() {
      const harness = yield* makeHarness(passing)
      const delivered: Array<string> = []
      yield* startRing(harness, {
        config: { maxCustody: 2, maxDelivering: 1, window: 4 },
        application: {
          onDeliver: (message) =>
            Effect.andThen(Effect.sleep("5 millis"), Effect.sync(() => delivered.push(text(message))))
        }
      })
      const client = yield* Client.make({ to: [harness.addressOf(harness.members[0]!)] })
      yield* harness.during(client.connected)
      const receipts = yield* harness.during(
        Effect.forEach(
          Array.from({ length: 300 }, (_, index) => `word ${index}`),
          (word) => client.sendConfirmed(outgoing(word, word), { deadline: "2 minutes" }),
          { concurrency: "unbounded" }
        ),
        "2 minutes"
      )
      assert.lengthOf(receipts, 300)
      assert.lengthOf(delivered, 300)
      assert.strictEqual(new Set(delivered).size, 300)
    }).pipe(Effect.provide(Memory.layer)))
})
