/** Services: what they are told, and what holds them apart from the applications. Rule C8. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Client from "../src/Client.ts"
import type * as Cluster from "../src/Cluster.ts"
import type { Answer } from "../src/protocol/Frame.ts"
import * as Message from "../src/protocol/Message.ts"
import * as NodeId from "../src/ring/NodeId.ts"
import * as Services from "../src/Services.ts"
import * as Memory from "../src/transport/Memory.ts"
import type { Transport } from "../src/transport/Transport.ts"
import { makeHarness, type Member, outgoing, passing, text } from "./ClusterHarness.ts"

const purpose = 5
const Append = Services.define("Append", purpose)
const bytesOf = (value: string) => new TextEncoder().encode(value)

const setUp = Effect.gen(function*() {
  const harness = yield* makeHarness(passing)
  for (let count = 0; count < 3; count++) yield* harness.during((yield* harness.join()).cluster.ready)
  return harness
})

interface Copy {
  readonly message: Message.Message
  readonly id: Services.MessageId
  readonly done: (answer: Answer) => void
}

/** A service that only notes what it gets. */
const noting = Effect.fnUntraced(
  function*(cluster: Cluster.Cluster["Service"], options: Partial<Services.Service> = {}) {
    const copies: Array<Copy> = []
    yield* Services.of(cluster)!.register({
      purpose,
      allowsClients: false,
      maxDelivering: 10,
      onMessage: (message, id, done) => {
        copies.push({ message, id, done })
        return undefined
      },
      ...options
    })
    return copies
  }
)

const later = Effect.fnUntraced(function*<A, E>(effect: Effect.Effect<A, E>) {
  return yield* Effect.forkChild(effect, { startImmediately: true })
})

/** Longer than a sender waits before it sends again. */
const aWhile = Effect.forEach(Array.from({ length: 100 }), () => passing("100 millis"), { discard: true })

const test = <A, E>(title: string, effect: Effect.Effect<A, E, Scope.Scope | Transport>) =>
  it.effect(title, () => Effect.provide(effect, Memory.layer))

