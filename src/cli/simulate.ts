/**
 * `wendy simulate`: hundreds or thousands of Nodes in virtual time, from one seed.
 *
 * @since 0.1.0
 */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { TerminalCapabilities } from "effect/cli/TerminalCapabilities"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import { randomBytes } from "node:crypto"
import * as Fs from "node:fs"
import { type Preset, presets } from "../protocol/ClusterConfig.ts"
import * as Settings from "../Settings.ts"
import * as Churn from "../simulation/Churn.ts"
import * as HtmlReport from "../simulation/htmlReport.ts"
import { isGood, type Report } from "../simulation/Report.ts"
import { version } from "../version.ts"
import * as DemoProgress from "./demo/Progress.ts"
import { int, json, settingFlags, toggle } from "./flags.ts"
import * as Outputs from "./Output.ts"
import { NotDone, notDone, usage } from "./ProgramError.ts"
import * as Memory from "./simulate/Memory.ts"
import * as Notation from "./simulate/notation.ts"
import * as Plan from "./simulate/Plan.ts"
import * as Progress from "./simulate/Progress.ts"
import * as Runner from "./simulate/Runner.ts"
import * as Scenarios from "./simulate/scenarios.ts"
import * as Summary from "./simulate/Summary.ts"
import * as Style from "./style.ts"

const { defaults } = Plan

// -----------------------------------------------------------------------------
// flags
// -----------------------------------------------------------------------------

/** A text that is read as something else. */
const read = <A>(
  name: string,
  metavar: string,
  description: string,
  read: (text: string) => Option.Option<A>,
  allowed: string | ((text: string) => string)
): Flag.Flag<A> =>
  Flag.String(name).pipe(
    Flag.withMetavar(metavar),
    Flag.withDescription(description),
    Flag.filterMap(read, typeof allowed === "string" ? () => allowed : allowed)
  )

const number = (
  name: string,
  metavar: string,
  description: string,
  bounds: { readonly minimum: number; readonly below: number },
  allowed: string
): Flag.Flag<number> =>
  read(
    name,
    metavar,
    description,
    (text) => Option.filter(Notation.readNumber(text), (value) => value >= bounds.minimum && value < bounds.below),
    allowed
  )

const time = (name: string, description: string, shortest: string): Flag.Flag<number> => {
  const least = Option.getOrElse(Notation.readTime(shortest), () => 0)
  return read(
    name,
    "DURATION",
    description,
    (text) => Option.filter(Notation.readTime(text), (milliseconds) => milliseconds >= least),
    `a length of time such as 30s, 10m or 2h, at least ${shortest}`
  )
}

const within = (minimum: number, maximum: number) => (value: number): boolean => value >= minimum && value <= maximum

/** Every host needs an address of 10.0.0.0/8. */
const mostNodes = 10_000_000

/** What a config allows on both sides together. */
const mostLeaves = 128

const probability = { minimum: 0, below: 1 } as const

