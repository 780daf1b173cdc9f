import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as SchemaBinary from "effect/encoding/SchemaBinary"
import * as Schema from "effect/Schema"
import * as Decoders from "../../scripts/fuzz/Decoders.ts"
import { ControlMessage, type DeliveredId, maxDelivered } from "../../src/protocol/ControlMessage.ts"
import * as Envelope from "../../src/protocol/Envelope.ts"
import * as Frame from "../../src/protocol/Frame.ts"
import * as NodeList from "../../src/protocol/NodeList.ts"
import * as SessionFrame from "../../src/protocol/SessionFrame.ts"
import * as Node from "../../src/ring/Node.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as Oracle from "../ring/Oracle.ts"
import * as Samples from "./Samples.ts"

const receipt: Arbitrary.Arbitrary<Frame.ReceiptFrame> = Arbitrary.all({
  origin: Samples.id,
  via: Samples.id,
  root: Samples.id,
  incarnation: Samples.count,
  counter: Samples.count,
  hops: Oracle.int(0, 255),
  outcome: Samples.oneOf("failed", "delivered", "undecodable", "dropped", "forbidden")
})

const deliveredId: Arbitrary.Arbitrary<DeliveredId> = Arbitrary.all({
  key: Samples.id,
  origin: Samples.id,
  incarnation: Samples.count,
  counter: Samples.count
})

/** A value as it compares: an id has a cache of its text that equality must not see. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

/** `undefined` when the frame is no whole one: what a peer of the same version would have sent. */
const encodeAgain = (frame: Frame.Frame): Uint8Array | undefined =>
  frame._tag === "Malformed" ? undefined : Decoders.encodeAgain(frame)

/** One real frame of every kind. */
const anyFrame: Arbitrary.Arbitrary<Uint8Array> = Arbitrary.flatMap(Oracle.int(0, 7), (kind) => {
  switch (kind) {
    case 0:
      return Arbitrary.map(
        Arbitrary.all([Samples.header, Samples.bytes(20)]),
        ([header, value]) => Envelope.make(header, value)
      )
    case 1:
      return Arbitrary.map(Arbitrary.all([Oracle.word, Oracle.word]), ([from, upTo]) => Frame.acknowledged(from, upTo))
    case 2:
      return Arbitrary.map(Oracle.word, Frame.busy)
    case 3:
      return Arbitrary.map(receipt, Frame.receipt)
    case 4:
      return Arbitrary.map(Arbitrary.array(deliveredId, { maxLength: 5 }), Frame.delivered)
    case 5:
      return Arbitrary.Constant(Frame.bye())
    default:
      return Arbitrary.map(Samples.control, Frame.control)
  }
})

