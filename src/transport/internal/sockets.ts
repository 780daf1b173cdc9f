/**
 * Sockets inside one process: who listens where, and connections with what has arrived at either end.
 *
 * How what one end writes gets to the other, when, and whether at all, is the
 * business of a `Medium`: the networks of tests and of simulations are two of them.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Address from "../../protocol/Address.ts"
import {
  type Connection,
  type Transport,
  WendyConnectionError,
  WendyDialError,
  WendyListenError
} from "../Transport.ts"
import { makeAcceptor } from "./acceptor.ts"
import { describeBadAddress } from "./badAddress.ts"

/** Frames that were written together, or the end of the connection. */
export type Payload = ReadonlyArray<Uint8Array> | WendyConnectionError

/** A fiber that waits. */
export interface Waiter {
  resume: (() => void) | undefined
}

/** One end of a connection, and what has arrived there. */
export interface End<Way> {
  readonly pair: Pair<Way>
  readonly host: string
  readonly remote: Address.Address
  /** What it takes, at first and once the other end is admitted. */
  frameSize: number
  readonly maxFrameSize: number
  /** What the medium keeps of the direction to this end. */
  readonly way: Way
  readonly reader: Waiter
  readonly writer: Waiter
  inbox: Array<Uint8Array>
  /** Frames and bytes sent to this end and not read yet. */
  frames: number
  bytes: number
  error: WendyConnectionError | undefined
  isClosed: boolean
}

/** A connection. */
export interface Pair<Way> {
  dialler: End<Way>
  acceptor: End<Way>
}

/** What lies between two ends. */
export interface Medium<Way> {
  /** Resumes a fiber of a host, never inside the stack of another. */
  readonly wake: (host: string, resume: () => void) => void
  /** Goes from one host to another and back. Whether it came back in time; takes all the time if not. In milliseconds. */
  readonly reach: (from: string, to: string, timeout: number) => Effect.Effect<boolean>
  /** What makes the two directions of a new connection, for whoever dials. */
  readonly makeWay: Effect.Effect<(from: string, to: string) => Way>
  /** There is a new connection. */
  readonly opened: (pair: Pair<Way>) => Effect.Effect<void>
  /** Takes what an end has sent: it arrives at its peer (`arrive`), or never does (`drop`). */
  readonly carry: (from: End<Way>, payload: Payload) => void
  /** Nothing more arrives at this end. */
  readonly finished: (end: End<Way>) => void
}

/** All sockets on one medium. */
export interface Sockets<Way> {
  readonly transport: (host?: string) => Transport["Service"]
  readonly arrive: (end: End<Way>, payload: Payload) => void
  readonly drop: (end: End<Way>, payload: Payload) => void
  readonly breakOff: (pair: Pair<Way>) => void
  /** Breaks every connection of a host. */
  readonly reset: (host: string) => void
  /** The process on a host is no more: nobody listens, its connections break at the other ends. */
  readonly kill: (host: string) => void
}

const maxFrames = 256

const maxBytes = 4 * 1024 * 1024

const firstPort = 49152

const firstDialPort = 32768

const ownHosts: ReadonlySet<string> = new Set(["0.0.0.0", "::", "localhost"])

type Sizes = Pick<End<unknown>, "frameSize" | "maxFrameSize">

interface Listening<Way> {
  readonly host: string
  readonly sizes: Sizes
  readonly accept: (end: End<Way>) => void
}

export const peerOf = <Way>(end: End<Way>): End<Way> => end.pair.dialler === end ? end.pair.acceptor : end.pair.dialler

const isFull = (end: End<unknown>): boolean => end.frames >= maxFrames || end.bytes >= maxBytes

export const isFrames = (payload: Payload): payload is ReadonlyArray<Uint8Array> => Array.isArray(payload)

const sizeOf = (frames: ReadonlyArray<Uint8Array>): number => {
  let size = 0
  for (const frame of frames) size += frame.byteLength
  return size
}

/** Asks again when it registers: the fiber may have yielded since it looked. */
export const waitUntil = (waiter: Waiter, isReady: () => boolean): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    if (isReady()) {
      resume(Effect.void)
      return
    }
    const wakeUp = () => resume(Effect.void)
    waiter.resume = wakeUp
    return Effect.sync(() => {
      if (waiter.resume === wakeUp) waiter.resume = undefined
    })
  })

const makeReset = (remote: Address.Address, what: string): WendyConnectionError =>
  new WendyConnectionError({
    reason: {
      _tag: "Reset",
      message: `The connection to ${Address.format(remote)} ${what}. Dial again if it is still needed.`
    }
  })

