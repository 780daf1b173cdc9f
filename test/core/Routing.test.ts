import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Lines from "../../src/core/Lines.ts"
import * as Routing from "../../src/core/Routing.ts"
import * as Envelope from "../../src/protocol/Envelope.ts"
import type { DeliveryClass } from "../../src/protocol/Message.ts"
import type * as Node from "../../src/ring/Node.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as Oracle from "../ring/Oracle.ts"

// -----------------------------------------------------------------------------
// a small world
// -----------------------------------------------------------------------------

const settings: Routing.Settings = {
  maxCustody: 1000,
  maxCustodyBytes: 1_000_000,
  window: 100,
  windowBytes: 1_000_000,
  maxDelivering: 100,
  hold: 120_000,
  shortestTimeout: 500,
  longestTimeout: 3_000
}

const nodes = Array.from({ length: 4 }, (_, index) => Oracle.node(BigInt(index + 1)))

const [a, b, c] = nodes as [Node.Node, Node.Node, Node.Node, Node.Node]

const keyOf = (number: number) => Oracle.fromBig(BigInt(number))

const numberOf = (id: NodeId.NodeId) => Number(Oracle.toBig(id))

type Happened =
  | { readonly _tag: "transmit"; readonly link: number; readonly counter: number; readonly sequence: number }
  | { readonly _tag: "acknowledge"; readonly link: number; readonly from: number; readonly upTo: number }
  | { readonly _tag: "busy"; readonly link: number; readonly sequence: number }
  | { readonly _tag: "copy"; readonly counter: number }
  | { readonly _tag: "deliver"; readonly counter: number }
  | { readonly _tag: "dial"; readonly node: Node.Node }
  | { readonly _tag: "suspect"; readonly node: Node.Node }
  | { readonly _tag: "released"; readonly counter: number }
  | { readonly _tag: "unreachable"; readonly counter: number; readonly node: Node.Node }
  | { readonly _tag: "dropped"; readonly counter: number; readonly reason: string }

interface Options {
  readonly class?: DeliveryClass
  readonly key?: number
  readonly hops?: number
  readonly size?: number
  readonly purpose?: number
  /** Of a direct message. */
  readonly target?: Node.Node
  /** Its number on the link; in order when left out. */
  readonly sequence?: number
}

/** A Node whose membership is two sets, and in which everything is written down. */
class World {
  readonly state: Routing.State
  now = 0
  /** Keys that this Node covers. */
  readonly covered = new Set<number>()
  /** Round trips as membership has measured them, by life. */
  readonly roundTrips = new Map<string, number>()
  /** The ways to any key, the best first. */
  ways: Array<Node.Node> = []
  /** Done with a message as soon as it is delivered, as with an application that returns nothing to wait for. */
  isSynchronous = false
  /** What the applications say to a message that is sent on. */
  forward: Routing.Sink["forward"] = () => "forward"
  /** Since the last `take`. */
  happened: Array<Happened> = []
  /** By counter. */
  readonly taken = new Map<number, { readonly hops: number; readonly bytes: string; readonly isOwn: boolean }>()
  readonly transmitted: Array<{ readonly frame: Uint8Array; readonly before: Uint8Array }> = []
  readonly sequences = new Map<number, number>()
  /** Counters of the messages that were told to wait here. */
  readonly heldFirst: Array<number> = []
  private next = 0
  /** The number of the next frame on each link, as its other end counts. */
  private readonly nextReceived = new Map<number, number>()

  readonly view: Routing.View = {
    covers: (key) => this.covered.has(numberOf(key)),
    nextHop: (_key, isExcluded) => this.ways.find((node) => isExcluded === undefined || !isExcluded(node)),
    roundTrip: (node) => this.roundTrips.get(node.life)
  }

  readonly sink: Routing.Sink = {
    transmit: (link, frame) => {
      const counter = Envelope.counter(frame)
      const sequence = Envelope.sequence(frame)
      this.happened.push({ _tag: "transmit", link, counter, sequence })
      this.transmitted.push({ frame, before: frame.slice() })
      assert.isTrue(this.state.links.has(link))
      assert.strictEqual(sequence, ((this.sequences.get(link) ?? -1) + 1) % 2 ** 32)
      this.sequences.set(link, sequence)
      this.checkFrame(frame, this.taken.get(counter)!.hops + 1)
    },
    acknowledge: (link, from, upTo) => this.happened.push({ _tag: "acknowledge", link, from, upTo }),
    busy: (link, sequence) => this.happened.push({ _tag: "busy", link, sequence }),
    copy: (frame) => this.happened.push({ _tag: "copy", counter: Envelope.counter(frame) }),
    deliver: (frame) => {
      const counter = Envelope.counter(frame)
      this.happened.push({ _tag: "deliver", counter })
      assert.isTrue(this.covered.has(numberOf(Envelope.key(frame))))
      this.checkFrame(frame, this.taken.get(counter)!.hops)
      if (this.isSynchronous) Routing.delivered(this.state, this.view, this.now, this.sink)
    },
    dial: (node) => this.happened.push({ _tag: "dial", node }),
    suspect: (node) => this.happened.push({ _tag: "suspect", node }),
    forward: (frame, next, token) => this.forward(frame, next, token),
    unreachable: (frame, target) =>
      this.happened.push({ _tag: "unreachable", counter: Envelope.counter(frame), node: target }),
    released: (own) => this.happened.push({ _tag: "released", counter: (own as { counter: number }).counter }),
    held: (frame) => this.heldFirst.push(Envelope.counter(frame)),
    dropped: (frame, reason) => this.happened.push({ _tag: "dropped", counter: Envelope.counter(frame), reason })
  }

  constructor(change: Partial<Routing.Settings> = {}) {
    this.state = Routing.make({ ...settings, ...change })
  }

  /** Nodes on the way change nothing but the number on the link, the hops and the mark of a copy. */
  private checkFrame(frame: Uint8Array, hops: number) {
    assert.strictEqual(Envelope.hops(frame), hops)
    assert.strictEqual(this.bytesOf(frame), this.taken.get(Envelope.counter(frame))!.bytes)
  }

  bytesOf(frame: Uint8Array): string {
    const copy = frame.slice()
    Envelope.setSequence(copy, 0)
    Envelope.setHops(copy, 0)
    Envelope.clearMarks(copy)
    return Buffer.from(copy).toString("latin1")
  }

  private frame(options: Options): Uint8Array {
    const counter = this.next++
    const frame = Envelope.make({
      deliveryClass: options.class ?? "acknowledged",
      purpose: options.purpose ?? 16,
      key: keyOf(options.key ?? 7),
      origin: NodeId.zero,
      via: NodeId.zero,
      incarnation: 1,
      counter,
      floor: 0
    }, new Uint8Array(options.size ?? 4).fill(counter))
    Envelope.setHops(frame, options.hops ?? 0)
    return frame
  }

  send(options: Options = {}): number {
    const frame = this.frame(options)
    const counter = Envelope.counter(frame)
    this.taken.set(counter, { hops: Envelope.hops(frame), bytes: this.bytesOf(frame), isOwn: true })
    const { target } = options
    if (target === undefined) Routing.send(this.state, this.view, this.now, frame, { counter }, this.sink)
    else Routing.sendDirect(this.state, this.view, this.now, frame, { counter }, target, this.sink)
    return counter
  }

  /** A frame comes in; its counter if it was taken, its number on the link if not. */
  receive(
    link: number,
    options: Options = {}
  ): { readonly counter: number; readonly sequence: number; readonly isTaken: boolean } {
    const frame = this.frame(options)
    const counter = Envelope.counter(frame)
    const sequence = options.sequence ?? this.nextReceived.get(link) ?? 0
    if (options.sequence === undefined) this.nextReceived.set(link, sequence + 1)
    Envelope.setSequence(frame, sequence)
    const isTaken = this.state.links.has(link) && Routing.hasRoom(this.state, options.purpose ?? 16)
    if (isTaken) this.taken.set(counter, { hops: Envelope.hops(frame), bytes: this.bytesOf(frame), isOwn: false })
    Routing.receive(this.state, this.view, this.now, link, frame, this.sink)
    return { counter, sequence, isTaken }
  }

