/**
 * Dead: no table holds a Node that has been dead for longer than it takes to notice (rule D6).
 *
 * @since 0.1.0
 */
import type { ClusterConfig } from "../../protocol/ClusterConfig.ts"
import type { SimulatedNode } from "../SimulatedNode.ts"
import type { Watcher, World } from "../World.ts"

/**
 * How long after its end a Node may stand in a table, in milliseconds.
 *
 * @category getters
 * @since 0.1.0
 */
export const bound = (config: ClusterConfig): number =>
  Math.max(config.tableExchange, 2 * config.leafSetSide * config.exchange) + 2 * config.exchange +
  (config.probeRetries + 2) * config.probe

/** Nodes that are looked at once a second: all of them in turn. */
const perSecond = 50

/**
 * Watches tables for the dead.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Watcher => {
  let turn = 0
  let splitUntil = 0
  const look = (world: World, node: SimulatedNode): void => {
    const limit = bound(world.config)
    for (const held of node.membership.announced.values()) {
      const endedAt = world.endedAt.get(held.life)
      if (endedAt === undefined || world.now - Math.max(endedAt, splitUntil) <= limit) continue
      world.violate(
        "dead",
        `${node.self.hex} still holds ${held.hex}, which ended ${Math.round((world.now - endedAt) / 1000)} s ago`
      )
    }
  }
  return {
    name: "dead",
    sampled: (world) => {
      if (world.isSplit) splitUntil = world.now
      if (world.endedAt.size === 0) return
      const nodes = Array.from(world.nodes.values())
      for (let count = Math.min(perSecond, nodes.length); count > 0; count--) {
        const node = nodes[turn++ % nodes.length]!
        if (!node.isPaused && node.membership.phase === "ready") look(world, node)
      }
    }
  }
}
