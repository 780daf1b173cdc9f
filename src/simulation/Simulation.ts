/**
 * Simulation: builds a ring, lets it live under load and churn, and reports.
 *
 * Three times follow each other: Nodes join through the protocol, one after
 * another, until they are one ring; then lookups are sent, Nodes come and go and
 * whatever else was asked for happens, and this time is measured; then nothing
 * more happens but what is under way, until everything ought to be in place.
 *
 * @since 0.1.0
 */
import type { ClusterConfig } from "../protocol/ClusterConfig.ts"
import type { DeliveryClass } from "../protocol/Message.ts"
import * as NodeId from "../ring/NodeId.ts"
import * as Checkers from "./Checkers.ts"
import * as Custody from "./checkers/Custody.ts"
import * as LeafSets from "./checkers/LeafSets.ts"
import type { Sessions } from "./Churn.ts"
import { type EngineName, engines } from "./engines.ts"
import type { LinkConditions, Rule } from "./FaultModel.ts"
import type { Host } from "./Host.ts"
import * as Latency from "./Latency.ts"
import type { Point, Report } from "./Report.ts"
import type { Rng } from "./Rng.ts"
import type { SimulatedNode } from "./SimulatedNode.ts"
import * as Statistics from "./Statistics.ts"
import type * as Topology from "./Topology.ts"
import type { TraceEvent } from "./Trace.ts"
import { type Ending, type Lookup, type Watcher, World } from "./World.ts"

/**
 * What to simulate. Times in milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly seed: string
  /** Nodes that form the ring, and that churn keeps it at. */
  readonly nodes: number
  readonly lookups: number
  /** The measured time, over which lookups are spread by chance. */
  readonly duration: number
  /** How long Nodes stay; for ever when left out. */
  readonly sessions: Sessions | undefined
  readonly ending: Ending
  readonly config: ClusterConfig
  readonly latency: Topology.Latency
  readonly linkConditions: LinkConditions
  readonly keys: "random" | "nodes"
  readonly delivery: DeliveryClass
  /** Joiners know a Node near to them, as the papers assume, or any one. */
  readonly seeds: "near" | "random"
  /** Between the starts of two Nodes while the ring is built. */
  readonly interval: number
  /** How long the whole ring runs before anything is measured. */
  readonly settle: number
  /** At one moment this part of the Nodes ends. */
  readonly failure: { readonly part: number; readonly at: number } | undefined
  /** For a while the network is cut into parts of these sizes, relative to each other. */
  readonly partition:
    | { readonly parts: ReadonlyArray<number>; readonly at: number; readonly lasts: number }
    | undefined
  readonly drift: number
  readonly command: string
  readonly checks: boolean
  readonly engine: EngineName
  readonly write?: ((happening: TraceEvent) => void) | undefined
  /** Real milliseconds since anything, for the figures about speed. */
  readonly realNow: () => number
}

/**
 * How far a simulation is.
 *
 * @category models
 * @since 0.1.0
 */
export interface Progress {
  readonly phase: "building" | "measuring" | "ending"
  /** Part of the phase that is done, 0 to 1; of the last it is not known. */
  readonly part: number
  readonly simulatedSeconds: number
  readonly nodes: number
  readonly events: number
  readonly violations: number
}

/** Keys that are looked at for each point. */
const sampledKeys = 200
/** Nodes whose leaf sets are looked at for each point. */
const sampledNodes = 250
/** Points of a report. */
const maxPoints = 600

/**
 * Runs a simulation; yields now and then, and returns the report.
 *
 * @category running
 * @since 0.1.0
 */
