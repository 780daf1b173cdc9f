/**
 * Routing: what a Node does with the messages that pass through it.
 *
 * A message is delivered here if this Node covers its key, else sent to the next
 * hop, else held until ownership changes. From the moment a frame is acknowledged
 * until the next hop has acknowledged it, it is in this Node's custody. Each link
 * numbers its frames and has a window; beyond all bounds the answer is Busy, and
 * the frame stays with whoever has it. Rules M1 to M7 of `docs/protocol.md`.
 *
 * As `Membership` it knows no socket and no clock. What it does goes to a
 * {@link Sink}, a call each, because there may be hundreds of thousands a second.
 *
 * @since 0.1.0
 */
import * as Envelope from "../protocol/Envelope.ts"
import type * as Node from "../ring/Node.ts"
import type * as NodeId from "../ring/NodeId.ts"
import { Fifo } from "./Fifo.ts"
import * as Lines from "./Lines.ts"
import * as RecentFrames from "./RecentFrames.ts"

/**
 * What routing asks of the membership, at the moment of the decision.
 *
 * @category models
 * @since 0.1.0
 */
export interface View {
  readonly covers: (key: NodeId.NodeId) => boolean
  readonly nextHop: (key: NodeId.NodeId, isExcluded?: (node: Node.Node) => boolean) => Node.Node | undefined
  /** The round trip to a Node in milliseconds, as far as it has been measured. */
  readonly roundTrip: (node: Node.Node) => number | undefined
}

/**
 * What routing has done.
 *
 * @category models
 * @since 0.1.0
 */
export interface Sink {
  readonly transmit: (link: number, frame: Uint8Array) => void
  /** The frames of a link from one number to another are in this Node's custody. */
  readonly acknowledge: (link: number, from: number, upTo: number) => void
  readonly busy: (link: number, sequence: number) => void
  /** A copy came of what this Node holds or has just passed on: it has been acknowledged, and goes no further. */
  readonly copy: (frame: Uint8Array) => void
  /** This Node is the root. The driver calls `delivered` when the application is done with it. */
  readonly deliver: (frame: Uint8Array) => void
  /**
   * Whether the applications that take messages of a purpose have room for another one; when they have room again without
   * `delivered` being called, the driver calls `serve`. Left out: at most `maxDelivering` are being delivered at once.
   */
  readonly mayDeliver?: ((purpose: number) => boolean) | undefined
  /** There is no link to this Node: open one, then call `linkUp` or `dialFailed`. */
  readonly dial: (node: Node.Node) => void
  /** This Node did not acknowledge in time, or its link broke. */
  readonly suspect: (node: Node.Node) => void
  /**
   * A message is about to be sent on from here for the first time: what do the applications say?
   * With `wait` the driver calls `forwarded` later, with the same token.
   */
  readonly forward: (frame: Uint8Array, next: Node.Node, token: Token) => Forwarding | "wait"
  /** An own message has left this Node's custody. */
  readonly released: (own: unknown) => void
  /** Nobody known is closer to the key than this Node, which does not cover it: the message waits here. Told once. */
  readonly held: (frame: Uint8Array) => void
  readonly dropped: (frame: Uint8Array, reason: "heldTooLong" | "tooManyHops" | "byApplication") => void
  /** The Node to which a direct message was sent cannot be reached. */
  readonly unreachable: (frame: Uint8Array, target: Node.Node) => void
}

/**
 * What becomes of a message that passes through: it goes on as it is, or is dropped, or this frame goes on in its place.
 *
 * @category models
 * @since 0.1.0
 */
export type Forwarding = "forward" | "drop" | Uint8Array

/**
 * A message in custody, as the driver holds it while it asks the applications.
 *
 * @category models
 * @since 0.1.0
 */
export type Token = Entry

/**
 * The bounds, in messages, bytes and milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface Settings {
  /** Frames in custody; beyond it a frame from a link is answered Busy. */
  readonly maxCustody: number
  readonly maxCustodyBytes: number
  /** Frames of one link that are not acknowledged, and their bytes. */
  readonly window: number
  readonly windowBytes: number
  /** Messages that the application is working on, where the driver sets no bound of its own (`mayDeliver`). */
  readonly maxDelivering: number
  /** How long a message is held while nobody covers its key. */
  readonly hold: number
  /** The shortest time to wait for an acknowledgement. */
  readonly shortestTimeout: number
  /** How long to wait for one, or for a link, where no round trip has been measured; measured ones may take longer. */
  readonly longestTimeout: number
}

/** No acknowledgement is waited for longer, in milliseconds: as RFC 6298 (2.5) allows. */
const maxTimeout = 60_000

/**
 * How often a message goes another way at once because a hop was late or its link broke, from one Node: fewer times when
 * it came as a copy. After that it waits here before it goes again, each time twice as long. Rule M11.
 */
const maxDetours = 2
const maxDetoursOfCopy = 1

/** How often the wait of a late message doubles at most (to 8 s), and the time-out of a link that does not answer. */
const maxDoublings = 3

/** When to try again after every known way has failed, in milliseconds. */
const holdRetry = 1000

/**
 * The stalled messages of one purpose have at most so many times the room that is still free: seven eighths of all room
 * where they are the only ones, and something is left for other purposes however many are stalled.
 */
const stalledShare = 7

/** Hops after which a message is given up; the tables would have to be very wrong. */
const maxHops = 64

