import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import type * as Scope from "effect/Scope"
import { inspect } from "node:util"
import * as Client from "../../src/Client.ts"
import * as Cluster from "../../src/Cluster.ts"
import { isError } from "../../src/protocol/ClusterEvent.ts"
import * as Credentials from "../../src/protocol/Credentials.ts"
import * as Memory from "../../src/transport/Memory.ts"
import * as Tcp from "../../src/transport/Tcp.ts"
import type { Transport } from "../../src/transport/Transport.ts"
import { makeHarness, outgoing, passing, realTime } from "../ClusterHarness.ts"
import { checkWorks, collectEvents, errorsOf, evenIds, failure, type Harness, keys, tcpHandles } from "./Rig.ts"

/** Runs a test over memory under TestClock, and over TCP in real time. */
const overBoth = (
  title: string,
  body: (harness: Harness) => Effect.Effect<void, unknown, Scope.Scope | Transport>
): void => {
  overMemory(`${title} (memory)`, body)
  // The warnings of each start would go to the terminal.
  const layer = Layer.merge(Tcp.layer, Logger.layer([]))
  it.live(`${title} (TCP)`, () => Effect.flatMap(makeHarness(realTime), body).pipe(Effect.provide(layer)))
}

const overMemory = (
  title: string,
  body: (harness: Harness) => Effect.Effect<void, unknown, Scope.Scope | Transport>
): void => {
  it.effect(title, () => Effect.flatMap(makeHarness(passing), body).pipe(Effect.provide(Memory.layer)))
}

type Custom = Parameters<typeof Credentials.make>[0]

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Shows a word, and finds a word good: its own if nothing else is said. */
const word = (mine: string, theirs = mine, more: Partial<Custom> = {}): Credentials.Credentials =>
  Credentials.make({
    marshal: () => encoder.encode(mine),
    valid: (bytes) => decoder.decode(bytes) === theirs,
    allowClear: true,
    ...more
  })

/** Three Nodes that know each other; returns what happens at each, and how much has happened so far. */
const startRing = Effect.fnUntraced(function*(harness: Harness, credentials: Credentials.Credentials) {
  for (let count = 0; count < 3; count++) {
    yield* harness.during((yield* harness.join({ credentials })).cluster.ready)
  }
  yield* harness.waitUntil("exact leaf sets", harness.isExact)
  const events = yield* Effect.forEach(harness.members, ({ cluster }) => collectEvents(cluster))
  return { events, counted: events.map((seen) => seen.length) }
})

/** A stranger gets a typed error and so does the Node that it asked; the ring has seen nothing of it. */
const assertStaysOut = Effect.fnUntraced(function*(
  harness: Harness,
  ring: Effect.Success<ReturnType<typeof startRing>>,
  credentials: Credentials.Credentials | undefined,
  here = /refused 127\.0\.0\.1: .*credentials/,
  there = /credentials do not match/
) {
  const before = errorsOf(ring.events[0]!, "Refused").length
  const stranger = yield* harness.join({ credentials })
  const error = yield* failure(harness, stranger.cluster.ready)
  assert.nestedInclude(error, { _tag: "WendyJoinError", "reason._tag": "Refused" })
  assert.match(error.message, there)
  assert.isFalse(yield* stranger.cluster.isReady)
  const said = () => errorsOf(ring.events[0]!, "Refused").slice(before)
  yield* harness.waitUntil("the seed says so", Effect.sync(() => said().length > 0))
  assert.match(said()[0]!, here)
  yield* harness.kill(stranger)
  for (const { cluster } of harness.living()) {
    const { left, right } = yield* cluster.leafSet
    assert.isFalse([...left, ...right].some(({ hex }) => hex === stranger.cluster.id.hex), "it is in a table")
  }
  const hasJoined = ring.events.flat().some((event) =>
    event._tag === "NodeJoined" && event.node.hex === stranger.cluster.id.hex
  )
  assert.isFalse(hasJoined, "it was in a table")
  for (const index of [1, 2]) {
    const said = ring.events[index]!.slice(ring.counted[index]).filter(isError)
    assert.lengthOf(said, 0, "others have seen something of it")
  }
  assert.isTrue(yield* harness.isExact)
})

