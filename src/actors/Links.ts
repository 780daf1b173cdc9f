/**
 * Links: all connections of a Node, accepted and dialled, one to use for each peer.
 *
 * Opened on demand, closed when idle: which of them to use, and which to close, `core/LinkTable` says, whom to dial
 * and when `core/Dials`. Rules H5, H7 of `docs/protocol.md`.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { DialRateLimiter, dialsAtOnce, dialsPerSecond } from "../core/DialRateLimiter.ts"
import * as Dials from "../core/Dials.ts"
import * as Handover from "../core/Handover.ts"
import * as LinkTable from "../core/LinkTable.ts"
import * as Liveness from "../core/Liveness.ts"
import * as Routing from "../core/Routing.ts"
import type { Window } from "../core/Sessions.ts"
import { type Address, isSameHost } from "../protocol/Address.ts"
import * as Authorization from "../protocol/Authorization.ts"
import { type ControlMessage, type DeliveredId, maxDelivered } from "../protocol/ControlMessage.ts"
import * as Envelope from "../protocol/Envelope.ts"
import * as Frame from "../protocol/Frame.ts"
import type * as Handshake from "../protocol/Handshake.ts"
import type { ReachAnswer } from "../protocol/Query.ts"
import type { Session, WendySessionError } from "../protocol/Session.ts"
import * as Node from "../ring/Node.ts"
import * as NodeId from "../ring/NodeId.ts"
import * as Link from "../transport/Link.ts"
import { PendingHandshakes } from "../transport/PendingHandshakes.ts"
import { type Connection, Transport, WendyConnectionError, type WendyDialError } from "../transport/Transport.ts"
import * as Inspection from "./Inspection.ts"
import { sessionFailure } from "./LinkSessions.ts"
import { LogRateLimiter } from "./LogRateLimiter.ts"
import { Mailboxes } from "./Mailboxes.ts"
import { NodeState } from "./NodeState.ts"
import { addressFor, Reach } from "./Reach.ts"
import { Sessions } from "./Sessions.ts"
import { Upcalls } from "./Upcalls.ts"

/**
 * Why no link came about.
 *
 * @category errors
 * @since 0.1.0
 */
export type ConnectError = WendyDialError | Handshake.Refused | WendyConnectionError

/**
 * All connections of a Node.
 *
 * @category services
 * @since 0.1.0
 */
export class Links extends Context.Service<Links, {
  /** Sends a control message, over a new connection if there is none. What cannot be sent is lost; the protocol asks again. */
  readonly sendControl: (to: Node.Node, message: ControlMessage) => void
  /** Sends what was delivered here to a Node that takes over, ahead of any later control message to it. */
  readonly sendDelivered: (to: Node.Node, ids: ReadonlyArray<DeliveredId>) => void
  /** Puts a frame on a link; it is written with others when `flush` is called. */
  readonly transmit: (link: number, frame: Uint8Array) => void
  readonly flush: () => void
  /** Whether what a link has brought may enter the cluster here: a client may be kept to some purposes. */
  readonly mayEnter: (link: number, purpose: number) => boolean
  /** The link to use for a member, if one is open. */
  readonly linkTo: (id: NodeId.NodeId) => number | undefined
  /** Opens a link to a Node; the outcome goes to the mailboxes. */
  readonly dial: (node: Node.Node) => void
  /** Opens a link to whoever listens at an address. */
  readonly connect: (address: Address) => Effect.Effect<Connected, ConnectError>
  /** Whether a link is open. */
  readonly isOpen: (link: number) => boolean
  /** Whether a link to this life is open. */
  readonly isLinked: (node: Node.Node) => boolean
  /** Begins a session with this life of a Node, over a new connection if there is none; it ends with the scope. */
  readonly openSession: (
    node: Node.Node,
    name: string,
    window: Window
  ) => Effect.Effect<Session, WendySessionError, Scope.Scope>
  /** Asks the other end of a link whether it can reach this Node where that says that it lives; `None` without an answer. */
  readonly reach: (link: number) => Effect.Effect<Option.Option<typeof ReachAnswer.Type>>
  /** Carries an accepted connection until it ends. */
  readonly serve: (connection: Connection) => Effect.Effect<void>
  /** Ends the links to a life that has failed. */
  readonly abandon: (node: Node.Node) => void
  /** Nearer Nodes have taken the places of this one in all tables: links to it are closed sooner when they are idle. */
  readonly displaced: (node: Node.Node) => void
  /** Closes the links that have been idle for too long. */
  readonly closeIdle: () => void
  /** Open links, to members and clients. */
  readonly count: () => number
  /** Says goodbye on every link. */
  readonly closeAll: () => void
}>()("effect-wendy/actors/Links") {
  static readonly layer: Layer.Layer<Links, never, Mailboxes | NodeState | Upcalls | Transport> = Layer.effect(
    Links,
    Effect.suspend(() => make)
  )
}

