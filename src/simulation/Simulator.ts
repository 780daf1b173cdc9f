/**
 * Runs programs of many machines in virtual time, decided by a seed.
 *
 * What a program does with Effect's `Clock`, `Random` and `SecureRandom`, in which
 * order its fibers run, and what the network does, all follows from the seed: a run
 * that fails once fails again. Time passes as fast as there is something to do. Machines can be
 * killed, stopped, put to sleep and started again.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import type * as SecureRandom from "effect/crypto/SecureRandom"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { Transport } from "../transport/Transport.ts"
import { Machine } from "./Machine.ts"
import * as Rng from "./Rng.ts"
import { drive, type Options as NetworkOptions, SimulatedNetwork, type WendyNetworkError } from "./SimulatedNetwork.ts"
import { Timeline } from "./Timeline.ts"
import { Trace, type TraceEvent } from "./Trace.ts"

/**
 * A program that runs on a machine of its own.
 *
 * @category models
 * @since 0.1.0
 */
export interface Process<out A, out E = never> {
  /** What the program came to; its resources live on until the process ends. */
  readonly value: Effect.Effect<A, E>
  /** Ends it in order: its scope is closed. Completes when it is. */
  readonly stop: Effect.Effect<void>
  /** Ends it at once, as SIGKILL does: nothing of it runs again, no finalizer either, and its connections break. */
  readonly kill: Effect.Effect<void>
  /** Stops it, as SIGSTOP does: others' messages wait in its sockets. */
  readonly pause: Effect.Effect<void>
  /** Lets it go on. */
  readonly resume: Effect.Effect<void>
  /** Its machine sleeps for a time: it stops, and so does its monotonic clock. Completes when it has woken up. */
  readonly sleep: (duration: Duration.Input) => Effect.Effect<void>
  /** Its wall clock is set forward. */
  readonly jump: (duration: Duration.Input) => Effect.Effect<void>
}

/**
 * The world of a program that is simulated.
 *
 * **When to use**
 *
 * Inside of `run`, to start what runs on machines of its own.
 *
 * **Gotchas**
 *
 * What is asked of a process that has been killed, or is stopped, is never answered: use `Effect.timeout` where that may be.
 *
 * **Example** (A Node dies and comes back)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cluster } from "effect-wendy"
 * import { Simulator } from "effect-wendy/simulation"
 *
 * const program = Effect.gen(function*() {
 *   const { start } = yield* Simulator.Simulator
 *   const host = (name: string) => start(name, Cluster.make({ localHost: name, port: 7000, join: ["a:7000"] }))
 *   const processes = yield* Effect.forEach(["a", "b", "c"], host)
 *   const [a, b] = yield* Effect.forEach(processes, ({ value }) => Effect.tap(value, ({ ready }) => ready))
 *   yield* processes[1]!.kill
 *   const receipt = yield* a!.sendConfirmed({ key: b!.id, purpose: 16, value: new Uint8Array(1) })
 *   const back = yield* (yield* host("b")).value
 *   yield* back.ready
 *   return receipt.root.hex === b!.id.hex
 * })
 *
 * await Effect.runPromise(Simulator.run(program, { seed: "7", latency: "plane:80" })) // => false
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class Simulator extends Context.Service<Simulator, {
  /** Runs a program on the machine of a host, which must be free, in a scope that the process closes when it ends. */
  readonly start: <A, E>(
    host: string,
    program: Effect.Effect<A, E, Transport | Scope.Scope | SecureRandom.SecureRandom>,
    options?: {
      /** Where it stands, for the latency model `regions`. */
      readonly region?: string | undefined
      /** How fast its clocks run: 1 is right, and the default. */
      readonly rate?: number | undefined
    }
  ) => Effect.Effect<Process<A, E>>
  /** Since the start, in milliseconds. */
  readonly now: Effect.Effect<number>
}>()("effect-wendy/simulation/Simulator") {}

/**
 * What is simulated.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends NetworkOptions {
  /** Simulated time after which a program that is not over has failed. Default: one hour. */
  readonly limit?: Duration.Input | undefined
  /** What wall clocks say at the start. Default: 2023-11-14. */
  readonly startOfTime?: Date | undefined
  /** Gets everything that happens on the network, for a log of the run. */
  readonly write?: ((happening: TraceEvent) => void) | undefined
}

