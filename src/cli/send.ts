/**
 * `wendy send`: sends confirmed messages as a client.
 *
 * @since 0.1.0
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { TerminalCapabilities } from "effect/cli/TerminalCapabilities"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as Client from "../Client.ts"
import type { Preset } from "../protocol/ClusterConfig.ts"
import { lowestPurpose, type RawMessage } from "../protocol/Message.ts"
import * as NodeId from "../ring/NodeId.ts"
import { addresses, duration, int, json, settingFlags, settings, toggle } from "./flags.ts"
import * as Membership from "./membership.ts"
import { Output } from "./Output.ts"
import { ExitCode, fromCluster, NotDone, notDone, type ProgramError, usage } from "./ProgramError.ts"
import * as Lines from "./send/lines.ts"
import { type Line, LineSplitter } from "./send/LineSplitter.ts"
import { parseLine, parseValue } from "./send/parseLine.ts"
import * as Style from "./style.ts"

/**
 * The command.
 *
 * @category commands
 * @since 0.1.0
 */
export const send = Command.make(
  "send",
  {
    to: addresses("to", "A Node of the cluster; give several, so that one may fail"),
    key: Flag.String("key").pipe(
      Flag.withMetavar("KEY"),
      Flag.withDescription("Where to: 32 hexadecimal digits are that id, anything else is hashed"),
      Flag.optional
    ),
    value: Argument.String("value").pipe(
      Argument.withDescription("What to send, text or with --base64 bytes (nothing if left out)"),
      Argument.optional
    ),
    stdin: toggle("stdin", "Send the lines of standard input: JSON objects with key, value and purpose, or text"),
    keyField: int("key-field", "Lines are text: the key is this field, from 1, and the value is the whole line", {
      minimum: 1,
      maximum: 1_000_000
    }).pipe(Flag.optional),
    base64: toggle("base64", "Values are given in base64"),
    purpose: int("purpose", "What the value is, for the application", { minimum: lowestPurpose, maximum: 255 }).pipe(
      Flag.withDefault(lowestPurpose)
    ),
    deadline: duration("deadline", "Give up on a message after this long (the setting confirmDeadline, 30s)").pipe(
      Flag.optional
    ),
    concurrency: int("concurrency", "How many messages may be under way at once (1024)", {
      minimum: 1,
      maximum: 65_536
    }).pipe(Flag.withDefault(1024)),
    ...Membership.flagsBesideKey,
    ...settingFlags,
    json
  },
  (flags) => run(flags)
).pipe(
  Command.withShortDescription("Send messages to the Nodes that answer for their keys"),
  Command.withDescription(
    "Sends messages and waits for the receipt of each. Exits with 1 if any has none by its deadline."
  ),
  Command.withExamples([
    { command: "wendy send --to 127.0.0.1:7001 --key room:42 hello", description: "Send one message" },
    {
      command: "wendy send --to 127.0.0.1:7001 --to 127.0.0.1:7002 --stdin --json < messages.ndjson",
      description: "Send a message for each line of JSON, for example {\"key\":\"room:42\",\"value\":\"hello\"}"
    },
    {
      command: "tail -f access.log | wendy send --to 127.0.0.1:7001 --stdin --key-field 1",
      description: "Send each line of a log, with its first field as the key"
    }
  ])
)

// -----------------------------------------------------------------------------
// internals
// -----------------------------------------------------------------------------

interface Flags extends Membership.Flags {
  readonly to: ReadonlyArray<string>
  readonly key: Option.Option<string>
  readonly value: Option.Option<string>
  readonly stdin: boolean
  readonly keyField: Option.Option<number>
  readonly base64: boolean
  readonly purpose: number
  readonly deadline: Option.Option<Duration.Duration>
  readonly concurrency: number
  readonly preset: Option.Option<Preset>
  readonly config: Option.Option<string>
  readonly set: ReadonlyArray<string>
  readonly json: boolean
}

/** 1 MiB as base64, or as JSON text in which every byte is escaped. */
const maxLineLength = 8 * 1024 * 1024

const describeMisuse = (flags: Flags): string | undefined => {
  if (flags.to.length === 0) return "name a Node of the cluster: --to HOST:PORT"
  if (flags.stdin && Option.isSome(flags.key)) return "--stdin reads the keys from the lines: leave --key out"
  if (flags.stdin && Option.isSome(flags.value)) return "--stdin reads the values from the lines: leave VALUE out"
  if (!flags.stdin && Option.isNone(flags.key)) return "say where to send: --key KEY, or --stdin"
  if (!flags.stdin && Option.isSome(flags.keyField)) return "--key-field goes with --stdin"
  if (flags.base64 && Option.isSome(flags.keyField)) {
    return "with --key-field the value is the line itself: leave --base64 out"
  }
}

/** A line of the input: a message, or what is wrong with the line. */
interface Input {
  readonly line: number
  readonly message: Result.Result<RawMessage, string>
}

