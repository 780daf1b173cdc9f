/**
 * A link: a connection whose two ends have proved to each other who they are.
 *
 * It carries decoded frames in, and lanes of frames out (`Lanes`): control goes ahead of
 * data, and passes between the parts of what is large. What the lanes hold goes out as one batch, so that a busy link
 * costs one write for many frames and an idle one does not wait. Rules H1 to H4, and H9 to H11 of `docs/protocol.md`.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { Address } from "../protocol/Address.ts"
import * as Authorization from "../protocol/Authorization.ts"
import * as Certificates from "../protocol/Certificates.ts"
import { defaults } from "../protocol/ClusterConfig.ts"
import * as Frame from "../protocol/Frame.ts"
import * as Handshake from "../protocol/Handshake.ts"
import * as LinkFrame from "../protocol/LinkFrame.ts"
import type * as Node from "../ring/Node.ts"
import type * as NodeId from "../ring/NodeId.ts"
import * as Assembly from "./Assembly.ts"
import * as Lanes from "./Lanes.ts"
import * as Security from "./Security.ts"
import { type Connection, WendyConnectionError, type WendyDialError } from "./Transport.ts"

/**
 * What one end says of itself in every handshake.
 *
 * @category models
 * @since 0.1.0
 */
export interface Identity {
  readonly cluster: string
  readonly role: "member" | "client"
  readonly node: Node.Node
  /** Of a client: what its id follows from. */
  readonly seed: NodeId.NodeId
  /** How long a lease lasts, in milliseconds. */
  readonly lease: number
  /** Fresh randomness for each handshake. */
  readonly nonce: Effect.Effect<NodeId.NodeId>
  /** May become another meanwhile: a handshake goes on with the one that it began with. */
  readonly security: Security.Security
  /** Who of those that have proved who they are may come in. */
  readonly authorization: Authorization.Authorization
  /** Largest frame that is accepted in parts, in bytes. Default: that of a Node with the default settings. */
  readonly maxFrameSize?: number | undefined
}

/**
 * The other end of a link.
 *
 * @category models
 * @since 0.1.0
 */
export interface Peer {
  readonly role: "member" | "client"
  readonly node: Node.Node
  /** The common name of its certificate; `undefined` without certificates. */
  readonly name: string | undefined
  /** The version of the protocol that both ends speak. */
  readonly version: number
}

/**
 * A link.
 *
 * @category models
 * @since 0.1.0
 */
export interface Link {
  readonly peer: Peer
  /** The other end as the network shows it. */
  readonly remote: Address
  /** This end opened it. */
  readonly isDialled: boolean
  /** How long the first answer of the handshake took, in milliseconds. */
  readonly roundTrip: number
  /** Puts a frame on the control lane. */
  readonly sendControl: (frame: Uint8Array) => void
  /** Puts a frame on the data lane. The link's window bounds how many there are. */
  readonly sendData: (frame: Uint8Array) => void
  /** Puts a frame on a lane, and leaves it there until `flush` is called: for who sends many. */
  readonly queueControl: (frame: Uint8Array) => void
  readonly queueData: (frame: Uint8Array) => void
  /** Puts a frame on the lane of sessions, and leaves it there until `flush` is called. The windows of sessions bound how many there are. */
  readonly queueSession: (frame: Uint8Array) => void
  /** Writes what is in the lanes, where others would have written it on the next turn. */
  readonly flush: () => void
  /** Says goodbye and ends the link after what is in its lanes has been written. */
  readonly close: () => void
  /** Carries frames until the link ends; `onFrames` gets all that arrived together. A malformed frame ends it. */
  readonly run: (
    onFrames: (frames: ReadonlyArray<Frame.Frame>) => Effect.Effect<void>,
    watch?: Watch
  ) => Effect.Effect<never, WendyConnectionError | Malformed>
}

/**
 * What is told of bulk data while a link runs.
 *
 * @category models
 * @since 0.1.0
 */
export interface Watch {
  /** Data arrives from the other end, if only a part of a frame: its process lives. */
  readonly arriving: () => void
  /** The other end has so many whole frames of the data lane, since the link began and modulo 2^32, and lives. */
  readonly progressed: (frames: number) => void
  /** None of the data that is on its way has arrived for so long, in milliseconds, although the other end is heard. Once each time. */
  readonly stalled: (milliseconds: number) => void
}

/**
 * The other end sent what no well-behaved program sends.
 *
 * @category errors
 * @since 0.1.0
 */
