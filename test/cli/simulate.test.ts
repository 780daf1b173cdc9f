import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { stripVTControlCharacters } from "node:util"
import * as Memory from "../../src/cli/simulate/Memory.ts"
import * as Notation from "../../src/cli/simulate/notation.ts"
import * as Plan from "../../src/cli/simulate/Plan.ts"
import * as Progress from "../../src/cli/simulate/Progress.ts"
import * as Style from "../../src/cli/style.ts"
import { presets } from "../../src/protocol/ClusterConfig.ts"
import * as Latency from "../../src/simulation/Latency.ts"
import * as Program from "./Program.ts"

const timeout = 60_000

/** The defaults, shrunk. */
const small = ["--nodes", "30", "--lookups", "300", "--duration", "1m", "--settle", "10s"]

const folder = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "wendy-"))),
  (folder) => Effect.sync(() => Fs.rmSync(folder, { recursive: true }))
)

const simulate = (...args: ReadonlyArray<string>) => Program.run(["simulate", ...args])

const linesOf = (text: string): Array<Program.Json> => {
  assert.isTrue(text === "" || text.endsWith("\n"), "the last line is whole")
  return text.split("\n").slice(0, -1).map((line) => JSON.parse(line))
}

/** As short as can be. */
const tiny = ["--lookups", "20", "--duration", "5s", "--settle", "0s"]

/** Without what depends on the real time. */
const timeless = (summary: Program.Json | undefined) => {
  const { eventsPerSecond, realSeconds, ...rest } = summary!
  assert.isAbove(realSeconds, 0)
  assert.isAbove(eventsPerSecond, 0)
  return rest
}

const request = (changes: Partial<Plan.Request> = {}): Plan.Request => ({
  seed: "a",
  ...Plan.defaults,
  repeat: undefined,
  reorder: undefined,
  bandwidth: undefined,
  queue: undefined,
  leafSet: undefined,
  failure: undefined,
  partition: undefined,
  config: presets.mspastry,
  checks: true,
  ...changes
})

const commandOf = (changes: Partial<Plan.Request>) => Plan.jobs(request(changes))[0]!.command

describe("the notation of simulations", () => {
  const isRead = <A>(text: string, read: (text: string) => Option.Option<A>, write: (value: A) => string) =>
    assert.deepStrictEqual(Option.map(read(text), write), Option.some(text))

  it("reads what it writes", () => {
    for (const text of ["plane:100", "constant:1.5", "uniform:0-200", "regions:eu,us,asia:5,90,250,4,160,6"]) {
      isRead(text, Notation.readLatency, Latency.print)
    }
    isRead("0.5@1m", Notation.readFailure, Notation.writeFailure)
    isRead("1:2:1@90s+1h", Notation.readPartition, Notation.writePartition)
    for (const text of ["0ms", "1500ms", "90s", "10m", "36h"]) isRead(text, Notation.readTime, Notation.writeTime)
  })

  it("reads the rows of a symmetric matrix from the diagonal on", () => {
    const latency = Option.getOrThrow(Notation.readLatency("regions:eu,us,asia:5,90,250,4,160,6"))
    assert.deepStrictEqual(latency, {
      _tag: "regions",
      names: ["eu", "us", "asia"],
      matrix: [[5, 90, 250], [90, 4, 160], [250, 160, 6]]
    })
  })

  it("refuses what means nothing", () => {
    const latencies = ["", "plane", "plane:0", "plane:-1", "plane:1:2", "uniform:5", "uniform:9-5", "uniform:1-2-3"]
    const regions = ["regions:a:1:2", "regions:a,b:1,2", "regions:a,a:1,2,3", "regions:a,:1,2,3", "regions:a,b:1,2,x"]
    for (const text of [...latencies, ...regions]) assert.isTrue(Option.isNone(Notation.readLatency(text)), text)
    for (const text of ["0@1m", "1@1m", "0.5", "0.5@", "0.5@soon", "0.5@1m@2m"]) {
      assert.isTrue(Option.isNone(Notation.readFailure(text)), text)
    }
    for (const text of ["1@1m+1m", "1:0@1m+1m", "1:1@1m", "1:1@1m+0s", "1:1+1m@1m"]) {
      assert.isTrue(Option.isNone(Notation.readPartition(text)), text)
    }
  })
})

