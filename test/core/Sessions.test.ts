import { assert, describe, it } from "@effect/vitest"
import * as Sessions from "../../src/core/Sessions.ts"
import * as SessionFrame from "../../src/protocol/SessionFrame.ts"
import * as Oracle from "../ring/Oracle.ts"

const text = (message: Uint8Array): string => new TextDecoder().decode(message)
const bytes = (word: string): Uint8Array => new TextEncoder().encode(word)

/** What a checker of types takes for settled after an assertion changes all the same. */
const endOf = (session: Sessions.Session) => session.end

/** Two ends of a link. What one says is on its way until `deliver`; control overtakes the rest. */
const makeLink = (window: Partial<Sessions.Window> = {}) => {
  const accepted: Array<Sessions.Session> = []
  const opens = new Set(["echo"])
  let now = 0
  const end = (isDialled: boolean) => {
    const way: Array<Uint8Array> = []
    const control: Array<Uint8Array> = []
    const side = { way, control, sent: 0 }
    const state = Sessions.make(now, isDialled)
    const ports: Sessions.Ports = {
      transmit: (frame) => {
        side.sent++
        way.push(frame)
      },
      transmitControl: (frame) => {
        side.sent++
        control.push(frame)
      },
      windowFor: (name) => opens.has(name) ? { ...Sessions.defaultWindow, ...window } : undefined,
      accepted: (session) => accepted.push(session),
      changed: () => {}
    }
    return Object.assign(side, { state, ports })
  }
  const [one, two] = [end(true), end(false)]
  type Side = typeof one
  const other = (side: Side) => side === one ? two : one
  const deliver = (side: Side): boolean => {
    const raw = side.control.shift() ?? side.way.shift()
    if (raw === undefined) return false
    const frame = SessionFrame.decode(raw)
    if (typeof frame === "string") return assert.fail(frame)
    Sessions.receive(other(side).state, now, frame, other(side).ports)
    return true
  }
  const settle = (): void => {
    while (deliver(one) || deliver(two)) { /* until nothing is under way */ }
  }
  const open = (name = "echo") => {
    const session = Sessions.open(one.state, now, name, { ...Sessions.defaultWindow, ...window }, one.ports)!
    settle()
    return session
  }
  const send = (side: Side, session: Sessions.Session, ...words: ReadonlyArray<string>) => {
    for (const word of words) Sessions.put(session, bytes(word))
    Sessions.flush(side.state, now, session, side.ports)
  }
  const take = (side: Side, session: Sessions.Session) => Sessions.take(side.state, now, session, side.ports).map(text)
  const pass = (millis: number, isSilent = false): void => {
    const until = now + millis
    while (now < until) {
      now += Sessions.lookEvery
      for (const side of [one, two]) Sessions.wake(side.state, now, side.ports)
      if (!isSilent) settle()
      else for (const side of [one, two]) side.way.length = side.control.length = 0
    }
  }
  return { one, two, accepted, deliver, settle, open, send, take, pass, now: () => now }
}