describe("a service", () => {
  test(
    "gets all copies of a message, under one id, and its answer is the sender's",
    Effect.gen(function*() {
      const harness = yield* setUp
      const [from, , to] = harness.members.map(({ cluster }) => cluster)
      const copies = yield* noting(to!)
      const sending = yield* later(from!.sendConfirmed(Append.make(to!.id, bytesOf("one"))))
      yield* aWhile
      assert.isAbove(copies.length, 1)
      assert.lengthOf(
        new Set(copies.map(({ id: { counter, incarnation, origin } }) => `${origin.hex} ${incarnation} ${counter}`)),
        1
      )
      assert.deepStrictEqual(copies.map(({ message }) => text(message)), copies.map(() => "one"))
      assert.strictEqual(copies[0]!.id.origin.hex, from!.id.hex)
      copies.forEach(({ done }) => done(bytesOf("two")))
      assert.deepStrictEqual((yield* harness.during(Fiber.join(sending))).reply, bytesOf("two"))
    })
  )

  test(
    "at the next root gets what the one before it still worked on when it left, and nobody calls it delivered",
    Effect.gen(function*() {
      const harness = yield* setUp
      const [from, first] = harness.members
      const copies = new Map<Member, Array<Copy>>()
      for (const member of harness.members) copies.set(member, yield* noting(member.cluster))
      const sending = yield* later(from!.cluster.sendConfirmed(Append.make(first!.cluster.id, bytesOf("one"))))
      yield* passing("100 millis")
      const [before] = copies.get(first!)!
      yield* harness.leave(first!)
      const next = harness.closest(first!.cluster.id)
      const after = copies.get(next)!
      yield* harness.waitUntil("a copy reaches the next root", Effect.sync(() => after.length > 0))
      assert.isUndefined(sending.pollUnsafe())
      assert.deepStrictEqual([after[0]!.id.origin.hex, after[0]!.id.counter], [
        before!.id.origin.hex,
        before!.id.counter
      ])
      after.forEach(({ done }) => done(bytesOf("two")))
      assert.strictEqual((yield* harness.during(Fiber.join(sending))).root.hex, next.cluster.id.hex)
    })
  )

  test(
    "works on so many at once as it says, and holds up no application",
    Effect.gen(function*() {
      const harness = yield* setUp
      const [from, , to] = harness.members.map(({ cluster }) => cluster)
      const copies = yield* noting(to!, { maxDelivering: 2 })
      const counters = () => new Set(copies.map(({ id }) => id.counter)).size
      const sendings = yield* Effect.forEach(
        ["1", "2", "3"],
        (value) => later(from!.sendConfirmed(Append.make(to!.id, bytesOf(value))))
      )
      yield* passing("100 millis")
      assert.strictEqual(counters(), 2)
      yield* harness.during(from!.sendConfirmed(outgoing(to!.id, "chat")), "1 second")
      copies[0]!.done(bytesOf("done"))
      yield* harness.waitUntil("the third has room", Effect.sync(() => counters() === 3), "1 second")
      const answered = new Set([copies[0]!])
      yield* harness.waitUntil(
        "all have their receipts",
        Effect.sync(() => {
          for (const copy of copies) {
            if (!answered.has(copy)) copy.done(bytesOf("done"))
            answered.add(copy)
          }
          return sendings.every((sending) => sending.pollUnsafe() !== undefined)
        })
      )
      for (const sending of sendings) assert.isTrue(Exit.isSuccess(sending.pollUnsafe()!))
    })
  )

  test(
    "may answer at once; without it, or once its scope is closed, a message has failed",
    Effect.gen(function*() {
      const harness = yield* setUp
      const [from, , to] = harness.members.map(({ cluster }) => cluster)
      const send = harness.during(Effect.exit(from!.sendConfirmed(Append.make(to!.id, bytesOf("a")))))
      const reasonOf = (exit: Effect.Success<typeof send>) =>
        Exit.isSuccess(exit) ? exit.value.reply : (Cause.squash(exit.cause) as Message.WendyDeliveryError).reason._tag
      assert.strictEqual(reasonOf(yield* send), "DeliveryFailed")
      const during = Effect.scoped(
        Effect.andThen(noting(to!, { onMessage: ({ value }) => value, maxDelivering: 1 }), Effect.all([send, send]))
      )
      assert.deepStrictEqual((yield* during).map(reasonOf), [bytesOf("a"), bytesOf("a")])
      assert.strictEqual(reasonOf(yield* send), "DeliveryFailed")
    })
  )

  test(
    "that goes leaves nobody waiting for it",
    Effect.gen(function*() {
      const harness = yield* setUp
      const [from, , to] = harness.members.map(({ cluster }) => cluster)
      const send = later(Effect.exit(from!.sendConfirmed(Append.make(to!.id, bytesOf("a")))))
      const waiting = yield* Effect.scoped(Effect.gen(function*() {
        yield* noting(to!, { maxDelivering: 1 })
        yield* send
        const second = yield* send
        yield* passing("100 millis")
        return second
      }))
      const exit = yield* harness.during(Fiber.join(waiting), "500 millis")
      assert.isTrue(
        Exit.isFailure(exit) &&
          (Cause.squash(exit.cause) as Message.WendyDeliveryError).reason._tag === "DeliveryFailed"
      )
    })
  )

  test(
    "decides whether clients may send to it",
    Effect.gen(function*() {
      const harness = yield* setUp
      const [one, two] = harness.members
      const client = yield* Client.make({ to: [harness.addressOf(one!)] })
      yield* harness.during(client.connected)
      const send = (purpose: number) =>
        harness.during(
          Effect.exit(client.sendConfirmed(Services.define("x", purpose).make(two!.cluster.id, bytesOf("a"))))
        )
      // What its gateway has decides, and then what the root has.
      for (const { cluster } of [one!, two!]) {
        yield* noting(cluster, { purpose: 5, onMessage: () => "delivered" })
        yield* noting(cluster, { purpose: 6, onMessage: () => "delivered", allowsClients: true })
      }
      const outcomes = [yield* send(5), yield* send(6), yield* send(7)].map((exit) =>
        Exit.isSuccess(exit) ? "delivered" : (Cause.squash(exit.cause) as Message.WendyDeliveryError).reason._tag
      )
      assert.deepStrictEqual(outcomes, ["Forbidden", "NoReply", "Forbidden"])
    })
  )

  test(
    "has its purpose to itself, which is none of an application and none of the overlay",
    Effect.gen(function*() {
      const harness = yield* setUp
      const { cluster } = harness.members[0]!
      yield* noting(cluster)
      for (const purpose of [5, 0, Message.lowestPurpose]) {
        const exit = yield* Effect.exit(noting(cluster, { purpose }))
        assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause), `${purpose}`)
      }
      const plain = yield* Effect.flip(cluster.send({ key: NodeId.zero, purpose: 5, value: new Uint8Array() }))
      assert.strictEqual(plain.reason._tag, "BadPurpose")
      assert.isUndefined(Services.of({}))
    })
  )
})
