/**
 * Relay: both ends of the session over which a client gets messages. Rule G4 of `docs/protocol.md`.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Application, Handler } from "./protocol/Application.ts"
import { type Message, type Receipt, WendyDeliveryError, WendyPurposeError } from "./protocol/Message.ts"
import * as Purposes from "./protocol/Purposes.ts"
import * as Relayed from "./protocol/Relayed.ts"
import type { Acceptor, Session, WendySessionError } from "./protocol/Session.ts"
import type * as NodeId from "./ring/NodeId.ts"
import * as Services from "./Services.ts"

/** Messages for clients, as their gateways get them. */
const definition = Services.define(Relayed.sessionName, Purposes.reserved.relayed)

/** The session with a client, and what it has not answered. */
interface Connected {
  readonly session: Session
  readonly pending: Map<number, Deferred.Deferred<Relayed.Answer>>
  next: number
}

/**
 * What a Node does for its clients: it accepts their sessions, and delivers over these what is for them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeGateway = (): {
  readonly acceptor: Acceptor
  readonly application: Application<Uint8Array, never, Uint8Array>
} => {
  const clients = new Map<string, Connected>()

  const onSession = (session: Session) =>
    Effect.suspend(() => {
      const { hex } = session.peer
      const connected: Connected = { session, pending: new Map(), next: 0 }
      clients.set(hex, connected)
      return Stream.runForEach(session.messages, (bytes) =>
        Effect.sync(() => {
          const numbered = Relayed.decodeNumbered(bytes)
          if (numbered === undefined) return
          const deferred = connected.pending.get(numbered.number)
          if (deferred !== undefined) Deferred.doneUnsafe(deferred, Exit.succeed(numbered.answer))
        })).pipe(Effect.ensuring(Effect.sync(() => {
          // It may have begun another one.
          if (clients.get(hex) === connected) clients.delete(hex)
        })))
    })

  const relay = (value: Uint8Array, from: NodeId.NodeId, hops: number) =>
    Effect.suspend((): Effect.Effect<Relayed.Answer, WendySessionError> => {
      const relayed = Relayed.decode(value)
      const connected = relayed === undefined ? undefined : clients.get(relayed.client.hex)
      if (relayed === undefined || connected === undefined) return Effect.succeed({ outcome: "absent" })
      const { pending, session } = connected
      const number = connected.next++ >>> 0
      const answer = Deferred.makeUnsafe<Relayed.Answer>()
      pending.set(number, answer)
      const ended = Effect.andThen(session.ended, Effect.succeed<Relayed.Answer>({ outcome: "failed" }))
      return session.send(Relayed.encodeDelivery({ ...relayed.message, number, from, hops })).pipe(
        Effect.andThen(Effect.raceFirst(Deferred.await(answer), ended)),
        Effect.ensuring(Effect.sync(() => pending.delete(number)))
      )
    })

  return {
    acceptor: { name: Relayed.sessionName, allowsClients: true, onSession },
    application: {
      name: "the relay to clients",
      message: definition,
      onDeliver: ({ from, hops, value }) => Effect.map(relay(value, from, hops), Relayed.encodeAnswer)
    }
  }
}

/**
 * The receipt for a message to a client, with the client's reply, or why there is none.
 *
 * @category conversions
 * @since 0.1.0
 */
export const receiptOf = (
  client: NodeId.NodeId,
  receipt: Receipt<Uint8Array | undefined>
): Result.Result<Receipt<Uint8Array | undefined>, WendyDeliveryError> => {
  const answer = receipt.reply === undefined ? undefined : Relayed.decodeAnswer(receipt.reply)
  const fail = (_tag: WendyDeliveryError["reason"]["_tag"], message: string) =>
    Result.fail(new WendyDeliveryError({ reason: { _tag, message } }))
  switch (answer?.outcome) {
    case undefined:
      return fail("NoReply", `${receipt.root.hex} does not say what became of the message for the client`)
    case "delivered":
    case "replied":
      return Result.succeed({ ...receipt, reply: answer?.reply })
    case "failed":
      return fail("DeliveryFailed", `the handler of the client ${client.hex} failed, was late, or has gone`)
    case "undecodable":
      return fail("BadValue", `the value does not fit the definition that the client ${client.hex} has of this message`)
    case "unhandled":
      return fail("DeliveryFailed", `the client ${client.hex} has no handler for this message`)
    case "absent":
      return fail(
        "Unreachable",
        `the client ${client.hex} is not connected to ${receipt.root.hex}: take its address as it tells it now`
      )
  }
}

/**
 * The handlers of a client.
 *
 * @category models
 * @since 0.1.0
 */
export interface Receiver {
  /** Registers a handler as long as the scope is open. */
  readonly register: <A, R, Reply>(
    handler: Handler<A, R, Reply>
  ) => Effect.Effect<void, WendyPurposeError, R | Scope.Scope>
  /** Takes what comes over a session until that ends. */
  readonly serve: (session: Session) => Effect.Effect<void, WendySessionError>
}

interface Registered {
  readonly handler: Handler<any, any, any>
  readonly context: Context.Context<any>
}

/**
 * No handler yet. A handler may take so many milliseconds, and so many run at once.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeReceiver = (within: number, concurrency: number): Receiver => {
  const handlers = new Map<number, Registered>()

  const handle = (delivery: Relayed.Delivery): Effect.Effect<Relayed.Answer> => {
    const registered = handlers.get(delivery.purpose)
    if (registered === undefined) return Effect.succeed({ outcome: "unhandled" })
    const { context, handler: { message, onDeliver } } = registered
    const value = message.decode(delivery.value)
    if (Result.isFailure(value)) return Effect.succeed({ outcome: "undecodable" })
    const { from, hops, key, purpose, wantsReply = false } = delivery
    const delivered: Message<any> = { key, purpose, value: value.success, from, hops, isDirect: true, wantsReply }
    return Effect.suspend(() => onDeliver(delivered)).pipe(
      Effect.provideContext(context),
      Effect.timeoutOption(within),
      Effect.map(Option.match({
        onNone: (): Relayed.Answer => ({ outcome: "failed" }),
        onSome: (returned): Relayed.Answer => {
          if (!wantsReply || message.reply === undefined) return { outcome: "delivered" }
          const reply = message.reply.encode(returned)
          return Result.isSuccess(reply) ? { outcome: "replied", reply: reply.success } : { outcome: "failed" }
        }
      })),
      Effect.catchCause(() => Effect.succeed<Relayed.Answer>({ outcome: "failed" }))
    )
  }

  return {
    register: <A, R, Reply>(handler: Handler<A, R, Reply>) => {
      const { name, purpose } = handler.message
      return Effect.acquireRelease(
        Effect.gen(function*() {
          if (handlers.has(purpose)) {
            return yield* new WendyPurposeError({
              purpose,
              message: `this client has a handler for "${name}", or for another message of purpose ${purpose}`
            })
          }
          handlers.set(purpose, { handler, context: yield* Effect.context<R>() })
        }),
        () => Effect.sync(() => handlers.delete(purpose))
      )
    },
    serve: (session) =>
      Stream.runDrain(Stream.mapEffect(session.messages, (bytes) => {
        const delivery = Relayed.decodeDelivery(bytes)
        return delivery === undefined
          ? Effect.void
          : Effect.flatMap(handle(delivery), (answer) => session.send(Relayed.encodeNumbered(delivery.number, answer)))
      }, { concurrency, unordered: true }))
  }
}