const run = Effect.fnUntraced(function*(flags: Flags) {
  const misuse = describeMisuse(flags)
  if (misuse !== undefined) return yield* usage(misuse)
  const inputs = flags.stdin ? fromStdin(flags) : Stream.succeed(yield* fromArguments(flags))
  const config = yield* settings(flags)
  const deadline = Option.getOrElse(flags.deadline, () => Duration.millis(config.confirmDeadline))
  const { cluster, credentials, transport } = yield* Membership.load(flags)
  const client = Client.layer({
    to: flags.to,
    cluster,
    credentials,
    config
  }).pipe(Layer.provide(transport))
  // until the last receipt is in, to be stopped is not to be done
  process.exitCode = ExitCode.notDone
  yield* sendAll(inputs, { ...flags, deadline }).pipe(
    Effect.provide(client),
    Effect.catchTag("WendyOptionError", fromCluster)
  )
})

const fromArguments = (flags: Flags): Effect.Effect<Input, ProgramError> =>
  Result.match(parseValue(Option.getOrElse(flags.value, () => ""), flags.base64), {
    onFailure: (problem) => Effect.fail(usage(`${problem}: give VALUE in base64, or leave --base64 out`)),
    onSuccess: (value) => {
      const key = NodeId.parse(Option.getOrElse(flags.key, () => ""))
      return Effect.succeed({ line: 1, message: Result.succeed({ key, purpose: flags.purpose, value }) })
    }
  })

const fromStdin = (flags: Flags): Stream.Stream<Input, ProgramError, Stdio.Stdio> => {
  const splitter = new LineSplitter(maxLineLength)
  const options = { keyField: Option.getOrUndefined(flags.keyField), base64: flags.base64, purpose: flags.purpose }
  const parse = ({ bytes, number }: Line): Input => ({
    line: number,
    message: bytes === undefined
      ? Result.fail(`it is longer than ${maxLineLength} bytes`)
      : parseLine(bytes, options)
  })
  return Stream.unwrap(Effect.map(Stdio.Stdio, ({ stdin }) => stdin)).pipe(
    Stream.mapError((error) => notDone(`cannot read standard input: ${error.message}`)),
    Stream.map((chunk) => splitter.push(chunk)),
    Stream.concat(Stream.sync(() => splitter.end())),
    Stream.flattenIterable,
    Stream.map(parse)
  )
}

const sendAll = Effect.fnUntraced(function*(
  inputs: Stream.Stream<Input, ProgramError, Stdio.Stdio>,
  flags: Omit<Flags, "deadline"> & { readonly deadline: Duration.Duration }
) {
  const client = yield* Client.Client
  const output = yield* Output
  const { canColor } = yield* TerminalCapabilities
  const lines = flags.json ? Lines.json : Lines.human(Style.make(canColor))
  const start = yield* Clock.monotonicTimeNanos
  let confirmed = 0
  let failed = 0

  const fail = (line: number, key: NodeId.NodeId | undefined, error: string, message: string) =>
    Effect.suspend(() => {
      failed++
      const text = lines.failed(line, key, error, message)
      return flags.json ? output.write(text) : Console.error(text.trimEnd())
    })
  const sendOne = ({ line, message }: Input) => {
    if (Result.isFailure(message)) return fail(line, undefined, "BadLine", message.failure)
    const { key } = message.success
    return client.sendConfirmed(message.success, { deadline: flags.deadline }).pipe(
      Effect.matchEffect({
        onFailure: (error) => fail(line, key, error.reason._tag, error.message),
        onSuccess: (receipt) => {
          confirmed++
          return output.write(lines.receipt(line, key, receipt))
        }
      })
    )
  }

  // Without this, a cluster that cannot be reached would cost a deadline for every few lines.
  yield* client.connected.pipe(
    Effect.mapError((error) => ({ reason: error.reason._tag, problem: fromCluster(error) })),
    Effect.timeoutOrElse({
      duration: flags.deadline,
      orElse: () => {
        const problem = notDone(`no Node answers at ${flags.to.join(", ")}: name one that runs, or raise --deadline`)
        return Effect.fail({ reason: "Deadline", problem })
      }
    }),
    Effect.catch(({ problem, reason }) => {
      // of the lines of standard input none has been read
      const said = flags.json && !flags.stdin
        ? output.write(lines.failed(1, NodeId.parse(Option.getOrElse(flags.key, () => "")), reason, problem.message))
        : Effect.void
      return Effect.andThen(said, Effect.fail(problem))
    })
  )
  yield* inputs.pipe(
    Stream.mapEffect(sendOne, { concurrency: flags.concurrency, unordered: true }),
    Stream.runDrain
  )
  if (flags.stdin && !flags.json) {
    const seconds = Number((yield* Clock.monotonicTimeNanos) - start) / 1e9
    yield* Console.error(Lines.summary(confirmed, failed, seconds))
  }
  if (failed > 0) return yield* new NotDone()
})
