/**
 * effectRpc: the RPC modules of Effect over TCP, with the socket protocol.
 *
 * Its strong form: SchemaBinary serialization (binary, values as bytes; JSON would write them as base64), no tracing, no
 * bound on what the server works on at once, `TCP_NODELAY`. One way: requests with an empty answer, 1,024 under way; and
 * `discard`: calls that nobody answers, and after each window of 1,024 one that somebody does; four windows under way.
 */
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcClient from "effect/rpc/RpcClient"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as RpcServer from "effect/rpc/RpcServer"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { SocketServer } from "effect/socket/SocketServer"
import type { Requesting, Sending, System } from "../System.ts"
import { Tally } from "../Tally.ts"
import { makeValue, numberOf } from "../Values.ts"

class Put extends Rpc.make("Put", { payload: Schema.Struct({ value: Schema.Uint8Array }) }) {}
class Group extends RpcGroup.make(Put) {}

const window = 1024

export const system: System = {
  serve: async () => {
    const tally = new Tally()
    const handlers = Group.toLayer({
      Put: ({ value }) => {
        tally.add(numberOf(value))
        return Effect.void
      }
    })
    const layer = RpcServer.layer(Group, { disableTracing: true, concurrency: "unbounded" }).pipe(
      Layer.provide(handlers),
      Layer.provide(RpcServer.layerProtocolSocketServer),
      Layer.provide(RpcSerialization.layerSchemaBinary()),
      Layer.provideMerge(NodeSocketServer.layer({ host: "127.0.0.1", port: 0, noDelay: true })),
      Layer.provideMerge(Logger.layer([]))
    )
    const context = await Effect.runPromise(Layer.buildWithScope(layer, Scope.makeUnsafe()))
    const { address } = Context.get(context, SocketServer)
    return { address: (address as { readonly port: number }).port, tally }
  },
  connect: async ({ form, to }) => {
    const protocol = RpcClient.layerProtocolSocket().pipe(
      Layer.provide(RpcSerialization.layerSchemaBinary()),
      Layer.provide(NodeSocket.layerNet({ host: "127.0.0.1", port: to as number, noDelay: true }))
    )
    const scope = Scope.makeUnsafe()
    const client = await Effect.runPromise(
      Effect.gen(function*() {
        const context = yield* Layer.buildWithScope(protocol, scope)
        return yield* RpcClient.make(Group, { disableTracing: true }).pipe(Effect.provideContext(context))
      }).pipe(Scope.provide(scope))
    )
    const put = (number: number, size: number) => client.Put({ value: makeValue(number, size) })
    const requests = ({ count, from, inFlight, size }: Requesting, times: Float64Array) => {
      let next = 0
      const worker = Effect.gen(function*() {
        while (next < count) {
          const index = next++
          const began = performance.now()
          yield* put(from + index, size)
          times[index] = performance.now() - began
        }
      })
      const workers = Array.from({ length: Math.min(inFlight, count) }, () => worker)
      return Effect.runPromise(Effect.all(workers, { concurrency: "unbounded", discard: true }))
    }
    const discard = ({ count, from, size }: Sending) => {
      let next = 0
      const worker = Effect.gen(function*() {
        while (next < count) {
          const first = next
          const last = Math.min(count, first + window) - 1
          next = last + 1
          for (let index = first; index < last; index++) {
            yield* client.Put({ value: makeValue(from + index, size) }, { discard: true })
          }
          yield* put(from + last, size)
        }
      })
      return Effect.runPromise(
        Effect.all([worker, worker, worker, worker], { concurrency: "unbounded", discard: true })
      )
    }
    return {
      requests,
      oneWay: form === "discard"
        ? discard
        : (sending) => requests({ ...sending, inFlight: window }, new Float64Array(sending.count)),
      launch: (number, size, done) => {
        Effect.runFork(put(number, size)).addObserver((exit) => {
          if (Exit.isSuccess(exit)) done()
        })
      }
    }
  }
}