  acknowledge(link: number) {
    Routing.acknowledge(this.state, link, this.sink)
  }

  acknowledged(link: number, upTo: number, from = (upTo - 2 ** 16) >>> 0) {
    Routing.acknowledged(this.state, this.now, link, from, upTo, this.sink)
  }

  busy(link: number, sequence: number) {
    Routing.busy(this.state, this.now, link, sequence, this.sink)
  }

  progressed(link: number, frames: number) {
    Routing.progressed(this.state, this.now, link, frames)
  }

  linkUp(id: number, node: Node.Node | undefined, isPreferred = false, roundTrip = 1_000) {
    Routing.linkUp(this.state, this.view, this.now, id, node, isPreferred, roundTrip, this.sink)
  }

  linkDown(id: number) {
    Routing.linkDown(this.state, this.view, this.now, id, this.sink)
  }

  dialFailed(node: Node.Node) {
    Routing.dialFailed(this.state, this.view, this.now, node, this.sink)
  }

  delivered() {
    Routing.delivered(this.state, this.view, this.now, this.sink)
  }

  ownershipChanged() {
    Routing.ownershipChanged(this.state, this.view, this.now, this.sink)
  }

  wake(now: number) {
    this.now = now
    Routing.wake(this.state, this.view, now, this.sink)
  }

  /** What has happened since the last call. */
  take(): Array<Happened> {
    const { happened } = this
    this.happened = []
    return happened
  }

  /** The same, told briefly. */
  story(): Array<string> {
    return this.take().map((one) => {
      switch (one._tag) {
        case "transmit":
          return `transmit ${one.counter} on ${one.link} as ${one.sequence}`
        case "acknowledge":
          return `acknowledge ${one.from} to ${one.upTo} on ${one.link}`
        case "busy":
          return `busy ${one.sequence} on ${one.link}`
        case "dial":
        case "suspect":
          return `${one._tag} ${numberOf(one.node.id)}`
        case "dropped":
          return `dropped ${one.counter}: ${one.reason}`
        default:
          return `${one._tag} ${one.counter}`
      }
    })
  }

  /** Where every message is, by its counter. Fails when one is in two places, or the counts are wrong. */
  places(): Map<number, string> {
    const places = new Map<number, string>()
    let bytes = 0
    const put = (place: string, entries: Iterable<{ readonly frame: Uint8Array; readonly isReleased: boolean }>) => {
      for (const { frame, isReleased } of entries) {
        if (isReleased) continue
        const counter = Envelope.counter(frame)
        assert.isFalse(places.has(counter), `${counter} is ${places.get(counter)} and ${place}`)
        places.set(counter, place)
        bytes += frame.length
      }
    }
    const { state } = this
    for (const [life, { queue }] of state.dialling) {
      put(`dialling ${life}`, queue)
    }
    put("held", state.held)
    for (const readyToDeliver of state.readyToDeliver.values()) put("ripe", readyToDeliver)
    for (const link of state.links.values()) {
      put(`outstanding on ${link.id}`, link.outstanding)
      for (const [kind, { items }] of link.lines.lines) {
        put(`${Lines.isRefused(link.lines, kind) ? "refused" : "waiting"} on ${link.id}`, items)
      }
    }
    assert.strictEqual(state.custody, places.size)
    assert.strictEqual(state.custodyBytes, bytes)
    return places
  }

  /** What must be true between any two calls. */
  check(recent = Number.POSITIVE_INFINITY): Map<number, string> {
    const { state } = this
    const places = this.places()
    for (const link of state.links.values()) {
      assert.isAtMost(link.outstanding.length, state.settings.window)
      // Only an acknowledgement, a Busy or a time-out opens the window again: without one outstanding none will come.
      const bytes = [...link.outstanding].reduce((sum, { frame }) => sum + frame.length, 0)
      assert.strictEqual(link.outstandingBytes, bytes)
      const firsts = [...link.lines.lines.values()].flatMap(({ credit, items }) =>
        credit >= 1 && items.length > 0 ? [items.at(0)!] : []
      )
      if (firsts.length > 0) {
        assert.isAbove(link.outstanding.length, 0)
        assert.isTrue(
          link.outstanding.length === state.settings.window ||
            firsts.some(({ frame }) => bytes + frame.length > state.settings.windowBytes)
        )
      }
      assert.strictEqual(state.refused.has(link), link.lines.refused > 0)
      if (link.outstanding.length > 1) assert.isAtMost(bytes, state.settings.windowBytes)
      assert.isTrue(link.node !== undefined || link.outstanding.length === 0)
      assert.isAtMost(link.late.size, state.settings.window)
    }
    assert.isAtLeast(state.delivering, 0)
    assert.isAtMost(state.delivering, state.settings.maxDelivering)
    if (state.readyToDeliver.size > 0) assert.strictEqual(state.delivering, state.settings.maxDelivering)
    for (const [life, link] of state.linkTo) {
      assert.strictEqual(state.links.get(link.id), link)
      assert.strictEqual(link.node!.life, life)
    }
    for (const link of state.links.values()) {
      if (link.node !== undefined) assert.isTrue(state.linkTo.has(link.node.life))
    }
    // In a long run those of late are enough, until its end.
    for (const { before, frame } of this.transmitted.slice(-recent)) {
      if (!Buffer.from(frame.buffer, frame.byteOffset, frame.length).equals(before)) {
        assert.fail(`the frame of ${Envelope.counter(before)} was written to after it had been transmitted`)
      }
    }
    return places
  }
}

const withLinks = (change: Partial<Routing.Settings> = {}): World => {
  const world = new World(change)
  world.linkUp(1, a)
  world.linkUp(2, b)
  world.linkUp(3, c)
  world.ways = [a, b, c]
  return world
}

// -----------------------------------------------------------------------------
// rules
// -----------------------------------------------------------------------------

