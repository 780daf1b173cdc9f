/**
 * Children: processes in folders that are removed in the end, and what became of them.
 */
import { type ChildProcess, spawn } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"

export const home = Fs.mkdtempSync(Path.join(Os.tmpdir(), "wendy-package-"))

let isKept = false

/** Leaves the folders, and says where. */
export const keep = (): void => void (isKept = true)

export interface Outcome {
  readonly good: boolean
  readonly stdout: string
  readonly stderr: string
  readonly millis: number
  /** How it ended, for people. */
  readonly end: string
}

export interface Where {
  readonly folder: string
  readonly seconds?: number
}

const children = new Set<ChildProcess>()

// Whatever started us must not shine through: its tools, and what npm says about the package that runs us.
const inherited = Object.fromEntries(
  Object.entries(process.env).filter(([name]) =>
    !/^npm_(package|lifecycle|config_local_prefix|command|execpath|node_execpath)|^INIT_CWD$|^NODE_(OPTIONS|PATH|.*COMPILE_CACHE.*)$/
      .test(name)
  )
)
const tools = (process.env["PATH"] ?? "").split(Path.delimiter)
  .filter((folder) => !folder.includes("node_modules") && !folder.includes("node-gyp-bin"))

export const start = (command: string, args: ReadonlyArray<string>, folder: string) => {
  const child = spawn(command, args, {
    cwd: folder,
    // a group of its own: npx starts others, and they have to end with it
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...inherited,
      PATH: [Path.join(folder, "node_modules", ".bin"), ...tools].join(Path.delimiter),
      // for the compile cache of `wendy`, so that it starts empty and is removed in the end
      TMPDIR: temporary,
      NO_COLOR: "1",
      npm_config_loglevel: "error",
      npm_config_prefer_offline: "true"
    }
  })
  children.add(child)
  child.once("close", () => children.delete(child))
  return child
}

export const signal = (child: ChildProcess, name: NodeJS.Signals) => {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, name)
  } catch {
    // it has ended by itself
  }
}

export const outcomeOf = (child: ChildProcess, seconds: number) =>
  new Promise<Outcome>((resolve) => {
    const startedAt = performance.now()
    let millis = 0
    let late = false
    const output = { stdout: "", stderr: "" }
    child.stdout!.setEncoding("utf8").on("data", (text: string) => (output.stdout += text))
    child.stderr!.setEncoding("utf8").on("data", (text: string) => (output.stderr += text))
    const timer = setTimeout(() => {
      late = true
      signal(child, "SIGKILL")
    }, seconds * 1000)
    const settle = (good: boolean, end: string) => {
      clearTimeout(timer)
      resolve({ ...output, good, millis, end })
    }
    child.once("error", (error) => settle(false, error.message))
    child.once("exit", () => (millis = performance.now() - startedAt))
    child.once("close", (code, name) =>
      settle(code === 0, late ? `not done after ${seconds} s` : name === null ? `exit ${code}` : `ended by ${name}`))
  })

export const run = (command: string, args: ReadonlyArray<string>, { folder, seconds = 60 }: Where) =>
  outcomeOf(start(command, args, folder), seconds)

/** For steps without which nothing else makes sense. */
export const must = async (command: string, args: ReadonlyArray<string>, where: Where) => {
  const outcome = await run(command, args, where)
  if (outcome.good) return outcome
  throw new Error(`${command} ${args.join(" ")}: ${outcome.end}\n${outcome.stdout}${outcome.stderr}`)
}

export const folderFor = (name: string) => {
  const folder = Path.join(home, name)
  Fs.mkdirSync(folder)
  return folder
}

export const temporary = folderFor("tmp")

// also when something is thrown where nobody catches it
process.once("exit", () => {
  for (const child of children) signal(child, "SIGKILL")
  if (isKept) console.log(`kept: ${home}`)
  else Fs.rmSync(home, { recursive: true, force: true, maxRetries: 3 })
})

for (const name of ["SIGINT", "SIGTERM"] as const) {
  process.once(name, () => process.exit(1))
}
