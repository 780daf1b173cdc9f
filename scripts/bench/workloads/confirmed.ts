/** confirmed: confirmed messages, many under way, in clear and encrypted. */
import { startBroker } from "../Broker.ts"
import { issue } from "../Certificates.ts"
import { type Facts, type Options, pair, perProcessorSecond } from "../Pair.ts"
import type { Contender, Extent, Workload } from "../Workload.ts"

const size = 256
const inFlight = 512
const form = "requests"
const rate = "messages/s"

const work = "messages/CPU s"

const figures = (facts: Facts) => ({
  [rate]: facts.messages / facts.seconds,
  [work]: perProcessorSecond(facts),
  "p50, ms": facts.p50
})

const raw = "raw socket"
const rawTls = "raw socket, TLS"

const inClear: ReadonlyArray<Omit<Options, "figures" | "size">> = [
  { name: raw, system: "raw", server: { form }, client: { form } },
  { name: "wendy, sendConfirmed", system: "wendy", against: raw },
  { name: "Effect RPC", system: "effectRpc", against: raw },
  { name: "NATS, request", system: "nats", against: raw, broker: startBroker },
  { name: "Moleculer, call", system: "moleculer", against: raw },
  { name: "dht-rpc", system: "dhtRpc", against: raw, mayRepeat: true }
]

const encrypted: ReadonlyArray<Omit<Options, "figures" | "size">> = [
  { name: rawTls, system: "raw", server: { form }, client: { form } },
  { name: "wendy, sendConfirmed, TLS", system: "wendy", against: rawTls }
]

/** Both ends get certificates of one authority when they start. */
const secured = (options: Options, extent: Extent): Contender => {
  const contender = pair(options)(extent)
  return {
    ...contender,
    start: async () => {
      const server = { ...options.server, certificate: await issue("server") }
      const client = { ...options.client, certificate: await issue("client") }
      return pair({ ...options, server, client })(extent).start()
    }
  }
}

export const confirmed: Workload = {
  name: "confirmed",
  title: `Confirmed values of ${size} bytes, one hop, ${inFlight} under way`,
  metrics: [
    { name: rate, better: "more" },
    { name: work, better: "more" },
    { name: "p50, ms", better: "less" }
  ],
  notes: [
    "TLS 1.3 with certificates of both ends and AES-128-GCM; libp2p encrypts with Noise (ChaCha20-Poly1305).",
    "libp2p: many values with one write; echo: each value is sent by itself and comes back as a whole.",
    "The times hold how long a message waits for those before it."
  ],
  contenders: (extent) => [
    ...inClear.map((options) => pair({ ...options, inFlight, size, figures })(extent)),
    ...encrypted.map((options) => secured({ ...options, inFlight, size, figures }, extent)),
    pair({ name: "libp2p, Noise", system: "libp2p", against: rawTls, inFlight, size, figures })(extent),
    pair({
      name: "libp2p, Noise, echo",
      system: "libp2p",
      against: rawTls,
      client: { form: "echo" },
      inFlight,
      size,
      figures
    })(extent)
  ]
}
