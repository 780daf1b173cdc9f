/**
 * A member that lies: it says anything to anybody, in its own name, for that is what its certificate holds it to. It
 * must not be able to take Nodes that answer out of the tables of others, to send others elsewhere in their name, or to
 * make two Nodes answer for one key.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Handover from "../../src/core/Handover.ts"
import * as Liveness from "../../src/core/Liveness.ts"
import * as MembershipState from "../../src/core/MembershipState.ts"
import type { ControlMessage } from "../../src/protocol/ControlMessage.ts"
import * as LeafSet from "../../src/ring/LeafSet.ts"
import * as Node from "../../src/ring/Node.ts"
import { settings } from "../../src/simulation/Explorer.ts"
import * as Rng from "../../src/simulation/Rng.ts"
import { id, makeNode, makeRing, makeRingOf, type Sent } from "./Ring.ts"

const honest = ["10", "28", "40", "70", "a0", "b8", "d0", "e8"]

const liar = "58"

type Ring = ReturnType<typeof makeRing>

const setUp = () => {
  const ring = makeRing(...honest, liar)
  ring.pass(20_000)
  const say = (victim: string, message: ControlMessage, from: Node.Node = ring.node(liar)) => {
    ring.step(victim, { _tag: "Received", from, message })
    ring.settle()
  }
  const entry = (at: string, of: string) => Liveness.known(ring.state(at), id(of))
  return { ring, say, entry }
}

const elsewhere = (node: Node.Node, change: Partial<Node.Node> = { port: 666 }) => new Node.Node({ ...node, ...change })

/** An answer to a question that a Node really has asked, from a Node of its tables. */
const rumours = (ring: Ring, nodes: ReadonlyArray<Node.Node>): ReadonlyArray<ControlMessage> => [
  { _tag: "JoinedAck", leaves: nodes },
  { _tag: "RowReply", nodes },
  { _tag: "NeighborhoodReply", nodes },
  { _tag: "Nack", attempt: ring.state("40").attempt, leaves: nodes },
  ...nodes.map((node): ControlMessage => ({ _tag: "Failed", node }))
]

