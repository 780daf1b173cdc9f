/**
 * Ownership: which keys a Node answers for, and the leases that make it safe.
 *
 * A ready Node has a neighbour on each side. Each grants the other a lease: "until
 * then I keep you as my neighbour, so I answer for nothing on your half". A side
 * whose lease has run out answers for nothing. A side whose neighbour is gone
 * grows only together with the Node beyond, and only when nobody between the two
 * can still hold a lease. Rules R1, L1 to L5 and F1 to F5 of `docs/protocol.md`.
 *
 * @since 0.1.0
 */
import type { ControlMessage, Neighbour } from "../protocol/ControlMessage.ts"
import * as Coverage from "../ring/Coverage.ts"
import * as Node from "../ring/Node.ts"
import * as NodeId from "../ring/NodeId.ts"
import * as MembershipState from "./MembershipState.ts"
import type { Output, Side, State } from "./MembershipState.ts"

type Message<Tag extends ControlMessage["_tag"]> = Extract<ControlMessage, { readonly _tag: Tag }>

/**
 * Whether this Node is the root of a key now, by its neighbours and leases. Rule R1.
 *
 * @category getters
 * @since 0.1.0
 */
export const covers = (state: State, key: NodeId.NodeId, now: number): boolean =>
  state.phase === "ready" && (
    (now < state.successor.leaseUntil && Coverage.coversRight(state.self.id, state.successor.bound.id, key)) ||
    (now < state.predecessor.leaseUntil && Coverage.coversLeft(state.self.id, state.predecessor.bound.id, key))
  )

/**
 * Whether a side has no neighbour because the ring has no other Node there.
 *
 * @category getters
 * @since 0.1.0
 */
export const isAloneSide = (state: State, side: Side): boolean => NodeId.equals(side.node.id, state.self.id)

/**
 * Whether this Node is a ring of one.
 *
 * @category getters
 * @since 0.1.0
 */
export const isAlone = (state: State): boolean =>
  state.phase === "ready" && isAloneSide(state, state.predecessor) && isAloneSide(state, state.successor)

/**
 * Whether a side's neighbour is established: present, granting, and not a joiner in the middle of joining.
 *
 * @category getters
 * @since 0.1.0
 */
export const isSettled = (side: Side): boolean =>
  side.lostAt === undefined && side.attempt === undefined && side.bound === side.node

/** No lease that anybody who stood beyond this side may have had, from this Node or from a lost one, can stand any longer. Rule F3. */
const hasWaited = (state: State, side: Side, now: number): boolean =>
  side.lostAt !== undefined && now >= side.lostAt + state.settings.lease + state.settings.margin

/** When the lease of a lost neighbour from this Node has run out for certain. */
const clearedAt = (state: State, side: Side): number =>
  side.proven ? side.lostAt! : side.grantedAt + state.settings.lease + state.settings.margin

/** The lost neighbour itself answers for nothing any more. Rule F3. */
const isCleared = (state: State, side: Side, now: number): boolean =>
  side.lostAt !== undefined && now >= clearedAt(state, side)

const changed: Output = { _tag: "Emit", event: { _tag: "OwnershipChanged" } }

// -----------------------------------------------------------------------------
// asking
// -----------------------------------------------------------------------------

/** Asks the neighbour of a side for a lease; asking again repeats the question, so that the lease counts from the first time. Rule L1. */
const ask = (state: State, now: number, which: Neighbour, out: Array<Output>): void => {
  const side = state[which]
  if (side.unanswered === 0) {
    side.sequence = ++state.sequence
    side.askedAt = now
  }
  side.unanswered++
  side.nextAskAt = now + MembershipState.probeTimeout(state)
  const replaced = side.bound === side.node ? undefined : side.previous
  out.push({
    _tag: "Send",
    to: side.node,
    message: {
      _tag: "Renew",
      sequence: side.sequence,
      as: which,
      replaces: replaced?.node.id,
      attempt: state.attempt,
      waited: replaced !== undefined && hasWaited(state, replaced, now)
    }
  })
}

/**
 * The nearest leaf on a side.
 *
 * @category getters
 * @since 0.1.0
 */
export const nearestLeaf = (state: State, which: Neighbour): Node.Node | undefined =>
  which === "successor" ? state.leafSet.members[0] : state.leafSet.members.at(-1)

/**
 * Whether `x` lies between this Node and `y` on a side.
 *
 * @category getters
 * @since 0.1.0
 */
export const isNearer = (state: State, which: Neighbour, x: NodeId.NodeId, y: NodeId.NodeId): boolean =>
  which === "successor"
    ? NodeId.isBetween(state.self.id, x, y)
    : NodeId.isBetween(y, x, state.self.id)

