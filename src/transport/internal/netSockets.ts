/**
 * Sockets of Node.js: how they are opened and accepted, and what their errors mean.
 *
 * What lies under both `Tcp` and `Tls`.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Net from "node:net"
import * as Address from "../../protocol/Address.ts"
import { type Connection, type ConnectionOptions, WendyDialError, WendyListenError } from "../Transport.ts"
import { makeAcceptor } from "./acceptor.ts"
import { describeBadAddress } from "./badAddress.ts"
import { guard } from "./guard.ts"
import { makeConnection, type Ready } from "./netConnection.ts"

// -----------------------------------------------------------------------------
// Listening and dialling
// -----------------------------------------------------------------------------

/** Milliseconds without traffic after which the kernel asks whether the other end is there. */
const socketOptions = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000, allowHalfOpen: true }

/** Binds an address. `prepare` gets every accepted socket, and says when it is ready; one that it drops it destroys. */
export const listen = Effect.fnUntraced(function*(
  address: Address.Address,
  options: ConnectionOptions & {
    readonly maxConnections: number
    readonly maxFirstFrameSize?: number | undefined
  },
  prepare: (socket: Net.Socket, done: (ready: Ready) => void) => void
) {
  const problem = describeBadAddress(address, 0)
  if (problem !== undefined) {
    return yield* new WendyListenError({
      reason: { _tag: "BadAddress", message: problem },
      address: Address.format(address)
    })
  }
  const open = new Set<Net.Socket>()
  const acceptor = yield* makeAcceptor((
    { ready, remote }: { readonly ready: Ready; readonly remote: Address.Address }
  ) => makeConnection(ready, remote, options))
  const accept = (socket: Net.Socket): void => {
    if (open.size >= options.maxConnections) {
      socket.destroy()
      return
    }
    open.add(socket)
    socket.once("close", () => open.delete(socket))
    // One without a listener ends the process.
    socket.on("error", () => {})
    const remote = remoteOf(socket)
    prepare(socket, (ready) => acceptor.offerUnsafe({ ready, remote }))
  }
  const server = yield* Effect.acquireRelease(
    bind(address, accept),
    (server) =>
      Effect.andThen(
        acceptor.interrupt,
        Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          open.forEach((socket) => socket.destroy())
        })
      ),
    { interruptible: true }
  )
  const bound = server.address() as Net.AddressInfo
  return { address: { host: bound.address, port: bound.port }, serve: acceptor.serve }
})

const bind = (
  address: Address.Address,
  accept: (socket: Net.Socket) => void
): Effect.Effect<Net.Server, WendyListenError> =>
  Effect.callback((resume) => {
    // Paused, so that nothing is lost before somebody reads.
    const server = Net.createServer(
      { ...socketOptions, pauseOnConnect: true },
      (socket) => guard(socket, () => accept(socket))()
    )
    // Stays for the life of the server: one that cannot accept a connection for a while says so as well.
    server.on("error", (cause) => resume(Effect.fail(toListenError(address, cause))))
    // Exclusive: workers of node:cluster would share one port, and each get some of the others' connections.
    const where = { host: address.host, port: address.port, exclusive: true }
    server.listen(where, () => resume(Effect.succeed(server)))
    return Effect.sync(() => server.close())
  })

/** Opens a connection: `prepare` makes a connected socket ready, and destroys nothing. */
export const dial = (
  address: Address.Address,
  options: ConnectionOptions & { readonly timeout: Duration.Input },
  prepare: (socket: Net.Socket) => Effect.Effect<Ready, WendyDialError>
): Effect.Effect<Connection, WendyDialError, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const problem = describeBadAddress(address, 1)
      if (problem !== undefined) {
        return yield* new WendyDialError({
          reason: { _tag: "BadAddress", message: problem },
          address: Address.format(address)
        })
      }
      let socket: Net.Socket | undefined
      let isConnected = false
      const connect = Effect.callback<Net.Socket, WendyDialError>((resume) => {
        const connecting = Net.createConnection({ host: address.host, port: address.port, ...socketOptions })
        socket = connecting
        connecting.once("connect", () => {
          isConnected = true
          resume(Effect.succeed(connecting))
        })
        // stays for the life of the socket: an "error" without a listener ends the process
        connecting.on("error", (cause) => resume(Effect.fail(toDialError(address, cause))))
      })
      const ready = yield* restore(Effect.timeoutOrElse(Effect.flatMap(connect, prepare), {
        duration: options.timeout,
        orElse: () => Effect.fail(makeDialError(address, isConnected ? "Silent" : "Timeout"))
      })).pipe(Effect.onError(() => Effect.sync(() => socket?.destroy())))
      return yield* makeConnection(ready, remoteOf(socket!), options)
    })
  )

