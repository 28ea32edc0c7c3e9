import type { Span, Spans } from '../../files/matrix/spans.ts'
import type { ColumnModel } from '../../mixture/column-model.ts'
import { Normalizer } from '../../mixture/normalizer.ts'
import type { AvroField, AvroRecord, AvroType } from '../../rows/avro-schema.ts'
import { withoutNull } from '../../rows/column-path.ts'
import { seedFor } from '../row-hash.ts'
import { categoryBytes } from './category-bytes.ts'
import { BinDecoder, type NumberDecoder, ScoreDecoder } from './number-decoder.ts'

/** Where a column stands in a row of a matrix. */
export interface SyntheticContinuous {
  readonly kind: 'continuous'
  readonly column: string
  /** branches of the union before a null and before a value; undefined if it cannot be null */
  readonly branches: { readonly null: number; readonly value: number } | undefined
  readonly number: SyntheticNumber
  readonly indicator: Softmax | undefined
}

/** A number is within a mode that the matrix has, or it gets the mode that is likeliest. */
export type SyntheticNumber =
  | { readonly kind: 'mode'; readonly valueAt: number; readonly modes: Softmax }
  | {
      readonly kind: 'coded'
      readonly start: number
      readonly decoder: NumberDecoder
      readonly normalizer: Normalizer
    }

export interface SyntheticDiscrete {
  readonly kind: 'discrete'
  readonly column: string
  readonly places: Softmax
  /** shape (places), Avro of each; empty of the place that rare categories share */
  readonly encoded: readonly Uint8Array[]
  readonly rare: RareCategories | undefined
}

/** Categories that share a place: each row draws one of them, as often as each was. */
export interface RareCategories {
  readonly place: number
  /** shape (categories), Avro of each */
  readonly encoded: readonly Uint8Array[]
  /** shape (categories), share of those up to it, itself included */
  readonly upTo: Float64Array
  readonly seed: number
}

/** Columns of which the largest is meant; or one column that has its number. */
export interface Softmax {
  readonly start: number
  readonly width: number
  readonly isIndex: boolean
}

export type SyntheticField = SyntheticContinuous | SyntheticDiscrete

/**
 * What becomes of a row of a matrix: the fields of a normalized record after the model's version, in their order.
 *
 * @param record the normalized record
 * @param isIndex whether the matrix has the numbers of softmax spans' places
 * @param models  of the columns, where spans have scores or bins
 * @returns the fields, or why spans and schema do not belong together: a clause
 */
export function syntheticFields(
  record: AvroRecord,
  spans: Spans,
  isIndex: boolean,
  seed: number,
  models: readonly ColumnModel[],
): readonly SyntheticField[] | string {
  const byColumn = new Map<string, Span[]>()
  for (const span of spans.spans) byColumn.set(span.column, [...(byColumn.get(span.column) ?? []), span])
  const [, ...fields] = record.fields
  const found: (SyntheticField | string)[] = leaves(fields, '').map(({ path, field }) => {
    const own = byColumn.get(path)
    byColumn.delete(path)
    if (own === undefined) return `rawSchema has a column "${path}", and there is no span of it`
    return own[0].kind === 'category'
      ? discrete(own[0], field, spans, isIndex, seed)
      : continuous(own, field, isIndex, models)
  })
  const problem = found.find((field) => typeof field === 'string')
  if (typeof problem === 'string') return problem
  const [other] = byColumn.keys()
  if (other !== undefined) return `rawSchema has no column "${other}"`
  return found as SyntheticField[]
}

const modeValueName = 'io.vgmstream.ModeValue'

function leaves(fields: readonly AvroField[], before: string): { path: string; field: AvroField }[] {
  return fields.flatMap((field) => {
    const path = `${before}${field.name}`
    const { type } = field
    return type.kind === 'record' && type.name !== modeValueName ? leaves(type.fields, `${path}.`) : [{ path, field }]
  })
}

function softmax({ start, width, fileStart }: Span, isIndex: boolean): Softmax {
  return { start: isIndex ? fileStart : start, width, isIndex }
}

