/**
 * A connection over a socket of Node.js.
 *
 * Whoever waits for frames is woken by the socket itself, in the turn of the event loop in which their bytes have come.
 * While nobody waits the socket is paused: at most what came with one more read of it is held here, and the rest is left to
 * the kernel.
 */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type * as Net from "node:net"
import * as Address from "../../protocol/Address.ts"
import { encodeFrames, encodeParts, FrameDecoder } from "../Framing.ts"
import { type Channel, type Connection, type ConnectionOptions, WendyConnectionError } from "../Transport.ts"
import { guard } from "./guard.ts"

/** A socket that is ready to carry frames, and what protects it. */
export interface Ready {
  readonly socket: Net.Socket
  readonly channel: Channel | undefined
}

type Frames = readonly [Uint8Array, ...Array<Uint8Array>]

type Reading = Effect.Effect<Frames, WendyConnectionError>

const flushMillis = 1_000

const lingerMillis = 100

/** Closes the socket with its scope. */
export const makeConnection = Effect.fnUntraced(function*(
  { channel, socket }: Ready,
  remote: Address.Address,
  options: ConnectionOptions & { readonly maxFirstFrameSize?: number | undefined }
) {
  const at = Address.format(remote)
  const decoder = new FrameDecoder(options.maxFirstFrameSize ?? options.maxFrameSize)
  let frames: Array<Uint8Array> = []
  let end: WendyConnectionError | undefined
  let waiter: ((reading: Reading) => void) | undefined
  let isPaused = true

  const endWith = (reason: WendyConnectionError["reason"]["_tag"], message: string): void => {
    end ??= new WendyConnectionError({ reason: { _tag: reason, message } })
    wake()
  }

  const breakOff = (reason: WendyConnectionError["reason"]["_tag"], message: string): void => {
    endWith(reason, message)
    socket.destroy()
  }

  /** What a reader gets now, if anything. */
  const take = (): Reading | undefined => {
    if (frames.length === 0) return end === undefined ? undefined : Effect.fail(end)
    const taken = frames as unknown as Frames
    frames = []
    return Effect.succeed(taken)
  }

  const wake = (): void => {
    if (waiter === undefined) return
    const reading = take()
    if (reading === undefined) return
    const resume = waiter
    waiter = undefined
    resume(reading)
  }

  const onData = guard(socket, (chunk: Uint8Array<ArrayBuffer>): void => {
    if (!decoder.push(chunk, frames)) free(chunk)
    if (decoder.foreign !== undefined) return breakOff("OtherProtocol", describeForeign(at, decoder.foreign))
    if (decoder.refused !== undefined) {
      return breakOff(
        "FrameTooLarge",
        `${at} announced a frame of ${decoder.refused} bytes, the limit is ${decoder.maxFrameSize}. ` +
          "Raise the limit here or send smaller frames there."
      )
    }
    wake()
    if (waiter === undefined && !isPaused) {
      isPaused = true
      socket.pause()
    }
  })

  const onEnd = (): void => {
    if (decoder.isMidFrame) breakOff("Truncated", `${at} ended the connection inside a frame. Dial again.`)
    else endWith("Closed", `${at} ended the connection. Dial again if it is still needed.`)
  }

  const onBroken = (): void => endWith("Reset", again(`the connection to ${at} broke or was closed here`))

  const scope = yield* Effect.scope
  yield* Scope.addFinalizer(
    scope,
    Effect.suspend(() => {
      onBroken()
      socket.off("data", onData)
      return closeSocket(socket)
    })
  )
  // One that died before it was served has emitted its events already.
  if (socket.destroyed) endWith("Reset", again("the connection broke before it was used"))
  socket.pause()
  socket.on("data", onData)
  socket.once("end", onEnd)
  socket.once("close", onBroken)
  // Stays for the life of the socket: an "error" without a listener ends the process.
  socket.on("error", onBroken)

  const stopWaiting = Effect.sync(() => {
    waiter = undefined
  })

  const read: Connection["read"] = Effect.callback<Frames, WendyConnectionError>((resume) => {
    const reading = take()
    if (reading !== undefined) return resume(reading)
    waiter = resume
    if (isPaused) {
      isPaused = false
      socket.resume()
    }
    return stopWaiting
  })

  const failWrite = () =>
    new WendyConnectionError({
      reason: { _tag: "Reset", message: again(`the connection to ${at} has ended, nothing can be written to it`) }
    })

  const drained = Effect.callback<void, WendyConnectionError>((resume) => {
    const onDrain = () => finish(Effect.void)
    const onClose = () => finish(Effect.fail(failWrite()))
    const stop = () => {
      socket.off("drain", onDrain)
      socket.off("close", onClose)
    }
    const finish = (outcome: Effect.Effect<void, WendyConnectionError>) => {
      stop()
      resume(outcome)
    }
    socket.once("drain", onDrain)
    socket.once("close", onClose)
    // The fiber may have yielded since it looked.
    if (!socket.writable) onClose()
    else if (!socket.writableNeedDrain) onDrain()
    return Effect.sync(stop)
  })

  const write: Connection["write"] = (frames) =>
    Effect.suspend(() => {
      if (!socket.writable) return Effect.fail(failWrite())
      if (frames.length === 0) return Effect.void
      // True only after an interrupted write.
      if (socket.writableNeedDrain) return Effect.andThen(drained, write(frames))
      return socket.write(encodeFrames(frames)) ? Effect.void : drained
    })

  const writeNow = (frames: ReadonlyArray<Uint8Array>): boolean => {
    if (!socket.writable || socket.writableNeedDrain) return false
    // What becomes of it, whoever reads will hear.
    const parts = encodeParts(frames)
    if (parts.length > 1) socket.cork()
    for (const part of parts) socket.write(part)
    if (parts.length > 1) socket.uncork()
    return true
  }

  const admit = () => {
    decoder.maxFrameSize = options.maxFrameSize
  }

  return { remote, channel, read, write, writeNow, admit } satisfies Connection
}, Effect.uninterruptible)

