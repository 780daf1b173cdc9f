/**
 * `npm run reproduce [-- PART-OF-A-NAME ... --full]`: runs the experiments of the papers on our Nodes and prints a
 * table of Markdown: what the paper has, what we have, the difference. Without `--full` the long ones are smaller
 * than in the papers, and say so.
 */
import { presets } from "../src/protocol/ClusterConfig.ts"
import * as NodeId from "../src/ring/NodeId.ts"
import * as Churn from "../src/simulation/Churn.ts"
import { calm } from "../src/simulation/FaultModel.ts"
import * as OracleRing from "../src/simulation/OracleRing.ts"
import type { Report } from "../src/simulation/Report.ts"
import * as Rng from "../src/simulation/Rng.ts"
import * as Simulation from "../src/simulation/Simulation.ts"
import * as Topology from "../src/simulation/Topology.ts"
import { read, refuse } from "./options.ts"

const usage = `npm run reproduce [-- PART-OF-A-NAME ...]: the experiments of the papers on our Nodes, as a table
  --full    at the papers' size: hours, and up to 16 GB`

const { positionals: named, values } = read(usage, { full: { type: "boolean", default: false } }, true)
const isFull = values.full

interface Row {
  readonly figure: string
  readonly conditions: string
  /** As the paper has it: a number, or in words what must hold. */
  readonly paper: number | string
  readonly ours: number | string
}

interface Experiment {
  readonly name: string
  readonly run: () => ReadonlyArray<Row>
}

// -----------------------------------------------------------------------------
// ideal tables
// -----------------------------------------------------------------------------

const plane: Topology.Latency = { _tag: "plane", across: 100 }

const idealRing = (nodes: number, leafSetSide: number, candidates: number): OracleRing.Ring => {
  const rng = Rng.make(`ideal ${nodes}`)
  const topology = Topology.make(plane, rng.fork("topology"))
  return OracleRing.make({ nodes, leafSetSide, candidates, topology, rng: rng.fork("ring") })
}

const lookups = 200_000

const routeMany = (
  ring: OracleRing.Ring,
  keys: "nodes" | "random",
  sources: ReadonlyArray<OracleRing.Member> = ring.members,
  isGone?: Parameters<typeof OracleRing.route>[3]
) => {
  const rng = Rng.make("lookups")
  const histogram: Array<number> = []
  let [hops, travelled, direct] = [0, 0, 0]
  for (let count = 0; count < lookups; count++) {
    const key = keys === "nodes" ? rng.pick(sources).node.id : NodeId.random(() => rng.word())
    const way = OracleRing.route(ring, rng.pick(sources), key, isGone)
    hops += way.hops
    travelled += way.travelled
    direct += way.direct
    histogram[way.hops] = (histogram[way.hops] ?? 0) + 1
  }
  return {
    mean: hops / lookups,
    stretch: travelled / direct,
    histogram: Array.from(histogram, (one) => (one ?? 0) / lookups)
  }
}

const hopsAgainstNodes = (): ReadonlyArray<Row> => {
  const ideal: ReadonlyArray<readonly [number, number]> = [
    [1_000, 2.479],
    [5_000, 2.954],
    [10_000, 3.229],
    [25_000, 3.561],
    [50_000, 3.742],
    [100_000, 3.973]
  ]
  return ideal.map(([nodes, paper]) => ({
    figure: "Pastry, Fig. 4: mean hops",
    conditions: `${nodes} Nodes, 16 leaves, 200,000 lookups between Nodes, full tables`,
    paper,
    ours: routeMany(idealRing(nodes, 8, 1), "nodes").mean
  }))
}

const hopsOurDefault = (): ReadonlyArray<Row> => {
  const ideal: ReadonlyArray<readonly [number, number]> = [[1_000, 2.313], [5_000, 2.803], [10_000, 3.039], [
    100_000,
    3.801
  ]]
  return ideal.map(([nodes, paper]) => ({
    figure: "mean hops with 32 leaves",
    conditions: `${nodes} Nodes, 200,000 lookups of random keys, full tables`,
    paper,
    ours: routeMany(idealRing(nodes, 16, 1), "random").mean
  }))
}

const hopDistribution = (): ReadonlyArray<Row> => {
  const paper = [0, 0.0006, 0.0156, 0.1643, 0.6449, 0.1745, 0]
  const { histogram, mean } = routeMany(idealRing(100_000, 8, 1), "nodes")
  return [
    ...paper.map((share, hops): Row => ({
      figure: `Pastry, Fig. 5: share with ${hops} hops`,
      conditions: "100,000 Nodes, 16 leaves, full tables",
      paper: share,
      ours: histogram[hops] ?? 0
    })),
    { figure: "Pastry, Fig. 5: mean hops", conditions: "the same", paper: 3.977, ours: mean }
  ]
}

