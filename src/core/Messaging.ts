/**
 * Messaging: what a Node does with messages, its own and those of others.
 *
 * It puts `Routing`, `Deduplication` and `Confirmations` together: it delivers at
 * the root and tells copies apart, sends receipts and passes them on, and keeps
 * the Node's own messages until they have an outcome. As `Membership` it knows no
 * socket, no clock and no fiber: what it wants done goes to its {@link Ports}.
 * Rules M1 to M10 and C1 to C4 of `docs/protocol.md`.
 *
 * @since 0.1.0
 */
import * as Envelope from "../protocol/Envelope.ts"
import * as Frame from "../protocol/Frame.ts"
import type { DeliveryClass, Message, RawMessage } from "../protocol/Message.ts"
import * as Purposes from "../protocol/Purposes.ts"
import { IdMap } from "../ring/IdMap.ts"
import { nextHop } from "../ring/NextHop.ts"
import * as Node from "../ring/Node.ts"
import * as NodeId from "../ring/NodeId.ts"
import * as Confirmations from "./Confirmations.ts"
import * as Deduplication from "./Deduplication.ts"
import * as Liveness from "./Liveness.ts"
import * as Membership from "./Membership.ts"
import type * as MembershipState from "./MembershipState.ts"
import * as Routing from "./Routing.ts"

/**
 * Counts of what happened at bounds and of what could not be done; they only grow.
 *
 * @category models
 * @since 0.1.0
 */
export interface Counters {
  /** Confirmed or acknowledged copies that were not delivered again. */
  duplicates: number
  /** Copies whose origin had an outcome already. */
  expired: number
  /** Messages given up: held too long, or sent on too often. */
  dropped: number
  /** Frames answered Busy. */
  busy: number
  /** Messages that had to wait here because nobody answered for their key. */
  held: number
  /** Messages that a client may not send. */
  forbidden: number
  /** Copies of what this Node held or had just passed on, which went no further. */
  copies: number
}

/**
 * How the wait for the outcome of an own message ended.
 *
 * @category models
 * @since 0.1.0
 */
export type Resolution =
  | { readonly _tag: "Receipt"; readonly receipt: Frame.ReceiptFrame; readonly now: number }
  /** A direct message, whose target cannot be reached. */
  | { readonly _tag: "Unreachable"; readonly target: Node.Node }
  | { readonly _tag: "Expired" }

/**
 * What a driver keeps with an own message that waits for its outcome.
 *
 * @category models
 * @since 0.1.0
 */
export interface Context {
  /** Of a direct message: where it goes. */
  readonly target: Node.Node | undefined
}

/**
 * What a driver does for the messages of a Node.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ports<A> {
  /** Milliseconds that the machine has slept and of which the leases do not know yet: they end so much earlier (L6). None where it is left out. */
  readonly slept?: () => number
  readonly transmit: (link: number, frame: Uint8Array) => void
  /** The link to use for a member, if one is open. */
  readonly linkTo: (id: NodeId.NodeId) => number | undefined
  /** Whether a client may send messages of a purpose here. Left out where all may. */
  readonly mayEnter?: (link: number, purpose: number) => boolean
  /** Whether a service of this Node takes messages of a purpose from clients. Left out where none does. */
  readonly serves?: (purpose: number) => boolean
  /** Opens a link: then `linkUp` or `dialFailed` is called. */
  readonly dial: (node: Node.Node) => void
  /** This Node did not acknowledge in time, or its link broke: membership is to look at it. */
  readonly suspect: (node: Node.Node) => void
  /**
   * This Node is the root of a message. The outcome when the applications are done with
   * it at once, else `undefined`, and `finished` is called with the frame later, once.
   */
  readonly deliver: (message: Message, frame: Uint8Array) => Frame.Answer | undefined
  /**
   * Whether the applications that take messages of a purpose have room for another one; `roomMade` is called when they
   * have it again without a `finished`. Left out where `maxDelivering` bounds all messages together.
   */
  readonly mayDeliver?: (purpose: number) => boolean
  /**
   * A message is about to be sent on. As `deliver`; an answer that comes later goes to `forwarded`. Left out where
   * everything goes on as it is. The message is made for who asks for it: mostly nobody does.
   */
  readonly forward?: (
    message: () => Message,
    next: Node.Node,
    token: Routing.Token,
    frame: Uint8Array
  ) => RawMessage | "forward" | "drop" | undefined
  /** An own confirmed message of so many bytes is in this Node's custody again: it had no outcome in time. */
  readonly returned: (purpose: number, bytes: number) => void
  /** An own message of so many bytes has left this Node's custody. */
  readonly left: (purpose: number, bytes: number) => void
  /** An own confirmed message has its outcome. */
  readonly resolve: (entry: Confirmations.Unresolved<A>, resolution: Resolution) => void
  /** A message has to wait here, because nobody answers for its key. */
  readonly held: (frame: Uint8Array) => void
  /** A message was given up. */
  readonly gaveUp: (frame: Uint8Array, reason: "heldTooLong" | "tooManyHops") => void
}

