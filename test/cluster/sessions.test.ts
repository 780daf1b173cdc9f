import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Cluster from "../../src/Cluster.ts"
import type { Session } from "../../src/protocol/Session.ts"
import * as SimulatedNetwork from "../../src/simulation/SimulatedNetwork.ts"
import * as Simulator from "../../src/simulation/Simulator.ts"
import { kill } from "../../src/testing.ts"
import * as Memory from "../../src/transport/Memory.ts"
import * as Tcp from "../../src/transport/Tcp.ts"
import type { Transport } from "../../src/transport/Transport.ts"
import { reasonOf, two } from "./Rig.ts"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (message: Uint8Array): string => new TextDecoder().decode(message)

/** A session between the two, and its other end, which nobody reads until somebody does. */
const open = Effect.fnUntraced(function*(from: Cluster.Cluster["Service"], to: Cluster.Cluster["Service"]) {
  const there = yield* Deferred.make<Session>()
  yield* to.acceptSessions({
    name: "test",
    onSession: (session) =>
      Effect.andThen(Deferred.succeed(there, session), Effect.andThen(Effect.exit(session.ended), Effect.never))
  })
  const session = yield* from.openSession(yield* to.node, "test")
  return [session, yield* Deferred.await(there)] as const
})

const words = Array.from({ length: 20_000 }, (_, index) => `message ${index}`)

for (
  const [name, layer] of [
    ["memory", Memory.layer],
    ["TCP", Tcp.layer]
  ] as const
) {
  describe(`sessions between Nodes (${name})`, () => {
    const test = <A, E>(title: string, effect: Effect.Effect<A, E, Scope.Scope | Transport>) =>
      it.live(title, () => effect.pipe(Effect.scoped, Effect.provide(layer)))

    test(
      "20,000 messages each way come in order, each once; the stream ends with the session",
      Effect.gen(function*() {
        const [one, other] = yield* two
        const [session, there] = yield* open(one, other)
        const all = (end: Session) => end.messages.pipe(Stream.take(words.length), Stream.map(text), Stream.runCollect)
        const received = yield* Effect.forkScoped(Effect.all([all(session), all(there)], { concurrency: 2 }))
        yield* Effect.all([session, there].map(({ sendAll }) => sendAll(words.map(bytes))), { concurrency: 2 })
        assert.deepStrictEqual(yield* Fiber.join(received), [words, words])
        yield* session.drained
        yield* session.end
        assert.deepStrictEqual(yield* Stream.runCollect(there.messages), [])
        yield* there.ended
        assert.strictEqual(yield* reasonOf(there.receive), "Ended")
      })
    )

    test(
      "who sends waits while the other end takes nothing, and goes on when it does",
      Effect.gen(function*() {
        const [one, other] = yield* two
        const [session, there] = yield* open(one, other)
        const sent = yield* Effect.forkScoped(session.sendAll(words.map(bytes)))
        const seen: Array<string> = []
        while (seen.length < words.length) {
          const some = yield* there.receive
          // A window, and what is in line behind it, is all that ever goes unasked.
          assert.isAtMost(some.length, 1024)
          seen.push(...some.map(text))
        }
        assert.deepStrictEqual(seen, words)
        yield* Fiber.join(sent)
      })
    )

    test(
      "a large message goes alone, and one that is too large is refused without harm",
      Effect.gen(function*() {
        const [one, other] = yield* two
        const [session, there] = yield* open(one, other)
        assert.strictEqual(yield* reasonOf(session.send(new Uint8Array(2 ** 20 + 1))), "TooLarge")
        yield* session.send(new Uint8Array(2 ** 20).fill(7))
        const [message] = yield* there.receive
        assert.strictEqual(message!.length, 2 ** 20)
        assert.isTrue(message!.every((byte) => byte === 7))
      })
    )

    test(
      "the crash of the other end ends it, and says how much was taken",
      Effect.gen(function*() {
        const [one, other] = yield* two
        const [session, there] = yield* open(one, other)
        yield* session.sendAll(["a", "b"].map(bytes))
        const seen: Array<Uint8Array> = []
        while (seen.length < 2) seen.push(...(yield* there.receive))
        yield* session.drained
        yield* session.send(bytes("c"))
        yield* kill(other)
        const error = yield* Effect.flip(session.ended)
        assert.deepStrictEqual([error.reason._tag, error.sent, error.taken], ["Broken", 3, 2])
        assert.isTrue(error.retryable)
        assert.strictEqual(yield* reasonOf(session.send(bytes("d"))), "Broken")
        assert.strictEqual(yield* reasonOf(session.receive), "Broken")
        assert.strictEqual(yield* reasonOf(session.drained), "Broken")
      })
    )
  })
}

