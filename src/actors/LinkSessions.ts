/**
 * LinkSessions: runs the sessions of one link for those who use them (`core/Sessions`).
 *
 * What waits here is whoever sends, receives, or wants to know when the other end has taken all. Nothing is sent before the
 * end of a turn, so that what is said in it goes out together. They belong to their link: they need no mailbox.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Core from "../core/Sessions.ts"
import { type Session, WendySessionError, type Window } from "../protocol/Session.ts"
import type { SessionFrame } from "../protocol/SessionFrame.ts"
import type * as Link from "../transport/Link.ts"

/**
 * Who takes the sessions of a name that other ends begin.
 *
 * @category models
 * @since 0.1.0
 */
export interface Accepting {
  readonly window: Core.Window
  /** A session has begun. Must return at once. `abort` ends it because its user failed. */
  readonly run: (session: Session, abort: (message: string) => void) => void
}

/**
 * What the sessions of a link need.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ports {
  readonly peer: Link.Peer
  readonly isDialled: boolean
  /** Puts a frame on the lane of sessions, or of control; it is written when `flush` is called. */
  readonly queue: (frame: Uint8Array) => void
  readonly queueControl: (frame: Uint8Array) => void
  readonly flush: () => void
  /** Milliseconds of this end's clock. */
  readonly now: () => number
  /** Runs a task at the end of this turn. */
  readonly later: (task: () => void) => void
  readonly fork: (effect: Effect.Effect<void>) => void
  readonly accepting: (name: string) => Accepting | undefined
  /** The largest message, in bytes. */
  readonly maxSize: number
}

type Failure = WendySessionError

/** Whoever waits at a session: completes when there is something to say. */
type Waiter = () => boolean

/** Who waits at one end of a session. */
interface User {
  readonly handle: Session
  readonly senders: Array<Waiter>
  readonly others: Array<Waiter>
}

/**
 * A window with its defaults.
 *
 * @category conversions
 * @since 0.1.0
 */
export const windowOf = (window: Window | undefined): Core.Window => ({
  messages: Math.max(1, Math.floor(window?.messages ?? Core.defaultWindow.messages)),
  bytes: Math.max(1, Math.floor(window?.bytes ?? Core.defaultWindow.bytes))
})

/**
 * Why no session comes about, before there is one.
 *
 * @category errors
 * @since 0.1.0
 */
export const sessionFailure = (tag: WendySessionError["reason"]["_tag"], message: string): WendySessionError =>
  new WendySessionError({ reason: { _tag: tag, message }, sent: 0, taken: 0 })

const tags: { readonly [Reason in Core.End["reason"]]: WendySessionError["reason"]["_tag"] } = {
  done: "Ended",
  aborted: "Aborted",
  unknown: "Refused",
  full: "Full",
  lost: "Lost",
  overrun: "Lost",
  broken: "Broken",
  silent: "Silent",
  late: "Unreachable",
  untaken: "Untaken"
}

const failureOf = ({ end, sent, taken, unsent }: Core.Session): WendySessionError => {
  const { message, reason } = end ?? { reason: "done", message: "it was ended here" }
  return new WendySessionError({ reason: { _tag: tags[reason], message }, sent: sent + unsent, taken })
}

/**
 * The sessions of one link.
 *
 * @category models
 * @since 0.1.0
 */
export class LinkSessions {
  readonly #ports: Ports
  readonly #core: Core.Ports
  readonly #state: Core.State
  readonly #users = new Map<Core.Session, User>()
  /** What has something to send in this turn. */
  readonly #unsent = new Set<Core.Session>()
  #isAwaited = false
  #isLooking = false
  #isDown = false

  constructor(ports: Ports) {
    this.#ports = ports
    this.#state = Core.make(ports.now(), ports.isDialled)
    this.#core = {
      transmit: (frame) => {
        ports.queue(frame)
        this.#soon()
      },
      transmitControl: (frame) => {
        ports.queueControl(frame)
        this.#soon()
      },
      windowFor: (name) => ports.accepting(name)?.window,
      accepted: (session) => {
        const { handle } = this.#use(session)
        ports.accepting(session.name)!.run(
          handle,
          (message) => Core.abort(this.#state, ports.now(), session, "aborted", message, this.#core)
        )
      },
      changed: (session) => this.#changed(session)
    }
  }

  /** How many there are. */
  get size(): number {
    return this.#state.sessions.size
  }

  /** Begins a session, which ends with the scope. */
  open(name: string, window: Core.Window): Effect.Effect<Session, WendySessionError, Scope.Scope> {
    return Effect.suspend(() => {
      if (this.#isDown) return Effect.fail(sessionFailure("Broken", "the connection has ended"))
      const session = Core.open(this.#state, this.#ports.now(), name, window, this.#core)
      if (session === undefined) {
        return Effect.fail(sessionFailure("Full", "there are too many sessions on this connection"))
      }
      const { handle } = this.#use(session)
      const opened = this.#wait(session, () => {
        if (session.phase === "opening") return undefined
        return session.phase === "ended" ? Exit.fail(failureOf(session)) : Exit.succeed(handle)
      })
      return Effect.andThen(Effect.addFinalizer(() => handle.end), opened)
    })
  }

