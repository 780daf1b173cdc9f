import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as ExplorerTrace from "../../src/simulation/ExplorerTrace.ts"

const folder = Path.join(import.meta.dirname, "traces")

describe("ExplorerTrace", () => {
  for (const file of Fs.readdirSync(folder)) {
    it(`replays ${file}`, () => {
      const { expected, verdict } = ExplorerTrace.replay(Fs.readFileSync(Path.join(folder, file), "utf8"))
      assert.isDefined(expected)
      assert.strictEqual(verdict, expected)
    })
  }

  const text = `nodes 1 6 b
ring 1 6 b
crash 6   # why not
deliver 6 -> 1 Broken
restart 6
deliver 6.2 -> b JoinRequest
delay 1 -> 6 Probe
----
no violation
`

  it("says which command is not possible, and why", () => {
    const { lines, verdict } = ExplorerTrace.replay(text)
    assert.lengthOf(lines, 4)
    assert.match(verdict, /^cannot delay 1 -> 6 Probe: there is /)
    assert.match(
      ExplorerTrace.replay("nodes 1 6\nring 1 6\ntime 7").verdict,
      /^cannot time 7: the next thing is due at 40$/
    )
    assert.match(ExplorerTrace.replay("nodes 1 6\nring 1 6\nfly 1 -> 6").verdict, /not a command/)
    assert.match(ExplorerTrace.replay("nodes 1 6\nring 1 6\nwake 1").verdict, /1 is not due/)
    assert.match(ExplorerTrace.replay("nodes 1 6\nring 1 6\nrestart 1").verdict, /1 cannot come back/)
  })

  it("knows the lives of a Node apart", () => {
    const { lines } = ExplorerTrace.replay(text)
    assert.match(lines[2]!, /^restart 6 .*6\.2 is joining/)
    assert.match(lines[3]!, /^deliver 6\.2 -> b JoinRequest/)
  })

  it("writes every command as it was read", () => {
    const commands = [
      "suspect 1 -> b",
      "deliver 1 -> b Probe",
      "deliver b -> 1 ProbeAck",
      "time 40",
      "wake 1",
      "suspect 1 -> b",
      "wake 9",
      "wake b",
      "lose 1 -> 9 Renew",
      "reorder 1 -> b Probe 1",
      "repeat 1 -> b Probe",
      "deliver 1 -> b Probe",
      "delay 1 -> b Renew",
      "stall b -> 1",
      "unstall b -> 1",
      "deliver b -> 1 Renew",
      "late 50",
      "wake 1",
      "wake 9",
      "wake b",
      "arrive 1 -> b Renew",
      "cut 1 -> b",
      "break 1 -> 9",
      "pause 9",
      "vanish 9",
      "join 4 via 1 b",
      "leave b",
      "crash 1",
      "restart 1"
    ]
    const { lines, verdict } = ExplorerTrace.replay(["nodes 1 4 9 b", "ring 1 9 b", ...commands].join("\n"))
    assert.deepStrictEqual([lines.map((line) => line.replace(/ *#.*/, "")), verdict], [commands, "no violation"])
  })
})
