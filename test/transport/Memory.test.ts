import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as TestClock from "effect/testing/TestClock"
import * as Memory from "../../src/transport/Memory.ts"
import { type Connection, type Listener, Transport } from "../../src/transport/Transport.ts"
import { bytes, dialOptions, drain, echo, listenOptions, serve, text, transportContract } from "./contract.ts"

transportContract("Memory", Memory.layer, { live: false, maxInFlight: 5 * 1024 * 1024 })

const layerSlow = Memory.layerNetworkWith({ latency: "10 millis" })

/** Listens on a machine and hands out what it accepts. */
const listenOn = Effect.fnUntraced(function*(host: string) {
  const network = yield* Memory.Network
  const listener: Listener = yield* network.transport(host).listen({ host, port: 0 }, listenOptions)
  const accepted = yield* Queue.unbounded<Connection>()
  yield* serve(listener, (connection) => Effect.andThen(Queue.offer(accepted, connection), Effect.never))
  return { address: listener.address, accept: Queue.take(accepted) }
})

const dialFrom = Effect.fnUntraced(function*(host: string, address: Listener["address"]) {
  const network = yield* Memory.Network
  return yield* network.transport(host).dial(address, dialOptions)
})

/** Both ends of a connection between two machines. */
const connect = Effect.fnUntraced(function*(from: string, to: string) {
  const { accept, address } = yield* listenOn(to)
  const near = yield* dialFrom(from, address)
  const far = yield* accept
  return { address, near, far }
})

const assertCarries = Effect.fnUntraced(function*(from: Connection, to: Connection) {
  yield* from.write([bytes("x")])
  assert.deepStrictEqual((yield* to.read).map(text), ["x"])
})

/** Forks a read and checks that it still waits once everything else has run. */
const assertSilent = Effect.fnUntraced(function*(connection: Connection) {
  const reader = yield* Effect.forkChild(connection.read, { startImmediately: true })
  for (let i = 0; i < 10; i++) yield* Effect.yieldNow
  assert.isUndefined(reader.pollUnsafe())
  yield* Fiber.interrupt(reader)
})

/** Dials and lets the whole timeout pass. */
const assertTimesOut = Effect.fnUntraced(function*(from: string, address: Listener["address"]) {
  const dialling = yield* Effect.forkChild(Effect.flip(dialFrom(from, address)), { startImmediately: true })
  yield* TestClock.adjust("4999 millis")
  assert.isUndefined(dialling.pollUnsafe())
  yield* TestClock.adjust("1 millis")
  assert.strictEqual((yield* Fiber.join(dialling)).reason._tag, "Timeout")
})

const a = "10.0.0.1"
const b = "10.0.0.2"
const c = "10.0.0.3"

