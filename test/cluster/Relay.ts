/**
 * Who stands between two ends: a relay in front of every Node, so that all that goes between Nodes goes through it.
 * It hears every byte of both directions, and does with them what it is told to.
 */
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import * as Net from "node:net"
import * as TlsSocket from "node:tls"
import type * as Authority from "../../src/cli/keys/Authority.ts"
import type { Rng } from "../../src/simulation/Rng.ts"
import { Transport } from "../../src/transport/Transport.ts"

export type Side = "dialler" | "acceptor"

/** What one end says to the other. */
export interface Flow {
  readonly from: Side
  /** In the chunks in which it came. */
  readonly heard: Array<Buffer>
  /** Says something to the other end. */
  readonly pass: (bytes: Uint8Array) => void
  /** Says to the other end that nothing more comes. */
  readonly finish: () => void
}

/** What becomes of a chunk that was heard. */
export type Meddle = (flow: Flow, chunk: Buffer) => void

/** A connection through a relay. */
export interface Passage {
  /** Where the acceptor is said to listen. */
  readonly port: number
  readonly flows: { readonly [From in Side]: Flow }
  /** The end that ended it first. */
  endedBy: Side | undefined
  isClosed: boolean
  readonly cut: () => void
}

export interface Relays {
  /** Where Nodes listen behind relays, and announce these. */
  readonly transport: Transport["Service"]
  readonly passages: Array<Passage>
  /** Where a Node really listens that announces a port. */
  readonly realPortOf: (announced: number) => number
  /** What becomes of all that is said. */
  meddle: Meddle
  /** What speaks with the two ends of a passage: their sockets, or what a meddler has put upon them. */
  speak: (dialler: Net.Socket, acceptor: Net.Socket) => { readonly [End in Side]: Net.Socket }
}

/** Passes everything on as it is. */
export const faithful: Meddle = (flow, chunk) => flow.pass(chunk)

/** Relays for the Nodes of a test; they are gone with its scope. */
export const makeRelays = Effect.gen(function*() {
  const inner = yield* Transport
  const ports = new Map<number, number>()
  const sockets = new Set<Net.Socket>()
  const servers = new Set<Net.Server>()
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      servers.forEach((server) => server.close())
      sockets.forEach((socket) => socket.destroy())
    })
  )

  const keep = (socket: Net.Socket) => {
    sockets.add(socket)
    socket.once("close", () => sockets.delete(socket))
    return socket.setNoDelay()
  }

  const open = (accepted: Net.Socket, port: number) => {
    const dialled = Net.connect({ host: "127.0.0.1", port: ports.get(port)!, allowHalfOpen: true })
    const ends = relays.speak(keep(accepted), keep(dialled))
    const flowFrom = (from: Side): Flow => {
      const to = ends[from === "dialler" ? "acceptor" : "dialler"]
      return {
        from,
        heard: [],
        pass: (bytes) => {
          if (to.writable) to.write(bytes)
        },
        finish: () => {
          if (to.writable) to.end()
        }
      }
    }
    const passage: Passage = {
      port,
      flows: { dialler: flowFrom("dialler"), acceptor: flowFrom("acceptor") },
      endedBy: undefined,
      isClosed: false,
      cut: () => {
        ends.dialler.destroy()
        ends.acceptor.destroy()
      }
    }
    relays.passages.push(passage)
    for (const from of ["dialler", "acceptor"] as const) {
      const flow = passage.flows[from]
      const [end, other] = from === "dialler" ? [ends.dialler, ends.acceptor] : [ends.acceptor, ends.dialler]
      const onEnd = () => {
        passage.endedBy ??= from
        flow.finish()
      }
      end.on("data", (chunk: Buffer) => {
        flow.heard.push(chunk)
        relays.meddle(flow, chunk)
      })
      end.on("end", onEnd)
      // An "error" without a listener ends the process.
      end.on("error", () => end.destroy())
      end.once("close", () => {
        onEnd()
        other.destroySoon()
        passage.isClosed = ends.dialler.destroyed && ends.acceptor.destroyed
      })
    }
  }

  /** A relay in front of a port; its own is returned. */
  const front = (real: number) =>
    Effect.callback<number>((resume) => {
      const server = Net.createServer({ allowHalfOpen: true }, (socket) => open(socket, portOf(server)))
      servers.add(server)
      server.listen(0, "127.0.0.1", () => {
        ports.set(portOf(server), real)
        resume(Effect.succeed(portOf(server)))
      })
    })

  const relays: Relays = {
    transport: {
      ...inner,
      listen: Effect.fnUntraced(function*(address, options) {
        const listener = yield* inner.listen(address, options)
        const port = yield* front(listener.address.port)
        return { ...listener, address: { ...listener.address, port } }
      })
    },
    passages: [],
    realPortOf: (announced) => ports.get(announced)!,
    meddle: faithful,
    speak: (dialler, acceptor) => ({ dialler, acceptor })
  }
  return relays
})

