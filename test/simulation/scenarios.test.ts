/**
 * Runs every scenario in `scenarios/` and compares what it prints with what stands there.
 * `REWRITE=1 npx vitest run test/simulation/scenarios.test.ts` writes down what they print now.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Scenario from "../../src/simulation/Scenario.ts"

const folder = Path.join(import.meta.dirname, "scenarios")

const run = (text: string): Scenario.Outcome => {
  const blocks = Scenario.parse(text)
  if (Result.isFailure(blocks)) return assert.fail(`line ${blocks.failure.line}: ${blocks.failure.message}`)
  const outcome = Scenario.run(blocks.success)
  return Result.isSuccess(outcome)
    ? outcome.success
    : assert.fail(`line ${outcome.failure.line}: ${outcome.failure.message}`)
}

describe("scenarios", () => {
  for (const name of Fs.readdirSync(folder).filter((file) => file.endsWith(".txt"))) {
    it(name, () => {
      const path = Path.join(folder, name)
      const expected = Fs.readFileSync(path, "utf8")
      const outcome = run(expected)
      if (process.env["REWRITE"] === "1") Fs.writeFileSync(path, outcome.text)
      else assert.strictEqual(outcome.text, expected)
      assert.deepStrictEqual(outcome.violations, [])
      assert.strictEqual(run(expected).traceHash, outcome.traceHash)
    })
  }
})

describe("Scenario", () => {
  it("what it prints is what it reads", () => {
    const text = "# Only a comment.\n\nworld seed=1\nstart 1 2 # two\n----\nanything\n  indented\n\nrun 1s\n----\n"
    const blocks = Scenario.parse(text)
    assert.isTrue(Result.isSuccess(blocks))
    if (Result.isSuccess(blocks)) assert.strictEqual(Scenario.print(blocks.success), text)
  })

  const problems: ReadonlyArray<readonly [string, RegExp]> = [
    ["jumble 1", /^1: "jumble" is no command: there are world, start,/],
    ["toString 1", /^1: "toString" is no command/],
    ["\n\ncrash 1", /^3: no Node 1 was started: write crash ID …/],
    ["start 1\ncrash 1\ncrash 1", /^3: the Node 1 has ended/],
    ["start xyz", /^1: "xyz" is no id: 1 to 32 hexadecimal digits/],
    ["start 1\nstart 1", /^2: the Node 1 runs already/],
    ["start 1\ncrash 1\nstart 1", /^3: a Node 1 was started before, so write restart/],
    ["restart 1", /^1: no Node 1 was started/],
    ["start", /^1: start takes ids/],
    ["run soon", /^1: "soon" is no time/],
    ["run 1s 2s", /^1: run takes one word/],
    ["start 1\npause 1", /^2: for= is missing: write pause ID … for=TIME/],
    ["start 1\npause 1 by=1s", /^2: pause takes no by=/],
    ["start 1\ncut region:eu from=1", /^2: there is no Region "eu" \(the latency model has none\)/],
    ["world latency=regions:eu,us:5,90,4\nstart 1\ncut region:asia from=1", /^3: there is no Region "asia" \(eu, us\)/],
    ["world latency=regions:eu,us:5,90,4\nstart 1\nlose from=region:eu,1", /^3: a Region stands alone/],
    ["start 1\nsend from=1 class=sure", /^2: "sure" is no class/],
    ["start 1\nsend from=1 count=0", /^2: count=0 is not a number from 1 to 1000000/],
    ["start 1\nlose part=2", /^2: part=2 is not a number from 0 to 1/],
    ["start 1\nawait peace within=1s", /^2: "peace" cannot be waited for/],
    ["start 1\nworld seed=2", /^2: world comes first, and once/],
    ["world preset=mars", /^1: "mars" is no preset/],
    ["world latency=fast", /^1: "fast" is no latency model/],
    ["world loss=1", /^1: loss=1 is not a number/],
    ["world loss-model=none", /^1: "none" is no loss model/],
    ["world set=lease:1s", /^1: .*lease/],
    ["world set=colour:1", /^1: "colour:1" is no setting/],
    ["world drift=0.5", /^1: drift=0.5 is not a number from 0 to 0.025/]
  ]
  for (const [text, expected] of problems) {
    it(`says what is wrong with ${JSON.stringify(text)}`, () => {
      const blocks = Scenario.parse(text)
      const outcome: Result.Result<unknown, Scenario.Problem> = Result.flatMap(blocks, (blocks) => Scenario.run(blocks))
      assert.isTrue(Result.isFailure(outcome))
      if (Result.isFailure(outcome)) assert.match(`${outcome.failure.line}: ${outcome.failure.message}`, expected)
    })
  }

  it("what does not come about is a violation", () => {
    const outcome = run("start 1 2\nrun 1s\nvanish 2\nawait ring within=1s")
    assert.deepStrictEqual(outcome.violations.map(({ checker }) => checker), ["await"])
  })
})
