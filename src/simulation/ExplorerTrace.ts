/**
 * Traces: what happened in a small ring, as text that people read and that can be replayed.
 *
 * One command a line, in the spirit of the test data of etcd's raft; what follows
 * `#` is a comment, and what is expected at the end stands after `----`:
 *
 * ```text
 * nodes 1 6 b
 * ring 1 b
 * join 6 via 1 b
 * deliver 6 -> 1 JoinRequest
 * crash b
 * time 10
 * wake 1
 * ----
 * no violation
 * ```
 *
 * `ring` names those that form the ring at the start. A second life of Node 6 is `6.2`. Lines that begin with `prompt` name
 * kinds of message that arrive at once. The commands:
 *
 * - `join X via Y ...`, `deliver X -> Y KIND`, `wake X`, `time T` (to the instant T, when the next thing is due);
 * - the faults of a Node: `crash X`, `vanish X`, `leave X`, `restart X`, `pause X`;
 * - of a pair: `suspect X -> Y`, `cut X -> Y`, `break X -> Y`;
 * - of a message: `lose X -> Y KIND`, `repeat X -> Y KIND`, `reorder X -> Y KIND POSITION`, `delay X -> Y KIND`, and then `arrive X -> Y KIND`;
 * - of a channel: `stall X -> Y`, and then `unstall X -> Y`;
 * - `late T`: as `time`, with messages on their way.
 *
 * When the commands are done a run without further faults goes on from there.
 *
 * @since 0.1.0
 */
import * as Membership from "../core/Membership.ts"
import type * as MembershipState from "../core/MembershipState.ts"
import type { ControlMessage } from "../protocol/ControlMessage.ts"
import * as Print from "./ExplorerPrint.ts"
import type { Core, Scenario } from "./ExplorerScenario.ts"
import { type Choice, Model, type Packet, type World } from "./ExplorerWorld.ts"

/**
 * The verdict on a run that ends well.
 *
 * @category constants
 * @since 0.1.0
 */
export const noViolation = "no violation"

/**
 * The verdict on a run that never ends well.
 *
 * @category constants
 * @since 0.1.0
 */
export const stuck = "does not become one true ring"

/**
 * What a replay found.
 *
 * @category models
 * @since 0.1.0
 */
export interface Replay {
  /** What is wrong, `noViolation`, or why a command cannot be carried out. */
  readonly verdict: string
  /** What the file says should come out, if it does. */
  readonly expected: string | undefined
  /** The commands as they were carried out, with comments on what they did. */
  readonly lines: ReadonlyArray<string>
}

/** Commands of a run that never ends well that are shown. */
const shown = 24

/** Follows a run without further faults to its end. */
const runOn = (model: Model, start: World): { readonly verdict: string; readonly lines: ReadonlyArray<string> } => {
  const passed = new Set<string>()
  const lines: Array<string> = []
  for (let world = start;;) {
    if (model.isDone(world)) return { verdict: noViolation, lines }
    const choice = model.calmChoice(world)
    const key = model.key(world, false)
    if (choice === undefined || passed.has(key)) return { verdict: stuck, lines }
    passed.add(key)
    const before = world
    world = model.apply(before, choice)
    lines.push(line(model, before, choice, world))
    const breach = model.unsafe(world)
    if (breach !== undefined) return { verdict: breach, lines }
  }
}

const tagOf = (world: World, channel: number, position = 0): string => {
  const packet = world.channels[channel]![position]
  return packet === undefined ? "nothing" : packet.tag
}

/** A choice as a command. */
const command = (model: Model, world: World, { at, kind, position }: Choice): string => {
  const name = (slot: number) => model.nameOf(model.identities[slot]!)
  const pair = (channel: number) => `${name(model.senderOf(channel))} -> ${name(model.receiverOf(channel))}`
  switch (kind) {
    case "join": {
      const [, ...joinSeeds] = model.scenario.joins.find(([joiner]) => joiner === at)!
      return `join ${name(at)} via ${joinSeeds.map(name).join(" ")}`
    }
    case "advance":
      return `time ${Math.max(world.now, model.nextTime(world))}`
    case "late":
      return `late ${Math.max(world.now, model.nextTime(world))}`
    case "wake":
    case "crash":
    case "vanish":
    case "leave":
    case "pause":
    case "restart":
      return `${kind} ${name(at)}`
    case "suspect":
      return `suspect ${name(at)} -> ${name(position)}`
    case "cut":
    case "break":
    case "stall":
    case "unstall":
      return `${kind} ${pair(at)}`
    case "reorder":
      return `reorder ${pair(at)} ${tagOf(world, at, position)} ${position}`
    case "deliver":
    case "arrive":
    case "lose":
    case "repeat":
    case "delay":
      return `${kind} ${pair(at)} ${tagOf(world, at)}`
  }
}

