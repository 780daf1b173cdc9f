/**
 * An exhaustive explorer of the membership core in small rings.
 *
 * It runs the very step functions that a Node runs, from one start, through every
 * order in which messages can arrive, Nodes can wake up and faults can strike
 * within stated bounds, and checks safety in every state: at most one Node covers
 * any key, and no ready Node is closer. From every state it also follows a run without
 * further faults and demands that all living Nodes become ready in one true ring.
 *
 * Of two orders of steps at different Nodes that lead to one state only one is
 * followed (sleep sets; Godefroid, 1996): every state is still seen, and by a shortest way.
 * What bounds a run, and what it has found, is told in `docs/proof.md`.
 *
 * @since 0.1.0
 */
import * as Membership from "../core/Membership.ts"
import type * as MembershipState from "../core/MembershipState.ts"
import type { Core, Scenario } from "./ExplorerScenario.ts"
import * as ExplorerScenario from "./ExplorerScenario.ts"
import * as Trace from "./ExplorerTrace.ts"
import { type Choice, decodeChoice, encodeChoice, Model, type World } from "./ExplorerWorld.ts"

/**
 * What came out.
 *
 * @category models
 * @since 0.1.0
 */
export interface Report {
  readonly name: string
  readonly states: number
  readonly transitions: number
  /** Choices of the longest of the shortest ways to a state. */
  readonly depth: number
  /** Whether every state that can be reached was seen. */
  readonly complete: boolean
  /** What cut the exploration short, where something did. */
  readonly bound: "states" | "horizon" | undefined
  readonly violation: {
    readonly message: string
    /** A shortest way to it, as the text of a scenario file: `ExplorerTrace.replay` reads it. */
    readonly trace: string
  } | undefined
}

/**
 * The times of the explored Nodes: the proportions of the presets, in small numbers.
 *
 * @category constants
 * @since 0.1.0
 */
export const settings: MembershipState.Settings = ExplorerScenario.settings

/** The state ends well: it is done, or a run from it was followed to the end. */
const endsWell = -1
/** No run from it is known yet. */
const unknown = -2

/** Transitions that need not be tried from a state, as a number for each such set: many states share one. */
class SleepSets {
  readonly #numbers = new Map<string, number>([["", 0]])
  readonly #sets: Array<ReadonlyArray<number>> = [[]]

  numberOf(set: ReadonlyArray<number>): number {
    if (set.length === 0) return 0
    const sorted = Array.from(new Set(set)).sort((x, y) => x - y)
    const text = sorted.join()
    let number = this.#numbers.get(text)
    if (number === undefined) {
      number = this.#sets.length
      this.#numbers.set(text, number)
      this.#sets.push(sorted)
    }
    return number
  }

  get(number: number): ReadonlyArray<number> {
    return this.#sets[number]!
  }
}

interface Visit {
  readonly state: number
  readonly world: World
  /** Only these are to be tried: the state was seen before, and by another way. */
  readonly only: ReadonlySet<number> | undefined
}

/**
 * Explores a scenario, with the shipped step functions or with others.
 *
 * **Details**
 *
 * `reduce: false` follows every order of steps, also of those that commute: the same states, at more cost.
 *
 * @category running
 * @since 0.1.0
 */
