import { defineConfig } from "vitest/config"

// With --ignore-scripts, or started past npm, the system's node would run the tests without a word.
if (Number(process.versions.node.split(".")[0]) < 24) {
  throw new Error(`Node 24 needed, got ${process.version}: use npm test`)
}

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    pool: "forks",
    maxWorkers: 2,
    // Costs about 0.2 s a file; without it a leaked socket or handler of one file is another's failure.
    isolate: true
  }
})
