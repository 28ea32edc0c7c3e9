import type { Model } from '../../model/model.ts'
import type { StockRow } from '../../ports/stock-log.ts'
import { headerBytes, schemaIdOf } from './audited-framing.ts'
import {
  type ColumnTerms,
  expectedMode,
  expectedValue,
  modeValueDifference,
  type NormalizationRules,
  restoredNumber,
} from './column-terms.ts'
import type { Comparison, Prints } from './comparison.ts'
import { frameDifference, framePrint, hasSameFrame } from './frame-difference.ts'
import { fieldsPrint, isFields, roundedText, valueText } from './row-print.ts'
import {
  decodeRow,
  decodeWith,
  type Fields,
  type NumberType,
  numberOf,
  type RowType,
  type RowTypes,
} from './row-types.ts'
import { isSameValue } from './same-value.ts'

/** A modelled field of a decoded normalized row. */
export interface ModeValue {
  value: number
  mode: number
}

/** A published version; undefined if there is none. */
export type ModelVersions = (version: number) => Model | undefined

/** A field of a raw row, and what became of it. */
interface FieldPair {
  readonly name: string
  readonly path: string
  /** a record has fields that changed */
  readonly kind: 'same' | 'number' | 'record'
  /** of a number: its place among the modelled ones */
  readonly column: number
  readonly type: NumberType | undefined
  readonly fields: readonly FieldPair[]
}

/** Rows of one raw schema that have become rows of one normalized schema. */
interface SchemaPair {
  readonly raw: RowType
  readonly normalized: RowType
  /** the first field of a normalized row */
  readonly stamp: string
  readonly fields: readonly FieldPair[]
  /** paths of the modelled fields */
  readonly paths: readonly string[]
  /** what makes every row of this pair wrong */
  readonly problem: string | undefined
  /** written over for every row: the expected row, its modelled fields included */
  readonly expected: Fields
  /** the version that the rows are stamped with just now */
  version: number
  /** whether the model that has the version now is not the one that the schema names */
  isReplaced: boolean
  terms: Terms | undefined
}

/** By modelled field; undefined for one that the model does not have. */
type Terms = readonly (ColumnTerms | undefined)[]

const modelledTypes: ReadonlySet<string> = new Set(['int', 'long', 'float', 'double', 'decimal'])

/**
 * Compares raw rows with normalized ones by recomputing them: the raw record is decoded, its modelled fields are
 * computed from the definition in schemas/model.avsc with the version that the row is stamped with, the result is
 * encoded, and its bytes are compared. Only where they differ is the normalized record decoded too, and compared field
 * by field: the same values may be encoded in several ways, and rounding may differ.
 */
export class NormalizedComparison implements Comparison<StockRow, StockRow> {
  readonly #types: RowTypes
  readonly #models: ModelVersions
  readonly #rules: NormalizationRules
  readonly #pairs = new Map<string, SchemaPair | undefined>()
  readonly #scratch = Buffer.allocUnsafe(64 * 1024)
  #lastIds: readonly number[] = []
  #lastPair: SchemaPair | undefined
  #nearModel: Model | undefined

  constructor(types: RowTypes, models: ModelVersions, rules: NormalizationRules) {
    this.#types = types
    this.#models = models
    this.#rules = rules
  }

  difference(raw: StockRow, normalized: StockRow): string | undefined {
    const frame = frameDifference(raw, normalized)
    if (frame !== undefined) return frame
    if (raw.value === null || normalized.value === null) {
      if (raw.value === normalized.value) return undefined
      return raw.value === null ? 'a tombstone has a value' : 'the value is null'
    }
    const pair = this.#pairOf(raw.value, normalized.value)
    if (pair === undefined) return 'one of the schemas is unknown, or the value is not framed'
    if (pair.problem !== undefined) return pair.problem
    return this.#hasExpectedBytes(pair, raw.value, normalized.value)
      ? undefined
      : this.#fieldDifference(pair, raw.value, normalized.value)
  }

  isSameRow(raw: StockRow, normalized: StockRow): boolean {
    return hasSameFrame(raw, normalized)
  }

