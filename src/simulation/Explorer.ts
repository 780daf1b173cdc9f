/**
 * An exhaustive explorer of the membership core in small rings.
 *
 * It runs the very step functions that a Node runs, from one start, through every
 * order in which messages can arrive and faults can strike within stated
 * bounds, and checks safety in every state: at most one Node covers any key, and
 * no ready Node is closer. From every state it also runs on without further
 * faults and demands that all living Nodes become ready in one true ring.
 *
 * What bounds it: messages of a pair arrive in order (the Transport's contract)
 * unless a fault says otherwise; time passes when nothing is on its way, except
 * on a channel that a `stall` fault holds back for as long as it likes, so
 * that leases run out around a late message. Kinds of message named `prompt` are
 * answered at once: they commute, and would only multiply the states.
 *
 * @since 0.1.0
 */
import { hash } from "node:crypto"
import * as Membership from "../core/Membership.ts"
import * as MembershipState from "../core/MembershipState.ts"
import type { ControlMessage } from "../protocol/ControlMessage.ts"
import * as Node from "../ring/Node.ts"
import * as NodeId from "../ring/NodeId.ts"

/**
 * What goes over a channel: a message, or what the network tells about its sender.
 *
 * @category models
 * @since 0.1.0
 */
export type Packet = ControlMessage | { readonly _tag: "Broken" } | { readonly _tag: "Refused" }

/**
 * A fault that the explorer may use up.
 *
 * - `crash`: a process ends; its connections break, and fresh connects are refused.
 * - `vanish`: a host goes silent; nothing tells.
 * - `lose`: the next message of a channel is lost.
 * - `repeat`: the next message of a channel arrives twice.
 * - `stall`: a channel holds its messages back, for any time.
 * - `leave`: a Node leaves.
 * - `pause`: a Node stops for longer than a lease, and comes back.
 *
 * @category models
 * @since 0.1.0
 */
export type Fault = "crash" | "vanish" | "lose" | "repeat" | "stall" | "leave" | "pause"

/**
 * What to explore.
 *
 * @category models
 * @since 0.1.0
 */
export interface Scenario {
  readonly name: string
  /** Ids of the Nodes, as hexadecimal digits that are filled up with zeros on the right. */
  readonly nodes: ReadonlyArray<string>
  /** Indices of the Nodes that form the ring at the start, one after another. */
  readonly ring: ReadonlyArray<number>
  /** Indices of the Nodes that then join, and of the seeds that each knows. */
  readonly joins: ReadonlyArray<readonly [joiner: number, ...vias: Array<number>]>
  /** How often each fault may strike. */
  readonly faults: Partial<Record<Fault, number>>
  /** Nodes that a crash, vanish, leave or pause may strike; all when left out. */
  readonly victims?: ReadonlyArray<number> | undefined
  /** Kinds of message that are answered at once. */
  readonly prompt?: ReadonlyArray<ControlMessage["_tag"]> | undefined
  /** Time after which only fault-free running goes on. */
  readonly horizon: number
  /** States after which the exploration stops. */
  readonly maxStates: number
}

/**
 * What came out.
 *
 * @category models
 * @since 0.1.0
 */
export interface Report {
  readonly name: string
  readonly states: number
  readonly transitions: number
  /** States from which a fault-free run was followed until it met a state already known to end well. */
  readonly runs: number
  /** Whether every state within the bounds was seen. */
  readonly complete: boolean
  readonly violation: { readonly message: string; readonly trace: ReadonlyArray<string> } | undefined
}

/**
 * The times of the explored Nodes: the proportions of the presets, in small numbers.
 *
 * @category constants
 * @since 0.1.0
 */
export const settings: MembershipState.Settings = {
  leafSetSide: 4,
  neighborhoodSize: 8,
  lease: 100,
  margin: 10,
  renewal: 40,
  probe: 10,
  probeRetries: 1,
  joinRetry: 50,
  jitter: 1,
  exchange: 150,
  // Rows and neighborhood sets decide nothing about who owns a key.
  tableExchange: Number.POSITIVE_INFINITY
}

/** Kinds of message whose order among themselves changes nothing that safety depends on. */
const commuting: ReadonlyArray<ControlMessage["_tag"]> = [
  "Probe",
  "ProbeAck",
  "JoinedAck",
  "Failed",
  "RowRequest",
  "RowReply"
]

/**
 * Those, and the renewal of leases.
 *
 * @category constants
 * @since 0.1.0
 */
