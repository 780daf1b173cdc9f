import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as LeafSet from "../../src/ring/LeafSet.ts"
import type * as Node from "../../src/ring/Node.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as Oracle from "./Oracle.ts"

const { fromBig, idOf, idsOf } = Oracle

const command = Arbitrary.all({
  remove: Oracle.int(0, 2),
  index: Oracle.int(0, 499),
  incarnation: Oracle.int(0, 2),
  port: Oracle.int(4000, 4001)
})

/** A ring whose first id is oneself, leaves a side, commands, and keys to look up. */
const history = Arbitrary.all({
  ids: Oracle.ring(60),
  side: Oracle.int(1, 6),
  commands: Arbitrary.array(command, { maxLength: 120 }),
  keys: Arbitrary.array(Oracle.keySpec, { minLength: 4, maxLength: 12 })
})

/** A leaf set that was shown `ids` in that order; the first is oneself. */
const shown = (ids: ReadonlyArray<bigint>, side?: number): LeafSet.LeafSet => {
  const set = LeafSet.make(fromBig(ids[0]!), side)
  for (const id of ids.slice(1)) LeafSet.insert(set, Oracle.node(id))
  return set
}

const checkOrder = (set: LeafSet.LeafSet) => {
  const self = Oracle.toBig(set.self)
  const ids = idsOf(set.members)
  assert.deepStrictEqual(ids, Oracle.clockwiseFrom(self, ids))
  assert.deepStrictEqual(set.offsets, ids.map((id) => Number(Oracle.clockwise(self, id) >> 96n)))
  assert.strictEqual(new Set(ids).size, ids.length)
  assert.isAtMost(ids.length, 2 * set.side)
  assert.deepStrictEqual(idsOf(LeafSet.right(set)), Oracle.rightOf(self, set.side, ids))
  assert.deepStrictEqual(idsOf(LeafSet.left(set)), Oracle.leftOf(self, set.side, ids))
  assert.strictEqual(LeafSet.isWhole(set), ids.length < 2 * set.side)
}

/** In a full set the range is the arc from the outermost left member over oneself to the outermost right one. */
const inRange = (self: bigint, side: number, ids: ReadonlyArray<bigint>, key: bigint): boolean => {
  if (ids.length < 2 * side) return true
  const right = Oracle.rightOf(self, side, ids).at(-1)!
  const left = Oracle.leftOf(self, side, ids).at(-1)!
  return Oracle.clockwise(left, key) <= Oracle.clockwise(left, right)
}

const checkKey = (set: LeafSet.LeafSet, key: bigint) => {
  const self = Oracle.toBig(set.self)
  const ids = idsOf(set.members)
  assert.strictEqual(LeafSet.inRange(set, fromBig(key)), inRange(self, set.side, ids, key))
  const closest = LeafSet.closest(set, fromBig(key))
  assert.strictEqual(closest === undefined ? self : idOf(closest), Oracle.root([self, ...ids], key))
}

