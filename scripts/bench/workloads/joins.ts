/** joins: how long a Node takes to join a ring. */
import { start } from "../Process.ts"
import type { Workload } from "../Workload.ts"

export const joins: Workload = {
  name: "joins",
  title: "Joins of a ring of 32 Nodes in another process, one after another, to `ready`",
  metrics: [{ name: "p50, ms", better: "less" }, { name: "p99, ms", better: "less" }],
  notes: [
    "Each is a new Node in the process of the joiner, which leaves before the next one joins.",
    "Go Wendy waits for 20 s by default until it counts as joined; there is nothing to measure in that."
  ],
  contenders: ({ isQuick }) => [{
    name: "wendy",
    system: "wendy",
    start: async () => {
      const ring = await start("./ends/ring.ts", { nodes: 32 })
      const joiner = await start("./ends/joiner.ts", { port: await ring.ask("port") })
      const count = isQuick ? 3 : 25
      return {
        warmUp: () => joiner.ask("join", isQuick ? 1 : 10),
        round: async () => {
          const before = [await ring.usage(), await joiner.usage()] as const
          const { p50, p99 } = await joiner.ask<{ p50: number; p99: number }>("join", count)
          return {
            figures: { "p50, ms": p50, "p99, ms": p99 },
            cpu: {
              ring: (await ring.usage()).cpu - before[0].cpu,
              joiner: (await joiner.usage()).cpu - before[1].cpu
            },
            messages: count,
            duplicates: 0
          }
        },
        end: async () => {
          await joiner.end()
          await ring.end()
        }
      }
    }
  }]
}