/** Sockets on a medium. */
export const make = <Way>(medium: Medium<Way>): Sockets<Way> => {
  const listeners = new Map<string, Listening<Way>>()
  /** Connections by the hosts of their ends. */
  const pairs = new Map<string, Set<Pair<Way>>>()
  let nextPort = firstPort
  let nextDialPort = firstDialPort

  const pairsOf = (host: string): Set<Pair<Way>> => {
    let set = pairs.get(host)
    if (set === undefined) pairs.set(host, set = new Set())
    return set
  }

  const wake = (end: End<Way>, waiter: Waiter): void => {
    const { resume } = waiter
    if (resume === undefined) return
    waiter.resume = undefined
    medium.wake(end.host, resume)
  }

  const release = (end: End<Way>, frames: ReadonlyArray<Uint8Array>): void => {
    end.frames -= frames.length
    end.bytes -= sizeOf(frames)
    const peer = peerOf(end)
    if (!isFull(end)) wake(peer, peer.writer)
  }

  const finish = (end: End<Way>, error: WendyConnectionError): void => {
    if (end.error !== undefined) return
    end.error = error
    wake(end, end.reader)
    wake(end, end.writer)
    medium.finished(end)
  }

  const transmit = (from: End<Way>, payload: Payload): void => {
    const to = peerOf(from)
    if (isFrames(payload)) {
      to.frames += payload.length
      to.bytes += sizeOf(payload)
    }
    medium.carry(from, payload)
  }

  const drop = (end: End<Way>, payload: Payload): void => {
    if (isFrames(payload)) release(end, payload)
  }

  const arrive = (end: End<Way>, payload: Payload): void => {
    if (end.error !== undefined) return
    if (!isFrames(payload)) return finish(end, payload)
    for (const frame of payload) {
      if (frame.byteLength > end.frameSize) {
        finish(
          end,
          new WendyConnectionError({
            reason: {
              _tag: "FrameTooLarge",
              message: `${Address.format(end.remote)} sent a frame of ${frame.byteLength} bytes, the limit is ` +
                `${end.frameSize}. Raise the limit here or send smaller frames there.`
            }
          })
        )
        return transmit(end, makeReset(peerOf(end).remote, "was broken by the peer"))
      }
      end.inbox.push(frame)
    }
    wake(end, end.reader)
  }

  const forget = (pair: Pair<Way>): void => {
    for (const { host } of [pair.dialler, pair.acceptor]) {
      const set = pairsOf(host)
      set.delete(pair)
      if (set.size === 0) pairs.delete(host)
    }
  }

  const close = (end: End<Way>): void => {
    if (end.isClosed) return
    end.isClosed = true
    finish(end, makeReset(end.remote, "was closed here"))
    end.inbox = []
    const peer = peerOf(end)
    if (peer.isClosed) return forget(end.pair)
    if (peer.error !== undefined) return
    transmit(
      end,
      new WendyConnectionError({
        reason: {
          _tag: "Closed",
          message: `${Address.format(peer.remote)} ended the connection. Dial again if it is still needed.`
        }
      })
    )
  }

  const breakOff = (pair: Pair<Way>): void => {
    finish(pair.dialler, makeReset(pair.dialler.remote, "broke"))
    finish(pair.acceptor, makeReset(pair.acceptor.remote, "broke"))
  }

  const makeConnection = (end: End<Way>): Connection => {
    const peer = peerOf(end)
    const awaitReadable = waitUntil(end.reader, () => end.inbox.length > 0 || end.error !== undefined)
    const awaitWritable = waitUntil(end.writer, () => !isFull(peer) || end.error !== undefined)

    const read: Connection["read"] = Effect.suspend(() => {
      if (end.inbox.length > 0) {
        const taken = end.inbox as [Uint8Array, ...Array<Uint8Array>]
        end.inbox = []
        release(end, taken)
        return Effect.succeed(taken)
      }
      return end.error === undefined ? Effect.andThen(awaitReadable, read) : Effect.fail(end.error)
    })

    const awaitSpace: Effect.Effect<void, WendyConnectionError> = Effect.suspend(() => {
      if (end.error !== undefined) return Effect.fail(end.error)
      return isFull(peer) ? Effect.andThen(awaitWritable, awaitSpace) : Effect.void
    })

    const write: Connection["write"] = (frames) =>
      Effect.suspend(() => {
        if (end.error !== undefined) return Effect.fail(end.error)
        // true only after an interrupted write
        if (isFull(peer)) return Effect.andThen(awaitSpace, write(frames))
        if (frames.length === 0) return Effect.void
        transmit(end, frames.map((frame) => new Uint8Array(frame)))
        return isFull(peer) ? awaitSpace : Effect.void
      })

    const admit = () => {
      end.frameSize = end.maxFrameSize
    }

    return { remote: end.remote, channel: undefined, read, write, admit }
  }

  const openConnection = (end: End<Way>): Effect.Effect<Connection, never, Scope.Scope> =>
    Effect.acquireRelease(Effect.sync(() => makeConnection(end)), () => Effect.sync(() => close(end)))

  const takePort = (host: string): number | undefined => {
    for (let tries = firstPort; tries <= 65535; tries++) {
      const port = nextPort
      nextPort = nextPort === 65535 ? firstPort : nextPort + 1
      if (!listeners.has(Address.format({ host, port }))) return port
    }
  }

  const makeEnd = (
    pair: Pair<Way>,
    host: string,
    remote: Address.Address,
    { frameSize, maxFrameSize }: Sizes,
    way: Way
  ): End<Way> => ({
    pair,
    host,
    remote,
    frameSize,
    maxFrameSize,
    way,
    reader: { resume: undefined },
    writer: { resume: undefined },
    inbox: [],
    frames: 0,
    bytes: 0,
    error: undefined,
    isClosed: false
  })

  const transport = (host?: string): Transport["Service"] => {
    const own = host ?? "127.0.0.1"
    const resolve = (name: string): string => ownHosts.has(name) ? own : name

    const listen: Transport["Service"]["listen"] = Effect.fnUntraced(function*(address, options) {
      const fail = (reason: WendyListenError["reason"]["_tag"], message: string) =>
        new WendyListenError({ reason: { _tag: reason, message }, address: Address.format(address) })
      const problem = describeBadAddress(address, 0)
      if (problem !== undefined) return yield* fail("BadAddress", problem)
      const at = resolve(address.host)
      if (host !== undefined && at !== host) {
        return yield* fail("BadAddress", `This machine is ${host}, not ${at}. Listen on ${host}.`)
      }
      const port = address.port === 0 ? takePort(at) : address.port
      if (port === undefined) {
        return yield* fail("Resources", `${at} has no free port left. Close listeners.`)
      }
      const key = Address.format({ host: at, port })
      if (listeners.has(key)) {
        return yield* fail("InUse", `Something listens on ${key} already. Choose another port (0 takes a free one).`)
      }

      const accepted = new Set<End<Way>>()
      const acceptor = yield* makeAcceptor((end: End<Way>) =>
        Effect.tap(openConnection(end), Effect.addFinalizer(() => Effect.sync(() => accepted.delete(end))))
      )
      yield* Effect.acquireRelease(
        Effect.sync(() =>
          listeners.set(key, {
            host: at,
            sizes: {
              frameSize: options.maxFirstFrameSize ?? options.maxFrameSize,
              maxFrameSize: options.maxFrameSize
            },
            accept: (end) => {
              if (accepted.size >= options.maxConnections) return close(end)
              accepted.add(end)
              acceptor.offerUnsafe(end)
            }
          })
        ),
        () =>
          Effect.suspend(() => {
            listeners.delete(key)
            return Effect.andThen(acceptor.interrupt, Effect.sync(() => accepted.forEach(close)))
          })
      )
      return { address: { host: address.host, port }, serve: acceptor.serve }
    })

    const connect = (
      acceptedSizes: Sizes,
      target: Address.Address,
      maxFrameSize: number,
      makeWay: (from: string, to: string) => Way
    ): Pair<Way> => {
      const from: Address.Address = { host: own, port: nextDialPort }
      nextDialPort = nextDialPort === firstPort - 1 ? firstDialPort : nextDialPort + 1
      const pair = {} as Pair<Way>
      pair.dialler = makeEnd(pair, own, target, { frameSize: maxFrameSize, maxFrameSize }, makeWay(target.host, own))
      pair.acceptor = makeEnd(pair, target.host, from, acceptedSizes, makeWay(own, target.host))
      pairsOf(own).add(pair)
      pairsOf(target.host).add(pair)
      return pair
    }

    const dial: Transport["Service"]["dial"] = (address, options) =>
      Effect.uninterruptibleMask(Effect.fnUntraced(function*(restore) {
        const fail = (reason: WendyDialError["reason"]["_tag"], message: string) =>
          new WendyDialError({ reason: { _tag: reason, message }, address: Address.format(address) })
        const problem = describeBadAddress(address, 1)
        if (problem !== undefined) return yield* fail("BadAddress", problem)
        const target: Address.Address = { host: resolve(address.host), port: address.port }
        const isThere = yield* restore(medium.reach(own, target.host, Duration.toMillis(options.timeout)))
        if (!isThere) {
          return yield* fail(
            "Timeout",
            `${Address.format(target)} did not answer in time. Restore or heal the hosts, then dial again.`
          )
        }
        const listening = listeners.get(Address.format(target))
        if (listening === undefined) {
          return yield* fail(
            "Refused",
            `Nothing listens on ${Address.format(target)}. Start the peer there, or dial another address.`
          )
        }
        const pair = connect(listening.sizes, target, options.maxFrameSize, yield* medium.makeWay)
        yield* medium.opened(pair)
        listening.accept(pair.acceptor)
        return yield* openConnection(pair.dialler)
      }))

    return { protection: "process", listen, dial }
  }

  return {
    transport,
    arrive,
    drop,
    breakOff,
    reset: (host) => pairs.get(host)?.forEach(breakOff),
    kill: (host) => {
      for (const [key, listening] of listeners) if (listening.host === host) listeners.delete(key)
      for (const pair of pairs.get(host) ?? []) {
        if (pair.dialler.host === host) close(pair.dialler)
        if (pair.acceptor.host === host) close(pair.acceptor)
      }
    }
  }
}
