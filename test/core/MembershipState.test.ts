import { assert, describe, it } from "@effect/vitest"
import * as MembershipState from "../../src/core/MembershipState.ts"
import { settings } from "../../src/simulation/Explorer.ts"
import * as Oracle from "../ring/Oracle.ts"

const { lease, probe, probeRetries, renewal } = settings

describe("MembershipState: how long an answer may take (D10)", () => {
  it("twice as long as a slow one took, at once; a probe's period where answers are quick", () => {
    const state = MembershipState.make(Oracle.node(1n), settings, 1)
    assert.strictEqual(MembershipState.probeTimeout(state), probe)
    MembershipState.answered(state, probe / 8)
    assert.strictEqual(MembershipState.probeTimeout(state), probe)
    const slow = probe * 0.75
    MembershipState.answered(state, slow)
    assert.strictEqual(MembershipState.probeTimeout(state), Math.max(probe, 2 * slow))
    assert.strictEqual(state.answerTime, slow)
  })

  it("quick answers make it less patient by and by, and never is it so patient that a lease ends first", () => {
    const state = MembershipState.make(Oracle.node(1n), settings, 1)
    MembershipState.answered(state, 100 * lease)
    assert.isAtMost((probeRetries + 2) * MembershipState.probeTimeout(state), lease - renewal + 1e-6)
    MembershipState.answered(state, 0)
    assert.strictEqual(state.answerTime, 87.5 * lease)
    for (let answers = 0; answers < 200; answers++) MembershipState.answered(state, 0)
    assert.strictEqual(MembershipState.probeTimeout(state), probe)
  })
})
