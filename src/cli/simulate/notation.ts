/**
 * How the flags of a simulation are read, and written again for the command that repeats it.
 *
 * What one of these functions writes the other reads as the same.
 *
 * @since 0.1.0
 */
import * as ByteSize from "effect/ByteSize"
import * as Option from "effect/Option"
import * as Settings from "../../Settings.ts"
import * as Latency from "../../simulation/Latency.ts"
import type * as Simulation from "../../simulation/Simulation.ts"
import type * as Topology from "../../simulation/Topology.ts"

/**
 * A mass failure.
 *
 * @category models
 * @since 0.1.0
 */
export type Failure = NonNullable<Simulation.Options["failure"]>

/**
 * A partition of the network.
 *
 * @category models
 * @since 0.1.0
 */
export type Partition = NonNullable<Simulation.Options["partition"]>

/**
 * Reads a number that is not negative: `0.05`, `1e-3`.
 *
 * @category reading
 * @since 0.1.0
 */
export const readNumber = (text: string): Option.Option<number> =>
  /^\d+(\.\d+)?(e[+-]?\d{1,2})?$/i.test(text) ? Option.some(Number(text)) : Option.none()

/**
 * Reads a whole number that is not negative.
 *
 * @category reading
 * @since 0.1.0
 */
export const readWhole = (text: string): Option.Option<number> =>
  /^\d{1,15}$/.test(text) ? Option.some(Number(text)) : Option.none()

/**
 * Reads a number of bytes, which may have a unit: `1048576`, `1MiB`; 0 is none.
 *
 * @category reading
 * @since 0.1.0
 */
export const readBytes = (text: string): Option.Option<number> =>
  readWhole(text).pipe(
    Option.orElse(() => Option.map(ByteSize.fromString(text), Number)),
    Option.filter((bytes) => bytes > 0 && Number.isSafeInteger(bytes))
  )

/**
 * Reads a time in whole milliseconds: `30s`, `10m`, `2h`, and `0s` too.
 *
 * @category reading
 * @since 0.1.0
 */
export const readTime = (text: string): Option.Option<number> => Option.map(Settings.parseTime(text), Math.round)

/**
 * Writes a time in the largest unit of which it is a whole number.
 *
 * @category writing
 * @since 0.1.0
 */
export const writeTime = (milliseconds: number): string => {
  const unit = timeUnits.find(([, length]) => milliseconds >= length && milliseconds % length === 0)
  return unit === undefined ? `${milliseconds}ms` : `${milliseconds / unit[1]}${unit[0]}`
}

/**
 * Reads values with commas between them; none when one of them is none. What is there twice counts once.
 *
 * @category reading
 * @since 0.1.0
 */
export const readList =
  <A>(read: (text: string) => Option.Option<A>) => (text: string): Option.Option<ReadonlyArray<A>> =>
    Option.map(Option.all(text.split(",").map((item) => read(item.trim()))), (items) => Array.from(new Set(items)))

/**
 * Reads a latency model, as `Latency.parse` does.
 *
 * @category reading
 * @since 0.1.0
 */
export const readLatency = (text: string): Option.Option<Topology.Latency> => {
  const latency = Latency.parse(text)
  return typeof latency === "string" ? Option.none() : Option.some(latency)
}

/**
 * Reads `PART@TIME`: the part is more than 0 and less than 1.
 *
 * @category reading
 * @since 0.1.0
 */
export const readFailure = (text: string): Option.Option<Failure> => {
  const [part, at, ...more] = text.split("@")
  if (at === undefined || more.length > 0) return Option.none()
  return Option.all({
    part: Option.filter(readNumber(part!), (part) => part > 0 && part < 1),
    at: readTime(at)
  })
}

/**
 * Writes a mass failure.
 *
 * @category writing
 * @since 0.1.0
 */
export const writeFailure = ({ at, part }: Failure): string => `${part}@${writeTime(at)}`

/**
 * Reads `A:B@TIME+LENGTH`, or with more parts than two.
 *
 * @category reading
 * @since 0.1.0
 */
export const readPartition = (text: string): Option.Option<Partition> => {
  const match = /^([^@+]+)@([^@+]+)\+([^@+]+)$/.exec(text)
  if (match === null) return Option.none()
  return Option.all({
    parts: Option.filter(Option.all(match[1]!.split(":").map(readPositive)), ({ length }) => length > 1),
    at: readTime(match[2]!),
    lasts: Option.filter(readTime(match[3]!), (lasts) => lasts > 0)
  })
}

/**
 * Writes a partition.
 *
 * @category writing
 * @since 0.1.0
 */
export const writePartition = ({ at, lasts, parts }: Partition): string =>
  `${parts.join(":")}@${writeTime(at)}+${writeTime(lasts)}`

/**
 * Writes an argument so that a shell passes it on as it is.
 *
 * @category writing
 * @since 0.1.0
 */
export const quote = (argument: string): string =>
  /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`

// -----------------------------------------------------------------------------
// internals
// -----------------------------------------------------------------------------

const timeUnits = [["h", 3_600_000], ["m", 60_000], ["s", 1_000]] as const

const readPositive = (text: string): Option.Option<number> => Option.filter(readNumber(text), (number) => number > 0)
