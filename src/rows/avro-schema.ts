import { MalformedSchemaError } from './schema-error.ts'

/** Types that are written without further structure. */
const primitiveNames = ['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'] as const
export type PrimitiveName = (typeof primitiveNames)[number]

/** What a primitive or a fixed stands for. */
interface LogicalType {
  /** as the schema says it, known or not; else Connect's name for a time */
  readonly logicalType?: string
  /** of a decimal: digits in all, and of them after the point */
  readonly precision?: number
  readonly scale?: number
}

export interface AvroPrimitive extends LogicalType {
  readonly kind: PrimitiveName
}

export interface AvroEnum {
  readonly kind: 'enum'
  /** with its namespace */
  readonly name: string
  readonly aliases?: readonly string[]
  readonly symbols: readonly string[]
  /** the symbol that readers take for those that they do not know */
  readonly default?: string
}

export interface AvroFixed extends LogicalType {
  readonly kind: 'fixed'
  /** with its namespace */
  readonly name: string
  readonly aliases?: readonly string[]
  readonly sizeBytes: number
}

interface AvroArray {
  readonly kind: 'array'
  readonly items: AvroType
}

interface AvroMap {
  readonly kind: 'map'
  readonly values: AvroType
}

interface AvroUnion {
  readonly kind: 'union'
  readonly branches: readonly AvroType[]
}

/** A recursive type holds itself: a graph, not a tree. */
export interface AvroRecord {
  readonly kind: 'record'
  /** with its namespace */
  readonly name: string
  /** with their namespaces, as all aliases of types */
  readonly aliases?: readonly string[]
  readonly namespace: string
  readonly fields: readonly AvroField[]
}

export interface AvroField {
  readonly name: string
  readonly aliases?: readonly string[]
  readonly type: AvroType
  /** as in the JSON; undefined if there is none */
  readonly default?: unknown
}

export type AvroType = AvroPrimitive | AvroEnum | AvroFixed | AvroArray | AvroMap | AvroUnion | AvroRecord

/** A schema as JSON text, or as what JSON.parse makes of it. */
export type SchemaJson = string | object

// Deeper nesting than any real schema; ends the parser before the call stack does.
const maxNesting = 256
// Java's parser takes letters of every script, though the specification has ASCII only.
const namePattern = /^[\p{L}_][\p{L}\p{Nd}_]*$/u
const namespacePattern = /^([\p{L}_][\p{L}\p{Nd}_]*(\.[\p{L}_][\p{L}\p{Nd}_]*)*)?$/u

/**
 * Parses an Avro 1.11 schema: https://avro.apache.org/docs/1.11.1/specification/
 *
 * Docs, orders and custom properties are ignored. Defaults are kept but not checked against their type.
 * A text that is not JSON counts as a type's bare name, so that `parseAvroSchema('double')` works.
 *
 * @param known types by full name that the schema may refer to; those that it defines are added
 * @throws MalformedSchemaError naming the place
 *
 * @example
 * parseAvroSchema('{"type": "record", "name": "Row", "fields": [{"name": "x", "type": "double"}]}')
 * // { kind: 'record', name: 'Row', namespace: '', fields: [{ name: 'x', type: { kind: 'double' } }] }
 */
export function parseAvroSchema(schema: SchemaJson, known: Map<string, AvroType> = new Map()): AvroType {
  return parseType(schemaJson(schema), 'the schema', '', known, 0)
}

/** What JSON.parse makes of a schema's text; a bare type name stands for itself. */
export function schemaJson(schema: SchemaJson): unknown {
  if (typeof schema !== 'string') return schema
  if (namespacePattern.test(schema)) return schema
  try {
    return JSON.parse(schema)
  } catch (cause) {
    throw new MalformedSchemaError('the schema', 'the text is not JSON', cause)
  }
}

/** A name's full form: as it is if it has dots, else in the enclosing namespace. */
export function fullName(name: string, namespace: string): string {
  return name.includes('.') || namespace === '' ? name : `${namespace}.${name}`
}

