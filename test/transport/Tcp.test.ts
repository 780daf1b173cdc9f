import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as ChildProcess from "node:child_process"
import * as Net from "node:net"
import * as Os from "node:os"
import * as Path from "node:path"
import type { Address } from "../../src/protocol/Address.ts"
import { encodeFrames } from "../../src/transport/Framing.ts"
import * as Tcp from "../../src/transport/Tcp.ts"
import { type Connection, Transport, type WendyConnectionError } from "../../src/transport/Transport.ts"
import {
  bytes,
  dialOptions,
  drain,
  echo,
  here,
  listenOptions,
  readFrames,
  serve,
  text,
  transportContract
} from "./contract.ts"

transportContract("Tcp", Tcp.layer, { live: true, maxInFlight: 32 * 1024 * 1024 })

const hasIpv6 = Object.values(Os.networkInterfaces()).flat().some((face) => face?.address === "::1")

/** A bare socket, connected; destroyed with the scope. */
const connectRaw = (address: Address) =>
  Effect.acquireRelease(
    Effect.callback<Net.Socket>((resume) => {
      const socket = Net.connect({ ...address, allowHalfOpen: true })
      socket.on("error", () => {})
      socket.once("connect", () => resume(Effect.succeed(socket)))
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )

/** Everything a bare socket receives up to the end. */
const readRaw = (socket: Net.Socket) =>
  Effect.callback<Buffer>((resume) => {
    const chunks: Array<Buffer> = []
    socket.on("data", (chunk: Buffer) => chunks.push(chunk))
    socket.once("end", () => resume(Effect.succeed(Buffer.concat(chunks))))
  })

const openSockets = () => process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP")).length

describe("Tcp", () => {
  /** Serves one connection by draining it. */
  const drainOne = Effect.gen(function*() {
    const transport = yield* Transport
    const drained = yield* Deferred.make<Effect.Success<ReturnType<typeof drain>>>()
    const listener = yield* transport.listen(here, listenOptions)
    yield* serve(listener, (connection) => Deferred.complete(drained, drain(connection)))
    return { address: listener.address, drained: Deferred.await(drained) }
  })

  it.live(
    "workers of node:cluster share no port: each has a free one, and one that is taken is refused",
    () =>
      Effect.gen(function*() {
        const script = Path.join(import.meta.dirname, "fixtures", "workers.ts")
        const output = yield* Effect.callback<string>((resume) => {
          ChildProcess.execFile(
            process.execPath,
            [script],
            { timeout: 20_000 },
            (_error, stdout, stderr) => resume(Effect.succeed(stdout + stderr))
          )
        })
        const { port, ports, same } = JSON.parse(output) as {
          readonly port: string
          readonly ports: ReadonlyArray<string>
          readonly same: ReadonlyArray<string>
        }
        assert.strictEqual(new Set(ports).size, 3, ports.join())
        assert.deepStrictEqual(same, [port, "InUse"])
      }),
    30_000
  )

  it.live("reports a frame that the end cut off", () =>
    Effect.gen(function*() {
      const { address, drained } = yield* drainOne
      const raw = yield* connectRaw(address)
      raw.end(encodeFrames([bytes("whole"), bytes("cut off")]).subarray(0, -1))
      assert.deepStrictEqual(yield* drained, { frames: ["whole"], reason: "Truncated" })
      assert.strictEqual((yield* readRaw(raw)).byteLength, 0)
    }).pipe(Effect.provide(Tcp.layer)))

  it.live("reports a header that the end cut off", () =>
    Effect.gen(function*() {
      const { address, drained } = yield* drainOne
      const raw = yield* connectRaw(address)
      raw.end(Uint8Array.of(0, 0))
      assert.deepStrictEqual(yield* drained, { frames: [], reason: "Truncated" })
    }).pipe(Effect.provide(Tcp.layer)))

  it.live("refuses a garbage length without waiting for more", () =>
    Effect.gen(function*() {
      const { address, drained } = yield* drainOne
      const raw = yield* connectRaw(address)
      raw.write("garbage")
      assert.deepStrictEqual(yield* drained, { frames: [], reason: "FrameTooLarge" })
    }).pipe(Effect.provide(Tcp.layer)))

  it.live("tells another protocol for what it is", () =>
    Effect.gen(function*() {
      for (
        const bytes of ["GET / HTTP/1.1\r\n", "HTTP/1.1 400 Bad Request\r\n", "\x16\x03\x01\x02\x00", "SSH-2.0-x\r\n"]
      ) {
        const { address, drained } = yield* drainOne
        const raw = yield* connectRaw(address)
        raw.write(bytes, "latin1")
        assert.deepStrictEqual(yield* drained, { frames: [], reason: "OtherProtocol" })
      }
    }).pipe(Effect.provide(Tcp.layer)))

  it.live("reports a reset", () =>
    Effect.gen(function*() {
      const { address, drained } = yield* drainOne
      const raw = yield* connectRaw(address)
      raw.resetAndDestroy()
      assert.strictEqual((yield* drained).reason, "Reset")
    }).pipe(Effect.provide(Tcp.layer)))

  it.live("can still write to a peer that has ended its side, and then ends its own", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const reason = yield* Deferred.make<WendyConnectionError["reason"]["_tag"]>()
      const listener = yield* transport.listen(here, listenOptions)
      yield* serve(listener, (connection) =>
        Effect.gen(function*() {
          const frames = yield* connection.read
          const end = yield* Effect.flip(connection.read)
          for (let turn = 0; turn < 5; turn++) yield* Effect.yieldNow
          yield* connection.write(frames)
          yield* Deferred.succeed(reason, end.reason._tag)
        }))
      const raw = yield* connectRaw(listener.address)
      const received = yield* Effect.forkChild(readRaw(raw), { startImmediately: true })
      raw.end(encodeFrames([bytes("request")]))
      assert.strictEqual(yield* Deferred.await(reason), "Closed")
      assert.deepStrictEqual(Array.from(yield* Fiber.join(received)), Array.from(encodeFrames([bytes("request")])))
    }).pipe(Effect.provide(Tcp.layer)))

  it.live("survives a socket that breaks before serve runs", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const listener = yield* transport.listen(here, listenOptions)
      const raw = yield* connectRaw(listener.address)
      raw.write(encodeFrames([bytes("never read")]))
      raw.resetAndDestroy()
      const connection = yield* transport.dial(listener.address, dialOptions)
      yield* connection.write([bytes("after")])
      yield* serve(listener, echo)
      assert.deepStrictEqual((yield* readFrames(connection, 1)).map(text), ["after"])
    }).pipe(Effect.provide(Tcp.layer)))

  it.live("gives up flushing to a peer that never reads", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const listener = yield* transport.listen(here, listenOptions)
      const begun = yield* Deferred.make<void>()
      const serving = yield* serve(listener, (connection) =>
        Effect.andThen(Deferred.succeed(begun, undefined), connection.write([new Uint8Array(64 * 1024 * 1024)])))
      const raw = yield* connectRaw(listener.address)
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(serving)
      yield* Effect.callback<void>((resume) => {
        raw.once("close", () =>
          resume(Effect.void))
        raw.end()
        raw.resume()
      })
      assert.isBelow(raw.bytesRead, 64 * 1024 * 1024)
    }).pipe(Effect.provide(Tcp.layer)))

  it.live("leaves no handle", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const before = openSockets()
      yield* Effect.scoped(Effect.gen(function*() {
        const listener = yield* transport.listen(here, listenOptions)
        yield* serve(listener, echo)
        for (let i = 0; i < 5; i++) {
          const connection = yield* transport.dial(listener.address, dialOptions)
          yield* connection.write([bytes("x")])
          yield* connection.read
        }
        assert.isAbove(openSockets(), before)
      }))
      assert.strictEqual(openSockets(), before)
    }).pipe(Effect.provide(Tcp.layer)))

  const echoesOn = (host: string) =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const remote = yield* Deferred.make<Connection["remote"]>()
      const listener = yield* transport.listen({ host, port: 0 }, listenOptions)
      yield* serve(listener, (connection) =>
        Effect.andThen(Deferred.succeed(remote, connection.remote), echo(connection)))
      const connection = yield* transport.dial({ host, port: listener.address.port }, dialOptions)
      yield* connection.write([bytes(host)])
      assert.deepStrictEqual((yield* readFrames(connection, 1)).map(text), [host])
      return { listener: listener.address.host, remote: (yield* Deferred.await(remote)).host }
    })

  it.live.skipIf(!hasIpv6)("works on IPv6", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* echoesOn("::1"), { listener: "::1", remote: "::1" })
    }).pipe(Effect.provide(Tcp.layer)))

  it.live("works with a host name", () =>
    Effect.gen(function*() {
      assert.include(["127.0.0.1", "::1"], (yield* echoesOn("localhost")).listener)
    }).pipe(Effect.provide(Tcp.layer)))

  it.live("refuses a name at which nobody listens", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const { address } = yield* Effect.scoped(transport.listen({ host: "localhost", port: 0 }, listenOptions))
      const error = yield* Effect.flip(transport.dial({ host: "localhost", port: address.port }, dialOptions))
      assert.strictEqual(error.reason._tag, "Refused")
    }).pipe(Effect.provide(Tcp.layer)))

  it.live("calls a name that does not resolve a bad address", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const dialled = yield* Effect.flip(transport.dial({ host: "no such host", port: 1 }, dialOptions))
      assert.strictEqual(dialled.reason._tag, "BadAddress")
      const listened = yield* Effect.flip(transport.listen({ host: "no such host", port: 0 }, listenOptions))
      assert.strictEqual(listened.reason._tag, "BadAddress")
    }).pipe(Effect.provide(Tcp.layer)))
})
