/**
 * Whole Nodes, with actors, frames and a transport, in the worlds and under the checkers of the bare core.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { defaults } from "../../src/protocol/ClusterConfig.ts"
import * as ActorNode from "../../src/simulation/ActorNode.ts"
import * as Churn from "../../src/simulation/Churn.ts"
import type { EngineName } from "../../src/simulation/engines.ts"
import { calm } from "../../src/simulation/FaultModel.ts"
import type { Report } from "../../src/simulation/Report.ts"
import * as Scenario from "../../src/simulation/Scenario.ts"
import * as Simulation from "../../src/simulation/Simulation.ts"

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
    linkConditions: calm,
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

describe("simulations, with whole Nodes", () => {
  const conditions: ReadonlyArray<readonly [string, Partial<Simulation.Options>]> = [
    ["a calm network", {}],
    ["losses, and clocks that drift", { linkConditions: { ...calm, loss: 0.05 }, drift: 0.01 }],
    ["frames that are lost, repeated and overtaken", {
      linkConditions: { ...calm, lossModel: "frames", loss: 0.05, repeated: 0.02, reordered: 0.05 }
    }],
    ["a third of all hosts falls silent", { failure: { part: 0.34, at: 10_000 }, ending: "vanish" }],
    ["a network that is cut for a while", { partition: { parts: [1, 1], at: 10_000, lasts: 60_000 } }],
    ["narrow wires", { linkConditions: { ...calm, bandwidth: 50_000, queue: 50_000, jitter: 0.2 } }]
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
    const change = { failure: { part: 0.3, at: 5_000 }, duration: 30_000, linkConditions: { ...calm, loss: 0.03 } }
    const first = simulate("actors", change)
    assert.deepStrictEqual(simulate("actors", change), first)
    assert.notStrictEqual(simulate("actors", { ...change, seed: "2" }).traceHash, first.traceHash)
  })
})

describe("the bare core behaves as whole Nodes do", () => {
  /** What both engines note alike, and who delivered each message. */
  const traced = (engine: EngineName, change: Partial<Simulation.Options>) => {
    const counts = new Map<string, number>()
    const roots = new Map<number, number>()
    const report = simulate(engine, {
      ...change,
      write: ({ from, kind, number, what }) => {
        if (what === "delivered") roots.set(number!, from!)
        const isControl = what === "received" && kind !== "Routed" && kind !== "Receipt"
        // Whole Nodes acknowledge a little later, so more at once.
        if (kind === "Acknowledged" || kind === "Handshake" || kind === "Close" || kind === "Bye") return
        const name = isControl ? "control" : what === "received" ? kind! : what
        counts.set(name, (counts.get(name) ?? 0) + 1)
      }
    })
    return { counts, roots, report }
  }

  const kinds = ["control", "Routed", "Receipt", "NodeJoined", "NodeExited", "LeavesChanged", "Detached", "Ready"]

  /** With how much they may differ: what is near in a cut network decides who gives way to whom. */
  const stories: ReadonlyArray<readonly [name: string, change: Partial<Simulation.Options>, part: number]> = [
    ["calm", {}, 0.05],
    ["losses, and clocks that drift", { linkConditions: { ...calm, loss: 0.03 }, drift: 0.005 }, 0.08],
    ["a third of all hosts falls silent", { failure: { part: 0.3, at: 10_000 }, ending: "vanish" }, 0.08],
    ["churn", { sessions: Churn.exponential("poisson", 240_000), ending: "crash" }, 0.25],
    ["a network that is cut for a while", { partition: { parts: [1, 1], at: 10_000, lasts: 40_000 } }, 0.35]
  ]
  for (const [name, change, part] of stories) {
    it(`${name}, of several seeds`, () => {
      for (const seed of ["1", "2", "3"]) {
        const [core, actors] = [traced("core", { ...change, seed }), traced("actors", { ...change, seed })]
        for (const { report } of [core, actors]) {
          assert.deepStrictEqual([report.violations, report.incorrect, report.lostUnexplained], [[], 0, 0])
        }
        for (const kind of kinds) {
          const [x, y] = [core.counts.get(kind) ?? 0, actors.counts.get(kind) ?? 0]
          assert.isAtMost(Math.abs(x - y), Math.max(12, part * Math.max(x, y)), `${kind}, seed ${seed}: ${x}, ${y}`)
        }
        const same = Array.from(core.roots).filter(([number, root]) => actors.roots.get(number) === root).length
        assert.isAtLeast(same, core.roots.size * (1 - part), `seed ${seed}`)
        assert.closeTo(core.report.meanHops, actors.report.meanHops, 0.05)
        assert.closeTo(core.report.delays.p50, actors.report.delays.p50, core.report.delays.p50 / 10)
      }
    })
  }
})
