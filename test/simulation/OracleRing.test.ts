import { assert, describe, it } from "@effect/vitest"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as RoutingTable from "../../src/ring/RoutingTable.ts"
import * as OracleRing from "../../src/simulation/OracleRing.ts"
import * as Rng from "../../src/simulation/Rng.ts"
import * as Topology from "../../src/simulation/Topology.ts"

const make = (nodes: number, leafSetSide: number, candidates: number) => {
  const rng = Rng.make("ideal")
  const topology = Topology.make({ _tag: "plane", across: 100 }, rng.fork("topology"))
  return OracleRing.make({ nodes, leafSetSide, candidates, topology, rng: rng.fork("ring") })
}

describe("OracleRing", () => {
  it("every place that a Node fits in a table is taken, by one that fits", () => {
    const { members } = make(300, 4, 1)
    for (const { leafSet, node, routingTable } of members) {
      assert.strictEqual(leafSet.members.length, 8)
      for (const other of members) {
        const row = NodeId.commonPrefix(node.id, other.node.id)
        if (row === NodeId.digits) continue
        const column = NodeId.digit(other.node.id, row)
        const entry = RoutingTable.get(routingTable, row, column)
        assert.isDefined(entry)
        assert.isAtLeast(NodeId.commonPrefix(entry!.id, other.node.id), row + 1)
      }
    }
  })

  it("every message arrives at the closest Node, and each hop is nearer", () => {
    const ring = make(300, 4, 1)
    const rng = Rng.make("lookups")
    for (let count = 0; count < 2000; count++) {
      const key = NodeId.random(() => rng.word())
      const { root } = OracleRing.route(ring, rng.pick(ring.members), key)
      assert.isFalse(ring.members.some(({ node }) => NodeId.isCloser(key, node.id, root.node.id)))
    }
  })

  it("hops are those of the paper on Pastry (Fig. 4: 2.479 in ideal tables of 1,000 Nodes), within 2 %", () => {
    const ring = make(1000, 8, 1)
    const rng = Rng.make("lookups")
    let hops = 0
    for (let count = 0; count < 20_000; count++) {
      hops += OracleRing.route(ring, rng.pick(ring.members), rng.pick(ring.members).node.id).hops
    }
    assert.closeTo(hops / 20_000, 2.479, 0.02 * 2.479)
  })

  it("near entries make ways short: at most 1.4 times the direct way", () => {
    const ring = make(1000, 8, 1000)
    const rng = Rng.make("lookups")
    let [travelled, direct] = [0, 0]
    for (let count = 0; count < 20_000; count++) {
      const way = OracleRing.route(ring, rng.pick(ring.members), rng.pick(ring.members).node.id)
      travelled += way.travelled
      direct += way.direct
    }
    assert.isAtMost(travelled / direct, 1.4)
    assert.isAtLeast(travelled / direct, 1)
  })
})