/**
 * The messages of one Node.
 *
 * @category models
 * @since 0.1.0
 */
export interface State<A> {
  readonly membership: MembershipState.State
  readonly routing: Routing.State
  readonly deduplication: Deduplication.Deduplication
  readonly confirmations: Confirmations.Confirmations<A>
  readonly counters: Counters
  readonly clients: Clients
}

/**
 * The clients that have a link to this Node: the newest link of each, and whose each link is.
 *
 * @category models
 * @since 0.1.0
 */
export interface Clients {
  readonly links: IdMap<number>
  readonly nodes: Map<number, Node.Node>
}

/**
 * No message yet.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeState = <A>(membership: MembershipState.State, settings: Routing.Settings): State<A> => ({
  membership,
  routing: Routing.make(settings),
  deduplication: Deduplication.make(),
  confirmations: Confirmations.make(),
  counters: { duplicates: 0, expired: 0, dropped: 0, busy: 0, held: 0, forbidden: 0, copies: 0 },
  clients: { links: new IdMap(), nodes: new Map() }
})

/**
 * What can happen to the messages of a Node. Each call carries the time; decisions read the membership as it is at that moment.
 *
 * @category models
 * @since 0.1.0
 */
export interface Messaging<A extends Context> {
  /** What arrived together on a link, from a member or a client. */
  readonly receive: (now: number, link: number, frames: ReadonlyArray<Frame.Frame>) => void
  readonly linkUp: (
    now: number,
    link: number,
    peer: { readonly role: "member" | "client"; readonly node: Node.Node; readonly version: number },
    isPreferred: boolean,
    /** What its handshake took, in milliseconds. */
    roundTrip: number
  ) => void
  readonly linkDown: (now: number, link: number) => void
  /** So many frames of routed messages have arrived at the other end of a link. */
  readonly progressed: (now: number, link: number, frames: number) => void
  readonly dialFailed: (now: number, node: Node.Node) => void
  readonly ownershipChanged: (now: number) => void
  /** The frame, with a number of its own, of a message that nobody waits for; a direct one is for `sendDirect`. */
  readonly frameOf: (
    message: RawMessage,
    deliveryClass: Exclude<DeliveryClass, "confirmed">,
    isDirect?: boolean
  ) => Uint8Array
  /** Takes such a frame into custody. */
  readonly send: (now: number, frame: Uint8Array) => void
  /** Takes such a frame into custody for one life of a Node. Rule M8. */
  readonly sendDirect: (now: number, frame: Uint8Array, target: Node.Node) => void
  /** Whether another own confirmed message may begin. */
  readonly hasRoom: () => boolean
  /** Takes an own confirmed message, for its root or its target; its deadline is a time. */
  readonly sendConfirmed: (now: number, message: RawMessage, deadline: number, context: A) => void
  /** The applications are done with a message. */
  readonly finished: (now: number, frame: Uint8Array, answer: Frame.Answer) => void
  /** An application that had no room has some again. */
  readonly roomMade: (now: number) => void
  /** The applications have said what becomes of a message that passes through. */
  readonly forwarded: (
    now: number,
    token: Routing.Token,
    frame: Uint8Array,
    forward: RawMessage | "forward" | "drop"
  ) => void
  readonly wake: (now: number) => void
}

/** What of an own message that nobody waits for is told when it has left this Node. */
class Own {
  readonly purpose: number
  readonly bytes: number

  constructor(frame: Uint8Array) {
    this.purpose = Envelope.purpose(frame)
    this.bytes = frame.length
  }
}

