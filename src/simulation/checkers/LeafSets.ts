/**
 * LeafSets: once nothing has changed for a while, every leaf set holds exactly the Nodes that it should.
 *
 * @since 0.1.0
 */
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
  const { members } = leafSet
  const isHeld = Math.min(others, 2 * leafSet.side)
  if (members.length !== isHeld) return `has ${members.length} leaves, not ${isHeld}`
  for (let step = 1; step <= side; step++) {
    const fault = findDifference(members[step - 1]!, ring.at(rank + step).self) ??
      findDifference(members[isHeld - step]!, ring.at(rank - step).self)
    if (fault !== undefined) return fault
  }
  return undefined
}

const findDifference = (held: Node.Node, due: Node.Node): string | undefined =>
  Node.isSameLife(held, due) ? undefined : `holds ${held.hex} where ${due.hex} should stand`

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
