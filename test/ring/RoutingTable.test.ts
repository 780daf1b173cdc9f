import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as RoutingTable from "../../src/ring/RoutingTable.ts"
import * as Oracle from "./Oracle.ts"

const { fromBig, idOf, idsOf } = Oracle

const proximities = [Number.POSITIVE_INFINITY, 0, 0.5, 5, 5.5, 1000]

const command = Arbitrary.all({
  remove: Oracle.int(0, 3),
  index: Oracle.int(0, 499),
  incarnation: Oracle.int(0, 2),
  port: Oracle.int(4000, 4001),
  proximity: Arbitrary.map(Oracle.int(0, proximities.length - 1), (index) => proximities[index]!)
})

const history = Arbitrary.all({
  ids: Oracle.ring(60),
  commands: Arbitrary.array(command, { maxLength: 150 }),
  keys: Arbitrary.array(Oracle.keySpec, { minLength: 4, maxLength: 12 })
})

const place = (self: bigint, id: bigint): string => {
  const row = Oracle.commonPrefix(self, id)
  return `${row}/${Oracle.digit(id, row)}`
}

/** All places that are taken, found without the module's own getters. */
const places = (table: RoutingTable.RoutingTable): Map<string, RoutingTable.Entry> => {
  const taken = new Map<string, RoutingTable.Entry>()
  for (let row = 0; row < table.rows.length; row++) {
    table.rows[row]?.forEach((entry, column) => {
      if (entry !== undefined) taken.set(`${row}/${column}`, entry)
    })
  }
  return taken
}

describe("RoutingTable", () => {
  it.prop("after any inserts and removes each place holds what the rules say", [history], ([
    { commands, ids, keys }
  ]) => {
    const self = ids[0]!
    const table = RoutingTable.make(fromBig(self))
    const model = new Map<string, RoutingTable.Entry>()
    for (const { incarnation, index, port, proximity, remove } of commands) {
      const id = ids[index % ids.length]!
      if (id === self) {
        assert.isFalse(RoutingTable.insert(table, Oracle.node(id), proximity))
        assert.isFalse(RoutingTable.remove(table, fromBig(id)))
        continue
      }
      const at = place(self, id)
      const known = model.get(at)
      const isKnown = known !== undefined && idOf(known.node) === id
      if (remove === 0) {
        assert.strictEqual(RoutingTable.remove(table, fromBig(id)), isKnown)
        if (isKnown) model.delete(at)
      } else {
        const node = Oracle.node(id, { incarnation, port })
        const changed = RoutingTable.insert(table, node, proximity)
        const entry = isKnown && proximity === Number.POSITIVE_INFINITY
          ? { node, proximity: known.proximity }
          : { node, proximity }
        const takes = known === undefined ||
          (isKnown
            ? incarnation > known.node.incarnation || (incarnation === known.node.incarnation &&
              (port !== known.node.port || entry.proximity !== known.proximity))
            : proximity < known.proximity)
        assert.strictEqual(changed, takes)
        if (takes) model.set(at, entry)
      }
      const taken = places(table)
      assert.deepStrictEqual([...taken.keys()].sort(), [...model.keys()].sort())
      for (const [where, entry] of taken) {
        assert.strictEqual(where, place(self, idOf(entry.node)))
        assert.strictEqual(entry.node, model.get(where)!.node)
        assert.strictEqual(entry.proximity, model.get(where)!.proximity)
      }
    }
    const held = [...model.values()].map((entry) => idOf(entry.node))
    assert.deepStrictEqual(Oracle.sorted(idsOf(RoutingTable.nodes(table))), Oracle.sorted(held))
    for (let row = 0; row <= 32; row++) {
      const expected = held.filter((id) => Oracle.commonPrefix(self, id) === row)
      assert.deepStrictEqual(
        idsOf(RoutingTable.row(table, row)),
        expected.sort((x, y) => Oracle.digit(x, row) - Oracle.digit(y, row))
      )
      for (let column = 0; column < 16; column++) {
        assert.strictEqual(RoutingTable.get(table, row, column), model.get(`${row}/${column}`)?.node)
      }
    }
    for (const spec of keys) {
      const key = Oracle.keyOf(ids, spec)
      const expected = held.find((id) => key !== self && Oracle.commonPrefix(id, key) > Oracle.commonPrefix(self, key))
      const towards = RoutingTable.towards(table, fromBig(key))
      assert.strictEqual(towards === undefined ? undefined : idOf(towards), expected)
    }
  }, { arbitrary: { runs: 100, size: 120 } })

  it.prop("shown everybody once, each place holds the nearest candidate, the first of equals", [
    Oracle.ring(300),
    Oracle.word
  ], ([ids, seed]) => {
    const next = Oracle.words(seed)
    const self = ids[0]!
    const table = RoutingTable.make(fromBig(self))
    const candidates = new Map<string, Array<{ id: bigint; proximity: number }>>()
    for (const id of ids.slice(1)) {
      const proximity = proximities[Oracle.below(next, proximities.length)]!
      RoutingTable.insert(table, Oracle.node(id), proximity)
      const others = candidates.get(place(self, id))
      if (others === undefined) candidates.set(place(self, id), [{ id, proximity }])
      else others.push({ id, proximity })
    }
    const taken = places(table)
    assert.strictEqual(taken.size, candidates.size)
    for (const [where, others] of candidates) {
      const nearest = others.reduce((best, other) => other.proximity < best.proximity ? other : best)
      assert.strictEqual(idOf(taken.get(where)!.node), nearest.id)
      assert.strictEqual(taken.get(where)!.proximity, nearest.proximity)
    }
  }, { arbitrary: { size: 60 } })

  it.prop("a clone shares no row", [Oracle.ring(40)], ([ids]) => {
    const table = RoutingTable.make(fromBig(ids[0]!))
    for (const id of ids) RoutingTable.insert(table, Oracle.node(id))
    const before = idsOf(RoutingTable.nodes(table))
    const copy = RoutingTable.clone(table)
    assert.deepStrictEqual(idsOf(RoutingTable.nodes(copy)), before)
    for (const id of before) assert.isTrue(RoutingTable.remove(copy, fromBig(id)))
    assert.lengthOf(RoutingTable.nodes(copy), 0)
    assert.deepStrictEqual(idsOf(RoutingTable.nodes(table)), before)
  })
})

