/**
 * `wendy ring`: finds all Nodes of a cluster and compares their views, as a client.
 *
 * @since 0.1.0
 */
import * as Command from "effect/cli/Command"
import { TerminalCapabilities } from "effect/cli/TerminalCapabilities"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Inspector from "../Inspector.ts"
import * as Address from "../protocol/Address.ts"
import * as Node from "../ring/Node.ts"
import * as Inspect from "./inspect.ts"
import { jsonLine, Output } from "./Output.ts"
import { ExitCode, NotDone } from "./ProgramError.ts"
import * as Style from "./style.ts"

/**
 * The command.
 *
 * @category commands
 * @since 0.1.0
 */
export const ring = Command.make("ring", Inspect.flags, (flags) => run(flags)).pipe(
  Command.withShortDescription("Show every Node, and whether their views of the ring agree"),
  Command.withDescription(
    "Asks every Node that can be found who stands around it, and compares the answers. Exits with 1 if they " +
      "disagree: a Node that is joining, silent, or holds something else than the others say."
  ),
  Command.withExamples([
    { command: "wendy ring --to 127.0.0.1:7001", description: "List the Nodes" },
    {
      command: "wendy ring --to 127.0.0.1:7001 --to 127.0.0.1:7002 --json",
      description: "The same as JSON; the exit code says whether all agree"
    }
  ])
)

// -----------------------------------------------------------------------------
// internals
// -----------------------------------------------------------------------------

/** Renders what was found. */
interface Lines {
  readonly nodes: (nodes: ReadonlyArray<Inspector.Member>) => string
  readonly summary: (ring: Inspector.Ring) => string
}

const run = Effect.fnUntraced(function*(flags: Inspect.Flags) {
  const { options, transport } = yield* Inspect.load(flags)
  const output = yield* Output
  const { canColor } = yield* TerminalCapabilities
  const lines = flags.json ? json(options.region) : human(options.region, Style.make(canColor))
  // until all is known, to be stopped is not to be done
  process.exitCode = ExitCode.notDone
  const ring = yield* Inspector.ring(options).pipe(
    Effect.catchTag(["WendyOptionError", "WendyInspectError"], (error) => Inspect.fail(error, flags.json)),
    Effect.provide(transport)
  )
  for (const { message } of ring.unanswered) yield* Console.error(`wendy: ${Style.printable(message)}`)
  // Whoever went and is held by nobody any more is remembered for long, and no part of the ring.
  yield* output.write(lines.nodes(ring.nodes.filter(({ isHeld, view }) => view !== "gone" || isHeld)))
  yield* output.write(lines.summary(ring))
  if (!ring.agree) return yield* new NotDone()
})

const present = ({ nodes }: Inspector.Ring): ReadonlyArray<Inspector.Member> =>
  nodes.filter(({ view }) => view !== "gone")

const json = (region: string): Lines => ({
  nodes: (nodes) =>
    nodes.map(({ detail, node, view }) =>
      jsonLine({
        type: "node",
        id: node.hex,
        host: Node.hostFor(node, region),
        port: node.port,
        region: node.region,
        view,
        ...(detail === undefined ? {} : { detail })
      })
    ).join(""),
  summary: (ring) => jsonLine({ type: "summary", nodes: present(ring).length, ready: ring.ready, agree: ring.agree })
})

const human = (region: string, style: Style.Style): Lines => {
  const colours: Record<Inspector.Agreement, (text: string) => string> = {
    agrees: style.green,
    differs: style.yellow,
    joining: style.cyan,
    silent: style.red,
    gone: style.dim
  }
  const addressOf = (node: Node.Node) =>
    Style.printable(Address.format({ host: Node.hostFor(node, region), port: node.port }))
  const widest = (texts: ReadonlyArray<string>) => texts.reduce((width, { length }) => Math.max(width, length), 0)
  return {
    nodes: (nodes) => {
      const addresses = nodes.map(({ node }) => addressOf(node))
      const regions = nodes.map(({ node }) => Style.printable(node.region))
      const [addressWidth, regionWidth] = [widest(addresses), widest(regions)]
      return nodes.map(({ detail, node, view }, index) =>
        [
          node.hex,
          addresses[index]!.padEnd(addressWidth),
          ...(regionWidth === 0 ? [] : [regions[index]!.padEnd(regionWidth)]),
          colours[view](view.padEnd(7)),
          ...(detail === undefined ? [] : [Style.printable(detail)])
        ].join("  ").trimEnd() + "\n"
      ).join("")
    },
    summary: (ring) => {
      const nodes = present(ring)
      const size = `${nodes.length} Node${nodes.length === 1 ? "" : "s"}`
      if (ring.agree) return `${style.green(style.bold(`${size}, all agree`))}\n`
      const counts = (["differs", "joining", "silent"] as const).map((view) => {
        const count = nodes.filter((node) => node.view === view).length
        return count === 0 ? undefined : `${count} ${view === "differs" && count > 1 ? "differ" : view}`
      })
      const problems = [...counts, ring.isComplete ? undefined : "there are more Nodes than were asked"]
      return `${
        style.red(style.bold(`${size} disagree: ${problems.filter((text) => text !== undefined).join(", ")}`))
      }\n`
    }
  }
}
