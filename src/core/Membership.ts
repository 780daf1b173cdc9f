/**
 * Membership: the one step function that keeps a Node in the ring.
 *
 * `step` takes what happened and the time, changes the state, and pushes what is
 * to be done; `wakeAt` says when it wants to be called again if nothing happens.
 * No socket, no clock, no chance inside: call order is `step`, carry out the
 * outputs in order, read `wakeAt`. The parts are `Ownership` (leases and
 * neighbours), `JoinProtocol`, `Liveness` (tables) and `Merge`.
 *
 * @since 0.1.0
 */
import type { ControlMessage } from "../protocol/ControlMessage.ts"
import * as LeafSet from "../ring/LeafSet.ts"
import * as Node from "../ring/Node.ts"
import * as NodeId from "../ring/NodeId.ts"
import * as RoutingTable from "../ring/RoutingTable.ts"
import * as JoinProtocol from "./JoinProtocol.ts"
import * as Liveness from "./Liveness.ts"
import * as MembershipState from "./MembershipState.ts"
import type { Input, Output, State } from "./MembershipState.ts"
import * as Merge from "./Merge.ts"
import * as Monitors from "./Monitors.ts"
import * as Ownership from "./Ownership.ts"

/** How long a Node that leaves waits for its neighbours to close the gap, in milliseconds. Rule V2. */
const leavePatience = 700

/** Members of the neighborhood set in one message. */
const maxNear = 256

/**
 * Takes one input at a time.
 *
 * @category transitions
 * @since 0.1.0
 */
export const step = (state: State, now: number, input: Input, out: Array<Output>): void => {
  // A lease that ran out while nothing happened counts before anything else does.
  if (state.phase === "ready" && Ownership.isDetached(state, now)) detach(state, now, out)
  switch (input._tag) {
    case "Received": {
      Liveness.hear(state, now, input.from)
      Monitors.hear(state, now, input.from, out)
      receive(state, now, input.from, input.message, out)
      break
    }
    case "Heard": {
      Liveness.onAlive(state, now, input.node)
      Ownership.onAlive(state, input.node)
      break
    }
    case "Monitor": {
      if (input.isOn) Monitors.begin(state, now, input.node, out)
      else Monitors.end(state, input.node)
      break
    }
    case "Refused": {
      gone(state, now, input.node, true, "failed", out)
      break
    }
    case "Broken": {
      if (MembershipState.isParty(state, input.node)) JoinProtocol.abort(state, now, out)
      if (isOfInterest(state, input.node)) Liveness.onBroken(state, now, input.node, out)
      break
    }
    case "Suspect": {
      if (isOfInterest(state, input.node)) Liveness.inquire(state, now, input.node, "sign", out)
      break
    }
    case "Found": {
      JoinProtocol.found(state, now, out)
      break
    }
    case "Join": {
      JoinProtocol.onVia(state, now, input.via, out)
      break
    }
    case "Leave": {
      leave(state, now, out)
      break
    }
    case "Woken":
      break
  }
  wake(state, now, out)
  JoinProtocol.serveWaiting(state, now, out)
}

/**
 * When `step` wants to be called with `Woken`: `Infinity` when it waits for nothing.
 *
 * @category getters
 * @since 0.1.0
 */
export const wakeAt = (state: State): number => {
  const at = Math.min(Liveness.wakeAt(state), Monitors.wakeAt(state))
  switch (state.phase) {
    case "ready":
      return Math.min(
        at,
        Ownership.wakeAt(state),
        state.exchangeAt,
        state.repairAt,
        state.tableExchangeAt,
        state.lookAt,
        state.busy === undefined ? Number.POSITIVE_INFINITY : state.busy.until
      )
    case "joining":
      return Math.min(at, JoinProtocol.wakeAt(state))
    case "leaving":
      return Math.min(at, state.leaveUntil)
    case "idle":
      return at
  }
}

/**
 * Whether this Node is the root of a key now.
 *
 * @category getters
 * @since 0.1.0
 */
