/**
 * NodeState: the state of one Node, and its clock.
 *
 * Each part has one writer, an actor; the others read it between two turns of the
 * event loop, so that a routing decision costs no message. `membership` is written
 * by StateTables, everything else by the Router. Whoever finds that the machine has
 * slept leaves it to StateTables to make the leases shorter; until that is done,
 * leases are read at a time that is so much later (rule L6).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as MembershipState from "../core/MembershipState.ts"
import * as Messaging from "../core/Messaging.ts"
import * as OwnedKeys from "../core/OwnedKeys.ts"
import type { ClusterConfig } from "../protocol/ClusterConfig.ts"
import type * as Node from "../ring/Node.ts"
import type { Identity } from "../transport/Link.ts"
import { Mailboxes } from "./Mailboxes.ts"
import * as NodeClock from "./NodeClock.ts"
import { Observer } from "./Observer.ts"
import type { PendingReceipt } from "./PendingReceipt.ts"

/**
 * Counts of what happened at bounds and of what could not be done; they only grow.
 *
 * @category models
 * @since 0.1.0
 */
export interface Counters extends Messaging.Counters {
  /** Connections ended for a malformed frame. */
  malformed: number
  /** Connections refused in the handshake, by either end. */
  refused: number
  /** Dials that were not made, for too many Nodes were said to live there, or at addresses where nobody has been met. */
  undialled: number
}

/**
 * The state of one Node, and its clock.
 *
 * @category services
 * @since 0.1.0
 */
export class NodeState extends Context.Service<NodeState, {
  /** This Node as it is now: its incarnation may rise while it joins (rule J8). */
  readonly self: Node.Node
  readonly config: ClusterConfig
  readonly identity: Identity
  /** Milliseconds of this Node's clock. Where the machine has slept since the last look, StateTables is told. */
  readonly now: () => number
  /** Milliseconds that the machine had slept when `now` was last asked, and of which the leases do not know yet. */
  readonly slept: () => number
  /** The same at this moment. Changes nothing. */
  readonly sleptUnnoticed: () => number
  /** When to read leases at, at this moment. Changes nothing. */
  readonly leaseTime: () => number
  /** The same as `sleptUnnoticed`, taken out: StateTables alone does this, and lets the leases know. */
  readonly takeSlept: () => number
  readonly membership: MembershipState.State
  /** What was last told of the keys that this Node answers for. */
  readonly owned: OwnedKeys.State
  readonly messages: Messaging.State<PendingReceipt>
  readonly counters: Counters
}>()("effect-wendy/actors/NodeState") {
  static readonly layer = (options: {
    readonly self: Node.Node
    readonly config: ClusterConfig
    readonly identity: Identity
    readonly seed: number
  }): Layer.Layer<NodeState, never, Mailboxes> =>
    Layer.effect(
      NodeState,
      Effect.gen(function*() {
        const { config, identity, seed } = options
        const membership = MembershipState.make(options.self, { ...config, jitter: config.joinJitter }, seed)
        const messages = Messaging.makeState<PendingReceipt>(membership, config)
        const clock = yield* NodeClock.make(config.margin)
        const { stateTables } = yield* Mailboxes
        const observer = yield* Observer
        const state = NodeState.of({
          get self() {
            return membership.self
          },
          config,
          identity: {
            ...identity,
            get node() {
              return membership.self
            },
            get security() {
              return identity.security
            }
          },
          now: () => {
            if (NodeClock.look(clock)) stateTables.offer({ _tag: "Woken" })
            return clock.monotonicAt
          },
          slept: () => clock.slept,
          sleptUnnoticed: () => NodeClock.slept(clock),
          leaseTime: () => NodeClock.now(clock) + NodeClock.slept(clock),
          takeSlept: () => NodeClock.takeSlept(clock),
          membership,
          owned: OwnedKeys.make(membership),
          messages,
          counters: Object.assign(messages.counters, { malformed: 0, refused: 0, undialled: 0 })
        })
        observer?.started(state)
        return state
      })
    )
}