const flags = {
  nodes: read(
    "nodes",
    "N,N,...",
    "How many Nodes form the ring (200). Of several numbers each is simulated",
    (text) =>
      Option.filter(
        Notation.readList(Notation.readWhole)(text),
        (list) => list.every(within(1, mostNodes))
      ),
    `whole numbers from 1 to ${mostNodes}, with commas between them`
  ).pipe(Flag.withDefault<ReadonlyArray<number>>(defaults.nodes)),
  lookups: int("lookups", "How many messages to send to random keys (10000)", {
    minimum: 0,
    maximum: 1_000_000_000
  }).pipe(Flag.withDefault<number>(defaults.lookups)),
  duration: time("duration", "The simulated time that is measured (10m)", "1s").pipe(
    Flag.withDefault<number>(defaults.duration)
  ),
  churn: read(
    "churn",
    "CHURN,...",
    "How long Nodes stay: none, poisson:MINUTES (of the mean session), gnutella, overnet or microsoft (none). " +
      "Of several each is simulated",
    Notation.readList((text) => typeof Churn.parse(text) === "string" ? Option.none() : Option.some(text)),
    (text) => text.split(",").map((one) => Churn.parse(one.trim())).find((parsed) => typeof parsed === "string") ?? ""
  ).pipe(Flag.withDefault<ReadonlyArray<string>>(defaults.churn)),
  ending: Flag.Literals("ending", ["crash", "vanish", "leave"]).pipe(
    Flag.withMetavar("HOW"),
    Flag.withDescription("How Nodes end: connections are reset, the host falls silent, or they say goodbye (crash)"),
    Flag.withDefault(defaults.ending)
  ),
  loss: read(
    "loss",
    "PART,PART,...",
    "The part of all frames that the network loses (0). Of several each is simulated",
    (text) =>
      Option.filter(
        Notation.readList(Notation.readNumber)(text),
        (list) => list.every((loss) => loss < 1)
      ),
    "numbers from 0 to below 1, with commas between them"
  ).pipe(Flag.withDefault<ReadonlyArray<number>>(defaults.loss)),
  lossModel: Flag.Literals("loss-model", ["reliable", "frames"]).pipe(
    Flag.withMetavar("MODEL"),
    Flag.withDescription(
      "A lost frame is sent again later, as by TCP, or is gone, as over UDP; then some also come twice or late (reliable)"
    ),
    Flag.withDefault(defaults.lossModel)
  ),
  repeat: number(
    "repeat",
    "PART",
    "With frames: the part that arrives twice (a fifth of --loss)",
    probability,
    "a number from 0 to below 1"
  ).pipe(Flag.optional),
  reorder: number(
    "reorder",
    "PART",
    "With frames: the part that is held up, so that later ones overtake it (a fifth of --loss)",
    probability,
    "a number from 0 to below 1"
  ).pipe(Flag.optional),
  latency: read(
    "latency",
    "MODEL",
    "How far apart hosts are, in milliseconds one way: plane:ACROSS (evenly in a square), constant:MS, uniform:A-B " +
      "(each pair its own), or regions:NAME,NAME,...:MS,MS,... with the rows of a symmetric matrix, each from its " +
      "diagonal on (plane:100)",
    Notation.readLatency,
    "plane:100, constant:50, uniform:5-200, or as regions:eu,us,asia:5,90,250,4,160,6, where eu-eu is 5, eu-us 90, " +
      "eu-asia 250, us-us 4, us-asia 160 and asia-asia 6"
  ).pipe(Flag.withDefault<Plan.Request["latency"]>(defaults.latency)),
  jitter: number(
    "jitter",
    "PART",
    "Up to which part of its way a frame is late, by chance (0)",
    { minimum: 0, below: 100 },
    "a number from 0 to below 100"
  ).pipe(Flag.withDefault<number>(defaults.jitter)),
  bandwidth: read(
    "bandwidth",
    "BYTES",
    "How many bytes per second a host sends (any number)",
    Notation.readBytes,
    "a number of bytes, such as 125000 or 1MiB"
  ).pipe(Flag.optional),
  queue: read(
    "queue",
    "BYTES",
    "How many bytes may wait at a host for the wire; what finds no room is lost (any number)",
    Notation.readBytes,
    "a number of bytes, such as 65536 or 64KiB"
  ).pipe(Flag.optional),
  leafSet: read(
    "leaf-set",
    "N,N,...",
    "Leaves on both sides together (32). Of several numbers each is simulated",
    (text) =>
      Option.filter(
        Notation.readList(Notation.readWhole)(text),
        (list) => list.every((size) => within(2, mostLeaves)(size) && size % 2 === 0)
      ),
    `even numbers from 2 to ${mostLeaves}, with commas between them`
  ).pipe(Flag.optional),
  keys: Flag.Literals("keys", ["random", "nodes"]).pipe(
    Flag.withMetavar("WHICH"),
    Flag.withDescription("Keys by chance, or ids of Nodes (random)"),
    Flag.withDefault(defaults.keys)
  ),
  delivery: Flag.Literals("delivery", ["acknowledged", "confirmed", "atMostOnce"]).pipe(
    Flag.withMetavar("CLASS"),
    Flag.withDescription("What lookups are promised (acknowledged)"),
    Flag.withDefault(defaults.delivery)
  ),
  seeds: Flag.Literals("seeds", ["near", "random"]).pipe(
    Flag.withMetavar("WHICH"),
    Flag.withDescription("Which Nodes a joiner knows: near ones, as the papers assume, or any (near)"),
    Flag.withDefault(defaults.seeds)
  ),
  interval: time("interval", "Time between the starts of Nodes while the ring is built (200ms)", "1ms").pipe(
    Flag.withDefault<number>(defaults.interval)
  ),
  settle: time("settle", "How long the whole ring runs before anything is measured (2m)", "0ms").pipe(
    Flag.withDefault<number>(defaults.settle)
  ),
  fail: read(
    "fail",
    "PART@TIME",
    "At one moment this part of the Nodes ends, as --ending says",
    Notation.readFailure,
    "a part of all Nodes, more than 0 and less than 1, and when: 0.5@1m"
  ).pipe(Flag.optional),
  partition: read(
    "partition",
    "A:B@TIME+LENGTH",
    "The network is cut into parts of these relative sizes, at some time and for some time",
    Notation.readPartition,
    "sizes, when and for how long: 1:1@1m+5m"
  ).pipe(Flag.optional),
  drift: number(
    "drift",
    "PART",
    "Up to which part clocks run fast or slow (0)",
    probability,
    "a number from 0 to below 1"
  ).pipe(Flag.withDefault<number>(defaults.drift)),
  seed: Flag.String("seed").pipe(
    Flag.withMetavar("TEXT"),
    Flag.withDescription("Everything is drawn from it: the same seed, the same simulation (random)"),
    Flag.optional
  ),
  preset: settingFlags.preset.pipe(Flag.withDescription("The settings to start from (mspastry)")),
  config: settingFlags.config,
  set: settingFlags.set.pipe(
    Flag.withDescription(
      "One setting, such as lease=10s; may be given several times. Counts before --config; WENDY_LEASE does not count"
    )
  ),
  engine: Flag.Literals("engine", ["core", "actors"]).pipe(
    Flag.withMetavar("WHAT"),
    Flag.withDescription(
      "What runs Nodes: their step functions alone, or whole Nodes with fibers, handshakes and encoded frames (core)"
    ),
    Flag.withDefault<Plan.Request["engine"]>(defaults.engine)
  ),
  noChecks: toggle("no-checks", "Do not check what must always hold: faster"),
  report: Flag.String("report").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("Write a page with plots and all figures, in HTML"),
    Flag.optional
  ),
  trace: Flag.String("trace").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("Write everything that happens, as newline-delimited JSON; of a single simulation only"),
    Flag.optional
  ),
  explore: toggle("explore", "Draw scenarios by chance instead, run them, and make the first that fails small"),
  runs: int("runs", "With --explore: how many scenarios to draw (1000)", { minimum: 1, maximum: 10_000_000 }).pipe(
    Flag.withDefault<number>(1000)
  ),
  scenario: Flag.String("scenario").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("Run the scenario in this file instead, and print it with what comes out"),
    Flag.optional
  ),
  json
}