describe("sessions: who accepts them", () => {
  const test = <A, E>(title: string, effect: Effect.Effect<A, E, Scope.Scope | Transport>) =>
    it.live(title, () => effect.pipe(Effect.scoped, Effect.provide(Memory.layer)))

  test(
    "nobody: Refused; a Node that is no more: Unreachable; a name that is taken, or too long: an error",
    Effect.gen(function*() {
      const [one, other] = yield* two
      const node = yield* other.node
      assert.strictEqual(yield* reasonOf(Effect.scoped(one.openSession(node, "chess"))), "Refused")
      assert.strictEqual(yield* reasonOf(Effect.scoped(one.openSession(node, "n".repeat(65)))), "Refused")
      yield* other.acceptSessions({ name: "chess", onSession: () => Effect.void })
      const taken = yield* Effect.flip(other.acceptSessions({ name: "chess", onSession: () => Effect.void }))
      assert.match(taken.message, /"chess"/)
      const empty = yield* Effect.flip(other.acceptSessions({ name: "", onSession: () => Effect.void }))
      assert.match(empty.message, /1 to 64/)
      yield* kill(other)
      // Until it is known to be gone, there may be links to it.
      yield* reasonOf(Effect.scoped(one.openSession(node, "chess"))).pipe(
        Effect.tap((reason) => Effect.sync(() => assert.include(["Broken", "Unreachable"], reason))),
        Effect.repeat({ until: (reason) => reason === "Unreachable", times: 10 }),
        Effect.map((reason) => assert.strictEqual(reason, "Unreachable"))
      )
    })
  )

  test(
    "a Node has sessions with itself",
    Effect.gen(function*() {
      const one = yield* Cluster.make()
      const [session, there] = yield* open(one, one)
      yield* session.sendAll(words.slice(0, 3000).map(bytes)).pipe(Effect.forkScoped)
      const seen: Array<string> = []
      while (seen.length < 3000) seen.push(...(yield* there.receive).map(text))
      assert.deepStrictEqual(seen, words.slice(0, 3000))
      yield* there.end
      yield* session.ended
    })
  )

  test(
    "whoever takes it fails: the other end is told Aborted; is done: it ends; the acceptor goes: it ends",
    Effect.gen(function*() {
      const [one, other] = yield* two
      const node = yield* other.node
      yield* other.acceptSessions({ name: "fails", onSession: () => Effect.fail("no") })
      assert.strictEqual(yield* reasonOf((yield* one.openSession(node, "fails")).ended), "Aborted")
      yield* other.acceptSessions({ name: "dies", onSession: () => Effect.die("no") })
      assert.strictEqual(yield* reasonOf((yield* one.openSession(node, "dies")).ended), "Aborted")
      yield* other.acceptSessions({ name: "is done", onSession: ({ send }) => send(bytes("so it is")) })
      const session = yield* one.openSession(node, "is done")
      assert.deepStrictEqual((yield* Stream.runCollect(session.messages)).map(text), ["so it is"])
      const acceptor = yield* Scope.make()
      yield* other.acceptSessions({ name: "goes", onSession: () => Effect.never }).pipe(
        Effect.provideService(Scope.Scope, acceptor)
      )
      const gone = yield* one.openSession(node, "goes")
      yield* Scope.close(acceptor, Exit.void)
      yield* gone.ended
    })
  )

  test(
    "it ends with the scope of who opened it, after what was in line",
    Effect.gen(function*() {
      const [one, other] = yield* two
      const seen = yield* Deferred.make<ReadonlyArray<string>>()
      yield* other.acceptSessions({
        name: "notes",
        onSession: ({ messages }) =>
          Effect.flatMap(Stream.runCollect(messages), (all) => Deferred.succeed(seen, all.map(text)))
      })
      yield* Effect.scoped(
        Effect.flatMap(
          Effect.flatMap(other.node, (node) => one.openSession(node, "notes")),
          ({ sendAll }) => sendAll(words.slice(0, 5000).map(bytes))
        )
      )
      assert.deepStrictEqual(yield* Deferred.await(seen), words.slice(0, 5000))
    })
  )
})

