/**
 * The network over TLS 1.3 (RFC 8446): as TCP, and nobody between two ends reads or changes anything.
 *
 * Encryption is all that this transport promises by itself. Who the other end is, `Link` finds out: by the
 * certificates that both ends have shown, or by proofs that are bound to the channel.
 *
 * With certificates both ends show theirs, and what OpenSSL thinks of them is passed on: an end that is not
 * believed is told so in words, and not by a connection that just closes, as TLS 1.3 would have it. Without
 * certificates the two ends agree on keys as strangers do: under a pre-shared key that everybody knows, with
 * ephemeral Diffie-Hellman (RFC 8446, section 2.2), which says nothing about who they are. A runtime without pre-shared
 * keys (Bun) does the same under a certificate that the other end has signed itself, and that says as little.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { constants, createHash } from "node:crypto"
import type * as Net from "node:net"
import * as TlsSocket from "node:tls"
import type { Address } from "../protocol/Address.ts"
import * as Certificates from "../protocol/Certificates.ts"
import type { Certificate } from "../protocol/Credentials.ts"
import { asError, guard } from "./internal/guard.ts"
import { hosts, resolve } from "./internal/machine.ts"
import type { Ready } from "./internal/netConnection.ts"
import { dial, listen, makeDialError } from "./internal/netSockets.ts"
import * as Runtime from "./internal/runtime.ts"
import { selfSigned } from "./internal/selfSigned.ts"
import { PendingHandshakes } from "./PendingHandshakes.ts"
import { type Channel, Transport, WendyDialError } from "./Transport.ts"

/**
 * Provides the `Transport` over TLS.
 *
 * **When to use**
 *
 * Wherever a Node is reached over more than loopback. Credentials other than `Credentials.none` need it.
 *
 * **Details**
 *
 * TLS 1.3 alone, with ephemeral keys (X25519 with ML-KEM-768 where both ends know it) and AES-128-GCM or
 * ChaCha20-Poly1305. No session is resumed: every connection is checked anew.
 *
 * A connection in clear is accepted so far that it can be refused in words (`Refused`, reason `clear`). A handshake
 * of TLS that takes longer than ten seconds ends, and no more than 256 are under way at a time.
 *
 * It runs on Node.js and Bun. Deno has no exporter for channels and takes no notice of lists of revoked certificates:
 * there certificates can be used without such lists, and a passphrase cannot be used.
 *
 * **Example** (Two Nodes with a passphrase)
 *
 * ```ts
 * import { Effect, Redacted } from "effect"
 * import { Cluster, Credentials, TlsTransport } from "effect-wendy"
 *
 * const credentials = Credentials.passphrase(Redacted.make("correct horse battery staple"))
 *
 * const program = Effect.gen(function*() {
 *   const one = yield* Cluster.make({ credentials })
 *   yield* one.ready
 *   const two = yield* Cluster.make({ credentials, join: [`127.0.0.1:${one.address.port}`] })
 *   yield* two.ready
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(TlsTransport.layer)))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Transport> = Layer.succeed(Transport, {
  protection: "tls",
  resolve,
  hosts,
  listen: (address, options) => listen(address, options, makeServer(options.certificate)),
  dial: (address, options) => dial(address, options, (socket) => secure(socket, address, options.certificate?.()))
})

/** The longest handshake, in milliseconds, and how many of those that were accepted may be under way. */
const handshakeTimeout = Duration.toMillis("10 seconds")
const maxHandshakes = 256

/** Suites that go with SHA-256: a pre-shared key that is set by hand goes with no other. */
const suites = {
  minVersion: "TLSv1.3",
  ciphers: "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256"
} as const

/** What everybody knows: a key for ends that have no certificates. It proves nothing. */
const strangers = {
  identity: "effect-wendy",
  psk: createHash("sha256").update("effect-wendy: a key that everybody knows").digest()
}