export const covers: (state: State, key: NodeId.NodeId, now: number) => boolean = Ownership.covers

/**
 * Whether this Node answers for anything now: ready, with a lease that stands.
 *
 * @category getters
 * @since 0.1.0
 */
export const isReady = (state: State, now: number): boolean =>
  state.phase === "ready" && !Ownership.hasLapsed(state, now)

const wake = (state: State, now: number, out: Array<Output>): void => {
  for (const { isHearsay, node } of Liveness.wake(state, now, out)) fail(state, now, node, !isHearsay, out)
  Monitors.wake(state, now, out)
  switch (state.phase) {
    case "ready": {
      for (const node of Ownership.wake(state, now, out)) fail(state, now, node, true, out)
      if (state.busy !== undefined && now >= state.busy.until) state.busy = undefined
      if (now >= state.repairAt) Liveness.repair(state, now, out)
      if (now >= state.exchangeAt) exchange(state, now, out)
      if (now >= state.tableExchangeAt) exchangeTables(state, now, out)
      if (now >= state.lookAt) Liveness.inquireSilent(state, now, out)
      break
    }
    case "joining": {
      JoinProtocol.wake(state, now, out)
      break
    }
    case "leaving": {
      if (now >= state.leaveUntil) left(state, out)
      break
    }
    case "idle":
      break
  }
}

/** Leaf sets meet again and again, whatever was lost on the way. Rule D5; Bamboo recovers periodically too. */
const exchange = (state: State, now: number, out: Array<Output>): void => {
  state.exchangeAt = now + state.settings.exchange
  if (state.repairAt === Number.POSITIVE_INFINITY) state.lostLeaves = 0
  const { members } = state.leafSet
  const turn = state.exchanges++ % Math.max(1, members.length)
  // Right and left by turns: a leaf of one side knows the less of the other, the farther away it is.
  const leaf = members.at(turn % 2 === 0 ? turn / 2 : -(turn + 1) / 2)
  if (leaf !== undefined) Liveness.inquire(state, now, leaf, "compare", out)
  Liveness.inquireLost(state, now, out)
  Merge.look(state, out)
}

/** A row meets the same row of one of its Nodes, and the neighborhood set that of one of its members, in turn. Rule D6. */
const exchangeTables = (state: State, now: number, out: Array<Output>): void => {
  state.tableExchangeAt = now + state.settings.tableExchange
  const turn = state.tableExchanges++
  const rows = Array.from(state.routingTable.rows.keys()).filter((row) =>
    RoutingTable.row(state.routingTable, row).length > 0
  )
  const row = rows[turn % Math.max(1, rows.length)]
  if (row !== undefined) {
    const entries = RoutingTable.row(state.routingTable, row)
    const peer = entries[MembershipState.nextRandom(state) % entries.length]!
    out.push({ _tag: "Send", to: peer, message: { _tag: "RowRequest", row } })
  }
  const near = state.neighborhoodSet.members[turn % Math.max(1, state.neighborhoodSet.members.length)]
  if (near !== undefined) out.push({ _tag: "Send", to: near.node, message: { _tag: "NeighborhoodRequest" } })
}

/** Whether this very Node, as it has said itself, lives elsewhere than where others said that it does. Rule D8. */
const isElsewhere = (state: State, node: Node.Node): boolean =>
  [Liveness.known(state, node.id), state.predecessor.node, state.successor.node].some((there) =>
    there !== undefined && Node.isSameLife(there, node) && !Node.isSame(there, node)
  )

/** Whether this Node has any dealings with another. */
const isOfInterest = (state: State, node: Node.Node): boolean =>
  state.phase !== "idle" && (Liveness.known(state, node.id) !== undefined ||
    Node.isSameLife(state.predecessor.node, node) || Node.isSameLife(state.successor.node, node) ||
    (state.busy !== undefined && Node.isSameLife(state.busy.joiner, node)) || state.monitors.has(node.life))

