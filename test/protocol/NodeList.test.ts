import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as NodeList from "../../src/protocol/NodeList.ts"
import * as Node from "../../src/ring/Node.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as Oracle from "../ring/Oracle.ts"
import * as Samples from "./Samples.ts"

const list = NodeList.schema(20)

const encode = Schema.encodeSync(list)

const decodeExit = Schema.decodeExit(list)

const decode = (bytes: Uint8Array): ReadonlyArray<Node.Node> | undefined => {
  const exit = decodeExit(bytes)
  return Exit.isSuccess(exit) ? exit.value : undefined
}

const plain = (nodes: ReadonlyArray<Node.Node>) => nodes.map((node) => ({ ...node, id: node.hex }))

const nodes = Arbitrary.array(Samples.node, { maxLength: 20 })

const some = new Node.Node({
  id: NodeId.fromString("some"),
  localHost: "a",
  globalHost: "b",
  port: 7,
  region: "c",
  incarnation: 9
})

/** The bytes of one Node with these three names. */
const named = (...names: ReadonlyArray<Uint8Array>): Uint8Array =>
  new Uint8Array(Buffer.concat([
    encode([some]).subarray(0, 26),
    ...names.flatMap((name) => [Uint8Array.of(name.length >>> 8, name.length), name])
  ]))

const letters = (count: number) => Buffer.from("h".repeat(count))

describe("NodeList", () => {
  it.prop("what is written is read again", [nodes], ([nodes]) => {
    assert.deepStrictEqual(plain(decode(encode(nodes))!), plain(nodes))
  })

  it("has the layout that is written down", () => {
    const bytes = encode([some])
    assert.deepStrictEqual(
      Array.from(bytes),
      [...NodeId.toBytes(some.id), 0, 0, 0, 0, 0, 0, 0, 9, 0, 7, 0, 1, 97, 0, 1, 98, 0, 1, 99]
    )
    assert.deepStrictEqual(named(letters(1), letters(1), letters(1)).length, bytes.length)
  })

  it.prop("cut anywhere but between two Nodes it is none", [nodes], ([nodes]) => {
    const bytes = encode(nodes)
    const between = new Map<number, number>()
    for (let count = 0; count <= nodes.length; count++) between.set(encode(nodes.slice(0, count)).length, count)
    for (let length = 0; length <= bytes.length; length++) {
      assert.strictEqual(decode(bytes.slice(0, length))?.length, between.get(length))
    }
  })

  it("a list that is too long is neither written nor read", () => {
    const many = Array.from({ length: 21 }, (_, index) => Oracle.node(BigInt(index + 1)))
    assert.throws(() => encode(many))
    assert.isUndefined(decode(Schema.encodeSync(NodeList.schema(21))(many)))
    assert.lengthOf(decode(encode(many.slice(1)))!, 20)
  })

  it("what no Node can be is none", () => {
    const good = letters(1)
    const change = (at: number, ...bytes: ReadonlyArray<number>) => {
      const changed = encode([some])
      changed.set(bytes, at)
      return changed
    }
    assert.isDefined(decode(named(letters(255), letters(255), letters(64))))
    assert.isDefined(decode(named(Buffer.from("é".repeat(255)), good, new Uint8Array(0))))
    const bad: { readonly [what in string]: Uint8Array } = {
      "port 0": change(24, 0, 0),
      "an incarnation that no double holds": change(16, 0, 0x20),
      "no local host": named(new Uint8Array(0), good, good),
      "no global host": named(good, new Uint8Array(0), good),
      "a local host of 256 characters": named(letters(256), good, good),
      "a global host of 256 characters": named(good, letters(256), good),
      "a Region of 65": named(good, good, letters(65)),
      "a half of a character": named(Uint8Array.of(0xC3), good, good),
      "a half of a pair": named(Uint8Array.of(0xED, 0xA0, 0x80), good, good)
    }
    for (const [what, bytes] of Object.entries(bad)) assert.isUndefined(decode(bytes), what)
  })

  it("the same bytes are the same Node, for a while", () => {
    const [first] = decode(encode([some]))!
    const [second] = decode(encode([some]))!
    assert.strictEqual(second, first)
    const each = NodeList.schema(1)
    for (let number = 1; number <= 5_000; number++) {
      Schema.decodeSync(each)(Schema.encodeSync(each)([Oracle.node(BigInt(number))]))
    }
    const [third] = decode(encode([some]))!
    assert.notStrictEqual(third, first)
    assert.deepStrictEqual(plain([third!]), plain([some]))
  })
})
