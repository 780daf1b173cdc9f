/** Measure: runs the contenders of a workload in turn, and sums up what came of it. */
import { type Spread, spread } from "./Statistics.ts"
import { type Contender, type Extent, Missing, type Running, type Sample, type Workload } from "./Workload.ts"

/** One contender's line. */
export interface Row {
  readonly contender: string
  readonly system: string
  readonly against: string | undefined
  /** Why there is nothing, or not all. */
  readonly note?: string | undefined
  readonly figures: { readonly [metric: string]: Spread }
  /** Of the rounds one by one, against the other's round that ran next to it. */
  readonly ratios: { readonly [metric: string]: Spread }
  /** Microseconds of processor for each message, by the process. */
  readonly cpuPerMessage: { readonly [process: string]: Spread }
  readonly duplicates: number
  readonly samples: ReadonlyArray<Sample>
}

export interface Result {
  readonly workload: string
  readonly title: string
  /** How long all of it took. */
  readonly seconds: number
  readonly rows: ReadonlyArray<Row>
}

interface Entrant {
  readonly contender: Contender
  running: Running | undefined
  note: string | undefined
  readonly samples: Array<Sample>
}

const explain = (error: unknown): string => error instanceof Error ? error.message.split("\n")[0]! : String(error)

/** Does one step of one contender; what goes wrong there is its own. */
const attempt = async (entrant: Entrant, step: () => Promise<void>): Promise<void> => {
  try {
    await step()
  } catch (error) {
    entrant.note = error instanceof Missing ? `skipped: ${error.message}` : `FAILED: ${explain(error)}`
    if (!(error instanceof Missing) && process.env["BENCH_TRACE"] !== undefined) console.error(error)
    const { running } = entrant
    entrant.running = undefined
    await running?.end()
  }
}

const summarize = (entrant: Entrant, entrants: ReadonlyArray<Entrant>): Row => {
  const { contender, note, samples } = entrant
  const base = entrants.find((other) => other.contender.name === contender.against)
  const figures: { [metric: string]: Spread } = {}
  const ratios: { [metric: string]: Spread } = {}
  const cpuPerMessage: { [process: string]: Spread } = {}
  const [first] = samples
  if (first !== undefined) {
    for (const metric of Object.keys(first.figures)) {
      figures[metric] = spread(samples.map((sample) => sample.figures[metric]!))
      const pairs = samples.flatMap((sample, round) => {
        const other = base?.samples[round]?.figures[metric]
        return other === undefined ? [] : [sample.figures[metric]! / other]
      })
      if (pairs.length > 0 && base !== entrant) ratios[metric] = spread(pairs)
    }
    for (const process of Object.keys(first.cpu)) {
      cpuPerMessage[process] = spread(samples.map(({ cpu, messages }) => cpu[process]! * 1000 / messages))
    }
  }
  return {
    contender: contender.name,
    system: contender.system,
    against: contender.against,
    note,
    figures,
    ratios,
    cpuPerMessage,
    duplicates: samples.reduce((sum, { duplicates }) => sum + duplicates, 0),
    samples
  }
}

/** Starts entrants, and lets them take turns. */
const runTogether = async (
  entrants: ReadonlyArray<Entrant>,
  extent: Extent,
  say: (what: string) => void
): Promise<void> => {
  const alive = () => entrants.filter(({ running }) => running !== undefined)
  try {
    say("starting")
    // Two at a time: on few cores more would only wait for each other.
    for (let from = 0; from < entrants.length; from += 2) {
      await Promise.all(
        entrants.slice(from, from + 2).map((entrant) =>
          attempt(entrant, async () => {
            entrant.running = await entrant.contender.start()
          })
        )
      )
    }
    for (const entrant of alive()) {
      say(`warming up ${entrant.contender.name}`)
      await attempt(entrant, () => entrant.running!.warmUp())
    }
    for (let round = 0; round < extent.rounds; round++) {
      // Each begins once, so that nobody always follows the same one.
      const order = alive()
      order.push(...order.splice(0, round % Math.max(1, order.length)))
      for (const entrant of order) {
        say(`round ${round + 1} of ${extent.rounds}: ${entrant.contender.name}`)
        await attempt(entrant, async () => {
          entrant.samples.push(await entrant.running!.round())
        })
      }
    }
  } finally {
    say("")
    await Promise.all(alive().map(({ running }) => running!.end()))
  }
}

/** Runs a workload. `say` hears how far it is. */
export const measure = async (
  workload: Workload,
  extent: Extent,
  isWanted: (contender: Contender) => boolean,
  say: (what: string) => void
): Promise<Result> => {
  const entrants = workload.contenders(extent).filter(isWanted).map((contender): Entrant => ({
    contender,
    running: undefined,
    note: undefined,
    samples: []
  }))
  const began = performance.now()
  const groups = workload.isOneByOne === true ? entrants.map((entrant) => [entrant]) : [entrants]
  for (const group of groups) await runTogether(group, extent, say)
  return {
    workload: workload.name,
    title: workload.title,
    seconds: (performance.now() - began) / 1000,
    rows: entrants.map((entrant) => summarize(entrant, entrants))
  }
}
