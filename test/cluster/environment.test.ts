/** Nodes whose options come from the environment, or from Effect's `Config`. */
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Cluster from "../../src/Cluster.ts"
import * as Credentials from "../../src/protocol/Credentials.ts"
import { kill } from "../../src/testing.ts"
import * as Memory from "../../src/transport/Memory.ts"

const secret = "a passphrase that is long enough"

const variables = (env: Record<string, string>) => ConfigProvider.layer(ConfigProvider.fromEnv({ env }))

/** A Node that is set up by these variables, as what `use` makes of it. */
const withNode = <A, E>(
  env: Record<string, string>,
  use: (cluster: Cluster.Cluster["Service"]) => Effect.Effect<A, E>,
  options?: Cluster.Options
) =>
  Effect.gen(function*() {
    const cluster = yield* Cluster.Cluster
    const result = yield* use(cluster)
    yield* kill(cluster)
    return result
  }).pipe(
    Effect.provide(Cluster.layerFromEnv(options).pipe(Layer.provide(variables(env))), { local: true }),
    Effect.provide(NodeFileSystem.layer)
  )

const messageOf = (env: Record<string, string>) =>
  Effect.map(Effect.flip(withNode(env, () => Effect.void)), (error) => (error as Error).message)

describe("layerFromEnv", () => {
  it.effect("takes options and settings, and those in code count before", () =>
    Effect.gen(function*() {
      const env = { WENDY_PORT: "7005", WENDY_REGION: "eu", WENDY_LOCAL_HOST: "10.0.0.5", WENDY_BIND: "10.0.0.5" }
      const seen = yield* withNode(env, (cluster) => cluster.node, { region: "us", localHost: undefined })
      assert.deepStrictEqual([seen.port, seen.region, seen.localHost], [7_005, "us", "10.0.0.5"])
    }).pipe(Effect.provide(Memory.layerHost("10.0.0.5")), Effect.provide(Memory.layerNetwork)))

  it.live("proves the passphrase of a variable, and of a file", () =>
    Effect.gen(function*() {
      const files = yield* FileSystem.FileSystem
      const path = yield* files.makeTempFileScoped()
      yield* files.writeFileString(path, `${secret}\n`)
      yield* files.chmod(path, 0o600)
      const seed = yield* Cluster.make({ credentials: Credentials.passphrase(Redacted.make(secret)) })
      yield* seed.ready
      const join = `127.0.0.1:${seed.address.port}`
      for (const env of [{ WENDY_PASSPHRASE: secret }, { WENDY_PASSPHRASE_FILE: path }]) {
        yield* withNode({ ...env, WENDY_JOIN: join }, (cluster) => cluster.ready)
      }
      const refused = yield* Effect.flip(withNode({ WENDY_JOIN: join }, (cluster) => cluster.ready))
      assert.strictEqual((refused as Cluster.WendyJoinError).reason._tag, "Refused")
      yield* kill(seed)
    }).pipe(Effect.scoped, Effect.provide(Layer.merge(Memory.layer, NodeFileSystem.layer))), 30_000)

  it.effect("a secret that is empty, a name that is nearly one, and a setting that cannot be are errors", () =>
    Effect.gen(function*() {
      assert.match(yield* messageOf({ WENDY_PASSPHRASE: " " }), /WENDY_PASSPHRASE is empty/)
      assert.match(yield* messageOf({ WENDY_SECRET_TOKEN: "x" }), /WENDY_SECRET_TOKEN/)
      assert.match(yield* messageOf({ WENDY_LEASE: "5" }), /lease is 5/)
      assert.match(yield* messageOf({ WENDY_PORT: "high" }), /must be a whole number from 0 to 65535/)
      assert.match(yield* messageOf({ WENDY_PASSPHRASE_FILE: "/nowhere" }), /cannot read the passphrase file/)
    }).pipe(Effect.provide(Memory.layer)))
})

describe("layerConfig", () => {
  it.effect("takes each option from a Config of its own", () =>
    Effect.gen(function*() {
      const node = Cluster.layerConfig({
        port: Config.Port("RING_PORT"),
        region: Config.String("RING_REGION"),
        config: Config.succeed({ lease: "20 seconds" as const })
      })
      const program = Effect.gen(function*() {
        const cluster = yield* Cluster.Cluster
        const { port, region } = yield* cluster.node
        yield* kill(cluster)
        return [port, region]
      })
      const env = { RING_PORT: "7006", RING_REGION: "eu" }
      const run = (env: Record<string, string>) => Effect.provide(program, node.pipe(Layer.provide(variables(env))))
      assert.deepStrictEqual(yield* run(env), [7_006, "eu"])
      assert.strictEqual((yield* Effect.flip(run({ RING_REGION: "eu" })))._tag, "ConfigError")
    }).pipe(Effect.provide(Memory.layer)))
})
