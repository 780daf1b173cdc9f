/**
 * How the simulator scales: what a join costs, how much memory a Node takes, and how many messages are
 * delivered in a real second, with the checkers on, against the number of Nodes.
 *
 *   npm run scale                           core: 100 to 2,000 Nodes; actors: 100 to 500
 *   npm run scale -- --full                 core to 10,000 Nodes, actors to 3,000
 *   npm run scale -- --engine actors --nodes 10000 [--lookups 100000] [--idle 20s]
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as V8 from "node:v8"
import * as Vm from "node:vm"
import { presets } from "../src/protocol/ClusterConfig.ts"
import * as NodeId from "../src/ring/NodeId.ts"
import * as Checkers from "../src/simulation/Checkers.ts"
import { type EngineName, engines } from "../src/simulation/engines.ts"
import { calm } from "../src/simulation/FaultModel.ts"
import { seedsFor } from "../src/simulation/Simulation.ts"
import { World } from "../src/simulation/World.ts"
import { read, refuse, whole } from "./options.ts"

const usage = `npm run scale: what a join, a Node and a message cost, against the number of Nodes
  --engine core|actors  only this one; else both
  --nodes N             with --engine: this many; else 1000
  --lookups N           messages that are sent within 30 s; 50000
  --idle TIME           connections that are idle so long are closed; "20 seconds"
  --full                core to 10,000 Nodes, actors to 3,000`

const { values } = read(usage, {
  engine: { type: "string" },
  nodes: { type: "string" },
  lookups: { type: "string", default: "50000" },
  idle: { type: "string", default: "20 seconds" },
  full: { type: "boolean", default: false }
})

const idleTimeout = Option.match(Duration.fromInput(values.idle as Duration.Input), {
  onNone: () => refuse(`--idle ${values.idle}: give a time such as "20 seconds"`),
  onSome: Duration.toMillis
})
const lookups = whole(values.lookups, "lookups")

V8.setFlagsFromString("--expose-gc")
const collect: () => void = Vm.runInNewContext("gc")

const heap = (): number => {
  collect()
  return process.memoryUsage().heapUsed
}

const measure = (engine: EngineName, nodes: number): ReadonlyArray<string> => {
  const empty = heap()
  const checkers = Checkers.make()
  const world = new World({
    seed: "1",
    config: { ...presets.mspastry, idleTimeout },
    latency: { _tag: "plane", across: 100 },
    linkConditions: calm,
    watchers: checkers.watchers,
    engine: engines[engine]
  })
  const rng = world.rng.fork("scale")
  let began = performance.now()
  for (let count = 0; count < nodes; count++) {
    const host = world.addHost()
    world.start({ host, seeds: seedsFor(world, host, rng, "near") })
    world.run(50)
  }
  const isOne = world.runUntil(() => world.isOneRing, 600_000, 1_000)
  const join = (performance.now() - began) / nodes
  world.run(60_000)
  const perNode = (heap() - empty) / nodes
  const sendOn = (count: number): void => {
    if (count === lookups) return
    const source = world.pickReady(rng)
    if (source !== undefined) world.send(source, NodeId.random(() => rng.word()), "acknowledged")
    world.timeline.after(30_000 / lookups, () => sendOn(count + 1))
  }
  sendOn(0)
  began = performance.now()
  world.run(35_000)
  const seconds = (performance.now() - began) / 1_000
  const delivered = world.lookups.filter(({ deliveries }) => deliveries === 1)
  const hops = delivered.reduce((sum, lookup) => sum + lookup.hops, 0)
  return [
    engine,
    nodes.toLocaleString("en"),
    isOne && world.violationCount === 0 ? "good" : "BROKEN",
    join.toFixed(1),
    (perNode / 1_000).toFixed(0),
    (heap() / 1e9).toFixed(2),
    (delivered.length / seconds).toFixed(0),
    (hops / delivered.length).toFixed(2),
    (seconds * 1e6 / (hops + delivered.length)).toFixed(1)
  ]
}

const chosen: ReadonlyArray<readonly [EngineName, number]> = values.engine === undefined
  ? [
    ...(values.full ? [100, 300, 1_000, 3_000, 10_000] : [100, 300, 1_000]).map((nodes) => ["core", nodes] as const),
    ...(values.full ? [100, 300, 1_000, 3_000] : [100, 300]).map((nodes) => ["actors", nodes] as const)
  ]
  : values.engine === "core" || values.engine === "actors"
  ? [[values.engine, whole(values.nodes ?? "1000", "nodes")]]
  : refuse(`--engine ${values.engine}: core or actors`)

console.log(`Node.js ${process.versions.node}; idle connections close after ${idleTimeout / 1_000} s; checkers on`)
console.log(
  "| engine | Nodes | invariants | join, ms | heap per Node, kB | heap at the end, GB | delivered per s | hops | µs per hop and delivery |"
)
console.log("|---|---|---|---|---|---|---|---|---|")
for (const [engine, nodes] of chosen) console.log(`| ${measure(engine, nodes).join(" | ")} |`)
