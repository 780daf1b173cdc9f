/**
 * Sessions: the sessions of a Node, over all its links, and who accepts those that others begin.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Window } from "../core/Sessions.ts"
import type { Session, WendySessionError } from "../protocol/Session.ts"
import * as SessionFrame from "../protocol/SessionFrame.ts"
import type * as Node from "../ring/Node.ts"
import type * as Link from "../transport/Link.ts"
import { type Accepting, LinkSessions, type Ports, sessionFailure } from "./LinkSessions.ts"

/**
 * What the sessions of a Node need.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends Pick<Ports, "now" | "later" | "fork" | "maxSize"> {
  readonly accepting: (name: string, role: Link.Peer["role"]) => Accepting | undefined
}

/**
 * The sessions of a Node.
 *
 * @category models
 * @since 0.1.0
 */
export class Sessions {
  readonly #options: Options
  readonly #links = new Map<number, LinkSessions>()

  constructor(options: Options) {
    this.#options = options
  }

  /** Frames of sessions have come on a link. */
  receive(id: number, link: Link.Link, frames: ReadonlyArray<SessionFrame.SessionFrame>): void {
    this.#of(id, link).receive(frames)
  }

  /** A link has ended, and its sessions with it. */
  down(id: number): void {
    this.#links.get(id)?.down()
    this.#links.delete(id)
  }

  /** Whether a link has sessions. */
  isUsed(id: number): boolean {
    return (this.#links.get(id)?.size ?? 0) > 0
  }

  /** Begins a session on a link. */
  open(
    id: number,
    link: Link.Link,
    name: string,
    window: Window
  ): Effect.Effect<Session, WendySessionError, Scope.Scope> {
    return Effect.suspend(() => {
      const { node, version } = link.peer
      return version < SessionFrame.sessionsSince
        ? Effect.fail(sessionFailure("Unsupported", `${node.hex} speaks version ${version} of the protocol: update it`))
        : this.#of(id, link).open(name, window)
    })
  }

  /** Begins a session of a Node with itself. */
  openWithin(node: Node.Node, name: string, window: Window): Effect.Effect<Session, WendySessionError, Scope.Scope> {
    return Effect.suspend(() => {
      const { later } = this.#options
      const end = (isDialled: boolean, other: () => LinkSessions): LinkSessions => {
        const frames: Array<Uint8Array> = []
        const queue = (frame: Uint8Array) => void frames.push(frame)
        return new LinkSessions({
          ...this.#options,
          peer: { role: "member", node, name: undefined, version: SessionFrame.sessionsSince },
          isDialled,
          queue,
          queueControl: queue,
          flush: () => {
            const sent = frames.splice(0).map(SessionFrame.decode).filter((frame) => typeof frame !== "string")
            later(() => other().receive(sent))
          },
          accepting: (name) => this.#options.accepting(name, "member")
        })
      }
      const one: LinkSessions = end(true, () => two)
      const two: LinkSessions = end(false, () => one)
      return one.open(name, window)
    })
  }

  #of(id: number, link: Link.Link): LinkSessions {
    let sessions = this.#links.get(id)
    if (sessions === undefined) {
      const { flush, isDialled, peer, queueControl, queueSession } = link
      sessions = new LinkSessions({
        ...this.#options,
        peer,
        isDialled,
        queue: queueSession,
        queueControl,
        flush,
        accepting: (name) => this.#options.accepting(name, peer.role)
      })
      this.#links.set(id, sessions)
    }
    return sessions
  }
}
