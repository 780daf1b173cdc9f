/**
 * Lanes: what waits to be written to a link, and in which order it goes.
 *
 * Control goes first, and nothing holds it up. The lanes below it share what the link's credit allows, a quantum each in
 * turn (deficit round robin: Shreedhar, Varghese, "Efficient Fair Queuing", SIGCOMM 1995); a frame that is large beside
 * that goes in parts, so that control passes between them. A further lane is another number in `below`. To an end that
 * speaks protocol version 1 everything goes whole and at once.
 *
 * Pure: the clock is passed in, and `take` gives what is to be written next. Rules H9 and H10 of `docs/protocol.md`.
 *
 * @since 0.1.0
 */
import * as LinkFrame from "../protocol/LinkFrame.ts"
import * as Credit from "./Credit.ts"

/** The lane of routed messages. */
export const data = 0

/** The lane of sessions. */
export const sessions = 1

/** The lanes below control. */
const below: ReadonlyArray<number> = [data, sessions]

/** Bytes that a lane may send before another has its turn. */
const quantum = 32 * 1024

/** Frames that go out in one batch below control. */
const maxBatch = 1024

/** Bytes that a frame costs besides its own: its length in front. */
const overhead = 4

interface Lane {
  readonly number: number
  readonly frames: Array<Uint8Array>
  /** Bytes that it may still send in its turn; below 0 what it has sent too many. */
  deficit: number
  /** How much of the first frame has been sent in parts, and which number those have. */
  offset: number
  cuts: number
}

/**
 * What waits to be written to a link.
 *
 * @category models
 * @since 0.1.0
 */
export interface Lanes {
  readonly control: Array<Uint8Array>
  /** Bytes in `control`. */
  controlBytes: number
  readonly below: ReadonlyArray<Lane>
  /** Which of them has its turn. */
  turn: number
  /** `undefined` where the other end does not answer marks. */
  readonly credit: Credit.Credit | undefined
}

/**
 * Nothing waits. The handshake took `roundTrip` milliseconds to be answered; `undefined` when the other end does not understand
 * parts and marks.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (roundTrip: number | undefined): Lanes => ({
  control: [],
  controlBytes: 0,
  below: below.map((number) => ({ number, frames: [], deficit: 0, offset: 0, cuts: 0 })),
  turn: 0,
  credit: roundTrip === undefined ? undefined : Credit.make(roundTrip)
})

/**
 * Puts a frame at the end of control.
 *
 * @category transitions
 * @since 0.1.0
 */
export const putControl = (self: Lanes, frame: Uint8Array): void => {
  self.control.push(frame)
  self.controlBytes += frame.length
}

/**
 * Puts a frame at the end of a lane below control. Nobody may write to it any more.
 *
 * @category transitions
 * @since 0.1.0
 */
export const put = (self: Lanes, lane: number, frame: Uint8Array): void => void self.below[lane]!.frames.push(frame)

/**
 * How many frames wait in a lane below control.
 *
 * @category getters
 * @since 0.1.0
 */
export const waiting = (self: Lanes, lane: number): number => self.below[lane]!.frames.length

/**
 * Whether nothing waits at all.
 *
 * @category getters
 * @since 0.1.0
 */
export const isEmpty = (self: Lanes): boolean => self.control.length === 0 && isEmptyBelow(self)

const isEmptyBelow = (self: Lanes): boolean => self.below.every(({ frames }) => frames.length === 0)

/**
 * Whether `take` has something to give now.
 *
 * @category getters
 * @since 0.1.0
 */
export const hasNext = (self: Lanes): boolean =>
  self.control.length > 0 || (hasRoom(self) && !isEmptyBelow(self)) || isMarkDue(self)

const hasRoom = ({ credit }: Lanes): boolean => credit === undefined || Credit.hasRoom(credit)

const isMarkDue = (self: Lanes): boolean =>
  self.credit !== undefined && Credit.isMarkDue(self.credit, isEmptyBelow(self))

/**
 * Takes out what is to be written next, in one batch.
 *
 * @category transitions
 * @since 0.1.0
 */
