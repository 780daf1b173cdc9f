/**
 * Application: what the overlay calls when something happens at this Node.
 *
 * Any number of applications may be registered with a Node, at its start
 * (`Cluster.Options.application`) or later (`cluster.register`,
 * `Application.layer`). Each has a mailbox of its own for what happened, so
 * that a slow one is late for itself alone. Whoever only reads messages or events
 * for a while needs none: `cluster.deliveries` and `cluster.events` are Streams.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { Cluster } from "./Cluster.ts"
import type { Application } from "./protocol/Application.ts"
import type { WendyPurposeError } from "./protocol/Message.ts"

export * from "./protocol/Application.ts"

/**
 * Registers an application with the Node of this context as long as the layer lives.
 *
 * **When to use**
 *
 * To embed what a larger service does with its messages: its handlers may use any service of the context.
 *
 * **Details**
 *
 * The services that its callbacks need become requirements of the layer. It fails with `WendyPurposeError` when the Node
 * uses another definition under the purpose of its `message`.
 *
 * **Example** (A handler that uses a service)
 *
 * ```ts
 * import { Context, Deferred, Effect, Layer, Schema } from "effect"
 * import { Application, Cluster, MemoryTransport, Message, NodeId } from "effect-wendy"
 *
 * class Greeter extends Context.Service<Greeter, { readonly greet: (name: string) => string }>()("Greeter") {}
 *
 * const Hello = Message.make("Hello", { purpose: 16, value: Schema.Struct({ name: Schema.String }) })
 * const greeting = Deferred.makeUnsafe<string>()
 *
 * const HelloLive = Application.layer({
 *   message: Hello,
 *   onDeliver: ({ value }) => Greeter.use(({ greet }) => Deferred.succeed(greeting, greet(value.name)))
 * }).pipe(
 *   Layer.provide(Layer.succeed(Greeter, { greet: (name) => `hello, ${name}` })),
 *   Layer.provideMerge(Cluster.layer()),
 *   Layer.provide(MemoryTransport.layer)
 * )
 *
 * const program = Effect.gen(function*() {
 *   const cluster = yield* Cluster.Cluster
 *   yield* cluster.sendConfirmed(Hello.make(NodeId.fromString("alice"), { name: "Alice" }))
 *   return yield* Deferred.await(greeting)
 * })
 *
 * await Effect.runPromise(Effect.provide(program, HelloLive)) // => "hello, Alice"
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <A = Uint8Array, R = never, Reply = undefined>(
  application: Application<A, R, Reply>
): Layer.Layer<never, WendyPurposeError, Cluster | Exclude<R, Scope.Scope>> =>
  Layer.effectDiscard(Effect.flatMap(Cluster, (cluster) => cluster.register(application)))
