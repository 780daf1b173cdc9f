import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as NodeId from "../src/ring/NodeId.ts"
import * as Memory from "../src/transport/Memory.ts"
import { makeHarness, type Member, outgoing, passing, text } from "./ClusterHarness.ts"

const keys = Array.from({ length: 200 }, (_, index) => NodeId.fromString(`key ${index}`))

describe("Cluster in memory, under TestClock", () => {
  for (const size of [1, 2, 3, 16, 64]) {
    it.effect(`${size} Nodes that join one after another form an exact ring, and every message reaches its root`, () =>
      Effect.gen(function*() {
        const harness = yield* makeHarness(passing)
        for (let count = 0; count < size; count++) {
          const member = yield* harness.join()
          yield* harness.during(member.cluster.ready)
          yield* harness.checkCoverage(keys.slice(0, 20), false)
        }
        yield* harness.waitUntil("exact leaf sets", harness.isExact)
        yield* harness.checkCoverage(keys, true)
        const senders = harness.living()
        const receipts = yield* harness.during(
          Effect.forEach(
            keys,
            (key, index) => senders[index % size]!.cluster.sendConfirmed(outgoing(key, `value ${index}`)),
            { concurrency: 64 }
          )
        )
        receipts.forEach((receipt, index) => {
          const root = harness.closest(keys[index]!)
          assert.strictEqual(receipt.root.hex, root.cluster.id.hex)
          assert.strictEqual(root.delivered.filter((message) => text(message) === `value ${index}`).length, 1)
        })
        assert.strictEqual(senders.reduce((sum, member) => sum + member.delivered.length, 0), keys.length)
      }).pipe(Effect.provide(Memory.layer)))
  }

  for (const size of [3, 16, 64]) {
    it.effect(`${size} Nodes that join all at once form an exact ring`, () =>
      Effect.gen(function*() {
        const harness = yield* makeHarness(passing)
        const first = yield* harness.join()
        yield* harness.during(first.cluster.ready)
        const others = yield* Effect.forEach(Array.from({ length: size - 1 }), () => harness.join())
        yield* harness.during(Effect.forEach(others, ({ cluster }) => cluster.ready, { concurrency: "unbounded" }))
        yield* harness.checkCoverage(keys, true)
        yield* harness.waitUntil("exact leaf sets", harness.isExact)
      }).pipe(Effect.provide(Memory.layer)))

    it.effect(`${size} Nodes: a crash is repaired, nothing confirmed is lost`, () =>
      Effect.gen(function*() {
        const harness = yield* makeHarness(passing)
        for (let count = 0; count < size; count++) yield* harness.during((yield* harness.join()).cluster.ready)
        yield* harness.waitUntil("exact leaf sets", harness.isExact)
        const victim = harness.members[1]!
        const sender = harness.members[0]!
        const sending = yield* Effect.forkChild(
          Effect.forEach(keys, (key, index) => sender.cluster.sendConfirmed(outgoing(key, `value ${index}`)), {
            concurrency: 16
          })
        )
        yield* harness.kill(victim)
        const receipts = yield* harness.during(Fiber.join(sending))
        assert.strictEqual(receipts.length, keys.length)
        yield* harness.waitUntil("exact leaf sets", harness.isExact)
        yield* harness.checkCoverage(keys, true)
        const everywhere = harness.members.flatMap((member) => member.delivered.map(text))
        keys.forEach((_, index) => assert.include(everywhere, `value ${index}`))
      }).pipe(Effect.provide(Memory.layer)))

    it.effect(`${size} Nodes: a leave closes the gap within the leave`, () =>
      Effect.gen(function*() {
        const harness = yield* makeHarness(passing)
        for (let count = 0; count < size; count++) yield* harness.during((yield* harness.join()).cluster.ready)
        yield* harness.leave(harness.members[2 % size]!)
        yield* harness.waitUntil("one ring", harness.isExact, "30 seconds")
        yield* harness.checkCoverage(keys, true)
      }).pipe(Effect.provide(Memory.layer)))
  }

  it.effect("links without traffic are closed, those to neighbours stay, and nobody counts as dead for it", () =>
    Effect.gen(function*() {
      const harness = yield* makeHarness(passing)
      const config = { idleTimeout: 15_000, exchange: 600_000 }
      for (let count = 0; count < 12; count++) yield* harness.during((yield* harness.join({ config })).cluster.ready)
      yield* harness.waitUntil("exact leaf sets", harness.isExact)
      const connections = (member: Member) =>
        Effect.map(member.cluster.statistics, (statistics) => statistics.connections)
      assert.isAtLeast(yield* connections(harness.members[3]!), 8)
      yield* harness.waitUntil(
        "only neighbours are linked",
        Effect.map(Effect.forEach(harness.members, connections), (counts) => counts.every((count) => count <= 4)),
        "90 seconds",
        "1 second"
      )
      assert.isTrue(yield* harness.isExact)
      yield* harness.checkCoverage(keys, true)
    }).pipe(Effect.provide(Memory.layer)))

  it.effect("links to those that nearer Nodes have displaced are closed soon", () =>
    Effect.gen(function*() {
      const harness = yield* makeHarness(passing)
      const config = {
        idleTimeout: 600_000,
        exchange: 600_000,
        tableExchange: 86_400_000,
        leafSetSide: 1,
        neighborhoodSize: 1
      }
      // Each of them is for a while the nearest to the first, and they all want one place in its routing table.
      for (const digits of ["8", "10", "11", "12", "13", "14", "15", "16", "17", "18"]) {
        const member = yield* harness.join({ config, id: NodeId.parse(digits.padEnd(32, "0")) })
        yield* harness.during(member.cluster.ready)
      }
      const { cluster } = harness.members[0]!
      const connections = Effect.map(cluster.statistics, (statistics) => statistics.connections)
      assert.isAtLeast(yield* connections, 8)
      const areFew = Effect.zipWith(connections, cluster.nodes, (count, nodes) => count <= 2 * nodes.length)
      yield* harness.waitUntil(
        "those of Nodes in the tables are left, two of each at most",
        areFew,
        "250 seconds",
        "1 second"
      )
    }).pipe(Effect.provide(Memory.layer)))

  it.effect("Nodes of different Regions reach each other at their global hosts", () =>
    Effect.gen(function*() {
      const harness = yield* makeHarness(passing)
      const one = yield* harness.start({
        region: "eu",
        localHost: "10.0.0.1",
        globalHost: "203.0.113.1",
        bind: "203.0.113.1"
      })
      const two = yield* harness.start({
        region: "us",
        localHost: "10.0.0.2",
        globalHost: "203.0.113.2",
        bind: "203.0.113.2",
        join: [`203.0.113.1:${one.cluster.address.port}`]
      })
      yield* harness.during(two.cluster.ready)
      yield* harness.waitUntil("exact leaf sets", harness.isExact)
      yield* harness.checkCoverage(keys, true)
    }).pipe(Effect.provide(Memory.layer)))

  it.effect("sendAll takes more messages than may be under way at once, and fails when the Node has ended", () =>
    Effect.gen(function*() {
      const harness = yield* makeHarness(passing)
      const one = yield* harness.join({ config: { maxOwn: 300 } })
      yield* harness.during(one.cluster.ready)
      const two = yield* harness.join()
      yield* harness.during(two.cluster.ready)
      const many = Array.from({ length: 2000 }, (_, index) => outgoing(`key ${index}`, `value ${index}`))
      yield* harness.during(one.cluster.sendAll(many))
      yield* harness.waitUntil(
        "all are delivered",
        Effect.sync(() => one.delivered.length + two.delivered.length === many.length)
      )
      yield* harness.kill(one)
      const error = yield* Effect.flip(one.cluster.send(outgoing("key", "late")))
      assert.strictEqual(error.reason._tag, "Closed")
    }).pipe(Effect.provide(Memory.layer)))

  // Woken all together whenever there was room for one, those that wait would take minutes.
  it.effect(
    "many times more confirmed messages than have room wait for their turn, and get it in order",
    () =>
      Effect.gen(function*() {
        const harness = yield* makeHarness(passing)
        const one = yield* harness.join({ config: { maxOwn: 64 } })
        yield* harness.during(one.cluster.ready)
        const two = yield* harness.join()
        yield* harness.during(two.cluster.ready)
        const count = 10_000
        const fibers = yield* Effect.forEach(Array.from({ length: count }), (_, index) =>
          Effect.forkChild(
            one.cluster.sendConfirmed({ key: two.cluster.id, purpose: 16, value: Buffer.from(String(index)) }),
            { startImmediately: true }
          ))
        // Who is interrupted while it waits takes no turn.
        yield* Fiber.interrupt(fibers[count / 2]!)
        fibers.splice(count / 2, 1)
        yield* harness.during(Effect.forEach(fibers, Fiber.join, { discard: true }), "1 minute")
        const arrived = two.delivered.map((message) => Number(text(message)))
        assert.deepStrictEqual(arrived, Array.from({ length: count }, (_, index) => index).toSpliced(count / 2, 1))
      }).pipe(Effect.provide(Memory.layer)),
    20_000
  )
})
