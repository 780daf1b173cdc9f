import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Cluster from "../../src/Cluster.ts"
import * as Node from "../../src/ring/Node.ts"
import * as Testing from "../../src/testing.ts"
import type { Transport } from "../../src/transport/Transport.ts"
import { burst, freePort, type Harness, keys } from "../cluster/Rig.ts"
import { type Member, nodeOf, outgoing, text } from "../ClusterHarness.ts"
import { overBoth } from "./Rig.ts"

describe("Application", () => {
  overBoth(
    "Go Wendy defect 21: a Node that came over the wire can be used as one that was made here",
    (harness) =>
      Effect.gen(function*() {
        const met: Array<Node.Node> = []
        const greeted: Array<string> = []
        const clusters: Array<Cluster.Cluster["Service"]> = []
        // In the callback, while the tables are being changed: there Go Wendy locked what was not there.
        const application = (index: number) => ({
          onDeliver: () => Effect.void,
          onNodeJoin: (node: Node.Node) =>
            Effect.gen(function*() {
              met.push(node)
              yield* clusters[index]!.sendDirect(node, outgoing(node.id, `hello ${node.hex}`))
              greeted.push(`${index} ${node.hex}`)
            })
        })
        for (let index = 0; index < 4; index++) {
          const member = yield* harness.join({ application: application(index) })
          clusters.push(member.cluster)
          yield* harness.during(member.cluster.ready)
        }
        yield* harness.waitUntil("each has greeted each", Effect.sync(() => new Set(greeted).size === 12))
        const fromTables = yield* Effect.forEach(clusters, ({ nodes }) => nodes)
        const fromLeafSets = yield* Effect.forEach(clusters, ({ leafSet }) => leafSet)
        const wire = [
          ...met,
          ...fromTables.flat().map(({ node }) => node),
          ...fromLeafSets.flatMap(({ left, right }) => [...left, ...right])
        ]
        for (const node of wire) {
          assert.instanceOf(node, Node.Node)
          const made = nodeOf(clusters.find((cluster) => cluster.id.hex === node.hex)!)
          assert.strictEqual(node.life, made.life)
          assert.isTrue(Node.isSameAddress(node, made))
          const direct = yield* Effect.forEach(
            clusters,
            (cluster) => harness.during(cluster.sendDirect(node, outgoing(keys[0]!, "direct"))),
            { concurrency: "unbounded" }
          )
          for (const { root } of direct) assert.strictEqual(root.hex, node.hex)
        }
      })
  )

  const prepareAlone = (_: Harness): Effect.Effect<
    Cluster.Options,
    Effect.Error<ReturnType<Harness["join"]>>,
    Transport
  > => Effect.succeed({})
  const started: ReadonlyArray<readonly [string, (harness: Harness) => ReturnType<typeof prepareAlone>]> = [
    ["a Node that starts a ring", prepareAlone],
    ["a Node that joins", (harness) => Effect.map(harness.join(), (seed) => ({ join: [harness.addressOf(seed)] }))],
    ["a Node whose seed is dead", () => Effect.map(freePort, (port) => ({ join: [`127.0.0.1:${port}`] }))]
  ]
  for (const [what, prepare] of started) {
    overBoth(
      `Go Wendy defect 23: kill and leave never block, whenever they are called: ${what}`,
      (harness) =>
        Effect.gen(function*() {
          const soon = <A, E>(effect: Effect.Effect<A, E>) => harness.during(effect, "2 seconds")
          const kill = ({ cluster }: Member) => Testing.kill(cluster)
          const leave = ({ cluster }: Member) => cluster.leave
          const twice = (end: typeof kill) => (member: Member) =>
            Effect.all([end(member), end(member)], { concurrency: "unbounded", discard: true })
          for (
            const ends of [
              [kill, kill],
              [twice(kill), leave],
              [leave, kill],
              [twice(leave), leave],
              [
                (member: Member) => Effect.all([leave(member), kill(member)], { concurrency: 2, discard: true }),
                kill
              ]
            ]
          ) {
            const member = yield* harness.start(yield* prepare(harness))
            // Before it listens to anybody, and before it is ready: nothing has run since it was made.
            for (const end of ends) yield* soon(end(member))
            member.isLiving = false
            assert.isFalse(yield* member.cluster.isReady)
            const ready = yield* soon(Effect.exit(member.cluster.ready))
            const error = Exit.isFailure(ready) ? Option.getOrUndefined(Exit.findErrorOption(ready)) : undefined
            if (Exit.isFailure(ready)) assert.strictEqual(error?.reason._tag, "Closed")
            const sent = yield* soon(Effect.flip(member.cluster.sendConfirmed(outgoing("key", "late"))))
            assert.strictEqual(sent.reason._tag, "Closed")
            // The port is free again: nothing was left behind.
            const heir = yield* harness.start({ port: member.cluster.address.port })
            heir.isLiving = false
            yield* soon(Testing.kill(heir.cluster))
          }
        })
    )
  }

  overBoth(
    "Go Wendy defect 23: kill in the middle of messages, from inside a callback too, does not block",
    (harness) =>
      Effect.gen(function*() {
        const own: Array<Member> = []
        const first = yield* harness.join()
        yield* harness.during(first.cluster.ready)
        const member = yield* harness.join({
          application: {
            onDeliver: (message) => text(message).endsWith(" 20") ? Testing.kill(own[0]!.cluster) : Effect.void
          }
        })
        own.push(member)
        yield* harness.during(member.cluster.ready)
        const key = member.cluster.id
        yield* first.cluster.sendAll(Array.from({ length: 100 }, (_, index) => outgoing(key, `word ${index}`)))
        member.isLiving = false
        yield* harness.waitUntil(
          "the gap is closed",
          first.cluster.covers(key),
          "5 seconds"
        )
        yield* harness.during(Testing.kill(member.cluster), "2 seconds")
        assert.lengthOf(yield* harness.during(burst(first.cluster, "after", 20)), 20)
      })
  )
})
