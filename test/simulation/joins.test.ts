import { assert, describe, it } from "@effect/vitest"
import { defaults } from "../../src/protocol/ClusterConfig.ts"
import * as LeafSets from "../../src/simulation/checkers/LeafSets.ts"
import { engines } from "../../src/simulation/engines.ts"
import { calm } from "../../src/simulation/FaultModel.ts"
import { World } from "../../src/simulation/World.ts"

/** One Node, and so many that join through it at the same moment: whether every leaf set is exact in time. */
const joinAtOnce = (seed: string, joiners: number, within: number): boolean => {
  const world = new World({
    seed,
    config: defaults,
    latency: { _tag: "uniform", shortest: 0.05, longest: 2 },
    linkConditions: { ...calm, jitter: 3 },
    engine: engines.core
  })
  const first = world.start({ host: world.addHost(), seeds: [] })
  world.runUntil(() => first.isReady, 1_000, 1)
  for (let count = 0; count < joiners; count++) world.start({ host: world.addHost(), seeds: [first.host] })
  const isExact = () =>
    [...world.nodes.values()].every((node) => node.isReady && LeafSets.findFault(world, node) === undefined)
  return world.runUntil(isExact, within, 5)
}

describe("J5: Nodes that join at once", () => {
  for (const joiners of [7, 31]) {
    it(`${joiners} of them find each other long before the next exchange of leaf sets`, () => {
      for (let seed = 0; seed < 40; seed++) {
        assert.isTrue(joinAtOnce(`${seed}`, joiners, defaults.exchange / 4), `seed ${seed}`)
      }
    })
  }
})
