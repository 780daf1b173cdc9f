/**
 * From when to when what is made now is good.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type { Validity } from "./Authority.ts"

/** Clocks that are behind must not take it for one of the future. */
const leeway = 5 * 60_000

const day = 24 * 60 * 60_000

/** Whole seconds: certificates have no others (RFC 5280, section 4.1.2.5). */
const dateOf = (millis: number) => DateTime.toDateUtc(DateTime.makeUnsafe(Math.floor(millis / 1000) * 1000))

/**
 * Good from now on, for so many days.
 *
 * @category constructors
 * @since 0.1.0
 */
export const validFor = (days: number): Effect.Effect<Validity> =>
  Effect.map(Clock.currentTimeMillis, (now) => ({ from: dateOf(now - leeway), until: dateOf(now + days * day) }))
