/**
 * Statistics: numbers about numbers.
 *
 * @since 0.1.0
 */

/**
 * What is told of some numbers.
 *
 * @category models
 * @since 0.1.0
 */
export interface Summary {
  readonly count: number
  readonly mean: number
  readonly p50: number
  readonly p99: number
  readonly longest: number
}

/**
 * Sums up; all zero for no numbers.
 *
 * @category getters
 * @since 0.1.0
 */
export const summarize = (numbers: ReadonlyArray<number>): Summary => {
  if (numbers.length === 0) return { count: 0, mean: 0, p50: 0, p99: 0, longest: 0 }
  const sorted = Float64Array.from(numbers).sort()
  let sum = 0
  for (const number of sorted) sum += number
  const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!
  return { count: sorted.length, mean: sum / sorted.length, p50: at(0.5), p99: at(0.99), longest: sorted.at(-1)! }
}

/**
 * How often each whole number occurs, from 0 to the largest.
 *
 * @category getters
 * @since 0.1.0
 */
export const histogram = (numbers: ReadonlyArray<number>): ReadonlyArray<number> => {
  const counts: Array<number> = []
  for (const number of numbers) {
    while (counts.length <= number) counts.push(0)
    counts[number]!++
  }
  return counts
}
