import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"
import { version } from "../../src/version.ts"

const root = fileURLToPath(new URL("../../", import.meta.url))

describe("the program without its package.json", () => {
  it("the version is that of the package", () => {
    assert.strictEqual(version, JSON.parse(Fs.readFileSync(Path.join(root, "package.json"), "utf8")).version)
  })

  it("starts, as a bundle of it does that stands alone", () => {
    const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "wendy-alone-"))
    try {
      Fs.cpSync(Path.join(root, "src"), Path.join(folder, "src"), { recursive: true })
      Fs.symlinkSync(Path.join(root, "node_modules"), Path.join(folder, "node_modules"))
      // One of another program, whose version is not ours.
      Fs.writeFileSync(Path.join(folder, "package.json"), `{"type":"module"}`)
      const run = (...args: ReadonlyArray<string>) =>
        spawnSync(process.execPath, [Path.join(folder, "src", "bin.ts"), ...args], { encoding: "utf8" })
      assert.strictEqual(run("--version").stdout, `${version}\n`)
      const demo = run("demo", "--nodes", "2", "--messages", "10", "--kill", "0", "--json")
      assert.deepStrictEqual([demo.status, demo.stderr], [0, ""])
    } finally {
      Fs.rmSync(folder, { recursive: true })
    }
  }, 60_000)
})
