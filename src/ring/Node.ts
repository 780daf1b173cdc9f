/**
 * A Node: one life of one server, as others know it.
 *
 * A value that travels in handshakes, tables and answers. What runs is a `Cluster`;
 * its own Node is `cluster.node`. Regions, with a local and a global address each,
 * are Wendy's (Second Bit, 2012).
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as NodeId from "./NodeId.ts"

const Host = Schema.String.check(Schema.isNonEmpty(), Schema.isMaxLength(255))

const Port = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 65535 }))

/**
 * One life of one server.
 *
 * **Details**
 *
 * - `id`: its place on the ring.
 * - `localHost`: where it is reached from inside its Region; `globalHost`: from outside. Both with `port`; 1 to 255
 *   characters, an IPv6 address without brackets.
 * - `port`: 1 to 65535.
 * - `region`: the name of its Region, at most 64 characters.
 * - `incarnation`: which life of the id this is. A later life has a higher
 *   number, so that old rumours lose. Its first value is wall time in
 *   milliseconds, a hint only (rule J8).
 *
 * Making one with fields that cannot be throws. It is a Schema, too: on the wire its id is 16 bytes.
 *
 * **Gotchas**
 *
 * Two values for one Node need not be the same object: compare with `isSameLife`, and use `hex` or `life` as the keys
 * of maps.
 *
 * **Example** (A Node, and its Schema)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { Node, NodeId } from "effect-wendy"
 *
 * const node = new Node.Node({
 *   id: NodeId.fromString("alice"),
 *   localHost: "10.0.0.7",
 *   globalHost: "203.0.113.7",
 *   port: 7001,
 *   region: "west",
 *   incarnation: 1
 * })
 * node.life === `${node.hex}1` // => true
 *
 * const again = Schema.decodeSync(Node.Node)(Schema.encodeSync(Node.Node)(node))
 * Node.isSameLife(node, again) // => true
 * ```
 *
 * @category schemas
 * @since 0.1.0
 */
export class Node extends Schema.Class<Node>("effect-wendy/Node")({
  id: NodeId.FromBytes,
  localHost: Host,
  globalHost: Host,
  port: Port,
  region: Schema.String.check(Schema.isMaxLength(64)),
  incarnation: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))
}) {
  #life: string | undefined = undefined

  /** The id and the incarnation: the key of maps that tell lives apart. */
  get life(): string {
    return this.#life ??= `${this.id.hex}${this.incarnation}`
  }

  /** The id as 32 hexadecimal digits: the key of maps. */
  get hex(): string {
    return this.id.hex
  }
}

/**
 * Whether two values name the same life of the same Node: one id and one incarnation. Addresses are not compared.
 *
 * **Example** (A Node that has started again)
 *
 * ```ts
 * import { Node, NodeId } from "effect-wendy"
 *
 * const place = { localHost: "10.0.0.7", globalHost: "10.0.0.7", port: 7001, region: "" }
 * const before = new Node.Node({ ...place, id: NodeId.fromString("alice"), incarnation: 1 })
 * const after = new Node.Node({ ...place, id: NodeId.fromString("alice"), incarnation: 2 })
 *
 * Node.isSameLife(before, after) // => false
 * Node.isSameAddress(before, after) // => true
 * ```
 *
 * @category comparisons
 * @since 0.1.0
 */
export const isSameLife = (x: Node, y: Node): boolean =>
  x === y || (NodeId.equals(x.id, y.id) && x.incarnation === y.incarnation)

/**
 * Whether two values give the same addresses: both hosts and the port.
 *
 * **Example** (Another Node at the same place)
 *
 * ```ts
 * import { Node, NodeId } from "effect-wendy"
 *
 * const place = { localHost: "10.0.0.7", globalHost: "10.0.0.7", port: 7001, region: "", incarnation: 1 }
 * const alice = new Node.Node({ ...place, id: NodeId.fromString("alice") })
 * const bob = new Node.Node({ ...place, id: NodeId.fromString("bob") })
 *
 * Node.isSameAddress(alice, bob) // => true
 * ```
 *
 * @category comparisons
 * @since 0.1.0
 */
export const isSameAddress = (x: Node, y: Node): boolean =>
  x.port === y.port && x.localHost === y.localHost && x.globalHost === y.globalHost

/**
 * Whether two values tell the same of a Node: the same life, at the same addresses, in the same Region.
 *
 * **When to use**
 *
 * What was found at an address that somebody else named says nothing about the Node that said itself where it lives (rule D8).
 *
 * **Example** (A rumour, and the Node itself)
 *
 * ```ts
 * import { Node, NodeId } from "effect-wendy"
 *
 * const place = { localHost: "10.0.0.7", globalHost: "10.0.0.7", port: 7001, region: "", incarnation: 1 }
 * const alice = new Node.Node({ ...place, id: NodeId.fromString("alice") })
 * const rumour = new Node.Node({ ...alice, port: 7002 })
 *
 * Node.isSameLife(alice, rumour) // => true
 * Node.isSame(alice, rumour) // => false
 * ```
 *
 * @category comparisons
 * @since 0.1.0
 */
export const isSame = (x: Node, y: Node): boolean =>
  x === y || (isSameLife(x, y) && isSameAddress(x, y) && x.region === y.region)

/**
 * The host at which somebody in `region` reaches a Node: the local one inside
 * its Region, else the global one (Wendy, "Regions").
 *
 * **Example** (From inside and from outside)
 *
 * ```ts
 * import { Node, NodeId } from "effect-wendy"
 *
 * const node = new Node.Node({
 *   id: NodeId.fromString("alice"),
 *   localHost: "10.0.0.7",
 *   globalHost: "203.0.113.7",
 *   port: 7001,
 *   region: "west",
 *   incarnation: 1
 * })
 *
 * Node.hostFor(node, "west") // => "10.0.0.7"
 * Node.hostFor(node, "east") // => "203.0.113.7"
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const hostFor = (node: Node, region: string): string => node.region === region ? node.localHost : node.globalHost
