/**
 * options: what a script was told on its command line. `--help` prints how it is used; what it does not know ends it
 * with that and exit code 2.
 */
import { parseArgs, type ParseArgsConfig } from "node:util"

/** Ends the script: it was told something that it cannot do. */
export const refuse = (message: string): never => {
  console.error(message)
  process.exit(2)
}

/** A whole number above zero. */
export const whole = (text: string, name: string): number =>
  /^[1-9][0-9]{0,11}$/.test(text) ? Number(text) : refuse(`--${name} ${text}: give a whole number above zero`)

/** Reads the options, and the names that stand on the command line where a script takes any. */
export const read = <const A extends NonNullable<ParseArgsConfig["options"]>>(
  usage: string,
  options: A,
  allowPositionals = false
) => {
  const help = { type: "boolean", short: "h" } as const
  const parse = () => parseArgs({ allowPositionals, options: { ...options, help } as const })
  try {
    const { positionals, values } = parse()
    if ((values as { readonly help?: boolean }).help !== true) return { positionals, values }
  } catch (error) {
    // The first sentence: the rest explains how to quote.
    return refuse(`${(error as Error).message.split(". ")[0]}\n\n${usage}`)
  }
  console.log(usage)
  return process.exit(0)
}
