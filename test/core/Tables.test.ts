import { assert, describe, it } from "@effect/vitest"
import * as Liveness from "../../src/core/Liveness.ts"
import * as Membership from "../../src/core/Membership.ts"
import * as MembershipState from "../../src/core/MembershipState.ts"
import type { ControlMessage } from "../../src/protocol/ControlMessage.ts"
import * as Node from "../../src/ring/Node.ts"
import * as RoutingTable from "../../src/ring/RoutingTable.ts"
import { settings } from "../../src/simulation/Explorer.ts"
import * as Oracle from "../ring/Oracle.ts"
import { makeNode } from "./Ring.ts"

/** A Node that is ready, between two neighbours whose leases never end, with small tables; what others say to it is played by the test. */
const setUp = (change: Partial<MembershipState.Settings> = {}) => {
  const state = MembershipState.make(makeNode("00"), {
    ...settings,
    leafSetSide: 1,
    neighborhoodSize: 2,
    exchange: 10_000,
    tableExchange: 60_000,
    ...change
  }, 1)
  const out: Array<MembershipState.Output> = []
  let now = 0
  const step = (input: MembershipState.Input) => Membership.step(state, now, input, out)
  step({ _tag: "Found" })
  for (const [which, digits] of [["predecessor", "ff"], ["successor", "01"]] as const) {
    const neighbour = makeNode(digits)
    state[which] = MembershipState.makeSide(neighbour, neighbour, Number.POSITIVE_INFINITY, 0)
    state[which].nextAskAt = Number.POSITIVE_INFINITY
  }
  const take = () => out.splice(0)
  const sent = (tag: ControlMessage["_tag"]) =>
    take().flatMap((output) => output._tag === "Send" && output.message._tag === tag ? [output] : [])
  const hear = (from: Node.Node, message: ControlMessage) => step({ _tag: "Received", from, message })
  /** A Node answers the question that it was asked, after so many milliseconds. */
  const answer = (node: Node.Node, roundTrip = 0) => {
    now += roundTrip
    hear(node, { _tag: "ProbeAck", sequence: state.inquiries.get(node.hex)!.sequence, ready: true, leaves: [] })
  }
  return {
    state,
    hear,
    answer,
    take,
    sent,
    step,
    pass: (millis: number) => {
      now += millis
      step({ _tag: "Woken" })
    },
    now: () => now
  }
}

const joined: ControlMessage = { _tag: "Joined", attempt: 1 }

