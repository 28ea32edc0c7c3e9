import type { AvroField, AvroPrimitive, AvroRecord, AvroType } from './avro-schema.ts'
import { type ColumnPath, followPath, mostSteps, withoutNull } from './column-path.ts'
import { UnfitColumnError } from './schema-error.ts'

/** What a model knows of a column's type. */
export type ModelType = 'int' | 'long' | 'float' | 'double'

/** How a number stands in a row: a decimal is bytes or a fixed, and to a model a double. */
export type NumericType = ModelType | 'decimal'

/** A field that a model can be made of. */
export interface NumericColumn {
  readonly name: ColumnPath
  readonly type: NumericType
  /** whether it, or a record on the way to it, may be null */
  readonly nullable: boolean
  /** whether null is the first branch of the field's own union; false if that is none */
  readonly nullFirst: boolean
  /** of a decimal only */
  readonly decimal?: DecimalType
}

export interface NumericColumnsOptions {
  /** Only these fields; a logicalType does not exclude them. */
  readonly named?: readonly ColumnPath[]
}

/** A numeric field, whatever stands around it. */
export type NumericField = NumericColumn & { readonly logicalType?: string }

/** What a decimal's bytes stand for. */
export interface DecimalType {
  /** digits after the point */
  readonly scale: number
  /** of a fixed; 0 for bytes, whose length varies */
  readonly sizeBytes: number
}

/** 10^22 is the last power of ten that is a double: with fewer decimals, units / 10^scale is the nearest double. */
const mostScale = 22
/** Decimals of 154 digits. */
const mostDecimalBytes = 64
/** Fields that are looked at for columns: one type used in many places, at many levels, has more than anybody has. */
const mostFields = 100_000

/**
 * The numbers of a record, and of the records within it, as columns, in their order: fields of type int, long, float
 * or double, and decimals, plain or in a union with null. Left out unless they are named: fields with another
 * logicalType (dates, times and the like), and of Debezium's change events everything but the row as it is after the
 * change.
 *
 * @throws UnfitColumnError for a named field that does not exist or that is no number; without names, for a schema of
 * more fields than are looked at
 *
 * @example
 * const schema = '{"type": "record", "name": "Row", "fields": [{"name": "x", "type": ["null", "int"]}]}'
 * numericColumns(parseAvroSchema(schema))
 * // [{ name: 'x', type: 'int', nullable: true, nullFirst: true }]
 */
export function numericColumns(schema: AvroType, options: NumericColumnsOptions = {}): NumericColumn[] {
  const { named } = options
  const leaves = named === undefined ? leavesOf(schema) : []
  if (leaves === undefined)
    throw new UnfitColumnError(describeType(schema), '*', `it has more than ${mostFields} fields`, [])
  if (named === undefined) return leaves.flatMap(({ column }) => column ?? [])
  const plain = () => (leavesOf(schema) ?? []).flatMap(({ column }) => column?.name ?? [])
  const found = named.map((name) => {
    const column = schema.kind === 'record' ? columnAt(schema, name) : { problem: `it is ${describeType(schema)}` }
    if ('problem' in column) throw new UnfitColumnError(describeType(schema), name, column.problem, plain())
    return column
  })
  return inOrder(schema, found)
}

/** The column at a path, whatever its logicalType; or why there is none: a clause. */
export function columnAt(schema: AvroRecord, path: ColumnPath): NumericColumn | { readonly problem: string } {
  const end = followPath(schema, path)
  if ('problem' in end) return end
  const number = numericField(end.field)
  if (number === undefined) return { problem: `its type is ${describeType(end.field.type)}${whyNoNumber(end.field)}` }
  return columnOf(number, path, end.isWithinNull)
}

/**
 * The fields that are no columns of a model unless they are named, each with its type; a record without columns as one.
 *
 * @example otherFields(schema) // ['city (string)', 'when (long (timestamp-micros))']
 */
export function otherFields(schema: AvroType): string[] {
  return (leavesOf(schema) ?? []).flatMap(({ path, type, column }) => {
    if (column !== undefined) return []
    const values = type.kind === 'union' ? type.branches.filter(({ kind }) => kind !== 'null') : [type]
    return [`${path} (${values.map(describeType).join(', ')})`]
  })
}

/** Debezium's change events: the table's columns stand inside `before` and `after`, and what is outside is no data. */
export function isChangeEvent(schema: AvroType): boolean {
  if (schema.kind !== 'record') return false
  const names = new Set(schema.fields.map(({ name }) => name))
  return ['before', 'after', 'source', 'op'].every((name) => names.has(name))
}

/** The field as a numeric column, whatever its logicalType; undefined if it is none. */
export function numericField({ name, type }: AvroField): NumericField | undefined {
  const { present, isNullable: nullable, nullFirst } = withoutNull(type)
  const decimal = decimalType(present)
  if (decimal !== undefined) return { name, type: 'decimal', nullable, nullFirst, decimal }
  if (!isNumber(present)) return undefined
  const { kind, logicalType } = present
  return { name, type: kind, nullable, nullFirst, ...(logicalType !== undefined && { logicalType }) }
}

