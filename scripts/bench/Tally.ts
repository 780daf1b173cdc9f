/**
 * Tally: what a receiver got. Every value begins with its number, so that what is lost or comes twice is seen; the
 * numbers go on from round to round, so that what comes late is seen, too.
 */
import { monotonic } from "./Monotonic.ts"

export class Tally {
  received = 0
  duplicates = 0
  private seen = new Uint8Array(1 << 16)
  private goal = Number.POSITIVE_INFINITY
  private reached: ((at: number) => void) | undefined

  /** Counts the message of a number. */
  add(number: number): void {
    const index = number >>> 3
    const bit = 1 << (number & 7)
    if (index >= this.seen.length) {
      const grown = new Uint8Array(Math.max(index + 1, this.seen.length * 2))
      grown.set(this.seen)
      this.seen = grown
    }
    if ((this.seen[index]! & bit) !== 0) {
      this.duplicates++
      return
    }
    this.seen[index]! |= bit
    if (++this.received === this.goal) this.reached?.(monotonic())
  }

  /** Completes when so many different ones are there in all, with the moment of the last. */
  expect(total: number): Promise<number> {
    if (this.received >= total) return Promise.resolve(monotonic())
    return new Promise((resolve) => {
      this.goal = total
      this.reached = resolve
    })
  }
}
