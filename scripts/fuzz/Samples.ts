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
import type { Rng } from "../../src/simulation/Rng.ts"

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
export const count = (rng: Rng): number => rng.happens(0.4) ? rng.pick(extremes) : rng.below(64)

export const randomId = (rng: Rng): NodeId.NodeId => NodeId.random(() => rng.word())

/** An id: of a Node, right beside one, or any. */
export const id = (rng: Rng, { nodes, receiver, speaker }: Cast): NodeId.NodeId => {
  const real = rng.pick([...nodes, receiver, speaker]).id
  switch (rng.below(4)) {
    case 0:
      return randomId(rng)
    case 1: {
      const bytes = NodeId.toBytes(real)
      bytes[15]! ^= 1 << rng.below(8)
      return NodeId.readUnsafe(bytes, 0)
    }
    default:
      return real
  }
}

/** A Node: a real one, one of its past or its future, one at another's address, or one that nobody has heard of. */
export const node = (rng: Rng, cast: Cast): Node.Node => {
  const real = rng.pick([...cast.nodes, cast.receiver, cast.speaker])
  const other = rng.pick(cast.nodes)
  switch (rng.below(8)) {
    case 0:
      return new Node.Node({
        ...real,
        incarnation: rng.happens(0.5) ? Math.min(real.incarnation + 1, Number.MAX_SAFE_INTEGER) : count(rng)
      })
    case 1:
      return new Node.Node({ ...real, port: other.port, localHost: other.localHost, globalHost: other.globalHost })
    case 2:
      return new Node.Node({ ...real, id: id(rng, cast) })
    case 3:
      return new Node.Node({
        id: randomId(rng),
        localHost: `10.9.${rng.below(4)}.${rng.below(4)}`,
        globalHost: rng.pick(["10.9.9.9", "h".repeat(255), "\u{1F9A6}", "0.0.0.0", "localhost"]),
        port: 1 + rng.below(65_535),
        region: rng.pick(["", "west", "r".repeat(64)]),
        incarnation: count(rng)
      })
    default:
      return real
  }
}

const some = <A>(rng: Rng, most: number, make: () => A): Array<A> =>
  Array.from({ length: rng.happens(0.003) ? most : rng.below(5) }, make)

const deliveredId = (rng: Rng, cast: Cast): DeliveredId => ({
  key: id(rng, cast),
  origin: id(rng, cast),
  incarnation: rng.happens(0.5) ? rng.pick(cast.nodes).incarnation : count(rng),
  counter: count(rng)
})

type Of<Tag extends ControlMessage["_tag"]> = Extract<ControlMessage, { readonly _tag: Tag }>

/** Has to name every tag, or it does not compile. */
const controls: {
  readonly [Tag in ControlMessage["_tag"]]: (rng: Rng, cast: Cast) => Omit<Of<Tag>, "_tag">
} = {
  JoinRequest: (rng, cast) => ({
    joiner: node(rng, cast),
    attempt: count(rng),
    hops: rng.below(65),
    rows: nodes(rng, cast)
  }),
  JoinRetry: (rng) => ({
    attempt: count(rng),
    reason: rng.pick(["busy", "notReady", "newcomer", "idInUse", "stale"] as const),
    incarnation: rng.happens(0.5) ? undefined : count(rng)
  }),
  JoinGrant: (rng, cast) => ({
    attempt: count(rng),
    successor: node(rng, cast),
    leaves: nodes(rng, cast),
    rows: nodes(rng, cast)
  }),
  Insert: (rng, cast) => ({ attempt: count(rng), predecessor: id(rng, cast) }),
  InsertAck: (rng, cast) => ({ attempt: count(rng), leaves: nodes(rng, cast), ...handover(rng, cast) }),
  Commit: (rng) => ({ attempt: count(rng) }),
  CommitAck: (rng, cast) => ({ attempt: count(rng), ...handover(rng, cast) }),
  Nack: (rng, cast) => ({ attempt: count(rng), leaves: nodes(rng, cast) }),
  Release: (rng) => ({ attempt: count(rng) }),
  Joined: (rng) => ({ attempt: count(rng) }),
  JoinedAck: (rng, cast) => ({ leaves: nodes(rng, cast) }),
  Renew: (rng, cast) => ({
    sequence: count(rng),
    as: side(rng),
    replaces: rng.happens(0.5) ? undefined : id(rng, cast),
    attempt: count(rng),
    waited: rng.happens(0.5)
  }),
  Renewed: (rng) => ({ sequence: count(rng), as: side(rng), attempt: count(rng) }),
  Denied: (rng, cast) => ({
    sequence: count(rng),
    as: side(rng),
    reason: rng.pick(["joining", "notReady", "wait", "taken"] as const),
    neighbour: rng.happens(0.5) ? undefined : node(rng, cast)
  }),
  Leaving: (rng, cast) => ({
    reason: rng.pick(["left", "detached"] as const),
    attempt: count(rng),
    ...handover(rng, cast)
  }),
  LeaveAck: () => ({}),
  Probe: (rng) => ({ sequence: count(rng), ready: rng.happens(0.7), wantsLeaves: rng.happens(0.5) }),
  ProbeAck: (rng, cast) => ({
    sequence: count(rng),
    ready: rng.happens(0.7),
    leaves: nodes(rng, cast)
  }),
  Failed: (rng, cast) => ({ node: node(rng, cast) }),
  RowRequest: (rng) => ({ row: rng.below(NodeId.digits) }),
  RowReply: (rng, cast) => ({ nodes: nodes(rng, cast) }),
  NeighborhoodRequest: () => ({}),
  NeighborhoodReply: (rng, cast) => ({ nodes: nodes(rng, cast) }),
  Meet: (rng) => ({ as: side(rng) }),
  Met: (rng, cast) => ({ as: side(rng), neighbour: node(rng, cast) })
}

