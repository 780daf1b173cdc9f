/**
 * Scenario: a simulation as a text that people read.
 *
 * A scenario is a list of blocks: commands, one a line, then `----`, then what
 * they print, then an empty line. Running it gives the same blocks with what they
 * print now, so that a file is its own expectation (after the `testdata` of etcd's
 * raft). `#` begins a comment. Nodes are named by the first digits of their ids; what follows is zeros.
 *
 * ```text
 * # A Node dies, and its neighbours close the gap.
 * world seed=1 preset=lan
 * start 1 6 b
 * await ring within=10s
 * ----
 * 0.7 s: one ring of 3: 1 6 b
 *
 * crash 6
 * run 1s
 * ----
 * 0.7 s: 1 lost 6
 * 0.7 s: b lost 6
 * ```
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import type * as MembershipState from "../core/MembershipState.ts"
import { check as checkConfig, type ClusterConfig, isFieldName, presets } from "../protocol/ClusterConfig.ts"
import type { DeliveryClass } from "../protocol/Message.ts"
import * as LeafSet from "../ring/LeafSet.ts"
import * as NodeId from "../ring/NodeId.ts"
import * as Checkers from "./Checkers.ts"
import { calm, type Hosts, type LinkConditions, type Rule } from "./FaultModel.ts"
import type { Host } from "./Host.ts"
import * as Latency from "./Latency.ts"
import type { MakeEngine, SimulatedNode } from "./SimulatedNode.ts"
import { type Violation, type Watcher, World } from "./World.ts"

/**
 * A command with its arguments: words, and `name=value`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Command {
  readonly line: number
  readonly name: string
  readonly words: ReadonlyArray<string>
  readonly options: ReadonlyMap<string, string>
}

/**
 * Commands, and what they print.
 *
 * @category models
 * @since 0.1.0
 */
export interface Block {
  /** The lines as they stand in the file, with their comments. */
  readonly source: ReadonlyArray<string>
  readonly commands: ReadonlyArray<Command>
  readonly output: ReadonlyArray<string>
}

/**
 * What is wrong with a scenario: in which line, and what to write instead.
 *
 * @category models
 * @since 0.1.0
 */
export interface Problem {
  readonly line: number
  readonly message: string
}

/**
 * What came out of a scenario.
 *
 * @category models
 * @since 0.1.0
 */
export interface Outcome {
  /** The scenario with what it prints now. */
  readonly text: string
  readonly violations: ReadonlyArray<Violation>
  readonly traceHash: string
}

class Wrong extends Error {
  readonly line: number
  constructor(line: number, message: string) {
    super(message)
    this.line = line
  }
}

/** Options that each command takes, and how it is written. */
const usage: { readonly [name: string]: { readonly options: ReadonlyArray<string>; readonly form: string } } = {
  world: {
    options: ["seed", "preset", "latency", "loss", "loss-model", "repeat", "reorder", "jitter", "drift", "set"],
    form: "world seed=TEXT preset=lan latency=plane:100 loss=0.05 loss-model=frames set=lease:5s,renewal:1s"
  },
  start: { options: ["via", "behind"], form: "start ID … [via=ID,ID] [behind=TIME]" },
  run: { options: [], form: "run TIME" },
  await: { options: ["within"], form: "await ring|leaves|quiet within=TIME" },
  crash: { options: [], form: "crash ID …" },
  vanish: { options: [], form: "vanish ID …" },
  leave: { options: [], form: "leave ID …" },
  restart: { options: ["via", "behind"], form: "restart ID … [via=ID,ID] [behind=TIME]" },
  pause: { options: ["for"], form: "pause ID … for=TIME" },
  sleep: { options: ["for"], form: "sleep ID … for=TIME" },
  silence: { options: [], form: "silence ID …" },
  restore: { options: [], form: "restore ID …" },
  reset: { options: [], form: "reset ID …" },
  jump: { options: ["by"], form: "jump ID … by=TIME" },
  cut: {
    options: ["from", "one-way", "for"],
    form: "cut ID,ID|region:NAME from=ID,ID|region:NAME [one-way=yes] [for=TIME]"
  },
  heal: { options: [], form: "heal" },
  slow: { options: ["by", "kind", "for"], form: "slow ID …|region:NAME by=TIME [kind=Renew,Renewed] [for=TIME]" },
  lose: {
    options: ["from", "to", "part", "kind", "for"],
    form: "lose [from=ID,ID|region:NAME] [to=ID,ID|region:NAME] [part=0.5] [kind=Renew,Renewed] [for=TIME]"
  },
  send: {
    options: ["from", "key", "class", "count", "every"],
    form: "send from=ID key=ID|random [class=confirmed] [count=10] [every=TIME]"
  },
  owners: { options: [], form: "owners KEY …" },
  show: { options: [], form: "show" },
  check: { options: [], form: "check" }
}

