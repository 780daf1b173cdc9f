import { assert, describe, it } from "@effect/vitest"
import * as Silence from "../../src/core/Silence.ts"

interface Run {
  readonly roundTrip: number
  /** Whether the other end answers what is asked at a time. */
  readonly answers?: (at: number) => boolean
  readonly waitingSince?: number | undefined
  readonly doublings?: number
  readonly until?: number
  /** When something else comes. */
  readonly heard?: (at: number) => boolean
  /** Times at which this process does not run. */
  readonly isStopped?: (at: number) => boolean
}

/** Looks every 20 ms. Returns when questions were asked, and when the other end was left. */
const run = (options: Run) => {
  const self = Silence.make(0, options.roundTrip)
  const asked: Array<number> = []
  const answers: Array<readonly [at: number, sequence: number]> = []
  for (let now = 20; now <= (options.until ?? 60_000); now += 20) {
    if (options.isStopped?.(now) === true) continue
    const action = Silence.look(self, now, options.waitingSince, options.doublings ?? 0)
    if (action === "leave") return { asked, left: now }
    if (action !== undefined) {
      asked.push(now)
      if (options.answers?.(now) !== false) answers.push([now + options.roundTrip, action])
    }
    while (answers.length > 0 && answers[0]![0] <= now) Silence.answered(self, now, answers.shift()![1])
    if (options.heard?.(now) === true) Silence.heard(self, now)
  }
  return { asked, left: undefined }
}

describe("Silence", () => {
  it("what answers is never left, whatever its round trip, and is asked twice a second at most", () => {
    for (const roundTrip of [0.2, 5, 50, 300, 1_000, 3_000, 9_000]) {
      const { asked, left } = run({ roundTrip, waitingSince: 0 })
      assert.isUndefined(left, `${roundTrip} ms`)
      assert.isAtMost(asked.length, 120)
      assert.isAtLeast(asked.length, 2)
    }
  })

  it("what falls silent is left within a few seconds while something is waited for", () => {
    for (const [roundTrip, within] of [[0.2, 2_500], [50, 2_500], [300, 3_000], [1_000, 6_000]] as const) {
      const { left } = run({ roundTrip, waitingSince: 0, answers: (at) => at < 10_000 })
      assert.isAtLeast(left!, 10_000 + 1_400)
      assert.isAtMost(left!, 10_000 + within + 2 * roundTrip, `${roundTrip} ms`)
    }
  })

  it("with nothing to wait for it is asked every 10 s", () => {
    const living = run({ roundTrip: 1 })
    assert.lengthOf(living.asked, 5)
    assert.isUndefined(living.left)
    const { left } = run({ roundTrip: 1, answers: () => false })
    assert.isAtLeast(left!, 11_000)
    assert.isAtMost(left!, 15_000)
  })

  it("asks nothing while something comes", () => {
    assert.deepStrictEqual(run({ roundTrip: 1, waitingSince: 0, heard: (at) => at % 400 === 0 }).asked, [])
  })

  it("whatever comes after a question is a sign of life, too", () => {
    const heard = (at: number) => at < 20_000 && at % 1_000 === 0
    const { left } = run({ roundTrip: 1, waitingSince: 0, heard, answers: () => false })
    assert.isAtLeast(left!, 20_000)
    assert.isAtMost(left!, 23_000)
  })

  it("a wait that begins after a long rest is no silence yet", () => {
    const { asked } = run({ roundTrip: 1, waitingSince: 5_000, until: 6_000 })
    assert.isAtLeast(asked[0]!, 5_500)
  })

  it("that this process itself stood still is no silence of the other", () => {
    const isStopped = (at: number) => at > 5_000 && at < 40_000
    assert.isUndefined(run({ roundTrip: 1, waitingSince: 0, isStopped }).left)
    const { left } = run({ roundTrip: 1, waitingSince: 0, isStopped, answers: (at) => at < 5_000 })
    assert.isAtLeast(left!, 40_000)
    assert.isAtMost(left!, 43_000)
  })

  it("is more patient when others were silent before", () => {
    const leave = (doublings: number) => run({ roundTrip: 1, waitingSince: 0, doublings, answers: () => false }).left!
    assert.isAbove(leave(1) - leave(0), 1_000)
    assert.isAbove(leave(2) - leave(1), 2_000)
  })
})
