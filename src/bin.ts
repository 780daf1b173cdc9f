#!/usr/bin/env node
/**
 * The program `wendy`.
 *
 * @since 0.1.0
 */
import * as Module from "node:module"

// Before anything heavy is loaded, so that the next start need not compile it again.
Module.enableCompileCache?.()
const { main } = await import("./cli/main.ts")
main(process.argv.slice(2))
