/**
 * What must be true of the ring, said by brute force with BigInt, and the rings
 * to try it on. For tests only: nothing here is fast, and nothing here uses the
 * arithmetic of `src/ring` but to hand ids over.
 */
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import * as LeafSet from "../../src/ring/LeafSet.ts"
import * as NeighborhoodSet from "../../src/ring/NeighborhoodSet.ts"
import type * as NextHop from "../../src/ring/NextHop.ts"
import * as Node from "../../src/ring/Node.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as RoutingTable from "../../src/ring/RoutingTable.ts"

// -----------------------------------------------------------------------------
// arithmetic
// -----------------------------------------------------------------------------

export const modulus = 1n << 128n

export const half = 1n << 127n

export const wrap = (x: bigint): bigint => BigInt.asUintN(128, x)

export const toBig = (id: NodeId.NodeId): bigint =>
  (BigInt(id.word0 >>> 0) << 96n) | (BigInt(id.word1 >>> 0) << 64n) | (BigInt(id.word2 >>> 0) << 32n) |
  BigInt(id.word3 >>> 0)

export const fromBig = (x: bigint): NodeId.NodeId =>
  new NodeId.NodeId(
    Number(BigInt.asIntN(32, x >> 96n)),
    Number(BigInt.asIntN(32, x >> 64n)),
    Number(BigInt.asIntN(32, x >> 32n)),
    Number(BigInt.asIntN(32, x))
  )

export const toHex = (x: bigint): string => x.toString(16).padStart(32, "0")

export const order = (x: bigint, y: bigint): -1 | 0 | 1 => x < y ? -1 : x > y ? 1 : 0

export const clockwise = (from: bigint, to: bigint): bigint => wrap(to - from)

export const distance = (x: bigint, y: bigint): bigint => {
  const there = wrap(y - x)
  const back = wrap(x - y)
  return there < back ? there : back
}

/** By distance and then, at the same distance, the one that lies that far counter-clockwise of the key. */
export const isCloser = (key: bigint, x: bigint, y: bigint): boolean => {
  const distanceX = distance(key, x)
  const distanceY = distance(key, y)
  return distanceX < distanceY || (distanceX === distanceY && x !== y && x === wrap(key - distanceX))
}

export const commonPrefix = (x: bigint, y: bigint): number => {
  const hexX = toHex(x)
  const hexY = toHex(y)
  let length = 0
  while (length < 32 && hexX[length] === hexY[length]) length++
  return length
}

export const digit = (x: bigint, index: number): number => Number.parseInt(toHex(x)[index]!, 16)

// -----------------------------------------------------------------------------
// rings
// -----------------------------------------------------------------------------

/** The one id that is the root of a key. */
export const root = (ids: ReadonlyArray<bigint>, key: bigint): bigint =>
  ids.reduce((best, id) => isCloser(key, id, best) ? id : best)

export const sorted = (ids: Iterable<bigint>): Array<bigint> => [...ids].sort(order)

/** Everybody but `self`, clockwise from it, nearest first. */
export const clockwiseFrom = (self: bigint, ids: Iterable<bigint>): Array<bigint> =>
  [...ids].filter((id) => id !== self).sort((x, y) => order(clockwise(self, x), clockwise(self, y)))

/** The nearest `side` Nodes clockwise, nearest first. */
export const rightOf = (self: bigint, side: number, ids: Iterable<bigint>): Array<bigint> =>
  clockwiseFrom(self, ids).slice(0, side)

/** The nearest `side` Nodes counter-clockwise, nearest first. */
export const leftOf = (self: bigint, side: number, ids: Iterable<bigint>): Array<bigint> =>
  [...ids].filter((id) => id !== self).sort((x, y) => order(clockwise(x, self), clockwise(y, self))).slice(0, side)

/** The members of a leaf set that was shown `ids`, clockwise from `self`: both sides, each Node once. */
export const leaves = (self: bigint, side: number, ids: Iterable<bigint>): Array<bigint> => {
  const all = [...ids]
  return clockwiseFrom(self, new Set([...rightOf(self, side, all), ...leftOf(self, side, all)]))
}

