/**
 * A small ring as a transition system: what can happen in a world, and what it makes of it.
 *
 * A world is never changed once it is made: a choice makes another, which shares
 * what the choice did not touch. Each life of a Node has a slot, and each ordered
 * pair of slots a channel, for messages of one connection arrive in order and
 * those of two lives come over different ones.
 *
 * @since 0.1.0
 */
import * as MembershipState from "../core/MembershipState.ts"
import type { ControlMessage } from "../protocol/ControlMessage.ts"
import * as Node from "../ring/Node.ts"
import * as NodeId from "../ring/NodeId.ts"
import * as Print from "./ExplorerPrint.ts"
import { type Core, type Fault, faults, promptTables, type Scenario, settings } from "./ExplorerScenario.ts"

/**
 * What goes over a channel: a message, or what the network tells about a Node.
 *
 * @category models
 * @since 0.1.0
 */
export interface Packet {
  readonly tag: ControlMessage["_tag"] | "Broken" | "Refused"
  /** Who sent the message, or whom the network tells about. */
  readonly node: Node.Node
  readonly message: ControlMessage | undefined
  /** Its print as a number; made when it is asked for. */
  print: number | undefined
}

/**
 * All Nodes and all that is on its way, at one instant.
 *
 * @category models
 * @since 0.1.0
 */
export interface World {
  now: number
  /** By slot: `undefined` where nobody runs. */
  readonly states: Array<MembershipState.State | undefined>
  /** By slot: the print of the state now, as a number, and the attempts in it; made when it is asked for. */
  readonly prints: Array<StatePrint | undefined>
  /** By slot: how a life has ended. `undefined` while it runs or has not begun. */
  readonly ended: Array<"refuses" | "silent" | undefined>
  /** By slot: until when a Node is stopped. */
  readonly paused: Array<number>
  /** By channel, and then once more for messages that are held back one by one. */
  readonly channels: Array<ReadonlyArray<Packet>>
  /** By channel: until when what is sent over it is lost. */
  readonly cuts: Array<number>
  readonly stalled: Array<boolean>
  /** By fault: how often it has struck. */
  used: ReadonlyArray<number>
}

interface StatePrint {
  readonly number: number
  readonly attempts: ReadonlyArray<Print.AttemptOf>
}

/**
 * What can happen next.
 *
 * @category models
 * @since 0.1.0
 */
export type Kind = "unstall" | "arrive" | "wake" | "deliver" | "join" | "advance" | Fault

/**
 * A thing that can happen next: `at` is a slot, a channel or the index of a Node, as the kind wants it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Choice {
  readonly kind: Kind
  readonly at: number
  /** Of a `reorder`: which packet of the channel. Of a `suspect`: the slot of the suspected Node. */
  readonly position: number
}

/** What can happen, in the order of the numbers of choices. */
const kinds: ReadonlyArray<Kind> = ["unstall", "arrive", "wake", "deliver", "join", "advance", ...faults]

/** Slots, or channels, that the number of a choice can tell apart. */
const maxPlaces = 256

/**
 * A choice as a number.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encodeChoice = ({ at, kind, position }: Choice): number =>
  (position * maxPlaces + at) * 32 + kinds.indexOf(kind)

/**
 * A choice from its number.
 *
 * @category encoding
 * @since 0.1.0
 */
export const decodeChoice = (code: number): Choice => ({
  kind: kinds[code % 32]!,
  at: Math.floor(code / 32) % maxPlaces,
  position: Math.floor(code / 32 / maxPlaces)
})

/** Whether nothing strikes: a choice that a run without further faults may take. */
const isFault = (kind: Kind): kind is Fault => kinds.indexOf(kind) >= 6

/** Faults of a channel with something on it. */
const ofPackets: ReadonlySet<Kind> = new Set<Kind>(["lose", "repeat", "reorder", "delay", "stall"])

/** Faults of a connection between two living Nodes. */
const ofPairs: ReadonlySet<Kind> = new Set<Kind>(["suspect", "cut", "break"])

/** Messages to a joiner, which name its attempt; in others the sender names its own. */
const answersToJoiner: ReadonlySet<string> = new Set<ControlMessage["_tag"]>([
  "JoinRetry",
  "JoinGrant",
  "InsertAck",
  "CommitAck",
  "Nack"
])

/** For how long a cut loses everything: just longer than a Node asks before it gives up. */
const cutTime = (settings.probeRetries + 2) * settings.probe

/** For how long a pause stops a Node: longer than a lease. */
const pauseTime = settings.lease + settings.margin + 2 * settings.renewal

