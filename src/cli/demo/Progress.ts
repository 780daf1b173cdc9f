/**
 * Shows how far a demo has come: lines that are redrawn on a terminal, else a line now and then.
 *
 * @since 0.1.0
 */
import type { Style } from "../style.ts"
import { round } from "./statistics.ts"

/**
 * How far a demo has come.
 *
 * @category models
 * @since 0.1.0
 */
export interface State {
  readonly phase: "starting" | "sending" | "waiting" | "leaving"
  /** Nodes that the demo starts with. */
  readonly nodes: number
  readonly ready: number
  readonly killed: number
  readonly joined: number
  readonly messages: number
  readonly sent: number
  /** Messages with a receipt. */
  readonly confirmed: number
  readonly failed: number
  /** Of the last moments, in messages a second. */
  readonly rate: number
}

/**
 * Renders a bar of a width; `fraction` is 0 to 1.
 *
 * @category rendering
 * @since 0.1.0
 */
export const bar = (fraction: number, width: number): string => {
  const full = Math.round(Math.min(1, Math.max(0, fraction)) * width)
  return "━".repeat(full) + "─".repeat(width - full)
}

/**
 * Renders a number with its thousands apart.
 *
 * @category rendering
 * @since 0.1.0
 */
export const thousands = (value: number): string => Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, ",")

/**
 * Renders the lines that a terminal redraws.
 *
 * @category rendering
 * @since 0.1.0
 */
export const frame = (state: State, style: Style, columns: number): Array<string> => {
  const isStarting = state.phase === "starting"
  const [done, total] = isStarting ? [state.ready, state.nodes] : [state.confirmed + state.failed, state.messages]
  const fraction = total === 0 ? 1 : done / total
  const width = Math.max(10, Math.min(40, columns - 45))
  const lines: ReadonlyArray<ReadonlyArray<Part>> = [
    [
      "  ",
      [bar(fraction, width), style.cyan],
      ` ${Math.floor(fraction * 100).toString().padStart(3)} %  `,
      [phases[state.phase], style.bold]
    ],
    [`  ${describeNodes(state)}`],
    isStarting ? [] : [
      `  ${thousands(done)} of ${thousands(total)} messages, ${thousands(state.rate)} a second, `,
      `${thousands(state.sent - done)} under way`,
      [state.failed > 0 ? `, ${state.failed} failed` : "", style.red]
    ]
  ]
  return lines.map((parts) => fit(parts, columns))
}

/**
 * Renders a single line, for where nothing can be redrawn.
 *
 * @category rendering
 * @since 0.1.0
 */
export const line = (state: State): string =>
  state.phase === "starting"
    ? `${phases.starting}: ${state.ready} of ${state.nodes} ready`
    : `${phases[state.phase]}: ${state.confirmed + state.failed} of ${state.messages} messages, ` +
      `${round(state.rate, 0)} a second, ${describeNodes(state)}`

// -----------------------------------------------------------------------------
// internals
// -----------------------------------------------------------------------------

const phases = {
  starting: "starting Nodes",
  sending: "sending messages",
  waiting: "waiting for the last receipts",
  leaving: "leaving"
} as const

const describeNodes = (state: State): string =>
  `${state.ready} Nodes ready` +
  (state.killed > 0 ? `, ${state.killed} killed` : "") +
  (state.joined > 0 ? `, ${state.joined} joined` : "")

/** Text, and how it is marked. */
type Part = string | readonly [text: string, mark: (text: string) => string]

/** Cuts a line to a width: one that wraps would be redrawn in the wrong place. */
const fit = (parts: ReadonlyArray<Part>, columns: number): string => {
  let room = columns
  return parts.map((part) => {
    const [text, mark] = typeof part === "string" ? [part, (text: string) => text] as const : part
    const shown = text.slice(0, room)
    room -= shown.length
    return shown === "" ? "" : mark(shown)
  }).join("")
}
