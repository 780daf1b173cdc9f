/** A few Nodes whose messages are delivered in order, on one clock: for tests of the core by its rules. */
import * as Membership from "../../src/core/Membership.ts"
import * as MembershipState from "../../src/core/MembershipState.ts"
import type { ControlMessage } from "../../src/protocol/ControlMessage.ts"
import * as Node from "../../src/ring/Node.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import { settings } from "../../src/simulation/Explorer.ts"

export interface Sent {
  readonly from: Node.Node
  readonly to: Node.Node
  readonly message: ControlMessage
}

export const id = (digits: string): NodeId.NodeId => NodeId.parse(digits.padEnd(32, "0"))

export const makeNode = (digits: string, incarnation = 1): Node.Node =>
  new Node.Node({
    id: id(digits),
    localHost: "10.0.0.1",
    globalHost: "10.0.0.1",
    port: 7000 + Number.parseInt(digits.slice(0, 2), 16),
    region: "",
    incarnation
  })

export const makeRing = (...names: ReadonlyArray<string>) => makeRingOf(settings, ...names)

export const makeRingOf = (settings: MembershipState.Settings, ...names: ReadonlyArray<string>) => {
  const states = new Map<string, MembershipState.State>()
  const nodes = new Map<string, Node.Node>()
  const wire: Array<Sent> = []
  const log: Array<Sent> = []
  const events = new Map<string, Array<MembershipState.Event>>()
  const dead = new Map<string, "refuses" | "silent">()
  const lost: Array<(sent: Sent) => boolean> = []
  let now = 0

  const step = (name: string, input: MembershipState.Input): void => {
    const state = states.get(name)!
    const out: Array<MembershipState.Output> = []
    Membership.step(state, now, input, out)
    for (const output of out) {
      if (output._tag === "Emit") {
        events.get(name)!.push(output.event)
        continue
      }
      const sent = { from: state.self, to: output.to, message: output.message }
      log.push(sent)
      wire.push(sent)
    }
  }

  const find = (node: Node.Node) => [...nodes].find(([, known]) => Node.isSameLife(known, node))

  const nameOf = (node: Node.Node): string => find(node)![0]

  /** Delivers what is on the wire until nothing is. */
  const settle = (): void => {
    for (let sent = wire.shift(); sent !== undefined; sent = wire.shift()) {
      const { from, message, to } = sent
      const there = find(to)?.[1]
      const outcome = there === undefined || !Node.isSame(there, to) ? ring.tryDial(sent) : undefined
      if (outcome === "refused") step(nameOf(from), { _tag: "Refused", node: to })
      if (outcome === "refused" || outcome === "silent" || there === undefined) continue
      if (dead.has(nameOf(from)) || lost.some((isLost) => isLost({ from, to, message }))) continue
      const end = dead.get(nameOf(to))
      if (end === "refuses") step(nameOf(from), { _tag: "Refused", node: to })
      else if (end === undefined) step(nameOf(to), { _tag: "Received", from, message })
    }
  }

  const ring = {
    states,
    log,
    wire,
    /** What becomes of what is sent to where nobody lives, or another: `arrives` where a connection to the one that is meant is open. */
    tryDial: (_: Sent): "refused" | "silent" | "arrives" => "refused",
    events,
    get now() {
      return now
    },
    node: (name: string) => nodes.get(name)!,
    state: (name: string) => states.get(name)!,
    step,
    settle,
    add: (name: string, incarnation = 1) => {
      const node = makeNode(name, incarnation)
      nodes.set(name, node)
      states.set(name, MembershipState.make(node, settings, 1))
      events.set(name, [])
    },
    join: (name: string, via?: string) => {
      step(name, via === undefined ? { _tag: "Found" } : { _tag: "Join", via: nodes.get(via)! })
      settle()
    },
    /** Lets time pass, waking each Node when it asked for it. */
    pass: (millis: number) => {
      const until = now + millis
      while (true) {
        const living = [...states].filter(([name]) => !dead.has(name))
        const at = Math.min(...living.map(([, state]) => Math.max(now, Membership.wakeAt(state))))
        if (at > until) break
        now = at
        for (const [name, state] of living) if (Membership.wakeAt(state) <= now) step(name, { _tag: "Woken" })
        settle()
      }
      now = until
    },
    /** Wakes one when it next asks to be, and delivers nothing of what it says. */
    rouse: (name: string) => {
      const at = Math.max(now, Membership.wakeAt(states.get(name)!))
      ring.pass(at - now - 0.001)
      now = at
      step(name, { _tag: "Woken" })
    },
    crash: (name: string) => {
      dead.set(name, "refuses")
      for (const other of states.keys()) {
        if (!dead.has(other)) step(other, { _tag: "Broken", node: nodes.get(name)! })
      }
    },
    vanish: (name: string) => {
      dead.set(name, "silent")
    },
    /** Loses every message for which this holds, from now on; returns how to stop that. */
    lose: (isLost: (sent: Sent) => boolean) => {
      lost.push(isLost)
      return () => lost.splice(lost.indexOf(isLost), 1)
    },
    covers: (name: string, key: string) => !dead.has(name) && Membership.covers(states.get(name)!, id(key), now),
    /** The names of the living Nodes that cover a key. */
    owners: (key: string) => [...states.keys()].filter((name) => ring.covers(name, key)),
    neighbours: (name: string) => {
      const { predecessor, successor } = states.get(name)!
      return [nameOf(predecessor.node), nameOf(successor.node)]
    },
    leaves: (name: string) => states.get(name)!.leafSet.members.map(nameOf)
  }
  names.forEach((name, index) => {
    ring.add(name)
    ring.join(name, index === 0 ? undefined : names[0])
  })
  return ring
}
