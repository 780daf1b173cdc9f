/**
 * Applications: the applications of one Node, and the answer to what its actors
 * ask of them.
 *
 * Every application has a mailbox and a fiber of its own for events, so that a slow
 * one is late for itself alone. `onDeliver` and `onForward` run when a message
 * is there, in fibers that nobody waits for (see `Callbacks`).
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as PubSub from "effect/PubSub"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Acceptors from "./Acceptors.ts"
import { Upcalls } from "./actors/Upcalls.ts"
import * as Callbacks from "./Callbacks.ts"
import { Fifo } from "./core/Fifo.ts"
import type * as OwnedKeys from "./core/OwnedKeys.ts"
import type { Application, Changes, Forward } from "./protocol/Application.ts"
import type { ClusterConfig } from "./protocol/ClusterConfig.ts"
import { type ClusterError, type ClusterEvent, isError } from "./protocol/ClusterEvent.ts"
import { WendyEndedError } from "./protocol/EndedError.ts"
import * as Envelope from "./protocol/Envelope.ts"
import type { Answer, Outcome } from "./protocol/Frame.ts"
import * as Message from "./protocol/Message.ts"
import * as Purposes from "./protocol/Purposes.ts"
import type * as Node from "./ring/Node.ts"
import { Services } from "./Services.ts"

/**
 * The applications of one Node.
 *
 * @category models
 * @since 0.1.0
 */
export interface Applications {
  readonly upcalls: Upcalls["Service"]
  /** Registers an application as long as the scope is open. */
  readonly register: <A, R, Reply>(
    application: Application<A, R, Reply>
  ) => Effect.Effect<void, Message.WendyPurposeError, R | Scope.Scope>
  readonly services: Services
  /** Accepts sessions of a name as long as the scope is open. */
  readonly accept: Acceptors.Acceptors["accept"]
  /** Uses a definition at this Node. From then on no other may have its purpose. */
  readonly bind: <A, Reply>(definition: Message.Definition<A, Reply>) => Result.Result<void, Message.WendyPurposeError>
  /** The messages delivered from the moment of subscription on: all, or those of a purpose. */
  readonly deliveries: (purpose?: number) => Stream.Stream<Message.Message>
  /** What happens at this Node, in order. */
  readonly events: Stream.Stream<ClusterEvent>
  /** Whether a life of a Node is up, each time that this changes, as long as somebody listens; `watch` begins and ends. */
  readonly monitor: (node: Node.Node, watch: (isOn: boolean) => void) => Stream.Stream<"up" | "down">
  /** The keys that this Node answers for, each time that they change. */
  readonly ownershipChanges: Stream.Stream<OwnedKeys.Change>
}

/** Events that a late subscriber still sees, and that an application may lag behind. */
const maxEvents = 1024

interface Registered {
  readonly application: Application<any, any, any>
  readonly name: string
  readonly context: Context.Context<any>
  readonly events: Queue.Queue<ClusterEvent>
  missed: number
  /** Messages that it works on, gathered ones too: at most `maxDelivering`, whatever others do. */
  delivering: number
  /** Of one with `onDeliverAll`: what it gets next, and who is to be told what became of each. */
  gathered: Array<Gathered>
}

/** Those who listen to the deliveries of one purpose, or to all: they have a bound as an application has. */
interface Listeners {
  readonly purpose: number | undefined
  readonly messages: PubSub.PubSub<Message.Message>
  /** Messages that wait for them. */
  waiting: number
}

interface Gathered {
  readonly message: Message.Message<any>
  readonly done: (isDelivered: boolean) => void
}