describe("Routing: deliver, send on, or hold (M1 to M3)", () => {
  it("delivers what this Node covers, and nobody else", () => {
    const world = withLinks()
    world.covered.add(7)
    world.send()
    assert.deepStrictEqual(world.story(), ["released 0", "deliver 0"])
    world.receive(1, { hops: 3 })
    assert.deepStrictEqual(world.story(), ["deliver 1"])
    assert.strictEqual(world.state.delivering, 2)
    assert.strictEqual(world.check().size, 0)
    world.delivered()
    world.delivered()
    assert.strictEqual(world.state.delivering, 0)
  })

  it("sends on, in custody until acknowledged, and tells of an own message then", () => {
    const world = withLinks()
    world.send()
    world.receive(2)
    assert.deepStrictEqual(world.story(), ["transmit 0 on 1 as 0", "transmit 1 on 1 as 1"])
    assert.deepStrictEqual([...world.check().values()], ["outstanding on 1", "outstanding on 1"])
    world.acknowledged(2, 5)
    world.acknowledged(9, 5)
    assert.strictEqual(world.check().size, 2)
    world.acknowledged(1, 0)
    assert.deepStrictEqual(world.story(), ["released 0"])
    world.acknowledged(1, 0)
    assert.deepStrictEqual([...world.check().keys()], [1])
    world.acknowledged(1, 1)
    assert.deepStrictEqual(world.story(), [])
    assert.strictEqual(world.check().size, 0)
    assert.strictEqual(Routing.wakeAt(world.state), Number.POSITIVE_INFINITY)
  })

  it("opens a link where there is none, once, and sends in order when it is up", () => {
    const world = new World()
    world.ways = [a]
    world.send()
    world.send()
    assert.deepStrictEqual(world.story(), ["dial 1"])
    assert.deepStrictEqual([...world.check().values()], [`dialling ${a.life}`, `dialling ${a.life}`])
    world.linkUp(1, b)
    assert.deepStrictEqual(world.story(), [])
    world.linkUp(2, a)
    assert.deepStrictEqual(world.story(), ["transmit 0 on 2 as 0", "transmit 1 on 2 as 1"])
    world.check()
  })

  it("decides again when the link is up: what it covers by then is delivered", () => {
    const world = new World()
    world.ways = [a]
    world.send()
    world.covered.add(7)
    world.linkUp(1, a)
    assert.deepStrictEqual(world.story(), ["dial 1", "released 0", "deliver 0"])
  })

  it("a later life of a Node is another Node: its link is not the earlier one's", () => {
    const world = new World()
    const later = Oracle.node(1n, { incarnation: 2 })
    world.linkUp(1, a)
    world.ways = [later]
    world.send()
    assert.deepStrictEqual(world.story(), ["dial 1"])
    world.linkUp(2, later)
    assert.deepStrictEqual(world.story(), ["transmit 0 on 2 as 0"])
  })

  it("holds what nobody is closer to, and decides again when ownership changes", () => {
    const world = withLinks()
    world.ways = []
    world.send()
    world.send({ key: 8 })
    world.send({ key: 9 })
    assert.deepStrictEqual([...world.check().values()], ["held", "held", "held"])
    world.ownershipChanged()
    assert.deepStrictEqual(world.story(), [])
    world.covered.add(8)
    world.ownershipChanged()
    assert.deepStrictEqual(world.story(), ["released 1", "deliver 1"])
    world.ways = [b]
    world.ownershipChanged()
    assert.deepStrictEqual(world.story(), ["transmit 0 on 2 as 0", "transmit 2 on 2 as 1"])
    world.check()
  })

  it("a change of ownership opens every way again, those that failed too", () => {
    const world = withLinks()
    world.ways = [a]
    world.send()
    world.linkDown(1)
    world.linkUp(4, a)
    assert.deepStrictEqual([...world.check().values()], ["held"])
    world.take()
    world.ownershipChanged()
    assert.deepStrictEqual(world.story(), ["transmit 0 on 4 as 0"])
    // And the way that fails next is left out again.
    world.linkDown(4)
    assert.deepStrictEqual([...world.check().values()], ["held"])
  })

  it("looks again every second, and gives up after the hold time", () => {
    const world = withLinks({ hold: 2_500 })
    world.ways = []
    world.send()
    world.receive(1)
    assert.strictEqual(Routing.wakeAt(world.state), 1_000)
    world.wake(999)
    world.wake(1_000)
    assert.strictEqual(Routing.wakeAt(world.state), 2_000)
    world.wake(2_000)
    assert.strictEqual(Routing.wakeAt(world.state), 2_500)
    assert.deepStrictEqual(world.story(), [])
    world.wake(2_499)
    assert.strictEqual(world.check().size, 2)
    world.wake(2_500)
    assert.deepStrictEqual(world.story(), ["released 0", "dropped 0: heldTooLong", "dropped 1: heldTooLong"])
    assert.strictEqual(world.check().size, 0)
  })

  it("finds a new way within a second without being told of a change", () => {
    const world = withLinks()
    world.ways = []
    world.send()
    world.ways = [a]
    world.wake(1_000)
    assert.deepStrictEqual(world.story(), ["transmit 0 on 1 as 0"])
  })
})

