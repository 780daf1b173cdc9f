import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Confirmations from "../../src/core/Confirmations.ts"
import * as Envelope from "../../src/protocol/Envelope.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as Oracle from "../ring/Oracle.ts"

const make = (counter: number, floor: number): Uint8Array =>
  Envelope.make({
    deliveryClass: "confirmed",
    purpose: 16,
    key: NodeId.zero,
    origin: NodeId.zero,
    via: NodeId.zero,
    incarnation: 1,
    counter,
    floor
  }, Uint8Array.of(1, 2, 3))

const begin = (self: Confirmations.Confirmations<string>, now: number, deadline = now + 1_000_000, context = "") =>
  Confirmations.begin(self, now, deadline, context, make)

describe("Confirmations: the floor", () => {
  it("is the next number when nothing is unresolved, else the lowest unresolved one", () => {
    const self = Confirmations.make<string>()
    assert.strictEqual(Confirmations.floor(self), 0)
    const entries = Array.from({ length: 5 }, () => begin(self, 0))
    assert.deepStrictEqual(entries.map((entry) => entry.counter), [0, 1, 2, 3, 4])
    assert.deepStrictEqual(entries.map((entry) => Envelope.counter(entry.frame)), [0, 1, 2, 3, 4])
    assert.deepStrictEqual(entries.map((entry) => Envelope.floor(entry.frame)), [0, 0, 0, 0, 0])
    Confirmations.resolve(self, 1, 2, 1)
    assert.strictEqual(Confirmations.floor(self), 0)
    Confirmations.resolve(self, 1, 0, 1)
    assert.strictEqual(Confirmations.floor(self), 1)
    assert.strictEqual(Envelope.floor(begin(self, 1).frame), 1)
    for (const counter of [1, 3, 4, 5]) Confirmations.resolve(self, 1, counter, 1)
    assert.strictEqual(Confirmations.floor(self), 6)
    assert.strictEqual(Envelope.floor(begin(self, 1).frame), 6)
  })

  it("a receipt that comes twice, or for a number that was never given out, resolves nothing", () => {
    const self = Confirmations.make<string>()
    const entry = begin(self, 0, 100, "one")
    assert.isUndefined(Confirmations.resolve(self, 1, 1, 1))
    assert.strictEqual(Confirmations.resolve(self, 1, 0, 1), entry)
    assert.strictEqual(entry.context, "one")
    const { roundTrip } = self
    assert.isUndefined(Confirmations.resolve(self, 50, 0, 1))
    assert.strictEqual(self.roundTrip, roundTrip)
  })

  it("a receipt for an earlier life of the sender, whose numbers were the same, resolves nothing (C3)", () => {
    const self = Confirmations.make<string>()
    const entry = begin(self, 0)
    assert.isUndefined(Confirmations.resolve(self, 1, 0, 0))
    assert.isUndefined(Confirmations.resolve(self, 1, 0, 2))
    assert.strictEqual(Confirmations.resolve(self, 1, 0, 1), entry)
  })

  it("there is room for 65,536 numbers from the floor on, gaps included", () => {
    const self = Confirmations.make<string>()
    for (let count = 0; count < Confirmations.maxUnresolved; count++) {
      assert.isTrue(Confirmations.hasRoom(self))
      begin(self, 0)
    }
    assert.isFalse(Confirmations.hasRoom(self))
    // What is resolved above the floor makes no room: the root still has to tell those apart.
    for (let counter = 1; counter < 1000; counter++) Confirmations.resolve(self, 0, counter, 1)
    assert.isFalse(Confirmations.hasRoom(self))
    Confirmations.resolve(self, 0, 0, 1)
    assert.strictEqual(Confirmations.floor(self), 1000)
    assert.isTrue(Confirmations.hasRoom(self))
  })
})