describe("LeafSet", () => {
  it.prop("after any inserts and removes holds what brute force says, newest lives and addresses too", [history], ([
    { commands, ids, keys, side }
  ]) => {
    const self = ids[0]!
    const set = LeafSet.make(fromBig(self), side)
    const model = new Map<bigint, Node.Node>()
    for (const { incarnation, index, port, remove } of commands) {
      const id = ids[index % ids.length]!
      const nodeId = fromBig(id)
      if (remove === 0) {
        assert.strictEqual(LeafSet.remove(set, nodeId), model.delete(id))
        assert.isUndefined(LeafSet.get(set, nodeId))
      } else {
        const node = Oracle.node(id, { incarnation, port })
        const known = model.get(id)
        const accepts = LeafSet.accepts(set, nodeId)
        const changed = LeafSet.insert(set, node)
        if (id === self) {
          assert.isFalse(accepts)
          assert.isFalse(changed)
        } else if (known !== undefined) {
          assert.isTrue(accepts)
          const isNews = incarnation > known.incarnation || (incarnation === known.incarnation && port !== known.port)
          assert.strictEqual(changed, isNews)
          if (isNews) model.set(id, node)
        } else {
          const kept = new Set(Oracle.leaves(self, side, [...model.keys(), id]))
          assert.strictEqual(changed, kept.has(id))
          assert.strictEqual(accepts, changed)
          for (const other of model.keys()) if (!kept.has(other)) model.delete(other)
          if (kept.has(id)) model.set(id, node)
        }
      }
      assert.deepStrictEqual(idsOf(set.members), Oracle.clockwiseFrom(self, model.keys()))
      for (const member of set.members) {
        assert.strictEqual(member, model.get(idOf(member)))
        assert.strictEqual(LeafSet.get(set, member.id), member)
      }
    }
    checkOrder(set)
    for (const spec of keys) checkKey(set, Oracle.keyOf(ids, spec))
  }, { arbitrary: { runs: 200, size: 120 } })

  it.prop("shown a ring in any order holds the nearest on each side, both sides in a small ring", [
    Oracle.ring(500),
    Oracle.int(0, 20),
    Oracle.word
  ], ([ids, side, seed]) => {
    const size = side === 0 ? LeafSet.defaultSide : side
    const self = ids[0]!
    const set = shown([self, ...Oracle.shuffled(ids, Oracle.words(seed))], size)
    assert.deepStrictEqual(idsOf(set.members), Oracle.leaves(self, size, ids))
    checkOrder(set)
    const next = Oracle.words(seed)
    for (let count = 0; count < 10; count++) checkKey(set, Oracle.keyOf(ids, Oracle.drawKeySpec(next)))
  }, { arbitrary: { runs: 60, size: 80 } })

  it.prop("a hole is filled by showing the live Nodes again, whatever was removed before", [
    Oracle.ring(60),
    Oracle.int(1, 6),
    Oracle.word
  ], ([ids, side, seed]) => {
    const next = Oracle.words(seed)
    const self = ids[0]!
    const set = shown(ids, side)
    const gone = new Set(ids.slice(1).filter(() => Oracle.below(next, 3) === 0))
    for (const id of gone) LeafSet.remove(set, fromBig(id))
    const live = ids.filter((id) => !gone.has(id))
    assert.isTrue(idsOf(set.members).every((id) => !gone.has(id)))
    for (const id of Oracle.shuffled(live, next)) LeafSet.insert(set, Oracle.node(id))
    assert.deepStrictEqual(idsOf(set.members), Oracle.leaves(self, side, live))
  }, { arbitrary: { size: 60 } })

  it.prop("closest and inRange at every edge of small rings", [Oracle.specialRing(12), Oracle.int(1, 3)], ([
    ids,
    side
  ]) => {
    const set = shown(ids, side)
    for (const key of Oracle.edgeKeys(ids)) checkKey(set, key)
  }, { arbitrary: { size: 12 } })

  it.prop("a clone shares no array", [Oracle.ring(40)], ([ids]) => {
    const set = shown(ids, 4)
    const before = idsOf(set.members)
    const copy = LeafSet.clone(set)
    assert.deepStrictEqual(idsOf(copy.members), before)
    for (const id of before) LeafSet.remove(copy, fromBig(id))
    assert.lengthOf(copy.members, 0)
    assert.deepStrictEqual(idsOf(set.members), before)
  })
})

