/**
 * The commands of `wendy` put together, and how the process starts and ends.
 *
 * @since 0.1.0
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Cause from "effect/Cause"
import * as CliConfig from "effect/cli/CliConfig"
import type * as CliError from "effect/cli/CliError"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import { TerminalCapabilities } from "effect/cli/TerminalCapabilities"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Runtime from "effect/Runtime"
import { version } from "../version.ts"
import { demo } from "./demo.ts"
import { keys } from "./keys.ts"
import { node } from "./node.ts"
import * as Output from "./Output.ts"
import { ExitCode, type NotDone, type ProgramError } from "./ProgramError.ts"
import { ring } from "./ring.ts"
import { route } from "./route.ts"
import { send } from "./send.ts"
import { simulate } from "./simulate.ts"

/**
 * Runs the program with the arguments that follow its name, and ends the process.
 *
 * **Details**
 *
 * SIGINT and SIGTERM interrupt the command, which then leaves the ring; a
 * process that has not ended shortly before a second has passed is ended.
 *
 * @category running
 * @since 0.1.0
 */
export const main = (args: ReadonlyArray<string>): void => runMain(program(args), { teardown })

// -----------------------------------------------------------------------------
// internals
// -----------------------------------------------------------------------------

const leaveWithin = "900 millis"

const wendy = Command.make("wendy").pipe(
  Command.withDescription(
    "An overlay of servers that find each other and bring each message to the live Node closest to its key."
  ),
  Command.withSubcommands([demo, node, send, route, ring, simulate, keys]),
  Command.withExamples([
    { command: "wendy demo", description: "See it work: Nodes, messages, kills and joins on this machine" },
    { command: "wendy node --port 7001", description: "Start a ring" },
    { command: "wendy node --join 127.0.0.1:7001", description: "Join it" },
    { command: "wendy send --to 127.0.0.1:7001 --key room:42 hello", description: "Send a message" },
    { command: "wendy route --to 127.0.0.1:7001 room:42", description: "Show the way of a key" },
    { command: "wendy ring --to 127.0.0.1:7001", description: "Show every Node, and whether all agree" },
    { command: "wendy simulate --churn gnutella", description: "Simulate a large ring under churn, and check it" }
  ])
)

/** Runs the command and says on standard error why it did not end well; yields the exit code. */
const program = (args: ReadonlyArray<string>): Effect.Effect<number> =>
  Command.runWith(wendy, { version })(args).pipe(
    Effect.as<number>(ExitCode.good),
    Effect.catch((error) => Effect.suspend(() => report(error, args))),
    Effect.catchDefect((defect) =>
      Effect.as(
        Console.error(`wendy: this is a bug, please report it: ${Cause.pretty(Cause.die(defect))}`),
        ExitCode.notDone
      )
    ),
    Effect.provide(Layer.mergeAll(
      NodeServices.layer,
      Output.layer,
      CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions, GlobalFlag.LogLevel] }),
      presenter(args),
      Layer.succeed(Logger.LogToStderr, true),
      // The commands say themselves what people want to know; --log-level shows more.
      Layer.succeed(References.MinimumLogLevel, "Warn")
    ))
  )

const report = (
  error: ProgramError | NotDone | Output.OutputClosed | CliError.CliError,
  args: ReadonlyArray<string>
): Effect.Effect<number> => {
  switch (error._tag) {
    case "NotDone":
    case "OutputClosed":
      return Effect.succeed(ExitCode.notDone)
    case "ProgramError": {
      const hint = error.exitCode === ExitCode.usage ? ` (see wendy ${args[0]} --help)` : ""
      return Effect.as(Console.error(`wendy: ${error.message}${hint}`), error.exitCode)
    }
    default:
      // the presenter has said it
      return Effect.succeed(ExitCode.usage)
  }
}

/** Help that was asked for goes to standard output; with `--json` that is for JSON alone. */
const presenter = (args: ReadonlyArray<string>): Layer.Layer<never> => {
  const say = args.includes("--json") ? Console.error : Console.log
  return CliOutput.layerPresenter({
    present: Effect.fnUntraced(function*(event) {
      const { canColor } = yield* TerminalCapabilities
      const formatter = CliOutput.defaultFormatter({ colors: canColor, globalFlags: "summary" })
      switch (event._tag) {
        case "Version":
          return yield* say(event.version)
        case "Help":
          return yield* (event.reason === "Requested" ? say : Console.error)(formatter.formatHelpDoc(event.helpDoc))
        case "InvalidInvocation":
          for (const error of event.errors) yield* Console.error(`wendy: ${formatter.formatCliError(error)}`)
          return yield* Console.error(`wendy: see ${event.commandPath.join(" ")} --help`)
      }
    })
  })
}

const teardown: Runtime.Teardown = (exit, onExit) =>
  onExit(
    Exit.isSuccess(exit) && typeof exit.value === "number"
      ? exit.value
      : Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)
      ? Number(process.exitCode ?? ExitCode.good)
      : ExitCode.notDone
  )

const runMain = Runtime.makeRunMain(({ fiber, teardown }) => {
  let isStopping = false
  const stop = () => {
    if (isStopping) return
    isStopping = true
    Effect.runFork(Effect.andThen(Effect.sleep(leaveWithin), Effect.sync(() => process.exit())))
    fiber.interruptUnsafe(fiber.id)
  }
  process.on("SIGINT", stop)
  process.on("SIGTERM", stop)
  // standard input may still be open, so the process would not end by itself; what was written must get out first
  fiber.addObserver((exit) => teardown(exit, (code) => process.stdout.write("", () => process.exit(code))))
})