/** A number that each of 1 to `count` divides. */
const commonMultiple = (count: number): number => [1, 1, 2, 6, 12, 60, 60][count] ?? 420

/**
 * What a print says about safety, computed once for all states that have it.
 */
interface Stance {
  /** Bit by bit: which of the critical keys the Node covers. */
  readonly covered: ReadonlyArray<number>
  readonly isReady: boolean
}

/**
 * The transition system of a scenario.
 *
 * @category models
 * @since 0.1.0
 */
export class Model {
  readonly scenario: Scenario
  readonly core: Core
  /** Nodes of the scenario. */
  readonly count: number
  /** Lives of Nodes: the slot of life l of Node i is `l * count + i`. */
  readonly slots: number
  /** By slot: that life. */
  readonly identities: ReadonlyArray<Node.Node>
  /** Whether the last choice that was applied touched only the Node at which it happened. */
  touchedOne = true
  /** Kinds of message that arrive before anything else does. */
  readonly prompt: ReadonlySet<string>
  readonly #indexByHex: ReadonlyMap<string, number>
  readonly #keys: ReadonlyArray<NodeId.NodeId>
  /** By slot of the owner and slot of another: the critical keys to which the other is closer. */
  readonly #closer: ReadonlyArray<ReadonlyArray<ReadonlyArray<number>>>
  readonly #turns: number
  /** By Node, of its first life and of later ones: whose addresses it knows from the start. */
  readonly #seeds: ReadonlyArray<ReadonlyArray<number>>
  /** Whether attempts are counted from the newest: not with restarts, where those of two lives may meet. */
  readonly #isCounting: boolean
  readonly #numbers = new Map<string, number>()
  readonly #stances: Array<Stance | undefined> = []
  readonly #names = new Map<string, string>()
  readonly #shapes = new Map<string, number>()
  #out: Array<MembershipState.Output> = []

