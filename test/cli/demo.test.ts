import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { stripVTControlCharacters } from "node:util"
import { Journal } from "../../src/cli/demo/Journal.ts"
import * as Plan from "../../src/cli/demo/Plan.ts"
import * as Progress from "../../src/cli/demo/Progress.ts"
import { histogram, mean, percentile, round } from "../../src/cli/demo/statistics.ts"
import * as Summary from "../../src/cli/demo/Summary.ts"
import * as Verdict from "../../src/cli/demo/Verdict.ts"
import * as Style from "../../src/cli/style.ts"
import * as NodeId from "../../src/ring/NodeId.ts"

/** The id whose first word is a number of sixteenths of the ring. */
const at = (sixteenths: number) => new NodeId.NodeId(sixteenths << 28, 0, 0, 0)

/** A journal with Nodes at 0, 4, 8 and 12 sixteenths of the ring, the first three ready. */
const makeJournal = () => {
  const journal = new Journal(10)
  for (const place of [0, 4, 8, 12]) journal.addNode(at(place))
  for (const node of [0, 1, 2]) journal.noteReady(node)
  return journal
}

const receipt = (place: number) => ({ root: at(place), hops: 1 })

const good = { sent: 1, delivered: 1, lost: 0, misdelivered: 0, duplicates: 0 }

