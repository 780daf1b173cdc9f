import { assert, describe, it } from "@effect/vitest"
import * as Authorization from "../../src/protocol/Authorization.ts"

const end = { role: "client", id: "0".repeat(32), region: "", name: "guest" } as const

describe("Authorization", () => {
  it("what is left out is allowed", () => {
    assert.isTrue(Authorization.admits({}, end))
    assert.isTrue(Authorization.maySend({}, end, 16))
  })

  it("only true is a yes", () => {
    const answers = [
      () => false,
      () => {
        throw new Error("broken")
      },
      (() => Promise.resolve(true)) as never,
      (() => "yes") as never
    ]
    for (const answer of answers) {
      assert.isFalse(Authorization.admits({ admits: answer }, end))
      assert.isFalse(Authorization.maySend({ maySend: answer }, end, 16))
    }
  })

  it("the functions are told who and what", () => {
    const asked: Array<unknown> = []
    Authorization.maySend({ maySend: (...args) => asked.push(args) > 0 }, end, 200)
    assert.deepStrictEqual(asked, [[end, 200]])
  })
})