/**
 * Puts the parts together over a state.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A extends Context>(state: State<A>, ports: Ports<A>): Messaging<A> => {
  const { clients, confirmations, counters, deduplication, membership, routing } = state
  /** Numbers the messages that nobody waits for. */
  let counter = 0
  let time = 0

  const view: Routing.View = {
    covers: (key) => Membership.covers(membership, key, time + (ports.slept?.() ?? 0)),
    nextHop: (key, isExcluded) => nextHop(membership, key, isExcluded),
    roundTrip: (node) => Liveness.roundTripTo(membership, node)
  }

  const messageOf = (frame: Uint8Array): Message => {
    const from = Envelope.via(frame)
    const message = {
      key: Envelope.key(frame),
      purpose: Envelope.purpose(frame),
      value: Envelope.value(frame),
      from,
      hops: Envelope.hops(frame),
      isDirect: Envelope.isDirect(frame),
      wantsReply: Envelope.wantsReply(frame)
    }
    return Envelope.isOrigin(frame, from)
      ? message
      : { ...message, client: { gateway: from, id: Envelope.origin(frame) } }
  }

  const sink: Routing.Sink = {
    transmit: ports.transmit,
    acknowledge: (link, from, upTo) => ports.transmit(link, Frame.acknowledged(from, upTo)),
    busy: (link, sequence) => {
      counters.busy++
      ports.transmit(link, Frame.busy(sequence))
    },
    copy: () => void counters.copies++,
    deliver: (frame) => deliver(frame),
    ...(ports.mayDeliver === undefined ? {} : {
      // A receipt waits for nobody.
      mayDeliver: (purpose) => purpose === Purposes.reserved.receipt || ports.mayDeliver!(purpose)
    }),
    dial: ports.dial,
    suspect: ports.suspect,
    released: (owner) => {
      if (owner instanceof Own) return ports.left(owner.purpose, owner.bytes)
      const entry = owner as Confirmations.Unresolved<A>
      entry.inCustody = false
      ports.left(Envelope.purpose(entry.frame), entry.frame.length)
    },
    forward: (frame, next, token) => {
      if (ports.forward === undefined || Envelope.purpose(frame) < Purposes.lowest) return "forward"
      const forward = ports.forward(() => messageOf(frame), next, token, frame)
      return forward === undefined ? "wait" : forwardingOf(frame, forward)
    },
    unreachable: (frame, target) => {
      // Nobody waits for any other, and their numbers are others.
      if (Envelope.deliveryClass(frame) !== "confirmed") return
      const entry = Confirmations.resolve(confirmations, time, Envelope.counter(frame), Envelope.incarnation(frame))
      if (entry !== undefined) ports.resolve(entry, { _tag: "Unreachable", target })
    },
    held: (frame) => {
      counters.held++
      ports.held(frame)
    },
    dropped: (frame, reason) => {
      counters.dropped++
      if (reason !== "byApplication") ports.gaveUp(frame, reason)
      else if (Envelope.deliveryClass(frame) === "confirmed") sendReceipt(frame, "dropped")
    }
  }

  const forwardingOf = (frame: Uint8Array, forward: RawMessage | "forward" | "drop"): Routing.Forwarding =>
    typeof forward === "string" ? forward : Envelope.withContents(frame, forward)

  // ---------------------------------------------------------------------------
  // delivery
  // ---------------------------------------------------------------------------

  const delivered = () => Routing.delivered(routing, view, time, sink)

  const deliver = (frame: Uint8Array): void => {
    const purpose = Envelope.purpose(frame)
    if (purpose === Purposes.reserved.receipt) {
      const receipt = Frame.decode(Envelope.value(frame))
      if (receipt._tag === "Receipt") onReceipt(receipt.receipt)
      return delivered()
    }
    if (Purposes.isService(purpose)) return upcall(frame)
    if (purpose < Purposes.lowest && purpose !== Purposes.reserved.relayed) return delivered()
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
        return delivered()
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
        return delivered()
      }
      case "atMostOnce":
        return upcall(frame)
    }
  }

  const upcall = (frame: Uint8Array): void => {
    const answer = ports.deliver(messageOf(frame), frame)
    if (answer !== undefined) afterUpcall(frame, answer)
  }

  const afterUpcall = (frame: Uint8Array, answer: Frame.Answer): void => {
    if (Envelope.deliveryClass(frame) === "confirmed") {
      if (!Purposes.isService(Envelope.purpose(frame))) {
        Deduplication.finishConfirmed(
          deduplication,
          Envelope.origin(frame),
          Envelope.incarnation(frame),
          Envelope.counter(frame),
          // Nobody asks for the reply of a message that was sent without waiting for one.
          Envelope.wantsReply(frame) ? answer : Frame.outcomeOf(answer)
        )
      }
      sendReceipt(frame, answer)
    }
    delivered()
  }

  // ---------------------------------------------------------------------------
  // receipts
  // ---------------------------------------------------------------------------

  const sendReceipt = (frame: Uint8Array, answer: Frame.Answer): void =>
    passReceipt({
      origin: Envelope.origin(frame),
      via: Envelope.via(frame),
      incarnation: Envelope.incarnation(frame),
      counter: Envelope.counter(frame),
      root: membership.self.id,
      hops: Envelope.hops(frame),
      outcome: Frame.outcomeOf(answer),
      ...(typeof answer === "string" || !Envelope.wantsReply(frame) ? {} : { reply: answer })
    })

  /** To the Node that sent the message or accepted it: over an open link, to a known address, or routed to its id. Rule C3. */
  const passReceipt = (receipt: Frame.ReceiptFrame, frame?: Uint8Array): void => {
    if (NodeId.equals(receipt.via, membership.self.id)) return onReceipt(receipt, frame)
    const bytes = frame ?? Frame.receipt(receipt)
    const link = ports.linkTo(receipt.via)
    if (link !== undefined) return ports.transmit(link, bytes)
    const known = Liveness.known(membership, receipt.via)
    if (known !== undefined) ports.dial(known)
    const message = { key: receipt.via, purpose: Purposes.reserved.receipt, value: bytes }
    Routing.send(
      routing,
      view,
      time,
      Envelope.fromSender(membership.self, message, "atMostOnce", 0, 0),
      undefined,
      sink
    )
  }

  const onReceipt = (receipt: Frame.ReceiptFrame, frame?: Uint8Array): void => {
    if (!NodeId.equals(receipt.origin, membership.self.id)) {
      const link = clients.links.get(receipt.origin)
      if (link !== undefined) ports.transmit(link, frame ?? Frame.receipt(receipt))
      return
    }
    const entry = Confirmations.resolve(confirmations, time, receipt.counter, receipt.incarnation)
    if (entry === undefined) return
    if (entry.inCustody) Routing.withdraw(routing, time, entry, sink)
    ports.resolve(entry, { _tag: "Receipt", receipt, now: time })
  }

  // ---------------------------------------------------------------------------
  // own messages
  // ---------------------------------------------------------------------------

  const launch = (entry: Confirmations.Unresolved<A>, frame: Uint8Array): void => {
    const { target } = entry.context
    entry.inCustody = true
    if (target === undefined || Node.isSameLife(target, membership.self)) {
      Routing.send(routing, view, time, frame, entry, sink)
    } else {
      Routing.sendDirect(routing, view, time, frame, entry, target, sink)
    }
  }

  const mayEnter = (link: number, purpose: number): boolean =>
    (!Purposes.isService(purpose) || ports.serves?.(purpose) === true) && ports.mayEnter?.(link, purpose) !== false

  const receive = (link: number, frames: ReadonlyArray<Frame.Frame>): void => {
    const client = clients.nodes.get(link)
    for (const frame of frames) {
      switch (frame._tag) {
        case "Routed": {
          if (client !== undefined) {
            // A client speaks for itself alone, in the life that it shook hands with: each further one would displace what
            // roots remember of others. Its receipts come back through this Node.
            if (!Envelope.isFrom(frame.frame, client)) break
            const purpose = Envelope.purpose(frame.frame)
            if ((purpose < Purposes.lowest && !Purposes.isService(purpose)) || Envelope.isDirect(frame.frame)) break
            Envelope.setVia(frame.frame, membership.self.id)
            Envelope.setHops(frame.frame, 0)
            if (!mayEnter(link, purpose)) {
              counters.forbidden++
              Routing.decline(routing, link, frame.frame, sink)
              if (Envelope.deliveryClass(frame.frame) === "confirmed") sendReceipt(frame.frame, "forbidden")
              break
            }
          }
          Routing.receive(routing, view, time, link, frame.frame, sink)
          break
        }
        case "Acknowledged": {
          Routing.acknowledged(routing, time, link, frame.from, frame.upTo, sink)
          break
        }
        case "Busy": {
          Routing.busy(routing, time, link, frame.sequence, sink)
          break
        }
        case "Receipt": {
          if (client === undefined) passReceipt(frame.receipt, frame.frame)
          break
        }
        case "Delivered": {
          if (client === undefined) Deduplication.takeOver(deduplication, frame.ids, frame.floors)
          break
        }
        case "Control":
        case "Bye":
        case "Query":
        case "Answer":
        case "Session":
        case "Malformed":
          break
      }
    }
    Routing.acknowledge(routing, link, sink)
  }

  return {
    receive: (now, link, frames) => {
      time = now
      receive(link, frames)
    },
    linkUp: (now, link, { node, role, version }, isPreferred, roundTrip) => {
      time = now
      if (role === "client") {
        clients.links.set(node.id, link)
        clients.nodes.set(link, node)
      }
      const member = role === "member" ? node : undefined
      Routing.linkUp(routing, view, now, link, member, isPreferred, roundTrip, sink, version >= Envelope.marksSince)
    },
    linkDown: (now, link) => {
      time = now
      const client = clients.nodes.get(link)
      clients.nodes.delete(link)
      if (client !== undefined && clients.links.get(client.id) === link) clients.links.delete(client.id)
      Routing.linkDown(routing, view, now, link, sink)
    },
    progressed: (now, link, frames) => Routing.progressed(routing, now, link, frames),
    dialFailed: (now, node) => {
      time = now
      Routing.dialFailed(routing, view, now, node, sink)
    },
    ownershipChanged: (now) => {
      time = now
      Routing.ownershipChanged(routing, view, now, sink)
    },
    frameOf: (message, deliveryClass, isDirect) =>
      Envelope.fromSender(membership.self, message, deliveryClass, counter++, 0, isDirect),
    send: (now, frame) => {
      time = now
      Routing.send(routing, view, now, frame, new Own(frame), sink)
    },
    sendDirect: (now, frame, target) => {
      time = now
      if (Node.isSameLife(target, membership.self)) Routing.send(routing, view, now, frame, new Own(frame), sink)
      else Routing.sendDirect(routing, view, now, frame, new Own(frame), target, sink)
    },
    hasRoom: () => Confirmations.hasRoom(confirmations),
    sendConfirmed: (now, message, deadline, context) => {
      time = now
      const entry = Confirmations.begin(
        confirmations,
        now,
        deadline,
        context,
        (counter, floor) =>
          Envelope.fromSender(membership.self, message, "confirmed", counter, floor, context.target !== undefined)
      )
      launch(entry, entry.frame)
    },
    finished: (now, frame, answer) => {
      time = now
      afterUpcall(frame, answer)
    },
    roomMade: (now) => {
      time = now
      Routing.serve(routing, view, now, sink)
    },
    forwarded: (now, token, frame, forward) => {
      time = now
      Routing.forwarded(routing, view, now, token, forwardingOf(frame, forward), sink)
    },
    wake: (now) => {
      time = now
      Routing.wake(routing, view, now, sink)
      const { again, expired } = Confirmations.wake(confirmations, now)
      for (const entry of again) {
        ports.returned(Envelope.purpose(entry.frame), entry.frame.length)
        launch(entry, Confirmations.copy(confirmations, entry))
      }
      for (const entry of expired) {
        if (entry.inCustody) Routing.withdraw(routing, time, entry, sink)
        ports.resolve(entry, { _tag: "Expired" })
      }
    }
  }
}

