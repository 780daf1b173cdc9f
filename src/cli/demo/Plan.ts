/**
 * What a demo will do, drawn from one seed before anything starts.
 *
 * @since 0.1.0
 */
import type { Random } from "effect/Random"
import * as NodeId from "../../ring/NodeId.ts"

/**
 * How large a demo is to be.
 *
 * @category models
 * @since 0.1.0
 */
export interface Size {
  readonly nodes: number
  readonly messages: number
  readonly kill: number
  readonly joins: number
}

/**
 * A change of the ring, due when `at` messages have been sent; `node` is an index into the ids.
 *
 * @category models
 * @since 0.1.0
 */
export interface Change {
  readonly kind: "kill" | "join"
  readonly at: number
  readonly node: number
}

/**
 * The ids of all Nodes (those that join later come last) and the changes in their order.
 *
 * @category models
 * @since 0.1.0
 */
export interface Plan {
  readonly ids: ReadonlyArray<NodeId.NodeId>
  /** Nodes to be killed. They send nothing: with a sender its unanswered messages die. */
  readonly victims: ReadonlySet<number>
  readonly changes: ReadonlyArray<Change>
}

/**
 * Draws a plan. Kills and joins are spread over the middle third of the messages.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (size: Size, random: Random): Plan => {
  const ids = Array.from({ length: size.nodes + size.joins }, () => drawId(random))
  const candidates = Array.from({ length: size.nodes }, (_, index) => index)
  const victims = Array.from(
    { length: size.kill },
    () => candidates.splice(drawBelow(random, candidates.length), 1)[0]!
  )
  const at = (fraction: number) => Math.floor(size.messages * (1 + fraction) / 3)
  const changes: Array<Change> = [
    ...victims.map((node, index): Change => ({ kind: "kill", at: at((index + 0.25) / size.kill), node })),
    ...Array.from({ length: size.joins }, (_, index): Change => ({
      kind: "join",
      at: at((index + 0.75) / size.joins),
      node: size.nodes + index
    }))
  ]
  return { ids, victims: new Set(victims), changes: changes.sort((x, y) => x.at - y.at) }
}

/**
 * Draws an id.
 *
 * @category drawing
 * @since 0.1.0
 */
export const drawId = (random: Random): NodeId.NodeId => NodeId.random(() => random.nextIntUnsafe() | 0)

/**
 * Draws a whole number from 0 to `bound - 1`.
 *
 * @category drawing
 * @since 0.1.0
 */
export const drawBelow = (random: Random, bound: number): number => Math.floor(random.nextDoubleUnsafe() * bound)
