import { assert, describe, it } from "@effect/vitest"
import * as Lines from "../../src/core/Lines.ts"
import * as Oracle from "../ring/Oracle.ts"

const drain = (lines: Lines.Lines<string>, mayTake = (_: string) => true): ReadonlyArray<string> => {
  const taken: Array<string> = []
  Lines.drain(lines, mayTake, (item) => taken.push(item))
  return taken
}

/** A line of kind 1 with so many in it, the first of which was refused at 0. */
const refused = (count: number) => {
  const lines = Lines.make<string>()
  for (let index = 1; index < count; index++) Lines.put(lines, 1, `${index}`)
  Lines.refuse(lines, 0, 1, "0")
  return lines
}

describe("Lines: turns", () => {
  it("kinds take turns, each in its order", () => {
    const lines = Lines.make<string>()
    for (const item of ["a1", "a2", "a3", "b1", "c1", "c2"]) Lines.put(lines, item.charCodeAt(0), item)
    assert.deepStrictEqual(drain(lines), ["a1", "b1", "c1", "a2", "c2", "a3"])
    assert.isTrue(Lines.isIdle(lines))
  })

  it("one that may not be taken has its turn next time: none passes it", () => {
    const lines = Lines.make<string>()
    for (const item of ["large", "a", "b"]) Lines.put(lines, item.length, item)
    assert.deepStrictEqual(drain(lines, (item) => item.length === 1), [])
    let room = 2
    assert.deepStrictEqual(drain(lines, () => room-- > 0), ["large", "a"])
    assert.deepStrictEqual(drain(lines, (item) => item.length === 1), ["b"])
  })
})

describe("Lines: what the other end has no room for", () => {
  it("waits, and all of its kind; others pass", () => {
    const lines = refused(3)
    assert.deepStrictEqual([Lines.isRefused(lines, 1), Lines.isRefused(lines, 2)], [true, false])
    Lines.put(lines, 2, "other")
    assert.deepStrictEqual(drain(lines), ["other"])
    assert.deepStrictEqual([...Lines.items(lines)], ["1", "2", "0"])
    assert.isFalse(Lines.isIdle(lines))
  })

  it("is tried one at a time, later each time, up to a second", () => {
    const lines = refused(3)
    const pauses: Array<number> = []
    let now = 0
    for (let count = 0; count < 9; count++) {
      const at = Lines.wakeAt(lines)
      pauses.push(at - now)
      now = at
      Lines.wake(lines, now - 0.1)
      assert.deepStrictEqual(drain(lines), [])
      Lines.wake(lines, now)
      const tried = drain(lines)
      assert.lengthOf(tried, 1)
      Lines.refuse(lines, now, 1, tried[0]!)
    }
    assert.deepStrictEqual(pauses, [20, 40, 80, 160, 320, 640, 1_000, 1_000, 1_000])
  })

  it("a burst that is refused is refused once", () => {
    const lines = Lines.make<string>()
    for (const item of ["0", "1", "2"]) Lines.refuse(lines, 0, 1, item)
    assert.strictEqual(Lines.wakeAt(lines), 20)
  })

  it("follows one and a half for each that is taken, until it has recovered", () => {
    const lines = refused(1_000)
    Lines.wake(lines, 20)
    const sizes: Array<number> = []
    for (let sent = drain(lines); sent.length > 0; sent = drain(lines)) {
      sizes.push(sent.length)
      for (let count = 0; count < sent.length; count++) Lines.accept(lines, 20, 1)
    }
    assert.deepStrictEqual(sizes.slice(0, 6), [1, 1, 2, 3, 4, 6])
    assert.strictEqual(sizes.reduce((sum, size) => sum + size, 0), 1_000)
    assert.isAtMost(Math.max(...sizes.slice(0, -1)), 64)
    assert.isTrue(Lines.isIdle(lines))
    assert.strictEqual(Lines.wakeAt(lines), Number.POSITIVE_INFINITY)
  })

  it("begins anew with 20 ms when one of it was taken in between", () => {
    const lines = refused(2)
    for (const at of [20, 60, 140]) {
      Lines.wake(lines, at)
      Lines.refuse(lines, at, 1, drain(lines)[0]!)
    }
    Lines.wake(lines, 300)
    drain(lines)
    Lines.accept(lines, 300, 1)
    drain(lines)
    Lines.refuse(lines, 301, 1, "1")
    assert.strictEqual(Lines.wakeAt(lines), 321)
  })

  it("without any word of what was tried another is tried a second later", () => {
    const lines = refused(2)
    Lines.wake(lines, 20)
    assert.deepStrictEqual(drain(lines), ["1"])
    assert.strictEqual(Lines.wakeAt(lines), 1_020)
    Lines.wake(lines, 1_020)
    assert.deepStrictEqual(drain(lines), ["0"])
    // Nothing is left, and nobody says anything: it is forgotten.
    Lines.wake(lines, 2_020)
    assert.isTrue(Lines.isIdle(lines))
    assert.strictEqual(lines.refused, 0)
  })

  it("what is taken out of it is gone", () => {
    const lines = refused(4)
    Lines.put(lines, 2, "2")
    assert.deepStrictEqual(Lines.takeOutRefused(lines, (item) => item >= "2"), ["2", "3"])
    assert.deepStrictEqual([...Lines.items(lines)], ["1", "0", "2"])
  })

  it.prop("nothing is lost, nothing comes twice, and whatever waits has its time", [Oracle.word], ([seed]) => {
    const next = Oracle.words(seed)
    const lines = Lines.make<string>()
    const underWay: Array<string> = []
    const done = new Set<string>()
    const kindOf = (item: string) => Number(item.split(" ")[0])
    let now = 0
    let count = 0
    const send = () => {
      for (const item of drain(lines)) underWay.push(item)
    }
    for (let step = 0; step < 300; step++) {
      const pick = underWay.splice(Oracle.below(next, underWay.length + 1), 1)[0]
      const isTaken = Oracle.below(next, 3) === 0
      if (pick === undefined || Oracle.below(next, 3) === 0) {
        if (pick !== undefined) underWay.push(pick)
        const kind = Oracle.below(next, 3)
        Lines.put(lines, kind, `${kind} ${count++}`)
      } else if (isTaken) {
        done.add(pick)
        Lines.accept(lines, now, kindOf(pick))
      } else Lines.refuse(lines, now, kindOf(pick), pick)
      now += Oracle.below(next, 50)
      Lines.wake(lines, now)
      send()
      const places = [...Lines.items(lines), ...underWay, ...done]
      assert.strictEqual(places.length, count)
      assert.strictEqual(new Set(places).size, count)
      const states = [...lines.lines.values()]
      assert.strictEqual(lines.refused, states.filter(({ credit }) => credit < Number.POSITIVE_INFINITY).length)
      if ([...Lines.items(lines)].length > 0) assert.isAtMost(Lines.wakeAt(lines), now + 1_000)
    }
    // When all is taken from now on all goes.
    for (let step = 0; step < 200 && done.size < count; step++) {
      for (const item of underWay.splice(0)) {
        done.add(item)
        Lines.accept(lines, now, kindOf(item))
      }
      now += 1_000
      Lines.wake(lines, now)
      send()
    }
    assert.strictEqual(done.size, count)
  })
})
