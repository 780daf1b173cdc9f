/**
 * The command `wendy keys`: certificates for a cluster.
 *
 * @since 0.1.0
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { TerminalCapabilities } from "effect/cli/TerminalCapabilities"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { X509Certificate } from "node:crypto"
import * as Certificates from "../protocol/Certificates.ts"
import type * as NodeId from "../ring/NodeId.ts"
import * as SecretFile from "../SecretFile.ts"
import { asUsage } from "./credentialFiles.ts"
import { id, int, json, toggle } from "./flags.ts"
import type * as Authority from "./keys/Authority.ts"
import * as Folder from "./keys/Folder.ts"
import { validFor } from "./keys/validity.ts"
import * as Membership from "./membership.ts"
import { missingPackage } from "./missingPackage.ts"
import { jsonLine, Output } from "./Output.ts"
import { notDone, usage } from "./ProgramError.ts"
import * as Style from "./style.ts"

const folder = Flag.String("dir").pipe(
  Flag.withMetavar("FOLDER"),
  Flag.withDescription("Where the authority and what it issues lie (here)"),
  Flag.filter((text) => text.trim() !== "", () => "a folder"),
  Flag.withDefault(".")
)

const daysOf = (days: number, what: string) =>
  int("days", `How long ${what} is good, in days (${days})`, { minimum: 1, maximum: 36_500 }).pipe(
    Flag.withDefault(days)
  )

const names = Argument.String("name").pipe(
  Argument.withDescription("What the files of a certificate are called, and the name in it"),
  Argument.filter(Folder.isName, () => "letters, digits, dots, hyphens and underscores, at most 64"),
  Argument.atLeast(1)
)

const initCa = Command.make("init-ca", {
  folder,
  name: Flag.String("name").pipe(
    Flag.withMetavar("TEXT"),
    Flag.withDescription("What the authority is called (wendy)"),
    Flag.filter((text) => text.length > 0 && text.length <= 64, () => "1 to 64 characters"),
    Flag.withDefault("wendy")
  ),
  days: daysOf(3650, "the authority")
}, (flags) => Effect.andThen(Membership.checkEnvironment, runInit(flags))).pipe(
  Command.withShortDescription("Make an authority"),
  Command.withDescription(
    "Makes the authority of a cluster: ca.crt, which every end is given, and ca.key, which belongs on no Node."
  ),
  Command.withExamples([{ command: "wendy keys init-ca", description: "An authority for ten years" }])
)

const issue = Command.make("issue", {
  names,
  folder,
  client: toggle("client", "For clients only: no Node can be run with it"),
  id: id("The id of the Node, 32 hexadecimal digits (that of its key if left out)").pipe(Flag.optional),
  region: Flag.String("region").pipe(
    Flag.withMetavar("NAME"),
    Flag.withDescription("The only Region that the Node may be in (any if left out)"),
    Flag.optional
  ),
  days: daysOf(365, "a certificate"),
  json
}, (flags) => Effect.andThen(Membership.checkEnvironment, runIssue(flags))).pipe(
  Command.withShortDescription("Issue certificates"),
  Command.withDescription(
    "Issues a certificate for each name: NAME.crt and NAME.key. Issued again, a name keeps its key, and a Node its id " +
      "and Region."
  ),
  Command.withExamples([
    { command: "wendy keys issue one two three", description: "Certificates for three Nodes" },
    { command: "wendy keys issue --client operator", description: "One for wendy send, ring and route" }
  ])
)

const inspect = Command.make("inspect", {
  files: Argument.String("file").pipe(
    Argument.withDescription("Certificates in PEM"),
    Argument.atLeast(1)
  ),
  json
}, (flags) => Effect.andThen(Membership.checkEnvironment, runInspect(flags))).pipe(
  Command.withShortDescription("Show what certificates say"),
  Command.withDescription("Shows for whom certificates are, and how long they are good."),
  Command.withExamples([{ command: "wendy keys inspect ca.crt one.crt", description: "Show two" }])
)

const revoke = Command.make("revoke", {
  names,
  folder,
  days: daysOf(3650, "the list")
}, (flags) => Effect.andThen(Membership.checkEnvironment, runRevoke(flags))).pipe(
  Command.withShortDescription("Take certificates back"),
  Command.withDescription(
    "Puts certificates on the list ca.crl. Give it to every end with --crl; Nodes read it again on SIGHUP."
  ),
  Command.withExamples([{ command: "wendy keys revoke two", description: "Take one back" }])
)

const rotate = Command.make("rotate", {
  folder,
  finish: toggle("finish", "Forget the authority from before"),
  days: daysOf(3650, "the new authority")
}, (flags) => Effect.andThen(Membership.checkEnvironment, runRotate(flags))).pipe(
  Command.withShortDescription("Replace the authority, without a break"),
  Command.withDescription(
    "Makes a new authority; ca.crt holds both. Give it to every end (Nodes read it again on SIGHUP), then issue all " +
      "certificates again and give these out, then rotate --finish and give out ca.crt once more."
  ),
  Command.withExamples([
    { command: "wendy keys rotate", description: "Begin" },
    { command: "wendy keys rotate --finish", description: "End" }
  ])
)

/**
 * The command.
 *
 * @category commands
 * @since 0.1.0
 */
