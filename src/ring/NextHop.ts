/**
 * Next hop: the Pastry routing decision over what a Node knows.
 *
 * Source: Rowstron, Druschel (2001), section 2.2. One thing is stricter here
 * (rule R3 of `docs/protocol.md`): every hop must be a better root of the key
 * than the Node that forwards. The distance to the key then falls at each hop, so
 * that no set of tables, however wrong, can make a loop.
 *
 * @since 0.1.0
 */
import * as LeafSet from "./LeafSet.ts"
import type * as NeighborhoodSet from "./NeighborhoodSet.ts"
import type * as Node from "./Node.ts"
import * as NodeId from "./NodeId.ts"
import * as RoutingTable from "./RoutingTable.ts"

/**
 * Everything a Node knows of others.
 *
 * @category models
 * @since 0.1.0
 */
export interface Tables {
  readonly leafSet: LeafSet.LeafSet
  readonly routingTable: RoutingTable.RoutingTable
  readonly neighborhoodSet: NeighborhoodSet.NeighborhoodSet
}

/**
 * Why a hop was chosen.
 *
 * @category models
 * @since 0.1.0
 */
export type Reason = "leaf" | "table" | "rare"

/** The reason for the last answer of `nextHop`, kept here so that the hot path allocates nothing. */
let lastReason: Reason = "leaf"

/**
 * The Node to which a message for `key` goes next, or `undefined` when no known
 * Node is a better root than oneself.
 *
 * **Details**
 *
 * In order: the closest leaf, when the key lies in the leaf set's range (unless
 * the routing-table entry is closer still, as it may be while a leaf is missing); the
 * routing-table entry that shares one digit more; the rare case, any known
 * Node that shares at least as many digits and is closer; and last any known Node that is closer.
 * The answer `undefined` has looked at every Node; whoever covers the key need not ask.
 * `isExcluded` leaves out Nodes that have just failed to answer.
 *
 * @category routing
 * @since 0.1.0
 */
export const nextHop = (
  tables: Tables,
  key: NodeId.NodeId,
  isExcluded?: (node: Node.Node) => boolean
): Node.Node | undefined => {
  const self = tables.leafSet.self
  if (LeafSet.inRange(tables.leafSet, key)) {
    const leaf = LeafSet.closest(tables.leafSet, key)
    if (leaf !== undefined && isExcluded?.(leaf) !== true) {
      // A leaf set with a hole takes every key to be in range, also one that is far from all leaves.
      const entry = RoutingTable.towards(tables.routingTable, key)
      if (entry !== undefined && NodeId.isCloser(key, entry.id, leaf.id) && isExcluded?.(entry) !== true) {
        lastReason = "table"
        return entry
      }
      lastReason = "leaf"
      return leaf
    }
  } else {
    const entry = RoutingTable.towards(tables.routingTable, key)
    if (entry !== undefined && NodeId.isCloser(key, entry.id, self) && isExcluded?.(entry) !== true) {
      lastReason = "table"
      return entry
    }
  }
  lastReason = "rare"
  return rareCase(tables, key, isExcluded)
}

/**
 * The reason for the answer that the last call of `nextHop` gave.
 *
 * @category routing
 * @since 0.1.0
 */
export const reasonOfLast = (): Reason => lastReason

const rareCase = (
  tables: Tables,
  key: NodeId.NodeId,
  isExcluded: ((node: Node.Node) => boolean) | undefined
): Node.Node | undefined => {
  const self = tables.leafSet.self
  const prefix = NodeId.commonPrefix(self, key)
  let best: Node.Node | undefined
  for (const node of tables.leafSet.members) best = better(best, node, key, self, prefix, isExcluded)
  for (const row of tables.routingTable.rows) {
    if (row === undefined) continue
    for (const entry of row) if (entry !== undefined) best = better(best, entry.node, key, self, prefix, isExcluded)
  }
  for (const { node } of tables.neighborhoodSet.members) best = better(best, node, key, self, prefix, isExcluded)
  return best
}

/** Of two Nodes closer than oneself the one that keeps the prefix, and of two that do, or do not, the closer one. A function by itself: a closure would be allocated for each message. */
const better = (
  best: Node.Node | undefined,
  node: Node.Node,
  key: NodeId.NodeId,
  self: NodeId.NodeId,
  prefix: number,
  isExcluded: ((node: Node.Node) => boolean) | undefined
): Node.Node | undefined => {
  if (!NodeId.isCloser(key, node.id, self) || isExcluded?.(node) === true) return best
  if (best === undefined) return node
  const keepsPrefix = NodeId.commonPrefix(node.id, key) >= prefix
  const bestKeepsPrefix = NodeId.commonPrefix(best.id, key) >= prefix
  if (keepsPrefix !== bestKeepsPrefix) return keepsPrefix ? node : best
  return NodeId.isCloser(key, node.id, best.id) ? node : best
}
