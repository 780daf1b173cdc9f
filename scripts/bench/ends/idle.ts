/** idle: a process that has nothing to do: an empty Effect program, or a Node. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"

interface Argument {
  /** `empty` loads what a Node takes of Effect, `imports` the Node as well. */
  readonly kind: "empty" | "imports" | "node"
  /** Joins this one. */
  readonly seed?: number | undefined
}

export const open = async ({ kind, seed }: Argument) => {
  await Promise.all([
    import("@effect/platform-node/NodeSocket"),
    import("@effect/platform-node/NodeSocketServer"),
    import("effect/Queue"),
    import("effect/Schema"),
    import("effect/Stream")
  ])
  let port = 0
  if (kind === "empty") {
    Effect.runFork(Effect.never)
  } else {
    const Cluster = await import("../../../src/Cluster.ts")
    const Tcp = await import("../../../src/transport/Tcp.ts")
    if (kind === "node") {
      const cluster = await Effect.runPromise(
        Cluster.make({ join: seed === undefined ? [] : [`127.0.0.1:${seed}`] }).pipe(
          Effect.tap(({ ready }) => ready),
          Scope.provide(Scope.makeUnsafe()),
          Effect.provide(Layer.merge(Tcp.layer, Logger.layer([])))
        )
      )
      port = cluster.address.port
    } else {
      Effect.runFork(Effect.never)
    }
  }
  return {
    port: () => port
  }
}
