/**
 * OwnedKeys: which keys this Node answers for, since when, and under which epoch.
 *
 * It compares what the membership says with what it said before, and tells the difference: for roots that hold
 * state, which has to be fetched from somebody before it is answered for, or given to somebody. The epoch grows each
 * time that keys come to this Node, and with each of its lives. Rule L8 of `docs/protocol.md`.
 *
 * @since 0.1.0
 */
import * as Coverage from "../ring/Coverage.ts"
import type * as Node from "../ring/Node.ts"
import * as NodeId from "../ring/NodeId.ts"
import type * as MembershipState from "./MembershipState.ts"

/**
 * The keys from one to another, clockwise, both included.
 *
 * @category models
 * @since 0.1.0
 */
export interface Interval {
  readonly from: NodeId.NodeId
  readonly to: NodeId.NodeId
}

/**
 * Orders what a Node has answered for: by the life of the Node, and then by how often keys had come to it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Epoch {
  readonly incarnation: number
  readonly number: number
}

/**
 * Why the keys of a Node have changed.
 *
 * - `ready`: it has become ready, with all its keys.
 * - `joined`: a Node has joined beside it, and has those keys now.
 * - `gone`: the Node beside it has left or failed.
 * - `leaseLost`, `leaseRenewed`: a neighbour's promise has run out, or stands again.
 * - `ended`: it leaves, or has lost its place.
 *
 * @category models
 * @since 0.1.0
 */
export type Reason = "ready" | "joined" | "gone" | "leaseLost" | "leaseRenewed" | "ended"

/**
 * What a Node answers for now: at most one interval. `since` is when it last changed, in milliseconds of the Node's clock.
 *
 * @category models
 * @since 0.1.0
 */
export interface Owned {
  readonly interval: Interval | undefined
  readonly epoch: Epoch
  readonly since: number
}

/**
 * A change. `others` are the Nodes from which keys came, or to which they went, as far as they are known.
 *
 * @category models
 * @since 0.1.0
 */
export interface Change {
  readonly owned: Owned
  readonly gained: ReadonlyArray<Interval>
  readonly lost: ReadonlyArray<Interval>
  readonly others: ReadonlyArray<Node.Node>
  readonly why: Reason
}

/** One side of this Node: how far it answers, against whom, and whether that stands. */
interface Half {
  readonly bound: Node.Node
  readonly end: NodeId.NodeId
  readonly stands: boolean
}

interface Halves {
  readonly left: Half
  readonly right: Half
}

/**
 * What was told last. Mutable, with one writer.
 *
 * @category models
 * @since 0.1.0
 */
export interface State {
  owned: Owned
  halves: Halves | undefined
}

/**
 * Nothing yet.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = ({ self }: MembershipState.State): State => ({
  owned: { interval: undefined, epoch: { incarnation: self.incarnation, number: 0 }, since: 0 },
  halves: undefined
})

/**
 * Negative when `x` is the older epoch of one Node.
 *
 * @category comparisons
 * @since 0.1.0
 */
export const compareEpochs = (x: Epoch, y: Epoch): number => x.incarnation - y.incarnation || x.number - y.number

/**
 * Whether a key lies in an interval.
 *
 * @category checks
 * @since 0.1.0
 */
export const contains = ({ from, to }: Interval, key: NodeId.NodeId): boolean =>
  NodeId.equals(from, key) || NodeId.compareClockwise(from, key, to) <= 0

/**
 * When a side whose lease stands loses it, unless it is renewed before.
 *
 * @category getters
 * @since 0.1.0
 */
export const wakeAt = ({ halves }: State, { predecessor, successor }: MembershipState.State): number => {
  const at = (half: Half | undefined, leaseUntil: number) =>
    half?.stands === true ? leaseUntil : Number.POSITIVE_INFINITY
  return Math.min(at(halves?.left, predecessor.leaseUntil), at(halves?.right, successor.leaseUntil))
}

/**
 * Looks at the membership at a time. Returns what has changed since the last look, if anything has.
 *
 * @category transitions
 * @since 0.1.0
 */
export const update = (state: State, membership: MembershipState.State, now: number): Change | undefined => {
  const before = state.halves
  const after = membership.phase === "ready" ? halvesOf(membership, now) : undefined
  const { self } = membership
  const gained: Array<Interval> = []
  const lost: Array<Interval> = []
  const others = new Map<string, Node.Node>()
  const meet = (node: Node.Node | undefined) => {
    if (node !== undefined && !NodeId.equals(node.id, self.id)) others.set(node.life, node)
  }
  const reasons: Array<Reason> = []
  for (const side of ["left", "right"] as const) {
    const [old, next] = [before?.[side], after?.[side]]
    const hadKeys = old?.stands === true
    const hasKeys = next?.stands === true
    if (hadKeys && hasKeys && NodeId.equals(old.end, next.end)) continue
    if (!hadKeys && !hasKeys) continue
    if (hadKeys && hasKeys) {
      const isLess = contains(reach(self.id, side, old.end), next.end)
      const interval = between(side, isLess ? next.end : old.end, isLess ? old.end : next.end)
      ;(isLess ? lost : gained).push(interval)
      reasons.push(isLess ? "joined" : "gone")
      meet(isLess ? next.bound : old.bound)
    } else if (hasKeys) {
      gained.push(reach(self.id, side, next.end))
      reasons.push(before === undefined ? "ready" : "leaseRenewed")
      meet(before === undefined ? next.bound : undefined)
    } else {
      lost.push(reach(self.id, side, old!.end))
      reasons.push(after === undefined ? "ended" : "leaseLost")
      meet(after === undefined ? old!.bound : undefined)
    }
  }
  state.halves = after
  const [why] = reasons
  if (why === undefined) return undefined
  const { epoch } = state.owned
  const isSameLife = epoch.incarnation === self.incarnation
  const number = (isSameLife ? epoch.number : 0) + (gained.length > 0 ? 1 : 0)
  state.owned = {
    interval: after === undefined ? undefined : whole(self.id, after),
    epoch: { incarnation: self.incarnation, number },
    since: now
  }
  return { owned: state.owned, gained, lost, others: Array.from(others.values()), why }
}

const halvesOf = (membership: MembershipState.State, now: number): Halves => {
  const { predecessor, self, successor } = membership
  return {
    left: {
      bound: predecessor.bound,
      end: Coverage.leftEnd(self.id, predecessor.bound.id),
      stands: now < predecessor.leaseUntil
    },
    right: {
      bound: successor.bound,
      end: Coverage.rightEnd(self.id, successor.bound.id),
      stands: now < successor.leaseUntil
    }
  }
}

/** From this Node to the end of a side. */
const reach = (self: NodeId.NodeId, side: "left" | "right", end: NodeId.NodeId): Interval =>
  side === "right" ? { from: self, to: end } : { from: end, to: self }

/** Beyond the nearer end, up to the farther one. */
const between = (side: "left" | "right", nearer: NodeId.NodeId, farther: NodeId.NodeId): Interval =>
  side === "right"
    ? { from: NodeId.add(nearer, one), to: farther }
    : { from: farther, to: NodeId.clockwise(one, nearer) }

const one = new NodeId.NodeId(0, 0, 0, 1)

const whole = (self: NodeId.NodeId, { left, right }: Halves): Interval | undefined => {
  if (!left.stands && !right.stands) return undefined
  return { from: left.stands ? left.end : self, to: right.stands ? right.end : self }
}
