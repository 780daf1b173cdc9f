/**
 * The small rings that are explored exhaustively.
 *
 * A name says how large the ring is at the start, who joins it, which faults strike, and in which
 * order messages come: `every order`; `every renewal`, where questions about who lives are answered at once; or,
 * where nothing is said, renewals of leases are answered at once, too.
 *
 * @since 0.1.0
 */
import { type Fault, promptRenewals, promptTables, type Scenario } from "./ExplorerScenario.ts"

/** Ids of so many Nodes, spread over the ring. */
const ids: ReadonlyArray<ReadonlyArray<string>> = [
  [],
  ["1"],
  ["1", "9"],
  ["1", "6", "b"],
  ["1", "4", "8", "c"],
  ["1", "4", "7", "a", "d"],
  ["1", "3", "6", "8", "b", "d"]
]

const orders = {
  "every order": [],
  "every renewal": promptTables,
  "": promptRenewals
} as const

type Faults = Partial<Record<Fault, number>>

/** Who forms the ring, and who joins it. */
interface Shape {
  readonly ring: ReadonlyArray<number>
  readonly joins: Scenario["joins"]
  readonly note: string
}

interface Extent {
  readonly order?: keyof typeof orders
  readonly anytime?: boolean
  readonly maxStates?: number
  readonly isQuick?: boolean
}

const joined = (words: ReadonlyArray<string>): string => words.filter((word) => word !== "").join(", ")

const counted = (count: number, word: string): string =>
  count === 1 ? word : `${count} ${word}${word.endsWith("h") ? "es" : "s"}`

const one = (
  { joins, note, ring }: Shape,
  faults: Faults,
  { anytime = false, isQuick = false, maxStates = 100_000, order = "" }: Extent = {}
): Scenario => ({
  name: joined([
    `${ring.length} ring`,
    joins.length === 0 ? "" : counted(joins.length, "join"),
    note,
    ...Object.entries(faults).map(([fault, count]) => counted(count, fault)),
    anytime ? "joins at any time" : "",
    order
  ]),
  nodes: ids[ring.length + joins.length]!,
  ring,
  joins,
  anytime,
  faults,
  prompt: orders[order],
  maxStates,
  isQuick
})

const shape = (ring: ReadonlyArray<number>, joins: Scenario["joins"] = [], note = ""): Shape => ({ ring, joins, note })

const ring2 = shape([0, 1])
const ring3 = shape([0, 1, 2])
const ring4 = shape([0, 1, 2, 3])
const join1 = shape([0], [[1, 0]])
const join2 = shape([0, 2], [[1, 0, 2]])
const join3 = shape([0, 2, 3], [[1, 0, 2, 3]])
/** The hole of the published join (Lu, Merz, Weidenbach, 2011). */
const oneGap = shape([0, 3], [[1, 0, 3], [2, 3, 0]], "one gap")
const twoGaps = shape([0, 2], [[1, 0, 2], [3, 2, 0]], "two gaps")
const chain = shape([0], [[1, 0], [2, 1, 0], [3, 2, 0]], "a chain")

const calm: ReadonlyArray<Scenario> = [
  one(join1, {}, { order: "every order", isQuick: true }),
  one(shape([0], [[1, 0], [2, 0]]), {}, { order: "every order" }),
  one(join2, {}, { order: "every order" }),
  one(join3, {}, { order: "every order", maxStates: 250_000 }),
  one(oneGap, {}, { order: "every order", maxStates: 250_000 }),
  one(oneGap, {}, { isQuick: true }),
  one(twoGaps, {}, { isQuick: true }),
  one(oneGap, {}, { anytime: true, maxStates: 250_000 }),
  one(twoGaps, {}, { anytime: true, maxStates: 250_000 }),
  one(chain, {}, { isQuick: true }),
  one(shape([0], [[1, 0], [2, 0], [3, 0]]), {}),
  one(shape([0, 4], [[1, 0, 4], [2, 0, 4], [3, 4, 0]], "one gap"), {}, { maxStates: 500_000 }),
  one(shape([0, 2], [[1, 0], [3, 2], [4, 2]], "two gaps"), {}),
  one(shape([0, 2, 4], [[1, 0], [3, 2]], "two gaps"), {}, { isQuick: true }),
  one(shape([0, 2, 4], [[1, 0], [3, 2], [5, 4]], "three gaps"), {}),
  one(shape([0, 1, 5], [[2, 0], [3, 1], [4, 5]], "one gap"), {}),
  one(shape([0, 5], [[1, 0], [2, 0], [3, 5], [4, 5]], "one gap"), {}),
  one(shape([0, 1, 2, 5], [[3, 2], [4, 5]], "one gap"), {}),
  one(shape([0, 1, 2, 4], [[3, 2], [5, 4]], "two gaps"), {}),
  one(shape([0, 1, 2, 3, 4], [[5, 4]]), {}),
  one(shape([0], [[1, 0], [2, 0], [3, 0], [4, 0], [5, 0]]), {})
]

