/** server: the receiving end of a system. */
import type { Settings } from "../System.ts"
import { load, type SystemName } from "../Systems.ts"

export const open = async ({ settings, system }: { readonly system: SystemName; readonly settings: Settings }) => {
  const { address, tally } = await (await load(system)).serve(settings)
  return {
    address: () => address,
    /** When the last of so many has come. */
    expect: (total: number) => tally.expect(total),
    tally: () => ({ received: tally.received, duplicates: tally.duplicates })
  }
}
