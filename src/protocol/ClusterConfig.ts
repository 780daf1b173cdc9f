/**
 * ClusterConfig: every number of a Node in one place, with its formula and its price.
 *
 * Times are milliseconds, sizes bytes or pieces. The defaults are those of the
 * presets `local` and `lan` of `docs/protocol.md`.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

const between = (minimum: number, maximum: number) => Schema.Finite.check(Schema.isBetween({ minimum, maximum }))

const count = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/**
 * The settings of a Node, checked.
 *
 * **Details**
 *
 * - `leafSetSide`: leaves on each side, 16. Survives the loss of as many neighbours
 *   at once; each costs a connection while the ring changes.
 * - `neighborhoodSize`: Nodes kept for their proximity, 32.
 * - `lease`: how long a neighbour's promise lasts, 10 s. A silent host's keys are
 *   unowned for up to lease + margin + 3 probes; a dead process's for milliseconds.
 * - `margin`: drift of two clocks over a lease, 500 ms (5 %).
 * - `renewal`: time between renewals, 2 s: four messages a neighbour and renewal.
 * - `probe`, `probeRetries`: a Node that leaves 1 + `probeRetries` questions, `probe` apart, unanswered has failed; 1 s, 2.
 * - `joinRetry`, `joinJitter`: how long a joiner waits for an answer, 500 ms and up to 500 ms more.
 * - `exchange`: time between exchanges of leaf sets with one leaf after another, 10 s.
 * - `dialTimeout`, `handshakeTimeout`: 3 s, 5 s.
 * - `idleTimeout`: a link without traffic is closed after this, 60 s, but not to a neighbour.
 * - `maxConnections`: accepted connections, 4,096.
 * - `maxValueSize`: of a message, 1 MiB.
 * - `maxCustody`, `maxCustodyBytes`: messages that pass through at once, 32,768 and 128 MiB; then Busy.
 * - `maxOwn`: own messages that no other Node has taken yet, 4,096; then `send` waits.
 * - `window`: frames of a link that are not acknowledged, 2,048.
 * - `maxDelivering`: messages that the application works on at once, 1,024.
 * - `deliverTimeout`: longest time for `onDeliver`, 10 s; then the sender gets `DeliveryFailed`.
 * - `hold`: how long a message is held while nobody covers its key, 120 s.
 * - `shortestTimeout`, `longestTimeout`: bounds of the time to wait for an acknowledgement, 500 ms and 3 s.
 * - `confirmDeadline`: how long `sendConfirmed` waits for the receipt, 30 s.
 * - `seedPatience`: how long the first of identical seed lists waits for the others, 3 s.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ClusterConfig = Schema.Struct({
  leafSetSide: count(1, 64),
  neighborhoodSize: count(1, 1024),
  lease: between(100, 600_000),
  margin: between(1, 60_000),
  renewal: between(10, 300_000),
  probe: between(5, 60_000),
  probeRetries: count(0, 10),
  joinRetry: between(10, 60_000),
  joinJitter: count(1, 60_000),
  exchange: between(100, 3_600_000),
  dialTimeout: between(10, 60_000),
  handshakeTimeout: between(10, 60_000),
  idleTimeout: between(1_000, 86_400_000),
  maxConnections: count(1, 1_000_000),
  maxValueSize: count(0, 64 * 1024 * 1024),
  maxCustody: count(1, 10_000_000),
  maxCustodyBytes: count(1024, 2 ** 40),
  maxOwn: count(1, 1_000_000),
  window: count(1, 60_000),
  maxDelivering: count(1, 1_000_000),
  deliverTimeout: between(1, 3_600_000),
  hold: between(1, 3_600_000),
  shortestTimeout: between(1, 60_000),
  longestTimeout: between(1, 600_000),
  confirmDeadline: between(1, 86_400_000),
  seedPatience: between(0, 600_000)
}).check(Schema.makeFilter((config) =>
  config.renewal + (config.probeRetries + 1) * config.probe < config.lease ||
  "a lease must outlast renewal + (probeRetries + 1) * probe, or a single lost renewal ends it"
))

/**
 * The settings of a Node, checked.
 *
 * @category models
 * @since 0.1.0
 */
export type ClusterConfig = typeof ClusterConfig.Type

/**
 * The default settings.
 *
 * @category constants
 * @since 0.1.0
 */
export const defaults: ClusterConfig = {
  leafSetSide: 16,
  neighborhoodSize: 32,
  lease: 10_000,
  margin: 500,
  renewal: 2_000,
  probe: 1_000,
  probeRetries: 2,
  joinRetry: 500,
  joinJitter: 500,
  exchange: 10_000,
  dialTimeout: 3_000,
  handshakeTimeout: 5_000,
  idleTimeout: 60_000,
  maxConnections: 4_096,
  maxValueSize: 1024 * 1024,
  maxCustody: 32_768,
  maxCustodyBytes: 128 * 1024 * 1024,
  maxOwn: 4_096,
  window: 2_048,
  maxDelivering: 1_024,
  deliverTimeout: 10_000,
  hold: 120_000,
  shortestTimeout: 500,
  longestTimeout: 3_000,
  confirmDeadline: 30_000,
  seedPatience: 3_000
}
