/**
 * Files of credentials, for the program.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import type { WendyConfigError } from "../protocol/ClusterConfig.ts"
import * as SecretText from "../protocol/SecretText.ts"
import { type ProgramError, usage } from "./ProgramError.ts"

/**
 * What is wrong with a file, as the program says it.
 *
 * @category errors
 * @since 0.1.0
 */
export const asUsage = <A, R>(effect: Effect.Effect<A, WendyConfigError, R>): Effect.Effect<A, ProgramError, R> =>
  Effect.mapError(effect, ({ message }) => usage(message))

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
