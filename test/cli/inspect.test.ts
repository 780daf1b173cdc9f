import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Os from "node:os"
import * as Path from "node:path"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as Program from "./Program.ts"

const timeout = 60_000

const parse = (stdout: string): Array<Program.Json> => stdout.split("\n").slice(0, -1).map((line) => JSON.parse(line))

const secretFile = (text: string) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "wendy-"))),
      (folder) => Effect.sync(() => Fs.rmSync(folder, { recursive: true }))
    ),
    (folder) => {
      const file = Path.join(folder, "secret")
      Fs.writeFileSync(file, text, { mode: 0o600 })
      return file
    }
  )

/** Nodes with these ids, the first of which starts the ring. */
const startNodes = Effect.fnUntraced(function*(ids: ReadonlyArray<string>, ...args: ReadonlyArray<string>) {
  const nodes: Array<Effect.Success<ReturnType<typeof Program.startNode>>> = []
  for (const id of ids) {
    const join = nodes.flatMap(({ address }) => ["--join", address])
    nodes.push(yield* Program.startNode("--id", id, ...join, ...args))
  }
  return nodes
})

const id = (digits: string) => digits.padEnd(32, "0")

/** Runs `wendy ring` until it ends with an exit code, for half a minute at most: a ring takes a moment to settle. */
const ringUntil = Effect.fnUntraced(function*(code: number, ...args: ReadonlyArray<string>) {
  for (let tries = 0; tries < 40; tries++) {
    const ended = yield* Program.run(["ring", ...args])
    if (ended.code === code) return ended
  }
  return yield* Program.run(["ring", ...args])
})

/** Takes connections and says nothing; gone with the scope. */
const listenMute = Effect.acquireRelease(
  Effect.callback<{ readonly address: string; readonly close: () => void }>((resume) => {
    const sockets = new Set<Net.Socket>()
    const server = Net.createServer((socket) => {
      sockets.add(socket.on("error", () => {}))
    })
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as Net.AddressInfo
      const close = () => {
        for (const socket of sockets) socket.destroy()
        server.close()
      }
      resume(Effect.succeed({ address: `127.0.0.1:${port}`, close }))
    })
  }),
  ({ close }) => Effect.sync(close)
)

