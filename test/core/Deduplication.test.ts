import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Deduplication from "../../src/core/Deduplication.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as Oracle from "../ring/Oracle.ts"

const { maxDelivered, maxOrigins, windowSize } = Deduplication

const idOf = (number: number) => Oracle.fromBig(BigInt(number) << 100n)

const nameOf = (id: NodeId.NodeId, incarnation: number) => `${id.hex}/${incarnation}`

const confirmed = (counter: number, floor = 0, origin = idOf(1), incarnation = 1, key = NodeId.zero) => ({
  key,
  origin,
  incarnation,
  counter,
  floor
})

/** All origins, the one that was silent longest first. */
const originsOf = (self: Deduplication.Deduplication) => {
  const all = []
  for (let origin of self.origins.values()) {
    all.push(origin)
    for (; origin.next !== undefined; origin = origin.next) all.push(origin.next)
  }
  return all.toSorted((x, y) => x.usedAt - y.usedAt)
}

/** What must be true of the counts at any moment. */
const checkBounds = (self: Deduplication.Deduplication) => {
  let delivered = 0
  const origins = originsOf(self)
  for (const origin of origins) {
    delivered += origin.confirmed.size
    // As many again may wait behind one that came early.
    assert.isAtMost(origin.confirmed.size, 2 * windowSize)
  }
  assert.strictEqual(self.delivered, delivered)
  assert.isAtMost(self.delivered, maxDelivered)
  assert.strictEqual(self.size, origins.length)
  assert.isAtMost(self.size, maxOrigins)
}

// -----------------------------------------------------------------------------
// confirmed messages
// -----------------------------------------------------------------------------

const confirmedCommand = Arbitrary.all({
  kind: Oracle.int(0, 9),
  origin: Oracle.int(0, 3),
  pick: Oracle.int(0, 999),
  outcome: Oracle.boolean
})