  /** Frames have come. */
  receive(frames: ReadonlyArray<SessionFrame>): void {
    const now = this.#ports.now()
    for (const frame of frames) Core.receive(this.#state, now, frame, this.#core)
  }

  /** The link has ended. */
  down(): void {
    this.#isDown = true
    Core.linkDown(this.#state, this.#ports.now(), this.#core)
  }

  #soon(): void {
    if (this.#isAwaited) return
    this.#isAwaited = true
    this.#ports.later(() => {
      this.#isAwaited = false
      const now = this.#ports.now()
      for (const session of this.#unsent) Core.flush(this.#state, now, session, this.#core)
      this.#unsent.clear()
      this.#ports.flush()
    })
  }

  readonly #look = Effect.gen({ self: this }, function*() {
    while (this.#state.sessions.size > 0) {
      yield* Effect.sleep(Core.lookEvery)
      Core.wake(this.#state, this.#ports.now(), this.#core)
    }
    this.#isLooking = false
  })

  #use(session: Core.Session): User {
    const user: User = { handle: this.#handle(session), senders: [], others: [] }
    this.#users.set(session, user)
    if (!this.#isLooking) {
      this.#isLooking = true
      this.#ports.fork(this.#look)
    }
    return user
  }

  #changed(session: Core.Session): void {
    const user = this.#users.get(session)
    if (user === undefined) return
    if (session.phase === "ended") this.#users.delete(session)
    // Whoever goes on does so at once, and may wait again.
    for (const isDone of user.others.splice(0)) if (!isDone()) user.others.push(isDone)
    for (let next = user.senders.shift(); next !== undefined; next = user.senders.shift()) {
      if (next()) continue
      // One that may not go on holds up those behind it: they keep their order.
      user.senders.unshift(next)
      return
    }
  }

  /** Waits until there is an outcome. */
  #wait<A>(session: Core.Session, outcome: () => Exit.Exit<A, Failure> | undefined, isSender = false) {
    return Effect.callback<A, Failure>((resume) => {
      const user = this.#users.get(session)
      if (user === undefined) return resume(outcome() ?? Exit.fail(failureOf(session)))
      const isDone: Waiter = () => {
        const exit = outcome()
        if (exit !== undefined) resume(exit)
        return exit !== undefined
      }
      const line = isSender ? user.senders : user.others
      if ((!isSender || line.length === 0) && isDone()) return
      line.push(isDone)
      return Effect.sync(() => {
        const place = line.indexOf(isDone)
        if (place >= 0) line.splice(place, 1)
      })
    })
  }

  #put(session: Core.Session, message: Uint8Array): void {
    Core.put(session, message)
    this.#unsent.add(session)
    this.#soon()
  }

  #take(session: Core.Session): Exit.Exit<ReadonlyArray<Uint8Array>, Failure> | undefined {
    if (session.inbox.length > 0) {
      return Exit.succeed(Core.take(this.#state, this.#ports.now(), session, this.#core))
    }
    return session.phase === "ended" ? Exit.fail(failureOf(session)) : undefined
  }

  #handle(session: Core.Session): Session {
    const { maxSize, now, peer } = this.#ports
    const send = (message: Uint8Array): Effect.Effect<void, Failure> =>
      Effect.suspend(() => {
        if (message.length > maxSize) {
          return Effect.fail(
            sessionFailure("TooLarge", `the message has ${message.length} bytes; at most ${maxSize} are allowed`)
          )
        }
        return this.#wait(session, () => {
          if (session.phase === "ended" || session.phase === "ending") return Exit.fail(failureOf(session))
          if (!Core.hasRoom(session)) return undefined
          this.#put(session, message)
          return Exit.void
        }, true)
      })
    const receive = this.#wait(session, () => this.#take(session))
    return {
      name: session.name,
      peer: peer.node,
      isClient: peer.role === "client",
      send,
      sendAll: (messages) => Effect.forEach(messages, send, { discard: true }),
      receive,
      messages: Stream.flattenIterable(Stream.fromEffectRepeat(Effect.catchIf(
        receive,
        ({ reason }) => reason._tag === "Ended",
        () => Cause.done()
      ))),
      drained: Effect.suspend(() => {
        const upTo = session.sent + session.waiting.length
        const isDrained = () => session.taken >= upTo
        if (!isDrained()) {
          Core.ask(session)
          this.#unsent.add(session)
          this.#soon()
        }
        return this.#wait(session, () => {
          if (session.phase !== "ended") return isDrained() ? Exit.void : undefined
          return isDrained() && session.end?.reason === "done" ? Exit.void : Exit.fail(failureOf(session))
        })
      }),
      end: Effect.sync(() => Core.end(this.#state, now(), session, this.#core)),
      ended: this.#wait(session, () => {
        if (session.phase !== "ended") return undefined
        return session.end?.reason === "done" ? Exit.void : Exit.fail(failureOf(session))
      })
    }
  }
}
