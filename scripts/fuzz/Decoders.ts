/**
 * Decoders: whatever bytes come in, a decoder answers; and what it answers is whole, and within bounds.
 */
import * as Frame from "../../src/protocol/Frame.ts"
import * as Handshake from "../../src/protocol/Handshake.ts"
import * as SessionFrame from "../../src/protocol/SessionFrame.ts"
import * as Node from "../../src/ring/Node.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as Rng from "../../src/simulation/Rng.ts"
import { encodeFrames, FrameDecoder } from "../../src/transport/Framing.ts"
import * as Mutation from "./Mutation.ts"
import * as Samples from "./Samples.ts"
import * as Tally from "./Tally.ts"

/** What decodes, so that a test can break it. */
export interface Decoders {
  readonly frame: (bytes: Uint8Array) => Frame.Frame
  readonly handshake: (bytes: Uint8Array) => Handshake.Message | undefined
  readonly framing: (maxFrameSize: number) => Pick<FrameDecoder, "push" | "refused" | "isMidFrame">
}

export const real: Decoders = {
  frame: Frame.decode,
  handshake: Handshake.decode,
  framing: (maxFrameSize) => new FrameDecoder(maxFrameSize)
}

const place = { localHost: "10.0.0.1", globalHost: "203.0.113.1", region: "", incarnation: 1_700_000_000_000 }

const nodes = ["1", "5", "9", "d"].map((digits, index) =>
  new Node.Node({ ...place, id: NodeId.parse(digits.padEnd(32, "0")), port: 7_001 + index })
)

const cast: Samples.Cast = {
  nodes,
  receiver: nodes[0]!,
  speaker: new Node.Node({ ...place, id: NodeId.parse("7".padEnd(32, "0")), port: 7_009 })
}

/** The frame that says this, whatever it was decoded from. */
export const encodeAgain = (frame: Exclude<Frame.Frame, { readonly _tag: "Malformed" }>): Uint8Array => {
  switch (frame._tag) {
    case "Control":
      return Frame.control(frame.message)
    case "Routed":
      return frame.frame
    case "Acknowledged":
      return Frame.acknowledged(frame.from, frame.upTo)
    case "Busy":
      return Frame.busy(frame.sequence)
    case "Receipt":
      return Frame.receipt(frame.receipt)
    case "Delivered":
      return Frame.delivered(frame.ids)
    case "Query":
      return Frame.query(frame.query)
    case "Answer":
      return Frame.answer(frame.answer)
    case "Bye":
      return Frame.bye()
    case "Session":
      return encodeSession(frame.frame)
  }
}

const encodeSession = (frame: SessionFrame.SessionFrame): Uint8Array => {
  switch (frame._tag) {
    case "Batch":
      return SessionFrame.batch(frame.session, frame.first, frame.messages, frame)
    case "Credit":
      return SessionFrame.credit(frame.session, frame.received, frame)
    default:
      return SessionFrame.control(frame)
  }
}

/** What a Schema encodes has more than one encoding; everything else has one. */
const isSchema = (frame: Frame.Frame): boolean =>
  frame._tag === "Control" || frame._tag === "Query" || frame._tag === "Answer" ||
  (frame._tag === "Session" && frame.frame._tag !== "Batch" && frame.frame._tag !== "Credit")

const isSame = (x: Uint8Array, y: Uint8Array): boolean => Buffer.compare(x, y) === 0

/** Of what a Schema makes: the longest list, text and bytes that any of its messages may hold. */
const longest = { list: 4_096, text: 255, bytes: 4_096 }

/** Looks for what is beyond any bound. */
const excessOf = (value: unknown): string | undefined => {
  if (typeof value === "string") return value.length > longest.text ? `a text of ${value.length}` : undefined
  if (typeof value !== "object" || value === null) return undefined
  if (value instanceof NodeId.NodeId) return /^[0-9a-f]{32}$/.test(value.hex) ? undefined : `the id ${value.hex}`
  if (value instanceof Uint8Array) return value.length > longest.bytes ? `${value.length} bytes` : undefined
  if (Array.isArray(value) && value.length > longest.list) return `a list of ${value.length}`
  for (const part of Object.values(value)) {
    const excess = excessOf(part)
    if (excess !== undefined) return excess
  }
  return undefined
}

const numbersOf = (value: unknown): string | undefined => {
  if (typeof value === "number") {
    return Number.isSafeInteger(value) && value >= 0 ? undefined : `the number ${value}`
  }
  if (typeof value !== "object" || value === null || value instanceof NodeId.NodeId) return undefined
  if (value instanceof Uint8Array) return undefined
  for (const part of Object.values(value)) {
    const odd = numbersOf(part)
    if (odd !== undefined) return odd
  }
  return undefined
}

/** What became of a frame, or what is wrong with that. */
type Verdict = { readonly outcome: string } | { readonly wrong: string }

