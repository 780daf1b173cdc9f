/**
 * ClusterConfig: every number of a Node in one place, with its formula and its cost.
 *
 * `fields` is the table from which all else here is made: the Schema, the
 * defaults, the presets, what is said of a bad value, and
 * `docs/configuration.md`. Times are milliseconds, sizes bytes. To read settings from the
 * environment or from a file see `Settings`.
 *
 * @since 0.1.0
 */
import * as ByteSize from "effect/ByteSize"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/**
 * Sets of settings that go together.
 *
 * **Details**
 *
 * - `lan`: the defaults, for one machine as well: a process that pauses for garbage looks the same there.
 * - `wan`: round trips of up to 300 ms, some loss. A silent host is noticed three times later.
 * - `mspastry`: the network of `wan`, and upkeep as rare as in the paper on MSPastry
 *   (Castro, Costa, Rowstron, DSN 2004).
 *
 * @category models
 * @since 0.1.0
 */
export type Preset = "lan" | "wan" | "mspastry"

/**
 * What there is to know of one setting.
 *
 * @category models
 * @since 0.1.0
 */
export interface Field {
  /** In which its values are: milliseconds, bytes, or none. */
  readonly unit: "ms" | "bytes" | "count"
  /** The smallest value that is allowed. */
  readonly minimum: number
  /** The largest value that is allowed. */
  readonly maximum: number
  /** A time that must be a whole number; sizes and counts always are. */
  readonly whole?: true
  /** Its value in `lan`, and wherever `presets` has none. */
  readonly default: number
  /** Presets in which it is not the default. */
  readonly presets?: { readonly [Name in Preset]?: number }
  /** What it is. */
  readonly meaning: string
  /** What it follows from. */
  readonly formula: string
  /** What a larger or a smaller value costs. */
  readonly cost: string
}

const KiB = 1024
const MiB = 1024 * KiB
const GiB = 1024 * MiB

const second = 1_000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

