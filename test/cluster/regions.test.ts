import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Application from "../../src/Application.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import { kill } from "../../src/testing.ts"
import * as Memory from "../../src/transport/Memory.ts"
import { Transport } from "../../src/transport/Transport.ts"
import { makeHarness, outgoing, passing } from "../ClusterHarness.ts"

const regions = ["eu", "us"] as const

/** Ids at random places, and the Region of each: those of a Region do not lie together. */
const placeOf = (index: number) => ({
  id: NodeId.fromString(`node ${index}`),
  place: regions[index % regions.length]!
})

/**
 * Counts the hops of messages between random Nodes in a ring of 64, and those between places; with
 * `hasRegions` the Nodes know in which place they are.
 */
const countHops = (hasRegions: boolean) =>
  Effect.gen(function*() {
    const harness = yield* makeHarness(passing)
    const places = new Map<string, string>()
    let hops = 0
    let crossings = 0
    let isCounting = false
    for (let index = 0; index < 64; index++) {
      const { id, place } = placeOf(index)
      places.set(id.hex, place)
      const member = yield* harness.join({
        id,
        region: hasRegions ? place : "",
        // Small, so that the routing table has something to do in so small a ring.
        config: { leafSetSide: 2, neighborhoodSize: 8, tableExchange: 2_000, exchange: 1_000 },
        application: {
          onForward: (_, next) =>
            Effect.sync(() => {
              if (isCounting) {
                hops++
                if (places.get(next.hex) !== place) crossings++
              }
              return Application.forward
            })
        }
      })
      yield* harness.during(member.cluster.ready)
    }
    yield* passing("2 minutes")
    isCounting = true
    const messages = Array.from({ length: 1000 }, (_, index) => index)
    const must = { crossings: 0 }
    yield* harness.during(
      Effect.forEach(messages, (index) => {
        const key = NodeId.fromString(`message ${index}`)
        const sender = harness.members[index % 64]!
        const root = harness.closest(key)
        if (places.get(root.cluster.id.hex) !== places.get(sender.cluster.id.hex)) must.crossings++
        return sender.cluster.sendConfirmed(outgoing(key, "value"))
      }, { concurrency: 16 })
    )
    for (const { cluster } of harness.members) yield* kill(cluster)
    return { hops, crossings, must: must.crossings }
  }).pipe(Effect.provide(Memory.layer))

describe("Regions", () => {
  it.effect(
    "traffic between Regions stays near the hops that must cross; the way grows hardly longer",
    () =>
      Effect.gen(function*() {
        const without = yield* Effect.scoped(countHops(false))
        const within = yield* Effect.scoped(countHops(true))
        assert.strictEqual(within.must, without.must)
        assert.isAtLeast(within.crossings, within.must)
        // Of what need not cross about half is gone; for the rest no Node of one's own Region has the digit that is needed.
        assert.isBelow(within.crossings - within.must, 0.6 * (without.crossings - without.must))
        assert.isBelow(within.hops, without.hops * 1.1)
      }),
    240_000
  )

  it.effect("a Node is reached at its local address inside its Region, and at its global one from outside", () =>
    Effect.gen(function*() {
      const harness = yield* makeHarness(passing)
      const network = yield* Memory.Network
      const dialled: Array<string> = []
      const start = Effect.fnUntraced(function*(machine: number, region: string, seed?: string) {
        const transport = network.transport(`machine${machine}`)
        const member = yield* harness.start({
          region,
          bind: "0.0.0.0",
          localHost: `local${machine}`,
          globalHost: `global${machine}`,
          port: 7000,
          join: seed === undefined ? [] : [seed]
        }).pipe(Effect.provideService(Transport, {
          ...transport,
          dial: (address, options) => {
            const host = /^(local|global|machine)(\d)$/.exec(address.host)!
            dialled.push(`${region} to ${regionOf[Number(host[2])]}: ${host[1]}`)
            return transport.dial({ host: `machine${host[2]}`, port: address.port }, options)
          }
        }))
        yield* harness.during(member.cluster.ready)
        return member
      })
      const regionOf = ["eu", "us", "eu", "us", "eu", "us"]
      for (const [machine, region] of regionOf.entries()) {
        yield* start(machine, region, machine === 0 ? undefined : "machine0:7000")
      }
      yield* harness.waitUntil("exact leaf sets", harness.isExact)
      const chosen = dialled.filter((way) => !way.endsWith("machine"))
      assert.isTrue(chosen.some((way) => way.endsWith("global")), chosen.join())
      assert.isTrue(chosen.some((way) => way.endsWith("local")), chosen.join())
      for (const way of chosen) {
        const [from, to, host] = /^(\w+) to (\w+): (\w+)$/.exec(way)!.slice(1)
        assert.strictEqual(host, from === to ? "local" : "global", way)
      }
    }).pipe(Effect.provide(Memory.layer)))
})
