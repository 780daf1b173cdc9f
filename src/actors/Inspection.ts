/**
 * Inspection: what a Node answers to somebody who looks at it.
 *
 * It reads the Node's state between two turns of the event loop: asking changes
 * nothing, and an answer is what the Node would do at this moment.
 *
 * @since 0.1.0
 */
import * as Membership from "../core/Membership.ts"
import * as Ownership from "../core/Ownership.ts"
import * as Query from "../protocol/Query.ts"
import * as LeafSet from "../ring/LeafSet.ts"
import * as NextHop from "../ring/NextHop.ts"
import type * as Node from "../ring/Node.ts"
import * as NodeId from "../ring/NodeId.ts"
import type { NodeState } from "./NodeState.ts"

/**
 * What is looked at: the membership, and the time at which leases are read.
 *
 * @category models
 * @since 0.1.0
 */
export type Inspected = Pick<NodeState["Service"], "leaseTime" | "membership" | "self">

/**
 * Answers a question.
 *
 * @category getters
 * @since 0.1.0
 */
export const answer = (state: Inspected, query: Query.Inspection): Query.Answer => {
  switch (query._tag) {
    case "RouteQuery":
      return route(state, query.sequence, query.key)
    case "ViewQuery":
      return view(state, query.sequence)
  }
}

const route = ({ leaseTime, membership, self }: Inspected, sequence: number, key: NodeId.NodeId): Query.Answer => {
  const time = leaseTime()
  const covers = Membership.covers(membership, key, time)
  const next = covers ? undefined : NextHop.nextHop(membership, key)
  const row = NodeId.commonPrefix(self.id, key)
  return {
    _tag: "RouteAnswer",
    sequence,
    covers,
    ready: Membership.isReady(membership, time),
    next,
    why: NextHop.reasonOfLast(),
    row,
    column: row === NodeId.digits ? 0 : NodeId.digit(key, row)
  }
}

const view = ({ leaseTime, membership, self }: Inspected, sequence: number): Query.Answer => {
  const { leafSet, lost, predecessor, successor } = membership
  /** What a Node that is joining or leaving holds on its sides means nothing. */
  const neighbour = (side: typeof predecessor): Node.Node | undefined =>
    membership.phase === "ready" && !Ownership.isAloneSide(membership, side) ? side.node : undefined
  return {
    _tag: "ViewAnswer",
    sequence,
    node: self,
    ready: Membership.isReady(membership, leaseTime()),
    predecessor: neighbour(predecessor),
    successor: neighbour(successor),
    side: Math.min(leafSet.side, Query.maxSide),
    left: LeafSet.left(leafSet).slice(0, Query.maxSide),
    right: LeafSet.right(leafSet).slice(0, Query.maxSide),
    // Those that are asked whether they are back go to the end of the line, so this is "newest" by news of them.
    lost: [...lost.values()].slice(-Query.maxLost).reverse()
  }
}