const table = {
  lease: {
    unit: "ms",
    minimum: 100,
    maximum: 10 * minute,
    default: 10 * second,
    presets: { wan: 30 * second, mspastry: 45 * second },
    meaning: "How long a neighbour's promise lasts. The same on all Nodes of a cluster",
    formula:
      "more than renewal + (probeRetries + 1) * probe, so that no single loss ends it; the default is twice that",
    cost:
      "a silent host's keys are unowned for up to lease + margin + (probeRetries + 1) * probe; a dead process's for milliseconds"
  },
  margin: {
    unit: "ms",
    minimum: 1,
    maximum: minute,
    default: 500,
    presets: { wan: 1_500, mspastry: 2_250 },
    meaning: "How much longer who grants a lease waits than who holds it. The same on all Nodes of a cluster",
    formula: "5 % of lease; at least 0.1 %, what two clocks can differ by while both are being corrected",
    cost: "adds to the time for which a silent host's keys are unowned; too small, and two Nodes may answer for one key"
  },
  renewal: {
    unit: "ms",
    minimum: 10,
    maximum: 5 * minute,
    default: 2 * second,
    presets: { wan: 10 * second, mspastry: 30 * second },
    meaning: "Time between renewals of a lease",
    formula: "lease / 5; rarer where traffic costs: wan lease / 3, mspastry lease / 1.5",
    cost: "four messages for each pair of neighbours and renewal"
  },
  probe: {
    unit: "ms",
    minimum: 5,
    maximum: minute,
    default: second,
    presets: { wan: 3 * second, mspastry: 3 * second },
    meaning: "How long an answer may take before the question is asked again",
    formula: "the slowest round trip with one retransmission by TCP, and the longest pause of a process",
    cost: "smaller: living Nodes are suspected; larger: a silent one is noticed later"
  },
  probeRetries: {
    unit: "count",
    minimum: 0,
    maximum: 10,
    default: 2,
    meaning: "How often a question is asked again before a Node counts as failed",
    formula: "2: probeRetries + 1 round trips in a row must fail; at 10 % each that is once in 1,000",
    cost: "each adds probe to the time until a failure is noticed"
  },
  exchange: {
    unit: "ms",
    minimum: 100,
    maximum: hour,
    default: 10 * second,
    presets: { wan: 30 * second, mspastry: minute },
    meaning: "Time between exchanges of leaf sets, with one leaf after another",
    formula: "all leaves are asked once in 2 * leafSetSide * exchange",
    cost: "two messages of one leaf set each; rarer, and what was missed stays missed for longer"
  },
  tableExchange: {
    unit: "ms",
    minimum: second,
    maximum: day,
    default: minute,
    presets: { wan: 5 * minute, mspastry: 20 * minute },
    meaning: "Time between exchanges of routing-table rows and neighborhood sets, and measurements of proximity",
    formula: "tables need keep pace with joins and failures only: longer than exchange",
    cost: "some messages of a row each; rarer, and routes stay longer than they need be"
  },
  leafSetSide: {
    unit: "count",
    minimum: 1,
    maximum: 64,
    default: 16,
    meaning: "Leaves on each side",
    formula: "the ring survives the loss of as many neighbours on one side at once",
    cost: "each costs a connection while the ring changes, and about 50 bytes in every exchange"
  },
  neighborhoodSize: {
    unit: "count",
    minimum: 1,
    maximum: 1_024,
    default: 32,
    presets: { mspastry: 8 },
    meaning: "Nodes kept because they are near",
    formula: "2 * leafSetSide, as in the paper on Pastry",
    cost: "about 50 bytes each in every exchange of neighborhood sets"
  },
  nodesPerBlock: {
    unit: "count",
    minimum: 0,
    maximum: 65_536,
    default: 0,
    meaning:
      "Nodes of one address block (/24 of IPv4, /48 of IPv6, or one name) in the routing table, and as many in the " +
      "neighborhood set; 0 for any number. With a bound, members must connect from the address that they announce",
    formula: "where strangers may become members: few enough that a block is a small part of the tables, 2 to 8",
    cost: "where many Nodes share a block, emptier tables, and so more hops"
  },
  joinRetry: {
    unit: "ms",
    minimum: 10,
    maximum: minute,
    default: 500,
    presets: { wan: 2 * second, mspastry: 2 * second },
    meaning: "How long a joiner waits for an answer before it asks again",
    formula: "a round trip for each hop to the place where it joins, and one back",
    cost: "smaller: requests twice; larger: each lost request delays the join by it"
  },
  joinJitter: {
    unit: "ms",
    minimum: 1,
    maximum: minute,
    whole: true,
    default: 500,
    presets: { wan: 2 * second, mspastry: 2 * second },
    meaning: "Up to how much longer it waits, by chance",
    formula: "joinRetry, so that joiners that collided do not again",
    cost: "delays a repeated request by half of it on average"
  },
  seedPatience: {
    unit: "ms",
    minimum: 0,
    maximum: 10 * minute,
    default: 3 * second,
    presets: { wan: 10 * second, mspastry: 10 * second },
    meaning: "How long the first of identical seed lists waits for the others before it starts a ring",
    formula: "dialTimeout: a seed that runs has answered by then",
    cost: "the first start of a cluster takes as long; smaller, and two rings may start that must merge"
  },
  dialTimeout: {
    unit: "ms",
    minimum: 10,
    maximum: minute,
    default: 3 * second,
    presets: { wan: 10 * second, mspastry: 10 * second },
    meaning: "Longest time to connect",
    formula: "TCP tries again after 1, 3 and 7 s: 3 s survives one lost packet, 10 s three",
    cost: "how long a message waits for a host that does not answer before it goes another way"
  },
  handshakeTimeout: {
    unit: "ms",
    minimum: 10,
    maximum: minute,
    default: 5 * second,
    presets: { wan: 15 * second, mspastry: 15 * second },
    meaning: "Longest time for the handshake on a new connection",
    formula: "longer than dialTimeout: some round trips, and a busy machine at the other end",
    cost: "a stranger that says nothing holds a connection for as long"
  },
  idleTimeout: {
    unit: "ms",
    minimum: second,
    maximum: day,
    default: minute,
    presets: { wan: 5 * minute, mspastry: hour },
    meaning:
      "A link without traffic is closed after this (to a Node that has lost its places in the tables, after a twelfth), but not one to a neighbour",
    formula: "long beside the time to open a link anew",
    cost: "an open socket and its buffers for each Node spoken to within it"
  },
  maxConnections: {
    unit: "count",
    minimum: 1,
    maximum: 1_000_000,
    default: 4_096,
    meaning: "Accepted connections at once; more are refused",
    formula: "Nodes that speak with this one, and its clients; below the limit for open files",
    cost: "a socket and its buffers each"
  },
  maxValueSize: {
    unit: "bytes",
    minimum: 0,
    maximum: 64 * MiB,
    default: MiB,
    meaning: "Largest value of a message. The same on all Nodes of a cluster",
    formula: "a frame may be this and 8 KiB",
    cost: "a connection may buffer as much, and smaller messages wait behind it"
  },
  maxReplySize: {
    unit: "bytes",
    minimum: 0,
    maximum: MiB,
    default: 64 * KiB,
    meaning: "Largest reply that a receipt brings; never more than maxValueSize",
    formula: "what a root remembers of replies in all (64 MiB) by 1,024",
    cost: "a root forgets replies sooner when they are large, and then a copy of the message gets none"
  },
  window: {
    unit: "count",
    minimum: 1,
    maximum: 60_000,
    default: 2_048,
    meaning: "Frames of a link that are not acknowledged",
    formula: "messages a second through a link <= window / round trip: 2 million at 1 ms, 13,000 at 150 ms",
    cost: "what is kept for each link, and sent again when it breaks"
  },
  windowBytes: {
    unit: "bytes",
    minimum: KiB,
    maximum: 64 * GiB,
    default: 4 * MiB,
    meaning: "Bytes of the frames of a link that are not acknowledged; a single larger one goes all the same",
    formula: "bytes a second through a link <= windowBytes / round trip: 4 GB at 1 ms, 28 MB at 150 ms",
    cost: "control messages may wait behind as much, and so do acknowledgements"
  },
  maxCustody: {
    unit: "count",
    minimum: 1,
    maximum: 10_000_000,
    default: 32_768,
    meaning: "Messages that pass through at once; beyond, who sends is told Busy",
    formula: "window for each of the links that are busy at once, 16",
    cost: "an entry in memory each, besides their values"
  },
  maxCustodyBytes: {
    unit: "bytes",
    minimum: KiB,
    maximum: 1024 * GiB,
    default: 128 * MiB,
    meaning: "Bytes of the messages that pass through at once; beyond, who sends is told Busy",
    formula: "maxCustody * 4 KiB; at least maxValueSize",
    cost: "as much memory at worst"
  },
  maxOwn: {
    unit: "count",
    minimum: 1,
    maximum: 1_000_000,
    default: 4_096,
    meaning: "Own messages that no other Node has taken yet; beyond, sending waits",
    formula: "2 * window: one on its way, one ready to go",
    cost: "more: what is sent first waits longer behind the rest"
  },
  maxDelivering: {
    unit: "count",
    minimum: 1,
    maximum: 1_000_000,
    default: 1_024,
    meaning: "Messages that the application works on at once; beyond, they wait in order",
    formula: "deliveries a second * time that one takes",
    cost: "a fiber each, and what the application holds for it"
  },
  shortestTimeout: {
    unit: "ms",
    minimum: 1,
    maximum: minute,
    default: 500,
    presets: { wan: second, mspastry: 50 },
    meaning: "Shortest time to wait for an acknowledgement",
    formula: "waits are round trip + 4 * its deviation, within the two bounds",
    cost: "smaller: a pause sends messages twice; larger: they wait longer at a dead Node"
  },
  longestTimeout: {
    unit: "ms",
    minimum: 1,
    maximum: 10 * minute,
    default: 3 * second,
    presets: { wan: 6 * second },
    meaning: "Longest time to wait for an acknowledgement, and for a link to a Node to which no round trip is known",
    formula: "(probeRetries + 1) * probe, when a silent Node is noticed anyway; wan two probes",
    cost: "how long a message waits at a silent Node before it goes another way"
  },
  hold: {
    unit: "ms",
    minimum: 1,
    maximum: hour,
    default: 2 * minute,
    presets: { mspastry: 4 * minute },
    meaning: "How long a message is held while nobody answers for its key",
    formula: "more than 2 * (lease + margin + (probeRetries + 1) * probe): two failures in a row",
    cost: "its place in maxCustody meanwhile"
  },
  confirmDeadline: {
    unit: "ms",
    minimum: 1,
    maximum: day,
    default: 30 * second,
    presets: { wan: minute, mspastry: 2 * minute },
    meaning: "How long sendConfirmed waits for the receipt, where the call does not say",
    formula: "more than lease + margin + (probeRetries + 1) * probe: the silent failure of a root",
    cost: "how late one learns that a message has no receipt"
  },
  deliverTimeout: {
    unit: "ms",
    minimum: 1,
    maximum: hour,
    default: 10 * second,
    meaning: "Longest time for onDeliver; then it is interrupted and the sender gets DeliveryFailed",
    formula: "below confirmDeadline, so that the sender hears of it",
    cost: "a delivery that hangs holds one of maxDelivering for as long"
  },
  forwardTimeout: {
    unit: "ms",
    minimum: 1,
    maximum: minute,
    default: second,
    meaning: "Longest time for onForward; then the message goes on unchanged",
    formula: "hops * forwardTimeout far below confirmDeadline",
    cost: "a message waits as long at each hop whose application hangs"
  },
  callbackTimeout: {
    unit: "ms",
    minimum: 1,
    maximum: hour,
    default: 10 * second,
    meaning: "Longest time for a callback for an event, such as onNodeJoin; then it is interrupted and onError told",
    formula: "deliverTimeout: whatever the application does takes no longer",
    cost: "later events wait while one hangs"
  }
} satisfies { readonly [name: string]: Field }