const ofNodes: ReadonlyArray<Fault> = ["crash", "vanish", "leave", "pause", "suspect", "cut", "break"]
const ofMessages: ReadonlyArray<Fault> = ["lose", "repeat", "reorder", "delay", "late"]

const quick: ReadonlySet<Fault> = new Set(["crash", "vanish", "suspect", "lose", "repeat", "reorder"])

const oneFault: ReadonlyArray<Scenario> = [
  ...[...ofNodes, ...ofMessages].map((fault) =>
    one(ring2, { [fault]: 1 }, { order: "every order", isQuick: quick.has(fault) })
  ),
  one(ring2, { stall: 1 }, { order: "every order" }),
  ...[...ofNodes, ...ofMessages].map((fault) => one(join2, { [fault]: 1 }, { isQuick: quick.has(fault) })),
  one(join2, { stall: 1 }),
  ...(["crash", "lose", "repeat", "reorder", "delay", "late"] as const).map((fault) =>
    one(join2, { [fault]: 1 }, { order: "every order" })
  ),
  ...[...ofNodes, ...ofMessages].map((fault) => one(ring3, { [fault]: 1 }, { order: "every renewal" })),
  ...[...ofNodes, ...ofMessages].map((fault) => one(join3, { [fault]: 1 })),
  ...ofNodes.map((fault) => one(ring4, { [fault]: 1 })),
  ...[...ofNodes, ...ofMessages].map((fault) => one(oneGap, { [fault]: 1 }))
]

/** Two faults, mostly of different kinds. */
const pairs: ReadonlyArray<readonly [Fault, Fault]> = [
  ["crash", "restart"],
  ["vanish", "restart"],
  ["leave", "restart"],
  ["crash", "suspect"],
  ["crash", "cut"],
  ["crash", "break"],
  ["crash", "vanish"],
  ["crash", "leave"],
  ["vanish", "leave"],
  ["cut", "suspect"]
]

const pairsWithMessages: ReadonlyArray<readonly [Fault, Fault]> = [
  ["crash", "lose"],
  ["crash", "repeat"],
  ["crash", "reorder"],
  ["crash", "delay"],
  ["vanish", "delay"],
  ["vanish", "late"],
  ["leave", "lose"],
  ["cut", "delay"],
  ["pause", "lose"]
]

const both = ([x, y]: readonly [Fault, Fault]): Faults => ({ [x]: 1, [y]: 1 })

const twoFaults: ReadonlyArray<Scenario> = [
  one(ring2, { crash: 1, restart: 1 }, { isQuick: true }),
  one(ring2, { vanish: 1, restart: 1 }, { isQuick: true }),
  one(ring2, { leave: 1, restart: 1 }, { isQuick: true }),
  ...[...pairs, ...pairsWithMessages].map((pair) => one(join2, both(pair), { maxStates: 300_000 })),
  ...pairs.map((pair) => one(ring3, both(pair))),
  one(ring3, { pause: 1, crash: 1 }),
  ...pairsWithMessages.map((pair) => one(ring3, both(pair), { order: "every renewal" })),
  ...[...pairs, ...pairsWithMessages].map((pair) => one(join3, both(pair))),
  ...pairs.map((pair) => one(ring4, both(pair))),
  one(ring4, { crash: 2 }),
  one(ring4, { leave: 2 }),
  one(ring4, { pause: 1, crash: 1 }),
  one(oneGap, { crash: 1, restart: 1 }),
  one(oneGap, { crash: 1, lose: 1 })
]

/**
 * All scenarios: joins without failures, then with one fault, then with two.
 *
 * @category scenarios
 * @since 0.1.0
 */
export const scenarios: ReadonlyArray<Scenario> = [...calm, ...oneFault, ...twoFaults]