const view = (model: Model, state: MembershipState.State | undefined): string => {
  if (state === undefined) return "gone"
  const side = (it: MembershipState.Side) =>
    model.nameOf(it.node) + (it.bound === it.node ? "" : `|${model.nameOf(it.bound)}`) +
    (it.lostAt === undefined ? "" : " lost") + (it.attempt === undefined ? "" : " joining")
  return state.phase === "ready"
    ? `ready <${side(state.predecessor)} >${side(state.successor)}` +
      (state.busy === undefined ? "" : ` busy with ${model.nameOf(state.busy.joiner)}`)
    : state.phase
}

const textOf = (model: Model, packet: Packet | undefined): string => {
  if (packet === undefined) return ""
  if (packet.message === undefined) return `of ${model.nameOf(packet.node)}`
  const { _tag: _, ...fields } = JSON.parse(Print.message(packet.message, model.nameOf)) as Record<string, unknown>
  return Object.keys(fields).length === 0
    ? ""
    : JSON.stringify(fields).replaceAll("\"", "").replaceAll(/([0-9a-f]+?)0{16,}/g, "$1")
}

/** A command, with a comment on what it did. */
const line = (model: Model, before: World, choice: Choice, after: World): string => {
  const notes: Array<string> = []
  if (choice.kind === "deliver" || choice.kind === "arrive") {
    const note = textOf(model, before.channels[choice.at]![0])
    if (note !== "") notes.push(note)
  }
  model.identities.forEach((node, slot) => {
    if (before.states[slot] === after.states[slot]) return
    const now = view(model, after.states[slot])
    if (before.states[slot] === undefined || view(model, before.states[slot]) !== now) {
      notes.push(`${model.nameOf(node)} is ${now}`)
    }
  })
  const text = command(model, before, choice)
  return notes.length === 0 ? text : `${text.padEnd(32)} # ${notes.join("; ")}`
}

/**
 * Writes the choices of a run down, with the verdict on it.
 *
 * @category writing
 * @since 0.1.0
 */
export const write = (
  scenario: Scenario,
  core: Core,
  choices: ReadonlyArray<Choice>
): { readonly trace: string; readonly verdict: string } => {
  const model = new Model(scenario, core)
  const lines = [
    `# ${scenario.name}`,
    `nodes ${scenario.nodes.join(" ")}`,
    `ring ${scenario.ring.map((index) => scenario.nodes[index]).join(" ")}`
  ]
  if (scenario.prompt === undefined || scenario.prompt.length > 0) {
    lines.push(`prompt ${Array.from(model.prompt).join(" ")}`)
  }
  let world = model.first()
  let breach: string | undefined
  for (const choice of choices) {
    const after = model.apply(world, choice)
    lines.push(line(model, world, choice, after))
    world = after
    breach = model.unsafe(world)
    if (breach !== undefined) break
  }
  const { lines: run, verdict } = breach === undefined ? runOn(model, world) : { verdict: breach, lines: [] }
  if (verdict !== noViolation && run.length > 0) {
    lines.push(`# without further faults it goes on for ${run.length} steps:`)
    const from = verdict === stuck ? Math.max(0, run.length - shown) : 0
    if (from > 0) lines.push("# ...")
    for (const each of run.slice(from)) lines.push(`# ${each}`)
    for (const [slot, state] of world.states.entries()) {
      if (state !== undefined) lines.push(`# ${model.nameOf(model.identities[slot]!)}: ${view(model, state)}`)
    }
  }
  return { trace: [...lines, "----", verdict, ""].join("\n"), verdict }
}

