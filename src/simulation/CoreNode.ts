/**
 * CoreNode: one Node of a simulation, as the bare core and a driver of it.
 *
 * It runs the very step functions that the actors run (`Membership`,
 * `Messaging`), on the simulation's timeline and wire, without fibers, queues
 * and encoding of control messages. What the actors decide around the core it decides by the same
 * functions: links by `LinkTable`, dials by `Dials` and `DialRateLimiter`, seeds by `Bootstrap`.
 *
 * @since 0.1.0
 */
import * as Bootstrap from "../core/Bootstrap.ts"
import { DialRateLimiter, dialsAtOnce, dialsPerSecond } from "../core/DialRateLimiter.ts"
import * as Dials from "../core/Dials.ts"
import * as Handover from "../core/Handover.ts"
import * as LinkTable from "../core/LinkTable.ts"
import * as Liveness from "../core/Liveness.ts"
import * as Membership from "../core/Membership.ts"
import * as MembershipState from "../core/MembershipState.ts"
import * as Messaging from "../core/Messaging.ts"
import * as Ownership from "../core/Ownership.ts"
import * as Routing from "../core/Routing.ts"
import { type ControlMessage, maxDelivered } from "../protocol/ControlMessage.ts"
import * as Frame from "../protocol/Frame.ts"
import * as Handshake from "../protocol/Handshake.ts"
import type { DeliveryClass, RawMessage } from "../protocol/Message.ts"
import * as Node from "../ring/Node.ts"
import type * as NodeId from "../ring/NodeId.ts"
import { CoreNetwork, type End, type Payload, type Process } from "./CoreNetwork.ts"
import { type Host, numberOf } from "./Host.ts"
import type { Engine, HostEnvironment, NodeOptions, SimulatedNode } from "./SimulatedNode.ts"
import { callOff, type Plan } from "./Timeline.ts"

/**
 * The code that a Node runs. Tests replace parts of it, to see that a broken Node is caught.
 *
 * @category models
 * @since 0.1.0
 */
export interface Code {
  readonly step: typeof Membership.step
  readonly makeMessaging: typeof Messaging.make
}

/**
 * The code that is shipped.
 *
 * @category constants
 * @since 0.1.0
 */
export const shipped: Code = { step: Membership.step, makeMessaging: Messaging.make }

/**
 * What a Node keeps with an own confirmed message: which message it is to the simulation.
 *
 * @category models
 * @since 0.1.0
 */
export interface Context extends Messaging.Context {
  readonly number: number
}

interface Shared extends HostEnvironment {
  readonly wire: CoreNetwork
}

/**
 * One Node of a simulation.
 *
 * @category models
 * @since 0.1.0
 */
export class CoreNode implements SimulatedNode, Process {
  readonly host: Host
  readonly membership: MembershipState.State
  readonly messages: Messaging.State<Context>
  isPaused = false
  isEnded = false
  readonly #surroundings: Shared
  readonly #code: Code
  readonly #messaging: Messaging.Messaging<Context>
  readonly #seeds: ReadonlyArray<Host>
  readonly #table = LinkTable.make<End>()
  readonly #dials = Dials.make<Payload>()
  readonly #dialLimiter = new DialRateLimiter(dialsAtOnce, dialsPerSecond)
  readonly #rate: number
  /** How far its monotonic clock is ahead, in milliseconds: behind, if it stood still while the machine slept. */
  #ahead = 0
  /** By how much its wall clock has run ahead since it last looked. */
  #slept = 0
  #wakePlan: Plan | undefined
  #lookPlan: Plan | undefined
  /** What happens when it goes on after a pause, in order. */
  #waiting: Array<() => void> = []
  readonly #out: Array<MembershipState.Output> = []
  #isStepping = false
  /** What came up while something else was being done here, in order: nothing runs inside another. */
  readonly #tasks: Array<() => void> = []
  #isBusy = false
  readonly #inputs: Array<MembershipState.Input> = []
  readonly #bootstrap: Bootstrap.State
  #isReady = false
  #seedPlan: Plan | undefined

