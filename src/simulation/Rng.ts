/**
 * Rng: the one source of randomness in a simulation.
 *
 * Everything that is drawn comes from one seed, through streams that are named:
 * a further draw in one part of a simulation does not change what another part
 * draws. The generator is sfc32 (Doty-Humphrey, PractRand), which passes the
 * usual batteries and needs integers of 32 bits only, so that every machine
 * draws the same.
 *
 * @since 0.1.0
 */

/**
 * A stream of random numbers.
 *
 * @category models
 * @since 0.1.0
 */
export class Rng {
  readonly #seed: string
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(seed: string) {
    this.#seed = seed
    const word = makeWords(seed)
    this.#a = word()
    this.#b = word()
    this.#c = word()
    for (let round = 0; round < 12; round++) this.word()
  }

  /** Another stream of the same seed, the same for the same name whatever was drawn here. */
  fork(name: string): Rng {
    return new Rng(`${this.#seed}/${name}`)
  }

  /** A whole number of 32 bits, 0 to 2^32 - 1. */
  word(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum | 0
    return sum >>> 0
  }

  /** A number from 0 up to 1, without 1. */
  fraction(): number {
    return this.word() / 0x1_0000_0000
  }

  /** A whole number from 0 up to `end`, without `end`. */
  below(end: number): number {
    return Math.floor(this.fraction() * end)
  }

  /** A number from `from` up to `to`. */
  between(from: number, to: number): number {
    return from + this.fraction() * (to - from)
  }

  /** Whether something of this probability happens. */
  happens(probability: number): boolean {
    return probability > 0 && this.fraction() < probability
  }

  /** A time to wait for what happens by chance once in `mean` on average. */
  exponential(mean: number): number {
    return -Math.log(1 - this.fraction()) * mean
  }

  /** A number of the standard normal distribution (Box, Muller 1958). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.fraction())) * Math.cos(2 * Math.PI * this.fraction())
  }

  /** One of several. */
  pick<A>(items: ReadonlyArray<A>): A {
    return items[this.below(items.length)]!
  }
}

/** Words that spread a text over 32 bits each (FNV-1a, then the finalizer of MurmurHash3). */
const makeWords = (text: string): () => number => {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  }
  return () => {
    hash = (hash + 0x6d2b79f5) | 0
    let mixed = hash
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
    return (mixed ^ (mixed >>> 16)) | 0
  }
}

/**
 * Chance from a seed: any text.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (seed: string): Rng => new Rng(seed)
