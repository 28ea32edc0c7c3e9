import type { AvroField, AvroRecord, AvroType } from '../../rows/avro-schema.ts'
import { numberText } from '../../rows/exact-json.ts'
import { MalformedSchemaError } from '../../rows/schema-error.ts'

/**
 * Checks the default of each field against the field's type, by the rules of Apache Avro's Schema.isValidDefault: the
 * default of a union may be of any branch, and one of an enum or a fixed is any text.
 *
 * @param type parsed from what `parseExactJson` gives
 * @throws MalformedSchemaError naming the first field whose default does not fit
 */
export function checkDefaults(type: AvroType, seen = new Set<AvroType>()): void {
  if (seen.has(type)) return
  seen.add(type)
  if (type.kind === 'array') checkDefaults(type.items, seen)
  if (type.kind === 'map') checkDefaults(type.values, seen)
  if (type.kind === 'union') for (const branch of type.branches) checkDefaults(branch, seen)
  if (type.kind !== 'record') return
  for (const field of type.fields) {
    checkDefaults(field.type, seen)
    if (hasDefault(field) && !fits(field.type, field.default) && !isFloatText(field)) refuse(type, field)
  }
}

export function hasDefault(field: AvroField): boolean {
  return 'default' in field
}

function fits(type: AvroType, value: unknown): boolean {
  switch (type.kind) {
    case 'null':
      return value === null
    case 'boolean':
      return typeof value === 'boolean'
    case 'int':
      return isInteger(value, 32)
    case 'long':
      return isInteger(value, 64)
    case 'float':
    case 'double':
      return numberText(value) !== undefined
    case 'bytes':
    case 'string':
    case 'enum':
    case 'fixed':
      return typeof value === 'string'
    case 'array':
      return Array.isArray(value) && value.every((item) => fits(type.items, item))
    case 'map':
      return isObject(value) && Object.values(value).every((item) => fits(type.values, item))
    case 'union':
      return type.branches.some((branch) => fits(branch, value))
    case 'record':
      return (
        isObject(value) &&
        type.fields.every((field) =>
          Object.hasOwn(value, field.name)
            ? fits(field.type, value[field.name])
            : hasDefault(field) && fits(field.type, field.default),
        )
      )
  }
}

function isInteger(value: unknown, bits: number): boolean {
  const text = numberText(value)
  if (text === undefined || !/^-?\d{1,19}$/.test(text)) return false
  return BigInt.asIntN(bits, BigInt(text)) === BigInt(text)
}

/** Avro takes the text of a number as the default of a field of floats: NaN has no other JSON. */
function isFloatText({ type, default: value }: AvroField): boolean {
  if ((type.kind !== 'float' && type.kind !== 'double') || typeof value !== 'string') return false
  return value === 'NaN' || (value.trim() !== '' && !Number.isNaN(Number(value)))
}

function refuse(record: AvroRecord, field: AvroField): never {
  const said = JSON.stringify(field.default)
  throw new MalformedSchemaError(
    `${record.name}.${field.name}`,
    `the default ${said.length > 100 ? `${said.slice(0, 100)}...` : said} does not fit the type ${field.type.kind}`,
  )
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && numberText(value) === undefined
}
