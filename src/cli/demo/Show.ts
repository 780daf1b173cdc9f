/**
 * Runs a demo: Nodes, messages, kills and joins, noted in a journal while a display shows how far it is.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Cluster from "../../Cluster.ts"
import * as Address from "../../protocol/Address.ts"
import type { Application } from "../../protocol/Application.ts"
import type { Credentials } from "../../protocol/Credentials.ts"
import { lowestPurpose } from "../../protocol/Message.ts"
import type * as NodeId from "../../ring/NodeId.ts"
import { kill } from "../../testing.ts"
import type { Transport } from "../../transport/Transport.ts"
import { jsonLine, Output, type OutputClosed } from "../Output.ts"
import { fromCluster, type ProgramError } from "../ProgramError.ts"
import type { Style } from "../style.ts"
import { Journal } from "./Journal.ts"
import * as Plan from "./Plan.ts"
import * as Progress from "./Progress.ts"
import * as Summary from "./Summary.ts"

/**
 * What to show, and how.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly size: Plan.Size
  /** Messages under way at once. */
  readonly concurrency: number
  readonly seed: number
  /** How the Node of an id proves itself. */
  readonly credentials: (id: NodeId.NodeId) => Effect.Effect<Credentials>
  readonly display: "terminal" | "lines" | "json"
  readonly style: Style
}

/**
 * Runs a demo to its end and sums it up.
 *
 * **Details**
 *
 * The journal is judged after all Nodes have left: until then something could be delivered twice.
 *
 * @category running
 * @since 0.1.0
 */
export const run: (
  options: Options
) => Effect.Effect<Summary.Summary, ProgramError | OutputClosed, Output | Transport> = Effect.fnUntraced(
  function*(options: Options) {
    const { size } = options
    const clock = yield* Clock.Clock
    const start = clock.monotonicTimeNanosUnsafe()
    // Its own generator: how often the Nodes draw must not change what the demo draws.
    const random = yield* Random.withSeed(Effect.map(Random.Random, (random) => random), options.seed)
    const plan = Plan.make(size, random)
    const stage: Stage = {
      now: () => Number(clock.monotonicTimeNanosUnsafe() - start) / 1e6,
      plan,
      random,
      journal: new Journal(size.messages),
      credentials: options.credentials,
      living: new Map(),
      senders: [],
      joinMillis: [],
      kills: [],
      notes: [],
      phase: "starting",
      joined: 0,
      failed: 0
    }
    for (const id of plan.ids) stage.journal.addNode(id)

    const displaying = yield* Effect.forkChild(display(stage, options))
    const seconds = yield* Effect.raceFirst(perform(stage, options), Fiber.join(displaying))
    yield* Fiber.interrupt(displaying)
    return Summary.make(stage.journal, {
      seed: options.seed,
      nodes: size.nodes,
      joined: stage.joined,
      kills: stage.kills,
      joinMillis: stage.joinMillis,
      seconds
    })
  }
)

// -----------------------------------------------------------------------------
// Nodes
// -----------------------------------------------------------------------------

interface Living {
  readonly index: number
  readonly cluster: Cluster.Cluster["Service"]
  readonly scope: Scope.Closeable
}

interface Stage {
  /** Milliseconds since the start. */
  readonly now: () => number
  readonly plan: Plan.Plan
  readonly random: Random.Random
  readonly journal: Journal
  readonly credentials: Options["credentials"]
  /** Ready Nodes by index. */
  readonly living: Map<number, Living>
  /** Ready Nodes that will not be killed. */
  readonly senders: Array<Living>
  readonly joinMillis: Array<number>
  readonly kills: Array<Summary.Kill>
  /** Lines to be shown above the progress. */
  readonly notes: Array<string>
  phase: Progress.State["phase"]
  joined: number
  failed: number
}

