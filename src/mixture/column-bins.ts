import { binEnds, stepsPerBin } from './bin-grid.ts'
import type { Blocks } from './blocks.ts'
import type { SummarySnapshot } from './column-summary.ts'

/** A summary's bins, ascending, as distances from its centre in units of `scale`, so that no square overflows. */
export interface ColumnBins extends Blocks {
  /** the largest distance from the centre, in the unit of the column; 0 if all values are the centre itself */
  readonly scale: number
  /**
   * lowest and highest value that a bin may hold, in the unit of the column, shape (bins); equal if it holds only one
   */
  readonly low: Float64Array
  readonly high: Float64Array
}

/** Centre, count, mean and variance of every bin of a summary. */
export function columnBins({ centre, keys, bins, min, max }: SummarySnapshot): ColumnBins {
  const n = keys.length
  const scale = Math.max(Math.abs(min - centre), Math.abs(max - centre))
  const count = new Float64Array(n)
  const value = new Float64Array(n)
  const spread = new Float64Array(n)
  const low = new Float64Array(n)
  const high = new Float64Array(n)
  for (let i = 0; i < n; i++) {
    const [rows, steps, squares, only] = bins.subarray(4 * i, 4 * i + 4)
    count[i] = rows
    if (!Number.isNaN(only)) {
      low[i] = high[i] = only
      value[i] = scale === 0 ? 0 : (only - centre) / scale
      continue
    }
    const { sign, near, far } = binEnds(keys[i])
    const step = (far / scale - near / scale) / stepsPerBin
    const place = steps / rows
    value[i] = sign * (near / scale + step * (place + 0.5))
    // Sheppard's correction: inside a step the rows are taken as uniform.
    spread[i] = step * step * (Math.max(0, squares / rows - place * place) + 1 / 12)
    low[i] = Math.max(min, centre + sign * (sign === 1 ? near : far))
    high[i] = Math.min(max, centre + sign * (sign === 1 ? far : near))
  }
  return { scale, count, value, spread, low, high }
}
