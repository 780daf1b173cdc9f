/**
 * Cuts a stream of bytes into lines, with a bound on what it holds.
 *
 * @since 0.1.0
 */

/**
 * A line without its line break; `number` counts from 1. `bytes` is missing when the line was too long to hold.
 *
 * @category models
 * @since 0.1.0
 */
export interface Line {
  readonly number: number
  readonly bytes: Uint8Array | undefined
}

const lineFeed = 10

const carriageReturn = 13

/**
 * Cuts chunks into lines.
 *
 * **Details**
 *
 * A line ends with a line feed, or a carriage return and a line feed; the last
 * one may lack it. Of a line longer than `maxLength` bytes nothing is kept.
 *
 * @category models
 * @since 0.1.0
 */
export class LineSplitter {
  readonly maxLength: number
  private held: Array<Uint8Array> = []
  private heldLength = 0
  private count = 0

  constructor(maxLength: number) {
    this.maxLength = maxLength
  }

  /** Takes the next bytes and returns the lines that they complete. */
  push(chunk: Uint8Array): Array<Line> {
    const lines: Array<Line> = []
    let start = 0
    for (let end = chunk.indexOf(lineFeed); end !== -1; end = chunk.indexOf(lineFeed, start)) {
      this.hold(chunk.subarray(start, end))
      lines.push(this.take())
      start = end + 1
    }
    this.hold(chunk.subarray(start))
    return lines
  }

  /** Returns the last line when no line break ended it. */
  end(): Array<Line> {
    return this.heldLength > 0 ? [this.take()] : []
  }

  private hold(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.heldLength += bytes.length
    // one byte more than the bound: it may be the carriage return
    if (this.heldLength > this.maxLength + 1) this.held = []
    else this.held.push(bytes)
  }

  private take(): Line {
    const [first = new Uint8Array(0), ...others] = this.held
    const whole = others.length === 0 ? first : Buffer.concat(this.held)
    const bytes = whole.at(-1) === carriageReturn ? whole.subarray(0, -1) : whole
    const isTooLong = this.heldLength > this.maxLength + 1 || bytes.length > this.maxLength
    this.held = []
    this.heldLength = 0
    return { number: ++this.count, bytes: isTooLong ? undefined : bytes }
  }
}