export interface Malformed {
  readonly _tag: "Malformed"
  readonly message: string
}

/**
 * Whether two ends do not belong together, so that it is no use to try again as it is.
 *
 * @category checks
 * @since 0.1.0
 */
export const isRefusal = (error: WendyDialError | WendyConnectionError | Handshake.Refused): boolean =>
  error._tag === "Refused" ? error.reason !== "self" && error.reason !== "full" : error.reason._tag === "Insecure"

/** What a link can do while it runs. */
interface Running {
  /** The time, in milliseconds. */
  readonly now: () => number
  /** On the next turn, so that what is put in during this one goes out together. */
  readonly later: (task: () => void) => void
  readonly fork: (effect: Effect.Effect<void, WendyConnectionError | Malformed>) => void
  readonly end: (error: WendyConnectionError) => void
}

/**
 * What may wait in a lane, in frames, and of control in bytes (windows bound the data):
 * a peer that reads nothing for so long is no peer, and its link ends.
 */
const maxWaiting = 65_536
const maxControlBytes = 64 * 1024 * 1024

/** Lanes of the other end, each of which may have a frame in parts: some more than there are today. */
const maxLanes = 4

/** How often a link that waits for its data to arrive looks how that goes, in milliseconds. */
const lookEvery = 1_000

/** How long none of it arrives until that is told. */
const stallPatience = 3_000

/** How long a peer that does not read may hold up the end of a link that was closed here, in milliseconds. */
const closePatience = 5_000

const makeHello = (identity: Identity, security: Security.Security, nonce: NodeId.NodeId): Handshake.Hello => ({
  _tag: "Hello",
  lowestVersion: Handshake.versions.lowest,
  highestVersion: Handshake.versions.highest,
  cluster: identity.cluster,
  role: identity.role,
  node: identity.node,
  seed: identity.seed,
  credentials: security.kind,
  lease: identity.lease,
  nonce
})

/** Refuses. Here more may be said of the reason than the other end is told. */
const refuse = (connection: Connection, reason: Handshake.RefusalReason, message = Handshake.explain(reason)) =>
  Effect.ignore(connection.write([Handshake.encode({ _tag: "Refusal", reason })])).pipe(
    Effect.andThen(Effect.fail(new Handshake.Refused({ reason, by: "self", message })))
  )

/** Tells the other end, too, why it goes no further. */
const orRefuse = <A>(connection: Connection, step: Effect.Effect<A, Security.Refusal>) =>
  Effect.catch(step, ({ message, reason }) => refuse(connection, reason, message))

/** Whether the two ends fit, as far as their Hellos say. */
const compare = (
  connection: Connection,
  { needsChannel }: Security.Security,
  mine: Handshake.Hello,
  theirs: Handshake.Hello
) => {
  const mismatch = needsChannel && connection.channel === undefined ? "clear" : Handshake.mismatch(mine, theirs)
  return mismatch === undefined ? Effect.void : refuse(connection, mismatch)
}

const peerOf = ({ channel }: Connection, mine: Handshake.Hello, theirs: Handshake.Hello): Peer => ({
  role: theirs.role,
  node: theirs.node,
  name: channel?.certificate === undefined ? undefined : Certificates.read(channel.certificate.raw)?.name,
  version: Handshake.commonVersion(mine, theirs)
})

/**
 * The other end, as an `Authorization` is told of it.
 *
 * @category conversions
 * @since 0.1.0
 */
export const endOf = ({ name, node, role }: Peer): Authorization.End => ({
  role,
  name,
  id: node.hex,
  region: node.region
})

const since = (nanos: bigint): Effect.Effect<number> =>
  Effect.map(Clock.monotonicTimeNanos, (now) => Number(now - nanos) / 1_000_000)

/** Reads the frames of the handshake one by one; what came with the last of them belongs to the link. */
const makeReader = (connection: Connection) => {
  let ahead: Array<Uint8Array> = []
  const next = Effect.fnUntraced(function*() {
    if (ahead.length === 0) ahead = [...(yield* connection.read)]
    return ahead.shift()!
  })
  return { next, rest: () => ahead }
}

