/**
 * Frames on a byte stream: a 4-byte big-endian length, then that many bytes.
 *
 * Pure and synchronous. A frame may be empty.
 *
 * @since 0.1.0
 */

const headerSize = 4

/** What is got at once for a frame that comes in parts: most frames need no more, and memory that nothing is written to costs nothing. */
const initialCapacity = 128 * 1024

/** So many bytes, with anything in them. Not a `Buffer`, whose `slice` would share its bytes. */
const allocate = (size: number): Uint8Array => {
  const { buffer, byteOffset } = Buffer.allocUnsafe(size)
  return new Uint8Array(buffer, byteOffset, size)
}

/** From here on a frame goes out as it is: to copy it would take longer than to hand it over by itself. */
const large = 16 * 1024

/**
 * Encodes a batch of frames, each behind its length, into parts that are to be written one after another: one buffer for
 * all that are small, and each large one as it is. Nobody may write to these until they are on their way.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encodeParts = (frames: ReadonlyArray<Uint8Array>): ReadonlyArray<Uint8Array> => {
  let size = frames.length * headerSize
  for (const { byteLength } of frames) if (byteLength < large) size += byteLength
  const bytes = allocate(size)
  const parts: Array<Uint8Array> = []
  /** Of what has not become a part yet. */
  let start = 0
  let offset = 0
  for (const frame of frames) {
    const length = frame.byteLength
    bytes[offset] = length >>> 24
    bytes[offset + 1] = length >>> 16
    bytes[offset + 2] = length >>> 8
    bytes[offset + 3] = length
    offset += headerSize
    if (length < large) {
      bytes.set(frame, offset)
      offset += length
    } else {
      parts.push(bytes.subarray(start, offset), frame)
      start = offset
    }
  }
  if (parts.length === 0) return [bytes]
  if (start < offset) parts.push(bytes.subarray(start))
  return parts
}

/**
 * Encodes a batch of frames into one buffer of its own, each behind its length.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encodeFrames = (frames: ReadonlyArray<Uint8Array>): Uint8Array => {
  const parts = encodeParts(frames)
  return parts.length === 1 ? parts[0]! : new Uint8Array(Buffer.concat(parts))
}

/**
 * Cuts a stream of chunks into frames.
 *
 * A frame that lies whole inside one chunk is a view of that chunk, so a chunk
 * must not be written to after it has been pushed. What is buffered for a
 * frame still under way grows with the bytes that arrived, not with the length
 * that was announced.
 *
 * @category decoding
 * @since 0.1.0
 */
export class FrameDecoder {
  /** May become larger meanwhile. */
  maxFrameSize: number
  private headerRead = 0
  private length = 0
  private partial: Uint8Array | undefined
  private filled = 0
  private oversized: number | undefined
  private isFirst = true

  constructor(maxFrameSize: number) {
    this.maxFrameSize = maxFrameSize
  }

  /**
   * The length of the frame that was refused, once one was larger than
   * `maxFrameSize`. From then on the decoder ignores its input.
   */
  get refused(): number | undefined {
    return this.oversized
  }

  /** What the other end speaks, when what it began with is no length of a frame but the start of something well known. */
  get foreign(): string | undefined {
    return this.isFirst && this.oversized !== undefined ? protocolOf(this.oversized) : undefined
  }

  /** Whether a frame has begun and not ended: the end of the stream would cut it. */
  get isMidFrame(): boolean {
    return this.headerRead > 0
  }

  /** Appends the frames that `chunk` completes to `frames`; returns whether any of them is a view of it. */
  push(chunk: Uint8Array, frames: Array<Uint8Array>): boolean {
    const end = chunk.byteLength
    let offset = 0
    let isViewed = false
    while (this.oversized === undefined) {
      if (this.partial === undefined) {
        while (this.headerRead < headerSize) {
          if (offset === end) return isViewed
          this.length = this.length * 256 + chunk[offset++]!
          this.headerRead++
        }
        if (this.length > this.maxFrameSize) {
          this.oversized = this.length
          return isViewed
        }
        if (end - offset >= this.length) {
          // Not `subarray`, which makes a `Buffer` of a part of a `Buffer`: frames of one kind are read faster.
          frames.push(new Uint8Array(chunk.buffer, chunk.byteOffset + offset, this.length))
          offset += this.length
          isViewed = true
          this.reset()
          continue
        }
        if (offset === end) return isViewed
      }
      const take = Math.min(this.length - this.filled, end - offset)
      const partial = this.reserve(take)
      partial.set(chunk.subarray(offset, offset + take), this.filled)
      this.filled += take
      offset += take
      if (this.filled < this.length) return isViewed
      frames.push(partial)
      this.reset()
    }
    return isViewed
  }

  private reserve(additional: number): Uint8Array {
    const needed = this.filled + additional
    const partial = this.partial
    if (partial !== undefined && partial.byteLength >= needed) return partial
    const capacity = Math.min(this.length, Math.max(needed, initialCapacity, this.filled * 2))
    const grown = allocate(capacity)
    if (partial !== undefined) grown.set(partial)
    this.partial = grown
    return grown
  }

  private reset(): void {
    this.isFirst = false
    this.headerRead = 0
    this.length = 0
    this.partial = undefined
    this.filled = 0
  }
}

const words = {
  HTTP: ["GET ", "POST", "PUT ", "HEAD", "DELE", "OPTI", "PATC", "CONN", "TRAC", "PRI ", "HTTP"],
  SSH: ["SSH-"],
  "the PROXY protocol of load balancers": ["PROX", "\r\n\r\n"]
}

/** What begins so; as a length each of these is larger than any frame. */
const beginnings: ReadonlyMap<number, string> = new Map(
  Object.entries(words).flatMap(([protocol, all]) =>
    all.map((word) => [Buffer.from(word, "latin1").readUInt32BE(), protocol] as const)
  )
)

/** A record of TLS has a type, 20 to 23, and a version, 3.0 to 3.4 (RFC 8446, section 5.1). */
const isTlsRecord = (length: number): boolean => {
  const type = length >>> 24
  const version = (length >>> 8) & 0xFFFF
  return type >= 20 && type <= 23 && version >= 0x0300 && version <= 0x0304
}

const protocolOf = (length: number): string | undefined => isTlsRecord(length) ? "TLS" : beginnings.get(length)
