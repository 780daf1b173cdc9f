/**
 * World: hosts, Nodes, a network and time, all from one seed.
 *
 * It starts and ends Nodes, sends messages, changes the network, and tells whoever
 * watches. It checks nothing itself: that do the checkers, which watch.
 *
 * @since 0.1.0
 */
import type * as MembershipState from "../core/MembershipState.ts"
import type { ClusterConfig } from "../protocol/ClusterConfig.ts"
import * as Envelope from "../protocol/Envelope.ts"
import type { DeliveryClass } from "../protocol/Message.ts"
import * as Node from "../ring/Node.ts"
import * as NodeId from "../ring/NodeId.ts"
import * as CoreNode from "./CoreNode.ts"
import type { Listener } from "./DeliveryModel.ts"
import { FaultModel, type LinkConditions, type Rule } from "./FaultModel.ts"
import * as Host from "./Host.ts"
import { ReadyRing } from "./ReadyRing.ts"
import * as Rng from "./Rng.ts"
import type { Engine, MakeEngine, Observer, SimulatedNode } from "./SimulatedNode.ts"
import { Timeline } from "./Timeline.ts"
import * as Topology from "./Topology.ts"
import { Trace, type TraceEvent } from "./Trace.ts"

/**
 * How a Node ends.
 *
 * - `crash`: its process dies, its connections are reset, and a connect is refused: proof of death.
 * - `vanish`: its host goes silent; nothing tells.
 * - `leave`: it says goodbye.
 *
 * @category models
 * @since 0.1.0
 */
export type Ending = "crash" | "vanish" | "leave"

/**
 * A message of the simulation, from its sending to its end.
 *
 * @category models
 * @since 0.1.0
 */
export interface Lookup {
  readonly number: number
  readonly key: NodeId.NodeId
  readonly deliveryClass: DeliveryClass
  readonly source: SimulatedNode
  readonly sentAt: number
  /** How often it was delivered, and the first time: when, where, after how many hops. */
  deliveries: number
  deliveredAt: number
  root: SimulatedNode | undefined
  hops: number
  /** When it first had to wait because nobody answered for its key. */
  heldAt: number | undefined
  /** Of a confirmed one: how it ended for its sender. */
  outcome: "receipt" | "failed" | undefined
  /** A Node died that had it in custody. */
  diedWithCustodian: boolean
  /** It was given up for want of a root. */
  wasGivenUp: boolean
}

/**
 * What somebody saw that must not be.
 *
 * @category models
 * @since 0.1.0
 */
export interface Violation {
  readonly at: number
  readonly checker: string
  readonly message: string
}

/**
 * Somebody who watches a world. Each part is called at the moment it names.
 *
 * @category models
 * @since 0.1.0
 */
export interface Watcher {
  readonly name: string
  /** A Node made a step of its membership. */
  readonly stepped?: (world: World, node: SimulatedNode) => void
  readonly emitted?: (world: World, node: SimulatedNode, event: MembershipState.Event) => void
  /** A message was delivered. */
  readonly delivered?: (world: World, node: SimulatedNode, lookup: Lookup) => void
  /** A confirmed message has its outcome. */
  readonly resolved?: (world: World, lookup: Lookup) => void
  /** Once a simulated second. */
  readonly sampled?: (world: World) => void
  /** Nothing has happened to the ring for long enough that everything ought to be in place. */
  readonly settled?: (world: World) => void
  /** The simulation is over. */
  readonly finished?: (world: World) => void
}

/**
 * How a world is made.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly seed: string
  readonly config: ClusterConfig
  readonly latency: Topology.Latency
  readonly linkConditions: LinkConditions
  /** What runs Nodes: the bare core when left out. */
  readonly engine?: MakeEngine | undefined
  /** Up to which part clocks run fast or slow: at most half of `margin / lease`, or no lease is safe. */
  readonly drift?: number | undefined
  readonly watchers?: ReadonlyArray<Watcher> | undefined
  readonly write?: ((happening: TraceEvent) => void) | undefined
}

/** Violations that are kept; further ones are only counted. */
const maxViolations = 100

/**
 * A simulated world.
 *
 * @category models
 * @since 0.1.0
 */
