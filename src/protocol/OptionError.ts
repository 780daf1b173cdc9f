/**
 * Options of a Node, a client or an inspector, and what is wrong with them.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Address from "./Address.ts"
import { check as checkSettings, type ClusterConfig, type Input, Problem } from "./ClusterConfig.ts"

/**
 * An option that cannot be.
 *
 * **Details**
 *
 * `option` names it: `join`, `to`, `cluster`, `credentials`, `authorization`, `node` (one of `id`, hosts, port and region),
 * `config.<field>`, or `config` where several settings contradict each other. `message` is for people; of settings
 * `issues` says for a program what is wrong with each.
 *
 * **Example** (A seed without a port)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cluster, MemoryTransport } from "effect-wendy"
 *
 * const { option } = await Effect.runPromise(Cluster.make({ join: ["10.0.0.7"] }).pipe(
 *   Effect.scoped,
 *   Effect.catchTag("WendyListenError", Effect.die),
 *   Effect.flip,
 *   Effect.provide(MemoryTransport.layer)
 * ))
 * option // => "join"
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class WendyOptionError extends Schema.TaggedError<WendyOptionError>()("WendyOptionError", {
  option: Schema.String,
  message: Schema.String,
  issues: Schema.optionalKey(Schema.Array(Problem))
}) {}

/**
 * The settings with their defaults.
 *
 * @internal
 */
export const checkConfig = (config: Input | undefined): Effect.Effect<ClusterConfig, WendyOptionError> => {
  const result = checkSettings(config ?? {})
  if (Result.isSuccess(result)) return Effect.succeed(result.success)
  const { message, problems } = result.failure
  const field = problems.length === 1 ? problems[0].field : undefined
  return Effect.fail(
    new WendyOptionError({
      option: field === undefined ? "config" : `config.${field}`,
      message,
      issues: problems
    })
  )
}

/**
 * Reads addresses.
 *
 * @internal
 */
export const checkAddresses = (
  option: "join" | "to",
  texts: ReadonlyArray<string>
): Effect.Effect<Array<Address.Address>, WendyOptionError> =>
  Effect.forEach(texts, (text) =>
    Option.match(Address.parse(text), {
      onNone: () =>
        Effect.fail(
          new WendyOptionError({ option, message: `"${text}" is no address: write HOST:PORT, or [IPV6]:PORT` })
        ),
      onSome: Effect.succeed
    }))

/**
 * The addresses of those whom somebody outside asks, at least one.
 *
 * @internal
 */
export const checkTargets = (texts: ReadonlyArray<string>): Effect.Effect<Array<Address.Address>, WendyOptionError> =>
  texts.length > 0
    ? checkAddresses("to", texts)
    : Effect.fail(new WendyOptionError({ option: "to", message: "name a Node of the cluster as HOST:PORT" }))
