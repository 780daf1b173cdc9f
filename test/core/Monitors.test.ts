import { assert, describe, it } from "@effect/vitest"
import * as Membership from "../../src/core/Membership.ts"
import { settings } from "../../src/simulation/Explorer.ts"
import { makeNode, makeRing } from "./Ring.ts"

const { lease, probe, probeRetries, renewal } = settings
const silence = renewal + (probeRetries + 1) * probe

const setUp = () => {
  const ring = makeRing("1", "5", "9", "d")
  const seen = (name: string) =>
    ring.events.get(name)!.flatMap((event) =>
      event._tag === "Monitored" ? [`${event.node.hex[0]}.${event.node.incarnation} ${event.isUp ? "up" : "down"}`] : []
    )
  const monitor = (name: string, node = ring.node("9"), isOn = true) => ring.step(name, { _tag: "Monitor", node, isOn })
  return { ring, seen, monitor }
}

describe("Monitors (D11)", () => {
  it("a Node is up when it has answered, and down on proof, once each", () => {
    const { monitor, ring, seen } = setUp()
    monitor("1")
    ring.pass(10 * renewal)
    assert.deepStrictEqual(seen("1"), ["9.1 up"])
    ring.crash("9")
    ring.pass(4 * lease)
    assert.deepStrictEqual(seen("1"), ["9.1 up", "9.1 down"])
  })

  it("one that falls silent is down after so long, and up again when it speaks", () => {
    const { monitor, ring, seen } = setUp()
    monitor("1")
    ring.pass(renewal)
    const speak = ring.lose(({ from }) => from.hex === ring.node("9").hex)
    ring.pass(silence + 2 * probe)
    assert.deepStrictEqual(seen("1"), ["9.1 up", "9.1 down"])
    speak()
    ring.pass(4 * lease)
    assert.deepStrictEqual(seen("1"), ["9.1 up", "9.1 down", "9.1 up"])
  })

  it("one that says that it leaves is down; one that lost its place is not", () => {
    const { monitor, ring, seen } = setUp()
    monitor("1")
    monitor("1", ring.node("5"))
    ring.pass(renewal)
    ring.step("1", {
      _tag: "Received",
      from: ring.node("5"),
      message: { _tag: "Leaving", reason: "detached", attempt: ring.state("5").attempt, delivered: [], floors: [] }
    })
    ring.step("9", { _tag: "Leave" })
    ring.pass(2 * probe)
    assert.sameMembers(seen("1"), ["9.1 up", "5.1 up", "9.1 down"])
  })

  it("an earlier life is down when a later one speaks; this Node itself is up", () => {
    const { monitor, ring, seen } = setUp()
    monitor("1")
    ring.pass(renewal)
    const later = makeNode("9", 2)
    ring.step("1", {
      _tag: "Received",
      from: later,
      message: { _tag: "Probe", sequence: 1, ready: true, wantsLeaves: false }
    })
    assert.deepStrictEqual(seen("1"), ["9.1 up", "9.1 down"])
    monitor("d", ring.node("d"))
    assert.deepStrictEqual(seen("d"), ["d.1 up"])
  })

  it("who comes later is told at once; nobody is asked when nobody watches, and no more often than every renewal", () => {
    const { monitor, ring, seen } = setUp()
    // Not in any table of the one that watches: what it hears is only what it asks.
    const { log } = ring
    monitor("1")
    ring.pass(renewal)
    monitor("1")
    assert.deepStrictEqual(seen("1"), ["9.1 up", "9.1 up"])
    log.length = 0
    ring.pass(10 * renewal)
    const probes = () =>
      log.filter(({ from, message, to }) =>
        message._tag === "Probe" && from.hex === ring.node("1").hex && to.hex === ring.node("9").hex
      ).length
    assert.isAtMost(probes(), 11)
    monitor("1", ring.node("9"), false)
    assert.strictEqual(ring.state("1").monitors.size, 0)
    assert.isAbove(Membership.wakeAt(ring.state("1")), ring.now)
  })
})