const units: { readonly [unit: string]: number } = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/**
 * Reads a time such as `250ms`, `10s`, `5m` or `2h`, in milliseconds.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parseTime = (text: string): number | undefined => {
  const match = /^([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)$/.exec(text)
  return match === null ? undefined : Number(match[1]) * units[match[2]!]!
}

const parseCommand = (text: string, line: number): Command | undefined => {
  const bare = text.replace(/#.*/, "").trim()
  if (bare === "") return undefined
  const [name, ...rest] = bare.split(/\s+/) as [string, ...Array<string>]
  const known = Object.hasOwn(usage, name) ? usage[name]! : undefined
  if (known === undefined) {
    throw new Wrong(line, `"${name}" is no command: there are ${Object.keys(usage).join(", ")}`)
  }
  const words: Array<string> = []
  const options = new Map<string, string>()
  for (const part of rest) {
    const at = part.indexOf("=")
    if (at < 0) {
      words.push(part)
      continue
    }
    const option = part.slice(0, at)
    if (!known.options.includes(option)) throw new Wrong(line, `${name} takes no ${option}=: write ${known.form}`)
    options.set(option, part.slice(at + 1))
  }
  return { line, name, words, options }
}

/**
 * Reads a scenario.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parse = (text: string): Result.Result<ReadonlyArray<Block>, Problem> => {
  const blocks: Array<Block> = []
  let source: Array<string> = []
  let commands: Array<Command> = []
  let output: Array<string> | undefined
  const close = () => {
    if (source.length > 0) blocks.push({ source, commands, output: output ?? [] })
    source = []
    commands = []
    output = undefined
  }
  try {
    text.split("\n").forEach((raw, index) => {
      const line = raw.trimEnd()
      if (output !== undefined) {
        if (line === "") close()
        else output.push(line)
      } else if (line === "----") {
        output = []
      } else if (line === "") {
        close()
      } else {
        source.push(line)
        const command = parseCommand(line, index + 1)
        if (command !== undefined) commands.push(command)
      }
    })
    close()
  } catch (error) {
    if (error instanceof Wrong) return Result.fail({ line: error.line, message: error.message })
    throw error
  }
  return Result.succeed(blocks)
}

/**
 * Writes blocks as a text that `parse` reads.
 *
 * @category parsing
 * @since 0.1.0
 */
export const print = (blocks: ReadonlyArray<Block>): string =>
  blocks.map(({ commands, output, source }) =>
    [...source, ...(commands.length === 0 ? [] : ["----", ...output]), ""].join("\n")
  ).join("\n")

/** Trailing zeros say nothing. */
const shorten = (id: NodeId.NodeId): string => id.hex.replace(/0+$/, "") || "0"

