/**
 * A message as applications see it, and the receipt for a confirmed one.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import type * as NodeId from "../ring/NodeId.ts"

/**
 * What an application sends: a value, towards a key.
 *
 * **Details**
 *
 * `purpose` says what the value is: 16 to 255; 0 to 15 are the overlay's own.
 *
 * @category models
 * @since 0.1.0
 */
export interface Outgoing {
  readonly key: NodeId.NodeId
  readonly purpose: number
  readonly value: Uint8Array
}

/**
 * What arrives at the root of its key.
 *
 * **Details**
 *
 * `from` is the Node that sent it, or that accepted it from a client; `hops`
 * counts the Nodes that it was sent on to.
 *
 * @category models
 * @since 0.1.0
 */
export interface Message extends Outgoing {
  readonly from: NodeId.NodeId
  readonly hops: number
}

/**
 * The root's word that a confirmed message was delivered.
 *
 * @category models
 * @since 0.1.0
 */
export interface Receipt {
  /** The Node at which it was delivered. */
  readonly root: NodeId.NodeId
  readonly hops: number
  /** Milliseconds between the send and the receipt. */
  readonly roundTrip: number
}

/**
 * The lowest purpose an application may use.
 *
 * @category constants
 * @since 0.1.0
 */
export const lowestPurpose = 16

/**
 * The message cannot be sent, whatever the network does.
 *
 * **Details**
 *
 * - `ValueTooLarge`, `BadPurpose`: it cannot be sent as it is.
 * - `Closed`: this Node has ended. Of several messages those before it may have been taken.
 *
 * @category errors
 * @since 0.1.0
 */
export class MessageRejected extends Schema.TaggedError<MessageRejected>()("MessageRejected", {
  reason: Schema.Literals(["ValueTooLarge", "BadPurpose", "Closed"]),
  message: Schema.String
}) {}

/**
 * A confirmed message has no receipt.
 *
 * **Details**
 *
 * - `Deadline`: none came in time. The message may or may not have been delivered.
 * - `DeliveryFailed`: it reached its root, whose application failed or was late.
 * - `Closed`: this Node, or this client, ended first.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotConfirmed extends Schema.TaggedError<NotConfirmed>()("NotConfirmed", {
  reason: Schema.Literals(["Deadline", "DeliveryFailed", "Closed"]),
  message: Schema.String
}) {}

/**
 * Why a message cannot be sent, if so.
 *
 * @category checks
 * @since 0.1.0
 */
export const check = (message: Outgoing, maxValueSize: number): MessageRejected | undefined => {
  if (!Number.isInteger(message.purpose) || message.purpose < lowestPurpose || message.purpose > 255) {
    return new MessageRejected({
      reason: "BadPurpose",
      message: `the purpose is ${message.purpose}; an application's is a whole number from ${lowestPurpose} to 255`
    })
  }
  if (message.value.length > maxValueSize) {
    return new MessageRejected({
      reason: "ValueTooLarge",
      message: `the value has ${message.value.length} bytes; at most ${maxValueSize} are allowed`
    })
  }
  return undefined
}
