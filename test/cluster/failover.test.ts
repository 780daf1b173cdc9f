import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type * as Cluster from "../../src/Cluster.ts"
import { defaults } from "../../src/protocol/ClusterConfig.ts"
import type { WendyDeliveryError } from "../../src/protocol/Message.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as Memory from "../../src/transport/Memory.ts"
import { makeHarness, type Member, outgoing, passing, text } from "../ClusterHarness.ts"
import {
  burst,
  checkBurst,
  checkWorks,
  collectEvents,
  countDelivered,
  evenIds,
  failure,
  type Harness,
  hostOf,
  idOf,
  keys,
  startOn
} from "./Rig.ts"

const startMachines = Effect.fnUntraced(function*(harness: Harness, size: number, options: Cluster.Options = {}) {
  for (const [index, id] of evenIds(size).entries()) {
    yield* harness.during((yield* startOn(harness, index, { ...options, id })).cluster.ready)
  }
  yield* harness.waitUntil("exact leaf sets", harness.isExact)
})

const { lease, margin, probe, probeRetries, renewal } = defaults
const suspicion = renewal + (1 + probeRetries) * probe
const takeover = suspicion + lease + margin + 3 * probe

/** A test on machines that can be silenced, under TestClock. */
const onMachines = (
  title: string,
  body: (harness: Harness, network: Memory.Network["Service"]) => Effect.Effect<void, unknown, Memory.Network>
) =>
  it.effect(title, () =>
    Effect.gen(function*() {
      yield* body(yield* makeHarness(passing), yield* Memory.Network)
    }).pipe(Effect.provide(Layer.fresh(Memory.layerNetwork))))