export const explore = (
  scenario: Scenario,
  core: Core = Membership,
  { reduce = true }: { readonly reduce?: boolean } = {}
): Report => {
  const model = new Model(scenario, core)
  // What arrives at once makes a choice touch several Nodes: then orders do not commute.
  const isReducing = reduce && model.prompt.size === 0
  const sleepSets = new SleepSets()
  const states = new Map<string, number>()
  const parents: Array<number> = []
  const codes: Array<number> = []
  const sleeps: Array<number> = []
  /** By state: the next one of a run without faults. */
  const next: Array<number> = []
  const isExpanded: Array<boolean> = []
  let transitions = 0
  let depth = 0
  let bound: Report["bound"]

  const finish = (violation: Report["violation"]): Report => ({
    name: scenario.name,
    states: states.size,
    transitions,
    depth,
    complete: bound === undefined && violation === undefined,
    bound,
    violation
  })
  /** Whether a run from a state fails: then what is wrong, and a shortest way to it, are told. */
  const examine = (state: number, breach?: string): Report | undefined => {
    const choices: Array<Choice> = []
    for (let at = state; at > 0; at = parents[at]!) choices.push(decodeChoice(codes[at]!))
    const { trace, verdict } = Trace.write(scenario, core, [...joins, ...choices.reverse()])
    const message = breach ?? verdict
    return message === Trace.noViolation ? undefined : finish({ message, trace })
  }

  const add = (key: string, parent: number, code: number, sleep: number, world: World): number => {
    const state = parents.length
    states.set(key, state)
    parents.push(parent)
    codes.push(code)
    sleeps.push(sleep)
    next.push(model.isDone(world) ? endsWell : unknown)
    isExpanded.push(false)
    return state
  }

  /** Where runs that left the explored states have ended, by their keys. */
  const ends = new Map<string, number>()

  /** Runs on without further faults until a state whose run is known, or one that is done; `undefined` when it comes to neither. */
  const run = (start: World): number | undefined => {
    const passed = new Set<string>()
    for (let world = start;;) {
      const choice = model.calmChoice(world)
      if (choice === undefined) return undefined
      world = model.apply(world, choice)
      const key = model.key(world)
      let end = ends.get(key) ?? states.get(key)
      if (end === undefined && model.isDone(world)) end = endsWell
      if (end !== undefined) {
        for (const each of passed) ends.set(each, end)
        return end
      }
      if (passed.has(key)) return undefined
      if (model.unsafe(world) !== undefined) return undefined
      passed.add(key)
    }
  }

  const joins: ReadonlyArray<Choice> = scenario.anytime === true
    ? []
    : scenario.joins.map(([joiner]) => ({ kind: "join", at: joiner, position: 0 }))
  const first = joins.reduce((world, choice) => model.apply(world, choice), model.first())
  add(model.key(first), -1, 0, 0, first)
  if (model.unsafe(first) !== undefined) return examine(0)!
  let frontier: Array<Visit> = [{ state: 0, world: first, only: undefined }]

  while (frontier.length > 0 && bound !== "states") {
    const following: Array<Visit> = []
    depth++
    for (const { only, state, world } of frontier) {
      const sleep = sleepSets.get(sleeps[state]!)
      isExpanded[state] = true
      const tried: Array<number> = []
      if (scenario.horizon !== undefined && world.now >= scenario.horizon) bound ??= "horizon"
      for (const choice of model.choices(world)) {
        const code = encodeChoice(choice)
        if (only === undefined ? sleep.includes(code) : !only.has(code)) continue
        const after = model.apply(world, choice)
        transitions++
        const slot = isReducing && model.touchedOne ? model.slotOfChoice(choice) : -1
        const key = model.key(after)
        let sleeping = 0
        if (slot >= 0) {
          const still: Array<number> = []
          for (const other of sleep) if (model.slotOfChoice(decodeChoice(other)) !== slot) still.push(other)
          for (const other of tried) if (model.slotOfChoice(decodeChoice(other)) !== slot) still.push(other)
          sleeping = sleepSets.numberOf(still)
          tried.push(code)
        }
        let target = states.get(key)
        if (target === undefined) {
          target = add(key, state, code, sleeping, after)
          const breach = model.unsafe(after)
          if (breach !== undefined) return examine(target, breach)!
          following.push({ state: target, world: after, only: undefined })
          if (states.size >= scenario.maxStates) {
            bound = "states"
            break
          }
        } else if (sleeps[target] !== 0) {
          const before = sleepSets.get(sleeps[target]!)
          const now = sleepSets.get(sleeping)
          const awake = before.filter((other) => !now.includes(other))
          if (awake.length > 0) {
            sleeps[target] = sleepSets.numberOf(before.filter((other) => now.includes(other)))
            if (isExpanded[target]) following.push({ state: target, world: after, only: new Set(awake) })
          }
        }
        if (next[state] === unknown && model.isCalm(choice, world)) next[state] = target
      }
      if (next[state] === unknown) next[state] = run(world) ?? state
      if (bound === "states") break
    }
    if (bound === "states") {
      for (const { state, world } of [...frontier, ...following]) {
        if (next[state] === unknown) next[state] = run(world) ?? state
      }
    }
    frontier = following
  }

  while (true) {
    const stuck = firstThatDoesNotEnd(next)
    if (stuck === undefined) return finish(undefined)
    // The circle may take an unlucky order at each turn; the plain run decides.
    const report = examine(stuck)
    if (report !== undefined) return report
    next[stuck] = endsWell
  }
}

/** Follows the run of every state; the first whose run goes in circles, if any. */
const firstThatDoesNotEnd = (next: Array<number>): number | undefined => {
  const path: Array<number> = []
  const isOnPath = new Uint8Array(next.length)
  for (let start = 0; start < next.length; start++) {
    let at = start
    while (at >= 0 && isOnPath[at] === 0) {
      isOnPath[at] = 1
      path.push(at)
      at = next[at]!
    }
    if (at >= 0) return start
    for (const each of path.splice(0)) {
      next[each] = endsWell
      isOnPath[each] = 0
    }
  }
  return undefined
}