describe("Deduplication: confirmed messages", () => {
  it.prop("as a model that forgets nothing, for senders that keep rule C4: each is new once until it has an outcome", [
    Arbitrary.array(confirmedCommand, { maxLength: 200 })
  ], ([commands]) => {
    const self = Deduplication.make()
    const senders = Array.from({ length: 4 }, (_, index) => ({
      id: idOf(index >> 1),
      incarnation: index & 1,
      next: 0,
      unresolved: new Set<number>(),
      /** What the root has been told: the highest floor. */
      floor: 0
    }))
    const model = new Map<string, Deduplication.Progress>()
    for (const { kind, origin, outcome, pick } of commands) {
      const sender = senders[origin]!
      const nameFor = (counter: number) => `${origin}/${counter}`
      const floor = sender.unresolved.size === 0 ? sender.next : Math.min(...sender.unresolved)
      if (kind <= 3) sender.unresolved.add(sender.next++)
      if (kind <= 6 && sender.next > 0) {
        // The newest, a retry of any that has no outcome, or a stray copy of one that may have an outcome.
        const open = [...sender.unresolved]
        const counter = kind <= 3
          ? sender.next - 1
          : kind <= 5 && open.length > 0
          ? open[pick % open.length]!
          : pick % sender.next
        const isCurrent = sender.unresolved.has(counter)
        // A retry carries today's floor; a stray copy an old one.
        const carried = isCurrent ? Math.min(floor, counter) : Math.min(counter, pick % (floor + 1))
        sender.floor = Math.max(sender.floor, carried)
        const known = model.get(nameFor(counter))
        const expected = counter < sender.floor ? "expired" : known ?? "new"
        const verdict = Deduplication.takeConfirmed(
          self,
          confirmed(counter, carried, sender.id, sender.incarnation)
        )
        assert.strictEqual(verdict, expected)
        if (isCurrent) assert.notStrictEqual(verdict, "expired")
        if (verdict === "new") model.set(nameFor(counter), "running")
      } else if (kind === 7 && sender.next > 0) {
        const counter = pick % sender.next
        if (model.get(nameFor(counter)) === "running") {
          model.set(nameFor(counter), outcome ? "delivered" : "failed")
          Deduplication.finishConfirmed(
            self,
            sender.id,
            sender.incarnation,
            counter,
            outcome ? "delivered" : "failed"
          )
        }
      } else if (sender.next > 0) {
        const open = [...sender.unresolved]
        if (open.length > 0) sender.unresolved.delete(open[pick % open.length]!)
      }
      checkBounds(self)
    }
    for (const sender of senders) {
      const origin = originsOf(self).find((origin) =>
        origin.id.hex === sender.id.hex && origin.incarnation === sender.incarnation
      )
      if (origin === undefined) continue
      assert.strictEqual(origin.floor, sender.floor)
    }
  }, { arbitrary: { runs: 120, size: 200 } })

  it("tells origins, incarnations and classes apart", () => {
    const self = Deduplication.make()
    assert.strictEqual(Deduplication.takeConfirmed(self, confirmed(5)), "new")
    assert.strictEqual(Deduplication.takeConfirmed(self, confirmed(5, 0, idOf(2))), "new")
    assert.strictEqual(Deduplication.takeConfirmed(self, confirmed(5, 0, idOf(1), 2)), "new")
    assert.strictEqual(Deduplication.takeAcknowledged(self, idOf(1), 1, 5), "new")
    assert.strictEqual(Deduplication.takeConfirmed(self, confirmed(5)), "running")
    assert.strictEqual(Deduplication.takeConfirmed(self, confirmed(5, 0, idOf(2))), "running")
    assert.strictEqual(Deduplication.takeConfirmed(self, confirmed(5, 0, idOf(1), 2)), "running")
    assert.strictEqual(Deduplication.takeAcknowledged(self, idOf(1), 1, 5), "duplicate")
  })

  it("an outcome of what is not remembered changes nothing", () => {
    const self = Deduplication.make()
    Deduplication.finishConfirmed(self, idOf(1), 1, 0, "delivered")
    assert.strictEqual(self.size, 0)
    assert.strictEqual(Deduplication.takeConfirmed(self, confirmed(0)), "new")
    Deduplication.finishConfirmed(self, idOf(1), 1, 1, "delivered")
    Deduplication.finishConfirmed(self, idOf(1), 2, 0, "delivered")
    assert.strictEqual(Deduplication.takeConfirmed(self, confirmed(0)), "running")
    // Told so by the origin itself while the delivery runs.
    assert.strictEqual(Deduplication.takeConfirmed(self, confirmed(1, 1)), "new")
    Deduplication.finishConfirmed(self, idOf(1), 1, 0, "delivered")
    assert.strictEqual(Deduplication.takeConfirmed(self, confirmed(0)), "expired")
    checkBounds(self)
  })

  it("a floor that falls back is not believed", () => {
    const self = Deduplication.make()
    assert.strictEqual(Deduplication.takeConfirmed(self, confirmed(10, 8)), "new")
    assert.strictEqual(Deduplication.takeConfirmed(self, confirmed(7, 0)), "expired")
    assert.strictEqual(Deduplication.takeConfirmed(self, confirmed(8, 0)), "new")
  })

  it("a sender with as many unresolved as are allowed loses none of them, in whatever order they come", () => {
    const self = Deduplication.make()
    const next = Oracle.words(5)
    const counters = Oracle.shuffled(Array.from({ length: windowSize }, (_, index) => index + 1000), next)
    for (const counter of counters) {
      if (Deduplication.takeConfirmed(self, confirmed(counter, 1000)) !== "new") assert.fail(`${counter} was not new`)
    }
    checkBounds(self)
    for (const counter of counters.slice(0, 2000)) {
      assert.strictEqual(Deduplication.takeConfirmed(self, confirmed(counter, 1000)), "running")
    }
    // The first has an outcome: one more may be sent, and its copies are dropped.
    assert.strictEqual(Deduplication.takeConfirmed(self, confirmed(windowSize + 1000, 1001)), "new")
    assert.strictEqual(Deduplication.takeConfirmed(self, confirmed(1000, 1000)), "expired")
    assert.strictEqual(Deduplication.takeConfirmed(self, confirmed(1001, 1000)), "running")
    checkBounds(self)
  })

  it("a sender that breaks rule C4 does not fill the memory: what is 65,536 numbers older counts as expired", () => {
    const self = Deduplication.make()
    const end = windowSize + 2_000
    for (let counter = 0; counter < end; counter++) {
      if (Deduplication.takeConfirmed(self, confirmed(counter)) !== "new") assert.fail(`${counter} was not new`)
    }
    checkBounds(self)
    assert.strictEqual(self.delivered, windowSize)
    assert.strictEqual(Deduplication.takeConfirmed(self, confirmed(2_000)), "running")
    assert.strictEqual(Deduplication.takeConfirmed(self, confirmed(1_999)), "expired")
  })
})

