/**
 * Plots: figures as inline SVG, from numbers.
 *
 * Pure functions from data to text. Everything that is not a number is escaped, and a number that is none is left
 * out. Colours are classes, `c0` to `c7`, which the page gives; dashes tell series apart where there are no colours.
 *
 * @since 0.1.0
 */

/**
 * Numbers that belong together.
 *
 * @category models
 * @since 0.1.0
 */
export interface Series {
  readonly name: string
  readonly points: ReadonlyArray<readonly [x: number, y: number]>
  /** Something to compare with: drawn thin, without dots. */
  readonly isReference?: boolean
}

/**
 * An axis.
 *
 * @category models
 * @since 0.1.0
 */
export interface Axis {
  /** What it shows, with its unit. */
  readonly label: string
  /** Distances stand for ratios. All numbers must be more than 0. */
  readonly isLogarithmic?: boolean
  /** Where to write what; round numbers when left out. */
  readonly ticks?: ReadonlyArray<readonly [at: number, text: string]>
  /** It begins there, or before when there is something to show. */
  readonly from?: number
  /** It ends there, or further when there is something to show. */
  readonly atLeast?: number
  /** Its numbers are those of categories: there is room beside the first and the last. */
  readonly isCategorical?: boolean
}

/**
 * A time on the horizontal axis at which something happened.
 *
 * @category models
 * @since 0.1.0
 */
export interface Mark {
  readonly name: string
  readonly from: number
  readonly to: number
}

/**
 * A figure of lines; the vertical axis begins at 0.
 *
 * @category models
 * @since 0.1.0
 */
export interface LinePlot {
  readonly title: string
  readonly note?: string
  readonly x: Axis
  readonly y: Axis
  readonly series: ReadonlyArray<Series>
  readonly marks?: ReadonlyArray<Mark>
}

/**
 * A figure of bars, one group for each category.
 *
 * @category models
 * @since 0.1.0
 */
export interface BarPlot {
  readonly title: string
  readonly note?: string
  readonly x: { readonly label: string; readonly categories: ReadonlyArray<string> }
  readonly y: Axis
  /** A value for each category. */
  readonly series: ReadonlyArray<{ readonly name: string; readonly values: ReadonlyArray<number> }>
  /** On top of each other, not beside each other. */
  readonly isStacked?: boolean
}

/**
 * Text as it stands between tags and in attributes. Characters that no page may hold become a sign for that.
 *
 * @category rendering
 * @since 0.1.0
 */
export const escape = (text: string): string =>
  // oxlint-disable-next-line no-control-regex
  text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu, "\ufffd").replace(
    /[&<>"']/g,
    (character) => `&#${character.charCodeAt(0)};`
  )

/**
 * A number for people: three digits that count, a dash for what is none.
 *
 * @category rendering
 * @since 0.1.0
 */
export const format = (value: number): string => {
  if (!Number.isFinite(value)) return "–"
  const size = Math.abs(value)
  if (size >= 1000) return Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, ",")
  return String(Number(value.toPrecision(3)))
}

/**
 * A figure of lines, or nothing when there is not one number to show.
 *
 * @category rendering
 * @since 0.1.0
 */
export const lines = (plot: LinePlot): string => {
  const series = plot.series.map((one) => ({ ...one, points: one.points.filter(isShowable(plot.x)) }))
    .filter(({ points }) => points.length > 0)
  const measured = series.filter(({ isReference }) => isReference !== true).flatMap(({ points }) => points)
  if (measured.length === 0) return ""
  const all = series.flatMap(({ points }) => points)
  const x = makeScale(plot.x, all.map(([x]) => x), [left, width - right])
  const y = makeScale({ from: 0, ...plot.y }, all.map(([, y]) => y), [height - bottom, top])
  const marks = (plot.marks ?? []).filter(({ from }) => x.holds(from)).map(({ from, name, to }) => {
    const [start, end] = [x.place(from), Math.max(x.place(Math.min(to, x.end)), x.place(from) + 1.5)]
    return `<rect class="mark" x="${px(start)}" y="${top}" width="${px(end - start)}" height="${
      height - top - bottom
    }">` +
      `<title>${escape(name)}</title></rect>`
  })
  const drawn = series.map(({ isReference, name, points }, index) => {
    const places = points.map(([at, value]) => `${px(x.place(at))},${px(y.place(value))}`)
    const line = `<polyline class="${isReference === true ? "reference" : `line c${index % colours}`}" ` +
      `stroke-dasharray="${isReference === true ? "1 3" : dashes[index % dashes.length]}" points="${
        places.join(" ")
      }"/>`
    if (isReference === true || points.length > mostDots) return line
    const dots = points.map(([at, value]) =>
      `<circle class="dot c${index % colours}" cx="${px(x.place(at))}" cy="${px(y.place(value))}" r="3">` +
      `<title>${
        escape([name, `${x.say(at)}: ${format(value)}`].filter((text) => text !== "").join(", "))
      }</title></circle>`
    )
    return line + dots.join("")
  })
  const legend = series.map(({ isReference, name }, index) => ({
    name,
    sample: `<line class="${isReference === true ? "reference" : `line c${index % colours}`}" x1="0" y1="5" x2="24" ` +
      `y2="5" stroke-dasharray="${isReference === true ? "1 3" : dashes[index % dashes.length]}"/>`
  }))
  const markLegend = (plot.marks ?? []).map(({ name }) => ({
    name,
    sample: `<rect class="mark" x="8" y="0" width="8" height="10"/>`
  }))
  return figure(plot, axes(plot.x.label, plot.y.label, x, y, height - bottom) + marks.join("") + drawn.join(""), [
    ...legend,
    ...markLegend
  ])
}