interface Entry {
  readonly frame: Uint8Array
  readonly key: NodeId.NodeId
  /** Hops made when it came here. */
  readonly hops: number
  /** When it was first held: from then on it has so long to find its root. */
  heldSince: number | undefined
  /** Of an own message: what `released` is to be told. */
  readonly own: unknown
  /** Of an own direct message: where it goes. */
  readonly target: Node.Node | undefined
  /** The applications have been asked whether it may be sent on. */
  isAsked: boolean
  /** Copies of it are recognised. */
  isNoted: boolean
  /** A copy may still be on its way to a hop that did not answer: this frame must not be written to. */
  isShared: boolean
  /** Hops that failed for this message, by life. */
  excluded: Set<string> | undefined
  /** How often it was sent in vain: the hop was late, or the link broke. */
  failures: number
  /** On how many links it may still be acknowledged, although it was late there. */
  awaited: number
  /** A hop that was late has it after all: it is in custody no more, wherever it still waits. */
  isReleased: boolean
  /** It is counted among the stalled ones. */
  isStalled: boolean
  sequence: number
  sentAt: number
  /** From when its acknowledgement is waited for: since it was sent, or since the link last made progress towards it. */
  waitedSince: number
  retryAt: number
}

/** A frame that was not acknowledged in time, and may be yet. */
interface Late {
  readonly entry: Entry
  readonly sentAt: number
}

/** What there is of stalled messages of one purpose. */
interface Stalled {
  frames: number
  bytes: number
}

/** A link that is being opened. */
interface Dial {
  readonly node: Node.Node
  /** Until when messages wait for it; then they go another way, if there is one. */
  readonly deadline: number
  queue: Array<Entry>
}

interface Link {
  readonly id: number
  readonly node: Node.Node | undefined
  nextSequence: number
  /** Sent and not acknowledged, in order of their numbers. */
  readonly outstanding: Fifo<Entry>
  outstandingBytes: number
  /** The number after the highest of those that are known to have arrived, acknowledged or not. */
  arrived: number
  /** What waits for the window, or for room at the other end: in order within a purpose. */
  readonly lines: Lines.Lines<Entry>
  /** Frames that were late, by their numbers: at most a window, the newest. */
  readonly late: Map<number, Late>
  /** Its other end knows copies by their marks (version 2). */
  readonly marksCopies: boolean
  /** Smoothed round trip of an acknowledgement and its mean deviation, in milliseconds (RFC 6298). */
  roundTrip: number | undefined
  deviation: number
  /** How often the time-out has doubled since the last measurement (RFC 6298, 5.5). */
  doublings: number
  /** The number after the highest that came in. */
  nextReceived: number
  /** Lower numbers that did not come in: on a connection that loses nothing there are none. At most a window. */
  missing: Set<number> | undefined
  /** How many numbers in a row, the newest last, came in and have not been acknowledged yet. */
  unacknowledged: number
  newest: number
}

/**
 * The state of one Node's routing.
 *
 * @category models
 * @since 0.1.0
 */
export interface State {
  readonly settings: Settings
  readonly links: Map<number, Link>
  /** Those with frames that are not acknowledged: time matters to them alone. */
  readonly unacknowledged: Set<Link>
  /** The link on which to send to a Node, by its life. */
  readonly linkTo: Map<string, Link>
  /** Messages that wait for a link to be opened, by the life of its Node. */
  readonly dialling: Map<string, Dial>
  /** Nodes that were late, by life, and until when they are avoided where there is another way. */
  readonly suspects: Map<string, number>
  /** Messages that nobody known is closer to than this Node, and that it does not cover. */
  readonly held: Set<Entry>
  /** Those whose other end had no room for some of what they are to carry. */
  readonly refused: Set<Link>
  /** Messages that this Node covers, and that wait for the applications, by purpose: one that hangs holds up its own alone. */
  readonly readyToDeliver: Map<number, Fifo<Entry>>
  /** Ripe messages, and those that a hop had no room for, by purpose. Rule M12. */
  readonly stalled: Map<number, Stalled>
  /** What has come in lately, to tell copies of it. */
  readonly recent: RecentFrames.RecentFrames
  /** Frames and bytes in custody. */
  custody: number
  custodyBytes: number
  delivering: number
  /** Ripe messages are being delivered. */
  isServing: boolean
}

/**
 * Nothing in custody, no link.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (settings: Settings): State => ({
  settings,
  links: new Map(),
  unacknowledged: new Set(),
  linkTo: new Map(),
  dialling: new Map(),
  suspects: new Map(),
  held: new Set(),
  refused: new Set(),
  readyToDeliver: new Map(),
  stalled: new Map(),
  recent: RecentFrames.make(),
  custody: 0,
  custodyBytes: 0,
  delivering: 0,
  isServing: false
})

/**
 * The frames in custody: those that are lost when this Node dies now. Not those that the applications are being asked about.
 *
 * @category getters
 * @since 0.1.0
 */
export const inCustody = (state: State): ReadonlyArray<Uint8Array> => {
  const entries = [...state.held]
  for (const readyToDeliver of state.readyToDeliver.values()) entries.push(...readyToDeliver)
  for (const { queue } of state.dialling.values()) entries.push(...queue)
  for (const { lines, outstanding } of state.links.values()) entries.push(...outstanding, ...Lines.items(lines))
  return entries.map(({ frame }) => frame)
}

// -----------------------------------------------------------------------------
// messages
// -----------------------------------------------------------------------------

/**
 * Whether a frame of a purpose may be taken into custody from a link: there is room, and stalled messages of the same
 * purpose do not take more than their share of it. Rule M12.
 *
 * @category getters
 * @since 0.1.0
 */