/**
 * No application yet. What it runs ends with the scope; `end` is called when an actor has failed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(options: {
  readonly config: ClusterConfig
  readonly end: (error: WendyEndedError) => void
}) {
  const { config } = options
  const nodeScope = yield* Effect.scope
  /** The last events, until somebody listens for the first time. */
  const early = new Fifo<ClusterEvent>()
  // These take 200 kB and a millisecond, and few programs listen: they are made when somebody does.
  let events: PubSub.PubSub<ClusterEvent> | undefined
  let listening: ReadonlyArray<Listeners> = []
  const forEvents = yield* Effect.cached(
    Effect.map(PubSub.sliding<ClusterEvent>({ capacity: maxEvents * 8, replay: maxEvents }), (made) => {
      for (const event of early) PubSub.publishUnsafe(made, event)
      early.drop(early.length)
      return events = made
    }).pipe(Effect.uninterruptible)
  )
  const listenersOf = (purpose: number | undefined) =>
    Effect.map(PubSub.bounded<Message.Message>(config.maxDelivering), (messages): Listeners => {
      const known = listening.find((one) => one.purpose === purpose)
      if (known !== undefined) return known
      const listeners: Listeners = { purpose, messages, waiting: 0 }
      listening = [...listening, listeners]
      return listeners
    }).pipe(Effect.uninterruptible)
  /** Who watches Nodes, by life. */
  const watchers = new Map<string, Set<(isUp: boolean) => void>>()
  let ownership: PubSub.PubSub<OwnedKeys.Change> | undefined
  const forOwnership = yield* Effect.cached(
    Effect.map(PubSub.sliding<OwnedKeys.Change>({ capacity: maxEvents }), (made) => ownership = made).pipe(
      Effect.uninterruptible
    )
  )
  const deliverCallbacks = yield* Callbacks.make(config.deliverTimeout)
  const forwardCallbacks = yield* Callbacks.make(config.forwardTimeout)
  const eventCallbacks = yield* Callbacks.make(config.callbackTimeout)
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const log = (line: Effect.Effect<void>) =>
    void fork(Effect.annotateLogs(line, { module: "effect-wendy/Application" }))
  const definitions = new Map<number, Message.Definition<any, any>>()
  /** Replaced, never changed: a callback may register while it is being gone through. */
  let registered: ReadonlyArray<Registered> = []
  let forwarders: ReadonlyArray<Registered> = []
  let count = 0
  /** Those for which messages have been gathered. */
  const gathering: Array<Registered> = []
  let onRoom = () => {}
  /** What there has been an `onDeliver` for. */
  const served = new Set<number | "all">()

  // ---------------------------------------------------------------------------
  // events
  // ---------------------------------------------------------------------------

  const event = (event: ClusterEvent): void => {
    if (events !== undefined) {
      PubSub.publishUnsafe(events, event)
    } else {
      early.push(event)
      if (early.length > maxEvents) early.shift()
    }
    for (const entry of registered) {
      if (handlerOf(entry.application, event) === undefined) continue
      // Full, it drops its oldest, and the application hears of it with the next.
      if (Queue.sizeUnsafe(entry.events) === maxEvents) entry.missed++
      Queue.offerUnsafe(entry.events, event)
    }
  }

  const report = (error: ClusterError["_tag"], message: string): void => event({ _tag: error, message })

  /** Says what went wrong in a callback. In `onError` itself that is said to nobody but the log, or there would be no end to it. */
  const reportCallback = (entry: Registered, callback: string, exit: Callbacks.Outcome<unknown>, within: number) => {
    const [error, text] = exit === undefined
      ? ["CallbackLate", `did not return within ${within} ms`] as const
      : ["CallbackFailed", Exit.isFailure(exit) ? `failed: ${Cause.pretty(exit.cause)}` : "failed"] as const
    const message = `${callback} of ${entry.name} ${text}`
    if (callback !== "onError") report(error, message)
    log((exit !== undefined && Exit.hasDies(exit) ? Effect.logWarning : Effect.logDebug)(message))
  }

  const callOn = (entry: Registered, event: ClusterEvent): Effect.Effect<void> => {
    const handler = handlerOf(entry.application, event)
    if (handler === undefined) return Effect.void
    const [name, callback] = handler
    return Effect.callback<void>((resume) => {
      eventCallbacks.run(callback, entry.context, (exit) => {
        if (exit === undefined || Exit.isFailure(exit)) reportCallback(entry, name, exit, config.callbackTimeout)
        resume(Effect.void)
      })
    })
  }

  /** One after another, so that an application sees things in the order in which they happened. */
  const serve = (entry: Registered) =>
    Effect.gen(function*() {
      while (true) {
        const event = yield* Queue.take(entry.events)
        if (entry.missed > 0) {
          const message = `${entry.name} lags behind: its oldest ${entry.missed} events were dropped`
          entry.missed = 0
          yield* callOn(entry, { _tag: "EventsMissed", message })
        }
        yield* callOn(entry, event)
      }
    })

  // ---------------------------------------------------------------------------
  // messages
  // ---------------------------------------------------------------------------

  const takes = ({ application: { message: kind, onDeliver, onDeliverAll } }: Registered, purpose: number): boolean =>
    (kind === undefined || kind.purpose === purpose) && (onDeliver !== undefined || onDeliverAll !== undefined)

  const hears = (listeners: Listeners, purpose: number): boolean =>
    listeners.purpose === undefined || listeners.purpose === purpose

  const mayDeliver = (purpose: number): boolean => {
    for (const one of listening) {
      if (one.waiting >= config.maxDelivering && hears(one, purpose)) return false
    }
    for (const entry of registered) {
      if (entry.delivering >= config.maxDelivering && takes(entry, purpose)) return false
    }
    return true
  }

  const deliver = (message: Message.Message, done: (answer: Answer) => void): Answer | undefined => {
    const definition = definitions.get(message.purpose)
    const decoded = definition?.decode(message.value)
    if (decoded !== undefined && Result.isFailure(decoded)) {
      report(
        "BadValue",
        `a message from ${message.from.hex} does not fit the definition of "${
          definition!.name
        }": ${decoded.failure.message}`
      )
      return "undecodable"
    }
    let outcome: Outcome = "delivered"
    /** Of the first application that has one. */
    let reply: Uint8Array | undefined
    let open = 1
    let isServed = false
    let isLater = false
    const close = (hadRoom: boolean): void => {
      open--
      if (open === 0 && isLater) done(answerOf(outcome, reply))
      // Nothing else says that there is room: others still work on this message.
      else if (!hadRoom && isLater) onRoom()
    }
    for (const one of listening) {
      if (!hears(one, message.purpose) || PubSub.publishUnsafe(one.messages, message)) continue
      open++
      one.waiting++
      fork(PubSub.publish(one.messages, message)).addObserver(() => close(one.waiting-- < config.maxDelivering))
    }
    for (const entry of registered) {
      if (!takes(entry, message.purpose)) continue
      const { message: kind, onDeliver, onDeliverAll } = entry.application
      entry.delivering++
      const argument = kind === undefined ? message : { ...message, value: decoded!.success }
      open++
      isServed = true
      if (onDeliverAll !== undefined) {
        if (entry.gathered.length === 0) gathering.push(entry)
        entry.gathered.push({
          message: argument,
          done: (isDelivered) => {
            if (!isDelivered) outcome = "failed"
            close(entry.delivering-- < config.maxDelivering)
          }
        })
        continue
      }
      deliverCallbacks.run(() => onDeliver!(argument), entry.context, (exit) => {
        if (exit === undefined || Exit.isFailure(exit)) {
          outcome = "failed"
          reportCallback(entry, "onDeliver", exit, config.deliverTimeout)
        } else if (message.wantsReply && reply === undefined) {
          const encoded = replyOf(kind, exit.value, Math.min(config.maxReplySize, config.maxValueSize))
          if (Result.isSuccess(encoded)) reply = encoded.success
          else {
            outcome = "failed"
            report("CallbackFailed", `onDeliver of ${entry.name} returned a reply that cannot be: ${encoded.failure}`)
          }
        }
        close(entry.delivering-- < config.maxDelivering)
      })
    }
    // Whoever was to have it has just been removed: to call that delivered would be to lose it.
    if (!isServed && (served.has(message.purpose) || served.has("all"))) outcome = "failed"
    open--
    if (open === 0) return answerOf(outcome, reply)
    isLater = true
    return undefined
  }

  const deliverGathered = (): void => {
    // Who is done with some may make room for others, which are gathered meanwhile.
    for (let entry = gathering.shift(); entry !== undefined; entry = gathering.shift()) {
      const { application: { onDeliverAll }, context, gathered } = entry
      entry.gathered = []
      const finish = (isDelivered: boolean) => gathered.forEach(({ done }) => done(isDelivered))
      // Removed a moment ago: what it needs may be gone.
      if (!registered.includes(entry)) {
        finish(false)
        continue
      }
      const messages = gathered.map(({ message }) => message)
      deliverCallbacks.run(() => onDeliverAll!(messages), context, (exit) => {
        const isDelivered = exit !== undefined && Exit.isSuccess(exit)
        if (!isDelivered) reportCallback(entry, "onDeliverAll", exit, config.deliverTimeout)
        finish(isDelivered)
      })
    }
  }

  const forward: Upcalls["Service"]["forward"] = (makeMessage, next, done) => {
    if (forwarders.length === 0) return "forward"
    const message = makeMessage()
    return forwardFrom(forwarders, 0, message, message, next, done)
  }

  /** Asks the applications from one on; each sees what the earlier ones made of the message. */
  const forwardFrom = (
    entries: ReadonlyArray<Registered>,
    from: number,
    original: Message.Message,
    current: Message.Message,
    next: Node.Node,
    done: (forward: Message.RawMessage | "forward" | "drop") => void
  ): Message.RawMessage | "forward" | "drop" | undefined => {
    let message = current
    for (let index = from; index < entries.length; index++) {
      const entry = entries[index]!
      const { application } = entry
      const kind = application.message
      if (kind !== undefined && kind.purpose !== message.purpose) continue
      const argument = kind === undefined ? message : decodeFor(kind, message)
      // What does not decode is for the root to judge.
      if (argument === undefined) continue
      const apply = (answer: Forward<unknown>): boolean => {
        if (answer._tag === "Drop") return false
        if (answer._tag === "Replace") {
          const changed = changedMessage(message, kind, answer.changes, config.maxValueSize)
          if (Result.isSuccess(changed)) message = changed.success
          else {report(
              "CallbackFailed",
              `onForward of ${entry.name} gave a message that cannot be: ${changed.failure}`
            )}
        }
        return true
      }
      /** Also an answer may be no answer at all: it decides nothing then. */
      const decide = (answer: Forward<unknown>): boolean => {
        try {
          return apply(answer)
        } catch (defect) {
          reportCallback(entry, "onForward", Exit.die(defect), config.forwardTimeout)
          return true
        }
      }
      if (application.onForward !== undefined) {
        const onForward = application.onForward
        let isLater = false
        let verdict: "go on" | "drop" | undefined
        forwardCallbacks.run(() => onForward(argument, next), entry.context, (exit) => {
          if (exit === undefined || Exit.isFailure(exit)) {
            reportCallback(entry, "onForward", exit, config.forwardTimeout)
          }
          verdict = exit !== undefined && Exit.isSuccess(exit) && !decide(exit.value) ? "drop" : "go on"
          if (!isLater) return
          const rest = verdict === "drop"
            ? "drop"
            : forwardFrom(entries, index + 1, original, message, next, done)
          if (rest !== undefined) done(rest)
        })
        if (verdict === "drop") return "drop"
        if (verdict === undefined) {
          isLater = true
          return undefined
        }
      }
    }
    return message === original ? "forward" : message
  }

  // ---------------------------------------------------------------------------
  // registration
  // ---------------------------------------------------------------------------

  const bind = <A, Reply>(definition: Message.Definition<A, Reply>): Result.Result<void, Message.WendyPurposeError> => {
    const known = definitions.get(definition.purpose)
    if (known !== undefined && !Message.isSameDefinition(known, definition)) {
      return Result.fail(
        new Message.WendyPurposeError({
          purpose: definition.purpose,
          message: `the messages "${known.name}" and "${definition.name}" both have purpose ${definition.purpose}: ` +
            `give one of them another, from ${Message.lowestPurpose} to ${Message.highestPurpose}`
        })
      )
    }
    definitions.set(definition.purpose, definition)
    return Result.succeed(undefined)
  }

  const change = (entries: ReadonlyArray<Registered>): void => {
    registered = entries
    forwarders = entries.filter(({ application }) => application.onForward !== undefined)
  }

  const register = <A, R, Reply>(application: Application<A, R, Reply>) =>
    Effect.gen(function*() {
      if (application.message !== undefined) yield* Effect.fromResult(bind(application.message))
      const entry: Registered = {
        application,
        name: application.name ?? `application ${++count}`,
        context: yield* Effect.context<R>(),
        events: yield* Queue.sliding<ClusterEvent>(maxEvents),
        missed: 0,
        delivering: 0,
        gathered: []
      }
      const { message: kind, onDeliver, onDeliverAll } = application
      if (onDeliver !== undefined || onDeliverAll !== undefined) served.add(kind?.purpose ?? "all")
      yield* Effect.acquireRelease(
        Effect.andThen(
          Effect.sync(() => change([...registered, entry])),
          Effect.forkIn(serve(entry), nodeScope, { startImmediately: true })
        ),
        (fiber) =>
          Effect.sync(() => {
            change(registered.filter((other) => other !== entry))
            onRoom()
            fiber.interruptUnsafe()
          })
      )
    })

  const services = new Services()
  const acceptors = Acceptors.make((message) => report("CallbackFailed", message))

  const upcalls = Upcalls.of({
    event: (happened) => {
      event(happened)
      if (happened._tag === "JoinRetrying") fork(Effect.logInfo(`not joined yet: ${happened.message}`))
      if (happened._tag === "NotReady") {
        fork(
          Effect.logWarning(
            "this Node has lost its place in the ring: it answers for nothing until it has joined again"
          )
        )
      }
    },
    ownership: (change) => {
      if (ownership !== undefined) PubSub.publishUnsafe(ownership, change)
    },
    monitored: ({ life }, isUp) => watchers.get(life)?.forEach((tell) => tell(isUp)),
    accepting: acceptors.accepting,
    deliver,
    serve: (frame, message, done) =>
      services.deliver(message, {
        origin: Envelope.origin(frame),
        incarnation: Envelope.incarnation(frame),
        counter: Envelope.counter(frame),
        floor: Envelope.floor(frame)
      }, done),
    serves: (purpose) => services.serves(purpose),
    mayDeliver: (purpose) => Purposes.isService(purpose) ? services.mayDeliver(purpose) : mayDeliver(purpose),
    onRoom: (listener) => {
      onRoom = listener
      services.onRoom = listener
    },
    deliverGathered,
    forward,
    defect: (actor, cause) => {
      report("Defect", `${actor} failed, so this Node ends: ${Cause.pretty(cause)}`)
      fork(
        Effect.annotateLogs(Effect.logError(`${actor} failed, so this Node ends`, cause), {
          module: `effect-wendy/actors/${actor}`
        })
      )
      options.end(
        new WendyEndedError({ reason: { _tag: "Defect", message: `${actor} failed: ${Cause.pretty(cause)}` } })
      )
    },
    end: (reason, message) => {
      report(reason, `this Node ends: ${message}`)
      fork(Effect.annotateLogs(Effect.logError(`this Node ends: ${message}`), { module: "effect-wendy/Cluster" }))
      options.end(new WendyEndedError({ reason: { _tag: reason, message } }))
    }
  })

  const monitor: Applications["monitor"] = (node, watch) =>
    Stream.callback<"up" | "down">((queue) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          let last: boolean | undefined
          const tell = (isUp: boolean): void => {
            // What one hears who comes later others have heard before.
            if (last === isUp) return
            last = isUp
            Queue.offerUnsafe(queue, isUp ? "up" : "down")
          }
          const others = watchers.get(node.life) ?? new Set()
          watchers.set(node.life, others.add(tell))
          watch(true)
          return tell
        }),
        (tell) =>
          Effect.sync(() => {
            const others = watchers.get(node.life)
            others?.delete(tell)
            if (others === undefined || others.size > 0) return
            watchers.delete(node.life)
            watch(false)
          })
      )
    )

  const applications: Applications = {
    upcalls,
    register,
    services,
    accept: acceptors.accept,
    bind,
    deliveries: (purpose) =>
      Stream.unwrap(Effect.map(listenersOf(purpose), ({ messages }) => Stream.fromPubSub(messages))),
    monitor,
    ownershipChanges: Stream.unwrap(Effect.map(forOwnership, Stream.fromPubSub)),
    events: Stream.unwrap(Effect.map(forEvents, Stream.fromPubSub))
  }
  return applications
})

