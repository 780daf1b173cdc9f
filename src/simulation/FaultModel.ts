/**
 * FaultModel: what the network does to what is sent over it.
 *
 * Rules say which frames are lost, slowed down or cut off: by host, by Region,
 * by pair, by kind of message, in one direction or both. They come and go while
 * a simulation runs. Without rules and without loss a frame just takes its time.
 *
 * @since 0.1.0
 */
import type { Rng } from "./Rng.ts"

/**
 * What a lost frame means.
 *
 * - `reliable`: as over TCP: it is sent again, later and later, and what is behind it waits; a connection that gets
 *   nothing through for long breaks. Every frame arrives whole, in order and at most once.
 * - `frames`: as over UDP, for which MSPastry was made: it is gone; others arrive twice, or overtake each other.
 *
 * @category models
 * @since 0.1.0
 */
export type LossModel = "reliable" | "frames"

/**
 * Whom a rule means.
 *
 * @category models
 * @since 0.1.0
 */
export type Hosts =
  | { readonly _tag: "All" }
  | { readonly _tag: "Hosts"; readonly numbers: ReadonlySet<number> }
  | { readonly _tag: "Region"; readonly name: string }

/**
 * What happens to the frames from some hosts to others.
 *
 * @category models
 * @since 0.1.0
 */
export interface Rule {
  readonly from: Hosts
  readonly to: Hosts
  /** Kinds of message that it means; all when left out. */
  readonly kinds?: ReadonlySet<string> | undefined
  /** Nothing gets through, and nobody is told. */
  readonly isCut?: boolean | undefined
  /** Probability that a frame is lost, besides what all lose. */
  readonly loss?: number | undefined
  /** Further milliseconds that a frame takes. */
  readonly delay?: number | undefined
}

/**
 * What the network always does, whatever the rules.
 *
 * @category models
 * @since 0.1.0
 */
export interface LinkConditions {
  readonly lossModel: LossModel
  /** Probability that a frame is lost. */
  readonly loss: number
  /** Of `frames`: probabilities that a frame arrives twice, and that it is held up for up to one and a half times its way. */
  readonly repeated: number
  readonly reordered: number
  /** Up to which part of its way a frame is late, drawn evenly. */
  readonly jitter: number
  /** Bytes per second that a host can send; `Infinity` for any number. */
  readonly bandwidth: number
  /** Bytes that wait at a host for the wire; a frame that finds no room is lost. */
  readonly queue: number
}

/**
 * A network of which only distance matters.
 *
 * @category constants
 * @since 0.1.0
 */
export const calm: LinkConditions = {
  lossModel: "reliable",
  loss: 0,
  repeated: 0,
  reordered: 0,
  jitter: 0,
  bandwidth: Number.POSITIVE_INFINITY,
  queue: Number.POSITIVE_INFINITY
}

/** One end of the way of a frame. */
interface Site {
  readonly number: number
  readonly region: string
  readonly isSilent: boolean
}

const means = (hosts: Hosts, { number, region }: Site): boolean => {
  switch (hosts._tag) {
    case "All":
      return true
    case "Hosts":
      return hosts.numbers.has(number)
    case "Region":
      return hosts.name === region
  }
}

/**
 * What the network does now.
 *
 * @category models
 * @since 0.1.0
 */
export class FaultModel {
  readonly linkConditions: LinkConditions
  /** Changes when the conditions of the network change. */
  loss: number
  readonly #rules = new Set<Rule>()
  readonly #rng: Rng

  constructor(linkConditions: LinkConditions, rng: Rng) {
    this.linkConditions = linkConditions
    this.loss = linkConditions.loss
    this.#rng = rng
  }

  /** Puts a rule into force; `end` it with the same. */
  begin(rule: Rule): void {
    this.#rules.add(rule)
  }

  /** Takes a rule out of force. */
  end(rule: Rule): void {
    this.#rules.delete(rule)
  }

  /** Whether some rule in force asks for the kind of message. */
  get isByKind(): boolean {
    for (const { kinds } of this.#rules) if (kinds !== undefined) return true
    return false
  }

  /** The rules in force. */
  get rules(): ReadonlySet<Rule> {
    return this.#rules
  }

  /** Whether nothing gets from one host to another, whatever its kind. */
  isCut(from: Site, to: Site): boolean {
    if (this.#rules.size === 0) return false
    for (const rule of this.#rules) {
      if (rule.isCut === true && rule.kinds === undefined && means(rule.from, from) && means(rule.to, to)) return true
    }
    return false
  }

  /** Whether what one host sends can get to another. */
  isOpen(from: Site, to: Site): boolean {
    return !from.isSilent && !to.isSilent && !this.isCut(from, to)
  }

  /** Whether a frame of some kind is lost on its way. */
  isLost(from: Site, to: Site, kind: string): boolean {
    if (this.#rng.happens(this.loss)) return true
    for (const rule of this.#rules) {
      if (rule.kinds !== undefined && !rule.kinds.has(kind)) continue
      if (!means(rule.from, from) || !means(rule.to, to)) continue
      if (rule.isCut === true || this.#rng.happens(rule.loss ?? 0)) return true
    }
    return false
  }

  /** How long a frame takes whose way is `distance` long. */
  delay(from: Site, to: Site, kind: string, distance: number): number {
    const { jitter, reordered } = this.linkConditions
    let delay = distance
    if (jitter > 0) delay += distance * jitter * this.#rng.fraction()
    if (reordered > 0 && this.#rng.happens(reordered)) delay += distance * 1.5 * this.#rng.fraction()
    for (const rule of this.#rules) {
      if (rule.delay === undefined || (rule.kinds !== undefined && !rule.kinds.has(kind))) continue
      if (means(rule.from, from) && means(rule.to, to)) delay += rule.delay
    }
    return delay
  }

  /** Whether a frame arrives twice. */
  isRepeated(): boolean {
    return this.#rng.happens(this.linkConditions.repeated)
  }
}
