/**
 * Where the thread of a simulation starts.
 *
 * @since 0.1.0
 */
import * as Module from "node:module"

// a thread has its own: without it all code is compiled anew
Module.enableCompileCache?.()
await import("./thread.ts")
