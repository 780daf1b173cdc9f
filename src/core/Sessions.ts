/**
 * Sessions: ordered channels over one link, as one of its ends sees them.
 *
 * A session carries messages in both directions, in order and each once. An end sends no more than the other end has
 * room for, and says so when something is missing. It ends with its link, at the latest: what begins again, and
 * from where, is for those who use it to say, who know what they have sent and what was taken.
 *
 * Pure: the driver owns the link and the clock. Rules N1 to N6 of `docs/protocol.md`.
 *
 * @since 0.1.0
 */
import * as SessionFrame from "../protocol/SessionFrame.ts"
import { Fifo } from "./Fifo.ts"

/**
 * How much an end may send before any of it has been taken.
 *
 * @category models
 * @since 0.1.0
 */
export interface Window {
  readonly messages: number
  readonly bytes: number
}

/**
 * The window of an end that does not ask for another one.
 *
 * @category constants
 * @since 0.1.0
 */
export const defaultWindow: Window = { messages: 1024, bytes: 1024 * 1024 }

/**
 * Why a session has ended: for the reason that one of the ends gave, or because the link did.
 *
 * - `broken`: the link has ended.
 * - `silent`: the other end has not been heard for `patience`.
 * - `late`: the other end did not answer in time whether it accepts.
 * - `untaken`: the other end has ended it, and had not taken all.
 *
 * @category models
 * @since 0.1.0
 */
export interface End {
  readonly reason: SessionFrame.EndReason | "broken" | "silent" | "late" | "untaken"
  /** Who ended it. */
  readonly by: "self" | "peer"
  readonly message: string
}

/**
 * One end of a session. Mutable, with one writer.
 *
 * @category models
 * @since 0.1.0
 */
export interface Session {
  readonly id: number
  readonly name: string
  /** `ending`: it ends as soon as what waits has been sent. */
  phase: "opening" | "open" | "ending" | "ended"
  end: End | undefined
  /** When it began to open, or to end. */
  since: number

  /** Messages that wait until the other end has room. */
  readonly waiting: Fifo<Uint8Array>
  waitingBytes: number
  /** Of a session that has ended: how many still waited. */
  unsent: number
  sent: number
  sentBytes: number
  /** What the other end has taken of it. */
  taken: number
  takenBytes: number
  /** The window of the other end, once it has accepted. */
  window: Window
  /** When so many have been sent, the other end is asked to say when it has taken them. */
  askAt: number | undefined
  /** What had been sent when that was last asked. */
  askedAt: number
  /** When what is on its way, or the answer to a question, was last heard of. */
  movedAt: number

  /** What has arrived and nobody has taken. */
  inbox: Array<Uint8Array>
  inboxBytes: number
  received: number
  /** What has been taken here, and what of that the other end knows. */
  consumed: number
  consumedBytes: number
  told: number
  toldBytes: number
  readonly ownWindow: Window
  /** The other end wants to know when so many have been taken. */
  asked: number | undefined
}

/**
 * The sessions of one end of a link. Mutable, with one writer.
 *
 * @category models
 * @since 0.1.0
 */
export interface State {
  readonly sessions: Map<number, Session>
  /** Ids of the end that dialled are even, those of the other end odd. */
  next: number
  /** The highest id that the other end has used. */
  highest: number
  heardAt: number
  saidAt: number
}

/**
 * What a driver does for the sessions of a link.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ports {
  /** Puts a frame on the lane of sessions. */
  readonly transmit: (frame: Uint8Array) => void
  /** Puts a frame on the lane of control: it overtakes batches. */
  readonly transmitControl: (frame: Uint8Array) => void
  /** Whether somebody accepts sessions of a name, and with which window. */
  readonly windowFor: (name: string) => Window | undefined
  /** The other end has begun a session, which is accepted. */
  readonly accepted: (session: Session) => void
  /** Something that somebody may wait for has changed. */
  readonly changed: (session: Session) => void
}

/**
 * Sessions of one end at a time, both ends' together.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxSessions = 1024

/** The largest batch of several messages, in bytes: what is sent together passes others on the way together. */
const maxBatchBytes = 64 * 1024
const maxBatchMessages = 1024

/** The part of a window that is told of when it has been taken, if nobody asks before. */
const toldPart = 1 / 4

