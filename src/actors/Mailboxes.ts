/**
 * Mailboxes: the queues of all actors of a Node, made before any actor, so that
 * actors need to know mailboxes and never each other.
 *
 * What the Node itself puts in is bounded where it arises (own messages, deliveries
 * under way, links) and is never refused, so that no actor waits for another and
 * no two can wait for each other. Whoever reads from a connection waits while a
 * mailbox is full: pressure goes back to the peer.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type { Input } from "../core/MembershipState.ts"
import type { Token } from "../core/Routing.ts"
import type { Answer, Frame } from "../protocol/Frame.ts"
import type { RawMessage } from "../protocol/Message.ts"
import type * as Node from "../ring/Node.ts"
import type { Peer } from "../transport/Link.ts"
import { ActorGroup, type Mailbox } from "./Mailbox.ts"
import type { PendingReceipt } from "./PendingReceipt.ts"

/**
 * What comes into the Router's mailbox.
 *
 * @category models
 * @since 0.1.0
 */
export type RouterInput =
  | { readonly _tag: "Frames"; readonly link: number; readonly frames: ReadonlyArray<Frame> }
  | {
    readonly _tag: "LinkUp"
    readonly link: number
    readonly peer: Peer
    readonly isPreferred: boolean
    /** What its handshake took, in milliseconds. */
    readonly roundTrip: number
  }
  | { readonly _tag: "LinkDown"; readonly link: number }
  /** So many frames of routed messages have arrived at the other end of a link, modulo 2^32. */
  | { readonly _tag: "Progressed"; readonly link: number; readonly frames: number }
  | { readonly _tag: "DialFailed"; readonly node: Node.Node }
  | { readonly _tag: "OwnershipChanged" }
  /** Messages of this Node that nobody waits for. */
  | { readonly _tag: "Send"; readonly frames: ReadonlyArray<Uint8Array> }
  /** The same for one Node each. */
  | { readonly _tag: "SendDirect"; readonly frames: ReadonlyArray<readonly [frame: Uint8Array, target: Node.Node]> }
  /** An application that had no room for messages has some again. */
  | { readonly _tag: "RoomMade" }
  /** An application has said what becomes of a message that passes through. */
  | {
    readonly _tag: "Forwarded"
    readonly token: Token
    readonly frame: Uint8Array
    readonly forward: RawMessage | "forward" | "drop"
  }
  | {
    readonly _tag: "SendConfirmed"
    readonly message: RawMessage
    readonly deadline: number
    readonly waiting: PendingReceipt
  }
  | {
    readonly _tag: "Finished"
    readonly frame: Uint8Array
    readonly answer: Answer
  }
  | { readonly _tag: "Woken" }

/**
 * What comes into the mailbox of Join.
 *
 * @category models
 * @since 0.1.0
 */
export type JoinSignal =
  | { readonly _tag: "Ready" }
  | { readonly _tag: "Detached" }
  | { readonly _tag: "IdInUse" }

/**
 * The queues of all actors of a Node.
 *
 * @category services
 * @since 0.1.0
 */
export class Mailboxes extends Context.Service<Mailboxes, {
  readonly stateTables: Mailbox<Input>
  readonly router: Mailbox<RouterInput>
  readonly join: Queue.Queue<JoinSignal>
  /** The time of the next wake-up may have changed. */
  readonly heartbeat: Queue.Queue<void>
  /** Open while messages are under way, so that time matters to the Router. */
  readonly routing: Latch.Latch
}>()("effect-wendy/actors/Mailboxes") {
  static readonly layer = Layer.effect(
    Mailboxes,
    Effect.gen(function*() {
      const { makeMailbox } = new ActorGroup()
      return Mailboxes.of({
        stateTables: yield* makeMailbox<Input>(),
        router: yield* makeMailbox<RouterInput>(),
        join: yield* Queue.sliding<JoinSignal>(64),
        heartbeat: yield* Queue.sliding<void>(1),
        routing: Latch.makeUnsafe(false)
      })
    })
  )
}
