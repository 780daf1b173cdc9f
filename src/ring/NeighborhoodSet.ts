/**
 * The neighborhood set: the Nodes nearest by proximity, whatever their ids.
 *
 * It serves locality (and repair when all else is lost), never routing by itself.
 *
 * Source: Rowstron, Druschel (2001), section 2.1: |M|, here 32.
 *
 * @since 0.1.0
 */
import * as Node from "./Node.ts"
import * as NodeId from "./NodeId.ts"
import type * as RoutingTable from "./RoutingTable.ts"

/**
 * Nodes held when nothing else is said.
 *
 * @category constants
 * @since 0.1.0
 */
export const defaultSize = 32

/**
 * A neighborhood set.
 *
 * @category models
 * @since 0.1.0
 */
export interface NeighborhoodSet {
  readonly self: NodeId.NodeId
  readonly size: number
  /** Invariant: sorted by proximity, nearest first, unmeasured last; ids distinct; at most `size`. */
  readonly members: Array<RoutingTable.Entry>
}

/**
 * An empty neighborhood set.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (self: NodeId.NodeId, size: number = defaultSize): NeighborhoodSet => ({ self, size, members: [] })

/**
 * A copy that shares no array.
 *
 * @category constructors
 * @since 0.1.0
 */
export const clone = (self: NeighborhoodSet): NeighborhoodSet => ({ ...self, members: self.members.slice() })

/**
 * Inserts a Node that is known to live, or brings its proximity up to date.
 * Returns whether the set changed. A full set takes only a Node that is
 * nearer than its farthest member; an unmeasured Node displaces nobody.
 *
 * @category mutations
 * @since 0.1.0
 */
export const insert = (
  self: NeighborhoodSet,
  node: Node.Node,
  proximity: number = Number.POSITIVE_INFINITY
): boolean => {
  if (NodeId.equals(node.id, self.self)) return false
  const index = self.members.findIndex((entry) => NodeId.equals(entry.node.id, node.id))
  let measured = proximity
  if (index >= 0) {
    const known = self.members[index]!
    if (node.incarnation < known.node.incarnation) return false
    if (proximity === Number.POSITIVE_INFINITY) measured = known.proximity
    if (
      measured === known.proximity && node.incarnation === known.node.incarnation &&
      Node.isSameAddress(node, known.node)
    ) return false
    self.members.splice(index, 1)
  } else if (self.members.length === self.size) {
    if (proximity >= self.members[self.size - 1]!.proximity) return false
    self.members.pop()
  }
  const at = self.members.findIndex((entry) => entry.proximity > measured)
  self.members.splice(at < 0 ? self.members.length : at, 0, { node, proximity: measured })
  return true
}

/**
 * Removes the Node with an id. Returns whether it was there.
 *
 * @category mutations
 * @since 0.1.0
 */
export const remove = (self: NeighborhoodSet, id: NodeId.NodeId): boolean => {
  const index = self.members.findIndex((entry) => NodeId.equals(entry.node.id, id))
  if (index < 0) return false
  self.members.splice(index, 1)
  return true
}