describe("Routing: custody and the window (M4)", () => {
  it("acknowledges a batch once, up to its last frame; a link that is gone, or brought nothing, not at all", () => {
    const world = withLinks()
    world.ways = [b]
    world.receive(1)
    world.receive(1)
    world.receive(3)
    world.take()
    world.acknowledge(1)
    world.acknowledge(2)
    world.acknowledge(3)
    assert.deepStrictEqual(world.story(), ["acknowledge 0 to 1 on 1", "acknowledge 0 to 0 on 3"])
    world.acknowledge(1)
    world.acknowledge(9)
    world.receive(9)
    assert.deepStrictEqual(world.story(), [])
    world.receive(1)
    world.linkDown(1)
    world.take()
    world.acknowledge(1)
    assert.deepStrictEqual(world.story(), [])
    assert.strictEqual(world.check().size, 4)
  })

  it("beyond the window frames wait, in order, for acknowledgements", () => {
    const world = withLinks({ window: 2 })
    for (let count = 0; count < 5; count++) world.send()
    assert.deepStrictEqual(world.story(), ["transmit 0 on 1 as 0", "transmit 1 on 1 as 1"])
    world.check()
    world.acknowledged(1, 0)
    assert.deepStrictEqual(world.story(), ["released 0", "transmit 2 on 1 as 2"])
    world.check()
    world.acknowledged(1, 2)
    assert.deepStrictEqual(world.story(), ["released 1", "released 2", "transmit 3 on 1 as 3", "transmit 4 on 1 as 4"])
    world.check()
  })

  it("beyond the bytes of the window, too; what is larger than all of it goes alone, and nothing overtakes it", () => {
    const world = withLinks({ windowBytes: 3 * Envelope.headerSize + 10 })
    for (const size of [2, 3, 1_000, 1]) world.send({ size })
    assert.deepStrictEqual(world.story(), ["transmit 0 on 1 as 0", "transmit 1 on 1 as 1"])
    world.check()
    world.acknowledged(1, 0)
    assert.deepStrictEqual(world.story(), ["released 0"])
    world.check()
    world.acknowledged(1, 1)
    assert.deepStrictEqual(world.story(), ["released 1", "transmit 2 on 1 as 2"])
    world.check()
    world.acknowledged(1, 2)
    assert.deepStrictEqual(world.story(), ["released 2", "transmit 3 on 1 as 3"])
    world.check()
  })

  it("Busy: the frame stays here, and is tried again after 20 ms; the window opens for another purpose meanwhile", () => {
    const world = withLinks({ window: 2 })
    for (const purpose of [16, 16, 16, 17]) world.send({ purpose })
    world.take()
    world.now = 5
    world.busy(1, 0)
    assert.deepStrictEqual(world.story(), ["transmit 3 on 1 as 2"])
    assert.deepStrictEqual([...world.check()], [
      [1, "outstanding on 1"],
      [3, "outstanding on 1"],
      [2, "refused on 1"],
      [0, "refused on 1"]
    ])
    assert.strictEqual(Routing.wakeAt(world.state), 25)
    // What was refused is not covered by an acknowledgement of what came after it. What is of its purpose and was taken
    // says that there is room for more.
    world.acknowledged(1, 2, 2)
    assert.deepStrictEqual(world.story(), ["released 3"])
    world.wake(24)
    assert.deepStrictEqual(world.story(), [])
    world.wake(25)
    assert.deepStrictEqual(world.story(), ["transmit 2 on 1 as 3"])
    world.check()
    world.acknowledged(1, 3, 3)
    assert.deepStrictEqual(world.story(), ["released 2", "transmit 0 on 1 as 4"])
    world.acknowledged(1, 4, 1)
    assert.deepStrictEqual(world.story(), ["released 1", "released 0"])
    world.busy(1, 3)
    world.busy(9, 0)
    assert.strictEqual(world.check().size, 0)
    assert.strictEqual(Routing.wakeAt(world.state), Number.POSITIVE_INFINITY)
  })

  it("what the other end has no room for is tried one at a time, and not more often than once a second in the end", () => {
    const world = withLinks({ window: 8, maxCustody: 1_000 })
    for (let count = 0; count < 100; count++) world.send({ size: 100 })
    let tries = 0
    for (let seconds = 0; seconds < 60 * 100; seconds++) {
      for (const one of world.take()) {
        if (one._tag !== "transmit") continue
        tries++
        world.busy(1, one.sequence)
      }
      world.wake(world.now + 10)
    }
    // 8 of the first window, 6 while the time doubles, one a second.
    assert.isAtMost(tries, 8 + 6 + 60)
    assert.isAtLeast(tries, 50)
    // Others pass, whatever waits.
    const other = world.send({ purpose: 17 })
    assert.include(world.story().join(), `transmit ${other} on 1`)
    world.check()
  })

  it("when it has room again all that waits follows, ever faster", () => {
    const world = withLinks({ window: 64, maxCustody: 1_000 })
    for (let count = 0; count < 500; count++) world.send()
    let rounds = 0
    let isFull = true
    for (; world.state.custody > 0 && rounds < 100; rounds++) {
      const sent = world.take().flatMap((one) => one._tag === "transmit" ? [one.sequence] : [])
      for (const sequence of sent) {
        if (isFull) world.busy(1, sequence)
        else world.acknowledged(1, sequence, sequence)
      }
      isFull = false
      world.check()
      if (sent.length === 0) world.wake(world.now + 20)
    }
    assert.strictEqual(world.state.custody, 0)
    assert.isAtMost(rounds, 20)
  })

  it("what was refused goes where its key belongs when that changes, and with its link another way", () => {
    const world = withLinks()
    const [first, second] = [world.send(), world.send({ key: 8 })]
    world.take()
    world.busy(1, 0)
    world.busy(1, 1)
    world.covered.add(7)
    world.ownershipChanged()
    assert.deepStrictEqual(world.story(), [`released ${first}`, `deliver ${first}`])
    assert.deepStrictEqual([...world.check()], [[second, "refused on 1"]])
    world.linkDown(1)
    assert.include(world.story(), `transmit ${second} on 2 as 0`)
    assert.strictEqual(world.state.stalled.size, 0)
    world.check()
  })

  it("of what came with gaps, only what came is acknowledged; what comes late fills its gap", () => {
    const world = withLinks()
    world.ways = [b]
    for (const sequence of [0, 1, 3, 4, 7, 2]) world.receive(1, { sequence })
    world.acknowledge(1)
    assert.deepStrictEqual(
      world.story().filter((line) => line.startsWith("acknowledge")),
      ["acknowledge 0 to 1 on 1", "acknowledge 3 to 4 on 1", "acknowledge 7 to 7 on 1", "acknowledge 2 to 2 on 1"]
    )
    assert.strictEqual(world.state.custody, 6)
  })

  it("what came twice is acknowledged again, and not taken again", () => {
    const world = withLinks()
    world.ways = [b]
    for (const sequence of [0, 2, 2, 0, 1, 1]) world.receive(1, { sequence })
    assert.strictEqual(world.state.custody, 3)
    world.acknowledge(1)
    const said = world.story().filter((line) => line.startsWith("acknowledge"))
    for (const sequence of [0, 1, 2]) {
      assert.include(said, `acknowledge ${sequence} to ${sequence} on 1`)
    }
  })

  it("numbers that go round, and a jump over more than a window, leave what is kept of gaps bounded", () => {
    const world = withLinks({ window: 8 })
    world.ways = [b]
    world.receive(1, { sequence: 2 ** 31 - 1 })
    assert.isAtMost(world.state.links.get(1)!.missing!.size, 8)
    world.receive(1, { sequence: 2 ** 32 - 2 })
    world.receive(1, { sequence: 1 })
    world.receive(1, { sequence: 2 ** 32 - 1 })
    world.receive(1, { sequence: 0 })
    assert.strictEqual(world.state.custody, 5)
    world.receive(1, { sequence: 0 })
    assert.strictEqual(world.state.custody, 5)
    assert.isAtMost(world.state.links.get(1)!.missing!.size, 8)
  })

  it("only the frames from one number to another are released; those before stay in custody", () => {
    const world = withLinks()
    for (let count = 0; count < 5; count++) world.send()
    world.take()
    world.acknowledged(1, 3, 2)
    assert.deepStrictEqual(world.story(), ["released 2", "released 3"])
    assert.deepStrictEqual([...world.check().keys()], [0, 1, 4])
    world.acknowledged(1, 9, 0)
    assert.deepStrictEqual(world.story(), ["released 0", "released 1", "released 4"])
  })

  it("without room the answer is Busy, and the frame stays with its sender; what is in custody stays there", () => {
    const world = withLinks({ maxCustody: 3 })
    world.ways = []
    const [first, second] = [world.receive(1), world.receive(1)]
    world.send()
    assert.isFalse(Routing.hasRoom(world.state, 16))
    const refused = world.receive(1)
    const other = world.receive(2)
    assert.isFalse(refused.isTaken || other.isTaken)
    assert.deepStrictEqual(world.story(), [`busy ${refused.sequence} on 1`, `busy ${other.sequence} on 2`])
    world.acknowledge(1)
    world.acknowledge(2)
    // Not up to the refused one, which came last.
    assert.deepStrictEqual(world.story(), [`acknowledge ${first.sequence} to ${second.sequence} on 1`])
    assert.deepStrictEqual([...world.check().keys()], [first.counter, second.counter, 2])
    world.covered.add(7)
    world.ownershipChanged()
    assert.isTrue(Routing.hasRoom(world.state, 16))
    assert.isTrue(world.receive(1).isTaken)
    assert.lengthOf(world.take().filter((one) => one._tag === "deliver"), 4)
  })

  it("bytes bound the custody as messages do", () => {
    const world = withLinks({ maxCustodyBytes: 3 * Envelope.headerSize })
    world.ways = []
    world.send({ size: Envelope.headerSize })
    assert.isTrue(Routing.hasRoom(world.state, 16))
    world.send({ size: 0 })
    assert.isFalse(Routing.hasRoom(world.state, 16))
    assert.isFalse(world.receive(1).isTaken)
    assert.strictEqual(world.check().size, 2)
  })

  it("the numbers of a link go round after 2^32 frames", () => {
    const world = withLinks({ window: 3 })
    world.state.links.get(1)!.nextSequence = 2 ** 32 - 2
    world.sequences.set(1, 2 ** 32 - 3)
    for (let count = 0; count < 6; count++) world.send()
    assert.deepStrictEqual(world.story(), [
      "transmit 0 on 1 as 4294967294",
      "transmit 1 on 1 as 4294967295",
      "transmit 2 on 1 as 0"
    ])
    // A stale one releases nothing.
    world.acknowledged(1, 2 ** 32 - 3)
    assert.deepStrictEqual(world.story(), [])
    world.acknowledged(1, 2 ** 32 - 2)
    assert.deepStrictEqual(world.story(), ["released 0", "transmit 3 on 1 as 1"])
    world.busy(1, 0)
    assert.deepStrictEqual(world.story(), [])
    world.acknowledged(1, 1)
    assert.deepStrictEqual(world.story(), [
      "released 1",
      "released 3",
      "transmit 4 on 1 as 2",
      "transmit 5 on 1 as 3",
      "transmit 2 on 1 as 4"
    ])
    world.acknowledged(1, 3)
    assert.deepStrictEqual(world.story(), ["released 4", "released 5"])
    assert.deepStrictEqual([...world.check()], [[2, "outstanding on 1"]])
  })
})

