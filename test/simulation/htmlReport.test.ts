import { assert, describe, it } from "@effect/vitest"
import { presets } from "../../src/protocol/ClusterConfig.ts"
import * as FaultModel from "../../src/simulation/FaultModel.ts"
import { type Meta, render } from "../../src/simulation/htmlReport.ts"
import * as Plots from "../../src/simulation/plots.ts"
import type { Report } from "../../src/simulation/Report.ts"
import * as Simulation from "../../src/simulation/Simulation.ts"

/** A real report, small, to be changed. */
const real: Report = (() => {
  const simulation = Simulation.run({
    seed: "report",
    engine: "core",
    nodes: 5,
    lookups: 50,
    duration: 20_000,
    sessions: undefined,
    ending: "crash",
    config: presets.mspastry,
    latency: { _tag: "plane", across: 100 },
    linkConditions: FaultModel.calm,
    keys: "random",
    delivery: "acknowledged",
    seeds: "near",
    interval: 100,
    settle: 0,
    failure: undefined,
    partition: undefined,
    drift: 0,
    command: "wendy simulate --seed report",
    checks: true,
    realNow: () => 0
  })
  for (;;) {
    const step = simulation.next()
    if (step.done === true) return step.value
  }
})()

const report = (changes: Partial<Report> = {}): Report => ({ ...real, ...changes })

const meta: Meta = {
  options: [["seed", "report"], ["nodes", "5"]],
  versions: [["effect-wendy", "1.2.3"]],
  disturbances: [],
  checks: true
}

const page = (reports: ReadonlyArray<Report>, changes: Partial<Meta> = {}) => render(reports, { ...meta, ...changes })

const decode = (text: string) =>
  text.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(code)).replaceAll("&amp;", "&")

