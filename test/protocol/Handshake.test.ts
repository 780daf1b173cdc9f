import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { createHmac, scryptSync } from "node:crypto"
import { inspect } from "node:util"
import * as Credentials from "../../src/protocol/Credentials.ts"
import * as Handshake from "../../src/protocol/Handshake.ts"
import * as SchemaFrame from "../../src/protocol/SchemaFrame.ts"
import * as Node from "../../src/ring/Node.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as Oracle from "../ring/Oracle.ts"
import * as Samples from "./Samples.ts"

const secret = "correct horse battery staple"

/** What binds a proof to a channel. */
const binding = Uint8Array.from({ length: 32 }, (_, index) => index)

const passphrase = (text: string) => Redacted.make(text)

// Stretching takes a quarter of a second, so each key is made once.
const key = Handshake.makeProofKey(passphrase(secret), "home")
const sameKey = Handshake.makeProofKey(passphrase(secret), "home")
const otherKey = Handshake.makeProofKey(passphrase(`${secret}.`), "home")
const otherCluster = Handshake.makeProofKey(passphrase(secret), "away")

const hello: Arbitrary.Arbitrary<Handshake.Hello> = Arbitrary.all({
  _tag: Arbitrary.Constant("Hello" as const),
  lowestVersion: Oracle.int(0, 9),
  highestVersion: Oracle.int(0, 9),
  cluster: Samples.text(0, 64),
  role: Samples.oneOf("member", "client"),
  node: Samples.node,
  seed: Samples.id,
  credentials: Samples.oneOf("none", "passphrase", "custom"),
  lease: Oracle.int(100, 600_000),
  nonce: Samples.id
})

const message: Arbitrary.Arbitrary<Handshake.Message> = Arbitrary.map(
  Arbitrary.all([
    Oracle.int(0, 3),
    hello,
    Samples.bytes(40),
    Samples.oneOf(...Handshake.RefusalReason.literals)
  ]),
  ([kind, hello, bytes, reason]) =>
    [hello, { _tag: "Proof", bytes } as const, { _tag: "Accepted" } as const, { _tag: "Refusal", reason } as const][
      kind
    ]!
)

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

const mine: Handshake.Hello = {
  _tag: "Hello",
  lowestVersion: 2,
  highestVersion: 4,
  cluster: "home",
  role: "member",
  seed: NodeId.zero,
  node: Oracle.node(1n),
  credentials: "passphrase",
  lease: 10_000,
  nonce: new NodeId.NodeId(1, 2, 3, 4)
}

const seed = NodeId.fromString("a seed")

const theirs: Handshake.Hello = { ...mine, node: Oracle.node(2n), nonce: new NodeId.NodeId(5, 6, 7, 8) }

