/**
 * wendy: this overlay, through its public face.
 *
 * Two Nodes over TCP, or over TLS with certificates of both ends. The receiver counts in an application's `onDeliver`, or
 * in its `onDeliverAll`.
 * Forms of sending one way (class `acknowledged`): `sendAll`, 1,024 messages a call, and `send`, one Effect a message.
 * Requests are confirmed sends. Through a forwarding Node: `client` (confirmed sends of a `Client`), and `link`: a link
 * of a client that sends acknowledged frames, for the public client has no such thing, and it is the forwarder that is
 * measured.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Client from "../../../src/Client.ts"
import * as Cluster from "../../../src/Cluster.ts"
import * as Credentials from "../../../src/protocol/Credentials.ts"
import * as Envelope from "../../../src/protocol/Envelope.ts"
import * as NodeId from "../../../src/ring/NodeId.ts"
import { makeClientIdentity } from "../../../src/transport/Identity.ts"
import * as Link from "../../../src/transport/Link.ts"
import * as Tcp from "../../../src/transport/Tcp.ts"
import * as Tls from "../../../src/transport/Tls.ts"
import { Transport } from "../../../src/transport/Transport.ts"
import type { Certificate, Client as SendingEnd, Requesting, Sending, Settings, System } from "../System.ts"
import { Tally } from "../Tally.ts"
import { makeValue, numberOf } from "../Values.ts"

interface Address {
  readonly port: number
  /** The Node at which messages shall arrive, and all others. */
  readonly root: string
  readonly others: ReadonlyArray<string>
}

const purpose = 16

/** Messages of one call of `sendAll`. */
const chunk = 1024

/** Frames that are under way on a link of the form `link`. */
const window = 1024

/** When to send again what the other end had no room for, in milliseconds. */
const busyRetry = 20

const layerOf = (certificate: Certificate | undefined) =>
  Layer.merge(certificate === undefined ? Tcp.layer : Tls.layer, Logger.layer([]))

const credentialsOf = (certificate: Certificate | undefined) =>
  certificate === undefined ? Credentials.none : Credentials.certificate({
    key: Redacted.make(certificate.key),
    chain: certificate.chain,
    authorities: [certificate.authority]
  })

/** Runs with the network, for as long as the process lives. */
const run = <A, E>(
  certificate: Certificate | undefined,
  effect: Effect.Effect<A, E, Transport | Scope.Scope>
): Promise<A> => Effect.runPromise(effect.pipe(Scope.provide(Scope.makeUnsafe()), Effect.provide(layerOf(certificate))))

const startNode = Effect.fnUntraced(
  function*({ certificate, to }: Settings, application?: Cluster.Options["application"]) {
    const cluster = yield* Cluster.make({
      credentials: credentialsOf(certificate),
      join: to === undefined ? [] : [`127.0.0.1:${(to as Address).port}`],
      joinTimeout: "20 seconds",
      application
    })
    yield* cluster.ready
    return cluster
  }
)

/** Keys whose root is one Node. */
const makeKeys = ({ others, root }: Address): (number: number) => NodeId.NodeId => {
  const target = NodeId.parse(root)
  const rest = others.map(NodeId.parse)
  const word = () => crypto.getRandomValues(new Uint32Array(1))[0]!
  const keys: Array<NodeId.NodeId> = []
  while (keys.length < 1024) {
    const key = NodeId.random(word)
    if (rest.every((other) => NodeId.isCloser(key, target, other))) keys.push(key)
  }
  return (number) => keys[number & 1023]!
}

/** Confirmed sends, so many at once: fibers that take one number after the other. */
const confirmed = (
  sendConfirmed: Client.Client["Service"]["sendConfirmed"],
  keyOf: (number: number) => NodeId.NodeId
): Required<Pick<SendingEnd, "requests" | "launch">> => ({
  requests: ({ count, from, inFlight, size }: Requesting, times) => {
    let next = 0
    const worker = Effect.gen(function*() {
      while (next < count) {
        const index = next++
        const began = performance.now()
        const number = from + index
        yield* sendConfirmed({ key: keyOf(number), purpose, value: makeValue(number, size) })
        times[index] = performance.now() - began
      }
    })
    const workers = Array.from({ length: Math.min(inFlight, count) }, () => worker)
    return Effect.runPromise(Effect.all(workers, { concurrency: "unbounded", discard: true }))
  },
  launch: (number, size, done) => {
    Effect.runFork(sendConfirmed({ key: keyOf(number), purpose, value: makeValue(number, size) })).addObserver(
      (exit) => {
        if (Exit.isSuccess(exit)) done()
      }
    )
  }
})

