/**
 * OracleRing: rings whose tables are filled by somebody who sees everything.
 *
 * For figures about routing alone, in rings too large to be joined Node by Node: the
 * tables are those of real Nodes (`ring/`), and so is every decision (`NextHop`);
 * only how they were filled is not. No time passes, nobody fails on the way.
 *
 * @since 0.1.0
 */
import * as LeafSet from "../ring/LeafSet.ts"
import * as NeighborhoodSet from "../ring/NeighborhoodSet.ts"
import { nextHop, type Tables } from "../ring/NextHop.ts"
import * as Node from "../ring/Node.ts"
import * as NodeId from "../ring/NodeId.ts"
import * as RoutingTable from "../ring/RoutingTable.ts"
import type { Rng } from "./Rng.ts"
import type { Place, Topology } from "./Topology.ts"

/**
 * A Node of an ideal ring.
 *
 * @category models
 * @since 0.1.0
 */
export interface Member extends Tables {
  readonly node: Node.Node
  readonly place: Place
}

/**
 * A ring in order of its ids.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ring {
  readonly members: ReadonlyArray<Member>
  readonly byHex: ReadonlyMap<string, Member>
  readonly topology: Topology
}

/**
 * How a ring is made.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly nodes: number
  readonly leafSetSide: number
  /** How many of the Nodes that fit are looked at for an entry of the routing table, of which the nearest is taken; 1 for any one, `Infinity` for all. */
  readonly candidates: number
  readonly topology: Topology
  readonly rng: Rng
}

/** How many members have a smaller id, from a rank on. */
const rankOf = (members: ReadonlyArray<Member>, id: NodeId.NodeId, from: number, to: number): number => {
  let low = from
  let high = to
  while (low < high) {
    const middle = (low + high) >>> 1
    if (NodeId.compare(members[middle]!.node.id, id) < 0) low = middle + 1
    else high = middle
  }
  return low
}

/** An id that shares `row` digits with another, then has this digit, then zeros. */
const startOf = (id: NodeId.NodeId, row: number, column: number): NodeId.NodeId =>
  NodeId.parse((id.hex.slice(0, row) + column.toString(16)).padEnd(NodeId.digits, "0"))

/**
 * Makes a ring.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = ({ candidates, rng, leafSetSide, nodes, topology }: Options): Ring => {
  const members = Array.from({ length: nodes }, (_, number): Member => {
    const id = NodeId.random(() => rng.word())
    const place = topology.place(number)
    const host = `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`
    return {
      node: new Node.Node({ id, localHost: host, globalHost: host, port: 7000, region: place.region, incarnation: 1 }),
      place,
      leafSet: LeafSet.make(id, leafSetSide),
      routingTable: RoutingTable.make(id),
      neighborhoodSet: NeighborhoodSet.make(id, 1)
    }
  }).sort((x, y) => NodeId.compare(x.node.id, y.node.id))
  members.forEach((_, rank) => fill(members, rank, leafSetSide, candidates, topology, rng))
  return { members, byHex: new Map(members.map((member) => [member.node.hex, member])), topology }
}

const fill = (
  members: ReadonlyArray<Member>,
  rank: number,
  leafSetSide: number,
  candidates: number,
  topology: Topology,
  rng: Rng
): void => {
  const size = members.length
  const { leafSet, node, place, routingTable } = members[rank]!
  for (let step = 1; step <= Math.min(leafSetSide, size - 1); step++) {
    LeafSet.insert(leafSet, members[(rank + step) % size]!.node)
    LeafSet.insert(leafSet, members[(rank - step + size) % size]!.node)
  }
  let from = 0
  let to = size
  // All that share `row` digits stand together; one digit more parts them once more.
  for (let row = 0; row < NodeId.digits && to - from > 1; row++) {
    const own = NodeId.digit(node.id, row)
    let start = from
    let next = { from, to }
    for (let column = 0; column < NodeId.radix; column++) {
      const end = column === NodeId.radix - 1 ? to : rankOf(members, startOf(node.id, row, column + 1), start, to)
      if (column === own) next = { from: start, to: end }
      else if (end > start) {
        const entry = nearestOf(members, start, end, candidates, place, topology, rng)
        RoutingTable.insert(routingTable, entry.node, topology.distance(place, entry.place))
      }
      start = end
    }
    from = next.from
    to = next.to
  }
}

const nearestOf = (
  members: ReadonlyArray<Member>,
  from: number,
  to: number,
  candidates: number,
  place: Place,
  topology: Topology,
  rng: Rng
): Member => {
  const areAll = candidates >= to - from
  const count = areAll ? to - from : candidates
  let nearest = members[areAll ? from : from + rng.below(to - from)]!
  for (let tries = 1; tries < count; tries++) {
    const other = members[from + (areAll ? tries : rng.below(to - from))]!
    if (topology.distance(place, other.place) < topology.distance(place, nearest.place)) nearest = other
  }
  return nearest
}

/**
 * Where a message went.
 *
 * @category models
 * @since 0.1.0
 */
export interface Way {
  readonly root: Member
  readonly hops: number
  /** The sum of the ways of its hops, and the direct way, in milliseconds. */
  readonly travelled: number
  readonly direct: number
}

/**
 * Routes a message, around Nodes that are gone if there are any.
 *
 * @category routing
 * @since 0.1.0
 */
export const route = (
  { byHex, topology }: Ring,
  source: Member,
  key: NodeId.NodeId,
  isGone?: (node: Node.Node) => boolean
): Way => {
  let at = source
  let hops = 0
  let travelled = 0
  for (let next = nextHop(at, key, isGone); next !== undefined; next = nextHop(at, key, isGone)) {
    const there = byHex.get(next.hex)!
    travelled += topology.distance(at.place, there.place)
    at = there
    hops++
  }
  return { root: at, hops, travelled, direct: topology.distance(source.place, at.place) }
}
