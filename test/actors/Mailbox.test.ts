import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { ActorGroup } from "../../src/actors/Mailbox.ts"

type Work = (items: ReadonlyArray<string>) => void

/** A mailbox whose owner notes what it gets at a time. */
const make = Effect.fnUntraced(function*(
  { actorGroup = new ActorGroup(), work = () => {} }: { readonly actorGroup?: ActorGroup; readonly work?: Work }
) {
  const turns: Array<ReadonlyArray<string>> = []
  const mailbox = yield* actorGroup.makeMailbox<string>()
  const owner = yield* Effect.forkChild(
    mailbox.serve((items) => {
      turns.push([...items])
      work(items)
    }),
    { startImmediately: true }
  )
  return { mailbox, owner, turns }
})

/** All that has been scheduled so far has run. */
const nextTurn = Effect.andThen(Effect.yieldNow, Effect.yieldNow)

describe("Mailbox", () => {
  it.effect("the owner works at once on what it is handed, once in a turn; the rest of that turn comes together", () =>
    Effect.gen(function*() {
      const { mailbox, turns } = yield* make({})
      for (const item of ["a", "b", "c"]) mailbox.submit(item)
      assert.deepStrictEqual(turns, [["a"]])
      yield* nextTurn
      assert.deepStrictEqual(turns, [["a"], ["b", "c"]])
      assert.isTrue(mailbox.runInline("d"))
      assert.isFalse(mailbox.runInline("e"), "in this turn it has worked already")
      yield* nextTurn
      assert.isTrue(mailbox.runInline("f"))
      assert.deepStrictEqual(turns.slice(2), [["d"], ["f"]])
    }))

  it.effect("nothing overtakes what waits", () =>
    Effect.gen(function*() {
      const { mailbox, turns } = yield* make({})
      mailbox.offer("a")
      assert.isFalse(mailbox.isEmpty)
      assert.isFalse(mailbox.runInline("b"))
      mailbox.submit("c")
      yield* nextTurn
      assert.deepStrictEqual(turns, [["a", "c"]])
      assert.isTrue(mailbox.isEmpty)
    }))

  it.effect("nor what waits for another of the group", () =>
    Effect.gen(function*() {
      const actorGroup = new ActorGroup()
      const first = yield* make({ actorGroup })
      const second = yield* make({ actorGroup })
      first.mailbox.offer("a")
      assert.isFalse(second.mailbox.runInline("b"))
      second.mailbox.submit("c")
      assert.isEmpty(second.turns)
      yield* nextTurn
      assert.isTrue(second.mailbox.runInline("d"))
      assert.deepStrictEqual([first.turns, second.turns], [[["a"]], [["c"], ["d"]]])
    }))

  it.effect("what is put in during the work is worked on next, in the same turn, but not for ever", () =>
    Effect.gen(function*() {
      const { mailbox, turns } = yield* make({
        work: (items) => {
          for (const item of items) if (item.length < 4) mailbox.submit(item + item[0])
        }
      })
      assert.isTrue(mailbox.runInline("a"))
      assert.deepStrictEqual(turns, [["a"], ["aa"]])
      yield* nextTurn
      assert.deepStrictEqual(turns, [["a"], ["aa"], ["aaa"], ["aaaa"]])
    }))

  it.effect("while another of the group is at work nothing is handed over", () =>
    Effect.gen(function*() {
      const actorGroup = new ActorGroup()
      const first = yield* make({ actorGroup })
      const second = yield* make({
        actorGroup,
        work: () => {
          assert.isFalse(first.mailbox.runInline("a"))
          first.mailbox.submit("b")
          assert.isEmpty(first.turns)
        }
      })
      assert.isTrue(second.mailbox.runInline("go"))
      assert.isFalse(actorGroup.isAtWork)
      yield* nextTurn
      assert.deepStrictEqual(first.turns, [["b"]])
    }))

  it.effect("an owner that throws ends with it, and not who handed it something; it does nothing more", () =>
    Effect.gen(function*() {
      const { mailbox, owner, turns } = yield* make({
        work: () => {
          mailbox.offer("c")
          throw new Error("broken")
        }
      })
      assert.isTrue(mailbox.runInline("a"))
      assert.isFalse(mailbox.runInline("b"))
      const exit = yield* Fiber.await(owner)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      assert.deepStrictEqual(turns, [["a"]])
    }))

  it.effect("when its owner has ended it hands over nothing more, and gives out what is left", () =>
    Effect.gen(function*() {
      const { mailbox, owner, turns } = yield* make({})
      assert.isTrue(mailbox.runInline("a"))
      yield* Fiber.interrupt(owner)
      yield* nextTurn
      mailbox.submit("b")
      mailbox.submit("c")
      assert.deepStrictEqual(yield* mailbox.clear, ["b", "c"])
      assert.deepStrictEqual(turns, [["a"]])
    }))

  it.effect("who reads from a connection waits while it is full", () =>
    Effect.gen(function*() {
      const mailbox = yield* new ActorGroup().makeMailbox<number>()
      for (let index = 0; index < 4096; index++) mailbox.offer(index)
      const reader = yield* Effect.forkChild(mailbox.submitFromPeer(4096), { startImmediately: true })
      yield* nextTurn
      assert.isUndefined(reader.pollUnsafe())
      assert.lengthOf(yield* mailbox.clear, 4096)
      yield* Fiber.join(reader)
      assert.deepStrictEqual(yield* mailbox.clear, [4096])
    }))
})