describe("wendy ring and wendy route", () => {
  it.live("list the Nodes and the way of a key, as JSON and for people", () =>
    Effect.gen(function*() {
      const nodes = yield* startNodes([id("1"), id("6"), id("b")], "--region", "eu")
      const to = nodes.slice(0, 2).flatMap(({ address }) => ["--to", address])
      const ring = yield* ringUntil(0, ...to, "--json")
      assert.deepStrictEqual([ring.code, ring.stderr], [0, ""])
      assert.deepStrictEqual(parse(ring.stdout), [
        ...nodes.map(({ address, id }) => {
          const [host, port] = address.split(":")
          return { type: "node", id, host, port: Number(port), region: "eu", view: "agrees" }
        }),
        { type: "summary", nodes: 3, ready: 3, agree: true }
      ])

      const listed = yield* Program.run(["ring", ...to])
      assert.deepStrictEqual([listed.code, listed.stderr], [0, ""])
      const lines = listed.stdout.trimEnd().split("\n")
      assert.strictEqual(lines.at(-1), "3 Nodes, all agree")
      nodes.forEach(({ address, id }, index) =>
        assert.match(lines[index]!, new RegExp(`^${id}  ${address} *  eu  agrees$`))
      )

      for (const key of ["hello", id("a"), nodes[0]!.id, "room:42"]) {
        const { code, stderr, stdout } = yield* Program.run(["route", ...to, "--json", key])
        assert.deepStrictEqual([code, stderr], [0, ""])
        const hops = parse(stdout)
        const root = nodes.map(({ id }) => NodeId.parse(id)).reduce((best, id) =>
          NodeId.isCloser(NodeId.parse(key), id, best) ? id : best
        )
        const [host, port] = nodes[0]!.address.split(":")
        assert.deepInclude(hops[0], { type: "hop", index: 0, id: nodes[0]!.id, host, port: Number(port), why: "start" })
        assert.deepInclude(hops.at(-1), { type: "hop", index: hops.length - 1, id: root.hex, root: true })
        assert.isTrue(hops.every((hop) => hop["rttMs"] >= 0))
        if (hops.length > 1) {
          assert.deepInclude(hops[1], { why: "leaf", row: 0, column: NodeId.digit(NodeId.parse(key), 0) })
          assert.notProperty(hops[0], "root")
        }
      }
      const way = yield* Program.run(["route", "--to", nodes[0]!.address, id("a")])
      assert.strictEqual(way.code, 0)
      assert.match(
        way.stdout,
        /^key {2}a0{31}\n {2}0 {2}10{31} .* ms {2}asked first\n {2}1 {2}b0{31} .* root of the key\n$/
      )
    }), timeout)

  it.live("a stopped process: they disagree, with exit code 1; woken up they agree", () =>
    Effect.gen(function*() {
      const nodes = yield* startNodes([id("1"), id("6"), id("b")])
      const to = ["--to", nodes[0]!.address]
      assert.strictEqual((yield* ringUntil(0, ...to)).code, 0)
      nodes[1]!.child.kill("SIGSTOP")
      // On a busy machine the others may have noticed by now; what they say then, the tests under a test clock tell.
      const shown = yield* Program.run(["route", ...to, "--timeout", "700ms", nodes[1]!.id])
      assert.strictEqual(shown.code, 1)
      assert.match(shown.stderr, /^wendy: .*\n$/)
      const way = yield* Program.run(["route", ...to, "--json", "--timeout", "700ms", nodes[1]!.id])
      assert.deepStrictEqual([way.code, way.stderr], [1, ""])
      const [hop, failed] = parse(way.stdout)
      assert.deepInclude(hop, { type: "hop", why: "start" })
      assert.strictEqual(failed!["type"], "failed")
      assert.include(["Unanswered", "Held"], failed!["error"])
      assert.isString(failed!["message"])

      const { code, stderr, stdout } = yield* Program.run(["ring", ...to, "--json", "--timeout", "700ms"])
      assert.deepStrictEqual([code, stderr], [1, ""])
      const lines = parse(stdout)
      assert.deepStrictEqual(lines.map((line) => line["id"]), [...nodes.map(({ id }) => id), undefined])
      assert.strictEqual(lines[1]!["view"], "silent")
      assert.include(lines[1]!["detail"], "700ms")
      assert.deepInclude(lines.at(-1), { type: "summary", nodes: 3, agree: false })
      const listed = yield* Program.run(["ring", ...to, "--timeout", "700ms"])
      assert.strictEqual(listed.code, 1)
      assert.match(listed.stdout, /\n3 Nodes disagree: .*1 silent\n$/)

      nodes[1]!.child.kill("SIGCONT")
      assert.strictEqual((yield* ringUntil(0, ...to)).code, 0)
    }), timeout)

  it.live(
    "a wrong passphrase or another cluster: exit code 3; with the right one they answer",
    () =>
      Effect.gen(function*() {
        const secret = yield* secretFile("right and long\n")
        const [node] = yield* startNodes([id("1")], "--passphrase-file", secret)
        const attempts = [
          ["--passphrase-file", yield* secretFile("wrong and long\n")],
          [],
          ["--passphrase-file", secret, "--cluster", "other"]
        ]
        for (const command of [["ring"], ["route", "key"]]) {
          for (const credentials of attempts) {
            const { code, stderr, stdout } = yield* Program.run([
              ...command,
              "--json",
              "--to",
              node!.address,
              ...credentials
            ])
            assert.strictEqual(code, 3, stderr)
            assert.match(stderr, /^wendy: .*\n$/)
            assert.deepInclude(parse(stdout)[0], { type: "failed", error: "Refused" })
          }
          const { code } = yield* Program.run([...command, "--to", node!.address, "--passphrase-file", secret])
          assert.strictEqual(code, 0)
        }
      }),
    timeout
  )

  it.live("nobody there, or nobody who answers: exit code 1", () =>
    Effect.gen(function*() {
      const mute = yield* listenMute
      for (const command of [["ring"], ["route", "key"]]) {
        for (const to of ["127.0.0.1:1", mute.address]) {
          const { code, stderr, stdout } = yield* Program.run([...command, "--json", "--timeout", "500ms", "--to", to])
          assert.strictEqual(code, 1, stderr)
          assert.match(stderr, /^wendy: .*\n$/)
          assert.deepInclude(parse(stdout)[0], { type: "failed", error: "Unanswered" })
          assert.lengthOf(parse(stdout), 1)
        }
      }
    }), timeout)

  const misuses: ReadonlyArray<readonly [args: string, says: string]> = [
    ["ring", "--to"],
    ["ring --to nowhere", "--to"],
    ["ring --to 127.0.0.1:1 --timeout 5", "--timeout"],
    ["ring --to 127.0.0.1:1 --passphrase-file /nowhere/at/all", "/nowhere/at/all"],
    ["route key", "--to"],
    ["route --to 127.0.0.1:1", "key"],
    ["route --to 127.0.0.1:1 --frob key", "--frob"]
  ]
  for (const [args, says] of misuses) {
    it.live(
      `wendy ${args}: exit code 2, a message on standard error, nothing on standard output`,
      () =>
        Effect.gen(function*() {
          const { code, stderr, stdout } = yield* Program.run(args.split(" "))
          assert.deepStrictEqual([code, stdout], [2, ""])
          assert.include(stderr, says)
        }),
      timeout
    )
  }

  it.live("help shows examples, and shells complete the commands", () =>
    Effect.gen(function*() {
      for (const command of ["ring", "route"]) {
        const { code, stderr, stdout } = yield* Program.run([command, "--help"])
        assert.deepStrictEqual([code, stderr], [0, ""])
        assert.include(stdout, "EXAMPLES")
        assert.include(stdout, `wendy ${command} --to`)
      }
      for (const shell of ["bash", "zsh", "fish"]) {
        const { code, stdout } = yield* Program.run(["--completions", shell])
        assert.strictEqual(code, 0)
        for (const word of ["ring", "route", "passphrase-file"]) assert.include(stdout, word)
      }
    }), timeout)
})
