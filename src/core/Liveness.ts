/**
 * Liveness: who is in the tables, and how a Node gets in and out.
 *
 * A Node enters a table only after it has answered in person that it is ready,
 * and leaves one only when it has failed to answer in person, when there is proof
 * that its process has ended, or when it said that it goes. What others say makes
 * a Node ask, nothing more. Rules D1 to D5 of `docs/protocol.md`; source:
 * MSPastry (DSN 2004).
 *
 * @since 0.1.0
 */
import * as Address from "../protocol/Address.ts"
import type { ExitReason } from "../protocol/ClusterEvent.ts"
import * as LeafSet from "../ring/LeafSet.ts"
import * as NeighborhoodSet from "../ring/NeighborhoodSet.ts"
import * as Node from "../ring/Node.ts"
import * as NodeId from "../ring/NodeId.ts"
import * as RoutingTable from "../ring/RoutingTable.ts"
import * as MembershipState from "./MembershipState.ts"
import type { AnswerUse, Inquiry, Output, State } from "./MembershipState.ts"
import * as Ownership from "./Ownership.ts"

/**
 * The Node of this id in any of the tables.
 *
 * @category getters
 * @since 0.1.0
 */
export const known = (state: State, id: NodeId.NodeId): Node.Node | undefined => {
  const leaf = LeafSet.get(state.leafSet, id)
  if (leaf !== undefined) return leaf
  const row = NodeId.commonPrefix(state.self.id, id)
  const entry = row === NodeId.digits ? undefined : RoutingTable.get(state.routingTable, row, NodeId.digit(id, row))
  if (entry !== undefined && NodeId.equals(entry.id, id)) return entry
  return state.neighborhoodSet.members.find((member) => NodeId.equals(member.node.id, id))?.node
}

/**
 * Hears another's leaf set: learns whom it holds, and looks at those whom it
 * should hold and does not. Rules D1, D5.
 *
 * @category transitions
 * @since 0.1.0
 */
export const compare = (
  state: State,
  now: number,
  from: Node.Node,
  leaves: ReadonlyArray<Node.Node>,
  out: Array<Output>
): void => {
  learn(state, now, leaves, out)
  const theirs = LeafSet.make(from.id, state.settings.leafSetSide)
  for (const node of leaves) LeafSet.insert(theirs, node)
  const due = LeafSet.clone(theirs)
  for (const mine of state.leafSet.members) LeafSet.insert(due, mine)
  for (const mine of state.leafSet.members) {
    if (LeafSet.get(theirs, mine.id) === undefined && LeafSet.get(due, mine.id) !== undefined) {
      inquire(state, now, mine, "sign", out)
    }
  }
}

/**
 * When a Node was not found where others said that it lives: there, and in this life.
 *
 * @category getters
 * @since 0.1.0
 */
export const missedAt = (state: State, node: Node.Node): number | undefined => {
  const missed = state.missed.get(node.hex)
  return missed !== undefined && Node.isSame(missed.node, node) ? missed.at : undefined
}

/** Whether what is said of a Node is no reason to ask it: this life has ended, or was not found there. */
const isEnded = (state: State, now: number, node: Node.Node): boolean => {
  const ended = state.failed.get(node.hex)
  const limit = now - 4 * state.settings.lease
  return (ended !== undefined && ended.incarnation >= node.incarnation && limit < ended.at) ||
    limit < (missedAt(state, node) ?? Number.NEGATIVE_INFINITY)
}

/**
 * Hears of Nodes: asks those that a table would take whether they live. Of those for the leaf set only the nearest: a
 * leaf set with a hole in it would take any, one after another. `use` is what their answers are for. Rules D1, J5.
 *
 * @category transitions
 * @since 0.1.0
 */
export const learn = (
  state: State,
  now: number,
  nodes: ReadonlyArray<Node.Node>,
  out: Array<Output>,
  use: AnswerUse = "sign",
  isForLeavesOnly = false
): void => {
  const others = nodes.filter((node) => !NodeId.equals(node.id, state.self.id) && !isEnded(state, now, node))
  const due = LeafSet.clone(state.leafSet)
  for (const node of others) LeafSet.insert(due, node)
  for (const node of others) {
    const there = known(state, node.id)
    // One that sits in another table already may still be missing among the leaves.
    const isDue = LeafSet.get(due, node.id) !== undefined
    if (there === undefined) {
      if (isDue) inquire(state, now, node, use, out)
      else if (!isForLeavesOnly && hasPlace(state, node)) inquire(state, now, node, "sign", out)
    } else if (there.incarnation < node.incarnation) {
      awaitEnd(state, now, there, state.pendingReplacements.get(node.hex) ?? node, out)
    } else if (isDue && LeafSet.get(state.leafSet, node.id) === undefined) {
      // Where it lives it has said itself.
      inquire(state, now, there, use, out)
    }
  }
}

