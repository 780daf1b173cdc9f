/**
 * ClusterEvent: what a Node tells about itself and its cluster, in order.
 *
 * @since 0.1.0
 */
import type * as Node from "../ring/Node.ts"

/**
 * Something went wrong that this Node survives.
 *
 * **Details**
 *
 * - `Refused`: a connection was refused, by this end or the other.
 * - `Malformed`: a peer sent what no well-behaved program sends; its connection was closed.
 * - `Stalled`: for some seconds no bulk data has arrived at a Node that is heard all the same.
 * - `HeldTooLong`, `TooManyHops`: a message was given up, after `hold` (120 s) or 64 hops.
 * - `BadValue`: a message arrived whose value does not fit its definition here; it was not delivered.
 * - `CallbackFailed`, `CallbackLate`: an application's callback failed, or did not return in time and was interrupted.
 * - `EventsMissed`: an application is so slow that its oldest events were dropped.
 * - `CertificateEnds`: a certificate of this Node, an authority that it believes, or a list of revoked certificates ends
 *   within 30 days, or has ended. Looked at when the Node starts, with new credentials, and once a day.
 * - `Slept`: this machine slept, or its clock was set forward: the Node's leases may have run out meanwhile.
 * - `Defect`: an actor failed as it never should. This one the Node does not survive: it ends.
 *
 * @category models
 * @since 0.1.0
 */
export interface ClusterError {
  readonly _tag: "Error"
  /** What it is, see above. */
  readonly error:
    | "Refused"
    | "Malformed"
    | "Stalled"
    | "HeldTooLong"
    | "TooManyHops"
    | "BadValue"
    | "CallbackFailed"
    | "CallbackLate"
    | "EventsMissed"
    | "CertificateEnds"
    | "Slept"
    | "Defect"
    | "IdInUse"
  /** What happened, for people. */
  readonly message: string
}

/**
 * Why a Node is gone from this Node's tables.
 *
 * - `left`: it said so itself.
 * - `failed`: its process has ended, it does not answer, or it lost its place in the ring.
 * - `forgotten`: it may well live, but has no place in the tables any more, for nearer ones do.
 *
 * @category models
 * @since 0.1.0
 */
export type ExitReason = "left" | "failed" | "forgotten"

/**
 * Something that happened at a Node.
 *
 * **Details**
 *
 * - `Ready`, `NotReady`: it answers for its part of the ring, or (having lost its leases) for nothing and joins again.
 * - `Left`: it has left.
 * - `NodeJoined`, `NodeExited`: a Node entered, or left, this Node's tables. They come in pairs: an earlier life exits
 *   before a later one joins. When this Node itself leaves or ends, nobody exits.
 * - `NewLeaves`: the leaf set; each side nearest first.
 * - `Heartbeat`: a neighbour asked this Node for its lease, which it does every `renewal`.
 * - `JoinRetrying`: this Node is not in the ring yet, and goes on trying. `message` says what it waits for: at once when no seed
 *   answers, and every few seconds as long as nothing changes.
 * - `Error`: something went wrong that this Node survives.
 *
 * @category models
 * @since 0.1.0
 */
export type ClusterEvent =
  | { readonly _tag: "Ready" }
  | { readonly _tag: "NotReady" }
  | { readonly _tag: "Left" }
  | { readonly _tag: "NodeJoined"; readonly node: Node.Node }
  | { readonly _tag: "NodeExited"; readonly node: Node.Node; readonly reason: ExitReason }
  | { readonly _tag: "NewLeaves"; readonly left: ReadonlyArray<Node.Node>; readonly right: ReadonlyArray<Node.Node> }
  | { readonly _tag: "Heartbeat"; readonly from: Node.Node }
  | { readonly _tag: "JoinRetrying"; readonly attempt: number; readonly message: string }
  | ClusterError
