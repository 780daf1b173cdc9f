/**
 * LinkTable: all links of a Node, which of them it uses for each peer, and which have been idle for too long.
 *
 * Pure: the driver owns connections and clock. Its entries have what this needs, and whatever else it keeps with
 * a link. Rule H5 of `docs/protocol.md`.
 *
 * @since 0.1.0
 */
import * as Node from "../ring/Node.ts"
import * as NodeId from "../ring/NodeId.ts"

/**
 * A link.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry {
  readonly id: number
  /** The other end, as its handshake named it. */
  readonly node: Node.Node
  readonly isMember: boolean
  /** The one to use of two links between a pair. */
  readonly isPreferred: boolean
  /** When it was last found to have been used, and whether it has been since: to ask the clock for each frame would cost more than the frame. */
  usedAt: number
  isUsed: boolean
  /** Its Node has lost the last place that it had in a table. */
  isDisplaced: boolean
  /** The other end has said goodbye. */
  saidBye: boolean
  /** This end has been closed and says nothing more. */
  isEnding: boolean
}

/**
 * All links of a Node. Mutable, with one writer.
 *
 * @category models
 * @since 0.1.0
 */
export interface State<E extends Entry> {
  readonly entries: Map<number, E>
  /** The link to use for each life, and for each id: of its newest life. */
  readonly used: Map<string, E>
  readonly newest: Map<string, E>
}

/**
 * What decides which links may be closed.
 *
 * @category models
 * @since 0.1.0
 */
export interface View {
  readonly idleTimeout: number
  /** A link to a neighbour is never idle. */
  readonly isNeighbour: (node: Node.Node) => boolean
  /** Whether a Node of this id stands in a table. */
  readonly isKnown: (id: NodeId.NodeId) => boolean
  /** Whether something is awaited on a link. */
  readonly isAwaited: (link: number) => boolean
}

/**
 * The part of `idleTimeout` after which an idle link to a displaced Node is closed, and how often a driver looks: hardly
 * anything is wanted of it any more, and a ring that grows has many of them.
 *
 * @category constants
 * @since 0.1.0
 */
export const displacedPart = 12

/**
 * No link yet.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <E extends Entry>(): State<E> => ({ entries: new Map(), used: new Map(), newest: new Map() })

/**
 * Whether a link is the one to use of two between a pair: the one that the lower id opened.
 *
 * @category getters
 * @since 0.1.0
 */
export const isPreferred = (self: Node.Node, other: Node.Node, isDialled: boolean): boolean =>
  NodeId.compare(isDialled ? self.id : other.id, isDialled ? other.id : self.id) < 0

/**
 * A link has come about. Returns whether it is the one to use from now on.
 *
 * @category transitions
 * @since 0.1.0
 */
export const open = <E extends Entry>(state: State<E>, entry: E): boolean => {
  state.entries.set(entry.id, entry)
  // What is meant for members must not go to clients.
  if (!entry.isMember) return false
  const present = state.used.get(entry.node.life)
  const isBetter = present === undefined || present.isEnding || entry.isPreferred || !present.isPreferred
  if (isBetter) use(state, entry)
  return isBetter
}

const use = <E extends Entry>({ newest, used }: State<E>, entry: E): void => {
  used.set(entry.node.life, entry)
  const other = newest.get(entry.node.hex)
  if (other === undefined || other.node.incarnation <= entry.node.incarnation) newest.set(entry.node.hex, entry)
}

/**
 * A link is no more; another one to the same life takes its place. Returns whether that life should be looked at: the last
 * link to it has ended, and nobody has said goodbye.
 *
 * @category transitions
 * @since 0.1.0
 */
export const close = <E extends Entry>(state: State<E>, entry: E): boolean => {
  const { entries, newest, used } = state
  entries.delete(entry.id)
  if (newest.get(entry.node.hex) === entry) newest.delete(entry.node.hex)
  if (used.get(entry.node.life) === entry) {
    used.delete(entry.node.life)
    for (const other of entries.values()) {
      if (other.isMember && Node.isSameLife(other.node, entry.node)) use(state, other)
    }
  }
  return entry.isMember && !entry.saidBye && !entry.isEnding && !used.has(entry.node.life)
}

/**
 * The link to use for a life, if one is open.
 *
 * @category getters
 * @since 0.1.0
 */
export const linkFor = <E extends Entry>({ used }: State<E>, node: Node.Node): E | undefined => {
  const entry = used.get(node.life)
  return entry === undefined || entry.isEnding ? undefined : entry
}

/**
 * The link to use for an id: of several lives that claim it the one in the tables is meant, `known`, else the newest.
 *
 * @category getters
 * @since 0.1.0
 */
export const linkTo = <E extends Entry>(
  { newest, used }: State<E>,
  id: NodeId.NodeId,
  known: Node.Node | undefined
): E | undefined => known === undefined ? newest.get(id.hex) : used.get(known.life)

/**
 * Nearer Nodes have taken the places of this one in all tables.
 *
 * @category transitions
 * @since 0.1.0
 */
export const displaced = <E extends Entry>({ entries }: State<E>, node: Node.Node): void => {
  for (const entry of entries.values()) if (Node.isSameLife(entry.node, node)) entry.isDisplaced = true
}

/**
 * The links to members that have been idle for too long, to be closed.
 *
 * @category transitions
 * @since 0.1.0
 */
export const idle = <E extends Entry>(state: State<E>, now: number, view: View): ReadonlyArray<E> => {
  const found: Array<E> = []
  for (const entry of state.entries.values()) {
    if (entry.isUsed || view.isAwaited(entry.id)) {
      entry.isUsed = false
      entry.usedAt = now
    }
    if (view.isKnown(entry.node.id)) entry.isDisplaced = false
    const patience = entry.isDisplaced ? view.idleTimeout / displacedPart : view.idleTimeout
    const isInUse = state.used.get(entry.node.life) === entry && view.isNeighbour(entry.node)
    if (entry.isMember && entry.usedAt < now - patience && !isInUse) found.push(entry)
  }
  return found
}