describe("RoutingTable: what Go Wendy did wrong", () => {
  it.prop("Go Wendy defect 2: at every digit a Node lands in its own row, never under one's own digit", [
    Oracle.id,
    Oracle.id,
    Oracle.int(1, 15)
  ], ([self, rest, change]) => {
    const table = RoutingTable.make(fromBig(self))
    for (let row = 0; row < 32; row++) {
      const shift = BigInt(124 - 4 * row)
      const id = (((self >> shift) ^ BigInt(change)) << shift) | (rest & ((1n << shift) - 1n))
      const column = Oracle.digit(self, row) ^ change
      assert.isTrue(RoutingTable.insert(table, Oracle.node(id)))
      assert.strictEqual(idOf(RoutingTable.get(table, row, column)!), id)
      assert.isUndefined(RoutingTable.get(table, row, Oracle.digit(self, row)))
      assert.strictEqual(idOf(RoutingTable.towards(table, fromBig(id))!), id)
    }
    assert.lengthOf(RoutingTable.nodes(table), 32)
  })

  it("Go Wendy defect 9: removing an absent Node changes nothing", () => {
    const table = RoutingTable.make(NodeId.zero)
    const node = Oracle.node(0x1000n)
    RoutingTable.insert(table, node, 3)
    // Absent, in the same place, oneself.
    for (const id of [1n << 100n, 0x1001n, 0n]) assert.isFalse(RoutingTable.remove(table, fromBig(id)))
    assert.deepStrictEqual(RoutingTable.nodes(table), [node])
  })

  it("Go Wendy defect 12: a later life and a new address are taken, an earlier life is not", () => {
    const table = RoutingTable.make(NodeId.zero)
    const held = () => RoutingTable.towards(table, fromBig(0x1000n))
    RoutingTable.insert(table, Oracle.node(0x1000n, { incarnation: 3 }), 7)
    const later = Oracle.node(0x1000n, { incarnation: 4 })
    assert.isTrue(RoutingTable.insert(table, later))
    assert.strictEqual(held(), later)
    assert.isFalse(RoutingTable.insert(table, Oracle.node(0x1000n, { incarnation: 3 }), 1))
    assert.strictEqual(held(), later)
    const moved = Oracle.node(0x1000n, { incarnation: 4, port: 4001 })
    assert.isTrue(RoutingTable.insert(table, moved))
    assert.strictEqual(held(), moved)
    assert.strictEqual(places(table).get("28/1")!.proximity, 7)
  })

  it.prop("Go Wendy defect 15: an unmeasured Node never displaces anybody, a measured one displaces it", [
    Oracle.int(0, 100_000)
  ], ([proximity]) => {
    const table = RoutingTable.make(NodeId.zero)
    const held = () => idOf(RoutingTable.towards(table, fromBig(0x1000n))!)
    assert.isTrue(RoutingTable.insert(table, Oracle.node(0x1000n)))
    assert.isFalse(RoutingTable.insert(table, Oracle.node(0x1001n)))
    assert.strictEqual(held(), 0x1000n)
    assert.isTrue(RoutingTable.insert(table, Oracle.node(0x1002n), proximity))
    assert.strictEqual(held(), 0x1002n)
    assert.isFalse(RoutingTable.insert(table, Oracle.node(0x1003n)))
    assert.isFalse(RoutingTable.insert(table, Oracle.node(0x1003n), proximity))
    assert.strictEqual(held(), 0x1002n)
  })

  it("Go Wendy defect 16: a known proximity stands when a Node is shown again unmeasured", () => {
    const table = RoutingTable.make(NodeId.zero)
    assert.isTrue(RoutingTable.insert(table, Oracle.node(0x1000n), 5))
    assert.isFalse(RoutingTable.insert(table, Oracle.node(0x1000n)))
    assert.isFalse(RoutingTable.insert(table, Oracle.node(0x1001n), 6))
    assert.isTrue(RoutingTable.insert(table, Oracle.node(0x1000n), 8))
    assert.isTrue(RoutingTable.insert(table, Oracle.node(0x1001n), 6))
  })
})
