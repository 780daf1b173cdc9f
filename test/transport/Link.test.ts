import { assert, describe, it } from "@effect/vitest"
import * as Arr from "effect/Array"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"
import type { Authorization } from "../../src/protocol/Authorization.ts"
import * as Credentials from "../../src/protocol/Credentials.ts"
import * as Envelope from "../../src/protocol/Envelope.ts"
import * as Frame from "../../src/protocol/Frame.ts"
import * as Handshake from "../../src/protocol/Handshake.ts"
import * as LinkFrame from "../../src/protocol/LinkFrame.ts"
import * as Node from "../../src/ring/Node.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as Link from "../../src/transport/Link.ts"
import * as Memory from "../../src/transport/Memory.ts"
import * as Security from "../../src/transport/Security.ts"
import { type Connection, Transport, type WendyConnectionError } from "../../src/transport/Transport.ts"
import { dialOptions, here, listenOptions, serve, untilStill } from "./contract.ts"

const makeNode = (name: string, incarnation = 1, id = NodeId.fromString(name)) =>
  new Node.Node({
    id,
    localHost: "127.0.0.1",
    globalHost: "127.0.0.1",
    port: 4000,
    region: "",
    incarnation
  })

let nonces = 0

const makeIdentity = (
  name: string,
  options: {
    readonly cluster?: string
    readonly role?: "member" | "client"
    readonly passphrase?: string | readonly [string, ...Array<string>]
    readonly custom?: Parameters<typeof Credentials.make>[0]
    readonly incarnation?: number
    readonly authorization?: Authorization
  } = {}
): Link.Identity => {
  const cluster = options.cluster ?? "wendy"
  const common = {
    cluster,
    role: options.role ?? "member",
    node: options.role === "client"
      ? makeNode(name, options.incarnation, Handshake.clientId(NodeId.fromString(name)))
      : makeNode(name, options.incarnation),
    seed: NodeId.fromString(name),
    lease: 10_000,
    nonce: Effect.sync(() => NodeId.fromString(`nonce ${nonces++}`))
  }
  const credentials = options.custom !== undefined
    ? Credentials.make(options.custom)
    : options.passphrase === undefined
    ? Credentials.none
    : Credentials.passphrase(
      typeof options.passphrase === "string"
        ? Redacted.make(options.passphrase)
        : Arr.map(options.passphrase, (passphrase) => Redacted.make(passphrase))
    )
  return {
    ...common,
    authorization: options.authorization ?? {},
    security: Security.make(credentials, { cluster, needsChannel: false, patience: 1000 })
  }
}

/** Two ends of one connection; the accepted one lives as long as the test. */
const connect = Effect.gen(function*() {
  const transport = yield* Transport
  const accepted = yield* Deferred.make<Connection>()
  const listener = yield* transport.listen(here, listenOptions)
  yield* serve(listener, (connection) => Effect.andThen(Deferred.succeed(accepted, connection), Effect.never))
  const dialled = yield* transport.dial(listener.address, dialOptions)
  return [dialled, yield* Deferred.await(accepted)] as const
})

/** What becomes of a handshake at both ends. */
const shake = Effect.fnUntraced(function*(mine: Link.Identity, theirs: Link.Identity) {
  const [dialled, accepted] = yield* connect
  return yield* Effect.all([Effect.result(Link.open(dialled, mine)), Effect.result(Link.accept(accepted, theirs))], {
    concurrency: 2
  })
})

/** Two linked ends; of the dialled one also the bare connection. */
const linked = Effect.gen(function*() {
  const [dialled, accepted] = yield* connect
  const [near, far] = yield* Effect.all([
    Link.open(dialled, makeIdentity("dialler")),
    Link.accept(accepted, makeIdentity("acceptor"))
  ], { concurrency: 2 })
  return { near, far, dialled, accepted }
})

/** Takes what has arrived on a bare connection, and answers the marks in it. */
const readMarked = Effect.fnUntraced(function*(connection: Connection) {
  const frames: Array<Uint8Array> = []
  for (const frame of yield* connection.read) {
    const own = LinkFrame.decode(frame)
    if (own?._tag === "Mark") yield* connection.write([LinkFrame.progress(own.count)])
    else frames.push(frame)
  }
  return frames
})

/** A routed frame that can be told from others. */
const routed = (size: number, counter = 0) =>
  Envelope.fromSender(
    makeNode("sender"),
    { key: NodeId.fromString("key"), purpose: 16, value: new Uint8Array(size).map((_, index) => index % 251) },
    "acknowledged",
    counter,
    0
  )

/** Two ends of which the accepted one believes that the other speaks protocol version 1 alone. */
const linkedToOld = Effect.gen(function*() {
  const [dialled, accepted] = yield* connect
  const old: Connection = {
    ...dialled,
    write: (frames) =>
      dialled.write(frames.map((frame) => {
        const message = Handshake.decode(frame)
        return message?._tag === "Hello" ? Handshake.encode({ ...message, highestVersion: 1 }) : frame
      }))
  }
  const [, far] = yield* Effect.all([
    Link.open(old, makeIdentity("dialler")),
    Link.accept(accepted, makeIdentity("acceptor"))
  ], { concurrency: 2 })
  return { far, dialled }
})

