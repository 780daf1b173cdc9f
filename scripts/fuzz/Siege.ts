/**
 * Siege: a running cluster of four Nodes, and those who mean ill at its doors.
 *
 * - a **stranger** connects and sends what it likes before and in the handshake, with and without the right passphrase;
 * - a **client** has shaken hands under an id of its own;
 * - one that is **reborn** is such a client, and sends messages in the name of many lives of its own;
 * - an **impostor** calls itself by the id, and the life, of a Node of the cluster, as a client;
 * - a **member** has shaken hands as a Node of its own, and lies.
 *
 * Meanwhile the Nodes send each other confirmed messages. Nothing that the first four do may have an effect: that is
 * checked after each round. What a member can do stands in `docs/security.md`: it is counted, and must neither end
 * a Node, nor make it hang, nor make it grow.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import * as Cluster from "../../src/Cluster.ts"
import type { ClusterEvent } from "../../src/protocol/ClusterEvent.ts"
import * as Credentials from "../../src/protocol/Credentials.ts"
import * as Envelope from "../../src/protocol/Envelope.ts"
import * as Frame from "../../src/protocol/Frame.ts"
import * as Handshake from "../../src/protocol/Handshake.ts"
import type { Message } from "../../src/protocol/Message.ts"
import * as Node from "../../src/ring/Node.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as Chance from "../../src/simulation/Chance.ts"
import * as Memory from "../../src/transport/Memory.ts"
import { type Connection, type ConnectionError, Transport } from "../../src/transport/Transport.ts"
import * as Mutation from "./Mutation.ts"
import * as Samples from "./Samples.ts"
import * as Tally from "./Tally.ts"

export const attackers = ["stranger", "client", "reborn", "impostor", "member"] as const

export type Attacker = (typeof attackers)[number]

/** Lets time pass, whatever clock there is. */
export type Pass = (step: Duration.Input) => Effect.Effect<void>

/** Those whose doings must have no effect. */
const isOutside = (attacker: Attacker): boolean => attacker !== "member"

const secret = Redacted.make("the passphrase of a cluster under siege")

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

/** How long the delivery of a slow message takes: its sender sends it again meanwhile (rule C2). */
const slowness = 2_500

const slowWord = "slow"

/** How long anything may take before it counts as hanging, in milliseconds. */
const patience = 20_000

interface Member {
  readonly cluster: Cluster.Cluster["Service"]
  readonly events: Array<ClusterEvent>
}

/** A cluster, and what was delivered in it. */
export interface Siege {
  readonly members: ReadonlyArray<Member>
  readonly nodes: ReadonlyArray<Node.Node>
  readonly transport: Transport["Service"]
  readonly pass: Pass
  readonly key: Handshake.ProofKey
  /** How often each message was delivered, and how often it may have been. */
  readonly delivered: Map<string, number>
  readonly allowed: Map<string, number>
  rounds: number
}

/** What a message is told by: whoever sends it draws its value. */
const nameOf = (key: NodeId.NodeId, purpose: number, value: Uint8Array): string =>
  `${key.hex} ${purpose} ${Buffer.from(value).toString("latin1")}`

const raise = (counts: Map<string, number>, name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1)

const places = ["1", "5", "9", "d"]