export const keys = Command.make("keys").pipe(
  Command.withShortDescription("Make certificates for a cluster"),
  Command.withDescription(
    "Makes an authority and certificates, so that nobody joins, listens or takes another's place without one."
  ),
  Command.withSubcommands([initCa, issue, inspect, revoke, rotate]),
  Command.withExamples([
    { command: "wendy keys init-ca", description: "Make an authority" },
    { command: "wendy keys issue one two", description: "Make certificates for two Nodes" },
    {
      command: "wendy node --port 7001 --ca ca.crt --cert one.crt",
      description: "Run the first; its key is in one.key"
    }
  ])
)

// -----------------------------------------------------------------------------
// internals
// -----------------------------------------------------------------------------

/**
 * What makes certificates takes long to load, and stands on packages that nobody else needs: only who makes some waits
 * for it, and has to have them.
 */
const authority = Effect.tryPromise(() => import("./keys/Authority.ts")).pipe(
  Effect.catch(({ cause }) =>
    missingPackage(cause, ["@peculiar/x509", "reflect-metadata"]) === undefined
      ? Effect.die(cause)
      : Effect.fail(notDone(
        "wendy keys needs two packages that are not installed with effect-wendy: npm install @peculiar/x509@^2.2.0 " +
          "reflect-metadata@^0.2.2"
      ))
  )
)

const runInit = Effect.fnUntraced(
  function*(flags: { readonly folder: string; readonly name: string; readonly days: number }) {
    const files = yield* Folder.open(flags.folder)
    for (const file of ["ca.crt", "ca.key"]) {
      if ((yield* files.find(file)) === undefined) continue
      return yield* usage(`${files.at(file)} is there already: replace an authority with wendy keys rotate`)
    }
    const { make } = yield* authority
    const validity = yield* validFor(flags.days)
    yield* files.writePair("ca", yield* Effect.promise(() => make(flags.name, validity)))
    yield* Console.error(
      `wendy: ${files.at("ca.crt")} is for every end; keep ${
        files.at("ca.key")
      } to yourself: whoever has it can make any Node`
    )
  }
)

const runIssue = Effect.fnUntraced(function*(flags: {
  readonly names: ReadonlyArray<string>
  readonly folder: string
  readonly client: boolean
  readonly id: Option.Option<NodeId.NodeId>
  readonly region: Option.Option<string>
  readonly days: number
  readonly json: boolean
}) {
  if (Option.isSome(flags.id) && (flags.client || flags.names.length > 1)) {
    return yield* usage("--id is the id of one Node: name one, and leave --client out")
  }
  if (flags.client && Option.isSome(flags.region)) return yield* usage("clients are in no Region: leave --region out")
  const files = yield* Folder.open(flags.folder)
  const { pair } = yield* files.authority
  const { issue } = yield* authority
  const validity = yield* validFor(flags.days)
  for (const name of flags.names) {
    const key = yield* files.find(`${name}.key`)
    const before = yield* files.find(`${name}.crt`)
    // A Node whose certificate is renewed stays who it is.
    const holder = before === undefined ? undefined : Certificates.read(before)
    if (before !== undefined && key === undefined) {
      return yield* usage(`${files.at(`${name}.key`)} is missing: give it back, or take ${name}.crt away for a new one`)
    }
    const isClient = flags.client || (holder !== undefined && holder.id === undefined)
    const subject: Authority.Subject = {
      name,
      role: isClient ? "client" : "member",
      id: Option.getOrElse(flags.id, () => holder?.id),
      region: Option.getOrElse(flags.region, () => holder?.region)
    }
    const issued = yield* Effect.tryPromise({
      try: () => issue(pair, subject, validity, key),
      catch: () => usage(`a key in ${flags.folder} is none that can be used: ECDSA over P-256, in PEM`)
    })
    yield* files.writePair(name, issued)
  }
  yield* show(flags.names.map((name) => files.at(`${name}.crt`)), flags.json)
})

