import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Application from "../../src/Application.ts"
import type { ClusterConfig } from "../../src/protocol/ClusterConfig.ts"
import { defaults } from "../../src/protocol/ClusterConfig.ts"
import * as Frame from "../../src/protocol/Frame.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as Memory from "../../src/transport/Memory.ts"
import { Transport } from "../../src/transport/Transport.ts"
import {
  checkWorks,
  collectEvents,
  errorsOf,
  evenIds,
  freePort,
  type Harness,
  hostOf,
  idOf,
  keys,
  listenRaw,
  makePeer,
  type RawMessage,
  shakeHands,
  startOn,
  writeFrames
} from "../cluster/Rig.ts"
import { makeHarness, type Member, nodeOf, outgoing, passing, text } from "../ClusterHarness.ts"
import {
  comingAndGoing,
  counting,
  hour,
  knows,
  makeTraffic,
  makeWallClock,
  onMachines,
  overBoth,
  overTcp,
  startMachines,
  type Traffic,
  untilCovered
} from "./Rig.ts"

/** Small tables and quick exchanges: messages make several hops. */
const small: Partial<ClusterConfig> = { leafSetSide: 1, neighborhoodSize: 4, exchange: 1000, tableExchange: 5000 }

/** A sender, and a key whose next hop from there is a Node that is neither its root nor next to it. */
const findDetour = Effect.fnUntraced(function*(harness: Harness, senders: ReadonlyArray<Member> = harness.members) {
  for (const sender of senders) {
    for (const key of keys) {
      const next = Option.getOrUndefined(yield* sender.cluster.nextHop(key))
      if (next === undefined) continue
      const hop = harness.members.find(({ cluster }) => cluster.id.hex === next.hex)!
      const ring = harness.members
      const distance = Math.abs(ring.indexOf(hop) - ring.indexOf(harness.closest(key)))
      if (distance > 1 && distance < ring.length - 1 && hop !== ring[0]) return { sender, key, hop }
    }
  }
  return assert.fail("no message makes a hop over a third Node")
})

/** Four times four Nodes that share their first digit: of each four a Node from elsewhere knows one. */
const fours = Array.from("048c").flatMap((first) => Array.from("048c").map((second) => idOf(first + second)))

const startLarge = Effect.fnUntraced(function*(harness: Harness) {
  yield* startMachines(harness, fours, { config: small })
  yield* harness.waitUntil(
    "routing tables fill",
    Effect.map(
      Effect.forEach(harness.members, ({ cluster }) => cluster.nodes),
      (tables) => tables.every(({ length }) => length >= 6)
    ),
    "2 minutes",
    "500 millis"
  )
})

/** A message for the id of the newest Node is delivered there. */
const checkWelcome = Effect.fnUntraced(function*(harness: Harness, id: NodeId.NodeId) {
  const receipt = yield* harness.during(harness.members[0]!.cluster.sendConfirmed(outgoing(id, "welcome")))
  assert.strictEqual(receipt.root.hex, id.hex)
  assert.deepStrictEqual(harness.members.at(-1)!.delivered.map(text), ["welcome"])
})