describe("Frame: round trips", () => {
  for (const [tag, message] of Object.entries(Samples.controls)) {
    it.prop(`control: ${tag}`, [message], ([message]) => {
      const decoded = Frame.decode(Frame.control(message))
      assert.strictEqual(decoded._tag, "Control")
      if (decoded._tag !== "Control") return
      assert.strictEqual(decoded.message._tag, tag)
      assert.deepStrictEqual(plain(decoded.message), plain(message))
    }, { arbitrary: { runs: 40, size: 20 } })
  }

  it.prop("a Node in a control message arrives as a Node", [Samples.node], ([node]) => {
    const decoded = Frame.decode(Frame.control({ _tag: "Failed", node }))
    assert.isTrue(decoded._tag === "Control" && decoded.message._tag === "Failed")
    if (decoded._tag !== "Control" || decoded.message._tag !== "Failed") return
    assert.isTrue(decoded.message.node instanceof Node.Node)
    assert.isTrue(decoded.message.node.id instanceof NodeId.NodeId)
    assert.isTrue(Node.isSameLife(decoded.message.node, node) && Node.isSameAddress(decoded.message.node, node))
  })

  it.prop("a control frame owns its bytes: the next encoding does not change it", [Samples.control, Samples.control], ([
    first,
    second
  ]) => {
    const frame = Frame.control(first)
    const before = frame.slice()
    Frame.control(second)
    assert.deepStrictEqual(frame, before)
  })

  it("the longest control frame leaves no more than 1 MiB in the encoder, and holds no bytes but its own", () => {
    const name = "\u{20AC}".repeat(255)
    const nodes = Array.from({ length: 256 }, (_, index) =>
      new Node.Node({
        id: NodeId.parse(index.toString(16).padStart(32, "0")),
        localHost: name,
        globalHost: name,
        port: 7_001,
        region: name.slice(0, 64),
        incarnation: index
      }))
    const counter = Number.MAX_SAFE_INTEGER
    const origin = nodes[0]!.id
    const longest = [
      Frame.control({ _tag: "JoinGrant", attempt: counter, successor: nodes[0]!, leaves: nodes, rows: nodes }),
      Frame.control({
        _tag: "CommitAck",
        attempt: counter,
        delivered: Array.from({ length: 4_096 }, () => ({ key: origin, origin, incarnation: counter, counter })),
        floors: Array.from({ length: 1_024 }, () => ({ origin, incarnation: counter, floor: counter }))
      })
    ]
    for (const frame of longest) {
      assert.isBelow(frame.length, 2 ** 20)
      assert.strictEqual(frame.buffer.byteLength, frame.length)
    }
    assert.isAbove(longest[0]!.length, 2 ** 19)
  })

  it.prop("routed: the frame itself, not a copy", [Samples.header, Samples.bytes(20)], ([header, value]) => {
    const frame = Envelope.make(header, value)
    const decoded = Frame.decode(frame)
    assert.isTrue(decoded._tag === "Routed" && decoded.frame === frame)
  })

  it.prop("acknowledged and busy", [Oracle.word], ([sequence]) => {
    assert.deepStrictEqual(Frame.decode(Frame.acknowledged(0, sequence)), {
      _tag: "Acknowledged",
      from: 0,
      upTo: sequence
    })
    assert.deepStrictEqual(Frame.decode(Frame.busy(sequence)), { _tag: "Busy", sequence })
  })

  it.prop("receipt", [receipt], ([receipt]) => {
    const frame = Frame.receipt(receipt)
    assert.deepStrictEqual(plain(Frame.decode(frame)), plain({ _tag: "Receipt", receipt, frame }))
  })

  it.prop("delivered", [Arbitrary.array(deliveredId, { maxLength: 30 })], ([ids]) => {
    assert.deepStrictEqual(plain(Frame.decode(Frame.delivered(ids))), plain({ _tag: "Delivered", ids }))
  }, { arbitrary: { size: 30 } })

  it("bye", () => {
    assert.deepStrictEqual(Frame.decode(Frame.bye()), { _tag: "Bye" })
  })

  it("every kind has a first byte of its own", () => {
    const first = [
      Frame.control({ _tag: "LeaveAck" }),
      Uint8Array.of(Envelope.kind),
      Frame.acknowledged(0, 0),
      Frame.busy(0),
      Frame.delivered([]),
      Frame.bye(),
      Uint8Array.of(6) // the handshake
    ].map((frame) => frame[0])
    assert.strictEqual(new Set(first).size, first.length)
  })
})

const isMalformed = (frame: Uint8Array) => Frame.decode(frame)._tag === "Malformed"

describe("Frame: a receipt with a reply", () => {
  it.prop("brings its bytes, also none; cut inside the reply it is a shorter one", [receipt, Samples.bytes(40)], (
    [receipt, reply]
  ) => {
    const frame = Frame.receipt({ ...receipt, reply })
    const decoded = Frame.decode(frame)
    assert.isTrue(decoded._tag === "Receipt")
    if (decoded._tag !== "Receipt") return
    assert.deepStrictEqual(Array.from(decoded.receipt.reply!), Array.from(reply))
    const bare = Frame.receipt(receipt).length
    for (let length = 0; length < frame.length; length++) {
      assert.strictEqual(isMalformed(frame.subarray(0, length)), length < bare, `${length}`)
    }
    const wrong = frame.slice()
    wrong[bare] = 2
    assert.isTrue(isMalformed(wrong))
  })

  it("that is too large for any receipt is malformed", () => {
    const id = { key: NodeId.zero, origin: NodeId.zero, incarnation: 1, counter: 2 }
    const make = (size: number) =>
      Frame.receipt({
        ...id,
        via: NodeId.zero,
        root: NodeId.zero,
        hops: 1,
        outcome: "delivered",
        reply: new Uint8Array(size)
      })
    assert.isFalse(isMalformed(make(Frame.maxReply)))
    assert.isTrue(isMalformed(make(Frame.maxReply + 1)))
  })
})