export function* run(options: Options): Generator<Progress, Report> {
  const startedAt = options.realNow()
  const { config } = options
  const checkers = options.checks ? Checkers.make() : undefined
  const joinTimes: Array<number> = []
  /** Nodes that are not ready yet: when they were started, and whom they know. */
  const starting = new Map<SimulatedNode, { readonly at: number; readonly seeds: ReadonlyArray<Host> }>()
  let joins = 0
  let orphans = 0
  let newRings = 0
  let endings = 0
  let isMeasuring = false
  let delivered = 0
  const counting: Watcher = {
    name: "counting",
    delivered: (_world, _node, lookup) => {
      if (lookup.deliveries === 1) delivered++
    },
    emitted: (world, node, event) => {
      if (event._tag !== "Ready") return
      const began = starting.get(node)
      if (began === undefined) return
      starting.delete(node)
      if (!isMeasuring) return
      joins++
      joinTimes.push(world.now - began.at)
    }
  }
  const world = new World({
    seed: options.seed,
    config,
    latency: options.latency,
    linkConditions: { ...options.linkConditions, loss: 0 },
    drift: options.drift,
    engine: engines[options.engine],
    write: options.write,
    watchers: [counting, ...checkers?.watchers ?? []]
  })
  const rng = world.rng.fork("simulation")
  const progress = (phase: Progress["phase"], part: number): Progress => ({
    phase,
    part,
    simulatedSeconds: world.now / 1000,
    nodes: world.nodes.size,
    events: world.timeline.happened,
    violations: world.violationCount
  })

  // ---------------------------------------------------------------------------
  // building
  // ---------------------------------------------------------------------------

  const addNode = (rng: Rng): SimulatedNode => {
    const host = world.addHost()
    const seeds = seedsFor(world, host, rng, options.seeds)
    if (isMeasuring && seeds.length === 0) newRings++
    const node = world.start({ host, seeds })
    if (!node.isReady) starting.set(node, { at: world.now, seeds })
    return node
  }
  for (let count = 0; count < options.nodes; count++) {
    addNode(rng)
    world.run(options.interval)
    if (count % 10 === 9) yield progress("building", count / options.nodes)
  }
  const patience = 4 * (config.lease + config.margin) + 60_000
  for (let waited = 0; !world.isOneRing && waited < patience; waited += 1000) world.run(1000)
  if (!world.isOneRing) world.violate("join", `${options.nodes} Nodes have not become one ring`)
  for (let settled = 0; settled < options.settle; settled += 10_000) {
    world.run(Math.min(10_000, options.settle - settled))
    yield progress("building", 1)
  }

  // ---------------------------------------------------------------------------
  // measuring
  // ---------------------------------------------------------------------------

  const began = world.now
  isMeasuring = true
  world.faultModel.loss = options.linkConditions.loss
  const sentBefore = new Map(world.sent)
  const controlBefore = countControl(world)
  const lostBefore = world.lost
  let nodeSeconds = 0

  const { sessions } = options
  const churn = rng.fork("churn")
  let isChurning = sessions !== undefined
  const endLater = (node: SimulatedNode, session: number): void => {
    world.timeline.after(session, () => {
      if (!isChurning || node.isEnded) return
      endings++
      world.end(node, options.ending)
    })
  }
  /**
   * Who knows only Nodes that have ended will never join: whoever started it starts another that knows living ones.
   * Where nobody is left that has ever been ready, all wait for each other: they are all started again, the first
   * without seeds, as a new ring. The old ones end before that, so that none of them joins what is left of the old ring.
   */
  const replaceOrphans = (): void => {
    for (const node of starting.keys()) if (node.isEnded || node.isReady) starting.delete(node)
    const isRingLost = starting.size === world.nodes.size
    const lost = Array.from(starting).filter(([, { seeds }]) =>
      seeds.length > 0 && (isRingLost || !seeds.some(({ number }) => world.nodes.has(number)))
    )
    for (const [node] of lost) {
      starting.delete(node)
      orphans++
      world.end(node, "crash")
    }
    for (let count = 0; count < lost.length; count++) {
      const another = addNode(churn)
      if (sessions !== undefined && isChurning) endLater(another, sessions.draw(churn))
    }
  }
  if (sessions !== undefined) {
    for (const node of world.nodes.values()) endLater(node, sessions.rest(churn))
    const arrive = (): void => {
      world.timeline.after(churn.exponential(sessions.mean / options.nodes), () => {
        if (!isChurning) return
        endLater(addNode(churn), sessions.draw(churn))
        arrive()
      })
    }
    arrive()
  }

  const traffic = rng.fork("traffic")
  const sendOne = (): void => {
    const source = world.pickReady(traffic)
    if (source !== undefined) {
      const key = options.keys === "random"
        ? NodeId.random(() => traffic.word())
        : (world.pickReady(traffic) ?? source).self.id
      world.send(source, key, options.delivery)
    }
  }
  const times = Float64Array.from({ length: options.lookups }, () => began + traffic.fraction() * options.duration)
  times.sort()
  const sendAt = (index: number): void => {
    const time = times[index]
    if (time === undefined) return
    world.timeline.at(time, () => {
      sendOne()
      sendAt(index + 1)
    })
  }
  sendAt(0)

  let disturbedUntil: number | undefined
  if (options.failure !== undefined) {
    const { at, part } = options.failure
    world.timeline.at(began + at, () => {
      disturbedUntil = world.now
      const nodes = Array.from(world.nodes.values())
      for (let count = Math.floor(part * nodes.length); count > 0; count--) {
        const [node] = nodes.splice(churn.below(nodes.length), 1)
        endings++
        world.end(node!, options.ending)
      }
    })
  }
  if (options.partition !== undefined) {
    const { at, lasts, parts } = options.partition
    world.timeline.at(began + at, () => {
      const rules = cutInto(world, parts, churn)
      for (const rule of rules) world.begin(rule)
      world.timeline.after(lasts, () => {
        for (const rule of rules) world.cease(rule)
        disturbedUntil = world.now
      })
    })
  }

  const points: Array<Point> = []
  let recoveredAt: number | undefined
  const probe = rng.fork("points")
  const period = Math.max(1000, Math.ceil(options.duration / maxPoints / 1000) * 1000)
  let sentAtPoint = 0
  let controlAtPoint = controlBefore
  let deliveredAtPoint = 0
  const point = (passed: number): void => {
    const ready = world.ring.members.filter((node) => node.isReady)
    const looked = ready.length <= sampledNodes
      ? ready
      : Array.from({ length: sampledNodes }, () => probe.pick(ready))
    const exact = looked.filter((node) => LeafSets.findFault(world, node) === undefined).length
    let covered = 0
    for (let count = 0; count < sampledKeys; count++) {
      const key = NodeId.random(() => probe.word())
      const root = world.ring.closest(key, () => true)
      if (root?.covers(key) === true) covered++
    }
    const control = countControl(world)
    points.push({
      at: world.now - began,
      nodes: world.nodes.size,
      ready: ready.length,
      exactLeafSets: looked.length === 0 ? 0 : exact / looked.length,
      covered: covered / sampledKeys,
      sent: world.lookups.length - sentAtPoint,
      delivered: delivered - deliveredAtPoint,
      controlPerNodeAndSecond: (control - controlAtPoint) / Math.max(1, world.nodes.size) / (passed / 1000)
    })
    sentAtPoint = world.lookups.length
    deliveredAtPoint = delivered
    controlAtPoint = control
  }
  const look = (): void => {
    if (disturbedUntil === undefined || recoveredAt !== undefined || world.now < disturbedUntil) return
    if (world.isOneRing && LeafSets.areExact(world)) recoveredAt = world.now
  }

  for (let passed = 0, next = period; passed < options.duration;) {
    const slice = Math.min(1000, options.duration - passed)
    world.run(slice)
    passed += slice
    nodeSeconds += world.nodes.size * slice / 1000
    replaceOrphans()
    look()
    if (passed >= next || passed >= options.duration) {
      point(passed - (next - period))
      next += period
    }
    yield progress("measuring", passed / options.duration)
  }
  const control = countControl(world)
  const byKind: { [kind: string]: number } = {}
  for (const [kind, count] of world.sent) {
    const during = count - (sentBefore.get(kind) ?? 0)
    if (during > 0) byKind[kind] = during / nodeSeconds
  }
  const framesLost = world.lost - lostBefore

  // ---------------------------------------------------------------------------
  // ending
  // ---------------------------------------------------------------------------

  isChurning = false
  const limit = world.now + config.hold + 4 * (config.lease + config.margin)
  while (world.now < limit) {
    world.run(1000)
    replaceOrphans()
    look()
    yield progress("ending", 0)
    if (world.isQuiet && world.isOneRing && LeafSets.areExact(world)) break
  }
  // Lost frames must not decide whether tables are found exact.
  world.faultModel.loss = 0
  const isInPlace = () => {
    look()
    return world.isOneRing && LeafSets.areExact(world)
  }
  world.runUntil(isInPlace, 2 * config.leafSetSide * config.exchange + limit - world.now, 1000)
  world.settle()
  world.finish()

  const underWay = world.underWay()
  const done = world.lookups.filter((lookup) => lookup.deliveries > 0)
  const prompt = done.filter((lookup) => lookup.heldAt === undefined)
  const distances = prompt.map((lookup) => distanceOf(world, lookup))
  const far = prompt.filter((_, index) => distances[index]! > 0)
  const delays = prompt.map((lookup) => lookup.deliveredAt - lookup.sentAt)
  const fates = { died: 0, heldTooLong: 0, unexplained: 0 }
  for (const lookup of world.lookups) {
    const fate = Custody.fateOf(lookup, ({ number }) => underWay.has(number))
    if (fate === "died" || fate === "heldTooLong") fates[fate]++
    else if (fate !== "delivered") fates.unexplained++
  }
  const realSeconds = (options.realNow() - startedAt) / 1000
  const recovery = recoveredAt === undefined ? undefined : recoveredAt - disturbedUntil!
  const sum = (numbers: ReadonlyArray<number>) => numbers.reduce((total, number) => total + number, 0)
  const sumOfDistances = sum(distances)
  return {
    seed: options.seed,
    command: options.command,
    engine: options.engine,
    nodes: options.nodes,
    leafSet: 2 * config.leafSetSide,
    churn: sessions?.name ?? "none",
    ending: options.ending,
    loss: options.linkConditions.loss,
    lossModel: options.linkConditions.lossModel,
    latency: Latency.print(options.latency),
    joins,
    orphans,
    newRings,
    endings,
    joinTimes: Statistics.summarize(joinTimes),
    lookups: world.lookups.length,
    delivered: done.length,
    held: world.lookups.filter((lookup) => lookup.heldAt !== undefined).length,
    heldTimes: Statistics.summarize(
      done.filter((lookup) => lookup.heldAt !== undefined).map((lookup) => lookup.deliveredAt - lookup.sentAt)
    ),
    lost: world.lookups.length - done.length,
    lostWithNode: fates.died,
    lostHeldTooLong: fates.heldTooLong,
    lostUnexplained: fates.unexplained,
    incorrect: checkers?.roots.seen.incorrect ?? 0,
    duplicates: sum(done.map((lookup) => lookup.deliveries - 1)),
    meanHops: done.length === 0 ? 0 : sum(done.map((lookup) => lookup.hops)) / done.length,
    hopHistogram: Statistics.histogram(done.map((lookup) => lookup.hops)),
    delays: Statistics.summarize(delays),
    rdp: sumOfDistances === 0
      ? 0
      : sum(far.map((lookup) => lookup.deliveredAt - lookup.sentAt)) / sumOfDistances,
    meanStretch: far.length === 0
      ? 0
      : sum(far.map((lookup) => (lookup.deliveredAt - lookup.sentAt) / distanceOf(world, lookup))) / far.length,
    messagesPerNodePerSecond: (control - controlBefore) / nodeSeconds,
    messagesByKind: byKind,
    framesLost,
    splitFor: world.splitFor,
    splitOwnership: checkers?.coverage.seen.split ?? 0,
    splitDeliveries: checkers?.roots.seen.split ?? 0,
    recovery,
    recoveryLeases: recovery === undefined ? undefined : recovery / config.lease,
    invariantViolations: world.violationCount,
    violations: world.violations,
    points,
    traceHash: world.trace.hash,
    simulatedSeconds: world.now / 1000,
    realSeconds,
    events: world.timeline.happened,
    eventsPerSecond: world.timeline.happened / Math.max(realSeconds, 0.001)
  }
}