describe("D6: the other tables", () => {
  it("a Node that is named is asked first, and listed when it has answered in person", () => {
    const { answer, hear, sent, state } = setUp()
    const [peer, named, dead] = [makeNode("80"), makeNode("40"), makeNode("41")] as const
    hear(peer, joined)
    sent("JoinedAck")
    hear(peer, { _tag: "RowReply", nodes: [named, dead] })
    const asked = sent("Probe").map(({ to }) => to.hex)
    assert.includeMembers(asked, [named.hex, dead.hex])
    assert.isUndefined(Liveness.known(state, named.id))
    answer(named)
    assert.strictEqual(Liveness.known(state, named.id), named)
    assert.isUndefined(Liveness.known(state, dead.id))
  })

  it("of those that no table lacks at most four are asked, for they may be nearer", () => {
    const { answer, hear, sent, state, take } = setUp({ neighborhoodSize: 1 })
    for (const digits of ["f0", "10", "80"]) {
      hear(makeNode(digits), joined)
      Liveness.inquire(state, 0, makeNode(digits), "sign", [])
      answer(makeNode(digits), 5)
    }
    take()
    const nodes = ["81", "82", "83", "84", "85", "86", "87", "88"].map((digits) => makeNode(digits))
    hear(makeNode("80"), { _tag: "RowReply", nodes })
    assert.lengthOf(sent("Probe"), 4)
    hear(makeNode("80"), { _tag: "NeighborhoodReply", nodes })
    assert.isAtMost(sent("Probe").length, 4)
  })

  it("a nearer Node takes the place in its row, a farther or an unmeasured one does not", () => {
    const { state } = setUp()
    const place = () => RoutingTable.get(state.routingTable, 0, 8)?.hex.slice(0, 2)
    const admit = (digits: string, roundTrip?: number) => Liveness.admit(state, 0, makeNode(digits), roundTrip, [])
    // These two hold the leaf set, so that the others have the row alone.
    admit("01", 1)
    admit("ff", 1)
    admit("80", 20)
    assert.strictEqual(place(), "80")
    admit("88")
    assert.strictEqual(place(), "80")
    admit("89", 30)
    assert.strictEqual(place(), "80")
    admit("8a", 10)
    assert.strictEqual(place(), "8a")
    assert.isUndefined(Liveness.known(state, makeNode("80").id))
    assert.isFalse(state.announced.has(makeNode("80").hex))
  })

  it("proximity: a shorter round trip counts at once, a longer one by an eighth, times 5 across Regions", () => {
    const { state } = setUp()
    const near = makeNode("80")
    const far = new Node.Node({ ...makeNode("90"), region: "elsewhere" })
    const admit = (node: Node.Node, roundTrip?: number) => Liveness.admit(state, 0, node, roundTrip, [])
    admit(near)
    assert.strictEqual(Liveness.proximityOf(state, near), Number.POSITIVE_INFINITY)
    admit(near, 8)
    assert.strictEqual(Liveness.proximityOf(state, near), 8)
    admit(near, 16)
    assert.strictEqual(Liveness.proximityOf(state, near), 9)
    admit(near)
    assert.strictEqual(Liveness.proximityOf(state, near), 9)
    admit(near, 2)
    assert.strictEqual(Liveness.proximityOf(state, near), 2)
    admit(far, 8)
    assert.strictEqual(Liveness.proximityOf(state, far), 40)
  })

  it("an answer to a question that was repeated measures nothing (Karn)", () => {
    const { answer, hear, pass, state } = setUp()
    const node = makeNode("80")
    hear(node, joined)
    Liveness.inquire(state, 0, node, "sign", [])
    pass(settings.probe)
    answer(node, 1)
    assert.strictEqual(Liveness.proximityOf(state, node), Number.POSITIVE_INFINITY)
  })

  it("everybody in the tables is asked once in tableExchange, and whoever is dead is gone within its bound", () => {
    const { answer, hear, now, pass, sent, state } = setUp({ leafSetSide: 1 })
    const nodes = ["10", "20", "30", "40", "50", "60", "70", "f0"].map((digits) => makeNode(digits))
    for (const node of nodes) hear(node, joined)
    sent("JoinedAck")
    const dead = nodes[3]!
    assert.isFalse(state.leafSet.members.includes(dead))
    const { exchange, probe, probeRetries, tableExchange } = state.settings
    const asked = new Map<string, number>()
    const until = now() + tableExchange + exchange + (probeRetries + 2) * probe
    while (now() < until) {
      pass(probe / 2)
      for (const { to } of sent("Probe")) {
        if (now() <= tableExchange) asked.set(to.hex, (asked.get(to.hex) ?? 0) + 1)
        if (to.hex !== dead.hex && state.inquiries.has(to.hex)) answer(to)
      }
    }
    for (const node of nodes) assert.isAtLeast(asked.get(node.hex) ?? 0, 1, node.hex)
    assert.isUndefined(Liveness.known(state, dead.id))
    for (const node of nodes) if (node !== dead) assert.strictEqual(Liveness.known(state, node.id), node)
  })

  it("who is heard of anyway is not asked", () => {
    const { answer, hear, pass, sent, state } = setUp({ leafSetSide: 1 })
    const nodes = ["10", "20", "30", "40", "f0"].map((digits) => makeNode(digits))
    for (const node of nodes) hear(node, joined)
    const [, , talkative, silent] = nodes
    const asked = new Set<string>()
    const { probe, tableExchange } = state.settings
    for (let passed = 0; passed < 2 * tableExchange; passed += probe) {
      // Any word counts; this one leads to no answer.
      hear(talkative!, { _tag: "RowReply", nodes: [] })
      pass(probe)
      for (const { to } of sent("Probe")) asked.add(to.hex)
      for (const node of nodes) if (state.inquiries.has(node.hex)) answer(node)
    }
    assert.isTrue(asked.has(silent!.hex))
    assert.isFalse(asked.has(talkative!.hex))
  })

  it("the more often Nodes fail, the sooner a silent one is asked", () => {
    const { hear, state } = setUp({ leafSetSide: 1, tableExchange: 1_200_000, exchange: 60_000 })
    for (const digits of ["10", "20", "30", "40", "f0"]) hear(makeNode(digits), joined)
    state.readyAt = 0
    const day = 86_400_000
    const calm = Liveness.silence(state, day)
    assert.strictEqual(calm, state.settings.tableExchange)
    for (let count = 0; count < 16; count++) state.failures.push(day - 1_600_000 + count * 100_000)
    const stormy = Liveness.silence(state, day)
    // 16 of 5 Nodes in 1,600 s: 17 / (5 * 1,600 s) each; at one row a twentieth may be dead: 0.1 / rate, less the time to find out.
    const { probe, probeRetries } = state.settings
    assert.closeTo(stormy, 0.1 / (17 / (5 * 1_600_000)) - (probeRetries + 1) * probe, 1)
    state.failures.splice(0, 16, ...Array.from({ length: 16 }, () => day - 1000))
    assert.strictEqual(Liveness.silence(state, day), 30_000)
  })

  it("rows and neighborhood sets are exchanged, in turn", () => {
    const { answer, hear, pass, sent, state } = setUp()
    const nodes = ["80", "90", "01"].map((digits) => makeNode(digits))
    for (const node of nodes) hear(node, joined)
    const rows: Array<number> = []
    const { probe, tableExchange } = state.settings
    for (let passed = 0; passed < 4 * tableExchange; passed += probe / 2) {
      pass(probe / 2)
      for (const { message } of sent("RowRequest")) if (message._tag === "RowRequest") rows.push(message.row)
      for (const node of nodes) if (state.inquiries.has(node.hex)) answer(node)
    }
    assert.deepStrictEqual(rows, [0, 1, 0, 1])
    hear(makeNode("80"), { _tag: "NeighborhoodRequest" })
    assert.lengthOf(sent("NeighborhoodReply"), 1)
  })
})