describe("the plan of simulations", () => {
  it("has one simulation for every combination", () => {
    const jobs = Plan.jobs(
      request({ nodes: [10, 20], churn: ["none", "gnutella"], loss: [0, 0.1], leafSet: [8, 16, 32] })
    )
    assert.strictEqual(jobs.length, 24)
    const all = jobs.map(({ churn, linkConditions, config, nodes }) =>
      [nodes, churn, linkConditions.loss, config.leafSetSide].join()
    )
    assert.strictEqual(new Set(all).size, 24)
    assert.strictEqual(new Set(jobs.map(({ command }) => command)).size, 24)
  })

  it("repeats and reorders a fifth of what it loses, with frames only, unless told otherwise", () => {
    const climateOf = (changes: Partial<Plan.Request>) => {
      const { reordered, repeated } = Plan.jobs(request({ loss: [0.1], ...changes }))[0]!.linkConditions
      return [repeated, reordered]
    }
    assert.deepStrictEqual(climateOf({}), [0, 0])
    assert.deepStrictEqual(climateOf({ lossModel: "frames" }), [0.02, 0.02])
    assert.deepStrictEqual(climateOf({ lossModel: "frames", reorder: 0.3 }), [0.02, 0.3])
  })

  it("writes a command with what is not the default, fit for a shell", () => {
    assert.strictEqual(commandOf({}), "wendy simulate --seed a")
    assert.strictEqual(commandOf({ seed: "it's <mine>" }), `wendy simulate --seed 'it'\\''s <mine>'`)
    assert.strictEqual(commandOf({ seed: "--help" }), "wendy simulate --seed=--help")
    assert.strictEqual(
      commandOf({
        config: { ...presets.mspastry, lease: 80_000, leafSetSide: 8 },
        partition: { parts: [1, 1], at: 60_000, lasts: 300_000 },
        checks: false
      }),
      "wendy simulate --leaf-set 16 --partition 1:1@1m+5m --set lease=80000 --no-checks --seed a"
    )
  })

  it("finds what is impossible", () => {
    assert.isUndefined(Plan.findProblem(request({ drift: 0.025 })))
    assert.include(Plan.findProblem(request({ drift: 0.026 })), "margin / (2 * lease)")
    assert.include(Plan.findProblem(request({ failure: { part: 0.5, at: 600_000 } })), "--duration")
    assert.include(Plan.findProblem(request({ failure: { part: 0.001, at: 0 } })), "none of 200 Nodes")
    assert.include(Plan.findProblem(request({ partition: { parts: [1, 1], at: 600_000, lasts: 1 } })), "--duration")
    assert.include(Plan.findProblem(request({ partition: { parts: [1, 1], at: 0, lasts: 1e8 } })), "outlast")
    assert.include(Plan.findProblem(request({ nodes: Array.from({ length: 1001 }, (_, n) => n + 1) })), "1001")
  })

  it("takes as much memory as is needed and there, counting Nodes that come and go", () => {
    const machine = { total: 16e9, heap: 4e9, isHeapFixed: false }
    const job = (changes: Partial<Plan.Request>) => Plan.jobs(request(changes))[0]!
    assert.strictEqual(Memory.plan(job({}), machine), 4e9)
    assert.strictEqual(Memory.plan(job({ nodes: [20_000] }), machine), 2 * (20_000 * 250_000 + 10_000 * 400))
    assert.include(Memory.plan(job({ nodes: [100_000] }), machine), "ask for fewer Nodes")
    assert.include(Memory.plan(job({ nodes: [20_000] }), { ...machine, isHeapFixed: true }), "--max-old-space-size")
    // each place is taken ten times over
    const churn = { churn: ["poisson:1"], duration: 600_000, lookups: 0 }
    assert.strictEqual(Memory.estimate(job({ nodes: [100], ...churn })), 1100 * 250_000)
  })
})

