import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as ChildProcess from "node:child_process"
import * as Net from "node:net"
import * as Os from "node:os"
import * as Path from "node:path"
import { isProofOfDeath } from "../../src/actors/Links.ts"
import type { ClusterConfig } from "../../src/protocol/ClusterConfig.ts"
import * as Credentials from "../../src/protocol/Credentials.ts"
import * as Frame from "../../src/protocol/Frame.ts"
import * as Handshake from "../../src/protocol/Handshake.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as Tcp from "../../src/transport/Tcp.ts"
import { Transport, WendyDialError } from "../../src/transport/Transport.ts"
import {
  burst,
  checkWorks,
  collectEvents,
  errorsOf,
  evenIds,
  freePort,
  helloOf,
  idOf,
  keys,
  listenRaw,
  makeClient,
  makePeer,
  shakeHands,
  takeFrames,
  tcpHandles,
  writeFrames
} from "../cluster/Rig.ts"
import { makeHarness, nodeOf, realTime } from "../ClusterHarness.ts"
import { comingAndGoing, counting, knows, makeTraffic, onMachines, overTcp, untilCovered } from "./Rig.ts"

const MiB = 1024 * 1024

const memory = (): number => {
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return arrayBuffers + heapUsed
}

/** Whether somebody listens at an address. */
const answers = (host: string, port: number) =>
  Effect.callback<boolean>((resume) => {
    const socket = Net.connect({ host, port, timeout: 1000 })
    const end = (isThere: boolean) => () => {
      socket.destroy()
      resume(Effect.succeed(isThere))
    }
    socket.once("connect", end(true)).once("error", end(false)).once("timeout", end(false))
  })

