/**
 * Join: the conversation with the seeds, until this Node is ready, and now and then after that.
 *
 * It dials whom `core/Bootstrap` names and tells StateTables who answers; who then lets this Node in is the core's business.
 * It goes on until the Node is ready, says what it waits for, and gives up when every seed that answers refuses. Rules
 * B1 to B5 and S1 of `docs/protocol.md`.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Bootstrap from "../core/Bootstrap.ts"
import * as Address from "../protocol/Address.ts"
import { WendyJoinError } from "../protocol/JoinError.ts"
import * as Node from "../ring/Node.ts"
import * as Link from "../transport/Link.ts"
import { Transport } from "../transport/Transport.ts"
import { type Connected, Links } from "./Links.ts"
import { Mailboxes } from "./Mailboxes.ts"
import { NodeState } from "./NodeState.ts"
import { addressFor, misplaced, reachSince } from "./Reach.ts"
import { supervise, Upcalls } from "./Upcalls.ts"

/**
 * What it is made from.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly seeds: ReadonlyArray<Address.Address>
  /** Whether an address is known to be one of this Node's own. */
  readonly isOwn: (address: Address.Address) => boolean
  /** Milliseconds after which `ready` fails. */
  readonly timeout: number | undefined
}

/**
 * Knows when this Node is ready.
 *
 * @category services
 * @since 0.1.0
 */
export class Join extends Context.Service<Join, {
  /** Completes when this Node is ready for the first time. */
  readonly ready: Effect.Effect<void, WendyJoinError>
}>()("effect-wendy/actors/Join") {
  static readonly layer = (
    options: Options
  ): Layer.Layer<Join, never, Links | Mailboxes | NodeState | Transport | Upcalls> => Layer.effect(Join, make(options))
}

/** How often a join that makes no progress says what it waits for, in milliseconds. */
const sayEvery = 3_000

const idInUse = "a living Node of the cluster has this id: choose another, or stop that one"

const make = Effect.fnUntraced(function*({ isOwn, seeds, timeout }: Options) {
  const mailboxes = yield* Mailboxes
  const { config, membership, now } = yield* NodeState
  const upcalls = yield* Upcalls
  const seek = yield* makeSeek(isOwn)
  const ready = yield* Deferred.make<void, WendyJoinError>()
  const others = seeds.filter((seed) => !isOwn(seed))
  const state = Bootstrap.make(now(), { hasSeeds: others.length > 0, patience: config.seedPatience })
  state.isSeed = others.length < seeds.length
  const changed = Latch.makeUnsafe(false)
  let isReady = false
  /** How often it has looked for seeds since it became ready. */
  let looks = 0
  let saidAt = now()

  /** Waits until this Node is, or is no more, ready; at most so many milliseconds. */
  const pauseWhile = (expected: boolean, milliseconds = Number.POSITIVE_INFINITY): Effect.Effect<unknown> =>
    Effect.suspend(() => {
      if (isReady !== expected) return Effect.void
      changed.closeUnsafe()
      return milliseconds === Number.POSITIVE_INFINITY
        ? changed.await
        : Effect.timeoutOption(changed.await, milliseconds)
    })

  const waitsFor = () => Bootstrap.waitsFor(state, membership, now())

  /** Says after each round that no seed is a way in, and anything else when it has lasted. */
  const sayProgress = (): void => {
    if (now() < saidAt + sayEvery && !Bootstrap.isUnanswered(state)) return
    saidAt = now()
    const message = waitsFor()
    upcalls.event({ _tag: "JoinRetrying", attempt: state.rounds, message })
  }

  /** One round through the seeds. Returns whether to go on. */
  const round = Effect.gen(function*() {
    yield* seek.round(state, others)
    yield* pauseWhile(false, Bootstrap.pause(state))
    if (isReady) return true
    const decision = Bootstrap.decide(state, membership, now())
    if (decision._tag === "GiveUp") {
      yield* Deferred.fail(ready, new WendyJoinError({ reason: { _tag: "Refused", message: decision.message } }))
      return false
    }
    if (decision._tag === "StartRing") {
      state.hasRing = true
      mailboxes.stateTables.offer({ _tag: "Found" })
    } else {
      sayProgress()
    }
    return true
  })

  /** Asks for the seeds that are not known by now, for one of them may have a ring of its own. Rule S1. */
  const look = Effect.gen(function*() {
    const after = others.length === 0 ? undefined : Bootstrap.rememberAfter(looks++, config.tableExchange)
    yield* pauseWhile(true, after)
    if (isReady) yield* seek.unknown(others)
  })

  const search = Effect.gen(function*() {
    while (true) {
      if (isReady) yield* look
      else if (!(yield* round)) return
    }
  })

  const watch = Effect.gen(function*() {
    while (true) {
      const signal = yield* Queue.take(mailboxes.join)
      if (signal._tag === "Ready") {
        isReady = true
        looks = 0
        Bootstrap.ready(state)
        yield* Deferred.succeed(ready, undefined)
      } else if (signal._tag === "Detached") {
        isReady = false
        saidAt = now()
      } else if (
        !(yield* Deferred.fail(ready, new WendyJoinError({ reason: { _tag: "IdInUse", message: idInUse } })))
      ) {
        upcalls.end("IdInUse", `a later life of this Node's id has taken its place: ${idInUse}`)
      }
      yield* changed.open
    }
  })

  yield* Effect.forkScoped(supervise("Join", upcalls)(watch))
  yield* Effect.forkScoped(supervise("Join", upcalls)(search))
  if (timeout !== undefined) {
    yield* Effect.sleep(timeout).pipe(
      Effect.andThen(Effect.suspend(() => {
        const message = `not ready within ${timeout} ms: ${waitsFor()}`
        return Deferred.fail(ready, new WendyJoinError({ reason: { _tag: "Timeout", message } }))
      })),
      Effect.forkScoped
    )
  }
  yield* Effect.addFinalizer(() =>
    Deferred.fail(
      ready,
      new WendyJoinError({ reason: { _tag: "Closed", message: "this Node was closed before it was ready" } })
    )
  )
  return Join.of({ ready: Deferred.await(ready) })
})