/**
 * A program that failed in a simulation, and the seed with which it does so again.
 *
 * **Details**
 *
 * `Failed`: it failed or died with `cause`. `Late`: it was not over within the limit. `Stuck`: nothing was left that could
 * happen; it waits for something outside of the simulation, or for ever.
 *
 * @category errors
 * @since 0.1.0
 */
export class WendySimulationError extends Schema.TaggedError<WendySimulationError>()("WendySimulationError", {
  reason: Schema.Literals(["Failed", "Late", "Stuck"]),
  seed: Schema.String,
  /** When, in simulated milliseconds since the start. */
  at: Schema.Finite,
  message: Schema.String,
  cause: Schema.optional(Schema.Defect())
}) {}

/**
 * How a run came out.
 *
 * @category models
 * @since 0.1.0
 */
export interface Outcome<out A> {
  /** What the program came to. */
  readonly value: A
  /** How long it took, in simulated milliseconds. */
  readonly duration: number
  /** Of all that happened on the network: two runs with one hash did the same. */
  readonly traceHash: string
}

/**
 * Runs a program in virtual time.
 *
 * **When to use**
 *
 * For tests of many machines, of long times, or of faults that a seed decides. In a test: `it.live`, since it needs no clock of
 * the test's.
 *
 * **Details**
 *
 * The program runs on a machine of its own; `Simulator.start` starts others. It is on the network itself where it takes a
 * transport from there: `SimulatedNetwork.transport`.
 *
 * **Gotchas**
 *
 * It is deterministic as far as the program is: what it gets from outside (promises, files, `Date.now`, `Math.random`) is
 * not decided by the seed.
 *
 * **Example** (A day passes)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Simulator } from "effect-wendy/simulation"
 *
 * const program = Effect.as(Effect.sleep("1 day"), "done")
 * await Effect.runPromise(Simulator.run(program, { limit: "2 days" })) // => "done"
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const run = <A, E>(
  program: Effect.Effect<A, E, Simulator | SimulatedNetwork | Scope.Scope | SecureRandom.SecureRandom>,
  options: Options = {}
): Effect.Effect<A, WendySimulationError | WendyNetworkError> =>
  Effect.map(observe(program, options), ({ value }) => value)

/**
 * As `run`, and tells how long it took and the hash of what happened.
 *
 * **Example** (The same seed, the same run)
 *
 * ```ts
 * import { Effect, Random } from "effect"
 * import { Simulator } from "effect-wendy/simulation"
 *
 * const draw = (seed: string) => Effect.runPromise(Simulator.observe(Random.next, { seed }))
 * const [one, again, other] = [await draw("1"), await draw("1"), await draw("2")]
 * const same = [one.value === again.value, one.value === other.value]
 * same // => [true, false]
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const observe = Effect.fnUntraced(function*<A, E>(
  program: Effect.Effect<A, E, Simulator | SimulatedNetwork | Scope.Scope | SecureRandom.SecureRandom>,
  options: Options = {}
): Effect.fn.Return<Outcome<A>, WendySimulationError | WendyNetworkError> {
  const seed = options.seed ?? "0"
  const timeline = new Timeline()
  const trace = new Trace(options.write)
  const rng = Rng.make(seed)
  const startOfTime = options.startOfTime?.getTime() ?? defaultStart
  const machines = new Map<string, Machine>()
  const network = yield* drive(
    options,
    timeline,
    trace,
    (host, resume) => timeline.soon(() => (machines.get(host) ?? control).run(resume))
  )

  const simulator = Simulator.of({
    now: Effect.sync(() => timeline.now),
    start: (host, inner, processOptions) =>
      Effect.sync(() => {
        const { number } = network.hostOf(host)
        const before = machines.get(host)
        if (before !== undefined && !before.isKilled) throw new Error(`something runs on the host ${host} already`)
        trace.note(timeline.now, "start", number)
        const machine = new Machine(
          timeline,
          rng.fork(`${host} ${starts++}`),
          startOfTime,
          processOptions?.rate ?? 1
        )
        machines.set(host, machine)
        return makeProcess(machine, inner, network.service.transport(host, processOptions), {
          end: (what) => {
            trace.note(timeline.now, what, number)
            machine.kill()
            network.kill(host)
          }
        })
      })
  })
  let starts = 0

  const control = new Machine(timeline, rng.fork("program"), startOfTime, 1)
  const running = control.fork(
    program.pipe(
      Effect.provideService(Simulator, simulator),
      Effect.provideService(SimulatedNetwork, network.service),
      Effect.scoped
    )
  )
  const fail = (reason: WendySimulationError["reason"], why: string, cause?: unknown) =>
    new WendySimulationError({
      reason,
      seed,
      at: timeline.now,
      message: `with the seed "${seed}", after ${(timeline.now / 1000).toFixed(3)} s: ${why}`,
      cause
    })

  const limit = Duration.toMillis(options.limit ?? "1 hour")
  for (let idle = 0, steps = 1; running.pollUnsafe() === undefined; steps++) {
    if (timeline.step(limit)) idle = 0
    else if (timeline.next > limit && timeline.size > 0) {
      return yield* fail("Late", "the program is not over. Give a larger limit if it should take longer")
    } else if (++idle > patience) {
      return yield* fail("Stuck", "nothing is left that could happen, and the program is not over")
    }
    if (idle > 0 || steps % turn === 0) yield* Effect.yieldNow
  }
  const exit = running.pollUnsafe()!
  if (Exit.isSuccess(exit)) return { value: exit.value, duration: timeline.now, traceHash: trace.hash }
  return yield* fail("Failed", Cause.pretty(exit.cause), Cause.squash(exit.cause))
})

/**
 * Runs a program with one seed after another, `seeds` of them, until it fails with one. Returns how many were tried.
 *
 * **When to use**
 *
 * To look for what goes wrong seldom. The error names the seed, and `run` with that seed shows the same again.
 *
 * **Example** (A hundred orders of things)
 *
 * ```ts
 * import { Effect, Random } from "effect"
 * import { Simulator } from "effect-wendy/simulation"
 *
 * const program = Effect.flatMap(Random.next, (number) => number > 0.9 ? Effect.fail("a rare bug") : Effect.void)
 * const failure = await Effect.runPromise(Effect.flip(Simulator.explore(program, { seeds: 100 })))
 * failure.message.includes("a rare bug") // => true
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const explore = Effect.fnUntraced(function*<A, E>(
  program: Effect.Effect<A, E, Simulator | SimulatedNetwork | Scope.Scope | SecureRandom.SecureRandom>,
  options: Options & { readonly seeds: number }
): Effect.fn.Return<number, WendySimulationError | WendyNetworkError> {
  for (let count = 0; count < options.seeds; count++) {
    yield* run(program, { ...options, seed: `${options.seed ?? "0"}.${count}` })
  }
  return options.seeds
})

// -----------------------------------------------------------------------------
// internals
// -----------------------------------------------------------------------------

const defaultStart = 1_700_000_000_000

/** Things that happen before anything outside of the simulation has its turn. */
const turn = 2_000

