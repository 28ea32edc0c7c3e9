import type { Distribution, NormalPart, SyntheticColumn } from './row-spec.ts'
import { secondWord, threefry, unitInterval } from './threefry.ts'

/** Which rows: numbers are a function of these, the column's place and nothing else. */
export interface RowRange {
  /** 32 bits */
  readonly seed: number
  /** below 2^20 */
  readonly partition: number
  /** first row in the partition, counted from 0; below 2^48 */
  readonly firstRow: number
}

/** Draws of one row and column: the number itself, and what else has to be decided. */
const valueDraw = 0
const choiceDraw = 1

const ranges = {
  int: [-(2 ** 31), 2 ** 31 - 1],
  // Doubles count in ones up to here.
  long: [-(2 ** 53 - 1), 2 ** 53 - 1],
} as const

/**
 * Fills `out` with a column's numbers of consecutive rows; NaN stands for null.
 *
 * @param column    what to draw
 * @param place     the column's place in its row: another column of the same distribution has other numbers
 * @param out       shape (rows)
 */
export function syntheticValues(column: SyntheticColumn, place: number, range: RowRange, out: Float64Array): void {
  const { distribution, nullRate, type } = column
  drawers[distribution.kind](distribution as never, place, range, out)
  if (type === 'int' || type === 'long') roundInto(out, ranges[type])
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
    drawNormal(place, range, out)
    for (let i = 0; i < out.length; i++) out[i] = mean + std * out[i]
  },
  lognormal: ({ mu, sigma }, place, range, out) => {
    drawNormal(place, range, out)
    for (let i = 0; i < out.length; i++) out[i] = Math.exp(mu + sigma * out[i])
  },
  mixture: ({ parts }, place, range, out) => drawMixture(parts, place, range, out),
}

function columnKey(place: number, { partition }: RowRange): number {
  return (partition << 12) | place
}

/** The counter's second word: the row's upper 16 bits, and which draw of the row it is. */
function upperCounter(row: number, draw: number): number {
  return (Math.floor(row / 0x1_0000_0000) << 16) | draw
}

function drawUniform(place: number, range: RowRange, draw: number, out: Float64Array): void {
  const key = columnKey(place, range)
  for (let i = 0; i < out.length; i++) {
    const row = range.firstRow + i
    const first = threefry(row | 0, upperCounter(row, draw), range.seed, key)
    out[i] = unitInterval(first, secondWord)
  }
}

/** Standard normals by Box and Muller (1958); 32 bits of radius reach 6.7 standard deviations. */
function drawNormal(place: number, range: RowRange, out: Float64Array): void {
  const key = columnKey(place, range)
  for (let i = 0; i < out.length; i++) {
    const row = range.firstRow + i
    const first = threefry(row | 0, upperCounter(row, valueDraw), range.seed, key)
    // Half a step up: the logarithm of 0 is not finite.
    const radius = Math.sqrt(-2 * Math.log(((first >>> 0) + 0.5) / 2 ** 32))
    out[i] = radius * Math.cos((2 * Math.PI * (secondWord >>> 0)) / 2 ** 32)
  }
}

function drawMixture(parts: readonly NormalPart[], place: number, range: RowRange, out: Float64Array): void {
  const total = parts.reduce((sum, { weight }) => sum + weight, 0)
  const upTo = parts.map((_, i) => parts.slice(0, i + 1).reduce((sum, { weight }) => sum + weight, 0) / total)
  const key = columnKey(place, range)
  drawNormal(place, range, out)
  for (let i = 0; i < out.length; i++) {
    const row = range.firstRow + i
    const choice = (threefry(row | 0, upperCounter(row, choiceDraw), range.seed, key) >>> 0) / 2 ** 32
    let part = 0
    while (part < parts.length - 1 && choice >= upTo[part]) part++
    out[i] = parts[part].mean + parts[part].std * out[i]
  }
}

function drawNulls(nullRate: number, place: number, range: RowRange, out: Float64Array): void {
  const key = columnKey(place, range)
  for (let i = 0; i < out.length; i++) {
    const row = range.firstRow + i
    threefry(row | 0, upperCounter(row, choiceDraw), range.seed, key)
    // The first word has chosen a mixture's part.
    if ((secondWord >>> 0) / 2 ** 32 < nullRate) out[i] = Number.NaN
  }
}

function roundInto(out: Float64Array, [lowest, highest]: readonly [number, number]): void {
  for (let i = 0; i < out.length; i++) out[i] = Math.min(highest, Math.max(lowest, Math.round(out[i])))
}
