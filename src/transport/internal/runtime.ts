/**
 * What the JavaScript runtime can do of TLS.
 *
 * `node:tls` is OpenSSL in Node.js, BoringSSL in Bun and rustls in Deno. What one of them cannot do is said at the start,
 * and not found out when a connection fails.
 */
import * as Tls from "node:tls"

/** A runtime. */
export interface Runtime {
  readonly name: string
  /** Gives the two ends of a channel bytes that only they have: the exporter of RFC 8446, section 7.5. */
  readonly canBind: boolean
  /** Takes notice of lists of revoked certificates. */
  readonly canRevoke: boolean
  /** Knows pre-shared keys. */
  readonly canShareKeys: boolean
}

/** What is known of a runtime by its versions, and by the methods of its TLS sockets. */
export const describe = (
  versions: { readonly [name: string]: string | undefined },
  socket: { readonly exportKeyingMaterial?: unknown }
): Runtime => ({
  name: versions["deno"] !== undefined ?
    `Deno ${versions["deno"]}` :
    versions["bun"] !== undefined
    ? `Bun ${versions["bun"]}`
    : `Node.js ${versions["node"]}`,
  canBind: typeof socket.exportKeyingMaterial === "function",
  // Deno reads the lists, and then lets in whom they name.
  canRevoke: versions["deno"] === undefined,
  canShareKeys: versions["deno"] === undefined && versions["bun"] === undefined
})

/** The one that runs this. */
export const current: Runtime = (() => describe(process.versions, Tls.TLSSocket.prototype))()