/** How long nothing moves before an end asks how it goes, in milliseconds. */
const syncAfter = 1_000

/** How long the sessions of a link may say nothing before an end says that it lives, in milliseconds. */
const aliveAfter = 5_000

/**
 * How long an end waits to hear anything of the other one, in milliseconds.
 *
 * @category constants
 * @since 0.1.0
 */
export const patience = 15_000

/** How long a session that is to end waits for the other end to take the rest, in milliseconds. */
const endPatience = 30_000

/**
 * How often a driver looks, in milliseconds.
 *
 * @category constants
 * @since 0.1.0
 */
export const lookEvery = 1_000

/**
 * No session yet.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (now: number, isDialled: boolean): State => ({
  sessions: new Map(),
  next: isDialled ? 0 : 1,
  highest: -1,
  heardAt: now,
  saidAt: now
})

const makeSession = (id: number, name: string, ownWindow: Window, now: number): Session => ({
  id,
  name,
  phase: "opening",
  end: undefined,
  since: now,
  waiting: new Fifo(),
  waitingBytes: 0,
  unsent: 0,
  sent: 0,
  sentBytes: 0,
  taken: 0,
  takenBytes: 0,
  window: { messages: 0, bytes: 0 },
  askAt: undefined,
  askedAt: 0,
  movedAt: now,
  inbox: [],
  inboxBytes: 0,
  received: 0,
  consumed: 0,
  consumedBytes: 0,
  told: 0,
  toldBytes: 0,
  ownWindow,
  asked: undefined
})

/** The number that ends in these 32 bits and is nearest to another. */
const near = (number: number, bits: number): number => number + ((bits - number) | 0)

const say = (state: State, now: number, ports: Ports, frame: Uint8Array, isControl = false): void => {
  state.saidAt = now
  if (isControl) ports.transmitControl(frame)
  else ports.transmit(frame)
}

const sayOpen = (state: State, now: number, { id, name, ownWindow }: Session, ports: Ports): void =>
  say(state, now, ports, SessionFrame.control({ _tag: "Open", session: id, name, ...ownWindow }))

/**
 * Begins a session; `undefined` when there are too many.
 *
 * @category transitions
 * @since 0.1.0
 */
export const open = (state: State, now: number, name: string, window: Window, ports: Ports): Session | undefined => {
  if (state.sessions.size >= maxSessions) return undefined
  // With the first session silence begins to mean something.
  if (state.sessions.size === 0) state.heardAt = now
  const session = makeSession(state.next, name, window, now)
  state.next += 2
  state.sessions.set(session.id, session)
  sayOpen(state, now, session, ports)
  return session
}

/**
 * Whether the other end has room for another message, or what waits for it is less than its window.
 *
 * @category getters
 * @since 0.1.0
 */
export const hasRoom = ({ phase, waiting, waitingBytes, window }: Session): boolean =>
  phase === "open" && waiting.length < window.messages && (waitingBytes < window.bytes || waiting.length === 0)

/**
 * Takes a message that is to be sent; `flush` sends it as soon as the other end has room. Nobody may write to it any more.
 *
 * @category transitions
 * @since 0.1.0
 */
export const put = (session: Session, message: Uint8Array): void => {
  session.waiting.push(message)
  session.waitingBytes += message.length
}

/** Whether the other end has room for a message of so many bytes. One that is larger than its window goes alone. */
const fits = ({ sent, sentBytes, taken, takenBytes, window }: Session, bytes: number): boolean =>
  sent - taken < window.messages && (sentBytes - takenBytes + bytes <= window.bytes || sent === taken)

const knownTaken = (session: Session): SessionFrame.Taken => {
  session.told = session.consumed
  session.toldBytes = session.consumedBytes
  return { taken: session.consumed, takenBytes: session.consumedBytes }
}

/**
 * Sends what waits and has room, in batches.
 *
 * @category transitions
 * @since 0.1.0
 */
