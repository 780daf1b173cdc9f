import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Node from "../../src/ring/Node.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as Oracle from "./Oracle.ts"

const text = (minLength: number, maxLength: number) =>
  Arbitrary.schema(Schema.String.check(Schema.isMinLength(minLength), Schema.isMaxLength(maxLength)))

const fields = Arbitrary.all({
  id: Arbitrary.map(Oracle.id, Oracle.fromBig),
  localHost: text(1, 255),
  globalHost: text(1, 255),
  port: Oracle.int(1, 65535),
  region: text(0, 64),
  incarnation: Oracle.int(0, Number.MAX_SAFE_INTEGER)
})

const wire = {
  id: new Uint8Array(16),
  localHost: "10.0.0.1",
  globalHost: "node.example",
  port: 4000,
  region: "",
  incarnation: 0
}

describe("Node", () => {
  it.prop("round trips through its schema", [fields], ([input]) => {
    const node = new Node.Node(input)
    const encoded = Option.getOrThrow(Schema.encodeUnknownOption(Node.Node)(node))
    assert.strictEqual(Buffer.from(encoded.id).toString("hex"), node.hex)
    const decoded = Option.getOrThrow(Schema.decodeUnknownOption(Node.Node)(encoded))
    assert.isTrue(decoded instanceof Node.Node)
    assert.isTrue(Node.isSameLife(decoded, node))
    assert.isTrue(Node.isSameAddress(decoded, node))
    assert.strictEqual(decoded.region, node.region)
    assert.strictEqual(
      decoded.hex,
      NodeId.toBytes(node.id).reduce((hex, byte) => hex + byte.toString(16).padStart(2, "0"), "")
    )
  }, { arbitrary: { size: 64 } })

  it("refuses fields out of their bounds", () => {
    const decodes = (change: Record<string, unknown>) =>
      Option.isSome(Schema.decodeUnknownOption(Node.Node)({ ...wire, ...change }))
    assert.isTrue(decodes({}))
    assert.isTrue(decodes({ port: 1 }))
    assert.isTrue(decodes({ port: 65535 }))
    assert.isTrue(decodes({ localHost: "x".repeat(255), region: "x".repeat(64) }))
    assert.isTrue(decodes({ incarnation: Number.MAX_SAFE_INTEGER }))
    for (
      const change of [
        { id: new Uint8Array(15) },
        { id: new Uint8Array(17) },
        { id: "0".repeat(32) },
        { localHost: "" },
        { globalHost: "" },
        { localHost: "x".repeat(256) },
        { globalHost: "x".repeat(256) },
        { port: 0 },
        { port: 65536 },
        { port: 80.5 },
        { port: "80" },
        { region: "x".repeat(65) },
        { region: undefined },
        { incarnation: -1 },
        { incarnation: 0.5 },
        { incarnation: Number.NaN },
        { incarnation: Number.POSITIVE_INFINITY },
        { incarnation: Number.MAX_SAFE_INTEGER + 1 }
      ]
    ) {
      assert.isFalse(decodes(change), JSON.stringify(change))
    }
  })

  it.prop("isSameLife is id and incarnation; isSameAddress is both hosts and the port", [
    fields,
    fields,
    Oracle.int(0, 63)
  ], ([x, other, mask]) => {
    const keys = ["id", "localHost", "globalHost", "port", "region", "incarnation"] as const
    const y = { ...x }
    keys.forEach((key, index) => {
      if ((mask & (1 << index)) !== 0) Object.assign(y, { [key]: other[key] })
    })
    assert.strictEqual(
      Node.isSameLife(new Node.Node(x), new Node.Node(y)),
      x.id.hex === y.id.hex && x.incarnation === y.incarnation
    )
    assert.strictEqual(
      Node.isSameAddress(new Node.Node(x), new Node.Node(y)),
      x.localHost === y.localHost && x.globalHost === y.globalHost && x.port === y.port
    )
  })

  it.prop("hostFor is the local host inside its Region and the global one outside", [fields, text(0, 64)], ([
    input,
    region
  ]) => {
    const node = new Node.Node(input)
    assert.strictEqual(Node.hostFor(node, input.region), input.localHost)
    assert.strictEqual(Node.hostFor(node, region), region === input.region ? input.localHost : input.globalHost)
  })
})
