/**
 * Samples: real frames of every kind, by chance from a seed. Who is named in them are mostly Nodes of the cluster that
 * is spoken to, so that what is said concerns it.
 */
import type { ControlMessage, DeliveredId } from "../../src/protocol/ControlMessage.ts"
import * as Envelope from "../../src/protocol/Envelope.ts"
import * as Frame from "../../src/protocol/Frame.ts"
import * as Handshake from "../../src/protocol/Handshake.ts"
import type * as Query from "../../src/protocol/Query.ts"
import * as SessionFrame from "../../src/protocol/SessionFrame.ts"
import * as Node from "../../src/ring/Node.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import type { Chance } from "../../src/simulation/Chance.ts"

/** Who is there: the Nodes of the cluster, the one that is spoken to, and who speaks. */
export interface Cast {
  readonly nodes: ReadonlyArray<Node.Node>
  readonly receiver: Node.Node
  readonly speaker: Node.Node
}

/** A frame, and what it was made from where that is a Schema's value. */
export interface Sample {
  readonly kind: string
  readonly frame: Uint8Array
  readonly message?: object
}

export const cluster = "fuzz"

export const lease = 4_000

/** The name of a purpose of applications; those below are the overlay's. */
export const purpose = 16

const extremes = [0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 52, Number.MAX_SAFE_INTEGER]

/** Whole numbers from 0 to 2^53 - 1: mostly small ones, and those at edges. */
export const count = (chance: Chance): number => chance.happens(0.4) ? chance.pick(extremes) : chance.below(64)

export const randomId = (chance: Chance): NodeId.NodeId => NodeId.random(() => chance.word())

/** An id: of a Node, right beside one, or any. */
export const id = (chance: Chance, { nodes, receiver, speaker }: Cast): NodeId.NodeId => {
  const real = chance.pick([...nodes, receiver, speaker]).id
  switch (chance.below(4)) {
    case 0:
      return randomId(chance)
    case 1: {
      const bytes = NodeId.toBytes(real)
      bytes[15]! ^= 1 << chance.below(8)
      return NodeId.readUnsafe(bytes, 0)
    }
    default:
      return real
  }
}

/** A Node: a real one, one of its past or its future, one at another's address, or one that nobody has heard of. */
export const node = (chance: Chance, cast: Cast): Node.Node => {
  const real = chance.pick([...cast.nodes, cast.receiver, cast.speaker])
  const other = chance.pick(cast.nodes)
  switch (chance.below(8)) {
    case 0:
      return new Node.Node({
        ...real,
        incarnation: chance.happens(0.5) ? Math.min(real.incarnation + 1, Number.MAX_SAFE_INTEGER) : count(chance)
      })
    case 1:
      return new Node.Node({ ...real, port: other.port, localHost: other.localHost, globalHost: other.globalHost })
    case 2:
      return new Node.Node({ ...real, id: id(chance, cast) })
    case 3:
      return new Node.Node({
        id: randomId(chance),
        localHost: `10.9.${chance.below(4)}.${chance.below(4)}`,
        globalHost: chance.pick(["10.9.9.9", "h".repeat(255), "\u{1F9A6}", "0.0.0.0", "localhost"]),
        port: 1 + chance.below(65_535),
        region: chance.pick(["", "west", "r".repeat(64)]),
        incarnation: count(chance)
      })
    default:
      return real
  }
}

const some = <A>(chance: Chance, most: number, make: () => A): Array<A> =>
  Array.from({ length: chance.happens(0.003) ? most : chance.below(5) }, make)

const deliveredId = (chance: Chance, cast: Cast): DeliveredId => ({
  key: id(chance, cast),
  origin: id(chance, cast),
  incarnation: chance.happens(0.5) ? chance.pick(cast.nodes).incarnation : count(chance),
  counter: count(chance)
})

type Of<Tag extends ControlMessage["_tag"]> = Extract<ControlMessage, { readonly _tag: Tag }>