/** A Node did not answer, however often it was asked: out of the tables, and the leaf set is told to look, if this Node found it out itself. Rules D3, D4. */
const fail = (state: State, now: number, node: Node.Node, isNews: boolean, out: Array<Output>): void => {
  const wasLeaf = LeafSet.get(state.leafSet, node.id)
  gone(state, now, node, false, "failed", out)
  Liveness.rememberSilence(state, node)
  if (!isNews || wasLeaf === undefined || !Node.isSame(wasLeaf, node)) return
  for (const leaf of state.leafSet.members) out.push({ _tag: "Send", to: leaf, message: { _tag: "Failed", node } })
}

const gone = (
  state: State,
  now: number,
  node: Node.Node,
  proven: boolean,
  reason: "left" | "failed",
  out: Array<Output>,
  isInPerson = false
): void => {
  if (!isInPerson && isElsewhere(state, node)) return Liveness.forget(state, node)
  // Who says that it has lost its place lives.
  if (!isInPerson || reason === "left") Monitors.lose(state, node, proven, out)
  Liveness.expel(state, now, node, reason, out, isInPerson)
  JoinProtocol.onGone(state, now, node, out)
  if (state.phase !== "ready") return
  const { busy } = state
  const isUncommitted = busy !== undefined && Node.isSame(busy.joiner, node) &&
    !Node.isSameLife(state.successor.node, node)
  if (proven && isUncommitted) state.busy = undefined
  Ownership.lose(state, now, node, proven, out, reason === "left")
}

