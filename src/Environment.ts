/**
 * Environment: what the variables `WENDY_*` say of a Node: its settings, its options, and its passphrase.
 *
 * They are read through the current `ConfigProvider`. Not all names that begin so are ours: for a service `wendy`
 * Kubernetes sets `WENDY_PORT=tcp://10.96.4.2:7001`, `WENDY_SERVICE_HOST` and others, and Docker's links do so too. Of
 * these nothing counts. A name that is nearly one of ours is an error, and so is an unknown one that looks like a
 * secret: somebody believes that it protects the Node.
 *
 * @since 0.1.0
 */
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Address from "./protocol/Address.ts"
import { findSimilar, names, type Problem, WendyConfigError } from "./protocol/ClusterConfig.ts"
import * as Credentials from "./protocol/Credentials.ts"
import * as SecretFile from "./SecretFile.ts"

const prefix = "WENDY"

/** Options of a Node that have a variable. */
const optionNames = [
  "join",
  "port",
  "region",
  "cluster",
  "localHost",
  "globalHost",
  "bind",
  "passphrase",
  "passphraseFile"
] as const

type OptionName = typeof optionNames[number]

/**
 * What the variables say.
 *
 * @category models
 * @since 0.1.0
 */
export interface Environment {
  /** Settings by their names, as they are written. */
  readonly settings: ReadonlyMap<string, { readonly text: string; readonly source: string }>
  /** Options that are given. */
  readonly options: ReadonlyMap<string, string>
  /** What nobody can have meant. */
  readonly problems: ReadonlyArray<Problem>
  /** Names that are none of ours. */
  readonly ignored: ReadonlyArray<string>
}

/**
 * The variable for a setting or an option: `WENDY_MAX_VALUE_SIZE` for `maxValueSize`.
 *
 * @category conversions
 * @since 0.1.0
 */
export const nameOf = (name: string): string =>
  prefix + "_" + name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()

/**
 * The names of all settings, and of what they start from.
 *
 * @category constants
 * @since 0.1.0
 */
export const settingNames: ReadonlyArray<string> = (["preset"] as ReadonlyArray<string>).concat(names)

/**
 * The variables for options of a Node.
 *
 * @category constants
 * @since 0.1.0
 */
export const optionVariables: ReadonlyArray<string> = optionNames.map(nameOf)

/**
 * Reads the environment.
 *
 * @category configuration
 * @since 0.1.0
 */
export const read: Effect.Effect<Environment, WendyConfigError> = Effect.gen(function*() {
  const provider = yield* ConfigProvider.ConfigProvider
  const found = new Map<string, string>()
  const ignored: Array<string> = []
  yield* visit(provider, [prefix], found)
  // A provider that does not cut names at underscores.
  for (const variable of wanted.keys()) {
    const node = found.has(variable) ? undefined : yield* load(provider, [variable])
    if (node?.value !== undefined) found.set(variable, node.value)
  }

  const settings = new Map<string, { readonly text: string; readonly source: string }>()
  const options = new Map<string, string>()
  const problems: Array<Problem> = []
  for (const [variable, text] of found) {
    if (isServiceLink(variable, text)) continue
    const known = wanted.get(variable)
    if (known?.isOption === true) {
      if (text !== "" || secrets.has(known.name)) options.set(known.name, text)
    } else if (known !== undefined) {
      if (text !== "") settings.set(known.name, { text, source: variable })
    } else {
      const problem = problemOf(variable, text)
      if (problem !== undefined) problems.push(problem)
      else if (text !== "") ignored.push(variable)
    }
  }

  // On most systems they are other names, and nobody would see that they do not count.
  const small = new Map<string, string>()
  yield* visit(provider, [prefix.toLowerCase()], small)
  for (const variable of small.keys()) {
    const meant = variable.toUpperCase()
    if (wanted.has(meant) || looksSecret(meant)) problems.push(makeProblem(variable, `write ${meant} in capitals`))
  }
  return { settings, options, problems, ignored: ignored.sort() }
})

/**
 * Fails with what is wrong with the names, if anything is.
 *
 * @category checks
 * @since 0.1.0
 */
export const check = ({ problems }: Environment): Effect.Effect<void, WendyConfigError> => {
  const [first, ...rest] = problems
  return first === undefined ? Effect.void : Effect.fail(new WendyConfigError({ problems: [first, ...rest] }))
}

/**
 * A text as it is: `region`, `cluster`, hosts.
 *
 * @category getters
 * @since 0.1.0
 */
