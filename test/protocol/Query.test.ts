import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as SchemaBinary from "effect/encoding/SchemaBinary"
import * as Schema from "effect/Schema"
import * as Frame from "../../src/protocol/Frame.ts"
import * as NodeList from "../../src/protocol/NodeList.ts"
import * as Query from "../../src/protocol/Query.ts"
import * as Node from "../../src/ring/Node.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as Oracle from "../ring/Oracle.ts"
import * as Samples from "./Samples.ts"

const optional = <A>(item: Arbitrary.Arbitrary<A>): Arbitrary.Arbitrary<A | undefined> =>
  Arbitrary.flatMap(Oracle.boolean, (isThere) => isThere ? item : Arbitrary.Constant(undefined))

const nodes = Arbitrary.array(Samples.node, { maxLength: 8 })

const query: Arbitrary.Arbitrary<Query.Query> = Arbitrary.flatMap(Oracle.boolean, (isRoute) =>
  isRoute
    ? Arbitrary.map(
      Arbitrary.all({ sequence: Samples.count, key: Samples.id }),
      (fields): Query.Query => ({ _tag: "RouteQuery", ...fields })
    )
    : Arbitrary.map(Samples.count, (sequence): Query.Query => ({ _tag: "ViewQuery", sequence })))

const routeAnswer: Arbitrary.Arbitrary<Query.Answer> = Arbitrary.map(
  Arbitrary.all({
    sequence: Samples.count,
    covers: Oracle.boolean,
    ready: Oracle.boolean,
    next: optional(Samples.node),
    why: Samples.oneOf("leaf", "table", "rare"),
    row: Oracle.int(0, 32),
    column: Oracle.int(0, 15)
  }),
  (fields) => ({ _tag: "RouteAnswer", ...fields })
)

const viewAnswer: Arbitrary.Arbitrary<Query.Answer> = Arbitrary.map(
  Arbitrary.all({
    sequence: Samples.count,
    node: Samples.node,
    ready: Oracle.boolean,
    predecessor: optional(Samples.node),
    successor: optional(Samples.node),
    side: Oracle.int(1, 64),
    left: nodes,
    right: nodes,
    lost: nodes
  }),
  (fields) => ({ _tag: "ViewAnswer", ...fields })
)