describe("Verdict", () => {
  it("finds a message that went as it should", () => {
    const journal = makeJournal()
    const message = journal.noteSent(at(5))
    journal.noteDelivery(message, at(5), 1)
    journal.noteReceipt(message, receipt(4), 1, 1)
    assert.deepStrictEqual(Verdict.judge(journal), good)
    assert.isTrue(Verdict.isGood(Verdict.judge(journal)))
  })

  it("counts a message without a receipt, or whose receipt names a Node that never had it, as lost", () => {
    const journal = makeJournal()
    journal.noteSent(at(5))
    const message = journal.noteSent(at(5))
    journal.noteReceipt(message, receipt(4), 1, 1)
    assert.deepStrictEqual(Verdict.judge(journal), { ...good, sent: 2, delivered: 0, lost: 2 })
  })

  it("counts a delivery at a Node that is not the closest as misdelivered", () => {
    const journal = makeJournal()
    const message = journal.noteSent(at(5))
    journal.noteDelivery(message, at(5), 2)
    journal.noteReceipt(message, receipt(8), 1, 1)
    assert.deepStrictEqual(Verdict.judge(journal), { ...good, misdelivered: 1 })
  })

  it("counts what nobody sent, and what came with another key, as misdelivered", () => {
    const journal = makeJournal()
    const message = journal.noteSent(at(5))
    journal.noteDelivery(message, at(6), 1)
    journal.noteDelivery(7, at(5), 1)
    journal.noteDelivery(Number.NaN, at(5), 1)
    assert.strictEqual(Verdict.judge(journal).misdelivered, 3)
  })

  it("counts a second delivery as a duplicate, at the same Node or at another", () => {
    for (const second of [1, 2]) {
      const journal = makeJournal()
      const message = journal.noteSent(at(6))
      journal.noteDelivery(message, at(6), 1)
      journal.noteDelivery(message, at(6), second)
      journal.noteReceipt(message, receipt(4), 1, 1)
      assert.strictEqual(Verdict.judge(journal).duplicates, 1)
    }
  })

  it("lets a delivery die with its Node when the receipt had not reached the sender", () => {
    const journal = makeJournal()
    const message = journal.noteSent(at(5))
    journal.noteDelivery(message, at(5), 1)
    journal.noteKill(1)
    journal.noteDead(1)
    journal.noteDelivery(message, at(5), 2)
    journal.noteReceipt(message, receipt(8), 1, 1)
    assert.deepStrictEqual(Verdict.judge(journal), good)
  })

  it("counts a delivery after the receipt of a killed Node as a duplicate", () => {
    const journal = makeJournal()
    const message = journal.noteSent(at(5))
    journal.noteDelivery(message, at(5), 1)
    journal.noteReceipt(message, receipt(4), 1, 1)
    journal.noteKill(1)
    journal.noteDead(1)
    journal.noteDelivery(message, at(5), 2)
    assert.strictEqual(Verdict.judge(journal).duplicates, 1)
  })

  it("accepts both the dying Node and its successor while a kill is under way", () => {
    for (const [node, place] of [[1, 4], [2, 8]] as const) {
      const journal = makeJournal()
      journal.noteKill(1)
      const message = journal.noteSent(at(6))
      journal.noteDelivery(message, at(6), node)
      journal.noteReceipt(message, receipt(place), 1, 1)
      journal.noteDead(1)
      assert.strictEqual(Verdict.judge(journal).misdelivered, 0)
    }
  })

  it("accepts neither a Node that died before the send nor one that became ready after the receipt", () => {
    const journal = makeJournal()
    journal.noteKill(1)
    journal.noteDead(1)
    const first = journal.noteSent(at(4))
    journal.noteDelivery(first, at(4), 1)
    journal.noteReceipt(first, receipt(4), 1, 1)
    const second = journal.noteSent(at(12))
    journal.noteDelivery(second, at(12), 3)
    journal.noteReceipt(second, receipt(12), 1, 1)
    journal.noteReady(3)
    // the dead Node's word counts as delivered, at a wrong Node
    assert.deepStrictEqual(Verdict.judge(journal), { ...good, sent: 2, delivered: 2, misdelivered: 2 })
  })

  it("accepts the owner before and the owner after a join for a message that spans it, but only the new one later", () => {
    for (const [node, place] of [[2, 8], [3, 12]] as const) {
      const journal = makeJournal()
      const spanning = journal.noteSent(at(11))
      journal.noteReady(3)
      journal.noteDelivery(spanning, at(11), node)
      journal.noteReceipt(spanning, receipt(place), 1, 1)
      const later = journal.noteSent(at(11))
      journal.noteDelivery(later, at(11), node)
      journal.noteReceipt(later, receipt(place), 1, 1)
      assert.strictEqual(Verdict.judge(journal).misdelivered, node === 3 ? 0 : 1)
    }
  })

  it("follows a Node that ceases to be ready and becomes so again", () => {
    const journal = makeJournal()
    journal.noteNotReady(1)
    const without = journal.noteSent(at(4))
    journal.noteDelivery(without, at(4), 0)
    journal.noteReceipt(without, receipt(0), 1, 1)
    journal.noteReady(1)
    const again = journal.noteSent(at(4))
    journal.noteDelivery(again, at(4), 1)
    journal.noteReceipt(again, receipt(4), 1, 1)
    assert.isTrue(Verdict.isGood(Verdict.judge(journal)))
  })

  it("agrees with brute force on the closest Node over random rings", () =>
    Effect.runPromise(
      Random.withSeed(
        Effect.gen(function*() {
          const random = yield* Random.Random
          for (let round = 0; round < 50; round++) {
            const journal = new Journal(20)
            const ids = Array.from({ length: 1 + Plan.drawBelow(random, 30) }, () => Plan.drawId(random))
            for (const id of ids) journal.noteReady(journal.addNode(id))
            for (let index = 0; index < 20; index++) {
              const key = index === 0 ? ids[0]! : Plan.drawId(random)
              const closest = ids.reduce((best, id) => NodeId.isCloser(key, id, best) ? id : best)
              const message = journal.noteSent(key)
              journal.noteDelivery(message, key, ids.indexOf(closest))
              journal.noteReceipt(message, { root: closest, hops: 0 }, 1, 1)
            }
            assert.isTrue(Verdict.isGood(Verdict.judge(journal)))
          }
        }),
        1
      )
    ))

  it("measures the time until another Node answers for a killed one", () => {
    const journal = makeJournal()
    const kill = { node: 1, moment: journal.noteKill(1), millis: 100 }
    journal.noteDead(1)
    for (const [key, root, now] of [[0, 0, 105], [5, 8, 140], [4, 0, 130]] as const) {
      const message = journal.noteSent(at(key))
      journal.noteDelivery(message, at(key), root / 4)
      journal.noteReceipt(message, receipt(root), 1, now)
    }
    assert.strictEqual(Verdict.failover(journal, kill), 30)
  })
})

