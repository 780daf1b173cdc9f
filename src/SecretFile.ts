/**
 * Files that hold secrets, keys and certificates.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import { WendyConfigError } from "./protocol/ClusterConfig.ts"
import * as SecretText from "./protocol/SecretText.ts"

const fail = (message: string): WendyConfigError => new WendyConfigError({ problems: [{ message }] })

/**
 * Reads a file that is text, and not blank. `what` says what it is for.
 *
 * @category reading
 * @since 0.1.0
 */
export const read = Effect.fnUntraced(function*(
  what: string,
  path: string
): Effect.fn.Return<string, WendyConfigError, FileSystem.FileSystem> {
  if (path.trim() === "") return yield* fail(`the ${what} is the file "", which is none: name one`)
  const { readFile } = yield* FileSystem.FileSystem
  const bytes = yield* Effect.mapError(
    readFile(path),
    ({ reason }) => fail(`cannot read the ${what} ${path} (${reason._tag}): name a file that you may read`)
  )
  return yield* Effect.mapError(Effect.fromResult(SecretText.decode(bytes, `the ${what} ${path}`)), fail)
})

/**
 * Reads a file that nobody but its owner may read. Pipes have no owner, nor have files of Windows bits for others.
 *
 * @category reading
 * @since 0.1.0
 */
export const readSecret = Effect.fnUntraced(function*(what: string, path: string) {
  const text = yield* read(what, path)
  if (process.platform === "win32") return text
  const { stat } = yield* FileSystem.FileSystem
  const info = yield* Effect.option(stat(path))
  if (Option.isSome(info) && info.value.type === "File" && (info.value.mode & others) !== 0) {
    return yield* fail(`others than its owner may read or write the ${what} ${path}: chmod 600 ${path}`)
  }
  return text
})

/** Bits of a file's mode that let others than its owner read or write it. */
const others = 0o077

/**
 * Reads passphrases, each on a line of its own; `what` says where the text is from.
 *
 * @category reading
 * @since 0.1.0
 */
export const parsePassphrases = (text: string, what: string) =>
  Effect.mapError(Effect.fromResult(SecretText.passphrases(text, what)), fail)

/**
 * Reads a file of passphrases.
 *
 * @category reading
 * @since 0.1.0
 */
export const readPassphrases = (path: string) =>
  Effect.flatMap(readSecret("passphrase file", path), (text) => parsePassphrases(text, `the passphrase file ${path}`))
