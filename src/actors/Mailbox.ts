/**
 * Mailbox: the queue of an actor that works on all that is in it.
 *
 * A hop through a queue to a fiber that waits for it costs more than most of what is put in. So while its owner has nothing
 * to do a reader of a connection may hand it what has come, and the owner works on it there and then. Only once in a turn
 * of the event loop: what comes later in the same turn goes through the queue, so that it is worked on, and written,
 * together.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"

/** Items beyond which readers of connections wait. */
const full = 4096

/**
 * The queue of an actor.
 *
 * @category models
 * @since 0.1.0
 */
export class Mailbox<A> {
  readonly #queue: Queue.Queue<A>
  /** What is put in while the owner works: it is worked on next. */
  #meanwhile: Array<A> = []
  #isWorking = false
  /** What the owner does, while nothing keeps it from doing it at once. */
  #idle: ((items: ReadonlyArray<A>) => void) | undefined

  constructor(queue: Queue.Queue<A>) {
    this.#queue = queue
  }

  /** An empty one. */
  static make<A>(): Effect.Effect<Mailbox<A>> {
    return Effect.map(Queue.unbounded<A>(), (queue) => new Mailbox(queue))
  }

  /** Puts an item in. */
  offer(item: A): void {
    if (this.#isWorking) this.#meanwhile.push(item)
    else Queue.offerUnsafe(this.#queue, item)
  }

  /**
   * Whether the owner has worked on an item at once. Only for who is called by nobody's turn, as the reader of a connection
   * is: the owner of another mailbox may be in the middle of a change that this one would see.
   */
  hand(item: A): boolean {
    if (this.#idle === undefined || Queue.sizeUnsafe(this.#queue) > 0) return false
    this.#idle([item])
    return true
  }

  /** Puts in what came from a connection, after waiting for room. */
  readonly offerFromPeer: (item: A) => Effect.Effect<void> = Effect.fnUntraced({ self: this }, function*(item: A) {
    while (Queue.sizeUnsafe(this.#queue) >= full) yield* Effect.yieldNow
    this.offer(item)
  })

  /** The loop of the owner: `work` gets all that is there. What it throws ends the loop, wherever it was called. */
  serve(work: (items: ReadonlyArray<A>) => void): Effect.Effect<never> {
    const turn = (items: ReadonlyArray<A>): void => {
      this.#idle = undefined
      this.#isWorking = true
      try {
        work(items)
        const next = this.#meanwhile.splice(0)
        if (next.length > 0) work(next)
      } finally {
        this.#isWorking = false
        if (this.#meanwhile.length > 0) Queue.offerAllUnsafe(this.#queue, this.#meanwhile.splice(0))
      }
    }
    return Effect.withFiber<never>((fiber) => {
      const becomeIdle = (): void => {
        this.#idle = atOnce
      }
      const atOnce = (items: ReadonlyArray<A>): void => {
        try {
          turn(items)
          fiber.currentDispatcher.scheduleTask(becomeIdle, 0)
        } catch (error) {
          Queue.failCauseUnsafe(this.#queue, Cause.die(error))
        }
      }
      const queue = this.#queue
      return Effect.gen(function*() {
        while (true) {
          becomeIdle()
          turn(yield* Queue.takeAll(queue))
        }
      }).pipe(Effect.ensuring(Effect.sync(() => {
        this.#idle = undefined
      })))
    })
  }

  /** Takes out what nobody has worked on. */
  readonly clear: Effect.Effect<ReadonlyArray<A>> = Effect.suspend(() =>
    Effect.map(Queue.clear(this.#queue), (items) => [...items, ...this.#meanwhile.splice(0)])
  )
}
