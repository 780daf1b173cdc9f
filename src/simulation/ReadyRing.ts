/**
 * ReadyRing: what somebody who sees everything knows of the ring.
 *
 * All Nodes that are ready, in order of their ids. Checkers compare with it what the Nodes themselves believe.
 *
 * @since 0.1.0
 */
import * as NodeId from "../ring/NodeId.ts"

/**
 * What the ring needs to know of a Node.
 *
 * @category models
 * @since 0.1.0
 */
export interface Member {
  readonly self: { readonly id: NodeId.NodeId }
}

/**
 * Nodes in order of their ids. Invariant: no two have one id.
 *
 * @category models
 * @since 0.1.0
 */
export class ReadyRing<A extends Member> {
  readonly members: Array<A> = []
  /** The same once more: whether one is there is asked far more often than one comes or goes. */
  readonly #present = new Set<A>()

  /** How many Nodes have a smaller id. */
  rank(id: NodeId.NodeId): number {
    let from = 0
    let to = this.members.length
    while (from < to) {
      const middle = (from + to) >>> 1
      if (NodeId.compare(this.members[middle]!.self.id, id) < 0) from = middle + 1
      else to = middle
    }
    return from
  }

  /** Adds a Node. Returns the one that had this id, if there was one. */
  add(member: A): A | undefined {
    if (this.#present.has(member)) return undefined
    this.#present.add(member)
    const rank = this.rank(member.self.id)
    const there = this.members[rank]
    if (there !== undefined && NodeId.equals(there.self.id, member.self.id)) {
      this.members[rank] = member
      this.#present.delete(there)
      return there
    }
    this.members.splice(rank, 0, member)
    return undefined
  }

  remove(member: A): boolean {
    if (!this.#present.delete(member)) return false
    this.members.splice(this.rank(member.self.id), 1)
    return true
  }

  /** The member so many places clockwise of a rank. */
  at(rank: number): A {
    const size = this.members.length
    return this.members[((rank % size) + size) % size]!
  }

  /** The Node closest to a key of those for which `counts` holds. */
  closest(key: NodeId.NodeId, counts: (member: A) => boolean): A | undefined {
    const size = this.members.length
    if (size === 0) return undefined
    const rank = this.rank(key)
    const find = (step: 1 | -1, from: number): A | undefined => {
      for (let count = 0; count < size; count++) {
        const member = this.at(from + step * count)
        if (counts(member)) return member
      }
      return undefined
    }
    const after = find(1, rank)
    const before = find(-1, rank - 1)
    if (after === undefined || before === undefined) return after ?? before
    return NodeId.isCloser(key, before.self.id, after.self.id) ? before : after
  }
}
