/**
 * effect-wendy/simulation: applications of many machines in virtual time, with a network that has faults.
 *
 * @since 0.1.0
 */
export * as SimulatedNetwork from "./simulation/SimulatedNetwork.ts"
export * as Simulator from "./simulation/Simulator.ts"
