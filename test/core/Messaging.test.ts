import { assert, describe, it } from "@effect/vitest"
import * as MembershipState from "../../src/core/MembershipState.ts"
import * as Messaging from "../../src/core/Messaging.ts"
import * as Routing from "../../src/core/Routing.ts"
import * as Envelope from "../../src/protocol/Envelope.ts"
import * as Frame from "../../src/protocol/Frame.ts"
import { settings } from "../../src/simulation/Explorer.ts"
import * as Oracle from "../ring/Oracle.ts"
import { makeRing } from "./Ring.ts"

const self = Oracle.node(1n)
const other = Oracle.node(2n)
const client = Oracle.node(3n)

const bounds: Routing.Settings = {
  maxCustody: 10,
  maxCustodyBytes: 10_000,
  window: 10,
  windowBytes: 10_000,
  maxDelivering: 10,
  hold: 120_000,
  shortestTimeout: 500,
  longestTimeout: 3_000
}

/** A Node that routes nothing, and what it puts on its links. */
const gateway = () => {
  const state = Messaging.makeState<Messaging.Context>(MembershipState.make(self, settings, 1), bounds)
  const sent: Array<readonly [number, Frame.Frame]> = []
  const messaging = Messaging.make(state, {
    transmit: (link, frame) => sent.push([link, Frame.decode(frame)]),
    linkTo: () => undefined,
    dial: () => {},
    suspect: () => {},
    deliver: () => "delivered",
    returned: () => {},
    left: () => {},
    resolve: () => {},
    held: () => {},
    gaveUp: () => {}
  })
  const connect = (link: number) => messaging.linkUp(0, link, { role: "client", node: client, version: 2 }, true, 1)
  /** A receipt for a message of the client comes from its root. */
  const answer = () => {
    const receipt = Frame.receipt({
      origin: client.id,
      via: self.id,
      incarnation: client.incarnation,
      counter: 0,
      root: other.id,
      hops: 1,
      outcome: "delivered"
    })
    sent.length = 0
    messaging.receive(0, 99, [Frame.decode(receipt)])
    return sent.filter(([, { _tag }]) => _tag === "Receipt").map(([link]) => link)
  }
  return { state, messaging, connect, answer }
}

/** A Node with a link to another, with which a round trip takes so long: all messages go there. */
const linked = (change: { readonly shortestTimeout: number; readonly roundTrip: number }) => {
  const state = Messaging.makeState(MembershipState.make(self, settings, 1), {
    ...bounds,
    shortestTimeout: change.shortestTimeout
  })
  const view: Routing.View = { covers: () => false, nextHop: () => other, roundTrip: () => undefined }
  const sink: Routing.Sink = {
    transmit: () => {},
    acknowledge: () => {},
    busy: () => {},
    copy: () => {},
    deliver: () => {},
    dial: () => {},
    suspect: () => {},
    released: () => {},
    forward: () => "forward",
    unreachable: () => {},
    held: () => {},
    dropped: () => {}
  }
  Routing.linkUp(state.routing, view, 0, 1, other, true, change.roundTrip, sink)
  const send = (now: number) => {
    const message = { key: other.id, purpose: 16, value: new Uint8Array() }
    Routing.send(state.routing, view, now, Envelope.fromSender(self, message, "acknowledged", 0, 0), undefined, sink)
  }
  return { state, send }
}

describe("Messaging", () => {
  it("looks at messages under way when the first is due, but ten times a second at least", () => {
    const { send, state } = linked({ shortestTimeout: 500, roundTrip: 300 })
    assert.strictEqual(Messaging.lookAfter(state, 0), 100)
    // Two round trips are waited for.
    send(0)
    assert.strictEqual(Messaging.wakeAt(state), 600)
    assert.strictEqual(Messaging.lookAfter(state, 0), 100)
    assert.strictEqual(Messaging.lookAfter(state, 560), 40)
    assert.strictEqual(Messaging.lookAfter(state, 599.5), 1)
    assert.strictEqual(Messaging.lookAfter(state, 700), 1)
  })

  it("looks before anything could be due that is sent meanwhile", () => {
    const { send, state } = linked({ shortestTimeout: 50, roundTrip: 10 })
    const wait = Messaging.lookAfter(state, 0)
    assert.strictEqual(wait, 50)
    send(1)
    assert.isAtLeast(Messaging.wakeAt(state), wait)
    assert.strictEqual(Messaging.lookAfter(state, wait), 1)
  })

  it("the end of a client's old link does not hide its new one; with the last one it is forgotten", () => {
    const { answer, connect, messaging, state } = gateway()
    connect(1)
    connect(2)
    messaging.linkDown(1, 1)
    assert.deepStrictEqual(answer(), [2])
    messaging.linkDown(2, 2)
    assert.deepStrictEqual(answer(), [])
    assert.isUndefined(state.clients.links.get(client.id))
    assert.strictEqual(state.clients.nodes.size, 0)
  })
})

