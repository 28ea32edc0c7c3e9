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
import { type ColumnTree, columnTree, mostSteps, withoutNull } from './column-path.ts'
import { parseExactJson } from './exact-json.ts'
import { columnOf, type NumericColumn, type NumericField, numericColumns, numericField } from './numeric-columns.ts'
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
  readonly raw: AvroRecord
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
 * A record on the way to a column within it is derived likewise, as `<Record>Normalized`; what else the raw schema uses
 * that type for keeps the raw one. Where it has several such records with other columns each, or the name is taken, the
 * names get numbers: `<Record>Normalized2`.
 *
 * @param rawSchema JSON text of a record
 * @param modelled  names of columns that `numericColumns` admits
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
  if (schema.kind !== 'record') throw new UnfitColumnError('the schema', '*', 'it is not a record', [])
  const { versionField, recordName } = chosenNames(schema, options)

  const raw = recordJson(parseExactJson(rawSchema))
  const deriver = new RecordDeriver(schema, raw, recordName)
  const fields = deriver.fields(schema, columnTree(columns.map(({ name }) => name)))
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

/** Derives the records of one schema. */
class RecordDeriver {
  readonly #definitions = new Map<string, TypeDefinition>()
  readonly #types: TypeCopier
  /** full names that are given out */
  readonly #taken: Set<string>
  /** full names of the derived records, by the raw record and its columns */
  readonly #derived = new Map<string, string>()
  #modeValueType: unknown = modeValue

  /** @param json of the record */
  constructor(record: AvroRecord, json: Json, recordName: string) {
    collectTypes(json, '', this.#definitions)
    // The definitions around a field may be gone, and with them what it refers to.
    this.#types = new TypeCopier(this.#definitions)
    this.#taken = typeNames(record).add(fullName(recordName, record.namespace))
  }

  fields(record: AvroRecord, tree: ColumnTree): Json[] {
    const json = this.#definitions.get(record.name)?.json.fields as Json[]
    return record.fields.map((field, i) => {
      const { [rawTypeProperty]: _ours, ...kept } = json[i]
      const found = tree.get(field.name)
      if (found === undefined) return { ...kept, type: this.#types.copy(kept.type, record.namespace) }
      if (typeof found === 'object') return this.#nullable(kept, field, this.#record(field, found))
      const column = numericField(field) as NumericField
      const type = this.#modeValueType
      this.#modeValueType = modeValueName
      return { ...this.#nullable(kept, field, type), [rawTypeProperty]: column.type }
    })
  }

  /** The type of a field with columns within it. */
  #record({ type }: AvroField, tree: ColumnTree): unknown {
    const record = withoutNull(type).present as AvroRecord
    const key = JSON.stringify([record.name, pathsOf(tree)])
    const known = this.#derived.get(key)
    if (known !== undefined) return known
    const shortName = record.name.slice(record.name.lastIndexOf('.') + 1)
    const { namespace } = record
    let name = `${shortName}Normalized`
    for (let i = 2; this.#taken.has(fullName(name, namespace)); i++) name = `${shortName}Normalized${i}`
    this.#taken.add(fullName(name, namespace))
    this.#derived.set(key, fullName(name, namespace))
    const { aliases: _, ...properties } = this.#definitions.get(record.name)?.json ?? {}
    return { ...properties, name, namespace, fields: this.fields(record, tree) }
  }

  /** A field with another type, in the same union with null. */
  #nullable({ default: fallback, ...kept }: Json, field: AvroField, type: unknown): Json {
    const { isNullable, nullFirst } = withoutNull(field.type)
    if (!nullFirst) return { ...kept, type: isNullable ? [type, 'null'] : type }
    return { ...kept, type: ['null', type], ...(fallback === null && { default: null }) }
  }
}

function pathsOf(tree: ColumnTree): string[] {
  return [...tree].flatMap(([name, found]) =>
    typeof found === 'number' ? [name] : pathsOf(found).map((path) => `${name}.${path}`),
  )
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
  const finder = new ColumnFinder(json, recordJson(schemaJson(rawSchema)))
  const columns = finder.columns({ ...parsed, fields }, raw)
  return { schema: parsed, raw, rawSchema, columns, model: stampedModel(json[modelProperty]) }
}

/** Finds the columns of a normalized schema, beside its raw one. */
class ColumnFinder {
  readonly #definitions = new Map<string, TypeDefinition>()
  readonly #rawDefinitions = new Map<string, TypeDefinition>()
  #looked = 0

  constructor(json: Json, rawJson: Json) {
    collectTypes(json, '', this.#definitions)
    collectTypes(rawJson, '', this.#rawDefinitions)
  }

  /** @param path names of the fields that the record stands in */
  columns(record: AvroRecord, raw: AvroRecord, path: readonly string[] = [], isWithinNull = false): NumericColumn[] {
    if (record.fields.length !== raw.fields.length)
      throw new NotNormalizedError(`the fields of ${record.name} are not those of ${raw.name}`)
    return record.fields.flatMap((field, i) => {
      const rawField = raw.fields[i]
      const inner = [...path, field.name]
      if (field.name !== rawField.name)
        throw new NotNormalizedError(`field "${field.name}" stands where ${raw.name} has "${rawField.name}"`)
      const rawType = this.#property(this.#definitions, record, field)
      // A raw field may have a property of our name, which is then none of ours; a type of our name no raw schema has.
      const isOurs = rawType !== undefined && this.#property(this.#rawDefinitions, raw, rawField) === undefined
      const isModelled = isOurs || branchesOf(field).some((type) => 'name' in type && type.name === modeValueName)
      if (isModelled) {
        return [columnOf(modelledField(field, rawField, rawType), inner.join('.'), isWithinNull)]
      }
      const { present, isNullable, nullFirst } = withoutNull(field.type)
      const rawInner = withoutNull(rawField.type)
      if (present.kind !== 'record' || rawInner.present.kind !== 'record') return []
      // What is not derived keeps its name.
      if (present.name === rawInner.present.name) return []
      const isSame = isNullable === rawInner.isNullable && nullFirst === rawInner.nullFirst
      if (!isSame || inner.length === mostSteps || ++this.#looked > mostRecords)
        throw new NotNormalizedError(`field "${inner.join('.')}" is not the raw one with columns in it`)
      return this.columns(present, rawInner.present, inner, isWithinNull || isNullable)
    })
  }

  #property(definitions: ReadonlyMap<string, TypeDefinition>, record: AvroRecord, field: AvroField): unknown {
    const fields = (definitions.get(record.name)?.json.fields ?? []) as Json[]
    return fields.find(({ name }) => name === field.name)?.[rawTypeProperty]
  }
}

/** Records of a schema that are gone through: one that holds itself, or one in many places each, has no end. */
const mostRecords = 100_000

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

function modelledField(field: AvroField, rawField: AvroField, rawType: unknown): NumericField {
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
  return column
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
