import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { TestClock } from "effect/testing"
import * as Frame from "../../src/protocol/Frame.ts"
import * as Handshake from "../../src/protocol/Handshake.ts"
import * as SimulatedNetwork from "../../src/simulation/SimulatedNetwork.ts"
import { bytes, dialOptions, listenOptions, text, transportContract } from "../transport/contract.ts"

transportContract(
  "SimulatedNetwork",
  SimulatedNetwork.layerHost("127.0.0.1").pipe(
    Layer.provide(SimulatedNetwork.layer({ latency: "constant:0.1", jitter: 2 })),
    Layer.orDie
  ),
  { live: true, maxInFlight: 9 * 1024 * 1024 }
)

transportContract(
  "SimulatedNetwork with losses and narrow wires",
  SimulatedNetwork.layerHost("127.0.0.1").pipe(
    Layer.provide(SimulatedNetwork.layer({ latency: "constant:0.1", loss: 0.01, bandwidth: 1e9 })),
    Layer.orDie
  ),
  { live: true, maxInFlight: 9 * 1024 * 1024 }
)

const port = 7000

/** A connection between two hosts: what the one writes, and when the other has it, in milliseconds. */
const connect = Effect.fnUntraced(function*(from: string, to: string) {
  const network = yield* SimulatedNetwork.SimulatedNetwork
  const listener = yield* network.transport(to).listen({ host: to, port }, listenOptions)
  const arrived: Array<readonly [string, number]> = []
  let now = 0
  yield* Effect.forkScoped(
    listener.serve((connection) =>
      Effect.forever(
        Effect.map(connection.read, (frames) => frames.forEach((frame) => arrived.push([text(frame), now])))
      )
    ),
    { startImmediately: true }
  )
  const dialling = yield* Effect.forkChild(network.transport(from).dial({ host: to, port }, dialOptions), {
    startImmediately: true
  })
  const pass = Effect.fnUntraced(function*(milliseconds: number) {
    for (let count = 0; count < milliseconds; count++) {
      now++
      yield* TestClock.adjust(1)
    }
  })
  yield* TestClock.adjust("5 seconds")
  const connection = yield* Fiber.join(dialling)
  now = 0
  return { network, connection, arrived, pass }
})

