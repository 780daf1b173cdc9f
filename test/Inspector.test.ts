import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Cluster from "../src/Cluster.ts"
import * as Inspector from "../src/Inspector.ts"
import * as Credentials from "../src/protocol/Credentials.ts"
import * as Frame from "../src/protocol/Frame.ts"
import type * as Query from "../src/protocol/Query.ts"
import * as Node from "../src/ring/Node.ts"
import * as NodeId from "../src/ring/NodeId.ts"
import { makeIdentity, makeSecurity } from "../src/transport/Identity.ts"
import * as Link from "../src/transport/Link.ts"
import * as Memory from "../src/transport/Memory.ts"
import { Transport } from "../src/transport/Transport.ts"
import { collectEvents, errorsOf, evenIds, failure, type Harness, idOf, keys } from "./cluster/Rig.ts"
import { makeHarness, type Member, nodeOf, passing } from "./ClusterHarness.ts"

/** A test under TestClock with a network of its own. */
const onNetwork = (
  title: string,
  body: (
    harness: Harness,
    network: Memory.Network["Service"]
  ) => Effect.Effect<void, unknown, Transport | Memory.Network | Scope.Scope>
) =>
  it.effect(title, () =>
    Effect.gen(function*() {
      yield* body(yield* makeHarness(passing), yield* Memory.Network)
    }).pipe(Effect.provide(Memory.layer)))

/** Starts Nodes on machines of their own. */
const startRing = Effect.fnUntraced(function*(
  harness: Harness,
  ids: ReadonlyArray<NodeId.NodeId>,
  options: Cluster.Options = {}
) {
  const network = yield* Memory.Network
  for (const id of ids) {
    const host = `10.0.0.${harness.members.length + 1}`
    const seed = harness.living()[0]
    const member = yield* harness.start({
      id,
      localHost: host,
      join: seed === undefined ? [] : [addressOf(seed)],
      ...options
    }).pipe(Effect.provideService(Transport, network.transport(host)))
    yield* harness.during(member.cluster.ready)
  }
  return harness.members.slice(-ids.length)
})

const addressOf = ({ cluster: { address } }: Member) => `${address.host}:${address.port}`

const startExactRing = Effect.fnUntraced(function*(harness: Harness, size: number) {
  yield* startRing(harness, evenIds(size))
  yield* harness.waitUntil("exact leaf sets", harness.isExact)
})

const inspect = Effect.fnUntraced(function*(harness: Harness, options: Partial<Inspector.RingOptions> = {}) {
  const transport = yield* Transport
  const to = options.to ?? [addressOf(harness.living()[0]!)]
  return yield* harness.during(
    Inspector.ring({ ...options, to }).pipe(Effect.provideService(Transport, transport))
  )
})

/** Looks until all but one Node agree: neighbours close a gap later than leaf sets do. */
const untilOthersAgree = Effect.fnUntraced(function*(harness: Harness, hex: string) {
  const transport = yield* Transport
  let ring: Inspector.Ring | undefined
  yield* harness.waitUntil(
    "the others agree",
    Effect.gen(function*() {
      ring = yield* Effect.orDie(inspect(harness))
      return ring.nodes.every(({ node, view }) => node.hex === hex || view === "agrees")
    }).pipe(Effect.provideService(Transport, transport)),
    "60 seconds",
    "500 millis"
  )
  return ring!
})

const hexes = (nodes: Iterable<{ readonly node: Node.Node }>) => Array.from(nodes, ({ node }) => node.hex)

const views = (ring: Inspector.Ring) => new Map(ring.nodes.map(({ node, view }) => [node.hex, view]))

/** The hops of a key, and how it ended. */
const follow = Effect.fnUntraced(function*(harness: Harness, options: Inspector.RouteOptions) {
  const transport = yield* Transport
  const hops: Array<Inspector.Hop> = []
  const result = yield* harness.during(
    Effect.result(Stream.runForEach(Inspector.route(options), (hop) => Effect.sync(() => hops.push(hop)))).pipe(
      Effect.provideService(Transport, transport)
    )
  )
  return { hops, error: Result.isFailure(result) ? result.failure : undefined }
})

// -----------------------------------------------------------------------------
// Nodes that answer what a test wants
// -----------------------------------------------------------------------------

const nodeAt = (digits: string, port: number, incarnation = 1) =>
  new Node.Node({
    id: idOf(digits),
    localHost: "127.0.0.1",
    globalHost: "127.0.0.1",
    port,
    region: "",
    incarnation
  })

