/**
 * secured: what real processes are given so that they let each other in: nothing, a passphrase, or a certificate each.
 */
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { refuse } from "./options.ts"

/** How `--secure` is explained. */
export const usage = "  --secure HOW  none, passphrase or certificates; none"

/** The flags for one process after the other: a Node or a client. */
export interface Secured {
  readonly node: () => ReadonlyArray<string>
  readonly client: () => ReadonlyArray<string>
  /** Takes the files away. */
  readonly end: () => void
}

/** Makes what is needed, in a folder of its own. */
export const make = (how: string, bin: string): Secured => {
  const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "wendy-secured-"))
  const end = () => Fs.rmSync(folder, { recursive: true, force: true })
  const at = (file: string) => Path.join(folder, file)
  const keys = (...args: ReadonlyArray<string>) => {
    const { status, stderr } = spawnSync(process.execPath, [bin, "keys", ...args, "--dir", folder], {
      encoding: "utf8"
    })
    if (status !== 0) refuse(`wendy keys ${args.join(" ")}: ${stderr}`)
  }
  const same = (flags: ReadonlyArray<string>): Secured => ({ node: () => flags, client: () => flags, end })
  switch (how) {
    case "none":
      return same([])
    case "passphrase": {
      Fs.writeFileSync(at("secret"), "correct horse battery staple\n", { mode: 0o600 })
      return same(["--passphrase-file", at("secret")])
    }
    case "certificates": {
      keys("init-ca")
      const names = Array.from({ length: 64 }, (_, index) => `node${index}`)
      keys("issue", ...names)
      keys("issue", "--client", "client")
      const as = (name: string) => ["--ca", at("ca.crt"), "--cert", at(`${name}.crt`)]
      return {
        node: () => as(names.shift() ?? refuse("there are certificates for 64 Nodes")),
        client: () => as("client"),
        end
      }
    }
    default:
      end()
      return refuse(`--secure ${how}: none, passphrase or certificates`)
  }
}
