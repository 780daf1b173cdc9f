/** Process: another process that plays a role, as whoever measures sees it. */
import { type ChildProcess, fork } from "node:child_process"
import * as Fs from "node:fs"

/** What a process has used: milliseconds of all cores since its start, and bytes that are resident. */
export interface Usage {
  readonly cpu: number
  readonly resident: number
}

/** Something that uses a processor. */
export interface Used {
  readonly usage: () => Promise<Usage>
  readonly end: () => Promise<void>
}

export interface Process extends Used {
  readonly ask: <A>(name: string, argument?: unknown) => Promise<A>
}

/** Longer than anything takes that is measured. */
const patience = 180_000

/** Why it went wrong, without the process that it went wrong in. */
export class Failed extends Error {}

/** Where each process leaves a profile of what it spent its time with. */
let profiles: string | undefined
let started = 0

/** From now on each process is profiled. */
export const profileInto = (folder: string): void => {
  profiles = folder
}

const profiling = (module: string, argument: unknown): ReadonlyArray<string> => {
  if (profiles === undefined) return []
  const system = (argument as { readonly system?: string } | undefined)?.system ?? "wendy"
  const end = module.replace(/^.*\/|\.ts$/g, "")
  const name = `${String(++started).padStart(3, "0")}-${system}-${end}.cpuprofile`
  return ["--cpu-prof", `--cpu-prof-dir=${profiles}`, `--cpu-prof-name=${name}`]
}

/** Starts a process, and waits until its end is open. */
export const start = async (module: string, argument: unknown): Promise<Process> => {
  const child: ChildProcess = fork(new URL("role.ts", import.meta.url), [module, JSON.stringify(argument ?? null)], {
    serialization: "advanced",
    execArgv: profiling(module, argument) as Array<string>,
    stdio: ["ignore", "ignore", "inherit", "ipc"]
  })
  const waiting = new Map<
    number,
    { readonly resolve: (value: never) => void; readonly reject: (error: Error) => void }
  >()
  let next = 0
  const await_ = <A>(name: string): { readonly number: number; readonly answer: Promise<A> } => {
    const number = next++
    const answer = new Promise<A>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Failed(`${module}: no answer to ${name}`)), patience)
      const settle = (then: () => void) => {
        clearTimeout(timer)
        waiting.delete(number)
        then()
      }
      waiting.set(number, {
        resolve: (value: A) => settle(() => resolve(value)),
        reject: (error) => settle(() => reject(error))
      })
    })
    // Who has given up on it, because something else went wrong first, must not end the bench with it.
    answer.catch(() => {})
    return { number, answer }
  }
  child.on("message", ({ error, number, value }: { number: number; value: never; error?: string }) => {
    if (error === undefined) waiting.get(number)?.resolve(value)
    else waiting.get(number)?.reject(new Failed(error))
  })
  const ended = new Promise<void>((resolve) => {
    child.once("exit", (code, signal) => {
      for (const { reject } of waiting.values()) reject(new Failed(`${module} ended with ${code ?? signal}`))
      resolve()
    })
  })
  const { answer: opened } = await_<void>("open")
  const ask = <A>(name: string, argument?: unknown): Promise<A> => {
    const { answer, number } = await_<A>(name)
    child.send({ number, name, argument })
    return answer
  }
  const end = async () => {
    // A process that is killed leaves no profile; one that hears nothing any more ends by itself.
    if (profiles !== undefined && child.connected) child.disconnect()
    else child.kill("SIGKILL")
    const timer = setTimeout(() => child.kill("SIGKILL"), 10_000)
    await ended
    clearTimeout(timer)
  }
  try {
    await opened
  } catch (error) {
    await end()
    throw error
  }
  return { ask, usage: () => ask("usage"), end }
}

/** What a process that is not ours has used, where the system says so. */
export const usageOf = (id: number): Usage => {
  try {
    // Of each thread the nanoseconds that it ran; what stands in stat is counted in hundredths of a second.
    const threads = Fs.readdirSync(`/proc/${id}/task`)
    const cpu = threads.reduce(
      (sum, thread) =>
        sum + Number(Fs.readFileSync(`/proc/${id}/task/${thread}/schedstat`, "utf8").split(" ")[0]) / 1e6,
      0
    )
    return { cpu, resident: Number(Fs.readFileSync(`/proc/${id}/statm`, "utf8").split(" ")[1]) * 4096 }
  } catch {
    return { cpu: Number.NaN, resident: Number.NaN }
  }
}
