/**
 * Trace: everything that happened in a simulation, as one hash, and on request as lines.
 *
 * Two runs with the same hash did the same things to the same Nodes at the same
 * times. The hash mixes 32-bit words (MurmurHash3, twice with different
 * constants); it is for telling runs apart, not for secrets.
 *
 * @since 0.1.0
 */

/**
 * One thing that happened.
 *
 * @category models
 * @since 0.1.0
 */
export interface TraceEvent {
  /** Milliseconds from the start. */
  readonly at: number
  readonly what: string
  /** Numbers of the hosts that it happened to, as far as there are any. */
  readonly from?: number | undefined
  readonly to?: number | undefined
  /** The kind of a message, or how something ended. */
  readonly kind?: string | undefined
  readonly number?: number | undefined
}

/**
 * Collects what happens.
 *
 * @category models
 * @since 0.1.0
 */
export class Trace {
  #high = 0x243f6a88
  #low = 0x13198a2e
  #count = 0
  readonly #codes = new Map<string, number>()
  readonly #bits = new DataView(new ArrayBuffer(8))
  readonly #write: ((happening: TraceEvent) => void) | undefined

  /** `write` gets every happening; without it only the hash is kept. */
  constructor(write?: (happening: TraceEvent) => void) {
    this.#write = write
  }

  /** Notes what happened. */
  note(at: number, what: string, from = -1, to = -1, kind = "", number = -1): void {
    this.#count++
    this.#bits.setFloat64(0, at)
    this.#mix(this.#bits.getInt32(0))
    this.#mix(this.#bits.getInt32(4))
    this.#mix(this.#code(what) * 64 + this.#code(kind))
    this.#mix(from)
    this.#mix(to)
    this.#mix(number)
    if (this.#write === undefined) return
    this.#write({
      at,
      what,
      from: from < 0 ? undefined : from,
      to: to < 0 ? undefined : to,
      kind: kind === "" ? undefined : kind,
      number: number < 0 ? undefined : number
    })
  }

  /** How much has been noted. */
  get count(): number {
    return this.#count
  }

  /** All that was noted so far, in 16 hexadecimal digits. */
  get hash(): string {
    return hexWord(this.#high) + hexWord(this.#low)
  }

  #code(text: string): number {
    let code = this.#codes.get(text)
    if (code === undefined) {
      code = 0
      for (let index = 0; index < text.length; index++) code = Math.imul(code, 31) + text.charCodeAt(index) | 0
      this.#codes.set(text, code)
    }
    return code
  }

  #mix(word: number): void {
    let mixed = Math.imul(word, 0xcc9e2d51)
    mixed = (mixed << 15) | (mixed >>> 17)
    this.#high ^= Math.imul(mixed, 0x1b873593)
    this.#high = (Math.imul((this.#high << 13) | (this.#high >>> 19), 5) + 0xe6546b64) | 0
    mixed = Math.imul(word ^ this.#high, 0x239b961b)
    mixed = (mixed << 16) | (mixed >>> 16)
    this.#low ^= Math.imul(mixed, 0xab0e9789)
    this.#low = (Math.imul((this.#low << 19) | (this.#low >>> 13), 5) + 0x561ccd1b) | 0
  }
}

const hexWord = (word: number): string => (word >>> 0).toString(16).padStart(8, "0")
