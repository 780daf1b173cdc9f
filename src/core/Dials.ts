/**
 * Dials: the links that a Node is opening, and what waits for them.
 *
 * Of all that are said to live at one address one is dialled at a time, and few may wait: of all of them one at most is
 * there, and rumours must not make this Node dial without end. Pure: the driver dials. Rule H7 of `docs/protocol.md`.
 *
 * @since 0.1.0
 */
import type * as Node from "../ring/Node.ts"

/**
 * A dial that is under way, or waits for another one to the same address.
 *
 * @category models
 * @since 0.1.0
 */
export interface Dial<Payload> {
  readonly node: Node.Node
  readonly address: string
  /** What is to be sent when the link is open. */
  readonly queue: Array<Payload>
}

/**
 * All dials of a Node. Mutable, with one writer.
 *
 * @category models
 * @since 0.1.0
 */
export interface State<Payload> {
  /** By the life that is meant and the address at which it is said to live. */
  readonly byGoal: Map<string, Dial<Payload>>
  /** By address: the first of a line is being dialled, the others wait. */
  readonly lines: Map<string, Array<Dial<Payload>>>
}

/** Lives of Nodes at one address that may be dialled, one after another; further ones count as not reached. */
const maxAtAddress = 3

/** What waits for a link to be opened, in frames; further ones are lost and asked for again. */
const maxQueued = 256

/**
 * No dial yet.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <Payload>(): State<Payload> => ({ byGoal: new Map(), lines: new Map() })

const goalOf = (node: Node.Node, address: string): string => `${node.life} ${address}`

/**
 * The dial of a life at an address, if there is one.
 *
 * @category getters
 * @since 0.1.0
 */
export const find = <Payload>(
  { byGoal }: State<Payload>,
  node: Node.Node,
  address: string
): Dial<Payload> | undefined => byGoal.get(goalOf(node, address))

/**
 * Begins a dial: `now` when the driver is to dial at once, `later` when it has to wait, `never` when too many do, or the
 * address may not be dialled now (`DialRateLimiter`). To be called when `find` finds none.
 *
 * @category transitions
 * @since 0.1.0
 */
export const begin = <Payload>(
  { byGoal, lines }: State<Payload>,
  node: Node.Node,
  address: string,
  mayDial: () => boolean
): { readonly when: "now" | "later"; readonly dial: Dial<Payload> } | { readonly when: "never" } => {
  const line = lines.get(address) ?? []
  if (line.length >= maxAtAddress || !mayDial()) return { when: "never" }
  const dial: Dial<Payload> = { node, address, queue: [] }
  line.push(dial)
  lines.set(address, line)
  byGoal.set(goalOf(node, address), dial)
  return { when: line.length === 1 ? "now" : "later", dial }
}

/**
 * Keeps something until the link is open.
 *
 * @category transitions
 * @since 0.1.0
 */
export const enqueue = <Payload>({ queue }: Dial<Payload>, payload: Payload): void => {
  if (queue.length < maxQueued) queue.push(payload)
}

/**
 * A dial is over. Returns the one that may begin now.
 *
 * @category transitions
 * @since 0.1.0
 */
export const end = <Payload>({ byGoal, lines }: State<Payload>, dial: Dial<Payload>): Dial<Payload> | undefined => {
  byGoal.delete(goalOf(dial.node, dial.address))
  const line = lines.get(dial.address)
  if (line?.[0] !== dial) return undefined
  line.shift()
  if (line.length === 0) lines.delete(dial.address)
  return line[0]
}
