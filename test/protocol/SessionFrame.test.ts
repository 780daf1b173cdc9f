import { assert, describe, it } from "@effect/vitest"
import * as Frame from "../../src/protocol/Frame.ts"
import * as SessionFrame from "../../src/protocol/SessionFrame.ts"
import * as Oracle from "../ring/Oracle.ts"

/** Messages of up to 50 bytes. */
const messagesFrom = (next: () => number): ReadonlyArray<Uint8Array> =>
  Array.from(
    { length: 1 + Oracle.below(next, 5) },
    () => Uint8Array.from({ length: Oracle.below(next, 50) }, () => Oracle.below(next, 256))
  )

describe("SessionFrame", () => {
  it.prop("batches and credit come back as they were", [
    Oracle.word
  ], ([seed]) => {
    const next = Oracle.words(seed)
    const [session, count, taken, takenBytes] = [next(), next(), next(), next()]
    const messages = messagesFrom(next)
    const batch = SessionFrame.batch(session, count, messages, { taken, takenBytes })
    assert.deepStrictEqual(Frame.decode(batch), {
      _tag: "Session",
      frame: { _tag: "Batch", session, first: count, messages, taken, takenBytes }
    })
    const credit = SessionFrame.credit(session, count, { taken, takenBytes })
    assert.deepStrictEqual(SessionFrame.decode(credit), {
      _tag: "Credit",
      session,
      received: count,
      taken,
      takenBytes
    })
  })

  it("numbers are taken modulo 2^32", () => {
    const frame = SessionFrame.decode(SessionFrame.credit(1, 2 ** 32 + 5, { taken: 2 ** 33 + 7, takenBytes: 2 ** 40 }))
    assert.deepInclude(frame, { received: 5, taken: 7, takenBytes: 0 })
  })

  it("what begins and ends a session comes back; a name or a text that is too long does not", () => {
    const frames = [
      { _tag: "Open", session: 3, name: "n".repeat(64), messages: 1, bytes: 2 },
      { _tag: "Accept", session: 3, messages: 1, bytes: 2 },
      { _tag: "End", session: 3, sent: 9, taken: 3, reason: "lost", message: "m".repeat(255) },
      { _tag: "Sync", session: 3, sent: 9 },
      { _tag: "Alive", asks: true }
    ] as const
    for (const frame of frames) assert.deepStrictEqual(SessionFrame.decode(SessionFrame.control(frame)), frame)
    const open = SessionFrame.control(frames[0])
    assert.isString(SessionFrame.decode(open.slice(0, -1)))
  })

  it("frames that are cut short, or whose lengths do not fit, are malformed", () => {
    const batch = SessionFrame.batch(1, 2, [Uint8Array.of(1, 2, 3), Uint8Array.of(4)], { taken: 0, takenBytes: 0 })
    for (let length = 0; length < batch.length; length++) {
      const frame = Frame.decode(batch.slice(0, length))
      // Where a message ends, the batch is whole with one fewer.
      assert.strictEqual(frame._tag, length === 24 ? "Session" : "Malformed", `${length}`)
    }
    const credit = SessionFrame.credit(1, 2, { taken: 0, takenBytes: 0 })
    assert.strictEqual(Frame.decode(credit.slice(0, -1))._tag, "Malformed")
    assert.strictEqual(Frame.decode(new Uint8Array([...credit, 0]))._tag, "Malformed")
  })
})