const runInspect = (flags: { readonly files: ReadonlyArray<string>; readonly json: boolean }) =>
  show(flags.files, flags.json)

const runRevoke = Effect.fnUntraced(
  function*(flags: { readonly names: ReadonlyArray<string>; readonly folder: string; readonly days: number }) {
    const files = yield* Folder.open(flags.folder)
    const { pair } = yield* files.authority
    const certificates = yield* Effect.forEach(flags.names, files.issued)
    const foreign = flags.names.find((_, index) => !isIssuedBy(certificates[index]!, pair.certificate))
    if (foreign !== undefined) {
      return yield* usage(`${files.at(`${foreign}.crt`)} is not from the authority in ${files.at("ca.crt")}`)
    }
    const { revoke } = yield* authority
    const validity = yield* validFor(flags.days)
    const [own, ...others] = Certificates.split((yield* files.find("ca.crl")) ?? "")
    const list = yield* Effect.promise(() => revoke(pair, certificates, validity, own))
    yield* files.writeList([list, ...others].join(""))
  }
)

const isIssuedBy = (certificate: string, issuer: string): boolean => {
  const authority = new X509Certificate(issuer)
  return Certificates.isReadable(certificate) && new X509Certificate(certificate).verify(authority.publicKey)
}

const runRotate = Effect.fnUntraced(
  function*(flags: { readonly folder: string; readonly finish: boolean; readonly days: number }) {
    const files = yield* Folder.open(flags.folder)
    const { others, pair } = yield* files.authority
    const lists = Certificates.split((yield* files.find("ca.crl")) ?? "")
    if (flags.finish) {
      if (others.length === 0) {
        return yield* usage(`${files.at("ca.crt")} holds one authority: begin with wendy keys rotate`)
      }
      if (lists.length > 0) yield* files.writeList(lists[0]!)
      yield* files.writeCertificate("ca", pair.certificate)
      return
    }
    if (others.length > 0) {
      return yield* usage(`${files.at("ca.crt")} holds two authorities: end the rotation before with --finish`)
    }
    const { make, revoke } = yield* authority
    const validity = yield* validFor(flags.days)
    const name = /CN=([^\n]*)/.exec(new X509Certificate(pair.certificate).subject)?.[1] ?? "wendy"
    const young = yield* Effect.promise(() => make(name, validity))
    // Where there is a list of one authority, every other needs one, or nobody believes it.
    if (lists.length > 0) {
      const list = yield* Effect.promise(() => revoke(young, [], validity))
      yield* files.writeList([list, ...lists].join(""))
    }
    yield* files.writePair("ca-before", pair)
    yield* files.writePair("ca", { certificate: young.certificate + pair.certificate, key: young.key })
  }
)

/** What a certificate says, for people and for programs. */
const show = Effect.fnUntraced(function*(files: ReadonlyArray<string>, isJson: boolean) {
  const output = yield* Output
  const { canColor } = yield* TerminalCapabilities
  const style = Style.make(canColor)
  const now = yield* Clock.currentTimeMillis
  for (const file of files) {
    const text = yield* asUsage(SecretFile.read("certificate", file))
    const parts = Certificates.split(text)
    if (parts.length === 0 || !parts.every(Certificates.isReadable)) {
      return yield* usage(`${file} is no certificate in PEM`)
    }
    for (const part of parts) {
      const certificate = new X509Certificate(part)
      const holder = Certificates.read(part)
      const role = certificate.ca
        ? "authority"
        : holder === undefined
        ? "unknown"
        : holder.id === undefined
        ? "client"
        : "node"
      const { validFromDate: from, validToDate: until } = certificate
      const isGood = from.getTime() <= now && now <= until.getTime()
      const fields = {
        file,
        role,
        name: holder?.name ?? "",
        ...(role === "node" ? { id: holder!.id!.hex } : {}),
        ...(holder?.region === undefined ? {} : { region: holder.region }),
        serial: certificate.serialNumber.toLowerCase(),
        from: from.toISOString(),
        until: until.toISOString(),
        valid: isGood
      }
      yield* output.write(
        isJson
          ? jsonLine({ type: "certificate", ...fields })
          : [
            Style.printable(file),
            role,
            Style.printable(fields.name),
            ...(fields.id === undefined ? [] : [fields.id]),
            ...(fields.region === undefined ? [] : [Style.printable(fields.region)]),
            isGood
              ? `good until ${fields.until.slice(0, 10)}`
              : style.red(`not good: ${fields.from} to ${fields.until}`)
          ].join("  ") + "\n"
      )
    }
  }
})
