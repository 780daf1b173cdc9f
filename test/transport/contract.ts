import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { type Connection, type Listener, Transport, WendyConnectionError } from "../../src/transport/Transport.ts"

export const here = { host: "127.0.0.1", port: 0 }

export const listenOptions = { maxFrameSize: 2 * 1024 * 1024, maxConnections: 100 }

export const dialOptions = { maxFrameSize: 2 * 1024 * 1024, timeout: "5 seconds" } as const

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

export const text = (frame: Uint8Array): string => new TextDecoder().decode(frame)

export const echo = (connection: Connection) => Effect.forever(Effect.flatMap(connection.read, connection.write))

/** Reads at least `count` frames. */
export const readFrames = Effect.fnUntraced(function*(connection: Connection, count: number) {
  const frames: Array<Uint8Array> = []
  while (frames.length < count) frames.push(...yield* connection.read)
  return frames
})

/** Reads to the end of the connection. */
export const drain = Effect.fnUntraced(function*(connection: Connection) {
  const frames: Array<Uint8Array> = []
  const error = yield* connection.read.pipe(
    Effect.tap((batch) => Effect.sync(() => frames.push(...batch))),
    Effect.forever,
    Effect.flip
  )
  return { frames: frames.map(text), reason: error.reason._tag }
})

export const serve = <E>(listener: Listener, handler: (connection: Connection) => Effect.Effect<void, E>) =>
  Effect.forkScoped(listener.serve(handler), { startImmediately: true })

/** A connection to a peer that reads so many frames, but only when it is told to. */
const dialSleeper = Effect.fnUntraced(function*<A>(
  transport: Transport["Service"],
  count: number,
  of: (frames: ReadonlyArray<Uint8Array>) => A
) {
  const reading = yield* Deferred.make<void>()
  const received = yield* Deferred.make<A, WendyConnectionError>()
  const listener = yield* transport.listen(here, listenOptions)
  yield* serve(listener, (connection) =>
    Deferred.await(reading).pipe(
      Effect.andThen(Effect.map(readFrames(connection, count), of)),
      (frames) => Deferred.complete(received, frames)
    ))
  return { connection: yield* transport.dial(listener.address, dialOptions), reading, received }
})

const firstBytes = (frames: ReadonlyArray<Uint8Array>): ReadonlyArray<number> => frames.map((frame) => frame[0]!)

/** Waits until `count` has stood still for many turns of the event loop. */
export const untilStill = Effect.fnUntraced(function*(count: () => number) {
  let last = count()
  let still = 0
  while (still < 500) {
    yield* Effect.yieldNow
    still = count() === last ? still + 1 : 0
    last = count()
  }
})

const assertEchoes = Effect.fnUntraced(function*(connection: Connection, word: string) {
  yield* connection.write([bytes(word)])
  assert.deepStrictEqual((yield* readFrames(connection, 1)).map(text), [word])
})