/** Starts a cluster. It ends with the scope. */
export const make = Effect.fnUntraced(function*(pass: Pass) {
  const network = yield* Memory.Network
  const delivered = new Map<string, number>()
  const members: Array<Member> = []
  yield* Effect.addFinalizer(() => Effect.forEach(members, ({ cluster }) => cluster.kill, { discard: true }))
  const application = {
    onDeliver: (message: Message) =>
      Effect.suspend(() => {
        raise(delivered, nameOf(message.key, message.purpose, message.value))
        const isSlow = Buffer.from(message.value).toString("latin1").startsWith(slowWord)
        return isSlow ? Effect.sleep(slowness) : Effect.void
      })
  }
  for (const digits of places) {
    const seed = members[0]?.cluster.node.port
    const cluster = yield* Cluster.make({
      id: NodeId.parse(digits.padEnd(32, "0")),
      cluster: Samples.cluster,
      credentials: Credentials.passphrase(secret),
      join: seed === undefined ? [] : [`127.0.0.1:${seed}`],
      application,
      config
    }).pipe(Effect.provideService(Transport, network.transport()))
    const events: Array<ClusterEvent> = []
    yield* Effect.forkScoped(
      Stream.runForEach(cluster.events, (event) => Effect.sync(() => events.push(event))),
      { startImmediately: true }
    )
    members.push({ cluster, events })
    yield* during(pass, cluster.ready)
  }
  const siege: Siege = {
    members,
    nodes: members.map(({ cluster }) => cluster.node),
    transport: network.transport("10.0.0.66"),
    pass,
    key: Handshake.makeProofKey(secret, Samples.cluster),
    delivered,
    allowed: new Map(),
    rounds: 0
  }
  yield* until(pass, isRing(siege))
  for (const { events } of members) events.length = 0
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
const isRing = ({ members, nodes }: Pick<Siege, "members" | "nodes">) =>
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

/** What one attacker did, and what came of it. */
interface Session {
  readonly number: number
  readonly chance: Chance.Chance
  readonly siege: Siege
  readonly tally: Tally.Tally
  readonly cast: Samples.Cast
  /** What the id of a client follows from. */
  readonly seed: NodeId.NodeId
  readonly connection: Connection
  readonly next: Effect.Effect<Uint8Array, ConnectionError>
  /** Of clients: connections that have to be ended for a malformed frame. */
  readonly malformed: { count: number }
}

const found = ({ number, tally }: Session, what: string): void => Tally.find(tally, [number], what)

const makeNext = (connection: Connection): Session["next"] => {
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

/** Shakes hands properly. Whether the Node let it in. */
const enter = Effect.fnUntraced(function*({ connection, next, siege }: Session, hello: Uint8Array) {
  yield* connection.write([hello])
  const theirs = yield* next
  if (Handshake.decode(theirs)?._tag !== "Hello") return false
  const bytes = Handshake.prove(siege.key, "dialler", hello, theirs, nothing)
  yield* connection.write([Handshake.encode({ _tag: "Proof", bytes })])
  return Handshake.decode(yield* next)?._tag === "Proof"
})

const helloOf = ({ cast, chance, seed }: Session, role: "member" | "client") =>
  Samples.hello(chance, cast.speaker, role, "passphrase", seed)

const anyFrame = (chance: Chance.Chance, cast: Samples.Cast): Samples.Sample =>
  chance.happens(0.6) ? Samples.handshake(chance, cast) : Samples.frame(chance, cast)

/** What a stranger says after its Hello, to one that it does not know the secret of. */
const forgedProof = ({ chance, siege }: Session, hello: Uint8Array, theirs: Uint8Array): Uint8Array => {
  const right = Handshake.prove(siege.key, "dialler", hello, theirs, nothing)
  switch (chance.below(5)) {
    case 0:
      return nothing
    case 1:
      return right.slice(0, chance.below(32))
    case 2:
      // What the other end would show.
      return Handshake.prove(siege.key, "acceptor", hello, theirs, nothing)
    case 3:
      // A proof of another meeting.
      return Handshake.prove(siege.key, "dialler", theirs, hello, nothing)
    default: {
      right[chance.below(32)]! ^= 1 << chance.below(8)
      return right
    }
  }
}

/** Says nonsense instead of a handshake, or in the middle of it; or shakes hands under a hostile name, properly. */
const stranger = Effect.fnUntraced(function*(session: Session) {
  const { cast, chance, connection, next, siege, tally } = session
  const plan = chance.pick(["nonsense", "out of order", "forged proof", "hostile hello", "too large"] as const)
  let isDeserved = false
  const run = Effect.gen(function*() {
    switch (plan) {
      case "nonsense": {
        const frames = Array.from(
          { length: 1 + chance.below(4) },
          () => Mutation.mutate(chance, cast, anyFrame(chance, cast), anyFrame(chance, cast)).frame
        )
        return yield* connection.write(frames)
      }
      case "out of order": {
        const hello = Handshake.encode(helloOf(session, "client"))
        const others = Array.from({ length: 1 + chance.below(4) }, () => anyFrame(chance, cast).frame)
        return yield* connection.write(chance.happens(0.7) ? [hello, ...others] : [...others, hello])
      }
      case "forged proof": {
        const hello = Handshake.encode(helloOf(session, chance.pick(["member", "client"])))
        yield* connection.write([hello])
        const theirs = yield* next
        const bytes = forgedProof(session, hello, theirs)
        return yield* connection.write([Handshake.encode({ _tag: "Proof", bytes })])
      }
      case "hostile hello": {
        const message = helloOf(session, "client")
        const sample = { kind: "Hello", frame: Handshake.encode(message), message }
        const hello = Mutation.mutate(chance, cast, sample, sample).frame
        yield* connection.write([hello])
        const theirs = yield* next
        const decoded = Handshake.decode(hello)
        // Who knows the passphrase may be any Node: as a member it would be one of those that lie.
        isDeserved = decoded?._tag === "Hello" && decoded.role === "client" &&
          Handshake.decode(theirs)?._tag === "Hello"
        const bytes = isDeserved
          ? Handshake.prove(siege.key, "dialler", hello, theirs, nothing)
          : forgedProof(session, hello, theirs)
        return yield* connection.write([Handshake.encode({ _tag: "Proof", bytes })])
      }
      case "too large":
        return yield* connection.write([new Uint8Array(largestFrame + 1 + chance.below(64))])
    }
  })
  yield* Effect.ignore(Effect.timeoutOption(run, patience))
  yield* Effect.ignore(connection.write([question]))
  // Most go away; some stay, and are sent away.
  const isStaying = chance.happens(0.1)
  const verdict = yield* awaitVerdict(session, isStaying ? patience : 100)
  if (verdict === "went on" && !isDeserved) found(session, `a stranger was let in: ${plan}`)
  if (verdict === "waits" && isStaying) found(session, `a stranger that says no more is not sent away: ${plan}`)
  Tally.count(tally, `stranger: ${plan}`, verdict)
})

/** One origin's message in as many lives of it. */
const lives = ({ cast: { speaker }, chance }: Session): ReadonlyArray<Uint8Array> => {
  const key = Samples.randomId(chance)
  const value = Uint8Array.from({ length: 16 }, () => chance.below(256))
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
  const { cast, chance } = session
  if (attacker === "reborn") return lives(session).map((frame) => ({ kind: "message", how: "as it is", frame }))
  if (chance.happens(0.01)) {
    return Array.from({ length: 300 }, () => ({ kind: "question of many", how: "as it is", frame: question }))
  }
  const mutants = Array.from(
    { length: 1 + chance.below(16) },
    () => Mutation.mutate(chance, cast, Samples.frame(chance, cast), Samples.frame(chance, cast))
  )
  // Of half of them nothing malformed, which would end the connection before the rest has had its turn.
  return chance.happens(0.5) ? mutants : mutants.filter(({ frame }) => decode(frame)._tag !== "Malformed")
}

/** Shakes hands, and sends hostile frames. What is malformed has to end the connection, and nothing else may. */
const client = Effect.fnUntraced(function*(session: Session, attacker: Attacker) {
  const { chance, connection, siege, tally } = session
  const isIn = yield* Effect.orElseSucceed(
    enter(session, Handshake.encode(helloOf(session, "client"))),
    () => false
  )
  if (!isIn) return Tally.count(tally, attacker, "not let in")
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
    Tally.count(tally, `${attacker}: ${kind}`, decoded._tag)
    if (!(yield* Effect.isSuccess(connection.write([frame])))) break
    if (isMalformed) break
    // Else all arrive together.
    if (chance.happens(0.3)) yield* Effect.yieldNow
  }
  if (isMalformed) session.malformed.count++
  yield* Effect.ignore(connection.write([question]))
  const verdict = yield* awaitVerdict(session)
  Tally.count(tally, attacker, verdict)
  if (verdict === "waits") found(session, `the Node does not answer a ${attacker}`)
  if (isMalformed && verdict === "went on") {
    found(session, `a malformed frame of a ${attacker} did not end its connection`)
  }
  if (!isMalformed && verdict === "closed") {
    found(session, `a ${attacker} was sent away, and had sent nothing malformed`)
  }
})

/** Shakes hands as a Node, says that it is ready, and lies; it answers questions so that it stays in the tables. */
const member = Effect.fnUntraced(function*(session: Session) {
  const { cast, chance, connection, tally } = session
  const isIn = yield* Effect.orElseSucceed(
    enter(session, Handshake.encode(helloOf(session, "member"))),
    () => false
  )
  if (!isIn) return Tally.count(tally, "member", "not let in")
  const answers = chance.happens(0.7)
  const takes = chance.happens(0.5)
  const isTame = chance.happens(0.7)
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
    if (chance.happens(0.6)) yield* write(Frame.control({ _tag: "Joined", attempt: 1 }))
    for (let frames = 1 + chance.below(24); frames > 0; frames--) {
      const mutant = Mutation.mutate(chance, cast, Samples.frame(chance, cast), Samples.frame(chance, cast))
      const { _tag } = decode(mutant.frame)
      Tally.count(tally, `member: ${mutant.kind}`, _tag)
      if (isTame && _tag === "Malformed") continue
      yield* write(mutant.frame)
      if (chance.happens(0.2)) yield* Effect.sleep(chance.below(40))
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

/** Who speaks. A client's address is one that nobody dials. */
const speakerOf = (
  chance: Chance.Chance,
  attacker: Attacker,
  seed: NodeId.NodeId,
  nodes: ReadonlyArray<Node.Node>
): Node.Node => {
  const host = attacker === "member" ? "10.0.0.66" : "client"
  return new Node.Node({
    id: attacker === "impostor"
      ? chance.pick(nodes).id
      : attacker === "member"
      ? Samples.randomId(chance)
      : Handshake.clientId(seed),
    localHost: host,
    globalHost: host,
    port: 1 + chance.below(65_535),
    region: "",
    incarnation: attacker === "impostor" && chance.happens(0.7) ? nodes[0]!.incarnation : Samples.count(chance)
  })
}

const attack = (
  siege: Siege,
  attacker: Attacker,
  text: string,
  number: number,
  tally: Tally.Tally,
  malformed: { count: number }
) =>
  Effect.scoped(Effect.gen(function*() {
    const chance = Chance.make(`${text}/${number}`)
    const receiver = chance.pick(siege.nodes)
    const seed = Samples.randomId(chance)
    const stranded = speakerOf(chance, attacker, seed, siege.nodes)
    const life = siege.nodes.find(({ id }) => NodeId.equals(id, stranded.id))
    // Each Node of a cluster started at a time of its own.
    const speaker = life !== undefined && stranded.incarnation === siege.nodes[0]!.incarnation
      ? new Node.Node({ ...stranded, incarnation: life.incarnation })
      : stranded
    const dialled = yield* Effect.exit(
      siege.transport.dial({ host: "127.0.0.1", port: receiver.port }, {
        maxFrameSize: 64 * 1024 * 1024,
        timeout: "1 second"
      })
    )
    if (Exit.isFailure(dialled)) return Tally.find(tally, [number], `${receiver.hex} does not listen any more`)
    const connection = dialled.value
    const session: Session = {
      number,
      chance,
      siege,
      tally,
      cast: { nodes: siege.nodes, receiver, speaker },
      seed,
      connection,
      next: makeNext(connection),
      malformed
    }
    switch (attacker) {
      case "stranger":
        return yield* stranger(session)
      case "client":
      case "reborn":
      case "impostor":
        return yield* client(session, attacker)
      case "member":
        return yield* member(session)
    }
  }))

// -----------------------------------------------------------------------------
// rounds
// -----------------------------------------------------------------------------

/** A message of the cluster itself, sent by a Node while it is under siege. */
const send = Effect.fnUntraced(function*(siege: Siege, sender: Member, word: string) {
  const value = new TextEncoder().encode(word)
  const key = NodeId.fromString(word)
  const name = nameOf(key, Samples.purpose, value)
  const began = yield* Clock.currentTimeMillis
  const exit = yield* Effect.exit(sender.cluster.sendConfirmed({ key, purpose: Samples.purpose, value }))
  const took = (yield* Clock.currentTimeMillis) - began
  return { word, name, isConfirmed: Exit.isSuccess(exit), took }
})

/** What must not have happened at a Node, by its events. */
const wrongEvents = (siege: Siege, { cluster, events }: Member): ReadonlyArray<string> => {
  const isReal = (node: Node.Node) => siege.nodes.some((real) => Node.isSameLife(real, node))
  return events.flatMap((event) => {
    const at = `at ${cluster.node.hex.slice(0, 4)}`
    switch (event._tag) {
      case "NotReady":
      case "Left":
        return [`${event._tag} ${at}`]
      case "NodeJoined":
        return isReal(event.node) ? [] : [`an unknown Node joined ${at}`]
      case "NodeExited":
        return isReal(event.node) ? [`a Node exited (${event.reason}) ${at}`] : []
      case "Error":
        return event.error === "Refused" || event.error === "Malformed"
          ? []
          : [`${event.error} ${at}: ${event.message}`]
      default:
        return []
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
  siege: Siege,
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
    const isQuiet = Effect.map(statistics, (all) =>
      all.every(({ connections, custody, delivering, unresolved }) =>
        custody === 0 && delivering === 0 && unresolved === 0 && connections <= connectionsAtRest
      ))
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
      { concurrency: attacker === "member" ? together / 2 : together, discard: true }
    )
    const slow = attacker === "stranger" ? 0 : slowMessages
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
      if (took > config.confirmDeadline + patience / 2) {
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
        event._tag === "Error" && (event.error === "Defect" || event.error === "CallbackFailed") ? [event.message] : []
      )
      for (const message of defects) Tally.find(tally, numbers, `a defect at ${member.cluster.node.hex}: ${message}`)
      member.events.length = 0
    }
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
