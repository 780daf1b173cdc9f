/** Messages to Nodes, whoever is the root of their keys, that nobody confirms. Rule M8. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Node from "../../src/ring/Node.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as Memory from "../../src/transport/Memory.ts"
import { makeHarness, nodeOf, outgoing, passing, text } from "../ClusterHarness.ts"

const setUp = Effect.gen(function*() {
  const harness = yield* makeHarness(passing)
  for (let count = 0; count < 5; count++) yield* harness.during((yield* harness.join()).cluster.ready)
  const nodes = harness.members.map(({ cluster }) => nodeOf(cluster))
  return { harness, nodes, one: harness.members[0]!.cluster }
})

describe("sendDirectAll", () => {
  for (const delivery of ["acknowledged", "atMostOnce"] as const) {
    it.effect(`${delivery}: each Node gets it once, the sender too`, () =>
      Effect.gen(function*() {
        const { harness, nodes, one } = yield* setUp
        for (let count = 0; count < 20; count++) {
          yield* harness.during(one.sendDirectAll(nodes, outgoing(NodeId.zero, `news ${count}`), { delivery }))
        }
        for (let step = 0; step < 20; step++) yield* passing("100 millis")
        for (const { delivered } of harness.members) {
          assert.strictEqual(new Set(delivered.map(text)).size, 20)
          assert.lengthOf(delivered, 20)
          assert.isTrue(delivered.every(({ isDirect }) => isDirect))
        }
        assert.strictEqual((yield* one.statistics).custody, 0)
      }).pipe(Effect.provide(Memory.layer)))
  }

  it.effect("more than its sender may have under way follow; what is for a Node that has ended leaves nothing behind", () =>
    Effect.gen(function*() {
      const harness = yield* makeHarness(passing)
      for (let count = 0; count < 3; count++) {
        yield* harness.during((yield* harness.join({ config: { maxOwn: 16 } })).cluster.ready)
      }
      const [one, two, three] = harness.members
      const target = nodeOf(two!.cluster)
      const otherLife = new Node.Node({ ...nodeOf(three!.cluster), incarnation: 1 })
      const many = Array.from({ length: 100 }, () => target)
      yield* harness.during(one!.cluster.sendDirectAll([otherLife, ...many], outgoing(NodeId.zero, "news")))
      yield* harness.waitUntil("all are there", Effect.sync(() => two!.delivered.length === 100))
      yield* harness.waitUntil("nothing is left", Effect.map(one!.cluster.statistics, ({ custody }) => custody === 0))
      assert.lengthOf(three!.delivered, 0)
    }).pipe(Effect.provide(Memory.layer)))
})
