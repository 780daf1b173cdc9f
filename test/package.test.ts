/** What package.json says of the package, held against the sources. */
import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Path from "node:path"

const root = Path.resolve(import.meta.dirname, "..")

const read = (file: string): string => Fs.readFileSync(Path.join(root, file), "utf8")

interface Entry {
  readonly source: string
  readonly types: string
  readonly default: string
}

const manifest = JSON.parse(read("package.json")) as {
  readonly exports: Record<string, Entry | string>
  readonly dependencies?: Record<string, string>
  readonly devDependencies: Record<string, string>
  readonly peerDependencies: Record<string, string>
  readonly peerDependenciesMeta: Record<string, { readonly optional: boolean }>
}

describe("package.json", () => {
  it("every module that the index exports has a subpath of its own, and the other way round", () => {
    const exported = Array.from(
      read("src/index.ts").matchAll(/^export \* as (\w+) from "\.\/(.+)"$/gm),
      ([, name, path]) => [`./${name}`, `./src/${path}`] as const
    )
    // What is large and for few is not in the index.
    const others = new Set([".", "./package.json", "./simulation", "./testing"])
    const subpaths = Object.entries(manifest.exports).filter(([name]) => !others.has(name))
      .map(([name, entry]) => [name, (entry as Entry).source] as const)
    const sorted = (pairs: ReadonlyArray<readonly [string, string]>) => pairs.map((pair) => pair.join(" ")).toSorted()
    assert.isAbove(exported.length, 10)
    assert.deepStrictEqual(sorted(subpaths), sorted(exported))
  })

  it("what a subpath leads to is what becomes of its source", () => {
    for (const entry of Object.values(manifest.exports)) {
      if (typeof entry === "string") continue
      assert.isTrue(Fs.existsSync(Path.join(root, entry.source)), entry.source)
      const built = entry.source.replace("./src/", "./dist/").replace(/\.ts$/, "")
      assert.deepStrictEqual([entry.types, entry.default], [`${built}.d.ts`, `${built}.js`])
    }
  })

  it("a user of the library needs effect, and nothing else", () => {
    assert.isUndefined(manifest.dependencies)
    const needed = Object.keys(manifest.peerDependencies)
      .filter((name) => manifest.peerDependenciesMeta[name]?.optional !== true)
    assert.deepStrictEqual(needed, ["effect"])
    for (const [name, range] of Object.entries(manifest.peerDependencies)) {
      assert.match(range, /^\^/, name)
      assert.isDefined(manifest.devDependencies[name], name)
    }
  })

  it("names the ranges of its peers as the program asks for them", () => {
    const { peerDependencies } = manifest
    const keys = read("src/cli/keys.ts").replace(/" \+\s+"/g, "")
    for (const name of ["@peculiar/x509", "reflect-metadata"]) assert.include(keys, `${name}@${peerDependencies[name]}`)
    assert.include(read("src/bin.ts"), `@${peerDependencies["@effect/platform-node"]}`)
  })

  it("the lock file names no registry", () => {
    assert.notMatch(read("package-lock.json"), /"resolved"/)
  })
})
