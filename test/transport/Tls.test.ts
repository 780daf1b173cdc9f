import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Net from "node:net"
import * as NodeTls from "node:tls"
import * as Authority from "../../src/cli/keys/Authority.ts"
import type { Address } from "../../src/protocol/Address.ts"
import type { Certificate } from "../../src/protocol/Credentials.ts"
import * as Credentials from "../../src/protocol/Credentials.ts"
import { selfSigned } from "../../src/transport/internal/selfSigned.ts"
import * as Tcp from "../../src/transport/Tcp.ts"
import * as Tls from "../../src/transport/Tls.ts"
import { type Connection, Transport, type WendyDialError } from "../../src/transport/Transport.ts"
import {
  bytes,
  dialOptions,
  echo,
  here,
  listenOptions,
  readFrames,
  serve,
  text,
  transportContract
} from "./contract.ts"

transportContract("Tls", Tls.layer, { live: true, maxInFlight: 32 * 1024 * 1024 })

const day = 24 * 3_600_000

const validity = { from: new Date(Date.now() - day), until: new Date(Date.now() + day) }

const issue = (authority: Authority.Pair) =>
  Effect.promise(() =>
    Authority.issue(authority, { name: "x", role: "member", id: undefined, region: undefined }, validity)
  ).pipe(Effect.map((pair): Certificate =>
    Credentials.certificate({
      key: Redacted.make(pair.key),
      chain: pair.certificate,
      authorities: [authority.certificate]
    }).certificate
  ))

const makeAuthority = Effect.promise(() => Authority.make("one", validity))

/** Both ends of a connection; the accepted one lives as long as the test. */
const connect = (dialler?: Certificate, acceptor = dialler) => connectAs(dialler, acceptor)

const connectAs = Effect.fnUntraced(function*(dialler: Certificate | undefined, acceptor: Certificate | undefined) {
  const { dial, listen } = yield* Transport
  const accepted = yield* Deferred.make<Connection>()
  const listener = yield* listen(here, { ...listenOptions, certificate: () => acceptor })
  yield* serve(listener, (connection) => Effect.andThen(Deferred.succeed(accepted, connection), Effect.never))
  const near = yield* dial(listener.address, { ...dialOptions, certificate: () => dialler })
  return { near, far: yield* Deferred.await(accepted) }
})

/** A listener that is no Node's; what it holds ends with the scope. */
const listenRaw = (onSocket: (socket: Net.Socket) => void) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly address: Address; readonly close: () => void }>((resume) => {
      const sockets = new Set<Net.Socket>()
      const server = Net.createServer((socket) => {
        sockets.add(socket)
        socket.on("error", () => {})
        onSocket(socket)
      })
      server.listen(0, "127.0.0.1", () => {
        const { port } = server.address() as Net.AddressInfo
        resume(Effect.succeed({
          address: { host: "127.0.0.1", port },
          close: () => {
            sockets.forEach((socket) => socket.destroy())
            server.close()
          }
        }))
      })
    }),
    ({ close }) => Effect.sync(close)
  )

const overTls = <E>(title: string, body: Effect.Effect<void, E, Effect.Services<ReturnType<typeof connect>>>) =>
  it.live(title, () => body.pipe(Effect.provide(Tls.layer)))

