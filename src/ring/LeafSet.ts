/**
 * The leaf set: the Nodes whose ids are nearest to one's own, on both sides.
 *
 * One array holds both sides, sorted by clockwise distance from oneself: the
 * right side is its beginning, the left side its end. In a ring of fewer Nodes
 * than two sides hold, the sides overlap and the array is the whole ring; so
 * small rings need no case of their own, and no id wraps wrongly.
 *
 * Source: Rowstron, Druschel (2001), section 2.1: |L| / 2 on each side.
 *
 * @since 0.1.0
 */
import * as Node from "./Node.ts"
import * as NodeId from "./NodeId.ts"

/**
 * Leaves on each side when nothing else is said (Wendy holds 16 a side; Pastry's |L| = 32).
 *
 * @category constants
 * @since 0.1.0
 */
export const defaultSide = 16

/**
 * A leaf set.
 *
 * @category models
 * @since 0.1.0
 */
export interface LeafSet {
  readonly self: NodeId.NodeId
  /** Leaves on each side: a power of two is usual, at least 1. */
  readonly side: number
  /** Invariant: sorted by clockwise distance from `self`, without `self`, at most `2 * side`, ids distinct. */
  readonly members: Array<Node.Node>
  /**
   * The upper 32 bits of each member's clockwise distance from `self`. A search goes by these, which lie together in
   * memory, and visits a member only where they are alike.
   */
  readonly offsets: Array<number>
}

/**
 * An empty leaf set.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (self: NodeId.NodeId, side: number = defaultSide): LeafSet => ({
  self,
  side,
  members: [],
  offsets: []
})

/**
 * A copy that shares no array.
 *
 * @category constructors
 * @since 0.1.0
 */
export const clone = (self: LeafSet): LeafSet => ({
  ...self,
  members: self.members.slice(),
  offsets: self.offsets.slice()
})

/** How many members lie, clockwise from `self`, before `id` or at it. */
const countUpTo = (self: LeafSet, id: NodeId.NodeId): number => {
  const { members, offsets } = self
  const offset = NodeId.upperClockwise(self.self, id)
  let from = 0
  let to = offsets.length
  while (from < to) {
    const middle = (from + to) >>> 1
    const other = offsets[middle]!
    const isUpTo = other === offset ? NodeId.compareClockwise(self.self, members[middle]!.id, id) <= 0 : other < offset
    if (isUpTo) from = middle + 1
    else to = middle
  }
  return from
}

const indexOf = (self: LeafSet, id: NodeId.NodeId): number => {
  const index = countUpTo(self, id) - 1
  return index >= 0 && NodeId.equals(self.members[index]!.id, id) ? index : -1
}

const take = (self: LeafSet, index: number, node: Node.Node): void => {
  self.members.splice(index, 0, node)
  self.offsets.splice(index, 0, NodeId.upperClockwise(self.self, node.id))
}

const drop = (self: LeafSet, index: number): void => {
  self.members.splice(index, 1)
  self.offsets.splice(index, 1)
}

/**
 * The member with an id.
 *
 * @category getters
 * @since 0.1.0
 */
export const get = (self: LeafSet, id: NodeId.NodeId): Node.Node | undefined => self.members[indexOf(self, id)]

/**
 * Inserts a Node that is known to live, or brings a later life or another
 * address of a member up to date. Returns whether the set changed; a Node that
 * is too far away, or an earlier life, changes nothing.
 *
 * @category mutations
 * @since 0.1.0
 */
export const insert = (self: LeafSet, node: Node.Node): boolean => {
  if (NodeId.equals(node.id, self.self)) return false
  const index = countUpTo(self, node.id)
  const known = self.members[index - 1]
  if (known !== undefined && NodeId.equals(known.id, node.id)) {
    if (node.incarnation < known.incarnation) return false
    if (node.incarnation === known.incarnation && Node.isSameAddress(node, known)) return false
    self.members[index - 1] = node
    return true
  }
  const isFull = self.members.length === 2 * self.side
  // In a full set the place in the very middle belongs to neither side.
  if (isFull && index === self.side) return false
  take(self, index, node)
  if (isFull) drop(self, self.side)
  return true
}

/**
 * Whether `insert` would take a Node of this id.
 *
 * @category getters
 * @since 0.1.0
 */
export const accepts = (self: LeafSet, id: NodeId.NodeId): boolean =>
  !NodeId.equals(id, self.self) &&
  (self.members.length < 2 * self.side || countUpTo(self, id) !== self.side || indexOf(self, id) >= 0)

/**
 * Removes the member with an id. Returns whether there was one.
 *
 * @category mutations
 * @since 0.1.0
 */
export const remove = (self: LeafSet, id: NodeId.NodeId): boolean => {
  const index = indexOf(self, id)
  if (index < 0) return false
  drop(self, index)
  return true
}

/**
 * The clockwise side (growing ids), nearest first.
 *
 * @category getters
 * @since 0.1.0
 */
export const right = (self: LeafSet): ReadonlyArray<Node.Node> => self.members.slice(0, self.side)

/**
 * The counter-clockwise side (falling ids), nearest first.
 *
 * @category getters
 * @since 0.1.0
 */
export const left = (self: LeafSet): ReadonlyArray<Node.Node> => self.members.slice(-self.side).reverse()

/**
 * Whether the set has room on its sides. While nothing was removed it then holds
 * every Node that it was shown; after a removal it may have a hole that nobody has filled yet.
 *
 * @category getters
 * @since 0.1.0
 */
export const isWhole = (self: LeafSet): boolean => self.members.length < 2 * self.side

/**
 * Whether a key lies within the range of the set: between its outermost left and right members.
 *
 * @category getters
 * @since 0.1.0
 */
export const inRange = (self: LeafSet, key: NodeId.NodeId): boolean => {
  if (isWhole(self)) return true
  const count = countUpTo(self, key)
  return count !== self.side || NodeId.equals(self.members[count - 1]!.id, key)
}

/**
 * The member that is the best root of `key` (see `NodeId.isCloser`), or
 * `undefined` when oneself is. Two comparisons after a binary search: the best
 * root is one of the two neighbours of the key.
 *
 * @category getters
 * @since 0.1.0
 */
export const closest = (self: LeafSet, key: NodeId.NodeId): Node.Node | undefined => {
  const count = countUpTo(self, key)
  const before = self.members[count - 1]
  const after = self.members[count]
  if (before === undefined) {
    return after !== undefined && NodeId.isCloser(key, after.id, self.self) ? after : undefined
  }
  if (after === undefined) return NodeId.isCloser(key, before.id, self.self) ? before : undefined
  return NodeId.isCloser(key, before.id, after.id) ? before : after
}