describe("Sessions: order and credit (N2, N3)", () => {
  it("messages come in order, in both directions, and the end after them", () => {
    const link = makeLink()
    const session = link.open()
    const there = link.accepted[0]!
    link.send(link.one, session, "a", "b")
    link.send(link.two, there, "x")
    link.send(link.one, session, "c")
    link.settle()
    assert.deepStrictEqual(link.take(link.one, session), ["x"])
    Sessions.end(link.one.state, 0, session, link.one.ports)
    link.settle()
    assert.deepStrictEqual(link.take(link.two, there), ["a", "b", "c"])
    assert.deepStrictEqual([session.end?.reason, session.end?.by], ["done", "self"])
    assert.deepStrictEqual([there.end?.reason, there.end?.by], ["done", "peer"])
    assert.deepStrictEqual([link.one.state.sessions.size, link.two.state.sessions.size], [0, 0])
  })

  it("what is sent together goes in one frame", () => {
    const link = makeLink()
    const session = link.open()
    link.send(link.one, session, ...Array.from({ length: 100 }, (_, index) => `${index}`))
    assert.lengthOf(link.one.way, 1)
  })

  it("no more goes than the other end has room for; a message that is larger than its window goes alone", () => {
    const link = makeLink({ messages: 4, bytes: 10 })
    const session = link.open()
    const there = link.accepted[0]!
    link.send(link.one, session, "1", "2", "3", "4", "5", "a message of more than ten bytes", "6")
    link.settle()
    assert.strictEqual(session.sent, 4)
    assert.deepStrictEqual(link.take(link.two, there), ["1", "2", "3", "4"])
    link.settle()
    assert.deepStrictEqual(link.take(link.two, there), ["5"])
    link.settle()
    assert.deepStrictEqual(link.take(link.two, there), ["a message of more than ten bytes"])
    link.settle()
    assert.deepStrictEqual(link.take(link.two, there), ["6"])
    assert.isUndefined(there.end)
  })

  it("one that sends more than it has credit for is told so, and the session ends", () => {
    const link = makeLink({ messages: 2 })
    const session = link.open()
    const frame = SessionFrame.batch(session.id, 0, ["1", "2", "3"].map(bytes), { taken: 0, takenBytes: 0 })
    link.one.way.push(frame)
    link.settle()
    assert.strictEqual(link.accepted[0]!.end?.reason, "overrun")
    assert.deepStrictEqual([session.end?.reason, session.end?.by], ["overrun", "peer"])
  })

  it("credit for what was never sent is not believed", () => {
    const link = makeLink({ messages: 2 })
    const session = link.open()
    link.two.control.push(SessionFrame.credit(session.id, 0, { taken: 2, takenBytes: 2 }))
    link.settle()
    link.send(link.one, session, "1", "2", "3")
    assert.strictEqual(session.sent, 2)
  })

  it("the other end says when all has been taken, if it is asked, and not before", () => {
    const link = makeLink()
    const session = link.open()
    link.send(link.one, session, "1", "2")
    Sessions.ask(session)
    Sessions.flush(link.one.state, 0, session, link.one.ports)
    link.settle()
    assert.strictEqual(session.taken, 0)
    link.take(link.two, link.accepted[0]!)
    link.settle()
    assert.strictEqual(session.taken, 2)
  })

  it("numbers go on beyond 2^32", () => {
    const link = makeLink({ messages: 8 })
    const session = link.open()
    const there = link.accepted[0]!
    const start = 2 ** 32 - 5
    for (const key of ["sent", "taken", "sentBytes", "takenBytes"] as const) session[key] = start
    for (const key of ["received", "consumed", "consumedBytes", "told", "toldBytes"] as const) there[key] = start
    const seen: Array<string> = []
    for (let round = 0; round < 20; round++) {
      link.send(link.one, session, `${round}`)
      link.settle()
      seen.push(...link.take(link.two, there))
      link.settle()
    }
    assert.lengthOf(seen, 20)
    assert.isUndefined(session.end)
  })

  it.prop(
    "whatever the pace: each message once, in order, never more than a window under way",
    [Oracle.word],
    ([seed]) => {
      const next = Oracle.words(seed)
      const window = { messages: 1 + Oracle.below(next, 8), bytes: 1 + Oracle.below(next, 60) }
      const link = makeLink(window)
      const session = link.open()
      const there = link.accepted[0]!
      const ends = [[link.one, session], [link.two, there]] as const
      const sent: [Array<string>, Array<string>] = [[], []]
      const seen: [Array<string>, Array<string>] = [[], []]
      for (let step = 0; step < 200; step++) {
        const index = Oracle.below(next, 2) as 0 | 1
        const [side, own] = ends[index]
        switch (Oracle.below(next, 4)) {
          case 0: {
            const words = Array.from(
              { length: 1 + Oracle.below(next, 5) },
              (_, more) => `${step}.${more}`.padEnd(Oracle.below(next, 30), "-")
            )
            sent[index].push(...words)
            link.send(side, own, ...words)
            break
          }
          case 1:
            seen[1 - index as 0 | 1].push(...link.take(side, own))
            break
          default:
            link.deliver(side)
        }
        for (const [, { inbox, inboxBytes, sent, taken }] of ends) {
          assert.isAtMost(sent - taken, window.messages)
          assert.isTrue(inboxBytes <= window.bytes || inbox.length === 1)
        }
      }
      for (let rest = 0; rest < 400; rest++) {
        link.settle()
        seen[1].push(...link.take(link.one, session))
        seen[0].push(...link.take(link.two, there))
      }
      assert.deepStrictEqual(seen, sent)
      assert.isUndefined(session.end)
    }
  )
})

