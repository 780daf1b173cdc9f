/**
 * What `wendy send` prints: a line for each message, as JSON or for people.
 *
 * @since 0.1.0
 */
import type { Receipt } from "../../protocol/Message.ts"
import type * as NodeId from "../../ring/NodeId.ts"
import { jsonLine } from "../Output.ts"
import { printable, type Style } from "../style.ts"

/**
 * Renders what became of messages; `line` is that of the input, from 1.
 *
 * @category models
 * @since 0.1.0
 */
export interface Lines {
  readonly receipt: (line: number, key: NodeId.NodeId, receipt: Receipt) => string
  /** The key is missing when the line of the input could not be read. */
  readonly failed: (line: number, key: NodeId.NodeId | undefined, error: string, message: string) => string
}

/**
 * Lines of JSON.
 *
 * @category constructors
 * @since 0.1.0
 */
export const json: Lines = {
  receipt: (line, key, { hops, root, roundTrip }) =>
    jsonLine({ type: "receipt", line, key: key.hex, root: root.hex, hops, rttMs: Math.round(roundTrip * 1000) / 1000 }),
  failed: (line, key, error, message) => jsonLine({ type: "failed", line, key: key?.hex ?? null, error, message })
}

/**
 * Lines for people.
 *
 * @category constructors
 * @since 0.1.0
 */
export const human = (style: Style): Lines => ({
  receipt: (line, key, { hops, root, roundTrip }) =>
    `${style.green("delivered")}  line ${line}, key ${key.hex}, at ${root.hex} ` +
    `${style.dim(`(${hops} hop${hops === 1 ? "" : "s"}, ${roundTrip.toFixed(1)} ms)`)}\n`,
  failed: (line, key, error, message) =>
    `${style.red("failed")}     line ${line}${key === undefined ? "" : `, key ${key.hex}`}: ${error}, ${
      printable(message)
    }\n`
})

/**
 * Sums up many messages.
 *
 * @category rendering
 * @since 0.1.0
 */
export const summary = (confirmed: number, failed: number, seconds: number): string =>
  `${confirmed + failed} sent, ${confirmed} confirmed, ${failed} failed in ${seconds.toFixed(1)} s`
