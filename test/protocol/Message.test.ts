import { assert, describe, it } from "@effect/vitest"
import * as Message from "../../src/protocol/Message.ts"
import * as NodeId from "../../src/ring/NodeId.ts"

const message = (purpose: number, size = 0): Message.Outgoing => ({
  key: NodeId.zero,
  purpose,
  value: new Uint8Array(size)
})

describe("Message.check", () => {
  it("a purpose is a whole number from 16 to 255", () => {
    for (let purpose = -300; purpose <= 600; purpose++) {
      const rejected = Message.check(message(purpose), 10)
      assert.strictEqual(rejected?.reason, purpose >= 16 && purpose <= 255 ? undefined : "BadPurpose", `${purpose}`)
      if (rejected !== undefined) assert.include(rejected.message, ` ${purpose};`)
    }
    for (
      const purpose of [16.5, 254.999, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2 ** 32 + 16]
    ) {
      assert.strictEqual(Message.check(message(purpose), 10)?.reason, "BadPurpose", `${purpose}`)
    }
    assert.strictEqual(Message.lowestPurpose, 16)
  })

  it("a value has at most as many bytes as are allowed, and the message says both numbers", () => {
    for (const limit of [0, 1, 1000]) {
      assert.isUndefined(Message.check(message(16, limit), limit))
      const rejected = Message.check(message(16, limit + 1), limit)
      assert.strictEqual(rejected?.reason, "ValueTooLarge")
      assert.include(rejected!.message, `${limit + 1} bytes`)
      assert.include(rejected!.message, `at most ${limit} `)
    }
  })

  it("rejections are typed errors", () => {
    const rejected = Message.check(message(0, 5), 1)!
    assert.isTrue(rejected instanceof Message.MessageRejected)
    assert.strictEqual(rejected._tag, "MessageRejected")
  })
})