/** The callback of an application for an event, and its name. */
const handlerOf = <R>(
  application: Application<any, R, any>,
  event: ClusterEvent
): readonly [string, () => Effect.Effect<unknown, unknown, R>] | undefined => {
  switch (event._tag) {
    case "NewLeaves": {
      const { onNewLeaves } = application
      return onNewLeaves && ["onNewLeaves", () => onNewLeaves(event.left, event.right)]
    }
    case "NodeJoined": {
      const { onNodeJoin } = application
      return onNodeJoin && ["onNodeJoin", () => onNodeJoin(event.node)]
    }
    case "NodeExited": {
      const { onNodeExit } = application
      return onNodeExit && ["onNodeExit", () => onNodeExit(event.node, event.reason)]
    }
    case "Heartbeat": {
      const { onHeartbeat } = application
      return onHeartbeat && ["onHeartbeat", () => onHeartbeat(event.from)]
    }
    default: {
      const { onError } = application
      return onError && isError(event) ? ["onError", () => onError(event)] : undefined
    }
  }
}

const decodeFor = <A>(kind: Message.Definition<A, any>, message: Message.Message): Message.Message<A> | undefined => {
  const decoded = kind.decode(message.value)
  return Result.isSuccess(decoded) ? { ...message, value: decoded.success } : undefined
}

