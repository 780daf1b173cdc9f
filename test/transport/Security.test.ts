import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Authority from "../../src/cli/keys/Authority.ts"
import * as Credentials from "../../src/protocol/Credentials.ts"
import { type Hello, versions } from "../../src/protocol/Handshake.ts"
import * as Node from "../../src/ring/Node.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import { current, describe as describeRuntime } from "../../src/transport/internal/runtime.ts"
import * as Security from "../../src/transport/Security.ts"
import type { Channel } from "../../src/transport/Transport.ts"

const passphrase = Credentials.passphrase(Redacted.make("correct horse battery staple"))

const withExporter = { exportKeyingMaterial: () => {} }
const node = describeRuntime({ node: "24.0.0" }, withExporter)
const bun = describeRuntime({ node: "24.0.0", bun: "1.4.5" }, withExporter)
const deno = describeRuntime({ node: "24.0.0", deno: "2.9.6" }, {})

const day = 24 * 3_600_000
const validity = { from: new Date(Date.now() - day), until: new Date(Date.now() + day) }

const certificates = Effect.promise(async () => {
  const authority = await Authority.make("one", validity)
  const { certificate: chain, key } = await Authority.issue(
    authority,
    { name: "x", role: "member", id: undefined, region: undefined },
    validity
  )
  const list = await Authority.revoke(authority, [], validity)
  const make = (revocations: ReadonlyArray<string>) =>
    Credentials.certificate({ key: Redacted.make(key), chain, authorities: [authority.certificate], revocations })
  return { listed: make([list]), plain: make([]) }
})

describe("Security", () => {
  it("knows the runtime that it runs on", () => {
    assert.deepStrictEqual(current, { ...node, name: `Node.js ${process.versions.node}` })
    assert.deepStrictEqual([node.name, bun.name, deno.name], ["Node.js 24.0.0", "Bun 1.4.5", "Deno 2.9.6"])
  })

  it.effect("says at the start what a runtime cannot do", () =>
    Effect.gen(function*() {
      const { listed, plain } = yield* certificates
      for (const runtime of [node, bun]) {
        for (const credentials of [Credentials.none, passphrase, listed, plain]) {
          assert.isUndefined(Security.problemOver(credentials, "tls", runtime))
        }
      }
      assert.isUndefined(Security.problemOver(Credentials.none, "tls", deno))
      assert.isUndefined(Security.problemOver(plain, "tls", deno))
      assert.match(Security.problemOver(passphrase, "tls", deno)!, /^Deno 2\.9\.6 cannot bind a passphrase/)
      assert.match(Security.problemOver(listed, "tls", deno)!, /^Deno 2\.9\.6 takes no notice of lists of revoked/)
      assert.isUndefined(Security.problemOver(passphrase, "process", deno))
      const custom = Credentials.make({ marshal: () => new Uint8Array(0), valid: () => true, within: passphrase })
      assert.match(Security.problemOver(custom, "tls", deno)!, /cannot bind a passphrase/)
    }))

  const hello: Hello = {
    _tag: "Hello",
    lowestVersion: versions.lowest,
    highestVersion: versions.highest,
    cluster: "wendy",
    role: "member",
    node: new Node.Node({
      id: NodeId.fromString("x"),
      localHost: "127.0.0.1",
      globalHost: "127.0.0.1",
      port: 7001,
      region: "",
      incarnation: 1
    }),
    seed: NodeId.zero,
    credentials: "passphrase",
    lease: 9000,
    nonce: NodeId.zero
  }

  const meetingOver = (channel: Channel | undefined): Security.Meeting => ({
    connection: {
      remote: { host: "127.0.0.1", port: 7001 },
      channel,
      read: Effect.never,
      write: () => Effect.void,
      admit: () => {}
    },
    dialler: Uint8Array.of(1),
    acceptor: Uint8Array.of(2),
    peer: hello
  })

  it.effect("proves no passphrase over a channel to which the proof is not bound, and believes none", () =>
    Effect.gen(function*() {
      const { rounds: [round] } = Security.make(passphrase, { cluster: "wendy", needsChannel: true, patience: 1000 })
      const keys = Security.keysOf(round!, "dialler")
      const unbound = meetingOver({ binding: undefined, certificate: undefined })
      const { message } = yield* Effect.flip(Security.show(round!, "dialler", unbound, keys))
      assert.match(message, /cannot be proved/)
      // What an end without a channel would have proved.
      const given = yield* Security.show(round!, "dialler", meetingOver(undefined), keys)
      const refusal = yield* Effect.flip(Security.check(round!, "dialler", unbound, given, keys))
      assert.strictEqual(refusal.reason, "credentials")
    }))
})
