import { assert, describe, it } from "@effect/vitest"
import * as Membership from "../../src/core/Membership.ts"
import * as Explorer from "../../src/simulation/Explorer.ts"
import { promptRenewals } from "../../src/simulation/ExplorerScenario.ts"
import { scenarios } from "../../src/simulation/explorerScenarios.ts"

const named = (name: string) => {
  const scenario = scenarios.find((scenario) => scenario.name === name)
  assert(scenario !== undefined, name)
  return scenario
}

describe("Explorer", () => {
  // What takes longer than a second or two is left to `npm run explore`.
  for (const scenario of scenarios.filter(({ isQuick }) => isQuick)) {
    it(scenario.name, () => {
      const report = Explorer.explore(scenario)
      assert.strictEqual(report.violation, undefined, report.violation?.trace)
      assert.isTrue(report.complete)
    })
  }

  it("sees a joiner that never becomes ready", () => {
    // The only seed that this joiner knows dies: the ring that is left cannot take it in.
    const report = Explorer.explore({
      name: "seed dies",
      nodes: ["1", "6", "b"],
      ring: [0, 2],
      joins: [[1, 0]],
      faults: { crash: 1 },
      victims: [0],
      prompt: promptRenewals,
      maxStates: 10_000
    })
    assert.strictEqual(report.violation?.message, "does not become one true ring")
    assert.include(report.violation?.trace, "crash 1")
  })

  it("sees the same states whether it follows all orders of steps that commute or one of them", () => {
    for (const name of ["1 ring, join, every order", "2 ring, crash, every order", "2 ring, repeat, every order"]) {
      const less = Explorer.explore(named(name))
      const all = Explorer.explore(named(name), Membership, { reduce: false })
      assert.strictEqual(less.states, all.states)
      assert.strictEqual(less.depth, all.depth)
      assert.isBelow(less.transitions, all.transitions)
    }
  })

  it("says where it stopped", () => {
    const scenario = named("2 ring, crash, every order")
    const few = Explorer.explore({ ...scenario, maxStates: 100 })
    assert.deepStrictEqual([few.states, few.complete, few.bound], [100, false, "states"])
    const short = Explorer.explore({ ...scenario, horizon: 20 })
    assert.deepStrictEqual([short.complete, short.bound], [false, "horizon"])
  })
})