describe("a silenced host", () => {
  for (const size of [3, 8]) {
    onMachines(`${size} Nodes: its keys pass to its neighbours in time, are never two Nodes', and it comes back`, (
      harness,
      network
    ) =>
      Effect.scoped(Effect.gen(function*() {
        yield* startMachines(harness, size)
        const victim = harness.members[1]!
        const owned = keys.filter((key) => harness.closest(key) === victim)
        assert.isAbove(owned.length, 3)
        const observed = yield* Effect.forEach(harness.members, ({ cluster }) => collectEvents(cluster))
        const silencedAt = yield* Clock.currentTimeMillis
        yield* network.silence(hostOf(victim))

        const since = Effect.map(Clock.currentTimeMillis, (now) => now - silencedAt)
        let uncoveredAt: number | undefined
        let suspectedAt: number | undefined
        let takenAt: number | undefined
        const others = harness.members.filter((member) => member !== victim)
        const coveredBy = (members: ReadonlyArray<Member>) =>
          Effect.forEach(owned, (key) =>
            Effect.map(
              Effect.forEach(members, ({ cluster }) => cluster.covers(key)),
              (covers) => covers.filter(Boolean).length
            ))
        while (takenAt === undefined) {
          yield* passing("100 millis")
          yield* harness.checkCoverage(keys, false)
          const now = yield* since
          assert.isAtMost(now, takeover, "its keys are answered again in time")
          if (uncoveredAt === undefined && (yield* coveredBy([victim])).every((count) => count === 0)) uncoveredAt = now
          if (
            observed.some((events, index) =>
              harness.members[index] !== victim &&
              events.some((event) => event._tag === "NodeExited" && event.node.hex === victim.cluster.id.hex)
            )
          ) suspectedAt ??= now
          if ((yield* coveredBy(others)).every((count) => count === 1)) takenAt = now
        }
        assert.isAtMost(suspectedAt ?? Infinity, suspicion + 100, "suspected within the probe times")
        assert.isAtMost(uncoveredAt ?? Infinity, lease + 100, "it stops to answer when its leases have run out")
        assert.isBelow(uncoveredAt!, takenAt)
        assert.isFalse(yield* victim.cluster.isReady)

        yield* network.restore(hostOf(victim))
        yield* harness.waitUntil("it is back", victim.cluster.isReady, "15 seconds", "100 millis")
        // Who counted as failed is believed again after four leases at the latest: the leaf sets may take that long.
        yield* harness.waitUntil("the ring is exact", harness.isExact, 4 * lease + 20_000, "100 millis")
        yield* harness.checkCoverage(keys, true)
        yield* checkWorks(harness, "all together again")
      })))
  }

  for (const size of [3, 8]) {
    onMachines(`${size} Nodes: a silence of a minute, in which it may start a ring of its own, ends in one ring`, (
      harness,
      network
    ) =>
      Effect.gen(function*() {
        yield* startMachines(harness, size)
        const victim = harness.members[1]!
        yield* network.silence(hostOf(victim))
        for (let second = 0; second < 60; second++) yield* passing("1 second")
        yield* network.restore(hostOf(victim))
        yield* harness.waitUntil("one ring", harness.isExact, 4 * lease + 20_000, "100 millis")
        yield* harness.checkCoverage(keys, true)
        yield* checkWorks(harness, "all together again")
      }))
  }

  onMachines(
    "a short silence costs nothing: nobody loses keys, nobody is taken for dead for good",
    (harness, network) =>
      Effect.gen(function*() {
        yield* startMachines(harness, 5)
        const victim = harness.members[2]!
        yield* network.silence(hostOf(victim))
        yield* passing("1500 millis")
        yield* network.restore(hostOf(victim))
        yield* harness.waitUntil("the ring is exact", harness.isExact, "30 seconds", "100 millis")
        for (let step = 0; step < 150; step++) {
          yield* passing("100 millis")
          yield* harness.checkCoverage(keys, false)
        }
        yield* harness.waitUntil("the ring is exact", harness.isExact, "30 seconds", "100 millis")
        yield* harness.checkCoverage(keys, true)
      })
  )

  onMachines(
    "a confirmed message for a silenced host's key waits, and is delivered once",
    (harness, network) =>
      Effect.gen(function*() {
        yield* startMachines(harness, 5)
        const victim = harness.members[2]!
        yield* network.silence(hostOf(victim))
        const receipts = yield* harness.during(burst(harness.members[0]!.cluster, "burst", 200, 200), "60 seconds")
        assert.isFalse(receipts.some(({ root }) => root.hex === victim.cluster.id.hex))
        yield* network.restore(hostOf(victim))
        yield* harness.waitUntil("the ring is exact", harness.isExact, "60 seconds", "100 millis")
        yield* passing("10 seconds")
        checkBurst(harness, "burst", receipts)
        assert.strictEqual(countDelivered(harness.members, "burst").size, 200)
      })
  )

  onMachines(
    "a confirmed message whose root is lost between the end of its handler and the receipt is handled at the next root, too",
    (harness, network) =>
      Effect.gen(function*() {
        const handled: Array<string> = []
        yield* startMachines(harness, 4, { application: undefined })
        const victim = harness.members[2]!
        for (const member of harness.members) {
          yield* member.cluster.register({
            onDeliver: () =>
              Effect.andThen(
                Effect.sync(() => handled.push(member.cluster.id.hex)),
                member === victim ? network.silence(hostOf(victim)) : Effect.void
              )
          })
        }
        const sender = harness.members[0]!.cluster
        const { root } = yield* harness.during(sender.sendConfirmed(outgoing(victim.cluster.id, "one")))
        yield* passing("10 seconds")
        // At least once, and at each root once: none of its copies is handled there again.
        assert.deepStrictEqual(handled, [victim.cluster.id.hex, root.hex])
        assert.notStrictEqual(root.hex, victim.cluster.id.hex)
      }).pipe(Effect.scoped)
  )

  onMachines(
    "two hosts that cannot reach each other, neighbours, while all others reach both",
    (harness, network) =>
      Effect.gen(function*() {
        yield* startMachines(harness, 8)
        const [a, b] = [harness.members[3]!, harness.members[4]!]
        yield* network.cut(hostOf(a), hostOf(b))
        const sending = yield* Effect.forkChild(burst(harness.members[0]!.cluster, "burst", 200, 200))
        for (let step = 0; step < 300; step++) {
          yield* passing("100 millis")
          yield* harness.checkCoverage(keys, false)
        }
        yield* network.heal(hostOf(a), hostOf(b))
        yield* harness.waitUntil("the ring is exact", harness.isExact, "60 seconds", "100 millis")
        yield* harness.checkCoverage(keys, true)
        yield* harness.during(Fiber.join(sending))
      })
  )
})

