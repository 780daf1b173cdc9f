/**
 * LeafSets: once nothing has changed for a while, every leaf set holds exactly the Nodes that it should.
 *
 * @since 0.1.0
 */
import * as LeafSet from "../../ring/LeafSet.ts"
import * as Node from "../../ring/Node.ts"
import type { SimulatedNode } from "../SimulatedNode.ts"
import type { Watcher, World } from "../World.ts"

/**
 * What is wrong with the leaf set of a Node, or `undefined`.
 *
 * @category getters
 * @since 0.1.0
 */
export const findFault = (world: World, node: SimulatedNode): string | undefined => {
  const { leafSet } = node.membership
  const { ring } = world
  const others = ring.members.length - 1
  const side = Math.min(leafSet.side, others)
  const rank = ring.rank(node.self.id)
  const right = LeafSet.right(leafSet)
  const left = LeafSet.left(leafSet)
  const isHeld = Math.min(others, 2 * leafSet.side)
  if (leafSet.members.length !== isHeld) return `has ${leafSet.members.length} leaves, not ${isHeld}`
  for (let step = 1; step <= side; step++) {
    for (
      const [held, due] of [[right[step - 1], ring.at(rank + step)], [left[step - 1], ring.at(rank - step)]] as const
    ) {
      if (held === undefined || !Node.isSameLife(held, due.self)) {
        return `holds ${held?.hex ?? "nobody"} where ${due.self.hex} should stand`
      }
    }
  }
  return undefined
}

const isAsking = (world: World, { membership }: SimulatedNode): boolean => {
  for (const { node, unanswered } of membership.inquiries.values()) {
    if (unanswered > 1 && !world.endedAt.has(node.life)) return true
  }
  return false
}

/**
 * Whether every leaf set is exact, and nobody who lives has left a question unanswered: that may end either way.
 *
 * @category getters
 * @since 0.1.0
 */
export const areExact = (world: World): boolean =>
  world.ring.members.every((node) => !isAsking(world, node) && findFault(world, node) === undefined)

/**
 * Watches leaf sets at rest.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Watcher => ({
  name: "leaf sets",
  settled: (world) => {
    for (const node of world.nodes.values()) {
      const fault = node.membership.phase === "ready"
        ? findFault(world, node)
        : `is ${node.membership.phase}, not ready`
      if (fault !== undefined) world.violate("leaf sets", `${node.self.hex} ${fault}`)
    }
  }
})
