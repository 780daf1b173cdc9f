import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Client from "../../src/Client.ts"
import * as Cluster from "../../src/Cluster.ts"
import type { ClusterEvent } from "../../src/protocol/ClusterEvent.ts"
import * as Simulator from "../../src/simulation/Simulator.ts"

const hosts = ["a", "b", "c"]

const size = 1_000_000

/** Three Nodes behind narrow lines, of which one sends large values to another. What has happened, by Node. */
const story = (count: number) =>
  Effect.gen(function*() {
    const { start } = yield* Simulator.Simulator
    const delivered: Array<number> = []
    const events: Array<ClusterEvent> = []
    const nodes: Array<Cluster.Cluster["Service"]> = []
    for (const host of hosts) {
      const { value } = yield* start(
        host,
        Cluster.make({
          localHost: host,
          port: 7000,
          join: ["a:7000"],
          application: { onDeliver: ({ value }) => Effect.sync(() => delivered.push(value[0]!)) }
        })
      )
      const node = yield* value
      yield* node.ready
      nodes.push(node)
    }
    yield* Effect.sleep("1 minute")
    for (const node of nodes) {
      yield* Effect.forkScoped(Stream.runForEach(node.events, (event) => Effect.sync(() => events.push(event))))
    }
    const began = yield* Clock.currentTimeMillis
    const [from, to] = nodes as [Cluster.Cluster["Service"], Cluster.Cluster["Service"]]
    yield* Effect.forEach(
      Array.from({ length: count }, (_, index) => index),
      (index) =>
        from.sendConfirmed(
          { key: to.id, purpose: 16, value: new Uint8Array(size).fill(index) },
          { deadline: "10 minutes" }
        ),
      { concurrency: "unbounded" }
    )
    const exits = events.filter(({ _tag }) => _tag === "NodeExited" || _tag === "NotReady").length
    const seconds = ((yield* Clock.currentTimeMillis) - began) / 1_000
    return { delivered: delivered.sort((one, other) => one - other), exits, seconds }
  }).pipe(Effect.scoped)

/** A client behind a narrow line sends large values. */
const clientStory = (count: number) =>
  Effect.gen(function*() {
    const { start } = yield* Simulator.Simulator
    const delivered: Array<number> = []
    const gateway = yield* start(
      "a",
      Cluster.make({
        localHost: "a",
        port: 7000,
        application: { onDeliver: ({ value }) => Effect.sync(() => delivered.push(value[0]!)) }
      })
    )
    const { id, ready } = yield* gateway.value
    yield* ready
    const client = yield* (yield* start("c", Client.make({ to: ["a:7000"] }))).value
    yield* client.connected
    const began = yield* Clock.currentTimeMillis
    yield* Effect.forEach(
      Array.from({ length: count }, (_, index) => index),
      (index) =>
        client.sendConfirmed(
          { key: id, purpose: 16, value: new Uint8Array(size).fill(index) },
          { deadline: "10 minutes" }
        ),
      { concurrency: "unbounded" }
    )
    const seconds = ((yield* Clock.currentTimeMillis) - began) / 1_000
    const { roundTrip } = yield* client.sendConfirmed({ key: id, purpose: 16, value: Uint8Array.of(99) })
    return { delivered: delivered.sort((one, other) => one - other), seconds, roundTrip }
  })

describe("Bulk data over narrow lines", () => {
  it.live("what a client sends goes over its line once", () =>
    Effect.gen(function*() {
      const { value: { delivered, roundTrip, seconds } } = yield* Simulator.observe(clientStory(6), {
        latency: "constant:10",
        bandwidth: 125_000
      })
      assert.deepStrictEqual(delivered, [0, 1, 2, 3, 4, 5, 99])
      assert.isBelow(seconds, 6 * size / 125_000 * 1.2)
      assert.isBelow(roundTrip, 1_000, "no copy of what has long arrived is in its way")
    }), 60_000)

  for (
    const [name, bandwidth, count] of [["1 Mbit/s", 125_000, 4], ["10 Mbit/s", 1_250_000, 12]] as const
  ) {
    it.live(
      `${name}: values of 1 MB arrive, each once over the line, and no living Node is declared failed`,
      () =>
        Effect.gen(function*() {
          const { value: { delivered, exits, seconds } } = yield* Simulator.observe(story(count), {
            latency: "constant:10",
            bandwidth
          })
          assert.deepStrictEqual(delivered, Array.from({ length: count }, (_, index) => index))
          assert.strictEqual(exits, 0)
          assert.isBelow(seconds, count * size / bandwidth * 1.2)
        }),
      60_000
    )
  }
})
