import type { ColumnModel } from '../../mixture/column-model.ts'
import { Normalizer } from '../../mixture/normalizer.ts'
import type { SchemaSource } from '../../ports/log.ts'
import { headerText, type OffsetRange, type StockLog, type StockRow } from '../../ports/stock-log.ts'
import { parseAvroSchema } from '../../rows/avro-schema.ts'
import { planColumns } from '../../rows/planned-columns.ts'
import { MalformedSchemaError } from '../../rows/schema-error.ts'
import { attemptHeader } from '../retry-dead-letters.ts'
import { schemaIdOf } from './audited-framing.ts'
import { deadLetterHeaders } from './dead-letter-filter.ts'
import { type DeadLetter, decodedOf, isBatch, readable, rowsOf, schemaOf } from './read-dead-letters.ts'
import { isFields } from './row-print.ts'
import { decimalUnits, decodeRow, type NumberType, numberOf, RowTypes, valueAt } from './row-types.ts'

/** One dead letter in a list. */
export interface DeadLetterRow {
  /** where it stands in the topic of dead letters */
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
  /** as text if it is UTF-8, else as hex; null for none */
  readonly key: string | null
  readonly code: string
  /** a sentence without its full stop */
  readonly reason: string
  /** the column that it failed for; undefined if it is not one, or cannot be told */
  readonly column: string | undefined
  readonly stage: string
  readonly sourceTopic: string
  readonly sourcePartition: number
  readonly sourceOffset: number
  /** of a whole batch: its last row */
  readonly sourceLastOffset: number | undefined
  readonly modelVersion: number | undefined
  /** how many times it has been retried */
  readonly attempts: number
  readonly valueHex: string | undefined
  readonly decoded: DeadLetter['decoded']
}

export interface DeadLetterListing {
  readonly log: StockLog
  readonly topic: string
  readonly ranges: readonly OffsetRange[]
  /** [any] */
  readonly codes?: readonly string[] | undefined
  readonly schemaById: SchemaSource['schemaById']
  /** the columns of a version of the model, undefined if it is not known */
  readonly columnsOf: (version: number) => readonly ColumnModel[] | undefined
}

/** Dead letters one by one, partition by partition in order. */
export async function* deadLetterRows(listing: DeadLetterListing): AsyncGenerator<DeadLetterRow> {
  const { log, topic, ranges, codes, schemaById } = listing
  const types = new RowTypes(schemaById)
  for (const range of ranges)
    for await (const row of rowsOf(await log.read(topic, range))) {
      const text = (name: string) => headerText(row, name) ?? ''
      const code = text(deadLetterHeaders.code)
      if (codes !== undefined && !codes.includes(code)) continue
      const number = (name: string) => (text(name) === '' ? undefined : Number(text(name)))
      const modelVersion = number(deadLetterHeaders.modelVersion)
      const blamed = await blameOf(row, code, types, modelVersion, listing)
      yield {
        partition: range.partition,
        offset: Number(row.offset),
        timestampMs: Number(row.timestamp),
        key: row.key === null ? null : readable(row.key),
        code,
        reason: blamed.reason ?? text(deadLetterHeaders.message),
        column: blamed.column,
        stage: text(deadLetterHeaders.stage),
        sourceTopic: text(deadLetterHeaders.topic),
        sourcePartition: Number(text(deadLetterHeaders.partition)),
        sourceOffset: Number(text(deadLetterHeaders.offset)),
        sourceLastOffset: number(deadLetterHeaders.lastOffset),
        modelVersion,
        attempts: number(attemptHeader) ?? 0,
        valueHex: row.value?.toString('hex'),
        decoded: await decodedOf(row, schemaById, types),
      }
    }
}

interface Blame {
  readonly column?: string
  readonly reason?: string
}

/** The column that a row has failed for. Of what cannot be decoded there is none. */
async function blameOf(
  row: StockRow,
  code: string,
  types: RowTypes,
  version: number | undefined,
  { schemaById, columnsOf }: DeadLetterListing,
): Promise<Blame> {
  if (row.value === null || isBatch(row)) return {}
  if (code === 'VGM_ROW_SCHEMA_MISMATCH') {
    const [name, columns] = [schemaOf(row), version === undefined ? undefined : columnsOf(version)]
    const schema = name === undefined ? undefined : await schemaById(name)
    return schema === undefined || columns === undefined ? {} : mismatchOf(schema, columns)
  }
  const value = (await types.framed(row)).value ?? row.value
  const type = types.get(schemaIdOf(value) ?? Number.NaN)
  const fields = type && decodeRow(type, value)
  if (type === undefined || fields === undefined) return {}
  const model = columnsOf(version ?? type.stamped?.version ?? Number.NaN)
  const names = model?.map(({ name }) => name) ?? type.fields.map(({ name }) => name)
  const column = names.find((name) =>
    isBlamed(
      code,
      valueAt(fields, name),
      type.number(name),
      model?.find((each) => each.name === name),
    ),
  )
  return column === undefined ? {} : { column }
}

function mismatchOf(schema: string, columns: readonly ColumnModel[]): Blame {
  try {
    const parsed = parseAvroSchema(schema)
    for (const column of columns) {
      const planned = planColumns(parsed, [column])
      if ('reason' in planned) return { column: column.name, reason: planned.reason }
    }
    return {}
  } catch (error) {
    if (error instanceof MalformedSchemaError) return { reason: error.message }
    throw error
  }
}

/** Integers of smaller magnitude survive normalization exactly. */
const exactIntegerLimit = 2 ** 49

/** Units of the last digit: decimals of smaller magnitude do. */
const exactUnits = 2n ** 48n

/** @param field a number, or the value and mode of a normalized row */
function isBlamed(code: string, field: unknown, type: NumberType | undefined, model: ColumnModel | undefined): boolean {
  const pair = isFields(field) ? (field as { value?: unknown; mode?: unknown }) : undefined
  const value = pair === undefined ? numberOf(field, type) : pair.value
  const units = type?.type === 'decimal' ? decimalUnits(field) : undefined
  switch (code) {
    case 'VGM_ROW_MALFORMED':
      // A decimal of no bytes; whatever else is malformed cannot be decoded.
      return type?.type === 'decimal' && Buffer.isBuffer(field) && units === undefined
    case 'VGM_ROW_NOT_FINITE':
      return typeof value === 'number' && !Number.isFinite(value)
    case 'VGM_ROW_BEYOND_EXACT':
      if (units !== undefined) return units >= exactUnits || units <= -exactUnits
      return typeof value === 'bigint' || (typeof value === 'number' && Math.abs(value) >= exactIntegerLimit)
    case 'VGM_ROW_BAD_MODE':
      return model !== undefined && typeof pair?.mode === 'number' && !(pair.mode in model.mean)
    case 'VGM_ROW_BEYOND_MODES': {
      if (model === undefined || typeof value !== 'number' || !Number.isFinite(value)) return false
      const normalizer = new Normalizer(model, { checks: false, tabulates: false })
      return normalizer.normalize(Float64Array.of(value), new Float64Array(1), new Uint8Array(1)) > 0
    }
    default:
      return false
  }
}
