import { assert, describe, it } from "@effect/vitest"
import { PendingHandshakes } from "../../src/transport/PendingHandshakes.ts"
import * as Oracle from "../ring/Oracle.ts"

describe("PendingHandshakes", () => {
  it("when it is full, the oldest goes of those that come from the same place as most", () => {
    const pendingHandshakes = new PendingHandshakes(3)
    const gone: Array<string> = []
    const enter = (host: string, name: string) => pendingHandshakes.enter(host, () => gone.push(name))
    enter("x", "x1")
    const leave = enter("y", "y1")
    enter("x", "x2")
    assert.deepStrictEqual(gone, [])
    enter("z", "z1")
    assert.deepStrictEqual(gone, ["x1"])
    // Who has gone in needs no room any more, and is not dismissed later.
    leave()
    leave()
    assert.strictEqual(pendingHandshakes.size, 2)
    enter("y", "y2")
    enter("y", "y3")
    enter("y", "y4")
    assert.deepStrictEqual(gone, ["x1", "x2", "y2"])
    assert.strictEqual(pendingHandshakes.size, 3)
  })

  it.prop("never holds more than it has room for; who goes is the oldest from a place that no other has more from", [
    Oracle.word
  ], ([seed]) => {
    const next = Oracle.words(seed)
    const pendingHandshakes = new PendingHandshakes(5)
    interface One {
      readonly host: number
      readonly leave: () => void
    }
    let present: Array<One> = []
    const countFrom = (host: number) => present.filter((one) => one.host === host).length
    const without = (one: One) => present.filter((other) => other !== one)
    for (let visit = 0; visit < 60; visit++) {
      const host = Oracle.below(next, 4)
      const came: { self: One | undefined } = { self: undefined }
      const leave = pendingHandshakes.enter(String(host), () => {
        const gone = came.self!
        assert.lengthOf(present, 5)
        assert.strictEqual(present.find((other) => other.host === gone.host), gone)
        for (const other of present) assert.isAtMost(countFrom(other.host), countFrom(gone.host))
        present = without(gone)
      })
      came.self = { host, leave }
      present.push(came.self)
      assert.strictEqual(pendingHandshakes.size, present.length)
      assert.isAtMost(pendingHandshakes.size, 5)
      assert.strictEqual(pendingHandshakes.hosts, new Set(present.map((one) => one.host)).size)
      if (Oracle.below(next, 3) === 0) {
        const gone = present[Oracle.below(next, present.length)]!
        gone.leave()
        present = without(gone)
        assert.strictEqual(pendingHandshakes.size, present.length)
      }
    }
  })
})