const distance = (): ReadonlyArray<Row> =>
  [1_000, 5_000, 10_000].map((nodes) => ({
    figure: "Pastry, Fig. 6: distance travelled / direct",
    conditions: `${nodes} Nodes in a plane, 16 leaves, each entry the nearest that fits`,
    paper: "1.3 to 1.4",
    ours: routeMany(idealRing(nodes, 8, Number.POSITIVE_INFINITY), "nodes").stretch
  }))

const silentFailures = (): ReadonlyArray<Row> => {
  const nodes = 5_000
  const ring = idealRing(nodes, 8, 1)
  const rng = Rng.make("failures")
  const gone = new Set<string>()
  while (gone.size < nodes / 10) gone.add(rng.pick(ring.members).node.hex)
  const living = ring.members.filter(({ node }) => !gone.has(node.hex))
  const before = routeMany(ring, "nodes").mean
  const after = routeMany(ring, "nodes", living, (node) => gone.has(node.hex)).mean
  const repaired = routeMany(idealRing(nodes - gone.size, 8, 1), "nodes").mean
  const percent = (number: number) => `${((number / before - 1) * 100).toFixed(1)} %`
  const conditions = "5,000 Nodes, 500 fail silently, 16 leaves, 200,000 lookups"
  return [
    { figure: "Pastry, Fig. 10: hops without repair", conditions, paper: "+8.4 %", ours: `+${percent(after)}` },
    { figure: "Pastry, Fig. 10: hops after repair", conditions, paper: "+0.4 %", ours: percent(repaired) }
  ]
}

// -----------------------------------------------------------------------------
// the protocol
// -----------------------------------------------------------------------------

const minute = 60_000
const hour = 60 * minute

const simulate = (change: Partial<Simulation.Options>): Report => {
  const running = Simulation.run({
    seed: "1",
    engine: "core",
    nodes: 1_000,
    lookups: 10_000,
    duration: 10 * minute,
    sessions: undefined,
    ending: "vanish",
    config: presets.mspastry,
    latency: plane,
    linkConditions: calm,
    keys: "random",
    delivery: "acknowledged",
    seeds: "near",
    interval: 100,
    settle: 2 * minute,
    failure: undefined,
    partition: undefined,
    drift: 0,
    command: "",
    checks: true,
    realNow: () => performance.now(),
    ...change
  })
  for (;;) {
    const next = running.next()
    if (next.done === true) return next.value
  }
}

const joinedHops = (): ReadonlyArray<Row> =>
  (isFull ? [[1_000, 2.313], [10_000, 3.039]] as const : [[1_000, 2.313]] as const).map(([nodes, paper]) => ({
    figure: "mean hops with 32 leaves",
    conditions: `${nodes} Nodes that joined through the protocol, random keys`,
    paper,
    ours: simulate({ nodes, lookups: 20_000 }).meanHops
  }))

const ofChurn = (report: Report, conditions: string): ReadonlyArray<Row> => {
  const isLossy = report.loss > 0
  return [
    {
      figure: "MSPastry: incorrect deliveries",
      conditions,
      paper: isLossy ? "1.6e-5" : "0",
      ours: `${report.incorrect} of ${report.lookups}`
    },
    {
      figure: "MSPastry: lookups lost",
      conditions,
      paper: isLossy ? "3.3e-5" : "1.6e-5",
      ours: `${(report.lost / report.lookups).toExponential(1)}, and ${
        (100 * report.held / report.lookups).toFixed(2)
      } % held for ${(report.heldTimes.mean / 1000).toFixed(0)} s on average`
    },
    {
      figure: "MSPastry: control messages per Node and second",
      conditions,
      paper: "0.245 (< 0.5)",
      ours: report.messagesPerNodePerSecond
    },
    {
      figure: "MSPastry: delay stretch, of lookups that were not held",
      conditions,
      paper: "1.8 (< 2)",
      ours: report.rdp
    },
    {
      figure: "broken invariants",
      conditions,
      paper: "none",
      ours: String(report.invariantViolations)
    }
  ]
}