/**
 * A link that this Node has opened.
 *
 * @category models
 * @since 0.1.0
 */
export interface Connected {
  readonly id: number
  readonly peer: Link.Peer
  /** The other end as the network shows it. */
  readonly remote: Address
}

interface Entry extends LinkTable.Entry {
  readonly link: Link.Link
  /** When membership and the Router last heard that bulk data makes progress on it. */
  heardAt: number
  progressedAt: number
  fiber: Fiber.Fiber<unknown, unknown> | undefined
}

type Dial = Dials.Dial<Uint8Array>

/** Frames that are not for the Router, or not from everybody. */
const isApart = ({ _tag }: Frame.Frame): boolean =>
  _tag === "Control" || _tag === "Bye" || _tag === "Query" || _tag === "Answer" || _tag === "Delivered" ||
  _tag === "Session"

/** After which part of the shortest time that depends on it word of progress is passed on again. */
const toldPart = 1 / 4

/** Answers to data do not wait behind data, but large replies, in bytes, are data themselves. */
const largestAnswer = 1024
const queue = (link: Link.Link, frame: Uint8Array): void => {
  if (frame[0] === Envelope.kind || frame.length > largestAnswer) link.queueData(frame)
  else link.queueControl(frame)
}

/** Refused and malformed connections that are told of in a second. */
const maxReports = 20

/** Most accepted connections that have proved nothing yet; at most a quarter of all. */
const maxStrangers = 256

/** Links to one member or client: two after a simultaneous dial, and some that are ending. */
const maxOfOne = 8

/** The part of all accepted connections that clients may have. */
const clientShare = 3 / 4

