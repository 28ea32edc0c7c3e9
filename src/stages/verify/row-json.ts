import { exactNumber } from '../../avro/avro-json.ts'
import type { AvroType } from '../../rows/avro-schema.ts'
import { plainFieldName } from '../../rows/plain-schema.ts'
import { isFields } from './row-print.ts'
import { decimalUnits, type Fields } from './row-types.ts'

/**
 * A decoded row as JSON. What JSON has no form for: bytes are hex; longs and decimals of more digits than a double
 * holds, NaN and infinities are text. The zero with a sign is -0.0.
 *
 * @param type of the row
 */
export function rowJson(fields: Fields, type: AvroType): string {
  return JSON.stringify(withDecimals(fields, type), jsonValue)
}

/**
 * A decoded value with decimals as numbers, or as text where a double has not their digits.
 *
 * @param type undefined where it is not known
 */
function withDecimals(value: unknown, type: AvroType | undefined): unknown {
  if (Array.isArray(value))
    return value.map((item) => withDecimals(item, type?.kind === 'array' ? type.items : undefined))
  const inner = type?.kind === 'union' ? branchOf(value, type.branches) : type
  if (inner !== type) return withDecimals(value, inner)
  if (Buffer.isBuffer(value)) return decimalOf(value, type) ?? value
  if (!isFields(value)) return value
  const typeOf = (name: string) => {
    if (type?.kind === 'map') return type.values
    return type?.kind === 'record' ? type.fields.find((field) => plainFieldName(field.name) === name)?.type : undefined
  }
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, withDecimals(inner, typeOf(name))]))
}

/** The branch that a value belongs to; undefined if several could be, which avsc wraps. */
function branchOf(value: unknown, branches: readonly AvroType[]): AvroType | undefined {
  const kinds = Buffer.isBuffer(value) ? ['bytes', 'fixed'] : Array.isArray(value) ? ['array'] : ['record', 'map']
  const fitting = branches.filter(({ kind }) => kinds.includes(kind))
  return fitting.length === 1 ? fitting[0] : undefined
}

/** A decimal with all of its digits; undefined for other bytes. */
function decimalOf(value: Buffer, type: AvroType | undefined): number | string | undefined {
  if (type === undefined || !('logicalType' in type) || type.logicalType !== 'decimal') return undefined
  const units = decimalUnits(value)
  if (units === undefined) return undefined
  const { scale = 0 } = type
  const digits = String(units < 0n ? -units : units).padStart(scale + 1, '0')
  const places = scale === 0 ? '' : `.${digits.slice(-scale)}`
  const text = `${units < 0n ? '-' : ''}${digits.slice(0, digits.length - scale)}${places}`
  return digits.length > doubleDigits ? text : Number(text)
}

/** Decimals of so many digits are told apart by doubles. */
const doubleDigits = 15

function jsonValue(this: unknown, name: string, value: unknown): unknown {
  // A Buffer has become an object by its own toJSON when it arrives here.
  const raw = (this as Record<string, unknown>)[name]
  if (Buffer.isBuffer(raw)) return raw.toString('hex')
  // One long beyond 2^53 makes all longs of its row bigints.
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  return exactNumber(value)
}
