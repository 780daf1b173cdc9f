/**
 * Churn: how long Nodes stay, and how they go.
 *
 * New Nodes arrive by a Poisson process that keeps their number where it is
 * (Little's law: number / mean session). The papers measured traces that are not
 * public any more; what they report of each, mean and median session, fixes a
 * log-normal distribution, the shape that such traces have.
 *
 * @since 0.1.0
 */
import type { Rng } from "./Rng.ts"

/**
 * How long Nodes stay.
 *
 * @category models
 * @since 0.1.0
 */
export interface Sessions {
  readonly name: string
  /** In milliseconds. */
  readonly mean: number
  readonly median: number
  /** How long a Node stays that has just come. */
  readonly draw: (rng: Rng) => number
  /** How much longer a Node stays that is met at some moment: of long sessions one meets more. */
  readonly rest: (rng: Rng) => number
}

const second = 1_000
const minute = 60 * second
const hour = 60 * minute

/**
 * Sessions without memory: Nodes go as by a Poisson process.
 *
 * @category constructors
 * @since 0.1.0
 */
export const exponential = (name: string, mean: number): Sessions => ({
  name,
  mean,
  median: mean * Math.LN2,
  draw: (rng) => rng.exponential(mean),
  rest: (rng) => rng.exponential(mean)
})

/**
 * Log-normal sessions of a mean and a median: most are short, some very long.
 *
 * @category constructors
 * @since 0.1.0
 */
export const logNormal = (name: string, mean: number, median: number): Sessions => {
  const middle = Math.log(median)
  const variance = 2 * Math.log(mean / median)
  const draw = (rng: Rng, shift: number) => Math.exp(middle + shift + Math.sqrt(variance) * rng.normal())
  return {
    name,
    mean,
    median,
    draw: (rng) => draw(rng, 0),
    // Met by chance, a session is chosen in proportion to its length, at an even moment of it.
    rest: (rng) => draw(rng, variance) * rng.fraction()
  }
}

/**
 * The sessions that MSPastry was measured with (Castro, Costa, Rowstron, DSN 2004, section 5.1): Gnutella
 * (mean 2.3 hours, median 1 hour), OverNet (134 and 79 minutes) and the machines of Microsoft (mean 37.7 hours; no
 * median is at hand, so they are taken to be exponential).
 *
 * @category constants
 * @since 0.1.0
 */
export const traces: { readonly [name: string]: Sessions } = {
  gnutella: logNormal("gnutella", 2.3 * hour, hour),
  overnet: logNormal("overnet", 134 * minute, 79 * minute),
  microsoft: exponential("microsoft", 37.7 * hour)
}

/**
 * Reads `none`, `poisson:MINUTES`, `gnutella`, `overnet` or `microsoft`; a text says what is wrong.
 *
 * @category constructors
 * @since 0.1.0
 */
export const parse = (text: string): { readonly sessions: Sessions | undefined } | string => {
  if (text === "none") return { sessions: undefined }
  if (Object.hasOwn(traces, text)) return { sessions: traces[text]! }
  const match = /^poisson:([0-9]+(?:\.[0-9]+)?)$/.exec(text)
  const minutes = Number(match?.[1])
  if (match === null || !(minutes > 0)) {
    return `"${text}" is no churn: write none, poisson:MINUTES (of the mean session), gnutella, overnet or microsoft`
  }
  return { sessions: exponential(text, minutes * minute) }
}