/** Keeps what is logged, at every level. */
const keepLogs = (lines: Array<string>) =>
  Layer.merge(
    Logger.layer([
      Logger.make(({ cause, logLevel, message }) => {
        lines.push(`${logLevel} ${inspect(message, { depth: 9 })} ${inspect(cause, { depth: 9 })}`)
      })
    ]),
    Layer.succeed(References.MinimumLogLevel, "All")
  )

describe("custom credentials", () => {
  overBoth("good ones form a ring that delivers, for clients too", (harness) =>
    Effect.gen(function*() {
      const credentials = word("the word of this cluster")
      yield* startRing(harness, credentials)
      yield* checkWorks(harness, "the ring")
      const client = yield* Client.make({ to: [harness.addressOf(harness.members[0]!)], credentials })
      yield* harness.during(client.connected)
      yield* harness.during(client.sendConfirmed(outgoing("key", "from a client")))
    }))

  overMemory("effects do as well, and a client may show another word than a Node", (harness) =>
    Effect.gen(function*() {
      const words = ["a Node's", "a client's"]
      const show = (index: number) =>
        Credentials.make({
          marshal: () => Effect.as(Effect.sleep("5 millis"), encoder.encode(words[index])),
          valid: (bytes) => Effect.as(Effect.sleep("5 millis"), words.includes(decoder.decode(bytes))),
          allowClear: true
        })
      yield* startRing(harness, show(0))
      yield* checkWorks(harness, "the ring")
      const client = yield* Client.make({ to: [harness.addressOf(harness.members[0]!)], credentials: show(1) })
      yield* harness.during(client.connected)
      yield* harness.during(client.sendConfirmed(outgoing("key", "from a client")))
    }))

  overBoth(
    "Go Wendy defect 25: who shows a wrong word learns that it has not joined",
    (harness) =>
      Effect.gen(function*() {
        const ring = yield* startRing(harness, word("the right one"))
        yield* assertStaysOut(harness, ring, word("the wrong one", "the right one"))
        yield* checkWorks(harness, "the rest")
        const client = yield* Client.make({
          to: [harness.addressOf(harness.members[0]!)],
          credentials: word("the wrong one")
        })
        const error = yield* failure(harness, client.connected)
        assert.nestedInclude(error, { _tag: "WendyJoinError", "reason._tag": "Refused" })
        assert.match(error.message, /credentials do not match/)
      })
  )

  overBoth(
    "a joiner that does not trust the ring stays out of it, and the seed knows",
    (harness) =>
      Effect.gen(function*() {
        const ring = yield* startRing(harness, word("good"))
        yield* assertStaysOut(harness, ring, word("good", "another"), /was refused by 127\.0\.0\.1: .*credentials/)
        yield* checkWorks(harness, "the rest")
      })
  )

  overMemory("none, a passphrase and custom ones refuse each other", (harness) =>
    Effect.gen(function*() {
      const kinds = [
        undefined,
        Credentials.passphrase(Redacted.make("a good passphrase")),
        word("good", "good", { valid: () => true })
      ]
      for (const ours of kinds) {
        const seed = yield* harness.start({ credentials: ours })
        yield* harness.during(seed.cluster.ready)
        const join = [harness.addressOf(seed)]
        for (const theirs of kinds) {
          const joiner = yield* harness.start({ credentials: theirs, join })
          if (theirs === ours) {
            yield* harness.during(joiner.cluster.ready)
          } else {
            const error = yield* failure(harness, joiner.cluster.ready)
            assert.nestedInclude(error, { _tag: "WendyJoinError", "reason._tag": "Refused" })
            assert.match(error.message, /credentials do not match/)
          }
          yield* harness.kill(joiner)
        }
        yield* harness.kill(seed)
      }
    }))

  overMemory("a valid that gives no answer lets nobody in and harms nothing", (harness) =>
    Effect.gen(function*() {
      let answer: () => boolean | Effect.Effect<boolean, unknown> = () => true
      const ring = yield* startRing(harness, word("good", "good", { valid: () => answer() }))
      const bad: ReadonlyArray<typeof answer> = [
        () => {
          throw new Error("thrown")
        },
        () => Effect.fail("failed"),
        () => Effect.die("died"),
        () => Effect.never,
        () => Effect.uninterruptible(Effect.never)
      ]
      for (const [index, one] of bad.entries()) {
        answer = one
        yield* assertStaysOut(harness, ring, word("good"), /could not be checked/)
        yield* checkWorks(harness, `the ring, meanwhile (${index}),`)
      }
      answer = () => true
      yield* harness.during((yield* harness.join({ credentials: word("good") })).cluster.ready)
      yield* checkWorks(harness, "the ring, and one more,")
    }))

  overMemory("a marshal that gives nothing, or too much, says so at its own end", (harness) =>
    Effect.gen(function*() {
      const ring = yield* startRing(harness, word("good"))
      const bad: ReadonlyArray<readonly [Custom["marshal"], RegExp]> = [
        [() => Effect.fail("failed"), /no credentials to show/],
        [() => Effect.never, /no credentials to show/],
        [() => new Uint8Array(5000), /have 5000 bytes; at most 4096/]
      ]
      for (const [marshal, there] of bad) {
        const here = /was refused by 127\.0\.0\.1: the credentials do not match/
        yield* assertStaysOut(harness, ring, word("good", "good", { marshal }), here, there)
      }
      yield* checkWorks(harness, "the ring")
    }))

  overMemory("the time for an answer follows the handshake's", (harness) =>
    Effect.gen(function*() {
      const slow = word("good", "good", { valid: () => Effect.as(Effect.sleep("60 millis"), true) })
      for (const [handshakeTimeout, isEnough] of [[200, true], [80, false]] as const) {
        const seed = yield* harness.start({ credentials: slow, config: { handshakeTimeout } })
        const events = yield* collectEvents(seed.cluster)
        yield* harness.during(seed.cluster.ready)
        const join = [harness.addressOf(seed)]
        const { cluster } = yield* harness.start({ credentials: word("good"), join })
        if (isEnough) {
          yield* harness.during(cluster.ready)
          continue
        }
        assert.nestedInclude(yield* failure(harness, cluster.ready), {
          _tag: "WendyJoinError",
          "reason._tag": "Refused"
        })
        assert.match(errorsOf(events, "Refused")[0]!, /did not answer in time/)
      }
    }))
})

