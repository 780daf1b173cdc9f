import { assert, describe, it } from "@effect/vitest"
import * as Membership from "../../src/core/Membership.ts"
import * as OwnedKeys from "../../src/core/OwnedKeys.ts"
import { settings } from "../../src/simulation/Explorer.ts"
import { id, makeRing } from "./Ring.ts"

const { lease, margin, probe } = settings

/** Looks at every Node after each millisecond, and checks each change against what was owned before. */
const watch = (ring: ReturnType<typeof makeRing>) => {
  const states = new Map<string, OwnedKeys.State>()
  const changes: Array<readonly [string, OwnedKeys.Change]> = []
  const keys = Array.from({ length: 64 }, (_, index) => id(index.toString(16).padStart(2, "0").repeat(2)))
  const look = () => {
    for (const name of ring.states.keys()) {
      const membership = ring.state(name)
      const state = states.get(name) ?? OwnedKeys.make(membership)
      states.set(name, state)
      const before = state.owned
      const change = OwnedKeys.update(state, membership, ring.now)
      const { interval } = state.owned
      const owns = (key: (typeof keys)[0]) => interval !== undefined && OwnedKeys.contains(interval, key)
      for (const key of keys) {
        assert.strictEqual(owns(key), Membership.covers(membership, key, ring.now), `${name} ${key.hex}`)
        if (change === undefined) continue
        const was = before.interval !== undefined && OwnedKeys.contains(before.interval, key)
        const came = change.gained.some((part) => OwnedKeys.contains(part, key))
        const went = change.lost.some((part) => OwnedKeys.contains(part, key))
        // Its own id belongs to both sides: one may come while the other goes.
        if (key.hex === membership.self.hex) continue
        assert.strictEqual(owns(key), came || (was && !went), `${name} ${key.hex}: ${change.why}`)
      }
      if (change === undefined) assert.strictEqual(state.owned, before)
      else {
        changes.push([name, change])
        const grew = OwnedKeys.compareEpochs(before.epoch, state.owned.epoch)
        assert.strictEqual(grew < 0, change.gained.length > 0)
        assert.isAtMost(grew, 0)
      }
    }
  }
  const pass = (millis: number) => {
    for (let time = 0; time < millis; time++) {
      ring.pass(1)
      look()
    }
  }
  look()
  return { changes, pass, look, owned: (name: string) => states.get(name)!.owned }
}

const said = (changes: ReadonlyArray<readonly [string, OwnedKeys.Change]>) =>
  changes.map(([name, { others, why }]) => `${name} ${why} ${others.map(({ hex }) => hex[0]).join("")}`.trim())

describe("OwnedKeys (L8)", () => {
  it("a Node that starts a ring owns all keys under epoch 1; one that joins takes its part from both neighbours", () => {
    const ring = makeRing("1", "9")
    const { changes, look, pass } = watch(ring)
    changes.length = 0
    ring.add("5")
    look()
    ring.join("5", "1")
    look()
    pass(2 * probe)
    const all = said(changes)
    assert.includeMembers(all, ["1 joined 5", "9 joined 5", "5 ready 19"])
    const joined = changes.find(([name]) => name === "5")![1]
    assert.lengthOf(joined.gained, 2)
    assert.deepStrictEqual(joined.owned.epoch, { incarnation: ring.state("5").self.incarnation, number: 1 })
  })

  it("its neighbours get the keys of a Node that leaves, and of one that fails", () => {
    const ring = makeRing("1", "5", "9")
    const { changes, owned, pass } = watch(ring)
    const before = owned("1").epoch.number
    changes.length = 0
    ring.step("5", { _tag: "Leave" })
    pass(4 * probe)
    assert.includeMembers(said(changes), ["5 ended 19", "1 gone 5", "9 gone 5"])
    assert.strictEqual(owned("1").epoch.number, before + 1)
    assert.isUndefined(owned("5").interval)
    changes.length = 0
    ring.crash("9")
    pass(lease + margin + 4 * probe)
    assert.include(said(changes), "1 gone 9")
  })

  it("a lease that runs out takes one side, at its time, and gives it back when it is renewed", () => {
    const ring = makeRing("1", "5", "9")
    const watching = watch(ring)
    watching.pass(2 * probe)
    watching.changes.length = 0
    const state = ring.state("5")
    const until = state.successor.leaseUntil
    const tracked = OwnedKeys.make(state)
    OwnedKeys.update(tracked, state, ring.now)
    assert.isAtMost(OwnedKeys.wakeAt(tracked, state), until)
    const lost = OwnedKeys.update(
      tracked,
      { ...state, predecessor: { ...state.predecessor, leaseUntil: until + 1 } },
      until
    )
    assert.strictEqual(lost?.why, "leaseLost")
    assert.lengthOf(lost!.lost, 1)
    assert.isTrue(OwnedKeys.contains(lost!.lost[0]!, id("6")))
    // Who has nothing to lose any more need not be woken.
    assert.strictEqual(OwnedKeys.wakeAt(tracked, state), state.predecessor.leaseUntil)
    const back = OwnedKeys.update(tracked, {
      ...state,
      predecessor: { ...state.predecessor, leaseUntil: until + 1 },
      successor: { ...state.successor, leaseUntil: until + 1 }
    }, until)
    assert.strictEqual(back?.why, "leaseRenewed")
    assert.strictEqual(back!.owned.epoch.number, 2)
    const other = OwnedKeys.update(tracked, {
      ...state,
      predecessor: { ...state.predecessor, leaseUntil: until },
      successor: { ...state.successor, leaseUntil: until + 1 }
    }, until)
    assert.strictEqual(other?.why, "leaseLost")
    assert.isTrue(OwnedKeys.contains(other!.lost[0]!, id("4")))
  })
})
