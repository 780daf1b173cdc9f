import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Option from "effect/Option"
import * as Address from "../../src/protocol/Address.ts"
import * as Oracle from "../ring/Oracle.ts"
import * as Samples from "./Samples.ts"

const hosts = [
  "127.0.0.1",
  "0.0.0.0",
  "255.255.255.255",
  "localhost",
  "node-7.example.org",
  "a",
  "xn--mnchen-3ya.de",
  "::",
  "::1",
  "fe80::1",
  "fe80::1%eth0",
  "fe80::1%25",
  "2001:db8::ff00:42:8329",
  "2001:DB8:0:0:1:2:3:4",
  "::ffff:192.0.2.1"
]

const host: Arbitrary.Arbitrary<string> = Arbitrary.flatMap(Oracle.int(0, 2), (kind) => {
  const numbers = (count: number, maximum: number) =>
    Arbitrary.array(Oracle.int(0, maximum), { minLength: count, maxLength: count })
  switch (kind) {
    case 0:
      return Samples.oneOf(...hosts)
    case 1:
      return Arbitrary.map(numbers(4, 255), (bytes) => bytes.join("."))
    default:
      return Arbitrary.map(numbers(8, 0xffff), (words) => words.map((word) => word.toString(16)).join(":"))
  }
})

describe("Address", () => {
  it("reads IPv4, names, and IPv6 in brackets", () => {
    for (const host of hosts) {
      const text = host.includes(":") ? `[${host}]:4000` : `${host}:4000`
      assert.deepStrictEqual(Address.parse(text), Option.some({ host, port: 4000 }), text)
      assert.strictEqual(Address.format({ host, port: 4000 }), text)
    }
  })

  it.prop("what format writes, parse reads", [host, Oracle.int(1, 65535)], ([host, port]) => {
    assert.deepStrictEqual(Address.parse(Address.format({ host, port })), Option.some({ host, port }))
  }, { arbitrary: { runs: 300 } })

  it.prop("what parse reads, format writes again", [
    Arbitrary.map(
      Arbitrary.array(Samples.oneOf(..."[]:%.:01fz-: "), { maxLength: 16 }),
      (letters) => `${letters.join("")}:80`
    )
  ], ([text]) => {
    Option.match(Address.parse(text), {
      onNone: () => {},
      onSome: (address) => assert.strictEqual(Address.format(address), text)
    })
  }, { arbitrary: { runs: 2000, size: 16 } })

  it("the port is 1 to 65535", () => {
    for (const port of ["1", "80", "65535"]) assert.isTrue(Option.isSome(Address.parse(`a:${port}`)), port)
    for (const port of ["", "0", "00000", "65536", "99999", "123456", "-1", "+1", "1.5", "1e3", "0x50", "http", "8O"]) {
      assert.isTrue(Option.isNone(Address.parse(`a:${port}`)), port)
      assert.isTrue(Option.isNone(Address.parse(`[::1]:${port}`)), port)
    }
  })

  it("refuses what is no address", () => {
    for (
      const text of [
        "",
        ":",
        ":80",
        "localhost",
        "127.0.0.1",
        "[::1]",
        // IPv6 without brackets
        "::1",
        "::1:80",
        "fe80::1:4000",
        // spaces
        " localhost:80",
        "localhost:80 ",
        "local host:80",
        "localhost: 80",
        "localhost :80",
        "localhost:80\n",
        "\tlocalhost:80",
        // brackets
        "[]:80",
        "[::1:80",
        "::1]:80",
        "[::1]80",
        "[[::1]]:80",
        "[::1] :80",
        "x[::1]:80",
        "[::1]x:80",
        // brackets around what is no IPv6
        "[127.0.0.1]:80",
        "[localhost]:80",
        "[1234]:80",
        "[%]:80",
        "[...]:80",
        "[:::]:80",
        "[1:2:3:4:5:6:7:8:9]:80",
        "[12345::]:80",
        "[fe80::1%]:80",
        "[fe80::1% eth0]:80",
        // two of something
        "a:80:80",
        "http://a:80"
      ]
    ) {
      assert.isTrue(Option.isNone(Address.parse(text)), JSON.stringify(text))
    }
  })
})

describe("Address blocks", () => {
  it("of IPv4 the first 24 bits, of IPv6 the first 48, of a name the name", () => {
    const blocks = {
      "203.0.113.7": "203.0.113",
      "203.0.113.250": "203.0.113",
      "203.0.114.7": "203.0.114",
      "::ffff:203.0.113.9": "203.0.113",
      "2001:db8:1:2::5": "2001:db8:1",
      "2001:DB8:0001:ffff:1:2:3:4": "2001:db8:1",
      "2001:db8::1": "2001:db8:0",
      "2001::1:0:0:0:0:5": "2001:0:1",
      "fe80::1%eth0": "fe80:0:0",
      "::1": "0:0:0",
      "::": "0:0:0",
      "64:ff9b::192.0.2.1": "64:ff9b:0",
      "Node.Example.org": "node.example.org"
    }
    for (const [host, block] of Object.entries(blocks)) assert.strictEqual(Address.block(host), block, host)
  })

  it("one host may be written in several ways", () => {
    for (
      const [x, y] of [
        ["127.0.0.1", "::ffff:127.0.0.1"],
        ["2001:db8::1", "2001:0DB8:0:0:0:0:0:1"],
        ["Example.org", "example.org"],
        ["fe80::1%eth0", "fe80:0::1%eth0"]
      ] as const
    ) assert.isTrue(Address.isSameHost(x, y), `${x} ${y}`)
    for (
      const [x, y] of [["127.0.0.1", "127.0.0.2"], ["::1", "127.0.0.1"], ["fe80::1%a", "fe80::1%b"]] as const
    ) assert.isFalse(Address.isSameHost(x, y), `${x} ${y}`)
  })
})
