/**
 * What the tests of clusters share beyond the harness: bursts of messages and what became
 * of them, raw sockets that speak the protocol by hand, free ports, open handles.
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as Net from "node:net"
import * as Os from "node:os"
import * as Cluster from "../../src/Cluster.ts"
import type { ClusterEvent } from "../../src/protocol/ClusterEvent.ts"
import { isError } from "../../src/protocol/ClusterEvent.ts"
import * as Frame from "../../src/protocol/Frame.ts"
import * as Handshake from "../../src/protocol/Handshake.ts"
import type { OutgoingMessage, Receipt } from "../../src/protocol/Message.ts"
import * as Node from "../../src/ring/Node.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import { encodeFrames, FrameDecoder } from "../../src/transport/Framing.ts"
import * as Memory from "../../src/transport/Memory.ts"
import { Transport } from "../../src/transport/Transport.ts"
import { type makeHarness, type Member, outgoing, text } from "../ClusterHarness.ts"

export type Harness = Effect.Success<ReturnType<typeof makeHarness>>

export const keys = Array.from({ length: 100 }, (_, index) => NodeId.fromString(`key ${index}`))

export const hasIpv6 = Object.values(Os.networkInterfaces()).flat().some((face) => face?.address === "::1")

/** An id that starts with these digits; the rest are zeros. */
export const idOf = (digits: string): NodeId.NodeId => NodeId.parse(digits.padEnd(32, "0"))

/** `size` ids that divide the ring evenly. */
export const evenIds = (size: number): ReadonlyArray<NodeId.NodeId> =>
  Array.from({ length: size }, (_, index) => idOf(Math.floor(index * 65536 / size).toString(16).padStart(4, "0")))

export const hostOf = (member: Member): string => member.cluster.address.host

/** Starts a Node on a machine of its own, with the first living Node for a seed. */
export const startOn = Effect.fnUntraced(function*(harness: Harness, machine: number, options: Cluster.Options = {}) {
  const network = yield* Memory.Network
  const host = `10.0.0.${machine}`
  const seed = harness.living()[0]?.cluster.address
  return yield* harness.start({
    localHost: host,
    join: seed === undefined ? [] : [`${seed.host}:${seed.port}`],
    ...options
  }).pipe(Effect.provideService(Transport, network.transport(host)))
})

/** Sends `count` confirmed messages, each to a key of its own. */
export const burst = <E>(
  sender: { readonly sendConfirmed: (message: OutgoingMessage) => Effect.Effect<Receipt, E> },
  name: string,
  count: number,
  concurrency = 64
) =>
  Effect.forEach(
    Array.from({ length: count }, (_, index) => `${name} ${index}`),
    (word) => sender.sendConfirmed(outgoing(word, word)),
    { concurrency }
  )

/** How often each text was delivered at some Nodes. */
export const countDelivered = (members: ReadonlyArray<Member>, name: string): Map<string, number> => {
  const counts = new Map<string, number>()
  for (const message of members.flatMap((member) => member.delivered)) {
    const word = text(message)
    if (word.startsWith(`${name} `)) counts.set(word, (counts.get(word) ?? 0) + 1)
  }
  return counts
}

/**
 * Each message of a burst was delivered once among the living, at the root that its receipt names.
 * One that a Node had delivered before it died counts there; its successor may have delivered it again.
 */
export const checkBurst = (harness: Harness, name: string, receipts: ReadonlyArray<Receipt>): void => {
  const living = countDelivered(harness.living(), name)
  for (const [word, count] of living) assert.strictEqual(count, 1, `"${word}" was delivered ${count} times`)
  const nodes = Map.groupBy(harness.members, ({ cluster }) => cluster.id.hex)
  const deliveredAt = new Map([...nodes].map(([hex, lives]) => [hex, countDelivered(lives, name)]))
  receipts.forEach((receipt, index) => {
    const times = deliveredAt.get(receipt.root.hex)?.get(`${name} ${index}`) ?? 0
    assert.strictEqual(times, 1, `"${name} ${index}" at the root that its receipt names`)
  })
}

