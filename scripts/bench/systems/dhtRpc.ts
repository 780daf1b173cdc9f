/**
 * dhtRpc: dht-rpc, the RPC of the Hyperswarm DHT, over UDP.
 *
 * Its strong form: requests straight to the other node, without a query of the DHT before, to a node that is not
 * firewalled and not ephemeral; replies without a token, which nobody needs here; and room for 1,024 requests, where
 * the default lets 80 go in a window. It knows no message that goes one way: its requests are acknowledged by an empty
 * reply. A reply that is late is asked for again, so a message may come twice.
 */
import { load } from "../Peers.ts"
import { promised, type System } from "../System.ts"
import { Tally } from "../Tally.ts"
import { makeValue, numberOf } from "../Values.ts"

interface Request {
  readonly value: Uint8Array
  readonly reply: (value: Uint8Array | null, options: { readonly token: boolean }) => void
}

interface Dht {
  readonly fullyBootstrapped: () => Promise<void>
  readonly address: () => { readonly port: number }
  readonly on: (event: "request", listener: (request: Request) => void) => void
  readonly request: (
    message: { readonly command: number; readonly value: Uint8Array },
    to: { readonly host: string; readonly port: number }
  ) => Promise<unknown>
}

const open = async (bootstrap: ReadonlyArray<string>): Promise<Dht> => {
  const { default: Dht } = await load<{ default: new(options: unknown) => Dht }>("dht-rpc")
  const dht = new Dht({
    bootstrap,
    host: "127.0.0.1",
    ephemeral: false,
    firewalled: false,
    quickFirewall: false,
    maxWindow: 1024
  })
  await dht.fullyBootstrapped()
  return dht
}

const command = 0

export const system: System = {
  serve: async () => {
    const tally = new Tally()
    const dht = await open([])
    dht.on("request", (request) => {
      tally.add(numberOf(request.value))
      request.reply(null, { token: false })
    })
    return { address: dht.address().port, tally }
  },
  connect: async ({ to }) => {
    const peer = { host: "127.0.0.1", port: to as number }
    const dht = await open([])
    const request = (number: number, size: number) => dht.request({ command, value: makeValue(number, size) }, peer)
    return {
      oneWay: (sending) => promised({ ...sending, inFlight: 1024 }, new Float64Array(sending.count), request),
      requests: (requesting, times) => promised(requesting, times, request)
    }
  }
}
