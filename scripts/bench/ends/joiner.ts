/** joiner: joins a ring and leaves it, again and again, each time as a new Node. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Cluster from "../../../src/Cluster.ts"
import * as Tcp from "../../../src/transport/Tcp.ts"
import { percentile } from "../Statistics.ts"

const network = Layer.merge(Tcp.layer, Logger.layer([]))

export const open = ({ port }: { readonly port: number }) => {
  const join = Effect.gen(function*() {
    const began = performance.now()
    const { ready } = yield* Cluster.make({ join: [`127.0.0.1:${port}`], joinTimeout: "20 seconds" })
    yield* ready
    return performance.now() - began
  }).pipe(Effect.scoped)
  return {
    join: async (count: number) => {
      const times = Float64Array.from(
        await Effect.runPromise(
          Effect.forEach(Array.from({ length: count }), () => join).pipe(Effect.provide(network))
        )
      ).sort()
      return { p50: percentile(times, 0.5), p99: percentile(times, 0.99), longest: percentile(times, 1) }
    }
  }
}