/**
 * Gives back at once the memory of a chunk that nobody looks at any more: what lies outside its heap V8 only frees when it
 * has gone through all of it, and it does that the more often the more there is.
 */
const free = ({ buffer, byteLength }: Uint8Array<ArrayBuffer>): void => {
  if (byteLength === buffer.byteLength) buffer.transfer(0)
}

const describeForeign = (at: string, protocol: string): string =>
  `${at} speaks ${protocol}, and not the protocol of this cluster` + (protocol === "TLS"
    ? " in clear. Give both ends of a cluster the same kind of credentials, and with them TlsTransport, or neither; " +
      "nothing else may connect to this port."
    : ". Correct its address, for nothing but Nodes and clients may connect to this port.")

const again = (what: string): string => `${what}. Dial again if it is still needed.`

const once = (socket: Net.Socket, event: "close" | "finish"): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const onEvent = () => resume(Effect.void)
    if (socket.closed || (event === "finish" && socket.writableFinished)) return onEvent()
    socket.once(event, onEvent)
    return Effect.sync(() => socket.off(event, onEvent))
  })

const atMost = (effect: Effect.Effect<void>, millis: number) =>
  Effect.timeoutOption(Effect.interruptible(effect), millis)

/**
 * Unread bytes turn the end of a socket into a reset that overtakes what was
 * written, so they are thrown away until the peer has ended its side too.
 */
const closeSocket = Effect.fnUntraced(function*(socket: Net.Socket) {
  if (!socket.destroyed) {
    socket.end()
    socket.resume()
    yield* atMost(Effect.raceFirst(once(socket, "finish"), once(socket, "close")), flushMillis)
    if (socket.writableFinished) yield* atMost(once(socket, "close"), lingerMillis)
    socket.destroy()
  }
  yield* once(socket, "close")
})