describe("Sockets", () => {
  onMachines(
    "Go Wendy defect 24: Nodes at IPv6 addresses count as living, and their end is noticed",
    (harness, network) =>
      Effect.gen(function*() {
        for (const [index, id] of evenIds(4).entries()) {
          const host = `fd00::${index + 1}`
          const seed = harness.living()[0]?.cluster.address
          const member = yield* harness.start({
            id,
            localHost: host,
            join: seed === undefined ? [] : [`[${seed.host}]:${seed.port}`]
          }).pipe(Effect.provideService(Transport, network.transport(host)))
          yield* harness.during(member.cluster.ready)
        }
        yield* harness.waitUntil("exact leaf sets", harness.isExact)
        yield* checkWorks(harness, "IPv6")
        const [first, victim] = harness.members
        assert.isTrue(yield* knows(first!, victim!.cluster.id.hex))
        yield* harness.kill(victim!)
        yield* harness.waitUntil("its end is noticed", harness.isExact, "5 seconds")
        yield* untilCovered(harness)
      })
  )

  overTcp(
    "Go Wendy defect 33: a message of 64 MiB is refused before it is read, and can be sent by nobody",
    (harness) =>
      Effect.gen(function*() {
        const first = yield* harness.join()
        yield* harness.during(first.cluster.ready)
        const { port } = first.cluster.address
        const events = yield* collectEvents(first.cluster)
        for (const role of ["member", "client"] as const) {
          const client = makeClient("a client")
          const raw = yield* (role === "member"
            ? shakeHands(port, makePeer())
            : shakeHands(port, client.node, client.hello))
          const before = memory()
          const chunk = new Uint8Array(64 * 1024)
          raw.socket.write(Uint8Array.of(4, 0, 0, 0, 2))
          let written = 0
          for (; written < 64 * MiB && !raw.isEnded; written += chunk.length) {
            raw.socket.write(chunk)
            yield* harness.waitUntil(
              "the Node takes it, or ends the connection",
              Effect.sync(() => raw.socket.writableLength === 0 || raw.isEnded),
              "5 seconds",
              "1 millis"
            )
          }
          assert.isTrue(raw.isEnded)
          assert.isBelow(written, 16 * MiB, "ended long before the end of the message")
          assert.isBelow(memory() - before, 32 * MiB)
        }
        yield* harness.waitUntil(
          "it says so",
          Effect.sync(() => errorsOf(events, "Malformed").length === 2),
          "5 seconds"
        )
        assert.match(errorsOf(events, "Malformed")[0]!, /announced a frame of 67108864 bytes/)
        const error = yield* Effect.flip(
          first.cluster.send({ key: keys[0]!, purpose: 16, value: new Uint8Array(64 * MiB) })
        )
        assert.strictEqual(error.reason._tag, "ValueTooLarge")
      })
  )

  overTcp(
    "Go Wendy defect 33: half-sent messages hold neither memory nor, beyond the idle time, a connection",
    (harness) =>
      Effect.gen(function*() {
        const first = yield* harness.join({ config: { idleTimeout: 1000 } })
        yield* harness.during(first.cluster.ready)
        const { port } = first.cluster.address
        const handles = tcpHandles()
        const raws = yield* Effect.forEach(
          Array.from({ length: 100 }, (_, index) => makePeer({ id: NodeId.fromString(`peer ${index}`) })),
          (peer) => shakeHands(port, peer),
          { concurrency: 10 }
        )
        const before = memory()
        // Each announces a mebibyte, the most that is allowed, and sends a byte of it.
        for (const raw of raws) raw.socket.write(Uint8Array.of(0, 0x10, 0, 0, 2))
        yield* harness.waitUntil(
          "the bytes are there",
          Effect.sync(() => raws.every(({ socket }) => socket.writableLength === 0)),
          "5 seconds"
        )
        yield* checkWorks(harness, "meanwhile")
        assert.isBelow(memory() - before, 50 * MiB)
        yield* harness.waitUntil(
          "all are closed",
          Effect.map(first.cluster.statistics, ({ connections }) => connections === 0),
          "4 seconds"
        )
        for (const { socket } of raws) socket.destroy()
        yield* harness.waitUntil("no handle is left", Effect.sync(() => tcpHandles() <= handles), "3 seconds")
      })
  )

  it.live("Go Wendy defect 33: 5,000 messages go over the connections that are there", () =>
    Effect.gen(function*() {
      const traffic = makeTraffic()
      const transport = counting(yield* Transport, traffic)
      yield* Effect.provideService(
        Effect.gen(function*() {
          const harness = yield* makeHarness(realTime)
          for (const id of evenIds(3)) yield* harness.during((yield* harness.join({ id })).cluster.ready)
          yield* harness.waitUntil("exact leaf sets", harness.isExact, "10 seconds", "5 millis")
          const { dials } = traffic
          yield* harness.during(burst(harness.members[0]!.cluster, "burst", 5000), "20 seconds")
          assert.isAbove(traffic.routed, 1000)
          assert.isAtMost(traffic.dials - dials, 1)
          for (const { cluster } of harness.members) {
            // A pair that dialled each other at once may have two for a while.
            assert.isAtMost((yield* cluster.statistics).connections, 4)
          }
        }),
        Transport,
        transport
      )
    }).pipe(Effect.provide(Tcp.layer)))

  it("Go Wendy defect 34: of all that a dial may meet, a refused one alone is proof of death", () => {
    const reasons = [
      "Refused",
      "Timeout",
      "Unreachable",
      "Resources",
      "Broken",
      "Silent",
      "Insecure",
      "BadAddress"
    ] as const
    const proofs = reasons.filter((reason) =>
      isProofOfDeath(new WendyDialError({ reason: { _tag: reason, message: "" }, address: "127.0.0.1:1" }), "none")
    )
    assert.deepStrictEqual(proofs, ["Refused"])
    // In clear and without credentials whoever answers is believed; where there are any, nobody who has proved nothing.
    const refusals = (kind: Handshake.CredentialsKind) =>
      Handshake.RefusalReason.literals.filter((reason) =>
        isProofOfDeath(new Handshake.Refused({ reason, by: "peer", message: "" }), kind)
      )
    assert.includeMembers([...refusals("none")], ["cluster", "version", "malformed"])
    for (const kind of ["passphrase", "certificate", "custom"] as const) assert.deepStrictEqual(refusals(kind), [])
  })

  it.live.skipIf(process.platform === "win32")(
    "Go Wendy defect 34: a Node that has no file descriptors left takes nobody for dead, and nobody takes it for dead",
    () =>
      Effect.gen(function*() {
        const harness = yield* makeHarness(realTime)
        const config: Partial<ClusterConfig> = { renewal: 300, probe: 1000, lease: 8000, margin: 100 }
        for (const id of evenIds(2)) yield* harness.during((yield* harness.join({ id, config })).cluster.ready)
        const events = yield* Effect.forEach(harness.members, ({ cluster }) => collectEvents(cluster))
        const script = Path.join(import.meta.dirname, "fixtures", "noDescriptors.ts")
        const seed = harness.addressOf(harness.members[0]!)
        const { errors, output } = yield* Effect.callback<{ readonly output: string; readonly errors: string }>(
          (resume) => {
            // Node raises a soft limit by itself: this one is hard.
            const child = ChildProcess.spawn(
              "/bin/sh",
              ["-c", "ulimit -n 128 && exec \"$0\" \"$@\"", process.execPath, script, seed, JSON.stringify(config)],
              { stdio: ["ignore", "pipe", "pipe"], timeout: 15_000 }
            )
            let output = ""
            let errors = ""
            child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()))
            child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()))
            child.once("close", () => resume(Effect.succeed({ output, errors })))
          }
        )
        assert.strictEqual(errors, "")
        const result = JSON.parse(output)
        assert.strictEqual(result.code, "EMFILE")
        assert.isAtLeast(result.failedDials, 4)
        assert.isEmpty(result.others)
        assert.isTrue(result.isReady)
        const bad = (tag: string) => tag.startsWith("NodeExited") || tag === "NotReady" || tag === "Slept"
        assert.isEmpty(result.told.filter(bad), "it takes nobody for dead")
        const told = events.flatMap(comingAndGoing)
        assert.isEmpty(told.filter((line) => line.startsWith("failed")), "nobody takes it for dead")
      }).pipe(Effect.provide(Tcp.layer)),
    20_000
  )

  overTcp(
    "Go Wendy defect 35: a Node listens at the address that it was given, and at no other",
    (harness) =>
      Effect.gen(function*() {
        const own = yield* harness.start({ localHost: "127.0.0.1" })
        yield* harness.during(own.cluster.ready)
        const { port } = own.cluster.address
        assert.isTrue(yield* answers("127.0.0.1", port))
        const others = Object.values(Os.networkInterfaces()).flat().flatMap((face) =>
          face === undefined || face.address === "127.0.0.1" || face.address.startsWith("fe80") ? [] : [face.address]
        )
        // All of 127.0.0.0/8 is this machine there.
        if (process.platform === "linux") others.push("127.0.0.2")
        for (const host of others) {
          assert.isFalse(yield* answers(host, port), `${host} is not the address that was given`)
        }

        // Where all of them are wanted, that can be said.
        const all = yield* harness.start({ localHost: "127.0.0.1", bind: "0.0.0.0" })
        yield* harness.during(all.cluster.ready)
        for (const host of others.filter(Net.isIPv4)) {
          assert.isTrue(yield* answers(host, all.cluster.address.port))
        }
      })
  )

  overTcp("Go Wendy defect 38: numbers of frames that were never sent, and answers nobody waits for, change nothing", (
    harness
  ) =>
    Effect.gen(function*() {
      for (const id of evenIds(3)) yield* harness.during((yield* harness.join({ id })).cluster.ready)
      yield* harness.waitUntil("exact leaf sets", harness.isExact, "10 seconds", "5 millis")
      const victim = harness.members[1]!
      const largest = Number.MAX_SAFE_INTEGER
      const me = makePeer({ incarnation: largest })
      const raw = yield* shakeHands(victim.cluster.address.port, me)
      const receipt = { origin: victim.cluster.id, via: victim.cluster.id, root: me.id, hops: 255 }
      for (const number of [0, 1, 2 ** 31, 2 ** 32 - 1]) {
        writeFrames(raw, Frame.acknowledged(0, number), Frame.busy(number))
      }
      for (const counter of [0, largest]) {
        writeFrames(
          raw,
          Frame.receipt({ ...receipt, incarnation: largest, counter, outcome: "delivered" }),
          Frame.control({ _tag: "ProbeAck", sequence: counter, ready: false, leaves: [] }),
          Frame.control({ _tag: "Renewed", sequence: counter, as: "successor", attempt: 0 }),
          Frame.control({ _tag: "Denied", sequence: counter, as: "successor", reason: "wait", neighbour: undefined }),
          Frame.control({ _tag: "CommitAck", attempt: counter, delivered: [], floors: [] }),
          Frame.control({ _tag: "JoinRetry", attempt: counter, reason: "stale", incarnation: largest }),
          Frame.control({ _tag: "LeaveAck" })
        )
      }
      // An answer to the last says that all before it were taken.
      writeFrames(raw, Frame.control({ _tag: "Probe", sequence: 1, ready: false, wantsLeaves: false }))
      yield* takeFrames(raw, 1)
      assert.isFalse(raw.isEnded)
      raw.socket.destroy()
      yield* checkWorks(harness, "after")
      yield* untilCovered(harness)
    }))

  overTcp(
    "Go Wendy defect 39: a seed that claims to know the largest incarnation there is ends nobody's join",
    (harness) =>
      Effect.gen(function*() {
        let asked = 0
        const liar = yield* listenRaw((raw) => {
          const me = makePeer({ id: idOf("7"), port: (raw.socket.address() as Net.AddressInfo).port })
          raw.socket.on("data", () => {
            for (const bytes of raw.frames.splice(0)) {
              const shaking = Handshake.decode(bytes)
              if (shaking?._tag === "Hello") writeFrames(raw, Handshake.encode(helloOf(me)))
              if (shaking?._tag === "Proof") writeFrames(raw, bytes)
              const frame = shaking === undefined ? Frame.decode(bytes) : undefined
              if (frame?._tag !== "Control" || frame.message._tag !== "JoinRequest") continue
              const { attempt } = frame.message
              // The number before the last, after which there would be one more life; and then the last one.
              const incarnation = Number.MAX_SAFE_INTEGER - (asked++ === 0 ? 1 : 0)
              writeFrames(raw, Frame.control({ _tag: "JoinRetry", attempt, reason: "stale", incarnation }))
            }
          })
        })
        const port = yield* freePort
        const joiner = yield* harness.start({
          join: [`127.0.0.1:${liar.port}`, `127.0.0.1:${port}`],
          config: { joinRetry: 50, joinJitter: 10 }
        })
        yield* harness.waitUntil("it has heard all of it", Effect.sync(() => asked >= 3), "5 seconds", "5 millis")
        assert.isBelow(nodeOf(joiner.cluster).incarnation, Number.MAX_SAFE_INTEGER / 2)
        const honest = yield* harness.start({ port })
        yield* harness.during(honest.cluster.ready)
        yield* harness.during(joiner.cluster.ready, "8 seconds")
        yield* checkWorks(harness, "after")
      })
  )

  overTcp("Go Wendy defect 42: an address that cannot be trusted gets a greeting and a proof, never the passphrase", (
    harness
  ) =>
    Effect.gen(function*() {
      const passphrase = "correct horse battery staple"
      const credentials = Credentials.passphrase(Redacted.make(passphrase), { allowClear: true })
      const chunks: Array<Buffer> = []
      const shown: Array<Uint8Array> = []
      const third = yield* listenRaw((raw) => {
        raw.socket.on("data", (chunk: Buffer) => {
          chunks.push(chunk)
          for (const bytes of raw.frames.splice(0)) {
            const shaking = Handshake.decode(bytes)
            // It says whatever makes the Node go on.
            if (shaking?._tag === "Hello") {
              writeFrames(raw, Handshake.encode(helloOf(makePeer(), { credentials: "passphrase" })))
            }
            if (shaking?._tag === "Proof") {
              shown.push(shaking.bytes)
              writeFrames(raw, bytes)
            }
          }
        })
      })
      const joiner = yield* harness.start({ join: [`127.0.0.1:${third.port}`], credentials })
      const error = yield* Effect.flip(harness.during(joiner.cluster.ready, "5 seconds"))
      assert.strictEqual(error.reason._tag, "Refused")
      const received = Buffer.concat(chunks)
      assert.isAbove(shown.length, 0)
      assert.isTrue(shown.every((bytes) => bytes.length === 32))
      const key = Redacted.value(Handshake.makeProofKey(Redacted.make(passphrase), "wendy"))
      for (const secret of [Buffer.from(passphrase), Buffer.from(key)]) assert.isFalse(received.includes(secret))
      assert.isBelow(received.length, 400 * shown.length)
    }))
})
