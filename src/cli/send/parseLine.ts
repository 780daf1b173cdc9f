/**
 * What a line of `wendy send --stdin` says.
 *
 * @since 0.1.0
 */
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import { lowestPurpose, type RawMessage } from "../../protocol/Message.ts"
import * as NodeId from "../../ring/NodeId.ts"

/**
 * How lines are to be read.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Lines are text with the key in this field (from 1), separated by blanks; else they are JSON. */
  readonly keyField: number | undefined
  /** In JSON, `value` is base64. */
  readonly base64: boolean
  /** For lines that name none. */
  readonly purpose: number
}

/**
 * Reads a line, or says what is wrong with it.
 *
 * @category conversions
 * @since 0.1.0
 */
export const parseLine = (bytes: Uint8Array, options: Options): Result.Result<RawMessage, string> =>
  options.keyField === undefined
    ? Result.flatMap(decodeJson(bytes), (record) => fromRecord(record, options))
    : fromText(bytes, options.keyField, options.purpose)

/**
 * Reads a value as a person gives it: text, or the bytes that base64 stands for.
 *
 * @category conversions
 * @since 0.1.0
 */
export const parseValue = (text: string, base64: boolean): Result.Result<Uint8Array, string> =>
  base64 ? Result.mapError(Base64.decode(text), () => "the value is not base64") : Result.succeed(encoder.encode(text))

// -----------------------------------------------------------------------------
// internals
// -----------------------------------------------------------------------------

const encoder = new TextEncoder()

const strictDecoder = new TextDecoder("utf-8", { fatal: true })

const looseDecoder = new TextDecoder()

const fromText = (bytes: Uint8Array, field: number, purpose: number): Result.Result<RawMessage, string> => {
  const fields = looseDecoder.decode(bytes).split(/[ \t]+/).filter((field) => field !== "")
  const key = fields[field - 1]
  return key === undefined
    ? Result.fail(`there is no field ${field}: the line has ${fields.length}`)
    : Result.succeed({ key: NodeId.parse(key), purpose, value: bytes })
}

const decodeJson = (bytes: Uint8Array): Result.Result<Record<string, unknown>, string> => {
  const record = Result.try({
    try: (): unknown => JSON.parse(strictDecoder.decode(bytes)),
    catch: () => "it is not JSON"
  })
  return Result.flatMap(record, (record) =>
    typeof record === "object" && record !== null && !Array.isArray(record)
      ? Result.succeed(record as Record<string, unknown>)
      : Result.fail("it is not a JSON object"))
}

const fromRecord = (record: Record<string, unknown>, options: Options): Result.Result<RawMessage, string> => {
  const { key, purpose = options.purpose, value, valueBase64 } = record
  if (typeof key !== "string" || key === "") return Result.fail("\"key\" must be a string that is not empty")
  if (typeof purpose !== "number" || !Number.isInteger(purpose) || purpose < lowestPurpose || purpose > 255) {
    return Result.fail(`"purpose" must be a whole number from ${lowestPurpose} to 255`)
  }
  if ((value === undefined) === (valueBase64 === undefined)) {
    return Result.fail("there must be either \"value\" or \"valueBase64\"")
  }
  const text = value ?? valueBase64
  if (typeof text !== "string") return Result.fail("the value must be a string")
  return Result.map(parseValue(text, options.base64 || value === undefined), (value) => ({
    key: NodeId.parse(key),
    purpose,
    value
  }))
}
