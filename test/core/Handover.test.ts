import { assert, describe, it } from "@effect/vitest"
import * as Deduplication from "../../src/core/Deduplication.ts"
import * as Handover from "../../src/core/Handover.ts"
import { type ControlMessage, maxDelivered } from "../../src/protocol/ControlMessage.ts"
import { id, makeNode, makeRing } from "./Ring.ts"

const origin = makeNode("f").id

/** So many confirmed messages have been delivered, for keys near an id. */
const delivered = (count: number, key = id("6")) => {
  const self = Deduplication.make()
  for (let counter = 0; counter < count; counter++) {
    Deduplication.takeConfirmed(self, { key, origin, incarnation: 1, counter, floor: 0 })
    Deduplication.finishConfirmed(self, origin, 1, counter, "delivered")
  }
  return self
}

const insertAck: ControlMessage = { _tag: "InsertAck", attempt: 1, leaves: [], delivered: [], floors: [] }
const leaving = (reason: "left" | "detached"): ControlMessage => ({
  _tag: "Leaving",
  reason,
  attempt: 1,
  delivered: [],
  floors: []
})

const numbers = (message: ControlMessage): number => "delivered" in message ? message.delivered.length : Number.NaN

describe("Handover (C5)", () => {
  it("a joiner gets the numbers of the keys that it takes over, and no others", () => {
    const ring = makeRing("1", "9")
    const near = delivered(3, id("6"))
    const far = delivered(3, id("8"))
    for (const [deduplication, count] of [[near, 3], [far, 0]] as const) {
      const { before, message } = Handover.attach(ring.state("9"), deduplication, makeNode("5"), insertAck)
      assert.deepStrictEqual([numbers(message), before.length], [count, 0])
    }
  })

  it("numbers beyond those that fit into the message go before it, each once", () => {
    const ring = makeRing("1", "9")
    const { before, message } = Handover.attach(ring.state("9"), delivered(maxDelivered + 10), makeNode("5"), insertAck)
    assert.deepStrictEqual([numbers(message), before.length], [maxDelivered, 10])
    assert.isTrue("delivered" in message)
    if (!("delivered" in message)) return
    const counters = new Set([...message.delivered, ...before].map(({ counter }) => counter))
    assert.strictEqual(counters.size, maxDelivered + 10)
  })

  it("one that leaves hands over to its neighbours, and to nobody else", () => {
    const ring = makeRing("1", "5", "9", "d")
    const attach = (to: string) =>
      numbers(Handover.attach(ring.state("5"), delivered(3), ring.node(to), leaving("left")).message)
    assert.deepStrictEqual(["1", "9", "d"].map(attach), [3, 3, 0])
  })

  it("one that has lost its place, and has no neighbours any more, hands over to its nearest leaves", () => {
    const ring = makeRing("1", "5", "9", "d")
    const { self } = ring.state("5")
    const state = {
      ...ring.state("5"),
      predecessor: { ...ring.state("5").predecessor, node: self, bound: self },
      successor: { ...ring.state("5").successor, node: self, bound: self }
    }
    const attach = (to: string) =>
      numbers(Handover.attach(state, delivered(3), ring.node(to), leaving("detached")).message)
    assert.deepStrictEqual(["1", "9", "d"].map(attach), [3, 3, 0])
  })

  it("what it has had counts from neighbours and leaves, in the life that is known, and from nobody else", () => {
    const ring = makeRing("1", "5", "9")
    const state = ring.state("5")
    for (const name of ["1", "9"]) assert.isTrue(Handover.mayBring(state, ring.node(name)))
    assert.isFalse(Handover.mayBring(state, makeNode("1", 7)))
    assert.isFalse(Handover.mayBring(state, makeNode("d")))
  })
})
