/** What every application may rely on, whatever the transport. */
import { assert, describe } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Application from "../../src/Application.ts"
import type * as Cluster from "../../src/Cluster.ts"
import type { ClusterError } from "../../src/protocol/ClusterEvent.ts"
import * as Message from "../../src/protocol/Message.ts"
import * as Node from "../../src/ring/Node.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import { kill } from "../../src/testing.ts"
import type { Transport } from "../../src/transport/Transport.ts"
import { type Member, nodeOf, outgoing, text } from "../ClusterHarness.ts"
import { collectEvents, errorsOf, evenIds, failure, type Harness, idOf } from "./Rig.ts"

const Chat = Message.make("Chat", { purpose: 20, value: Schema.Struct({ text: Schema.String }) })
const Other = Message.make("Other", { purpose: 20, value: Schema.Finite })

const encoder = new TextEncoder()

/** Short times, so that what is late is late soon. */
const config = { deliverTimeout: 400, forwardTimeout: 300, callbackTimeout: 400 }

/** Nodes with ids that divide the ring evenly: the key `idOf("4")` is that of the second of four. */
const startRing = Effect.fnUntraced(function*(
  harness: Harness,
  size: number,
  options: (index: number) => Cluster.Options = () => ({})
) {
  for (const [index, id] of evenIds(size).entries()) {
    const member = yield* harness.join({ id, ...options(index), config: { ...config, ...options(index).config } })
    yield* harness.during(member.cluster.ready)
  }
  yield* harness.waitUntil("exact leaf sets", harness.isExact)
  return harness.members
})

const sendTo = (harness: Harness, member: Member, message: Message.OutgoingMessage) =>
  harness.during(member.cluster.sendConfirmed(message))

const reasonOf = (
  harness: Harness,
  effect: Effect.Effect<unknown, Message.WendyDeliveryError | Message.WendyMessageError>
) => Effect.map(failure(harness, effect), ({ reason: { _tag: reason } }) => reason)

const until = (harness: Harness, what: string, holds: () => boolean) => harness.waitUntil(what, Effect.sync(holds))

/** Registers for the rest of the test. */
const register = <A = Uint8Array>(member: Member, application: Application.Application<A>) =>
  member.cluster.register(application)