describe("sessions over a network with faults", () => {
  const simulated = (options: SimulatedNetwork.Options, cut: boolean) =>
    Simulator.run(
      Effect.gen(function*() {
        const network = yield* SimulatedNetwork.SimulatedNetwork
        const simulator = yield* Simulator.Simulator
        const first = yield* simulator.start("one", Cluster.make({ localHost: "one", port: 7000 }))
        const second = yield* simulator.start("two", Cluster.make({ localHost: "two", join: ["one:7000"] }))
        const [one, other] = [yield* first.value, yield* second.value]
        yield* other.ready
        const [session, there] = yield* open(one, other)
        const seen: Array<string> = []
        const reading = yield* Effect.forkScoped(
          Effect.exit(Stream.runForEach(there.messages, (message) => Effect.sync(() => seen.push(text(message)))))
        )
        const sending = yield* Effect.forkScoped(
          Effect.exit(
            Effect.forEach(words.slice(0, 300), (word) =>
              Effect.andThen(session.send(bytes(word)), Effect.sleep("20 millis")))
          )
        )
        if (cut) {
          yield* Effect.sleep("1 second")
          yield* network.partition([["one"], ["two"]])
        }
        yield* Fiber.join(sending)
        const end = yield* Effect.exit(Effect.timeout(session.drained, "1 minute"))
        const reason = end._tag === "Success" ? "drained" : yield* reasonOf(session.ended)
        if (reason !== "drained") {
          yield* Fiber.join(reading)
        }
        return { reason, seen }
      }),
      options
    )

  it("losses that the transport mends are no losses: all comes, in order", async () => {
    const { reason, seen } = await Effect.runPromise(
      simulated({ latency: "constant:20", loss: 0.05, jitter: 0.5, seed: "s1" }, false)
    )
    assert.strictEqual(reason, "drained")
    assert.deepStrictEqual(seen, words.slice(0, 300))
  })

  it("where frames are lost, repeated and overtake each other: what came is a beginning, and the end says that it was lost", async () => {
    for (const seed of ["f1", "f2", "f3", "f4"]) {
      const linkConditions = {
        latency: "constant:20",
        loss: 0.02,
        lossModel: "frames",
        repeat: 0.02,
        reorder: 0.02,
        seed
      } as const
      const { reason, seen } = await Effect.runPromise(simulated(linkConditions, false))
      assert.include(["Lost", "Refused"], reason, seed)
      assert.deepStrictEqual(seen, words.slice(0, seen.length), seed)
      assert.isBelow(seen.length, 300)
    }
  })

  it("two that are cut off from each other are both told", async () => {
    const { reason, seen } = await Effect.runPromise(simulated({ latency: "constant:20", seed: "c1" }, true))
    assert.include(["Broken", "Silent"], reason)
    assert.deepStrictEqual(seen, words.slice(0, seen.length))
  })
})