describe("Tls", () => {
  overTls(
    "two ends of a channel have the same binding, and no other channel has it",
    Effect.gen(function*() {
      const certificate = yield* issue(yield* makeAuthority)
      const seen = new Set<string>()
      for (const shown of [undefined, undefined, certificate, certificate]) {
        const { far, near } = yield* connect(shown)
        assert.lengthOf(near.channel!.binding!, 32)
        assert.deepStrictEqual(near.channel!.binding, far.channel!.binding)
        seen.add(Buffer.from(near.channel!.binding!).toString("hex"))
      }
      assert.strictEqual(seen.size, 4)
    })
  )

  overTls(
    "each end gets the other's certificate, and what is to be thought of it",
    Effect.gen(function*() {
      const [ours, theirs] = [yield* makeAuthority, yield* makeAuthority]
      const [good, foreign] = [yield* issue(ours), yield* issue(theirs)]
      const same = yield* connect(good, yield* issue(ours))
      assert.isUndefined(same.near.channel!.certificate!.problem)
      assert.isUndefined(same.far.channel!.certificate!.problem)
      const other = yield* connect(foreign, good)
      assert.match(other.near.channel!.certificate!.problem!, /UNABLE_TO|SELF_SIGNED/)
      assert.match(other.far.channel!.certificate!.problem!, /UNABLE_TO|SELF_SIGNED/)
      const strangers = yield* connect()
      assert.isUndefined(strangers.near.channel!.certificate)
      assert.isUndefined(strangers.far.channel!.certificate)
    })
  )

  overTls(
    "another certificate counts from the next connection on",
    Effect.gen(function*() {
      const authority = yield* makeAuthority
      const certificates = [yield* issue(authority), yield* issue(authority)]
      let current = certificates[0]!
      const { dial, listen } = yield* Transport
      const listener = yield* listen(here, { ...listenOptions, certificate: () => current })
      yield* serve(listener, echo)
      const shown: Array<string> = []
      for (const certificate of certificates) {
        current = certificate
        const { channel } = yield* dial(listener.address, { ...dialOptions, certificate: () => certificates[0]! })
        shown.push(Buffer.from(channel!.certificate!.raw).toString("hex"))
      }
      assert.notStrictEqual(shown[0], shown[1])
    })
  )

  overTls(
    "a session of before is not gone on with, and would not be believed",
    Effect.gen(function*() {
      const certificate = yield* issue(yield* makeAuthority)
      const accepted: Array<Connection> = []
      const { listen } = yield* Transport
      const listener = yield* listen(here, { ...listenOptions, certificate: () => certificate })
      yield* serve(listener, (connection) => {
        accepted.push(connection)
        return echo(connection)
      })
      const sessions: Array<Buffer> = []
      const reused: Array<boolean> = []
      for (let round = 0; round < 2; round++) {
        const socket = yield* Effect.acquireRelease(
          Effect.callback<NodeTls.TLSSocket>((resume) => {
            const [session] = sessions
            const one = NodeTls.connect({
              ...listener.address,
              minVersion: "TLSv1.3",
              key: Redacted.value(certificate.key),
              cert: certificate.chain,
              rejectUnauthorized: false,
              ...(session === undefined ? {} : { session })
            })
            one.on("session", (session) => sessions.push(session))
            one.once("secureConnect", () => {
              one.write(Buffer.from([0, 0, 0, 1, 7]))
              one.once("data", () => resume(Effect.succeed(one)))
            })
          }),
          (socket) => Effect.sync(() => socket.destroy())
        )
        reused.push(socket.isSessionReused())
      }
      assert.deepStrictEqual(reused, [false, false])
      assert.deepStrictEqual(accepted.map(({ channel }) => channel!.certificate!.problem), [undefined, undefined])
    })
  )

  overTls(
    "certificates at one end and none at the other: who has one sees that it is not believed, the other looks at none",
    Effect.gen(function*() {
      const certificate = yield* issue(yield* makeAuthority)
      const one = yield* connectAs(certificate, undefined)
      assert.strictEqual(one.near.channel!.certificate?.problem, "DEPTH_ZERO_SELF_SIGNED_CERT")
      assert.isUndefined(one.far.channel!.certificate)
      const other = yield* connectAs(undefined, certificate)
      assert.isUndefined(other.far.channel!.certificate)
      assert.isUndefined(other.near.channel!.certificate)
    })
  )

  overTls(
    "a method of the runtime that throws where a handshake is done costs the connection, and not the process",
    Effect.gen(function*() {
      const { dial, listen } = yield* Transport
      const listener = yield* listen(here, listenOptions)
      yield* serve(listener, echo)
      const { prototype } = NodeTls.TLSSocket
      const original = prototype.exportKeyingMaterial
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          prototype.exportKeyingMaterial = () => {
            throw new Error("exportKeyingMaterial is not a function")
          }
        }),
        () => Effect.sync(() => void (prototype.exportKeyingMaterial = original))
      )
      const error = yield* Effect.flip(Effect.scoped(dial(listener.address, dialOptions)))
      assert.strictEqual(error.reason._tag, "Broken")
      prototype.exportKeyingMaterial = original
      const connection = yield* dial(listener.address, dialOptions)
      yield* connection.write([bytes("after all")])
      assert.deepStrictEqual((yield* readFrames(connection, 1)).map(text), ["after all"])
    })
  )

  overTls(
    "who knows no pre-shared keys, as Bun, gets a channel with a binding as well, and no certificate to look at",
    Effect.gen(function*() {
      const { listen } = yield* Transport
      const accepted = yield* Deferred.make<Connection>()
      const listener = yield* listen(here, listenOptions)
      yield* serve(listener, (connection) => Effect.andThen(Deferred.succeed(accepted, connection), Effect.never))
      const socket = yield* Effect.acquireRelease(
        Effect.callback<NodeTls.TLSSocket>((resume) => {
          const { host, port } = listener.address
          const socket = NodeTls.connect({ host, port, rejectUnauthorized: false, minVersion: "TLSv1.3" })
          socket.once("secureConnect", () => resume(Effect.succeed(socket)))
        }),
        (socket) => Effect.sync(() => socket.destroy())
      )
      const { channel } = yield* Deferred.await(accepted)
      const binding = socket.exportKeyingMaterial(32, "EXPORTER-Channel-Binding", Buffer.alloc(0))
      assert.deepStrictEqual(channel, { binding: new Uint8Array(binding), certificate: undefined })
      assert.isFalse(socket.isSessionReused())
    })
  )

  overTls(
    "a server that knows no pre-shared keys is dialled all the same",
    Effect.gen(function*() {
      const { dial } = yield* Transport
      const bound = yield* Deferred.make<Uint8Array>()
      const server = yield* Effect.acquireRelease(
        Effect.callback<NodeTls.Server>((resume) => {
          const server = NodeTls.createServer({ ...selfSigned(), minVersion: "TLSv1.3" }, (socket) => {
            socket.on("error", () => {})
            const bytes = socket.exportKeyingMaterial(32, "EXPORTER-Channel-Binding", Buffer.alloc(0))
            Deferred.doneUnsafe(bound, Effect.succeed(new Uint8Array(bytes)))
          })
          server.listen(0, here.host, () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.sync(() => server.close())
      )
      const { channel } = yield* dial(
        { host: here.host, port: (server.address() as Net.AddressInfo).port },
        dialOptions
      )
      assert.deepStrictEqual(channel, { binding: yield* Deferred.await(bound), certificate: undefined })
    })
  )

  overTls(
    "what comes in clear is accepted without a channel, so that it can be told why",
    Effect.gen(function*() {
      const { listen } = yield* Transport
      const accepted = yield* Deferred.make<Connection>()
      const listener = yield* listen(here, listenOptions)
      yield* serve(listener, (connection) => Effect.andThen(Deferred.succeed(accepted, connection), echo(connection)))
      const clear = yield* Effect.provide(
        Effect.flatMap(Transport, ({ dial }) => dial(listener.address, dialOptions)),
        Tcp.layer
      )
      yield* clear.write([bytes("in clear")])
      assert.deepStrictEqual((yield* readFrames(clear, 1)).map(text), ["in clear"])
      assert.isUndefined((yield* Deferred.await(accepted)).channel)
    })
  )

  const others: ReadonlyArray<readonly [string, (socket: Net.Socket) => void, WendyDialError["reason"]["_tag"]]> = [
    ["ends the connection", (socket) => socket.destroy(), "Broken"],
    ["ends it in the handshake", (socket) => socket.once("data", () => socket.end()), "Broken"],
    ["says nothing", () => {}, "Silent"],
    ["speaks something else", (socket) => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"), "Insecure"]
  ]
  for (const [what, onSocket, reason] of others) {
    overTls(
      `who ${what}: ${reason}, and nothing is left`,
      Effect.gen(function*() {
        const { dial } = yield* Transport
        const { address } = yield* listenRaw(onSocket)
        const error = yield* Effect.flip(dial(address, { ...dialOptions, timeout: "300 millis" }))
        assert.nestedInclude(error, { _tag: "WendyDialError", "reason._tag": reason })
      })
    )
  }

  overTls(
    "connections that say nothing do not keep others out",
    Effect.gen(function*() {
      const { dial, listen } = yield* Transport
      const listener = yield* listen(here, listenOptions)
      yield* serve(listener, echo)
      for (let count = 0; count < 50; count++) {
        yield* Effect.acquireRelease(
          Effect.callback<Net.Socket>((resume) => {
            const socket = Net.connect(listener.address, () => resume(Effect.succeed(socket)))
            socket.on("error", () => {})
          }),
          (socket) => Effect.sync(() => socket.destroy())
        )
      }
      const connection = yield* dial(listener.address, dialOptions)
      yield* connection.write([bytes("still")])
      assert.deepStrictEqual((yield* readFrames(connection, 1)).map(text), ["still"])
    })
  )
})
