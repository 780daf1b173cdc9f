/** Machine: where it was measured. */
import * as Os from "node:os"

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memory: string
  readonly system: string
  readonly load: number
  readonly node: string
}

export const describe = (): Machine => ({
  cpu: Os.cpus()[0]?.model.trim() ?? "unknown",
  cores: Os.cpus().length,
  memory: `${(Os.totalmem() / 2 ** 30).toFixed(1)} GiB`,
  system: `${Os.type()} ${Os.release().split("-")[0]} ${Os.arch()}`,
  load: Os.loadavg()[0]!,
  node: process.versions.node
})