/** Looks for a new neighbour on a side whose neighbour is gone. Rules F3, F4. */
const seek = (state: State, now: number, which: Neighbour, out: Array<Output>): void => {
  const side = state[which]
  side.nextAskAt = now + MembershipState.probeTimeout(state)
  const candidate = nearestLeaf(state, which)
  // Who was lost without proof may come back, and one that lost its place may be ready again elsewhere: it is
  // asked as long as nobody has taken its place here.
  const isBack = candidate !== undefined && Node.isSameLife(candidate, side.node)
  if (!side.proven || isBack) {
    side.unanswered = 0
    ask(state, now, which, out)
  }
  if (!isCleared(state, side, now)) {
    side.nextAskAt = Math.min(side.nextAskAt, clearedAt(state, side))
    return
  }
  if (candidate === undefined) return beAlone(state, now, out)
  if (isBack) return
  const known = state.pairings[which]
  const again = known !== undefined && Node.isSameLife(known.node, candidate)
  const pairing = again
    ? { ...known, unanswered: known.unanswered + 1 }
    : { node: candidate, sequence: ++state.sequence, askedAt: now, unanswered: 1 }
  state.pairings[which] = pairing
  out.push({
    _tag: "Send",
    to: candidate,
    message: {
      _tag: "Renew",
      sequence: pairing.sequence,
      as: which,
      replaces: side.node.id,
      attempt: state.attempt,
      waited: hasWaited(state, side, now)
    }
  })
}

/**
 * A leaf was found: where it is the nearest on a side whose neighbour is gone, the search goes on with it at once. Rule F4.
 *
 * @category transitions
 * @since 0.1.0
 */
export const onLeaf = (state: State, now: number, node: Node.Node): void => {
  for (const which of ["predecessor", "successor"] as const) {
    if (state[which].lostAt !== undefined && nearestLeaf(state, which) === node) state[which].nextAskAt = now
  }
}

/** With nobody left to be a neighbour, a Node is a ring of one. Rule F5. */
const beAlone = (state: State, now: number, out: Array<Output>): void => {
  const { predecessor, successor } = state
  const isFree = (side: Side) => isAloneSide(state, side) || isCleared(state, side, now)
  const isOne = isAloneSide(state, predecessor) || isAloneSide(state, successor) ||
    Node.isSameLife(predecessor.node, successor.node)
  const isLong = (side: Side) => isAloneSide(state, side) || hasWaited(state, side, now)
  if (!isFree(predecessor) || !isFree(successor)) return
  if (!isOne && !(isLong(predecessor) && isLong(successor))) return
  closeGap(predecessor, out)
  if (!Node.isSameLife(predecessor.node, successor.node)) closeGap(successor, out)
  state.predecessor = MembershipState.aloneSide(state.self)
  state.successor = MembershipState.aloneSide(state.self)
  state.pairings = { predecessor: undefined, successor: undefined }
  out.push(changed)
}

/** Tells a Node that leaves that its place on this side has been taken. Rule V2. */
const closeGap = (side: Side, out: Array<Output>): void => {
  if (side.leaving) out.push({ _tag: "Send", to: side.node, message: { _tag: "LeaveAck" } })
}

/**
 * Bulk data makes progress between this Node and another: it lives, and its answer may wait behind that. A lease it does
 * not give: that counts from when it was first asked for, as ever. Rule H11.
 *
 * @category transitions
 * @since 0.1.0
 */
export const onAlive = (state: State, node: Node.Node): void => {
  for (const which of ["predecessor", "successor"] as const) {
    const side = state[which]
    if (Node.isSameLife(side.node, node)) side.unanswered = Math.min(side.unanswered, 1)
    const pairing = state.pairings[which]
    if (pairing !== undefined && Node.isSameLife(pairing.node, node)) {
      state.pairings[which] = { ...pairing, unanswered: Math.min(pairing.unanswered, 1) }
    }
  }
}

/**
 * Does what is due on both sides: renews leases, and looks for new neighbours.
 * Returns the neighbours that have left the last question unanswered.
 *
 * @category transitions
 * @since 0.1.0
 */
export const wake = (state: State, now: number, out: Array<Output>): ReadonlyArray<Node.Node> => {
  const silent: Array<Node.Node> = []
  for (const which of ["predecessor", "successor"] as const) {
    const side = state[which]
    if (isAloneSide(state, side) || now < side.nextAskAt) continue
    if (side.lostAt !== undefined) {
      const pairing = state.pairings[which]
      if (pairing !== undefined && pairing.unanswered > state.settings.probeRetries) {
        state.pairings[which] = undefined
        silent.push(pairing.node)
      }
      seek(state, now, which, out)
    } else if (side.unanswered > state.settings.probeRetries) {
      silent.push(side.node)
      lose(state, now, side.node, false, out)
    } else {
      ask(state, now, which, out)
    }
  }
  return silent
}

