/**
 * AdversarialCluster: a running cluster of four Nodes, and those who mean ill at its doors.
 *
 * - a **stranger** connects and sends what it likes before and in the handshake, with and without the right passphrase;
 * - a **client** has shaken hands under an id of its own;
 * - one that is **reborn** is such a client, and sends messages in the name of many lives of its own;
 * - an **impostor** calls itself by the id, and the life, of a Node of the cluster, as a client;
 * - a **member** has shaken hands as a Node of its own, and lies.
 *
 * And on real sockets alone:
 *
 * - a **babbler** says, on a bare socket or inside of TLS, what a client has said, with its bytes changed, in pieces;
 * - a **meddler** stands between a client that belongs here and a Node, and changes bytes of either.
 *
 * Meanwhile the Nodes send each other confirmed messages. Nothing that anybody but the member does may have an effect:
 * that is checked after each round. What a member can do stands in `docs/security.md`: it is counted, and must neither
 * end a Node, nor make it hang, nor make it grow.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import * as Cluster from "../../src/Cluster.ts"
import type { ClusterEvent } from "../../src/protocol/ClusterEvent.ts"
import { isError } from "../../src/protocol/ClusterEvent.ts"
import type * as Credentials from "../../src/protocol/Credentials.ts"
import * as Envelope from "../../src/protocol/Envelope.ts"
import * as Frame from "../../src/protocol/Frame.ts"
import * as Handshake from "../../src/protocol/Handshake.ts"
import type { Message } from "../../src/protocol/Message.ts"
import * as Node from "../../src/ring/Node.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as Rng from "../../src/simulation/Rng.ts"
import { kill } from "../../src/testing.ts"
import { encodeFrames } from "../../src/transport/Framing.ts"
import * as Link from "../../src/transport/Link.ts"
import * as Security from "../../src/transport/Security.ts"
import { type Connection, Transport, type WendyConnectionError } from "../../src/transport/Transport.ts"
import { nodeOf } from "../../test/ClusterHarness.ts"
import * as Fixture from "./Fixture.ts"
import * as MalformedPeer from "./MalformedPeer.ts"
import * as Mitm from "./Mitm.ts"
import * as Mutation from "./Mutation.ts"
import * as Samples from "./Samples.ts"
import * as Streams from "./Streams.ts"
import * as Tally from "./Tally.ts"

export const attackers = ["stranger", "client", "reborn", "impostor", "member", "babbler", "meddler"] as const

export type Attacker = (typeof attackers)[number]

/** Those who come to a cluster inside the process. */
export const inMemory = ["stranger", "client", "reborn", "impostor", "member"] as const satisfies ReadonlyArray<
  Attacker
>

/** Those who come to a cluster on real sockets; what the others do is the same whatever carries frames. */
export const onSockets = ["babbler", "meddler", "stranger", "client"] as const satisfies ReadonlyArray<Attacker>

/** Lets time pass, whatever clock there is. */
export type Pass = (step: Duration.Input) => Effect.Effect<void>

/** Those whose doings must have no effect. */
const isOutside = (attacker: Attacker): boolean => attacker !== "member"

const maxValueSize = 64 * 1024

/** How much larger than a value a frame may be: as `Links` has it. */
const largestFrame = maxValueSize + 8_192

const config = {
  lease: Samples.lease,
  margin: 200,
  renewal: 400,
  probe: 300,
  exchange: 1_000,
  tableExchange: 2_000,
  handshakeTimeout: 400,
  dialTimeout: 500,
  hold: 3_000,
  deliverTimeout: 8_000,
  confirmDeadline: 6_000,
  maxValueSize
}

/** On real sockets TLS takes its time, and so do others on the machine: nothing is found that is only slow. */
const configOnSockets = {
  ...config,
  probe: 1_000,
  handshakeTimeout: 4_000,
  dialTimeout: 4_000,
  hold: 20_000,
  deliverTimeout: 20_000,
  confirmDeadline: 30_000
}

const configOf = (where: Fixture.Name): typeof config => where === "memory" ? config : configOnSockets

/** How long the delivery of a slow message takes: its sender sends it again meanwhile (rule C2). */
const slowness = 2_500

const slowWord = "slow"

/** How long anything may take before it counts as hanging, in milliseconds. */
const patience = 20_000

/** The same for the end of a connection whose other end has ended its side: nobody has to wait for a handshake. */
const endPatience = 8_000

interface Member {
  readonly cluster: Cluster.Cluster["Service"]
  readonly events: Array<ClusterEvent>
}

/** A cluster, and what was delivered in it. */
export interface AdversarialCluster {
  readonly ground: Fixture.Fixture
  readonly members: ReadonlyArray<Member>
  readonly nodes: ReadonlyArray<Node.Node>
  readonly pass: Pass
  readonly key: Handshake.ProofKey
  /** How often each message was delivered, and how often it may have been. */
  readonly delivered: Map<string, number>
  readonly allowed: Map<string, number>
  /** On real sockets: what there is to change. */
  readonly recorded: Streams.Recorded | undefined
  /** Ids of those that Nodes have found to belong here, and of those that may be. */
  readonly admitted: Set<string>
  readonly welcome: Set<string>
  /** What Nodes have logged: they have no reason to. */
  readonly logged: Array<string>
  rounds: number
}

const isOnSockets = ({ ground }: Pick<AdversarialCluster, "ground">): boolean => ground.name !== "memory"

