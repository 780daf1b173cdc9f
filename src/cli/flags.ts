/**
 * Flags that several commands share.
 *
 * @since 0.1.0
 */
import * as Flag from "effect/cli/Flag"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Address from "../protocol/Address.ts"
import { type ClusterConfig, type Preset, presets } from "../protocol/ClusterConfig.ts"
import * as NodeId from "../ring/NodeId.ts"
import * as Settings from "../Settings.ts"
import { type ProgramError, usage } from "./ProgramError.ts"

/**
 * A switch that is off unless it is given.
 *
 * @category flags
 * @since 0.1.0
 */
export const toggle = (name: string, description: string): Flag.Flag<boolean> =>
  Flag.Boolean(name).pipe(Flag.withoutNegation, Flag.withDefault(false), Flag.withDescription(description))

/**
 * Newline-delimited JSON on standard output, and nothing else.
 *
 * @category flags
 * @since 0.1.0
 */
export const json = toggle("json", "Print newline-delimited JSON on standard output and nothing else")

/**
 * Addresses as `HOST:PORT`; may be given several times.
 *
 * @category flags
 * @since 0.1.0
 */
export const addresses = (name: string, description: string): Flag.Flag<ReadonlyArray<string>> =>
  Flag.String(name).pipe(
    Flag.withMetavar("HOST:PORT"),
    Flag.withDescription(description),
    Flag.filter(
      (text) => Option.isSome(Address.parse(text)),
      () => "HOST:PORT with a port from 1 to 65535, an IPv6 host in brackets"
    ),
    Flag.atLeast(0)
  )

/**
 * A whole number within bounds.
 *
 * @category flags
 * @since 0.1.0
 */
export const int = (
  name: string,
  description: string,
  bounds: { readonly minimum: number; readonly maximum: number }
): Flag.Flag<number> =>
  Flag.Int(name).pipe(
    Flag.withMetavar("N"),
    Flag.withDescription(description),
    Flag.filter(
      (value) => value >= bounds.minimum && value <= bounds.maximum,
      () => `a whole number from ${bounds.minimum} to ${bounds.maximum}`
    )
  )

/**
 * Reads a length of time: `500ms`, `30s`, `2m`, `1h`, or as Effect writes it, `30 seconds`.
 *
 * @category conversions
 * @since 0.1.0
 */
export const parseDuration = (text: string): Option.Option<Duration.Duration> =>
  Settings.parseTime(text).pipe(Option.filter((millis) => millis > 0), Option.map(Duration.millis))

/**
 * An id as 32 hexadecimal digits.
 *
 * @category flags
 * @since 0.1.0
 */
export const id = (description: string): Flag.Flag<NodeId.NodeId> =>
  Flag.String("id").pipe(
    Flag.withMetavar("HEX"),
    Flag.withDescription(description),
    Flag.filterMap(NodeId.fromHex, () => "32 hexadecimal digits")
  )

/**
 * A length of time with its unit.
 *
 * @category flags
 * @since 0.1.0
 */
export const duration = (name: string, description: string): Flag.Flag<Duration.Duration> =>
  Flag.String(name).pipe(
    Flag.withMetavar("DURATION"),
    Flag.withDescription(description),
    Flag.filterMap(parseDuration, () => "a length of time such as 500ms, 30s or 2m")
  )

/**
 * The numbers of a Node: a preset, a file, single ones.
 *
 * @category flags
 * @since 0.1.0
 */
export const settingFlags = {
  preset: Flag.Literals("preset", Object.keys(presets) as ReadonlyArray<Preset>).pipe(
    Flag.withMetavar("NAME"),
    Flag.withDescription("The settings to start from (lan); the same for all Nodes of a cluster"),
    Flag.optional
  ),
  config: Flag.String("config").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("A JSON file with settings, such as {\"lease\": \"10s\", \"maxValueSize\": \"64KiB\"}"),
    Flag.optional
  ),
  set: Flag.String("set").pipe(
    Flag.withMetavar("FIELD=VALUE"),
    Flag.withDescription(
      "One setting, such as lease=10s; may be given several times. Counts before WENDY_LEASE, that before --config"
    ),
    Flag.atLeast(0)
  )
}

/**
 * Puts the settings together that flags, file and environment give.
 *
 * @category conversions
 * @since 0.1.0
 */
export const settings = (flags: {
  readonly preset: Option.Option<Preset>
  readonly config: Option.Option<string>
  readonly set: ReadonlyArray<string>
}): Effect.Effect<ClusterConfig, ProgramError, FileSystem.FileSystem> =>
  Settings.loadForProgram({
    preset: Option.getOrUndefined(flags.preset),
    file: Option.getOrUndefined(flags.config),
    set: flags.set
  }).pipe(Effect.mapError(({ message }) => usage(message)))
