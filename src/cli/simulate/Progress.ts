/**
 * Shows how far a simulation has come, in lines that a terminal redraws.
 *
 * @since 0.1.0
 */
import { displayWidth } from "effect/cli/CliOutput"
import type { Progress } from "../../simulation/Simulation.ts"
import { bar, thousands } from "../demo/Progress.ts"
import type { Style } from "../style.ts"
import { clock } from "./Summary.ts"

/**
 * How far a command has come.
 *
 * @category models
 * @since 0.1.0
 */
export interface State extends Progress {
  /** Which simulation of how many, from 1. */
  readonly run: number
  readonly runs: number
  /** Of the last moments, in events a real second. */
  readonly rate: number
}

/**
 * The state before a simulation has said anything.
 *
 * @category constructors
 * @since 0.1.0
 */
export const begin = (run: number, runs: number): State => ({
  run,
  runs,
  rate: 0,
  phase: "building",
  part: 0,
  simulatedSeconds: 0,
  nodes: 0,
  events: 0,
  violations: 0
})

/**
 * The state after a simulation has said how far it is, so many milliseconds later.
 *
 * @category transitions
 * @since 0.1.0
 */
export const next = (state: State, progress: Progress, milliseconds: number): State => {
  const current = milliseconds > 0 ? (progress.events - state.events) / milliseconds * 1000 : state.rate
  return { ...state, ...progress, rate: state.rate === 0 ? current : state.rate * 0.7 + current * 0.3 }
}

/**
 * Renders the lines, none longer than the terminal is wide.
 *
 * @category rendering
 * @since 0.1.0
 */
export const frame = (state: State, style: Style, columns: number): ReadonlyArray<string> => {
  const width = Math.max(10, Math.min(40, columns - 45))
  // nobody knows how long everything takes to be in place
  const isKnown = state.phase !== "ending"
  const percent = isKnown ? `${Math.floor(state.part * 100).toString().padStart(3)} %` : "     "
  const count = state.runs > 1 ? `run ${state.run} of ${state.runs}: ` : ""
  const violations = state.violations === 0 ? "" : `, ${thousands(state.violations)} violations`
  return [
    fit(columns, ["  ", [bar(isKnown ? state.part : 1, width), style.cyan], ` ${percent}  ${count}`, [
      phases[state.phase],
      style.bold
    ]]),
    fit(columns, [
      `  ${clock(state.simulatedSeconds)} simulated, ${thousands(state.nodes)} Nodes, ` +
      `${thousands(state.rate)} events a second`,
      [violations, style.red]
    ])
  ]
}

// -----------------------------------------------------------------------------
// internals
// -----------------------------------------------------------------------------

const phases = {
  building: "building the ring",
  measuring: "measuring",
  ending: "waiting until everything is in place"
} as const

/** Text, and how it is marked. */
type Part = string | readonly [text: string, mark: (text: string) => string]

/** Cuts a line to a width: one that wraps would be redrawn in the wrong place. */
const fit = (columns: number, parts: ReadonlyArray<Part>): string => {
  let room = columns
  return parts.map((part) => {
    const [text, mark] = typeof part === "string" ? [part, (text: string) => text] as const : part
    const shown = text.slice(0, room)
    room -= displayWidth(shown)
    return shown === "" ? "" : mark(shown)
  }).join("")
}
