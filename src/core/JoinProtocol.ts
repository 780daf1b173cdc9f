/**
 * The gap-owner join: how a Node becomes ready between two others.
 *
 * One ready Node owns the gap between itself and its successor and lets in one
 * joiner at a time. Both neighbours shrink before the joiner grows, and each of
 * the three counts the time so that no two of them ever answer for one key.
 * Rules J1 to J6 of `docs/protocol.md`, in the spirit of Li, Misra and Plaxton's
 * ring maintenance; the published Pastry join lets two Nodes own one key
 * (Lu, Merz, Weidenbach, FORTE 2011).
 *
 * @since 0.1.0
 */
import type { ControlMessage } from "../protocol/ControlMessage.ts"
import { nextHop } from "../ring/NextHop.ts"
import * as Node from "../ring/Node.ts"
import * as NodeId from "../ring/NodeId.ts"
import * as RoutingTable from "../ring/RoutingTable.ts"
import * as Liveness from "./Liveness.ts"
import * as MembershipState from "./MembershipState.ts"
import type { Output, State } from "./MembershipState.ts"
import * as Ownership from "./Ownership.ts"

type Message<Tag extends ControlMessage["_tag"]> = Extract<ControlMessage, { readonly _tag: Tag }>

/** Hops after which a JoinRequest is given up: the joiner asks again. */
const maxHops = 32

/** By how much a clock may have been set back, in milliseconds: a century. More is a lie, and would leave the id no further life. Rule J8. */
const longestSetBack = 100 * 365.25 * 24 * 3_600_000

/** Rows that a JoinRequest may collect, in Nodes. */
const maxRows = 192

const send = (out: Array<Output>, to: Node.Node, message: ControlMessage): void => {
  out.push({ _tag: "Send", to, message })
}

const retry = (
  out: Array<Output>,
  request: Message<"JoinRequest">,
  reason: Message<"JoinRetry">["reason"],
  incarnation?: number
): void => send(out, request.joiner, { _tag: "JoinRetry", attempt: request.attempt, reason, incarnation })

// -----------------------------------------------------------------------------
// the Nodes on the way, and the gap owner
// -----------------------------------------------------------------------------

/**
 * A JoinRequest arrives: the gap owner grants, anybody else sends it on. Rules J1, J2.
 *
 * @category transitions
 * @since 0.1.0
 */
export const onJoinRequest = (
  state: State,
  now: number,
  request: Message<"JoinRequest">,
  out: Array<Output>
): void => {
  const { joiner } = request
  if (Node.isSameLife(joiner, state.self)) return
  if (state.phase !== "ready") {
    return isNewcomer(state)
      ? meetNewcomer(state, request, out)
      : retry(out, request, "notReady")
  }
  if (NodeId.equals(joiner.id, state.self.id)) return retry(out, request, "idInUse")
  const ended = state.failed.get(joiner.hex)
  const isRemembered = ended !== undefined && now < ended.at + 4 * state.settings.lease
  if (isRemembered && ended.incarnation > joiner.incarnation) {
    return retry(out, request, "stale", ended.incarnation)
  }
  if (request.hops >= maxHops) return
  const { predecessor, successor } = state
  if (NodeId.isBetween(state.self.id, joiner.id, successor.node.id)) return onOwnGap(state, now, request, out)
  const onward: Message<"JoinRequest"> = { ...request, hops: request.hops + 1, rows: addRow(state, request) }
  // An earlier life of the joiner still stands here: it says itself that the id is in use, or turns out to have ended.
  const earlier = [successor.node, predecessor.node].find((node) => NodeId.equals(node.id, joiner.id))
  if (earlier !== undefined) return send(out, earlier, onward)
  const next = NodeId.isBetween(predecessor.node.id, joiner.id, state.self.id)
    ? predecessor.node
    : nextHop(state, joiner.id, (node) => NodeId.equals(node.id, joiner.id))
  if (next === undefined) return retry(out, request, "busy")
  send(out, next, onward)
}

/** Whether this Node has never been ready: it starts no ring by L5, so nobody may wait for it to do so. */
const isNewcomer = (state: State): boolean =>
  (state.phase === "joining" || state.phase === "idle") && state.detachedAt === undefined

