/**
 * What the tests of Go Wendy's defects share beyond the rig of clusters: Nodes on
 * machines of their own, transports that count, and a wall clock that the test sets.
 */
import { it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Cluster from "../../src/Cluster.ts"
import type { ClusterEvent } from "../../src/protocol/ClusterEvent.ts"
import * as Frame from "../../src/protocol/Frame.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as Memory from "../../src/transport/Memory.ts"
import * as Tcp from "../../src/transport/Tcp.ts"
import type { Connection, Transport } from "../../src/transport/Transport.ts"
import { type Harness, keys, startOn } from "../cluster/Rig.ts"
import { makeHarness, type Member, passing, realTime } from "../ClusterHarness.ts"

type Network = Memory.Network["Service"]

/** A test on machines that can be silenced, under TestClock. */
export const onMachines = (
  title: string,
  body: (harness: Harness, network: Network) => Effect.Effect<void, unknown, Memory.Network | Scope.Scope>
): void =>
  it.effect(title, () =>
    Effect.gen(function*() {
      yield* body(yield* makeHarness(passing), yield* Memory.Network)
    }).pipe(Effect.provide(Layer.fresh(Memory.layerNetwork))))

/** A test over memory under TestClock, and over TCP in real time. */
export const overBoth = (
  title: string,
  body: (harness: Harness) => Effect.Effect<void, unknown, Scope.Scope | Transport>
): void => {
  it.effect(`${title} (memory)`, () =>
    Effect.flatMap(makeHarness(passing), body).pipe(Effect.provide(Layer.fresh(Memory.layer))))
  it.live(`${title} (TCP)`, () => Effect.flatMap(makeHarness(realTime), body).pipe(Effect.provide(Tcp.layer)))
}

/** A test over TCP in real time. */
export const overTcp = (
  title: string,
  body: (harness: Harness) => Effect.Effect<void, unknown, Scope.Scope | Transport>
): void => it.live(title, () => Effect.flatMap(makeHarness(realTime), body).pipe(Effect.provide(Tcp.layer)))

/** Starts Nodes of these ids, one after another, each on its machine. */
export const startMachines = Effect.fnUntraced(function*(
  harness: Harness,
  ids: ReadonlyArray<NodeId.NodeId>,
  options: Cluster.Options = {}
) {
  for (const [index, id] of ids.entries()) {
    yield* harness.during((yield* startOn(harness, index, { ...options, id })).cluster.ready)
  }
  yield* harness.waitUntil("exact leaf sets", hasExactLeaves(harness, options.config?.leafSetSide ?? 16))
})

/** Every living Node is ready, and its leaf set is what brute force says for so many leaves a side. */
export const hasExactLeaves = (harness: Harness, side: number): Effect.Effect<boolean> =>
  Effect.gen(function*() {
    const ring = harness.living().toSorted((x, y) => NodeId.compare(x.cluster.id, y.cluster.id))
    const size = ring.length
    const count = Math.min(side, size - 1)
    for (const [index, { cluster }] of ring.entries()) {
      if (!(yield* cluster.isReady)) return false
      const { left, right } = yield* cluster.leafSet
      const hexes = (step: number) =>
        Array.from({ length: count }, (_, at) => ring[(index + step * (at + 1) + size * size) % size]!.cluster.id.hex)
      if (right.map(({ hex }) => hex).join() !== hexes(1).join()) return false
      if (left.map(({ hex }) => hex).join() !== hexes(-1).join()) return false
    }
    return true
  })

/** Waits until each key is answered for by the Node that is closest to it, and by nobody else. */
export const untilCovered = Effect.fnUntraced(function*(harness: Harness) {
  yield* harness.waitUntil(
    "all keys are covered",
    Effect.map(
      Effect.forEach(keys, (key) => harness.closest(key).cluster.covers(key)),
      (covered) => covered.every(Boolean)
    )
  )
  yield* harness.checkCoverage(keys, true)
})

/** Whether a Node holds another in any of its tables. */
export const knows = (member: Member, hex: string): Effect.Effect<boolean> =>
  Effect.map(member.cluster.nodes, (nodes) => nodes.some(({ node }) => node.hex === hex))

/** The events of a Node that say who came and who went: `joined` or a reason, and the id. */
export const comingAndGoing = (events: ReadonlyArray<ClusterEvent>): ReadonlyArray<string> =>
  events.flatMap((event) =>
    event._tag === "NodeJoined"
      ? [`joined ${event.node.hex}`]
      : event._tag === "NodeExited"
      ? [`${event.reason} ${event.node.hex}`]
      : []
  )

/** What went through a transport. */
export interface Traffic {
  dials: number
  refusedFor: Array<string>
  control: Array<string>
  routed: number
}

export const makeTraffic = (): Traffic => ({ dials: 0, refusedFor: [], control: [], routed: 0 })

/** A transport that counts what is dialled and written through it. */
export const counting = (transport: Transport["Service"], traffic: Traffic): Transport["Service"] => {
  const count = (connection: Connection): Connection => ({
    ...connection,
    // All goes through the other one then.
    writeNow: undefined,
    write: (frames) => {
      for (const bytes of frames) {
        const frame = Frame.decode(bytes)
        if (frame._tag === "Control") traffic.control.push(frame.message._tag)
        if (frame._tag === "Routed") traffic.routed++
      }
      return connection.write(frames)
    }
  })
  return {
    ...transport,
    listen: (address, options) =>
      Effect.map(transport.listen(address, options), (listener) => ({
        address: listener.address,
        serve: (handler) => listener.serve((connection) => handler(count(connection)))
      })),
    dial: (address, options) =>
      Effect.suspend(() => {
        traffic.dials++
        return Effect.map(transport.dial(address, options), count)
      }).pipe(Effect.tapError((error) => Effect.sync(() => traffic.refusedFor.push(error.reason._tag))))
  }
}

/** The Clock around, but for its wall time, which runs ahead by what the test says. */
export class WallClock {
  readonly clock: Clock.Clock
  /** Milliseconds. */
  ahead = 0

  constructor(inner: Clock.Clock) {
    const millis = () => inner.currentTimeMillisUnsafe() + this.ahead
    const nanos = () => inner.currentTimeNanosUnsafe() + BigInt(this.ahead) * 1_000_000n
    this.clock = {
      currentTimeMillisUnsafe: millis,
      currentTimeMillis: Effect.sync(millis),
      currentTimeNanosUnsafe: nanos,
      currentTimeNanos: Effect.sync(nanos),
      monotonicTimeNanosUnsafe: () => inner.monotonicTimeNanosUnsafe(),
      monotonicTimeNanos: inner.monotonicTimeNanos,
      sleep: (duration) => inner.sleep(duration)
    }
  }
}

/** A wall clock for one Node: give it to everything that starts the Node. */
export const makeWallClock = (ahead: number): Effect.Effect<WallClock> =>
  Effect.map(Clock.Clock, (clock) => {
    const wall = new WallClock(clock)
    wall.ahead = ahead
    return wall
  })

export const hour = 3_600_000
