/**
 * Quota: the bound of messages that a sender has under way, and where further ones wait.
 *
 * What one purpose has under way is bounded by what is free, so that messages whose
 * application hangs leave room for those of others. Each purpose has a line of its own,
 * whose members are let in one by one, in the order in which they came.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

/**
 * How much of messages.
 *
 * @category models
 * @since 0.1.0
 */
export interface Amount {
  readonly messages: number
  readonly bytes: number
}

/** What one purpose has under way, and those who wait. */
interface Line {
  messages: number
  bytes: number
  readonly waiting: Set<Waiter>
}

interface Waiter {
  readonly amount: Amount
  readonly enter: () => void
}

/**
 * One purpose may have so many times what is free: seven eighths of all where it is the only one, and something is left
 * for the next one however many there are.
 */
const share = 7

/**
 * Counts what is under way.
 *
 * @category models
 * @since 0.1.0
 */
export class Quota {
  readonly #most: Amount
  readonly #mayPass: () => boolean
  readonly #lines = new Map<number, Line>()
  #messages = 0
  #bytes = 0
  #isOpen = false

  /** `mayPass` is asked for each, besides the bounds. */
  constructor(most: Amount, mayPass: () => boolean = () => true) {
    this.#most = most
    this.#mayPass = mayPass
  }

  /**
   * Waits for room for messages of a purpose, takes it, and calls `take`: nothing else runs in between. Who is interrupted
   * takes none. What is more than there can ever be room for enters when nothing else of its purpose is under way.
   */
  enter(purpose: number, amount: Amount, take: () => void): Effect.Effect<void> {
    return Effect.suspend(() => {
      const line = this.#line(purpose)
      if (line.waiting.size === 0 && this.#hasRoom(line, amount)) {
        this.#add(line, amount)
        take()
        return Effect.void
      }
      return Effect.callback<void>((resume) => {
        const enter = () => {
          take()
          resume(Effect.void)
        }
        const waiter: Waiter = { amount, enter }
        line.waiting.add(waiter)
        return Effect.sync(() => line.waiting.delete(waiter))
      })
    })
  }

  /** Counts what is under way again, whether there is room or not. */
  add(purpose: number, amount: Amount): void {
    this.#add(this.#line(purpose), amount)
  }

  /** A message is not under way any more. Call `letIn` after. */
  remove(purpose: number, bytes: number): void {
    this.#add(this.#line(purpose), { messages: -1, bytes: -bytes })
  }

  /** Lets in who has room now. */
  letIn(): void {
    for (const line of this.#lines.values()) {
      for (const waiter of line.waiting) {
        if (!this.#hasRoom(line, waiter.amount)) break
        line.waiting.delete(waiter)
        this.#add(line, waiter.amount)
        waiter.enter()
      }
    }
  }

  /** From now on nobody waits. */
  open(): void {
    this.#isOpen = true
    this.letIn()
  }

  #add(line: Line, { bytes, messages }: Amount): void {
    line.messages += messages
    line.bytes += bytes
    this.#messages += messages
    this.#bytes += bytes
  }

  #line(purpose: number): Line {
    let line = this.#lines.get(purpose)
    if (line === undefined) this.#lines.set(purpose, line = { messages: 0, bytes: 0, waiting: new Set() })
    return line
  }

  #hasRoom(line: Line, { bytes, messages }: Amount): boolean {
    if (this.#isOpen) return true
    if (!this.#mayPass()) return false
    const free = this.#most.messages - this.#messages - messages
    const freeBytes = this.#most.bytes - this.#bytes - bytes
    return (line.messages + messages <= share * free && line.bytes + bytes <= share * freeBytes) || line.messages === 0
  }
}
