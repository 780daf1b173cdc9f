import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { addressFor, Reach } from "../../src/actors/Reach.ts"
import * as Frame from "../../src/protocol/Frame.ts"
import * as Node from "../../src/ring/Node.ts"
import type * as Link from "../../src/transport/Link.ts"
import { WendyDialError } from "../../src/transport/Transport.ts"
import * as Oracle from "../ring/Oracle.ts"

const joiner = Oracle.node(1n)
const peerOf = (node: Node.Node, role: Link.Peer["role"] = "member"): Link.Peer => ({
  role,
  node,
  name: undefined,
  version: 2
})

/** What a Node answers that finds `there` at the told address; `undefined` for one that finds nobody. */
const ask = (there: Node.Node | undefined, options: { role?: Link.Peer["role"]; mayDial?: boolean } = {}) =>
  Effect.gen(function*() {
    const sent: Array<Frame.Frame> = []
    const dialled: Array<string> = []
    const reach = new Reach({
      addressOf: (node) => addressFor(node, node.region),
      mayDial: () => options.mayDial ?? true,
      connect: ({ host, port }) => {
        dialled.push(`${host}:${port}`)
        return there === undefined
          ? Effect.fail(
            new WendyDialError({ address: `${host}:${port}`, reason: { _tag: "Refused", message: "nobody listens" } })
          )
          : Effect.succeed(peerOf(there))
      },
      patience: 1_000
    })
    const link = {
      peer: peerOf(joiner, options.role),
      remote: { host: joiner.localHost, port: 40_000 },
      sendControl: (frame: Uint8Array) => sent.push(Frame.decode(frame))
    } as unknown as Link.Link
    yield* reach.answer(link, 7)
    const [frame] = sent
    if (frame?._tag !== "Answer" || frame.answer._tag !== "ReachAnswer") return assert.fail("no answer")
    assert.strictEqual(frame.answer.sequence, 7)
    return { problem: frame.answer.problem, dialled }
  })

describe("Reach (B5)", () => {
  it.effect("who is found at the address it tells can be reached there", () =>
    Effect.gen(function*() {
      const { dialled, problem } = yield* ask(joiner)
      assert.isUndefined(problem)
      assert.deepStrictEqual(dialled, [`${joiner.localHost}:${joiner.port}`])
    }))

  it.effect("another Node at that address is no proof, nor is another life of the same", () =>
    Effect.gen(function*() {
      assert.match((yield* ask(Oracle.node(2n))).problem!, /another Node answers at/)
      const later = new Node.Node({ ...joiner, incarnation: joiner.incarnation + 1 })
      assert.match((yield* ask(later)).problem!, /another Node answers at/)
    }))

  it.effect("nobody there, a client, and an address that is dialled too often already", () =>
    Effect.gen(function*() {
      assert.match((yield* ask(undefined)).problem!, /nobody listens/)
      const client = yield* ask(joiner, { role: "client" })
      assert.deepStrictEqual([client.problem, client.dialled], ["nobody dials a client", []])
      const busy = yield* ask(joiner, { mayDial: false })
      assert.match(busy.problem!, /ask again/)
      assert.deepStrictEqual(busy.dialled, [])
    }))
})
