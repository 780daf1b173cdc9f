/**
 * MalformedPeer: who says any bytes on a bare socket, or inside of TLS, in pieces, and ends in one way or another.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Net from "node:net"
import * as Frame from "../../src/protocol/Frame.ts"
import * as Handshake from "../../src/protocol/Handshake.ts"
import { FrameDecoder } from "../../src/transport/Framing.ts"

/** What it does when all is said: ends its side and waits, waits, goes, or goes as a process does that dies. */
export type Ending = "ends" | "stays" | "goes" | "resets"

export interface Heard {
  /** What the Node said of it, in short. */
  readonly answer: string
  /** A Node says these only to one that it has let in. */
  readonly isLetIn: boolean
}

const nothing: Heard = { answer: "nothing", isLetIn: false }

/** Of TLS the kind of the first record; in clear the first frames. */
const describe = (bytes: Uint8Array): Heard => {
  if (bytes.length === 0) return nothing
  if (bytes[0] === 21) return { answer: "an alert", isLetIn: false }
  if (bytes[0] === 22) return { answer: "a ServerHello", isLetIn: false }
  const frames: Array<Uint8Array> = []
  new FrameDecoder(1024 * 1024).push(bytes, frames)
  const messages = frames.map(Handshake.decode)
  const refusal = messages.find((message) => message?._tag === "Refusal")
  const isLetIn = messages.some((message) => message?._tag === "Proof") ||
    frames.some((frame) => Frame.decode(frame)._tag === "Answer")
  return { answer: refusal?._tag === "Refusal" ? `refused: ${refusal.reason}` : "a Hello", isLetIn }
}

/** What it heard; `none` when the Node does not end a connection that it has to end in time. */
export const babble = ({ ending, patience, pause, pieces, port, secure }: {
  readonly port: number
  readonly pieces: ReadonlyArray<Uint8Array>
  readonly ending: Ending
  /** How long it waits before it goes, and for the Node to end what it has to end, in milliseconds. */
  readonly pause: number
  readonly patience: number
  /** Where it speaks TLS: what it does so with. */
  readonly secure: ((socket: Net.Socket) => Net.Socket) | undefined
}): Effect.Effect<Option.Option<Heard>, never, Scope.Scope> =>
  Effect.gen(function*() {
    let heard = new Uint8Array(0)
    const raw = yield* Effect.acquireRelease(
      Effect.callback<Net.Socket>((resume) => {
        const connecting = Net.connect({ host: "127.0.0.1", port, noDelay: true })
        // An "error" without a listener ends the process.
        connecting.on("error", () => connecting.destroy())
        connecting.once("connect", () => resume(Effect.succeed(connecting)))
        connecting.once("close", () => resume(Effect.succeed(connecting)))
      }),
      (socket) => Effect.sync(() => socket.destroy())
    )
    const socket = secure === undefined || raw.destroyed ? raw : secure(raw)
    socket.on("data", (chunk: Buffer) => {
      if (heard.length < 64 * 1024) heard = Buffer.concat([heard, chunk])
    })
    if (socket !== raw) socket.on("error", () => socket.destroy())
    const closed = Effect.callback<void>((resume) => {
      if (socket.closed) return resume(Effect.void)
      socket.once("close", () => resume(Effect.void))
    })
    const say = Effect.gen(function*() {
      for (const piece of pieces) {
        if (!socket.writable) return
        // It has left this end then: the next piece is another chunk for the Node, mostly.
        yield* Effect.callback<void>((resume) => void socket.write(piece, () => resume(Effect.void)))
      }
    })
    const all = Effect.gen(function*() {
      yield* Effect.raceFirst(say, closed)
      if (ending === "ends" && socket.writable) socket.end()
      if (ending === "ends" || ending === "stays") yield* closed
      if (ending === "goes" || ending === "resets") yield* Effect.sleep(pause)
      if (ending === "resets" && !raw.destroyed) raw.resetAndDestroy()
    })
    // A Node that does not read holds up nobody but who says so much to it.
    const hasEnded = yield* Effect.timeoutOption(
      all,
      ending === "goes" || ending === "resets" ? patience / 10 : patience
    )
    return Option.isNone(hasEnded) && (ending === "ends" || ending === "stays")
      ? Option.none()
      : Option.some(describe(heard))
  })
