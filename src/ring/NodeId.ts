/**
 * A 128-bit identifier on the ring: of a Node, or of a key.
 *
 * Ids are read as unsigned integers modulo 2^128 and, for prefixes, as 32
 * hexadecimal digits (b = 4). Clockwise is the direction of growing ids.
 * Nothing here allocates but what returns a `NodeId`: four 32-bit words are
 * compared and subtracted in place, because this is what routing does per message.
 *
 * Applications need `fromString` for keys, `parse` and `fromHex` for what people
 * write, and the Schemas; the arithmetic is for whoever reasons about the ring.
 *
 * Source: Rowstron, Druschel, "Pastry" (Middleware 2001), section 2.
 *
 * @since 0.1.0
 */
import * as Equal from "effect/Equal"
import * as Hash from "effect/Hash"
import * as Option from "effect/Option"
import * as Order_ from "effect/Order"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { createHash } from "node:crypto"

/**
 * Digits of an id: 32 (b = 4, so 128 / 4).
 *
 * @category constants
 * @since 0.1.0
 */
export const digits = 32

/**
 * Values of a digit: 16.
 *
 * @category constants
 * @since 0.1.0
 */
export const radix = 16

/**
 * A 128-bit unsigned integer on the ring.
 *
 * **Details**
 *
 * The words are signed 32-bit integers, most significant first: V8 keeps those
 * without boxing. Use the functions of this module rather than the words.
 *
 * It has `Equal` and `Hash`, so that it can be a key of Effect's collections; in a plain `Map` use `hex`. As text
 * and in JSON it is its 32 digits.
 *
 * **Example** (Equal by value)
 *
 * ```ts
 * import { Equal } from "effect"
 * import { NodeId } from "effect-wendy"
 *
 * const id = NodeId.fromString("room:42")
 * Equal.equals(id, NodeId.fromString("room:42")) // => true
 * `${id}` === id.hex // => true
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export class NodeId implements Equal.Equal {
  /** Bits 127 to 96. */
  readonly word0: number
  /** Bits 95 to 64. */
  readonly word1: number
  /** Bits 63 to 32. */
  readonly word2: number
  /** Bits 31 to 0. */
  readonly word3: number
  private text: string | undefined

  constructor(word0: number, word1: number, word2: number, word3: number) {
    this.word0 = word0 | 0
    this.word1 = word1 | 0
    this.word2 = word2 | 0
    this.word3 = word3 | 0
    this.text = undefined
  }

  [Equal.symbol](that: unknown): boolean {
    return that instanceof NodeId && equals(this, that)
  }

  [Hash.symbol](): number {
    return this.word0 ^ this.word1 ^ this.word2 ^ this.word3
  }

  /** The id as 32 lower-case hexadecimal digits; computed once. */
  get hex(): string {
    return this.text ??= hexWord(this.word0) + hexWord(this.word1) + hexWord(this.word2) + hexWord(this.word3)
  }

  toString(): string {
    return this.hex
  }

  toJSON(): string {
    return this.hex
  }
}

