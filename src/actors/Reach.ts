/**
 * Reach: whether a Node can be reached at the address that it tells others.
 *
 * The connection that a Node has opened itself proves nothing of this: behind a firewall, or with an address that is not
 * its own, it would become a part of the ring that nobody can dial. So a joiner asks whom it has found, who tries a
 * fresh connection. Rule B5 of `docs/protocol.md`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Address from "../protocol/Address.ts"
import * as Frame from "../protocol/Frame.ts"
import { maxProblem, type ReachAnswer } from "../protocol/Query.ts"
import * as Node from "../ring/Node.ts"
import type * as Link from "../transport/Link.ts"

/**
 * From which version of the protocol on a Node can be asked.
 *
 * @category constants
 * @since 0.1.0
 */
export const reachSince = 2

/**
 * Where somebody in a Region dials a Node.
 *
 * @category getters
 * @since 0.1.0
 */
export const addressFor = (node: Node.Node, region: string): Address.Address => ({
  host: Node.hostFor(node, region),
  port: node.port
})

/**
 * What others do for it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ports {
  /** Where a Node is dialled from here: its host depends on the Region of this Node. */
  readonly addressOf: (node: Node.Node) => Address.Address
  /** Whether an address may be dialled now. */
  readonly mayDial: (address: Address.Address) => boolean
  /** Opens a fresh link; it stays open, as any other. */
  readonly connect: (address: Address.Address) => Effect.Effect<Link.Peer, { readonly message: string }>
  /** How long an answer may take, in milliseconds. */
  readonly patience: number
}

/**
 * Why a Node that tells such an address cannot be reached there by somebody who sees it come from `seenAt`, as far as the address alone
 * shows.
 *
 * @category checks
 * @since 0.1.0
 */
export const misplaced = (told: Address.Address, seenAt: string): string | undefined =>
  Address.isLoopback(told.host) && !Address.isLoopback(seenAt)
    ? `${told.host} is an address that only its own machine reaches`
    : undefined

/**
 * Asks, and answers, over the links of a Node.
 *
 * @category models
 * @since 0.1.0
 */
export class Reach {
  readonly #ports: Ports
  readonly #asking = new Map<Link.Link, (answer: typeof ReachAnswer.Type) => void>()
  readonly #answering = new WeakSet<Link.Link>()
  #sequence = 0

  constructor(ports: Ports) {
    this.#ports = ports
  }

  /** Asks the other end of a link. `None` when it says nothing in time, or is asked already. */
  ask(link: Link.Link): Effect.Effect<Option.Option<typeof ReachAnswer.Type>> {
    const asked = Effect.callback<typeof ReachAnswer.Type>((resume) => {
      if (this.#asking.has(link)) return
      this.#asking.set(link, (answer) => resume(Effect.succeed(answer)))
      link.sendControl(Frame.query({ _tag: "ReachQuery", sequence: this.#sequence++ & 0xffff }))
      return Effect.sync(() => this.#asking.delete(link))
    })
    return Effect.timeoutOption(
      Effect.ensuring(asked, Effect.sync(() => this.#asking.delete(link))),
      this.#ports.patience
    )
  }

  /** An answer has come. */
  answered(link: Link.Link, answer: typeof ReachAnswer.Type): void {
    this.#asking.get(link)?.(answer)
  }

  /** Answers the other end of a link, whom it dials where it says that it lives, and nowhere else. One at a time. */
  answer(link: Link.Link, sequence: number): Effect.Effect<void> {
    if (this.#answering.has(link)) return Effect.void
    this.#answering.add(link)
    return this.#problem(link).pipe(
      Effect.map((problem) =>
        link.sendControl(Frame.answer({
          _tag: "ReachAnswer",
          sequence,
          problem: problem?.slice(0, maxProblem),
          seenAt: link.remote.host.slice(0, 256)
        }))
      ),
      Effect.ensuring(Effect.sync(() => this.#answering.delete(link)))
    )
  }

  #problem({ peer, remote }: Link.Link): Effect.Effect<string | undefined> {
    const told = this.#ports.addressOf(peer.node)
    const problem = peer.role === "client" ? "nobody dials a client" : misplaced(told, remote.host)
    if (problem !== undefined) return Effect.succeed(problem)
    if (!this.#ports.mayDial(told)) return Effect.succeed("too much is dialled there already; ask again")
    return Effect.map(Effect.exit(this.#ports.connect(told)), (exit) => {
      if (Exit.isFailure(exit)) {
        return Option.match(Exit.findErrorOption(exit), {
          onNone: () => "the connection was given up",
          onSome: ({ message }) => message
        })
      }
      return Node.isSameLife(exit.value.node, peer.node) ? undefined : `another Node answers at ${Address.format(told)}`
    })
  }
}
