/**
 * A Node: one life of one server, as others know it.
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
 * - `localHost`: where it is reached from inside its Region; `globalHost`: from outside. Both with `port`.
 * - `region`: the name of its Region.
 * - `incarnation`: which life of the id this is. A later life has a higher
 *   number, so that old rumours lose. Its first value is wall time in
 *   milliseconds, a hint only.
 *
 * @category models
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
 * Whether two values name the same life of the same Node.
 *
 * @category comparisons
 * @since 0.1.0
 */
export const isSameLife = (x: Node, y: Node): boolean => NodeId.equals(x.id, y.id) && x.incarnation === y.incarnation

/**
 * Whether two values give the same addresses.
 *
 * @category comparisons
 * @since 0.1.0
 */
export const isSameAddress = (x: Node, y: Node): boolean =>
  x.port === y.port && x.localHost === y.localHost && x.globalHost === y.globalHost

/**
 * The host at which somebody in `region` reaches a Node: the local one inside
 * its Region, else the global one (Wendy, "Regions").
 *
 * @category getters
 * @since 0.1.0
 */
export const hostFor = (node: Node, region: string): string => node.region === region ? node.localHost : node.globalHost