describe("what others say of a Node that lives", () => {
  for (
    const [what, change] of [
      ["of the same life, at another address", { port: 666 }],
      ["of the same life, in another Region", { region: "elsewhere" }],
      ["of a later life", { incarnation: 99 }],
      ["of a later life at another address", { incarnation: 99, port: 666 }],
      ["of an earlier life", { incarnation: 0 }]
    ] as const
  ) {
    for (const outcome of ["refused", "silent"] as const) {
      it(`neither moves nor evicts it: ${what}, where it is ${outcome}`, () => {
        const { entry, ring, say } = setUp()
        ring.tryDial = () => outcome
        // Of a leaf, and of one that stands in another table only.
        LeafSet.remove(ring.state("40").leafSet, id("a0"))
        ring.log.length = 0
        const events = ring.events.get("40")!
        events.length = 0
        for (const victim of ["70", "a0"]) {
          for (const message of rumours(ring, [elsewhere(ring.node(victim), change)])) say("40", message)
        }
        ring.pass(3 * settings.probe * (settings.probeRetries + 1))
        for (const victim of ["70", "a0"]) assert.strictEqual(entry("40", victim), ring.node(victim))
        assert.deepStrictEqual(events.filter(({ _tag }) => _tag === "NodeExited" || _tag === "Detached"), [])
        // Whoever is in a table is asked at the address that it has said itself.
        const dialLimiter = ring.log.filter(({ to }) => to.port === 666)
        assert.deepStrictEqual(dialLimiter, [])
      })
    }
  }

  it("proves nothing when it was looked for where others said before it said itself where it lives", () => {
    const { entry, ring } = setUp()
    const state = ring.state("40")
    // Asked when it was not known yet; meanwhile it has come itself, as leaf and neighbour.
    for (const victim of ["28", "70"]) {
      const rumour = elsewhere(ring.node(victim))
      state.inquiries.set(rumour.hex, {
        node: rumour,
        sequence: 7,
        askedAt: ring.now,
        waitedSince: ring.now,
        unanswered: 1,
        isRepeated: false,
        saidReady: true,
        use: "sign",
        isHearsay: false
      })
      ring.step("40", { _tag: "Refused", node: rumour })
      assert.isFalse(state.inquiries.has(rumour.hex))
      assert.strictEqual(entry("40", victim), ring.node(victim))
    }
    assert.isUndefined(state.predecessor.lostAt)
    assert.isUndefined(state.successor.lostAt)
  })

  it("does not keep it out: of one that is in no table, the end of a later life is not believed", () => {
    const { entry, ring, say } = setUp()
    const newcomer = makeNode("48", 5)
    say("40", { _tag: "JoinedAck", leaves: [elsewhere(newcomer, { incarnation: 9_000, port: 666 })] })
    assert.isTrue(ring.log.some(({ to }) => to.port === 666))
    assert.isUndefined(entry("40", "48"))
    ring.add("48", 5)
    ring.join("48", "d0")
    ring.pass(1_000)
    assert.strictEqual(ring.node("48").incarnation, 5)
    assert.strictEqual(ring.state("48").phase, "ready")
    assert.strictEqual(entry("40", "48"), ring.node("48"))
  })

  it("named again at the place where it was not found, it is not asked again", () => {
    const { ring, say } = setUp()
    const ghost = elsewhere(makeNode("48"))
    for (let times = 0; times < 5; times++) say("40", { _tag: "JoinedAck", leaves: [ghost] })
    assert.strictEqual(ring.log.filter(({ to }) => to.port === 666).length, 1)
  })

  it("is not listened to when it comes from one that is in no table", () => {
    const { ring } = setUp()
    const stranger = makeNode("99")
    for (const message of rumours(ring, [elsewhere(makeNode("48"))])) {
      ring.step("40", { _tag: "Received", from: stranger, message })
    }
    assert.isEmpty(ring.state("40").inquiries)
  })

  it("does not crowd out the questions to those in the tables", () => {
    const { ring, say } = setUp()
    ring.tryDial = () => "silent"
    const { inquiries } = ring.state("40")
    for (let count = 0; count < MembershipState.maxInquiries; count++) {
      const hex = (0x48_0000 + count).toString(16)
      say("40", { _tag: "RowReply", nodes: [elsewhere(makeNode(hex))] })
    }
    while (inquiries.size < MembershipState.maxInquiries) {
      const node = makeNode((0x49_0000 + inquiries.size).toString(16))
      inquiries.set(node.hex, { ...[...inquiries.values()][0]!, node })
    }
    ring.step("40", { _tag: "Suspect", node: ring.node("70") })
    assert.isTrue(inquiries.has(ring.node("70").hex))
  })
})