export const take = (self: Lanes, now: number): ReadonlyArray<Uint8Array> => {
  const batch = self.control.splice(0)
  self.controlBytes = 0
  takeBelow(self, now, batch)
  const { credit } = self
  if (credit !== undefined && isMarkDue(self)) batch.push(LinkFrame.mark(Credit.mark(credit, now)))
  return batch
}

const takeBelow = (self: Lanes, now: number, batch: Array<Uint8Array>): void => {
  const full = batch.length + maxBatch
  while (batch.length < full && hasRoom(self) && !isEmptyBelow(self)) {
    const lane = self.below[self.turn]!
    const isAlone = self.below.every((other) => other === lane || other.frames.length === 0)
    const taken = takeFrom(self, lane, now, batch, isAlone ? Number.POSITIVE_INFINITY : lane.deficit)
    // A turn goes on where the credit ended it; nobody saves what he does not need.
    lane.deficit = isAlone || lane.frames.length === 0 ? 0 : lane.deficit - taken
    if (lane.deficit > 0) continue
    self.turn = (self.turn + 1) % self.below.length
    self.below[self.turn]!.deficit += quantum
  }
}

/** Takes at least so many bytes from a lane, if it has them and the credit allows it. Returns how many. */
const takeFrom = (self: Lanes, lane: Lane, now: number, batch: Array<Uint8Array>, wanted: number): number => {
  const { credit } = self
  const { frames } = lane
  if (credit === undefined) {
    batch.push(...frames.splice(0, maxBatch))
    return 0
  }
  const most = Math.min(frames.length, maxBatch)
  let taken = 0
  let left = wanted
  let all = 0
  // Runs from mark to mark, for most frames are small and many.
  while (taken < most && left > 0 && Credit.hasRoom(credit)) {
    const run = Math.min(left, Credit.untilMark(credit))
    const size = Credit.pieceSize(credit)
    const first = taken
    let bytes = 0
    while (taken < most && bytes < run) {
      const frame = frames[taken]!
      const piece = lane.offset === 0 && frame.length <= size ? frame : cut(lane, frame, size)
      if (lane.offset === 0) taken++
      batch.push(piece)
      bytes += piece.length + overhead
    }
    left -= bytes
    all += bytes
    Credit.sent(credit, bytes, lane.number === data ? taken - first : 0)
    if (Credit.isMarkDue(credit, false)) batch.push(LinkFrame.mark(Credit.mark(credit, now)))
  }
  frames.splice(0, taken)
  return all
}

/** The next part of a frame; the offset is 0 again after the last one. */
const cut = (lane: Lane, frame: Uint8Array, size: number): Uint8Array => {
  const end = Math.min(frame.length, lane.offset + Math.floor(size))
  const part = LinkFrame.part(lane.number, lane.cuts, frame, lane.offset, end)
  lane.offset = end === frame.length ? 0 : end
  if (lane.offset === 0) lane.cuts = (lane.cuts + 1) >>> 0
  return part
}

/**
 * The other end has answered a mark. Returns how many whole frames of the data lane have
 * arrived there, or `undefined` when that is no news.
 *
 * @category transitions
 * @since 0.1.0
 */
export const progressed = ({ credit }: Lanes, now: number, count: number): number | undefined =>
  credit === undefined ? undefined : Credit.progressed(credit, now, count)

/**
 * Puts a mark into control where nothing has been heard of earlier ones for long.
 *
 * @category transitions
 * @since 0.1.0
 */
export const remind = (self: Lanes, now: number): void => {
  const count = self.credit === undefined ? undefined : Credit.remind(self.credit, now)
  if (count !== undefined) putControl(self, LinkFrame.mark(count))
}

/**
 * How long data has been on its way without any of it arriving, in milliseconds; 0 when none is waited for.
 *
 * @category getters
 * @since 0.1.0
 */
export const stalledFor = ({ credit }: Lanes, now: number): number =>
  credit === undefined ? 0 : Credit.stalledFor(credit, now)

/**
 * Whether the answer to a mark is waited for.
 *
 * @category getters
 * @since 0.1.0
 */
export const isMarked = ({ credit }: Lanes): boolean => credit !== undefined && credit.marks.length > 0
