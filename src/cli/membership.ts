/**
 * What one must know, or have, to be let into a cluster: the flags for it, and what they make of files and environment.
 *
 * Secrets come from files, the environment or standard input, never from the command line, which every process of
 * the machine can read. Files that hold them must be readable by their owner alone.
 *
 * @since 0.1.0
 */
import * as Flag from "effect/cli/Flag"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as Credentials from "../protocol/Credentials.ts"
import * as Tcp from "../transport/Tcp.ts"
import * as Tls from "../transport/Tls.ts"
import type { Transport } from "../transport/Transport.ts"
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
    Flag.withDescription("The name of the cluster: ends with different names refuse each other"),
    Flag.withDefault("wendy")
  ),
  passphraseFile: file(
    "passphrase-file",
    "A file with the passphrase of the cluster, or - for standard input (WENDY_PASSPHRASE without it). To replace one " +
      "write both, each on a line: the first is shown, all are accepted"
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
  readonly cluster: string
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
  cluster: "wendy",
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
  readonly credentials: Credentials.Credentials
  readonly transport: Layer.Layer<Transport>
}

/**
 * Reads what the flags name. With credentials everything is encrypted, unless the flags say otherwise.
 *
 * @category conversions
 * @since 0.1.0
 */
export const load = Effect.fnUntraced(function*(
  flags: Flags
): Effect.fn.Return<Membership, ProgramError, FileSystem.FileSystem | Stdio.Stdio> {
  if (Option.isSome(flags.cert) || Option.isSome(flags.privateKey) || flags.ca.length > 0 || flags.crl.length > 0) {
    if (Option.isSome(flags.passphraseFile)) {
      return yield* usage("a passphrase and a certificate: leave one of them out")
    }
    if (flags.clear) return yield* usage("certificates need encryption: leave --clear out")
    return { credentials: yield* loadCertificate(flags), transport: Tls.layer }
  }
  const [own, ...others] = yield* loadPassphrases(flags)
  if (own === undefined) return { credentials: Credentials.none, transport: Tcp.layer }
  if (!flags.clear) return { credentials: Credentials.passphrase([own, ...others]), transport: Tls.layer }
  yield* Console.error("wendy: warning: nothing is encrypted: whoever is on the way reads everything")
  return { credentials: Credentials.passphrase([own, ...others], { allowClear: true }), transport: Tcp.layer }
})

/** Each line is one. */
const loadPassphrases = Effect.fnUntraced(function*({ passphraseFile }: Flags) {
  if (Option.isNone(passphraseFile)) {
    const variable = yield* Effect.orDie(Config.option(Config.Redacted("WENDY_PASSPHRASE")))
    return Option.match(variable, { onNone: () => [], onSome: (text) => linesOf(Redacted.value(text)) })
  }
  const name = passphraseFile.value
  const passphrases = linesOf(name === "-" ? yield* readInput : yield* readSecret("passphrase file", name))
  if (passphrases.length === 0) {
    return yield* usage(`the passphrase file ${name} is empty: write a long passphrase into it`)
  }
  return passphrases
})

const linesOf = (text: string): ReadonlyArray<Redacted.Redacted<string>> =>
  text.split(/\r?\n/).filter((line) => line !== "").map((line) => Redacted.make(line))

const loadCertificate = Effect.fnUntraced(function*({ ca, cert, crl, privateKey }: Flags) {
  if (Option.isNone(cert) || ca.length === 0) {
    return yield* usage("a certificate needs --cert, its private key, and --ca: wendy keys makes them")
  }
  const keyFile = Option.getOrElse(privateKey, () => cert.value.replace(/(\.crt)?$/, ".key"))
  return Credentials.certificate({
    chain: yield* read("certificate", cert.value),
    key: Redacted.make(yield* readSecret("private key", keyFile)),
    authorities: yield* Effect.forEach(ca, (name) => read("authority", name)),
    revocations: yield* Effect.forEach(crl, (name) => read("list of revoked certificates", name))
  })
})

const read = (what: string, name: string) =>
  FileSystem.FileSystem.use(({ readFileString }) => readFileString(name)).pipe(
    Effect.mapError((error) =>
      usage(`cannot read the ${what} ${name} (${error.reason._tag}): name a file that you may read`)
    )
  )

const readInput = Effect.flatMap(Stdio.Stdio, ({ stdin }) =>
  Stream.mkString(Stream.decodeText(stdin)).pipe(
    Effect.mapError(() => usage("the passphrase could not be read from standard input"))
  ))

/** Bits of a file's mode that let others than its owner read or write it. */
const others = 0o077

/** Reads a file that nobody else may read. Pipes have no owner, nor have files of Windows bits for others. */
const readSecret = Effect.fnUntraced(function*(what: string, name: string) {
  const text = yield* read(what, name)
  if (process.platform === "win32") return text
  const { stat } = yield* FileSystem.FileSystem
  const info = yield* Effect.option(stat(name))
  if (Option.isSome(info) && info.value.type === "File" && (info.value.mode & others) !== 0) {
    return yield* usage(`others than its owner may read or write the ${what} ${name}: chmod 600 ${name}`)
  }
  return text
})
