import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as NeighborhoodSet from "../../src/ring/NeighborhoodSet.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as Oracle from "./Oracle.ts"

const { fromBig, idOf } = Oracle

const proximities = [Number.POSITIVE_INFINITY, 0, 0.5, 5, 5.5, 9, 40, 1000]

const proximity = Arbitrary.map(Oracle.int(0, proximities.length - 1), (index) => proximities[index]!)

const command = Arbitrary.all({
  remove: Oracle.int(0, 3),
  index: Oracle.int(0, 499),
  incarnation: Oracle.int(0, 2),
  port: Oracle.int(4000, 4001),
  proximity
})

const history = Arbitrary.all({
  ids: Oracle.ring(40),
  size: Oracle.int(1, 12),
  commands: Arbitrary.array(command, { maxLength: 150 })
})

const contents = (set: NeighborhoodSet.NeighborhoodSet) =>
  set.members.map(({ node, proximity }) => [idOf(node), node.incarnation, node.port, proximity] as const)

const checkOrder = (set: NeighborhoodSet.NeighborhoodSet) => {
  assert.isAtMost(set.members.length, set.size)
  assert.strictEqual(new Set(set.members.map((entry) => idOf(entry.node))).size, set.members.length)
  set.members.forEach((entry, index) => {
    if (index > 0) assert.isAtLeast(entry.proximity, set.members[index - 1]!.proximity)
    assert.isFalse(NodeId.equals(entry.node.id, set.self))
  })
}

describe("NeighborhoodSet", () => {
  it.prop("after any inserts and removes holds what the rules say, and tells truly whether it changed", [history], ([
    { commands, ids, size }
  ]) => {
    const self = ids[0]!
    const set = NeighborhoodSet.make(fromBig(self), size)
    for (const { incarnation, index, port, proximity, remove } of commands) {
      const id = ids[index % ids.length]!
      const before = set.members.slice()
      const known = before.find((entry) => idOf(entry.node) === id)
      if (remove === 0) {
        assert.strictEqual(NeighborhoodSet.remove(set, fromBig(id)), known !== undefined)
        assert.deepStrictEqual(set.members, before.filter((entry) => entry !== known))
        continue
      }
      const node = Oracle.node(id, { incarnation, port })
      const previous = contents(set)
      const changed = NeighborhoodSet.insert(set, node, proximity)
      checkOrder(set)
      const others = before.filter((entry) => entry !== known)
      const held = set.members.find((entry) => idOf(entry.node) === id)
      if (changed) assert.notDeepEqual(contents(set), previous)
      else assert.deepStrictEqual(contents(set), previous)
      if (id === self) {
        assert.isFalse(changed)
      } else if (known !== undefined) {
        const isTaken = incarnation >= known.node.incarnation
        assert.strictEqual(held!.node.incarnation, Math.max(incarnation, known.node.incarnation))
        assert.strictEqual(held!.node.port, isTaken ? port : known.node.port)
        assert.strictEqual(
          held!.proximity,
          isTaken && proximity !== Number.POSITIVE_INFINITY ? proximity : known.proximity
        )
        assert.deepStrictEqual(set.members.filter((entry) => entry !== held), others)
      } else {
        const isFull = before.length === size
        const takes = !isFull || proximity < before.at(-1)!.proximity
        assert.strictEqual(changed, takes)
        assert.strictEqual(held?.proximity, takes ? proximity : undefined)
        assert.deepStrictEqual(
          set.members.filter((entry) => entry !== held),
          takes && isFull ? before.slice(0, -1) : before
        )
      }
    }
  }, { arbitrary: { runs: 150, size: 120 } })

  it.prop("shown everybody once, holds the nearest", [Oracle.ring(120), Oracle.word], ([ids, seed]) => {
    const next = Oracle.words(seed)
    const set = NeighborhoodSet.make(fromBig(ids[0]!))
    const shown = ids.slice(1).map((id) => ({
      node: Oracle.node(id),
      proximity: Oracle.below(next, 2) === 0 ? Oracle.below(next, 300) : proximities[Oracle.below(next, 8)]!
    }))
    for (const { node, proximity } of shown) NeighborhoodSet.insert(set, node, proximity)
    checkOrder(set)
    assert.deepStrictEqual(
      set.members.map((entry) => entry.proximity),
      shown.map((entry) => entry.proximity).sort((x, y) => x < y ? -1 : x > y ? 1 : 0).slice(
        0,
        NeighborhoodSet.defaultSize
      )
    )
  }, { arbitrary: { size: 60 } })

  it.prop("a clone shares no array", [Oracle.ring(40)], ([ids]) => {
    const set = NeighborhoodSet.make(fromBig(ids[0]!))
    for (const id of ids) NeighborhoodSet.insert(set, Oracle.node(id))
    const before = contents(set)
    const copy = NeighborhoodSet.clone(set)
    assert.deepStrictEqual(contents(copy), before)
    for (const [id] of before) assert.isTrue(NeighborhoodSet.remove(copy, fromBig(id)))
    assert.lengthOf(copy.members, 0)
    assert.deepStrictEqual(contents(set), before)
  })
})

