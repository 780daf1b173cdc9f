/** actors: what it costs to hand something to another fiber, and a whole message between two Nodes of this process. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as Cluster from "../../../src/Cluster.ts"
import * as Memory from "../../../src/transport/Memory.ts"
import type { Subject } from "./Subject.ts"

/** Two fibers that wait for each other: there and back are two hops. */
const hop = async (): Promise<Subject> => {
  const there = await Effect.runPromise(Queue.unbounded<number>())
  const back = await Effect.runPromise(Queue.unbounded<number>())
  Effect.runFork(Effect.gen(function*() {
    while (true) for (const item of yield* Queue.takeAll(there)) Queue.offerUnsafe(back, item + 1)
  }))
  return {
    name: "an actor's hop: Queue.offer, takeAll in another fiber",
    run: (count) =>
      Effect.runPromise(Effect.gen(function*() {
        let at = 0
        for (let index = 0; index < count; index += 2) {
          Queue.offerUnsafe(there, at)
          at = (yield* Queue.takeAll(back))[0]!
        }
        return at
      }))
  }
}

const together = 64

const batch = async (): Promise<Subject> => {
  const queue = await Effect.runPromise(Queue.unbounded<number>())
  const seen = { taken: 0 }
  Effect.runFork(Effect.gen(function*() {
    while (true) seen.taken += (yield* Queue.takeAll(queue)).length
  }))
  return {
    name: `an actor's hop of one of ${together} items`,
    run: (count) =>
      Effect.runPromise(Effect.gen(function*() {
        const before = seen.taken
        for (let index = 0; index < count; index += together) {
          for (let item = 0; item < together; item++) Queue.offerUnsafe(queue, item)
          const goal = before + index + together
          while (seen.taken < goal) yield* Effect.yieldNow
        }
        return seen.taken
      }))
  }
}

const nodes = async (): Promise<ReadonlyArray<Subject>> => {
  const seen = { delivered: 0 }
  const onDeliver = () => {
    seen.delivered++
    return Effect.void
  }
  const { one, two } = await Effect.runPromise(
    Effect.gen(function*() {
      const one = yield* Cluster.make()
      yield* one.ready
      const two = yield* Cluster.make({ join: [`127.0.0.1:${one.address.port}`], application: { onDeliver } })
      yield* two.ready
      return { one, two }
    }).pipe(
      Scope.provide(Scope.makeUnsafe()),
      Effect.provide(Layer.merge(Memory.layer, Logger.layer([])))
    )
  )
  const key = two.id
  const message = () => ({ key, purpose: 16, value: new Uint8Array(256) })
  return [
    {
      name: "an acknowledged message between two Nodes in memory (sendAll, 256 bytes)",
      run: (count) =>
        Effect.runPromise(Effect.gen(function*() {
          const goal = seen.delivered + count
          for (let index = 0; index < count; index += 1024) {
            yield* one.sendAll(Array.from({ length: Math.min(1024, count - index) }, message))
          }
          while (seen.delivered < goal) yield* Effect.yieldNow
          return seen.delivered
        }))
    },
    {
      name: "a confirmed message between two Nodes in memory, one after another",
      run: (count) =>
        Effect.runPromise(Effect.gen(function*() {
          let hops = 0
          for (let index = 0; index < count; index++) hops += (yield* one.sendConfirmed(message())).hops
          return hops
        }))
    }
  ]
}

export const subjects = async (): Promise<ReadonlyArray<Subject>> => [
  await hop(),
  await batch(),
  ...await nodes()
]