/** Runs a link, and collects the batches that arrive and how it ends. */
const run = Effect.fnUntraced(function*(link: Link.Link, watch?: Link.Watch) {
  const batches: Array<ReadonlyArray<Frame.Frame>> = []
  const fiber = yield* Effect.forkScoped(
    Effect.flip(link.run((frames) => Effect.sync(() => batches.push(frames)), watch)) as Effect.Effect<
      WendyConnectionError | Link.Malformed
    >,
    { startImmediately: true }
  )
  return { batches, frames: () => batches.flat(), end: Fiber.join(fiber), fiber }
})

const probe = (sequence: number) => Frame.control({ _tag: "Probe", sequence, ready: true, wantsLeaves: false })

const layer = Memory.layer

describe("Link: the handshake", () => {
  for (const passphrase of [undefined, "one passphrase"]) {
    it.effect(`gives each end the other (${passphrase === undefined ? "no credentials" : "a passphrase"})`, () =>
      Effect.gen(function*() {
        const secret = passphrase === undefined ? {} : { passphrase }
        const mine = makeIdentity("dialler", { role: "client", ...secret })
        const theirs = makeIdentity("acceptor", secret)
        const [near, far] = yield* shake(mine, theirs)
        assert.strictEqual(near._tag, "Success")
        assert.strictEqual(far._tag, "Success")
        if (near._tag === "Failure" || far._tag === "Failure") return
        assert.deepStrictEqual([near.success.peer.role, near.success.peer.node.hex], ["member", theirs.node.hex])
        assert.deepStrictEqual([far.success.peer.role, far.success.peer.node.hex], ["client", mine.node.hex])
        assert.deepStrictEqual([near.success.isDialled, far.success.isDialled], [true, false])
      }).pipe(Effect.provide(layer)))
  }

  it.effect("who is not welcome is refused with a reason at both ends, whoever dials", () =>
    Effect.gen(function*() {
      const asked: Array<unknown> = []
      const nobody = makeIdentity("strict", {
        authorization: {
          admits: (end) => {
            asked.push(end)
            return false
          }
        }
      })
      const guest = makeIdentity("guest", { role: "client" })
      const [near, far] = yield* shake(guest, nobody)
      assert.deepInclude((near as Result.Failure<unknown, unknown>).failure, { reason: "unauthorized", by: "peer" })
      assert.deepInclude((far as Result.Failure<unknown, unknown>).failure, { reason: "unauthorized", by: "self" })
      const [strict] = yield* shake(nobody, makeIdentity("member"))
      assert.deepInclude((strict as Result.Failure<unknown, unknown>).failure, { reason: "unauthorized", by: "self" })
      assert.deepStrictEqual(asked, [
        { role: "client", id: guest.node.hex, region: "", name: undefined },
        { role: "member", id: makeNode("member").hex, region: "", name: undefined }
      ])
    }).pipe(Effect.provide(layer)))

  const refusals: ReadonlyArray<readonly [string, Link.Identity, Link.Identity, Handshake.RefusalReason]> = [
    ["another cluster", makeIdentity("x"), makeIdentity("y", { cluster: "other" }), "cluster"],
    [
      "another passphrase",
      makeIdentity("x", { passphrase: "one" }),
      makeIdentity("y", { passphrase: "two" }),
      "credentials"
    ],
    ["no passphrase here", makeIdentity("x"), makeIdentity("y", { passphrase: "two" }), "credentials"],
    ["no passphrase there", makeIdentity("x", { passphrase: "one" }), makeIdentity("y"), "credentials"],
    ["itself", makeIdentity("x"), makeIdentity("x"), "self"]
  ]
  for (const [what, mine, theirs, reason] of refusals) {
    it.effect(`${what}: refused with a reason at both ends`, () =>
      Effect.gen(function*() {
        const [near, far] = yield* shake(mine, theirs)
        assert.deepInclude(near, { _tag: "Failure" })
        assert.deepInclude(far, { _tag: "Failure" })
        if (near._tag === "Success" || far._tag === "Success") return
        for (const [error, by] of [[near.failure, "peer"], [far.failure, "self"]] as const) {
          assert.strictEqual(error._tag, "Refused")
          if (error._tag !== "Refused") continue
          assert.deepStrictEqual([error.reason, error.by], [reason, by])
          assert.strictEqual(error.message, Handshake.explain(reason))
        }
      }).pipe(Effect.provide(layer)))
  }

  it.effect("ends that know the same passphrases let each other in, whichever each of them proves", () =>
    Effect.gen(function*() {
      const both = [["old", "new"], ["new", "old"]] as const
      for (const mine of both) {
        for (const theirs of both) {
          const ends = yield* shake(makeIdentity("x", { passphrase: mine }), makeIdentity("y", { passphrase: theirs }))
          assert.isTrue(ends.every(Result.isSuccess), `${mine} and ${theirs}`)
        }
      }
      const ends = yield* shake(makeIdentity("x", { passphrase: both[0] }), makeIdentity("y", { passphrase: "new" }))
      assert.isFalse(ends.some(Result.isSuccess), "the first of the list is proved, and no other")
    }).pipe(Effect.provide(layer)))

  it.effect("another life of the same id is no refusal: it is how a restart becomes known", () =>
    Effect.gen(function*() {
      const [near, far] = yield* shake(makeIdentity("x"), makeIdentity("x", { incarnation: 2 }))
      assert.deepStrictEqual([near._tag, far._tag], ["Success", "Success"])
    }).pipe(Effect.provide(layer)))

  it.effect("a proof is good for one handshake only: replayed or reflected it is refused", () =>
    Effect.gen(function*() {
      const secret = { passphrase: "one passphrase" }
      const identity = makeIdentity("acceptor", secret)
      // A true handshake, recorded.
      const [dialled, accepted] = yield* connect
      const recorded: Array<Uint8Array> = []
      const recording: Connection = {
        ...dialled,
        write: (frames) => {
          recorded.push(...frames.map((frame) => frame.slice()))
          return dialled.write(frames)
        }
      }
      yield* Effect.all([Link.open(recording, makeIdentity("dialler", secret)), Link.accept(accepted, identity)], {
        concurrency: 2
      })
      assert.lengthOf(recorded, 2)
      // The same frames again, by somebody who does not know the passphrase.
      const [thief, victim] = yield* connect
      const accepting = yield* Effect.forkChild(Effect.result(Link.accept(victim, identity)))
      yield* thief.write(recorded)
      const result = yield* Fiber.join(accepting)
      assert.strictEqual(
        result._tag === "Failure" && result.failure._tag === "Refused" && result.failure.reason,
        "credentials"
      )
      // A dialler that is shown its own proof again.
      const [honest, mirror] = yield* connect
      const opening = yield* Effect.forkChild(Effect.result(Link.open(honest, makeIdentity("dialler", secret))))
      yield* Effect.gen(function*() {
        const hello = Handshake.decode((yield* mirror.read)[0]) as Handshake.Hello
        yield* mirror.write([Handshake.encode({ ...hello, node: makeNode("mirror") })])
        yield* mirror.write(yield* mirror.read)
      })
      const opened = yield* Fiber.join(opening)
      assert.strictEqual(
        opened._tag === "Failure" && opened.failure._tag === "Refused" && opened.failure.reason,
        "credentials"
      )
    }).pipe(Effect.provide(layer)))

  const nonsense: ReadonlyArray<readonly [string, Uint8Array]> = [
    ["an empty frame", new Uint8Array(0)],
    ["garbage", Uint8Array.of(6, 255, 255, 255)],
    ["a frame of a link", probe(1)],
    ["a proof before any hello", Handshake.encode({ _tag: "Proof", bytes: new Uint8Array(32) })]
  ]
  for (const [what, frame] of nonsense) {
    it.effect(`${what} instead of a hello is refused as malformed`, () =>
      Effect.gen(function*() {
        const [dialled, accepted] = yield* connect
        const accepting = yield* Effect.forkChild(Effect.result(Link.accept(accepted, makeIdentity("acceptor"))))
        yield* dialled.write([frame])
        const result = yield* Fiber.join(accepting)
        assert.strictEqual(
          result._tag === "Failure" && result.failure._tag === "Refused" && result.failure.reason,
          "malformed"
        )
        assert.deepStrictEqual((yield* dialled.read).map(Handshake.decode), [{ _tag: "Refusal", reason: "malformed" }])
      }).pipe(Effect.provide(layer)))
  }

  it.effect("a connection that ends in the middle is a WendyConnectionError", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const listener = yield* transport.listen(here, listenOptions)
      yield* serve(listener, (connection) => Effect.asVoid(connection.read))
      const dialled = yield* transport.dial(listener.address, dialOptions)
      const error = yield* Effect.flip(Link.open(dialled, makeIdentity("dialler")))
      assert.strictEqual(error._tag, "WendyConnectionError")
    }).pipe(Effect.provide(layer)))

  it.effect("frames that came right behind the last proof belong to the link", () =>
    Effect.gen(function*() {
      const [dialled, accepted] = yield* connect
      const accepting = yield* Effect.forkChild(Link.accept(accepted, makeIdentity("acceptor")))
      const near = yield* Link.open({
        ...dialled,
        write: (frames) =>
          dialled.write(
            Handshake.decode(frames[0]!)?._tag === "Proof" ? [...frames, probe(1), probe(2)] : frames
          )
      }, makeIdentity("dialler"))
      assert.isTrue(near.isDialled)
      const far = yield* run(yield* Fiber.join(accepting))
      yield* untilStill(() => far.frames().length)
      assert.deepStrictEqual(far.frames(), [Frame.decode(probe(1)), Frame.decode(probe(2))])
    }).pipe(Effect.provide(layer)))
})

