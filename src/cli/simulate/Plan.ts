/**
 * What simulations a command line asks for: one for every combination of what may vary.
 *
 * @since 0.1.0
 */
import * as Config from "../../protocol/ClusterConfig.ts"
import type { DeliveryClass } from "../../protocol/Message.ts"
import type { EngineName } from "../../simulation/engines.ts"
import type { LossModel } from "../../simulation/FaultModel.ts"
import * as Latency from "../../simulation/Latency.ts"
import type * as Simulation from "../../simulation/Simulation.ts"
import type * as Topology from "../../simulation/Topology.ts"
import type { Ending } from "../../simulation/World.ts"
import { type Failure, type Partition, quote, writeFailure, writePartition, writeTime } from "./notation.ts"

/**
 * What was asked for. Times in milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface Request {
  readonly seed: string
  readonly engine: EngineName
  readonly nodes: ReadonlyArray<number>
  readonly lookups: number
  readonly duration: number
  readonly churn: ReadonlyArray<string>
  readonly ending: Ending
  readonly loss: ReadonlyArray<number>
  readonly lossModel: LossModel
  /** A fifth of the loss when left out, with the model `frames`. */
  readonly repeat: number | undefined
  readonly reorder: number | undefined
  readonly latency: Topology.Latency
  readonly jitter: number
  readonly bandwidth: number | undefined
  readonly queue: number | undefined
  /** Leaves on both sides together; as many as `config` says when left out. */
  readonly leafSet: ReadonlyArray<number> | undefined
  readonly keys: "random" | "nodes"
  readonly delivery: DeliveryClass
  readonly seeds: "near" | "random"
  readonly interval: number
  readonly settle: number
  readonly failure: Failure | undefined
  readonly partition: Partition | undefined
  readonly drift: number
  /** Only for the command: `config` holds its numbers. */
  readonly preset: Config.Preset
  readonly config: Config.ClusterConfig
  readonly checks: boolean
}

/**
 * What is asked for when a command line says nothing of it.
 *
 * @category constants
 * @since 0.1.0
 */
export const defaults = {
  engine: "core",
  nodes: [200],
  lookups: 10_000,
  duration: 600_000,
  churn: ["none"],
  ending: "crash",
  loss: [0],
  lossModel: "reliable",
  latency: { _tag: "plane", across: 100 },
  jitter: 0,
  keys: "random",
  delivery: "acknowledged",
  seeds: "near",
  interval: 200,
  settle: 120_000,
  drift: 0,
  preset: "mspastry"
} as const satisfies Partial<Request>

/**
 * One simulation, as data that can be handed to another thread.
 *
 * @category models
 * @since 0.1.0
 */
export interface Job extends Omit<Simulation.Options, "sessions" | "write" | "realNow"> {
  readonly churn: string
}

/**
 * One simulation for every combination, those with fewer Nodes first.
 *
 * @category constructors
 * @since 0.1.0
 */
export const jobs = (request: Request): ReadonlyArray<Job> =>
  request.nodes.flatMap((nodes) =>
    request.churn.flatMap((churn) =>
      request.loss.flatMap((loss) =>
        leafSets(request).map((leafSet) => make({ ...request, nodes: [nodes], churn: [churn], loss: [loss] }, leafSet))
      )
    )
  )

/**
 * What makes a request impossible, and what to do about it.
 *
 * @category getters
 * @since 0.1.0
 */
export const findProblem = (request: Request): string | undefined => {
  const { bandwidth, config, drift, duration, failure, lossModel, partition, queue, reorder, repeat } = request
  const runs = request.nodes.length * request.churn.length * request.loss.length * leafSets(request).length
  if (runs > maxRuns) return `these are ${runs} combinations: ask for ${maxRuns} at most`
  if (lossModel !== "frames" && (repeat ?? reorder) !== undefined) {
    return "--repeat and --reorder are for frames: over connections nothing comes twice or out of order. " +
      "Add --loss-model frames"
  }
  if (queue !== undefined && bandwidth === undefined) {
    return "--queue says what may wait for the wire, and without --bandwidth nothing waits: add --bandwidth"
  }
  const mostDrift = config.margin / (2 * config.lease)
  if (drift > mostDrift) {
    return `--drift ${drift} is more than margin / (2 * lease) = ${config.margin} / (2 * ${config.lease}) = ` +
      `${mostDrift}: with such clocks no lease is safe. Let them drift less, or --set a larger margin`
  }
  const fewest = Math.min(...request.nodes)
  if (failure !== undefined) {
    if (failure.at >= duration) return tooLate("--fail", failure.at, duration)
    if (Math.floor(failure.part * fewest) === 0) {
      return `--fail ${writeFailure(failure)} ends none of ${fewest} Nodes: ask for a larger part, or more Nodes`
    }
  }
  if (partition !== undefined) {
    if (partition.at >= duration) return tooLate("--partition", partition.at, duration)
    if (partition.parts.length > fewest) {
      return `${fewest} Nodes cannot be cut into ${partition.parts.length} parts: ask for more Nodes`
    }
    const patience = config.hold + 4 * (config.lease + config.margin)
    if (partition.at + partition.lasts > duration + patience) {
      return `--partition ${writePartition(partition)} would outlast the simulation, which waits for ` +
        `${writeTime(patience)} after --duration ${writeTime(duration)}: end it sooner, or let it run longer`
    }
  }
  return undefined
}

