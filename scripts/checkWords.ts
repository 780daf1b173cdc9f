/**
 * Are the words that have a standard word in their place gone? `node scripts/checkWords.ts`
 */
import { spawnSync } from "node:child_process"
import * as Path from "node:path"

/** Each word with the standard one, which stands in its place. */
export const replaced: ReadonlyArray<readonly [word: string, standard: string]> = [
  ["doorstep", "pending handshakes"],
  ["knock", "dial"],
  ["knocks", "dials"],
  ["knocked", "dialled"],
  ["crew", "actor group"],
  ["hearsay", "indirect report"],
  ["climate", "link conditions"],
  ["cargo", "payload"],
  ["courier", "delivery fiber"]
]

const root = Path.resolve(import.meta.dirname, "..")

/** Lines of the files that git knows in which a word stands; not this file, and no build of an earlier version. */
export const find = (word: string): ReadonlyArray<string> => {
  const excluded = [":!scripts/checkWords.ts", ":!test/compatibility/version1.js", ":!docs/bench"]
  const { stdout } = spawnSync("git", ["grep", "-iwnE", word, "--", ".", ...excluded], { cwd: root, encoding: "utf8" })
  return stdout.split("\n").filter((line) => line !== "")
}

if (import.meta.main) {
  const found = replaced.flatMap(([word, standard]) => find(word).map((line) => `${line}\n  write "${standard}"`))
  for (const line of found) console.error(line)
  if (found.length > 0) process.exitCode = 1
  else console.log(`words: none of ${replaced.length} that have a standard word in their place`)
}