export const hasRoom = ({ custody, custodyBytes, settings, stalled }: State, purpose: number): boolean => {
  const free = settings.maxCustody - custody
  const freeBytes = settings.maxCustodyBytes - custodyBytes
  if (free <= 0 || freeBytes <= 0) return false
  const mine = stalled.size === 0 ? undefined : stalled.get(purpose)
  return mine === undefined || (mine.frames <= stalledShare * free && mine.bytes <= stalledShare * freeBytes)
}

/** A message waits for an application, or for room at its next hop. */
const stall = ({ stalled }: State, entry: Entry): void => {
  if (entry.isStalled || entry.isReleased) return
  entry.isStalled = true
  const purpose = Envelope.purpose(entry.frame)
  const all = stalled.get(purpose)
  if (all === undefined) {
    stalled.set(purpose, { frames: 1, bytes: entry.frame.length })
  } else {
    all.frames++
    all.bytes += entry.frame.length
  }
}

const unstall = ({ stalled }: State, entry: Entry): void => {
  if (!entry.isStalled) return
  entry.isStalled = false
  const purpose = Envelope.purpose(entry.frame)
  const all = stalled.get(purpose)!
  all.frames--
  all.bytes -= entry.frame.length
  if (all.frames === 0) stalled.delete(purpose)
}

/**
 * Takes an own message into custody. Its sender bounds how many there are.
 *
 * @category transitions
 * @since 0.1.0
 */
export const send = (
  state: State,
  view: View,
  now: number,
  frame: Uint8Array,
  own: unknown,
  sink: Sink
): void => decide(state, view, now, take(state, frame, own, undefined), sink)

/**
 * Takes an own direct message into custody: it goes to `target`, whatever its key. Rule M8.
 *
 * @category transitions
 * @since 0.1.0
 */
export const sendDirect = (
  state: State,
  view: View,
  now: number,
  frame: Uint8Array,
  own: unknown,
  target: Node.Node,
  sink: Sink
): void => decide(state, view, now, take(state, frame, own, target), sink)

const take = (state: State, frame: Uint8Array, own: unknown, target: Node.Node | undefined): Entry => {
  state.custody++
  state.custodyBytes += frame.length
  return makeEntry(frame, own, target)
}

const makeEntry = (frame: Uint8Array, own: unknown, target: Node.Node | undefined): Entry => {
  return {
    frame,
    key: Envelope.key(frame),
    hops: Envelope.hops(frame),
    heldSince: undefined,
    own,
    target,
    isAsked: false,
    isNoted: false,
    isShared: false,
    excluded: undefined,
    failures: 0,
    awaited: 0,
    isReleased: false,
    isStalled: false,
    sequence: 0,
    sentAt: 0,
    waitedSince: 0,
    retryAt: 0
  }
}

const release = (state: State, entry: Entry, sink: Sink): void => {
  entry.isReleased = true
  unstall(state, entry)
  state.custody--
  state.custodyBytes -= entry.frame.length
  if (entry.own !== undefined) sink.released(entry.own)
}

/**
 * A routed frame came in on a link: custody is taken, or Busy answered. Call
 * `acknowledge` after a batch. Rule M4.
 *
 * @category transitions
 * @since 0.1.0
 */
export const receive = (state: State, view: View, now: number, linkId: number, frame: Uint8Array, sink: Sink): void => {
  const link = state.links.get(linkId)
  if (link === undefined) return
  const sequence = Envelope.sequence(frame)
  const isCopy = isKnownCopy(state, view, now, frame)
  if (!isCopy && !hasRoom(state, Envelope.purpose(frame))) {
    if (accept(state, link, sequence)) sink.busy(linkId, sequence)
    return
  }
  if (!accept(state, link, sequence)) {
    // A frame that came twice: it has been taken, but perhaps nobody has heard that.
    sink.acknowledge(linkId, sequence, sequence)
    return
  }
  if (link.unacknowledged > 0 && sequence !== next(link.newest)) acknowledge(state, linkId, sink)
  link.unacknowledged++
  link.newest = sequence
  if (isCopy) return sink.copy(frame)
  if (!isHere(view, frame, Envelope.key(frame))) {
    return goOn(state, view, now, take(state, frame, undefined, undefined), sink)
  }
  if (isWaitedFor(state, frame) || !mayDeliver(state, frame, sink)) {
    return queueForDelivery(state, take(state, frame, undefined, undefined))
  }
  // Most messages at their root: they take no place in custody.
  state.delivering++
  sink.deliver(frame)
}

/** Whether this Node is the root of a message, or the one that a direct message is for. */
const isHere = (view: View, frame: Uint8Array, key: NodeId.NodeId): boolean =>
  Envelope.isDirect(frame) || view.covers(key)

/**
 * Whether a frame is a copy of what this Node holds or has just passed on: it goes no further. At the root
 * deduplication decides, which knows the outcome. Rule M11.
 */
const isKnownCopy = (state: State, view: View, now: number, frame: Uint8Array): boolean =>
  Envelope.isCopy(frame) && mayHaveCopies(frame) && RecentFrames.has(state.recent, now, frame) &&
  !view.covers(Envelope.key(frame))

const mayHaveCopies = (frame: Uint8Array): boolean =>
  Envelope.deliveryClass(frame) !== "atMostOnce" && !Envelope.isDirect(frame)

/**
 * A routed frame came in that must go no further: it is acknowledged, and that is all.
 *
 * @category transitions
 * @since 0.1.0
 */
