/**
 * Router: runs the messages of a Node (`core/Messaging`).
 *
 * Takes batches from its mailbox; every decision reads the membership as it is at
 * that moment. Own messages wait here while there is no room for them.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Messaging from "../core/Messaging.ts"
import * as Envelope from "../protocol/Envelope.ts"
import type { Answer } from "../protocol/Frame.ts"
import {
  type DeliveryClass,
  type RawMessage,
  type Receipt,
  type WendyDeliveryError,
  WendyMessageError
} from "../protocol/Message.ts"
import * as Purposes from "../protocol/Purposes.ts"
import type * as Node from "../ring/Node.ts"
import { Links } from "./Links.ts"
import { Mailboxes, type RouterInput } from "./Mailboxes.ts"
import { NodeState } from "./NodeState.ts"
import { Observer } from "./Observer.ts"
import * as PendingReceipt from "./PendingReceipt.ts"
import { Quota } from "./Quota.ts"
import { supervise, Upcalls } from "./Upcalls.ts"

/**
 * Sends this Node's own messages.
 *
 * @category services
 * @since 0.1.0
 */
export class Router extends Context.Service<Router, {
  /** Takes messages, waiting while the Node is full. Purposes and sizes have been checked. */
  readonly send: (
    messages: ReadonlyArray<RawMessage>,
    deliveryClass: Exclude<DeliveryClass, "confirmed">
  ) => Effect.Effect<void, WendyMessageError>
  /** Sends one message to each of these Nodes, as `send` does; it is encoded once. */
  readonly sendDirect: (
    message: RawMessage,
    targets: ReadonlyArray<Node.Node>,
    deliveryClass: Exclude<DeliveryClass, "confirmed">
  ) => Effect.Effect<void, WendyMessageError>
  /** Sends one message, to its root or to `target`, and waits for the receipt; the deadline is in milliseconds. */
  readonly sendConfirmed: (
    message: RawMessage,
    deadline: number,
    target?: Node.Node
  ) => Effect.Effect<Receipt<Uint8Array | undefined>, WendyDeliveryError>
  /** Completes when nothing is in custody. */
  readonly drained: Effect.Effect<void>
}>()("effect-wendy/actors/Router") {
  static readonly layer: Layer.Layer<Router, never, Links | Mailboxes | NodeState | Upcalls> = Layer.effect(
    Router,
    Effect.suspend(() => make)
  )
}

/** Messages that are taken at once from `sendAll`, at most; all of one purpose, and no more than a part of its room. */
const chunk = 256
const partOfRoom = 8

const endOfPart = (messages: ReadonlyArray<RawMessage>, from: number, chunk: number): number => {
  const { purpose } = messages[from]!
  let end = from + 1
  while (end < messages.length && end < from + chunk && messages[end]!.purpose === purpose) end++
  return end
}

