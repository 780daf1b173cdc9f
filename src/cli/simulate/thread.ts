/**
 * The thread that runs a simulation: it tells how far it is, and in the end the report.
 *
 * A thread of its own may have a larger heap than the process, and the process
 * stays responsive however long a step of the simulation takes.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { parentPort, workerData } from "node:worker_threads"
import * as Churn from "../../simulation/Churn.ts"
import type { Report } from "../../simulation/Report.ts"
import * as Simulation from "../../simulation/Simulation.ts"
import type { TraceEvent } from "../../simulation/Trace.ts"
import type { Job } from "./Plan.ts"

/**
 * What the thread is given.
 *
 * @category models
 * @since 0.1.0
 */
export interface Input {
  readonly job: Job
  /** The descriptor of a file, open for writing, for everything that happens. */
  readonly trace: number | undefined
  /** Its first number becomes 1 when the thread is to end. */
  readonly stop: Int32Array<SharedArrayBuffer>
}

/**
 * What the thread tells.
 *
 * @category models
 * @since 0.1.0
 */
export type Output =
  | { readonly _tag: "Progress"; readonly progress: Simulation.Progress }
  | { readonly _tag: "Report"; readonly report: Report }
  | { readonly _tag: "Stopped" }
  | { readonly _tag: "TraceFailed"; readonly message: string }

// -----------------------------------------------------------------------------
// internals
// -----------------------------------------------------------------------------

/** Between two words about how far it is. */
const pause = 100

/** Characters of the trace that are written at once. */
const chunk = 1 << 16

class Stopped extends Error {}
class TraceFailed extends Error {}

const run = ({ job, stop, trace }: Input, tell: (output: Output) => void): void => {
  const clock = Effect.runSync(Clock.Clock)
  const realNow = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  let text = ""
  const flush = (): void => {
    if (trace === undefined) return
    try {
      Fs.writeFileSync(trace, text)
    } catch (cause) {
      throw new TraceFailed(cause instanceof Error ? cause.message : String(cause))
    }
    text = ""
  }
  const write = (happening: TraceEvent): void => {
    text += `${JSON.stringify(happening)}\n`
    if (text.length < chunk) return
    flush()
    if (Atomics.load(stop, 0) === 1) throw new Stopped()
  }
  const { churn, ...options } = job
  const parsed = Churn.parse(churn)
  if (typeof parsed === "string") throw new Error(parsed)
  const simulation = Simulation.run({
    ...options,
    sessions: parsed.sessions,
    write: trace === undefined ? undefined : write,
    realNow
  })
  try {
    for (let told = realNow();;) {
      const step = simulation.next()
      if (step.done === true) {
        flush()
        return tell({ _tag: "Report", report: step.value })
      }
      if (Atomics.load(stop, 0) === 1) throw new Stopped()
      if (realNow() - told < pause) continue
      told = realNow()
      tell({ _tag: "Progress", progress: step.value })
    }
  } catch (cause) {
    if (cause instanceof TraceFailed) return tell({ _tag: "TraceFailed", message: cause.message })
    if (!(cause instanceof Stopped)) throw cause
    flush()
    tell({ _tag: "Stopped" })
  }
}

if (parentPort !== null) {
  const port = parentPort
  run(workerData as Input, (output) => port.postMessage(output))
}
