/**
 * ClusterEvent: what a Node tells about itself and its cluster, in order.
 *
 * @since 0.1.0
 */
import type * as Node from "../ring/Node.ts"

/**
 * Something that happened at a Node.
 *
 * **Details**
 *
 * - `Ready`, `NotReady`: it answers for its part of the ring, or (having lost its leases) for nothing and joins again.
 * - `Left`: it has left.
 * - `NodeJoined`, `NodeExited`: a Node entered, or left, this Node's tables.
 * - `NewLeaves`: the leaf set; each side nearest first.
 * - `JoinRetrying`: no seed let this Node in yet; it goes on trying.
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
  | { readonly _tag: "NodeExited"; readonly node: Node.Node; readonly reason: "left" | "failed" }
  | { readonly _tag: "NewLeaves"; readonly left: ReadonlyArray<Node.Node>; readonly right: ReadonlyArray<Node.Node> }
  | { readonly _tag: "JoinRetrying"; readonly attempt: number; readonly message: string }
  | { readonly _tag: "Error"; readonly error: string; readonly message: string }
