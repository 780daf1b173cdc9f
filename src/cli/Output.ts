/**
 * Standard output, as one ordered sequence of lines with back-pressure.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Writable } from "node:stream"

/**
 * Whoever read the output has gone.
 *
 * @category errors
 * @since 0.1.0
 */
export class OutputClosed extends Schema.TaggedError<OutputClosed>()("OutputClosed", {}) {}

/**
 * Where a command writes what it was asked for. Everything else goes to standard error.
 *
 * @category services
 * @since 0.1.0
 */
export class Output extends Context.Service<Output, {
  /** Writes text in the order of the calls; returns when the operating system has it. */
  readonly write: (text: string) => Effect.Effect<void, OutputClosed>
  /** Fails when the reader has gone. That shows only when something is written. */
  readonly closed: Effect.Effect<never, OutputClosed>
}>()("effect-wendy/cli/Output") {}

/**
 * Writes to a stream of Node.
 *
 * **Details**
 *
 * What is written while an earlier write is under way goes out together, in one system call.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (stream: Writable): Output["Service"] => {
  const closed = Deferred.makeUnsafe<never, OutputClosed>()
  const failed = Effect.fail(new OutputClosed())
  let isClosed = false
  let isWriting = false
  let text = ""
  let waiting: Array<(result: Effect.Effect<void, OutputClosed>) => void> = []

  const close = () => {
    isClosed = true
    Deferred.doneUnsafe(closed, failed)
  }
  // without a listener a closed pipe ends the process with a stack trace
  stream.on("error", close)

  const flush = () => {
    const [chunk, done] = [text, waiting]
    text = ""
    waiting = []
    isWriting = true
    stream.write(chunk, (error) => {
      if (error) close()
      for (const resume of done) resume(error ? failed : Effect.void)
      isWriting = false
      if (waiting.length > 0) flush()
    })
  }

  return {
    write: (more) =>
      Effect.callback((resume) => {
        if (isClosed) return resume(failed)
        text += more
        waiting.push(resume)
        if (!isWriting) flush()
      }),
    closed: Deferred.await(closed)
  }
}

/**
 * The standard output of this process.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Output> = Layer.sync(Output, () => make(process.stdout))

/**
 * A value as a line of newline-delimited JSON.
 *
 * @category rendering
 * @since 0.1.0
 */
export const jsonLine = (value: { readonly type: string; readonly [field: string]: unknown }): string =>
  `${JSON.stringify(value)}\n`