const receive = (
  state: State,
  now: number,
  from: Node.Node,
  message: ControlMessage,
  out: Array<Output>
): void => {
  const learn = (node: Node.Node) => Liveness.learn(state, now, [node], out)
  const isKnown = () => {
    const there = Liveness.known(state, from.id)
    return there !== undefined && Node.isSameLife(there, from)
  }
  const send = (answer: ControlMessage) => out.push({ _tag: "Send", to: from, message: answer })
  switch (message._tag) {
    case "JoinRequest":
      return JoinProtocol.onJoinRequest(state, now, message, out)
    case "JoinRetry":
      return JoinProtocol.onJoinRetry(state, now, from, message, out)
    case "JoinGrant":
      return JoinProtocol.onJoinGrant(state, now, from, message, out)
    case "Insert":
      return JoinProtocol.onInsert(state, now, from, message, out)
    case "Commit":
      return JoinProtocol.onCommit(state, now, from, message, out)
    case "InsertAck":
    case "CommitAck":
      return JoinProtocol.onAck(state, now, from, message, out)
    case "Nack":
      return JoinProtocol.onNack(state, now, from, message, out)
    case "Release":
      return Ownership.onRelease(state, now, from, message.attempt, out)
    case "Joined": {
      Ownership.onJoined(state, from)
      Liveness.admit(state, now, from, undefined, out)
      return void send({ _tag: "JoinedAck", leaves: state.leafSet.members.slice() })
    }
    case "JoinedAck": {
      if (isKnown()) Liveness.compare(state, now, from, message.leaves, out)
      return
    }
    case "Renew": {
      if (state.phase === "ready") {
        Liveness.admit(state, now, from, undefined, out)
        out.push({ _tag: "Emit", event: { _tag: "Heartbeat", from } })
      }
      return Ownership.onRenew(
        state,
        now,
        from,
        message,
        out,
        (node) => Liveness.inquire(state, now, node, "sign", out)
      )
    }
    case "Renewed":
      return Ownership.onRenewed(state, now, from, message, out)
    case "Denied": {
      if (Ownership.onDenied(state, now, from, message, out, learn) === "closed") {
        if (yields(state, now, from)) detach(state, now, out)
        else Ownership.lose(state, now, from, false, out)
      }
      return
    }
    case "Leaving": {
      // Messages of one pair may overtake each other where one connection follows another.
      if (Ownership.isOutdated(state, from, message.attempt)) return
      gone(state, now, from, true, message.reason === "left" ? "left" : "failed", out, true)
      // A detached Node is alive and will be back under the same incarnation.
      if (message.reason === "detached") {
        state.failed.delete(from.hex)
        JoinProtocol.onDetached(state, from)
      }
      if (state.phase !== "ready") send({ _tag: "LeaveAck" })
      return
    }
    case "LeaveAck": {
      state.leaveAcks.delete(from.hex)
      if (state.phase === "leaving" && state.leaveAcks.size === 0) left(state, out)
      return
    }
    case "Probe": {
      // A ready Node looks for one that it lost, and finds a ring of one. Rule S1.
      if (message.ready && Ownership.isAlone(state)) {
        Liveness.inquire(state, now, from, "compare", out)
      } else onReadiness(state, now, from, message.ready, undefined, out)
      return void send({
        _tag: "ProbeAck",
        sequence: message.sequence,
        ready: state.phase === "ready",
        leaves: message.wantsLeaves ? state.leafSet.members.slice() : []
      })
    }
    case "ProbeAck": {
      const inquiry = state.inquiries.get(from.hex)
      const isAnswer = inquiry !== undefined && inquiry.sequence === message.sequence
      if (isAnswer) {
        state.inquiries.delete(from.hex)
        MembershipState.answered(state, now - inquiry.askedAt)
        const there = Liveness.known(state, from.id)
        if (there !== undefined && Node.isSameLife(there, inquiry.node)) state.pendingReplacements.delete(from.hex)
      }
      if (message.ready && Ownership.isAlone(state)) {
        const isExpected = isAnswer && inquiry.use === "compare"
        if (isExpected && Merge.isOutranked(state, from, message.leaves)) giveWay(state, now, from, out)
        return
      }
      onReadiness(
        state,
        now,
        from,
        message.ready,
        isAnswer && !inquiry.isRepeated ? now - inquiry.askedAt : undefined,
        out
      )
      if (isAnswer && message.ready && !inquiry.saidReady && state.phase === "ready") {
        send({ _tag: "Joined", attempt: state.attempt })
      }
      if (!isAnswer || !message.ready) return
      if (inquiry.use === "compare") Liveness.compare(state, now, from, message.leaves, out)
      else if (inquiry.use === "newcomers") Liveness.learnNewcomers(state, now, message.leaves, out)
      return
    }
    case "Meet": {
      if (Merge.onMeet(state, from, message, out)) giveWay(state, now, from, out)
      return
    }
    case "Met": {
      // Only who has been asked has anything to say.
      if (!Merge.isSuspicious(state, message.as, from)) return
      if (Merge.onMet(state, from, message)) giveWay(state, now, from, out)
      return learn(message.neighbour)
    }
    case "Failed": {
      const there = Liveness.known(state, message.node.id)
      if (there !== undefined && there.incarnation <= message.node.incarnation) {
        Liveness.inquire(state, now, there, "sign", out, true)
      }
      return
    }
    case "RowRequest":
      return void send({ _tag: "RowReply", nodes: RoutingTable.row(state.routingTable, message.row) })
    case "NeighborhoodRequest":
      return void send({
        _tag: "NeighborhoodReply",
        nodes: state.neighborhoodSet.members.slice(0, maxNear).map(({ node }) => node)
      })
    case "RowReply":
    case "NeighborhoodReply": {
      if (isKnown()) Liveness.consider(state, now, message.nodes, out)
      return
    }
  }
}

/** A Node said in person whether it is ready. */
const onReadiness = (
  state: State,
  now: number,
  from: Node.Node,
  ready: boolean,
  roundTrip: number | undefined,
  out: Array<Output>
): void => {
  if (ready) {
    Liveness.admit(state, now, from, roundTrip, out)
    return
  }
  const there = Liveness.known(state, from.id)
  if (there === undefined || there.incarnation > from.incarnation) return
  Liveness.expel(state, now, from, "failed", out, true)
  state.failed.delete(from.hex)
}

// -----------------------------------------------------------------------------
// going
// -----------------------------------------------------------------------------

