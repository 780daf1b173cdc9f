import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Membership from "../../src/core/Membership.ts"
import { type Code, makeEngine, shipped } from "../../src/simulation/CoreNode.ts"
import * as RandomExplorer from "../../src/simulation/RandomExplorer.ts"
import * as Scenario from "../../src/simulation/Scenario.ts"

const explore = (seed: string, runs: number, code?: Code) => {
  const exploring = RandomExplorer.explore({
    seed,
    runs,
    ...(code === undefined ? {} : { engine: makeEngine(() => code) })
  })
  for (;;) {
    const next = exploring.next()
    if (next.done === true) return next.value
  }
}

/** Takes for ready whoever one neighbour has acknowledged. */
const hasty: Code = {
  ...shipped,
  step: (state, now, input, out) => {
    if (input._tag === "Received" && input.message._tag === "CommitAck" && state.grant !== undefined) {
      state.grant.inserted = true
    }
    Membership.step(state, now, input, out)
  }
}

describe("RandomExplorer", () => {
  it("draws what can be run, the same for the same seed", () => {
    for (let seed = 0; seed < 50; seed++) {
      const lines = RandomExplorer.draw(`${seed}`)
      assert.deepStrictEqual(RandomExplorer.draw(`${seed}`), lines)
      assert.notDeepEqual(RandomExplorer.draw(`${seed}x`), lines)
      const blocks = Scenario.parse(lines.join("\n"))
      assert.isTrue(Result.isSuccess(blocks))
    }
  })

  it("every kind of fault is drawn", () => {
    const drawn = Array.from({ length: 300 }, (_, seed) => RandomExplorer.draw(`${seed}`)).flat()
    for (
      const command of [
        "start",
        "crash",
        "vanish",
        "leave",
        "restart",
        "pause",
        "sleep",
        "reset",
        "jump",
        "cut",
        "slow",
        "lose",
        "send"
      ]
    ) {
      assert.isTrue(drawn.some((line) => line.startsWith(`${command} `)), command)
    }
  })

  it("finds nothing in the code that is shipped", () => {
    assert.isUndefined(explore("test", 150)?.text)
  })

  it("finds what is broken, and makes it small", () => {
    const found = explore("test", 150, hasty)
    assert.isDefined(found)
    assert.isTrue(found!.violations.some(({ checker }) => checker === "coverage"))
    // A ring, a joiner, and what is demanded at the end: nothing else is needed.
    const blocks = Scenario.parse(found!.text)
    assert.isTrue(Result.isSuccess(blocks))
    if (Result.isFailure(blocks)) return
    const commands = blocks.success.flatMap(({ commands }) => commands)
    assert.isAtMost(commands.length, 10)
    // The text that is printed shows the same again; the shipped code does not.
    const run = (code: Code) => {
      const outcome = Scenario.run(blocks.success, makeEngine(() => code))
      return Result.isSuccess(outcome) ? outcome.success.violations : assert.fail(outcome.failure.message)
    }
    assert.deepStrictEqual(run(hasty), found!.violations)
    assert.deepStrictEqual(run(shipped), [])
  })
})
