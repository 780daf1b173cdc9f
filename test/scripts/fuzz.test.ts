import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import * as AdversarialCluster from "../../scripts/fuzz/AdversarialCluster.ts"
import * as Decoders from "../../scripts/fuzz/Decoders.ts"
import * as Fixture from "../../scripts/fuzz/Fixture.ts"
import * as Mutation from "../../scripts/fuzz/Mutation.ts"
import * as Samples from "../../scripts/fuzz/Samples.ts"
import * as Streams from "../../scripts/fuzz/Streams.ts"
import * as Tally from "../../scripts/fuzz/Tally.ts"
import * as Frame from "../../src/protocol/Frame.ts"
import * as Handshake from "../../src/protocol/Handshake.ts"
import * as Node from "../../src/ring/Node.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as Rng from "../../src/simulation/Rng.ts"
import { encodeFrames, FrameDecoder } from "../../src/transport/Framing.ts"
import * as Memory from "../../src/transport/Memory.ts"

/** Whole numbers from one to another. */
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index)

const fuzz = (inputs: number, decoders: Decoders.Decoders = Decoders.real) => {
  const tally = Tally.make()
  for (const number of range(1, inputs)) Decoders.check(tally, "test", number, decoders)
  return tally
}

const place = { localHost: "10.0.0.1", globalHost: "203.0.113.1", region: "", incarnation: 7 }
const nodes = ["1", "5", "9"].map((digits, index) =>
  new Node.Node({ ...place, id: NodeId.parse(digits.padEnd(32, "0")), port: 7_001 + index })
)
const cast: Samples.Cast = { nodes, receiver: nodes[0]!, speaker: nodes[1]! }

describe("mutations", () => {
  it("without a change, what is encoded without bounds is what is encoded with them", () => {
    const seen = new Set<string>()
    for (const number of range(1, 1_200)) {
      const rng = Rng.make(`unbounded ${number}`)
      const { frame, kind, message } = number % 4 === 0 ? Samples.handshake(rng, cast) : Samples.frame(rng, cast)
      if (message === undefined) continue
      const unbounded = Mutation.encodeUnbounded(frame[0]!, message)
      const decode = (bytes: Uint8Array) =>
        JSON.stringify(frame[0] === Handshake.kind ? Handshake.decode(bytes) : Frame.decode(bytes))
      assert.strictEqual(decode(unbounded), decode(frame), kind)
      assert.notInclude(decode(frame), "Malformed", kind)
      seen.add(kind)
    }
    // 25 control messages, 4 frames of the handshake, 2 questions and 2 answers, 5 messages of sessions.
    assert.strictEqual(seen.size, 38)
  })

  it("a value that fits no frame is not encoded, for the encoder would keep a buffer of its size", () => {
    const leaves = Array.from({ length: 300 }, () => ({ ...nodes[0]!, id: nodes[0]!.id, region: "r".repeat(10_000) }))
    assert.throws(() => Mutation.encodeUnbounded(1, { _tag: "ProbeAck", ready: true, leaves }), /longest frame/)
    const bytes = new Uint8Array(Mutation.longestFrame + 1)
    assert.throws(() => Mutation.encodeUnbounded(Handshake.kind, { _tag: "Proof", bytes }), /longest frame/)
    assert.isAbove(Mutation.encodeUnbounded(Handshake.kind, { _tag: "Proof", bytes: bytes.subarray(10) }).length, 2e6)
  })

  it("the same seed gives the same bytes", () => {
    const draw = () => {
      const rng = Rng.make("again")
      return Buffer.from(
        Mutation.mutate(rng, cast, Samples.frame(rng, cast), Samples.frame(rng, cast)).frame
      ).toString("hex")
    }
    assert.strictEqual(draw(), draw())
  })
})

describe("streams", () => {
  const frames = [new Uint8Array(90).fill(6), new Uint8Array(40).fill(7), new Uint8Array(3)]

  it.effect("a ClientHello is cut into records, and its lengths are where TLS has them", () =>
    Effect.gen(function*() {
      const hello = yield* Fixture.recordHello
      const units = Streams.unitsOf(Mutation.joined(hello, hello))
      assert.deepStrictEqual(units.map(({ length }) => length), [hello.length, hello.length])
      const fields = Streams.lengthsOf(hello)
      const read = ({ at, size }: Streams.Field) => Buffer.from(hello).readUIntBE(at, size)
      assert.deepStrictEqual(fields.slice(0, 2).map(read), [hello.length - 5, hello.length - 9])
      // Session, suites, methods of compression, and all extensions, which end with the record.
      const extensions = fields[5]!
      assert.strictEqual(extensions.at + 2 + read(extensions), hello.length)
      assert.isAbove(fields.length, 12)
    }))

  it("the same seed gives the same bytes, in pieces that make up the whole; not all are changed", () => {
    const recorded = { own: encodeFrames(frames), other: Uint8Array.of(0x16, 3, 1, 0, 2, 1, 2) }
    const draw = (number: number) => {
      const rng = Rng.make(`stream ${number}`)
      const { bytes, how } = Streams.mutate(rng, cast, recorded)
      const pieces = Streams.cut(rng, bytes)
      assert.deepStrictEqual(Buffer.from(Mutation.joined(...pieces)), Buffer.from(bytes))
      return { how, hex: Buffer.from(bytes).toString("hex"), pieces: pieces.length }
    }
    const drawn = range(1, 300).map(draw)
    assert.deepStrictEqual(range(1, 300).map(draw), drawn)
    assert.sameMembers([...new Set(drawn.map(({ how }) => how))], [...Streams.hows])
    assert.isAbove(new Set(drawn.map(({ hex }) => hex)).size, 150)
    assert.isAbove(drawn.filter(({ pieces }) => pieces > 1).length, 50)
  })
})