const churn = (): ReadonlyArray<Row> => {
  const size = isFull
    ? { nodes: 500, duration: 1_000 * minute, lookups: 1_000_000 }
    // As in the paper: a lookup for each Node in 100 seconds.
    : { nodes: 500, duration: hour, lookups: 18_000 }
  const what = `${size.nodes} Nodes, sessions as in Gnutella, silent hosts, ${
    (size.duration / hour).toFixed(0)
  } h, ${size.lookups} lookups`
  return [0, 0.01, 0.05].flatMap((loss) =>
    ofChurn(
      simulate({
        ...size,
        sessions: Churn.traces["gnutella"],
        linkConditions: { ...calm, loss, lossModel: "frames", repeated: loss / 5, reordered: loss / 5 }
      }),
      `${what}, ${loss * 100} % of frames lost`
    )
  )
}

const shortSessions = (): ReadonlyArray<Row> =>
  [60, 30, 15, 5, 1.4].map((minutes) => {
    const report = simulate({
      nodes: isFull ? 1_000 : 200,
      lookups: 10_000,
      duration: 20 * minute,
      sessions: Churn.exponential(`poisson:${minutes}`, minutes * minute / Math.LN2),
      ending: "crash",
      config: presets.lan
    })
    return {
      figure: `churn: median session ${minutes} min`,
      conditions: `${report.nodes} Nodes, 2 s renewals, processes that crash`,
      paper: minutes === 1.4 ? "Bamboo holds" : "",
      ours: `lost ${report.lost}, incorrect ${report.incorrect}, held ${
        (100 * report.held / report.lookups).toFixed(1)
      } %, ${
        report.messagesPerNodePerSecond.toFixed(1)
      } messages per Node and second, ${report.invariantViolations} broken invariants`
    }
  })

const massFailure = (): ReadonlyArray<Row> =>
  (["crash", "vanish"] as const).map((ending) => {
    const report = simulate({ config: presets.lan, failure: { part: 0.5, at: 10_000 }, ending, duration: 3 * minute })
    return {
      figure: `half of 1,000 Nodes ${ending} at once`,
      conditions: "2 s renewals, 10 s leases",
      paper: "",
      ours: report.recoveryLeases === undefined
        ? "not one ring again"
        : `one ring with exact leaf sets after ${
          report.recoveryLeases.toFixed(1)
        } leases, ${report.incorrect} incorrect, ${report.invariantViolations} broken invariants`
    }
  })

const partition = (): ReadonlyArray<Row> => {
  const nodes = isFull ? 1_000 : 200
  const report = simulate({
    nodes,
    config: presets.lan,
    partition: { parts: [1, 1], at: 10_000, lasts: 10 * minute },
    duration: 15 * minute
  })
  return [{
    figure: "a network cut in two for 10 minutes",
    conditions: `${nodes} Nodes, 2 s renewals`,
    paper: "",
    ours: report.recovery === undefined
      ? "not one ring again"
      : `one ring with exact leaf sets ${
        (report.recovery / 1000).toFixed(0)
      } s after it healed, ${report.invariantViolations} broken invariants`
  }]
}

// -----------------------------------------------------------------------------
// running
// -----------------------------------------------------------------------------

const experiments: ReadonlyArray<Experiment> = [
  { name: "hops-against-nodes", run: hopsAgainstNodes },
  { name: "hops-our-default", run: hopsOurDefault },
  { name: "hop-distribution", run: hopDistribution },
  { name: "distance", run: distance },
  { name: "silent-failures", run: silentFailures },
  { name: "joined-hops", run: joinedHops },
  { name: "churn", run: churn },
  { name: "short-sessions", run: shortSessions },
  { name: "mass-failure", run: massFailure },
  { name: "partition", run: partition }
]

const digits = (number: number): string => number.toFixed(number < 1 ? 4 : 3)

const difference = ({ ours, paper }: Row): string => {
  if (typeof ours !== "number" || typeof paper !== "number") return ""
  if (paper === 0) return ""
  const percent = (ours / paper - 1) * 100
  return `${percent < 0 ? "−" : "+"}${Math.abs(percent).toFixed(1)} %`
}

const chosen = named.length === 0
  ? experiments
  : experiments.filter(({ name }) => named.some((part) => name.includes(part)))
if (chosen.length === 0) refuse(`no such experiment: there are ${experiments.map(({ name }) => name).join(", ")}`)
console.log("| figure | conditions | paper | ours | difference | command |\n|---|---|---|---|---|---|")
for (const { name, run } of chosen) {
  for (const row of run()) {
    const cell = (value: number | string) => typeof value === "number" ? digits(value) : value
    console.log(
      `| ${row.figure} | ${row.conditions} | ${cell(row.paper)} | ${cell(row.ours)} | ${
        difference(row)
      } | \`npm run reproduce -- ${name}${isFull ? " --full" : ""}\` |`
    )
  }
}
