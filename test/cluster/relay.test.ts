import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { createPrivateKey, X509Certificate } from "node:crypto"
import * as Authority from "../../src/cli/keys/Authority.ts"
import * as Client from "../../src/Client.ts"
import * as Address from "../../src/protocol/Address.ts"
import { defaults } from "../../src/protocol/ClusterConfig.ts"
import * as Credentials from "../../src/protocol/Credentials.ts"
import * as Frame from "../../src/protocol/Frame.ts"
import * as Handshake from "../../src/protocol/Handshake.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as Rng from "../../src/simulation/Rng.ts"
import { encodeFrames } from "../../src/transport/Framing.ts"
import * as Link from "../../src/transport/Link.ts"
import * as Security from "../../src/transport/Security.ts"
import * as Tcp from "../../src/transport/Tcp.ts"
import * as Tls from "../../src/transport/Tls.ts"
import { Transport } from "../../src/transport/Transport.ts"
import { makeHarness, type Member, nodeOf, outgoing, realTime } from "../ClusterHarness.ts"
import {
  alter,
  endingTls,
  faithful,
  type Flow,
  makeRelays,
  makeSlow,
  type Meddle,
  meddlers,
  type Relays,
  type Shown,
  type Side
} from "./Relay.ts"
import {
  burst,
  checkBurst,
  checkWorks,
  collectEvents,
  connectRaw,
  countDelivered,
  errorsOf,
  failure,
  type Harness,
  helloOf,
  listenRaw,
  makeClient,
  startLoad
} from "./Rig.ts"

// -----------------------------------------------------------------------------
// what is protected, and by what
// -----------------------------------------------------------------------------

const day = 24 * 3_600_000

const validity = { from: new Date(Date.now() - day), until: new Date(Date.now() + day) }

interface Protection {
  /** As many as a test wants: each end has its own, where they differ. */
  readonly credentials: () => Credentials.Credentials
  /** What must not be seen by anybody. */
  readonly secrets: ReadonlyArray<Uint8Array>
  /** A good certificate, of a Node that takes no part. */
  readonly stolen: Authority.Pair | undefined
}

const withPassphrase = (allowClear: boolean) =>
  Effect.sync((): Protection => {
    const passphrase = Redacted.make("six words that nobody has guessed")
    return {
      credentials: () => Credentials.passphrase(passphrase, { allowClear }),
      secrets: [
        Buffer.from(Redacted.value(passphrase)),
        Redacted.value(Handshake.makeProofKey(passphrase, "wendy"))
      ],
      stolen: undefined
    }
  })

const issue = (authority: Authority.Pair) =>
  Effect.promise(() =>
    Authority.issue(authority, { name: "a Node", role: "member", id: undefined, region: undefined }, validity)
  )

const makeAuthority = Effect.promise(() => Authority.make("an authority", validity))

const withCertificates = Effect.gen(function*() {
  const authority = yield* makeAuthority
  const pairs = yield* Effect.forEach([0, 1, 2, 3, 4], () => issue(authority))
  let given = 0
  return {
    credentials: () => {
      const { certificate, key } = pairs[given++]!
      return Credentials.certificate({
        key: Redacted.make(key),
        chain: certificate,
        authorities: [authority.certificate]
      })
    },
    secrets: pairs.flatMap(({ certificate, key }) => [
      createPrivateKey(key).export({ type: "sec1", format: "der" }).subarray(7, 39),
      new X509Certificate(certificate).raw
    ]),
    stolen: pairs.at(-1)!
  } satisfies Protection
})

interface Scene extends Protection {
  readonly harness: Harness
  readonly relays: Relays
}

type Body = (scene: Scene) => Effect.Effect<void, unknown, Scope.Scope | Transport>

const play = (protection: Effect.Effect<Protection>, network: Layer.Layer<Transport>, body: Body) => () =>
  Effect.gen(function*() {
    // First, so that it is there until the last Node has ended.
    const relays = yield* makeRelays
    const harness = yield* makeHarness(realTime)
    const scene = { ...yield* protection, harness, relays }
    yield* Effect.provideService(body(scene), Transport, relays.transport)
  }).pipe(Effect.provide(Layer.merge(network, Logger.layer([]))))