describe("Network: whoever does not answer", () => {
  overBoth(
    "Go Wendy defect 25: a peer that never answers does not count as alive",
    (harness) =>
      Effect.gen(function*() {
        const config = { handshakeTimeout: 200, dialTimeout: 200, probe: 100, renewal: 300 }
        const { listen } = yield* Transport
        const mute = yield* listen({ host: "127.0.0.1", port: 0 }, { maxFrameSize: 1024, maxConnections: 100 })
        yield* Effect.forkScoped(mute.serve(() => Effect.never), { startImmediately: true })
        const seed = `127.0.0.1:${mute.address.port}`

        // As a seed it lets nobody in, and the joiner is told so.
        const joiner = yield* harness.start({ join: [seed], joinTimeout: "1 second", config })
        const events = yield* collectEvents(joiner.cluster)
        const exit = yield* harness.during(Effect.exit(joiner.cluster.ready), "5 seconds")
        const error = Exit.isFailure(exit) ? Option.getOrUndefined(Exit.findErrorOption(exit)) : undefined
        assert.strictEqual(error?.reason._tag, "Timeout")
        assert.isFalse(yield* joiner.cluster.isReady)
        assert.isTrue(events.some(({ _tag }) => _tag === "JoinRetrying"))
        yield* harness.kill(joiner)

        // Beside a living one it only costs time, and enters no table.
        const first = yield* harness.start({ config })
        yield* harness.during(first.cluster.ready)
        const second = yield* harness.start({ join: [seed, harness.addressOf(first)], config })
        yield* harness.during(second.cluster.ready, "5 seconds")
        const nodes = yield* Effect.forEach(harness.living(), ({ cluster }) => cluster.nodes)
        assert.isFalse(nodes.flat().some(({ node }) => node.port === mute.address.port))
        yield* checkWorks(harness, "beside it")
      })
  )

  onMachines("Go Wendy defect 25: a peer that stops to answer counts as failed, within the times of its questions", (
    harness,
    network
  ) =>
    Effect.gen(function*() {
      yield* startMachines(harness, evenIds(4))
      const events = yield* collectEvents(harness.members[1]!.cluster)
      const victim = harness.members[2]!
      yield* network.silence(hostOf(victim))
      yield* harness.waitUntil(
        "its neighbour says so",
        Effect.sync(() => comingAndGoing(events).includes(`failed ${victim.cluster.id.hex}`)),
        defaults.renewal + (1 + defaults.probeRetries) * defaults.probe + 200
      )
      assert.isFalse(yield* knows(harness.members[1]!, victim.cluster.id.hex))
    }))

  for (const how of ["killed", "silent"] as const) {
    onMachines(
      `Go Wendy defect 26: a message through a dead next hop arrives, though nobody keeps a copy of it (${how})`,
      (harness, network) =>
        Effect.gen(function*() {
          yield* startLarge(harness)
          const { hop, key, sender } = yield* findDetour(harness)
          const root = harness.closest(key)
          const words = Array.from({ length: 50 }, (_, index) => `word ${index}`)
          if (how === "killed") yield* harness.kill(hop)
          else yield* network.silence(hostOf(hop))
          // Nobody has noticed yet: the dead Node is still the next hop.
          const next = yield* sender.cluster.nextHop(key)
          if (how === "silent") assert.strictEqual(Option.getOrThrow(next).hex, hop.cluster.id.hex)
          // Acknowledged messages: no receipt is awaited, nothing is sent again by its sender.
          yield* sender.cluster.sendAll(words.map((word) => outgoing(key, word)))
          const arrived = () => root.delivered.map(text).filter((word) => words.includes(word))
          yield* harness.waitUntil("all arrive", Effect.sync(() => arrived().length >= 50), "15 seconds", "100 millis")
          assert.sameMembers(arrived(), words, "each once, at the root")
        })
    )
  }

  onMachines(
    "Go Wendy defect 37: a join that is routed to a dead Node succeeds (silent)",
    (harness, network) =>
      Effect.gen(function*() {
        yield* startLarge(harness)
        // The seed of whoever joins is the first Node: from there the request goes to a Node that is no more.
        const { hop, key } = yield* findDetour(harness, harness.members.slice(0, 1))
        yield* network.silence(hostOf(hop))
        const joiner = yield* startOn(harness, 99, { id: key, config: small })
        // The seed asks the silent Node until it counts as failed, and then the request goes another way.
        yield* harness.during(joiner.cluster.ready, "10 seconds")
        yield* checkWelcome(harness, key)
      })
  )

  onMachines(
    "Go Wendy defect 37: a join that is routed to a dead Node succeeds (killed on the way)",
    (harness) =>
      Effect.gen(function*() {
        const traffic = makeTraffic()
        const slow = yield* Memory.makeNetwork({ latency: "20 millis" })
        const counted = { ...slow, transport: (host?: string) => counting(slow.transport(host), traffic) }
        yield* Effect.gen(function*() {
          yield* startLarge(harness)
          const { hop, key } = yield* findDetour(harness, harness.members.slice(0, 1))
          const before = traffic.control.length
          const joiner = yield* startOn(harness, 99, { id: key, config: small })
          const requests = () => traffic.control.slice(before).filter((tag) => tag === "JoinRequest").length
          yield* harness.waitUntil(
            "the seed has sent the request on",
            Effect.sync(() => requests() >= 2),
            "1 second",
            "1 millis"
          )
          // It travels still, to a Node that will not be there.
          yield* harness.kill(hop)
          yield* harness.during(joiner.cluster.ready, "5 seconds")
          yield* checkWelcome(harness, key)
        }).pipe(Effect.provideService(Memory.Network, counted))
      })
  )

  onMachines(
    "Go Wendy defect 37: a join whose gap owner is dead succeeds",
    (harness, network) =>
      Effect.gen(function*() {
        yield* startMachines(harness, evenIds(4))
        const owner = harness.members[1]!
        yield* network.silence(hostOf(owner))
        const key = NodeId.add(owner.cluster.id, idOf("01"))
        const joiner = yield* startOn(harness, 99, { id: key })
        // Nothing proves that the owner has ended: the gap stays shut until its lease has run out.
        const { lease, margin, probe, probeRetries, renewal } = defaults
        const within = renewal + (1 + probeRetries) * probe + lease + margin + 5000
        yield* harness.during(joiner.cluster.ready, within)
        yield* checkWelcome(harness, key)
      })
  )
})

