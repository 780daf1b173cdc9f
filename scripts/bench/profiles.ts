/** profiles: where the processes of a run spent their time, by the function, without what it called. */
import * as Fs from "node:fs"
import * as Path from "node:path"

interface Profile {
  readonly nodes: ReadonlyArray<{
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  }>
  readonly samples: ReadonlyArray<number>
  readonly timeDeltas: ReadonlyArray<number>
}

/** Functions of each process that are printed. */
const printed = 15

const root = new URL("../../", import.meta.url).href

export const summarize = (folder: string): void => {
  for (const file of Fs.readdirSync(folder).filter((name) => name.endsWith(".cpuprofile")).sort()) {
    const profile: Profile = JSON.parse(Fs.readFileSync(Path.join(folder, file), "utf8"))
    const names = new Map(profile.nodes.map(({ callFrame, id }) => {
      const place = callFrame.url.replace(root, "").replace(/^.*node_modules\//, "")
      const name = callFrame.functionName === "" ? "(anonymous)" : callFrame.functionName
      return [id, place === "" ? name : `${name} ${place}:${callFrame.lineNumber + 1}`] as const
    }))
    const times = new Map<string, number>()
    let total = 0
    profile.samples.forEach((id, index) => {
      const name = names.get(id)!
      if (name === "(idle)") return
      const spent = profile.timeDeltas[index]!
      total += spent
      times.set(name, (times.get(name) ?? 0) + spent)
    })
    console.log(`\n${file}: ${(total / 1e6).toFixed(1)} s of work`)
    for (const [name, spent] of [...times].sort(([, x], [, y]) => y - x).slice(0, printed)) {
      console.log(`  ${(spent / total * 100).toFixed(1).padStart(5)} %  ${name}`)
    }
  }
}
