import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as ChildProcess from "node:child_process"
import * as Path from "node:path"
import * as Client from "../../src/Client.ts"
import * as Memory from "../../src/transport/Memory.ts"
import * as Tcp from "../../src/transport/Tcp.ts"
import { makeHarness, outgoing, passing, realTime } from "../ClusterHarness.ts"
import { burst, connectRaw, freePort, type Harness, makeClient, makePeer, shakeHands, tcpHandles } from "./Rig.ts"

/** Runs a script to its end, at most 10 seconds. */
const runScript = (name: string) =>
  Effect.callback<{ readonly code: number | null; readonly output: string; readonly errors: string }>((resume) => {
    const script = Path.join(import.meta.dirname, "fixtures", name)
    const child = ChildProcess.spawn(process.execPath, [script], { stdio: ["ignore", "pipe", "pipe"], timeout: 10_000 })
    let output = ""
    let errors = ""
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()))
    child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()))
    child.once("close", (code) => resume(Effect.succeed({ code, output, errors })))
  })

const noMoreHandlesThan = (harness: Harness, before: number) =>
  harness.waitUntil("no TCP handle is left", Effect.sync(() => tcpHandles() <= before), "3 seconds", "5 millis")

const startThree = Effect.fnUntraced(function*(harness: Harness) {
  for (let count = 0; count < 3; count++) yield* harness.during((yield* harness.join()).cluster.ready)
})

const tags = (
  exits: ReadonlyArray<Exit.Exit<unknown, { readonly _tag: string; readonly reason: { readonly _tag: string } }>>
) => [
  ...new Set(
    exits.map((exit) =>
      Exit.isSuccess(exit) ? "confirmed" : Option.getOrUndefined(Exit.findErrorOption(exit))?.reason._tag
    )
  )
]

describe("closing the scope of a Node", () => {
  it.live("lets the process exit by itself with code 0", () =>
    Effect.gen(function*() {
      const startedAt = performance.now()
      const { code, errors, output } = yield* runScript("threeNodes.ts")
      assert.strictEqual(errors, "")
      assert.strictEqual(output, "{\"confirmed\":300}\n")
      assert.strictEqual(code, 0)
      assert.isBelow(performance.now() - startedAt, 5000)
    }), 15_000)

  it.live("leaves no TCP handle: closed one after another, with a client connected", () =>
    Effect.gen(function*() {
      const before = tcpHandles()
      const harness = yield* makeHarness(realTime)
      yield* startThree(harness)
      const scope = yield* Scope.make()
      const client = yield* Client.make({ to: harness.members.map(harness.addressOf) }).pipe(
        Effect.provideService(Scope.Scope, scope)
      )
      yield* harness.during(client.connected)
      yield* harness.during(burst(client, "from the client", 100))
      assert.isAbove(tcpHandles(), before)
      for (const member of harness.members) yield* harness.leave(member)
      yield* Scope.close(scope, Exit.void)
      yield* noMoreHandlesThan(harness, before)
    }).pipe(Effect.provide(Tcp.layer)))

  it.live("leaves no TCP handle: killed in the middle of messages", () =>
    Effect.gen(function*() {
      const before = tcpHandles()
      const harness = yield* makeHarness(realTime)
      yield* startThree(harness)
      const sending = yield* Effect.forkChild(burst(harness.members[0]!.cluster, "burst", 5000))
      yield* harness.waitUntil("some are delivered", Effect.sync(() => harness.members[1]!.delivered.length > 50))
      for (const member of harness.members) yield* harness.kill(member)
      yield* harness.during(Fiber.await(sending))
      yield* noMoreHandlesThan(harness, before)
    }).pipe(Effect.provide(Tcp.layer)))

  it.live("leaves no TCP handle: while it dials a dead seed, and while strangers hang on to it", () =>
    Effect.gen(function*() {
      const before = tcpHandles()
      const harness = yield* makeHarness(realTime)
      yield* startThree(harness)
      const joiner = yield* harness.start({ join: [`127.0.0.1:${yield* freePort}`] })
      const { port } = harness.members[0]!.cluster.address
      const silent = yield* connectRaw(port)
      const linked = yield* shakeHands(port, makePeer())
      const client = yield* shakeHands(port, makeClient("a client").node, makeClient("a client").hello)
      yield* harness.kill(joiner)
      for (const member of harness.members.slice(0, 3)) yield* harness.leave(member)
      for (const raw of [silent, linked, client]) raw.socket.destroy()
      yield* noMoreHandlesThan(harness, before)
    }).pipe(Effect.provide(Tcp.layer)))

  it.live("kill takes at most a moment, also with a peer that does not read", () =>
    Effect.gen(function*() {
      const harness = yield* makeHarness(realTime)
      yield* startThree(harness)
      const raw = yield* shakeHands(harness.members[0]!.cluster.address.port, makePeer())
      raw.socket.pause()
      const startedAt = performance.now()
      yield* harness.kill(harness.members[0]!)
      assert.isBelow(performance.now() - startedAt, 1500)
    }).pipe(Effect.provide(Tcp.layer)))

  it.effect("Go Wendy defect 23: closing twice, killing after leaving and leaving after killing are harmless", () =>
    Effect.gen(function*() {
      const harness = yield* makeHarness(passing)
      yield* startThree(harness)
      const [first, second] = harness.members
      yield* harness.during(first!.cluster.leave, "2 seconds")
      yield* harness.during(first!.cluster.leave, "2 seconds")
      yield* harness.leave(first!)
      yield* harness.kill(first!)
      yield* harness.kill(second!)
      yield* harness.kill(second!)
      yield* harness.during(second!.cluster.leave, "2 seconds")
      yield* harness.waitUntil("a ring of one", harness.isExact)
    }).pipe(Effect.provide(Memory.layer)))
})