/**
 * The name of a setting, such as `lease`: a key of `fields`.
 *
 * @category models
 * @since 0.1.0
 */
export type FieldName = keyof typeof table

/**
 * Every setting: its unit, its range, its value in each preset, what it means,
 * what it follows from and what it costs.
 *
 * **When to use**
 *
 * To describe settings to people, as flags or a table do. For their values see `defaults` and `presets`.
 *
 * **Example** (The range of a setting)
 *
 * ```ts
 * import { ClusterConfig } from "effect-wendy"
 *
 * const { maximum, minimum, unit } = ClusterConfig.fields.lease
 * const range = [minimum, maximum, unit] // => [100, 600000, "ms"]
 * ```
 *
 * @category constants
 * @since 0.1.0
 */
export const fields: { readonly [Name in FieldName]: Field } = table

/**
 * The names of all settings, in the order of the table.
 *
 * @category constants
 * @since 0.1.0
 */
export const names = Object.keys(fields) as ReadonlyArray<FieldName>

/**
 * Whether only whole numbers are allowed: sizes, counts, and some times.
 *
 * **Example**
 *
 * ```ts
 * import { ClusterConfig } from "effect-wendy"
 *
 * ClusterConfig.isWhole(ClusterConfig.fields.window) // => true
 * ClusterConfig.isWhole(ClusterConfig.fields.lease) // => false
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const isWhole = ({ unit, whole }: Field): boolean => whole === true || unit !== "ms"

const schemaOf = (field: Field): Schema.Finite | Schema.Int => {
  const { maximum, minimum } = field
  const bounds = Schema.isBetween({ minimum, maximum })
  return isWhole(field) ? Schema.Int.check(bounds) : Schema.Finite.check(bounds)
}

const mapFields = <A>(f: (name: FieldName, field: Field) => A) =>
  Object.fromEntries(names.map((name) => [name, f(name, fields[name])])) as { readonly [Name in FieldName]: A }

/**
 * The settings of a Node, checked: a number for each name of `fields`.
 *
 * **When to use**
 *
 * Use it to decode whole settings, and as part of your own Schemas. To complete
 * and check some settings use `check`, whose messages are written for people.
 *
 * **Details**
 *
 * Every value is in its range, and two rules hold between them: `lease` is longer than
 * `renewal + (probeRetries + 1) * probe`, and `margin` is at least 0.1 % of `lease`.
 *
 * **Example** (Settings in a Schema of one's own)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { ClusterConfig } from "effect-wendy"
 *
 * const Service = Schema.Struct({ name: Schema.String, ring: ClusterConfig.ClusterConfig })
 * const isService = Schema.is(Service)
 *
 * isService({ name: "chat", ring: ClusterConfig.defaults }) // => true
 * isService({ name: "chat", ring: { ...ClusterConfig.defaults, lease: 5 } }) // => false
 * ```
 *
 * @category schemas
 * @since 0.1.0
 */