/** Has to name every tag, or it does not compile. */
const controls: {
  readonly [Tag in ControlMessage["_tag"]]: (chance: Chance, cast: Cast) => Omit<Of<Tag>, "_tag">
} = {
  JoinRequest: (chance, cast) => ({
    joiner: node(chance, cast),
    attempt: count(chance),
    hops: chance.below(65),
    rows: nodes(chance, cast)
  }),
  JoinRetry: (chance) => ({
    attempt: count(chance),
    reason: chance.pick(["busy", "notReady", "newcomer", "idInUse", "stale"] as const),
    incarnation: chance.happens(0.5) ? undefined : count(chance)
  }),
  JoinGrant: (chance, cast) => ({
    attempt: count(chance),
    successor: node(chance, cast),
    leaves: nodes(chance, cast),
    rows: nodes(chance, cast)
  }),
  Insert: (chance, cast) => ({ attempt: count(chance), predecessor: id(chance, cast) }),
  InsertAck: (chance, cast) => ({ attempt: count(chance), leaves: nodes(chance, cast), ...handover(chance, cast) }),
  Commit: (chance) => ({ attempt: count(chance) }),
  CommitAck: (chance, cast) => ({ attempt: count(chance), ...handover(chance, cast) }),
  Nack: (chance, cast) => ({ attempt: count(chance), leaves: nodes(chance, cast) }),
  Release: (chance) => ({ attempt: count(chance) }),
  Joined: (chance) => ({ attempt: count(chance) }),
  JoinedAck: (chance, cast) => ({ leaves: nodes(chance, cast) }),
  Renew: (chance, cast) => ({
    sequence: count(chance),
    as: side(chance),
    replaces: chance.happens(0.5) ? undefined : id(chance, cast),
    attempt: count(chance),
    waited: chance.happens(0.5)
  }),
  Renewed: (chance) => ({ sequence: count(chance), as: side(chance), attempt: count(chance) }),
  Denied: (chance, cast) => ({
    sequence: count(chance),
    as: side(chance),
    reason: chance.pick(["joining", "notReady", "wait", "taken"] as const),
    neighbour: chance.happens(0.5) ? undefined : node(chance, cast)
  }),
  Leaving: (chance, cast) => ({
    reason: chance.pick(["left", "detached"] as const),
    attempt: count(chance),
    ...handover(chance, cast)
  }),
  LeaveAck: () => ({}),
  Probe: (chance) => ({ sequence: count(chance), ready: chance.happens(0.7), wantsLeaves: chance.happens(0.5) }),
  ProbeAck: (chance, cast) => ({
    sequence: count(chance),
    ready: chance.happens(0.7),
    leaves: nodes(chance, cast)
  }),
  Failed: (chance, cast) => ({ node: node(chance, cast) }),
  RowRequest: (chance) => ({ row: chance.below(NodeId.digits) }),
  RowReply: (chance, cast) => ({ nodes: nodes(chance, cast) }),
  NeighborhoodRequest: () => ({}),
  NeighborhoodReply: (chance, cast) => ({ nodes: nodes(chance, cast) }),
  Meet: (chance) => ({ as: side(chance) }),
  Met: (chance, cast) => ({ as: side(chance), neighbour: node(chance, cast) })
}

const tags = Object.keys(controls) as ReadonlyArray<ControlMessage["_tag"]>

const nodes = (chance: Chance, cast: Cast) => some(chance, 256, () => node(chance, cast))

const side = (chance: Chance) => chance.pick(["predecessor", "successor"] as const)

const handover = (chance: Chance, cast: Cast) => ({
  delivered: some(chance, 1_000, () => deliveredId(chance, cast)),
  floors: some(chance, 1_000, () => ({
    origin: id(chance, cast),
    incarnation: chance.happens(0.5) ? chance.pick(cast.nodes).incarnation : count(chance),
    floor: count(chance)
  }))
})