const hexWord = (word: number): string => (word >>> 0).toString(16).padStart(8, "0")

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/**
 * The id whose bits are all zero.
 *
 * **Example**
 *
 * ```ts
 * import { NodeId } from "effect-wendy"
 *
 * NodeId.zero.hex // => "00000000000000000000000000000000"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const zero: NodeId = new NodeId(0, 0, 0, 0)

/**
 * Reads an id from 32 hexadecimal digits, of either case. None for anything else.
 *
 * **When to use**
 *
 * For ids that programs wrote. For what a person typed, `parse`, which takes names too.
 *
 * **Example**
 *
 * ```ts
 * import { Option } from "effect"
 * import { NodeId } from "effect-wendy"
 *
 * const id = NodeId.fromHex("0123456789ABCDEF0123456789ABCDEF")
 * Option.map(id, (id) => id.hex) // => Option.some("0123456789abcdef0123456789abcdef")
 * NodeId.fromHex("room:42") // => Option.none()
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromHex = (text: string): Option.Option<NodeId> =>
  /^[0-9a-fA-F]{32}$/.test(text)
    ? Option.some(
      new NodeId(
        Number.parseInt(text.slice(0, 8), 16),
        Number.parseInt(text.slice(8, 16), 16),
        Number.parseInt(text.slice(16, 24), 16),
        Number.parseInt(text.slice(24, 32), 16)
      )
    )
    : Option.none()

/**
 * Reads an id from the first 16 of at least 16 bytes, most significant first. None for fewer.
 *
 * **When to use**
 *
 * For a hash, or any other bytes of one's own. To decode exactly 16 bytes with a Schema, `FromBytes`.
 *
 * **Example** (A key from a hash of one's own)
 *
 * ```ts
 * import { Option } from "effect"
 * import { NodeId } from "effect-wendy"
 * import { createHash } from "node:crypto"
 *
 * const hash = createHash("sha256").update("room:42").digest()
 * const id = Option.getOrThrow(NodeId.fromBytes(hash))
 * NodeId.equals(id, NodeId.fromString("room:42")) // => true
 * NodeId.fromBytes(new Uint8Array(15)) // => Option.none()
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromBytes = (bytes: Uint8Array): Option.Option<NodeId> =>
  bytes.length < 16 ? Option.none() : Option.some(readUnsafe(bytes, 0))

/**
 * Reads an id at an offset. The caller has checked that 16 bytes are there: where they are not, zeros are read.
 *
 * **Example**
 *
 * ```ts
 * import { NodeId } from "effect-wendy"
 *
 * const bytes = new Uint8Array(20)
 * bytes[19] = 7
 * NodeId.readUnsafe(bytes, 4).hex // => "00000000000000000000000000000007"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const readUnsafe = (bytes: Uint8Array, offset: number): NodeId =>
  new NodeId(
    wordAt(bytes, offset),
    wordAt(bytes, offset + 4),
    wordAt(bytes, offset + 8),
    wordAt(bytes, offset + 12)
  )

/**
 * Whether the 16 bytes at an offset are an id, without making another of them.
 *
 * @internal
 */
export const isAt = (self: NodeId, bytes: Uint8Array, offset: number): boolean =>
  wordAt(bytes, offset + 12) === self.word3 && wordAt(bytes, offset + 8) === self.word2 &&
  wordAt(bytes, offset + 4) === self.word1 && wordAt(bytes, offset) === self.word0

const wordAt = (bytes: Uint8Array, offset: number): number =>
  (bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!

/**
 * Hashes a text to an id: the first 16 bytes of its SHA-256 (FIPS 180-4) as UTF-8.
 *
 * **When to use**
 *
 * For the key of whatever has a name: the same name is the same key everywhere, and names spread evenly over the ring.
 *
 * **Example** (The key of a room)
 *
 * ```ts
 * import { NodeId } from "effect-wendy"
 *
 * NodeId.fromString("room:42").hex // => "38512a74c096e5f5f89492cff52a06d5"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromString = (text: string): NodeId => readUnsafe(createHash("sha256").update(text, "utf8").digest(), 0)

/**
 * The id that a person named: 32 hexadecimal digits are that id, anything else is hashed.
 *
 * **When to use**
 *
 * For arguments of a command line and the like, as `wendy send --key` reads them. In a program, `fromString` or
 * `fromHex` say which is meant.
 *
 * **Example**
 *
 * ```ts
 * import { NodeId } from "effect-wendy"
 *
 * NodeId.parse("000000000000000000000000000000ff").hex // => "000000000000000000000000000000ff"
 * NodeId.parse("ff").hex === NodeId.fromString("ff").hex // => true
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const parse = (text: string): NodeId => Option.getOrElse(fromHex(text), () => fromString(text))

/**
 * Draws an id from a generator of 32-bit integers, so that whoever owns chance owns ids too.
 *
 * **When to use**
 *
 * In tests and simulations. A Node without an id draws one from a secure generator itself.
 *
 * **Example** (Ids by Effect's Random)
 *
 * ```ts
 * import { Effect, Random } from "effect"
 * import { NodeId } from "effect-wendy"
 *
 * const draw = Effect.map(Random.Random, (random) => NodeId.random(() => random.nextIntUnsafe()))
 * const one = Effect.runSync(Random.withSeed(draw, "seed"))
 * const two = Effect.runSync(Random.withSeed(draw, "seed"))
 * NodeId.equals(one, two) // => true
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const random = (nextWord: () => number): NodeId => new NodeId(nextWord(), nextWord(), nextWord(), nextWord())

// -----------------------------------------------------------------------------
// conversions
// -----------------------------------------------------------------------------

/**
 * The 16 bytes of an id, most significant first.
 *
 * **Example**
 *
 * ```ts
 * import { NodeId } from "effect-wendy"
 *
 * const bytes = NodeId.toBytes(NodeId.parse("000000000000000000000000000000ff"))
 * const ends = [bytes.length, bytes[15]] // => [16, 255]
 * ```
 *
 * @category conversions
 * @since 0.1.0
 */
export const toBytes = (self: NodeId): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(16)
  write(self, bytes, 0)
  return bytes
}