export const ClusterConfig = Schema.Struct(mapFields((_, field) => schemaOf(field))).check(
  Schema.makeFilter((config) => findConflicts(config)[0] ?? true)
)

/**
 * The settings of a Node, checked: a number for each name of `fields`.
 *
 * @category models
 * @since 0.1.0
 */
export type ClusterConfig = typeof ClusterConfig.Type

/**
 * Some settings, as a program gives them: times as a `Duration.Input`, where a number is milliseconds, sizes as a
 * `ByteSize.Input`, where a number is bytes.
 *
 * **Example** (In words, and in numbers)
 *
 * ```ts
 * import { Result } from "effect"
 * import { ClusterConfig } from "effect-wendy"
 *
 * const input: ClusterConfig.Input = { lease: "20 seconds", probe: 250, maxValueSize: "64 KiB" }
 * const { lease, maxValueSize, probe } = Result.getOrThrow(ClusterConfig.check(input))
 * const numbers = [lease, probe, maxValueSize] // => [20000, 250, 65536]
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Input = {
  readonly [Name in FieldName]?:
    | (typeof table[Name]["unit"] extends "ms" ? Duration.Input
      : typeof table[Name]["unit"] extends "bytes" ? ByteSize.Input
      : number)
    | undefined
}

/** What may be a time or a size: a number with a unit, but no time without end, and no object that names none. */
const isQuantity = (value: unknown): boolean =>
  typeof value === "string"
    ? /^\s*[\d.]+\s*[a-zA-Z]+\s*$/.test(value)
    : typeof value === "bigint" || (typeof value === "object" && value !== null && !Array.isArray(value) &&
      (Duration.isDuration(value) || Object.keys(value).length > 0))