const overTls = (title: string, body: Body) => {
  it.live(`${title} (a passphrase)`, play(withPassphrase(false), Tls.layer, body))
  it.live(`${title} (certificates)`, play(withCertificates, Tls.layer, body))
}

const inClear = (title: string, body: Body) => it.live(title, play(withPassphrase(true), Tcp.layer, body))

/** What was lost with a connection is sent again sooner than by default. */
const config = { longestTimeout: 300 }

const startRing = Effect.fnUntraced(function*({ credentials, harness }: Scene, size: number) {
  for (let count = 0; count < size; count++) {
    yield* harness.during((yield* harness.join({ config, credentials: credentials() })).cluster.ready)
  }
  yield* harness.waitUntil("exact leaf sets", harness.isExact)
})

// -----------------------------------------------------------------------------
// what a listener learns
// -----------------------------------------------------------------------------

/** So many bytes in a row are no chance. */
const width = 8

/** Which of some things were heard, in part at least. */
const findHeard = (relays: Relays, things: { readonly [name: string]: ReadonlyArray<Uint8Array> }) => {
  const names = new Map<string, string>()
  for (const [name, all] of Object.entries(things)) {
    assert.isAbove(all.length, 0, name)
    for (const bytes of all) {
      const latin = Buffer.from(bytes).toString("latin1")
      assert.isAtLeast(latin.length, width, name)
      for (let at = 0; at + width <= latin.length; at++) names.set(latin.slice(at, at + width), name)
    }
  }
  const found = new Set<string>()
  for (const { flows } of relays.passages) {
    for (const { heard } of [flows.dialler, flows.acceptor]) {
      const latin = Buffer.concat(heard).toString("latin1")
      for (let at = 0; at + width <= latin.length; at++) {
        const name = names.get(latin.slice(at, at + width))
        if (name !== undefined) found.add(name)
      }
    }
  }
  return [...found].toSorted()
}

const bytesOf = (id: NodeId.NodeId) => Buffer.from(id.hex, "hex")

/** A cluster and a client that say many things. */
const talk = Effect.fnUntraced(function*(scene: Scene) {
  const { credentials, harness, relays, secrets, stolen } = scene
  const kind = stolen === undefined ? "passphrase" : "certificate"
  yield* startRing(scene, 3)
  yield* checkWorks(harness, "a value that nobody else may read")
  const client = yield* Client.make({ to: [harness.addressOf(harness.members[0]!)], credentials: credentials() })
  yield* harness.during(client.connected)
  yield* harness.during(burst(client, "a value that a client sends", 20))
  const messages = harness.members.flatMap(({ delivered }) => delivered)
  const nodes = harness.members.map(({ cluster }) => nodeOf(cluster))
  return findHeard(relays, {
    secrets,
    values: messages.map(({ value }) => value),
    keys: messages.map(({ key }) => bytesOf(key)),
    hellos: nodes.map((node) => Handshake.encode(helloOf(node, { credentials: kind, lease: defaults.lease }))),
    // They stand in Hellos, too: what comes later counts.
    ids: nodes.flatMap(({ hex, id }) => [bytesOf(id), Buffer.from(hex)])
  })
})

describe("a listener", () => {
  overTls(
    "hears nothing that was said, of secrets, values, keys, ids and Hellos not eight bytes in a row",
    (scene) =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* talk(scene), [])
      })
  )

  inClear("hears all but the secret of what goes in clear", (scene) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* talk(scene), ["hellos", "ids", "keys", "values"])
    }))
})

// -----------------------------------------------------------------------------
// what was said is said again
// -----------------------------------------------------------------------------

/** What a Node holds of others, and was given. */
const stateOf = ({ cluster, delivered }: Member) =>
  Effect.gen(function*() {
    const { left, right } = yield* cluster.leafSet
    const known = yield* cluster.nodes
    const { connections } = yield* cluster.statistics
    return {
      delivered: delivered.length,
      leaves: [left, right].map((side) => side.map(({ hex }) => hex)),
      known: known.map(({ node }) => node.hex).toSorted(),
      connections
    }
  })