/**
 * The command.
 *
 * @category commands
 * @since 0.1.0
 */
export const simulate = Command.make("simulate", flags, (flags) => run(flags)).pipe(
  Command.withShortDescription("Simulate many Nodes under churn and loss, and check them"),
  Command.withDescription(
    "Runs hundreds or thousands of Nodes, the code that real ones run, in virtual time over a simulated network: a " +
      "ring is built, then lookups are sent while Nodes come and go. Checks all the while what must always hold, " +
      "and exits with 1 if it did not, with the command that shows it again. One seed gives one result."
  ),
  Command.withExamples([
    { command: "wendy simulate", description: "200 Nodes, 10000 lookups in 10 simulated minutes" },
    {
      command: "wendy simulate --nodes 500 --churn gnutella --loss 0.05 --duration 1h --seed 7",
      description: "As MSPastry was measured: the sessions of Gnutella, 5 % loss"
    },
    {
      command: "wendy simulate --nodes 100,200,400,800 --report hops.html",
      description: "Four rings, one after another, and a page that plots hops against Nodes"
    },
    {
      command: "wendy simulate --churn poisson:120,poisson:30,poisson:10 --loss 0,0.05 --loss-model frames --json",
      description: "All six combinations, a line of JSON each"
    },
    {
      command: "wendy simulate --fail 0.5@1m --ending vanish --report recovery.html",
      description: "Half of all hosts fall silent at once"
    },
    {
      command: "wendy simulate --explore --runs 5000 --seed 1",
      description: "Thousands of short scenarios full of faults; the first that breaks a promise, made small"
    },
    { command: "wendy simulate --scenario crash.txt", description: "One scenario, from a file" },
    {
      command: "wendy simulate --latency regions:eu,us:5,90,4 --partition 1:1@1m+5m",
      description: "Two Regions, and a network that is cut in two for a while"
    }
  ])
)