/** A number of the unit of a setting; what is none stays as it is, for others to say so. */
const toNumber = ({ unit }: Field, value: unknown): unknown => {
  if (unit === "count" || !isQuantity(value)) return value
  const read: Option.Option<number | bigint> = unit === "ms"
    ? Option.map(Duration.fromInput(value as Duration.Input), Duration.toMillis)
    : Option.map(ByteSize.fromInput(value as ByteSize.Input), ByteSize.toBigInt)
  return Option.isSome(read) ? Number(read.value) : value
}

/**
 * The default settings, those of the preset `lan`.
 *
 * **Example** (How long a lease lasts)
 *
 * ```ts
 * import { ClusterConfig } from "effect-wendy"
 *
 * const milliseconds = ClusterConfig.defaults.lease // => 10000
 * ```
 *
 * @category constants
 * @since 0.1.0
 */
export const defaults: ClusterConfig = mapFields((_, field) => field.default)

const makePreset = (preset: Preset): ClusterConfig => mapFields((_, field) => field.presets?.[preset] ?? field.default)

/**
 * The settings of every preset.
 *
 * **Gotchas**
 *
 * All Nodes of a cluster must have the same `lease`, or they refuse each other, and should have the same `margin`: so
 * use one preset for all. A Node that counts longer on a lease than its neighbours
 * promise can answer for keys that have become another's.
 *
 * **Example** (A cluster over slow links)
 *
 * ```ts
 * import { Cluster, ClusterConfig } from "effect-wendy"
 *
 * export const NodeLive = Cluster.layer({
 *   join: ["10.1.0.7:7001", "10.2.0.7:7001"],
 *   config: { ...ClusterConfig.presets.wan, maxValueSize: 64 * 1024 }
 * })
 * ```
 *
 * @category constants
 * @since 0.1.0
 */
export const presets: { readonly [Name in Preset]: ClusterConfig } = {
  lan: makePreset("lan"),
  wan: makePreset("wan"),
  mspastry: makePreset("mspastry")
}

/**
 * One thing that is wrong with settings.
 *
 * **Details**
 *
 * - `field`, `value`: the setting, or the name that is none, and what was given. Both are missing where several
 *   settings contradict each other.
 * - `allowed`: what may be given, in words. It is missing where there is no such setting.
 * - `source`: where it was written: a variable, a file, a flag. It is missing where nobody said so.
 * - `message`: all of this in a sentence.
 *
 * **Example** (What is wrong, for a program)
 *
 * ```ts
 * import { Result } from "effect"
 * import { ClusterConfig } from "effect-wendy"
 *
 * const { problems } = Result.getOrThrow(Result.flip(ClusterConfig.check({ probeRetries: 2.5 })))
 * const allowed = problems.map((problem) => problem.allowed) // => ["a whole number from 0 to 10"]
 * ```
 *
 * @category schemas
 * @since 0.1.0
 */
export const Problem = Schema.Struct({
  field: Schema.optionalKey(Schema.String),
  value: Schema.optionalKey(Schema.Unknown),
  allowed: Schema.optionalKey(Schema.String),
  source: Schema.optionalKey(Schema.String),
  message: Schema.String
})