/** What a message is told by: whoever sends it draws its value. */
const nameOf = (key: NodeId.NodeId, purpose: number, value: Uint8Array): string =>
  `${key.hex} ${purpose} ${Buffer.from(value).toString("latin1")}`

const raise = (counts: Map<string, number>, name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1)

const places = ["1", "5", "9", "d"]

/** Starts a cluster. It ends with the scope. */
export const make = Effect.fnUntraced(function*(pass: Pass, where: Fixture.Name = "memory") {
  const ground = yield* Fixture.make(where)
  const delivered = new Map<string, number>()
  const admitted = new Set<string>()
  const logged: Array<string> = []
  const members: Array<Member> = []
  yield* Effect.addFinalizer(() => Effect.forEach(members, ({ cluster }) => kill(cluster), { discard: true }))
  const application = {
    onDeliver: (message: Message) =>
      Effect.suspend(() => {
        raise(delivered, nameOf(message.key, message.purpose, message.value))
        const isSlow = Buffer.from(message.value).toString("latin1").startsWith(slowWord)
        return isSlow ? Effect.sleep(slowness) : Effect.void
      })
  }
  const authorization = {
    admits: ({ id }: { readonly id: string }) => {
      admitted.add(id)
      return true
    }
  }
  const logger = Logger.make(({ message }) => {
    const said = String(message)
    // That a passphrase goes in clear is meant here; that a Node loses its place is told by an event, too, and judged there.
    if (!/in clear|has lost its place|not joined yet/.test(said)) logged.push(said)
  })
  for (const digits of places) {
    const seed = members[0]?.cluster.address.port
    const id = NodeId.parse(digits.padEnd(32, "0"))
    const cluster = yield* Cluster.make({
      id,
      cluster: Samples.cluster,
      credentials: yield* ground.credentialsOf(id),
      join: seed === undefined ? [] : [`127.0.0.1:${seed}`],
      application,
      authorization,
      config: configOf(where)
    }).pipe(Effect.provideService(Transport, ground.nodes), Effect.provide(Logger.layer([logger])))
    ground.ports.add(cluster.address.port)
    const events: Array<ClusterEvent> = []
    yield* Effect.forkScoped(
      Stream.runForEach(cluster.events, (event) => Effect.sync(() => events.push(event))),
      { startImmediately: true }
    )
    members.push({ cluster, events })
    yield* during(pass, cluster.ready)
  }
  const nodes = members.map(({ cluster }) => nodeOf(cluster))
  const key = Handshake.makeProofKey(Fixture.secret, Samples.cluster)
  yield* until(pass, isRing({ members, nodes }))
  const siege: AdversarialCluster = {
    ground,
    members,
    nodes,
    pass,
    key,
    delivered,
    allowed: new Map(),
    recorded: where === "memory" ? undefined : yield* record(ground, nodes, key),
    admitted,
    welcome: new Set(nodes.map(({ hex }) => hex)),
    logged,
    rounds: 0
  }
  for (const { events } of members) events.length = 0
  admitted.clear()
  return siege
})

/** Lets time pass until a condition holds; whether it came to hold. */
const until = Effect.fnUntraced(function*(pass: Pass, condition: Effect.Effect<boolean>, within = patience) {
  const limit = (yield* Clock.currentTimeMillis) + within
  while (!(yield* condition)) {
    if ((yield* Clock.currentTimeMillis) > limit) return false
    yield* pass("5 millis")
  }
  return true
})

/** Lets time pass while an effect runs. */
const during = Effect.fnUntraced(function*<A, E, R>(pass: Pass, effect: Effect.Effect<A, E, R>) {
  const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
  yield* until(pass, Effect.sync(() => fiber.pollUnsafe() !== undefined), 10 * patience)
  return yield* fiber.pollUnsafe() ?? Effect.die(new Error("an effect does not end"))
})

/** Whether each Node has the three others on both sides, in the order of the ring, and is ready. */
const isRing = ({ members, nodes }: Pick<AdversarialCluster, "members" | "nodes">) =>
  Effect.gen(function*() {
    for (const [index, { cluster }] of members.entries()) {
      const { left, right } = yield* cluster.leafSet
      const isRight = [1, 2, 3].every((step) =>
        right[step - 1]?.hex === nodes[(index + step) % 4]!.hex &&
        left[step - 1]?.hex === nodes[(index + 4 - step) % 4]!.hex
      )
      if (!isRight || right.length !== 3 || left.length !== 3 || !(yield* cluster.isReady)) return false
    }
    return true
  })

// -----------------------------------------------------------------------------
// sessions
// -----------------------------------------------------------------------------

/** Who attacks, and what it knows. */
interface Start {
  readonly number: number
  readonly rng: Rng.Rng
  readonly siege: AdversarialCluster
  readonly tally: Tally.Tally
  readonly cast: Samples.Cast
  /** What the id of a client follows from. */
  readonly seed: NodeId.NodeId
  /** Of clients: connections that have to be ended for a malformed frame. */
  readonly malformed: { count: number }
}

/** A connection, and what comes over it one by one. */
interface Line {
  readonly connection: Connection
  readonly next: Effect.Effect<Uint8Array, WendyConnectionError>
}

/** What one attacker does over a connection. */
interface Session extends Start, Line {}

const found = ({ number, tally }: Start, what: string): void => Tally.find(tally, [number], what)

