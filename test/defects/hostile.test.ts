import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Deduplication from "../../src/core/Deduplication.ts"
import * as Frame from "../../src/protocol/Frame.ts"
import * as Handshake from "../../src/protocol/Handshake.ts"
import * as Node from "../../src/ring/Node.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as Tcp from "../../src/transport/Tcp.ts"
import {
  checkWorks,
  collectEvents,
  connectRaw,
  evenIds,
  type Harness,
  helloOf,
  keys,
  listenRaw,
  makePeer,
  type RawMessage,
  shakeHands,
  takeFrames,
  writeFrames
} from "./../cluster/Rig.ts"
import { makeHarness, nodeOf, outgoing, realTime, text } from "../ClusterHarness.ts"

/** Four Nodes over TCP; afterwards all is as before. */
const against = (
  title: string,
  body: (harness: Harness) => Effect.Effect<void, unknown, Effect.Services<ReturnType<typeof connectRaw>>>
) =>
  it.live(title, () =>
    Effect.gen(function*() {
      const harness = yield* makeHarness(realTime)
      for (const id of evenIds(4)) {
        yield* harness.during((yield* harness.join({ id, config: { handshakeTimeout: 500 } })).cluster.ready)
      }
      yield* harness.waitUntil("exact leaf sets", harness.isExact, "10 seconds", "5 millis")
      const events = yield* Effect.forEach(harness.members, ({ cluster }) => collectEvents(cluster))
      yield* Effect.scoped(body(harness))
      yield* harness.waitUntil("exact leaf sets after the attack", harness.isExact, "10 seconds", "5 millis")
      yield* checkWorks(harness, "after")
      yield* harness.checkCoverage(keys, true)
      for (const seen of events) assert.isFalse(seen.some(({ _tag }) => _tag === "NotReady"))
    }).pipe(Effect.provide(Tcp.layer)))