describe("a Node that joins", () => {
  const begin = () => {
    const ring = makeRing("10", liar, "d0")
    ring.add("40")
    // Of what it hears while it joins, only what the test says.
    ring.lose(({ to }) => to.hex === id("40").hex)
    ring.step("40", { _tag: "Join", via: ring.node("d0") })
    const state = ring.state("40")
    const say = (message: ControlMessage, from = ring.node(liar)) => {
      ring.step("40", { _tag: "Received", from, message })
      ring.wire.length = 0
    }
    return { ring, state, say }
  }

  it("J7: gives up only when the one that has its id says so itself", () => {
    const { ring, say, state } = begin()
    const refused = () => ring.events.get("40")!.filter(({ _tag }) => _tag === "JoinRefused").length
    const inUse = { _tag: "JoinRetry", attempt: state.attempt, reason: "idInUse", incarnation: undefined } as const
    say(inUse)
    assert.strictEqual(refused(), 0)
    say(inUse, makeNode("40", 7))
    assert.strictEqual(refused(), 1)
  })

  it("J8: does not become a life after which there is no other", () => {
    const { say, state } = begin()
    const stale = (incarnation: number) =>
      say({ _tag: "JoinRetry", attempt: state.attempt, reason: "stale", incarnation })
    stale(1_000_000)
    assert.strictEqual(state.self.incarnation, 1_000_001)
    stale(Number.MAX_SAFE_INTEGER - 1)
    assert.strictEqual(state.self.incarnation, 1_000_001)
    // Nor step by step.
    const year = 366 * 24 * 3_600_000
    for (let times = 0; times < 200; times++) stale(state.self.incarnation + year)
    assert.isBelow(state.self.incarnation, 101 * year)
  })

  it("J3: takes a grant only from one between whom and whose successor it stands", () => {
    const { ring, say, state } = begin()
    const grant = (successor: Node.Node) =>
      say({ _tag: "JoinGrant", attempt: state.attempt, successor, leaves: [], rows: [] })
    grant(ring.node("d0"))
    assert.isUndefined(state.grant)
    grant(makeNode("50"))
    assert.isDefined(state.grant)
  })

  it("D8: learns where its successor lives from that one itself", () => {
    const { ring, say, state } = begin()
    const p = ring.node("10")
    const { attempt } = state
    const grant = { attempt, successor: elsewhere(ring.node(liar)), leaves: [], rows: [] }
    say({ _tag: "JoinGrant", ...grant }, p)
    say({ _tag: "CommitAck", attempt, delivered: [], floors: [] }, p)
    say({ _tag: "InsertAck", attempt, leaves: [], delivered: [], floors: [] }, ring.node(liar))
    assert.strictEqual(state.phase, "ready")
    assert.strictEqual(state.successor.node, ring.node(liar))
    assert.strictEqual(Liveness.known(state, id(liar)), ring.node(liar))
  })

  it("J5: remembers no more Nodes for its tables when an answer is repeated", () => {
    const { ring, say, state } = begin()
    const { attempt } = state
    say({ _tag: "JoinGrant", attempt, successor: ring.node(liar), leaves: [], rows: [] }, ring.node("10"))
    const leaves = [elsewhere(makeNode("48"))]
    for (let times = 0; times < 100; times++) {
      say({ _tag: "InsertAck", attempt, leaves, delivered: [], floors: [] }, ring.node(liar))
    }
    assert.lengthOf(state.grant!.candidates, 1)
  })

  it("J6: is turned away only by those between whom it joins", () => {
    const { ring, say, state } = begin()
    const { attempt } = state
    const p = ring.node("10")
    say({ _tag: "JoinGrant", attempt, successor: ring.node(liar), leaves: [], rows: [] }, p)
    say({ _tag: "Nack", attempt, leaves: [] }, ring.node("d0"))
    assert.isDefined(state.grant)
    say({ _tag: "Nack", attempt, leaves: [] }, p)
    assert.isUndefined(state.grant)
  })
})

describe("L5: who says that it is not ready", () => {
  const detached = { _tag: "Leaving", reason: "detached", attempt: 1, delivered: [], floors: [] } as const

  it("is remembered up to a bound, and the smallest id always", () => {
    const ring = makeRing("80")
    ring.vanish("80")
    ring.add("40")
    ring.join("40", "80")
    const state = ring.state("40")
    assert.strictEqual(state.phase, "joining")
    const tell = (digits: string) => ring.step("40", { _tag: "Received", from: makeNode(digits), message: detached })
    tell("10")
    for (let count = 0; count < 3_000; count++) tell(`9${count.toString(16).padStart(4, "0")}`)
    assert.strictEqual(state.notReady.size, MembershipState.maxNotReady)
    assert.isTrue(state.notReady.has(id("10").hex))
    // The newest.
    assert.isTrue(state.notReady.has(id("90bb7").hex))
    assert.isFalse(state.notReady.has(id("90000").hex))
  })
})

