import { assert, describe, it } from "@effect/vitest"
import * as Dials from "../../src/core/Dials.ts"
import { makeNode } from "./Ring.ts"

const may = () => true
const at = "10.0.0.1 7001"

describe("Dials (H7)", () => {
  it("of all lives that are said to live at one address one is dialled at a time, in order, and two may wait", () => {
    const state = Dials.make<string>()
    const dials = ["1", "5", "9"].map((name) => Dials.begin(state, makeNode(name), at, may))
    assert.deepStrictEqual(dials.map(({ when }) => when), ["now", "later", "later"])
    assert.strictEqual(Dials.begin(state, makeNode("d"), at, may).when, "never")
    assert.strictEqual(Dials.begin(state, makeNode("d"), "10.0.0.2 7001", may).when, "now")
    const [first, second] = ["1", "5", "9"].map((name) => Dials.find(state, makeNode(name), at)!)
    assert.strictEqual(Dials.end(state, first!), second)
    assert.isUndefined(Dials.find(state, makeNode("1"), at))
    // There is room again.
    assert.strictEqual(Dials.begin(state, makeNode("d"), at, may).when, "later")
  })

  it("lives, and addresses of one life, are different goals", () => {
    const state = Dials.make<string>()
    Dials.begin(state, makeNode("1"), at, may)
    assert.isDefined(Dials.find(state, makeNode("1"), at))
    assert.isUndefined(Dials.find(state, makeNode("1", 2), at))
    assert.isUndefined(Dials.find(state, makeNode("1"), "10.0.0.2 7001"))
  })

  it("nobody is dialled where that may not be; the limiter is not asked where there is no room anyway", () => {
    const state = Dials.make<string>()
    assert.strictEqual(Dials.begin(state, makeNode("1"), at, () => false).when, "never")
    assert.strictEqual(state.lines.size, 0)
    for (const name of ["1", "5", "9"]) Dials.begin(state, makeNode(name), at, may)
    assert.strictEqual(Dials.begin(state, makeNode("d"), at, () => assert.fail("asked")).when, "never")
  })

  it("what waits for a link is bounded, and nothing is left of a line that has ended", () => {
    const state = Dials.make<number>()
    const begun = Dials.begin(state, makeNode("1"), at, may)
    if (begun.when === "never") return assert.fail("never")
    for (let payload = 0; payload < 300; payload++) Dials.enqueue(begun.dial, payload)
    assert.deepStrictEqual([begun.dial.queue.length, begun.dial.queue[255]], [256, 255])
    assert.isUndefined(Dials.end(state, begun.dial))
    assert.deepStrictEqual([state.byGoal.size, state.lines.size], [0, 0])
  })
})
