/**
 * The routing table: for each length of shared prefix and each next digit, one
 * Node that shares that prefix and goes on with that digit.
 *
 * 32 rows of 16 columns; about log16 N rows hold anything, so rows are made when
 * they are first used. Among candidates for a place the nearest by proximity
 * stays; an unmeasured Node never displaces a measured one.
 *
 * Source: Rowstron, Druschel (2001), sections 2.1 and 2.5.
 *
 * @since 0.1.0
 */
import * as Node from "./Node.ts"
import * as NodeId from "./NodeId.ts"

/**
 * A place that is taken.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry {
  readonly node: Node.Node
  /** Smoothed round-trip time in milliseconds, times 5 across Regions; `Infinity` while unmeasured. */
  readonly proximity: number
}

/**
 * A routing table.
 *
 * @category models
 * @since 0.1.0
 */
export interface RoutingTable {
  readonly self: NodeId.NodeId
  /** Invariant: `rows[r][c].node.id` shares exactly r digits with `self`, and its digit r is c. */
  readonly rows: Array<Array<Entry | undefined> | undefined>
}

/**
 * An empty routing table.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (self: NodeId.NodeId): RoutingTable => ({ self, rows: [] })

/**
 * A copy that shares no array.
 *
 * @category constructors
 * @since 0.1.0
 */
export const clone = (self: RoutingTable): RoutingTable => ({
  self: self.self,
  rows: self.rows.map((row) => row?.slice())
})

/**
 * Inserts a Node that is known to live, at the one place where it belongs.
 * Returns whether the table changed.
 *
 * @category mutations
 * @since 0.1.0
 */
export const insert = (self: RoutingTable, node: Node.Node, proximity: number = Number.POSITIVE_INFINITY): boolean => {
  const row = NodeId.commonPrefix(self.self, node.id)
  if (row === NodeId.digits) return false
  const column = NodeId.digit(node.id, row)
  const entries = self.rows[row] ??= new Array(NodeId.radix).fill(undefined)
  const known = entries[column]
  if (known !== undefined && NodeId.equals(known.node.id, node.id)) {
    if (node.incarnation < known.node.incarnation) return false
    const measured = proximity === Number.POSITIVE_INFINITY ? known.proximity : proximity
    if (
      measured === known.proximity && node.incarnation === known.node.incarnation &&
      Node.isSameAddress(node, known.node)
    ) return false
    entries[column] = { node, proximity: measured }
    return true
  }
  if (known !== undefined && proximity >= known.proximity) return false
  entries[column] = { node, proximity }
  return true
}

/**
 * Removes the Node with an id. Returns whether it was there.
 *
 * @category mutations
 * @since 0.1.0
 */
export const remove = (self: RoutingTable, id: NodeId.NodeId): boolean => {
  const row = NodeId.commonPrefix(self.self, id)
  const entries = self.rows[row]
  if (entries === undefined) return false
  const column = NodeId.digit(id, row)
  const entry = entries[column]
  if (entry === undefined || !NodeId.equals(entry.node.id, id)) return false
  entries[column] = undefined
  return true
}

/**
 * The entry at a row (shared digits) and a column (next digit).
 *
 * @category getters
 * @since 0.1.0
 */
export const get = (self: RoutingTable, row: number, column: number): Node.Node | undefined =>
  self.rows[row]?.[column]?.node

/**
 * The entry that shares one digit more with `key` than oneself does.
 *
 * @category getters
 * @since 0.1.0
 */
export const towards = (self: RoutingTable, key: NodeId.NodeId): Node.Node | undefined => {
  const row = NodeId.commonPrefix(self.self, key)
  return row === NodeId.digits ? undefined : self.rows[row]?.[NodeId.digit(key, row)]?.node
}

/**
 * The Nodes of one row.
 *
 * @category getters
 * @since 0.1.0
 */
export const row = (self: RoutingTable, index: number): ReadonlyArray<Node.Node> => {
  const nodes: Array<Node.Node> = []
  for (const entry of self.rows[index] ?? []) if (entry !== undefined) nodes.push(entry.node)
  return nodes
}

/**
 * All Nodes of the table, by row and column.
 *
 * @category getters
 * @since 0.1.0
 */
export const nodes = (self: RoutingTable): Array<Node.Node> => {
  const all: Array<Node.Node> = []
  for (let index = 0; index < self.rows.length; index++) all.push(...row(self, index))
  return all
}
