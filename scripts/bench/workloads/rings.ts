/** rings: many Nodes in one process over real TCP. */
import { start } from "../Process.ts"
import type { Contender, Extent, Workload } from "../Workload.ts"

const sizes = [25, 50, 100, 200]

interface State {
  readonly heap: number
  readonly resident: number
  readonly connections: number
}

interface Sent {
  readonly seconds: number
  readonly hops: number
  readonly duplicates: number
}

const ring = (nodes: number, { isQuick, round }: Extent): Contender => ({
  name: `wendy, ${nodes} Nodes`,
  system: "wendy",
  start: async () => {
    const process = await start("./ends/ring.ts", { nodes })
    const counts = { acknowledged: 1000, confirmed: 1000 }
    const send = async (how: "acknowledged" | "confirmed") => {
      const messages = counts[how]
      const { duplicates, hops, seconds } = await process.ask<Sent>(how, messages)
      // Only a confirmed message is delivered exactly once.
      if (how === "confirmed" && duplicates > 0) throw new Error(`${duplicates} messages were delivered twice`)
      counts[how] = Math.max(100, Math.round(messages * round / 2000 / seconds))
      return { rate: messages / seconds, hops, messages, duplicates }
    }
    return {
      warmUp: async () => {
        for (let count = 0; count < (isQuick ? 1 : 3); count++) {
          await send("acknowledged")
          await send("confirmed")
        }
      },
      round: async () => {
        const before = await process.usage()
        const acknowledged = await send("acknowledged")
        const confirmed = await send("confirmed")
        const cpu = (await process.usage()).cpu - before.cpu
        const state = await process.ask<State>("state")
        const joins = await process.ask<{ p50: number }>("joins")
        return {
          figures: {
            "join p50, ms": joins.p50,
            "heap per Node, kB": state.heap / 1000,
            "resident per Node, kB": state.resident / 1000,
            "connections per Node": state.connections,
            "acknowledged/s": acknowledged.rate,
            "confirmed/s": confirmed.rate,
            "hops": confirmed.hops
          },
          cpu: { process: cpu },
          messages: acknowledged.messages + confirmed.messages,
          duplicates: acknowledged.duplicates
        }
      },
      end: process.end
    }
  }
})

export const rings: Workload = {
  name: "rings",
  isOneByOne: true,
  title: "Many Nodes in one process over real TCP, all of them sending values of 256 bytes to random keys",
  metrics: [
    "join p50, ms",
    "heap per Node, kB",
    "resident per Node, kB",
    "connections per Node",
    "acknowledged/s",
    "confirmed/s",
    "hops"
  ].map((name) => ({ name, better: "neither" })),
  notes: [
    "One thread does what 25 to 200 do elsewhere: sends, forwards and receives. A connection counts at both its ends.",
    "Heap: what is live after a collection, buffers outside of it as well."
  ],
  contenders: (extent) => (extent.isQuick ? sizes.slice(0, 1) : sizes).map((nodes) => ring(nodes, extent))
}
