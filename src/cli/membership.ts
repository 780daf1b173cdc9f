/**
 * What one must know, or have, to be let into a cluster: the flags for it, and what they make of files and environment.
 *
 * Secrets come from files, the environment or standard input, never from the command line, which every process of
 * the machine can read. Files that hold them must be readable by their owner alone.
 *
 * @since 0.1.0
 */
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Stdio from "effect/Stdio"
import * as Environment from "../Environment.ts"
import type { WendyConfigError } from "../protocol/ClusterConfig.ts"
import * as Credentials from "../protocol/Credentials.ts"
import * as SecretFile from "../SecretFile.ts"
import * as Tcp from "../transport/Tcp.ts"
import * as Tls from "../transport/Tls.ts"
import type { Transport } from "../transport/Transport.ts"
import { asUsage, readInput } from "./credentialFiles.ts"
import { type ProgramError, usage } from "./ProgramError.ts"

const file = (name: string, description: string): Flag.Flag<string> =>
  Flag.String(name).pipe(Flag.withMetavar("FILE"), Flag.withDescription(description))

const privateKey = file(
  "private-key",
  "Its private key, in PEM (the file of --cert with .key in place of .crt if left out)"
)

/**
 * The flags.
 *
 * @category flags
 * @since 0.1.0
 */
export const flags = {
  cluster: Flag.String("cluster").pipe(
    Flag.withMetavar("NAME"),
    Flag.withDescription(
      "The name of the cluster (WENDY_CLUSTER, or wendy): ends with different names refuse each other"
    ),
    Flag.optional
  ),
  passphraseFile: file(
    "passphrase-file",
    "A file with the passphrase of the cluster, or - for standard input (without it WENDY_PASSPHRASE_FILE, or the " +
      "passphrase itself in WENDY_PASSPHRASE). To replace one write both, each on a line: the first is shown, all are " +
      "accepted"
  ).pipe(Flag.optional),
  cert: file("cert", "The certificate of this end, in PEM").pipe(Flag.optional),
  privateKey: privateKey.pipe(Flag.withAlias("key"), Flag.optional),
  ca: file("ca", "Authorities that are believed, in PEM; may be given several times").pipe(Flag.atLeast(0)),
  crl: file("crl", "Lists of revoked certificates, in PEM; may be given several times").pipe(Flag.atLeast(0)),
  clear: Flag.Boolean("clear").pipe(
    Flag.withoutNegation,
    Flag.withDefault(false),
    Flag.withDescription("Do not encrypt, in spite of a passphrase: everybody on the way reads everything")
  )
}

/**
 * The flags for a command that has another `--key`.
 *
 * @category flags
 * @since 0.1.0
 */
export const flagsBesideKey = { ...flags, privateKey: privateKey.pipe(Flag.optional) }

/**
 * What the flags say.
 *
 * @category models
 * @since 0.1.0
 */
export interface Flags {
  readonly cluster: Option.Option<string>
  readonly passphraseFile: Option.Option<string>
  readonly cert: Option.Option<string>
  readonly privateKey: Option.Option<string>
  readonly ca: ReadonlyArray<string>
  readonly crl: ReadonlyArray<string>
  readonly clear: boolean
}

/**
 * No flag at all.
 *
 * @category constants
 * @since 0.1.0
 */
export const unsaid: Flags = {
  cluster: Option.none(),
  passphraseFile: Option.none(),
  cert: Option.none(),
  privateKey: Option.none(),
  ca: [],
  crl: [],
  clear: false
}

/**
 * How a command meets the cluster.
 *
 * @category models
 * @since 0.1.0
 */
export interface Membership {
  readonly cluster: string
  readonly credentials: Credentials.Credentials
  readonly transport: Layer.Layer<Transport>
  /** What the environment says beyond that. */
  readonly environment: Environment.Environment
}

/**
 * Reads what the flags name, and what the environment says where they say nothing. With credentials everything is
 * encrypted, unless the flags say otherwise.
 *
 * @category conversions
 * @since 0.1.0
 */
export const load = Effect.fnUntraced(function*(
  flags: Flags
): Effect.fn.Return<Membership, ProgramError, FileSystem.FileSystem | Stdio.Stdio> {
  const environment = yield* readEnvironment
  const cluster = Option.getOrElse(
    Option.orElse(flags.cluster, () => Environment.text(environment, "cluster")),
    () => "wendy"
  )
  const common = { cluster, environment }
  if (Option.isSome(flags.cert) || Option.isSome(flags.privateKey) || flags.ca.length > 0 || flags.crl.length > 0) {
    if (Option.isSome(flags.passphraseFile)) {
      return yield* usage("a passphrase and a certificate: leave one of them out")
    }
    if (flags.clear) return yield* usage("certificates need encryption: leave --clear out")
    return { ...common, credentials: yield* loadCertificate(flags), transport: Tls.layer }
  }
  const passphrases = yield* loadPassphrases(flags, environment)
  if (Option.isNone(passphrases)) return { ...common, credentials: Credentials.none, transport: Tcp.layer }
  if (!flags.clear) return { ...common, credentials: Credentials.passphrase(passphrases.value), transport: Tls.layer }
  yield* Console.error("wendy: warning: nothing is encrypted: whoever is on the way reads everything")
  return {
    ...common,
    credentials: Credentials.passphrase(passphrases.value, { allowClear: true }),
    transport: Tcp.layer
  }
})

/**
 * The environment, without names that nobody can have meant.
 *
 * @category conversions
 * @since 0.1.0
 */
export const readEnvironment: Effect.Effect<Environment.Environment, ProgramError> = Effect.mapError(
  Effect.tap(Environment.read, Environment.check),
  ({ message }) => usage(message)
)

/**
 * Refuses a secret in the environment that is none, where a command needs no secret itself.
 *
 * @category checks
 * @since 0.1.0
 */
export const checkEnvironment: Effect.Effect<void, ProgramError> = Effect.flatMap(
  readEnvironment,
  (environment) => Effect.asVoid(Effect.mapError(Environment.passphrase(environment), toUsage))
)

/** Of a flag, or else of the environment: each line is one. */
const loadPassphrases = Effect.fnUntraced(function*({ passphraseFile }: Flags, environment: Environment.Environment) {
  if (Option.isNone(passphraseFile)) return yield* asUsage(Environment.passphrases(environment))
  if (passphraseFile.value !== "-") return Option.some(yield* asUsage(SecretFile.readPassphrases(passphraseFile.value)))
  const text = yield* readInput("the passphrase")
  return Option.some(yield* asUsage(SecretFile.parsePassphrases(text, "the passphrase")))
})

const toUsage = ({ message }: WendyConfigError): ProgramError => usage(message)

const loadCertificate = Effect.fnUntraced(function*({ ca, cert, crl, privateKey }: Flags) {
  if (Option.isNone(cert) || ca.length === 0) {
    return yield* usage("a certificate needs --cert, its private key, and --ca: wendy keys makes them")
  }
  const keyFile = Option.getOrElse(privateKey, () => cert.value.replace(/(\.crt)?$/, ".key"))
  return Credentials.certificate({
    chain: yield* asUsage(SecretFile.read("certificate", cert.value)),
    key: Redacted.make(yield* asUsage(SecretFile.readSecret("private key", keyFile))),
    authorities: yield* Effect.forEach(ca, (name) => asUsage(SecretFile.read("authority", name))),
    revocations: yield* Effect.forEach(crl, (name) => asUsage(SecretFile.read("list of revoked certificates", name)))
  })
})
