import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Equal from "effect/Equal"
import * as Hash from "effect/Hash"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { createHash } from "node:crypto"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as Oracle from "./Oracle.ts"

const { fromBig, toBig } = Oracle

/** A key and two ids: often at the same distance from the key, or one off. */
const keyed = Arbitrary.map(
  Arbitrary.all([Oracle.id, Oracle.id, Oracle.id, Oracle.int(0, 4), Oracle.int(-1, 1)]),
  ([key, x, y, kind, small]) => {
    const offset = BigInt(small)
    switch (kind) {
      case 1:
        return { key, x, y: Oracle.wrap(2n * key - x + offset) }
      case 2:
        return { key: Oracle.wrap(x + Oracle.clockwise(x, y) / 2n + offset), x, y }
      case 3:
        return { key: Oracle.wrap(x + Oracle.half + offset), x, y }
      case 4:
        return { key: Oracle.wrap(x + offset), x, y }
      default:
        return { key, x, y }
    }
  }
)

const many = { arbitrary: { runs: 2000 } }

describe("NodeId: text and bytes", () => {
  it.prop("hex, bytes and words round trip", [Oracle.id, Oracle.int(0, 20)], ([x, offset]) => {
    const id = fromBig(x)
    assert.strictEqual(toBig(id), x)
    assert.strictEqual(id.hex, Oracle.toHex(x))
    assert.strictEqual(String(id), Oracle.toHex(x))
    assert.strictEqual(JSON.stringify({ id }), `{"id":"${Oracle.toHex(x)}"}`)
    const bytes = NodeId.toBytes(id)
    assert.strictEqual(Buffer.from(bytes).toString("hex"), Oracle.toHex(x))
    assert.strictEqual(toBig(Option.getOrThrow(NodeId.fromBytes(bytes))), x)
    assert.strictEqual(toBig(Option.getOrThrow(NodeId.fromHex(id.hex))), x)
    assert.strictEqual(toBig(Option.getOrThrow(NodeId.fromHex(id.hex.toUpperCase()))), x)
    assert.strictEqual(toBig(NodeId.parse(id.hex)), x)
    const buffer = new Uint8Array(40).fill(0xaa)
    NodeId.write(id, buffer, offset)
    assert.strictEqual(toBig(NodeId.readUnsafe(buffer, offset)), x)
    assert.isTrue(buffer.every((byte, index) => (index >= offset && index < offset + 16) || byte === 0xaa))
  }, many)

  it.prop("fromBytes reads the first 16 bytes of at least 16", [
    Arbitrary.array(Oracle.int(0, 255), { maxLength: 40 })
  ], ([list]) => {
    const read = NodeId.fromBytes(Uint8Array.from(list))
    assert.strictEqual(Option.isSome(read), list.length >= 16)
    if (Option.isSome(read)) assert.strictEqual(read.value.hex, Buffer.from(list.slice(0, 16)).toString("hex"))
  }, { arbitrary: { runs: 200, size: 40 } })

  it.prop("fromString is the beginning of SHA-256, and so is parse of what is not an id", [Schema.String], ([text]) => {
    const expected = createHash("sha256").update(Buffer.from(text, "utf8")).digest("hex").slice(0, 32)
    assert.strictEqual(NodeId.fromString(text).hex, expected)
    if (!/^[0-9a-f]{32}$/i.test(text)) assert.strictEqual(NodeId.parse(text).hex, expected)
  })

  it("fromString has the published digest of abc", () => {
    assert.strictEqual(NodeId.fromString("abc").hex, "ba7816bf8f01cfea414140de5dae2223")
  })

  it("fromHex refuses all but 32 hexadecimal digits", () => {
    const good = "0123456789abcdefABCDEF0123456789"
    assert.isTrue(Option.isSome(NodeId.fromHex(good)))
    for (
      const bad of [
        "",
        good.slice(1),
        good + "0",
        good + "\n",
        " " + good.slice(1),
        "0x" + good.slice(2),
        "-" + good.slice(1),
        "+" + good.slice(1),
        good.slice(1) + "g",
        good.slice(1) + "٣",
        good.slice(1) + ".",
        good.slice(0, 15) + "_" + good.slice(16)
      ]
    ) {
      assert.isTrue(Option.isNone(NodeId.fromHex(bad)), JSON.stringify(bad))
      assert.strictEqual(NodeId.parse(bad).hex, NodeId.fromString(bad).hex)
    }
  })

  it.prop("random takes four words, the most significant first", [Oracle.id], ([x]) => {
    const drawn = [96n, 64n, 32n, 0n].map((shift) => Number(BigInt.asUintN(32, x >> shift)))
    assert.strictEqual(toBig(NodeId.random(() => drawn.shift()!)), x)
    assert.lengthOf(drawn, 0)
  })

  it("zero and the constants", () => {
    assert.strictEqual(toBig(NodeId.zero), 0n)
    assert.strictEqual(BigInt(NodeId.radix) ** BigInt(NodeId.digits), Oracle.modulus)
  })
})