/**
 * Names and texts of all that was asked for, those that are the default too.
 *
 * @category rendering
 * @since 0.1.0
 */
export const describe = (request: Request): ReadonlyArray<readonly [name: string, text: string]> => [
  ["seed", request.seed],
  ...options(request, leafSets(request)).map(({ name, text }) => [name, text] as const)
]

// -----------------------------------------------------------------------------
// internals
// -----------------------------------------------------------------------------

const maxRuns = 1_000

const tooLate = (flag: string, at: number, duration: number): string =>
  `${flag} begins after ${writeTime(at)}, when the measured time is over: begin before ${writeTime(duration)}, ` +
  "or give a longer --duration"

const leafSets = ({ config, leafSet }: Request): ReadonlyArray<number> => leafSet ?? [2 * config.leafSetSide]

interface Written {
  readonly name: string
  readonly text: string
  /** Nothing else would be done without it. */
  readonly isDefault: boolean
}

/** Every option but the seed, as the command line takes it. */
const options = (request: Request, leafSet: ReadonlyArray<number>): ReadonlyArray<Written> => {
  const preset = Config.presets[request.preset]
  const one = (name: string, text: string, usual: string): Written => ({ name, text, isDefault: text === usual })
  const given = (name: string, text: number | string | undefined): ReadonlyArray<Written> =>
    text === undefined ? [] : [{ name, text: String(text), isDefault: false }]
  const isSet = (name: Config.FieldName) => name !== "leafSetSide" && request.config[name] !== preset[name]
  return [
    one("engine", request.engine, defaults.engine),
    one("nodes", request.nodes.join(","), defaults.nodes.join()),
    one("lookups", String(request.lookups), String(defaults.lookups)),
    one("duration", writeTime(request.duration), writeTime(defaults.duration)),
    one("churn", request.churn.join(","), defaults.churn.join()),
    one("ending", request.ending, defaults.ending),
    one("loss", request.loss.join(","), defaults.loss.join()),
    one("loss-model", request.lossModel, defaults.lossModel),
    ...given("repeat", request.repeat),
    ...given("reorder", request.reorder),
    one("latency", Latency.print(request.latency), Latency.print(defaults.latency)),
    one("jitter", String(request.jitter), String(defaults.jitter)),
    ...given("bandwidth", request.bandwidth),
    ...given("queue", request.queue),
    one("leaf-set", leafSet.join(","), String(2 * preset.leafSetSide)),
    one("keys", request.keys, defaults.keys),
    one("delivery", request.delivery, defaults.delivery),
    one("seeds", request.seeds, defaults.seeds),
    one("interval", writeTime(request.interval), writeTime(defaults.interval)),
    one("settle", writeTime(request.settle), writeTime(defaults.settle)),
    ...given("fail", request.failure && writeFailure(request.failure)),
    ...given("partition", request.partition && writePartition(request.partition)),
    one("drift", String(request.drift), String(defaults.drift)),
    one("preset", request.preset, defaults.preset),
    ...Config.names.filter(isSet).map((name): Written => ({
      name: "set",
      text: `${name}=${request.config[name]}`,
      isDefault: false
    }))
  ]
}

/** In one word where the text looks like a flag itself. */
const flag = (name: string, text: string): string =>
  text.startsWith("-") ? quote(`--${name}=${text}`) : `--${name} ${quote(text)}`

/** One simulation: the lists hold one value each. */
const make = (request: Request, leafSet: number): Job => {
  const { config, lossModel } = request
  const [loss, nodes, churn] = [request.loss[0]!, request.nodes[0]!, request.churn[0]!]
  const usual = lossModel === "frames" ? loss / 5 : 0
  const command = ["wendy simulate"].concat(
    options(request, [leafSet]).filter(({ isDefault }) => !isDefault).map(({ name, text }) => flag(name, text)),
    request.checks ? [] : ["--no-checks"],
    flag("seed", request.seed)
  ).join(" ")
  return {
    seed: request.seed,
    engine: request.engine,
    nodes,
    churn,
    lookups: request.lookups,
    duration: request.duration,
    ending: request.ending,
    config: { ...config, leafSetSide: leafSet / 2 },
    latency: request.latency,
    linkConditions: {
      lossModel,
      loss,
      repeated: request.repeat ?? usual,
      reordered: request.reorder ?? usual,
      jitter: request.jitter,
      bandwidth: request.bandwidth ?? Number.POSITIVE_INFINITY,
      queue: request.queue ?? Number.POSITIVE_INFINITY
    },
    keys: request.keys,
    delivery: request.delivery,
    seeds: request.seeds,
    interval: request.interval,
    settle: request.settle,
    failure: request.failure,
    partition: request.partition,
    drift: request.drift,
    command,
    checks: request.checks
  }
}
