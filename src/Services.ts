/**
 * Services: what stands on a Node beside its applications, each under a purpose of its own below 16.
 *
 * A service tells copies of its messages apart by itself, by state of its own which it can hand on: the memory of the
 * overlay ends with its root, and says *delivered* of what still runs. So what a service gets are all copies, and what it
 * answers is what the sender gets. Rule C8 of `docs/protocol.md`. No part of the public interface.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { Answer } from "./protocol/Frame.ts"
import type { Definition, Message } from "./protocol/Message.ts"
import * as Purposes from "./protocol/Purposes.ts"
import type * as NodeId from "./ring/NodeId.ts"

/**
 * What a message is told apart by: the same in all its copies, but for the floor, below which its sender sends nothing any more.
 *
 * @category models
 * @since 0.1.0
 */
export interface MessageId {
  readonly origin: NodeId.NodeId
  readonly incarnation: number
  readonly counter: number
  readonly floor: number
}

/**
 * A service of a Node.
 *
 * @category models
 * @since 0.1.0
 */
export interface Service {
  /** One of those that `Purposes` sets aside: 4 to 15. */
  readonly purpose: number
  /** Whether clients may send it messages. */
  readonly allowsClients: boolean
  /** Messages that it works on at once; more wait, and hold up nobody else's. */
  readonly maxDelivering: number
  /** A message, or a copy of one, has come. The answer, or `undefined`, and `done` is called with it later, once. */
  readonly onMessage: (message: Message, id: MessageId, done: (answer: Answer) => void) => Answer | undefined
}

const bytes = { encode: Result.succeed<Uint8Array>, decode: Result.succeed<Uint8Array> }

/**
 * Messages of a purpose below 16, which no application can define: bytes that are answered by bytes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const define = (name: string, purpose: number): Definition<Uint8Array, Uint8Array> => {
  const definition: Definition<Uint8Array, Uint8Array> = {
    name,
    purpose,
    make: (key, value) => ({ definition, key, value }),
    ...bytes,
    reply: bytes
  }
  return definition
}

interface Registered {
  readonly service: Service
  delivering: number
}

/**
 * The services of one Node.
 *
 * @category models
 * @since 0.1.0
 */
export class Services {
  readonly #services = new Map<number, Registered>()
  /** Called when a service has gone: nothing waits for it any more. */
  onRoom = (): void => {}

  /** Registers a service as long as the scope is open. Its purpose must be free: a second one is a defect. */
  register(service: Service): Effect.Effect<void, never, Scope.Scope> {
    const { purpose } = service
    return Effect.asVoid(Effect.acquireRelease(
      Effect.suspend(() => {
        if (!Purposes.isService(purpose) || this.#services.has(purpose)) {
          return Effect.die(new RangeError(`the purpose ${purpose} is no free one of services`))
        }
        this.#services.set(purpose, { service, delivering: 0 })
        return Effect.void
      }),
      () =>
        Effect.sync(() => {
          this.#services.delete(purpose)
          this.onRoom()
        })
    ))
  }

  /** Whether clients may send messages of a purpose. */
  serves(purpose: number): boolean {
    return this.#services.get(purpose)?.service.allowsClients === true
  }

  /** Whether the service of a purpose has room for another message. */
  mayDeliver(purpose: number): boolean {
    const registered = this.#services.get(purpose)
    return registered === undefined || registered.delivering < registered.service.maxDelivering
  }

  /** A message has come. Without the service that it is for it has failed. */
  deliver(message: Message, id: MessageId, done: (answer: Answer) => void): Answer | undefined {
    const registered = this.#services.get(message.purpose)
    if (registered === undefined) return "failed"
    registered.delivering++
    const answer = registered.service.onMessage(message, id, (answer) => {
      registered.delivering--
      done(answer)
    })
    if (answer !== undefined) registered.delivering--
    return answer
  }
}

const services = new WeakMap<object, Services>()

/**
 * Says which services a Node has.
 *
 * @category constructors
 * @since 0.1.0
 */
export const provide = (cluster: object, its: Services): void => void services.set(cluster, its)

/**
 * The services of a Node; `undefined` of what is no Node of ours.
 *
 * @category getters
 * @since 0.1.0
 */
export const of = (cluster: object): Services | undefined => services.get(cluster)