/** As it stands in the tally. */
const rowOf = (siege: Pick<AdversarialCluster, "ground">, attacker: Attacker): string =>
  isOnSockets(siege) ? `${attacker} (${siege.ground.name})` : attacker

const makeNext = (connection: Connection): Line["next"] => {
  let ahead: Array<Uint8Array> = []
  return Effect.suspend(() =>
    ahead.length > 0
      ? Effect.succeed(ahead.shift()!)
      : Effect.map(connection.read, (frames) => {
        ahead = [...frames]
        return ahead.shift()!
      })
  )
}

const nothing = new Uint8Array(0)

const sequence = 4_242_424_242

const question = Frame.query({ _tag: "ViewQuery", sequence })

const isAnswer = (frame: Frame.Frame): boolean => frame._tag === "Answer" && frame.answer.sequence === sequence

/** Reads until the Node has answered the question, or has ended the connection; neither of them means that it hangs. */
const awaitVerdict = Effect.fnUntraced(function*(session: Session, within = patience) {
  const read = Effect.gen(function*() {
    while (true) {
      const frame = yield* session.next
      const refusal = Handshake.decode(frame)
      if (refusal?._tag === "Refusal") return `refused: ${refusal.reason}`
      if (isAnswer(Frame.decode(frame))) return "went on"
    }
  })
  const verdict = yield* Effect.timeoutOption(Effect.orElseSucceed(read, () => "closed"), within)
  return Option.getOrElse(verdict, () => "waits")
})

/** What shows that one belongs here, where what TLS was shown does not show it already. */
const prove = (
  { ground, key }: Pick<AdversarialCluster, "ground" | "key">,
  { connection }: Pick<Line, "connection">,
  role: "dialler" | "acceptor",
  hello: Uint8Array,
  theirs: Uint8Array
): Uint8Array =>
  ground.kind === "certificate"
    ? nothing
    : Handshake.prove(key, role, hello, theirs, connection.channel?.binding ?? nothing)

/** Shakes hands properly. Whether the Node let it in. */
const enter = Effect.fnUntraced(function*(
  siege: Pick<AdversarialCluster, "ground" | "key">,
  line: Line,
  hello: Uint8Array
) {
  const { connection, next } = line
  yield* connection.write([hello])
  const theirs = yield* next
  if (Handshake.decode(theirs)?._tag !== "Hello") return false
  yield* connection.write([
    Handshake.encode({ _tag: "Proof", bytes: prove(siege, line, "dialler", hello, theirs) })
  ])
  const isIn = Handshake.decode(yield* next)?._tag === "Proof"
  if (isIn && siege.ground.kind === "certificate") yield* connection.write([Handshake.encode({ _tag: "Accepted" })])
  return isIn
})

const helloOf = ({ cast, rng, seed, siege }: Start, role: "member" | "client") =>
  Samples.hello(rng, cast.speaker, role, siege.ground.kind, seed)

/** Dials, with what proves that it belongs here or with something that does not. */
const dial = (ground: Fixture.Fixture, port: number, certificate: Credentials.Certificate | undefined) =>
  ground.outside.dial({ host: "127.0.0.1", port }, {
    maxFrameSize: 64 * 1024 * 1024,
    timeout: ground.name === "memory" ? "1 second" : "10 seconds",
    certificate: () => certificate
  })

/** A connection to the Node that is attacked; nothing must keep a Node from listening. */
const lineTo = Effect.fnUntraced(function*(start: Start, certificate: Credentials.Certificate | undefined) {
  const { cast: { receiver }, siege } = start
  const dialled = yield* Effect.exit(dial(siege.ground, receiver.port, certificate))
  if (Exit.isSuccess(dialled)) return { connection: dialled.value, next: makeNext(dialled.value) } satisfies Line
  found(start, `${receiver.hex} does not listen any more: ${Cause.pretty(dialled.cause)}`)
})

const anyFrame = (rng: Rng.Rng, cast: Samples.Cast): Samples.Sample =>
  rng.happens(0.6) ? Samples.handshake(rng, cast) : Samples.frame(rng, cast)

/** What a stranger says after its Hello, to one that it does not know the secret of. */
const forgedProof = (session: Session, hello: Uint8Array, theirs: Uint8Array): Uint8Array => {
  const { rng, connection, siege } = session
  const channel = connection.channel?.binding ?? nothing
  const proveAs = (role: "dialler" | "acceptor", first: Uint8Array, second: Uint8Array, binding = channel) =>
    Handshake.prove(siege.key, role, first, second, binding)
  const right = proveAs("dialler", hello, theirs)
  // With certificates no proof is looked at: there what TLS was shown is bad.
  switch (rng.below(channel.length === 0 ? 5 : 6)) {
    case 5:
      // A proof of another channel.
      return proveAs("dialler", hello, theirs, rng.happens(0.5) ? nothing : channel.map((byte) => byte ^ 1))
    case 0:
      return nothing
    case 1:
      return right.slice(0, rng.below(32))
    case 2:
      // What the other end would show.
      return proveAs("acceptor", hello, theirs)
    case 3:
      // A proof of another meeting.
      return proveAs("dialler", theirs, hello)
    default: {
      right[rng.below(32)]! ^= 1 << rng.below(8)
      return right
    }
  }
}

