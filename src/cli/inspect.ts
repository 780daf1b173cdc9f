/**
 * What `wendy route` and `wendy ring` share.
 *
 * @since 0.1.0
 */
import * as Flag from "effect/cli/Flag"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { WendyOptionError } from "../Cluster.ts"
import * as Environment from "../Environment.ts"
import type * as Inspector from "../Inspector.ts"
import { addresses, duration, json } from "./flags.ts"
import * as Membership from "./membership.ts"
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
    Flag.withDescription(
      "Reach Nodes of this Region at their local address, all others at their global one (WENDY_REGION without it)"
    ),
    Flag.optional
  ),
  timeout: duration("timeout", "How long a Node may take to take a connection, and again to answer (2s)").pipe(
    Flag.withDefault(Duration.seconds(2))
  ),
  ...Membership.flags,
  json
}

/**
 * What the flags say.
 *
 * @category models
 * @since 0.1.0
 */
export interface Flags extends Membership.Flags {
  readonly to: ReadonlyArray<string>
  readonly region: Option.Option<string>
  readonly timeout: Duration.Duration
  readonly json: boolean
}

/**
 * Turns the flags into options of the library, and the network to ask over.
 *
 * @category conversions
 * @since 0.1.0
 */
export const load = Effect.fnUntraced(function*(flags: Flags) {
  const { timeout, to } = flags
  if (to.length === 0) return yield* usage("name a Node of the cluster: --to HOST:PORT")
  const { cluster, credentials, environment, transport } = yield* Membership.load(flags)
  const region = Option.getOrElse(
    Option.orElse(flags.region, () => Environment.text(environment, "region")),
    () => ""
  )
  return { options: { to, region, timeout, cluster, credentials }, transport }
})

/**
 * Says why there is no result, and ends the command.
 *
 * @category errors
 * @since 0.1.0
 */
export const fail = Effect.fnUntraced(function*(
  error: WendyOptionError | Inspector.WendyInspectError | Inspector.WendyRouteError,
  isJson: boolean
) {
  if (error._tag === "WendyOptionError") return yield* usage(error.message)
  const output = yield* Output
  if (isJson) {
    const kind = error._tag === "WendyInspectError" && error.reason._tag === "Unreachable"
      ? "Unanswered"
      : error.reason._tag
    yield* output.write(jsonLine({ type: "failed", error: kind, message: error.message }))
  }
  if (error._tag === "WendyRouteError" && isJson) return yield* new NotDone()
  const isRefused = error._tag === "WendyInspectError" && error.reason._tag === "Refused"
  return yield* new ProgramError({
    exitCode: isRefused ? ExitCode.refused : ExitCode.notDone,
    message: printable(error.message)
  })
})
