/**
 * Upcalls: what the actors tell the floor above, declared here, provided there.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as OwnedKeys from "../core/OwnedKeys.ts"
import type { ClusterEvent } from "../protocol/ClusterEvent.ts"
import type { WendyEndedError } from "../protocol/EndedError.ts"
import type { Answer } from "../protocol/Frame.ts"
import type { Message, RawMessage } from "../protocol/Message.ts"
import type * as Node from "../ring/Node.ts"
import type { Accepting } from "./LinkSessions.ts"

/**
 * What the actors tell the floor above.
 *
 * @category services
 * @since 0.1.0
 */
export class Upcalls extends Context.Service<Upcalls, {
  /**
   * A message has reached its root. The outcome when the applications are done with
   * it at once, else `undefined`, and `done` is called with it later, once.
   */
  readonly deliver: (message: Message, done: (answer: Answer) => void) => Answer | undefined
  /** The same for a message of a service's purpose, of which the service is told what tells it apart. */
  readonly serve: (frame: Uint8Array, message: Message, done: (answer: Answer) => void) => Answer | undefined
  /** Whether a service takes messages of a purpose from clients. */
  readonly serves: (purpose: number) => boolean
  /** Whether each application that takes messages of a purpose works on fewer than it may. */
  readonly mayDeliver: (purpose: number) => boolean
  /** `listener` is called when one that worked on as many as it may has room again, or has gone. */
  readonly onRoom: (listener: () => void) => void
  /** All that came together has been delivered: applications that take many messages at once get them now. */
  readonly deliverGathered: () => void
  /**
   * A message is about to be sent on from here. As `deliver`; answers with a
   * message that goes on in its place, or whether it goes on at all.
   */
  readonly forward: (
    message: () => Message,
    next: Node.Node,
    done: (forward: RawMessage | "forward" | "drop") => void
  ) => RawMessage | "forward" | "drop" | undefined
  /** Who accepts sessions of a name that such an end begins, if anybody does. */
  readonly accepting: (name: string, role: "member" | "client") => Accepting | undefined
  /** The keys that this Node answers for have changed. Must return at once. */
  readonly ownership: (change: OwnedKeys.Change) => void
  /** A Node that is watched is up, or down. Must return at once. */
  readonly monitored: (node: Node.Node, isUp: boolean) => void
  /** Something happened. Must return at once. */
  readonly event: (event: ClusterEvent) => void
  /** This Node cannot be a part of the ring any more, so it must end. */
  readonly end: (reason: WendyEndedError["reason"]["_tag"], message: string) => void
  /** An actor failed as it never should. A Node without it would be a hole in the ring: the Node must end. */
  readonly defect: (actor: string, cause: Cause.Cause<unknown>) => void
}>()("effect-wendy/actors/Upcalls") {}

/**
 * Reports the failure of an actor's loop, but not its interruption.
 *
 * @category supervision
 * @since 0.1.0
 */
export const supervise = (actor: string, upcalls: Upcalls["Service"]) => <A, E, R>(loop: Effect.Effect<A, E, R>) =>
  Effect.onError(loop, (cause) =>
    Effect.sync(() => {
      if (!Cause.hasInterruptsOnly(cause)) upcalls.defect(actor, cause)
    }))