/** A Node and a client come, say something and go; what they said is said again, to every Node and as every Node. */
const sayAgain = Effect.fnUntraced(function*(scene: Scene) {
  const { credentials, harness, relays } = scene
  yield* startRing(scene, 2)
  const events = yield* Effect.forEach(harness.members, ({ cluster }) => collectEvents(cluster))
  const told = relays.passages.length
  const guest = yield* harness.join({ credentials: credentials() })
  yield* harness.during(guest.cluster.ready)
  yield* harness.waitUntil("exact leaf sets", harness.isExact)
  yield* checkWorks(harness, "with a guest")
  // Nothing but the handshake keeps these from coming twice.
  const count = 20
  for (let index = 0; index < count; index++) {
    yield* guest.cluster.send(outgoing(`key ${index}`, `unconfirmed ${index}`))
  }
  const arrived = () => countDelivered(harness.members, "unconfirmed").size === count
  yield* harness.waitUntil("all have arrived", Effect.sync(arrived))
  yield* harness.leave(guest)
  yield* harness.waitUntil("exact leaf sets", harness.isExact)
  const client = yield* Client.make({ to: [harness.addressOf(harness.members[0]!)], credentials: credentials() })
  yield* harness.during(client.connected)
  yield* harness.during(burst(client, "from a client", count))

  const own = credentials()
  const before = yield* Effect.forEach(harness.living(), stateOf)
  const recorded = relays.passages.slice(told)
  assert.isAbove(recorded.length, 1)
  for (const { flows } of recorded) {
    for (const { cluster } of harness.living()) {
      const raw = yield* connectRaw(relays.realPortOf(cluster.address.port))
      for (const chunk of flows.dialler.heard) raw.socket.write(chunk)
      yield* harness.waitUntil("the Node ends it", Effect.sync(() => raw.isEnded), "5 seconds", "5 millis")
    }
    const answerer = yield* listenRaw((raw) => {
      for (const chunk of flows.acceptor.heard) raw.socket.write(chunk)
    })
    const join = [`127.0.0.1:${answerer.port}`]
    const deceived = yield* harness.start({ join, joinTimeout: "5 seconds", credentials: own })
    assert.strictEqual((yield* failure(harness, deceived.cluster.ready))._tag, "WendyJoinError")
    yield* harness.kill(deceived)
    answerer.close()
  }
  assert.deepStrictEqual(yield* Effect.forEach(harness.living(), stateOf), before)
  for (const [word, times] of countDelivered(harness.members, "unconfirmed")) assert.strictEqual(times, 1, word)
  yield* checkWorks(harness, "afterwards")
  return events.flatMap((seen) => errorsOf(seen, "Refused"))
})

describe("what was said before", () => {
  overTls(
    "gets no answer from a Node that hears it again, and is no answer for one that dials",
    (scene) =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* sayAgain(scene), [])
      })
  )

  inClear("is refused in clear, too, for proofs are over fresh nonces", (scene) =>
    Effect.gen(function*() {
      for (const message of yield* sayAgain(scene)) assert.match(message, /credentials do not match/)
    }))
})

// -----------------------------------------------------------------------------
// what is said is changed
// -----------------------------------------------------------------------------

const seed = "a relay"

/**
 * Meddles with the connection over which one end says all that it says. A pair may have two links, of which one has
 * fallen silent or soon will: nobody would notice what that one lacks, so where the two go on over another, that one is
 * meddled with, too.
 */
const meddleWhereMuchIsSaid = (from: Side, make: () => Meddle) => {
  const meddling = new Map<Flow, Meddle>()
  let last: Flow | undefined
  let inARow = 0
  const meddle: Meddle = (flow, chunk) => {
    if (flow.from === from) {
      inARow = flow === last ? inARow + 1 : 1
      last = flow
      if (inARow === 10 && !meddling.has(flow)) meddling.set(flow, make())
    }
    return (meddling.get(flow) ?? faithful)(flow, chunk)
  }
  return Object.assign(meddle, { has: (flow: Flow) => meddling.has(flow) })
}

