import { assert, describe, it } from "@effect/vitest"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as PlatformError from "effect/PlatformError"
import { defaults, names, presets } from "../src/protocol/ClusterConfig.ts"
import * as Settings from "../src/Settings.ts"

const environment = (env: Record<string, string>) => ConfigProvider.layer(ConfigProvider.fromEnv({ env }))

/** Files by name; any other is not found. */
const files = (texts: Record<string, string>) =>
  Layer.succeed(FileSystem.FileSystem)(FileSystem.makeNoop({
    readFileString: (path) =>
      texts[path] === undefined
        ? Effect.fail(PlatformError.systemError({ _tag: "NotFound", module: "FileSystem", method: "readFileString" }))
        : Effect.succeed(texts[path])
  }))

const fromEnv = (env: Record<string, string>) => Effect.provide(Settings.fromEnv, environment(env))

const message = <A, R>(effect: Effect.Effect<A, { readonly message: string }, R>) =>
  Effect.map(Effect.flip(effect), ({ message }) => message)

describe("Settings.config", () => {
  const parse = (input: unknown) => Settings.config.parse(ConfigProvider.fromUnknown(input))

  it.effect("nothing given: the defaults", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* parse({}), defaults)
    }))

  it.effect("reads numbers, times and sizes", () =>
    Effect.gen(function*() {
      const input = { lease: "20s", probe: 900, maxValueSize: "64KiB", window: 7, hold: "1.5m", exchange: "10 seconds" }
      assert.deepStrictEqual(yield* parse(input), {
        ...defaults,
        lease: 20_000,
        probe: 900,
        maxValueSize: 65_536,
        window: 7,
        hold: 90_000,
        exchange: 10_000
      })
    }))

  it.effect("starts from a preset, under a name of one's own", () =>
    Effect.gen(function*() {
      const provider = ConfigProvider.fromUnknown({ ring: { preset: "wan", probe: "2s" } })
      const config = yield* Settings.config.pipe(Config.nested("ring")).parse(provider)
      assert.deepStrictEqual(config, { ...presets.wan, probe: 2_000 })
    }))

  it.effect("is an effect that reads the current provider", () =>
    Effect.gen(function*() {
      const config = yield* Effect.provide(
        Settings.config,
        ConfigProvider.layer(ConfigProvider.fromUnknown({ window: 9 }))
      )
      assert.strictEqual(config.window, 9)
    }))

  it.effect("a bad value is a ConfigError that names it", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(parse({ lease: "5ms", window: "many", preset: "lann" }))
      assert.strictEqual(error._tag, "ConfigError")
      for (
        const part of [
          "lease is 5ms: it must be a number of milliseconds from 100 to 600000",
          `window is "many": it must be a whole number from 1 to 60000`,
          `preset is "lann": it must be one of lan, wan, mspastry`
        ]
      ) assert.include(error.message, part)
    }))
})

