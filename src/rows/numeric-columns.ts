import type { AvroField, AvroPrimitive, AvroRecord, AvroType } from './avro-schema.ts'
import { UnfitColumnError } from './schema-error.ts'

export type NumericType = 'int' | 'long' | 'float' | 'double'

/** A field that a model can be made of. */
export interface NumericColumn {
  readonly name: string
  readonly type: NumericType
  readonly nullable: boolean
  /** whether null is the union's first branch; false if it is not nullable */
  readonly nullFirst: boolean
}

export interface NumericColumnsOptions {
  /** Only these fields; a logicalType does not exclude them. */
  readonly named?: readonly string[]
}

/**
 * The record's own fields of type int, long, float or double, plain or in a union with null, in their order.
 * Fields with a logicalType are dates, times and the like: they are left out unless they are named.
 *
 * @throws UnfitColumnError for a named field that does not exist or that is no number
 *
 * @example
 * const schema = '{"type": "record", "name": "Row", "fields": [{"name": "x", "type": ["null", "int"]}]}'
 * numericColumns(parseAvroSchema(schema))
 * // [{ name: 'x', type: 'int', nullable: true, nullFirst: true }]
 */
export function numericColumns(schema: AvroType, options: NumericColumnsOptions = {}): NumericColumn[] {
  const { named } = options
  const numbers = schema.kind === 'record' ? schema.fields.flatMap((field) => numericField(field) ?? []) : []
  const plain = numbers.filter((column) => column.logicalType === undefined)
  const known = new Set(numbers.map(({ name }) => name))
  for (const name of named ?? []) if (!known.has(name)) throw unfit(schema, name, plain)
  const asked = new Set(named)
  const chosen = named === undefined ? plain : numbers.filter(({ name }) => asked.has(name))
  return chosen.map(({ name, type, nullable, nullFirst }) => ({ name, type, nullable, nullFirst }))
}

/**
 * The record's fields that are no columns of a model unless they are named, each with its type.
 *
 * @example otherFields(schema) // ['city (string)', 'when (long (timestamp-micros))']
 */
export function otherFields(schema: AvroType): string[] {
  return fieldsOf(schema).flatMap((field) => {
    const number = numericField(field)
    if (number !== undefined && number.logicalType === undefined) return []
    const { type } = field
    const values = type.kind === 'union' ? type.branches.filter(({ kind }) => kind !== 'null') : [type]
    return [`${field.name} (${values.map(describeType).join(', ')})`]
  })
}

/** The field as a numeric column, whatever its logicalType; undefined if it is none. */
export function numericField(field: AvroField): (NumericColumn & { logicalType?: string }) | undefined {
  const { name, type } = field
  if (isNumber(type)) return { name, type: type.kind, nullable: false, nullFirst: false, ...logicalType(type) }
  if (type.kind !== 'union' || type.branches.length !== 2) return undefined
  const nullFirst = type.branches[0].kind === 'null'
  const [absent, present] = nullFirst ? type.branches : type.branches.toReversed()
  if (absent.kind !== 'null' || !isNumber(present)) return undefined
  return { name, type: present.kind, nullable: true, nullFirst, ...logicalType(present) }
}

/** A type as a reader of the schema would call it. */
export function describeType(type: AvroType): string {
  if (type.kind === 'union') return `[${type.branches.map(describeType).join(', ')}]`
  if ('name' in type) return `${type.kind} ${type.name}`
  if (type.kind === 'array') return `array of ${describeType(type.items)}`
  if (type.kind === 'map') return `map of ${describeType(type.values)}`
  return type.logicalType === undefined ? type.kind : `${type.kind} (${type.logicalType})`
}

function isNumber(type: AvroType): type is AvroPrimitive & { kind: NumericType } {
  return type.kind === 'int' || type.kind === 'long' || type.kind === 'float' || type.kind === 'double'
}

function logicalType(type: AvroPrimitive): { logicalType?: string } {
  return type.logicalType === undefined ? {} : { logicalType: type.logicalType }
}

function unfit(schema: AvroType, name: string, plain: readonly NumericColumn[]): UnfitColumnError {
  const field = fieldsOf(schema).find((candidate) => candidate.name === name)
  const problem = field === undefined ? 'there is no such field' : `its type is ${describeType(field.type)}`
  return new UnfitColumnError(
    describeType(schema),
    name,
    problem,
    plain.map((column) => column.name),
  )
}

function fieldsOf(schema: AvroType): AvroRecord['fields'] {
  return schema.kind === 'record' ? schema.fields : []
}