/**
 * Writes the 16 bytes of an id at an offset. What has no room is left out.
 *
 * **Example**
 *
 * ```ts
 * import { NodeId } from "effect-wendy"
 *
 * const bytes = new Uint8Array(20)
 * NodeId.write(NodeId.parse("000000000000000000000000000000ff"), bytes, 4)
 * const last = bytes[19] // => 255
 * ```
 *
 * @category conversions
 * @since 0.1.0
 */
export const write = (self: NodeId, bytes: Uint8Array, offset: number): void => {
  writeWord(self.word0, bytes, offset)
  writeWord(self.word1, bytes, offset + 4)
  writeWord(self.word2, bytes, offset + 8)
  writeWord(self.word3, bytes, offset + 12)
}

const writeWord = (word: number, bytes: Uint8Array, offset: number): void => {
  bytes[offset] = word >>> 24
  bytes[offset + 1] = word >>> 16
  bytes[offset + 2] = word >>> 8
  bytes[offset + 3] = word
}

// -----------------------------------------------------------------------------
// comparisons
// -----------------------------------------------------------------------------

/**
 * Whether two ids are the same number.
 *
 * **Example**
 *
 * ```ts
 * import { NodeId } from "effect-wendy"
 *
 * NodeId.equals(NodeId.fromString("alice"), NodeId.fromString("alice")) // => true
 * ```
 *
 * @category comparisons
 * @since 0.1.0
 */
export const equals = (x: NodeId, y: NodeId): boolean =>
  x.word3 === y.word3 && x.word2 === y.word2 && x.word1 === y.word1 && x.word0 === y.word0

/**
 * Compares two ids as unsigned integers (not along the ring): -1, 0 or 1.
 *
 * **Example**
 *
 * ```ts
 * import { NodeId } from "effect-wendy"
 *
 * NodeId.compare(NodeId.zero, NodeId.parse("f".repeat(32))) // => -1
 * ```
 *
 * @category comparisons
 * @since 0.1.0
 */
export const compare = (x: NodeId, y: NodeId): -1 | 0 | 1 =>
  x.word0 !== y.word0
    ? (x.word0 >>> 0 < y.word0 >>> 0 ? -1 : 1)
    : x.word1 !== y.word1
    ? (x.word1 >>> 0 < y.word1 >>> 0 ? -1 : 1)
    : x.word2 !== y.word2
    ? (x.word2 >>> 0 < y.word2 >>> 0 ? -1 : 1)
    : x.word3 !== y.word3
    ? (x.word3 >>> 0 < y.word3 >>> 0 ? -1 : 1)
    : 0

/**
 * The order of ids as unsigned integers.
 *
 * **Example** (Ids in order)
 *
 * ```ts
 * import { Array } from "effect"
 * import { NodeId } from "effect-wendy"
 *
 * const ids = ["2", "0", "1"].map((digit) => NodeId.parse(digit.repeat(32)))
 * Array.sort(ids, NodeId.Order).map(({ hex }) => hex[0]) // => ["0", "1", "2"]
 * ```
 *
 * @category comparisons
 * @since 0.1.0
 */
export const Order: Order_.Order<NodeId> = Order_.make(compare)

// The result of the last `subtract`: a 128-bit number in four signed words.
let high = 0
let mid1 = 0
let mid2 = 0
let low = 0

/** x - y modulo 2^128 into the four words above. */
const subtract = (x: NodeId, y: NodeId): void => {
  const d3 = (x.word3 >>> 0) - (y.word3 >>> 0)
  const d2 = (x.word2 >>> 0) - (y.word2 >>> 0) - (d3 < 0 ? 1 : 0)
  const d1 = (x.word1 >>> 0) - (y.word1 >>> 0) - (d2 < 0 ? 1 : 0)
  high = ((x.word0 >>> 0) - (y.word0 >>> 0) - (d1 < 0 ? 1 : 0)) | 0
  mid1 = d1 | 0
  mid2 = d2 | 0
  low = d3 | 0
}

