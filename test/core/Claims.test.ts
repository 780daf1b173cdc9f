import { assert, describe, it } from "@effect/vitest"
import * as Liveness from "../../src/core/Liveness.ts"
import * as Membership from "../../src/core/Membership.ts"
import type * as MembershipState from "../../src/core/MembershipState.ts"
import type { ControlMessage } from "../../src/protocol/ControlMessage.ts"
import * as Node from "../../src/ring/Node.ts"
import { makeRing } from "./Ring.ts"

const tagsTo = (out: ReadonlyArray<MembershipState.Output>, to: Node.Node) =>
  out.flatMap((output) => output._tag === "Send" && Node.isSameLife(output.to, to) ? [output.message._tag] : [])

/** A Node of a ring of three hears from somebody who claims the id of another. */
const setUp = () => {
  const ring = makeRing("20", "60", "a0")
  const victim = ring.node("60")
  const state = ring.state("20")
  const hear = (from: Node.Node, message: ControlMessage) => {
    const out: Array<MembershipState.Output> = []
    Membership.step(state, ring.now, { _tag: "Received", from, message }, out)
    return out
  }
  const input = (input: MembershipState.Input) => {
    const out: Array<MembershipState.Output> = []
    Membership.step(state, ring.now, input, out)
    return out
  }
  const known = () => Liveness.known(state, victim.id)
  return { ring, state, victim, hear, input, known }
}

const joined: ControlMessage = { _tag: "Joined", attempt: 1 }

describe("D8: who claims an id", () => {
  for (
    const [what, change] of [
      ["a later life", { incarnation: 99 }],
      ["a later life at another address", { incarnation: 99, localHost: "6.6.6.6", globalHost: "6.6.6.6", port: 666 }],
      ["another address", { port: 666 }]
    ] as const
  ) {
    it(`no message rebinds the id of another Node: ${what}`, () => {
      const { hear, known, state, victim } = setUp()
      const forged = new Node.Node({ ...victim, ...change })
      const out = hear(forged, joined)
      assert.strictEqual(known(), victim)
      assert.isTrue(Node.isSameLife(state.successor.node, victim))
      assert.include(tagsTo(out, victim), "Probe")
      // The Node that is meant answers: whoever claimed to be it is forgotten.
      const { sequence } = state.inquiries.get(victim.hex)!
      hear(victim, { _tag: "ProbeAck", sequence, ready: true, leaves: [] })
      assert.strictEqual(state.pendingReplacements.size, 0)
      assert.strictEqual(known(), victim)
    })
  }

  it("a farewell in another's name takes nobody out of the tables", () => {
    const { hear, known, state, victim } = setUp()
    for (const reason of ["left", "detached"] as const) {
      hear(new Node.Node({ ...victim, incarnation: 99 }), {
        _tag: "Leaving",
        reason,
        attempt: 0,
        delivered: [],
        floors: []
      })
      assert.strictEqual(known(), victim)
      assert.isUndefined(state.successor.lostAt)
    }
    hear(new Node.Node({ ...victim, incarnation: 98 }), { _tag: "Failed", node: victim })
    assert.strictEqual(known(), victim)
  })

  it("a true later life takes the place as soon as the earlier one is found to have ended", () => {
    const { hear, input, known, state, victim } = setUp()
    const again = new Node.Node({ ...victim, incarnation: 2, port: 7001 })
    hear(again, joined)
    assert.strictEqual(known(), victim)
    const out = input({ _tag: "Refused", node: victim })
    assert.isUndefined(known())
    assert.include(tagsTo(out, again), "Probe")
    const { sequence } = state.inquiries.get(victim.hex)!
    const events = hear(again, { _tag: "ProbeAck", sequence, ready: true, leaves: [] })
    assert.strictEqual(known(), again)
    assert.deepInclude(events, { _tag: "Emit", event: { _tag: "NodeJoined", node: again } })
    assert.strictEqual(state.pendingReplacements.size, 0)
  })

  it("claims beyond the bound are not remembered", () => {
    const { hear, state, victim } = setUp()
    for (let incarnation = 2; incarnation < 1000; incarnation++) {
      hear(new Node.Node({ ...victim, incarnation }), joined)
    }
    assert.strictEqual(state.pendingReplacements.size, 1)
  })
})