describe("Memory", () => {
  it.effect("knows the machine that dials", () =>
    Effect.gen(function*() {
      const { far, near, address } = yield* connect(a, b)
      assert.strictEqual(far.remote.host, a)
      assert.deepStrictEqual(near.remote, address)
    }).pipe(Effect.provide(Memory.layerNetwork)))

  it.effect("counts ports upward from 49152", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* listenOn(a)).address.port, 49152)
      assert.strictEqual((yield* listenOn(a)).address.port, 49153)
    }).pipe(Effect.provide(Memory.layerNetwork)))

  it.effect("listens only on its own machine", () =>
    Effect.gen(function*() {
      const machine = (yield* Memory.Network).transport(a)
      const error = yield* Effect.flip(machine.listen({ host: b, port: 0 }, listenOptions))
      assert.strictEqual(error.reason._tag, "BadAddress")
      const listener = yield* machine.listen({ host: "0.0.0.0", port: 7000 }, listenOptions)
      assert.deepStrictEqual(listener.address, { host: "0.0.0.0", port: 7000 })
      yield* serve(listener, echo)
      const connection = yield* dialFrom(b, { host: a, port: 7000 })
      yield* assertCarries(connection, connection)
      assert.strictEqual((yield* Effect.flip(dialFrom(b, { host: b, port: 7000 }))).reason._tag, "Refused")
    }).pipe(Effect.provide(Memory.layerNetwork)))

  it.effect("shares one network between layers", () =>
    Effect.gen(function*() {
      const transportA = Context.get(yield* Layer.build(Memory.layerHost(a)), Transport)
      const transportB = Context.get(yield* Layer.build(Memory.layerHost(b)), Transport)
      const listener = yield* transportA.listen({ host: a, port: 0 }, listenOptions)
      const remote = yield* Deferred.make<Connection["remote"]>()
      yield* serve(listener, (connection) => Deferred.succeed(remote, connection.remote))
      yield* transportB.dial(listener.address, dialOptions)
      assert.strictEqual((yield* Deferred.await(remote)).host, b)
    }).pipe(Effect.provide(Memory.layerNetwork)))

  it.effect("lets everything from and to a silenced host vanish", () =>
    Effect.gen(function*() {
      const network = yield* Memory.Network
      const { address, far, near } = yield* connect(a, b)
      yield* assertCarries(near, far)
      yield* network.silence(b)
      for (let i = 0; i < 1_000; i++) yield* near.write([bytes("lost")])
      yield* far.write([bytes("lost")])
      yield* assertSilent(far)
      yield* assertSilent(near)
      yield* assertTimesOut(a, address)
      const other = yield* listenOn(c)
      yield* assertTimesOut(b, other.address)
      yield* dialFrom(a, other.address)
    }).pipe(Effect.provide(Memory.layerNetwork)))

  it.effect("breaks what lost frames when a host is restored, and spares the rest", () =>
    Effect.gen(function*() {
      const network = yield* Memory.Network
      const lossy = yield* connect(a, b)
      const idle = yield* connect(c, b)
      yield* network.silence(b)
      yield* lossy.near.write([bytes("lost")])
      yield* network.restore(b)
      assert.deepStrictEqual(yield* drain(lossy.far), { frames: [], reason: "Reset" })
      assert.deepStrictEqual(yield* drain(lossy.near), { frames: [], reason: "Reset" })
      yield* assertCarries(idle.near, idle.far)
      yield* dialFrom(a, lossy.address)
    }).pipe(Effect.provide(Memory.layerNetwork)))

  it.effect("hides the end of a silenced peer", () =>
    Effect.gen(function*() {
      const network = yield* Memory.Network
      const { accept, address } = yield* listenOn(b)
      const far = yield* Effect.scoped(Effect.gen(function*() {
        yield* dialFrom(a, address)
        yield* network.silence(a)
        return yield* accept
      }))
      yield* assertSilent(far)
      yield* network.restore(a)
      assert.strictEqual((yield* Effect.flip(far.read)).reason._tag, "Reset")
    }).pipe(Effect.provide(Memory.layerNetwork)))

  it.effect("cuts a pair apart in both directions and heals it", () =>
    Effect.gen(function*() {
      const network = yield* Memory.Network
      const ab = yield* connect(a, b)
      const cb = yield* connect(c, b)
      yield* network.cut(b, a)
      yield* ab.near.write([bytes("lost")])
      yield* ab.far.write([bytes("lost")])
      yield* assertSilent(ab.far)
      yield* assertSilent(ab.near)
      yield* assertCarries(cb.near, cb.far)
      yield* assertTimesOut(a, ab.address)
      yield* network.heal(a, b)
      assert.strictEqual((yield* Effect.flip(ab.near.read)).reason._tag, "Reset")
      yield* dialFrom(a, ab.address)
    }).pipe(Effect.provide(Memory.layerNetwork)))

  it.effect("resets every connection of a host at both ends", () =>
    Effect.gen(function*() {
      const network = yield* Memory.Network
      const ab = yield* connect(a, b)
      const ca = yield* connect(c, a)
      const cb = yield* connect(c, b)
      yield* ab.near.write([bytes("arrived")])
      yield* network.reset(a)
      assert.deepStrictEqual(yield* drain(ab.far), { frames: ["arrived"], reason: "Reset" })
      for (const connection of [ab.near, ca.near, ca.far]) {
        assert.strictEqual((yield* Effect.flip(connection.read)).reason._tag, "Reset")
        assert.strictEqual((yield* Effect.flip(connection.write([bytes("x")]))).reason._tag, "Reset")
      }
      yield* assertCarries(cb.near, cb.far)
    }).pipe(Effect.provide(Memory.layerNetwork)))

  it.effect("delivers after the latency, in order, the end last", () =>
    Effect.gen(function*() {
      const { accept, address } = yield* listenOn(b)
      const writer = yield* Effect.forkChild(
        Effect.scoped(Effect.gen(function*() {
          const near = yield* dialFrom(a, address)
          yield* near.write([bytes("one")])
          yield* Effect.sleep("5 millis")
          yield* near.write([bytes("two")])
        })),
        { startImmediately: true }
      )
      yield* TestClock.adjust("20 millis")
      const far = yield* accept
      yield* TestClock.adjust("9 millis")
      yield* assertSilent(far)
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual((yield* far.read).map(text), ["one"])
      yield* assertSilent(far)
      yield* Fiber.join(writer)
      yield* TestClock.adjust("5 millis")
      assert.deepStrictEqual(yield* drain(far), { frames: ["two"], reason: "Closed" })
    }).pipe(Effect.provide(layerSlow)))

  it.effect("loses what is under way when the host falls silent", () =>
    Effect.gen(function*() {
      const network = yield* Memory.Network
      const { accept, address } = yield* listenOn(b)
      const dialling = yield* Effect.forkChild(dialFrom(a, address), { startImmediately: true })
      yield* TestClock.adjust("20 millis")
      const near = yield* Fiber.join(dialling)
      const far = yield* accept
      yield* near.write([bytes("lost")])
      yield* network.silence(a)
      yield* TestClock.adjust("10 millis")
      yield* assertSilent(far)
    }).pipe(Effect.provide(layerSlow)))

  it.effect("bounds the frames under way", () =>
    Effect.gen(function*() {
      const { far, near } = yield* connect(a, b)
      for (let i = 0; i < 255; i++) yield* near.write([bytes(String(i))])
      const writer = yield* Effect.forkChild(near.write([bytes("255")]), { startImmediately: true })
      for (let i = 0; i < 10; i++) yield* Effect.yieldNow
      assert.isUndefined(writer.pollUnsafe())
      assert.strictEqual((yield* far.read).length, 256)
      yield* Fiber.join(writer)
    }).pipe(Effect.provide(Memory.layerNetwork)))
})