// -----------------------------------------------------------------------------
// acknowledged messages
// -----------------------------------------------------------------------------

/** Steps of a sender's counter: mostly on and a little back, at times over the whole window or a multiple of it. */
const step = Arbitrary.flatMap(Oracle.int(0, 9), (kind) =>
  kind < 4
    ? Oracle.int(1, 3)
    : kind < 6
    ? Oracle.int(-40, 0)
    : kind === 6
    ? Oracle.int(-windowSize - 2, -windowSize + 2)
    : kind === 7
    ? Oracle.int(windowSize - 3, windowSize + 3)
    : kind === 8
    ? Oracle.int(0, 3 * windowSize)
    : Oracle.int(-windowSize, 0))

describe("Deduplication: acknowledged messages", () => {
  it.prop("as a model that remembers every number, within the window", [
    Arbitrary.array(step, { maxLength: 120 }),
    Oracle.int(0, 5)
  ], ([steps, first]) => {
    const self = Deduplication.make()
    const seen = new Set<number>()
    let highest = -1
    let counter = first === 0 ? 0 : first * 32_767
    let last = -1
    for (const step of steps) {
      const verdict = Deduplication.takeAcknowledged(self, idOf(1), 1, counter)
      const expected = counter <= highest - windowSize ? "expired" : seen.has(counter) ? "duplicate" : "new"
      assert.strictEqual(verdict, expected, `${counter}, the highest was ${highest}`)
      seen.add(counter)
      highest = Math.max(highest, counter)
      last = Math.max(0, (step < 0 || step > 100 ? highest : counter) + step)
      counter = last
    }
  }, { arbitrary: { runs: 150, size: 120 } })

  it("every number of a window, across its wrap, and then again", () => {
    const self = Deduplication.make()
    const start = windowSize - 500
    for (let counter = start; counter < start + windowSize; counter++) {
      if (Deduplication.takeAcknowledged(self, idOf(1), 1, counter) !== "new") assert.fail(`${counter} was not new`)
    }
    for (let counter = start; counter < start + windowSize; counter++) {
      if (Deduplication.takeAcknowledged(self, idOf(1), 1, counter) !== "duplicate") assert.fail(`${counter} again`)
    }
    assert.strictEqual(Deduplication.takeAcknowledged(self, idOf(1), 1, start - 1), "expired")
    assert.strictEqual(Deduplication.takeAcknowledged(self, idOf(1), 1, start + windowSize), "new")
    assert.strictEqual(Deduplication.takeAcknowledged(self, idOf(1), 1, start), "expired")
    assert.strictEqual(Deduplication.takeAcknowledged(self, idOf(1), 1, start + 1), "duplicate")
  })

  it("at the highest numbers there are", () => {
    const self = Deduplication.make()
    const top = Number.MAX_SAFE_INTEGER
    assert.strictEqual(Deduplication.takeAcknowledged(self, idOf(1), 1, top - 1), "new")
    assert.strictEqual(Deduplication.takeAcknowledged(self, idOf(1), 1, top), "new")
    assert.strictEqual(Deduplication.takeAcknowledged(self, idOf(1), 1, top), "duplicate")
    assert.strictEqual(Deduplication.takeAcknowledged(self, idOf(1), 1, top - windowSize + 1), "new")
    assert.strictEqual(Deduplication.takeAcknowledged(self, idOf(1), 1, top - windowSize), "expired")
  })
})

// -----------------------------------------------------------------------------
// bounds
// -----------------------------------------------------------------------------

