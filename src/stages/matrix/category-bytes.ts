import { longBytes, writeLong } from '../../batch/varint.ts'
import type { AvroType } from '../../rows/avro-schema.ts'
import { decimalType } from '../../rows/numeric-columns.ts'

/** A category as Avro; undefined if the type has no such value. */
export function categoryBytes(category: string | number | boolean, type: AvroType): Uint8Array | undefined {
  switch (type.kind) {
    case 'string':
      return typeof category === 'string' ? withLength(Buffer.from(category)) : undefined
    case 'enum': {
      const symbol = type.symbols.indexOf(String(category))
      return typeof category === 'string' && symbol >= 0 ? varint(symbol) : undefined
    }
    case 'boolean':
      return typeof category === 'boolean' ? Uint8Array.of(category ? 1 : 0) : undefined
    case 'int':
      return typeof category === 'number' && (category | 0) === category ? varint(category) : undefined
    case 'long':
      return Number.isSafeInteger(category) ? varint(category as number) : undefined
    case 'float':
    case 'double':
      return typeof category === 'number' ? floating(category, type.kind) : undefined
    default:
      return typeof category === 'number' ? decimal(category, type) : undefined
  }
}

function varint(value: number): Uint8Array {
  const bytes = new Uint8Array(longBytes(value))
  writeLong(bytes, 0, value)
  return bytes
}

function withLength(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([varint(bytes.length), bytes])
}

function floating(value: number, kind: 'float' | 'double'): Uint8Array {
  const bytes = Buffer.alloc(kind === 'float' ? 4 : 8)
  if (kind === 'float') bytes.writeFloatLE(value)
  else bytes.writeDoubleLE(value)
  return bytes
}

/** Two's complement, the highest byte first; as short as it gets, or of the size of a fixed. */
function decimal(value: number, type: AvroType): Uint8Array | undefined {
  const known = decimalType(type)
  if (known === undefined) return undefined
  const units = BigInt(Math.round(value * 10 ** known.scale))
  let size = 1
  while (BigInt.asIntN(8 * size, units) !== units) size++
  if (known.sizeBytes > 0) {
    if (size > known.sizeBytes) return undefined
    size = known.sizeBytes
  }
  const hex = BigInt.asUintN(8 * size, units)
    .toString(16)
    .padStart(2 * size, '0')
  const bytes = Buffer.from(hex, 'hex')
  return known.sizeBytes > 0 ? bytes : withLength(bytes)
}