describe("D5: repair of the leaf set", () => {
  const [left, right] = [["f3", "f5", "f7", "f9"], ["02", "04", "06", "08"]].map((side) =>
    side.map((digits) => makeNode(digits))
  ) as [Array<Node.Node>, Array<Node.Node>]

  /** Four leaves on each side, all of which have said that they are ready. */
  const setUpLeaves = (leafSetSide = 4) => {
    const node = setUp({ leafSetSide, tableExchange: Number.POSITIVE_INFINITY })
    for (const leaf of [...left, ...right]) node.hear(leaf, joined)
    node.take()
    /** Everybody who was asked answers, and knows nobody else. */
    const answerAll = () => {
      for (const { node: asked, sequence } of Array.from(node.state.inquiries.values())) {
        const leaves = node.state.leafSet.members.slice()
        node.hear(asked, { _tag: "ProbeAck", sequence, ready: true, leaves })
      }
    }
    /** Whose leaf set was asked for since the last time. */
    const asked = () =>
      node.sent("Probe").flatMap(({ message, to }) => message._tag === "Probe" && message.wantsLeaves ? [to.hex] : [])
    return { ...node, answerAll, asked }
  }

  it("where a leaf is gone, whoever stands in another table and may be the next one is asked", () => {
    const { hear, sent, state, step } = setUp({ tableExchange: Number.POSITIVE_INFINITY })
    const [next, before, other] = [makeNode("01"), makeNode("ff"), makeNode("80")]
    for (const node of [next, before, other]) hear(node, joined)
    assert.deepStrictEqual(state.leafSet.members.map(({ hex }) => hex), [next.hex, before.hex])
    sent("Probe")
    step({ _tag: "Refused", node: next })
    assert.include(sent("Probe").map(({ to }) => to.hex), other.hex)
  })

  it("a hole is filled by the nearest of those that are named, and none of the others is asked", () => {
    const { hear, sent, state, step } = setUpLeaves()
    step({ _tag: "Refused", node: right[1]! })
    sent("Probe")
    // They have no place in the other tables.
    const [near, ...farther] = ["081", "082", "083", "084"].map((digits) => makeNode(digits)) as [
      Node.Node,
      ...Array<Node.Node>
    ]
    const peer = right[3]!
    const { sequence } = state.inquiries.get(peer.hex)!
    hear(peer, {
      _tag: "ProbeAck",
      sequence,
      ready: true,
      leaves: [near, ...farther, left[3]!, state.self, right[0]!, right[2]!]
    })
    assert.deepStrictEqual(sent("Probe").map(({ to }) => to.hex), [near.hex])
  })

  it("a leaf with a hole in its set is not taken to hold everybody", () => {
    const { hear, pass, sent, state } = setUpLeaves()
    pass(10_000)
    const [peer, missing, ...others] = right
    const { sequence } = state.inquiries.get(peer!.hex)!
    sent("Probe")
    // Its left side ends before the last of this Node's left leaves, and there is room in the set because one is missing on the right.
    const leaves = [...others, makeNode("081"), state.self, ...left.slice(1)]
    hear(peer!, { _tag: "ProbeAck", sequence, ready: true, leaves })
    assert.deepStrictEqual(sent("Probe").map(({ to }) => to.hex), [missing!.hex])
  })

  it("leaves take turns from the right and the left: two exchanges hear of both sides, eight of everybody", () => {
    const { answerAll, asked, pass } = setUpLeaves()
    const turns = Array.from({ length: 8 }, () => {
      pass(10_000)
      const [leaf, ...others] = asked()
      assert.strictEqual(others.length, 0)
      answerAll()
      return leaf!
    })
    for (let turn = 0; turn < 8; turn += 2) {
      assert.isTrue(right.some(({ hex }) => hex === turns[turn]))
      assert.isTrue(left.some(({ hex }) => hex === turns[turn + 1]))
    }
    assert.strictEqual(new Set(turns).size, 8)
  })

  it("the hole of one lost leaf is filled from the farthest on its side, and nobody is asked again", () => {
    const { answerAll, asked, pass, state, step } = setUpLeaves()
    step({ _tag: "Refused", node: right[1]! })
    assert.deepStrictEqual(asked(), [right[3]!.hex])
    answerAll()
    pass(state.settings.probe)
    assert.deepStrictEqual(asked(), [])
  })

  it("when several are lost, the outermost leaves of both sides are asked again after probe, once", () => {
    const { answerAll, asked, pass, state, step } = setUpLeaves()
    step({ _tag: "Refused", node: right[1]! })
    step({ _tag: "Refused", node: right[2]! })
    assert.deepStrictEqual(asked(), [right[3]!.hex])
    answerAll()
    pass(state.settings.probe - 1)
    assert.deepStrictEqual(asked(), [])
    pass(1)
    assert.deepStrictEqual(asked(), [right[3]!.hex, left[0]!.hex])
    answerAll()
    pass(state.settings.probe)
    assert.deepStrictEqual(asked(), [])
  })

  it("a leaf set that holds the whole ring is not asked for again, however many are lost", () => {
    const { answerAll, asked, pass, state, step } = setUpLeaves(5)
    for (const lost of right.slice(0, 3)) step({ _tag: "Refused", node: lost })
    answerAll()
    asked()
    pass(state.settings.probe)
    assert.deepStrictEqual(asked(), [])
  })

  it("losses that lie more than an exchange apart are one each", () => {
    const { answerAll, asked, hear, pass, state, step } = setUpLeaves()
    step({ _tag: "Refused", node: right[1]! })
    answerAll()
    hear(makeNode("0a"), joined)
    pass(10_000)
    answerAll()
    asked()
    step({ _tag: "Refused", node: right[2]! })
    answerAll()
    asked()
    pass(state.settings.probe)
    assert.deepStrictEqual(asked(), [])
  })
})