describe("a Node that leaves", () => {
  it.effect("waits for its handlers, so that what they work on has its receipt", () =>
    Effect.gen(function*() {
      const harness = yield* makeHarness(passing)
      const gate = yield* Latch.make(false)
      const sender = yield* harness.start()
      yield* harness.during(sender.cluster.ready)
      const root = yield* harness.join({ application: { onDeliver: () => gate.await } })
      yield* harness.during(root.cluster.ready)
      const sending = yield* Effect.forkChild(sender.cluster.sendConfirmed(outgoing(root.cluster.id, "value")), {
        startImmediately: true
      })
      yield* passing("100 millis")
      const leaving = yield* Effect.forkChild(root.cluster.leave, { startImmediately: true })
      yield* passing("200 millis")
      assert.isUndefined(leaving.pollUnsafe())
      yield* gate.open
      assert.strictEqual((yield* harness.during(Fiber.join(sending), "1 second")).root.hex, root.cluster.id.hex)
      yield* harness.during(Fiber.join(leaving), "1 second")
    }).pipe(Effect.provide(Memory.layer)))
})

describe("a confirmed send of a Node that ends", () => {
  const never = { onDeliver: () => Effect.never }

  for (const how of ["kill", "leave"] as const) {
    it.effect(`fails with Closed when it is pending (${how})`, () =>
      Effect.gen(function*() {
        const harness = yield* makeHarness(passing)
        const member = yield* harness.start({ application: never })
        yield* harness.during(member.cluster.ready)
        const pending = yield* Effect.forkChild(Effect.exit(member.cluster.sendConfirmed(outgoing("key", "value"))), {
          startImmediately: true
        })
        yield* passing("100 millis")
        assert.isUndefined(pending.pollUnsafe())
        yield* harness[how](member)
        assert.deepStrictEqual(tags([yield* harness.during(Fiber.join(pending), "1 second")]), ["Closed"])
      }).pipe(Effect.provide(Memory.layer)))
  }

  it.effect("fails with Closed wherever it waits: for a receipt, in the mailbox, for room", () =>
    Effect.gen(function*() {
      const harness = yield* makeHarness(passing)
      // Nobody to join: nothing is ever delivered.
      const member = yield* harness.start({ join: ["127.0.0.1:1"], config: { maxOwn: 100 } })
      const pending = yield* Effect.forkChild(
        Effect.forEach(
          Array.from({ length: 1000 }),
          () => Effect.exit(member.cluster.sendConfirmed(outgoing("key", "value"))),
          { concurrency: "unbounded" }
        ),
        { startImmediately: true }
      )
      yield* passing("1 second")
      yield* harness.kill(member)
      assert.deepStrictEqual(tags(yield* harness.during(Fiber.join(pending), "1 second")), ["Closed"])
    }).pipe(Effect.provide(Memory.layer)))

  it.effect("fails with Closed when the mailbox has not been read yet, and when the Node has ended already", () =>
    Effect.gen(function*() {
      const harness = yield* makeHarness(passing)
      const member = yield* harness.start({ application: never })
      yield* harness.during(member.cluster.ready)
      const send = Effect.exit(member.cluster.sendConfirmed(outgoing("key", "value")))
      const unread = yield* Effect.forkChild(send, { startImmediately: true })
      yield* harness.kill(member)
      assert.deepStrictEqual(tags([yield* harness.during(Fiber.join(unread), "1 second")]), ["Closed"])
      assert.deepStrictEqual(tags([yield* harness.during(send, "1 second")]), ["Closed"])
    }).pipe(Effect.provide(Memory.layer)))

  it.effect("fails with Closed at a client that ends, pending and afterwards", () =>
    Effect.gen(function*() {
      const harness = yield* makeHarness(passing)
      const scope = yield* Scope.make()
      const client = yield* Client.make({ to: ["127.0.0.1:1"], config: { maxOwn: 10 } }).pipe(
        Effect.provideService(Scope.Scope, scope)
      )
      const send = Effect.exit(client.sendConfirmed(outgoing("key", "value")))
      const pending = yield* Effect.forkChild(
        Effect.all(Array.from({ length: 100 }, () => send), { concurrency: "unbounded" }),
        { startImmediately: true }
      )
      yield* passing("1 second")
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(tags(yield* harness.during(Fiber.join(pending), "1 second")), ["Closed"])
      assert.deepStrictEqual(tags([yield* harness.during(send, "1 second")]), ["Closed"])
      assert.deepStrictEqual(tags([yield* harness.during(Effect.exit(client.connected), "1 second")]), ["Closed"])
    }).pipe(Effect.provide(Memory.layer)))
})
