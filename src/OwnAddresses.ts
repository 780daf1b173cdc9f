/**
 * OwnAddresses: where a Node listens, and at which addresses it says that it lives.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Address from "./protocol/Address.ts"
import { WendyOptionError } from "./protocol/OptionError.ts"
import type * as Node from "./ring/Node.ts"
import { Transport } from "./transport/Transport.ts"

/**
 * Where a Node listens, and at which addresses others are told that it lives: one at which nobody can be reached is refused,
 * and where it listens on all addresses of the machine the likeliest is chosen.
 *
 * @category constructors
 * @since 0.1.0
 */
export const choose = Effect.fnUntraced(function*(options: {
  readonly localHost?: string | undefined
  readonly globalHost?: string | undefined
  readonly bind?: string | undefined
}) {
  const { hosts } = yield* Transport
  for (const option of ["localHost", "globalHost"] as const) {
    const host = options[option]
    if (host === undefined || !Address.isUnspecified(host)) continue
    return yield* new WendyOptionError({
      option,
      message:
        `"${host}" stands for all addresses of a machine, and nobody can be reached there: name the one that other ` +
        "Nodes are to dial, and give the other to bind"
    })
  }
  const { bind } = options
  const listensEverywhere = bind !== undefined && Address.isUnspecified(bind)
  let { localHost } = options
  if (localHost === undefined && listensEverywhere) {
    const [likeliest = "127.0.0.1"] = hosts === undefined ? [] : yield* hosts
    localHost = likeliest
    yield* Effect.annotateLogs(
      Effect.logInfo(
        `this Node listens on all addresses, and tells other Nodes to dial ${likeliest}: localHost names another`
      ),
      { package: "effect-wendy", module: "effect-wendy/Cluster" }
    )
  }
  localHost ??= bind ?? "127.0.0.1"
  return { localHost, globalHost: options.globalHost ?? localHost, bind: bind ?? localHost }
})

/**
 * Whether an address leads to this Node.
 *
 * @category checks
 * @since 0.1.0
 */
export const isOwn = (address: Address.Address, self: Node.Node, bind: string): boolean =>
  address.port === self.port && [self.localHost, self.globalHost, bind].includes(address.host)

/** How often the addresses of the machine are looked at. */
const lookEvery = "1 minute"

/**
 * Looks whether the machine still has the addresses that a Node tells, of those that it had at first: what stands before a
 * NAT is none of them. `say` is called once when one has gone, and again only when it has come back meanwhile.
 *
 * @category watching
 * @since 0.1.0
 */
export const watch = (
  hosts: Effect.Effect<ReadonlyArray<string>>,
  told: ReadonlyArray<string>,
  say: (message: string) => void
): Effect.Effect<void> =>
  Effect.gen(function*() {
    const atFirst = yield* hosts
    const own = Array.from(new Set(told)).filter((host) => atFirst.includes(host))
    const gone = new Set<string>()
    while (own.length > 0) {
      yield* Effect.sleep(lookEvery)
      const now = yield* hosts
      for (const host of own) {
        if (now.includes(host)) {
          gone.delete(host)
        } else if (!gone.has(host)) {
          gone.add(host)
          say(
            `this machine has no address ${host} any more, at which other Nodes dial this one (it has ${
              now.join(", ") || "none"
            }): restart this Node, so that it tells them another`
          )
        }
      }
    }
  })
