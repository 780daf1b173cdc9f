import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Envelope from "../../src/protocol/Envelope.ts"
import * as Purposes from "../../src/protocol/Purposes.ts"
import * as Node from "../../src/ring/Node.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as Oracle from "../ring/Oracle.ts"
import * as Samples from "./Samples.ts"

const headerOf = (frame: Uint8Array): Envelope.Header => ({
  deliveryClass: Envelope.deliveryClass(frame),
  isDirect: Envelope.isDirect(frame),
  purpose: Envelope.purpose(frame),
  key: Envelope.key(frame),
  origin: Envelope.origin(frame),
  via: Envelope.via(frame),
  incarnation: Envelope.incarnation(frame),
  counter: Envelope.counter(frame),
  floor: Envelope.floor(frame)
})

const hexOf = ({ key, origin, via, ...rest }: Envelope.Header) => ({
  ...rest,
  key: key.hex,
  origin: origin.hex,
  via: via.hex
})

const fixed: Envelope.Header = {
  deliveryClass: "confirmed",
  purpose: 0x10,
  key: new NodeId.NodeId(0x01020304, 0x05060708, 0x090a0b0c, 0x0d0e0f10),
  origin: new NodeId.NodeId(0x11121314, 0x15161718, 0x191a1b1c, 0x1d1e1f20),
  via: new NodeId.NodeId(0x21222324, 0x25262728, 0x292a2b2c, 0x2d2e2f30),
  incarnation: 0x1f313233343536,
  counter: 2 ** 32,
  floor: 255
}

