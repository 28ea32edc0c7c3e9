import type { ColumnModel } from '../mixture/column-model.ts'
import { roundableDecimals } from '../mixture/decimals.ts'
import type { ModelContent } from '../model/model.ts'
import { requireKeys } from '../require-keys.ts'

/** What the reader of a fit may want to change. */
export interface ColumnHint {
  readonly column: string
  readonly kind: 'constant' | 'mostly-one-value' | 'identifier' | 'decimals'
  /** a sentence without the column's name and the full stop, as "is always 7" */
  readonly text: string
}

/** Of the values, so that a model of the others would be one of exceptions. */
const mostlyShare = 0.95
/** A sequence of numbers may have been begun anew, and rows may be missing: so many rows are in its range at least. */
const sequenceShare = 0.5
/** Largest distance of the distribution function of an identifier from that of equal shares. */
const evenness = 0.02
const fewRows = 100

/**
 * Columns of which a mixture says little: an identifier, a constant, a column that is mostly one value; and decimals
 * that restore would not bring back.
 */
export function columnHints(model: Pick<ModelContent, 'columns' | 'lineage'>): ColumnHint[] {
  requireKeys('columnHints', 'its argument', model, ['columns', 'lineage'], 'a model')
  const { columns, lineage } = model
  return columns.flatMap((column) => {
    const text = hintsOf(column, lineage.rowsSeen / Math.max(1, lineage.rowsUsed))
    return text.map(([kind, words]) => ({ column: column.name, kind, text: words }))
  })
}

/** @param rowsPerSampled rows that a row of the fit stands for */
function hintsOf(column: ColumnModel, rowsPerSampled: number): [ColumnHint['kind'], string][] {
  const { min, max, rows } = column
  if (min === max) return rows > 1 ? [['constant', `is always ${String(min)}`]] : []
  const hints: [ColumnHint['kind'], string][] = []
  const top = mostFrequent(column)
  if (top !== undefined && top.share >= mostlyShare)
    hints.push(['mostly-one-value', `${(100 * top.share).toFixed(1)} % of its values are ${String(top.value)}`])
  if (isIdentifier(column, rows * rowsPerSampled)) {
    const spread = max - min + 1 > rows * rowsPerSampled ? 'evenly spread' : 'without gaps'
    hints.push(['identifier', `looks like an identifier: whole numbers ${spread} from ${min} to ${max}`])
  }
  const decimals = lostDecimals(column)
  if (decimals !== undefined)
    hints.push([
      'decimals',
      `has ${decimals === 1 ? '1 decimal' : `${decimals} decimals`}; --decimals round would restore them exactly`,
    ])
  return hints
}

/** A frequent value has a bin of its own among those of the training rows. */
function mostFrequent({ baseline, rows }: ColumnModel): { value: number; share: number } | undefined {
  if (baseline === undefined) return undefined
  const i = baseline.counts.indexOf(Math.max(...baseline.counts))
  return i < 0 ? undefined : { value: baseline.means[i], share: baseline.counts[i] / rows }
}

/** @param allRows of the column, sampled or not */
function isIdentifier(column: ColumnModel, allRows: number): boolean {
  const { min, max, rows, decimals, histogram } = column
  const values = max - min + 1
  if (decimals > 0 || rows < fewRows || values < rows || values * sequenceShare > allRows) return false
  let before = 0
  return histogram.counts.every((count, i) => {
    const distance = Math.abs(before / rows - (histogram.edges[i] - min) / values)
    before += count
    return distance <= evenness
  })
}

/** Decimals of a column whose restored values are not rounded, though they could be. */
function lostDecimals({ type, decimals, roundTo, min, max, mean }: ColumnModel): number | undefined {
  if (roundTo !== undefined || (type !== 'double' && type !== 'float') || decimals === 0) return undefined
  return roundableDecimals(decimals, Math.max(-min, max, ...mean.map(Math.abs)))
}
