import { type ColumnType, columnType } from './column-types.ts'
import type { FileColumn } from './record-schema.ts'

const numbers = ['int', 'long', 'float', 'double']

/**
 * The columns of several files, each with a type that holds its values in all of them: the widest number, else text.
 *
 * @param files shape (files), the columns of each
 */
export function widestColumns(files: readonly (readonly FileColumn[])[]): FileColumn[] {
  const widest = new Map<string, FileColumn>()
  for (const columns of files) {
    for (const column of columns) {
      const known = widest.get(column.field)
      widest.set(column.field, known === undefined ? column : widerColumn(known, column))
    }
  }
  return [...widest.values()]
}

function widerColumn(one: FileColumn, other: FileColumn): FileColumn {
  const sqlType = widerType(one, other)
  return {
    ...one,
    sqlType,
    type: columnType(sqlType) as ColumnType,
    nullable: one.nullable || other.nullable,
    isEmpty: (one.isEmpty ?? false) && (other.isEmpty ?? false),
  }
}

function widerType(one: FileColumn, other: FileColumn): string {
  if (one.type.avro === other.type.avro && one.type.logicalType === other.type.logicalType) return one.sqlType
  const [a, b] = [one, other].map(({ type }) => (type.logicalType === undefined ? numbers.indexOf(type.avro) : -1))
  // A column without a value is text in its own file, and fits any type.
  if (one.isEmpty) return other.sqlType
  if (other.isEmpty) return one.sqlType
  if (a < 0 || b < 0) return 'VARCHAR'
  // No float holds every int, and no double every long: a file whose values do not fit says so.
  return Math.max(a, b) === 1 ? 'BIGINT' : 'DOUBLE'
}