/** Reads what comes before the commands, and the commands. */
const parse = (text: string) => {
  const [body, expected] = text.split(/^----$/m)
  const nodes: Array<string> = []
  const ring: Array<string> = []
  const prompt: Array<string> = []
  const joins: Array<ReadonlyArray<string>> = []
  const commands: Array<ReadonlyArray<string>> = []
  let restarts = 0
  for (const raw of body!.split("\n")) {
    const words = raw.replace(/#.*/, "").trim().split(/\s+/)
    const [verb, ...operands] = words as [string, ...Array<string>]
    if (verb === "") continue
    else if (verb === "nodes") nodes.push(...operands)
    else if (verb === "ring") ring.push(...operands)
    else if (verb === "prompt") prompt.push(...operands)
    else {
      commands.push(words)
      if (verb === "join") joins.push(operands.filter((word) => word !== "via"))
      if (verb === "restart") restarts++
    }
  }
  const indexOf = (name: string) => {
    const index = nodes.indexOf(name)
    if (index < 0) throw new Error(`there is no Node ${name}`)
    return index
  }
  const scenario: Scenario = {
    name: "replay",
    nodes,
    ring: ring.map(indexOf),
    joins: joins.map((join) => join.map(indexOf) as [number, ...Array<number>]),
    faults: { restart: restarts },
    prompt: prompt as Array<ControlMessage["_tag"]>,
    maxStates: 0
  }
  return { scenario, commands, expected: expected?.trim() }
}

/** A command as a choice, or why it is not possible. */
const read = (model: Model, world: World, words: ReadonlyArray<string>): Choice | string => {
  const [verb, ...operands] = words as [string, ...Array<string>]
  const slotOf = (name: string | undefined): number => name === undefined ? -1 : model.slotOfName(name)
  const isRunning = (slot: number) => world.states[slot] !== undefined
  const choose = (at: number, position = 0): Choice => ({ kind: verb as Choice["kind"], at, position })
  switch (verb) {
    case "time":
    case "late": {
      const at = Math.max(world.now, model.nextTime(world))
      if (operands[0] !== undefined && Number(operands[0]) !== at) return `the next thing is due at ${at}`
      for (let slot = 0; slot < model.slots; slot++) {
        if (model.isDue(world, slot)) return `${operands[0]}: somebody is due now`
      }
      if (verb === "time" && !model.isIdle(world)) return "messages are on their way"
      return { kind: verb === "time" ? "advance" : "late", at: 0, position: 0 }
    }
    case "join": {
      const slot = slotOf(operands[0])
      return model.slotOf(world, slot) < 0 ? choose(slot) : `${operands[0]} has begun`
    }
    case "wake": {
      const slot = slotOf(operands[0])
      return slot >= 0 && model.isDue(world, slot) ? choose(slot) : `${operands[0]} is not due`
    }
    case "restart": {
      const slot = slotOf(operands[0])
      return slot >= 0 && model.canRestart(world, slot) ? choose(slot) : `${operands[0]} cannot come back`
    }
    case "crash":
    case "vanish":
    case "leave":
    case "pause": {
      const slot = slotOf(operands[0])
      return isRunning(slot) ? choose(slot) : `${operands[0]} does not run`
    }
  }
  const [from, to] = [slotOf(operands[0]), slotOf(operands[2])]
  if (from < 0 || to < 0 || operands[1] !== "->") return "not a command"
  const channel = from * model.slots + to
  const [, , , kind, place] = operands
  const isThere = (at: number, position = 0) =>
    kind === undefined || tagOf(world, at, position) === kind ? undefined : `there is ${tagOf(world, at, position)}`
  switch (verb) {
    case "suspect":
      return isRunning(from) && isRunning(to) ? choose(from, to) : "one of them does not run"
    case "cut":
    case "break":
      return isRunning(from) && isRunning(to) ? choose(channel) : "one of them does not run"
    case "stall":
      return choose(channel)
    case "unstall":
      return world.stalled[channel] === true ? choose(channel) : "it is not stalled"
    case "reorder":
      return isThere(channel, Number(place)) ?? choose(channel, Number(place))
    case "deliver":
    case "arrive": {
      const at = verb === "arrive" ? channel + model.slots * model.slots : channel
      return isThere(at) ?? (model.isDeliverable(world, at) ? choose(at) : "nothing can arrive there")
    }
    case "lose":
    case "repeat":
    case "delay":
      return isThere(channel) ?? (world.channels[channel]!.length > 0 ? choose(channel) : "nothing is on its way")
    default:
      return "not a command"
  }
}

/**
 * Carries out the commands of a scenario file, with the shipped step functions or with others.
 *
 * @category replaying
 * @since 0.1.0
 */
export const replay = (text: string, core: Core = Membership): Replay => {
  const { commands, expected, scenario } = parse(text)
  const model = new Model(scenario, core)
  const lines: Array<string> = []
  let world = model.first()
  for (const words of commands) {
    const choice = read(model, world, words)
    if (typeof choice === "string") {
      return { verdict: `cannot ${words.join(" ")}: ${choice}`, expected, lines }
    }
    const after = model.apply(world, choice)
    lines.push(line(model, world, choice, after))
    world = after
    const breach = model.unsafe(world)
    if (breach !== undefined) return { verdict: breach, expected, lines }
  }
  return { verdict: runOn(model, world).verdict, expected, lines }
}
