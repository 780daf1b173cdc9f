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
import * as Node from "../ring/Node.ts"
import * as NodeId from "../ring/NodeId.ts"
import * as Deduplication from "./Deduplication.ts"
import type { State } from "./MembershipState.ts"

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
      return { message: { ...message, delivered: ids.slice(0, maxDelivered) }, before: ids.slice(maxDelivered) }
    }
    case "Leaving": {
      const { predecessor, successor } = membership
      if (!Node.isSameLife(to, predecessor.node) && !Node.isSameLife(to, successor.node)) break
      const ids = Deduplication.handOver(deduplication, () => true)
      return { message: { ...message, delivered: ids.slice(0, maxDelivered) }, before: ids.slice(maxDelivered) }
    }
    default:
      break
  }
  return { message, before: [] }
}

/**
 * The numbers that a message brought: to be taken over before the message is acted on.
 *
 * @category getters
 * @since 0.1.0
 */
export const brought = (message: ControlMessage): ReadonlyArray<DeliveredId> => {
  switch (message._tag) {
    case "InsertAck":
    case "CommitAck":
    case "Leaving":
      return message.delivered
    default:
      return []
  }
}
