import { assert, describe, it } from "@effect/vitest"
import * as Coverage from "../../src/ring/Coverage.ts"
import type * as NodeId from "../../src/ring/NodeId.ts"
import * as Oracle from "./Oracle.ts"

const { fromBig } = Oracle

/** Who covers a key, when everybody knows the true neighbours; `sides` counts the sides on which they do. */
const covering = (inOrder: ReadonlyArray<NodeId.NodeId>, key: NodeId.NodeId) => {
  const ids: Array<NodeId.NodeId> = []
  let sides = 0
  inOrder.forEach((self, index) => {
    const isRight = Coverage.coversRight(self, inOrder[(index + 1) % inOrder.length]!, key)
    const isLeft = Coverage.coversLeft(self, inOrder.at(index - 1)!, key)
    if (isRight || isLeft) ids.push(self)
    sides += Number(isRight) + Number(isLeft)
  })
  return { ids, sides }
}

/** Exactly one Node covers the key, on one side (on both its own id), and it is the root. */
const check = (ids: ReadonlyArray<bigint>, inOrder: ReadonlyArray<NodeId.NodeId>, key: bigint) => {
  const found = covering(inOrder, fromBig(key))
  const expected = Oracle.root(ids, key)
  assert.deepStrictEqual(found.ids.map(Oracle.toBig), [expected])
  assert.strictEqual(found.sides, key === expected ? 2 : 1)
}

describe("Coverage (rule R1)", () => {
  it("in a ring of every size from 1 to 500 exactly one Node covers any key, and it is the root", () => {
    const next = Oracle.words(1)
    for (let count = 1; count <= 500; count++) {
      const ids = count % 2 === 0 ? Oracle.randomRing(count, next) : Oracle.adversarialRing(count, next)
      const inOrder = Oracle.sorted(ids).map(fromBig)
      for (let times = 0; times < 5; times++) check(ids, inOrder, Oracle.keyOf(ids, Oracle.drawKeySpec(next)))
    }
  })

  it.prop("any ring, any key", [Oracle.ring(500), Oracle.keySpec, Oracle.keySpec], ([ids, first, second]) => {
    const inOrder = Oracle.sorted(ids).map(fromBig)
    check(ids, inOrder, Oracle.keyOf(ids, first))
    check(ids, inOrder, Oracle.keyOf(ids, second))
  }, { arbitrary: { runs: 300, size: 100 } })

  it.prop("small rings of adversarial ids, every edge", [Oracle.specialRing(16)], ([ids]) => {
    const inOrder = Oracle.sorted(ids).map(fromBig)
    for (const key of Oracle.edgeKeys(ids)) check(ids, inOrder, key)
  }, { arbitrary: { runs: 150, size: 16 } })

  it.prop("alone covers all, each key on one side", [Oracle.id, Oracle.keySpec], ([self, spec]) => {
    check([self], [fromBig(self)], Oracle.keyOf([self], spec))
  }, { arbitrary: { runs: 1000 } })

  it.prop("with neighbours that are not the nearest, covers no less, and never past half-way to them", [
    Oracle.id,
    Oracle.id,
    Oracle.keySpec
  ], ([self, neighbour, spec]) => {
    if (self === neighbour) return
    const key = Oracle.keyOf([self, neighbour], spec)
    const right = Oracle.clockwise(self, neighbour)
    assert.strictEqual(
      Coverage.coversRight(fromBig(self), fromBig(neighbour), fromBig(key)),
      2n * Oracle.clockwise(self, key) <= right
    )
    const left = Oracle.clockwise(neighbour, self)
    assert.strictEqual(
      Coverage.coversLeft(fromBig(self), fromBig(neighbour), fromBig(key)),
      2n * Oracle.clockwise(key, self) < left
    )
  }, { arbitrary: { runs: 2000 } })

  it("a key exactly half-way belongs to the counter-clockwise Node only", () => {
    const covers = (self: bigint, left: bigint, right: bigint, key: bigint) =>
      Coverage.coversRight(fromBig(self), fromBig(right), fromBig(key)) ||
      Coverage.coversLeft(fromBig(self), fromBig(left), fromBig(key))
    assert.isTrue(covers(10n, 20n, 20n, 15n))
    assert.isFalse(covers(20n, 10n, 10n, 15n))
    const last = Oracle.modulus - 1n
    assert.isTrue(covers(last, 1n, 1n, 0n))
    assert.isFalse(covers(1n, last, last, 0n))
    const quarter = Oracle.half / 2n
    assert.isTrue(covers(0n, Oracle.half, Oracle.half, quarter))
    assert.isFalse(covers(Oracle.half, 0n, 0n, quarter))
    assert.isTrue(covers(Oracle.half, 0n, 0n, 3n * quarter))
    assert.isFalse(covers(0n, Oracle.half, Oracle.half, 3n * quarter))
  })
})

describe("Coverage: ends", () => {
  it.prop("of each side the end is covered, and the key beyond it is not", [Oracle.id, Oracle.id], ([self, other]) => {
    const [at, neighbour] = [fromBig(self), fromBig(other)]
    const right = Oracle.toBig(Coverage.rightEnd(at, neighbour))
    const left = Oracle.toBig(Coverage.leftEnd(at, neighbour))
    assert.isTrue(Coverage.coversRight(at, neighbour, fromBig(right)))
    assert.isTrue(Coverage.coversLeft(at, neighbour, fromBig(left)))
    assert.isFalse(Coverage.coversRight(at, neighbour, fromBig(Oracle.wrap(right + 1n))))
    assert.isFalse(Coverage.coversLeft(at, neighbour, fromBig(Oracle.wrap(left - 1n))))
  }, { arbitrary: { runs: 1000 } })

  it("of a Node alone they meet behind it, each key once; of neighbours without a key between them they are themselves", () => {
    for (const self of [0n, 7n, Oracle.half]) {
      const at = fromBig(self)
      const right = Oracle.toBig(Coverage.rightEnd(at, at))
      assert.strictEqual(Oracle.toBig(Coverage.leftEnd(at, at)), Oracle.wrap(right + 1n))
    }
    assert.strictEqual(Oracle.toBig(Coverage.rightEnd(fromBig(4n), fromBig(5n))), 4n)
    assert.strictEqual(Oracle.toBig(Coverage.leftEnd(fromBig(5n), fromBig(4n))), 5n)
  })
})

describe("Coverage: what Go Wendy did wrong", () => {
  it.prop("Go Wendy defect 5: whoever has no Node on one side claims no key that is closer to another", [
    Oracle.id,
    Oracle.int(1, 6)
  ], ([self, count]) => {
    const far = 1n << 120n
    const ids = [self, ...Array.from({ length: count }, (_, index) => Oracle.wrap(self - BigInt(index + 1) * far))]
    const inOrder = Oracle.sorted(ids).map(fromBig)
    for (const key of Oracle.edgeKeys(ids)) check(ids, inOrder, key)
    const last = ids.at(-1)!
    check(ids, inOrder, Oracle.wrap(last - Oracle.clockwise(self, last) / 64n))
  })
})
