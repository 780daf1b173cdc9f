/**
 * Identity: who an end says that it is, and how it proves it.
 *
 * What Nodes, clients and inspectors have in common before they open a connection.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Authorization from "../protocol/Authorization.ts"
import { type ClusterConfig, defaults } from "../protocol/ClusterConfig.ts"
import * as Credentials from "../protocol/Credentials.ts"
import * as Expiry from "../protocol/Expiry.ts"
import * as Handshake from "../protocol/Handshake.ts"
import { WendyOptionError } from "../protocol/OptionError.ts"
import * as Node from "../ring/Node.ts"
import * as NodeId from "../ring/NodeId.ts"
import { type Identity, maxFrameSizeFor } from "./Link.ts"
import * as Security from "./Security.ts"
import { Transport } from "./Transport.ts"

/**
 * What of the options of a Node, a client or an inspector says who it is.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly authorization?: Authorization.Authorization | undefined
  readonly cluster?: string | undefined
  readonly config?: Partial<ClusterConfig> | undefined
  readonly credentials?: Credentials.Credentials | undefined
}

const warn = (message: string): Effect.Effect<void> =>
  Effect.annotateLogs(Effect.logWarning(message), { package: "effect-wendy", module: "effect-wendy/Identity" })

/** Of a cluster, in characters: what the handshake carries. */
const longestName = 64

/**
 * A random id, from the `SecureRandom` of the context if there is one.
 *
 * @category constructors
 * @since 0.1.0
 */
export const randomId = Effect.serviceOption(SecureRandom.SecureRandom).pipe(
  Effect.flatMap((service) =>
    Option.isSome(service)
      ? service.value.randomBytes(16)
      : Effect.sync(() => SecureRandom.randomBytesUnsafe(16))
  ),
  Effect.map((bytes) => NodeId.readUnsafe(bytes, 0))
)

/**
 * How an end proves itself, as its credentials and its transport have it: the one place that asks whether these go
 * together.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeSecurity = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<Security.Security, WendyOptionError, Transport> {
  const { protection } = yield* Transport
  const cluster = options.cluster ?? "wendy"
  if (cluster.length > longestName) {
    return yield* new WendyOptionError({
      option: "cluster",
      message: `the name of the cluster has ${cluster.length} characters; at most ${longestName} are allowed`
    })
  }
  const credentials = options.credentials ?? Credentials.none
  const problem = Security.problemOver(credentials, protection)
  if (problem !== undefined) return yield* new WendyOptionError({ option: "credentials", message: problem })
  const warning = Security.warningOver(credentials, protection)
  if (warning !== undefined) yield* warn(warning)
  return Security.make(credentials, {
    cluster,
    needsChannel: protection === "tls",
    // Half of the handshake, so that there is time left to tell the other end.
    patience: (options.config?.handshakeTimeout ?? defaults.handshakeTimeout) / 2
  })
})

/**
 * Says in the log which certificate ends soon, and returns that; their dates are compared with the clock of the machine.
 *
 * @category checks
 * @since 0.1.0
 */
export const expiryOf = (security: () => Security.Security): Effect.Effect<string | undefined> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const { certificate } = security()
    const message = certificate && Expiry.warning(certificate, now)
    return message === undefined ? Effect.undefined : Effect.as(warn(message), message)
  })

/**
 * What one end says of itself in every handshake.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeIdentity = (
  role: "member" | "client",
  node: Node.Node,
  security: () => Security.Security,
  options: Options,
  seed = NodeId.zero
): Identity => ({
  role,
  node,
  seed,
  get security() {
    return security()
  },
  authorization: options.authorization ?? {},
  cluster: options.cluster ?? "wendy",
  lease: options.config?.lease ?? defaults.lease,
  maxFrameSize: maxFrameSizeFor(options.config?.maxValueSize ?? defaults.maxValueSize),
  nonce: randomId
})

/**
 * Who a client is: one life, under an id that follows from what it draws, at an address that nobody dials, for it enters no table.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeClientIdentity = Effect.fnUntraced(
  function*(options: Options) {
    const seed = yield* randomId
    const node = new Node.Node({
      id: Handshake.clientId(seed),
      localHost: "client",
      globalHost: "client",
      port: 1,
      region: "",
      incarnation: yield* Clock.currentTimeMillis
    })
    const security = yield* makeSecurity(options)
    yield* expiryOf(() => security)
    return makeIdentity("client", node, () => security, options, seed)
  }
)