describe("Deduplication: what is forgotten", () => {
  it.prop("of more than 1,024 origins, the one that was silent longest", [Oracle.word], ([seed]) => {
    const self = Deduplication.make()
    const next = Oracle.words(seed)
    const order: Array<string> = []
    for (let run = 0; run < 2_500; run++) {
      const number = Oracle.below(next, 1500)
      const [id, incarnation] = [idOf(number >> 1), number & 1]
      const name = nameOf(id, incarnation)
      const at = order.indexOf(name)
      if (at >= 0) order.splice(at, 1)
      else if (order.length === maxOrigins) order.shift()
      order.push(name)
      const isNew = run % 2 === 0
        ? Deduplication.takeAcknowledged(self, id, incarnation, 3) === "new"
        : Deduplication.takeConfirmed(self, confirmed(run, 0, id, incarnation)) === "new"
      if (run % 2 === 1) assert.isTrue(isNew)
      else if (at < 0) assert.isTrue(isNew)
    }
    assert.deepStrictEqual(
      originsOf(self).map((origin) => nameOf(origin.id, origin.incarnation)),
      order
    )
    checkBounds(self)
  }, { arbitrary: { runs: 3 } })

  it("of too many confirmed messages, those of the origin that was silent longest", () => {
    const self = Deduplication.make()
    const full = maxDelivered / windowSize
    for (let origin = 0; origin < full; origin++) {
      for (let counter = 0; counter < windowSize; counter++) {
        Deduplication.takeConfirmed(self, confirmed(counter, 0, idOf(origin)))
      }
    }
    assert.strictEqual(self.delivered, maxDelivered)
    // Origin 0 speaks: 1 is the one that was silent longest.
    assert.strictEqual(Deduplication.takeConfirmed(self, confirmed(7, 0, idOf(0))), "running")
    assert.strictEqual(Deduplication.takeConfirmed(self, confirmed(0, 0, idOf(100))), "new")
    checkBounds(self)
    assert.strictEqual(self.size, full)
    assert.strictEqual(self.delivered, maxDelivered - windowSize + 1)
    assert.strictEqual(Deduplication.takeConfirmed(self, confirmed(7, 0, idOf(0))), "running")
    assert.strictEqual(Deduplication.takeConfirmed(self, confirmed(7, 0, idOf(1))), "new")
  })
})

// -----------------------------------------------------------------------------
// handing over
// -----------------------------------------------------------------------------

const handover = Arbitrary.array(
  Arbitrary.all({
    origin: Oracle.int(0, 4),
    counter: Oracle.int(0, 40),
    key: Oracle.int(0, 9),
    outcome: Oracle.int(0, 2)
  }),
  { maxLength: 120 }
)

describe("Deduplication: handing over (C5)", () => {
  it.prop("after a handover a retry is a duplicate there; what failed, or is not taken, is new", [
    handover,
    Oracle.int(0, 10),
    Oracle.int(0, 20)
  ], ([messages, border, floor]) => {
    const old = Deduplication.make()
    const model = new Map<string, Deduplication.Progress>()
    const first = new Map<string, number>()
    for (const { counter, key, origin, outcome } of messages) {
      const name = `${origin}/${counter}`
      const verdict = Deduplication.takeConfirmed(old, confirmed(counter, 0, idOf(origin), 1, idOf(key)))
      assert.strictEqual(verdict === "new", !model.has(name))
      if (verdict !== "new") continue
      first.set(name, key)
      model.set(name, outcome === 0 ? "running" : outcome === 1 ? "delivered" : "failed")
      if (outcome > 0) {
        Deduplication.finishConfirmed(old, idOf(origin), 1, counter, outcome === 1 ? "delivered" : "failed")
      }
    }
    const ids = Deduplication.handOver(old, (key) => Oracle.toBig(key) < Oracle.toBig(idOf(border)))
    const expected = [...model].filter(([name, outcome]) => first.get(name)! < border && outcome !== "failed")
    assert.deepStrictEqual(
      ids.map((id) => `${Number(Oracle.toBig(id.origin) >> 100n)}/${id.counter}`).sort(),
      expected.map(([name]) => name).sort()
    )
    // The new root has heard of floors, and of some messages, before.
    const taker = Deduplication.make()
    Deduplication.takeConfirmed(taker, confirmed(floor, floor, idOf(0)))
    Deduplication.finishConfirmed(taker, idOf(0), 1, floor, "failed")
    Deduplication.takeOver(taker, ids)
    Deduplication.takeOver(taker, ids)
    checkBounds(taker)
    for (const { counter, key, origin } of messages) {
      const name = `${origin}/${counter}`
      const verdict = Deduplication.takeConfirmed(taker, confirmed(counter, 0, idOf(origin), 1, idOf(key)))
      if (origin === 0 && counter < floor) assert.strictEqual(verdict, "expired")
      else if (origin === 0 && counter === floor) assert.strictEqual(verdict, "failed")
      else if (expected.some(([other]) => other === name)) assert.strictEqual(verdict, "delivered")
      else assert.notStrictEqual(verdict, "delivered")
    }
  }, { arbitrary: { runs: 200, size: 120 } })

  it("what was handed over can be handed on, under its key", () => {
    const first = Deduplication.make()
    for (let counter = 0; counter < 10; counter++) {
      Deduplication.takeConfirmed(first, confirmed(counter, 0, idOf(1), 1, idOf(counter)))
      Deduplication.finishConfirmed(first, idOf(1), 1, counter, "delivered")
    }
    const second = Deduplication.make()
    Deduplication.takeOver(second, Deduplication.handOver(first, () => true))
    const third = Deduplication.make()
    Deduplication.takeOver(third, Deduplication.handOver(second, (key) => NodeId.equals(key, idOf(4))))
    for (let counter = 0; counter < 10; counter++) {
      assert.strictEqual(
        Deduplication.takeConfirmed(third, confirmed(counter, 0, idOf(1), 1, idOf(counter))),
        counter === 4 ? "delivered" : "new"
      )
    }
  })

  it("what has an outcome at its origin is not handed over, whatever order it came in", () => {
    const self = Deduplication.make()
    // A counter far above stands first, low ones came later as retries.
    for (const counter of [50_000, 70_000, 5_000, 5_001, 5_002]) {
      Deduplication.takeConfirmed(self, confirmed(counter, 4_900))
      Deduplication.finishConfirmed(self, idOf(1), 1, counter, "delivered")
    }
    Deduplication.takeConfirmed(self, confirmed(70_001, 5_002))
    assert.deepStrictEqual(
      Deduplication.handOver(self, () => true).map((id) => id.counter).sort((x, y) => x - y),
      [5_002, 50_000, 70_000, 70_001]
    )
    checkBounds(self)
  })

  it("a handover of more than one origin may have open stays within the bounds", () => {
    const self = Deduplication.make()
    const end = windowSize + 2_000
    Deduplication.takeOver(self, Array.from({ length: end }, (_, counter) => confirmed(counter)))
    checkBounds(self)
    assert.strictEqual(self.delivered, windowSize)
    assert.strictEqual(Deduplication.takeConfirmed(self, confirmed(end - 1)), "delivered")
    assert.strictEqual(Deduplication.takeConfirmed(self, confirmed(2_000)), "delivered")
    assert.strictEqual(Deduplication.takeConfirmed(self, confirmed(1_999)), "expired")
  })
})

