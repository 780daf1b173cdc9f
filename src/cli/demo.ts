/**
 * `wendy demo`: a ring on this machine that proves what it does.
 *
 * @since 0.1.0
 */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import { TerminalCapabilities } from "effect/cli/TerminalCapabilities"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Credentials from "../protocol/Credentials.ts"
import type * as NodeId from "../ring/NodeId.ts"
import * as Tls from "../transport/Tls.ts"
import * as Show from "./demo/Show.ts"
import * as Summary from "./demo/Summary.ts"
import * as Verdict from "./demo/Verdict.ts"
import { int, json, toggle } from "./flags.ts"
import { validFor } from "./keys/validity.ts"
import * as Membership from "./membership.ts"
import { jsonLine, Output } from "./Output.ts"
import { NotDone, usage } from "./ProgramError.ts"
import * as Style from "./style.ts"

/**
 * The command.
 *
 * @category commands
 * @since 0.1.0
 */
export const demo = Command.make(
  "demo",
  {
    nodes: int("nodes", "How many Nodes to start (8)", { minimum: 1, maximum: 1000 }).pipe(Flag.withDefault(8)),
    messages: int("messages", "How many messages to send (10000)", { minimum: 0, maximum: 10_000_000 }).pipe(
      Flag.withDefault(10_000)
    ),
    kill: int("kill", "How many Nodes to kill in the middle of it (2, or all but one)", { minimum: 0, maximum: 999 })
      .pipe(Flag.optional),
    joins: int("joins", "How many Nodes to start in the middle of it (as many as are killed)", {
      minimum: 0,
      maximum: 1000
    }).pipe(Flag.optional),
    concurrency: int("concurrency", "How many messages may be under way at once (16)", {
      minimum: 1,
      maximum: 65_536
    }).pipe(Flag.withDefault(16)),
    seed: int("seed", "Draws ids, keys, senders and victims (random)", { minimum: 0, maximum: 2 ** 32 - 1 }).pipe(
      Flag.optional
    ),
    passphraseFile: Membership.flags.passphraseFile,
    certificates: toggle("certificates", "Give each Node a certificate, of an authority that lives as long as this"),
    json
  },
  (flags) => run(flags)
).pipe(
  Command.withShortDescription("See it work, and prove it"),
  Command.withDescription(
    "Starts Nodes on this machine over real TCP, joins them, sends confirmed messages to random keys, kills Nodes " +
      "without notice and starts new ones meanwhile. Then checks that every message was delivered exactly once, at " +
      "the Node closest to its key; exits with 1 if not."
  ),
  Command.withExamples([
    { command: "wendy demo", description: "8 Nodes, 10000 messages, 2 kills, 2 joins" },
    { command: "wendy demo --nodes 32 --messages 50000 --kill 6", description: "A larger ring" },
    { command: "wendy demo --seed 7 --json", description: "The same draws each time, and the result as JSON" }
  ])
)

// -----------------------------------------------------------------------------
// internals
// -----------------------------------------------------------------------------

interface Flags {
  readonly nodes: number
  readonly messages: number
  readonly kill: Option.Option<number>
  readonly joins: Option.Option<number>
  readonly concurrency: number
  readonly seed: Option.Option<number>
  readonly passphraseFile: Option.Option<string>
  readonly certificates: boolean
  readonly json: boolean
}

const run = Effect.fnUntraced(function*(flags: Flags) {
  const kill = Option.getOrElse(flags.kill, () => Math.min(2, flags.nodes - 1))
  if (kill >= flags.nodes) {
    return yield* usage(`--kill ${kill} would leave none of ${flags.nodes} Nodes: kill ${flags.nodes - 1} at most`)
  }
  const { credentials, transport } = yield* secure(flags)
  const output = yield* Output
  const { canAnimate, canColor } = yield* TerminalCapabilities
  const style = Style.make(canColor)
  const seed = Option.isSome(flags.seed)
    ? flags.seed.value
    : yield* Random.nextIntBetween(0, 2 ** 32, { halfOpen: true })
  const summary = yield* Show.run({
    size: { nodes: flags.nodes, messages: flags.messages, kill, joins: Option.getOrElse(flags.joins, () => kill) },
    concurrency: flags.concurrency,
    seed,
    credentials,
    display: flags.json ? "json" : canAnimate ? "terminal" : "lines",
    style
  }).pipe(
    Effect.provide(transport),
    Random.withSeed(seed),
    // killed Nodes make their neighbours complain, which is what is wanted here
    Effect.provideService(
      References.MinimumLogLevel,
      Option.getOrElse(yield* GlobalFlag.LogLevel, () => "Error" as const)
    )
  )
  yield* output.write(flags.json ? jsonLine({ ...summary }) : Summary.table(summary, style))
  if (!Verdict.isGood(summary)) return yield* new NotDone()
})

/** What each Node shows, and the network: as the flags say. */
const secure = Effect.fnUntraced(function*({ certificates, passphraseFile }: Flags) {
  if (!certificates) {
    const { credentials, transport } = yield* Membership.load({ ...Membership.unsaid, passphraseFile })
    return { credentials: () => Effect.succeed(credentials), transport }
  }
  if (Option.isSome(passphraseFile)) return yield* usage("--passphrase-file and --certificates: leave one of them out")
  yield* Membership.readEnvironment
  const Authority = yield* Effect.promise(() => import("./keys/Authority.ts"))
  const validity = yield* validFor(365)
  const authority = yield* Effect.promise(() => Authority.make("demo", validity))
  const credentials = (id: NodeId.NodeId) =>
    Effect.promise(() => Authority.issue(authority, { name: "demo", role: "member", id, region: undefined }, validity))
      .pipe(
        Effect.map(({ certificate, key }) =>
          Credentials.certificate({ key: Redacted.make(key), chain: certificate, authorities: [authority.certificate] })
        )
      )
  return { credentials, transport: Tls.layer }
})
