import { assert, describe, it } from "@effect/vitest"
import * as Membership from "../../src/core/Membership.ts"
import * as MembershipState from "../../src/core/MembershipState.ts"
import type { ControlMessage } from "../../src/protocol/ControlMessage.ts"
import type * as Node from "../../src/ring/Node.ts"
import { settings } from "../../src/simulation/Explorer.ts"
import { makeNode } from "./Ring.ts"

const { lease } = settings

/** One Node, that gets messages of others. */
class Lone {
  readonly state: MembershipState.State
  readonly sent: Array<readonly [Node.Node, ControlMessage]> = []
  readonly events: Array<MembershipState.Event> = []
  now = 0

  constructor(name = "5", incarnation = 10) {
    this.state = MembershipState.make(makeNode(name, incarnation), settings, 1)
  }

  step(input: MembershipState.Input) {
    const out: Array<MembershipState.Output> = []
    Membership.step(this.state, this.now, input, out)
    for (const output of out) {
      if (output._tag === "Send") this.sent.push([output.to, output.message])
      else this.events.push(output.event)
    }
  }

  receive(from: Node.Node, message: ControlMessage) {
    this.step({ _tag: "Received", from, message })
  }

  /** The messages of a kind that were sent since the last look, and to whom. */
  take(tag: ControlMessage["_tag"]) {
    return this.sent.splice(0).filter(([, message]) => message._tag === tag)
  }
}

const [gapOwner, successor] = [makeNode("1"), makeNode("9")]

const grant = (joiner: Lone, change: Partial<Extract<ControlMessage, { _tag: "JoinGrant" }>> = {}): ControlMessage => ({
  _tag: "JoinGrant",
  attempt: joiner.state.attempt,
  successor,
  leaves: [],
  rows: [],
  ...change
})

const ack = (joiner: Lone, tag: "InsertAck" | "CommitAck"): ControlMessage =>
  tag === "InsertAck"
    ? { _tag: tag, attempt: joiner.state.attempt, leaves: [], delivered: [], floors: [] }
    : { _tag: tag, attempt: joiner.state.attempt, delivered: [], floors: [] }

const asking = () => {
  const joiner = new Lone()
  joiner.step({ _tag: "Join", via: gapOwner })
  joiner.take("JoinRequest")
  return joiner
}

describe("a joiner", () => {
  it("J3: takes a grant only for a gap in which it stands", () => {
    const joiner = asking()
    joiner.receive(gapOwner, grant(joiner, { successor: makeNode("3") }))
    assert.isUndefined(joiner.state.grant)
    assert.lengthOf(joiner.take("Release"), 1)
    joiner.receive(gapOwner, grant(joiner))
    assert.isDefined(joiner.state.grant)
  })

  it("J5: takes none that was asked for a lease ago or longer, and says that it does not", () => {
    for (const [age, counts] of [[lease - 1, true], [lease, false]] as const) {
      const joiner = asking()
      // So that nothing is asked anew meanwhile.
      joiner.state.retryAt = Number.POSITIVE_INFINITY
      joiner.now = joiner.state.attemptAt + age
      joiner.receive(gapOwner, grant(joiner))
      assert.strictEqual(joiner.state.grant !== undefined, counts, `${age}`)
      assert.strictEqual(joiner.take("Release").length, counts ? 0 : 1)
    }
  })

  it("J5: is not ready when its request is a lease old, or its grant", () => {
    for (
      const [requestAge, grantAge, ready] of [[lease - 1, lease - 1, true], [lease, 10, false], [
        lease - 1,
        lease,
        false
      ]]
    ) {
      const joiner = asking()
      joiner.receive(gapOwner, grant(joiner))
      joiner.now = 2 * lease
      joiner.state.attemptAt = joiner.now - Number(requestAge)
      joiner.state.grant = { ...joiner.state.grant!, askedAt: joiner.now - Number(grantAge) }
      joiner.state.retryAt = Number.POSITIVE_INFINITY
      joiner.receive(successor, ack(joiner, "InsertAck"))
      joiner.receive(gapOwner, ack(joiner, "CommitAck"))
      assert.strictEqual(joiner.events.some(({ _tag }) => _tag === "Ready"), ready, `${requestAge}, ${grantAge}`)
    }
  })

  it("J3: counts acknowledgements only of the two between which it joins, each its own", () => {
    const joiner = asking()
    joiner.receive(gapOwner, grant(joiner))
    for (const other of [makeNode("d"), gapOwner, makeNode("9", 2)]) joiner.receive(other, ack(joiner, "InsertAck"))
    assert.isFalse(joiner.state.grant!.inserted)
    for (const other of [makeNode("d"), successor, makeNode("1", 2)]) joiner.receive(other, ack(joiner, "CommitAck"))
    assert.isFalse(joiner.state.grant!.committed)
    joiner.receive(successor, ack(joiner, "InsertAck"))
    joiner.receive(gapOwner, ack(joiner, "CommitAck"))
    assert.isTrue(joiner.events.some(({ _tag }) => _tag === "Ready"))
  })
})

