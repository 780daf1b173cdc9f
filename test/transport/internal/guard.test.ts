import { assert, describe, it } from "@effect/vitest"
import * as Net from "node:net"
import { guard } from "../../../src/transport/internal/guard.ts"

describe("guard", () => {
  it("passes on what a listener is called with", () => {
    const got: Array<number> = []
    guard(new Net.Socket(), (...numbers: ReadonlyArray<number>) => void got.push(...numbers))(1, 2)
    assert.deepStrictEqual(got, [1, 2])
  })

  for (const [what, cause] of [["an error", new Error("broken")], ["anything", "broken"]] as const) {
    it(`${what} that a listener throws ends the socket, and its user hears of it`, async () => {
      const socket = new Net.Socket()
      const heard = new Promise<Error>((resolve) => socket.once("error", resolve))
      guard(socket, () => {
        throw cause
      })()
      assert.isTrue(socket.destroyed)
      assert.strictEqual((await heard).message, "broken")
    })
  }

  it("without anybody who hears of errors none is told", async () => {
    const socket = new Net.Socket()
    const closed = new Promise((resolve) => socket.once("close", () => resolve("closed")))
    guard(socket, () => {
      throw new Error("broken")
    })()
    assert.strictEqual(await closed, "closed")
  })
})
