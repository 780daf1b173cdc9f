import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Client from "../../src/Client.ts"
import * as Cluster from "../../src/Cluster.ts"
import * as Credentials from "../../src/protocol/Credentials.ts"
import * as Handshake from "../../src/protocol/Handshake.ts"
import * as Memory from "../../src/transport/Memory.ts"
import * as Tcp from "../../src/transport/Tcp.ts"
import * as Tls from "../../src/transport/Tls.ts"
import { type Connection, Transport } from "../../src/transport/Transport.ts"
import { makeHarness, outgoing, passing, realTime } from "../ClusterHarness.ts"
import {
  checkWorks,
  collectEvents,
  connectRaw,
  errorsOf,
  failure,
  type Harness,
  helloOf,
  keys,
  listenRaw,
  makePeer,
  outcome,
  takeFrames,
  tcpHandles,
  writeFrames
} from "./Rig.ts"

const secret = (text: string) => Credentials.passphrase(Redacted.make(text), { allowClear: true })

/** Runs a test over memory under TestClock, and over TCP and TLS in real time. */
const overBoth = (
  title: string,
  body: (harness: Harness) => Effect.Effect<void, unknown, Scope.Scope | Transport>
): void => {
  it.effect(`${title} (memory)`, () => Effect.flatMap(makeHarness(passing), body).pipe(Effect.provide(Memory.layer)))
  for (const [name, layer] of [["TCP", Tcp.layer], ["TLS", Tls.layer]] as const) {
    // The warnings of each start would go to the terminal.
    const quiet = Layer.merge(layer, Logger.layer([]))
    it.live(`${title} (${name})`, () => Effect.flatMap(makeHarness(realTime), body).pipe(Effect.provide(quiet)))
  }
}

const noTableHolds = Effect.fnUntraced(function*(harness: Harness, hex: string) {
  for (const { cluster } of harness.living()) {
    const { left, right } = yield* cluster.leafSet
    assert.isFalse([...left, ...right].some((node) => node.hex === hex), "a refused Node is in no table")
  }
})