describe("the progress of a simulation", () => {
  const state = Progress.next(Progress.begin(2, 3), {
    phase: "measuring",
    part: 0.5,
    simulatedSeconds: 3725,
    nodes: 1200,
    events: 5000,
    violations: 3
  }, 100)

  it("says how far it is, in lines that fit", () => {
    const [first, second] = Progress.frame(state, Style.make(false), 100)
    assert.match(first!, /━{20}─{20}\s+50 %\s+run 2 of 3: measuring/)
    assert.strictEqual(second, "  1:02:05 simulated, 1,200 Nodes, 50,000 events a second, 3 violations")
    for (const line of Progress.frame(state, Style.make(true), 30)) {
      assert.isAtMost(stripVTControlCharacters(line).length, 30)
    }
  })

  it("does not say which part is done of what nobody knows the length of", () => {
    const [line] = Progress.frame({ ...state, phase: "ending", part: 0 }, Style.make(false), 100)
    assert.notInclude(line, "%")
    assert.include(line, "waiting until everything is in place")
  })
})

describe("wendy simulate", () => {
  const stable = [
    "type seed nodes lookups delivered held lost incorrect duplicates meanHops hopHistogram rdp",
    "messagesPerNodePerSecond invariantViolations traceHash violations points recovery recoveryLeases command"
  ].join(" ").split(" ")

  it.live(
    "gives one result for one seed, as a line of JSON and nothing else, traced or not, and another for another",
    () =>
      Effect.gen(function*() {
        const file = Path.join(yield* folder, "trace.ndjson")
        const ofSeed = (seed: string, ...more: ReadonlyArray<string>) =>
          simulate(...small, "--churn", "poisson:5", "--seed", seed, "--json", ...more)
        const runs = yield* Effect.all([ofSeed("one"), ofSeed("one", "--trace", file), ofSeed("two")], {
          concurrency: 3
        })
        for (const { code, stderr } of runs) assert.deepStrictEqual([code, stderr], [0, ""])
        const [first, second, third] = runs.map(({ stdout }) => linesOf(stdout))
        assert.deepStrictEqual([first!.length, second!.length, third!.length], [1, 1, 1])
        const summary = first![0]!
        for (const name of stable) assert.property(summary, name)
        assert.deepStrictEqual(
          [summary["type"], summary["seed"], summary["nodes"], summary["lookups"]],
          ["summary", "one", 30, 300]
        )
        assert.match(summary["traceHash"], /^[0-9a-f]{16}$/)
        assert.deepStrictEqual(timeless(second![0]), timeless(summary))
        assert.notStrictEqual(third![0]!["traceHash"], summary["traceHash"])

        const happenings = linesOf(Fs.readFileSync(file, "utf8"))
        const count = (what: string) => happenings.filter((happening) => happening["what"] === what).length
        assert.isAbove(summary["joins"], 0)
        assert.isAtLeast(count("start"), 30 + summary["joins"])
        assert.deepStrictEqual([count("crash"), count("send")], [summary["endings"], 300])
        assert.isAtLeast(count("delivered"), summary["delivered"])
        const times = happenings.map(({ at }) => at as number)
        assert.deepStrictEqual(times, times.toSorted((x, y) => x - y))
      }),
    timeout
  )

  it.live(
    "shows a table, draws a seed when none is given, and says how to see the same again",
    () =>
      Effect.gen(function*() {
        const first = yield* simulate(...tiny, "--nodes", "10")
        assert.strictEqual(first.code, 0)
        // no terminal: no progress
        assert.strictEqual(first.stderr, "")
        const hash = /trace +│ ([0-9a-f]{16})/.exec(first.stdout)![1]
        const command = /The same again: wendy (simulate .* --seed [0-9a-f]{8})$/m.exec(first.stdout)![1]!
        const second = yield* Program.run([...command.split(" "), "--json"])
        assert.strictEqual(linesOf(second.stdout)[0]!["traceHash"], hash)
      }),
    timeout
  )

  it.live(
    "runs every combination, compares them, and writes a page about all",
    () =>
      Effect.gen(function*() {
        const file = Path.join(yield* folder, "report.html")
        const seed = "<script>&"
        const { code, stderr, stdout } = yield* simulate(
          ...tiny,
          "--nodes",
          "5,10",
          "--loss",
          "0,0.02",
          "--seed",
          seed,
          "--report",
          file
        )
        assert.deepStrictEqual([code, stderr], [0, ""])
        const comparison = stdout.slice(stdout.indexOf("\nNodes")).trim().split("\n").slice(1, 5)
        assert.deepStrictEqual(comparison.map((line) => line.trim().split(/ {2,}/).slice(0, 2)), [
          ["5", "0 %"],
          ["5", "2 %"],
          ["10", "0 %"],
          ["10", "2 %"]
        ])
        assert.include(stdout, `The report is in ${file}`)
        const page = Fs.readFileSync(file, "utf8")
        assert.match(page, /^<!DOCTYPE html>[^]*<\/html>\n$/)
        assert.notMatch(page, /NaN|undefined|<script/)
        for (const tag of ["svg", "figure", "section", "table", "tr", "td", "ul", "li", "text"]) {
          const count = (pattern: string) => page.match(new RegExp(pattern, "g"))?.length
          assert.strictEqual(count(`<${tag}[ >]`), count(`</${tag}>`), tag)
        }
        assert.include(page, "Hops of a lookup against the number of Nodes")
        assert.strictEqual(page.match(/<code>wendy simulate .*?&#60;script&#62;&#38;.*?<\/code>/g)?.length, 4)
      }),
    timeout
  )

  it.live(
    "ends within a second when it is told to, and leaves a trace whose last line is whole",
    () =>
      Effect.gen(function*() {
        const file = Path.join(yield* folder, "trace.ndjson")
        Fs.writeFileSync(file, "")
        const written = Effect.callback<void>((resume) => {
          const watcher = Fs.watch(file, () => {
            if (Fs.statSync(file).size === 0) return
            watcher.close()
            resume(Effect.void)
          })
          return Effect.sync(() => watcher.close())
        })
        const program = yield* Program.start("simulate", "--nodes", "2000", "--trace", file, "--seed", "long")
        const said = once(program.child.stdout, "data")
        yield* Effect.timeout(written, "20 seconds")
        const start = process.hrtime.bigint()
        program.child.kill("SIGINT")
        const { stdout } = yield* program.ended
        assert.isBelow(Number(process.hrtime.bigint() - start) / 1e9, 1.5)
        yield* Effect.promise(() => said)
        assert.notInclude(stdout, "┌")
        assert.isAbove(linesOf(Fs.readFileSync(file, "utf8")).length, 100)
      }),
    timeout
  )

  it.live(
    "exits with 1 when something was seen that must not be, and its command shows the same again",
    () =>
      Effect.gen(function*() {
        // a byte a second: nobody can join
        const args = [...tiny, "--nodes", "3", "--bandwidth", "1", "--seed", "it's"]
        const [json, table] = yield* Effect.all([simulate(...args, "--json"), simulate(...args)], { concurrency: 2 })
        assert.strictEqual(json.code, 1)
        const [summary] = linesOf(json.stdout)
        assert.isAbove(summary!["invariantViolations"], 0)
        assert.strictEqual(summary!["violations"][0]["checker"], "join")
        const says = [
          "3 Nodes have not become one ring",
          `wendy simulate --nodes 3 --lookups 20 --duration 5s --bandwidth 1 --settle 0ms --seed 'it'\\''s'`
        ]
        for (const text of says) assert.include(json.stderr, text)

        assert.deepStrictEqual([table.code, table.stderr], [1, ""])
        for (const text of [...says, summary!["traceHash"], "Something was seen that must not be."]) {
          assert.include(table.stdout, text)
        }
      }),
    timeout
  )

  const misuses: ReadonlyArray<readonly [args: string, says: string]> = [
    ["--nodes 0", "--nodes"],
    ["--nodes 10000000", "ask for fewer Nodes"],
    ["--leaf-set 31", "even numbers"],
    ["--churn none,often", `"often" is no churn`],
    ["--partition 1:1@11m+1m", "longer --duration"],
    ["--nodes 10,20 --trace /dev/null", "--trace"],
    ["--report /nowhere/at/all.html", "/nowhere/at/all.html (ENOENT)"],
    ["--set leese=5s", "did you mean lease?"],
    ["--seed=", "--seed"]
  ]
  it.live(
    "refuses what cannot be before anything runs: exit code 2, a message, nothing on standard output",
    () =>
      Effect.forEach(misuses, ([args, says]) =>
        Effect.map(simulate(...args.split(" ")), ({ code, stderr, stdout }) => {
          assert.deepStrictEqual([code, stdout], [2, ""], `${args}: ${stderr}`)
          assert.include(stderr, says, args)
          assert.include(stderr, "wendy simulate --help")
          assert.notInclude(stderr, "bug")
        }), { concurrency: 2, discard: true }),
    timeout
  )

  it.live(
    "takes its settings from --config and --set, but not from the environment",
    () =>
      Effect.gen(function*() {
        const file = Path.join(yield* folder, "wendy.json")
        Fs.writeFileSync(file, `{"preset":"wan","probeRetries":1}`)
        yield* Effect.acquireRelease(
          Effect.sync(() => {
            process.env["WENDY_LEASE"] = "20s"
          }),
          () => Effect.sync(() => delete process.env["WENDY_LEASE"])
        )
        const command = (...args: ReadonlyArray<string>) =>
          Effect.map(simulate(...tiny, "--nodes", "2", "--seed", "a", "--json", ...args), ({ stdout }) =>
            linesOf(stdout)[0]!["command"] as string)
        const [plain, filed] = yield* Effect.all(
          [command(), command("--config", file, "--set", "probe=4s", "--leaf-set", "8")],
          { concurrency: 2 }
        )
        const start = "wendy simulate --nodes 2 --lookups 20 --duration 5s"
        assert.strictEqual(plain, `${start} --settle 0ms --seed a`)
        assert.strictEqual(
          filed,
          `${start} --leaf-set 8 --settle 0ms --preset wan --set probe=4000 --set probeRetries=1 --seed a`
        )
      }),
    timeout
  )

  it.live(
    "runs a scenario from a file, and says in which line one is wrong",
    () =>
      Effect.gen(function*() {
        const path = yield* folder
        const crash = Path.join(import.meta.dirname, "../simulation/scenarios/crash.txt")
        const good = yield* simulate("--scenario", crash)
        assert.deepStrictEqual([good.code, good.stderr], [0, ""])
        assert.strictEqual(good.stdout, Fs.readFileSync(crash, "utf8"))
        const bad = Path.join(path, "bad.txt")
        Fs.writeFileSync(bad, "start 1\nrun soon\n")
        const refused = yield* simulate("--scenario", bad)
        assert.deepStrictEqual([refused.code, refused.stdout], [2, ""])
        assert.include(refused.stderr, `bad.txt:2: "soon" is no time`)
        const broken = Path.join(path, "broken.txt")
        Fs.writeFileSync(broken, "start 1 2\nrun 1s\nvanish 2\nawait ring within=1s\n")
        const result = yield* simulate("--scenario", broken, "--json")
        assert.strictEqual(result.code, 1)
        assert.strictEqual((linesOf(result.stdout)[0]!["violations"] as Array<unknown>).length, 1)
      }).pipe(Effect.scoped),
    timeout
  )

  it.live(
    "explores scenarios by chance",
    () =>
      Effect.map(simulate("--explore", "--runs", "30", "--seed", "x", "--json"), ({ code, stdout }) => {
        assert.strictEqual(code, 0)
        assert.deepStrictEqual(linesOf(stdout), [{ type: "summary", seed: "x", runs: 30, found: null }])
      }),
    timeout
  )

  it.live(
    "tells of itself",
    () =>
      Effect.map(simulate("--help"), ({ code, stdout }) => {
        assert.strictEqual(code, 0)
        for (const text of ["--partition", "EXAMPLES", "wendy simulate --nodes 100,200,400,800 --report hops.html"]) {
          assert.include(stdout, text)
        }
      }),
    timeout
  )
})