type Says = (query: Query.Query) => Query.Answer | undefined

const play = Effect.fnUntraced(function*(node: Node.Node, says: Says) {
  const transport = yield* Transport
  const security = yield* makeSecurity({})
  const identity = makeIdentity("member", node, () => security, {})
  const listener = yield* transport.listen({ host: "127.0.0.1", port: node.port }, {
    maxFrameSize: 65_536,
    maxConnections: 100
  })
  const answer = (link: Link.Link) => (frames: ReadonlyArray<Frame.Frame>) =>
    Effect.sync(() => {
      for (const frame of frames) {
        const answer = frame._tag === "Query" ? says(frame.query) : undefined
        if (answer !== undefined) link.sendControl(Frame.answer(answer))
      }
    })
  yield* Effect.forkScoped(
    listener.serve((connection) =>
      Effect.ignore(Effect.flatMap(Link.accept(connection, identity), (link) => link.run(answer(link))))
    )
  )
  return node
})

/** Says that it holds these Nodes, by side. */
const holding = (
  node: Node.Node,
  left: ReadonlyArray<Node.Node>,
  right: ReadonlyArray<Node.Node>,
  more: Partial<Inspector.View> = {}
): Says =>
({ sequence }) => ({
  _tag: "ViewAnswer",
  sequence,
  node,
  ready: true,
  predecessor: left[0],
  successor: right[0],
  side: 16,
  left,
  right,
  lost: [],
  ...more
})

const sending =
  (to: Node.Node | undefined, more: Partial<typeof Query.RouteAnswer.Type> = {}): Says => ({ sequence }) => ({
    _tag: "RouteAnswer",
    sequence,
    covers: false,
    ready: true,
    next: to,
    why: "leaf",
    row: 0,
    column: 3,
    ...more
  })

// -----------------------------------------------------------------------------

