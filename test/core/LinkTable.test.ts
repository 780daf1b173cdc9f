import { assert, describe, it } from "@effect/vitest"
import * as LinkTable from "../../src/core/LinkTable.ts"
import type * as Node from "../../src/ring/Node.ts"
import { makeNode } from "./Ring.ts"

const self = makeNode("5")
const timeout = 12_000

class Table {
  readonly state = LinkTable.make<LinkTable.Entry>()
  readonly neighbours = new Set<string>()
  readonly known = new Set<string>()
  readonly awaited = new Set<number>()
  #lastId = 0

  open(node: Node.Node, isDialled: boolean, isMember = true) {
    const entry: LinkTable.Entry = {
      id: ++this.#lastId,
      node,
      isMember,
      isPreferred: LinkTable.isPreferred(self, node, isDialled),
      usedAt: 0,
      isUsed: false,
      isDisplaced: false,
      saidBye: false,
      isEnding: false
    }
    return { entry, isBetter: LinkTable.open(this.state, entry) }
  }

  idle(now: number) {
    return LinkTable.idle(this.state, now, {
      idleTimeout: timeout,
      isNeighbour: ({ hex }) => this.neighbours.has(hex),
      isKnown: ({ hex }) => this.known.has(hex),
      isAwaited: (link) => this.awaited.has(link)
    }).map(({ id }) => id)
  }
}

describe("LinkTable: which link to use (H5)", () => {
  it("both ends of a pair choose the one that the lower id opened, whichever came first", () => {
    for (const [other, preferred] of [["9", true], ["1", false]] as const) {
      for (const first of [true, false]) {
        const table = new Table()
        const links = new Map(
          [first, !first].map((isDialled) => [isDialled, table.open(makeNode(other), isDialled).entry])
        )
        assert.strictEqual(LinkTable.linkFor(table.state, makeNode(other)), links.get(preferred))
      }
    }
  })

  it("of two that are no better the newer is used; one that ends gives its place to another", () => {
    const table = new Table()
    const other = makeNode("1")
    const first = table.open(other, true).entry
    const second = table.open(other, true)
    assert.isTrue(second.isBetter)
    assert.isFalse(LinkTable.close(table.state, second.entry), "another one is left")
    assert.strictEqual(LinkTable.linkFor(table.state, other), first)
    assert.isTrue(LinkTable.close(table.state, first))
    assert.isUndefined(LinkTable.linkFor(table.state, other))
  })

  it("one that ends here is not used; a better one takes its place at once", () => {
    const table = new Table()
    const preferred = table.open(makeNode("9"), true).entry
    preferred.isEnding = true
    assert.isUndefined(LinkTable.linkFor(table.state, makeNode("9")))
    assert.isTrue(table.open(makeNode("9"), false).isBetter)
  })

  it("a client's link is used for nobody, and nobody is missed when it ends", () => {
    const table = new Table()
    const { entry, isBetter } = table.open(makeNode("9"), false, false)
    assert.isFalse(isBetter)
    assert.isUndefined(LinkTable.linkFor(table.state, makeNode("9")))
    assert.isFalse(LinkTable.close(table.state, entry))
  })

  it("of several lives the one in the tables is meant, else the newest; the end of an old one changes nothing", () => {
    const table = new Table()
    const [old, young] = [makeNode("9", 1), makeNode("9", 2)]
    const youngLink = table.open(young, true).entry
    const oldLink = table.open(old, true).entry
    assert.strictEqual(LinkTable.linkTo(table.state, old.id, undefined), youngLink)
    assert.strictEqual(LinkTable.linkTo(table.state, old.id, old), oldLink)
    LinkTable.close(table.state, oldLink)
    assert.strictEqual(LinkTable.linkTo(table.state, old.id, undefined), youngLink)
    assert.isUndefined(LinkTable.linkTo(table.state, old.id, old))
  })

  it("who has said goodbye, or was told, is not looked at when its link ends", () => {
    for (const field of ["saidBye", "isEnding"] as const) {
      const table = new Table()
      const { entry } = table.open(makeNode("9"), true)
      entry[field] = true
      assert.isFalse(LinkTable.close(table.state, entry))
    }
  })
})

describe("LinkTable: idle links (H5)", () => {
  it("a link is idle after the time-out since it was last found to have been used", () => {
    const table = new Table()
    const { entry } = table.open(makeNode("9"), true)
    assert.deepStrictEqual(table.idle(timeout), [])
    assert.deepStrictEqual(table.idle(timeout + 1), [entry.id])
    entry.isUsed = true
    assert.deepStrictEqual(table.idle(timeout + 1), [])
    assert.deepStrictEqual(table.idle(2 * timeout + 1), [])
    assert.deepStrictEqual(table.idle(2 * timeout + 2), [entry.id])
  })

  it("never the one that is used for a neighbour, one on which something is awaited, or a client's", () => {
    const table = new Table()
    const near = table.open(makeNode("9"), false).entry
    const better = table.open(makeNode("9"), true).entry
    const awaited = table.open(makeNode("a"), true).entry
    table.open(makeNode("b"), false, false)
    table.neighbours.add(makeNode("9").hex)
    table.awaited.add(awaited.id)
    assert.deepStrictEqual(table.idle(10 * timeout), [near.id])
    assert.strictEqual(LinkTable.linkFor(table.state, makeNode("9")), better)
  })

  it("one to a displaced Node a twelfth of the time, until the Node has a place again", () => {
    const table = new Table()
    const { entry } = table.open(makeNode("9"), true)
    LinkTable.displaced(table.state, makeNode("9", 2))
    assert.deepStrictEqual(table.idle(timeout / 12 + 1), [])
    LinkTable.displaced(table.state, makeNode("9"))
    assert.deepStrictEqual(table.idle(timeout / 12 + 1), [entry.id])
    table.known.add(makeNode("9").hex)
    assert.deepStrictEqual(table.idle(timeout / 12 + 1), [])
  })
})