/** Turns the last difference into its negative modulo 2^128. */
const negate = (): void => {
  low = -low | 0
  const carry2 = low === 0 ? 1 : 0
  mid2 = (~mid2 + carry2) | 0
  const carry1 = carry2 === 1 && mid2 === 0 ? 1 : 0
  mid1 = (~mid1 + carry1) | 0
  high = (~high + (carry1 === 1 && mid1 === 0 ? 1 : 0)) | 0
}

/**
 * Compares the lengths of two clockwise arcs, `from1` to `to1` and `from2` to `to2`: -1 when the first is the shorter
 * one.
 *
 * **Example**
 *
 * ```ts
 * import { NodeId } from "effect-wendy"
 *
 * const [a, b, c] = ["1", "2", "4"].map((digit) => NodeId.parse(digit.repeat(32))) as [
 *   NodeId.NodeId,
 *   NodeId.NodeId,
 *   NodeId.NodeId
 * ]
 * NodeId.compareArcs(a, b, b, c) // => -1
 * ```
 *
 * @category comparisons
 * @since 0.1.0
 */
export const compareArcs = (from1: NodeId, to1: NodeId, from2: NodeId, to2: NodeId): -1 | 0 | 1 => {
  // Mostly the upper words decide. A borrow from below takes one from each at most, and makes the longest of the shortest.
  const upper1 = (to1.word0 - from1.word0) >>> 0
  const upper2 = (to2.word0 - from2.word0) >>> 0
  if (upper1 !== 0 && upper2 !== 0) {
    if (upper1 > upper2 + 1) return 1
    if (upper2 > upper1 + 1) return -1
  }
  subtract(to1, from1)
  const x0 = high
  const x1 = mid1
  const x2 = mid2
  const x3 = low
  subtract(to2, from2)
  return compareWords(x0, x1, x2, x3, high, mid1, mid2, low)
}

/**
 * Which of `x` and `y` comes first on a walk clockwise from `from`: -1 for `x`, 1 for `y`, 0 when they are the same.
 *
 * **Example** (Past zero)
 *
 * ```ts
 * import { NodeId } from "effect-wendy"
 *
 * const from = NodeId.parse("e".repeat(32))
 * NodeId.compareClockwise(from, NodeId.parse("1".repeat(32)), NodeId.parse("f".repeat(32))) // => 1
 * ```
 *
 * @category comparisons
 * @since 0.1.0
 */
export const compareClockwise = (from: NodeId, x: NodeId, y: NodeId): -1 | 0 | 1 => compareArcs(from, x, from, y)

const compareWords = (
  x0: number,
  x1: number,
  x2: number,
  x3: number,
  y0: number,
  y1: number,
  y2: number,
  y3: number
): -1 | 0 | 1 =>
  x0 !== y0
    ? (x0 >>> 0 < y0 >>> 0 ? -1 : 1)
    : x1 !== y1
    ? (x1 >>> 0 < y1 >>> 0 ? -1 : 1)
    : x2 !== y2
    ? (x2 >>> 0 < y2 >>> 0 ? -1 : 1)
    : x3 !== y3
    ? (x3 >>> 0 < y3 >>> 0 ? -1 : 1)
    : 0

/**
 * Whether `x` lies strictly inside the clockwise arc from `from` to `to`.
 * An arc from a point to itself is the whole ring without that point.
 *
 * **Example** (Past zero)
 *
 * ```ts
 * import { NodeId } from "effect-wendy"
 *
 * const high = NodeId.parse("f".repeat(32))
 * const low = NodeId.parse("1".repeat(32))
 * NodeId.isBetween(high, NodeId.zero, low) // => true
 * NodeId.isBetween(low, NodeId.zero, high) // => false
 * ```
 *
 * @category comparisons
 * @since 0.1.0
 */
export const isBetween = (from: NodeId, x: NodeId, to: NodeId): boolean =>
  !equals(x, from) && !equals(x, to) && (equals(from, to) || compareClockwise(from, x, to) < 0)