describe("a Node that does not belong", () => {
  const cases: ReadonlyArray<{
    readonly what: string
    readonly ours: Cluster.Options
    readonly theirs: Cluster.Options
    readonly message: RegExp
  }> = [
    { what: "another cluster name", ours: {}, theirs: { cluster: "other" }, message: /cluster of another name/ },
    {
      what: "another passphrase",
      ours: { credentials: secret("the right one") },
      theirs: { credentials: secret("the wrong one") },
      message: /the credentials do not match/
    },
    {
      what: "no passphrase",
      ours: { credentials: secret("the right one") },
      theirs: {},
      message: /the credentials do not match/
    },
    {
      what: "a passphrase where none is asked for",
      ours: {},
      theirs: { credentials: secret("some passphrase") },
      message: /the credentials do not match/
    },
    {
      what: "another lease",
      ours: {},
      theirs: { config: { lease: 30_000 } },
      message: /leases of different lengths/
    }
  ]

  for (const { message, ours, theirs, what } of cases) {
    overBoth(`${what}: both ends say so, and nobody else notices`, (harness) =>
      Effect.gen(function*() {
        for (let count = 0; count < 3; count++) yield* harness.during((yield* harness.join(ours)).cluster.ready)
        yield* harness.waitUntil("exact leaf sets", harness.isExact)
        const events = yield* Effect.forEach(harness.members, ({ cluster }) => collectEvents(cluster))
        const counted = events.map((seen) => seen.length)

        const stranger = yield* harness.join(theirs)
        const error = yield* failure(harness, stranger.cluster.ready)
        assert.strictEqual(error._tag, "WendyJoinError")
        assert.strictEqual((error as Cluster.WendyJoinError).reason._tag, "Refused")
        assert.match(error.message, message)
        const said = () => errorsOf(events[0]!, "Refused")
        yield* harness.waitUntil("the seed says so", Effect.sync(() => said().length > 0))
        assert.match(said()[0]!, message)
        assert.isFalse(yield* stranger.cluster.isReady)
        yield* harness.kill(stranger)

        // The rest goes on, and has seen nothing at all.
        yield* noTableHolds(harness, stranger.cluster.id.hex)
        yield* checkWorks(harness, "the rest")
        for (const index of [1, 2]) {
          assert.lengthOf(
            events[index]!.slice(counted[index]).filter(({ _tag }) => _tag !== "NewLeaves" && _tag !== "Heartbeat"),
            0
          )
        }
      }))
  }

  it.live("another version: refused as acceptor and as dialler", () =>
    Effect.gen(function*() {
      const harness = yield* makeHarness(realTime)
      const first = yield* harness.join()
      yield* harness.during(first.cluster.ready)
      const events = yield* collectEvents(first.cluster)
      const raw = yield* connectRaw(first.cluster.address.port)
      writeFrames(raw, Handshake.encode(helloOf(makePeer(), { lowestVersion: 98, highestVersion: 99 })))
      const [answer] = yield* takeFrames(raw, 1)
      assert.deepStrictEqual(Handshake.decode(answer!), { _tag: "Refusal", reason: "version" })
      assert.match(errorsOf(events, "Refused")[0]!, /refused 127\.0\.0\.1: .*no common protocol version/)

      const future = yield* listenRaw((raw) => {
        raw.socket.once("data", () =>
          writeFrames(raw, Handshake.encode(helloOf(makePeer(), { lowestVersion: 98, highestVersion: 99 }))))
      })
      const joiner = yield* harness.start({ join: [`127.0.0.1:${future.port}`] })
      const error = yield* failure(harness, joiner.cluster.ready)
      assert.strictEqual((error as Cluster.WendyJoinError).reason._tag, "Refused")
      assert.match(error.message, /no common protocol version/)
      yield* harness.kill(joiner)
      yield* checkWorks(harness, "the rest")
    }).pipe(Effect.provide(Tcp.layer)))

  it.live("a seed that is no Node at all: refused with what to check", () =>
    Effect.gen(function*() {
      const harness = yield* makeHarness(realTime)
      const web = yield* listenRaw((raw) => {
        raw.socket.once("data", () => writeFrames(raw, new TextEncoder().encode("HTTP/1.1 400 Bad Request")))
      })
      const joiner = yield* harness.start({ join: [`127.0.0.1:${web.port}`] })
      const error = yield* failure(harness, joiner.cluster.ready)
      assert.strictEqual((error as Cluster.WendyJoinError).reason._tag, "Refused")
      assert.match(error.message, /does not speak this protocol: check the address/)
    }).pipe(Effect.provide(Tcp.layer)))

  overBoth(
    "the id of a living Node: IdInUse, and the living one is not disturbed",
    (harness) =>
      Effect.gen(function*() {
        for (let count = 0; count < 3; count++) yield* harness.during((yield* harness.join()).cluster.ready)
        const twin = yield* harness.join({ id: harness.members[0]!.cluster.id })
        const error = yield* failure(harness, twin.cluster.ready)
        assert.strictEqual((error as Cluster.WendyJoinError).reason._tag, "IdInUse")
        yield* harness.kill(twin)
        yield* checkWorks(harness, "the rest")
      })
  )
})

describe("seeds that cannot be reached", () => {
  overBoth("it says so again and again, and the join time-out ends it", (harness) =>
    Effect.gen(function*() {
      const gone = yield* harness.start()
      yield* harness.kill(gone)
      const joiner = yield* harness.start({ join: [harness.addressOf(gone)], joinTimeout: "1 second" })
      const events = yield* collectEvents(joiner.cluster)
      const error = yield* failure(harness, joiner.cluster.ready)
      assert.strictEqual((error as Cluster.WendyJoinError).reason._tag, "Timeout")
      const retries = events.flatMap((event) => event._tag === "JoinRetrying" ? [event] : [])
      assert.isAbove(retries.length, 1)
      assert.deepStrictEqual(retries.map(({ attempt }) => attempt), retries.map((_, index) => index + 1))
      assert.include(retries[0]!.message, harness.addressOf(gone))
    }))

  overBoth("it joins as soon as a seed is there", (harness) =>
    Effect.gen(function*() {
      const before = yield* harness.start()
      const { port } = before.cluster.address
      yield* harness.kill(before)
      const joiner = yield* harness.start({ join: [`127.0.0.1:${port}`] })
      const events = yield* collectEvents(joiner.cluster)
      yield* harness.waitUntil("it says so", Effect.sync(() => events.some(({ _tag }) => _tag === "JoinRetrying")))
      yield* harness.start({ port })
      yield* harness.during(joiner.cluster.ready)
      yield* harness.waitUntil("exact leaf sets", harness.isExact)
    }))
})

