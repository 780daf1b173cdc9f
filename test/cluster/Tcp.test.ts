import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as Tcp from "../../src/transport/Tcp.ts"
import { makeHarness, nodeOf, outgoing, realTime, text } from "../ClusterHarness.ts"
import { burst, checkBurst, checkWorks, freePort, type Harness, hasIpv6, idOf, keys } from "./Rig.ts"

const joinOneByOne = Effect.fnUntraced(function*(harness: Harness, size: number) {
  for (let count = 0; count < size; count++) yield* harness.during((yield* harness.join()).cluster.ready)
  yield* harness.waitUntil("exact leaf sets", harness.isExact, "10 seconds", "5 millis")
})

const joinAtOnce = Effect.fnUntraced(function*(harness: Harness, count: number) {
  const joiners = yield* Effect.forEach(Array.from({ length: count }), () => harness.join())
  yield* harness.during(Effect.forEach(joiners, ({ cluster }) => cluster.ready, { concurrency: "unbounded" }))
})

describe("Cluster over TCP", () => {
  for (const size of [3, 8]) {
    it.live(`${size} Nodes that join one after another send, sendAll and sendConfirmed`, () =>
      Effect.gen(function*() {
        const harness = yield* makeHarness(realTime)
        yield* joinOneByOne(harness, size)
        yield* harness.checkCoverage(keys, true)
        yield* checkWorks(harness, "confirmed")

        const senders = harness.living().map(({ cluster }) => cluster)
        yield* senders[0]!.send(outgoing("one", "sent 0"))
        yield* senders[1]!.sendAll(Array.from({ length: 500 }, (_, index) => outgoing(`${index}`, `sent ${index + 1}`)))
        const arrived = () =>
          harness.living().flatMap(({ cluster, delivered }) =>
            delivered.filter((message) => text(message).startsWith("sent ")).map((message) => ({ cluster, message }))
          )
        yield* harness.waitUntil("all are delivered", Effect.sync(() => arrived().length >= 501), "10 seconds")
        for (const { cluster, message } of arrived()) {
          assert.strictEqual(cluster.id.hex, harness.closest(message.key).cluster.id.hex)
        }
        assert.strictEqual(new Set(arrived().map(({ message }) => text(message))).size, 501)
        assert.lengthOf(arrived(), 501)
      }).pipe(Effect.provide(Tcp.layer)))

    it.live(`${size} Nodes that join at once; one dies and two join in the middle of 2,000 confirmed messages`, () =>
      Effect.gen(function*() {
        const harness = yield* makeHarness(realTime)
        yield* harness.during((yield* harness.join()).cluster.ready)
        yield* joinAtOnce(harness, size - 1)
        yield* harness.waitUntil("exact leaf sets", harness.isExact, "10 seconds", "5 millis")

        const victim = harness.members[1]!
        const sending = yield* Effect.forkChild(burst(harness.members[0]!.cluster, "burst", 2000, 32))
        const delivered = (count: number) =>
          Effect.sync(() => harness.members.reduce((sum, member) => sum + member.delivered.length, 0) >= count)
        yield* harness.waitUntil("some are delivered", delivered(300), "10 seconds", "1 millis")
        assert.isUndefined(sending.pollUnsafe())
        yield* harness.kill(victim)
        const before = victim.delivered.length
        yield* joinAtOnce(harness, 2)
        checkBurst(harness, "burst", yield* harness.during(Fiber.join(sending)))
        assert.strictEqual(victim.delivered.length, before, "a dead Node delivers nothing")
        yield* harness.waitUntil("exact leaf sets", harness.isExact, "10 seconds", "5 millis")
        yield* harness.checkCoverage(keys, true)
      }).pipe(Effect.provide(Tcp.layer)))
  }

  it.live("a leave in the middle of confirmed messages closes the gap, and loses and doubles nothing", () =>
    Effect.gen(function*() {
      const harness = yield* makeHarness(realTime)
      yield* joinOneByOne(harness, 4)
      const leaver = harness.members[1]!
      const sending = yield* Effect.forkChild(burst(harness.members[0]!.cluster, "burst", 2000, 32))
      yield* harness.waitUntil("some are delivered", Effect.sync(() => leaver.delivered.length > 50), "10 seconds")
      yield* harness.leave(leaver)
      const receipts = yield* harness.during(Fiber.join(sending))
      checkBurst(harness, "burst", receipts)
      const everywhere = harness.members.flatMap((member) => member.delivered.map(text))
      assert.strictEqual(new Set(everywhere).size, 2000)
      assert.lengthOf(everywhere, 2000, "one that leaves hands over what it has delivered")
      yield* harness.waitUntil("exact leaf sets", harness.isExact, "10 seconds", "5 millis")
      yield* harness.checkCoverage(keys, true)
    }).pipe(Effect.provide(Tcp.layer)))

  it.live.skipIf(!hasIpv6)("Go Wendy defect 24: Nodes at IPv6 addresses form a ring", () =>
    Effect.gen(function*() {
      const harness = yield* makeHarness(realTime)
      const first = yield* harness.start({ localHost: "::1" })
      for (let count = 0; count < 2; count++) {
        const member = yield* harness.start({ localHost: "::1", join: [`[::1]:${first.cluster.address.port}`] })
        yield* harness.during(member.cluster.ready)
      }
      yield* harness.waitUntil("exact leaf sets", harness.isExact, "10 seconds", "5 millis")
      yield* checkWorks(harness, "IPv6")
    }).pipe(Effect.provide(Tcp.layer)))

  it.live("joins through a seed that is a host name, and skips its own address in the list", () =>
    Effect.gen(function*() {
      const harness = yield* makeHarness(realTime)
      const ports = [yield* freePort, yield* freePort]
      const first = yield* harness.start({ port: ports[0], join: [`127.0.0.1:${ports[0]}`] })
      yield* harness.during(first.cluster.ready, "1 second")
      const second = yield* harness.start({
        port: ports[1],
        join: [`127.0.0.1:${ports[1]}`, `localhost:${ports[0]}`]
      })
      yield* harness.during(second.cluster.ready, "2 seconds")
      yield* harness.waitUntil("exact leaf sets", harness.isExact, "10 seconds", "5 millis")
      yield* checkWorks(harness, "by name")
    }).pipe(Effect.provide(Tcp.layer)))

  it.live("skips its own address also under another name for it", () =>
    Effect.gen(function*() {
      const harness = yield* makeHarness(realTime)
      const port = yield* freePort
      const first = yield* harness.start({ port, join: [`localhost:${port}`], config: { seedPatience: 200 } })
      yield* harness.during(first.cluster.ready, "4 seconds")
    }).pipe(Effect.provide(Tcp.layer)))

  it.live("with identical seed lists everywhere the first-listed starts the ring, and the others join it", () =>
    Effect.gen(function*() {
      const harness = yield* makeHarness(realTime)
      const ports = [yield* freePort, yield* freePort, yield* freePort]
      const join = ports.map((port) => `127.0.0.1:${port}`)
      const config = { seedPatience: 500 }
      const others = yield* Effect.forEach([2, 1], (index) => harness.start({ port: ports[index], join, config }))
      const first = yield* harness.start({ port: ports[0], join, config })
      yield* harness.during(first.cluster.ready, "5 seconds")
      yield* harness.during(Effect.forEach(others, ({ cluster }) => cluster.ready), "8 seconds")
      yield* harness.waitUntil("exact leaf sets", harness.isExact, "10 seconds", "5 millis")
      yield* checkWorks(harness, "same list")
      // And the first-listed comes back into the ring that stands, instead of starting another.
      yield* harness.kill(first)
      const again = yield* harness.start({ port: ports[0], join, config: { seedPatience: 0 } })
      yield* harness.during(again.cluster.ready, "5 seconds")
      yield* harness.waitUntil("exact leaf sets", harness.isExact, "10 seconds", "5 millis")
    }).pipe(Effect.provide(Tcp.layer)))

  it.live("Go Wendy defect 28: a Node that starts again with its id on its port joins again and gets its messages", () =>
    Effect.gen(function*() {
      const harness = yield* makeHarness(realTime)
      const id = idOf("8")
      const port = yield* freePort
      yield* harness.during((yield* harness.join({ id: idOf("0") })).cluster.ready)
      yield* harness.during((yield* harness.join({ id: idOf("4") })).cluster.ready)
      const before = yield* harness.join({ id, port })
      yield* harness.during(before.cluster.ready)
      yield* checkWorks(harness, "before")
      const sending = yield* Effect.forkChild(burst(harness.members[0]!.cluster, "burst", 1000, 32))
      yield* harness.waitUntil("some are delivered", Effect.sync(() => before.delivered.length > 100), "10 seconds")
      yield* harness.kill(before)
      const after = yield* harness.join({ id, port })
      yield* harness.during(after.cluster.ready, "8 seconds")
      assert.isTrue(NodeId.equals(after.cluster.id, id))
      assert.isAbove(nodeOf(after.cluster).incarnation, nodeOf(before.cluster).incarnation)
      yield* harness.during(Fiber.join(sending))
      yield* harness.waitUntil("exact leaf sets", harness.isExact, "10 seconds", "5 millis")
      const receipt = yield* harness.during(harness.members[0]!.cluster.sendConfirmed(outgoing(id, "for its own id")))
      assert.strictEqual(receipt.root.hex, id.hex)
      assert.strictEqual(after.delivered.filter((message) => text(message) === "for its own id").length, 1)
      yield* checkWorks(harness, "after")
    }).pipe(Effect.provide(Tcp.layer)))
})
