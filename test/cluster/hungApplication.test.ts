/** An application that hangs, under load: what it does not take waits, and no other application does. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Client from "../../src/Client.ts"
import * as Cluster from "../../src/Cluster.ts"
import * as Message from "../../src/protocol/Message.ts"
import * as Simulator from "../../src/simulation/Simulator.ts"
import * as Memory from "../../src/transport/Memory.ts"
import { makeHarness, passing } from "../ClusterHarness.ts"

const Hung = Message.make("Hung", { purpose: 16, value: Schema.String })
const Quick = Message.make("Quick", { purpose: 17, value: Schema.String })
/** More than a Node keeps of its own, and more than a root keeps of others. */
const flood = 12_000

const setUp = Effect.gen(function*() {
  const harness = yield* makeHarness(passing)
  const config = { deliverTimeout: 3_600_000, maxOwn: 1_000, maxCustody: 2_000 }
  const seed = yield* harness.start({ config })
  yield* harness.during(seed.cluster.ready)
  const other = yield* harness.join({ config })
  yield* harness.during(other.cluster.ready)
  const { id, register } = other.cluster
  yield* register({ message: Hung, onDeliver: () => Effect.never })
  yield* register({ message: Quick, onDeliver: () => Effect.void })
  const to = (kind: typeof Hung): Message.OutgoingMessage => kind.make(id, "text")
  return { harness, seed, other, to }
})

/** While messages for one that hangs come without end, so many others have their receipts, within some seconds. */
const checkOthers = Effect.fnUntraced(function*(
  { harness }: Effect.Success<typeof setUp>,
  send: Effect.Effect<unknown, unknown>
) {
  const began = yield* Clock.currentTimeMillis
  yield* harness.during(Effect.forEach(Array.from({ length: 200 }), () => send, { concurrency: 20 }), "20 seconds")
  assert.isBelow((yield* Clock.currentTimeMillis) - began, 20_000)
})

describe("a hung application", () => {
  it.effect("delays no other one at its root, nor at the Node that sends to both", () =>
    Effect.gen(function*() {
      const story = yield* setUp
      const { other, seed, to } = story
      yield* Effect.forkScoped(seed.cluster.sendAll(Array.from({ length: flood }, () => to(Hung))))
      yield* passing("2 seconds")
      assert.isAbove((yield* other.cluster.statistics).custody, 500)
      yield* checkOthers(story, seed.cluster.sendConfirmed(to(Quick)))
    }).pipe(Effect.provide(Memory.layer)))

  it.effect("nor at a client that sends to both", () =>
    Effect.gen(function*() {
      const story = yield* setUp
      const { seed, to } = story
      const client = yield* Client.make({ to: [`127.0.0.1:${seed.cluster.address.port}`], config: { maxOwn: 1_000 } })
      yield* story.harness.during(client.connected)
      yield* Effect.forkScoped(
        Effect.forEach(Array.from({ length: flood }), () => Effect.ignore(client.sendConfirmed(to(Hung))), {
          concurrency: "unbounded"
        })
      )
      yield* passing("2 seconds")
      yield* checkOthers(story, client.sendConfirmed(to(Quick)))
    }).pipe(Effect.provide(Memory.layer)))
})

/** How long a quick message takes while values of 60 kB for one that hangs come over a line of 100 Mbit/s. */
const narrow = (from: "a Node" | "a client") =>
  Effect.gen(function*() {
    const { start } = yield* Simulator.Simulator
    const startNode = Effect.fnUntraced(function*(host: string) {
      const config = { deliverTimeout: 3_600_000 }
      const node = yield* (yield* start(host, Cluster.make({ localHost: host, port: 7000, join: ["a:7000"], config })))
        .value
      yield* node.ready
      return node
    })
    const gateway = yield* startNode("a")
    const { id, register } = yield* startNode("b")
    const Large = Message.make("Large", { value: Schema.Uint8Array, codec: "binary" })
    yield* register({ message: Large, onDeliver: () => Effect.never })
    yield* register({ message: Quick, onDeliver: () => Effect.void })
    const sender = from === "a Node" ? gateway : yield* (yield* start("c", Client.make({ to: ["a:7000"] }))).value
    const flood = Effect.forEach(
      Array.from({ length: 4_000 }),
      () => Effect.ignore(sender.sendConfirmed(Large.make(id, new Uint8Array(60_000)), { deadline: "10 minutes" })),
      { concurrency: "unbounded", discard: true }
    )
    yield* Effect.forkScoped(flood)
    const times: Array<number> = []
    for (let count = 0; count < 60; count++) {
      yield* Effect.sleep("500 millis")
      times.push((yield* sender.sendConfirmed(Quick.make(id, "text"))).roundTrip)
    }
    return times
  }).pipe(Effect.scoped)

describe("large values for a hung application", () => {
  for (const [from, longest] of [["a Node", 500], ["a client", 1_000]] as const) {
    it.live(
      `hold up others from ${from} no longer than what is on its way, and not at all once there is no room`,
      () =>
        Effect.gen(function*() {
          const { value: times } = yield* Simulator.observe(narrow(from), { bandwidth: 12_500_000 })
          assert.isBelow(Math.max(...times), longest)
          assert.isBelow(Math.max(...times.slice(-10)), 20)
        }),
      60_000
    )
  }
})