describe("Messaging: own confirmed messages", () => {
  /** A Node "2" with a neighbour "8", to which it has a link, and what becomes of a message for that. */
  const setUp = (deadline: number) => {
    const ring = makeRing("2", "8")
    const neighbour = ring.node("8")
    const state = Messaging.makeState<Messaging.Context>(ring.state("2"), {
      ...bounds,
      shortestTimeout: 60_000,
      longestTimeout: 60_000
    })
    const sent: Array<Frame.Frame> = []
    /** Messages of this Node's in its custody, and their bytes. */
    const own = { messages: 0, bytes: 0 }
    const outcomes: Array<string> = []
    const messaging = Messaging.make(state, {
      transmit: (_, frame) => sent.push(Frame.decode(frame)),
      linkTo: () => undefined,
      dial: () => {},
      suspect: () => {},
      deliver: () => "delivered",
      returned: (_, bytes) => {
        own.messages++
        own.bytes += bytes
      },
      left: (_, bytes) => {
        own.messages--
        own.bytes -= bytes
      },
      resolve: (_, { _tag }) => outcomes.push(_tag),
      held: () => {},
      gaveUp: () => {}
    })
    messaging.linkUp(0, 1, { role: "member", node: neighbour, version: 2 }, true, 1)
    const message = { key: neighbour.id, purpose: 16, value: new Uint8Array(100) }
    messaging.sendConfirmed(0, message, deadline, { target: undefined })
    own.messages++
    own.bytes += Envelope.sizeOf(message)
    const take = () =>
      sent.splice(0).flatMap((frame) => frame._tag === "Routed" ? [Envelope.sequence(frame.frame)] : [])
    const say = (now: number, frame: Uint8Array) => messaging.receive(now, 1, [Frame.decode(frame)])
    const receipt = Frame.receipt({
      origin: ring.node("2").id,
      via: ring.node("2").id,
      incarnation: ring.node("2").incarnation,
      counter: 0,
      root: neighbour.id,
      hops: 1,
      outcome: "delivered"
    })
    assert.deepStrictEqual(take(), [0])
    return { state, messaging, own, outcomes, take, say, receipt }
  }

  it("one that goes again is in custody again, and counts there until the next Node has it", () => {
    const { messaging, own, say, take } = setUp(20_000)
    say(10, Frame.acknowledged(0, 0))
    assert.deepStrictEqual(own, { messages: 0, bytes: 0 })
    messaging.wake(2_000)
    assert.deepStrictEqual(take(), [1])
    assert.strictEqual(own.messages, 1)
    assert.isAbove(own.bytes, 100)
    say(2_010, Frame.acknowledged(1, 1))
    assert.deepStrictEqual(own, { messages: 0, bytes: 0 })
  })

  for (const outcome of ["Receipt", "Expired"] as const) {
    it(`a copy that waits here goes nowhere any more when the outcome is known: ${outcome} (C6)`, () => {
      const { messaging, outcomes, own, receipt, say, state, take } = setUp(2_010)
      say(10, Frame.acknowledged(0, 0))
      messaging.wake(2_000)
      take()
      say(2_001, Frame.busy(1))
      if (outcome === "Receipt") say(2_005, receipt)
      else messaging.wake(2_010)
      take()
      assert.deepStrictEqual(outcomes, [outcome])
      assert.deepStrictEqual(own, { messages: 0, bytes: 0 })
      for (let now = 2_010; now < 30_000; now += 500) messaging.wake(now)
      assert.deepStrictEqual(take(), [])
      assert.strictEqual(state.routing.custody, 0)
    })
  }
})