describe("Routing: another way (M5)", () => {
  it("when a link breaks, at once, for what is outstanding and for what waits", () => {
    const world = withLinks({ window: 2 })
    for (let count = 0; count < 3; count++) world.send()
    world.take()
    world.linkDown(1)
    assert.deepStrictEqual(world.story(), ["suspect 1", "transmit 0 on 2 as 0", "transmit 1 on 2 as 1"])
    assert.deepStrictEqual([...world.check().values()], ["outstanding on 2", "outstanding on 2", "waiting on 2"])
    // Not to a again, though it has a new link by now.
    world.linkUp(4, a)
    world.linkDown(2)
    assert.deepStrictEqual(world.story(), ["suspect 2", "transmit 0 on 3 as 0", "transmit 1 on 3 as 1"])
    // A new message goes there.
    world.send()
    assert.deepStrictEqual(world.story(), ["transmit 3 on 4 as 0"])
    world.linkDown(3)
    assert.deepStrictEqual(world.story(), ["suspect 3"])
    assert.deepStrictEqual([...world.check().values()], ["held", "held", "held", "outstanding on 4"])
    // A second later every way may be tried again.
    world.wake(1_000)
    assert.deepStrictEqual(world.story(), ["transmit 0 on 4 as 1"])
    world.check()
  })

  it("a link that breaks with nothing on it makes nobody suspect, nor does a client's", () => {
    const world = withLinks()
    world.linkUp(8, undefined)
    world.receive(8)
    world.take()
    world.linkDown(8)
    world.linkDown(2)
    world.linkDown(2)
    assert.deepStrictEqual(world.story(), [])
    assert.strictEqual(world.check().size, 1)
  })

  it("when one takes too long to be opened: three first time-outs of its round trip, within the bounds", () => {
    const world = new World({ shortestTimeout: 500, longestTimeout: 3000 })
    world.ways = [a, b]
    world.roundTrips.set(a.life, 100)
    world.linkUp(2, b)
    world.send()
    assert.deepStrictEqual(world.story(), ["dial 1"])
    assert.strictEqual(Routing.wakeAt(world.state), 600)
    world.wake(599)
    assert.deepStrictEqual(world.story(), [])
    world.wake(600)
    assert.deepStrictEqual(world.story(), ["suspect 1", "transmit 0 on 2 as 0"])
    // Until it answers others avoid it at once, where they can.
    world.send()
    assert.deepStrictEqual(world.story(), ["transmit 1 on 2 as 1"])
    world.linkUp(1, a)
    world.send()
    assert.deepStrictEqual(world.story(), ["transmit 2 on 1 as 0"])
  })

  it("a Node that was late is avoided where there is another way, until it acknowledges or time has passed", () => {
    const world = withLinks()
    world.ways = [a, b]
    world.linkUp(2, b)
    world.send()
    world.take()
    world.wake(Routing.wakeAt(world.state))
    assert.deepStrictEqual(world.story(), ["suspect 1", "transmit 0 on 2 as 0"])
    world.send()
    assert.deepStrictEqual(world.story(), ["transmit 1 on 2 as 1"])
    world.ways = [a]
    world.send()
    assert.deepStrictEqual(world.story(), ["transmit 2 on 1 as 1"])
    world.acknowledged(1, 1)
    world.ways = [a, b]
    world.send()
    assert.deepStrictEqual(world.story(), ["released 2", "released 0", "transmit 3 on 1 as 2"])
  })

  it("when one cannot be opened, at once, for all that waits for it", () => {
    const world = new World()
    world.linkUp(2, b)
    world.ways = [a, b]
    world.send()
    world.receive(2)
    world.take()
    world.dialFailed(c)
    assert.deepStrictEqual(world.story(), [])
    world.dialFailed(a)
    assert.deepStrictEqual(world.story(), ["transmit 0 on 2 as 0", "transmit 1 on 2 as 1"])
    world.dialFailed(a)
    assert.deepStrictEqual(world.story(), [])
    // For a new message it is dialled again.
    world.send()
    assert.deepStrictEqual(world.story(), ["dial 1"])
    world.check()
  })

  it("when nobody acknowledges in time: a copy goes, the hop is suspected, the first frame stays as it was", () => {
    const world = withLinks()
    world.send()
    world.receive(3, { hops: 5 })
    world.now = 1_000
    world.send()
    world.take()
    assert.strictEqual(Routing.wakeAt(world.state), 2_000)
    world.wake(1_999)
    assert.deepStrictEqual(world.story(), [])
    world.wake(2_000)
    assert.deepStrictEqual(world.story(), ["suspect 1", "transmit 0 on 2 as 0", "transmit 1 on 2 as 1"])
    assert.deepStrictEqual([...world.check().values()], ["outstanding on 1", "outstanding on 2", "outstanding on 2"])
    // On another link, with another number: neither may share its bytes with the first.
    const marked = world.transmitted.map(({ frame }) => Buffer.from(frame))
    world.transmitted.forEach(({ frame }, index) => {
      const rest = world.transmitted.toSpliced(index, 1).map((one) => Buffer.from(one.frame))
      frame[1] = 99
      assert.deepStrictEqual(world.transmitted.toSpliced(index, 1).map((one) => Buffer.from(one.frame)), rest)
      frame.set(marked[index]!)
    })
    // A late acknowledgement of the first way ends the custody as well, and that of the other way changes nothing then.
    world.acknowledged(1, 2)
    assert.deepStrictEqual(world.story(), ["released 2", "released 0"])
    world.acknowledged(2, 1)
    assert.deepStrictEqual(world.story(), [])
    assert.strictEqual(world.check().size, 0)
  })

  it("what was sent on once and is delivered here after all, has made the hops that it came with", () => {
    const world = withLinks()
    const { counter } = world.receive(3, { hops: 5 })
    world.covered.add(7)
    world.take()
    world.wake(3_000)
    // The world checks the hops of everything that is delivered.
    assert.deepStrictEqual(world.story(), ["suspect 1", `deliver ${counter}`])
    world.check()
  })

  it("the time to wait follows the measured round trip, within its bounds", () => {
    const world = withLinks()
    const wait = () => {
      world.send()
      const at = Routing.wakeAt(world.state) - world.now
      return at
    }
    const answer = (after: number) => {
      world.now += after
      world.acknowledged(1, world.sequences.get(1)!)
    }
    // The handshake took 400, so its deviation is taken to be 100.
    world.linkDown(1)
    world.linkUp(1, a, false, 400)
    assert.strictEqual(wait(), 400 + 4 * 100)
    // RFC 6298: the deviation is 100 + (200 - 100) / 4 then, the round trip 400 + (600 - 400) / 8.
    answer(600)
    assert.strictEqual(wait(), 425 + 4 * 125)
    answer(425)
    assert.strictEqual(wait(), 425 + 4 * 93.75)
    for (let count = 0; count < 60; count++) {
      answer(1)
      wait()
    }
    answer(1)
    assert.strictEqual(wait(), 500)
    for (let count = 0; count < 10; count++) {
      answer(50_000)
      wait()
    }
    answer(50_000)
    assert.strictEqual(wait(), 60_000)
    // Of a batch, the youngest frame counts: the others waited for it.
    const other = new World()
    other.ways = [a]
    other.linkUp(1, a, false, 10)
    other.send()
    other.now = 300
    other.send()
    other.now = 310
    other.acknowledged(1, 1)
    other.send()
    assert.strictEqual(Routing.wakeAt(other.state), 310 + 500)
    assert.strictEqual(other.state.links.get(1)!.roundTrip, 10)
  })

  it("of two links to a Node the preferred one is used, and the other when that ends", () => {
    const world = new World()
    world.ways = [a]
    world.linkUp(1, a)
    world.linkUp(2, a)
    world.send()
    world.linkUp(3, a, true)
    world.send()
    assert.deepStrictEqual(world.story(), ["transmit 0 on 1 as 0", "transmit 1 on 3 as 0"])
    world.linkDown(1)
    world.send()
    world.linkDown(3)
    world.take()
    world.send()
    assert.deepStrictEqual(world.story(), ["transmit 3 on 2 as 0"])
    world.linkDown(2)
    world.take()
    world.send()
    assert.deepStrictEqual(world.story(), ["dial 1"])
    world.check()
  })

  it("the end of a link that is not in use changes nothing", () => {
    const world = new World()
    world.ways = [a]
    for (const link of [1, 2, 3]) world.linkUp(link, a)
    world.send()
    world.linkDown(2)
    world.send()
    assert.deepStrictEqual(world.story(), ["transmit 0 on 1 as 0", "transmit 1 on 1 as 1"])
    world.check()
  })

  it.prop("whoever wakes at wakeAt finds something to do, whatever fractions of milliseconds there are", [
    Arbitrary.array(Oracle.int(1, 2 ** 30), { minLength: 2, maxLength: 20 })
  ], ([times]) => {
    const world = withLinks({ shortestTimeout: 0.001, hold: 50.3 })
    for (const time of times) {
      world.now += time / 1_234_567
      world.send()
      world.now += time / 7_654_321
      if (time % 3 > 0) world.acknowledged(1, world.sequences.get(1) ?? 0)
    }
    for (let count = 0; count < 200; count++) {
      const at = Routing.wakeAt(world.state)
      if (at === Number.POSITIVE_INFINITY) return
      world.wake(Math.max(at, world.now))
      assert.isAbove(Routing.wakeAt(world.state), world.now)
    }
  }, { arbitrary: { runs: 400, size: 20 } })
})

