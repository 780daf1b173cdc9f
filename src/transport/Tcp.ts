/**
 * The network over real TCP sockets.
 *
 * Each frame travels behind its length, four bytes, the highest first. While
 * nobody reads a socket is paused, and `write` waits for the kernel, so
 * back-pressure reaches from one end to the other. It needs Node.js. Nothing is
 * encrypted: outside loopback and closed networks put it into a tunnel. For tests
 * that need no sockets there is `MemoryTransport`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { hosts, resolve } from "./internal/machine.ts"
import { dial, listen } from "./internal/netSockets.ts"
import { Transport } from "./Transport.ts"

/**
 * Provides the `Transport` over TCP.
 *
 * **When to use**
 *
 * For everything that runs. In tests `MemoryTransport.layer` is faster and follows the Clock.
 *
 * **Details**
 *
 * `TCP_NODELAY` is on, and keep-alive after 30 s without traffic. A connection that is closed sends what
 * was written for at most one second, and then gives the peer a tenth of a
 * second to end its side, so that unread bytes do not turn the end into a reset.
 * Closing a listener's scope interrupts its handlers.
 *
 * Hosts may be IPv4 addresses, IPv6 addresses without brackets, or names.
 *
 * **Example** (An echo over a socket)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { TcpTransport, Transport } from "effect-wendy"
 *
 * const program = Effect.gen(function*() {
 *   const { dial, listen } = yield* Transport.Transport
 *   const limits = { maxFrameSize: 1024, maxConnections: 10 }
 *   const listener = yield* listen({ host: "127.0.0.1", port: 0 }, limits)
 *   yield* Effect.forkScoped(listener.serve((connection) =>
 *     Effect.forever(Effect.flatMap(connection.read, connection.write))
 *   ))
 *
 *   const { read, write } = yield* dial(listener.address, { maxFrameSize: 1024, timeout: "2 seconds" })
 *   yield* write([new TextEncoder().encode("hello")])
 *   const [frame] = yield* read
 *   return new TextDecoder().decode(frame)
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(TcpTransport.layer))) // => "hello"
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Transport> = Layer.succeed(Transport, {
  protection: "none",
  resolve,
  hosts,
  listen: (address, options) => listen(address, options, (socket, done) => done({ socket, channel: undefined })),
  dial: (address, options) => dial(address, options, (socket) => Effect.succeed({ socket, channel: undefined }))
})
