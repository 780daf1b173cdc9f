/**
 * Settings: reads a `ClusterConfig` from the environment, from a file, or from whatever a `ConfigProvider` reads.
 *
 * All settings, their ranges and presets are in `ClusterConfig.fields`. Times
 * may have a unit (`500ms`, `10s`, `2m`, `10 seconds`) or are milliseconds, sizes
 * may (`64KiB`, `1MiB`) or are bytes. Everything that is wrong is found, and said
 * with its name, its value, where it stands and what is allowed.
 *
 * Not needed where settings are written in code: `Cluster.Options.config` takes them as they are.
 *
 * @since 0.1.0
 */
import * as ByteSize from "effect/ByteSize"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as Environment from "./Environment.ts"
import {
  check,
  type ClusterConfig,
  type FieldName,
  fields,
  isFieldName,
  names,
  type Preset,
  presets,
  type Problem,
  unknownSetting,
  WendyConfigError,
  type Written
} from "./protocol/ClusterConfig.ts"

/**
 * Settings read by Effect's `Config`, with the names of `ClusterConfig.fields` and `preset`.
 *
 * **When to use**
 *
 * Use it as part of your own configuration, under a name of your choice. For
 * variables `WENDY_*` use `fromEnv`, for a file of its own `fromFile`: their errors
 * also say where a bad value stands.
 *
 * **Details**
 *
 * What is not given comes from the preset, which is `lan` unless it is given. It fails with `ConfigError`.
 *
 * **Gotchas**
 *
 * It reads the names that it knows and cannot see others: a misspelt name is not noticed.
 *
 * **Example** (Part of an application's configuration)
 *
 * ```ts
 * import { Config, ConfigProvider, Effect } from "effect"
 * import { Settings } from "effect-wendy"
 *
 * const provider = ConfigProvider.fromUnknown({ ring: { preset: "wan", maxValueSize: "64KiB" } })
 * const { lease, maxValueSize } = Effect.runSync(Settings.config.pipe(Config.nested("ring")).parse(provider))
 * const both = [lease, maxValueSize] // => [30000, 65536]
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export const config: Config.Config<ClusterConfig> = Config.all(
  Object.fromEntries(["preset", ...names].map((name) => [name, Config.option(Config.String(name))]))
).pipe(
  Config.mapEffect((texts) => {
    const source = makeSource()
    for (const [name, text] of Object.entries(texts)) {
      if (Option.isSome(text)) source.values.set(name, { text: text.value })
    }
    return Effect.mapError(
      resolve([source]),
      ({ message }) => new Config.ConfigError(new Schema.SchemaError(new SchemaIssue.InvalidValue({ message })))
    )
  })
)

/**
 * Settings from the variables `WENDY_PRESET` and `WENDY_<FIELD>`, such as `WENDY_LEASE` and `WENDY_MAX_VALUE_SIZE`.
 *
 * **When to use**
 *
 * Where a Node is set up by its environment, as in a container. With a file or flags besides, `load`.
 *
 * **Details**
 *
 * They are read through the current `ConfigProvider`, which without another is
 * the environment of the process. What is not given, or empty, comes from the preset.
 *
 * A name that is nearly that of a setting is an error: the Node would run with
 * other settings than someone believes. So is an unknown name that looks like a
 * secret. Any other unknown name is only warned of, and of what Kubernetes sets for
 * a service `wendy` (`WENDY_SERVICE_HOST`, `WENDY_PORT`) nothing is said.
 *
 * The program `wendy` also takes options of a Node from the environment, such as
 * `WENDY_JOIN` and `WENDY_PASSPHRASE`. They are no settings, and nothing reads them here.
 *
 * **Example** (A Node set up by its environment)
 *
 * ```ts
 * import { ConfigProvider, Effect, Layer } from "effect"
 * import { Cluster, Settings } from "effect-wendy"
 *
 * export const NodeLive = Layer.unwrap(Effect.map(Settings.fromEnv, (config) => Cluster.layer({ config })))
 *
 * // Without this line: the environment of the process.
 * const Environment = ConfigProvider.layer(ConfigProvider.fromEnv({ env: { WENDY_LEASE: "20s" } }))
 * const { lease } = await Effect.runPromise(Effect.provide(Settings.fromEnv, Environment))
 * const milliseconds = lease // => 20000
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export const fromEnv: Effect.Effect<ClusterConfig, WendyConfigError> = Effect.suspend(() =>
  Effect.flatMap(readEnvironment(false), (source) => resolve([source]))
)

/**
 * Settings from a file: a JSON object with the names of `ClusterConfig.fields` and `preset`.
 *
 * **When to use**
 *
 * Where settings are kept apart from the program. With the environment or flags besides, `load`.
 *
 * **Details**
 *
 * Values are numbers, or strings with a unit; `null` counts as not given. An
 * unknown name is an error, and so is a file that cannot be read.
 *
 * **Example** (A file)
 *
 * ```ts
 * import { NodeFileSystem } from "@effect/platform-node"
 * import { Effect, FileSystem } from "effect"
 * import { Settings } from "effect-wendy"
 *
 * const program = Effect.gen(function*() {
 *   const files = yield* FileSystem.FileSystem
 *   const path = yield* files.makeTempFileScoped()
 *   yield* files.writeFileString(path, `{ "preset": "wan", "maxValueSize": "64KiB" }`)
 *   const { lease, maxValueSize } = yield* Settings.fromFile(path)
 *   return [lease, maxValueSize]
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer))) // => [30000, 65536]
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export const fromFile = (path: string): Effect.Effect<ClusterConfig, WendyConfigError, FileSystem.FileSystem> =>
  Effect.flatMap(readFile(path), (source) => resolve([source]))

/**
 * Where `load` looks.
 *
 * @category models
 * @since 0.1.0
 */
