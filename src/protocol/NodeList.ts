/**
 * NodeList: several Nodes in a message, as bytes.
 *
 * Most of what Nodes say to each other are lists of Nodes that both know, so they
 * have a fixed layout, and one that was read a while ago is not made again.
 *
 * ```text
 *  0 id (16)          16 incarnation (u64)      24 port (u16)
 * 26 localHost, globalHost, region: each a length (u16), and so many bytes of UTF-8
 * ```
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"
import * as Node from "../ring/Node.ts"
import * as NodeId from "../ring/NodeId.ts"
import * as Envelope from "./Envelope.ts"

const fixedSize = 26
const lengthSize = 2

/** Of a name: 255 characters, each of at most three bytes in UTF-8 (or two of four bytes). */
const maxNameSize = 255 * 3

const maxNodeSize = fixedSize + 3 * (lengthSize + maxNameSize)

/** What was made of Nodes: each is told to many, and again and again. */
const written = new WeakMap<Node.Node, Uint8Array>()

const write = ({ globalHost, id, incarnation, localHost, port, region }: Node.Node): Uint8Array => {
  const bytes = Buffer.alloc(maxNodeSize)
  NodeId.write(id, bytes, 0)
  Envelope.writeCount(bytes, 16, incarnation)
  bytes.writeUInt16BE(port, 24)
  let offset = fixedSize
  for (const name of [localHost, globalHost, region]) {
    const length = bytes.write(name, offset + lengthSize)
    bytes.writeUInt16BE(length, offset)
    offset += lengthSize + length
  }
  return new Uint8Array(bytes.subarray(0, offset))
}

const encode = (nodes: ReadonlyArray<Node.Node>): Uint8Array => {
  let size = 0
  const records = nodes.map((node) => {
    let record = written.get(node)
    if (record === undefined) written.set(node, record = write(node))
    size += record.length
    return record
  })
  const bytes = new Uint8Array(size)
  let offset = 0
  for (const record of records) {
    bytes.set(record, offset)
    offset += record.length
  }
  return bytes
}

/** Nodes that were read, by their bytes; the one that was made first is forgotten first. */
const read = new Map<string, Node.Node>()

const maxRead = 4_096

const decoder = new TextDecoder("utf-8", { fatal: true })

/** Where the Node that begins somewhere ends, or `undefined` where it is cut off. */
const endOf = (bytes: Buffer, start: number): number | undefined => {
  let end = start + fixedSize
  for (let name = 0; name < 3; name++) {
    if (end + lengthSize > bytes.length) return undefined
    end += lengthSize + bytes.readUInt16BE(end)
  }
  return end <= bytes.length ? end : undefined
}

/** Throws where it is no Node. */
const make = (bytes: Buffer): Node.Node => {
  if (!Envelope.isCount(bytes, 16)) throw new RangeError("an incarnation that no double holds")
  let offset = fixedSize
  const name = () => {
    const start = offset + lengthSize
    offset = start + bytes.readUInt16BE(offset)
    return decoder.decode(bytes.subarray(start, offset))
  }
  return new Node.Node({
    id: NodeId.readUnsafe(bytes, 0),
    incarnation: Envelope.readCount(bytes, 16),
    port: bytes.readUInt16BE(24),
    localHost: name(),
    globalHost: name(),
    region: name()
  })
}

/** `undefined` where the bytes are no list of at most so many Nodes. */
const decode = (list: Uint8Array, maxLength: number): ReadonlyArray<Node.Node> | undefined => {
  const bytes = Buffer.from(list.buffer, list.byteOffset, list.byteLength)
  const nodes: Array<Node.Node> = []
  for (let start = 0; start < bytes.length;) {
    const end = endOf(bytes, start)
    if (end === undefined || nodes.length === maxLength) return undefined
    const key = bytes.toString("latin1", start, end)
    let node = read.get(key)
    if (node === undefined) {
      try {
        node = make(bytes.subarray(start, end))
      } catch {
        return undefined
      }
      for (const oldest of read.keys()) {
        if (read.size < maxRead) break
        read.delete(oldest)
      }
      read.set(key, node)
    }
    nodes.push(node)
    start = end
  }
  return nodes
}

const isNodes = (value: unknown): value is ReadonlyArray<Node.Node> =>
  Array.isArray(value) && value.every((node) => node instanceof Node.Node)

/**
 * A list of at most so many Nodes.
 *
 * @category schemas
 * @since 0.1.0
 */
export const schema = (maxLength: number) =>
  Schema.Uint8Array.check(Schema.makeFilter((bytes) => bytes.length <= maxLength * maxNodeSize)).pipe(
    Schema.decodeTo(
      Schema.declare(isNodes).check(Schema.makeFilter((nodes) => nodes.length <= maxLength)),
      SchemaTransformation.transformEffect({
        decode: (bytes: Uint8Array) => {
          const nodes = decode(bytes, maxLength)
          return nodes === undefined
            ? Effect.fail(new SchemaIssue.InvalidValue({ message: "these bytes are no list of Nodes" }))
            : Effect.succeed(nodes)
        },
        encode: (nodes: ReadonlyArray<Node.Node>) => Effect.succeed(encode(nodes))
      })
    )
  )
