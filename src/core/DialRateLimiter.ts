/**
 * DialRateLimiter: how often a Node dials addresses that only others have named.
 *
 * A member that lies may name any address, and make every Node connect there: each gets a connection, and a first frame.
 * Where a Node has met the one that it meant it dials as often as it likes.
 *
 * @since 0.1.0
 */

/**
 * Dials of one Node to addresses where it has not met the Node that it meant: so many at once.
 *
 * @category constants
 * @since 0.1.0
 */
export const dialsAtOnce = 256

/**
 * And so many a second after that.
 *
 * @category constants
 * @since 0.1.0
 */
export const dialsPerSecond = 16

/** Addresses that are remembered. */
const maxProved = 1_024

/**
 * So many dials at once, and so many a second after that. Rule H8.
 *
 * @category models
 * @since 0.1.0
 */
export class DialRateLimiter {
  readonly #burst: number
  readonly #perSecond: number
  readonly #proved = new Set<string>()
  #left: number
  #at = 0

  constructor(burst: number, perSecond: number) {
    this.#burst = burst
    this.#perSecond = perSecond
    this.#left = burst
  }

  /** A Node that was meant has answered at an address. */
  prove(address: string): void {
    this.#proved.delete(address)
    this.#proved.add(address)
    if (this.#proved.size > maxProved) this.#proved.delete(this.#proved.keys().next().value!)
  }

  /** Whether an address may be dialled now; `now` is in milliseconds. */
  pass(address: string, now: number): boolean {
    if (this.#proved.has(address)) return true
    const earned = Math.max(0, now - this.#at) * this.#perSecond / 1_000
    this.#left = Math.min(this.#burst, this.#left + earned)
    this.#at = now
    if (this.#left < 1) return false
    this.#left--
    return true
  }
}