describe("Envelope", () => {
  it.prop("what make writes, the getters read", [Samples.header, Samples.bytes(60)], ([header, value]) => {
    const frame = Envelope.make(header, value)
    assert.strictEqual(frame.length, Envelope.sizeOf({ purpose: header.purpose, value }))
    assert.strictEqual(frame[0], Envelope.kind)
    assert.isTrue(Envelope.isValid(frame))
    assert.strictEqual(Envelope.hops(frame), 0)
    assert.strictEqual(Envelope.sequence(frame), 0)
    assert.deepStrictEqual(hexOf(headerOf(frame)), hexOf(header))
    assert.deepStrictEqual(Array.from(Envelope.value(frame)), Array.from(value))
  }, { arbitrary: { runs: 300 } })

  it.prop("a purpose that follows from a name stands in front of the value, and changes nothing else", [
    Samples.header,
    Samples.bytes(60),
    Samples.text(0, 30)
  ], ([header, value, name]) => {
    const purpose = Purposes.ofName(name)
    const frame = Envelope.make({ ...header, purpose }, value)
    assert.strictEqual(Envelope.purpose(frame), purpose)
    assert.deepStrictEqual(Array.from(Envelope.value(frame)), Array.from(value))
    assert.isTrue(NodeId.equals(Envelope.key(frame), header.key))
    assert.strictEqual(frame.length, Envelope.sizeOf({ purpose, value }))
    const changed = Envelope.withContents(frame, { key: header.origin, purpose: 16, value })
    assert.deepStrictEqual([Envelope.purpose(changed), Array.from(Envelope.value(changed))], [16, Array.from(value)])
    const back = Envelope.withContents(changed, { key: header.origin, purpose, value })
    assert.deepStrictEqual([Envelope.purpose(back), Array.from(Envelope.value(back))], [purpose, Array.from(value)])
  })

  it("one that says that a name stands in front of its value, and is too short for it, has an empty value", () => {
    const frame = Envelope.make({ ...fixed, purpose: 2 }, Uint8Array.of(1, 2))
    assert.isTrue(Number.isSafeInteger(Envelope.purpose(frame)))
    assert.lengthOf(Envelope.value(frame), 0)
  })

  it.prop("isFrom: of this origin in this life, and of no other", [Samples.header, Samples.node, Oracle.int(0, 15)], (
    [header, other, at]
  ) => {
    const self = new Node.Node({ ...other, id: header.origin, incarnation: header.incarnation })
    const frame = Envelope.make(header, new Uint8Array(0))
    assert.isTrue(Envelope.isFrom(frame, self))
    const isOther = other.incarnation !== self.incarnation
    assert.strictEqual(Envelope.isFrom(frame, new Node.Node({ ...self, incarnation: other.incarnation })), !isOther)
    frame[24 + at]! ^= 1
    assert.isFalse(Envelope.isFrom(frame, self))
  })

  it("has the layout that its documentation draws", () => {
    const frame = Envelope.make(fixed, Uint8Array.of(0xaa, 0xbb))
    Envelope.setSequence(frame, 0x61626364)
    Envelope.setHops(frame, 7)
    assert.strictEqual(
      Buffer.from(frame).toString("hex"),
      [
        "02",
        "61626364",
        "02",
        "07",
        "10",
        "0102030405060708090a0b0c0d0e0f10",
        "1112131415161718191a1b1c1d1e1f20",
        "2122232425262728292a2b2c2d2e2f30",
        fixed.incarnation.toString(16).padStart(16, "0"),
        "0000000100000000",
        "00000000000000ff",
        "aabb"
      ].join("")
    )
  })

  it("hands out the value without a copy", () => {
    const frame = Envelope.make(fixed, Uint8Array.of(1, 2, 3))
    assert.strictEqual(Envelope.value(frame).buffer, frame.buffer)
  })

  it("a copy shares no byte with the first, not of what came from a socket either", () => {
    for (const frame of [new Uint8Array(100), Buffer.alloc(100), Buffer.from("x".repeat(200)).subarray(50, 150)]) {
      const copy = Envelope.copy(frame)
      assert.deepStrictEqual(Array.from(copy), Array.from(frame))
      const before = Array.from(frame)
      copy.fill(1)
      assert.deepStrictEqual(Array.from(frame), before)
    }
  })

  it.prop("a setter writes its own field and nothing else", [
    Samples.header,
    Samples.bytes(20),
    Oracle.word,
    Oracle.int(0, 255),
    Samples.id,
    Samples.count
  ], ([header, value, sequence, hops, via, floor]) => {
    const frame = Envelope.make(header, value)
    Envelope.setSequence(frame, sequence)
    Envelope.setHops(frame, hops)
    Envelope.setVia(frame, via)
    Envelope.setFloor(frame, floor)
    assert.strictEqual(Envelope.sequence(frame), sequence)
    assert.strictEqual(Envelope.hops(frame), hops)
    assert.deepStrictEqual(hexOf(headerOf(frame)), hexOf({ ...header, via, floor }))
    assert.deepStrictEqual(Array.from(Envelope.value(frame)), Array.from(value))
    assert.isTrue(Envelope.isValid(frame))
  })

  it("counts hops up to 255 and stays there", () => {
    const frame = Envelope.make(fixed, new Uint8Array(0))
    for (const [given, kept] of [[254, 254], [255, 255], [256, 255], [70_000, 255]] as const) {
      Envelope.setHops(frame, given)
      assert.strictEqual(Envelope.hops(frame), kept)
    }
  })

  it.prop("writeCount and readCount agree with BigInt at any offset", [Samples.count, Oracle.int(0, 9)], ([
    count,
    offset
  ]) => {
    const bytes = new Uint8Array(18).fill(0xee)
    Envelope.writeCount(bytes, offset, count)
    assert.strictEqual(Envelope.readCount(bytes, offset), count)
    const inside = Buffer.from(bytes.subarray(offset, offset + 8)).readBigUInt64BE()
    assert.strictEqual(inside, BigInt(count))
    bytes.forEach((byte, index) => {
      if (index < offset || index >= offset + 8) assert.strictEqual(byte, 0xee)
    })
  }, { arbitrary: { runs: 300 } })

  it("a frame that is cut inside the header, of an unknown class, or without whole numbers is not valid", () => {
    const frame = Envelope.make(fixed, new Uint8Array(0))
    assert.isTrue(Envelope.isValid(frame))
    for (let length = 0; length < Envelope.headerSize; length++) {
      assert.isFalse(Envelope.isValid(frame.subarray(0, length)), `${length} bytes`)
    }
    for (let value = 0; value < 256; value++) {
      const changed = frame.slice()
      changed[5] = value
      // The highest bit says that the message is direct; marks stand between it and the class.
      assert.strictEqual(Envelope.isValid(changed), value % 4 < 3, `class ${value}`)
    }
    for (const offset of [56, 64, 72]) {
      for (const [at, byte] of [[0, 1], [0, 0x80], [1, 0x20], [1, 0xff]] as const) {
        const changed = frame.slice()
        changed[offset + at] = byte
        assert.isFalse(Envelope.isValid(changed), `${offset} + ${at}: ${byte}`)
      }
      const largest = frame.slice()
      largest.set([0, 0x1f, 255, 255, 255, 255, 255, 255], offset)
      assert.isTrue(Envelope.isValid(largest))
      assert.strictEqual(Envelope.readCount(largest, offset), Number.MAX_SAFE_INTEGER)
    }
  })

  it.prop("every valid frame reads as whole numbers that a double holds", [
    Arbitrary.map(Arbitrary.array(Oracle.int(0, 255), { minLength: 80, maxLength: 90 }), (all) => Uint8Array.from(all))
  ], ([frame]) => {
    frame[5]! %= 4
    for (const offset of [56, 64, 72]) {
      frame[offset]! %= 2
      frame[offset + 1]! %= 0x24
    }
    if (!Envelope.isValid(frame)) return
    const { counter, floor, incarnation } = headerOf(frame)
    for (const number of [incarnation, counter, floor]) assert.isTrue(Number.isSafeInteger(number))
  }, { arbitrary: { size: 90, runs: 300 } })
})
