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
  /** Emptied when it is called off. */
  run: (() => void) | undefined
}

/** Children of a place in the heap: four lie side by side in memory, and make it half as deep as two would. */
const arity = 4

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
  /**
   * A heap, the earliest first. Times, and the order of planning where they are equal, stand in arrays of their own:
   * to compare two plans in a large simulation must not touch both, wherever they lie in memory.
   */
  readonly #plans: Array<Plan> = []
  #times = new Float64Array(1024)
  #orders = new Float64Array(1024)
  #order = 0
  /** What happens at this instant, before anything planned, in order; those before the head have happened. */
  #soon: Array<() => void> = []
  #head = 0

  /** Looks what time it is, where another clock decides that. */
  refresh(): void {}

  /** Plans something for a time; what lies in the past happens next. */
  at(time: number, run: () => void): Plan {
    const plan: Plan = { at: time < this.now ? this.now : time, run }
    const index = this.#plans.length
    if (index === this.#times.length) this.#grow()
    this.#plans.push(plan)
    this.#raise(index, plan, this.#order++)
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
    return this.#plans[0]?.at ?? Number.POSITIVE_INFINITY
  }

  /** How much is planned. */
  get size(): number {
    return this.#plans.length
  }

  /** Lets the next thing happen, unless it comes after `until`. Returns whether it did. */
  step(until: number): boolean {
    this.catchUp()
    this.#dropCancelled()
    const first = this.#plans[0]
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
    while (this.#plans.length > 0 && this.#plans[0]!.run === undefined) this.#removeFirst()
  }

  #grow(): void {
    this.#times = twice(this.#times)
    this.#orders = twice(this.#orders)
  }

  #put(index: number, plan: Plan, order: number): void {
    this.#plans[index] = plan
    this.#times[index] = plan.at
    this.#orders[index] = order
  }

  /** Puts a plan in place, from a free place towards the first. */
  #raise(from: number, plan: Plan, order: number): void {
    const plans = this.#plans
    const times = this.#times
    const orders = this.#orders
    let index = from
    while (index > 0) {
      const parent = Math.floor((index - 1) / arity)
      // What is above was planned before, so it stays there if the times are equal.
      if (times[parent]! <= plan.at) break
      plans[index] = plans[parent]!
      times[index] = times[parent]!
      orders[index] = orders[parent]!
      index = parent
    }
    this.#put(index, plan, order)
  }

  #removeFirst(): void {
    const plans = this.#plans
    const times = this.#times
    const orders = this.#orders
    const last = plans.pop()!
    const size = plans.length
    if (size === 0) return
    const time = times[size]!
    const order = orders[size]!
    let index = 0
    for (;;) {
      const first = arity * index + 1
      if (first >= size) break
      let least = first
      for (let child = first + 1; child < Math.min(first + arity, size); child++) {
        const isEarlier = times[child]! < times[least]! ||
          (times[child] === times[least] && orders[child]! < orders[least]!)
        if (isEarlier) least = child
      }
      if (time < times[least]! || (time === times[least] && order < orders[least]!)) break
      plans[index] = plans[least]!
      times[index] = times[least]!
      orders[index] = orders[least]!
      index = least
    }
    this.#put(index, last, order)
  }
}

const twice = (numbers: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> => {
  const more = new Float64Array(2 * numbers.length)
  more.set(numbers)
  return more
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
