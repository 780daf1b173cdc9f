/**
 * Writes the table of all settings into docs/configuration.md, between its two marks. `node scripts/configuration.ts`
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { fields, isWhole, names, presets } from "../src/protocol/ClusterConfig.ts"

const [begin, end] = ["<!-- settings: written by scripts/configuration.ts -->", "<!-- /settings -->"]

export const file = Path.resolve(import.meta.dirname, "..", "docs", "configuration.md")

/** From the largest, so that the first that divides a value is the one to write it with. */
const units = {
  ms: [["d", 86_400_000], ["h", 3_600_000], ["m", 60_000], ["s", 1_000], ["ms", 1]],
  bytes: [["TiB", 2 ** 40], ["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10], ["B", 1]],
  count: [["", 1]]
} as const

/** A value as one may write it in a file or a variable. */
export const format = (value: number, unit: keyof typeof units): string => {
  const [name, size] = units[unit].find(([, size]) => value !== 0 && value % size === 0) ?? ["", 1]
  return name === "" ? String(value) : `${value / size}${name}`
}

// A bar would end the cell, two asterisks would make text slanted.
const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("*", "\\*")

/** The table in Markdown. */
export const renderTable = (): string => {
  const rows = names.map((name) => {
    const field = fields[name]
    const { lan, mspastry, wan } = presets
    const range = `${format(field.minimum, field.unit)} to ${format(field.maximum, field.unit)}`
    const show = (preset: typeof lan) => preset[name] === lan[name] ? "" : format(preset[name], field.unit)
    const cells = [
      `\`${name}\``,
      format(lan[name], field.unit),
      show(wan),
      show(mspastry),
      field.unit === "ms" && isWhole(field) ? `${range}, whole` : range,
      field.meaning,
      field.formula,
      field.cost
    ]
    return `| ${cells.map(cell).join(" | ")} |`
  })
  return [
    "| setting | lan | wan | mspastry | range | what it is | what it follows from | what it costs |",
    "|---|---|---|---|---|---|---|---|",
    ...rows
  ].join("\n")
}

/** A text with the table between its marks brought up to date. */
export const update = (text: string): string => {
  const from = text.indexOf(begin)
  const to = text.indexOf(end)
  if (from === -1 || to < from) throw new Error(`docs/configuration.md needs the marks ${begin} and ${end}`)
  return `${text.slice(0, from)}${begin}\n${renderTable()}\n${text.slice(to)}`
}

if (import.meta.main) {
  Fs.writeFileSync(file, update(Fs.readFileSync(file, "utf8")))
  console.log(`${names.length} settings`)
}