/** What OpenSSL is given of a certificate. */
const optionsOf = (certificate: Certificate) => ({
  key: Redacted.value(certificate.key),
  cert: certificate.chain,
  ca: [...certificate.authorities],
  ...(certificate.revocations.length === 0 ? {} : { crl: certificate.revocations.flatMap(partsOf) })
})

/** Of several lists in one text OpenSSL reads the first. */
const partsOf = (pem: string): ReadonlyArray<string> => {
  const parts = Certificates.split(pem)
  return parts.length === 0 ? [pem] : parts
}

const contexts = new WeakMap<Certificate, TlsSocket.SecureContext>()

/** What OpenSSL makes of a certificate, once for each. */
const contextOf = (certificate: Certificate): TlsSocket.SecureContext => {
  let context = contexts.get(certificate)
  if (context === undefined) {
    context = TlsSocket.createSecureContext({ ...suites, ...optionsOf(certificate) })
    contexts.set(certificate, context)
  }
  return context
}

/**
 * Why no proof can be bound to a channel; `undefined` when it can.
 *
 * @internal
 */
export const problemOfBinding = ({ canBind, name }: Runtime.Runtime = Runtime.current): string | undefined =>
  canBind ?
    undefined :
    `${name} cannot bind a passphrase to a connection over TLS (it has no exportKeyingMaterial): use certificates, or ` +
    "run this on Node.js or Bun"

/**
 * Why a certificate cannot be shown; `undefined` when it can.
 *
 * @internal
 */
export const problemOf = (
  certificate: Certificate,
  { canRevoke, name }: Runtime.Runtime = Runtime.current
): string | undefined => {
  if (!canRevoke && certificate.revocations.length > 0) {
    return `${name} takes no notice of lists of revoked certificates, so that it would let in whom they name: leave the ` +
      "lists out, or run this on Node.js or Bun"
  }
  if (Certificates.read(certificate.chain) === undefined) {
    return "the certificate cannot be read: give it in PEM, the end's own first"
  }
  // OpenSSL takes what it cannot read for no authority at all, and says nothing.
  if (certificate.authorities.length === 0 || !certificate.authorities.every(Certificates.isReadable)) {
    return "there is no authority to believe, or one that cannot be read: give their certificates in PEM"
  }
  try {
    contextOf(certificate)
  } catch (error) {
    // What OpenSSL says holds no secret; it may hold line breaks.
    const said = error instanceof Error ? error.message.split("\n")[0]! : String(error)
    return `certificate, key, authorities and lists of revoked ones do not make a whole (${said}): give each in PEM, and ` +
      "the key that belongs to the certificate"
  }
}

/** The exporter of RFC 9266, section 4.2, and what the other end has shown, where this end asks who it is. */
const channelOf = (socket: TlsSocket.TLSSocket, own: Certificate | undefined): Channel => {
  const shown = own === undefined ? undefined : socket.getPeerX509Certificate()
  // What was found out about a certificate in an earlier session says nothing of it now.
  const problem = socket.isSessionReused()
    ? "SESSION_REUSED"
    : socket.authorized
    ? undefined
    : String(socket.authorizationError)
  return {
    binding: Runtime.current.canBind
      ? new Uint8Array(socket.exportKeyingMaterial(32, "EXPORTER-Channel-Binding", Buffer.alloc(0)))
      : undefined,
    certificate: shown === undefined ? undefined : { raw: new Uint8Array(shown.raw), problem }
  }
}

/** The first byte of whatever speaks TLS. */
const handshakeRecord = 0x16

