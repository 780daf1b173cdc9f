import { assert, describe, it } from "@effect/vitest"
import * as MembershipState from "../../src/core/MembershipState.ts"
import * as Messaging from "../../src/core/Messaging.ts"
import * as Routing from "../../src/core/Routing.ts"
import * as Envelope from "../../src/protocol/Envelope.ts"
import * as Frame from "../../src/protocol/Frame.ts"
import { settings } from "../../src/simulation/Explorer.ts"
import * as Oracle from "../ring/Oracle.ts"

const self = Oracle.node(1n)
const other = Oracle.node(2n)
const client = Oracle.node(3n)

/** A Node that routes nothing, and what it puts on its links. */
const gateway = () => {
  const state = Messaging.makeState<Messaging.Context>(MembershipState.make(self, settings, 1), {
    maxCustody: 10,
    maxCustodyBytes: 10_000,
    window: 10,
    windowBytes: 10_000,
    maxDelivering: 10,
    hold: 120_000,
    shortestTimeout: 500,
    longestTimeout: 3_000
  })
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
    maxCustody: 10,
    maxCustodyBytes: 10_000,
    window: 10,
    windowBytes: 10_000,
    maxDelivering: 10,
    hold: 120_000,
    shortestTimeout: change.shortestTimeout,
    longestTimeout: 3_000
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
