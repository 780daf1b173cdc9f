/**
 * Prints: what of a state or a message decides the future, as text.
 *
 * Two states with one print behave alike from here on, so the explorer follows
 * only one of them. Left out, or counted from where it does not matter, are:
 *
 * - the hour: times count from now, and one that lies farther back than any rule looks is as good as another;
 * - the numbers of questions: an answer counts only if it fits a question that stands, so what it fits is printed;
 * - the numbers of attempts: they count from the joiner's newest;
 * - turns: they count modulo the number of those that take turns.
 *
 * A field that is not known here is printed as it is, or counted from now where its name
 * says that it is a time: that may cost states, never a difference.
 *
 * @since 0.1.0
 */
import type * as MembershipState from "../core/MembershipState.ts"
import type { ControlMessage } from "../protocol/ControlMessage.ts"
import * as Node from "../ring/Node.ts"
import * as NodeId from "../ring/NodeId.ts"
import { settings } from "./ExplorerScenario.ts"

/**
 * How Nodes are called in a print.
 *
 * @category models
 * @since 0.1.0
 */
export type NameOf = (node: Node.Node) => string

/**
 * A joiner whose attempts a print counts from its newest, and the number that was found.
 *
 * @category models
 * @since 0.1.0
 */
export interface AttemptOf {
  readonly joiner: Node.Node
  readonly attempt: number
}

const { lease, margin } = settings

const stateFields: ReadonlySet<string> = new Set([
  "self",
  // Only how far an incarnation was raised above it matters, and none is raised by a century here.
  "firstIncarnation",
  "settings",
  "leafSet",
  "routingTable",
  "neighborhoodSet",
  "phase",
  "predecessor",
  "successor",
  "pairings",
  "busy",
  "waiting",
  "attempt",
  "attemptAt",
  "retryAt",
  // As `joinRetry` is half of a lease here, no request is waited for longer than the first.
  "unansweredRequests",
  "joinSeeds",
  "nextVia",
  "grant",
  "detachedAt",
  "notReady",
  "newcomers",
  // Nobody is watched.
  "monitors",
  "inquiries",
  "failed",
  "missed",
  "lost",
  "pendingReplacements",
  "recentYields",
  "announced",
  "sequence",
  "exchangeAt",
  "exchanges",
  "tableExchangeAt",
  "tableExchanges",
  "leaveUntil",
  "leaveAcks",
  // Only ever drawn from modulo 1, and to choose four of fewer.
  "random",
  // They choose when to ask the Nodes of the routing table, which is never where `tableExchange` is infinite.
  "contacts",
  "failures",
  "readyAt",
  "lookAt"
])

const sideFields: ReadonlySet<string> = new Set([
  "node",
  "bound",
  "leaseUntil",
  "grantedAt",
  "sequence",
  "askedAt",
  "unanswered",
  "nextAskAt",
  "lostAt",
  "proven",
  "leaving",
  "previous",
  "attempt",
  "joined"
])

const busyFields: ReadonlySet<string> = new Set(["joiner", "attempt", "until"])
const pairingFields: ReadonlySet<string> = new Set(["node", "sequence", "askedAt", "unanswered"])
const grantFields: ReadonlySet<string> = new Set(["predecessor", "successor", "askedAt", "inserted", "committed"])
const inquiryFields: ReadonlySet<string> = new Set([
  "node",
  "sequence",
  "askedAt",
  "unanswered",
  "saidReady",
  "use"
])

/** Any value as text, in which Nodes have their names. */
const plain = (value: unknown, nameOf: NameOf): string =>
  JSON.stringify(value, (_, it) => {
    if (it instanceof Node.Node) return nameOf(it)
    if (it instanceof Map || it instanceof Set) return Array.from(it)
    return it
  }) ?? "-"

const unknownFields = new Map<ReadonlySet<string>, ReadonlyArray<string>>()

/** Fields that are not known here: what is called a time counts from now, all else is printed as it is. */
const rest = (fields: ReadonlySet<string>, of: object, now: number, nameOf: NameOf): string => {
  let unknown = unknownFields.get(fields)
  if (unknown === undefined) {
    unknown = Object.keys(of).filter((name) => !fields.has(name))
    unknownFields.set(fields, unknown)
  }
  let text = ""
  for (const name of unknown) {
    const value = (of as Record<string, unknown>)[name]
    text += ` ${typeof value === "number" && /(At|Until)$/.test(name) ? `@${value - now}` : plain(value, nameOf)}`
  }
  return text
}

