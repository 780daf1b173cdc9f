import { assert, describe, it } from "@effect/vitest"
import * as Rng from "../../src/simulation/Rng.ts"

const draw = (rng: Rng.Rng, count: number) => Array.from({ length: count }, () => rng.word())

describe("Rng", () => {
  it("the same seed draws the same, on every machine", () => {
    assert.deepStrictEqual(draw(Rng.make("seed"), 100), draw(Rng.make("seed"), 100))
    assert.deepStrictEqual(draw(Rng.make("1"), 4), [2_023_748_396, 460_554_264, 3_774_732_591, 493_538_301])
  })

  it("other seeds, and other streams of one seed, draw otherwise", () => {
    const seen = new Set<string>()
    for (const seed of ["", "1", "2", "11", "seed"]) {
      seen.add(draw(Rng.make(seed), 4).join())
      for (const name of ["a", "b", "/"]) seen.add(draw(Rng.make(seed).fork(name), 4).join())
    }
    assert.strictEqual(seen.size, 20)
  })

  it("a stream does not depend on what was drawn from another", () => {
    const one = Rng.make("1")
    const other = Rng.make("1")
    draw(other, 17)
    assert.deepStrictEqual(draw(one.fork("x"), 10), draw(other.fork("x"), 10))
  })

  it("draws evenly: bits, bytes and numbers below a bound", () => {
    const rng = Rng.make("even")
    const bits = new Array<number>(32).fill(0)
    const tenths = new Array<number>(10).fill(0)
    const runs = 40_000
    for (let run = 0; run < runs; run++) {
      const word = rng.word()
      for (let bit = 0; bit < 32; bit++) bits[bit]! += (word >>> bit) & 1
      tenths[rng.below(10)]!++
    }
    // Six standard deviations.
    for (const count of bits) assert.closeTo(count, runs / 2, 6 * Math.sqrt(runs / 4))
    for (const count of tenths) assert.closeTo(count, runs / 10, 6 * Math.sqrt(runs * 0.09))
  })

  it("its distributions have the means and spreads that they should", () => {
    const rng = Rng.make("means")
    const runs = 40_000
    let exponential = 0
    let normal = 0
    let squares = 0
    for (let run = 0; run < runs; run++) {
      exponential += rng.exponential(5)
      const one = rng.normal()
      normal += one
      squares += one * one
    }
    assert.closeTo(exponential / runs, 5, 6 * 5 / Math.sqrt(runs))
    assert.closeTo(normal / runs, 0, 6 / Math.sqrt(runs))
    assert.closeTo(squares / runs, 1, 6 * Math.sqrt(2 / runs))
  })
})