describe("NodeId: arithmetic equals that of BigInt", () => {
  it.prop("compare, Order, equals, Equal and Hash", [keyed], ([{ x, y }]) => {
    assert.strictEqual(NodeId.compare(fromBig(x), fromBig(y)), Oracle.order(x, y))
    assert.strictEqual(NodeId.Order(fromBig(x), fromBig(y)), Oracle.order(x, y))
    assert.strictEqual(NodeId.equals(fromBig(x), fromBig(y)), x === y)
    assert.strictEqual(Equal.equals(fromBig(x), fromBig(y)), x === y)
    assert.isTrue(NodeId.equals(fromBig(x), fromBig(x)))
    assert.strictEqual(NodeId.compare(fromBig(x), fromBig(x)), 0)
    assert.isTrue(Equal.equals(fromBig(x), fromBig(x)))
    assert.strictEqual(Hash.hash(fromBig(x)), Hash.hash(fromBig(x)))
    assert.isFalse(Equal.equals(fromBig(x), Oracle.toHex(x)))
  }, many)

  it.prop("equals sees every bit", [Oracle.id, Oracle.int(0, 127)], ([x, bit]) => {
    assert.isFalse(NodeId.equals(fromBig(x), fromBig(x ^ (1n << BigInt(bit)))))
  }, many)

  it.prop("add, clockwise, distance", [keyed], ([{ x, y }]) => {
    assert.strictEqual(toBig(NodeId.add(fromBig(x), fromBig(y))), Oracle.wrap(x + y))
    assert.strictEqual(toBig(NodeId.clockwise(fromBig(x), fromBig(y))), Oracle.clockwise(x, y))
    assert.strictEqual(BigInt(NodeId.upperClockwise(fromBig(x), fromBig(y))), Oracle.clockwise(x, y) >> 96n)
    assert.strictEqual(toBig(NodeId.distance(fromBig(x), fromBig(y))), Oracle.distance(x, y))
    assert.strictEqual(toBig(NodeId.distance(fromBig(y), fromBig(x))), Oracle.distance(x, y))
    assert.strictEqual(toBig(NodeId.add(fromBig(x), NodeId.clockwise(fromBig(x), fromBig(y)))), y)
  }, many)

  it.prop("side", [keyed], ([{ key, x }]) => {
    const there = Oracle.clockwise(key, x)
    assert.strictEqual(
      NodeId.side(fromBig(key), fromBig(x)),
      there === 0n ? "same" : there < Oracle.half ? "right" : "left"
    )
    assert.strictEqual(NodeId.side(fromBig(x), fromBig(x)), "same")
  }, many)

  it.prop("compareArcs and compareClockwise", [keyed, Oracle.id], ([{ key, x, y }, z]) => {
    assert.strictEqual(
      NodeId.compareArcs(fromBig(key), fromBig(x), fromBig(y), fromBig(z)),
      Oracle.order(Oracle.clockwise(key, x), Oracle.clockwise(y, z))
    )
    assert.strictEqual(
      NodeId.compareArcs(fromBig(x), fromBig(key), fromBig(key), fromBig(y)),
      Oracle.order(Oracle.clockwise(x, key), Oracle.clockwise(key, y))
    )
    assert.strictEqual(
      NodeId.compareClockwise(fromBig(key), fromBig(x), fromBig(y)),
      Oracle.order(Oracle.clockwise(key, x), Oracle.clockwise(key, y))
    )
  }, many)

  it.prop("isBetween", [keyed], ([{ key, x, y }]) => {
    const check = (from: bigint, middle: bigint, to: bigint) => {
      const there = Oracle.clockwise(from, middle)
      const whole = from === to ? Oracle.modulus : Oracle.clockwise(from, to)
      assert.strictEqual(NodeId.isBetween(fromBig(from), fromBig(middle), fromBig(to)), there > 0n && there < whole)
    }
    check(x, key, y)
    check(x, key, x)
    check(x, x, y)
    check(x, y, y)
    check(x, x, x)
  }, many)

  it.prop("commonPrefix and digit", [Oracle.id, Oracle.id], ([x, y]) => {
    assert.strictEqual(NodeId.commonPrefix(fromBig(x), fromBig(y)), Oracle.commonPrefix(x, y))
    assert.strictEqual(NodeId.commonPrefix(fromBig(x), fromBig(x)), 32)
    for (let index = 0; index < NodeId.digits; index++) {
      assert.strictEqual(NodeId.digit(fromBig(x), index), Oracle.digit(x, index))
    }
  }, many)
})