/**
 * Hears who has come while this Node joined: only of those that stand near it, for to meet the others has time. Rule J5.
 *
 * @category transitions
 * @since 0.1.0
 */
export const learnNewcomers = (
  state: State,
  now: number,
  leaves: ReadonlyArray<Node.Node>,
  out: Array<Output>
): void => learn(state, now, leaves, out, "sign", true)

/** Whether a place for a Node is free in the routing table or the neighborhood set. */
const hasPlace = (state: State, node: Node.Node): boolean => {
  const { neighborhoodSet, routingTable, self } = state
  const row = NodeId.commonPrefix(self.id, node.id)
  const isFree = RoutingTable.get(routingTable, row, NodeId.digit(node.id, row)) === undefined
  return (isFree && mayEnterRow(state, node)) ||
    (neighborhoodSet.members.length < neighborhoodSet.size && mayBeNear(state, node))
}

/** Whether some Nodes are as many of one address block as may be in a table, so that another one of it may not enter. Rule D9. */
const isCrowded = (state: State, others: Iterable<Node.Node>, node: Node.Node): boolean => {
  const { self, settings: { nodesPerBlock } } = state
  const blockOf = (of: Node.Node) => Address.block(Node.hostFor(of, self.region))
  const block = blockOf(node)
  let count = 0
  for (const other of others) {
    if (!NodeId.equals(other.id, node.id) && blockOf(other) === block) count++
  }
  return count >= nodesPerBlock
}

const mayEnterRow = (state: State, node: Node.Node): boolean => {
  if (state.settings.nodesPerBlock === 0) return true
  const row = NodeId.commonPrefix(state.self.id, node.id)
  // Whoever makes room does not count.
  const there = RoutingTable.get(state.routingTable, row, NodeId.digit(node.id, row))
  const others = RoutingTable.nodes(state.routingTable).filter((other) => other !== there)
  return !isCrowded(state, others, node)
}

const mayBeNear = (state: State, node: Node.Node): boolean =>
  state.settings.nodesPerBlock === 0 ||
  !isCrowded(state, state.neighborhoodSet.members.map((member) => member.node), node)

/** Of the Nodes that an exchange names, so many may be asked that no table needs: they may be nearer than those that it has. */
const maxCandidates = 4

/**
 * Hears of Nodes for a row, or for the neighborhood set: learns those that are
 * missing, and measures some, drawn by chance, that may be nearer than those
 * that are there. Rule D6.
 *
 * @category transitions
 * @since 0.1.0
 */
export const consider = (state: State, now: number, nodes: ReadonlyArray<Node.Node>, out: Array<Output>): void => {
  learn(state, now, nodes, out)
  const candidates = nodes.filter((node) =>
    !NodeId.equals(node.id, state.self.id) && !isEnded(state, now, node) && known(state, node.id) === undefined
  )
  for (let count = Math.min(maxCandidates, candidates.length); count > 0; count--) {
    const [candidate] = candidates.splice(MembershipState.nextRandom(state) % candidates.length, 1)
    inquire(state, now, candidate!, "sign", out)
  }
}

/**
 * Asks a Node whether it lives, unless it is being asked. Rule D2.
 *
 * @category transitions
 * @since 0.1.0
 */
export const inquire = (
  state: State,
  now: number,
  node: Node.Node,
  use: AnswerUse,
  out: Array<Output>,
  isHearsay = false
): void => {
  const running = state.inquiries.get(node.hex)
  if (running !== undefined && !isHearsay) running.isHearsay = false
  if (running !== undefined && running.node.incarnation >= node.incarnation) return
  // For those in the tables there is always room: what others say must not keep this Node from finding out who has died.
  const isFull = state.inquiries.size >= MembershipState.maxInquiries
  if (running === undefined && isFull && known(state, node.id) === undefined) return
  const inquiry: Inquiry = {
    node,
    sequence: ++state.sequence,
    askedAt: now,
    waitedSince: now,
    unanswered: 1,
    isRepeated: false,
    saidReady: state.phase === "ready",
    use,
    isHearsay
  }
  state.inquiries.set(node.hex, inquiry)
  question(inquiry, out)
}

