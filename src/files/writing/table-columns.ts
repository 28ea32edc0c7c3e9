import type { Type } from 'avsc'
import { wideLongType } from '../../avro/wide-long.ts'
import { UsageError } from '../../errors.ts'
import { plainSchema } from '../../rows/plain-schema.ts'
import { MalformedSchemaError } from '../../rows/schema-error.ts'

/** DuckDB types that an exported column can have. */
export type TableType =
  | 'BOOLEAN'
  | 'INTEGER'
  | 'BIGINT'
  | 'FLOAT'
  | 'DOUBLE'
  | 'DATE'
  | 'TIME'
  | 'TIMESTAMP'
  | 'TIMESTAMP_MS'
  | 'TIMESTAMP_NS'
  | 'VARCHAR'
  | 'BLOB'

export interface TableColumn {
  readonly name: string
  readonly type: TableType
}

/** How a field stands in the bytes; `mode` is a ModeValue, which fills two columns, `other` is anything nested. */
type FieldKind =
  | 'boolean'
  | 'int'
  | 'time-millis'
  | 'long'
  | 'float'
  | 'double'
  | 'bytes'
  | 'fixed'
  | 'enum'
  | 'mode'
  | 'other'

/** A field of a record, and the first of the columns that it fills. */
export interface FieldPlan {
  readonly kind: FieldKind
  /** the branch of the union that is null: 0 or 1, and -1 for a field that cannot be null */
  readonly nullBranch: number
  /** index into the record's columns */
  readonly column: number
  /** of a fixed */
  readonly sizeBytes: number
  /** of an enum, UTF-8 */
  readonly symbols: readonly Uint8Array[]
  /** of `other`: written as Avro's JSON */
  readonly type?: Type
}

/** A record's fields in order, and the columns that they become. */
export interface RecordPlan {
  readonly fields: readonly FieldPlan[]
  readonly columns: readonly TableColumn[]
}

type Json = Record<string, unknown>

const modeValueName = 'io.vgmstream.ModeValue'

const logicalColumns: Readonly<Record<string, [FieldKind, TableType]>> = {
  'int date': ['int', 'DATE'],
  'int time-millis': ['time-millis', 'TIME'],
  'long time-micros': ['long', 'TIME'],
  'long timestamp-millis': ['long', 'TIMESTAMP_MS'],
  'long timestamp-micros': ['long', 'TIMESTAMP'],
  'long timestamp-nanos': ['long', 'TIMESTAMP_NS'],
  'long local-timestamp-millis': ['long', 'TIMESTAMP_MS'],
  'long local-timestamp-micros': ['long', 'TIMESTAMP'],
  'long local-timestamp-nanos': ['long', 'TIMESTAMP_NS'],
}

const plainColumns: Readonly<Record<string, [FieldKind, TableType]>> = {
  boolean: ['boolean', 'BOOLEAN'],
  int: ['int', 'INTEGER'],
  long: ['long', 'BIGINT'],
  float: ['float', 'FLOAT'],
  double: ['double', 'DOUBLE'],
  string: ['bytes', 'VARCHAR'],
  bytes: ['bytes', 'BLOB'],
  enum: ['enum', 'VARCHAR'],
  fixed: ['fixed', 'BLOB'],
  other: ['other', 'VARCHAR'],
}

/**
 * The columns of a record's rows in an exported table: a field a column, `<field>_value` and `<field>_mode` for a
 * ModeValue, text with JSON in it for what is nested. The types stand in docs/types.md.
 *
 * @param schema JSON text of a record
 * @throws UsageError when two columns would have the same name
 * @throws MalformedSchemaError if it is none
 */
export function recordPlan(schema: string): RecordPlan {
  const record = recordJson(JSON.parse(schema) as Json)
  if (record === undefined) throw new MalformedSchemaError('the schema', 'it is no record')
  const plain = plainSchema(schema) as object
  const whole = wideLongType(plain, { wrapUnions: 'auto' }) as unknown as { fields: { type: Type }[] }
  const named = new Map<string, Json>()
  const columns: TableColumn[] = []
  const fields = (record.fields as Json[]).map((field, i) => {
    const name = String(field.name)
    const { type, nullBranch } = withoutNull(field.type)
    const json = definition(type, String(record.namespace ?? ''), named)
    const first = columns.length
    if (json.fullName === modeValueName) {
      columns.push({ name: `${name}_value`, type: 'DOUBLE' }, { name: `${name}_mode`, type: 'INTEGER' })
      return { kind: 'mode' as const, nullBranch, column: first, sizeBytes: 0, symbols: [] }
    }
    const logical = logicalColumns[`${json.type} ${json.logicalType}`]
    const [kind, columnType] = logical ?? plainColumns[String(json.type)] ?? plainColumns.other
    columns.push({ name, type: columnType })
    return {
      kind,
      nullBranch: kind === 'other' ? -1 : nullBranch,
      column: first,
      sizeBytes: Number(json.size ?? 0),
      symbols: ((json.symbols ?? []) as string[]).map((symbol) => Buffer.from(symbol)),
      ...(kind === 'other' ? { type: whole.fields[i].type } : {}),
    }
  })
  checkNames(columns)
  return { fields, columns }
}

/** The object that describes a record: a schema may wrap it, as in {"type": {"type": "record", ...}}. */
function recordJson(json: Json): Json | undefined {
  if (Array.isArray(json.fields)) return json
  return typeof json.type === 'object' && json.type !== null ? recordJson(json.type as Json) : undefined
}

/** The other branch of a union of two with null; any other type as it is. */
function withoutNull(type: unknown): { type: unknown; nullBranch: number } {
  if (!Array.isArray(type) || type.length !== 2 || !type.includes('null')) return { type, nullBranch: -1 }
  const nullBranch = type.indexOf('null')
  return { type: type[1 - nullBranch], nullBranch }
}

/** What stands behind a type: its own JSON, or for a name the JSON that has defined it. */
function definition(type: unknown, namespace: string, named: Map<string, Json>): Json {
  if (typeof type === 'string') {
    return named.get(type) ?? named.get(`${namespace}.${type}`) ?? { type }
  }
  if (Array.isArray(type) || typeof type !== 'object' || type === null) return { type: 'other' }
  const json = type as Json
  if (typeof json.type !== 'string') return definition(json.type, namespace, named)
  if (typeof json.name !== 'string') return json
  const space = json.namespace ?? namespace
  const fullName = json.name.includes('.') || space === '' ? json.name : `${space}.${json.name}`
  const known = { ...json, fullName }
  named.set(fullName, known)
  return known
}

function checkNames(columns: readonly TableColumn[]): void {
  const seen = new Set<string>()
  for (const { name } of columns) {
    if (seen.has(name)) {
      throw new UsageError(`The exported table would have two columns "${name}"`, 'Export the restored topic instead')
    }
    seen.add(name)
  }
}