export const text = (
  { options }: Environment,
  name: "region" | "cluster" | "localHost" | "globalHost" | "bind"
): Option.Option<string> => Option.fromUndefinedOr(options.get(name))

/**
 * Seeds, with commas or spaces between them.
 *
 * @category getters
 * @since 0.1.0
 */
export const join = ({ options }: Environment): Effect.Effect<ReadonlyArray<string>, WendyConfigError> => {
  const seeds = (options.get("join") ?? "").split(/[\s,]+/).filter((seed) => seed !== "")
  const bad = seeds.find((seed) => Option.isNone(Address.parse(seed)))
  return bad === undefined
    ? Effect.succeed(seeds)
    : refuse("join", bad, "it must be HOST:PORT, several with commas between them, an IPv6 host in brackets")
}

/**
 * The port to listen on.
 *
 * @category getters
 * @since 0.1.0
 */
export const port = ({ options }: Environment): Effect.Effect<Option.Option<number>, WendyConfigError> => {
  const text = options.get("port")?.trim()
  if (text === undefined) return Effect.succeedNone
  return /^\d{1,5}$/.test(text) && Number(text) <= 65_535
    ? Effect.succeedSome(Number(text))
    : refuse("port", text, "it must be a whole number from 0 to 65535")
}

/**
 * Where the passphrase is; none when the environment names none.
 *
 * @category models
 * @since 0.1.0
 */
export type Secret =
  | { readonly _tag: "Text"; readonly text: Redacted.Redacted<string>; readonly what: string }
  | { readonly _tag: "File"; readonly path: string; readonly what: string }

/**
 * The passphrase, or the file that holds it. A variable that is there and says nothing is an error: without the secret
 * that somebody meant to give, the Node would let everybody in.
 *
 * @category getters
 * @since 0.1.0
 */
export const passphrase = ({ options }: Environment): Effect.Effect<Option.Option<Secret>, WendyConfigError> => {
  for (const name of secrets) {
    if (options.get(name)?.trim() !== "") continue
    const variable = nameOf(name)
    return fail(
      variable,
      `${variable} is empty: give it a value, or do not set it at all for a cluster without a secret`
    )
  }
  const text = options.get("passphrase")
  const path = options.get("passphraseFile")
  if (text !== undefined && path !== undefined) {
    return fail(nameOf("passphrase"), `${nameOf("passphrase")} and ${nameOf("passphraseFile")}: leave one of them out`)
  }
  if (path !== undefined) return Effect.succeedSome({ _tag: "File", path, what: nameOf("passphraseFile") })
  return text === undefined
    ? Effect.succeedNone
    : Effect.succeedSome({ _tag: "Text", text: Redacted.make(text), what: nameOf("passphrase") })
}

/**
 * The passphrases themselves.
 *
 * @category getters
 * @since 0.1.0
 */
export const passphrases = Effect.fnUntraced(function*(environment: Environment) {
  const secret = yield* passphrase(environment)
  if (Option.isNone(secret)) return Option.none()
  return Option.some(
    secret.value._tag === "File"
      ? yield* SecretFile.readPassphrases(secret.value.path)
      : yield* SecretFile.parsePassphrases(Redacted.value(secret.value.text), secret.value.what)
  )
})

/**
 * All options of a Node that have a variable; `undefined` where it is not set.
 *
 * @category getters
 * @since 0.1.0
 */
export const nodeOptions = Effect.gen(function*() {
  const environment = yield* Effect.tap(read, check)
  const secrets = yield* passphrases(environment)
  const given = (name: Parameters<typeof text>[1]) => Option.getOrUndefined(text(environment, name))
  return {
    join: yield* join(environment),
    port: Option.getOrUndefined(yield* port(environment)),
    region: given("region"),
    cluster: given("cluster"),
    localHost: given("localHost"),
    globalHost: given("globalHost"),
    bind: given("bind"),
    credentials: Option.isSome(secrets) ? Credentials.passphrase(secrets.value) : undefined
  }
})

// -----------------------------------------------------------------------------
// internals
// -----------------------------------------------------------------------------

/** To set one of these to nothing is no way to leave it out. */
const secrets: ReadonlySet<string> = new Set<OptionName>(["passphrase", "passphraseFile"])

interface Wanted {
  readonly name: string
  readonly isOption: boolean
}

const wantedOf = (names: ReadonlyArray<string>, isOption: boolean): ReadonlyArray<readonly [string, Wanted]> =>
  names.map((name) => [nameOf(name), { name, isOption }])

