/**
 * Waiting: the end of the wait for a receipt, whichever way it comes.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Exit from "effect/Exit"
import type { Unresolved } from "../core/Confirmations.ts"
import type { ReceiptFrame } from "../protocol/Frame.ts"
import { NotConfirmed, type Receipt } from "../protocol/Message.ts"

/**
 * Somebody who waits for a receipt.
 *
 * @category models
 * @since 0.1.0
 */
export interface Waiting {
  readonly deferred: Deferred.Deferred<Receipt, NotConfirmed>
}

/**
 * Nobody waits yet.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Waiting => ({ deferred: Deferred.makeUnsafe() })

/**
 * The receipt came, for better or worse.
 *
 * @category outcomes
 * @since 0.1.0
 */
export const receive = (entry: Unresolved<Waiting>, { delivered, hops, root }: ReceiptFrame, now: number): void => {
  Deferred.doneUnsafe(
    entry.context.deferred,
    delivered
      ? Exit.succeed({ root, hops, roundTrip: now - entry.sentAt })
      : Exit.fail(
        new NotConfirmed({
          reason: "DeliveryFailed",
          message: `the application at ${root.hex} failed, or took too long`
        })
      )
  )
}

/**
 * The deadline passed.
 *
 * @category outcomes
 * @since 0.1.0
 */
export const expire = (entry: Unresolved<Waiting>): void => {
  Deferred.doneUnsafe(
    entry.context.deferred,
    Exit.fail(
      new NotConfirmed({
        reason: "Deadline",
        message: `no receipt within ${Math.round(entry.deadline - entry.sentAt)} ms: ` +
          "the message may or may not have been delivered"
      })
    )
  )
}

/**
 * Whoever sent it has ended.
 *
 * @category outcomes
 * @since 0.1.0
 */
export const close = ({ deferred }: Waiting): void => {
  Deferred.doneUnsafe(
    deferred,
    Exit.fail(
      new NotConfirmed({
        reason: "Closed",
        message: "the sender ended before the receipt came: the message may or may not have been delivered"
      })
    )
  )
}
