/** forwarded: what a process in the middle has to do for each message. */
import { startBroker } from "../Broker.ts"
import { type Facts, type Options, pair } from "../Pair.ts"
import type { Workload } from "../Workload.ts"

const size = 256
const inFlight = 1024
const rate = "messages/s"
const work = "messages/CPU s in the middle"

const figures = ({ cpu, messages, seconds }: Facts) => ({
  [work]: messages / ((cpu["forwarder"] ?? cpu["broker"]!) / 1000),
  [rate]: messages / seconds
})

const contenders: ReadonlyArray<Omit<Options, "figures" | "size">> = [
  { name: "raw relay, one way", system: "raw", forwarder: {} },
  {
    name: "wendy, acknowledged",
    system: "wendy",
    against: "raw relay, one way",
    forwarder: {},
    client: { form: "link" }
  },
  { name: "NATS, publish", system: "nats", against: "raw relay, one way", broker: startBroker },
  {
    name: "raw relay, answered",
    system: "raw",
    server: { form: "requests" },
    client: { form: "requests" },
    forwarder: {},
    inFlight
  },
  {
    name: "wendy, Client, confirmed",
    system: "wendy",
    against: "raw relay, answered",
    forwarder: {},
    client: { form: "client" },
    inFlight
  },
  { name: "NATS, requests", system: "nats", against: "raw relay, answered", broker: startBroker, inFlight }
]

export const forwarded: Workload = {
  name: "forwarded",
  title: `Values of ${size} bytes through one process in the middle`,
  metrics: [{ name: work, better: "more" }, { name: rate, better: "more" }],
  notes: [
    "For NATS the one in the middle is its server, which is written in Go and may use several cores.",
    `Answered: ${inFlight} under way; what comes back goes through the middle, too.`
  ],
  contenders: (extent) => contenders.map((options) => pair({ ...options, size, figures })(extent))
}