describe("SimulatedNetwork", () => {
  it.effect("what is sent takes as long as the way", () =>
    Effect.gen(function*() {
      const { arrived, connection, pass } = yield* connect("a", "b")
      yield* connection.write([bytes("one"), bytes("two")])
      yield* pass(10)
      yield* connection.write([bytes("three")])
      yield* pass(100)
      assert.deepStrictEqual(arrived, [["one", 40], ["two", 40], ["three", 50]])
    }).pipe(Effect.provide(SimulatedNetwork.layer({ latency: "constant:40" }))))

  it.effect("a rule slows down one direction, one pair, one kind, as long as it is in force", () =>
    Effect.gen(function*() {
      const { arrived, connection, network, pass } = yield* connect("a", "b")
      const rules = yield* Effect.all([
        network.impose({ from: ["b"], delay: "1 second" }),
        network.impose({ to: ["c"], delay: "1 second" }),
        network.impose({ kinds: ["Routed"], delay: "1 second" })
      ])
      yield* connection.write([Frame.bye()])
      yield* pass(100)
      assert.lengthOf(arrived, 1)
      const slow = yield* network.impose({ from: ["a"], kinds: ["Bye"], delay: "1 second" })
      yield* connection.write([Frame.bye()])
      yield* pass(100)
      assert.lengthOf(arrived, 1)
      yield* pass(1_000)
      assert.lengthOf(arrived, 2)
      yield* Effect.forEach([slow, ...rules], ({ lift }) => lift)
      yield* connection.write([Frame.bye()])
      yield* pass(100)
      assert.lengthOf(arrived, 3)
    }).pipe(Effect.provide(SimulatedNetwork.layer({ latency: "constant:40" }))))

  it.effect("what is lost is sent again, and a pair that is cut for long breaks", () =>
    Effect.gen(function*() {
      const { arrived, connection, network, pass } = yield* connect("a", "b")
      const cut = yield* network.partition([["a"], ["b"]])
      yield* connection.write([bytes("late")])
      yield* pass(1_000)
      assert.lengthOf(arrived, 0)
      yield* cut.lift
      yield* pass(1_000)
      assert.lengthOf(arrived, 1)
      yield* network.impose({ from: ["a"], to: ["b"], isCut: true })
      yield* connection.write([bytes("never")])
      const reading = yield* Effect.forkChild(Effect.flip(connection.read), { startImmediately: true })
      yield* TestClock.adjust("40 seconds")
      assert.strictEqual((yield* Fiber.join(reading)).reason._tag, "Reset")
      assert.lengthOf(arrived, 1)
    }).pipe(Effect.provide(SimulatedNetwork.layer({ latency: "constant:40" }))))

  it.effect("a silent host does not answer a dial, nor does one that is cut off in one direction", () =>
    Effect.gen(function*() {
      const { network } = yield* connect("a", "b")
      const dial = (from: string) =>
        Effect.gen(function*() {
          const dialling = yield* Effect.forkChild(
            Effect.match(network.transport(from).dial({ host: "b", port }, dialOptions), {
              onFailure: ({ reason: { _tag: reason } }) => reason,
              onSuccess: () => "connected"
            }),
            { startImmediately: true }
          )
          yield* TestClock.adjust("6 seconds")
          return yield* Fiber.join(dialling)
        })
      yield* network.silence("b")
      assert.strictEqual(yield* dial("a"), "Timeout")
      yield* network.restore("b")
      assert.strictEqual(yield* dial("a"), "connected")
      const cut = yield* network.impose({ from: ["b"], to: ["a"], isCut: true })
      assert.deepStrictEqual([yield* dial("a"), yield* dial("c")], ["Timeout", "connected"])
      yield* cut.lift
      assert.strictEqual(yield* dial("a"), "connected")
      assert.strictEqual((yield* network.sent).get("Handshake"), undefined)
    }).pipe(Effect.provide(SimulatedNetwork.layer({ latency: "constant:40" }))))

  it.effect("hosts of Regions are as far apart as the matrix says, and rules may name a Region", () =>
    Effect.gen(function*() {
      const network = yield* SimulatedNetwork.SimulatedNetwork
      network.transport("a", { region: "eu" })
      network.transport("b", { region: "us" })
      const { arrived, connection, pass } = yield* connect("a", "b")
      yield* connection.write([bytes("one")])
      yield* pass(200)
      yield* network.impose({ from: { region: "eu" }, to: { region: "us" }, delay: 100 })
      yield* network.impose({ from: { region: "us" }, delay: 1_000 })
      yield* connection.write([bytes("two")])
      yield* pass(300)
      assert.deepStrictEqual(arrived, [["one", 90], ["two", 390]])
    }).pipe(Effect.provide(SimulatedNetwork.layer({ latency: "regions:eu,us:5,90,5" }))))

  it.effect("with frames some vanish, some come twice and some are overtaken, as the seed says", () => {
    const run = (seed: string) =>
      Effect.gen(function*() {
        const { arrived, connection, pass } = yield* connect("a", "b")
        for (let number = 0; number < 400; number++) {
          yield* connection.write([bytes(String(number))])
          yield* pass(1)
        }
        yield* pass(200)
        return arrived.map(([number]) => Number(number))
      }).pipe(
        Effect.scoped,
        Effect.provide(SimulatedNetwork.layer({
          seed,
          latency: "constant:40",
          lossModel: "frames",
          loss: 0.1,
          repeat: 0.1,
          reorder: 0.1
        }))
      )
    return Effect.gen(function*() {
      const arrived = yield* run("1")
      const distinct = new Set(arrived)
      assert.isTrue(distinct.size > 320 && distinct.size < 390, `${distinct.size} of 400 arrived`)
      assert.isAbove(arrived.length, distinct.size)
      assert.isTrue(arrived.some((number, index) => index > 0 && number < arrived[index - 1]!))
      assert.deepStrictEqual(yield* run("1"), arrived)
      assert.notDeepEqual(yield* run("2"), arrived)
    })
  })

  it.effect("with frames what opens a connection is sent again all the same, and keeps its order", () =>
    Effect.gen(function*() {
      const { arrived, connection, network, pass } = yield* connect("a", "b")
      yield* network.impose({ from: ["a"], loss: 0.5 })
      const frames = Array.from({ length: 20 }, (_, index) => Uint8Array.of(Handshake.kind, 65 + index))
      for (const frame of frames) yield* connection.write([frame])
      yield* pass(1_000)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(arrived.map(([word]) => word), frames.map(text))
    }).pipe(Effect.provide(SimulatedNetwork.layer({ latency: "constant:40", lossModel: "frames" }))))

  it.effect("narrow wires carry one after another, and what finds no room is late", () =>
    Effect.gen(function*() {
      const { arrived, connection, pass } = yield* connect("a", "b")
      for (let count = 0; count < 3; count++) yield* connection.write([new Uint8Array(956)])
      yield* pass(2_000)
      assert.deepStrictEqual(arrived.map(([, at]) => at), [50, 60, 240])
    }).pipe(Effect.provide(SimulatedNetwork.layer({ latency: "constant:40", bandwidth: 100_000, queue: 2_000 }))))
})