export interface LoadOptions {
  /** Counts before that of the environment, which counts before that of the file. Default: these, or else `lan`. */
  readonly preset?: Preset | undefined
  /** The path of a JSON file, see `fromFile`. Default: none. */
  readonly file?: string | undefined
  /** Whether the environment counts, see `fromEnv`. Default true. */
  readonly environment?: boolean | undefined
  /** Settings as on a command line, `FIELD=VALUE`. Of several for one field the last counts. Default: none. */
  readonly set?: ReadonlyArray<string> | undefined
}

/**
 * Settings put together as the program `wendy` does.
 *
 * **When to use**
 *
 * For a program of one's own that takes settings from several places. From one place only, `fromEnv` or `fromFile`.
 *
 * **Details**
 *
 * Each counts before those ahead of it: the defaults, the preset, the file, the environment, `set`.
 * It fails with `ClusterConfig.WendyConfigError`.
 *
 * **Gotchas**
 *
 * A preset is what everything else starts from, wherever it is named: `WENDY_LEASE` counts before `preset`.
 *
 * **Example** (Flags before the environment)
 *
 * ```ts
 * import { NodeFileSystem } from "@effect/platform-node"
 * import { ConfigProvider, Effect, Layer } from "effect"
 * import { Settings } from "effect-wendy"
 *
 * const Environment = ConfigProvider.layer(ConfigProvider.fromEnv({ env: { WENDY_LEASE: "20s", WENDY_PROBE: "2s" } }))
 *
 * const { lease, probe } = await Effect.runPromise(
 *   Settings.load({ set: ["lease=25s"] }).pipe(Effect.provide(Layer.merge(Environment, NodeFileSystem.layer)))
 * )
 * const both = [lease, probe] // => [25000, 2000]
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export const load = (
  options: LoadOptions
): Effect.Effect<ClusterConfig, WendyConfigError, FileSystem.FileSystem> => loadFrom(options, false)

/**
 * As `load`, for the program: it reads the options of a Node from the environment, too.
 *
 * @internal
 */