/**
 * Another Node looks for a ring, as this one does: it may know one, and it must come to know the newcomer of the
 * smallest id, which starts one (B2). Each passes the request to a smaller one, so it ends there.
 */
const meetNewcomer = (state: State, request: Message<"JoinRequest">, out: Array<Output>): void => {
  retry(out, request, "newcomer")
  if (state.phase === "joining") addVia(state, request.joiner)
  let smallest = state.self
  for (const { node } of state.newcomers.values()) if (NodeId.compare(node.id, smallest.id) < 0) smallest = node
  if (smallest === state.self || NodeId.equals(smallest.id, request.joiner.id) || request.hops >= maxHops) return
  send(out, smallest, { ...request, hops: request.hops + 1 })
}

const addRow = (state: State, request: Message<"JoinRequest">): ReadonlyArray<Node.Node> => {
  const row = RoutingTable.row(state.routingTable, NodeId.commonPrefix(state.self.id, request.joiner.id))
  return [...request.rows, state.self, ...row].slice(0, maxRows)
}

const onOwnGap = (state: State, now: number, request: Message<"JoinRequest">, out: Array<Output>): void => {
  const { busy, successor } = state
  const isOther = busy !== undefined && !NodeId.equals(busy.joiner.id, request.joiner.id)
  if (isOther || !Ownership.isSettled(successor)) {
    const index = state.waiting.findIndex(({ joiner }) => NodeId.equals(joiner.id, request.joiner.id))
    if (index >= 0) state.waiting[index] = request
    else if (state.waiting.length < MembershipState.maxWaiting) state.waiting.push(request)
    else retry(out, request, "busy")
    return
  }
  if (busy !== undefined && busy.attempt >= request.attempt && busy.joiner.incarnation >= request.joiner.incarnation) {
    return
  }
  if (now >= successor.leaseUntil) return retry(out, request, "busy")
  state.busy = {
    joiner: request.joiner,
    attempt: request.attempt,
    until: now + state.settings.lease + state.settings.margin
  }
  send(out, request.joiner, {
    _tag: "JoinGrant",
    attempt: request.attempt,
    successor: successor.node,
    leaves: state.leafSet.members.slice(),
    rows: addRow(state, request)
  })
}

/**
 * Whose turn came: when nobody is being helped, the joiners that wait are looked
 * at again, for their gap may be another's by now.
 *
 * @category transitions
 * @since 0.1.0
 */
export const serveWaiting = (state: State, now: number, out: Array<Output>): void => {
  if (state.waiting.length === 0) return
  if (state.phase === "ready" && (state.busy !== undefined || !Ownership.isSettled(state.successor))) return
  for (const request of state.waiting.splice(0)) onJoinRequest(state, now, request, out)
}

/**
 * The gap owner takes the joiner for its successor. Rule J4.
 *
 * @category transitions
 * @since 0.1.0
 */
export const onCommit = (
  state: State,
  now: number,
  from: Node.Node,
  { attempt }: Message<"Commit">,
  out: Array<Output>
): void => {
  const { busy, successor } = state
  const isRepeated = state.phase === "ready" && successor.attempt === attempt && Node.isSameLife(successor.node, from)
  if (!isRepeated) {
    const isExpected = state.phase === "ready" && busy !== undefined && Node.isSameLife(busy.joiner, from) &&
      busy.attempt === attempt && now < busy.until && Ownership.isSettled(successor)
    if (!isExpected) return nack(state, from, attempt, out)
    Ownership.shrink(state, now, "successor", from, attempt, out)
  }
  send(out, from, { _tag: "CommitAck", attempt, delivered: [], floors: [] })
}

/**
 * The successor takes the joiner for its predecessor. Rule J4.
 *
 * @category transitions
 * @since 0.1.0
 */