const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(2)} s`

/** Runs commands, one after another, on a world. */
class Runner {
  #world: World | undefined
  #checkers: ReturnType<typeof Checkers.make> | undefined
  readonly #engine: MakeEngine | undefined
  readonly #hosts = new Map<string, Host>()
  readonly #rules = new Set<Rule>()
  #lines: Array<string> = []
  #shown = 0
  /** Messages that are to be sent later. */
  #unsent = 0

  constructor(engine: MakeEngine | undefined) {
    this.#engine = engine
  }

  take(): Array<string> {
    const lines = this.#lines
    this.#lines = []
    return lines
  }

  get world(): World | undefined {
    return this.#world
  }

  run(command: Command): void {
    if (command.name === "world") return this.#make(command)
    const world = this.#world ??= this.#begin({ line: command.line, name: "world", words: [], options: new Map() })
    switch (command.name) {
      case "start":
      case "restart":
        return this.#start(world, command)
      case "run":
        return world.run(this.#time(command, this.#one(command)))
      case "await":
        return this.#await(world, command)
      case "crash":
      case "vanish":
      case "leave": {
        for (const node of this.#nodes(command)) world.end(node, command.name)
        return
      }
      case "pause": {
        for (const node of this.#nodes(command)) world.pause(node, this.#duration(command, "for"))
        return
      }
      case "sleep": {
        for (const node of this.#nodes(command)) world.sleep(node, this.#duration(command, "for"))
        return
      }
      case "silence": {
        for (const { host } of this.#nodes(command)) world.silence(host)
        return
      }
      case "restore": {
        for (const name of command.words) world.restore(this.#host(command, name))
        return
      }
      case "reset": {
        for (const node of this.#nodes(command)) world.reset(node)
        return
      }
      case "jump": {
        for (const node of this.#nodes(command)) node.jump(this.#duration(command, "by"))
        return
      }
      case "cut":
        return this.#cut(world, command)
      case "heal": {
        for (const rule of this.#rules) world.cease(rule)
        this.#rules.clear()
        world.faultModel.loss = 0
        return
      }
      case "slow": {
        const to = this.#hostsOf(command, command.words)
        const rule = { delay: this.#duration(command, "by"), kinds: this.#kinds(command) }
        this.#rule(world, command, { ...rule, from: { _tag: "All" }, to })
        return this.#rule(world, command, { ...rule, from: to, to: { _tag: "All" } })
      }
      case "lose":
        return this.#rule(world, command, {
          from: this.#hostsOf(command, this.#list(command, "from")),
          to: this.#hostsOf(command, this.#list(command, "to")),
          kinds: this.#kinds(command),
          loss: this.#number(command, "part", 1, 0, 1)
        })
      case "send":
        return this.#send(world, command)
      case "owners":
        return this.#owners(world, command)
      case "show":
        return this.#show(world)
      case "check":
        return this.#check(world)
    }
  }

  #fail(command: Command, message: string): never {
    throw new Wrong(command.line, `${message}: write ${usage[command.name]!.form}`)
  }

  #one(command: Command): string {
    if (command.words.length !== 1) this.#fail(command, `${command.name} takes one word`)
    return command.words[0]!
  }

  #time(command: Command, text: string): number {
    return parseTime(text) ?? this.#fail(command, `"${text}" is no time (250ms, 10s, 5m, 2h)`)
  }

  #duration(command: Command, option: string): number {
    const text = command.options.get(option)
    return text === undefined ? this.#fail(command, `${option}= is missing`) : this.#time(command, text)
  }

  #number(command: Command, option: string, otherwise: number, least: number, most: number): number {
    const text = command.options.get(option)
    if (text === undefined) return otherwise
    const number = Number(text)
    if (text === "" || !(number >= least && number <= most)) {
      this.#fail(command, `${option}=${text} is not a number from ${least} to ${most}`)
    }
    return number
  }

  #list(command: Command, option: string): ReadonlyArray<string> {
    return command.options.get(option)?.split(",") ?? []
  }

  #kinds(command: Command): ReadonlySet<string> | undefined {
    const kinds = this.#list(command, "kind")
    return kinds.length === 0 ? undefined : new Set(kinds)
  }

  #id(command: Command, name: string): NodeId.NodeId {
    if (!/^[0-9a-f]{1,32}$/.test(name)) this.#fail(command, `"${name}" is no id: 1 to 32 hexadecimal digits`)
    return NodeId.parse(name.padEnd(32, "0"))
  }

  #host(command: Command, name: string): Host {
    const host = this.#hosts.get(shorten(this.#id(command, name)))
    return host ?? this.#fail(command, `no Node ${name} was started`)
  }

  #node(command: Command, name: string): SimulatedNode {
    const node = this.#world!.nodes.get(this.#host(command, name).number)
    return node ?? this.#fail(command, `the Node ${name} has ended`)
  }

  #nodes(command: Command): ReadonlyArray<SimulatedNode> {
    if (command.words.length === 0) this.#fail(command, `${command.name} takes Nodes`)
    return command.words.map((name) => this.#node(command, name))
  }

  #hostsOf(command: Command, names: ReadonlyArray<string>): Hosts {
    if (names.length === 0) return { _tag: "All" }
    const region = /^region:(.*)$/u.exec(names[0]!)?.[1]
    if (region !== undefined) return this.#region(command, names, region)
    return { _tag: "Hosts", numbers: new Set(names.map((name) => this.#host(command, name).number)) }
  }

  #region(command: Command, names: ReadonlyArray<string>, region: string): Hosts {
    if (names.length > 1) this.#fail(command, "a Region stands alone, without other Nodes")
    const { latency } = this.#world!.topology
    const regions = latency._tag === "regions" ? latency.names : []
    if (!regions.includes(region)) {
      this.#fail(command, `there is no Region "${region}" (${regions.join(", ") || "the latency model has none"})`)
    }
    return { _tag: "Region", name: region }
  }

  #say(line: string): void {
    this.#lines.push(`${seconds(this.#world!.now)}: ${line}`)
  }

  #make(command: Command): void {
    if (this.#world !== undefined) throw new Wrong(command.line, "world comes first, and once")
    this.#world = this.#begin(command)
  }

  #begin(command: Command): World {
    const { options } = command
    const preset = options.get("preset") ?? "lan"
    if (!Object.hasOwn(presets, preset)) {
      this.#fail(command, `"${preset}" is no preset: there are ${Object.keys(presets).join(", ")}`)
    }
    const latency = Latency.parse(options.get("latency") ?? "constant:10")
    if (typeof latency === "string") this.#fail(command, latency)
    const lossModel = options.get("loss-model") ?? "reliable"
    if (lossModel !== "reliable" && lossModel !== "frames") this.#fail(command, `"${lossModel}" is no loss model`)
    const linkConditions: LinkConditions = {
      ...calm,
      lossModel,
      loss: this.#number(command, "loss", 0, 0, 0.99),
      repeated: this.#number(command, "repeat", 0, 0, 0.99),
      reordered: this.#number(command, "reorder", 0, 0, 0.99),
      jitter: this.#number(command, "jitter", 0, 0, 10)
    }
    const config = this.#config(command, presets[preset as keyof typeof presets])
    const checkers = Checkers.make()
    this.#checkers = checkers
    return new World({
      seed: options.get("seed") ?? "1",
      config,
      latency,
      linkConditions,
      drift: this.#number(command, "drift", 0, 0, config.margin / config.lease / 2),
      engine: this.#engine,
      watchers: [...checkers.watchers, this.#reporter()]
    })
  }

  #config(command: Command, base: ClusterConfig): ClusterConfig {
    const changes: { [name: string]: number } = {}
    for (const change of this.#list(command, "set")) {
      const [name, text] = change.split(":") as [string, string | undefined]
      if (!isFieldName(name) || text === undefined) this.#fail(command, `"${change}" is no setting`)
      changes[name] = parseTime(text) ?? Number(text)
    }
    const checked = checkConfig(changes, base)
    return Result.isSuccess(checked) ? checked.success : this.#fail(command, checked.failure.message)
  }

  #reporter(): Watcher {
    return {
      name: "reporter",
      emitted: (_world, node, event) => {
        const text = describe(event)
        if (text !== undefined) this.#say(`${shorten(node.self.id)} ${text}`)
      },
      delivered: (_world, node, lookup) => {
        const hops = lookup.hops === 1 ? "1 hop" : `${lookup.hops} hops`
        const again = lookup.deliveries === 1 ? "" : " again"
        this.#say(
          `${shorten(node.self.id)} delivered message ${lookup.number}${again}, ${hops} from ${
            shorten(lookup.source.self.id)
          }`
        )
      },
      resolved: (_world, lookup) => {
        this.#say(
          `${shorten(lookup.source.self.id)} has ${
            lookup.outcome === "receipt" ? "the receipt" : "no receipt"
          } of message ${lookup.number}`
        )
      }
    }
  }

  #start(world: World, command: Command): void {
    const isAgain = command.name === "restart"
    if (command.words.length === 0) this.#fail(command, `${command.name} takes ids`)
    for (const name of command.words) {
      const id = this.#id(command, name)
      const known = this.#hosts.get(shorten(id))
      if (isAgain && known === undefined) this.#fail(command, `no Node ${name} was started`)
      if (known !== undefined && world.nodes.has(known.number)) this.#fail(command, `the Node ${name} runs already`)
      if (known !== undefined && !isAgain) this.#fail(command, `a Node ${name} was started before, so write restart`)
      const via = this.#list(command, "via")
      const seeds = via.length > 0
        ? via.map((seed) => this.#host(command, seed))
        : Array.from(this.#hosts.values()).filter((host) => world.nodes.has(host.number) && host !== known).slice(0, 2)
      if (known !== undefined && known.isSilent) world.restore(known)
      const behind = command.options.get("behind")
      const node = world.start({
        ...(known === undefined ? {} : { host: known }),
        id,
        seeds,
        clockBehind: behind === undefined ? 0 : this.#time(command, behind)
      })
      this.#hosts.set(shorten(id), node.host)
    }
  }

  #await(world: World, command: Command): void {
    const what = this.#one(command)
    const began = world.now
    const isSo = () => {
      switch (what) {
        case "ring":
          return world.isOneRing
        case "leaves":
          return world.isOneRing && this.#checkers!.areLeavesExact(world)
        case "quiet":
          return this.#unsent === 0 && world.isQuiet
        default:
          return this.#fail(command, `"${what}" cannot be waited for`)
      }
    }
    const within = this.#duration(command, "within")
    if (!world.runUntil(isSo, within)) {
      world.violate("await", `${what} did not come about within ${seconds(within)}`)
      return this.#say(`no ${what} within ${seconds(within)}`)
    }
    const names = world.ring.members.map(({ self }) => shorten(self.id)).join(" ")
    const after = `after ${seconds(world.now - began)}`
    if (what === "ring") this.#say(`one ring of ${world.ring.members.length} ${after}: ${names}`)
    else if (what === "leaves") this.#say(`every leaf set exact ${after}`)
    else this.#say(`nothing under way ${after}`)
  }

  #cut(world: World, command: Command): void {
    const one = this.#hostsOf(command, this.#one(command).split(","))
    const other = this.#hostsOf(command, this.#list(command, "from"))
    if (other._tag === "All") this.#fail(command, "from= is missing")
    this.#rule(world, command, { from: one, to: other, isCut: true })
    if (command.options.get("one-way") !== "yes") this.#rule(world, command, { from: other, to: one, isCut: true })
  }

  #rule(world: World, command: Command, rule: Rule): void {
    world.begin(rule)
    this.#rules.add(rule)
    if (!command.options.has("for")) return
    world.timeline.after(this.#duration(command, "for"), () => {
      if (this.#rules.delete(rule)) world.cease(rule)
    })
  }

  #send(world: World, command: Command): void {
    const name = command.options.get("from")
    if (name === undefined) this.#fail(command, "from= is missing")
    const source = this.#node(command, name)
    const deliveryClass = command.options.get("class") ?? "confirmed"
    if (!["confirmed", "acknowledged", "atMostOnce"].includes(deliveryClass)) {
      this.#fail(command, `"${deliveryClass}" is no class: confirmed, acknowledged or atMostOnce`)
    }
    const key = command.options.get("key") ?? "random"
    const rng = world.rng.fork(`send ${world.lookups.length}`)
    const count = this.#number(command, "count", 1, 1, 1_000_000)
    const every = command.options.has("every") ? this.#duration(command, "every") : 0
    for (let index = 0; index < count; index++) {
      const target = key === "random" ? NodeId.random(() => rng.word()) : this.#id(command, key)
      const send = () => {
        if (!source.isEnded) world.send(source, target, deliveryClass as DeliveryClass)
      }
      if (every === 0) {
        send()
        continue
      }
      this.#unsent++
      world.timeline.after(index * every, () => {
        this.#unsent--
        send()
      })
    }
  }

  #owners(world: World, command: Command): void {
    for (const name of command.words) {
      const key = this.#id(command, name)
      const owners = Array.from(world.nodes.values()).filter((node) => node.covers(key))
      const names = owners.map(({ self }) => shorten(self.id)).join(" and ")
      this.#say(`${name} is answered by ${names === "" ? "nobody" : names}`)
    }
  }

  #show(world: World): void {
    const nodes = Array.from(world.nodes.values()).toSorted((x, y) => NodeId.compare(x.self.id, y.self.id))
    for (const { isPaused, membership, self } of nodes) {
      const { leafSet, phase, predecessor, successor } = membership
      const names = (list: ReadonlyArray<{ readonly id: NodeId.NodeId }>) => list.map(({ id }) => shorten(id)).join(" ")
      this.#say(
        `${shorten(self.id)} ${isPaused ? "paused, " : ""}${phase}` + (phase === "ready"
          ? `, between ${shorten(predecessor.bound.id)} and ${shorten(successor.bound.id)}, left ${
            names(LeafSet.left(leafSet))
          }, right ${names(LeafSet.right(leafSet))}`
          : "")
      )
    }
  }

  #check(world: World): void {
    world.settle()
    world.finish()
    const news = world.violations.slice(this.#shown)
    this.#shown = world.violations.length
    for (const { at, checker, message } of news) this.#lines.push(`${seconds(at)}: ${checker}: ${message}`)
    if (news.length === 0) this.#say("no violation")
    const { split } = this.#checkers!.coverage.seen
    if (world.splitFor > 0) {
      this.#say(`split for ${seconds(world.splitFor)}, ${split === 0 ? "no" : "with"} split ownership`)
    }
  }
}

