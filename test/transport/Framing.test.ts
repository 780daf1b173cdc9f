import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import { encodeFrames, encodeParts, FrameDecoder } from "../../src/transport/Framing.ts"
import * as Oracle from "../ring/Oracle.ts"

const decode = (decoder: FrameDecoder, ...chunks: ReadonlyArray<Uint8Array>): Array<Array<number>> => {
  const frames: Array<Uint8Array> = []
  for (const chunk of chunks) decoder.push(chunk, frames)
  return frames.map((frame) => Array.from(frame))
}

const bytesOf = (maxLength: number) =>
  Arbitrary.map(
    Arbitrary.array(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))), { maxLength }),
    (numbers) => Uint8Array.from(numbers)
  )

describe("Framing", () => {
  it("writes a big-endian length before each frame", () => {
    assert.deepStrictEqual(
      Array.from(encodeFrames([Uint8Array.of(7, 8), new Uint8Array(0), new Uint8Array(258).fill(1)])).slice(0, 16),
      [0, 0, 0, 2, 7, 8, 0, 0, 0, 0, 0, 0, 1, 2, 1, 1]
    )
    assert.strictEqual(encodeFrames([]).byteLength, 0)
  })

  it.prop(
    "decodes the same frames however the stream is cut",
    {
      frames: Arbitrary.array(bytesOf(40), { maxLength: 12 }),
      cuts: Arbitrary.array(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 30 }))), {
        minLength: 1,
        maxLength: 20
      })
    },
    ({ cuts, frames }) => {
      const stream = encodeFrames(frames)
      const chunks: Array<Uint8Array> = []
      for (let offset = 0, i = 0; offset < stream.byteLength; i++) {
        const size = cuts[i % cuts.length]!
        chunks.push(stream.slice(offset, offset + size))
        offset += size
      }
      const decoder = new FrameDecoder(40)
      const decoded: Array<Uint8Array> = []
      for (const chunk of chunks) {
        const isViewed = decoder.push(chunk, decoded)
        assert.strictEqual(isViewed, decoded.some(({ buffer }) => buffer === chunk.buffer))
        // Whatever becomes of a chunk that is not viewed: no frame shows it.
        if (!isViewed) chunk.fill(255)
      }
      assert.deepStrictEqual(decoded.map((frame) => Array.from(frame)), frames.map((frame) => Array.from(frame)))
      assert.isFalse(decoder.isMidFrame)
      assert.isUndefined(decoder.refused)
    },
    { arbitrary: { runs: 500 } }
  )

  it.prop(
    "the parts of a batch, one after another, are the stream; no large frame is copied",
    [Arbitrary.array(Arbitrary.map(Oracle.int(0, 9), (kind) => kind < 8 ? kind : kind * 2_500), { maxLength: 8 })],
    ([sizes]) => {
      const frames = sizes.map((size, index) => new Uint8Array(size).fill(index))
      const parts = encodeParts(frames)
      const decoder = new FrameDecoder(100_000)
      assert.deepStrictEqual(decode(decoder, ...parts), frames.map((frame) => Array.from(frame)))
      assert.isFalse(decoder.isMidFrame)
      assert.deepStrictEqual(encodeFrames(frames), new Uint8Array(Buffer.concat(parts)))
      for (const frame of frames) if (frame.length > 20_000) assert.include(parts, frame)
    }
  )

  it("decodes a large frame that arrives in pieces", () => {
    const frame = Uint8Array.from({ length: 300_000 }, (_, i) => i * 7)
    const stream = encodeFrames([frame, Uint8Array.of(1)])
    const decoder = new FrameDecoder(300_000)
    const frames: Array<Uint8Array> = []
    for (let offset = 0; offset < stream.byteLength; offset += 1_447) {
      decoder.push(stream.slice(offset, offset + 1_447), frames)
    }
    assert.strictEqual(frames.length, 2)
    assert.isTrue(Buffer.from(frame).equals(frames[0]!))
    assert.deepStrictEqual(Array.from(frames[1]!), [1])
  })

  it("hands out views of the chunk without copying", () => {
    const chunk = encodeFrames([Uint8Array.of(1, 2, 3), Uint8Array.of(4)])
    const frames: Array<Uint8Array> = []
    new FrameDecoder(3).push(chunk, frames)
    assert.isTrue(frames.every((frame) => frame.buffer === chunk.buffer))
  })

  it("refuses a frame as soon as its length is known", () => {
    const decoder = new FrameDecoder(3)
    const stream = encodeFrames([Uint8Array.of(1, 2, 3), Uint8Array.of(1, 2, 3, 4), Uint8Array.of(9)])
    assert.deepStrictEqual(decode(decoder, stream.subarray(0, 11)), [[1, 2, 3]])
    assert.strictEqual(decoder.refused, 4)
    assert.deepStrictEqual(decode(decoder, stream.subarray(11)), [])
  })

  it("reads a length as unsigned", () => {
    const decoder = new FrameDecoder(1_000)
    assert.deepStrictEqual(decode(decoder, Uint8Array.of(255, 255, 255, 255)), [])
    assert.strictEqual(decoder.refused, 0xffffffff)
  })

  it("does not reserve what was only announced", () => {
    const decoder = new FrameDecoder(1024 * 1024 * 1024)
    const before = process.memoryUsage().arrayBuffers
    decode(decoder, Uint8Array.of(63, 255, 255, 255, 1))
    assert.isBelow(process.memoryUsage().arrayBuffers - before, 1024 * 1024)
  })

  it("knows whether it is inside a frame", () => {
    const stream = encodeFrames([new Uint8Array(0), Uint8Array.of(1, 2)])
    const decoder = new FrameDecoder(3)
    const isMidFrame = Array.from(stream, (_, i) => {
      decode(decoder, stream.subarray(i, i + 1))
      return decoder.isMidFrame
    })
    assert.deepStrictEqual(isMidFrame, [true, true, true, false, true, true, true, true, true, false])
  })
})