/**
 * Whether `x` is a better root of `key` than `y` is: numerically closer on the
 * ring or, at the same distance, the counter-clockwise one of the two.
 * A strict total order for a fixed key. Rule R2 of `docs/protocol.md`.
 *
 * **When to use**
 *
 * To tell in a test which of some Nodes a message must reach. Whether a running Node answers for a key,
 * `cluster.covers` knows.
 *
 * **Example** (The root of a key)
 *
 * ```ts
 * import { NodeId } from "effect-wendy"
 *
 * const key = NodeId.parse("3".repeat(32))
 * const alice = NodeId.parse("1".repeat(32))
 * const bob = NodeId.parse("4".repeat(32))
 * NodeId.isCloser(key, bob, alice) // => true
 * ```
 *
 * @category comparisons
 * @since 0.1.0
 */
export const isCloser = (key: NodeId, x: NodeId, y: NodeId): boolean => {
  // Mostly the upper words decide: what comes from below changes the upper word of a distance by one at most.
  const upperX = Math.abs((key.word0 - x.word0) | 0)
  const upperY = Math.abs((key.word0 - y.word0) | 0)
  if (upperX > upperY + 2) return false
  if (upperY > upperX + 2) return true
  subtract(key, x)
  const xIsClockwise = high < 0
  if (xIsClockwise) negate()
  const x0 = high
  const x1 = mid1
  const x2 = mid2
  const x3 = low
  subtract(key, y)
  const yIsClockwise = high < 0
  if (yIsClockwise) negate()
  const order = compareWords(x0, x1, x2, x3, high, mid1, mid2, low)
  return order < 0 || (order === 0 && yIsClockwise && !xIsClockwise)
}

// -----------------------------------------------------------------------------
// distances
// -----------------------------------------------------------------------------

/**
 * The clockwise distance from one id to another: `(to - from) mod 2^128`.
 *
 * **Example** (Past zero)
 *
 * ```ts
 * import { NodeId } from "effect-wendy"
 *
 * NodeId.clockwise(NodeId.parse("f".repeat(32)), NodeId.zero).hex // => "00000000000000000000000000000001"
 * ```
 *
 * @category distances
 * @since 0.1.0
 */
export const clockwise = (from: NodeId, to: NodeId): NodeId => {
  subtract(to, from)
  return new NodeId(high, mid1, mid2, low)
}

/**
 * The upper 32 bits of the clockwise distance from one id to another, 0 to 2^32 - 1: enough to put most ids in order.
 *
 * **Example**
 *
 * ```ts
 * import { NodeId } from "effect-wendy"
 *
 * NodeId.upperClockwise(NodeId.zero, NodeId.parse("00000002".padEnd(32, "f"))) // => 2
 * ```
 *
 * @category distances
 * @since 0.1.0
 */
export const upperClockwise = (from: NodeId, to: NodeId): number => {
  subtract(to, from)
  return high >>> 0
}

/**
 * The distance along the ring, the shorter way round: at most 2^127.
 *
 * **Example**
 *
 * ```ts
 * import { NodeId } from "effect-wendy"
 *
 * NodeId.distance(NodeId.zero, NodeId.parse("f".repeat(32))).hex // => "00000000000000000000000000000001"
 * ```
 *
 * @category distances
 * @since 0.1.0
 */
export const distance = (x: NodeId, y: NodeId): NodeId => {
  subtract(x, y)
  if (high < 0) negate()
  return new NodeId(high, mid1, mid2, low)
}

/**
 * On which side of `self` an id lies, the shorter way round. Exactly half a
 * ring away counts as left (counter-clockwise).
 *
 * **Example**
 *
 * ```ts
 * import { NodeId } from "effect-wendy"
 *
 * NodeId.side(NodeId.zero, NodeId.parse("1".repeat(32))) // => "right"
 * NodeId.side(NodeId.zero, NodeId.parse("f".repeat(32))) // => "left"
 * ```
 *
 * @category distances
 * @since 0.1.0
 */
export const side = (self: NodeId, that: NodeId): "left" | "right" | "same" => {
  subtract(that, self)
  return high < 0 ? "left" : (high | mid1 | mid2 | low) === 0 ? "same" : "right"
}

/**
 * Adds a distance to an id, modulo 2^128.
 *
 * **Example** (The id after the last one)
 *
 * ```ts
 * import { NodeId } from "effect-wendy"
 *
 * const one = NodeId.parse("00000000000000000000000000000001")
 * NodeId.add(NodeId.parse("f".repeat(32)), one).hex === NodeId.zero.hex // => true
 * ```
 *
 * @category distances
 * @since 0.1.0
 */