export const loadForProgram = (
  options: LoadOptions
): Effect.Effect<ClusterConfig, WendyConfigError, FileSystem.FileSystem> => loadFrom(options, true)

/**
 * The variable for a setting: `WENDY_MAX_VALUE_SIZE` for `maxValueSize`.
 *
 * **Example**
 *
 * ```ts
 * import { Settings } from "effect-wendy"
 *
 * Settings.environmentName("maxValueSize") // => "WENDY_MAX_VALUE_SIZE"
 * ```
 *
 * @category conversions
 * @since 0.1.0
 */
export const environmentName: (name: string) => string = Environment.nameOf

/**
 * Reads a length of time in milliseconds: `10s`, `500ms`, `2m`, `1.5h`, `1d`, or as Effect writes it, `10 seconds`.
 * None when the text is none, or has no end.
 *
 * **Example**
 *
 * ```ts
 * import { Option } from "effect"
 * import { Settings } from "effect-wendy"
 *
 * Settings.parseTime("1.5h") // => Option.some(5400000)
 * Settings.parseTime("soon") // => Option.none()
 * ```
 *
 * @category conversions
 * @since 0.1.0
 */
export const parseTime = (text: string): Option.Option<number> => {
  const short = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/.exec(text)
  const input = short === null ? text : `${short[1]} ${timeUnits[short[2] as keyof typeof timeUnits]}`
  return Duration.fromInput(input as Duration.Input).pipe(
    Option.filter(Duration.isFinite),
    Option.map(Duration.toMillis)
  )
}

// -----------------------------------------------------------------------------
// internals
// -----------------------------------------------------------------------------

const settingNames = Environment.settingNames

const loadFrom = Effect.fnUntraced(function*(options: LoadOptions, isForProgram: boolean) {
  const sources: Array<Source> = []
  if (options.file !== undefined) sources.push(yield* readFile(options.file))
  if (options.environment !== false) sources.push(yield* readEnvironment(isForProgram))
  if (options.set !== undefined) sources.push(readAssignments(options.set))
  return yield* resolve(sources, options.preset)
})

const timeUnits = { ms: "millis", s: "seconds", m: "minutes", h: "hours", d: "days" } as const

/** A value that is no text, such as an array in a file, is kept to be shown. */
interface Given extends Written {
  readonly value?: unknown
}

/** What one place says: by name, known or `preset`, and what is wrong with the place itself. */
interface Source {
  readonly values: Map<string, Given>
  readonly problems: Array<Problem>
}

const makeSource = (): Source => ({ values: new Map(), problems: [] })

const isPreset = (text: string): text is Preset => Object.hasOwn(presets, text)

const problem = (message: string): WendyConfigError => new WendyConfigError({ problems: [{ message }] })

/** Later sources count before earlier ones; of a value that does not count nothing is said. */
const resolve = (sources: ReadonlyArray<Source>, preset?: Preset): Effect.Effect<ClusterConfig, WendyConfigError> =>
  Effect.suspend(() => {
    const problems = sources.flatMap(({ problems }) => problems)
    const given = new Map(sources.flatMap(({ values }) => [...values]))
    const named: Given | undefined = preset === undefined ? given.get("preset") : { text: preset }
    given.delete("preset")
    const base = named?.text ?? "lan"
    if (named !== undefined && !isPreset(base)) problems.push(badPreset(named))

    const input: { [Name in FieldName]?: unknown } = {}
    for (const [name, { text, value }] of given) {
      if (isFieldName(name)) input[name] = value ?? parse(name, text)
    }
    const result = check(input, isPreset(base) ? presets[base] : presets.lan, (name) => given.get(name))
    if (Result.isFailure(result)) problems.push(...result.failure.problems)
    const [first, ...rest] = problems
    if (first !== undefined) return Effect.fail(new WendyConfigError({ problems: [first, ...rest] }))
    return Effect.fromResult(result)
  })