export const applicationContract = (
  name: string,
  run: (title: string, body: (harness: Harness) => Effect.Effect<void, unknown, Scope.Scope | Transport>) => void
): void => {
  describe(`applications, ${name}`, () => {
    // -------------------------------------------------------------------------
    // delivering
    // -------------------------------------------------------------------------

    run("every application gets every message; the receipt waits for all of them", (harness) =>
      Effect.gen(function*() {
        const [one, two] = yield* startRing(harness, 2)
        const calls: Array<string> = []
        const gate = yield* Deferred.make<void>()
        yield* register(two!, { onDeliver: (message) => Effect.sync(() => calls.push(`first ${text(message)}`)) })
        yield* register(two!, {
          onDeliver: (message) =>
            Effect.andThen(Deferred.await(gate), Effect.sync(() => calls.push(`second ${text(message)}`)))
        })
        const sending = yield* Effect.forkChild(one!.cluster.sendConfirmed(outgoing(idOf("8"), "a")))
        yield* until(harness, "the first has it", () => calls.length === 1)
        assert.isUndefined(sending.pollUnsafe())
        yield* Deferred.succeed(gate, undefined)
        yield* until(harness, "the receipt comes", () => sending.pollUnsafe() !== undefined)
        assert.isTrue(Exit.isSuccess(sending.pollUnsafe()!))
        assert.deepStrictEqual(calls, ["first a", "second a"])
        assert.lengthOf(two!.delivered, 1)
      }))

    run(
      "onDeliverAll gets what came together, in order, decoded, instead of onDeliver; receipts wait for it",
      (harness) =>
        Effect.gen(function*() {
          const [one, two] = yield* startRing(harness, 2)
          const calls: Array<ReadonlyArray<string>> = []
          const gate = yield* Deferred.make<void>()
          yield* register(two!, {
            message: Chat,
            onDeliver: () => Effect.die("must not be called"),
            onDeliverAll: (messages) =>
              Effect.andThen(
                Deferred.await(gate),
                Effect.sync(() => calls.push(messages.map(({ value }) => value.text)))
              )
          })
          const texts = Array.from({ length: 300 }, (_, index) => `${index}`)
          const messages = texts.map((text) => Chat.make(idOf("8"), { text }))
          yield* one!.cluster.sendAll(messages)
          const sending = yield* Effect.forkChild(one!.cluster.sendConfirmed(Chat.make(idOf("8"), { text: "last" })))
          yield* until(harness, "the other application has all", () => two!.delivered.length === 301)
          assert.isUndefined(sending.pollUnsafe())
          yield* Deferred.succeed(gate, undefined)
          yield* until(harness, "the receipt comes", () => sending.pollUnsafe() !== undefined)
          assert.isTrue(Exit.isSuccess(sending.pollUnsafe()!))
          assert.deepStrictEqual(calls.flat(), [...texts, "last"])
          assert.isBelow(calls.length, 100)
        })
    )

    run(
      "what was gathered for an application that is removed meanwhile is not delivered",
      (harness) =>
        Effect.gen(function*() {
          const [one, two] = yield* startRing(harness, 2, (index) => index === 0 ? {} : { application: {} })
          const scope = yield* Scope.make()
          yield* register(two!, { onDeliver: () => Scope.close(scope, Exit.void) })
          let calls = 0
          yield* two!.cluster.register({ onDeliverAll: () => Effect.sync(() => calls++) }).pipe(
            Effect.provideService(Scope.Scope, scope)
          )
          const send = one!.cluster.sendConfirmed(outgoing(idOf("8"), "a"))
          assert.strictEqual(yield* reasonOf(harness, send), "DeliveryFailed")
        })
    )

    run(
      "typed messages go to the applications of their definition, decoded; others see their bytes",
      (harness) =>
        Effect.gen(function*() {
          const [one, two] = yield* startRing(harness, 2)
          const texts: Array<string> = []
          const streamed: Array<string> = []
          yield* register(two!, {
            message: Chat,
            onDeliver: (message) => Effect.sync(() => texts.push(message.value.text))
          })
          yield* Effect.forkScoped(
            Stream.runForEach(
              two!.cluster.deliveriesOf(Chat),
              ({ value }) => Effect.sync(() => streamed.push(value.text))
            ),
            { startImmediately: true }
          )
          yield* sendTo(harness, one!, Chat.make(idOf("8"), { text: "hello" }))
          yield* sendTo(harness, one!, outgoing(idOf("8"), "raw"))
          yield* until(harness, "the stream has it", () => streamed.length === 1)
          assert.deepStrictEqual(texts, ["hello"])
          assert.deepStrictEqual(streamed, ["hello"])
          assert.deepStrictEqual(two!.delivered.map(text), ["{\"text\":\"hello\"}", "raw"])
        })
    )

    run(
      "a value that does not decode is delivered to nobody, and its sender gets BadValue",
      (harness) =>
        Effect.gen(function*() {
          const [one, two] = yield* startRing(harness, 2)
          const errors: Array<ClusterError> = []
          yield* register(two!, {
            message: Chat,
            onDeliver: () => Effect.die("must not be called"),
            onError: (error) => Effect.sync(() => errors.push(error))
          })
          const bad = { key: idOf("8"), purpose: Chat.purpose, value: encoder.encode("{\"text\":7}") }
          assert.strictEqual(yield* reasonOf(harness, one!.cluster.sendConfirmed(bad)), "BadValue")
          yield* until(harness, "the error is told", () => errors.length > 0)
          assert.deepInclude(errors[0], { _tag: "BadValue" })
          assert.lengthOf(two!.delivered, 0)
          // A second copy of the same message would be answered alike; the Node goes on.
          yield* sendTo(harness, one!, outgoing(idOf("8"), "after"))
          assert.lengthOf(two!.delivered, 1)
        })
    )

    run("a purpose belongs to one definition at a Node", (harness) =>
      Effect.gen(function*() {
        const [one] = yield* startRing(harness, 1)
        yield* register(one!, { message: Chat, onDeliver: () => Effect.void })
        const taken = yield* failure(harness, Effect.scoped(one!.cluster.register({ message: Other })))
        assert.instanceOf(taken, Message.WendyPurposeError)
        assert.include(taken.message, "\"Chat\" and \"Other\" both have purpose 20")
        const stream = yield* failure(harness, Stream.runDrain(one!.cluster.deliveriesOf(Other)))
        assert.instanceOf(stream, Message.WendyPurposeError)
        assert.strictEqual(
          yield* reasonOf(harness, one!.cluster.send(Other.make(NodeId.zero, 1))),
          "PurposeTaken"
        )
        // The same kind again is no other.
        yield* Effect.scoped(one!.cluster.register({ message: Chat }))
      }))

    run(
      "an application that fails, dies, throws or is late: DeliveryFailed, and onError says which it was",
      (harness) =>
        Effect.gen(function*() {
          const errors: Array<string> = []
          const [one, two] = yield* startRing(harness, 2, (index) => index === 0 ? {} : { application: {} })
          const behaviours: Array<[string, () => Effect.Effect<unknown, unknown>]> = [
            ["CallbackFailed", () => Effect.fail("no")],
            ["CallbackFailed", () => Effect.die("a bug")],
            ["CallbackFailed", () => {
              throw new Error("thrown")
            }],
            ["CallbackLate", () => Effect.never],
            ["CallbackLate", () => Effect.uninterruptible(Effect.never)]
          ]
          for (const callback of ["onDeliver", "onDeliverAll"] as const) {
            for (const [expected, behave] of behaviours) {
              errors.length = 0
              yield* Effect.scoped(Effect.gen(function*() {
                yield* register(two!, {
                  name: "the tested one",
                  [callback]: behave,
                  onError: ({ _tag, message }) => Effect.sync(() => errors.push(`${_tag} ${message}`))
                })
                const send = one!.cluster.sendConfirmed(outgoing(idOf("8"), expected))
                assert.strictEqual(yield* reasonOf(harness, send), "DeliveryFailed")
                yield* until(harness, "the error is told", () => errors.length > 0)
              }))
              assert.match(errors[0]!, new RegExp(`^${expected} ${callback} of the tested one`))
            }
          }
        })
    )

    run(
      "Go Wendy defect 20: a slow callback holds up nothing, and one may register inside a callback",
      (harness) =>
        Effect.gen(function*() {
          const [one, two] = yield* startRing(harness, 2, (index) => index === 0 ? {} : { application: {} })
          const late: Array<string> = []
          yield* register(two!, {
            message: Chat,
            onDeliver: () => Effect.never,
            onNodeJoin: () => Effect.never,
            onNewLeaves: () => Effect.never
          })
          yield* register(two!, {
            onDeliver: (message) =>
              message.purpose === Chat.purpose ? Effect.void : Effect.gen(function*() {
                const scope = yield* Scope.make()
                yield* two!.cluster.register({
                  onDeliver: (message) => Effect.sync(() => late.push(text(message)))
                }).pipe(Effect.provideService(Scope.Scope, scope))
              })
          })
          const slow = Effect.exit(one!.cluster.sendConfirmed(Chat.make(idOf("8"), { text: "slow" })))
          yield* Effect.forkScoped(slow, { startImmediately: true })
          yield* sendTo(harness, one!, outgoing(idOf("8"), "a"))
          yield* sendTo(harness, one!, outgoing(idOf("8"), "b"))
          assert.deepStrictEqual(late, ["b"])
          const third = yield* harness.join()
          yield* harness.during(third.cluster.ready)
        })
    )

    run(
      "a callback may use the cluster: send to its own Node, ask it, even leave and end it",
      (harness) =>
        Effect.gen(function*() {
          const [one, two, three] = yield* startRing(harness, 3, (index) => index === 0 ? {} : { application: {} })
          const seen: Array<string> = []
          yield* register(two!, {
            onDeliver: (message) =>
              Effect.gen(function*() {
                seen.push(text(message))
                const { cluster } = two!
                if (text(message) === "ask") {
                  assert.isTrue(yield* cluster.isReady)
                  assert.isTrue(yield* cluster.covers(message.key))
                  yield* cluster.send(outgoing(message.key, "sent from inside"))
                  yield* cluster.sendConfirmed(outgoing(message.key, "confirmed from inside"))
                }
                if (text(message) === "leave") yield* cluster.leave
              })
          })
          yield* register(three!, { onDeliver: () => kill(three!.cluster) })
          yield* sendTo(harness, one!, outgoing(two!.cluster.id, "ask"))
          yield* until(harness, "all are delivered", () => seen.length === 3)
          assert.sameMembers(seen, ["ask", "sent from inside", "confirmed from inside"])
          for (const member of [two!, three!]) {
            // The Node that ended has taken its receipt with it: its successor delivers the message.
            member.isLiving = false
            yield* sendTo(harness, one!, outgoing(member.cluster.id, "leave"))
            yield* harness.waitUntil("it is gone", Effect.map(member.cluster.isReady, (ready) => !ready))
          }
          yield* harness.waitUntil("the ring is one Node", harness.isExact)
        })
    )

    run(
      "applications come and go; for what had one and has none any more the sender gets DeliveryFailed",
      (harness) =>
        Effect.gen(function*() {
          const [one, two] = yield* startRing(harness, 2, (index) => index === 0 ? {} : { application: {} })
          const seen: Array<string> = []
          const send = (value: string) => one!.cluster.sendConfirmed(Chat.make(idOf("8"), { text: value }))
          yield* harness.during(send("before"))
          yield* Effect.scoped(Effect.gen(function*() {
            yield* register(two!, {
              message: Chat,
              onDeliver: ({ value }) => Effect.sync(() => seen.push(value.text))
            })
            yield* harness.during(send("during"))
          }))
          assert.strictEqual(yield* reasonOf(harness, send("after")), "DeliveryFailed")
          assert.deepStrictEqual(seen, ["during"])
        })
    )

    // -------------------------------------------------------------------------
    // forwarding
    // -------------------------------------------------------------------------

    for (const form of ["onForward", "onForward, at once"] as const) {
      const forwarding = <A>(decide: (message: Message.Message<A>, next: Node.Node) => Application.Forward<A>) =>
        form === "onForward, at once"
          ? {
            onForward: (message: Message.Message<A>, next: Node.Node) => Effect.sync(() => decide(message, next))
          }
          : {
            onForward: (message: Message.Message<A>, next: Node.Node) =>
              Effect.as(Effect.yieldNow, decide(message, next))
          }

      run(
        `Go Wendy defect 19: what ${form} changes about a message is what goes on`,
        (harness) =>
          Effect.gen(function*() {
            const [one, two, three] = yield* startRing(harness, 3)
            const asked: Array<string> = []
            yield* register(one!, {
              ...forwarding<Uint8Array>((message, next) => {
                asked.push(`${text(message)} to ${next.hex.slice(0, 1)}`)
                if (text(message) === "value") return Application.replace({ value: encoder.encode("another value") })
                if (text(message) === "key") return Application.replace({ key: three!.cluster.id })
                if (text(message) === "purpose") return Application.replace({ purpose: 99 })
                return Application.forward
              })
            })
            const key = two!.cluster.id
            yield* sendTo(harness, one!, outgoing(key, "as it is"))
            yield* sendTo(harness, one!, outgoing(key, "value"))
            yield* sendTo(harness, one!, outgoing(key, "purpose"))
            const receipt = yield* sendTo(harness, one!, outgoing(key, "key"))
            assert.strictEqual(receipt.root.hex, three!.cluster.id.hex)
            assert.deepStrictEqual(two!.delivered.map(text), ["as it is", "another value", "purpose"])
            assert.deepStrictEqual(two!.delivered.map(({ purpose }) => purpose), [16, 16, 99])
            assert.deepStrictEqual(three!.delivered.map(text), ["key"])
            assert.deepStrictEqual(three!.delivered.map(({ from }) => from.hex), [one!.cluster.id.hex])
            assert.deepStrictEqual(asked, ["as it is to 5", "value to 5", "purpose to 5", "key to 5"])
            // One's own keys are delivered, not forwarded.
            yield* sendTo(harness, one!, outgoing(one!.cluster.id, "here"))
            assert.lengthOf(asked, 4)
          })
      )

      run(`${form} that drops: Dropped for who waits, and gone for who does not`, (harness) =>
        Effect.gen(function*() {
          const [one, two] = yield* startRing(harness, 2)
          yield* register(one!, {
            message: Chat,
            ...forwarding((message: Message.Message<{ readonly text: string }>) =>
              message.value.text === "drop" ? Application.drop : Application.replace({ value: { text: "changed" } })
            )
          })
          const chat = (value: string) => Chat.make(idOf("8"), { text: value })
          assert.strictEqual(yield* reasonOf(harness, one!.cluster.sendConfirmed(chat("drop"))), "Dropped")
          yield* one!.cluster.send(chat("drop"))
          yield* sendTo(harness, one!, chat("pass"))
          yield* sendTo(harness, one!, outgoing(idOf("8"), "not its kind"))
          assert.deepStrictEqual(two!.delivered.map(text), ["{\"text\":\"changed\"}", "not its kind"])
          yield* harness.waitUntil(
            "nothing is left in custody",
            Effect.map(one!.cluster.statistics, ({ custody }) => custody === 0)
          )
        }))
    }

    run(
      "onForward is asked on the way too, by several applications in their order",
      (harness) =>
        Effect.gen(function*() {
          // Leaf sets so small that a message has to be sent on by others.
          const { members } = harness
          for (const id of evenIds(8)) {
            const member = yield* harness.join({ id, config: { leafSetSide: 1, neighborhoodSize: 1 } })
            yield* harness.during(member.cluster.ready)
          }
          const sign = (name: string) => (message: Message.Message) =>
            Effect.succeed(Application.replace({ value: encoder.encode(`${text(message)} ${name}`) }))
          for (const [index, member] of members.entries()) {
            yield* register(member, { onForward: sign(`${index}a`) })
            yield* register(member, { onForward: sign(`${index}b`) })
          }
          const root = members[4]!
          const receipt = yield* sendTo(harness, members[0]!, outgoing(root.cluster.id, "by"))
          const path = text(root.delivered[0]!).split(" ").slice(1)
          assert.lengthOf(path, 2 * receipt.hops)
          assert.isAtLeast(receipt.hops, 1)
          assert.strictEqual(path[0], "0a")
          path.forEach((step, index) =>
            assert.strictEqual(step.at(-1), index % 2 === 0 ? "a" : "b", `each in its order: ${path.join()}`)
          )
        })
    )

    run("onForward that fails, dies, throws, is late or asks for what cannot be: the message goes on as it is", (
      harness
    ) =>
      Effect.gen(function*() {
        const [one, two] = yield* startRing(harness, 2)
        const events = yield* collectEvents(one!.cluster)
        const behaviours: Array<Application.Application> = [
          { onForward: () => Effect.fail("no") },
          { onForward: () => Effect.die("a bug") },
          {
            onForward: () => {
              throw new Error("thrown")
            }
          },
          {
            onForward: () => {
              throw new Error("thrown")
            }
          },
          { onForward: () => Effect.succeed(Application.replace({ purpose: 3 })) },
          { onForward: () => Effect.succeed(Application.replace({ value: new Uint8Array(2 * 1024 * 1024) })) },
          { onForward: () => Effect.succeed("no answer at all" as never) },
          { onForward: () => Effect.as(Effect.yieldNow, undefined as never) },
          { onForward: () => Effect.succeed(Application.replace(undefined as never)) },
          { onForward: () => Effect.never },
          { onForward: () => Effect.uninterruptible(Effect.never) }
        ]
        for (const [index, application] of behaviours.entries()) {
          yield* Effect.scoped(Effect.gen(function*() {
            yield* register(one!, application)
            yield* sendTo(harness, one!, outgoing(idOf("8"), `behaviour ${index}`))
          }))
        }
        assert.deepStrictEqual(two!.delivered.map(text), behaviours.map((_, index) => `behaviour ${index}`))
        assert.lengthOf(errorsOf(events, "CallbackFailed"), 8)
        assert.lengthOf(errorsOf(events, "CallbackLate"), 2)
      }))

    // -------------------------------------------------------------------------
    // events
    // -------------------------------------------------------------------------

    run(
      "Go Wendy defect 22: onNodeExit is called, once for each onNodeJoin, with the reason",
      (harness) =>
        Effect.gen(function*() {
          const calls: Array<string> = []
          const [one] = yield* startRing(harness, 1, () => ({
            application: {
              onNodeJoin: (node) => Effect.sync(() => calls.push(`join ${node.hex[0]} ${node.port}`)),
              onNodeExit: (node, reason) => Effect.sync(() => calls.push(`exit ${node.hex[0]} ${node.port} ${reason}`))
            }
          }))
          const expected: Array<string> = []
          for (const how of ["leave", "kill"] as const) {
            const other = yield* harness.join({ id: idOf("8") })
            const { port } = other.cluster.address
            yield* harness.during(other.cluster.ready)
            yield* until(harness, "the join is told", () => calls.includes(`join 8 ${port}`))
            yield* harness[how](other)
            const reason = how === "leave" ? "left" : "failed"
            yield* until(harness, "the exit is told", () => calls.includes(`exit 8 ${port} ${reason}`))
            expected.push(`join 8 ${port}`, `exit 8 ${port} ${reason}`)
          }
          assert.deepStrictEqual(calls, expected)
          assert.lengthOf(yield* one!.cluster.nodes, 0)
        })
    )

    run(
      "onHeartbeat is called for both neighbours, and onNewLeaves with the leaf set",
      (harness) =>
        Effect.gen(function*() {
          const beats = new Set<string>()
          const leaves: Array<string> = []
          const [one, two, three] = yield* startRing(harness, 3, (index) =>
            index === 0
              ? {
                application: {
                  onHeartbeat: (from) => Effect.sync(() => beats.add(from.hex)),
                  onNewLeaves: (left, right) => Effect.sync(() => leaves.push(`${left.length} ${right.length}`))
                }
              }
              : {})
          yield* until(harness, "both have beaten", () => beats.size === 2)
          assert.sameMembers([...beats], [two!.cluster.id.hex, three!.cluster.id.hex])
          assert.deepStrictEqual(leaves, ["1 1", "2 2"])
          const known = yield* one!.cluster.nodes
          assert.sameMembers(known.map(({ node }) => node.hex), [...beats])
        })
    )

    run(
      "callbacks for events come in order, one at a time; what fails or is late is told and passed over",
      (harness) =>
        Effect.gen(function*() {
          const calls: Array<string> = []
          let inside = 0
          const [one] = yield* startRing(harness, 1, () => ({
            application: {
              name: "the tested one",
              onNodeJoin: (node) =>
                Effect.gen(function*() {
                  assert.strictEqual(++inside, 1, "one at a time")
                  calls.push(`join ${node.hex[0]}`)
                  yield* Effect.addFinalizer(() => Effect.sync(() => inside--))
                  if (node.hex[0] === "4") return yield* Effect.die("a bug")
                  if (node.hex[0] === "8") return yield* Effect.never
                }).pipe(Effect.scoped),
              onError: ({ _tag }) => Effect.sync(() => calls.push(_tag))
            }
          }))
          for (const digit of ["4", "8", "c"]) {
            yield* harness.during((yield* harness.join({ id: idOf(digit) })).cluster.ready)
          }
          yield* until(harness, "all are told", () => calls.length === 5)
          assert.deepStrictEqual(
            calls,
            ["join 4", "CallbackFailed", "join 8", "join c", "CallbackLate"].toSorted(
              (x, y) => calls.indexOf(x) - calls.indexOf(y)
            )
          )
          assert.isBelow(calls.indexOf("join 4"), calls.indexOf("join 8"))
          assert.isBelow(calls.indexOf("join 8"), calls.indexOf("join c"))
          assert.isTrue(yield* one!.cluster.isReady)
        })
    )

    // -------------------------------------------------------------------------
    // sending
    // -------------------------------------------------------------------------

    run("sendDirect reaches the Node that it names, whoever is the root", (harness) =>
      Effect.gen(function*() {
        const [one, two, three] = yield* startRing(harness, 3)
        const key = three!.cluster.id
        for (const [from, to] of [[one!, two!], [one!, one!], [two!, three!]] as const) {
          to.delivered.length = 0
          const receipt = yield* harness.during(from.cluster.sendDirect(nodeOf(to.cluster), outgoing(key, "direct")))
          assert.strictEqual(receipt.root.hex, to.cluster.id.hex)
          assert.strictEqual(receipt.hops, from === to ? 0 : 1)
          assert.deepStrictEqual(to.delivered.map(text), ["direct"])
          assert.isTrue(to.delivered[0]!.isDirect)
          assert.strictEqual(to.delivered[0]!.key.hex, key.hex)
          assert.strictEqual(to.delivered[0]!.from.hex, from.cluster.id.hex)
        }
        yield* sendTo(harness, one!, outgoing(key, "routed"))
        assert.isFalse(three!.delivered.at(-1)!.isDirect)
      }))

    run(
      "sendDirect to a Node that has ended, or to another life of it, is Unreachable",
      (harness) =>
        Effect.gen(function*() {
          const [one, two, three] = yield* startRing(harness, 3)
          const send = (node: Node.Node) => one!.cluster.sendDirect(node, outgoing(NodeId.zero, "direct"))
          const node = nodeOf(three!.cluster)
          const otherLife = new Node.Node({
            ...nodeOf(two!.cluster),
            incarnation: nodeOf(two!.cluster).incarnation + 1
          })
          assert.strictEqual(yield* reasonOf(harness, send(otherLife)), "Unreachable")
          yield* harness.kill(three!)
          assert.strictEqual(yield* reasonOf(harness, send(node)), "Unreachable")
          assert.lengthOf(two!.delivered, 0)
          yield* harness.during(send(nodeOf(two!.cluster)))
        })
    )

    run("messages of all three classes arrive", (harness) =>
      Effect.gen(function*() {
        const [one, two] = yield* startRing(harness, 2)
        yield* one!.cluster.send(outgoing(idOf("8"), "at most once"), { delivery: "atMostOnce" })
        yield* one!.cluster.send(outgoing(idOf("8"), "acknowledged"))
        yield* one!.cluster.sendAll([outgoing(idOf("8"), "a"), Chat.make(idOf("8"), { text: "b" })], {
          delivery: "atMostOnce"
        })
        yield* sendTo(harness, one!, outgoing(idOf("8"), "confirmed"))
        yield* until(harness, "all have come", () => two!.delivered.length === 5)
        assert.deepStrictEqual(
          two!.delivered.map(text),
          ["at most once", "acknowledged", "a", "{\"text\":\"b\"}", "confirmed"]
        )
      }))

    run("route names the next hop without sending anything", (harness) =>
      Effect.gen(function*() {
        const members = yield* startRing(harness, 4)
        for (const [index, member] of members.entries()) {
          const next = yield* members[0]!.cluster.nextHop(member.cluster.id)
          assert.strictEqual(Option.getOrUndefined(next)?.hex, index === 0 ? undefined : member.cluster.id.hex)
        }
        assert.isTrue(members.every(({ delivered }) => delivered.length === 0))
      }))
  })
}
