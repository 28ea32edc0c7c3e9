import type { StockHeaders, StockRow } from '../../ports/stock-log.ts'
import { nameInHeader, schemaHeaders } from '../../rows/header-names.ts'
import type { SchemaName } from '../../rows/schema-name.ts'

/** Confluent wire format: a zero and the schema's id in four bytes, big-endian. */
export const headerBytes = 5

/** The schema id of a value; undefined if it is not framed. */
export function schemaIdOf(value: Buffer): number | undefined {
  return value.length >= headerBytes && value[0] === 0 ? value.readInt32BE(1) : undefined
}

/** The schema that a row names, in a header or else before its value; undefined if it names none. */
export function schemaNameOf(row: StockRow): SchemaName | undefined {
  if (row.value === null) return undefined
  return headerSchemaOf(row.headers) ?? schemaIdOf(row.value)
}

/** The schema that a header names. */
export function headerSchemaOf(headers: StockHeaders | undefined): SchemaName | undefined {
  for (const header in headers) {
    const value = headers[header]
    const [first] = Array.isArray(value) ? value : [value]
    const name = Buffer.isBuffer(first) ? nameInHeader(header, first) : undefined
    if (name !== undefined) return name
  }
  return undefined
}

/**
 * A row as if it named its schema in the ordinary way, under a number of ours, with all that has named it before left
 * out.
 */
export function framedAnew(row: StockRow, value: Buffer, key: number, bodyStart: number): StockRow {
  const framed = Buffer.alloc(headerBytes + value.length - bodyStart)
  framed.writeInt32BE(key, 1)
  value.copy(framed, headerBytes, bodyStart)
  const others = Object.entries(row.headers ?? {}).filter(([header]) => !names.has(header))
  return { ...row, headers: Object.fromEntries(others), value: framed, written: row }
}

const names: ReadonlySet<string> = new Set(Object.values(schemaHeaders))
