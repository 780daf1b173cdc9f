/**
 * `npm run mutate [-- NAME ...]`: changes the meaning of one line after another, in a copy, and sees whether a test notices.
 *
 * Prints what each change breaks and whether it was caught. Exits with 1 when fewer than 85 % were, or a text has moved.
 */
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { type Mutation, mutations } from "./mutate/Mutations.ts"
import { read, refuse } from "./options.ts"

const usage = `npm run mutate [-- NAME ...]: whether the tests notice small changes of meaning`

const { positionals: named } = read(usage, {}, true)

/** The part that has to be caught. */
const goal = 0.85

/** A test that takes longer hangs: it has noticed. */
const longest = 120_000

const root = Path.resolve(import.meta.dirname, "..")

const makeCopy = (): string => {
  const copy = Fs.mkdtempSync(Path.join(Os.tmpdir(), "wendy-mutate-"))
  const skipped = new Set(["node_modules", ".git", "dist", "coverage", ".examples"])
  Fs.cpSync(root, copy, { recursive: true, filter: (file) => !skipped.has(Path.basename(file)) })
  Fs.symlinkSync(Path.join(root, "node_modules"), Path.join(copy, "node_modules"))
  return copy
}

/** The test that noticed; `undefined` when none did. */
const check = (copy: string, { file, find, replace, tests }: Mutation): string | undefined => {
  const path = Path.join(copy, file)
  const text = Fs.readFileSync(path, "utf8")
  Fs.writeFileSync(path, text.replace(find, () => replace))
  try {
    return tests.find((test) =>
      spawnSync("npx", ["vitest", "run", "--bail", "1", test], { cwd: copy, timeout: longest }).status !== 0
    )
  } finally {
    Fs.writeFileSync(path, text)
  }
}

const chosen = mutations.filter(({ name }) => named.length === 0 || (named as ReadonlyArray<string>).includes(name))
if (chosen.length === 0) {
  refuse(`no mutation has such a name: there are\n${mutations.map(({ name }) => `  ${name}`).join("\n")}`)
}
const copy = makeCopy()
let caught = 0
console.log("| mutation | breaks | caught by |\n|---|---|---|")
for (const mutation of chosen) {
  const by = check(copy, mutation)
  if (by !== undefined) caught++
  console.log(`| ${mutation.name} | ${mutation.breaks} | ${by ?? "**survived**"} |`)
}
Fs.rmSync(copy, { recursive: true })
console.log(`${caught} of ${chosen.length} caught (${Math.round((100 * caught) / chosen.length)} %)`)
process.exitCode = caught >= goal * chosen.length ? 0 : 1
