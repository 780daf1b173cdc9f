import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Quota } from "../../src/actors/Quota.ts"

const one = { messages: 1, bytes: 10 }

const setUp = (most = { messages: 16, bytes: 1_000_000 }, mayPass?: () => boolean) => {
  const quota = new Quota(most, mayPass)
  const entered: Array<string> = []
  const enter = (name: string, purpose = 16, amount = one) =>
    Effect.forkChild(quota.enter(purpose, amount, () => entered.push(name)), { startImmediately: true })
  const leave = (purpose = 16) => {
    quota.remove(purpose, one.bytes)
    quota.letIn()
  }
  return { quota, entered, enter, leave }
}

describe("Quota", () => {
  it.effect("one purpose alone has seven eighths; then others have seven eighths of what is left, and so on", () =>
    Effect.gen(function*() {
      const { enter, entered } = setUp()
      for (let count = 0; count < 20; count++) yield* enter("a", 16)
      assert.lengthOf(entered, 14)
      for (let count = 0; count < 20; count++) yield* enter("b", 17)
      assert.deepStrictEqual(entered.slice(14), ["b"])
      // The last place is for whoever has nothing under way.
      yield* enter("c", 18)
      assert.deepStrictEqual(entered.slice(15), ["c"])
    }))

  it.effect("lets in as many as there is room for, in order; who is interrupted takes no room", () =>
    Effect.gen(function*() {
      const { enter, entered, leave } = setUp({ messages: 2, bytes: 1_000 })
      const fibers = yield* Effect.forEach(["0", "1", "2", "3"], (name) => enter(name))
      assert.deepStrictEqual(entered, ["0"])
      yield* Fiber.interrupt(fibers[1]!)
      leave()
      assert.deepStrictEqual(entered, ["0", "2"])
      leave()
      assert.deepStrictEqual(entered, ["0", "2", "3"])
      yield* Fiber.joinAll([fibers[0]!, fibers[2]!, fibers[3]!])
    }))

  it.effect("bytes are bounded as well; what is larger than all room enters alone", () =>
    Effect.gen(function*() {
      const { enter, entered, quota } = setUp({ messages: 100, bytes: 1_000 })
      yield* enter("large", 16, { messages: 1, bytes: 5_000 })
      yield* enter("next", 16)
      assert.deepStrictEqual(entered, ["large"])
      quota.remove(16, 5_000)
      quota.letIn()
      assert.deepStrictEqual(entered, ["large", "next"])
    }))

  it.effect("what is added again counts", () =>
    Effect.gen(function*() {
      const { enter, entered, leave, quota } = setUp({ messages: 2, bytes: 1_000 })
      quota.add(16, one)
      yield* enter("a")
      assert.deepStrictEqual(entered, [])
      leave()
      assert.deepStrictEqual(entered, ["a"])
    }))

  it.effect("nobody passes whom the other condition holds back; nobody waits any more when it is opened", () =>
    Effect.gen(function*() {
      let may = false
      const { enter, entered, quota } = setUp(undefined, () => may)
      yield* enter("a")
      assert.deepStrictEqual(entered, [])
      may = true
      quota.letIn()
      assert.deepStrictEqual(entered, ["a"])
      may = false
      yield* enter("b")
      quota.open()
      yield* enter("c")
      assert.deepStrictEqual(entered, ["a", "b", "c"])
    }))
})
