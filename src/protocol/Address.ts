/**
 * A host and a port, as people write them.
 *
 * @since 0.1.0
 */
import * as Option from "effect/Option"
import { isIPv4, isIPv6 } from "node:net"

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
 * The block of addresses that a host belongs to, as text: the first 24 bits of an IPv4 address, the first 48 of an IPv6 address, which
 * are what one customer of a network is commonly given (RFC 6177); of a name the name.
 *
 * @category conversions
 * @since 0.1.0
 */
export const block = (host: string): string => {
  const [, mapped = host] = /^::ffff:([\d.]+)$/i.exec(host) ?? []
  if (isIPv4(mapped)) return mapped.slice(0, mapped.lastIndexOf("."))
  if (!isIPv6(host)) return host.toLowerCase()
  const [left = "", right] = host.replace(/%.*$/, "").split("::", 2)
  const groups = left === "" ? [] : left.split(":")
  if (right !== undefined) {
    const behind = right === "" ? [] : right.split(":")
    // The last group may be an IPv4 address, which takes the place of two.
    const count = groups.length + behind.length + (host.includes(".") ? 1 : 0)
    groups.push(...new Array<string>(8 - count).fill("0"), ...behind)
  }
  return groups.slice(0, 3).map((group) => Number.parseInt(group, 16).toString(16)).join(":")
}

/**
 * Whether two texts name the same host: an IPv4 address may be written as an IPv6 address.
 *
 * @category comparisons
 * @since 0.1.0
 */
export const isSameHost = (x: string, y: string): boolean => canonical(x) === canonical(y)

const canonical = (host: string): string => {
  const mapped = /^::ffff:([\d.]+)$/i.exec(host)?.[1]
  if (mapped !== undefined || !isIPv6(host)) return (mapped ?? host).toLowerCase()
  const [address = "", zone = ""] = host.split("%", 2)
  return new URL(`http://[${address}]`).hostname + zone
}

/**
 * Whether a host is an address of the machine itself, that nobody else reaches (RFC 1122 section 3.2.1.3, RFC 4291 section 2.5.3).
 *
 * @category checks
 * @since 0.1.0
 */
export const isLoopback = (host: string): boolean => {
  const address = canonical(host)
  return address === "localhost" || address === "[::1]" || (isIPv4(address) && address.startsWith("127."))
}

/**
 * Whether a host names no single address, but all of a machine: one can listen there, and nobody can be reached there.
 *
 * @category checks
 * @since 0.1.0
 */
export const isUnspecified = (host: string): boolean => {
  const address = canonical(host)
  return address === "0.0.0.0" || address === "[::]"
}

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
