/**
 * Router: runs the routing of a Node, and the confirmations of its own messages.
 *
 * Takes batches from its mailbox; every decision reads the membership as it is at
 * that moment. It delivers at the root, tells copies apart, and sends receipts.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Confirmations from "../core/Confirmations.ts"
import * as Deduplication from "../core/Deduplication.ts"
import * as Liveness from "../core/Liveness.ts"
import * as Membership from "../core/Membership.ts"
import * as Routing from "../core/Routing.ts"
import * as Envelope from "../protocol/Envelope.ts"
import * as Frame from "../protocol/Frame.ts"
import {
  type DeliveryClass,
  lowestPurpose,
  type Message,
  MessageRejected,
  type NotConfirmed,
  type Raw,
  type Receipt
} from "../protocol/Message.ts"
import { nextHop } from "../ring/NextHop.ts"
import * as Node from "../ring/Node.ts"
import * as NodeId from "../ring/NodeId.ts"
import { Links } from "./Links.ts"
import { Mailboxes, type RouterInput } from "./Mailboxes.ts"
import { NodeState } from "./NodeState.ts"
import { supervise, Upcalls } from "./Upcalls.ts"
import * as Waiting from "./Waiting.ts"

/**
 * Sends this Node's own messages.
 *
 * @category services
 * @since 0.1.0
 */
export class Router extends Context.Service<Router, {
  /** Takes messages, waiting while the Node is full. Purposes and sizes have been checked. */
  readonly send: (
    messages: ReadonlyArray<Raw>,
    deliveryClass: Exclude<DeliveryClass, "confirmed">
  ) => Effect.Effect<void, MessageRejected>
  /** Sends one message, to its root or to `target`, and waits for the receipt; the deadline is in milliseconds. */
  readonly sendConfirmed: (
    message: Raw,
    deadline: number,
    target?: Node.Node
  ) => Effect.Effect<Receipt, NotConfirmed>
  /** Completes when nothing is in custody. */
  readonly drained: Effect.Effect<void>
}>()("effect-wendy/actors/Router") {
  static readonly layer: Layer.Layer<Router, never, Links | Mailboxes | NodeState | Upcalls> = Layer.effect(
    Router,
    Effect.suspend(() => make)
  )
}

/** The purpose of a receipt that has to be routed, because nobody knows the way back. */
const receiptPurpose = 1

/** Messages that are taken at once from `sendAll`. */
const chunk = 256

