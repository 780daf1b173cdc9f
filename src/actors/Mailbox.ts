/**
 * Mailbox: the queue of an actor that works on all that is in it.
 *
 * A hop through a queue to a fiber that waits for it costs more than most of what is put in. So while the actors of a Node
 * have nothing to do, whoever has something for one of them may hand it over, and it is worked on there and then. Only once
 * in a turn of the event loop: what comes later in the same turn goes through the queue, so that it is worked on, and
 * written, together.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"

/** Items beyond which readers of connections wait. */
const full = 4096

/**
 * The actors of a Node, by their mailboxes. One at most is at work, for each may read what another one writes; and nothing
 * overtakes what waits, in whichever mailbox that is.
 *
 * @category models
 * @since 0.1.0
 */
export class ActorGroup {
  isAtWork = false
  readonly #mailboxes: Array<{ readonly isEmpty: boolean }> = []

  /** A further mailbox, with nothing in it. */
  readonly makeMailbox = <A>(): Effect.Effect<Mailbox<A>> =>
    Effect.map(Queue.unbounded<A>(), (queue) => {
      const mailbox = new Mailbox(queue, this)
      this.#mailboxes.push(mailbox)
      return mailbox
    })

  /** Nobody is at work, and nothing waits for anybody. */
  get isIdle(): boolean {
    return !this.isAtWork && this.#mailboxes.every(({ isEmpty }) => isEmpty)
  }
}

/**
 * The queue of an actor.
 *
 * @category models
 * @since 0.1.0
 */
export class Mailbox<A> {
  readonly #queue: Queue.Queue<A>
  readonly #actorGroup: ActorGroup
  /** What is put in while the owner works: it is worked on next. */
  #meanwhile: Array<A> = []
  #isWorking = false
  /** The owner works on an item at once, if it waits for one and has not done so yet in this turn of the event loop. */
  #take: ((item: A) => void) | undefined

  constructor(queue: Queue.Queue<A>, actorGroup: ActorGroup) {
    this.#queue = queue
    this.#actorGroup = actorGroup
  }

  /** Nothing waits in it. */
  get isEmpty(): boolean {
    return Queue.sizeUnsafe(this.#queue) === 0
  }

  /** Puts an item in. */
  offer(item: A): void {
    if (this.#isWorking) this.#meanwhile.push(item)
    else Queue.offerUnsafe(this.#queue, item)
  }

  /** Whether the owner has worked on an item at once; else it has not got it. */
  runInline(item: A): boolean {
    if (this.#take === undefined || !this.#actorGroup.isIdle) return false
    this.#take(item)
    return true
  }

  /** Hands an item over, or puts it in. */
  submit(item: A): void {
    if (!this.runInline(item)) this.offer(item)
  }

  /** Hands over what came from a connection, or puts it in when there is room. */
  submitFromPeer(item: A): Effect.Effect<void> {
    return this.runInline(item) ? Effect.void : this.#offerWhenThereIsRoom(item)
  }

  readonly #offerWhenThereIsRoom = Effect.fnUntraced({ self: this }, function*(item: A) {
    while (Queue.sizeUnsafe(this.#queue) >= full) yield* Effect.yieldNow
    this.offer(item)
  })

  /** The loop of the owner: `work` gets all that is there. What it throws ends the loop, whoever has called it. */
  serve(work: (items: ReadonlyArray<A>) => void): Effect.Effect<never> {
    const turn = (items: ReadonlyArray<A>): void => {
      this.#take = undefined
      this.#isWorking = true
      this.#actorGroup.isAtWork = true
      try {
        work(items)
        const next = this.#meanwhile.splice(0)
        if (next.length > 0) work(next)
      } finally {
        this.#isWorking = false
        this.#actorGroup.isAtWork = false
        if (this.#meanwhile.length > 0) Queue.offerAllUnsafe(this.#queue, this.#meanwhile.splice(0))
      }
    }
    return Effect.withFiber<never>((fiber) => {
      let isServing = true
      let failure: Cause.Cause<never> | undefined
      const take = (item: A): void => {
        try {
          turn([item])
          fiber.currentDispatcher.scheduleTask(becomeFree, 0)
        } catch (error) {
          failure = Cause.die(error)
          Queue.failCauseUnsafe(this.#queue, failure)
        }
      }
      const becomeFree = (): void => {
        if (isServing) this.#take = take
      }
      const queue = this.#queue
      return Effect.gen(function*() {
        while (true) {
          becomeFree()
          const items = yield* Queue.takeAll(queue)
          if (failure !== undefined) return yield* Effect.failCause(failure)
          turn(items)
        }
      }).pipe(Effect.ensuring(Effect.sync(() => {
        isServing = false
        this.#take = undefined
      })))
    })
  }

  /** Takes out what nobody has worked on. */
  readonly clear: Effect.Effect<ReadonlyArray<A>> = Effect.suspend(() =>
    Effect.map(Queue.clear(this.#queue), (items) => [...items, ...this.#meanwhile.splice(0)])
  )
}