const wanted = new Map<string, Wanted>(wantedOf(settingNames, false).concat(wantedOf(optionNames, true)))

/** Names from habit that could mean more than one of ours. */
const habits: ReadonlyMap<string, string> = new Map([
  ["HOST", "WENDY_BIND, where to listen, or WENDY_LOCAL_HOST, what others are told"],
  ["IP", "WENDY_BIND, where to listen, or WENDY_LOCAL_HOST, what others are told"],
  ["LISTEN", "WENDY_BIND, or WENDY_PORT"],
  ["ADDRESS", "WENDY_BIND, where to listen, or WENDY_LOCAL_HOST, what others are told"],
  ["LOCAL_IP", "WENDY_LOCAL_HOST"],
  ["GLOBAL_IP", "WENDY_GLOBAL_HOST"],
  ["SEED", "WENDY_JOIN"],
  ["SEEDS", "WENDY_JOIN"],
  ["PEERS", "WENDY_JOIN"]
])

const makeProblem = (variable: string, hint: string): Problem => ({
  field: variable,
  source: variable,
  message: `there is no setting ${variable}: ${hint}`
})

const problemOf = (variable: string, text: string): Problem | undefined => {
  const name = variable.slice(prefix.length + 1)
  // First, for a secret that goes by another name must never be found to be a setting.
  if (looksSecret(variable)) {
    const meant = findSimilar(name, [...secrets])
    return makeProblem(
      variable,
      meant === undefined
        ? "it looks like a secret, and would protect nothing. WENDY_PASSPHRASE and WENDY_PASSPHRASE_FILE are known"
        : `did you mean ${nameOf(meant)}?`
    )
  }
  if (text === "") return undefined
  const habit = habits.get(name)
  if (habit !== undefined) return makeProblem(variable, `did you mean ${habit}?`)
  const meant = findSimilar(name, [...settingNames, ...optionNames])
  return meant === undefined ? undefined : makeProblem(variable, `did you mean ${nameOf(meant)}?`)
}

const looksSecret = (variable: string): boolean =>
  /PASS|SECRET|TOKEN|CERT|CREDENTIAL/.test(variable) ||
  /_([A-Z0-9]*KEYS?|PWD|PW|PSK|CA|CRL|PEM|TLS|SSL|AUTH[A-Z]*)(_|$)/.test(variable)

/** What Kubernetes sets for a service, and Docker for a link. */
const isServiceLink = (variable: string, text: string): boolean =>
  /_SERVICE_HOST$|_SERVICE_PORT(_(\w+|<number>))?$|_PORT_(\d+|<number>)(_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?$/.test(
    variable
  ) ||
  (variable.endsWith("_PORT") && /^(tcp|udp|sctp):\/\//i.test(text))

const load = (provider: ConfigProvider.ConfigProvider, path: ConfigProvider.Path) =>
  Effect.mapError(
    provider.load(path),
    ({ message }) => new WendyConfigError({ problems: [{ message: `cannot read the environment: ${message}` }] })
  )

/** The provider cannot list names, but the pieces between underscores: they are put together again. */
const visit = (
  provider: ConfigProvider.ConfigProvider,
  path: ReadonlyArray<string>,
  found: Map<string, string>
): Effect.Effect<void, WendyConfigError> =>
  Effect.flatMap(load(provider, path), (node) => {
    const variable = path.join("_")
    if (path.length > 1) {
      if (node?.value !== undefined) found.set(variable, node.value)
      // A name without names below it that has no value has an empty one.
      else if (node === undefined) found.set(variable, "")
    }
    // WENDY_SOMETHING_0 and the like: nothing of ours is called so, and the numbers may be large.
    if (node?._tag === "Array") found.set(`${variable}_<number>`, "a list")
    return node?._tag === "Record"
      ? Effect.forEach(node.keys, (key) => visit(provider, [...path, key], found), { discard: true })
      : Effect.void
  })

const fail = (variable: string, message: string): Effect.Effect<never, WendyConfigError> =>
  Effect.fail(new WendyConfigError({ problems: [{ field: variable, source: variable, message }] }))

const refuse = (name: OptionName, value: string, allowed: string): Effect.Effect<never, WendyConfigError> => {
  const variable = nameOf(name)
  return fail(variable, `${name} is ${JSON.stringify(value.slice(0, 80))} (${variable}): ${allowed}`)
}