export const control = (chance: Chance, cast: Cast): Sample => {
  const tag = chance.pick(tags)
  const message = { _tag: tag, ...controls[tag](chance, cast) } as ControlMessage
  return { kind: tag, frame: Frame.control(message), message }
}

const classes = ["atMostOnce", "acknowledged", "confirmed"] as const

/** A routed message: half of them in the speaker's own name, as a client may send them. */
export const routed = (chance: Chance, cast: Cast): Sample => {
  const deliveryClass = chance.pick(classes)
  const isOwn = chance.happens(0.5)
  const origin = isOwn ? cast.speaker : node(chance, cast)
  const value = Uint8Array.from({ length: 8 + chance.below(24) }, () => chance.below(256))
  const frame = Envelope.make({
    deliveryClass,
    isDirect: !isOwn && chance.happens(0.2),
    purpose: isOwn ? purpose : chance.pick([0, 1, 2, 15, 16, 17, 255]),
    key: chance.happens(0.5) ? randomId(chance) : id(chance, cast),
    origin: origin.id,
    via: id(chance, cast),
    incarnation: chance.happens(0.7) ? origin.incarnation : count(chance),
    counter: count(chance),
    floor: count(chance)
  }, value)
  Envelope.setSequence(frame, chance.happens(0.2) ? chance.word() : chance.below(16))
  Envelope.setHops(frame, chance.happens(0.2) ? chance.below(256) : 0)
  return { kind: deliveryClass, frame }
}

const receipt = (chance: Chance, cast: Cast): Uint8Array =>
  Frame.receipt({
    origin: id(chance, cast),
    via: id(chance, cast),
    root: id(chance, cast),
    incarnation: chance.happens(0.7) ? chance.pick(cast.nodes).incarnation : count(chance),
    counter: count(chance),
    hops: chance.below(256),
    outcome: chance.pick(["failed", "delivered", "undecodable", "dropped", "forbidden"])
  })

/** A receipt that comes as a routed message, as it does where nobody knows the way back. */
const routedReceipt = (chance: Chance, cast: Cast): Uint8Array => {
  const { id: origin, incarnation } = cast.speaker
  return Envelope.make({
    deliveryClass: "atMostOnce",
    purpose: 1,
    key: id(chance, cast),
    origin,
    via: origin,
    incarnation,
    counter: 0,
    floor: 0
  }, receipt(chance, cast))
}

const query = (chance: Chance, cast: Cast): Query.Query =>
  chance.happens(0.5)
    ? { _tag: "RouteQuery", sequence: count(chance), key: id(chance, cast) }
    : { _tag: "ViewQuery", sequence: count(chance) }

const answer = (chance: Chance, cast: Cast): Query.Answer =>
  chance.happens(0.5)
    ? {
      _tag: "RouteAnswer",
      sequence: count(chance),
      covers: chance.happens(0.5),
      ready: chance.happens(0.5),
      next: chance.happens(0.5) ? undefined : node(chance, cast),
      why: chance.pick(["leaf", "table", "rare"]),
      row: chance.below(33),
      column: chance.below(16)
    }
    : {
      _tag: "ViewAnswer",
      sequence: count(chance),
      node: node(chance, cast),
      ready: chance.happens(0.5),
      predecessor: chance.happens(0.5) ? undefined : node(chance, cast),
      successor: chance.happens(0.5) ? undefined : node(chance, cast),
      side: 1 + chance.below(64),
      left: some(chance, 64, () => node(chance, cast)),
      right: some(chance, 64, () => node(chance, cast)),
      lost: some(chance, 64, () => node(chance, cast))
    }

/** A number of a session: mostly one that may be in use. */
const small = (chance: Chance): number => chance.happens(0.2) ? chance.word() >>> 0 : chance.below(4)

