/**
 * `npm run fuzz [-- --inputs 1000000 --seed 1]`: real frames, changed by chance, against decoders and a running cluster.
 *
 * Most inputs go to the decoders of frames, of the handshake and of the stream. One in a hundred is a session with a cluster
 * of four Nodes in this process, which go on sending each other confirmed messages: of a stranger, of a client (one
 * in the name of many lives), of a client under the id of a Node, or of a member that lies. What each may do, and must not, stands in `fuzz/Siege.ts`.
 *
 * Prints what was sent and what became of it, and each finding with the inputs that replay it: with a seed and a number
 * the same bytes are sent again. Sessions run in real time, so what depends on how they meet may need several replays.
 * Exits with 1 at a finding.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as V8 from "node:v8"
import * as Vm from "node:vm"
import * as Chance from "../src/simulation/Chance.ts"
import * as Memory from "../src/transport/Memory.ts"
import * as Decoders from "./fuzz/Decoders.ts"
import * as Siege from "./fuzz/Siege.ts"
import * as Tally from "./fuzz/Tally.ts"
import { read, refuse, whole } from "./options.ts"

const usage = `npm run fuzz: hostile frames against decoders and a running cluster
  --inputs N       how many; 1000000
  --seed SEED      any text; 1
  --only N[-M]     only these inputs, each time anew
  --attacker WHO   only sessions of these: ${Siege.attackers.join(", ")}`

const { values } = read(usage, {
  inputs: { type: "string", default: "1000000" },
  seed: { type: "string", default: "1" },
  only: { type: "string" },
  attacker: { type: "string" }
})

const { seed } = values
const [from, to] = values.only === undefined
  ? [1, whole(values.inputs, "inputs")]
  : values.only.split("-", 2).map((text) => whole(text, "only")) as [number, number | undefined]
const numbers = Array.from({ length: Math.max(0, (to ?? from) - from + 1) }, (_, index) => from + index)

const only = Siege.attackers.find((attacker) => attacker === values.attacker)
if (values.attacker !== undefined && only === undefined) {
  refuse(`--attacker ${values.attacker}: one of ${Siege.attackers.join(", ")}`)
}

V8.setFlagsFromString("--expose-gc")
const collect: () => void = Vm.runInNewContext("gc")

const memory = (): number => {
  collect()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** One in so many inputs is a session. */
const sessionEvery = 100

/** Sessions in a round, after which all is looked at. */
const inRound = { stranger: 500, client: 500, reborn: 5, impostor: 100, member: 100 }

/** By how much memory may grow from the first round to the last, in bytes: remembered origins and messages are bounded. */
const mayGrow = 48 * 1024 * 1024

/** After so many findings no more are looked for in the decoders; of each attacker after the first round with any. */
const maxFindings = 10

const attackerOf = (number: number): Siege.Attacker => {
  const part = Chance.make(`${seed}/${number}/attacker`).below(100)
  return part < 42 ? "stranger" : part < 91 ? "client" : part < 92 ? "reborn" : part < 95 ? "impostor" : "member"
}

const tally = Tally.make()
let crash: unknown
for (const event of ["uncaughtException", "unhandledRejection"] as const) {
  process.on(event, (error: unknown) => {
    crash = error
    console.error(error)
  })
}

/** Some rounds, all against one cluster. */
const besiege = (attacker: Siege.Attacker, rounds: ReadonlyArray<ReadonlyArray<number>>, tally: Tally.Tally) =>
  Effect.scoped(Effect.gen(function*() {
    const siege = yield* Siege.make((step) => Effect.sleep(step))
    let first: number | undefined
    for (const round of rounds) {
      const known = tally.findings.length
      yield* Siege.round(siege, attacker, seed, round, tally)
      if (crash !== undefined) Tally.find(tally, round, `a crash: ${crash}`)
      crash = undefined
      if (tally.findings.length > known) return
      const now = memory()
      // The first round fills what is remembered.
      first ??= now
      if (now - first > mayGrow) {
        return Tally.find(
          tally,
          round,
          `memory grew from ${first} to ${now} bytes in ${rounds.length} rounds of ${attacker}s`
        )
      }
    }
  })).pipe(
    Effect.provide(Memory.layerNetwork),
    Effect.catchCause((cause) =>
      Effect.sync(() => Tally.find(tally, rounds.flat(), `the cluster died: ${Cause.pretty(cause)}`))
    )
  )