describe("D7: word of it", () => {
  it.prop(
    "whoever joined and has not exited is in the tables, and nobody else; joins and exits alternate",
    [Oracle.int(1, 0x7fffffff)],
    ([seed]) => {
      const next = Oracle.words(seed)
      const below = (bound: number) => Oracle.below(next, bound)
      const state = MembershipState.make(makeNode("00"), { ...settings, leafSetSide: 1, neighborhoodSize: 2 }, 1)
      state.phase = "ready"
      const present = new Map<string, string>()
      const nodes = Array.from({ length: 12 }, (_, index) => `${index}`.padStart(2, "a"))
      const life = new Map<string, number>()
      for (let count = 0; count < 200; count++) {
        const digits = nodes[below(nodes.length)]!
        const node = makeNode(digits, life.get(digits) ?? 1)
        const out: Array<MembershipState.Output> = []
        switch (below(5)) {
          case 0: {
            Liveness.expel(state, count, node, "failed", out)
            life.set(digits, node.incarnation + 1)
            break
          }
          case 1: {
            Liveness.expel(state, count, node, "left", out)
            break
          }
          default:
            Liveness.admit(state, count, node, below(2) === 0 ? undefined : 1 + below(50), out)
        }
        for (const output of out) {
          if (output._tag !== "Emit") continue
          if (output.event._tag === "NodeJoined") {
            assert.isFalse(present.has(output.event.node.hex), "joined twice")
            present.set(output.event.node.hex, output.event.node.life)
          } else if (output.event._tag === "NodeExited") {
            assert.strictEqual(present.get(output.event.node.hex), output.event.node.life, "exited what had not joined")
            present.delete(output.event.node.hex)
          }
        }
        const known = nodes.flatMap((digits) => Liveness.known(state, makeNode(digits).id) ?? [])
        assert.sameMembers([...present.values()], known.map(({ life }) => life))
      }
    },
    { arbitrary: { runs: 100 } }
  )
})