/** Says nonsense instead of a handshake, or in the middle of it; or shakes hands under a hostile name, properly. */
const stranger = Effect.fnUntraced(function*(start: Start) {
  const { cast, rng, siege, tally } = start
  const plan = rng.pick(["nonsense", "out of order", "forged proof", "hostile hello", "too large"] as const)
  // Where TLS proves all there is to prove: half of those that have more to say have a client's good certificate.
  const isKnown = (plan === "hostile hello" || plan === "forged proof") && siege.ground.certificate !== undefined &&
    rng.happens(0.5)
  const line = yield* lineTo(start, isKnown ? siege.ground.certificate : siege.ground.drawBad(rng))
  if (line === undefined) return
  const session = { ...start, ...line }
  const { connection, next } = line
  const canProve = siege.ground.certificate === undefined || isKnown
  const accepted = siege.ground.kind === "certificate" ? [Handshake.encode({ _tag: "Accepted" })] : []
  let isDeserved = false
  const run = Effect.gen(function*() {
    switch (plan) {
      case "nonsense": {
        const frames = Array.from(
          { length: 1 + rng.below(4) },
          () => Mutation.mutate(rng, cast, anyFrame(rng, cast), anyFrame(rng, cast)).frame
        )
        return yield* connection.write(frames)
      }
      case "out of order": {
        const hello = Handshake.encode(helloOf(session, "client"))
        const others = Array.from({ length: 1 + rng.below(4) }, () => anyFrame(rng, cast).frame)
        return yield* connection.write(rng.happens(0.7) ? [hello, ...others] : [...others, hello])
      }
      case "forged proof": {
        // That certificate is none of a member.
        const hello = Handshake.encode(helloOf(session, isKnown ? "member" : rng.pick(["member", "client"])))
        yield* connection.write([hello])
        const theirs = yield* next
        const bytes = forgedProof(session, hello, theirs)
        return yield* connection.write([Handshake.encode({ _tag: "Proof", bytes }), ...accepted])
      }
      case "hostile hello": {
        const message = helloOf(session, "client")
        const sample = { kind: "Hello", frame: Handshake.encode(message), message }
        const hello = Mutation.mutate(rng, cast, sample, sample).frame
        yield* connection.write([hello])
        const theirs = yield* next
        const decoded = Handshake.decode(hello)
        // Who knows the passphrase may be any Node: as a member it would be one of those that lie.
        isDeserved = canProve && decoded?._tag === "Hello" && decoded.role === "client" &&
          Handshake.decode(theirs)?._tag === "Hello"
        const bytes = isDeserved ? prove(siege, session, "dialler", hello, theirs) : forgedProof(session, hello, theirs)
        return yield* connection.write([Handshake.encode({ _tag: "Proof", bytes }), ...accepted])
      }
      case "too large":
        return yield* connection.write([new Uint8Array(largestFrame + 1 + rng.below(64))])
    }
  })
  yield* Effect.ignore(Effect.timeoutOption(run, patience))
  yield* Effect.ignore(connection.write([question]))
  // Most go away; some stay, and are sent away.
  const isStaying = rng.happens(0.1)
  const verdict = yield* awaitVerdict(session, isStaying ? patience : 100)
  if (verdict === "went on" && !isDeserved) found(session, `a stranger was let in: ${plan}`)
  if (verdict === "waits" && isStaying) found(session, `a stranger that says no more is not sent away: ${plan}`)
  Tally.count(tally, `${rowOf(siege, "stranger")}: ${plan}`, verdict)
})

/** One origin's message in as many lives of it. */
const lives = ({ cast: { speaker }, rng }: Session): ReadonlyArray<Uint8Array> => {
  const key = Samples.randomId(rng)
  const value = Uint8Array.from({ length: 16 }, () => rng.below(256))
  return Array.from({ length: 1_100 }, (_, index) => {
    const frame = Envelope.make({
      deliveryClass: "confirmed",
      purpose: Samples.purpose,
      key,
      origin: speaker.id,
      via: speaker.id,
      incarnation: speaker.incarnation + index,
      counter: 0,
      floor: 0
    }, value)
    Envelope.setSequence(frame, index)
    return frame
  })
}

/** As the Node that gets it will see it. */
const decode = (frame: Uint8Array): Frame.Frame =>
  frame.length > largestFrame ? { _tag: "Malformed", message: "too large" } : Frame.decode(frame.slice())

/** What a client may say: it counts as sent. */
const isOwnMessage = ({ cast: { speaker } }: Session, frame: Uint8Array): boolean =>
  NodeId.equals(Envelope.origin(frame), speaker.id) && Envelope.incarnation(frame) === speaker.incarnation &&
  Envelope.purpose(frame) >= Samples.purpose &&
  !Envelope.isDirect(frame)

const framesOf = (session: Session, attacker: Attacker): ReadonlyArray<Mutation.Mutant> => {
  const { cast, rng } = session
  if (attacker === "reborn") return lives(session).map((frame) => ({ kind: "message", how: "as it is", frame }))
  if (rng.happens(0.01)) {
    return Array.from({ length: 300 }, () => ({ kind: "question of many", how: "as it is", frame: question }))
  }
  const mutants = Array.from(
    { length: 1 + rng.below(16) },
    () => Mutation.mutate(rng, cast, Samples.frame(rng, cast), Samples.frame(rng, cast))
  )
  // Of half of them nothing malformed, which would end the connection before the rest has had its turn.
  return rng.happens(0.5) ? mutants : mutants.filter(({ frame }) => decode(frame)._tag !== "Malformed")
}

