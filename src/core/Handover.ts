/**
 * Handover: what a Node has delivered goes to whoever takes over the keys. Rule C5.
 *
 * The numbers travel in the very message that makes the other the root of the
 * keys (`InsertAck`, `CommitAck`, `Leaving`), so that no network, whatever it loses, brings the one without the other.
 * Those for which there is no room in it go before it, in frames of their own.
 *
 * @since 0.1.0
 */
import { type ControlMessage, type DeliveredId, maxDelivered } from "../protocol/ControlMessage.ts"
import type { Frame } from "../protocol/Frame.ts"
import * as LeafSet from "../ring/LeafSet.ts"
import * as Node from "../ring/Node.ts"
import * as NodeId from "../ring/NodeId.ts"
import * as Deduplication from "./Deduplication.ts"
import { isParty, type State } from "./MembershipState.ts"
import * as Ownership from "./Ownership.ts"

/**
 * The message with the numbers that belong to it, and further ones that have to be sent before it.
 *
 * @category getters
 * @since 0.1.0
 */
export const attach = (
  membership: State,
  deduplication: Deduplication.Deduplication,
  to: Node.Node,
  message: ControlMessage
): { readonly message: ControlMessage; readonly before: ReadonlyArray<DeliveredId> } => {
  switch (message._tag) {
    case "InsertAck":
    case "CommitAck": {
      const isTaken = (key: NodeId.NodeId) => NodeId.isCloser(key, to.id, membership.self.id)
      const ids = Deduplication.handOver(deduplication, isTaken)
      return fill(deduplication, message, ids)
    }
    case "Leaving": {
      // Whoever loses its place has no neighbours any more, but knows who stands next.
      const next = [
        membership.predecessor.node,
        membership.successor.node,
        Ownership.nearestLeaf(membership, "predecessor"),
        Ownership.nearestLeaf(membership, "successor")
      ]
      if (!next.some((node) => node !== undefined && Node.isSameLife(to, node))) break
      const ids = Deduplication.handOver(deduplication, () => true)
      return fill(deduplication, message, ids)
    }
    default:
      break
  }
  return { message, before: [] }
}

const fill = (
  deduplication: Deduplication.Deduplication,
  message: Extract<ControlMessage, { readonly delivered: unknown }>,
  ids: ReadonlyArray<DeliveredId>
) => ({
  message: { ...message, delivered: ids.slice(0, maxDelivered), floors: Deduplication.floors(deduplication) },
  before: ids.slice(maxDelivered)
})

/**
 * Whether what a Node says that it has delivered counts: only who stands near this one, or lets it in, has had keys that
 * come to it. Others could make it take for delivered what nobody has seen.
 *
 * @category getters
 * @since 0.1.0
 */
export const mayBring = (state: State, from: Node.Node): boolean => {
  const near = [state.predecessor.node, state.successor.node, LeafSet.get(state.leafSet, from.id)]
  return isParty(state, from) || near.some((node) => node !== undefined && Node.isSameLife(node, from))
}

/**
 * What a message brought, if anything: to be taken over before the message is acted on.
 *
 * @category getters
 * @since 0.1.0
 */
export const brought = (message: ControlMessage): Extract<Frame, { readonly _tag: "Delivered" }> | undefined => {
  switch (message._tag) {
    case "InsertAck":
    case "CommitAck":
    case "Leaving": {
      const { delivered, floors } = message
      return delivered.length + floors.length === 0 ? undefined : { _tag: "Delivered", ids: delivered, floors }
    }
    default:
      return undefined
  }
}