describe("L7: on the word of one", () => {
  it("a Node gives its place up once in four leases, and keeps its other half then", () => {
    const { ring, say } = setUp()
    const detached = () => ring.events.get("70")!.filter(({ _tag }) => _tag === "Detached").length
    const depose = () => {
      const state = ring.state("70")
      // It is asked for a lease, and says that it holds the Node beyond to be its neighbour.
      state.predecessor.unanswered = 1
      const { sequence } = state.predecessor
      say("70", { _tag: "Denied", sequence, as: "predecessor", reason: "taken", neighbour: ring.node("a0") })
    }
    assert.strictEqual(ring.state("70").predecessor.node, ring.node(liar))
    depose()
    assert.strictEqual(detached(), 1)
    ring.pass(settings.lease)
    assert.strictEqual(ring.state("70").phase, "ready")
    depose()
    assert.strictEqual(detached(), 1)
    assert.isTrue(ring.covers("70", "70"))
    ring.pass(4 * settings.lease)
    assert.deepStrictEqual(ring.neighbours("70"), [liar, "a0"])
    depose()
    assert.strictEqual(detached(), 2)
  })

  it("one that says again and again that it belongs to another ring is followed once in four leases", () => {
    const { ring, say } = setUp()
    const detached = () => ring.events.get("70")!.filter(({ _tag }) => _tag === "Detached").length
    const meet = () => say("70", { _tag: "Meet", as: "successor" }, makeNode("60"))
    meet()
    assert.strictEqual(detached(), 1)
    ring.pass(settings.lease)
    assert.strictEqual(ring.state("70").phase, "ready")
    meet()
    assert.strictEqual(detached(), 1)
    ring.pass(4 * settings.lease)
    meet()
    assert.strictEqual(detached(), 2)
  })
})

describe("F4: who may become a neighbour", () => {
  it("not one beyond a nearer Node that lives, whatever it asks", () => {
    const { ring } = setUp()
    const state = ring.state("10")
    assert.deepStrictEqual(ring.neighbours("10"), ["e8", "28"])
    // Its neighbour is gone, and one farther away is quicker than the next.
    const side = { ...state.successor, lostAt: ring.now - 60_000, grantedAt: ring.now - 60_000, proven: true }
    side.node = makeNode("18")
    state.successor = side
    ring.step("10", {
      _tag: "Received",
      from: ring.node("a0"),
      message: { _tag: "Renew", sequence: 1, as: "predecessor", replaces: undefined, attempt: 1, waited: true }
    })
    const answers = ring.wire.filter(({ to }) => to === ring.node("a0")).map(({ message }) => message._tag)
    assert.deepStrictEqual(answers, ["Denied"])
    assert.notStrictEqual(ring.state("10").successor.node, ring.node("a0"))
  })
})

describe("C5: what was delivered elsewhere", () => {
  it("counts only when it comes from a Node near by, or from those that let this one in", () => {
    const { ring } = setUp()
    const state = ring.state("40")
    assert.isTrue(Handover.mayBring(state, ring.node(liar)))
    assert.isFalse(Handover.mayBring(state, makeNode("99")))
    assert.isFalse(Handover.mayBring(state, elsewhere(ring.node("70"), { incarnation: 9 })))
    const joiner = MembershipState.make(makeNode("99"), settings, 1)
    assert.isFalse(Handover.mayBring(joiner, ring.node("70")))
    joiner.grant = {
      predecessor: ring.node("70"),
      successor: ring.node("a0"),
      askedAt: 0,
      askAgainAt: 0,
      inserted: false,
      committed: false,
      candidates: []
    }
    assert.isTrue(Handover.mayBring(joiner, ring.node("70")))
    assert.isTrue(Handover.mayBring(joiner, ring.node("a0")))
  })
})