export const promptRenewals: ReadonlyArray<ControlMessage["_tag"]> = [...commuting, "Renew", "Renewed"]

interface World {
  now: number
  readonly nodes: Array<MembershipState.State | undefined>
  /** Nodes that have ended: by `crash` (true: refuses) or `vanish` (false: silent). */
  readonly ended: Array<boolean | undefined>
  /** Until when a Node is stopped. */
  readonly paused: Array<number>
  /** Packets on the way, by `from * n + to`. */
  readonly channels: Array<Array<Packet>>
  readonly stalled: Set<number>
  readonly used: Partial<Record<Fault, number>>
}

type Choice =
  | { readonly _tag: "Deliver"; readonly channel: number }
  | { readonly _tag: "Advance" }
  | { readonly _tag: "Unstall"; readonly channel: number }
  | { readonly _tag: "Fault"; readonly fault: Fault; readonly at: number }

const makeNode = (hex: string, index: number): Node.Node =>
  new Node.Node({
    id: NodeId.parse(hex.padEnd(32, "0")),
    localHost: `10.0.0.${index + 1}`,
    globalHost: `10.0.0.${index + 1}`,
    port: 7000,
    region: "",
    incarnation: 1
  })

const cloneWorld = (world: World): World => ({
  now: world.now,
  nodes: world.nodes.map((state) => state === undefined ? undefined : MembershipState.clone(state)),
  ended: world.ended.slice(),
  paused: world.paused.slice(),
  channels: world.channels.map((channel) => channel.slice()),
  stalled: new Set(world.stalled),
  used: { ...world.used }
})

/**
 * Explores a scenario.
 *
 * @category running
 * @since 0.1.0
 */