  constructor(surroundings: Shared, start: NodeOptions, code: Code) {
    const { config } = surroundings
    this.#surroundings = surroundings
    this.#code = code
    this.#rate = start.rate
    this.#seeds = start.seeds.filter((seed) => seed !== start.host)
    this.host = start.host
    this.#bootstrap = Bootstrap.make(this.now, { hasSeeds: this.#seeds.length > 0, patience: config.seedPatience })
    this.#bootstrap.isSeed = this.#seeds.length < start.seeds.length
    this.membership = MembershipState.make(start.self, { ...config, jitter: config.joinJitter }, start.rng.word())
    this.messages = Messaging.makeState<Context>(this.membership, config)
    const { observer } = surroundings
    this.#messaging = code.makeMessaging(this.messages, {
      transmit: (link, frame) => {
        const end = this.#table.entries.get(link)
        if (end !== undefined) this.#transmit(end, frame)
      },
      linkTo: (id) => LinkTable.linkTo(this.#table, id, Liveness.known(this.membership, id))?.id,
      dial: (node) => this.#dial(node),
      suspect: (node) => this.#do(() => this.#step({ _tag: "Suspect", node })),
      deliver: (message) => {
        observer.delivered(this, message.value, message.hops)
        return "delivered"
      },
      returned: () => {},
      left: () => {},
      resolve: ({ context }, resolution) => {
        const isDelivered = resolution._tag === "Receipt" && resolution.receipt.outcome === "delivered"
        observer.resolved(this, context.number, isDelivered ? "receipt" : "failed")
      },
      held: (frame) => observer.held(this, frame),
      gaveUp: (frame) => observer.gaveUp(this, frame)
    })
    surroundings.wire.attach(this)
    this.#after(config.idleTimeout / LinkTable.displacedPart, () => this.#closeIdle())
    this.#do(() => this.#askSeeds())
  }

  get self(): Node.Node {
    return this.membership.self
  }

  get now(): number {
    return this.#surroundings.timeline.now * this.#rate + this.#ahead
  }

  jump(milliseconds: number): void {
    this.#slept += milliseconds
    if (this.isPaused) return
    Ownership.age(this.membership, this.#slept)
    this.#slept = 0
    this.#do(() => this.#step({ _tag: "Woken" }))
  }

  sleep(milliseconds: number): void {
    this.pause()
    this.#ahead -= milliseconds * this.#rate
    this.#slept += milliseconds
  }

  covers(key: NodeId.NodeId): boolean {
    return !this.isEnded && Membership.covers(this.membership, key, this.now + this.#slept)
  }

  get isReady(): boolean {
    return !this.isEnded && Membership.isReady(this.membership, this.now)
  }

  send(number: number, key: NodeId.NodeId, deliveryClass: DeliveryClass, value: Uint8Array): void {
    this.#do(() => this.#send(number, { key, purpose: 16, value }, deliveryClass))
  }

  #send(number: number, message: RawMessage, deliveryClass: DeliveryClass): void {
    if (deliveryClass === "confirmed") {
      const deadline = this.now + this.#surroundings.config.confirmDeadline
      this.#messaging.sendConfirmed(this.now, message, deadline, { number, target: undefined })
    } else {
      this.#messaging.send(this.now, this.#messaging.frameOf(message, deliveryClass))
    }
    this.#look()
  }

  leave(): void {
    this.#run(() => this.#step({ _tag: "Leave" }))
  }

  end(): void {
    if (this.isEnded) return
    this.#surroundings.observer.ended(this)
    this.isEnded = true
    this.#surroundings.wire.detach(this)
    callOff(this.#wakePlan)
    callOff(this.#lookPlan)
    callOff(this.#seedPlan)
    for (const end of Array.from(this.#table.entries.values())) this.#surroundings.wire.close(end)
    for (const map of [this.#table.entries, this.#table.used, this.#table.newest]) map.clear()
    for (const map of [this.#dials.byGoal, this.#dials.lines]) map.clear()
    this.#waiting = []
  }

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    if (!this.isPaused || this.isEnded) return
    this.isPaused = false
    const waiting = this.#waiting
    this.#waiting = []
    if (this.#slept > 0) {
      Ownership.age(this.membership, this.#slept)
      this.#slept = 0
    }
    this.#do(() => this.#step({ _tag: "Woken" }))
    for (const task of waiting) this.#run(task)
    this.#do(() => {
      this.#rearm()
      this.#look()
    })
  }

  reset(): void {
    for (const end of Array.from(this.#table.entries.values())) this.#surroundings.wire.breakOff(end)
  }

  inCustody(): ReadonlyArray<Uint8Array> {
    return Routing.inCustody(this.messages.routing)
  }

  // ---------------------------------------------------------------------------
  // time
  // ---------------------------------------------------------------------------

  #run(task: () => void): void {
    if (this.isEnded) return
    if (this.isPaused) this.#waiting.push(task)
    else this.#do(task)
  }

  #do(task: () => void): void {
    if (this.#isBusy) {
      this.#tasks.push(task)
      return
    }
    this.#isBusy = true
    task()
    this.#rest()
  }

  /** Does what came up meanwhile. */
  #rest(): void {
    for (let task = this.#tasks.shift(); task !== undefined; task = this.#tasks.shift()) if (!this.isEnded) task()
    this.#isBusy = false
  }

  #after(delay: number, task: () => void): Plan {
    return this.#surroundings.timeline.after(delay / this.#rate, () => this.#run(task))
  }

  /** Plans the next wake-up of the membership, unless one comes early enough anyway. */
  #rearm(): void {
    if (this.isEnded) return
    const at = Membership.wakeAt(this.membership)
    if (at === Number.POSITIVE_INFINITY) return
    // Timers are not finer than a millisecond: as `actors/Heartbeat`.
    const delay = Math.max(1, Math.ceil(at - this.now)) / this.#rate
    const { timeline } = this.#surroundings
    const plan = this.#wakePlan
    if (plan !== undefined && plan.run !== undefined && plan.at <= timeline.now + delay) return
    callOff(plan)
    this.#wakePlan = timeline.after(delay, () => {
      this.#wakePlan = undefined
      this.#run(() => {
        if (Membership.wakeAt(this.membership) <= this.now) this.#step({ _tag: "Woken" })
        else this.#rearm()
      })
    })
  }

  /** Looks at the messages under way now and then, as long as there are any. */
  #look(): void {
    if (this.#lookPlan !== undefined || this.isEnded || !Messaging.isActive(this.messages)) return
    this.#lookPlan = this.#after(Messaging.lookAfter(this.messages, this.now), () => {
      this.#lookPlan = undefined
      if (Messaging.wakeAt(this.messages) <= this.now) this.#messaging.wake(this.now)
      this.#look()
    })
  }

  // ---------------------------------------------------------------------------
  // membership
  // ---------------------------------------------------------------------------

  /** One input after another: a step may cause further inputs, which wait for their turn as in a mailbox. */
  #step(input: MembershipState.Input): void {
    if (this.isEnded) return
    this.#inputs.push(input)
    if (this.#isStepping) return
    this.#isStepping = true
    let isChanged = false
    for (let next = this.#inputs.shift(); next !== undefined && !this.isEnded; next = this.#inputs.shift()) {
      this.#code.step(this.membership, this.now, next, this.#out)
      for (const output of this.#out.splice(0)) {
        if (output._tag === "Send") this.#sendOut(output.to, output.message)
        else if (output.event._tag === "OwnershipChanged") isChanged = true
        else this.#emit(output.event)
      }
      this.#surroundings.observer.stepped(this)
    }
    this.#inputs.length = 0
    this.#isStepping = false
    if (this.isEnded) return
    if (isChanged) {
      this.#messaging.ownershipChanged(this.now)
      this.#look()
    }
    this.#rearm()
  }

  #sendOut(to: Node.Node, message: ControlMessage): void {
    const handover = Handover.attach(this.membership, this.messages.deduplication, to, message)
    for (let from = 0; from < handover.before.length; from += maxDelivered) {
      this.#put(to, Frame.delivered(handover.before.slice(from, from + maxDelivered)))
    }
    this.#put(to, handover.message)
  }

  #emit(event: MembershipState.Event): void {
    switch (event._tag) {
      case "Ready": {
        this.#isReady = true
        Bootstrap.ready(this.#bootstrap)
        callOff(this.#seedPlan)
        this.#rememberSeeds(0)
        break
      }
      case "Detached": {
        this.#isReady = false
        callOff(this.#seedPlan)
        this.#askSeeds()
        break
      }
      case "NodeExited": {
        if (event.reason === "failed") this.#abandon(event.node)
        if (event.reason === "forgotten") LinkTable.displaced(this.#table, event.node)
        break
      }
      case "IncarnationRaised": {
        this.#sayByeToAll()
        break
      }
      case "Left": {
        const patience = this.messages.routing.custody > 0 ? Messaging.drainPatience : 0
        this.#after(patience, () => {
          this.#sayByeToAll()
          this.end()
        })
        break
      }
      default:
        break
    }
    this.#surroundings.observer.emitted(this, event)
  }

  /** One round through the seeds, and the next after a pause, until this Node is ready. */
  #askSeeds(): void {
    if (this.isEnded || this.#isReady) return
    const { again, dial } = Bootstrap.beginRound(
      this.#bootstrap,
      this.#seeds.map(({ number }) => `${number}`),
      (node) => LinkTable.linkFor(this.#table, node) !== undefined
    )
    for (const via of again) this.#step({ _tag: "Join", via })
    for (const address of dial) {
      this.#askSeed(
        this.#surroundings.hostAt(Number(address)),
        (outcome) => Bootstrap.settle(this.#bootstrap, address, outcome)
      )
    }
    callOff(this.#seedPlan)
    this.#seedPlan = this.#after(Bootstrap.pause(this.#bootstrap), () => this.#decide())
  }

  #decide(): void {
    if (Bootstrap.decide(this.#bootstrap, this.membership, this.now)._tag === "StartRing") {
      this.#bootstrap.hasRing = true
      this.#step({ _tag: "Found" })
    }
    this.#askSeeds()
  }

  #askSeed(seed: Host, settle: (outcome: Bootstrap.Outcome) => void): void {
    this.#connect(seed, () => true, (end) => {
      if (typeof end !== "object") return settle({ _tag: "Failed", message: end })
      settle({ _tag: "Member", node: end.node })
      this.#step({ _tag: "Join", via: end.node })
    })
  }

  /** Asks for the seeds that are not known by now, for one of them may have a ring of its own. Rule S1. */
  #rememberSeeds(looks: number): void {
    if (this.#seeds.length === 0) return
    const pause = Bootstrap.rememberAfter(looks, this.#surroundings.config.tableExchange)
    this.#seedPlan = this.#after(pause, () => {
      const known = new Set(Array.from(this.membership.announced.values(), (node) => this.#hostOf(node)))
      for (const seed of this.#seeds) if (!known.has(seed)) this.#askSeed(seed, () => {})
      this.#rememberSeeds(looks + 1)
    })
  }

  // ---------------------------------------------------------------------------
  // links
  // ---------------------------------------------------------------------------

  #hostOf(node: Node.Node): Host {
    return this.#surroundings.hostAt(numberOf(node.localHost))
  }

  #connect(
    host: Host,
    isMeant: (node: Node.Node) => boolean,
    done: Parameters<CoreNetwork["dial"]>[3]
  ): void {
    const { config, wire } = this.#surroundings
    const timeouts = { dial: config.dialTimeout, handshake: config.handshakeTimeout }
    wire.dial(this, host, timeouts, (result) => this.#run(() => done(result)), isMeant)
  }

  #addressOf({ localHost, port }: Node.Node): string {
    return `${localHost} ${port}`
  }

  #dial(node: Node.Node): void {
    const address = this.#addressOf(node)
    if (Dials.find(this.#dials, node, address) !== undefined) return
    const begun = Dials.begin(this.#dials, node, address, () => this.#dialLimiter.pass(address, this.now))
    if (begun.when === "never") {
      this.#do(() => {
        this.#messaging.dialFailed(this.now, node)
        this.#look()
      })
    } else if (begun.when === "now") this.#attempt(begun.dial, true)
  }

  #attempt(dial: Dials.Dial<Payload>, isFirst: boolean): void {
    const { address, node, queue } = dial
    this.#connect(this.#hostOf(node), (other) => Node.isSameLife(other, node), (result) => {
      // A connection that breaks in the handshake is what a process that is just dying shows: the next dial tells.
      if (isFirst && result === "Handshake") return this.#attempt(dial, false)
      const next = Dials.end(this.#dials, dial)
      if (next !== undefined) this.#attempt(next, true)
      if (typeof result === "object") this.#dialLimiter.prove(address)
      const end = LinkTable.linkFor(this.#table, node)
      if (typeof result === "object" && end !== undefined) {
        for (const payload of queue) this.#transmit(end, payload)
        return
      }
      if (result === "Refused" || result === "Other") this.#step({ _tag: "Refused", node })
      this.#messaging.dialFailed(this.now, node)
      this.#look()
    })
  }

  #put(to: Node.Node, payload: Payload): void {
    const end = LinkTable.linkFor(this.#table, to)
    if (end !== undefined && !end.isClosed) return this.#transmit(end, payload)
    this.#dial(to)
    const dial = Dials.find(this.#dials, to, this.#addressOf(to))
    if (dial !== undefined) Dials.enqueue(dial, payload)
  }

  #transmit(end: End, payload: Payload): void {
    if (end.isEnding) return
    end.isUsed = true
    this.#surroundings.wire.send(end, payload)
  }

  opened(end: End): void {
    this.#do(() => this.#open(end))
  }

  #open(end: End): void {
    end.usedAt = this.now
    const isBetter = LinkTable.open(this.#table, end)
    const peer = { role: "member", node: end.node, version: Handshake.versions.highest } as const
    this.#messaging.linkUp(this.now, end.id, peer, isBetter, end.roundTrip)
    this.#look()
  }

  arrived(end: End, payload: Payload): void {
    if (this.isPaused) {
      this.#waiting.push(() => this.#receive(end, payload))
      return
    }
    if (this.#isBusy) return void this.#tasks.push(() => this.#receive(end, payload))
    this.#isBusy = true
    this.#receive(end, payload)
    this.#rest()
  }

  #receive(end: End, payload: Payload): void {
    end.isUsed = true
    if (!(payload instanceof Uint8Array)) {
      const brought = Handover.brought(payload)
      if (brought !== undefined && Handover.mayBring(this.membership, end.node)) {
        this.#messaging.receive(this.now, end.id, [brought])
      }
      return this.#step({ _tag: "Received", from: end.node, message: payload })
    }
    const frame = Frame.decode(payload)
    if (frame._tag === "Bye") {
      end.saidBye = true
      return
    }
    this.#messaging.receive(this.now, end.id, [frame])
    this.#look()
  }

  broken(end: End): void {
    this.#run(() => this.#forget(end))
  }

  /** An end is no more: messages go another way, and membership looks at the Node, unless it was expected. */
  #forget(end: End): void {
    if (!this.#table.entries.has(end.id)) return
    const isBroken = LinkTable.close(this.#table, end)
    this.#messaging.linkDown(this.now, end.id)
    this.#look()
    if (isBroken) this.#step({ _tag: "Broken", node: end.node })
  }

  #sayByeToAll(): void {
    for (const end of Array.from(this.#table.entries.values())) this.#sayBye(end)
  }

  #sayBye(end: End): void {
    if (end.isEnding || end.isClosed) return
    this.#surroundings.wire.send(end, Frame.bye())
    end.isEnding = true
    this.#surroundings.wire.close(end)
    this.#forget(end)
  }

  /** Ends the links to a life that has failed. */
  #abandon(node: Node.Node): void {
    for (const end of Array.from(this.#table.entries.values())) {
      if (!Node.isSameLife(end.node, node)) continue
      end.isEnding = true
      this.#surroundings.wire.close(end)
      this.#forget(end)
    }
  }

  #closeIdle(): void {
    const { idleTimeout } = this.#surroundings.config
    const { predecessor, successor } = this.membership
    const idle = LinkTable.idle(this.#table, this.now, {
      idleTimeout,
      isNeighbour: (node) => Node.isSameLife(node, predecessor.node) || Node.isSameLife(node, successor.node),
      isKnown: (id) => Liveness.known(this.membership, id) !== undefined,
      isAwaited: (link) => Routing.isAwaited(this.messages.routing, link)
    })
    for (const end of idle) this.#sayBye(end)
    this.#after(idleTimeout / LinkTable.displacedPart, () => this.#closeIdle())
  }
}

/**
 * Runs Nodes as the bare core; each runs the code that there is for the number of its host.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeEngine = (code: (host: number) => Code = () => shipped) => (surroundings: HostEnvironment): Engine => {
  const { listener, timeline, topology, faultModel } = surroundings
  const shared = { ...surroundings, wire: new CoreNetwork(timeline, topology, faultModel, listener) }
  return (birth) => new CoreNode(shared, birth, code(birth.host.number))
}
