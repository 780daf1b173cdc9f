/**
 * Coverage: at most one ready Node covers any key, at any time (rule R1).
 *
 * Looked at after every step of every Node. What a Node covers is one stretch of
 * the ring with itself in it, so two stretches overlap only if two Nodes do that
 * are next to each other: each step needs a look at two neighbours. Leases that
 * run out make stretches shorter, so nothing new can overlap between steps.
 *
 * While a network is cut two Nodes that cannot reach each other may both answer,
 * and from then on any two until the parts have become one ring; as may two of whom
 * all have died who knew of both. That is split ownership, counted for itself.
 *
 * @since 0.1.0
 */
import * as Coverage from "../../ring/Coverage.ts"
import * as NodeId from "../../ring/NodeId.ts"
import type { SimulatedNode } from "../SimulatedNode.ts"
import type { Watcher, World } from "../World.ts"

/**
 * What it has seen.
 *
 * @category models
 * @since 0.1.0
 */
export interface Seen {
  /** Steps that were followed by a look. */
  looks: number
  /** Pairs of Nodes that were seen to answer for one key while the network was split. */
  split: number
}

/**
 * Half of an id read as a number, rounded down.
 *
 * @category getters
 * @since 0.1.0
 */
export const half = ({ word0, word1, word2, word3 }: NodeId.NodeId): NodeId.NodeId =>
  new NodeId.NodeId(
    word0 >>> 1,
    (word1 >>> 1) | (word0 << 31),
    (word2 >>> 1) | (word1 << 31),
    (word3 >>> 1) | (word2 << 31)
  )

const one = new NodeId.NodeId(0, 0, 0, 1)

/** The last key clockwise that a Node with this successor covers: half-way, where it belongs to the counter-clockwise one. */
const lastRight = (self: NodeId.NodeId, successor: NodeId.NodeId): NodeId.NodeId =>
  NodeId.add(self, half(NodeId.clockwise(self, successor)))

/** The last key counter-clockwise: the one after half-way. */
const lastLeft = (self: NodeId.NodeId, predecessor: NodeId.NodeId): NodeId.NodeId => {
  const last = NodeId.add(predecessor, half(NodeId.clockwise(predecessor, self)))
  return Coverage.coversLeft(self, predecessor, last) ? last : NodeId.add(last, one)
}

/**
 * A key that both cover, if there is one; `right` is the next ready Node clockwise from `left`.
 *
 * @category getters
 * @since 0.1.0
 */
export const shared = (left: SimulatedNode, right: SimulatedNode): NodeId.NodeId | undefined => {
  const { successor } = left.membership
  const { predecessor } = right.membership
  const keys = [
    left.self.id,
    right.self.id,
    lastRight(left.self.id, successor.bound.id),
    lastLeft(right.self.id, predecessor.bound.id)
  ]
  return keys.find((key) => left.covers(key) && right.covers(key))
}

/** How many Nodes of other parts may stand between two of one part that are compared while the network is split. */
const maxLook = 64

/**
 * Watches who covers what.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Watcher & { readonly seen: Seen } => {
  const seen: Seen = { looks: 0, split: 0 }
  /** Both ends of every stretch as it was last seen: a look is needed when one has moved, or a lease has been renewed after it ran out. */
  const before = new WeakMap<SimulatedNode, { left: unknown; right: unknown; leftUntil: number; rightUntil: number }>()

  const isNews = (node: SimulatedNode): boolean => {
    const { predecessor, successor } = node.membership
    const now = node.now
    const last = before.get(node)
    if (last === undefined) {
      before.set(node, {
        left: predecessor.bound,
        right: successor.bound,
        leftUntil: predecessor.leaseUntil,
        rightUntil: successor.leaseUntil
      })
      return true
    }
    const isSame = last.left === predecessor.bound && last.right === successor.bound &&
      (last.leftUntil > now || predecessor.leaseUntil <= now) && (last.rightUntil > now || successor.leaseUntil <= now)
    last.left = predecessor.bound
    last.right = successor.bound
    last.leftUntil = predecessor.leaseUntil
    last.rightUntil = successor.leaseUntil
    return !isSame
  }

  const compare = (world: World, left: SimulatedNode, right: SimulatedNode): void => {
    const key = shared(left, right)
    if (key === undefined) return
    if (world.isSplit && !world.isSamePart(left.host, right.host)) {
      seen.split++
      return
    }
    if (!world.areAcquainted(left, right)) {
      seen.split++
      world.noteSplit()
      return
    }
    world.violate("coverage", `${left.self.hex} and ${right.self.hex} both cover ${key.hex}`)
  }

  return {
    name: "coverage",
    seen,
    stepped: (world, node) => {
      if (node.membership.phase !== "ready" || node.isEnded || !isNews(node)) return
      seen.looks++
      const { ring } = world
      if (ring.members.length < 2) return
      const rank = ring.rank(node.self.id)
      if (ring.members[rank] !== node) {
        return world.violate("coverage", `two ready Nodes have the id ${node.self.hex}`)
      }
      if (!world.isSplit) {
        compare(world, ring.at(rank - 1), node)
        compare(world, node, ring.at(rank + 1))
        return
      }
      // The nearest of another part may stand in between, or several.
      for (const step of [-1, 1]) {
        for (let away = 1; away <= Math.min(maxLook, ring.members.length - 1); away++) {
          const other = ring.at(rank + step * away)
          if (step < 0) compare(world, other, node)
          else compare(world, node, other)
          if (world.isCut && world.isSameSide(node.host, other.host)) break
        }
      }
    }
  }
}