describe("D9: Nodes of one address block", () => {
  const at = (digits: string, host: string) => new Node.Node({ ...makeNode(digits), localHost: host, globalHost: host })

  it("as many as may be stand in the routing table, and in the neighborhood set; the leaf set takes whoever belongs there", () => {
    const { hear, state } = setUp({ nodesPerBlock: 2, neighborhoodSize: 8 })
    const crowd = ["20", "30", "40", "50"].map((digits, index) => at(digits, `203.0.113.${index + 1}`))
    const other = at("60", "203.0.114.1")
    for (const node of [...crowd, other]) hear(node, joined)
    assert.deepStrictEqual(RoutingTable.nodes(state.routingTable), [crowd[0], crowd[1], other])
    assert.deepStrictEqual(state.neighborhoodSet.members.map(({ node }) => node), [crowd[0], crowd[1], other])
    const leaf = at("0080", "203.0.113.9")
    hear(leaf, joined)
    assert.include(state.leafSet.members, leaf)
    assert.isFalse(RoutingTable.nodes(state.routingTable).includes(leaf))
  })

  it("one that would find no place is not asked", () => {
    const { hear, sent } = setUp({ nodesPerBlock: 1, neighborhoodSize: 8, leafSetSide: 1 })
    hear(at("20", "203.0.113.1"), joined)
    hear(at("e0", "198.51.100.1"), joined)
    hear(at("02", "198.51.100.2"), joined)
    sent("Probe")
    hear(at("20", "203.0.113.1"), { _tag: "JoinedAck", leaves: [at("30", "203.0.113.2"), at("40", "192.0.2.1")] })
    const asked = sent("Probe").map(({ to }) => to.hex.slice(0, 2))
    assert.include(asked, "40")
    assert.notInclude(asked, "30")
  })

  it("one takes the place of another of its block", () => {
    const { answer, hear, state } = setUp({ nodesPerBlock: 1 })
    const [far, near] = [at("20", "203.0.113.1"), at("21", "203.0.113.2")]
    hear(far, { _tag: "Probe", sequence: 1, ready: true, wantsLeaves: false })
    Liveness.inquire(state, 0, far, "sign", [])
    answer(far, 50)
    Liveness.inquire(state, 50, near, "sign", [])
    answer(near, 1)
    assert.deepStrictEqual(RoutingTable.nodes(state.routingTable), [near])
  })

  it("without a bound there is none", () => {
    const { hear, state } = setUp()
    for (const digits of ["20", "30", "40", "50"]) hear(at(digits, "203.0.113.1"), joined)
    assert.lengthOf(RoutingTable.nodes(state.routingTable), 4)
  })
})
