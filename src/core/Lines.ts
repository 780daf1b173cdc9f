/**
 * Lines: what waits to be sent over one link, in a line for each kind, which take turns.
 *
 * When the other end has no room for a kind (Busy), that line alone waits: one of it is tried after a time that doubles,
 * and for each that is taken one and a half more may follow. So what an application that hangs does not take costs next
 * to nothing on the way to it, and holds up nothing else. Rule M12 of `docs/protocol.md`.
 *
 * Pure: the clock is passed in.
 *
 * @since 0.1.0
 */
import { Fifo } from "./Fifo.ts"

/** When one is tried again, twice as late each time up to `longest`, in milliseconds. */
const shortest = 20
const longest = 1_000

/** How many more may follow each that was taken. */
const growth = 1.5

/** With so many to follow a line has recovered. */
const recovered = 64

interface Line<A> {
  readonly items: Fifo<A>
  /** How many may be sent until another is taken; no limit where none was refused. */
  credit: number
  /** It waits for `retryAt`. */
  isPaused: boolean
  /** How often it was paused since one was taken. */
  refusals: number
  /** When one is tried, if none is taken before. */
  retryAt: number
}

/**
 * What waits for one link. Mutable, with one writer.
 *
 * @category models
 * @since 0.1.0
 */
export interface Lines<A> {
  /** By kind, in the order of their turns. */
  readonly lines: Map<number, Line<A>>
  /** How many of them were refused, and have not recovered. */
  refused: number
}

/**
 * Nothing waits.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A>(): Lines<A> => ({ lines: new Map(), refused: 0 })

/**
 * Whether all may be sent at once: nothing waits, and nothing was refused.
 *
 * @category getters
 * @since 0.1.0
 */
export const isIdle = <A>(self: Lines<A>): boolean => self.lines.size === 0

/**
 * Whether the other end had no room for a kind, and may have none yet.
 *
 * @category getters
 * @since 0.1.0
 */
export const isRefused = <A>({ lines, refused }: Lines<A>, kind: number): boolean =>
  refused > 0 && (lines.get(kind)?.credit ?? Number.POSITIVE_INFINITY) < Number.POSITIVE_INFINITY

const lineOf = <A>({ lines }: Lines<A>, kind: number): Line<A> => {
  let line = lines.get(kind)
  if (line === undefined) {
    line = { items: new Fifo(), credit: Number.POSITIVE_INFINITY, isPaused: false, refusals: 0, retryAt: 0 }
    lines.set(kind, line)
  }
  return line
}

/**
 * Puts something at the end of its line.
 *
 * @category transitions
 * @since 0.1.0
 */
export const put = <A>(self: Lines<A>, kind: number, item: A): void => lineOf(self, kind).items.push(item)

/**
 * Takes one after another what has its turn, until nothing has, or what has it may not be taken.
 *
 * @category transitions
 * @since 0.1.0
 */
export const drain = <A>({ lines }: Lines<A>, mayTake: (item: A) => boolean, take: (item: A) => void): void => {
  // A line that was moved to the end comes again.
  for (const [kind, line] of lines) {
    let hasTaken = false
    do {
      const item = line.items.at(0)
      if (item === undefined || line.credit < 1) break
      if (!mayTake(item)) return
      line.items.shift()
      line.credit--
      hasTaken = true
      take(item)
    } while (lines.size === 1)
    if (!hasTaken) continue
    lines.delete(kind)
    if (line.items.length > 0 || line.credit < Number.POSITIVE_INFINITY) lines.set(kind, line)
  }
}

/**
 * The other end had no room for something that was sent: it is at the end of its line, which waits.
 *
 * @category transitions
 * @since 0.1.0
 */
export const refuse = <A>(self: Lines<A>, now: number, kind: number, item: A): void => {
  const line = lineOf(self, kind)
  line.items.push(item)
  // Others that were sent with it were refused as well.
  if (line.isPaused) return
  if (line.credit === Number.POSITIVE_INFINITY) self.refused++
  line.credit = 0
  line.isPaused = true
  line.retryAt = now + Math.min(longest, shortest * 2 ** line.refusals)
  line.refusals++
}

/**
 * The other end has taken something of a kind: more of it may follow.
 *
 * @category transitions
 * @since 0.1.0
 */
export const accept = <A>(self: Lines<A>, now: number, kind: number): void => {
  const line = self.lines.get(kind)
  if (line === undefined || line.credit === Number.POSITIVE_INFINITY) return
  line.credit += growth
  line.isPaused = false
  line.refusals = 0
  line.retryAt = now + longest
  if (line.credit >= recovered || line.items.length === 0) recover(self, kind, line)
}

const recover = <A>(self: Lines<A>, kind: number, line: Line<A>): void => {
  self.refused--
  line.credit = Number.POSITIVE_INFINITY
  line.isPaused = false
  if (line.items.length === 0) self.lines.delete(kind)
}

/** Whether a line has one to try when its time comes, or nothing that would be waited for any more. */
const isTimed = <A>({ credit, items }: Line<A>): boolean =>
  credit < 1 || (items.length === 0 && credit < Number.POSITIVE_INFINITY)

/**
 * One of each line whose time has come may be tried.
 *
 * @category transitions
 * @since 0.1.0
 */
export const wake = <A>(self: Lines<A>, now: number): void => {
  if (self.refused === 0) return
  for (const [kind, line] of self.lines) {
    if (!isTimed(line) || now < line.retryAt) continue
    if (line.items.length === 0) {
      recover(self, kind, line)
      continue
    }
    line.credit = 1
    line.isPaused = false
    // If no word comes of it.
    line.retryAt = now + longest
  }
}

/**
 * When `wake` has something to do.
 *
 * @category getters
 * @since 0.1.0
 */
export const wakeAt = <A>({ lines, refused }: Lines<A>): number => {
  let at = Number.POSITIVE_INFINITY
  if (refused === 0) return at
  for (const line of lines.values()) if (isTimed(line)) at = Math.min(at, line.retryAt)
  return at
}

/**
 * All that waits.
 *
 * @category getters
 * @since 0.1.0
 */
export const items = function*<A>({ lines }: Lines<A>): Generator<A> {
  for (const { items } of lines.values()) yield* items
}

/**
 * All that waits in the line of a kind.
 *
 * @category getters
 * @since 0.1.0
 */
export const itemsOf = <A>({ lines }: Lines<A>, kind: number): Iterable<A> => lines.get(kind)?.items ?? []

/**
 * Takes out what something holds for, in lines that were refused.
 *
 * @category transitions
 * @since 0.1.0
 */
export const takeOutRefused = <A>({ lines }: Lines<A>, isMeant: (item: A) => boolean): ReadonlyArray<A> => {
  const taken: Array<A> = []
  for (const { credit, items } of lines.values()) {
    if (credit < Number.POSITIVE_INFINITY) taken.push(...items.takeOut((item) => !isMeant(item)))
  }
  return taken
}
