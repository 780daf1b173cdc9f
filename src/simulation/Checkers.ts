/**
 * All checkers that run while a simulation runs.
 *
 * @since 0.1.0
 */
import * as Bounds from "./checkers/Bounds.ts"
import * as Coverage from "./checkers/Coverage.ts"
import * as Custody from "./checkers/Custody.ts"
import * as Dead from "./checkers/Dead.ts"
import * as LeafSets from "./checkers/LeafSets.ts"
import * as Roots from "./checkers/Roots.ts"
import type { Watcher } from "./World.ts"

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