/**
 * When `wake` has something to do.
 *
 * @category getters
 * @since 0.1.0
 */
export const wakeAt = (state: State): number => {
  const { predecessor, successor } = state
  const ask = Math.min(
    isAloneSide(state, predecessor) ? Number.POSITIVE_INFINITY : predecessor.nextAskAt,
    isAloneSide(state, successor) ? Number.POSITIVE_INFINITY : successor.nextAskAt
  )
  return isDeserted(state) ? ask : Math.min(ask, Math.max(predecessor.leaseUntil, successor.leaseUntil))
}

/**
 * Whether both leases have run out, so that this Node answers for nothing.
 *
 * @category getters
 * @since 0.1.0
 */
export const hasLapsed = (state: State, now: number): boolean =>
  now >= state.predecessor.leaseUntil && now >= state.successor.leaseUntil

/**
 * Whether a Node without leases cannot know whether the ring has closed over
 * it. One that has lost everybody it knew waits to be alone instead (F5). Rule L4.
 *
 * @category getters
 * @since 0.1.0
 */
export const isDetached = (state: State, now: number): boolean => hasLapsed(state, now) && !isDeserted(state)

/**
 * So much time may have passed for others that has not passed here, or the clock was set forward: what was promised to this
 * Node counts as promised so much earlier, and what it promised as it did. Rule L6.
 *
 * @category transitions
 * @since 0.1.0
 */
export const age = (state: State, milliseconds: number): void => {
  for (const which of ["predecessor", "successor"] as const) {
    for (let side: Side | undefined = state[which]; side !== undefined; side = side.previous) {
      side.leaseUntil -= milliseconds
      side.askedAt -= milliseconds
    }
    const pairing = state.pairings[which]
    if (pairing !== undefined) state.pairings[which] = { ...pairing, askedAt: pairing.askedAt - milliseconds }
  }
  state.attemptAt -= milliseconds
  if (state.grant !== undefined) state.grant = { ...state.grant, askedAt: state.grant.askedAt - milliseconds }
}

const isDeserted = (state: State): boolean =>
  state.leafSet.members.length === 0 && state.predecessor.lostAt !== undefined && state.successor.lostAt !== undefined

// -----------------------------------------------------------------------------
// losing a neighbour
// -----------------------------------------------------------------------------

/**
 * A neighbour is gone: with proof (its process has ended, or it said so), or by
 * silence. From now on it is granted nothing. Rules F1, F2.
 *
 * @category transitions
 * @since 0.1.0
 */
export const lose = (
  state: State,
  now: number,
  node: Node.Node,
  proven: boolean,
  out: Array<Output>,
  leaving = false
): void => {
  // First of all: the joiner was promised a gap that ends at this very successor. Found by exploring "2 ring, join, crash".
  if (Node.isSameLife(state.successor.node, node)) dropBusy(state, out)
  for (const which of ["predecessor", "successor"] as const) {
    for (let side: Side | undefined = state[which]; side !== undefined; side = side.previous) {
      if (!Node.isSameLife(side.node, node) || isAloneSide(state, side)) continue
      const isNews = side.lostAt === undefined || (proven && !side.proven)
      if (side.lostAt === undefined) side.lostAt = now
      side.proven ||= proven
      side.leaving ||= leaving
      side.unanswered = 0
      if (side === state[which] && isNews) seek(state, now, which, out)
    }
    const pairing = state.pairings[which]
    if (pairing !== undefined && Node.isSameLife(pairing.node, node)) {
      state.pairings[which] = undefined
      state[which].nextAskAt = now
    }
  }
}

/** A gap owner whose own successor is gone cannot help a joiner. Rule J6. */
const dropBusy = (state: State, out: Array<Output>): void => {
  if (state.busy === undefined) return
  if (!Node.isSameLife(state.busy.joiner, state.successor.node)) {
    out.push({
      _tag: "Send",
      to: state.busy.joiner,
      message: { _tag: "Nack", attempt: state.busy.attempt, leaves: state.leafSet.members.slice() }
    })
  }
  state.busy = undefined
}

// -----------------------------------------------------------------------------
// answering
// -----------------------------------------------------------------------------

/**
 * Whether a side whose neighbour is gone may take the asker instead. Rule F3.
 */
