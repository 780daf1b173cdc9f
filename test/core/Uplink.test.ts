import { assert, describe, it } from "@effect/vitest"
import * as Confirmations from "../../src/core/Confirmations.ts"
import * as Uplink from "../../src/core/Uplink.ts"
import * as Envelope from "../../src/protocol/Envelope.ts"
import * as NodeId from "../../src/ring/NodeId.ts"

/** An uplink, and the counters of what it has sent since that was last asked, by their numbers. */
const makeWorld = (window = 3, windowBytes = 1_000_000) => {
  const uplink = Uplink.make<undefined>(window, windowBytes)
  const confirmations = Confirmations.make<undefined>()
  let sent: Array<readonly [counter: number, sequence: number]> = []
  const sink: Uplink.Sink<undefined> = {
    transmit: ({ counter }, sequence) => sent.push([counter, sequence]),
    isWanted: ({ counter }) => confirmations.unresolved.has(counter)
  }
  const send = (purpose = 16, size = 10) => {
    const value = new Uint8Array(size)
    const entry = Confirmations.begin(confirmations, 0, 30_000, undefined, (counter, floor) =>
      Envelope.make({
        deliveryClass: "confirmed",
        purpose,
        key: NodeId.zero,
        origin: NodeId.zero,
        via: NodeId.zero,
        incarnation: 1,
        counter,
        floor
      }, value))
    Uplink.send(uplink, entry, sink)
    return entry
  }
  const take = () => {
    const taken = sent
    sent = []
    return taken
  }
  return {
    uplink,
    confirmations,
    send,
    take,
    acknowledged: (from: number, upTo: number, now = 0) => Uplink.acknowledged(uplink, now, from, upTo, sink),
    busy: (sequence: number, now = 0) => Uplink.busy(uplink, now, sequence, sink),
    wake: (now: number) => Uplink.wake(uplink, now, sink)
  }
}

describe("Uplink", () => {
  it("has so many on their way at most; others wait until the gateway has those, purposes in turn", () => {
    const { acknowledged, send, take } = makeWorld(2)
    const entries = [16, 16, 16, 16, 17].map((purpose) => send(purpose))
    assert.deepStrictEqual(take(), [[0, 0], [1, 1]])
    assert.deepStrictEqual(entries.map(({ inCustody }) => inCustody), [true, true, true, true, true])
    acknowledged(0, 1)
    assert.deepStrictEqual(take(), [[2, 2], [4, 3]])
    assert.deepStrictEqual(entries.map(({ inCustody }) => inCustody), [false, false, true, true, true])
    acknowledged(3, 3)
    assert.deepStrictEqual(take(), [[3, 4]])
    acknowledged(0, 9)
    assert.deepStrictEqual(entries.map(({ inCustody }) => inCustody), [false, false, false, false, false])
  })

  it("and so many bytes, but for one that is alone", () => {
    const { acknowledged, send, take } = makeWorld(100, 1_000)
    send(16, 5_000)
    send(16, 10)
    assert.deepStrictEqual(take(), [[0, 0]])
    acknowledged(0, 0)
    assert.deepStrictEqual(take(), [[1, 1]])
    send(16, 500)
    send(16, 500)
    assert.deepStrictEqual(take(), [[2, 2]])
  })

  it("what the gateway has no room for waits with all of its purpose, and is on its way all the time", () => {
    const { busy, send, take, uplink, wake } = makeWorld()
    const first = send()
    busy(0)
    busy(0)
    send(16)
    send(17)
    assert.deepStrictEqual(take(), [[0, 0], [2, 1]])
    assert.isTrue(first.inCustody)
    wake(19)
    assert.deepStrictEqual(take(), [])
    wake(20)
    assert.deepStrictEqual(take(), [[0, 2]])
    Uplink.end(uplink)
    assert.isFalse(first.inCustody)
  })

  it("what has its outcome meanwhile is not sent", () => {
    const { acknowledged, busy, confirmations, send, take, wake } = makeWorld(2)
    const [refused, , , waiting] = [send(), send(17), send(), send(17)]
    busy(0)
    assert.deepStrictEqual(take(), [[0, 0], [1, 1], [3, 2]])
    send(17)
    for (const { counter } of [refused, waiting]) Confirmations.resolve(confirmations, 0, counter, 1)
    wake(20)
    acknowledged(1, 2)
    assert.deepStrictEqual(take(), [[2, 3], [4, 4]])
  })
})