// Much of it is to wait until what was lost is sent again.
describe.concurrent("a meddler that changes what goes through a connection", () => {
  for (const [what, make] of Object.entries(meddlers(Rng.make(seed)))) {
    overTls(`${what}: the connection ends, and every message comes once`, (scene) =>
      Effect.gen(function*() {
        const { harness, relays } = scene
        yield* startRing(scene, 2)
        const load = yield* startLoad(harness)
        for (const from of ["dialler", "acceptor"] as const) {
          const meddle = meddleWhereMuchIsSaid(from, make)
          relays.meddle = meddle
          const hasEnded = Effect.sync(() =>
            relays.passages.some(({ flows, isClosed }) => isClosed && meddle.has(flows[from]))
          )
          yield* harness.waitUntil(`what the ${from} says ends it`, hasEnded, "20 seconds", "2 millis")
          relays.meddle = faithful
        }
        yield* load.goOn(50)
        yield* load.finish
        yield* harness.waitUntil("exact leaf sets", harness.isExact)
        yield* checkWorks(harness, "afterwards")
      }))
  }
})

// -----------------------------------------------------------------------------
// a handshake is changed
// -----------------------------------------------------------------------------

/** A client by hand, that asks a Node something: whether it gets an answer before the connection ends, or it gives up. */
const tryDial = Effect.fnUntraced(function*(scene: Scene, credentials: Credentials.Credentials, patience: number) {
  const { harness } = scene
  const { dial } = yield* Transport
  const security = Security.make(credentials, { cluster: "wendy", needsChannel: true, patience })
  const answered = yield* Deferred.make<boolean>()
  const { node, seed } = makeClient("a client by hand")
  const ask = Effect.gen(function*() {
    const connection = yield* dial(Option.getOrThrow(Address.parse(harness.addressOf(harness.members[0]!))), {
      maxFrameSize: 100_000,
      timeout: patience,
      certificate: () => security.certificate
    })
    const link = yield* Link.open(connection, {
      cluster: "wendy",
      role: "client",
      node,
      seed,
      lease: defaults.lease,
      nonce: Effect.succeed(NodeId.fromString("a nonce")),
      security,
      authorization: {}
    })
    link.sendControl(Frame.query({ _tag: "RouteQuery", sequence: 1, key: NodeId.fromString("a key") }))
    return yield* link.run((frames) =>
      frames.some(({ _tag }) => _tag === "Answer") ? Effect.asVoid(Deferred.succeed(answered, true)) : Effect.void
    )
  })
  return yield* Effect.scoped(ask).pipe(
    Effect.catchCause(() => Effect.succeed(false)),
    Effect.raceFirst(Deferred.await(answered)),
    Effect.timeoutOrElse({ duration: patience, orElse: () => Effect.succeed(false) })
  )
})

/** The first byte of a record that is encrypted, and the length of the last one: a farewell, after all else. */
const encrypted = 0x17
const farewell = 24

/** Where nobody looks (RFC 8446, section 5.1): the version in front of a record that is not encrypted yet. */
const findIgnored = (heard: Buffer): ReadonlySet<number> => {
  const positions = new Set<number>()
  for (let at = 0; at < heard.length; at += 5 + heard.readUInt16BE(at + 3)) {
    if (heard[at] !== encrypted) positions.add(at + 1).add(at + 2)
  }
  return positions
}

