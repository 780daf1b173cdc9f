import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Application from "../../src/Application.ts"
import { presets } from "../../src/protocol/ClusterConfig.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as Memory from "../../src/transport/Memory.ts"
import { makeHarness, type Member, nodeOf, passing } from "../ClusterHarness.ts"
import { keys } from "./Rig.ts"

/** Who has joined and not exited, as an application was told; and everything that should not have been said. */
const makeDiary = (name: string) => {
  const present = new Map<string, string>()
  const wrong: Array<string> = []
  let told = 0
  const application: Application.Application = {
    onNodeJoin: (node) =>
      Effect.sync(() => {
        told++
        if (present.has(node.hex)) wrong.push(`${name}: ${node.hex} joined twice`)
        present.set(node.hex, node.life)
      }),
    onNodeExit: (node) =>
      Effect.sync(() => {
        told++
        if (present.get(node.hex) !== node.life) wrong.push(`${name}: ${node.hex} exited and had not joined`)
        present.delete(node.hex)
      })
  }
  return { application, present, wrong, told: () => told }
}

/** The generator of Marsaglia (2003), so that a seed replays an hour. */
const makeRandom = (seed: number) => {
  let x = seed
  return (below: number): number => {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    return (x >>> 0) % below
  }
}

const minute = 60_000

/** The hour at the pace of a wide area, whose Nodes renew their leases a fifth as often; some minutes at that of a local network. */
const runs = [
  { seed: 20_261_121, preset: "wan", minutes: 60 },
  { seed: 1, preset: "lan", minutes: 6 }
] as const

describe("64 Nodes under TestClock", () => {
  for (const { minutes, preset, seed } of runs) {
    const config = presets[preset]
    const { exchange, probe, probeRetries, tableExchange } = config
    /** A dead Node that nobody has any dealings with is asked at the latest after this. */
    const longestDead = tableExchange + exchange + (probeRetries + 2) * probe

    it.effect(
      `${minutes} minutes of joins, leaves, crashes and restarts (${preset}, seed ${seed}) end in one ring; no callback is missed or doubled`,
      () =>
        Effect.gen(function*() {
          const harness = yield* makeHarness(passing)
          const random = makeRandom(seed)
          const diaries = new Map<Member, ReturnType<typeof makeDiary>>()
          const endedAt = new Map<string, number>()
          const gone: Array<Member> = []
          const pick = <A>(list: ReadonlyArray<A>): A => list[random(list.length)]!

          const start = Effect.fnUntraced(function*(id: NodeId.NodeId) {
            const diary = makeDiary(id.hex)
            // Several seeds, for one of them may be the next to go.
            const join = harness.living().slice(0, 4).map(harness.addressOf)
            const member = yield* harness.start({ id, join, config, application: diary.application })
            diaries.set(member, diary)
            return member
          })
          const end = Effect.fnUntraced(function*(how: "leave" | "kill") {
            const member = pick(harness.living())
            yield* harness[how](member)
            endedAt.set(nodeOf(member.cluster).life, yield* Clock.currentTimeMillis)
            gone.push(member)
          })

          for (let count = 0; count < 64; count++) {
            const member = yield* start(NodeId.fromString(`${seed} ${count}`))
            yield* harness.during(member.cluster.ready)
          }
          let happened = 0
          const until = (yield* Clock.currentTimeMillis) + minutes * minute
          while ((yield* Clock.currentTimeMillis) < until) {
            yield* passing(`${5 + random(60)} seconds`)
            // One to three at the same moment.
            for (let count = 1 + random(3); count > 0; count--) {
              happened++
              const size = harness.living().length
              const choice = size >= 64 ? random(2) : size <= 48 ? 2 + random(2) : random(4)
              if (choice === 0) yield* end("leave")
              else if (choice === 1) yield* end("kill")
              else if (choice === 2 && gone.length > 0) {
                const [again] = gone.splice(random(gone.length), 1)
                yield* start(again!.cluster.id)
              } else yield* start(NodeId.fromString(`${seed} new ${happened}`))
            }
            yield* harness.checkCoverage(keys.slice(0, 10), false)
          }

          yield* harness.waitUntil("one ring, exact leaf sets", harness.isExact, "2 minutes", "1 second")
          yield* harness.checkCoverage(keys, true)
          yield* passing(longestDead)
          const lives = new Set(harness.living().map(({ cluster }) => nodeOf(cluster).life))
          for (const member of harness.living()) {
            const diary = diaries.get(member)!
            assert.deepStrictEqual(diary.wrong, [])
            const known = yield* member.cluster.nodes
            for (const { node } of known) assert.isTrue(lives.has(node.life), "a dead Node is in a table")
            assert.sameMembers([...diary.present.values()], known.map(({ node }) => node.life))
            assert.isAtLeast(diary.told(), known.length)
          }
          assert.isAtLeast(happened, minutes)
        }).pipe(Effect.provide(Memory.layer)),
      300_000
    )
  }
})
