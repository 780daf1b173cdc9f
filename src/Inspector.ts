/**
 * Inspector: looks at a running cluster without being a part of it.
 *
 * It dials Nodes as a client, asks, and closes: it enters no table and changes
 * nothing. `view` is what one Node holds, `route` the way of a key hop by hop,
 * `ring` all Nodes and whether their views agree. It is for people and for checks:
 * an application that wants to know where a key lives asks its own Node.
 *
 * **Gotchas**
 *
 * What it shows was true at each Node when that was asked, one after another:
 * while Nodes come and go, views differ for a moment in a healthy ring.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Address from "./protocol/Address.ts"
import type * as Credentials from "./protocol/Credentials.ts"
import * as Frame from "./protocol/Frame.ts"
import type { Refused } from "./protocol/Handshake.ts"
import { checkTargets, type WendyOptionError } from "./protocol/OptionError.ts"
import type * as Query from "./protocol/Query.ts"
import * as Reason from "./protocol/Reason.ts"
import * as Node from "./ring/Node.ts"
import * as NodeId from "./ring/NodeId.ts"
import { makeClientIdentity } from "./transport/Identity.ts"
import * as Link from "./transport/Link.ts"
import { type Connection, Transport, type WendyConnectionError, type WendyDialError } from "./transport/Transport.ts"

/**
 * How to look at a cluster.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** The name of the cluster, at most 64 characters. Default "wendy". */
  readonly cluster?: string | undefined
  /** How to prove that one belongs to the cluster: the same kind as at its Nodes. Default: `Credentials.none`. */
  readonly credentials?: Credentials.Credentials | undefined
  /** Nodes of this Region are dialled at their local address, all others at their global one. Default: none, "". */
  readonly region?: string | undefined
  /** How long a Node may take to take a connection, and again to shake hands and answer. Default 2 s. */
  readonly timeout?: Duration.Input | undefined
}

/**
 * How to look at a cluster, and where to begin.
 *
 * @category models
 * @since 0.1.0
 */
export interface SeedOptions extends Options {
  /** Nodes as `HOST:PORT` or `[IPV6]:PORT`; at least one. */
  readonly to: ReadonlyArray<string>
}

/**
 * Looks at a cluster from outside, as a service.
 *
 * **When to use**
 *
 * In an application that shows its cluster: a test can put another one in its place. In a script `view`, `route` and
 * `ring` are enough.
 *
 * **Example** (A page about the cluster)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cluster, Inspector, MemoryTransport } from "effect-wendy"
 *
 * const page = Inspector.Inspector.use(({ ring }) => Effect.map(ring, ({ nodes }) => `${nodes.length} Nodes`))
 *
 * const InspectorLive = Layer.unwrap(Effect.gen(function*() {
 *   const { address, ready } = yield* Cluster.make()
 *   yield* ready
 *   return Inspector.layer({ to: [`127.0.0.1:${address.port}`] })
 * })).pipe(Layer.provide(MemoryTransport.layer))
 *
 * await Effect.runPromise(Effect.provide(page, InspectorLive)) // => "1 Nodes"
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class Inspector extends Context.Service<Inspector, {
  /** Who stands around the Node at an address, as `view`. */
  readonly view: (address: string) => Effect.Effect<View, WendyOptionError | WendyUnansweredError>
  /** The way of a key, hop by hop, as `route`. */
  readonly route: (key: NodeId.NodeId) => Stream.Stream<Hop, WendyOptionError | WendyInspectError | WendyRouteError>
  /** All Nodes that can be found, and whether they agree, as `ring`. */
  readonly ring: Effect.Effect<Ring, WendyOptionError | WendyInspectError>
}>()("effect-wendy/Inspector") {}

