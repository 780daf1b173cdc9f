/**
 * Generators of what goes over the wire. For tests only.
 *
 * The control messages are made by hand, a generator for each: `Arbitrary.schema`
 * cannot derive one from a declared class as `NodeId` is. `controls` has to name
 * every tag of the union, or it does not compile.
 */
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import type { ControlMessage } from "../../src/protocol/ControlMessage.ts"
import type * as Envelope from "../../src/protocol/Envelope.ts"
import * as Node from "../../src/ring/Node.ts"
import * as Oracle from "../ring/Oracle.ts"

export const id = Arbitrary.map(Oracle.id, Oracle.fromBig)

const counts = [0, 1, 255, 256, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 2 ** 52, Number.MAX_SAFE_INTEGER]

/** Whole numbers up to 2^53 - 1, those at the edges of words among them. */
export const count: Arbitrary.Arbitrary<number> = Arbitrary.flatMap(
  Oracle.int(0, counts.length),
  (index) => index < counts.length ? Arbitrary.Constant(counts[index]!) : Oracle.int(0, Number.MAX_SAFE_INTEGER)
)

/** Text as UTF-8 can carry it: a surrogate without its other half becomes U+FFFD on the way. */
export const text = (minLength: number, maxLength: number): Arbitrary.Arbitrary<string> =>
  Arbitrary.map(
    Arbitrary.schema(Schema.String.check(Schema.isMinLength(minLength), Schema.isMaxLength(maxLength))),
    (text) => text.toWellFormed()
  )

export const bytes = (maxLength: number): Arbitrary.Arbitrary<Uint8Array> =>
  Arbitrary.map(Arbitrary.array(Oracle.int(0, 255), { maxLength }), (numbers) => Uint8Array.from(numbers))

export const oneOf = <const A>(...values: ReadonlyArray<A>): Arbitrary.Arbitrary<A> =>
  Arbitrary.map(Oracle.int(0, values.length - 1), (index) => values[index]!)

export const node: Arbitrary.Arbitrary<Node.Node> = Arbitrary.map(
  Arbitrary.all({
    id,
    localHost: text(1, 40),
    globalHost: text(1, 40),
    port: Oracle.int(1, 65535),
    region: text(0, 20),
    incarnation: count
  }),
  (fields) => new Node.Node(fields)
)

const optional = <A>(item: Arbitrary.Arbitrary<A>): Arbitrary.Arbitrary<A | undefined> =>
  Arbitrary.flatMap(Oracle.boolean, (isThere) => isThere ? item : Arbitrary.Constant(undefined))

const nodes = Arbitrary.array(node, { maxLength: 12 })
const originFloors = Arbitrary.array(Arbitrary.all({ origin: id, incarnation: count, floor: count }), { maxLength: 4 })
const deliveredIds = Arbitrary.array(
  Arbitrary.all({ key: id, origin: id, incarnation: count, counter: count }),
  { maxLength: 4 }
)

const as = oneOf("predecessor", "successor")

type Of<Tag extends ControlMessage["_tag"]> = Extract<ControlMessage, { readonly _tag: Tag }>

const tagged = <Tag extends ControlMessage["_tag"]>(
  _tag: Tag,
  fields: { readonly [Key in Exclude<keyof Of<Tag>, "_tag">]: Arbitrary.Arbitrary<Of<Tag>[Key]> }
): Arbitrary.Arbitrary<ControlMessage> =>
  Arbitrary.map(
    Arbitrary.all(fields as Record<string, Arbitrary.Arbitrary<unknown>>),
    (values) => ({ _tag, ...values }) as unknown as ControlMessage
  )

export const controls: { readonly [Tag in ControlMessage["_tag"]]: Arbitrary.Arbitrary<ControlMessage> } = {
  JoinRequest: tagged("JoinRequest", { joiner: node, attempt: count, hops: Oracle.int(0, 64), rows: nodes }),
  JoinRetry: tagged("JoinRetry", {
    attempt: count,
    reason: oneOf("busy", "notReady", "idInUse", "stale"),
    incarnation: optional(count)
  }),
  JoinGrant: tagged("JoinGrant", { attempt: count, successor: node, leaves: nodes, rows: nodes }),
  Insert: tagged("Insert", { attempt: count, predecessor: id }),
  InsertAck: tagged("InsertAck", { attempt: count, leaves: nodes, delivered: deliveredIds, floors: originFloors }),
  Commit: tagged("Commit", { attempt: count }),
  CommitAck: tagged("CommitAck", { attempt: count, delivered: deliveredIds, floors: originFloors }),
  Nack: tagged("Nack", { attempt: count, leaves: nodes }),
  Release: tagged("Release", { attempt: count }),
  Joined: tagged("Joined", { attempt: count }),
  JoinedAck: tagged("JoinedAck", { leaves: nodes }),
  Renew: tagged("Renew", {
    sequence: count,
    as,
    replaces: optional(id),
    attempt: count,
    waited: Oracle.boolean
  }),
  Renewed: tagged("Renewed", { sequence: count, as, attempt: count }),
  Denied: tagged("Denied", {
    sequence: count,
    as,
    reason: oneOf("joining", "notReady", "wait", "taken"),
    neighbour: optional(node)
  }),
  Leaving: tagged("Leaving", {
    reason: oneOf("left", "detached"),
    attempt: count,
    delivered: deliveredIds,
    floors: originFloors
  }),
  LeaveAck: tagged("LeaveAck", {}),
  Probe: tagged("Probe", { sequence: count, ready: Oracle.boolean, wantsLeaves: Oracle.boolean }),
  ProbeAck: tagged("ProbeAck", { sequence: count, ready: Oracle.boolean, leaves: nodes }),
  Failed: tagged("Failed", { node }),
  RowRequest: tagged("RowRequest", { row: Oracle.int(0, 31) }),
  RowReply: tagged("RowReply", { nodes }),
  NeighborhoodRequest: tagged("NeighborhoodRequest", {}),
  NeighborhoodReply: tagged("NeighborhoodReply", { nodes }),
  Meet: tagged("Meet", { as }),
  Met: tagged("Met", { as, neighbour: node })
}

export const control: Arbitrary.Arbitrary<ControlMessage> = Arbitrary.flatMap(
  oneOf(...Object.values(controls)),
  (message) => message
)

export const header: Arbitrary.Arbitrary<Envelope.Header> = Arbitrary.all({
  deliveryClass: oneOf("atMostOnce", "acknowledged", "confirmed"),
  isDirect: Oracle.boolean,
  // Two says that the rest of the purpose stands in front of the value.
  purpose: Arbitrary.map(Oracle.int(0, 255), (purpose) => purpose === 2 ? 2 ** 48 + 7 : purpose),
  key: id,
  origin: id,
  via: id,
  incarnation: count,
  counter: count,
  floor: count
})
