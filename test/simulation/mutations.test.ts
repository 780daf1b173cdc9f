/**
 * Broken Nodes, and the checkers that catch them. Each mutation breaks one thing that
 * a rule demands; the same scenario with the code that is shipped must show nothing.
 * The first four are what formal work found missing in the published join (Lu, Merz, Weidenbach, FORTE 2011; Lu's thesis).
 */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Membership from "../../src/core/Membership.ts"
import * as MembershipState from "../../src/core/MembershipState.ts"
import * as Messaging from "../../src/core/Messaging.ts"
import * as Envelope from "../../src/protocol/Envelope.ts"
import * as Frame from "../../src/protocol/Frame.ts"
import * as LeafSet from "../../src/ring/LeafSet.ts"
import * as Node from "../../src/ring/Node.ts"
import { type Code, makeEngine, shipped } from "../../src/simulation/CoreNode.ts"
import * as Scenario from "../../src/simulation/Scenario.ts"

type Step = typeof Membership.step

const withStep = (step: Step): Code => ({ ...shipped, step })

const withMessaging = (
  change: <A extends Messaging.Context>(
    state: Messaging.State<A>,
    ports: Messaging.Ports<A>
  ) => Messaging.Messaging<A>
): Code => ({ ...shipped, makeMessaging: change })

/** Answers as if it had shrunk, and does not. */
const acknowledgeOnly = (question: "Insert" | "Commit"): Code =>
  withStep((state, now, input, out) => {
    if (input._tag !== "Received" || input.message._tag !== question || state.phase !== "ready") {
      return Membership.step(state, now, input, out)
    }
    const { attempt } = input.message
    out.push({
      _tag: "Send",
      to: input.from,
      message: question === "Insert"
        ? { _tag: "InsertAck", attempt, leaves: [], delivered: [], floors: [] }
        : { _tag: "CommitAck", attempt, delivered: [], floors: [] }
    })
  })

const sidesOf = (state: MembershipState.State) => [state.predecessor, state.successor]

interface Mutation {
  readonly name: string
  readonly code: Code
  readonly scenario: string
  readonly caughtBy: string
}

const joins = `
  latency=uniform:5-80
start 1 f
await ring within=10s
start 3 via=1
start 6 via=f
start 9 via=1
start c via=f
await ring within=60s
await leaves within=60s
check`