describe("crashes at hard moments", () => {
  onMachines("two adjacent Nodes of 16 die at one instant", (harness) =>
    Effect.gen(function*() {
      yield* startMachines(harness, 16)
      const sending = yield* Effect.forkChild(burst(harness.members[0]!.cluster, "burst", 1000, 32), {
        startImmediately: true
      })
      yield* harness.waitUntil(
        "some are delivered",
        Effect.sync(() => harness.members[5]!.delivered.length > 3),
        1000,
        1
      )
      yield* harness.kill(harness.members[5]!)
      yield* harness.kill(harness.members[6]!)
      const startedAt = yield* Clock.currentTimeMillis
      while (!(yield* harness.isExact)) {
        yield* passing("100 millis")
        yield* harness.checkCoverage(keys, false)
        assert.isBelow((yield* Clock.currentTimeMillis) - startedAt, 30_000)
      }
      checkBurst(harness, "burst", yield* harness.during(Fiber.join(sending)))
      yield* harness.waitUntil(
        "all keys are covered",
        Effect.map(
          Effect.forEach(keys, (key) => harness.closest(key).cluster.covers(key)),
          (covered) => covered.every(Boolean)
        ),
        lease + margin + 3 * probe
      )
      yield* harness.checkCoverage(keys, true)
      yield* checkWorks(harness, "after")
    }))

  for (const victim of ["the gap owner", "the successor", "the joiner"] as const) {
    for (const steps of [0, 1, 2, 3, 5, 8, 13, 21]) {
      onMachines(`a crash of ${victim} ${steps} turns into a join`, (harness) =>
        Effect.gen(function*() {
          yield* startMachines(harness, 4)
          const sending = yield* Effect.forkChild(burst(harness.members[0]!.cluster, "burst", 200, 16))
          // Between 4000… and 8000….
          const joiner = yield* startOn(harness, 9, { id: idOf("6") })
          for (let step = 0; step < steps; step++) yield* Effect.yieldNow
          const member = {
            "the gap owner": harness.members[1]!,
            "the successor": harness.members[2]!,
            "the joiner": joiner
          }
          yield* harness.kill(member[victim])
          if (victim !== "the joiner") yield* harness.during(joiner.cluster.ready, "30 seconds")
          yield* harness.waitUntil("the ring is exact", harness.isExact, "60 seconds", "100 millis")
          checkBurst(harness, "burst", yield* harness.during(Fiber.join(sending)))
          yield* harness.waitUntil(
            "all keys are covered",
            Effect.map(
              Effect.forEach(keys, (key) => harness.closest(key).cluster.covers(key)),
              (covered) => covered.every(Boolean)
            ),
            lease + margin + 3 * probe
          )
          yield* harness.checkCoverage(keys, true)
        }))
    }
  }
})

