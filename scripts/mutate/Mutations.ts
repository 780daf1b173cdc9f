/**
 * Mutations: small changes of meaning, each of which breaks a rule, and the tests that should notice.
 */

/** One change of meaning. */
export interface Mutation {
  readonly name: string
  readonly file: string
  /** What stands there, exactly once, and what takes its place. */
  readonly find: string
  readonly replace: string
  /** What is broken then. */
  readonly breaks: string
  /** Where it should be noticed. */
  readonly tests: ReadonlyArray<string>
}

const core = (file: string) => `src/core/${file}.ts`

export const mutations: ReadonlyArray<Mutation> = [
  // joining and leases
  {
    name: "grant-after-lease",
    file: core("JoinProtocol"),
    find: "now < state.attemptAt + state.settings.lease && NodeId.isBetween(",
    replace: "NodeId.isBetween(",
    breaks: "J5: a grant that was asked for longer than a lease ago still counts",
    tests: ["test/core/JoinProtocol.test.ts", "test/core/Membership.test.ts"]
  },
  {
    name: "ready-after-lease",
    file: core("JoinProtocol"),
    find: "if (now >= state.attemptAt + state.settings.lease || now >= until) return abort(state, now, out)",
    replace: "if (now >= until) return abort(state, now, out)",
    breaks: "J5: a joiner becomes ready although its request is older than a lease",
    tests: ["test/core/JoinProtocol.test.ts", "test/core/Membership.test.ts"]
  },
  {
    name: "grant-past-the-joiner",
    file: core("JoinProtocol"),
    find: "&& NodeId.isBetween(from.id, state.self.id, message.successor.id)",
    replace: "",
    breaks: "J3: a grant of a gap in which the joiner does not stand counts",
    tests: ["test/core/JoinProtocol.test.ts", "test/core/Claims.test.ts", "test/core/Membership.test.ts"]
  },
  {
    name: "ack-from-anybody",
    file: core("JoinProtocol"),
    find: "if (!Node.isSameLife(grant.predecessor, from)) return",
    replace: "",
    breaks: "J3: a CommitAck of somebody who is not the predecessor counts",
    tests: ["test/core/JoinProtocol.test.ts", "test/core/Membership.test.ts"]
  },
  {
    name: "stale-for-ever",
    file: core("JoinProtocol"),
    find: "now < ended.at + 4 * state.settings.lease",
    replace: "true",
    breaks: "J8: a life that ended keeps an earlier number out for ever",
    tests: ["test/core/JoinProtocol.test.ts", "test/core/Membership.test.ts"]
  },
  {
    name: "ready-life-raised",
    file: core("JoinProtocol"),
    find: "if (state.detachedAt !== undefined) return refuse(out)",
    replace: "",
    breaks: "J8: a life whose id has become another's takes a later number",
    tests: ["test/cluster/bootstrap.test.ts", "test/core/JoinProtocol.test.ts"]
  },
  {
    name: "newcomers-kept",
    file: core("JoinProtocol"),
    find: "state.newcomers.clear()",
    replace: "",
    breaks: "B2: a Node that is ready remembers newcomers",
    tests: ["test/core/JoinProtocol.test.ts"]
  },
  {
    name: "newcomer-not-passed-on",
    file: core("JoinProtocol"),
    find: "send(out, smallest, { ...request, hops: request.hops + 1 })",
    replace: "",
    breaks: "B2: a newcomer does not bring another to the smallest one",
    tests: ["test/core/JoinProtocol.test.ts", "test/cluster/bootstrap.test.ts"]
  },
  // bootstrap
  {
    name: "ring-beside-a-ring",
    file: core("Bootstrap"),
    find: "return !mayHaveRing && isPatient && knowsOthers",
    replace: "return isPatient && knowsOthers",
    breaks: "B2: a Node starts a ring although a seed has one",
    tests: ["test/core/Bootstrap.test.ts"]
  },
  {
    name: "impatient",
    file: core("Bootstrap"),
    find: "now >= state.startedAt + state.patience && state.rounds > 1",
    replace: "state.rounds > 1",
    breaks: "B2: a Node starts a ring at once",
    tests: ["test/core/Bootstrap.test.ts"]
  },
  {
    name: "greatest-starts",
    file: core("Bootstrap"),
    find: "if (NodeId.compare(node.id, self.id) >= 0 || now >=",
    replace: "if (NodeId.compare(node.id, self.id) <= 0 || now >=",
    breaks: "B2: not the smallest newcomer starts the ring",
    tests: ["test/core/Bootstrap.test.ts"]
  },
  {
    name: "addresses-without-end",
    file: core("Bootstrap"),
    find: ".slice(0, maxAddresses)",
    replace: "",
    breaks: "B1: a name with many addresses is asked for all of them",
    tests: ["test/core/Bootstrap.test.ts"]
  },
  // links and dials
  {
    name: "idle-neighbour",
    file: core("LinkTable"),
    find: "entry.usedAt < now - patience && !isInUse",
    replace: "entry.usedAt < now - patience",
    breaks: "H5: the idle link to a neighbour is closed",
    tests: ["test/core/LinkTable.test.ts"]
  },
  {
    name: "old-life-takes-over",
    file: core("LinkTable"),
    find: "if (newest.get(entry.node.hex) === entry) newest.delete(entry.node.hex)",
    replace: "newest.delete(entry.node.hex)",
    breaks: "H5: the end of a link to an earlier life hides the one to a later life",
    tests: ["test/core/LinkTable.test.ts"]
  },
  {
    name: "no-second-link",
    file: core("LinkTable"),
    find: "if (other.isMember && Node.isSameLife(other.node, entry.node)) use(state, other)",
    replace: "",
    breaks: "H5: after the end of a link the other one to the same life is not used",
    tests: ["test/core/LinkTable.test.ts"]
  },
  {
    name: "unbounded-line",
    file: core("Dials"),
    find: "line.length >= maxAtAddress || ",
    replace: "",
    breaks: "H7: any number of lives waits for a dial to one address",
    tests: ["test/core/Dials.test.ts"]
  },
  {
    name: "unbounded-queue",
    file: core("Dials"),
    find: "if (queue.length < maxQueued) queue.push(payload)",
    replace: "queue.push(payload)",
    breaks: "what waits for a link is unbounded",
    tests: ["test/core/Dials.test.ts"]
  },
  // liveness and monitors
  {
    name: "monitor-other-life",
    file: core("Monitors"),
    find: "} else if (monitor.node.incarnation < from.incarnation) {",
    replace: "} else if (false) {",
    breaks: "D11: a later life does not end the watch of an earlier one",
    tests: ["test/core/Monitors.test.ts"]
  },
  {
    name: "monitor-comes-back",
    file: core("Monitors"),
    find: "if (monitor.isUp === isUp || monitor.hasEnded) return",
    replace: "if (monitor.isUp === isUp) return",
    breaks: "D11: a life that has left is up again",
    tests: ["test/core/Monitors.test.ts"]
  },
  {
    name: "answer-time-forgets",
    file: core("MembershipState"),
    find: "const slow = time > state.answerTime ? time :",
    replace: "const slow = false ? time :",
    breaks: "D10: a slow answer makes a Node hardly more patient",
    tests: ["test/core/MembershipState.test.ts"]
  },
  {
    name: "not-ready-without-end",
    file: core("JoinProtocol"),
    find: "if (notReady.size <= MembershipState.maxNotReady) return",
    replace: "return",
    breaks: "L5: any number of Nodes that are not ready is remembered",
    tests: ["test/core/Lies.test.ts"]
  },
  // ownership
  {
    name: "epoch-stands",
    file: core("OwnedKeys"),
    find: "(gained.length > 0 ? 1 : 0)",
    replace: "0",
    breaks: "L8: keys come under an epoch that was there before",
    tests: ["test/core/OwnedKeys.test.ts"]
  },
  {
    name: "lapse-unnoticed",
    file: core("OwnedKeys"),
    find: "stands: now < predecessor.leaseUntil",
    replace: "stands: true",
    breaks: "L8: a lease that has run out is not told",
    tests: ["test/core/OwnedKeys.test.ts"]
  },
  // messages
  {
    name: "receipt-of-another-life",
    file: core("Confirmations"),
    find: "if (entry === undefined || Envelope.incarnation(entry.frame) !== incarnation) return undefined",
    replace: "if (entry === undefined) return undefined",
    breaks: "C3: a receipt for an earlier life of the sender resolves a message of this one",
    tests: ["test/core/Confirmations.test.ts"]
  },
  {
    name: "karn",
    file: core("Confirmations"),
    find: "  if (entry.retries === 0) {",
    replace: "  {",
    breaks: "C2: a receipt of a message that was sent again is a measurement",
    tests: ["test/core/Confirmations.test.ts"]
  },
  {
    name: "late-retry",
    file: core("Confirmations"),
    find: "Math.min(whole / 2, ",
    replace: "Math.min(Infinity, ",
    breaks: "C2: the first retry comes after the deadline",
    tests: ["test/core/Confirmations.test.ts"]
  },
  {
    name: "copy-in-custody",
    file: core("Confirmations"),
    find: "if (!entry.inCustody) again.push(entry)",
    replace: "again.push(entry)",
    breaks: "C2: a message that is still in custody goes again",
    tests: ["test/core/Confirmations.test.ts", "test/core/Messaging.test.ts"]
  },
  {
    name: "reply-bytes-leak",
    file: core("Deduplication"),
    find: "self.replyBytes -= (delivery.progress as Uint8Array).length",
    replace: "",
    breaks: "C7: replies that were forgotten still count",
    tests: ["test/core/Deduplication.test.ts"]
  },
  {
    name: "failed-handed-over",
    file: core("Deduplication"),
    find: "counter >= origin.floor && isHandedOver(progress) && isTaken(key)",
    replace: "counter >= origin.floor && isTaken(key)",
    breaks: "C5: what the application failed to take is handed over as delivered",
    tests: ["test/core/Deduplication.test.ts"]
  },
  {
    name: "anybody-brings",
    file: core("Handover"),
    find: "return isParty(state, from) || near.some(",
    replace: "return true || near.some(",
    breaks: "C5: anybody can make a Node take for delivered what nobody has seen",
    tests: ["test/core/Lies.test.ts", "test/core/Messaging.test.ts", "test/cluster/hostile.test.ts"]
  },
  {
    name: "more-than-fits",
    file: core("Handover"),
    find: "before: ids.slice(maxDelivered)",
    replace: "before: []",
    breaks: "C5: numbers beyond those that fit into the message are not handed over",
    tests: ["test/core/Handover.test.ts"]
  },
  {
    name: "detached-tells-nobody",
    file: core("Handover"),
    find: `        Ownership.nearestLeaf(membership, "predecessor"),
        Ownership.nearestLeaf(membership, "successor")
`,
    replace: "",
    breaks: "C5: a Node that has lost its place hands over to nobody",
    tests: ["test/core/Handover.test.ts"]
  },
  {
    name: "copy-forwarded",
    file: core("Routing"),
    find: "  if (isCopy) return sink.copy(frame)",
    replace: "",
    breaks: "M11: a copy of what was passed on goes on again",
    tests: ["test/core/Routing.test.ts", "test/simulation/delays.test.ts"]
  },
  {
    name: "stalled-take-all",
    file: core("Routing"),
    find: "return mine === undefined || (mine.frames <= stalledShare * free && mine.bytes <= stalledShare * freeBytes)",
    replace: "return true",
    breaks: "M12: stalled messages of one purpose take all custody",
    tests: ["test/core/Routing.test.ts", "test/cluster/hungApplication.test.ts"]
  },
  {
    name: "client-link-of-before",
    file: core("Messaging"),
    find: "if (client !== undefined && clients.links.get(client.id) === link) clients.links.delete(client.id)",
    replace: "if (client !== undefined) clients.links.delete(client.id)",
    breaks: "the end of a client's old link hides its new one",
    tests: ["test/core/Messaging.test.ts"]
  },
  {
    name: "client-table-leak",
    file: core("Messaging"),
    find: "      clients.nodes.delete(link)\n",
    replace: "",
    breaks: "clients that have gone are remembered for ever",
    tests: ["test/core/Messaging.test.ts"]
  },
  // protocol
  {
    name: "named-purpose",
    file: "src/protocol/Purposes.ts",
    find: "rest = rest * 256 + (bytes[index] ?? 0)",
    replace: "rest = rest * 256 + (bytes[index] ?? 0) % 128",
    breaks: "two names have one purpose",
    tests: ["test/protocol/Envelope.test.ts"]
  },
  {
    name: "reply-without-mark",
    file: "src/protocol/Frame.ts",
    find: "(frame.length > receiptSize && frame[receiptSize] !== hasReply) ||",
    replace: "",
    breaks: "any bytes behind a receipt are a reply",
    tests: ["test/protocol/Frame.test.ts"]
  },
  // actors and transport
  {
    name: "quota-per-purpose",
    file: "src/actors/Quota.ts",
    find: "line.messages + messages <= share * free && line.bytes + bytes <= share * freeBytes",
    replace: "free >= 0 && freeBytes >= 0",
    breaks: "M12: one purpose takes all that a sender may have under way",
    tests: ["test/actors/Quota.test.ts", "test/cluster/hungApplication.test.ts"]
  },
  {
    name: "reach-any-life",
    file: "src/actors/Reach.ts",
    find: "return Node.isSameLife(exit.value.node, peer.node) ? undefined :",
    replace: "return true ? undefined :",
    breaks: "B5: another Node at the told address counts as the joiner",
    tests: ["test/actors/Reach.test.ts"]
  },
  {
    name: "loopback-told",
    file: "src/actors/Reach.ts",
    find: "Address.isLoopback(told.host) && !Address.isLoopback(seenAt)",
    replace: "false",
    breaks: "B5: a loopback address is told to another machine",
    tests: ["test/cluster/bootstrap.test.ts"]
  },
  {
    name: "throttle-never-resets",
    file: "src/actors/LogRateLimiter.ts",
    find: "      this.#passed = 0\n",
    replace: "",
    breaks: "after the first reports a Node never says anything again",
    tests: ["test/actors/LogRateLimiter.test.ts"]
  },
  {
    name: "pending-handshakes-leak",
    file: "src/transport/PendingHandshakes.ts",
    find: "if (others.size === 0) this.#waiting.delete(host)",
    replace: "",
    breaks: "hosts that have gone are remembered for ever",
    tests: ["test/transport/PendingHandshakes.test.ts"]
  },
  // sessions, clients and services
  {
    name: "turn-without-deficit",
    file: "src/transport/Lanes.ts",
    find: "    if (lane.deficit > 0) continue\n",
    replace: "",
    breaks: "H9: a lane whose turn the credit ended loses it, so small frames come short",
    tests: ["test/transport/Lanes.test.ts"]
  },
  {
    name: "turn-never-passes",
    file: "src/transport/Lanes.ts",
    find: "self.turn = (self.turn + 1) % self.below.length",
    replace: "self.turn = self.turn % self.below.length",
    breaks: "H9: the first lane keeps its turn",
    tests: ["test/transport/Lanes.test.ts"]
  },
  {
    name: "session-gap",
    file: core("Sessions"),
    find: "if (ahead !== 0) return lose(",
    replace: "if (ahead < 0) return lose(",
    breaks: "N4: a batch that is missing is not noticed",
    tests: ["test/core/Sessions.test.ts"]
  },
  {
    name: "session-bytes-unbounded",
    file: core("Sessions"),
    find: "(sentBytes - takenBytes + bytes <= window.bytes || sent === taken)",
    replace: "true",
    breaks: "N3: credit in bytes does not hold",
    tests: ["test/core/Sessions.test.ts"]
  },
  {
    name: "session-taken-believed",
    file: core("Sessions"),
    find: "count <= session.taken || count > session.sent || bytes > session.sentBytes",
    replace: "count <= session.taken",
    breaks: "N3: an end believes that more was taken than it has sent",
    tests: ["test/core/Sessions.test.ts"]
  },
  {
    name: "session-end-whole",
    file: core("Sessions"),
    find: "return taken === sent && waiting.length === 0 ? \"done\" : \"untaken\"",
    replace: "return \"done\"",
    breaks: "N5: a session whose other end has not taken all has ended well",
    tests: ["test/core/Sessions.test.ts"]
  },
  {
    name: "session-sync-deaf",
    file: core("Sessions"),
    find: "if (count > session.received) return lose(",
    replace: "if (count > session.received + 1) return lose(",
    breaks: "N4: a last message that is missing is not noticed",
    tests: ["test/core/Sessions.test.ts"]
  },
  {
    name: "session-never-silent",
    file: core("Sessions"),
    find: "if (now - state.heardAt >= patience) {",
    replace: "if (now - state.heardAt >= 1000 * patience) {",
    breaks: "N6: an end that says nothing any more is waited for",
    tests: ["test/core/Sessions.test.ts"]
  },
  {
    name: "session-asks-once",
    file: core("Sessions"),
    find: "if (session.sent > session.taken && now - session.movedAt >= syncAfter) sync(state, now, session, ports)",
    replace: "",
    breaks: "N4: nobody asks when what is on its way does not move",
    tests: ["test/core/Sessions.test.ts"]
  },
  {
    name: "relay-forgets-the-later",
    file: "src/Relay.ts",
    find: "if (clients.get(hex) === connected) clients.delete(hex)",
    replace: "clients.delete(hex)",
    breaks: "G4: the end of a client's earlier session ends its later one",
    tests: ["test/Relay.test.ts", "test/cluster/clientReceives.test.ts"]
  },
  {
    name: "relay-waits-for-ever",
    file: "src/Relay.ts",
    find: "Effect.andThen(Effect.raceFirst(Deferred.await(answer), ended)),",
    replace: "Effect.andThen(Deferred.await(answer)),",
    breaks: "G4: a client that goes while it has a message keeps the gateway's application waiting",
    tests: ["test/Relay.test.ts", "test/cluster/clientReceives.test.ts"]
  },
  {
    name: "acceptor-for-all",
    file: "src/Acceptors.ts",
    find: "(role === \"client\" && !acceptor.allowsClients)",
    replace: "false",
    breaks: "N1: clients begin sessions that are for members",
    tests: ["test/cluster/clientReceives.test.ts"]
  },
  {
    name: "service-deduplicated",
    file: core("Messaging"),
    find: "    if (Purposes.isService(purpose)) return upcall(frame)\n",
    replace: "",
    breaks: "C8: the overlay answers a service's copies",
    tests: ["test/Services.test.ts"]
  },
  {
    name: "service-for-all-clients",
    file: core("Messaging"),
    find: "(!Purposes.isService(purpose) || ports.serves?.(purpose) === true) &&",
    replace: "",
    breaks: "C8: clients send to services that are not for them",
    tests: ["test/Services.test.ts"]
  },
  {
    name: "service-without-room",
    file: "src/Services.ts",
    find: "          this.onRoom()\n",
    replace: "",
    breaks: "C8: what waited for a service that has gone waits on",
    tests: ["test/Services.test.ts"]
  },
  {
    name: "service-without-limit",
    file: "src/Services.ts",
    find: "registered.delivering < registered.service.maxDelivering",
    replace: "registered.delivering >= 0",
    breaks: "C8: a service works on any number",
    tests: ["test/Services.test.ts"]
  },
  {
    name: "lines-burst-refused",
    file: core("Lines"),
    find: "  if (line.isPaused) return\n",
    replace: "",
    breaks: "M12: a burst that is refused makes the pause as long as a hundred refusals",
    tests: ["test/core/Lines.test.ts"]
  },
  {
    name: "lines-never-tried",
    file: core("Lines"),
    find: "    line.retryAt = now + longest\n  }",
    replace: "    line.retryAt = Number.POSITIVE_INFINITY\n  }",
    breaks: "M12: a try that nobody answers stops a purpose for ever",
    tests: ["test/core/Lines.test.ts"]
  },
  {
    name: "lines-all-at-once",
    file: core("Lines"),
    find: "const growth = 1.5",
    replace: "const growth = 100",
    breaks: "M12: after one that was taken all follow",
    tests: ["test/core/Lines.test.ts"]
  },
  {
    name: "refused-never-elsewhere",
    file: core("Routing"),
    find: "    for (const entry of Lines.takeOutRefused(link.lines, isRouted)) decide(state, view, now, entry, sink)\n",
    replace: "",
    breaks: "M12: what a hop has no room for stays with it when its key has gone to another",
    tests: ["test/core/Routing.test.ts"]
  },
  {
    name: "uplink-without-window",
    file: core("Uplink"),
    find: "sent.size === 0 || (sent.size < window && sentBytes + frame.length <= windowBytes)",
    replace: "sent.size === 0 || sentBytes + frame.length <= windowBytes + window",
    breaks: "M12: a client has any number on their way",
    tests: ["test/core/Uplink.test.ts"]
  },
  // what was promised, withdrawn and counted
  {
    name: "age-no-leases",
    file: core("Ownership"),
    find: "      side.leaseUntil -= milliseconds\n",
    replace: "",
    breaks: "L6: after a sleep a Node answers by leases that have run out",
    tests: ["test/core/Ownership.test.ts"]
  },
  {
    name: "age-no-questions",
    file: core("Ownership"),
    find: "      side.askedAt -= milliseconds\n",
    replace: "",
    breaks: "L6: a lease that was asked for before a sleep counts from after it",
    tests: ["test/core/Ownership.test.ts"]
  },
  {
    name: "age-no-pairing",
    file: core("Ownership"),
    find: "askedAt: pairing.askedAt - milliseconds",
    replace: "askedAt: pairing.askedAt",
    breaks: "L6: what a search asked before a sleep counts from after it",
    tests: ["test/core/Ownership.test.ts"]
  },
  {
    name: "age-no-request",
    file: core("Ownership"),
    find: "  state.attemptAt -= milliseconds\n",
    replace: "",
    breaks: "L6: a joiner's request does not age while it sleeps",
    tests: ["test/core/Ownership.test.ts"]
  },
  {
    name: "age-no-grant",
    file: core("Ownership"),
    find: "askedAt: state.grant.askedAt - milliseconds",
    replace: "askedAt: state.grant.askedAt",
    breaks: "L6: a joiner's grant does not age while it sleeps",
    tests: ["test/core/Ownership.test.ts"]
  },
  {
    name: "leaving-of-an-earlier-attempt",
    file: core("Membership"),
    find: "      if (Ownership.isOutdated(state, from, message.attempt)) return\n",
    replace: "",
    breaks: "V3: what a neighbour said before it joined again takes its place",
    tests: ["test/core/Ownership.test.ts"]
  },
  {
    name: "old-yes",
    file: core("Ownership"),
    find:
      "    if (pairing !== undefined && Node.isSameLife(pairing.node, from)) state.pairings[which] = undefined\n    answer({ _tag: \"Denied\"",
    replace: "    answer({ _tag: \"Denied\"",
    breaks: "F4: a Node acts on a yes of another to which it has said no since",
    tests: ["test/core/Ownership.test.ts"]
  },
  {
    name: "receipt-withdraws-nothing",
    file: core("Messaging"),
    find:
      "    if (entry.inCustody) Routing.withdraw(routing, time, entry, sink)\n    ports.resolve(entry, { _tag: \"Receipt\"",
    replace: "    ports.resolve(entry, { _tag: \"Receipt\"",
    breaks: "C6: copies go on when the receipt has come",
    tests: ["test/core/Messaging.test.ts"]
  },
  {
    name: "expiry-withdraws-nothing",
    file: core("Messaging"),
    find:
      "        if (entry.inCustody) Routing.withdraw(routing, time, entry, sink)\n        ports.resolve(entry, { _tag: \"Expired\"",
    replace: "        ports.resolve(entry, { _tag: \"Expired\"",
    breaks: "C6: copies go on after the deadline",
    tests: ["test/core/Messaging.test.ts"]
  },
  {
    name: "returned-uncounted",
    file: core("Messaging"),
    find: "        ports.returned(Envelope.purpose(entry.frame), entry.frame.length)\n",
    replace: "",
    breaks: "what comes back into custody does not count towards maxOwn",
    tests: ["test/core/Messaging.test.ts"]
  },
  {
    name: "replaced-bytes-uncounted",
    file: core("Routing"),
    find: "  state.custodyBytes += forwarding.length - token.frame.length\n",
    replace: "",
    breaks: "M9: what an application puts in the place of a message counts with the bytes of that",
    tests: ["test/core/Routing.test.ts"]
  },
  {
    name: "late-direct-kept",
    file: core("Routing"),
    find: "  if (!isRouted(entry)) return release(state, entry, sink)\n  link.late",
    replace: "  link.late",
    breaks: "M8: a late direct message is sent again by every hop's clock",
    tests: ["test/core/Routing.test.ts"]
  },
  {
    name: "drained-too-soon",
    file: "src/actors/Router.ts",
    find: "routing.custody === 0 && routing.delivering === 0",
    replace: "routing.custody === 0",
    breaks: "V2: a Node leaves while its handlers work",
    tests: ["test/cluster/scope.test.ts"]
  },
  {
    name: "control-bytes-for-ever",
    file: "src/transport/Lanes.ts",
    find: "  self.controlBytes = 0\n",
    replace: "",
    breaks: "a link ends after 64 MiB of control",
    tests: ["test/transport/Lanes.test.ts"]
  }
]
