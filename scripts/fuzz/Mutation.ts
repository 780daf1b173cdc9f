/**
 * Mutation: what becomes of a real frame in the hands of somebody who means ill, by chance from a seed.
 *
 * Frames are changed as bytes, and those that are Schema values as values too: a number, an id, a text or a list is
 * replaced by a hostile one and encoded in the same layout, without its bounds.
 */
import * as SchemaBinary from "effect/encoding/SchemaBinary"
import * as Schema from "effect/Schema"
import { ControlMessage } from "../../src/protocol/ControlMessage.ts"
import * as Envelope from "../../src/protocol/Envelope.ts"
import * as Handshake from "../../src/protocol/Handshake.ts"
import * as Query from "../../src/protocol/Query.ts"
import * as SessionFrame from "../../src/protocol/SessionFrame.ts"
import * as Node from "../../src/ring/Node.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import type { Rng } from "../../src/simulation/Rng.ts"
import * as Samples from "./Samples.ts"

/** A frame that has been changed, and how. */
export interface Mutant {
  readonly kind: string
  readonly how: string
  readonly frame: Uint8Array
}

// -----------------------------------------------------------------------------
// values
// -----------------------------------------------------------------------------

interface Parts {
  readonly ast: { readonly _tag: string }
  readonly fields?: Record<string, Schema.Top>
  readonly members?: ReadonlyArray<Schema.Top>
  readonly value?: Schema.Top
}

/** The same layout without the bounds; numbers are whole, or any at all. Ids are bytes, of any length. */
const loosen = (schema: Schema.Top, number: Schema.Top): Schema.Top => {
  const { ast, fields, members, value } = schema as unknown as Parts
  if (fields !== undefined) {
    return Schema.Struct(
      Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, loosen(field, number)]))
    )
  }
  if (members !== undefined) return Schema.Union(members.map((member) => loosen(member, number)))
  if (value !== undefined) return Schema.Array(loosen(value, number))
  switch (ast._tag) {
    case "Number":
      return number
    case "String":
      return Schema.String
    case "Declaration":
      return Schema.Uint8Array
    default:
      return schema
  }
}

/** As `Handshake.ts` has it, where it is nobody else's business. */
const handshake = Schema.Union([
  Schema.TaggedStruct("Hello", {
    lowestVersion: Schema.Int,
    highestVersion: Schema.Int,
    cluster: Schema.String,
    role: Schema.Literals(["member", "client"]),
    node: Node.Node,
    seed: NodeId.FromBytes,
    credentials: Schema.Literals([
      "none",
      "passphrase",
      "custom",
      "certificate",
      "passphrase and custom",
      "certificate and custom"
    ]),
    lease: Schema.Finite,
    nonce: NodeId.FromBytes
  }),
  Schema.TaggedStruct("Proof", { bytes: Schema.Uint8Array }),
  Schema.TaggedStruct("Accepted", {}),
  Schema.TaggedStruct("Refusal", { reason: Handshake.RefusalReason })
])

const encoderOf = (schema: Schema.Top): (message: object) => Uint8Array => {
  // NaN and the infinities are meant.
  // @effect-diagnostics-next-line schemaNumber:off
  const encoders = [Schema.Int, Schema.Number].map((number) =>
    Schema.encodeUnknownSync(
      SchemaBinary.toCodec(loosen(schema, number)) as unknown as Schema.Codec<unknown, Uint8Array>
    )
  )
  return (message) => {
    try {
      return encoders[0]!(message)
    } catch {
      // Not a whole number: in another layout, as a program of another version would send it.
      return encoders[1]!(message)
    }
  }
}

const encoders = new Map<number, (message: object) => Uint8Array>([
  [1, encoderOf(ControlMessage)],
  [Handshake.kind, encoderOf(handshake)],
  [9, encoderOf(Query.Query)],
  [10, encoderOf(Query.Answer)],
  [SessionFrame.controlKind, encoderOf(SessionFrame.Control)]
])

