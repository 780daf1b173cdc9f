/** codecs: what goes over the wire, written and read. */
import * as Envelope from "../../../src/protocol/Envelope.ts"
import * as Frame from "../../../src/protocol/Frame.ts"
import * as Node from "../../../src/ring/Node.ts"
import * as NodeId from "../../../src/ring/NodeId.ts"
import { encodeFrames, FrameDecoder } from "../../../src/transport/Framing.ts"
import type { Subject } from "./Subject.ts"

const makeNode = (name: string): Node.Node =>
  new Node.Node({
    id: NodeId.fromString(name),
    localHost: "10.20.30.40",
    globalHost: "203.0.113.7",
    port: 7001,
    region: "europe",
    incarnation: 1_700_000_000_000
  })

const self = makeNode("self")
const raw = { key: NodeId.fromString("room:42"), purpose: 16, value: new Uint8Array(256).fill(7) }

const envelope = Envelope.fromSender(self, raw, "confirmed", 12_345, 12_000)
const leaves = Array.from({ length: 32 }, (_, index) => makeNode(`leaf ${index}`))
const probeAck = { _tag: "ProbeAck", sequence: 7, ready: true, leaves } as const
const control = Frame.control(probeAck)
const receipt = {
  origin: self.id,
  via: self.id,
  incarnation: self.incarnation,
  counter: 12_345,
  root: raw.key,
  hops: 2,
  outcome: "delivered"
} as const
const receiptFrame = Frame.receipt(receipt)
const batch = Array.from({ length: 64 }, () => envelope)
const bytes = encodeFrames(batch)

const repeat = (name: string, once: (index: number) => number): Subject => ({
  name,
  run: (count) => {
    let sum = 0
    for (let index = 0; index < count; index++) sum += once(index)
    return sum
  }
})

export const subjects = (): ReadonlyArray<Subject> => [
  repeat(
    "envelope of 256 bytes, written",
    (index) => Envelope.fromSender(self, raw, "confirmed", index, 0).length
  ),
  repeat("envelope of 256 bytes, read (frame, key, value)", () => {
    const frame = Frame.decode(envelope)
    return frame._tag === "Routed"
      ? NodeId.digit(Envelope.key(frame.frame), 0) + Envelope.value(frame.frame).length
      : Number.NaN
  }),
  repeat("receipt, written", () => Frame.receipt(receipt).length),
  repeat("receipt, read", () => {
    const frame = Frame.decode(receiptFrame)
    return frame._tag === "Receipt" ? frame.receipt.counter : Number.NaN
  }),
  repeat("ProbeAck with 32 leaves, written", () => Frame.control(probeAck).length),
  repeat("ProbeAck with 32 leaves, read", () => {
    const frame = Frame.decode(control)
    return frame._tag === "Control" ? frame.message._tag.length : Number.NaN
  }),
  repeat("64 frames of 336 bytes, put behind each other", () => encodeFrames(batch).length),
  repeat("64 frames of 336 bytes, cut apart", () => {
    const frames: Array<Uint8Array> = []
    new FrameDecoder(1024).push(bytes, frames)
    return frames.length
  })
]
