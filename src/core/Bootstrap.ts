/**
 * Bootstrap: how a Node finds a ring through its seeds, or agrees with others who starts one.
 *
 * Seeds are asked in rounds, each over one connection, until the Node is ready. A
 * ring is started by the Node of the smallest id among those that join at the same
 * time and know of each other, after `seedPatience`. As the rest of the core it
 * performs no I/O: a driver dials what `beginRound` returns, tells `settle` what
 * came of it, and asks `decide`. Rules B1 to B4 of `docs/protocol.md`.
 *
 * @since 0.1.0
 */
import type * as Node from "../ring/Node.ts"
import * as NodeId from "../ring/NodeId.ts"
import type * as MembershipState from "./MembershipState.ts"

/**
 * What came of asking the address of a seed the last time.
 *
 * - `Asking`: it has not answered yet.
 * - `Member`: this Node of the cluster listens there.
 * - `Self`: the address leads to this very Node.
 * - `Refused`: whoever listens there does not take this Node for one of its cluster.
 * - `Unusable`: somebody answers there, but others could not reach this Node through it, or it them. Rule B5.
 * - `Failed`: nothing answers there; it may be different the next time.
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome =
  | { readonly _tag: "Asking" }
  | { readonly _tag: "Member"; readonly node: Node.Node }
  | { readonly _tag: "Self" }
  | { readonly _tag: "Refused"; readonly message: string }
  | { readonly _tag: "Unusable"; readonly message: string }
  | { readonly _tag: "Failed"; readonly message: string }

/**
 * What a driver is to do.
 *
 * @category models
 * @since 0.1.0
 */
export type Decision =
  | { readonly _tag: "Wait" }
  | { readonly _tag: "StartRing" }
  /** Every seed that answers refuses. */
  | { readonly _tag: "GiveUp"; readonly message: string }

/**
 * The search of one Node. Mutable, with one writer.
 *
 * @category models
 * @since 0.1.0
 */
export interface State {
  /** How long to look for others before a ring is started, in milliseconds. */
  readonly patience: number
  readonly startedAt: number
  /** Whether there is any seed but this Node itself. */
  readonly hasSeeds: boolean
  /** This Node is a seed itself: an address of its own is among them, or led back to it. */
  isSeed: boolean
  /** A ring was started here, or joined: from then on only the core starts one (rule L5). */
  hasRing: boolean
  /** By address, as a text. */
  readonly outcomes: Map<string, Outcome>
  /** Addresses that are being asked. */
  readonly asking: Set<string>
  /** Rounds so far, since the Node was last ready. */
  rounds: number
}

/**
 * Addresses that are asked in a round. A name with more of them is asked for some.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxAddresses = 64

/** Shortest and longest pause between two rounds, in milliseconds. */
const shortestPause = 100
const longestPause = 3_000

/**
 * How much longer than `patience` a newcomer of smaller id may take to start the ring. After that others do: it may not be able to.
 */
const graceOfSmaller = 4

/**
 * A Node that begins to look for a ring.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  now: number,
  { hasSeeds, patience }: Pick<State, "hasSeeds" | "patience">
): State => ({
  patience,
  startedAt: now,
  hasSeeds,
  isSeed: false,
  hasRing: false,
  outcomes: new Map(),
  asking: new Set(),
  rounds: 0
})

/**
 * Begins a round. Returns the addresses to dial, and the Nodes to ask again over links that are still open.
 *
 * @category transitions
 * @since 0.1.0
 */
export const beginRound = (
  state: State,
  addresses: ReadonlyArray<string>,
  isLinked: (node: Node.Node) => boolean
): { readonly dial: ReadonlyArray<string>; readonly again: ReadonlyArray<Node.Node> } => {
  const asked = new Set(Array.from(new Set(addresses)).slice(0, maxAddresses))
  for (const address of state.outcomes.keys()) if (!asked.has(address)) state.outcomes.delete(address)
  const dial: Array<string> = []
  const again: Array<Node.Node> = []
  for (const address of asked) {
    if (state.asking.has(address)) continue
    const outcome = state.outcomes.get(address)
    if (outcome?._tag === "Member" && isLinked(outcome.node)) {
      again.push(outcome.node)
      continue
    }
    if (outcome === undefined) state.outcomes.set(address, { _tag: "Asking" })
    state.asking.add(address)
    dial.push(address)
  }
  state.rounds++
  return { dial, again }
}

/**
 * An address has answered, or has not. That it is this Node's own counts for this answer only: behind one address there
 * may be several Nodes, as behind a load balancer.
 *
 * @category transitions
 * @since 0.1.0
 */
export const settle = (state: State, address: string, outcome: Outcome): void => {
  state.asking.delete(address)
  if (outcome._tag === "Self") state.isSeed = true
  if (state.outcomes.has(address)) state.outcomes.set(address, outcome)
}

/**
 * This Node is ready.
 *
 * @category transitions
 * @since 0.1.0
 */
export const ready = (state: State): void => {
  state.hasRing = true
  state.rounds = 0
  state.outcomes.clear()
}

/**
 * How long to wait for answers, and before the next round, in milliseconds: longer each time; not at all where nobody is asked.
 *
 * @category getters
 * @since 0.1.0
 */