/** Both leases are gone: this Node answers for nothing, says so, and joins again through whom it knew. Rule L4. */
const detach = (state: State, now: number, out: Array<Output>): void => {
  for (const leaf of state.leafSet.members) JoinProtocol.addVia(state, leaf)
  for (const side of [state.predecessor, state.successor]) JoinProtocol.addVia(state, side.node)
  // Among the lost may be some that only lost their place, as this Node does now.
  for (const node of state.lost.values()) JoinProtocol.addVia(state, node)
  stepDown(state, now, out)
}

const stepDown = (state: State, now: number, out: Array<Output>): void => {
  state.phase = "joining"
  state.detachedAt = now
  state.notReady.clear()
  // Who seemed dead may only have been out of reach, as this Node was.
  state.failed.clear()
  state.missed.clear()
  sayGoodbye(state, "detached", out)
  state.predecessor = MembershipState.aloneSide(state.self)
  state.successor = MembershipState.aloneSide(state.self)
  state.pairings = { predecessor: undefined, successor: undefined }
  out.push({ _tag: "Emit", event: { _tag: "Detached" } }, { _tag: "Emit", event: { _tag: "OwnershipChanged" } })
  JoinProtocol.request(state, now, out)
}

/** Whether this Node gives its place up on the word of another: of the same one not twice in four leases. Rule L7. */
const yields = (state: State, now: number, to: Node.Node): boolean => {
  const before = state.recentYields.get(to.hex)
  if (before !== undefined && now < before + 4 * state.settings.lease) return false
  MembershipState.remember(state.recentYields, to.hex, now, MembershipState.maxVias)
  return true
}

/** Gives its place up in favour of a Node of another ring, and joins through that first. Rules S1, S2. */
const giveWay = (state: State, now: number, to: Node.Node, out: Array<Output>): void => {
  if (!yields(state, now, to)) return
  state.joinSeeds.length = 0
  state.nextVia = 0
  JoinProtocol.addVia(state, to)
  stepDown(state, now, out)
}

/** Tells everybody near that this Node answers for nothing any more, and turns joiners away. */
const sayGoodbye = (state: State, reason: "left" | "detached", out: Array<Output>): void => {
  const told = new Map(state.leafSet.members.map((leaf) => [leaf.hex, leaf]))
  for (const side of [state.predecessor, state.successor]) {
    if (!NodeId.equals(side.node.id, state.self.id)) told.set(side.node.hex, side.node)
  }
  // Who is just being told that this Node is ready.
  for (const { node, saidReady } of state.inquiries.values()) if (saidReady) told.set(node.hex, node)
  for (const node of told.values()) {
    out.push({
      _tag: "Send",
      to: node,
      message: { _tag: "Leaving", reason, attempt: state.attempt, delivered: [], floors: [] }
    })
  }
  if (state.busy !== undefined) {
    out.push({
      _tag: "Send",
      to: state.busy.joiner,
      message: { _tag: "Nack", attempt: state.busy.attempt, leaves: state.leafSet.members.slice() }
    })
    state.busy = undefined
  }
}

/** Answers for nothing from now on, and waits until the neighbours have closed the gap. Rules V1, V2. */
const leave = (state: State, now: number, out: Array<Output>): void => {
  if (state.phase === "leaving") return
  const wasReady = state.phase === "ready"
  JoinProtocol.abort(state, now, out)
  if (!wasReady) return left(state, out)
  state.phase = "leaving"
  state.leaveUntil = now + leavePatience
  sayGoodbye(state, "left", out)
  for (const side of [state.predecessor, state.successor]) {
    if (!NodeId.equals(side.node.id, state.self.id) && side.lostAt === undefined) state.leaveAcks.add(side.node.hex)
  }
  out.push({ _tag: "Emit", event: { _tag: "OwnershipChanged" } })
  if (state.leaveAcks.size === 0) left(state, out)
}

const left = (state: State, out: Array<Output>): void => {
  state.phase = "idle"
  state.inquiries.clear()
  state.joinSeeds.length = 0
  out.push({ _tag: "Emit", event: { _tag: "Left" } })
}