// -----------------------------------------------------------------------------
// internals
// -----------------------------------------------------------------------------

type Flags = Command.Command.Config.Infer<typeof flags>

const run = Effect.fnUntraced(function*(flags: Flags) {
  if (Option.isSome(flags.scenario)) return yield* Scenarios.runFile(flags.scenario.value, flags.engine, flags.json)
  if (flags.explore) return yield* Scenarios.explore(seedOf(flags), flags.runs, flags.engine, flags.json)
  const output = yield* Outputs.Output
  const { canColor } = yield* TerminalCapabilities
  const style = Style.make(canColor)
  const request = yield* readRequest(flags)
  const problem = Plan.findProblem(request)
  if (problem !== undefined) return yield* usage(problem)
  const jobs = Plan.jobs(request)
  if (Option.isSome(flags.trace) && jobs.length > 1) {
    return yield* usage(`--trace is for a single simulation, and these are ${jobs.length}: ask for one combination`)
  }
  const machine = Memory.machine()
  const heaps: Array<number> = []
  for (const job of jobs) {
    const heap = Memory.plan(job, machine)
    if (typeof heap === "string") return yield* usage(heap)
    heaps.push(heap)
  }
  // before anything runs, so that a long simulation does not end with a page that cannot be written
  if (Option.isSome(flags.report)) yield* Effect.scoped(openFile(flags.report.value, "a"))
  const trace = Option.isSome(flags.trace) ? yield* openFile(flags.trace.value, "w") : undefined

  if (!flags.json) yield* output.write(title(request, jobs.length, style))
  const reports: Array<Report> = []
  for (const [index, job] of jobs.entries()) {
    const report = yield* watch(
      style,
      index + 1,
      jobs.length,
      (onProgress) => Runner.run(job, { heap: heaps[index]!, trace, onProgress })
    )
    reports.push(report)
    if (flags.json) yield* output.write(Outputs.jsonLine(Summary.json(report)))
    else yield* output.write(Summary.table(report, request.checks, style))
    if (!isGood(report)) {
      const complaint = Summary.complaint(report)
      yield* flags.json
        ? Console.error(`wendy: something was seen that must not be\n${complaint.trimEnd()}`)
        : output.write(complaint)
    }
    // after each, so that what has been run is there however the rest ends
    if (Option.isSome(flags.report)) yield* writePage(flags.report.value, reports, request)
  }
  if (!flags.json) {
    if (reports.length > 1) yield* output.write(`\n${Summary.comparison(reports, style)}`)
    if (Option.isSome(flags.report)) yield* output.write(`The report is in ${Style.printable(flags.report.value)}\n`)
  }
  if (!reports.every(isGood)) return yield* new NotDone()
}, Effect.scoped)

const title = (request: Plan.Request, runs: number, style: Style.Style): string => {
  const nodes = request.nodes.map(DemoProgress.thousands).join(" / ")
  const count = runs === 1 ? "" : `, ${runs} simulations`
  return `${style.bold("wendy simulate")}  ${nodes} Nodes, ${DemoProgress.thousands(request.lookups)} lookups, ` +
    `seed ${Style.printable(request.seed)}${count}\n`
}

const seedOf = (flags: Flags): string => Option.getOrElse(flags.seed, () => randomBytes(4).toString("hex"))