describe("Frame: what is not well-formed", () => {
  it("an empty frame and unknown kinds", () => {
    const known = [
      1,
      2,
      3,
      4,
      5,
      7,
      8,
      9,
      10,
      SessionFrame.controlKind,
      SessionFrame.batchKind,
      SessionFrame.creditKind
    ]
    const unknown = Array.from({ length: 256 }, (_, kind) => kind).filter((kind) => !known.includes(kind))
    assert.deepStrictEqual(Frame.decode(new Uint8Array(0)), { _tag: "Malformed", message: "an empty frame" })
    for (const kind of unknown) {
      for (const length of [1, 5, 67, 80]) {
        const frame = new Uint8Array(length)
        frame[0] = kind
        assert.deepStrictEqual(Frame.decode(frame), { _tag: "Malformed", message: `a frame of unknown kind ${kind}` })
      }
    }
  })

  it.prop("a real frame that is cut short, or has bytes behind it, but for a value of any length", [
    anyFrame,
    Samples.bytes(4)
  ], ([frame, extra]) => {
    const longer = new Uint8Array(frame.length + 1 + extra.length)
    longer.set(frame)
    longer.set(extra, frame.length + 1)
    const whole = Frame.decode(frame)._tag
    const isOfAnyLength = whole === "Routed" || (whole === "Delivered" && longer.length % 48 === 1)
    assert.strictEqual(isMalformed(longer), !isOfAnyLength)
    for (let length = 0; length < frame.length; length++) {
      const part = frame.subarray(0, length)
      const isShorter = (whole === "Routed" && length >= Envelope.headerSize) ||
        (whole === "Delivered" && length % 48 === 1)
      assert.strictEqual(isMalformed(part), !isShorter, `${whole}, ${length} of ${frame.length} bytes`)
    }
  }, { arbitrary: { runs: 60 } })

  it("Go Wendy defect 39: a receipt or a delivered id whose numbers no double holds", () => {
    const id = { key: NodeId.zero, origin: NodeId.zero, incarnation: 1, counter: 2 }
    const frames: ReadonlyArray<readonly [Uint8Array, ReadonlyArray<number>]> = [
      [
        Frame.receipt({ ...id, via: NodeId.zero, root: NodeId.zero, hops: 1, outcome: "delivered" }),
        [51, 59]
      ],
      [Frame.delivered([id, id]), [33, 41, 81, 89]]
    ]
    for (const [frame, offsets] of frames) {
      assert.isFalse(isMalformed(frame))
      for (const offset of offsets) {
        const changed = frame.slice()
        changed[offset + 1] = 0x20
        assert.isTrue(isMalformed(changed), `${frame.length} bytes, a number at ${offset}`)
      }
    }
  })

  it("a receipt of an unknown outcome", () => {
    const frame = Frame.receipt({
      origin: NodeId.zero,
      via: NodeId.zero,
      root: NodeId.zero,
      incarnation: 0,
      counter: 0,
      hops: 0,
      outcome: "delivered"
    })
    for (let value = 0; value < 256; value++) {
      frame[1] = value
      assert.strictEqual(isMalformed(frame), value >= 5, `outcome ${value}`)
    }
  })

  it("more delivered ids than are allowed", () => {
    const ids = (count: number) =>
      Array.from({ length: count }, (_, counter) => ({
        key: NodeId.zero,
        origin: NodeId.zero,
        incarnation: 0,
        counter
      }))
    assert.strictEqual(Frame.decode(Frame.delivered(ids(maxDelivered)))._tag, "Delivered")
    assert.isTrue(isMalformed(Frame.delivered(ids(maxDelivered + 1))))
  })

  // What a peer would send that checks nothing: the same layout without the bounds.
  const unbounded = SchemaBinary.toCodec(Schema.Union(ControlMessage.members.map((member) => {
    const fields: Record<string, Schema.Top> = {}
    for (const [name, field] of Object.entries(member.fields as Record<string, Schema.Top>)) {
      const isList = name === "leaves" || name === "rows" || name === "nodes"
      fields[name] = isList ? NodeList.schema(10_000) : field === Schema.Boolean || name === "_tag" ?
        field :
        ["attempt", "sequence", "hops", "row"].includes(name)
        ? Schema.Int
        : field
    }
    return Schema.Struct(fields)
  })))
  const encodeUnbounded = Schema.encodeUnknownSync(unbounded as unknown as Schema.Codec<unknown, Uint8Array>)
  const unboundedFrame = (message: object): Uint8Array => {
    const body = encodeUnbounded(message)
    return Uint8Array.from(Buffer.concat([Uint8Array.of(1), body]))
  }

  const node = Oracle.node(77n)
  const sizes: ReadonlyArray<readonly [string, (size: number) => ControlMessage]> = ((
    list: (size: number) => Array<Node.Node>
  ) => [
    ["JoinRequest.rows", (size) => ({ _tag: "JoinRequest", joiner: node, attempt: 1, hops: 1, rows: list(size) })],
    ["JoinGrant.leaves", (size) => ({
      _tag: "JoinGrant",
      attempt: 1,
      successor: node,
      leaves: list(size),
      rows: []
    })],
    ["JoinGrant.rows", (size) => ({ _tag: "JoinGrant", attempt: 1, successor: node, leaves: [], rows: list(size) })],
    ["InsertAck.leaves", (size) => ({ _tag: "InsertAck", attempt: 1, leaves: list(size), delivered: [], floors: [] })],
    ["Nack.leaves", (size) => ({ _tag: "Nack", attempt: 1, leaves: list(size) })],
    ["JoinedAck.leaves", (size) => ({ _tag: "JoinedAck", leaves: list(size) })],
    ["ProbeAck.leaves", (size) => ({ _tag: "ProbeAck", sequence: 1, ready: true, leaves: list(size) })],
    ["RowReply.nodes", (size) => ({ _tag: "RowReply", nodes: list(size) })]
  ])((size) => Array.from({ length: size }, (_, index) => Oracle.node(BigInt(index + 1))))

  it("a list over its bound, in every message that has one", () => {
    for (const [name, make] of sizes) {
      const full = Frame.decode(unboundedFrame(make(256)))
      assert.strictEqual(full._tag, "Control", `${name}: 256`)
      assert.deepStrictEqual(plain(full), plain({ _tag: "Control", message: make(256) }))
      assert.isTrue(isMalformed(unboundedFrame(make(257))), `${name}: 257`)
      assert.throws(() => Frame.control(make(257)))
    }
  })

  it("more delivered messages than fit, in every message that carries them", () => {
    const ids = (size: number) =>
      Array.from({ length: size }, (_, index) => ({ key: node.id, origin: node.id, incarnation: 1, counter: index }))
    for (
      const make of [
        (size: number) => ({ _tag: "InsertAck", attempt: 1, leaves: [], delivered: ids(size), floors: [] }),
        (size: number) => ({ _tag: "CommitAck", attempt: 1, delivered: ids(size), floors: [] }),
        (size: number) => ({ _tag: "Leaving", reason: "left", attempt: 0, delivered: ids(size), floors: [] })
      ]
    ) {
      assert.isFalse(isMalformed(unboundedFrame(make(maxDelivered))))
      assert.throws(() => Frame.control(make(maxDelivered + 1) as ControlMessage))
    }
  })

  it("a number over its bound", () => {
    const joiner = { _tag: "JoinRequest", joiner: node, attempt: 1, hops: 64, rows: [] }
    assert.isFalse(isMalformed(unboundedFrame(joiner)))
    for (
      const message of [
        { ...joiner, hops: 65 },
        { ...joiner, hops: -1 },
        { ...joiner, attempt: -1 },
        { _tag: "RowRequest", row: 32 },
        { _tag: "RowRequest", row: -1 },
        { _tag: "Probe", sequence: -1, ready: true, wantsLeaves: true }
      ]
    ) {
      assert.isTrue(isMalformed(unboundedFrame(message)), JSON.stringify(message))
    }
  })
})