export const decline = (state: State, linkId: number, frame: Uint8Array, sink: Sink): void => {
  const link = state.links.get(linkId)
  if (link === undefined) return
  const sequence = Envelope.sequence(frame)
  accept(state, link, sequence)
  sink.acknowledge(linkId, sequence, sequence)
}

const next = (sequence: number): number => (sequence + 1) >>> 0

/** Whether a number comes in for the first time. Numbers of 32 bits go round; those of a window lie close together. */
const accept = (state: State, link: Link, sequence: number): boolean => {
  const ahead = (sequence - link.nextReceived) | 0
  if (ahead < 0) return link.missing?.delete(sequence) === true
  if (ahead > 0) {
    const missing = link.missing ??= new Set()
    for (let number = Math.max(0, ahead - state.settings.window); number < ahead; number++) {
      missing.add((link.nextReceived + number) >>> 0)
    }
    for (const oldest of missing) {
      if (missing.size <= state.settings.window) break
      missing.delete(oldest)
    }
  }
  link.nextReceived = next(sequence)
  return true
}

/**
 * Acknowledges what a link has brought since the last call.
 *
 * @category transitions
 * @since 0.1.0
 */
export const acknowledge = (state: State, linkId: number, sink: Sink): void => {
  const link = state.links.get(linkId)
  if (link === undefined || link.unacknowledged === 0) return
  sink.acknowledge(linkId, (link.newest - link.unacknowledged + 1) >>> 0, link.newest)
  link.unacknowledged = 0
}

/** Rules M1, M2, M8: deliver, send on, or hold. With `hasTurn` the applications have room for it. */
const decide = (state: State, view: View, now: number, entry: Entry, sink: Sink, hasTurn = false): void => {
  if (entry.isReleased) return
  unstall(state, entry)
  if (entry.target !== undefined) return sendOn(state, view, now, entry, entry.target, sink)
  if (!isHere(view, entry.frame, entry.key)) return goOn(state, view, now, entry, sink)
  if (!hasTurn && (isWaitedFor(state, entry.frame) || !mayDeliver(state, entry.frame, sink))) {
    return queueForDelivery(state, entry)
  }
  state.delivering++
  release(state, entry, sink)
  sink.deliver(frameFor(entry, entry.hops))
}

/** Sends a message on, or holds it: this Node is not its root. */
const goOn = (state: State, view: View, now: number, entry: Entry, sink: Sink): void => {
  if (entry.hops >= maxHops) {
    release(state, entry, sink)
    sink.dropped(entry.frame, "tooManyHops")
    return
  }
  note(state, now, entry)
  const next = chooseHop(state, view, now, entry)
  if (next === undefined) return hold(state, now, entry, sink)
  if (!entry.isAsked) {
    entry.isAsked = true
    const forwarding = sink.forward(entry.frame, next, entry)
    if (forwarding === "wait") return
    if (forwarding !== "forward") return forwarded(state, view, now, entry, forwarding, sink)
  }
  sendOn(state, view, now, entry, next, sink)
}

/** Remembers what came in and goes on or is held, to tell copies of it; at its root deduplication does. Rule M11. */
const note = (state: State, now: number, entry: Entry): void => {
  if (entry.isNoted || entry.own !== undefined || !mayHaveCopies(entry.frame)) return
  entry.isNoted = true
  RecentFrames.add(state.recent, now, entry.frame)
}

/** Whether others wait for the same applications. */
const isWaitedFor = ({ readyToDeliver }: State, frame: Uint8Array): boolean =>
  readyToDeliver.size > 0 && readyToDeliver.has(Envelope.purpose(frame))

/** Whether the applications have room for a message. */
const mayDeliver = ({ delivering, settings }: State, frame: Uint8Array, sink: Sink): boolean =>
  sink.mayDeliver === undefined ? delivering < settings.maxDelivering : sink.mayDeliver(Envelope.purpose(frame))

/** Rule M12. */
const queueForDelivery = (state: State, entry: Entry): void => {
  stall(state, entry)
  const purpose = Envelope.purpose(entry.frame)
  let waiting = state.readyToDeliver.get(purpose)
  if (waiting === undefined) state.readyToDeliver.set(purpose, waiting = new Fifo())
  waiting.push(entry)
}

/** Rule M3. One that was sent before waits twice as long each time: a copy of it may well arrive. Rule M11. */
const hold = (state: State, now: number, entry: Entry, sink: Sink): void => {
  if (entry.heldSince === undefined) {
    entry.heldSince = now
    sink.held(entry.frame)
  }
  entry.retryAt = now + holdRetry * 2 ** Math.min(maxDoublings, Math.max(0, entry.failures - maxDetours - 1))
  state.held.add(entry)
}

/** Whether a message that was sent in vain may go another way at once. Rule M11. */
const mayDetour = ({ failures, frame }: Entry): boolean =>
  failures <= (Envelope.isCopy(frame) ? maxDetoursOfCopy : maxDetours)

/** The next hop: not one that failed for this message, and one that was late only if there is no other. Rule M5. */
const chooseHop = (state: State, view: View, now: number, { excluded, key }: Entry): Node.Node | undefined => {
  const { suspects } = state
  if (suspects.size > 0) {
    const isSuspect = (life: string) => (suspects.get(life) ?? 0) > now
    const other = view.nextHop(key, ({ life }) => isSuspect(life) || excluded?.has(life) === true)
    if (other !== undefined) return other
  }
  return view.nextHop(key, excluded === undefined ? undefined : (node) => excluded.has(node.life))
}