/** Confirms 50 messages from each of some senders: the cluster works. */
export const checkWorks = Effect.fnUntraced(function*(harness: Harness, name: string) {
  for (const [index, { cluster }] of harness.living().entries()) {
    const each = `${name} from ${index}:`
    checkBurst(harness, each, yield* harness.during(burst(cluster, each, 50), "10 seconds"))
  }
})

/** Sends one confirmed message after another from every Node, 16 at a time each, until it is told to stop. */
export const startLoad = Effect.fnUntraced(function*(harness: Harness) {
  let isOver = false
  const loads = yield* Effect.forEach(harness.members, ({ cluster }, index) => {
    const name = `load ${index}:`
    const receipts: Array<Receipt> = []
    let next = 0
    const send: Effect.Effect<void, unknown> = Effect.suspend(() => {
      if (isOver) return Effect.void
      const number = next++
      return cluster.sendConfirmed(outgoing(`${name} ${number}`, `${name} ${number}`)).pipe(
        Effect.tap((receipt) => Effect.sync(() => receipts[number] = receipt)),
        Effect.andThen(send)
      )
    })
    return Effect.map(
      Effect.forkScoped(Effect.all(Array.from({ length: 16 }, () => send), { concurrency: "unbounded" })),
      (fiber) => ({ name, receipts, fiber })
    )
  })
  const count = () => loads.reduce((sum, { receipts }) => sum + receipts.length, 0)
  return {
    count,
    /** Whatever was done before is followed by so many receipts more. */
    goOn: (further: number) => {
      const wanted = count() + further
      return harness.waitUntil("further receipts", Effect.sync(() => count() >= wanted), "20 seconds", "5 millis")
    },
    finish: Effect.gen(function*() {
      isOver = true
      for (const { fiber, name, receipts } of loads) {
        yield* harness.during(Fiber.join(fiber), "20 seconds")
        checkBurst(harness, name, receipts)
      }
    })
  }
})

/** Collects the events of a Node, from the first. */
export const collectEvents = Effect.fnUntraced(function*(cluster: Cluster.Cluster["Service"]) {
  const events: Array<ClusterEvent> = []
  yield* Effect.forkScoped(
    Stream.runForEach(cluster.events, (event) => Effect.sync(() => events.push(event))),
    { startImmediately: true }
  )
  return events
})

export const errorsOf = (events: ReadonlyArray<ClusterEvent>, error: string): ReadonlyArray<string> =>
  events.flatMap((event) => isError(event) && event._tag === error ? [event.message] : [])

/** A port that was free a moment ago. */
export const freePort = Effect.callback<number>((resume) => {
  const server = Net.createServer()
  server.listen(0, "127.0.0.1", () => {
    const { port } = server.address() as Net.AddressInfo
    server.close(() => resume(Effect.succeed(port)))
  })
})

/** TCP handles of this process. */
export const tcpHandles = (): number => process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP")).length

/** The outcome of an effect that ends in some real or test time; the harness lets the time pass. */
export const outcome = <A, E>(harness: Harness, effect: Effect.Effect<A, E>) =>
  harness.during(Effect.exit(effect), "10 seconds")

/** The error of an effect that must fail. */
export const failure = <A, E>(harness: Harness, effect: Effect.Effect<A, E>) =>
  Effect.flatMap(outcome(harness, effect), (exit) => {
    if (Exit.isSuccess(exit)) return assert.fail("it should have failed") as Effect.Effect<E>
    return Effect.flip(Effect.failCause(exit.cause)) as Effect.Effect<E>
  })

// -----------------------------------------------------------------------------
// raw sockets
// -----------------------------------------------------------------------------

export interface RawMessage {
  readonly socket: Net.Socket
  /** Whole frames that have arrived. */
  readonly frames: Array<Uint8Array>
  isEnded: boolean
}

const listenTo = (socket: Net.Socket): RawMessage => {
  const raw: RawMessage = { socket, frames: [], isEnded: false }
  const decoder = new FrameDecoder(16 * 1024 * 1024)
  socket.on("error", () => {})
  socket.on("data", (chunk: Buffer) => decoder.push(chunk, raw.frames))
  for (const event of ["end", "close"]) {
    socket.on(event, () => {
      raw.isEnded = true
    })
  }
  return raw
}

