import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Memory from "../../src/transport/Memory.ts"
import * as Tcp from "../../src/transport/Tcp.ts"
import { makeHarness, passing, realTime } from "../ClusterHarness.ts"
import { applicationContract } from "./applicationContract.ts"

applicationContract(
  "in memory, under TestClock",
  (title, body) =>
    it.effect(
      title,
      () => Effect.scoped(Effect.flatMap(makeHarness(passing), body)).pipe(Effect.provide(Memory.layer))
    )
)

applicationContract(
  "over TCP",
  (title, body) =>
    it.live(title, () => Effect.scoped(Effect.flatMap(makeHarness(realTime), body)).pipe(Effect.provide(Tcp.layer)))
)
