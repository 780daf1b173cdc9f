/**
 * Frames: a length of 4 bytes, then that many bytes, as the overlay has it on its connections; here in the form that
 * costs least, for it is the limit that others are measured by.
 */

/** Gathers frames, so that all of a turn go out with one write. */
export class FrameWriter {
  private buffer = Buffer.allocUnsafeSlow(capacity)
  /** Where what is gathered begins and ends: what lies before may still be on its way out. */
  private start = 0
  private end = 0

  get length(): number {
    return this.end - this.start
  }

  private head(size: number): void {
    const needed = this.length + 4 + size
    if (this.start + needed > this.buffer.length) {
      const next = Buffer.allocUnsafeSlow(Math.max(capacity, needed * 2))
      this.buffer.copy(next, 0, this.start, this.end)
      this.buffer = next
      this.end = this.length
      this.start = 0
    }
    const { buffer, end } = this
    buffer[end] = size >>> 24
    buffer[end + 1] = size >>> 16
    buffer[end + 2] = size >>> 8
    buffer[end + 3] = size
    this.end += 4
  }

  push(value: Uint8Array): void {
    this.head(value.length)
    this.buffer.set(value, this.end)
    this.end += value.length
  }

  /** Part of another buffer. */
  pushPart(bytes: Buffer, start: number, end: number): void {
    this.head(end - start)
    bytes.copy(this.buffer, this.end, start, end)
    this.end += end - start
  }

  /** A frame of one number. */
  pushNumber(number: number): void {
    this.head(4)
    const { buffer, end } = this
    buffer[end] = number >>> 24
    buffer[end + 1] = number >>> 16
    buffer[end + 2] = number >>> 8
    buffer[end + 3] = number
    this.end += 4
  }

  /** What is gathered. It is not written to any more. */
  take(): Buffer {
    const bytes = this.buffer.subarray(this.start, this.end)
    this.start = this.end
    return bytes
  }
}

const capacity = 256 * 1024

/** Cuts chunks into frames. A frame that lies in one chunk is not copied; another is, once. */
export class FrameReader {
  private rest: Buffer | undefined
  private filled = 0
  private readonly header = Buffer.alloc(4)
  private headerRead = 0

  push(chunk: Buffer, onFrame: (bytes: Buffer, start: number, end: number) => void): void {
    let offset = 0
    const size = chunk.length
    while (offset < size) {
      const { rest } = this
      if (rest !== undefined) {
        const take = Math.min(rest.length - this.filled, size - offset)
        chunk.copy(rest, this.filled, offset, offset + take)
        this.filled += take
        offset += take
        if (this.filled < rest.length) return
        this.rest = undefined
        onFrame(rest, 0, rest.length)
        continue
      }
      let length: number
      if (this.headerRead === 0 && size - offset >= 4) {
        length = chunk.readUInt32BE(offset)
        offset += 4
      } else {
        this.header[this.headerRead++] = chunk[offset++]!
        if (this.headerRead < 4) continue
        length = this.header.readUInt32BE(0)
        this.headerRead = 0
      }
      if (size - offset >= length) {
        onFrame(chunk, offset, offset + length)
        offset += length
      } else {
        this.rest = Buffer.allocUnsafeSlow(length)
        this.filled = 0
      }
    }
  }
}