/** A value as it compares: an id has a cache of its text that equality must not see. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

const isMalformed = (frame: Uint8Array) => Frame.decode(frame)._tag === "Malformed"

const some = { arbitrary: { runs: 60, size: 20 } }

describe("questions and answers: round trips", () => {
  it.prop("a question", [query], ([query]) => {
    assert.deepStrictEqual(plain(Frame.decode(Frame.query(query))), plain({ _tag: "Query", query }))
  }, some)

  for (const [name, sample] of [["RouteAnswer", routeAnswer], ["ViewAnswer", viewAnswer]] as const) {
    it.prop(name, [sample], ([answer]) => {
      assert.deepStrictEqual(plain(Frame.decode(Frame.answer(answer))), plain({ _tag: "Answer", answer }))
    }, some)

    it.prop(`${name}, cut short or with bytes behind it, is malformed`, [sample, Samples.bytes(4)], ([
      answer,
      extra
    ]) => {
      const frame = Frame.answer(answer)
      assert.isTrue(isMalformed(Uint8Array.of(...frame, 0, ...extra)))
      for (let length = 0; length < frame.length; length += 1 + (length >> 4)) {
        assert.isTrue(isMalformed(frame.subarray(0, length)), `${length} of ${frame.length} bytes`)
      }
    }, { arbitrary: { runs: 20, size: 10 } })
  }

  it("Nodes arrive as Nodes", () => {
    const node = Oracle.node(7n)
    const frame = Frame.decode(Frame.answer({ ...view(0), predecessor: node }))
    assert.isTrue(
      frame._tag === "Answer" && frame.answer._tag === "ViewAnswer" &&
        frame.answer.node instanceof Node.Node && frame.answer.predecessor instanceof Node.Node &&
        frame.answer.predecessor.id instanceof NodeId.NodeId && Node.isSameLife(frame.answer.predecessor, node)
    )
  })

  it("a question is no answer, and neither has the first byte of another kind", () => {
    const question = Frame.query({ _tag: "ViewQuery", sequence: 1 })
    const answer = Frame.answer(view(1))
    const others = [
      Frame.control({ _tag: "LeaveAck" }),
      Frame.acknowledged(0, 0),
      Frame.busy(0),
      Frame.delivered([]),
      Frame.bye(),
      Uint8Array.of(2), // routed
      Uint8Array.of(5), // a receipt
      Uint8Array.of(6), // the handshake
      question,
      answer
    ].map((frame) => frame[0])
    assert.strictEqual(new Set(others).size, others.length)
    for (const [frame, kind] of [[question, answer[0]!], [answer, question[0]!]] as const) {
      const changed = frame.slice()
      changed[0] = kind
      assert.isTrue(isMalformed(changed))
    }
  })
})

const list = (size: number) => Array.from({ length: size }, (_, index) => Oracle.node(BigInt(index + 1)))

const view = (size: number): typeof Query.ViewAnswer.Type => ({
  _tag: "ViewAnswer",
  sequence: 1,
  node: Oracle.node(99n),
  ready: true,
  predecessor: undefined,
  successor: undefined,
  side: 16,
  left: list(size),
  right: list(size),
  lost: list(size)
})

const routed: typeof Query.RouteAnswer.Type = {
  _tag: "RouteAnswer",
  sequence: 1,
  covers: false,
  ready: true,
  next: Oracle.node(1n),
  why: "leaf",
  row: 32,
  column: 15
}

describe("questions and answers: bounds", () => {
  // What a peer would send that checks nothing: the same layout without the bounds.
  const withoutBounds = <S extends { readonly members: ReadonlyArray<{ readonly fields: object }> }>(schema: S) => {
    const loosen = (name: string, field: Schema.Top): Schema.Top =>
      ["left", "right", "lost"].includes(name)
        ? NodeList.schema(10_000)
        : ["sequence", "row", "column", "side"].includes(name)
        ? Schema.Int
        : field
    const codec = SchemaBinary.toCodec(Schema.Union(schema.members.map(({ fields }) =>
      Schema.Struct(
        Object.fromEntries(
          Object.entries(fields as Record<string, Schema.Top>).map(([name, field]) => [name, loosen(name, field)])
        )
      )
    )))
    return Schema.encodeUnknownSync(codec as unknown as Schema.Codec<unknown, Uint8Array>)
  }
  const encodeAnswer = withoutBounds(Query.Answer)
  const encodeQuery = withoutBounds(Query.Query)
  const answerFrame = (answer: object) => Uint8Array.of(10, ...encodeAnswer(answer))
  const queryFrame = (query: object) => Uint8Array.of(9, ...encodeQuery(query))

  it("lists", () => {
    assert.deepStrictEqual(answerFrame(view(64)), Frame.answer(view(64)))
    assert.isFalse(isMalformed(answerFrame(view(64))))
    for (const field of ["left", "right", "lost"]) {
      const over = { ...view(1), [field]: list(65) }
      assert.isTrue(isMalformed(answerFrame(over)), field)
      assert.throws(() => Frame.answer(over))
    }
  })

  it("numbers and words", () => {
    assert.isFalse(isMalformed(answerFrame(routed)))
    const bad = [
      { ...routed, row: 33 },
      { ...routed, row: -1 },
      { ...routed, column: 16 },
      { ...routed, sequence: -1 },
      { ...view(1), side: 0 },
      { ...view(1), side: 65 },
      { ...view(1), sequence: -1 }
    ]
    for (const answer of bad) assert.isTrue(isMalformed(answerFrame(answer)), JSON.stringify(answer))
    assert.throws(() => Frame.answer({ ...routed, why: "chance" as "leaf" }))
    assert.isFalse(isMalformed(queryFrame({ _tag: "ViewQuery", sequence: 0 })))
    assert.isTrue(isMalformed(queryFrame({ _tag: "ViewQuery", sequence: -1 })))
  })

  it("the largest answer fits into a frame that an inspector takes", () => {
    const long = new Node.Node({
      id: NodeId.fromString("long"),
      localHost: "\u20ac".repeat(255),
      globalHost: "\u20ac".repeat(255),
      port: 65535,
      region: "\u20ac".repeat(64),
      incarnation: Number.MAX_SAFE_INTEGER
    })
    const all = Array.from({ length: 64 }, () => long)
    const answer = { ...view(0), node: long, predecessor: long, successor: long, left: all, right: all, lost: all }
    assert.isBelow(Frame.answer(answer).length, 512 * 1024)
  })

  it("decoding is total", () => {
    const next = Oracle.words(7)
    for (let run = 0; run < 4000; run++) {
      const frame = Uint8Array.from({ length: 1 + Oracle.below(next, 60) }, () => next())
      frame[0] = 9 + run % 2
      const decoded = Frame.decode(frame)
      if (decoded._tag === "Query") {
        assert.deepStrictEqual(plain(Frame.decode(Frame.query(decoded.query))), plain(decoded))
      } else if (decoded._tag === "Answer") {
        assert.deepStrictEqual(plain(Frame.decode(Frame.answer(decoded.answer))), plain(decoded))
      } else {
        assert.strictEqual(decoded._tag, "Malformed")
      }
    }
  })
})
