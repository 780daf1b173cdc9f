/** What a Node says in the log. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import { Observer } from "../../src/actors/Observer.ts"
import type * as Cluster from "../../src/Cluster.ts"
import * as Memory from "../../src/transport/Memory.ts"
import { makeHarness, outgoing, passing } from "../ClusterHarness.ts"
import { collectEvents, errorsOf, evenIds } from "./Rig.ts"

interface Line {
  readonly level: string
  readonly text: string
  readonly cause: string
  readonly annotations: Readonly<Record<string, unknown>>
}

const keepLines = (lines: Array<Line>) =>
  Logger.layer([
    Logger.make(({ cause, fiber, logLevel, message }) => {
      lines.push({
        level: logLevel,
        text: String(message),
        cause: Cause.pretty(cause),
        annotations: fiber.getRef(References.CurrentLogAnnotations)
      })
    })
  ])

const underTest = (lines: Array<Line>) => Layer.merge(Memory.layer, keepLines(lines))

const nothing: Observer = {
  started: () => {},
  stepped: () => {},
  emitted: () => {},
  held: () => {},
  gaveUp: () => {}
}

describe("the log of a Node", () => {
  it.effect("a defect that ends it is an error with its cause, and the event that it was", () => {
    const lines: Array<Line> = []
    return Effect.gen(function*() {
      const harness = yield* makeHarness(passing)
      let isBroken = false
      const observer: Observer = {
        ...nothing,
        stepped: () => {
          if (isBroken) throw new Error("a step too far")
        }
      }
      const { cluster } = yield* Effect.provideService(harness.start(), Observer, observer)
      yield* harness.during(cluster.ready)
      const events = yield* collectEvents(cluster)
      isBroken = true
      yield* harness.join()
      yield* harness.waitUntil("it has ended", Effect.sync(() => errorsOf(events, "Defect").length > 0))
      assert.lengthOf(errorsOf(events, "Defect"), 1)
      const errors = lines.filter(({ level }) => level === "Error")
      assert.lengthOf(errors, 1)
      assert.strictEqual(errors[0]!.text, "StateTables failed, so this Node ends")
      assert.include(errors[0]!.cause, "a step too far")
      assert.deepStrictEqual(errors[0]!.annotations, {
        package: "effect-wendy",
        module: "effect-wendy/actors/StateTables",
        node: cluster.id.hex
      })
    }).pipe(Effect.provide(underTest(lines)))
  })

  it.effect("a place in the ring that is lost is a warning; what an application logs is its own", () => {
    const lines: Array<Line> = []
    return Effect.gen(function*() {
      const harness = yield* makeHarness(passing)
      const inner = yield* Clock.Clock
      let ahead = 0
      const clock: Clock.Clock = Object.create(inner, {
        currentTimeMillisUnsafe: { value: () => inner.currentTimeMillisUnsafe() + ahead }
      })
      const application: Cluster.Options["application"] = {
        onDeliver: ({ hops }) => hops > 5 ? Effect.void : Effect.andThen(Effect.logInfo("mine"), Effect.die("mine"))
      }
      for (const [index, id] of evenIds(2).entries()) {
        const joining = harness.join({ id, application })
        const member = yield* index === 0 ? joining : Effect.provideService(joining, Clock.Clock, clock)
        yield* harness.during(member.cluster.ready)
      }
      const { cluster } = harness.members[1]!
      assert.deepStrictEqual(lines, [])
      ahead = 3_600_000
      yield* passing("5 seconds")
      assert.deepStrictEqual(lines.map(({ level, text }) => `${level}: ${text}`), [
        "Warn: this Node has lost its place in the ring: it answers for nothing until it has joined again"
      ])
      const ours = { package: "effect-wendy", module: "effect-wendy/Cluster", node: cluster.id.hex }
      assert.deepStrictEqual(lines[0]!.annotations, ours)
      yield* harness.waitUntil("it has joined again", harness.isExact)
      yield* harness.during(Effect.flip(harness.members[0]!.cluster.sendConfirmed(outgoing(cluster.id, "x"))))
      const [info, warning] = lines.slice(1)
      assert.strictEqual(info?.text, "mine")
      assert.deepStrictEqual(info?.annotations, {})
      assert.strictEqual(warning?.level, "Warn")
      assert.deepStrictEqual(warning?.annotations, { ...ours, module: "effect-wendy/Application" })
    }).pipe(Effect.provide(underTest(lines)))
  })
})