export function isPrimitiveName(name: string): name is PrimitiveName {
  return (primitiveNames as readonly string[]).includes(name)
}

/** Full names of all records, enums and fixed that a type holds, itself included. */
export function typeNames(type: AvroType, names = new Set<string>()): Set<string> {
  if (type.kind === 'array') typeNames(type.items, names)
  if (type.kind === 'map') typeNames(type.values, names)
  if (type.kind === 'union') for (const branch of type.branches) typeNames(branch, names)
  if (!('name' in type) || names.has(type.name)) return names
  names.add(type.name)
  if (type.kind === 'record') for (const field of type.fields) typeNames(field.type, names)
  return names
}

/** Full name and inner namespace that a record, enum or fixed defines. */
export function definedName(json: Record<string, unknown>, namespace: string): { name: string; namespace: string } {
  const name = String(json.name)
  const dot = name.lastIndexOf('.')
  if (dot >= 0) return { name, namespace: name.slice(0, dot) }
  const own = typeof json.namespace === 'string' ? json.namespace : namespace
  return { name: fullName(name, own), namespace: own }
}

type Names = Map<string, AvroType>

function parseType(json: unknown, where: string, namespace: string, names: Names, nesting: number): AvroType {
  if (nesting > maxNesting) throw new MalformedSchemaError(where, `types are nested deeper than ${maxNesting}`)
  if (typeof json === 'string') return parseName(json, where, namespace, names)
  if (Array.isArray(json)) return parseUnion(json, where, namespace, names, nesting)
  if (!isObject(json)) throw new MalformedSchemaError(where, 'a type is a name, an object or an array')
  const type = json.type
  if (typeof type !== 'string') {
    if (type === undefined) throw new MalformedSchemaError(where, '"type" is missing')
    return parseType(type, where, namespace, names, nesting + 1)
  }
  switch (type) {
    case 'record':
    case 'error':
      return parseRecord(json, where, namespace, names, nesting)
    case 'enum':
      return parseEnum(json, where, namespace, names)
    case 'fixed':
      return parseFixed(json, where, namespace, names)
    case 'array':
      return { kind: 'array', items: parseType(json.items, `${where}, items`, namespace, names, nesting + 1) }
    case 'map':
      return { kind: 'map', values: parseType(json.values, `${where}, values`, namespace, names, nesting + 1) }
    default:
      if (!isPrimitiveName(type)) return parseName(type, where, namespace, names)
      return { kind: type, ...logicalTypeOf(json) }
  }
}

function parseName(name: string, where: string, namespace: string, names: Names): AvroType {
  if (isPrimitiveName(name)) return { kind: name }
  // Java's parser also falls back to the null namespace, which cannot be written otherwise.
  const known = names.get(fullName(name, namespace)) ?? names.get(name)
  if (known === undefined) {
    throw new MalformedSchemaError(where, `there is no type "${fullName(name, namespace)}" at this place`)
  }
  return known
}

function parseUnion(json: unknown[], where: string, namespace: string, names: Names, nesting: number): AvroUnion {
  const seen = new Set<string>()
  const branches = json.map((branch, i) => {
    const type = parseType(branch, `${where}, branch ${i}`, namespace, names, nesting + 1)
    if (type.kind === 'union') throw new MalformedSchemaError(where, 'a union directly holds another union')
    const key = 'name' in type ? type.name : type.kind
    if (seen.has(key)) throw new MalformedSchemaError(where, `the union holds "${key}" twice`)
    seen.add(key)
    return type
  })
  if (branches.length === 0) throw new MalformedSchemaError(where, 'the union is empty')
  return { kind: 'union', branches }
}