describe("NodeId: isCloser (rule R2)", () => {
  it.prop("is the smaller distance and, at the same, the counter-clockwise one", [keyed], ([{ key, x, y }]) => {
    assert.strictEqual(NodeId.isCloser(fromBig(key), fromBig(x), fromBig(y)), Oracle.isCloser(key, x, y))
    assert.strictEqual(NodeId.isCloser(fromBig(key), fromBig(y), fromBig(x)), Oracle.isCloser(key, y, x))
  }, many)

  it.prop("is a strict total order", [keyed, Oracle.id], ([{ key, x, y }, z]) => {
    const closer = (a: bigint, b: bigint) => NodeId.isCloser(fromBig(key), fromBig(a), fromBig(b))
    assert.isFalse(closer(x, x))
    assert.strictEqual(closer(x, y) !== closer(y, x), x !== y)
    if (closer(x, y) && closer(y, z)) assert.isTrue(closer(x, z))
    if (closer(z, y) && closer(y, x)) assert.isTrue(closer(z, x))
    if (x !== key) assert.isTrue(closer(key, x))
  }, many)

  it("breaks a tie towards falling ids, also across zero and half a ring away", () => {
    const closer = (key: bigint, x: bigint, y: bigint) => NodeId.isCloser(fromBig(key), fromBig(x), fromBig(y))
    assert.isTrue(closer(10n, 9n, 11n))
    assert.isFalse(closer(10n, 11n, 9n))
    assert.isTrue(closer(0n, Oracle.modulus - 1n, 1n))
    assert.isFalse(closer(0n, 1n, Oracle.modulus - 1n))
    const quarter = Oracle.half / 2n
    assert.isTrue(closer(quarter, 0n, Oracle.half))
    assert.isTrue(closer(3n * quarter, Oracle.half, 0n))
    assert.isTrue(closer(0n, Oracle.half + 1n, Oracle.half - 1n))
    assert.isTrue(closer(0n, Oracle.half - 1n, Oracle.half))
  })
})

