import { assert, describe, it } from "@effect/vitest"
import * as Churn from "../../src/simulation/Churn.ts"
import * as Rng from "../../src/simulation/Rng.ts"

const hour = 3_600_000

const sample = (sessions: Churn.Sessions, which: "draw" | "rest") => {
  const rng = Rng.make(`${sessions.name} ${which}`)
  return Array.from({ length: 100_000 }, () => sessions[which](rng)).sort((x, y) => x - y)
}

const mean = (numbers: ReadonlyArray<number>) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length

describe("Churn", () => {
  for (const sessions of [...Object.values(Churn.traces), Churn.exponential("poisson:15", hour / 4)]) {
    it(`${sessions.name}: sessions have the mean and the median that were reported`, () => {
      const drawn = sample(sessions, "draw")
      assert.closeTo(mean(drawn) / sessions.mean, 1, 0.05)
      assert.closeTo(drawn[drawn.length / 2]! / sessions.median, 1, 0.03)
    })

    it(`${sessions.name}: what is left of a session that one meets is what renewal theory says`, () => {
      // The mean of what is left is half the mean of the squares over the mean.
      const drawn = sample(sessions, "draw")
      const expected = mean(drawn.map((one) => one * one)) / mean(drawn) / 2
      assert.closeTo(mean(sample(sessions, "rest")) / expected, 1, 0.2)
    })
  }

  it("reads what the command line takes, and says what is wrong with the rest", () => {
    assert.deepStrictEqual(Churn.parse("none"), { sessions: undefined })
    assert.strictEqual((Churn.parse("gnutella") as { sessions: Churn.Sessions }).sessions.mean, 2.3 * hour)
    assert.strictEqual((Churn.parse("poisson:1.5") as { sessions: Churn.Sessions }).sessions.mean, 90_000)
    for (const bad of ["", "poisson", "poisson:0", "poisson:-1", "poisson:x", "toString", "Gnutella"]) {
      assert.match(Churn.parse(bad) as string, /^".*" is no churn: write none, poisson:MINUTES/)
    }
  })
})
