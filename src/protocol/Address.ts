/**
 * A host and a port, as people write them.
 *
 * @since 0.1.0
 */
import * as Option from "effect/Option"
import { isIPv6 } from "node:net"

/**
 * Where somebody listens: a host (IPv4, IPv6 without brackets, or a name) and a TCP port.
 *
 * @category models
 * @since 0.1.0
 */
export interface Address {
  readonly host: string
  readonly port: number
}

/**
 * Renders an address as `host:port`, an IPv6 host in brackets.
 *
 * @category conversions
 * @since 0.1.0
 */
export const format = (address: Address): string =>
  address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`

/**
 * Reads `host:port` or `[ipv6]:port`; the port is 1 to 65535.
 *
 * @category conversions
 * @since 0.1.0
 */
export const parse = (text: string): Option.Option<Address> => {
  const match = /^(?:\[([^\s[\]]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(text)
  if (match === null || (match[1] !== undefined && !isIPv6(match[1]))) return Option.none()
  const port = Number(match[3])
  return port >= 1 && port <= 65535 ? Option.some({ host: (match[1] ?? match[2])!, port }) : Option.none()
}
