/**
 * Runs scenarios: one from a file, or many that are drawn by chance.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Result from "effect/Result"
import { type EngineName, engines } from "../../simulation/engines.ts"
import * as RandomExplorer from "../../simulation/RandomExplorer.ts"
import * as Scenario from "../../simulation/Scenario.ts"
import * as Outputs from "../Output.ts"
import { NotDone, usage } from "../ProgramError.ts"
import * as Style from "../style.ts"
import { quote } from "./notation.ts"

/** Real milliseconds for which scenarios run before anything else has its turn. */
const slice = 50

/**
 * Runs a scenario file and prints it with what it prints now; fails when a promise was broken.
 *
 * @category running
 * @since 0.1.0
 */
export const runFile = Effect.fnUntraced(function*(path: string, engine: EngineName, isJson: boolean) {
  const output = yield* Outputs.Output
  const fileSystem = yield* FileSystem.FileSystem
  const text = yield* fileSystem.readFileString(path).pipe(
    Effect.mapError(({ reason }) =>
      usage(`cannot read ${Style.printable(path)} (${reason._tag}): name a scenario file`)
    )
  )
  const outcome = Result.flatMap(Scenario.parse(text), (blocks) => Scenario.run(blocks, engines[engine]))
  if (Result.isFailure(outcome)) {
    const { line, message } = outcome.failure
    return yield* usage(`${Style.printable(path)}:${line}: ${message}`)
  }
  const { success } = outcome
  yield* output.write(isJson ? Outputs.jsonLine({ type: "scenario", ...success }) : success.text)
  if (success.violations.length > 0) return yield* new NotDone()
})

/**
 * Draws scenarios from a seed and runs them until one fails, and prints that, made small.
 *
 * @category running
 * @since 0.1.0
 */
export const explore = Effect.fnUntraced(function*(seed: string, runs: number, engine: EngineName, isJson: boolean) {
  const output = yield* Outputs.Output
  const clock = yield* Clock.Clock
  const suffix = engine === "core" ? "" : ` --engine ${engine}`
  const exploring = RandomExplorer.explore({ seed, runs, engine: engines[engine] })
  let found: RandomExplorer.Found | undefined
  let done = 0
  for (let isOver = false, began = clock.currentTimeMillisUnsafe(); !isOver;) {
    const next = exploring.next()
    if (next.done === true) {
      found = next.value
      isOver = true
    } else {
      done = next.value.runs
      if (clock.currentTimeMillisUnsafe() - began < slice) continue
      yield* Effect.sleep(0)
      began = clock.currentTimeMillisUnsafe()
    }
  }
  if (isJson) {
    yield* output.write(Outputs.jsonLine({ type: "summary", seed, runs: done, found: found ?? null }))
  } else if (found === undefined) {
    yield* output.write(`${done} scenarios of the seed ${Style.printable(seed)}: nothing was seen that must not be\n`)
  } else {
    yield* output.write(
      `# Scenario ${done} of the seed ${Style.printable(seed)}, made small. In a file of its own:\n` +
        `#   wendy simulate --scenario FILE${suffix}\n# As it was drawn:\n` +
        `#   wendy simulate --explore --runs ${done} --seed ${quote(seed)}${suffix}\n${found.text}`
    )
  }
  if (found !== undefined) return yield* new NotDone()
})