describe("a receipt that is lost while the key changes hands", () => {
  let begun = 0
  const application = {
    onDeliver: () =>
      Effect.suspend(() => {
        begun++
        return Effect.sleep("50 millis")
      })
  }

  /** The sender and the root cannot reach each other from the moment at which delivery begins: the receipt is lost. */
  const loseReceipt = Effect.fnUntraced(function*(
    harness: Harness,
    network: Memory.Network["Service"],
    key: NodeId.NodeId
  ) {
    begun = 0
    const root = harness.closest(key)
    const sender = harness.living().find((member) => member !== root)!
    const sending = yield* Effect.forkChild(
      sender.cluster.sendConfirmed(outgoing(key, "once"), { deadline: "90 seconds" }),
      { startImmediately: true }
    )
    yield* harness.waitUntil("it is being delivered", Effect.sync(() => begun === 1), 1000, 1)
    yield* network.cut(hostOf(sender), hostOf(root))
    yield* passing("60 millis")
    assert.isUndefined(sending.pollUnsafe())
    return { root, sending }
  })

  onMachines(
    "a root that leaves has told its successor: the copy is confirmed, not delivered",
    (harness, network) =>
      Effect.gen(function*() {
        yield* startMachines(harness, 4, { application })
        const key = NodeId.add(harness.members[2]!.cluster.id, idOf("01"))
        const { root, sending } = yield* loseReceipt(harness, network, key)
        assert.strictEqual(root, harness.members[2])
        yield* harness.leave(root)
        const receipt = yield* harness.during(Fiber.join(sending), "90 seconds")
        assert.strictEqual(receipt.root.hex, harness.closest(key).cluster.id.hex)
        assert.strictEqual(begun, 1)
      })
  )

  onMachines(
    "a root that shrinks has told the joiner: the copy is confirmed, not delivered",
    (harness, network) =>
      Effect.gen(function*() {
        yield* startMachines(harness, 4, { application })
        const key = NodeId.add(harness.members[2]!.cluster.id, idOf("01"))
        const { sending } = yield* loseReceipt(harness, network, key)
        const joiner = yield* startOn(harness, 9, { id: key, application })
        yield* harness.during(joiner.cluster.ready)
        const receipt = yield* harness.during(Fiber.join(sending), "90 seconds")
        assert.strictEqual(receipt.root.hex, key.hex)
        assert.strictEqual(begun, 1)
      })
  )
})