const remoteOf = (socket: Net.Socket): Address.Address => {
  const host = socket.remoteAddress ?? ""
  return {
    host: host.startsWith("::ffff:") && host.includes(".") ? host.slice("::ffff:".length) : host,
    port: socket.remotePort ?? 0
  }
}

// -----------------------------------------------------------------------------
// Errors
// -----------------------------------------------------------------------------

const codesOf = (cause: unknown): ReadonlyArray<string> => {
  if (cause instanceof AggregateError) return cause.errors.flatMap(codesOf)
  return cause instanceof Error && "code" in cause ? [String(cause.code)] : []
}

const isResolverCode = (code: string): boolean =>
  code === "ENOTFOUND" || code.startsWith("EAI_") || code === "ERR_SOCKET_BAD_PORT" || code.startsWith("ERR_INVALID")

const resourceCodes: ReadonlySet<string> = new Set(["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"])

const toDialError = (address: Address.Address, cause: unknown): WendyDialError => {
  const codes = codesOf(cause)
  // a name may stand for several addresses: only if all refuse, nothing listens
  const code = codes.find((code) => code !== "ECONNREFUSED") ?? codes[0] ?? ""
  if (code === "ECONNREFUSED") return makeDialError(address, "Refused")
  if (code === "ETIMEDOUT") return makeDialError(address, "Timeout")
  if (resourceCodes.has(code) || code === "EADDRNOTAVAIL") return makeDialError(address, "Resources", code)
  if (isResolverCode(code)) return makeDialError(address, "BadAddress", code)
  return makeDialError(address, "Unreachable", code)
}

export const makeDialError = (
  address: Address.Address,
  reason: WendyDialError["reason"]["_tag"],
  code?: string
): WendyDialError => {
  const to = Address.format(address)
  const because = code === undefined || code === "" ? "" : ` (${code})`
  const message = {
    Refused: `Nothing listens on ${to}. Start the peer there, or dial another address.`,
    Timeout: `${to} did not answer in time. Check the address, the network and its firewalls, then dial again.`,
    Unreachable: `${to} cannot be reached${because}. Check the route to that host, then dial again.`,
    Resources: `This process or machine has no socket left to dial ${to}${because}. ` +
      "Raise the limit of open files or close connections, then dial again.",
    Broken: `${to} ended the connection before it could be used${because}: it is ending, or it does not encrypt ` +
      "because it has no credentials.",
    Silent: `${to} takes connections, but did not answer in time: its process is stopped, stuck or busy. Wake or ` +
      "restart it, or dial with a longer time-out.",
    Insecure: `${to} does not encrypt, or uses credentials of another kind${because}. Give both ends the same kind.`,
    BadAddress: `${to} cannot be resolved${because}. Correct the host name, an IPv6 address goes without brackets.`
  }[reason]
  return new WendyDialError({ reason: { _tag: reason, message }, address: to })
}

const toListenError = (address: Address.Address, cause: unknown): WendyListenError => {
  const at = Address.format(address)
  const code = codesOf(cause)[0] ?? ""
  if (code === "EADDRINUSE") {
    return new WendyListenError({
      reason: {
        _tag: "InUse",
        message: `Something listens on ${at} already. Stop it, or choose another port (0 takes a free one).`
      },
      address: at
    })
  }
  if (code === "EACCES" || code === "EPERM") {
    return new WendyListenError({
      reason: {
        _tag: "Denied",
        message: `This process may not listen on ${at}. Choose a port above 1023, or grant the right.`
      },
      address: at
    })
  }
  if (resourceCodes.has(code)) {
    return new WendyListenError({
      reason: {
        _tag: "Resources",
        message: `There is no socket left to listen on ${at} (${code}). Raise the limit of open files.`
      },
      address: at
    })
  }
  if (isResolverCode(code) || code === "EADDRNOTAVAIL" || code === "EAFNOSUPPORT") {
    return new WendyListenError({
      reason: {
        _tag: "BadAddress",
        message:
          `${at} is not an address of this machine (${code}). Choose one that is, an IPv6 address without brackets.`
      },
      address: at
    })
  }
  return new WendyListenError({
    reason: {
      _tag: "Other",
      message: `Listening on ${at} failed: ${cause instanceof Error ? cause.message : String(cause)}. ` +
        "Correct the address or choose another one."
    },
    address: at
  })
}
