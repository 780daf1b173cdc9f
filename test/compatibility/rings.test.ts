/** Rings of two builds: this one, and one that speaks version 1 of the protocol alone. Rule H12. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import * as Client from "../../src/Client.ts"
import * as Cluster from "../../src/Cluster.ts"
import * as Message from "../../src/protocol/Message.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import { kill } from "../../src/testing.ts"
import * as Memory from "../../src/transport/Memory.ts"
import type { Transport } from "../../src/transport/Transport.ts"
import * as Old from "./version1.js"

interface Member {
  readonly isOld: boolean
  readonly port: number
  readonly hex: string
  readonly isReady: Effect.Effect<boolean>
  readonly known: Effect.Effect<number>
  readonly sendConfirmed: (
    key: string,
    value: Uint8Array
  ) => Effect.Effect<{ readonly root: string }, { readonly reason: unknown }>
  readonly kill: Effect.Effect<void>
  readonly delivered: Array<Uint8Array>
  readonly young: Cluster.Cluster["Service"] | undefined
}

/** Ids of the old build are objects of its own class. */
const startOld = Effect.fnUntraced(function*(name: string, join: ReadonlyArray<string>) {
  const delivered: Array<Uint8Array> = []
  const cluster = yield* Old.Cluster.make({
    id: Old.NodeId.fromString(name),
    join,
    application: { onDeliver: ({ value }) => Effect.sync(() => delivered.push(value)) }
  })
  const member: Member = {
    isOld: true,
    port: cluster.node.port,
    hex: cluster.node.hex,
    isReady: cluster.isReady,
    known: Effect.map(cluster.nodes, (nodes) => nodes.length),
    sendConfirmed: (key, value) =>
      Effect.map(
        cluster.sendConfirmed({ key: Old.NodeId.fromString(key), purpose: 16, value }),
        ({ root }) => ({ root: root.hex })
      ),
    kill: cluster.kill,
    delivered,
    young: undefined
  }
  return member
})

const startYoung = Effect.fnUntraced(function*(name: string, join: ReadonlyArray<string>) {
  const delivered: Array<Uint8Array> = []
  const cluster = yield* Cluster.make({
    id: NodeId.fromString(name),
    join,
    application: { onDeliver: ({ value }) => Effect.sync(() => delivered.push(value)) }
  })
  const member: Member = {
    isOld: false,
    port: cluster.address.port,
    hex: cluster.id.hex,
    isReady: cluster.isReady,
    known: Effect.map(cluster.nodes, (nodes) => nodes.length),
    sendConfirmed: (key, value) =>
      Effect.map(
        cluster.sendConfirmed({ key: NodeId.fromString(key), purpose: 16, value }),
        ({ root }) => ({ root: root.hex })
      ),
    kill: kill(cluster),
    delivered,
    young: cluster
  }
  return member
})

/** Lets time pass while an effect runs. */
const during = Effect.fnUntraced(function*<A, E, R>(effect: Effect.Effect<A, E, R>, seconds = 60) {
  const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
  for (let step = 0; step < seconds * 20 && fiber.pollUnsafe() === undefined; step++) {
    yield* TestClock.adjust("50 millis")
  }
  const exit = fiber.pollUnsafe()
  assert.isDefined(exit, "it has not ended")
  return yield* exit!
})

/** A ring in which old and young Nodes take turns, and each joins through one of the other build. */
const startRing = Effect.fnUntraced(function*(size: number) {
  const members: Array<Member> = []
  yield* Effect.addFinalizer(() => Effect.forEach(members, (member) => member.kill, { discard: true }))
  for (let index = 0; index < size; index++) {
    const seed = members.at(-1)
    const join = seed === undefined ? [] : [`127.0.0.1:${seed.port}`]
    members.push(yield* (index % 2 === 0 ? startOld : startYoung)(`member ${index}`, join))
    yield* during(
      Effect.repeat(Effect.andThen(Effect.sleep("20 millis"), members.at(-1)!.isReady), { until: (isReady) => isReady })
    )
  }
  for (let step = 0; step < 400; step++) yield* TestClock.adjust("50 millis")
  return members
})

