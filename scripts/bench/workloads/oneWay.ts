/** oneWay: values that go one way over one hop, many under way, each acknowledged. */
import { startBroker } from "../Broker.ts"
import { type Facts, type Options, pair, perProcessorSecond } from "../Pair.ts"
import type { Workload } from "../Workload.ts"

const size = 256
const rate = "messages/s"

const work = "messages/CPU s"

const figures = (facts: Facts) => ({
  [rate]: facts.messages / facts.seconds,
  [work]: perProcessorSecond(facts)
})

const contenders: ReadonlyArray<Omit<Options, "figures" | "size">> = [
  { name: "raw socket", system: "raw" },
  {
    name: "wendy, sendAll",
    system: "wendy",
    against: "raw socket",
    server: { form: "onDeliverAll" },
    client: { form: "sendAll" }
  },
  { name: "wendy, send", system: "wendy", against: "raw socket", client: { form: "send" } },
  { name: "Effect RPC, requests", system: "effectRpc", against: "raw socket" },
  { name: "Effect RPC, discard", system: "effectRpc", against: "raw socket", client: { form: "discard" } },
  { name: "NATS, publish", system: "nats", against: "raw socket", broker: startBroker },
  { name: "libp2p, one stream", system: "libp2p", against: "raw socket" },
  { name: "Moleculer, events", system: "moleculer", against: "raw socket" },
  { name: "dht-rpc, requests", system: "dhtRpc", against: "raw socket", mayRepeat: true }
]

export const oneWay: Workload = {
  name: "one-way",
  title: `Values of ${size} bytes one way, one hop, many under way, acknowledged`,
  metrics: [{ name: rate, better: "more" }, { name: work, better: "more" }],
  notes: [
    "sendAll: 1,024 messages a call, and an application with onDeliverAll; send: one Effect a message, and onDeliver.",
    "From the first send until the last value is counted at the receiver and acknowledged at the sender.",
    "NATS makes two hops, through its server. libp2p encrypts; the others here do not."
  ],
  contenders: (extent) => contenders.map((options) => pair({ ...options, size, figures })(extent))
}
