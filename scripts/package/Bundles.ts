/**
 * Bundles: how large an application becomes that takes a part of the package, and that it gets no more than its part.
 */
import * as Path from "node:path"
import { gzipSync } from "node:zlib"
import { rolldown } from "rolldown"
import type { Project } from "./Library.ts"
import { row, verdict } from "./Report.ts"

interface Bundle {
  readonly code: string
  /** Of the package's modules those of which something is in it, as `actors/Links`. */
  readonly modules: ReadonlyArray<string>
}

const entry = "virtual:entry"

const within = `${Path.join("node_modules", "effect-wendy", "dist")}${Path.sep}`

/** With `effects` every module of ours is taken to have some, and nothing is known of what others do. */
const bundle = async (folder: string, code: string, effects: boolean): Promise<Bundle> => {
  const build = await rolldown({
    input: entry,
    cwd: folder,
    platform: "node",
    logLevel: "silent",
    ...(effects
      ? {
        external: /^(effect|node:)/,
        // What is read of a module that nothing is known of might be a getter.
        treeshake: { moduleSideEffects: (id) => id.includes(within), propertyReadSideEffects: false }
      }
      : {}),
    plugins: [{
      name: "entry",
      resolveId: (id, importer) =>
        id === entry
          ? id
          : importer === entry
          ? Path.join(folder, "node_modules", "effect-wendy", "dist", id)
          : undefined,
      load: (id) => id === entry ? code : undefined
    }]
  })
  const { output: [chunk] } = await build.generate({ format: "esm", minify: true, codeSplitting: false })
  const modules = Object.entries(chunk.modules).flatMap(([id, { renderedLength }]) =>
    renderedLength > 0 && id.includes(within) ? [id.slice(id.indexOf(within) + within.length, -".js".length)] : []
  )
  return { code: chunk.code, modules }
}

const sizeOf = ({ code }: Bundle): string =>
  `${(code.length / 1024).toFixed(0).padStart(5)} KiB ${(gzipSync(code).length / 1024).toFixed(1).padStart(6)} KiB gzip`

/** What belongs to a Node. Clients wait for receipts as Nodes do, by a Quota and a PendingReceipt, and have sessions on their link. */
const isOfNode = (module: string): boolean =>
  /^(Cluster|Applications)$/.test(module) ||
  (module.startsWith("actors/") && !/^actors\/(Quota|PendingReceipt|LinkSessions)$/.test(module))

const parts: ReadonlyArray<readonly [string, string, "node" | "no node" | "one module"]> = [
  ["Node", `export { layer } from "Cluster.js"`, "node"],
  ["Client", `export { layer } from "Client.js"`, "no node"],
  ["  from the index", `import { Client } from "index.js"; export const { layer } = Client`, "no node"],
  ["Inspector", `export { ring } from "Inspector.js"`, "no node"],
  ["NodeId", `export { fromString } from "ring/NodeId.js"`, "one module"]
]

export const checkBundles = async ({ folder }: Project): Promise<void> => {
  for (const [name, code, expected] of parts) {
    const made = await bundle(folder, code, false)
    const ofNode = made.modules.filter(isOfNode)
    const holds = expected === "node"
      ? ofNode.length > 10
      : ofNode.length === 0 && (expected === "no node" || made.modules.length === 1)
    verdict(
      `bundle of ${name.trim()}`,
      holds,
      `${sizeOf(made)}, ${made.modules.length} modules of ours`,
      ofNode.join("\n")
    )
  }
  // Only what runs when the modules are loaded, and is not marked, remains.
  const left = await bundle(folder, `import "index.js"`, true)
  const isFree = left.code.replace(/import *"[^"]+";|export *\{\};|\s/g, "") === ""
  verdict(
    "calls when it is loaded",
    isFree,
    isFree ? "all marked as free of side effects" : "not all marked, or something else stays",
    left.code.slice(0, 2000)
  )
  row("", "minified; effect included")
}