describe("NodeId: schemas", () => {
  it.prop("FromBytes and FromHex round trip", [Oracle.id], ([x]) => {
    const id = fromBig(x)
    const bytes = Option.getOrThrow(Schema.encodeUnknownOption(NodeId.FromBytes)(id))
    assert.strictEqual(Buffer.from(bytes).toString("hex"), Oracle.toHex(x))
    assert.strictEqual(toBig(Option.getOrThrow(Schema.decodeUnknownOption(NodeId.FromBytes)(bytes))), x)
    const hex = Option.getOrThrow(Schema.encodeUnknownOption(NodeId.FromHex)(id))
    assert.strictEqual(hex, Oracle.toHex(x))
    assert.strictEqual(toBig(Option.getOrThrow(Schema.decodeUnknownOption(NodeId.FromHex)(hex))), x)
    assert.strictEqual(toBig(Option.getOrThrow(Schema.decodeUnknownOption(NodeId.FromHex)(hex.toUpperCase()))), x)
  })

  it("refuse what is not an id", () => {
    const decodesBytes = (value: unknown) => Option.isSome(Schema.decodeUnknownOption(NodeId.FromBytes)(value))
    for (let length = 0; length <= 64; length++) {
      assert.strictEqual(decodesBytes(new Uint8Array(length)), length === 16, String(length))
    }
    for (const bad of [undefined, null, 0, "0".repeat(32), "0".repeat(16), new Array(16).fill(0), { length: 16 }]) {
      assert.isFalse(decodesBytes(bad), String(bad))
    }
    const decodesHex = (value: unknown) => Option.isSome(Schema.decodeUnknownOption(NodeId.FromHex)(value))
    assert.isTrue(decodesHex("0".repeat(32)))
    for (
      const bad of [undefined, null, 0, "", "0".repeat(31), "0".repeat(33), "0".repeat(31) + "g", "0".repeat(32) + "\n"]
    ) {
      assert.isFalse(decodesHex(bad), String(bad))
    }
    assert.isTrue(Option.isNone(Schema.encodeUnknownOption(NodeId.FromHex)("0".repeat(32))))
    assert.isTrue(
      Option.isNone(Schema.encodeUnknownOption(NodeId.FromBytes)({ word0: 0, word1: 0, word2: 0, word3: 0 }))
    )
  })
})

describe("NodeId: what Go Wendy did wrong", () => {
  it.prop("Go Wendy defect 1: a prefix is as long as the digits shared, at digit 10 of each half too", [
    Oracle.id,
    Oracle.id,
    Oracle.int(1, 15)
  ], ([x, rest, change]) => {
    for (let index = 0; index < 32; index++) {
      const shift = BigInt(124 - 4 * index)
      const tail = rest & ((1n << shift) - 1n)
      const y = (((x >> shift) ^ BigInt(change)) << shift) | tail
      assert.strictEqual(NodeId.commonPrefix(fromBig(x), fromBig(y)), index)
      assert.notStrictEqual(NodeId.digit(fromBig(x), index), NodeId.digit(fromBig(y), index))
    }
  })

  it.prop("Go Wendy defect 3: difference and side are right when the low 64 bits are equal", [
    Oracle.id,
    Oracle.id
  ], ([x, other]) => {
    const low = (1n << 64n) - 1n
    const y = (other & ~low) | (x & low)
    assert.strictEqual(toBig(NodeId.distance(fromBig(x), fromBig(y))), Oracle.distance(x, y))
    const there = Oracle.clockwise(x, y)
    assert.strictEqual(
      NodeId.side(fromBig(x), fromBig(y)),
      there === 0n ? "same" : there < Oracle.half ? "right" : "left"
    )
  })

  it.prop("Go Wendy defect 3: half a ring away is one side, and never makes two Nodes both better", [
    Oracle.id
  ], ([x]) => {
    const y = Oracle.wrap(x + Oracle.half)
    assert.strictEqual(toBig(NodeId.distance(fromBig(x), fromBig(y))), Oracle.half)
    assert.strictEqual(NodeId.side(fromBig(x), fromBig(y)), "left")
    for (const key of [x + Oracle.half / 2n, x - Oracle.half / 2n, x, y]) {
      const middle = fromBig(Oracle.wrap(key))
      assert.notStrictEqual(
        NodeId.isCloser(middle, fromBig(x), fromBig(y)),
        NodeId.isCloser(middle, fromBig(y), fromBig(x))
      )
    }
  })
})
