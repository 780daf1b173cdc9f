import { assert, describe, it } from "@effect/vitest"
import { DialRateLimiter } from "../../src/core/DialRateLimiter.ts"

const passes = (knocks: DialRateLimiter, now: number, count: number, address = (index: number) => `${now} ${index}`) =>
  Array.from({ length: count }, (_, index) => knocks.pass(address(index), now)).filter(Boolean).length

describe("Knocks", () => {
  it("lets so many through at once, and so many a second after that", () => {
    const knocks = new DialRateLimiter(5, 2)
    assert.strictEqual(passes(knocks, 0, 10), 5)
    assert.strictEqual(passes(knocks, 400, 10), 0)
    assert.strictEqual(passes(knocks, 1_000, 10), 2)
    assert.strictEqual(passes(knocks, 60_000, 10), 5)
  })

  it("lets through what has been proved, and no other", () => {
    const knocks = new DialRateLimiter(1, 1)
    assert.isTrue(knocks.pass("a", 0))
    assert.isFalse(knocks.pass("a", 0))
    knocks.prove("a")
    assert.strictEqual(passes(knocks, 0, 10, () => "a"), 10)
    assert.isFalse(knocks.pass("b", 0))
  })

  it("forgets the one that was proved longest ago, of more than a thousand", () => {
    const knocks = new DialRateLimiter(0, 0)
    for (let index = 0; index < 1_024; index++) knocks.prove(String(index))
    knocks.prove("0")
    knocks.prove("1024")
    assert.deepStrictEqual(["0", "1", "2", "1024"].map((address) => knocks.pass(address, 0)), [true, false, true, true])
  })
})
