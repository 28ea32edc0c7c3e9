import type { Type, types } from 'avsc'
import type { SchemaSource } from '../../ports/log.ts'
import type { StockRow } from '../../ports/stock-log.ts'
import { headerBytes, schemaIdOf } from './audited-framing.ts'
import { rowJson } from './row-json.ts'
import { type Fields, RowTypes } from './row-types.ts'

/** How far a value that is not one record of its schema can be decoded. */
export interface DecodedPrefix {
  /** before the one that cannot be, as `rowJson` has them */
  readonly fields: Fields
  /** the field that cannot be decoded; undefined if all can, and bytes follow */
  readonly field: string | undefined
  /** of the value: where that field, or what follows the last one, begins */
  readonly byte: number
}

/** @returns undefined for a value without a schema of records, and for one that can be decoded */
export async function decodedPrefix(
  row: StockRow,
  schemaById: SchemaSource['schemaById'],
): Promise<DecodedPrefix | undefined> {
  const types = new RowTypes(schemaById)
  const { value } = await types.framed(row)
  const type = value === null ? undefined : types.get(schemaIdOf(value) ?? Number.NaN)
  if (value === null || type === undefined) return undefined
  const shown = (fields: Fields) => JSON.parse(rowJson(fields, type.schema)) as Fields
  const fields: Record<string, unknown> = Object.create(null)
  let byte = headerBytes
  for (const { name, type: fieldType } of (type.wideType as types.RecordType).fields) {
    const next = decodedAt(fieldType, value, byte)
    if (next === undefined) return { fields: shown(fields), field: name, byte }
    fields[name] = next.value
    byte = next.offset
  }
  return byte === value.length ? undefined : { fields: shown(fields), field: undefined, byte }
}

function decodedAt(type: Type, value: Buffer, at: number): { value: unknown; offset: number } | undefined {
  try {
    const { value: decoded, offset } = type.decode(value, at)
    return offset < 0 || offset > value.length ? undefined : { value: decoded, offset }
  } catch {
    return undefined
  }
}
