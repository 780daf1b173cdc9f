import { assert, describe, it } from "@effect/vitest"
import * as LeafSet from "../../src/ring/LeafSet.ts"
import * as NeighborhoodSet from "../../src/ring/NeighborhoodSet.ts"
import * as NextHop from "../../src/ring/NextHop.ts"
import type * as Node from "../../src/ring/Node.ts"
import * as RoutingTable from "../../src/ring/RoutingTable.ts"
import * as Oracle from "./Oracle.ts"

const { fromBig, idOf } = Oracle

/** Tables in which each Node of a ring is in any, all or none of the three; some were there and went. */
const garbageTables = (ids: ReadonlyArray<bigint>, side: number, next: () => number): NextHop.Tables => {
  const tables = Oracle.emptyTables(ids[0]!, side)
  const density = 1 + Oracle.below(next, 8)
  for (const id of Oracle.shuffled(ids, next)) {
    const node = Oracle.node(id)
    if (Oracle.below(next, density) === 0) LeafSet.insert(tables.leafSet, node)
    if (Oracle.below(next, density) === 0) {
      RoutingTable.insert(tables.routingTable, node, Oracle.below(next, 4) === 0 ? undefined : Oracle.below(next, 9))
    }
    if (Oracle.below(next, density) === 0) {
      NeighborhoodSet.insert(tables.neighborhoodSet, node, Oracle.below(next, 9))
    }
  }
  for (const id of ids) if (Oracle.below(next, 6) === 0) LeafSet.remove(tables.leafSet, fromBig(id))
  return tables
}

/** The tables of each Node of a ring, made when first asked for. */
const ringTables = (
  ids: ReadonlyArray<bigint>,
  next: () => number,
  side: number | undefined,
  harm: (tables: NextHop.Tables) => void = () => {}
) => {
  const nodes = ids.map((id) => Oracle.node(id))
  const made = new Map<bigint, NextHop.Tables>()
  return (self: bigint): NextHop.Tables => {
    let tables = made.get(self)
    if (tables === undefined) {
      tables = Oracle.fullTables(self, Oracle.shuffled(nodes, next), next, side)
      harm(tables)
      made.set(self, tables)
    }
    return tables
  }
}

/** Follows next hops from `start`; fails when one is no better than the Node before it. */
const route = (tablesOf: (self: bigint) => NextHop.Tables, start: bigint, key: bigint) => {
  let at = start
  let hops = 0
  for (;;) {
    const hop = NextHop.nextHop(tablesOf(at), fromBig(key))
    if (hop === undefined) return { at, hops }
    assert.isTrue(Oracle.isCloser(key, idOf(hop), at), `hop ${hops} is no better`)
    at = idOf(hop)
    hops++
  }
}

