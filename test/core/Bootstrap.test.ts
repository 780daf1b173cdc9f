import { assert, describe, it } from "@effect/vitest"
import * as Bootstrap from "../../src/core/Bootstrap.ts"
import * as MembershipState from "../../src/core/MembershipState.ts"
import { defaults } from "../../src/protocol/ClusterConfig.ts"
import type * as Node from "../../src/ring/Node.ts"
import { makeNode } from "./Ring.ts"

const patience = 3_000
const seed = "10.0.0.1:7001"

class Search {
  readonly membership = MembershipState.make(makeNode("5"), { ...defaults, jitter: 1 }, 1)
  readonly state: Bootstrap.State
  readonly linked = new Set<string>()
  now = 0

  constructor(hasSeeds = true) {
    this.state = Bootstrap.make(0, { hasSeeds, patience })
  }

  round(...addresses: ReadonlyArray<string>) {
    return Bootstrap.beginRound(this.state, addresses, (node) => this.linked.has(node.life))
  }

  /** Rounds until as long as it is patient, in which each address has its outcome. */
  pass(outcomes: Record<string, Bootstrap.Outcome>) {
    for (let rounds = 0; rounds < 2; rounds++) {
      for (const address of this.round(...Object.keys(outcomes)).dial) {
        Bootstrap.settle(this.state, address, outcomes[address]!)
      }
    }
    this.now += patience
  }

  meet(node: Node.Node, since = this.now) {
    this.membership.newcomers.set(node.hex, { node, since })
  }

  get decision() {
    return Bootstrap.decide(this.state, this.membership, this.now)._tag
  }

  get waitsFor() {
    return Bootstrap.waitsFor(this.state, this.membership, this.now)
  }
}

const member = (name: string): Bootstrap.Outcome => ({ _tag: "Member", node: makeNode(name) })
const failed: Bootstrap.Outcome = { _tag: "Failed", message: "nothing there" }
const refused: Bootstrap.Outcome = { _tag: "Refused", message: "another cluster" }
const self: Bootstrap.Outcome = { _tag: "Self" }

describe("Bootstrap: rounds (B1)", () => {
  it("who is being asked is not dialled again, and who has answered is asked over its link as long as that is open", () => {
    const search = new Search()
    assert.deepStrictEqual(search.round(seed, "b").dial, [seed, "b"])
    assert.deepStrictEqual(search.round(seed, "b").dial, [])
    Bootstrap.settle(search.state, seed, member("9"))
    search.linked.add(makeNode("9").life)
    const { again, dial } = search.round(seed, "b")
    assert.deepStrictEqual([dial, again.map(({ life }) => life)], [[], [makeNode("9").life]])
    search.linked.clear()
    assert.deepStrictEqual(search.round(seed, "b"), { dial: [seed], again: [] })
  })

  it("an address twice is one; beyond 64 none is dialled; one that a name has no more is forgotten", () => {
    const search = new Search()
    const many = Array.from({ length: 100 }, (_, index) => `${index}`)
    assert.lengthOf(search.round("0", ...many).dial, Bootstrap.maxAddresses)
    assert.strictEqual(search.state.outcomes.size, Bootstrap.maxAddresses)
    search.round("new")
    assert.deepStrictEqual(Array.from(search.state.outcomes.keys()), ["new"])
    Bootstrap.settle(search.state, "1", member("9"))
    assert.isFalse(search.state.outcomes.has("1"))
  })

  it("pauses grow to 3 s; nobody waits where nobody is asked", () => {
    const search = new Search()
    const pauses = Array.from({ length: 7 }, () => {
      search.round(seed)
      return Bootstrap.pause(search.state)
    })
    assert.deepStrictEqual(pauses, [100, 200, 400, 800, 1_600, 3_000, 3_000])
    assert.strictEqual(Bootstrap.pause(new Search(false).state), 0)
  })

  it("a ready Node looks for its seeds soon at first, then every tableExchange", () => {
    const looks = [0, 1, 2, 3, 60].map((count) => Bootstrap.rememberAfter(count, 20_000))
    assert.deepStrictEqual(looks, [3_000, 6_000, 12_000, 20_000, 20_000])
  })
})