/** Shakes hands, and sends hostile frames. What is malformed has to end the connection, and nothing else may. */
const client = Effect.fnUntraced(function*(start: Start, attacker: Attacker) {
  const { rng, siege, tally } = start
  const line = yield* lineTo(start, siege.ground.certificate)
  if (line === undefined) return
  const session = { ...start, ...line }
  const { connection } = line
  const row = rowOf(siege, attacker)
  const isIn = yield* Effect.orElseSucceed(
    enter(siege, line, Handshake.encode(helloOf(start, "client"))),
    () => false
  )
  if (!isIn && isOnSockets(siege)) found(start, "a client that belongs here was not let in")
  if (!isIn) return Tally.count(tally, row, "not let in")
  if (attacker === "impostor") found(session, "a client was let in under the id of a Node")
  // Not before the cluster is quiet but for what is slow: then it is the oldest that is known.
  if (attacker === "reborn") yield* Effect.sleep(slowness / 4)
  let isMalformed = false
  for (const { frame, kind } of framesOf(session, attacker)) {
    const decoded = decode(frame)
    if (decoded._tag === "Routed" && isOwnMessage(session, frame)) {
      raise(siege.allowed, nameOf(Envelope.key(frame), Envelope.purpose(frame), Envelope.value(frame)))
    }
    isMalformed = decoded._tag === "Malformed"
    Tally.count(tally, `${row}: ${kind}`, decoded._tag)
    if (!(yield* Effect.isSuccess(connection.write([frame])))) break
    if (isMalformed) break
    // Else all arrive together.
    if (rng.happens(0.3)) yield* Effect.yieldNow
  }
  if (isMalformed) session.malformed.count++
  yield* Effect.ignore(connection.write([question]))
  const verdict = yield* awaitVerdict(session)
  Tally.count(tally, row, verdict)
  if (verdict === "waits") found(session, `the Node does not answer a ${attacker}`)
  if (isMalformed && verdict === "went on") {
    found(session, `a malformed frame of a ${attacker} did not end its connection`)
  }
  if (!isMalformed && verdict === "closed") {
    found(session, `a ${attacker} was sent away, and had sent nothing malformed`)
  }
})

/** Shakes hands as a Node, says that it is ready, and lies; it answers questions so that it stays in the tables. */
const member = Effect.fnUntraced(function*(start: Start) {
  const { cast, rng, siege, tally } = start
  const line = yield* lineTo(start, siege.ground.certificate)
  if (line === undefined) return
  const session = { ...start, ...line }
  const { connection } = line
  const isIn = yield* Effect.orElseSucceed(
    enter(siege, line, Handshake.encode(helloOf(start, "member"))),
    () => false
  )
  if (!isIn) return Tally.count(tally, "member", "not let in")
  const answers = rng.happens(0.7)
  const takes = rng.happens(0.5)
  const isTame = rng.happens(0.7)
  let isAnswered = false
  // A connection has one writer at a time.
  const gate = yield* Semaphore.make(1)
  const write = (frame: Uint8Array) => gate.withPermit(connection.write([frame]))
  const listen = Effect.gen(function*() {
    while (!isAnswered) {
      const frame = Frame.decode(yield* session.next)
      if (isAnswer(frame)) isAnswered = true
      else if (answers && frame._tag === "Control" && frame.message._tag === "Probe") {
        const { sequence } = frame.message
        yield* write(Frame.control({ _tag: "ProbeAck", sequence, ready: true, leaves: [...cast.nodes] }))
      } else if (answers && frame._tag === "Control" && frame.message._tag === "Renew") {
        const { as, sequence } = frame.message
        yield* write(
          Frame.control({
            _tag: "Renewed",
            sequence,
            as: as === "predecessor" ? "successor" : "predecessor",
            attempt: 1
          })
        )
      } else if (takes && frame._tag === "Routed") {
        // Takes it into custody, and drops it.
        const number = Envelope.sequence(frame.frame)
        yield* write(Frame.acknowledged(number, number))
      }
    }
    return "went on"
  })
  const talk = Effect.gen(function*() {
    if (rng.happens(0.6)) yield* write(Frame.control({ _tag: "Joined", attempt: 1 }))
    for (let frames = 1 + rng.below(24); frames > 0; frames--) {
      const mutant = Mutation.mutate(rng, cast, Samples.frame(rng, cast), Samples.frame(rng, cast))
      const { _tag } = decode(mutant.frame)
      Tally.count(tally, `member: ${mutant.kind}`, _tag)
      if (isTame && _tag === "Malformed") continue
      yield* write(mutant.frame)
      if (rng.happens(0.2)) yield* Effect.sleep(rng.below(40))
    }
    yield* write(question)
    return yield* Effect.never
  })
  const verdict = yield* Effect.timeoutOption(
    Effect.orElseSucceed(Effect.raceFirst(listen, talk), () => "closed"),
    patience
  )
  Tally.count(tally, "member", Option.getOrElse(verdict, () => "waits"))
  if (Option.isNone(verdict)) found(session, "the Node does not answer a member")
})

// -----------------------------------------------------------------------------
// bytes
// -----------------------------------------------------------------------------

/** A client of the cluster, under an id that follows from a name. */
const makeClient = (name: string) => {
  const seed = NodeId.fromString(name)
  const address = { localHost: "client", globalHost: "client", port: 1, region: "" }
  return { seed, node: new Node.Node({ ...address, id: Handshake.clientId(seed), incarnation: 1 }) }
}

