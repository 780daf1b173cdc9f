import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Environment from "../src/Environment.ts"
import { defaults } from "../src/protocol/ClusterConfig.ts"
import * as Settings from "../src/Settings.ts"

const provide = (env: Record<string, string>) => Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env })))

const read = (env: Record<string, string>) => Effect.tap(Environment.read, Environment.check).pipe(provide(env))

const message = <A, R>(effect: Effect.Effect<A, { readonly message: string }, R>) =>
  Effect.map(Effect.flip(effect), ({ message }) => message)

/** What Kubernetes sets for services of these names. */
const serviceLinks = (...services: ReadonlyArray<string>) =>
  Object.assign(
    {},
    ...services.map((service) => ({
      [`${service}_SERVICE_HOST`]: "10.96.4.2",
      [`${service}_SERVICE_PORT`]: "7001",
      [`${service}_SERVICE_PORT_RING`]: "7001",
      [`${service}_SERVICE_PORT_9`]: "7001",
      [`${service}_PORT`]: "tcp://10.96.4.2:7001",
      [`${service}_PORT_7001_TCP`]: "tcp://10.96.4.2:7001",
      [`${service}_PORT_7001_TCP_PROTO`]: "tcp",
      [`${service}_PORT_7001_TCP_PORT`]: "7001",
      [`${service}_PORT_7001_TCP_ADDR`]: "10.96.4.2"
    }))
  ) as Record<string, string>