export const flush = (state: State, now: number, session: Session, ports: Ports): void => {
  if (session.phase !== "open" && session.phase !== "ending") return
  const { waiting } = session
  let hasSent = false
  while (waiting.length > 0 && fits(session, waiting.at(0)!.length)) {
    if (session.sent === session.taken) session.movedAt = now
    const first = session.sent
    const batch: Array<Uint8Array> = []
    let bytes = 0
    for (let next = waiting.at(0); next !== undefined; next = waiting.at(0)) {
      const isFull = batch.length > 0 && (batch.length >= maxBatchMessages || bytes + next.length > maxBatchBytes)
      if (isFull || !fits(session, next.length)) break
      waiting.shift()
      batch.push(next)
      bytes += next.length
      session.sent++
      session.sentBytes += next.length
    }
    session.waitingBytes -= bytes
    hasSent = true
    say(state, now, ports, SessionFrame.batch(session.id, first, batch, knownTaken(session)))
  }
  if (isStuck(session)) ask(session, session.sent)
  if (session.askAt !== undefined && session.sent >= session.askAt) {
    session.askAt = undefined
    sync(state, now, session, ports)
  }
  if (session.phase === "ending" && waiting.length === 0) {
    finish(state, now, session, { reason: "done", by: "self", message: "it was ended here" }, ports)
  } else if (hasSent) ports.changed(session)
}

/**
 * Gives what has arrived to whoever uses the session; the other end may send as much again.
 *
 * @category transitions
 * @since 0.1.0
 */
export const take = (state: State, now: number, session: Session, ports: Ports): ReadonlyArray<Uint8Array> => {
  const messages = session.inbox
  session.inbox = []
  session.consumed += messages.length
  session.consumedBytes += session.inboxBytes
  session.inboxBytes = 0
  if (session.phase !== "open" && session.phase !== "ending") return messages
  const { asked, consumed, consumedBytes, ownWindow, told, toldBytes } = session
  const isAwaited = asked !== undefined && consumed >= asked
  if (isAwaited) session.asked = undefined
  if (
    isAwaited || consumed - told >= ownWindow.messages * toldPart ||
    consumedBytes - toldBytes >= ownWindow.bytes * toldPart
  ) {
    sayCredit(state, now, session, ports)
  }
  return messages
}

const sayCredit = (state: State, now: number, session: Session, ports: Ports): void =>
  say(state, now, ports, SessionFrame.credit(session.id, session.received, knownTaken(session)), true)

/**
 * Asks the other end to say when it has taken all that waits or has been sent so far; `flush` does, once that is sent.
 *
 * @category transitions
 * @since 0.1.0
 */
export const ask = (session: Session, upTo = session.sent + session.waiting.length): void => {
  session.askAt = Math.max(session.askAt ?? 0, upTo)
}

/** Whether a message waits for less to be under way than what the other end gives credit for unasked. */
const isStuck = ({ askedAt, sent, sentBytes, taken, takenBytes, waiting, window }: Session): boolean =>
  waiting.length > 0 && sent > askedAt && sent - taken < window.messages * toldPart &&
  sentBytes - takenBytes < window.bytes * toldPart

const sync = (state: State, now: number, session: Session, ports: Ports): void => {
  const { id, sent } = session
  session.askedAt = sent
  say(state, now, ports, SessionFrame.control({ _tag: "Sync", session: id, sent: sent >>> 0 }))
}

/**
 * Ends a session when what waits has been sent.
 *
 * @category transitions
 * @since 0.1.0
 */
export const end = (state: State, now: number, session: Session, ports: Ports): void => {
  if (session.phase === "ended" || session.phase === "ending") return
  // Nobody has accepted it: nothing of it has been sent.
  if (session.phase === "opening") session.waiting.drop(session.waiting.length)
  session.phase = "ending"
  session.since = now
  flush(state, now, session, ports)
}

/**
 * Ends a session at once.
 *
 * @category transitions
 * @since 0.1.0
 */
export const abort = (
  state: State,
  now: number,
  session: Session,
  reason: SessionFrame.EndReason,
  message: string,
  ports: Ports
): void => finish(state, now, session, { reason, by: "self", message }, ports)

/** Whether an end is the other one's business: it knows of those that have to do with the link. */
const isSaid = (reason: End["reason"]): reason is SessionFrame.EndReason =>
  reason !== "broken" && reason !== "silent" && reason !== "late" && reason !== "untaken"