type Plain = number | string | boolean | undefined | Uint8Array | Array<Plain> | { [name: string]: Plain }

const plainOf = (value: unknown): Plain => {
  if (value instanceof NodeId.NodeId) return NodeId.toBytes(value)
  if (value instanceof Uint8Array) return value.slice()
  if (Array.isArray(value)) return value.map(plainOf)
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plainOf(part)]))
  }
  return value as Plain
}

/** What are lists of Nodes in the messages that have some. */
const nodeLists: ReadonlySet<string> = new Set(["leaves", "rows", "nodes", "left", "right", "lost"])

/** As `NodeList.ts` writes them, whatever they hold: what has no room in its place is cut, or has anything there. */
const writeNodes = (nodes: ReadonlyArray<Plain>): Uint8Array =>
  joined(...nodes.flatMap((node) => {
    const { globalHost, id, incarnation, localHost, port, region } = node as Record<string, Plain>
    const fixed = Buffer.alloc(10)
    if (Number.isSafeInteger(incarnation) && (incarnation as number) >= 0) {
      Envelope.writeCount(fixed, 0, incarnation as number)
    } else fixed.writeDoubleBE(incarnation as number)
    fixed.writeUInt16BE((port as number) & 0xFFFF, 8)
    const names = [localHost, globalHost, region].flatMap((name) => {
      const text = Buffer.from(name as string)
      return [Uint8Array.of(text.length >>> 8, text.length), text]
    })
    return [id as Uint8Array, fixed, ...names]
  }))

const withLists = (message: Record<string, Plain>): Record<string, Plain> =>
  Object.fromEntries(
    Object.entries(message).map(([name, value]) => [
      name,
      nodeLists.has(name) && Array.isArray(value) ? writeNodes(value) : value
    ])
  )

/**
 * The longest frame that is made of a changed value, in bytes: twice what a link takes. Longer ones would fill memory
 * with something that no decoder sees: Effect's encoder goes on writing into the buffer that the longest of them needed.
 */
export const longestFrame = 2 * 1024 * 1024

/** How long a value is as bytes, at least. */
const sizeOf = (value: Plain): number => {
  if (typeof value === "string") return value.length
  if (typeof value !== "object") return 1
  if (value instanceof Uint8Array) return value.length
  return Object.values(value).reduce((size: number, part) => size + sizeOf(part), 0)
}

/** Encodes what a frame of this kind could have been made from, without any bounds but `longestFrame`. */
export const encodeUnbounded = (kind: number, message: object): Uint8Array => {
  const plain = withLists(plainOf(message) as Record<string, Plain>)
  if (sizeOf(plain) > longestFrame) throw new RangeError("longer than the longest frame")
  const body = encoders.get(kind)!(plain)
  const frame = new Uint8Array(1 + body.length)
  frame[0] = kind
  frame.set(body, 1)
  return frame
}

const numbers = [
  0,
  -1,
  1,
  31,
  32,
  64,
  65,
  255,
  256,
  65_535,
  65_536,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32,
  2 ** 53 - 1,
  2 ** 53,
  -(2 ** 53),
  2 ** 63,
  1e308,
  0.5,
  -0,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY
]

const texts = [
  "",
  "\0",
  "\u{D800}",
  "h".repeat(256),
  "h".repeat(65),
  "h".repeat(70_000),
  "127.0.0.1",
  "::1",
  "\u{1F9A6}"
]

/** Beyond any bound, and at each. */
const lengths = [0, 1, 64, 65, 256, 257, 1_024, 1_025, 4_096, 4_097, 5_000]

type Slot = {
  readonly holder: Record<string, Plain> | Array<Plain>
  readonly name: string | number
  readonly value: Plain
}