describe("Sessions: begin and end (N1, N5)", () => {
  it("nobody accepts the name: refused, with the reason; nothing is kept", () => {
    const link = makeLink()
    const session = link.open("chess")
    assert.deepStrictEqual([session.end?.reason, session.end?.by], ["unknown", "peer"])
    assert.match(session.end!.message, /"chess"/)
    assert.strictEqual(link.two.state.sessions.size, 0)
  })

  it("both ends may begin sessions at once, and there is a bound", () => {
    const link = makeLink()
    const mine = Sessions.open(link.one.state, 0, "echo", Sessions.defaultWindow, link.one.ports)!
    const theirs = Sessions.open(link.two.state, 0, "echo", Sessions.defaultWindow, link.two.ports)!
    link.settle()
    assert.notStrictEqual(mine.id, theirs.id)
    assert.deepStrictEqual([mine.phase, theirs.phase], ["open", "open"])
    for (let count = 2; count < Sessions.maxSessions; count++) link.open()
    assert.isUndefined(Sessions.open(link.one.state, 0, "echo", Sessions.defaultWindow, link.one.ports))
    assert.strictEqual(link.two.state.sessions.size, Sessions.maxSessions)
    // One that opens more all the same is refused.
    const { messages, bytes } = Sessions.defaultWindow
    link.one.way.push(
      SessionFrame.control({ _tag: "Open", session: link.one.state.next, name: "echo", messages, bytes })
    )
    link.deliver(link.one)
    const refusal = SessionFrame.decode(link.two.way.pop()!)
    assert.deepInclude(refusal, { _tag: "End", reason: "full" })
  })

  it("an end that is asked twice whether it accepts says so twice, and has one session", () => {
    const link = makeLink()
    Sessions.open(link.one.state, 0, "echo", Sessions.defaultWindow, link.one.ports)
    link.one.way.push(link.one.way[0]!)
    link.settle()
    assert.lengthOf(link.accepted, 1)
    assert.strictEqual(link.two.state.sessions.size, 1)
  })

  it("who did not hear of the acceptance asks again; without an answer it gives up", () => {
    const link = makeLink()
    const session = Sessions.open(link.one.state, 0, "echo", Sessions.defaultWindow, link.one.ports)!
    link.one.way.length = 0
    link.pass(2_000)
    assert.strictEqual(session.phase, "open")
    const other = Sessions.open(link.one.state, link.now(), "echo", Sessions.defaultWindow, link.one.ports)!
    link.pass(Sessions.patience + 1_000, true)
    assert.include(["late", "silent"], other.end?.reason)
  })

  it("what waits for room is sent before the end; an abort waits for nothing", () => {
    const link = makeLink({ messages: 2 })
    const session = link.open()
    const there = link.accepted[0]!
    link.send(link.one, session, "1", "2", "3")
    Sessions.end(link.one.state, 0, session, link.one.ports)
    link.settle()
    assert.isUndefined(endOf(there))
    link.take(link.two, there)
    link.settle()
    assert.deepStrictEqual(link.take(link.two, there), ["3"])
    assert.strictEqual(there.end?.reason, "done")
    const other = link.open()
    link.send(link.one, other, "1", "2", "3")
    Sessions.abort(link.one.state, 0, other, "aborted", "so it is", link.one.ports)
    link.settle()
    assert.deepStrictEqual(link.accepted[1]!.end, { reason: "aborted", by: "peer", message: "so it is" })
  })

  it("an end that has not taken all says so: whoever sent it knows how much is lost", () => {
    const link = makeLink()
    const session = link.open()
    const there = link.accepted[0]!
    link.send(link.one, session, "1", "2", "3")
    link.settle()
    link.take(link.two, there)
    link.send(link.one, session, "4")
    Sessions.end(link.two.state, 0, there, link.two.ports)
    link.settle()
    assert.deepStrictEqual([session.end?.reason, session.end?.by], ["untaken", "peer"])
    assert.deepStrictEqual([session.sent, session.taken], [4, 3])
    assert.strictEqual(there.end?.reason, "done")
  })

  it("with the link all sessions end, at both ends", () => {
    const link = makeLink()
    const session = link.open()
    for (const { ports, state } of [link.one, link.two]) Sessions.linkDown(state, 0, ports)
    assert.strictEqual(session.end?.reason, "broken")
    assert.strictEqual(link.accepted[0]!.end?.reason, "broken")
    assert.lengthOf(link.one.way, 0)
  })
})

