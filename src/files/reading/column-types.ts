/** What a column's values are once DuckDB hands them over, and so how they are written as Avro. */
export type Encoding = 'boolean' | 'int' | 'long' | 'float' | 'double' | 'bytes'

/** One row of the table in docs/types.md. */
export interface ColumnType {
  readonly avro: string
  readonly logicalType?: string
  readonly encoding: Encoding
  /** what DuckDB makes of the column on its way out; nothing if it stores it that way already */
  readonly cast?: string
}

const int32: ColumnType = { avro: 'int', encoding: 'int', cast: 'INTEGER' }
const text: ColumnType = { avro: 'string', encoding: 'bytes', cast: 'VARCHAR' }

/** Types by the name that DuckDB gives them; those with parameters stand in `columnType`. */
const columnTypes: Readonly<Record<string, ColumnType>> = {
  BOOLEAN: { avro: 'boolean', encoding: 'boolean' },
  TINYINT: int32,
  SMALLINT: int32,
  UTINYINT: int32,
  USMALLINT: int32,
  INTEGER: { avro: 'int', encoding: 'int' },
  UINTEGER: { avro: 'long', encoding: 'long', cast: 'BIGINT' },
  BIGINT: { avro: 'long', encoding: 'long' },
  // The cast fails above 2^63 - 1 instead of rounding.
  UBIGINT: { avro: 'long', encoding: 'long', cast: 'BIGINT' },
  HUGEINT: text,
  UHUGEINT: text,
  BIGNUM: text,
  FLOAT: { avro: 'float', encoding: 'float' },
  DOUBLE: { avro: 'double', encoding: 'double' },
  VARCHAR: { avro: 'string', encoding: 'bytes' },
  BLOB: { avro: 'bytes', encoding: 'bytes' },
  UUID: { avro: 'string', logicalType: 'uuid', encoding: 'bytes', cast: 'VARCHAR' },
  DATE: { avro: 'int', logicalType: 'date', encoding: 'int' },
  TIME: { avro: 'long', logicalType: 'time-micros', encoding: 'long' },
  TIMESTAMP: { avro: 'long', logicalType: 'timestamp-micros', encoding: 'long' },
  'TIMESTAMP WITH TIME ZONE': { avro: 'long', logicalType: 'timestamp-micros', encoding: 'long' },
  TIMESTAMP_S: { avro: 'long', logicalType: 'timestamp-millis', encoding: 'long', cast: 'TIMESTAMP_MS' },
  TIMESTAMP_MS: { avro: 'long', logicalType: 'timestamp-millis', encoding: 'long' },
  TIMESTAMP_NS: { avro: 'long', logicalType: 'timestamp-nanos', encoding: 'long' },
}

/**
 * How a DuckDB type becomes an Avro type; undefined for those that do not: LIST, STRUCT, MAP, INTERVAL and the like.
 *
 * @param sqlType as DESCRIBE prints it
 *
 * @example
 * columnType('DECIMAL(18,2)') // { avro: 'double', encoding: 'double', cast: 'DOUBLE' }
 * columnType('INTEGER[]') // undefined
 */
export function columnType(sqlType: string): ColumnType | undefined {
  if (Object.hasOwn(columnTypes, sqlType)) return columnTypes[sqlType]
  // The end is checked too: DECIMAL(18,2)[] and ENUM('a')[] are lists.
  if (/^DECIMAL\([^()]*\)$/.test(sqlType)) return { avro: 'double', encoding: 'double', cast: 'DOUBLE' }
  if (sqlType.startsWith('ENUM(') && sqlType.endsWith(')')) return text
  return undefined
}

/** The SQL expression that gives a column as its encoding needs it. */
export function columnExpression({ value, type }: { readonly value: string; readonly type: ColumnType }): string {
  return type.cast === undefined ? value : `CAST(${value} AS ${type.cast})`
}
