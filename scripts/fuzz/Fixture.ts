/**
 * Fixture: where a siege takes place: inside the process, or on real sockets of this machine, in clear, or over TLS with
 * a passphrase or with certificates. What Nodes are given there, and what those who mean ill can get hold of.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { createHash } from "node:crypto"
import type * as Net from "node:net"
import { Duplex } from "node:stream"
import * as TlsSocket from "node:tls"
import * as Authority from "../../src/cli/keys/Authority.ts"
import * as Address from "../../src/protocol/Address.ts"
import * as Credentials from "../../src/protocol/Credentials.ts"
import type * as Handshake from "../../src/protocol/Handshake.ts"
import type * as NodeId from "../../src/ring/NodeId.ts"
import type { Rng } from "../../src/simulation/Rng.ts"
import * as Memory from "../../src/transport/Memory.ts"
import * as Tcp from "../../src/transport/Tcp.ts"
import * as Tls from "../../src/transport/Tls.ts"
import { Transport, WendyDialError } from "../../src/transport/Transport.ts"

export const names = ["memory", "clear", "passphrase", "certificates"] as const

export type Name = (typeof names)[number]

export interface Fixture {
  readonly name: Name
  /** As Hellos name it. */
  readonly kind: Handshake.CredentialsKind
  readonly credentialsOf: (id: NodeId.NodeId) => Effect.Effect<Credentials.Credentials>
  /** Where Nodes listen and dial. */
  readonly nodes: Transport["Service"]
  /** From where everybody else dials. */
  readonly outside: Transport["Service"]
  /** Of a client, and what of them it shows to TLS. */
  readonly credentials: Credentials.Credentials
  readonly certificate: Credentials.Certificate | undefined
  /** What somebody shows that is not to be believed: nothing, or a certificate that is not good. */
  readonly drawBad: (rng: Rng) => Credentials.Certificate | undefined
  /** Ports that Nodes listen on: nobody can make them dial others. Only those of real sockets are looked at. */
  readonly ports: Set<number>
  /** Where Nodes wanted to go else. */
  readonly strayed: Set<string>
}

export const secret = Redacted.make("the passphrase of a cluster under siege")

/** Sockets of this process; those that listen do not count. */
export const countSockets = (): number =>
  process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length

/** How many more sockets there are than before, when those that are ending have ended. */
export const countLeft = Effect.fnUntraced(function*(before: number) {
  for (let tries = 0; tries < 200 && countSockets() > before; tries++) yield* Effect.sleep(10)
  return Math.max(0, countSockets() - before)
})

/** Nodes on real sockets dial each other, and nobody else: whatever they are told, nothing leaves this machine. */
const keepIn = (
  inner: Transport["Service"],
  { ports, strayed }: Pick<Fixture, "ports" | "strayed">
): Transport["Service"] => ({
  ...inner,
  dial: (address, options) => {
    if (address.host === "127.0.0.1" && ports.has(address.port)) return inner.dial(address, options)
    strayed.add(Address.format(address))
    return Effect.fail(
      new WendyDialError({
        reason: { _tag: "Unreachable", message: "no Node of this cluster" },
        address: Address.format(address)
      })
    )
  }
})

const day = 24 * 3_600_000

const inMemory = Effect.map(Memory.Network, (network): Fixture => ({
  name: "memory",
  kind: "passphrase",
  credentialsOf: () => Effect.succeed(Credentials.passphrase(secret)),
  credentials: Credentials.passphrase(secret),
  nodes: network.transport(),
  outside: network.transport("10.0.0.66"),
  certificate: undefined,
  drawBad: () => undefined,
  ports: new Set(),
  strayed: new Set()
}))

const withPassphrase = (name: Name, outside: Transport["Service"]): Fixture => {
  const watch = { ports: new Set<number>(), strayed: new Set<string>() }
  const credentials = Credentials.passphrase(secret, { allowClear: name === "clear" })
  return {
    name,
    kind: "passphrase",
    credentialsOf: () => Effect.succeed(credentials),
    credentials,
    nodes: keepIn(outside, watch),
    outside,
    certificate: undefined,
    drawBad: () => undefined,
    ...watch
  }
}

const withCertificates = Effect.fnUntraced(function*(outside: Transport["Service"]) {
  const validity = { from: new Date(Date.now() - day), until: new Date(Date.now() + 365 * day) }
  const past = { from: new Date(Date.now() - 2 * day), until: new Date(Date.now() - day) }
  const makeAuthority = Effect.promise(() => Authority.make("an authority", validity))
  const [own, foreign] = [yield* makeAuthority, yield* makeAuthority]
  const issue = (authority: Authority.Pair, subject: Partial<Authority.Subject>, when = validity) =>
    Effect.map(
      Effect.promise(() =>
        Authority.issue(authority, { name: "x", role: "member", id: undefined, region: undefined, ...subject }, when)
      ),
      ({ certificate, key }) =>
        Credentials.certificate({ key: Redacted.make(key), chain: certificate, authorities: [own.certificate] })
    )
  const bad = [
    undefined,
    (yield* issue(foreign, {})).certificate,
    (yield* issue(foreign, { role: "client" })).certificate,
    (yield* issue(own, {}, past)).certificate
  ]
  const credentials = yield* issue(own, { role: "client" })
  const watch = { ports: new Set<number>(), strayed: new Set<string>() }
  return {
    name: "certificates",
    kind: "certificate",
    credentialsOf: (id) => issue(own, { id }),
    nodes: keepIn(outside, watch),
    outside,
    credentials,
    certificate: credentials.certificate,
    drawBad: (rng) => rng.pick(bad),
    ...watch
  } satisfies Fixture
})

/** What `Tls` prints in its source, for ends without certificates: strangers know it, too. */
const known = {
  identity: "effect-wendy",
  psk: createHash("sha256").update("effect-wendy: a key that everybody knows").digest()
}

/** Speaks TLS on a bare socket, as an end with this certificate, or with none. */
export const speakTls = (socket: Net.Socket, certificate: Credentials.Certificate | undefined): TlsSocket.TLSSocket =>
  TlsSocket.connect({
    socket,
    minVersion: "TLSv1.3",
    ciphers: "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256",
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
    ...(certificate === undefined
      ? { pskCallback: () => known }
      : { key: Redacted.value(certificate.key), cert: certificate.chain })
  })

/** What an end says first over TLS, heard by one that never answers. */
export const recordHello: Effect.Effect<Uint8Array> = Effect.callback((resume) => {
  const mute = new Duplex({
    read: () => {},
    write: (chunk: Uint8Array, _encoding, done) => {
      done()
      resume(Effect.sync(() => {
        socket.destroy()
        return new Uint8Array(chunk)
      }))
    }
  })
  const socket = TlsSocket.connect({ socket: mute, minVersion: "TLSv1.3", rejectUnauthorized: false })
  // An "error" without a listener ends the process.
  socket.on("error", () => {})
})

/** A ground of this name. */
export const make = (name: Name): Effect.Effect<Fixture, never, Memory.Network> => {
  switch (name) {
    case "memory":
      return inMemory
    case "clear":
      return Effect.map(Effect.provide(Transport, Tcp.layer), (tcp) => withPassphrase(name, tcp))
    case "passphrase":
      return Effect.map(Effect.provide(Transport, Tls.layer), (tls) => withPassphrase(name, tls))
    case "certificates":
      return Effect.flatMap(Effect.provide(Transport, Tls.layer), withCertificates)
  }
}
