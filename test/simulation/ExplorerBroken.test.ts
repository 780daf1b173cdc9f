/** Broken cores: the explorer must find what is wrong with each, and its trace must show it again. */
import { assert, describe, it } from "@effect/vitest"
import * as Membership from "../../src/core/Membership.ts"
import * as MembershipState from "../../src/core/MembershipState.ts"
import * as Node from "../../src/ring/Node.ts"
import * as Explorer from "../../src/simulation/Explorer.ts"
import type { Core, Scenario } from "../../src/simulation/ExplorerScenario.ts"
import { promptRenewals } from "../../src/simulation/ExplorerScenario.ts"
import * as ExplorerTrace from "../../src/simulation/ExplorerTrace.ts"

type Step = typeof Membership.step
type State = MembershipState.State

const broken = (step: Step, rest: Partial<Core> = {}): Core => ({ ...Membership, ...rest, step })

const received = (input: MembershipState.Input) => input._tag === "Received" ? input : undefined

/** Nobody in a ring of several shrinks for a joiner, but all say that they did. Rule J4. */
const withoutShrinking: Step = (state, now, input, out) => {
  const tag = received(input)?.message._tag
  const { predecessor, successor } = MembershipState.clone(state)
  Membership.step(state, now, input, out)
  const isOfOne = [predecessor, successor].some(({ node }) => Node.isSameLife(node, state.self))
  const hasAgreed = out.some((output) =>
    output._tag === "Send" && (output.message._tag === "InsertAck" || output.message._tag === "CommitAck")
  )
  if (isOfOne || !hasAgreed || (tag !== "Insert" && tag !== "Commit")) return
  state.predecessor = predecessor
  state.successor = successor
}

/** A joiner takes either acknowledgement for both. */
const oneAcknowledgement: Step = (state, now, input, out) => {
  const tag = received(input)?.message._tag
  if (state.grant !== undefined && (tag === "InsertAck" || tag === "CommitAck")) {
    state.grant.inserted = true
    state.grant.committed = true
  }
  Membership.step(state, now, input, out)
}

/** A gap owner helps whoever asks, though another is in the middle of joining. Rules J2, J4. */
const severalAtOnce: Step = (state, now, input, out) => {
  const message = received(input)?.message
  if (state.phase === "ready" && input._tag === "Received" && message !== undefined) {
    const isJoin = message._tag === "JoinRequest" || message._tag === "Commit"
    if (isJoin) state.successor.attempt = undefined
    if (message._tag === "JoinRequest") state.busy = undefined
    if (message._tag === "Commit") state.busy = { joiner: input.from, attempt: message.attempt, until: now + 1 }
  }
  Membership.step(state, now, input, out)
}

const endless = (state: State): void => {
  for (const side of [state.predecessor, state.successor]) side.leaseUntil = Number.POSITIVE_INFINITY
}

/** Leases stand for ever. */
const withoutExpiry: Step = (state, now, input, out) => {
  if (state.phase === "ready") endless(state)
  Membership.step(state, now, input, out)
  if (state.phase === "ready") endless(state)
}

/** Who lost a neighbour closes the gap at once, without waiting until its lease has run out. */
const withoutWaiting: Step = (state, now, input, out) => {
  for (const side of [state.predecessor, state.successor]) if (side.lostAt !== undefined) side.proven = true
  Membership.step(state, now, input, out)
  for (const side of [state.predecessor, state.successor]) if (side.lostAt !== undefined) side.proven = true
}

/** A gap owner keeps its promise to a joiner although it has lost the successor that it named. Rule J6. */
const keepsPromise: Step = (state, now, input, out) => {
  const { busy } = state
  Membership.step(state, now, input, out)
  if (state.phase !== "ready" || busy === undefined || input._tag !== "Refused") return
  state.busy = busy
  out.splice(0, out.length, ...out.filter((output) => output._tag !== "Send" || output.message._tag !== "Nack"))
}

const scenario = (it: Partial<Scenario> & Pick<Scenario, "nodes" | "ring">): Scenario => ({
  name: "broken",
  joins: [],
  faults: {},
  prompt: promptRenewals,
  maxStates: 50_000,
  ...it
})

const oneGap = scenario({ nodes: ["1", "4", "8", "c"], ring: [0, 3], joins: [[1, 0], [2, 3]] })
const oneJoin = scenario({ nodes: ["1", "6", "b"], ring: [0, 2], joins: [[1, 0, 2]] })
const ringOf3 = scenario({ nodes: ["1", "6", "b"], ring: [0, 1, 2] })

const cases: ReadonlyArray<readonly [name: string, core: Core, scenario: Scenario, message: RegExp]> = [
  ["joiners become ready although their neighbours have not shrunk", broken(withoutShrinking), oneGap, /both cover/],
  ["a joiner becomes ready after one acknowledgement", broken(oneAcknowledgement), oneJoin, /both cover/],
  ["a gap owner helps two joiners at once", broken(severalAtOnce), oneGap, /both cover/],
  ["leases never run out", broken(withoutExpiry), { ...ringOf3, faults: { pause: 1 } }, /both cover/],
  [
    "a silent neighbour's lease is not waited for",
    broken(withoutWaiting),
    { ...ringOf3, faults: { cut: 2 } },
    /both cover/
  ],
  ["a gap owner keeps a joiner after its successor has died", broken(keepsPromise), {
    ...oneJoin,
    faults: { crash: 1 }
  }, /is ready and closer/]
]

describe("Explorer on a broken core", () => {
  for (const [name, core, where, message] of cases) {
    it(name, () => {
      const sound = Explorer.explore({ ...where, maxStates: 3_000 })
      assert.strictEqual(sound.violation, undefined)
      const report = Explorer.explore(where, core)
      assert.match(report.violation?.message ?? "nothing found", message)
      const again = ExplorerTrace.replay(report.violation!.trace, core)
      assert.strictEqual(again.verdict, report.violation!.message)
      assert.strictEqual(again.expected, report.violation!.message)
    })
  }
})