export const explore = (scenario: Scenario): Report => {
  const size = scenario.nodes.length
  const identities = scenario.nodes.map(makeNode)
  const indexByHex = new Map(identities.map((node, index) => [node.hex, index]))
  const prompt = new Set<string>(scenario.prompt ?? commuting)
  const keys = criticalKeys(identities)

  /** A process ends, after what it has said, or a host goes silent. */
  const end = (world: World, at: number, refuses: boolean): void => {
    world.nodes[at] = undefined
    world.ended[at] = refuses
    for (let other = 0; other < size; other++) world.channels[other * size + at]!.length = 0
  }

  const step = (world: World, index: number, input: MembershipState.Input): void => {
    const state = world.nodes[index]
    if (state === undefined) return
    const out: Array<MembershipState.Output> = []
    Membership.step(state, world.now, input, out)
    for (const output of out) {
      if (output._tag === "Emit") {
        if (output.event._tag === "Left") end(world, index, true)
        continue
      }
      const to = indexByHex.get(output.to.hex)!
      if (world.nodes[to] === undefined) {
        if (world.ended[to] === true) world.channels[to * size + index]!.push({ _tag: "Refused" })
      } else {
        world.channels[index * size + to]!.push(output.message)
      }
    }
  }

  const isPaused = (world: World, index: number): boolean => world.now < world.paused[index]!

  const isDeliverable = (world: World, channel: number): boolean =>
    world.channels[channel]!.length > 0 && !world.stalled.has(channel) && !isPaused(world, channel % size)

  const deliver = (world: World, channel: number): void => {
    const packet = world.channels[channel]!.shift()!
    const node = identities[Math.floor(channel / size)]!
    step(
      world,
      channel % size,
      packet._tag === "Broken" || packet._tag === "Refused"
        ? { _tag: packet._tag, node }
        : { _tag: "Received", from: node, message: packet }
    )
  }

  /** Delivers what is prompt, until nothing prompt stands first in its channel. */
  const settle = (world: World): void => {
    for (let progress = true; progress;) {
      progress = false
      for (let channel = 0; channel < world.channels.length; channel++) {
        while (isDeliverable(world, channel) && prompt.has(world.channels[channel]![0]!._tag)) {
          deliver(world, channel)
          progress = true
        }
      }
    }
  }

  const isIdle = (world: World): boolean => !world.channels.some((_, channel) => isDeliverable(world, channel))

  const nextTime = (world: World): number => {
    let at = Number.POSITIVE_INFINITY
    world.nodes.forEach((state, index) => {
      if (state !== undefined) at = Math.min(at, Math.max(Membership.wakeAt(state), world.paused[index]!))
    })
    return at
  }

  const advance = (world: World): boolean => {
    const at = nextTime(world)
    if (at === Number.POSITIVE_INFINITY) return false
    world.now = Math.max(world.now, at)
    for (let index = 0; index < size; index++) {
      const state = world.nodes[index]
      if (state !== undefined && !isPaused(world, index) && Membership.wakeAt(state) <= world.now) {
        step(world, index, { _tag: "Woken" })
      }
    }
    return true
  }

  const strike = (world: World, fault: Fault, at: number): void => {
    world.used[fault] = (world.used[fault] ?? 0) + 1
    switch (fault) {
      case "crash":
      case "vanish": {
        end(world, at, fault === "crash")
        world.nodes.forEach((state, other) => {
          if (fault === "crash" && state !== undefined) world.channels[at * size + other]!.push({ _tag: "Broken" })
        })
        return
      }
      case "lose": {
        world.channels[at]!.shift()
        return
      }
      case "repeat": {
        const first = world.channels[at]![0]!
        world.channels[at]!.push(first)
        return
      }
      case "stall": {
        world.stalled.add(at)
        return
      }
      case "leave":
        return step(world, at, { _tag: "Leave" })
      case "pause": {
        world.paused[at] = world.now + settings.lease + settings.margin + 2 * settings.renewal
        return
      }
    }
  }

  const choices = (world: World): Array<Choice> => {
    const all: Array<Choice> = []
    world.channels.forEach((_, channel) => {
      if (isDeliverable(world, channel)) all.push({ _tag: "Deliver", channel })
    })
    if (all.length === 0 && world.now < scenario.horizon) all.push({ _tag: "Advance" })
    for (const channel of world.stalled) all.push({ _tag: "Unstall", channel })
    for (const fault of Object.keys(scenario.faults) as Array<Fault>) {
      if ((world.used[fault] ?? 0) >= (scenario.faults[fault] ?? 0)) continue
      if (fault === "lose" || fault === "repeat" || fault === "stall") {
        world.channels.forEach((packets, channel) => {
          const first = packets[0]?._tag
          if (first === undefined || first === "Broken" || first === "Refused" || world.stalled.has(channel)) return
          all.push({ _tag: "Fault", fault, at: channel })
        })
      } else {
        world.nodes.forEach((state, index) => {
          if (state === undefined || isPaused(world, index)) return
          if (fault === "leave" && state.phase !== "ready") return
          if (scenario.victims !== undefined && !scenario.victims.includes(index)) return
          all.push({ _tag: "Fault", fault, at: index })
        })
      }
    }
    return all
  }

  const apply = (world: World, choice: Choice): void => {
    switch (choice._tag) {
      case "Deliver": {
        deliver(world, choice.channel)
        break
      }
      case "Advance": {
        advance(world)
        break
      }
      case "Unstall": {
        world.stalled.delete(choice.channel)
        break
      }
      case "Fault": {
        strike(world, choice.fault, choice.at)
        break
      }
    }
    settle(world)
  }

  const describe = (world: World, choice: Choice): string => {
    const name = (index: number) => scenario.nodes[index]!
    const pair = (channel: number) => `${name(Math.floor(channel / size))} -> ${name(channel % size)}`
    switch (choice._tag) {
      case "Deliver":
        return `${world.now} deliver ${pair(choice.channel)} ${text(world.channels[choice.channel]![0]!)}`
      case "Advance":
        return `${world.now} time passes to ${nextTime(world)}`
      case "Unstall":
        return `${world.now} the channel ${pair(choice.channel)} goes on`
      case "Fault":
        return choice.fault === "lose" || choice.fault === "repeat" || choice.fault === "stall"
          ? `${world.now} ${choice.fault} ${pair(choice.at)} ${text(world.channels[choice.at]![0]!)}`
          : `${world.now} ${choice.fault} ${name(choice.at)}`
    }
  }

  const unsafe = (world: World): string | undefined => {
    const ready = world.nodes.filter((state, index): state is MembershipState.State =>
      state !== undefined && !isPaused(world, index) && Membership.isReady(state, world.now)
    )
    for (const key of keys) {
      let owner: MembershipState.State | undefined
      for (const state of ready) {
        if (!Membership.covers(state, key, world.now)) continue
        if (owner !== undefined) {
          return `${short(owner.self)} and ${short(state.self)} both cover ${key.hex}`
        }
        owner = state
      }
      if (owner === undefined) continue
      for (const state of ready) {
        if (NodeId.isCloser(key, state.self.id, owner.self.id)) {
          return `${short(owner.self)} covers ${key.hex}, but ${short(state.self)} is ready and closer`
        }
      }
    }
    return undefined
  }

  const isDone = (world: World): boolean => {
    if (!isIdle(world) || world.stalled.size > 0) return false
    const living = world.nodes.filter((state) => state !== undefined)
    living.sort((x, y) => NodeId.compare(x.self.id, y.self.id))
    return living.every((state, index) => {
      const successor = living[(index + 1) % living.length]!.self
      const predecessor = living[(index + living.length - 1) % living.length]!.self
      return Membership.isReady(state, world.now) &&
        Node.isSameLife(state.successor.bound, successor) && Node.isSameLife(state.successor.node, successor) &&
        Node.isSameLife(state.predecessor.bound, predecessor) && Node.isSameLife(state.predecessor.node, predecessor) &&
        state.successor.lostAt === undefined && state.predecessor.lostAt === undefined &&
        world.now < state.successor.leaseUntil && world.now < state.predecessor.leaseUntil &&
        state.leafSet.members.length === Math.min(living.length - 1, 2 * settings.leafSetSide)
    })
  }

  const good = new Set<string>()
  let runs = 0

  /** Runs on without further faults until a state that is known to end well, or one that is done. */
  const livelock = (start: World): ReadonlyArray<string> | undefined => {
    const world = cloneWorld(start)
    const passed: Array<string> = []
    const trace: Array<string> = []
    runs++
    world.stalled.clear()
    for (let count = 0; count < 5000; count++) {
      const print = fingerprint(world, size)
      if (good.has(print) || isDone(world)) {
        for (const state of passed) good.add(state)
        good.add(print)
        return undefined
      }
      passed.push(print)
      const channel = world.channels.findIndex((_, index) => isDeliverable(world, index))
      const choice: Choice = channel >= 0 ? { _tag: "Deliver", channel } : { _tag: "Advance" }
      trace.push(`  ${describe(world, choice)}`)
      apply(world, choice)
      const breach = unsafe(world)
      if (breach !== undefined) return [...trace, breach]
    }
    const view = (state: MembershipState.State) =>
      `${short(state.self)} ${state.phase} <${short(state.predecessor.node)} >${short(state.successor.node)} [${
        state.leafSet.members.map(short).join(" ")
      }]`
    return [...trace.slice(-40), ...world.nodes.flatMap((state) => state === undefined ? [] : [view(state)])]
  }

  // The ring at the start is formed through the protocol itself, one Node after another.
  const first: World = {
    now: 0,
    nodes: identities.map((node) => MembershipState.make(node, settings, 1)),
    ended: identities.map(() => undefined),
    paused: identities.map(() => 0),
    channels: Array.from({ length: size * size }, () => []),
    stalled: new Set(),
    used: {}
  }
  const runIdle = () => {
    for (let channel = 0; channel >= 0;) {
      channel = first.channels.findIndex((_, index) => isDeliverable(first, index))
      if (channel >= 0) deliver(first, channel)
    }
  }
  scenario.ring.forEach((index, position) => {
    step(first, index, position === 0 ? { _tag: "Found" } : { _tag: "Join", via: identities[scenario.ring[0]!]! })
    runIdle()
  })
  for (const [joiner, ...vias] of scenario.joins) {
    for (const via of vias) step(first, joiner, { _tag: "Join", via: identities[via]! })
  }
  settle(first)

  const seen = new Set<string>([fingerprint(first, size)])
  const parents: Array<number> = [-1]
  const labels: Array<string> = ["start"]
  let frontier: Array<readonly [number, World]> = [[0, first]]
  let transitions = 0
  let complete = true

  const trace = (index: number): Array<string> => {
    const lines: Array<string> = []
    for (let at = index; at >= 0; at = parents[at]!) lines.push(labels[at]!)
    return lines.reverse()
  }
  const finish = (violation: Report["violation"]): Report => ({
    name: scenario.name,
    states: seen.size,
    transitions,
    runs,
    complete: complete && violation === undefined,
    violation
  })

  while (frontier.length > 0) {
    const next: Array<readonly [number, World]> = []
    for (const [index, world] of frontier) {
      for (const choice of choices(world)) {
        const after = cloneWorld(world)
        apply(after, choice)
        transitions++
        const print = fingerprint(after, size)
        if (seen.has(print)) continue
        seen.add(print)
        parents.push(index)
        labels.push(describe(world, choice))
        const at = parents.length - 1
        const breach = unsafe(after)
        if (breach !== undefined) return finish({ message: breach, trace: trace(at) })
        const stuck = livelock(after)
        if (stuck !== undefined) {
          return finish({ message: "does not become one true ring", trace: [...trace(at), ...stuck] })
        }
        if (seen.size >= scenario.maxStates) {
          complete = false
          return finish(undefined)
        }
        next.push([at, after])
      }
    }
    frontier = next
  }
  return finish(undefined)
}

