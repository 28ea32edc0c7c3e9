import type { Type } from 'avsc'
import { wideLongType } from '../../avro/wide-long.ts'
import { UsageError } from '../../errors.ts'
import { fullName } from '../../rows/avro-schema.ts'
import { plainSchema } from '../../rows/plain-schema.ts'
import { MalformedSchemaError } from '../../rows/schema-error.ts'
import { collectTypes, type TypeDefinition } from '../../rows/type-copier.ts'

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

/**
 * How a field stands in the bytes; `mode` is a ModeValue, which fills two columns, `record` is one with a ModeValue in
 * it, which fills those of its fields, `other` is anything else that is nested.
 */
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
  | 'record'
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
  /** of `record` */
  readonly fields?: readonly FieldPlan[]
  /** of `record`: how many columns it fills */
  readonly columnCount?: number
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
 * ModeValue, text with JSON in it for what is nested. The fields of a record with a ModeValue in it are columns too,
 * with its name and a dot before theirs. The types stand in docs/types.md.
 *
 * @param schema JSON text of a record
 * @throws UsageError when two columns would have the same name
 * @throws MalformedSchemaError if it is none
 */
export function recordPlan(schema: string): RecordPlan {
  const record = recordJson(JSON.parse(schema) as Json)
  if (record === undefined) throw new MalformedSchemaError('the schema', 'it is no record')
  const plain = plainSchema(schema) as object
  const whole = wideLongType(plain, { wrapUnions: 'auto' })
  const planner = new FieldPlanner(record)
  const fields = planner.fields(record, whole, '')
  checkNames(planner.columns)
  return { fields, columns: planner.columns }
}

/** Plans the fields of a record, and collects their columns. */
class FieldPlanner {
  readonly columns: TableColumn[] = []
  readonly #definitions = new Map<string, TypeDefinition>()
  /** where the names of a definition stand */
  readonly #namespaces: ReadonlyMap<Json, string>
  readonly #withModes = new Map<Json, boolean>()

  constructor(record: Json) {
    collectTypes(record, '', this.#definitions)
    this.#namespaces = new Map([...this.#definitions.values()].map((known) => [known.json, known.namespace]))
  }

  /**
   * @param whole avsc's type of the record
   * @param around records that it stands in
   */
  fields(record: Json, whole: Type, before: string, around: readonly Json[] = []): FieldPlan[] {
    const passed = [...around, record]
    return (record.fields as Json[]).map((field, i) => {
      const name = `${before}${field.name}`
      const { type, nullBranch } = withoutNull(field.type)
      const json = this.#definition(type, record)
      const column = this.columns.length
      const plan = { nullBranch, column, sizeBytes: Number(json.size ?? 0), symbols: symbolsOf(json) }
      if (this.#isModeValue(json)) {
        this.columns.push({ name: `${name}_value`, type: 'DOUBLE' }, { name: `${name}_mode`, type: 'INTEGER' })
        return { ...plan, kind: 'mode' }
      }
      const wholeField = (whole as unknown as { fields: { type: Type }[] }).fields[i].type
      if (this.#hasModes(json) && !passed.includes(json)) {
        const fields = this.fields(json, branchOf(wholeField, nullBranch), `${name}.`, passed)
        return { ...plan, kind: 'record', fields, columnCount: this.columns.length - column }
      }
      const logical = logicalColumns[`${json.type} ${json.logicalType}`]
      const [kind, columnType] = logical ?? plainColumns[String(json.type)] ?? plainColumns.other
      this.columns.push({ name, type: columnType })
      return kind === 'other' ? { ...plan, kind, nullBranch: -1, type: wholeField } : { ...plan, kind }
    })
  }

  /** What stands behind a type: its own JSON, or for a name the JSON that has defined it. */
  #definition(type: unknown, around: Json): Json {
    if (typeof type === 'string') {
      const namespace = this.#namespaces.get(around) ?? ''
      return (this.#definitions.get(fullName(type, namespace)) ?? this.#definitions.get(type))?.json ?? { type }
    }
    if (Array.isArray(type) || typeof type !== 'object' || type === null) return { type: 'other' }
    const json = type as Json
    const isWrapper = typeof json.type !== 'string' || (json.name === undefined && !(json.type in plainColumns))
    return isWrapper ? this.#definition(json.type, around) : json
  }

  #isModeValue(json: Json): boolean {
    return this.#definitions.get(modeValueName)?.json === json
  }

  #hasModes(json: Json): boolean {
    if (!Array.isArray(json.fields)) return false
    const known = this.#withModes.get(json)
    if (known !== undefined) return known
    this.#withModes.set(json, false)
    const has = (json.fields as Json[]).some((field) => {
      const inner = this.#definition(withoutNull(field.type).type, json)
      return this.#isModeValue(inner) || this.#hasModes(inner)
    })
    this.#withModes.set(json, has)
    return has
  }
}

function symbolsOf(json: Json): Uint8Array[] {
  return ((json.symbols ?? []) as string[]).map((symbol) => Buffer.from(symbol))
}

/** avsc's type of what is not null. */
function branchOf(type: Type, nullBranch: number): Type {
  return nullBranch < 0 ? type : (type as unknown as { types: Type[] }).types[1 - nullBranch]
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

function checkNames(columns: readonly TableColumn[]): void {
  const seen = new Set<string>()
  for (const { name } of columns) {
    if (seen.has(name)) {
      throw new UsageError(`The exported table would have two columns "${name}"`, 'Export the restored topic instead')
    }
    seen.add(name)
  }
}
