/**
 * Pair: the processes of one contender, and the two ways in which values go between them. What was sent is compared
 * with what was received after every round.
 */
import { need } from "./Peers.ts"
import { type Process, start, type Usage, type Used } from "./Process.ts"
import type { Requesting, Sending, Settings } from "./System.ts"
import type { SystemName } from "./Systems.ts"
import type { Contender, Extent, Running, Sample } from "./Workload.ts"

export interface Options {
  readonly name: string
  readonly system: SystemName
  readonly against?: string | undefined
  readonly server?: Settings | undefined
  /** There is one in the middle. */
  readonly forwarder?: Settings | undefined
  readonly client?: Settings | undefined
  /** Something else that must run, whose address all ends get, and what it uses. */
  readonly broker?: (() => Promise<Used & { readonly address: unknown }>) | undefined
  readonly size: number
  /** Requests under way; left out for values that go one way. */
  readonly inFlight?: number | undefined
  /** Whether a message may come twice, by what the system promises. */
  readonly mayRepeat?: boolean | undefined
  /** What the figures are, of what a round has used. */
  readonly figures: (facts: Facts) => Sample["figures"]
}

export interface Facts {
  readonly messages: number
  /** From the first send to the last message that is there and acknowledged. */
  readonly seconds: number
  /** To the last acknowledgement at the sender. */
  readonly sendingSeconds: number
  readonly p50: number
  readonly p99: number
  readonly cpu: { readonly [process: string]: number }
}

/** Messages for each second of processor, of all processes together: it says more than a rate where others run, too. */
export const perProcessorSecond = ({ cpu, messages }: Facts): number =>
  messages / (Object.values(cpu).reduce((sum, spent) => sum + spent, 0) / 1000)

interface Sent {
  readonly began: number
  readonly ended: number
  readonly p50?: number
  readonly p99?: number
}

/** The end that receives or the one in the middle has this long to have what was acknowledged, in milliseconds. */
const patience = 20_000

const within = async <A>(promise: Promise<A>, problem: () => Promise<string>): Promise<A> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => void problem().then((message) => reject(new Error(message))), patience)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** The rounds of a pair. */
const run = (options: Options, extent: Extent, parts: { readonly [name: string]: Used }): Running => {
  const server = parts["receiver"] as Process
  const client = parts["sender"] as Process
  const { inFlight, size } = options
  let from = 0
  let duplicates = 0
  let count = Math.max(16, inFlight ?? 16)

  const usage = async (): Promise<{ readonly [name: string]: Usage }> =>
    Object.fromEntries(
      await Promise.all(Object.entries(parts).map(async ([name, part]) => [name, await part.usage()] as const))
    )

  const once = async (): Promise<Sample & { readonly seconds: number }> => {
    const before = await usage()
    const total = from + count
    const arrived = server.ask<number>("expect", total)
    const sending: Sending = { from, count, size }
    const requesting: Requesting = { ...sending, inFlight: inFlight ?? 1 }
    const sent = inFlight === undefined
      ? await client.ask<Sent>("oneWay", sending)
      : await client.ask<Sent>("requests", requesting)
    const last = await within(arrived, async () => {
      const { received } = await server.ask<{ received: number }>("tally")
      return `${total - received} of ${count} messages were lost`
    })
    const after = await usage()
    const tally = await server.ask<{ received: number; duplicates: number }>("tally")
    if (tally.received !== total) throw new Error(`${total} messages were sent, and ${tally.received} received`)
    const repeated = tally.duplicates - duplicates
    if (repeated > 0 && options.mayRepeat !== true) throw new Error(`${repeated} messages were delivered twice`)
    duplicates = tally.duplicates
    from = total
    const seconds = (Math.max(last, sent.ended) - sent.began) / 1000
    const cpu = Object.fromEntries(Object.keys(parts).map((name) => [name, after[name]!.cpu - before[name]!.cpu]))
    const figures = options.figures({
      messages: count,
      seconds,
      sendingSeconds: (sent.ended - sent.began) / 1000,
      p50: sent.p50 ?? Number.NaN,
      p99: sent.p99 ?? Number.NaN,
      cpu
    })
    return { figures, cpu, messages: count, duplicates: repeated, seconds }
  }

  return {
    // Rounds that grow until one is long enough: by then the code is compiled, too.
    warmUp: async () => {
      const began = performance.now()
      while (true) {
        const { seconds } = await once()
        const spent = performance.now() - began
        const next = Math.max(1, Math.round(count * extent.round / 1000 / seconds))
        if (seconds * 1000 > extent.round / 3 && spent > extent.warmUp) {
          count = next
          return
        }
        count = Math.min(next, count * 8)
      }
    },
    round: once,
    end: async () => {
      await Promise.all(Object.values(parts).map((part) => part.end()))
    }
  }
}

/** A contender of a pair of processes, or of three. */
export const pair = (options: Options) => (extent: Extent): Contender => ({
  name: options.name,
  system: options.system,
  against: options.against,
  start: async () => {
    need(options.system)
    const parts: { [name: string]: Used } = {}
    const open = async (name: string, module: string, settings: Settings) => {
      const process = await start(module, { system: options.system, settings })
      parts[name] = process
      return process
    }
    try {
      let to: unknown
      if (options.broker !== undefined) {
        const broker = await options.broker()
        parts["broker"] = broker
        to = broker.address
      }
      to = await (await open("receiver", "./ends/server.ts", { to, ...options.server })).ask("address")
      if (options.forwarder !== undefined) {
        to = await (await open("forwarder", "./ends/forwarder.ts", { ...options.forwarder, to })).ask("address")
      }
      await open("sender", "./ends/client.ts", { ...options.client, to })
      return run(options, extent, parts)
    } catch (error) {
      await Promise.all(Object.values(parts).map((part) => part.end()))
      throw error
    }
  }
})
