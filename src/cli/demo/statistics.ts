/**
 * Figures that sum up many.
 *
 * @since 0.1.0
 */

/**
 * The smallest value that at least a fraction of all values do not exceed (nearest rank); 0 of none.
 *
 * @category statistics
 * @since 0.1.0
 */
export const percentile = (sorted: ArrayLike<number>, fraction: number): number =>
  sorted.length === 0 ? 0 : sorted[Math.min(sorted.length, Math.max(1, Math.ceil(sorted.length * fraction))) - 1]!

/**
 * How many values are 0, 1, 2 and so on, up to the largest value.
 *
 * @category statistics
 * @since 0.1.0
 */
export const histogram = (values: Iterable<number>): Array<number> => {
  const counts: Array<number> = []
  for (const value of values) {
    while (counts.length <= value) counts.push(0)
    counts[value] = counts[value]! + 1
  }
  return counts
}

/**
 * The mean of the values that a histogram counts; 0 of none.
 *
 * @category statistics
 * @since 0.1.0
 */
export const mean = (counts: ReadonlyArray<number>): number => {
  const total = counts.reduce((sum, count) => sum + count, 0)
  return total === 0 ? 0 : counts.reduce((sum, count, value) => sum + count * value, 0) / total
}

/**
 * Rounds to a number of decimals.
 *
 * @category statistics
 * @since 0.1.0
 */
export const round = (value: number, decimals: number): number => {
  const factor = 10 ** decimals
  return Math.round(value * factor) / factor
}
