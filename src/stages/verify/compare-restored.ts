import type { StockRow } from '../../ports/stock-log.ts'
import type { Comparison, Pair, Prints } from './align-rows.ts'
import { headerBytes, schemaIdOf } from './audited-framing.ts'
import { isRestored, type NormalizationRules } from './column-terms.ts'
import type { ModelVersions, ModeValue } from './compare-normalized.ts'
import { frameDifference, framePrint, hasSameFrame } from './frame-difference.ts'
import { fieldsPrint, isFields, roundedText, valueText } from './row-print.ts'
import { decimalUnits, decodeRow, type Fields, type RowType, type RowTypes, valueAt } from './row-types.ts'
import { isSameValue } from './same-value.ts'

/** A normalized row, with the raw row that it was made of; without one if it should not exist. */
export type NormalizedRow = Pair<StockRow, StockRow>

/** How closely the numbers of a column are printed. */
interface Precision {
  /** what rounding errors are relative to: the largest mean */
  readonly scale: number
  /** that restored numbers are rounded to, or `unrounded` */
  readonly decimals: number
}

const unrounded = Number.POSITIVE_INFINITY

/**
 * Compares restored rows with the raw rows that they come from. Equal bytes are equal; otherwise both are decoded,
 * passed-through fields must be equal and modelled ones within the bounds of exactness, for which the mean of the row's
 * mode counts.
 */
export class RestoredComparison implements Comparison<NormalizedRow, StockRow> {
  readonly #types: RowTypes
  readonly #models: ModelVersions
  readonly #rules: NormalizationRules

  constructor(types: RowTypes, models: ModelVersions, rules: NormalizationRules) {
    this.#types = types
    this.#models = models
    this.#rules = rules
  }

  difference({ expected: raw, found: normalized }: NormalizedRow, restored: StockRow): string | undefined {
    const frame = frameDifference(raw ?? normalized, restored)
    // What restore makes of a row that should not exist is not its fault.
    if (frame !== undefined || raw === undefined) return frame
    if (raw.value === null || restored.value === null) {
      if (raw.value === restored.value) return undefined
      return raw.value === null ? 'a tombstone has a value' : 'the value is null'
    }
    const rawId = schemaIdOf(raw.value)
    const restoredId = schemaIdOf(restored.value)
    const rawType = this.#types.get(rawId ?? Number.NaN)
    const restoredType = this.#types.get(restoredId ?? Number.NaN)
    if (rawType === undefined || restoredType === undefined) return 'its schema is unknown, or the value is not framed'
    if (rawId !== restoredId && rawType.fingerprint !== restoredType.fingerprint) {
      return `its schema ${restoredId} is not the raw schema ${rawId}`
    }
    if (raw.value.compare(restored.value, headerBytes, restored.value.length, headerBytes, raw.value.length) === 0) {
      return undefined
    }
    return this.#fieldDifference(rawType, raw.value, restored.value, normalized)
  }

  isSameRow({ expected: raw, found: normalized }: NormalizedRow, restored: StockRow): boolean {
    return hasSameFrame(raw ?? normalized, restored)
  }

