/**
 * Observer: somebody who looks into a Node while it runs, such as the checkers of a simulation.
 *
 * A reference in the context that is empty everywhere else.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type { Event, State } from "../core/MembershipState.ts"
import type * as Messaging from "../core/Messaging.ts"
import type * as Node from "../ring/Node.ts"

/**
 * What can be seen of a Node.
 *
 * @category models
 * @since 0.1.0
 */
export interface Observed {
  readonly self: Node.Node
  readonly membership: State
  readonly messages: Messaging.State<Messaging.Context>
  readonly sleptUnnoticed: () => number
}

/**
 * What a Node tells whoever looks into it. Nothing of this may change the Node.
 *
 * @category models
 * @since 0.1.0
 */
export interface Observer {
  /** The Node begins, with this state. */
  readonly started: (node: Observed) => void
  /** Its membership made a step. */
  readonly stepped: () => void
  readonly emitted: (event: Event) => void
  /** A message has to wait here, because nobody answers for its key. */
  readonly held: (frame: Uint8Array) => void
  /** A message was given up here. */
  readonly gaveUp: (frame: Uint8Array) => void
}

/**
 * Who looks into the Nodes that are made where it is provided; nobody by default.
 *
 * @category references
 * @since 0.1.0
 */
export const Observer = Context.Reference<Observer | undefined>("effect-wendy/actors/Observer", {
  defaultValue: () => undefined
})
