/**
 * role: one process of a measurement. It opens the end that it was told to, and then does what it is asked, one answer
 * for each question. It imports nothing more, so that it weighs what its end weighs.
 *
 *   node role.ts MODULE ARGUMENT
 */

/** What an end can be asked. */
export type Functions = { readonly [name: string]: (argument: never) => unknown }

interface Question {
  readonly number: number
  readonly name: string
  readonly argument: unknown
}

const fail = (error: unknown): string => error instanceof Error ? error.stack ?? error.message : String(error)

const functions: { [name: string]: (argument: never) => unknown } = {
  /** Of this process so far, in milliseconds. */
  usage: () => {
    const { system, user } = process.cpuUsage()
    return { cpu: (user + system) / 1000, resident: process.memoryUsage.rss() }
  }
}

process.on("message", ({ argument, name, number }: Question) => {
  const answer = async () => functions[name]!(argument as never)
  answer().then(
    (value) => process.send!({ number, value }),
    (error) => process.send!({ number, error: fail(error) })
  )
})
// Whoever measures has ended.
process.on("disconnect", () => process.exit(0))

try {
  const [, , module, argument] = process.argv
  const { open } = await import(new URL(module!, import.meta.url).href)
  Object.assign(functions, await open(JSON.parse(argument!)))
  process.send!({ number: 0, value: undefined })
} catch (error) {
  process.send!({ number: 0, error: fail(error) })
}
