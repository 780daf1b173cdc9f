/**
 * Workload: something that several systems do in turn, round by round, so that whatever else this machine does
 * meanwhile happens to all of them.
 */
import type { SystemName } from "./Systems.ts"

/** How long and how often. */
export interface Extent {
  readonly isQuick: boolean
  /** Milliseconds that a system warms up at least, and of a round, about. */
  readonly warmUp: number
  readonly round: number
  /** Rounds that are measured. */
  readonly rounds: number
}

/** One figure of a round. */
export interface Metric {
  readonly name: string
  /** Which way is good; a ratio above 1 is always more of it, whichever way is good. */
  readonly better: "more" | "less" | "neither"
}

/** What came of one round. */
export interface Sample {
  /** By the name of the metric. */
  readonly figures: { readonly [metric: string]: number }
  /** Milliseconds of processor, by the process. */
  readonly cpu: { readonly [process: string]: number }
  readonly messages: number
  /** What came twice. */
  readonly duplicates: number
}

/** Something that takes part. */
export interface Contender {
  readonly name: string
  readonly system: SystemName
  /** Whom it is compared with: the name of another; itself is a base. */
  readonly against?: string | undefined
  readonly start: () => Promise<Running>
}

export interface Running {
  /** Finds out how much a round can hold. */
  readonly warmUp: () => Promise<void>
  readonly round: () => Promise<Sample>
  readonly end: () => Promise<void>
}

export interface Workload {
  readonly name: string
  readonly title: string
  readonly metrics: ReadonlyArray<Metric>
  /** Those who take part are no rivals, and would only be in each other's way: each has the machine for itself. */
  readonly isOneByOne?: boolean | undefined
  readonly notes?: ReadonlyArray<string> | undefined
  readonly contenders: (extent: Extent) => ReadonlyArray<Contender>
}

/** A system is not installed here: its line says so, and the others go on. */
export class Missing extends Error {}
