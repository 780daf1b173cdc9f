/**
 * Gateways: the addresses at which a client may enter the cluster, and which of them it tries next.
 *
 * An address that gave nothing is left alone for a while that doubles each time, so that a Node which accepts and closes,
 * or refuses, costs a dial now and then; others are tried meanwhile. Only a connection that lasts ends that. It knows no
 * clock and no chance. Rules G1 and G2 of `docs/protocol.md`.
 *
 * @since 0.1.0
 */

/**
 * One address.
 *
 * @category models
 * @since 0.1.0
 */
export interface Gateway<A> {
  readonly address: A
  /** Attempts without a connection that lasted, since the last one that did. */
  failures: number
  /** It is left alone until then. */
  notBefore: number
  /** Why its Node did not let this client in, the last time. */
  refusal: string | undefined
}

/**
 * All addresses, and what became of the attempts.
 *
 * @category models
 * @since 0.1.0
 */
export interface State<A> {
  readonly gateways: ReadonlyArray<Gateway<A>>
  /** The index of the address that is tried first of those that are as good. */
  next: number
  /** Gateways in a row that were left because they said nothing: it may be the way to all of them that is slow. */
  silences: number
  /** A connection came about, once. */
  wasConnected: boolean
}

/**
 * What to do now.
 *
 * @category models
 * @since 0.1.0
 */
export type Step<A> =
  /** Dial this one, and give it up when no link has come about `within` so many milliseconds. */
  | { readonly _tag: "Try"; readonly gateway: Gateway<A>; readonly within: number }
  | { readonly _tag: "Wait"; readonly until: number }

/**
 * How an attempt ended, or a connection.
 *
 * - `ended`: the connection broke or was closed, or none came about.
 * - `silent`: there was no answer in time.
 * - `refused`: the two ends do not belong together, for the reason given.
 *
 * @category models
 * @since 0.1.0
 */
export type End =
  | { readonly _tag: "ended" | "silent" }
  | { readonly _tag: "refused"; readonly message: string }

/** How long an address is left alone after its first failure, and at most, in milliseconds. */
const shortestPause = 50
const longestPause = 5_000

/** A connection of this many milliseconds counts as one that lasts. */
const lasting = 10_000

/** What an attempt may take while nothing is known to be slow, in milliseconds. */
const usualAttempt = 3_000

/** How often that, and the patience with a silent gateway, may double. */
const maxDoublings = 3

/**
 * No address has been tried.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A>(addresses: ReadonlyArray<A>): State<A> => ({
  gateways: addresses.map((address) => ({ address, failures: 0, notBefore: 0, refusal: undefined })),
  next: 0,
  silences: 0,
  wasConnected: false
})

/**
 * How often times have doubled since gateways began to be silent, one after another.
 *
 * @category getters
 * @since 0.1.0
 */
export const doublings = <A>({ gateways, silences }: State<A>): number =>
  // That of several addresses one is silent says nothing of the others.
  Math.min(maxDoublings, Math.floor(silences / gateways.length))

/**
 * Whom to try now: of those that are not left alone the one with the fewest failures, in the order of the list.
 * `longestAttempt` is what an attempt may take at most, in milliseconds.
 *
 * @category getters
 * @since 0.1.0
 */
export const step = <A>(state: State<A>, now: number, longestAttempt: number): Step<A> => {
  const { gateways, next } = state
  let best: Gateway<A> | undefined
  let until = Number.POSITIVE_INFINITY
  for (let offset = 0; offset < gateways.length; offset++) {
    const gateway = gateways[(next + offset) % gateways.length]!
    until = Math.min(until, gateway.notBefore)
    if (gateway.notBefore <= now && (best === undefined || gateway.failures < best.failures)) best = gateway
  }
  return best === undefined
    ? { _tag: "Wait", until }
    : { _tag: "Try", gateway: best, within: Math.min(longestAttempt, usualAttempt * 2 ** doublings(state)) }
}

/**
 * A connection has come about.
 *
 * @category transitions
 * @since 0.1.0
 */
export const connected = <A>(state: State<A>, gateway: Gateway<A>): void => {
  state.wasConnected = true
  gateway.refusal = undefined
}

/**
 * An attempt, or the connection that came of it, is over; it stood for `lasted` milliseconds, 0 when none came about.
 * `chance` is from 0 to 1, exclusive: clients that lose one gateway at once shall not come back at once.
 *
 * @category transitions
 * @since 0.1.0
 */
export const ended = <A>(
  state: State<A>,
  gateway: Gateway<A>,
  now: number,
  rng: number,
  lasted: number,
  end: End
): void => {
  if (lasted >= lasting) {
    gateway.failures = 0
    state.silences = 0
  }
  const pause = Math.min(longestPause, shortestPause * 2 ** gateway.failures)
  gateway.failures++
  gateway.notBefore = now + pause * (1 + rng) / 2
  gateway.refusal = end._tag === "refused" ? end.message : undefined
  if (end._tag === "silent") state.silences++
  state.next = (state.gateways.indexOf(gateway) + 1) % state.gateways.length
}

/**
 * Why nobody lets this client in: every address has been tried, none ever connected, and some refuse.
 *
 * @category getters
 * @since 0.1.0
 */
export const refusal = <A>({ gateways, wasConnected }: State<A>): string | undefined =>
  !wasConnected && gateways.every(({ failures }) => failures > 0)
    ? gateways.find(({ refusal }) => refusal !== undefined)?.refusal
    : undefined