export const add = (self: NodeId, that: NodeId): NodeId => {
  const s3 = (self.word3 >>> 0) + (that.word3 >>> 0)
  const s2 = (self.word2 >>> 0) + (that.word2 >>> 0) + (s3 > 0xffffffff ? 1 : 0)
  const s1 = (self.word1 >>> 0) + (that.word1 >>> 0) + (s2 > 0xffffffff ? 1 : 0)
  return new NodeId((self.word0 >>> 0) + (that.word0 >>> 0) + (s1 > 0xffffffff ? 1 : 0), s1, s2, s3)
}

// -----------------------------------------------------------------------------
// digits
// -----------------------------------------------------------------------------

/**
 * How many leading hexadecimal digits two ids share: 0 to 32. It names the row of a routing table.
 *
 * **Example**
 *
 * ```ts
 * import { NodeId } from "effect-wendy"
 *
 * const x = NodeId.parse("12340000000000000000000000000000")
 * const y = NodeId.parse("12350000000000000000000000000000")
 * NodeId.commonPrefix(x, y) // => 3
 * ```
 *
 * @category digits
 * @since 0.1.0
 */
export const commonPrefix = (x: NodeId, y: NodeId): number => {
  const d0 = x.word0 ^ y.word0
  if (d0 !== 0) return Math.clz32(d0) >>> 2
  const d1 = x.word1 ^ y.word1
  if (d1 !== 0) return 8 + (Math.clz32(d1) >>> 2)
  const d2 = x.word2 ^ y.word2
  if (d2 !== 0) return 16 + (Math.clz32(d2) >>> 2)
  const d3 = x.word3 ^ y.word3
  return d3 !== 0 ? 24 + (Math.clz32(d3) >>> 2) : digits
}

/**
 * The hexadecimal digit at an index, 0 (most significant) to 31.
 *
 * **Example**
 *
 * ```ts
 * import { NodeId } from "effect-wendy"
 *
 * NodeId.digit(NodeId.parse("0a000000000000000000000000000000"), 1) // => 10
 * ```
 *
 * @category digits
 * @since 0.1.0
 */
export const digit = (self: NodeId, index: number): number => {
  const word = index < 8 ? self.word0 : index < 16 ? self.word1 : index < 24 ? self.word2 : self.word3
  return (word >>> (28 - ((index & 7) << 2))) & 15
}

// -----------------------------------------------------------------------------
// schemas
// -----------------------------------------------------------------------------

const Self = Schema.instanceOf(NodeId)

/**
 * An id as 16 bytes: the form on the wire. Any other number of bytes does not decode.
 *
 * **Example**
 *
 * ```ts
 * import { Schema } from "effect"
 * import { NodeId } from "effect-wendy"
 *
 * const bytes = Schema.encodeSync(NodeId.FromBytes)(NodeId.fromString("alice"))
 * const again = Schema.decodeSync(NodeId.FromBytes)(bytes)
 * NodeId.equals(again, NodeId.fromString("alice")) // => true
 * ```
 *
 * @category schemas
 * @since 0.1.0
 */
export const FromBytes = Schema.Uint8Array.check(
  Schema.makeFilter((bytes) => bytes.length === 16 || "an id has 16 bytes")
).pipe(
  Schema.decodeTo(
    Self,
    SchemaTransformation.transform<NodeId, Uint8Array>({ decode: (bytes) => readUnsafe(bytes, 0), encode: toBytes })
  )
)

/**
 * An id as 32 hexadecimal digits: the form in JSON and configuration. They may be of either case, and are written in
 * lower case.
 *
 * **Example** (A key in a message of one's own)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { NodeId } from "effect-wendy"
 *
 * const Entry = Schema.Struct({ key: NodeId.FromHex, size: Schema.Int })
 * const decode = Schema.decodeUnknownSync(Entry)
 *
 * decode({ key: "000000000000000000000000000000FF", size: 3 }).key.hex // => "000000000000000000000000000000ff"
 * ```
 *
 * @category schemas
 * @since 0.1.0
 */
export const FromHex = Schema.String.check(Schema.isPattern(/^[0-9a-fA-F]{32}$/)).pipe(
  Schema.decodeTo(
    Self,
    SchemaTransformation.transform<NodeId, string>({ decode: parse, encode: (id) => id.hex })
  )
)