/**
 * A figure of bars, or nothing when there is not one number to show.
 *
 * @category rendering
 * @since 0.1.0
 */
export const bars = (plot: BarPlot): string => {
  const { categories } = plot.x
  const values = plot.series.map((one) => categories.map((_, index) => clean(one.values[index] ?? 0)))
  const isStacked = plot.isStacked === true
  const tops = isStacked
    ? categories.map((_, index) => values.reduce((sum, of) => sum + of[index]!, 0))
    : values.flat()
  if (!tops.some((value) => value > 0)) return ""
  const slot = (width - left - right) / categories.length
  const isCrowded = categories.some((text) => text.length * letter > slot - 4)
  const foot = height - (isCrowded ? tiltedBottom : bottom)
  const y = makeScale({ from: 0, ...plot.y }, tops, [foot, top])
  const centre = (index: number) => left + slot * (index + 0.5)
  const wide = slot * 0.76
  const bar = isStacked ? wide : wide / plot.series.length
  const drawn = values.flatMap((of, index) =>
    of.map((value, at) => {
      if (value <= 0) return ""
      const below = isStacked ? values.slice(0, index).reduce((sum, of) => sum + of[at]!, 0) : 0
      const from = centre(at) - wide / 2 + (isStacked ? 0 : bar * index)
      const [high, low] = [y.place(below + value), y.place(below)]
      const said = [plot.series[index]!.name, `${categories[at]}: ${format(value)}`].filter((text) => text !== "")
      return `<rect class="bar c${index % colours}" x="${px(from)}" y="${px(high)}" width="${
        px(Math.max(bar - 1, 0.5))
      }" ` +
        `height="${px(low - high)}"><title>${escape(said.join(", "))}</title></rect>`
    })
  )
  const x: Scale = {
    place: centre,
    holds: () => true,
    end: categories.length,
    say: (index) => categories[index]!,
    ticks: categories.map((text, index) => [index, isCrowded && text.length > 16 ? `${text.slice(0, 15)}…` : text])
  }
  const legend = plot.series.map(({ name }, index) => ({
    name,
    sample: `<rect class="bar c${index % colours}" x="6" y="0" width="12" height="10"/>`
  }))
  return figure(plot, axes(plot.x.label, plot.y.label, x, y, foot) + drawn.join(""), legend)
}

// -----------------------------------------------------------------------------
// internals
// -----------------------------------------------------------------------------

const width = 640
const height = 340
const left = 64
const right = 18
const top = 12
const bottom = 52
/** Where labels are written aslant. */
const tiltedBottom = 96
/** Width of a letter of the axes, roughly. */
const letter = 7
const colours = 8
/** One fewer than colours, so that a colour that comes again has other dashes. */
const dashes = ["none", "7 3", "2 3", "9 3 2 3", "5 2", "12 4", "4 2 1 2 1 2"]
/** Points beyond which a line says enough. */
const mostDots = 40

/** A place in the picture, to a tenth. */
const px = (value: number): string => String(Math.round(value * 10) / 10)

const clean = (value: number): number => Number.isFinite(value) ? value : 0

const isShowable = (x: Axis) => ([at, value]: readonly [number, number]): boolean =>
  Number.isFinite(at) && Number.isFinite(value) && (x.isLogarithmic !== true || at > 0)