describe("NeighborhoodSet: what Go Wendy did wrong", () => {
  it("Go Wendy defect 9: removing an absent Node changes nothing", () => {
    const set = NeighborhoodSet.make(NodeId.zero)
    NeighborhoodSet.insert(set, Oracle.node(1n), 1)
    assert.isFalse(NeighborhoodSet.remove(set, fromBig(2n)))
    assert.lengthOf(set.members, 1)
  })

  it("Go Wendy defect 10: nobody is evicted while there is room, so all 32 places fill", () => {
    const set = NeighborhoodSet.make(NodeId.zero)
    for (let index = 1; index <= 40; index++) {
      assert.strictEqual(
        NeighborhoodSet.insert(set, Oracle.node(BigInt(index)), index % 2 === 0 ? index : undefined),
        index <= 32 || index % 2 === 0
      )
      assert.lengthOf(set.members, Math.min(index, 32))
    }
  })

  it("Go Wendy defect 11: a Node that is shown again is there once", () => {
    const set = NeighborhoodSet.make(NodeId.zero)
    for (const proximity of [undefined, 5, undefined, 3, 5, 9]) {
      NeighborhoodSet.insert(set, Oracle.node(1n), proximity)
      NeighborhoodSet.insert(set, Oracle.node(2n), 4)
      assert.lengthOf(set.members, 2)
    }
    assert.deepStrictEqual(contents(set).map(([id]) => id), [2n, 1n])
  })

  it("Go Wendy defect 12: a later life and a new address are taken, an earlier life is not", () => {
    const set = NeighborhoodSet.make(NodeId.zero)
    NeighborhoodSet.insert(set, Oracle.node(1n, { incarnation: 3 }), 7)
    assert.isTrue(NeighborhoodSet.insert(set, Oracle.node(1n, { incarnation: 4 })))
    assert.isFalse(NeighborhoodSet.insert(set, Oracle.node(1n, { incarnation: 3, port: 1 }), 1))
    assert.isTrue(NeighborhoodSet.insert(set, Oracle.node(1n, { incarnation: 4, port: 4001 })))
    assert.deepStrictEqual(contents(set), [[1n, 4, 4001, 7]])
  })

  it("Go Wendy defect 15: an unmeasured Node displaces nobody, a measured one displaces it", () => {
    const set = NeighborhoodSet.make(NodeId.zero, 2)
    assert.isTrue(NeighborhoodSet.insert(set, Oracle.node(1n), 1000))
    assert.isTrue(NeighborhoodSet.insert(set, Oracle.node(2n)))
    assert.isFalse(NeighborhoodSet.insert(set, Oracle.node(3n)))
    assert.isTrue(NeighborhoodSet.insert(set, Oracle.node(4n), 5000))
    assert.isFalse(NeighborhoodSet.insert(set, Oracle.node(5n)))
    assert.deepStrictEqual(contents(set).map(([id]) => id), [1n, 4n])
  })

  it("Go Wendy defect 16: a known proximity stands when a Node is shown again unmeasured", () => {
    const set = NeighborhoodSet.make(NodeId.zero)
    NeighborhoodSet.insert(set, Oracle.node(1n), 7)
    assert.isFalse(NeighborhoodSet.insert(set, Oracle.node(1n)))
    assert.deepStrictEqual(contents(set), [[1n, 1, 4000, 7]])
  })
})
