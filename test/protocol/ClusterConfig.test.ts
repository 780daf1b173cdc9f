import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import {
  check,
  ClusterConfig,
  defaults,
  type FieldName,
  fields,
  findSimilar,
  type Input,
  names,
  presets,
  type WendyConfigError
} from "../../src/protocol/ClusterConfig.ts"

const decode = Schema.decodeUnknownExit(ClusterConfig)

const explain = (config: unknown): string | undefined => {
  const exit = decode(config)
  return Exit.isSuccess(exit) ? undefined : String(exit.cause)
}

const problemOf = (input: object, base?: ClusterConfig): WendyConfigError | undefined => {
  const result = check(input, base)
  return Result.isFailure(result) ? result.failure : undefined
}

/** Lowest, highest, whether whole: what users rely on, written down a second time. */
const bounds: { readonly [Name in FieldName]: readonly [number, number, "whole" | "any"] } = {
  leafSetSide: [1, 64, "whole"],
  neighborhoodSize: [1, 1024, "whole"],
  nodesPerBlock: [0, 65_536, "whole"],
  lease: [100, 600_000, "any"],
  margin: [1, 60_000, "any"],
  renewal: [10, 300_000, "any"],
  probe: [5, 60_000, "any"],
  probeRetries: [0, 10, "whole"],
  joinRetry: [10, 60_000, "any"],
  joinJitter: [1, 60_000, "whole"],
  exchange: [100, 3_600_000, "any"],
  tableExchange: [1_000, 86_400_000, "any"],
  dialTimeout: [10, 60_000, "any"],
  handshakeTimeout: [10, 60_000, "any"],
  idleTimeout: [1_000, 86_400_000, "any"],
  maxConnections: [1, 1_000_000, "whole"],
  maxValueSize: [0, 64 * 1024 * 1024, "whole"],
  maxReplySize: [0, 1024 * 1024, "whole"],
  maxCustody: [1, 10_000_000, "whole"],
  maxCustodyBytes: [1024, 2 ** 40, "whole"],
  maxOwn: [1, 1_000_000, "whole"],
  window: [1, 60_000, "whole"],
  windowBytes: [1024, 64 * 1024 ** 3, "whole"],
  maxDelivering: [1, 1_000_000, "whole"],
  deliverTimeout: [1, 3_600_000, "any"],
  forwardTimeout: [1, 60_000, "any"],
  callbackTimeout: [1, 3_600_000, "any"],
  hold: [1, 3_600_000, "any"],
  shortestTimeout: [1, 60_000, "any"],
  longestTimeout: [1, 600_000, "any"],
  confirmDeadline: [1, 86_400_000, "any"],
  seedPatience: [0, 600_000, "any"]
}

/** Settings with which the rules that tie fields together hold, whatever one of the others is. */
const roomy: ClusterConfig = { ...defaults, lease: 600_000, margin: 600, renewal: 10, probe: 5, probeRetries: 0 }
const short: ClusterConfig = { ...roomy, lease: 1_000 }

/** A margin of 1 ms is too small for a long lease, a probe of a minute too long for a short one. */
const around = (name: string, value: unknown): ClusterConfig => name === "margin" && value === 1 ? short : roomy