// -----------------------------------------------------------------------------
// anything
// -----------------------------------------------------------------------------

/** Any message of a liar that has seen everything. */
const lie = (rng: Rng.Rng, ring: Ring, victim: string): ControlMessage => {
  const state = ring.state(victim)
  const node = (): Node.Node => {
    if (rng.happens(0.3)) return elsewhere(makeNode(rng.below(2 ** 16).toString(16).padStart(4, "0")))
    const real = ring.node(rng.pick([...honest, liar]))
    return rng.happens(0.3) ? real : elsewhere(
      real,
      rng.pick([{ port: 666 }, { incarnation: 99 }, { incarnation: 99, port: 666 }, { region: "elsewhere" }])
    )
  }
  const nodes = () => Array.from({ length: rng.below(6) }, node)
  const attempt = rng.pick([
    state.attempt,
    ring.state(liar).attempt,
    state.busy?.attempt ?? 0,
    rng.below(9),
    99_999
  ])
  const sequence = rng.pick([
    state.predecessor.sequence,
    state.successor.sequence,
    state.pairings.predecessor?.sequence ?? 0,
    state.inquiries.get(id(liar).hex)?.sequence ?? 0,
    state.sequence + 1
  ])
  const as = rng.pick(["predecessor", "successor"] as const)
  const some = rng.pick([...honest, liar])
  const someId = rng.happens(0.7) ? ring.node(some).id : node().id
  const handover = { delivered: [], floors: [] }
  if (rng.happens(0.3)) return { _tag: rng.pick(["RowReply", "NeighborhoodReply"]), nodes: nodes() }
  if (rng.happens(0.3)) {
    // What it is really asked.
    const asked = state.predecessor.node.hex === id(liar).hex ? "predecessor" : "successor"
    const { sequence } = state[asked]
    return { _tag: "Denied", sequence, as: asked, reason: "taken", neighbour: node() }
  }
  return rng.pick<() => ControlMessage>([
    () => ({ _tag: "JoinRequest", joiner: node(), attempt, hops: rng.below(32), rows: nodes() }),
    () => ({
      _tag: "JoinRetry",
      attempt,
      reason: rng.pick(["busy", "notReady", "newcomer", "idInUse", "stale"] as const),
      incarnation: rng.happens(0.5) ? rng.below(1_000) : undefined
    }),
    () => ({ _tag: "JoinGrant", attempt, successor: node(), leaves: nodes(), rows: nodes() }),
    () => ({ _tag: "Insert", attempt, predecessor: someId }),
    () => ({ _tag: "InsertAck", attempt, leaves: nodes(), ...handover }),
    () => ({ _tag: "Commit", attempt }),
    () => ({ _tag: "CommitAck", attempt, ...handover }),
    () => ({ _tag: "Nack", attempt, leaves: nodes() }),
    () => ({ _tag: "Release", attempt }),
    () => ({ _tag: "Joined", attempt }),
    () => ({ _tag: "JoinedAck", leaves: nodes() }),
    () => ({
      _tag: "Renew",
      sequence,
      as,
      replaces: rng.happens(0.5) ? someId : undefined,
      attempt,
      waited: rng.happens(0.5)
    }),
    () => ({ _tag: "Renewed", sequence, as, attempt }),
    () => ({
      _tag: "Denied",
      sequence,
      as,
      reason: rng.pick(["joining", "notReady", "wait", "taken"] as const),
      neighbour: rng.happens(0.7) ? node() : undefined
    }),
    () => ({ _tag: "Leaving", reason: rng.pick(["left", "detached"] as const), attempt, ...handover }),
    () => ({ _tag: "LeaveAck" }),
    () => ({ _tag: "Probe", sequence, ready: rng.happens(0.5), wantsLeaves: rng.happens(0.5) }),
    () => ({ _tag: "ProbeAck", sequence, ready: rng.happens(0.5), leaves: nodes() }),
    () => ({ _tag: "Failed", node: node() }),
    () => ({ _tag: "RowRequest", row: rng.below(4) }),
    () => ({ _tag: "RowReply", nodes: nodes() }),
    () => ({ _tag: "NeighborhoodReply", nodes: nodes() }),
    () => ({ _tag: "Meet", as }),
    () => ({ _tag: "Met", as, neighbour: node() })
  ])()
}

