import { assert, describe, it } from "@effect/vitest"
import * as Gateways from "../../src/core/Gateways.ts"

const longest = 8_000

/** A client's attempts at some addresses, with what each gives. */
const makeWorld = (addresses: ReadonlyArray<string>, rng = () => 0) => {
  const state = Gateways.make(addresses)
  let now = 0
  const tries: Array<readonly [at: number, address: string]> = []
  return {
    state,
    tries,
    addresses: () => tries.map(([, address]) => address),
    now: () => now,
    /** Takes time to wait and to try; `attempt` says how long an attempt took, and how it ended. */
    run: (
      attempts: number,
      attempt: (
        address: string,
        within: number
      ) => { readonly took?: number; readonly lasted?: number; readonly end: Gateways.End }
    ) => {
      while (attempts > 0) {
        const step = Gateways.step(state, now, longest)
        if (step._tag === "Wait") {
          assert.isAbove(step.until, now, "a wait has to end later than now")
          now = step.until
          continue
        }
        attempts--
        tries.push([now, step.gateway.address])
        const { end, lasted = 0, took = 0 } = attempt(step.gateway.address, step.within)
        if (lasted > 0) Gateways.connected(state, step.gateway)
        now += took + lasted
        Gateways.ended(state, step.gateway, now, rng(), lasted, end)
      }
    }
  }
}

const ended: Gateways.End = { _tag: "ended" }
const silent: Gateways.End = { _tag: "silent" }

describe("Gateways", () => {
  it("tries the addresses in their order, each at once the first time", () => {
    const world = makeWorld(["a", "b", "c"])
    world.run(3, () => ({ end: ended }))
    assert.deepStrictEqual(world.tries, [[0, "a"], [0, "b"], [0, "c"]])
  })

  it("an address that accepts and closes is left alone for twice as long each time, 5 s at most", () => {
    const world = makeWorld(["a"], () => 0.999_999)
    world.run(12, () => ({ lasted: 1, end: ended }))
    const pauses = world.tries.slice(1).map(([at], index) => Math.round(at - world.tries[index]![0] - 1))
    assert.deepStrictEqual(pauses, [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000, 5000])
  })

  it("chance takes up to half of a pause away", () => {
    const world = makeWorld(["a"], () => 0)
    world.run(9, () => ({ end: ended }))
    assert.strictEqual(world.tries[8]![0] - world.tries[7]![0], 2500)
  })

  it("in a minute no set of addresses that give nothing costs more than a few dials each", () => {
    for (const size of [1, 3, 10]) {
      const world = makeWorld(Array.from({ length: size }, (_, index) => `${index}`))
      world.run(200, () => ({ end: ended }))
      const inMinute = world.tries.filter(([at]) => at < 60_000).length
      assert.isAtMost(inMinute, size * 32)
    }
  })

  it("a connection that lasts ends the pauses, one that does not leaves them", () => {
    const world = makeWorld(["a"])
    world.run(6, () => ({ end: ended }))
    world.run(1, () => ({ lasted: 9_999, end: ended }))
    assert.strictEqual(world.state.gateways[0]!.failures, 7)
    world.run(1, () => ({ lasted: 10_000, end: ended }))
    assert.strictEqual(world.state.gateways[0]!.failures, 1)
    const step = Gateways.step(world.state, world.now(), longest)
    assert.deepStrictEqual(step, { _tag: "Wait", until: world.now() + 25 })
  })

  it("goes on to the next address when a connection that lasted ends, and does not come back by itself", () => {
    const world = makeWorld(["a", "b", "c"])
    world.run(2, (address) => ({ lasted: address === "a" ? 60_000 : 1_000_000, end: ended }))
    assert.deepStrictEqual(world.addresses(), ["a", "b"])
  })

  it("prefers the address that failed least", () => {
    const world = makeWorld(["a", "b", "c"])
    world.run(6, (address) => address === "c" ? { lasted: 20_000, end: ended } : { end: ended })
    // c has lasted, and is tried before a and b once its short pause is over: those have failed more often.
    assert.deepStrictEqual(world.addresses().slice(0, 3), ["a", "b", "c"])
    assert.isAbove(world.addresses().filter((address) => address === "c").length, 1)
  })

  it("an attempt may take 3 s, and more only when all addresses are silent again and again", () => {
    const world = makeWorld(["a", "b"])
    const times: Array<number> = []
    world.run(8, (_, within) => {
      times.push(within)
      return { took: within, end: silent }
    })
    assert.deepStrictEqual(times, [3_000, 3_000, 6_000, 6_000, 8_000, 8_000, 8_000, 8_000])
    assert.strictEqual(Gateways.doublings(world.state), 3)
    world.run(1, () => ({ lasted: 10_000, end: silent }))
    assert.strictEqual(Gateways.doublings(world.state), 0)
  })

  it("is refused when all have been tried, some refuse, and nobody ever let it in", () => {
    const refused: Gateways.End = { _tag: "refused", message: "another cluster" }
    const world = makeWorld(["a", "b"])
    world.run(1, () => ({ end: refused }))
    assert.isUndefined(Gateways.refusal(world.state), "b may let it in")
    world.run(1, () => ({ end: ended }))
    assert.strictEqual(Gateways.refusal(world.state), "another cluster")
    world.run(1, () => ({ lasted: 1, end: ended }))
    world.run(2, () => ({ end: refused }))
    assert.isUndefined(Gateways.refusal(world.state))
  })
})
