/** Messages whose purpose follows from their name. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Application from "../../src/Application.ts"
import * as Client from "../../src/Client.ts"
import * as Message from "../../src/protocol/Message.ts"
import * as Memory from "../../src/transport/Memory.ts"
import { makeHarness, passing } from "../ClusterHarness.ts"

const Chat = Message.make("library/Chat", { value: Schema.Struct({ text: Schema.String }), codec: "binary" })
const Mail = Message.make("other/Mail", { value: Schema.String })

const setUp = Effect.fnUntraced(function*(change: { readonly maySend?: (purpose: number) => boolean } = {}) {
  const harness = yield* makeHarness(passing)
  const { maySend } = change
  const authorization = maySend === undefined
    ? undefined
    : { maySend: (_: unknown, purpose: number) => maySend(purpose) }
  for (let count = 0; count < 3; count++) {
    const member = yield* harness.join({ authorization, application: undefined })
    yield* harness.during(member.cluster.ready)
  }
  const [from, , to] = harness.members.map(({ cluster }) => cluster)
  return { harness, from: from!, to: to! }
})

describe("a message whose purpose follows from its name", () => {
  it.effect("reaches those who know the name, and nobody else, through Nodes that do not", () =>
    Effect.gen(function*() {
      const { from, harness, to } = yield* setUp()
      const got: Array<unknown> = []
      yield* to.register({ message: Chat, onDeliver: ({ value }) => Effect.sync(() => got.push(value.text)) })
      yield* to.register({ message: Mail, onDeliver: ({ value }) => Effect.sync(() => got.push(value)) })
      const follow = yield* to.deliveriesOf(Chat).pipe(Stream.runHead, Effect.forkChild({ startImmediately: true }))
      yield* harness.during(from.sendConfirmed(Chat.make(to.id, { text: "chat" })))
      yield* harness.during(from.sendConfirmed(Mail.make(to.id, "mail")))
      assert.deepStrictEqual(got, ["chat", "mail"])
      assert.isTrue((yield* harness.during(Fiber.join(follow)))._tag === "Some")
      // An application that takes all sees its purpose, and its bytes without the name.
      const raw: Array<Message.Message> = []
      yield* to.register({ onDeliver: (message) => Effect.sync(() => raw.push(message)) })
      yield* harness.during(from.sendConfirmed(Mail.make(to.id, "again")))
      assert.deepStrictEqual([raw[0]!.purpose, new TextDecoder().decode(raw[0]!.value)], [Mail.purpose, "\"again\""])
    }).pipe(Effect.provide(Memory.layer)))

  it.effect("a Node on the way that knows the name may change its value", () =>
    Effect.gen(function*() {
      const { from, harness, to } = yield* setUp()
      const got: Array<string> = []
      yield* to.register({ message: Chat, onDeliver: ({ value }) => Effect.sync(() => got.push(value.text)) })
      yield* from.register({
        message: Chat,
        onForward: ({ value }) => Effect.succeed(Application.replace({ value: { text: `${value.text}!` } }))
      })
      yield* harness.during(from.sendConfirmed(Chat.make(to.id, { text: "chat" })))
      assert.deepStrictEqual(got, ["chat!"])
    }).pipe(Effect.provide(Memory.layer)))

  it.effect("a client sends it, and an authorization tells it by its purpose", () =>
    Effect.gen(function*() {
      const { from, harness, to } = yield* setUp({ maySend: (purpose) => purpose === Chat.purpose })
      const got: Array<string> = []
      yield* to.register({ message: Chat, onDeliver: ({ value }) => Effect.sync(() => got.push(value.text)) })
      const client = yield* Client.make({ to: [`127.0.0.1:${from.address.port}`] })
      yield* harness.during(client.sendConfirmed(Chat.make(to.id, { text: "chat" })))
      assert.deepStrictEqual(got, ["chat"])
      const error = yield* harness.during(Effect.flip(client.sendConfirmed(Mail.make(to.id, "mail"))))
      assert.strictEqual(error.reason._tag, "Forbidden")
    }).pipe(Effect.provide(Memory.layer)))

  it.effect("two definitions of one name at a Node are one, by other names are two", () =>
    Effect.gen(function*() {
      const { to } = yield* setUp()
      yield* to.register({ message: Chat, onDeliver: () => Effect.void })
      const again = Message.make("library/Chat", { value: Schema.String })
      yield* to.register({ message: again, onDeliver: () => Effect.void })
      yield* to.register({ message: Mail, onDeliver: () => Effect.void })
    }).pipe(Effect.provide(Memory.layer)))
})