/** Records a client that belongs here, and one that takes the Nodes for others: in clear, or over TLS. */
const record = Effect.fnUntraced(function*(
  ground: Fixture.Fixture,
  nodes: ReadonlyArray<Node.Node>,
  key: Handshake.ProofKey
) {
  const rng = Rng.make("a recorded client")
  const { node, seed } = makeClient("a recorded client")
  const hello = Handshake.encode(Samples.hello(rng, node, "client", ground.kind, seed))
  const hear = (talk: (port: number) => Effect.Effect<unknown, unknown, Scope.Scope>) =>
    Effect.scoped(Effect.gen(function*() {
      const passage = yield* Mitm.open(nodes[0]!.port)
      yield* Effect.orDie(Effect.timeout(Effect.scoped(talk(passage.port)), patience))
      return passage.heard()
    }))
  const own = yield* hear((port) =>
    Effect.gen(function*() {
      const connection = yield* dial(ground, port, ground.certificate)
      const line = { connection, next: makeNext(connection) }
      if (!(yield* enter({ ground, key }, line, hello))) return yield* Effect.die(new Error("a client is not let in"))
      yield* connection.write([question])
      while (!isAnswer(Frame.decode(yield* line.next)));
    })
  )
  const inClear = encodeFrames([hello, Handshake.encode({ _tag: "Proof", bytes: new Uint8Array(32) }), question])
  return { own, other: ground.nodes.protection === "tls" ? inClear : yield* Fixture.recordHello }
})

/** Says on a bare socket, or inside of a channel that proves nothing, what a client has said, with its bytes changed. */
const babbler = Effect.fnUntraced(function*(start: Start) {
  const { cast, rng, siege, tally } = start
  // Few: a handshake of TLS may take ten seconds.
  const ending = rng.happens(0.02) ? "stays" : rng.pick(["ends", "ends", "goes", "resets"] as const)
  // What a reset overtakes nobody reads.
  const pause = rng.happens(0.3) ? 0 : rng.below(120)
  const { ground } = siege
  const isInside = ground.nodes.protection === "tls" && rng.happens(0.4)
  const recorded = isInside ? Streams.swap(siege.recorded!) : siege.recorded!
  const certificate = isInside ? ground.drawBad(rng) : undefined
  const { bytes, how } = ending === "stays" && rng.happens(0.5)
    ? { how: "not a word", bytes: nothing }
    : Streams.mutate(rng, cast, recorded)
  const pieces = Streams.cut(rng, bytes)
  const heard = yield* MalformedPeer.babble({
    port: cast.receiver.port,
    pieces,
    ending,
    pause,
    patience: ending === "ends" ? endPatience : patience,
    secure: isInside ? (socket) => Fixture.speakTls(socket, certificate) : undefined
  })
  const row = `${rowOf(siege, "babbler")}${isInside ? ", inside" : ""}: ${how}`
  if (Option.isNone(heard)) found(start, `the Node does not end the connection of a babbler that ${ending}: ${how}`)
  else if (heard.value.isLetIn) found(start, `a babbler was let in: ${how}`)
  Tally.count(tally, row, Option.isNone(heard) ? "waits" : heard.value.answer)
})

/** A client that belongs here says something to a Node, and somebody in between changes bytes of either. */
const meddler = Effect.fnUntraced(function*(start: Start) {
  const { cast: { receiver, speaker }, rng, siege, tally } = start
  const isProtected = siege.ground.nodes.protection === "tls"
  const plan = Mitm.draw(rng)
  const passage = yield* Mitm.open(receiver.port, plan)
  siege.welcome.add(speaker.hex)
  const value = Uint8Array.from({ length: 16 }, () => rng.below(256))
  const id = { key: Samples.randomId(rng), origin: speaker.id, via: speaker.id, incarnation: speaker.incarnation }
  const message = Envelope.make(
    { ...id, deliveryClass: "confirmed", purpose: Samples.purpose, counter: 0, floor: 0 },
    value
  )
  const identity: Link.Identity = {
    cluster: Samples.cluster,
    role: "client",
    node: speaker,
    seed: start.seed,
    lease: Samples.lease,
    nonce: Effect.sync(() => Samples.randomId(rng)),
    security: Security.make(siege.ground.credentials, {
      cluster: Samples.cluster,
      needsChannel: isProtected,
      patience
    }),
    authorization: {}
  }
  const talk = Effect.gen(function*() {
    const connection = yield* dial(siege.ground, passage.port, siege.ground.certificate)
    const link = yield* Link.open(connection, identity)
    // In clear it could be made into any other.
    if (isProtected) {
      raise(siege.allowed, nameOf(id.key, Samples.purpose, value))
      link.sendData(message)
    }
    link.sendControl(question)
    const answered = yield* Deferred.make<void>()
    const onFrames = (frames: ReadonlyArray<Frame.Frame>) =>
      Effect.when(Deferred.succeed(answered, undefined), Effect.sync(() => frames.some(isAnswer)))
    yield* Effect.raceFirst(Deferred.await(answered), link.run((frames) => Effect.asVoid(onFrames(frames))))
    // With the last thing that is said it is late.
    return passage.hasMeddled() ? "went on" : "went on before it"
  })
  const ended = (error: Effect.Error<typeof talk>) =>
    error._tag === "Malformed"
      ? "malformed"
      : error._tag === "Refused"
      ? `refused by ${error.by}: ${error.reason}`
      : error.reason._tag
  // Where bytes are missing both ends wait for more of them: it goes, and leaves it to the Node to notice.
  const verdict = yield* Effect.timeoutOption(
    Effect.catch(Effect.scoped(talk), (error) => Effect.succeed(ended(error))),
    rng.happens(0.02) ? 2_500 : 400
  )
  const outcome = Option.getOrElse(verdict, () => "waits")
  if (!passage.hasMeddled() && outcome !== "went on before it" && outcome !== "waits") {
    found(start, `a client that nobody meddled with: ${outcome}`)
  }
  Tally.count(tally, `${rowOf(siege, "meddler")}: ${plan.how}`, outcome)
})

