/**
 * Heartbeat: owns the time of a Node. It wakes the membership and the routing when
 * they asked for it, and closes links that are idle.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as LinkTable from "../core/LinkTable.ts"
import * as Membership from "../core/Membership.ts"
import * as Messaging from "../core/Messaging.ts"
import * as OwnedKeys from "../core/OwnedKeys.ts"
import { Links } from "./Links.ts"
import { Mailboxes } from "./Mailboxes.ts"
import { NodeState } from "./NodeState.ts"
import { supervise, Upcalls } from "./Upcalls.ts"

/** Timers need not be finer than this, in milliseconds: it bounds how often a busy Node wakes. */
const grain = 1

/**
 * Wakes the other actors as long as the layer lives.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<never, never, Links | Mailboxes | NodeState | Upcalls> = Layer.effectDiscard(
  Effect.gen(function*() {
    const links = yield* Links
    const mailboxes = yield* Mailboxes
    const upcalls = yield* Upcalls
    const { config, membership, messages, now, owned } = yield* NodeState

    const membershipAlarm = Effect.gen(function*() {
      while (true) {
        const at = Math.min(Membership.wakeAt(membership), OwnedKeys.wakeAt(owned, membership))
        if (at === Number.POSITIVE_INFINITY) {
          yield* Queue.take(mailboxes.heartbeat)
          continue
        }
        const wait = Math.max(grain, at - now())
        const signal = yield* Queue.take(mailboxes.heartbeat).pipe(Effect.timeoutOption(Math.ceil(wait)))
        if (signal._tag === "None") mailboxes.stateTables.offer({ _tag: "Woken" })
      }
    })

    const routingAlarm = Effect.gen(function*() {
      while (true) {
        yield* mailboxes.routing.await
        yield* Effect.sleep(Messaging.lookAfter(messages, now()))
        if (Messaging.wakeAt(messages) <= now()) {
          mailboxes.router.offer({ _tag: "Woken" })
        }
      }
    })

    const idleAlarm = Effect.gen(function*() {
      while (true) {
        yield* Effect.sleep(config.idleTimeout / LinkTable.displacedPart)
        links.closeIdle()
      }
    })

    for (const alarm of [membershipAlarm, routingAlarm, idleAlarm]) {
      yield* Effect.forkScoped(supervise("Heartbeat", upcalls)(alarm))
    }
  })
)