const readRequest = Effect.fnUntraced(function*(flags: Flags) {
  if (Option.isSome(flags.seed) && flags.seed.value === "") {
    return yield* usage("--seed is empty: give any text, or leave it out for one by chance")
  }
  const file = Option.getOrUndefined(flags.config)
  const preset = Option.getOrUndefined(flags.preset) ?? (yield* presetOf(file)) ?? defaults.preset
  // not the environment: a command would do other things elsewhere
  const config = yield* Settings.load({ preset, file, environment: false, set: flags.set }).pipe(
    Effect.mapError(({ message }) => usage(message))
  )
  const request: Plan.Request = {
    seed: seedOf(flags),
    engine: flags.engine,
    nodes: flags.nodes,
    lookups: flags.lookups,
    duration: flags.duration,
    churn: flags.churn,
    ending: flags.ending,
    loss: flags.loss,
    lossModel: flags.lossModel,
    repeat: Option.getOrUndefined(flags.repeat),
    reorder: Option.getOrUndefined(flags.reorder),
    latency: flags.latency,
    jitter: flags.jitter,
    bandwidth: Option.getOrUndefined(flags.bandwidth),
    queue: Option.getOrUndefined(flags.queue),
    leafSet: Option.getOrUndefined(flags.leafSet),
    keys: flags.keys,
    delivery: flags.delivery,
    seeds: flags.seeds,
    interval: flags.interval,
    settle: flags.settle,
    failure: Option.getOrUndefined(flags.fail),
    partition: Option.getOrUndefined(flags.partition),
    drift: flags.drift,
    preset,
    config,
    checks: !flags.noChecks
  }
  return request
})

/** The preset that a file with settings names, if it can be read; what is wrong with it is said elsewhere. */
const presetOf = Effect.fnUntraced(function*(file: string | undefined) {
  if (file === undefined) return undefined
  const fileSystem = yield* FileSystem.FileSystem
  const text = yield* Effect.orElseSucceed(fileSystem.readFileString(file), () => "")
  const name = Option.getOrUndefined(Option.liftThrowable((): unknown => JSON.parse(text).preset)())
  return Object.keys(presets).find((preset): preset is Preset => preset === name)
})

/** The descriptor of a file, which another thread can write to as well; the scope closes it. */
const openFile = (path: string, flag: "a" | "w") =>
  Effect.acquireRelease(
    Effect.try({
      try: () => Fs.openSync(path, flag),
      catch: (cause) => {
        const { code } = cause as NodeJS.ErrnoException
        return usage(`cannot write ${Style.printable(path)} (${code}): name a file that you may write`)
      }
    }),
    (descriptor) => Effect.sync(() => Fs.closeSync(descriptor))
  )

const writePage = Effect.fnUntraced(function*(path: string, reports: ReadonlyArray<Report>, request: Plan.Request) {
  const fileSystem = yield* FileSystem.FileSystem
  const { failure, partition } = request
  const page = HtmlReport.render(reports, {
    options: Plan.describe(request),
    versions: [
      ["effect-wendy", version],
      ["Node.js", process.versions.node],
      ["V8", process.versions.v8],
      ["platform", `${process.platform} ${process.arch}`]
    ],
    disturbances: [
      ...(failure === undefined ? [] : [{
        name: `${failure.part * 100} % of the Nodes end`,
        from: failure.at,
        to: failure.at
      }]),
      ...(partition === undefined ? [] : [{
        name: "the network is cut",
        from: partition.at,
        to: partition.at + partition.lasts
      }])
    ],
    checks: request.checks
  })
  yield* fileSystem.writeFileString(path, page).pipe(
    Effect.mapError(({ reason }) => notDone(`cannot write the report ${Style.printable(path)}: ${reason._tag}`))
  )
})

/** Shows on a terminal how far a simulation is; elsewhere nothing. */
const watch = <A, E, R>(
  style: Style.Style,
  run: number,
  runs: number,
  perform: (onProgress: (progress: Parameters<typeof Progress.next>[1]) => void) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | Outputs.OutputClosed, R> =>
  Effect.flatMap(Clock.Clock, (clock) => {
    if (process.stderr.isTTY !== true) return perform(() => {})
    const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
    let state = Progress.begin(run, runs)
    let told = now()
    let erase = ""
    const screen = Outputs.make(process.stderr)
    const draw = Effect.suspend(() => {
      const lines = Progress.frame(state, style, process.stderr.columns || 80)
      const text = erase + lines.map((line) => `${line}\n`).join("")
      erase = `\u001b[${lines.length}A\u001b[J`
      return screen.write(text)
    })
    const drawing = Effect.andThen(draw, Effect.sleep("100 millis")).pipe(
      Effect.forever,
      Effect.onInterrupt(() => Effect.ignore(Effect.suspend(() => screen.write(erase))))
    )
    return Effect.raceFirst(
      perform((progress) => {
        state = Progress.next(state, progress, now() - told)
        told = now()
      }),
      drawing
    )
  })