describe("Network: loops and storms", () => {
  overTcp(
    "Go Wendy defect 27: a message that is sent in circles ends after 64 hops",
    (harness) =>
      Effect.gen(function*() {
        const config = { handshakeTimeout: 300 }
        for (const digits of ["0", "5", "a"]) {
          yield* harness.during((yield* harness.join({ id: idOf(digits), config })).cluster.ready)
        }
        yield* harness.waitUntil("exact leaf sets", harness.isExact, "10 seconds", "5 millis")
        const victim = harness.members[0]!
        const events = yield* collectEvents(victim.cluster)
        const { port } = victim.cluster.address
        // It says that it is ready, in the part of another, and gives back every message that it gets.
        const raw = yield* shakeHands(port, makePeer({ id: idOf("9") }))
        writeFrames(raw, Frame.control({ _tag: "Joined", attempt: 1 }))
        yield* harness.waitUntil("it stands in the tables", knows(victim, idOf("9").hex), "5 seconds", "5 millis")
        let hops = 0
        const answer = Effect.sync(() => {
          const frames: Array<Uint8Array> = []
          for (const bytes of raw.frames.splice(0)) {
            const frame = Frame.decode(bytes)
            if (frame._tag === "Routed") {
              frames.push(Frame.acknowledged(0, hops), bytes)
              hops++
            } else if (frame._tag === "Control" && frame.message._tag === "Probe") {
              const { sequence } = frame.message
              frames.push(Frame.control({ _tag: "ProbeAck", sequence, ready: true, leaves: [] }))
            }
          }
          if (frames.length > 0) writeFrames(raw, ...frames)
          return hops
        })
        yield* victim.cluster.send(outgoing(idOf("9"), "round and round"))
        yield* harness.waitUntil(
          "it is given up",
          Effect.map(answer, () => errorsOf(events, "TooManyHops").length > 0),
          "10 seconds",
          "1 millis"
        )
        assert.isAbove(hops, 1)
        assert.isAtMost(hops, 64)
        assert.strictEqual((yield* victim.cluster.statistics).dropped, 1)
        raw.socket.destroy()
        yield* harness.waitUntil("exact leaf sets", harness.isExact, "10 seconds", "5 millis")
        yield* checkWorks(harness, "after")
      })
  )

  /** Three Nodes over a network that counts. */
  const counted = (
    title: string,
    body: (harness: Harness, traffic: Traffic) => Effect.Effect<void, unknown, Transport>
  ) =>
    it.effect(title, () =>
      Effect.gen(function*() {
        const traffic = makeTraffic()
        const transport = counting(yield* Transport, traffic)
        yield* Effect.provideService(
          Effect.gen(function*() {
            const harness = yield* makeHarness(passing)
            for (const id of evenIds(3)) yield* harness.during((yield* harness.join({ id })).cluster.ready)
            yield* harness.waitUntil("exact leaf sets", harness.isExact)
            yield* body(harness, traffic)
          }),
          Transport,
          transport
        )
      }).pipe(Effect.provide(Layer.fresh(Memory.layer))))

  counted("Go Wendy defect 29: a join, a leave and a death in a ring of 3 cost a bounded number of messages", (
    harness,
    traffic
  ) =>
    Effect.gen(function*() {
      /** What is written and dialled in the ten seconds in which something happens, and then in ten quiet ones. */
      const costOf = Effect.fnUntraced(function*(change: Effect.Effect<unknown, unknown, Transport>) {
        const cost = Effect.fnUntraced(function*(change: Effect.Effect<unknown, unknown, Transport>) {
          const [messages, dials] = [traffic.control.length, traffic.dials]
          yield* change
          yield* harness.waitUntil("exact leaf sets", harness.isExact)
          yield* passing("10 seconds")
          return { messages: traffic.control.length - messages, dials: traffic.dials - dials }
        })
        const during = yield* cost(change)
        const after = yield* cost(Effect.void)
        return { messages: during.messages - after.messages, dials: during.dials - after.dials, after }
      })
      const joined = yield* costOf(
        Effect.flatMap(harness.join({ id: idOf("c") }), ({ cluster }) => harness.during(cluster.ready))
      )
      const left = yield* costOf(harness.leave(harness.members[3]!))
      const died = yield* costOf(harness.kill(harness.members[2]!))
      for (const { after, dials, messages } of [joined, left, died]) {
        assert.isAtMost(messages, 80)
        assert.isAtMost(dials, 12)
        assert.isAtMost(after.dials, 2, "quiet again: links stay")
      }
    }))

  counted(
    "Go Wendy defect 29: in a quiet minute Nodes renew and exchange, and say nothing else",
    (harness, traffic) =>
      Effect.gen(function*() {
        const [messages, dials] = [traffic.control.length, traffic.dials]
        yield* passing("1 minute")
        const said = traffic.control.slice(messages)
        const renewals = 60_000 / defaults.renewal
        const exchanges = 60_000 / defaults.exchange
        // Each Node has two neighbours, and each of these is answered; an exchange asks one leaf, and now and then a table.
        const most = 3 * 2 * 2 * (renewals + 1) + 3 * (2 + 2 + 2) * (exchanges + 1)
        assert.isAtMost(said.length, most)
        assert.isAtLeast(said.length, 3 * 2 * 2 * (renewals - 1), "else nothing was counted")
        assert.strictEqual(traffic.dials, dials, "over the links that are there")
        assert.isFalse(said.some((tag) => tag === "Joined" || tag === "Failed" || tag === "JoinRequest"))
      })
  )
})