describe("Handshake: frames", () => {
  it.prop("what is encoded decodes to the same", [message], ([message]) => {
    const frame = Handshake.encode(message)
    const before = frame.slice()
    const decoded = Handshake.decode(frame)
    assert.deepStrictEqual(plain(decoded), plain(message))
    if (decoded?._tag === "Hello") assert.isTrue(decoded.node instanceof Node.Node)
    // The codec encodes into a buffer that it shares: a frame must own its bytes, proofs are made over them.
    Handshake.encode(mine)
    assert.deepStrictEqual(frame, before)
  }, { arbitrary: { runs: 200, size: 30 } })

  it.prop("decode never throws, and what is cut short or has bytes behind it is no handshake", [
    message,
    Samples.bytes(80)
  ], ([message, noise]) => {
    const frame = Handshake.encode(message)
    for (let length = 0; length < frame.length; length++) {
      assert.isUndefined(Handshake.decode(frame.subarray(0, length)))
    }
    assert.isUndefined(Handshake.decode(Uint8Array.of(...frame, 0)))
    assert.isUndefined(Handshake.decode(Uint8Array.of(1, ...frame.subarray(1))))
    Handshake.decode(Uint8Array.of(6, ...noise))
    noise.forEach((byte, index) => {
      const changed = frame.slice()
      changed[1 + index % (frame.length - 1)] = byte
      Handshake.decode(changed)
    })
  }, { arbitrary: { runs: 60, size: 60 } })

  it("a cluster's name over its bound does not decode", () => {
    const longest = { ...mine, cluster: "x".repeat(64) }
    assert.deepStrictEqual(plain(Handshake.decode(Handshake.encode(longest))), plain(longest))
    assert.throws(() => Handshake.encode({ ...mine, cluster: "x".repeat(65) }))
  })

  // What a program says that knows no bound. Proofs and Accepted alone, for a union of one is encoded otherwise.
  const unbounded = SchemaFrame.make(
    6,
    Schema.Union([Schema.TaggedStruct("Proof", { bytes: Schema.Uint8Array }), Schema.TaggedStruct("Accepted", {})])
  )

  it.prop("a proof has at most 4,096 bytes: a longer one neither encodes nor decodes", [
    Oracle.int(0, 1),
    Oracle.int(0, 4096),
    Oracle.int(0, 255)
  ], ([isLong, size, byte]) => {
    const within = new Uint8Array(size).fill(byte)
    const decoded = Handshake.decode(Handshake.encode({ _tag: "Proof", bytes: within }))
    assert.strictEqual(decoded?._tag, "Proof")
    if (decoded?._tag === "Proof") assert.deepStrictEqual(decoded.bytes, within)
    assert.strictEqual(Handshake.decode(unbounded.encode({ _tag: "Proof", bytes: within }))?._tag, "Proof")
    const bytes = new Uint8Array(4097 + isLong * size)
    assert.throws(() => Handshake.encode({ _tag: "Proof", bytes }))
    assert.isUndefined(Handshake.decode(unbounded.encode({ _tag: "Proof", bytes })))
  }, { arbitrary: { runs: 60 } })

  it("every reason has an explanation of its own, and makes an error", () => {
    const reasons = Handshake.RefusalReason.literals
    assert.strictEqual(new Set(reasons.map(Handshake.explain)).size, reasons.length)
    for (const reason of reasons) {
      const error = new Handshake.Refused({ reason, by: "peer", message: Handshake.explain(reason) })
      assert.isTrue(Schema.is(Handshake.Refused)(error))
      assert.strictEqual(error.message, Handshake.explain(reason))
    }
  })
})

const client: Handshake.Hello = {
  ...theirs,
  role: "client",
  seed,
  node: Oracle.node(Oracle.toBig(Handshake.clientId(seed)))
}

describe("Handshake: mismatch", () => {
  it("two Hellos that fit", () => {
    assert.isUndefined(Handshake.mismatch(mine, theirs))
    assert.isUndefined(Handshake.mismatch(theirs, mine))
    assert.isUndefined(Handshake.mismatch(mine, client))
  })

  it("versions fit when the two ranges share one", () => {
    for (let lowest = 0; lowest <= 6; lowest++) {
      for (let highest = lowest; highest <= 6; highest++) {
        const common = [2, 3, 4].some((version) => lowest <= version && version <= highest)
        const other = { ...theirs, lowestVersion: lowest, highestVersion: highest }
        assert.strictEqual(Handshake.mismatch(mine, other), common ? undefined : "version", `${lowest} to ${highest}`)
        assert.strictEqual(Handshake.mismatch(other, mine), common ? undefined : "version", `${lowest} to ${highest}`)
      }
    }
  })

  it("cluster, credentials, self", () => {
    assert.strictEqual(Handshake.mismatch(mine, { ...theirs, cluster: "Home" }), "cluster")
    assert.strictEqual(Handshake.mismatch(mine, { ...theirs, cluster: "" }), "cluster")
    assert.strictEqual(Handshake.mismatch(mine, { ...theirs, credentials: "none" }), "credentials")
    assert.strictEqual(Handshake.mismatch({ ...mine, credentials: "none" }, theirs), "credentials")
    assert.strictEqual(Handshake.mismatch(mine, { ...theirs, node: Oracle.node(1n, { port: 9 }) }), "self")
    // Another life of the same id is for the membership to judge.
    assert.isUndefined(Handshake.mismatch(mine, { ...theirs, node: Oracle.node(1n, { incarnation: 2 }) }))
  })

  it("members count on leases of one length; clients hold none", () => {
    const other = { ...theirs, lease: 30_000 }
    assert.strictEqual(Handshake.mismatch(mine, other), "lease")
    assert.strictEqual(Handshake.mismatch(other, mine), "lease")
    assert.isUndefined(Handshake.mismatch(mine, { ...client, lease: 30_000 }))
    assert.isUndefined(Handshake.mismatch(client, other))
  })

  it("a client has the id that follows from its seed, and no other", () => {
    assert.strictEqual(Handshake.mismatch(mine, { ...theirs, role: "client" }), "identity")
    assert.strictEqual(Handshake.mismatch(mine, { ...client, seed: NodeId.fromString("another seed") }), "identity")
    assert.strictEqual(Handshake.mismatch(mine, { ...client, node: theirs.node }), "identity")
  })

  it("every kind of credentials fits itself and no other", () => {
    const kinds = ["none", "passphrase", "custom"] as const
    for (const here of kinds) {
      for (const there of kinds) {
        assert.strictEqual(
          Handshake.mismatch({ ...mine, credentials: here }, { ...theirs, credentials: there }),
          here === there ? undefined : "credentials",
          `${here} and ${there}`
        )
      }
    }
    assert.match(Handshake.explain("credentials"), /credentials do not match/)
  })

  it("the version comes first: what an unknown version says elsewhere means nothing", () => {
    const stranger = { ...mine, lowestVersion: 9, highestVersion: 9, cluster: "away", credentials: "none" as const }
    assert.strictEqual(Handshake.mismatch(mine, stranger), "version")
    assert.strictEqual(Handshake.mismatch(mine, { ...stranger, lowestVersion: 1 }), "cluster")
    assert.strictEqual(
      Handshake.mismatch(mine, { ...stranger, lowestVersion: 1, cluster: "home" }),
      "credentials"
    )
  })
})