describe("NextHop (rule R3)", () => {
  it.prop("Go Wendy defect 27: whatever the tables, a hop is known, not excluded and better; else nobody is", [
    Oracle.ring(200),
    Oracle.int(1, 16),
    Oracle.word,
    Oracle.keySpec
  ], ([ids, side, seed, spec]) => {
    const next = Oracle.words(seed)
    const self = ids[0]!
    const tables = garbageTables(ids, side, next)
    const known = Oracle.known(tables)
    for (const one of [spec, Oracle.drawKeySpec(next), Oracle.drawKeySpec(next), Oracle.drawKeySpec(next)]) {
      const key = Oracle.keyOf(ids, one)
      const better = known.filter((node) => Oracle.isCloser(key, idOf(node), self))
      const hop = NextHop.nextHop(tables, fromBig(key))
      assert.strictEqual(hop === undefined, better.length === 0)
      if (hop !== undefined) assert.include(better, hop)
      const kept = new Set(known.filter(() => Oracle.below(next, 3) === 0).map(idOf))
      const other = NextHop.nextHop(tables, fromBig(key), (node) => !kept.has(idOf(node)))
      const left = better.filter((node) => kept.has(idOf(node)))
      assert.strictEqual(other === undefined, left.length === 0)
      if (other !== undefined) assert.include(left, other)
      // To exclude nobody changes nothing, to exclude everybody leaves nobody.
      assert.strictEqual(NextHop.nextHop(tables, fromBig(key), () => false), hop)
      assert.isUndefined(NextHop.nextHop(tables, fromBig(key), () => true))
    }
  }, { arbitrary: { runs: 400, size: 60 } })

  it.prop("small rings of adversarial ids, every edge, tables that do not hold the same", [
    Oracle.specialRing(10),
    Oracle.int(1, 3),
    Oracle.word
  ], ([ids, side, seed]) => {
    const tables = garbageTables(ids, side, Oracle.words(seed))
    const known = Oracle.known(tables)
    for (const key of Oracle.edgeKeys(ids)) {
      const better = known.filter((node) => Oracle.isCloser(key, idOf(node), ids[0]!))
      const hop = NextHop.nextHop(tables, fromBig(key))
      assert.strictEqual(hop === undefined, better.length === 0)
      if (hop !== undefined) assert.include(better, hop)
    }
  }, { arbitrary: { runs: 150, size: 10 } })

  it("with complete tables reaches the root within 32 hops, in a ring of every size from 1 to 500", () => {
    const next = Oracle.words(2)
    for (let count = 1; count <= 500; count++) {
      const ids = count % 2 === 0 ? Oracle.randomRing(count, next) : Oracle.adversarialRing(count, next)
      const tablesOf = ringTables(ids, next, undefined)
      for (let times = 0; times < 3; times++) {
        const key = Oracle.keyOf(ids, Oracle.drawKeySpec(next))
        const { at, hops } = route(tablesOf, ids[Oracle.below(next, count)]!, key)
        assert.strictEqual(at, Oracle.root(ids, key))
        assert.isAtMost(hops, 32)
      }
    }
  })

  it.prop("with complete tables reaches the root within 32 hops, whatever the leaves a side", [
    Oracle.ring(120),
    Oracle.int(1, 16),
    Oracle.word,
    Oracle.keySpec
  ], ([ids, side, seed, spec]) => {
    const next = Oracle.words(seed)
    const tablesOf = ringTables(ids, next, side)
    for (const one of [spec, Oracle.drawKeySpec(next), Oracle.drawKeySpec(next), Oracle.drawKeySpec(next)]) {
      const key = Oracle.keyOf(ids, one)
      const { at, hops } = route(tablesOf, ids[Oracle.below(next, ids.length)]!, key)
      assert.strictEqual(at, Oracle.root(ids, key))
      assert.isAtMost(hops, 32)
    }
  }, { arbitrary: { runs: 60, size: 80 } })

  it("in a ring of random ids takes about log16 N hops", () => {
    const next = Oracle.words(3)
    const ids = Oracle.randomRing(500, next)
    const tablesOf = ringTables(ids, next, undefined)
    let sum = 0
    for (let times = 0; times < 300; times++) {
      sum += route(tablesOf, ids[Oracle.below(next, 500)]!, Oracle.randomRing(1, next)[0]!).hops
    }
    assert.isBelow(sum / 300, 2.6)
  })

  it("a hole in each leaf set makes no walk around the ring: the routing table still serves", () => {
    const next = Oracle.words(4)
    const ids = Oracle.randomRing(500, next)
    // The outermost leaf of a random side went; nobody has filled its place yet.
    const tablesOf = ringTables(ids, next, 4, ({ leafSet }) => {
      const outermost = Oracle.below(next, 2) === 0 ? LeafSet.left(leafSet).at(-1)! : LeafSet.right(leafSet).at(-1)!
      LeafSet.remove(leafSet, outermost.id)
    })
    let most = 0
    for (let times = 0; times < 300; times++) {
      const key = Oracle.randomRing(1, next)[0]!
      const { at, hops } = route(tablesOf, ids[Oracle.below(next, 500)]!, key)
      assert.strictEqual(at, Oracle.root(ids, key))
      most = Math.max(most, hops)
    }
    assert.isAtMost(most, 10)
  })

  it("says why it chose", () => {
    const near = Oracle.node(2n)
    const far = Oracle.node(0x8000n << 112n)
    const tables = Oracle.emptyTables(0n, 1)
    LeafSet.insert(tables.leafSet, near)
    assert.strictEqual(NextHop.nextHop(tables, fromBig(2n)), near)
    assert.strictEqual(NextHop.reasonOfLast(), "leaf")
    LeafSet.insert(tables.leafSet, Oracle.node(Oracle.modulus - 2n))
    RoutingTable.insert(tables.routingTable, far)
    assert.strictEqual(NextHop.nextHop(tables, fromBig(0x8001n << 112n)), far)
    assert.strictEqual(NextHop.reasonOfLast(), "table")
    assert.strictEqual(NextHop.nextHop(tables, fromBig(0x7fffn << 112n)), far)
    assert.strictEqual(NextHop.reasonOfLast(), "rare")
  })

  it("a Node that only the routing table or the neighborhood set holds is not passed over", () => {
    const better = Oracle.node(Oracle.half)
    const worse = Oracle.node(Oracle.modulus - 5n)
    const key = fromBig(Oracle.half + 1n)
    const insertInto: Array<(tables: NextHop.Tables, node: Node.Node) => boolean> = [
      (tables, node) => RoutingTable.insert(tables.routingTable, node),
      (tables, node) => NeighborhoodSet.insert(tables.neighborhoodSet, node)
    ]
    for (const insert of insertInto) {
      const tables = Oracle.emptyTables(0n)
      insert(tables, better)
      assert.strictEqual(NextHop.nextHop(tables, key), better)
      insert(tables, worse)
      assert.strictEqual(NextHop.nextHop(tables, key), better)
    }
  })
})

