import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Message from "../../src/protocol/Message.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as Oracle from "../ring/Oracle.ts"

const message = (purpose: number, size = 0): Message.RawMessage => ({
  key: NodeId.zero,
  purpose,
  value: new Uint8Array(size)
})

const problem = (message: Message.OutgoingMessage, maxValueSize: number): Message.WendyMessageError | undefined => {
  const result = Message.encode(message, maxValueSize)
  return Result.isFailure(result) ? result.failure : undefined
}

describe("Message.encode, raw", () => {
  it("a purpose is a whole number from 16 to 255", () => {
    for (let purpose = -300; purpose <= 600; purpose++) {
      const rejected = problem(message(purpose), 10)
      assert.strictEqual(
        rejected?.reason._tag,
        purpose >= 16 && purpose <= 255 ? undefined : "BadPurpose",
        `${purpose}`
      )
      if (rejected !== undefined) assert.include(rejected.message, ` ${purpose};`)
    }
    for (
      const purpose of [16.5, 254.999, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2 ** 32 + 16]
    ) {
      assert.strictEqual(problem(message(purpose), 10)?.reason._tag, "BadPurpose", `${purpose}`)
    }
    assert.strictEqual(Message.lowestPurpose, 16)
  })

  it("a value has at most as many bytes as are allowed, and the message says both numbers", () => {
    for (const limit of [0, 1, 1000]) {
      assert.isUndefined(problem(message(16, limit), limit))
      const rejected = problem(message(16, limit + 1), limit)
      assert.strictEqual(rejected?.reason._tag, "ValueTooLarge")
      assert.include(rejected!.message, `${limit + 1} bytes`)
      assert.include(rejected!.message, `at most ${limit} `)
    }
  })

  it("rejections are typed errors", () => {
    const rejected = problem(message(0, 5), 1)!
    assert.isTrue(rejected instanceof Message.WendyMessageError)
    assert.strictEqual(rejected._tag, "WendyMessageError")
  })
})

const Chat = Message.make("Chat", { purpose: 16, value: Schema.Struct({ text: Schema.String }) })

const bytes = (text: string) => new TextEncoder().encode(text)

