/**
 * SecretText: passphrases, keys and certificates as they lie in files and variables.
 *
 * Bytes that are no text are refused, not replaced: replaced they would be the same for different secrets. What is
 * said of a bad one names where it stands, and shows nothing of it.
 *
 * @since 0.1.0
 */
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Credentials from "./Credentials.ts"

/**
 * Reads bytes as text in UTF-8 that is not blank. `what` says where they are from.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decode = (bytes: Uint8Array, what: string): Result.Result<string, string> => {
  const lines: Array<string> = []
  for (const [index, line] of linesOf(bytes).entries()) {
    const text = decodeLine(line, index === 0)
    if (text === undefined) {
      return Result.fail(
        `line ${index + 1} of ${what} is no text in UTF-8: write secrets as letters and digits, ` +
          "keys and certificates in PEM"
      )
    }
    lines.push(text)
  }
  const text = lines.join("\n")
  return text.trim() === "" ? Result.fail(`${what} is empty: name one that is not`) : Result.succeed(text)
}

/**
 * Reads passphrases, each on a line of its own; empty lines do not count. `what` says where the text is from.
 *
 * @category decoding
 * @since 0.1.0
 */
export const passphrases = (
  text: string,
  what: string
): Result.Result<readonly [Redacted.Redacted<string>, ...Array<Redacted.Redacted<string>>], string> => {
  const found: Array<Redacted.Redacted<string>> = []
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line === "") continue
    const passphrase = Redacted.make(line)
    const problem = controls.test(line) ? "is no text" : Credentials.passphraseProblem(passphrase)
    if (problem !== undefined) return Result.fail(`line ${index + 1} of ${what} ${problem}`)
    found.push(passphrase)
  }
  const [own, ...others] = found
  return own === undefined
    ? Result.fail(
      `${what} is empty: write a passphrase into it, of ${Credentials.shortestPassphrase} characters or more`
    )
    : Result.succeed([own, ...others])
}

/** What no text editor writes: control characters, but for a tab. */
// oxlint-disable-next-line no-control-regex
const controls = /[\u0000-\u0008\u000A-\u001F\u007F]/

const lineFeed = 0x0A

/** No character of UTF-8 but the line feed itself has its byte. */
const linesOf = (bytes: Uint8Array): ReadonlyArray<Uint8Array> => {
  const lines: Array<Uint8Array> = []
  let start = 0
  for (let end = bytes.indexOf(lineFeed); end !== -1; end = bytes.indexOf(lineFeed, start)) {
    lines.push(bytes.subarray(start, end))
    start = end + 1
  }
  lines.push(bytes.subarray(start))
  return lines
}

/** Without the byte order mark that some editors put in front. */
const decodeLine = (line: Uint8Array, isFirst: boolean): string | undefined => {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: !isFirst }).decode(line)
    return controls.test(text.replace(/\r$/, "")) ? undefined : text
  } catch {
    return undefined
  }
}