/**
 * The applications have said what becomes of a message. Rule M9.
 *
 * @category transitions
 * @since 0.1.0
 */
export const forwarded = (
  state: State,
  view: View,
  now: number,
  token: Token,
  forwarding: Forwarding,
  sink: Sink
): void => {
  if (forwarding === "forward") return decide(state, view, now, token, sink)
  if (forwarding === "drop") {
    release(state, token, sink)
    sink.dropped(token.frame, "byApplication")
    return
  }
  state.custodyBytes += forwarding.length - token.frame.length
  const changed = makeEntry(forwarding, token.own, undefined)
  changed.isAsked = true
  // Its copies are copies of the first one.
  changed.isNoted = true
  changed.excluded = token.excluded
  decide(state, view, now, changed, sink)
}

/** Round trips that it takes to open a link: one for the connection, two for the handshake. */
const dialRoundTrips = 3

const sendOn = (state: State, view: View, now: number, entry: Entry, node: Node.Node, sink: Sink): void => {
  const link = state.linkTo.get(node.life)
  if (link === undefined) {
    const dial = state.dialling.get(node.life)
    if (dial !== undefined) {
      if (now >= dial.deadline && isRouted(entry)) return reroute(state, view, now, node, [entry], sink)
      dial.queue.push(entry)
    } else {
      const roundTrip = view.roundTrip(node)
      const patience = roundTrip === undefined
        ? state.settings.longestTimeout
        : bounded(state, dialRoundTrips * firstTimeout * roundTrip)
      state.dialling.set(node.life, { node, deadline: now + patience, queue: [entry] })
      sink.dial(node)
    }
    return
  }
  enqueue(state, now, link, entry, sink)
}

/**
 * The frame of a message that has made so many hops; a copy of its bytes where an earlier hop may still read the first,
 * and then marked as a copy of the message.
 */
const frameFor = (entry: Entry, hops: number): Uint8Array => {
  const frame = entry.isShared ? Envelope.copy(entry.frame) : entry.frame
  if (entry.isShared) Envelope.markCopy(frame)
  Envelope.setHops(frame, hops)
  return frame
}

/** The frame as the other end of a link understands it. */
const frameOn = (link: Link, entry: Entry): Uint8Array => {
  const frame = frameFor(entry, entry.hops + 1)
  if (link.marksCopies || !Envelope.hasMarks(frame)) return frame
  const plain = frame === entry.frame ? Envelope.copy(frame) : frame
  Envelope.clearMarks(plain)
  return plain
}

/** Whether a frame may be sent now: a large one waits until others have been acknowledged, however few they are. */
const isOpen = ({ settings }: State, { outstanding, outstandingBytes }: Link, { frame }: Entry): boolean =>
  outstanding.length === 0 ||
  (outstanding.length < settings.window && outstandingBytes + frame.length <= settings.windowBytes)

const enqueue = (state: State, now: number, link: Link, entry: Entry, sink: Sink): void => {
  const mayGo = isOpen(state, link, entry)
  if (mayGo && Lines.isIdle(link.lines)) return transmit(state, now, link, entry, sink)
  const kind = kindOf(entry)
  Lines.put(link.lines, kind, entry)
  if (Lines.isRefused(link.lines, kind)) stall(state, entry)
  if (mayGo) flush(state, now, link, sink)
}

/** Which messages wait in one line: those of one purpose; of at-most-once ones no word comes whether they were taken. */
const kindOf = ({ frame }: Entry): number => {
  const purpose = Envelope.purpose(frame)
  return Envelope.deliveryClass(frame) === "atMostOnce" ? -1 - purpose : purpose
}

const transmit = (state: State, now: number, link: Link, entry: Entry, sink: Sink): void => {
  const frame = frameOn(link, entry)
  entry.isShared = true
  entry.sequence = link.nextSequence
  entry.sentAt = now
  entry.waitedSince = now
  link.nextSequence = next(entry.sequence)
  Envelope.setSequence(frame, entry.sequence)
  sink.transmit(link.id, frame)
  if (Envelope.deliveryClass(frame) === "atMostOnce") release(state, entry, sink)
  else {
    if (link.outstanding.length === 0) state.unacknowledged.add(link)
    link.outstanding.push(entry)
    link.outstandingBytes += entry.frame.length
  }
}

/**
 * An own message has its outcome: what waits here to be sent, or sent again, goes nowhere any more. What is on its way is.
 *
 * @category transitions
 * @since 0.1.0
 */
export const withdraw = (state: State, now: number, own: unknown, sink: Sink): void => {
  const drop = (entry: Entry): boolean => {
    if (entry.own !== own) return false
    release(state, entry, sink)
    return true
  }
  for (const entry of state.held) if (drop(entry)) state.held.delete(entry)
  for (const link of state.refused) {
    if (Lines.takeOutRefused(link.lines, drop).length > 0) flush(state, now, link, sink)
  }
  for (const dial of state.dialling.values()) dial.queue = dial.queue.filter((entry) => !drop(entry))
}

/**
 * The application is done with a message.
 *
 * @category transitions
 * @since 0.1.0
 */
export const delivered = (state: State, view: View, now: number, sink: Sink): void => {
  state.delivering--
  if (state.readyToDeliver.size > 0) serve(state, view, now, sink)
}

/**
 * Applications may have room: what waits for them is delivered, in order within a purpose.
 *
 * @category transitions
 * @since 0.1.0
 */
