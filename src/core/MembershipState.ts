/**
 * The state of one Node's membership, what comes in and what goes out.
 *
 * The core neither sends nor waits nor draws lots: `Membership.step` takes an
 * input and the time, changes the state, and pushes outputs for a driver to
 * carry out. The actors, the simulator and the explorer are such drivers. Times
 * are milliseconds of one Node's monotonic clock; clocks of different Nodes
 * agree on the length of a second, not on the hour.
 *
 * @since 0.1.0
 */
import type { ExitReason } from "../protocol/ClusterEvent.ts"
import type { ControlMessage, Neighbour } from "../protocol/ControlMessage.ts"
import * as LeafSet from "../ring/LeafSet.ts"
import * as NeighborhoodSet from "../ring/NeighborhoodSet.ts"
import type { Tables } from "../ring/NextHop.ts"
import * as Node from "../ring/Node.ts"
import * as RoutingTable from "../ring/RoutingTable.ts"

/**
 * The times and sizes that the protocol uses, in milliseconds and Nodes.
 *
 * @category models
 * @since 0.1.0
 */
export interface Settings {
  /** Leaves on each side; see `ClusterConfig` for what each number means to a user. */
  readonly leafSetSide: number
  readonly neighborhoodSize: number
  /** Nodes of one address block in the routing table, and in the neighborhood set; 0 for any number. */
  readonly nodesPerBlock: number
  /** How long a lease lasts, from when it was asked for. */
  readonly lease: number
  /** How much longer a giver waits than the taker counts: covers the drift of two clocks over one lease. */
  readonly margin: number
  /** Time between renewals of a lease. Several must fit into one lease. */
  readonly renewal: number
  /** How long to wait for an answer before asking again. */
  readonly probe: number
  /** How often to ask again before a Node counts as failed. */
  readonly probeRetries: number
  /** How long a joiner waits before it tries again. */
  readonly joinRetry: number
  /** Up to how much longer, drawn by chance, so that joiners do not march in step. At least 1, which is none. */
  readonly jitter: number
  /** Time between exchanges of leaf sets with one leaf after another. */
  readonly exchange: number
  /** Time between exchanges of routing-table rows and neighborhood sets, and the longest for which a Node in a table may be silent before it is asked. */
  readonly tableExchange: number
}

/**
 * One side of a Node's ownership: its neighbour there and the lease from it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Side {
  /** Whom this Node holds to be its ready neighbour, and to whom alone it grants. Itself when it is alone. */
  node: Node.Node
  /**
   * Where coverage ends: half-way to this Node. Equal to `node` but while a new
   * neighbour has been granted a lease and has not yet granted one in turn.
   */
  bound: Node.Node
  /** This Node answers for this side while the time is before this. */
  leaseUntil: number
  /** When it was last granted a lease: it may count on this Node until a lease after that. */
  grantedAt: number
  /** Number of the newest request to `node`, and when it was sent. */
  sequence: number
  askedAt: number
  /** Requests in a row without an answer. */
  unanswered: number
  nextAskAt: number
  /** Since when the neighbour counts as gone: no grant has been given to it from then on. */
  lostAt: number | undefined
  /** There is proof that it answers for nothing any more. */
  proven: boolean
  /** It said itself that it leaves, and waits for `LeaveAck`. */
  leaving: boolean
  /** What stood here before `node`: to be restored when `node` says that it never became ready (a joiner), or never took the grant. */
  previous: Side | undefined
  /** The attempt by which `node` came here as a joiner, until it has shown that it is ready. */
  attempt: number | undefined
  /** The newest attempt by which `node` is known to have become ready. */
  joined: number
}

/**
 * A search for a new neighbour on a side whose neighbour is gone.
 *
 * @category models
 * @since 0.1.0
 */
export interface Pairing {
  readonly node: Node.Node
  readonly sequence: number
  readonly askedAt: number
  readonly unanswered: number
}

/**
 * A conversation of a joiner with the two Nodes between which it joins.
 *
 * @category models
 * @since 0.1.0
 */
