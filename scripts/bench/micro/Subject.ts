/** Subject: something small that is done many times in one process, and how it is timed and weighed. */
import * as V8 from "node:v8"
import * as Vm from "node:vm"
import { type Spread, spread } from "../Statistics.ts"

export interface Subject {
  readonly name: string
  /** Does it so many times. What it returns depends on the work, so that no compiler leaves the work out. */
  readonly run: (count: number) => number | Promise<number>
}

export interface Extent {
  readonly rounds: number
  /** Milliseconds that a subject warms up, and of a round. */
  readonly warmUp: number
  readonly round: number
}

export interface Result {
  readonly name: string
  /** Of doing it once. */
  readonly nanoseconds: Spread
  readonly bytes: Spread
}

V8.setFlagsFromString("--expose-gc")
const collect: () => void = Vm.runInNewContext("gc")

/** What is allocated at all: on the heap, and as bytes outside of it. */
const allocated = (): number => {
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** Little enough that the collector does not run meanwhile. */
const weighed = 4 * 1024 * 1024

let sink = 0

const time = async ({ run }: Subject, count: number): Promise<number> => {
  const began = process.hrtime.bigint()
  const result = run(count)
  sink += typeof result === "number" ? result : await result
  return Number(process.hrtime.bigint() - began)
}

/** Buffers are freed in the background after a collection, and would be taken off what is allocated meanwhile. */
const settle = async (): Promise<void> => {
  for (let times = 0; times < 2; times++) {
    collect()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

const weigh = async ({ run }: Subject, count: number): Promise<number> => {
  await settle()
  const before = allocated()
  const result = run(count)
  sink += typeof result === "number" ? result : await result
  return Math.max(0, allocated() - before) / count
}

/** What was worked out, as one number: to be printed, so that it is needed. */
export const worked = (): number => sink

/** The subjects take turns, so that whatever else this machine does happens to all. */
export const measure = async (
  subjects: ReadonlyArray<Subject>,
  { round, rounds, warmUp }: Extent
): Promise<ReadonlyArray<Result>> => {
  const entrants: Array<
    { subject: Subject; count: number; weighed: number; times: Array<number>; bytes: Array<number> }
  > = []
  for (const subject of subjects) {
    let count = 16
    let each = 0
    const began = performance.now()
    while (performance.now() - began < warmUp) {
      each = await time(subject, count) / count
      count = Math.max(16, Math.min(count * 4, Math.round(round * 1e6 / each)))
    }
    const bytes = await weigh(subject, 1000)
    const several = Math.max(100, Math.min(100_000, Math.floor(weighed / Math.max(bytes, 1))))
    entrants.push({ subject, count, weighed: several, times: [], bytes: [] })
  }
  for (let turn = 0; turn < rounds; turn++) {
    for (const { bytes, count, subject, times, weighed } of entrants) {
      times.push(await time(subject, count) / count)
      bytes.push(await weigh(subject, weighed))
    }
  }
  return entrants.map(({ bytes, subject, times }) => ({
    name: subject.name,
    nanoseconds: spread(times),
    bytes: spread(bytes)
  }))
}
