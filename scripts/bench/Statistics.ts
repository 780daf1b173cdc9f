/** Statistics: figures that sum up the rounds of a measurement. */

/** Many values in five: what a reader needs to see whether a difference is one. */
export interface Spread {
  readonly median: number
  readonly minimum: number
  readonly lowerQuartile: number
  readonly upperQuartile: number
  readonly maximum: number
}

/** The value below which a part of the sorted values lie (nearest rank); not a number of none. */
export const percentile = (sorted: ArrayLike<number>, part: number): number =>
  sorted.length === 0
    ? Number.NaN
    : sorted[Math.min(sorted.length, Math.max(1, Math.ceil(sorted.length * part))) - 1]!

/** The middle one, or the mean of the two in the middle. */
export const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((x, y) => x - y)
  const middle = sorted.length >>> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

export const spread = (values: ReadonlyArray<number>): Spread => {
  const sorted = values.toSorted((x, y) => x - y)
  return {
    median: median(sorted),
    minimum: percentile(sorted, 0),
    lowerQuartile: percentile(sorted, 0.25),
    upperQuartile: percentile(sorted, 0.75),
    maximum: percentile(sorted, 1)
  }
}