function parseRecord(json: JsonObject, where: string, outer: string, names: Names, nesting: number): AvroRecord {
  const { name, namespace } = checkedName(json, where, outer, names)
  if (!Array.isArray(json.fields)) throw new MalformedSchemaError(name, '"fields" is not an array')
  const fields: AvroField[] = []
  const record: AvroRecord = { kind: 'record', name, namespace, fields, ...aliasesOf(json, namespace) }
  // Known before its fields are parsed: they may hold the record itself.
  names.set(name, record)
  const seen = new Set<string>()
  for (const field of json.fields as unknown[]) {
    if (!isObject(field) || typeof field.name !== 'string' || !namePattern.test(field.name)) {
      throw new MalformedSchemaError(name, `field ${fields.length} has no valid name`)
    }
    if (seen.has(field.name)) throw new MalformedSchemaError(name, `two fields are called "${field.name}"`)
    seen.add(field.name)
    const type = parseType(field.type, `${name}.${field.name}`, namespace, names, nesting + 1)
    const withDefault = 'default' in field ? { default: field.default } : {}
    fields.push({ name: field.name, type, ...withDefault, ...aliasesOf(field, '') })
  }
  return record
}

function parseEnum(json: JsonObject, where: string, outer: string, names: Names): AvroEnum {
  const { name, namespace } = checkedName(json, where, outer, names)
  const symbols = json.symbols
  if (!Array.isArray(symbols) || !symbols.every((symbol) => typeof symbol === 'string' && namePattern.test(symbol))) {
    throw new MalformedSchemaError(name, '"symbols" is not an array of names')
  }
  if (new Set(symbols).size !== symbols.length) throw new MalformedSchemaError(name, 'a symbol occurs twice')
  const withDefault = typeof json.default === 'string' ? { default: json.default } : {}
  const type: AvroEnum = { kind: 'enum', name, symbols, ...withDefault, ...aliasesOf(json, namespace) }
  names.set(name, type)
  return type
}

function parseFixed(json: JsonObject, where: string, outer: string, names: Names): AvroFixed {
  const { name, namespace } = checkedName(json, where, outer, names)
  const size = json.size
  if (typeof size !== 'number' || !Number.isInteger(size) || size < 0) {
    throw new MalformedSchemaError(name, '"size" is not a whole number of bytes')
  }
  const type: AvroFixed = {
    kind: 'fixed',
    name,
    sizeBytes: size,
    ...logicalTypeOf(json),
    ...aliasesOf(json, namespace),
  }
  names.set(name, type)
  return type
}

const connectTime = /^(io\.debezium\.time\.|org\.apache\.kafka\.connect\.data\.(Date|Time|Timestamp)$)/

type JsonObject = Record<string, unknown>

function checkedName(json: JsonObject, where: string, outer: string, names: Names) {
  if (typeof json.name !== 'string') throw new MalformedSchemaError(where, '"name" is missing')
  const defined = definedName(json, outer)
  const short = defined.name.slice(defined.name.lastIndexOf('.') + 1)
  if (!namePattern.test(short) || !namespacePattern.test(defined.namespace)) {
    throw new MalformedSchemaError(where, `"${defined.name}" is not a valid name`)
  }
  if (isPrimitiveName(defined.name)) throw new MalformedSchemaError(where, `"${short}" is the name of a primitive`)
  if (names.has(defined.name)) throw new MalformedSchemaError(where, `"${defined.name}" is defined twice`)
  return defined
}

/** Aliases that are no names are ignored: rows can be read without them. */
function aliasesOf(json: JsonObject, namespace: string): { aliases?: readonly string[] } {
  if (!Array.isArray(json.aliases)) return {}
  const aliases = json.aliases.filter((alias) => typeof alias === 'string')
  return aliases.length === 0 ? {} : { aliases: aliases.map((alias) => fullName(alias, namespace)) }
}

function logicalTypeOf({ logicalType, precision, scale = 0, ...json }: JsonObject): LogicalType {
  if (typeof logicalType !== 'string') {
    // Connect writes days, milliseconds and microseconds as plain ints and longs of such names, Debezium all of them.
    const name = json['connect.name']
    return typeof name === 'string' && connectTime.test(name) ? { logicalType: name } : {}
  }
  const isDecimal = logicalType === 'decimal' && typeof precision === 'number' && typeof scale === 'number'
  return isDecimal ? { logicalType, precision, scale } : { logicalType }
}

function isObject(json: unknown): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}
