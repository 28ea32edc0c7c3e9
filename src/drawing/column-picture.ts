import { intervalMass } from '../drift/mixture-density.ts'
import { valueCells } from '../drift/value-cells.ts'
import type { ColumnModel } from '../mixture/column-model.ts'
import { modeColour } from './mode-colours.ts'
import { drawnRange, formatNumber } from './model-plot.ts'
import { rowsInCells } from './rows-in-cells.ts'

/** Cells of a picture as wide as a page, and of one within a line of a table. */
export type Cells = 172 | 48

/** numbers below the axis, about */
const labelsWanted = 6
/** in px, from the bottom of the picture: the axis, the numbers of the modes, those of the axis */
const below = { axis: 40, modes: 25, labels: 6 }
/** A label this near to an end of the axis, as a share of it, would leave the picture. */
const nearEnd = 0.04
/** the unit in which heights and places are drawn */
const unit = 1000

/**
 * An SVG element with the rows of a column in grey, its modes in colour, and their sum as a line. Heights are square
 * roots of rows, so that small modes show. It may be as wide as it likes: lines and letters keep their size.
 *
 * Colours are attributes, which a style sheet may replace by the classes `rows`, `sum`, `cut`, `axis` and `label`.
 */
export function columnPicture(column: ColumnModel, attributes: string, height: number): string {
  const range = drawnRange(column)
  if (range === undefined)
    return (
      `<svg ${attributes} height="${height}"><text class="label" x="50%" y="${height / 2}" text-anchor="middle" ` +
      'fill="#5b6675">all values are the same</text></svg>'
    )
  const { low, high } = range
  const share = (value: number) => (value - low) / (high - low)
  const plotHeight = height - below.axis
  const bottom = plotHeight + 0.5
  const isDrawn = (m: number) => m >= low && m <= high
  // Where numbers lie on each other, that of the heaviest mode is on top.
  const byWeight = Array.from(column.mean.keys()).sort((a, b) => column.weight[a] - column.weight[b])
  const names = byWeight
    .filter((k) => isDrawn(column.mean[k]))
    .map((k) => modeName(k, share(column.mean[k]), height - below.modes))
  const labels = roundNumbers(low, high).map((value, i) => {
    const at = share(value)
    const anchor = at < nearEnd ? 'start' : at > 1 - nearEnd ? 'end' : 'middle'
    return (
      `<text class="label${i % 2 === 1 ? ' minor' : ''}" x="${percent(at)}" y="${height - below.labels}" ` +
      `text-anchor="${anchor}" fill="#5b6675">${formatNumber(value)}</text>`
    )
  })
  return [
    `<svg ${attributes} height="${height}">`,
    stretched(column, 172, plotHeight),
    `<line class="axis" x1="0" x2="100%" y1="${bottom}" y2="${bottom}" stroke="#8a94a2"/>`,
    ...names,
    ...labels,
    '</svg>',
  ].join('\n')
}

/** The same without axis and numbers, for a line of a table. */
export function smallPicture(column: ColumnModel, attributes: string, height: number): string {
  return `<svg ${attributes} height="${height}">${stretched(column, 48, height)}</svg>`
}

/** How many modes a picture does not show, since they are far away. */
export function modesOutside(column: ColumnModel): number[] {
  const range = drawnRange(column)
  if (range === undefined) return []
  return column.mean.flatMap((m, k) => (m < range.low || m > range.high ? [k] : []))
}

function modeName(mode: number, at: number, y: number): string {
  return (
    `<circle cx="${percent(at)}" cy="${y - 4}" r="7.5" fill="${modeColour(mode)}"/>` +
    `<text x="${percent(at)}" y="${y}" text-anchor="middle" fill="#0b0f14" font-size="10" font-weight="600">` +
    `${mode}</text>`
  )
}