/** Waits for one kind of handshake frame; a refusal by the other end, and nonsense, are typed failures. */
const expect = Effect.fnUntraced(function*<Tag extends "Hello" | "Proof" | "Accepted">(
  connection: Connection,
  reader: ReturnType<typeof makeReader>,
  tag: Tag
) {
  const frame = yield* reader.next()
  const message = Handshake.decode(frame)
  if (message?._tag === "Refusal") {
    const { reason } = message
    return yield* new Handshake.Refused({ reason, by: "peer", message: Handshake.explain(reason) })
  }
  if (message?._tag !== tag) return yield* refuse(connection, "malformed")
  return { frame, message: message as Extract<Handshake.Message, { readonly _tag: Tag }> }
})

/**
 * Makes a link of a connection that this end dialled.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = Effect.fnUntraced(function*(connection: Connection, identity: Identity) {
  const { security } = identity
  const reader = makeReader(connection)
  const mine = makeHello(identity, security, yield* identity.nonce)
  const sent = Handshake.encode(mine)
  const sentAt = yield* Clock.monotonicTimeNanos
  yield* connection.write([sent])
  const theirs = yield* expect(connection, reader, "Hello")
  const roundTrip = yield* since(sentAt)
  yield* compare(connection, security, mine, theirs.message)
  const meeting = { connection, dialler: sent, acceptor: theirs.frame, peer: theirs.message }
  for (const round of security.rounds) {
    const keys = Security.keysOf(round, "dialler")
    const bytes = yield* orRefuse(connection, Security.show(round, "dialler", meeting, keys))
    yield* connection.write([Handshake.encode({ _tag: "Proof", bytes })])
    const proof = yield* expect(connection, reader, "Proof")
    yield* orRefuse(connection, Security.check(round, "acceptor", meeting, proof.message.bytes, keys))
  }
  const peer = peerOf(connection, mine, theirs.message)
  if (!Authorization.admits(identity.authorization, endOf(peer))) return yield* refuse(connection, "unauthorized")
  if (security.needsAcceptance) yield* connection.write([Handshake.encode({ _tag: "Accepted" })])
  return make(connection, identity, { peer, remote: connection.remote, isDialled: true, roundTrip }, reader.rest())
})

/**
 * Makes a link of a connection that this end accepted.
 *
 * @category constructors
 * @since 0.1.0
 */
export const accept = Effect.fnUntraced(function*(
  connection: Connection,
  identity: Identity,
  /** Why one that has proved itself is refused all the same, if it is. */
  objection: (peer: Peer) => Handshake.RefusalReason | undefined = () => undefined
) {
  const { security } = identity
  const reader = makeReader(connection)
  const theirs = yield* expect(connection, reader, "Hello")
  const mine = makeHello(identity, security, yield* identity.nonce)
  yield* compare(connection, security, mine, theirs.message)
  const sent = Handshake.encode(mine)
  const meeting = { connection, dialler: theirs.frame, acceptor: sent, peer: theirs.message }
  const peer = peerOf(connection, mine, theirs.message)
  const sentAt = yield* Clock.monotonicTimeNanos
  yield* connection.write([sent])
  let roundTrip: number | undefined
  for (const [index, round] of security.rounds.entries()) {
    const { message } = yield* expect(connection, reader, "Proof")
    roundTrip ??= yield* since(sentAt)
    const all = Security.keysOf(round, "acceptor")
    const keys = yield* orRefuse(connection, Security.check(round, "dialler", meeting, message.bytes, all))
    if (index === security.rounds.length - 1) {
      if (!Authorization.admits(identity.authorization, endOf(peer))) return yield* refuse(connection, "unauthorized")
      const reason = objection(peer)
      if (reason !== undefined) return yield* refuse(connection, reason)
      // Before the other end hears that it is let in, and sends whatever it likes.
      connection.admit()
    }
    const bytes = yield* orRefuse(connection, Security.show(round, "acceptor", meeting, keys))
    yield* connection.write([Handshake.encode({ _tag: "Proof", bytes })])
  }
  // This end's own credentials may be refused yet, and a link is open to whatever the peer asks.
  if (security.needsAcceptance) yield* expect(connection, reader, "Accepted")
  return make(
    connection,
    identity,
    { peer, remote: connection.remote, isDialled: false, roundTrip: roundTrip! },
    reader.rest()
  )
})

/**
 * The largest frame that ends accept from each other, in bytes, where values have at most so many.
 *
 * @category getters
 * @since 0.1.0
 */
export const maxFrameSizeFor = (maxValueSize: number): number => maxValueSize + 8192

/** The lowest version that knows parts, marks and progress. */
const markedVersion = 2