/** What a round asks: an address, or a name that has none. */
type Target = Address.Address | { readonly problem: string }

const named = (
  address: Address.Address,
  target: Target = address
): [string, Target] => [Address.format(address), target]

const literal = (host: string): Effect.Effect<ReadonlyArray<string>> => Effect.succeed([host])

/** Finds the addresses of the seeds, and who listens there. */
const makeSeek = Effect.fnUntraced(function*(isOwn: (address: Address.Address) => boolean) {
  const links = yield* Links
  const mailboxes = yield* Mailboxes
  const { config, membership } = yield* NodeState
  const { resolve = literal } = yield* Transport
  const fork = yield* FiberSet.makeRuntime<never>()
  /** Links to seeds, by the address that was dialled. */
  const known = new Map<string, Connected>()
  /** Somebody has reached this Node where it says that it lives: it keeps its addresses as long as it runs. */
  let isReached = false

  /** Every address of a name is a seed. Rule B1. */
  const targetsOf = Effect.fnUntraced(function*(seed: Address.Address) {
    const hosts = yield* Effect.option(Effect.timeout(resolve(seed.host), config.dialTimeout))
    if (Option.isNone(hosts)) return [named(seed, { problem: `${seed.host} has no address` })]
    return hosts.value.map((host) => named({ host, port: seed.port }))
  })

  const targets = (seeds: ReadonlyArray<Address.Address>) =>
    Effect.map(
      Effect.forEach(seeds, targetsOf, { concurrency: 8 }),
      (all) => new Map(all.flat())
    )

  /** One connection for each address, however often it is asked. */
  const connect = (address: Address.Address) =>
    Effect.suspend(() => {
      const key = Address.format(address)
      const present = known.get(key)
      if (present !== undefined && links.isOpen(present.id)) return Effect.succeed(present)
      known.delete(key)
      return Effect.tap(links.connect(address), (connected) => Effect.sync(() => known.set(key, connected)))
    })

  /** Why a Node that answered is no way in: others could not dial it where it says, or not this one. Rule B5. */
  const problemOf = Effect.fnUntraced(function*(dialled: Address.Address, { id, peer, remote }: Connected) {
    const { self } = membership
    const told = addressFor(peer.node, self.region)
    const isElsewhere = told.port !== dialled.port || !Address.isSameHost(told.host, dialled.host)
    if (isElsewhere) {
      const at = Address.format(told)
      const advice = `correct its own address there (localHost, --local-ip)`
      const wrong = misplaced(told, remote.host)
      if (wrong !== undefined) return `the Node there says that it lives at ${at}, and ${wrong}: ${advice}`
      const exit = yield* Effect.exit(connect(told))
      if (!Exit.isSuccess(exit) || !Node.isSameLife(exit.value.peer.node, peer.node)) {
        return `the Node there says that it lives at ${at}, where it is not found: ${advice}`
      }
    }
    if (isReached || peer.version < reachSince) return undefined
    const answer = yield* links.reach(id)
    if (Option.isNone(answer)) return "it has not said in time whether it can reach this Node"
    const { problem, seenAt } = answer.value
    if (problem !== undefined) {
      const own = Address.format(addressFor(self, peer.node.region))
      return `it cannot reach this Node, which says that it lives at ${own} and is seen at ${seenAt}: ${problem} ` +
        "Correct this Node's own address (localHost, --local-ip; globalHost, --global-ip for other Regions), or open its port"
    }
    isReached = true
    return undefined
  })

  const outcomeOf = Effect.fnUntraced(function*(target: Target): Effect.fn.Return<Bootstrap.Outcome> {
    if ("problem" in target) return { _tag: "Failed", message: target.problem }
    if (isOwn(target)) return { _tag: "Self" }
    const exit = yield* Effect.exit(connect(target))
    if (Exit.isSuccess(exit)) {
      const { node, role } = exit.value.peer
      if (role === "client") return { _tag: "Unusable", message: "a client answers there" }
      const problem = yield* problemOf(target, exit.value)
      return problem === undefined ? { _tag: "Member", node } : { _tag: "Unusable", message: problem }
    }
    const error = Option.getOrUndefined(Exit.findErrorOption(exit))
    if (error?._tag === "Refused" && error.reason === "self") return { _tag: "Self" }
    const message = error?.message ?? "the connection was given up"
    return { _tag: error !== undefined && Link.isRefusal(error) ? "Refused" : "Failed", message }
  })

  const joinThrough = (via: Node.Node): void => mailboxes.stateTables.offer({ _tag: "Join", via })

  return {
    /** Dials whoever is not asked, and asks again whoever is. Does not wait for answers. */
    round: Effect.fnUntraced(function*(state: Bootstrap.State, seeds: ReadonlyArray<Address.Address>) {
      const all = yield* targets(seeds)
      for (const [address, { id }] of known) if (!links.isOpen(id)) known.delete(address)
      const { again, dial } = Bootstrap.beginRound(state, Array.from(all.keys()), links.isLinked)
      again.forEach(joinThrough)
      for (const address of dial) {
        fork(Effect.map(outcomeOf(all.get(address)!), (outcome) => {
          Bootstrap.settle(state, address, outcome)
          if (outcome._tag === "Member") joinThrough(outcome.node)
        }))
      }
    }),
    /** Dials whoever does not stand in the tables. */
    unknown: Effect.fnUntraced(function*(seeds: ReadonlyArray<Address.Address>) {
      const known = new Set<string>()
      for (const node of membership.announced.values()) {
        for (const host of [node.localHost, node.globalHost]) known.add(Address.format({ host, port: node.port }))
      }
      const all = yield* targets(seeds)
      const unknown = Array.from(all).filter(([address]) => !known.has(address)).slice(0, Bootstrap.maxAddresses)
      yield* Effect.forEach(unknown, ([, target]) =>
        Effect.map(outcomeOf(target), (outcome) => {
          if (outcome._tag === "Member") joinThrough(outcome.node)
        }), { concurrency: 8, discard: true })
    })
  }
})
