import type { StockRow } from '../../ports/stock-log.ts'
import type { Pair } from './align-rows.ts'
import { headerBytes, schemaIdOf } from './audited-framing.ts'
import { isRestored, type NormalizationRules, restoredNumber } from './column-terms.ts'
import type { ModelVersions, ModeValue } from './compare-normalized.ts'
import type { Comparison, Prints } from './comparison.ts'
import { frameDifference, framePrint, hasSameFrame } from './frame-difference.ts'
import { fieldsPrint, isFields, roundedText, valueText } from './row-print.ts'
import { decimalUnits, decodeRow, type Fields, numberOf, type RowType, type RowTypes, valueAt } from './row-types.ts'
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
 * mode counts. Where the raw row is no longer there, they are compared with the normalized row.
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

  difference({ expected: raw, found: normalized, isPassed }: NormalizedRow, restored: StockRow): string | undefined {
    const frame = frameDifference(raw ?? normalized, restored)
    if (frame !== undefined) return frame
    // What restore makes of a row that should not exist is not its fault.
    if (raw === undefined) return isPassed ? this.#unlikeness(normalized, restored) : undefined
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
    let type: RowType | undefined
    for (const { value } of restored) type ??= value === null ? undefined : this.#typeOf(value)
    return {
      expected: rows.map(({ expected, found }) =>
        expected === undefined
          ? type && this.#printOfNormalized(found, type, precisions)
          : this.#print(expected, precisions),
      ),
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
    const type = this.#typeOf(value)
    const fields = type && decodeRow(type, value)
    if (fields === undefined) return undefined
    const body = fieldsPrint(type!, fields, (path, field) => {
      const precision = precisions.get(path)
      if (precision === undefined) return undefined
      return typeof field === 'number' ? numberPrint(field, precision) : String(decimalUnits(field) ?? valueText(field))
    })
    return `${framePrint(row)}|${body}`
  }

  /**
   * Of what a normalized row without a raw one is restored to.
   *
   * @param restoredType of rows near it
   */
  #printOfNormalized(
    row: StockRow,
    restoredType: RowType,
    precisions: ReadonlyMap<string, Precision>,
  ): string | undefined {
    if (row.value === null) return framePrint(row)
    const type = this.#typeOf(row.value)
    const fields = type && decodeRow(type, row.value)
    if (fields === undefined) return undefined
    const [, ...rowFields] = type!.fields
    const body = fieldsPrint({ fields: rowFields }, fields, (path, field) => {
      const precision = precisions.get(path)
      const number = precision && this.#numberOf(type!, fields, path, field)
      if (precision === undefined || number === undefined) return undefined
      const { x, modelledType } = number
      switch (modelledType) {
        case 'decimal':
          return String(Math.round(x * 10 ** (restoredType.number(path)?.scale ?? 0)))
        case 'int':
        case 'long':
          return numberPrint(Math.round(x), precision)
        default:
          return numberPrint(modelledType === 'float' ? Math.fround(x) : x, precision)
      }
    })
    return `${framePrint(row)}|${body}`
  }

  /** What a modelled field of a normalized row stands for; undefined for another one, and for null. */
  #numberOf(type: RowType, row: Fields, path: string, field: unknown): ModelledNumber | undefined {
    const modelledType = modelledTypeAt(type.fields, path.split('.'))
    if (modelledType === undefined || !isFields(field)) return undefined
    const column = this.#models(Number(row[type.fields[0].name]))?.columns.find(({ name }) => name === path)
    const { mode, value } = field as unknown as ModeValue
    if (column === undefined || column.mean[mode] === undefined) return undefined
    const x = restoredNumber(column, mode, value)
    return { x, modelledType, size: Math.max(Math.abs(x), Math.abs(column.mean[mode])), decimals: column.roundTo }
  }

  /** What differs between a restored row and the normalized one that it was made of, where the raw one is gone. */
  #unlikeness(normalized: StockRow, restored: StockRow): string | undefined {
    if (normalized.value === null || restored.value === null) {
      if (normalized.value === restored.value) return undefined
      return normalized.value === null ? 'a tombstone has a value' : 'the value is null'
    }
    const type = this.#typeOf(normalized.value)
    const row = type && decodeRow(type, normalized.value)
    const restoredType = this.#typeOf(restored.value)
    const found = restoredType && decodeRow(restoredType, restored.value)
    if (type === undefined || row === undefined) return undefined
    if (restoredType === undefined || found === undefined) return 'it cannot be decoded'
    const isWithin = (path: string, field: unknown, value: unknown) => {
      const number = this.#numberOf(type, row, path, field)
      const y = numberOf(value, restoredType.number(path))
      return number !== undefined && y !== undefined && isNear(number, Number(y), restoredType.number(path)?.scale ?? 0)
    }
    for (const { name } of type.fields.slice(1)) {
      const problem = valueDifference(name, row[name], found[name], isWithin)
      if (problem !== undefined) return problem
    }
    return undefined
  }

  #typeOf(value: Buffer): RowType | undefined {
    return this.#types.get(schemaIdOf(value) ?? Number.NaN)
  }
}

/** What a normalized field stands for, before it is rounded to its type. */
interface ModelledNumber {
  readonly x: number
  readonly modelledType: string
  /** what its rounding errors are relative to */
  readonly size: number
  /** that it is rounded to; undefined if it is not */
  readonly decimals: number | undefined
}

/** Of the size of a number: far above rounding errors, far below what another row has. */
const nearShare = 2 ** -40

/** Whether a restored number may be what a normalized one was restored to. */
function isNear({ x, modelledType, size, decimals }: ModelledNumber, restored: number, scale: number): boolean {
  const digits = modelledType === 'decimal' ? scale : modelledType === 'int' || modelledType === 'long' ? 0 : decimals
  const halfUnit = digits === undefined ? 0 : 10 ** -digits / 2
  const floatError = modelledType === 'float' ? Math.abs(restored) * 2 ** -23 : 0
  return Math.abs(x - restored) <= halfUnit + floatError + size * nearShare
}

function numberPrint(x: number, { scale, decimals }: Precision): string {
  const rounded = decimals === unrounded ? x : Number(x.toFixed(decimals))
  return roundedText(rounded, Math.max(scale, Math.abs(x)))
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