describe("ClusterConfig", () => {
  it("the table, the Schema and the defaults have the same names", () => {
    const known = Object.keys(bounds).sort()
    assert.deepStrictEqual(Object.keys(fields).sort(), known)
    assert.deepStrictEqual([...names].sort(), known)
    assert.deepStrictEqual(Object.keys(ClusterConfig.fields).sort(), known)
    assert.deepStrictEqual(Object.keys(defaults).sort(), known)
    for (const name of names) {
      for (const text of ["meaning", "formula", "cost"] as const) assert.isNotEmpty(fields[name][text], name)
    }
  })

  it("every preset decodes, to itself, and passes the check", () => {
    for (const preset of [defaults, ...Object.values(presets)]) {
      const exit = decode(preset)
      assert.isTrue(Exit.isSuccess(exit))
      if (Exit.isSuccess(exit)) assert.deepStrictEqual(exit.value, preset)
      assert.deepStrictEqual(check(preset), Result.succeed(preset))
    }
  })

  it("the presets are what the table's formulas say", () => {
    assert.deepStrictEqual(presets.lan, defaults)
    const times = Object.values(presets).map(({ lease, renewal }) => [renewal, lease])
    assert.deepStrictEqual(times, [[2_000, 10_000], [10_000, 30_000], [30_000, 45_000]])
    for (const preset of Object.values(presets)) {
      const silence = preset.lease + preset.margin + (preset.probeRetries + 1) * preset.probe
      assert.strictEqual(preset.margin, preset.lease * 0.05)
      assert.isAbove(preset.confirmDeadline, silence)
      assert.isAbove(preset.hold, 2 * silence)
      assert.strictEqual(preset.seedPatience, preset.dialTimeout)
      assert.isAbove(preset.handshakeTimeout, preset.dialTimeout)
      assert.isBelow(preset.deliverTimeout, preset.confirmDeadline)
      assert.isBelow(preset.shortestTimeout, preset.longestTimeout)
      assert.isAbove(preset.tableExchange, preset.exchange)
    }
  })

  for (const [name, [lowest, highest, kind]] of Object.entries(bounds)) {
    it(`${name}: ${lowest} to ${highest}`, () => {
      const of = (value: unknown) => {
        const config = around(name, value)
        return { schema: explain({ ...config, [name]: value }), check: problemOf({ [name]: value }, config) }
      }
      const isGood = (value: number) => assert.deepStrictEqual(of(value), { schema: undefined, check: undefined })
      // The lowest lease leaves no room for the margin of others.
      if (name !== "lease") isGood(lowest)
      isGood(highest)
      const wrong: Array<unknown> = [
        lowest - 1,
        highest + 1,
        Number.NaN,
        Number.POSITIVE_INFINITY,
        Number.NEGATIVE_INFINITY,
        null,
        `${lowest}`,
        true,
        // A `Duration.Input` and a `ByteSize.Input` it may be.
        ...(fields[name as keyof typeof fields].unit === "count" ? [10n] : []),
        [lowest]
      ]
      if (kind === "whole") wrong.push(lowest + 0.5)
      else {
        if (name !== "lease" && name !== "margin") isGood(lowest + 0.5)
        wrong.push(lowest - 0.5, highest + 0.5)
      }
      for (const value of wrong) {
        const { check: problem, schema } = of(value)
        assert.include(schema, `"${name}"`, `${value}`)
        assert.isDefined(problem, `${value}`)
        assert.strictEqual(problem!.problems.length, 1)
        assert.strictEqual(problem!.problems[0].field, name)
        assert.match(problem!.message, new RegExp(`^${name} is .*: it must be .* from ${lowest} to ${highest}$`))
      }
    })
  }

  it("times and sizes may have a unit; inside are numbers", () => {
    const input: Input = {
      lease: "20 seconds",
      probe: Duration.millis(250),
      joinRetry: { seconds: 2 },
      maxValueSize: "64 KiB",
      windowBytes: 1_048_576n
    }
    const { joinRetry, lease, maxValueSize, probe, windowBytes } = Result.getOrThrow(check(input))
    assert.deepStrictEqual([lease, probe, joinRetry, maxValueSize, windowBytes], [
      20_000,
      250,
      2_000,
      65_536,
      1_048_576
    ])
    for (
      const bad of [{ lease: "20" }, { lease: "Infinity" }, { lease: {} }, { window: "10 seconds" }, { lease: "5 KiB" }]
    ) {
      assert.isTrue(Result.isFailure(check(bad)), JSON.stringify(bad))
    }
  })

  it("the lowest lease is allowed with all else small", () => {
    const tight = { ...short, lease: 100, margin: 1 }
    assert.isUndefined(explain(tight))
    assert.isUndefined(problemOf(tight))
    assert.isDefined(problemOf({ ...tight, lease: 99.9 }))
  })

  it("a field that is missing is named by the Schema, and completed by the check", () => {
    for (const name of names) {
      const { [name]: _, ...rest } = defaults
      assert.include(explain(rest)!, `"${name}"`)
      assert.deepStrictEqual(check(rest), Result.succeed(defaults))
      assert.deepStrictEqual(check({ ...rest, [name]: undefined }), Result.succeed(defaults))
    }
    assert.deepStrictEqual(check({}, presets.wan), Result.succeed(presets.wan))
  })

  it("a lease outlasts a renewal and all its probes", () => {
    const of = (lease: number, renewal: number, probe: number, probeRetries: number) => {
      const config = { ...defaults, lease, renewal, probe, probeRetries }
      const problem = problemOf(config)
      assert.strictEqual(explain(config) === undefined, problem === undefined)
      return problem?.message
    }
    // 2,000 + (2 + 1) * 1,000 = 5,000
    assert.isUndefined(of(5_001, 2_000, 1_000, 2))
    for (const message of [of(5_000, 2_000, 1_000, 2), of(4_999, 2_000, 1_000, 2), of(5_001, 2_001, 1_000, 2)]) {
      for (const name of ["lease", "renewal", "probeRetries", "probe"]) assert.include(message!, `${name} is `)
    }
    assert.isDefined(of(5_001, 2_000, 1_001, 2))
    assert.isDefined(of(5_001, 2_000, 1_000, 3))
    assert.isUndefined(of(3_001, 2_000, 1_000, 0))
    assert.isDefined(of(3_000, 2_000, 1_000, 0))
  })

  it("a margin covers what two clocks may differ by during a lease", () => {
    assert.isUndefined(problemOf({ lease: 500_000 }))
    assert.strictEqual(
      problemOf({ lease: 600_000 })?.message,
      "margin is 500 and lease is 600000: margin must be at least 0.1 % of lease, here 600, by which two clocks may differ"
    )
    assert.isDefined(explain({ ...defaults, lease: 600_000 }))
  })
})

