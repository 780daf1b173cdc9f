/**
 * `npm run siege`: how much of confirmed sends is left while others besiege a cluster.
 *
 * Four Nodes with a passphrase, over TLS, in this process. Another process opens 5,000 connections to one of them
 * that say nothing, and opens each anew when it is closed; then it is a client with the passphrase that sends messages
 * as fast as it can. Meanwhile confirmed sends between the Nodes are timed, beside a round in peace before and after.
 * Exits with 1 if any of them has no receipt, or if a new Node cannot join meanwhile.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import * as Net from "node:net"
import * as Client from "../src/Client.ts"
import * as Cluster from "../src/Cluster.ts"
import * as Credentials from "../src/protocol/Credentials.ts"
import * as NodeId from "../src/ring/NodeId.ts"
import * as Tls from "../src/transport/Tls.ts"
import { read, whole } from "./options.ts"

const usage = `npm run siege: confirmed sends while strangers hold connections open, and a client floods
  --connections N   that say nothing; 5000
  --messages N      confirmed sends in each round; 4000`

const { values } = read(usage, {
  connections: { type: "string", default: "5000" },
  messages: { type: "string", default: "4000" },
  besiege: { type: "string" }
})
const connections = whole(values.connections, "connections")
const messages = whole(values.messages, "messages")

const credentials = Credentials.passphrase(Redacted.make("correct horse battery staple"))

/** Messages that are under way at once. */
const concurrency = 16

// -----------------------------------------------------------------------------
// those outside
// -----------------------------------------------------------------------------

/** Opens connections that say nothing, each anew when it is closed. */
const holdOpen = (port: number): void => {
  let opened = 0
  const open = () => {
    const socket = Net.connect({ host: "127.0.0.1", port }, () => {
      if (++opened === connections) process.send!("begun")
    })
    socket.on("error", () => {})
    socket.on("close", () => setTimeout(open, 100))
    socket.resume()
  }
  for (let count = 0; count < connections; count++) open()
}

const flood = (port: number): void => {
  const value = new Uint8Array(256)
  const chunk = Array.from(
    { length: 64 },
    (_, index) => ({ key: NodeId.fromString(`flood ${index}`), purpose: 17, value })
  )
  const program = Effect.gen(function*() {
    const client = yield* Client.make({ to: [`127.0.0.1:${port}`], credentials })
    yield* client.connected
    process.send!("begun")
    const send = Effect.forEach(chunk, (message) => Effect.ignore(client.sendConfirmed(message)), { concurrency: 64 })
    return yield* Effect.forever(send)
  })
  Effect.runFork(program.pipe(Effect.scoped, Effect.provide(Layer.merge(Tls.layer, Logger.layer([])))))
}

// -----------------------------------------------------------------------------
// those inside
// -----------------------------------------------------------------------------

const besiege = (how: string, port: number) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const child = fork(new URL(import.meta.url), ["--besiege", `${how} ${port}`, "--connections", `${connections}`])
      await once(child, "message")
      return child
    }),
    (child: ChildProcess) => Effect.sync(() => child.kill("SIGKILL"))
  )

const now = () => performance.now()

/** Sends from every Node in turn, and says how long it took to have the receipts. */
const time = Effect.fnUntraced(
  function*(title: string, nodes: ReadonlyArray<Cluster.Cluster["Service"]>, before?: number) {
    const times: Array<number> = []
    let failed = 0
    yield* Effect.forEach(
      Array.from({ length: messages }, (_, index) => index),
      (index) =>
        Effect.suspend(() => {
          const began = now()
          const message = { key: NodeId.fromString(`${title} ${index}`), purpose: 16, value: new Uint8Array(64) }
          return nodes[index % nodes.length]!.sendConfirmed(message).pipe(
            Effect.match({ onFailure: () => void failed++, onSuccess: () => void times.push(now() - began) })
          )
        }),
      { concurrency, discard: true }
    )
    times.sort((x, y) => x - y)
    const at = (part: number) => times[Math.min(times.length - 1, Math.floor(part * times.length))] ?? Number.NaN
    const p99 = at(0.99)
    const ratio = before === undefined ? "" : (p99 / before).toFixed(1)
    console.log(`| ${title} | ${failed} | ${at(0.5).toFixed(1)} | ${p99.toFixed(1)} | ${at(1).toFixed(1)} | ${ratio} |`)
    return { p99, failed }
  }
)

const program: Effect.Effect<boolean, unknown, Scope.Scope> = Effect.gen(function*() {
  const nodes: Array<Cluster.Cluster["Service"]> = []
  const application = { onDeliver: () => Effect.void }
  const join = Effect.fnUntraced(function*() {
    const seeds = nodes.slice(0, 1).map(({ address }) => `127.0.0.1:${address.port}`)
    const node = yield* Cluster.make({ credentials, application, join: seeds, joinTimeout: "20 seconds" })
    yield* node.ready
    return node
  })
  for (let count = 0; count < 4; count++) nodes.push(yield* join())
  const { port } = nodes[0]!.address
  console.log(`${connections} connections; Node.js ${process.versions.node}`)
  console.log(
    "| | without receipt | p50, ms | p99, ms | longest, ms | p99, times that in peace |\n|---|---|---|---|---|---|"
  )
  yield* time("warming up", nodes)
  const peace = yield* time("in peace", nodes)
  const rounds = [peace]
  for (const [title, how] of [["connections that say nothing", "hold"], ["a client that floods", "flood"]] as const) {
    yield* Effect.scoped(Effect.gen(function*() {
      yield* besiege(how, port)
      rounds.push(yield* time(title, nodes, peace.p99))
      if (how === "hold") yield* Effect.scoped(join())
    }))
  }
  rounds.push(yield* time("in peace again", nodes, peace.p99))
  const { refused } = yield* nodes[0]!.statistics
  console.log(`${refused} connections were dismissed; a Node joined meanwhile`)
  return rounds.every(({ failed }) => failed === 0)
}).pipe(Effect.provide(Layer.merge(Tls.layer, Logger.layer([]))))

if (values.besiege === undefined) {
  const isGood = await Effect.runPromise(Effect.scoped(program))
  console.log(isGood ? "good" : "NOT GOOD")
  process.exit(isGood ? 0 : 1)
}
const [how, port] = values.besiege.split(" ")
if (how === "hold") holdOpen(Number(port))
else flood(Number(port))
