/** forwarder: the end in the middle of a system. */
import type { Settings } from "../System.ts"
import { load, type SystemName } from "../Systems.ts"

export const open = async ({ settings, system }: { readonly system: SystemName; readonly settings: Settings }) => {
  const { address } = await (await load(system)).forward!(settings)
  return { address: () => address }
}
