/** client: the sending end of a system. */
import { monotonic } from "../Monotonic.ts"
import { percentile } from "../Statistics.ts"
import type { Requesting, Sending, Settings } from "../System.ts"
import { load, type SystemName } from "../Systems.ts"

/** Messages at a rate, whether or not those before are answered. */
export interface Pacing {
  readonly from: number
  /** A second. */
  readonly rate: number
  readonly seconds: number
  readonly size: number
}

/** More are not let wait, about as many as a Node takes at once: what is sent above what goes would only pile up. */
const maxWaiting = 4_000

/** Below this rate a timer is exact enough, and the process sleeps in between as an idle one does. */
const slow = 500

const summary = (times: Float64Array) => {
  times.sort()
  return { p50: percentile(times, 0.5), p99: percentile(times, 0.99), longest: percentile(times, 1) }
}

export const open = async ({ settings, system }: { readonly system: SystemName; readonly settings: Settings }) => {
  const client = await (await load(system)).connect(settings)
  return {
    oneWay: async (sending: Sending) => {
      const began = monotonic()
      await client.oneWay!(sending)
      return { began, ended: monotonic() }
    },
    requests: async (requesting: Requesting) => {
      const times = new Float64Array(requesting.count)
      const began = monotonic()
      await client.requests!(requesting, times)
      const ended = monotonic()
      return { began, ended, ...summary(times) }
    },
    paced: async ({ from, rate, seconds, size }: Pacing) => {
      const total = Math.max(1, Math.round(rate * seconds))
      const times: Array<number> = []
      let launched = 0
      let due = 0
      const began = monotonic()
      const launch = (since: number) => {
        client.launch!(from + launched++, size, () => times.push(monotonic() - since))
      }
      await new Promise<void>((resolve) => {
        const tick = () => {
          const now = monotonic()
          const goal = Math.min(total, Math.floor((now - began) / 1000 * rate) + 1)
          // At a slow rate from the send, for a timer is late by up to a millisecond; at a fast one from when it was due.
          while (due < goal) {
            const moment = rate < slow ? now : began + due * 1000 / rate
            due++
            if (launched - times.length < maxWaiting) launch(moment)
          }
          if (due === total) return resolve()
          if (rate < slow) setTimeout(tick, Math.max(1, began + due * 1000 / rate - monotonic()))
          else setImmediate(tick)
        }
        tick()
      })
      while (times.length < launched) await new Promise((resolve) => setTimeout(resolve, 1))
      const elapsed = (monotonic() - began) / 1000
      return { launched, rate: times.length / Math.max(elapsed, seconds), ...summary(Float64Array.from(times)) }
    }
  }
}
