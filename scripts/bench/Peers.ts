/** Peers: the systems that are installed apart, or not at all. */
import * as Fs from "node:fs"
import { Missing } from "./Workload.ts"

/** Of what each system consists. */
const packages = {
  nats: ["@nats-io/transport-node"],
  libp2p: ["libp2p", "@libp2p/tcp", "@chainsafe/libp2p-noise", "@chainsafe/libp2p-yamux"],
  dhtRpc: ["dht-rpc"],
  moleculer: ["moleculer", "cbor-x"]
} as const

type Peer = keyof typeof packages

const isPeer = (system: string): system is Peer => Object.hasOwn(packages, system)

const versionAt = (folder: string, name: string): string | undefined => {
  try {
    return JSON.parse(Fs.readFileSync(new URL(`${folder}/${name}/package.json`, import.meta.url), "utf8")).version
  } catch {
    return undefined
  }
}

/** Says how to install what a system needs and is not there. */
export const need = (system: string): void => {
  if (isPeer(system) && packages[system].some((name) => versionAt("node_modules", name) === undefined)) {
    throw new Missing("not installed; npm run bench:install")
  }
}

/** Loads a package that the compiler need not know. */
export const load = async <A>(name: string): Promise<A> => await import(name)

/** What is installed, by package. */
export const versions = (): { readonly [name: string]: string } => {
  const own = JSON.parse(Fs.readFileSync(new URL("../../package.json", import.meta.url), "utf8")).version
  const apart = Object.values(packages).flat().map((name) => [name, versionAt("node_modules", name) ?? "not installed"])
  return {
    "effect-wendy": own,
    "effect": versionAt("../../node_modules", "effect")!,
    "@effect/platform-node": versionAt("../../node_modules", "@effect/platform-node")!,
    ...Object.fromEntries(apart)
  }
}