const checkFrame = ({ frame: decode }: Decoders, bytes: Uint8Array): Verdict => {
  const before = bytes.slice()
  const decoded = decode(bytes)
  if (!isSame(before, bytes)) return { wrong: "decoding changed the frame" }
  if (decoded._tag === "Malformed") {
    return decoded.message.length > 0 && decoded.message.length < 200
      ? { outcome: "malformed" }
      : { wrong: `a message of ${decoded.message.length} characters` }
  }
  const again = encodeAgain(decoded)
  if (!isSchema(decoded)) {
    return isSame(again, bytes) ? { outcome: "decoded" } : { wrong: `${decoded._tag} encodes to something else` }
  }
  const excess = excessOf(decoded) ?? numbersOf(decoded)
  if (excess !== undefined) return { wrong: `${decoded._tag} holds ${excess}` }
  const twice = decode(again)
  return JSON.stringify(twice) === JSON.stringify(decoded)
    ? { outcome: "decoded" }
    : { wrong: `${decoded._tag} decodes to something else after it was encoded again` }
}

const checkHandshake = ({ handshake: decode }: Decoders, bytes: Uint8Array): Verdict => {
  const decoded = decode(bytes)
  if (decoded === undefined) return { outcome: "no handshake" }
  const excess = excessOf(decoded)
  if (excess !== undefined) return { wrong: `${decoded._tag} holds ${excess}` }
  return JSON.stringify(decode(Handshake.encode(decoded))) === JSON.stringify(decoded)
    ? { outcome: "decoded" }
    : { wrong: `${decoded._tag} decodes to something else after it was encoded again` }
}

const largestFrame = 4_096

/** The same as the decoder by brute force: all at once. */
const cut = (stream: Uint8Array) => {
  const frames: Array<Uint8Array> = []
  const view = new DataView(stream.buffer, stream.byteOffset, stream.byteLength)
  let offset = 0
  while (offset + 4 <= stream.length) {
    const length = view.getUint32(offset)
    if (length > largestFrame) return { frames, refused: length, rest: 0 }
    if (offset + 4 + length > stream.length) break
    frames.push(stream.subarray(offset + 4, offset + 4 + length))
    offset += 4 + length
  }
  return { frames, refused: undefined, rest: stream.length - offset }
}

const checkFraming = (rng: Rng.Rng, decoders: Decoders, frames: ReadonlyArray<Uint8Array>): Verdict => {
  const stream = encodeFrames(frames)
  if (rng.happens(0.5) && stream.length > 0) {
    // At the beginning most often, where the length stands.
    const at = rng.happens(0.5) ? rng.below(Math.min(4, stream.length)) : rng.below(stream.length)
    stream[at] = rng.pick([0, 1, 0x10, 0x7F, 0x80, 0xFF, rng.below(256)])
  }
  const expected = cut(stream)
  const decoder = decoders.framing(largestFrame)
  const found: Array<Uint8Array> = []
  const widest = rng.pick([1, 3, 5, 64, 5_000])
  for (let offset = 0; offset < stream.length;) {
    const end = Math.min(stream.length, offset + rng.below(widest + 1))
    decoder.push(stream.slice(offset, end), found)
    offset = end
  }
  const isRight = found.length === expected.frames.length &&
    found.every((frame, index) => isSame(frame, expected.frames[index]!)) &&
    decoder.refused === expected.refused &&
    (expected.refused !== undefined || decoder.isMidFrame === (expected.rest > 0))
  if (!isRight) return { wrong: `framing: ${found.length} frames in chunks, ${expected.frames.length} at once` }
  return { outcome: expected.refused === undefined ? "cut" : "refused" }
}

/** One input: a frame, or now and then a stream of some. */
export const check = (tally: Tally.Tally, seed: string, number: number, decoders: Decoders = real): void => {
  const rng = Rng.make(`${seed}/${number}`)
  const isHandshake = rng.happens(0.15)
  const sample = () => isHandshake ? Samples.handshake(rng, cast) : Samples.frame(rng, cast)
  const mutant = Mutation.mutate(rng, cast, sample(), sample())
  const { frame, how, kind } = mutant
  const isStream = rng.happens(0.1)
  try {
    const verdict = isStream
      ? checkFraming(rng, decoders, [frame, new Uint8Array(0), sample().frame, frame])
      : isHandshake
      ? checkHandshake(decoders, frame)
      : checkFrame(decoders, frame)
    if ("wrong" in verdict) Tally.find(tally, [number], `${kind}, ${how}: ${verdict.wrong}`)
    else Tally.count(tally, isStream ? "decoder: stream" : `decoder: ${kind}`, verdict.outcome)
    Tally.count(tally, `mutation: ${how}`, "wrong" in verdict ? "wrong" : verdict.outcome)
  } catch (error) {
    Tally.find(tally, [number], `${kind}, ${how}: threw ${error instanceof Error ? error.message : String(error)}`)
  }
}
