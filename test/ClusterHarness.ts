/**
 * One harness for tests of whole clusters: it owns starting, killing, waiting and checking.
 */
import { assert } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import * as Cluster from "../src/Cluster.ts"
import type { Message } from "../src/protocol/Message.ts"
import type * as Node from "../src/ring/Node.ts"
import * as NodeId from "../src/ring/NodeId.ts"
import * as Testing from "../src/testing.ts"

export interface Member {
  readonly cluster: Cluster.Cluster["Service"]
  readonly scope: Scope.Closeable
  readonly delivered: Array<Message>
  isLiving: boolean
}

const decoder = new TextDecoder()
const encoder = new TextEncoder()

/** The text of a delivered message. */
export const text = (message: Message): string => decoder.decode(message.value)

/** A message with a text. */
export const outgoing = (key: string | NodeId.NodeId, value: string) => ({
  key: typeof key === "string" ? NodeId.fromString(key) : key,
  purpose: 16,
  value: encoder.encode(value)
})

/** A Node as others know it now. */
export const nodeOf = (cluster: Cluster.Cluster["Service"]): Node.Node => Effect.runSync(cluster.node)

/** Time as the test's clock has it: passes only when nothing else happens. */
export const passing = (step: Duration.Input) => TestClock.adjust(step)

/** Real time: nothing has to be done for it to pass. */
export const realTime = (step: Duration.Input) => Effect.sleep(step)

/** A cluster under test; `pass` lets time pass. */
export const makeHarness = (pass: (step: Duration.Input) => Effect.Effect<void>) =>
  Effect.gen(function*() {
    const members: Array<Member> = []
    // At the end everything ends at once: a graceful leave would want time to pass.
    yield* Effect.addFinalizer(() => Effect.forEach(members, ({ cluster }) => Testing.kill(cluster), { discard: true }))

    const start = Effect.fnUntraced(function*(options: Cluster.Options = {}) {
      const scope = yield* Scope.make()
      const delivered: Array<Message> = []
      const cluster = yield* Cluster.make({
        application: {
          onDeliver: (message) =>
            Effect.sync(() => {
              delivered.push(message)
            })
        },
        ...options
      }).pipe(Effect.provideService(Scope.Scope, scope))
      const member: Member = { cluster, scope, delivered, isLiving: true }
      members.push(member)
      return member
    })

    const addressOf = (member: Member) => `127.0.0.1:${member.cluster.address.port}`

    /** Starts a Node that joins through the first living one. */
    const join = (options: Cluster.Options = {}) => {
      const seed = members.find((member) => member.isLiving)
      return start({ join: seed === undefined ? [] : [addressOf(seed)], ...options })
    }

    const living = () => members.filter((member) => member.isLiving)

    /** Lets time pass until a condition holds; a failure says what did not come about. */
    const waitUntil = Effect.fnUntraced(function*(
      what: string,
      condition: Effect.Effect<boolean>,
      within: Duration.Input = "60 seconds",
      step: Duration.Input = "20 millis"
    ) {
      const limit = (yield* Clock.currentTimeMillis) + Duration.toMillis(within)
      while (!(yield* condition)) {
        if ((yield* Clock.currentTimeMillis) > limit) {
          assert.fail(`not within ${Duration.format(Duration.fromInputUnsafe(within))}: ${what}`)
        }
        yield* pass(step)
      }
    })

    /** Waits for an effect, letting time pass meanwhile. */
    const during = Effect.fnUntraced(
      function*<A, E>(effect: Effect.Effect<A, E>, within: Duration.Input = "60 seconds") {
        const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
        yield* waitUntil("an effect ends", Effect.sync(() => fiber.pollUnsafe() !== undefined), within)
        return yield* fiber.pollUnsafe()!
      }
    )

    const kill = Effect.fnUntraced(function*(member: Member) {
      member.isLiving = false
      yield* Testing.kill(member.cluster)
    })

    const leave = Effect.fnUntraced(function*(member: Member) {
      member.isLiving = false
      yield* during(Scope.close(member.scope, Exit.void), "2 seconds")
    })

    const sorted = () => living().toSorted((x, y) => NodeId.compare(x.cluster.id, y.cluster.id))

    /** Every living Node is ready and its leaf set is what brute force says. */
    const isExact = Effect.gen(function*() {
      const ring = sorted()
      for (const [index, { cluster }] of ring.entries()) {
        if (!(yield* cluster.isReady)) return false
        const { left, right } = yield* cluster.leafSet
        const side = Math.min(16, ring.length - 1)
        if (left.length !== side || right.length !== side) return false
        for (let step = 1; step <= side; step++) {
          const next = ring[(index + step) % ring.length]!.cluster.id
          const previous = ring[(index - step + ring.length) % ring.length]!.cluster.id
          if (!NodeId.equals(right[step - 1]!.id, next) || !NodeId.equals(left[step - 1]!.id, previous)) return false
        }
      }
      return true
    })

    /** The living Node that is numerically closest to a key. */
    const closest = (key: NodeId.NodeId): Member =>
      living().reduce((best, member) => NodeId.isCloser(key, member.cluster.id, best.cluster.id) ? member : best)

    /** At most one Node covers each key; with `exactly`, one does, and it is the closest. */
    const checkCoverage = Effect.fnUntraced(function*(keys: ReadonlyArray<NodeId.NodeId>, exactly: boolean) {
      for (const key of keys) {
        const owners: Array<Member> = []
        for (const member of living()) if (yield* member.cluster.covers(key)) owners.push(member)
        assert.isAtMost(owners.length, 1, `several Nodes cover ${key.hex}`)
        if (exactly) assert.strictEqual(owners[0]?.cluster.id.hex, closest(key).cluster.id.hex)
      }
    })

    return { members, start, join, living, waitUntil, during, kill, leave, isExact, closest, checkCoverage, addressOf }
  })
