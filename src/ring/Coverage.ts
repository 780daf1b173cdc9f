/**
 * Coverage: the keys for which a Node is the root, given its two ready neighbours.
 *
 * Rule R1 of `docs/protocol.md`. One side is closed, the other open, so that a
 * key exactly half-way between two Nodes belongs to the counter-clockwise one
 * and to nobody else. `NodeId.isCloser` has the same tie rule.
 *
 * @since 0.1.0
 */
import * as NodeId from "./NodeId.ts"

/**
 * Whether a key lies on the clockwise side of `self` and `self` is its root
 * against the nearest ready Node clockwise (`self` again when there is none).
 *
 * @category coverage
 * @since 0.1.0
 */
export const coversRight = (self: NodeId.NodeId, successor: NodeId.NodeId, key: NodeId.NodeId): boolean =>
  NodeId.equals(self, key) ||
  ((NodeId.equals(self, successor) || NodeId.compareClockwise(self, key, successor) < 0) &&
    NodeId.compareArcs(self, key, key, successor) <= 0)

/**
 * Whether a key lies on the counter-clockwise side of `self` and `self` is its
 * root against the nearest ready Node counter-clockwise (`self` when there is none).
 *
 * @category coverage
 * @since 0.1.0
 */
export const coversLeft = (self: NodeId.NodeId, predecessor: NodeId.NodeId, key: NodeId.NodeId): boolean =>
  NodeId.equals(self, key) ||
  ((NodeId.equals(self, predecessor) || NodeId.compareClockwise(predecessor, key, self) < 0) &&
    NodeId.compareArcs(predecessor, key, key, self) > 0)

/**
 * The last key clockwise that `self` covers against its successor (`self` again when there is none).
 *
 * @category coverage
 * @since 0.1.0
 */
export const rightEnd = (self: NodeId.NodeId, successor: NodeId.NodeId): NodeId.NodeId =>
  NodeId.add(self, NodeId.equals(self, successor) ? halfRing : half(NodeId.clockwise(self, successor)))

/**
 * The last key counter-clockwise that `self` covers against its predecessor (`self` again when there is none).
 *
 * @category coverage
 * @since 0.1.0
 */
export const leftEnd = (self: NodeId.NodeId, predecessor: NodeId.NodeId): NodeId.NodeId => {
  // Half-way belongs to the predecessor: one less than half of the way, rounded up.
  const way = NodeId.add(NodeId.clockwise(predecessor, self), minusOne)
  return NodeId.clockwise(half(way), self)
}

const halfRing = new NodeId.NodeId(0x80000000, 0, 0, 0)
const minusOne = new NodeId.NodeId(0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff)

const half = ({ word0, word1, word2, word3 }: NodeId.NodeId): NodeId.NodeId =>
  new NodeId.NodeId(
    word0 >>> 1,
    (word0 << 31) | (word1 >>> 1),
    (word1 << 31) | (word2 >>> 1),
    (word2 << 31) | (word3 >>> 1)
  )