const slotsOf = (value: Plain, slots: Array<Slot> = []): Array<Slot> => {
  if (typeof value !== "object" || value instanceof Uint8Array) return slots
  // Of long lists the beginning: all items are alike.
  const entries = Array.isArray(value)
    ? value.slice(0, 8).map((part, index) => [index, part] as const)
    : Object.entries(value)
  for (const [name, part] of entries) {
    if (name === "_tag") continue
    slots.push({ holder: value as Slot["holder"], name, value: part })
    slotsOf(part, slots)
  }
  return slots
}

const hostile = (rng: Rng, cast: Samples.Cast, value: Plain): Plain => {
  if (typeof value === "number") return rng.pick(numbers)
  if (typeof value === "string") return rng.pick(texts)
  if (typeof value === "boolean") return !value
  if (value === undefined) return undefined
  if (value instanceof Uint8Array) {
    return rng.happens(0.7)
      ? NodeId.toBytes(Samples.id(rng, cast))
      : new Uint8Array(rng.pick([0, 15, 17, 4_096, 4_097]))
  }
  if (Array.isArray(value)) {
    const item = value[0]
    // Long lists are dear: now and then one is enough.
    const length = rng.pick(rng.happens(0.04) ? lengths : lengths.slice(0, 5))
    return item === undefined ? [] : Array.from({ length }, (_, index) => value[index % value.length])
  }
  return "localHost" in value ? plainOf(Samples.node(rng, cast)) : value
}

const changeValue = (
  rng: Rng,
  cast: Samples.Cast,
  { frame, message }: Samples.Sample
): Uint8Array | undefined => {
  if (message === undefined) return undefined
  const changed = plainOf(message)
  for (let times = 1 + rng.below(2); times > 0; times--) {
    const slots = slotsOf(changed)
    if (slots.length === 0) return undefined
    const { holder, name, value } = rng.pick(slots)
    ;(holder as Record<string | number, Plain>)[name] = hostile(rng, cast, value)
  }
  try {
    return encodeUnbounded(frame[0]!, changed as object)
  } catch {
    // No layout holds this value, or no frame.
    return undefined
  }
}

// -----------------------------------------------------------------------------
// bytes
// -----------------------------------------------------------------------------

export const joined = (...parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0))
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole
}

export const randomBytes = (rng: Rng, length: number): Uint8Array => Uint8Array.from({ length }, () => rng.below(256))

const varints = [
  [0x7F],
  [0x80, 0x01],
  [0x80, 0x80, 0x80, 0x80, 0x08],
  [0xFF, 0xFF, 0xFF, 0xFF, 0x0F],
  [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F],
  [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01],
  [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80]
]

/** Where the numbers of fixed layouts stand. */
const counts = new Map<number, ReadonlyArray<number>>([[Envelope.kind, [56, 64, 72]], [5, [51, 59]], [7, [
  33,
  41,
  81,
  89
]]])

/** Where the ids of fixed layouts stand. */
const ids = new Map<number, ReadonlyArray<number>>([[Envelope.kind, [8, 24, 40]], [5, [3, 19, 35]], [7, [
  1,
  17,
  49,
  65
]]])

type Change = (rng: Rng, cast: Samples.Cast, frame: Uint8Array, other: Uint8Array) => Uint8Array | undefined

const flip: Change = (rng, _cast, frame) => {
  if (frame.length === 0) return undefined
  const changed = frame.slice()
  for (let bits = 1 + rng.below(4); bits > 0; bits--) changed[rng.below(frame.length)]! ^= 1 << rng.below(8)
  return changed
}