describe("bad options", () => {
  const start = (options: Cluster.Options) => Effect.scoped(Cluster.make(options))

  overBoth("a port in use is InUse", (harness) =>
    Effect.gen(function*() {
      const first = yield* harness.start()
      const error = yield* failure(
        harness,
        Effect.provide(start({ port: first.cluster.address.port }), Layer.succeed(Transport, yield* Transport))
      )
      assert.strictEqual(error._tag, "WendyListenError")
      assert.strictEqual(error._tag === "WendyListenError" ? error.reason._tag : undefined, "InUse")
      assert.include(error.message, String(first.cluster.address.port))
    }))

  const bad: ReadonlyArray<readonly [string, Cluster.Options, string, RegExp?]> = [
    ["a seed without a port", { join: ["10.0.0.1"] }, "join"],
    ["a seed with a port of 0", { join: ["10.0.0.1:0"] }, "join"],
    ["a seed with a port of 65536", { join: ["10.0.0.1:65536"] }, "join"],
    ["a bare IPv6 seed", { join: ["::1:4000"] }, "join"],
    ["an empty seed", { join: [""] }, "join"],
    ["a number out of bounds", { config: { maxConnections: 0 } }, "config.maxConnections"],
    ["not a number", { config: { lease: Number.NaN } }, "config.lease"],
    ["a lease that one lost renewal ends", { config: { lease: 4000, renewal: 2000 } }, "config"],
    ["a region that is too long", { region: "r".repeat(65) }, "node", /region/],
    ["an empty global host", { globalHost: "" }, "node", /globalHost/],
    ["a cluster name that is too long", { cluster: "c".repeat(65) }, "cluster"]
  ]
  for (const [what, options, option, text = /./] of bad) {
    it.live(`${what} is a WendyOptionError, and leaves nothing behind`, () =>
      Effect.gen(function*() {
        const harness = yield* makeHarness(realTime)
        const handles = tcpHandles()
        const error = yield* Effect.flip(start(options))
        assert.strictEqual(error._tag, "WendyOptionError")
        assert.strictEqual(error._tag === "WendyOptionError" ? error.option : undefined, option)
        assert.match(error.message, text)
        yield* harness.waitUntil("no handle", Effect.sync(() => tcpHandles() <= handles), "1 second", "5 millis")
      }).pipe(Effect.provide(Tcp.layer)))
  }

  it.effect("a client's bad options are a WendyOptionError too", () =>
    Effect.gen(function*() {
      const bad: ReadonlyArray<readonly [string, Client.Options]> = [
        ["to", { to: ["nowhere"] }],
        ["to", { to: [] }],
        ["cluster", { to: ["127.0.0.1:1"], cluster: "c".repeat(65) }]
      ]
      for (const [option, options] of bad) {
        const error = yield* Effect.flip(Effect.scoped(Client.make(options)))
        assert.strictEqual(error._tag, "WendyOptionError")
        assert.strictEqual(error.option, option)
      }
    }).pipe(Effect.provide(Memory.layer)))
})

