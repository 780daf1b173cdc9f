import { assert, describe, it } from "@effect/vitest"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { ClusterConfig, defaults } from "../../src/protocol/ClusterConfig.ts"

const decode = Schema.decodeUnknownExit(ClusterConfig)

const explain = (config: unknown): string | undefined => {
  const exit = decode(config)
  return Exit.isSuccess(exit) ? undefined : String(exit.cause)
}

/** Lowest, highest, whether whole. The highest that the lease rule leaves room for where it says `lease`. */
const bounds: { readonly [Name in keyof ClusterConfig]: readonly [number, number, "whole" | "any"] } = {
  leafSetSide: [1, 64, "whole"],
  neighborhoodSize: [1, 1024, "whole"],
  lease: [100, 600_000, "any"],
  margin: [1, 60_000, "any"],
  renewal: [10, 300_000, "any"],
  probe: [5, 60_000, "any"],
  probeRetries: [0, 10, "whole"],
  joinRetry: [10, 60_000, "any"],
  joinJitter: [1, 60_000, "whole"],
  exchange: [100, 3_600_000, "any"],
  dialTimeout: [10, 60_000, "any"],
  handshakeTimeout: [10, 60_000, "any"],
  idleTimeout: [1_000, 86_400_000, "any"],
  maxConnections: [1, 1_000_000, "whole"],
  maxValueSize: [0, 64 * 1024 * 1024, "whole"],
  maxCustody: [1, 10_000_000, "whole"],
  maxCustodyBytes: [1024, 2 ** 40, "whole"],
  maxOwn: [1, 1_000_000, "whole"],
  window: [1, 60_000, "whole"],
  maxDelivering: [1, 1_000_000, "whole"],
  deliverTimeout: [1, 3_600_000, "any"],
  hold: [1, 3_600_000, "any"],
  shortestTimeout: [1, 60_000, "any"],
  longestTimeout: [1, 600_000, "any"],
  confirmDeadline: [1, 86_400_000, "any"],
  seedPatience: [0, 600_000, "any"]
}

/** Settings with which the lease rule holds whatever one of the others is. */
const roomy: ClusterConfig = { ...defaults, lease: 600_000, renewal: 10, probe: 5, probeRetries: 0 }

/** The lease rule's own fields need each other small. */
const around = (name: string): ClusterConfig => name === "lease" ? { ...roomy, renewal: 10, probe: 5 } : roomy

describe("ClusterConfig", () => {
  it("the defaults decode, to themselves", () => {
    const exit = decode(defaults)
    assert.isTrue(Exit.isSuccess(exit))
    if (Exit.isSuccess(exit)) assert.deepStrictEqual(exit.value, defaults)
    assert.deepStrictEqual(Object.keys(defaults).sort(), Object.keys(ClusterConfig.fields).sort())
    assert.deepStrictEqual(Object.keys(defaults).sort(), Object.keys(bounds).sort())
  })

  for (const [name, [lowest, highest, kind]] of Object.entries(bounds)) {
    it(`${name}: ${lowest} to ${highest}`, () => {
      const of = (value: unknown) => explain({ ...around(name), [name]: value })
      assert.isUndefined(of(lowest))
      assert.isUndefined(of(highest))
      const wrong: Array<unknown> = [
        lowest - 1,
        highest + 1,
        Number.NaN,
        Number.POSITIVE_INFINITY,
        Number.NEGATIVE_INFINITY,
        undefined,
        null,
        `${lowest}`
      ]
      if (kind === "whole") wrong.push(lowest + 0.5)
      else {
        assert.isUndefined(of(lowest + 0.5))
        wrong.push(lowest - 0.5, highest + 0.5)
      }
      for (const value of wrong) {
        const message = of(value)
        assert.isDefined(message, `${value}`)
        assert.include(message!, `"${name}"`, `${value}`)
      }
    })
  }

  it("a field that is missing is named", () => {
    for (const name of Object.keys(defaults)) {
      const { [name as keyof ClusterConfig]: _, ...rest } = defaults
      assert.include(explain(rest)!, `"${name}"`)
    }
  })

  it("a lease outlasts a renewal and all its probes", () => {
    const of = (lease: number, renewal: number, probe: number, probeRetries: number) =>
      explain({ ...defaults, lease, renewal, probe, probeRetries })
    // 2,000 + (2 + 1) * 1,000 = 5,000
    assert.isUndefined(of(5_001, 2_000, 1_000, 2))
    for (const message of [of(5_000, 2_000, 1_000, 2), of(4_999, 2_000, 1_000, 2), of(5_001, 2_001, 1_000, 2)]) {
      for (const name of ["lease", "renewal", "probeRetries", "probe"]) assert.include(message!, name)
    }
    assert.isDefined(of(5_001, 2_000, 1_001, 2))
    assert.isDefined(of(5_001, 2_000, 1_000, 3))
    assert.isUndefined(of(3_001, 2_000, 1_000, 0))
    assert.isDefined(of(3_000, 2_000, 1_000, 0))
  })
})