/**
 * An inspector of a cluster that begins at these Nodes. It connects when it is asked.
 *
 * **When to use**
 *
 * For the one cluster of an application.
 *
 * **Example** (In production)
 *
 * ```ts
 * import { Layer } from "effect"
 * import { Inspector, TcpTransport } from "effect-wendy"
 *
 * export const InspectorLive = Inspector.layer({ to: ["10.0.0.7:7001", "10.0.0.8:7001"] }).pipe(
 *   Layer.provide(TcpTransport.layer)
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: RingOptions): Layer.Layer<Inspector, never, Transport> =>
  Layer.effect(
    Inspector,
    Effect.map(Transport, (transport) => {
      const provide = Effect.provideService(Transport, transport)
      return Inspector.of({
        view: (address) => provide(view(address, options)),
        route: (key) => Stream.provideService(route({ ...options, key }), Transport, transport),
        ring: provide(ring(options))
      })
    })
  )

// -----------------------------------------------------------------------------
// errors
// -----------------------------------------------------------------------------

/**
 * A Node that was asked did not answer.
 *
 * **Details**
 *
 * - `Gone`: nobody listens at the address.
 * - `Unreachable`: no connection came about in time; proves nothing.
 * - `Silent`: somebody takes connections there, but did not answer in time, or has no room.
 * - `Refused`: the two ends do not belong together (version, cluster, credentials).
 * - `Broken`: the connection ended before there was an answer, twice.
 *
 * `address` is what was dialled, as `HOST:PORT`; `message` is for people, and says what to do.
 *
 * @category errors
 * @since 0.1.0
 */
