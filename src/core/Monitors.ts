/**
 * Monitors: whether Nodes that somebody watches are up, whether or not they stand in a table.
 *
 * One life of a Node is watched. As long as it is, it is asked every `renewal` whether it lives, unless it has said
 * anything since. What it says shows that it is up; silence, proof that its life has ended, its own farewell, and a
 * later life of its id show that it is down. One that was only silent may come up again. Rule D11 of `docs/protocol.md`.
 *
 * @since 0.1.0
 */
import * as Node from "../ring/Node.ts"
import * as NodeId from "../ring/NodeId.ts"
import * as Liveness from "./Liveness.ts"
import type { Monitor, Output, State } from "./MembershipState.ts"

/**
 * Begins to watch a Node, or says again how it is.
 *
 * @category transitions
 * @since 0.1.0
 */
export const begin = (state: State, now: number, node: Node.Node, out: Array<Output>): void => {
  const monitor = state.monitors.get(node.life)
  if (Node.isSameLife(node, state.self)) {
    out.push({ _tag: "Emit", event: { _tag: "Monitored", node, isUp: true } })
  } else if (monitor === undefined) {
    const heardAt = Number.NEGATIVE_INFINITY
    state.monitors.set(node.life, { node, isUp: undefined, hasEnded: false, heardAt, askAt: now })
  } else if (monitor.isUp !== undefined) {
    out.push({ _tag: "Emit", event: { _tag: "Monitored", node, isUp: monitor.isUp } })
  }
}

/**
 * Nobody watches a Node any more.
 *
 * @category transitions
 * @since 0.1.0
 */
export const end = (state: State, node: Node.Node): void => {
  state.monitors.delete(node.life)
}

/**
 * A Node has said something.
 *
 * @category transitions
 * @since 0.1.0
 */
export const hear = (state: State, now: number, from: Node.Node, out: Array<Output>): void => {
  if (state.monitors.size === 0) return
  for (const monitor of state.monitors.values()) {
    if (!NodeId.equals(monitor.node.id, from.id)) continue
    if (Node.isSameLife(monitor.node, from)) {
      monitor.heardAt = now
      tell(monitor, true, out)
    } else if (monitor.node.incarnation < from.incarnation) {
      tell(monitor, false, out)
    }
  }
}

/**
 * A life does not answer, or has ended for certain: then it never comes up again.
 *
 * @category transitions
 * @since 0.1.0
 */
export const lose = (state: State, node: Node.Node, isCertain: boolean, out: Array<Output>): void => {
  const monitor = state.monitors.get(node.life)
  if (monitor === undefined) return
  tell(monitor, false, out)
  if (isCertain) {
    monitor.hasEnded = true
    monitor.askAt = Number.POSITIVE_INFINITY
  }
}

/**
 * Asks those that are due.
 *
 * @category transitions
 * @since 0.1.0
 */
export const wake = (state: State, now: number, out: Array<Output>): void => {
  const { renewal } = state.settings
  for (const monitor of state.monitors.values()) {
    if (now < monitor.askAt) continue
    const quietSince = monitor.heardAt + renewal
    if (now < quietSince) {
      monitor.askAt = quietSince
    } else {
      monitor.askAt = now + renewal
      Liveness.inquire(state, now, monitor.node, "sign", out)
    }
  }
}

/**
 * When `wake` has something to do.
 *
 * @category getters
 * @since 0.1.0
 */
export const wakeAt = ({ monitors }: State): number => {
  let at = Number.POSITIVE_INFINITY
  for (const { askAt } of monitors.values()) at = Math.min(at, askAt)
  return at
}

const tell = (monitor: Monitor, isUp: boolean, out: Array<Output>): void => {
  if (monitor.isUp === isUp || monitor.hasEnded) return
  monitor.isUp = isUp
  out.push({ _tag: "Emit", event: { _tag: "Monitored", node: monitor.node, isUp } })
}