describe("ring", () => {
  for (const size of [1, 2, 3, 16, 40]) {
    onNetwork(`${size} Nodes agree, whoever is asked first`, (harness) =>
      Effect.gen(function*() {
        yield* startExactRing(harness, size)
        const ids = harness.members.map(({ cluster }) => cluster.id.hex).toSorted()
        for (const seed of [harness.members[0]!, harness.members.at(-1)!]) {
          const ring = yield* inspect(harness, { to: [addressOf(seed)] })
          assert.deepStrictEqual(hexes(ring.nodes), ids)
          assert.deepStrictEqual(ring.nodes.filter(({ view }) => view !== "agrees"), [])
          assert.deepInclude(ring, { ready: size, agree: true, isComplete: true, unanswered: [] })
        }
      }))
  }

  onNetwork("a view is what the Node holds, and looking leaves no trace", (harness) =>
    Effect.gen(function*() {
      yield* startExactRing(harness, 3)
      for (const { cluster } of harness.members) {
        const view = yield* harness.during(
          Inspector.view(`${cluster.address.host}:${cluster.address.port}`).pipe(
            Effect.provideService(Transport, yield* Transport)
          )
        )
        const { left, right } = yield* cluster.leafSet
        const hexesOf = (nodes: ReadonlyArray<Node.Node>) => nodes.map(({ hex }) => hex)
        assert.deepStrictEqual(hexesOf(view.left), hexesOf(left))
        assert.deepStrictEqual(hexesOf(view.right), hexesOf(right))
        assert.strictEqual(view.predecessor?.hex, left[0]!.hex)
        assert.strictEqual(view.successor?.hex, right[0]!.hex)
        assert.isTrue(view.ready && Node.isSameLife(view.node, nodeOf(cluster)))
        assert.strictEqual(view.side, 16)
        assert.deepStrictEqual(view.lost, [])
        assert.lengthOf(left, 2, "a client is in no table")
      }
    }))

  onNetwork(
    "a silenced host: silent while somebody holds it, gone when all gave it up",
    (harness, network) =>
      Effect.gen(function*() {
        yield* startExactRing(harness, 5)
        const victim = harness.members[2]!
        const { hex } = victim.cluster.id
        yield* network.silence("10.0.0.3")
        const before = yield* inspect(harness)
        assert.strictEqual(views(before).get(hex), "silent")
        assert.deepInclude(before, { agree: false, ready: 4 })
        const neighbour = before.nodes.find(({ node }) => node.hex === harness.members[1]!.cluster.id.hex)!
        assert.strictEqual(neighbour.view, "differs")
        assert.include(neighbour.detail, `its successor is ${hex.slice(0, 8)}`)
        assert.include(neighbour.detail, `its leaf set holds ${hex.slice(0, 8)}, which should not be there`)

        const after = yield* untilOthersAgree(harness, hex)
        assert.deepInclude(after, { agree: true, ready: 4 })
        assert.deepInclude(after.nodes.find(({ node }) => node.hex === hex), { view: "gone", isHeld: false })
      })
  )

  onNetwork("a process that takes connections and does not answer: silent before and after the others gave it up", (
    harness,
    network
  ) =>
    Effect.gen(function*() {
      yield* startExactRing(harness, 4)
      const victim = harness.members[1]!
      const { hex, localHost: host, port } = nodeOf(victim.cluster)
      yield* harness.kill(victim)
      // What the kernel does for a stopped process: it takes connections for it.
      yield* network.transport(host).listen({ host, port }, { maxFrameSize: 65_536, maxConnections: 100 })
      const before = yield* inspect(harness)
      assert.strictEqual(views(before).get(hex), "silent")
      assert.isFalse(before.agree)
      assert.isAbove(before.nodes.filter(({ view }) => view === "differs").length, 0)

      const after = yield* untilOthersAgree(harness, hex)
      assert.deepInclude(after, { agree: false, ready: 3 })
      assert.strictEqual(views(after).get(hex), "silent")
      const { detail, isHeld } = after.nodes.find(({ node }) => node.hex === hex)!
      assert.isFalse(isHeld)
      assert.include(detail, "did not answer within 2s")
    }))

  onNetwork(
    "a killed Node is gone, and the others agree again; one that left is not mentioned",
    (harness) =>
      Effect.gen(function*() {
        yield* startExactRing(harness, 6)
        const [, killed, , left] = harness.members
        yield* harness.kill(killed!)
        yield* harness.leave(left!)
        yield* harness.waitUntil("exact leaf sets", harness.isExact)
        const ring = yield* inspect(harness)
        assert.deepInclude(ring, { agree: true, ready: 4 })
        assert.strictEqual(views(ring).get(killed!.cluster.id.hex), "gone")
        assert.isFalse(views(ring).has(left!.cluster.id.hex))
      })
  )

  onNetwork("a Node that has not joined is joining", (harness) =>
    Effect.gen(function*() {
      yield* startExactRing(harness, 2)
      const network = yield* Memory.Network
      const lonely = yield* harness.start({ localHost: "10.0.0.9", join: ["10.0.0.99:1"] }).pipe(
        Effect.provideService(Transport, network.transport("10.0.0.9"))
      )
      const to = [addressOf(harness.members[0]!), addressOf(lonely)]
      const ring = yield* inspect(harness, { to })
      assert.deepInclude(ring, { agree: false, ready: 2 })
      assert.strictEqual(views(ring).get(lonely.cluster.id.hex), "joining")
    }))

  onNetwork("two rings that do not know each other disagree", (harness) =>
    Effect.gen(function*() {
      const [first] = yield* startRing(harness, [idOf("1"), idOf("9")])
      for (const member of harness.members) member.isLiving = false
      const [second] = yield* startRing(harness, [idOf("5"), idOf("d")])
      const ring = yield* inspect(harness, { to: [addressOf(first!), addressOf(second!)] })
      assert.deepInclude(ring, { agree: false, ready: 4 })
      assert.deepStrictEqual(ring.nodes.map(({ view }) => view), ["differs", "differs", "differs", "differs"])
      for (const each of [first!, second!]) {
        assert.deepInclude(yield* inspect(harness, { to: [addressOf(each)] }), { agree: true, ready: 2 })
      }
    }))

  onNetwork(
    "a Node that nobody answers for but that somebody holds: gone, and the holder differs",
    (harness) =>
      Effect.gen(function*() {
        const dead = nodeAt("8", 7008)
        const self = nodeAt("1", 7001)
        yield* play(self, holding(self, [dead], [dead]))
        const ring = yield* inspect(harness, { to: ["127.0.0.1:7001"] })
        assert.isFalse(ring.agree)
        assert.deepStrictEqual(ring.nodes.map(({ isHeld, view }) => ({ isHeld, view })), [
          { isHeld: false, view: "differs" },
          { isHeld: true, view: "gone" }
        ])
        assert.strictEqual(
          ring.nodes[0]!.detail,
          "its predecessor is 80000000, expected nobody; its successor is 80000000, expected nobody; " +
            "its leaf set holds 80000000, which should not be there"
        )
      })
  )

  onNetwork("a leaf that is missing, and one on the wrong side", (harness) =>
    Effect.gen(function*() {
      const [a, b, c] = [nodeAt("1", 7001), nodeAt("5", 7005), nodeAt("9", 7009)]
      yield* play(a, holding(a, [c, b], [b, c]))
      yield* play(b, holding(b, [a], [c], { side: 16 }))
      yield* play(c, holding(c, [b, a], [a, b], { left: [a, b] }))
      const ring = yield* inspect(harness, { to: ["127.0.0.1:7001"] })
      assert.deepStrictEqual(ring.nodes.map(({ detail }) => detail), [
        undefined,
        "its leaf set has Nodes on the wrong side",
        "its leaf set has Nodes on the wrong side"
      ])
      assert.isFalse(ring.agree)
    }))

  onNetwork(
    "the size of a leaf set is what the Node says, and a hole in it shows",
    (harness) =>
      Effect.gen(function*() {
        const [a, b, c, d] = ["1", "5", "9", "d"].map((digits, index) => nodeAt(digits, 7001 + index)) as [
          Node.Node,
          Node.Node,
          Node.Node,
          Node.Node
        ]
        yield* play(a, holding(a, [d], [b], { side: 1 }))
        yield* play(b, holding(b, [a], [c], { side: 1 }))
        yield* play(c, holding(c, [b, a], [d, a], { side: 2 }))
        yield* play(d, holding(d, [c, b], [a], { side: 2 }))
        const ring = yield* inspect(harness, { to: ["127.0.0.1:7001"] })
        assert.deepStrictEqual(ring.nodes.map(({ view }) => view), ["agrees", "agrees", "agrees", "differs"])
      })
  )

  onNetwork(
    "a lost life whose address answers with another is not reported; another life of an id differs",
    (harness) =>
      Effect.gen(function*() {
        const [a, restarted] = [nodeAt("1", 7001), nodeAt("5", 7005, 2)]
        const lost = [nodeAt("5", 7005, 1), nodeAt("5", 7999, 0), nodeAt("7", 7005)]
        yield* play(a, holding(a, [restarted], [restarted], { lost }))
        yield* play(restarted, holding(restarted, [a], [a]))
        const to = ["127.0.0.1:7001"]
        const ring = yield* inspect(harness, { to })
        assert.deepStrictEqual(ring.nodes.map(({ node, view }) => [node.life, view]), [
          [a.life, "agrees"],
          [restarted.life, "agrees"]
        ])
        assert.isTrue(ring.agree)

        const old = nodeAt("5", 7004, 1)
        yield* play(old, holding(old, [a], [a]))
        const both = yield* inspect(harness, { to: [...to, "127.0.0.1:7004"] })
        assert.deepStrictEqual(both.nodes.map(({ view }) => view), ["agrees", "differs", "agrees"])
        assert.deepInclude(both, { agree: false, ready: 2 })

        // A life that somebody still holds is told, although another answers in its place.
        const late = nodeAt("c", 7012)
        yield* play(late, holding(late, [lost[0]!], [lost[0]!]))
        const held = yield* inspect(harness, { to: ["127.0.0.1:7012"] })
        const stale = held.nodes.find(({ node }) => node.life === lost[0]!.life)
        assert.deepInclude(stale, { view: "gone", isHeld: true })
        assert.include(stale?.detail, "another Node answers")
        assert.isFalse(held.agree)
      })
  )

  onNetwork("looks at no more Nodes than it may", (harness) =>
    Effect.gen(function*() {
      yield* startExactRing(harness, 5)
      const ring = yield* inspect(harness, { maxNodes: 3 })
      assert.lengthOf(ring.nodes, 3)
      assert.deepInclude(ring, { agree: false, isComplete: false })
    }))

  onNetwork("seeds that do not answer are told; without one that does it fails", (harness) =>
    Effect.gen(function*() {
      yield* startExactRing(harness, 2)
      const there = addressOf(harness.members[1]!)
      const ring = yield* inspect(harness, { to: ["10.0.0.99:1", there] })
      assert.isTrue(ring.agree)
      assert.deepStrictEqual(ring.unanswered.map(({ address, reason: { _tag: reason } }) => [address, reason]), [[
        "10.0.0.99:1",
        "Gone"
      ]])

      const transport = yield* Transport
      const failing = (options: Inspector.RingOptions) =>
        failure(harness, Inspector.ring(options).pipe(Effect.provideService(Transport, transport)))
      assert.nestedInclude(yield* failing({ to: ["10.0.0.99:1"] }), {
        _tag: "WendyInspectError",
        "reason._tag": "Unreachable"
      })
      assert.deepInclude(yield* failing({ to: [] }), { _tag: "WendyOptionError", option: "to" })
      assert.deepInclude(yield* failing({ to: ["nowhere"] }), { _tag: "WendyOptionError", option: "to" })
      const credentials = Credentials.passphrase(Redacted.make("a passphrase that is long"))
      const events = yield* collectEvents(harness.members[1]!.cluster)
      for (const options of [{ credentials }, { cluster: "other" }]) {
        const error = yield* failing({ to: ["10.0.0.99:1", there], ...options })
        assert.nestedInclude(error, { _tag: "WendyInspectError", "reason._tag": "Refused" })
      }
      assert.lengthOf(errorsOf(events, "Refused"), 2)
    }))

  onNetwork("gives up on a Node that does not answer within the time-out", (harness) =>
    Effect.gen(function*() {
      const mute = nodeAt("1", 7001)
      yield* play(mute, () => undefined)
      const startedAt = yield* Clock.currentTimeMillis
      const transport = yield* Transport
      const error = yield* failure(
        harness,
        Inspector.view("127.0.0.1:7001", { timeout: "500 millis" }).pipe(Effect.provideService(Transport, transport))
      )
      assert.nestedInclude(error, { _tag: "WendyUnansweredError", "reason._tag": "Silent", address: "127.0.0.1:7001" })
      assert.closeTo((yield* Clock.currentTimeMillis) - startedAt, 500, 40)
    }))

  onNetwork("an answer to another question is none", (harness) =>
    Effect.gen(function*() {
      const odd = nodeAt("1", 7001)
      const view = holding(odd, [], [])
      yield* play(odd, (query) => view({ ...query, sequence: query.sequence + 1 }))
      const even = nodeAt("2", 7002)
      yield* play(even, sending(undefined))
      const transport = yield* Transport
      for (const address of ["127.0.0.1:7001", "127.0.0.1:7002"]) {
        const error = yield* failure(harness, Inspector.view(address).pipe(Effect.provideService(Transport, transport)))
        assert.nestedInclude(error, { _tag: "WendyUnansweredError", "reason._tag": "Silent" })
      }
    }))
})

