/**
 * `npm run package [-- --revision HEAD --keep]`: the npm package as its users get it.
 *
 * Packs a copy of the source tree (or of a revision), looks at what is in the
 * package and how large it is, and installs it into empty projects: one for the
 * oldest Node that package.json admits, one for the Node that develops it. There
 * it must work as a library (types checked, one copy of effect, internals out of
 * reach) and as the program `wendy`. Start-up times are printed beside those of
 * Node alone, measured in turns, and the sizes of bundles. With `--runtimes` it is
 * tried on Bun and Deno as well. Exits with 1 if anything does not hold.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { read, whole } from "./options.ts"
import { checkBundles } from "./package/Bundles.ts"
import { keep } from "./package/Children.ts"
import { checkWithTools, copySource, inspect, pack } from "./package/Contents.ts"
import { checkAlone, checkCopies, checkLibrary, checkTypes, install, versions } from "./package/Library.ts"
import { measure } from "./package/Measure.ts"
import { checkFirstPage, checkProgram } from "./package/Program.ts"
import { conclude, failed, section } from "./package/Report.ts"
import { checkRuntimes } from "./package/Runtimes.ts"

const usage = `npm run package: the npm package as its users get it
  --revision COMMIT  pack this instead of the files as they are now
  --runtimes         try it on Bun and Deno as well, which are got from npm
  --keep             leave the temporary folders, and say where
  --rounds N         how often each start is measured; 7`

const { values: options } = read(usage, {
  revision: { type: "string" },
  runtimes: { type: "boolean", default: false },
  keep: { type: "boolean", default: false },
  rounds: { type: "string", default: "7" }
})

const rounds = whole(options.rounds, "rounds")

if (options.keep) keep()

try {
  const source = await copySource(options.revision)
  const { engines, version } = JSON.parse(Fs.readFileSync(Path.join(source, "package.json"), "utf8"))
  const oldest = /^>=(\d+\.\d+)(\.\d+)?$/.exec(engines.node)
  if (oldest === null) throw new Error(`cannot tell the oldest Node from ${engines.node}`)

  console.log(`effect-wendy ${version}${options.revision === undefined ? "" : ` at ${options.revision}`}`)
  const packed = await pack(source)
  inspect(source, packed)
  await checkWithTools(packed)

  section("Installed alone")
  await checkAlone(packed)

  for (const node of [`${oldest[1]}${oldest[2] ?? ".0"}`, versions["node"]!]) {
    section(`Node ${node}`)
    const project = await install(`node-${node}`, packed, node)
    await checkCopies(project.folder)
    if (node === versions["node"]) await checkBundles(project)
    await checkTypes(project)
    await checkLibrary(project)
    await checkFirstPage(source, project)
    await checkProgram(project, version)
    await measure(project, rounds)
  }

  if (options.runtimes) await checkRuntimes(packed)
} catch (error) {
  failed(error)
}
process.exitCode = conclude() ? 0 : 1