describe("Routing: data that makes progress (H11)", () => {
  it("what has not arrived yet is waited for anew as long as the link makes progress; what has, from then on", () => {
    const world = withLinks()
    for (let count = 0; count < 3; count++) world.send()
    world.take()
    const wait = Routing.wakeAt(world.state) - world.now
    for (let time = 500; time <= 10_000; time += 500) {
      world.wake(time)
      world.progressed(1, 0)
    }
    assert.deepStrictEqual(world.story(), [])
    assert.strictEqual(Routing.wakeAt(world.state), 10_000 + wait)
    // The first has arrived, the others still make progress.
    world.progressed(1, 1)
    world.wake(10_600)
    world.progressed(1, 1)
    assert.strictEqual(Routing.wakeAt(world.state), 10_000 + wait)
    world.wake(10_000 + wait)
    assert.deepStrictEqual(world.story(), ["suspect 1", "transmit 0 on 2 as 0"])
    world.acknowledged(2, 0)
    assert.deepStrictEqual(world.story(), ["released 0"])
    world.wake(10_600 + 2 * wait)
    assert.deepStrictEqual(world.story(), [
      "suspect 1",
      "transmit 1 on 2 as 1",
      "transmit 2 on 2 as 2"
    ])
  })

  it("a link that is not there makes none", () => {
    const world = withLinks()
    world.progressed(9, 1)
    assert.deepStrictEqual(world.story(), [])
  })
})

describe("Routing: the application's share", () => {
  it("beyond maxDelivering messages stay ripe, in custody, and follow one by one", () => {
    const world = withLinks({ maxDelivering: 2 })
    world.covered.add(7)
    for (let count = 0; count < 4; count++) world.send()
    assert.deepStrictEqual(world.story(), ["released 0", "deliver 0", "released 1", "deliver 1"])
    assert.deepStrictEqual([...world.check()], [[2, "ripe"], [3, "ripe"]])
    world.delivered()
    assert.deepStrictEqual(world.story(), ["released 2", "deliver 2"])
    world.delivered()
    assert.deepStrictEqual(world.story(), ["released 3", "deliver 3"])
    world.delivered()
    world.delivered()
    assert.strictEqual(world.state.delivering, 0)
    assert.strictEqual(world.check().size, 0)
  })

  it("a ripe message whose key has gone to another Node is sent on, and does not keep the next from its turn", () => {
    const world = withLinks({ maxDelivering: 1 })
    world.covered.add(7).add(8)
    world.send({ key: 7 })
    world.send({ key: 8 })
    world.send({ key: 7 })
    world.take()
    world.covered.delete(8)
    world.delivered()
    // Nobody else would call for it: the application has nothing left to finish.
    assert.deepStrictEqual(world.story(), ["transmit 1 on 1 as 0", "released 2", "deliver 2"])
    world.check()
  })

  it("as many ripe messages as there may be follow one another in a loop, not on the stack", () => {
    const world = new World({ maxCustody: 100_000, maxCustodyBytes: 1e9, maxDelivering: 1 })
    world.covered.add(7)
    for (let count = 0; count < 20_000; count++) world.send({ size: 0 })
    world.isSynchronous = true
    world.take()
    world.delivered()
    const delivered = world.take().flatMap((one) => one._tag === "deliver" ? [one.counter] : [])
    assert.deepStrictEqual(delivered, Array.from({ length: 19_999 }, (_, index) => index + 1))
    assert.strictEqual(world.state.delivering, 0)
    assert.strictEqual(world.state.custody, 0)
  })
})

describe("Routing: classes and limits (M6, M7)", () => {
  it("what the applications put in the place of a message counts with its own bytes", () => {
    for (const size of [0, 500]) {
      const world = withLinks()
      world.forward = (frame) => {
        const changed = Envelope.withContents(frame, { key: keyOf(7), purpose: 16, value: new Uint8Array(size) })
        world.taken.set(0, { hops: 0, bytes: world.bytesOf(changed), isOwn: false })
        return changed
      }
      const counter = world.receive(1, { size: 100 }).counter
      const [changed] = Routing.inCustody(world.state)
      assert.strictEqual(Envelope.value(changed!).length, size)
      assert.strictEqual(world.state.custodyBytes, changed!.length)
      assert.deepStrictEqual([...world.places()], [[counter, "outstanding on 1"]])
      world.acknowledged(1, 0)
      assert.deepStrictEqual([world.state.custody, world.state.custodyBytes], [0, 0])
    }
  })

  it("a direct message that is late is in custody no more: its sender sends it again, and no other way is tried", () => {
    const world = withLinks()
    const counter = world.send({ target: a })
    assert.deepStrictEqual(world.story(), [`transmit ${counter} on 1 as 0`])
    world.wake(Routing.wakeAt(world.state))
    assert.deepStrictEqual(world.story(), ["suspect 1", `released ${counter}`])
    assert.deepStrictEqual([world.state.custody, world.state.held.size], [0, 0])
    assert.strictEqual(world.state.links.get(1)!.late.size, 0)
    world.acknowledged(1, 0)
    world.check()
  })

  it("of an at-most-once message nobody keeps a copy", () => {
    const world = withLinks()
    world.send({ class: "atMostOnce" })
    assert.deepStrictEqual(world.story(), ["transmit 0 on 1 as 0", "released 0"])
    assert.strictEqual(world.check().size, 0)
    world.busy(1, 0)
    world.linkDown(1)
    world.wake(10_000)
    assert.deepStrictEqual(world.story(), [])
    assert.strictEqual(Routing.wakeAt(world.state), Number.POSITIVE_INFINITY)
  })

  it("but it waits as others do until it is sent", () => {
    const world = new World({ window: 1 })
    world.ways = [a]
    world.send({ class: "atMostOnce" })
    assert.deepStrictEqual([...world.check().values()], [`dialling ${a.life}`])
    world.dialFailed(a)
    assert.deepStrictEqual([...world.check().values()], ["held"])
    world.take()
    world.linkUp(1, a)
    world.wake(1_000)
    assert.deepStrictEqual(world.story(), ["transmit 0 on 1 as 0", "released 0"])
  })

  it("an at-most-once message takes no place in the window, and keeps nobody behind it waiting for ever", () => {
    const world = withLinks({ window: 1 })
    world.send()
    world.send({ class: "atMostOnce" })
    world.send({ class: "atMostOnce" })
    world.send()
    world.send()
    world.take()
    world.acknowledged(1, 0)
    assert.deepStrictEqual(world.story(), [
      "released 0",
      "transmit 1 on 1 as 1",
      "released 1",
      "transmit 3 on 1 as 2"
    ])
    world.acknowledged(1, 2)
    assert.deepStrictEqual(world.story(), ["released 3", "transmit 2 on 1 as 3", "released 2", "transmit 4 on 1 as 4"])
    assert.deepStrictEqual([...world.check().values()], ["outstanding on 1"])
  })

  it("after 64 hops a message is given up, unless it has arrived", () => {
    const world = withLinks()
    world.receive(1, { hops: 63 })
    assert.deepStrictEqual(world.story(), ["transmit 0 on 1 as 0"])
    world.receive(1, { hops: 64 })
    assert.deepStrictEqual(world.story(), ["dropped 1: tooManyHops"])
    world.receive(1, { hops: 255 })
    assert.deepStrictEqual(world.story(), ["dropped 2: tooManyHops"])
    world.covered.add(7)
    world.receive(1, { hops: 64 })
    assert.deepStrictEqual(world.story(), ["deliver 3"])
    assert.deepStrictEqual([...world.check().keys()], [0])
  })
})