/**
 * One thing that is wrong with settings.
 *
 * @category models
 * @since 0.1.0
 */
export type Problem = typeof Problem.Type

/**
 * Settings that cannot be, with everything that is wrong with them. `message` is all of it in one line.
 *
 * @category errors
 * @since 0.1.0
 */
export class WendyConfigError extends Schema.TaggedError<WendyConfigError>()("WendyConfigError", {
  problems: Schema.NonEmptyArray(Problem)
}) {
  override get message(): string {
    return this.problems.map(({ message }) => message).join("; ")
  }
}

/**
 * A value as someone wrote it, and if it is known where: a variable, a file, a flag.
 *
 * @category models
 * @since 0.1.0
 */
export interface Written {
  /** As it was written, such as `10s`. */
  readonly text: string
  /** Where: the name of a variable, of a file, or a flag. */
  readonly source?: string | undefined
}

/**
 * Completes and checks settings.
 *
 * **When to use**
 *
 * To check settings without a Node. `Cluster` and `Client` do so themselves, and fail with `WendyOptionError`.
 *
 * **Details**
 *
 * What is `undefined` counts as not given and comes from `base`, without one from the defaults. All problems
 * are found, not only the first. `written` tells how and where a value was
 * given, for the messages.
 *
 * **Example** (A bad value)
 *
 * ```ts
 * import { Result } from "effect"
 * import { ClusterConfig } from "effect-wendy"
 *
 * const result = ClusterConfig.check({ lease: 5 })
 * const said = Result.match(result, { onSuccess: () => "", onFailure: (problem) => problem.message })
 * said // => "lease is 5: it must be a number of milliseconds from 100 to 600000"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const check = (
  input: { readonly [Name in FieldName]?: unknown },
  base: ClusterConfig = defaults,
  written: (name: string) => Written | undefined = () => undefined
): Result.Result<ClusterConfig, WendyConfigError> => {
  const problems: Array<Problem> = []
  for (const [name, value] of Object.entries(input)) {
    if (!isFieldName(name) && value !== undefined) problems.push(unknownSetting(name, names, written(name)?.source))
  }
  const config = mapFields((name, field) => input[name] === undefined ? base[name] : toNumber(field, input[name]))
  for (const name of names) {
    const problem = checkField(name, config[name], written(name))
    if (problem !== undefined) problems.push(problem)
  }
  const complete = config as ClusterConfig
  if (problems.length === 0) problems.push(...findConflicts(complete, written).map((message) => ({ message })))
  const [first, ...rest] = problems
  return first === undefined
    ? Result.succeed(complete)
    : Result.fail(new WendyConfigError({ problems: [first, ...rest] }))
}

/**
 * Whether there is a setting of this name.
 *
 * **Example**
 *
 * ```ts
 * import { ClusterConfig } from "effect-wendy"
 *
 * ClusterConfig.isFieldName("lease") // => true
 * ClusterConfig.isFieldName("leese") // => false
 * ```
 *
 * @category guards
 * @since 0.1.0
 */
export const isFieldName = (name: string): name is FieldName => Object.hasOwn(fields, name)

