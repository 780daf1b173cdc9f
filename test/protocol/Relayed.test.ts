import { assert, describe, it } from "@effect/vitest"
import type { RawMessage } from "../../src/protocol/Message.ts"
import * as Purposes from "../../src/protocol/Purposes.ts"
import * as Relayed from "../../src/protocol/Relayed.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as Oracle from "../ring/Oracle.ts"

const idFrom = (next: () => number) => NodeId.fromString(`${next()}`)

const messageFrom = (next: () => number): RawMessage & { readonly wantsReply: boolean } => ({
  key: idFrom(next),
  purpose: Oracle.below(next, 2) === 0 ? 16 + Oracle.below(next, 240) : Purposes.ofName(`kind ${next()}`),
  value: Uint8Array.from({ length: Oracle.below(next, 40) }, () => Oracle.below(next, 256)),
  wantsReply: Oracle.below(next, 2) === 0
})

describe("Relayed", () => {
  it.prop("what goes to a gateway, to its client and back comes as it was", [Oracle.word], ([seed]) => {
    const next = Oracle.words(seed)
    const message = messageFrom(next)
    const client = idFrom(next)
    const toGateway = Relayed.encode(client, message)
    assert.deepStrictEqual(Relayed.decode(toGateway), { client, message })
    assert.isAtMost(toGateway.length, message.value.length + Relayed.overhead)

    const delivery = { ...message, number: next(), from: idFrom(next), hops: Oracle.below(next, 256) }
    assert.deepStrictEqual(Relayed.decodeDelivery(Relayed.encodeDelivery(delivery)), delivery)

    for (const outcome of ["delivered", "failed", "undecodable", "unhandled", "absent"] as const) {
      assert.deepStrictEqual(Relayed.decodeNumbered(Relayed.encodeNumbered(delivery.number, { outcome })), {
        number: delivery.number,
        answer: { outcome }
      })
    }
    const answer = { outcome: "replied", reply: message.value } as const
    assert.deepStrictEqual(Relayed.decodeAnswer(Relayed.encodeAnswer(answer)), answer)
  })

  it("bytes that are too few, or say nothing, are none", () => {
    for (let size = 0; size <= 33; size++) assert.isUndefined(Relayed.decode(new Uint8Array(size)), `${size}`)
    for (let size = 0; size <= 38; size++) assert.isUndefined(Relayed.decodeDelivery(new Uint8Array(size)), `${size}`)
    const named = new Uint8Array(34)
    named[33] = Purposes.reserved.named
    assert.isUndefined(Relayed.decode(named))
    assert.isUndefined(Relayed.decodeAnswer(new Uint8Array()))
    assert.isUndefined(Relayed.decodeAnswer(Uint8Array.of(6)))
    assert.isUndefined(Relayed.decodeNumbered(new Uint8Array(4)))
    assert.isUndefined(Relayed.decodeNumbered(Uint8Array.of(0, 0, 0, 1, 255)))
  })
})
