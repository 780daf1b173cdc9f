import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { randomBytes } from "node:crypto"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Program from "./Program.ts"

const timeout = 60_000

const makeFolder = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "wendy-secrets-"))),
  (folder) => Effect.sync(() => Fs.rmSync(folder, { recursive: true }))
)

const file = (bytes: string | Uint8Array) =>
  Effect.map(makeFolder, (folder) => {
    const path = Path.join(folder, "secret")
    Fs.writeFileSync(path, bytes, { mode: 0o600 })
    return path
  })

/** Variables of this process, which the programs that it starts inherit. */
const variables = (values: Record<string, string>) =>
  Effect.acquireRelease(
    Effect.sync(() => Object.assign(process.env, values)),
    () => Effect.sync(() => Object.keys(values).forEach((name) => delete process.env[name]))
  )

/** The program ends before it has done anything, and says so. */
const refuses = Effect.fnUntraced(function*(args: ReadonlyArray<string>, ...says: ReadonlyArray<string>) {
  const { code, stderr, stdout } = yield* Program.run(args)
  assert.deepStrictEqual([code, stdout], [2, ""], `${args.join(" ")}: ${stderr}`)
  for (const text of says) assert.include(stderr, text)
  assert.notInclude(stderr, "bug")
})

const to = ["--to", "127.0.0.1:1"]

const commands: ReadonlyArray<ReadonlyArray<string>> = [
  ["node"],
  ["demo", "--nodes", "1", "--messages", "0"],
  ["send", ...to, "--key", "a"],
  ["route", ...to, "a"],
  ["ring", ...to]
]

describe("a secret that is none", () => {
  for (const args of commands) {
    it.live(`wendy ${args[0]} runs with no empty variable, and with no bad file`, () =>
      Effect.gen(function*() {
        for (const name of ["WENDY_PASSPHRASE", "WENDY_PASSPHRASE_FILE"]) {
          yield* Effect.scoped(Effect.andThen(variables({ [name]: " " }), refuses(args, `${name} is empty`)))
        }
        yield* Effect.scoped(
          Effect.andThen(variables({ WENDY_PASSPHRASE: "" }), refuses(args, "WENDY_PASSPHRASE is empty"))
        )
        yield* Effect.scoped(
          Effect.andThen(variables({ WENDY_SECRET: "a long secret" }), refuses(args, "WENDY_SECRET"))
        )
        yield* refuses([...args, "--passphrase-file", yield* file(" \n")], "the passphrase file", "is empty")
        yield* refuses([...args, "--passphrase-file", ""], "is none")
      }), timeout)
  }

  it.live("wendy keys: no empty variable, and no file that is empty or no text", () =>
    Effect.gen(function*() {
      const folder = yield* makeFolder
      const keys = (...args: ReadonlyArray<string>) => ["keys", ...args, "--dir", folder]
      assert.strictEqual((yield* Program.run(keys("init-ca"))).code, 0)
      assert.strictEqual((yield* Program.run(keys("issue", "one"))).code, 0)
      yield* Effect.scoped(
        Effect.andThen(variables({ WENDY_PASSPHRASE: "" }), refuses(keys("issue", "two"), "WENDY_PASSPHRASE is empty"))
      )
      // A list that got lost must not become one that takes back less.
      Fs.writeFileSync(Path.join(folder, "ca.crl"), "\n")
      yield* refuses(keys("revoke", "one"), "ca.crl", "is empty")
      Fs.rmSync(Path.join(folder, "ca.crl"))
      Fs.writeFileSync(Path.join(folder, "ca.key"), Uint8Array.of(0x30, 0x82, 0xFF))
      yield* refuses(keys("issue", "two"), "line 1 of the file", "ca.key")
      yield* refuses(["keys", "issue", "two", "--dir", ""], "--dir")
    }), timeout)

  it.live(
    "bytes that are no text, what is too short, and certificates that are empty: with file and line",
    () =>
      Effect.gen(function*() {
        const cut = randomBytes(32)
        cut.set([0xFF, 0x0A, 0x61], 29)
        for (const bytes of [cut, Buffer.alloc(32, 0x80), Buffer.from("a long secret\u0000")]) {
          const path = yield* file(bytes)
          yield* refuses(["node", "--passphrase-file", path], "no text", path)
        }
        const path = yield* file("a passphrase of ours\na\n")
        yield* refuses(["node", "--passphrase-file", path], `line 2 of the passphrase file ${path} has 1 character`)

        const folder = yield* makeFolder
        yield* Program.run(["keys", "init-ca", "--dir", folder])
        yield* Program.run(["keys", "issue", "one", "--dir", folder])
        const good = {
          ca: Path.join(folder, "ca.crt"),
          cert: Path.join(folder, "one.crt"),
          key: Path.join(folder, "one.key")
        }
        const empty = yield* file("\n")
        const flags = (paths: Record<string, string>) =>
          Object.entries(paths).flatMap(([name, path]) => [`--${name}`, path])
        for (const name of ["ca", "cert", "key", "crl"]) {
          yield* refuses(["node", ...flags({ ...good, [name]: empty })], empty, "is empty")
          yield* refuses(["node", ...flags({ ...good, [name]: "" })], "is none")
        }
      }),
    timeout
  )
})