const portOf = (server: Net.Server): number => (server.address() as Net.AddressInfo).port

// -----------------------------------------------------------------------------
// meddling
// -----------------------------------------------------------------------------

/** Does something once, with the first chunk that comes, and passes on what follows. */
const once = (act: (flow: Flow, chunk: Buffer) => Meddle | void) => (): Meddle => {
  let next: Meddle | undefined
  return (flow, chunk) => {
    if (next === undefined) next = act(flow, chunk) ?? faithful
    else next(flow, chunk)
  }
}

const silent: Meddle = () => {}

/** Changes some bits of one byte. */
export const alter = (bytes: Uint8Array, position: number, rng: Rng): Buffer => {
  const altered = Buffer.from(bytes)
  altered[position] = altered[position]! ^ (1 + rng.below(255))
  return altered
}

/** What breaks a stream of bytes, once for each call. */
export const meddlers = (rng: Rng): { readonly [What in string]: () => Meddle } => ({
  altered: once((flow, chunk) => flow.pass(alter(chunk, rng.below(chunk.length), rng))),
  "left out": once(() => {}),
  repeated: once((flow, chunk) => {
    flow.pass(chunk)
    flow.pass(chunk)
  }),
  "said again later": once((flow, chunk) => {
    flow.pass(chunk)
    flow.pass(flow.heard[rng.below(flow.heard.length)]!)
  }),
  "put in another order": once((_, held) => {
    let isHeld = true
    return (flow, chunk) => {
      flow.pass(chunk)
      if (isHeld) flow.pass(held)
      isHeld = false
    }
  }),
  "cut off within": once((flow, chunk) => {
    flow.pass(chunk.subarray(0, 1 + rng.below(chunk.length - 1)))
    flow.finish()
    return silent
  }),
  "cut off between": once((flow, chunk) => {
    flow.pass(chunk)
    flow.finish()
    return silent
  })
})

/** Passes everything on in pieces, each a while after the one before. */
export const makeSlow = (rng: Rng): Meddle => {
  const lines = new Map<Flow, Promise<void>>()
  return (flow, chunk) => {
    const at = rng.below(chunk.length)
    for (const piece of [chunk.subarray(0, at), chunk.subarray(at)]) {
      const pause = rng.below(8)
      const before = lines.get(flow) ?? Promise.resolve()
      const after = before.then(() => new Promise<void>((resolve) => setTimeout(resolve, pause)))
      lines.set(flow, after.then(() => flow.pass(piece)))
    }
  }
}

/** What `Tls` prints in its source: whoever meddles knows it, too. */
const strangers = {
  identity: "effect-wendy",
  psk: createHash("sha256").update("effect-wendy: a key that everybody knows").digest()
}

/** The certificates that a meddler shows to both ends; to the acceptor it may show none. */
export interface Shown {
  readonly dialler: Authority.Pair
  readonly acceptor: Authority.Pair | undefined
}

const common = {
  minVersion: "TLSv1.3",
  ciphers: "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256",
  rejectUnauthorized: false
} as const

const ofPair = (pair: Authority.Pair | undefined) =>
  pair === undefined ? common : { ...common, key: pair.key, cert: pair.certificate }

/** Speaks TLS with both ends of a passage, so that it reads all that goes between them; without certificates as strangers do. */
export const endingTls = (shown?: Shown): Relays["speak"] => (dialler, acceptor) => ({
  dialler: new TlsSocket.TLSSocket(dialler, {
    ...common,
    isServer: true,
    secureContext: TlsSocket.createSecureContext(ofPair(shown?.dialler)),
    ...(shown === undefined ? { pskCallback: () => strangers.psk } : { requestCert: true })
  }),
  acceptor: TlsSocket.connect({
    ...ofPair(shown?.acceptor),
    socket: acceptor,
    checkServerIdentity: () => undefined,
    ...(shown === undefined ? { pskCallback: () => strangers } : {})
  })
})
