import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { ClusterError, ClusterEvent, isError } from "../../src/protocol/ClusterEvent.ts"
import * as Node from "../../src/ring/Node.ts"
import { makeNode } from "../core/Ring.ts"

const json = Schema.fromJsonString(Schema.toCodecJson(ClusterEvent))

describe("ClusterEvent", () => {
  const node = makeNode("5")
  const events: ReadonlyArray<ClusterEvent> = [
    { _tag: "Ready" },
    { _tag: "NodeJoined", node },
    { _tag: "NodeExited", node, reason: "failed" },
    { _tag: "NewLeaves", left: [node], right: [] },
    { _tag: "JoinRetrying", attempt: 2, message: "waiting" },
    { _tag: "Stalled", message: "no data has arrived" }
  ]

  it("each can be encoded and read again", () => {
    for (const event of events) {
      const back = Schema.decodeUnknownSync(json)(Schema.encodeSync(json)(event))
      assert.strictEqual(back._tag, event._tag)
      if (back._tag === "NodeJoined") assert.isTrue(Node.isSame(back.node, node))
    }
  })

  it("those that say that something went wrong are told from the others by their tags", () => {
    assert.deepStrictEqual(events.filter(isError).map(({ _tag }) => _tag), ["Stalled"])
    for (const event of events) assert.strictEqual(Schema.is(ClusterError)(event), isError(event))
  })
})
