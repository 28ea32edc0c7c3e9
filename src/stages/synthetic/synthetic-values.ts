import { powersOfTen } from '../../mixture/decimals.ts'
import type { Distribution, NormalPart, SyntheticColumn } from './row-spec.ts'
import { standardNormals, type WordSource } from './standard-normals.ts'
import { threefry, unitInterval } from './threefry.ts'

/** Which rows: numbers are a function of these, the column's place and nothing else. */
export interface RowRange {
  /** 32 bits */
  readonly seed: number
  /** below 2^20; a file has no more than 0 */
  readonly partition: number
  /** first row in the partition, counted from 0; below 2^48 */
  readonly firstRow: number
}

/** Draws of one row and column: the number itself, and whether there is one. Redrawn normals take those that follow. */
const valueDraw = 0
const nullDraw = 1

/** Rows whose words are drawn together: both arrays stay in the first-level cache. */
const blockRows = 1024
const first = new Int32Array(blockRows)
const second = new Int32Array(blockRows)

const ranges = {
  int: [-(2 ** 31), 2 ** 31 - 1],
  // Doubles count in ones up to here.
  long: [-(2 ** 53 - 1), 2 ** 53 - 1],
} as const

/** Beyond it a double has nothing, or hardly anything, to be rounded off. */
const wholeFrom = 2 ** 50

/**
 * Fills `out` with a column's numbers of consecutive rows, as the column's type holds them; NaN stands for null.
 *
 * @param column    what to draw
 * @param place     the column's place in its row: another column of the same distribution has other numbers
 * @param out       shape (rows)
 */
export function syntheticValues(column: SyntheticColumn, place: number, range: RowRange, out: Float64Array): void {
  const { distribution, nullRate, type, decimals } = column
  drawers[distribution.kind](distribution as never, place, range, out)
  if (type === 'int' || type === 'long') roundInto(out, ranges[type])
  else if (decimals !== undefined) roundToDecimals(out, decimals)
  if (type === 'float') for (let i = 0; i < out.length; i++) out[i] = Math.fround(out[i])
  if (nullRate > 0) drawNulls(nullRate, place, range, out)
}

type Drawer<K extends Distribution['kind']> = (
  distribution: Extract<Distribution, { kind: K }>,
  place: number,
  range: RowRange,
  out: Float64Array,
) => void

const drawers: { readonly [K in Distribution['kind']]: Drawer<K> } = {
  constant: ({ value }, _place, _range, out) => {
    out.fill(value)
  },
  uniform: ({ low, high }, place, range, out) => {
    drawUniform(place, range, valueDraw, out)
    for (let i = 0; i < out.length; i++) out[i] = low + (high - low) * out[i]
  },
  exponential: ({ mean }, place, range, out) => {
    drawUniform(place, range, valueDraw, out)
    for (let i = 0; i < out.length; i++) out[i] = -mean * Math.log1p(-out[i])
  },
  normal: ({ mean, std }, place, range, out) => {
    drawNormals(place, range, out)
    for (let i = 0; i < out.length; i++) out[i] = mean + std * out[i]
  },
  lognormal: ({ mu, sigma }, place, range, out) => {
    drawNormals(place, range, out)
    for (let i = 0; i < out.length; i++) out[i] = Math.exp(mu + sigma * out[i])
  },
  mixture: ({ parts }, place, range, out) => drawMixture(parts, place, range, out),
}

/** Draws the words of each block of rows and lets `use` make numbers of them: `count` of them from row `from` on. */
function drawBlocks(
  place: number,
  { seed, partition, firstRow }: RowRange,
  draw: number,
  rows: number,
  use: (source: WordSource, from: number, count: number) => void,
): void {
  const key1 = (partition << 12) | place
  for (let from = 0; from < rows; ) {
    const row = firstRow + from
    // The counter's second word is the row's upper 16 bits, and which draw of the row it is.
    const upper = Math.floor(row / 2 ** 32)
    const count = Math.min(blockRows, rows - from, (upper + 1) * 2 ** 32 - row)
    const source = { counter0: row | 0, counter1: (upper << 16) | draw, key0: seed, key1 }
    threefry(source.counter0, source.counter1, seed, key1, first, second, count)
    use(source, from, count)
    from += count
  }
}

function drawUniform(place: number, range: RowRange, draw: number, out: Float64Array): void {
  drawBlocks(place, range, draw, out.length, (_source, from, count) => {
    for (let i = 0; i < count; i++) out[from + i] = unitInterval(first[i], second[i])
  })
}

function drawNormals(place: number, range: RowRange, out: Float64Array): void {
  drawBlocks(place, range, valueDraw, out.length, (source, from, count) =>
    standardNormals(source, first, second, count, out, from),
  )
}

/** The choice of the part has the 24 bits that the normal leaves: a weight is exact to 6e-8. */
const choices = 2 ** 24

function drawMixture(parts: readonly NormalPart[], place: number, range: RowRange, out: Float64Array): void {
  const total = parts.reduce((sum, { weight }) => sum + weight, 0)
  const upTo = Int32Array.from(parts, (_, i) =>
    Math.round((choices * parts.slice(0, i + 1).reduce((sum, { weight }) => sum + weight, 0)) / total),
  )
  // Whatever the sums were rounded to.
  upTo[parts.length - 1] = choices
  // The first part that a choice with this upper byte may be: a search from the first one of all is never guessed
  // right.
  const nearest = Uint16Array.from({ length: 256 }, (_, byte) => upTo.findIndex((end) => end > byte << 16))
  const mean = Float64Array.from(parts, (part) => part.mean)
  const std = Float64Array.from(parts, (part) => part.std)
  drawBlocks(place, range, valueDraw, out.length, (source, from, count) => {
    standardNormals(source, first, second, count, out, from)
    for (let i = 0; i < count; i++) {
      const choice = first[i] >>> 8
      let part = nearest[choice >>> 16]
      while (choice >= upTo[part]) part++
      out[from + i] = mean[part] + std[part] * out[from + i]
    }
  })
}

function drawNulls(nullRate: number, place: number, range: RowRange, out: Float64Array): void {
  drawBlocks(place, range, nullDraw, out.length, (_source, from, count) => {
    for (let i = 0; i < count; i++) if (unitInterval(first[i], second[i]) < nullRate) out[from + i] = Number.NaN
  })
}

function roundInto(out: Float64Array, [lowest, highest]: readonly [number, number]): void {
  for (let i = 0; i < out.length; i++) {
    const value = out[i]
    // Four times as fast as Math.round.
    const whole = Math.abs(value) < wholeFrom ? Math.floor(value + 0.5) : value
    out[i] = Math.min(highest, Math.max(lowest, whole))
  }
}

/** The double next to the decimal fraction: a quotient of two exact numbers is rounded once. */
function roundToDecimals(out: Float64Array, decimals: number): void {
  const power = powersOfTen[decimals]
  for (let i = 0; i < out.length; i++) {
    const units = out[i] * power
    if (Math.abs(units) < wholeFrom) out[i] = Math.floor(units + 0.5) / power
  }
}
