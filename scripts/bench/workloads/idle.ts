/** idle: what a Node costs that has nothing to do. */
import { type Process, start } from "../Process.ts"
import type { Contender, Extent, Sample, Workload } from "../Workload.ts"

const share = "CPU, %"
const resident = "resident, MB"

const empty = "empty Effect program"

/** Processes that are watched all at once: none of them does anything that the others would notice. */
const idler = (
  name: string,
  against: string | undefined,
  { isQuick, rounds }: Extent,
  open: () => Promise<ReadonlyArray<Process>>
): Contender => ({
  name,
  system: "wendy",
  against,
  start: async () => {
    const processes = await open()
    const [watched] = processes
    const seconds = (isQuick ? 1.5 : 21) / rounds
    let before = { at: 0, cpu: 0 }
    const look = async () => ({ at: performance.now(), ...(await watched!.usage()) })
    return {
      warmUp: async () => {
        // What a start leaves behind is no part of it.
        await new Promise((resolve) => setTimeout(resolve, isQuick ? 200 : 2000))
        before = await look()
      },
      round: async (): Promise<Sample> => {
        // What has passed since the last look, in which the others had their rounds: all of it was idle.
        const waited = performance.now() - before.at
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, seconds * 1000 - waited)))
        const now = await look()
        const cpu = now.cpu - before.cpu
        const figures = { [share]: cpu / (now.at - before.at) * 100, [resident]: now.resident / 1e6 }
        before = now
        return { figures, cpu: {}, messages: 1, duplicates: 0 }
      },
      end: async () => {
        await Promise.all(processes.map((process) => process.end()))
      }
    }
  }
})

const module = "./ends/idle.ts"

export const idle: Workload = {
  name: "idle",
  title: "A process that has nothing to do",
  metrics: [{ name: share, better: "less" }, { name: resident, better: "less" }],
  notes: [
    "The empty program loads of Effect and platform-node what a Node takes of them; memory without a collection before.",
    "The ring has 32 other Nodes (in a quick run 4), in another process, which is not counted."
  ],
  contenders: (extent) => [
    idler(empty, undefined, extent, async () => [await start(module, { kind: "empty" })]),
    idler("wendy, loaded", empty, extent, async () => [await start(module, { kind: "imports" })]),
    idler("wendy, a Node alone", empty, extent, async () => [await start(module, { kind: "node" })]),
    idler("wendy, a Node in a ring", empty, extent, async () => {
      const ring = await start("./ends/ring.ts", { nodes: extent.isQuick ? 4 : 32 })
      return [await start(module, { kind: "node", seed: await ring.ask("port") }), ring]
    })
  ]
}
