/**
 * Join: the conversation with the seeds, until this Node is ready.
 *
 * It finds somebody who listens at a seed's address and tells StateTables; who
 * then lets this Node in is the core's business. It keeps trying, says so, and
 * knows when to give up: when every seed that answers refuses. Rules B1 to B3 of `docs/protocol.md`.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Address from "../protocol/Address.ts"
import { JoinFailed } from "../protocol/JoinFailed.ts"
import type * as Node from "../ring/Node.ts"
import * as Link from "../transport/Link.ts"
import { Links } from "./Links.ts"
import { Mailboxes } from "./Mailboxes.ts"
import { NodeState } from "./NodeState.ts"
import { supervise, Upcalls } from "./Upcalls.ts"

/**
 * Knows when this Node is ready.
 *
 * @category services
 * @since 0.1.0
 */
export class Join extends Context.Service<Join, {
  /** Completes when this Node is ready for the first time. */
  readonly ready: Effect.Effect<void, JoinFailed>
}>()("effect-wendy/actors/Join") {
  static readonly layer = (options: {
    /** Addresses to ask, not one's own. */
    readonly seeds: ReadonlyArray<Address.Address>
    /** How many milliseconds to wait for a seed before starting a ring: 0 without seeds, `undefined` for never. */
    readonly foundAfter: number | undefined
    readonly timeout: number | undefined
  }): Layer.Layer<Join, never, Links | Mailboxes | NodeState | Upcalls> => Layer.effect(Join, make(options))
}

/** Shortest and longest pause between two rounds through the seeds, in milliseconds. */
const shortestPause = 100
const longestPause = 3000

const make = Effect.fnUntraced(function*(options: {
  readonly seeds: ReadonlyArray<Address.Address>
  readonly foundAfter: number | undefined
  readonly timeout: number | undefined
}) {
  const links = yield* Links
  const mailboxes = yield* Mailboxes
  const { config, membership, now } = yield* NodeState
  const upcalls = yield* Upcalls
  const ready = yield* Deferred.make<void, JoinFailed>()
  const startedAt = now()
  let isReady = false
  let foundAfter = options.foundAfter
  /** Whether a ring was started here, or joined: from then on only the core may start one (rule L5). */
  let hasFounded = false
  /** Members that answered in the last round through the seeds. */
  let answered: ReadonlyArray<Node.Node> = []

  /** Asks every seed once. Returns why those that answered refused, or that somebody did not. */
  const askSeeds = Effect.fnUntraced(function*(attempt: number) {
    const outcomes = yield* Effect.forEach(
      options.seeds,
      (seed) =>
        Effect.exit(links.connect(seed)).pipe(
          Effect.tap((exit) =>
            Effect.sync(() => {
              if (Exit.isSuccess(exit) && exit.value.role === "member") {
                mailboxes.stateTables.offer({ _tag: "Join", via: exit.value.node })
              }
            })
          )
        ),
      { concurrency: 8 }
    )
    answered = outcomes.flatMap((exit) => Exit.isSuccess(exit) && exit.value.role === "member" ? [exit.value.node] : [])
    // One's own address under another name is skipped as well. Rules B1, B2.
    const isOwn = outcomes.map((exit) => {
      const error = Exit.isFailure(exit) ? Exit.findErrorOption(exit) : Option.none()
      return Option.isSome(error) && error.value._tag === "Refused" && error.value.reason === "self"
    })
    if (!hasFounded && isOwn.length > 0 && isOwn.every(Boolean)) foundAfter = 0
    else if (!hasFounded && isOwn[0] === true) foundAfter ??= config.seedPatience
    const errors = outcomes.flatMap((exit) => Exit.isFailure(exit) ? Option.toArray(Exit.findErrorOption(exit)) : [])
    if (errors.length < outcomes.length) return
    const first = errors.find(Link.isRefusal)
    if (first !== undefined) {
      return yield* new JoinFailed({ reason: "Refused", message: first.message })
    }
    if (errors.some(({ _tag }) => _tag !== "Refused")) {
      const message = errors.map((error, index) => `${Address.format(options.seeds[index]!)}: ${error.message}`)
        .join("; ")
      upcalls.event({ _tag: "JoinRetrying", attempt, message: `no seed answered (${message}); trying again` })
    }
  })

  const found = () => {
    hasFounded = true
    mailboxes.stateTables.offer({ _tag: "Found" })
  }

  /**
   * A seed that answers and has not said that it is not ready has a ring: that one must be
   * joined, however long it takes. Two rings of one cluster would answer for the same keys.
   */
  const mayFound = () =>
    !hasFounded && foundAfter !== undefined && now() - startedAt >= foundAfter &&
    answered.every((node) => membership.notReady.has(node.hex))

  /** Goes through the seeds until this Node is ready. */
  const untilReady = Effect.gen(function*() {
    if (options.seeds.length === 0 && !hasFounded) return found()
    let pause = shortestPause
    for (let attempt = 1;; attempt++) {
      if (isReady) return
      yield* askSeeds(attempt)
      if (mayFound()) found()
      yield* Effect.sleep(pause)
      pause = Math.min(longestPause, pause * 2)
    }
  })

  /** Whether somebody in the tables listens at an address. */
  const isKnown = ({ host, port }: Address.Address): boolean =>
    Array.from(membership.announced.values()).some((node) =>
      node.port === port && (node.localHost === host || node.globalHost === host)
    )

  /** Asks one seed after another, for one that is not known by now may have a ring of its own. Rule S1. */
  const remember = Effect.gen(function*() {
    for (let turn = 0; options.seeds.length > 0; turn++) {
      yield* Effect.sleep(config.tableExchange)
      const seed = options.seeds[turn % options.seeds.length]!
      if (!isReady || isKnown(seed)) continue
      const exit = yield* Effect.exit(links.connect(seed))
      if (Exit.isSuccess(exit) && exit.value.role === "member") {
        mailboxes.stateTables.offer({ _tag: "Join", via: exit.value.node })
      }
    }
  })

  const watch = Effect.gen(function*() {
    while (true) {
      const signal = yield* Queue.take(mailboxes.join)
      if (signal._tag === "Ready") {
        isReady = true
        hasFounded = true
        yield* Deferred.succeed(ready, undefined)
      } else if (signal._tag === "Detached") {
        isReady = false
        yield* Effect.forkScoped(Effect.ignore(untilReady))
      } else {
        yield* Deferred.fail(
          ready,
          new JoinFailed({
            reason: "IdInUse",
            message: "a living Node of the cluster has this id: choose another, or stop that one"
          })
        )
      }
    }
  })

  yield* Effect.forkScoped(supervise("Join", upcalls)(watch))
  yield* Effect.forkScoped(supervise("Join", upcalls)(remember))
  yield* Effect.forkScoped(Effect.catch(untilReady, (error) => Deferred.fail(ready, error)))
  if (options.timeout !== undefined) {
    const { timeout } = options
    yield* Effect.forkScoped(
      Effect.sleep(timeout).pipe(
        Effect.andThen(Deferred.fail(
          ready,
          new JoinFailed({
            reason: "Timeout",
            message: `not ready within ${timeout} ms: check that a seed runs and can be reached`
          })
        ))
      )
    )
  }
  yield* Effect.addFinalizer(() =>
    Deferred.fail(ready, new JoinFailed({ reason: "Closed", message: "this Node was closed before it was ready" }))
  )
  return Join.of({ ready: Deferred.await(ready) })
})
