/**
 * Authorization: who of those that have proved who they are may do what.
 *
 * Credentials say whether somebody belongs to the cluster at all; this says whether he may be a Node in it, and what
 * a client may send.
 *
 * @since 0.1.0
 */

/**
 * The other end of a connection, when it has proved itself.
 *
 * @category models
 * @since 0.1.0
 */
export interface End {
  /** A member takes part in the ring; a client only sends into it. */
  readonly role: "member" | "client"
  /** Of a member its id, as 32 hexadecimal digits; bound to it by certificates alone. Clients choose any. */
  readonly id: string
  /** Of a member: its Region, as it says; bound to it by a certificate that names one. */
  readonly region: string
  /** The common name of its certificate; `undefined` without certificates. */
  readonly name: string | undefined
}

/**
 * Who may do what. What is left out is allowed.
 *
 * **Details**
 *
 * The functions are asked for every connection, and for every message of a client; they must answer at once. One that
 * throws says no.
 *
 * **Gotchas**
 *
 * Members pass on what others have sent, so purposes are looked at only where a message enters the cluster: at the
 * Node that a client talks to. What a member itself may send nobody can tell.
 *
 * **Example** (Operators alone may send purpose 200, and only machines of ours may join)
 *
 * ```ts
 * import { Authorization, Cluster } from "effect-wendy"
 *
 * const authorization: Authorization.Authorization = {
 *   admits: ({ name, role }) => role === "client" || name?.startsWith("node-") === true,
 *   maySend: ({ name }, purpose) => purpose !== 200 || name === "operator"
 * }
 *
 * export const NodeLive = Cluster.layer({ authorization })
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Authorization {
  /** Whether this end may come in: else it is refused (`Refused`, reason `unauthorized`). */
  readonly admits?: ((end: End) => boolean) | undefined
  /** Whether a client may send messages of this purpose: else it gets `WendyDeliveryError`, reason `Forbidden`. */
  readonly maySend?: ((client: End, purpose: number) => boolean) | undefined
}

/**
 * Whether an end may come in.
 *
 * **Example** (One that throws)
 *
 * ```ts
 * import { Authorization } from "effect-wendy"
 *
 * const nobody = { role: "member", id: "0".repeat(32), region: "", name: undefined } as const
 * const broken = { admits: () => JSON.parse("") }
 * Authorization.admits(broken, nobody) // => false
 * ```
 *
 * @category checks
 * @since 0.1.0
 */
export const admits = ({ admits }: Authorization, end: End): boolean => admits === undefined || isYes(() => admits(end))

/**
 * Whether a client may send messages of a purpose.
 *
 * **Example** (Only one purpose)
 *
 * ```ts
 * import { Authorization } from "effect-wendy"
 *
 * const client = { role: "client", id: "0".repeat(32), region: "", name: "operator" } as const
 * Authorization.maySend({ maySend: (_, purpose) => purpose === 16 }, client, 17) // => false
 * ```
 *
 * @category checks
 * @since 0.1.0
 */
export const maySend = ({ maySend }: Authorization, client: End, purpose: number): boolean =>
  maySend === undefined || isYes(() => maySend(client, purpose))

const isYes = (ask: () => boolean): boolean => {
  try {
    // A Promise, which a plain JavaScript program may return, is no yes.
    return ask() === true
  } catch {
    return false
  }
}
