import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import * as Callbacks from "../src/Callbacks.ts"

/** How each callback ended, in order. */
const setUp = Effect.gen(function*() {
  const callbacks = yield* Callbacks.make(1000)
  const context = yield* Effect.context<never>()
  const ended: Array<string> = []
  const run = (name: string, callback: () => Effect.Effect<unknown, unknown>) =>
    callbacks.run(callback, context, (exit) => {
      ended.push(`${name} ${exit === undefined ? "late" : exit._tag}`)
    })
  return { callbacks, ended, run }
})

describe("Callbacks", () => {
  it.effect("one that waits for nothing has ended before run returns", () =>
    Effect.gen(function*() {
      const { ended, run } = yield* setUp
      run("value", () => Effect.succeed(1))
      run("failure", () => Effect.fail("no"))
      run("defect", () => Effect.die("a bug"))
      run("throw", () => {
        throw new Error("thrown")
      })
      assert.deepStrictEqual(ended, ["value Success", "failure Failure", "defect Failure", "throw Failure"])
      yield* TestClock.adjust("1 minute")
      assert.lengthOf(ended, 4)
    }))

  it.effect("one that takes its time ends once; beyond its time it is late, whatever it does then", () =>
    Effect.gen(function*() {
      const { ended, run } = yield* setUp
      run("in time", () => Effect.sleep(999))
      run("stubborn", () => Effect.uninterruptible(Effect.sleep(5000)))
      run("never", () => Effect.never)
      run("rigid", () => Effect.uninterruptible(Effect.never))
      yield* TestClock.adjust(500)
      run("begun later", () => Effect.never)
      yield* TestClock.adjust(499)
      assert.deepStrictEqual(ended, ["in time Success"])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(ended.slice(1), ["stubborn late", "never late", "rigid late"])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(ended.slice(4), ["begun later late"])
    }))

  it.effect("10,000 at once: each ends once", () =>
    Effect.gen(function*() {
      const { ended, run } = yield* setUp
      const gate = yield* Deferred.make<void>()
      for (let count = 0; count < 10_000; count++) {
        run(`${count}`, () => count % 2 === 0 ? Effect.andThen(Deferred.await(gate), Effect.yieldNow) : Effect.never)
      }
      yield* Deferred.succeed(gate, undefined)
      yield* TestClock.adjust(1000)
      assert.lengthOf(ended, 10_000)
      assert.lengthOf(ended.filter((end) => end.endsWith("Success")), 5000)
      assert.strictEqual(new Set(ended).size, 10_000)
    }))

  it.effect("the end of the scope interrupts all, waits for none, and tells nobody", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { ended, run } = yield* setUp.pipe(Effect.provideService(Scope.Scope, scope))
      let interrupted = 0
      run("gentle", () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++)))
      run("rigid", () => Effect.uninterruptible(Effect.never))
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(interrupted, 1)
      yield* TestClock.adjust("1 minute")
      assert.isEmpty(ended)
    }))

  it.effect("a callback finds the services of the context that it is run with", () =>
    Effect.gen(function*() {
      class Name extends Context.Service<Name, string>()("test/Name") {}
      const { callbacks } = yield* setUp
      let found = ""
      callbacks.run(() => Name, Context.make(Name, "wendy"), (exit) => {
        found = exit !== undefined && Exit.isSuccess(exit) ? exit.value : "nothing"
      })
      assert.strictEqual(found, "wendy")
    }))
})