const mutations: ReadonlyArray<Mutation> = [
  {
    name: "the successor acknowledges a joiner without giving up its part",
    code: acknowledgeOnly("Insert"),
    scenario: joins,
    caughtBy: "coverage"
  },
  {
    name: "the owner of the gap acknowledges a joiner without giving up its part",
    code: acknowledgeOnly("Commit"),
    scenario: joins,
    caughtBy: "coverage"
  },
  {
    name: "a joiner is ready when one neighbour has acknowledged",
    code: withStep((state, now, input, out) => {
      if (input._tag === "Received" && input.message._tag === "CommitAck" && state.grant !== undefined) {
        state.grant.inserted = true
      }
      Membership.step(state, now, input, out)
    }),
    scenario: joins,
    caughtBy: "coverage"
  },
  {
    name: "the owner of a gap helps several joiners at once, and takes whoever commits",
    code: withStep((state, now, input, out) => {
      if (input._tag === "Received" && state.phase === "ready") {
        const { from, message } = input
        if (message._tag === "JoinRequest") {
          state.busy = undefined
          state.successor.attempt = undefined
        }
        if (message._tag === "Commit") {
          state.busy = { joiner: from, attempt: message.attempt, until: Number.POSITIVE_INFINITY }
          state.successor.attempt = undefined
        }
        if (message._tag === "Insert") {
          state.predecessor.attempt = undefined
          state.predecessor.node = state.predecessor.bound = new Node.Node({ ...from, id: message.predecessor })
        }
      }
      Membership.step(state, now, input, out)
    }),
    scenario: joins,
    caughtBy: "coverage"
  },
  {
    name: "leases never run out",
    code: withStep((state, now, input, out) => {
      for (const side of sidesOf(state)) side.leaseUntil = Number.POSITIVE_INFINITY
      Membership.step(state, now, input, out)
      for (const side of sidesOf(state)) side.leaseUntil = Number.POSITIVE_INFINITY
    }),
    scenario: "\nstart 1 6 b\nawait ring within=10s\npause 6 for=30s\nrun 31s\nawait leaves within=60s\ncheck",
    caughtBy: "coverage"
  },
  {
    name: "a silent neighbour counts as dead at once, whatever leases it may hold",
    code: withStep((state, now, input, out) => {
      Membership.step(state, now, input, out)
      for (const side of sidesOf(state)) if (side.lostAt !== undefined) side.proven = true
    }),
    scenario:
      "\nstart 1 6 b\nawait ring within=10s\nrun 1s\npause 6 for=7500ms\nrun 9s\nawait leaves within=60s\ncheck",
    caughtBy: "coverage"
  },
  {
    name: "a Node delivers whatever comes to it",
    code: withMessaging((state, ports) =>
      Messaging.make({
        ...state,
        membership: Object.create(state.membership, {
          predecessor: { get: () => MembershipState.aloneSide(state.membership.self) },
          successor: { get: () => MembershipState.aloneSide(state.membership.self) }
        })
      }, ports)
    ),
    scenario: "\nstart 1 6 b\nawait ring within=10s\nsend from=1 count=5\nrun 1s\ncheck",
    caughtBy: "roots"
  },
  {
    name: "a Node forgets what it has delivered",
    code: withMessaging((state, ports) => {
      const messaging = Messaging.make(state, ports)
      return {
        ...messaging,
        receive: (now, link, frames) => {
          state.deduplication.origins.clear()
          messaging.receive(now, link, frames)
        }
      }
    }),
    scenario:
      " loss=0.3 loss-model=frames\nstart 1 6 b\nawait ring within=10m\nsend from=1 count=40 every=100ms\nawait quiet within=3m\nawait leaves within=10m\ncheck",
    caughtBy: "custody"
  },
  {
    name: "a Node acknowledges what it throws away",
    code: withMessaging((state, ports) => {
      const messaging = Messaging.make(state, ports)
      return {
        ...messaging,
        receive: (now, link, frames) =>
          messaging.receive(
            now,
            link,
            frames.filter((frame) => {
              if (frame._tag !== "Routed" || Envelope.purpose(frame.frame) < 16) return true
              const sequence = Envelope.sequence(frame.frame)
              ports.transmit(link, Frame.acknowledged(sequence, sequence))
              return false
            })
          )
      }
    }),
    scenario: "\nstart 1 6 b\nawait ring within=10s\nsend from=1 count=20 class=acknowledged\nrun 10s\ncheck",
    caughtBy: "custody"
  },
  {
    name: "a Node sends receipts for what it does not deliver",
    code: withMessaging((state, ports) => Messaging.make(state, { ...ports, deliver: () => "delivered" })),
    scenario: "\nstart 1 6 b\nawait ring within=10s\nsend from=1 count=5\nrun 1s\ncheck",
    caughtBy: "custody"
  },
  {
    name: "a Node does not hand over what it has delivered",
    code: withMessaging((state, ports) => {
      const messaging = Messaging.make(state, ports)
      return {
        ...messaging,
        receive: (now, link, frames) => messaging.receive(now, link, frames.filter(({ _tag }) => _tag !== "Delivered"))
      }
    }),
    // The receipts are lost, so that the sender sends again; meanwhile the key changes hands.
    scenario: `
start 1 9
await ring within=10s
lose part=0.999 kind=Receipt for=3s
send from=1 key=b count=5
run 1s
start b via=1
run 20s
await leaves within=60s
check`,
    caughtBy: "custody"
  },
  {
    name: "a Node believes nobody dead",
    code: withStep((state, now, input, out) => {
      if (input._tag === "Refused" || input._tag === "Broken") return
      state.inquiries.clear()
      Membership.step(state, now, input, out)
    }),
    scenario: "\nstart 1 6 b f\nawait ring within=10s\nvanish 6\nrun 20m",
    caughtBy: "dead"
  },
  {
    name: "a Node loses leaves",
    code: withStep((state, now, input, out) => {
      Membership.step(state, now, input, out)
      const [, , third] = state.leafSet.members
      if (third !== undefined) LeafSet.remove(state.leafSet, third.id)
    }),
    scenario: "\nstart 1 3 5 7 9 b d f\nawait ring within=10s\nrun 10m\ncheck",
    caughtBy: "leaf sets"
  },
  {
    name: "a Node forgets nothing",
    code: withStep((state, now, input, out) => {
      const life = { incarnation: 1, at: now }
      for (let count = 0; count < 10; count++) state.failed.set(`${state.failed.size}`, life)
      Membership.step(state, now, input, out)
    }),
    scenario: "\nstart 1 6 b f\nawait ring within=10s\nrun 10m",
    caughtBy: "bounds"
  }
]

const run = (scenario: string, code: Code, seed: number): ReadonlyArray<string> => {
  const blocks = Scenario.parse(`world preset=lan seed=${seed}${scenario.replace(/^\n {2}(?=latency)/, " ")}`)
  if (Result.isFailure(blocks)) return assert.fail(`line ${blocks.failure.line}: ${blocks.failure.message}`)
  const outcome = Scenario.run(blocks.success, makeEngine(() => code))
  return Result.isSuccess(outcome)
    ? outcome.success.violations.map(({ checker }) => checker)
    : assert.fail(`line ${outcome.failure.line}: ${outcome.failure.message}`)
}

const seeds = [1, 2, 3, 4, 5, 6, 7, 8]

describe("mutations: a broken Node is caught", () => {
  for (const { caughtBy, code, name, scenario } of mutations) {
    it(`${name}: ${caughtBy}`, () => {
      for (const seed of seeds) assert.deepStrictEqual(run(scenario, shipped, seed), [], `seed ${seed}, as shipped`)
      const caught = seeds.filter((seed) => run(scenario, code, seed).includes(caughtBy))
      assert.isAbove(caught.length, 0)
    })
  }

  it("every checker catches one", () => {
    const checkers = ["bounds", "coverage", "custody", "dead", "leaf sets", "roots"]
    assert.deepStrictEqual([...new Set(mutations.map(({ caughtBy }) => caughtBy))].sort(), checkers)
  })
})
