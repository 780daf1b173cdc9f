/**
 * libp2p: js-libp2p over TCP, with Noise and Yamux.
 *
 * Its strong form: one stream that stays open; frames are gathered and sent with one `send`, and the receiver parses
 * each and answers once a chunk, as the raw socket does. Requests have a form `echo`, too, as its users write them: each
 * value is sent by itself, on an open stream, and what arrives is sent back. (Many protocols of libp2p open a stream for
 * each request, which takes longer.)
 */
import { FrameReader, FrameWriter } from "../Frames.ts"
import { load } from "../Peers.ts"
import type { Client, Server, System } from "../System.ts"
import { Tally } from "../Tally.ts"
import { makeValue, numberAt } from "../Values.ts"

interface Stream {
  readonly send: (bytes: Uint8Array) => boolean
  readonly addEventListener: (
    event: "message" | "drain",
    listener: (event: { readonly data: { readonly subarray: () => Uint8Array } }) => void
  ) => void
  readonly writableNeedsDrain: boolean
}

interface Libp2p {
  readonly getMultiaddrs: () => ReadonlyArray<{ readonly toString: () => string }>
  readonly handle: (protocol: string, handler: (stream: Stream) => void) => Promise<void>
  readonly dialProtocol: (address: unknown, protocol: string) => Promise<Stream>
}

const open = async (listen: ReadonlyArray<string>): Promise<Libp2p> => {
  const { createLibp2p } = await load<{ createLibp2p: (options: unknown) => Promise<Libp2p> }>("libp2p")
  const { tcp } = await load<{ tcp: () => unknown }>("@libp2p/tcp")
  const { noise } = await load<{ noise: () => unknown }>("@chainsafe/libp2p-noise")
  const { yamux } = await load<{ yamux: () => unknown }>("@chainsafe/libp2p-yamux")
  return createLibp2p({
    addresses: { listen },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false }
  })
}

const oneWay = "/bench/one-way"
const requests = "/bench/requests"
const echo = "/bench/echo"

const bytesOf = (data: { readonly subarray: () => Uint8Array }): Buffer => {
  const bytes = data.subarray()
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

const serve = async (): Promise<Server> => {
  const tally = new Tally()
  const libp2p = await open(["/ip4/127.0.0.1/tcp/0"])
  const answer = (answersEach: boolean) => (stream: Stream) => {
    const reader = new FrameReader()
    const writer = new FrameWriter()
    let had = 0
    stream.addEventListener("message", ({ data }) => {
      const before = had
      reader.push(bytesOf(data), (bytes, start) => {
        const number = numberAt(bytes, start)
        had++
        tally.add(number)
        if (answersEach) writer.pushNumber(number)
      })
      if (!answersEach && had > before) writer.pushNumber(had)
      if (writer.length > 0) stream.send(writer.take())
    })
  }
  await libp2p.handle(oneWay, answer(false))
  await libp2p.handle(requests, answer(true))
  await libp2p.handle(echo, (stream) => {
    const reader = new FrameReader()
    stream.addEventListener("message", ({ data }) => {
      const bytes = bytesOf(data)
      reader.push(bytes, (frame, start) => tally.add(numberAt(frame, start)))
      stream.send(bytes)
    })
  })
  return { address: libp2p.getMultiaddrs()[0]!.toString(), tally }
}

const window = 4096
const batchSize = 64 * 1024

const connect = async (address: string, form: string | undefined): Promise<Client> => {
  const libp2p = await open([])
  const { multiaddr } = await load<{ multiaddr: (text: string) => unknown }>("@multiformats/multiaddr")
  const to = multiaddr(address)
  const isEcho = form === "echo"
  const one = await libp2p.dialProtocol(to, oneWay)
  const each = await libp2p.dialProtocol(to, isEcho ? echo : requests)
  const reader = new FrameReader()
  const writer = new FrameWriter()
  let sent = 0
  let acknowledged = 0
  let onAcknowledged = () => {}
  one.addEventListener("message", ({ data }) => {
    reader.push(bytesOf(data), (bytes, start) => {
      acknowledged = numberAt(bytes, start)
    })
    onAcknowledged()
  })
  one.addEventListener("drain", () => onAcknowledged())

  const answers = new FrameReader()
  const questions = new FrameWriter()
  let onAnswer: (number: number) => void = () => {}
  let onTurn = () => {}
  each.addEventListener("message", ({ data }) => {
    answers.push(bytesOf(data), (bytes, start) => onAnswer(numberAt(bytes, start)))
    onTurn()
  })
  each.addEventListener("drain", () => onTurn())

  return {
    oneWay: ({ count, from, size }) =>
      new Promise((resolve) => {
        const base = sent
        const pump = () => {
          while (!one.writableNeedsDrain && sent - base < count && sent - acknowledged < window) {
            while (writer.length < batchSize && sent - base < count && sent - acknowledged < window) {
              writer.push(makeValue(from + sent++ - base, size))
            }
            one.send(writer.take())
          }
        }
        onAcknowledged = () => acknowledged - base === count ? resolve() : pump()
        pump()
      }),
    requests: ({ count, from, inFlight, size }, times) =>
      new Promise((resolve) => {
        let next = 0
        let answered = 0
        const began = new Float64Array(count)
        const pump = () => {
          while (next < count && next - answered < inFlight && !each.writableNeedsDrain) {
            began[next] = performance.now()
            questions.push(makeValue(from + next++, size))
            if (isEcho) each.send(questions.take())
          }
          if (questions.length > 0 && !each.writableNeedsDrain) each.send(questions.take())
        }
        onAnswer = (number) => {
          const index = number - from
          times[index] = performance.now() - began[index]!
          answered++
        }
        onTurn = () => answered === count ? resolve() : pump()
        pump()
      })
  }
}

export const system: System = { serve, connect: ({ form, to }) => connect(to as string, form) }
