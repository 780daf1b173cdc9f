/**
 * `npm run bench:micro`: what the small things cost of which a message is made, in nanoseconds and in bytes allocated.
 *
 * All in one process, without a network. The subjects take turns; printed are medians over the rounds (least..most).
 */
import * as Fs from "node:fs"
import { read } from "../options.ts"
import * as Machine from "./Machine.ts"
import * as actors from "./micro/actors.ts"
import * as codecs from "./micro/codecs.ts"
import * as messaging from "./micro/messaging.ts"
import * as routing from "./micro/routing.ts"
import { type Extent, measure, type Result, worked } from "./micro/Subject.ts"
import { versions } from "./Peers.ts"
import { align, figure } from "./print.ts"

const usage = `npm run bench:micro: what the small things cost of which a message is made
  --quick       rough, and without the ring of 100,000 Nodes
  --only TEXT   what has this in its name
  --out FILE    writes all figures there, as JSON`

const { values } = read(usage, {
  quick: { type: "boolean", default: false },
  only: { type: "string", default: "" },
  out: { type: "string" }
})

const extent: Extent = values.quick
  ? { rounds: 3, warmUp: 100, round: 20 }
  : { rounds: 11, warmUp: 500, round: 100 }

const machine = Machine.describe()
console.log(`${machine.cpu}, ${machine.cores} cores, load ${machine.load.toFixed(2)}; Node.js ${machine.node}`)

// One group after another, for the rings of the first are large.
const groups = [
  () => routing.subjects(values.quick ? [10, 1_000] : [10, 1_000, 100_000]),
  codecs.subjects,
  messaging.subjects,
  actors.subjects
]
const results: Array<Result> = []
for (const group of groups) {
  const subjects = (await group()).filter(({ name }) => name.includes(values.only))
  results.push(...await measure(subjects, extent))
}

const range = (value: number, least: number, most: number) => `${figure(value)} (${figure(least)}..${figure(most)})`
console.log(align([
  ["", "ns", "bytes allocated"],
  ...results.map(({ bytes, name, nanoseconds }) => [
    name,
    range(nanoseconds.median, nanoseconds.minimum, nanoseconds.maximum),
    range(bytes.median, bytes.minimum, bytes.maximum)
  ])
]))
const { out } = values
if (out !== undefined) {
  Fs.writeFileSync(
    out,
    `${JSON.stringify({ machine, versions: versions(), extent, results, worked: worked() }, undefined, 1)}\n`
  )
}
process.exit(0)