describe("messages that cannot be sent", () => {
  it.effect("a value that is too large and the overlay's purposes are rejected at once", () =>
    Effect.gen(function*() {
      const harness = yield* makeHarness(passing)
      const { cluster } = yield* harness.start({ config: { maxValueSize: 100 } })
      yield* harness.during(cluster.ready)
      const message = (size: number, purpose: number) => ({ key: keys[0]!, purpose, value: new Uint8Array(size) })
      for (
        const [size, purpose, reason] of [[101, 16, "ValueTooLarge"], [1, 15, "BadPurpose"], [1, 256, "BadPurpose"], [
          1,
          16.5,
          "BadPurpose"
        ], [1, Number.NaN, "BadPurpose"]] as const
      ) {
        const bad = message(size, purpose)
        for (const effect of [cluster.send(bad), cluster.sendAll([message(1, 16), bad]), cluster.sendConfirmed(bad)]) {
          const error = yield* failure(
            harness,
            Effect.asVoid(effect as typeof effect & Effect.Effect<unknown, unknown>)
          )
          assert.strictEqual((error as { readonly _tag: string })._tag, "WendyMessageError")
          assert.strictEqual((error as { readonly reason: { readonly _tag: string } }).reason._tag, reason)
        }
      }
      yield* harness.during(cluster.sendConfirmed(message(100, 16)))
      yield* harness.during(cluster.sendConfirmed(message(0, 255)))
      assert.deepStrictEqual(harness.members[0]!.delivered.map(({ purpose, value }) => [purpose, value.length]), [
        [16, 100],
        [255, 0]
      ], "all or none of sendAll are taken")
    }).pipe(Effect.provide(Memory.layer)))

  overBoth("the largest value passes from Node to Node", (harness) =>
    Effect.gen(function*() {
      const config = { maxValueSize: 300_000 }
      for (let count = 0; count < 3; count++) yield* harness.during((yield* harness.join({ config })).cluster.ready)
      for (const key of keys.slice(0, 12)) {
        const sent = harness.members[0]!.cluster.sendConfirmed({ key, purpose: 16, value: new Uint8Array(300_000) })
        assert.strictEqual((yield* harness.during(sent)).root.hex, harness.closest(key).cluster.id.hex)
      }
    }))
})

describe("the right passphrase", () => {
  const passphrase = "correct horse battery staple"

  /** A transport that keeps what goes through it, in both directions. */
  const recording = (recorded: Array<Uint8Array>) =>
    Layer.effect(
      Transport,
      Effect.map(Transport, (transport): Transport["Service"] => {
        const record = (connection: Connection): Connection => ({
          ...connection,
          writeNow: undefined,
          write: (frames) => {
            recorded.push(...frames.map((frame) => frame.slice()))
            return connection.write(frames)
          },
          read: Effect.tap(connection.read, (frames) =>
            Effect.sync(() => {
              recorded.push(...frames.map((frame) => frame.slice()))
            }))
        })
        return {
          ...transport,
          listen: (address, options) =>
            Effect.map(transport.listen(address, options), (listener) => ({
              address: listener.address,
              serve: (handler) => listener.serve((connection) => handler(record(connection)))
            })),
          dial: (address, options) => Effect.map(transport.dial(address, options), record)
        }
      })
    )

  overBoth("lets Nodes and clients in, and never goes over the wire", (harness) =>
    Effect.gen(function*() {
      const recorded: Array<Uint8Array> = []
      const network = recording(recorded).pipe(Layer.provide(Layer.succeed(Transport, yield* Transport)))
      yield* Effect.gen(function*() {
        const credentials = secret(passphrase)
        for (let count = 0; count < 3; count++) {
          yield* harness.during((yield* harness.join({ credentials })).cluster.ready)
        }
        yield* checkWorks(harness, "with credentials")
        const client = yield* Client.make({ to: [harness.addressOf(harness.members[0]!)], credentials })
        yield* harness.during(client.connected)
        yield* harness.during(client.sendConfirmed(outgoing("key", "from a client")))
        const stranger = yield* harness.join({ credentials: secret("another passphrase") })
        assert.strictEqual((yield* outcome(harness, stranger.cluster.ready))._tag, "Failure")
        yield* harness.kill(stranger)
      }).pipe(Effect.provide(network))

      const proofs = recorded.map(Handshake.decode).filter((message) => message?._tag === "Proof")
      assert.isAbove(proofs.length, 3)
      assert.isTrue(proofs.every((proof) => proof._tag === "Proof" && proof.bytes.length === 32))
      assert.strictEqual(
        new Set(proofs.map((proof) => Buffer.from(proof.bytes).toString("hex"))).size,
        new Set(
          recorded.filter((frame) => Handshake.decode(frame)?._tag === "Proof").map((f) =>
            Buffer.from(f).toString("hex")
          )
        ).size
      )
      const key = Redacted.value(Handshake.makeProofKey(Redacted.make(passphrase), "wendy"))
      for (const frame of recorded) {
        const bytes = Buffer.from(frame)
        assert.isFalse(bytes.includes(passphrase), "the passphrase went over the wire")
        assert.isFalse(bytes.includes(Buffer.from(key)), "the key went over the wire")
      }
      const shown = JSON.stringify(secret(passphrase)) + String(secret(passphrase))
      assert.notInclude(shown, passphrase)
    }))
})
