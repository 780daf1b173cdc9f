/**
 * Gate: where those wait for whom there is no room, and are let in one by one, in the order in which they came.
 *
 * A latch would wake all of them whenever there is room for one, and all but some would have to wait again.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

/**
 * Asks whether there is room before each that it lets in.
 *
 * @category models
 * @since 0.1.0
 */
export class Gate {
  readonly #hasRoom: () => boolean
  readonly #waiting = new Set<() => void>()

  constructor(hasRoom: () => boolean) {
    this.#hasRoom = hasRoom
  }

  /** Waits for room, and calls `take` when there is: nothing else runs in between. Who is interrupted takes none. */
  enter(take: () => void): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.#waiting.size === 0 && this.#hasRoom()) {
        take()
        return Effect.void
      }
      return Effect.callback<void>((resume) => {
        const enter = () => {
          take()
          resume(Effect.void)
        }
        this.#waiting.add(enter)
        return Effect.sync(() => this.#waiting.delete(enter))
      })
    })
  }

  /** Lets in whoever has room now. */
  letIn(): void {
    for (const enter of this.#waiting) {
      if (!this.#hasRoom()) return
      this.#waiting.delete(enter)
      enter()
    }
  }
}