describe("options in the environment", () => {
  it.live(
    "a passphrase file, a cluster and a seed reach Nodes and clients; flags count before them",
    () =>
      Effect.gen(function*() {
        const secret = yield* file("a passphrase of ours\n")
        yield* variables({ WENDY_PASSPHRASE_FILE: secret, WENDY_CLUSTER: "prod", WENDY_REGION: "eu" })
        const one = yield* Program.startNode()
        yield* variables({ WENDY_JOIN: one.address })
        const two = yield* Program.startNode()
        yield* one.line("the other", ({ id, type }) => type === "node-join" && id === two.lines()[0]!["id"])
        const send = (...args: ReadonlyArray<string>) =>
          Program.run(["send", "--to", two.address, "--key", "a", "b", ...args])
        assert.strictEqual((yield* send()).code, 0)
        assert.strictEqual((yield* send("--cluster", "other")).code, 3)
        assert.strictEqual((yield* send("--passphrase-file", yield* file("another passphrase"))).code, 3)
        const ring = yield* Program.run(["ring", "--to", one.address, "--json"])
        assert.strictEqual(ring.code, 0)
        assert.lengthOf(ring.stdout.match(/"region":"eu"/g) ?? [], 2)
        assert.notInclude(one.stderr(), "ignored")
      }),
    timeout
  )

  it.live("what a platform sets for a service called wendy changes nothing", () =>
    Effect.gen(function*() {
      yield* variables({
        WENDY_SERVICE_HOST: "10.96.4.2",
        WENDY_SERVICE_PORT: "7001",
        WENDY_PORT: "tcp://10.96.4.2:7001",
        WENDY_PORT_7001_TCP: "tcp://10.96.4.2:7001",
        WENDY_PORT_7001_TCP_ADDR: "10.96.4.2"
      })
      const node = yield* Program.startNode()
      assert.strictEqual(node.stderr(), "")
    }), timeout)

  it.live("a bad port is refused, unless a flag gives another", () =>
    Effect.gen(function*() {
      yield* variables({ WENDY_PORT: "70000" })
      yield* refuses(["node"], `port is "70000" (WENDY_PORT)`)
      yield* Program.startNode("--port", "0")
    }), timeout)
})

describe("what comes to a running Node", () => {
  it.live("SIGHUP without credentials is ignored, and said", () =>
    Effect.gen(function*() {
      const node = yield* Program.startNode()
      node.child.kill("SIGHUP")
      yield* node.said("SIGHUP is ignored")
      assert.strictEqual((yield* Program.run(["send", "--to", node.address, "--key", "a", "b"])).code, 0)
    }), timeout)

  it.live("SIGHUP with a secret that has become none: the one from before stays", () =>
    Effect.gen(function*() {
      const secret = yield* file("a passphrase of ours\n")
      const node = yield* Program.startNode("--passphrase-file", secret)
      Fs.writeFileSync(secret, "short\n")
      node.child.kill("SIGHUP")
      yield* node.said("the credentials stay as they are: line 1 of the passphrase file")
      const send = ["send", "--to", node.address, "--key", "a", "b", "--passphrase-file"]
      assert.strictEqual((yield* Program.run([...send, yield* file("a passphrase of ours\n")])).code, 0)
    }), timeout)

  it.live("HTTP and TLS at a port in clear are told for what they are", () =>
    Effect.gen(function*() {
      const node = yield* Program.startNode()
      for (const [bytes, name] of [["GET / HTTP/1.1\r\n\r\n", "HTTP"], ["\x16\x03\x01\x02\x00\x01", "TLS"]]) {
        const socket = Net.connect(Number(node.address.split(":")[1]), "127.0.0.1")
        socket.on("error", () => {})
        socket.write(bytes!, "latin1")
        const { message } = yield* node.line(
          `an error about ${name}`,
          ({ message, type }) => type === "error" && message.includes(`speaks ${name}`)
        )
        assert.notInclude(message, "bytes")
        socket.destroy()
      }
    }), timeout)
})