describe("NextHop: what Go Wendy did wrong", () => {
  it.prop("Go Wendy defect 4: a key on the lower side goes to the leaf there", [Oracle.id], ([self]) => {
    const far = 1n << 120n
    const ids = Array.from({ length: 41 }, (_, index) => Oracle.wrap(self + BigInt(index - 20) * far))
    const tables = Oracle.emptyTables(self)
    for (const id of ids) LeafSet.insert(tables.leafSet, Oracle.node(id))
    for (let index = 1; index <= 16; index++) {
      const leaf = Oracle.wrap(self - BigInt(index) * far)
      assert.strictEqual(idOf(NextHop.nextHop(tables, fromBig(Oracle.wrap(leaf + 1n)))!), leaf)
      assert.strictEqual(NextHop.reasonOfLast(), "leaf")
    }
  })

  it.prop("Go Wendy defect 5: whoever has no Node on one side sends a key to the one that is closer", [
    Oracle.id,
    Oracle.int(1, 20)
  ], ([self, count]) => {
    const far = 1n << 120n
    const ids = [self, ...Array.from({ length: count }, (_, index) => Oracle.wrap(self - BigInt(index + 1) * far))]
    const tables = Oracle.emptyTables(self)
    for (const id of ids) LeafSet.insert(tables.leafSet, Oracle.node(id))
    const last = ids.at(-1)!
    const key = Oracle.wrap(last - Oracle.clockwise(self, last) / 64n)
    assert.strictEqual(idOf(NextHop.nextHop(tables, fromBig(key))!), last)
  })

  it("Go Wendy defect 6: the route found in the leaf set is the one taken", () => {
    const next = Oracle.words(6)
    const ids = Oracle.randomRing(33, next)
    const self = ids[0]!
    const tables = Oracle.fullTables(self, ids.map((id) => Oracle.node(id)), next)
    for (let times = 0; times < 500; times++) {
      const key = Oracle.randomRing(1, next)[0]!
      if (!LeafSet.inRange(tables.leafSet, fromBig(key))) continue
      const hop = NextHop.nextHop(tables, fromBig(key))
      assert.strictEqual(hop === undefined ? self : idOf(hop), Oracle.root(ids, key))
    }
  })

  it.prop("Go Wendy defect 18: the rare case takes the closest that keeps the prefix, wherever it is held", [
    Oracle.ring(150),
    Oracle.word,
    Oracle.keySpec
  ], ([ids, seed, spec]) => {
    const next = Oracle.words(seed)
    const self = ids[0]!
    const key = Oracle.keyOf(ids, spec)
    const tables = garbageTables(ids, 1 + Oracle.below(next, 4), next)
    // Twice: the second time whoever was chosen first does not answer.
    const excluded = new Set<bigint>()
    for (let times = 0; times < 2; times++) {
      const hop = NextHop.nextHop(tables, fromBig(key), (node) => excluded.has(idOf(node)))
      if (NextHop.reasonOfLast() === "rare") {
        const better = Oracle.known(tables).map(idOf).filter((id) =>
          Oracle.isCloser(key, id, self) && !excluded.has(id)
        )
        const keeping = better.filter((id) => Oracle.commonPrefix(id, key) >= Oracle.commonPrefix(self, key))
        const candidates = keeping.length > 0 ? keeping : better
        assert.strictEqual(
          hop === undefined ? undefined : idOf(hop),
          candidates.length === 0 ? undefined : Oracle.root(candidates, key)
        )
      }
      if (hop !== undefined) excluded.add(idOf(hop))
    }
  }, { arbitrary: { runs: 400, size: 60 } })

  it("Go Wendy defect 18: in the rare case a kept prefix goes before a smaller distance", () => {
    const self = 0x1000n << 112n
    const key = fromBig((0x2000n << 112n) - 1n)
    const tables = Oracle.emptyTables(self, 1)
    const leaf = Oracle.node(self + 1n)
    LeafSet.insert(tables.leafSet, leaf)
    LeafSet.insert(tables.leafSet, Oracle.node(self - 1n))
    const isLeaf = (node: Node.Node) => node === leaf
    const other = Oracle.node(0x2000n << 112n)
    RoutingTable.insert(tables.routingTable, other)
    assert.strictEqual(NextHop.nextHop(tables, key, isLeaf), other)
    const keeping = Oracle.node(0x1e00n << 112n)
    RoutingTable.insert(tables.routingTable, keeping)
    assert.strictEqual(NextHop.nextHop(tables, key, isLeaf), keeping)
    assert.strictEqual(NextHop.reasonOfLast(), "rare")
  })
})
