import { assert, describe, it } from "@effect/vitest"
import { presets } from "../../src/protocol/ClusterConfig.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import { type EngineName, engines } from "../../src/simulation/engines.ts"
import { calm, type Rule } from "../../src/simulation/FaultModel.ts"
import { World } from "../../src/simulation/World.ts"

const messages = 40

/**
 * Frames of a message on average, of all Nodes together: hops, detours, and copies that wait and go again. Each link knows
 * round trips of 2 ms, and all at once they take up to ten thousand times as long.
 */
const mostFrames = 24

/** The same when the links have learned how long it takes. */
const mostLater = 4

/** Leases that outlive a round trip of 20 s: else there is no ring in which messages could be delivered. */
const config = { ...presets.mspastry, probe: 30_000, renewal: 60_000, lease: 300_000, margin: 15_000 }

/** Twelve Nodes in one ring, one millisecond apart. */
const build = (engine: EngineName, seed: string): World => {
  const world = new World({
    seed,
    config: { ...config, confirmDeadline: 120_000 },
    latency: { _tag: "constant", delay: 1 },
    linkConditions: calm,
    engine: engines[engine]
  })
  const first = world.start({ seeds: [] })
  for (let count = 1; count < 12; count++) {
    world.run(200)
    world.start({ seeds: [first.host] })
  }
  assert.isTrue(world.runUntil(() => world.isOneRing, 60_000))
  return world
}

/** Sends messages one after another, waits until none is under way, and returns the frames that it took. */
const frames = (world: World, within: number): number => {
  const before = world.sent.get("Routed") ?? 0
  const rng = world.rng.fork("messages")
  for (let count = 0; count < messages; count++) {
    world.send(world.pickReady(rng)!, NodeId.random(() => rng.word()), "confirmed")
    world.run(50)
  }
  assert.isTrue(world.runUntil(() => world.isQuiet, within), "messages are under way for too long")
  assert.deepStrictEqual(world.lookups.map(({ deliveries }) => deliveries), world.lookups.map(() => 1))
  return ((world.sent.get("Routed") ?? 0) - before) / messages
}

const slow = (delay: number, kinds?: ReadonlySet<string>): Rule => ({
  from: { _tag: "All" },
  to: { _tag: "All" },
  kinds,
  delay
})

describe("few frames a message, whatever the delay (M11)", () => {
  for (const engine of ["core", "actors"] as const) {
    for (const delay of [1, 10, 100, 400, 1_600, 3_000, 10_000]) {
      it(`${engine}: messages and acknowledgements that take ${delay} ms`, () => {
        const world = build(engine, `delay ${delay}`)
        world.begin(slow(delay, new Set(["Routed", "Acknowledged"])))
        assert.isAtMost(frames(world, 200_000), mostFrames)
        assert.isAtMost(frames(world, 200_000), mostLater)
      })
    }

    it(`${engine}: a network that becomes slow while messages are under way`, () => {
      for (const delay of [400, 1_600]) {
        const world = build(engine, `all ${delay}`)
        world.begin(slow(delay))
        assert.isAtMost(frames(world, 200_000), mostFrames)
      }
    })

    it(`${engine}: a Node whose event loop stalls for ten seconds`, () => {
      const world = build(engine, "stall")
      const rng = world.rng.fork("stall")
      world.pause(world.pickReady(rng)!, 10_000)
      assert.isAtMost(frames(world, 200_000), mostFrames)
    })
  }
})