const tags = Object.keys(controls) as ReadonlyArray<ControlMessage["_tag"]>

const nodes = (rng: Rng, cast: Cast) => some(rng, 256, () => node(rng, cast))

const side = (rng: Rng) => rng.pick(["predecessor", "successor"] as const)

const handover = (rng: Rng, cast: Cast) => ({
  delivered: some(rng, 1_000, () => deliveredId(rng, cast)),
  floors: some(rng, 1_000, () => ({
    origin: id(rng, cast),
    incarnation: rng.happens(0.5) ? rng.pick(cast.nodes).incarnation : count(rng),
    floor: count(rng)
  }))
})

export const control = (rng: Rng, cast: Cast): Sample => {
  const tag = rng.pick(tags)
  const message = { _tag: tag, ...controls[tag](rng, cast) } as ControlMessage
  return { kind: tag, frame: Frame.control(message), message }
}

const classes = ["atMostOnce", "acknowledged", "confirmed"] as const

/** A routed message: half of them in the speaker's own name, as a client may send them. */
export const routed = (rng: Rng, cast: Cast): Sample => {
  const deliveryClass = rng.pick(classes)
  const isOwn = rng.happens(0.5)
  const origin = isOwn ? cast.speaker : node(rng, cast)
  const value = Uint8Array.from({ length: 8 + rng.below(24) }, () => rng.below(256))
  const frame = Envelope.make({
    deliveryClass,
    isDirect: !isOwn && rng.happens(0.2),
    purpose: isOwn ? purpose : rng.pick([0, 1, 2, 15, 16, 17, 255]),
    key: rng.happens(0.5) ? randomId(rng) : id(rng, cast),
    origin: origin.id,
    via: id(rng, cast),
    incarnation: rng.happens(0.7) ? origin.incarnation : count(rng),
    counter: count(rng),
    floor: count(rng)
  }, value)
  Envelope.setSequence(frame, rng.happens(0.2) ? rng.word() : rng.below(16))
  Envelope.setHops(frame, rng.happens(0.2) ? rng.below(256) : 0)
  return { kind: deliveryClass, frame }
}

const receipt = (rng: Rng, cast: Cast): Uint8Array =>
  Frame.receipt({
    origin: id(rng, cast),
    via: id(rng, cast),
    root: id(rng, cast),
    incarnation: rng.happens(0.7) ? rng.pick(cast.nodes).incarnation : count(rng),
    counter: count(rng),
    hops: rng.below(256),
    outcome: rng.pick(["failed", "delivered", "undecodable", "dropped", "forbidden"])
  })

/** A receipt that comes as a routed message, as it does where nobody knows the way back. */
const routedReceipt = (rng: Rng, cast: Cast): Uint8Array => {
  const { id: origin, incarnation } = cast.speaker
  return Envelope.make({
    deliveryClass: "atMostOnce",
    purpose: 1,
    key: id(rng, cast),
    origin,
    via: origin,
    incarnation,
    counter: 0,
    floor: 0
  }, receipt(rng, cast))
}

const query = (rng: Rng, cast: Cast): Query.Query =>
  rng.happens(0.5)
    ? { _tag: "RouteQuery", sequence: count(rng), key: id(rng, cast) }
    : { _tag: "ViewQuery", sequence: count(rng) }