describe("a meddler that changes one byte of a handshake", () => {
  overTls("nobody is let in, and the Node goes on", (scene) =>
    Effect.gen(function*() {
      const { credentials, harness, relays } = scene
      yield* startRing(scene, 1)
      const own = credentials()
      assert.isTrue(yield* tryDial(scene, own, 5_000), "it gets an answer where nobody meddles")
      const { flows } = relays.passages[0]!
      const rng = Rng.make(seed)
      for (let round = 0; round < 100; round++) {
        const from = rng.pick(["dialler", "acceptor"] as const)
        const faithfully = Buffer.concat(flows[from].heard)
        const position = rng.below(faithfully.length - farewell)
        let passed = 0
        relays.meddle = (flow, chunk) => {
          if (flow.from !== from) return flow.pass(chunk)
          const at = position - passed
          passed += chunk.length
          flow.pass(at >= 0 && at < chunk.length ? alter(chunk, at, rng) : chunk)
        }
        const isIn = yield* tryDial(scene, own, 500)
        if (isIn) assert.include([...findIgnored(faithfully)], position, `byte ${position} of the ${from}`)
        const last = relays.passages.at(-1)!
        const hasEnded = Effect.sync(() => last.endedBy !== undefined)
        yield* harness.waitUntil(`it ends: byte ${position} of the ${from}`, hasEnded, "5 seconds", "2 millis")
        last.cut()
      }
      const [{ cluster }] = harness.members as [Member]
      const noneIsLeft = Effect.map(cluster.statistics, ({ connections }) => connections === 0)
      yield* harness.waitUntil("no connection is left", noneIsLeft)
      relays.meddle = faithful
      assert.isTrue(yield* tryDial(scene, own, 5_000), "it gets an answer afterwards")
    }))
})

// -----------------------------------------------------------------------------
// what is said comes late, and in pieces
// -----------------------------------------------------------------------------

describe("a relay that is slow, and cuts all into pieces", () => {
  overTls("all works, and no message comes twice", (scene) =>
    Effect.gen(function*() {
      const { credentials, harness, relays } = scene
      relays.meddle = makeSlow(Rng.make(seed))
      yield* startRing(scene, 3)
      yield* checkWorks(harness, "slowly")
      const client = yield* Client.make({ to: [harness.addressOf(harness.members[0]!)], credentials: credentials() })
      yield* harness.during(client.connected)
      checkBurst(harness, "from a client", yield* harness.during(burst(client, "from a client", 20)))
    }))
})

// -----------------------------------------------------------------------------
// who stands between speaks with both ends
// -----------------------------------------------------------------------------

/** Values that are sent while somebody stands between two Nodes who speaks TLS with both; what it heard and what came. */
const standBetween = Effect.fnUntraced(function*(scene: Scene, speak: Relays["speak"]) {
  const { harness, relays } = scene
  yield* startRing(scene, 2)
  const [one, two] = harness.members as [Member, Member]
  const events = yield* Effect.forEach(harness.members, ({ cluster }) => collectEvents(cluster))
  const honest = relays.speak
  const told = relays.passages.length
  relays.speak = speak
  for (const { cut } of relays.passages) cut()
  const sent = yield* Effect.forkScoped(burst(one.cluster, "a value for the other", 20))
  const arrived = () => countDelivered([two], "a value for the other").size
  const refusals = () => events.flatMap((seen) => errorsOf(seen, "Refused"))
  yield* harness.waitUntil("it is refused, or not", Effect.sync(() => refusals().length > 1 || arrived() > 1))
  const between = relays.passages.slice(told)
  const result = {
    refusals: refusals(),
    arrived: arrived(),
    heard: findHeard({ ...relays, passages: between }, { values: [Buffer.from("a value for the other")] })
  }
  // Once nobody stands there any more all come, each once.
  relays.speak = honest
  for (const { cut } of between) cut()
  checkBurst(harness, "a value for the other", yield* harness.during(Fiber.join(sent), "20 seconds"))
  yield* harness.waitUntil("exact leaf sets", harness.isExact)
  return result
})

