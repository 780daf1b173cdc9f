/** paced: confirmed messages at a rate, whether or not those before are answered. */
import { need } from "../Peers.ts"
import { start } from "../Process.ts"
import type { Settings } from "../System.ts"
import type { SystemName } from "../Systems.ts"
import type { Contender, Extent, Workload } from "../Workload.ts"

const size = 256
const form = "requests"

const rates = [1, 10, 1_000, 10_000, 100_000]
const quickRates = [10, 100_000]

interface Paced {
  readonly launched: number
  readonly rate: number
  readonly p50: number
  readonly p99: number
}

const paced = (
  title: string,
  system: SystemName,
  rate: number,
  { isQuick, rounds }: Extent,
  settings: Settings,
  against?: string
): Contender => ({
  name: `${title}, ${rate.toLocaleString("en")}/s`,
  system,
  against: against === undefined ? undefined : `${against}, ${rate.toLocaleString("en")}/s`,
  start: async () => {
    need(system)
    const server = await start("./ends/server.ts", { system, settings })
    const to = await server.ask("address")
    const client = await start("./ends/client.ts", { system, settings: { ...settings, to } })
    let from = 0
    const send = async (rate: number, seconds: number) => {
      const result = await client.ask<Paced>("paced", { from, rate, seconds, size })
      from += result.launched
      await server.ask("expect", from)
      const tally = await server.ask<{ received: number; duplicates: number }>("tally")
      if (tally.received !== from || tally.duplicates > 0) {
        throw new Error(`${from} sent, ${tally.received} received, ${tally.duplicates} twice`)
      }
      return result
    }
    // A slow rate needs time for some messages; what it measures is a process that sleeps in between.
    const seconds = isQuick
      ? Math.min(0.5, Math.max(0.2, 2 / rate))
      : Math.max(7 / rounds, Math.min(21 / rounds, 20 / rate))
    return {
      warmUp: async () => {
        await send(isQuick ? 3000 : 5000, isQuick ? 0.2 : 1)
        if (rate > 1000) await send(rate, 0.2)
      },
      round: async () => {
        const before = [await server.usage(), await client.usage()] as const
        const { launched, p50, p99, rate: achieved } = await send(rate, seconds)
        return {
          figures: { "p50, µs": p50 * 1000, "p99, µs": p99 * 1000, "answered/s": achieved },
          cpu: {
            receiver: (await server.usage()).cpu - before[0].cpu,
            sender: (await client.usage()).cpu - before[1].cpu
          },
          messages: launched,
          duplicates: 0
        }
      },
      end: async () => {
        await client.end()
        await server.end()
      }
    }
  }
})

export const pacedSends: Workload = {
  name: "paced",
  title: `Confirmed values of ${size} bytes at a rate, whether or not those before are answered`,
  metrics: [
    { name: "p50, µs", better: "less" },
    { name: "p99, µs", better: "less" },
    { name: "answered/s", better: "neither" }
  ],
  notes: [
    "From 1,000 a second on a time counts from when the message was due, and the sender never sleeps; below, from the send.",
    "Where fewer are answered than are due, that is as many as go: 4,000 wait at most, and the time is that of the queue."
  ],
  contenders: (extent) =>
    (extent.isQuick ? quickRates : rates).flatMap((rate) => [
      paced("raw socket", "raw", rate, extent, { form }),
      paced("wendy", "wendy", rate, extent, {}, "raw socket"),
      ...(extent.isQuick ? [] : [paced("Effect RPC", "effectRpc", rate, extent, {}, "raw socket")])
    ])
}
