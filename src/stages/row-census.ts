import { type RowError, rowErrors } from '../rows/row-error.ts'
import type { RowLook } from '../rows/row-look.ts'
import type { RowSchemaName } from '../rows/schema-name.ts'

/** Rows that name one schema. */
interface SchemaRows {
  /** all of them */
  readonly rows: number
  /** those that could not be read, by reason */
  readonly failed: ReadonlyMap<RowError, number>
}

/** Counts of rows by schema and result. Plain data, because it may come from a thread. */
export interface RowCensus {
  readonly schemas: ReadonlyMap<RowSchemaName, SchemaRows>
  /** rows that name no schema */
  readonly looks: ReadonlyMap<RowLook, number>
  /** records without a value; no rows */
  readonly tombstones: number
}

/** Rows of the census that could not be read. */
export function failedRows({ schemas, looks }: RowCensus): number {
  const inSchemas = [...schemas.values()].reduce((sum, { failed }) => sum + total(failed), 0)
  return inSchemas + total(looks)
}

/** Rows that have a schema, and not the columns that were asked for. */
export function mismatchedRows({ schemas }: RowCensus): number {
  return [...schemas.values()].reduce((sum, { failed }) => sum + (failed.get(rowErrors.schemaMismatch) ?? 0), 0)
}

export function joinCensus(a: RowCensus, b: RowCensus): RowCensus {
  const schemas = new Map(a.schemas)
  for (const [name, { rows, failed }] of b.schemas) {
    const known = schemas.get(name)
    schemas.set(name, { rows: rows + (known?.rows ?? 0), failed: joinCounts(known?.failed, failed) })
  }
  return { schemas, looks: joinCounts(a.looks, b.looks), tombstones: a.tombstones + b.tombstones }
}

/** With rows of batches that nobody can take apart. */
export function withUnreadable(census: RowCensus, rows: number): RowCensus {
  if (rows === 0) return census
  return { ...census, looks: joinCounts(census.looks, new Map([['broken-batch', rows] as const])) }
}

/** The sums of two maps of counts. */
export function joinCounts<K>(a: ReadonlyMap<K, number> | undefined, b: ReadonlyMap<K, number>): Map<K, number> {
  const sums = new Map(a)
  for (const [key, count] of b) sums.set(key, (sums.get(key) ?? 0) + count)
  return sums
}

function total(counts: ReadonlyMap<unknown, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0)
}