/**
 * A question is over: nobody answers where the Node was said to live.
 *
 * @category transitions
 * @since 0.1.0
 */
export const forget = (state: State, node: Node.Node): void => {
  const running = state.inquiries.get(node.hex)
  if (running !== undefined && Node.isSame(running.node, node)) state.inquiries.delete(node.hex)
}

const question = ({ node, saidReady, sequence, use }: Inquiry, out: Array<Output>): void => {
  const wantsLeaves = use !== "sign"
  out.push({ _tag: "Send", to: node, message: { _tag: "Probe", sequence, ready: saidReady, wantsLeaves } })
}

/**
 * An open connection to a Node ended: ask at once, over a new one.
 *
 * @category transitions
 * @since 0.1.0
 */
export const onBroken = (state: State, now: number, node: Node.Node, out: Array<Output>): void => {
  state.inquiries.delete(node.hex)
  inquire(state, now, node, "sign", out)
}

/**
 * Asks again where no answer came. Returns the questions that were asked for the last time in vain.
 *
 * @category transitions
 * @since 0.1.0
 */
export const wake = (state: State, now: number, out: Array<Output>): ReadonlyArray<Inquiry> => {
  const silent: Array<Inquiry> = []
  const probe = MembershipState.probeTimeout(state)
  for (const [hex, inquiry] of state.inquiries) {
    if (now < inquiry.waitedSince + inquiry.unanswered * probe) continue
    if (inquiry.unanswered > state.settings.probeRetries) {
      state.inquiries.delete(hex)
      silent.push(inquiry)
    } else {
      inquiry.unanswered++
      inquiry.isRepeated = true
      question(inquiry, out)
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
  let at = Number.POSITIVE_INFINITY
  const probe = MembershipState.probeTimeout(state)
  for (const inquiry of state.inquiries.values()) {
    at = Math.min(at, inquiry.waitedSince + inquiry.unanswered * probe)
  }
  return at
}

/**
 * A Node has said in person that it is ready: it enters every table that has a place for it. Rule D1.
 *
 * **Details**
 *
 * `roundTrip` in milliseconds, where one was measured; times 5 across Regions (Wendy).
 *
 * @category transitions
 * @since 0.1.0
 */
export const admit = (
  state: State,
  now: number,
  node: Node.Node,
  roundTrip: number | undefined,
  out: Array<Output>
): void => {
  if (NodeId.equals(node.id, state.self.id)) return
  const ended = state.failed.get(node.hex)
  if (ended !== undefined) {
    // For a while: a Node whose clock was set back, and that nobody told of it (J8), must not stay out for ever.
    if (ended.incarnation > node.incarnation && now < ended.at + 4 * state.settings.lease) return
    state.failed.delete(node.hex)
  }
  const before = known(state, node.id)
  if (before !== undefined && before.incarnation > node.incarnation) return
  if (before !== undefined && !Node.isSame(before, node)) return awaitEnd(state, now, before, node, out)
  state.lost.delete(node.hex)
  state.missed.delete(node.hex)
  const measured = smoothed(state, node, roundTrip)
  const proximity = measured * factor(state, node)
  const { leafSet, neighborhoodSet, routingTable } = state
  const row = NodeId.commonPrefix(state.self.id, node.id)
  const entry = RoutingTable.get(routingTable, row, NodeId.digit(node.id, row))
  // Those that may have to make room: of the leaves one in the very middle.
  const displaceable = [
    leafSet.members[leafSet.side - 1],
    leafSet.members[leafSet.side],
    entry,
    neighborhoodSet.members.at(-1)?.node
  ]
  const isLeaf = LeafSet.insert(leafSet, node)
  const isEntry = mayEnterRow(state, node) && RoutingTable.insert(routingTable, node, proximity)
  const isNear = mayBeNear(state, node) && NeighborhoodSet.insert(neighborhoodSet, node, proximity)
  if (isLeaf || isEntry || isNear) retire(state, displaceable, out)
  const announced = state.announced.get(node.hex)
  if (announced === undefined || announced !== node) announce(state, node, out)
  if (state.announced.has(node.hex)) {
    state.contacts.set(node.hex, { incarnation: node.incarnation, heardAt: now, roundTrip: measured })
  }
  if (isLeaf) {
    Ownership.onLeaf(state, now, node)
    out.push({ _tag: "Emit", event: { _tag: "LeavesChanged" } }, {
      _tag: "Emit",
      event: { _tag: "OwnershipChanged" }
    })
  }
}

/**
 * Somebody claims the id of a Node in the tables, as a later life or at another address, or is said to be a later life: it takes
 * that place only when the Node there, asked at its own address, does not answer any more. Rule D8.
 */
const awaitEnd = (state: State, now: number, before: Node.Node, heir: Node.Node, out: Array<Output>): void => {
  if (!state.pendingReplacements.has(heir.hex) && state.pendingReplacements.size >= MembershipState.maxInquiries) return
  state.pendingReplacements.set(heir.hex, heir)
  inquire(state, now, before, "sign", out)
}

/** How much farther a Node of another Region counts (Wendy). */
const regionFactor = 5

/** What a round trip counts at least, in milliseconds: where the network costs nothing, the Region still does. */
const shortestRoundTrip = 0.05

const factor = (state: State, node: Node.Node): number => node.region === state.self.region ? 1 : regionFactor

/**
 * The round trip to a Node after another measurement, if there is one. Queues and dials only ever add to a
 * round trip: a shorter one counts at once, a longer one by an eighth.
 */
const smoothed = (state: State, node: Node.Node, roundTrip: number | undefined): number => {
  const before = roundTripTo(state, node)
  if (roundTrip === undefined) return before ?? Number.POSITIVE_INFINITY
  const measured = Math.max(roundTrip, shortestRoundTrip)
  return before === undefined || measured < before ? measured : before + (measured - before) / 8
}

/**
 * The smoothed round trip to a Node in the tables, in milliseconds, as far as it has been measured.
 *
 * @category getters
 * @since 0.1.0
 */
export const roundTripTo = (state: State, node: Node.Node): number | undefined => {
  const contact = state.contacts.get(node.hex)
  const isMeasured = contact !== undefined && contact.incarnation === node.incarnation &&
    contact.roundTrip !== Number.POSITIVE_INFINITY
  return isMeasured ? contact.roundTrip : undefined
}

/**
 * The proximity of a Node in the tables: its smoothed round trip in
 * milliseconds, times 5 across Regions; `Infinity` while it is not measured.
 *
 * @category getters
 * @since 0.1.0
 */
export const proximityOf = (state: State, node: Node.Node): number =>
  (roundTripTo(state, node) ?? Number.POSITIVE_INFINITY) * factor(state, node)

/** Says who of some has lost the last place that it had. */
const retire = (state: State, nodes: ReadonlyArray<Node.Node | undefined>, out: Array<Output>): void => {
  const gone = nodes.filter((node) => node !== undefined && known(state, node.id) === undefined)
  if (gone.length === 0) return
  for (const announced of state.announced.values()) {
    if (gone.some((node) => NodeId.equals(node!.id, announced.id))) exit(state, announced, "forgotten", out)
  }
}

/** Says who has joined; an earlier life of it exits first. */
const announce = (state: State, node: Node.Node, out: Array<Output>): void => {
  const there = known(state, node.id)
  if (there === undefined) return
  const announced = state.announced.get(node.hex)
  if (announced !== undefined) {
    if (Node.isSameLife(there, announced)) return void state.announced.set(node.hex, there)
    exit(state, announced, "failed", out)
  }
  state.announced.set(node.hex, there)
  out.push({ _tag: "Emit", event: { _tag: "NodeJoined", node: there } })
}

const exit = (state: State, node: Node.Node, reason: ExitReason, out: Array<Output>): void => {
  state.contacts.delete(node.hex)
  if (state.announced.delete(node.hex)) out.push({ _tag: "Emit", event: { _tag: "NodeExited", node, reason } })
}

/**
 * Takes a Node that is gone out of every table, remembers the end of this
 * life, or that it was not found where others said, and repairs the holes at once: the leaf set from its farthest leaf on
 * that side, the row of the routing table from another of the row; of several
 * lost leaves a look at both ends of the leaf set follows. Rules D4, D5.
 *
 * @category transitions
 * @since 0.1.0
 */
export const expel = (
  state: State,
  now: number,
  node: Node.Node,
  reason: "left" | "failed",
  out: Array<Output>,
  isInPerson = false
): void => {
  const before = known(state, node.id)
  // That a later life is gone says nothing about the one that is known.
  if (before !== undefined && before.incarnation < node.incarnation) return
  const ended = state.failed.get(node.hex)
  // Neither anew when it was known: who is asked again and again must not be kept out for ever.
  if (before === undefined && !isInPerson) {
    if (missedAt(state, node) === undefined) remember(state.missed, node.hex, { node, at: now })
  } else if (ended === undefined || ended.incarnation < node.incarnation) {
    remember(state.failed, node.hex, { incarnation: node.incarnation, at: now })
  }
  const inquiry = state.inquiries.get(node.hex)
  if (inquiry !== undefined && inquiry.node.incarnation <= node.incarnation) state.inquiries.delete(node.hex)
  if (before === undefined || before.incarnation > node.incarnation) return
  if (reason === "failed") {
    state.failures.push(now)
    if (state.failures.length > maxFailures) state.failures.shift()
    remember(state.lost, node.hex, node)
  }
  const wasFull = !LeafSet.isWhole(state.leafSet)
  const wasLeaf = LeafSet.remove(state.leafSet, node.id)
  const row = NodeId.commonPrefix(state.self.id, node.id)
  const wasEntry = RoutingTable.remove(state.routingTable, node.id)
  NeighborhoodSet.remove(state.neighborhoodSet, node.id)
  exit(state, before, reason, out)
  if (wasLeaf) {
    out.push({ _tag: "Emit", event: { _tag: "LeavesChanged" } }, {
      _tag: "Emit",
      event: { _tag: "OwnershipChanged" }
    })
    const farthest = farthestLeaf(state, NodeId.side(state.self.id, node.id))
    if (farthest !== undefined) inquire(state, now, farthest, "compare", out)
    // The next leaf may stand in another table: where all leaves are gone, nobody else is left.
    learn(state, now, Array.from(state.announced.values()), out)
    if (wasFull || state.lostLeaves > 0) state.lostLeaves++
    // Of several, those who were asked to fill the holes had holes themselves.
    if (state.lostLeaves > 1) state.repairAt = Math.min(state.repairAt, now + state.settings.probe)
  }
  if (wasEntry) {
    const peer = RoutingTable.row(state.routingTable, row)[0]
    if (peer !== undefined) out.push({ _tag: "Send", to: peer, message: { _tag: "RowRequest", row } })
  }
  const heir = state.pendingReplacements.get(node.hex)
  state.pendingReplacements.delete(node.hex)
  if (heir !== undefined) inquire(state, now, heir, "sign", out)
}

/**
 * Compares leaf sets with the outermost leaf of each side, a little after several leaves were lost. Rule D5.
 *
 * @category transitions
 * @since 0.1.0
 */
export const repair = (state: State, now: number, out: Array<Output>): void => {
  state.repairAt = Number.POSITIVE_INFINITY
  for (const side of ["right", "left"] as const) {
    const farthest = farthestLeaf(state, side)
    if (farthest !== undefined) inquire(state, now, farthest, "compare", out)
  }
}

/**
 * A Node that counts as failed only did not answer.
 *
 * @category transitions
 * @since 0.1.0
 */
export const rememberSilence = (state: State, node: Node.Node): void => {
  const ended = state.failed.get(node.hex)
  if (ended !== undefined && ended.incarnation === node.incarnation) ended.isSilent = true
}

/**
 * A Node said something: as good as an answer to a question whether it lives.
 *
 * @category transitions
 * @since 0.1.0
 */
export const hear = (state: State, now: number, node: Node.Node): void => {
  const ended = state.failed.get(node.hex)
  if (ended?.isSilent === true && ended.incarnation === node.incarnation) {
    ended.isSilent = false
    MembershipState.answered(state, MembershipState.probeTimeout(state))
  }
  const contact = state.contacts.get(node.hex)
  if (contact !== undefined && contact.incarnation === node.incarnation) contact.heardAt = now
}

/**
 * Bulk data makes progress between this Node and another: an answer may wait behind it, but the Node lives. A
 * question that has been repeated counts as asked now for the first time. Rule H11.
 *
 * @category transitions
 * @since 0.1.0
 */
export const onAlive = (state: State, now: number, node: Node.Node): void => {
  hear(state, now, node)
  const inquiry = state.inquiries.get(node.hex)
  if (inquiry === undefined || inquiry.unanswered === 1 || !Node.isSameLife(inquiry.node, node)) return
  inquiry.waitedSince = now
  inquiry.unanswered = 1
}

/** Failures over which their rate is measured [M]. */
export const maxFailures = 16

/** Which part of all routed messages may meet a dead Node on their way, before they go another way [M]. */
const rawLoss = 0.05

/** Who is silent is looked for at most so many times in an exchange of leaf sets. */
const looksPerExchange = 2

/**
 * How many Nodes the ring has, by the density of the leaf set: exact while that holds them all.
 *
 * @category getters
 * @since 0.1.0
 */
export const estimateNodes = ({ leafSet, self }: State): number => {
  const { members, side } = leafSet
  if (LeafSet.isWhole(leafSet)) return members.length + 1
  const span = (from: NodeId.NodeId, to: NodeId.NodeId) => (NodeId.clockwise(from, to).word0 >>> 0) + 1
  const arc = span(members[side]!.id, self.id) + span(self.id, members[side - 1]!.id)
  return Math.max(members.length + 1, members.length / arc * 2 ** 32)
}

/**
 * How long a Node of the routing table may be silent before it is asked: short enough that not more than
 * a twentieth of all messages meet a dead one on their way, at the rate at which Nodes have been failing. Between a
 * half of `exchange` and `tableExchange`. Rule D6; MSPastry (DSN 2004), section 4.1.
 *
 * @category getters
 * @since 0.1.0
 */
export const silence = (state: State, now: number): number => {
  const { exchange, probe, probeRetries, tableExchange } = state.settings
  const shortest = Math.min(tableExchange, exchange / looksPerExchange)
  const { failures } = state
  const nodes = state.announced.size
  if (nodes === 0) return tableExchange
  // As if one more failed right now: a young Node that has seen none yet does not take the world for safe.
  const since = failures.length === maxFailures ? failures[0]! : state.readyAt
  const rate = (failures.length + 1) / (nodes * Math.max(1, now - since))
  // The last hop goes to a leaf; those before it to the routing table [P 2.2].
  const hops = Math.log(estimateNodes(state)) / Math.log(NodeId.radix) * (NodeId.radix - 1) / NodeId.radix - 1
  const lossPerHop = 1 - (1 - rawLoss) ** (1 / Math.max(1, hops))
  // Of Nodes that live 1 / rate on average, and are found out after T, this part is dead at some moment:
  // 1 - (1 - e^(-rate T)) / (rate T), which is about rate T / 2.
  const found = 2 * lossPerHop / rate
  return Math.min(tableExchange, Math.max(shortest, found - (probeRetries + 1) * probe))
}

/**
 * Asks those in the tables that have been silent for too long whether they live.
 * Measures how near they are, too. Leaves are not asked here: they are each asked
 * for their leaf sets in turn, and when one fails its neighbours say so. Rule D6.
 *
 * @category transitions
 * @since 0.1.0
 */
export const inquireSilent = (state: State, now: number, out: Array<Output>): void => {
  const { exchange, tableExchange } = state.settings
  const longest = silence(state, now)
  let next = now + longest
  for (const node of state.announced.values()) {
    const due = (state.contacts.get(node.hex)?.heardAt ?? Number.NEGATIVE_INFINITY) + longest
    if (LeafSet.get(state.leafSet, node.id) !== undefined) continue
    if (due > now) next = Math.min(next, due)
    else inquire(state, now, node, "sign", out)
  }
  state.lookAt = Math.max(now + Math.min(tableExchange, exchange / looksPerExchange), next)
}

/**
 * Sets when `inquireSilent` comes first.
 *
 * @category transitions
 * @since 0.1.0
 */
export const lookLater = (state: State, now: number): void => {
  const { exchange, tableExchange } = state.settings
  state.lookAt = tableExchange === Number.POSITIVE_INFINITY ? tableExchange : now + exchange / looksPerExchange
}

/**
 * Asks one of those that were lost, in turn, whether it is there again. Rule S1.
 *
 * @category transitions
 * @since 0.1.0
 */
export const inquireLost = (state: State, now: number, out: Array<Output>): void => {
  for (const [hex, node] of state.lost) {
    // To the end of the line: no answer leaves it there.
    state.lost.delete(hex)
    state.lost.set(hex, node)
    return inquire(state, now, node, "compare", out)
  }
}

const remember = <A>(memory: Map<string, A>, hex: string, value: A): void =>
  MembershipState.remember(memory, hex, value, MembershipState.maxFailed)

/** The leaf farthest away on a side, the shorter way round: with a hole in it, the set alone cannot tell its sides apart. */
const farthestLeaf = (state: State, side: "left" | "right" | "same"): Node.Node | undefined => {
  const isThere = (leaf: Node.Node) => NodeId.side(state.self.id, leaf.id) === side
  return side === "right" ? state.leafSet.members.findLast(isThere) : state.leafSet.members.find(isThere)
}
