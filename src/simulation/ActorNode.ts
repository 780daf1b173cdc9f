/**
 * ActorNode: one Node of a simulation, whole: `Cluster.make` on a simulated machine and network.
 *
 * Everything that a Node has outside is there: actors with fibers and mailboxes,
 * handshakes, encoded and validated frames, an application. Only time, the network, the
 * scheduler and chance are simulated.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { type Observed, Observer } from "../actors/Observer.ts"
import * as Cluster from "../Cluster.ts"
import * as Membership from "../core/Membership.ts"
import * as Routing from "../core/Routing.ts"
import type { DeliveryClass } from "../protocol/Message.ts"
import type * as NodeId from "../ring/NodeId.ts"
import { Transport } from "../transport/Transport.ts"
import * as Host from "./Host.ts"
import { Machine } from "./Machine.ts"
import { Network } from "./Network.ts"
import type { Engine, HostEnvironment, NodeOptions, SimulatedNode } from "./SimulatedNode.ts"

interface Shared extends HostEnvironment {
  readonly network: Network
}

/** Where every Node listens. */
export const port = 7000

/**
 * One Node of a simulation.
 *
 * @category models
 * @since 0.1.0
 */
export class ActorNode implements SimulatedNode {
  readonly host: Host.Host
  readonly machine: Machine
  isEnded = false
  readonly #shared: Shared
  readonly #address: string
  readonly #cluster = Deferred.makeUnsafe<Cluster.Cluster["Service"]>()
  #observed: Observed | undefined

  constructor(shared: Shared, birth: NodeOptions, machine: Machine) {
    const { observer, timeline } = shared
    this.#shared = shared
    this.host = birth.host
    this.machine = machine
    this.#address = Host.addressOf(birth.host.number)
    const program = Effect.gen({ self: this }, function*() {
      const cluster = yield* Cluster.make({
        id: birth.self.id,
        localHost: this.#address,
        port,
        region: birth.host.region,
        join: birth.seeds.map(({ number }) => `${Host.addressOf(number)}:${port}`),
        config: shared.config,
        application: {
          onDeliver: ({ hops, value }) => Effect.sync(() => observer.delivered(this, value, hops))
        }
      })
      yield* Deferred.succeed(this.#cluster, cluster)
      return yield* Effect.never
    })
    const ended = program.pipe(
      Effect.provideService(Transport, shared.network.transport(this.#address)),
      Effect.provideService(Observer, {
        started: (node) => {
          this.#observed = node
        },
        stepped: () => observer.stepped(this),
        emitted: (event) => observer.emitted(this, event),
        held: (frame) => observer.held(this, frame),
        gaveUp: (frame) => observer.gaveUp(this, frame)
      }),
      Effect.scoped,
      Effect.orDie
    )
    machine.fork(ended)
    timeline.catchUp()
  }

  get #known(): Observed {
    if (this.#observed === undefined) throw new Error(`the Node at ${this.#address} has not begun`)
    return this.#observed
  }

  get membership(): SimulatedNode["membership"] {
    return this.#known.membership
  }

  get messages(): SimulatedNode["messages"] {
    return this.#known.messages
  }

  get self(): SimulatedNode["self"] {
    return this.#known.self
  }

  get now(): number {
    return this.machine.now
  }

  get isPaused(): boolean {
    return this.machine.isPaused
  }

  get isReady(): boolean {
    return !this.isEnded && Membership.isReady(this.membership, this.now)
  }

  covers(key: NodeId.NodeId): boolean {
    return !this.isEnded && Membership.covers(this.membership, key, this.now + this.#known.sleptUnnoticed())
  }

  inCustody(): ReadonlyArray<Uint8Array> {
    return Routing.inCustody(this.messages.routing)
  }

  #use(program: (cluster: Cluster.Cluster["Service"]) => Effect.Effect<void>): void {
    this.machine.run(() => this.machine.fork(Effect.flatMap(Deferred.await(this.#cluster), program)))
  }

  send(number: number, key: NodeId.NodeId, deliveryClass: DeliveryClass, value: Uint8Array): void {
    const message = { key, purpose: 16, value }
    this.#use((cluster) =>
      deliveryClass === "confirmed"
        ? Effect.exit(cluster.sendConfirmed(message)).pipe(
          Effect.map((exit) =>
            this.#shared.observer.resolved(this, number, Exit.isSuccess(exit) ? "receipt" : "failed")
          )
        )
        : Effect.ignore(cluster.send(message, { delivery: deliveryClass }))
    )
  }

  leave(): void {
    this.#use((cluster) => Effect.andThen(cluster.leave, Effect.sync(() => this.end())))
  }

  end(): void {
    if (this.isEnded) return
    this.#shared.observer.ended(this)
    this.isEnded = true
    this.machine.kill()
    this.#shared.network.kill(this.#address)
  }

  pause(): void {
    this.machine.pause()
  }

  resume(): void {
    if (!this.isEnded) this.machine.resume()
  }

  sleep(milliseconds: number): void {
    this.machine.sleep(milliseconds)
  }

  jump(milliseconds: number): void {
    this.machine.jump(milliseconds)
  }

  reset(): void {
    this.#shared.network.reset(this.#address)
  }
}

/**
 * Runs Nodes whole.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeEngine = (surroundings: HostEnvironment): Engine => {
  const { hostAt, timeline } = surroundings
  const machines = new Map<string, Machine>()
  const network = new Network({
    ...surroundings,
    hostOf: (address) => hostAt(Host.numberOf(address)),
    wake: (address, resume) => timeline.soon(() => machines.get(address)!.run(resume))
  })
  const shared = { ...surroundings, network }
  return (birth) => {
    const startOfTime = birth.self.incarnation - timeline.now * birth.rate
    const machine = new Machine(timeline, birth.rng, startOfTime, birth.rate)
    machines.set(Host.addressOf(birth.host.number), machine)
    return new ActorNode(shared, birth, machine)
  }
}
