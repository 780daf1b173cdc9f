import { assert, describe, it } from "@effect/vitest"
import * as Latency from "../../src/simulation/Latency.ts"
import * as Rng from "../../src/simulation/Rng.ts"
import * as Topology from "../../src/simulation/Topology.ts"

const good = [
  "constant:10",
  "uniform:1-40",
  "uniform:0-5",
  "plane:100",
  "plane:0.5",
  "regions:eu,us:5,90.5,4",
  "regions:one:3"
]

describe("Latency", () => {
  it("reads what it writes", () => {
    for (const text of good) {
      const latency = Latency.parse(text)
      assert.isObject(latency, text)
      if (typeof latency === "object") assert.strictEqual(Latency.print(latency), text)
    }
  })

  it("a matrix is its upper triangle, row by row", () => {
    assert.deepStrictEqual(Latency.parse("regions:eu,us,asia:5,90,250,4,160,6"), {
      _tag: "regions",
      names: ["eu", "us", "asia"],
      matrix: [[5, 90, 250], [90, 4, 160], [250, 160, 6]]
    })
  })

  it("says what is wrong", () => {
    for (
      const text of [
        "",
        "fast",
        "constant",
        "constant:",
        "constant:0",
        "constant:-1",
        "constant:1:2",
        "constant:1e3",
        "uniform:5",
        "uniform:5-1",
        "uniform:1-2-3",
        "uniform:0-0",
        "plane:0",
        "regions:eu,us",
        "regions:eu,us:1,2",
        "regions:eu,eu:1,2,3",
        "regions:,us:1,2,3",
        "regions:e u,us:1,2,3",
        "regions:eu,us:1,x,3"
      ]
    ) assert.include(Latency.parse(text) as string, `"${text}"`)
  })

  it("ways are as long there as back, within their bounds, and none to oneself", () => {
    for (const text of good) {
      const latency = Latency.parse(text) as Topology.Latency
      const topology = Topology.make(latency, Rng.make("1"))
      const places = Array.from({ length: 30 }, (_, number) => topology.place(number))
      for (const from of places) {
        for (const to of places) {
          const distance = topology.distance(from, to)
          assert.strictEqual(distance, topology.distance(to, from))
          if (from === to) assert.strictEqual(distance, 0)
          else if (latency._tag === "uniform") {
            assert.isAtLeast(distance, latency.shortest)
            assert.isAtMost(distance, latency.longest)
          } else if (latency._tag === "plane") assert.isAtMost(distance, latency.across * Math.SQRT2)
          else if (latency._tag === "regions") {
            const [one, other] = [latency.names.indexOf(from.region), latency.names.indexOf(to.region)]
            assert.strictEqual(distance, latency.matrix[one]![other]!)
          } else assert.strictEqual(distance, latency.delay)
        }
      }
    }
  })
})
