/** messaging: what the core does with a message that passes through, or starts here, without any I/O. */
import * as MembershipState from "../../../src/core/MembershipState.ts"
import * as Messaging from "../../../src/core/Messaging.ts"
import { defaults } from "../../../src/protocol/ClusterConfig.ts"
import * as Envelope from "../../../src/protocol/Envelope.ts"
import type * as Frame from "../../../src/protocol/Frame.ts"
import * as LeafSet from "../../../src/ring/LeafSet.ts"
import * as Node from "../../../src/ring/Node.ts"
import * as NodeId from "../../../src/ring/NodeId.ts"
import type { Subject } from "./Subject.ts"

const makeNode = (hex: string): Node.Node =>
  new Node.Node({
    id: NodeId.parse(hex.padEnd(32, "0")),
    localHost: "127.0.0.1",
    globalHost: "127.0.0.1",
    port: 7001,
    region: "",
    incarnation: 1
  })

const sender = makeNode("1")
const self = makeNode("7")
const root = makeNode("c")
const [fromSender, toRoot] = [1, 2]

/** Frames that arrive together: about as many as a chunk of a socket holds. */
const together = 64

/** A Node that knows a Node on each side, and covers nothing: whatever comes goes on to `root`. */
const make = () => {
  const membership = MembershipState.make(self, { ...defaults, jitter: defaults.joinJitter }, 1)
  LeafSet.insert(membership.leafSet, sender)
  LeafSet.insert(membership.leafSet, root)
  let sent = 0
  const messaging = Messaging.make<Messaging.Context>(Messaging.makeState(membership, defaults), {
    transmit: (link) => {
      if (link === toRoot) sent++
    },
    linkTo: (id) => NodeId.equals(id, root.id) ? toRoot : NodeId.equals(id, sender.id) ? fromSender : undefined,
    dial: () => {},
    suspect: () => {},
    deliver: () => "delivered",
    returned: () => {},
    left: () => {},
    resolve: () => {},
    held: () => {},
    gaveUp: () => {}
  })
  messaging.linkUp(0, fromSender, { role: "member", version: 2, node: sender }, true, 1)
  messaging.linkUp(0, toRoot, { role: "member", version: 2, node: root }, true, 1)
  let acknowledged = 0
  /** The other end takes all that it was sent. */
  const acknowledge = (time: number): void => {
    if (sent === acknowledged) return
    messaging.receive(time, toRoot, [{ _tag: "Acknowledged", from: acknowledged, upTo: sent - 1 }])
    acknowledged = sent
  }
  return { messaging, acknowledge, sent: () => sent }
}

const forwards = (): Subject => {
  const { acknowledge, messaging, sent } = make()
  const raw = { key: root.id, purpose: 16, value: new Uint8Array(256) }
  // The same frames again and again: a reader would have made new views of a chunk, which is counted with the codecs.
  const frames = Array.from({ length: together }, (_, index): Frame.Frame => ({
    _tag: "Routed",
    frame: Envelope.fromSender(sender, raw, "acknowledged", index, 0)
  }))
  let sequence = 0
  return {
    name: `a message through the core of a forwarding Node (of ${together} that came together)`,
    run: (count) => {
      const before = sent()
      for (let index = 0; index < count; index += together) {
        for (const frame of frames) {
          if (frame._tag !== "Routed") continue
          Envelope.setSequence(frame.frame, sequence++)
          Envelope.setHops(frame.frame, 0)
        }
        messaging.receive(1, fromSender, frames)
        acknowledge(1)
      }
      if (sent() - before < count) throw new Error(`${sent() - before} of ${count} messages went on`)
      return sent()
    }
  }
}

const sends = (): Subject => {
  const { acknowledge, messaging, sent } = make()
  const raw = { key: root.id, purpose: 16, value: new Uint8Array(256) }
  return {
    name: `an own message through the core (256 bytes, ${together} at once)`,
    run: (count) => {
      const before = sent()
      for (let index = 0; index < count; index++) {
        messaging.send(1, messaging.frameOf(raw, "acknowledged"))
        if (index % together === together - 1) acknowledge(1)
      }
      acknowledge(1)
      if (sent() - before !== count) throw new Error(`${sent() - before} of ${count} messages were sent`)
      return sent()
    }
  }
}

export const subjects = (): ReadonlyArray<Subject> => [forwards(), sends()]
