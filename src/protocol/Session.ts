/**
 * Session: an ordered channel between two Nodes, or between a client and its Node.
 *
 * A message towards a key is one message: it may overtake another, and costs a receipt. A session carries many
 * between the same two ends: in order, each once, as fast as the other end takes them, and what goes together is sent
 * together. It lives as long as the connection that it runs over. When that breaks both ends are told, and the error
 * says how many messages the other end is known to have taken.
 *
 * Rules N1 to N6 of `docs/protocol.md`.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type * as Node from "../ring/Node.ts"
import * as Reason from "./Reason.ts"

/**
 * A session does not come about, or has ended.
 *
 * **Details**
 *
 * - `Unreachable`: the Node cannot be reached, or this life of it has ended.
 * - `Unsupported`: the other end speaks a version of the protocol that has no sessions.
 * - `Refused`: nobody accepts sessions of this name there.
 * - `Full`: there is no room for another session between these two.
 * - `TooLarge`: a message is larger than `maxValueSize`. The session goes on.
 * - `Ended`: one end has ended it, and all that the other one had sent has been taken.
 * - `Aborted`: who used it at the other end failed.
 * - `Lost`: messages did not arrive, or more came than there was room for.
 * - `Untaken`: the other end has ended it before it had taken all.
 * - `Broken`: the connection has ended.
 * - `Silent`: nothing was heard of the other end for 15 s.
 *
 * @category errors
 * @since 0.1.0
 */
export class WendySessionError extends Schema.TaggedError<WendySessionError>()("WendySessionError", {
  reason: Reason.oneOf(
    "Unreachable",
    "Unsupported",
    "Refused",
    "Full",
    "TooLarge",
    "Ended",
    "Aborted",
    "Lost",
    "Untaken",
    "Broken",
    "Silent"
  ),
  /** Messages that this end has sent, or had in line. */
  sent: Schema.Int,
  /** How many of them the other end is known to have taken; of the rest that is not known. */
  taken: Schema.Int,
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message(): string {
    return this.reason.message
  }

  /** Whether a new session may come about. */
  get retryable(): boolean {
    const { _tag } = this.reason
    return _tag !== "Unsupported" && _tag !== "TooLarge" && _tag !== "Ended"
  }
}

/**
 * How much the other end may send before any of it has been taken here. A message that is larger than `bytes` comes
 * alone.
 *
 * @category models
 * @since 0.1.0
 */
export interface Window {
  /** Default 1,024. */
  readonly messages?: number | undefined
  /** Default 1 MiB. */
  readonly bytes?: number | undefined
}

/**
 * One end of a session.
 *
 * **Example** (An echo)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cluster, MemoryTransport } from "effect-wendy"
 *
 * const program = Effect.gen(function*() {
 *   const one = yield* Cluster.make()
 *   yield* one.ready
 *   const two = yield* Cluster.make({ join: [`127.0.0.1:${one.address.port}`] })
 *   yield* two.ready
 *   yield* two.acceptSessions({
 *     name: "echo",
 *     onSession: ({ receive, sendAll }) => Effect.forever(Effect.flatMap(receive, sendAll))
 *   })
 *   const session = yield* one.openSession(yield* two.node, "echo")
 *   yield* session.send(new TextEncoder().encode("hello"))
 *   const [message] = yield* session.receive
 *   return new TextDecoder().decode(message)
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer))) // => "hello"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Session {
  /** What it is for: the same at both ends. */
  readonly name: string
  /** The other end. Of a client: its id, under an address at which nobody is. */
  readonly peer: Node.Node
  /** Whether the other end is a client, and no Node. */
  readonly isClient: boolean
  /**
   * Sends a message; completes when it is in line. Waits while a whole window of messages is in line. Nobody may write to
   * its bytes any more: they may go to other sessions as well, so that what is for many is encoded once.
   */
  readonly send: (message: Uint8Array) => Effect.Effect<void, WendySessionError>
  /** Sends messages in this order, waiting as `send` does. */
  readonly sendAll: (messages: ReadonlyArray<Uint8Array>) => Effect.Effect<void, WendySessionError>
  /** All messages that have arrived and nobody has taken, one at least. Fails when the session has ended and none is left. */
  readonly receive: Effect.Effect<ReadonlyArray<Uint8Array>, WendySessionError>
  /** The messages, one by one. Ends when an end has ended the session, and fails when it ends otherwise. */
  readonly messages: Stream.Stream<Uint8Array, WendySessionError>
  /** Completes when the other end has taken all that has been sent so far. */
  readonly drained: Effect.Effect<void, WendySessionError>
  /** Ends the session when what is in line has been sent, and takes nothing more. Completes at once: `drained` waits. */
  readonly end: Effect.Effect<void>
  /** Completes when one end has ended it, and no message of the other one is lost by that; fails when it ends otherwise. */
  readonly ended: Effect.Effect<void, WendySessionError>
}

/**
 * Who accepts sessions of a name.
 *
 * @category models
 * @since 0.1.0
 */
export interface Acceptor<R = never> {
  /** What the sessions are for, at most 64 characters. */
  readonly name: string
  /** What each of the other ends may send before any of it has been taken. Default: 1,024 messages, 1 MiB. */
  readonly window?: Window | undefined
  /** Whether clients may begin such sessions. Default: no. */
  readonly allowsClients?: boolean | undefined
  /**
   * Runs for each session, in a fiber of its own. The session ends with it; when it fails, the other end is told `Aborted`.
   * Interrupted when the scope of the acceptor closes, and not when the session ends: `receive`, `send` and `ended` fail then.
   */
  readonly onSession: (session: Session) => Effect.Effect<unknown, unknown, R | Scope.Scope>
}
