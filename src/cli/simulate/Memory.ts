/**
 * Whether a machine has the memory for a simulation.
 *
 * @since 0.1.0
 */
import * as Os from "node:os"
import * as V8 from "node:v8"
import * as Churn from "../../simulation/Churn.ts"
import { round } from "../demo/statistics.ts"
import type { Job } from "./Plan.ts"

/**
 * What there is, in bytes.
 *
 * @category models
 * @since 0.1.0
 */
export interface Machine {
  readonly total: number
  /** How large the heap of this process may become. */
  readonly heap: number
  /** Whoever started the process has said so, and threads cannot have more. */
  readonly isHeapFixed: boolean
}

/**
 * What this machine has, and this process may take of it.
 *
 * @category getters
 * @since 0.1.0
 */
export const machine = (): Machine => {
  // of a container; 0 or beyond all bounds where there is none
  const constrained = process.constrainedMemory()
  const total = Os.totalmem()
  return {
    total: constrained > 0 ? Math.min(total, constrained) : total,
    heap: V8.getHeapStatistics().heap_size_limit,
    isHeapFixed: /--max[-_]old[-_]space[-_]size/.test([...process.execArgv, process.env["NODE_OPTIONS"]].join(" "))
  }
}

/**
 * Bytes that a simulation needs: for every Node that it starts, also those that come and go, and for every lookup.
 *
 * @category getters
 * @since 0.1.0
 */
export const estimate = (
  { churn, duration, engine, lookups, nodes }: Pick<Job, "churn" | "duration" | "engine" | "lookups" | "nodes">
) => {
  const parsed = Churn.parse(churn)
  const mean = typeof parsed === "string" ? undefined : parsed.sessions?.mean
  const started = nodes * (1 + (mean === undefined ? 0 : duration / mean))
  return started * bytesPerNode[engine] + lookups * bytesPerLookup
}

/**
 * Bytes of heap for the thread that runs a simulation, or what to do when there are not enough.
 *
 * @category getters
 * @since 0.1.0
 */
export const plan = (job: Job, { heap, isHeapFixed, total }: Machine): number | string => {
  const needed = estimate(job)
  const most = isHeapFixed ? heap : total * usable
  if (needed <= most) return isHeapFixed ? heap : Math.max(heap, Math.min(needed * garbage, most))
  const needs = `${job.nodes} Nodes and ${job.lookups} lookups need about ${gigabytes(needed)} of memory`
  return isHeapFixed && needed <= total * usable
    ? `${needs}, and Node.js was started with a heap of ${gigabytes(heap)}: leave out --max-old-space-size, or raise it`
    : `${needs}, and there are ${gigabytes(most)}: ask for fewer Nodes, fewer lookups or less churn, or take a ` +
      "larger machine"
}

// -----------------------------------------------------------------------------
// internals
// -----------------------------------------------------------------------------

/** An actor Node has up to some hundred connections, with two fibers at each end. */
const bytesPerNode = { core: 250_000, actors: 2_500_000 }
const bytesPerLookup = 400

/** The part of a machine's memory that is for its heap: the system needs some, and so does the garbage collector. */
const usable = 0.85

/** How much larger than what is needed the heap may become before it is cleaned up in haste. */
const garbage = 2

const gigabytes = (bytes: number): string => `${round(bytes / 1e9, bytes < 1e10 ? 1 : 0)} GB`
