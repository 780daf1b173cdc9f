import { assert, describe, it } from "@effect/vitest"
import * as Explorer from "../../src/simulation/Explorer.ts"
import { scenarios } from "../../src/simulation/explorerScenarios.ts"

/** What takes longer than a second or two is left to `npm run explore`. */
const quick = new Set([
  "1 ring, 1 join",
  "1 ring, 2 joins",
  "2 ring, join, every order",
  "2 ring, 2 joins in one gap (Lu's hole)",
  "2 ring, crash",
  "2 ring, vanish",
  "3 ring, crash",
  "3 ring, vanish",
  "3 ring, leave",
  "2 ring, join, crash",
  "2 ring, join, vanish",
  "2 ring, join, leave",
  "2 ring, join, lose",
  "2 ring, join, repeat"
])

describe("Explorer", () => {
  for (const scenario of scenarios.filter(({ name }) => quick.has(name))) {
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