export const onInsert = (
  state: State,
  now: number,
  from: Node.Node,
  { attempt, predecessor }: Message<"Insert">,
  out: Array<Output>
): void => {
  const side = state.predecessor
  const isRepeated = state.phase === "ready" && side.attempt === attempt && Node.isSameLife(side.node, from)
  if (!isRepeated) {
    const isExpected = state.phase === "ready" && NodeId.equals(side.node.id, predecessor) &&
      Ownership.isSettled(side) && NodeId.isBetween(predecessor, from.id, state.self.id)
    if (!isExpected) return nack(state, from, attempt, out)
    Ownership.shrink(state, now, "predecessor", from, attempt, out)
  }
  send(out, from, { _tag: "InsertAck", attempt, leaves: state.leafSet.members.slice(), delivered: [], floors: [] })
}

const nack = (state: State, to: Node.Node, attempt: number, out: Array<Output>): void =>
  send(out, to, { _tag: "Nack", attempt, leaves: state.leafSet.members.slice() })

// -----------------------------------------------------------------------------
// the joiner
// -----------------------------------------------------------------------------

/**
 * Begins to join, or tries again, through the next Node that it knows.
 *
 * @category transitions
 * @since 0.1.0
 */
export const request = (state: State, now: number, out: Array<Output>): void => {
  state.attempt++
  state.attemptAt = now
  state.grant = undefined
  for (const leaf of state.leafSet.members) addVia(state, leaf)
  if (state.joinSeeds.length === 0) {
    // Whoever seemed dead, because this Node or that one was slow, may be the only one who knows the ring.
    for (const lost of state.lost.values()) addVia(state, lost)
  }
  const via = state.joinSeeds[state.nextVia++ % Math.max(1, state.joinSeeds.length)]
  if (via === undefined) {
    // With nobody left to ask, one that was in a ring starts one when its time has come (L5); a newcomer waits for a way in.
    state.retryAt = state.detachedAt === undefined
      ? Number.POSITIVE_INFINITY
      : Math.max(now + state.settings.joinRetry, state.detachedAt + 2 * (state.settings.lease + state.settings.margin))
    return
  }
  state.retryAt = now + requestTimeout(state) + MembershipState.nextRandom(state) % state.settings.jitter
  state.unansweredRequests++
  // Whether it lives decides whether this Node may start a ring of its own (L5).
  if (state.detachedAt !== undefined) Liveness.inquire(state, now, via, "sign", out)
  sendRequest(state, via, out)
}

const sendRequest = (state: State, via: Node.Node, out: Array<Output>): void =>
  send(out, via, { _tag: "JoinRequest", joiner: state.self, attempt: state.attempt, hops: 0, rows: [] })

/**
 * How long a request may take: twice as long after each round through the vias that brought no answer, for the ring may
 * be far away, up to half of a lease, as long as a grant may be on its way. Rule J9.
 */
const requestTimeout = ({ settings: { joinRetry, lease }, unansweredRequests, joinSeeds }: State): number => {
  const rounds = Math.floor(unansweredRequests / Math.max(1, joinSeeds.length))
  return Math.max(joinRetry, Math.min(lease / 2, joinRetry * 2 ** Math.min(rounds, maxRequestDoublings)))
}

/** More than half of a lease it never is, but who knows only dead Nodes must soon come to the next. */
const maxRequestDoublings = 4

/**
 * A way in was found; or, for a ready Node, one that somebody else may need.
 *
 * @category transitions
 * @since 0.1.0
 */
export const onVia = (state: State, now: number, via: Node.Node, out: Array<Output>): void => {
  if (state.phase === "idle") state.phase = "joining"
  // A seed that this Node does not know, though it has a ring: that ring is another one (S1).
  if (state.phase === "ready" && Liveness.known(state, via.id) === undefined) {
    Liveness.inquire(state, now, via, "compare", out)
  }
  if (state.phase !== "joining") return
  addVia(state, via)
  if (state.grant !== undefined) return
  if (state.retryAt === Number.POSITIVE_INFINITY) request(state, now, out)
  // Who has met none but newcomers asks all at once: one of them may know a ring, and the smallest must be known soon.
  else if (state.newcomers.size > 0) sendRequest(state, via, out)
}

/**
 * Remembers a Node through which to join.
 *
 * @category transitions
 * @since 0.1.0
 */
