/**
 * Merge: two rings that were one, or should be, become one again.
 *
 * While a network is cut each part is a ring of its own. When it heals the parts
 * find each other, because every Node asks in turn for those it has lost. Then
 * some Node finds a ready one where it holds nobody to be; of the two the one
 * with the larger id gives its place up and joins again through the other. Rules S1
 * to S3 of `docs/protocol.md`.
 *
 * @since 0.1.0
 */
import type { ControlMessage, Neighbour } from "../protocol/ControlMessage.ts"
import * as Node from "../ring/Node.ts"
import * as NodeId from "../ring/NodeId.ts"
import * as MembershipState from "./MembershipState.ts"
import type { Output, State } from "./MembershipState.ts"
import * as Ownership from "./Ownership.ts"

type Message<Tag extends ControlMessage["_tag"]> = Extract<ControlMessage, { readonly _tag: Tag }>

const isJoiner = (state: State, node: Node.Node): boolean =>
  state.busy !== undefined && Node.isSameLife(state.busy.joiner, node)

/** Whether a ready Node stands between this one and its established neighbour on a side, where nobody should. */
const isInGap = (state: State, which: Neighbour, node: Node.Node): boolean =>
  state.phase === "ready" && Ownership.isSettled(state[which]) && !isJoiner(state, node) &&
  Ownership.isNearer(state, which, node.id, state[which].node.id)

/**
 * Whether a ready Node may belong to another ring: it stands in the gap, or where a neighbour is missing and does not become one.
 *
 * @category getters
 * @since 0.1.0
 */
export const isSuspicious = (state: State, which: Neighbour, node: Node.Node): boolean =>
  isInGap(state, which, node) || (state.phase === "ready" && state[which].lostAt !== undefined)

/**
 * Asks the nearest leaf of each side, if it stands where nobody should.
 *
 * @category transitions
 * @since 0.1.0
 */
export const look = (state: State, out: Array<Output>): void => {
  for (const which of ["predecessor", "successor"] as const) {
    const nearest = Ownership.nearestLeaf(state, which)
    if (nearest !== undefined && isSuspicious(state, which, nearest)) {
      out.push({ _tag: "Send", to: nearest, message: { _tag: "Meet", as: which } })
    }
  }
}

/**
 * Whether a ring of one gives way to a ready Node that answered with these
 * leaves: always to a larger ring, and of two single Nodes the one with the larger id. Rule S1.
 *
 * @category getters
 * @since 0.1.0
 */
export const isOutranked = (state: State, by: Node.Node, leaves: ReadonlyArray<Node.Node>): boolean =>
  leaves.length > 0 || NodeId.compare(by.id, state.self.id) < 0

/**
 * A Node found this one in its gap. Returns whether this one gives way.
 *
 * @category transitions
 * @since 0.1.0
 */
export const onMeet = (state: State, from: Node.Node, { as }: Message<"Meet">, out: Array<Output>): boolean => {
  const which = MembershipState.opposite(as)
  if (!isInGap(state, which, from)) return false
  if (NodeId.compare(state.self.id, from.id) > 0) return true
  out.push({ _tag: "Send", to: from, message: { _tag: "Met", as, neighbour: state[which].node } })
  return false
}

/**
 * The Node in the gap has answered. Returns whether this one gives way.
 *
 * @category transitions
 * @since 0.1.0
 */
export const onMet = (state: State, from: Node.Node, { as, neighbour }: Message<"Met">): boolean =>
  isSuspicious(state, as, from) && !NodeId.equals(neighbour.id, state.self.id) &&
  !Ownership.isNearer(state, as, neighbour.id, from.id) && NodeId.compare(state.self.id, from.id) > 0
