import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Program from "./Program.ts"

const timeout = 60_000

const settingsFile = (text: string) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "wendy-"))),
      (folder) => Effect.sync(() => Fs.rmSync(folder, { recursive: true }))
    ),
    (folder) => {
      const file = Path.join(folder, "wendy.json")
      Fs.writeFileSync(file, text)
      return file
    }
  )

/** A variable of this process, which the programs that it starts inherit. */
const variable = (name: string, value: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      process.env[name] = value
    }),
    () => Effect.sync(() => delete process.env[name])
  )

describe("settings of the program", () => {
  const send = ["send", "--to", "127.0.0.1:1", "--key", "a"]
  const misuses: ReadonlyArray<readonly [args: ReadonlyArray<string>, says: string]> = [
    [["node", "--set", "lease=5"], "lease is 5 (--set): it must be a number of milliseconds from 100 to 600000"],
    [[...send, "--set", "leese=5s"], "did you mean lease?"],
    [["node", "--preset", "moon"], "--preset"],
    [["node", "--config", "/nowhere/at/all"], "/nowhere/at/all"]
  ]
  for (const [args, says] of misuses) {
    it.live(
      `wendy ${args.join(" ")}: exit code 2, a message on standard error, nothing on standard output`,
      () =>
        Effect.gen(function*() {
          const { code, stderr, stdout } = yield* Program.run(args)
          assert.strictEqual(code, 2)
          assert.strictEqual(stdout, "")
          assert.include(stderr, says)
          assert.notInclude(stderr, "bug")
        }),
      timeout
    )
  }

  it.live(
    "a bad variable is refused too, and names itself",
    () =>
      Effect.gen(function*() {
        yield* variable("WENDY_MAX_VALUE_SIZE", "much")
        const { code, stderr } = yield* Program.run(["node"])
        assert.strictEqual(code, 2)
        assert.include(stderr, `maxValueSize is "much" (WENDY_MAX_VALUE_SIZE)`)
      }),
    timeout
  )

  it.live(
    "settings reach the client: those of a file, before them the environment, before that --set",
    () =>
      Effect.gen(function*() {
        const file = yield* settingsFile(`{"maxValueSize":"10B","confirmDeadline":"20s"}`)
        const { address } = yield* Program.startNode()
        const size = (bytes: number, ...args: ReadonlyArray<string>) =>
          Program.run(["send", "--to", address, "--key", "a", "--json", "--config", file, ...args, "x".repeat(bytes)])
        const allows = Effect.fnUntraced(function*(bytes: number, ...args: ReadonlyArray<string>) {
          assert.strictEqual((yield* size(bytes, ...args)).code, 0)
          const tooLarge = yield* size(bytes + 1, ...args)
          assert.strictEqual(tooLarge.code, 1)
          assert.include(tooLarge.stdout, "ValueTooLarge")
        })
        yield* allows(10)
        yield* variable("WENDY_MAX_VALUE_SIZE", "20")
        yield* allows(20)
        yield* allows(30, "--set", "maxValueSize=30")
      }),
    timeout
  )

  it.live(
    "settings reach the Node: it accepts no frame much larger than its maxValueSize",
    () =>
      Effect.gen(function*() {
        const sendTo = ({ address }: { readonly address: string }) =>
          Program.run(["send", "--to", address, "--key", "a", "--deadline", "3s", "x".repeat(20_000)])
        const [usual, small] = yield* Effect.all([
          Program.startNode(),
          Program.startNode("--set", "maxValueSize=100")
        ], { concurrency: 2 })
        assert.strictEqual((yield* sendTo(usual)).code, 0)
        assert.strictEqual((yield* sendTo(small)).code, 1)
      }),
    timeout
  )

  it.live(
    "a client waits as long as confirmDeadline says, unless --deadline does",
    () =>
      Effect.gen(function*() {
        const start = process.hrtime.bigint()
        const { code } = yield* Program.run([...send, "--set", "confirmDeadline=100ms"])
        assert.strictEqual(code, 1)
        assert.isBelow(Number(process.hrtime.bigint() - start) / 1e9, 15)
      }),
    timeout
  )
})