/**
 * What values a setting may have, in words.
 *
 * **Example**
 *
 * ```ts
 * import { ClusterConfig } from "effect-wendy"
 *
 * ClusterConfig.describeAllowed("window") // => "a whole number from 1 to 60000"
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const describeAllowed = (name: FieldName): string => {
  const field = fields[name]
  const kind = isWhole(field) ? "a whole number" : "a number"
  const unit = field.unit === "count" ? "" : field.unit === "ms" ? " of milliseconds" : " of bytes"
  return `${kind}${unit} from ${field.minimum} to ${field.maximum}`
}

/**
 * What to say of a name that is no setting, with the one that is most like it. `source` is where it was written.
 *
 * **Example**
 *
 * ```ts
 * import { ClusterConfig } from "effect-wendy"
 *
 * const { message } = ClusterConfig.unknownSetting("leese", ClusterConfig.names, "wendy.json")
 * const said = message // => "there is no setting \"leese\" (wendy.json): did you mean lease?"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const unknownSetting = (name: string, known: ReadonlyArray<string>, source?: string): Problem => {
  const meant = findSimilar(name, known)
  const place = source === undefined ? "" : ` (${source})`
  const hint = meant === undefined ? "see docs/configuration.md for all" : `did you mean ${meant}?`
  return {
    field: name,
    ...(source === undefined ? {} : { source }),
    message: `there is no setting ${JSON.stringify(name)}${place}: ${hint}`
  }
}

/**
 * The name that someone meant who wrote another: the one that differs least, and in a quarter of its letters
 * at most, or in one. Case and `-`, `_` and spaces do not count. Undefined when there is none.
 *
 * **Example**
 *
 * ```ts
 * import { ClusterConfig } from "effect-wendy"
 *
 * ClusterConfig.findSimilar("MAX_VALUE_SIZ", ClusterConfig.names) // => "maxValueSize"
 * ClusterConfig.findSimilar("colour", ClusterConfig.names) // => undefined
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const findSimilar = (name: string, known: ReadonlyArray<string>): string | undefined => {
  const plain = simplify(name)
  // A name without end is compared with nothing.
  if (plain.length > 64) return undefined
  let best: string | undefined
  let least = Math.max(1, Math.floor(plain.length / 4)) + 1
  for (const candidate of known) {
    const edits = countEdits(plain, simplify(candidate))
    if (edits < least) [best, least] = [candidate, edits]
  }
  return best
}

// -----------------------------------------------------------------------------
// internals
// -----------------------------------------------------------------------------

const checkField = (name: FieldName, value: unknown, written: Written | undefined): Problem | undefined => {
  const field = fields[name]
  const fits = typeof value === "number" && value >= field.minimum && value <= field.maximum &&
    (!isWhole(field) || Number.isInteger(value))
  if (fits) return undefined
  const isNumber = typeof value === "number" && !Number.isNaN(value)
  const allowed = describeAllowed(name) + (written === undefined || isNumber ? "" : unitHints[field.unit])
  return {
    field: name,
    value,
    allowed,
    ...(written?.source === undefined ? {} : { source: written.source }),
    message: `${name} is ${show(value, written)}: it must be ${allowed}`
  }
}

const unitHints = { ms: ", or a time such as 500ms, 10s or 2m", bytes: ", or a size such as 64KiB or 1MiB", count: "" }

/** As it was written where it was understood, else in quotes; never more than a line has room for. */
const show = (value: unknown, written?: Written): string => {
  const place = written?.source === undefined ? "" : ` (${written.source})`
  if (typeof value === "number") return (written?.text ?? String(value)) + place
  const text = typeof value === "string" ? JSON.stringify(value) : describeKind(value)
  return (text.length > 80 ? `${text.slice(0, 80)}...` : text) + place
}

const describeKind = (value: unknown): string => {
  if (Array.isArray(value)) return "an array"
  if (typeof value === "function") return "a function"
  return typeof value === "object" && value !== null ? "an object" : String(value)
}

/** What no two clocks differ by: those that follow a time server are slowed or hurried by 0.05 % at most. */
const clockDrift = 0.001

/** What is wrong with settings each of which is right. */
const findConflicts = (
  config: { readonly [Name in FieldName]: number },
  written: (name: string) => Written | undefined = () => undefined
): Array<string> => {
  const { lease, margin, probe, probeRetries, renewal } = config
  const say = (name: FieldName) => `${name} is ${show(config[name], written(name))}`
  const conflicts: Array<string> = []
  const needed = renewal + (probeRetries + 1) * probe
  if (lease <= needed) {
    const values = [say("lease"), say("renewal"), say("probe")].join(", ")
    conflicts.push(
      `${values} and ${say("probeRetries")}: lease must be longer than renewal + (probeRetries + 1) * probe, ` +
        `here ${needed}, or a single lost renewal ends it`
    )
  }
  if (margin < lease * clockDrift) {
    conflicts.push(
      `${say("margin")} and ${say("lease")}: margin must be at least 0.1 % of lease, here ${lease * clockDrift}, ` +
        "by which two clocks may differ"
    )
  }
  return conflicts
}

const simplify = (name: string): string => name.toLowerCase().replace(/[-_ ]/g, "")

/** Letters to put in, take out, change, or swap with the next, until one name is the other. */
const countEdits = (a: string, b: string): number => {
  let beforeLast: Array<number> = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let edits = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        edits = Math.min(edits, beforeLast[j - 2]! + 1)
      }
      row.push(edits)
    }
    beforeLast = last
    last = row
  }
  return last[b.length]!
}
