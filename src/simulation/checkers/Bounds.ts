/**
 * Bounds: nothing that a Node holds grows beyond its bound.
 *
 * @since 0.1.0
 */
import * as Deduplication from "../../core/Deduplication.ts"
import * as Liveness from "../../core/Liveness.ts"
import * as MembershipState from "../../core/MembershipState.ts"
import * as NodeId from "../../ring/NodeId.ts"
import type { SimulatedNode } from "../SimulatedNode.ts"
import type { Watcher, World } from "../World.ts"

/** Nodes that are looked at once a second: all of them in turn. */
const perSecond = 50

const sizes = (
  { membership, messages }: SimulatedNode,
  world: World
): ReadonlyArray<readonly [string, number, number]> => {
  const { config } = world
  const tables = 2 * config.leafSetSide + config.neighborhoodSize + NodeId.digits * NodeId.radix
  return [
    ["leaf set", membership.leafSet.members.length, 2 * config.leafSetSide],
    ["neighborhood set", membership.neighborhoodSet.members.length, config.neighborhoodSize],
    ["questions under way", membership.inquiries.size, MembershipState.maxInquiries],
    ["claims", membership.pendingReplacements.size, MembershipState.maxInquiries],
    ["ended lives", membership.failed.size, MembershipState.maxFailed],
    ["Nodes not found", membership.missed.size, MembershipState.maxFailed],
    ["Nodes yielded to", membership.recentYields.size, MembershipState.maxVias],
    ["Nodes that are not ready", membership.notReady.size, MembershipState.maxNotReady],
    ["lost Nodes", membership.lost.size, MembershipState.maxFailed],
    ["times of failures", membership.failures.length, Liveness.maxFailures],
    ["newcomers", membership.newcomers.size, MembershipState.maxVias],
    ["waiting joiners", membership.waiting.length, MembershipState.maxWaiting],
    ["ways in", membership.joinSeeds.length, MembershipState.maxVias],
    ["announced Nodes", membership.announced.size, tables],
    ["custody", messages.routing.custody, config.maxCustody + config.maxOwn],
    ["bytes in custody", messages.routing.custodyBytes, 2 * config.maxCustodyBytes],
    ["origins", messages.deduplication.size, Deduplication.maxOrigins],
    ["delivered messages", messages.deduplication.delivered, Deduplication.maxDelivered]
  ]
}

/** A chain of places that a side would go back to: each stands for one attempt under way. */
const chain = ({ membership }: SimulatedNode): number => {
  let longest = 0
  for (const start of [membership.predecessor, membership.successor]) {
    let length = 0
    for (let side = start.previous; side !== undefined; side = side.previous) length++
    longest = Math.max(longest, length)
  }
  return longest
}

/** Far more than can be under way at once. */
const maxChain = 8

/**
 * Watches sizes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Watcher => {
  let turn = 0
  const look = (world: World, node: SimulatedNode): void => {
    for (const [what, size, most] of sizes(node, world)) {
      if (size > most) world.violate("bounds", `${node.self.hex}: ${what}: ${size}, but at most ${most}`)
    }
    const length = chain(node)
    if (length > maxChain) world.violate("bounds", `${node.self.hex}: ${length} earlier neighbours on one side`)
  }
  return {
    name: "bounds",
    sampled: (world) => {
      const nodes = Array.from(world.nodes.values())
      for (let count = Math.min(perSecond, nodes.length); count > 0; count--) look(world, nodes[turn++ % nodes.length]!)
    }
  }
}