describe("Link: custom credentials", () => {
  const encoder = new TextEncoder()
  const decoder = new TextDecoder()

  type Custom = Parameters<typeof Credentials.make>[0]

  /** Shows one word, and finds one word good. */
  const word = (mine: string, theirs: string): Custom => ({
    marshal: () => encoder.encode(mine),
    valid: (bytes) => decoder.decode(bytes) === theirs
  })

  const shakeCustom = (mine: Custom, theirs: Custom) =>
    shake(makeIdentity("dialler", { custom: mine }), makeIdentity("acceptor", { custom: theirs }))

  type Outcome = Effect.Success<ReturnType<typeof shake>>[number]

  const assertRefused = (outcome: Outcome, by: "self" | "peer", message = /credentials/) => {
    assert.strictEqual(outcome._tag, "Failure")
    if (outcome._tag === "Success") return
    assert.deepInclude(outcome.failure, { _tag: "Refused", reason: "credentials", by })
    assert.match(outcome.failure.message, message)
  }

  it.effect("good ones open the link; the dialler shows first, and each end is checked before it learns more", () =>
    Effect.gen(function*() {
      const calls: Array<string> = []
      const noting = (who: string, { marshal, valid }: Custom): Custom => ({
        marshal: () => {
          calls.push(`${who} shows`)
          return marshal()
        },
        valid: (bytes) => {
          calls.push(`${who} checks ${decoder.decode(bytes)}`)
          return valid(bytes)
        }
      })
      const [near, far] = yield* shakeCustom(
        noting("dialler", word("from the dialler", "from the acceptor")),
        noting("acceptor", word("from the acceptor", "from the dialler"))
      )
      assert.deepStrictEqual([near._tag, far._tag], ["Success", "Success"])
      assert.deepStrictEqual(calls, [
        "dialler shows",
        "acceptor checks from the dialler",
        "acceptor shows",
        "dialler checks from the acceptor"
      ])
    }).pipe(Effect.provide(layer)))

  it.effect("effects do as well as plain values, and are asked anew each time", () =>
    Effect.gen(function*() {
      let shown = 0
      const credentials: Custom = {
        marshal: () => Effect.sync(() => Uint8Array.of(shown++)),
        valid: (bytes) => Effect.as(Effect.yieldNow, bytes.length === 1)
      }
      for (let count = 1; count <= 3; count++) {
        const [near, far] = yield* shakeCustom(credentials, credentials)
        assert.deepStrictEqual([near._tag, far._tag], ["Success", "Success"])
        assert.strictEqual(shown, count * 2)
      }
    }).pipe(Effect.provide(layer)))

  it.effect("Go Wendy defect 36: nothing is answered, and nothing shown, before what came has been checked", () =>
    Effect.gen(function*() {
      const [dialled, accepted] = yield* connect
      let hasShown = false
      const identity = makeIdentity("acceptor", {
        custom: {
          marshal: () => {
            hasShown = true
            return encoder.encode("from the acceptor")
          },
          valid: () => Effect.as(Effect.sleep("500 millis"), false)
        }
      })
      const accepting = yield* Effect.forkChild(Effect.result(Link.accept(accepted, identity)))
      const opening = yield* Effect.forkChild(
        Effect.result(Link.open(dialled, makeIdentity("dialler", { custom: word("wrong", "from the acceptor") })))
      )
      yield* untilStill(() => 0)
      yield* TestClock.adjust("499 millis")
      assert.isUndefined(opening.pollUnsafe())
      assert.isUndefined(accepting.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assertRefused(yield* Fiber.join(opening), "peer", /credentials do not match/)
      assertRefused(yield* Fiber.join(accepting), "self", /credentials do not match/)
      assert.isFalse(hasShown, "a stranger must not learn what is good")
    }).pipe(Effect.provide(layer)))

  it.effect("where only the dialler says no, the acceptor has no link either", () =>
    Effect.gen(function*() {
      const [near, far] = yield* shakeCustom(word("good", "another"), word("from the acceptor", "good"))
      assertRefused(near, "self", /credentials do not match/)
      assertRefused(far, "peer", /credentials do not match/)
    }).pipe(Effect.provide(layer)))

  it.effect("Go Wendy defect 44: no bytes at all are checked like any others", () =>
    Effect.gen(function*() {
      const lengths: Array<number> = []
      const strict: Custom = {
        marshal: () => encoder.encode("good"),
        valid: (bytes) => {
          lengths.push(bytes.length)
          return decoder.decode(bytes) === "good"
        }
      }
      const empty: Custom = { marshal: () => new Uint8Array(0), valid: () => true }
      const [near, far] = yield* shakeCustom(empty, strict)
      assertRefused(near, "peer")
      assertRefused(far, "self")
      const [other, another] = yield* shakeCustom(strict, empty)
      assertRefused(other, "self")
      assertRefused(another, "peer")
      assert.deepStrictEqual(lengths, [0, 0])
    }).pipe(Effect.provide(layer)))

  /** What an application may do instead of giving an answer. */
  const misbehaviours: ReadonlyArray<readonly [string, () => Effect.Effect<never, unknown>]> = [
    ["throws", () => {
      throw new Error("secret")
    }],
    ["fails", () => Effect.fail("secret")],
    ["dies", () => Effect.die("secret")],
    ["interrupts itself", () => Effect.interrupt],
    ["never ends", () => Effect.never],
    ["never ends, and does not let itself be interrupted", () => Effect.uninterruptible(Effect.never)]
  ]
  const good = word("good", "good")
  for (const [what, misbehave] of misbehaviours) {
    for (const which of ["marshal", "valid"] as const) {
      it.effect(`a ${which} that ${what} is a refusal at both ends, and its error is dropped`, () =>
        Effect.gen(function*() {
          for (const isDialler of [true, false]) {
            const bad = { ...good, [which]: misbehave }
            const shaking = yield* Effect.forkChild(isDialler ? shakeCustom(bad, good) : shakeCustom(good, bad))
            yield* untilStill(() => 0)
            yield* TestClock.adjust("1 second")
            const outcomes = yield* Fiber.join(shaking)
            const [self, peer] = isDialler ? outcomes : outcomes.toReversed()
            assertRefused(self!, "self", which === "valid" ? /could not be checked/ : /no credentials to show/)
            assertRefused(peer!, "peer", /credentials do not match/)
            for (const outcome of outcomes) {
              if (outcome._tag === "Failure") assert.notInclude(inspect(outcome.failure, { depth: 9 }), "secret")
            }
          }
        }).pipe(Effect.provide(layer)))
    }
  }

  it.effect("an answer that is only like a yes is no", () =>
    Effect.gen(function*() {
      for (const answer of [1, "true", {}, Promise.resolve(true), undefined, null]) {
        const [near, far] = yield* shakeCustom(good, { ...good, valid: (() => answer) as never })
        assertRefused(near, "peer")
        assertRefused(far, "self")
      }
    }).pipe(Effect.provide(layer)))

  it.effect("4,096 bytes are carried; what is longer, or no bytes, is a refusal that says so", () =>
    Effect.gen(function*() {
      for (const size of [0, 1, 4095, 4096]) {
        const all = Buffer.alloc(size, 7)
        const credentials: Custom = { marshal: () => all, valid: (bytes) => Buffer.compare(bytes, all) === 0 }
        const [near, far] = yield* shakeCustom(credentials, credentials)
        assert.deepStrictEqual([near._tag, far._tag], ["Success", "Success"], `${size} bytes`)
      }
      for (const size of [4097, 100_000]) {
        const long: Custom = { marshal: () => new Uint8Array(size), valid: () => true }
        const message = new RegExp(`have ${size} bytes; at most 4096`)
        const [near, far] = yield* shakeCustom(long, good)
        assertRefused(near, "self", message)
        assertRefused(far, "peer")
        const [other, another] = yield* shakeCustom(good, long)
        assertRefused(other, "peer")
        assertRefused(another, "self", message)
      }
      for (const none of ["secret", [1, 2], undefined]) {
        const [near, far] = yield* shakeCustom({ ...good, marshal: (() => none) as never }, good)
        assertRefused(near, "self", /no credentials to show/)
        assertRefused(far, "peer")
        if (near._tag === "Failure") assert.notInclude(inspect(near.failure, { depth: 9 }), "secret")
      }
    }).pipe(Effect.provide(layer)))

  it.effect("what the handshake does not ask for, an early Accepted too, is refused as malformed", () =>
    Effect.gen(function*() {
      for (
        const frames of [
          [Handshake.encode({ _tag: "Accepted" })],
          [Handshake.encode({ _tag: "Proof", bytes: encoder.encode("good") }), probe(1)]
        ]
      ) {
        const [dialled, accepted] = yield* connect
        const accepting = yield* Effect.forkChild(
          Effect.result(Link.accept(accepted, makeIdentity("acceptor", { custom: good })))
        )
        const opening = yield* Effect.forkChild(Effect.exit(Link.open({
          ...dialled,
          write: (own) => dialled.write(Handshake.decode(own[0]!)?._tag === "Hello" ? own : frames as typeof own)
        }, makeIdentity("dialler", { custom: good }))))
        const result = yield* Fiber.join(accepting)
        assert.strictEqual(
          result._tag === "Failure" && result.failure._tag === "Refused" && result.failure.reason,
          "malformed"
        )
        yield* Fiber.interrupt(opening)
      }
    }).pipe(Effect.provide(layer)))

  it.effect("frames that came right behind Accepted belong to the link", () =>
    Effect.gen(function*() {
      const [dialled, accepted] = yield* connect
      const accepting = yield* Effect.forkChild(Link.accept(accepted, makeIdentity("acceptor", { custom: good })))
      yield* Link.open({
        ...dialled,
        write: (frames) =>
          dialled.write(
            Handshake.decode(frames[0]!)?._tag === "Accepted" ? [...frames, probe(1), probe(2)] : frames
          )
      }, makeIdentity("dialler", { custom: good }))
      const far = yield* run(yield* Fiber.join(accepting))
      yield* untilStill(() => far.frames().length)
      assert.deepStrictEqual(far.frames(), [Frame.decode(probe(1)), Frame.decode(probe(2))])
    }).pipe(Effect.provide(layer)))
})

describe("Link: the lanes", () => {
  it.effect("control goes ahead of data, and each lane keeps its order", () =>
    Effect.gen(function*() {
      const { far, near } = yield* linked
      for (let index = 0; index < 100; index++) {
        near.sendData(Frame.acknowledged(0, index))
        near.sendControl(probe(index))
      }
      const received = yield* run(far)
      yield* run(near)
      yield* untilStill(() => received.frames().length)
      const frames = received.frames()
      assert.lengthOf(frames, 200)
      assert.deepStrictEqual(
        frames.slice(0, 100).map((frame) =>
          frame._tag === "Control" && frame.message._tag === "Probe" && frame.message.sequence
        ),
        Array.from({ length: 100 }, (_, index) => index)
      )
      assert.deepStrictEqual(
        frames.slice(100).map((frame) => frame._tag === "Acknowledged" && frame.upTo),
        Array.from({ length: 100 }, (_, index) => index)
      )
      assert.isAtMost(received.batches.length, 10, "what waits together goes together")
    }).pipe(Effect.provide(layer)))

  it.effect("control overtakes data that waits for a slow reader", () =>
    Effect.gen(function*() {
      const { accepted, near } = yield* linked
      yield* run(near)
      for (let index = 0; index < 10_000; index++) near.sendData(Frame.acknowledged(0, index))
      const all: Array<Frame.Frame> = []
      yield* untilStill(() => 0)
      near.sendControl(probe(1))
      while (all.length < 10_001) all.push(...(yield* readMarked(accepted)).map(Frame.decode))
      const position = all.findIndex((frame) => frame._tag === "Control")
      assert.isBelow(position, 3000, "only what was on its way already stays in front of it")
      assert.isAbove(position, 0)
    }).pipe(Effect.provide(layer)))

  it.effect("close writes what waits, then Bye, and both ends end; nothing is taken after it", () =>
    Effect.gen(function*() {
      const { accepted, near } = yield* linked
      const sending = yield* run(near)
      near.sendData(Frame.acknowledged(0, 1))
      near.close()
      near.sendData(Frame.acknowledged(0, 2))
      near.sendControl(probe(3))
      const error = yield* sending.end
      assert.nestedInclude(error, { _tag: "WendyConnectionError", "reason._tag": "Closed" })
      assert.deepStrictEqual((yield* accepted.read).map((frame) => Frame.decode(frame)._tag), ["Acknowledged", "Bye"])
    }).pipe(Effect.provide(layer)))

  it.effect("a peer that reads nothing is given up when too much waits for it", () =>
    Effect.gen(function*() {
      const { near } = yield* linked
      const sending = yield* run(near)
      for (let index = 0; index < 70_000 && sending.fiber.pollUnsafe() === undefined; index++) {
        near.sendControl(probe(index))
        if (index % 1000 === 0) yield* Effect.yieldNow
      }
      assert.nestedInclude(yield* sending.end, { _tag: "WendyConnectionError", "reason._tag": "Reset" })
    }).pipe(Effect.provide(layer)))

  it.effect("a peer that reads nothing is given up when too many bytes wait for it", () =>
    Effect.gen(function*() {
      const { near } = yield* linked
      const sending = yield* run(near)
      const large = new Uint8Array(1024 * 1024)
      for (let index = 0; index < 100 && sending.fiber.pollUnsafe() === undefined; index++) {
        near.sendControl(large)
        yield* Effect.yieldNow
      }
      assert.nestedInclude(yield* sending.end, { _tag: "WendyConnectionError", "reason._tag": "Reset" })
    }).pipe(Effect.provide(layer)))

  it.effect("a peer that reads nothing does not hold up a close for ever", () =>
    Effect.gen(function*() {
      const { near } = yield* linked
      const sending = yield* run(near)
      for (let index = 0; index < 5000; index++) near.sendData(Frame.acknowledged(0, index))
      yield* untilStill(() => 0)
      near.close()
      assert.isUndefined(sending.fiber.pollUnsafe())
      yield* TestClock.adjust("5 seconds")
      assert.nestedInclude(yield* sending.end, { _tag: "WendyConnectionError", "reason._tag": "Closed" })
    }).pipe(Effect.provide(layer)))
})

describe("Link: bulk data", () => {
  it.effect("large frames arrive whole and in order, and what is small with them", () =>
    Effect.gen(function*() {
      const { far, near } = yield* linked
      const received = yield* run(far)
      yield* run(near)
      const sizes = [1_000_000, 10, 65_536, 300_000, 10, 1_000_000, 4_000]
      const sent = sizes.map(routed)
      for (const frame of sent) near.sendData(frame)
      yield* untilStill(() => received.frames().length)
      assert.deepStrictEqual(received.frames(), sent.map(Frame.decode))
    }).pipe(Effect.provide(layer)))

  it.effect("a large frame goes in parts, as far as the other end answers, and control passes between them", () =>
    Effect.gen(function*() {
      const { accepted, near } = yield* linked
      const told: Array<number> = []
      yield* run(near, { arriving: () => {}, progressed: (frames) => told.push(frames), stalled: () => {} })
      const frame = routed(1_000_000)
      near.sendData(frame)
      yield* untilStill(() => 0)
      near.sendControl(probe(1))
      yield* untilStill(() => 0)
      // Nothing has been answered yet.
      const first = yield* accepted.read
      assert.isBelow(first.reduce((sum, { length }) => sum + length, 0), 64 * 1024)
      assert.strictEqual(Frame.decode(first.at(-1)!)._tag, "Control")
      const parts: Array<LinkFrame.Part> = []
      const take = Effect.fnUntraced(function*(frames: ReadonlyArray<Uint8Array>) {
        for (const bytes of frames) {
          const own = LinkFrame.decode(bytes)
          if (own?._tag === "Part") parts.push(own)
          if (own?._tag === "Mark") yield* accepted.write([LinkFrame.progress(own.count)])
        }
      })
      yield* take(first)
      while (parts.at(-1)!.offset + parts.at(-1)!.bytes.length < frame.length) yield* take(yield* accepted.read)
      assert.deepStrictEqual(Buffer.concat(parts.map(({ bytes }) => bytes)), Buffer.from(frame))
      near.sendData(routed(1_000_000))
      yield* take(yield* accepted.read)
      yield* untilStill(() => told.length)
      assert.isAbove(told.filter((frames) => frames === 0).length, 10)
      assert.strictEqual(told.at(-1), 1)
    }).pipe(Effect.provide(layer)))

  it.effect("an end that speaks version 1 gets everything whole and at once, and no marks", () =>
    Effect.gen(function*() {
      const { dialled, far } = yield* linkedToOld
      assert.strictEqual(far.peer.version, 1)
      yield* run(far)
      const sent = [1_000_000, 10, 1_000_000].map(routed)
      for (const frame of sent) far.sendData(frame)
      const received: Array<Uint8Array> = []
      while (received.length < sent.length) received.push(...(yield* dialled.read))
      assert.deepStrictEqual(received, sent)
    }).pipe(Effect.provide(layer)))

  it.effect("of an end that speaks version 1 a part is nonsense", () =>
    Effect.gen(function*() {
      const { dialled, far } = yield* linkedToOld
      const received = yield* run(far)
      const frame = routed(100)
      yield* dialled.write([LinkFrame.part(0, 0, frame, 0, 50)])
      assert.match((yield* received.end).message, /unknown kind 11/)
    }).pipe(Effect.provide(layer)))

  it.effect("parts and marks that arrive are told of, and marks are answered on the control lane", () =>
    Effect.gen(function*() {
      const { dialled, far } = yield* linked
      let arriving = 0
      const received = yield* run(far, { arriving: () => arriving++, progressed: () => {}, stalled: () => {} })
      const frame = routed(100)
      yield* dialled.write([LinkFrame.part(0, 7, frame, 0, 50), LinkFrame.mark(2 ** 32 - 1)])
      assert.deepStrictEqual((yield* dialled.read).map(LinkFrame.decode), [{ _tag: "Progress", count: 2 ** 32 - 1 }])
      assert.strictEqual(arriving, 2)
      assert.lengthOf(received.frames(), 0)
      yield* dialled.write([LinkFrame.part(0, 7, frame, 50, frame.length)])
      yield* untilStill(() => received.frames().length)
      assert.deepStrictEqual(received.frames(), [Frame.decode(frame)])
    }).pipe(Effect.provide(layer)))

  it.effect("a frame whose parts do not all come is dropped, and nothing else", () =>
    Effect.gen(function*() {
      const { dialled, far } = yield* linked
      const received = yield* run(far)
      const [one, other] = [routed(1_000, 1), routed(1_000, 2)] as const
      const part = (number: number, frame: Uint8Array, from: number) =>
        LinkFrame.part(0, number, frame, from, Math.min(from + 400, frame.length))
      yield* dialled.write([
        part(1, one, 0),
        part(1, one, 800),
        part(2, other, 400),
        part(2, other, 0),
        part(2, other, 400),
        // Twice.
        part(2, other, 0),
        part(2, other, 400),
        part(2, other, 400),
        part(2, other, 800)
      ])
      yield* untilStill(() => received.frames().length)
      assert.deepStrictEqual(received.frames(), [Frame.decode(other)])
      assert.isUndefined(received.fiber.pollUnsafe())
    }).pipe(Effect.provide(layer)))

  const frame = routed(100)
  const bad: ReadonlyArray<readonly [string, Uint8Array, RegExp]> = [
    [
      "a part of a frame above the limit",
      LinkFrame.part(0, 0, new Uint8Array(2 * 1024 * 1024), 0, 10),
      /raise maxValueSize/
    ],
    ["a part of nothing", LinkFrame.part(0, 0, frame, 0, 0), /empty part/],
    [
      "a part beyond its frame",
      Buffer.concat([LinkFrame.part(0, 0, frame, 100, frame.length), frame]),
      /beyond its frame/
    ],
    ["a part of a lane that is not", LinkFrame.part(200, 0, frame, 0, 10), /unknown lane 200/],
    ["a mark of another length", LinkFrame.mark(1).subarray(0, 3), /count of the wrong length/],
    ["a part in a part", LinkFrame.part(0, 0, LinkFrame.part(0, 0, frame, 0, 10), 0, 24), /unknown kind 11/],
    ["a broken frame in parts", LinkFrame.part(0, 0, Uint8Array.of(2, 0, 0), 0, 3), /broken header/]
  ]
  for (const [what, bytes, message] of bad) {
    it.effect(`${what} ends the link with Malformed, after the frames before it`, () =>
      Effect.gen(function*() {
        const { dialled, far } = yield* linked
        const received = yield* run(far)
        yield* dialled.write([probe(1), bytes, probe(2)])
        const error = yield* received.end
        assert.strictEqual(error._tag, "Malformed")
        assert.match(error.message, message)
        assert.deepStrictEqual(received.frames(), [Frame.decode(probe(1))])
      }).pipe(Effect.provide(layer)))
  }

  it.effect("an answer to a mark that was never sent is no news", () =>
    Effect.gen(function*() {
      const { accepted, near } = yield* linked
      const told: Array<number> = []
      const running = yield* run(near, {
        arriving: () => {},
        progressed: (frames) => told.push(frames),
        stalled: () => {}
      })
      near.sendData(routed(100_000))
      yield* accepted.write([0, 5, 2 ** 32 - 1].map(LinkFrame.progress))
      yield* untilStill(() => 0)
      assert.deepStrictEqual(told, [])
      assert.isUndefined(running.fiber.pollUnsafe())
    }).pipe(Effect.provide(layer)))

  it.effect("data that does not arrive is asked for, more and more rarely, and told of once where the other end is heard", () =>
    Effect.gen(function*() {
      const { accepted, near } = yield* linked
      const stalled: Array<number> = []
      yield* run(near, { arriving: () => {}, progressed: () => {}, stalled: (time) => stalled.push(Math.round(time)) })
      near.sendData(routed(1_000_000))
      const marks: Array<number> = []
      for (let second = 0; second < 20; second++) {
        yield* untilStill(() => 0)
        yield* accepted.write([probe(second)])
        yield* TestClock.adjust("1 second")
        yield* untilStill(() => 0)
        const frames = yield* Effect.timeoutOption(accepted.read, 0)
        if (frames._tag === "Some" && frames.value.some((frame) => LinkFrame.decode(frame)?._tag === "Mark")) {
          marks.push(second + 1)
        }
      }
      assert.deepStrictEqual(stalled, [3_000])
      assert.deepStrictEqual(marks, [1, 3, 7, 15])
    }).pipe(Effect.provide(layer)))
})

describe("Link: what arrives", () => {
  const bad: ReadonlyArray<readonly [string, Uint8Array, RegExp]> = [
    ["an unknown kind", Uint8Array.of(99), /unknown kind 99/],
    ["an empty frame", new Uint8Array(0), /empty frame/],
    ["a broken envelope", Uint8Array.of(2, 0, 0, 0, 0), /broken header/],
    ["a control message of another schema", Uint8Array.of(1, 9, 9, 9), /does not match its schema/],
    ["a frame of the handshake", Handshake.encode({ _tag: "Refusal", reason: "full" }), /unknown kind 6/]
  ]
  for (const [what, frame, message] of bad) {
    it.effect(`${what} ends the link with Malformed, after the frames before it`, () =>
      Effect.gen(function*() {
        const { dialled, far } = yield* linked
        const received = yield* run(far)
        yield* dialled.write([probe(1), probe(2), frame, probe(3)])
        const error = yield* received.end
        assert.strictEqual(error._tag, "Malformed")
        assert.match(error.message, message)
        assert.deepStrictEqual(received.frames(), [Frame.decode(probe(1)), Frame.decode(probe(2))])
      }).pipe(Effect.provide(layer)))
  }

  it.effect("the end of the connection ends the link, after the frames before it", () =>
    Effect.gen(function*() {
      const network = yield* Memory.Network
      const { far, near } = yield* linked
      const received = yield* run(far)
      const sending = yield* run(near)
      near.sendControl(probe(1))
      yield* untilStill(() => received.frames().length)
      yield* network.reset("127.0.0.1")
      assert.nestedInclude(yield* received.end, { _tag: "WendyConnectionError", "reason._tag": "Reset" })
      assert.nestedInclude(yield* sending.end, { _tag: "WendyConnectionError", "reason._tag": "Reset" })
      assert.deepStrictEqual(received.frames(), [Frame.decode(probe(1))])
    }).pipe(Effect.provide(layer)))

  it.effect("a receiver that is slow holds up the sender, not the control that it sends back", () =>
    Effect.gen(function*() {
      const { far, near } = yield* linked
      const gate = yield* Deferred.make<void>()
      let taken = 0
      yield* Effect.forkScoped(
        Effect.ignore(far.run((frames) =>
          Effect.andThen(
            Deferred.await(gate),
            Effect.sync(() => {
              taken += frames.length
            })
          )
        )),
        { startImmediately: true }
      )
      const back = yield* run(near)
      for (let index = 0; index < 2000; index++) near.sendData(Frame.acknowledged(0, index))
      far.sendControl(probe(7))
      yield* untilStill(() => back.frames().length)
      assert.deepStrictEqual(back.frames(), [Frame.decode(probe(7))])
      assert.strictEqual(taken, 0)
      yield* Deferred.succeed(gate, undefined)
      yield* untilStill(() => taken)
      assert.strictEqual(taken, 2000)
    }).pipe(Effect.provide(layer)))
})