export const serve = (state: State, view: View, now: number, sink: Sink): void => {
  // Called by a `deliver` below that is done at once: the loop goes on, rather than the stack.
  if (state.isServing) return
  state.isServing = true
  for (const [purpose, waiting] of state.readyToDeliver) {
    let served = 0
    // More than one, for those whose keys another Node has by now take no turn.
    for (let entry = waiting.at(0); entry !== undefined; entry = waiting.at(0)) {
      if (!mayDeliver(state, entry.frame, sink)) break
      waiting.shift()
      served++
      decide(state, view, now, entry, sink, true)
    }
    if (served === 0) continue
    // Others that wait for the same application have their turn before this one has the next.
    if (waiting.length === 0 || state.readyToDeliver.size > 1) state.readyToDeliver.delete(purpose)
    if (waiting.length > 0) state.readyToDeliver.set(purpose, waiting)
  }
  state.isServing = false
}

/**
 * The keys that this Node covers, or the Nodes that it knows, have changed. Rule M3.
 *
 * @category transitions
 * @since 0.1.0
 */
export const ownershipChanged = (state: State, view: View, now: number, sink: Sink): void => {
  for (const entry of Array.from(state.held)) {
    // What was sent before may still arrive: that waits for its time, unless there is another way for it.
    if (entry.awaited === 0) entry.excluded = undefined
    if (!mayDetour(entry) && !view.covers(entry.key)) continue
    state.held.delete(entry)
    decide(state, view, now, entry, sink)
  }
  for (const link of state.refused) {
    for (const entry of Lines.takeOutRefused(link.lines, isRouted)) decide(state, view, now, entry, sink)
    flush(state, now, link, sink)
  }
}

// -----------------------------------------------------------------------------
// links
// -----------------------------------------------------------------------------

/**
 * Whether an acknowledgement may still come over a link: it is in use then, however long nothing came or went.
 *
 * @category getters
 * @since 0.1.0
 */
export const isAwaited = (state: State, linkId: number): boolean => {
  const link = state.links.get(linkId)
  return link !== undefined && (link.outstanding.length > 0 || link.late.size > 0 || !Lines.isIdle(link.lines))
}

/**
 * A link is open; `node` is the member at its other end, or `undefined` for a
 * client. It becomes the one to send on when there is none, or when `isPreferred`.
 * `roundTrip` is what its handshake took, in milliseconds. Without `marksCopies` its other end knows no marks of copies.
 *
 * @category transitions
 * @since 0.1.0
 */
export const linkUp = (
  state: State,
  view: View,
  now: number,
  id: number,
  node: Node.Node | undefined,
  isPreferred: boolean,
  roundTrip: number,
  sink: Sink,
  marksCopies = true
): void => {
  const link: Link = {
    id,
    node,
    nextSequence: 0,
    outstanding: new Fifo(),
    outstandingBytes: 0,
    arrived: 0,
    lines: Lines.make(),
    late: new Map(),
    marksCopies,
    roundTrip: undefined,
    deviation: 0,
    doublings: 0,
    nextReceived: 0,
    missing: undefined,
    unacknowledged: 0,
    newest: 0
  }
  state.links.set(id, link)
  if (node === undefined) return
  measure(link, roundTrip)
  state.suspects.delete(node.life)
  if (isPreferred || !state.linkTo.has(node.life)) state.linkTo.set(node.life, link)
  const dial = state.dialling.get(node.life)
  if (dial === undefined) return
  state.dialling.delete(node.life)
  for (const entry of dial.queue) decide(state, view, now, entry, sink)
}

/**
 * A link has ended: what it did not acknowledge goes another way at once. Rule M5.
 *
 * @category transitions
 * @since 0.1.0
 */
export const linkDown = (state: State, view: View, now: number, id: number, sink: Sink): void => {
  const link = state.links.get(id)
  if (link === undefined) return
  state.links.delete(id)
  state.unacknowledged.delete(link)
  state.refused.delete(link)
  const { node } = link
  if (node === undefined) return
  if (state.linkTo.get(node.life) === link) {
    state.linkTo.delete(node.life)
    for (const other of state.links.values()) {
      if (other.node !== undefined && other.node.life === node.life) state.linkTo.set(node.life, other)
    }
  }
  // What was late, and waits for that: it will not be acknowledged any more.
  const late = Array.from(link.late.values(), ({ entry }) => entry).filter((entry) => state.held.has(entry))
  for (const sequence of link.late.keys()) forgetLate(link, sequence)
  const outstanding = [...link.outstanding]
  const waiting = [...Lines.items(link.lines)]
  if (outstanding.length + waiting.length + late.length > 0) sink.suspect(node)
  for (const entry of outstanding) sentInVain(state, view, now, node, entry, sink)
  for (const entry of late) if (mayDetour(entry) && state.held.delete(entry)) decide(state, view, now, entry, sink)
  reroute(state, view, now, node, waiting, sink)
}

/**
 * A link could not be opened. Rule M5.
 *
 * @category transitions
 * @since 0.1.0
 */
export const dialFailed = (state: State, view: View, now: number, node: Node.Node, sink: Sink): void => {
  const dial = state.dialling.get(node.life)
  if (dial === undefined) return
  state.dialling.delete(node.life)
  const routed: Array<Entry> = []
  for (const entry of dial.queue) {
    if (entry.target === undefined) {
      routed.push(entry)
    } else {
      release(state, entry, sink)
      sink.unreachable(entry.frame, entry.target)
    }
  }
  reroute(state, view, now, node, routed, sink)
}