const describe = (event: MembershipState.Event): string | undefined => {
  switch (event._tag) {
    case "Ready":
      return "is ready"
    case "Detached":
      return "answers for nothing any more and joins again"
    case "Left":
      return "has left"
    case "NodeExited":
      return event.reason === "forgotten"
        ? undefined
        : `${event.reason === "left" ? "saw the end of" : "lost"} ${shorten(event.node.id)}`
    case "IncarnationRaised":
      return "is a later life now"
    case "JoinRefused":
      return "is refused: its id is in use"
    default:
      return undefined
  }
}

/**
 * Runs a scenario: the same blocks with what they print now.
 *
 * @category running
 * @since 0.1.0
 */
export const run = (
  blocks: ReadonlyArray<Block>,
  engine?: MakeEngine
): Result.Result<Outcome, Problem> => {
  const runner = new Runner(engine)
  try {
    const done = blocks.map(({ commands, source }) => {
      for (const command of commands) runner.run(command)
      return { source, commands, output: runner.take() }
    })
    return Result.succeed({
      text: print(done),
      violations: runner.world?.violations ?? [],
      traceHash: runner.world?.trace.hash ?? ""
    })
  } catch (error) {
    if (error instanceof Wrong) return Result.fail({ line: error.line, message: error.message })
    throw error
  }
}
