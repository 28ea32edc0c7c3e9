import type { ColumnType } from './column-types.ts'
import { fieldName } from './field-names.ts'

/** A column of a file and the Avro field that it becomes. */
export interface FileColumn {
  /** as the file calls it */
  readonly column: string
  /** as Avro calls it */
  readonly field: string
  /** DuckDB's name of its type */
  readonly sqlType: string
  readonly type: ColumnType
  readonly nullable: boolean
}

/**
 * The Avro schema of a file's rows. A nullable field is `["null", T]` with default null; a field whose name had to
 * change keeps the file's in `doc`: an Avro alias would have to be a valid name as well.
 *
 * @param dataset the record is called after it, as `fieldName` makes it a name
 * @returns the schema's JSON text
 */
export function recordSchema(dataset: string, columns: readonly FileColumn[]): string {
  return JSON.stringify({
    type: 'record',
    name: fieldName(dataset),
    fields: columns.map(({ column, field, type, nullable }) => {
      const plain = type.logicalType === undefined ? type.avro : { type: type.avro, logicalType: type.logicalType }
      return {
        name: field,
        type: nullable ? ['null', plain] : plain,
        ...(column === field ? {} : { doc: `Column "${column}" of the file` }),
        ...(nullable ? { default: null } : {}),
      }
    }),
  })
}
