/** A real process whose gateway is stopped: nothing is closed, and the kernel still takes connections for it. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as Program from "./Program.ts"

const closest = (key: NodeId.NodeId, ids: ReadonlyArray<string>): string =>
  ids.reduce((best, id) => NodeId.isCloser(key, NodeId.parse(id), NodeId.parse(best)) ? id : best)

describe("wendy send --stdin", () => {
  it.live(
    "its gateway is stopped: within seconds all lines have receipts, through the next address",
    () =>
      Effect.gen(function*() {
        const first = yield* Program.startNode()
        const others = [
          yield* Program.startNode("--join", first.address),
          yield* Program.startNode("--join", first.address)
        ]
        const nodes = [first, ...others]
        const ids = nodes.map(({ id }) => id)
        const send = yield* Program.start(
          "send",
          "--stdin",
          "--json",
          "--deadline",
          "40s",
          ...nodes.flatMap(({ address }) => ["--to", address])
        )
        let written = 0
        const write = (fits: (key: NodeId.NodeId) => boolean, count: number) => {
          for (let index = 0, found = 0; found < count; index++) {
            const key = `${written} ${index}`
            if (!fits(NodeId.fromString(key))) continue
            found++
            send.child.stdin.write(`${JSON.stringify({ key, value: key })}\n`)
          }
          written += count
        }
        const allThere = () => send.until("all receipts", () => send.lines().length === written ? true : undefined)

        write(() => true, 50)
        yield* allThere()
        yield* Effect.acquireRelease(
          Effect.sync(() => first.child.kill("SIGSTOP")),
          () => Effect.sync(() => first.child.kill("SIGCONT"))
        )
        // What the stopped Node is the root of waits until its neighbours may take its keys, a lease later.
        write((key) => closest(key, ids) !== first.id, 300)
        const [duration] = yield* Effect.timed(allThere())
        assert.isBelow(Duration.toMillis(duration), 8_000)
        write(() => true, 100)
        send.child.stdin.end()
        const { code } = yield* send.ended
        assert.strictEqual(code, 0)
        const lines = send.lines()
        assert.lengthOf(lines, 450)
        assert.isTrue(lines.every(({ type }) => type === "receipt"))
      }),
    60_000
  )
})
