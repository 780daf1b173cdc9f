/**
 * `npm run fuzz [-- --inputs 1000000 --seed 1]`: real frames, changed by chance, against decoders and a running cluster.
 *
 * Most inputs go to the decoders of frames, of the handshake and of the stream. One in a hundred is a session with a cluster
 * of four Nodes in this process, which go on sending each other confirmed messages: of a stranger, of a client (one
 * in the name of many lives), of a client under the id of a Node, or of a member that lies. One in two hundred is a
 * session on real sockets of 127.0.0.1, in clear, or over TLS with a passphrase or with certificates: of a babbler or a
 * meddler, who change bytes, or of a stranger or a client, who change frames. What each may do, and must not, stands in
 * `fuzz/AdversarialCluster.ts`.
 *
 * Prints what was sent and what became of it, and each finding with the inputs that replay it: with a seed and a number
 * the same bytes are sent again, but for what TLS draws by itself. Sessions run in real time, so what depends on how
 * they meet may need several replays. Exits with 1 at a finding.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as V8 from "node:v8"
import * as Vm from "node:vm"
import * as Rng from "../src/simulation/Rng.ts"
import * as Memory from "../src/transport/Memory.ts"
import * as AdversarialCluster from "./fuzz/AdversarialCluster.ts"
import * as Decoders from "./fuzz/Decoders.ts"
import * as Fixture from "./fuzz/Fixture.ts"
import * as Tally from "./fuzz/Tally.ts"
import { read, refuse, whole } from "./options.ts"

const usage = `npm run fuzz: hostile frames against decoders and a running cluster
  --inputs N       how many; 1000000
  --seed SEED      any text; 1
  --only N[-M]     only these inputs, each time anew
  --attacker WHO   only sessions of these: ${AdversarialCluster.attackers.join(", ")}
  --over WHAT      only sessions there: ${Fixture.names.join(", ")}`

const { values } = read(usage, {
  inputs: { type: "string", default: "1000000" },
  seed: { type: "string", default: "1" },
  only: { type: "string" },
  attacker: { type: "string" },
  over: { type: "string" }
})

const { seed } = values
const [from, to] = values.only === undefined
  ? [1, whole(values.inputs, "inputs")]
  : values.only.split("-", 2).map((text) => whole(text, "only")) as [number, number | undefined]
const numbers = Array.from({ length: Math.max(0, (to ?? from) - from + 1) }, (_, index) => from + index)

const only = AdversarialCluster.attackers.find((attacker) => attacker === values.attacker)
if (values.attacker !== undefined && only === undefined) {
  refuse(`--attacker ${values.attacker}: one of ${AdversarialCluster.attackers.join(", ")}`)
}

const onlyOver = Fixture.names.find((name) => name === values.over)
if (values.over !== undefined && onlyOver === undefined) {
  refuse(`--over ${values.over}: one of ${Fixture.names.join(", ")}`)
}

V8.setFlagsFromString("--expose-gc")
const collect: () => void = Vm.runInNewContext("gc")

const memory = (): number => {
  collect()
  const { external, heapUsed } = process.memoryUsage()
  return heapUsed + external
}

/** One in so many inputs is a session inside this process, and one in so many is one on real sockets. */
const sessionEvery = 100
const socketsEvery = 200

/** Sessions in a round, after which all is looked at. */
const inRound = { stranger: 500, client: 500, reborn: 5, impostor: 100, member: 100, babbler: 500, meddler: 500 }

/** By how much memory may grow from the first round to the last, in bytes: remembered origins and messages are bounded. */
const mayGrow = 48 * 1024 * 1024

/** The same for all memory of the process: what OpenSSL holds is in no heap of JavaScript. */
const processMayGrow = 256 * 1024 * 1024

/** After so many findings no more are looked for in the decoders; of each attacker after the first round with any. */
const maxFindings = 10

/** Who attacks, and where. */
interface Kind {
  readonly attacker: AdversarialCluster.Attacker
  readonly over: Fixture.Name
}

/** What an input is; `undefined` for one that goes to the decoders. */
const kindOf = (number: number): Kind | undefined => {
  if (number % sessionEvery === 0) {
    const part = Rng.make(`${seed}/${number}/attacker`).below(100)
    const attacker = part < 42
      ? "stranger"
      : part < 91
      ? "client"
      : part < 92
      ? "reborn"
      : part < 95
      ? "impostor"
      : "member"
    return { attacker, over: "memory" }
  }
  if (number % socketsEvery !== sessionEvery / 2) return undefined
  const rng = Rng.make(`${seed}/${number}/attacker on sockets`)
  const over = rng.pick(["clear", "passphrase", "certificates"] as const)
  const part = rng.below(100)
  return { attacker: part < 45 ? "babbler" : part < 70 ? "meddler" : part < 85 ? "stranger" : "client", over }
}

/** Those that there are, in the order in which they come. */
const kinds: ReadonlyArray<Kind> = Fixture.names.flatMap((over): ReadonlyArray<Kind> =>
  (over === "memory" ? AdversarialCluster.inMemory : AdversarialCluster.onSockets).map((attacker) => ({
    attacker,
    over
  }))
)

const tally = Tally.make()
let crash: unknown
for (const event of ["uncaughtException", "unhandledRejection"] as const) {
  process.on(event, (error: unknown) => {
    crash = error
    console.error(error)
  })
}