/** A generator of 32-bit integers (mulberry32). */
export const words = (seed: number): () => number => {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
}

/** An integer below `bound`. */
export const below = (next: () => number, bound: number): number => next() % bound

export const shuffled = <A>(items: ReadonlyArray<A>, next: () => number): Array<A> => {
  const result = items.slice()
  for (let index = result.length - 1; index > 0; index--) {
    const other = below(next, index + 1)
    const item = result[index]!
    result[index] = result[other]!
    result[other] = item
  }
  return result
}

/** A ring of exactly `count` random ids. */
export const randomRing = (count: number, next: () => number): Array<bigint> => {
  const ids = new Set<bigint>()
  while (ids.size < count) ids.add(toBig(NodeId.random(next)))
  return [...ids]
}

/** A ring of exactly `count` ids in which every adversarial kind is about as frequent. */
export const adversarialRing = (count: number, next: () => number): Array<bigint> => {
  const ids = new Set<bigint>()
  while (ids.size < count) {
    ids.add(makeId(below(next, idKinds), [next(), next(), next(), next()], below(next, 129) - 64))
  }
  return [...ids]
}

// -----------------------------------------------------------------------------
// Nodes and tables
// -----------------------------------------------------------------------------

export const node = (id: bigint, fields: { port?: number; incarnation?: number; host?: string } = {}): Node.Node =>
  new Node.Node({
    id: fromBig(id),
    localHost: fields.host ?? "10.0.0.1",
    globalHost: "192.0.2.1",
    port: fields.port ?? 4000,
    region: "home",
    incarnation: fields.incarnation ?? 1
  }, { disableChecks: true })

export const idOf = (node: Node.Node): bigint => toBig(node.id)

export const idsOf = (nodes: Iterable<Node.Node>): Array<bigint> => Array.from(nodes, idOf)

export const emptyTables = (self: bigint, side?: number): NextHop.Tables => ({
  leafSet: LeafSet.make(fromBig(self), side),
  routingTable: RoutingTable.make(fromBig(self)),
  neighborhoodSet: NeighborhoodSet.make(fromBig(self))
})

/** Tables of a Node that was shown everybody, in the order given, at random proximities. */
export const fullTables = (
  self: bigint,
  nodes: Iterable<Node.Node>,
  next: () => number,
  side?: number
): NextHop.Tables => {
  const tables = emptyTables(self, side)
  for (const other of nodes) {
    const proximity = below(next, 200)
    LeafSet.insert(tables.leafSet, other)
    RoutingTable.insert(tables.routingTable, other, proximity)
    NeighborhoodSet.insert(tables.neighborhoodSet, other, proximity)
  }
  return tables
}

/** Everybody that any of the tables holds. */
export const known = (tables: NextHop.Tables): Array<Node.Node> => [
  ...tables.leafSet.members,
  ...RoutingTable.nodes(tables.routingTable),
  ...tables.neighborhoodSet.members.map((entry) => entry.node)
]

// -----------------------------------------------------------------------------
// generators
// -----------------------------------------------------------------------------

export const int = (minimum: number, maximum: number): Arbitrary.Arbitrary<number> =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))

export const word = int(0, 0xffffffff)

export const boolean = Arbitrary.schema(Schema.Boolean)

/** Many carries and borrows are near it. */
export const base = 0x7fffffff_fffffffe_ffffffff_00000001n

const low64 = (1n << 64n) - 1n

const edges = [0n, 1n, 0x7fffffffn, 0x80000000n, 0xffffffffn]

const idKinds = 10