const make = Effect.gen(function*() {
  const mailboxes = yield* Mailboxes
  const state = yield* NodeState
  const transport = yield* Transport
  const upcalls = yield* Upcalls
  const { config, identity, self } = state
  const fibers = yield* FiberSet.make<unknown, unknown>()
  const fork = yield* FiberSet.runtime(fibers)<never>()
  const later = yield* Effect.withFiber<(task: () => void) => void>((fiber) =>
    Effect.succeed((task) => fiber.currentDispatcher.scheduleTask(task, 0))
  )

  /** Accepted connections that have proved nothing yet. */
  const maxWaiting = Math.min(maxStrangers, Math.ceil(config.maxConnections / 4))
  const pendingHandshakes = new PendingHandshakes(maxWaiting)
  const throttle = new LogRateLimiter(maxReports, 1_000)
  const dialLimiter = new DialRateLimiter(dialsAtOnce, dialsPerSecond)
  const sessions = new Sessions({
    now: state.now,
    later,
    fork,
    maxSize: config.maxValueSize,
    accepting: upcalls.accepting
  })
  const table = LinkTable.make<Entry>()
  const { entries } = table
  const dials = Dials.make<Uint8Array>()
  /** Who waits for a link to a life. */
  const awaiting = new Map<string, Array<(link: Effect.Effect<Entry, WendySessionError>) => void>>()
  /** Links with frames that have not been written. */
  const unwritten = new Set<Link.Link>()
  let lastUnwritten: Entry | undefined
  let lastId = 0
  const options = {
    certificate: () => identity.security.certificate,
    maxFrameSize: Link.maxFrameSizeFor(config.maxValueSize)
  }

  const open = (link: Link.Link): Entry => {
    const { node, role } = link.peer
    const entry: Entry = {
      id: ++lastId,
      link,
      node,
      isMember: role === "member",
      isPreferred: LinkTable.isPreferred(self, node, link.isDialled),
      usedAt: state.now(),
      isUsed: false,
      heardAt: Number.NEGATIVE_INFINITY,
      progressedAt: Number.NEGATIVE_INFINITY,
      isDisplaced: false,
      saidBye: false,
      isEnding: false,
      fiber: undefined
    }
    const isBetter = LinkTable.open(table, entry)
    mailboxes.router.offer({
      _tag: "LinkUp",
      link: entry.id,
      peer: link.peer,
      isPreferred: isBetter,
      roundTrip: link.roundTrip
    })
    return entry
  }

  const close = (entry: Entry): void => {
    const isBroken = LinkTable.close(table, entry)
    sessions.down(entry.id)
    mailboxes.router.offer({ _tag: "LinkDown", link: entry.id })
    if (isBroken) mailboxes.stateTables.offer({ _tag: "Broken", node: entry.node })
  }

  const mayBring = ({ isMember, node }: Entry): boolean => isMember && Handover.mayBring(state.membership, node)

  /** Splits what arrived together into control, for StateTables, and data, for the Router. */
  const onFrames = (entry: Entry) => {
    const apart = sort(entry)
    return (frames: ReadonlyArray<Frame.Frame>): Effect.Effect<void> => {
      entry.isUsed = true
      return frames.some(isApart)
        ? apart(frames)
        : mailboxes.router.submitFromPeer({ _tag: "Frames", link: entry.id, frames })
    }
  }

  const sort = (entry: Entry) =>
    Effect.fnUntraced(function*(frames: ReadonlyArray<Frame.Frame>) {
      const rest: Array<Frame.Frame> = []
      for (const frame of frames) {
        if (frame._tag === "Bye") {
          entry.saidBye = true
        } else if (frame._tag === "Query") {
          const { query } = frame
          if (query._tag === "ReachQuery") fork(reach.answer(entry.link, query.sequence))
          else entry.link.sendControl(Frame.answer(Inspection.answer(state, query)))
          // An answer costs far more than its question: others have their turn, and an overfull link ends here.
          yield* Effect.yieldNow
        } else if (frame._tag === "Answer") {
          // Nodes ask no other questions: nobody waits for their answers.
          if (frame.answer._tag === "ReachAnswer") reach.answered(entry.link, frame.answer)
        } else if (frame._tag === "Session") {
          sessions.receive(entry.id, entry.link, [frame.frame])
        } else if (frame._tag === "Delivered") {
          if (mayBring(entry)) rest.push(frame)
        } else if (frame._tag !== "Control") {
          rest.push(frame)
        } else if (entry.isMember) {
          // What was delivered elsewhere must be known before the Node acts on the message that brings it.
          const brought = Handover.brought(frame.message)
          if (brought !== undefined && mayBring(entry)) rest.push(brought)
          if (rest.length > 0) {
            yield* mailboxes.router.submitFromPeer({ _tag: "Frames", link: entry.id, frames: rest.splice(0) })
          }
          yield* mailboxes.stateTables.submitFromPeer({ _tag: "Received", from: entry.node, message: frame.message })
        }
      }
      if (rest.length > 0) yield* mailboxes.router.submitFromPeer({ _tag: "Frames", link: entry.id, frames: rest })
    })

  /** Bulk data makes progress, in either direction: whoever is at the other end lives. Told now and then, for data is dense. Rule H11. */
  const onMoving = (entry: Entry, now: number): void => {
    entry.isUsed = true
    if (!entry.isMember || now < entry.heardAt + config.probe * toldPart) return
    entry.heardAt = now
    mailboxes.stateTables.offer({ _tag: "Heard", node: entry.node })
  }

  const onProgressed = (entry: Entry, frames: number): void => {
    const now = state.now()
    onMoving(entry, now)
    if (!entry.isMember || now < entry.progressedAt + config.shortestTimeout * toldPart) return
    entry.progressedAt = now
    mailboxes.router.offer({ _tag: "Progressed", link: entry.id, frames })
  }

  const onStalled = ({ node }: Entry, milliseconds: number): void =>
    report(
      "Stalled",
      `for ${Math.round(milliseconds / 1_000)} s no data has arrived at ${node.hex} (${
        addressOf(node)
      }), although it is ` +
        "heard: it may be overloaded, or large packets are lost on the way while small ones pass; if so, " +
        "lower the MTU of this host's interface, or let ICMP \"fragmentation needed\" through (path MTU discovery)"
    )

  /** Strangers can make a Node say this as often as they like: it says so much, and counts the rest. */
  const report = (error: "Refused" | "Malformed" | "Stalled", message: string): void => {
    const kept = throttle.pass(state.now())
    if (kept === undefined) return
    upcalls.event({ _tag: error, message: kept === 0 ? message : `${message} (${kept} more before it)` })
  }

  const onRefused = (error: Handshake.Refused, where: string): void => {
    state.counters.refused++
    if (error.reason === "self") return
    report("Refused", `${error.by === "self" ? "refused" : "was refused by"} ${where}: ${error.message}`)
  }

  const onMalformed = (message: string): void => {
    state.counters.malformed++
    report("Malformed", message)
  }

  const onBadFrame = (who: string, what: string): void => onMalformed(`${who} sent ${what}: the connection was closed`)

  /** A frame that is too large is nonsense; an end inside a frame is not, for a crash does that too. */
  const onConnectionError = (who: string) => (error: WendyConnectionError) =>
    Effect.sync(() => {
      if (error.reason._tag === "OtherProtocol") onMalformed(error.message)
      else if (error.reason._tag === "FrameTooLarge") onBadFrame(who, `a frame that is too large (${error.message})`)
    })

  /** Carries a link until it ends. */
  const carry = (entry: Entry) =>
    entry.link.run(onFrames(entry), {
      arriving: () => onMoving(entry, state.now()),
      progressed: (frames) => onProgressed(entry, frames),
      stalled: (milliseconds) => onStalled(entry, milliseconds)
    }).pipe(
      Effect.catchTag("Malformed", ({ message }) => Effect.sync(() => onBadFrame(entry.node.hex, message))),
      Effect.catchTag("WendyConnectionError", onConnectionError(entry.node.hex)),
      Effect.ignore,
      Effect.ensuring(Effect.sync(() => close(entry)))
    )

  const reset = (message: string) => new WendyConnectionError({ reason: { _tag: "Reset", message } })

  const handshake = (effect: Effect.Effect<Link.Link, Handshake.Refused | WendyConnectionError>) =>
    Effect.suspend(() => {
      const named = state.self
      return Effect.timeoutOrElse(effect, {
        duration: config.handshakeTimeout,
        orElse: () => Effect.fail(reset("the other end did not finish the handshake in time"))
      }).pipe(
        // Who became a later life meanwhile (J8) must not keep a link that names the earlier one.
        Effect.filterOrFail(
          () => named === state.self,
          () => reset("this Node became a later life during the handshake")
        )
      )
    })

  /** Members have room when clients have none any more: the ring must not break for them. */
  const hasRoom = ({ node, role }: Link.Peer): boolean => {
    let accepted = 0
    let same = 0
    for (const { isMember, link } of entries.values()) {
      if (!link.isDialled) accepted++
      if (isMember === (role === "member") && NodeId.equals(link.peer.node.id, node.id)) same++
    }
    const most = config.maxConnections - maxWaiting
    return same < maxOfOne && accepted < (role === "member" ? most : Math.ceil(most * clientShare))
  }

  /** Where the Nodes of an address block are counted, a member cannot say that it lives in another. Rule D9. */
  const isWhereItSays = ({ node, role }: Link.Peer, remote: Address): boolean =>
    config.nodesPerBlock === 0 || role === "client" || isSameHost(Node.hostFor(node, self.region), remote.host)

  /** Lets the other end prove that it belongs here; one that takes its time may have to go for others. */
  const welcome = (connection: Connection) =>
    Effect.withFiber<Link.Link, Handshake.Refused | WendyConnectionError>((fiber) => {
      const leave = pendingHandshakes.enter(connection.remote.host, () => {
        state.counters.refused++
        fiber.interruptUnsafe()
      })
      const objection = (peer: Link.Peer): Handshake.RefusalReason | undefined =>
        !hasRoom(peer) ? "full" : isWhereItSays(peer, connection.remote) ? undefined : "address"
      return Effect.ensuring(handshake(Link.accept(connection, identity, objection)), Effect.sync(leave))
    })

  const serve = (connection: Connection) =>
    welcome(connection).pipe(
      Effect.flatMap((link) =>
        Effect.withFiber<void>((fiber) => {
          const entry = open(link)
          entry.fiber = fiber
          return carry(entry)
        })
      ),
      Effect.catchTag("Refused", (error) => Effect.sync(() => onRefused(error, connection.remote.host))),
      Effect.catchTag("WendyConnectionError", onConnectionError(connection.remote.host)),
      Effect.ignore
    )

  /** Dials, shakes hands, reports the peer, and carries the link until it ends. */
  const establish = (address: Address, opened: (exit: Exit.Exit<Connected, ConnectError>) => void) =>
    Effect.scoped(
      transport.dial(address, { ...options, timeout: config.dialTimeout }).pipe(
        Effect.flatMap((connection) => handshake(Link.open(connection, identity))),
        Effect.onExit((exit) =>
          Effect.sync(() => {
            if (Exit.isFailure(exit)) opened(Exit.failCause(exit.cause))
          })
        ),
        Effect.flatMap((link) =>
          Effect.withFiber<void>((fiber) => {
            const entry = open(link)
            entry.fiber = fiber
            opened(Exit.succeed({ id: entry.id, peer: link.peer, remote: link.remote }))
            return carry(entry)
          })
        )
      )
    )

  const dial = (node: Node.Node): void => {
    const address = addressOf(node)
    if (Dials.find(dials, node, address) !== undefined) return
    const begun = Dials.begin(dials, node, address, () => dialLimiter.pass(address, state.now()))
    if (begun.when === "never") {
      state.counters.undialled++
      notLinked(node, "too much is dialled at its address already")
      mailboxes.router.offer({ _tag: "DialFailed", node })
    } else if (begun.when === "now") attempt(begun.dial, true)
  }

  /** The link to this life, once there is one. */
  const linkFor = (node: Node.Node) =>
    Effect.callback<Entry, WendySessionError>((resume) => {
      const entry = LinkTable.linkFor(table, node)
      if (entry !== undefined) return resume(Effect.succeed(entry))
      const others = awaiting.get(node.life)
      if (others === undefined) awaiting.set(node.life, [resume])
      else others.push(resume)
      dial(node)
    })

  const answer = (node: Node.Node, link: Effect.Effect<Entry, WendySessionError>): void => {
    const waiting = awaiting.get(node.life)
    awaiting.delete(node.life)
    waiting?.forEach((resume) => resume(link))
  }

  const notLinked = (node: Node.Node, why: string): void =>
    answer(
      node,
      Effect.fail(sessionFailure("Unreachable", `${node.hex} cannot be reached at ${addressOf(node)}: ${why}`))
    )

  const addressOf = (node: Node.Node): string => `${Node.hostFor(node, self.region)} ${node.port}`

  const attempt = (dial: Dial, isFirst: boolean): void => {
    const { address, node, queue } = dial
    fork(
      establish(addressFor(node, self.region), (exit) => {
        const error = Exit.isFailure(exit) ? Option.getOrUndefined(Exit.findErrorOption(exit)) : undefined
        // A connection that breaks in the handshake is what a process that is just dying shows: the next dial tells.
        if (isFirst && error !== undefined && hasBroken(error)) return attempt(dial, false)
        const next = Dials.end(dials, dial)
        if (next !== undefined) attempt(next, true)
        const entry = Exit.isSuccess(exit) ? LinkTable.linkFor(table, node) : undefined
        if (Exit.isSuccess(exit) && Node.isSameLife(exit.value.peer.node, node)) dialLimiter.prove(address)
        if (entry !== undefined) {
          for (const frame of queue) entry.link.sendControl(frame)
          return answer(node, Effect.succeed(entry))
        }
        notLinked(node, error?.message ?? "another Node answers there, or another life of it")
        // Whoever else answers there, or a refused connect, is proof that this life has ended. Rule F1.
        const isProof = Exit.isSuccess(exit) || (error !== undefined && isProofOfDeath(error, identity.security.kind))
        if (isProof) mailboxes.stateTables.offer({ _tag: "Refused", node })
        mailboxes.router.offer({ _tag: "DialFailed", node })
      }).pipe(Effect.ignore)
    )
  }

  const connect = (address: Address) =>
    Effect.callback<Connected, ConnectError>((resume) => {
      fork(establish(address, (exit) => resume(exit)).pipe(Effect.ignore))
    }).pipe(Effect.tapErrorTag("Refused", () => Effect.sync(() => state.counters.refused++)))

  const reach = new Reach({
    addressOf: (node) => addressFor(node, self.region),
    mayDial: ({ host, port }) => dialLimiter.pass(`${host} ${port}`, state.now()),
    connect: (address) => Effect.map(connect(address), ({ peer }) => peer),
    patience: config.dialTimeout + 2 * config.handshakeTimeout
  })

  const put = (to: Node.Node, frame: Uint8Array): void => {
    const entry = LinkTable.linkFor(table, to)
    if (entry !== undefined) {
      entry.isUsed = true
      entry.link.queueControl(frame)
      unwritten.add(entry.link)
      return
    }
    dial(to)
    const pending = Dials.find(dials, to, addressOf(to))
    if (pending !== undefined) Dials.enqueue(pending, frame)
  }

  const end = (entry: Entry): void => {
    if (entry.isEnding) return
    entry.isEnding = true
    entry.link.close()
  }

  const view: LinkTable.View = {
    idleTimeout: config.idleTimeout,
    isNeighbour: (node) => {
      const { predecessor, successor } = state.membership
      return Node.isSameLife(node, predecessor.node) || Node.isSameLife(node, successor.node)
    },
    isKnown: (id) => Liveness.known(state.membership, id) !== undefined,
    isAwaited: (link) => sessions.isUsed(link) || Routing.isAwaited(state.messages.routing, link)
  }

  return Links.of({
    sendControl: (to, message) => put(to, Frame.control(message)),
    sendDelivered: (to, ids) => {
      for (let from = 0; from < ids.length; from += maxDelivered) {
        put(to, Frame.delivered(ids.slice(from, from + maxDelivered)))
      }
    },
    transmit: (id, frame) => {
      // Many frames in a row go over one link.
      if (lastUnwritten?.id === id) return queue(lastUnwritten.link, frame)
      const entry = entries.get(id)
      if (entry === undefined) return
      queue(entry.link, frame)
      entry.isUsed = true
      unwritten.add(entry.link)
      lastUnwritten = entry
    },
    flush: () => {
      if (unwritten.size === 0) return
      for (const link of unwritten) link.flush()
      unwritten.clear()
      lastUnwritten = undefined
    },
    linkTo: (id) => LinkTable.linkTo(table, id, Liveness.known(state.membership, id))?.id,
    mayEnter: (id, purpose) => {
      const entry = entries.get(id)
      return entry !== undefined &&
        Authorization.maySend(identity.authorization, Link.endOf(entry.link.peer), purpose)
    },
    dial,
    connect,
    isOpen: (id) => entries.get(id)?.isEnding === false,
    isLinked: (node) => LinkTable.linkFor(table, node) !== undefined,
    openSession: (node, name, window) =>
      Effect.suspend(() =>
        Node.isSameLife(node, state.self)
          ? sessions.openWithin(node, name, window)
          : Effect.flatMap(linkFor(node), (entry) => sessions.open(entry.id, entry.link, name, window))
      ),
    reach: (id) => {
      const entry = entries.get(id)
      return entry === undefined ? Effect.succeedNone : reach.ask(entry.link)
    },
    serve,
    abandon: (node) => {
      for (const entry of entries.values()) {
        if (!Node.isSameLife(entry.node, node) || entry.fiber === undefined) continue
        entry.isEnding = true
        fork(Fiber.interrupt(entry.fiber))
      }
    },
    displaced: (node) => LinkTable.displaced(table, node),
    closeIdle: () => LinkTable.idle(table, state.now(), view).forEach(end),
    count: () => entries.size,
    closeAll: () => {
      for (const entry of entries.values()) end(entry)
    }
  })
})

const hasBroken = (error: ConnectError): boolean =>
  error._tag === "WendyConnectionError" || (error._tag === "WendyDialError" && error.reason._tag === "Broken")

/**
 * Whether what a dial met proves that no process, or not the one that was meant, listens there. Rule F1. Where ends have
 * to prove who they are, what is said before proves nothing: whoever stands in between can say it. Without credentials
 * everything is believed, but a full Node is a living one.
 *
 * @category getters
 * @since 0.1.0
 */
export const isProofOfDeath = (error: ConnectError, credentials: Handshake.CredentialsKind): boolean =>
  error._tag === "WendyDialError"
    ? error.reason._tag === "Refused"
    : error._tag === "Refused" && credentials === "none" && provesNothing[error.reason] !== true

const provesNothing: { readonly [Reason in Handshake.RefusalReason]?: true } = {
  full: true,
  // May be refused for a moment by the very life that was meant.
  credentials: true,
  clear: true,
  unauthorized: true,
  address: true
}
