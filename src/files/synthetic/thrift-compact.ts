import { maxLongBytes, writeLong, writeUnsigned } from '../../batch/varint.ts'

/** A field of a struct: its number, and its value with its type. */
export type ThriftField = readonly [id: number, value: ThriftValue]

export type ThriftValue =
  | { readonly i32: number }
  /** within 2^53 */
  | { readonly i64: number }
  | { readonly text: string }
  | { readonly list: readonly ThriftValue[] }
  | { readonly struct: readonly ThriftField[] }

/** https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md#struct-encoding */
const typeIds = { i32: 5, i64: 6, text: 8, list: 9, struct: 12 } as const

/**
 * A struct in Thrift's compact protocol, as far as Parquet's metadata need it.
 *
 * @param fields in the order of their numbers
 */
export function thriftStruct(fields: readonly ThriftField[]): Uint8Array {
  const out: number[] = []
  writeStruct(out, fields)
  return Uint8Array.from(out)
}

function writeStruct(out: number[], fields: readonly ThriftField[]): void {
  let before = 0
  for (const [id, value] of fields) {
    out.push(((id - before) << 4) | typeIdOf(value))
    writeValue(out, value)
    before = id
  }
  out.push(0)
}

function writeValue(out: number[], value: ThriftValue): void {
  if ('i32' in value) writeNumber(out, writeLong, value.i32)
  else if ('i64' in value) writeNumber(out, writeLong, value.i64)
  else if ('struct' in value) writeStruct(out, value.struct)
  else if ('list' in value) writeList(out, value.list)
  else {
    const bytes = Buffer.from(value.text)
    writeNumber(out, writeUnsigned, bytes.length)
    out.push(...bytes)
  }
}

function writeList(out: number[], list: readonly ThriftValue[]): void {
  const typeId = list.length === 0 ? typeIds.i32 : typeIdOf(list[0])
  if (list.length < 15) out.push((list.length << 4) | typeId)
  else {
    out.push(0xf0 | typeId)
    writeNumber(out, writeUnsigned, list.length)
  }
  for (const value of list) writeValue(out, value)
}

function typeIdOf(value: ThriftValue): number {
  return typeIds[Object.keys(value)[0] as keyof typeof typeIds]
}

/** @param write writes the number at the start of the array, and returns the position after it */
function writeNumber(out: number[], write: typeof writeLong, value: number): void {
  const end = write(varint, 0, value)
  out.push(...varint.subarray(0, end))
}

const varint = new Uint8Array(maxLongBytes)