describe("check", () => {
  const message = (input: object) => problemOf(input)?.message

  it("names the field, the value and the allowed range", () => {
    assert.strictEqual(message({ lease: 5 }), "lease is 5: it must be a number of milliseconds from 100 to 600000")
    assert.strictEqual(message({ lease: "5" }), `lease is "5": it must be a number of milliseconds from 100 to 600000`)
    assert.strictEqual(message({ window: 1.5 }), "window is 1.5: it must be a whole number from 1 to 60000")
    assert.strictEqual(
      message({ maxValueSize: Number.NaN }),
      "maxValueSize is NaN: it must be a whole number of bytes from 0 to 67108864"
    )
    assert.strictEqual(
      message({ hold: Number.POSITIVE_INFINITY }),
      "hold is Infinity: it must be a number of milliseconds from 1 to 3600000"
    )
    assert.strictEqual(
      message({ joinJitter: {} }),
      "joinJitter is an object: it must be a whole number of milliseconds from 1 to 60000"
    )
    const problem = problemOf({ lease: 5 })?.problems[0]
    assert.deepStrictEqual({ ...problem }, {
      field: "lease",
      value: 5,
      allowed: "a number of milliseconds from 100 to 600000",
      message: "lease is 5: it must be a number of milliseconds from 100 to 600000"
    })
  })

  it("says all that is wrong", () => {
    const problem = problemOf({ lease: 5, probe: "x", leese: 3 })!
    assert.deepStrictEqual(problem.problems.map(({ field }) => field), ["leese", "lease", "probe"])
    for (const part of problem.problems) assert.include(problem.message, part.message)
  })

  it("cuts a value that is too long for a line", () => {
    assert.isBelow(message({ lease: "x".repeat(10_000) })!.length, 200)
  })

  it("does not let a setting through that is none", () => {
    assert.strictEqual(message({ leese: 5 }), `there is no setting "leese": did you mean lease?`)
    assert.strictEqual(
      message({ max_value_size: 5 }),
      `there is no setting "max_value_size": did you mean maxValueSize?`
    )
    assert.strictEqual(message({ x: 5 }), `there is no setting "x": see docs/configuration.md for all`)
    for (const name of ["toString", "constructor", "__proto__"]) {
      assert.include(message(JSON.parse(`{"${name}":1}`)), `no setting "${name}"`)
    }
    assert.isUndefined(message({ leese: undefined }))
  })
})

describe("findSimilar", () => {
  it("finds what was meant, and nothing in what is far from all", () => {
    const find = (name: string) => findSimilar(name, names)
    assert.deepStrictEqual(["laese", "Lease", "lase", "prob", "proberetries", "maxValueSzie"].map(find), [
      "lease",
      "lease",
      "lease",
      "probe",
      "probeRetries",
      "maxValueSize"
    ])
    for (const name of ["", "release", "home", "host", "port", "path", "lease".repeat(1_000)]) {
      assert.isUndefined(find(name), name)
    }
  })
})