describe("Settings.fromEnv", () => {
  it.effect("reads every setting under its name", () =>
    Effect.gen(function*() {
      const env = Object.fromEntries(names.map((name) => [Settings.environmentName(name), String(presets.wan[name])]))
      assert.strictEqual(env["WENDY_MAX_VALUE_SIZE"], "1048576")
      assert.deepStrictEqual(yield* fromEnv(env), presets.wan)
      assert.deepStrictEqual(yield* fromEnv({ WENDY_PRESET: "mspastry" }), presets.mspastry)
      assert.deepStrictEqual(yield* fromEnv({ PATH: "/bin", WENDY_LEASE: "", WENDY: "x" }), defaults)
    }))

  it.effect("keeps names apart of which one begins another", () =>
    Effect.gen(function*() {
      const both = yield* fromEnv({ WENDY_PROBE: "900ms", WENDY_PROBE_RETRIES: "3" })
      assert.deepStrictEqual(both, { ...defaults, probe: 900, probeRetries: 3 })
      assert.deepStrictEqual(yield* fromEnv({ WENDY_PROBE_RETRIES: "3" }), { ...defaults, probeRetries: 3 })
      assert.deepStrictEqual(
        yield* fromEnv({ WENDY_MAX_CUSTODY: "9", WENDY_MAX_CUSTODY_BYTES: "1MiB" }),
        { ...defaults, maxCustody: 9, maxCustodyBytes: 1024 * 1024 }
      )
    }))

  it.effect("reads a provider that does not cut names at underscores", () =>
    Effect.gen(function*() {
      const provider = ConfigProvider.layer(ConfigProvider.fromUnknown({ WENDY_LEASE: "20s" }))
      assert.strictEqual((yield* Effect.provide(Settings.fromEnv, provider)).lease, 20_000)
    }))

  it.effect("a bad value is named, with its variable and its range", () =>
    Effect.gen(function*() {
      assert.strictEqual(
        yield* message(fromEnv({ WENDY_LEASE: "5" })),
        "lease is 5 (WENDY_LEASE): it must be a number of milliseconds from 100 to 600000"
      )
      assert.strictEqual(
        yield* message(fromEnv({ WENDY_LEASE: "soon" })),
        `lease is "soon" (WENDY_LEASE): it must be a number of milliseconds from 100 to 600000, or a time such as 500ms, 10s or 2m`
      )
      assert.strictEqual(
        yield* message(fromEnv({ WENDY_MAX_VALUE_SIZE: "1 parsec" })),
        `maxValueSize is "1 parsec" (WENDY_MAX_VALUE_SIZE): it must be a whole number of bytes from 0 to 67108864, or a size such as 64KiB or 1MiB`
      )
      assert.strictEqual(
        yield* message(fromEnv({ WENDY_PRESET: "moon" })),
        `preset is "moon" (WENDY_PRESET): it must be one of lan, wan, mspastry`
      )
      assert.include(
        yield* message(fromEnv({ WENDY_PRESET: "wan", WENDY_LEASE: "15s" })),
        "lease is 15s (WENDY_LEASE), renewal is 10000, probe is 3000"
      )
      const error = yield* Effect.flip(fromEnv({ WENDY_LEASE: "-1" }))
      assert.strictEqual(error._tag, "WendyConfigError")
      const { field, source, value } = error.problems[0]
      assert.deepStrictEqual({ field, source, value }, { field: "lease", source: "WENDY_LEASE", value: -1 })
    }))

  it.effect("a name that is nearly a setting is an error", () =>
    Effect.gen(function*() {
      for (const name of ["WENDY_LEESE", "WENDY_lease", "WENDY_LEASE_"]) {
        const said = yield* message(fromEnv({ [name]: "10s" }))
        assert.strictEqual(said, `there is no setting ${name}: did you mean WENDY_LEASE?`)
      }
      assert.include(yield* message(fromEnv({ WENDY_MAXVALUESIZE: "9" })), "did you mean WENDY_MAX_VALUE_SIZE?")
      assert.include(yield* message(fromEnv({ WENDY_PRESTE: "wan" })), "did you mean WENDY_PRESET?")
    }))

  it.effect("any other is ignored with one warning", () => {
    const said: Array<unknown> = []
    const logger = Logger.layer([Logger.make(({ logLevel, message }) => said.push([logLevel, message]))])
    return Effect.gen(function*() {
      const env = {
        WENDY_HOME: "/opt/wendy",
        WENDY_HOME_X: "",
        WENDY_A_4294967294: "x",
        WENDY_JOIN: "10.0.0.1:7001",
        WENDY_WINDOW: "5"
      }
      assert.deepStrictEqual(yield* fromEnv(env), { ...defaults, window: 5 })
      assert.strictEqual(said.length, 1)
      assert.include(JSON.stringify(said[0]), "WENDY_A_<number>, WENDY_HOME, WENDY_JOIN")
      assert.include(JSON.stringify(said[0]), "Warn")
      assert.notInclude(JSON.stringify(said[0]), "WENDY_WINDOW")
      yield* fromEnv({ WENDY_WINDOW: "5", WENDYS: "1" })
      assert.strictEqual(said.length, 1)
    }).pipe(Effect.provide(logger))
  })
})