  prints(raw: readonly StockRow[], normalized: readonly StockRow[]): Prints {
    // The version that most rows around a difference are stamped with: raw rows carry none.
    this.#nearModel = mostFrequent(normalized.map((row) => this.#stampOf(row))) ?? this.#nearModel
    const model = this.#nearModel
    return {
      expected: raw.map((row) => this.#rawPrint(row, model)),
      found: normalized.map((row) => this.#normalizedPrint(row)),
    }
  }

  #hasExpectedBytes(pair: SchemaPair, raw: Buffer, normalized: Buffer): boolean {
    const { terms, expected, fields } = pair
    const row = decodeWith(pair.raw.type, raw)
    if (terms === undefined || row === undefined || this.#rules.modeChoice === 'sample') return false
    if (!this.#expect(fields, row, expected, terms)) return false
    const end = pair.normalized.type.encode(expected, this.#scratch, 0)
    return end >= 0 && this.#scratch.compare(normalized, headerBytes, normalized.length, 0, end) === 0
  }

  /** Fills in what should have become of a raw record; false if that cannot be told. */
  #expect(fields: readonly FieldPair[], row: Fields, expected: Fields, terms: Terms): boolean {
    for (let i = 0; i < fields.length; i++) {
      const { name, kind, column, type, fields: inner } = fields[i]
      const field = row[name]
      if (kind === 'same' || field === null) {
        expected[name] = field
        continue
      }
      if (kind === 'record') {
        const record: Fields = {}
        if (!isFields(field) || !this.#expect(inner, field, record, terms)) return false
        expected[name] = record
        continue
      }
      const columnTerms = terms[column]
      const value = typeof field === 'number' ? field : numberOf(field, type)
      if (columnTerms === undefined || typeof value !== 'number') return false
      const mode = expectedMode(columnTerms, value)
      const expectedNumber = expectedValue(columnTerms, mode, value, this.#rules.clip)
      // Equal bytes of an infinity would be right by their looks.
      if (!Number.isFinite(restoredNumber(columnTerms, mode, expectedNumber))) return false
      expected[name] = { mode, value: expectedNumber }
    }
    return true
  }

  #fieldDifference(pair: SchemaPair, rawValue: Buffer, normalizedValue: Buffer): string | undefined {
    const raw = decodeRow(pair.raw, rawValue)
    const normalized = decodeRow(pair.normalized, normalizedValue)
    if (raw === undefined) return 'the raw row cannot be decoded, and is no dead letter'
    if (normalized === undefined) return 'the normalized row cannot be decoded'
    const version = Number(normalized[pair.stamp])
    if (version !== pair.version) this.#use(pair, version)
    if (pair.isReplaced) return `it is stamped with model version ${version}, and another model has that version now`
    if (pair.terms === undefined) return `it is stamped with model version ${version}, which does not exist`
    const problem = this.#recordDifference(pair.fields, raw, normalized, pair.terms)
    return problem && `${problem} (model version ${version})`
  }

  #recordDifference(fields: readonly FieldPair[], raw: Fields, found: Fields, terms: Terms): string | undefined {
    for (const { name, path, kind, column, type, fields: inner } of fields) {
      const [a, b] = [raw[name], found[name]]
      if (kind === 'record' && isFields(a) && isFields(b)) {
        const problem = this.#recordDifference(inner, a, b, terms)
        if (problem !== undefined) return problem
        continue
      }
      const problem =
        kind === 'number'
          ? this.#modelledDifference(terms[column], a, b as ModeValue | null, type)
          : isSameValue(a, b)
            ? undefined
            : `${valueText(b)} instead of ${valueText(a)}`
      if (problem !== undefined) return `field "${path}": ${problem}`
    }
    return undefined
  }

  #modelledDifference(
    terms: ColumnTerms | undefined,
    raw: unknown,
    found: ModeValue | null,
    type: NumberType | undefined,
  ): string | undefined {
    if (raw === null || found === null)
      return raw === found ? undefined : `${valueText(found)} instead of ${valueText(raw)}`
    if (terms === undefined) return 'the model does not have the column'
    return modeValueDifference(terms, Number(numberOf(raw, type)), found, this.#rules)
  }

  #use(pair: SchemaPair, version: number): void {
    const model = this.#models(version)
    const { stamped } = pair.normalized
    const columns = new Map(model?.columns.map((column) => [column.name, column]))
    pair.version = version
    pair.isReplaced = model !== undefined && stamped?.version === version && stamped.content !== model.contentSha256
    pair.terms = model && !pair.isReplaced ? pair.paths.map((path) => columns.get(path)) : undefined
    pair.expected[pair.stamp] = version
  }

  #pairOf(raw: Buffer, normalized: Buffer): SchemaPair | undefined {
    const rawId = schemaIdOf(raw)
    const normalizedId = schemaIdOf(normalized)
    if (rawId === undefined || normalizedId === undefined) return undefined
    if (rawId === this.#lastIds[0] && normalizedId === this.#lastIds[1]) return this.#lastPair
    const key = `${rawId} ${normalizedId}`
    if (!this.#pairs.has(key)) this.#pairs.set(key, pairOf(this.#types.get(rawId), this.#types.get(normalizedId)))
    this.#lastIds = [rawId, normalizedId]
    this.#lastPair = this.#pairs.get(key)
    return this.#lastPair
  }

  #stampOf({ value }: StockRow): Model | undefined {
    const type = value === null ? undefined : this.#types.get(schemaIdOf(value) ?? Number.NaN)
    const row = type && decodeRow(type, value!)
    return row && this.#models(Number(row[type.fields[0].name]))
  }

  #rawPrint(row: StockRow, model: Model | undefined): string | undefined {
    const { value } = row
    if (value === null) return framePrint(row)
    const type = this.#types.get(schemaIdOf(value) ?? Number.NaN)
    const fields = type && decodeRow(type, value)
    if (fields === undefined) return undefined
    const body = fieldsPrint(type!, fields, (path, field) => {
      const terms = model?.columns.find((column) => column.name === path)
      if (terms === undefined || field === null) return undefined
      const x = Number(numberOf(field, type!.number(path)))
      const mode = expectedMode(terms, x)
      return modePrint(mode, expectedValue(terms, mode, x, this.#rules.clip))
    })
    return `${framePrint(row)}|${body}`
  }

  #normalizedPrint(row: StockRow): string | undefined {
    const { value } = row
    if (value === null) return framePrint(row)
    const type = this.#types.get(schemaIdOf(value) ?? Number.NaN)
    const fields = type && decodeRow(type, value)
    if (fields === undefined) return undefined
    const [, ...rowFields] = type!.fields
    const modelled = new Set(modelledPaths(rowFields))
    const body = fieldsPrint({ fields: rowFields }, fields, (path, field) => {
      if (!modelled.has(path) || field === null) return undefined
      const { mode, value } = field as ModeValue
      return modePrint(mode, value)
    })
    return `${framePrint(row)}|${body}`
  }
}

function modePrint(mode: number, value: number): string {
  return `${mode}:${roundedText(value, Math.max(1, Math.abs(value)))}`
}

function pairOf(raw: RowType | undefined, normalized: RowType | undefined): SchemaPair | undefined {
  if (raw === undefined || normalized === undefined) return undefined
  const [stamp, ...fields] = normalized.fields
  const paths: string[] = []
  const pairs = (some: RowType['fields'], before: string): FieldPair[] =>
    some.map(({ name, modelledType, fields: inner }) => {
      const path = `${before}${name}`
      const isModelled = modelledType !== undefined && modelledTypes.has(modelledType)
      const kind = isModelled ? 'number' : inner.length > 0 ? 'record' : 'same'
      const column = isModelled ? paths.push(path) - 1 : -1
      const type = isModelled ? raw.number(path) : undefined
      return { name, path, kind, column, type, fields: pairs(inner, `${path}.`) }
    })
  return {
    raw,
    normalized,
    stamp: stamp?.name ?? '',
    fields: pairs(fields, ''),
    paths,
    problem: sameNames(raw, fields)
      ? undefined
      : `its schema ${normalized.id} does not have the fields of the raw schema ${raw.id}`,
    expected: {},
    version: Number.NaN,
    isReplaced: false,
    terms: undefined,
  }
}

/** Paths of the modelled fields of a normalized row. */
function modelledPaths(fields: RowType['fields'], before = ''): string[] {
  return fields.flatMap(({ name, modelledType, fields: inner }) =>
    modelledType === undefined ? modelledPaths(inner, `${before}${name}.`) : [`${before}${name}`],
  )
}

function sameNames(raw: RowType, fields: RowType['fields']): boolean {
  return raw.fields.length === fields.length && raw.fields.every(({ name }, i) => name === fields[i].name)
}

function mostFrequent<T>(items: readonly (T | undefined)[]): T | undefined {
  const counts = new Map<T, number>()
  for (const item of items) if (item !== undefined) counts.set(item, (counts.get(item) ?? 0) + 1)
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0]
}