describe("route", () => {
  /** What a hop says of why it was chosen, checked against what the Node before it holds. */
  const checkReason = Effect.fnUntraced(function*(from: Member, hop: Inspector.Hop, key: NodeId.NodeId) {
    const { id, leafSet } = from.cluster
    const { left, right } = yield* leafSet
    const leaves = [...left, ...right]
    const row = NodeId.commonPrefix(id, key)
    assert.deepInclude(hop, { row, column: NodeId.digit(key, row) })
    const shared = NodeId.commonPrefix(hop.node.id, key)
    const inRange = NodeId.isBetween(left.at(-1)!.id, key, right.at(-1)!.id)
    switch (hop.why) {
      case "leaf": {
        assert.isTrue(inRange)
        const closest = leaves.reduce((best, leaf) => NodeId.isCloser(key, leaf.id, best.id) ? leaf : best)
        return assert.strictEqual(hop.node.hex, closest.hex)
      }
      case "table":
        assert.isFalse(inRange)
        return assert.isAbove(shared, row)
      case "rare":
        assert.isFalse(inRange)
        return assert.strictEqual(shared, row)
      default:
        return assert.fail(`a hop that was chosen because ${hop.why}`)
    }
  })

  onNetwork("ends at the root that brute force says, and each hop says why", (harness) =>
    Effect.gen(function*() {
      // Few leaves, and an eighth of the ring without a Node: every reason occurs.
      const ids = [...evenIds(16).slice(0, 12), idOf("24"), idOf("28"), idOf("2c"), idOf("248")]
      yield* startRing(harness, ids, { config: { leafSetSide: 1 } })
      const seen = new Set<string>()
      const all = [...keys.slice(0, 40), ...ids.slice(0, 4), idOf("d8"), idOf("e")]
      yield* harness.during(Effect.sleep("30 seconds"), "40 seconds")
      for (const [index, key] of all.entries()) {
        const start = harness.members[index % harness.members.length]!
        const { error, hops } = yield* follow(harness, { to: [addressOf(start)], key })
        assert.isUndefined(error)
        assert.strictEqual(hops.at(-1)!.node.hex, harness.closest(key).cluster.id.hex, key.hex)
        assert.deepStrictEqual(hops.map(({ index }) => index), hops.map((_, place) => place))
        assert.deepStrictEqual(hops.map(({ isRoot }) => isRoot), hops.map((_, place) => place === hops.length - 1))
        assert.deepInclude(hops[0], { why: "start", row: undefined, column: undefined })
        assert.strictEqual(hops[0]!.node.hex, start.cluster.id.hex)
        for (const [place, hop] of hops.entries()) {
          assert.isAtLeast(hop.roundTrip, 0)
          if (place === 0) continue
          const before = harness.members.find(({ cluster }) => cluster.id.hex === hops[place - 1]!.node.hex)!
          yield* checkReason(before, hop, key)
          seen.add(hop.why)
        }
      }
      assert.deepStrictEqual([...seen].toSorted(), ["leaf", "rare", "table"])
    }))

  onNetwork("begins at the first seed that answers", (harness) =>
    Effect.gen(function*() {
      yield* startExactRing(harness, 3)
      const [first, second] = harness.members
      yield* harness.kill(first!)
      yield* harness.waitUntil("exact leaf sets", harness.isExact)
      const { error, hops } = yield* follow(harness, {
        to: [addressOf(first!), addressOf(second!)],
        key: second!.cluster.id
      })
      assert.isUndefined(error)
      assert.deepStrictEqual(hexes(hops), [second!.cluster.id.hex])
      assert.deepInclude(hops[0], { isRoot: true, why: "start" })
    }))

  onNetwork("fails with the hops so far", (harness) =>
    Effect.gen(function*() {
      const key = idOf("3")
      const [a, b, c] = [nodeAt("1", 7001), nodeAt("2", 7002), nodeAt("5", 7003)]
      const to = ["127.0.0.1:7001"]
      yield* play(a, sending(b))

      const unreachable = yield* follow(harness, { to, key })
      assert.deepStrictEqual(hexes(unreachable.hops), [a.hex])
      assert.nestedInclude(unreachable.error, { _tag: "WendyRouteError", "reason._tag": "Unanswered" })
      assert.deepStrictEqual((unreachable.error as Inspector.WendyRouteError).hops, unreachable.hops)
      assert.include(unreachable.error?.message, b.hex)

      yield* Effect.scoped(Effect.gen(function*() {
        yield* play(b, sending(undefined, { ready: false }))
        const held = yield* follow(harness, { to, key })
        assert.deepStrictEqual(hexes(held.hops), [a.hex, b.hex])
        assert.nestedInclude(held.error, { _tag: "WendyRouteError", "reason._tag": "Held" })
      }))

      yield* Effect.scoped(Effect.gen(function*() {
        yield* play(b, sending(a))
        const circle = yield* follow(harness, { to, key })
        assert.lengthOf(circle.hops, 64)
        assert.nestedInclude(circle.error, { _tag: "WendyRouteError", "reason._tag": "TooLong" })
      }))

      // Another Node has taken the address.
      yield* play(new Node.Node({ ...c, port: b.port }), sending(undefined, { covers: true }))
      const other = yield* follow(harness, { to, key })
      assert.deepStrictEqual(hexes(other.hops), [a.hex])
      assert.nestedInclude(other.error, { _tag: "WendyRouteError", "reason._tag": "Unanswered" })
      assert.include(other.error?.message, `but ${c.hex} answers`)
    }))

  onNetwork(
    "dials a Node of its own Region at the local address, others at the global one",
    (harness) =>
      Effect.gen(function*() {
        const next = new Node.Node({
          ...nodeAt("3", 7002),
          localHost: "127.0.0.1",
          globalHost: "192.0.2.1",
          region: "eu"
        })
        const first = yield* play(nodeAt("1", 7001), sending(next))
        yield* play(next, sending(undefined, { covers: true }))
        const options = { to: [`127.0.0.1:${first.port}`], key: next.id }
        const inside = yield* follow(harness, { ...options, region: "eu" })
        assert.deepStrictEqual(hexes(inside.hops), [first.hex, next.hex])
        const outside = yield* follow(harness, options)
        assert.include(outside.error?.message, "192.0.2.1:7002")
      })
  )
})