/** Ends it here, and says so to the other end when that does not know. */
const finish = (state: State, now: number, session: Session, end: End, ports: Ports): void => {
  if (session.phase === "ended") return
  session.phase = "ended"
  session.end = end
  session.unsent = session.waiting.length
  session.waiting.drop(session.unsent)
  session.waitingBytes = 0
  state.sessions.delete(session.id)
  const { message, reason } = end
  if (end.by === "self" && isSaid(reason)) {
    sayEnd(state, now, session, reason, message, ports)
  }
  ports.changed(session)
}

const sayEnd = (
  state: State,
  now: number,
  { consumed, id, sent }: Pick<Session, "id" | "sent" | "consumed">,
  reason: SessionFrame.EndReason,
  message: string,
  ports: Ports
): void =>
  say(
    state,
    now,
    ports,
    SessionFrame.control({
      _tag: "End",
      session: id,
      sent: sent >>> 0,
      taken: consumed >>> 0,
      reason,
      message: message.slice(0, SessionFrame.maxMessage)
    })
  )

/** Refuses a session that is not, or is no more. */
const refuse = (
  state: State,
  now: number,
  id: number,
  reason: SessionFrame.EndReason,
  message: string,
  ports: Ports
): void => sayEnd(state, now, { id, sent: 0, consumed: 0 }, reason, message, ports)

/**
 * A frame has come.
 *
 * @category transitions
 * @since 0.1.0
 */
export const receive = (state: State, now: number, frame: SessionFrame.SessionFrame, ports: Ports): void => {
  state.heardAt = now
  if (frame._tag === "Alive") {
    if (frame.asks) say(state, now, ports, SessionFrame.control({ _tag: "Alive", asks: false }), true)
    return
  }
  if (frame._tag === "Open") return onOpen(state, now, frame, ports)
  const session = state.sessions.get(frame.session)
  if (session === undefined) {
    // What is on its way to a session that has just ended says nothing new; who asks has not heard of it.
    if (frame._tag === "Sync") refuse(state, now, frame.session, "unknown", "there is no such session", ports)
    return
  }
  switch (frame._tag) {
    case "Accept":
      return onAccept(state, now, session, frame, ports)
    case "Batch":
      return onBatch(state, now, session, frame, ports)
    case "Credit":
      return onTaken(state, now, session, frame, ports)
    case "Sync":
      return onSync(state, now, session, frame.sent, ports)
    case "End":
      return onEnd(state, now, session, frame, ports)
  }
}

type FrameOf<Tag extends SessionFrame.SessionFrame["_tag"]> = Extract<
  SessionFrame.SessionFrame,
  { readonly _tag: Tag }
>

const onOpen = (state: State, now: number, frame: FrameOf<"Open">, ports: Ports): void => {
  const { bytes, messages, name, session: id } = frame
  // Its own numbers are no other's to use; and of one that was there already the answer was late.
  if ((id - state.next) % 2 === 0) return
  const known = state.sessions.get(id)
  if (known !== undefined) return sayAccept(state, now, known, ports)
  if (id <= state.highest) return
  state.highest = id
  const window = ports.windowFor(name)
  if (window === undefined) {
    return refuse(state, now, id, "unknown", `nobody accepts sessions of the name "${name}" here`, ports)
  }
  if (state.sessions.size >= maxSessions) {
    return refuse(state, now, id, "full", "there are too many sessions on this link", ports)
  }
  const session = makeSession(id, name, window, now)
  session.phase = "open"
  session.window = { messages, bytes }
  state.sessions.set(id, session)
  sayAccept(state, now, session, ports)
  ports.accepted(session)
}

const sayAccept = (state: State, now: number, { id, ownWindow }: Session, ports: Ports): void =>
  say(state, now, ports, SessionFrame.control({ _tag: "Accept", session: id, ...ownWindow }))

const onAccept = (state: State, now: number, session: Session, frame: FrameOf<"Accept">, ports: Ports): void => {
  if (session.phase === "opening") session.phase = "open"
  session.window = { messages: frame.messages, bytes: frame.bytes }
  session.movedAt = now
  flush(state, now, session, ports)
  ports.changed(session)
}

const lose = (state: State, now: number, session: Session, ports: Ports, what: string): void =>
  finish(state, now, session, { reason: "lost", by: "self", message: what }, ports)