// -----------------------------------------------------------------------------
// anything, in any order
// -----------------------------------------------------------------------------

const classes = ["atMostOnce", "acknowledged", "acknowledged", "confirmed"] as const

const event = Arbitrary.all({ kind: Oracle.int(0, 19), pick: Oracle.word, small: Oracle.int(0, 30) })

const run = Arbitrary.all({
  events: Arbitrary.array(event, { maxLength: 150 }),
  window: Oracle.int(1, 4),
  windowBytes: Oracle.int(50, 500),
  maxCustody: Oracle.int(1, 30),
  maxDelivering: Oracle.int(1, 3),
  end: Oracle.int(0, 2)
})

describe("Routing: few frames a message, whatever the delay (M11)", () => {
  /** A frame as another Node sends it on: the same message, marked if it is a copy. */
  const arrive = (world: World, link: number, sequence: number, change: (frame: Uint8Array) => void, key = 7) => {
    const frame = Envelope.make({
      deliveryClass: "confirmed",
      purpose: 16,
      key: keyOf(key),
      origin: b.id,
      via: b.id,
      incarnation: 1,
      counter: 1_000,
      floor: 0
    }, Uint8Array.of(1))
    Envelope.setSequence(frame, sequence)
    world.taken.set(1_000, { hops: 0, bytes: Buffer.from(frame).fill(0, 1, 5).toString("latin1"), isOwn: false })
    change(frame)
    Routing.receive(world.state, world.view, world.now, link, frame, world.sink)
  }

  it("the time-out of a link follows what late acknowledgements tell, and doubles while none comes", () => {
    const world = withLinks()
    world.ways = [a]
    world.send()
    assert.strictEqual(Routing.wakeAt(world.state), 2_000)
    world.wake(2_000)
    world.send()
    assert.strictEqual(Math.max(...[...world.state.links.get(1)!.outstanding].map(({ sentAt }) => sentAt)), 2_000)
    world.wake(2_000 + 4_000)
    assert.strictEqual(world.state.links.get(1)!.doublings, 2)
    world.take()
    // Six seconds after it was sent: no doubt which frame is meant, for each has a number of its own.
    world.acknowledged(1, 0, 0)
    assert.deepStrictEqual(world.story(), ["released 0"])
    assert.strictEqual(world.state.links.get(1)!.doublings, 0)
    assert.strictEqual(world.state.links.get(1)!.roundTrip, 1_000 + (6_000 - 1_000) / 8)
  })

  it("goes two other ways at most because hops are late, then waits, twice as long each time", () => {
    const world = new World({ shortestTimeout: 100 })
    const others = [5, 6, 7].map((number) => Oracle.node(BigInt(number)))
    world.ways = [a, b, c, ...others]
    world.ways.forEach((node, index) => world.linkUp(index + 1, node, false, 100))
    world.send()
    world.take()
    const times: Array<number> = []
    while (world.now < 100_000) {
      world.wake(Math.max(world.now + 1, Routing.wakeAt(world.state)))
      for (const one of world.take()) if (one._tag === "transmit") times.push(world.now)
      world.check()
    }
    // At 0, 200 and 400 ms: three ways. Later ones are 2, 4, 8, ... seconds apart.
    assert.deepStrictEqual(times.slice(0, 2), [200, 400])
    const gaps = times.slice(2).map((time, index) => time - times[index + 1]!)
    gaps.forEach((gap, index) => assert.isAtLeast(gap, Math.min(8_000, 1_000 * 2 ** index)))
    assert.isAtMost(times.length, 17)
  })

  it("changes of ownership send nothing again that late hops may still deliver, but deliver what is covered", () => {
    const world = withLinks()
    world.ways = [a]
    world.send()
    const isWaiting = () => [...world.state.held].some(({ failures }) => failures === 3)
    while (!isWaiting()) world.wake(Routing.wakeAt(world.state))
    world.take()
    for (let count = 0; count < 50; count++) world.ownershipChanged()
    assert.deepStrictEqual(world.story(), [])
    world.covered.add(7)
    world.ownershipChanged()
    assert.deepStrictEqual(world.story(), ["released 0", "deliver 0"])
    assert.strictEqual(world.check().size, 0)
  })

  it("what a link did not deliver before it broke goes on at once, late or not", () => {
    const world = withLinks()
    world.ways = [a]
    world.send()
    world.wake(2_000)
    world.ways = [a, c]
    world.take()
    world.linkDown(1)
    assert.deepStrictEqual(world.story(), ["suspect 1", "transmit 0 on 3 as 0"])
    world.check()
  })

  it("a copy of what is held, or was passed on, is acknowledged and goes no further; another attempt goes", () => {
    const world = withLinks()
    world.ways = [a]
    arrive(world, 2, 0, () => {})
    assert.deepStrictEqual(world.story(), ["transmit 1000 on 1 as 0"])
    arrive(world, 3, 0, Envelope.markCopy)
    world.acknowledge(3)
    assert.deepStrictEqual(world.story(), ["copy 1000", "acknowledge 0 to 0 on 3"])
    world.acknowledged(1, 0)
    world.now = 20_000
    arrive(world, 3, 1, Envelope.markCopy)
    assert.deepStrictEqual(world.story(), ["copy 1000"])
    arrive(world, 3, 2, (frame) => {
      Envelope.setAttempt(frame, 1)
      Envelope.markCopy(frame)
    })
    assert.deepStrictEqual(world.story(), ["transmit 1000 on 1 as 1"])
  })

  it("at the root a copy is delivered, for deduplication knows the outcome", () => {
    const world = withLinks()
    world.ways = [a]
    arrive(world, 2, 0, () => {})
    world.take()
    world.covered.add(7)
    arrive(world, 3, 0, Envelope.markCopy)
    assert.deepStrictEqual(world.story(), ["deliver 1000"])
  })

  it("copies are marked, but not towards a Node that does not know the marks", () => {
    const world = new World()
    world.ways = [a, b]
    world.linkUp(1, a)
    Routing.linkUp(world.state, world.view, world.now, 2, b, false, 1_000, world.sink, false)
    world.send()
    world.wake(2_000)
    world.ways = [a, c]
    world.linkUp(3, c)
    world.linkDown(2)
    assert.deepStrictEqual(world.transmitted.map(({ frame }) => Envelope.isCopy(frame)), [false, false, true])
  })
})