const keys = Array.from({ length: 64 }, (_, index) => (index * 4).toString(16).padStart(2, "0"))

describe("a member that says anything to anybody", () => {
  for (let seed = 1; seed <= 40; seed++) {
    it(`evicts nobody, moves nobody, and makes no two Nodes answer for one key: seed ${seed}`, () => {
      const rng = Rng.make(`lies ${seed}`)
      // Small leaf sets, so that some Nodes stand in the other tables only.
      const ring = makeRingOf({ ...settings, leafSetSide: 2 }, ...honest, liar)
      ring.pass(2_000)
      ring.tryDial = (_: Sent) => rng.pick(["refused", "silent", "arrives"] as const)
      const from = ring.now
      /** When each last gave its place up. */
      const gaveUp = new Map<string, number>()
      for (const name of honest) ring.events.get(name)!.length = 0
      const check = (what: string): void => {
        const exits: Array<readonly [at: string, of: string]> = []
        for (const at of honest) {
          for (const event of ring.events.get(at)!.splice(0)) {
            if (event._tag === "NodeExited" && event.reason !== "forgotten") {
              const of = honest.find((name) => id(name).hex === event.node.hex)
              if (of !== undefined) exits.push([at, of])
            }
            if (event._tag !== "Detached") continue
            const before = gaveUp.get(at) ?? from - 4 * settings.lease
            assert.isAtLeast(ring.now, before + 4 * settings.lease, `${at} gives its place up again: ${what}`)
            gaveUp.set(at, ring.now)
          }
        }
        for (const [at, of] of exits) assert.isTrue(gaveUp.has(at) || gaveUp.has(of), `${of} exits at ${at}: ${what}`)
        for (const at of honest) {
          for (const of of honest) {
            if (at === of || gaveUp.has(at) || gaveUp.has(of)) continue
            const there = Liveness.known(ring.state(at), id(of))
            assert.strictEqual(there, ring.node(of), `${of} in the tables of ${at}: ${what}`)
          }
        }
        for (const key of keys) {
          const owners = ring.owners(key).filter((name) => name !== liar)
          assert.isAtMost(owners.length, 1, `${owners.join()} answer for ${key}: ${what}`)
        }
      }
      for (let count = 0; count < 80; count++) {
        // Mostly one of its neighbours: these ask it most.
        const victim = rng.happens(0.7) ? rng.pick(["40", "70"]) : rng.pick(honest)
        // A hole in a leaf set makes its Node curious.
        if (rng.happens(0.2)) LeafSet.remove(ring.state(victim).leafSet, id(rng.pick(honest)))
        // Often in the middle of something: a lie may look like the answer.
        if (rng.happens(0.6)) ring.rouse(victim)
        const message = lie(rng, ring, victim)
        const what = `${count}. to ${victim}: ${JSON.stringify(message)}`
        ring.step(victim, { _tag: "Received", from: ring.node(liar), message })
        ring.settle()
        check(what)
        ring.pass(rng.below(60))
        check(`after ${what}`)
      }
      ring.tryDial = () => "refused"
      ring.pass(20 * settings.lease)
      for (const [index, name] of honest.entries()) {
        assert.strictEqual(ring.state(name).phase, "ready", name)
        for (const step of [-1, 1]) assert.include(ring.leaves(name), honest.at((index + step) % honest.length), name)
      }
      for (const key of keys) assert.isAtMost(ring.owners(key).length, 1, key)
    })
  }
})