const make = Effect.gen(function*() {
  const links = yield* Links
  const mailboxes = yield* Mailboxes
  const { config, identity, messages, now, slept } = yield* NodeState
  const upcalls = yield* Upcalls
  const observer = yield* Observer

  /** Own messages that no other Node has taken yet: further ones wait. */
  const own = new Quota({ messages: config.maxOwn, bytes: config.maxCustodyBytes })
  /** Own messages have left in this turn of the Router: others may have room. */
  let hasLeft = false
  const drained = Latch.makeUnsafe(true)
  /** Confirmed messages that wait because too many are unresolved. */
  const backlog: Array<Extract<RouterInput, { readonly _tag: "SendConfirmed" }>> = []
  let isEnded = false

  /** While applications get what was gathered for them: the time of this turn, in which they may be done with it. */
  let gatheredAt: number | undefined

  const messaging = Messaging.make(messages, {
    slept,
    transmit: links.transmit,
    linkTo: links.linkTo,
    // Where all may send anything, nobody need be asked for every message.
    ...(identity.authorization.maySend === undefined ? {} : { mayEnter: links.mayEnter }),
    dial: links.dial,
    suspect: (node) => mailboxes.stateTables.offer({ _tag: "Suspect", node }),
    serves: upcalls.serves,
    deliver: (message, frame) => {
      const done = (answer: Answer): void => {
        if (gatheredAt === undefined) mailboxes.router.submit({ _tag: "Finished", frame, answer })
        else messaging.finished(gatheredAt, frame, answer)
      }
      return Purposes.isService(message.purpose)
        ? upcalls.serve(frame, message, done)
        : upcalls.deliver(message, done)
    },
    mayDeliver: upcalls.mayDeliver,
    forward: (message, next, token, frame) =>
      upcalls.forward(
        message,
        next,
        (forward) => mailboxes.router.submit({ _tag: "Forwarded", token, frame, forward })
      ),
    returned: (purpose, bytes) => own.add(purpose, { messages: 1, bytes }),
    left: (purpose, bytes) => {
      own.remove(purpose, bytes)
      hasLeft = true
    },
    resolve: PendingReceipt.resolve,
    // Counted by the core.
    held: (frame) => observer?.held(frame),
    gaveUp: (frame, reason) => {
      observer?.gaveUp(frame)
      upcalls.event({
        _tag: reason === "heldTooLong" ? "HeldTooLong" : "TooManyHops",
        message: reason === "heldTooLong"
          ? `a message for ${Envelope.key(frame).hex} was given up: for ${config.hold} ms nobody answered for its key`
          : `a message for ${Envelope.key(frame).hex} was given up after ${Envelope.hops(frame)} hops`
      })
    }
  })

  upcalls.onRoom(() => mailboxes.router.submit({ _tag: "RoomMade" }))

  const begin = (time: number, { deadline, message, waiting }: Extract<RouterInput, { _tag: "SendConfirmed" }>) =>
    messaging.sendConfirmed(time, message, deadline, waiting)

  const serveBacklog = (time: number): void => {
    while (backlog.length > 0 && messaging.hasRoom()) begin(time, backlog.shift()!)
  }

  const onInput = (time: number, input: RouterInput): void => {
    switch (input._tag) {
      case "Frames":
        return messaging.receive(time, input.link, input.frames)
      case "LinkUp":
        return messaging.linkUp(time, input.link, input.peer, input.isPreferred, input.roundTrip)
      case "LinkDown":
        return messaging.linkDown(time, input.link)
      case "Progressed":
        return messaging.progressed(time, input.link, input.frames)
      case "DialFailed":
        return messaging.dialFailed(time, input.node)
      case "OwnershipChanged":
        return messaging.ownershipChanged(time)
      case "Send": {
        for (const frame of input.frames) messaging.send(time, frame)
        return
      }
      case "SendDirect": {
        for (const [frame, target] of input.frames) messaging.sendDirect(time, frame, target)
        return
      }
      case "SendConfirmed": {
        if (backlog.length > 0 || !messaging.hasRoom()) backlog.push(input)
        else begin(time, input)
        return
      }
      case "Finished":
        return messaging.finished(time, input.frame, input.answer)
      case "RoomMade":
        return messaging.roomMade(time)
      case "Forwarded":
        return messaging.forwarded(time, input.token, input.frame, input.forward)
      case "Woken":
        return messaging.wake(time)
    }
  }

  // Runs after the loop below has ended: what it had not come to will have no receipt either.
  yield* Effect.addFinalizer(Effect.fnUntraced(function*() {
    isEnded = true
    for (const { context } of messages.confirmations.unresolved.values()) PendingReceipt.close(context)
    for (const input of [...backlog, ...(yield* mailboxes.router.clear)]) {
      if (input._tag === "SendConfirmed") PendingReceipt.close(input.waiting)
    }
    own.open()
  }))

  const { routing } = messages
  yield* mailboxes.router.serve((inputs) => {
    const time = now()
    for (const input of inputs) onInput(time, input)
    gatheredAt = time
    upcalls.deliverGathered()
    gatheredAt = undefined
    serveBacklog(time)
    if (hasLeft) {
      hasLeft = false
      own.letIn()
    }
    links.flush()
    if (routing.custody === 0 && routing.delivering === 0) drained.openUnsafe()
    else drained.closeUnsafe()
    if (Messaging.isActive(messages)) mailboxes.routing.openUnsafe()
    else mailboxes.routing.closeUnsafe()
  }).pipe(supervise("Router", upcalls), Effect.forkScoped)

  /** Takes own messages of one purpose as soon as they have room. */
  const enter = (messages: ReadonlyArray<RawMessage>, then: () => unknown) => {
    let bytes = 0
    for (const message of messages) bytes += Envelope.sizeOf(message)
    return own.enter(messages[0]!.purpose, { messages: messages.length, bytes }, then)
  }

  const most = Math.min(chunk, Math.ceil(config.maxOwn / partOfRoom))
  const closed = new WendyMessageError({
    reason: { _tag: "Closed", message: "this Node has ended: nothing can be sent" }
  })
  const checkOpen = Effect.suspend(() => isEnded ? closed : Effect.void)

  return Router.of({
    send: Effect.fnUntraced(function*(messages, deliveryClass) {
      for (let from = 0; from < messages.length;) {
        const part = messages.slice(from, endOfPart(messages, from, most))
        from += part.length
        yield* enter(part, () => {
          mailboxes.router.submit({
            _tag: "Send",
            frames: part.map((message) => messaging.frameOf(message, deliveryClass))
          })
        })
        yield* checkOpen
      }
    }),
    sendDirect: Effect.fnUntraced(function*(message, targets, deliveryClass) {
      for (let from = 0; from < targets.length; from += most) {
        const part = targets.slice(from, from + most)
        yield* enter(part.map(() => message), () => {
          mailboxes.router.submit({
            _tag: "SendDirect",
            frames: part.map((target) => [messaging.frameOf(message, deliveryClass, true), target])
          })
        })
        yield* checkOpen
      }
    }),
    sendConfirmed: (message, deadline, target) =>
      Effect.suspend(() => {
        const waiting = PendingReceipt.make(target)
        return enter([message], () => {
          if (isEnded) return PendingReceipt.close(waiting)
          mailboxes.router.submit({
            _tag: "SendConfirmed",
            message,
            deadline: now() + deadline,
            waiting
          })
        }).pipe(Effect.andThen(Deferred.await(waiting.deferred)))
      }),
    drained: drained.await
  })
})