const onBatch = (state: State, now: number, session: Session, frame: SessionFrame.Batch, ports: Ports): void => {
  const { messages } = frame
  const ahead = near(session.received, frame.first) - session.received
  // It has come already: the network has repeated it.
  if (ahead + messages.length <= 0) return
  if (ahead !== 0) return lose(state, now, session, ports, "a message did not arrive, or not in its place")
  const { ownWindow } = session
  const room = ownWindow.messages - (session.received - session.consumed)
  let bytes = 0
  for (const message of messages) bytes += message.length
  const isAlone = session.inbox.length === 0 && messages.length === 1
  if (messages.length > room || (session.inboxBytes + bytes > ownWindow.bytes && !isAlone)) {
    const message = "more was sent than there was credit for"
    return finish(state, now, session, { reason: "overrun", by: "self", message }, ports)
  }
  for (const message of messages) session.inbox.push(message)
  session.inboxBytes += bytes
  session.received += messages.length
  onTaken(state, now, session, frame, ports)
  ports.changed(session)
}

/** The other end has taken something: there may be room. What it cannot have taken is not believed. */
const onTaken = (
  state: State,
  now: number,
  session: Session,
  { taken, takenBytes }: SessionFrame.Taken,
  ports: Ports
): void => {
  const count = near(session.taken, taken)
  const bytes = near(session.takenBytes, takenBytes)
  session.movedAt = now
  if (count <= session.taken || count > session.sent || bytes > session.sentBytes) return
  session.taken = count
  session.takenBytes = bytes
  flush(state, now, session, ports)
  ports.changed(session)
}

const onSync = (state: State, now: number, session: Session, sent: number, ports: Ports): void => {
  const count = near(session.received, sent)
  if (count > session.received) return lose(state, now, session, ports, "messages did not arrive")
  session.asked = count > session.consumed ? count : undefined
  sayCredit(state, now, session, ports)
}

const onEnd = (state: State, now: number, session: Session, frame: FrameOf<"End">, ports: Ports): void => {
  const { message, reason, sent, taken } = frame
  session.taken = Math.min(session.sent, Math.max(session.taken, near(session.taken, taken)))
  finish(
    state,
    now,
    session,
    { reason: reason === "done" ? wholeness(session, sent) : reason, by: "peer", message },
    ports
  )
}

/** Whether a session that the other end has ended was whole: all that was sent has arrived here, and has been taken there. */
const wholeness = ({ received, sent, taken, waiting }: Session, sentThere: number): "done" | "lost" | "untaken" => {
  if (near(received, sentThere) !== received) return "lost"
  return taken === sent && waiting.length === 0 ? "done" : "untaken"
}

/**
 * The link has ended, and all its sessions with it.
 *
 * @category transitions
 * @since 0.1.0
 */
export const linkDown = (state: State, now: number, ports: Ports): void => {
  for (const session of state.sessions.values()) {
    finish(state, now, session, { reason: "broken", by: "self", message: "the connection has ended" }, ports)
  }
}

/**
 * Looks what is due: called every `lookEvery`, as long as there are sessions.
 *
 * @category transitions
 * @since 0.1.0
 */
export const wake = (state: State, now: number, ports: Ports): void => {
  if (state.sessions.size === 0) return
  if (now - state.heardAt >= patience) {
    for (const session of state.sessions.values()) {
      const message = `nothing was heard of the other end for ${patience / 1_000} s`
      finish(state, now, session, { reason: "silent", by: "self", message }, ports)
    }
    return
  }
  for (const session of state.sessions.values()) look(state, now, session, ports)
  if (now - Math.min(state.heardAt, state.saidAt) >= aliveAfter) {
    say(state, now, ports, SessionFrame.control({ _tag: "Alive", asks: true }), true)
  }
}

const look = (state: State, now: number, session: Session, ports: Ports): void => {
  if (session.phase === "opening") {
    if (now - session.since >= patience) {
      const message = `the other end did not answer for ${patience / 1_000} s`
      return finish(state, now, session, { reason: "late", by: "self", message }, ports)
    }
    return sayOpen(state, now, session, ports)
  }
  if (session.phase === "ending" && now - session.since >= endPatience) {
    return abort(state, now, session, "aborted", "the other end did not take the rest in time", ports)
  }
  if (session.sent > session.taken && now - session.movedAt >= syncAfter) sync(state, now, session, ports)
}