export const pause = ({ hasRing, hasSeeds, rounds }: State): number =>
  hasSeeds || hasRing ? Math.min(longestPause, shortestPause * 2 ** Math.min(rounds - 1, 8)) : 0

/**
 * How long a ready Node waits before it looks for seeds that it does not know, in milliseconds: soon at first, for
 * rings that were started at the same time should become one soon, and then every `tableExchange`. Rule S1.
 *
 * @category getters
 * @since 0.1.0
 */
export const rememberAfter = (looks: number, tableExchange: number): number =>
  Math.min(tableExchange, longestPause * 2 ** Math.min(looks, 16))

/**
 * What to do now: start a ring, give up, or go on. Rules B2, B3.
 *
 * @category getters
 * @since 0.1.0
 */
export const decide = (state: State, membership: MembershipState.State, now: number): Decision => {
  const outcomes = Array.from(state.outcomes.values())
  const members = membersOf(outcomes)
  const isAsking = outcomes.some(({ _tag }) => _tag === "Asking")
  const refused = outcomes.find((outcome) => outcome._tag === "Refused")
  if (refused !== undefined && members.length === 0 && !isAsking && !state.hasRing) {
    return { _tag: "GiveUp", message: refused.message }
  }
  if (state.hasRing) return { _tag: "Wait" }
  if (!state.hasSeeds) return { _tag: "StartRing" }
  // A seed that answers and has not said that it is joining, too, has a ring: that one must be joined, however long it takes.
  const mayHaveRing = members.some(({ hex }) => !membership.newcomers.has(hex))
  const isPatient = now >= state.startedAt + state.patience && state.rounds > 1
  const knowsOthers = state.isSeed || membership.newcomers.size > 0
  return !mayHaveRing && isPatient && knowsOthers && smallerNewcomer(state, membership, now) === undefined
    ? { _tag: "StartRing" }
    : { _tag: "Wait" }
}

const membersOf = (outcomes: ReadonlyArray<Outcome>): ReadonlyArray<Node.Node> =>
  outcomes.flatMap((outcome) => outcome._tag === "Member" ? [outcome.node] : [])

/** The newcomer that starts the ring instead of this Node. */
const smallerNewcomer = (
  { patience }: State,
  { newcomers, self }: MembershipState.State,
  now: number
): Node.Node | undefined => {
  let smallest: Node.Node | undefined
  for (const { node, since } of newcomers.values()) {
    if (NodeId.compare(node.id, self.id) >= 0 || now >= since + graceOfSmaller * patience) continue
    if (smallest === undefined || NodeId.compare(node.id, smallest.id) < 0) smallest = node
  }
  return smallest
}

/**
 * Whether all seeds have been asked, and none can be used.
 *
 * @category getters
 * @since 0.1.0
 */
export const isUnanswered = ({ outcomes }: State): boolean => {
  const tags = new Set(Array.from(outcomes.values(), ({ _tag }) => _tag))
  return (tags.has("Failed") || tags.has("Refused") || tags.has("Unusable")) && !tags.has("Asking") &&
    !tags.has("Member")
}

/**
 * What a Node that is not ready waits for, for people.
 *
 * @category getters
 * @since 0.1.0
 */
export const waitsFor = (state: State, membership: MembershipState.State, now: number): string => {
  const { grant, unansweredRequests } = membership
  const outcomes = Array.from(state.outcomes)
  const members = outcomes.filter(([, { _tag }]) => _tag === "Member").map(([address]) => address)
  if (grant !== undefined) {
    const missing = [
      ...grant.committed ? [] : [describe(grant.predecessor)],
      ...grant.inserted ? [] : [describe(grant.successor)]
    ]
    return `waiting for ${missing.join(" and ")} to make room for this Node`
  }
  if (!state.hasSeeds) return "no seed is given: waiting for a Node that this one knew to let it in again"
  if (members.length === 0) {
    const reasons = outcomes.map(([address, outcome]) => `${address}: ${explain(outcome)}`)
    if (reasons.length === 0) return "no seed has an address"
    const what = outcomes.some(([, { _tag }]) => _tag === "Unusable") ? "can be used" : "answered"
    return `no seed ${what} (${reasons.join("; ")}); trying again`
  }
  if (membership.newcomers.size > 0) {
    const smaller = smallerNewcomer(state, membership, now)
    if (smaller !== undefined) {
      return `no ring yet: waiting for ${describe(smaller)}, which has the smallest id, to start it`
    }
    if (!state.hasRing && now < state.startedAt + state.patience) {
      return "no ring yet: this Node, which has the smallest id, is about to start it"
    }
  }
  const through = `through ${members.join(", ")}`
  return unansweredRequests > 1
    ? `asked ${unansweredRequests} times ${through} to be let into the ring, without an answer: ` +
      `can other Nodes reach this one at ${describe(membership.self)}?`
    : `asked ${through} to be let into the ring; waiting for its turn`
}

const explain = (outcome: Outcome): string => {
  switch (outcome._tag) {
    case "Asking":
      return "no answer yet"
    case "Self":
      return "this Node itself"
    case "Member":
      return "answers"
    case "Refused":
    case "Unusable":
    case "Failed":
      return outcome.message
  }
}

const describe = ({ hex, localHost, port }: Node.Node): string =>
  `${hex.slice(0, 8)}… at ${localHost.includes(":") ? `[${localHost}]` : localHost}:${port}`