describe("applications", () => {
  const startOne = Effect.fnUntraced(function*(harness: Harness, options: Cluster.Options) {
    const member = yield* startOn(harness, 1, options)
    yield* harness.during(member.cluster.ready)
    return member
  })

  const cases: ReadonlyArray<readonly [string, Effect.Effect<void, unknown>]> = [
    ["fails", Effect.fail("no")],
    ["dies", Effect.die(new Error("a bug"))],
    ["never returns", Effect.never],
    ["is interrupted", Effect.interrupt]
  ]
  for (const [what, onDeliver] of cases) {
    onMachines(
      `onDeliver that ${what}: DeliveryFailed at the sender, and the Node goes on`,
      (harness) =>
        Effect.gen(function*() {
          const isBad = (word: string) => word.startsWith("bad")
          let called = 0
          yield* startMachines(harness, 3, {
            application: {
              onDeliver: (message) => {
                called++
                return isBad(text(message)) ? onDeliver : Effect.void
              }
            }
          })
          for (const { cluster } of harness.members) {
            for (const key of keys.slice(0, 5)) {
              const before = called
              const startedAt = yield* Clock.currentTimeMillis
              const error = yield* Effect.flip(
                harness.during(cluster.sendConfirmed(outgoing(key, "bad")), "20 seconds")
              )
              const took = (yield* Clock.currentTimeMillis) - startedAt
              assert.strictEqual((error as WendyDeliveryError).reason._tag, "DeliveryFailed")
              assert.include(error.message, harness.closest(key).cluster.id.hex)
              if (what === "never returns") assert.isAtLeast(took, defaults.deliverTimeout)
              else assert.isBelow(took, 1000)
              assert.strictEqual(called, before + 1, "it is called once, also when the sender sends again meanwhile")
              yield* harness.during(cluster.sendConfirmed(outgoing(key, "good")))
            }
          }
        })
    )
  }

  onMachines(
    "onDeliver that throws instead of returning an effect: DeliveryFailed, and the Node goes on",
    (harness) =>
      Effect.gen(function*() {
        const member = yield* startOne(harness, {
          application: {
            onDeliver: (message) => {
              if (text(message) === "bad") throw new Error("a bug")
              return Effect.void
            }
          }
        })
        const error = yield* failure(harness, member.cluster.sendConfirmed(outgoing("key", "bad")))
        assert.strictEqual((error as WendyDeliveryError).reason._tag, "DeliveryFailed")
        yield* harness.during(member.cluster.sendConfirmed(outgoing("key", "good")))
      })
  )

  onMachines(
    "a consumer of the deliveries gets every message in the order of arrival",
    (harness) =>
      Effect.scoped(Effect.gen(function*() {
        yield* startMachines(harness, 3)
        const [sender, root] = harness.members
        const taken: Array<string> = []
        const late: Array<string> = []
        yield* Effect.forkScoped(
          Stream.runForEach(root!.cluster.deliveries, (message) => Effect.sync(() => taken.push(text(message)))),
          { startImmediately: true }
        )
        const key = root!.cluster.id
        const words = Array.from({ length: 3000 }, (_, index) => `word ${index}`)
        for (const word of words.slice(0, 1500)) yield* sender!.cluster.send(outgoing(key, word))
        yield* harness.waitUntil("half has come", Effect.sync(() => taken.length === 1500))
        yield* Effect.forkScoped(
          Stream.runForEach(root!.cluster.deliveries, (message) => Effect.sync(() => late.push(text(message)))),
          { startImmediately: true }
        )
        for (const word of words.slice(1500)) yield* sender!.cluster.send(outgoing(key, word))
        yield* harness.waitUntil("all have come", Effect.sync(() => taken.length === 3000 && late.length === 1500))
        assert.deepStrictEqual(taken, words)
        assert.deepStrictEqual(late, words.slice(1500))
        assert.deepStrictEqual(root!.delivered.map(text), words)
      }))
  )

  onMachines(
    "a consumer that lags holds up deliveries, and loses none",
    (harness) =>
      Effect.scoped(Effect.gen(function*() {
        const member = yield* startOne(harness, { config: { maxDelivering: 16 } })
        const taken: Array<string> = []
        yield* Effect.forkScoped(
          Stream.runForEach(
            member.cluster.deliveries,
            (message) => Effect.andThen(Effect.sleep("10 millis"), Effect.sync(() => taken.push(text(message))))
          ),
          { startImmediately: true }
        )
        const receipts = yield* harness.during(burst(member.cluster, "burst", 500, 500))
        assert.lengthOf(receipts, 500)
        yield* harness.waitUntil("all have come", Effect.sync(() => taken.length === 500))
        assert.strictEqual(new Set(taken).size, 500)
      }))
  )

  onMachines("onNewLeaves, onNodeJoin, onNodeExit and onError are called in order; one that fails harms only itself", (
    harness
  ) =>
    Effect.gen(function*() {
      const calls: Array<string> = []
      const note = (call: string) => Effect.sync(() => calls.push(call))
      const first = yield* startOn(harness, 1, {
        id: idOf("0"),
        application: {
          onNewLeaves: (left, right) => note(`leaves ${left.length} ${right.length}`),
          onNodeJoin: (node) => Effect.andThen(note(`join ${node.hex[0]}`), Effect.die("a bug")),
          onNodeExit: (node, reason) => note(`exit ${node.hex[0]} ${reason}`),
          onError: (error) => note(`error ${error._tag}`)
        }
      })
      yield* harness.during(first.cluster.ready)
      const second = yield* startOn(harness, 2, { id: idOf("4") })
      yield* harness.during(second.cluster.ready)
      const third = yield* startOn(harness, 3, { id: idOf("8") })
      yield* harness.during(third.cluster.ready)
      yield* harness.leave(second)
      yield* harness.kill(third)
      yield* harness.waitUntil("the exit is told", Effect.sync(() => calls.includes("exit 8 failed")))
      const stranger = yield* startOn(harness, 4, { cluster: "other" })
      yield* failure(harness, stranger.cluster.ready)
      yield* harness.waitUntil("the error is told", Effect.sync(() => calls.includes("error Refused")))
      assert.deepStrictEqual(calls.filter((call) => !call.startsWith("leaves")), [
        "join 4",
        "error CallbackFailed",
        "join 8",
        "error CallbackFailed",
        "exit 4 left",
        "exit 8 failed",
        "error Refused"
      ])
      assert.deepStrictEqual(
        calls.filter((call) => call.startsWith("leaves")),
        ["leaves 1 1", "leaves 2 2", "leaves 1 1", "leaves 0 0"]
      )
    }))

  onMachines(
    "a callback that throws instead of returning an effect harms only itself",
    (harness) =>
      Effect.gen(function*() {
        const calls: Array<string> = []
        const first = yield* startOne(harness, {
          application: {
            onNodeJoin: (node) => {
              calls.push(`join ${node.hex[0]}`)
              throw new Error("a bug")
            },
            onNodeExit: (node) => Effect.sync(() => calls.push(`exit ${node.hex[0]}`))
          }
        })
        assert.isTrue(yield* first.cluster.isReady)
        const second = yield* startOn(harness, 2, { id: idOf("4") })
        yield* harness.during(second.cluster.ready)
        yield* harness.kill(second)
        yield* harness.waitUntil("the exit is told", Effect.sync(() => calls.includes("exit 4")))
        assert.deepStrictEqual(calls, ["join 4", "exit 4"])
      })
  )

  onMachines("nothing is lost when the root is busy: tiny bounds, a slow application, 500 confirmed messages", (
    harness
  ) =>
    Effect.gen(function*() {
      let working = 0
      let most = 0
      const delivered: Array<string> = []
      const config = { maxCustody: 4, maxDelivering: 2, window: 8, maxOwn: 32 }
      const application = {
        onDeliver: Effect.fnUntraced(function*(message: Parameters<typeof text>[0]) {
          working++
          most = Math.max(most, working)
          yield* Effect.sleep("5 millis")
          working--
          delivered.push(text(message))
        })
      }
      yield* startMachines(harness, 3, { config, application })
      const key = harness.members[2]!.cluster.id
      const words = Array.from({ length: 500 }, (_, index) => `word ${index}`)
      const receipts = yield* harness.during(
        Effect.forEach(words, (word, index) =>
          harness.members[index % 2]!.cluster.sendConfirmed(outgoing(key, word), { deadline: "5 minutes" }), {
          concurrency: "unbounded"
        }),
        "4 minutes"
      )
      assert.isTrue(receipts.every(({ root }) =>
        NodeId.equals(root, key)
      ))
      assert.isAtMost(most, 2)
      assert.lengthOf(delivered, 500, "each once")
      assert.sameMembers(delivered, words)
    }))

  onMachines(
    "a deadline that passes is said, and the late delivery is no second one",
    (harness) =>
      Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        let called = 0
        const member = yield* startOne(harness, {
          application: {
            onDeliver: () =>
              Effect.suspend(() => {
                called++
                return Deferred.await(gate)
              })
          }
        })
        const sent = member.cluster.sendConfirmed(outgoing("key", "value"), { deadline: "3 seconds" })
        const error = yield* failure(harness, sent)
        assert.strictEqual((error as WendyDeliveryError).reason._tag, "Deadline")
        yield* Deferred.succeed(gate, undefined)
        yield* passing("5 seconds")
        assert.strictEqual(called, 1)
      })
  )
})

