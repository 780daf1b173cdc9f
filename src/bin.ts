#!/usr/bin/env node
/**
 * The program `wendy`.
 *
 * @since 0.1.0
 */
import * as Module from "node:module"
import { missingPackage } from "./cli/missingPackage.ts"

// Before anything heavy is loaded, so that the next start need not compile it again.
Module.enableCompileCache?.()
try {
  const { main } = await import("./cli/main.ts")
  main(process.argv.slice(2))
} catch (error) {
  const missing = missingPackage(error, ["@effect/platform-node", "effect"])
  if (missing === undefined) throw error
  process.stderr.write(`wendy: the program needs ${missing}, which is not installed: npm install ${missing}@^4.1.0\n`)
  process.exitCode = 2
}
