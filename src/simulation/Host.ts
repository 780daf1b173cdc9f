/**
 * Host: a machine of a simulation, as the network sees it.
 *
 * @since 0.1.0
 */
import type { Place, Topology } from "./Topology.ts"

/**
 * A machine. Its number is its address.
 *
 * @category models
 * @since 0.1.0
 */
export interface Host {
  readonly number: number
  readonly region: string
  readonly place: Place
  /** Unplugged: nothing comes or goes. */
  isSilent: boolean
  /** Until when its wire is busy with what it has to send. */
  busyUntil: number
}

/**
 * The address of a machine, by its number.
 *
 * @category getters
 * @since 0.1.0
 */
export const addressOf = (number: number): string => `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`

/**
 * The number of the machine that has an address.
 *
 * @category getters
 * @since 0.1.0
 */
export const numberOf = (address: string): number => {
  const [, high, middle, low] = address.split(".")
  return (Number(high) << 16) | (Number(middle) << 8) | Number(low)
}

/**
 * A machine at the place that the topology has for it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (number: number, topology: Topology, region?: string): Host => {
  const place = topology.place(number, region)
  return { number, region: place.region, place, isSilent: false, busyUntil: 0 }
}