describe("Handshake: proofs", () => {
  const dialler = Handshake.encode(mine)
  const acceptor = Handshake.encode(theirs)
  const proof = Handshake.prove(key, "dialler", dialler, acceptor, binding)

  it("is HMAC-SHA-256 under the scrypt key, over role, both Hellos and the binding, each with its length", () => {
    const stretched = scryptSync(secret, "effect-wendy/1/home", 32, { N: 16384, r: 8, p: 5 })
    const parts = [dialler, acceptor, binding].flatMap((part) => {
      const length = Buffer.alloc(4)
      length.writeUInt32BE(part.length)
      return [length, part]
    })
    const expected = createHmac("sha256", stretched).update(Buffer.concat([Buffer.from("dialler"), ...parts])).digest()
    assert.strictEqual(Buffer.from(proof).toString("hex"), expected.toString("hex"))
  })

  it("the same passphrase verifies, another does not, nor the same one in another cluster", () => {
    assert.lengthOf(proof, 32)
    assert.isTrue(Handshake.isSameProof(Handshake.prove(sameKey, "dialler", dialler, acceptor, binding), proof))
    assert.isFalse(Handshake.isSameProof(Handshake.prove(otherKey, "dialler", dialler, acceptor, binding), proof))
    assert.isFalse(Handshake.isSameProof(Handshake.prove(otherCluster, "dialler", dialler, acceptor, binding), proof))
  })

  it("the two ways to write one letter are one passphrase", () => {
    const composed = Handshake.makeProofKey(passphrase("caf\u00e9"), "home")
    const decomposed = Handshake.makeProofKey(passphrase("cafe\u0301"), "home")
    assert.deepStrictEqual(Redacted.value(composed), Redacted.value(decomposed))
  })

  it("cannot be reflected: a role's proof is not the other's, whichever Hello stands first", () => {
    for (const [first, second] of [[dialler, acceptor], [acceptor, dialler], [dialler, dialler]] as const) {
      assert.isFalse(Handshake.isSameProof(
        Handshake.prove(key, "acceptor", first, second, binding),
        Handshake.prove(key, "dialler", first, second, binding)
      ))
    }
    assert.isFalse(Handshake.isSameProof(Handshake.prove(key, "acceptor", dialler, acceptor, binding), proof))
    assert.isFalse(Handshake.isSameProof(Handshake.prove(key, "acceptor", acceptor, dialler, binding), proof))
    assert.isFalse(Handshake.isSameProof(Handshake.prove(key, "dialler", acceptor, dialler, binding), proof))
  })

  it("cannot be replayed: another nonce of either end makes another proof", () => {
    const nonce = new NodeId.NodeId(5, 6, 7, 9)
    assert.isFalse(
      Handshake.isSameProof(
        Handshake.prove(key, "dialler", dialler, Handshake.encode({ ...theirs, nonce }), binding),
        proof
      )
    )
    assert.isFalse(
      Handshake.isSameProof(
        Handshake.prove(key, "dialler", Handshake.encode({ ...mine, nonce }), acceptor, binding),
        proof
      )
    )
  })

  it("covers every byte of both Hellos, and where the first one ends", () => {
    const seen = new Set([Buffer.from(proof).toString("hex")])
    for (const [index, bytes] of [dialler, acceptor].entries()) {
      for (let at = 0; at < bytes.length; at++) {
        const changed = bytes.slice()
        changed[at]! ^= 1
        const [first, second] = index === 0 ? [changed, acceptor] : [dialler, changed]
        seen.add(Buffer.from(Handshake.prove(key, "dialler", first, second, binding)).toString("hex"))
      }
    }
    assert.strictEqual(seen.size, 1 + dialler.length + acceptor.length)
    const joined = Uint8Array.of(...dialler, ...acceptor)
    for (const at of [0, 1, dialler.length - 1, dialler.length + 1, joined.length]) {
      assert.isFalse(
        Handshake.isSameProof(
          Handshake.prove(key, "dialler", joined.subarray(0, at), joined.subarray(at), binding),
          proof
        )
      )
    }
  })

  it("isSameProof wants all bytes the same and the same length", () => {
    for (let at = 0; at < proof.length; at++) {
      const changed = proof.slice()
      changed[at]! ^= 0x80
      assert.isFalse(Handshake.isSameProof(proof, changed))
    }
    assert.isFalse(Handshake.isSameProof(proof, proof.subarray(1)))
    assert.isFalse(Handshake.isSameProof(proof, new Uint8Array(0)))
    assert.isFalse(Handshake.isSameProof(new Uint8Array(0), proof))
  })

  it("cannot be passed on: it holds for one channel", () => {
    for (const other of [new Uint8Array(0), binding.map((byte) => byte ^ 1), binding.subarray(1)]) {
      assert.isFalse(Handshake.isSameProof(Handshake.prove(key, "dialler", dialler, acceptor, other), proof))
    }
  })
})

