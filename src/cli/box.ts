/**
 * A table of two columns in a frame.
 *
 * @since 0.1.0
 */
import { displayWidth } from "effect/cli/CliOutput"
import type { Style } from "./style.ts"

/**
 * A name and a text; `undefined` is a rule between groups.
 *
 * @category models
 * @since 0.1.0
 */
export type Row = readonly [name: string, text: string] | undefined

/**
 * Draws a table.
 *
 * @category rendering
 * @since 0.1.0
 */
export const box = (rows: ReadonlyArray<Row>, style: Style): string => {
  const cells = rows.filter((row) => row !== undefined)
  const [left, right] = [0, 1].map((index) => Math.max(...cells.map((row) => displayWidth(row[index]!)))) as [
    number,
    number
  ]
  const rule = (start: string, middle: string, end: string) =>
    style.dim(start + "─".repeat(left + 2) + middle + "─".repeat(right + 2) + end)
  const pad = (text: string, width: number) => text + " ".repeat(width - displayWidth(text))
  const wall = style.dim("│")
  return [
    rule("┌", "┬", "┐"),
    ...rows.map((row) =>
      row === undefined
        ? rule("├", "┼", "┤")
        : `${wall} ${pad(style.bold(row[0]), left)} ${wall} ${pad(row[1], right)} ${wall}`
    ),
    rule("└", "┴", "┘")
  ].join("\n")
}