/** Undefined for what is no decimal, and for one that cannot be modelled. */
export function decimalType(type: AvroType): DecimalType | undefined {
  if ((type.kind !== 'bytes' && type.kind !== 'fixed') || type.logicalType !== 'decimal') return undefined
  const { precision = 0, scale = 0 } = type
  if (!Number.isInteger(precision) || !Number.isInteger(scale)) return undefined
  if (precision < 1 || scale < 0 || scale > precision || scale > mostScale) return undefined
  if (!('sizeBytes' in type)) return { scale, sizeBytes: 0 }
  const { sizeBytes } = type
  return sizeBytes > 0 && sizeBytes <= mostDecimalBytes ? { scale, sizeBytes } : undefined
}

/** A type as a reader of the schema would call it. */
export function describeType(type: AvroType): string {
  if (type.kind === 'union') return `[${type.branches.map(describeType).join(', ')}]`
  if ('name' in type) return `${type.kind} ${type.name}`
  if (type.kind === 'array') return `array of ${describeType(type.items)}`
  if (type.kind === 'map') return `map of ${describeType(type.values)}`
  return type.logicalType === undefined ? type.kind : `${type.kind} (${type.logicalType})`
}

/** A field at the end of a path that leads through records only. */
interface Leaf {
  readonly path: ColumnPath
  readonly type: AvroType
  /** undefined if it is none unless it is named */
  readonly column: NumericColumn | undefined
}

/** Decimals of a scale of their own, in each row: neither part is a number. */
const otherRecords: ReadonlySet<string> = new Set(['io.debezium.data.VariableScaleDecimal'])

/** A record is a leaf if it holds no column, or holds itself. Undefined if there are too many fields to look at. */
function leavesOf(schema: AvroType): Leaf[] | undefined {
  if (schema.kind !== 'record') return []
  const isEvent = isChangeEvent(schema)
  let looked = 0
  const within = (record: AvroRecord, before: string, isWithinNull: boolean, passed: readonly string[]): Leaf[] =>
    record.fields.flatMap((field) => {
      if (++looked > mostFields) return []
      const path = `${before}${field.name}`
      const leaf = { path, type: field.type, column: undefined }
      if (isEvent && record === schema && field.name !== 'after') return [leaf]
      const number = numericField(field)
      if (number !== undefined)
        return number.logicalType === undefined ? [{ ...leaf, column: columnOf(number, path, isWithinNull) }] : [leaf]
      const { present, isNullable } = withoutNull(field.type)
      if (present.kind !== 'record' || passed.includes(present.name) || otherRecords.has(present.name)) return [leaf]
      if (passed.length === mostSteps) return [leaf]
      const leaves = within(present, `${path}.`, isWithinNull || isNullable, [...passed, present.name])
      return leaves.some(({ column }) => column !== undefined) ? leaves : [leaf]
    })
  const leaves = within(schema, '', false, [schema.name])
  return looked > mostFields ? undefined : leaves
}

/** @param isWithinNull whether a record on the way to it may be null */
export function columnOf(
  { type, nullable, nullFirst, decimal }: NumericField,
  name: ColumnPath,
  isWithinNull: boolean,
): NumericColumn {
  return { name, type, nullable: nullable || isWithinNull, nullFirst, ...(decimal !== undefined && { decimal }) }
}

/** In the order of the fields, each once. */
function inOrder(schema: AvroType, columns: readonly NumericColumn[]): NumericColumn[] {
  const byName = new Map(columns.map((column) => [column.name, column]))
  const places = new Map([...byName.keys()].map((name) => [name, placeOf(schema, name)]))
  return [...byName.values()].sort((a, b) => {
    const [x, y] = [places.get(a.name) ?? [], places.get(b.name) ?? []]
    const i = x.findIndex((place, step) => place !== y[step])
    return x[i] - y[i]
  })
}

/** Numbers of the fields on a path. */
function placeOf(schema: AvroType, path: ColumnPath): number[] {
  let type = schema
  return path.split('.').map((step) => {
    const fields = type.kind === 'record' ? type.fields : []
    const place = fields.findIndex(({ name }) => name === step)
    type = withoutNull(fields[place].type).present
    return place
  })
}

function isNumber(type: AvroType): type is AvroPrimitive & { kind: ModelType } {
  return type.kind === 'int' || type.kind === 'long' || type.kind === 'float' || type.kind === 'double'
}

/** What is said of a field that one might take for a number. */
function whyNoNumber({ type }: AvroField): string {
  const { present } = withoutNull(type)
  if (present.kind === 'array' || present.kind === 'map')
    return ': a row holds any number of its values, and a column has one of each row'
  if (present.kind === 'record') return ': name a field of it, with a dot between both names'
  if ((present.kind !== 'bytes' && present.kind !== 'fixed') || present.logicalType !== 'decimal') return ''
  const { precision = 0, scale = 0 } = present
  if (scale > mostScale && scale <= precision) return `: it has more than ${mostScale} decimals`
  return ': its precision, scale or size is not that of a decimal'
}
