import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as RecentFrames from "../../src/core/RecentFrames.ts"
import * as Envelope from "../../src/protocol/Envelope.ts"
import * as Oracle from "../ring/Oracle.ts"

const frameOf = (counter: number, change: Partial<Envelope.Header> = {}): Uint8Array =>
  Envelope.make({
    deliveryClass: "confirmed",
    purpose: 16,
    key: Oracle.fromBig(7n),
    origin: Oracle.fromBig(1n << 100n),
    via: Oracle.fromBig(2n),
    incarnation: 2 ** 40 + 1,
    counter,
    floor: 0,
    ...change
  }, new Uint8Array(3))

describe("RecentFrames", () => {
  it("tells frames apart by origin, incarnation, counter, class and attempt, and by nothing else", () => {
    const self = RecentFrames.make()
    assert.isFalse(RecentFrames.has(self, 0, frameOf(1)))
    RecentFrames.add(self, 0, frameOf(1))
    const other = frameOf(1, { key: Oracle.fromBig(9n), via: Oracle.fromBig(9n), floor: 1, purpose: 99 })
    Envelope.setHops(other, 3)
    Envelope.setSequence(other, 77)
    Envelope.markCopy(other)
    assert.isTrue(RecentFrames.has(self, 0, other))
    Envelope.setAttempt(other, 1)
    assert.isFalse(RecentFrames.has(self, 0, other))
    const different: ReadonlyArray<Partial<Envelope.Header>> = [
      { counter: 2 },
      { counter: 1 + 2 ** 32 },
      { incarnation: 1 },
      { deliveryClass: "acknowledged" },
      { origin: Oracle.fromBig(1n) }
    ]
    for (const change of different) assert.isFalse(RecentFrames.has(self, 0, frameOf(1, change)))
  })

  it("forgets after 150 s", () => {
    const self = RecentFrames.make()
    RecentFrames.add(self, 1_000, frameOf(1))
    assert.isTrue(RecentFrames.has(self, 151_000, frameOf(1)))
    assert.isFalse(RecentFrames.has(self, 151_001, frameOf(1)))
  })

  it("takes memory for as many as come within 150 s, and never for more than 32,768", () => {
    const self = RecentFrames.make()
    assert.strictEqual(self.identities.length, 0)
    for (let counter = 0; counter < 1_000; counter++) RecentFrames.add(self, counter * 5_000, frameOf(counter))
    assert.strictEqual(self.takenAt.length, 32)
    for (let counter = 0; counter < 100_000; counter++) RecentFrames.add(self, 10_000_000, frameOf(counter))
    assert.strictEqual(self.takenAt.length, 32_768)
    assert.isTrue(RecentFrames.has(self, 10_000_000, frameOf(100_000 - 32_768)))
    assert.isFalse(RecentFrames.has(self, 10_000_000, frameOf(100_000 - 32_769)))
  })

  it.prop("remembers what a list would", [
    Arbitrary.array(Oracle.int(0, 2 ** 30), { minLength: 1, maxLength: 400 })
  ], ([picks]) => {
    const self = RecentFrames.make()
    const list = new Map<number, number>()
    let now = 0
    for (const pick of picks) {
      const counter = pick % 97
      now += (pick >>> 8) % 2_500
      const takenAt = list.get(counter)
      assert.strictEqual(
        RecentFrames.has(self, now, frameOf(counter)),
        takenAt !== undefined && now - takenAt <= 150_000
      )
      RecentFrames.add(self, now, frameOf(counter))
      list.set(counter, now)
    }
  }, { arbitrary: { runs: 100, size: 100 } })
})