export class World {
  readonly seed: string
  readonly config: ClusterConfig
  readonly rng: Rng.Rng
  readonly timeline = new Timeline()
  readonly topology: Topology.Topology
  readonly faultModel: FaultModel
  readonly trace: Trace
  readonly hosts: Array<Host.Host> = []
  /** All Nodes that have not ended, by their hosts' numbers. */
  readonly nodes = new Map<number, SimulatedNode>()
  /** Those that are ready, in order of their ids. */
  readonly ring = new ReadyRing<SimulatedNode>()
  readonly lookups: Array<Lookup> = []
  readonly violations: Array<Violation> = []
  violationCount = 0
  /** When each life that is over ended, by life. */
  readonly endedAt = new Map<string, number>()
  /** Frames that were sent, by kind. */
  readonly sent = new Map<string, number>()
  /** Of these, frames that were lost, for good or until they were sent again. */
  lost = 0
  /** The network is cut somewhere. */
  isCut = false
  /** It is cut, or was and the parts have not become one ring yet. */
  isSplit = false
  /** Some part of a cut has healed since then: which Nodes belong to one ring cannot be told from outside any more. */
  hasHealed = false
  /** For how many milliseconds it has been split in all, until now or until it became one again. */
  splitFor = 0

  readonly #drift: number
  readonly #watchers: ReadonlyArray<Watcher>
  readonly #engine: Engine
  readonly #starts = new Map<string, number>()
  #splitSince = 0

  constructor(options: Options) {
    this.seed = options.seed
    this.config = options.config
    this.rng = Rng.make(options.seed)
    this.topology = Topology.make(options.latency, this.rng.fork("topology"))
    this.faultModel = new FaultModel(options.linkConditions, this.rng.fork("weather"))
    this.trace = new Trace(options.write)
    this.#drift = options.drift ?? 0
    this.#watchers = options.watchers ?? []
    const listener: Listener = {
      sent: (_from, _to, kind) => void this.sent.set(kind, (this.sent.get(kind) ?? 0) + 1),
      // What takes as long as a lease cannot be told from what does not arrive.
      queued: (milliseconds) => {
        if (milliseconds < this.config.lease / 2) return
        this.noteSplit()
      },
      shook: (frames) => void this.sent.set("Handshake", (this.sent.get("Handshake") ?? 0) + frames),
      lost: (from, to, kind) => {
        this.lost++
        this.trace.note(this.timeline.now, "lost", from.number, to.number, kind)
      },
      received: (from, to, kind) => this.trace.note(this.timeline.now, "received", from.number, to.number, kind)
    }
    const observer: Observer = {
      stepped: (node) => this.#stepped(node),
      emitted: (node, event) => {
        if (event._tag !== "Heartbeat") this.trace.note(this.now, event._tag, node.host.number)
        for (const watcher of this.#watchers) watcher.emitted?.(this, node, event)
      },
      delivered: (node, value, hops) => this.#delivered(node, numberIn(value), hops),
      held: (_node, frame) => {
        const lookup = this.#lookupOf(frame)
        if (lookup !== undefined) lookup.heldAt ??= this.now
      },
      gaveUp: (_node, frame) => {
        const lookup = this.#lookupOf(frame)
        if (lookup !== undefined) lookup.wasGivenUp = true
      },
      resolved: (_node, number, outcome) => {
        const lookup = this.lookups[number]!
        lookup.outcome = outcome
        this.trace.note(this.now, "resolved", lookup.source.host.number, -1, outcome, number)
        for (const watcher of this.#watchers) watcher.resolved?.(this, lookup)
      },
      ended: (node) => this.#ended(node)
    }
    this.#engine = (options.engine ?? CoreNode.makeEngine())({
      timeline: this.timeline,
      topology: this.topology,
      faultModel: this.faultModel,
      config: options.config,
      observer,
      listener,
      hostAt: (number) => this.hosts[number]!
    })
    this.#sampleLater()
  }

  /** Milliseconds since the start. */
  get now(): number {
    return this.timeline.now
  }

  /** Says that something is as it must not be. */
  violate(checker: string, message: string): void {
    this.violationCount++
    this.trace.note(this.now, "violation", -1, -1, checker)
    if (this.violations.length < maxViolations) this.violations.push({ at: this.now, checker, message })
  }

