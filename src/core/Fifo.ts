/**
 * A queue that is served from the front, however long it is: taking costs what is taken, not what stays.
 *
 * Most are empty most of the time: one that is holds no array.
 *
 * @since 0.1.0
 */

/** What an empty one holds. Nobody writes to it. */
const none: Array<never> = []

/** Places at the front that are left empty before the rest moves up. */
const maxEmpty = 32

/**
 * A queue.
 *
 * @category models
 * @since 0.1.0
 */
export class Fifo<A> implements Iterable<A> {
  private items: Array<A | undefined> = none
  /** Where the first item is; before it all is empty. */
  private start = 0

  get length(): number {
    return this.items.length - this.start
  }

  /** The item so many places behind the first. */
  at(index: number): A | undefined {
    return this.items[this.start + index]
  }

  push(item: A): void {
    // `push` to an empty array would make room for seventeen, and mostly one stays alone.
    if (this.items === none) this.items = [item]
    else this.items.push(item)
  }

  /** Takes the first item. */
  shift(): A | undefined {
    const first = this.items[this.start]
    this.drop(1)
    return first
  }

  /** Takes so many items from the front. */
  drop(count: number): void {
    const start = this.start + count
    const { length } = this.items
    if (start >= length) {
      this.items = none
      this.start = 0
    } else if (start > maxEmpty && 2 * start > length) {
      this.items = this.items.slice(start)
      this.start = 0
    } else {
      while (this.start < start) this.items[this.start++] = undefined
    }
  }

  /** Takes so many items, the first of them so many places behind the front. */
  remove(index: number, count: number): void {
    if (index === 0) this.drop(count)
    else this.items.splice(this.start + index, count)
  }

  /** Keeps those for which something holds, and returns the others. */
  takeOut(isKept: (item: A) => boolean): ReadonlyArray<A> {
    const kept: Array<A> = []
    const others: Array<A> = []
    for (const item of this) (isKept(item) ? kept : others).push(item)
    this.items = kept.length === 0 ? none : kept
    this.start = 0
    return others
  }

  *[Symbol.iterator](): Generator<A> {
    for (let index = this.start; index < this.items.length; index++) yield this.items[index]!
  }
}