const mayTake = (state: State, side: Side, question: Message<"Renew">, now: number): boolean =>
  question.replaces === undefined || NodeId.equals(question.replaces, side.node.id)
    ? isCleared(state, side, now)
    : isCleared(state, side, now) && hasWaited(state, side, now) && question.waited

/**
 * Answers the question of a Node that holds this one to be its neighbour, or
 * wants to. `suspect` is called with a neighbour that the asker says is gone.
 *
 * @category transitions
 * @since 0.1.0
 */
export const onRenew = (
  state: State,
  now: number,
  from: Node.Node,
  question: Message<"Renew">,
  out: Array<Output>,
  suspect: (node: Node.Node) => void
): void => {
  const which = MembershipState.opposite(question.as)
  const answer = (message: ControlMessage) => out.push({ _tag: "Send", to: from, message })
  const grant = () => answer({ _tag: "Renewed", sequence: question.sequence, as: question.as, attempt: state.attempt })
  const deny = (reason: Message<"Denied">["reason"], neighbour?: Node.Node) => {
    // Having said no, this Node must not act on an old yes of the same Node.
    const pairing = state.pairings[which]
    if (pairing !== undefined && Node.isSameLife(pairing.node, from)) state.pairings[which] = undefined
    answer({ _tag: "Denied", sequence: question.sequence, as: question.as, reason, neighbour })
  }
  if (state.phase !== "ready") {
    return deny(MembershipState.isParty(state, from) ? "joining" : "notReady")
  }
  const side = state[which]
  if (Node.isSameLife(side.node, from)) {
    if (side.lostAt !== undefined) {
      side.lostAt = undefined
      side.proven = false
      side.leaving = false
      side.nextAskAt = now
      state.pairings[which] = undefined
    }
    settle(state, side)
    side.grantedAt = now
    side.joined = Math.max(side.joined, question.attempt)
    return void grant()
  }
  if (side.lostAt === undefined) {
    if (question.replaces !== undefined && NodeId.equals(question.replaces, side.node.id)) suspect(side.node)
    return deny("taken", side.node)
  }
  const nearest = nearestLeaf(state, which)
  if (nearest !== undefined && isNearer(state, which, nearest.id, from.id)) return deny("wait", nearest)
  if (!mayTake(state, side, question, now)) return deny("wait")
  const pairing = state.pairings[which]
  state.pairings[which] = undefined
  const next = MembershipState.makeSide(from, side.bound, side.leaseUntil, now)
  next.previous = side
  next.joined = question.attempt
  state[which] = next
  closeGap(side, out)
  if (pairing !== undefined && Node.isSameLife(pairing.node, from)) {
    // Both asked at once: the question under way serves for this side too.
    next.sequence = pairing.sequence
    next.askedAt = pairing.askedAt
    next.unanswered = 1
    next.nextAskAt = now + MembershipState.probeTimeout(state)
  } else {
    ask(state, now, which, out)
  }
  grant()
}

/** A joiner has shown that it is ready: what stood there before is history. Rule J5. */
const settle = (state: State, side: Side): void => {
  if (side.attempt === undefined) return
  side.attempt = undefined
  side.previous = undefined
  if (state.busy !== undefined && Node.isSameLife(state.busy.joiner, side.node)) state.busy = undefined
}

/**
 * Whether a word that a neighbour answers for nothing any more is older than its becoming ready again. Rule V3.
 *
 * @category getters
 * @since 0.1.0
 */
export const isOutdated = (state: State, from: Node.Node, attempt: number): boolean =>
  state.phase === "ready" &&
  [state.predecessor, state.successor].some((side) => Node.isSameLife(side.node, from) && side.joined > attempt)

/**
 * A joiner said that it is ready.
 *
 * @category transitions
 * @since 0.1.0
 */
export const onJoined = (state: State, from: Node.Node): void => {
  for (const side of [state.predecessor, state.successor]) {
    if (Node.isSameLife(side.node, from)) settle(state, side)
  }
}

/**
 * A lease was granted.
 *
 * @category transitions
 * @since 0.1.0
 */
