/** The program as a real process. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"

const bin = fileURLToPath(new URL("../../src/bin.ts", import.meta.url))

export type Json = Record<string, any>

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** What was waited for did not come. */
export class Waited extends Schema.TaggedError<Waited>()("Waited", { message: Schema.String }) {}

const waited = (message: string) => Effect.fail(new Waited({ message }))

/** Starts the program; the scope kills it. Standard input stays open until it is ended. */
export const start = (...args: ReadonlyArray<string>) => startWith([], args)

const startWith = Effect.fnUntraced(function*(flags: ReadonlyArray<string>, args: ReadonlyArray<string>) {
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => spawn(process.execPath, [...flags, bin, ...args], { stdio: "pipe" })),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )
  let stdout = ""
  let stderr = ""
  const watchers = new Set<() => void>()
  const look = () => watchers.forEach((watcher) => watcher())
  child.stdout.setEncoding("utf8").on("data", (text) => {
    stdout += text
    look()
  })
  child.stderr.setEncoding("utf8").on("data", (text) => {
    stderr += text
    look()
  })
  child.stdin.on("error", () => {})
  const closed = once(child, "close").then(look)

  const until = <A>(what: string, find: () => A | undefined): Effect.Effect<A, Waited> =>
    Effect.callback<A, Waited>((resume) => {
      const watcher = () => {
        const found = find()
        if (found !== undefined) resume(Effect.succeed(found))
        else if (child.stdout.closed && child.exitCode !== null) resume(waited(`ended before ${what}`))
      }
      watchers.add(watcher)
      watcher()
      return Effect.sync(() => watchers.delete(watcher))
    }).pipe(Effect.timeoutOrElse({
      duration: "20 seconds",
      orElse: () => waited(`no ${what}. stdout: ${stdout} stderr: ${stderr}`)
    }))
  const lines = (): Array<Json> => stdout.split("\n").slice(0, -1).map((line) => JSON.parse(line))

  return {
    child,
    lines,
    until,
    stderr: () => stderr,
    /** The first line of JSON that fits. */
    line: (what: string, fits: (line: Json) => boolean) => until(what, () => lines().find(fits)),
    said: (text: string) => until(text, () => stderr.includes(text) ? true : undefined),
    ended: Effect.promise(() => closed).pipe(
      Effect.map((): Ended => ({ code: child.exitCode, stdout, stderr })),
      Effect.timeoutOrElse({
        duration: "60 seconds",
        orElse: () => waited(`did not end. stdout: ${stdout} stderr: ${stderr}`)
      })
    )
  }
})

/** Runs the program to its end, with text on its standard input. */
export const run = (args: ReadonlyArray<string>, stdin = "") =>
  Effect.scoped(Effect.flatMap(start(...args), (program) => {
    program.child.stdin.end(stdin)
    return program.ended
  }))

/** Runs the program where a package is not installed. */
export const runWithout = (name: string, args: ReadonlyArray<string>) => {
  const hook = `import { registerHooks } from "node:module"
    registerHooks({
      resolve: (specifier, context, next) => {
        if (!specifier.startsWith(${JSON.stringify(name)})) return next(specifier, context)
        throw Object.assign(new Error("Cannot find package '${name}'"), { code: "ERR_MODULE_NOT_FOUND" })
      }
    })`
  const flags = ["--import", `data:text/javascript,${encodeURIComponent(hook)}`]
  return Effect.scoped(Effect.flatMap(startWith(flags, args), ({ ended }) => ended))
}

/** Starts a Node, waits until it is ready, and returns it with its `ready` line. */
export const startNode = Effect.fnUntraced(function*(...args: ReadonlyArray<string>) {
  const program = yield* start("node", "--json", ...args)
  const ready = yield* program.line("ready", ({ type }) => type === "ready")
  return { ...program, id: ready["id"] as string, address: `${ready["host"]}:${ready["port"]}` }
})
