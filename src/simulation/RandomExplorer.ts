/**
 * RandomExplorer: draws scenarios by chance, and makes the one that fails small.
 *
 * Where the exhaustive explorer goes through every order of a few messages, this
 * one throws everything together: Nodes that start, die, leave, stop and come
 * back, networks that are cut, slow and lossy, clocks that jump. A scenario is
 * drawn from a seed, as the text that `Scenario` runs; when a checker finds
 * something, lines are taken out as long as it still does (delta debugging; Zeller, Hildebrandt 2002).
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Rng from "./Rng.ts"
import * as Scenario from "./Scenario.ts"
import type { MakeEngine } from "./SimulatedNode.ts"
import type { Violation } from "./World.ts"

/**
 * A scenario in which something happened that must not.
 *
 * @category models
 * @since 0.1.0
 */
export interface Found {
  readonly seed: string
  /** The scenario, as small as it became, with what it prints. */
  readonly text: string
  readonly violations: ReadonlyArray<Violation>
}

/**
 * How far an exploration is.
 *
 * @category models
 * @since 0.1.0
 */
export interface Progress {
  readonly runs: number
  readonly phase: "drawing" | "shrinking"
}

const settingsOf = (rng: Rng.Rng, seed: string): string => {
  const latency = rng.pick(["constant:10", "uniform:1-40", "uniform:20-200", "plane:150"])
  const network = rng.pick([
    "",
    "",
    " jitter=1",
    " loss=0.02",
    " loss=0.05 loss-model=frames",
    " loss=0.15 loss-model=frames repeat=0.1 reorder=0.2"
  ])
  const clocks = rng.happens(0.3) ? " drift=0.02" : ""
  const leaves = rng.happens(0.3) ? " set=leafSetSide:2" : ""
  return `world seed=${seed} preset=lan latency=${latency}${network}${clocks}${leaves}`
}

const timeOf = (rng: Rng.Rng): string =>
  rng.pick(["50ms", "200ms", "500ms", "1s", "2s", "4s", "7s", "9s", "12s", "25s"])

/** What is known of a Node while a scenario is drawn. */
interface Drawn {
  readonly name: string
  isRunning: boolean
}

/** The longest that a ring may take to be whole again when nothing disturbs it any more. */
const patience = "5m"

/**
 * Draws a scenario: its lines.
 *
 * @category drawing
 * @since 0.1.0
 */
export const draw = (seed: string): ReadonlyArray<string> => {
  const rng = Rng.make(`scenario ${seed}`)
  const lines = [settingsOf(rng, seed)]
  const nodes: Array<Drawn> = []
  const newName = (): string => {
    for (;;) {
      const name = (1 + rng.below(255)).toString(16).padStart(2, "0").replace(/0$/, "")
      if (!nodes.some((node) => node.name === name)) return name
    }
  }
  const add = (): string => {
    const name = newName()
    nodes.push({ name, isRunning: true })
    return name
  }
  lines.push(`start ${Array.from({ length: 2 + rng.below(6) }, add).join(" ")}`)
  if (rng.happens(0.7)) lines.push(`await ring within=${patience}`)
  // The first is the seed of all others and stays, so that whoever comes back finds somebody.
  const mortal = () => nodes.filter(({ isRunning }, index) => isRunning && index > 0)
  const running = () => nodes.filter(({ isRunning }) => isRunning)

  const step = (): void => {
    const victim = mortal().length === 0 ? undefined : rng.pick(mortal())
    const one = rng.pick(running())
    const others = running().filter((node) => node !== one)
    switch (rng.below(15)) {
      case 0:
        return void lines.push(`start ${add()} via=${nodes[0]!.name}`)
      case 1:
        return void lines.push(`start ${add()} ${add()} via=${nodes[0]!.name}`)
      case 2:
      case 3:
      case 4: {
        if (victim === undefined) return
        victim.isRunning = false
        lines.push(`${rng.pick(["crash", "crash", "vanish", "leave"])} ${victim.name}`)
        return
      }
      case 5:
      case 6: {
        const ended = nodes.filter(({ isRunning }) => !isRunning)
        if (ended.length === 0) return
        const back = rng.pick(ended)
        back.isRunning = true
        // One that leaves is still there for a moment.
        lines.push("run 1s")
        const behind = rng.happens(0.2) ? " behind=1h" : ""
        lines.push(`restart ${back.name} via=${nodes[0]!.name}${behind}`)
        return
      }
      case 7:
        return void lines.push(`${rng.pick(["pause", "pause", "sleep"])} ${one.name} for=${timeOf(rng)}`)
      case 8:
        return void lines.push(`reset ${one.name}`)
      case 9: {
        if (rng.happens(0.3)) lines.push(`jump ${one.name} by=${rng.pick(["5s", "1m", "1h"])}`)
        return
      }
      case 10: {
        if (others.length === 0) return
        const far = others.filter(() => rng.happens(0.5))
        if (far.length === 0) return
        const near = running().filter((node) => !far.includes(node))
        const names = (list: ReadonlyArray<Drawn>) => list.map(({ name }) => name).join(",")
        lines.push(`cut ${names(near)} from=${names(far)} for=${timeOf(rng)}`)
        return
      }
      case 11:
        return void lines.push(`slow ${one.name} by=${rng.pick(["50ms", "300ms", "900ms"])} for=${timeOf(rng)}`)
      case 12: {
        const kind = rng.pick([
          "Renew,Renewed",
          "Probe,ProbeAck",
          "Commit,CommitAck,Insert,InsertAck",
          "Receipt",
          "Routed"
        ])
        lines.push(`lose from=${one.name} kind=${kind} part=${rng.pick(["0.5", "1"])} for=${timeOf(rng)}`)
        return
      }
      default: {
        const kind = rng.pick(["confirmed", "confirmed", "acknowledged"])
        lines.push(`send from=${one.name} count=${1 + rng.below(10)} every=100ms class=${kind}`)
        return
      }
    }
  }
  for (let count = 2 + rng.below(14); count > 0; count--) {
    step()
    if (rng.happens(0.6)) lines.push(`run ${timeOf(rng)}`)
  }
  return [...lines, ...ending]
}

