import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Liveness from "../../src/core/Liveness.ts"
import * as MembershipState from "../../src/core/MembershipState.ts"
import type { ClusterConfig } from "../../src/protocol/ClusterConfig.ts"
import { defaults } from "../../src/protocol/ClusterConfig.ts"
import * as LeafSet from "../../src/ring/LeafSet.ts"
import * as NeighborhoodSet from "../../src/ring/NeighborhoodSet.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as RoutingTable from "../../src/ring/RoutingTable.ts"
import { collectEvents, evenIds, idOf, keys, makePeer } from "../cluster/Rig.ts"
import type { Member } from "../ClusterHarness.ts"
import { comingAndGoing, knows, onMachines, startMachines } from "./Rig.ts"

const makeState = (leafSetSide: number, neighborhoodSize: number): MembershipState.State =>
  MembershipState.make(
    makePeer({ id: idOf("0") }),
    { ...defaults, jitter: defaults.joinJitter, leafSetSide, neighborhoodSize },
    1
  )

/** In which tables of a Node another stands. */
const whereIs = (state: MembershipState.State, id: NodeId.NodeId): ReadonlyArray<string> => {
  const row = NodeId.commonPrefix(state.self.id, id)
  const entry = RoutingTable.get(state.routingTable, row, NodeId.digit(id, row))
  return [
    ...(LeafSet.get(state.leafSet, id) === undefined ? [] : ["leaf set"]),
    ...(entry !== undefined && NodeId.equals(entry.id, id) ? ["routing table"] : []),
    ...(state.neighborhoodSet.members.some(({ node }) => NodeId.equals(node.id, id)) ? ["neighborhood set"] : [])
  ]
}

describe("Tables", () => {
  for (let mask = 1; mask < 8; mask++) {
    const tables = ["leaf set", "routing table", "neighborhood set"].filter((_, bit) => (mask & (1 << bit)) !== 0)
    const names = tables.join(", ")
    it(`Go Wendy defect 8: a Node that failed leaves whichever tables hold it (${names})`, () => {
      const state = makeState(16, 32)
      const victim = makePeer({ id: idOf("8") })
      const other = makePeer({ id: idOf("9") })
      if (tables.includes("leaf set")) LeafSet.insert(state.leafSet, victim)
      if (tables.includes("routing table")) RoutingTable.insert(state.routingTable, victim, 1)
      if (tables.includes("neighborhood set")) NeighborhoodSet.insert(state.neighborhoodSet, victim, 1)
      Liveness.admit(state, 0, other, 1, [])
      const whereOther = whereIs(state, other.id)
      assert.deepStrictEqual(whereIs(state, victim.id), tables)
      Liveness.expel(state, 0, victim, "failed", [])
      assert.isEmpty(whereIs(state, victim.id))
      assert.deepStrictEqual(whereIs(state, other.id), whereOther, "and nobody else does")
    })
  }

  onMachines(
    "Go Wendy defect 8: a Node that died leaves every table of every Node, those too where it was no leaf",
    (harness) =>
      Effect.gen(function*() {
        const config: Partial<ClusterConfig> = {
          leafSetSide: 1,
          neighborhoodSize: 8,
          exchange: 1000,
          tableExchange: 5000
        }
        yield* startMachines(harness, evenIds(12), { config })
        const victim = harness.members[5]!
        const { hex } = victim.cluster.id
        // Next to it, so that whoever holds it in any table would send a message for one of these to it.
        const near = [
          victim.cluster.id,
          ...["0001", "0002"].map((by) => NodeId.add(victim.cluster.id, idOf(by)))
        ]
        const holds = (member: Member) =>
          Effect.gen(function*() {
            for (const key of [...near, ...keys]) {
              const next = yield* member.cluster.nextHop(key)
              if (Option.isSome(next) && next.value.hex === hex) return true
            }
            return yield* knows(member, hex)
          })
        const holders = () => Effect.filter(harness.members.filter((member) => member !== victim), holds)
        yield* harness.waitUntil(
          "half of the others hold it somewhere",
          Effect.map(holders(), ({ length }) => length >= 6),
          "2 minutes",
          "200 millis"
        )
        const held = yield* holders()
        const observed = yield* Effect.forEach(harness.members, ({ cluster }) => collectEvents(cluster))
        const inLeafSets = yield* Effect.filter(held, ({ cluster }) =>
          Effect.map(cluster.leafSet, ({ left, right }) =>
            [...left, ...right].some((node) => node.hex === hex)))
        assert.isBelow(inLeafSets.length, held.length, "some hold it that have it not among their leaves")
        yield* harness.kill(victim)
        // Each entry is asked once in tableExchange, at an exchange.
        const within = 5000 + 2 * 1000 + (defaults.probeRetries + 2) * defaults.probe
        yield* harness.waitUntil(
          "nobody holds it",
          Effect.map(holders(), ({ length }) =>
            length === 0),
          within,
          "200 millis"
        )
        for (const member of held) {
          const told = comingAndGoing(observed[harness.members.indexOf(member)]!)
          assert.lengthOf(told.filter((line) => line === `failed ${hex}`), 1, "its exit is told once")
        }
      })
  )

  it("Go Wendy defect 17: each table takes a Node by its own rule, whatever the other tables do with it", () => {
    const state = makeState(1, 2)
    // Two near ids fill the leaf set, and the first two that are measured the neighborhood set.
    for (const digits of ["01", "ff"]) Liveness.admit(state, 0, makePeer({ id: idOf(digits) }), 1, [])
    const expected: ReadonlyArray<readonly [digits: string, roundTrip: number, tables: ReadonlyArray<string>]> = [
      ["8", 50, ["routing table"]],
      ["7", 0.5, ["routing table", "neighborhood set"]],
      ["81", 50, []],
      ["82", 0.4, ["routing table", "neighborhood set"]],
      ["001", 50, ["leaf set", "routing table"]],
      ["81", Number.POSITIVE_INFINITY, []]
    ]
    for (const [digits, roundTrip, tables] of expected) {
      const node = makePeer({ id: idOf(digits) })
      Liveness.admit(state, 0, node, roundTrip === Number.POSITIVE_INFINITY ? undefined : roundTrip, [])
      assert.deepStrictEqual(whereIs(state, node.id), tables, digits)
    }
    assert.lengthOf(state.leafSet.members, 2)
    assert.lengthOf(state.neighborhoodSet.members, 2)
  })
})