const makeId = (
  kind: number,
  [w0, w1, w2, w3]: readonly [number, number, number, number],
  small: number
): bigint => {
  const random = (BigInt(w0) << 96n) | (BigInt(w1) << 64n) | (BigInt(w2) << 32n) | BigInt(w3)
  switch (kind) {
    // around zero: 0, 1, 2^128 - 1
    case 1:
      return wrap(BigInt(small))
    // next to each other
    case 2:
      return wrap(base + BigInt(small))
    // half a ring away from those
    case 3:
      return wrap(base + half + BigInt(small))
    // the same low half
    case 4:
      return (random & ~low64) | (base & low64)
    // the same high half
    case 5:
      return (random & low64) | (base & ~low64)
    // a shared prefix of any length
    case 6: {
      const shared = w0 % 33
      const rest = wrap((random << 32n) | (random >> 96n))
      return BigInt("0x" + toHex(base).slice(0, shared) + toHex(rest).slice(shared))
    }
    // words at their edges
    case 7:
      return (edges[w0 % 5]! << 96n) | (edges[w1 % 5]! << 64n) | (edges[w2 % 5]! << 32n) | edges[w3 % 5]!
    // near a sixteenth of the ring, so that ids and keys tie across it
    case 8:
      return wrap((BigInt(w0 % 16) << 124n) + BigInt(small))
    // a power of two away
    case 9:
      return wrap(base + (1n << BigInt(w0 % 128)) + BigInt(small))
    default:
      return random
  }
}

/** An id: any, or of an adversarial kind. Shrinks towards 0. */
export const id: Arbitrary.Arbitrary<bigint> = Arbitrary.map(
  Arbitrary.all([int(0, idKinds - 1), Arbitrary.all([word, word, word, word]), int(-4, 4)]),
  ([kind, four, small]) => makeId(kind, four, small)
)

/** Distinct ids, at most `maximum`, adversarial ones among them: as many as the run is large. */
export const specialRing = (maximum: number): Arbitrary.Arbitrary<Array<bigint>> =>
  Arbitrary.map(Arbitrary.array(id, { minLength: 1, maxLength: maximum }), (ids) => [...new Set(ids)])

/** A ring of 1 to `maximum` ids: half of them adversarial and quick to shrink, the others of any size. */
export const ring = (maximum: number): Arbitrary.Arbitrary<Array<bigint>> =>
  Arbitrary.flatMap(int(0, 3), (kind) =>
    kind < 2
      ? specialRing(maximum)
      : Arbitrary.map(
        Arbitrary.all([int(1, maximum), word]),
        ([count, seed]) => kind === 2 ? randomRing(count, words(seed)) : adversarialRing(count, words(seed))
      ))

/** How to find a key in a ring that is not known yet. */
export interface KeySpec {
  readonly kind: number
  readonly id: bigint
  readonly first: number
  readonly second: number
  readonly small: number
}

export const keySpec: Arbitrary.Arbitrary<KeySpec> = Arbitrary.all({
  kind: int(0, 5),
  id,
  first: int(0, 499),
  second: int(0, 499),
  small: int(-1, 1)
})

/** A key: any, or a Node, half-way between two Nodes, or half a ring away from one; or one off. */
export const keyOf = (ids: ReadonlyArray<bigint>, spec: KeySpec): bigint => {
  const inOrder = sorted(ids)
  const first = inOrder[spec.first % ids.length]!
  const next = inOrder[(spec.first + 1) % ids.length]!
  const second = inOrder[spec.second % ids.length]!
  const small = BigInt(spec.small)
  switch (spec.kind) {
    case 1:
      return wrap(first + small)
    case 2:
      return wrap(first + clockwise(first, next) / 2n + small)
    case 3:
      return wrap(first + half + small)
    case 4:
      return wrap(first + clockwise(first, second) / 2n + small)
    case 5:
      return wrap(first + half + clockwise(first, next) / 2n + small)
    default:
      return spec.id
  }
}

export const drawKeySpec = (next: () => number): KeySpec => ({
  kind: below(next, 6),
  id: toBig(NodeId.random(next)),
  first: below(next, 500),
  second: below(next, 500),
  small: below(next, 3) - 1
})

/** Every key at which something could go wrong: at, next to, half-way between and opposite to Nodes. */
export const edgeKeys = (ids: ReadonlyArray<bigint>): Array<bigint> => {
  const inOrder = sorted(ids)
  const keys = new Set<bigint>([0n, 1n, modulus - 1n, half])
  inOrder.forEach((id, index) => {
    const middle = id + clockwise(id, inOrder[(index + 1) % inOrder.length]!) / 2n
    for (const key of [id, middle, id + half]) {
      for (const offset of [-1n, 0n, 1n]) keys.add(wrap(key + offset))
    }
  })
  return [...keys]
}
