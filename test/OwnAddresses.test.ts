import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import * as OwnAddresses from "../src/OwnAddresses.ts"

describe("OwnAddresses: a machine that loses an address", () => {
  const run = Effect.fnUntraced(function*(told: ReadonlyArray<string>, looks: ReadonlyArray<ReadonlyArray<string>>) {
    let look = 0
    const said: Array<string> = []
    const hosts = Effect.sync(() => looks[Math.min(look++, looks.length - 1)]!)
    yield* Effect.forkChild(OwnAddresses.watch(hosts, told, (message) => said.push(message)), {
      startImmediately: true
    })
    yield* TestClock.adjust(`${looks.length} minutes`)
    return said
  })

  it.effect("says so once, with those that it has now, and again only when it had come back", () =>
    Effect.gen(function*() {
      const [a, b] = ["10.0.0.7", "10.0.0.9"]
      const said = yield* run([a, a], [[a], [a], [b], [b], [a, b], [], []])
      assert.lengthOf(said, 2)
      assert.match(said[0]!, /no address 10\.0\.0\.7 any more.*it has 10\.0\.0\.9/)
      assert.match(said[1]!, /it has none/)
    }))

  it.effect("says nothing of an address that the machine never had, as before a NAT", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* run(["203.0.113.1", "127.0.0.1"], [["10.0.0.7"], ["10.0.0.9"], []]), [])
    }))
})