describe("Handshake: the secret", () => {
  it("Go Wendy defect 44: an empty passphrase is refused", () => {
    const long = Redacted.make("a passphrase that is long")
    assert.isUndefined(Credentials.problemOf(Credentials.passphrase(long)))
    for (const text of ["", " ", " ".repeat(20), "\n"]) {
      const empty = Redacted.make(text)
      assert.include(Credentials.problemOf(Credentials.passphrase(empty)), "the passphrase is blank")
      assert.include(Credentials.problemOf(Credentials.passphrase([long, empty])), "passphrase 2 of 2 is blank")
    }
  })

  it("no frame contains the passphrase or its key", () => {
    const dialler = Handshake.encode(mine)
    const acceptor = Handshake.encode(theirs)
    const frames: Array<Uint8Array> = [dialler, acceptor]
    for (const role of ["dialler", "acceptor"] as const) {
      frames.push(Handshake.encode({ _tag: "Proof", bytes: Handshake.prove(key, role, dialler, acceptor, binding) }))
    }
    for (const reason of Handshake.RefusalReason.literals) frames.push(Handshake.encode({ _tag: "Refusal", reason }))
    const said = Buffer.concat(frames)
    const stretched = Buffer.from(Redacted.value(key))
    assert.lengthOf(stretched, 32)
    // Any four bytes in a row, so that a part of a secret would be found too.
    for (const hidden of [Buffer.from(secret), stretched]) {
      for (let at = 0; at + 4 <= hidden.length; at++) {
        assert.strictEqual(said.indexOf(hidden.subarray(at, at + 4)), -1)
      }
    }
  })

  it("custom credentials, printed, show nothing of what they give", () => {
    for (const given of [Buffer.from(secret), Effect.succeed(Buffer.from(secret))]) {
      const credentials = Credentials.make({ marshal: () => given, valid: () => true })
      assert.deepInclude(credentials, { _tag: "Custom", allowClear: false })
      for (const shown of [String(credentials), inspect(credentials, { depth: 9 }), JSON.stringify(credentials)]) {
        assert.notInclude(shown, "horse")
        assert.notInclude(shown, Buffer.from(secret).toString("hex").match(/../g)!.join(" ").slice(0, 12))
      }
    }
  })

  it("nothing that is printed shows it", () => {
    const credentials = Credentials.passphrase(Redacted.make(secret))
    const stretched = Buffer.from(Redacted.value(key))
    for (const value of [credentials, key]) {
      for (const shown of [String(value), inspect(value, { depth: 9 }), JSON.stringify(value)]) {
        assert.notInclude(shown, "horse")
        assert.notInclude(shown, stretched.toString("hex"))
        assert.notInclude(shown, `${stretched[0]},${stretched[1]},${stretched[2]}`)
        assert.notInclude(shown, `${stretched[0]}, ${stretched[1]}, ${stretched[2]}`)
      }
    }
  })
})
