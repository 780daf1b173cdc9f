import { assert, describe, it } from "@effect/vitest"
import { LogRateLimiter } from "../../src/actors/LogRateLimiter.ts"

describe("LogRateLimiter", () => {
  it("lets so many through in a period, and says how many it has kept back", () => {
    const throttle = new LogRateLimiter(2, 1000)
    const passed = [0, 0, 1, 999, 1000, 1500, 1999, 2000].map((now) => throttle.pass(now))
    assert.deepStrictEqual(passed, [0, 0, undefined, undefined, 2, 0, undefined, 1])
  })
})
