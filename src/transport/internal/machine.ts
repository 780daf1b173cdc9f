/**
 * What the machine knows of names and of its own addresses.
 */
import * as Effect from "effect/Effect"
import * as Dns from "node:dns"
import * as Net from "node:net"
import * as Os from "node:os"
import type { WendyDialError } from "../Transport.ts"
import { makeDialError } from "./netSockets.ts"

/** All addresses of a host, as the machine's resolver has them; those of an address are itself. */
export const resolve = (host: string): Effect.Effect<ReadonlyArray<string>, WendyDialError> =>
  Net.isIP(host) !== 0
    ? Effect.succeed([host])
    : Effect.callback((resume) => {
      Dns.lookup(host, { all: true }, (error, found) => {
        resume(
          error === null
            ? Effect.succeed(found.map(({ address }) => address))
            : Effect.fail(makeDialError({ host, port: 0 }, "BadAddress", error.code))
        )
      })
    })

/** Those of its interfaces but loopback and link-local ones, IPv4 first. */
export const hosts: Effect.Effect<ReadonlyArray<string>> = Effect.sync(() =>
  Object.values(Os.networkInterfaces())
    .flatMap((all) => all ?? [])
    .filter(({ address, internal }) => !internal && !address.startsWith("169.254.") && !/^fe[89ab]/i.test(address))
    .sort((x, y) => x.family.localeCompare(y.family))
    .map(({ address }) => address)
)