describe("Environment", () => {
  it.effect("options of a Node", () =>
    Effect.gen(function*() {
      const environment = yield* read({
        WENDY_JOIN: "10.0.0.1:7001, 10.0.0.2:7001  [::1]:7001,",
        WENDY_PORT: " 7001 ",
        WENDY_REGION: "eu",
        WENDY_CLUSTER: "prod",
        WENDY_LOCAL_HOST: "10.0.0.7",
        WENDY_GLOBAL_HOST: "192.0.2.7",
        WENDY_BIND: "0.0.0.0",
        WENDY_PASSPHRASE: "a passphrase of ours"
      })
      assert.deepStrictEqual(yield* Environment.join(environment), ["10.0.0.1:7001", "10.0.0.2:7001", "[::1]:7001"])
      assert.deepStrictEqual(yield* Environment.port(environment), Option.some(7001))
      const names = ["region", "cluster", "localHost", "globalHost", "bind"] as const
      assert.deepStrictEqual(
        names.map((name) => Option.getOrUndefined(Environment.text(environment, name))),
        ["eu", "prod", "10.0.0.7", "192.0.2.7", "0.0.0.0"]
      )
      const secret = Option.getOrThrow(yield* Environment.passphrase(environment))
      assert.strictEqual(secret._tag === "Text" && Redacted.value(secret.text), "a passphrase of ours")
      assert.notInclude(JSON.stringify(secret), "ours")
    }))

  it.effect("nothing, or nothing in it: as if it were not there", () =>
    Effect.gen(function*() {
      for (const env of [{}, { WENDY_JOIN: "", WENDY_PORT: "", WENDY_REGION: "", WENDY_LEASE: "" }]) {
        const environment = yield* read(env)
        assert.deepStrictEqual(yield* Environment.join(environment), [])
        assert.deepStrictEqual(yield* Environment.port(environment), Option.none())
        assert.deepStrictEqual(Environment.text(environment, "region"), Option.none())
        assert.deepStrictEqual(yield* Environment.passphrase(environment), Option.none())
      }
    }))

  it.effect("a bad option is named, with its variable", () =>
    Effect.gen(function*() {
      for (const port of ["70000", "-1", "http", "7001x", "1e3"]) {
        const environment = yield* read({ WENDY_PORT: port })
        assert.include(yield* message(Environment.port(environment)), `port is "${port}" (WENDY_PORT): it must be`)
      }
      const environment = yield* read({ WENDY_JOIN: "10.0.0.1:7001,nowhere" })
      assert.include(
        yield* message(Environment.join(environment)),
        `join is "nowhere" (WENDY_JOIN): it must be HOST:PORT`
      )
    }))

  it.effect("a secret that is named and not given is an error", () =>
    Effect.gen(function*() {
      for (const name of ["WENDY_PASSPHRASE", "WENDY_PASSPHRASE_FILE"]) {
        for (const text of ["", " ", "\n\t"]) {
          const environment = yield* read({ [name]: text })
          assert.include(yield* message(Environment.passphrase(environment)), `${name} is empty`)
        }
      }
      const both = yield* read({ WENDY_PASSPHRASE: "a", WENDY_PASSPHRASE_FILE: "b" })
      assert.include(yield* message(Environment.passphrase(both)), "leave one of them out")
      const file = yield* read({ WENDY_PASSPHRASE_FILE: "/run/secrets/wendy" })
      assert.deepInclude(Option.getOrThrow(yield* Environment.passphrase(file)), {
        _tag: "File",
        path: "/run/secrets/wendy"
      })
    }))

  it.effect("an unknown name that looks like a secret is an error, for settings too, whatever it holds", () =>
    Effect.gen(function*() {
      const names = ["PASSWORD", "PASSPHRASES", "SECRET", "SHARED_SECRET_FILE", "KEY", "API_KEY", "KEY_FILE", "TOKEN"]
      names.push(
        "CERT",
        "TLS_CERT",
        "CERTIFICATE",
        "CA",
        "CA_FILE",
        "CRL",
        "PSK",
        "CREDENTIALS",
        "AUTH",
        "PASHPRASE_FILE"
      )
      for (const name of names) {
        for (const text of ["", "x"]) {
          if (name === "PASHPRASE_FILE" && text === "") continue
          const variable = `WENDY_${name}`
          const said = yield* message(read({ [variable]: text }))
          assert.include(said, `there is no setting ${variable}: `)
          assert.include(said, "WENDY_PASSPHRASE")
          assert.strictEqual(yield* message(Settings.fromEnv.pipe(provide({ [variable]: text }))), said)
        }
      }
      for (const name of ["wendy_passphrase", "wendy_token", "wendy_lease"]) {
        assert.include(yield* message(read({ [name]: "x" })), `${name.toUpperCase()}`)
      }
    }))

  it.effect("names from habit get advice, near ones too; others are ignored", () =>
    Effect.gen(function*() {
      assert.include(yield* message(read({ WENDY_HOST: "0.0.0.0" })), "WENDY_BIND")
      assert.include(yield* message(read({ WENDY_SEEDS: "a:1" })), "WENDY_JOIN")
      assert.include(yield* message(read({ WENDY_REGOIN: "a" })), "did you mean WENDY_REGION?")
      const { ignored } = yield* read({ WENDY_HOME: "/opt/wendy", WENDY_DIR: "x", wendy_home: "x" })
      assert.deepStrictEqual(ignored, ["WENDY_DIR", "WENDY_HOME"])
    }))

  it.effect("what Kubernetes sets for services changes nothing, and nothing is said of it", () =>
    Effect.gen(function*() {
      const links = serviceLinks(
        "WENDY",
        "WENDY_LEASE",
        "WENDY_HOLD",
        "WENDY_JOIN",
        "WENDY_PASSPHRASE",
        "WENDY_SECRET_KEY"
      )
      const environment = yield* read(links)
      assert.deepStrictEqual([environment.ignored, [...environment.settings], [...environment.options]], [[], [], []])
      assert.deepStrictEqual(yield* Settings.fromEnv.pipe(provide(links)), defaults)
      const own = yield* read({
        ...links,
        WENDY_PORT: "7005",
        WENDY_PASSPHRASE: "a passphrase of ours",
        WENDY_LEASE: "20s"
      })
      assert.deepStrictEqual(yield* Environment.port(own), Option.some(7005))
      assert.isTrue(Option.isSome(yield* Environment.passphrase(own)))
      assert.strictEqual(own.settings.get("lease")?.text, "20s")
    }))
})
