/**
 * Whole Nodes, with actors, frames and a transport, in the worlds and under the checkers of the bare core.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { defaults } from "../../src/protocol/ClusterConfig.ts"
import * as ActorNode from "../../src/simulation/ActorNode.ts"
import type { EngineName } from "../../src/simulation/engines.ts"
import type { Report } from "../../src/simulation/Report.ts"
import * as Scenario from "../../src/simulation/Scenario.ts"
import * as Simulation from "../../src/simulation/Simulation.ts"
import { calm } from "../../src/simulation/Weather.ts"

const folder = Path.join(import.meta.dirname, "scenarios")

const run = (file: string): Scenario.Outcome => {
  const blocks = Result.getOrThrow(Scenario.parse(Fs.readFileSync(Path.join(folder, file), "utf8")))
  return Result.getOrThrow(Scenario.run(blocks, ActorNode.makeEngine))
}

describe("scenarios, with whole Nodes", () => {
  for (const file of Fs.readdirSync(folder).filter((name) => name.endsWith(".txt"))) {
    it(`${file}: nothing is broken, and the same comes out again`, () => {
      const outcome = run(file)
      assert.deepStrictEqual(outcome.violations, [])
      assert.strictEqual(run(file).traceHash, outcome.traceHash)
    })
  }
})

describe("simulations, with whole Nodes", () => {
  const simulate = (engine: EngineName, change: Partial<Simulation.Options>): Report => {
    const simulation = Simulation.run({
      seed: "1",
      engine,
      nodes: 16,
      lookups: 300,
      duration: 120_000,
      sessions: undefined,
      ending: "crash",
      config: defaults,
      latency: { _tag: "plane", across: 100 },
      climate: calm,
      keys: "random",
      delivery: "confirmed",
      seeds: "random",
      interval: 200,
      settle: 10_000,
      failure: undefined,
      partition: undefined,
      drift: 0,
      command: "",
      checks: true,
      realNow: () => 0,
      ...change
    })
    for (;;) {
      const next = simulation.next()
      if (next.done === true) return next.value
    }
  }

  const conditions: ReadonlyArray<readonly [string, Partial<Simulation.Options>]> = [
    ["a calm network", {}],
    ["losses, and clocks that drift", { climate: { ...calm, loss: 0.05 }, drift: 0.01 }],
    ["frames that are lost, repeated and overtaken", {
      climate: { ...calm, lossModel: "frames", loss: 0.05, repeated: 0.02, reordered: 0.05 }
    }],
    ["a third of all hosts falls silent", { failure: { part: 0.34, at: 10_000 }, ending: "vanish" }],
    ["a network that is cut for a while", { partition: { parts: [1, 1], at: 10_000, lasts: 60_000 } }],
    ["narrow wires", { climate: { ...calm, bandwidth: 50_000, queue: 50_000, jitter: 0.2 } }]
  ]
  for (const [name, change] of conditions) {
    it(name, () => {
      const report = simulate("actors", change)
      assert.deepStrictEqual(report.violations, [])
      assert.strictEqual(report.incorrect, 0)
      assert.strictEqual(report.lostUnexplained, 0)
      if (change.failure === undefined) assert.strictEqual(report.delivered, report.lookups)
    })
  }

  it("one seed gives one trace, another seed another", () => {
    const change = { failure: { part: 0.3, at: 5_000 }, duration: 30_000, climate: { ...calm, loss: 0.03 } }
    const first = simulate("actors", change)
    assert.deepStrictEqual(simulate("actors", change), first)
    assert.notStrictEqual(simulate("actors", { ...change, seed: "2" }).traceHash, first.traceHash)
  })

  it("the bare core behaves as whole Nodes do", () => {
    const [core, actors] = [simulate("core", {}), simulate("actors", {})]
    assert.strictEqual(core.delivered, actors.delivered)
    assert.closeTo(core.meanHops, actors.meanHops, 0.05)
    assert.closeTo(core.delays.p50, actors.delays.p50, core.delays.p50 / 10)
    assert.closeTo(core.messagesPerNodePerSecond, actors.messagesPerNodePerSecond, core.messagesPerNodePerSecond / 10)
  })
})
