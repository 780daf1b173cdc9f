/**
 * Broker: a nats-server of its own for each contender, where this machine has one: in the path, or where NATS_SERVER
 * says, which names the program or its folder.
 */
import { spawn, spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Path from "node:path"
import { freePort } from "./freePort.ts"
import { usageOf, type Used } from "./Process.ts"
import { Missing } from "./Workload.ts"

const name = "nats-server"

const isProgram = (file: string): boolean => {
  try {
    Fs.accessSync(file, Fs.constants.X_OK)
    return Fs.statSync(file).isFile()
  } catch {
    return false
  }
}

const find = (): string | undefined => {
  const told = process.env["NATS_SERVER"]
  if (told !== undefined) return [told, Path.join(told, name)].find(isProgram)
  return (process.env["PATH"] ?? "").split(Path.delimiter).map((folder) => Path.join(folder, name)).find(isProgram)
}

/** Which it is. */
export const version = (): string => {
  const program = find()
  if (program === undefined) return "not found"
  return spawnSync(program, ["--version"], { encoding: "utf8" }).stdout.trim().replace(/^.*: ?/, "")
}

/** Waits until somebody listens. */
const reach = async (port: number): Promise<void> => {
  for (let count = 0; count < 100; count++) {
    const isThere = await new Promise<boolean>((resolve) => {
      const socket = Net.connect({ host: "127.0.0.1", port })
      socket.once("connect", () => resolve(true))
      socket.once("error", () => resolve(false))
      socket.once("close", () => resolve(false))
      socket.once("connect", () => socket.destroy())
    })
    if (isThere) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error("nats-server does not listen")
}

export const startBroker = async (): Promise<Used & { readonly address: number }> => {
  const program = find()
  if (program === undefined) throw new Missing("no nats-server; put it into the path, or name it in NATS_SERVER")
  const port = await freePort()
  const child = spawn(program, ["--addr", "127.0.0.1", "--port", `${port}`], { stdio: "ignore" })
  await reach(port)
  return {
    address: port,
    usage: async () => usageOf(child.pid!),
    end: async () => void child.kill("SIGKILL")
  }
}