describe("custom credentials in clear", () => {
  for (const allowClear of [undefined, false]) {
    it.live(`allowClear ${allowClear}: a WendyOptionError that says what to do, and nothing is left behind`, () =>
      Effect.gen(function*() {
        const lines: Array<string> = []
        const credentials = word("good", "good", {
          allowClear,
          marshal: () => assert.fail("it must not be asked")
        })
        const harness = yield* makeHarness(realTime)
        const handles = tcpHandles()
        yield* Effect.gen(function*() {
          for (const start of [Cluster.make({ credentials }), Client.make({ to: ["127.0.0.1:1"], credentials })]) {
            const error = yield* Effect.flip(
              Effect.scoped(start as Effect.Effect<unknown, Cluster.WendyOptionError, never>)
            )
            assert.deepInclude(error, { _tag: "WendyOptionError", option: "credentials" })
            assert.match(error.message, /whoever answers.*within.*allowClear: true/)
          }
        }).pipe(Effect.provide(keepLogs(lines)))
        assert.deepStrictEqual(lines, [])
        yield* harness.waitUntil("no handle", Effect.sync(() => tcpHandles() <= handles), "1 second", "5 millis")
      }).pipe(Effect.provide(Tcp.layer)))
  }

  overMemory(
    "a start logs one warning, whatever comes after; other credentials none",
    (harness) =>
      Effect.gen(function*() {
        const lines: Array<string> = []
        const warnings = () => lines.filter((line) => line.startsWith("Warn ") && line.includes("in clear"))
        yield* Effect.gen(function*() {
          const credentials = word("good")
          const first = yield* harness.start({ credentials })
          assert.lengthOf(warnings(), 1)
          assert.match(warnings()[0]!, /whoever gets them can replay/)
          yield* harness.during((yield* harness.join({ credentials })).cluster.ready)
          yield* harness.waitUntil("exact leaf sets", harness.isExact)
          yield* checkWorks(harness, "the ring")
          assert.lengthOf(warnings(), 2)
          const client = yield* Client.make({ to: [harness.addressOf(first)], credentials })
          yield* harness.during(client.connected)
          assert.lengthOf(warnings(), 3)
          yield* harness.start()
          yield* harness.start({ credentials: Credentials.passphrase(Redacted.make("a good passphrase")) })
          assert.lengthOf(warnings(), 3)
        }).pipe(Effect.provide(keepLogs(lines)))
      })
  )

  overMemory(
    "Go Wendy defect 43: no log, no event and no error holds what was shown",
    (harness) =>
      Effect.gen(function*() {
        const secrets = ["first secret\nof the ring", "second secret\nof a stranger"] as const
        const lines: Array<string> = []
        const seen: Array<unknown> = [lines]
        yield* Effect.gen(function*() {
          let answer: (text: string) => boolean | Effect.Effect<boolean, unknown> = (text) => text === secrets[0]
          const ours = word(secrets[0], "", { valid: (bytes) => answer(decoder.decode(bytes)) })
          const { events } = yield* startRing(harness, ours)
          seen.push(events, ours, word(secrets[1]))
          const answers: ReadonlyArray<typeof answer> = [
            answer,
            (text) => {
              throw new Error(text)
            },
            (text) => Effect.fail({ given: text }),
            (text) => Effect.die(text)
          ]
          for (const one of answers) {
            answer = one
            const stranger = yield* harness.join({ credentials: word(secrets[1], secrets[0]) })
            seen.push(yield* collectEvents(stranger.cluster), yield* failure(harness, stranger.cluster.ready))
            yield* harness.kill(stranger)
            const client = yield* Client.make({
              to: [harness.addressOf(harness.members[0]!)],
              credentials: word(secrets[1])
            })
            seen.push(yield* failure(harness, client.connected))
          }
          const leaky = word("", "", { marshal: () => Effect.fail(secrets[1]), valid: () => Effect.die(secrets[1]) })
          const joiner = yield* harness.join({ credentials: leaky })
          seen.push(yield* collectEvents(joiner.cluster), yield* failure(harness, joiner.cluster.ready))
          const odd = word("", "", { marshal: (() => secrets[1]) as never })
          const other = yield* harness.join({ credentials: odd })
          seen.push(yield* collectEvents(other.cluster), yield* failure(harness, other.cluster.ready))
          assert.isAbove(errorsOf(events[0]!, "Refused").length, answers.length)
        }).pipe(Effect.provide(keepLogs(lines)))

        assert.isNotEmpty(lines)
        const said = inspect(seen, { depth: 20, maxArrayLength: null, maxStringLength: null, breakLength: Infinity })
        assert.include(said, "credentials do not match", "what is searched holds the errors")
        for (const secret of secrets) {
          // A part of it would be as bad; so would its bytes, in the usual spellings.
          for (const part of secret.split("\n")) {
            const bytes = Buffer.from(part)
            const hex = bytes.toString("hex")
            for (
              const spelling of [
                part,
                hex,
                hex.match(/../g)!.join(" "),
                bytes.toString("base64").replace(/=+$/, "").slice(0, -1),
                [...bytes].slice(0, 6).join(", "),
                [...bytes].slice(0, 6).join(",")
              ]
            ) {
              assert.notInclude(said, spelling)
            }
          }
        }
      })
  )
})