describe("Frame.decode is total", () => {
  /** Whatever it answers, the answer is whole: what decodes, encodes again, and decodes to the same. */
  const check = (frame: Uint8Array): Frame.Frame["_tag"] => {
    const before = frame.slice()
    const decoded = Frame.decode(frame)
    assert.deepStrictEqual(frame, before)
    if (decoded._tag === "Malformed") {
      assert.isAbove(decoded.message.length, 0)
      return decoded._tag
    }
    const again = encodeAgain(decoded)!
    // What a Schema encodes has more than one encoding; everything else has one.
    const isSchema = decoded._tag === "Control" || decoded._tag === "Query" || decoded._tag === "Answer"
    if (isSchema) assert.deepStrictEqual(plain(Frame.decode(again)), plain(decoded))
    else assert.isTrue(Buffer.from(again).equals(frame), `${decoded._tag} of ${Buffer.from(frame).toString("hex")}`)
    return decoded._tag
  }

  const tally = () => {
    const seen = new Map<string, number>()
    return {
      seen,
      add: (tag: string) => {
        seen.set(tag, (seen.get(tag) ?? 0) + 1)
      }
    }
  }

  it("on 10,000 frames of arbitrary bytes", () => {
    const next = Oracle.words(1)
    const { add, seen } = tally()
    const lengths = [1, 2, 5, 9, 49, 67, 80, 97]
    for (let run = 0; run < 10_000; run++) {
      const length = run % 2 === 0 ? lengths[Oracle.below(next, lengths.length)]! : Oracle.below(next, 150)
      const frame = Uint8Array.from({ length }, () => next())
      if (length > 0 && run % 8 !== 0) frame[0] = Oracle.below(next, 10)
      add(check(frame))
    }
    // The layouts without a checksum are reached by chance; a control message, hardly ever.
    for (const tag of ["Acknowledged", "Busy", "Bye", "Malformed"]) assert.isAbove(seen.get(tag) ?? 0, 20, tag)
  })

  it.effect("on 12,000 real frames with bytes changed, cut out, put in and repeated", () =>
    Effect.gen(function*() {
      const frames = yield* Arbitrary.sampleEffect(anyFrame, { count: 500, size: 12, seed: 7 })
      const next = Oracle.words(2)
      const { add, seen } = tally()
      for (let run = 0; run < 12_000; run++) {
        let bytes = Array.from(frames[run % frames.length]!)
        for (let change = Oracle.below(next, 3); change >= 0; change--) {
          const at = Oracle.below(next, bytes.length + 1)
          switch (Oracle.below(next, 6)) {
            case 0:
              bytes[Math.min(at, Math.max(bytes.length - 1, 0))] = next() & 255
              break
            case 1:
              bytes[Math.min(at, Math.max(bytes.length - 1, 0))]! ^= 1 << Oracle.below(next, 8)
              break
            case 2:
              bytes = bytes.slice(0, at)
              break
            case 3:
              bytes.splice(at, 0, next() & 255)
              break
            case 4:
              bytes.splice(at, 1 + Oracle.below(next, 4))
              break
            default:
              bytes.splice(at, 0, ...bytes.slice(at, at + 1 + Oracle.below(next, 48)))
          }
        }
        add(check(Uint8Array.from(bytes)))
      }
      for (const tag of ["Control", "Routed", "Acknowledged", "Busy", "Receipt", "Delivered", "Malformed"]) {
        assert.isAbove(seen.get(tag) ?? 0, 20, tag)
      }
    }))

  it("on a length inside a control message that promises more than there is", () => {
    const frame = Frame.control({ _tag: "RowReply", nodes: [Oracle.node(1n), Oracle.node(2n)] })
    for (let at = 1; at < frame.length; at++) {
      for (const size of [1, 2, 4, 8, 9]) {
        const changed = frame.slice()
        changed.fill(0xff, at, at + size)
        check(changed)
      }
    }
  })
})