/** What is stretched to the picture's width: all but letters. */
function stretched(column: ColumnModel, cells: Cells, height: number): string {
  const range = drawnRange(column)
  if (range === undefined) return ''
  const { low, high } = range
  const { weight, mean, std, rows } = column
  const bars = rowsInCells(valueCells(column), low, high, cells)
  const ends = Array.from({ length: cells + 1 }, (_, i) => low + (high - low) * (i / cells))
  const x = (cell: number) => (cell / cells) * unit
  const modes = mean.map((m, k) => {
    const mode = { weight: [1], mean: [m], std: [std[k]] }
    return bars.map((_, i) => rows * weight[k] * intervalMass(mode, ends[i], ends[i + 1]))
  })
  const sum = bars.map((_, i) => modes.reduce((all, mode) => all + mode[i], 0))
  const { peak, cut } = peakOf(bars, sum)
  const y = (count: number) => unit - Math.sqrt(Math.min(1, count / peak)) * 0.97 * unit
  const histogramPath = bars.map((count, i) => `V${at(y(count))}H${at(x(i + 1))}`).join('')
  const width = 'vector-effect="non-scaling-stroke" stroke-width'
  return [
    `<svg viewBox="0 0 ${unit} ${unit}" width="100%" height="${height}" preserveAspectRatio="none" aria-hidden="true">`,
    `<path class="rows" d="M0 ${unit}${histogramPath}V${unit}Z" fill="#d6dce3"/>`,
    ...modes.flatMap((counts, k) => {
      const path = curve(counts.map((count, i) => [x(i + 0.5), y(count)]))
      const colour = modeColour(k)
      return path === ''
        ? []
        : [`<path d="${path}" fill="${colour}" fill-opacity="0.35" stroke="${colour}" ${width}="1.5"/>`]
    }),
    ...(cells === 172
      ? [
          `<path class="sum" d="${line(sum.map((count, i) => [x(i + 0.5), y(count)]))}" fill="none" ` +
            `stroke="#1c2430" ${width}="1"/>`,
        ]
      : []),
    ...cut.map((cell) => {
      const [from, to] = [at(x(cell - 1)), at(x(cell + 2))]
      return `<path class="cut" d="M${from} 110L${to} 70" stroke="#fff" ${width}="3"/>`
    }),
    '</svg>',
  ].join('\n')
}

/** So many cells may be spikes, which are cut off where they would press down all others. */
const mostSpikes = 3
/** Heights of spikes in those of other cells. */
const spikeHeight = 3

/** What modes that are narrower than their rows' bins may add to the height of these. */
const narrowModes = 2

/** The rows of a full height, and the cells that hold more. */
function peakOf(
  bars: readonly number[],
  sum: readonly number[],
): { readonly peak: number; readonly cut: readonly number[] } {
  const highest = bars.toSorted((a, b) => b - a)
  const most = highest[mostSpikes] > 0 ? spikeHeight ** 2 * highest[mostSpikes] : Infinity
  if (highest[0] > most) return { peak: most, cut: bars.flatMap((bar, cell) => (bar > most ? [cell] : [])) }
  return { peak: Math.max(highest[0], Math.min(Math.max(...sum), narrowModes ** 2 * highest[0])), cut: [] }
}

type Point = readonly [x: number, y: number]

/** The area below some points, without those that stand on the ground at both ends; empty if all do. */
function curve(points: readonly Point[]): string {
  const isUp = ([, y]: Point) => y < unit - 0.5
  const first = points.findIndex(isUp)
  if (first < 0) return ''
  const drawn = points.slice(Math.max(0, first - 1), points.findLastIndex(isUp) + 2)
  const [start, end] = [drawn[0][0], drawn[drawn.length - 1][0]]
  return `M${at(start)} ${unit}${drawn.map(([x, y]) => `L${at(x)} ${at(y)}`).join('')}L${at(end)} ${unit}Z`
}

function line(points: readonly Point[]): string {
  return points.map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${at(x)} ${at(y)}`).join('')
}

/** Some multiples of 1, 2 or 5 times a power of ten, within a range. */
function roundNumbers(low: number, high: number): number[] {
  const least = (high - low) / labelsWanted
  const power = 10 ** Math.floor(Math.log10(least))
  const step = power * ([1, 2, 5].find((factor) => factor * power >= least) ?? 10)
  const first = Math.ceil(low / step)
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => (first + i) * step)
}

/** Whole units are a pixel at most. */
function at(place: number): string {
  return String(Math.round(place))
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)}%`
}
