/** Monotonic: one clock for all processes of this machine, in milliseconds. */
export const monotonic = (): number => Number(process.hrtime.bigint()) / 1e6