export class WendyUnansweredError extends Schema.TaggedError<WendyUnansweredError>()("WendyUnansweredError", {
  address: Schema.String,
  reason: Reason.oneOf("Gone", "Unreachable", "Silent", "Refused", "Broken"),
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message(): string {
    return this.reason.message
  }

  /** Whether the same may work when it is tried again. */
  get retryable(): boolean {
    return this.reason._tag === "Unreachable" || this.reason._tag === "Silent" || this.reason._tag === "Broken"
  }
}

/**
 * None of the Nodes to begin with answered.
 *
 * @category errors
 * @since 0.1.0
 */
export class WendyInspectError extends Schema.TaggedError<WendyInspectError>()("WendyInspectError", {
  /** `Refused` when any of them refused: then it is no use to try again as it is. */
  reason: Reason.oneOf("Refused", "Unreachable"),
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message(): string {
    return this.reason.message
  }

  /** Whether the same may work when it is tried again. */
  get retryable(): boolean {
    return this.reason._tag === "Unreachable"
  }
}

// -----------------------------------------------------------------------------
// one Node
// -----------------------------------------------------------------------------

/**
 * What a Node holds.
 *
 * **Details**
 *
 * - `node`: the Node itself. `ready`: whether it answers for its part of the ring.
 * - `predecessor`, `successor`: whom it holds to be its neighbours; undefined when it is alone, or not ready.
 * - `left`, `right`: its leaf set, nearest first, at most 64 on each side; `side`: how many it wants on each.
 * - `lost`: at most 64 Nodes that went without leaving, the newest first.
 *
 * @category models
 * @since 0.1.0
 */
export type View = Omit<typeof Query.ViewAnswer.Type, "_tag" | "sequence">

/**
 * Asks the Node at an address (`HOST:PORT`) who stands around it.
 *
 * **When to use**
 *
 * To look at one Node. To see whether all of them agree, `ring`.
 *
 * **Details**
 *
 * It fails with `WendyUnansweredError` when the Node gives no answer, and with `WendyOptionError` for an address or credentials that
 * cannot be.
 *
 * **Example** (The neighbours of a Node)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cluster, Inspector, MemoryTransport } from "effect-wendy"
 *
 * const program = Effect.gen(function*() {
 *   const one = yield* Cluster.make()
 *   yield* one.ready
 *   const two = yield* Cluster.make({ join: [`127.0.0.1:${one.address.port}`] })
 *   yield* two.ready
 *   const { ready, successor } = yield* Inspector.view(`127.0.0.1:${two.address.port}`)
 *   return [ready, successor?.hex === one.id.hex]
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer))) // => [true, true]
 * ```
 *
 * @category inspection
 * @since 0.1.0
 */
export const view = Effect.fnUntraced(function*(
  address: string,
  options?: Options
): Effect.fn.Return<View, WendyOptionError | WendyUnansweredError, Transport> {
  const asker = yield* makeAsker({ ...options, to: [address] })
  return (yield* asker.ask(asker.seeds[0]!, viewQuery)).answer
})

// -----------------------------------------------------------------------------
// the way of a key
// -----------------------------------------------------------------------------

/**
 * A Node on the way of a key.
 *
 * **Details**
 *
 * - `index`: 0 for the Node that was asked first.
 * - `why`: why the Node before chose it; `start` for the Node that was asked first, `leaf` from the leaf set, `table`
 *   from the routing table, `rare` as the closest of all that it knew (Rowstron, Druschel, "Pastry", Middleware 2001).
 * - `row`, `column`: how many digits the Node before shares with the key, and the next digit of the key:
 *   where it looked in its routing table. Undefined at the start.
 * - `roundTrip`: of the question, in milliseconds.
 * - `isRoot`: it answers for the key; the way ends here.
 *
 * **Example** (A hop as JSON)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { Inspector, Node, NodeId } from "effect-wendy"
 *
 * const node = new Node.Node({
 *   id: NodeId.zero,
 *   localHost: "10.0.0.7",
 *   globalHost: "10.0.0.7",
 *   port: 7001,
 *   region: "",
 *   incarnation: 1
 * })
 * const hop: Inspector.Hop = {
 *   index: 0,
 *   node,
 *   why: "start",
 *   row: undefined,
 *   column: undefined,
 *   roundTrip: 1.5,
 *   isRoot: true
 * }
 * const toJson = Schema.encodeSync(Schema.toCodecJson(Inspector.Hop))
 * JSON.stringify(toJson(hop)).includes("\"isRoot\":true") // => true
 * ```
 *
 * @category schemas
 * @since 0.1.0
 */
export const Hop = Schema.Struct({
  index: Schema.Int,
  node: Node.Node,
  why: Schema.Literals(["start", "leaf", "table", "rare"]),
  row: Schema.UndefinedOr(Schema.Int),
  column: Schema.UndefinedOr(Schema.Int),
  roundTrip: Schema.Finite,
  isRoot: Schema.Boolean
})

/**
 * A Node on the way of a key.
 *
 * @category models
 * @since 0.1.0
 */
export type Hop = typeof Hop.Type

/**
 * The way of a key did not end at a root.
 *
 * **Details**
 *
 * - `Unanswered`: the next Node could not be asked, or another one answers at its address.
 * - `Held`: the last Node neither answers for the key nor knows a better root: it would hold a message.
 * - `TooLong`: there was no root after 64 hops.
 *
 * @category errors
 * @since 0.1.0
 */
export class WendyRouteError extends Schema.TaggedError<WendyRouteError>()("WendyRouteError", {
  reason: Reason.oneOf("Unanswered", "Held", "TooLong"),
  /** The way so far. */
  hops: Schema.Array(Hop),
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message(): string {
    return this.reason.message
  }

  /** Whether the same may work when it is tried again. */
  get retryable(): boolean {
    return this.reason._tag === "Unanswered" || this.reason._tag === "Held"
  }
}

/**
 * How to follow a key.
 *
 * @category models
 * @since 0.1.0
 */
export interface RouteOptions extends SeedOptions {
  /** Whose way is asked for. */
  readonly key: NodeId.NodeId
}

/** As many hops as a message may make, rule M7. */
const maxHops = 64

/**
 * Follows a key from the first of `to` that answers, hop by hop, to the Node that answers for it.
 *
 * **When to use**
 *
 * To see why messages for a key end where they do. To know only the next hop from one's own Node, `cluster.nextHop`.
 *
 * **Details**
 *
 * Each Node is asked where it would send a message for the key, and then that one is dialled.
 * A hop is emitted when its answer is there; a failure comes after the hops before it.
 *
 * **Gotchas**
 *
 * A message goes another way when a hop does not take it; this shows the first choice, and fails there.
 *
 * **Example** (The way to a Node's own id)
 *
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Cluster, Inspector, MemoryTransport } from "effect-wendy"
 *
 * const program = Effect.gen(function*() {
 *   const one = yield* Cluster.make()
 *   yield* one.ready
 *   const two = yield* Cluster.make({ join: [`127.0.0.1:${one.address.port}`] })
 *   yield* two.ready
 *   yield* one.events.pipe(Stream.filter((event) => event._tag === "NodeJoined"), Stream.runHead)
 *   const hops = yield* Inspector.route({ to: [`127.0.0.1:${one.address.port}`], key: two.id }).pipe(
 *     Stream.runCollect
 *   )
 *   return hops.map(({ isRoot, why }) => ({ isRoot, why }))
 * })
 *
 * const hops = await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer)))
 * hops // => [{ isRoot: false, why: "start" }, { isRoot: true, why: "leaf" }]
 * ```
 *
 * @category inspection
 * @since 0.1.0
 */
export const route = (
  options: RouteOptions
): Stream.Stream<Hop, WendyOptionError | WendyInspectError | WendyRouteError, Transport> =>
  Stream.unwrap(Effect.map(makeAsker(options), (asker) => {
    const hops: Array<Hop> = []
    const query = { _tag: "RouteQuery", sequence: 1, key: options.key } as const
    const fail = (reason: WendyRouteError["reason"]["_tag"], message: string) =>
      Effect.fail(new WendyRouteError({ reason: { _tag: reason, message }, hops }))

    /** The Node that the last hop named; undefined at the start. */
    const step = Effect.fnUntraced(function*(last: typeof Query.RouteAnswer.Type | undefined) {
      if (last !== undefined && last.next === undefined) {
        return yield* fail("Held", describeHolder(hops.at(-1)!.node, last.ready))
      }
      if (hops.length === maxHops) {
        return yield* fail("TooLong", `after ${maxHops} hops there is no root: look at the ring with wendy ring`)
      }
      const asked = last?.next === undefined
        ? yield* asker.askFirst(query)
        : yield* follow(last.next)
      const { answer, peer, roundTrip } = asked
      const hop: Hop = {
        index: hops.length,
        node: last?.next ?? peer,
        why: last?.why ?? "start",
        row: last?.row,
        column: last?.column,
        roundTrip,
        isRoot: answer.covers
      }
      hops.push(hop)
      return [[hop], answer.covers ? Option.none() : Option.some(answer)] as const
    })

    const follow = Effect.fnUntraced(function*(node: Node.Node) {
      const asked = yield* asker.ask(asker.addressOf(node), query).pipe(
        Effect.catchTag(
          "WendyUnansweredError",
          ({ message }) => fail("Unanswered", `the next hop is ${node.hex}: ${message}`)
        )
      )
      if (NodeId.equals(asked.peer.id, node.id)) return asked
      const where = Address.format(asker.addressOf(node))
      return yield* fail(
        "Unanswered",
        `the next hop is ${node.hex}, but ${asked.peer.hex} answers at ${where}: try again when the Nodes have noticed`
      )
    })

    return Stream.paginate(undefined as typeof Query.RouteAnswer.Type | undefined, step)
  }))

const describeHolder = (node: Node.Node, isReady: boolean): string =>
  isReady
    ? `${node.hex} does not answer for the key and knows no better root: it would hold a message until a neighbour's ` +
      "place is taken; try again in some seconds"
    : `${node.hex} is not ready and knows no better root: try again when it has joined`

// -----------------------------------------------------------------------------
// all Nodes
// -----------------------------------------------------------------------------

/**
 * How a Node's view fits those of the others.
 *
 * **Details**
 *
 * - `agrees`: it is ready, and its neighbours and its leaf set are what all the answers together say.
 * - `differs`: it is ready and holds something else; `detail` says what.
 * - `joining`: it answers, but is not ready.
 * - `silent`: a process holds its address, but does not answer (it is stopped or stuck); or it cannot be
 *   reached, while others still hold it in their tables.
 * - `gone`: it is no part of the ring; known only because somebody remembers it, or has not noticed yet.
 *
 * @category models
 * @since 0.1.0
 */
export type Agreement = "agrees" | "differs" | "joining" | "silent" | "gone"

/**
 * A Node that was found.
 *
 * @category models
 * @since 0.1.0
 */
export interface Member {
  /** Who it is, and where it is reached. */
  readonly node: Node.Node
  /** How its view fits those of the others. */
  readonly view: Agreement
  /** A sentence for people, where it does not agree. */
  readonly detail: string | undefined
  /** Some Node that answered holds it to be a neighbour or a leaf. */
  readonly isHeld: boolean
}

/**
 * All Nodes that were found.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ring {
  /** In the order of their ids; `gone` ones too. */
  readonly nodes: ReadonlyArray<Member>
  /** How many are ready. */
  readonly ready: number
  /** They form one ring, every Node that is not `gone` agrees, and there is no further one that was not asked. */
  readonly agree: boolean
  /** There were no more Nodes than `maxNodes`. */
  readonly isComplete: boolean
  /** What became of those of `to` that did not answer. */
  readonly unanswered: ReadonlyArray<WendyUnansweredError>
}

/**
 * How to walk a ring.
 *
 * @category models
 * @since 0.1.0
 */
export interface RingOptions extends SeedOptions {
  /** Further Nodes are not looked at. Default 100,000; costs about 2 kB of memory a Node. */
  readonly maxNodes?: number | undefined
}

/** Nodes that are asked at the same time. */
const concurrency = 16

/**
 * Asks all Nodes that can be found, and compares their views.
 *
 * **When to use**
 *
 * To check that a cluster is one ring, in operation and in tests. To look at one Node, `view`.
 *
 * **Details**
 *
 * It begins with all of `to`, and goes on with every Node that an answer names: leaves, neighbours, and
 * Nodes that went without leaving. So a process that is stopped is found too, before the others notice and
 * after they gave it up, and so is a second ring that lost sight of the first. 16 Nodes are asked at the same time.
 *
 * It fails with `WendyInspectError` when none of `to` answers, and with `WendyOptionError` for an address or credentials that
 * cannot be.
 *
 * **Gotchas**
 *
 * Nodes are found through leaf sets, so that it takes about N / 32 round trips one after another.
 *
 * **Example** (Do all Nodes agree?)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cluster, Inspector, MemoryTransport } from "effect-wendy"
 *
 * const program = Effect.gen(function*() {
 *   const one = yield* Cluster.make()
 *   yield* one.ready
 *   const { nodes, ready } = yield* Inspector.ring({ to: [`127.0.0.1:${one.address.port}`] })
 *   return [ready, ...nodes.map(({ view }) => view)]
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryTransport.layer))) // => [1, "agrees"]
 * ```
 *
 * @category inspection
 * @since 0.1.0
 */
export const ring = Effect.fnUntraced(function*(
  options: RingOptions
): Effect.fn.Return<Ring, WendyOptionError | WendyInspectError, Transport> {
  const asker = yield* makeAsker(options)
  const walk = makeWalk(options.maxNodes ?? 100_000)
  const done = yield* Queue.unbounded<
    readonly [target: Found | undefined, exit: Exit.Exit<View, WendyUnansweredError>]
  >()
  const seeds = asker.seeds.slice()
  const unanswered: Array<WendyUnansweredError> = []
  let running = 0
  do {
    while (running < concurrency) {
      const seed = seeds.shift()
      const target = seed === undefined ? walk.next() : undefined
      const address = seed ?? (target === undefined ? undefined : asker.addressOf(target.node))
      if (address === undefined) break
      running++
      yield* asker.ask(address, viewQuery).pipe(
        Effect.map(({ answer }) => answer),
        Effect.onExit((exit) => Queue.offer(done, [target, exit])),
        Effect.forkChild
      )
    }
    for (const [target, exit] of yield* Queue.takeAll(done)) {
      running--
      if (Exit.isSuccess(exit)) {
        walk.onView(target, exit.value)
      } else {
        const error = Exit.findErrorOption(exit)
        if (Option.isNone(error)) return yield* Effect.failCause(exit.cause as Cause.Cause<never>)
        if (target === undefined) unanswered.push(error.value)
        else target.error = error.value
      }
    }
  } while (running > 0 || seeds.length > 0 || walk.hasNext())
  if (walk.found.size === 0) return yield* nobody(unanswered)
  return { ...judge(walk.found.values(), walk.isComplete()), unanswered }
})

/** A life of a Node that somebody named, or that answered. */
interface Found {
  readonly node: Node.Node
  /** Whether a Node that answered holds it to be a neighbour or a leaf. */
  isHeld: boolean
  view: View | undefined
  error: WendyUnansweredError | undefined
  /** Another life, or another Node, answers at its address. */
  isReplaced: boolean
}

/** Who has been found, and who is still to be asked. */
const makeWalk = (maxNodes: number) => {
  const found = new Map<string, Found>()
  const pending: Array<Found> = []
  let asked = 0
  let isComplete = true

  /** Answers repeat each Node some 30 times: one value for each is kept. */
  const hear = (node: Node.Node, isHeld: boolean): Found | undefined => {
    const known = found.get(node.life)
    if (known !== undefined) {
      known.isHeld ||= isHeld
      return known
    }
    if (found.size >= maxNodes) {
      isComplete = false
      return undefined
    }
    const entry: Found = { node, isHeld, view: undefined, error: undefined, isReplaced: false }
    found.set(node.life, entry)
    pending.push(entry)
    return entry
  }

  const hold = (node: Node.Node): Node.Node => hear(node, true)?.node ?? node

  const skip = (): void => {
    while (asked < pending.length && pending[asked]!.view !== undefined) asked++
  }

  return {
    found,
    isComplete: () => isComplete,
    hasNext: () => {
      skip()
      return asked < pending.length
    },
    /** The next Node to ask; one that has answered at a seed's address need not be asked again. */
    next: (): Found | undefined => {
      skip()
      return asked < pending.length ? pending[asked++] : undefined
    },
    onView: (target: Found | undefined, view: View): void => {
      const entry = hear(view.node, false)
      if (target !== undefined && target !== entry) target.isReplaced = true
      const kept: View = {
        node: view.node,
        ready: view.ready,
        side: view.side,
        predecessor: view.predecessor === undefined ? undefined : hold(view.predecessor),
        successor: view.successor === undefined ? undefined : hold(view.successor),
        left: view.left.map(hold),
        right: view.right.map(hold),
        lost: []
      }
      if (entry !== undefined) entry.view = kept
      for (const node of view.lost) hear(node, false)
    }
  }
}

/** Compares what all said. */
const judge = (all: Iterable<Found>, isComplete: boolean): Omit<Ring, "unanswered"> => {
  const found = [...all].toSorted((x, y) =>
    NodeId.compare(x.node.id, y.node.id) || x.node.incarnation - y.node.incarnation
  )
  const answering = new Set<string>()
  const ready: Array<Node.Node> = []
  for (const { node, view } of found) {
    if (view === undefined) continue
    answering.add(node.hex)
    if (!view.ready) continue
    // Of two lives of an id the later one counts.
    if (ready.at(-1)?.hex === node.hex) ready.pop()
    ready.push(node)
  }
  const places = new Map(ready.map((node, index) => [node.life, index]))

  const nodes: Array<Member> = []
  for (const entry of found) {
    const { error, isHeld, isReplaced, node, view } = entry
    const add = (view: Agreement, detail: string | undefined) => nodes.push({ node, view, detail, isHeld })
    if (view !== undefined) {
      if (!view.ready) {
        add("joining", "it answers, but is not ready")
        continue
      }
      const place = places.get(node.life)
      const difference = place === undefined
        ? "a later life of the same id is ready too"
        : describeDifference(ready, place, view)
      add(difference === undefined ? "agrees" : "differs", difference)
    } else if (isReplaced) {
      if (isHeld) add("gone", "another Node answers at its address, but some still hold it")
    } else if (error !== undefined) {
      const isSilent = error.reason._tag === "Silent" ||
        (isHeld && (error.reason._tag === "Unreachable" || error.reason._tag === "Broken"))
      if (isSilent) add("silent", error.message)
      else if (isHeld || !answering.has(node.hex)) add("gone", error.message)
    }
  }
  return {
    nodes,
    ready: ready.length,
    agree: isComplete && nodes.every(({ view }) => view === "agrees" || view === "gone"),
    isComplete
  }
}

/** What a ready Node holds that is not so, given the ready Nodes by their ids; undefined when all is right. */
const describeDifference = (ready: ReadonlyArray<Node.Node>, place: number, view: View): string | undefined => {
  const size = ready.length
  const reach = Math.min(view.side, size - 1)
  const right = Array.from({ length: reach }, (_, step) => ready[(place + step + 1) % size]!)
  const left = Array.from({ length: reach }, (_, step) => ready[(place - step - 1 + size) % size]!)
  const problems = [
    compareNeighbour("predecessor", view.predecessor, left[0]),
    compareNeighbour("successor", view.successor, right[0]),
    ...compareLeaves(view, left, right)
  ].filter((problem) => problem !== undefined)
  return problems.length === 0 ? undefined : problems.join("; ")
}

const isSame = (x: Node.Node | undefined, y: Node.Node | undefined): boolean =>
  x === undefined || y === undefined ? x === y : Node.isSameLife(x, y)

const compareNeighbour = (
  which: "predecessor" | "successor",
  held: Node.Node | undefined,
  expected: Node.Node | undefined
): string | undefined =>
  isSame(held, expected) ? undefined : `its ${which} is ${nameOf(held)}, expected ${nameOf(expected)}`

const compareLeaves = (
  view: View,
  left: ReadonlyArray<Node.Node>,
  right: ReadonlyArray<Node.Node>
): ReadonlyArray<string> => {
  const isEqual = (held: ReadonlyArray<Node.Node>, expected: ReadonlyArray<Node.Node>) =>
    held.length === expected.length && held.every((node, index) => isSame(node, expected[index]))
  if (isEqual(view.left, left) && isEqual(view.right, right)) return []
  // In a small ring the sides overlap: each Node is named once.
  const byLife = (nodes: ReadonlyArray<Node.Node>) => new Map(nodes.map((node) => [node.life, node]))
  const held = byLife([...view.left, ...view.right])
  const expected = byLife([...left, ...right])
  const lacking = [...expected.values()].filter(({ life }) => !held.has(life))
  const surplus = [...held.values()].filter(({ life }) => !expected.has(life))
  const problems: Array<string> = []
  if (lacking.length > 0) problems.push(`its leaf set lacks ${listNames(lacking)}`)
  if (surplus.length > 0) problems.push(`its leaf set holds ${listNames(surplus)}, which should not be there`)
  return problems.length > 0 ? problems : ["its leaf set has Nodes on the wrong side"]
}

/** The first digits tell Nodes apart for people. */
const nameOf = (node: Node.Node | undefined): string => node === undefined ? "nobody" : node.hex.slice(0, 8)

const listNames = (nodes: ReadonlyArray<Node.Node>): string => {
  const names = nodes.slice(0, 3).map(nameOf).join(", ")
  return nodes.length > 3 ? `${names} and ${nodes.length - 3} more` : names
}

// -----------------------------------------------------------------------------
// asking
// -----------------------------------------------------------------------------

/** An answer, who gave it, and how long it took in milliseconds. */
interface Asked<A> {
  readonly answer: A
  readonly peer: Node.Node
  readonly roundTrip: number
}

type AnswerTo<Q extends Query.Inspection> = Extract<
  Query.Answer,
  { readonly _tag: Q["_tag"] extends "RouteQuery" ? "RouteAnswer" : "ViewAnswer" }
>

/** One question a connection, so that every question has the same number. */
const viewQuery = { _tag: "ViewQuery", sequence: 1 } as const

const answerTags = { RouteQuery: "RouteAnswer", ViewQuery: "ViewAnswer" } as const

/** Two leaf sets and the lost Nodes, with every text as long as it may be, take half of it. */
const maxFrameSize = 1024 * 1024

const makeAsker = Effect.fnUntraced(function*(options: SeedOptions) {
  const seeds = yield* checkTargets(options.to)
  const region = options.region ?? ""
  const timeout = Duration.fromInputUnsafe(options.timeout ?? "2 seconds")
  const transport = yield* Transport
  const clock = yield* Clock.Clock
  const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000
  const identity = yield* makeClientIdentity(options)

  const converse = Effect.fnUntraced(function*<Q extends Query.Inspection>(connection: Connection, query: Q) {
    const link = yield* Link.open(connection, identity)
    const asked = yield* Deferred.make<Asked<AnswerTo<Q>>>()
    const askedAt = now()
    link.sendControl(Frame.query(query))
    const onFrame = (frame: Frame.Frame): void => {
      if (frame._tag !== "Answer" || frame.answer._tag !== answerTags[query._tag]) return
      if (frame.answer.sequence !== query.sequence) return
      const answer = frame.answer as AnswerTo<Q>
      Deferred.doneUnsafe(asked, Exit.succeed({ answer, peer: link.peer.node, roundTrip: now() - askedAt }))
    }
    return yield* Effect.raceFirst(
      Deferred.await(asked),
      link.run((frames) => Effect.sync(() => frames.forEach(onFrame)))
    )
  })

  const ask = <Q extends Query.Inspection>(
    address: Address.Address,
    query: Q
  ): Effect.Effect<Asked<AnswerTo<Q>>, WendyUnansweredError> =>
    transport.dial(address, { certificate: () => identity.security.certificate, maxFrameSize, timeout }).pipe(
      Effect.flatMap((connection) =>
        Effect.timeoutOrElse(converse(connection, query), {
          duration: timeout,
          orElse: () => Effect.fail({ _tag: "Late", timeout } as const)
        })
      ),
      Effect.scoped,
      Effect.mapError((error) => explain(Address.format(address), error)),
      // A process that is just dying breaks a connection; the next one tells.
      Effect.retry({ times: 1, while: ({ reason: { _tag: reason } }) => reason === "Broken" })
    )

  /** Asks the seeds in turn until one answers. */
  const askFirst = Effect.fnUntraced(function*<Q extends Query.Inspection>(query: Q) {
    const unanswered: Array<WendyUnansweredError> = []
    for (const seed of seeds) {
      const result = yield* Effect.result(ask(seed, query))
      if (result._tag === "Success") return result.success
      unanswered.push(result.failure)
    }
    return yield* nobody(unanswered)
  })

  return {
    seeds,
    ask,
    askFirst,
    addressOf: (node: Node.Node): Address.Address => ({ host: Node.hostFor(node, region), port: node.port })
  }
})

/** The other end did not answer in time. */
interface Late {
  readonly _tag: "Late"
  readonly timeout: Duration.Duration
}

/** What a dial shows of a Node; anything else proves nothing. */
const reasons: { readonly [Reason in WendyDialError["reason"]["_tag"]]?: WendyUnansweredError["reason"]["_tag"] } = {
  Refused: "Gone",
  Silent: "Silent",
  Broken: "Broken"
}

const explain = (
  address: string,
  error: WendyDialError | Refused | WendyConnectionError | Link.Malformed | Late
): WendyUnansweredError => {
  const make = (reason: WendyUnansweredError["reason"]["_tag"], message: string) =>
    new WendyUnansweredError({ reason: { _tag: reason, message }, address })
  switch (error._tag) {
    case "WendyDialError":
      if (Link.isRefusal(error)) return make("Refused", error.message)
      return make(reasons[error.reason._tag] ?? "Unreachable", error.message)
    case "Refused":
      return make(error.reason === "full" ? "Silent" : "Refused", `${address}: ${error.message}`)
    case "Late":
      return make(
        "Silent",
        `${address} takes connections, but did not answer within ${Duration.format(error.timeout)}: its process is ` +
          "stopped, stuck or busy; wake or restart it, or ask with a longer time-out"
      )
    case "WendyConnectionError":
    case "Malformed":
      return make(
        "Broken",
        `${address} ended the connection before it answered (${error.message}): check that a Node of this version ` +
          "runs there"
      )
  }
}

const nobody = (unanswered: ReadonlyArray<WendyUnansweredError>): Effect.Effect<never, WendyInspectError> =>
  Effect.fail(
    new WendyInspectError({
      reason: {
        _tag: unanswered.some(({ reason }) => reason._tag === "Refused")
          ? "Refused"
          : "Unreachable",
        message: unanswered.map(({ message }) => message).join("; ")
      }
    })
  )