export const onRenewed = (
  state: State,
  now: number,
  from: Node.Node,
  answer: Message<"Renewed">,
  out: Array<Output>
): void => {
  if (state.phase !== "ready") return
  const side = state[answer.as]
  if (Node.isSameLife(side.node, from)) {
    if (side.sequence !== answer.sequence || side.unanswered === 0) return
    const until = side.askedAt + state.settings.lease
    side.joined = Math.max(side.joined, answer.attempt)
    side.unanswered = 0
    side.nextAskAt = Math.max(now, side.askedAt + state.settings.renewal)
    side.lostAt = undefined
    side.proven = false
    if (now >= until) return
    const isNews = side.bound !== side.node || now >= side.leaseUntil
    side.bound = side.node
    side.leaseUntil = until
    settle(state, side)
    side.previous = undefined
    if (isNews) out.push(changed)
    return
  }
  const pairing = state.pairings[answer.as]
  if (pairing === undefined || pairing.sequence !== answer.sequence || !Node.isSameLife(pairing.node, from)) return
  state.pairings[answer.as] = undefined
  const until = pairing.askedAt + state.settings.lease
  const nearest = nearestLeaf(state, answer.as)
  const isNearest = nearest === undefined || !isNearer(state, answer.as, nearest.id, from.id)
  if (!isCleared(state, side, now) || now >= until || !isNearest) return
  const next = MembershipState.makeSide(from, from, until, now)
  next.sequence = pairing.sequence
  next.askedAt = pairing.askedAt
  next.joined = answer.attempt
  next.nextAskAt = Math.max(now, pairing.askedAt + state.settings.renewal)
  state[answer.as] = next
  closeGap(side, out)
  out.push(changed)
}

/**
 * A lease was refused. Returns `closed` when the ring has closed over this Node, as the neighbour says.
 * `learn` is called with a neighbour that the answerer named.
 *
 * @category transitions
 * @since 0.1.0
 */
export const onDenied = (
  state: State,
  now: number,
  from: Node.Node,
  answer: Message<"Denied">,
  out: Array<Output>,
  learn: (node: Node.Node) => void
): "closed" | undefined => {
  if (state.phase !== "ready") return undefined
  const which = answer.as
  const side = state[which]
  const pairing = state.pairings[which]
  const isPaired = pairing !== undefined && pairing.sequence === answer.sequence &&
    Node.isSameLife(pairing.node, from)
  const isAsked = Node.isSameLife(side.node, from) && side.sequence === answer.sequence && side.unanswered > 0
  if (!isPaired && !isAsked) return undefined
  if (answer.neighbour !== undefined) learn(answer.neighbour)
  if (isPaired) {
    // It lives, so the search goes on with it, or with a nearer one that it named.
    state.pairings[which] = undefined
    return undefined
  }
  side.unanswered = 0
  side.nextAskAt = now + MembershipState.probeTimeout(state)
  if (answer.reason === "joining") return undefined
  if (answer.reason === "notReady") {
    lose(state, now, from, true, out)
    return undefined
  }
  if (side.bound !== side.node && side.previous !== undefined) {
    // It never took what was granted to it, and has just said so: the search goes on from where it was.
    state[which] = side.previous
    state[which].nextAskAt = now + MembershipState.probeTimeout(state)
    return undefined
  }
  if (answer.reason === "wait" || answer.neighbour === undefined) return undefined
  if (state.busy !== undefined && Node.isSameLife(state.busy.joiner, answer.neighbour)) return undefined
  if (!isNearer(state, which, answer.neighbour.id, from.id)) return "closed"
  lose(state, now, from, false, out)
  return undefined
}

// -----------------------------------------------------------------------------
// joiners
// -----------------------------------------------------------------------------

/**
 * Puts a joiner in the place of a neighbour; coverage shrinks to it at once, the
 * lease stays the one that the old neighbour gave. Rule J4.
 *
 * @category transitions
 * @since 0.1.0
 */
export const shrink = (
  state: State,
  now: number,
  which: Neighbour,
  joiner: Node.Node,
  attempt: number,
  out: Array<Output>
): void => {
  const old = state[which]
  const side = MembershipState.makeSide(joiner, joiner, Math.min(old.leaseUntil, now + state.settings.lease), now)
  side.previous = old
  side.attempt = attempt
  side.joined = attempt
  side.nextAskAt = now + state.settings.renewal
  state[which] = side
  out.push(changed)
}

/**
 * A joiner gave up: what stood there before stands again. Rule J6.
 *
 * @category transitions
 * @since 0.1.0
 */
export const onRelease = (state: State, now: number, from: Node.Node, attempt: number, out: Array<Output>): void => {
  for (const which of ["predecessor", "successor"] as const) {
    const side = state[which]
    if (side.attempt === undefined || side.attempt > attempt || !Node.isSameLife(side.node, from)) continue
    const previous = side.previous!
    previous.nextAskAt = now
    previous.unanswered = 0
    state[which] = previous
    out.push(changed)
  }
  if (
    state.busy !== undefined && Node.isSameLife(state.busy.joiner, from) && state.busy.attempt <= attempt
  ) state.busy = undefined
}