describe("Bootstrap: who starts a ring (B2)", () => {
  it("without seeds this Node, at once, and never again", () => {
    const search = new Search(false)
    search.round()
    assert.strictEqual(search.decision, "StartRing")
    Bootstrap.ready(search.state)
    assert.strictEqual(search.decision, "Wait")
  })

  it("a Node whose seeds do not answer starts none, unless it is one of them", () => {
    const search = new Search()
    search.pass({ [seed]: failed })
    assert.strictEqual(search.decision, "Wait")
    search.pass({ [seed]: failed, name: self })
    assert.strictEqual(search.decision, "StartRing")
  })

  it("not before its patience is over, and not in the first round", () => {
    const search = new Search()
    search.pass({ name: self })
    search.now = patience - 1
    assert.strictEqual(search.decision, "Wait")
    const late = new Search()
    late.now = 10 * patience
    late.round("name")
    Bootstrap.settle(late.state, "name", self)
    assert.strictEqual(late.decision, "Wait")
    late.round("name")
    assert.strictEqual(late.decision, "StartRing")
  })

  it("a seed that has not said that it is a newcomer may have a ring", () => {
    const search = new Search()
    search.pass({ name: self, [seed]: member("9") })
    search.now += 100 * patience
    assert.strictEqual(search.decision, "Wait")
    search.meet(makeNode("9"))
    assert.strictEqual(search.decision, "StartRing")
  })

  it("the newcomer of the smallest id; the next does when that one has not for four times as long", () => {
    const search = new Search()
    search.pass({ [seed]: member("9") })
    search.meet(makeNode("9"))
    assert.strictEqual(search.decision, "StartRing")
    search.meet(makeNode("3"))
    assert.strictEqual(search.decision, "Wait")
    assert.match(search.waitsFor, /waiting for 30000000… at .*, which has the smallest id/)
    search.now += 4 * patience
    assert.strictEqual(search.decision, "StartRing")
  })

  it("who has been in a ring starts none", () => {
    const search = new Search()
    Bootstrap.ready(search.state)
    search.pass({ name: self })
    assert.strictEqual(search.decision, "Wait")
  })
})

describe("Bootstrap: giving up (B3)", () => {
  it("when every seed that answers refuses, and none has still to answer", () => {
    const search = new Search()
    search.round(seed, "b")
    Bootstrap.settle(search.state, seed, refused)
    assert.strictEqual(search.decision, "Wait")
    Bootstrap.settle(search.state, "b", failed)
    assert.deepStrictEqual(Bootstrap.decide(search.state, search.membership, 0), {
      _tag: "GiveUp",
      message: "another cluster"
    })
    Bootstrap.settle(search.state, "b", member("9"))
    assert.strictEqual(search.decision, "Wait")
  })

  it("but not a Node that has been ready once", () => {
    const search = new Search()
    Bootstrap.ready(search.state)
    search.pass({ [seed]: refused })
    assert.strictEqual(search.decision, "Wait")
  })
})

describe("Bootstrap: what it waits for (B4)", () => {
  it("names each seed and what came of it", () => {
    const search = new Search()
    search.pass({ a: failed, b: self, c: { _tag: "Unusable", message: "cannot reach this Node" } })
    assert.isTrue(Bootstrap.isUnanswered(search.state))
    assert.strictEqual(
      search.waitsFor,
      "no seed can be used (a: nothing there; b: this Node itself; c: cannot reach this Node); trying again"
    )
  })

  it("tells a request that nobody answers from one that has to wait", () => {
    const search = new Search()
    search.pass({ [seed]: member("9") })
    assert.match(search.waitsFor, /asked through 10\.0\.0\.1:7001 to be let into the ring; waiting for its turn/)
    search.membership.unansweredRequests = 3
    assert.match(search.waitsFor, /asked 3 times through 10\.0\.0\.1:7001 .*without an answer/)
    search.membership.grant = {
      predecessor: makeNode("1"),
      successor: makeNode("9"),
      askedAt: 0,
      askAgainAt: 0,
      inserted: true,
      committed: false,
      candidates: []
    }
    assert.match(search.waitsFor, /waiting for 10000000… at .* to make room/)
  })
})
