/**
 * `wendy node`: runs a Node.
 *
 * @since 0.1.0
 */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { TerminalCapabilities } from "effect/cli/TerminalCapabilities"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as Cluster from "../Cluster.ts"
import * as Environment from "../Environment.ts"
import * as Address from "../protocol/Address.ts"
import type { Preset } from "../protocol/ClusterConfig.ts"
import * as NodeId from "../ring/NodeId.ts"
import { addresses, duration, id, int, json, settingFlags, settings } from "./flags.ts"
import * as Membership from "./membership.ts"
import * as Lines from "./node/lines.ts"
import { Output } from "./Output.ts"
import { fromCluster, usage } from "./ProgramError.ts"
import * as Style from "./style.ts"

/**
 * The command.
 *
 * @category commands
 * @since 0.1.0
 */
export const node = Command.make(
  "node",
  {
    port: int("port", "The port to listen on (WENDY_PORT); 0, the default, takes a free one", {
      minimum: 0,
      maximum: 65535
    }).pipe(Flag.optional),
    join: addresses(
      "join",
      "A Node of the cluster; give several, they are all tried (WENDY_JOIN, with commas). Without any a ring is started"
    ),
    id: id("The id of this Node, 32 hexadecimal digits (random without --id and --name)").pipe(Flag.optional),
    name: Flag.String("name").pipe(
      Flag.withMetavar("TEXT"),
      Flag.withDescription("A name that becomes the id of this Node by hashing it"),
      Flag.optional
    ),
    region: Flag.String("region").pipe(
      Flag.withMetavar("NAME"),
      Flag.withDescription("The Region (WENDY_REGION): Nodes of one reach each other at their local addresses"),
      Flag.optional
    ),
    localIp: Flag.String("local-ip").pipe(
      Flag.withMetavar("HOST"),
      Flag.withDescription(
        "The address that Nodes of the same Region are told, and dial (WENDY_LOCAL_HOST, or that of --bind, or 127.0.0.1), for " +
          "as long as this one runs: restart it where its address changes"
      ),
      Flag.optional
    ),
    globalIp: Flag.String("global-ip").pipe(
      Flag.withMetavar("HOST"),
      Flag.withDescription(
        "The address that Nodes of other Regions are told (WENDY_GLOBAL_HOST, or that of --local-ip)"
      ),
      Flag.optional
    ),
    bind: Flag.String("bind").pipe(
      Flag.withMetavar("HOST"),
      Flag.withDescription(
        "The address to listen on (WENDY_BIND, or that of --local-ip); with 0.0.0.0 or ::, which stand for all, others are " +
          "told an address of this machine"
      ),
      Flag.optional
    ),
    ...Membership.flags,
    ...settingFlags,
    joinTimeout: duration("join-timeout", "Give up joining after this long; without it, try for ever").pipe(
      Flag.optional
    ),
    json
  },
  (flags) => run(flags)
).pipe(
  Command.withShortDescription("Run a Node"),
  Command.withDescription(
    "Runs a Node until SIGINT or SIGTERM: it joins the ring, answers for its part of it, and prints what happens. On " +
      "SIGHUP it reads the passphrase, or the certificates, again."
  ),
  Command.withExamples([
    { command: "wendy node --port 7001", description: "Start a ring" },
    { command: "wendy node --join 127.0.0.1:7001 --json", description: "Join it, on a free port" },
    {
      command:
        "wendy node --port 7001 --bind 0.0.0.0 --local-ip 10.0.0.7 --join 10.0.0.8:7001 --passphrase-file secret",
      description: "Join over a network, with a passphrase"
    }
  ])
)

// -----------------------------------------------------------------------------
// internals
// -----------------------------------------------------------------------------

/** What is said on the command line. */
interface Given extends Membership.Flags {
  readonly port: Option.Option<number>
  readonly join: ReadonlyArray<string>
  readonly id: Option.Option<NodeId.NodeId>
  readonly name: Option.Option<string>
  readonly region: Option.Option<string>
  readonly localIp: Option.Option<string>
  readonly globalIp: Option.Option<string>
  readonly bind: Option.Option<string>
  readonly preset: Option.Option<Preset>
  readonly config: Option.Option<string>
  readonly set: ReadonlyArray<string>
  readonly joinTimeout: Option.Option<Cluster.Options["joinTimeout"] & {}>
  readonly json: boolean
}

/** What the environment has completed. */
interface Flags extends Omit<Given, "port" | "region"> {
  readonly port: number
  readonly region: string
}

const run = Effect.fnUntraced(function*(given: Given) {
  const membership = yield* Membership.load(given)
  const flags = yield* complete(given, membership.environment)
  return yield* Effect.provide(runAs(flags, membership), membership.transport)
})

/** Flags count before the environment. */
const complete = Effect.fnUntraced(function*(given: Given, environment: Environment.Environment) {
  const text = (flag: Option.Option<string>, name: Parameters<typeof Environment.text>[1]) =>
    Option.orElse(flag, () => Environment.text(environment, name))
  const port = Option.isSome(given.port) ? given.port : yield* Environment.port(environment)
  return {
    ...given,
    port: Option.getOrElse(port, () => 0),
    join: given.join.length > 0 ? given.join : yield* Environment.join(environment),
    region: Option.getOrElse(text(given.region, "region"), () => ""),
    localIp: text(given.localIp, "localHost"),
    globalIp: text(given.globalIp, "globalHost"),
    bind: text(given.bind, "bind")
  } satisfies Flags
}, Effect.mapError(({ message }) => usage(message)))

