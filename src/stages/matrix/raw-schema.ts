import type { AvroType } from '../../rows/avro-schema.ts'
import type { MatrixColumn } from './matrix-column.ts'

/**
 * The Avro schema of a raw row that has some columns alone, as JSON text: what rows of a matrix become. Records on the
 * way to a column are there, and never null.
 *
 * @param name full name of the record
 */
export function rawSchemaOf(name: string, columns: readonly MatrixColumn[]): string {
  const root: RecordFields = { name, fields: new Map() }
  for (const column of columns) {
    const steps = column.name.split('.')
    let record = root
    for (const [i, step] of steps.slice(0, -1).entries()) {
      const known = record.fields.get(step)
      const inner = known !== undefined && 'fields' in known ? known : { name: column.within[i], fields: new Map() }
      record.fields.set(step, inner)
      record = inner
    }
    record.fields.set(steps[steps.length - 1], column)
  }
  return JSON.stringify(recordJson(root, new Set()))
}

interface RecordFields {
  readonly name: string
  readonly fields: Map<string, MatrixColumn | RecordFields>
}

/** @param defined full names that stand before: a type is defined once */
function recordJson({ name, fields }: RecordFields, defined: Set<string>): object {
  // One record type in two places may have other columns in each.
  let unique = name
  for (let i = 2; defined.has(unique); i++) unique = `${name}${i}`
  defined.add(unique)
  return {
    type: 'record',
    name: unique,
    fields: [...fields].map(([field, what]) => ({
      name: field,
      type: 'fields' in what ? recordJson(what, defined) : columnType(what, defined),
    })),
  }
}

function columnType({ type, nullable, nulls }: MatrixColumn, defined: Set<string>): unknown {
  const json = leafJson(type, defined)
  return nullable || nulls > 0 ? ['null', json] : json
}

function leafJson(type: AvroType, defined: Set<string>): unknown {
  const { kind } = type
  if ('name' in type) {
    if (defined.has(type.name)) return type.name
    defined.add(type.name)
  }
  const named = 'name' in type && { name: type.name }
  const logical = 'logicalType' in type && logicalJson(type)
  if (kind === 'enum') return { type: 'enum', ...named, symbols: type.symbols }
  if (kind === 'fixed') return { type: 'fixed', ...named, size: type.sizeBytes, ...logical }
  return logical ? { type: kind, ...logical } : kind
}

/** Connect's names of times are no logical types. */
function logicalJson({ logicalType, precision, scale }: { logicalType?: string; precision?: number; scale?: number }) {
  if (logicalType === undefined || logicalType.includes('.')) return undefined
  return { logicalType, ...(precision !== undefined && { precision }), ...(scale !== undefined && { scale }) }
}