interface Scale {
  readonly place: (value: number) => number
  readonly holds: (value: number) => boolean
  readonly end: number
  readonly say: (value: number) => string
  readonly ticks: ReadonlyArray<readonly [at: number, text: string]>
}

const makeScale = (
  axis: Axis,
  values: ReadonlyArray<number>,
  [from, to]: readonly [number, number]
): Scale => {
  const isFixed = axis.from !== undefined
  const map = axis.isLogarithmic === true ? Math.log : (value: number) => value
  const given = (axis.ticks ?? []).map(([at]) => at)
  let low = Math.min(...values, ...given, axis.from ?? Number.POSITIVE_INFINITY)
  let high = Math.max(...values, ...given, axis.atLeast ?? Number.NEGATIVE_INFINITY)
  if (axis.isCategorical === true) {
    low -= 0.5
    high += 0.5
  } else if (high === low) {
    // a single value lies in the middle, or at the foot when the axis begins there
    if (!isFixed) low = axis.isLogarithmic === true ? low / 2 : low - 1
    high = axis.isLogarithmic === true ? high * 2 : high + 1
  }
  const step = niceStep((high - low) / 5)
  if (isFixed && axis.atLeast === undefined && to < from) high = Math.ceil(high / step - 1e-9) * step
  const first = Math.ceil(low / step - 1e-9)
  const count = Math.floor(high / step + 1e-9) - first + 1
  const ticks = axis.ticks ??
    Array.from({ length: count }, (_, index) => [(first + index) * step, format((first + index) * step)] as const)
  return {
    place: (value) => from + (map(value) - map(low)) / (map(high) - map(low)) * (to - from),
    holds: (value) => value >= low && value <= high,
    end: high,
    say: (value) => ticks.find(([at]) => at === value)?.[1] ?? format(value),
    ticks
  }
}

/** 1, 2, 2.5 or 5 times a power of ten, at least as large. */
const niceStep = (rough: number): number => {
  const power = 10 ** Math.floor(Math.log10(rough))
  return ([1, 2, 2.5, 5].find((factor) => factor * power >= rough * 0.999) ?? 10) * power
}

const axes = (xLabel: string, yLabel: string, x: Scale, y: Scale, foot: number): string => {
  const isTilted = foot < height - bottom
  const horizontal = y.ticks.map(([at, text]) => {
    const place = px(y.place(at))
    return `<line class="grid" x1="${left}" y1="${place}" x2="${width - right}" y2="${place}"/>` +
      `<text x="${left - 6}" y="${place}" dy="4" text-anchor="end">${escape(text)}</text>`
  })
  const vertical = x.ticks.map(([at, text]) => {
    const place = px(x.place(at))
    const tilt = isTilted ? ` text-anchor="end" transform="rotate(-30 ${place} ${foot + 14})"` : ` text-anchor="middle"`
    return `<line class="axis" x1="${place}" y1="${foot}" x2="${place}" y2="${foot + 4}"/>` +
      `<text x="${place}" y="${foot + 16}"${tilt}>${escape(text)}</text>`
  })
  return horizontal.join("") + vertical.join("") +
    `<line class="axis" x1="${left}" y1="${foot}" x2="${width - right}" y2="${foot}"/>` +
    `<text class="label" x="${px((left + width - right) / 2)}" y="${height - 6}" text-anchor="middle">` +
    `${escape(xLabel)}</text>` +
    `<text class="label" x="14" y="${px((top + foot) / 2)}" text-anchor="middle" ` +
    `transform="rotate(-90 14 ${px((top + foot) / 2)})">${escape(yLabel)}</text>`
}

const figure = (
  { note, title }: { readonly title: string; readonly note?: string },
  drawing: string,
  legend: ReadonlyArray<{ readonly name: string; readonly sample: string }>
): string => {
  const named = legend.filter(({ name }) => name !== "")
  const items = named.map(({ name, sample }) =>
    `<li><svg class="sample" viewBox="0 0 24 10" width="24" height="10" aria-hidden="true">${sample}</svg>${
      escape(name)
    }</li>`
  )
  return `<figure><figcaption><h3>${escape(title)}</h3>${
    note === undefined ? "" : `<p>${escape(note)}</p>`
  }</figcaption>` +
    `<svg class="plot" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(title)}">${drawing}</svg>` +
    (items.length === 0 ? "" : `<ul class="legend">${items.join("")}</ul>`) +
    "</figure>\n"
}
