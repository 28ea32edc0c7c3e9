import {
  type AvroField,
  type AvroRecord,
  type AvroType,
  fullName,
  parseAvroSchema,
  type SchemaJson,
  schemaJson,
  typeNames,
} from './avro-schema.ts'
import { parseExactJson } from './exact-json.ts'
import { type NumericColumn, numericColumns, numericField } from './numeric-columns.ts'
import { NotNormalizedError, SchemaCollisionError, UnfitColumnError } from './schema-error.ts'
import { collectTypes, type SchemaObject as Json, TypeCopier, type TypeDefinition } from './type-copier.ts'

/** Property of a normalized record: the raw schema's JSON text. */
const rawSchemaProperty = 'vgm.raw.schema'
/** Property of a modelled field: its type in the raw schema. */
const rawTypeProperty = 'vgm.type'

/**
 * Property of a normalized record: which model its rows are stamped with, should the version be given out once more.
 */
const modelProperty = 'vgm.model'

/** A version of a data set's model, and its content's hash. */
export interface StampedModel {
  readonly version: number
  readonly content: string
}

const modeValueName = 'io.vgmstream.ModeValue'
const modeValue = {
  type: 'record',
  name: 'ModeValue',
  namespace: 'io.vgmstream',
  doc: 'A number relative to a mode of its column: value = (x - mean) / (4 std)',
  fields: [
    { name: 'value', type: 'double' },
    { name: 'mode', type: 'int' },
  ],
}

export interface NormalizedSchemaOptions {
  /** Name of the first field, where the raw record has a field `model_version` already. */
  readonly renameVersionField?: string
  /** Name of the record, where the raw schema has a type `<Raw>Normalized` already. */
  readonly renameRecord?: string
  /** The model that rows of this schema are stamped with. */
  readonly model?: StampedModel
}

/** What restore needs to know about a topic of normalized rows. */
export interface NormalizedSchema {
  readonly schema: AvroRecord
  /** JSON text, to be registered and written with */
  readonly rawSchema: string
  /** in the order of the fields, as the raw schema has them */
  readonly columns: readonly NumericColumn[]
  /** that rows are stamped with; undefined if the schema does not say, as one of an older writer */
  readonly model: StampedModel | undefined
}

/**
 * Derives the schema of normalized rows from that of raw ones: record `<Raw>Normalized` in the same namespace, first
 * field `model_version`, then the raw fields in their order. Each modelled one becomes an `io.vgmstream.ModeValue`, in
 * the same union with null if it was nullable, and drops its default unless that is the null of a null-first union.
 * Every other field keeps its JSON, but for a property of our name. The record drops its aliases, which are names of
 * the raw record.
 *
 * @param rawSchema JSON text of a record
 * @param modelled  names of fields that `numericColumns` admits
 * @returns JSON text; the same for the same arguments
 * @throws MalformedSchemaError, UnfitColumnError, SchemaCollisionError
 *
 * @example
 * const raw = '{"type": "record", "name": "Row", "fields": [{"name": "x", "type": "double"}]}'
 * deriveNormalizedSchema(raw, [{ name: 'x' }])
 * // {"type":"record","name":"RowNormalized","vgm.raw.schema":"...","fields":[{"name":"model_version","type":"int"},
 * //  {"name":"x","type":{"type":"record","name":"ModeValue","namespace":"io.vgmstream",...},"vgm.type":"double"}]}
 */
export function deriveNormalizedSchema(
  rawSchema: string,
  modelled: readonly { readonly name: string }[],
  options: NormalizedSchemaOptions = {},
): string {
  const schema = parseAvroSchema(rawSchema)
  const columns = numericColumns(schema, { named: modelled.map((column) => column.name) })
  const columnOf = new Map(columns.map((column) => [column.name, column]))
  if (schema.kind !== 'record') throw new UnfitColumnError('the schema', '*', 'it is not a record', [])
  const { versionField, recordName } = chosenNames(schema, options)

  const raw = recordJson(parseExactJson(rawSchema))
  // A raw record that holds itself: its name is no longer that of the record around it. Its copy may come before a type
  // that it refers to.
  const definitions = new Map<string, TypeDefinition>()
  collectTypes(raw, schema.namespace, definitions)
  const types = new TypeCopier(definitions)
  let modeValueType: unknown = modeValue
  const fields = (raw.fields as Json[]).map(({ [rawTypeProperty]: _ours, ...field }) => {
    const column = columnOf.get(field.name as string)
    if (column === undefined) return { ...field, type: types.copy(field.type, schema.namespace) }
    const derived = modelledField(field, column, modeValueType)
    modeValueType = modeValueName
    return derived
  })
  const { type: _type, name: _name, namespace: _namespace, aliases: _aliases, fields: _fields, ...properties } = raw
  return JSON.stringify({
    type: 'record',
    name: recordName,
    ...(schema.namespace === '' ? {} : { namespace: schema.namespace }),
    ...properties,
    [rawSchemaProperty]: rawSchema,
    ...(options.model !== undefined && { [modelProperty]: options.model }),
    fields: [{ name: versionField, type: 'int', doc: 'Version of the model that normalized this row' }, ...fields],
  })
}