export interface Grant {
  readonly predecessor: Node.Node
  /** As the gap owner named it; as it says itself, from its answer on. */
  successor: Node.Node
  /** When `Insert` and `Commit` were first sent: the leases count from here. */
  readonly askedAt: number
  /** When whichever has no answer is sent again. */
  askAgainAt: number
  inserted: boolean
  committed: boolean
  /** Nodes for its tables, that were named on the way: they are asked when it is ready, for it has no time for them before. */
  candidates: ReadonlyArray<Node.Node>
}

/**
 * The phase of a Node.
 *
 * - `idle`: not yet told to join, or left.
 * - `joining`: answers for nothing; wants to become ready.
 * - `ready`: answers for its part of the ring, as far as its leases stand.
 * - `leaving`: answers for nothing any more; waits for its neighbours to close the gap.
 *
 * @category models
 * @since 0.1.0
 */
export type Phase = "idle" | "joining" | "ready" | "leaving"

/**
 * What an answer is for: it is a `sign` of life, no more; or it brings the other's leaf set, to `compare` it with our own
 * (D5), or to hear of `newcomers` that have come while this Node joined (J5).
 *
 * @category models
 * @since 0.1.0
 */
export type AnswerUse = "sign" | "compare" | "newcomers"

/**
 * A Node that is being asked whether it lives.
 *
 * @category models
 * @since 0.1.0
 */
export interface Inquiry {
  readonly node: Node.Node
  sequence: number
  askedAt: number
  /** When it was asked, or would have to be asked now: `unanswered` counts the times since. */
  waitedSince: number
  unanswered: number
  /** It was asked more than once: no answer tells how long one takes. */
  isRepeated: boolean
  /** What the question said about our own readiness. */
  readonly saidReady: boolean
  readonly use: AnswerUse
  /** It is asked only because another said that it does not answer: who said so has told everybody. */
  isHearsay: boolean
}

/**
 * A Node that somebody watches: whether it is up, once that is known, when it last said anything, and when to ask it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Monitor {
  readonly node: Node.Node
  isUp: boolean | undefined
  hasEnded: boolean
  heardAt: number
  askAt: number
}

/**
 * The end of a life.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ended {
  readonly incarnation: number
  readonly at: number
  /** It only did not answer: if it says anything after all, this Node asks more patiently. Rule D10. */
  isSilent?: boolean
}

/**
 * What is known of the way to a Node in the tables.
 *
 * @category models
 * @since 0.1.0
 */
export interface Contact {
  readonly incarnation: number
  /** When it last said anything. */
  heardAt: number
  /** Smoothed, in milliseconds; `Infinity` while it is not measured. */
  readonly roundTrip: number
}

/**
 * The state of one Node's membership. Mutable, with one writer.
 *
 * @category models
 * @since 0.1.0
 */