const changes: { readonly [name: string]: Change } = {
  flip,
  // The shape of what is behind stands at the beginning.
  "flip ahead": (rng, cast, frame) => {
    const head = flip(rng, cast, frame.subarray(0, 12), frame)
    return head === undefined ? undefined : joined(head, frame.subarray(head.length))
  },
  byte: (rng, _cast, frame) => {
    if (frame.length === 0) return undefined
    const changed = frame.slice()
    changed[rng.below(frame.length)] = rng.pick([0, 1, 0x7F, 0x80, 0xFF])
    return changed
  },
  truncate: (rng, _cast, frame) => frame.slice(0, rng.below(frame.length + 1)),
  extend: (rng, _cast, frame) => joined(frame, randomBytes(rng, rng.happens(0.05) ? 10_000 : 1 + rng.below(60))),
  duplicate: (_chance, _cast, frame) => joined(frame, frame),
  "duplicate a part": (rng, _cast, frame) => {
    const from = rng.below(frame.length + 1)
    const part = frame.subarray(from, from + rng.below(64))
    return joined(frame.subarray(0, from), part, part, frame.subarray(from + part.length))
  },
  "cut out": (rng, _cast, frame) => {
    const from = rng.below(frame.length + 1)
    return joined(frame.subarray(0, from), frame.subarray(from + 1 + rng.below(16)))
  },
  splice: (rng, _cast, frame, other) =>
    joined(frame.subarray(0, rng.below(frame.length + 1)), other.subarray(rng.below(other.length + 1))),
  length: (rng, _cast, frame) => {
    const at = rng.below(Math.max(1, frame.length))
    return joined(frame.subarray(0, at), Uint8Array.from(rng.pick(varints)), frame.subarray(at + 1))
  },
  number: (rng, _cast, frame) => {
    const at = rng.pick(counts.get(frame[0] ?? -1) ?? [])
    if (at === undefined || at + 8 > frame.length) return undefined
    const changed = frame.slice()
    if (rng.happens(0.3)) changed.set(randomBytes(rng, 8), at)
    else Envelope.writeCount(changed, at, rng.pick([0, 2 ** 31, 2 ** 32, 2 ** 52, 2 ** 53 - 1, 2 ** 53, 2 ** 63]))
    return changed
  },
  id: (rng, cast, frame) => {
    const at = rng.pick(ids.get(frame[0] ?? -1) ?? [])
    if (at === undefined || at + 16 > frame.length) return undefined
    const changed = frame.slice()
    NodeId.write(Samples.id(rng, cast), changed, at)
    return changed
  },
  sequence: (rng, _cast, frame) => {
    if (frame[0] !== Envelope.kind || frame.length < 5) return undefined
    const changed = frame.slice()
    Envelope.setSequence(changed, rng.pick([2_048, 65_536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]))
    return changed
  },
  kind: (rng, _cast, frame) => {
    const changed = frame.slice()
    changed[0] = rng.happens(0.8) ? rng.below(12) : rng.below(256)
    return changed
  },
  noise: (rng, _cast, frame) => joined(frame.subarray(0, 1), randomBytes(rng, rng.below(200)))
}

const names = Object.keys(changes)

/** Changes bytes, whatever they say, in one way or in two; not every way goes with all bytes. */
export const mutateBytes = (
  rng: Rng,
  cast: Samples.Cast,
  bytes: Uint8Array,
  other: Uint8Array
): Omit<Mutant, "kind"> => {
  let frame = bytes
  let how = "as it is"
  for (let times = rng.happens(0.8) ? 1 : 2; times > 0; times--) {
    const name = rng.pick(names)
    const changed = changes[name]!(rng, cast, frame, other)
    if (changed === undefined) continue
    frame = changed
    how = name
  }
  return { how, frame }
}

/** Changes a real frame, in one way or in two; now and then it stays as it is, and is hostile by what it says. */
export const mutate = (
  rng: Rng,
  cast: Samples.Cast,
  sample: Samples.Sample,
  other: Samples.Sample
): Mutant => {
  const { kind } = sample
  if (rng.happens(0.15)) return { kind, how: "as it is", frame: sample.frame }
  if (rng.happens(0.45)) {
    const frame = changeValue(rng, cast, sample)
    if (frame !== undefined) return { kind, how: "value", frame }
  }
  return { kind, ...mutateBytes(rng, cast, sample.frame, other.frame) }
}