describe("LeafSet: what Go Wendy did wrong", () => {
  const far = 1n << 120n

  /** 41 Nodes 2^120 apart around `self`, sixteen of them on each side within reach. */
  const around = (self: bigint) =>
    Array.from({ length: 41 }, (_, index) => Oracle.wrap(self + BigInt(index - 20) * far))

  it.prop("Go Wendy defect 4: a key between the outermost left leaf and oneself is in range, one beyond is not", [
    Oracle.id
  ], ([self]) => {
    const set = shown([self, ...around(self)])
    const outermost = self - 16n * far
    for (const key of [self - 1n, self - 3n * far, outermost + 1n, outermost, self + 1n, self + 16n * far]) {
      assert.isTrue(LeafSet.inRange(set, fromBig(Oracle.wrap(key))))
    }
    for (const key of [outermost - 1n, self - 17n * far, self + 16n * far + 1n, self + Oracle.half]) {
      assert.isFalse(LeafSet.inRange(set, fromBig(Oracle.wrap(key))))
    }
  })

  it.prop("Go Wendy defect 5: whoever has no Node on one side claims no key that is closer to another", [
    Oracle.id,
    Oracle.int(1, 20)
  ], ([self, count]) => {
    const ids = [self, ...Array.from({ length: count }, (_, index) => Oracle.wrap(self - BigInt(index + 1) * far))]
    const set = shown(ids)
    for (const key of Oracle.edgeKeys(ids)) checkKey(set, key)
    // Clockwise of oneself, but 63 times closer to the last of the others, the long way round.
    const last = ids.at(-1)!
    const key = Oracle.wrap(last - Oracle.clockwise(self, last) / 64n)
    assert.strictEqual(idOf(LeafSet.closest(set, fromBig(key))!), Oracle.root(ids, key))
    assert.strictEqual(Oracle.root(ids, key), last)
  })

  it.prop(
    "Go Wendy defect 7: each side's outermost leaf, which repair asks, is on that side",
    [Oracle.id],
    ([self]) => {
      const set = shown([self, ...around(self)])
      assert.strictEqual(idOf(LeafSet.right(set).at(-1)!), Oracle.wrap(self + 16n * far))
      assert.strictEqual(idOf(LeafSet.left(set).at(-1)!), Oracle.wrap(self - 16n * far))
    }
  )

  it("Go Wendy defect 9: removing an absent Node changes nothing", () => {
    const set = shown([10n, 11n, 9n])
    const before = set.members.slice()
    for (const id of [10n, 12n, 0n]) assert.isFalse(LeafSet.remove(set, fromBig(id)))
    assert.deepStrictEqual(set.members, before)
  })

  it("Go Wendy defect 12: a later life and a new address are taken, an earlier life is not", () => {
    const set = shown([10n, 11n])
    const isNow = (node: Node.Node) => assert.strictEqual(LeafSet.get(set, NodeId.add(fromBig(10n), fromBig(1n))), node)
    const later = Oracle.node(11n, { incarnation: 5 })
    assert.isTrue(LeafSet.insert(set, later))
    isNow(later)
    assert.isFalse(LeafSet.insert(set, Oracle.node(11n, { incarnation: 4, port: 1 })))
    assert.isFalse(LeafSet.insert(set, Oracle.node(11n, { incarnation: 5 })))
    isNow(later)
    const moved = Oracle.node(11n, { incarnation: 5, host: "10.0.0.2" })
    assert.isTrue(LeafSet.insert(set, moved))
    isNow(moved)
    assert.lengthOf(set.members, 1)
  })

  it.prop("Go Wendy defect 13: left holds falling ids and right growing ones", [Oracle.id], ([self]) => {
    const set = shown([self, ...around(self)])
    assert.isTrue(LeafSet.left(set).every((node) => NodeId.side(set.self, node.id) === "left"))
    assert.isTrue(LeafSet.right(set).every((node) => NodeId.side(set.self, node.id) === "right"))
    assert.lengthOf(LeafSet.left(set), 16)
    assert.lengthOf(LeafSet.right(set), 16)
  })

  it("Go Wendy defect 14: a leaf set wraps around zero", () => {
    for (const self of [0n, 1n, Oracle.modulus - 1n]) {
      const ids = Array.from({ length: 9 }, (_, index) => Oracle.wrap(self + BigInt(index - 4)))
      const set = shown([self, ...ids], 3)
      assert.deepStrictEqual(idsOf(LeafSet.right(set)), [1n, 2n, 3n].map((offset) => Oracle.wrap(self + offset)))
      assert.deepStrictEqual(idsOf(LeafSet.left(set)), [1n, 2n, 3n].map((offset) => Oracle.wrap(self - offset)))
      for (const key of Oracle.edgeKeys(ids)) checkKey(set, key)
    }
  })
})