  constructor(scenario: Scenario, core: Core, lives = 1 + (scenario.faults.restart ?? 0)) {
    this.scenario = scenario
    this.core = core
    this.count = scenario.nodes.length
    this.slots = this.count * lives
    if (2 * this.slots ** 2 > maxPlaces) throw new Error(`${this.slots} lives are more than a choice can number`)
    this.identities = Array.from(
      { length: this.slots },
      (_, slot) => makeNode(scenario.nodes[slot % this.count]!, slot % this.count, 1 + Math.floor(slot / this.count))
    )
    this.prompt = new Set<string>(scenario.prompt ?? promptTables)
    this.#indexByHex = new Map(this.identities.slice(0, this.count).map((node, index) => [node.hex, index]))
    this.#keys = criticalKeys(this.identities.slice(0, this.count))
    this.#closer = this.identities.map((owner) =>
      this.identities.map((other) => this.#mask((key) => NodeId.isCloser(key, other.id, owner.id)))
    )
    const founder = scenario.ring[0]!
    this.#seeds = Array.from({ length: 2 * this.count }, (_, of) => {
      const index = of % this.count
      const join = scenario.joins.find(([joiner]) => joiner === index)
      if (of < this.count) return join?.slice(1) ?? (index === founder ? [] : [founder])
      return Array.from({ length: this.count - 1 }, (_, step) => (index + step + 1) % this.count)
    })
    this.#turns = commonMultiple(this.count - 1)
    this.#isCounting = lives === 1
  }

  // ---------------------------------------------------------------------------
  // names
  // ---------------------------------------------------------------------------

  /** The name of a life: its digits, and from the second life on its incarnation. */
  readonly nameOf = (node: Node.Node): string => {
    let name = this.#names.get(node.life)
    if (name === undefined) {
      const digits = node.hex.replace(/0+$/, "") || "0"
      name = node.incarnation === 1 ? digits : `${digits}.${node.incarnation}`
      this.#names.set(node.life, name)
    }
    return name
  }

  slotOfName(name: string): number {
    return this.identities.findIndex((node) => this.nameOf(node) === name)
  }

  receiverOf(channel: number): number {
    return channel % this.slots
  }

  senderOf(channel: number): number {
    return Math.floor(channel / this.slots) % this.slots
  }

  /** Whether a channel is the one for messages that are held back. */
  isAside(channel: number): boolean {
    return channel >= this.slots * this.slots
  }

  // ---------------------------------------------------------------------------
  // the start
  // ---------------------------------------------------------------------------

  /** The ring at the start is formed through the protocol itself, one Node after another. */
  first(): World {
    const { slots } = this
    const world: World = {
      now: 0,
      states: new Array(slots).fill(undefined),
      prints: new Array(slots).fill(undefined),
      ended: new Array(slots).fill(undefined),
      paused: new Array(slots).fill(0),
      channels: Array.from({ length: 2 * slots * slots }, () => []),
      cuts: new Array(slots * slots).fill(0),
      stalled: new Array(slots * slots).fill(false),
      used: faults.map(() => 0)
    }
    this.scenario.ring.forEach((index, position) => {
      this.#begin(world, index)
      if (position === 0) this.#step(world, index, { _tag: "Found" })
      else this.#step(world, index, { _tag: "Join", via: this.identities[this.scenario.ring[0]!]! })
      for (let channel = 0; channel >= 0;) {
        channel = world.channels.findIndex((packets) => packets.length > 0)
        if (channel >= 0) this.#deliver(world, channel)
      }
    })
    return world
  }

  #begin(world: World, slot: number): void {
    world.states[slot] = MembershipState.make(this.identities[slot]!, settings, 1)
    world.prints[slot] = undefined
  }

  #join(world: World, joiner: number): void {
    const [, ...joinSeeds] = this.scenario.joins.find(([index]) => index === joiner)!
    this.#begin(world, joiner)
    for (const via of joinSeeds) {
      // Who answers at the address of the seed; where nobody does, who did.
      const self = world.states[this.slotOf(world, via)]?.self ?? this.identities[via]!
      this.#step(world, joiner, { _tag: "Join", via: self })
    }
  }

  // ---------------------------------------------------------------------------
  // what can happen
  // ---------------------------------------------------------------------------

  isPaused(world: World, slot: number): boolean {
    return world.now < world.paused[slot]!
  }

  isDue(world: World, slot: number): boolean {
    const state = world.states[slot]
    return state !== undefined && !this.isPaused(world, slot) && this.core.wakeAt(state) <= world.now
  }

  isDeliverable(world: World, channel: number): boolean {
    return world.channels[channel]!.length > 0 && !this.isPaused(world, this.receiverOf(channel)) &&
      (this.isAside(channel) || !world.stalled[channel]!)
  }

  /** Whether nothing but time is left to happen. */
  isIdle(world: World): boolean {
    const channels = this.slots * this.slots
    for (let channel = 0; channel < channels; channel++) if (this.isDeliverable(world, channel)) return false
    for (let slot = 0; slot < this.slots; slot++) if (this.isDue(world, slot)) return false
    return true
  }

  /** Whether anything is held back against its will. */
  isHeldBack(world: World): boolean {
    const channels = this.slots * this.slots
    for (let channel = 0; channel < channels; channel++) {
      if (world.stalled[channel]! || world.channels[channel + channels]!.length > 0) return true
    }
    return false
  }

  /** The next instant at which anything is due, or, while something is on its way, at which anything runs out. */
  nextTime(world: World): number {
    let at = Number.POSITIVE_INFINITY
    const isWatching = world.channels.some((packets) => packets.length > 0)
    for (let slot = 0; slot < this.slots; slot++) {
      const state = world.states[slot]
      if (state === undefined) continue
      at = Math.min(at, Math.max(this.core.wakeAt(state), world.paused[slot]!))
      if (isWatching) at = Math.min(at, nextDeadline(state, world.now))
    }
    return at
  }

  /** The slot of the newest life of a Node that has begun, or -1. */
  slotOf(world: World, index: number): number {
    for (let slot = this.slots - this.count + index; slot >= 0; slot -= this.count) {
      if (world.states[slot] !== undefined || world.ended[slot] !== undefined) return slot
    }
    return -1
  }

  /** All that can happen next, what is no fault first. */
  choices(world: World): Array<Choice> {
    const all: Array<Choice> = []
    const add = (kind: Kind, at: number, position = 0) => all.push({ kind, at, position })
    const channels = this.slots * this.slots
    for (let channel = 0; channel < channels; channel++) if (world.stalled[channel]!) add("unstall", channel)
    for (let channel = channels; channel < 2 * channels; channel++) {
      if (this.isDeliverable(world, channel)) add("arrive", channel)
    }
    let isDue = false
    for (let slot = 0; slot < this.slots; slot++) {
      if (!this.isDue(world, slot)) continue
      isDue = true
      add("wake", slot)
    }
    let isIdle = !isDue
    for (let channel = 0; channel < channels; channel++) {
      if (!this.isDeliverable(world, channel)) continue
      isIdle = false
      add("deliver", channel)
    }
    const canAdvance = !isDue && world.now < (this.scenario.horizon ?? Number.POSITIVE_INFINITY) &&
      this.nextTime(world) < Number.POSITIVE_INFINITY
    if (isIdle && canAdvance) add("advance", 0)
    for (const [joiner] of this.scenario.joins) if (this.slotOf(world, joiner) < 0) add("join", joiner)
    for (const fault of faults) {
      if ((this.scenario.faults[fault] ?? 0) > world.used[faults.indexOf(fault)]!) {
        if (fault === "late") {
          if (canAdvance && !isIdle) add("late", 0)
        } else this.#addFaults(world, fault, add)
      }
    }
    return all
  }

  /** The choice by which a run without further faults goes on; `undefined` where nothing can ever happen again. */
  calmChoice(world: World): Choice | undefined {
    const channels = this.slots * this.slots
    for (let channel = 0; channel < channels; channel++) {
      if (world.stalled[channel]!) return { kind: "unstall", at: channel, position: 0 }
    }
    for (let channel = channels; channel < 2 * channels; channel++) {
      if (this.isDeliverable(world, channel)) return { kind: "arrive", at: channel, position: 0 }
    }
    for (let slot = 0; slot < this.slots; slot++) {
      if (this.isDue(world, slot)) return { kind: "wake", at: slot, position: 0 }
    }
    for (let channel = 0; channel < channels; channel++) {
      if (this.isDeliverable(world, channel)) return { kind: "deliver", at: channel, position: 0 }
    }
    return this.nextTime(world) === Number.POSITIVE_INFINITY ? undefined : { kind: "advance", at: 0, position: 0 }
  }

  /** Whether a run without further faults may go on by a choice: no joiner begins, and what was held back goes on first. */
  isCalm(choice: Choice, world: World): boolean {
    if (isFault(choice.kind) || choice.kind === "join") return false
    return choice.kind === "unstall" || choice.kind === "arrive" || !this.isHeldBack(world)
  }

  /** The slot at which a choice happens, when it is the arrival of a message or a wake-up: such choices at different slots commute. Else -1. */
  slotOfChoice({ at, kind }: Choice): number {
    if (kind === "wake") return at
    return kind === "deliver" || kind === "arrive" ? this.receiverOf(at) : -1
  }

  #addFaults(world: World, fault: Fault, add: (kind: Kind, at: number, position?: number) => void): void {
    const { victims } = this.scenario
    const isVictim = (slot: number) => victims === undefined || victims.includes(slot % this.count)
    if (fault === "restart") {
      for (let index = 0; index < this.count; index++) {
        if (isVictim(index) && this.canRestart(world, index)) add(fault, index)
      }
      return
    }
    if (ofPackets.has(fault)) {
      const channels = this.slots * this.slots
      for (let channel = 0; channel < channels; channel++) {
        const packets = world.channels[channel]!
        if (packets[0]?.message === undefined || world.stalled[channel]!) continue
        if (fault !== "reorder") add(fault, channel)
        else for (let at = 1; packets[at]?.message !== undefined; at++) add(fault, channel, at)
      }
      return
    }
    for (let slot = 0; slot < this.slots; slot++) {
      const state = world.states[slot]
      if (state === undefined || this.isPaused(world, slot)) continue
      if (!ofPairs.has(fault)) {
        if (isVictim(slot) && (fault !== "leave" || state.phase === "ready")) add(fault, slot)
        continue
      }
      for (let other = 0; other < this.slots; other++) {
        if (other === slot || world.states[other] === undefined || !isVictim(other)) continue
        if (fault === "suspect") add(fault, slot, other)
        else if (fault === "cut" || slot < other) add(fault, slot * this.slots + other)
      }
    }
  }

  canRestart(world: World, index: number): boolean {
    const slot = this.slotOf(world, index)
    return slot >= 0 && world.ended[slot] !== undefined && slot + this.count < this.slots &&
      world.states.some((state) => state !== undefined)
  }

  // ---------------------------------------------------------------------------
  // what happens
  // ---------------------------------------------------------------------------

  /** What a world becomes by a choice. */
  apply(before: World, choice: Choice): World {
    const world: World = {
      now: before.now,
      states: before.states.slice(),
      prints: before.prints.slice(),
      ended: before.ended.slice(),
      paused: before.paused.slice(),
      channels: before.channels.slice(),
      cuts: before.cuts.slice(),
      stalled: before.stalled.slice(),
      used: before.used
    }
    this.touchedOne = true
    this.#released.length = 0
    const { at, kind, position } = choice
    if (isFault(kind)) {
      const used = before.used.slice()
      used[faults.indexOf(kind)]!++
      world.used = used
    }
    switch (kind) {
      case "deliver":
      case "arrive": {
        this.#deliver(world, at)
        break
      }
      case "wake": {
        this.#askSeeds(world, at)
        this.#step(world, at, { _tag: "Woken" })
        break
      }
      case "join": {
        this.#join(world, at)
        break
      }
      case "advance":
      case "late": {
        this.#advance(world)
        break
      }
      case "unstall": {
        world.stalled[at] = false
        this.#released.push(at)
        break
      }
      default:
        this.#strike(world, kind, at, position)
    }
    this.#settle(world)
    return world
  }

  /** A joiner that wakes up to try again hears first who answers at the addresses of its seeds (B1). */
  #askSeeds(world: World, slot: number): void {
    const state = world.states[slot]!
    if (state.phase !== "joining" || world.now < state.retryAt) return
    const index = slot % this.count
    for (const seed of this.#seeds[slot < this.count ? index : this.count + index]!) {
      const via = this.slotOf(world, seed)
      const there = world.states[via]
      if (there === undefined || this.isPaused(world, via)) continue
      if (!state.joinSeeds.some((known) => Node.isSameLife(known, there.self))) {
        this.#step(world, slot, { _tag: "Join", via: there.self })
      }
    }
  }

  /** Channels that may have something prompt at their head. */
  readonly #released: Array<number> = []

  /** What is prompt arrives before anything else does, in the order in which it was sent. */
  #settle(world: World): void {
    if (this.prompt.size === 0) return
    for (let index = 0; index < this.#released.length; index++) {
      const channel = this.#released[index]!
      const head = world.channels[channel]![0]
      if (head === undefined || !this.prompt.has(head.tag)) continue
      if (this.isAside(channel) || !this.isDeliverable(world, channel)) continue
      this.touchedOne = false
      this.#deliver(world, channel)
    }
  }

  #advance(world: World): void {
    const at = this.nextTime(world)
    world.now = Math.max(world.now, at)
    world.prints.fill(undefined)
    world.paused.forEach((until, slot) => {
      if (until === 0 || world.now < until) return
      world.paused[slot] = 0
      // Clockwise, as everything that is done for several Nodes.
      for (let step = 1; step < this.slots; step++) {
        this.#released.push(((slot + step) % this.slots) * this.slots + slot)
      }
    })
    world.cuts.forEach((until, channel) => {
      if (world.now >= until) world.cuts[channel] = 0
    })
  }

  #push(world: World, channel: number, packet: Packet): void {
    if (world.now < world.cuts[channel]! && packet.message !== undefined) return
    world.channels[channel] = [...world.channels[channel]!, packet]
    this.#released.push(channel)
  }

  #deliver(world: World, channel: number): void {
    const [packet, ...others] = world.channels[channel]!
    world.channels[channel] = others
    this.#released.push(channel)
    const { message, node, tag } = packet!
    this.#step(
      world,
      this.receiverOf(channel),
      message === undefined
        ? { _tag: tag as "Broken" | "Refused", node }
        : { _tag: "Received", from: node, message }
    )
  }

  #step(world: World, slot: number, input: MembershipState.Input): void {
    const before = world.states[slot]
    if (before === undefined) return
    const state = MembershipState.clone(before)
    world.states[slot] = state
    world.prints[slot] = undefined
    const out = this.#out
    this.#out = []
    this.core.step(state, world.now, input, out)
    for (const output of out) {
      if (output._tag === "Send") {
        this.#send(world, slot, state.self, output.to, output.message)
      } else if (output.event._tag === "Left") {
        this.#end(world, slot, "refuses")
      } else if (output.event._tag === "IncarnationRaised") {
        this.#reconnect(world, slot)
      }
    }
    out.length = 0
    this.#out = out
  }

  #send(world: World, slot: number, self: Node.Node, to: Node.Node, message: ControlMessage): void {
    const index = this.#indexByHex.get(to.hex)!
    const receiver = this.slotOf(world, index)
    // Nobody has ever run there: a rumour of a Node that has not begun cannot exist.
    if (receiver < 0) return
    const state = world.states[receiver]
    if (state !== undefined && Node.isSameLife(state.self, to)) {
      this.#push(world, slot * this.slots + receiver, {
        tag: message._tag,
        node: self,
        message,
        print: undefined
      })
    } else if (world.states[slot] !== undefined && (state !== undefined || world.ended[receiver] === "refuses")) {
      // Nobody answers at the address, or another life does: either is the proof (F1). It comes after what that life has sent.
      const from = Math.min(receiver, (to.incarnation - 1) * this.count + index)
      this.#push(world, from * this.slots + slot, { tag: "Refused", node: to, message: undefined, print: undefined })
    }
  }

  /** A process ends, after what it has said, or a host goes silent. */
  #end(world: World, slot: number, how: "refuses" | "silent"): void {
    this.touchedOne = false
    world.states[slot] = undefined
    world.prints[slot] = undefined
    world.ended[slot] = how
    world.paused[slot] = 0
    const channels = this.slots * this.slots
    for (let other = 0; other < this.slots; other++) {
      const channel = other * this.slots + slot
      world.channels[channel] = []
      world.channels[channels + channel] = []
      world.stalled[channel] = false
      world.cuts[channel] = 0
    }
  }

  /** A Node takes a later incarnation (J8): its connections end, for their handshakes named the earlier one. */
  #reconnect(world: World, slot: number): void {
    this.touchedOne = false
    for (let other = 0; other < this.slots; other++) {
      if (other === slot) continue
      world.channels[other * this.slots + slot] = []
      if (world.states[other] !== undefined) this.#tellBroken(world, slot, other, this.identities[slot]!)
    }
  }

  #tellBroken(world: World, slot: number, other: number, node: Node.Node): void {
    this.#push(world, slot * this.slots + other, { tag: "Broken", node, message: undefined, print: undefined })
  }

  #strike(world: World, fault: Fault, at: number, position: number): void {
    const { slots } = this
    switch (fault) {
      case "crash":
      case "vanish": {
        const { self } = world.states[at]!
        this.#end(world, at, fault === "crash" ? "refuses" : "silent")
        if (fault === "vanish") return
        for (let step = 1; step < slots; step++) {
          const other = (at + step) % slots
          if (world.states[other] !== undefined) this.#tellBroken(world, at, other, self)
        }
        return
      }
      case "leave":
        return this.#step(world, at, { _tag: "Leave" })
      case "restart": {
        const slot = this.slotOf(world, at) + this.count
        this.#begin(world, slot)
        for (let step = 1; step < this.count; step++) {
          const other = this.slotOf(world, (at + step) % this.count)
          const via = world.states[other]
          if (via !== undefined) this.#step(world, slot, { _tag: "Join", via: via.self })
        }
        return
      }
      case "pause": {
        world.paused[at] = world.now + pauseTime
        return
      }
      case "suspect":
        return this.#step(world, at, { _tag: "Suspect", node: world.states[position]!.self })
      case "cut": {
        world.cuts[at] = world.now + cutTime
        world.channels[at] = world.channels[at]!.filter((packet) => packet.message === undefined)
        return
      }
      case "break": {
        const [x, y] = [this.senderOf(at), this.receiverOf(at)]
        for (const [from, to] of [[x, y], [y, x]] as const) {
          world.channels[from * slots + to] = []
          this.#tellBroken(world, from, to, world.states[from]!.self)
        }
        return
      }
      case "lose": {
        world.channels[at] = world.channels[at]!.slice(1)
        this.#released.push(at)
        return
      }
      case "repeat": {
        world.channels[at] = [...world.channels[at]!, world.channels[at]![0]!]
        this.#released.push(at)
        return
      }
      case "reorder": {
        const packets = world.channels[at]!
        world.channels[at] = [packets[position]!, ...packets.filter((_, index) => index !== position)]
        this.#released.push(at)
        return
      }
      case "delay": {
        const [first, ...others] = world.channels[at]!
        world.channels[at] = others
        world.channels[slots * slots + at] = [...world.channels[slots * slots + at]!, first!]
        this.#released.push(at)
        return
      }
      case "stall": {
        world.stalled[at] = true
        return
      }
      case "late":
        return
    }
  }

  // ---------------------------------------------------------------------------
  // keys
  // ---------------------------------------------------------------------------

  #number(text: string): number {
    let number = this.#numbers.get(text)
    if (number === undefined) {
      number = this.#numbers.size
      this.#numbers.set(text, number)
    }
    return number
  }

  #printOf(world: World, slot: number): StatePrint {
    let print = world.prints[slot]
    if (print === undefined) {
      const attempts: Array<Print.AttemptOf> = []
      const text = Print.state(world.states[slot]!, world.now, this.nameOf, this.#turns, attempts)
      print = { number: this.#number(text), attempts }
      world.prints[slot] = print
    }
    return print
  }

  /** The number of a joiner's newest attempt: attempts count from there. */
  #newest(world: World, joiner: Node.Node): number {
    if (!this.#isCounting) return 0
    const state = world.states[this.#indexByHex.get(joiner.hex)!]
    return state !== undefined && Node.isSameLife(state.self, joiner) ? state.attempt : 0
  }

  /**
   * What of a world decides its future, as text that no other world has.
   * Without `withFaults` it does not say which faults are left.
   */
  key(world: World, withFaults = true): string {
    const codes: Array<number> = []
    const add = (number: number) => {
      // Small numbers take one unit of a string, others two.
      if (number < 0x7000) codes.push(number)
      else codes.push(0x8000 + (number & 0x3fff), 0x7000 + Math.floor(number / 0x4000))
    }
    if (withFaults) {
      for (const fault of faults) {
        if (this.scenario.faults[fault] !== undefined) codes.push(world.used[faults.indexOf(fault)]!)
      }
    }
    for (let slot = 0; slot < this.slots; slot++) {
      const state = world.states[slot]
      if (state === undefined) {
        codes.push(world.ended[slot] === undefined ? 0 : world.ended[slot] === "refuses" ? 1 : 2)
        continue
      }
      const print = this.#printOf(world, slot)
      codes.push(this.isPaused(world, slot) ? 4 + world.paused[slot]! - world.now : 3)
      add(print.number)
      if (!this.#isCounting) codes.push(state.attempt)
      for (const { attempt, joiner } of print.attempts) codes.push(0x400 + attempt - this.#newest(world, joiner))
    }
    const channels = this.slots * this.slots
    for (let channel = 0; channel < 2 * channels; channel++) {
      const packets = world.channels[channel]!
      const cut = channel < channels && world.cuts[channel]! > world.now ? world.cuts[channel]! - world.now : 0
      const isStalled = channel < channels && world.stalled[channel]!
      if (packets.length === 0 && cut === 0 && !isStalled) continue
      codes.push(0x6000 + channel, (cut * 2 + (isStalled ? 1 : 0)) * 64 + packets.length)
      for (const packet of packets) {
        add(packet.print ??= this.#printPacket(packet))
        this.#addReferences(codes, world, channel, packet)
      }
    }
    return String.fromCharCode(...codes)
  }

  #printPacket({ message, node, tag }: Packet): number {
    const text = message === undefined
      ? `${tag} ${this.nameOf(node)}`
      : `${this.nameOf(node)} ${Print.message(message, this.nameOf)}`
    let number = this.#shapes.get(text)
    if (number === undefined) {
      number = this.#shapes.size
      this.#shapes.set(text, number)
    }
    return number
  }

  /** What the numbers in a message refer to: a question that stands, and an attempt, counted from the newest. */
  #addReferences(codes: Array<number>, world: World, channel: number, { message, node }: Packet): void {
    if (message === undefined) return
    const receiver = world.states[this.receiverOf(channel)]
    if ("sequence" in message) {
      const isQuestion = message._tag === "Renew" || message._tag === "Probe"
      const asker = isQuestion ? world.states[this.senderOf(channel)] : receiver
      codes.push(Print.questionOf(asker, message.sequence).charCodeAt(0))
    }
    if ("attempt" in message) {
      const joiner = message._tag === "JoinRequest"
        ? message.joiner
        : answersToJoiner.has(message._tag)
        ? receiver?.self
        : node
      codes.push(0x400 + message.attempt - (joiner === undefined ? 0 : this.#newest(world, joiner)))
    }
  }

  // ---------------------------------------------------------------------------
  // what must hold
  // ---------------------------------------------------------------------------

  #mask(holds: (key: NodeId.NodeId) => boolean): Array<number> {
    const words: Array<number> = new Array(Math.ceil(this.#keys.length / 32)).fill(0)
    this.#keys.forEach((key, index) => {
      if (holds(key)) words[index >>> 5]! |= 1 << (index & 31)
    })
    return words
  }

  #stanceOf(world: World, slot: number): Stance {
    const { number } = this.#printOf(world, slot)
    let stance = this.#stances[number]
    if (stance === undefined) {
      const state = world.states[slot]!
      const isReady = this.core.isReady(state, world.now)
      stance = { isReady, covered: this.#mask((key) => isReady && this.core.covers(state, key, world.now)) }
      this.#stances[number] = stance
    }
    return stance
  }

  #firstKey(x: ReadonlyArray<number>, y: ReadonlyArray<number>): NodeId.NodeId | undefined {
    for (let word = 0; word < x.length; word++) {
      const both = x[word]! & y[word]!
      if (both !== 0) return this.#keys[word * 32 + 31 - Math.clz32(both & -both)]
    }
    return undefined
  }

  /** What is wrong with who answers for which key, if anything: rules R1 and R2. */
  unsafe(world: World): string | undefined {
    for (let slot = 0; slot < this.slots; slot++) {
      if (world.states[slot] === undefined || this.isPaused(world, slot)) continue
      const mine = this.#stanceOf(world, slot)
      if (!mine.isReady) continue
      for (let other = 0; other < this.slots; other++) {
        if (other === slot || world.states[other] === undefined || this.isPaused(world, other)) continue
        const theirs = this.#stanceOf(world, other)
        if (!theirs.isReady) continue
        const both = slot < other ? this.#firstKey(mine.covered, theirs.covered) : undefined
        if (both !== undefined) return `${this.#name(slot)} and ${this.#name(other)} both cover ${both.hex}`
        const closer = this.#firstKey(mine.covered, this.#closer[slot]![other]!)
        if (closer !== undefined) {
          return `${this.#name(slot)} covers ${closer.hex}, but ${this.#name(other)} is ready and closer`
        }
      }
    }
    return undefined
  }

  #name(slot: number): string {
    return this.nameOf(this.identities[slot]!)
  }

  /** Whether all living Nodes are ready, in one true ring, and nothing is on its way; or whether there is no ring any more. */
  isDone(world: World): boolean {
    if (!this.isIdle(world) || this.isHeldBack(world)) return false
    const living: Array<MembershipState.State> = []
    // With nobody left of the ring its joiners have nothing to join (B2 is not the core's business).
    let strangers = 0
    for (let slot = 0; slot < this.slots; slot++) {
      const state = world.states[slot]
      if (state === undefined) continue
      if (this.isPaused(world, slot)) return false
      if (state.phase === "joining" && state.detachedAt === undefined) {
        strangers++
        continue
      }
      if (!this.core.isReady(state, world.now)) return false
      living.push(state)
    }
    if (strangers > 0) return living.length === 0
    living.sort((x, y) => NodeId.compare(x.self.id, y.self.id))
    return living.every((state, index) => {
      const successor = living[(index + 1) % living.length]!.self
      const predecessor = living[(index + living.length - 1) % living.length]!.self
      return Node.isSameLife(state.successor.bound, successor) && Node.isSameLife(state.successor.node, successor) &&
        Node.isSameLife(state.predecessor.bound, predecessor) && Node.isSameLife(state.predecessor.node, predecessor) &&
        state.successor.lostAt === undefined && state.predecessor.lostAt === undefined &&
        world.now < state.successor.leaseUntil && world.now < state.predecessor.leaseUntil &&
        state.leafSet.members.length === Math.min(living.length - 1, 2 * settings.leafSetSide)
    })
  }
}

const makeNode = (digits: string, index: number, incarnation: number): Node.Node =>
  new Node.Node({
    id: NodeId.parse(digits.padEnd(32, "0")),
    localHost: `10.0.0.${index + 1}`,
    globalHost: `10.0.0.${index + 1}`,
    port: 7000,
    region: "",
    incarnation
  })

/** Every point at which the owner of a key can change: the ids, the middles between them, and the ids beside these. */
const criticalKeys = (nodes: ReadonlyArray<Node.Node>): ReadonlyArray<NodeId.NodeId> => {
  const one = new NodeId.NodeId(0, 0, 0, 1)
  const all = new Map<string, NodeId.NodeId>()
  const add = (key: NodeId.NodeId) => {
    for (const id of [NodeId.clockwise(one, key), key, NodeId.add(key, one)]) all.set(id.hex, id)
  }
  for (const x of nodes) {
    add(x.id)
    for (const y of nodes) {
      const arc = BigInt(`0x${NodeId.clockwise(x.id, y.id).hex}`) >> 1n
      const half = NodeId.parse(arc.toString(16).padStart(32, "0"))
      if (x !== y) add(NodeId.add(x.id, half))
      else add(NodeId.add(x.id, new NodeId.NodeId(0x80000000, 0, 0, 0)))
    }
  }
  return Array.from(all.values())
}

/** When the next of a Node's leases, promises and patiences runs out. */
const nextDeadline = (state: MembershipState.State, now: number): number => {
  const { lease, margin } = settings
  let next = Number.POSITIVE_INFINITY
  const add = (at: number) => {
    if (at > now && at < next) next = at
  }
  for (const first of [state.predecessor, state.successor]) {
    for (let side: MembershipState.Side | undefined = first; side !== undefined; side = side.previous) {
      if (NodeId.equals(side.node.id, state.self.id)) continue
      add(side.leaseUntil)
      if (side.lostAt === undefined) continue
      add(side.lostAt + lease + margin)
      add(side.grantedAt + lease + margin)
    }
  }
  if (state.phase === "joining") {
    add(state.attemptAt + lease)
    if (state.grant !== undefined) add(state.grant.askedAt + lease)
    if (state.detachedAt !== undefined) add(state.detachedAt + 2 * (lease + margin))
  }
  return next
}