/** How much longer; what is past is past. */
const ahead = (time: number, now: number): number => time <= now ? 0 : time - now

/** How long ago, as far back as any rule looks. */
const since = (time: number | undefined, now: number, limit: number): string | number =>
  time === undefined ? "-" : Math.min(now - time, limit)

const names = (nodes: ReadonlyArray<Node.Node>, nameOf: NameOf): string => {
  let text = ""
  for (const node of nodes) text += nameOf(node) + ","
  return text
}

/**
 * Prints the state of a Node. Attempts of joiners are pushed to `attempts`, in the order of the print, for they count from what another Node holds.
 *
 * `turns` is a number that every possible number of leaves, or of vias, divides.
 *
 * @category printing
 * @since 0.1.0
 */
export const state = (
  it: MembershipState.State,
  now: number,
  nameOf: NameOf,
  turns: number,
  attempts: Array<AttemptOf>
): string => {
  const attempt = (joiner: Node.Node, number: number | undefined): string => {
    if (number === undefined) return "-"
    attempts.push({ joiner, attempt: number })
    return "#"
  }
  const side = (of: MembershipState.Side | undefined): string => {
    if (of === undefined) return "-"
    if (NodeId.equals(of.node.id, it.self.id)) return "alone"
    return `${nameOf(of.node)} ${nameOf(of.bound)} ${of.bound === of.node ? "=" : "/"} ${ahead(of.leaseUntil, now)} ${
      of.unanswered === 0 ? "" : `${of.unanswered} ${since(of.askedAt, now, lease)}`
    } ${ahead(of.nextAskAt, now)} ${since(of.lostAt, now, lease + margin)} ${
      since(of.grantedAt, now, lease + margin)
    } ${of.proven ? "p" : ""}${of.leaving ? "l" : ""}${attempt(of.node, of.attempt)}${
      of.joined === 0 ? "" : attempt(of.node, of.joined)
    }(${side(of.previous)})${rest(sideFields, of, now, nameOf)}`
  }
  const pairing = (of: MembershipState.Pairing | undefined): string =>
    of === undefined
      ? "-"
      : `${nameOf(of.node)} ${since(of.askedAt, now, lease)} ${of.unanswered}${rest(pairingFields, of, now, nameOf)}`
  const leaves = names(it.leafSet.members, nameOf)
  // The other two tables hold the same Nodes as the leaf set in rings as small as these; if ever not, the print says so.
  const isSame = (nodes: ReadonlyArray<Node.Node>) =>
    nodes.length === it.leafSet.members.length &&
    nodes.every((node) => it.leafSet.members.some((leaf) => Node.isSameLife(leaf, node)))
  const table = (nodes: ReadonlyArray<Node.Node>) => isSame(nodes) ? "" : nodes.map(nameOf).sort().join()
  const entries: Array<Node.Node> = []
  for (const row of it.routingTable.rows) {
    for (const entry of row ?? []) if (entry !== undefined) entries.push(entry.node)
  }
  let text = `${nameOf(it.self)}|${it.phase}|${side(it.predecessor)}|${side(it.successor)}|${
    pairing(it.pairings.predecessor)
  }|${pairing(it.pairings.successor)}|${leaves}|${table(entries)}|${
    table(it.neighborhoodSet.members.map(({ node }) => node))
  }|${table(Array.from(it.announced.values()))}|`
  if (it.busy !== undefined) {
    text += `b${nameOf(it.busy.joiner)} ${attempt(it.busy.joiner, it.busy.attempt)} ${ahead(it.busy.until, now)}${
      rest(busyFields, it.busy, now, nameOf)
    }`
  }
  for (const request of it.waiting) {
    text += `w${nameOf(request.joiner)} ${attempt(request.joiner, request.attempt)} ${request.hops} ${
      names(request.rows, nameOf)
    }`
  }
  text += "|"
  if (it.phase === "joining") text += `${since(it.attemptAt, now, lease)} ${ahead(it.retryAt, now)}`
  if (it.phase === "ready") text += `${ahead(it.exchangeAt, now)} ${ahead(it.tableExchangeAt, now)}`
  text += `|${names(it.joinSeeds, nameOf)} ${it.nextVia % turns} ${it.exchanges % turns} ${it.tableExchanges}|`
  if (it.grant !== undefined) {
    text += `g${nameOf(it.grant.predecessor)} ${nameOf(it.grant.successor)} ${since(it.grant.askedAt, now, lease)} ${
      it.grant.inserted ? "i" : ""
    }${it.grant.committed ? "c" : ""}${rest(grantFields, it.grant, now, nameOf)}`
  }
  text += `|${since(it.detachedAt, now, 2 * (lease + margin))}|${
    Array.from(it.notReady, ([hex, node]) => node === undefined ? `new ${hex}` : nameOf(node)).sort().join()
  }|`
  text += `${Array.from(it.newcomers.values(), ({ node }) => nameOf(node)).sort().join()}|`
  for (const inquiry of it.inquiries.values()) {
    text += `${nameOf(inquiry.node)} ${now - inquiry.askedAt} ${inquiry.unanswered} ${inquiry.saidReady ? "r" : ""}${
      inquiry.use === "sign" ? "" : inquiry.use.slice(0, 1)
    }${rest(inquiryFields, inquiry, now, nameOf)},`
  }
  text += "|"
  if (it.failed.size > 0) {
    text += Array.from(
      it.failed,
      ([hex, ended]) => `${nameOf(lifeOf(hex, ended.incarnation))} ${since(ended.at, now, 4 * lease)}`
    ).sort().join()
  }
  text += `|${names(Array.from(it.lost.values()), nameOf)}|${
    Array.from(it.pendingReplacements.values(), nameOf).sort().join()
  }|`
  for (const { at, node } of it.missed.values()) text += `${nameOf(node)} ${since(at, now, 4 * lease)},`
  text += "|"
  for (const [hex, at] of it.recentYields) text += `${nameOf(lifeOf(hex, 1))} ${since(at, now, 4 * lease)},`
  text += "|"
  if (it.phase === "leaving") {
    text += `${ahead(it.leaveUntil, now)} ${Array.from(it.leaveAcks, (hex) => nameOf(lifeOf(hex, 1))).sort().join()}`
  }
  return text + rest(stateFields, it, now, nameOf)
}

