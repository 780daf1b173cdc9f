import { assert, describe, it } from "@effect/vitest"
import * as Frame from "../../src/protocol/Frame.ts"
import * as LinkFrame from "../../src/protocol/LinkFrame.ts"
import * as Assembly from "../../src/transport/Assembly.ts"
import * as Lanes from "../../src/transport/Lanes.ts"

const MiB = 1024 * 1024

/** A way of so many bytes a second and milliseconds (one way), with a queue without end; the way back is free. */
interface Way {
  readonly rate: number
  readonly latency: number
}

/**
 * Runs the lanes of a sender over a way: what waits is written whenever it may, and marks are answered when they have come.
 * Returns how long each control frame took, and when each large frame was complete.
 */
const carry = (
  way: Way,
  milliseconds: number,
  lanes: Lanes.Lanes,
  feed: (now: number) => void,
  heartbeat = 250
) => {
  const events: Array<{ readonly at: number; readonly run: (now: number) => void }> = []
  const at = (time: number, run: (now: number) => void) => {
    const index = events.findLastIndex((event) => event.at <= time)
    events.splice(index + 1, 0, { at: time, run })
  }
  const assembly = Assembly.make()
  const delays: Array<number> = []
  const completed: Array<{ readonly at: number; readonly size: number }> = []
  let freeAt = 0
  let bytes = 0
  const sentAt = new Map<Uint8Array, number>()

  const arrive = (frame: Uint8Array) => (now: number): void => {
    const own = LinkFrame.decode(frame)
    if (own?._tag === "Mark") {
      at(now + way.latency, (now) => void Lanes.progressed(lanes, now, own.count))
    } else if (own?._tag === "Part") {
      const whole = Assembly.add(assembly, own, 8 * MiB)
      bytes += own.bytes.length
      if (whole !== undefined && whole !== "tooLarge") completed.push({ at: now, size: whole.length })
    } else if (sentAt.has(frame)) {
      delays.push(now - sentAt.get(frame)!)
    } else {
      bytes += frame.length
      completed.push({ at: now, size: frame.length })
    }
  }

  const write = (now: number): void => {
    while (Lanes.hasNext(lanes)) {
      for (const frame of Lanes.take(lanes, now)) {
        freeAt = Math.max(freeAt, now) + frame.length / way.rate * 1000
        at(freeAt + way.latency, arrive(frame))
      }
    }
  }

  const beat = (now: number): void => {
    const frame = Frame.control({ _tag: "Probe", sequence: 1, ready: true, wantsLeaves: false })
    sentAt.set(frame, now)
    Lanes.putControl(lanes, frame)
    at(now + heartbeat, beat)
  }
  at(0, beat)
  while (events[0]!.at <= milliseconds) {
    const { at: now, run } = events.shift()!
    run(now)
    feed(now)
    write(now)
  }
  return { delays, completed, bytes }
}

const ways: ReadonlyArray<readonly [string, Way, number]> = [
  ["64 kbit/s", { rate: 8_000, latency: 20 }, 1_600],
  ["1 Mbit/s", { rate: 125_000, latency: 10 }, 600],
  ["1 Mbit/s over a satellite", { rate: 125_000, latency: 300 }, 1_700],
  ["10 Mbit/s", { rate: 1_250_000, latency: 10 }, 400],
  ["100 Mbit/s from far", { rate: 12_500_000, latency: 100 }, 500],
  ["1 Gbit/s", { rate: 125_000_000, latency: 0.2 }, 260]
]

describe("Lanes: a narrow way", () => {
  for (const [name, way, longest] of ways) {
    it(`${name}: control passes in time, and the way is used`, () => {
      const lanes = Lanes.make(2 * way.latency)
      const large = new Uint8Array(MiB)
      // As a Router does it: so many bytes wait for their acknowledgement.
      let fed = 0
      const seconds = way.rate < 1_000_000 ? 120 : way.rate < 100_000_000 ? 20 : 3
      const { bytes, delays } = carry(way, seconds * 1000, lanes, () => {
        while (Lanes.waiting(lanes, Lanes.data) < 4) {
          Lanes.put(lanes, Lanes.data, large)
          fed++
        }
      }, 100)
      // What the first credit makes before anything has been measured is over soon.
      const settled = delays.slice(Math.ceil(delays.length / 4))
      assert.isAtMost(Math.max(...settled), longest)
      assert.isAtLeast(bytes, way.rate * seconds * (way.latency >= 300 ? 0.75 : 0.85))
      assert.isAbove(fed, 0)
    })
  }
})

describe("Lanes: data and sessions", () => {
  const way: Way = { rate: 1_250_000, latency: 10 }

  /** Keeps so many frames of these sizes waiting in each lane, and says how many bytes a second of each have come. */
  const share = (sizes: readonly [number, number], keep: readonly [number, number]) => {
    const lanes = Lanes.make(2 * way.latency)
    const seconds = 20
    const { completed, delays } = carry(way, seconds * 1000, lanes, () => {
      for (const lane of [Lanes.data, Lanes.sessions]) {
        while (Lanes.waiting(lanes, lane) < keep[lane]!) Lanes.put(lanes, lane, new Uint8Array(sizes[lane]!))
      }
    }, 100)
    const come = sizes.map((wanted) =>
      completed.reduce((sum, { size }) => size === wanted ? sum + size : sum, 0) / seconds
    )
    return { come, longest: Math.max(...delays.slice(Math.ceil(delays.length / 4))) }
  }

  for (
    const [name, sizes, keep] of [
      ["many small ones beside large ones", [400_000, 100], [2, 5_000]],
      ["large ones beside many small ones", [100, 400_000], [5_000, 2]],
      ["the same of both", [1_000, 999], [200, 200]]
    ] as const
  ) {
    it(`share a way in halves: ${name}`, () => {
      const { come, longest } = share(sizes, keep)
      const whole = come[0]! + come[1]!
      for (const part of come) assert.closeTo(part / whole, 0.5, 0.05)
      assert.isAtLeast(whole, way.rate * 0.8)
      assert.isAtMost(longest, 400)
    })
  }

  it("what has been taken counts no more, neither control nor data", () => {
    const lanes = Lanes.make(1)
    for (let count = 0; count < 100; count++) {
      Lanes.putControl(lanes, new Uint8Array(MiB))
      assert.strictEqual(lanes.controlBytes, MiB)
      Lanes.put(lanes, Lanes.data, new Uint8Array(10))
      Lanes.take(lanes, count)
      Lanes.progressed(lanes, count, lanes.credit!.marked)
      assert.isTrue(Lanes.isEmpty(lanes))
    }
  })

  it("the one that is alone has it all", () => {
    const only = [share([1_000, 999], [200, 0]), share([1_000, 999], [0, 200])]
    only.forEach(({ come }, lane) => assert.isAtLeast(come[lane]!, way.rate * 0.85))
  })
})
