/**
 * raw: `node:net` and the same framing, and nothing else: the limit of what Node.js can do here.
 *
 * Its strong form: the frames of a turn go out with one write; whoever receives parses each frame, and answers once a
 * chunk, either with how many it has had (one-way), or with all answers in one write (requests). A relay parses each
 * frame, and writes all of a chunk on with one write. Large values are not copied into a batch, but written as they are.
 */
import { once } from "node:events"
import * as Net from "node:net"
import * as Tls from "node:tls"
import { FrameReader, FrameWriter } from "../Frames.ts"
import type { Certificate, Client, Forwarder, Sending, Server, Settings, System } from "../System.ts"
import { Tally } from "../Tally.ts"
import { makeValue, numberAt } from "../Values.ts"

/** Messages that are under way, as many as a Node of the overlay lets; of large ones fewer. */
const maxInFlight = 4096
const maxBytesInFlight = 16 * 1024 * 1024

/** What goes out with one write at most, and from what size on a value is written as it is. */
const batchSize = 64 * 1024
const large = 16 * 1024

const tlsOptions = ({ authority, chain, key }: Certificate) => ({
  key,
  cert: chain,
  ca: authority,
  minVersion: "TLSv1.3",
  ciphers: "TLS_AES_128_GCM_SHA256",
  rejectUnauthorized: true
} as const)

const listen = async (
  certificate: Certificate | undefined,
  onSocket: (socket: Net.Socket) => void
): Promise<number> => {
  const server = certificate === undefined
    ? Net.createServer({ noDelay: true }, onSocket)
    : Tls.createServer({ ...tlsOptions(certificate), requestCert: true, noDelay: true }, onSocket)
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return (server.address() as Net.AddressInfo).port
}

const dial = async (port: number, certificate: Certificate | undefined): Promise<Net.Socket> => {
  const socket = Net.connect({ host: "127.0.0.1", port, noDelay: true })
  await once(socket, "connect")
  if (certificate === undefined) return socket
  const secure = Tls.connect({ ...tlsOptions(certificate), socket, checkServerIdentity: () => undefined })
  await once(secure, "secureConnect")
  return secure
}

const serve = async ({ certificate, form }: Settings): Promise<Server> => {
  const tally = new Tally()
  const answersEach = form === "requests"
  const address = await listen(certificate, (socket) => {
    const reader = new FrameReader()
    const writer = new FrameWriter()
    let had = 0
    socket.on("error", () => {})
    socket.on("data", (chunk: Buffer) => {
      const before = had
      reader.push(chunk, (bytes, start) => {
        const number = numberAt(bytes, start)
        had++
        tally.add(number)
        if (answersEach) writer.pushNumber(number)
      })
      if (!answersEach && had > before) writer.pushNumber(had)
      if (writer.length > 0) socket.write(writer.take())
    })
  })
  return { address, tally }
}

const oneWay = (socket: Net.Socket): (sending: Sending) => Promise<void> => {
  const reader = new FrameReader()
  const writer = new FrameWriter()
  let sent = 0
  let acknowledged = 0
  let onAcknowledged = () => {}
  socket.on("data", (chunk: Buffer) => {
    reader.push(chunk, (bytes, start) => {
      acknowledged = numberAt(bytes, start)
    })
    onAcknowledged()
  })
  return ({ count, from, size }) =>
    new Promise((resolve) => {
      const base = sent
      const window = Math.max(1, Math.min(maxInFlight, Math.floor(maxBytesInFlight / size)))
      let isPlanned = false
      const later = () => {
        if (isPlanned) return
        isPlanned = true
        setImmediate(pump)
      }
      const pump = () => {
        isPlanned = false
        if (socket.writableNeedDrain) return
        if (size >= large) {
          socket.cork()
          for (let bytes = 0; bytes < batchSize * 4 && mayGo(); bytes += size) {
            const header = Buffer.allocUnsafe(4)
            header.writeUInt32BE(size)
            socket.write(header)
            socket.write(makeValue(from + sent++ - base, size))
          }
          socket.uncork()
        } else {
          while (writer.length < batchSize && mayGo()) writer.push(makeValue(from + sent++ - base, size))
          if (writer.length > 0) socket.write(writer.take())
        }
        if (mayGo()) later()
      }
      const mayGo = () => sent - base < count && sent - acknowledged < window
      onAcknowledged = () => {
        if (acknowledged - base === count) {
          socket.off("drain", pump)
          resolve()
        } else if (mayGo()) later()
      }
      socket.on("drain", pump)
      pump()
    })
}

const requests = (socket: Net.Socket): Pick<Client, "requests" | "launch"> => {
  const reader = new FrameReader()
  const writer = new FrameWriter()
  let onAnswer: (number: number) => void = () => {}
  let onTurn = () => {}
  socket.on("data", (chunk: Buffer) => {
    reader.push(chunk, (bytes, start) => onAnswer(numberAt(bytes, start)))
    onTurn()
  })
  const waiting = new Map<number, () => void>()
  let isPlanned = false
  return {
    requests: ({ count, from, inFlight, size }, times) =>
      new Promise((resolve) => {
        let sent = 0
        let answered = 0
        const began = new Float64Array(count)
        const pump = () => {
          while (sent < count && sent - answered < inFlight) {
            began[sent] = performance.now()
            writer.push(makeValue(from + sent++, size))
          }
          if (writer.length > 0) socket.write(writer.take())
        }
        onAnswer = (number) => {
          const index = number - from
          times[index] = performance.now() - began[index]!
          answered++
        }
        onTurn = () => answered === count ? resolve() : pump()
        pump()
      }),
    launch: (number, size, done) => {
      onAnswer = (number) => {
        const done = waiting.get(number)
        waiting.delete(number)
        done?.()
      }
      onTurn = () => {}
      waiting.set(number, done)
      writer.push(makeValue(number, size))
      if (isPlanned) return
      isPlanned = true
      // After all that this turn sends.
      process.nextTick(() => {
        isPlanned = false
        socket.write(writer.take())
      })
    }
  }
}

const connect = async ({ certificate, form, to }: Settings): Promise<Client> => {
  const socket = await dial(to as number, certificate)
  return form === "requests" ? requests(socket) : { oneWay: oneWay(socket) }
}

/** Passes frames from one socket to another; who writes faster than the other reads waits. */
const pass = (from: Net.Socket, to: Net.Socket): void => {
  const reader = new FrameReader()
  const writer = new FrameWriter()
  from.on("error", () => {})
  from.on("data", (chunk: Buffer) => {
    reader.push(chunk, (bytes, start, end) => writer.pushPart(bytes, start, end))
    if (writer.length > 0 && !to.write(writer.take())) from.pause()
  })
  to.on("drain", () => from.resume())
}

const forward = async ({ certificate, to }: Settings): Promise<Forwarder> => {
  const address = await listen(certificate, (socket) => {
    socket.pause()
    void dial(to as number, certificate).then((next) => {
      pass(socket, next)
      pass(next, socket)
      socket.resume()
    })
  })
  return { address }
}

export const system: System = { serve, connect, forward }
