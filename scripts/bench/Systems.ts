/** Systems: all that are measured, by name. */
import type { System } from "./System.ts"

/** Where each is; loaded in the process of an end only. */
const modules = {
  raw: "./systems/raw.ts",
  wendy: "./systems/wendy.ts",
  effectRpc: "./systems/effectRpc.ts",
  nats: "./systems/nats.ts",
  libp2p: "./systems/libp2p.ts",
  dhtRpc: "./systems/dhtRpc.ts",
  moleculer: "./systems/moleculer.ts"
} as const

export type SystemName = keyof typeof modules

export const systemNames = Object.keys(modules) as ReadonlyArray<SystemName>

export const load = async (name: SystemName): Promise<System> => (await import(modules[name])).system
