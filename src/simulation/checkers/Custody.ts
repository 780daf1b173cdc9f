/**
 * Custody: what was promised about every message has been kept (rules M4, M6, C1 to C5).
 *
 * A message whose sender holds a receipt was delivered exactly once, unless a Node
 * died, stopped, or lost its place, right after it had delivered it and before anybody heard. An
 * acknowledged one is lost only with a Node that had it in custody, or when nobody
 * answered for its key longer than messages are held; no Node delivers one twice,
 * though two may whose keys changed hands in between (only of confirmed ones is the next root told).
 *
 * @since 0.1.0
 */
import type { SimulatedNode } from "../SimulatedNode.ts"
import type { Lookup, Watcher } from "../World.ts"

/**
 * Why a message was not delivered.
 *
 * - `died`: with a Node that had it in custody.
 * - `heldTooLong`: nobody answered for its key.
 * - `underWay`: the simulation ended before.
 * - `unexplained`: none of these: a broken promise.
 *
 * @category models
 * @since 0.1.0
 */
export type Fate = "delivered" | "died" | "heldTooLong" | "underWay" | "unexplained"

/**
 * What became of a message.
 *
 * @category getters
 * @since 0.1.0
 */
export const fateOf = (lookup: Lookup, isUnderWay: (lookup: Lookup) => boolean): Fate => {
  if (lookup.deliveries > 0) return "delivered"
  if (isUnderWay(lookup)) return "underWay"
  if (lookup.diedWithCustodian) return "died"
  return lookup.wasGivenUp ? "heldTooLong" : "unexplained"
}

/**
 * Watches what becomes of messages.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Watcher => {
  /** Confirmed messages that were delivered more than once, and by whom first. */
  const again = new Map<Lookup, SimulatedNode>()
  const detachedAt = new WeakMap<SimulatedNode, number>()
  /** A root that could tell nobody what it had delivered. */
  const isSilenced = (root: SimulatedNode, { deliveredAt }: Lookup): boolean =>
    root.isEnded || root.isPaused || (detachedAt.get(root) ?? Number.NEGATIVE_INFINITY) >= deliveredAt

  return {
    name: "custody",
    emitted: (world, node, event) => {
      if (event._tag === "Detached") detachedAt.set(node, world.now)
    },
    delivered: (world, node, lookup) => {
      if (lookup.deliveries <= 1 || world.isSplit) return
      const root = lookup.root!
      if (root === node) {
        world.violate(
          "custody",
          `message ${lookup.number} was delivered ${lookup.deliveries} times by ${node.self.hex}`
        )
      } else if (lookup.deliveryClass === "atMostOnce") {
        world.violate("custody", `message ${lookup.number} was delivered by ${root.self.hex} and by ${node.self.hex}`)
      } else if (lookup.deliveryClass === "confirmed" && !isSilenced(root, lookup)) again.set(lookup, node)
    },
    resolved: (world, lookup) => {
      if (lookup.outcome !== "receipt" || lookup.deliveries > 0) return
      world.violate("custody", `the sender of message ${lookup.number} has a receipt, but nobody delivered it`)
    },
    finished: (world) => {
      for (const [lookup, node] of again) {
        if (lookup.outcome !== "receipt") continue
        world.violate(
          "custody",
          `message ${lookup.number}, whose sender has a receipt, was delivered ${lookup.deliveries} times: ` +
            `by ${lookup.root!.self.hex}, then by ${node.self.hex}`
        )
      }
      again.clear()
      const underWay = world.underWay()
      for (const lookup of world.lookups) {
        if (lookup.deliveryClass !== "acknowledged" || lookup.source.isEnded) continue
        if (fateOf(lookup, ({ number }) => underWay.has(number)) !== "unexplained") continue
        world.violate(
          "custody",
          `message ${lookup.number} from ${lookup.source.self.hex} for ${lookup.key.hex} was lost, ` +
            "though no Node died that had it in custody"
        )
      }
    }
  }
}