export const addVia = (state: State, via: Node.Node): void => {
  if (Node.isSameLife(via, state.self)) return
  const index = state.joinSeeds.findIndex((node) => NodeId.equals(node.id, via.id))
  if (index >= 0) state.joinSeeds[index] = via
  else if (state.joinSeeds.length < MembershipState.maxVias) state.joinSeeds.push(via)
}

/**
 * The gap owner grants. Rule J3.
 *
 * @category transitions
 * @since 0.1.0
 */
export const onJoinGrant = (
  state: State,
  now: number,
  from: Node.Node,
  message: Message<"JoinGrant">,
  out: Array<Output>
): void => {
  const isCurrent = state.phase === "joining" && message.attempt === state.attempt && state.grant === undefined &&
    now < state.attemptAt + state.settings.lease && NodeId.isBetween(from.id, state.self.id, message.successor.id)
  if (!isCurrent) {
    const isRepeated = state.phase === "joining" && message.attempt === state.attempt && state.grant !== undefined
    if (!isRepeated && !(state.phase === "ready" && message.attempt === state.attempt)) {
      send(out, from, { _tag: "Release", attempt: message.attempt })
    }
    return
  }
  state.unansweredRequests = 0
  state.grant = {
    predecessor: from,
    successor: message.successor,
    askedAt: now,
    askAgainAt: now,
    inserted: false,
    committed: false,
    candidates: [...message.leaves, ...message.rows]
  }
  state.retryAt = now + state.settings.lease / 2
  askNeighbours(state, now, state.grant, out)
}

/** Asks both to shrink, or again whoever has not answered: whoever has shrunk answers the same once more. Rule J3. */
const askNeighbours = (state: State, now: number, grant: MembershipState.Grant, out: Array<Output>): void => {
  const { attempt } = state
  grant.askAgainAt = now + MembershipState.probeTimeout(state)
  if (!grant.inserted) send(out, grant.successor, { _tag: "Insert", attempt, predecessor: grant.predecessor.id })
  if (!grant.committed) send(out, grant.predecessor, { _tag: "Commit", attempt })
}

/**
 * Does what is due for a joiner: asks its neighbours again, gives an attempt up, or begins the next.
 *
 * @category transitions
 * @since 0.1.0
 */
export const wake = (state: State, now: number, out: Array<Output>): void => {
  const { grant } = state
  if (now < state.retryAt) {
    if (grant !== undefined && now >= grant.askAgainAt) askNeighbours(state, now, grant, out)
  } else if (grant !== undefined) abort(state, now, out)
  else if (mayFoundAgain(state, now)) found(state, now, out)
  else request(state, now, out)
}

/**
 * When `wake` has something to do.
 *
 * @category getters
 * @since 0.1.0
 */
export const wakeAt = ({ grant, retryAt }: State): number =>
  grant === undefined ? retryAt : Math.min(retryAt, grant.askAgainAt)

/**
 * One of the two neighbours has shrunk; with both, the joiner is ready. Rule J5.
 *
 * @category transitions
 * @since 0.1.0
 */
export const onAck = (
  state: State,
  now: number,
  from: Node.Node,
  message: Message<"InsertAck"> | Message<"CommitAck">,
  out: Array<Output>
): void => {
  const { grant } = state
  if (state.phase !== "joining" || grant === undefined || message.attempt !== state.attempt) return
  if (message._tag === "CommitAck") {
    if (!Node.isSameLife(grant.predecessor, from)) return
    grant.committed = true
  } else {
    if (grant.inserted || !Node.isSameLife(grant.successor, from)) return
    grant.inserted = true
    // It has said itself where it lives: the gap owner may have been told otherwise.
    grant.successor = from
    grant.candidates = [...grant.candidates, ...message.leaves]
  }
  if (!grant.inserted || !grant.committed) return
  // The grant counts from when it was asked for, the leases from when Insert and Commit were sent; all must still stand.
  const until = grant.askedAt + state.settings.lease
  if (now >= state.attemptAt + state.settings.lease || now >= until) return abort(state, now, out)
  becomeReady(state, now, grant, until, out)
}

