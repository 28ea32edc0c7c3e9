import { columnOfDoc, fileColumnDoc } from '../../rows/file-columns.ts'
import { type ColumnType, columnType } from './column-types.ts'
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
  /** SQL: a row's value, of `sqlType` */
  readonly value: string
  readonly nullable: boolean
  /** whether no row has a value, so that the type says nothing */
  readonly isEmpty?: boolean
  /** what somebody should know of it, and what would mend it */
  readonly remark?: string | undefined
}

/** What the rows of a topic are so far. */
export interface TopicRecord {
  /** JSON text of the newest schema */
  readonly schema: string
  readonly name: string
  readonly namespace: string | undefined
  readonly fields: ReadonlyMap<string, TopicField>
}

interface TopicField {
  /** DuckDB's name of a type whose values the field holds; undefined for what no file's column becomes */
  readonly sqlType: string | undefined
  /** Avro's name of its type, or of its logical type; undefined for what is no plain value */
  readonly typeName: string | undefined
  readonly nullable: boolean
  /** what its column was called in the file that it was loaded from, if that is not the field's name */
  readonly column?: string | undefined
}

/**
 * Reads a topic's schema for the types of its fields.
 *
 * @returns undefined for what is no record
 */
export function topicRecord(schema: string): TopicRecord | undefined {
  const json = JSON.parse(schema) as { type?: unknown; name?: string; namespace?: string; fields?: unknown }
  if (json.type !== 'record' || typeof json.name !== 'string' || !Array.isArray(json.fields)) return undefined
  const fields = new Map<string, TopicField>()
  for (const { name, type, doc } of json.fields as { name: string; type: unknown; doc?: unknown }[]) {
    const branches = Array.isArray(type) ? type.filter((branch) => branch !== 'null') : [type]
    fields.set(name, {
      sqlType: branches.length === 1 ? sqlTypeOf(branches[0]) : undefined,
      typeName: branches.length === 1 ? avroName(branches[0]) : undefined,
      nullable: Array.isArray(type) && type.includes('null'),
      column: columnOfDoc(doc),
    })
  }
  return { schema, name: json.name, namespace: json.namespace, fields }
}

/**
 * Reads all schemas of a topic for the types of its fields: a field that the newest schema has not is as the newest one
 * that has it says, and nullable.
 *
 * @param schemas the newest first
 * @returns undefined if the newest is no record
 */
export function topicRecordOf(schemas: readonly string[]): TopicRecord | undefined {
  const [newest, ...older] = schemas.map(topicRecord)
  if (newest === undefined) return undefined
  const fields = new Map(newest.fields)
  for (const record of older) {
    for (const [name, field] of record?.fields ?? []) {
      const known = fields.get(name)
      if (known === undefined) fields.set(name, { ...field, nullable: true })
      else if (known.column === undefined) fields.set(name, { ...known, column: field.column })
    }
  }
  return { ...newest, fields }
}

/** What the columns of a topic's fields were called in their files: of those that are called otherwise. */
export function knownColumns(topic: TopicRecord | undefined): ReadonlyMap<string, string> {
  const fields = [...(topic?.fields ?? [])]
  return new Map(fields.flatMap(([field, { column }]) => (column === undefined ? [] : [[field, column]])))
}

/** DuckDB types whose columns become these Avro types. */
const sqlTypes = [
  'BOOLEAN',
  'INTEGER',
  'BIGINT',
  'FLOAT',
  'DOUBLE',
  'VARCHAR',
  'DATE',
  'TIME',
  'TIMESTAMP',
  'TIMESTAMP_NS',
]

function sqlTypeOf(type: unknown): string | undefined {
  const { type: avro, logicalType } = typeof type === 'string' ? { type, logicalType: undefined } : (type as ColumnJson)
  return sqlTypes.find((sqlType) => {
    const made = columnType(sqlType)
    return made?.avro === avro && made?.logicalType === logicalType
  })
}

interface ColumnJson {
  readonly type: unknown
  readonly logicalType?: string
}

function avroName(type: unknown): string | undefined {
  if (typeof type === 'string') return type
  const { type: avro, logicalType } = type as ColumnJson
  return logicalType ?? (typeof avro === 'string' ? avro : undefined)
}

/** What is said of a column whose values do not fit its field in the topic. */
export function otherTypeRemark(
  topic: TopicRecord | undefined,
  field: string,
  { avro, logicalType }: ColumnType,
): string | undefined {
  const known = topic?.fields.get(field)?.typeName
  const made = logicalType ?? avro
  if (known === undefined || known === made) return undefined
  const both = 'the topic then has rows of both types'
  // A number is a long wherever it is read; a time in another unit is another time.
  const refused = [known, made].some((name) => /^(date|time|local)/.test(name)) ? ', which vgm export refuses' : ''
  return `${made}, because its values do not fit the topic's ${known}: ${both}${refused}`
}

/**
 * The Avro schema of a file's rows. A nullable field is `["null", T]` with default null; a field whose name had to
 * change keeps the file's in `doc`: an Avro alias would have to be a valid name as well. Where a topic has the same
 * fields already its schema stays, and where it has others the record keeps its name.
 *
 * @param dataset the record is called after it, as `fieldName` makes it a name
 * @returns the schema's JSON text
 */
export function recordSchema(dataset: string, columns: readonly FileColumn[], topic?: TopicRecord): string {
  if (topic !== undefined && hasFields(topic, columns)) return topic.schema
  return JSON.stringify({
    type: 'record',
    name: topic?.name ?? fieldName(dataset),
    ...(topic?.namespace !== undefined && { namespace: topic.namespace }),
    fields: columns.map(({ column, field, type, nullable }) => {
      const plain = type.logicalType === undefined ? type.avro : { type: type.avro, logicalType: type.logicalType }
      return {
        name: field,
        type: nullable ? ['null', plain] : plain,
        ...docOf(field, topic?.fields.get(field)?.column ?? column),
        ...(nullable ? { default: null } : {}),
      }
    }),
  })
}

const docOf = (field: string, column: string) => (column === field ? {} : { doc: fileColumnDoc(column) })

/** Whether rows of these columns are rows of the topic's schema, byte for byte. */
function hasFields({ schema, fields }: TopicRecord, columns: readonly FileColumn[]): boolean {
  const json = JSON.parse(schema) as { fields: { name: string; type: unknown }[] }
  if (json.fields.length !== columns.length) return false
  return json.fields.every(({ name, type }, i) => {
    const { field, nullable, type: made } = columns[i]
    const known = fields.get(name)
    // The null branch comes first in the rows that a load writes.
    const nullFirst = !nullable || (Array.isArray(type) && type[0] === 'null')
    const wanted = known?.sqlType === undefined ? undefined : columnType(known.sqlType)
    return (
      name === field &&
      nullFirst &&
      known?.nullable === nullable &&
      wanted?.avro === made.avro &&
      wanted?.logicalType === made.logicalType
    )
  })
}