/** Some rounds, all against one cluster. */
const besiege = Effect.fnUntraced(function*(
  { attacker, over }: Kind,
  rounds: ReadonlyArray<ReadonlyArray<number>>,
  tally: Tally.Tally
) {
  const sockets = Fixture.countSockets()
  yield* Effect.scoped(Effect.gen(function*() {
    const siege = yield* AdversarialCluster.make((step) => Effect.sleep(step), over)
    let first: number | undefined
    let firstOfProcess: number | undefined
    for (const round of rounds) {
      const known = tally.findings.length
      yield* AdversarialCluster.round(siege, attacker, seed, round, tally)
      if (crash !== undefined) Tally.find(tally, round, `a crash: ${crash}`)
      crash = undefined
      if (tally.findings.length > known) return
      const now = memory()
      const nowOfProcess = process.memoryUsage.rss()
      // The first round fills what is remembered.
      first ??= now
      firstOfProcess ??= nowOfProcess
      if (now - first > mayGrow || nowOfProcess - firstOfProcess > processMayGrow) {
        return Tally.find(
          tally,
          round,
          `memory grew from ${first} to ${now} bytes, and all of the process from ${firstOfProcess} to ${nowOfProcess}, in ` +
            `${rounds.length} rounds of ${attacker}s`
        )
      }
    }
  })).pipe(
    Effect.provide(Memory.layerNetwork),
    Effect.catchCause((cause) =>
      Effect.sync(() => Tally.find(tally, rounds.flat(), `the cluster died: ${Cause.pretty(cause)}`))
    )
  )
  const left = yield* Fixture.countLeft(sockets)
  if (left > 0) Tally.find(tally, rounds.flat(), `${left} sockets are left when the cluster has ended`)
  if (crash !== undefined) Tally.find(tally, rounds.flat(), `a crash when the cluster ended: ${crash}`)
  crash = undefined
})

/** The half of some inputs that still does it, again and again: each time in a cluster of its own. */
const shrink = Effect.fnUntraced(function*(kind: Kind, inputs: ReadonlyArray<number>) {
  let left = inputs
  while (left.length > 1) {
    const middle = left.length >> 1
    let smaller: ReadonlyArray<number> | undefined
    for (const half of [left.slice(0, middle), left.slice(middle)]) {
      const again = Tally.make()
      yield* besiege(kind, [half], again)
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
  const isPart = only !== undefined || onlyOver !== undefined
  let decoded = 0
  const before = memory()
  for (const number of numbers) {
    if (kindOf(number) !== undefined || isPart || tally.findings.length >= maxFindings) continue
    Decoders.check(tally, seed, number)
    decoded++
  }
  const grown = memory() - before
  if (grown > mayGrow) Tally.find(tally, numbers, `memory grew by ${grown} bytes while frames were decoded`)
  console.log(`decoders: ${speed(decoded, began)}`)

  const sessionsOf = Map.groupBy(numbers, (number) => {
    const kind = kindOf(number)
    return kind === undefined ? "" : `${kind.attacker} ${kind.over}`
  })
  let sessions = 0
  for (const kind of kinds) {
    const { attacker, over } = kind
    const own = sessionsOf.get(`${attacker} ${over}`) ?? []
    if (own.length === 0 || (only ?? attacker) !== attacker || (onlyOver ?? over) !== over) continue
    const since = performance.now()
    const rounds = chunks(own, inRound[attacker])
    const known = tally.findings.length
    // What lies leaves traces: each round of those that may has a cluster of its own.
    const leavesTraces = attacker === "reborn" || attacker === "impostor" || attacker === "member"
    const sieges = leavesTraces ? rounds.map((round) => [round]) : [rounds]
    const bare = memory()
    for (const rounds of sieges) if (tally.findings.length === known) yield* besiege(kind, rounds, tally)
    const left = memory() - bare
    if (left > mayGrow) {
      Tally.find(tally, own, `${left} bytes were left behind by clusters under siege of ${attacker}s over ${over}`)
    }
    sessions += own.length
    console.log(`sessions, ${attacker} over ${over}: ${speed(own.length, since)}`)
    const [finding] = tally.findings.slice(known)
    if (finding !== undefined && finding.inputs.length > 1 && values.only === undefined) {
      const inputs = yield* shrink(kind, finding.inputs)
      Tally.find(tally, inputs, `the fewest that did this or the like: ${finding.what}`)
    }
  }

  console.log(Tally.render(tally).join("\n"))
  console.log(`all: ${speed(decoded + sessions, began)}`)
  for (const { inputs, what } of tally.findings) {
    const range = inputs.length === 1 ? `${inputs[0]}` : `${inputs[0]}-${inputs.at(-1)}`
    const kind = kindOf(inputs[0]!)
    const who = kind === undefined ? "" : ` --attacker ${kind.attacker} --over ${kind.over}`
    console.log(`FINDING: ${what}\n  replay: npm run fuzz -- --seed ${seed} --only ${range}${who}`)
  }
  const count = (decoded + sessions).toLocaleString("en")
  console.log(`${count} inputs, ${tally.findings.length === 0 ? "no finding" : `${tally.findings.length} FINDINGS`}`)
  process.exitCode = tally.findings.length === 0 ? 0 : 1
})

await Effect.runPromise(program)