const make = (
  connection: Connection,
  { maxFrameSize = maxFrameSizeFor(defaults.maxValueSize) }: Identity,
  known: Pick<Link, "peer" | "isDialled" | "remote" | "roundTrip">,
  ahead: ReadonlyArray<Uint8Array>
): Link => {
  const isMarked = known.peer.version >= markedVersion
  const lanes = Lanes.make(isMarked ? known.roundTrip : undefined)
  /** By lane, as the other end numbers them. */
  const assemblies = new Map<number, Assembly.Assembly>()
  let isClosing = false
  let isOverfull = false
  /** While the link runs: starts a fiber whose failure ends it, on the next turn; ends it. */
  let running: Running | undefined
  let isWriting = false
  /** A turn is awaited in which what there is will be written. */
  let isAwaited = false
  /** What the connection could not take at once. */
  let left: ReadonlyArray<Uint8Array> | undefined
  let watch: Watch | undefined
  /** A fiber looks how the data that is on its way arrives. */
  let isWatching = false
  /** The last mark of what has arrived together. */
  let toAnswer: number | undefined
  /** Something has arrived since it last looked. */
  let isHeard = false

  const hasRoom = (): boolean => {
    if (isClosing) return false
    if (isOverfull) giveUp()
    return !isOverfull
  }

  const queueControl = (frame: Uint8Array): void => {
    isOverfull ||= lanes.control.length >= maxWaiting || lanes.controlBytes + frame.length > maxControlBytes
    if (hasRoom()) Lanes.putControl(lanes, frame)
  }

  const queueOn = (lane: number) => (frame: Uint8Array): void => {
    isOverfull ||= Lanes.waiting(lanes, lane) >= maxWaiting
    if (hasRoom()) Lanes.put(lanes, lane, frame)
  }

  const queueData = queueOn(Lanes.data)

  const closedHere = () => new WendyConnectionError({ reason: { _tag: "Closed", message: "the link was closed here" } })

  const giveUp = () =>
    running?.end(
      isOverfull
        ? new WendyConnectionError({
          reason: { _tag: "Reset", message: "too much waits for a peer that does not read: the link is given up" }
        })
        : closedHere()
    )

  const nextBatch = (): ReadonlyArray<Uint8Array> => {
    const batch = left ?? Lanes.take(lanes, running!.now())
    left = undefined
    return batch
  }

  const hasNext = () => left !== undefined || Lanes.hasNext(lanes)

  /** Everything has been written that is to be written before the end. */
  const isDone = () => isClosing && left === undefined && Lanes.isEmpty(lanes)

  const write = Effect.gen(function*() {
    while (hasNext()) yield* connection.write(nextBatch())
    isWriting = false
    if (isDone()) return yield* closedHere()
    startWatching()
  })

  /** Whether the connection has taken all at once. */
  const writeNow = (): boolean => {
    if (connection.writeNow === undefined) return false
    while (hasNext()) {
      const batch = nextBatch()
      if (connection.writeNow(batch)) continue
      left = batch
      return false
    }
    return true
  }

  /** Mostly a connection takes all at once: a fiber writes only while it has to wait for room. */
  const flush = (): void => {
    if (running === undefined || isWriting) return
    if (!writeNow()) {
      isWriting = true
      return running.fork(write)
    }
    if (isDone()) running.end(closedHere())
    else startWatching()
  }

  const startWriting = (): void => {
    if (running === undefined || isWriting || isAwaited) return
    isAwaited = true
    running.later(() => {
      isAwaited = false
      flush()
    })
  }

  /** The writer may hang in a write to a peer that does not read: the end of the link must not depend on it. */
  const startClosing = () => {
    startWriting()
    running?.fork(Effect.andThen(Effect.sleep(closePatience), Effect.sync(giveUp)))
  }

  const startWatching = (): void => {
    if (isWatching || !Lanes.isMarked(lanes)) return
    isWatching = true
    running?.fork(watchData)
  }

  const watchData = Effect.gen(function*() {
    let isTold = false
    while (Lanes.isMarked(lanes)) {
      isHeard = false
      yield* Effect.sleep(lookEvery)
      const now = running!.now()
      const stalledFor = Lanes.stalledFor(lanes, now)
      if (stalledFor < stallPatience) {
        isTold = false
      } else if (isHeard && !isTold) {
        isTold = true
        watch?.stalled(stalledFor)
      }
      // A connection that takes nothing has lost nothing.
      if (!isWriting) Lanes.remind(lanes, now)
      if (Lanes.hasNext(lanes)) startWriting()
    }
    isWatching = false
  })

  /** What a frame that came is to those beyond the link: nothing when it is one of the link itself. */
  const onLinkFrame = (frame: LinkFrame.LinkFrame): Frame.Frame | undefined => {
    switch (frame._tag) {
      case "Malformed":
        return frame
      case "Mark": {
        toAnswer = frame.count
        watch?.arriving()
        return
      }
      case "Progress": {
        const frames = Lanes.progressed(lanes, running!.now(), frame.count)
        if (frames === undefined) return
        watch?.progressed(frames)
        if (Lanes.hasNext(lanes)) startWriting()
        return
      }
      case "Part": {
        watch?.arriving()
        return onPart(frame)
      }
    }
  }

  const onPart = (part: LinkFrame.Part): Frame.Frame | undefined => {
    if (part.lane >= maxLanes) return { _tag: "Malformed", message: `a part of an unknown lane ${part.lane}` }
    let assembly = assemblies.get(part.lane)
    if (assembly === undefined) assemblies.set(part.lane, assembly = Assembly.make())
    const whole = Assembly.add(assembly, part, maxFrameSize)
    if (whole === undefined) return
    return whole === "tooLarge"
      ? {
        _tag: "Malformed",
        message: `a part of a frame of ${part.total} bytes, the limit is ${maxFrameSize}; raise maxValueSize here or ` +
          "send smaller values there"
      }
      : Frame.decode(whole)
  }

  const decode = (raw: ReadonlyArray<Uint8Array>): ReadonlyArray<Frame.Frame> => {
    isHeard = true
    if (!isMarked || !raw.some(LinkFrame.isLinkFrame)) return raw.map(Frame.decode)
    const frames: Array<Frame.Frame> = []
    toAnswer = undefined
    for (const bytes of raw) {
      const own = LinkFrame.decode(bytes)
      const frame = own === undefined ? Frame.decode(bytes) : onLinkFrame(own)
      if (frame !== undefined) frames.push(frame)
      if (frame?._tag === "Malformed") break
    }
    // What has come up to the last mark has come up to those before it.
    if (toAnswer !== undefined) {
      queueControl(LinkFrame.progress(toAnswer))
      startWriting()
    }
    return frames
  }

  const readLoop = Effect.fnUntraced(function*(
    onFrames: (frames: ReadonlyArray<Frame.Frame>) => Effect.Effect<void>
  ) {
    let raw: ReadonlyArray<Uint8Array> = ahead
    while (true) {
      if (raw.length > 0) {
        const frames = decode(raw)
        const bad = frames.findIndex((frame) => frame._tag === "Malformed")
        if (bad > 0) yield* onFrames(frames.slice(0, bad))
        if (bad >= 0) return yield* Effect.fail(frames[bad] as Malformed)
        if (frames.length > 0) yield* onFrames(frames)
      }
      raw = yield* connection.read
    }
  })

  return {
    ...known,
    sendControl: (frame) => {
      queueControl(frame)
      startWriting()
    },
    sendData: (frame) => {
      queueData(frame)
      startWriting()
    },
    queueControl,
    queueData,
    queueSession: queueOn(Lanes.sessions),
    flush,
    close: () => {
      if (isClosing) return
      queueData(Frame.bye())
      isClosing = true
      startClosing()
    },
    run: (onFrames, watching) =>
      Effect.withFiber((fiber) => {
        const fibers = new Set<Fiber.Fiber<unknown, unknown>>()
        const runFork = Effect.runForkWith(fiber.context)
        const clock = fiber.getRef(Clock.Clock)
        watch = watching
        const carry = Effect.callback<never, WendyConnectionError | Malformed>((resume) => {
          const fork = (effect: Effect.Effect<void, WendyConnectionError | Malformed>) => {
            if (running === undefined) return
            const fiber = runFork(effect)
            fibers.add(fiber)
            fiber.addObserver((exit) => {
              fibers.delete(fiber)
              if (Exit.isFailure(exit)) resume(Effect.failCause(exit.cause))
            })
          }
          running = {
            now: () => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000,
            later: (task) => fiber.currentDispatcher.scheduleTask(task, 0),
            fork,
            end: (error) => resume(Effect.fail(error))
          }
          fork(readLoop(onFrames))
          if (isClosing) startClosing()
          else if (isOverfull) giveUp()
          else if (hasNext()) startWriting()
        })
        return Effect.ensuring(
          carry,
          Effect.suspend(() => {
            running = undefined
            return Fiber.interruptAll(fibers)
          })
        )
      })
  }
}