const session = (chance: Chance): Sample => {
  const id = small(chance)
  const taken = { taken: small(chance), takenBytes: small(chance) }
  const window = { messages: 1 + chance.below(64), bytes: 1 + chance.below(4096) }
  switch (chance.below(7)) {
    case 0:
    case 1: {
      const messages = Array.from({ length: 1 + chance.below(4) }, () => new Uint8Array(chance.below(40)))
      return { kind: "Session: Batch", frame: SessionFrame.batch(id, small(chance), messages, taken) }
    }
    case 2:
      return { kind: "Session: Credit", frame: SessionFrame.credit(id, small(chance), taken) }
    case 3:
      return sessionControl({ _tag: "Open", session: id, name: chance.pick(["", "echo", "x".repeat(64)]), ...window })
    case 4:
      return sessionControl({ _tag: "Accept", session: id, ...window })
    case 5:
      return sessionControl(
        chance.happens(0.5)
          ? { _tag: "Sync", session: id, sent: small(chance) }
          : { _tag: "Alive", asks: chance.happens(0.5) }
      )
    default: {
      const reason = chance.pick(SessionFrame.EndReason.literals)
      return sessionControl({
        _tag: "End",
        session: id,
        sent: small(chance),
        taken: small(chance),
        reason,
        message: "so it is"
      })
    }
  }
}

const sessionControl = (message: Parameters<typeof SessionFrame.control>[0]): Sample => ({
  kind: `Session: ${message._tag}`,
  frame: SessionFrame.control(message),
  message
})

/** A frame of a link that stands. */
export const frame = (chance: Chance, cast: Cast): Sample => {
  switch (chance.below(18)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return routed(chance, cast)
    case 4: {
      const upTo = chance.happens(0.5) ? chance.word() : chance.below(64)
      return { kind: "Acknowledged", frame: Frame.acknowledged(chance.below(64), upTo) }
    }
    case 5:
      return { kind: "Busy", frame: Frame.busy(chance.happens(0.5) ? chance.word() : chance.below(64)) }
    case 6:
      return { kind: "Receipt", frame: receipt(chance, cast) }
    case 7:
      return { kind: "Receipt, routed", frame: routedReceipt(chance, cast) }
    case 8:
      return { kind: "Delivered", frame: Frame.delivered(some(chance, 1_000, () => deliveredId(chance, cast))) }
    case 9:
      return { kind: "Bye", frame: Frame.bye() }
    case 10: {
      const message = query(chance, cast)
      return { kind: message._tag, frame: Frame.query(message), message }
    }
    case 11: {
      const message = answer(chance, cast)
      return { kind: message._tag, frame: Frame.answer(message), message }
    }
    case 12:
    case 13:
      return session(chance)
    default:
      return control(chance, cast)
  }
}

export const hello = (
  chance: Chance,
  speaker: Node.Node,
  role: "member" | "client",
  credentials: Handshake.CredentialsKind,
  seed = randomId(chance)
): Handshake.Hello => ({
  _tag: "Hello",
  lowestVersion: Handshake.versions.lowest,
  highestVersion: Handshake.versions.highest,
  cluster,
  role,
  node: speaker,
  seed,
  credentials,
  lease,
  nonce: randomId(chance)
})

/** A frame of the handshake. */
export const handshake = (chance: Chance, cast: Cast): Sample => {
  const messages: ReadonlyArray<Handshake.Message> = [
    hello(chance, node(chance, cast), chance.pick(["member", "client"]), chance.pick(["none", "passphrase", "custom"])),
    { _tag: "Proof", bytes: Uint8Array.from({ length: chance.pick([0, 31, 32, 33]) }, () => chance.below(256)) },
    { _tag: "Accepted" },
    { _tag: "Refusal", reason: chance.pick(Handshake.RefusalReason.literals) }
  ]
  const message = chance.pick(messages)
  return { kind: message._tag, frame: Handshake.encode(message), message }
}