const becomeReady = (
  state: State,
  now: number,
  grant: MembershipState.Grant,
  until: number,
  out: Array<Output>
): void => {
  const side = (node: Node.Node) => {
    const made = MembershipState.makeSide(node, node, until, now)
    made.nextAskAt = grant.askedAt + state.settings.renewal
    return made
  }
  state.predecessor = side(grant.predecessor)
  state.successor = side(grant.successor)
  beReady(state, now, out)
  Liveness.admit(state, now, grant.predecessor, undefined, out)
  Liveness.admit(state, now, grant.successor, undefined, out)
  for (const node of state.leafSet.members) send(out, node, { _tag: "Joined", attempt: state.attempt })
  // The question tells them that this Node is ready; those near it are asked who else has come meanwhile.
  Liveness.learn(state, now, grant.candidates, out, "newcomers")
}

/**
 * Starts a ring of one.
 *
 * @category transitions
 * @since 0.1.0
 */
export const found = (state: State, now: number, out: Array<Output>): void => {
  if (state.phase !== "idle" && state.phase !== "joining") return
  if (state.grant !== undefined) return
  state.predecessor = MembershipState.aloneSide(state.self)
  state.successor = MembershipState.aloneSide(state.self)
  beReady(state, now, out)
}

const beReady = (state: State, now: number, out: Array<Output>): void => {
  state.phase = "ready"
  state.grant = undefined
  state.detachedAt = undefined
  state.notReady.clear()
  state.newcomers.clear()
  state.pairings = { predecessor: undefined, successor: undefined }
  state.retryAt = Number.POSITIVE_INFINITY
  state.exchangeAt = now + state.settings.exchange
  state.lostLeaves = 0
  state.repairAt = Number.POSITIVE_INFINITY
  state.tableExchangeAt = now + state.settings.tableExchange
  state.readyAt = now
  state.failures.length = 0
  Liveness.lookLater(state, now)
  out.push({ _tag: "Emit", event: { _tag: "Ready" } }, { _tag: "Emit", event: { _tag: "OwnershipChanged" } })
}

/**
 * Gives an attempt up, tells both sides so, and tries again. Rule J6.
 *
 * @category transitions
 * @since 0.1.0
 */
export const abort = (state: State, now: number, out: Array<Output>): void => {
  const { grant } = state
  if (grant === undefined) return
  const release: ControlMessage = { _tag: "Release", attempt: state.attempt }
  send(out, grant.predecessor, release)
  if (!Node.isSameLife(grant.predecessor, grant.successor)) send(out, grant.successor, release)
  state.grant = undefined
  Liveness.learn(state, now, grant.candidates, out)
  state.attempt++
  addVia(state, grant.predecessor)
  if (grant.inserted) addVia(state, grant.successor)
  state.retryAt = now + 1 + MembershipState.nextRandom(state) % Math.ceil(state.settings.jitter / 4)
}

/**
 * Somebody would not let this Node in now.
 *
 * @category transitions
 * @since 0.1.0
 */
export const onJoinRetry = (
  state: State,
  now: number,
  from: Node.Node,
  message: Message<"JoinRetry">,
  out: Array<Output>
): void => {
  if (state.phase !== "joining" || message.attempt !== state.attempt || state.grant !== undefined) return
  state.unansweredRequests = 0
  if (message.reason === "stale") return raise(state, now, message.incarnation ?? 0, out)
  // Nobody else knows whether the one that has the id still lives.
  if (message.reason === "idInUse" && !NodeId.equals(from.id, state.self.id)) return
  if (message.reason === "idInUse") refuse(out)
  const met = state.newcomers.get(from.hex)
  state.newcomers.delete(from.hex)
  if (message.reason === "notReady") noteNotReady(state, from, from)
  else if (message.reason === "newcomer") {
    noteNotReady(state, from, undefined)
    const newcomer = { node: from, since: met?.since ?? now }
    MembershipState.remember(state.newcomers, from.hex, newcomer, MembershipState.maxVias)
  } else state.notReady.clear()
  state.retryAt = now + 1 + MembershipState.nextRandom(state) % state.settings.jitter
}