/** The bytes of what a callback returned, none where it has no reply, or what is wrong with them. */
const replyOf = (
  kind: Message.Definition<any, any> | undefined,
  value: unknown,
  maxSize: number
): Result.Result<Uint8Array | undefined, string> => {
  const encoded = kind?.reply === undefined
    ? Result.succeed(kind === undefined && value instanceof Uint8Array ? value : undefined)
    : Result.mapError(kind.reply.encode(value), ({ message }) => message)
  return Result.filterOrFail(
    encoded,
    (bytes) => bytes === undefined || bytes.length <= maxSize,
    (bytes) => `it has ${bytes!.length} bytes; at most ${maxSize} are allowed`
  )
}

const answerOf = (outcome: Outcome, reply: Uint8Array | undefined): Answer =>
  outcome === "delivered" ? reply ?? outcome : outcome

/** The message that goes on in another's place, checked as one that is sent. */
const changedMessage = (
  message: Message.Message,
  kind: Message.Definition<any, any> | undefined,
  changes: Changes<unknown>,
  maxValueSize: number
): Result.Result<Message.Message, string> => {
  const key = changes.key ?? message.key
  const outgoing: Message.OutgoingMessage = changes.value === undefined || kind === undefined
    ? {
      key,
      purpose: changes.purpose ?? message.purpose,
      value: changes.value === undefined ? message.value : changes.value as Uint8Array
    }
    : kind.make(key, changes.value)
  return Result.mapBoth(Message.encode(outgoing, maxValueSize), {
    onSuccess: ({ key, purpose, value }) => ({ ...message, key, purpose, value }),
    onFailure: (error) => error.message
  })
}