const lives = new Map<string, Node.Node>()

/** A Node to be named, where only its id and incarnation are at hand. */
const lifeOf = (hex: string, incarnation: number): Node.Node => {
  const key = hex + incarnation
  let node = lives.get(key)
  if (node === undefined) {
    const id = NodeId.parse(hex)
    node = new Node.Node({ id, localHost: "h", globalHost: "h", port: 1, region: "", incarnation })
    lives.set(key, node)
  }
  return node
}

/**
 * Prints a message but for the number of its question or attempt.
 *
 * @category printing
 * @since 0.1.0
 */
export const message = (it: ControlMessage, nameOf: NameOf): string =>
  JSON.stringify(it, (key, value) => {
    if (value instanceof Node.Node) return nameOf(value)
    if (key === "sequence" || key === "attempt") return undefined
    return value
  })

/**
 * Which question of a Node that stands a number belongs to; 0 when to none.
 *
 * @category printing
 * @since 0.1.0
 */
export const questionOf = (it: MembershipState.State | undefined, sequence: number): string => {
  if (it === undefined) return "0"
  if (it.predecessor.unanswered > 0 && it.predecessor.sequence === sequence) return "p"
  if (it.successor.unanswered > 0 && it.successor.sequence === sequence) return "s"
  if (it.pairings.predecessor?.sequence === sequence) return "P"
  if (it.pairings.successor?.sequence === sequence) return "S"
  for (const inquiry of it.inquiries.values()) if (inquiry.sequence === sequence) return "i"
  // What was put aside may come back (J6), with its question.
  const aside = [it.predecessor.previous, it.successor.previous]
  for (const [index, first] of aside.entries()) {
    let code = 0x200 + index
    for (let side = first; side !== undefined; side = side.previous, code += 2) {
      if (side.unanswered > 0 && side.sequence === sequence) return String.fromCharCode(code)
    }
  }
  return "0"
}
