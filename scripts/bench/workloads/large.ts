/** large: values of 64 KiB. */
import { startBroker } from "../Broker.ts"
import { type Facts, type Options, pair, perProcessorSecond } from "../Pair.ts"
import type { Workload } from "../Workload.ts"

const size = 64 * 1024
const rate = "MB/s"

const work = "MB/CPU s"

const figures = (facts: Facts) => ({
  [rate]: facts.messages * size / 1e6 / facts.seconds,
  [work]: perProcessorSecond(facts) * size / 1e6
})

const contenders: ReadonlyArray<Omit<Options, "figures" | "size">> = [
  { name: "raw socket", system: "raw" },
  { name: "wendy, sendAll", system: "wendy", against: "raw socket" },
  { name: "NATS, publish", system: "nats", against: "raw socket", broker: startBroker },
  { name: "libp2p, one stream", system: "libp2p", against: "raw socket" }
]

export const large: Workload = {
  name: "large",
  title: "Values of 64 KiB one way, one hop, acknowledged",
  metrics: [{ name: rate, better: "more" }, { name: work, better: "more" }],
  notes: ["NATS makes two hops. libp2p encrypts; the others here do not."],
  contenders: (extent) => contenders.map((options) => pair({ ...options, size, figures })(extent))
}