it.effect("credentials that are refused for a moment prove no death: nobody exits, and no key has two owners", () =>
  Effect.gen(function*() {
    const harness = yield* makeHarness(passing)
    const network = yield* Memory.Network
    let isGood = true
    const credentials = Credentials.make({ marshal: () => new Uint8Array(3), valid: () => isGood, allowClear: true })
    for (const id of evenIds(4)) {
      yield* harness.during((yield* harness.join({ id, credentials })).cluster.ready)
    }
    yield* harness.waitUntil("exact leaf sets", harness.isExact)
    const events = yield* Effect.forEach(harness.members, ({ cluster }) => collectEvents(cluster))
    isGood = false
    yield* network.reset("127.0.0.1")
    for (let count = 0; count < 200; count++) {
      yield* passing("100 millis")
      if (count === 5) isGood = true
      yield* harness.checkCoverage(keys, false)
    }
    assert.deepStrictEqual(events.flat().filter(({ _tag }) => _tag === "NodeExited" || _tag === "NotReady"), [])
    assert.isAbove(events.flatMap((seen) => errorsOf(seen, "Refused")).length, 0)
    yield* harness.waitUntil("exact leaf sets", harness.isExact)
    yield* harness.checkCoverage(keys, true)
  }).pipe(Effect.provide(Memory.layer)))