describe("a network that is cut in two", () => {
  onMachines(
    "each half is a ring of its own, and one ring again when it heals",
    (harness, network) =>
      Effect.gen(function*() {
        yield* startMachines(harness, 6)
        const isIn = (member: Member) => harness.members.indexOf(member) % 3 !== 0
        const halves = [harness.members.filter(isIn), harness.members.filter((member) => !isIn(member))]
        const pairs = halves[0]!.flatMap((one) => halves[1]!.map((other) => [hostOf(one), hostOf(other)] as const))
        for (const [one, other] of pairs) yield* network.cut(one, other)

        const coverers = (half: ReadonlyArray<Member>, key: NodeId.NodeId) =>
          Effect.map(
            Effect.forEach(half, ({ cluster }) => cluster.covers(key)),
            (covers) => covers.filter(Boolean).length
          )
        const isWhole = (half: ReadonlyArray<Member>) =>
          Effect.map(
            Effect.forEach(keys, (key) => coverers(half, key)),
            (counts) => counts.every((count) => count === 1)
          )
        for (const half of halves) {
          yield* harness.waitUntil("each half answers for all keys", isWhole(half), "2 minutes")
        }

        for (const [one, other] of pairs) {
          yield* network.heal(one, other)
        }
        // Leaf sets may be exact before the rings are one.
        yield* harness.waitUntil("every key has one owner", isWhole(harness.members), "4 minutes", "100 millis")
        yield* harness.waitUntil("one ring with exact leaf sets", harness.isExact, "4 minutes", "100 millis")
        yield* harness.checkCoverage(keys, true)
        yield* checkWorks(harness, "after the cut")
      })
  )
})