function modelledField(field: Json, column: NumericColumn, modeValueType: unknown): Json {
  const { default: fallback, ...kept } = field
  const type = column.nullable ? [modeValueType, 'null'] : modeValueType
  if (!column.nullFirst) return { ...kept, type, [rawTypeProperty]: column.type }
  const nullDefault = fallback === null ? { default: null } : {}
  return { ...kept, type: ['null', modeValueType], ...nullDefault, [rawTypeProperty]: column.type }
}

function chosenNames(schema: AvroRecord, options: NormalizedSchemaOptions) {
  const versionField = options.renameVersionField ?? 'model_version'
  if (schema.fields.some((field) => field.name === versionField)) {
    throw new SchemaCollisionError(
      `${schema.name} has a field "${versionField}" already`,
      'Choose another name for the version with --rename-version-field (renameVersionField)',
    )
  }
  const shortName = schema.name.slice(schema.name.lastIndexOf('.') + 1)
  const recordName = options.renameRecord ?? `${shortName}Normalized`
  const taken = typeNames(schema)
  if (taken.has(fullName(recordName, schema.namespace))) {
    throw new SchemaCollisionError(
      `${schema.name} holds a type "${fullName(recordName, schema.namespace)}" already`,
      'Choose another name for the normalized record with --rename-record (renameRecord)',
    )
  }
  if (taken.has(modeValueName)) {
    throw new SchemaCollisionError(
      `${schema.name} holds a type "${modeValueName}" already`,
      'Normalize the raw topic: these rows seem to be normalized ones',
    )
  }
  return { versionField, recordName }
}

/**
 * Reads what `deriveNormalizedSchema` has written, also after a registry has formatted it anew.
 *
 * @throws MalformedSchemaError
 * @throws NotNormalizedError if it is any other schema
 */
export function parseNormalizedSchema(schema: SchemaJson): NormalizedSchema {
  const parsed = parseAvroSchema(schema)
  if (parsed.kind !== 'record') throw new NotNormalizedError('it is not a record')
  const json = recordJson(schemaJson(schema))
  const rawSchema = json[rawSchemaProperty]
  if (typeof rawSchema !== 'string') throw new NotNormalizedError(`${parsed.name} has no "${rawSchemaProperty}"`)
  const raw = parseRawSchema(rawSchema)
  const [version, ...fields] = parsed.fields
  if (version?.type.kind !== 'int' || fields.length !== raw.fields.length) {
    throw new NotNormalizedError(`the fields of ${parsed.name} are not a version and those of ${raw.name}`)
  }
  const fieldsJson = json.fields as Json[]
  const rawFieldsJson = recordJson(schemaJson(rawSchema)).fields as Json[]
  const columns = fields.flatMap((field, i) => {
    const rawField = raw.fields[i]
    const rawType = fieldsJson[i + 1][rawTypeProperty]
    if (field.name !== rawField.name) {
      throw new NotNormalizedError(`field "${field.name}" stands where ${raw.name} has "${rawField.name}"`)
    }
    // A raw field may have a property of our name, which is then none of ours; a type of our name no raw schema has.
    const isOurs = rawType !== undefined && rawFieldsJson[i][rawTypeProperty] === undefined
    const isModelled = isOurs || branchesOf(field).some((type) => 'name' in type && type.name === modeValueName)
    return isModelled ? modelledColumn(field, rawField, rawType) : []
  })
  return { schema: parsed, rawSchema, columns, model: stampedModel(json[modelProperty]) }
}

function stampedModel(json: unknown): StampedModel | undefined {
  const { version, content } = (json ?? {}) as Partial<StampedModel>
  return typeof version === 'number' && typeof content === 'string' ? { version, content } : undefined
}

function branchesOf({ type }: AvroField): readonly AvroType[] {
  return type.kind === 'union' ? type.branches : [type]
}

function parseRawSchema(rawSchema: string): AvroRecord {
  let raw: AvroType
  try {
    raw = parseAvroSchema(rawSchema)
  } catch (cause) {
    throw new NotNormalizedError(`"${rawSchemaProperty}" is not a schema`, cause)
  }
  if (raw.kind !== 'record') throw new NotNormalizedError(`"${rawSchemaProperty}" is not a record`)
  return raw
}

function modelledColumn(field: AvroField, rawField: AvroField, rawType: unknown): NumericColumn {
  const column = numericField(rawField)
  const branches = branchesOf(field)
  const nullFirst = branches[0].kind === 'null'
  const present = nullFirst ? branches[1] : branches[0]
  if (
    column === undefined ||
    column.type !== rawType ||
    column.nullFirst !== nullFirst ||
    branches.length !== (column.nullable ? 2 : 1) ||
    (column.nullable && !nullFirst && branches[1].kind !== 'null') ||
    !isModeValue(present)
  ) {
    throw new NotNormalizedError(`field "${field.name}" is not a ${modeValueName} of the raw field`)
  }
  const { name, type, nullable } = column
  return { name, type, nullable, nullFirst }
}

function isModeValue(type: AvroType | undefined): boolean {
  if (type?.kind !== 'record' || type.fields.length !== 2) return false
  const [value, mode] = type.fields
  return value.name === 'value' && value.type.kind === 'double' && mode.name === 'mode' && mode.type.kind === 'int'
}

/** The object that describes the record: a schema may wrap it, as in {"type": {"type": "record", ...}}. */
function recordJson(json: unknown): Json {
  let record = json as Json
  while (typeof record.type === 'object') record = record.type as Json
  return record
}
