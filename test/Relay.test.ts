/** The gateway's end of the relay, with sessions that a test holds in its hand. Rule G4. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import type { Message } from "../src/protocol/Message.ts"
import * as Purposes from "../src/protocol/Purposes.ts"
import * as Relayed from "../src/protocol/Relayed.ts"
import type { Session } from "../src/protocol/Session.ts"
import * as Relay from "../src/Relay.ts"
import * as NodeId from "../src/ring/NodeId.ts"
import { makeNode } from "./core/Ring.ts"

const client = makeNode("c1")
const from = NodeId.fromString("from")
/** A session with the client: what the gateway has sent, and what the client answers. */
const makeSession = Effect.gen(function*() {
  const sent = yield* Queue.unbounded<Relayed.Delivery>()
  const answers = yield* Queue.unbounded<Uint8Array>()
  const ended = yield* Deferred.make<void>()
  const send = (bytes: Uint8Array) => Queue.offer(sent, Relayed.decodeDelivery(bytes)!)
  const session: Session = {
    name: Relayed.sessionName,
    peer: client,
    isClient: true,
    send,
    sendAll: (all) => Effect.forEach(all, send, { discard: true }),
    receive: Effect.map(Queue.take(answers), (one) => [one]),
    messages: Stream.interruptWhen(Stream.fromQueue(answers), Deferred.await(ended)),
    drained: Effect.void,
    end: Effect.void,
    ended: Deferred.await(ended)
  }
  return { session, sent, answers, end: Deferred.succeed(ended, undefined) }
})

const message = (value: string): Message<Uint8Array> => ({
  key: from,
  purpose: Purposes.reserved.relayed,
  value: Relayed.encode(client.id, { key: from, purpose: 16, value: new TextEncoder().encode(value) }),
  from,
  hops: 1,
  isDirect: false,
  wantsReply: true
})

const setUp = Effect.gen(function*() {
  const { acceptor, application } = Relay.makeGateway()
  const connect = Effect.gen(function*() {
    const connected = yield* makeSession
    const fiber = yield* Effect.forkChild(Effect.scoped(acceptor.onSession(connected.session)), {
      startImmediately: true
    })
    return { ...connected, fiber }
  })
  const deliver = (value: string) =>
    Effect.map(
      application.onDeliver!(message(value)) as Effect.Effect<Uint8Array>,
      (bytes) => Relayed.decodeAnswer(bytes)?.outcome
    )
  return { connect, deliver }
})

describe("Relay: a gateway", () => {
  it.effect("gives each message its own answer, in whatever order they come", () =>
    Effect.gen(function*() {
      const { connect, deliver } = yield* setUp
      const { answers, sent } = yield* connect
      const fibers = yield* Effect.forEach(["a", "b"], (value) =>
        Effect.forkChild(deliver(value), { startImmediately: true }))
      const [a, b] = yield* Queue.takeN(sent, 2)
      yield* Queue.offer(answers, Relayed.encodeNumbered(b!.number, { outcome: "unhandled" }))
      yield* Queue.offer(answers, Relayed.encodeNumbered(99, { outcome: "failed" }))
      yield* Queue.offer(answers, new Uint8Array([1]))
      yield* Queue.offer(answers, Relayed.encodeNumbered(a!.number, { outcome: "delivered" }))
      assert.deepStrictEqual(yield* Fiber.joinAll(fibers), ["delivered", "unhandled"])
    }))

  it.effect("waits no longer for a client that has gone, and says that it is not there", () =>
    Effect.gen(function*() {
      const { connect, deliver } = yield* setUp
      const { end, fiber } = yield* connect
      const delivering = yield* Effect.forkChild(deliver("a"), { startImmediately: true })
      yield* end
      assert.strictEqual(yield* Fiber.join(delivering), "failed")
      yield* Fiber.join(fiber)
      assert.strictEqual(yield* deliver("b"), "absent")
    }))

  it.effect("keeps the later session of a client when the earlier one ends after it has begun", () =>
    Effect.gen(function*() {
      const { connect, deliver } = yield* setUp
      const earlier = yield* connect
      const later = yield* connect
      yield* earlier.end
      yield* Fiber.join(earlier.fiber)
      const delivering = yield* Effect.forkChild(deliver("a"), { startImmediately: true })
      const { number } = yield* Queue.take(later.sent)
      yield* Queue.offer(later.answers, Relayed.encodeNumbered(number, { outcome: "delivered" }))
      assert.strictEqual(yield* Fiber.join(delivering), "delivered")
    }))
})
