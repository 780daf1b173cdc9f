import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { ClusterConfig } from "../../src/protocol/ClusterConfig.ts"
import { type ClusterEvent, isError } from "../../src/protocol/ClusterEvent.ts"
import * as Envelope from "../../src/protocol/Envelope.ts"
import * as Frame from "../../src/protocol/Frame.ts"
import * as Handshake from "../../src/protocol/Handshake.ts"
import type * as Node from "../../src/ring/Node.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as Tcp from "../../src/transport/Tcp.ts"
import type { Transport } from "../../src/transport/Transport.ts"
import { makeHarness, type Member, nodeOf, realTime, text } from "../ClusterHarness.ts"
import {
  burst,
  checkBurst,
  checkWorks,
  collectEvents,
  connectRaw,
  decodeAll,
  errorsOf,
  type Harness,
  helloOf,
  idOf,
  keys,
  makeClient,
  makePeer,
  type RawMessage,
  shakeHands,
  takeFrames,
  writeFrames
} from "./Rig.ts"

interface Attacked {
  readonly harness: Harness
  readonly victim: Member
  readonly port: number
  readonly events: ReadonlyArray<ClusterEvent>
}

/** Shakes hands; why it was refused, or `undefined`. */
const tryDial = Effect.fnUntraced(function*(port: number, node: Node.Node, options: Partial<Handshake.Hello> = {}) {
  const raw = yield* connectRaw(port)
  writeFrames(
    raw,
    Handshake.encode(helloOf(node, options)),
    Handshake.encode({ _tag: "Proof", bytes: new Uint8Array(0) })
  )
  const answer = Handshake.decode((yield* takeFrames(raw, 2)).at(-1)!)
  return answer?._tag === "Refusal" ? answer.reason : undefined
})

/** Three Nodes over TCP, one of them attacked; after that all is as before. */
const attack = (
  title: string,
  body: (attacked: Attacked) => Effect.Effect<void, unknown, Scope.Scope | Transport>,
  options: { readonly config?: Partial<ClusterConfig>; readonly region?: string; readonly globalHost?: string } = {}
) =>
  it.live(title, () =>
    Effect.gen(function*() {
      const harness = yield* makeHarness(realTime)
      const config: Partial<ClusterConfig> = { handshakeTimeout: 300, ...options.config }
      for (const digits of ["0", "5", "a"]) {
        const member = yield* harness.join({ ...options, id: idOf(digits), config })
        yield* harness.during(member.cluster.ready)
      }
      yield* harness.waitUntil("exact leaf sets", harness.isExact, "10 seconds", "5 millis")
      const victim = harness.members[1]!
      const events = yield* Effect.forEach(harness.members, ({ cluster }) => collectEvents(cluster))
      yield* body({ harness, victim, port: victim.cluster.address.port, events: events[1]! })
      yield* harness.waitUntil("exact leaf sets after the attack", harness.isExact, "10 seconds", "5 millis")
      yield* checkWorks(harness, "after")
      yield* harness.checkCoverage(keys, true)
      for (const [index, seen] of events.entries()) {
        assert.isFalse(seen.some(({ _tag }) => _tag === "NotReady"), "no Node loses its leases")
        if (index !== 1) assert.isEmpty(seen.filter(isError), "nobody else notices")
        const exited = seen.filter((event) =>
          event._tag === "NodeExited" && harness.members.some(({ cluster }) => cluster.id.hex === event.node.hex)
        )
        assert.isEmpty(exited, "no true Node is taken for dead")
      }
    }).pipe(Effect.provide(Tcp.layer)))

const routed = (
  header: Partial<Envelope.Header> & Pick<Envelope.Header, "key" | "origin">,
  word: string,
  sequence: number
) => {
  const frame = Envelope.make({
    deliveryClass: "confirmed",
    purpose: 16,
    via: header.origin,
    incarnation: 1,
    counter: sequence,
    floor: 0,
    ...header
  }, new TextEncoder().encode(word))
  Envelope.setSequence(frame, sequence)
  return frame
}