describe("Plan", () => {
  const make = (size: Plan.Size, seed: number) =>
    Effect.runSync(Random.withSeed(Effect.map(Random.Random, (random) => Plan.make(size, random)), seed))
  const size = { nodes: 8, messages: 9000, kill: 3, joins: 2 }

  it("draws the same from the same seed", () => {
    assert.deepStrictEqual(make(size, 1), make(size, 1))
    assert.notDeepEqual(make(size, 1).ids, make(size, 2).ids)
  })

  it("spreads the changes over the middle third, kills only Nodes that started, each once", () => {
    const { changes, ids, victims } = make(size, 1)
    assert.strictEqual(ids.length, 10)
    assert.strictEqual(victims.size, 3)
    assert.deepStrictEqual(
      changes.map(({ kind, node }) => kind === "kill" ? victims.has(node) && node < 8 : node >= 8),
      [true, true, true, true, true]
    )
    assert.isTrue(changes.every(({ at }, index) => at >= 3000 && at < 6000 && at >= (changes[index - 1]?.at ?? 0)))
    assert.deepStrictEqual(changes.map(({ kind }) => kind).sort(), ["join", "join", "kill", "kill", "kill"])
  })

  it("spares a Node even when all others are killed", () => {
    assert.strictEqual(make({ nodes: 3, messages: 0, kill: 2, joins: 0 }, 1).victims.size, 2)
  })
})

describe("statistics", () => {
  it("takes percentiles by the nearest rank", () => {
    assert.strictEqual(percentile([], 0.5), 0)
    assert.strictEqual(percentile([7], 0.99), 7)
    assert.strictEqual(percentile([1, 2, 3, 4], 0.5), 2)
    assert.strictEqual(percentile([1, 2, 3, 4], 0.51), 3)
    assert.strictEqual(percentile([1, 2, 3, 4], 1), 4)
    assert.strictEqual(percentile([1, 2, 3, 4], 0), 1)
  })

  it("counts, averages and rounds", () => {
    assert.deepStrictEqual(histogram([0, 2, 2]), [1, 0, 2])
    assert.strictEqual(round(mean([1, 0, 2]), 3), 1.333)
    assert.strictEqual(mean([]), 0)
  })
})

describe("Summary", () => {
  const summarise = (journal: Journal) =>
    Summary.make(journal, { seed: 7, nodes: 3, joined: 1, kills: [], joinMillis: [3, 1, 2], seconds: 0.5 })

  it("has the names of the design", () => {
    const journal = makeJournal()
    const message = journal.noteSent(at(5))
    journal.noteDelivery(message, at(5), 1)
    journal.noteReceipt(message, receipt(4), 12.5, 1)
    journal.noteSent(at(5))
    const { hopHistogram, joinMaxMs, joinP50Ms, lost, maxMs, meanHops, messagesPerSecond, p50Ms, p99Ms, seed, type } =
      summarise(journal)
    assert.deepStrictEqual(
      { type, lost, meanHops, p50Ms, p99Ms, maxMs, messagesPerSecond, hopHistogram, joinP50Ms, joinMaxMs, seed },
      {
        type: "summary",
        lost: 1,
        meanHops: 1,
        p50Ms: 12.5,
        p99Ms: 12.5,
        maxMs: 12.5,
        messagesPerSecond: 2,
        hopHistogram: [0, 1],
        joinP50Ms: 2,
        joinMaxMs: 3,
        seed: 7
      }
    )
  })

  it("renders a table whose rows are all as wide, in colour or not, and also of nothing", () => {
    for (const hasColor of [true, false]) {
      const text = Summary.table(summarise(new Journal(0)), Style.make(hasColor))
      const rows = stripVTControlCharacters(text).split("\n").slice(0, -2)
      assert.deepStrictEqual([...new Set(rows.map((row) => row.length))], [rows[0]!.length])
      assert.strictEqual(text.includes("\u001b"), hasColor)
    }
  })
})

describe("Progress", () => {
  const state: Progress.State = {
    phase: "sending",
    nodes: 8,
    ready: 7,
    killed: 1,
    joined: 0,
    messages: 2000,
    sent: 1500,
    confirmed: 1000,
    failed: 1,
    rate: 4321.4
  }

  it("fits into the width of the terminal", () => {
    for (const columns of [20, 80, 200]) {
      for (const line of Progress.frame(state, Style.make(true), columns)) {
        assert.isAtMost(stripVTControlCharacters(line).length, columns)
      }
    }
  })

  it("says how far it is", () => {
    assert.strictEqual(
      Progress.line(state),
      "sending messages: 1001 of 2000 messages, 4321 a second, 7 Nodes ready, 1 killed"
    )
    assert.strictEqual(Progress.bar(0.5, 4), "━━──")
    assert.strictEqual(Progress.thousands(1234567.4), "1,234,567")
  })
})
