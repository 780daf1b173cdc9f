/** Certificates: one authority for a run, and a certificate for each end. */
import * as Authority from "../../src/cli/keys/Authority.ts"
import type { Certificate } from "./System.ts"

const day = 24 * 3600 * 1000

const make = async (): Promise<(name: string) => Promise<Certificate>> => {
  const validity = { from: new Date(Date.now() - day), until: new Date(Date.now() + day) }
  const authority = await Authority.make("bench", validity)
  return async (name) => {
    const subject = { role: "member", name, id: undefined, region: undefined } as const
    const { certificate, key } = await Authority.issue(authority, subject, validity)
    return { key, chain: certificate, authority: authority.certificate }
  }
}

let issuer: ReturnType<typeof make> | undefined

/** A new certificate of the one authority. */
export const issue = async (name: string): Promise<Certificate> => {
  issuer ??= make()
  return (await issuer)(name)
}