const answer = (rng: Rng, cast: Cast): Query.Answer =>
  rng.happens(0.5)
    ? {
      _tag: "RouteAnswer",
      sequence: count(rng),
      covers: rng.happens(0.5),
      ready: rng.happens(0.5),
      next: rng.happens(0.5) ? undefined : node(rng, cast),
      why: rng.pick(["leaf", "table", "rare"]),
      row: rng.below(33),
      column: rng.below(16)
    }
    : {
      _tag: "ViewAnswer",
      sequence: count(rng),
      node: node(rng, cast),
      ready: rng.happens(0.5),
      predecessor: rng.happens(0.5) ? undefined : node(rng, cast),
      successor: rng.happens(0.5) ? undefined : node(rng, cast),
      side: 1 + rng.below(64),
      left: some(rng, 64, () => node(rng, cast)),
      right: some(rng, 64, () => node(rng, cast)),
      lost: some(rng, 64, () => node(rng, cast))
    }

/** A number of a session: mostly one that may be in use. */
const small = (rng: Rng): number => rng.happens(0.2) ? rng.word() >>> 0 : rng.below(4)

const session = (rng: Rng): Sample => {
  const id = small(rng)
  const taken = { taken: small(rng), takenBytes: small(rng) }
  const window = { messages: 1 + rng.below(64), bytes: 1 + rng.below(4096) }
  switch (rng.below(7)) {
    case 0:
    case 1: {
      const messages = Array.from({ length: 1 + rng.below(4) }, () => new Uint8Array(rng.below(40)))
      return { kind: "Session: Batch", frame: SessionFrame.batch(id, small(rng), messages, taken) }
    }
    case 2:
      return { kind: "Session: Credit", frame: SessionFrame.credit(id, small(rng), taken) }
    case 3:
      return sessionControl({ _tag: "Open", session: id, name: rng.pick(["", "echo", "x".repeat(64)]), ...window })
    case 4:
      return sessionControl({ _tag: "Accept", session: id, ...window })
    case 5:
      return sessionControl(
        rng.happens(0.5)
          ? { _tag: "Sync", session: id, sent: small(rng) }
          : { _tag: "Alive", asks: rng.happens(0.5) }
      )
    default: {
      const reason = rng.pick(SessionFrame.EndReason.literals)
      return sessionControl({
        _tag: "End",
        session: id,
        sent: small(rng),
        taken: small(rng),
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
export const frame = (rng: Rng, cast: Cast): Sample => {
  switch (rng.below(18)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return routed(rng, cast)
    case 4: {
      const upTo = rng.happens(0.5) ? rng.word() : rng.below(64)
      return { kind: "Acknowledged", frame: Frame.acknowledged(rng.below(64), upTo) }
    }
    case 5:
      return { kind: "Busy", frame: Frame.busy(rng.happens(0.5) ? rng.word() : rng.below(64)) }
    case 6:
      return { kind: "Receipt", frame: receipt(rng, cast) }
    case 7:
      return { kind: "Receipt, routed", frame: routedReceipt(rng, cast) }
    case 8:
      return { kind: "Delivered", frame: Frame.delivered(some(rng, 1_000, () => deliveredId(rng, cast))) }
    case 9:
      return { kind: "Bye", frame: Frame.bye() }
    case 10: {
      const message = query(rng, cast)
      return { kind: message._tag, frame: Frame.query(message), message }
    }
    case 11: {
      const message = answer(rng, cast)
      return { kind: message._tag, frame: Frame.answer(message), message }
    }
    case 12:
    case 13:
      return session(rng)
    default:
      return control(rng, cast)
  }
}

export const hello = (
  rng: Rng,
  speaker: Node.Node,
  role: "member" | "client",
  credentials: Handshake.CredentialsKind,
  seed = randomId(rng)
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
  nonce: randomId(rng)
})

/** A frame of the handshake. */
export const handshake = (rng: Rng, cast: Cast): Sample => {
  const messages: ReadonlyArray<Handshake.Message> = [
    hello(rng, node(rng, cast), rng.pick(["member", "client"]), rng.pick(["none", "passphrase", "custom"])),
    { _tag: "Proof", bytes: Uint8Array.from({ length: rng.pick([0, 31, 32, 33]) }, () => rng.below(256)) },
    { _tag: "Accepted" },
    { _tag: "Refusal", reason: rng.pick(Handshake.RefusalReason.literals) }
  ]
  const message = rng.pick(messages)
  return { kind: message._tag, frame: Handshake.encode(message), message }
}
