import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Client from "../../src/Client.ts"
import type * as Cluster from "../../src/Cluster.ts"
import * as Message from "../../src/protocol/Message.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import { kill } from "../../src/testing.ts"
import * as Memory from "../../src/transport/Memory.ts"
import * as Tcp from "../../src/transport/Tcp.ts"
import type { Transport } from "../../src/transport/Transport.ts"
import { reasonOf, two } from "./Rig.ts"

const Note = Message.make("Note", { value: Schema.String })
const Question = Message.make("Question", { purpose: 16, value: Schema.String, reply: Schema.Finite })
const Other = Message.make("Note", { value: Schema.Finite })

const key = NodeId.fromString("table 4")

const to = ({ address }: Cluster.Cluster["Service"]) => `127.0.0.1:${address.port}`

const whenThere = (client: Client.Client["Service"]) =>
  Effect.repeat(Effect.andThen(Effect.yieldNow, client.address), { until: Option.isSome }).pipe(
    Effect.map((address) => Option.getOrThrow(address)),
    Effect.timeout("5 seconds")
  )

for (
  const [name, layer] of [
    ["memory", Memory.layer],
    ["TCP", Tcp.layer]
  ] as const
) {
  const test = <A, E>(title: string, effect: Effect.Effect<A, E, Scope.Scope | Transport>) =>
    it.live(title, () => effect.pipe(Effect.scoped, Effect.provide(layer)))

  describe(`a client gets messages (${name})`, () => {
    test(
      "from any Node, by way of its gateway, with the receipt of its handler and the reply",
      Effect.gen(function*() {
        const [one, other] = yield* two
        const client = yield* Client.make({ to: [to(one)] })
        const notes = yield* Queue.unbounded<Message.Message<string>>()
        yield* client.register({ message: Note, onDeliver: (message) => Queue.offer(notes, message) })
        yield* client.register({ message: Question, onDeliver: ({ value }) => Effect.succeed(value.length) })
        const address = yield* whenThere(client)
        assert.strictEqual(address.gateway.hex, one.id.hex)
        for (const node of [one, other]) {
          const receipt = yield* node.sendToClient(address, Note.make(key, "hello"))
          assert.strictEqual(receipt.root.hex, one.id.hex)
          const note = yield* Queue.take(notes)
          assert.deepStrictEqual(
            [note.value, note.key.hex, note.from.hex, note.isDirect],
            ["hello", key.hex, node.id.hex, true]
          )
          assert.strictEqual((yield* node.sendToClient(address, Question.make(key, "how long?"))).reply, 9)
        }
      })
    )

    test(
      "an answer to what it has just sent finds it, also with the very first message",
      Effect.gen(function*() {
        const [one, other] = yield* two
        for (const node of [one, other]) {
          yield* node.register({
            message: Question,
            onDeliver: ({ client, key, value }) =>
              Effect.as(Effect.orDie(node.sendToClient(client!, Note.make(key, `${value}!`))), 1)
          })
        }
        for (let round = 0; round < 20; round++) {
          const client = yield* Client.make({ to: [to(one)] })
          const note = yield* Deferred.make<string>()
          yield* client.register({ message: Note, onDeliver: ({ value }) => Deferred.succeed(note, value) })
          yield* client.sendConfirmed(Question.make(NodeId.fromString(`${round}`), "tea"))
          assert.strictEqual(yield* Deferred.await(note), "tea!")
        }
      })
    )

    test(
      "it says why there is no receipt: nobody there, no handler, another definition, a handler that fails",
      Effect.gen(function*() {
        const [one] = yield* two
        const client = yield* Client.make({ to: [to(one)] })
        assert.isTrue(Option.isNone(yield* client.address))
        yield* client.register({ message: Note, onDeliver: () => Effect.fail("no") })
        const address = yield* whenThere(client)
        const send = (message: Message.OutgoingMessage, id = address.id) =>
          reasonOf(one.sendToClient({ ...address, id }, message))
        assert.strictEqual(yield* send(Note.make(key, "a"), NodeId.fromString("somebody")), "Unreachable")
        assert.strictEqual(yield* send(Note.make(key, "a")), "DeliveryFailed")
        assert.strictEqual(yield* send(Question.make(key, "a")), "DeliveryFailed")
        assert.strictEqual(yield* send({ key, purpose: Note.purpose, value: new Uint8Array([0xff]) }), "BadValue")
        assert.strictEqual(yield* send({ key, purpose: 17, value: new Uint8Array(2 ** 20) }), "ValueTooLarge")
        const taken = yield* Effect.flip(client.register({ message: Other, onDeliver: () => Effect.void }))
        assert.strictEqual(taken._tag, "WendyPurposeError")
      })
    )

    test(
      "it turns to another Node, and gets messages there",
      Effect.gen(function*() {
        const [one, other] = yield* two
        const client = yield* Client.make({ to: [to(one), to(other)] })
        const notes = yield* Queue.unbounded<string>()
        yield* client.register({ message: Note, onDeliver: ({ value }) => Queue.offer(notes, value) })
        const before = yield* whenThere(client)
        yield* kill(one)
        const after = yield* Effect.repeat(Effect.andThen(Effect.yieldNow, client.address), {
          until: (address) => Option.isSome(address) && address.value.gateway.hex === other.id.hex
        }).pipe(Effect.map(Option.getOrThrow), Effect.timeout("10 seconds"))
        yield* other.sendToClient(after, Note.make(key, "again"))
        assert.strictEqual(yield* Queue.take(notes), "again")
        // Whoever answers for the id of the Node that is no more may know the client too.
        yield* other.sendToClient(before, Note.make(key, "late"))
        assert.strictEqual(yield* Queue.take(notes), "late")
      })
    )

    test(
      "it has sessions with its Node, where those are for clients too",
      Effect.gen(function*() {
        const [one] = yield* two
        const client = yield* Client.make({ to: [to(one)] })
        yield* one.acceptSessions({ name: "members only", onSession: () => Effect.never })
        assert.strictEqual(yield* reasonOf(Effect.scoped(client.openSession("members only"))), "Refused")
        yield* one.acceptSessions({
          name: "echo",
          allowsClients: true,
          onSession: ({ isClient, receive, sendAll }) =>
            isClient ? Effect.forever(Effect.flatMap(receive, sendAll)) : Effect.fail("no client")
        })
        const session = yield* client.openSession("echo")
        const words = Array.from({ length: 5_000 }, (_, index) => `word ${index}`)
        yield* Effect.forkScoped(session.sendAll(words.map((word) => new TextEncoder().encode(word))))
        const echoed = yield* session.messages.pipe(
          Stream.take(words.length),
          Stream.map((bytes) => new TextDecoder().decode(bytes)),
          Stream.runCollect
        )
        assert.deepStrictEqual(echoed, words)
        yield* kill(one)
        assert.strictEqual(yield* reasonOf(session.ended), "Broken")
      })
    )
  })
}
