import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { Writable } from "node:stream"
import * as Lines from "../../src/cli/node/lines.ts"
import * as Output from "../../src/cli/Output.ts"
import * as Style from "../../src/cli/style.ts"
import * as Node from "../../src/ring/Node.ts"
import * as NodeId from "../../src/ring/NodeId.ts"

describe("Output", () => {
  it.live("writes in order, and together what comes while a write is under way", () =>
    Effect.gen(function*() {
      const chunks: Array<string> = []
      let release = () => {}
      const stream = new Writable({
        decodeStrings: false,
        write: (chunk, _encoding, done) => {
          chunks.push(chunk)
          release = done
        }
      })
      const output = Output.make(stream)
      const first = yield* Effect.forkChild(output.write("a\n"), { startImmediately: true })
      const others = yield* Effect.forkChild(
        Effect.all([output.write("b\n"), output.write("c\n")], { concurrency: "unbounded" }),
        { startImmediately: true }
      )
      yield* Effect.yieldNow
      assert.deepStrictEqual(chunks, ["a\n"])
      assert.isUndefined(first.pollUnsafe())
      release()
      yield* Fiber.join(first)
      assert.deepStrictEqual(chunks, ["a\n", "b\nc\n"])
      assert.isUndefined(others.pollUnsafe())
      release()
      yield* Fiber.join(others)
    }))

  it.live("fails writes, those that wait too, when the reader has gone", () =>
    Effect.gen(function*() {
      const stream = new Writable({
        write: (_chunk, _encoding, done) => process.nextTick(() => done(new Error("EPIPE")))
      })
      const output = Output.make(stream)
      const exits = yield* Effect.forEach(["a", "b"], (text) => Effect.exit(output.write(text)), {
        concurrency: "unbounded"
      })
      assert.isTrue(exits.every(Exit.isFailure))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(output.write("c"))))
      const closed = yield* Effect.flip(output.closed)
      assert.strictEqual(closed._tag, "OutputClosed")
    }))
})

describe("lines of a Node", () => {
  const node = new Node.Node({
    id: NodeId.fromString("a"),
    localHost: "10.0.0.1",
    globalHost: "203.0.113.1",
    port: 7001,
    region: "eu",
    incarnation: 1
  })
  const message = { key: NodeId.zero, purpose: 16, from: node.id, hops: 1, isDirect: false, wantsReply: false }

  it("are the JSON of the design", () => {
    const lines = Lines.json("us")
    const read = (text: string | undefined) => JSON.parse(text!)
    assert.deepStrictEqual(read(lines.ready(node)), { type: "ready", id: node.hex, host: "10.0.0.1", port: 7001 })
    assert.deepStrictEqual(read(lines.deliver({ ...message, value: new TextEncoder().encode("\ufeffü") })), {
      type: "deliver",
      key: NodeId.zero.hex,
      purpose: 16,
      value: "\ufeffü",
      from: node.hex,
      hops: 1
    })
    assert.strictEqual(read(lines.deliver({ ...message, value: Uint8Array.of(255) })).valueBase64, "/w==")
    const described = { id: node.hex, host: "203.0.113.1", port: 7001, region: "eu" }
    assert.deepStrictEqual(read(lines.event({ _tag: "NodeJoined", node })), { type: "node-join", ...described })
    assert.deepStrictEqual(read(lines.event({ _tag: "NodeExited", node, reason: "failed" })), {
      type: "node-exit",
      ...described,
      reason: "failed"
    })
    assert.deepStrictEqual(read(lines.event({ _tag: "NewLeaves", left: [node], right: [] })), {
      type: "new-leaves",
      left: [node.hex],
      right: []
    })
    assert.deepStrictEqual(read(lines.event({ _tag: "Refused", message: "m" })), {
      type: "error",
      error: "Refused",
      message: "m"
    })
    assert.isUndefined(lines.event({ _tag: "Left" }))
  })

  it("keep a terminal safe from what others send", () => {
    const lines = Lines.human("eu", Style.make(false))
    const text = lines.deliver({ ...message, value: new TextEncoder().encode("a\u001b[2J\u009b\nb") })
    assert.match(text, /^[\x20-\x7e]*\n$/)
  })
})