/** Pauses end, and the network is calm again, before anything is demanded: no part of it is left out when a scenario is made small. */
const ending = ["run 30s", "heal", `await leaves within=${patience}`, `await quiet within=${patience}`, "check"]

type Tried = { readonly violations: ReadonlyArray<Violation>; readonly text: string } | undefined

const attempt = (lines: ReadonlyArray<string>, engine: MakeEngine | undefined): Tried => {
  const blocks = Scenario.parse(lines.join("\n"))
  if (Result.isFailure(blocks)) return undefined
  const outcome = Scenario.run(blocks.success, engine)
  return Result.isFailure(outcome) ? undefined : outcome.success
}

/**
 * Makes a scenario small, as long as the same checker finds something in it. Yields after each attempt.
 *
 * @category shrinking
 * @since 0.1.0
 */
export function* shrink(
  lines: ReadonlyArray<string>,
  checker: string,
  engine?: MakeEngine
): Generator<ReadonlyArray<string>, ReadonlyArray<string>> {
  const stillFails = (candidate: ReadonlyArray<string>): boolean =>
    attempt([...candidate, ...end], engine)?.violations.some((violation) => violation.checker === checker) === true
  const end = ending.every((line, index) => lines.at(index - ending.length) === line) ? ending : []
  let best = lines.slice(0, lines.length - end.length)
  for (let size = Math.ceil(best.length / 2); size >= 1;) {
    let isSmaller = false
    for (let from = 0; from < best.length; from += size) {
      const candidate = best.toSpliced(from, size)
      yield candidate
      if (!stillFails(candidate)) continue
      best = candidate
      isSmaller = true
      from -= size
    }
    if (!isSmaller || size > best.length) size = size === 1 ? 0 : Math.ceil(size / 2)
  }
  // Words next: fewer Nodes in a line, fewer options.
  for (let line = 0; line < best.length; line++) {
    const words = best[line]!.split(" ")
    for (let word = words.length - 1; word > 0; word--) {
      const shorter = words.toSpliced(word, 1)
      const candidate = best.with(line, shorter.join(" "))
      yield candidate
      if (!stillFails(candidate)) continue
      best = candidate
      words.splice(word, 1)
    }
  }
  return [...best, ...end]
}

/**
 * Runs scenarios of the seeds `SEED.1`, `SEED.2`, …; returns the first that fails, made small.
 *
 * @category running
 * @since 0.1.0
 */
export function* explore(options: {
  readonly seed: string
  readonly runs: number
  readonly engine?: MakeEngine | undefined
}): Generator<Progress, Found | undefined> {
  for (let run = 1; run <= options.runs; run++) {
    const seed = `${options.seed}.${run}`
    const lines = draw(seed)
    const tried = attempt(lines, options.engine)
    yield { runs: run, phase: "drawing" }
    const first = tried?.violations[0]
    if (first === undefined) continue
    const shrinking = shrink(lines, first.checker, options.engine)
    for (;;) {
      const next = shrinking.next()
      if (next.done !== true) {
        yield { runs: run, phase: "shrinking" }
        continue
      }
      const small = attempt(next.value, options.engine)!
      return { seed, text: small.text, violations: small.violations }
    }
  }
  return undefined
}
