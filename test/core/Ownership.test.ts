/** What neighbours have promised each other, where the tests of whole rings (`Membership.test.ts`) do not see it. */
import { assert, describe, it } from "@effect/vitest"
import * as MembershipState from "../../src/core/MembershipState.ts"
import * as Ownership from "../../src/core/Ownership.ts"
import * as LeafSet from "../../src/ring/LeafSet.ts"
import { makeNode, makeRing } from "./Ring.ts"

describe("Ownership: a machine that slept (L6)", () => {
  it("whatever was promised to this Node was promised so much earlier, and so was what it asks for", () => {
    const ring = makeRing("2", "8", "c")
    const state = ring.state("2")
    const other = makeNode("e")
    state.successor = { ...MembershipState.makeSide(other, other, 900, 0), askedAt: 800, previous: state.successor }
    state.pairings.predecessor = { node: other, sequence: 1, askedAt: 700, unanswered: 0 }
    state.attemptAt = 600
    state.grant = { askedAt: 500 } as NonNullable<typeof state.grant>
    const times = () => [
      ...[state.predecessor, state.successor, state.successor.previous!].flatMap((side) => [
        side.leaseUntil,
        side.askedAt
      ]),
      state.pairings.predecessor!.askedAt,
      state.attemptAt,
      state.grant!.askedAt
    ]
    const before = times()
    // What it has promised itself it keeps as long as before.
    const granted = [state.predecessor.grantedAt, state.successor.grantedAt]
    Ownership.age(state, 50)
    assert.deepStrictEqual(times(), before.map((time) => time - 50))
    assert.deepStrictEqual([state.predecessor.grantedAt, state.successor.grantedAt], granted)
    assert.isUndefined(state.pairings.successor)
  })
})

describe("Ownership: late words (V3)", () => {
  /** What a neighbour of "2" that is called "8" says about an attempt of its own, and whether it is the neighbour then. */
  const isNeighbourAfter = (difference: number, reason: "detached" | "left") => {
    const ring = makeRing("2", "8", "c")
    ring.pass(1_000)
    const attempt = ring.state("8").attempt + difference
    const message = { _tag: "Leaving", reason, attempt, delivered: [], floors: [] } as const
    ring.step("2", { _tag: "Received", from: ring.node("8"), message })
    return ring.state("2").successor.lostAt === undefined
  }

  for (const reason of ["detached", "left"] as const) {
    it(`a neighbour that has joined again is not taken to be gone because of what it said before (${reason})`, () => {
      assert.isTrue(isNeighbourAfter(-1, reason))
      assert.isFalse(isNeighbourAfter(0, reason))
    })
  }
})

describe("Ownership: a search (F4)", () => {
  /**
   * The side of "2" whose neighbour "8" is gone for certain asks "c", which asks in turn, too early, and is told no.
   * Whether "2" takes "c" when its yes comes.
   */
  const takes = (isAskedInTurn: boolean) => {
    const ring = makeRing("2", "8", "c")
    ring.pass(1_000)
    const state = ring.state("2")
    const c = ring.node("c")
    state.leafSet.members.filter((node) => node !== c).forEach(({ id }) => LeafSet.remove(state.leafSet, id))
    Object.assign(state.successor, { lostAt: ring.now, proven: true })
    state.pairings.successor = { node: c, sequence: 77, askedAt: ring.now, unanswered: 0 }
    if (isAskedInTurn) {
      const replaces = makeNode("9").id
      const question = { _tag: "Renew", sequence: 5, as: "predecessor", replaces, attempt: 1, waited: false } as const
      ring.step("2", { _tag: "Received", from: c, message: question })
      assert.deepInclude(ring.log.at(-1)!.message, { _tag: "Denied", reason: "wait" })
    }
    const answer = { _tag: "Renewed", sequence: 77, as: "successor", attempt: 1 } as const
    ring.step("2", { _tag: "Received", from: c, message: answer })
    return state.successor.node === c
  }

  it("a yes counts no more once this Node has said no to the one that gives it", () => {
    assert.isTrue(takes(false))
    assert.isFalse(takes(true))
  })
})