const make = Effect.gen(function*() {
  const links = yield* Links
  const mailboxes = yield* Mailboxes
  const state = yield* NodeState
  const upcalls = yield* Upcalls
  const { config, confirmations, counters, deduplication, membership, now, routing } = state

  /** Own messages that no other Node has taken yet, their bytes, and the gate at which further ones wait. */
  let own = 0
  let ownBytes = 0
  const room = Latch.makeUnsafe(true)
  const drained = Latch.makeUnsafe(true)
  /** Confirmed messages that wait because too many are unresolved. */
  const backlog: Array<Extract<RouterInput, { readonly _tag: "SendConfirmed" }>> = []
  let counter = 0
  let isEnded = false
  const clients = new Map<string, number>()
  const clientOf = new Map<number, Node.Node>()
  let time = 0

  const view: Routing.View = {
    covers: (key) => Membership.covers(membership, key, time),
    nextHop: (key, isExcluded) => nextHop(membership, key, isExcluded)
  }

  const hasRoom = () => isEnded || (own < config.maxOwn && ownBytes < config.maxCustodyBytes)

  const leaveOwn = (bytes: number): void => {
    own--
    ownBytes -= bytes
    if (hasRoom()) room.openUnsafe()
  }

  const sink: Routing.Sink = {
    transmit: links.transmit,
    acknowledge: (link, upTo) => links.transmit(link, Frame.acknowledged(upTo)),
    busy: (link, sequence) => {
      counters.busy++
      links.transmit(link, Frame.busy(sequence))
    },
    deliver: (frame) => deliver(frame),
    dial: links.dial,
    suspect: (node) => Queue.offerUnsafe(mailboxes.stateTables, { _tag: "Suspect", node }),
    released: (owner) => {
      if (typeof owner === "number") return leaveOwn(owner)
      const entry = owner as Confirmations.Unresolved<Waiting.Waiting>
      entry.inCustody = false
      leaveOwn(entry.frame.length)
    },
    forward: (frame, next, token) => {
      if (Envelope.purpose(frame) < lowestPurpose) return "forward"
      const answer = (forward: Raw | "forward" | "drop") =>
        typeof forward === "string" ? forward : Envelope.withContents(frame, forward)
      const forward = upcalls.forward(
        messageOf(frame),
        next,
        (forward) => Queue.offerUnsafe(mailboxes.router, { _tag: "Forwarded", token, forwarding: answer(forward) })
      )
      return forward === undefined ? "wait" : answer(forward)
    },
    unreachable: (frame, target) => {
      const entry = Confirmations.resolve(confirmations, time, Envelope.counter(frame), Envelope.incarnation(frame))
      if (entry !== undefined) Waiting.unreachable(entry, target)
    },
    dropped: (frame, reason) => {
      counters.dropped++
      if (reason === "byApplication") {
        if (Envelope.deliveryClass(frame) === "confirmed") sendReceipt(frame, "dropped")
        return
      }
      upcalls.event({
        _tag: "Error",
        error: reason === "heldTooLong" ? "HeldTooLong" : "TooManyHops",
        message: reason === "heldTooLong"
          ? `a message for ${Envelope.key(frame).hex} was given up: for ${config.hold} ms nobody answered for its key`
          : `a message for ${Envelope.key(frame).hex} was given up after ${Envelope.hops(frame)} hops`
      })
    }
  }

  // ---------------------------------------------------------------------------
  // delivery
  // ---------------------------------------------------------------------------

  const finished = () => Routing.delivered(routing, view, time, sink)

  const deliver = (frame: Uint8Array): void => {
    if (Envelope.purpose(frame) < lowestPurpose) {
      if (Envelope.purpose(frame) === receiptPurpose) {
        const receipt = Frame.decode(Envelope.value(frame))
        if (receipt._tag === "Receipt") onReceipt(receipt.receipt)
      }
      return finished()
    }
    switch (Envelope.deliveryClass(frame)) {
      case "confirmed": {
        const outcome = Deduplication.takeConfirmed(deduplication, {
          key: Envelope.key(frame),
          origin: Envelope.origin(frame),
          incarnation: Envelope.incarnation(frame),
          counter: Envelope.counter(frame),
          floor: Envelope.floor(frame)
        })
        if (outcome === "new") return upcall(frame)
        if (outcome === "expired") counters.expired++
        else counters.duplicates++
        if (outcome !== "expired" && outcome !== "running") sendReceipt(frame, outcome)
        return finished()
      }
      case "acknowledged": {
        const verdict = Deduplication.takeAcknowledged(
          deduplication,
          Envelope.origin(frame),
          Envelope.incarnation(frame),
          Envelope.counter(frame)
        )
        if (verdict === "new") return upcall(frame)
        if (verdict === "expired") counters.expired++
        else counters.duplicates++
        return finished()
      }
      case "atMostOnce":
        return upcall(frame)
    }
  }

  const messageOf = (frame: Uint8Array): Message => ({
    key: Envelope.key(frame),
    purpose: Envelope.purpose(frame),
    value: Envelope.value(frame),
    from: Envelope.via(frame),
    hops: Envelope.hops(frame),
    isDirect: Envelope.isDirect(frame)
  })

  const upcall = (frame: Uint8Array): void => {
    const outcome = upcalls.deliver(
      messageOf(frame),
      (outcome) => Queue.offerUnsafe(mailboxes.router, { _tag: "Finished", frame, outcome })
    )
    if (outcome !== undefined) afterUpcall(frame, outcome)
  }

  const afterUpcall = (frame: Uint8Array, outcome: Frame.Outcome): void => {
    if (Envelope.deliveryClass(frame) === "confirmed") {
      Deduplication.finishConfirmed(
        deduplication,
        Envelope.origin(frame),
        Envelope.incarnation(frame),
        Envelope.counter(frame),
        outcome
      )
      sendReceipt(frame, outcome)
    }
    finished()
  }

  // ---------------------------------------------------------------------------
  // receipts
  // ---------------------------------------------------------------------------

  const sendReceipt = (frame: Uint8Array, outcome: Frame.Outcome): void =>
    passReceipt({
      origin: Envelope.origin(frame),
      via: Envelope.via(frame),
      incarnation: Envelope.incarnation(frame),
      counter: Envelope.counter(frame),
      root: state.self.id,
      hops: Envelope.hops(frame),
      outcome
    })

  /** To the Node that sent the message or accepted it: over an open link, to a known address, or routed to its id. Rule C3. */
  const passReceipt = (receipt: Frame.ReceiptFrame): void => {
    if (NodeId.equals(receipt.via, state.self.id)) return onReceipt(receipt)
    const bytes = Frame.receipt(receipt)
    const link = links.linkTo(receipt.via)
    if (link !== undefined) return links.transmit(link, bytes)
    const known = Liveness.known(membership, receipt.via)
    if (known !== undefined) links.dial(known)
    const message = { key: receipt.via, purpose: receiptPurpose, value: bytes }
    Routing.send(routing, view, time, Envelope.fromSender(state.self, message, "atMostOnce", 0, 0), undefined, sink)
  }

  const onReceipt = (receipt: Frame.ReceiptFrame): void => {
    if (!NodeId.equals(receipt.origin, state.self.id)) {
      const link = clients.get(receipt.origin.hex)
      if (link !== undefined) links.transmit(link, Frame.receipt(receipt))
      return
    }
    const entry = Confirmations.resolve(confirmations, time, receipt.counter, receipt.incarnation)
    if (entry === undefined) return
    Waiting.receive(entry, receipt, time)
  }

  // ---------------------------------------------------------------------------
  // own messages
  // ---------------------------------------------------------------------------

  const begin = (input: Extract<RouterInput, { readonly _tag: "SendConfirmed" }>): void => {
    const entry = Confirmations.begin(confirmations, time, input.deadline, input.waiting, input.make)
    launch(entry, entry.frame)
  }

  const launch = (entry: Confirmations.Unresolved<Waiting.Waiting>, frame: Uint8Array): void => {
    const { target } = entry.context
    entry.inCustody = true
    if (target === undefined || Node.isSameLife(target, state.self)) {
      Routing.send(routing, view, time, frame, entry, sink)
    } else {
      Routing.sendDirect(routing, view, time, frame, entry, target, sink)
    }
  }

  const serveBacklog = (): void => {
    while (backlog.length > 0 && Confirmations.hasRoom(confirmations)) begin(backlog.shift()!)
  }

  const wake = (): void => {
    Routing.wake(routing, view, time, sink)
    const { again, expired } = Confirmations.wake(confirmations, time)
    for (const entry of again) {
      own++
      ownBytes += entry.frame.length
      launch(entry, Confirmations.copy(confirmations, entry))
    }
    expired.forEach(Waiting.expire)
  }

  // ---------------------------------------------------------------------------
  // the mailbox
  // ---------------------------------------------------------------------------

  const onFrames = (link: number, frames: ReadonlyArray<Frame.Frame>): void => {
    const client = clientOf.get(link)
    for (const frame of frames) {
      switch (frame._tag) {
        case "Routed": {
          if (client !== undefined) {
            // A client speaks for itself alone; its receipts come back through this Node.
            if (!NodeId.equals(Envelope.origin(frame.frame), client.id)) break
            if (Envelope.purpose(frame.frame) < lowestPurpose || Envelope.isDirect(frame.frame)) break
            Envelope.setVia(frame.frame, state.self.id)
            Envelope.setHops(frame.frame, 0)
          }
          Routing.receive(routing, view, time, link, frame.frame, sink)
          break
        }
        case "Acknowledged": {
          Routing.acknowledged(routing, time, link, frame.upTo, sink)
          break
        }
        case "Busy": {
          Routing.busy(routing, time, link, frame.sequence, sink)
          break
        }
        case "Receipt": {
          if (client === undefined) passReceipt(frame.receipt)
          break
        }
        case "Delivered": {
          if (client === undefined) Deduplication.takeOver(deduplication, frame.ids)
          break
        }
        case "Control":
        case "Bye":
        case "Malformed":
          break
      }
    }
    Routing.acknowledge(routing, link, sink)
  }

  const onInput = (input: RouterInput): void => {
    switch (input._tag) {
      case "Frames":
        return onFrames(input.link, input.frames)
      case "LinkUp": {
        if (input.client !== undefined) {
          clients.set(input.client.hex, input.link)
          clientOf.set(input.link, input.client)
        }
        return Routing.linkUp(routing, view, time, input.link, input.node, input.isPreferred, sink)
      }
      case "LinkDown": {
        const client = clientOf.get(input.link)
        clientOf.delete(input.link)
        if (client !== undefined && clients.get(client.hex) === input.link) clients.delete(client.hex)
        return Routing.linkDown(routing, view, time, input.link, sink)
      }
      case "DialFailed":
        return Routing.dialFailed(routing, view, time, input.node, sink)
      case "OwnershipChanged":
        return Routing.ownershipChanged(routing, view, time, sink)
      case "Send": {
        for (const frame of input.frames) Routing.send(routing, view, time, frame, frame.length, sink)
        return
      }
      case "SendConfirmed": {
        if (backlog.length > 0 || !Confirmations.hasRoom(confirmations)) backlog.push(input)
        else begin(input)
        return
      }
      case "Finished":
        return afterUpcall(input.frame, input.outcome)
      case "Forwarded":
        return Routing.forwarded(routing, view, time, input.token, input.forwarding, sink)
      case "Woken":
        return wake()
    }
  }

  // Runs after the loop below has ended: what it had not come to will have no receipt either.
  yield* Effect.addFinalizer(Effect.fnUntraced(function*() {
    isEnded = true
    for (const { context } of confirmations.unresolved.values()) Waiting.close(context)
    for (const input of [...backlog, ...(yield* Queue.clear(mailboxes.router))]) {
      if (input._tag === "SendConfirmed") Waiting.close(input.waiting)
    }
    room.openUnsafe()
  }))

  yield* Effect.gen(function*() {
    while (true) {
      const batch = yield* Queue.takeAll(mailboxes.router)
      time = now()
      for (const input of batch) onInput(input)
      serveBacklog()
      if (routing.custody === 0 && routing.delivering === 0) drained.openUnsafe()
      else drained.closeUnsafe()
      if (routing.custody > 0 || confirmations.unresolved.size > 0) mailboxes.routing.openUnsafe()
      else mailboxes.routing.closeUnsafe()
    }
  }).pipe(supervise("Router", upcalls), Effect.forkScoped)

  /** Waits until own messages have room, and takes them: between the two nothing else runs. */
  const enter = (messages: ReadonlyArray<Raw>, then: () => unknown) =>
    Effect.gen(function*() {
      while (!hasRoom()) {
        room.closeUnsafe()
        yield* room.await
      }
      own += messages.length
      for (const { value } of messages) ownBytes += Envelope.headerSize + value.length
      then()
    })

  return Router.of({
    send: Effect.fnUntraced(function*(messages, deliveryClass) {
      for (let from = 0; from < messages.length; from += chunk) {
        const part = messages.slice(from, from + chunk)
        yield* enter(part, () => {
          Queue.offerUnsafe(mailboxes.router, {
            _tag: "Send",
            frames: part.map((message) => Envelope.fromSender(state.self, message, deliveryClass, counter++, 0))
          })
        })
        if (isEnded) {
          return yield* new MessageRejected({ reason: "Closed", message: "this Node has ended: nothing can be sent" })
        }
      }
    }),
    sendConfirmed: (message, deadline, target) =>
      Effect.suspend(() => {
        const waiting = Waiting.make(target)
        return enter([message], () => {
          if (isEnded) return Waiting.close(waiting)
          Queue.offerUnsafe(mailboxes.router, {
            _tag: "SendConfirmed",
            deadline: now() + deadline,
            waiting,
            make: (counter, floor) =>
              Envelope.fromSender(state.self, message, "confirmed", counter, floor, target !== undefined)
          })
        }).pipe(Effect.andThen(Deferred.await(waiting.deferred)))
      }),
    drained: drained.await
  })
})