/** Accepts: a TLS server of Node.js that never listens, and gets sockets that were accepted elsewhere. */
const makeServer = (certificateOf: (() => Certificate | undefined) | undefined) => {
  /** Handshakes under way, by where they come from. */
  const pending = new Map<string, (ready: Ready) => void>()
  const pendingHandshakes = new PendingHandshakes(maxHandshakes)
  let current: { readonly certificate: Certificate | undefined; readonly server: TlsSocket.Server } | undefined

  const serverOf = (certificate: Certificate | undefined): TlsSocket.Server => {
    if (current !== undefined && current.certificate === certificate) return current.server
    const server = TlsSocket.createServer({
      ...suites,
      ...(certificate === undefined
        ? {
          // For who knows no pre-shared keys.
          ...selfSigned(),
          pskCallback: (_socket: TlsSocket.TLSSocket, identity: string) =>
            identity === strangers.identity ? strangers.psk : null
        }
        : { ...optionsOf(certificate), requestCert: true, rejectUnauthorized: false }),
      handshakeTimeout,
      secureOptions: constants.SSL_OP_NO_TICKET
    })
    server.on("secureConnection", (socket) =>
      guard(socket, () => {
        const from = nameOf(socket)
        const done = pending.get(from)
        if (done === undefined) return void socket.destroy()
        socket.allowHalfOpen = true
        done({ socket, channel: channelOf(socket, certificate) })
      })())
    server.on("tlsClientError", (_, socket) => socket.destroy())
    current = { certificate, server }
    return server
  }

  return (raw: Net.Socket, done: (ready: Ready) => void): void => {
    const from = nameOf(raw)
    const leave = pendingHandshakes.enter(raw.remoteAddress ?? "", () => raw.destroy())
    const finish = (ready: Ready) => {
      pending.delete(from)
      leave()
      done(ready)
    }
    pending.set(from, finish)
    raw.once("close", () => {
      pending.delete(from)
      leave()
    })
    raw.on("error", () => raw.destroy())
    raw.setTimeout(handshakeTimeout, () => raw.destroy())
    raw.once(
      "readable",
      guard(raw, () => {
        const first: Buffer | null = raw.read(1)
        if (first === null) return void raw.destroy()
        raw.unshift(first)
        raw.setTimeout(0)
        if (first[0] === handshakeRecord) {
          // Who ends his side within the handshake will not go on with it.
          raw.allowHalfOpen = false
          return void serverOf(certificateOf?.()).emit("connection", raw)
        }
        finish({ socket: raw, channel: undefined })
      })
    )
  }
}

const nameOf = (socket: Net.Socket): string => `${socket.remoteAddress} ${socket.remotePort}`

const secure = (
  raw: Net.Socket,
  address: Address,
  certificate: Certificate | undefined
): Effect.Effect<Ready, WendyDialError> =>
  Effect.callback((resume) => {
    const fail = (cause: Error) => resume(Effect.fail(toHandshakeError(address, cause, certificate)))
    let socket: TlsSocket.TLSSocket
    try {
      socket = TlsSocket.connect({
        ...suites,
        ...(certificate === undefined
          ? { pskCallback: () => strangers }
          : { secureContext: contextOf(certificate) }),
        socket: raw,
        // Whose certificate it is `Link` looks at, and then it says what it thinks of it.
        rejectUnauthorized: false,
        checkServerIdentity: () => undefined
      })
    } catch (cause) {
      return fail(asError(cause))
    }
    socket.once(
      "secureConnect",
      guard(socket, () => resume(Effect.succeed({ socket, channel: channelOf(socket, certificate) })))
    )
    // Both stay for the life of the socket: an "error" without a listener ends the process.
    socket.on("error", fail)
    socket.once("close", () => resume(Effect.fail(makeDialError(address, "Broken"))))
  })

/** An alert, or what is no TLS at all, is an answer; anything else may come of a process that is just ending. */
const toHandshakeError = (address: Address, cause: Error, certificate: Certificate | undefined): WendyDialError => {
  const code = "code" in cause ? String(cause.code) : ""
  if (!code.startsWith("ERR_SSL_")) return makeDialError(address, "Broken", code)
  const error = makeDialError(address, "Insecure", code)
  const { canShareKeys, name } = Runtime.current
  return canShareKeys || certificate !== undefined ?
    error :
    new WendyDialError({
      reason: {
        _tag: error.reason,
        message:
          `${error.message} Builds of effect-wendy that take none but connections with a pre-shared key, which ${name} ` +
          "does not have, have to be updated first."
      },
      address: error.address
    })
}
