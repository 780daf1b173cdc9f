/**
 * What `wendy node` prints: a line for each thing that happens, as JSON or for people.
 *
 * @since 0.1.0
 */
import * as Base64 from "effect/encoding/Base64"
import type { ClusterEvent } from "../../Cluster.ts"
import * as Address from "../../protocol/Address.ts"
import { isError } from "../../protocol/ClusterEvent.ts"
import type { Message } from "../../protocol/Message.ts"
import * as Node from "../../ring/Node.ts"
import { jsonLine } from "../Output.ts"
import { printable, type Style } from "../style.ts"

/**
 * Renders what happens at a Node.
 *
 * @category models
 * @since 0.1.0
 */
export interface Lines {
  readonly ready: (self: Node.Node) => string
  readonly deliver: (message: Message) => string
  /** Undefined for what has no line of its own. */
  readonly event: (event: ClusterEvent) => string | undefined
}

/**
 * The bytes of a value as the JSON field that they appear in.
 *
 * @category rendering
 * @since 0.1.0
 */
export const valueField = (
  bytes: Uint8Array
): { readonly value: string } | { readonly valueBase64: string } => {
  try {
    return { value: decoder.decode(bytes) }
  } catch {
    return { valueBase64: Base64.encode(bytes) }
  }
}

/**
 * Lines of JSON.
 *
 * @category constructors
 * @since 0.1.0
 */
export const json = (region: string): Lines => {
  const describe = (node: Node.Node) => ({
    id: node.hex,
    host: Node.hostFor(node, region),
    port: node.port,
    region: node.region
  })
  return {
    ready: (self) => jsonLine({ type: "ready", id: self.hex, host: self.localHost, port: self.port }),
    deliver: (message) =>
      jsonLine({
        type: "deliver",
        key: message.key.hex,
        purpose: message.purpose,
        ...valueField(message.value),
        from: message.from.hex,
        hops: message.hops
      }),
    event: (event) => {
      switch (event._tag) {
        case "NotReady":
          return jsonLine({ type: "not-ready" })
        case "NodeJoined":
          return jsonLine({ type: "node-join", ...describe(event.node) })
        case "NodeExited":
          return jsonLine({ type: "node-exit", ...describe(event.node), reason: event.reason })
        case "NewLeaves":
          return jsonLine({
            type: "new-leaves",
            left: event.left.map((node) => node.hex),
            right: event.right.map((node) => node.hex)
          })
        default:
          return isError(event) ? jsonLine({ type: "error", error: event._tag, message: event.message }) : undefined
      }
    }
  }
}

/**
 * Lines for people.
 *
 * @category constructors
 * @since 0.1.0
 */
export const human = (region: string, style: Style): Lines => {
  const line = (mark: string, text: string) => `${mark}  ${text}\n`
  const describe = (node: Node.Node) => {
    const address = Address.format({ host: Node.hostFor(node, region), port: node.port })
    return `${node.hex} at ${address}${node.region === "" ? "" : ` in ${printable(node.region)}`}`
  }
  return {
    ready: (self) => line(style.green("ready   "), describe(self)),
    deliver: ({ from, hops, key, purpose, value }) => {
      const field = valueField(value)
      const text = "value" in field ? JSON.stringify(field.value) : `base64 ${field.valueBase64}`
      const way = style.dim(`key ${key.hex}, purpose ${purpose}, from ${from.hex}, ${count(hops, "hop")}`)
      return line(style.bold("deliver "), `${printable(text)}  ${way}`)
    },
    event: (event) => {
      switch (event._tag) {
        case "NotReady":
          return line(style.yellow("waiting "), "this Node answers for no part of the ring until it has joined again")
        case "NodeJoined":
          return line(style.cyan("joined  "), describe(event.node))
        case "NodeExited":
          return line(
            event.reason === "failed" ? style.yellow("failed  ") : style.cyan("left    "),
            describe(event.node)
          )
        case "NewLeaves":
          return line(style.dim("leaves  "), `${event.left.length} left, ${event.right.length} right`)
        default:
          return isError(event) ? line(style.red("error   "), `${event._tag}: ${printable(event.message)}`) : undefined
      }
    }
  }
}

// -----------------------------------------------------------------------------
// internals
// -----------------------------------------------------------------------------

// a byte order mark is part of the value, not of its encoding
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const count = (amount: number, noun: string): string => `${amount} ${noun}${amount === 1 ? "" : "s"}`
