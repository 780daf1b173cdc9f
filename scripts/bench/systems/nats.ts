/**
 * nats: the client of NATS for Node.js, through a nats-server: every message makes two hops.
 *
 * Its strong form: plain publish, which the client batches by itself, and a flush after each window of 1,024: its answer
 * says that the server has had them all; four windows under way. The subscription has a callback, which is quicker than
 * an iterator. Requests go through the one subscription for answers that the client has by default. One connection each.
 */
import { load } from "../Peers.ts"
import { promised, type System, windowed } from "../System.ts"
import { Tally } from "../Tally.ts"
import { makeValue, numberOf } from "../Values.ts"

interface Message {
  readonly data: Uint8Array
  readonly reply?: string
  readonly respond: (data?: Uint8Array) => boolean
}

interface Connection {
  readonly publish: (subject: string, data: Uint8Array) => void
  readonly request: (subject: string, data: Uint8Array, options: { readonly timeout: number }) => Promise<Message>
  readonly flush: () => Promise<void>
  readonly subscribe: (
    subject: string,
    options: { readonly callback: (error: Error | null, message: Message) => void }
  ) => unknown
}

const open = async (port: number): Promise<Connection> => {
  const { connect } = await load<{ connect: (options: unknown) => Promise<Connection> }>("@nats-io/transport-node")
  return connect({ servers: `127.0.0.1:${port}`, noEcho: true })
}

const subject = "values"
const answer = new Uint8Array(4)

export const system: System = {
  serve: async ({ to }) => {
    const tally = new Tally()
    const connection = await open(to as number)
    connection.subscribe(subject, {
      callback: (_, message) => {
        tally.add(numberOf(message.data))
        if (message.reply !== undefined && message.reply !== "") message.respond(answer)
      }
    })
    await connection.flush()
    return { address: to, tally }
  },
  connect: async ({ to }) => {
    const connection = await open(to as number)
    return {
      oneWay: (sending) =>
        windowed(
          sending,
          (number, size) => connection.publish(subject, makeValue(number, size)),
          (number, size) => {
            connection.publish(subject, makeValue(number, size))
            return connection.flush()
          }
        ),
      requests: (requesting, times) =>
        promised(
          requesting,
          times,
          (number, size) => connection.request(subject, makeValue(number, size), { timeout: 20_000 })
        )
    }
  }
}