export interface State extends Tables {
  /** Replaced by a later life of the same id when somebody knows a higher incarnation (rule J8). */
  self: Node.Node
  /** Its incarnation when this process began. */
  readonly firstIncarnation: number
  readonly settings: Settings
  phase: Phase
  /** Meaningless unless ready. */
  predecessor: Side
  successor: Side
  pairings: { predecessor: Pairing | undefined; successor: Pairing | undefined }
  /** As gap owner: the one joiner that is being helped. Invariant: at most one, rule J2. */
  busy: { readonly joiner: Node.Node; readonly attempt: number; readonly until: number } | undefined
  /** As gap owner: joiners that wait for their turn, at most `maxWaiting`. */
  readonly waiting: Array<Extract<ControlMessage, { readonly _tag: "JoinRequest" }>>
  /** As joiner: the number of the newest attempt, when it was asked, whom to ask, and the grant in hand. */
  attempt: number
  attemptAt: number
  retryAt: number
  /** Requests in a row that brought no answer. */
  unansweredRequests: number
  readonly joinSeeds: Array<Node.Node>
  nextVia: number
  grant: Grant | undefined
  /** When a ready Node last lost both leases; `undefined` in a first join. Rule L5. */
  detachedAt: number | undefined
  /** Nodes that said, since then, that they are not ready either, by id; `undefined` for those that never were. At most `maxNotReady`. */
  readonly notReady: Map<string, Node.Node | undefined>
  /** Nodes that said that they have never been ready, by id, and since when. At most `maxVias`. Rule B2. */
  readonly newcomers: Map<string, { readonly node: Node.Node; readonly since: number }>
  /** Questions under way, by id. At most `maxInquiries`. */
  readonly inquiries: Map<string, Inquiry>
  /** Nodes that somebody watches, by life: as many as the application of this Node asks for. Rule D11. */
  readonly monitors: Map<string, Monitor>
  /** Lives that have ended, of Nodes that were met in person, by id, and when: rumours about them, or about earlier ones, are ignored for four leases. At most `maxFailed`. */
  readonly failed: Map<string, Ended>
  /** Nodes that others named and that were not found there, by id, and when: so named they are not asked again for four leases. At most `maxFailed`. */
  readonly missed: Map<string, { readonly node: Node.Node; readonly at: number }>
  /** Nodes that were in the tables and went without leaving, by id: they are asked in turn whether they are there again. At most `maxFailed`. */
  readonly lost: Map<string, Node.Node>
  /** Who claims, or is said, to be a later life of a Node in the tables, or claims to be elsewhere, while that one is being asked whether it lives. At most `maxInquiries`. */
  readonly pendingReplacements: Map<string, Node.Node>
  /** On whose word this Node gave its place up, by id, and when: not twice in four leases (L7). At most `maxVias`. */
  readonly recentYields: Map<string, number>
  /** Nodes that were said to have joined and not yet to have exited, by id: those in the tables. */
  readonly announced: Map<string, Node.Node>
  /** The way to each of these, by id. */
  readonly contacts: Map<string, Contact>
  /** How long answers take, where that is more than a quarter of `probe`, else 0; smoothed downwards only. Rule D10. */
  answerTime: number
  /** When Nodes of the tables failed, the newest last: as many as say something about how often that is. */
  readonly failures: Array<number>
  /** Since when they have been counted. */
  readyAt: number
  /** When those in the tables are next looked at for silent ones. */
  lookAt: number
  sequence: number
  exchangeAt: number
  /** Counts exchanges: the leaves take turns, one from the right and one from the left. */
  exchanges: number
  /** Leaves that were lost since the last exchange, the first of them from a leaf set that was full. Rule D5. */
  lostLeaves: number
  /** When the outermost leaves are asked once more, for several were lost. Rule D5. */
  repairAt: number
  /** When rows and neighborhood sets are next exchanged, and whose turn it is. */
  tableExchangeAt: number
  tableExchanges: number
  leaveUntil: number
  /** Who has still to say that the gap is closed. */
  readonly leaveAcks: Set<string>
  /** The state of the seeded generator: never zero. */
  random: number
}

/**
 * What can happen to a Node.
 *
 * @category models
 * @since 0.1.0
 */
export type Input =
  /** A message from the Node that the connection's handshake named. */
  | { readonly _tag: "Received"; readonly from: Node.Node; readonly message: ControlMessage }
  /** Bulk data from it, or the word that such data has come to it, arrives: it lives, although its answers may be late. */
  | { readonly _tag: "Heard"; readonly node: Node.Node }
  /** Somebody watches this life of a Node, or does no more. */
  | { readonly _tag: "Monitor"; readonly node: Node.Node; readonly isOn: boolean }
  /** Proof that this life of a Node has ended: a fresh connect to its address was refused, or another life answered there. */
  | { readonly _tag: "Refused"; readonly node: Node.Node }
  /** An open connection to it ended: proves nothing, but asks for a look. */
  | { readonly _tag: "Broken"; readonly node: Node.Node }
  /** The time that `wakeAt` named has come. */
  | { readonly _tag: "Woken" }
  /** Start a ring of one. */
  | { readonly _tag: "Found" }
  /** Join through a Node that answered at a seed's address. */
  | { readonly _tag: "Join"; readonly via: Node.Node }
  | { readonly _tag: "Leave" }
  /** Somebody did not acknowledge a routed message in time: look whether it lives. */
  | { readonly _tag: "Suspect"; readonly node: Node.Node }

