import { assert, describe, it } from "@effect/vitest"
import { DialRateLimiter } from "../../src/core/DialRateLimiter.ts"

const passes = (
  dialLimiter: DialRateLimiter,
  now: number,
  count: number,
  address = (index: number) => `${now} ${index}`
) => Array.from({ length: count }, (_, index) => dialLimiter.pass(address(index), now)).filter(Boolean).length

describe("DialRateLimiter", () => {
  it("lets so many through at once, and so many a second after that", () => {
    const dialLimiter = new DialRateLimiter(5, 2)
    assert.strictEqual(passes(dialLimiter, 0, 10), 5)
    assert.strictEqual(passes(dialLimiter, 400, 10), 0)
    assert.strictEqual(passes(dialLimiter, 1_000, 10), 2)
    assert.strictEqual(passes(dialLimiter, 60_000, 10), 5)
  })

  it("lets through what has been proved, and no other", () => {
    const dialLimiter = new DialRateLimiter(1, 1)
    assert.isTrue(dialLimiter.pass("a", 0))
    assert.isFalse(dialLimiter.pass("a", 0))
    dialLimiter.prove("a")
    assert.strictEqual(passes(dialLimiter, 0, 10, () => "a"), 10)
    assert.isFalse(dialLimiter.pass("b", 0))
  })

  it("forgets the one that was proved longest ago, of more than a thousand", () => {
    const dialLimiter = new DialRateLimiter(0, 0)
    for (let index = 0; index < 1_024; index++) dialLimiter.prove(String(index))
    dialLimiter.prove("0")
    dialLimiter.prove("1024")
    assert.deepStrictEqual(["0", "1", "2", "1024"].map((address) => dialLimiter.pass(address, 0)), [
      true,
      false,
      true,
      true
    ])
  })
})
