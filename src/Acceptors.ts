/**
 * Acceptors: who takes the sessions that other ends begin with a Node.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { type Accepting, windowOf } from "./actors/LinkSessions.ts"
import type { Upcalls } from "./actors/Upcalls.ts"
import { WendyOptionError } from "./protocol/OptionError.ts"
import { type Acceptor, type Session, WendySessionError } from "./protocol/Session.ts"
import * as SessionFrame from "./protocol/SessionFrame.ts"

/**
 * The acceptors of one Node.
 *
 * @category models
 * @since 0.1.0
 */
export interface Acceptors {
  readonly accepting: Upcalls["Service"]["accepting"]
  /** Accepts sessions of a name as long as the scope is open. */
  readonly accept: <R>(acceptor: Acceptor<R>) => Effect.Effect<void, WendyOptionError, R | Scope.Scope>
}

interface Registered extends Accepting {
  readonly allowsClients: boolean
}

/**
 * No acceptor yet. `report` is told of those that fail.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (report: (message: string) => void): Acceptors => {
  const acceptors = new Map<string, Registered>()
  return {
    accepting: (name, role) => {
      const acceptor = acceptors.get(name)
      return acceptor === undefined || (role === "client" && !acceptor.allowsClients) ? undefined : acceptor
    },
    accept: <R>({ allowsClients = false, name, onSession, window }: Acceptor<R>) =>
      Effect.gen(function*() {
        yield* checkName(name)
        if (acceptors.has(name)) {
          return yield* new WendyOptionError({
            option: "name",
            message: `sessions of the name "${name}" are accepted at this Node already: use another name`
          })
        }
        const scope = yield* Effect.scope
        const context = yield* Effect.context<R>()
        const fork = Effect.runForkWith(context)
        const serve = (session: Session, abort: (message: string) => void) =>
          Effect.suspend(() => onSession(session)).pipe(
            Effect.scoped,
            Effect.onExit((exit) => {
              if (Exit.isSuccess(exit) || !isFailure(exit.cause)) return session.end
              return Effect.sync(() => {
                report(`onSession of "${name}" failed: ${Cause.pretty(exit.cause)}`)
                abort(`whoever accepts "${name}" failed`)
              })
            }),
            Effect.ignoreCause,
            // What is sent after the session began finds it begun.
            Effect.forkIn(scope, { startImmediately: true })
          )
        yield* Effect.acquireRelease(
          Effect.sync(() => {
            acceptors.set(name, {
              allowsClients,
              window: windowOf(window),
              run: (session, abort) => void fork(serve(session, abort))
            })
          }),
          () => Effect.sync(() => acceptors.delete(name))
        )
      })
  }
}

/** Whether it is a failure of whoever took the session, and neither the end of the session nor of the acceptor. */
const isFailure = (cause: Cause.Cause<unknown>): boolean =>
  !Cause.hasInterruptsOnly(cause) && !Cause.hasInterrupts(cause) &&
  !(Cause.squash(cause) instanceof WendySessionError)

/**
 * Whether sessions may have a name.
 *
 * @category checks
 * @since 0.1.0
 */
export const checkName = (name: string): Effect.Effect<void, WendyOptionError> =>
  name.length > 0 && name.length <= SessionFrame.maxName
    ? Effect.void
    : Effect.fail(
      new WendyOptionError({
        option: "name",
        message: `the name of sessions has ${name.length} characters; it must have 1 to ${SessionFrame.maxName}`
      })
    )
