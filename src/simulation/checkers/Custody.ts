/**
 * Custody: what was promised about every message has been kept (rules M4, M6, C1 to C5).
 *
 * A message whose sender holds a receipt was delivered exactly once. An
 * acknowledged one is lost only with a Node that had it in custody, or when nobody
 * answered for its key longer than messages are held; no Node delivers it twice,
 * though two may whose keys changed hands in between (only of confirmed ones is the next root told).
 *
 * @since 0.1.0
 */
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
export const make = (): Watcher => ({
  name: "custody",
  delivered: (world, node, lookup) => {
    if (lookup.deliveries <= 1 || world.isSplit) return
    if (lookup.deliveryClass === "acknowledged" && lookup.root !== node) return
    // A root that died after it had delivered, and before its receipt left, has told nobody.
    if (lookup.deliveryClass === "confirmed" && lookup.root !== node && lookup.root!.isEnded) return
    world.violate(
      "custody",
      `message ${lookup.number} was delivered ${lookup.deliveries} times: by ${
        lookup.root!.self.hex
      }, then by ${node.self.hex}`
    )
  },
  resolved: (world, lookup) => {
    if (lookup.outcome !== "receipt" || lookup.deliveries > 0) return
    world.violate("custody", `the sender of message ${lookup.number} has a receipt, but nobody delivered it`)
  },
  finished: (world) => {
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
})
