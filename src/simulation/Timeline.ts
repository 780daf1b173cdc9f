/**
 * Timeline: what will happen in a simulation, in order of time.
 *
 * Virtual time jumps from one thing to the next. Of two things at the same
 * instant the one that was planned first happens first, so that a run is
 * decided by what was planned, not by how the heap lies.
 *
 * @since 0.1.0
 */

/**
 * Something planned.
 *
 * @category models
 * @since 0.1.0
 */
export interface Plan {
  readonly at: number
  readonly order: number
  /** Emptied when it is called off. */
  run: (() => void) | undefined
}

const isEarlier = (x: Plan, y: Plan): boolean => x.at < y.at || (x.at === y.at && x.order < y.order)

/**
 * A clock in milliseconds from the start, and what is planned.
 *
 * @category models
 * @since 0.1.0
 */
export class Timeline {
  /** Milliseconds since the start. */
  now = 0
  /** How many things have happened. */
  happened = 0
  /** A binary heap, the earliest first. */
  readonly #heap: Array<Plan> = []
  #order = 0
  /** What happens at this instant, before anything planned, in order; those before the head have happened. */
  #soon: Array<() => void> = []
  #head = 0

  /** Looks what time it is, where another clock decides that. */
  refresh(): void {}

  /** Plans something for a time; what lies in the past happens next. */
  at(time: number, run: () => void): Plan {
    const plan: Plan = { at: time < this.now ? this.now : time, order: this.#order++, run }
    const heap = this.#heap
    let index = heap.length
    heap.push(plan)
    while (index > 0) {
      const parent = (index - 1) >> 1
      const above = heap[parent]!
      if (!isEarlier(plan, above)) break
      heap[index] = above
      index = parent
    }
    heap[index] = plan
    return plan
  }

  /** Plans something for so many milliseconds from now. */
  after(delay: number, run: () => void): Plan {
    return this.at(this.now + delay, run)
  }

  /** Does something at this instant, when what happens now is over. */
  soon(run: () => void): void {
    this.#soon.push(run)
  }

  /** Does all that is to happen at this instant. */
  catchUp(): void {
    while (this.#head < this.#soon.length) this.#soon[this.#head++]!()
    if (this.#head > 0) {
      this.#soon = []
      this.#head = 0
    }
  }

  /** When the next thing happens: `Infinity` for never. */
  get next(): number {
    if (this.#head < this.#soon.length) return this.now
    this.#dropCancelled()
    return this.#heap[0]?.at ?? Number.POSITIVE_INFINITY
  }

  /** How much is planned. */
  get size(): number {
    return this.#heap.length
  }

  /** Lets the next thing happen, unless it comes after `until`. Returns whether it did. */
  step(until: number): boolean {
    this.catchUp()
    this.#dropCancelled()
    const first = this.#heap[0]
    if (first === undefined || first.at > until) return false
    this.#removeFirst()
    this.now = first.at
    this.happened++
    first.run!()
    this.catchUp()
    return true
  }

  /** Lets everything up to a time happen; then it is that time. */
  runUntil(until: number): void {
    while (this.step(until));
    if (until > this.now) this.now = until
  }

  #dropCancelled(): void {
    while (this.#heap.length > 0 && this.#heap[0]!.run === undefined) this.#removeFirst()
  }

  #removeFirst(): void {
    const heap = this.#heap
    const last = heap.pop()!
    const size = heap.length
    if (size === 0) return
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= size) break
      if (child + 1 < size && isEarlier(heap[child + 1]!, heap[child]!)) child++
      if (!isEarlier(heap[child]!, last)) break
      heap[index] = heap[child]!
      index = child
    }
    heap[index] = last
  }
}

/**
 * Calls something off.
 *
 * @category mutations
 * @since 0.1.0
 */
export const callOff = (plan: Plan | undefined): void => {
  if (plan !== undefined) plan.run = undefined
}
