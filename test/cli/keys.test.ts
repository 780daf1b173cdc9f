import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { X509Certificate } from "node:crypto"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Program from "./Program.ts"

const timeout = 60_000

const makeFolder = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "wendy-keys-"))),
  (folder) => Effect.sync(() => Fs.rmSync(folder, { recursive: true }))
)

const keys = Effect.fnUntraced(function*(folder: string, command: string, ...args: ReadonlyArray<string>) {
  const ended = yield* Program.run(["keys", command, ...args, "--dir", folder])
  return { ...ended, lines: ended.stdout.split("\n").slice(0, -1) }
})

/** The flags for whoever has a certificate. */
const as = (folder: string, name: string) => [
  "--ca",
  Path.join(folder, "ca.crt"),
  "--cert",
  Path.join(folder, `${name}.crt`)
]

const textOf = (folder: string, file: string) => Fs.readFileSync(Path.join(folder, file), "utf8")

const modeOf = (folder: string, file: string) => Fs.statSync(Path.join(folder, file)).mode & 0o777

describe("wendy keys", () => {
  it.live("an authority and certificates: a cluster that lets in nobody else", () =>
    Effect.gen(function*() {
      const folder = yield* makeFolder
      assert.strictEqual((yield* keys(folder, "init-ca")).code, 0)
      const issued = yield* keys(folder, "issue", "one", "two", "--json")
      const said = issued.lines.map((line) => JSON.parse(line))
      assert.deepStrictEqual(said.map(({ name, role, valid }) => [name, role, valid]), [
        ["one", "node", true],
        ["two", "node", true]
      ])
      yield* keys(folder, "issue", "operator", "--client")
      for (const name of ["ca", "one", "two", "operator"]) {
        assert.deepStrictEqual([modeOf(folder, `${name}.key`), modeOf(folder, `${name}.crt`)], [0o600, 0o644])
      }
      const one = yield* Program.startNode(...as(folder, "one"))
      const two = yield* Program.startNode("--join", one.address, ...as(folder, "two"))
      assert.deepStrictEqual([one, two].map(({ lines }) => lines()[0]!["id"]), said.map(({ id }) => id))
      const sent = yield* Program.run(["send", "--to", two.address, "--key", "a", "hello", ...as(folder, "operator")])
      assert.strictEqual(sent.code, 0, sent.stderr)
      const attempts = [[], ["--passphrase-file", yield* secretFile("a passphrase of ours")]]
      for (const credentials of attempts) {
        for (const command of [["node", "--join"], ["send", "--key", "a", "--to"], ["ring", "--to"]]) {
          const { code, stderr } = yield* Program.run([...command, one.address, ...credentials])
          assert.strictEqual(code, 3, stderr)
          assert.match(stderr, /^wendy: .*\n$/)
        }
      }
      // The other way round: who has a certificate is told that this is another kind of cluster.
      const other = yield* Program.startNode("--passphrase-file", yield* secretFile("a passphrase of ours"))
      const { code, stderr } = yield* Program.run(["ring", "--to", other.address, ...as(folder, "operator")])
      assert.strictEqual(code, 3, stderr)
      assert.include(stderr, "the credentials do not match")
    }), timeout)

  it.live(
    "issued again a name keeps key, id and Region; what is there is not overwritten",
    () =>
      Effect.gen(function*() {
        const folder = yield* makeFolder
        yield* keys(folder, "init-ca", "--name", "ours")
        const id = "0123456789abcdef0123456789abcdef"
        yield* keys(folder, "issue", "one", "--id", id, "--region", "eu west", "--days", "1")
        const [key, before] = [textOf(folder, "one.key"), textOf(folder, "one.crt")]
        yield* keys(folder, "issue", "one")
        assert.strictEqual(textOf(folder, "one.key"), key)
        assert.notStrictEqual(textOf(folder, "one.crt"), before)
        const { lines } = yield* keys(folder, "issue", "one", "--json")
        const fields = JSON.parse(lines[0]!)
        assert.deepInclude(fields, { id, region: "eu west", name: "one", role: "node" })
        assert.isTrue(new X509Certificate(textOf(folder, "one.crt")).verify(
          new X509Certificate(textOf(folder, "ca.crt")).publicKey
        ))
        const again = yield* keys(folder, "init-ca")
        assert.strictEqual(again.code, 2)
        assert.include(again.stderr, "wendy keys rotate")
      }),
    timeout
  )

  const mistakes: ReadonlyArray<readonly [string, string]> = [
    ["issue one", "init-ca"],
    ["issue ../one", "letters, digits"],
    ["issue ca.crt", "letters, digits"],
    ["issue one two --id 0123456789abcdef0123456789abcdef", "--id is the id of one Node"],
    ["issue one --client --region x", "leave --region out"],
    ["revoke one", "init-ca"],
    ["rotate", "init-ca"]
  ]
  for (const [command, says] of mistakes) {
    it.live(`wendy keys ${command}: exit code 2, and says why`, () =>
      Effect.gen(function*() {
        const folder = yield* makeFolder
        const { code, stderr, stdout } = yield* Program.run(["keys", ...command.split(" "), "--dir", folder])
        assert.deepStrictEqual([code, stdout], [2, ""])
        assert.include(stderr, says)
        assert.deepStrictEqual(Fs.readdirSync(folder), [])
      }), timeout)
  }

  for (const name of ["@peculiar/x509", "reflect-metadata"]) {
    it.live(`without ${name} the program asks for it by name`, () =>
      Effect.gen(function*() {
        const folder = yield* makeFolder
        const { code, stderr } = yield* Program.runWithout(name, ["keys", "init-ca", "--dir", folder])
        assert.strictEqual(code, 1, stderr)
        assert.match(
          stderr,
          /^wendy: wendy keys needs two packages .*npm install @peculiar\/x509@\^\d\S+ reflect-metadata@\^\d\S+\n$/
        )
        assert.deepStrictEqual(Fs.readdirSync(folder), [])
      }), timeout)
  }

  it.live(
    "an entry in a list of revoked certificates has no empty list of extensions, which BoringSSL does not read",
    () =>
      Effect.gen(function*() {
        const folder = yield* makeFolder
        yield* keys(folder, "init-ca")
        yield* keys(folder, "issue", "one")
        yield* keys(folder, "revoke", "one")
        const list = Fs.readFileSync(Path.join(folder, "ca.crl"), "utf8").replace(/-----[^-]+-----/g, "")
        const hex = Buffer.from(list, "base64").toString("hex")
        // "Z", the end of a date, and an empty sequence.
        assert.notInclude(hex, "5a3000")
        // An invalidity date (2.5.29.24) in whole seconds.
        assert.match(hex, /0603551d18041118 ?0f(3\d){14}5a/)
      }),
    timeout
  )

  it.live("secrets that others may read, and flags that are no whole, are refused", () =>
    Effect.gen(function*() {
      const folder = yield* makeFolder
      yield* keys(folder, "init-ca")
      yield* keys(folder, "issue", "one")
      Fs.chmodSync(Path.join(folder, "one.key"), 0o640)
      const secret = yield* secretFile("long enough, really")
      const cases: ReadonlyArray<readonly [ReadonlyArray<string>, string]> = [
        [as(folder, "one"), "chmod 600"],
        [["--cert", Path.join(folder, "one.crt")], "needs --cert, its private key, and --ca"],
        [[...as(folder, "one"), "--passphrase-file", secret], "leave one of them out"],
        [[...as(folder, "one"), "--key", Path.join(folder, "ca.key")], "do not make a whole"],
        [[...as(folder, "one"), "--key", Path.join(folder, "ca.key"), "--clear"], "leave --clear out"],
        [["--ca", "/nowhere", "--cert", Path.join(folder, "one.crt"), "--key", Path.join(folder, "ca.key")], "/nowhere"]
      ]
      for (const [flags, says] of cases) {
        const { code, stderr } = yield* Program.run(["node", ...flags])
        assert.strictEqual(code, 2, stderr)
        assert.include(stderr, says)
      }
    }), timeout)

  it.live("rotate, issue, revoke: Nodes read it again on SIGHUP, and go on", () =>
    Effect.gen(function*() {
      const folder = yield* makeFolder
      yield* keys(folder, "init-ca")
      yield* keys(folder, "issue", "one", "two", "three")
      const list = Path.join(folder, "ca.crl")
      yield* keys(folder, "revoke", "three")
      const with_ = (name: string) => [...as(folder, name), "--crl", list]
      const one = yield* Program.startNode(...with_("one"))
      const two = yield* Program.startNode("--join", one.address, ...with_("two"))
      const revoked = yield* Program.run(["send", "--to", one.address, "--key", "a", ...with_("three")])
      assert.strictEqual(revoked.code, 3, revoked.stderr)

      const old = Fs.mkdtempSync(Path.join(folder, "old-"))
      for (const file of ["ca.crt", "two.crt", "two.key"]) {
        Fs.copyFileSync(Path.join(folder, file), Path.join(old, file))
      }
      const hangUp = Effect.gen(function*() {
        for (const node of [one, two]) {
          const said = node.stderr().length
          node.child.kill("SIGHUP")
          yield* node.until("read again", () => node.stderr().slice(said).includes("read again") || undefined)
        }
        const sent = yield* Program.run([
          "send",
          "--to",
          one.address,
          "--to",
          two.address,
          "--key",
          "a",
          ...with_("two")
        ])
        assert.strictEqual(sent.code, 0, sent.stderr)
      })
      yield* keys(folder, "rotate")
      yield* hangUp
      yield* keys(folder, "issue", "one", "two")
      yield* hangUp
      yield* keys(folder, "rotate", "--finish")
      yield* hangUp
      const late = yield* Program.run(["ring", "--to", one.address, ...as(old, "two")])
      assert.strictEqual(late.code, 3, late.stderr)

      Fs.writeFileSync(Path.join(folder, "two.crt"), "nonsense")
      two.child.kill("SIGHUP")
      yield* two.said("the credentials stay as they are")
      const ring = yield* Program.run(["ring", "--to", two.address, ...with_("one"), "--json"])
      assert.deepInclude(JSON.parse(ring.stdout.trim().split("\n").at(-1)!), { nodes: 2, agree: true })
    }), timeout)
})

const secretFile = (text: string) =>
  Effect.map(makeFolder, (folder) => {
    const file = Path.join(folder, "secret")
    Fs.writeFileSync(file, text, { mode: 0o600 })
    return file
  })