/** Frames that were sent but for the lookups themselves. */
const countControl = (world: World): number => {
  let count = 0
  for (const [kind, sent] of world.sent) if (kind !== "Routed") count += sent
  return count
}

const distanceOf = (world: World, { root, source }: Lookup): number =>
  world.topology.distance(source.host.place, root!.host.place)

/** Candidates among which a joiner that knows somebody near picks the nearest. */
const nearCandidates = 32

/**
 * Hosts that a joiner asks: two of those that are ready, the nearest of some or any; none for the first Node of all.
 *
 * @category getters
 * @since 0.1.0
 */
export const seedsFor = (world: World, host: Host, rng: Rng, which: "near" | "random"): ReadonlyArray<Host> => {
  if (world.nodes.size === 0) return []
  const { members } = world.ring
  if (members.length === 0) return [rng.pick(Array.from(world.nodes.values())).host]
  const candidates = new Set<Host>()
  const count = which === "near" ? nearCandidates : 2
  for (let tries = 0; tries < count; tries++) candidates.add(rng.pick(members).host)
  return Array.from(candidates)
    .sort((x, y) =>
      which === "near"
        ? world.topology.distance(host.place, x.place) - world.topology.distance(host.place, y.place)
        : 0
    )
    .slice(0, 2)
}

/** The rules that cut the hosts of living Nodes into parts, dealt out by chance. */
const cutInto = (world: World, parts: ReadonlyArray<number>, rng: Rng): ReadonlyArray<Rule> => {
  const total = parts.reduce((sum, part) => sum + part, 0)
  const sides = parts.map(() => new Set<number>())
  for (const host of world.hosts) {
    if (!world.nodes.has(host.number)) continue
    let at = rng.fraction() * total
    const side = parts.findIndex((part) => (at -= part) < 0)
    sides[side < 0 ? 0 : side]!.add(host.number)
  }
  return sides.flatMap((from) =>
    sides.filter((to) => to !== from).map((to): Rule => ({
      from: { _tag: "Hosts", numbers: from },
      to: { _tag: "Hosts", numbers: to },
      isCut: true
    }))
  )
}