/** A bare socket, connected; destroyed with the scope. */
export const connectRaw = (port: number) =>
  Effect.acquireRelease(
    Effect.callback<RawMessage>((resume) => {
      const socket = Net.connect({ host: "127.0.0.1", port })
      const raw = listenTo(socket)
      socket.once("connect", () => resume(Effect.succeed(raw)))
      socket.once("close", () => resume(Effect.succeed(raw)))
    }),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )

/** A bare server that talks to nobody by itself; gone with the scope. */
export const listenRaw = (onRaw: (raw: RawMessage) => void) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly port: number; readonly close: () => void }>((resume) => {
      const sockets = new Set<Net.Socket>()
      const server = Net.createServer((socket) => {
        sockets.add(socket)
        onRaw(listenTo(socket))
      })
      server.listen(0, "127.0.0.1", () =>
        resume(Effect.succeed({
          port: (server.address() as Net.AddressInfo).port,
          close: () => {
            sockets.forEach((socket) => socket.destroy())
            server.close()
          }
        })))
    }),
    ({ close }) => Effect.sync(close)
  )

export const writeFrames = (raw: RawMessage, ...frames: ReadonlyArray<Uint8Array>): void => {
  raw.socket.write(encodeFrames(frames))
}

export const makePeer = (options: Partial<ConstructorParameters<typeof Node.Node>[0]> = {}): Node.Node =>
  new Node.Node({
    id: NodeId.fromString("a raw peer"),
    localHost: "127.0.0.1",
    globalHost: "127.0.0.1",
    port: 1,
    region: "",
    incarnation: 1,
    ...options
  })

/** A client that has drawn the seed of this name, and what it says of itself. */
export const makeClient = (name: string, incarnation = 1) => {
  const seed = NodeId.fromString(name)
  const node = makePeer({ id: Handshake.clientId(seed), incarnation, localHost: "client", globalHost: "client" })
  return { node, seed, hello: { role: "client", seed } as const }
}

export const helloOf = (node: Node.Node, options: Partial<Handshake.Hello> = {}): Handshake.Hello => ({
  _tag: "Hello",
  lowestVersion: 1,
  highestVersion: 1,
  cluster: "wendy",
  role: "member",
  node,
  seed: NodeId.zero,
  credentials: "none",
  lease: 10_000,
  nonce: NodeId.fromString("a nonce"),
  ...options
})

/** Waits (in real time, bounded) until some frames have arrived, and takes them; the end comes sooner for fewer. */
export const takeFrames = Effect.fnUntraced(function*(raw: RawMessage, count: number) {
  for (let waited = 0; waited < 1000 && raw.frames.length < count && !raw.isEnded; waited++) yield* Effect.sleep(5)
  return raw.frames.splice(0, count)
})

/** A raw socket that has shaken hands, without credentials. */
export const shakeHands = Effect.fnUntraced(function*(
  port: number,
  node: Node.Node,
  options: Partial<Handshake.Hello> = {}
) {
  const raw = yield* connectRaw(port)
  writeFrames(raw, Handshake.encode(helloOf(node, options)))
  const [hello] = yield* takeFrames(raw, 1)
  assert.strictEqual(Handshake.decode(hello!)?._tag, "Hello")
  writeFrames(raw, Handshake.encode({ _tag: "Proof", bytes: new Uint8Array(0) }))
  const [proof] = yield* takeFrames(raw, 1)
  assert.strictEqual(Handshake.decode(proof!)?._tag, "Proof")
  return raw
})

export const decodeAll = (raw: RawMessage): ReadonlyArray<Frame.Frame> => raw.frames.map(Frame.decode)

/** Two Nodes of one ring. */
export const two = Effect.gen(function*() {
  const one = yield* Cluster.make()
  yield* one.ready
  const other = yield* Cluster.make({ join: [`127.0.0.1:${one.address.port}`] })
  yield* other.ready
  return [one, other] as const
})

/** Why an effect fails. */
export const reasonOf = <A, E extends { readonly reason?: { readonly _tag: string } }>(effect: Effect.Effect<A, E>) =>
  Effect.map(Effect.flip(effect as Effect.Effect<never, E>), (error) => error.reason?._tag)