/** Reads a page as XML is read, fails at what is not closed, and returns its texts. */
const read = (html: string): ReadonlyArray<string> => {
  const open: Array<string> = []
  const texts: Array<string> = []
  const attributes = String.raw`(?:\s+[\w:-]+="[^"<>&]*(?:&#\d+;[^"<>&]*)*")*`
  const token = new RegExp(String.raw`<!DOCTYPE html>|<(\w+)${attributes}\s*(/?)>|</(\w+)>|([^<]+)`, "gy")
  while (token.lastIndex < html.length) {
    const at = token.lastIndex
    const match = token.exec(html)
    assert.isNotNull(match, `no markup: ${html.slice(at, at + 80)}`)
    const [, opened, closesItself, closed, text] = match!
    if (opened !== undefined && closesItself === "") open.push(opened)
    if (closed !== undefined) assert.strictEqual(open.pop(), closed, html.slice(at - 80, at + 80))
    if (text === undefined || open.at(-1) === "style") continue
    assert.match(text, /^(?:[^&]|&#\d+;)*$/)
    texts.push(decode(text))
  }
  assert.deepStrictEqual(open, [])
  return texts
}

/** Everything a page must be, whatever is on it. */
const check = (html: string): ReadonlyArray<string> => {
  const texts = read(html)
  assert.notMatch(html, /NaN|undefined|Infinity|\[object/)
  // nothing that runs, and nothing from elsewhere
  assert.notMatch(html, /<script|<link|<img|<iframe|\bsrc=|\bhref=|\bon\w+=|url\(|@import|https?:/i)
  return texts
}

const titles = (html: string) => Array.from(html.matchAll(/<h3>(.*?)<\/h3>/g), ([, title]) => decode(title!))

describe("a report as a page", () => {
  it("is complete in itself, well-formed, and tells the figures, the options, the command and the versions", () => {
    const texts = check(page([report({ meanHops: 1.2345, traceHash: "0123456789abcdef" })]))
    for (
      const text of ["1.234", "0123456789abcdef", "wendy simulate --seed report", "effect-wendy", "1.2.3", "nodes"]
    ) {
      assert.isTrue(texts.some((one) => one.includes(text)), text)
    }
    assert.include(texts, "Nothing was seen that must not be.")
  })

  it("escapes whatever was written by others", () => {
    const hostile = `<script>alert("1")</script>&amp;'</style></svg>\u0000\ud800`
    const changed = {
      seed: hostile,
      churn: hostile,
      latency: hostile,
      command: hostile,
      invariantViolations: 1,
      violations: [{ at: 0, checker: hostile, message: hostile }],
      messagesByKind: { [hostile]: 1, Routed: 2 }
    }
    const pages = [
      page([report(changed)], {
        options: [["seed", hostile]],
        versions: [[hostile, hostile]],
        disturbances: [{ name: hostile, from: 1000, to: 2000 }]
      }),
      page([report(changed), report({ churn: `${hostile}2` }), report({ nodes: 50 })])
    ]
    for (const html of pages) assert.isTrue(check(html).some((text) => text.includes("<script>alert")))
  })

  it("survives reports in which nothing happened", () => {
    const none = { count: 0, mean: 0, p50: 0, p99: 0, longest: 0 }
    const empty = report({
      nodes: 1,
      lookups: 0,
      delivered: 0,
      meanHops: 0,
      hopHistogram: [],
      delays: none,
      joinTimes: none,
      heldTimes: none,
      rdp: Number.NaN,
      meanStretch: Number.NaN,
      messagesPerNodePerSecond: Number.POSITIVE_INFINITY,
      messagesByKind: {},
      points: []
    })
    const [first] = real.points
    for (
      const reports of [[], [empty], [empty, empty], [empty, { ...empty, nodes: 2, loss: 0.1, churn: "gnutella" }], [
        { ...empty, points: [first!] }
      ]]
    ) check(page(reports))
  })

  it("plots hops against Nodes beside log16 N when there are several sizes, and leaves it out when there is one", () => {
    const sizes = [report({ nodes: 16, meanHops: 1 }), report({ nodes: 256, meanHops: 2 })]
    const title = "Hops of a lookup against the number of Nodes"
    const html = page(sizes)
    check(html)
    assert.include(titles(html), title)
    const figure = html.slice(html.indexOf(title), html.indexOf("</figure>", html.indexOf(title)))
    const [measured, reference] = Array.from(
      figure.matchAll(/<polyline[^>]*points="([^"]*)"/g),
      ([, points]) => points!.split(" ")
    )
    // exactly where log16 is: 1 and 2
    assert.strictEqual(measured!.length, 2)
    assert.deepStrictEqual([reference![0], reference!.at(-1)], measured)
    assert.include(figure, "log16 N")

    assert.notInclude(titles(page([report()])), title)
    assert.include(titles(page([report()])), "Distribution of hops")
  })

  it("plots against churn, from long sessions to short ones, and tells series apart by what else was varied", () => {
    const html = page(
      ["poisson:5", "none", "gnutella"].flatMap((churn) => [0, 0.05].map((loss) => report({ churn, loss })))
    )
    check(html)
    for (const what of ["Lookups lost, and delivered at a wrong Node", "Control traffic", "Relative delay penalty"]) {
      for (const axis of ["churn", "loss"]) assert.include(titles(html), `${what} against ${axis}`)
    }
    const from = html.indexOf("Control traffic against churn")
    const figure = html.slice(from, html.indexOf("</figure>", from))
    const names = Array.from(figure.matchAll(/<text[^>]*>([^<]*)<\/text>/g), ([, text]) => text!)
    assert.deepStrictEqual(names.filter((name) => /none|gnutella|poisson/.test(name)), [
      "none",
      "gnutella",
      "poisson:5"
    ])
    for (const name of ["0 % loss", "5 % loss"]) assert.include(figure, name)
  })

  it("shows the ring over time, and what was done to it", () => {
    const html = page([report({ recovery: 90_000, recoveryLeases: 1.2 })], {
      disturbances: [{ name: "the network is cut", from: 5000, to: 10_000 }]
    })
    const texts = check(html)
    assert.include(titles(html), "The ring over time")
    assert.include(texts, "the network is cut")
    assert.isTrue(texts.some((text) => text.includes("90 s (1.2 leases)")))
    assert.include(html, `<rect class="mark"`)
    assert.notInclude(page([report()]), `<rect class="mark"`)
  })

  it("says what must not have been", () => {
    const violations = [{ at: 61_000, checker: "coverage", message: "two Nodes cover one key" }]
    const texts = check(page([report({ invariantViolations: 7, violations })]))
    assert.include(texts, "Something was seen that must not be.")
    assert.include(texts, "61 s, coverage: two Nodes cover one key")
    for (const bad of [{ incorrect: 1 }, { lostUnexplained: 1 }]) {
      assert.include(page([report(bad)]), `class="bad"`)
    }
    // without checkers nobody knows
    const unchecked = check(page([report()], { checks: false }))
    assert.include(unchecked, "Nothing was checked.")
    assert.notInclude(unchecked, "Nothing was seen that must not be.")
  })

  it("keeps its bounds however many simulations there are", () => {
    const reports = Array.from({ length: 60 }, (_, index) => report({ nodes: index + 1, loss: (index % 20) / 100 }))
    const html = page(reports)
    const texts = check(html)
    assert.isBelow(html.length, 2_000_000)
    // all of them are in the tables
    assert.include(texts, "simulation 60")
    assert.strictEqual(Array.from(html.matchAll(/The ring over time/g)).length, 2 * 12)
  })
})

describe("plots", () => {
  const axis = { label: "x" }

  it("draws bars as high as their values, and none for what is no number", () => {
    const html = Plots.bars({
      title: "bars",
      x: { label: "x", categories: ["a", "b", "c", "d"] },
      y: { label: "y" },
      series: [{ name: "", values: [10, 30, Number.NaN, 0] }]
    })
    read(html)
    const heights = Array.from(html.matchAll(/class="bar[^>]*height="([\d.]+)"/g), ([, height]) => Number(height))
    assert.strictEqual(heights.length, 2)
    assert.closeTo(heights[1]! / heights[0]!, 3, 0.01)
  })

  it("piles bars up", () => {
    const html = Plots.bars({
      title: "bars",
      x: { label: "x", categories: ["a"] },
      y: { label: "y" },
      isStacked: true,
      series: [{ name: "one", values: [10] }, { name: "two", values: [20] }]
    })
    const [one, two] = Array.from(
      html.matchAll(/class="bar c\d" x="[\d.]+" y="([\d.]+)" width="[\d.]+" height="([\d.]+)"/g),
      ([, y, height]) => ({ y: Number(y), height: Number(height) })
    )
    assert.closeTo(two!.y + two!.height, one!.y, 0.2)
  })

  it("draws lines from 0 on, and leaves out what is no number", () => {
    const points = [[1, 0], [2, Number.NaN], [3, 50], [Number.POSITIVE_INFINITY, 1]] as const
    const html = Plots.lines({ title: "lines", x: axis, y: axis, series: [{ name: "", points }] })
    read(html)
    const drawn = /<polyline[^>]*points="([^"]*)"/.exec(html)![1]!.split(" ").map((pair) => pair.split(",").map(Number))
    assert.strictEqual(drawn.length, 2)
    assert.isAbove(drawn[0]![1]!, drawn[1]![1]!)
    assert.isBelow(drawn[0]![0]!, drawn[1]![0]!)
  })

  it("shows a single value, and nothing where there is none", () => {
    const lines = (points: ReadonlyArray<readonly [number, number]>, isLogarithmic: boolean) =>
      Plots.lines({ title: "lines", x: { label: "x", isLogarithmic }, y: axis, series: [{ name: "", points }] })
    for (const isLogarithmic of [false, true]) {
      assert.include(lines([[5, 7]], isLogarithmic), "<circle")
      assert.notInclude(lines([[5, 0]], isLogarithmic), "NaN")
      assert.strictEqual(lines([], isLogarithmic), "")
      assert.strictEqual(lines([[Number.NaN, 1]], isLogarithmic), "")
    }
    assert.strictEqual(
      Plots.bars({ title: "", x: { label: "", categories: [] }, y: axis, series: [{ name: "", values: [] }] }),
      ""
    )
  })

  it("writes numbers as people read them", () => {
    const numbers = [0, 1, 0.012345, 12.345, 1234567, Number.NaN, Number.POSITIVE_INFINITY]
    assert.deepStrictEqual(numbers.map(Plots.format), ["0", "1", "0.0123", "12.3", "1,234,567", "–", "–"])
  })
})