describe("Confirmations: retries", () => {
  it("after 2 s, then 4 s, then every 8 s", () => {
    const self = Confirmations.make<string>()
    const entry = begin(self, 100)
    const times: Array<number> = []
    for (let now = 100; now <= 40_000; now += 10) {
      const { again, expired } = Confirmations.wake(self, now)
      assert.lengthOf(expired, 0)
      for (const one of again) {
        assert.strictEqual(one, entry)
        times.push(now - 100)
      }
    }
    assert.deepStrictEqual(times, [2_000, 6_000, 14_000, 22_000, 30_000, 38_000])
    assert.strictEqual(entry.retries, 6)
  })

  it("or after four usual round trips, where these are longer", () => {
    const self = Confirmations.make<string>()
    for (let count = 0; count < 200; count++) Confirmations.resolve(self, 1_000, begin(self, 0).counter, 1)
    assert.approximately(self.roundTrip, 1_000, 0.001)
    const entry = begin(self, 5_000)
    assert.approximately(entry.retryAt, 9_000, 0.01)
    assert.lengthOf(Confirmations.wake(self, 8_999).again, 0)
    assert.lengthOf(Confirmations.wake(self, 9_001).again, 1)
    assert.approximately(entry.retryAt, 17_001, 0.01)
  })

  it("the usual round trip moves an eighth of the way to each that is measured", () => {
    const self = Confirmations.make<string>()
    let expected = 0
    for (const roundTrip of [80, 8, 1000, 0, 40]) {
      Confirmations.resolve(self, 300 + roundTrip, begin(self, 300).counter, 1)
      expected = expected * 7 / 8 + roundTrip / 8
      assert.approximately(self.roundTrip, expected, 1e-9)
    }
  })

  it("receipts that an outage held up leave no trace: what is sent again is not measured", () => {
    const self = Confirmations.make<string>()
    const entries = Array.from({ length: 100 }, () => begin(self, 0, 30_000))
    for (const now of [2_000, 6_000]) assert.lengthOf(Confirmations.wake(self, now).again, 100)
    for (const { counter } of entries) Confirmations.resolve(self, 12_000, counter, 1)
    assert.strictEqual(self.roundTrip, 0)
    // Until a receipt comes in time messages wait longer, but never longer than half of the time that they have.
    assert.strictEqual(begin(self, 20_000, 50_000).retryAt, 28_000)
    const entry = begin(self, 20_000, 24_000)
    assert.strictEqual(entry.retryAt, 22_000)
    Confirmations.resolve(self, 20_010, entry.counter, 1)
    assert.strictEqual(begin(self, 20_010, 50_000).retryAt, 22_010)
  })

  it("where receipts always take twelve seconds, messages are soon sent once", () => {
    const self = Confirmations.make<string>()
    const sends: Array<number> = []
    for (let count = 0; count < 20; count++) {
      const sentAt = count * 100_000
      const { counter } = begin(self, sentAt, sentAt + 60_000)
      sends.push(1)
      for (let now = sentAt; now < sentAt + 12_000; now += 100) {
        sends[count]! += Confirmations.wake(self, now).again.length
      }
      Confirmations.resolve(self, sentAt + 12_000, counter, 1)
    }
    assert.deepStrictEqual(sends.slice(0, 3), [3, 2, 1])
    assert.deepStrictEqual(new Set(sends.slice(10)), new Set([1]))
  })

  it("what is still in the custody of the sender's own Node is not sent again, but its turn comes round", () => {
    const self = Confirmations.make<string>()
    const entry = begin(self, 0)
    entry.inCustody = true
    assert.lengthOf(Confirmations.wake(self, 2_000).again, 0)
    assert.strictEqual(entry.retryAt, 6_000)
    entry.inCustody = false
    assert.lengthOf(Confirmations.wake(self, 5_999).again, 0)
    assert.deepStrictEqual(Confirmations.wake(self, 6_000).again, [entry])
  })

  it("a copy has made no hop, carries today's floor, and shares no byte with the first frame", () => {
    const self = Confirmations.make<string>()
    begin(self, 0)
    const entry = begin(self, 0)
    Envelope.setHops(entry.frame, 9)
    Envelope.setSequence(entry.frame, 77)
    const before = entry.frame.slice()
    Confirmations.resolve(self, 1, 0, 1)
    const copy = Confirmations.copy(self, entry)
    assert.strictEqual(Envelope.hops(copy), 0)
    assert.strictEqual(Envelope.floor(copy), 1)
    assert.strictEqual(Envelope.counter(copy), entry.counter)
    assert.deepStrictEqual(Array.from(Envelope.value(copy)), [1, 2, 3])
    copy.fill(0)
    assert.deepStrictEqual(entry.frame, before)
  })
})

