/**
 * Roots: every delivery is made by the ready Node that is numerically closest to the key.
 *
 * MSPastry calls this consistent routing; a delivery elsewhere counts as *incorrect*
 * (Castro, Costa, Rowstron, DSN 2004, section 3). While the network is split the closest counts among
 * those that the delivering Node can reach.
 *
 * @since 0.1.0
 */
import type { Watcher } from "../World.ts"

/**
 * What it has seen.
 *
 * @category models
 * @since 0.1.0
 */
export interface Seen {
  deliveries: number
  incorrect: number
  /** After a cut, before the parts had become one ring: deliveries at the closest Node of one ring and not of all. */
  split: number
}

/**
 * Watches who delivers.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Watcher & { readonly seen: Seen } => {
  const seen: Seen = { deliveries: 0, incorrect: 0, split: 0 }
  return {
    name: "roots",
    seen,
    delivered: (world, node, lookup) => {
      seen.deliveries++
      const root = world.ring.closest(
        lookup.key,
        (other) =>
          other === node ||
          (other.isReady && !other.isPaused && (!world.isSplit || world.isSameSide(node.host, other.host)))
      )
      if (root === node) return
      if (world.isSplit && !(root !== undefined && world.isSamePart(node.host, root.host))) {
        seen.split++
        return
      }
      seen.incorrect++
      world.violate(
        "roots",
        `${node.self.hex} delivered ${lookup.key.hex} (message ${lookup.number}), to which ${
          root?.self.hex ?? "nobody"
        } is closest`
      )
    }
  }
}