const refuse = (out: Array<Output>): void =>
  void out.push({ _tag: "Emit", event: { _tag: "JoinRefused", reason: "idInUse" } })

/**
 * Somebody remembers a later life of this id than this one: the clock that gave this life its number was set
 * back. This is the life after that one, then. Rule J8.
 */
const raise = (state: State, now: number, incarnation: number, out: Array<Output>): void => {
  // This life has been in the ring, so its number was good: a later life has taken its place meanwhile.
  if (state.detachedAt !== undefined) return refuse(out)
  if (incarnation < state.self.incarnation || incarnation - state.firstIncarnation >= longestSetBack) return
  state.self = new Node.Node({ ...state.self, incarnation: incarnation + 1 })
  out.push({ _tag: "Emit", event: { _tag: "IncarnationRaised" } })
  request(state, now, out)
}

/**
 * Neighbour or gap owner said no.
 *
 * @category transitions
 * @since 0.1.0
 */
export const onNack = (
  state: State,
  now: number,
  from: Node.Node,
  message: Message<"Nack">,
  out: Array<Output>
): void => {
  if (state.phase !== "joining" || message.attempt !== state.attempt) return
  if (!MembershipState.isParty(state, from)) return
  Liveness.learn(state, now, message.leaves, out)
  abort(state, now, out)
}

/**
 * A Node that the joiner relied on is gone.
 *
 * @category transitions
 * @since 0.1.0
 */
export const onGone = (state: State, now: number, node: Node.Node, out: Array<Output>): void => {
  const index = state.joinSeeds.findIndex((via) => Node.isSame(via, node))
  if (index >= 0 && (state.joinSeeds.length > 1 || state.leafSet.members.length > 0)) state.joinSeeds.splice(index, 1)
  state.notReady.delete(node.hex)
  state.newcomers.delete(node.hex)
  const { grant } = state
  if (grant === undefined) return
  if (Node.isSame(grant.predecessor, node) || Node.isSame(grant.successor, node)) abort(state, now, out)
}

/**
 * Another Node has lost its place too: a way in perhaps, and one that may start a ring before this one does. Rule L5.
 *
 * @category transitions
 * @since 0.1.0
 */
export const onDetached = (state: State, from: Node.Node): void => {
  if (state.phase !== "joining") return
  addVia(state, from)
  noteNotReady(state, from, from)
}

/**
 * Remembers who is not ready, and whether it has ever been. Of more than so many the oldest is forgotten, but never the
 * one of smallest id that has been ready: it starts a ring before this Node may (L5).
 */
const noteNotReady = ({ notReady }: State, { hex }: Node.Node, node: Node.Node | undefined): void => {
  notReady.delete(hex)
  notReady.set(hex, node)
  if (notReady.size <= MembershipState.maxNotReady) return
  let first: Node.Node | undefined
  for (const other of notReady.values()) {
    if (other !== undefined && (first === undefined || NodeId.compare(other.id, first.id) < 0)) first = other
  }
  for (const oldest of notReady.keys()) {
    if (oldest === first?.hex) continue
    notReady.delete(oldest)
    return
  }
}

/**
 * Whether a Node that lost its place may start a ring of its own: for longer than
 * any lease can stand it has found nobody who is ready, and of those who say that
 * they are not either its id is the smallest. Rule L5.
 *
 * @category getters
 * @since 0.1.0
 */
export const mayFoundAgain = (state: State, now: number): boolean => {
  if (state.detachedAt === undefined || state.grant !== undefined) return false
  if (now < state.detachedAt + 2 * (state.settings.lease + state.settings.margin)) return false
  for (const node of state.notReady.values()) {
    if (node !== undefined && NodeId.compare(node.id, state.self.id) < 0) return false
  }
  const isNoHelp = (node: Node.Node) =>
    state.notReady.has(node.hex) || state.failed.has(node.hex) || Liveness.missedAt(state, node) !== undefined
  // Who stands in the tables has said that it is ready.
  return state.joinSeeds.every(isNoHelp) && Array.from(state.announced.values()).every(isNoHelp)
}
