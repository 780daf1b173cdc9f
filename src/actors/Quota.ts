/**
 * Quota: the bound of messages that a sender has under way, and where further ones wait.
 *
 * What one purpose has under way is bounded by what is free, so that messages whose
 * application hangs leave room for those of others. Each purpose has a line of its own.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import { Gate } from "./Gate.ts"

/**
 * Most that may be under way, of all purposes together.
 *
 * @category models
 * @since 0.1.0
 */
export interface Most {
  readonly messages: number
  readonly bytes: number
}

/** What one purpose has under way, and those who wait. */
interface Line {
  messages: number
  bytes: number
  readonly gate: Gate
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
  readonly #most: Most
  readonly #mayPass: () => boolean
  readonly #lines = new Map<number, Line>()
  #messages = 0
  #bytes = 0
  #isOpen = false

  /** `mayPass` is asked for each, besides the bounds. */
  constructor(most: Most, mayPass: () => boolean = () => true) {
    this.#most = most
    this.#mayPass = mayPass
  }

  /** Waits for room for messages of a purpose, takes it, and calls `take`: nothing else runs in between. */
  enter(purpose: number, messages: number, bytes: number, take: () => void): Effect.Effect<void> {
    return this.#line(purpose).gate.enter(() => {
      this.add(purpose, messages, bytes)
      take()
    })
  }

  /** Counts what is under way again, whether there is room or not. */
  add(purpose: number, messages: number, bytes: number): void {
    const line = this.#line(purpose)
    line.messages += messages
    line.bytes += bytes
    this.#messages += messages
    this.#bytes += bytes
  }

  /** A message is not under way any more. Call `letIn` after. */
  remove(purpose: number, bytes: number): void {
    const line = this.#line(purpose)
    line.messages--
    line.bytes -= bytes
    this.#messages--
    this.#bytes -= bytes
  }

  /** Lets in who has room now. */
  letIn(): void {
    for (const { gate } of this.#lines.values()) gate.letIn()
  }

  /** From now on nobody waits. */
  open(): void {
    this.#isOpen = true
    this.letIn()
  }

  #line(purpose: number): Line {
    let line = this.#lines.get(purpose)
    if (line === undefined) {
      const made: Line = { messages: 0, bytes: 0, gate: new Gate(() => this.#hasRoom(made)) }
      this.#lines.set(purpose, line = made)
    }
    return line
  }

  #hasRoom(line: Line): boolean {
    if (this.#isOpen) return true
    const free = this.#most.messages - this.#messages
    const freeBytes = this.#most.bytes - this.#bytes
    return free > 0 && freeBytes > 0 && line.messages <= share * free && line.bytes <= share * freeBytes &&
      this.#mayPass()
  }
}
