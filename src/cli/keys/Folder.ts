/**
 * Folder: where an authority and what it has issued lie, as files.
 *
 * - `ca.crt`: the authority, and behind it the one that it takes over from, as long as both are believed.
 * - `ca.key`: its key. Whoever has it can make any Node.
 * - `ca.crl`: the lists of what was revoked, once something was.
 * - `NAME.crt`, `NAME.key`: what was issued.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import * as Certificates from "../../protocol/Certificates.ts"
import * as SecretFile from "../../SecretFile.ts"
import * as CredentialFiles from "../credentialFiles.ts"
import { notDone, usage } from "../ProgramError.ts"
import type * as Authority from "./Authority.ts"

/** Only its owner may read a key. */
const secretMode = 0o600
const publicMode = 0o644

/**
 * What a file of this name is for certificates of this name.
 *
 * @category conversions
 * @since 0.1.0
 */
export const isName = (name: string): boolean => /^[\w][\w.-]{0,63}$/.test(name) && !name.startsWith("ca.")

/**
 * Reads and writes the files of one folder.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = Effect.fnUntraced(function*(folder: string) {
  const fileSystem = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const at = (file: string) => path.join(folder, file)

  const read = (file: string) =>
    Effect.provideService(CredentialFiles.asUsage(SecretFile.read("file", at(file))), FileSystem.FileSystem, fileSystem)

  /** `undefined` for a file that is not there. */
  const find = (file: string) =>
    Effect.flatMap(
      Effect.orElseSucceed(fileSystem.exists(at(file)), () => false),
      (isThere) => isThere ? read(file) : Effect.undefined
    )

  /** Under another name first: whoever reads meanwhile sees the one or the other, and a full disk spoils nothing. */
  const write = (file: string, text: string, mode: number) =>
    Effect.gen(function*() {
      yield* fileSystem.makeDirectory(folder, { recursive: true })
      const unfinished = `${at(file)}.new`
      yield* fileSystem.remove(unfinished, { force: true })
      yield* fileSystem.writeFileString(unfinished, text, { mode, flag: "wx" })
      yield* fileSystem.rename(unfinished, at(file))
    }).pipe(
      Effect.mapError((error) => notDone(`cannot write ${at(file)} (${error.reason._tag})`))
    )

  return {
    at,
    find,
    /** The authority that issues, and the certificates of all that are believed. */
    authority: Effect.gen(function*() {
      const certificates = yield* find("ca.crt")
      if (certificates === undefined) {
        return yield* usage(`there is no authority in ${folder}: make one with wendy keys init-ca`)
      }
      const [certificate, ...others] = Certificates.split(certificates)
      if (certificate === undefined) return yield* usage(`${at("ca.crt")} is no certificate in PEM`)
      return { pair: { certificate, key: yield* read("ca.key") }, others }
    }),
    /** A certificate that was issued. */
    issued: (name: string) => read(`${name}.crt`),
    writeCertificate: (name: string, text: string) => write(`${name}.crt`, text, publicMode),
    writeKey: (name: string, text: string) => write(`${name}.key`, text, secretMode),
    writeList: (text: string) => write("ca.crl", text, publicMode),
    writePair: (name: string, { certificate, key }: Authority.Pair) =>
      Effect.andThen(write(`${name}.key`, key, secretMode), write(`${name}.crt`, certificate, publicMode))
  }
})