describe("Sessions: loss and silence (N4, N6)", () => {
  it("a message that is missing ends the session, at both ends; one that comes twice does not", () => {
    const link = makeLink()
    const session = link.open()
    link.send(link.one, session, "1")
    link.one.way.push(link.one.way[0]!)
    link.settle()
    assert.isUndefined(endOf(session))
    link.send(link.one, session, "2")
    link.one.way.length = 0
    link.send(link.one, session, "3")
    link.settle()
    assert.deepStrictEqual([session.end?.reason, link.accepted[0]!.end?.reason], ["lost", "lost"])
    assert.deepStrictEqual(link.take(link.two, link.accepted[0]!), ["1"])
    assert.deepStrictEqual([session.sent, session.taken], [3, 0])
  })

  it("that the last message is missing is found, and that all before the end are not there", () => {
    const link = makeLink()
    const session = link.open()
    link.send(link.one, session, "1")
    link.one.way.length = 0
    link.pass(3_000)
    assert.strictEqual(session.end?.reason, "lost")
    const other = link.open()
    link.send(link.one, other, "1")
    link.one.way.length = 0
    Sessions.end(link.one.state, link.now(), other, link.one.ports)
    link.settle()
    assert.strictEqual(link.accepted[1]!.end?.reason, "lost")
  })

  it("an end that takes nothing is no silence, whatever the time; one that says nothing is", () => {
    const link = makeLink({ messages: 1 })
    const session = link.open()
    link.send(link.one, session, "1", "2")
    link.pass(10 * Sessions.patience)
    assert.isUndefined(endOf(session))
    link.pass(Sessions.patience + 2_000, true)
    assert.strictEqual(session.end?.reason, "silent")
    assert.strictEqual(link.accepted[0]!.end?.reason, "silent")
  })

  it("an idle session costs each end a question and an answer in five seconds", () => {
    const link = makeLink()
    link.open()
    link.pass(100_000)
    assert.isAtMost(link.one.sent + link.two.sent, 2 + 20 * 4)
    assert.isUndefined(link.accepted[0]!.end)
  })

  it("who asks after a session that has ended is told so", () => {
    const link = makeLink()
    const session = link.open()
    Sessions.abort(link.two.state, 0, link.accepted[0]!, "aborted", "", link.two.ports)
    link.two.way.length = 0
    link.send(link.one, session, "1")
    link.pass(3_000)
    assert.strictEqual(session.end?.reason, "unknown")
  })
})