const reroute = (
  state: State,
  view: View,
  now: number,
  node: Node.Node,
  entries: ReadonlyArray<Entry>,
  sink: Sink
): void => {
  for (const entry of entries) {
    // There is no other way for it: over a new link if that comes about, else its sender is told.
    if (entry.target !== undefined) {
      decide(state, view, now, entry, sink)
      continue
    }
    exclude(entry, node)
    decide(state, view, now, entry, sink)
  }
}

/** A hop may or may not have got a message: a copy goes another way at once, or the message waits. Rule M11. */
const sentInVain = (state: State, view: View, now: number, node: Node.Node, entry: Entry, sink: Sink): void => {
  if (entry.isReleased) return
  // There is no other way for it: over a new link if that comes about, else its sender is told.
  if (!isRouted(entry)) return decide(state, view, now, entry, sink)
  entry.failures++
  exclude(entry, node)
  if (mayDetour(entry) || view.covers(entry.key)) decide(state, view, now, entry, sink)
  else hold(state, now, entry, sink)
}

const exclude = (entry: Entry, { life }: Node.Node): void => {
  entry.excluded ??= new Set()
  entry.excluded.add(life)
}

/**
 * The other end has taken custody of the frames from one number to another. Rule M4.
 *
 * @category transitions
 * @since 0.1.0
 */
export const acknowledged = (
  state: State,
  now: number,
  linkId: number,
  from: number,
  upTo: number,
  sink: Sink
): void => {
  const link = state.links.get(linkId)
  if (link === undefined) return
  const { outstanding } = link
  let first = 0
  while (first < outstanding.length && isBefore(outstanding.at(first)!.sequence, from)) first++
  let end = first
  while (end < outstanding.length && !isBefore(upTo, outstanding.at(end)!.sequence)) {
    const entry = outstanding.at(end)!
    link.outstandingBytes -= entry.frame.length
    if (!entry.isReleased) release(state, entry, sink)
    if (link.lines.refused > 0) Lines.accept(link.lines, now, kindOf(entry))
    end++
  }
  if (link.late.size > 0) acknowledgedLate(state, now, link, from, upTo, sink)
  if (end === first) return
  measure(link, now - outstanding.at(end - 1)!.sentAt)
  if (link.node !== undefined) state.suspects.delete(link.node.life)
  outstanding.remove(first, end - first)
  if (outstanding.length === 0) state.unacknowledged.delete(link)
  flush(state, now, link, sink)
}

/**
 * A hop that was late has taken custody all the same: what waits here for another way goes nowhere, and the time-out
 * learns how long it really took. Each frame has a number of its own, so that there is no doubt which one is meant, for
 * which Karn's rule leaves such measurements out. Rule M11.
 */
const acknowledgedLate = (
  state: State,
  now: number,
  link: Link,
  from: number,
  upTo: number,
  sink: Sink
): void => {
  for (const [sequence, { entry, sentAt }] of link.late) {
    if (isBefore(sequence, from) || isBefore(upTo, sequence)) continue
    forgetLate(link, sequence)
    measure(link, now - sentAt)
    if (link.node !== undefined) state.suspects.delete(link.node.life)
    if (entry.isReleased) continue
    state.held.delete(entry)
    release(state, entry, sink)
  }
}

/**
 * Data makes progress on a link, and so many of its frames have arrived, modulo 2^32: for those that had not when this was
 * last heard the time to wait for an acknowledgement begins anew. Rule H11.
 *
 * @category transitions
 * @since 0.1.0
 */
export const progressed = (state: State, now: number, linkId: number, frames: number): void => {
  const link = state.links.get(linkId)
  if (link === undefined) return
  for (const entry of link.outstanding) {
    if (!isBefore(entry.sequence, link.arrived)) entry.waitedSince = now
  }
  link.arrived = frames
}

/** Numbers of 32 bits go round; those of a window lie close together. */
const isBefore = (sequence: number, other: number): boolean => ((sequence - other) | 0) < 0

/** Frames of a link whose acknowledgement is not waited for any more. */
const takeOut = (state: State, link: Link, isMeant: (entry: Entry) => boolean): ReadonlyArray<Entry> => {
  const entries = link.outstanding.takeOut((entry) => !isMeant(entry))
  for (const { frame } of entries) link.outstandingBytes -= frame.length
  if (link.outstanding.length === 0) state.unacknowledged.delete(link)
  return entries
}

const measure = (link: Link, roundTrip: number): void => {
  link.doublings = 0
  if (link.roundTrip === undefined) {
    link.roundTrip = roundTrip
    link.deviation = roundTrip * firstDeviation
    return
  }
  link.deviation += (Math.abs(roundTrip - link.roundTrip) - link.deviation) / 4
  link.roundTrip += (roundTrip - link.roundTrip) / 8
}

const flush = (state: State, now: number, link: Link, sink: Sink): void => {
  if (link.lines.refused === 0) state.refused.delete(link)
  if (Lines.isIdle(link.lines)) return
  const mayTake = (entry: Entry): boolean => entry.isReleased || isOpen(state, link, entry)
  Lines.drain(link.lines, mayTake, (entry) => {
    unstall(state, entry)
    if (!entry.isReleased) transmit(state, now, link, entry, sink)
  })
}

/**
 * The other end has no room for a frame: it stays here, and what else is of its purpose waits with it. Rules M4, M12.
 *
 * @category transitions
 * @since 0.1.0
 */
