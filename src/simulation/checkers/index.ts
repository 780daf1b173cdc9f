/**
 * All checkers that run while a simulation runs.
 *
 * @since 0.1.0
 */
import type { Watcher } from "../World.ts"
import * as Bounds from "./Bounds.ts"
import * as Coverage from "./Coverage.ts"
import * as Custody from "./Custody.ts"
import * as Dead from "./Dead.ts"
import * as LeafSets from "./LeafSets.ts"
import * as Roots from "./Roots.ts"

/**
 * One of each.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = () => {
  const coverage = Coverage.make()
  const roots = Roots.make()
  const watchers: ReadonlyArray<Watcher> = [
    coverage,
    roots,
    Custody.make(),
    LeafSets.make(),
    Dead.make(),
    Bounds.make()
  ]
  return { coverage, roots, watchers, areLeavesExact: LeafSets.areExact }
}