describe("Network: who comes back, and who was never there", () => {
  const restarts: ReadonlyArray<
    readonly [
      what: string,
      end: (harness: Harness, member: Member) => Effect.Effect<void>,
      machine: number,
      ahead: number
    ]
  > = [
    ["after a leave", (harness, member) => harness.leave(member), 2, 0],
    ["after a kill, at another port", (harness, member) => harness.kill(member), 2, 0],
    ["after a kill, on another machine", (harness, member) => harness.kill(member), 7, 0],
    [
      "after a silence, on another machine",
      (_, member) =>
        Effect.sync(() => {
          member.isLiving = false
        }),
      7,
      0
    ],
    ["after a kill, with its clock set back", (harness, member) => harness.kill(member), 2, -hour],
    ["after a leave, with its clock set back", (harness, member) => harness.leave(member), 2, -hour]
  ]
  for (const [what, end, machine, ahead] of restarts) {
    onMachines(
      `Go Wendy defect 28: a Node that starts again with its id joins again ${what}`,
      (harness, network) =>
        Effect.gen(function*() {
          // Wall time begins late enough to be set back.
          const wall = yield* makeWallClock(10 * hour)
          const start = (index: number, id: NodeId.NodeId) =>
            startOn(harness, index, { id }).pipe(Effect.provideService(Clock.Clock, wall.clock))
          for (const [index, id] of evenIds(4).entries()) {
            yield* harness.during((yield* start(index, id)).cluster.ready)
          }
          yield* harness.waitUntil("exact leaf sets", harness.isExact)
          const before = harness.members[2]!
          const { id, incarnation, port } = nodeOf(before.cluster)
          if (what.includes("silence")) yield* network.silence(hostOf(before))
          yield* end(harness, before)
          wall.ahead += ahead
          const after = yield* start(machine, id)
          // As long as nothing proves the end of the silent life, its lease keeps the place.
          yield* harness.during(after.cluster.ready, what.includes("silence") ? "25 seconds" : "5 seconds")
          assert.isAbove(nodeOf(after.cluster).incarnation, incarnation, "a later life")
          if (machine === 2) assert.notStrictEqual(after.cluster.address.port, port)
          yield* harness.waitUntil("exact leaf sets", harness.isExact, 4 * defaults.lease + 20_000, "100 millis")
          const receipt = yield* harness.during(harness.members[0]!.cluster.sendConfirmed(outgoing(id, "again")))
          assert.strictEqual(receipt.root.hex, id.hex)
          assert.deepStrictEqual(after.delivered.map(text), ["again"])
          yield* untilCovered(harness)
        })
    )
  }

  overTcp("Go Wendy defect 30: who is only heard of enters no table: the dead, the mute, and those who are others", (
    harness
  ) =>
    Effect.gen(function*() {
      const config = { handshakeTimeout: 200, probe: 200 }
      for (const digits of ["0", "5", "a", "f"]) {
        yield* harness.during((yield* harness.join({ id: idOf(digits), config })).cluster.ready)
      }
      yield* harness.waitUntil("exact leaf sets", harness.isExact, "10 seconds", "5 millis")
      const [, victim, living, dead] = harness.members
      yield* harness.kill(dead!)
      yield* harness.waitUntil("the dead one is noticed", harness.isExact, "10 seconds", "5 millis")
      const events = yield* collectEvents(victim!.cluster)
      const before = comingAndGoing(events).length

      const asked: Array<RawMessage> = []
      const mute = yield* listenRaw((raw) => asked.push(raw))
      const nobody = yield* freePort
      // Right behind the victim, where sixteen of them would fill a side of its leaf set.
      const forged = [nobody, mute.port, living!.cluster.address.port].flatMap((port, which) =>
        Array.from({ length: 16 }, (_, index) =>
          makePeer({ id: NodeId.add(victim!.cluster.id, idOf(`0${which}${index.toString(16)}1`)), port }))
      )
      const nodes = [...forged, nodeOf(dead!.cluster)]
      const raw = yield* shakeHands(victim!.cluster.address.port, makePeer())
      writeFrames(
        raw,
        // Who is in no table is not listened to at all.
        Frame.control({ _tag: "Probe", sequence: 1, ready: true, wantsLeaves: false }),
        Frame.control({ _tag: "JoinedAck", leaves: nodes }),
        Frame.control({ _tag: "RowReply", nodes }),
        Frame.control({ _tag: "NeighborhoodReply", nodes }),
        Frame.control({ _tag: "ProbeAck", sequence: 1, ready: true, leaves: nodes })
      )
      // As many as may be dialled at one address have been, and were given up: whoever could have got in would be in.
      yield* harness.waitUntil(
        "they were looked at, and given up",
        Effect.sync(() =>
          asked.length >= 3 && asked.every(({ isEnded }) => isEnded)
        ),
        "5 seconds",
        "5 millis"
      )
      const held = yield* victim!.cluster.nodes
      const names = new Set(nodes.map(({ hex }) => hex))
      assert.isEmpty(held.filter(({ node }) => names.has(node.hex)))
      raw.socket.destroy()
      yield* harness.waitUntil("exact leaf sets", harness.isExact, "10 seconds", "5 millis")
      yield* checkWorks(harness, "after")
      // But for the one that spoke for itself, and has gone.
      const told = comingAndGoing(events).slice(before).filter((line) => !line.endsWith(makePeer().hex))
      assert.isEmpty(told)
    }))

  onMachines(
    "Go Wendy known bug: the system clock: set back at one Node, it lengthens no lease that this Node has",
    (harness, network) =>
      Effect.gen(function*() {
        const wall = yield* makeWallClock(10 * hour)
        for (const [index, id] of evenIds(4).entries()) {
          const starting = startOn(harness, index, { id })
          const member = yield* index === 2 ? Effect.provideService(starting, Clock.Clock, wall.clock) : starting
          yield* harness.during(member.cluster.ready)
        }
        yield* harness.waitUntil("exact leaf sets", harness.isExact)
        const victim = harness.members[2]!
        wall.ahead -= hour
        yield* passing("5 seconds")
        yield* network.silence(hostOf(victim))
        // Its leases run out by the time that passes, and only then do others answer for its keys.
        const isTaken = Effect.map(
          Effect.forEach(harness.members.filter((member) => member !== victim), ({ cluster }) =>
            cluster.covers(victim.cluster.id)),
          (covers) =>
            covers.includes(true)
        )
        yield* harness.waitUntil(
          "another answers for its keys",
          Effect.andThen(harness.checkCoverage([victim.cluster.id, ...keys.slice(0, 30)], false), isTaken),
          "30 seconds",
          "100 millis"
        )
        assert.isFalse(yield* victim.cluster.isReady)
      })
  )

  onMachines("Go Wendy known bug: a joining Node swallows messages: one that nobody keeps arrives as well", (
    harness
  ) =>
    Effect.gen(function*() {
      const network = yield* Memory.makeNetwork({ latency: "20 millis" })
      // Frames travel for 20 ms: the join takes a while, and messages meet the joiner at each of its steps.
      const join = Effect.fnUntraced(function*(machine: number, id: NodeId.NodeId) {
        const host = `10.0.0.${machine}`
        const seed = harness.living()[0]?.cluster.address
        return yield* harness.start({ id, localHost: host, join: seed ? [`${seed.host}:${seed.port}`] : [] }).pipe(
          Effect.provideService(Transport, network.transport(host))
        )
      })
      for (const [index, id] of evenIds(4).entries()) yield* harness.during((yield* join(index, id)).cluster.ready)
      yield* harness.waitUntil("exact leaf sets", harness.isExact)
      const joiner = yield* join(9, idOf("6"))
      const key = idOf("6001")
      const words: Array<string> = []
      // From the joiner itself too: what it sends before it is ready waits until it is.
      yield* joiner.cluster.send(outgoing(idOf("0"), "early"))
      const sending = Effect.orDie(Effect.gen(function*() {
        for (const { cluster } of harness.members.slice(0, 4)) {
          words.push(`word ${words.length}`)
          yield* cluster.send(outgoing(key, words.at(-1)!))
        }
        return yield* joiner.cluster.isReady
      }))
      yield* harness.waitUntil("it is ready", sending, "10 seconds", "1 millis")
      const arrived = () => harness.members.flatMap(({ delivered }) => delivered.map(text))
      yield* harness.waitUntil(
        "all have arrived",
        Effect.sync(() => arrived().length >= words.length + 1),
        "5 seconds"
      )
      assert.sameMembers(arrived(), [...words, "early"])
      const there = joiner.delivered.length
      assert.isAbove(there, 0, "some came to it while it was joining")
      assert.isBelow(there, words.length, "and some to the Node that had its keys before")
    }))
})