/** Plays all of it, and returns the seconds from the first message to the last receipt. */
const perform = Effect.fnUntraced(function*(stage: Stage, { concurrency, size }: Options) {
  const { journal, now } = stage
  // all Nodes leave at once
  const scope = yield* Effect.acquireRelease(Scope.make("parallel"), (scope, exit) => {
    stage.phase = "leaving"
    return Scope.close(scope, exit)
  })
  for (let index = 0; index < size.nodes; index++) yield* startNode(stage, scope, index)

  stage.phase = "sending"
  const began = now()
  const due = [...stage.plan.changes]
  const changes: Array<Fiber.Fiber<void, ProgramError>> = []
  const changeWhenDue = Effect.fnUntraced(function*(sent: number) {
    while (due.length > 0 && due[0]!.at <= sent) {
      const { kind, node } = due.shift()!
      const change = kind === "kill" ? killNode(stage, node) : joinNode(stage, scope, node)
      changes.push(yield* Effect.forkScoped(change))
    }
  })
  const sendUntilDone = Effect.gen(function*() {
    while (journal.sent < size.messages) {
      yield* changeWhenDue(journal.sent)
      yield* sendMessage(stage)
    }
  })
  yield* Effect.all(Array.from({ length: concurrency }, () => sendUntilDone), {
    concurrency: "unbounded",
    discard: true
  })
  const seconds = (now() - began) / 1000
  yield* changeWhenDue(Number.POSITIVE_INFINITY)
  yield* Fiber.joinAll(changes)
  return seconds
}, Effect.scoped)

const startNode = Effect.fnUntraced(function*(stage: Stage, parent: Scope.Scope, index: number) {
  const { journal, now, plan, random } = stage
  const known = [...stage.living.values()].filter((node) => stage.phase === "starting" || !plan.victims.has(node.index))
  const via = known[Plan.drawBelow(random, known.length)]
  const began = now()
  const scope = yield* Scope.fork(parent)
  let isReady: Effect.Effect<boolean> = Effect.succeed(false)
  const application: Application = {
    onDeliver: (message) =>
      Effect.map(Effect.suspend(() => isReady), (isReady) => {
        // a message may be quicker than the word that the Node is ready
        if (isReady) journal.noteReady(index)
        journal.noteDelivery(readNumber(message.value), message.key, index)
      }),
    onNodeExit: (node) =>
      Effect.sync(() => {
        const kill = stage.kills.find((kill) => plan.ids[kill.node]!.hex === node.hex)
        if (kill !== undefined) kill.noticedMillis ??= now()
      })
  }
  const cluster = yield* Cluster.make({
    id: plan.ids[index],
    credentials: yield* stage.credentials(plan.ids[index]!),
    join: via === undefined ? [] : [Address.format({ host: "127.0.0.1", port: via.cluster.address.port })],
    joinTimeout: "30 seconds",
    application
  }).pipe(Scope.provide(scope), Effect.mapError(fromCluster))
  const self: Living = { index, cluster, scope }
  isReady = cluster.isReady
  yield* cluster.events.pipe(
    Stream.runForEach((event) =>
      Effect.sync(() => {
        if (event._tag === "Ready") journal.noteReady(index)
        else if (event._tag === "NotReady") journal.noteNotReady(index)
      })
    ),
    Effect.forkIn(scope)
  )
  yield* Effect.mapError(cluster.ready, fromCluster)
  journal.noteReady(index)
  const millis = now() - began
  if (via !== undefined) stage.joinMillis.push(millis)
  stage.living.set(index, self)
  if (!plan.victims.has(index)) stage.senders.push(self)
  return millis
})

const joinNode = Effect.fnUntraced(function*(stage: Stage, parent: Scope.Scope, index: number) {
  const millis = yield* startNode(stage, parent, index)
  stage.joined++
  stage.notes.push(`joined  Node ${stage.plan.ids[index]!.hex} in ${millis.toFixed(1)} ms`)
})