/**
 * When `wake` has something to do.
 *
 * @category getters
 * @since 0.1.0
 */
export const wakeAt = <A>({ confirmations, routing }: State<A>): number =>
  Math.min(Routing.wakeAt(routing), confirmations.dueAt)

/** How often messages under way are looked at, in milliseconds: new ones may be due before those that were looked at. */
const longestLook = 100

/** Timers are not finer, in milliseconds. */
const shortestLook = 1

/**
 * The milliseconds after which a driver looks again whether `wake` has something to do: setting an alarm anew for
 * every message would cost more than the messages. Whatever is sent meanwhile is not due before, for nothing is
 * before `shortestTimeout`; what was refused may wait a little longer.
 *
 * @category getters
 * @since 0.1.0
 */
export const lookAfter = <A>(state: State<A>, now: number): number => {
  const longest = Math.min(longestLook, state.routing.settings.shortestTimeout)
  return Math.max(shortestLook, Math.min(longest, Math.ceil(wakeAt(state) - now)))
}

/**
 * How long a Node that has left waits for what it holds in custody, in milliseconds. Rule V2.
 *
 * @category constants
 * @since 0.1.0
 */
export const drainPatience = 150

/**
 * Whether time matters: something is in custody, or has no outcome.
 *
 * @category getters
 * @since 0.1.0
 */
export const isActive = <A>({ confirmations, routing }: State<A>): boolean =>
  routing.custody > 0 || confirmations.unresolved.size > 0