describe("a meddler that speaks TLS with both ends", () => {
  it.live(
    "is refused where a passphrase is asked for, since proofs are for one channel",
    play(withPassphrase(false), Tls.layer, (scene) =>
      Effect.gen(function*() {
        const { arrived, heard, refusals } = yield* standBetween(scene, endingTls())
        assert.deepStrictEqual({ arrived, heard }, { arrived: 0, heard: [] })
        for (const message of refusals) assert.match(message, /credentials do not match/)
        assert.isTrue(refusals.some((message) => message.startsWith("refused")), "the acceptor says so")
      }))
  )

  const ofAnother = Effect.flatMap(makeAuthority, issue)
  const shown: ReadonlyArray<readonly [string, (scene: Scene) => Effect.Effect<Shown>, RegExp]> = [
    [
      "none",
      () => Effect.map(ofAnother, (pair) => ({ dialler: pair, acceptor: undefined })),
      /the other end has shown no certificate/
    ],
    [
      "one of another authority",
      () => Effect.map(ofAnother, (pair) => ({ dialler: pair, acceptor: pair })),
      /the certificate of the other end is not good: /
    ],
    [
      "that of another Node",
      ({ stolen }) => Effect.succeed({ dialler: stolen!, acceptor: stolen! }),
      /calls itself \w{32} in Region "", but its certificate is for/
    ]
  ]
  for (const [what, choose, message] of shown) {
    it.live(
      `is refused where certificates are asked for, with ${what}`,
      play(withCertificates, Tls.layer, (scene) =>
        Effect.gen(function*() {
          const { arrived, heard, refusals } = yield* standBetween(scene, endingTls(yield* choose(scene)))
          assert.deepStrictEqual({ arrived, heard }, { arrived: 0, heard: [] })
          const said = refusals.filter((refusal) => refusal.startsWith("refused"))
          assert.isAbove(said.length, 0, "the acceptor says so")
          for (const refusal of said) assert.match(refusal, message)
        }))
    )
  }

  const none = Effect.succeed<Protection>({ credentials: () => Credentials.none, secrets: [], stolen: undefined })
  for (
    const [what, protection, network, speak] of [
      ["where there are no credentials", none, Tls.layer, endingTls()],
      ["over TCP, where a passphrase alone protects nothing that is said", withPassphrase(true), Tcp.layer, undefined]
    ] as const
  ) {
    it.live(
      `hears all ${what}`,
      play(protection, network, (scene) =>
        Effect.gen(function*() {
          const { arrived, heard, refusals } = yield* standBetween(scene, speak ?? scene.relays.speak)
          assert.isAbove(arrived, 0)
          assert.deepStrictEqual({ heard, refusals }, { heard: ["values"], refusals: [] })
        }))
    )
  }
})

const quiet = Layer.merge(Tls.layer, Logger.layer([]))

const credentials = Credentials.passphrase(Redacted.make("six words that nobody has guessed"))

describe("a meddler within the handshake", () => {
  it.live("a dialler that ends its connection within the handshake of TLS holds nothing up", () =>
    Effect.gen(function*() {
      const harness = yield* makeHarness(realTime)
      const { cluster } = yield* harness.start({ credentials })
      const raw = yield* connectRaw(cluster.address.port)
      // The start of a ClientHello.
      raw.socket.end(Uint8Array.of(0x16, 3, 1, 2))
      yield* harness.waitUntil("the Node ends it, too", Effect.sync(() => raw.isEnded), "2 seconds")
    }).pipe(Effect.provide(quiet)))

  it.live("a refusal by somebody who has proved nothing is no proof that a Node has died", () =>
    Effect.gen(function*() {
      const relays = yield* makeRelays
      const harness = yield* makeHarness(realTime)
      yield* Effect.gen(function*() {
        for (let count = 0; count < 2; count++) {
          yield* harness.during((yield* harness.join({ credentials })).cluster.ready)
        }
        yield* harness.waitUntil("exact leaf sets", harness.isExact)
        const speak = endingTls()
        relays.speak = (dialler, acceptor) => {
          const ends = speak(dialler, acceptor)
          ends.dialler.write(encodeFrames([Handshake.encode({ _tag: "Refusal", reason: "cluster" })]))
          return ends
        }
        for (const { cut } of relays.passages) cut()
        const keys = Array.from({ length: 50 }, (_, index) => NodeId.fromString(`key ${index}`))
        for (let round = 0; round < 100; round++) {
          yield* harness.checkCoverage(keys, false)
          yield* Effect.sleep("20 millis")
        }
        assert.isAbove(relays.passages.length, 1)
      }).pipe(Effect.provideService(Transport, relays.transport))
    }).pipe(Effect.provide(quiet)))
})
