import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import { checkLayers, file, renderTable, update } from "../../scripts/checkLayers.ts"

const check = (files: Record<string, string>) =>
  checkLayers(new Map(Object.entries(files))).breaches.map(({ file, line, rule }) => `${file}:${line}: ${rule}`)

const messages = (files: Record<string, string>) =>
  checkLayers(new Map(Object.entries(files))).breaches.map(({ message }) => message)

describe("checkLayers", () => {
  it("docs/architecture.md shows the layers that are checked (else: node scripts/checkLayers.ts --table)", () => {
    const text = Fs.readFileSync(file, "utf8")
    assert.include(text, renderTable())
    assert.strictEqual(update(text), text)
    assert.strictEqual(update(text.replace(renderTable(), "old")), text)
    assert.throws(() => update("no marks"))
  })

  it("accepts imports that go down", () => {
    const files = {
      "src/ring/NodeId.ts": `import * as Schema from "effect/Schema"\nimport { createHash } from "node:crypto"\n`,
      "src/ring/Node.ts": `import type { NodeId } from "./NodeId.ts"\n`,
      "src/protocol/Wire.ts": `import * as Node from "../ring/Node.ts"\n`,
      "src/core/Membership.ts": `import * as Wire from "../protocol/Wire.ts"\n`,
      "src/transport/Tcp.ts": `import * as Effect from "effect/Effect"\nimport * as Wire from "../protocol/Wire.ts"\n`,
      "src/actors/Router.ts": `import "../core/Membership.ts"\nimport "../transport/Tcp.ts"\n`,
      "src/Application.ts": `import "./actors/Router.ts"\n`,
      "src/Cluster.ts": `import "./Application.ts"\n`,
      "src/services/Topic.ts": `import * as Cluster from "../Cluster.ts"\n`,
      "src/simulation/World.ts": `import * as Cluster from "../Cluster.ts"\n`,
      "src/index.ts": `export * as Cluster from "./Cluster.ts"\nexport * as Topic from "./services/Topic.ts"\n`,
      "src/cli/Simulate.ts": `import * as World from "../simulation/World.ts"\n`,
      "src/bin.ts": `import { simulate } from "./cli/Simulate.ts"\n`
    }
    assert.deepStrictEqual(check(files), [])
    assert.strictEqual(checkLayers(new Map(Object.entries(files))).imports, 17)
  })

  it("reports upward imports of every form", () => {
    const source = [
      `import { a } from "../core/A.ts"`,
      `import type { b } from "../core/A.ts"`,
      `import {`,
      `  c,`,
      `  type d`,
      `} from "../core/A.ts"`,
      `export * as e from "../core/A.ts"`,
      `export { f } from "../core/A.ts"`,
      `import "../core/A.ts"`,
      `const g = () => import("../core/A.ts")`,
      `type H = import("../core/A.ts").H`
    ].join("\n")
    assert.deepStrictEqual(
      check({ "src/protocol/P.ts": source, "src/core/A.ts": "" }),
      [1, 2, 6, 7, 8, 9, 10, 11].map((line) => `src/protocol/P.ts:${line}: upward`)
    )
  })

  it("reports core and transport importing each other", () => {
    assert.deepStrictEqual(
      check({
        "src/core/A.ts": `import "../transport/B.ts"\n`,
        "src/core/C.ts": "",
        "src/transport/B.ts": "",
        "src/transport/D.ts": `import "../core/C.ts"\n`
      }),
      ["src/core/A.ts:1: sideways", "src/transport/D.ts:1: sideways"]
    )
  })

  it("reports who imports simulation, cli, bin or index from below", () => {
    assert.deepStrictEqual(
      check({
        "src/Cluster.ts": `import "./simulation/World.ts"\n`,
        "src/index.ts": `export * as World from "./simulation/World.ts"\n`,
        "src/simulation/World.ts": `import "../bin.ts"\n`,
        "src/cli/Main.ts": `import "../index.ts"\nimport "../bin.ts"\n`,
        "src/bin.ts": ""
      }),
      [
        "src/Cluster.ts:1: upward",
        "src/cli/Main.ts:1: barrel",
        "src/cli/Main.ts:2: upward",
        "src/index.ts:1: upward",
        "src/simulation/World.ts:1: upward"
      ]
    )
  })

  it("prints the cycle", () => {
    const files = {
      "src/ring/A.ts": `import "./B.ts"\n`,
      "src/ring/B.ts": `import type { C } from "./C.ts"\n`,
      "src/ring/C.ts": `\nexport * from "./A.ts"\n`
    }
    assert.deepStrictEqual(check(files), ["src/ring/C.ts:2: cycle"])
    assert.deepStrictEqual(messages(files), ["src/ring/A.ts -> src/ring/B.ts -> src/ring/C.ts -> src/ring/A.ts"])
  })

  it("reports barrels, of Effect and of this package", () => {
    const source = [
      `import { Effect } from "effect"`,
      `import { Socket } from "effect/socket"`,
      `import { NodeSocket } from "@effect/platform-node"`,
      `import { Cluster } from "effect-wendy"`,
      `import * as Http from "effect/http-api/HttpApi"`,
      `import * as NodeRuntime from "@effect/platform-node/NodeRuntime"`
    ].join("\n")
    assert.deepStrictEqual(check({ "src/Cluster.ts": source }), [
      "src/Cluster.ts:1: barrel",
      "src/Cluster.ts:2: barrel",
      "src/Cluster.ts:3: barrel",
      "src/Cluster.ts:3: peer",
      "src/Cluster.ts:4: self",
      "src/Cluster.ts:6: peer"
    ])
  })

  it("keeps optional peers to the program", () => {
    const source = `import * as X509 from "@peculiar/x509"\nimport "reflect-metadata"\n`
    assert.deepStrictEqual(check({ "src/cli/keys/A.ts": source, "src/protocol/B.ts": source }), [
      "src/protocol/B.ts:1: peer",
      "src/protocol/B.ts:2: peer"
    ])
  })

  it("keeps ring and core pure, types included", () => {
    assert.deepStrictEqual(
      check({
        "src/ring/A.ts": `import type { Effect } from "effect/Effect"\nimport * as Net from "node:net"\n`,
        "src/core/B.ts":
          `import type { Clock } from "effect/Clock"\nimport "node:crypto"\nimport * as Chunk from "effect/Chunk"\n`
      }),
      ["src/core/B.ts:1: pure", "src/core/B.ts:2: pure", "src/ring/A.ts:1: pure", "src/ring/A.ts:2: pure"]
    )
  })

  it("reports an unknown folder, a way out of src and a computed import", () => {
    assert.deepStrictEqual(
      check({
        "src/attic/A.ts": `import "../ring/B.ts"\n`,
        "src/ring/B.ts": `import "../../test/x.ts"\n`,
        "src/ring/C.ts": "const f = (x: string) => import(`./${x}.ts`)\n"
      }),
      ["src/attic/A.ts:1: unknown", "src/ring/B.ts:1: outside", "src/ring/C.ts:1: dynamic"]
    )
  })

  it("does not read comments and templates", () => {
    const source = [
      "/**",
      ` * import { Effect } from "effect"`,
      " */",
      `// import "effect"`,
      "const help = `",
      `import { Effect } from "effect"`,
      "`",
      `const url = "http://x" // import("effect")`,
      "export const from = [import.meta.url, Math.max(1)]"
    ].join("\n")
    assert.deepStrictEqual(check({ "src/Cluster.ts": source }), [])
  })
})
