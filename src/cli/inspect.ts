/**
 * What `wendy route` and `wendy ring` share.
 *
 * @since 0.1.0
 */
import * as Flag from "effect/cli/Flag"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type { BadOption } from "../Cluster.ts"
import type * as Inspector from "../Inspector.ts"
import { addresses, credentials, duration, json, membership } from "./flags.ts"
import { jsonLine, Output } from "./Output.ts"
import { ExitCode, NotDone, ProgramError, usage } from "./ProgramError.ts"
import { printable } from "./style.ts"

/**
 * The flags of both.
 *
 * @category flags
 * @since 0.1.0
 */
export const flags = {
  to: addresses("to", "A Node of the cluster; give several, so that one may fail"),
  region: Flag.String("region").pipe(
    Flag.withMetavar("NAME"),
    Flag.withDescription("Reach Nodes of this Region at their local address, all others at their global one"),
    Flag.withDefault("")
  ),
  timeout: duration("timeout", "How long a Node may take to take a connection, and again to answer (2s)").pipe(
    Flag.withDefault(Duration.seconds(2))
  ),
  ...membership,
  json
}

/**
 * What the flags say.
 *
 * @category models
 * @since 0.1.0
 */
export interface Flags {
  readonly to: ReadonlyArray<string>
  readonly region: string
  readonly timeout: Duration.Duration
  readonly cluster: string
  readonly passphraseFile: Option.Option<string>
  readonly json: boolean
}

/**
 * Turns the flags into options of the library.
 *
 * @category conversions
 * @since 0.1.0
 */
export const options = Effect.fnUntraced(function*({ cluster, passphraseFile, region, timeout, to }: Flags) {
  if (to.length === 0) return yield* usage("name a Node of the cluster: --to HOST:PORT")
  return { to, region, timeout, cluster, credentials: yield* credentials(passphraseFile) }
})

/**
 * Says why there is no result, and ends the command.
 *
 * @category errors
 * @since 0.1.0
 */
export const fail = Effect.fnUntraced(function*(
  error: BadOption | Inspector.NobodyAnswered | Inspector.RouteFailed,
  isJson: boolean
) {
  if (error._tag === "BadOption") return yield* usage(error.message)
  const output = yield* Output
  if (isJson) {
    const kind = error._tag === "NobodyAnswered" && error.reason === "Unreachable" ? "Unanswered" : error.reason
    yield* output.write(jsonLine({ type: "failed", error: kind, message: error.message }))
  }
  if (error._tag === "RouteFailed" && isJson) return yield* new NotDone()
  const isRefused = error._tag === "NobodyAnswered" && error.reason === "Refused"
  return yield* new ProgramError({
    exitCode: isRefused ? ExitCode.refused : ExitCode.notDone,
    message: printable(error.message)
  })
})
