/** routing: the next hop, and the leaf set, in rings whose tables were filled by somebody who sees everything. */
import * as LeafSet from "../../../src/ring/LeafSet.ts"
import { nextHop } from "../../../src/ring/NextHop.ts"
import * as NodeId from "../../../src/ring/NodeId.ts"
import * as OracleRing from "../../../src/simulation/OracleRing.ts"
import * as Rng from "../../../src/simulation/Rng.ts"
import * as Topology from "../../../src/simulation/Topology.ts"
import type { Subject } from "./Subject.ts"

/** Of the defaults. */
const leafSetSide = 16

const keyCount = 4096

const makeRing = (nodes: number): OracleRing.Ring => {
  const rng = Rng.make(`bench ${nodes}`)
  const topology = Topology.make({ _tag: "plane", across: 100 }, rng.fork("topology"))
  return OracleRing.make({ nodes, leafSetSide, candidates: 1, topology, rng: rng.fork("ring") })
}

const hop = (nodes: number): Subject => {
  const { members } = makeRing(nodes)
  const rng = Rng.make("keys")
  const keys = Array.from({ length: keyCount }, () => NodeId.random(() => rng.word()))
  const tables = members[members.length >>> 1]!
  return {
    name: `next hop, ${nodes.toLocaleString("en")} Nodes`,
    run: (count) => {
      let found = 0
      for (let index = 0; index < count; index++) {
        if (nextHop(tables, keys[index & (keyCount - 1)]!) !== undefined) found++
      }
      return found
    }
  }
}

const leaves = (): ReadonlyArray<Subject> => {
  const { members } = makeRing(1000)
  const { leafSet, node } = members[500]!
  const near = members[505]!.node
  const far = members.filter((member) => member.node !== node && !leafSet.members.includes(member.node))
    .map((member) => member.node)
  return [
    {
      name: "leaf set, a leaf removed and inserted",
      run: (count) => {
        let changed = 0
        for (let index = 0; index < count; index++) {
          if (LeafSet.remove(leafSet, near.id)) changed++
          if (LeafSet.insert(leafSet, near)) changed++
        }
        return changed
      }
    },
    {
      name: "leaf set, a Node too far to be inserted",
      run: (count) => {
        let changed = 0
        for (let index = 0; index < count; index++) if (LeafSet.insert(leafSet, far[index % far.length]!)) changed++
        return changed
      }
    }
  ]
}

export const subjects = (sizes: ReadonlyArray<number>): ReadonlyArray<Subject> => [...sizes.map(hop), ...leaves()]
