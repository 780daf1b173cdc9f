import { assert, describe, it } from "@effect/vitest"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { randomBytes } from "node:crypto"
import { shortestPassphrase } from "../../src/protocol/Credentials.ts"
import * as SecretText from "../../src/protocol/SecretText.ts"

const passphrasesOf = (bytes: Uint8Array) =>
  Result.flatMap(SecretText.decode(bytes, "the file"), (text) => SecretText.passphrases(text, "the file")).pipe(
    Result.map((found) => found.map((one) => Redacted.value(one)))
  )

const parse = (text: string) => Result.getOrThrow(passphrasesOf(Buffer.from(text)))

const problem = (bytes: Uint8Array | string) => {
  const result = passphrasesOf(typeof bytes === "string" ? Buffer.from(bytes) : bytes)
  return Result.isFailure(result) ? result.failure : assert.fail("it was accepted")
}

describe("SecretText", () => {
  it("passphrases, each on a line", () => {
    assert.deepStrictEqual(parse("one passphrase"), ["one passphrase"])
    assert.deepStrictEqual(parse("one passphrase\r\n\nanother passphrase\n"), ["one passphrase", "another passphrase"])
    assert.deepStrictEqual(parse("\uFEFFsechs Wörter, 日本語\n"), ["sechs Wörter, 日本語"])
    assert.deepStrictEqual(parse("with a\ttab in it"), ["with a\ttab in it"])
  })

  it("bytes that are no text are refused, with their line", () => {
    const text = Buffer.from("a good passphrase\n")
    for (const bytes of [[0xFF], [0x80, 0x81], [0xC3], [0xED, 0xA0, 0x80], [0x00], [0x1B], [0x7F]]) {
      assert.include(problem(Uint8Array.from([...text, ...bytes])), "line 2 of the file is no text")
      assert.include(problem(Uint8Array.from([...bytes, 0x0A, ...text])), "line 1 of the file is no text")
    }
    assert.include(problem(Buffer.from("\uFEFFa good passphrase", "utf16le")), "no text")
    assert.include(problem("a good passphrase\nwith a \uFFFD character\n"), "line 2 of the file is no text")
  })

  it("keys and certificates, too, whatever is made of them", () => {
    for (const bytes of [[0xFF], [0xC3], [0x00], [0x7F]]) {
      const result = SecretText.decode(Uint8Array.from([0x61, 0x0A, ...bytes]), "the file")
      assert.include(Result.isFailure(result) && result.failure, "line 2 of the file is no text")
    }
    const pem = "-----BEGIN CERTIFICATE-----\r\nAAAA\r\n-----END CERTIFICATE-----\r\n"
    assert.strictEqual(Result.getOrThrow(SecretText.decode(Buffer.from(pem), "the file")), pem)
  })

  it("no file of random bytes is a passphrase, wherever a line feed stands", () => {
    for (let at = 0; at < 32; at++) {
      const bytes = randomBytes(32)
      bytes[at] = 0x0A
      // A byte that no text has, so that nothing is left to chance.
      bytes[(at + 1) % 32] = 0xFF
      assert.include(problem(bytes), "is no text")
    }
  })

  it("what is short or blank is refused, with its line, and is not shown", () => {
    assert.include(problem(`${"x".repeat(30)}\na`), "line 2 of the file has 1 character,")
    assert.include(problem("secret word"), "line 1 of the file has 11 characters")
    assert.notInclude(problem("secret word"), "secret word")
    assert.deepStrictEqual(parse("x".repeat(shortestPassphrase)), ["x".repeat(shortestPassphrase)])
    assert.include(problem(`${"x".repeat(11)}      `), "11 characters")
    // Two code points each, and one letter; and a letter of two units.
    assert.include(problem("a\u0301".repeat(11)), "11 characters")
    assert.include(problem("😀".repeat(11)), "11 characters")
    assert.include(problem(`${"x".repeat(30)}\n            \n`), "line 2 of the file is blank")
    for (const empty of ["", "\n", "\r\n\n", "  \n\t"]) assert.include(problem(empty), "the file is empty")
  })
})
