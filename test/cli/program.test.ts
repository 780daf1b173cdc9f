import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
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

/** Brute force: the closest of some ids. */
const closest = (key: NodeId.NodeId, ids: ReadonlyArray<string>) =>
  ids.map(NodeId.parse).reduce((best, id) => NodeId.isCloser(key, id, best) ? id : best).hex

describe("command line", () => {
  const misuses: ReadonlyArray<readonly [args: string, says: string]> = [
    ["", "USAGE"],
    ["frob", "frob"],
    ["node --frob", "--frob"],
    ["node --id 12 --json", "--id"],
    ["node --port 65536", "--port"],
    ["node --port x", "--port"],
    ["node --join nowhere", "--join"],
    ["node --join-timeout 5", "--join-timeout"],
    ["node --name a --id 00000000000000000000000000000000", "--name"],
    ["node --passphrase-file /nowhere/at/all", "/nowhere/at/all"],
    ["send --key a b", "--to"],
    ["send --to 127.0.0.1:1", "--key"],
    ["send --to 127.0.0.1:1 --stdin --key a", "--key"],
    ["send --to 127.0.0.1:1 --key a --key-field 1 b", "--key-field"],
    ["send --to 127.0.0.1:1 --key a --purpose 3 b", "--purpose"],
    ["send --to 127.0.0.1:1 --key a --base64 *", "base64"],
    ["demo --nodes 0", "--nodes"],
    ["demo --nodes 4 --kill 4", "--kill"],
    ["demo --messages -1 --json", "--messages"]
  ]
  for (const [args, says] of misuses) {
    it.live(
      `wendy ${args}: exit code 2, a message on standard error, nothing on standard output`,
      () =>
        Effect.gen(function*() {
          const { code, stderr, stdout } = yield* Program.run(args.split(" ").filter((arg) => arg !== ""))
          assert.strictEqual(code, 2)
          assert.strictEqual(stdout, "")
          assert.include(stderr, says)
        }),
      timeout
    )
  }

  it.live("help shows examples; with --json on standard error", () =>
    Effect.gen(function*() {
      for (const command of ["node", "send", "demo"]) {
        const { code, stderr, stdout } = yield* Program.run([command, "--help"])
        assert.deepStrictEqual([code, stderr], [0, ""])
        assert.include(stdout, `EXAMPLES`)
        assert.include(stdout, `wendy ${command} --`)
      }
      const { code, stderr, stdout } = yield* Program.run(["node", "--help", "--json"])
      assert.deepStrictEqual([code, stdout], [0, ""])
      assert.include(stderr, "EXAMPLES")
    }), timeout)

  it.live("says its version", () =>
    Effect.gen(function*() {
      const { version } = JSON.parse(Fs.readFileSync(new URL("../../package.json", import.meta.url), "utf8"))
      const { stdout } = yield* Program.run(["--version"])
      assert.strictEqual(stdout.trim(), version)
    }), timeout)

  it.live("an empty passphrase file: exit code 2", () =>
    Effect.gen(function*() {
      const { code, stderr } = yield* Program.run(["node", "--passphrase-file", yield* secretFile("\n")])
      assert.strictEqual(code, 2)
      assert.include(stderr, "empty")
    }), timeout)
})

describe("wendy node", () => {
  it.live("a port in use: exit code 1", () =>
    Effect.gen(function*() {
      const node = yield* Program.startNode()
      const { code, stderr } = yield* Program.run(["node", "--port", node.address.split(":")[1]!])
      assert.strictEqual(code, 1)
      assert.match(stderr, /^wendy: .*\n$/)
    }), timeout)

  it.live(
    "a wrong passphrase, none, or another cluster: exit code 3, and nobody else notices",
    () =>
      Effect.gen(function*() {
        const secret = yield* secretFile("right and long\n")
        const node = yield* Program.startNode("--passphrase-file", secret)
        const attempts = [
          ["--passphrase-file", yield* secretFile("wrong and long\n")],
          [],
          ["--passphrase-file", secret, "--cluster", "other"]
        ]
        for (const credentials of attempts) {
          for (const command of [["node", "--join"], ["send", "--key", "a", "--to"]]) {
            const { code, stderr } = yield* Program.run([...command, node.address, ...credentials])
            assert.strictEqual(code, 3, stderr)
            assert.match(stderr, /^wendy: .*\n$/)
          }
        }
        const { code } = yield* Program.run(["send", "--key", "a", "--to", node.address, "--passphrase-file", secret])
        assert.strictEqual(code, 0)
        assert.notInclude(node.lines().map(({ type }) => type), "node-join")
        yield* node.line("error", ({ type }) => type === "error")
        assert.notInclude(node.stderr() + JSON.stringify(node.lines()), "right and long")
      }),
    timeout
  )

  it.live("unreachable seeds: says so, and --join-timeout ends it with exit code 1", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* Program.run(
        ["node", "--join", "127.0.0.1:1", "--join-timeout", "1s", "--json"]
      )
      assert.deepStrictEqual([code, stdout], [1, ""])
      assert.include(stderr, "not joined yet")
      assert.include(stderr, "127.0.0.1:1")
    }), timeout)

  it.live("warns of listening beyond loopback without credentials", () =>
    Effect.gen(function*() {
      const node = yield* Program.startNode("--bind", "0.0.0.0")
      yield* node.said("without credentials")
    }), timeout)

  it.live("leaves on SIGINT while it still looks for a seed", () =>
    Effect.gen(function*() {
      const node = yield* Program.start("node", "--join", "127.0.0.1:1")
      yield* node.said("not joined yet")
      node.child.kill("SIGINT")
      const [duration, { code }] = yield* Effect.timed(node.ended)
      assert.strictEqual(code, 0)
      assert.isBelow(Duration.toMillis(duration), 1000)
    }), timeout)

  it.live("ends quietly when nobody reads its output any more", () =>
    Effect.gen(function*() {
      const node = yield* Program.startNode()
      node.child.stdout.destroy()
      yield* Program.run(["send", "--to", node.address, "--key", "a", "--deadline", "1s", "b"])
      assert.deepInclude(yield* node.ended, { code: 0, stderr: "" })
    }), timeout)
})