// -----------------------------------------------------------------------------
// who attacks
// -----------------------------------------------------------------------------

/** Who speaks. A client's address is one that nobody dials. */
const speakerOf = (
  rng: Rng.Rng,
  attacker: Attacker,
  seed: NodeId.NodeId,
  nodes: ReadonlyArray<Node.Node>
): Node.Node => {
  const host = attacker === "member" ? "10.0.0.66" : "client"
  return new Node.Node({
    id: attacker === "impostor"
      ? rng.pick(nodes).id
      : attacker === "member"
      ? Samples.randomId(rng)
      : Handshake.clientId(seed),
    localHost: host,
    globalHost: host,
    port: 1 + rng.below(65_535),
    region: "",
    incarnation: attacker === "impostor" && rng.happens(0.7) ? nodes[0]!.incarnation : Samples.count(rng)
  })
}

const attack = (
  siege: AdversarialCluster,
  attacker: Attacker,
  text: string,
  number: number,
  tally: Tally.Tally,
  malformed: { count: number }
) =>
  Effect.scoped(Effect.gen(function*() {
    const rng = Rng.make(`${text}/${number}`)
    const receiver = rng.pick(siege.nodes)
    const seed = Samples.randomId(rng)
    const stranded = speakerOf(rng, attacker, seed, siege.nodes)
    const life = siege.nodes.find(({ id }) => NodeId.equals(id, stranded.id))
    // Each Node of a cluster started at a time of its own.
    const speaker = life !== undefined && stranded.incarnation === siege.nodes[0]!.incarnation
      ? new Node.Node({ ...stranded, incarnation: life.incarnation })
      : stranded
    const cast = { nodes: siege.nodes, receiver, speaker }
    const start: Start = { number, rng, siege, tally, cast, seed, malformed }
    switch (attacker) {
      case "stranger":
        return yield* stranger(start)
      case "client":
      case "reborn":
      case "impostor":
        return yield* client(start, attacker)
      case "member":
        return yield* member(start)
      case "babbler":
        return yield* babbler(start)
      case "meddler":
        return yield* meddler(start)
    }
  }))

// -----------------------------------------------------------------------------
// rounds
// -----------------------------------------------------------------------------

/** A message of the cluster itself, sent by a Node while it is under siege. */
const send = Effect.fnUntraced(function*(siege: AdversarialCluster, sender: Member, word: string) {
  const value = new TextEncoder().encode(word)
  const key = NodeId.fromString(word)
  const name = nameOf(key, Samples.purpose, value)
  const began = yield* Clock.currentTimeMillis
  const exit = yield* Effect.exit(sender.cluster.sendConfirmed({ key, purpose: Samples.purpose, value }))
  const took = (yield* Clock.currentTimeMillis) - began
  return { word, name, isConfirmed: Exit.isSuccess(exit), took }
})

/** What must not have happened at a Node, by its events. */
const wrongEvents = (siege: AdversarialCluster, { cluster, events }: Member): ReadonlyArray<string> => {
  const isReal = (node: Node.Node) => siege.nodes.some((real) => Node.isSameLife(real, node))
  return events.flatMap((event) => {
    const at = `at ${cluster.id.hex.slice(0, 4)}`
    switch (event._tag) {
      case "NotReady":
      case "Left":
        return [`${event._tag} ${at}`]
      case "NodeJoined":
        return isReal(event.node) ? [] : [`an unknown Node joined ${at}`]
      case "NodeExited":
        return isReal(event.node) ? [`a Node exited (${event.reason}) ${at}`] : []
      case "Refused":
      case "Malformed":
        return []
      default:
        return isError(event) ? [`${event._tag} ${at}: ${event.message}`] : []
    }
  })
}

/** So many sessions at a time. */
const together = 16

/** Messages that each Node sends in a round; fewer, and all at once, where most may have no receipt. */
const messages = 60
const fewMessages = 10

/** And those that are slow to deliver. */
const slowMessages = 4

/** Largest number of connections of a Node when all attackers have gone: two with each other Node. */
const connectionsAtRest = 6