describe("newcomers (B2)", () => {
  const request = (joiner: Node.Node, hops = 0): ControlMessage => ({
    _tag: "JoinRequest",
    joiner,
    attempt: 1,
    hops,
    rows: []
  })
  const newcomer = (self: Lone): ControlMessage => ({
    _tag: "JoinRetry",
    attempt: self.state.attempt,
    reason: "newcomer",
    incarnation: undefined
  })

  it("a newcomer that is asked says so, asks the asker in turn, and brings it to the smallest that it knows", () => {
    const self = new Lone("5")
    self.step({ _tag: "Join", via: makeNode("9") })
    self.receive(makeNode("9"), newcomer(self))
    self.sent.length = 0
    self.receive(makeNode("d"), request(makeNode("d")))
    // It knows none smaller than itself.
    assert.deepStrictEqual(self.sent.map(([to, { _tag }]) => `${_tag} ${to.hex[0]}`), ["JoinRetry d"])
    assert.isTrue(self.state.joinSeeds.some(({ hex }) => hex === makeNode("d").hex))
    self.receive(makeNode("1"), newcomer(self))
    self.sent.length = 0
    self.receive(makeNode("d"), request(makeNode("d"), 3))
    assert.deepStrictEqual(self.sent.map(([to, { _tag }]) => `${_tag} ${to.hex[0]}`), ["JoinRetry d", "JoinRequest 1"])
    const passedOn = self.sent[1]![1]
    assert.isTrue(passedOn._tag === "JoinRequest" && passedOn.hops === 4)
    // Nobody is brought to itself, and nothing goes round for ever.
    self.sent.length = 0
    self.receive(makeNode("1"), request(makeNode("1")))
    self.receive(makeNode("d"), request(makeNode("d"), 64))
    assert.lengthOf(self.take("JoinRequest"), 0)
  })

  it("they are remembered by when they were met first, and forgotten when this Node is ready, or they are gone", () => {
    const self = new Lone("5")
    self.step({ _tag: "Join", via: gapOwner })
    self.receive(makeNode("d"), newcomer(self))
    self.now = 7
    self.receive(makeNode("d"), newcomer(self))
    assert.strictEqual(self.state.newcomers.get(makeNode("d").hex)?.since, 0)
    self.step({ _tag: "Refused", node: makeNode("d") })
    assert.strictEqual(self.state.newcomers.size, 0)
    self.receive(makeNode("d"), newcomer(self))
    self.step({ _tag: "Found" })
    assert.strictEqual(self.state.newcomers.size, 0)
  })
})

describe("a life that has ended, and its id (J8)", () => {
  const ready = () => {
    const self = new Lone("5")
    self.step({ _tag: "Found" })
    return self
  }
  const ask = (self: Lone, incarnation: number) => {
    self.sent.length = 0
    self.receive(makeNode("9", incarnation), {
      _tag: "JoinRequest",
      joiner: makeNode("9", incarnation),
      attempt: 1,
      hops: 0,
      rows: []
    })
    const answer = self.sent[0]?.[1]
    return answer?._tag === "JoinRetry" ? answer.reason : answer?._tag
  }

  it("keeps earlier lives out for four leases, and no longer", () => {
    const self = ready()
    self.state.failed.set(makeNode("9").hex, { incarnation: 5, at: 0 })
    self.now = 4 * lease - 1
    assert.strictEqual(ask(self, 4), "stale")
    self.now = 4 * lease
    assert.strictEqual(ask(self, 4), "JoinGrant")
  })

  it("a life that was ready and hears that a later one took its place ends, and takes no later number", () => {
    const joiner = asking()
    joiner.state.detachedAt = 0
    const { incarnation } = joiner.state.self
    joiner.receive(gapOwner, { _tag: "JoinRetry", attempt: joiner.state.attempt, reason: "stale", incarnation: 99 })
    assert.strictEqual(joiner.state.self.incarnation, incarnation)
    assert.isTrue(joiner.events.some(({ _tag }) => _tag === "JoinRefused"))
  })

  it("a first life takes the number after that one", () => {
    const joiner = asking()
    joiner.receive(gapOwner, { _tag: "JoinRetry", attempt: joiner.state.attempt, reason: "stale", incarnation: 99 })
    assert.strictEqual(joiner.state.self.incarnation, 100)
  })
})

describe("requests to join (J9)", () => {
  it("wait twice as long after each round through the ways in, not after each request", () => {
    const quick = { ...settings, joinRetry: 1, jitter: 1 }
    const joiner = new Lone()
    Object.assign(joiner.state, { settings: quick })
    for (const name of ["1", "9"]) joiner.step({ _tag: "Join", via: makeNode(name) })
    const waits: Array<number> = []
    for (let count = 0; count < 8; count++) {
      waits.push(joiner.state.retryAt - joiner.now)
      joiner.now = joiner.state.retryAt
      joiner.step({ _tag: "Woken" })
    }
    assert.deepStrictEqual(waits, [1, 1, 2, 2, 4, 4, 8, 8])
  })
})