function continuous(
  own: readonly Span[],
  { name, type }: AvroField,
  isIndex: boolean,
  models: readonly ColumnModel[],
): SyntheticField | string {
  const indicator = own.find(({ kind }) => kind === 'null')
  const { present, isNullable, nullFirst } = withoutNull(type)
  if (present.kind !== 'record') return `column "${name}" is continuous, and rawSchema has another type of it`
  if (indicator !== undefined && !isNullable) return `column "${name}" has nulls, and rawSchema says that it has none`
  const number = syntheticNumber(own, isIndex, models)
  if (typeof number === 'string') return number
  return {
    kind: 'continuous',
    column: own[0].column,
    branches: isNullable ? branchBytes(nullFirst) : undefined,
    number,
    indicator: indicator === undefined ? undefined : softmax(indicator, isIndex),
  }
}

function syntheticNumber(
  own: readonly Span[],
  isIndex: boolean,
  models: readonly ColumnModel[],
): SyntheticNumber | string {
  const [first, second] = own
  const { column } = first
  const start = isIndex ? first.fileStart : first.start
  const kinds = own.map(({ kind }) => kind).join(', ')
  if (kinds === 'value, mode' || kinds === 'value, mode, null')
    return { kind: 'mode', valueAt: start, modes: softmax(second, isIndex) }
  if (!/^(score|bins)(, null)?$/.test(kinds)) return `column "${column}" has the spans ${kinds}`
  const model = models.find(({ name }) => name === column)
  if (model === undefined) return `the model has no column "${column}"`
  const { distribution = 'normal', edges = [] } = first
  const decoder = first.kind === 'score' ? new ScoreDecoder(model, distribution) : new BinDecoder(edges)
  return { kind: 'coded', start, decoder, normalizer: new Normalizer(model, { checks: false }) }
}

/** As zigzag varints. */
function branchBytes(nullFirst: boolean): { readonly null: number; readonly value: number } {
  return nullFirst ? { null: 0, value: 2 } : { null: 2, value: 0 }
}

function discrete(
  span: Span,
  { name, type }: AvroField,
  { columns }: Spans,
  isIndex: boolean,
  seed: number,
): SyntheticField | string {
  const { column, categories = [], rareAt, nullAt, width } = span
  const { present, isNullable, nullFirst } = withoutNull(type)
  const branches = isNullable ? branchBytes(nullFirst) : undefined
  if (nullAt !== undefined && branches === undefined)
    return `column "${name}" has nulls, and rawSchema says that it has none`
  const encode = (category: string | number | boolean) => encodedCategory(category, present, branches?.value)
  const encoded = categories.map(encode)
  if (rareAt !== undefined) encoded[rareAt] = new Uint8Array(0)
  if (nullAt !== undefined) encoded[nullAt] = Uint8Array.of(branches?.null ?? 0)
  const bad = encoded.indexOf(undefined)
  if (bad >= 0 || encoded.length !== width)
    return `column "${name}" has the category ${JSON.stringify(categories[bad])}, which its type does not have`
  const { rare: listed } = columns.find((one) => one.name === column) ?? {}
  if (rareAt !== undefined && (listed === undefined || listed.categories.length === 0))
    return `column "${name}" has a place of rare categories, and "columns" does not say which these are`
  const rareBytes = (listed?.categories ?? []).map(encode)
  const wrong = rareBytes.indexOf(undefined)
  if (wrong >= 0)
    return (
      `column "${name}" has the rare category ${JSON.stringify(listed?.categories[wrong])}, ` +
      'which its type does not have'
    )
  return {
    kind: 'discrete',
    column,
    places: softmax(span, isIndex),
    encoded: encoded as Uint8Array[],
    rare:
      rareAt === undefined
        ? undefined
        : {
            place: rareAt,
            encoded: rareBytes as Uint8Array[],
            upTo: cumulative(listed?.counts ?? []),
            seed: seedFor(seed, column),
          },
  }
}

function encodedCategory(
  category: string | number | boolean,
  type: AvroType,
  branch: number | undefined,
): Uint8Array | undefined {
  const bytes = categoryBytes(category, type)
  return bytes === undefined || branch === undefined ? bytes : Uint8Array.of(branch, ...bytes)
}

function cumulative(counts: readonly number[]): Float64Array {
  const total = counts.reduce((sum, count) => sum + count, 0)
  let sum = 0
  return Float64Array.from(counts, (count) => {
    sum += count
    return sum / total
  })
}