/** The half of some inputs that still does it, again and again: each time in a cluster of its own. */
const shrink = Effect.fnUntraced(function*(attacker: Siege.Attacker, inputs: ReadonlyArray<number>) {
  let left = inputs
  while (left.length > 1) {
    const middle = left.length >> 1
    let smaller: ReadonlyArray<number> | undefined
    for (const half of [left.slice(0, middle), left.slice(middle)]) {
      const again = Tally.make()
      yield* besiege(attacker, [half], again)
      if (again.findings.length > 0) {
        smaller = half
        break
      }
    }
    if (smaller === undefined) break
    left = smaller
  }
  return left
})

const chunks = (items: ReadonlyArray<number>, size: number): ReadonlyArray<ReadonlyArray<number>> =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size))

const program = Effect.gen(function*() {
  const began = performance.now()
  const speed = (count: number, since: number) =>
    `${count.toLocaleString("en")} in ${((performance.now() - since) / 1_000).toFixed(1)} s, ` +
    `${(count / (performance.now() - since) * 1_000).toFixed(0)} a second`
  const isSession = (number: number) => number % sessionEvery === 0
  let decoded = 0
  const before = memory()
  for (const number of numbers) {
    if (isSession(number) || only !== undefined || tally.findings.length >= maxFindings) continue
    Decoders.check(tally, seed, number)
    decoded++
  }
  const grown = memory() - before
  if (grown > mayGrow) Tally.find(tally, numbers, `memory grew by ${grown} bytes while frames were decoded`)
  console.log(`decoders: ${speed(decoded, began)}`)

  let sessions = 0
  for (const attacker of Siege.attackers) {
    const own = numbers.filter((number) => isSession(number) && attackerOf(number) === attacker)
    if (own.length === 0 || (only !== undefined && only !== attacker)) continue
    const since = performance.now()
    const rounds = chunks(own, inRound[attacker])
    const known = tally.findings.length
    // What lies leaves traces: each round of those that may has a cluster of its own.
    const sieges = attacker === "stranger" || attacker === "client" ? [rounds] : rounds.map((round) => [round])
    const bare = memory()
    for (const rounds of sieges) if (tally.findings.length === known) yield* besiege(attacker, rounds, tally)
    const left = memory() - bare
    if (left > mayGrow) Tally.find(tally, own, `${left} bytes were left behind by clusters under siege of ${attacker}s`)
    sessions += own.length
    console.log(`sessions, ${attacker}: ${speed(own.length, since)}`)
    const [finding] = tally.findings.slice(known)
    if (finding !== undefined && finding.inputs.length > 1 && values.only === undefined) {
      const inputs = yield* shrink(attacker, finding.inputs)
      Tally.find(tally, inputs, `the fewest that did this or the like: ${finding.what}`)
    }
  }

  console.log(Tally.render(tally).join("\n"))
  console.log(`all: ${speed(decoded + sessions, began)}`)
  for (const { inputs, what } of tally.findings) {
    const range = inputs.length === 1 ? `${inputs[0]}` : `${inputs[0]}-${inputs.at(-1)}`
    const who = isSession(inputs[0]!) ? ` --attacker ${attackerOf(inputs[0]!)}` : ""
    console.log(`FINDING: ${what}\n  replay: npm run fuzz -- --seed ${seed} --only ${range}${who}`)
  }
  const count = (decoded + sessions).toLocaleString("en")
  console.log(`${count} inputs, ${tally.findings.length === 0 ? "no finding" : `${tally.findings.length} FINDINGS`}`)
  process.exitCode = tally.findings.length === 0 ? 0 : 1
})

await Effect.runPromise(program)
