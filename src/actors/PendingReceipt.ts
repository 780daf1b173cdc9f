/**
 * PendingReceipt: the end of the wait for a receipt, whichever way it comes.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Exit from "effect/Exit"
import type { Unresolved } from "../core/Confirmations.ts"
import type { Resolution } from "../core/Messaging.ts"
import type { Outcome, ReceiptFrame } from "../protocol/Frame.ts"
import { type Receipt, WendyDeliveryError } from "../protocol/Message.ts"
import type * as Node from "../ring/Node.ts"
import type * as NodeId from "../ring/NodeId.ts"

/**
 * Somebody who waits for a receipt.
 *
 * @category models
 * @since 0.1.0
 */
export interface PendingReceipt {
  readonly deferred: Deferred.Deferred<Receipt<Uint8Array | undefined>, WendyDeliveryError>
  /** Of a direct message: where it goes. */
  readonly target: Node.Node | undefined
}

/**
 * Nobody waits yet.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (target?: Node.Node): PendingReceipt => ({ deferred: Deferred.makeUnsafe(), target })

const fail = ({ deferred }: PendingReceipt, reason: WendyDeliveryError["reason"]["_tag"], message: string): void => {
  Deferred.doneUnsafe(deferred, Exit.fail(new WendyDeliveryError({ reason: { _tag: reason, message } })))
}

/**
 * A message has its outcome, for better or worse.
 *
 * @category outcomes
 * @since 0.1.0
 */
export const resolve = (entry: Unresolved<PendingReceipt>, resolution: Resolution): void => {
  switch (resolution._tag) {
    case "Receipt":
      return receive(entry, resolution.receipt, resolution.now)
    case "Unreachable":
      return fail(
        entry.context,
        "Unreachable",
        `${resolution.target.hex} cannot be reached, or this life of it has ended: ` +
          "take the Node as the cluster knows it now"
      )
    case "Expired":
      return fail(
        entry.context,
        "Deadline",
        `no receipt within ${Math.round(entry.deadline - entry.sentAt)} ms: ` +
          "the message may or may not have been delivered"
      )
  }
}

const receive = (
  entry: Unresolved<PendingReceipt>,
  { hops, outcome, reply, root }: ReceiptFrame,
  now: number
): void => {
  if (outcome === "delivered") {
    const receipt = { root, hops, roundTrip: now - entry.sentAt, reply }
    Deferred.doneUnsafe(entry.context.deferred, Exit.succeed(receipt))
  } else {
    fail(entry.context, ...explain(outcome, root))
  }
}

const explain = (
  outcome: Exclude<Outcome, "delivered">,
  root: NodeId.NodeId
): readonly [WendyDeliveryError["reason"]["_tag"], string] => {
  switch (outcome) {
    case "failed":
      return ["DeliveryFailed", `the application at ${root.hex} failed, or took too long`]
    case "undecodable":
      return [
        "BadValue",
        `the value does not fit the definition that ${root.hex} has of this message: use the same on both ends`
      ]
    case "dropped":
      return ["Dropped", `an application at ${root.hex} did not let the message pass`]
    case "forbidden":
      return ["Forbidden", `${root.hex} does not let this client send messages of this purpose`]
  }
}

/**
 * Whoever sent it has ended.
 *
 * @category outcomes
 * @since 0.1.0
 */
export const close = (waiting: PendingReceipt): void =>
  fail(
    waiting,
    "Closed",
    "the sender ended before the receipt came: the message may or may not have been delivered"
  )
