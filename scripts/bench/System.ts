/** System: what is measured, as the workloads see it. Its ends live in processes of their own. */
import type { Tally } from "./Tally.ts"

/** An end that proves itself, in PEM. */
export interface Certificate {
  readonly key: string
  readonly chain: string
  readonly authority: string
}

/** How an end is started; plain data, for it travels between processes. */
export interface Settings {
  /** Of the other end, or of the next one on the way: whatever its `address` was. */
  readonly to?: unknown
  /** Talk over TLS, and show this. */
  readonly certificate?: Certificate | undefined
  /** Which form of a system, where it has several. */
  readonly form?: string | undefined
}

/** Messages to send: their numbers go from `from` on. */
export interface Sending {
  readonly from: number
  readonly count: number
  readonly size: number
}

/** Requests to send, of which so many may be under way. */
export interface Requesting extends Sending {
  readonly inFlight: number
}

/** The end that receives. */
export interface Server {
  /** What the other end needs to reach it; plain data. */
  readonly address: unknown
  readonly tally: Tally
}

/** The end that sends. What it has no function for is not measured with it. */
export interface Client {
  /** Sends values, and completes when all are acknowledged. */
  readonly oneWay?: ((sending: Sending) => Promise<void>) | undefined
  /** Sends values, each of which is answered, and writes down how many milliseconds each took. */
  readonly requests?: ((requesting: Requesting, times: Float64Array) => Promise<void>) | undefined
  /** Sends one value, whatever else is under way, and says when it is answered. */
  readonly launch?: ((number: number, size: number, done: () => void) => void) | undefined
}

/** A process in the middle. */
export interface Forwarder {
  readonly address: unknown
}

export interface System {
  /** Opens the receiving end. */
  readonly serve: (settings: Settings) => Promise<Server>
  /** Opens the sending end, connected. */
  readonly connect: (settings: Settings) => Promise<Client>
  /** Opens the end in the middle, on the way to `settings.to`. */
  readonly forward?: ((settings: Settings) => Promise<Forwarder>) | undefined
}

/** Many promises under way at once, and how long each took: for systems whose requests are promises. */
export const promised = async (
  { count, from, inFlight, size }: Requesting,
  times: Float64Array,
  request: (number: number, size: number) => Promise<unknown>
): Promise<void> => {
  let next = 0
  const worker = async () => {
    while (next < count) {
      const index = next++
      const began = performance.now()
      await request(from + index, size)
      times[index] = performance.now() - began
    }
  }
  await Promise.all(Array.from({ length: Math.min(inFlight, count) }, worker))
}

/**
 * Many messages that nobody acknowledges, and after every window of them one request that does: for systems whose
 * fastest way to send tells nothing. Some windows are under way at once.
 */
export const windowed = async (
  { count, from, size }: Sending,
  publish: (number: number, size: number) => void,
  confirm: (number: number, size: number) => Promise<unknown>,
  window = 1024,
  windows = 4
): Promise<void> => {
  let next = 0
  const worker = async () => {
    while (next < count) {
      const first = next
      const last = Math.min(count, first + window) - 1
      next = last + 1
      for (let index = first; index < last; index++) publish(from + index, size)
      await confirm(from + last, size)
    }
  }
  await Promise.all(Array.from({ length: windows }, worker))
}