describe("decoders", () => {
  it("20,000 hostile inputs", () => {
    const tally = fuzz(20_000)
    assert.deepStrictEqual(tally.findings, [])
    // Neither all nonsense nor all well-formed.
    for (const how of ["value", "flip", "splice", "length", "truncate"]) {
      const row = tally.rows.get(`mutation: ${how}`)
      assert.isAbove(row?.get("decoded") ?? 0, 20, how)
      assert.isAbove(row?.get("malformed") ?? 0, 20, how)
    }
  })

  const broken: ReadonlyArray<readonly [string, Partial<Decoders.Decoders>, RegExp]> = [
    ["one that throws", {
      frame: (bytes) => {
        if (bytes.length === 3) throw new RangeError("out of bounds")
        return Frame.decode(bytes)
      }
    }, /threw out of bounds/],
    ["one that takes bytes behind a frame", {
      frame: (bytes) => bytes[0] === 4 ? Frame.decode(bytes.subarray(0, 5)) : Frame.decode(bytes)
    }, /Busy encodes to something else/],
    ["one that writes into its input", {
      frame: (bytes) => {
        const decoded = Frame.decode(bytes)
        if (decoded._tag === "Routed") bytes[6] = 1
        return decoded
      }
    }, /decoding changed the frame/],
    ["a handshake without the bound of a proof", {
      handshake: (bytes) => {
        const decoded = Handshake.decode(bytes)
        return decoded?._tag === "Proof" && decoded.bytes.length === 33
          ? { ...decoded, bytes: new Uint8Array(5_000) }
          : decoded
      }
    }, /Proof holds 5000 bytes/],
    ["framing that refuses a frame too soon", { framing: (size) => new FrameDecoder(size / 64) }, /framing:/]
  ]
  for (const [title, decoders, expected] of broken) {
    it(`finds ${title}`, () => {
      const { findings } = fuzz(1_200, { ...Decoders.real, ...decoders })
      assert.isNotEmpty(findings)
      assert.match(findings[0]!.what, expected)
      // The number replays it.
      const again = Tally.make()
      Decoders.check(again, "test", findings[0]!.inputs[0]!, { ...Decoders.real, ...decoders })
      assert.deepStrictEqual(again.findings, [findings[0]!])
    })
  }
})

describe("a cluster under siege", () => {
  const pass: AdversarialCluster.Pass = (step) => TestClock.adjust(step)

  const besiege = (attacker: AdversarialCluster.Attacker, sessions: number) =>
    Effect.gen(function*() {
      const siege = yield* AdversarialCluster.make(pass)
      const tally = Tally.make()
      yield* AdversarialCluster.round(siege, attacker, "test", range(1, sessions), tally)
      assert.deepStrictEqual(tally.findings, [])
      assert.isNotEmpty(Array.from(tally.rows.keys()).filter((kind) => kind.startsWith(attacker)))
    }).pipe(Effect.provide(Memory.layerNetwork))

  const sieges: ReadonlyArray<readonly [AdversarialCluster.Attacker, number]> = [
    ["stranger", 120],
    ["client", 150],
    // The lives that a client names would displace what a root remembers of others (maxOrigins).
    ["reborn", 4],
    ["impostor", 20],
    ["member", 10]
  ]
  for (const [attacker, sessions] of sieges) {
    it.effect(`${sessions} sessions, ${attacker}`, () => besiege(attacker, sessions))
  }
})

describe("a cluster under siege on real sockets", () => {
  const sieges: ReadonlyArray<readonly [(typeof AdversarialCluster.onSockets)[number], number]> = [
    ["babbler", 60],
    ["meddler", 30],
    ["stranger", 20],
    ["client", 20]
  ]
  for (const over of ["clear", "passphrase", "certificates"] as const) {
    it.live(
      `${sieges.map(([attacker, sessions]) => `${sessions} ${attacker}s`).join(", ")}: ${over}`,
      () =>
        Effect.gen(function*() {
          const before = Fixture.countSockets()
          const tally = Tally.make()
          yield* Effect.scoped(Effect.gen(function*() {
            const siege = yield* AdversarialCluster.make((step) => Effect.sleep(step), over)
            for (const [attacker, sessions] of sieges) {
              yield* AdversarialCluster.round(siege, attacker, "test", range(1, sessions), tally)
              assert.deepStrictEqual(tally.findings.map(({ what }) => what), [])
              assert.isNotEmpty(
                Array.from(tally.rows.keys()).filter((kind) => kind.startsWith(`${attacker} (${over})`))
              )
            }
          }))
          assert.strictEqual(yield* Fixture.countLeft(before), 0, "sockets are left")
        }).pipe(Effect.provide(Memory.layerNetwork)),
      120_000
    )
  }
})