describe("Confirmations: deadlines", () => {
  it("at the deadline a message expires, and is not sent again at that moment", () => {
    const self = Confirmations.make<string>()
    const first = begin(self, 0, 2_000)
    const second = begin(self, 0, 2_001)
    assert.lengthOf(Confirmations.wake(self, 1_999.5).expired, 0)
    assert.deepStrictEqual(Confirmations.wake(self, 2_000), { again: [second], expired: [first] })
    assert.deepStrictEqual(Confirmations.wake(self, 2_001), { again: [], expired: [second] })
    assert.isUndefined(Confirmations.resolve(self, 2_002, 0, 1))
    assert.strictEqual(Confirmations.floor(self), 2)
    assert.strictEqual(self.dueAt, Number.POSITIVE_INFINITY)
  })

  it("a deadline that has passed when the message is sent expires at the next wake", () => {
    const self = Confirmations.make<string>()
    const entry = begin(self, 10, 5)
    assert.isAtMost(self.dueAt, 10)
    assert.deepStrictEqual(Confirmations.wake(self, 10).expired, [entry])
  })
})

interface Modelled {
  readonly sentAt: number
  readonly deadline: number
  readonly doublings: number
  retryAt: number
  retries: number
  inCustody: boolean
}

const command = Arbitrary.all({
  kind: Oracle.int(0, 4),
  pick: Oracle.int(0, 999),
  time: Oracle.int(0, 3000),
  short: Oracle.int(0, 3)
})

describe("Confirmations: against a model that looks at everything", () => {
  it.prop("begin, resolve, wake and custody in any order", [Arbitrary.array(command, { maxLength: 120 })], ([
    commands
  ]) => {
    const self = Confirmations.make<string>()
    const model = new Map<number, Modelled>()
    const outcomes = new Map<number, number>()
    let next = 0
    let now = 0
    let roundTrip = 0
    let doublings = 0
    const retryAfter = (whole: number, times: number) =>
      Math.max(2000, Math.min(whole / 2, Math.max(2000, 4 * roundTrip) * 2 ** times))
    const end = (counter: number) => {
      outcomes.set(counter, (outcomes.get(counter) ?? 0) + 1)
      model.delete(counter)
    }
    for (const { kind, pick, short, time } of commands) {
      if (kind === 0) {
        const deadline = now + (short === 0 ? time : time * 20)
        const entry = begin(self, now, deadline)
        const retryAt = now + retryAfter(deadline - now, doublings)
        model.set(next, { sentAt: now, deadline, doublings, retryAt, retries: 0, inCustody: false })
        assert.strictEqual(entry.counter, next++)
        assert.strictEqual(Envelope.floor(entry.frame), Math.min(...model.keys()))
      } else if (kind === 1) {
        const counter = next === 0 ? 0 : pick % next
        const known = model.get(counter)
        const resolved = Confirmations.resolve(self, now, counter, 1)
        assert.strictEqual(resolved?.counter, known === undefined ? undefined : counter)
        if (known !== undefined) {
          if (known.retries === 0) {
            roundTrip += (now - known.sentAt - roundTrip) / 8
            doublings = 0
          }
          end(counter)
        }
      } else if (kind === 2) {
        const counter = next === 0 ? 0 : pick % next
        const [entry, known] = [self.unresolved.get(counter), model.get(counter)]
        if (entry !== undefined && known !== undefined) entry.inCustody = known.inCustody = short > 1
      } else {
        now += time
        const { again, expired } = Confirmations.wake(self, now)
        const late: Array<number> = []
        const due: Array<number> = []
        for (const [counter, known] of Array.from(model)) {
          if (now >= known.deadline) {
            late.push(counter)
            end(counter)
          } else if (now >= known.retryAt) {
            known.retries++
            doublings = Math.min(3, Math.max(doublings, known.doublings + known.retries))
            const times = Math.max(known.doublings, known.retries === 1 ? 1 : 2)
            known.retryAt = now + retryAfter(known.deadline - known.sentAt, times)
            if (!known.inCustody) due.push(counter)
          }
        }
        assert.deepStrictEqual(expired.map((entry) => entry.counter), late)
        assert.deepStrictEqual(again.map((entry) => entry.counter), due)
      }
      assert.deepStrictEqual([...self.unresolved.keys()], [...model.keys()])
      assert.strictEqual(Confirmations.floor(self), Math.min(next, ...model.keys()))
      for (const known of model.values()) {
        // Whoever sleeps until `dueAt` oversleeps nothing.
        assert.isAtMost(self.dueAt, Math.max(now, Math.min(known.deadline, known.retryAt)))
      }
    }
    const { expired } = Confirmations.wake(self, Number.MAX_SAFE_INTEGER)
    for (const entry of expired) end(entry.counter)
    assert.strictEqual(outcomes.size, next)
    for (const count of outcomes.values()) assert.strictEqual(count, 1)
  }, { arbitrary: { runs: 200, size: 120 } })
})