  // ---------------------------------------------------------------------------
  // Nodes
  // ---------------------------------------------------------------------------

  /** A further host. */
  addHost(): Host.Host {
    const host = Host.make(this.hosts.length, this.topology)
    this.hosts.push(host)
    return host
  }

  /** Starts a Node, on a host of its own if none is given; the host must be free and plugged in. */
  start(options: {
    readonly host?: Host.Host
    readonly id?: NodeId.NodeId
    readonly seeds: ReadonlyArray<Host.Host>
    /** Its clock said so much less than others' when its life began, in milliseconds. */
    readonly clockBehind?: number
  }): SimulatedNode {
    const host = options.host ?? this.addHost()
    const starts = this.#starts.get(String(host.number)) ?? 0
    this.#starts.set(String(host.number), starts + 1)
    const rng = this.rng.fork(`node ${host.number} ${starts}`)
    const self = new Node.Node({
      id: options.id ?? NodeId.random(() => rng.word()),
      localHost: Host.addressOf(host.number),
      globalHost: Host.addressOf(host.number),
      port: 7000,
      region: host.region,
      incarnation: Math.max(0, firstIncarnation + Math.floor(this.now) - (options.clockBehind ?? 0))
    })
    this.trace.note(this.now, "start", host.number)
    const node = this.#engine({
      host,
      self,
      seeds: options.seeds,
      rng,
      rate: 1 + (this.#drift === 0 ? 0 : rng.between(-this.#drift, this.#drift))
    })
    this.nodes.set(host.number, node)
    this.#stepped(node)
    return node
  }

  /** Ends a Node. */
  end(node: SimulatedNode, ending: Ending): void {
    if (node.isEnded) return
    this.trace.note(this.now, ending, node.host.number)
    if (ending === "leave") return node.leave()
    if (ending === "vanish") node.host.isSilent = true
    node.end()
  }

  /** Unplugs a host whose Node lives on. */
  silence(host: Host.Host): void {
    this.trace.note(this.now, "silence", host.number)
    host.isSilent = true
    this.#look()
  }

  /** Plugs a host in again. */
  restore(host: Host.Host): void {
    this.trace.note(this.now, "restore", host.number)
    host.isSilent = false
    this.hasHealed = this.isSplit
    this.#look()
  }

  /** Stops a Node for a while. */
  pause(node: SimulatedNode, milliseconds: number): void {
    if (node.isEnded || node.isPaused) return
    this.trace.note(this.now, "pause", node.host.number)
    node.pause()
    this.timeline.after(milliseconds, () => {
      this.trace.note(this.now, "resume", node.host.number)
      node.resume()
    })
  }

  /** Lets the machine of a Node sleep for a while. */
  sleep(node: SimulatedNode, milliseconds: number): void {
    if (node.isEnded || node.isPaused) return
    this.trace.note(this.now, "sleep", node.host.number)
    node.sleep(milliseconds)
    this.timeline.after(milliseconds, () => {
      this.trace.note(this.now, "resume", node.host.number)
      node.resume()
    })
  }

  /** Breaks all connections of a Node. */
  reset(node: SimulatedNode): void {
    this.trace.note(this.now, "reset", node.host.number)
    node.reset()
  }

  /** Puts a rule into force. */
  begin(rule: Rule): void {
    this.trace.note(this.now, "weather")
    this.faultModel.begin(rule)
    this.#look()
  }

  /** Takes a rule out of force. */
  cease(rule: Rule): void {
    this.trace.note(this.now, "weather")
    this.faultModel.end(rule)
    if (isCutting(rule)) this.hasHealed = this.isSplit
    this.#look()
  }

  /** Whether two hosts reach each other. */
  isSameSide(one: Host.Host, other: Host.Host): boolean {
    return one === other || (this.faultModel.isOpen(one, other) && this.faultModel.isOpen(other, one))
  }

  /**
   * Whether two hosts belong to one part of a network that is cut: all ready Nodes of that part reach each other and
   * nobody else, and nothing has healed yet. Where a part has no such border, nothing is promised.
   */
  isSamePart(one: Host.Host, other: Host.Host): boolean {
    if (!this.isCut || this.hasHealed || !this.isSameSide(one, other)) return false
    const { members } = this.ring
    const part = new Set(members.filter(({ host }) => this.isSameSide(one, host)))
    return Array.from(part).every(({ host }) =>
      members.every((node) => this.isSameSide(host, node.host) === part.has(node))
    )
  }

  /**
   * Whether two Nodes could hear of each other: by who stands in whose tables, through Nodes that live and run. Where
   * all die that knew of both, no protocol can tell them of each other, and each part goes on as a ring of its own.
   * In a network that is cut only who stands in one's own tables counts: those who knew more may be out of reach.
   */
  areAcquainted(one: SimulatedNode, other: SimulatedNode): boolean {
    if (this.isSplit) {
      return one.membership.announced.has(other.self.hex) || other.membership.announced.has(one.self.hex)
    }
    const running = new Map<string, SimulatedNode>()
    for (const node of this.nodes.values()) {
      if (!node.isPaused || node === one || node === other) running.set(node.self.life, node)
    }
    const knows = new Map<SimulatedNode, Set<SimulatedNode>>(Array.from(running.values(), (node) => [node, new Set()]))
    for (const [node, known] of knows) {
      for (const { life } of node.membership.announced.values()) {
        const there = running.get(life)
        if (there === undefined) continue
        known.add(there)
        knows.get(there)!.add(node)
      }
    }
    const reached = new Set([one])
    for (const node of reached) for (const next of knows.get(node) ?? []) reached.add(next)
    return reached.has(other)
  }

  /** Says that what follows, until all are one ring again, comes of a split. */
  noteSplit(): void {
    this.#beginSplit()
    this.hasHealed = true
  }

  /** Numbers of the messages that some Node has in custody. */
  underWay(): Set<number> {
    const numbers = new Set<number>()
    for (const node of this.nodes.values()) {
      if (node.messages.routing.custody === 0) continue
      for (const frame of node.inCustody()) {
        const lookup = this.#lookupOf(frame)
        if (lookup !== undefined) numbers.add(lookup.number)
      }
    }
    return numbers
  }

  /** A Node that is ready, by chance. */
  pickReady(rng: Rng.Rng): SimulatedNode | undefined {
    const { members } = this.ring
    for (let tries = 0; tries < 20 && members.length > 0; tries++) {
      const node = rng.pick(members)
      if (node.isReady && !node.isPaused && !node.host.isSilent) return node
    }
    return undefined
  }

  // ---------------------------------------------------------------------------
  // messages
  // ---------------------------------------------------------------------------

  /** Sends a message from a Node. */
  send(source: SimulatedNode, key: NodeId.NodeId, deliveryClass: DeliveryClass): Lookup {
    const lookup: Lookup = {
      number: this.lookups.length,
      key,
      deliveryClass,
      source,
      sentAt: this.now,
      deliveries: 0,
      deliveredAt: 0,
      root: undefined,
      hops: 0,
      heldAt: undefined,
      outcome: undefined,
      diedWithCustodian: false,
      wasGivenUp: false
    }
    this.lookups.push(lookup)
    this.trace.note(this.now, "send", source.host.number, -1, deliveryClass, lookup.number)
    source.send(lookup.number, key, deliveryClass, valueOf(lookup.number))
    return lookup
  }

  // ---------------------------------------------------------------------------
  // running
  // ---------------------------------------------------------------------------

  /** Lets time pass. */
  run(milliseconds: number): void {
    this.timeline.runUntil(this.now + milliseconds)
  }

  /** Lets time pass until something is so; looks every `step` milliseconds. Returns whether it came about. */
  runUntil(isSo: () => boolean, within: number, step = 100): boolean {
    const limit = this.now + within
    while (!isSo()) {
      if (this.now >= limit) return false
      this.run(Math.min(step, limit - this.now))
    }
    return true
  }

  /** Whether all that live are ready, each next to those that are next to it, and none holds its neighbour to be gone. */
  get isOneRing(): boolean {
    const { members } = this.ring
    if (members.length !== this.nodes.size) return false
    return members.every((node, rank) => {
      const { membership } = node
      const next = this.ring.at(rank + 1).self
      const before = this.ring.at(rank - 1).self
      const { predecessor, successor } = membership
      return node.isReady && Node.isSameLife(successor.bound, next) && Node.isSameLife(predecessor.bound, before) &&
        predecessor.lostAt === undefined && successor.lostAt === undefined
    })
  }

  /** Whether no message is under way, and none of the confirmed ones waits for its outcome at a Node that lives. */
  get isQuiet(): boolean {
    for (const { messages } of this.nodes.values()) {
      if (messages.routing.custody > 0 || messages.confirmations.unresolved.size > 0) return false
    }
    return true
  }

  /** Tells the watchers that everything ought to be in place. */
  settle(): void {
    for (const watcher of this.#watchers) watcher.settled?.(this)
  }

  /** Tells the watchers that it is over. */
  finish(): void {
    this.#endSplit()
    for (const watcher of this.#watchers) watcher.finished?.(this)
  }

  // ---------------------------------------------------------------------------
  // what Nodes tell
  // ---------------------------------------------------------------------------

  #stepped(node: SimulatedNode): void {
    const isReady = node.membership.phase === "ready" && !node.isEnded
    if (isReady) this.ring.add(node)
    else this.ring.remove(node)
    for (const watcher of this.#watchers) watcher.stepped?.(this, node)
  }

  #ended(node: SimulatedNode): void {
    for (const frame of node.inCustody()) {
      const lookup = this.#lookupOf(frame)
      if (lookup !== undefined) lookup.diedWithCustodian = true
    }
    this.trace.note(this.now, "ended", node.host.number)
    this.nodes.delete(node.host.number)
    this.ring.remove(node)
    this.endedAt.set(node.self.life, this.now)
  }

  #delivered(node: SimulatedNode, number: number, hops: number): void {
    const lookup = this.lookups[number]
    if (lookup === undefined) return this.violate("deliveries", `${node.self.hex} delivered what nobody sent`)
    this.trace.note(this.now, "delivered", node.host.number, -1, "", number)
    lookup.deliveries++
    if (lookup.deliveries === 1) {
      lookup.deliveredAt = this.now
      lookup.root = node
      lookup.hops = hops
    }
    for (const watcher of this.#watchers) watcher.delivered?.(this, node, lookup)
  }

  #lookupOf(frame: Uint8Array): Lookup | undefined {
    if (Envelope.purpose(frame) < 16) return undefined
    return this.lookups[numberIn(Envelope.value(frame))]
  }

  #sampleLater(): void {
    this.timeline.after(1_000, () => {
      if (this.isSplit && !this.isCut && this.isOneRing) this.#endSplit()
      for (const watcher of this.#watchers) watcher.sampled?.(this)
      this.#sampleLater()
    })
  }

  /** Looks whether the network is cut. */
  #look(): void {
    this.isCut = Array.from(this.faultModel.rules).some(isCutting) ||
      this.hosts.some((host) => host.isSilent && this.nodes.has(host.number))
    if (!this.isCut) return
    this.#beginSplit()
    // Where some kinds get through and others do not, no two hosts are whole to each other.
    if (Array.from(this.faultModel.rules).some(({ loss }) => loss === 1)) this.hasHealed = true
  }

  #beginSplit(): void {
    if (this.isSplit) return
    this.isSplit = true
    this.#splitSince = this.now
  }

  #endSplit(): void {
    if (!this.isSplit) return
    this.isSplit = false
    this.hasHealed = false
    this.splitFor += this.now - this.#splitSince
  }
}

/** A rule that lets nothing of some kind through cuts the network as far as that goes. */
const isCutting = ({ isCut, loss }: Rule): boolean => isCut === true || loss === 1

/** Milliseconds of wall time at the start: some day, so that incarnations look as they do outside. */
const firstIncarnation = 1_700_000_000_000

// Byte by byte: a DataView would want a buffer, which small arrays do not have until somebody asks for it.
const valueOf = (number: number): Uint8Array => {
  const value = new Uint8Array(4)
  value[0] = number >>> 24
  value[1] = number >>> 16
  value[2] = number >>> 8
  value[3] = number
  return value
}

const numberIn = (value: Uint8Array): number =>
  ((value[0]! << 24) | (value[1]! << 16) | (value[2]! << 8) | value[3]!) >>> 0
