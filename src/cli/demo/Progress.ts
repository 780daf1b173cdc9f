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
  return [
    `  ${style.cyan(bar(fraction, width))} ${Math.floor(fraction * 100).toString().padStart(3)} %  ` +
    style.bold(phases[state.phase]),
    `  ${describeNodes(state)}`,
    isStarting
      ? ""
      : `  ${thousands(done)} of ${thousands(total)} messages, ${thousands(state.rate)} a second, ` +
        `${thousands(state.sent - done)} under way${state.failed > 0 ? style.red(`, ${state.failed} failed`) : ""}`
  ].map((line) => truncate(line, columns))
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

/** A line that wraps would be redrawn in the wrong place. Marks take no room and may be cut off with what they mark. */
const truncate = (text: string, columns: number): string => {
  let room = columns
  let result = ""
  for (const [part, mark] of text.matchAll(/(\u001b\[\d+m)|./gu)) {
    if (mark !== undefined) result += part
    else if (room-- > 0) result += part
  }
  return result
}