/**
 * What the driver is to do, or to tell.
 *
 * @category models
 * @since 0.1.0
 */
export type Output =
  /** Over the open connection to this life of the Node; where there is none, over a new one. */
  | { readonly _tag: "Send"; readonly to: Node.Node; readonly message: ControlMessage }
  | { readonly _tag: "Emit"; readonly event: Event }

/**
 * What a Node tells about its membership, in order.
 *
 * @category models
 * @since 0.1.0
 */
export type Event =
  | { readonly _tag: "Ready" }
  /** Answers for nothing any more, and tries to join again. */
  | { readonly _tag: "Detached" }
  | { readonly _tag: "Left" }
  /** The keys that this Node covers, or its tables, have changed: whoever holds a message decides again. */
  | { readonly _tag: "OwnershipChanged" }
  /** A Node that is watched is up, or down. */
  | { readonly _tag: "Monitored"; readonly node: Node.Node; readonly isUp: boolean }
  | { readonly _tag: "NodeJoined"; readonly node: Node.Node }
  | { readonly _tag: "NodeExited"; readonly node: Node.Node; readonly reason: ExitReason }
  | { readonly _tag: "LeavesChanged" }
  | { readonly _tag: "Heartbeat"; readonly from: Node.Node }
  /** This Node is a later life of its id from now on: connections must say so. */
  | { readonly _tag: "IncarnationRaised" }
  | { readonly _tag: "JoinRefused"; readonly reason: "idInUse" }

/**
 * Joiners that may wait at one gap owner. A further one is told to try again.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxWaiting = 64

/**
 * Questions that may be under way. A further candidate is not asked now; the next exchange brings it again.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxInquiries = 256

/**
 * Ended lives, and lost Nodes, that are remembered. The oldest is forgotten first.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxFailed = 1024

/**
 * Nodes that are not ready either, and that are remembered. The oldest is forgotten first, but for the smallest id.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxNotReady = 1024

/**
 * Nodes to ask for a way in that are remembered.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxVias = 64

/**
 * A side without a neighbour: one's own Node, whose lease never ends.
 *
 * @category constructors
 * @since 0.1.0
 */
export const aloneSide = (self: Node.Node): Side => makeSide(self, self, Number.POSITIVE_INFINITY, 0)

