/**
 * Topology: where hosts are, and how long a frame takes from one to another.
 *
 * Distances are one way, in milliseconds, and the same in both directions.
 * Jitter comes on top, drawn for each frame.
 *
 * @since 0.1.0
 */
import type { Rng } from "./Rng.ts"

/**
 * A latency model.
 *
 * - `constant`: every pair lies equally far apart.
 * - `uniform`: every pair has a distance of its own, drawn evenly between two bounds.
 * - `plane`: hosts lie evenly in a square, as in the experiments of the paper on Pastry (section 3.2); `across`
 *   is the time from one side to the other.
 * - `regions`: hosts belong to Regions; a matrix names the time between each two, and within each.
 *
 * @category models
 * @since 0.1.0
 */
export type Latency =
  | { readonly _tag: "constant"; readonly delay: number }
  | { readonly _tag: "uniform"; readonly shortest: number; readonly longest: number }
  | { readonly _tag: "plane"; readonly across: number }
  | {
    readonly _tag: "regions"
    readonly names: ReadonlyArray<string>
    /** `matrix[i][j]`: from a host of Region i to one of Region j. */
    readonly matrix: ReadonlyArray<ReadonlyArray<number>>
  }

/**
 * Where a host is.
 *
 * @category models
 * @since 0.1.0
 */
export interface Place {
  readonly region: string
  readonly regionIndex: number
  readonly x: number
  readonly y: number
  /** Of the host, for distances that are drawn by pair. */
  readonly number: number
}

/**
 * Where hosts are, and how far apart.
 *
 * @category models
 * @since 0.1.0
 */
export interface Topology {
  readonly latency: Latency
  /** Where the next host is; in the Region that is named, or in any. */
  readonly place: (number: number, region?: string) => Place
  /** One way between two hosts, without jitter; a host reaches itself at once. */
  readonly distance: (from: Place, to: Place) => number
}

/**
 * A topology by a latency model. Hosts of `regions` are dealt out in turn.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (latency: Latency, rng: Rng): Topology => {
  const regions = latency._tag === "regions" ? latency.names : [""]
  const salt = rng.word()
  return {
    latency,
    place: (number, region) => {
      const known = region === undefined ? -1 : regions.indexOf(region)
      const regionIndex = known < 0 ? number % regions.length : known
      return {
        region: region ?? regions[regionIndex]!,
        regionIndex,
        x: rng.fraction(),
        y: rng.fraction(),
        number
      }
    },
    distance: (from, to) => {
      if (from.number === to.number) return 0
      switch (latency._tag) {
        case "constant":
          return latency.delay
        case "uniform": {
          const low = Math.min(from.number, to.number)
          const high = Math.max(from.number, to.number)
          return latency.shortest + (latency.longest - latency.shortest) * (mix(low, high, salt) / 0x1_0000_0000)
        }
        case "plane":
          return Math.hypot(from.x - to.x, from.y - to.y) * latency.across
        case "regions":
          return latency.matrix[from.regionIndex]![to.regionIndex]!
      }
    }
  }
}

/** An even number of 32 bits for a pair (the finalizer of MurmurHash3). */
const mix = (low: number, high: number, salt: number): number => {
  let hash = Math.imul(low ^ salt, 0x9e3779b1) ^ Math.imul(high, 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