describe("Message.make", () => {
  it("takes a purpose from 16 to 255 and no other", () => {
    for (const purpose of [16, 17, 254, 255]) {
      assert.strictEqual(Message.make("It", { purpose, value: Schema.String }).purpose, purpose)
    }
    for (const purpose of [-1, 0, 15, 256, 16.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(
        () => Message.make("It", { purpose, value: Schema.String }),
        RangeError,
        `"It" cannot be defined: the purpose is ${purpose}`
      )
    }
  })

  it("values travel as the JSON of their Schema", () => {
    const encoded = Message.encode(Chat.make(NodeId.fromString("k"), { text: "hé" }), 100)
    assert.deepStrictEqual(Result.getOrThrow(encoded), {
      key: NodeId.fromString("k"),
      purpose: 16,
      value: bytes("{\"text\":\"hé\"}")
    })
    assert.deepStrictEqual(Result.getOrThrow(Chat.decode(bytes("{\"text\":\"hé\"}"))), { text: "hé" })
  })

  it("dates, bytes, maps and classes find their way through", () => {
    class Point extends Schema.Class<Point>("Point")({ x: Schema.Finite }) {}
    const All = Message.make("All", {
      purpose: 17,
      value: Schema.Struct({
        at: Schema.Date,
        bytes: Schema.Uint8Array,
        map: Schema.ReadonlyMap(Schema.String, Schema.BigInt),
        point: Point,
        maybe: Schema.optionalKey(Schema.String)
      })
    })
    const value = {
      at: new Date(1e12),
      bytes: Uint8Array.of(0, 255),
      map: new Map([["a", 2n ** 70n]]),
      point: new Point({ x: 1.5 })
    }
    const decoded = Result.getOrThrow(All.decode(Result.getOrThrow(All.encode(value))))
    assert.deepStrictEqual(decoded, value)
    assert.isTrue(decoded.point instanceof Point)
  })

  it.prop(
    "whatever a Schema holds comes back",
    [Schema.Struct({ text: Schema.String, count: Schema.Int, list: Schema.Array(Schema.Boolean) })],
    ([value]) => {
      const Any = Message.make("Any", {
        purpose: 18,
        value: Schema.Struct({ text: Schema.String, count: Schema.Int, list: Schema.Array(Schema.Boolean) })
      })
      // JSON knows no negative zero.
      const expected = { ...value, count: value.count + 0 }
      assert.deepStrictEqual(Result.getOrThrow(Any.decode(Result.getOrThrow(Any.encode(value)))), expected)
    }
  )

  it("a value that does not fit is rejected before it is sent, by name", () => {
    const bad = Chat.make(NodeId.zero, { text: 7 } as never)
    const rejected = problem(bad, 100)
    assert.strictEqual(rejected?.reason._tag, "BadValue")
    assert.include(rejected!.message, "\"Chat\"")
    assert.include(rejected!.message, "text")
    assert.instanceOf(rejected!.cause, Schema.SchemaError)
    assert.strictEqual(problem(Chat.make(NodeId.zero, { text: "x".repeat(100) }), 100)?.reason._tag, "ValueTooLarge")
  })

  it.prop(
    "bytes that do not fit are a failure, never a crash",
    [Arbitrary.array(Oracle.int(0, 255), { maxLength: 40 })],
    ([list]) => {
      const decoded = Chat.decode(Uint8Array.from(list))
      if (Result.isSuccess(decoded)) assert.isString(decoded.success.text)
      else assert.instanceOf(decoded.failure, Schema.SchemaError)
    }
  )

  it("bytes that are no UTF-8, no JSON, or of another shape are told apart from values", () => {
    for (const bad of [Uint8Array.of(0xff, 0xfe), bytes(""), bytes("{"), bytes("null"), bytes("{\"text\":1}")]) {
      assert.isTrue(Result.isFailure(Chat.decode(bad)), new TextDecoder().decode(bad))
    }
  })

  it("two definitions are the same kind when name and purpose are", () => {
    const again = Message.make("Chat", { purpose: 16, value: Schema.String })
    assert.isTrue(Message.isSameDefinition(Chat, again))
    assert.isFalse(Message.isSameDefinition(Chat, Message.make("Chat", { purpose: 17, value: Schema.String })))
    assert.isFalse(Message.isSameDefinition(Chat, Message.make("Talk", { purpose: 16, value: Schema.String })))
  })

  it("without a purpose the name decides: one that no byte can be, the same at every Node", () => {
    const one = Message.make("library/One", { value: Schema.String })
    const two = Message.make("library/Two", { value: Schema.String })
    assert.isTrue(Message.isSameDefinition(one, Message.make("library/One", { value: Schema.String })))
    assert.isFalse(Message.isSameDefinition(one, two))
    assert.isAbove(one.purpose, 255)
    assert.notStrictEqual(one.purpose, two.purpose)
    // Its first bytes are those of the hash of the name: other programs can tell it, too.
    assert.strictEqual(one.purpose, 2 ** 48 + Number.parseInt(NodeId.fromString("library/One").hex.slice(0, 12), 16))
    const { purpose, value } = Result.getOrThrow(Message.encode(one.make(NodeId.zero, "text"), 100))
    assert.deepStrictEqual([purpose, Result.getOrThrow(one.decode(value))], [one.purpose, "text"])
  })
})

describe("codec: binary", () => {
  const Point = Schema.Struct({ x: Schema.Number, name: Schema.String, tags: Schema.Array(Schema.String) })
  const points = Message.make("Point", { value: Point, codec: "binary" })
  const value = { x: 1.5, name: "a", tags: ["b", "c"] }

  it("is smaller than JSON, and the bytes are the value's own", () => {
    const json = Message.make("Point", { value: Point })
    const bytes = Result.getOrThrow(points.encode(value))
    assert.isBelow(bytes.length, Result.getOrThrow(json.encode(value)).length)
    assert.strictEqual(bytes.buffer.byteLength, bytes.length)
    assert.deepStrictEqual(Result.getOrThrow(points.decode(bytes)), value)
  })

  it("a value that does not fit is rejected with the SchemaError", () => {
    const rejected = problem(points.make(NodeId.zero, { x: "1" } as never), 100)
    assert.strictEqual(rejected?.reason._tag, "BadValue")
    assert.instanceOf(rejected!.cause, Schema.SchemaError)
  })

  it.prop(
    "any bytes are a value or a failure, never a crash",
    [Arbitrary.array(Oracle.int(0, 255), { maxLength: 60 })],
    ([list]) => {
      const decoded = points.decode(Uint8Array.from(list))
      if (Result.isFailure(decoded)) assert.instanceOf(decoded.failure, Schema.SchemaError)
      else assert.isString(decoded.success.name)
    }
  )
})