describe("hostile input", () => {
  against(
    "Go Wendy defect 38: a row, a count of hops or a side that is out of range ends its connection, and no more",
    (
      harness
    ) =>
      Effect.gen(function*() {
        const { port } = harness.members[1]!.cluster.address
        const me = makePeer()
        const real = [
          Frame.control({ _tag: "RowRequest", row: 31 }),
          Frame.control({ _tag: "JoinRequest", joiner: me, attempt: 1, hops: 64, rows: [] }),
          Frame.control({ _tag: "Meet", as: "successor" }),
          Frame.control({ _tag: "Renew", sequence: 1, as: "successor", replaces: undefined, attempt: 0, waited: false })
        ]
        let malformed = 0
        for (const frame of real) {
          let sample: Uint8Array | undefined
          // Every value in every place: what is not refused is within its range.
          for (let at = 1; at < frame.length; at++) {
            for (let value = 0; value < 256; value++) {
              const changed = frame.slice()
              changed[at] = value
              const decoded = Frame.decode(changed)
              if (decoded._tag === "Malformed") {
                malformed++
                sample = changed
              } else if (decoded._tag === "Control" && decoded.message._tag === "RowRequest") {
                assert.isTrue(decoded.message.row >= 0 && decoded.message.row < NodeId.digits)
              } else if (decoded._tag === "Control" && decoded.message._tag === "JoinRequest") {
                assert.isTrue(decoded.message.hops >= 0 && decoded.message.hops <= 64)
              }
            }
          }
          const raw = yield* shakeHands(port, me)
          writeFrames(raw, sample!)
          yield* harness.waitUntil("the connection ends", Effect.sync(() => raw.isEnded), "5 seconds", "5 millis")
        }
        assert.isAbove(malformed, 100)
        const { malformed: counted } = yield* harness.members[1]!.cluster.statistics
        assert.strictEqual(counted, real.length)
      })
  )

  it("Go Wendy defect 39: the largest numbers cost no more than small ones", () => {
    // Each of these would take years if anything counted up to it.
    const largest = Number.MAX_SAFE_INTEGER
    const deduplication = Deduplication.make()
    const message = { key: NodeId.zero, origin: NodeId.zero, incarnation: largest }
    for (const [counter, floor] of [[0, 0], [largest - 1, 0], [largest, largest]] as const) {
      Deduplication.takeConfirmed(deduplication, { ...message, counter, floor })
      Deduplication.takeAcknowledged(deduplication, NodeId.zero, largest, counter)
    }
    Deduplication.takeOver(deduplication, [{ ...message, counter: largest }])
    assert.isAtMost(deduplication.delivered, 2)
  })

  against(
    "Go Wendy defect 39: a Node whose incarnation is the largest number stops nobody",
    (harness) =>
      Effect.gen(function*() {
        const { port } = harness.members[0]!.cluster.address
        const me = makePeer({ incarnation: Number.MAX_SAFE_INTEGER })
        const raw = yield* shakeHands(port, me)
        writeFrames(
          raw,
          Frame.control({ _tag: "Joined", attempt: Number.MAX_SAFE_INTEGER }),
          Frame.control({ _tag: "Probe", sequence: Number.MAX_SAFE_INTEGER, ready: true, wantsLeaves: true })
        )
        assert.lengthOf(yield* takeFrames(raw, 2), 2)
        writeFrames(raw, Frame.control({ _tag: "Leaving", reason: "left", attempt: 0, delivered: [], floors: [] }))
      })
  )

  against(
    "Go Wendy defects 40 and 41: nobody can say in another's name that it has gone, or is elsewhere",
    (harness) =>
      Effect.gen(function*() {
        const [asked, victim] = harness.members
        const stolen: Array<Uint8Array> = []
        const trap = yield* listenRaw((raw) => {
          stolen.push(...raw.frames)
        })
        const forged = new Node.Node({
          ...nodeOf(victim!.cluster),
          incarnation: Number.MAX_SAFE_INTEGER - 1,
          port: trap.port
        })
        for (const member of harness.members.filter((member) => member !== victim)) {
          const raw = yield* shakeHands(member.cluster.address.port, forged)
          writeFrames(
            raw,
            Frame.control({ _tag: "Joined", attempt: 1 }),
            Frame.control({
              _tag: "Renew",
              sequence: 1,
              as: "successor",
              replaces: undefined,
              attempt: 0,
              waited: false
            }),
            Frame.control({ _tag: "Failed", node: nodeOf(victim!.cluster) }),
            Frame.control({ _tag: "Probe", sequence: 1, ready: true, wantsLeaves: false }),
            Frame.control({ _tag: "Leaving", reason: "left", attempt: 0, delivered: [], floors: [] })
          )
          yield* takeFrames(raw, 3)
        }
        const { key, ...rest } = outgoing(victim!.cluster.id, "for the true one")
        const receipt = yield* harness.during(asked!.cluster.sendConfirmed({ key, ...rest }), "5 seconds")
        assert.strictEqual(receipt.root.hex, victim!.cluster.id.hex)
        assert.deepStrictEqual(victim!.delivered.map(text), ["for the true one"])
        assert.isEmpty(stolen)
      })
  )

  against("Go Wendy defect 42: a small request makes a Node send nothing large, and no secret, to a third address", (
    harness
  ) =>
    Effect.gen(function*() {
      const received: Array<Buffer> = []
      const dialled: Array<RawMessage> = []
      const third = yield* listenRaw((raw) => {
        dialled.push(raw)
        raw.socket.on("data", (chunk: Buffer) => received.push(chunk))
      })
      // In the gap of the Node that is asked, so that it has to answer the joiner itself, at the address that it gives.
      const joiner = makePeer({ id: NodeId.parse("0123".padEnd(32, "0")), port: third.port })
      const raw = yield* shakeHands(harness.members[0]!.cluster.address.port, makePeer())
      const request = Frame.control({ _tag: "JoinRequest", joiner, attempt: 1, hops: 0, rows: [] })
      writeFrames(raw, request)
      yield* harness.waitUntil(
        "the third address, which does not answer, is given up",
        Effect.sync(() => dialled.length > 0 && dialled.every(({ isEnded }) => isEnded)),
        "5 seconds"
      )
      const bytes = Buffer.concat(received)
      const hello = Handshake.encode(helloOf(nodeOf(harness.members[0]!.cluster)))
      // A greeting, which is no longer than what asked for it; the leaf set follows only a handshake.
      assert.isAbove(bytes.length, 0)
      assert.isAtMost(bytes.length, dialled.length * (hello.length + 64))
      assert.isAtMost(bytes.length, dialled.length * 2 * request.length)
      assert.notInclude(bytes.toString("latin1"), "passphrase")
    }))

  against(
    "Go Wendy defect 42: rumours of many Nodes at one address make a Node send little there",
    (harness) =>
      Effect.gen(function*() {
        const dialled: Array<RawMessage> = []
        let received = 0
        const third = yield* listenRaw((raw) => {
          dialled.push(raw)
          raw.socket.on("data", (chunk: Buffer) => {
            received += chunk.length
            raw.socket.destroy()
          })
        })
        const raw = yield* shakeHands(harness.members[0]!.cluster.address.port, makePeer())
        const leaves = Array.from(
          { length: 200 },
          (_, index) =>
            makePeer({ id: NodeId.parse(`01${(index + 4096).toString(16)}`.padEnd(32, "0")), port: third.port })
        )
        const rumour = Frame.control({ _tag: "JoinedAck", leaves })
        // Who is in no table is not listened to at all.
        writeFrames(raw, Frame.control({ _tag: "Probe", sequence: 1, ready: true, wantsLeaves: false }), rumour)
        yield* harness.waitUntil(
          "all dials are over",
          Effect.sync(() => dialled.length > 0 && dialled.every(({ isEnded }) => isEnded)),
          "10 seconds"
        )
        assert.isAtMost(received, rumour.length)
        assert.isAtMost(dialled.length, 32)
      })
  )

  against(
    "rumours of Nodes at ever other addresses make a Node dial so often, and no more",
    (harness) =>
      Effect.gen(function*() {
        const [victim] = harness.members
        const ports = new Set<number>()
        const thirds = yield* Effect.forEach(
          Array.from({ length: 400 }),
          () => listenRaw(({ socket }) => void ports.add(socket.localPort!))
        )
        const raw = yield* shakeHands(victim!.cluster.address.port, makePeer())
        writeFrames(raw, Frame.control({ _tag: "Probe", sequence: 1, ready: true, wantsLeaves: false }))
        let ghosts = 0
        const { undialled } = yield* victim!.cluster.statistics
        const began = yield* Clock.currentTimeMillis
        const isHeldBack = Effect.gen(function*() {
          const nodes = thirds.slice(ghosts, ghosts + 25).map(({ port }) =>
            makePeer({ id: NodeId.parse(`${(0x10_0000 + ghosts++ * 97).toString(16)}`.padEnd(32, "0")), port })
          )
          if (nodes.length > 0) writeFrames(raw, Frame.control({ _tag: "RowReply", nodes }))
          return (yield* victim!.cluster.statistics).undialled > undialled
        })
        yield* harness.waitUntil("some are not dialled", isHeldBack, "10 seconds", "20 millis")
        const seconds = ((yield* Clock.currentTimeMillis) - began) / 1_000
        assert.isAtMost(ports.size, 256 + 16 * (seconds + 1))
      })
  )

  it.live("where the Nodes of an address block are counted, a member that says it lives elsewhere is refused", () =>
    Effect.gen(function*() {
      const harness = yield* makeHarness(realTime)
      const first = yield* harness.start({ config: { nodesPerBlock: 2 } })
      yield* harness.during(first.cluster.ready)
      const second = yield* harness.join({ config: { nodesPerBlock: 2 } })
      yield* harness.during(second.cluster.ready)
      const raw = yield* connectRaw(first.cluster.address.port)
      const liar = makePeer({ localHost: "203.0.113.7", globalHost: "203.0.113.7" })
      writeFrames(raw, Handshake.encode(helloOf(liar)), Handshake.encode({ _tag: "Proof", bytes: new Uint8Array(0) }))
      const [, answer] = yield* takeFrames(raw, 2)
      assert.deepStrictEqual(Handshake.decode(answer!), { _tag: "Refusal", reason: "address" })
      assert.strictEqual((yield* first.cluster.statistics).refused, 1)
    }).pipe(Effect.provide(Tcp.layer)))
})
