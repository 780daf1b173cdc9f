/**
 * `wendy route`: follows a key through the cluster, hop by hop, as a client.
 *
 * @since 0.1.0
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import { TerminalCapabilities } from "effect/cli/TerminalCapabilities"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Inspector from "../Inspector.ts"
import * as Address from "../protocol/Address.ts"
import * as Node from "../ring/Node.ts"
import * as NodeId from "../ring/NodeId.ts"
import * as Inspect from "./inspect.ts"
import { jsonLine, Output } from "./Output.ts"
import { ExitCode } from "./ProgramError.ts"
import * as Style from "./style.ts"

/**
 * The command.
 *
 * @category commands
 * @since 0.1.0
 */
export const route = Command.make(
  "route",
  {
    key: Argument.String("key").pipe(
      Argument.withDescription("The key to follow: 32 hexadecimal digits are that id, anything else is hashed")
    ),
    ...Inspect.flags
  },
  (flags) => run(flags)
).pipe(
  Command.withShortDescription("Show the way of a key, hop by hop, and why each hop was chosen"),
  Command.withDescription(
    "Asks each Node on the way of a key where it would send a message, from the first of --to to the Node that " +
      "answers for the key. Sends no message. Exits with 1 if the way does not end there."
  ),
  Command.withExamples([
    { command: "wendy route --to 127.0.0.1:7001 room:42", description: "Show the way of a key" },
    {
      command: "wendy route --to 127.0.0.1:7001 --json 00112233445566778899aabbccddeeff",
      description: "Follow an id, a line of JSON for each hop"
    }
  ])
)

// -----------------------------------------------------------------------------
// internals
// -----------------------------------------------------------------------------

interface Flags extends Inspect.Flags {
  readonly key: string
}

/** Renders hops as they come. */
interface Lines {
  readonly head: (key: NodeId.NodeId) => string
  readonly hop: (hop: Inspector.Hop) => string
}

const run = Effect.fnUntraced(function*(flags: Flags) {
  const { options, transport } = yield* Inspect.load(flags)
  const output = yield* Output
  const { canColor } = yield* TerminalCapabilities
  const lines = flags.json ? json(options.region) : human(options.region, Style.make(canColor))
  const key = NodeId.parse(flags.key)
  // until the root has answered, to be stopped is not to be done
  process.exitCode = ExitCode.notDone
  yield* output.write(lines.head(key))
  yield* Inspector.route({ ...options, key }).pipe(
    Stream.runForEach((hop) => output.write(lines.hop(hop))),
    Effect.catchTag(
      ["WendyOptionError", "WendyInspectError", "WendyRouteError"],
      (error) => Inspect.fail(error, flags.json)
    ),
    Effect.provide(transport)
  )
})

const json = (region: string): Lines => ({
  head: () => "",
  hop: ({ column, index, isRoot, node, roundTrip, row, why }) =>
    jsonLine({
      type: "hop",
      index,
      id: node.hex,
      host: Node.hostFor(node, region),
      port: node.port,
      why,
      row: row ?? null,
      column: column ?? null,
      rttMs: Math.round(roundTrip * 1000) / 1000,
      ...(isRoot ? { root: true } : {})
    })
})

const human = (region: string, style: Style.Style): Lines => ({
  head: (key) => `${style.dim(`key  ${key.hex}`)}\n`,
  hop: (hop) => {
    const address = Address.format({ host: Node.hostFor(hop.node, region), port: hop.node.port })
    return [
      String(hop.index).padStart(3),
      hop.node.hex,
      Style.printable(address).padEnd(21),
      `${hop.roundTrip.toFixed(1).padStart(7)} ms`,
      hop.isRoot ? style.green(describe(hop)) : describe(hop)
    ].join("  ") + "\n"
  }
})

const describe = ({ column, isRoot, row, why }: Inspector.Hop): string => {
  const end = isRoot ? "; the root of the key" : ""
  switch (why) {
    case "start":
      return isRoot ? "asked first; the root of the key" : "asked first"
    case "leaf":
      return `leaf: the closest in the leaf set${end}`
    case "table":
      return `table: row ${row}, column ${column!.toString(16)}${end}`
    case "rare":
      return `rare case: no entry at row ${row}, column ${column!.toString(16)}, the closest known${end}`
  }
}