const closest = (members: ReadonlyArray<Member>, key: string): Member => {
  const id = NodeId.fromString(key)
  const idOf = ({ hex }: Member) => NodeId.parse(hex)
  return members.reduce((best, member) => NodeId.isCloser(id, idOf(member), idOf(best)) ? member : best)
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const count = (members: ReadonlyArray<Member>, value: string): number =>
  members.reduce(
    (sum, { delivered }) => sum + delivered.filter((one) => new TextDecoder().decode(one) === value).length,
    0
  )

const test = (name: string, body: () => Effect.Effect<void, unknown, Memory.Network | Scope.Scope | Transport>) =>
  it.effect(name, () => Effect.provide(body(), Memory.layer), 60_000)

describe("a ring of both versions", () => {
  test("is one ring, and every message from everybody to everywhere is delivered once at its root", () =>
    Effect.gen(function*() {
      const members = yield* startRing(8)
      for (const member of members) assert.strictEqual(yield* member.known, 7, `old: ${member.isOld}`)
      for (const [from, member] of members.entries()) {
        for (let index = 0; index < 12; index++) {
          const key = `key ${index}`
          const { root } = yield* during(member.sendConfirmed(key, bytes(`${from} ${key}`)))
          assert.strictEqual(root, closest(members, key).hex)
          assert.strictEqual(count(members, `${from} ${key}`), 1)
        }
      }
    }))

  test("large values go through it, and lives that end under load lose nothing", () =>
    Effect.gen(function*() {
      const members = yield* startRing(6)
      const large = new Uint8Array(700_000).fill(7)
      for (const member of members) yield* during(member.sendConfirmed("a large value", large))
      assert.lengthOf(closest(members, "a large value").delivered.filter(({ length }) => length === large.length), 6)
      const survivors = members.filter((_, index) => index !== 2 && index !== 3)
      const senders = survivors.flatMap((member, from) =>
        Array.from({ length: 40 }, (_, index) => member.sendConfirmed(`key ${index}`, bytes(`${from} ${index}`)))
      )
      const all = Effect.all([...senders, members[2]!.kill, members[3]!.kill], { concurrency: "unbounded" })
      yield* during(all, 120)
      for (const [from] of survivors.entries()) {
        for (let index = 0; index < 40; index++) assert.isAtLeast(count(members, `${from} ${index}`), 1)
      }
    }))

  test("clients of each version speak through Nodes of the other", () =>
    Effect.gen(function*() {
      const members = yield* startRing(4)
      const old = yield* Old.Client.make({ to: [`127.0.0.1:${members[1]!.port}`] })
      yield* during(old.connected)
      const young = yield* Client.make({ to: [`127.0.0.1:${members[0]!.port}`] })
      yield* during(young.connected)
      for (let index = 0; index < 10; index++) {
        const key = `key ${index}`
        const value = { purpose: 16, value: bytes(key) }
        const first = yield* during(old.sendConfirmed({ ...value, key: Old.NodeId.fromString(key) }))
        const second = yield* during(young.sendConfirmed({ ...value, key: NodeId.fromString(key) }))
        assert.deepStrictEqual([first.root.hex, second.root.hex], Array(2).fill(closest(members, key).hex))
      }
    }))

  test("what version 1 does not know is refused in words, and breaks no link", () =>
    Effect.gen(function*() {
      const members = yield* startRing(4)
      const from = members[1]!.young!
      const [oldRoot, youngRoot] = [members[2]!, members[3]!]
      const Ask = Message.make("Ask", { purpose: 17, value: Schema.String, reply: Schema.String })
      yield* youngRoot.young!.register({ message: Ask, onDeliver: ({ value }) => Effect.succeed(`${value}!`) })
      const ask = (root: Member) => Ask.make(NodeId.parse(root.hex), "hello")
      assert.strictEqual((yield* during(from.sendConfirmed(ask(youngRoot)))).reply, "hello!")
      const none = yield* during(Effect.flip(from.sendConfirmed(ask(oldRoot))))
      assert.strictEqual(none.reason._tag, "NoReply")
      const Named = Message.make("Named", { value: Schema.String })
      const named = yield* during(
        Effect.flip(from.sendConfirmed(Named.make(NodeId.parse(oldRoot.hex), "x"), { deadline: "10 seconds" }))
      )
      assert.strictEqual(named.reason._tag, "Deadline")
      // Sessions: with a Node, as a client, and the one over which a client gets messages.
      yield* youngRoot.young!.acceptSessions({
        name: "echo",
        allowsClients: true,
        onSession: ({ messages, send }) => Stream.runForEach(messages, send)
      })
      const nodeOf = (root: Member) =>
        Effect.map(from.nodes, (nodes) => nodes.find(({ node }) => node.hex === root.hex)!.node)
      const echo = yield* during(from.openSession(yield* nodeOf(youngRoot), "echo"))
      yield* echo.send(bytes("hello"))
      assert.deepStrictEqual(yield* during(echo.receive), [bytes("hello")])
      const withOld = yield* during(Effect.flip(from.openSession(yield* nodeOf(oldRoot), "echo")))
      assert.strictEqual(withOld.reason._tag, "Unsupported")
      const client = yield* Client.make({ to: [`127.0.0.1:${oldRoot.port}`] })
      yield* client.register({ message: Named, onDeliver: () => Effect.void })
      yield* during(client.connected)
      const ofOld = yield* during(Effect.flip(Effect.scoped(client.openSession("echo"))))
      assert.strictEqual(ofOld.reason._tag, "Unsupported")
      assert.isTrue(Option.isNone(yield* client.address))
      const gateway = NodeId.parse(oldRoot.hex)
      const relayed = from.sendToClient({ gateway, id: gateway }, Named.make(gateway, "x"), { deadline: "10 seconds" })
      assert.strictEqual((yield* during(Effect.flip(relayed))).reason._tag, "Deadline")
      for (const member of members) assert.isTrue(yield* member.isReady)
      yield* during(from.sendConfirmed({ key: NodeId.parse(oldRoot.hex), purpose: 16, value: bytes("still there") }))
    }))
})
