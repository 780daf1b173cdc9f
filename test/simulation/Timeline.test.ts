import { assert, describe, it } from "@effect/vitest"
import * as Rng from "../../src/simulation/Rng.ts"
import { callOff, type Plan, Timeline } from "../../src/simulation/Timeline.ts"

describe("Timeline", () => {
  it("lets things happen in order of time, and of planning at one instant; never what was called off", () => {
    for (let seed = 0; seed < 20; seed++) {
      const rng = Rng.make(`${seed}`)
      const timeline = new Timeline()
      const due: Array<{ readonly at: number; readonly order: number }> = []
      const happened: Array<{ readonly at: number; readonly order: number }> = []
      let order = 0
      const plan = (delay: number): Plan => {
        const entry = { at: timeline.now + delay, order: order++ }
        due.push(entry)
        const made = timeline.after(delay, () => {
          assert.strictEqual(timeline.now, entry.at)
          happened.push(entry)
          if (order < 300 && rng.happens(0.7)) plan(rng.below(20))
          if (rng.happens(0.2)) {
            const other = plan(5 + rng.below(5))
            callOff(other)
            due.pop()
          }
        })
        return made
      }
      for (let count = 0; count < 100; count++) plan(rng.below(50))
      while (timeline.step(Number.POSITIVE_INFINITY));
      assert.deepStrictEqual(happened, due.toSorted((x, y) => x.at - y.at || x.order - y.order))
      assert.strictEqual(timeline.happened, happened.length)
      assert.strictEqual(timeline.next, Number.POSITIVE_INFINITY)
    }
  })

  it("runs up to a time and no further, and it is that time then", () => {
    const timeline = new Timeline()
    const happened: Array<number> = []
    for (const at of [10, 20, 30]) timeline.at(at, () => happened.push(at))
    timeline.runUntil(20)
    assert.deepStrictEqual(happened, [10, 20])
    assert.strictEqual(timeline.now, 20)
    timeline.runUntil(25)
    assert.strictEqual(timeline.now, 25)
    // What lies in the past happens next, at the present time.
    timeline.at(5, () => happened.push(timeline.now))
    timeline.runUntil(40)
    assert.deepStrictEqual(happened, [10, 20, 25, 30])
  })
})