export const busy = (state: State, now: number, linkId: number, sequence: number, sink: Sink): void => {
  const link = state.links.get(linkId)
  if (link === undefined) return
  for (const entry of takeOut(state, link, (entry) => entry.sequence === sequence)) {
    if (entry.isReleased) continue
    const kind = kindOf(entry)
    const isFirst = !Lines.isRefused(link.lines, kind)
    Lines.refuse(link.lines, now, kind, entry)
    state.refused.add(link)
    for (const waiting of isFirst ? Lines.itemsOf(link.lines, kind) : [entry]) stall(state, waiting)
  }
  flush(state, now, link, sink)
}

// -----------------------------------------------------------------------------
// time
// -----------------------------------------------------------------------------

/** A direct message has no other way, and waits as long as it takes. */
const isRouted = (entry: Entry): boolean => entry.target === undefined

/** When a message that is held is given up. */
const giveUpAt = (state: State, { heldSince }: Entry): number => heldSince! + state.settings.hold

/**
 * What is taken for the deviation after a first measurement: half of what TCP takes (RFC 6298, section 2). Most links
 * carry too little to learn better, and who waits in vain for less than that sends a message another way, no more.
 */
const firstDeviation = 1 / 4

/** Round trips that are waited for then: with four deviations. */
const firstTimeout = 1 + 4 * firstDeviation

const bounded = ({ settings }: State, wait: number): number =>
  Math.min(maxTimeout, Math.max(settings.shortestTimeout, wait))

const timeout = (state: State, link: Link): number => {
  const wait = link.roundTrip === undefined
    ? state.settings.longestTimeout
    : bounded(state, link.roundTrip + 4 * link.deviation)
  return Math.min(maxTimeout, wait * 2 ** link.doublings)
}

/** A Node was late: membership looks at it, and until it answers messages avoid it where they can. */
const suspect = (state: State, now: number, node: Node.Node, sink: Sink): void => {
  state.suspects.set(node.life, now + state.settings.longestTimeout)
  sink.suspect(node)
}

/** Does not wait for an acknowledgement any more. */
const forgetLate = (link: Link, sequence: number): void => {
  link.late.get(sequence)!.entry.awaited--
  link.late.delete(sequence)
}

/** A hop was late with a message. Rules M5, M8. */
const late = (
  state: State,
  view: View,
  now: number,
  link: Link,
  node: Node.Node,
  entry: Entry,
  sink: Sink
): void => {
  // A direct message has no other way: its sender sends it again until its deadline.
  if (!isRouted(entry)) return release(state, entry, sink)
  link.late.set(entry.sequence, { entry, sentAt: entry.sentAt })
  entry.awaited++
  for (const sequence of link.late.keys()) {
    if (link.late.size <= state.settings.window) break
    forgetLate(link, sequence)
  }
  sentInVain(state, view, now, node, entry, sink)
}

/**
 * Does what is due: reroutes what was not acknowledged in time, tries again what
 * was refused, gives up what was held too long. Rules M3 to M5.
 *
 * @category transitions
 * @since 0.1.0
 */
export const wake = (state: State, view: View, now: number, sink: Sink): void => {
  for (const link of Array.from(state.unacknowledged)) {
    const wait = timeout(state, link)
    // As `wakeAt` adds it up: the same sum the other way round can differ in its last bit, and nothing would be late.
    const isLate = (entry: Entry) => now >= entry.waitedSince + wait
    if (link.node === undefined || link.outstanding.length === 0 || !isLate(link.outstanding.at(0)!)) continue
    const entries = takeOut(state, link, isLate).filter((entry) => !entry.isReleased)
    link.doublings = Math.min(maxDoublings, link.doublings + 1)
    suspect(state, now, link.node, sink)
    for (const entry of entries) late(state, view, now, link, link.node, entry, sink)
    flush(state, now, link, sink)
  }
  for (const dial of Array.from(state.dialling.values())) {
    if (now < dial.deadline || !dial.queue.some(isRouted)) continue
    const late = dial.queue.filter(isRouted)
    dial.queue = dial.queue.filter((entry) => !isRouted(entry))
    suspect(state, now, dial.node, sink)
    reroute(state, view, now, dial.node, late, sink)
  }
  for (const [life, until] of state.suspects) if (now >= until) state.suspects.delete(life)
  for (const link of state.refused) {
    Lines.wake(link.lines, now)
    flush(state, now, link, sink)
  }
  for (const entry of Array.from(state.held)) {
    if (now >= giveUpAt(state, entry)) {
      state.held.delete(entry)
      release(state, entry, sink)
      sink.dropped(entry.frame, "heldTooLong")
    } else if (now >= entry.retryAt) {
      state.held.delete(entry)
      entry.excluded = undefined
      decide(state, view, now, entry, sink)
    }
  }
}

/**
 * When `wake` has something to do.
 *
 * @category getters
 * @since 0.1.0
 */
export const wakeAt = (state: State): number => {
  let at = Number.POSITIVE_INFINITY
  for (const link of state.unacknowledged) {
    at = Math.min(at, link.outstanding.at(0)!.waitedSince + timeout(state, link))
  }
  for (const { deadline, queue } of state.dialling.values()) {
    if (queue.some(isRouted)) at = Math.min(at, deadline)
  }
  for (const { lines } of state.refused) at = Math.min(at, Lines.wakeAt(lines))
  for (const entry of state.held) at = Math.min(at, entry.retryAt, giveUpAt(state, entry))
  return at
}