describe("wendy send", () => {
  it.live("nobody answers: a failed line and exit code 1", () =>
    Effect.gen(function*() {
      const { code, stdout } = yield* Program.run(
        ["send", "--to", "127.0.0.1:1", "--key", "a", "b", "--deadline", "500ms", "--json"]
      )
      assert.strictEqual(code, 1)
      const [failed] = parse(stdout)
      assert.deepInclude(failed, { type: "failed", line: 1, key: NodeId.fromString("a").hex, error: "Deadline" })
    }), timeout)

  it.live("stopped before its input ends: exit code 1, within a second", () =>
    Effect.gen(function*() {
      const node = yield* Program.startNode()
      const send = yield* Program.start("send", "--to", node.address, "--stdin", "--json")
      send.child.stdin.write(`{"key":"a","value":"b"}\n`)
      yield* send.line("receipt", ({ line }) => line === 1)
      send.child.kill("SIGTERM")
      const [duration, { code }] = yield* Effect.timed(send.ended)
      assert.strictEqual(code, 1)
      assert.isBelow(Duration.toMillis(duration), 1000)
    }), timeout)

  it.live(
    "sends lines of JSON: a receipt for each, each delivered once, at the closest Node",
    () =>
      Effect.gen(function*() {
        const first = yield* Program.startNode()
        const second = yield* Program.startNode("--join", first.address)
        const third = yield* Program.startNode("--join", first.address)
        const nodes = [first, second, third]
        const count = 200
        const bad = 77
        const input = Array.from(
          { length: count },
          (_, index) =>
            index + 1 === bad ? "nonsense\n" : `${JSON.stringify({ key: `key ${index}`, value: `value ${index}` })}\n`
        )
        const { code, stdout } = yield* Program.run(
          ["send", "--to", second.address, "--stdin", "--json", "--concurrency", "16"],
          input.join("")
        )
        assert.strictEqual(code, 1)
        const results = parse(stdout).sort((x, y) => x["line"] - y["line"])
        assert.deepStrictEqual(results.map(({ line }) => line), input.map((_, index) => index + 1))
        assert.deepInclude(results[bad - 1], { type: "failed", line: bad, key: null, error: "BadLine" })
        for (const { hops, key, line, root, rttMs, type } of results.filter(({ line }) => line !== bad)) {
          const id = NodeId.fromString(`key ${line - 1}`)
          assert.deepStrictEqual([type, key, root], ["receipt", id.hex, closest(id, nodes.map(({ id }) => id))])
          assert.isTrue(hops >= 0 && rttMs > 0)
          const deliveries = nodes.flatMap((node) => node.lines().filter((one) => one["key"] === key))
          assert.deepStrictEqual(deliveries.map(({ value }) => value), [`value ${line - 1}`])
        }
      }),
    timeout
  )

  it.live("sends lines of text, with the key in a field, and bytes that are no text", () =>
    Effect.gen(function*() {
      const node = yield* Program.startNode()
      const sent = yield* Program.run(
        ["send", "--to", node.address, "--stdin", "--key-field", "2", "--purpose", "99", "--json"],
        "GET /a 200\r\n  GET   /b 404"
      )
      assert.strictEqual(sent.code, 0)
      const bytes = yield* Program.run(["send", "--to", node.address, "--key", "ab".repeat(16), "--base64", "/w=="])
      assert.strictEqual(bytes.code, 0)
      const deliveries = node.lines().filter(({ type }) => type === "deliver")
        .map(({ key, purpose, value, valueBase64 }) => [key, purpose, value ?? valueBase64])
      assert.sameDeepMembers(deliveries, [
        [NodeId.fromString("/a").hex, 99, "GET /a 200"],
        [NodeId.fromString("/b").hex, 99, "  GET   /b 404"],
        ["ab".repeat(16), 16, "/w=="]
      ])
    }), timeout)
})

