/** ring: many Nodes in one process, over real TCP. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import * as V8 from "node:v8"
import * as Vm from "node:vm"
import * as Cluster from "../../../src/Cluster.ts"
import * as NodeId from "../../../src/ring/NodeId.ts"
import * as Tcp from "../../../src/transport/Tcp.ts"
import { percentile } from "../Statistics.ts"
import { Tally } from "../Tally.ts"
import { makeValue, numberOf } from "../Values.ts"

const purpose = 16
const size = 256

/** Messages of one call of `sendAll`. */
const chunk = 64

/** Acknowledged messages, and confirmed ones, that are under way in all: one thread has to work on all of them. */
const maxUnderWay = 4096
const inFlight = 512

V8.setFlagsFromString("--expose-gc")
const collect: () => void = Vm.runInNewContext("gc")

const memory = () => {
  collect()
  const { external, heapUsed, rss } = process.memoryUsage()
  return { heap: heapUsed + external, resident: rss }
}

const scope = Scope.makeUnsafe()
const network = Layer.merge(Tcp.layer, Logger.layer([]))

/** Starts a Node that joins through another, and waits until it is ready. */
const join = Effect.fnUntraced(function*(seed: number | undefined, application?: Cluster.Options["application"]) {
  const node = yield* Cluster.make({
    join: seed === undefined ? [] : [`127.0.0.1:${seed}`],
    joinTimeout: "1 minute",
    application
  })
  yield* node.ready
  return node
})

const word = () => Math.floor(Math.random() * 2 ** 32)

export const open = async ({ nodes: count }: { readonly nodes: number }) => {
  const tally = new Tally()
  const onDeliver = ({ value }: { readonly value: Uint8Array }) => {
    tally.add(numberOf(value))
    return Effect.void
  }
  const before = memory()
  const nodes: Array<Cluster.Cluster["Service"]> = []
  const times: Array<number> = []
  const begin = performance.now()
  await Effect.runPromise(
    Effect.gen(function*() {
      while (nodes.length < count) {
        const began = performance.now()
        nodes.push(yield* join(nodes[Math.floor(Math.random() * nodes.length)]?.address.port, { onDeliver }))
        times.push(performance.now() - began)
      }
    }).pipe(Scope.provide(scope), Effect.provide(network))
  )
  const seconds = (performance.now() - begin) / 1000
  times.sort((x, y) => x - y)

  const messageOf = (number: number) => ({
    key: NodeId.random(word),
    purpose,
    value: makeValue(number, size)
  })
  const sender = (number: number) => nodes[number % nodes.length]!
  const arrived = async (total: number, began: number) => {
    await tally.expect(total)
    return (performance.now() - began) / 1000
  }
  let from = 0

  return {
    port: () => nodes[0]!.address.port,
    joins: () => ({ seconds, p50: percentile(times, 0.5), p99: percentile(times, 0.99) }),
    state: async () => {
      const now = memory()
      const all = await Effect.runPromise(Effect.forEach(nodes, ({ statistics }) => statistics))
      return {
        heap: (now.heap - before.heap) / count,
        resident: (now.resident - before.resident) / count,
        // Each stands at both its ends.
        connections: all.reduce((sum, { connections }) => sum + connections, 0) / count
      }
    },
    /** From all Nodes to random keys. */
    acknowledged: async (messages: number) => {
      const began = performance.now()
      const repeated = tally.duplicates
      const last = from + messages
      await Effect.runPromise(Effect.gen(function*() {
        for (let turn = 0; from < last; turn++) {
          while (from - tally.received > maxUnderWay) yield* Effect.sleep(1)
          const first = from
          from = Math.min(last, first + chunk)
          yield* sender(turn).sendAll(Array.from({ length: from - first }, (_, index) => messageOf(first + index)))
        }
      }))
      const seconds = await arrived(last, began)
      return { seconds, hops: 0, duplicates: tally.duplicates - repeated }
    },
    confirmed: async (messages: number) => {
      const began = performance.now()
      const repeated = tally.duplicates
      const first = from
      from += messages
      let next = 0
      let hops = 0
      const worker = Effect.gen(function*() {
        while (next < messages) {
          const number = first + next++
          // Not in one: others add theirs while this one waits.
          const receipt = yield* sender(number).sendConfirmed(messageOf(number))
          hops += receipt.hops
        }
      })
      await Effect.runPromise(
        Effect.all(Array.from({ length: inFlight }, () => worker), { concurrency: "unbounded", discard: true })
      )
      const seconds = await arrived(from, began)
      return { seconds, hops: hops / messages, duplicates: tally.duplicates - repeated }
    }
  }
}