const runAs = Effect.fnUntraced(
  function*(flags: Flags, { cluster: name, credentials: secret }: Membership.Membership) {
    if (Option.isSome(flags.id) && Option.isSome(flags.name)) {
      return yield* usage("--id and --name both give the id: leave one of them out")
    }
    const { canColor } = yield* TerminalCapabilities
    const lines = flags.json ? Lines.json(flags.region) : Lines.human(flags.region, Style.make(canColor))
    const output = yield* Output
    const bind = Option.getOrElse(Option.orElse(flags.bind, () => flags.localIp), () => "127.0.0.1")
    if (secret._tag === "None" && !Address.isLoopback(bind)) {
      yield* Console.error(
        `wendy: warning: listening on ${bind} without credentials: whoever can connect may join. Use --passphrase-file, or ` +
          "--cert, --key and --ca"
      )
    }

    const readyIsSaid = yield* Latch.make()
    // From now on, for a hang-up that nobody listens for ends the process without leaving.
    const hangUps = yield* listenForHangUps
    const cluster = yield* Cluster.make({
      localHost: Option.getOrUndefined(flags.localIp),
      globalHost: Option.getOrUndefined(flags.globalIp),
      bind,
      port: flags.port,
      region: flags.region,
      join: flags.join,
      cluster: name,
      credentials: secret,
      config: yield* settings(flags),
      application: {
        onDeliver: (message) => Effect.andThen(readyIsSaid.await, output.write(lines.deliver(message)))
      },
      ...(Option.isSome(flags.id) ? { id: flags.id.value } : {}),
      ...(Option.isSome(flags.name) ? { id: NodeId.fromString(flags.name.value) } : {}),
      ...(Option.isSome(flags.joinTimeout) ? { joinTimeout: flags.joinTimeout.value } : {})
    }).pipe(Effect.mapError(fromCluster))

    if (Option.isNone(flags.localIp) && Address.isUnspecified(bind)) {
      const told = Address.format(cluster.address)
      yield* Console.error(
        `wendy: listening on all addresses; other Nodes are told to dial ${told}: --local-ip names another`
      )
    }

    // what happens while joining waits until `ready` has been said
    let kept: Array<string> | undefined = []
    const sayReady = Effect.flatMap(cluster.node, (node) => {
      const text = [lines.ready(node), ...(kept ?? [])].join("")
      kept = undefined
      return output.write(text)
    })
    const sayRetrying = yield* makeSayRetrying
    const onEvent = (event: Cluster.ClusterEvent) =>
      Effect.suspend(() => {
        if (event._tag === "JoinRetrying") return sayRetrying(event.attempt, event.message)
        if (event._tag === "Ready") return kept === undefined ? sayReady : Effect.void
        const line = lines.event(event)
        if (line === undefined) return Effect.void
        if (kept === undefined) return output.write(line)
        if (kept.push(line) > maxKept) kept.shift()
        return Effect.void
      })

    yield* cluster.events.pipe(Stream.runForEach(onEvent), Effect.forkScoped)
    const reload = Membership.load(flags).pipe(
      Effect.flatMap(({ credentials }) => cluster.useCredentials(credentials)),
      Effect.andThen(Console.error("wendy: the credentials have been read again, and are used from now on")),
      Effect.catch(({ message }) => Console.error(`wendy: the credentials stay as they are: ${message}`))
    )
    yield* Queue.take(hangUps).pipe(
      Effect.andThen(
        secret._tag === "None"
          ? Console.error("wendy: SIGHUP is ignored: this Node has no credentials that could be read again")
          : reload
      ),
      Effect.forever,
      Effect.forkScoped
    )
    yield* cluster.ready.pipe(
      Effect.mapError(fromCluster),
      Effect.andThen(sayReady),
      Effect.andThen(readyIsSaid.open),
      Effect.andThen(Effect.mapError(cluster.ended, fromCluster)),
      Effect.raceFirst(output.closed),
      // whoever read the output has had enough: leave as on a signal
      Effect.catchTag("OutputClosed", () => Effect.void)
    )
  },
  Effect.scoped
)

/** One for each SIGHUP; those that come while one is worked on count as one. */
const listenForHangUps = Effect.gen(function*() {
  const queue = yield* Queue.sliding<void>(1)
  const listener = () => Queue.offerUnsafe(queue, undefined)
  yield* Effect.acquireRelease(
    Effect.sync(() => process.on("SIGHUP", listener)),
    () => Effect.sync(() => process.off("SIGHUP", listener))
  )
  return queue
})

/** Whoever waits for long need not read the same each second. */
const sameAgainAfter = 10_000_000_000n

const makeSayRetrying = Effect.map(Clock.Clock, (clock) => {
  let said = ""
  let saidAt = 0n
  return (attempt: number, message: string) =>
    Effect.suspend(() => {
      const now = clock.monotonicTimeNanosUnsafe()
      if (message === said && now - saidAt < sameAgainAfter) return Effect.void
      said = message
      saidAt = now
      return Console.error(`wendy: not joined yet (attempt ${attempt}): ${message}`)
    })
})

/** A join may take days: of what happens meanwhile only the newest is said. */
const maxKept = 1024
