/** The build of `version1.js`: what the tests use of it. */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as NodeId from "../../src/ring/NodeId.ts"
import type { Transport } from "../../src/transport/Transport.ts"

interface Outgoing {
  readonly key: NodeId.NodeId
  readonly purpose: number
  readonly value: Uint8Array
}

interface Receipt {
  readonly root: { readonly hex: string }
  readonly hops: number
}

/** A Node of version 1. It takes the Transport of today: that has the same key, and all that version 1 asks of it. */
export interface OldCluster {
  readonly node: { readonly hex: string; readonly id: NodeId.NodeId; readonly port: number }
  readonly ready: Effect.Effect<void, unknown>
  readonly isReady: Effect.Effect<boolean>
  readonly nodes: Effect.Effect<ReadonlyArray<unknown>>
  readonly sendConfirmed: (
    message: Outgoing,
    options?: { readonly deadline?: string }
  ) => Effect.Effect<Receipt, { readonly reason: string }>
  readonly kill: Effect.Effect<void>
}

export const Cluster: {
  readonly make: (options: {
    readonly id?: NodeId.NodeId
    readonly join?: ReadonlyArray<string>
    readonly application?: { readonly onDeliver: (message: Outgoing) => Effect.Effect<unknown> }
  }) => Effect.Effect<OldCluster, unknown, Transport | Scope.Scope>
}

export const Client: {
  readonly make: (options: { readonly to: ReadonlyArray<string> }) => Effect.Effect<
    { readonly connected: Effect.Effect<void, unknown>; readonly sendConfirmed: OldCluster["sendConfirmed"] },
    unknown,
    Transport | Scope.Scope
  >
}

export const NodeId: { readonly fromString: (text: string) => NodeId.NodeId }