const badPreset = ({ source, text, value }: Given): Problem => {
  const allowed = `one of ${Object.keys(presets).join(", ")}`
  const place = source === undefined ? "" : ` (${source})`
  return {
    field: "preset",
    value: value ?? text,
    allowed,
    ...(source === undefined ? {} : { source }),
    message: `preset is ${value === undefined ? JSON.stringify(text) : text}${place}: it must be ${allowed}`
  }
}

/** The text itself where it cannot be read, for the message. */
const parse = (name: FieldName, text: string): unknown => {
  const plain = text.trim()
  if (/^[+-]?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(plain)) return Number(plain)
  const { unit } = fields[name]
  if (unit === "ms") return Option.getOrElse(parseTime(plain), () => text)
  if (unit === "bytes") return Option.match(ByteSize.fromString(plain), { onNone: () => text, onSome: Number })
  return text
}

const readAssignments = (assignments: ReadonlyArray<string>): Source => {
  const source = makeSource()
  for (const assignment of assignments) {
    const at = assignment.indexOf("=")
    const name = assignment.slice(0, at === -1 ? undefined : at).trim()
    if (!settingNames.includes(name)) source.problems.push(unknownSetting(name, settingNames, "--set"))
    else if (at === -1) {
      source.problems.push({ field: name, message: `--set ${name} has no value: write ${name}=VALUE` })
    } else source.values.set(name, { text: assignment.slice(at + 1), source: "--set" })
  }
  return source
}

const readFile = Effect.fnUntraced(function*(path: string) {
  const files = yield* FileSystem.FileSystem
  const text = yield* Effect.mapError(
    files.readFileString(path),
    ({ reason }) => problem(`cannot read the settings file ${path} (${reason._tag}): name a file that you may read`)
  )
  const json = yield* Effect.try({
    try: (): unknown => JSON.parse(text),
    catch: (cause) => problem(`the settings file ${path} is no JSON: ${cause instanceof Error ? cause.message : cause}`)
  })
  const source = makeSource()
  // so that "" is a bad value and not a missing one
  const provider = ConfigProvider.fromUnknown(json, { preserveEmptyStrings: true })
  const root = yield* loadNode(provider, [])
  if (root?._tag !== "Record") {
    return yield* problem(`the settings file ${path} holds no object: write for example {"lease": "10s"}`)
  }
  for (const name of root.keys) {
    const node = yield* loadNode(provider, [name])
    if (!settingNames.includes(name)) source.problems.push(unknownSetting(name, settingNames, path))
    else if (node?._tag === "Value") source.values.set(name, { text: node.value, source: path })
    else if (node !== undefined) {
      const [text, value] = node._tag === "Array" ? ["an array", []] : ["an object", {}]
      source.values.set(name, { text, value, source: path })
    }
  }
  return source
})

const loadNode = (provider: ConfigProvider.ConfigProvider, path: ConfigProvider.Path) =>
  Effect.mapError(provider.load(path), ({ message }) => problem(`cannot read the settings: ${message}`))

/** Options of a Node are told of where nobody reads them: a passphrase that does not count must not look like one that does. */
const readEnvironment = (isForProgram: boolean): Effect.Effect<Source, WendyConfigError> =>
  Effect.gen(function*() {
    const { ignored, options, problems, settings } = yield* Environment.read
    const unread = isForProgram ? [] : Array.from(options.keys(), environmentName)
    const unused = [...ignored, ...unread].sort()
    if (unused.length > 0) {
      yield* Effect.logWarning(`these are no settings, and are ignored: ${unused.join(", ")}`).pipe(
        Effect.annotateLogs({ package: "effect-wendy", module: "effect-wendy/Settings" })
      )
    }
    return { values: new Map(settings), problems: [...problems] }
  })
