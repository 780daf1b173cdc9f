/**
 * Files of credentials: passphrases, keys, certificates.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as SecretText from "../protocol/SecretText.ts"
import { type ProgramError, usage } from "./ProgramError.ts"

/**
 * Reads a file that is text, and not blank. `what` says what it is for.
 *
 * @category reading
 * @since 0.1.0
 */
export const read = Effect.fnUntraced(function*(
  what: string,
  path: string
): Effect.fn.Return<string, ProgramError, FileSystem.FileSystem> {
  if (path.trim() === "") return yield* usage(`the ${what} is the file "", which is none: name one`)
  const { readFile } = yield* FileSystem.FileSystem
  const bytes = yield* Effect.mapError(
    readFile(path),
    ({ reason }) => usage(`cannot read the ${what} ${path} (${reason._tag}): name a file that you may read`)
  )
  return yield* Effect.mapError(Effect.fromResult(SecretText.decode(bytes, `the ${what} ${path}`)), usage)
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
    return yield* usage(`others than its owner may read or write the ${what} ${path}: chmod 600 ${path}`)
  }
  return text
})

/**
 * Reads standard input to its end, as `read` does a file.
 *
 * @category reading
 * @since 0.1.0
 */
export const readInput = (what: string): Effect.Effect<string, ProgramError, Stdio.Stdio> =>
  Effect.flatMap(Stdio.Stdio, ({ stdin }) => Stream.runCollect(stdin)).pipe(
    Effect.mapError(() => usage(`${what} could not be read from standard input`)),
    Effect.flatMap((chunks) =>
      Effect.mapError(Effect.fromResult(SecretText.decode(Buffer.concat([...chunks]), what)), usage)
    )
  )

/** Bits of a file's mode that let others than its owner read or write it. */
const others = 0o077
