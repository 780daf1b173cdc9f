/**
 * How a command ends when it does not end well.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import type { WendyEndedError, WendyJoinError, WendyOptionError } from "../Cluster.ts"
import type { WendyListenError } from "../transport/Transport.ts"

/**
 * What the exit codes of the program mean.
 *
 * @category constants
 * @since 0.1.0
 */
export const ExitCode = { good: 0, notDone: 1, usage: 2, refused: 3 } as const

/**
 * A reason to stop, in one line that says what to do, and the exit code for it.
 *
 * @category errors
 * @since 0.1.0
 */
export class ProgramError extends Schema.TaggedError<ProgramError>()("ProgramError", {
  exitCode: Schema.Literals([ExitCode.notDone, ExitCode.usage, ExitCode.refused]),
  message: Schema.String
}) {}

/**
 * The command ran to its end and has said what went wrong: nothing is left to say.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotDone extends Schema.TaggedError<NotDone>()("NotDone", {}) {}

/**
 * The command line asks for something that cannot be.
 *
 * @category constructors
 * @since 0.1.0
 */
export const usage = (message: string): ProgramError => new ProgramError({ exitCode: ExitCode.usage, message })

/**
 * Something could not be done, although it was asked for properly.
 *
 * @category constructors
 * @since 0.1.0
 */
export const notDone = (message: string): ProgramError => new ProgramError({ exitCode: ExitCode.notDone, message })

/**
 * What the library's errors mean for the program.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromCluster = (
  error: WendyOptionError | WendyJoinError | WendyListenError | WendyEndedError
): ProgramError => {
  switch (error._tag) {
    case "WendyOptionError":
      return usage(error.message)
    case "WendyListenError":
      return notDone(error.message)
    case "WendyEndedError":
    case "WendyJoinError": {
      const isRefused = error.reason._tag === "Refused" || error.reason._tag === "IdInUse"
      return new ProgramError({ exitCode: isRefused ? ExitCode.refused : ExitCode.notDone, message: error.message })
    }
  }
}
