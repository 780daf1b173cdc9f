/**
 * moleculer: Moleculer's services over its TCP transporter, without a broker.
 *
 * Its strong form: the serializer CBOR, which its documentation calls the fastest, and which writes bytes as bytes;
 * addresses told at the start instead of found by UDP; no middleware of its own, no metrics, no tracing, no validation.
 * Requests are calls of an action. One way: events, which nobody acknowledges, and after each window of 1,024 a call;
 * four windows under way.
 */
import { freePort } from "../freePort.ts"
import { load } from "../Peers.ts"
import { promised, type System, windowed } from "../System.ts"
import { Tally } from "../Tally.ts"
import { makeValue, numberOf } from "../Values.ts"

interface Context {
  readonly params: { readonly value: Uint8Array }
}

interface Broker {
  readonly start: () => Promise<void>
  readonly createService: (schema: unknown) => void
  readonly waitForServices: (names: ReadonlyArray<string>, timeout: number) => Promise<void>
  readonly call: (action: string, params: Context["params"]) => Promise<unknown>
  readonly emit: (event: string, params: Context["params"]) => Promise<unknown>
}

const open = async (nodeID: string, port: number, urls: ReadonlyArray<string>): Promise<Broker> => {
  const { ServiceBroker } = (await load<{ default: { ServiceBroker: new(options: unknown) => Broker } }>("moleculer"))
    .default
  return new ServiceBroker({
    nodeID,
    logger: false,
    transporter: {
      type: "TCP",
      options: { udpDiscovery: false, useHostname: false, port, urls, maxPacketSize: 4 * 1024 * 1024 }
    },
    serializer: "CBOR",
    internalServices: false,
    internalMiddlewares: false,
    validator: false,
    metrics: false,
    tracing: false,
    registry: { preferLocal: false }
  })
}

export const system: System = {
  serve: async () => {
    const tally = new Tally()
    const port = await freePort()
    const clientPort = await freePort()
    const urls = [`127.0.0.1:${port}/server`, `127.0.0.1:${clientPort}/client`]
    const broker = await open("server", port, urls)
    const take = ({ params }: Context): void => tally.add(numberOf(params.value))
    broker.createService({ name: "values", actions: { put: take }, events: { "values.put": take } })
    await broker.start()
    return { address: { clientPort, urls }, tally }
  },
  connect: async ({ to }) => {
    const { clientPort, urls } = to as { readonly clientPort: number; readonly urls: ReadonlyArray<string> }
    const broker = await open("client", clientPort, urls)
    await broker.start()
    await broker.waitForServices(["values"], 20_000)
    const request = (number: number, size: number) => broker.call("values.put", { value: makeValue(number, size) })
    return {
      oneWay: (sending) =>
        windowed(
          sending,
          (number, size) => void broker.emit("values.put", { value: makeValue(number, size) }),
          request
        ),
      requests: (requesting, times) => promised(requesting, times, request)
    }
  }
}