const connectNode = Effect.fnUntraced(function*(settings: Settings) {
  const cluster = yield* startNode(settings)
  const { root } = settings.to as Address
  const keyOf = makeKeys({ port: 0, root, others: [cluster.id.hex] })
  const messageOf = (number: number, size: number) => ({ key: keyOf(number), purpose, value: makeValue(number, size) })
  const drained = Effect.gen(function*() {
    while ((yield* cluster.statistics).custody > 0) yield* Effect.sleep(1)
  })
  const oneWay = ({ count, from, size }: Sending) =>
    Effect.runPromise(Effect.gen(function*() {
      if (settings.form === "send") {
        for (let index = 0; index < count; index++) yield* cluster.send(messageOf(from + index, size))
      } else {
        // Of large values fewer, so that what is made ahead stays small.
        const length = Math.max(1, Math.min(chunk, Math.floor(4 * 1024 * 1024 / size)))
        for (let index = 0; index < count; index += length) {
          const part = Math.min(length, count - index)
          yield* cluster.sendAll(Array.from({ length: part }, (_, offset) => messageOf(from + index + offset, size)))
        }
      }
      yield* drained
    }))
  return { oneWay, ...confirmed(cluster.sendConfirmed, keyOf) }
})

const connectClient = Effect.fnUntraced(function*({ certificate, to }: Settings) {
  const address = to as Address
  const client = yield* Client.make({
    to: [`127.0.0.1:${address.port}`],
    credentials: credentialsOf(certificate)
  })
  yield* client.connected
  return confirmed(client.sendConfirmed, makeKeys(address))
})

const connectLink = Effect.fnUntraced(function*({ to }: Settings) {
  const address = to as Address
  const keyOf = makeKeys(address)
  const transport = yield* Transport
  const identity = yield* makeClientIdentity({})
  const connection = yield* transport.dial({ host: "127.0.0.1", port: address.port }, {
    maxFrameSize: 2 * 1024 * 1024,
    timeout: 3000
  })
  const link = yield* Link.open(connection, identity)
  let sequence = 0
  let acknowledged = 0
  /** Those under way, by the last digits of their numbers: they are answered in order. */
  const recent: Array<Uint8Array> = Array.from({ length: window })
  const put = (frame: Uint8Array): void => {
    recent[sequence % window] = frame
    Envelope.setSequence(frame, sequence++)
    link.sendData(frame)
  }
  /** What the forwarder had no room for: it is faster at taking messages than at getting rid of them. */
  let refused: Array<Uint8Array> = []
  const refuse = (frame: Uint8Array): void => {
    refused.push(frame)
    if (refused.length > 1) return
    setTimeout(() => {
      const again = refused
      refused = []
      again.forEach(put)
    }, busyRetry)
  }
  let onAcknowledged = () => {}
  yield* Effect.forkScoped(link.run((frames) =>
    Effect.sync(() => {
      for (const frame of frames) {
        if (frame._tag === "Acknowledged") acknowledged += frame.upTo - frame.from + 1
        else if (frame._tag === "Busy") refuse(recent[frame.sequence % window]!)
      }
      onAcknowledged()
    })
  ))
  const oneWay = ({ count, from, size }: Sending): Promise<void> =>
    new Promise((resolve) => {
      let sent = 0
      const base = acknowledged
      const pump = () => {
        if (acknowledged - base === count) return resolve()
        while (sent < count && sent - (acknowledged - base) < window) {
          const number = from + sent++
          const message = { key: keyOf(number), purpose, value: makeValue(number, size) }
          put(Envelope.fromSender(identity.node, message, "acknowledged", number, number))
        }
      }
      onAcknowledged = pump
      pump()
    })
  return { oneWay }
})

export const system: System = {
  serve: async (settings) => {
    const tally = new Tally()
    // The least that an application can do: no fiber of its own is needed for that.
    const onDeliver = ({ value }: { readonly value: Uint8Array }) => {
      tally.add(numberOf(value))
      return Effect.void
    }
    const onDeliverAll = (messages: ReadonlyArray<{ readonly value: Uint8Array }>) => {
      for (const { value } of messages) tally.add(numberOf(value))
      return Effect.void
    }
    const application = settings.form === "onDeliverAll" ? { onDeliverAll } : { onDeliver }
    const node = await run(settings.certificate, startNode(settings, application))
    const address: Address = { port: node.address.port, root: node.id.hex, others: [] }
    return { address, tally }
  },
  forward: async (settings) => {
    const node = await run(settings.certificate, startNode(settings))
    const address: Address = { port: node.address.port, root: (settings.to as Address).root, others: [node.id.hex] }
    return { address }
  },
  connect: (settings) => {
    switch (settings.form) {
      case "client":
        return run(settings.certificate, connectClient(settings))
      case "link":
        return run(settings.certificate, connectLink(settings))
      default:
        return run(settings.certificate, connectNode(settings))
    }
  }
}