describe("Routing: conservation", () => {
  it.prop("every message taken is in one place, or was delivered, acknowledged, sent once, or dropped: and that once", [
    run
  ], ([{ end, events, maxCustody, maxDelivering, window, windowBytes }]) => {
    const world = new World({ window, windowBytes, maxCustody, maxDelivering, maxCustodyBytes: 3_000, hold: 5_000 })
    const { state } = world
    const gone = new Map<number, string>()
    const sent = new Map<number, Map<number, number>>()
    let before = world.check()
    let nextLink = 1

    /** Runs one step and holds the books against what the Node did. `acknowledged` may release on that link up to a number. */
    const step = (
      act: () => void,
      acknowledged?: { readonly link: number; readonly from: number; readonly upTo: number }
    ) => {
      const known = new Set(world.taken.keys())
      /** What a hop that was late has after all. */
      const late = new Set<number>()
      if (acknowledged !== undefined) {
        const { from, link, upTo } = acknowledged
        for (const [sequence, { entry }] of state.links.get(link)!.late) {
          if (sequence >= from && sequence <= upTo && !entry.isReleased) late.add(Envelope.counter(entry.frame))
        }
      }
      act()
      const after = world.check(12)
      const reasons = new Map<number, string>()
      const released: Array<number> = []
      const leave = (counter: number, reason: string) => {
        assert.isFalse(reasons.has(counter) || gone.has(counter), `${counter} has left already, now ${reason}`)
        reasons.set(counter, reason)
      }
      for (const counter of late) leave(counter, "acknowledged")
      if (acknowledged !== undefined) {
        const numbers = sent.get(acknowledged.link)
        for (const [counter, place] of before) {
          const isTaken = place === `outstanding on ${acknowledged.link}` && numbers!.get(counter)! <= acknowledged.upTo
          if (isTaken && !late.has(counter)) leave(counter, "acknowledged")
        }
      }
      for (const one of world.take()) {
        switch (one._tag) {
          case "deliver":
            leave(one.counter, "delivered")
            break
          case "dropped":
            leave(one.counter, one.reason)
            break
          case "released":
            released.push(one.counter)
            break
          case "transmit": {
            const numbers = sent.get(one.link) ?? new Map<number, number>()
            sent.set(one.link, numbers.set(one.counter, one.sequence))
            if (classes[one.counter % 4] === "atMostOnce") leave(one.counter, "sent once")
            break
          }
          case "acknowledge":
          case "busy":
          case "copy":
          case "dial":
          case "suspect":
            break
        }
      }
      const came = [...world.taken.keys()].filter((counter) => !known.has(counter))
      const left = [...before.keys(), ...came].filter((counter) => !after.has(counter))
      assert.deepStrictEqual([...reasons.keys()].sort(), left.sort())
      assert.deepStrictEqual(released.sort(), left.filter((counter) => world.taken.get(counter)!.isOwn))
      for (const [counter, reason] of reasons) gone.set(counter, reason)
      before = after
      assert.strictEqual(gone.size + after.size, world.taken.size)
    }

    const anyOf = <A>(items: Iterable<A>, pick: number): A | undefined => {
      const all = [...items]
      return all[pick % all.length]
    }

    // The class follows from the counter, so that the books know it.
    let counter = 0
    const options = (pick: number, small: number): Options => ({
      class: classes[counter++ % 4]!,
      key: pick % 5,
      size: (pick >>> 8) % 150,
      hops: small > 28 ? 64 : small
    })

    for (const { kind, pick, small } of events) {
      switch (kind) {
        case 0:
        case 1:
        case 2:
          step(() => {
            const purpose = 16 + pick % 3
            if (Routing.hasRoom(state, purpose)) world.send({ ...options(pick, small), purpose, hops: 0 })
          })
          break
        case 3:
        case 4:
        case 5: {
          const link = anyOf(state.links.keys(), pick)
          if (link === undefined) break
          step(() => {
            const purpose = 16 + small % 3
            const isRoom = Routing.hasRoom(state, purpose)
            const happened = world.happened.length
            const { isTaken, sequence } = world.receive(link, { ...options(pick, small), purpose })
            assert.strictEqual(isTaken, isRoom)
            const answer = world.happened.slice(happened).filter((one) => one._tag === "busy")
            assert.deepStrictEqual(answer, isTaken ? [] : [{ _tag: "busy", link, sequence }])
          })
          break
        }
        case 6: {
          const link = anyOf(state.links.keys(), pick)
          if (link !== undefined) step(() => world.acknowledge(link))
          break
        }
        case 7:
          if (state.links.size < 6) {
            step(() => world.linkUp(nextLink++, small === 0 ? undefined : nodes[pick % 4], pick % 8 > 3))
          }
          break
        case 8: {
          const node = anyOf([...state.dialling.keys()].map((life) => nodes.find((node) => node.life === life)!), pick)
          if (node !== undefined) step(() => small > 10 ? world.linkUp(nextLink++, node) : world.dialFailed(node))
          break
        }
        case 9: {
          const link = anyOf(state.links.keys(), pick)
          if (link !== undefined && small > 15) step(() => world.linkDown(link))
          break
        }
        case 10:
        case 11: {
          const link = anyOf(state.links.keys(), pick)
          const last = link === undefined ? undefined : world.sequences.get(link)
          if (link === undefined || last === undefined) break
          const upTo = Math.max(0, last - small % 4)
          step(() => world.acknowledged(link, upTo), { link, from: 0, upTo })
          break
        }
        case 12: {
          const link = anyOf(state.links.keys(), pick)
          const last = link === undefined ? undefined : world.sequences.get(link)
          if (link !== undefined && last !== undefined) step(() => world.busy(link, Math.max(0, last - small % 4)))
          break
        }
        case 13:
        case 14: {
          const now = world.now + [1, 20, 21, 500, 1_000, 3_000][small % 6]!
          step(() => world.wake(now))
          assert.isAbove(Routing.wakeAt(state), now)
          break
        }
        case 15:
        case 16:
          if (state.delivering > 0) step(() => world.delivered())
          break
        case 17: {
          const key = pick % 5
          if (!world.covered.delete(key)) world.covered.add(key)
          if (small > 4) step(() => world.ownershipChanged())
          break
        }
        case 18: {
          world.ways = Oracle.shuffled(nodes, Oracle.words(pick)).slice(0, small % 5)
          if (small > 15) step(() => world.ownershipChanged())
          break
        }
        default:
          world.isSynchronous = small > 20
      }
      // Whatever needs time gets it.
      if (state.held.size + state.refused.size > 0) assert.isBelow(Routing.wakeAt(state), world.now + 64_001)
      for (const link of state.links.values()) {
        if (link.outstanding.length > 0) assert.isAtMost(Routing.wakeAt(state), link.outstanding.at(0)!.sentAt + 60_000)
      }
    }

    // In the end: this Node covers everything, or one hop takes everything, or there is nobody.
    world.covered.clear()
    world.ways = []
    if (end === 0) [0, 1, 2, 3, 4].forEach((key) => world.covered.add(key))
    if (end === 1) {
      world.ways = [a]
      step(() => world.linkUp(nextLink++, a, true))
    }
    step(() => world.ownershipChanged())
    for (let count = 0; count < 1_000 && (state.custody > 0 || state.delivering > 0); count++) {
      for (const life of Array.from(state.dialling.keys())) {
        step(() => world.dialFailed(nodes.find((node) => node.life === life)!))
      }
      while (state.delivering > 0) step(() => world.delivered())
      for (const link of Array.from(state.links.keys())) {
        const upTo = world.sequences.get(link)
        const isTo = state.links.get(link)!.node === a
        if (end === 1 && upTo !== undefined && isTo) step(() => world.acknowledged(link, upTo), { link, from: 0, upTo })
      }
      const at = Routing.wakeAt(state)
      if (at < Number.POSITIVE_INFINITY) step(() => world.wake(Math.max(at, world.now)))
    }
    assert.strictEqual(state.custody, 0)
    assert.strictEqual(state.custodyBytes, 0)
    assert.strictEqual(gone.size, world.taken.size)
    assert.strictEqual(world.check().size, 0)
  }, { arbitrary: { runs: 250, size: 150 } })
})