const killNode = Effect.fnUntraced(function*(stage: Stage, index: number) {
  const victim = stage.living.get(index)!
  stage.living.delete(index)
  stage.kills.push({
    node: index,
    moment: stage.journal.noteKill(index),
    millis: stage.now(),
    noticedMillis: undefined
  })
  stage.notes.push(`killed  Node ${stage.plan.ids[index]!.hex} without notice`)
  yield* kill(victim.cluster)
  stage.journal.noteDead(index)
  yield* Scope.close(victim.scope, Exit.void)
})

// -----------------------------------------------------------------------------
// messages
// -----------------------------------------------------------------------------

/** Of messages that fail, so many are explained. */
const explained = 5

const sendMessage = Effect.fnUntraced(function*(stage: Stage) {
  const { journal, now, random, senders } = stage
  // others may have sent the last one meanwhile
  if (journal.sent === journal.capacity) return
  const key = Plan.drawId(random)
  const sender = senders[Plan.drawBelow(random, senders.length)]!
  const message = journal.noteSent(key)
  const began = now()
  yield* sender.cluster.sendConfirmed({ key, purpose: lowestPurpose, value: writeNumber(message) }).pipe(
    Effect.matchEffect({
      onFailure: (error) =>
        ++stage.failed > explained
          ? Effect.void
          : Console.error(`wendy: message ${message} has no receipt: ${error.reason._tag}, ${error.message}`),
      onSuccess: (receipt) => Effect.sync(() => journal.noteReceipt(message, receipt, now() - began, now()))
    })
  )
})

const writeNumber = (message: number): Uint8Array => {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, message)
  return bytes
}

/** NaN for a value that is none of ours. */
const readNumber = (value: Uint8Array): number =>
  value.length === 4 ? new DataView(value.buffer, value.byteOffset, 4).getUint32(0) : Number.NaN

// -----------------------------------------------------------------------------
// display
// -----------------------------------------------------------------------------

const display = Effect.fnUntraced(function*(stage: Stage, { display, seed, size, style }: Options) {
  const output = yield* Output
  const { journal, now } = stage
  let [seenAt, seen, rate] = [now(), 0, 0]
  const look = (): Progress.State => {
    const elapsed = now() - seenAt
    if (elapsed > 0) {
      const current = (journal.confirmed - seen) / elapsed * 1000
      rate = seen === 0 ? current : rate * 0.7 + current * 0.3
    }
    seenAt = now()
    seen = journal.confirmed
    return {
      phase: stage.phase === "sending" && journal.sent === size.messages ? "waiting" : stage.phase,
      nodes: size.nodes,
      ready: stage.living.size,
      killed: stage.kills.length,
      joined: stage.joined,
      messages: size.messages,
      sent: journal.sent,
      confirmed: journal.confirmed,
      failed: stage.failed,
      rate
    }
  }
  const takeNotes = () => stage.notes.splice(0).map((note) => `  ${note}\n`).join("")
  const title = `${style.bold("wendy demo")}  ${size.nodes} Nodes, ${Progress.thousands(size.messages)} messages, ` +
    `${size.kill} kills, ${size.joins} joins, seed ${seed}\n`

  if (display === "json") {
    while (true) {
      yield* Effect.sleep("1 second")
      yield* output.write(jsonLine({ type: "progress", ...look() }))
    }
  }
  yield* output.write(title)
  const isTerminal = display === "terminal"
  let erase = ""
  const draw = (isLast: boolean) => {
    const lines = isTerminal && isLast
      ? []
      : isTerminal
      ? Progress.frame(look(), style, process.stdout.columns || 80)
      : [`  ${Progress.line(look())}`]
    const text = erase + takeNotes() + lines.map((line) => `${line}\n`).join("")
    erase = isTerminal && lines.length > 0 ? `\u001b[${lines.length}A\u001b[J` : ""
    return output.write(text)
  }
  const pause = Effect.sleep(isTerminal ? "100 millis" : "1 second")
  return yield* Effect.suspend(() => draw(false)).pipe(
    isTerminal ? Effect.andThen(pause) : (drawing) => Effect.andThen(pause, drawing),
    Effect.forever,
    Effect.onInterrupt(() => Effect.ignore(Effect.suspend(() => draw(true))))
  )
})
