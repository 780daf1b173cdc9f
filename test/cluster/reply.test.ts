/** Replies that receipts bring. Rule C7. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Schema from "effect/Schema"
import * as Client from "../../src/Client.ts"
import type * as Cluster from "../../src/Cluster.ts"
import * as Message from "../../src/protocol/Message.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as Memory from "../../src/transport/Memory.ts"
import { makeHarness, passing } from "../ClusterHarness.ts"
import { collectEvents, errorsOf } from "./Rig.ts"

const Add = Message.make("Add", { value: Schema.Struct({ by: Schema.Int }), reply: Schema.Int })
const Tell = Message.make("Tell", { value: Schema.String })

const setUp = Effect.fnUntraced(function*(config: Cluster.Options["config"] = {}) {
  const harness = yield* makeHarness(passing)
  for (let count = 0; count < 3; count++) {
    const member = yield* harness.join({ config, application: undefined })
    yield* harness.during(member.cluster.ready)
  }
  const [from, , to] = harness.members.map(({ cluster }) => cluster)
  return { harness, from: from!, to: to! }
})

describe("a reply in the receipt", () => {
  it.effect("comes as a value: to a Node, to a client, and by sendDirect", () =>
    Effect.gen(function*() {
      const { from, harness, to } = yield* setUp()
      let sum = 0
      yield* to.register({ message: Add, onDeliver: ({ value: { by } }) => Effect.sync(() => sum += by) })
      const first = yield* harness.during(from.sendConfirmed(Add.make(to.id, { by: 2 })))
      assert.strictEqual(first.reply, 2)
      const client = yield* Client.make({ to: [`127.0.0.1:${from.address.port}`] })
      const second = yield* harness.during(client.sendConfirmed(Add.make(to.id, { by: 3 })))
      assert.strictEqual(second.reply, 5)
      const direct = yield* harness.during(from.sendDirect(yield* to.node, Add.make(NodeId.zero, { by: 4 })))
      assert.strictEqual(direct.reply, 9)
      // Where none is asked for none travels, whatever the application returns.
      yield* to.register({ message: Tell, onDeliver: () => Effect.succeed("nobody asked") })
      assert.isUndefined((yield* harness.during(from.sendConfirmed(Tell.make(to.id, "x")))).reply)
    }).pipe(Effect.provide(Memory.layer)))

  it.effect("raw bytes for raw bytes, if they are asked for; none at all and empty ones are different", () =>
    Effect.gen(function*() {
      const { from, harness, to } = yield* setUp()
      yield* to.register({
        onDeliver: ({ value }) => value.length === 0 ? Effect.void : Effect.succeed(value.subarray(1))
      })
      const send = (value: Uint8Array, wantsReply = true) =>
        Effect.map(
          harness.during(from.sendConfirmed({ key: to.id, purpose: 16, value, wantsReply })),
          ({ reply }) => reply && Array.from(reply)
        )
      assert.deepStrictEqual(yield* send(Uint8Array.of(1, 2, 3)), [2, 3])
      assert.deepStrictEqual(yield* send(Uint8Array.of(1)), [])
      assert.isUndefined(yield* send(new Uint8Array()))
      assert.isUndefined(yield* send(Uint8Array.of(1, 2), false))
    }).pipe(Effect.provide(Memory.layer)))

  it.effect("a copy gets the same reply, and the handler runs once", () =>
    Effect.gen(function*() {
      const { from, harness, to } = yield* setUp()
      const gate = yield* Latch.make(false)
      let runs = 0
      yield* to.register({
        message: Add,
        onDeliver: () => Effect.as(gate.await, 0).pipe(Effect.map(() => ++runs))
      })
      const sending = yield* Effect.forkChild(from.sendConfirmed(Add.make(to.id, { by: 1 })), {
        startImmediately: true
      })
      // Longer than the sender waits before it sends again.
      for (let step = 0; step < 80; step++) yield* passing("100 millis")
      yield* gate.open
      assert.strictEqual((yield* harness.during(Fiber.join(sending))).reply, 1)
      assert.strictEqual(runs, 1)
    }).pipe(Effect.provide(Memory.layer)))

  it.effect("one that is too large, or is none of its Schema, fails at the root and says so there", () =>
    Effect.gen(function*() {
      const { from, harness, to } = yield* setUp({ maxReplySize: 100 })
      const events = yield* collectEvents(to)
      const Text = Message.make("Text", { value: Schema.Int, reply: Schema.String })
      yield* to.register({
        message: Text,
        onDeliver: ({ value }) => Effect.succeed(value < 0 ? 7 as never : "x".repeat(value))
      })
      const send = (value: number) => harness.during(Effect.exit(from.sendConfirmed(Text.make(to.id, value))))
      assert.isTrue((yield* send(98))._tag === "Success")
      for (const bad of [99, -1]) assert.include(JSON.stringify(yield* send(bad)), "DeliveryFailed")
      const said = errorsOf(events, "CallbackFailed")
      assert.match(said[0]!, /returned a reply that cannot be: it has 101 bytes; at most 100/)
      assert.lengthOf(said, 2)
    }).pipe(Effect.provide(Memory.layer)))

  it.effect("that does not fit here, or is not there, is told apart from a message that was not delivered", () =>
    Effect.gen(function*() {
      const { from, harness, to } = yield* setUp()
      const There = Message.make("Add", { value: Schema.Struct({ by: Schema.Int }), reply: Schema.String })
      yield* to.register({ message: There, onDeliver: () => Effect.succeed("many") })
      const error = yield* harness.during(Effect.flip(from.sendConfirmed(Add.make(to.id, { by: 1 }))))
      assert.strictEqual(error.reason._tag, "BadReply")
      // Nobody is registered there.
      const none = yield* harness.during(Effect.flip(from.sendConfirmed(Add.make(from.id, { by: 1 }))))
      assert.strictEqual(none.reason._tag, "NoReply")
    }).pipe(Effect.provide(Memory.layer)))
})
