import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { WendyJoinError } from "../../src/protocol/JoinError.ts"
import { WendyDeliveryError, WendyMessageError } from "../../src/protocol/Message.ts"
import { WendyDialError } from "../../src/transport/Transport.ts"

const late = new WendyDeliveryError({ reason: { _tag: "Deadline", message: "no receipt in time" } })

describe("the errors of the package", () => {
  it.effect("catchReason handles one reason, and the others stay", () =>
    Effect.gen(function*() {
      const send = (error: WendyDeliveryError) =>
        Effect.fail(error).pipe(
          Effect.catchReason("WendyDeliveryError", "Deadline", ({ message }) => Effect.succeed(message))
        )
      assert.strictEqual(yield* send(late), "no receipt in time")
      const closed = new WendyDeliveryError({ reason: { _tag: "Closed", message: "it has ended" } })
      assert.strictEqual(yield* Effect.flip(send(closed)), closed)
    }))

  it.effect("unwrapReason makes the reasons errors of their own", () =>
    Effect.gen(function*() {
      const reason = yield* Effect.flip(Effect.unwrapReason(Effect.fail(late), "WendyDeliveryError"))
      assert.strictEqual(reason._tag, "Deadline")
    }))

  it("message is that of the reason; retryable says whether the same may work again; a cause is kept", () => {
    assert.strictEqual(late.message, "no receipt in time")
    assert.isTrue(late.retryable)
    const cause = new Error("why")
    const bad = new WendyMessageError({ reason: { _tag: "BadValue", message: "it does not fit" }, cause })
    assert.deepStrictEqual([bad.retryable, bad.cause], [false, cause])
    const dial = (tag: WendyDialError["reason"]["_tag"]) =>
      new WendyDialError({ address: "a:1", reason: { _tag: tag, message: "" } }).retryable
    assert.deepStrictEqual([dial("Timeout"), dial("BadAddress"), dial("Insecure")], [true, false, false])
  })

  it("it can be encoded, and read again, and no other reason can be", () => {
    const error = new WendyJoinError({ reason: { _tag: "IdInUse", message: "choose another" } })
    const encoded = Schema.encodeUnknownSync(WendyJoinError)(error)
    assert.strictEqual(Schema.decodeUnknownSync(WendyJoinError)(encoded).reason._tag, "IdInUse")
    assert.throws(() =>
      Schema.decodeUnknownSync(WendyJoinError)({ ...(encoded as object), reason: { _tag: "No", message: "" } })
    )
  })
})