/** Turns that what is outside may take, with nothing left to do inside, before the program is stuck. */
const patience = 1_000

const makeProcess = <A, E>(
  machine: Machine,
  program: Effect.Effect<A, E, Transport | Scope.Scope | SecureRandom.SecureRandom>,
  transport: Transport["Service"],
  control: { readonly end: (what: "stop" | "kill") => void }
): Process<A, E> => {
  const value = Deferred.makeUnsafe<A, E>()
  const fiber = machine.fork(
    Effect.onExit(program, (exit) => Deferred.done(value, exit)).pipe(
      Effect.andThen(Effect.never),
      Effect.provideService(Transport, transport),
      Effect.scoped
    )
  )
  const act = (task: () => void) => Effect.sync(() => void (machine.isKilled || task()))
  return {
    value: Deferred.await(value),
    stop: Effect.andThen(Fiber.interrupt(fiber), act(() => control.end("stop"))),
    kill: act(() => control.end("kill")),
    pause: act(() => machine.pause()),
    resume: act(() => machine.resume()),
    sleep: (duration) =>
      act(() => machine.sleep(Duration.toMillis(duration))).pipe(
        Effect.andThen(Effect.sleep(duration)),
        Effect.andThen(act(() => machine.resume()))
      ),
    jump: (duration) => act(() => machine.jump(Duration.toMillis(duration)))
  }
}