describe("Deduplication: replies (C7)", () => {
  const finish = (self: Deduplication.Deduplication, counter: number, reply: Uint8Array) => {
    Deduplication.takeConfirmed(self, confirmed(counter))
    Deduplication.finishConfirmed(self, idOf(1), 1, counter, reply)
  }

  it("a copy is told the reply, until its sender has an outcome", () => {
    const self = Deduplication.make()
    const reply = Uint8Array.of(1, 2)
    finish(self, 0, reply)
    assert.strictEqual(Deduplication.takeConfirmed(self, confirmed(0)), reply)
    assert.strictEqual(self.replyBytes, 2)
    assert.strictEqual(Deduplication.takeConfirmed(self, confirmed(5, 3)), "new")
    assert.deepStrictEqual([self.replyBytes, self.replies.size], [0, 0])
  })

  it("beyond so many bytes the oldest go, and their messages stay delivered", () => {
    const self = Deduplication.make()
    const large = Deduplication.maxReplyBytes / 2
    for (const counter of [0, 1, 2]) finish(self, counter, new Uint8Array(large))
    assert.strictEqual(Deduplication.takeConfirmed(self, confirmed(0)), "delivered")
    assert.notStrictEqual(Deduplication.takeConfirmed(self, confirmed(1)), "delivered")
    assert.strictEqual(self.replyBytes, 2 * large)
  })

  it("an origin that is forgotten leaves no bytes behind", () => {
    const self = Deduplication.make()
    finish(self, 0, new Uint8Array(10))
    for (let origin = 2; origin <= maxOrigins + 1; origin++) {
      Deduplication.takeConfirmed(self, confirmed(0, 0, idOf(origin)))
    }
    assert.deepStrictEqual([self.replyBytes, self.replies.size], [0, 0])
  })

  it("it is handed over as delivered, without the reply", () => {
    const [self, other] = [Deduplication.make(), Deduplication.make()]
    finish(self, 0, Uint8Array.of(1))
    Deduplication.takeOver(other, Deduplication.handOver(self, () => true))
    assert.strictEqual(Deduplication.takeConfirmed(other, confirmed(0)), "delivered")
  })
})
