/** sequential: confirmed messages, one after another. */
import { startBroker } from "../Broker.ts"
import { type Facts, type Options, pair } from "../Pair.ts"
import type { Workload } from "../Workload.ts"

const size = 256
const form = "requests"

const figures = ({ p50, p99 }: Facts) => ({ "p50, µs": p50 * 1000, "p99, µs": p99 * 1000 })

const contenders: ReadonlyArray<Omit<Options, "figures" | "size">> = [
  { name: "raw socket", system: "raw", server: { form }, client: { form } },
  { name: "wendy, sendConfirmed", system: "wendy", against: "raw socket" },
  { name: "Effect RPC", system: "effectRpc", against: "raw socket" },
  { name: "NATS, request", system: "nats", against: "raw socket", broker: startBroker },
  { name: "libp2p, one stream", system: "libp2p", against: "raw socket" },
  { name: "Moleculer, call", system: "moleculer", against: "raw socket" },
  { name: "dht-rpc", system: "dhtRpc", against: "raw socket", mayRepeat: true }
]

export const sequential: Workload = {
  name: "sequential",
  title: `Confirmed values of ${size} bytes, one hop, one after another`,
  metrics: [{ name: "p50, µs", better: "less" }, { name: "p99, µs", better: "less" }],
  notes: ["NATS makes four hops, there and back through its server. libp2p encrypts; the others here do not."],
  contenders: (extent) => contenders.map((options) => pair({ ...options, inFlight: 1, size, figures })(extent))
}