/** What every `Transport` must do. */
export const transportContract = (
  name: string,
  layer: Layer.Layer<Transport>,
  options: {
    /** Whether the transport needs real time and real turns. */
    readonly live: boolean
    /** Most bytes that may be under way to a peer that does not read. */
    readonly maxInFlight: number
  }
): void => {
  const run = options.live ? it.live : it.effect

  const test = <E>(
    title: string,
    body: (transport: Transport["Service"]) => Effect.Effect<void, E, Scope.Scope>
  ) => run(title, () => Effect.provide(Effect.flatMap(Transport, body), layer), 20_000)

  describe(`${name} keeps the contract`, () => {
    test(
      "echoes",
      Effect.fnUntraced(function*(transport) {
        const listener = yield* transport.listen(here, listenOptions)
        yield* serve(listener, echo)
        const connection = yield* transport.dial(listener.address, dialOptions)
        yield* assertEchoes(connection, "one")
        yield* connection.write([bytes("two"), bytes("three")])
        assert.deepStrictEqual((yield* readFrames(connection, 2)).map(text), ["two", "three"])
        assert.deepStrictEqual(connection.remote, listener.address)
      })
    )

    test(
      "shows each end the other",
      Effect.fnUntraced(function*(transport) {
        const remote = yield* Deferred.make<Connection["remote"]>()
        const listener = yield* transport.listen(here, listenOptions)
        yield* serve(listener, (connection) => Deferred.succeed(remote, connection.remote))
        yield* transport.dial(listener.address, dialOptions)
        const { host, port } = yield* Deferred.await(remote)
        assert.strictEqual(host, "127.0.0.1")
        assert.isAbove(port, 0)
        assert.notStrictEqual(port, listener.address.port)
      })
    )

    test(
      "keeps the order of 10,000 frames",
      Effect.fnUntraced(function*(transport) {
        const received = yield* Deferred.make<Array<string>, WendyConnectionError>()
        const listener = yield* transport.listen(here, listenOptions)
        yield* serve(listener, (connection) =>
          readFrames(connection, 10_000).pipe(
            Effect.map((frames) => frames.map(text)),
            (frames) => Deferred.complete(received, frames)
          ))
        const connection = yield* transport.dial(listener.address, dialOptions)
        const expected = Array.from({ length: 10_000 }, (_, i) => String(i))
        let size = 1
        for (let i = 0; i < expected.length; i += size, size = (size * 7) % 101) {
          yield* connection.write(expected.slice(i, i + size).map(bytes))
        }
        assert.deepStrictEqual(yield* Deferred.await(received), expected)
      })
    )

    test(
      "carries a frame of 1 MiB",
      Effect.fnUntraced(function*(transport) {
        const listener = yield* transport.listen(here, listenOptions)
        yield* serve(listener, echo)
        const connection = yield* transport.dial(listener.address, dialOptions)
        const frame = new Uint8Array(1024 * 1024)
        for (let i = 0; i < frame.byteLength; i++) frame[i] = i * 31
        yield* connection.write([frame])
        const [received] = yield* readFrames(connection, 1)
        assert.isTrue(Buffer.from(frame).equals(received!))
      })
    )

    test(
      "carries empty frames and ignores an empty batch",
      Effect.fnUntraced(function*(transport) {
        const listener = yield* transport.listen(here, listenOptions)
        yield* serve(listener, echo)
        const connection = yield* transport.dial(listener.address, dialOptions)
        yield* connection.write([])
        yield* connection.write([bytes(""), bytes("x"), bytes("")])
        assert.deepStrictEqual((yield* readFrames(connection, 3)).map(text), ["", "x", ""])
      })
    )

    test(
      "owes the writer nothing after write",
      Effect.fnUntraced(function*(transport) {
        const { connection, reading, received } = yield* dialSleeper(transport, 1, (frames) => frames.map(text))
        const frame = bytes("before")
        yield* connection.write([frame])
        frame.fill(0)
        yield* Deferred.succeed(reading, undefined)
        assert.deepStrictEqual(yield* Deferred.await(received), ["before"])
      })
    )

    test(
      "delivers what arrived before the end",
      Effect.fnUntraced(function*(transport) {
        const closed = yield* Deferred.make<void>()
        const drained = yield* Deferred.make<Effect.Success<ReturnType<typeof drain>>>()
        const listener = yield* transport.listen(here, listenOptions)
        yield* serve(
          listener,
          (connection) => Effect.andThen(Deferred.await(closed), Deferred.complete(drained, drain(connection)))
        )
        yield* Effect.scoped(Effect.flatMap(
          transport.dial(listener.address, dialOptions),
          (connection) => connection.write([bytes("a"), bytes("b"), bytes("c")])
        ))
        yield* Deferred.succeed(closed, undefined)
        assert.deepStrictEqual(yield* Deferred.await(drained), { frames: ["a", "b", "c"], reason: "Closed" })
      })
    )

    test(
      "keeps failing once it has ended",
      Effect.fnUntraced(function*(transport) {
        const listener = yield* transport.listen(here, listenOptions)
        yield* serve(listener, () => Effect.void)
        const connection = yield* transport.dial(listener.address, dialOptions)
        assert.strictEqual((yield* Effect.flip(connection.read)).reason._tag, "Closed")
        assert.strictEqual((yield* Effect.flip(connection.read)).reason._tag, "Closed")
      })
    )

    test(
      "ends only the connection whose frame is too large",
      Effect.fnUntraced(function*(transport) {
        const drained = yield* Deferred.make<Effect.Success<ReturnType<typeof drain>>>()
        const listener = yield* transport.listen(here, { ...listenOptions, maxFrameSize: 16 })
        yield* serve(listener, (connection) =>
          Effect.flatMap(connection.read, (frames) =>
            text(frames[0]) === "good"
              ? Effect.andThen(connection.write(frames), echo(connection))
              : Deferred.complete(
                drained,
                Effect.map(drain(connection), (rest) => ({ ...rest, frames: [...frames.map(text), ...rest.frames] }))
              )))
        const good = yield* transport.dial(listener.address, dialOptions)
        yield* assertEchoes(good, "good")
        const bad = yield* transport.dial(listener.address, dialOptions)
        yield* bad.write([bytes("bad")])
        yield* bad.write([bytes("0123456789abcdef"), bytes("0123456789abcdefg"), bytes("after")])
        const { frames, reason } = yield* Deferred.await(drained)
        assert.deepStrictEqual(frames, ["bad", "0123456789abcdef"])
        assert.strictEqual(reason, "FrameTooLarge")
        assert.include(["Closed", "Reset"], (yield* Effect.flip(bad.read)).reason._tag)
        yield* assertEchoes(good, "still here")
      })
    )

    test(
      "holds an accepted connection to small frames until it is admitted",
      Effect.fnUntraced(function*(transport) {
        const listener = yield* transport.listen(here, { ...listenOptions, maxFirstFrameSize: 10 })
        const refused = yield* Deferred.make<WendyConnectionError>()
        yield* serve(listener, (connection) =>
          Effect.gen(function*() {
            const [first] = yield* Effect.tapError(connection.read, (error) => Deferred.succeed(refused, error))
            connection.admit()
            yield* connection.write([first])
            return yield* echo(connection)
          }))
        const good = yield* transport.dial(listener.address, dialOptions)
        yield* assertEchoes(good, "small")
        yield* assertEchoes(good, "x".repeat(1000))
        const bad = yield* transport.dial(listener.address, dialOptions)
        yield* bad.write([bytes("x".repeat(11))])
        assert.strictEqual((yield* Deferred.await(refused)).reason._tag, "FrameTooLarge")
        yield* assertEchoes(good, "still here")
      })
    )

    test(
      "refuses a dial where nobody listens",
      Effect.fnUntraced(function*(transport) {
        const { address } = yield* Effect.scoped(transport.listen(here, listenOptions))
        const error = yield* Effect.flip(transport.dial(address, dialOptions))
        assert.strictEqual(error.reason._tag, "Refused")
        assert.strictEqual(error.address, `127.0.0.1:${address.port}`)
      })
    )

    test(
      "refuses bad addresses",
      Effect.fnUntraced(function*(transport) {
        for (
          const address of [{ host: "127.0.0.1", port: 65_536 }, { host: "127.0.0.1", port: 1.5 }, {
            host: "",
            port: 1
          }]
        ) {
          assert.strictEqual((yield* Effect.flip(transport.dial(address, dialOptions))).reason._tag, "BadAddress")
          assert.strictEqual((yield* Effect.flip(transport.listen(address, listenOptions))).reason._tag, "BadAddress")
        }
      })
    )

    test(
      "listens once on one address, and again when it is free",
      Effect.fnUntraced(function*(transport) {
        const scope = yield* Scope.make()
        const { address } = yield* Scope.provide(transport.listen(here, listenOptions), scope)
        assert.isAbove(address.port, 0)
        assert.strictEqual((yield* Effect.flip(transport.listen(address, listenOptions))).reason._tag, "InUse")
        const other = yield* transport.listen(here, listenOptions)
        assert.notStrictEqual(other.address.port, address.port)
        yield* Scope.close(scope, Exit.void)
        assert.deepStrictEqual((yield* transport.listen(address, listenOptions)).address, address)
      })
    )

    test(
      "keeps connections made before serve",
      Effect.fnUntraced(function*(transport) {
        const listener = yield* transport.listen(here, listenOptions)
        const connection = yield* transport.dial(listener.address, dialOptions)
        yield* connection.write([bytes("early")])
        yield* serve(listener, echo)
        assert.deepStrictEqual((yield* readFrames(connection, 1)).map(text), ["early"])
      })
    )

    test(
      "makes a writer wait for a peer that does not read",
      Effect.fnUntraced(function*(transport) {
        const size = 64 * 1024
        const total = Math.ceil(options.maxInFlight / size) * 2
        const { connection, reading, received } = yield* dialSleeper(transport, total, (frames) => frames.length)
        let sent = 0
        const frame = new Uint8Array(size)
        const writer = yield* Effect.forkChild(Effect.gen(function*() {
          while (sent < total) {
            yield* connection.write([frame])
            sent++
          }
        }))
        yield* untilStill(() => sent)
        assert.isUndefined(writer.pollUnsafe())
        assert.isAtMost(sent * size, options.maxInFlight)
        yield* Deferred.succeed(reading, undefined)
        assert.strictEqual(yield* Deferred.await(received), total)
        yield* Fiber.join(writer)
      })
    )

    test(
      "owes the writer nothing after write, of large frames either, however full the way is",
      Effect.fnUntraced(function*(transport) {
        const size = 40_000
        const total = Math.ceil(options.maxInFlight / size) * 2
        const { connection, reading, received } = yield* dialSleeper(
          transport,
          total,
          // The end of a frame may be on its way later than its beginning.
          (frames) => frames.flatMap((frame) => [frame[0]!, frame.at(-1)!])
        )
        const numbers = Array.from({ length: total }, (_, number) => number % 251)
        let sent = 0
        const writer = yield* Effect.forkChild(Effect.gen(function*() {
          for (const number of numbers) {
            const frame = new Uint8Array(size).fill(number)
            yield* connection.write([frame])
            frame.fill(255)
            sent++
          }
        }))
        yield* untilStill(() => sent)
        yield* Deferred.succeed(reading, undefined)
        assert.deepStrictEqual(yield* Deferred.await(received), numbers.flatMap((number) => [number, number]))
        yield* Fiber.join(writer)
      })
    )

    test(
      "writes at once while there is room, in order with all else, and says when there is none",
      Effect.fnUntraced(function*(transport) {
        const total = Math.ceil(options.maxInFlight / 64 / 1024) * 2
        const { connection, reading, received } = yield* dialSleeper(transport, total, firstBytes)
        const frames = Array.from({ length: total }, (_, number) => new Uint8Array(64 * 1024).fill(number % 251))
        let isFull = false
        let sent = 0
        while (sent < total && !isFull) {
          // A transport need not have it.
          if (connection.writeNow === undefined) break
          isFull = !connection.writeNow([frames[sent]!])
          if (!isFull) sent++
        }
        if (connection.writeNow !== undefined) assert.isTrue(isFull)
        const writer = yield* Effect.forkChild(
          Effect.forEach(frames.slice(sent), (frame) => connection.write([frame]), { discard: true }),
          { startImmediately: true }
        )
        yield* Deferred.succeed(reading, undefined)
        assert.deepStrictEqual(yield* Deferred.await(received), frames.map((frame) => frame[0]!))
        yield* Fiber.join(writer)
      })
    )

    test(
      "bounds what interrupted writers leave behind",
      Effect.fnUntraced(function*(transport) {
        const frame = new Uint8Array(1024 * 1024)
        const attempts = Math.ceil(options.maxInFlight / frame.byteLength) * 2
        const reading = yield* Deferred.make<void>()
        const drained = yield* Deferred.make<Effect.Success<ReturnType<typeof drain>>>()
        const listener = yield* transport.listen(here, listenOptions)
        yield* serve(
          listener,
          (connection) => Effect.andThen(Deferred.await(reading), Deferred.complete(drained, drain(connection)))
        )
        yield* Effect.scoped(Effect.gen(function*() {
          const connection = yield* transport.dial(listener.address, dialOptions)
          for (let i = 0; i < attempts; i++) {
            const writer = yield* Effect.forkChild(connection.write([frame]), { startImmediately: true })
            for (let turn = 0; turn < 5; turn++) yield* Effect.yieldNow
            yield* Fiber.interrupt(writer)
          }
          yield* Deferred.succeed(reading, undefined)
        }))
        assert.isAtMost((yield* Deferred.await(drained)).frames.length * frame.byteLength, options.maxInFlight)
      })
    )

    test(
      "fails the writer when the peer is gone",
      Effect.fnUntraced(function*(transport) {
        const listener = yield* transport.listen(here, listenOptions)
        yield* serve(listener, () => Effect.void)
        const connection = yield* transport.dial(listener.address, dialOptions)
        const error = yield* Effect.flip(
          Effect.forever(Effect.andThen(connection.write([bytes("x")]), Effect.yieldNow))
        )
        assert.instanceOf(error, WendyConnectionError)
        assert.instanceOf(yield* Effect.flip(connection.write([bytes("x")])), WendyConnectionError)
      })
    )

    test(
      "fails a waiting writer when the peer goes",
      Effect.fnUntraced(function*(transport) {
        const go = yield* Deferred.make<void>()
        const listener = yield* transport.listen(here, listenOptions)
        yield* serve(listener, () => Deferred.await(go))
        const connection = yield* transport.dial(listener.address, dialOptions)
        let sent = 0
        const writer = yield* Effect.forkChild(Effect.forever(Effect.suspend(() => {
          sent++
          return connection.write([new Uint8Array(64 * 1024)])
        })))
        yield* untilStill(() => sent)
        yield* Deferred.succeed(go, undefined)
        assert.instanceOf(yield* Effect.flip(Fiber.join(writer)), WendyConnectionError)
      })
    )

    test(
      "fails reads and writes after its own scope",
      Effect.fnUntraced(function*(transport) {
        const listener = yield* transport.listen(here, listenOptions)
        yield* serve(listener, echo)
        const scope = yield* Scope.make()
        const connection = yield* Scope.provide(transport.dial(listener.address, dialOptions), scope)
        const reader = yield* Effect.forkChild(connection.read, { startImmediately: true })
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual((yield* Effect.flip(Fiber.join(reader))).reason._tag, "Reset")
        assert.strictEqual((yield* Effect.flip(connection.read)).reason._tag, "Reset")
        assert.strictEqual((yield* Effect.flip(connection.write([bytes("x")]))).reason._tag, "Reset")
      })
    )

    test(
      "loses nothing to an interrupted read",
      Effect.fnUntraced(function*(transport) {
        const listener = yield* transport.listen(here, listenOptions)
        yield* serve(listener, echo)
        const connection = yield* transport.dial(listener.address, dialOptions)
        for (let i = 0; i < 100; i++) {
          const reader = yield* Effect.forkChild(connection.read, { startImmediately: true })
          yield* connection.write([bytes(String(i))])
          yield* Fiber.interrupt(reader)
          const exit = yield* Fiber.await(reader)
          const frames = Exit.isSuccess(exit) ? exit.value : yield* connection.read
          assert.deepStrictEqual(frames.map(text), [String(i)])
        }
      })
    )

    test(
      "ends both ends with the listener's scope",
      Effect.fnUntraced(function*(transport) {
        const scope = yield* Scope.make()
        const interrupted = yield* Deferred.make<void>()
        const listener = yield* Scope.provide(transport.listen(here, listenOptions), scope)
        yield* serve(
          listener,
          (connection) =>
            Effect.andThen(Effect.flatMap(connection.read, connection.write), Effect.never).pipe(
              Effect.onInterrupt(() => Deferred.succeed(interrupted, undefined))
            )
        )
        const connection = yield* transport.dial(listener.address, dialOptions)
        yield* assertEchoes(connection, "up")
        const drained = yield* Effect.forkChild(drain(connection))
        yield* Scope.close(scope, Exit.void)
        yield* Deferred.await(interrupted)
        assert.include(["Closed", "Reset"], (yield* Fiber.join(drained)).reason)
        assert.strictEqual((yield* Effect.flip(transport.dial(listener.address, dialOptions))).reason._tag, "Refused")
      })
    )

    test(
      "ends a connection that nobody served with the listener's scope",
      Effect.fnUntraced(function*(transport) {
        const scope = yield* Scope.make()
        const listener = yield* Scope.provide(transport.listen(here, listenOptions), scope)
        const connection = yield* transport.dial(listener.address, dialOptions)
        yield* Scope.close(scope, Exit.void)
        assert.include(["Closed", "Reset"], (yield* Effect.flip(connection.read)).reason._tag)
      })
    )

    test(
      "flushes and ends every connection when serve is interrupted",
      Effect.fnUntraced(function*(transport) {
        const written = yield* Deferred.make<void>()
        const listener = yield* transport.listen(here, listenOptions)
        const serving = yield* serve(listener, (connection) =>
          connection.write([bytes("a"), bytes("b")]).pipe(
            Effect.andThen(Deferred.succeed(written, undefined)),
            Effect.andThen(Effect.never)
          ))
        const connection = yield* transport.dial(listener.address, dialOptions)
        yield* Deferred.await(written)
        const interruption = yield* Effect.forkChild(Fiber.interrupt(serving))
        assert.deepStrictEqual(yield* drain(connection), { frames: ["a", "b"], reason: "Closed" })
        yield* Fiber.join(interruption)
        yield* serve(listener, echo)
        yield* assertEchoes(yield* transport.dial(listener.address, dialOptions), "served again")
      })
    )

    test(
      "closes connections beyond maxConnections at once",
      Effect.fnUntraced(function*(transport) {
        const listener = yield* transport.listen(here, { ...listenOptions, maxConnections: 1 })
        yield* serve(listener, echo)
        const scope = yield* Scope.make()
        const first = yield* Scope.provide(transport.dial(listener.address, dialOptions), scope)
        yield* assertEchoes(first, "first")
        // Where a handshake belongs to it, the dial itself comes to nothing.
        const refused = yield* Effect.flip(
          Effect.flatMap(transport.dial(listener.address, dialOptions), ({ read }) => read)
        )
        assert.include(["Closed", "Broken"], refused.reason._tag)
        yield* assertEchoes(first, "still here")
        yield* Scope.close(scope, Exit.void)
        yield* transport.dial(listener.address, dialOptions).pipe(
          Effect.flatMap((connection) => assertEchoes(connection, "third")),
          Effect.scoped,
          Effect.retry({ times: 100 })
        )
      })
    )

    test(
      "keeps a failing handler to itself",
      Effect.fnUntraced(function*(transport) {
        const listener = yield* transport.listen(here, listenOptions)
        yield* serve(
          listener,
          (connection) =>
            Effect.forever(
              Effect.flatMap(connection.read, (frames): Effect.Effect<void, WendyConnectionError | string> => {
                switch (text(frames[0])) {
                  case "fail":
                    return Effect.fail("failed")
                  case "die":
                    return Effect.die("died")
                  default:
                    return connection.write(frames)
                }
              })
            )
        )
        const good = yield* transport.dial(listener.address, dialOptions)
        yield* assertEchoes(good, "one")
        for (const word of ["fail", "die"]) {
          const bad = yield* transport.dial(listener.address, dialOptions)
          yield* bad.write([bytes(word)])
          assert.deepStrictEqual(yield* drain(bad), { frames: [], reason: "Closed" })
        }
        yield* assertEchoes(good, "two")
      })
    )

    test(
      "flushes what was written when the scope of a dial closes",
      Effect.fnUntraced(function*(transport) {
        const drained = yield* Deferred.make<Effect.Success<ReturnType<typeof drain>>>()
        const listener = yield* transport.listen(here, listenOptions)
        yield* serve(listener, (connection) => Deferred.complete(drained, drain(connection)))
        yield* Effect.scoped(Effect.gen(function*() {
          const connection = yield* transport.dial(listener.address, dialOptions)
          yield* Effect.forkChild(
            connection.write(Array.from({ length: 8_000 }, (_, i) => bytes(String(i).padEnd(1_000)))),
            { startImmediately: true }
          )
        }))
        const { frames, reason } = yield* Deferred.await(drained)
        assert.strictEqual(frames.length, 8_000)
        assert.strictEqual(reason, "Closed")
      })
    )
  })
}
