/**
 * Mitm: who stands between one client and a Node on real sockets, hears every byte, and changes some.
 *
 * Where it does so is counted in bytes from the beginning, for in which chunks they come is nobody's choice.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Net from "node:net"
import type { Rng } from "../../src/simulation/Rng.ts"
import * as Mutation from "./Mutation.ts"

type Side = "dialler" | "acceptor"

/** What one end says, from a place on: what is left of it, and what becomes of the connection. */
interface Change {
  readonly bytes: (heard: Uint8Array) => Uint8Array
  /** What follows is passed on, is lost, or becomes noise. */
  readonly after: "passed on" | "lost" | "noise"
  readonly ending?: "end" | "reset"
}

export interface Plan {
  readonly from: Side
  /** The first byte that is not as it was. */
  readonly at: number
  readonly how: string
  readonly change: Change
}

export interface Passage {
  /** Where to dial. */
  readonly port: number
  /** All that the dialler has said. */
  readonly heard: () => Uint8Array
  /** Whether the place has been reached. */
  readonly hasMeddled: () => boolean
}

const hows: { readonly [how: string]: (rng: Rng) => Change } = {
  altered: (rng) => {
    const bits = Array.from({ length: 1 + rng.below(4) }, () => 1 + rng.below(255))
    return { bytes: (heard) => heard.map((byte, index) => byte ^ (bits[index] ?? 0)), after: "passed on" }
  },
  "left out": (rng) => {
    const count = 1 + rng.below(rng.happens(0.5) ? 4 : 600)
    return { bytes: (heard) => heard.subarray(count), after: "passed on" }
  },
  "put in": (rng) => {
    const more = Mutation.randomBytes(rng, 1 + rng.below(rng.happens(0.5) ? 8 : 40_000))
    return { bytes: (heard) => Mutation.joined(more, heard), after: "passed on" }
  },
  repeated: (rng) => {
    const count = 1 + rng.below(2_000)
    return { bytes: (heard) => Mutation.joined(heard.subarray(0, count), heard), after: "passed on" }
  },
  "another order": (rng) => {
    const count = 1 + rng.below(600)
    return { bytes: (heard) => Mutation.joined(heard.subarray(count), heard.subarray(0, count)), after: "passed on" }
  },
  noise: () => ({ bytes: (heard) => heard.map((byte, index) => byte ^ (0xA5 + index * 7)), after: "noise" }),
  "held back": () => ({ bytes: () => new Uint8Array(0), after: "lost" }),
  ended: () => ({ bytes: () => new Uint8Array(0), after: "lost", ending: "end" }),
  reset: () => ({ bytes: () => new Uint8Array(0), after: "lost", ending: "reset" })
}

/** Where in a stream: at its beginning, in what TLS says first (with ML-KEM-768 nearly two kilobytes), or behind it. */
const drawPlace = (rng: Rng): number => rng.below(rng.pick([12, 200, 2_000, 4_000]))

export const draw = (rng: Rng): Plan => {
  const how = rng.pick(Object.keys(hows))
  return {
    from: rng.happens(0.6) ? "dialler" : "acceptor",
    at: drawPlace(rng),
    how,
    change: hows[how]!(rng)
  }
}

/** Lets one connection through to a port; all of it is gone with the scope. */
export const open = (port: number, plan?: Plan): Effect.Effect<Passage, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<{ readonly passage: Passage; readonly close: () => void }>((resume) => {
        const said: Array<Uint8Array> = []
        const sockets: Array<Net.Socket> = []
        let hasMeddled = false
        const connect = (accepted: Net.Socket) => {
          const dialled = Net.connect({ host: "127.0.0.1", port, allowHalfOpen: true })
          sockets.push(accepted, dialled)
          const breakOff = () => sockets.forEach((socket) => socket.resetAndDestroy())
          for (const from of ["dialler", "acceptor"] as const) {
            const [end, other] = from === "dialler" ? [accepted, dialled] : [dialled, accepted]
            let passed = 0
            const pass = (bytes: Uint8Array) => {
              if (bytes.length > 0 && other.writable) other.write(bytes)
            }
            end.setNoDelay()
            end.on("data", (chunk: Buffer) => {
              if (from === "dialler") said.push(chunk)
              const begin = passed
              passed += chunk.length
              if (plan === undefined || plan.from !== from || passed <= plan.at) return pass(chunk)
              const { after, bytes, ending } = plan.change
              if (begin > plan.at) {
                if (after === "passed on") pass(chunk)
                if (after === "noise") pass(bytes(chunk))
                return
              }
              hasMeddled = true
              pass(chunk.subarray(0, plan.at - begin))
              pass(bytes(chunk.subarray(plan.at - begin)))
              if (ending === "end") other.end()
              if (ending === "reset") breakOff()
            })
            end.on("end", () => other.end())
            // An "error" without a listener ends the process.
            end.on("error", () => end.destroy())
            end.once("close", (hadError) => hadError ? other.resetAndDestroy() : other.destroySoon())
          }
        }
        const server = Net.createServer({ allowHalfOpen: true }, connect)
        server.maxConnections = 1
        server.listen(0, "127.0.0.1", () => {
          const passage = {
            port: (server.address() as Net.AddressInfo).port,
            heard: () => Mutation.joined(...said),
            hasMeddled: () => hasMeddled
          }
          const close = () => {
            server.close()
            sockets.forEach((socket) => socket.destroy())
          }
          resume(Effect.succeed({ passage, close }))
        })
      }),
      ({ close }) => Effect.sync(close)
    ),
    ({ passage }) => passage
  )
