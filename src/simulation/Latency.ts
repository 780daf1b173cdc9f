/**
 * Latency: a latency model as people write it.
 *
 * `constant:MS`, `uniform:MS-MS`, `plane:MS`, and `regions:NAME,NAME,…:MS,MS,…` with the
 * upper triangle of the matrix, row by row, from the diagonal on. All one way.
 *
 * @since 0.1.0
 */
import type { Latency } from "./Topology.ts"

const forms =
  "constant:MS, uniform:MS-MS, plane:MS or regions:NAME,NAME:MS,MS,MS (one way; of a matrix its upper triangle, row by row)"

const number = (text: string | undefined): number | undefined =>
  text !== undefined && /^[0-9]+(\.[0-9]+)?$/.test(text) ? Number(text) : undefined

const positive = (text: string | undefined): number | undefined => {
  const read = number(text)
  return read === 0 ? undefined : read
}

/** As long as a Node's Region may be, and nothing in it that is read as something else. */
const isRegion = (name: string): boolean => /^[^\s@]{1,64}$/u.test(name)

/**
 * Reads a latency model; a text says what is wrong.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parse = (text: string): Latency | string => {
  const wrong = `"${text}" is no latency model: write ${forms}`
  const [kind, ...rest] = text.split(":")
  switch (kind) {
    case "constant": {
      const delay = positive(rest[0])
      return delay === undefined || rest.length !== 1 ? wrong : { _tag: "constant", delay }
    }
    case "plane": {
      const across = positive(rest[0])
      return across === undefined || rest.length !== 1 ? wrong : { _tag: "plane", across }
    }
    case "uniform": {
      const [shortest, longest] = (rest[0] ?? "").split("-").map(number)
      if (shortest === undefined || longest === undefined || longest === 0 || rest.length !== 1) return wrong
      if ((rest[0] ?? "").split("-").length !== 2) return wrong
      if (longest < shortest) return `"${text}": the longest way is shorter than the shortest`
      return { _tag: "uniform", shortest, longest }
    }
    case "regions": {
      const names = (rest[0] ?? "").split(",")
      const times = (rest[1] ?? "").split(",").map(number)
      if (rest.length !== 2 || !names.every(isRegion) || times.some((time) => time === undefined)) {
        return wrong
      }
      const count = names.length * (names.length + 1) / 2
      if (new Set(names).size < names.length) return `"${text}" names a Region twice`
      if (times.length !== count) {
        return `"${text}": ${names.length} Regions have ${count} ways between and within them, not ${times.length}`
      }
      const matrix = names.map(() => names.map(() => 0))
      let index = 0
      for (let row = 0; row < names.length; row++) {
        for (let column = row; column < names.length; column++) {
          matrix[row]![column] = matrix[column]![row] = times[index++]!
        }
      }
      return { _tag: "regions", names, matrix }
    }
    default:
      return wrong
  }
}

/**
 * Writes a latency model as `parse` reads it.
 *
 * @category parsing
 * @since 0.1.0
 */
export const print = (latency: Latency): string => {
  switch (latency._tag) {
    case "constant":
      return `constant:${latency.delay}`
    case "uniform":
      return `uniform:${latency.shortest}-${latency.longest}`
    case "plane":
      return `plane:${latency.across}`
    case "regions": {
      const { matrix, names } = latency
      return `regions:${names.join(",")}:${names.flatMap((_, row) => matrix[row]!.slice(row)).join(",")}`
    }
  }
}
