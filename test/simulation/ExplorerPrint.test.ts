/** Two worlds with one key must behave alike: else what the explorer does not follow could hide a violation. */
import { assert, describe, it } from "@effect/vitest"
import * as Membership from "../../src/core/Membership.ts"
import type { Scenario } from "../../src/simulation/ExplorerScenario.ts"
import { scenarios } from "../../src/simulation/explorerScenarios.ts"
import { encodeChoice, Model, type World } from "../../src/simulation/ExplorerWorld.ts"

/** Walks through a scenario, and at each world whose key was seen before compares all that can happen to both. */
const compare = (scenario: Scenario, maxStates: number): number => {
  const model = new Model(scenario, Membership)
  const futureOf = (world: World): string =>
    [
      model.unsafe(world),
      model.isDone(world),
      ...model.choices(world).map((choice) => `${encodeChoice(choice)} ${model.key(model.apply(world, choice))}`)
    ].join("\n")
  let world = model.first()
  for (const [joiner] of scenario.joins) world = model.apply(world, { kind: "join", at: joiner, position: 0 })
  const futures = new Map([[model.key(world), futureOf(world)]])
  const queue = [world]
  let met = 0
  for (let at = 0; at < queue.length && futures.size < maxStates; at++) {
    for (const choice of model.choices(queue[at]!)) {
      const after = model.apply(queue[at]!, choice)
      const key = model.key(after)
      const known = futures.get(key)
      if (known === undefined) {
        futures.set(key, futureOf(after))
        queue.push(after)
      } else {
        met++
        assert.strictEqual(futureOf(after), known)
      }
    }
  }
  return met
}

describe("worlds with one key have one future", () => {
  const names = [
    "2 ring, join, every order",
    "2 ring, join, crash",
    "2 ring, join, lose",
    "2 ring, join, delay",
    "2 ring, join, vanish, delay",
    "2 ring, join, cut",
    "2 ring, delay, every order",
    "2 ring, leave, restart",
    "2 ring, 2 joins, one gap",
    "3 ring, pause, crash",
    "4 ring, crash, vanish"
  ]
  for (const name of names) {
    it(name, () => {
      const scenario = scenarios.find((scenario) => scenario.name === name)
      assert(scenario !== undefined, name)
      assert.isAbove(compare(scenario, 1_500), 100)
    })
  }
})
