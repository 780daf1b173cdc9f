/**
 * LogRateLimiter: lets a few things through at a time, and counts the others.
 *
 * For what strangers can cause as often as they like, and people read: logs and events.
 *
 * @since 0.1.0
 */

/**
 * So many in a period of so many milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export class LogRateLimiter {
  readonly #most: number
  readonly #period: number
  #since = Number.NEGATIVE_INFINITY
  #passed = 0
  #kept = 0

  constructor(most: number, period: number) {
    this.#most = most
    this.#period = period
  }

  /** How many were kept back since the last one that went through, if this one may; `undefined` if it may not. */
  pass(now: number): number | undefined {
    if (now - this.#since >= this.#period) {
      this.#since = now
      this.#passed = 0
    }
    if (this.#passed >= this.#most) {
      this.#kept++
      return undefined
    }
    this.#passed++
    const kept = this.#kept
    this.#kept = 0
    return kept
  }
}