const short = (node: Node.Node): string => node.hex.replace(/0+$/, "") || "0"

const text = (packet: Packet): string =>
  packet._tag === "Broken" || packet._tag === "Refused"
    ? packet._tag
    : JSON.stringify(packet, (_, value) => value instanceof Node.Node ? short(value) : value)

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

/**
 * What of a world decides its future: times count from now, sequence numbers from
 * their owner's newest, and what lies too far back to matter is all one.
 */
const fingerprint = (world: World, size: number): string => {
  const { now } = world
  const ahead = (time: number) => time <= now ? 0 : time - now
  const since = (time: number | undefined) =>
    time === undefined ? "-" : Math.min(now - time, settings.lease + settings.margin)
  const parts: Array<unknown> = []
  const side = (state: MembershipState.State, it: MembershipState.Side | undefined): string =>
    it === undefined
      ? "-"
      : [
        short(it.node),
        short(it.bound),
        ahead(it.leaseUntil),
        it.unanswered === 0 ? "-" : state.sequence - it.sequence,
        it.unanswered === 0 ? "-" : Math.min(now - it.askedAt, settings.lease),
        it.unanswered,
        ahead(it.nextAskAt),
        since(it.lostAt),
        since(it.grantedAt),
        it.proven,
        it.leaving,
        it.attempt,
        `(${side(state, it.previous)})`
      ].join(" ")
  world.nodes.forEach((state, index) => {
    parts.push(world.ended[index], ahead(world.paused[index]!))
    if (state === undefined) return
    const pairing = (it: MembershipState.Pairing | undefined) =>
      it === undefined ? "-" : `${short(it.node)} ${state.sequence - it.sequence} ${now - it.askedAt} ${it.unanswered}`
    parts.push(
      state.phase,
      state.phase === "ready" ? side(state, state.predecessor) : "",
      state.phase === "ready" ? side(state, state.successor) : "",
      pairing(state.pairings.predecessor),
      pairing(state.pairings.successor),
      state.busy === undefined ? "-" : `${short(state.busy.joiner)} ${state.busy.attempt} ${ahead(state.busy.until)}`,
      state.waiting.map((request) => `${short(request.joiner)} ${request.attempt}`).join(),
      state.attempt,
      state.phase === "joining" ? [Math.min(now - state.attemptAt, settings.lease), ahead(state.retryAt)].join() : "",
      state.vias.map(short).join(),
      state.vias.length === 0 ? 0 : state.nextVia % state.vias.length,
      state.grant === undefined
        ? "-"
        : [
          short(state.grant.predecessor),
          short(state.grant.successor),
          now - state.grant.askedAt,
          state.grant.inserted,
          state.grant.committed
        ].join(" "),
      state.detachedAt === undefined
        ? "-"
        : Math.min(now - state.detachedAt, 2 * (settings.lease + settings.margin)),
      Array.from(state.notReady.keys()).sort().join(),
      Array.from(
        state.inquiries.values(),
        (it) =>
          `${short(it.node)} ${state.sequence - it.sequence} ${
            now - it.askedAt
          } ${it.unanswered} ${it.saidReady} ${it.wantsLeaves}`
      )
        .sort().join(),
      Array.from(state.failed, ([hex, it]) => `${hex} ${Math.min(now - it.at, 4 * settings.lease)}`).join(),
      Array.from(state.lost.keys()).join(),
      state.phase === "ready" ? ahead(state.exchangeAt) : "",
      state.exchanges % Math.max(1, state.leafSet.members.length),
      ahead(state.leaveUntil),
      Array.from(state.leaveAcks).sort().join(),
      state.leafSet.members.map(short).join()
    )
  })
  world.channels.forEach((packets, channel) => {
    if (packets.length === 0) return
    parts.push(channel, world.stalled.has(channel))
    for (const packet of packets) {
      const owner = packet._tag === "Renew" || packet._tag === "Probe"
        ? Math.floor(channel / size)
        : channel % size
      const newest = world.nodes[owner]?.sequence ?? 0
      parts.push(
        "sequence" in packet ? text({ ...packet, sequence: newest - packet.sequence } as Packet) : text(packet)
      )
    }
  })
  parts.push(JSON.stringify(world.used), Array.from(world.stalled).sort().join())
  return hash("md5", parts.join("|"), "base64")
}
