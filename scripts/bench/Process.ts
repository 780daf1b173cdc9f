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

/** Starts a process, and waits until its end is open. */
export const start = async (module: string, argument: unknown, flags: ReadonlyArray<string> = []): Promise<Process> => {
  const child: ChildProcess = fork(new URL("role.ts", import.meta.url), [module, JSON.stringify(argument ?? null)], {
    serialization: "advanced",
    execArgv: [...flags],
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
    return { number, answer }
  }
  child.on("message", ({ error, number, value }: { number: number; value: never; error?: string }) => {
    if (error === undefined) waiting.get(number)?.resolve(value)
    else waiting.get(number)?.reject(new Failed(error))
  })
  const ended = new Promise<void>((resolve) => {
    child.once("exit", (code) => {
      for (const { reject } of waiting.values()) reject(new Failed(`${module} ended with ${code}`))
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
    child.kill("SIGKILL")
    await ended
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