describe("Settings.fromFile", () => {
  const read = (text: string) => Effect.provide(Settings.fromFile("wendy.json"), files({ "wendy.json": text }))

  it.effect("reads numbers and texts, and nothing else", () =>
    Effect.gen(function*() {
      const text = `{"preset":"wan","maxValueSize":"64KiB","window":9,"probe":2.5e3,"hold":null}`
      const expected = { ...presets.wan, maxValueSize: 65_536, window: 9, probe: 2_500 }
      assert.deepStrictEqual(yield* Effect.provide(read(text), environment({ WENDY_WINDOW: "5" })), expected)
    }))

  it.effect("says what is wrong, and in which file", () =>
    Effect.gen(function*() {
      const cases = [
        [`{"lease":5}`, "lease is 5 (wendy.json): it must be a number of milliseconds from 100 to 600000"],
        [`{"lease":""}`, `lease is "" (wendy.json): it must be`],
        [`{"lease":1e400}`, `lease is "Infinity" (wendy.json): it must be`],
        [`{"window":[3]}`, "window is an array (wendy.json): it must be a whole number"],
        [`{"window":{"a":1}}`, "window is an object (wendy.json): it must be a whole number"],
        [`{"window":true}`, `window is "true" (wendy.json): it must be a whole number`],
        [`{"leese":5}`, `there is no setting "leese" (wendy.json): did you mean lease?`],
        [`{"__proto__":5}`, `there is no setting "__proto__" (wendy.json)`],
        [`{"preset":["wan"]}`, "preset is an array (wendy.json): it must be one of"],
        [`{"preset":"toString"}`, `preset is "toString" (wendy.json): it must be one of`],
        [`[1]`, "the settings file wendy.json holds no object"],
        [`null`, "the settings file wendy.json holds no object"],
        [`{"lease":`, "the settings file wendy.json is no JSON"]
      ] as const
      for (const [text, expected] of cases) assert.include(yield* message(read(text)), expected)
      assert.include(
        yield* message(Effect.provide(Settings.fromFile("other.json"), files({}))),
        "cannot read the settings file other.json (NotFound)"
      )
    }))
})

describe("Settings.load", () => {
  const places = Layer.merge(
    environment({ WENDY_WINDOW: "20", WENDY_LEASE: "22s" }),
    files({
      "wendy.json": `{"preset":"wan","window":10,"lease":"21s","maxOwn":10,"probe":"1s"}`,
      "bad.json": `{"window":0}`
    })
  )
  const load = (options: Settings.LoadOptions) => Effect.provide(Settings.load(options), places)

  it.effect("each place counts before those ahead of it", () =>
    Effect.gen(function*() {
      const all = { file: "wendy.json", set: ["window=29", "window=30"] }
      assert.deepStrictEqual(yield* load(all), {
        ...presets.wan,
        maxOwn: 10,
        probe: 1_000,
        lease: 22_000,
        window: 30
      })
      const other = yield* load({ ...all, preset: "lan", environment: false })
      assert.deepStrictEqual(other, { ...presets.lan, maxOwn: 10, probe: 1_000, lease: 21_000, window: 30 })
      assert.deepStrictEqual(yield* load({ environment: false }), defaults)
      assert.strictEqual((yield* load({})).window, 20)
    }))

  it.effect("the preset: from the options, else the environment, else the file", () =>
    Effect.gen(function*() {
      const withPreset = (options: Settings.LoadOptions) =>
        Effect.provide(
          Settings.load(options),
          Layer.merge(environment({ WENDY_PRESET: "mspastry" }), files({ f: `{"preset":"wan"}` }))
        )
      assert.deepStrictEqual(yield* withPreset({ file: "f" }), presets.mspastry)
      assert.deepStrictEqual(yield* withPreset({ file: "f", preset: "lan" }), presets.lan)
      assert.deepStrictEqual(yield* withPreset({ file: "f", environment: false }), presets.wan)
    }))

  it.effect("says of a value that counts where it stands, and nothing of one that does not", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* load({ file: "bad.json" })).window, 20)
      assert.include(yield* message(load({ file: "bad.json", environment: false })), "window is 0 (bad.json)")
      assert.include(yield* message(load({ set: ["window=0"] })), "window is 0 (--set)")
    }))

  it.effect("reads assignments", () =>
    Effect.gen(function*() {
      const set = (...set: ReadonlyArray<string>) => load({ environment: false, set })
      assert.strictEqual((yield* set("lease = 20 seconds")).lease, 20_000)
      assert.strictEqual(yield* message(set("lease")), "--set lease has no value: write lease=VALUE")
      assert.include(yield* message(set("lease=")), `lease is "" (--set): it must be`)
      assert.include(yield* message(set("leese=1")), `there is no setting "leese" (--set): did you mean lease?`)
      assert.include(yield* message(set("=1")), `there is no setting "" (--set)`)
      assert.include(yield* message(set("window=1s")), `window is "1s" (--set): it must be a whole number`)
    }))
})

describe("Settings.parseTime", () => {
  it("reads times with a unit", () => {
    const millis = (text: string) => Option.getOrUndefined(Settings.parseTime(text))
    assert.deepStrictEqual(["500ms", "10s", "2m", "1.5h", "1d", "10 seconds", "0s"].map(millis), [
      500,
      10_000,
      120_000,
      5_400_000,
      86_400_000,
      10_000,
      0
    ])
    for (const text of ["", "5", "s", "5x", "Infinity", "1e3s"]) assert.isUndefined(millis(text), text)
  })
})