const untilEnded = (harness: Harness, raw: RawMessage) =>
  harness.waitUntil("the connection ends", Effect.sync(() => raw.isEnded), "5 seconds", "5 millis")

const wasDelivered = (harness: Harness, word: string) =>
  harness.members.some(({ delivered }) => delivered.some((message) => text(message) === word))

const probe = (sequence: number, ready = false) => Frame.control({ _tag: "Probe", sequence, ready, wantsLeaves: true })

describe("a Node under attack", () => {
  attack(
    "garbage before the handshake ends the connection, and the Node says so",
    ({ events, harness, port }) =>
      Effect.gen(function*() {
        const http = yield* connectRaw(port)
        http.socket.write("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n")
        yield* untilEnded(harness, http)
        const zeros = yield* connectRaw(port)
        zeros.socket.write(new Uint8Array(100_000))
        yield* untilEnded(harness, zeros)
        assert.match(errorsOf(events, "Malformed").join(), /^127\.0\.0\.1:\d+ speaks HTTP/)
        assert.match(errorsOf(events, "Refused").join(), /does not speak this protocol/)
      })
  )

  attack(
    "a frame that is no handshake is refused with a reason, at both ends",
    ({ events, harness, port }) =>
      Effect.gen(function*() {
        const raw = yield* connectRaw(port)
        writeFrames(raw, new TextEncoder().encode("hello there"))
        yield* untilEnded(harness, raw)
        assert.deepStrictEqual(raw.frames.map(Handshake.decode), [{ _tag: "Refusal", reason: "malformed" }])
        assert.match(errorsOf(events, "Refused").join(), /refused 127\.0\.0\.1: .*does not speak this protocol/)
        // Not a handshake either: what only a link may carry, before there is one.
        const early = yield* connectRaw(port)
        writeFrames(early, probe(1))
        yield* untilEnded(harness, early)
        assert.deepStrictEqual(early.frames.map(Handshake.decode), [{ _tag: "Refusal", reason: "malformed" }])
      })
  )

  attack(
    "a length of 0xFFFFFFFF ends the connection, and the Node says so",
    ({ events, harness, port, victim }) =>
      Effect.gen(function*() {
        const raw = yield* connectRaw(port)
        raw.socket.write(Uint8Array.of(0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3))
        yield* untilEnded(harness, raw)
        const linked = yield* shakeHands(port, makePeer())
        linked.socket.write(Uint8Array.of(0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3))
        yield* untilEnded(harness, linked)
        const said = errorsOf(events, "Malformed")
        assert.lengthOf(said, 2)
        for (const message of said) assert.match(message, /announced a frame of 4294967295 bytes, the limit is/)
        assert.include(said[1]!, makePeer().hex)
        assert.strictEqual((yield* victim.cluster.statistics).malformed, 2)
      })
  )

  attack(
    "a truncated frame and then the end, before and after the handshake",
    ({ harness, port }) =>
      Effect.gen(function*() {
        const raw = yield* connectRaw(port)
        raw.socket.end(Uint8Array.of(0, 0, 1, 0, 6, 1, 2))
        yield* untilEnded(harness, raw)
        const linked = yield* shakeHands(port, makePeer())
        linked.socket.end(Uint8Array.of(0, 0, 1, 0, 2, 0, 0, 0, 1))
        yield* untilEnded(harness, linked)
      })
  )

  attack(
    "Go Wendy defect 33: a connection that never says anything, or half of a hello, is closed after the time-out",
    ({ harness, port }) =>
      Effect.gen(function*() {
        const silent = yield* connectRaw(port)
        const half = yield* connectRaw(port)
        half.socket.write(Uint8Array.of(0, 0, 0, 200, 6))
        const onlyHello = yield* connectRaw(port)
        writeFrames(onlyHello, Handshake.encode(helloOf(makePeer())))
        yield* untilEnded(harness, silent)
        yield* untilEnded(harness, half)
        yield* untilEnded(harness, onlyHello)
      })
  )

  attack(
    "malformed frames after the handshake end the connection, and the Node says so",
    ({ events, harness, port }) =>
      Effect.gen(function*() {
        const envelope = routed({ key: keys[0]!, origin: makePeer().id }, "broken", 0)
        const badClass = envelope.slice()
        badClass[5] = 3
        const badCount = envelope.slice()
        badCount[56] = 0xFF
        const frames = [
          Uint8Array.of(1, 0xFF, 0xFF, 0xFF),
          Uint8Array.of(99, 1, 2, 3),
          new Uint8Array(0),
          envelope.subarray(0, 40),
          badClass,
          badCount,
          Uint8Array.of(3, 1),
          Uint8Array.of(4, 1),
          Uint8Array.of(5, 1),
          Uint8Array.of(7, 1),
          Handshake.encode(helloOf(makePeer()))
        ]
        for (const [index, frame] of frames.entries()) {
          const raw = yield* shakeHands(port, makePeer({ incarnation: index + 1 }))
          writeFrames(raw, probe(1), frame)
          yield* untilEnded(harness, raw)
          assert.lengthOf(errorsOf(events, "Malformed"), index + 1)
        }
        const said = errorsOf(events, "Malformed")
        assert.match(said[0]!, /a control message that does not match its schema: the connection was closed/)
        assert.match(said[1]!, /a frame of unknown kind 99/)
        assert.match(said[2]!, /an empty frame/)
        for (const index of [3, 4, 5]) assert.match(said[index]!, /a routed frame with a broken header/)
        for (const message of said) assert.include(message, makePeer().hex)
        assert.isFalse(wasDelivered(harness, "broken"))
      })
  )

  attack(
    "a client speaks for itself alone: another origin and the overlay's purposes are dropped",
    (attacked) =>
      Effect.gen(function*() {
        const { harness, port, victim } = attacked
        const { hello, node: me } = makeClient("a client")
        const raw = yield* shakeHands(port, me, hello)
        const other = nodeOf(harness.members[0]!.cluster)
        writeFrames(
          raw,
          routed({ key: victim.cluster.id, origin: other.id, incarnation: other.incarnation }, "forged", 0),
          routed({ key: victim.cluster.id, origin: me.id, purpose: 1 }, "a receipt", 1),
          routed({ key: victim.cluster.id, origin: me.id, purpose: 3 }, "reserved", 2),
          routed({ key: victim.cluster.id, origin: me.id }, "honest", 3)
        )
        const receipts = () => decodeAll(raw).filter((frame) => frame._tag === "Receipt")
        yield* harness.waitUntil("a receipt", Effect.sync(() => receipts().length > 0), "5 seconds", "5 millis")
        assert.lengthOf(receipts(), 1)
        assert.isTrue(wasDelivered(harness, "honest"))
        for (const word of ["forged", "reserved", "a receipt"]) assert.isFalse(wasDelivered(harness, word))
      })
  )

  attack(
    "a client's control frames, receipts and lists of deliveries are ignored",
    ({ harness, port, victim }) =>
      Effect.gen(function*() {
        const { hello, node: me } = makeClient("a client")
        const raw = yield* shakeHands(port, me, hello)
        const other = nodeOf(harness.members[0]!.cluster)
        writeFrames(
          raw,
          Frame.control({ _tag: "Leaving", reason: "left", attempt: 0, delivered: [], floors: [] }),
          Frame.control({ _tag: "Failed", node: other }),
          Frame.control({ _tag: "Joined", attempt: 1 }),
          probe(1, true),
          Frame.delivered([{ key: me.id, origin: me.id, incarnation: 1, counter: 0 }]),
          routed({ key: victim.cluster.id, origin: me.id }, "honest", 0)
        )
        const receipts = () => decodeAll(raw).filter((frame) => frame._tag === "Receipt")
        yield* harness.waitUntil("a receipt", Effect.sync(() => receipts().length > 0), "5 seconds", "5 millis")
        assert.isTrue(wasDelivered(harness, "honest"), "the list of deliveries was not believed")
        assert.isEmpty(decodeAll(raw).filter((frame) => frame._tag === "Control"))
        for (const { cluster } of harness.members) {
          const { left } = yield* cluster.leafSet
          assert.isFalse(left.some((node) => node.hex === me.hex), "a client enters no table")
        }
      })
  )

  attack(
    "a client cannot take a member's id, nor another client's",
    ({ harness, port }) =>
      Effect.gen(function*() {
        const { hello, node } = makeClient("a client")
        const { id } = harness.members[0]!.cluster
        for (const incarnation of [1, Number.MAX_SAFE_INTEGER]) {
          const asMember = makePeer({ id, incarnation, localHost: "client", globalHost: "client" })
          assert.strictEqual(yield* tryDial(port, asMember, hello), "identity")
          assert.strictEqual(yield* tryDial(port, asMember, { role: "client", seed: id }), "identity")
        }
        assert.isUndefined(yield* tryDial(port, node, hello))
        assert.strictEqual(yield* tryDial(port, node, makeClient("another").hello), "identity")
        yield* checkWorks(harness, "meanwhile")
      })
  )

  attack(
    "a member that never reads is given up, and memory stays bounded",
    ({ harness, port }) =>
      Effect.gen(function*() {
        const raw = yield* shakeHands(port, makePeer())
        raw.socket.pause()
        const before = process.memoryUsage()
        const batch = Array.from({ length: 500 }, (_, index) => probe(index))
        const all = Fiber.join(yield* Effect.forkChild(checkWorks(harness, "meanwhile")))
        let written = 0
        for (; written < 400 && !raw.socket.destroyed && !raw.isEnded; written++) {
          writeFrames(raw, ...batch)
          if (raw.socket.writableNeedDrain) {
            yield* harness.waitUntil(
              "the Node reads on, or ends the connection",
              Effect.sync(() => !raw.socket.writableNeedDrain || raw.socket.destroyed),
              "10 seconds",
              "2 millis"
            )
          }
        }
        yield* all
        const after = process.memoryUsage()
        const growth = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers
        assert.isBelow(growth, 250 * 1024 * 1024)
        // A paused socket does not see its end; what it writes does.
        yield* harness.waitUntil(
          "the Node gives the link up",
          Effect.sync(() => {
            if (!raw.socket.destroyed) writeFrames(raw, probe(0))
            return raw.socket.destroyed
          }),
          "10 seconds",
          "5 millis"
        )
      }),
    { region: "r".repeat(64), globalHost: "h".repeat(255) }
  )

  attack(
    "a member in the tables that takes messages and neither reads nor answers loses nothing",
    (attacked) =>
      Effect.gen(function*() {
        const { harness, port, victim } = attacked
        // Just beyond the attacked Node's keys, where it would send the messages for the next ones.
        const me = makePeer({ id: idOf("7c") })
        const raw = yield* shakeHands(port, me, { lease: 2000 })
        writeFrames(raw, Frame.control({ _tag: "Joined", attempt: 1 }))
        yield* takeFrames(raw, 1)
        raw.socket.pause()
        const near = Array.from({ length: 200 }, (_, index) => idOf(`7c${index.toString(16).padStart(4, "0")}`))
        const receipts = yield* harness.during(
          Effect.forEach(
            near,
            (key, index) =>
              victim.cluster.sendConfirmed({ key, purpose: 16, value: new TextEncoder().encode(`near ${index}`) }),
            {
              concurrency: 50
            }
          ),
          "20 seconds"
        )
        checkBurst(harness, "near", receipts)
      }),
    {
      config: {
        renewal: 300,
        probe: 100,
        lease: 2000,
        margin: 100,
        shortestTimeout: 200,
        longestTimeout: 300
      }
    }
  )

  attack(
    "Go Wendy defect 33: 1,000 half-open connections stay within the bound, and confirmed sends go on",
    ({ harness, port }) =>
      Effect.gen(function*() {
        const sending = yield* Effect.forkChild(burst(harness.members[1]!.cluster, "meanwhile", 2000, 16))
        const raws = yield* Effect.forEach(Array.from({ length: 1000 }), () => connectRaw(port), { concurrency: 50 })
        const open = () => raws.filter((raw) => !raw.isEnded).length
        yield* harness.waitUntil("the bound holds", Effect.sync(() => open() <= 40), "3 seconds", "5 millis")
        checkBurst(harness, "meanwhile", yield* harness.during(Fiber.join(sending), "20 seconds"))
        // Who proves himself at once is let in all the same.
        const early = yield* shakeHands(port, makePeer())
        assert.isFalse(early.isEnded)
        for (const { socket } of raws) socket.destroy()
        const hasRoom = Effect.scoped(Effect.gen(function*() {
          const raw = yield* connectRaw(port)
          writeFrames(raw, Handshake.encode(helloOf(makePeer())))
          return (yield* takeFrames(raw, 1)).length === 1
        }))
        yield* harness.waitUntil("there is room again", hasRoom, "5 seconds", "5 millis")
        const late = yield* shakeHands(port, makePeer())
        assert.isFalse(late.isEnded)
      }),
    { config: { maxConnections: 40, handshakeTimeout: 10_000 } }
  )

  attack(
    "one member opens no more than eight connections, and clients leave room for members",
    ({ harness, port }) =>
      Effect.gen(function*() {
        const me = makePeer()
        for (let count = 0; count < 8; count++) assert.isUndefined(yield* tryDial(port, me))
        assert.strictEqual(yield* tryDial(port, me), "full")
        const answers = yield* Effect.forEach(Array.from({ length: 40 }), (_, index) =>
          Effect.suspend(() => {
            const { hello, node } = makeClient(`client ${index}`)
            return tryDial(port, node, hello)
          }))
        // Ten of the 40 are for those who prove themselves just now; clients have three quarters of the others.
        assert.isBelow(
          answers.filter((answer) => answer === undefined).length,
          23
        )
        assert.strictEqual(answers.at(-1), "full")
        for (const name of ["one", "two"]) {
          assert.isUndefined(yield* tryDial(port, makePeer({ id: NodeId.fromString(name) })))
        }
        yield* checkWorks(harness, "meanwhile")
      }),
    { config: { maxConnections: 40 } }
  )

  attack(
    "of strangers who come again and again few are told of, and all are counted",
    ({ events, harness, port, victim }) =>
      Effect.gen(function*() {
        const before = (yield* victim.cluster.statistics).malformed
        yield* Effect.forEach(Array.from({ length: 200 }), () =>
          Effect.gen(function*() {
            const raw = yield* connectRaw(port)
            raw.socket.write(Uint8Array.of(0xFF, 0xFF, 0xFF, 0xFF))
            yield* untilEnded(harness, raw)
          }), { concurrency: 50 })
        assert.strictEqual((yield* victim.cluster.statistics).malformed - before, 200)
        assert.isBelow(errorsOf(events, "Malformed").length, 120)
      })
  )

  attack(
    "who has proved nothing may send no frame as large as a message, and who has, may",
    ({ events, harness, port }) =>
      Effect.gen(function*() {
        const stranger = yield* connectRaw(port)
        // The length of a frame of 10,000 bytes: none of them need come.
        stranger.socket.write(Uint8Array.of(0, 0, 0x27, 0x10))
        yield* untilEnded(harness, stranger)
        assert.match(errorsOf(events, "Malformed")[0]!, /too large .*10000 bytes/)
        const member = yield* shakeHands(port, makePeer())
        writeFrames(member, probe(1), routed({ key: keys[0]!, origin: makePeer().id }, "x".repeat(10_000), 0))
        yield* takeFrames(member, 1)
        assert.isFalse(member.isEnded)
      })
  )
})