  prints(rows: readonly NormalizedRow[], restored: readonly StockRow[]): Prints {
    const precisions = this.#precisions(rows)
    return {
      expected: rows.map(({ expected }) => expected && this.#print(expected, precisions)),
      found: restored.map((row) => this.#print(row, precisions)),
    }
  }

  #fieldDifference(type: RowType, rawValue: Buffer, restoredValue: Buffer, row: StockRow): string | undefined {
    const raw = decodeRow(type, rawValue)
    const restored = decodeRow(type, restoredValue)
    if (raw === undefined || restored === undefined) return 'it cannot be decoded'
    const normalizedType = row.value === null ? undefined : this.#types.get(schemaIdOf(row.value) ?? Number.NaN)
    const normalized = normalizedType && decodeRow(normalizedType, row.value!)
    const isWithin = (path: string, a: unknown, b: unknown) =>
      normalized !== undefined && this.#isWithinBounds(normalizedType!, normalized, path, a, b)
    for (const { name } of type.fields) {
      const problem = valueDifference(name, raw[name], restored[name], isWithin)
      if (problem !== undefined) return problem
    }
    return undefined
  }

  #isWithinBounds(type: RowType, normalized: Fields, path: string, raw: unknown, restored: unknown): boolean {
    const modelledType = modelledTypeAt(type.fields, path.split('.'))
    const column = this.#models(Number(normalized[type.fields[0].name]))?.columns.find((model) => model.name === path)
    const found = valueAt(normalized, path) as ModeValue | null
    if (modelledType === undefined || column === undefined || found === null) return false
    const { clip } = this.#rules
    if (clip !== undefined && Math.abs(found.value) >= clip) return true
    // A writer may have spent more bytes on a decimal than it needs.
    if (modelledType === 'decimal') return decimalUnits(raw) === decimalUnits(restored)
    const mean = column.mean[found.mode]
    if (mean === undefined || typeof raw !== 'number' || typeof restored !== 'number') return false
    return isRestored(raw, restored, { type: modelledType, mean, roundTo: column.roundTo })
  }

  /** By column, how closely its numbers are printed: as the coarsest of all versions in use. */
  #precisions(rows: readonly NormalizedRow[]): ReadonlyMap<string, Precision> {
    const precisions = new Map<string, Precision>()
    const versions = new Set<number>()
    for (const {
      found: { value },
    } of rows) {
      const type = value === null ? undefined : this.#types.get(schemaIdOf(value) ?? Number.NaN)
      const fields = type && decodeRow(type, value!)
      if (fields !== undefined) versions.add(Number(fields[type!.fields[0].name]))
    }
    for (const version of versions) {
      for (const { name, mean, roundTo = unrounded } of this.#models(version)?.columns ?? []) {
        const before = precisions.get(name) ?? { scale: 0, decimals: unrounded }
        const scale = Math.max(before.scale, ...mean.map(Math.abs))
        precisions.set(name, { scale, decimals: Math.min(before.decimals, roundTo) })
      }
    }
    return precisions
  }

  #print(row: StockRow, precisions: ReadonlyMap<string, Precision>): string | undefined {
    const { value } = row
    if (value === null) return framePrint(row)
    const type = this.#types.get(schemaIdOf(value) ?? Number.NaN)
    const fields = type && decodeRow(type, value)
    if (fields === undefined) return undefined
    const body = fieldsPrint(type!, fields, (path, field) => {
      const precision = precisions.get(path)
      if (precision === undefined) return undefined
      if (typeof field !== 'number') return String(decimalUnits(field) ?? valueText(field))
      const { scale, decimals } = precision
      const rounded = decimals === unrounded ? field : Number(field.toFixed(decimals))
      return roundedText(rounded, Math.max(scale, Math.abs(field)))
    })
    return `${framePrint(row)}|${body}`
  }
}

/** What differs at a path; two records are compared field by field. */
function valueDifference(
  path: string,
  raw: unknown,
  restored: unknown,
  isWithin: (path: string, raw: unknown, restored: unknown) => boolean,
): string | undefined {
  if (isSameValue(raw, restored)) return undefined
  if (isFields(raw) && isFields(restored)) {
    const names = new Set([...Object.keys(raw), ...Object.keys(restored)])
    for (const name of names) {
      const problem = valueDifference(`${path}.${name}`, raw[name], restored[name], isWithin)
      if (problem !== undefined) return problem
    }
    return undefined
  }
  return isWithin(path, raw, restored)
    ? undefined
    : `field "${path}": ${valueText(restored)} instead of ${valueText(raw)}`
}

function modelledTypeAt(fields: RowType['fields'], [name, ...rest]: readonly string[]): string | undefined {
  const field = fields.find((each) => each.name === name)
  return field && (rest.length === 0 ? field.modelledType : modelledTypeAt(field.fields, rest))
}
