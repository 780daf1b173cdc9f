/**
 * Runs a simulation in a thread of its own.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Path from "node:path"
import { Worker } from "node:worker_threads"
import type { Report } from "../../simulation/Report.ts"
import type { Progress } from "../../simulation/Simulation.ts"
import { notDone, type ProgramError } from "../ProgramError.ts"
import type { Job } from "./Plan.ts"
import type { Input, Output } from "./thread.ts"

/**
 * How to run it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Bytes that the heap of the thread may take. */
  readonly heap: number
  /** The descriptor of a file, open for writing, that gets everything that happens as lines of JSON. */
  readonly trace: number | undefined
  /** Called about ten times a second. */
  readonly onProgress: (progress: Progress) => void
}

/**
 * Runs a simulation to its end.
 *
 * **Details**
 *
 * Interrupted, it ends the thread at once; one that writes a trace may first write what it holds.
 *
 * @category running
 * @since 0.1.0
 */
export const run = (job: Job, options: Options): Effect.Effect<Report, ProgramError> =>
  Effect.callback((resume) => {
    const stop = new Int32Array(new SharedArrayBuffer(4))
    const input: Input = { job, trace: options.trace, stop }
    const worker = new Worker(file, {
      workerData: input,
      resourceLimits: { maxOldGenerationSizeMb: Math.ceil(options.heap / 2 ** 20) }
    })
    let hasTold = false
    const end = (result: Effect.Effect<Report, ProgramError>): void => {
      hasTold = true
      resume(result)
    }
    const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()))
    worker.on("message", (output: Output) => {
      switch (output._tag) {
        case "Progress":
          return options.onProgress(output.progress)
        case "Report":
          return end(Effect.succeed(output.report))
        case "TraceFailed":
          return end(Effect.fail(notDone(`cannot write the trace: ${output.message}`)))
        case "Stopped":
      }
    })
    worker.on("error", (error: NodeJS.ErrnoException) => {
      end(
        error.code === "ERR_WORKER_OUT_OF_MEMORY"
          ? Effect.fail(notDone("the simulation took more memory than there is: ask for fewer Nodes or lookups"))
          : Effect.die(error)
      )
    })
    worker.once("exit", (code) => {
      if (!hasTold) end(Effect.die(new Error(`the thread of the simulation ended by itself (${code})`)))
    })
    return Effect.suspend(() => {
      Atomics.store(stop, 0, 1)
      const closing = options.trace === undefined ? Effect.void : Effect.promise(() => ended)
      return Effect.andThen(
        Effect.timeoutOption(closing, lastWords),
        Effect.promise(() => worker.terminate())
      )
    })
  })

// -----------------------------------------------------------------------------
// internals
// -----------------------------------------------------------------------------

/** How long the thread may take to write the rest of a trace. */
const lastWords = "500 millis"

// the sources run as they are, and compiled
const file = new URL(`./worker${Path.extname(import.meta.filename)}`, import.meta.url)