/** Carries out some sessions while the cluster works, and looks at what has become of it. */
export const round = (
  siege: AdversarialCluster,
  attacker: Attacker,
  seed: string,
  numbers: ReadonlyArray<number>,
  tally: Tally.Tally
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { members, nodes, pass } = siege
    const name = `round ${siege.rounds++}`
    const malformed = { count: 0 }
    const statistics = Effect.forEach(members, ({ cluster }) => cluster.statistics)
    const sumOfMalformed = Effect.map(statistics, (all) => all.reduce((sum, { malformed }) => sum + malformed, 0))
    const malformedBefore = yield* sumOfMalformed
    /** Both ends of each connection are in this process. */
    const openSockets = (all: ReadonlyArray<{ readonly connections: number }>) =>
      Fixture.countSockets() - all.reduce((sum, { connections }) => sum + connections, 0)
    const isQuiet = Effect.map(statistics, (all) =>
      all.every(({ connections, custody, delivering, unresolved }) =>
        custody === 0 && delivering === 0 && unresolved === 0 && connections <= connectionsAtRest
      ) && (!isOnSockets(siege) || openSockets(all) === 0))
    const wrong: Array<string> = []

    const words = (member: number, what: string, count: number) =>
      Array.from({ length: count }, (_, index) =>
        `${what} ${name} ${member} ${index}`)
    const burst = (what: string, count: number, concurrency: number) =>
      Effect.forEach(
        members.flatMap((sender, member) =>
          words(member, what, count).map((word) => ({ sender, word }))
        ),
        ({ sender, word }) => send(siege, sender, word),
        { concurrency }
      )
    const assault = Effect.forEach(
      numbers,
      (number) =>
        Effect.catchCause(
          attack(siege, attacker, seed, number, tally, malformed),
          (cause) => Effect.sync(() => Tally.find(tally, [number], `a session died: ${Cause.pretty(cause)}`))
        ),
      { concurrency: attacker === "member" || isOnSockets(siege) ? together / 2 : together, discard: true }
    )
    const slow = attacker === "stranger" || isOnSockets(siege) ? 0 : slowMessages
    const [during_, slowly] = yield* during(
      pass,
      Effect.all([burst("meanwhile", messages, 4), burst(slowWord, slow, 4 * slow + 1), assault], {
        concurrency: "unbounded"
      })
    )
    const isAtRest = yield* until(pass, isQuiet)
    const isWhole = yield* until(pass, isRing(siege))
    const after = yield* during(pass, burst("afterwards", fewMessages, 4 * fewMessages))
    const sent = [...during_, ...slowly, ...after]

    for (const { isConfirmed, name, took, word } of sent) {
      const times = siege.delivered.get(name) ?? 0
      siege.delivered.delete(name)
      if (!isConfirmed) wrong.push(`"${word}" was not confirmed`)
      if (times !== 1) wrong.push(`"${word}" was delivered ${times} times`)
      // Confirmed or not, it has to have an outcome by its deadline.
      if (took > configOf(siege.ground.name).confirmDeadline + patience / 2) {
        Tally.find(tally, numbers, `"${word}" had no outcome for ${took} ms`)
      }
    }
    for (const [name, times] of siege.delivered) {
      const allowed = siege.allowed.get(name) ?? 0
      if (times > allowed) {
        wrong.push(`${JSON.stringify(name)} was delivered ${times} times, and sent ${allowed} times`)
      }
    }
    siege.delivered.clear()
    siege.allowed.clear()

    if (!isAtRest) {
      if (isOnSockets(siege)) wrong.push(`${openSockets(yield* statistics)} sockets are left of attackers`)
      wrong.push(
        ...(yield* statistics).map(({ connections, custody, delivering, unresolved }) =>
          `not at rest: connections ${connections}, custody ${custody}, delivering ${delivering}, unresolved ${unresolved}`
        )
      )
    }
    if (!isWhole) wrong.push("the leaf sets are not exact")
    for (const { cluster } of members) {
      const strangers = (yield* cluster.nodes).filter(({ node }) => !nodes.some((real) => Node.isSameLife(real, node)))
      for (const { node } of strangers) wrong.push(`an unknown Node stands in a table: ${node.hex}`)
    }
    for (const member of members) {
      wrong.push(...wrongEvents(siege, member))
      const defects = member.events.flatMap((event) =>
        event._tag === "Defect" || event._tag === "CallbackFailed" ? [event.message] : []
      )
      for (const message of defects) Tally.find(tally, numbers, `a defect at ${member.cluster.id.hex}: ${message}`)
      member.events.length = 0
    }
    // Of those that only change bytes nobody gets further than what he belongs to.
    if (attacker === "babbler" || attacker === "meddler") {
      for (const id of siege.admitted) if (!siege.welcome.has(id)) wrong.push(`${id} was found to belong here`)
    }
    for (const address of siege.ground.strayed) wrong.push(`a Node wanted to dial ${address}`)
    for (const said of siege.logged) Tally.find(tally, numbers, `a Node logged: ${said}`)
    siege.admitted.clear()
    siege.ground.strayed.clear()
    siege.logged.length = 0
    const counted = (yield* sumOfMalformed) - malformedBefore
    if (attacker === "client" && counted !== malformed.count) {
      wrong.push(`${malformed.count} malformed frames were sent, ${counted} were counted`)
    }
    if (isOutside(attacker)) {
      for (const what of new Set(wrong)) Tally.find(tally, numbers, what)
    } else {
      // Names and numbers are left out, so that the like is counted together.
      const told = (what: string) =>
        what.replaceAll(/"(?:[^"\\]|\\.)*"/g, "a message").replaceAll(/\b[0-9a-f]{4,32}\b/g, "...").replaceAll(
          /\d{2,}/g,
          "N"
        )
      for (const what of wrong) Tally.count(tally, `effect of ${attacker}s`, told(what))
    }
  })
