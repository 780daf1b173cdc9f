import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { parseDuration } from "../../src/cli/flags.ts"
import { LineSplitter } from "../../src/cli/send/LineSplitter.ts"
import { type Options, parseLine } from "../../src/cli/send/parseLine.ts"
import * as NodeId from "../../src/ring/NodeId.ts"

const bytes = (text: string) => new TextEncoder().encode(text)

const textOf = (value: Uint8Array | undefined) => value === undefined ? undefined : new TextDecoder().decode(value)

describe("LineSplitter", () => {
  const split = (chunks: ReadonlyArray<string>, maxLength = 100) => {
    const splitter = new LineSplitter(maxLength)
    const lines = [...chunks.flatMap((chunk) => splitter.push(bytes(chunk))), ...splitter.end()]
    assert.deepStrictEqual(lines.map((line) => line.number), lines.map((_, index) => index + 1))
    return lines.map((line) => textOf(line.bytes))
  }

  it("cuts at line breaks, wherever the chunks were cut", () => {
    const text = "one\r\n\ntwo ü\nlast"
    for (let first = 0; first <= text.length; first++) {
      for (let second = first; second <= text.length; second++) {
        assert.deepStrictEqual(
          split([text.slice(0, first), text.slice(first, second), text.slice(second)]),
          ["one", "", "two ü", "last"]
        )
      }
    }
    assert.deepStrictEqual(split([]), [])
    assert.deepStrictEqual(split(["a\n"]), ["a"])
  })

  it("drops a line that is too long and goes on", () => {
    assert.deepStrictEqual(split(["abc", "d\nabc\r", "\nabcd\r\nx"], 3), [undefined, "abc", undefined, "x"])
  })
})

describe("parseLine", () => {
  const json: Options = { keyField: undefined, base64: false, purpose: 16 }
  const read = (line: string, options: Options = json) =>
    Result.match(parseLine(bytes(line), options), {
      onFailure: (problem) => problem,
      onSuccess: ({ key, purpose, value }) => [key.hex, purpose, textOf(value)]
    })
  const key = NodeId.fromString("k").hex

  it("reads JSON", () => {
    assert.deepStrictEqual(read(`{"key":"k","value":"v"}`), [key, 16, "v"])
    assert.deepStrictEqual(read(`{"key":"k","value":"","purpose":255,"more":1}`), [key, 255, ""])
    assert.deepStrictEqual(read(`{"key":"k","valueBase64":"dg=="}`), [key, 16, "v"])
    assert.deepStrictEqual(read(`{"key":"k","value":"dg=="}`, { ...json, base64: true }), [key, 16, "v"])
    assert.deepStrictEqual(read(`{"key":"${"Ab".repeat(16)}","value":"v"}`), ["ab".repeat(16), 16, "v"])
  })

  it("says what is wrong with JSON", () => {
    for (
      const line of [
        "",
        "{",
        "[]",
        "null",
        "1",
        `{"value":"v"}`,
        `{"key":"","value":"v"}`,
        `{"key":1,"value":"v"}`,
        `{"key":"k"}`,
        `{"key":"k","value":1}`,
        `{"key":"k","value":"v","valueBase64":"dg=="}`,
        `{"key":"k","valueBase64":"?"}`,
        `{"key":"k","value":"v","purpose":15}`,
        `{"key":"k","value":"v","purpose":256}`,
        `{"key":"k","value":"v","purpose":"16"}`
      ]
    ) assert.isString(read(line), line)
    assert.isTrue(Result.isFailure(parseLine(Uint8Array.of(0x7b, 0xff), json)))
  })

  it("reads text: the key is a field, the value the whole line as it is", () => {
    const text: Options = { keyField: 2, base64: false, purpose: 20 }
    assert.deepStrictEqual(read(" a \t k  b", text), [key, 20, " a \t k  b"])
    assert.strictEqual(read("a", text), "there is no field 2: the line has 1")
    const odd = Uint8Array.of(0x61, 0x20, 0x6b, 0x20, 0xff)
    const result = parseLine(odd, text)
    assert.isTrue(Result.isSuccess(result) && result.success.key.hex === key && result.success.value.length === 5)
  })
})

describe("parseDuration", () => {
  it("reads lengths of time with their unit", () => {
    const millis = (text: string) => Option.getOrUndefined(Option.map(parseDuration(text), Duration.toMillis))
    assert.deepStrictEqual(["500ms", "30s", "1.5m", "2 h", "3 seconds"].map(millis), [
      500,
      30_000,
      90_000,
      7_200_000,
      3000
    ])
    for (const text of ["", "5", "5x", "-5s", "0s", "s", "Infinity"]) assert.isUndefined(millis(text), text)
  })
})
