/**
 * Engines: what can run the Nodes of a simulation, by name.
 *
 * @since 0.1.0
 */
import * as ActorNode from "./ActorNode.ts"
import * as CoreNode from "./CoreNode.ts"
import type { MakeEngine } from "./SimulatedNode.ts"

/**
 * What runs Nodes.
 *
 * - `core`: their step functions alone, for large rings.
 * - `actors`: whole Nodes, with fibers, mailboxes, handshakes and encoded frames.
 *
 * @category models
 * @since 0.1.0
 */
export type EngineName = "core" | "actors"

/**
 * All of them.
 *
 * @category constants
 * @since 0.1.0
 */
export const engines: { readonly [Name in EngineName]: MakeEngine } = {
  core: CoreNode.makeEngine(),
  actors: ActorNode.makeEngine
}
