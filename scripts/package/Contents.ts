/**
 * Contents: what is in the package, how large it is, and what tools for packages think of it.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"
import { folderFor, home, must, run, temporary } from "./Children.ts"
import { bytes, row, verdict } from "./Report.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))

// About one and a half of what it was when this was written: growth beyond that should be meant.
const bounds = { packed: 1_200_000, unpacked: 5_500_000 }

export interface Packed {
  readonly file: string
  readonly size: number
  readonly unpackedSize: number
  readonly paths: ReadonlyArray<string>
}

/** Builds in a copy: the tree itself is being worked on, and a `dist` in it would be taken for part of it. */
export const copySource = async (revision: string | undefined): Promise<string> => {
  const folder = folderFor("source")
  if (revision === undefined) {
    const listed = await must("git", ["ls-files", "-co", "--exclude-standard", "-z"], { folder: root })
    for (const path of new Set(listed.stdout.split("\0"))) {
      const from = Path.join(root, path)
      if (path === "" || !Fs.existsSync(from)) continue // removed, but not yet from the index
      Fs.cpSync(from, Path.join(folder, path), { recursive: true })
    }
  } else {
    const archive = Path.join(temporary, "source.tar")
    await must("git", ["archive", "-o", archive, revision], { folder: root })
    await must("tar", ["-xf", archive, "-C", folder], { folder })
  }
  Fs.symlinkSync(Path.join(root, "node_modules"), Path.join(folder, "node_modules"))
  return folder
}

export const pack = async (source: string): Promise<Packed> => {
  const { stdout } = await must("npm", ["pack", "--json", "--pack-destination", home], { folder: source, seconds: 180 })
  // what prepack prints may come first
  const json = JSON.parse(stdout.slice(stdout.search(/^[[{]/m)))
  const report = Array.isArray(json) ? json[0] : Object.values(json)[0]
  return {
    file: Path.join(home, report.filename),
    size: report.size,
    unpackedSize: report.unpackedSize,
    paths: report.files.map(({ path }: { readonly path: string }) => path)
  }
}

export const inspect = (source: string, packed: Packed) => {
  verdict("packed", packed.size <= bounds.packed, `${bytes(packed.size)} (at most ${bytes(bounds.packed)})`)
  verdict(
    "unpacked",
    packed.unpackedSize <= bounds.unpacked,
    `${bytes(packed.unpackedSize)} (at most ${bytes(bounds.unpacked)})`
  )
  const sizes = new Map<string, number>()
  for (const path of packed.paths) {
    const kind = Path.basename(path).replace(/^[^.]*/, path.startsWith("src/") ? "src *" : "*")
    sizes.set(kind, (sizes.get(kind) ?? 0) + Fs.statSync(Path.join(source, path)).size)
  }
  row("", [...sizes].filter(([kind]) => kind.includes(".")).map(([kind, size]) => `${kind} ${bytes(size)}`).join(", "))

  const modules = packed.paths.filter((path) => path.startsWith("src/"))
    .map((path) => path.replace(/^src\/(.*)\.ts$/, "$1"))
  const pages = ["README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md"]
  // The figures of benchmarks, a folder, stay at home.
  const docs = Fs.readdirSync(Path.join(source, "docs"), { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => `docs/${name}`)
  const expected = new Set(["package.json", ...pages, ...docs])
  for (const module of modules) {
    expected.add(`src/${module}.ts`)
    for (const end of [".js", ".js.map", ".d.ts", ".d.ts.map"]) expected.add(`dist/${module}${end}`)
  }
  const unwanted = /(^|\/)(tests?|__tests__|scripts|coverage|\.examples)\/|\.(test|spec|bench)\./
  const unexpected = packed.paths.filter((path) => !expected.has(path) || unwanted.test(path))
  const missing = [...expected].filter((path) => !packed.paths.includes(path))
  verdict(
    "files",
    unexpected.length === 0 && missing.length === 0,
    `${packed.paths.length}: ${modules.length} modules, each as source, JavaScript and types`,
    [...unexpected.map((path) => `not expected: ${path}`), ...missing.map((path) => `missing: ${path}`)].join("\n")
  )

  const lost = packed.paths.filter((path) => path.endsWith(".map")).flatMap((path) => {
    const { sources } = JSON.parse(Fs.readFileSync(Path.join(source, path), "utf8"))
    return sources.map((name: string) => Path.posix.join(Path.posix.dirname(path), name))
      .filter((name: string) => !packed.paths.includes(name))
  })
  verdict("source maps", lost.length === 0, "all lead to files of the package", lost.join("\n"))
}

/** publint: do the fields of package.json lead to files that are what they say? attw: do the types of each subpath resolve? */
export const checkWithTools = async (packed: Packed): Promise<void> => {
  const bin = (name: string) => Path.join(root, "node_modules", ".bin", name)
  const tools: ReadonlyArray<readonly [string, ReadonlyArray<string>]> = [
    ["publint", [packed.file, "--strict"]],
    // The package is for ES modules alone.
    ["attw", [packed.file, "--profile", "esm-only", "--no-color", "--format", "ascii"]]
  ]
  for (const [name, args] of tools) {
    const { end, good, stderr, stdout } = await run(bin(name), args, { folder: home })
    verdict(name, good, good ? "good" : end, stdout + stderr)
  }
}
