import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import { TestClock } from "effect/testing"
import * as Credentials from "../../src/protocol/Credentials.ts"
import * as Frame from "../../src/protocol/Frame.ts"
import * as Handshake from "../../src/protocol/Handshake.ts"
import * as Node from "../../src/ring/Node.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as Link from "../../src/transport/Link.ts"
import * as Memory from "../../src/transport/Memory.ts"
import { type Connection, type ConnectionError, Transport } from "../../src/transport/Transport.ts"
import { dialOptions, here, listenOptions, serve, untilStill } from "./contract.ts"

const makeNode = (name: string, incarnation = 1) =>
  new Node.Node({
    id: NodeId.fromString(name),
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
    readonly passphrase?: string
    readonly incarnation?: number
  } = {}
): Link.Identity => {
  const cluster = options.cluster ?? "wendy"
  const credentials = options.passphrase === undefined
    ? Credentials.none
    : Credentials.passphrase(Redacted.make(options.passphrase))
  return {
    cluster,
    role: options.role ?? "member",
    node: makeNode(name, options.incarnation),
    credentials: options.passphrase === undefined ? "none" : "passphrase",
    proofKey: Handshake.makeProofKey(credentials, cluster),
    nonce: Effect.sync(() => NodeId.fromString(`nonce ${nonces++}`))
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

/** Runs a link, and collects the batches that arrive and how it ends. */
const run = Effect.fnUntraced(function*(link: Link.Link) {
  const batches: Array<ReadonlyArray<Frame.Frame>> = []
  const fiber = yield* Effect.forkScoped(
    Effect.flip(link.run((frames) => Effect.sync(() => batches.push(frames)))) as Effect.Effect<
      ConnectionError | Link.Malformed
    >,
    { startImmediately: true }
  )
  return { batches, frames: () => batches.flat(), end: Fiber.join(fiber), fiber }
})

const probe = (sequence: number) => Frame.control({ _tag: "Probe", sequence, ready: true, wantsLeaves: false })

const layer = Memory.layerAlone

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

  it.effect("a connection that ends in the middle is a ConnectionError", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const listener = yield* transport.listen(here, listenOptions)
      yield* serve(listener, (connection) => Effect.asVoid(connection.read))
      const dialled = yield* transport.dial(listener.address, dialOptions)
      const error = yield* Effect.flip(Link.open(dialled, makeIdentity("dialler")))
      assert.strictEqual(error._tag, "ConnectionError")
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

describe("Link: the lanes", () => {
  it.effect("control goes ahead of data, and each lane keeps its order", () =>
    Effect.gen(function*() {
      const { far, near } = yield* linked
      for (let index = 0; index < 100; index++) {
        near.sendData(Frame.acknowledged(index))
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
      for (let index = 0; index < 10_000; index++) near.sendData(Frame.acknowledged(index))
      const all: Array<Frame.Frame> = []
      yield* untilStill(() => 0)
      near.sendControl(probe(1))
      while (all.length < 10_001) all.push(...(yield* accepted.read).map(Frame.decode))
      const position = all.findIndex((frame) => frame._tag === "Control")
      assert.isBelow(position, 3000, "only what was on its way already stays in front of it")
      assert.isAbove(position, 0)
    }).pipe(Effect.provide(layer)))

  it.effect("close writes what waits, then Bye, and both ends end; nothing is taken after it", () =>
    Effect.gen(function*() {
      const { accepted, near } = yield* linked
      const sending = yield* run(near)
      near.sendData(Frame.acknowledged(1))
      near.close()
      near.sendData(Frame.acknowledged(2))
      near.sendControl(probe(3))
      const error = yield* sending.end
      assert.deepInclude(error, { _tag: "ConnectionError", reason: "Closed" })
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
      assert.deepInclude(yield* sending.end, { _tag: "ConnectionError", reason: "Reset" })
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
      assert.deepInclude(yield* sending.end, { _tag: "ConnectionError", reason: "Reset" })
    }).pipe(Effect.provide(layer)))

  it.effect("a peer that reads nothing does not hold up a close for ever", () =>
    Effect.gen(function*() {
      const { near } = yield* linked
      const sending = yield* run(near)
      for (let index = 0; index < 5000; index++) near.sendData(Frame.acknowledged(index))
      yield* untilStill(() => 0)
      near.close()
      assert.isUndefined(sending.fiber.pollUnsafe())
      yield* TestClock.adjust("5 seconds")
      assert.deepInclude(yield* sending.end, { _tag: "ConnectionError", reason: "Closed" })
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
      assert.deepInclude(yield* received.end, { _tag: "ConnectionError", reason: "Reset" })
      assert.deepInclude(yield* sending.end, { _tag: "ConnectionError", reason: "Reset" })
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
      for (let index = 0; index < 2000; index++) near.sendData(Frame.acknowledged(index))
      far.sendControl(probe(7))
      yield* untilStill(() => back.frames().length)
      assert.deepStrictEqual(back.frames(), [Frame.decode(probe(7))])
      assert.strictEqual(taken, 0)
      yield* Deferred.succeed(gate, undefined)
      yield* untilStill(() => taken)
      assert.strictEqual(taken, 2000)
    }).pipe(Effect.provide(layer)))
})