describe("three Nodes", () => {
  it.live("serve, survive a kill, serve again, and leave within a second", () =>
    Effect.gen(function*() {
      const first = yield* Program.startNode("--id", "00000000000000000000000000000000", "--region", "eu")
      const second = yield* Program.startNode("--id", "55555555555555555555555555555555", "--join", first.address)
      const third = yield* Program.startNode("--name", "third", "--join", first.address, "--join", second.address)
      assert.strictEqual(third.id, NodeId.fromString("third").hex)
      const key = "55555555555555555555555555555556"
      const send = Program.run(["send", "--to", first.address, "--to", third.address, "--key", key, "hello", "--json"])

      const before = yield* send
      assert.deepStrictEqual([before.code, parse(before.stdout)[0]!["root"]], [0, second.id])
      const delivery = yield* second.line("delivery", ({ type }) => type === "deliver")
      assert.deepStrictEqual(delivery, {
        type: "deliver",
        key,
        purpose: 16,
        value: "hello",
        from: first.id,
        hops: delivery["hops"]
      })

      second.child.kill("SIGKILL")
      const after = yield* send
      const survivor = closest(NodeId.parse(key), [first.id, third.id])
      assert.deepStrictEqual([after.code, parse(after.stdout)[0]!["root"]], [0, survivor])
      const exit = yield* third.line("exit", ({ type }) => type === "node-exit")
      assert.deepStrictEqual(exit, {
        type: "node-exit",
        id: second.id,
        host: "127.0.0.1",
        port: Number(second.address.split(":")[1]),
        region: "",
        reason: "failed"
      })
      const join = yield* third.line("join", ({ id, type }) => type === "node-join" && id === first.id)
      assert.strictEqual(join["region"], "eu")
      const leaves = yield* third.line("leaves", ({ type }) => type === "new-leaves")
      assert.isTrue(Array.isArray(leaves["left"]) && Array.isArray(leaves["right"]))

      for (const node of [first, third]) node.child.kill("SIGTERM")
      const [duration, ended] = yield* Effect.timed(Effect.all([first.ended, third.ended]))
      assert.deepStrictEqual(ended.map(({ code, stderr }) => [code, stderr]), [[0, ""], [0, ""]])
      assert.isBelow(Duration.toMillis(duration), 1000)
      assert.strictEqual(parse(ended[0]!.stdout)[0]!["type"], "ready")
    }), timeout)
})

describe("wendy demo", () => {
  it.live("proves itself, and ends with the summary", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* Program.run(
        ["demo", "--nodes", "4", "--messages", "500", "--kill", "1", "--json", "--seed", "7"]
      )
      const summary = parse(stdout).at(-1)!
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.deepInclude(summary, {
        type: "summary",
        nodes: 4,
        sent: 500,
        delivered: 500,
        lost: 0,
        misdelivered: 0,
        duplicates: 0,
        killed: 1,
        joined: 1,
        seed: 7
      })
      for (const name of ["meanHops", "p50Ms", "p99Ms", "messagesPerSecond", "joinP50Ms", "joinMaxMs"]) {
        assert.isAbove(summary[name], 0, name)
      }
    }), timeout)

  it.live("with a passphrase, and with certificates: nothing is lost either", () =>
    Effect.gen(function*() {
      for (const flags of [["--passphrase-file", yield* secretFile("long enough, really\n")], ["--certificates"]]) {
        const { code, stdout } = yield* Program.run(
          ["demo", "--nodes", "3", "--messages", "200", "--kill", "1", "--json", ...flags]
        )
        assert.strictEqual(code, 0)
        const summary = JSON.parse(stdout.trim().split("\n").at(-1)!)
        assert.deepInclude(summary, { delivered: 200, lost: 0, misdelivered: 0, duplicates: 0, killed: 1, joined: 1 })
      }
      const both = yield* Program.run(["demo", "--certificates", "--passphrase-file", "x"])
      assert.strictEqual(both.code, 2)
      assert.include(both.stderr, "leave one of them out")
    }), timeout)

  it.live("shows a table, without colours where there is no terminal", () =>
    Effect.gen(function*() {
      const { code, stdout } = yield* Program.run(["demo", "--nodes", "1", "--messages", "0", "--kill", "0"])
      assert.strictEqual(code, 0)
      assert.include(stdout, "misdelivered")
      assert.notInclude(stdout, "\u001b")
    }), timeout)
})