describe("Network: under load", () => {
  overTcp("Go Wendy defect 31: a Node that is flooded with messages keeps its leases, and its neighbours hear of it", (
    harness
  ) =>
    Effect.gen(function*() {
      const config: Partial<ClusterConfig> = { renewal: 100, probe: 300, lease: 3000, margin: 150 }
      for (const id of evenIds(3)) yield* harness.during((yield* harness.join({ id, config })).cluster.ready)
      yield* harness.waitUntil("exact leaf sets", harness.isExact, "10 seconds", "5 millis")
      const flooded = harness.members[2]!
      const events = yield* Effect.forEach(harness.members, ({ cluster }) => collectEvents(cluster))
      const messages = Array.from({ length: 512 }, () => outgoing(flooded.cluster.id, "flood"))
      const floods = yield* Effect.forEach(harness.members.slice(0, 2), ({ cluster }) =>
        Effect.forkChild(Effect.forever(cluster.sendAll(messages)), { startImmediately: true }))
      const heartbeats = () =>
        events.slice(0, 2).map((seen) =>
          seen.filter((event) =>
            event._tag === "Heartbeat" && event.from.hex === flooded.cluster.id.hex
          ).length
        )
      // More renewals from the flooded Node than fit into a lease: without them the leases would have run out.
      yield* harness.waitUntil(
        "it renews all the same",
        Effect.sync(() => heartbeats().every((count) => count >= 35)),
        "15 seconds",
        "20 millis"
      )
      yield* Effect.forEach(floods, Fiber.interrupt)
      assert.isAbove(flooded.delivered.length, 2000, "that was a flood")
      assert.isFalse(events.flat().some(({ _tag }) => _tag === "NotReady" || _tag === "NodeExited"))
      assert.isTrue(yield* harness.isExact)
    }))

  overTcp(
    "Go Wendy defect 32: after 10,000 messages there are no more timers and handles than before",
    (harness) =>
      Effect.gen(function*() {
        // A callback that takes a turn goes the long way, under an alarm.
        const application = {
          onDeliver: () => Effect.yieldNow,
          onForward: () => Effect.as(Effect.yieldNow, Application.forward)
        }
        for (const id of evenIds(3)) yield* harness.during((yield* harness.join({ id, application })).cluster.ready)
        yield* harness.waitUntil("exact leaf sets", harness.isExact, "10 seconds", "5 millis")
        const send = Effect.fnUntraced(function*(count: number) {
          yield* harness.during(
            Effect.forEach(
              Array.from({ length: count }, (_, index) => `word ${index}`),
              (word, index) => harness.members[index % 3]!.cluster.sendConfirmed(outgoing(word, word)),
              { concurrency: 64, discard: true }
            ),
            "20 seconds"
          )
        })
        const count = () => {
          const names = process.getActiveResourcesInfo()
          return names.filter((name) => name === "Timeout" || name.startsWith("TCP")).length
        }
        // The first ones open what there is to open.
        yield* send(100)
        let before = 0
        yield* harness.waitUntil(
          "all is quiet",
          Effect.sync(() => {
            const now = count()
            const isSame = now === before
            before = now
            return isSame
          }),
          "3 seconds",
          "50 millis"
        )
        yield* send(10_000)
        yield* harness.waitUntil("no more than before", Effect.sync(() => count() <= before), "3 seconds", "10 millis")
      })
  )
})
