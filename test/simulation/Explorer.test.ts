import { assert, describe, it } from "@effect/vitest"
import * as Explorer from "../../src/simulation/Explorer.ts"
import { scenarios } from "../../src/simulation/explorerScenarios.ts"

/** What takes longer than a few seconds is left to `npm run explore`. */
const isQuick = (scenario: Explorer.Scenario) =>
  /^(1 ring|2 ring, (2 joins in|crash|vanish|join, (crash|leave|vanish|lose|repeat)))|^3 ring, (crash|vanish|leave)$/
    .test(scenario.name)

describe("Explorer", () => {
  for (const scenario of scenarios.filter(isQuick)) {
    it(scenario.name, () => {
      const report = Explorer.explore(scenario)
      assert.strictEqual(report.violation, undefined, report.violation?.trace.join("\n"))
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
      horizon: 100,
      maxStates: 10_000
    })
    assert.include(report.violation?.message, "does not become one true ring")
    assert.isTrue(report.violation!.trace.some((line) => line.includes("crash 1")))
  })
})