/**
 * A side with a neighbour.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeSide = (node: Node.Node, bound: Node.Node, leaseUntil: number, grantedAt: number): Side => ({
  node,
  bound,
  leaseUntil,
  grantedAt,
  sequence: 0,
  askedAt: 0,
  unanswered: 0,
  nextAskAt: 0,
  lostAt: undefined,
  proven: false,
  leaving: false,
  previous: undefined,
  attempt: undefined,
  joined: 0
})

/**
 * The state of a Node that knows nobody.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (self: Node.Node, settings: Settings, seed: number): State => ({
  self,
  firstIncarnation: self.incarnation,
  settings,
  leafSet: LeafSet.make(self.id, settings.leafSetSide),
  routingTable: RoutingTable.make(self.id),
  neighborhoodSet: NeighborhoodSet.make(self.id, settings.neighborhoodSize),
  phase: "idle",
  predecessor: aloneSide(self),
  successor: aloneSide(self),
  pairings: { predecessor: undefined, successor: undefined },
  busy: undefined,
  waiting: [],
  attempt: 0,
  attemptAt: 0,
  retryAt: Number.POSITIVE_INFINITY,
  unansweredRequests: 0,
  joinSeeds: [],
  nextVia: 0,
  grant: undefined,
  detachedAt: undefined,
  notReady: new Map(),
  newcomers: new Map(),
  inquiries: new Map(),
  monitors: new Map(),
  failed: new Map(),
  missed: new Map(),
  lost: new Map(),
  pendingReplacements: new Map(),
  recentYields: new Map(),
  announced: new Map(),
  contacts: new Map(),
  answerTime: 0,
  failures: [],
  readyAt: 0,
  lookAt: Number.POSITIVE_INFINITY,
  sequence: 0,
  exchangeAt: Number.POSITIVE_INFINITY,
  exchanges: 0,
  lostLeaves: 0,
  repairAt: Number.POSITIVE_INFINITY,
  tableExchangeAt: Number.POSITIVE_INFINITY,
  tableExchanges: 0,
  leaveUntil: Number.POSITIVE_INFINITY,
  leaveAcks: new Set(),
  random: (seed | 0) === 0 ? 1 : seed | 0
})

const cloneSide = (side: Side): Side => ({
  ...side,
  previous: side.previous === undefined ? undefined : cloneSide(side.previous)
})

/**
 * A copy that shares nothing mutable: the explorer and the simulator branch on it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const clone = (state: State): State => ({
  ...state,
  leafSet: LeafSet.clone(state.leafSet),
  routingTable: RoutingTable.clone(state.routingTable),
  neighborhoodSet: NeighborhoodSet.clone(state.neighborhoodSet),
  predecessor: cloneSide(state.predecessor),
  successor: cloneSide(state.successor),
  pairings: { ...state.pairings },
  waiting: state.waiting.slice(),
  joinSeeds: state.joinSeeds.slice(),
  grant: state.grant === undefined ? undefined : { ...state.grant },
  notReady: new Map(state.notReady),
  newcomers: new Map(state.newcomers),
  inquiries: new Map(Array.from(state.inquiries, ([hex, inquiry]) => [hex, { ...inquiry }])),
  monitors: new Map(Array.from(state.monitors, ([life, monitor]) => [life, { ...monitor }])),
  failed: new Map(Array.from(state.failed, ([hex, ended]) => [hex, { ...ended }])),
  missed: new Map(state.missed),
  lost: new Map(state.lost),
  pendingReplacements: new Map(state.pendingReplacements),
  recentYields: new Map(state.recentYields),
  announced: new Map(state.announced),
  contacts: new Map(Array.from(state.contacts, ([hex, contact]) => [hex, { ...contact }])),
  failures: state.failures.slice(),
  leaveAcks: new Set(state.leaveAcks)
})

/**
 * Remembers something as the newest; of more than so many the oldest is forgotten.
 *
 * @category mutations
 * @since 0.1.0
 */
export const remember = <A>(memory: Map<string, A>, hex: string, value: A, most: number): void => {
  memory.delete(hex)
  memory.set(hex, value)
  if (memory.size > most) memory.delete(memory.keys().next().value!)
}

/**
 * The next number of the seeded generator, 0 to 2^32 - 1 (xorshift32; Marsaglia, 2003).
 *
 * @category mutations
 * @since 0.1.0
 */
export const nextRandom = (state: State): number => {
  let x = state.random
  x ^= x << 13
  x ^= x >>> 17
  x ^= x << 5
  state.random = x
  return x >>> 0
}

/**
 * How long to wait for an answer before asking again, in milliseconds: `probe`, or twice as long as answers have been
 * taking, as long as all questions in a row fit between two renewals of a lease. Rule D10.
 *
 * @category getters
 * @since 0.1.0
 */
export const probeTimeout = ({ answerTime, settings }: State): number =>
  Math.max(settings.probe, Math.min(2 * answerTime, longestProbe(settings)))

const longestProbe = ({ lease, probeRetries, renewal }: Settings): number => (lease - renewal) / (probeRetries + 2)

/**
 * An answer took so long. Rule D10.
 *
 * @category mutations
 * @since 0.1.0
 */
export const answered = (state: State, time: number): void => {
  const slow = time > state.answerTime ? time : state.answerTime + (time - state.answerTime) / 8
  state.answerTime = slow > state.settings.probe / 4 ? slow : 0
}

/**
 * Whether a Node is one of the two between which this one is joining.
 *
 * @category getters
 * @since 0.1.0
 */
export const isParty = ({ grant }: State, node: Node.Node): boolean =>
  grant !== undefined && (Node.isSameLife(grant.predecessor, node) || Node.isSameLife(grant.successor, node))

/**
 * The other side.
 *
 * @category getters
 * @since 0.1.0
 */
export const opposite = (neighbour: Neighbour): Neighbour => neighbour === "predecessor" ? "successor" : "predecessor"
