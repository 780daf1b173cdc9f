/**
 * StateTables: the one writer of a Node's membership.
 *
 * Takes what happened from its mailbox, runs `Membership.step`, and carries out
 * what comes out: messages to Links, events to the floor above, and word to the
 * Router and to Join. It decides nothing itself.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Handover from "../core/Handover.ts"
import * as Membership from "../core/Membership.ts"
import type { Event, Output } from "../core/MembershipState.ts"
import * as OwnedKeys from "../core/OwnedKeys.ts"
import * as Ownership from "../core/Ownership.ts"
import * as LeafSet from "../ring/LeafSet.ts"
import { Links } from "./Links.ts"
import { Mailboxes } from "./Mailboxes.ts"
import { NodeState } from "./NodeState.ts"
import { Observer } from "./Observer.ts"
import { supervise, Upcalls } from "./Upcalls.ts"

/**
 * Runs the membership as long as the layer lives.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<never, never, Links | Mailboxes | NodeState | Upcalls> = Layer.effectDiscard(
  Effect.gen(function*() {
    const links = yield* Links
    const mailboxes = yield* Mailboxes
    const state = yield* NodeState
    const upcalls = yield* Upcalls
    const { membership } = state
    const observer = yield* Observer

    const send = ({ message, to }: Extract<Output, { readonly _tag: "Send" }>): void => {
      const handover = Handover.attach(membership, state.messages.deduplication, to, message)
      if (handover.before.length > 0) links.sendDelivered(to, handover.before)
      links.sendControl(to, handover.message)
    }

    const emit = (event: Event): void => {
      switch (event._tag) {
        case "OwnershipChanged": {
          mailboxes.router.offer(event)
          return
        }
        case "Ready": {
          Queue.offerUnsafe(mailboxes.join, event)
          return upcalls.event(event)
        }
        case "Detached": {
          Queue.offerUnsafe(mailboxes.join, event)
          return upcalls.event({ _tag: "NotReady" })
        }
        case "JoinRefused": {
          Queue.offerUnsafe(mailboxes.join, { _tag: "IdInUse" })
          return
        }
        case "LeavesChanged":
          return upcalls.event({
            _tag: "NewLeaves",
            left: LeafSet.left(membership.leafSet),
            right: LeafSet.right(membership.leafSet)
          })
        case "NodeExited": {
          if (event.reason === "failed") links.abandon(event.node)
          if (event.reason === "forgotten") links.displaced(event.node)
          return upcalls.event(event)
        }
        case "Monitored":
          return upcalls.monitored(event.node, event.isUp)
        case "IncarnationRaised":
          // Every handshake so far named the earlier life.
          return links.closeAll()
        case "NodeJoined":
        case "Heartbeat":
        case "Left":
          return upcalls.event(event)
      }
    }

    /** Before each step: what others have promised to this Node ends earlier by as long as the machine has slept. Rule L6. */
    const age = (): void => {
      const slept = state.takeSlept()
      if (slept === 0) return
      Ownership.age(membership, slept)
      upcalls.event({
        _tag: "Slept",
        message: `this machine slept for ${Math.round(slept)} ms, or its clock was set forward: ` +
          "what this Node answered for may be another's by now"
      })
    }

    const out: Array<Output> = []
    yield* mailboxes.stateTables.serve((inputs) => {
      for (const input of inputs) {
        const time = state.now()
        age()
        Membership.step(membership, time, input, out)
        for (const output of out.splice(0)) {
          if (output._tag === "Send") send(output)
          else {
            emit(output.event)
            observer?.emitted(output.event)
          }
        }
        // In this very turn, before a message is looked at that comes for what has changed.
        const change = OwnedKeys.update(state.owned, membership, time)
        if (change !== undefined) upcalls.ownership(change)
        observer?.stepped()
      }
      links.flush()
      Queue.offerUnsafe(mailboxes.heartbeat, undefined)
    }).pipe(supervise("StateTables", upcalls), Effect.forkScoped)
  })
)
